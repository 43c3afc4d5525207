"""Verification by what is printed on a report: its number and one of its two codes.

1  A 受理编号 is no report; nothing is looked up.
2  A number of another member is asked of its home.
3  Everything else is looked up here, in the same steps whether the number is wrong, the code is wrong or no member has such a
   number.
4  A scanned code has at least 128 random bits and needs no limit. A typed one has five tries an hour for each number, existing
   or not.
5  What fits is told with the home's signed status, and kept in the audit without the code.
6  What to compare is shown while the report is VALID. Otherwise verdict and date: no domain, no province, no direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog

from contract.catalogue import CatalogueError
from contract.payloads import PayloadError
from contract.province import Province
from gateway.store.verification import TRIES_PERIOD, Issued, TooManyTries, VerificationStore
from gateway.verification.codes import Code, CodeForm, is_request_id, key_of, member_of, read_code, same
from gateway.verification.comparison import comparison_of, is_sound
from gateway.verification.foreign import Homes, NotVerifiableNowError
from gateway.verification.statuses import SignedStatus, Statuses
from huren.report.v1 import report_status_pb2
from huren.report.v1 import verification_service_pb2 as wire
from signing import EnvelopeError, VerificationError, Verifier

_log: Final = structlog.get_logger(__name__)


class CodeVerdict(StrEnum):
    """What becomes of a verification by code."""

    VALID = "VALID"
    SUPERSEDED = "SUPERSEDED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"
    TRY_LATER = "TRY_LATER"
    HOME_UNREACHABLE = "HOME_UNREACHABLE"
    PROGRESS_SHEET = "PROGRESS_SHEET"


VERDICT_OF_STATE: Final[Mapping[int, CodeVerdict]] = {
    report_status_pb2.REPORT_STATE_VALID: CodeVerdict.VALID,
    report_status_pb2.REPORT_STATE_SUPERSEDED: CodeVerdict.SUPERSEDED,
    report_status_pb2.REPORT_STATE_REVOKED: CodeVerdict.REVOKED,
    report_status_pb2.REPORT_STATE_EXPIRED: CodeVerdict.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeResult:
    """What is told.

    Attributes:
        verdict: What became of it.
        home: Whose report it is. None: not one of a member that was asked, or not known.
        signed: The home's status, of a report that is known.
        comparison: What to compare, with VALID.
        retry_after: With TRY_LATER: when to try again, at the latest.
    """

    verdict: CodeVerdict
    home: Province | None = None
    signed: SignedStatus | None = None
    comparison: wire.Comparison | None = None
    retry_after: timedelta | None = None


_UNKNOWN: Final = CodeResult(verdict=CodeVerdict.UNKNOWN)


class CodeVerification:
    """Verifies by code."""

    def __init__(
        self,
        *,
        province: Province,
        store: VerificationStore,
        statuses: Statuses,
        homes: Homes,
        verifier: Verifier,
    ) -> None:
        self._province = province
        self._store = store
        self._statuses = statuses
        self._homes = homes
        self._verifier = verifier
        self._forgotten_at: datetime | None = None

    async def verify_by_code(self, report_number: str, code: str, *, at: datetime, caller: str) -> CodeResult:
        """Verifies a report of any member.

        Args:
            report_number: What was typed or scanned as the number.
            code: What was typed or scanned as the code.
            at: Now.
            caller: Who asks, for the audit: never an address of a person.
        """
        if is_request_id(report_number):  # 1
            return CodeResult(verdict=CodeVerdict.PROGRESS_SHEET)
        home = member_of(report_number)
        try:
            if home is not None and home is not self._province:  # 2
                return await self._ask(home, key_of(report_number), read_code(code), at)
            return await self.verify_own(report_number, code, at=at, caller=caller)  # 3
        except NotVerifiableNowError as error:
            return CodeResult(verdict=CodeVerdict.HOME_UNREACHABLE, home=error.home)

    async def verify_own(self, report_number: str, code: str, *, at: datetime, caller: str) -> CodeResult:
        """Verifies a report of this home; whatever is none is UNKNOWN.

        Raises:
            NotVerifiableNowError: Its status cannot be told.
        """
        number, given = key_of(report_number), read_code(code)
        found = await (self._try(number, given, at) if given.form is CodeForm.TYPED else self._look_up(number, given))
        if found is None:
            return _UNKNOWN
        if isinstance(found, TooManyTries):
            return CodeResult(verdict=CodeVerdict.TRY_LATER, retry_after=max(found.until - at, timedelta(seconds=1)))
        signed = await self._statuses.of_own(found, at=at)
        comparison = await self._comparison(found) if _is_valid(signed) else None
        await self._statuses.record(found, signed, at=at, caller=caller, how="code")  # 5
        return self._known(signed, comparison)

    async def _look_up(self, number: str, given: Code) -> Issued | None:
        found = await self._store.find(number)
        return found if same(given.text, found.verification_code if found else "") and found else None

    async def _try(self, number: str, given: Code, at: datetime) -> Issued | TooManyTries | None:  # 4
        if self._forgotten_at is None or at - self._forgotten_at >= TRIES_PERIOD:
            self._forgotten_at = at
            await self._store.forget_tries(at=at)
        return await self._store.try_typed_code(
            number, lambda found: same(given.text, found.typed_code if found else ""), at=at
        )

    async def _comparison(self, issued: Issued) -> wire.Comparison:
        sealed = await self._store.load(issued.report_number)
        if sealed is None:
            raise RuntimeError("an issued report is never deleted while it is looked at")
        try:
            return comparison_of(sealed.envelope, verifier=self._verifier)
        except (EnvelopeError, VerificationError, PayloadError, CatalogueError) as error:
            _log.error("own report does not verify", report_number=issued.report_number, reason=str(error))
            raise NotVerifiableNowError(self._province, "the report does not verify") from error

    async def _ask(self, home: Province, number: str, given: Code, at: datetime) -> CodeResult:
        answer = await self._homes.verify_by_code(home, number, given.text)
        match answer.verdict:
            case wire.CODE_VERDICT_UNKNOWN:
                return _UNKNOWN
            case wire.CODE_VERDICT_TRY_LATER:
                return CodeResult(verdict=CodeVerdict.TRY_LATER, retry_after=TRIES_PERIOD)
            case wire.CODE_VERDICT_KNOWN:
                signed = self._statuses.checked(answer.status_envelope, home=home, report_number=number, at=at)
                if not _is_valid(signed):
                    return self._known(signed, None)
                if is_sound(answer.comparison, number):
                    return self._known(signed, answer.comparison)
            case _:
                pass
        raise NotVerifiableNowError(home, "its answer does not hold together")

    @staticmethod
    def _known(signed: SignedStatus, comparison: wire.Comparison | None) -> CodeResult:  # 6
        return CodeResult(
            verdict=VERDICT_OF_STATE[signed.status.state], home=signed.home, signed=signed, comparison=comparison
        )


def _is_valid(signed: SignedStatus) -> bool:
    return signed.status.state == report_status_pb2.REPORT_STATE_VALID
