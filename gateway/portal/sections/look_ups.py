"""谁查询过我: everybody who asked about the enterprise, those that were refused too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contract.consent_words import BASES, CHANNELS, LOOK_UP_RESULTS, look_up_reason
from contract.days import from_timestamp
from contract.province import Province
from contract.reasons import Words
from gateway.api.parts import PeopleParts
from gateway.domain.persons import MandateScope
from gateway.portal.listing import Column, Filter, State, Table, cursor
from gateway.portal.parts import PortalParts
from gateway.portal.rendering import words_of
from gateway.portal.sections.terms import read_grant_id
from gateway.portal.visit import Answer, Handler, View, Visit, download
from gateway.portal.words import PURPOSES
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.fragment.v1 import query_pb2

ROWS: Final = 50
_TIES: Final = 10
"""A page may be shorter than asked for, by those that share a number; of one enterprise so many never do."""

_NUMBER: Final = r"[1-9][0-9]{0,18}"

_BASIS_CODES: Final[Mapping[str, query_pb2.AuthorisationBasis.ValueType]] = {
    "self": query_pb2.AUTHORISATION_BASIS_SELF,
    "agent": query_pb2.AUTHORISATION_BASIS_AGENT,
    "grant": query_pb2.AUTHORISATION_BASIS_GRANT,
    "duty": query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY,
}
"""As addresses name grounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a province itself signed about a look-up.

    Attributes:
        province: The province.
        at: When its answer was received.
        answered: Whether it answered; else it refused.
    """

    province: Province
    at: datetime
    answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLookUp:
    """A look-up for people.

    Attributes:
        at: When.
        unit: Who asked.
        post: Post and masked number of who acted; empty where nobody but the unit is known.
        basis: On what ground.
        grant: The consent that it was asked under, as addresses name it; empty without one.
        matter: 事项编号 of an officer's matter.
        purpose: For what.
        channel: By which way.
        result: What became of it.
        reason: Why nothing was handed out. None: something was, or is still to be.
        request: 受理编号; empty without one.
        confirmed: What provinces signed.
    """

    at: datetime
    unit: str
    post: str
    basis: Words
    grant: str
    matter: str
    purpose: Words
    channel: Words
    result: State
    reason: Words | None
    request: str
    confirmed: tuple[Confirmed, ...]


TABLE: Final[Table[ShownLookUp]] = Table(
    name="look-ups",
    columns=(
        Column(name="at", label=Words("时间", "When")),
        Column(name="unit", label=Words("查询单位", "Who")),
        Column(name="basis", label=Words("依据和用途", "Ground and purpose")),
        Column(name="result", label=Words("结果", "What became of it")),
        Column(name="origins", label=Words("各省（市）确认", "Confirmed by")),
    ),
    filters=(
        Filter(
            name="basis",
            label=Words("查询依据", "Ground"),
            keep=lambda _, __: True,  # the service has done it
            options=tuple((code, BASES[number]) for code, number in _BASIS_CODES.items()),
        ),
    ),
)


class LookUpsSection:
    """Who asked."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._parts = parts
        self._people = people

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"look_ups": self.look_ups, "look_ups_table": self.table}

    async def look_ups(self, visit: Visit) -> Answer:
        """A page of them, newest first; those on one ground or under one consent, where the address says so."""
        basis = _BASIS_CODES.get(TABLE.chosen(visit, "basis"), query_pb2.AUTHORISATION_BASIS_UNSPECIFIED)
        grant = visit.asked("grant")
        found = await self._people.look_ups.of(
            visit.acting,
            int(cursor(visit, _NUMBER) or 0),
            ROWS,
            basis=basis,
            grant_id=read_grant_id(grant) if grant else b"",
        )
        following = str(found[-1].number) if len(found) > ROWS - _TIES else ""
        rows = tuple(map(_shown, found))
        shown = TABLE.of_page(visit, rows, following, keep={"grant": grant})
        return View(
            template="look_ups/look_ups.html",
            values={
                "shown": shown,
                "under_grant": grant,
                "has_none": not rows and shown.is_first and not shown.is_filtered and not grant,
                "sees_grants": any(MandateScope.GRANT in one.scopes for one in visit.on_behalf_of.acts),
            },
        )

    async def table(self, visit: Visit) -> Answer:
        """All of them, for a spreadsheet."""
        content = await self._people.look_ups.export_csv(visit.acting)
        response = download(content, media_type="text/csv", name="look-ups.csv")
        response.charset = "utf-8"
        return response


def _shown(one: wire.LookUp) -> ShownLookUp:
    is_refused = one.result == wire.LOOK_UP_RESULT_REFUSED
    look = {wire.LOOK_UP_RESULT_OPEN: "waiting", wire.LOOK_UP_RESULT_REFUSED: "closed"}.get(one.result, "plain")
    return ShownLookUp(
        at=from_timestamp(one.at),
        unit=one.unit,
        post=one.post,
        basis=words_of(BASES, one.basis),
        grant=one.grant_statement_id.hex(),
        matter=one.matter_number,
        purpose=words_of(PURPOSES, one.purpose),
        channel=words_of(CHANNELS, one.channel),
        result=State(words_of(LOOK_UP_RESULTS, one.result), look),
        reason=look_up_reason(one.reason) if is_refused and one.reason else None,
        request=one.request_id,
        confirmed=tuple(
            Confirmed(province=Province(origin.province), at=from_timestamp(origin.at), answered=origin.answered)
            for origin in one.origins
        ),
    )
