"""StatusService of a gateway: its own condition, and how the provinces look from here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import grpc

from contract.catalogue import CatalogueSet
from contract.province import Province
from gateway.federation.breaker import BreakerState
from gateway.reports.fanout import Neighbour
from gateway.telemetry import GatewayTelemetry
from huren.envelope.v1 import envelope_pb2
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.clock import Clock
from runtime.grpc_callers import require_member_or_operator
from runtime.member_status import MemberFacts, member_status
from signing import KeyEntry


class StatusServicer(status_service_pb2_grpc.StatusServiceServicer):
    """Tells members and operators how the gateway is."""

    def __init__(
        self,
        *,
        province: Province,
        software_version: str,
        catalogues: CatalogueSet,
        key: KeyEntry,
        certificate_not_after: datetime,
        neighbours: Iterable[Neighbour],
        telemetry: GatewayTelemetry,
        clock: Clock,
    ) -> None:
        self._facts = MemberFacts(
            province=province,
            role=envelope_pb2.MEMBER_ROLE_GATEWAY,
            software_version=software_version,
            catalogues=catalogues,
            key=key,
            certificate_not_after=certificate_not_after,
        )
        self._neighbours = tuple(neighbours)
        self._telemetry = telemetry
        self._clock = clock

    async def GetMemberStatus(  # noqa: N802  # the generated base names both kinds of server
        self,
        request: status_service_pb2.GetMemberStatusRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> status_service_pb2.GetMemberStatusResponse:
        """Gives the condition at this moment."""
        del request
        require_member_or_operator(context)
        status = member_status(self._facts, self._clock())
        status.peers.extend(
            status_service_pb2.PeerHealth(
                province=neighbour.province.wire,
                asking=neighbour.breaker.state is not BreakerState.OPEN,
                last_failure=self._telemetry.last_failure(neighbour.province),
            )
            for neighbour in self._neighbours
        )
        return status
