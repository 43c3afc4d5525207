"""The composition root: the parts of a gateway are made of its settings here, and only here; composition.py plugs them together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from cryptography import x509

from contract.catalogue import published_catalogues
from contract.province import Province
from contract.working_days import CalendarError, WorkingDays, load_calendars
from gateway.api.status_servicer import StatusServicer
from gateway.composition import Parts, People, compose, neighbours_of, served
from gateway.config import GatewaySettings, PortalSettings
from gateway.federation.directory import DirectoryError, LiveDirectory
from gateway.federation.gateways import GrpcGateways
from gateway.federation.peer import GrpcPeer, Peer
from gateway.identity.provider import open_identity_provider
from gateway.portal.announcements import Announcements, FixedAnnouncements, LiveAnnouncements
from gateway.portal.parts import SiteFacts
from gateway.render.seal import Seal, SealError
from gateway.reports.completion import Completion
from gateway.reports.service import Observer
from gateway.store import tables
from gateway.telemetry import GatewayTelemetry
from gateway.working import Worker
from huren.envelope.v1 import envelope_pb2
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.clock import system_clock
from runtime.feeds import GrpcSubscriber, Subscriber
from runtime.grpc_channel import open_channel
from runtime.http_server import serve_http
from runtime.identity import MemberPeer
from runtime.member import Door, Foundation, foundation, own_key_entry, serve_until, unfit
from runtime.process import StopSignal
from runtime.telemetry import Metrics

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
        status = served(
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
        await services.feed.begin()
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
    subscribers: dict[Province, Subscriber] = {}
    for province, member in directory.members.items():
        channel = await stack.enter_async_context(
            open_channel(member.adapter, settings.peers.tls, server_name=member.adapter_name)
        )
        peers[province] = GrpcPeer(channel)
        subscribers[province] = GrpcSubscriber(channel)
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
        subscribers=subscribers,
        enterprise_authorities=_authorities(settings, path),
        people=await _people(settings, path, stack),
        site=_site(settings.portal),
        calendar=_calendar(settings, path),
        announcements=_announcements(settings.portal),
    )


def _calendar(settings: GatewaySettings, path: Path) -> WorkingDays:
    try:
        return load_calendars(settings.calendar_folder)
    except CalendarError as error:
        raise unfit(path, "calendar_folder", "calendars of working days", str(error)) from error


def _site(portal: PortalSettings) -> SiteFacts:
    return SiteFacts(
        organiser=portal.organiser,
        operator=portal.operator,
        site_code=portal.site_code,
        icp=portal.icp,
        police=portal.police,
        own_report_url=portal.own_report_url,
    )


def _announcements(portal: PortalSettings) -> Announcements:
    return FixedAnnouncements() if portal.announcements is None else LiveAnnouncements(portal.announcements)


async def _people(settings: GatewaySettings, path: Path, stack: AsyncExitStack) -> People | None:
    identity = settings.identity
    if identity is None:
        return None
    try:
        provider = await stack.enter_async_context(open_identity_provider(identity, clock=system_clock))
    except (OSError, ValueError) as error:
        raise unfit(path, "identity", "an issuer, and a file with a secret", type(error).__name__) from error
    return People(
        provider=provider,
        levels=identity.levels,
        audience=identity.audience,
        lifetime=timedelta(hours=identity.session_hours),
        idle=timedelta(minutes=identity.idle_minutes),
    )


def _authorities(settings: GatewaySettings, path: Path) -> Sequence[x509.Certificate]:
    """Who certifies enterprises: the authority of the door at which they connect."""
    try:
        return x509.load_pem_x509_certificates(settings.tls.trusted_roots.read_bytes())
    except (OSError, ValueError) as error:
        raise unfit(path, "tls.trusted_roots", "certificates in PEM", type(error).__name__) from error


def _seal(settings: GatewaySettings, path: Path) -> Seal:
    try:
        seal = Seal.load(settings.seal.certificate, settings.seal.private_key)
        seal.require_usable(system_clock())
    except SealError as error:
        raise unfit(path, "seal", "a seal that can be used now", str(error)) from error
    return seal
