"""A subscriber behind a gRPC channel."""

from __future__ import annotations

from typing import Final

import grpc

from huren.feed.v1 import feed_service_pb2, feed_service_pb2_grpc
from runtime.feeds.errors import SubscriberUnavailableError
from runtime.grpc_errors import error_detail

MAY_RETRY: Final[dict[grpc.StatusCode, bool]] = {
    grpc.StatusCode.OK: False,
    grpc.StatusCode.CANCELLED: True,
    grpc.StatusCode.UNKNOWN: True,
    grpc.StatusCode.INVALID_ARGUMENT: False,
    grpc.StatusCode.DEADLINE_EXCEEDED: True,
    grpc.StatusCode.NOT_FOUND: False,
    grpc.StatusCode.ALREADY_EXISTS: False,
    grpc.StatusCode.PERMISSION_DENIED: False,
    grpc.StatusCode.UNAUTHENTICATED: False,
    grpc.StatusCode.RESOURCE_EXHAUSTED: True,
    grpc.StatusCode.FAILED_PRECONDITION: False,
    grpc.StatusCode.ABORTED: True,
    grpc.StatusCode.OUT_OF_RANGE: False,
    grpc.StatusCode.UNIMPLEMENTED: False,
    grpc.StatusCode.INTERNAL: True,
    grpc.StatusCode.UNAVAILABLE: True,
    grpc.StatusCode.DATA_LOSS: False,
}
"""Whether pushing again may help without anybody doing something, by gRPC status. A push that is repeated is taken once."""


class GrpcSubscriber:
    """A subscriber of which a channel is at hand. The channel belongs to whoever made it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = feed_service_pb2_grpc.FeedServiceStub(channel)

    async def push(self, request: feed_service_pb2.PushRequest, timeout_s: float) -> feed_service_pb2.PushResponse:
        """As `Subscriber.push`."""
        try:
            return await self._stub.Push(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error


def _translated(error: grpc.aio.AioRpcError) -> SubscriberUnavailableError:
    detail = error_detail(error)
    said = f"{detail.code}: {detail.message_en}" if detail else (error.details() or "")
    return SubscriberUnavailableError(
        f"{error.code().name}: {said}"[:500],
        may_retry=MAY_RETRY[error.code()],
        retry_after=detail.retry_after.ToTimedelta() if detail and detail.HasField("retry_after") else None,
    )
