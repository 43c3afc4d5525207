"""A federation on real gRPC with real mutual TLS, in one process: a gateway and four adapters that a test can make misbehave.

The gateway is the real one, on a store of its own. The adapters are servers that answer from `tests.support.federation`: what a
province says is up to the test, how it travels is not.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from sqlalchemy import select

from contract.catalogue import CellKey
from contract.days import to_timestamp
from contract.errors import ErrorCode, HurenError
from contract.outcome import Outcome, Question
from contract.province import Province
from contract.registry import Registry, RegistryEntry
from contract.uscc import Uscc
from gateway.composition import Parts, People, Services, compose, neighbours_of
from gateway.federation.breaker import BreakerPolicy
from gateway.federation.directory import FixedDirectory, Member
from gateway.federation.gateways import Gateways, GatewayUnknownError
from gateway.federation.peer import GrpcPeer, Peer
from gateway.render.seal import Seal
from gateway.reports.completion import Completion
from gateway.reports.service import Observer, Step
from gateway.store import tables
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import adapter_service_pb2, adapter_service_pb2_grpc, query_pb2, record_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_service_pb2_grpc
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.database import Database, open_database
from runtime.grpc_channel import open_channel
from runtime.grpc_server import GrpcServer, ServedService
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import ListenSettings
from runtime.telemetry import Metrics
from sandbox.pki import OFFICERS, PKI, Authority, issue_enterprise_certificate
from signing import decode_envelope, statement_id
from tests.support.federation import ADAPTER, GATEWAY, SUBJECT_CODE, Federation, registry_entry, wire_keys

Behaviour = Callable[[Federation, Question], Awaitable[bytes]]
"""What a province does with a question: the bytes of its answer, or an exception."""

Records = Mapping[CellKey, Iterable[record_pb2.Record]]

LOOPBACK = ListenSettings(host="127.0.0.1", port=0)
PATIENCE = timedelta(seconds=20)


def honest(records: Records | None = None) -> Behaviour:
    """Answers with a fragment that keeps every rule."""

    async def answer(federation: Federation, question: Question) -> bytes:
        return federation.answer(question, records)

    return answer


@dataclass
class Counterpart:
    """One adapter: what it does, and what it was sent."""

    behaviour: Behaviour = field(default_factory=honest)
    received: list[bytes] = field(default_factory=list)
    coverage_failures: int = 0
    watermarks: dict[CellKey, datetime | None] = field(default_factory=dict)
    statuses: int = 0
    server: GrpcServer | None = None

    async def stop(self) -> None:
        """Takes the adapter down."""
        assert self.server is not None
        await self.server.stop(timedelta(0))


class _Adapter(adapter_service_pb2_grpc.AdapterServiceServicer):
    def __init__(self, federation: Federation, province: Province, state: Counterpart) -> None:
        self._federation = federation
        self._province = province
        self._state = state

    async def Answer(  # noqa: N802
        self, request: adapter_service_pb2.AnswerRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> adapter_service_pb2.AnswerResponse:
        del context
        self._state.received.append(request.query_envelope)
        question = question_of(request.query_envelope)
        answer = await self._state.behaviour(self._federation, question)
        return adapter_service_pb2.AnswerResponse(answer_envelope=answer)

    async def GetCoverage(  # noqa: N802
        self, request: adapter_service_pb2.GetCoverageRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> adapter_service_pb2.GetCoverageResponse:
        del context
        if self._state.coverage_failures:
            self._state.coverage_failures -= 1
            raise RuntimeError("a fault on the way")
        statement = self._federation.coverage(self._province).statement
        if request.statement_id != statement.statement_id:
            raise HurenError(ErrorCode.COVERAGE_NOT_FOUND)
        return adapter_service_pb2.GetCoverageResponse(coverage_envelope=statement.envelope)


class _Status(status_service_pb2_grpc.StatusServiceServicer):
    """Says that every source is as new as the fragments of `Federation` say, or what the test has it say."""

    def __init__(self, federation: Federation, province: Province, state: Counterpart) -> None:
        self._federation = federation
        self._province = province
        self._state = state

    async def GetMemberStatus(  # noqa: N802
        self, request: status_service_pb2.GetMemberStatusRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> status_service_pb2.GetMemberStatusResponse:
        del request, context
        self._state.statuses += 1
        coverage = self._federation.coverage(self._province)
        now = self._federation.now
        status = status_service_pb2.GetMemberStatusResponse(
            province=self._province.wire,
            role=ADAPTER,
            catalogue=self._federation.catalogue.ref,
            clock=to_timestamp(now),
            coverage_statement_id=coverage.statement.statement_id,
            desk=status_service_pb2.DeskState(followed_at=to_timestamp(now)),
        )
        for entry in coverage.coverage.cells:
            key = (entry.key.domain, int(entry.key.kind))
            if entry.covered:
                as_of = self._state.watermarks.get(key, now - timedelta(hours=12))
                status.sources.add(key=wire_keys([key])[0], data_as_of=None if as_of is None else to_timestamp(as_of))
        return status


def question_of(envelope: bytes) -> Question:
    """A question as a province receives it, not verified: the test decides what the province checks."""
    decoded = decode_envelope(envelope)
    query = query_pb2.Query.FromString(decoded.payload)
    return Question(query, statement_id(decoded.payload_type, decoded.payload), envelope)


class TableOfSubjects(Registry):
    """A registry that knows what it is told."""

    def __init__(self, *entries: RegistryEntry) -> None:
        self.entries = {entry.uscc: entry for entry in entries}

    async def lookup(self, uscc: Uscc) -> RegistryEntry | None:
        return self.entries.get(uscc)

    async def knows_name(self, name: str) -> bool:
        return any(name == entry.name for entry in self.entries.values())


class Recorder(Observer):
    """Remembers outcomes, and does what a test wants at a step."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.ends: list[str] = []
        self.at_end_of: dict[Step, Callable[[], None]] = {}

    def finished(self, step: Step, seconds: float) -> None:
        del seconds
        self.at_end_of.pop(step, lambda: None)()

    def outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def ended(self, end: str) -> None:
        self.ends.append(end)

    def of(self, province: Province) -> Outcome:
        """The one outcome of a province in the last request."""
        found = [outcome for outcome in self.outcomes if outcome.province is province]
        assert len(found) == 1, f"expected one outcome of {province.slug}, got {len(found)}"
        return found[0]


@dataclass
class Live:
    """A running federation."""

    federation: Federation
    provinces: dict[Province, Counterpart]
    registry: TableOfSubjects
    recorder: Recorder
    database: Database
    pki: PKI
    services: Services
    gateway_address: str
    adapter_addresses: Mapping[Province, str]

    async def start_again(self, province: Province) -> None:
        """Starts a stopped adapter at the address that it had."""
        port = int(self.adapter_addresses[province].rpartition(":")[2])
        state = self.provinces[province]
        state.server = adapter_server(self.federation, self.pki, province, state, port=port)
        await state.server.start()

    @asynccontextmanager
    async def client(self, code: Uscc = SUBJECT_CODE) -> AsyncGenerator[report_service_pb2_grpc.ReportServiceAsyncStub]:
        """Calls the gateway as an enterprise."""
        tls = issue_enterprise_certificate(self.pki, code, "示例企业", datetime.now(UTC))
        name = member_host_name(MemberPeer(Province.BEIJING, GATEWAY))
        async with open_channel(self.gateway_address, tls, server_name=name) as channel:
            yield report_service_pb2_grpc.ReportServiceStub(channel)

    async def request(self, code: Uscc = SUBJECT_CODE, **changes: Any) -> wire.RequestReportResponse:
        """Asks for a report as the subject itself."""
        message = wire.RequestReportRequest(**({"idempotency_key": secrets.token_hex(8), "uscc": code} | changes))
        async with self.client(code) as stub:
            return await stub.RequestReport(message, timeout=30)

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """Lets the gateway do its durable work for the time of the block; its clock goes on, so that what is due later is due."""
        work, time = asyncio.create_task(self.services.worker.run()), asyncio.create_task(self._time_goes_on())
        try:
            yield
        finally:
            for task in (work, time):
                task.cancel()
            await asyncio.gather(work, time, return_exceptions=True)

    async def _time_goes_on(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            self.federation.now += timedelta(minutes=1)

    async def ended(self, request_id: str, code: Uscc = SUBJECT_CODE) -> wire.WatchReportResponse:
        """How a request ended; waits for it."""
        async with self.client(code) as stub:
            async for message in stub.WatchReport(wire.WatchReportRequest(request_id=request_id), timeout=60):
                if message.WhichOneof("result") != "open":
                    return message
        raise AssertionError("the watch ended before the request did")

    async def rows(self, table: Any) -> list[Any]:
        """What a table of the gateway holds."""
        async with self.database.read() as connection:
            return list((await connection.execute(select(table))).mappings())

    async def stored(self) -> dict[str, int]:
        """How many rows each table of the gateway holds, audit and epochs left out; empty tables are not named."""
        counts = {table.name: len(await self.rows(table)) for table in tables.metadata.sorted_tables}
        return {name: count for name, count in counts.items() if count and name not in {"audit", "epochs"}}


class NoGateways(Gateways):
    """Nobody knows where other gateways are."""

    async def channel(self, province: Province) -> grpc.aio.Channel:
        raise GatewayUnknownError(province.slug)


def adapter_server(
    federation: Federation, pki: PKI, province: Province, state: Counterpart, *, port: int = 0
) -> GrpcServer:
    """An adapter that answers from the federation, not started."""
    add = adapter_service_pb2_grpc.add_AdapterServiceServicer_to_server
    return GrpcServer(
        [
            ServedService(
                adapter_service_pb2.DESCRIPTOR.services_by_name["AdapterService"],
                partial(add, _Adapter(federation, province, state)),
            ),
            ServedService(
                status_service_pb2.DESCRIPTOR.services_by_name["StatusService"],
                partial(
                    status_service_pb2_grpc.add_StatusServiceServicer_to_server, _Status(federation, province, state)
                ),
            ),
        ],
        listen=ListenSettings(host="127.0.0.1", port=port),
        tls=pki.member_tls(MemberPeer(province, ADAPTER)),
        metrics=Metrics(),
        max_concurrent_calls=64,
    )


@asynccontextmanager
async def live_federation(
    pki: PKI,
    folder: Path,
    federation: Federation | None = None,
    *,
    database_url: str | None = None,
    patience: timedelta = PATIENCE,
    production: bool = False,
    breaker_policy: BreakerPolicy | None = None,
    people: People | None = None,
    trusted_proxies: int = 0,
    further: Mapping[str, Any] | None = None,
) -> AsyncGenerator[Live]:
    """Starts adapters and a gateway of Beijing; stops them at the end. Its public address is composed and not served."""
    federation = federation or Federation()
    provinces = {province: Counterpart() for province in Province}
    registry = TableOfSubjects(registry_entry())
    recorder = Recorder()
    async with AsyncExitStack() as stack:
        addresses: dict[Province, str] = {}
        for province, state in provinces.items():
            server = adapter_server(federation, pki, province, state)
            state.server = server
            addresses[province] = f"127.0.0.1:{await server.start()}"
            stack.push_async_callback(state.stop)
        database = await stack.enter_async_context(open_database(database_url or f"sqlite:///{folder / 'gateway.db'}"))
        await tables.prepare(database)
        peers: dict[Province, Peer] = {}
        for province, address in addresses.items():
            channel = await stack.enter_async_context(
                open_channel(
                    address,
                    pki.member_tls(MemberPeer(Province.BEIJING, GATEWAY)),
                    server_name=member_host_name(MemberPeer(province, ADAPTER)),
                )
            )
            peers[province] = GrpcPeer(channel)
        seal = pki.seal(MemberPeer(Province.BEIJING, GATEWAY))
        parts = Parts(
            province=Province.BEIJING,
            production=production,
            database=database,
            registry=registry,
            catalogues=federation.catalogues,
            directory=FixedDirectory(members(addresses)),
            peers=peers,
            gateways=NoGateways(),
            key=federation.keys[Province.BEIJING, envelope_pb2.MEMBER_ROLE_GATEWAY],
            trust=federation.trust,
            clock=lambda: federation.now,
            patience=patience,
            completion=Completion(
                limit=timedelta(hours=72), first_pause=timedelta(seconds=5), longest_pause=timedelta(minutes=5)
            ),
            seal=Seal.load(seal.certificate, seal.private_key),
            trust_directory=folder / "trust",
            public_url=lambda: "https://huren.example",
            officers=frozenset(OFFICERS),
            enterprise_authorities=x509.load_pem_x509_certificates(pki.root(Authority.CLIENTS).read_bytes()),
            breaker_policy=breaker_policy or BreakerPolicy(),
            people=people,
            trusted_proxies=trusted_proxies,
        )
        parts = replace(parts, **(further or {}))
        services = compose(parts, neighbours_of(parts), recorder)
        gateway = GrpcServer(
            services.for_clients,
            listen=LOOPBACK,
            tls=pki.member_tls(MemberPeer(Province.BEIJING, GATEWAY), trusting=Authority.CLIENTS),
            metrics=Metrics(),
            max_concurrent_calls=64,
        )
        port = await gateway.start()
        stack.push_async_callback(gateway.stop, timedelta(0))
        yield Live(
            federation=federation,
            provinces=provinces,
            registry=registry,
            recorder=recorder,
            database=database,
            pki=pki,
            services=services,
            gateway_address=f"127.0.0.1:{port}",
            adapter_addresses=addresses,
        )


def members(addresses: Mapping[Province, str]) -> dict[Province, Member]:
    """A member directory."""
    return {
        province: Member(
            province=province,
            adapter=address,
            adapter_name=member_host_name(MemberPeer(province, ADAPTER)),
            gateway=f"gateway.{province.slug}.example:443",
            unit=f"{province.name_zh}信用主管部门（演示）",
            telephone="（演示）000-12345",
        )
        for province, address in addresses.items()
    }
