"""HomeService over gRPC: what the homes of the members settle among themselves."""

from __future__ import annotations

from typing import Any

import grpc

from gateway.federation.transfers import Transfers
from huren.home.v1 import home_service_pb2, home_service_pb2_grpc
from runtime.grpc_callers import require_gateway


class HomeServicer(home_service_pb2_grpc.HomeServiceServicer):
    """Serves the gateways of the other members."""

    def __init__(self, transfers: Transfers) -> None:
        self._transfers = transfers

    async def AgreeToTransfer(  # noqa: N802  # the generated base names both kinds of server
        self,
        request: home_service_pb2.AgreeToTransferRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> home_service_pb2.AgreeToTransferResponse:
        """Lets a subject go to its new home."""
        peer = require_gateway(context)
        consent = await self._transfers.agree(request.transfer_envelope, peer)
        return home_service_pb2.AgreeToTransferResponse(consent_envelope=consent)
