"""An enterprise and its agents (主体与经办人): what the registry says of it, and who may act for it.

Agents are seen to by the legal representative alone, as the identity provider says; confirming one takes the high level. Nobody is
named: an ask is known by its time, and by the pairing code that its agent tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from contract.days import china_day, parse_day, years_after
from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from contract.registry import RegistryEntry, RegistryUnavailableError
from gateway.api.parts import PeopleParts
from gateway.domain.persons import MandateScope
from gateway.identity.acting import Capacity
from gateway.mandates.agents import ShownMandate
from gateway.mandates.rules import MAX_YEARS, Standing
from gateway.portal.parts import PortalParts
from gateway.portal.sections.mandates import scope_options, scopes_of
from gateway.portal.visit import Answer, Handler, SeeOther, View, Visit
from gateway.portal.words import (
    CAPACITIES,
    MANDATE_SCOPES,
    MANDATE_STANDINGS,
    REGISTRATION_STATUS_WORDS,
    SUBJECT_KIND_WORDS,
)
from huren.fragment.v1 import query_pb2

_CORRECTABLE: Final = frozenset(
    {ErrorCode.PAIRING_CODE_WRONG, ErrorCode.MANDATE_NOT_FOUND, ErrorCode.MALFORMED_REQUEST}
)
_DONE: Final = {
    "confirmed": Words(
        "已确认。该经办人现在可以为本企业办理。", "Confirmed. The agent may act for the enterprise now."
    ),
    "ended": Words("已终止。该经办人不能再为本企业办理。", "Ended. That agent can act for the enterprise no more."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentsShown:
    """Agents as the legal representative sees them.

    Attributes:
        waiting: Asks that they can confirm.
        own: Asks of their own, which somebody else would have to confirm.
        in_force: Mandates that count.
        past: All others.
    """

    waiting: Sequence[ShownMandate]
    own: Sequence[ShownMandate]
    in_force: Sequence[ShownMandate]
    past: Sequence[ShownMandate]


class PeopleSection:
    """One enterprise, and who acts for it."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._parts = parts
        self._agents = people.agents

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"people": self.people, "confirm_agent": self.confirm, "end_agent": self.end}

    async def people(self, visit: Visit) -> Answer:
        """What the registry says, and the agents."""
        return await self._page(visit)

    async def confirm(self, visit: Visit) -> Answer:
        """Confirms an agent with the pairing code."""
        if visit.logged_in.level != query_pb2.IDENTITY_LEVEL_HIGH:
            return await self._page(visit, status=403)  # the page says what it takes
        try:
            await self._agents.confirm(
                visit.logged_in,
                visit.on_behalf_of.uscc,
                _chosen(visit),
                pairing_code=visit.form.one("pairing_code"),
                scopes=scopes_of(visit.form.all("scopes")),
                expires_on=_last_day(visit.form.one("expires_on")),
            )
        except HurenError as error:
            if error.code not in _CORRECTABLE:
                raise
            return await self._page(visit, error)
        return SeeOther(visit.url("people") + "?done=confirmed")

    async def end(self, visit: Visit) -> Answer:
        """Ends a mandate, or declines an ask."""
        mandate = visit.path("mandate")
        uscc = visit.on_behalf_of.uscc
        if mandate not in {one.mandate for one in await self._agents.of_enterprise(visit.logged_in, uscc)}:
            raise HurenError(ErrorCode.MANDATE_NOT_FOUND)
        await self._agents.withdraw(visit.logged_in, mandate)
        return SeeOther(visit.url("people") + "?done=ended")

    async def _page(self, visit: Visit, error: HurenError | None = None, *, status: int = 200) -> View:
        entry, answered = await self._entry(visit)
        today = china_day(visit.at)
        agents = await self._shown(visit)
        home = entry.home_on(today) if entry else None
        return View(
            template="people/people.html",
            values={
                "entry": entry,
                "answered": answered,
                "registrations": sorted(entry.registrations, key=lambda one: one.since) if entry else [],
                "kinds": SUBJECT_KIND_WORDS,
                "statuses": REGISTRATION_STATUS_WORDS,
                "office": self._parts.directory.members.get(home or self._parts.province),
                "capacities": [CAPACITIES[one.capacity] for one in visit.on_behalf_of.acts],
                "represents": _represents(visit),
                "level": _level(visit),
                "agents": agents,
                "scopes": MANDATE_SCOPES,
                "standings": MANDATE_STANDINGS,
                "options": scope_options(visit, _asked_for(agents)),
                "filled": _filled(visit, agents, today),
                "latest": years_after(today, MAX_YEARS),
                "done": _DONE.get(visit.asked("done")),
            },
            status=error.row.http_status if error else status,
            error=error,
        )

    async def _entry(self, visit: Visit) -> tuple[RegistryEntry | None, bool]:
        """The registry's entry, and whether the registry answered."""
        try:
            return await self._parts.registry.lookup(visit.on_behalf_of.uscc), True
        except RegistryUnavailableError:
            return None, False

    async def _shown(self, visit: Visit) -> AgentsShown | None:
        if not _represents(visit) or visit.logged_in.level == query_pb2.IDENTITY_LEVEL_BASIC:
            return None
        found = await self._agents.of_enterprise(visit.logged_in, visit.on_behalf_of.uscc)
        own = {one.mandate for one in await self._agents.of_person(visit.logged_in)}
        asked = [one for one in found if one.standing is Standing.ASKED]
        return AgentsShown(
            waiting=[one for one in asked if one.mandate not in own],
            own=[one for one in asked if one.mandate in own],
            in_force=[one for one in found if one.standing is Standing.IN_FORCE],
            past=[one for one in found if one.standing not in {Standing.ASKED, Standing.IN_FORCE}],
        )


def _represents(visit: Visit) -> bool:
    return any(one.capacity is Capacity.LEGAL_REPRESENTATIVE for one in visit.on_behalf_of.acts)


def _level(visit: Visit) -> str:
    match visit.logged_in.level:
        case query_pb2.IDENTITY_LEVEL_HIGH:
            return "high"
        case query_pb2.IDENTITY_LEVEL_SUBSTANTIAL:
            return "substantial"
        case _:
            return "basic"


def _asked_for(agents: AgentsShown | None) -> frozenset[MandateScope]:
    """Every scope that is waiting for a confirmation."""
    return frozenset(scope for one in agents.waiting for scope in one.scopes) if agents else frozenset()


def _filled(visit: Visit, agents: AgentsShown | None, today: date) -> Mapping[str, object]:
    """What stands in the form: what was filled in, or what is proposed."""
    form = visit.form
    if form.fields:
        return {name: form.one(name) for name in ("mandate", "pairing_code", "expires_on")} | {
            "scopes": form.all("scopes")
        }
    newest = agents.waiting[0] if agents and agents.waiting else None
    return {
        "mandate": newest.mandate if newest else "",
        "pairing_code": "",
        "scopes": tuple(newest.scopes) if newest else (),
        "expires_on": years_after(today, MAX_YEARS).isoformat(),
    }


def _chosen(visit: Visit) -> str:
    mandate = visit.form.one("mandate")
    if not mandate:
        raise HurenError(
            ErrorCode.MALFORMED_REQUEST,
            field="mandate",
            problem_zh="请选择要确认的是哪一项申请",
            problem_en="choose which ask you confirm",
        )
    return mandate


def _last_day(text: str) -> date:
    try:
        return parse_day(text)
    except ValueError as error:
        raise HurenError(
            ErrorCode.MALFORMED_REQUEST,
            field="expires_on",
            problem_zh="授权到期日应写作年-月-日，例如2026-11-22",
            problem_en="the last day is written as year-month-day, for example 2026-11-22",
        ) from error
