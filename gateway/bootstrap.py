"""The composition root: everything of a gateway is made and plugged together here, and only here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from time import monotonic
from typing import Final

import structlog

from contract.catalogue import CatalogueSet, published_catalogues
from contract.province import Province
from contract.registry import Registry
from gateway.api.report_servicer import ReportServicer
from gateway.api.status_servicer import StatusServicer
from gateway.config import GatewaySettings
from gateway.federation.breaker import Breaker, BreakerPolicy
from gateway.federation.coverages import Coverages
from gateway.federation.directory import Member, read_directory
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
from runtime.database import open_database
from runtime.grpc_channel import open_channel
from runtime.grpc_server import GrpcServer, ServedService
from runtime.process import StopSignal, announce
from runtime.registry import TableRegistry
from runtime.telemetry import Metrics, configure_logging, serve_metrics
from runtime.tls import read_tls
from signing import KeyEntry, PrivateKey, Signer, TrustStore, Verifier

GRACE: Final = timedelta(seconds=10)
"""How long running calls may finish when the process stops."""


class KeyNotTrustedError(Exception):
    """The signing key is not in the trust directory, or is not this gateway's: nobody would believe what it signs."""


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


def own_key_entry(key: PrivateKey, trust: TrustStore, province: Province) -> KeyEntry:
    """The trust store's entry of the gateway's own key.

    Raises:
        KeyNotTrustedError: There is none, or it is another member's.
    """
    entry = trust.find(key.key_id)
    if entry is None or (entry.member, entry.role) != (province, envelope_pb2.MEMBER_ROLE_GATEWAY):
        raise KeyNotTrustedError(
            f"expected the key of gateway {province.slug} in the trust directory, got {key.key_id}"
        )
    return entry


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
        fanout=FanOut(neighbours, verifier=verifier, coverages=Coverages(parts.store, verifier), clock=parts.clock),
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
    settings: GatewaySettings, stop: StopSignal, observe: ObserverFactory = lambda telemetry: telemetry
) -> None:
    """Runs a gateway until it is asked to stop.

    Args:
        settings: Its settings.
        stop: Says when.
        observe: Puts another observer around the telemetry; tests use it to kill the process at a step.

    Raises:
        SettingsError, TLSFileError, TrustStoreError, KeyFileError, KeyNotTrustedError, DirectoryError, RegistryFileError,
        ListenError, StoreUnavailableError: It cannot start.
    """
    configure_logging(settings.telemetry)
    structlog.contextvars.bind_contextvars(process=f"gateway-{settings.province}")
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(_parts(settings))
        metrics = Metrics()
        telemetry = GatewayTelemetry(metrics)
        neighbours = neighbours_of(parts)
        telemetry.watch(neighbours)
        service = report_service(parts, neighbours, observe(telemetry))
        status = StatusServicer(
            province=parts.province,
            software_version=version("huren"),
            catalogues=parts.catalogues,
            key=own_key_entry(parts.key, parts.trust, parts.province),
            certificate_not_after=read_tls(settings.tls).not_after,
            neighbours=neighbours,
            telemetry=telemetry,
            clock=parts.clock,
        )
        server = GrpcServer(
            (
                ServedService(
                    report_service_pb2.DESCRIPTOR.services_by_name["ReportService"],
                    partial(report_service_pb2_grpc.add_ReportServiceServicer_to_server, ReportServicer(service)),
                ),
                ServedService(
                    status_service_pb2.DESCRIPTOR.services_by_name["StatusService"],
                    partial(status_service_pb2_grpc.add_StatusServiceServicer_to_server, status),
                ),
            ),
            listen=settings.listen,
            tls=settings.tls,
            metrics=metrics,
            max_concurrent_calls=settings.max_concurrent_calls,
        )
        metrics_port = await stack.enter_async_context(
            serve_metrics(metrics, host=settings.telemetry.host, port=settings.telemetry.metrics_port)
        )
        port = await server.start()
        announce(
            settings.announce,
            {
                "grpc": f"{settings.listen.host}:{port}",
                "metrics": f"http://{settings.telemetry.host}:{metrics_port}/metrics",
            },
        )
        await stop.wait()
        await server.stop(GRACE)


@asynccontextmanager
async def _parts(settings: GatewaySettings) -> AsyncGenerator[Parts]:
    members = read_directory(settings.peers.directory)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.database))
        store = Store(database)
        await store.prepare()
        registry = TableRegistry(database)
        await registry.load(settings.registry)
        peers: dict[Province, Peer] = {}
        for province, member in members.items():
            channel = await stack.enter_async_context(
                open_channel(member.adapter, settings.peers.tls, server_name=member.adapter_name)
            )
            peers[province] = GrpcPeer(channel)
        yield Parts(
            province=settings.home,
            production=settings.mode == "production",
            store=store,
            registry=registry,
            catalogues=published_catalogues(),
            members=members,
            peers=peers,
            key=PrivateKey.load(settings.signing_key),
            trust=TrustStore.from_directory(settings.trust),
            clock=system_clock,
            patience=settings.peers.patience,
        )
