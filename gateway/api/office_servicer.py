"""OfficeService over gRPC: officers of the home, by name of their certificates, take reports back and look where they stand."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import grpc

from contract.days import to_timestamp
from gateway.domain.revocation import Proposal
from gateway.reports.standing import StandingService
from huren.office.v1 import office_service_pb2 as wire
from huren.office.v1 import office_service_pb2_grpc
from runtime.grpc_callers import require_officer

_Context = grpc.aio.ServicerContext[Any, Any]


class OfficeServicer(office_service_pb2_grpc.OfficeServiceServicer):
    """Serves the officers whom the settings name."""

    def __init__(self, service: StandingService, *, officers: Collection[str]) -> None:
        self._service = service
        self._officers = frozenset(officers)

    async def ProposeRevocation(  # noqa: N802  # the generated base names both kinds of server
        self, request: wire.ProposeRevocationRequest, context: _Context
    ) -> wire.ProposeRevocationResponse:
        """First of two."""
        officer = require_officer(context, self._officers)
        proposal = await self._service.propose_revocation(
            request.report_number, request.category, request.note, officer=officer
        )
        return wire.ProposeRevocationResponse(revocation=_revocation(proposal))

    async def ConfirmRevocation(  # noqa: N802  # as above
        self, request: wire.ConfirmRevocationRequest, context: _Context
    ) -> wire.ConfirmRevocationResponse:
        """Second of two."""
        officer = require_officer(context, self._officers)
        proposal = await self._service.confirm_revocation(request.proposal, officer=officer)
        return wire.ConfirmRevocationResponse(revocation=_revocation(proposal))

    async def WithdrawRevocation(  # noqa: N802  # as above
        self, request: wire.WithdrawRevocationRequest, context: _Context
    ) -> wire.WithdrawRevocationResponse:
        """Gives a proposal up."""
        officer = require_officer(context, self._officers)
        await self._service.withdraw_revocation(request.proposal, officer=officer)
        return wire.WithdrawRevocationResponse()

    async def ListRevocations(  # noqa: N802  # as above
        self, request: wire.ListRevocationsRequest, context: _Context
    ) -> wire.ListRevocationsResponse:
        """Gives the proposals that wait."""
        del request
        require_officer(context, self._officers)
        return wire.ListRevocationsResponse(revocations=map(_revocation, await self._service.revocations()))

    async def GetStanding(  # noqa: N802  # as above
        self, request: wire.GetStandingRequest, context: _Context
    ) -> wire.GetStandingResponse:
        """Gives where a report stands, with all that led there."""
        require_officer(context, self._officers)
        standing = await self._service.standing(request.report_number)
        return wire.GetStandingResponse(standing=standing.to_wire())


def _revocation(proposal: Proposal) -> wire.Revocation:
    return wire.Revocation(
        proposal=proposal.number,
        report_number=proposal.report_number,
        category=proposal.category,
        note=proposal.note,
        proposed_by=proposal.proposed_by,
        proposed_at=to_timestamp(proposal.proposed_at),
    )
