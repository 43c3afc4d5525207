"""Runs an adapter: the composition root, the same for every province.

    run_adapter(PROFILE, SourceSettings, open_source)      all of adapters/<province>/__main__.py

It does not start, with exit code 2 and the reason, when settings, keys and profile do not fit together: another province's
settings, a signing key that nobody would believe, an issuer's name that is not verified in production.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final, NoReturn

from adapters.sdk.answering import Answering
from adapters.sdk.coverage import CoverageDesk
from adapters.sdk.desk.service import Desk
from adapters.sdk.desk.servicer import DeskServicer
from adapters.sdk.following import Follower
from adapters.sdk.grants import GrantFeed
from adapters.sdk.ledger import Ledger
from adapters.sdk.metrics import AdapterMetrics
from adapters.sdk.platform import Platform
from adapters.sdk.profile import Profile
from adapters.sdk.profile_check import check_profile
from adapters.sdk.query_checks import MAX_ENVELOPE_BYTES, QueryChecks
from adapters.sdk.servicer import AdapterServicer, StatusServicer, coverage_in_force
from adapters.sdk.settings import AdapterSettings, S
from adapters.sdk.source import Source, SourceError
from contract.catalogue import CatalogueSet, published_catalogues
from contract.days import china_day
from contract.registry import Registry
from contract.working_days import CalendarError, WorkingDays, load_calendars
from huren.desk.v1 import desk_service_pb2, desk_service_pb2_grpc
from huren.envelope.v1 import envelope_pb2
from huren.feed.v1 import feed_service_pb2, feed_service_pb2_grpc
from huren.fragment.v1 import adapter_service_pb2, adapter_service_pb2_grpc
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.clock import Clock, system_clock
from runtime.feeds import AUTHORISATIONS, FEEDS, FeedServicer, FeedSubscription
from runtime.grpc_server import ServedService
from runtime.identity import MemberPeer
from runtime.member import Door, foundation, own_key_entry, serve_until, unfit
from runtime.member_status import MemberFacts
from runtime.migrations import migrate
from runtime.process import StopSignal, run_process
from runtime.settings import load_settings
from runtime.telemetry import Metrics
from signing import PrivateKey, Signer, TrustStore, Verifier

_ROLE: Final = envelope_pb2.MEMBER_ROLE_ADAPTER
_FIRST_LOOK_S: Final = 10.0
"""How long the start waits for a platform to be followed to its end: usual ones are done by then, large ones go on meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an adapter stands on; tests put their own in.

    Attributes:
        profile: The province as data.
        source: Its platform.
        ledger: Its own memory.
        registry: Who is registered where, as far as this province knows.
        catalogues: The catalogues it knows.
        key: Its signing key.
        trust: Whose statements it believes; holds the entry of its own key.
        certificate_not_after: When its TLS certificate ends.
        metrics: Where it counts.
        clock: Its clock.
        officers: Who may work at its desk.
        calendar: By which deadlines are counted.
    """

    profile: Profile
    source: Source
    ledger: Ledger
    registry: Registry
    catalogues: CatalogueSet
    key: PrivateKey
    trust: TrustStore
    certificate_not_after: datetime
    metrics: Metrics
    clock: Clock
    officers: tuple[str, ...] = ()
    calendar: WorkingDays = field(default_factory=load_calendars)


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter that is plugged together.

    Attributes:
        services: What it serves.
        follower: What follows its platform: nothing is concluded before it caught up for the first time.
    """

    services: tuple[ServedService, ...]
    follower: Follower


def run_adapter(
    profile: Profile,
    source_settings: type[S],
    open_source: Callable[[S], Awaitable[Source]],
    argv: Sequence[str] | None = None,
) -> NoReturn:
    """Reads `--config FILE`, serves until SIGTERM, and ends the process.

    Args:
        profile: The province as data.
        source_settings: Model of the settings under `source`.
        open_source: Opens the platform. Raises SourceError where its settings cannot be used.
        argv: Arguments; those of the process unless told.
    """
    parser = argparse.ArgumentParser(prog=f"python -m adapters.{profile.province.slug}", description="Runs an adapter.")
    parser.add_argument("--config", type=Path, required=True, help="settings file (TOML)")
    path: Path = parser.parse_args(argv).config
    model: type[AdapterSettings[S]] = AdapterSettings[source_settings]  # type: ignore[valid-type]

    async def main(stop: StopSignal) -> None:
        settings = load_settings(model, path)
        require_startable(settings, profile, path)
        await _serve(settings, profile, open_source, path, stop=stop)

    sys.exit(run_process(main))


def require_startable(settings: AdapterSettings[S], profile: Profile, path: Path) -> None:
    """Refuses settings that are another province's, and an issuer that is not verified in production.

    Raises:
        SettingsError: Either.
    """
    if settings.province != profile.province.slug:
        raise unfit(path, "province", profile.province.slug, settings.province)
    if settings.mode == "production" and not profile.issuer_verified:
        raise unfit(path, "mode", "sandbox, while the issuer's name in the profile is not verified", settings.mode)


async def adapter_of(parts: Parts) -> Adapter:
    """Plugs the parts together. States the coverage, so that a store or key that cannot is noticed before anybody asks.

    Raises:
        ProfileError: The profile contradicts itself or the catalogue in force.
        RuntimeError: The key is not this adapter's in the trust store.
        StoreUnavailableError: The database cannot do it now.
    """
    profile, clock = parts.profile, parts.clock
    catalogue = parts.catalogues.in_force(china_day(clock()))
    check_profile(profile, catalogue)
    entry = own_key_entry(parts.key, parts.trust, MemberPeer(profile.province, _ROLE), clock())
    if entry is None:
        raise RuntimeError("the signing key is not this adapter's in the trust store")
    await parts.ledger.prepare()
    await migrate(parts.ledger.database, FEEDS)
    signer = Signer(parts.key, issuer=profile.province, role=_ROLE)
    coverage = CoverageDesk(profile, ledger=parts.ledger, signer=signer, keyid=parts.key.key_id, clock=clock)
    await coverage_in_force(coverage, catalogue)
    metrics = AdapterMetrics(parts.metrics.registry)
    verifier = Verifier(parts.trust, max_envelope_bytes=MAX_ENVELOPE_BYTES)
    platform = Platform(parts.source, metrics=metrics, clock=clock)
    checks = QueryChecks(
        province=profile.province,
        verifier=verifier,
        ledger=parts.ledger,
        catalogues=parts.catalogues,
        coverage=coverage,
        registry=parts.registry,
    )
    follower = Follower(
        profile=profile,
        catalogues=parts.catalogues,
        platform=platform,
        ledger=parts.ledger,
        registry=parts.registry,
        clock=clock,
    )
    desk = Desk(ledger=parts.ledger, follower=follower, platform=platform, clock=clock)
    answering = Answering(
        profile=profile,
        checks=checks,
        platform=platform,
        coverage=coverage,
        ledger=parts.ledger,
        signer=signer,
        metrics=metrics,
        clock=clock,
    )
    adapter = AdapterServicer(answering=answering, coverage=coverage, catalogues=parts.catalogues, clock=clock)
    facts = MemberFacts(
        province=profile.province,
        role=_ROLE,
        software_version=version("huren"),
        catalogues=parts.catalogues,
        key=entry,
        certificate_not_after=parts.certificate_not_after,
    )
    status = StatusServicer(facts=facts, coverage=coverage, platform=platform, ledger=parts.ledger, clock=clock)
    feeds = FeedSubscription(
        database=parts.ledger.database,
        verifier=verifier,
        feeds={AUTHORISATIONS: GrantFeed(parts.catalogues).handler},
        clock=clock,
    )
    services = (
        ServedService(
            adapter_service_pb2.DESCRIPTOR.services_by_name["AdapterService"],
            partial(adapter_service_pb2_grpc.add_AdapterServiceServicer_to_server, adapter),
        ),
        ServedService(
            status_service_pb2.DESCRIPTOR.services_by_name["StatusService"],
            partial(status_service_pb2_grpc.add_StatusServiceServicer_to_server, status),
        ),
        ServedService(
            feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"],
            partial(feed_service_pb2_grpc.add_FeedServiceServicer_to_server, FeedServicer(feeds)),
        ),
        ServedService(
            desk_service_pb2.DESCRIPTOR.services_by_name["DeskService"],
            partial(
                desk_service_pb2_grpc.add_DeskServiceServicer_to_server,
                DeskServicer(desk, officers=parts.officers, calendar=parts.calendar),
            ),
        ),
    )
    return Adapter(services, follower)


async def _serve(
    settings: AdapterSettings[S],
    profile: Profile,
    open_source: Callable[[S], Awaitable[Source]],
    path: Path,
    *,
    stop: StopSignal,
) -> None:
    metrics = Metrics()
    member = MemberPeer(profile.province, _ROLE)
    async with foundation(settings, member, path) as base, AsyncExitStack() as stack:
        try:
            source = await open_source(settings.source)
        except SourceError as error:
            raise unfit(path, "source", "settings by which the platform can be reached", str(error)) from error
        stack.push_async_callback(source.close)
        try:
            calendar = load_calendars(settings.calendar_folder)
        except (OSError, CalendarError) as error:
            raise unfit(path, "calendar_folder", "calendars of working days", str(error)) from error
        adapter = await adapter_of(
            Parts(
                profile=profile,
                source=source,
                ledger=Ledger(base.database),
                registry=base.registry,
                catalogues=published_catalogues(),
                key=base.key,
                trust=base.trust,
                certificate_not_after=base.certificate_not_after,
                metrics=metrics,
                clock=system_clock,
                officers=settings.officers,
                calendar=calendar,
            )
        )
        await adapter.follower.look_first(_FIRST_LOOK_S)
        following = asyncio.create_task(adapter.follower.keep_following(settings.follow_every_s))
        stack.push_async_callback(_ended, following)
        door = Door(name="grpc", listen=settings.listen, tls=settings.tls, services=adapter.services)
        await serve_until(stop, (door,), settings=settings, metrics=metrics, answers_for=profile.province)


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancels a task and waits until it has ended."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
