"""StatusService of a gateway: its own condition, and how the provinces look from here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import grpc

from contract.catalogue import CatalogueSet
from contract.days import china_day, to_timestamp
from contract.province import Province
from gateway.federation.breaker import BreakerState
from gateway.reports.fanout import Neighbour
from gateway.telemetry import GatewayTelemetry
from huren.envelope.v1 import envelope_pb2
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.clock import Clock
from signing import KeyEntry

CONTRACTS = ("huren.fragment.v1", "huren.report.v1", "huren.status.v1")


class StatusServicer(status_service_pb2_grpc.StatusServiceServicer):
    """Answers operators."""

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
        self._province = province
        self._software_version = software_version
        self._catalogues = catalogues
        self._key = key
        self._certificate_not_after = certificate_not_after
        self._neighbours = tuple(neighbours)
        self._telemetry = telemetry
        self._clock = clock

    async def GetMemberStatus(  # noqa: N802  # the generated base names both kinds of server
        self,
        request: status_service_pb2.GetMemberStatusRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> status_service_pb2.GetMemberStatusResponse:
        """Gives the condition at this moment. Any certified caller may know it: it says nothing about subjects."""
        del request, context
        now = self._clock()
        return status_service_pb2.GetMemberStatusResponse(
            province=self._province.wire,
            role=envelope_pb2.MEMBER_ROLE_GATEWAY,
            contracts=CONTRACTS,
            software_version=self._software_version,
            catalogue=self._catalogues.in_force(china_day(now)).ref,
            signing_key=status_service_pb2.SigningKey(
                keyid=self._key.keyid,
                suite=envelope_pb2.Suite.ValueType(self._key.suite),
                not_after=to_timestamp(self._key.not_after),
            ),
            certificate_not_after=to_timestamp(self._certificate_not_after),
            clock=to_timestamp(now),
            peers=[
                status_service_pb2.PeerHealth(
                    province=neighbour.province.wire,
                    asking=neighbour.breaker.state is not BreakerState.OPEN,
                    last_failure=self._telemetry.last_failure.get(neighbour.province, ""),
                )
                for neighbour in self._neighbours
            ],
        )
