"""Gateways of two members as far as verification goes: stores, statuses, gRPC between them, and HTTP for everybody.

All parts are the real ones. Reports get into a store as if they had been sealed; where they stand is written as if it had happened.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic as machine_monotonic
from typing import Any, cast

import grpc
from sqlalchemy import LargeBinary, insert, select

from contract.days import china_day
from contract.province import Province
from contract.report_number import make as make_number
from gateway.api.public_http import PublicParts, public_application
from gateway.api.public_verification import PublicVerification
from gateway.api.shares import RestLimits, Shares
from gateway.api.verification_servicer import VerificationServicer
from gateway.domain.request import Sealed
from gateway.federation.directory import LiveDirectory, Member, directory_json
from gateway.federation.gateways import Gateways, GatewayUnknownError
from gateway.portal.announcements import FixedAnnouncements
from gateway.portal.application import Portal
from gateway.portal.parts import PortalParts, SiteFacts
from gateway.render.pages import ReportPages
from gateway.reports.standing import StandingService
from gateway.store import tables
from gateway.store.rows import instant_text
from gateway.store.standing import StandingStore
from gateway.store.verification import VerificationStore
from gateway.verification.by_code import CodeResult, CodeVerification
from gateway.verification.by_file import FileLimits, FileVerification
from gateway.verification.foreign import GrpcHomes
from gateway.verification.statuses import Statuses
from huren.report.v1 import report_pb2, report_status_pb2, verification_service_pb2, verification_service_pb2_grpc
from runtime.database import Database
from runtime.grpc_channel import open_channel
from runtime.grpc_server import GrpcServer, ServedService
from runtime.http_server import serve_http
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import ListenSettings
from runtime.telemetry import Metrics
from sandbox.pki import PKI
from signing import decode_envelope, statement_id
from tests.support.federation import GATEWAY, SUBJECT_CODE, Federation, registry_entry
from tests.support.live import TableOfSubjects

LOOPBACK = ListenSettings(host="127.0.0.1", port=0)
TYPED = "7K2M09FX3RQT8HZW"


@dataclass
class Channels(Gateways):
    """Channels to whoever a test made reachable."""

    open: dict[Province, grpc.aio.Channel] = field(default_factory=dict)

    async def channel(self, province: Province) -> grpc.aio.Channel:
        if province not in self.open:
            raise GatewayUnknownError(province.slug)
        return self.open[province]


@dataclass
class House:
    """One gateway."""

    province: Province
    federation: Federation
    database: Database
    store: VerificationStore
    statuses: Statuses
    by_code: CodeVerification
    channels: Channels
    sequence: int = 0

    async def issue(
        self, envelope: bytes | None = None, *, holes: bool = False, typed_code: str = TYPED, unit: str = ""
    ) -> Sealed:
        """Keeps a report as if it had been sealed."""
        self.sequence += 1
        number = make_number(self.province, china_day(self.federation.now), self.sequence)
        if envelope is None:
            federation = self.federation
            if holes:
                hole = frozenset({("taxation", 1)})
                federation = Federation(not_covered={Province.HEBEI: hole})
            admitted = federation.admitted(home=self.province)
            envelope = federation.report(admitted, home=self.province, change=partial(_rename, number, unit))
        decoded = decode_envelope(envelope)
        sealed = Sealed(
            report_number=number,
            envelope=envelope,
            verification_code=secrets.token_urlsafe(18),
            typed_code=typed_code,
            issued_at=self.federation.now,
        )
        report = {
            "report_number": number,
            "request_id": number,
            "owner": SUBJECT_CODE,
            "statement_id": statement_id(decoded.payload_type, decoded.payload),
            "envelope": envelope,
            "verification_code": sealed.verification_code,
            "typed_code": typed_code,
            "issued_at": instant_text(sealed.issued_at),
        }
        async with self.database.write() as connection:
            await connection.execute(insert(tables.requests), _request_row(number))
            await connection.execute(insert(tables.reports), report)
        return sealed

    async def happens(
        self,
        sealed: Sealed,
        state: report_status_pb2.ReportState.ValueType,
        *,
        revocation: report_status_pb2.RevocationCategory.ValueType = report_status_pb2.REVOCATION_CATEGORY_UNSPECIFIED,
    ) -> None:
        """Something altered where the report stands."""
        reason = report_status_pb2.StandingReason(
            state=state, day="2026-11-20", province=Province.TIANJIN.wire, revocation=revocation
        )
        row = {
            "report_number": sealed.report_number,
            "cause_id": secrets.token_bytes(8),
            "state": state,
            "day": reason.day,
            "reason": reason.SerializeToString(),
            "at": instant_text(self.federation.now),
        }
        async with self.database.write() as connection:
            await connection.execute(insert(tables.standings), row)

    async def verify(self, number: str, code: str, *, later: timedelta = timedelta(0)) -> CodeResult:
        """Verifies by code as somebody does who came to this gateway."""
        return await self.by_code.verify_by_code(number, code, at=self.federation.now + later, caller="public")

    async def rows(self, table: Any) -> list[Any]:
        """What a table holds."""
        async with self.database.read() as connection:
            return list((await connection.execute(select(table))).mappings())


def _rename(number: str, unit: str, report: report_pb2.Report) -> None:
    report.report_number = number
    report.issuer.unit = unit or report.issuer.unit


def _request_row(number: str) -> dict[str, object]:
    empty: dict[str, object] = {
        column.name: b"" if isinstance(column.type, LargeBinary) else "" for column in tables.requests.c
    }
    known = {"request_id": number, "idempotency_key": number, "uscc": SUBJECT_CODE, "state": "SEALED"}
    return empty | known | {"purpose": 1, "identity_level": 1, "version": 0, "basis": 1, "use_ordinal": 0, "channel": 5}


def house(province: Province, database: Database, federation: Federation | None = None) -> House:
    """A gateway on a database that is prepared."""
    federation = federation or Federation()
    store, channels = VerificationStore(database), Channels()
    homes = GrpcHomes(channels, patience=timedelta(seconds=10))
    source = StandingService(
        store=StandingStore(database),
        verifier=federation.verifier,
        signer=federation.signer(province, GATEWAY),
        clock=lambda: federation.now,
    )
    statuses = Statuses(province=province, store=store, source=source, homes=homes, verifier=federation.verifier)
    by_code = CodeVerification(
        province=province, store=store, statuses=statuses, homes=homes, verifier=federation.verifier
    )
    return House(province, federation, database, store, statuses, by_code, channels)


@asynccontextmanager
async def reachable(pki: PKI, home: House, *askers: House) -> AsyncGenerator[tuple[GrpcServer, str]]:
    """Serves a gateway to the others, which can ask it for the time of the block. Gives the server and its address."""
    servicer = VerificationServicer(home.by_code, home.statuses, lambda: home.federation.now)
    server = GrpcServer(
        [
            ServedService(
                verification_service_pb2.DESCRIPTOR.services_by_name["VerificationService"],
                partial(verification_service_pb2_grpc.add_VerificationServiceServicer_to_server, servicer),
            )
        ],
        listen=LOOPBACK,
        tls=pki.member_tls(MemberPeer(home.province, GATEWAY)),
        metrics=Metrics(),
        max_concurrent_calls=16,
    )
    async with AsyncExitStack() as stack:
        address = f"127.0.0.1:{await server.start()}"
        stack.push_async_callback(server.stop, timedelta(0))
        for asker in askers:
            asker.channels.open[home.province] = await stack.enter_async_context(
                open_channel(
                    address,
                    pki.member_tls(MemberPeer(asker.province, GATEWAY)),
                    server_name=member_host_name(MemberPeer(home.province, GATEWAY)),
                )
            )
        yield server, address


def directory(folder: Path) -> LiveDirectory:
    """A member directory."""
    path = folder / "members.json"
    members = [
        Member(
            province=province,
            adapter="127.0.0.1:1",
            adapter_name="adapter.example",
            unit=f"{province.name_zh}信用主管部门（演示）",
            telephone="（演示）000-12345",
            verification_url=f"https://{province.slug}.example",
        )
        for province in Province
    ]
    path.write_text(directory_json(members), "utf-8")
    return LiveDirectory(path)


@asynccontextmanager
async def served(
    one: House,
    folder: Path,
    *,
    trust: Path,
    limits: FileLimits | None = None,
    trusted_proxies: int = 1,
    specimen: bool = True,
    monotonic: Callable[[], float] = lambda: 0.0,
) -> AsyncGenerator[str]:
    """Serves a gateway to everybody. A request that names no address by X-Forwarded-For comes from 127.0.0.1."""
    members = directory(folder)
    verification = PublicVerification(
        by_code=one.by_code,
        by_file=FileVerification(trust=trust, statuses=one.statuses, limits=limits),
        directory=members,
        clock=lambda: one.federation.now,
        trusted_proxies=trusted_proxies,
        monotonic=monotonic,
    )
    served_at: list[str] = []
    portal = Portal(
        PortalParts(
            province=one.province,
            specimen=specimen,
            site=SiteFacts(),
            announcements=FixedAnnouncements(),
            directory=members,
            registry=TableOfSubjects(registry_entry()),
            catalogues=one.federation.catalogues,
            provinces=cast("Any", None),  # nothing that is looked at here asks for it
            pages=ReportPages(),
            verification=verification,
            clock=lambda: one.federation.now,
            shares=Shares(RestLimits(), trusted_proxies=trusted_proxies, monotonic=machine_monotonic),
            public_url=lambda: served_at[0],
        )
    )
    parts = PublicParts(verification=verification, statuses=one.statuses, clock=lambda: one.federation.now)
    async with serve_http(public_application(parts, portal=portal), LOOPBACK) as url:
        served_at.append(url)
        yield url
