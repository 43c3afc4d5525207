"""Window mandates (窗口代办): an enterprise comes to a window with a paper, a clerk scans it, a second person confirms it.

- The clerk and the second person are of one unit, which alone sees the paper: other units are told what is told of an id that is
  nobody's.
- Whoever filed it does not confirm it, and whoever confirmed it does not act on it (gateway/identity/acting.py): it takes two.
- Few of a clerk's wait for a confirmation at a time: a scan has megabytes, and nobody has looked at it yet.
- It counts until the end of the China day on which it was filed, or until it is ended.
- A scan is kept as it came, with its digest. Its first bytes have to be those of the type it is declared to be; nothing here opens
  it. Whoever hands it out again sends that type and `nosniff`, and has it saved rather than shown.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from contract.days import china_day, start_of_day
from contract.eligibility import require_subject_code
from contract.errors import ErrorCode, HurenError
from contract.uscc import Uscc
from gateway.domain.persons import Person, Staff, StaffRole, masked_post
from gateway.identity.acting import require_staff
from gateway.store.mandates import MandateId, Step, WindowMandate, WindowMandateStore
from runtime.clock import Clock

VALID_DAYS: Final = 1
"""China days on which a paper mandate counts, the one on which it was filed included. 系统默认."""

MAX_SCAN_BYTES: Final = 10 * 1024 * 1024
"""Largest scan: 10 MB. 系统默认."""

MAX_UNCONFIRMED: Final = 20
"""Papers of a clerk that may wait to be confirmed; with them count those of the day that were ended unconfirmed. 系统默认."""

SCAN_TYPES: Final[Mapping[str, bytes]] = {
    "application/pdf": b"%PDF-",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
}
"""Accepted media types, with the bytes with which such a file begins.

Source: ISO 32000-2, 7.5.2; ITU-T T.81, B.1.1.3; PNG (W3C, third edition), 5.2.
"""

_MAX_POST: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWindowMandate:
    """A paper mandate as people of its unit see it. Nobody is named.

    Attributes:
        mandate: Its id.
        uscc: For which enterprise.
        scan_digest: SHA-256 of the scan.
        scan_type: Media type of the scan.
        post: Post and masked number of the clerk who filed it.
        filed_at: When.
        filed_by_me: Whether who looks filed it, and so cannot confirm it.
        confirmed_at: When it was confirmed. None: it was not.
        expires_at: From when on it does not count any more.
        ended_at: When it was ended early. None: it was not.
        in_force: Whether it counts now.
    """

    mandate: MandateId
    uscc: Uscc
    scan_digest: bytes
    scan_type: str
    post: str
    filed_at: datetime
    filed_by_me: bool
    confirmed_at: datetime | None
    expires_at: datetime
    ended_at: datetime | None
    in_force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scan, as it came.

    Attributes:
        content: Its bytes; nobody opened them.
        media_type: What it begins like.
        digest: SHA-256.
    """

    content: bytes
    media_type: str
    digest: bytes


class WindowMandates:
    """Paper mandates at the windows of one home."""

    def __init__(self, *, store: WindowMandateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def file(self, person: Person, uscc_text: str, scan: bytes, media_type: str) -> MandateId:
        """Keeps a scanned paper, as a clerk. Nobody may act on it yet.

        Raises:
            HurenError: NOT_PERMITTED; USCC_MALFORMED and SUBJECT_NOT_ELIGIBLE, by the form of the code alone; FILE_NOT_ACCEPTED,
                also where `MAX_UNCONFIRMED` of the clerk's wait.
            StoreUnavailableError: Nothing was kept.
        """
        staff = require_staff(person, StaffRole.WINDOW_CLERK)
        uscc = require_subject_code(uscc_text)
        require_scan(scan, media_type)
        at = self._clock()
        filed = WindowMandate(
            mandate=MandateId(secrets.token_hex(16)),
            uscc=uscc,
            scan_digest=hashlib.sha256(scan).digest(),
            scan_type=media_type,
            filed_by=person.person,
            filed_at=at,
            unit=staff.unit_code,
            post=masked_post(staff)[:_MAX_POST],
            expires_at=start_of_day(china_day(at) + timedelta(days=VALID_DAYS)),
        )
        if not await self._store.add(filed, scan, by=person.person, most_unconfirmed=MAX_UNCONFIRMED):
            raise _not_accepted(
                f"您今日提交而未经复核的授权文件已达上限（{MAX_UNCONFIRMED}件），请待同事复核后再提交",
                f"{MAX_UNCONFIRMED} papers that you filed today were not confirmed, which is the limit: have them confirmed first",
            )
        return filed.mandate

    async def confirm(self, person: Person, mandate: str) -> ShownWindowMandate:
        """Confirms a paper mandate, as the second person. One that was confirmed stays as it is.

        Raises:
            HurenError: NOT_PERMITTED; WINDOW_MANDATE_NOT_FOUND: none of the person's unit, or it counts no more;
                SECOND_OFFICER_NEEDED: the person filed it.
            StoreUnavailableError: Nothing was kept.
        """
        staff = _require_second(person)
        at = self._clock()

        def decide(before: WindowMandate) -> Step[WindowMandate] | None:
            if before.unit != staff.unit_code or before.ended_at is not None or before.expires_at <= at:
                raise HurenError(ErrorCode.WINDOW_MANDATE_NOT_FOUND)
            if before.filed_by == person.person:
                raise HurenError(ErrorCode.SECOND_OFFICER_NEEDED)
            if before.confirmed_at is not None:
                return None
            after = replace(before, confirmed_by=person.person, confirmed_at=at)
            return Step(after=after, result="confirmed", by=person.person, at=at)

        return _shown(await self._store.change(mandate, decide), person, at)

    async def end(self, person: Person, mandate: str) -> ShownWindowMandate:
        """Ends a paper mandate early. One that has ended stays as it is.

        Raises:
            HurenError: NOT_PERMITTED, WINDOW_MANDATE_NOT_FOUND.
            StoreUnavailableError: Nothing was kept.
        """
        staff = _require_second(person)
        at = self._clock()

        def decide(before: WindowMandate) -> Step[WindowMandate] | None:
            if before.unit != staff.unit_code:
                raise HurenError(ErrorCode.WINDOW_MANDATE_NOT_FOUND)
            if before.ended_at is not None:
                return None
            return Step(after=replace(before, ended_at=at), result="ended", by=person.person, at=at)

        return _shown(await self._store.change(mandate, decide), person, at)

    async def of_unit(self, person: Person) -> list[ShownWindowMandate]:
        """The paper mandates of the person's unit, newest first.

        Raises:
            HurenError: NOT_PERMITTED.
            StoreUnavailableError: The store cannot be read.
        """
        staff = _require_second(person)
        at = self._clock()
        return [_shown(mandate, person, at) for mandate in await self._store.of_unit(staff.unit_code)]

    async def read_scan(self, person: Person, mandate: str) -> Scan:
        """The scan of a paper mandate of the person's unit, also after it has ended. Who read it is kept.

        Raises:
            HurenError: NOT_PERMITTED, WINDOW_MANDATE_NOT_FOUND.
            StoreUnavailableError: The store cannot be used.
        """
        staff = _require_second(person)
        kept, content = await self._store.read_scan(mandate, staff.unit_code, by=person.person, at=self._clock())
        return Scan(content=content, media_type=kept.scan_type, digest=kept.scan_digest)


def require_scan(scan: bytes, media_type: str) -> None:
    """Refuses what is no scan: by size, by the declared type, and by the first bytes, which have to agree with it.

    Raises:
        HurenError: FILE_NOT_ACCEPTED.
    """
    begins = SCAN_TYPES.get(media_type)
    if begins is None:
        raise _not_accepted("仅接受 PDF、JPEG 或 PNG 格式", "only PDF, JPEG and PNG are taken")
    if len(scan) > MAX_SCAN_BYTES:
        raise _not_accepted("不得超过10MB", "it is larger than 10 MB")
    if not scan.startswith(begins):
        raise _not_accepted("内容与所填格式不符", "it does not begin like a file of the declared type")


def _not_accepted(zh: str, en: str) -> HurenError:
    return HurenError(ErrorCode.FILE_NOT_ACCEPTED, field="scan", problem_zh=zh, problem_en=en)


def _require_second(person: Person) -> Staff:
    return require_staff(person, StaffRole.WINDOW_CLERK, StaffRole.REVIEWER)


def _shown(mandate: WindowMandate, person: Person, at: datetime) -> ShownWindowMandate:
    confirmed = mandate.confirmed_at is not None
    return ShownWindowMandate(
        mandate=mandate.mandate,
        uscc=mandate.uscc,
        scan_digest=mandate.scan_digest,
        scan_type=mandate.scan_type,
        post=mandate.post,
        filed_at=mandate.filed_at,
        filed_by_me=mandate.filed_by == person.person,
        confirmed_at=mandate.confirmed_at,
        expires_at=mandate.expires_at,
        ended_at=mandate.ended_at,
        in_force=confirmed and mandate.ended_at is None and at < mandate.expires_at,
    )
