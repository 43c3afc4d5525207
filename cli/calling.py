"""What it takes to call a member of the sandbox federation: TLS files, names, whether it is well, and what a failed call means.

An enterprise calls the home gateway under its own certificate, which the sandbox makes on demand (`as_enterprise`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias, TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types

from cli.layout import Layout
from cli.terminal import complain
from contract.days import china_day, parse_day
from contract.eligibility import require_subject_code
from contract.errors import HurenError
from contract.province import Province
from contract.uscc import Uscc, home_hint
from gateway.federation.directory import Member
from huren.common.v1 import error_pb2
from huren.envelope.v1 import envelope_pb2
from huren.report.v1 import report_service_pb2_grpc
from runtime.clock import system_clock
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import TLSSettings
from sandbox.pki import OPERATOR, Authority, issue_enterprise_certificate

SERVING: Final = "SERVING"

_HEALTH_TIMEOUT_S: Final = 20.0

Stub: TypeAlias = "report_service_pb2_grpc.ReportServiceAsyncStub"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NotServedError(Exception):
    """The member does not serve the call, and says why."""

    detail: error_pb2.ErrorDetail


@dataclass(frozen=True, slots=True)
class UnreachableError(Exception):
    """The member did not answer.

    Attributes:
        province: Whose program.
        status: Of the failed call.
    """

    province: Province
    status: str


def operator_tls(layout: Layout, role: envelope_pb2.MemberRole.ValueType, name: str = OPERATOR) -> TLSSettings:
    """An operator's TLS files for adapters or for gateways."""
    adapters = role == envelope_pb2.MEMBER_ROLE_ADAPTER
    return layout.pki.operator_tls(name, Authority.MEMBERS if adapters else Authority.CLIENTS)


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


@contextmanager
def explained(province: Province) -> Iterator[None]:
    """Says what a failed call means.

    Raises:
        NotServedError: The member does not serve it.
        UnreachableError: It did not answer.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        detail = error_detail(error)
        if detail is None:
            raise UnreachableError(province, error.code().name) from error
        raise NotServedError(detail) from error


@asynccontextmanager
async def gateway_channel(member: Member, tls: TLSSettings) -> AsyncGenerator[grpc.aio.Channel]:
    """A channel to a member's gateway for the time of the block, in which a failed call is explained.

    Raises:
        NotServedError, UnreachableError: See `explained`; the latter also where the gateway was not started.
    """
    if not member.gateway:
        raise UnreachableError(member.province, "未启动 not started")
    async with open_channel(member.gateway, tls, server_name=gateway_name(member.province)) as channel:
        with explained(member.province):
            yield channel


# --- As an enterprise -------------------------------------------------------------------------------------------------


async def as_enterprise(
    layout: Layout, written: str, work: Callable[[Stub], Awaitable[T]], *, gateway: Province | None = None
) -> T:
    """Calls the ReportService; as `channel_of_enterprise`."""
    return await channel_of_enterprise(
        layout, written, lambda channel: work(report_service_pb2_grpc.ReportServiceStub(channel)), gateway=gateway
    )


async def channel_of_enterprise(
    layout: Layout,
    written: str,
    work: Callable[[grpc.aio.Channel], Awaitable[T]],
    *,
    gateway: Province | None = None,
) -> T:
    """Calls a gateway under an enterprise's certificate; where it says that another is the home, calls that one.

    Args:
        layout: The federation.
        written: The code, as the person wrote it.
        work: Makes the calls.
        gateway: Which gateway, and no other. None: what the code hints at, then wherever the answer points.

    Raises:
        FederationError: No federation runs.
        NotServedError: The gateway does not serve the call.
        UnreachableError: It did not answer.
    """
    addresses = layout.addresses()
    uscc = subject_code(written)
    first = gateway or home_hint(uscc) or Province.BEIJING
    tls = issue_enterprise_certificate(layout.pki, uscc, known_name(layout, uscc), system_clock())

    async def at(province: Province) -> T:
        async with gateway_channel(addresses[province], tls) as channel:
            return await work(channel)

    try:
        return await at(first)
    except NotServedError as error:
        elsewhere = error.detail.retry == error_pb2.ERROR_RETRY_ELSEWHERE
        if gateway is not None or not elsewhere:
            raise
        home = Province(error.detail.province)
        complain(f"登记地为{home.name_zh}，转向其网关 · registered in {home.name_en}, asking there")
        return await at(home)


def subject_code(written: str) -> Uscc:
    """The code of a subject that may ask.

    Raises:
        NotServedError: It is none. Nobody has a certificate for it, so no gateway could say so itself.
    """
    try:
        return require_subject_code(written)
    except HurenError as error:
        raise NotServedError(error.to_wire()) from error


def known_name(layout: Layout, uscc: Uscc) -> str:
    """The name under which the sandbox certifies an enterprise: the registry's, or a placeholder for one it does not know."""
    entry = _registered(layout, uscc)
    return str(entry["name"]) if entry else "示例企业（未登记）"


def known_home(layout: Layout, uscc: Uscc) -> Province | None:
    """Where an enterprise knows itself to be registered today. None: outside the federation, or the registry does not know it.

    A gateway asked about a request or for notices cannot point elsewhere: it only knows its own.

    Raises:
        FederationError: No federation runs.
    """
    layout.addresses()
    entry = _registered(layout, uscc)
    today = china_day(system_clock())
    begun = [one for one in entry["registrations"] if _since(one) <= today] if entry else []
    last = max(begun, key=_since, default=None)
    return Province(last["province"]) if last and last["province"] else None


def _since(registration: dict[str, Any]) -> date:
    return parse_day(registration["since"])


def _registered(layout: Layout, uscc: Uscc) -> dict[str, Any] | None:
    for line in layout.registry.read_text("utf-8").splitlines():
        entry: dict[str, Any] = json.loads(line)
        if entry["uscc"] == uscc:
            return entry
    return None
