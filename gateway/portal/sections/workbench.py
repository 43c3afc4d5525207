"""Where a person begins: the entrance, the choice of an enterprise, and the workbench of one."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from contract.days import china_day, from_timestamp
from contract.deadlines import Label
from contract.errors import ErrorCode, HurenError
from contract.province import Province
from contract.reasons import Words
from gateway.api.access import ForEnterprise, Represents
from gateway.api.parts import PeopleParts
from gateway.api.ports import ReportEntry
from gateway.batches.callers import group_of, institution_of
from gateway.batches.service import BatchView
from gateway.domain.overview import RequestLine
from gateway.domain.persons import MandateScope, StaffRole
from gateway.domain.request import Caller, RequestState
from gateway.identity.acting import Capacity
from gateway.mandates.agents import ShownMandate
from gateway.mandates.rules import Standing
from gateway.portal.listing import DEADLINE_LABELS
from gateway.portal.parts import PortalParts
from gateway.portal.site import PAGES, address_of
from gateway.portal.visit import Answer, Enterprise, Handler, SeeOther, View, Visit
from gateway.portal.words import CAPACITIES, NOTICES, REPORT_STATES
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2 as statuses

DESTINATIONS: Final = frozenset(
    page.name for page in PAGES.values() if page.menu and page.is_about_enterprise and page.method == "GET"
)
"""Pages to which the choice of an enterprise may send somebody on: those in the menus."""

_SEARCHED_FROM: Final = 8
"""So many enterprises are looked through without a search."""

_MOST_SHOWN: Final = 60
_OPEN_SHOWN: Final = 5
_NEWS_SHOWN: Final = 3
_NEWS: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request that is being dealt with.

    Attributes:
        line: The request.
        answered: Provinces that have answered.
        waiting: Those that have not.
        until: Until which day the home goes on by itself. None: it is not open any more.
    """

    line: RequestLine
    answered: tuple[Province, ...]
    waiting: tuple[Province, ...]
    until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matters:
    """What there is of an enterprise for somebody who may ask for reports.

    Attributes:
        last: Its last report about itself. None: there is none.
        requests: Requests that are open.
        batches: Batches of the unit that run.
        news: The last notices.
    """

    last: ReportEntry | None = None
    requests: tuple[OpenRequest, ...] = ()
    batches: tuple[BatchView, ...] = ()
    news: tuple[tuple[wire.Notice, Words], ...] = ()


class WorkbenchSection:
    """Pages where people begin."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._parts = parts
        self._people = people

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {
            "entrance": self.entrance,
            "enterprises": self.enterprises,
            "find_enterprise": self.find,
            "workbench": self.workbench,
        }

    async def entrance(self, visit: Visit) -> Answer:
        """我的入口: to where the person belongs."""
        own = [one for one in visit.enterprises if any(acts.capacity is not Capacity.WINDOW for acts in one.acts)]
        if len(own) == 1:
            return SeeOther(address_of("workbench", enterprise=own[0].handle))
        if own:
            return SeeOther(address_of("enterprises"))
        staff = visit.logged_in.staff
        if staff is not None and staff.roles:
            only_window = staff.roles == frozenset({StaffRole.WINDOW_CLERK})
            return SeeOther(address_of("window" if only_window else "staff"))
        return SeeOther(address_of("mandates"))

    async def enterprises(self, visit: Visit) -> Answer:
        """选择企业: for whom to act, and on to where the person wanted to go."""
        asked = visit.asked("to")
        to = asked if asked in DESTINATIONS else ""
        if to and len(visit.enterprises) == 1 and _may(visit.enterprises[0], to):
            return SeeOther(address_of(to, enterprise=visit.enterprises[0].handle))
        return _choice(visit, to)

    async def find(self, visit: Visit) -> Answer:
        """The same, with those that were looked for: a form that is posted, because a code may be sought."""
        asked = visit.form.one("to")
        return _choice(visit, asked if asked in DESTINATIONS else "", visit.form.one("q"))

    async def workbench(self, visit: Visit) -> Answer:
        """工作台: what is to be done for an enterprise, and where its matters stand."""
        enterprise, person = visit.on_behalf_of, visit.logged_in
        by_password = person.level == query_pb2.IDENTITY_LEVEL_BASIC
        caller = await self._caller(visit)
        matters = await self._matters(visit, caller) if caller is not None else _Matters()
        asks = () if by_password else await self._asks(visit)
        groups = () if by_password or len(visit.enterprises) < 2 else await self._running(visit)  # noqa: PLR2004  # several
        return View(
            template="workbench/workbench.html",
            title=Words("工作台", "Workbench"),
            values={
                "acts": enterprise.acts,
                "capacities": CAPACITIES,
                "by_password": by_password,
                "may_report": caller is not None,
                "matters": matters,
                "asks": asks,
                "confirm_by": min((one.confirm_by for one in asks), default=None),
                "groups": groups,
                "default_label": DEADLINE_LABELS[Label.DEFAULT],
                "states": REPORT_STATES,
                "valid": statuses.REPORT_STATE_VALID,
                "revoked": statuses.REPORT_STATE_REVOKED,
                "others": [one for one in visit.enterprises if one.uscc != enterprise.uscc],
                "kinds": wire.NoticeKind,
            },
        )

    async def _caller(self, visit: Visit) -> Caller | None:
        """The person as who asks for reports. None: they may not."""
        try:
            return await self._people.acting.for_enterprise(
                visit.logged_in, visit.on_behalf_of.uscc, MandateScope.REPORT
            )
        except HurenError as error:
            if error.code not in {ErrorCode.LEVEL_TOO_LOW, ErrorCode.NO_MANDATE}:
                raise
            return None

    async def _asks(self, visit: Visit) -> Sequence[ShownMandate]:
        """Asks of agents that the person has to confirm or decline."""
        person, uscc = visit.logged_in, visit.on_behalf_of.uscc
        if uscc not in person.represents:
            return ()
        found = await self._people.agents.of_enterprise(person, uscc)
        return [one for one in found if one.standing is Standing.ASKED]

    async def _running(self, visit: Visit) -> Sequence[BatchView]:
        """The person's own batches that run."""
        found = await self._people.batches.list(group_of(visit.logged_in))
        return [one for one in found if one.is_running]

    async def _matters(self, visit: Visit, caller: Caller) -> _Matters:
        people, uscc = self._people, visit.on_behalf_of.uscc
        entries = await people.overview.reports(caller)
        lines = await people.overview.requests(caller)
        open_lines = [one for one in lines if one.state is RequestState.OPEN][:_OPEN_SHOWN]
        batches = () if caller.unit else await people.batches.list(institution_of(visit.logged_in, uscc))
        notices = await people.notices.of(uscc)
        return _Matters(
            last=next((one for one in entries if one.line.subject.uscc == uscc), None),
            requests=tuple([await self._open(one, caller) for one in open_lines]),
            batches=tuple(one for one in batches if one.is_running),
            news=tuple(
                (one, NOTICES[one.kind])
                for one in notices[:_NEWS_SHOWN]
                if one.kind in NOTICES and from_timestamp(one.at) > visit.at - _NEWS
            ),
        )

    async def _open(self, line: RequestLine, caller: Caller) -> OpenRequest:
        try:
            found = await self._people.reports.find_request(line.request_id, caller)
        except HurenError:  # it ended since, and is not for this visitor any more
            return OpenRequest(line, (), (), None)
        if not isinstance(found, wire.OpenRequest):
            return OpenRequest(line, (), (), None)
        answered = {one.province for one in found.provinces if one.progress == wire.PROVINCE_PROGRESS_ANSWERED}
        return OpenRequest(
            line=line,
            answered=tuple(one for one in Province if one.wire in answered),
            waiting=tuple(one for one in Province if one.wire not in answered),
            until=china_day(from_timestamp(found.completion_until)),
        )


def _choice(visit: Visit, to: str, sought: str = "") -> View:
    """What to choose from."""
    found = [one for one in visit.enterprises if _folded(sought) in _folded(f"{one.name} {one.uscc}")]
    return View(
        template="workbench/enterprises.html",
        values={
            "to": to,
            "destination": PAGES[to].title if to else None,
            "sought": sought,
            "has_search": len(visit.enterprises) > _SEARCHED_FROM,
            "found": [(one, _address(one, to), not to or _may(one, to)) for one in found[:_MOST_SHOWN]],
            "left_out": max(0, len(found) - _MOST_SHOWN),
            "count": len(visit.enterprises),
            "capacities": CAPACITIES,
            "is_staff": visit.logged_in.staff is not None,
        },
    )


def _may(enterprise: Enterprise, name: str) -> bool:
    """Whether the person may open a page of an enterprise."""
    match PAGES[name].access:
        case ForEnterprise(scope=scope):
            return any(scope in one.scopes for one in enterprise.acts)
        case Represents():
            return any(one.capacity is Capacity.LEGAL_REPRESENTATIVE for one in enterprise.acts)
        case _:
            return True


def _address(enterprise: Enterprise, to: str) -> str:
    return address_of(to or "workbench", enterprise=enterprise.handle)


def _folded(text: str) -> str:
    """A text as it is compared: full width, case and blanks make no difference."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
