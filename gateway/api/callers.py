"""Who calls, read once for all servicers that serve enterprises."""

from __future__ import annotations

from typing import Any

from grpc.aio import ServicerContext

from contract.errors import ErrorCode, HurenError
from gateway.domain.request import Caller
from huren.fragment.v1 import query_pb2
from runtime.identity import EnterprisePeer, peer_identity


def enterprise_caller(context: ServicerContext[Any, Any]) -> Caller:
    """Who calls, by the certificate. A certificate is the high level: it was given out in person or by 电子营业执照.

    Raises:
        HurenError: IDENTITY_MISSING, NOT_PERMITTED.
    """
    peer = peer_identity(context.auth_context())
    match peer:
        case EnterprisePeer(uscc=uscc):
            return Caller(reference=f"enterprise:{uscc}", uscc=uscc, identity_level=query_pb2.IDENTITY_LEVEL_HIGH)
        case None:
            raise HurenError(ErrorCode.IDENTITY_MISSING)
        case _:
            raise HurenError(
                ErrorCode.NOT_PERMITTED,
                need_zh="请使用企业证书。",
                need_en="The certificate of an enterprise is needed.",
            )
