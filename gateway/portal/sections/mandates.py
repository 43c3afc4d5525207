"""A person's own mandates (我的经办授权): what they may do for whom, asking for one, and ending one.

The pairing code stands on one page, which answers the form itself: no address, no history and no log holds it, and nobody else's
page shows it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from contract.errors import ErrorCode, HurenError
from contract.uscc import fold
from gateway.api.parts import PeopleParts
from gateway.domain.persons import MandateScope
from gateway.mandates.rules import Standing
from gateway.portal.visit import Answer, Handler, SeeOther, View, Visit
from gateway.portal.words import MANDATE_SCOPES, MANDATE_STANDINGS
from huren.fragment.v1 import query_pb2

_CORRECTABLE: Final = frozenset(
    {
        ErrorCode.USCC_MALFORMED,
        ErrorCode.SUBJECT_NOT_ELIGIBLE,
        ErrorCode.MALFORMED_REQUEST,
        ErrorCode.TOO_MANY_OPEN_ASKS,
    }
)


class MandatesSection:
    """What somebody may do for others."""

    def __init__(self, people: PeopleParts) -> None:
        self._agents = people.agents

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"mandates": self.mandates, "ask_mandate": self.ask, "end_mandate": self.end}

    async def mandates(self, visit: Visit) -> Answer:
        """All of them, and the form for another one."""
        return await self._page(visit)

    async def ask(self, visit: Visit) -> Answer:
        """Asks for one, and tells the pairing code."""
        uscc = visit.form.one("uscc")
        try:
            scopes = scopes_of(visit.form.all("scopes"))
            ask = await self._agents.ask(visit.logged_in, uscc, scopes)
        except HurenError as error:
            if error.code not in _CORRECTABLE:
                raise
            return await self._page(visit, error)
        return View(
            template="mandates/asked.html",
            values={
                "ask": ask,
                "uscc": fold(uscc),
                "asked_for": visit.say("；", "; ").join(
                    visit.say(words.zh, words.en) for scope, words in MANDATE_SCOPES.items() if scope in scopes
                ),
            },
            headers={"Cache-Control": "no-store"},
        )

    async def end(self, visit: Visit) -> Answer:
        """Ends one."""
        await self._agents.withdraw(visit.logged_in, visit.path("mandate"))
        return SeeOther(visit.url("mandates"))

    async def _page(self, visit: Visit, error: HurenError | None = None) -> View:
        mandates = await self._agents.of_person(visit.logged_in)
        # Names are shown of enterprises that said yes: to ask must not be a way to look names up.
        known = {one.uscc: one for one in visit.enterprises}
        in_force = {one.uscc for one in mandates if one.standing is Standing.IN_FORCE} & known.keys()
        return View(
            template="mandates/mandates.html",
            values={
                "mandates": mandates,
                "names": {uscc: known[uscc].shown for uscc in in_force},
                "handles": {uscc: known[uscc].handle for uscc in in_force},
                "scopes": MANDATE_SCOPES,
                "standings": MANDATE_STANDINGS,
                "can_act": visit.logged_in.level != query_pb2.IDENTITY_LEVEL_BASIC,
                "options": scope_options(visit, MandateScope),
                "filled": {
                    "uscc": visit.form.one("uscc"),
                    "scopes": visit.form.all("scopes") or (MandateScope.REPORT,),
                },
            },
            status=error.row.http_status if error else 200,
            error=error,
        )


def scopes_of(texts: Iterable[str]) -> frozenset[MandateScope]:
    """Scopes that were ticked.

    Raises:
        HurenError: MALFORMED_REQUEST: one that there is not.
    """
    try:
        return frozenset(map(MandateScope, texts))
    except ValueError as error:
        raise HurenError(
            ErrorCode.MALFORMED_REQUEST,
            field="scopes",
            problem_zh="所选授权事项不在清单之内",
            problem_en="what was ticked is not on the list",
        ) from error


def scope_options(visit: Visit, scopes: Iterable[MandateScope]) -> list[tuple[str, str, str]]:
    """Boxes to tick, in one order everywhere."""
    offered = frozenset(scopes)
    return [(scope, visit.say(words.zh, words.en), "") for scope, words in MANDATE_SCOPES.items() if scope in offered]
