"""A PKI, a gRPC server that answers as a test tells it, and databases to run the same tests on."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
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

    def RequestReport(self, request: object, context: object) -> Any:  # noqa: N802 - gRPC's name
        raise NotImplementedError

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


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, patience=timedelta(seconds=30)) as opened:
        yield opened


@pytest.fixture
def postgresql_url(_postgresql_server: _PostgreSQL, request: pytest.FixtureRequest) -> str:
    """A new database in the throw-away server."""
    name = "t_" + re.sub(r"[^a-z0-9]", "_", request.node.name.lower())[:50]
    _postgresql_server.sql(f"DROP DATABASE IF EXISTS {name}")
    _postgresql_server.sql(f"CREATE DATABASE {name}")
    return f"postgresql://huren@127.0.0.1:{_postgresql_server.port}/{name}"


@pytest.fixture(scope="session")
def _postgresql_server() -> Iterator[_PostgreSQL]:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not versions:
        pytest.skip("PostgreSQL is not installed: make system-packages")
    # Not below pytest's own folder, which an unprivileged user cannot enter.
    folder = Path(tempfile.mkdtemp(prefix="huren-pg-"))
    server = _PostgreSQL(binaries=versions[-1].parent, folder=folder, port=_free_port(), owner=_unprivileged())
    try:
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@dataclass
class _PostgreSQL:
    """A server for this run of the tests only, on the loopback interface, without passwords and without syncing to disk."""

    binaries: Path
    folder: Path
    port: int
    owner: tuple[int, int] | None

    def start(self) -> None:
        if self.owner:
            os.chown(self.folder, *self.owner)
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "huren", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", data, "-l", str(self.folder / "log"), "-o", options, "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def sql(self, statement: str) -> None:
        self._run(
            "psql", "-h", str(self.folder), "-p", str(self.port), "-U", "huren", "-d", "postgres", "-qc", statement
        )

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        if self.owner:
            uid, gid = self.owner
            command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *command]
        # No pipes: the server would keep them open and nobody would see the end of pg_ctl.
        with (self.folder.parent / f"{self.folder.name}.out").open("w+b") as output:
            try:
                result = subprocess.run(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", timeout=60, check=False
                )
                output.seek(0)
                assert result.returncode == 0, f"{program}: {output.read().decode(errors='replace')}"
            finally:
                Path(output.name).unlink()


def _unprivileged() -> tuple[int, int] | None:
    """PostgreSQL refuses to run as root: whoever it was installed for, or else an id that nobody has."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError, ImportError):
        import pwd  # noqa: PLC0415 - POSIX only

        entry = pwd.getpwnam("postgres")
        return entry.pw_uid, entry.pw_gid
    return 65432, 65432


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
