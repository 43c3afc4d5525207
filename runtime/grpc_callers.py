"""Which callers a method is for. What a caller is, is read from its certificate (`identity`)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from grpc.aio import ServicerContext

from contract.errors import ErrorCode, HurenError
from huren.envelope.v1 import envelope_pb2
from runtime.identity import MemberPeer, OperatorPeer, peer_identity


def require_gateway(context: ServicerContext[Any, Any]) -> MemberPeer:
    """Lets members' gateways in, and says which one it is.

    Raises:
        HurenError: NOT_PERMITTED.
    """
    return _require_role(context, envelope_pb2.MEMBER_ROLE_GATEWAY, "网关", "gateway")


def require_adapter(context: ServicerContext[Any, Any]) -> MemberPeer:
    """Lets members' adapters in, and says which one it is.

    Raises:
        HurenError: NOT_PERMITTED.
    """
    return _require_role(context, envelope_pb2.MEMBER_ROLE_ADAPTER, "适配器", "adapter")


def _require_role(
    context: ServicerContext[Any, Any], role: envelope_pb2.MemberRole.ValueType, zh: str, en: str
) -> MemberPeer:
    peer = peer_identity(context.auth_context())
    if isinstance(peer, MemberPeer) and peer.role == role:
        return peer
    raise HurenError(
        ErrorCode.NOT_PERMITTED,
        need_zh=f"请使用成员单位{zh}的证书。",
        need_en=f"Use the certificate of a member's {en}.",
    )


def require_member_or_operator(context: ServicerContext[Any, Any]) -> None:
    """Lets members and operators in.

    Raises:
        HurenError: NOT_PERMITTED.
    """
    if not isinstance(peer_identity(context.auth_context()), MemberPeer | OperatorPeer):
        raise HurenError(
            ErrorCode.NOT_PERMITTED,
            need_zh="请使用成员单位或其运维人员的证书。",
            need_en="Use the certificate of a member or of its operators.",
        )


def require_officer(context: ServicerContext[Any, Any], officers: Collection[str]) -> str:
    """Lets those operators in whom the settings name as officers, and says which one it is.

    Raises:
        HurenError: NOT_PERMITTED.
    """
    peer = peer_identity(context.auth_context())
    if isinstance(peer, OperatorPeer) and peer.name in officers:
        return peer.name
    raise HurenError(
        ErrorCode.NOT_PERMITTED,
        need_zh="请使用本省（市）业务人员的证书。",
        need_en="Use the certificate of one of this province's officers.",
    )
