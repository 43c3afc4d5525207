"""授权他人查询: which consents the enterprise gave, where each stands, and taking one back. Giving one is giving.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contract.consent_words import GRANT_STATES
from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from gateway.api.parts import PeopleParts
from gateway.domain.persons import MandateScope
from gateway.portal.listing import Column, Filter, Table, chinese_order
from gateway.portal.parts import PortalParts
from gateway.portal.sections.terms import ShownGrant, all_shown, grant_id_of, shown_grant
from gateway.portal.visit import Answer, Handler, SeeOther, View, Visit
from huren.authorisation.v1 import authorisation_service_pb2 as wire

MOST: Final = 200
"""The service tells no more (ListGrantsResponse)."""

STATE_CODES: Final[Mapping[int, str]] = {
    wire.GRANT_STATE_IN_FORCE: "in-force",
    wire.GRANT_STATE_REVOKED: "revoked",
    wire.GRANT_STATE_EXPIRED: "expired",
    wire.GRANT_STATE_USED_UP: "used-up",
}
"""As addresses name states."""

STATE_FILTER: Final[Filter[ShownGrant]] = Filter(
    name="state",
    label=Words("状态", "How it stands"),
    keep=lambda grant, chosen: STATE_CODES.get(grant.state) == chosen,
    options=tuple((code, GRANT_STATES[state]) for state, code in STATE_CODES.items()),
)

TABLE: Final[Table[ShownGrant]] = Table(
    name="grants",
    columns=(
        Column(
            name="grantee",
            label=Words("被授权单位", "To whom"),
            key=lambda grant: chinese_order(grant.terms.grantee.name),
        ),
        Column(name="purpose", label=Words("用途", "For what"), key=lambda grant: grant.terms.purpose),
        Column(name="until", label=Words("授权至", "Until"), key=lambda grant: grant.terms.expires_on),
        Column(name="uses", label=Words("已用次数", "Used"), key=lambda grant: grant.uses),
        Column(name="state", label=Words("状态", "How it stands"), key=lambda grant: grant.state),
        Column(name="given", label=Words("签署时间", "Given"), key=lambda grant: grant.given_at),
    ),
    filters=(STATE_FILTER,),
    sort="-given",
)


class GrantsSection:
    """Consents that the enterprise gave."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._parts = parts
        self._people = people

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"grants": self.grants, "grant": self.grant, "revoke_grant": self.revoke}

    async def grants(self, visit: Visit) -> Answer:
        """All of them."""
        found = await self._people.grants.list(wire.GRANT_SIDE_GIVEN, visit.acting)
        grants = all_shown(found, self._parts.catalogues, visit.at)
        return View(
            template="grants/list.html",
            values={
                "shown": TABLE.of_rows(visit, grants),
                "has_any": bool(grants),
                "is_cut": len(found) >= MOST,
                "most": MOST,
                "sees_look_ups": _sees_look_ups(visit),
            },
        )

    async def grant(self, visit: Visit) -> Answer:
        """One of them."""
        grant = await self._people.grants.find(grant_id_of(visit), visit.acting)
        if grant.terms.subject.uscc != visit.acting.uscc:  # it was received: that has a page of its own
            raise HurenError(ErrorCode.GRANT_NOT_FOUND)
        return View(
            template="grants/grant.html",
            values={
                "grant": shown_grant(grant, self._parts.catalogues, visit.at),
                "sees_look_ups": _sees_look_ups(visit),
            },
        )

    async def revoke(self, visit: Visit) -> Answer:
        """Takes one back. Who does it again finds it taken back."""
        grant_id = grant_id_of(visit)
        await self._people.grants.revoke(grant_id, visit.acting)
        return SeeOther(visit.url("grant", grant=grant_id.hex()))


def _sees_look_ups(visit: Visit) -> bool:
    return any(MandateScope.LOOK_UPS in one.scopes for one in visit.on_behalf_of.acts)
