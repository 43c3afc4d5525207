"""The composition root: everything of a gateway is made and plugged together here, and only here."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any, Final

import grpc
from aiohttp import web

from contract.catalogue import CatalogueSet, published_catalogues
from contract.province import Province
from contract.registry import Registry
from gateway.api.change_servicer import ChangeServicer
from gateway.api.home_servicer import HomeServicer
from gateway.api.office_servicer import OfficeServicer
from gateway.api.public_http import PublicParts, public_application
from gateway.api.report_servicer import ReportServicer
from gateway.api.status_servicer import StatusServicer
from gateway.api.verification_servicer import VerificationServicer
from gateway.config import GatewaySettings
from gateway.domain.grounds import NoGrants
from gateway.federation.breaker import Breaker, BreakerPolicy
from gateway.federation.coverages import Coverages
from gateway.federation.directory import Directory, DirectoryError, LiveDirectory
from gateway.federation.gateways import Gateways, GrpcGateways
from gateway.federation.peer import GrpcPeer, Peer
from gateway.federation.transfers import Transfers
from gateway.render.pages import ReportPages
from gateway.render.seal import Seal, SealError
from gateway.reports.completion import Completion
from gateway.reports.fanout import FanOut, Neighbour
from gateway.reports.files import ReportFiles
from gateway.reports.intake import Intake
from gateway.reports.notices import Notices
from gateway.reports.sealing import Sealer
from gateway.reports.service import Observer, ReportService, Rules
from gateway.reports.standing import StandingService
from gateway.store import tables
from gateway.store.standing import StandingStore
from gateway.store.store import Store
from gateway.store.transfers import TransferStore
from gateway.store.verification import VerificationStore
from gateway.store.work import COMPLETE, NOTIFY, Backlog, WorkQueue
from gateway.telemetry import GatewayTelemetry
from gateway.verification.by_code import CodeVerification
from gateway.verification.by_file import FileVerification
from gateway.verification.foreign import GrpcHomes
from gateway.verification.statuses import Statuses
from gateway.working import Handler, Worker
from huren.change.v1 import change_service_pb2, change_service_pb2_grpc
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.home.v1 import home_service_pb2, home_service_pb2_grpc
from huren.office.v1 import office_service_pb2, office_service_pb2_grpc
from huren.report.v1 import (
    report_service_pb2,
    report_service_pb2_grpc,
    verification_service_pb2,
    verification_service_pb2_grpc,
)
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.clock import Clock, system_clock
from runtime.database import Database
from runtime.grpc_channel import open_channel
from runtime.grpc_server import ServedService
from runtime.http_server import serve_http
from runtime.identity import MemberPeer
from runtime.member import Door, Foundation, foundation, own_key_entry, serve_until, unfit
from runtime.process import StopSignal
from runtime.telemetry import Metrics
from signing import PrivateKey, Signer, TrustStore, Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a gateway stands on; tests put their own in.

    Attributes:
        province: Whose gateway.
        production: Whether nothing unverified may be sealed.
        database: Its own database, prepared.
        registry: Who is registered where.
        catalogues: The published catalogues.
        directory: Where members are, as it is now.
        peers: The adapters.
        gateways: The other members' gateways.
        key: Its signing key.
        trust: Whose statements it believes.
        clock: What time it is.
        patience: How long the answers of one try are awaited.
        completion: How an open request is gone on with.
        at_once: How many pieces of durable work at a time.
        lease: After so long without a sign of life, work is another replica's.
        officers: Names of its officers.
        messages_url: Where notices are posted. None: nowhere.
        seal: What PDFs are sealed with.
        trust_directory: The trust directory, for processes that verify files.
        public_url: Where people reach the public address; known at the latest when files are made.
        trusted_proxies: How many proxies stand before the public address.
        breaker_policy: When a province is not asked for a while.
        tell_backlog: Told now and then what durable work waits.
    """

    province: Province
    production: bool
    database: Database
    registry: Registry
    catalogues: CatalogueSet
    directory: Directory
    peers: Mapping[Province, Peer]
    gateways: Gateways
    key: PrivateKey
    trust: TrustStore
    clock: Clock
    patience: timedelta
    completion: Completion
    seal: Seal
    trust_directory: Path
    public_url: Callable[[], str]
    at_once: int = 8
    lease: timedelta = timedelta(seconds=10)
    officers: frozenset[str] = frozenset()
    messages_url: str | None = None
    trusted_proxies: int = 0
    breaker_policy: BreakerPolicy = field(default_factory=BreakerPolicy)
    tell_backlog: Callable[[Backlog], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a gateway does, and where it is asked for.

    Attributes:
        reports: Makes reports.
        standing: Keeps where they stand.
        transfers: Takes subjects over and lets them go.
        worker: Does durable work.
        queue: Where that is taken from.
        for_clients: What enterprises and officers call.
        for_members: What other members call.
        public: What everybody may use.
    """

    reports: ReportService
    standing: StandingService
    transfers: Transfers
    worker: Worker
    queue: WorkQueue
    for_clients: tuple[ServedService, ...]
    for_members: tuple[ServedService, ...]
    public: web.Application


def neighbours_of(parts: Parts) -> tuple[Neighbour, ...]:
    """The provinces as the fan-out needs them."""
    return tuple(
        Neighbour(province, peer, Breaker(parts.breaker_policy, monotonic)) for province, peer in parts.peers.items()
    )


def compose(parts: Parts, neighbours: tuple[Neighbour, ...], observer: Observer) -> Services:
    """The services on their parts."""
    verifier = Verifier(parts.trust)
    signer = Signer(parts.key, issuer=parts.province, role=envelope_pb2.MEMBER_ROLE_GATEWAY)
    queue = WorkQueue(parts.database, owner=secrets.token_hex(8), clock=parts.clock, lease=parts.lease)
    notices = Notices(parts.database, queue, platform_url=parts.messages_url)
    transfers = Transfers(
        province=parts.province,
        registry=parts.registry,
        store=TransferStore(parts.database),
        gateways=parts.gateways,
        contacts=_contacts(parts),
        signer=signer,
        verifier=verifier,
        clock=parts.clock,
    )
    reports = _reports(parts, neighbours, observer, queue=queue, transfers=transfers, signer=signer, verifier=verifier)
    standing = StandingService(store=StandingStore(parts.database), verifier=verifier, signer=signer, clock=parts.clock)
    verification = VerificationStore(parts.database)
    homes = GrpcHomes(parts.gateways)
    statuses = Statuses(province=parts.province, store=verification, source=standing, homes=homes, verifier=verifier)
    by_code = CodeVerification(
        province=parts.province, store=verification, statuses=statuses, homes=homes, verifier=verifier
    )
    return Services(
        reports=reports,
        standing=standing,
        transfers=transfers,
        worker=_worker(parts, queue, reports, notices),
        queue=queue,
        for_clients=(
            _served(
                report_service_pb2,
                "ReportService",
                report_service_pb2_grpc.add_ReportServiceServicer_to_server,
                ReportServicer(reports, standing, _files(parts, verifier), notices),
            ),
            _served(
                office_service_pb2,
                "OfficeService",
                office_service_pb2_grpc.add_OfficeServiceServicer_to_server,
                OfficeServicer(standing, officers=parts.officers),
            ),
        ),
        for_members=(
            _served(
                change_service_pb2,
                "ChangeService",
                change_service_pb2_grpc.add_ChangeServiceServicer_to_server,
                ChangeServicer(standing),
            ),
            _served(
                home_service_pb2,
                "HomeService",
                home_service_pb2_grpc.add_HomeServiceServicer_to_server,
                HomeServicer(transfers),
            ),
            _served(
                verification_service_pb2,
                "VerificationService",
                verification_service_pb2_grpc.add_VerificationServiceServicer_to_server,
                VerificationServicer(by_code, statuses, parts.clock),
            ),
        ),
        public=public_application(
            PublicParts(
                by_code=by_code,
                by_file=FileVerification(trust=parts.trust_directory, statuses=statuses),
                statuses=statuses,
                directory=parts.directory,
                clock=parts.clock,
                specimen=not parts.production,
                trusted_proxies=parts.trusted_proxies,
            )
        ),
    )


def _reports(  # what several services share
    parts: Parts,
    neighbours: tuple[Neighbour, ...],
    observer: Observer,
    *,
    queue: WorkQueue,
    transfers: Transfers,
    signer: Signer,
    verifier: Verifier,
) -> ReportService:
    store = Store(parts.database)
    grants = NoGrants()
    home = parts.directory.members[parts.province]
    return ReportService(
        intake=Intake(
            province=parts.province,
            registry=parts.registry,
            catalogues=parts.catalogues,
            members=parts.directory.members,
            transfers=transfers,
            grants=grants,
        ),
        grants=grants,
        store=store,
        queue=queue,
        fanout=FanOut(
            neighbours,
            verifier=verifier,
            coverages=Coverages(store, verifier),
            clock=parts.clock,
            patience=parts.patience,
        ),
        sealer=Sealer(province=parts.province, signer=signer, issuer=home.contact, specimen=not parts.production),
        signer=signer,
        verifier=verifier,
        catalogues=parts.catalogues,
        contacts=_contacts(parts),
        issuer=home.contact,
        clock=parts.clock,
        rules=Rules(
            patience=parts.patience,
            completion=parts.completion,
            production=parts.production,
            issuer_verified=home.unit_verified,
        ),
        observer=observer,
    )


def _files(parts: Parts, verifier: Verifier) -> ReportFiles:
    return ReportFiles(
        province=parts.province,
        directory=parts.directory,
        public_url=parts.public_url,
        verifier=verifier,
        catalogues=parts.catalogues,
        pages=ReportPages(),
        seal=parts.seal,
        specimen=not parts.production,
        clock=parts.clock,
    )


def _worker(parts: Parts, queue: WorkQueue, reports: ReportService, notices: Notices) -> Worker:
    handlers = {
        COMPLETE: Handler(run=reports.go_on),
        NOTIFY: Handler(run=notices.hand_on, give_up_after=_MOST_NOTICE_TRIES),
    }
    return Worker(queue, handlers, clock=parts.clock, at_once=parts.at_once, tell=parts.tell_backlog)


_MOST_NOTICE_TRIES: Final = 30
"""With the pauses of gateway/working.py about four hours; then an operator is needed."""


def _contacts(parts: Parts) -> dict[Province, common_pb2.Contact]:
    return {province: member.contact for province, member in parts.directory.members.items()}


def _served(module: Any, name: str, add: Callable[[Any, grpc.aio.Server], None], servicer: Any) -> ServedService:
    return ServedService(module.DESCRIPTOR.services_by_name[name], partial(add, servicer))


ObserverFactory = Callable[[GatewayTelemetry], Observer]


async def serve(
    settings: GatewaySettings,
    path: Path,
    stop: StopSignal,
    observe: ObserverFactory = lambda telemetry: telemetry,
) -> None:
    """Runs a gateway until it is asked to stop.

    Args:
        settings: Its settings.
        path: The settings file, for messages.
        stop: Says when.
        observe: Puts another observer around the telemetry; tests use it to kill the process at a step.

    Raises:
        SettingsError, TLSFileError, ListenError, StoreUnavailableError: It cannot start.
    """
    member = MemberPeer(settings.home, envelope_pb2.MEMBER_ROLE_GATEWAY)
    async with foundation(settings, member, path) as base, AsyncExitStack() as stack:
        metrics = Metrics()
        telemetry = GatewayTelemetry(metrics)
        parts = replace(await _parts(settings, base, path, stack), tell_backlog=telemetry.backlog)
        neighbours = neighbours_of(parts)
        telemetry.watch(neighbours)
        services = compose(parts, neighbours, observe(telemetry))
        entry = own_key_entry(base.key, base.trust, member, parts.clock())
        if entry is None:
            raise RuntimeError("the foundation let a key through that is not in the trust store")
        status = _served(
            status_service_pb2,
            "StatusService",
            status_service_pb2_grpc.add_StatusServiceServicer_to_server,
            StatusServicer(
                province=parts.province,
                software_version=version("huren"),
                catalogues=parts.catalogues,
                key=entry,
                certificate_not_after=base.certificate_not_after,
                neighbours=neighbours,
                telemetry=telemetry,
                clock=parts.clock,
            ),
        )
        doors = (
            Door(name="grpc", listen=settings.listen, tls=settings.tls, services=(*services.for_clients, status)),
            Door(
                name="members",
                listen=settings.members.listen,
                tls=settings.members.tls,
                services=(*services.for_members, status),
            ),
        )
        async with _at_work(services.worker):
            await serve_until(
                stop,
                doors,
                settings=settings,
                metrics=metrics,
                further={"public": serve_http(services.public, settings.public.listen)},
            )


@asynccontextmanager
async def _at_work(worker: Worker) -> AsyncGenerator[None]:
    """Lets durable work be done for the time of the block. What runs at its end is gone on with by whoever takes it next."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _parts(settings: GatewaySettings, base: Foundation, path: Path, stack: AsyncExitStack) -> Parts:
    try:
        directory = LiveDirectory(settings.peers.directory)
    except DirectoryError as error:
        raise unfit(path, "peers.directory", "a member directory", str(error)) from error
    if settings.home not in directory.members:
        raise unfit(path, "peers.directory", f"a member directory that names {settings.province}", "one without it")
    await tables.prepare(base.database)
    peers: dict[Province, Peer] = {}
    for province, member in directory.members.items():
        channel = await stack.enter_async_context(
            open_channel(member.adapter, settings.peers.tls, server_name=member.adapter_name)
        )
        peers[province] = GrpcPeer(channel)
    completion = settings.completion
    return Parts(
        province=settings.home,
        production=settings.mode == "production",
        database=base.database,
        registry=base.registry,
        catalogues=published_catalogues(),
        directory=directory,
        peers=peers,
        gateways=await stack.enter_async_context(GrpcGateways(directory, settings.peers.tls)),
        key=base.key,
        trust=base.trust,
        clock=system_clock,
        patience=settings.peers.patience,
        completion=Completion(
            limit=timedelta(hours=completion.hours),
            first_pause=timedelta(seconds=completion.first_pause_s),
            longest_pause=timedelta(seconds=completion.longest_pause_s),
        ),
        seal=_seal(settings, path),
        trust_directory=settings.trust,
        public_url=lambda: settings.public.url or directory.members[settings.home].verification_url,
        at_once=completion.at_once,
        lease=timedelta(seconds=completion.lease_s),
        officers=frozenset(settings.officers),
        messages_url=settings.messages.url if settings.messages else None,
        trusted_proxies=settings.public.trusted_proxies,
    )


def _seal(settings: GatewaySettings, path: Path) -> Seal:
    try:
        seal = Seal.load(settings.seal.certificate, settings.seal.private_key)
        seal.require_usable(system_clock())
    except SealError as error:
        raise unfit(path, "seal", "a seal that can be used now", str(error)) from error
    return seal
