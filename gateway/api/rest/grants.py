"""Consent that a third party asks (授权书), and who asked (谁查询过我)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from gateway.api.ports import GrantService, LookUps
from gateway.api.rest.call import Call, Handler, answer, attachment, next_cursor
from gateway.api.rest.documents import enum_number, to_document, to_message
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from runtime.clock import Clock

_CREATED: Final = 201
_COUNT: Final = r"[1-9][0-9]{0,18}"


class GrantHandlers:
    """Operations about grants."""

    def __init__(self, grants: GrantService, clock: Clock) -> None:
        self._grants = grants
        self._clock = clock

    def operations(self) -> Mapping[str, Handler]:
        """Handlers by operation id."""
        return {
            "draftGrant": self.draft,
            "giveGrant": self.give,
            "listGrants": self.list,
            "getGrant": self.find,
            "revokeGrant": self.revoke,
        }

    async def draft(self, call: Call) -> web.StreamResponse:
        """A text to sign."""
        message = to_message(call.body, wire.DraftGrantRequest)
        return answer(to_document(await self._grants.draft(message, call.caller, self._clock())))

    async def give(self, call: Call) -> web.StreamResponse:
        """The signed text."""
        message = to_message(call.body, wire.GiveGrantRequest)
        grant = await self._grants.give(message, call.caller)
        headers = {"Location": f"/api/v1/grants/{grant.grant_statement_id.hex()}"}
        return answer(to_document(grant), status=_CREATED, headers=headers)

    async def list(self, call: Call) -> web.StreamResponse:
        """Those of one side."""
        side = enum_number(wire.GrantSide.DESCRIPTOR, str(call.parameters.query["side"]).upper())
        grants = await self._grants.list(wire.GrantSide.ValueType(side), call.caller)
        return answer({"grants": list(map(to_document, grants))})

    async def find(self, call: Call) -> web.StreamResponse:
        """One of either side."""
        return answer(to_document(await self._grants.find(bytes.fromhex(call.path("grant")), call.caller)))

    async def revoke(self, call: Call) -> web.StreamResponse:
        """Takes one back."""
        return answer(to_document(await self._grants.revoke(bytes.fromhex(call.path("grant")), call.caller)))


class LookUpHandlers:
    """Operations about look-ups."""

    def __init__(self, look_ups: LookUps) -> None:
        self._look_ups = look_ups

    def operations(self) -> Mapping[str, Handler]:
        """Handlers by operation id."""
        return {"listLookUps": self.list, "exportLookUps": self.export}

    async def list(self, call: Call) -> web.StreamResponse:
        """Who asked. A page may be short and not be the last: only an empty one is."""
        found = await self._look_ups.of(call.caller, int(call.cursor("look-up", _COUNT) or 0), call.limit)
        following = next_cursor("look-up", found[-1].number) if found else None
        return answer({"look_ups": list(map(to_document, found)), "next": following})

    async def export(self, call: Call) -> web.StreamResponse:
        """All of them as a table."""
        content = await self._look_ups.export_csv(call.caller)
        response = attachment(content, media_type="text/csv", name="look-ups.csv")
        response.charset = "utf-8"
        return response
