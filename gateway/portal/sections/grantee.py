"""Whom others let ask: consents that the unit was given, asking under one, and what it asked.

A consent is kept where its subject is registered, so these pages tell of subjects of this home. What the unit does not choose is
the consent's; what it chooses beyond is refused by the service and never cut down.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from contract.days import DayRange, china_day, parse_day
from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from gateway.api.parts import PeopleParts
from gateway.domain.overview import RequestLine
from gateway.domain.persons import MandateScope
from gateway.domain.request import RequestState, Sealed
from gateway.portal.forms import Form
from gateway.portal.listing import Column, State, Table, chinese_order, cursor
from gateway.portal.parts import PortalParts
from gateway.portal.sections.grants import MOST, STATE_FILTER
from gateway.portal.sections.terms import (
    ShownGrant,
    all_shown,
    grant_id_of,
    granted_domains,
    granted_kinds,
    named_catalogue,
    shown_grant,
)
from gateway.portal.visit import Answer, Handler, SeeOther, View, Visit
from gateway.portal.words import RECORD_KINDS, REQUEST_STATES
from huren.authorisation.v1 import authorisation_pb2
from huren.authorisation.v1 import authorisation_service_pb2 as granting
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire

ROWS: Final = 50
_REQUEST: Final = r"[0-9a-f]{32}"
_KEY: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)

_NO_DOMAIN: Final = Words("请至少选择一个领域", "choose at least one domain")
_NO_KIND: Final = Words("请至少选择一类记录", "choose at least one kind of record")

_TO_BE_CORRECTED: Final = frozenset(
    {
        ErrorCode.GRANT_DOES_NOT_COVER,
        ErrorCode.GRANT_REVOKED,
        ErrorCode.GRANT_EXPIRED,
        ErrorCode.GRANT_USED_UP,
        ErrorCode.WINDOW_MALFORMED,
        ErrorCode.WINDOW_INVERTED,
        ErrorCode.WINDOW_IN_FUTURE,
        ErrorCode.WINDOW_TOO_LONG,
        ErrorCode.DOMAIN_UNKNOWN,
        ErrorCode.NOTHING_APPLICABLE,
    }
)
"""Errors that are told on the page of the consent; all others have a page of their own."""

_FORM_FIELDS: Final[Mapping[str, str]] = {"window.first_day": "first_day", "window.last_day": "last_day"}
"""Fields of the form, by those of the request that they become."""

RECEIVED: Final[Table[ShownGrant]] = Table(
    name="received",
    columns=(
        Column(
            name="subject",
            label=Words("授权企业", "From whom"),
            key=lambda grant: chinese_order(grant.terms.subject.name),
        ),
        Column(name="purpose", label=Words("用途", "For what"), key=lambda grant: grant.terms.purpose),
        Column(name="left", label=Words("剩余次数", "Left"), key=lambda grant: grant.left),
        Column(name="until", label=Words("授权至", "Until"), key=lambda grant: grant.terms.expires_on),
        Column(name="state", label=Words("状态", "How it stands"), key=lambda grant: grant.state),
    ),
    filters=(STATE_FILTER,),
)

ASKED: Final[Table[RequestLine]] = Table(
    name="asked",
    columns=(
        Column(name="subject", label=Words("查询的企业", "About whom")),
        Column(name="at", label=Words("查询时间", "When")),
        Column(name="state", label=Words("办理情况", "How it stands")),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What stands in the form with which is asked under a consent.

    Attributes:
        key: Tells one sending of the form from another: who sends it twice asks once.
        first_day: Of the period.
        last_day: Of the period.
        domains: Ids.
        kinds: Numbers of kinds of record.
    """

    key: str
    first_day: str
    last_day: str
    domains: tuple[str, ...]
    kinds: tuple[str, ...]

    @classmethod
    def everything(cls, terms: authorisation_pb2.GrantTerms, today: date) -> Asking:
        """All that may be asked today."""
        last = min(parse_day(terms.window.last_day), today)
        first = max(parse_day(terms.window.first_day), DayRange.longest(last).first)
        return cls(
            key=secrets.token_hex(16),
            first_day=first.isoformat(),
            last_day=max(first, last).isoformat(),
            domains=tuple(granted_domains(terms)),
            kinds=tuple(map(str, granted_kinds(terms))),
        )

    @classmethod
    def filled(cls, form: Form) -> Asking:
        """As it was filled in."""
        key = form.one("key")
        return cls(
            key=key if _KEY.fullmatch(key) else secrets.token_hex(16),
            first_day=form.one("first_day"),
            last_day=form.one("last_day"),
            domains=form.all("domains"),
            kinds=form.all("kinds"),
        )

    def to_request(self, grant_id: bytes, terms: authorisation_pb2.GrantTerms) -> wire.RequestReportRequest:
        """The request.

        Raises:
            HurenError: GRANT_DOES_NOT_COVER: nothing was ticked, which to the service means everything; or what is not there.
        """
        domains, kinds = granted_domains(terms), {str(kind) for kind in granted_kinds(terms)}
        if not domains & set(self.domains):
            raise _beyond(_NO_DOMAIN, "domains")
        if not kinds & set(self.kinds):
            raise _beyond(_NO_KIND, "kinds")
        return wire.RequestReportRequest(
            idempotency_key=self.key,
            uscc=terms.subject.uscc,
            basis=query_pb2.AUTHORISATION_BASIS_GRANT,
            grant_statement_id=grant_id,
            window=common_pb2.Window(first_day=self.first_day[:10], last_day=self.last_day[:10]),
            domains=() if set(self.domains) == domains else sorted(self.domains),
            kinds=() if set(self.kinds) == kinds else _kinds(self.kinds),
        )


class GranteeSection:
    """Asking on others' consent."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._parts = parts
        self._people = people

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {
            "received": self.received,
            "received_grant": self.grant,
            "ask_under_grant": self.ask,
            "asked": self.asked,
        }

    async def received(self, visit: Visit) -> Answer:
        """Consents that the unit was given."""
        found = await self._people.grants.list(granting.GRANT_SIDE_RECEIVED, visit.acting)
        grants = all_shown(found, self._parts.catalogues, visit.at)
        return View(
            template="grantee/received.html",
            values={
                "shown": RECEIVED.of_rows(visit, grants),
                "has_any": bool(grants),
                "is_cut": len(found) >= MOST,
                "most": MOST,
            },
        )

    async def grant(self, visit: Visit) -> Answer:
        """One of them, and the form with which is asked under it."""
        shown = await self._found(visit)
        return self._page(visit, shown, Asking.everything(shown.terms, china_day(visit.at)))

    async def ask(self, visit: Visit) -> Answer:
        """Asks, and goes on to how it gets on."""
        asking = Asking.filled(visit.form)
        shown = await self._found(visit)
        try:
            request = asking.to_request(bytes.fromhex(shown.id), shown.terms)
            result = await self._people.reports.begin_report(request, visit.acting)
        except HurenError as error:
            if error.code not in _TO_BE_CORRECTED:
                raise
            # Whether it still holds is read anew: it may have been taken back while this page was open.
            return self._page(visit, await self._found(visit), asking, _at_field(error))
        if isinstance(result, Sealed):
            return SeeOther(visit.url("report", report=result.report_number))
        return SeeOther(visit.url("request", request=result.request_id))

    async def asked(self, visit: Visit) -> Answer:
        """What the unit asked under consents."""
        found = await self._people.overview.requests(
            visit.acting, before=cursor(visit, _REQUEST), limit=ROWS, basis=query_pb2.AUTHORISATION_BASIS_GRANT
        )
        following = found[-1].request_id if len(found) >= ROWS else ""
        shown = ASKED.of_page(visit, found, following)
        return View(
            template="grantee/asked.html",
            values={
                "shown": shown,
                "has_none": not found and shown.is_first,
                "states": {state: _state(state) for state in RequestState},
            },
        )

    async def _found(self, visit: Visit) -> ShownGrant:
        """The consent of the address, if it was given to the unit.

        Raises:
            HurenError: GRANT_NOT_FOUND.
        """
        grant = await self._people.grants.find(grant_id_of(visit), visit.acting)
        if grant.terms.grantee.uscc != visit.acting.uscc:
            raise HurenError(ErrorCode.GRANT_NOT_FOUND)
        return shown_grant(grant, self._parts.catalogues, visit.at)

    def _page(self, visit: Visit, shown: ShownGrant, asking: Asking, error: HurenError | None = None) -> View:
        catalogue = named_catalogue(shown.terms, self._parts.catalogues, visit.at)
        domains = granted_domains(shown.terms)
        return View(
            template="grantee/grant.html",
            status=error.row.http_status if error else 200,
            error=error,
            values={
                "grant": shown,
                "asking": asking,
                "domains": [one for one in catalogue.domains if one.id in domains],
                "kinds": [(str(kind), RECORD_KINDS[kind]) for kind in granted_kinds(shown.terms)],
                "may_ask": any(MandateScope.REPORT in one.scopes for one in visit.on_behalf_of.acts),
            },
        )


def _state(state: RequestState) -> State:
    look = {RequestState.OPEN: "waiting", RequestState.SEALED: "plain"}.get(state, "closed")
    return State(REQUEST_STATES[state], look)


def _kinds(texts: tuple[str, ...]) -> list[common_pb2.RecordKind.ValueType]:
    return [common_pb2.RecordKind.ValueType(kind) for kind in sorted(RECORD_KINDS) if str(kind) in texts]


def _at_field(error: HurenError) -> HurenError:
    """The error, at the field of the form that it is about."""
    error.field = _FORM_FIELDS.get(error.field, error.field)
    return error


def _beyond(rule: Words, field: str) -> HurenError:
    return HurenError(ErrorCode.GRANT_DOES_NOT_COVER, field=field, problem_zh=rule.zh, problem_en=rule.en)
