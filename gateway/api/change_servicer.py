"""ChangeService over gRPC: adapters of the federation tell what became otherwise."""

from __future__ import annotations

from typing import Any

import grpc

from gateway.reports.standing import StandingService
from huren.change.v1 import change_service_pb2, change_service_pb2_grpc
from runtime.grpc_callers import require_adapter


class ChangeServicer(change_service_pb2_grpc.ChangeServiceServicer):
    """Serves members' adapters."""

    def __init__(self, service: StandingService) -> None:
        self._service = service

    async def SubmitChange(  # noqa: N802  # the generated base names both kinds of server
        self, request: change_service_pb2.SubmitChangeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> change_service_pb2.SubmitChangeResponse:
        """Takes a change; what it does to reports is committed then."""
        peer = require_adapter(context)
        await self._service.submit_change(request.change_envelope, peer)
        return change_service_pb2.SubmitChangeResponse()
