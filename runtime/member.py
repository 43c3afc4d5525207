"""What the two programs of a member have in common: their settings, what they stand on, and how they serve.

    foundation      key and trust, database, registry; whatever does not fit together is a SettingsError, with key, expected and got
    serve_until     listens, announces the bound addresses, serves until asked to stop

An adapter and a gateway differ in the services that they plug in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import structlog
from pydantic import AfterValidator, Field

from contract.admission import CLOCK_TOLERANCE
from contract.payloads import ENTITLED
from contract.province import Province
from contract.registry import Registry
from runtime.clock import Clock, system_clock
from runtime.database import Database, open_database
from runtime.errors import SettingsError, SettingsProblem
from runtime.grpc_server import GrpcServer, ServedService
from runtime.http_registry import HttpRegistrySettings, open_http_registry
from runtime.identity import ROLE_SLUGS, MemberPeer
from runtime.process import StopSignal, announce
from runtime.registry import RegistryFileError, TableRegistry
from runtime.settings import ListenSettings, Settings, TelemetrySettings, TLSSettings
from runtime.telemetry import Metrics, configure_logging, serve_metrics
from runtime.tls import read_tls
from signing import ACTIVE, KeyEntry, KeyFileError, PrivateKey, TrustStore, TrustStoreError

GRACE: Final = timedelta(seconds=10)
"""How long running calls may finish when the process stops."""

TRUST_OLD_AFTER: Final = timedelta(days=30)
"""Older trust data may not know yet that a key was lost: it is warned of. A file's verifier refuses it (TRUST_STALE)."""

_log: Final = structlog.get_logger(__name__)


def _known_slug(slug: str) -> str:
    return Province.from_slug(slug).slug


class MemberSettings(Settings):
    """What both programs read.

    Attributes:
        province: The member's slug.
        mode: In `production` nothing is signed or sealed that rests on an unverified name or catalogue entry; anywhere else every
            report is a specimen (样张).
        listen: Where the program listens.
        tls: Own certificate as a server, and the authority that certifies its callers.
        signing_key: Its signing key.
        trust: The trust directory.
        database: URL of its own database.
        registry: File of the embedded registry; or the registry that is asked over HTTP, as a table.
        announce: Where to write the bound addresses.
        telemetry: What it tells about itself.
        max_concurrent_calls: More at a time are refused.
    """

    province: Annotated[str, AfterValidator(_known_slug)]
    mode: Literal["production", "sandbox"]
    listen: ListenSettings
    tls: TLSSettings
    signing_key: Path
    trust: Path
    database: Annotated[str, Field(min_length=1)]
    registry: Path | HttpRegistrySettings
    announce: Path
    telemetry: TelemetrySettings = TelemetrySettings()
    max_concurrent_calls: Annotated[int, Field(ge=1)] = 256

    @property
    def home(self) -> Province:
        """The member."""
        return Province.from_slug(self.province)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What a program of a member stands on.

    Attributes:
        key: Its signing key.
        trust: Whose statements it believes; knows its own key.
        database: Its own database.
        registry: Who is registered where, as far as the member knows.
        certificate_not_after: When its TLS certificate ends.
    """

    key: PrivateKey
    trust: TrustStore
    database: Database
    registry: Registry
    certificate_not_after: datetime


@asynccontextmanager
async def foundation(
    settings: MemberSettings, member: MemberPeer, path: Path, *, clock: Clock = system_clock
) -> AsyncGenerator[Foundation]:
    """Prepares what the program stands on; logging first.

    Args:
        settings: Its settings.
        member: Who it is.
        path: The settings file, for messages.
        clock: Compared with what keys and trust data say of themselves.

    Raises:
        SettingsError: Settings, keys and files do not fit together.
        TLSFileError: A TLS file cannot be used.
        StoreUnavailableError: The database cannot do it now.
    """
    configure_logging(settings.telemetry)
    structlog.contextvars.bind_contextvars(process=f"{ROLE_SLUGS[member.role]}-{settings.province}")
    key, trust = _key_and_trust(settings, member, path, clock())
    certificate_not_after = read_tls(settings.tls).not_after
    try:
        database = open_database(settings.database)
    except ValueError as error:
        raise unfit(path, "database", "the URL of a database", str(error)) from error
    async with database, AsyncExitStack() as stack:
        registry = await _registry(settings, database, path, stack)
        yield Foundation(
            key=key, trust=trust, database=database, registry=registry, certificate_not_after=certificate_not_after
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a program is called by gRPC.

    Attributes:
        name: Its name in the announcement.
        listen: Where it listens.
        tls: Own certificate, and the authority that certifies who comes in here.
        services: What is served here.
    """

    name: str
    listen: ListenSettings
    tls: TLSSettings
    services: Sequence[ServedService]


async def serve_until(  # what a program serves, and how
    stop: StopSignal,
    doors: Sequence[Door],
    *,
    settings: MemberSettings,
    metrics: Metrics,
    answers_for: Province | None = None,
    further: Mapping[str, AbstractAsyncContextManager[str]] | None = None,
) -> None:
    """Serves until asked to stop, then lets running calls finish.

    Args:
        stop: Says when.
        doors: Where to be called by gRPC, and what for.
        settings: Telemetry, limits, and where to announce.
        metrics: Where calls are counted.
        answers_for: As `GrpcServer`: an adapter's province.
        further: What else is served, by its name in the announcement; each gives its address.

    Raises:
        ListenError: An address cannot be listened on.
    """
    servers = {
        door.name: GrpcServer(
            door.services,
            listen=door.listen,
            tls=door.tls,
            metrics=metrics,
            max_concurrent_calls=settings.max_concurrent_calls,
            answers_for=answers_for,
        )
        for door in doors
    }
    host = settings.telemetry.host
    async with AsyncExitStack() as stack:
        metrics_port = await stack.enter_async_context(
            serve_metrics(metrics, host=host, port=settings.telemetry.metrics_port)
        )
        addresses = {"metrics": f"http://{host}:{metrics_port}/metrics"}
        for name, served in (further or {}).items():
            addresses[name] = await stack.enter_async_context(served)
        for door in doors:
            addresses[door.name] = f"{door.listen.host}:{await servers[door.name].start()}"
        announce(settings.announce, addresses)
        await stop.wait()
        async with asyncio.TaskGroup() as group:
            for server in servers.values():
                group.create_task(server.stop(GRACE))


def own_key_entry(key: PrivateKey, trust: TrustStore, member: MemberPeer, at: datetime) -> KeyEntry | None:
    """The trust store's entry of a member's own key. None: nobody would believe what the key signs for that member from now on."""
    entry = trust.find(key.key_id)
    if entry is None or (entry.member, entry.role) != (member.province, member.role):
        return None
    good = entry.state == ACTIVE and entry.not_before <= at <= entry.not_after
    return entry if good and entry.payload_types >= ENTITLED[member.role] else None


def unfit(path: Path, key: str, expected: str, got: str) -> SettingsError:
    """A settings error about one key."""
    return SettingsError(path, SettingsProblem(key=key, expected=expected, got=got))


async def _registry(settings: MemberSettings, database: Database, path: Path, stack: AsyncExitStack) -> Registry:
    match settings.registry:
        case HttpRegistrySettings(url=url):
            if settings.mode == "production" and not url.startswith("https:"):
                raise unfit(path, "registry.url", "https in production", "http")
            try:
                return await stack.enter_async_context(open_http_registry(settings.registry))
            except (OSError, ValueError) as error:
                expected = "a readable token_file and trusted_roots in PEM"
                raise unfit(path, "registry", expected, type(error).__name__) from error
        case Path() as file:
            embedded = TableRegistry(database)
            try:
                await embedded.load(file)
            except (OSError, RegistryFileError) as error:
                raise unfit(path, "registry", "a readable registry file", str(error)) from error
            return embedded


def _key_and_trust(
    settings: MemberSettings, member: MemberPeer, path: Path, at: datetime
) -> tuple[PrivateKey, TrustStore]:
    try:
        key = PrivateKey.load(settings.signing_key)
    except KeyFileError as error:
        raise unfit(path, "signing_key", "a signing key", str(error)) from error
    try:
        trust = TrustStore.from_directory(settings.trust)
    except TrustStoreError as error:
        raise unfit(path, "trust", "a trust directory", str(error)) from error
    _look_at_age(trust, path, at)
    if own_key_entry(key, trust, member, at) is None:
        expected = f"a key that the trust directory knows as {member.uri}, in force"
        raise unfit(path, "signing_key", expected, f"key {key.key_id}")
    return key, trust


def _look_at_age(trust: TrustStore, path: Path, at: datetime) -> None:
    """Refuses trust data from the future, which would look recent for ever, and warns of old ones (S-25)."""
    age = at - trust.published_at
    if age < -CLOCK_TOLERANCE:
        raise unfit(path, "trust", "trust data published before now", f"published_at {trust.published_at.isoformat()}")
    facts = {"published_at": trust.published_at.isoformat(), "days": max(age.days, 0)}
    if age > TRUST_OLD_AFTER:
        _log.warning("trust data is old", **facts)
    else:
        _log.info("trust data", **facts)
