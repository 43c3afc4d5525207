"""谁查询过我: every query about a subject that this home was asked for, told to the subject.

- All of them are told: its own and its agents', those under its grants, officers' (履职查询), and those that were refused.
- A unit is told by its name, a person by post and masked number (T37). Nobody's own name is there.
- What a province confirmed is its own signed answer, named by statement id.
- Reading them leaves a line in the audit too. What cannot be written there is not handed out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from contract.consent_words import BASES, CHANNELS, LOOK_UP_RESULTS
from contract.days import CHINA, from_timestamp, to_timestamp
from contract.document.words import PURPOSES
from contract.errors import ErrorCode, HurenError
from contract.province import Province
from contract.reasons import Words
from contract.registry import Registry, RegistryUnavailableError
from contract.spreadsheet import safe_cell
from contract.uscc import Uscc, mask
from gateway.domain.request import Caller, RequestState
from gateway.store.look_ups import ALL, NEWEST, Confirmation, StoredLookUp, Which, confirmations_of, look_ups_of
from gateway.store.rows import LOOK_UP, AuditRow, audit
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from runtime.clock import Clock
from runtime.database import Database

MOST: Final = 200
"""Look-ups at once (ListLookUpsResponse)."""

_RESULT_OF: Final[Mapping[RequestState | None, wire.LookUpResult.ValueType]] = {
    RequestState.SEALED: wire.LOOK_UP_RESULT_ANSWERED,
    RequestState.OPEN: wire.LOOK_UP_RESULT_OPEN,
}

_HEADINGS: Final = (
    "查询时间（北京时间）",
    "查询单位",
    "岗位",
    "用途",
    "查询依据",
    "授权书声明编号",
    "事项编号",
    "渠道",
    "结果",
    "原因代码",
    "受理编号",
    "各省（市）确认",
)

_BOM: Final = "utf-8-sig"
"""Without the mark, Excel reads UTF-8 as the system's own encoding."""


class LookUps:
    """Look-ups of one home's subjects."""

    def __init__(self, *, database: Database, registry: Registry, clock: Clock) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock

    async def of(
        self,
        caller: Caller,
        before: int = NEWEST,
        limit: int = MOST,
        *,
        basis: query_pb2.AuthorisationBasis.ValueType = query_pb2.AUTHORISATION_BASIS_UNSPECIFIED,
        grant_id: bytes = b"",
    ) -> list[wire.LookUp]:
        """The newest look-ups about the caller whose numbers are below `before`, newest first.

        Args:
            caller: Who reads, and about whom.
            before: Number of the last one of the page before. 0: from the newest on.
            limit: How many; 200 at most. A page has no less, but where nothing is left, or the next ones have all one number.
            basis: Only those on this ground. UNSPECIFIED: on all.
            grant_id: Only those under this grant. Empty: all.

        Raises:
            HurenError: NOT_PERMITTED: an officer reads what was looked up about nobody.
            StoreUnavailableError: The store cannot be read, or the reading not be written down.
        """
        _require_subject(caller)
        which = Which(basis=basis, grant_id=grant_id)
        found = await self._page(_Units(self._registry), caller.uscc, before, min(max(limit, 1), MOST), which=which)
        await self._record(caller, f"look-ups, {len(found)}")
        return found

    async def export_csv(self, caller: Caller) -> bytes:
        """All look-ups about the caller, newest first, for a spreadsheet: UTF-8 with its mark.

        Raises:
            HurenError, StoreUnavailableError: As `of`.
        """
        _require_subject(caller)
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow(_HEADINGS)
        count = 0
        async for one in self._all(caller.uscc):
            writer.writerow([safe_cell(text) for text in _cells(one)])
            count += 1
        await self._record(caller, f"look-ups exported, {count}")
        return file.getvalue().encode(_BOM)

    async def _all(self, uscc: Uscc) -> AsyncIterator[wire.LookUp]:
        units = _Units(self._registry)
        page = await self._page(units, uscc, NEWEST, MOST)
        while page:
            for one in page:
                yield one
            page = await self._page(units, uscc, page[-1].number, MOST)

    async def _page(
        self, units: _Units, uscc: Uscc, before: int, limit: int, *, which: Which = ALL
    ) -> list[wire.LookUp]:
        async with self._database.read() as connection:
            found = await look_ups_of(connection, uscc, before=before, limit=limit, which=which)
            confirmed = await confirmations_of(connection, [one.request_id for one in found if one.request_id])
        # The registry may be asked over the network: not while a connection is held.
        return [_to_wire(one, await units.name_of(one), confirmed.get(one.request_id, ())) for one in found]

    async def _record(self, caller: Caller, result: str) -> None:
        line = AuditRow(at=self._clock(), action=LOOK_UP, result=result, caller=caller.reference, uscc=caller.uscc)
        async with self._database.write() as connection:
            await audit(connection, (line,))


class _Units:
    """What units are called; each is asked for once, and nobody any more once the registry does not answer."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._names: dict[str, str] = {}
        self._answers = True

    async def name_of(self, look_up: StoredLookUp) -> str:
        """The name that was given, else the registered one, else the masked code."""
        if look_up.unit:
            return look_up.unit
        if look_up.applicant not in self._names:
            self._names[look_up.applicant] = await self._registered(Uscc(look_up.applicant)) or mask(look_up.applicant)
        return self._names[look_up.applicant]

    async def _registered(self, uscc: Uscc) -> str:
        if not self._answers:
            return ""
        try:
            entry = await self._registry.lookup(uscc)
        except RegistryUnavailableError:
            self._answers = False
            return ""
        return entry.name if entry else ""


def _to_wire(look_up: StoredLookUp, unit: str, confirmed: Sequence[Confirmation]) -> wire.LookUp:
    result = _RESULT_OF.get(look_up.state, wire.LOOK_UP_RESULT_REFUSED)
    return wire.LookUp(
        number=look_up.number,
        at=to_timestamp(look_up.at),
        unit=unit,
        post=look_up.post,
        purpose=query_pb2.Purpose.ValueType(look_up.purpose),
        basis=query_pb2.AuthorisationBasis.ValueType(look_up.basis),
        grant_statement_id=look_up.grant_id,
        matter_number=look_up.matter_number,
        channel=common_pb2.Channel.ValueType(look_up.channel),
        result=result,
        reason=look_up.reason if result == wire.LOOK_UP_RESULT_REFUSED else "",
        request_id=look_up.request_id,
        origins=[
            wire.OriginConfirmation(
                province=one.province.wire,
                at=to_timestamp(one.at),
                answered=one.answered,
                statement_id=one.statement_id,
            )
            for one in confirmed
        ],
    )


def _cells(look_up: wire.LookUp) -> tuple[str, ...]:
    return (
        from_timestamp(look_up.at).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S"),
        look_up.unit,
        look_up.post,
        PURPOSES.get(look_up.purpose, ""),
        _zh(BASES, look_up.basis),
        look_up.grant_statement_id.hex(),
        look_up.matter_number,
        _zh(CHANNELS, look_up.channel),
        LOOK_UP_RESULTS[look_up.result].zh,
        look_up.reason,
        look_up.request_id,
        "；".join(map(_confirmation, look_up.origins)),
    )


def _zh(words: Mapping[int, Words], number: int) -> str:
    known = words.get(number)
    return known.zh if known else ""


def _confirmation(origin: wire.OriginConfirmation) -> str:
    at = from_timestamp(origin.at).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
    return f"{Province(origin.province).name_zh}{'已反馈' if origin.answered else '不予受理'} {at} {origin.statement_id.hex()}"


def _require_subject(caller: Caller) -> None:
    if caller.basis not in {query_pb2.AUTHORISATION_BASIS_SELF, query_pb2.AUTHORISATION_BASIS_AGENT}:
        raise HurenError(
            ErrorCode.NOT_PERMITTED,
            need_zh="请以企业身份查看。",
            need_en="Act for an enterprise.",
        )
