"""FeedService over gRPC: members tell what comes next in their feeds."""

from __future__ import annotations

from contract.errors import ErrorCode, HurenError
from huren.feed.v1 import feed_service_pb2, feed_service_pb2_grpc
from runtime.feeds.subscription import FeedSubscription
from runtime.grpc_interceptor import Context
from runtime.identity import MemberPeer, peer_identity


class FeedServicer(feed_service_pb2_grpc.FeedServiceServicer):
    """Serves the members whose feeds are taken. Which role publishes which feed is the subscription's business."""

    def __init__(self, subscription: FeedSubscription) -> None:
        self._subscription = subscription

    async def Push(  # noqa: N802  # the method's name in the contract
        self, request: feed_service_pb2.PushRequest, context: Context
    ) -> feed_service_pb2.PushResponse:
        """Takes what comes next; what it answers is committed."""
        return await self._subscription.take(_require_member(context), request)


def _require_member(context: Context) -> MemberPeer:
    peer = peer_identity(context.auth_context())
    if isinstance(peer, MemberPeer):
        return peer
    raise HurenError(
        ErrorCode.NOT_PERMITTED, need_zh="请使用成员单位的证书。", need_en="Use the certificate of a member."
    )
