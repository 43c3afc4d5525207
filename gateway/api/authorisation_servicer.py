"""AuthorisationService over gRPC: who may ask about an enterprise, and who asked, by the certificate of the enterprise."""

from __future__ import annotations

from typing import Any

import grpc

from gateway.api.callers import enterprise_caller
from gateway.authorisations.grants import GrantService
from gateway.authorisations.look_ups import MOST, LookUps
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.authorisation.v1 import authorisation_service_pb2_grpc
from runtime.clock import Clock

_Context = grpc.aio.ServicerContext[Any, Any]


class AuthorisationServicer(authorisation_service_pb2_grpc.AuthorisationServiceServicer):
    """Serves enterprises about themselves."""

    def __init__(self, grants: GrantService, look_ups: LookUps, clock: Clock) -> None:
        self._grants = grants
        self._look_ups = look_ups
        self._clock = clock

    async def DraftGrant(  # noqa: N802  # the generated base names both kinds of server
        self, request: wire.DraftGrantRequest, context: _Context
    ) -> wire.DraftGrantResponse:
        """Writes a text to sign."""
        return await self._grants.draft(request, enterprise_caller(context), self._clock())

    async def GiveGrant(  # noqa: N802  # as above
        self, request: wire.GiveGrantRequest, context: _Context
    ) -> wire.GiveGrantResponse:
        """Takes the signed text."""
        return wire.GiveGrantResponse(grant=await self._grants.give(request, enterprise_caller(context)))

    async def RevokeGrant(  # noqa: N802  # as above
        self, request: wire.RevokeGrantRequest, context: _Context
    ) -> wire.RevokeGrantResponse:
        """Takes a grant back."""
        grant = await self._grants.revoke(request.grant_statement_id, enterprise_caller(context))
        return wire.RevokeGrantResponse(grant=grant)

    async def ListGrants(  # noqa: N802  # as above
        self, request: wire.ListGrantsRequest, context: _Context
    ) -> wire.ListGrantsResponse:
        """Gives the grants of one side."""
        return wire.ListGrantsResponse(grants=await self._grants.list(request.side, enterprise_caller(context)))

    async def ListLookUps(  # noqa: N802  # as above
        self, request: wire.ListLookUpsRequest, context: _Context
    ) -> wire.ListLookUpsResponse:
        """Gives who asked."""
        found = await self._look_ups.of(enterprise_caller(context), request.before, MOST)
        return wire.ListLookUpsResponse(look_ups=found)
