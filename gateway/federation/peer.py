"""One province's adapter, as the gateway calls it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Protocol

import grpc

from contract.outcome import UnavailableReason
from huren.fragment.v1 import adapter_service_pb2, adapter_service_pb2_grpc
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.grpc_errors import error_detail


class PeerError(Exception):
    """No answer came.

    Attributes:
        reason: Why.
        may_retry: Whether the same bytes may be sent again within the deadline.
        retry_after: Not earlier than this, when the province says so.
        detail: For the operator.
    """

    def __init__(
        self, reason: UnavailableReason, *, may_retry: bool, retry_after: timedelta | None = None, detail: str = ""
    ) -> None:
        self.reason = reason
        self.may_retry = may_retry
        self.retry_after = retry_after
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class Peer(Protocol):
    """A province's adapter."""

    async def answer(self, query_envelope: bytes, *, timeout_s: float) -> bytes:
        """Sends a query and returns the bytes of the answer's envelope, not verified.

        Raises:
            PeerError: No answer came.
        """

    async def coverage(self, statement_id: bytes, *, timeout_s: float) -> bytes:
        """Returns the bytes of a coverage statement's envelope, not verified.

        Raises:
            PeerError: None came.
        """

    async def status(self, *, timeout_s: float) -> status_service_pb2.GetMemberStatusResponse:
        """Returns what the adapter says about its own condition. It is not signed.

        Raises:
            PeerError: It said nothing.
        """


STATUS_TABLE: Final[dict[grpc.StatusCode, tuple[UnavailableReason, bool]]] = {
    grpc.StatusCode.OK: (UnavailableReason.FAILED, False),
    grpc.StatusCode.CANCELLED: (UnavailableReason.NOT_REACHABLE, True),
    grpc.StatusCode.UNKNOWN: (UnavailableReason.FAILED, True),
    grpc.StatusCode.INVALID_ARGUMENT: (UnavailableReason.REJECTED, False),
    grpc.StatusCode.DEADLINE_EXCEEDED: (UnavailableReason.DEADLINE_EXCEEDED, False),
    grpc.StatusCode.NOT_FOUND: (UnavailableReason.REJECTED, False),
    grpc.StatusCode.ALREADY_EXISTS: (UnavailableReason.REJECTED, False),
    grpc.StatusCode.PERMISSION_DENIED: (UnavailableReason.REJECTED, False),
    grpc.StatusCode.UNAUTHENTICATED: (UnavailableReason.REJECTED, False),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (UnavailableReason.OVERLOADED, True),
    grpc.StatusCode.FAILED_PRECONDITION: (UnavailableReason.REJECTED, False),
    grpc.StatusCode.ABORTED: (UnavailableReason.FAILED, True),
    grpc.StatusCode.OUT_OF_RANGE: (UnavailableReason.REJECTED, False),
    grpc.StatusCode.UNIMPLEMENTED: (UnavailableReason.REJECTED, False),
    grpc.StatusCode.INTERNAL: (UnavailableReason.FAILED, True),
    grpc.StatusCode.UNAVAILABLE: (UnavailableReason.NOT_REACHABLE, True),
    grpc.StatusCode.DATA_LOSS: (UnavailableReason.FAILED, False),
}
"""What each gRPC status means for an outcome, and whether the same bytes may be sent again."""


class GrpcPeer:
    """An adapter behind a gRPC channel. The channel belongs to whoever made it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = adapter_service_pb2_grpc.AdapterServiceStub(channel)
        self._status = status_service_pb2_grpc.StatusServiceStub(channel)

    async def answer(self, query_envelope: bytes, *, timeout_s: float) -> bytes:
        """As `Peer.answer`."""
        request = adapter_service_pb2.AnswerRequest(query_envelope=query_envelope)
        try:
            response = await self._stub.Answer(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error
        return response.answer_envelope

    async def coverage(self, statement_id: bytes, *, timeout_s: float) -> bytes:
        """As `Peer.coverage`."""
        request = adapter_service_pb2.GetCoverageRequest(statement_id=statement_id)
        try:
            response = await self._stub.GetCoverage(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error
        return response.coverage_envelope

    async def status(self, *, timeout_s: float) -> status_service_pb2.GetMemberStatusResponse:
        """As `Peer.status`."""
        try:
            return await self._status.GetMemberStatus(status_service_pb2.GetMemberStatusRequest(), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error


def _translated(error: grpc.aio.AioRpcError) -> PeerError:
    reason, may_retry = STATUS_TABLE[error.code()]
    detail = error_detail(error)
    retry_after = detail.retry_after.ToTimedelta() if detail and detail.HasField("retry_after") else None
    said = f"{detail.code}: {detail.message_en}" if detail else (error.details() or "")
    return PeerError(reason, may_retry=may_retry, retry_after=retry_after, detail=f"{error.code().name}: {said}"[:500])
