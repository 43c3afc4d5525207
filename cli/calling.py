"""What it takes to call a member of the sandbox federation: TLS files, names, and whether it is well."""

from __future__ import annotations

import json
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types

from cli.layout import Layout
from contract.province import Province
from contract.uscc import Uscc
from huren.envelope.v1 import envelope_pb2
from runtime.grpc_channel import open_channel
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import TLSSettings
from sandbox.pki import OPERATOR, Authority

SERVING: Final = "SERVING"

_HEALTH_TIMEOUT_S: Final = 20.0


def operator_tls(layout: Layout, role: envelope_pb2.MemberRole.ValueType) -> TLSSettings:
    """The operator's TLS files for adapters or for gateways."""
    adapters = role == envelope_pb2.MEMBER_ROLE_ADAPTER
    return layout.pki.operator_tls(OPERATOR, Authority.MEMBERS if adapters else Authority.CLIENTS)


async def health(layout: Layout, member: MemberPeer, address: str) -> str:
    """A member's health as it tells an operator, or the status of the failed call."""
    tls = operator_tls(layout, member.role)
    async with open_channel(address, tls, server_name=member_host_name(member)) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            response = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_HEALTH_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))


def gateway_name(province: Province) -> str:
    """The name that a gateway's certificate carries."""
    return member_host_name(MemberPeer(province, envelope_pb2.MEMBER_ROLE_GATEWAY))


def known_name(layout: Layout, uscc: Uscc) -> str:
    """The name under which the sandbox certifies an enterprise: the registry's, or a placeholder for one it does not know."""
    for line in layout.registry.read_text("utf-8").splitlines():
        entry = json.loads(line)
        if entry["uscc"] == uscc:
            return str(entry["name"])
    return "示例企业（未登记）"
