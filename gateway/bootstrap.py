"""The composition root: everything of a gateway is made and plugged together here, and only here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import monotonic

from contract.catalogue import CatalogueSet, published_catalogues
from contract.province import Province
from contract.registry import Registry
from gateway.api.report_servicer import ReportServicer
from gateway.api.status_servicer import StatusServicer
from gateway.config import GatewaySettings
from gateway.federation.breaker import Breaker, BreakerPolicy
from gateway.federation.coverages import Coverages
from gateway.federation.directory import DirectoryError, Member, read_directory
from gateway.federation.peer import GrpcPeer, Peer
from gateway.reports.fanout import FanOut, Neighbour
from gateway.reports.intake import Intake
from gateway.reports.sealing import Sealer
from gateway.reports.service import Observer, ReportService
from gateway.store.store import Store
from gateway.telemetry import GatewayTelemetry
from huren.envelope.v1 import envelope_pb2
from huren.report.v1 import report_service_pb2, report_service_pb2_grpc
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.clock import Clock, system_clock
from runtime.grpc_channel import open_channel
from runtime.grpc_server import ServedService
from runtime.identity import MemberPeer
from runtime.member import Foundation, foundation, own_key_entry, serve_until, unfit
from runtime.process import StopSignal
from runtime.telemetry import Metrics
from signing import PrivateKey, Signer, TrustStore, Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a gateway stands on; tests put their own in."""

    province: Province
    production: bool
    store: Store
    registry: Registry
    catalogues: CatalogueSet
    members: Mapping[Province, Member]
    peers: Mapping[Province, Peer]
    key: PrivateKey
    trust: TrustStore
    clock: Clock
    patience: timedelta
    breaker_policy: BreakerPolicy = field(default_factory=BreakerPolicy)


def neighbours_of(parts: Parts) -> tuple[Neighbour, ...]:
    """The provinces as the fan-out needs them."""
    return tuple(
        Neighbour(province, peer, Breaker(parts.breaker_policy, monotonic)) for province, peer in parts.peers.items()
    )


def report_service(parts: Parts, neighbours: tuple[Neighbour, ...], observer: Observer) -> ReportService:
    """The service on its parts."""
    verifier = Verifier(parts.trust)
    signer = Signer(parts.key, issuer=parts.province, role=envelope_pb2.MEMBER_ROLE_GATEWAY)
    home = parts.members[parts.province]
    return ReportService(
        intake=Intake(
            province=parts.province, registry=parts.registry, catalogues=parts.catalogues, members=parts.members
        ),
        store=parts.store,
        fanout=FanOut(
            neighbours,
            verifier=verifier,
            coverages=Coverages(parts.store, verifier),
            clock=parts.clock,
            patience=parts.patience,
        ),
        sealer=Sealer(province=parts.province, signer=signer, issuer=home.contact, specimen=not parts.production),
        signer=signer,
        verifier=verifier,
        catalogues=parts.catalogues,
        contacts={province: member.contact for province, member in parts.members.items()},
        clock=parts.clock,
        patience=parts.patience,
        production=parts.production,
        issuer_verified=home.unit_verified,
        observer=observer,
    )


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
        parts = await _parts(settings, base, path, stack)
        metrics = Metrics()
        telemetry = GatewayTelemetry(metrics)
        neighbours = neighbours_of(parts)
        telemetry.watch(neighbours)
        service = report_service(parts, neighbours, observe(telemetry))
        entry = own_key_entry(base.key, base.trust, member, parts.clock())
        if entry is None:
            raise RuntimeError("the foundation let a key through that is not in the trust store")
        status = StatusServicer(
            province=parts.province,
            software_version=version("huren"),
            catalogues=parts.catalogues,
            key=entry,
            certificate_not_after=base.certificate_not_after,
            neighbours=neighbours,
            telemetry=telemetry,
            clock=parts.clock,
        )
        services = (
            ServedService(
                report_service_pb2.DESCRIPTOR.services_by_name["ReportService"],
                partial(report_service_pb2_grpc.add_ReportServiceServicer_to_server, ReportServicer(service)),
            ),
            ServedService(
                status_service_pb2.DESCRIPTOR.services_by_name["StatusService"],
                partial(status_service_pb2_grpc.add_StatusServiceServicer_to_server, status),
            ),
        )
        await serve_until(stop, services, settings=settings, metrics=metrics)


async def _parts(settings: GatewaySettings, base: Foundation, path: Path, stack: AsyncExitStack) -> Parts:
    try:
        members = read_directory(settings.peers.directory)
    except DirectoryError as error:
        raise unfit(path, "peers.directory", "a member directory", str(error)) from error
    if settings.home not in members:
        raise unfit(path, "peers.directory", f"a member directory that names {settings.province}", "one without it")
    store = Store(base.database)
    await store.prepare()
    peers: dict[Province, Peer] = {}
    for province, member in members.items():
        channel = await stack.enter_async_context(
            open_channel(member.adapter, settings.peers.tls, server_name=member.adapter_name)
        )
        peers[province] = GrpcPeer(channel)
    return Parts(
        province=settings.home,
        production=settings.mode == "production",
        store=store,
        registry=base.registry,
        catalogues=published_catalogues(),
        members=members,
        peers=peers,
        key=base.key,
        trust=base.trust,
        clock=system_clock,
        patience=settings.peers.patience,
    )
