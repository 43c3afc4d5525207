"""A PKI, a gRPC server that answers as a test tells it, and databases to run the same tests on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import grpc
import pytest

from contract.province import Province
from contract.uscc import Uscc, parse_uscc
from huren.envelope.v1 import envelope_pb2
from huren.report.v1 import report_service_pb2, report_service_pb2_grpc
from runtime.database import Database, open_database
from runtime.grpc_channel import open_channel
from runtime.grpc_server import GrpcServer, ServedService
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import ListenSettings, TLSSettings
from runtime.telemetry import Metrics
from sandbox.pki import PKI, Authority, issue_enterprise_certificate, make_pki
from tests.support.postgresql import database_url as database_url
from tests.support.postgresql import postgresql_server as postgresql_server
from tests.support.postgresql import postgresql_url as postgresql_url

ADAPTER = MemberPeer(Province(14), envelope_pb2.MEMBER_ROLE_ADAPTER)
GATEWAY = MemberPeer(Province(11), envelope_pb2.MEMBER_ROLE_GATEWAY)
USCC = parse_uscc("91350200575017604M")
REPORT_NUMBER = "HR1420261122000000018"

# --- TLS and gRPC ---

GetReport = Callable[[report_service_pb2.GetReportRequest, Any], Awaitable[report_service_pb2.GetReportResponse]]


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    # TLS compares with the machine's clock, so this is the one place where tests read it.
    now = datetime.now(UTC)
    made = make_pki(tmp_path_factory.mktemp("federation") / "pki", Province, now)
    issue_enterprise_certificate(made, USCC, "示例公司", now)
    return made


@pytest.fixture
def member() -> MemberPeer:
    return ADAPTER


@pytest.fixture
def caller() -> MemberPeer:
    return GATEWAY


@pytest.fixture
def uscc() -> Uscc:
    return USCC


@dataclass
class ReportServicer(report_service_pb2_grpc.ReportServiceServicer):
    """Answers GetReport as `get_report` says."""

    get_report: GetReport

    def _unused(self, request: object, context: object) -> Any:
        raise NotImplementedError  # nothing here calls it; gRPC wants every method of the service

    RequestReport = WatchReport = CancelRequest = RenderReport = RenderProgressSheet = ListNotices = _unused

    async def GetReport(  # noqa: N802 - gRPC's name
        self, request: report_service_pb2.GetReportRequest, context: Any
    ) -> report_service_pb2.GetReportResponse:
        return await self.get_report(request, context)


async def echo(request: report_service_pb2.GetReportRequest, _context: Any) -> report_service_pb2.GetReportResponse:
    response = report_service_pb2.GetReportResponse()
    response.sealed.report_number = request.report_number
    return response


@dataclass
class Federation:
    """One server of a member, and channels to it."""

    pki: PKI
    metrics: Metrics = field(default_factory=Metrics)

    @asynccontextmanager
    async def serving(
        self,
        get_report: GetReport = echo,
        *,
        trusting: Authority = Authority.MEMBERS,
        max_concurrent_calls: int = 100,
        max_request_size_bytes: int = 4096,
        answers_for: Province | None = None,
    ) -> AsyncIterator[RunningServer]:
        server = GrpcServer(
            [
                ServedService(
                    report_service_pb2.DESCRIPTOR.services_by_name["ReportService"],
                    partial(report_service_pb2_grpc.add_ReportServiceServicer_to_server, ReportServicer(get_report)),
                ),
            ],
            listen=ListenSettings(host="127.0.0.1", port=0),
            tls=self.pki.member_tls(ADAPTER, trusting=trusting),
            metrics=self.metrics,
            max_concurrent_calls=max_concurrent_calls,
            max_request_size_bytes=max_request_size_bytes,
            answers_for=answers_for,
        )
        port = await server.start()
        try:
            yield RunningServer(server=server, target=f"127.0.0.1:{port}", pki=self.pki)
        finally:
            await server.stop(timedelta(0))


@dataclass
class RunningServer:
    """A server that listens."""

    server: GrpcServer
    target: str
    pki: PKI

    @asynccontextmanager
    async def called_by(
        self, tls: TLSSettings | None = None, *, server_name: str = member_host_name(ADAPTER)
    ) -> AsyncIterator[Client]:
        own = tls or self.pki.member_tls(GATEWAY)
        async with open_channel(self.target, own, server_name=server_name) as channel:
            yield Client(channel)


class Client:
    """Calls GetReport."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.stub = report_service_pb2_grpc.ReportServiceStub(channel)

    async def get_report(self, report_number: str = REPORT_NUMBER) -> report_service_pb2.GetReportResponse:
        request = report_service_pb2.GetReportRequest(report_number=report_number)
        return await self.stub.GetReport(request, timeout=20)

    async def error(self, report_number: str = REPORT_NUMBER) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.get_report(report_number)
        return caught.value

    async def raw_error(self, method: str, request: bytes) -> grpc.aio.AioRpcError:
        return await raw_error(self.channel, method, request)


async def raw_error(channel: grpc.aio.Channel, method: str, request: bytes) -> grpc.aio.AioRpcError:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(request, timeout=20)
    return caught.value


@pytest.fixture
def client_of() -> type[Client]:
    return Client


@pytest.fixture
def federation(pki: PKI) -> Federation:
    return Federation(pki)


# --- Databases ---


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, patience=timedelta(seconds=30)) as opened:
        yield opened
