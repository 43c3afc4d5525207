"""Homes of the members that really call each other: each with a store, a registry and a door for members, over mutual TLS.

What a home's registry says is up to the test, and may differ from what the others' say. It is the embedded one, or one that is
asked over HTTP; tests are the same for both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.errors import HurenError
from contract.province import Province
from contract.registry import Registry, RegistryEntry
from contract.uscc import Uscc
from gateway.api.home_servicer import HomeServicer
from gateway.authorisations.in_force import AuthorisationFeed, HomeGrants
from gateway.domain.request import Caller, ReportRequest
from gateway.federation.directory import LiveDirectory, Member, directory_json
from gateway.federation.gateways import GrpcGateways
from gateway.federation.transfers import Transfers
from gateway.reports.intake import Intake
from gateway.store.store import Store
from gateway.store.transfers import TransferStore
from huren.fragment.v1 import query_pb2
from huren.home.v1 import home_service_pb2, home_service_pb2_grpc
from huren.report.v1 import report_service_pb2 as wire
from runtime.database import Database, open_database
from runtime.grpc_channel import open_channel
from runtime.grpc_server import GrpcServer, ServedService
from runtime.http_registry import HttpRegistrySettings, open_http_registry
from runtime.identity import MemberPeer, member_host_name
from runtime.registry import TableRegistry
from runtime.settings import ListenSettings
from runtime.telemetry import Metrics
from sandbox.pki import PKI
from sandbox.platforms import listening
from sandbox.registry_server import Subjects, make_app
from tests.support.federation import GATEWAY, Federation

LOOPBACK = ListenSettings(host="127.0.0.1", port=0)
NOBODY = "127.0.0.1:9"
"""The discard port: nobody listens there."""

Servicer = home_service_pb2_grpc.HomeServiceServicer


class KnownSubjects(ABC):
    """A registry of one home, and what it is told."""

    registry: Registry

    @abstractmethod
    async def tell(self, *entries: RegistryEntry) -> None:
        """Replaces all that it knows."""


class _Embedded(KnownSubjects):
    def __init__(self, database: Database, file: Path) -> None:
        self._embedded = self.registry = TableRegistry(database)
        self._file = file

    async def tell(self, *entries: RegistryEntry) -> None:
        self._file.write_text("".join(f"{entry.model_dump_json()}\n" for entry in entries), "utf-8")
        await self._embedded.load(self._file)


class _OverHttp(KnownSubjects):
    def __init__(self, registry: Registry, subjects: Subjects) -> None:
        self.registry = registry
        self._subjects = subjects

    async def tell(self, *entries: RegistryEntry) -> None:
        self._subjects.tell(entries)


@dataclass
class Home:
    """One member's home."""

    province: Province
    known: KnownSubjects
    intake: Intake
    transfers: Transfers
    database: Database
    server: GrpcServer | None = None

    async def kept(self, table: Any) -> list[dict[str, Any]]:
        """What a table of the gateway holds."""
        async with self.database.read() as connection:
            return [dict(row) for row in (await connection.execute(select(table))).mappings()]


@dataclass
class Homes:
    """The homes of a test."""

    federation: Federation
    pki: PKI
    now: datetime
    members_file: Path
    stack: AsyncExitStack
    of: dict[Province, Home] = field(default_factory=dict)
    addresses: dict[Province, str] = field(default_factory=dict)

    async def tell(self, *entries: RegistryEntry) -> None:
        """Tells every home's registry the same."""
        for home in self.of.values():
            await home.known.tell(*entries)

    async def ask(self, province: Province, code: Uscc, **changes: Any) -> ReportRequest:
        """A subject asks a home for a report about itself: the request as it is accepted."""
        message = wire.RequestReportRequest(**({"idempotency_key": "0" * 16, "uscc": code} | changes))
        caller = Caller(reference=f"enterprise:{code}", uscc=code, identity_level=query_pb2.IDENTITY_LEVEL_HIGH)
        return await self.of[province].intake.accept(message, caller, self.now)

    async def refusal(self, province: Province, code: Uscc) -> HurenError:
        """As `ask`, where the home must refuse."""
        try:
            await self.ask(province, code)
        except HurenError as error:
            return error
        raise AssertionError(f"{province.slug} accepted the request")

    async def serve(self, province: Province, servicer: Servicer | None = None) -> None:
        """Opens a home's door for members, and tells the others where it is."""
        home = self.of[province]
        server = GrpcServer(
            [
                ServedService(
                    home_service_pb2.DESCRIPTOR.services_by_name["HomeService"],
                    partial(
                        home_service_pb2_grpc.add_HomeServiceServicer_to_server,
                        servicer or HomeServicer(home.transfers),
                    ),
                )
            ],
            listen=LOOPBACK,
            tls=self.pki.member_tls(MemberPeer(province, GATEWAY)),
            metrics=Metrics(),
            max_concurrent_calls=16,
        )
        self.addresses[province] = f"127.0.0.1:{await server.start()}"
        home.server = server
        write_members(self.members_file, self.addresses)

    async def stop(self, province: Province) -> None:
        """Closes a home's door."""
        server, self.of[province].server = self.of[province].server, None
        if server is not None:
            await server.stop(timedelta(0))

    @asynccontextmanager
    async def calling(
        self, province: Province, peer: MemberPeer
    ) -> AsyncGenerator[home_service_pb2_grpc.HomeServiceAsyncStub]:
        """Calls a home as a member."""
        name = member_host_name(MemberPeer(province, GATEWAY))
        async with open_channel(self.addresses[province], self.pki.member_tls(peer), server_name=name) as channel:
            yield home_service_pb2_grpc.HomeServiceStub(channel)


def members_of(addresses: Mapping[Province, str]) -> dict[Province, Member]:
    """A member directory with the doors of homes."""
    return {
        province: Member(
            province=province,
            adapter=NOBODY,
            adapter_name=f"adapter.{province:02d}.huren.internal",
            gateway_members=addresses.get(province, NOBODY),
            unit=f"{province.name_zh}信用主管部门（演示）",
            telephone="（演示）000-12345",
            url=f"https://{province.slug}.example/",
        )
        for province in Province
    }


def write_members(path: Path, addresses: Mapping[Province, str]) -> None:
    """Writes the directory."""
    path.write_text(directory_json(list(members_of(addresses).values())), "utf-8")


@asynccontextmanager
async def open_homes(  # what a test may want otherwise
    pki: PKI,
    folder: Path,
    *,
    kind: str,
    database_url: Callable[[Province], str],
    provinces: Collection[Province] = (Province.BEIJING, Province.TIANJIN),
    down: Collection[Province] = (),
) -> AsyncGenerator[Homes]:
    """Opens homes; all but those that are `down` serve each other.

    Args:
        pki: Certificates of all members.
        folder: For what they keep in files.
        kind: `embedded` or `http`: which registry each of them has.
        database_url: Where each of them keeps what it keeps.
        provinces: Which homes there are.
        down: Which of them cannot be called.
    """
    federation = Federation()
    members_file = folder / "members.json"
    write_members(members_file, {})
    async with AsyncExitStack() as stack:
        homes = Homes(federation=federation, pki=pki, now=federation.now, members_file=members_file, stack=stack)
        for province in provinces:
            homes.of[province] = await _home(
                homes, province, kind=kind, database_url=database_url(province), folder=folder
            )
            stack.push_async_callback(homes.stop, province)
            if province not in down:
                await homes.serve(province)
        yield homes


async def _home(homes: Homes, province: Province, *, kind: str, database_url: str, folder: Path) -> Home:
    stack = homes.stack
    database = await stack.enter_async_context(open_database(database_url, patience=timedelta(seconds=30)))
    await Store(database).prepare()
    if kind == "embedded":
        known: KnownSubjects = _Embedded(database, folder / f"{province.slug}.jsonl")
    else:
        subjects = Subjects(())
        url = await stack.enter_async_context(listening(make_app(subjects)))
        settings = HttpRegistrySettings(url=url.rstrip("/"), timeout_s=30.0)
        known = _OverHttp(await stack.enter_async_context(open_http_registry(settings)), subjects)
    await known.tell()
    intake, transfers = await plugged_together(homes, province, known.registry, database)
    return Home(province, known, intake, transfers, database)


async def plugged_together(
    homes: Homes, province: Province, registry: Registry, database: Database
) -> tuple[Intake, Transfers]:
    """What the composition root does."""
    federation = homes.federation
    tls = homes.pki.member_tls(MemberPeer(province, GATEWAY))
    members = members_of({})
    transfers = Transfers(
        province=province,
        registry=registry,
        store=TransferStore(database),
        gateways=await homes.stack.enter_async_context(GrpcGateways(LiveDirectory(homes.members_file), tls)),
        contacts={one: member.contact for one, member in members.items()},
        signer=federation.signer(province, GATEWAY),
        verifier=federation.verifier,
        clock=lambda: homes.now,
    )
    intake = Intake(
        province=province,
        registry=registry,
        catalogues=federation.catalogues,
        members=members,
        transfers=transfers,
        grants=HomeGrants(database=database, signer=federation.signer(province, GATEWAY), feed=Unheard()),
    )
    return intake, transfers


class Unheard(AuthorisationFeed):
    """A feed that nobody takes."""

    async def append(self, connection: AsyncConnection, statement_envelope: bytes, at: datetime) -> None:
        del connection, statement_envelope, at

    async def push_all(self, timeout_s: float) -> None:
        del timeout_s

    async def receipts(self, statement_ids: Sequence[bytes]) -> Mapping[bytes, Mapping[Province, datetime]]:
        return {statement_id: {} for statement_id in statement_ids}
