"""A home in which subjects give grants: a store, a registry, a feed with origins that take it, and a clock that stands still.

Certificates are those of a PKI that was made at the instant at which the clock stands, so that no test depends
on its day.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from sqlalchemy import select

from contract.days import to_timestamp
from contract.payloads import FEED_ENTRY, FEED_RESET, GRANT, GRANT_REVOCATION, GRANT_USE
from contract.province import Province
from contract.registry import Registry, RegistryEntry, RegistryUnavailableError
from contract.uscc import Uscc
from gateway.authorisations.grants import GrantService
from gateway.authorisations.in_force import HomeGrants
from gateway.authorisations.look_ups import LookUps
from gateway.domain.request import Caller
from gateway.federation.gateways import Gateways
from gateway.federation.transfers import Transfers
from gateway.reports.intake import Intake
from gateway.store import tables
from gateway.store.epochs import current_epoch
from gateway.store.grants import authorisation_snapshot
from gateway.store.rows import alone_with_subject
from gateway.store.transfers import TransferStore
from huren.authorisation.v1 import authorisation_pb2
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.feed.v1 import feed_pb2, feed_service_pb2
from huren.fragment.v1 import query_pb2
from runtime.database import Database
from runtime.feeds import AUTHORISATIONS, FEEDS, FeedPublisher, SubscriberUnavailableError
from runtime.migrations import migrate
from sandbox.pki import PKI, Authority, issue_enterprise_certificate
from signing import decode_envelope
from tests.support.federation import GATEWAY, NOW, SUBJECT_CODE, Federation, registry_entry, uscc
from tests.support.homes import members_of

BEIJING = Province.BEIJING
SUBJECT_NAME = "北京示例机械有限公司"
BANK = uscc(77)
BANK_NAME = "示例银行股份有限公司（演示）"
STRANGER = uscc(9)


class Origin:
    """A province that takes the feed, when it does: says how far it is, and remembers what it was told."""

    def __init__(self, clock: datetime) -> None:
        self.clock = clock
        self.silent = False
        self.told: list[bytes] = []
        self._epoch = ""
        self._number = 0

    async def push(self, request: feed_service_pb2.PushRequest, timeout_s: float) -> feed_service_pb2.PushResponse:
        del timeout_s
        if self.silent:
            raise SubscriberUnavailableError("silent")
        for envelope in request.envelopes:
            statement = decode_envelope(envelope)
            if statement.payload_type == FEED_ENTRY:
                self._take(feed_pb2.FeedEntry.FromString(statement.payload))
            elif statement.payload_type == FEED_RESET:
                self._begin(feed_pb2.FeedReset.FromString(statement.payload).epoch)
        return feed_service_pb2.PushResponse(epoch=self._epoch, number=self._number, at=to_timestamp(self.clock))

    def _begin(self, epoch: str) -> None:
        if epoch != self._epoch:
            self._epoch, self._number = epoch, 0

    def _take(self, entry: feed_pb2.FeedEntry) -> None:
        if entry.number > self._number:  # what comes twice is taken once
            assert (entry.epoch, entry.number) == (self._epoch, self._number + 1)
            self._number = entry.number
            self.told.append(entry.statement_envelope)


class KnownUnits(Registry):
    """A registry that knows what it is told."""

    def __init__(self, *entries: RegistryEntry) -> None:
        self.entries = {entry.uscc: entry for entry in entries}

    async def lookup(self, uscc: Uscc) -> RegistryEntry | None:
        return self.entries.get(uscc)

    async def knows_name(self, name: str) -> bool:
        return any(name == entry.name for entry in self.entries.values())


class Silence(Registry):
    """A registry that cannot be asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def lookup(self, uscc: Uscc) -> RegistryEntry | None:
        del uscc
        self.asked += 1
        raise RegistryUnavailableError("silent")

    async def knows_name(self, name: str) -> bool:
        raise RegistryUnavailableError(name)


@dataclass
class GrantingHome:
    """See the module."""

    federation: Federation
    database: Database
    pki: PKI
    registry: KnownUnits
    publisher: FeedPublisher
    origins: Mapping[Province, Origin]
    intake: Intake
    grants: HomeGrants
    service: GrantService
    look_ups: LookUps
    keys: dict[Uscc, tuple[bytes, EllipticCurvePrivateKey]] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.federation.now

    @now.setter
    def now(self, now: datetime) -> None:
        self.federation.now = now

    def service_with(self, **changes: Any) -> GrantService:
        """The service on other parts."""
        return _service(self, **changes)

    def certify(self, code: Uscc, *, pki: PKI | None = None, at: datetime | None = None) -> bytes:
        """A certificate (DER) for a subject, by which it signs from now on."""
        tls = issue_enterprise_certificate(pki or self.pki, code, "示例企业", at or NOW)
        key = load_pem_private_key(tls.private_key.read_bytes(), password=None)
        assert isinstance(key, EllipticCurvePrivateKey)
        certificate = x509.load_pem_x509_certificate(tls.certificate.read_bytes()).public_bytes(Encoding.DER)
        self.keys[code] = certificate, key
        return certificate

    async def draft(self, code: Uscc = SUBJECT_CODE, **changes: Any) -> wire.DraftGrantResponse:
        """A draft that a subject has written; `changes` are fields of the request."""
        return await self.service.draft(draft_request(**changes), enterprise(code), self.now)

    def signed(
        self, draft: wire.DraftGrantResponse, *, by: Uscc = SUBJECT_CODE, text: str | None = None
    ) -> wire.GiveGrantRequest:
        """A draft, signed with somebody's certificate."""
        if by not in self.keys:
            self.certify(by)
        certificate, key = self.keys[by]
        signature = key.sign((draft.text if text is None else text).encode(), ECDSA(SHA256()))
        return wire.GiveGrantRequest(terms=draft.terms, certificate=certificate, signature=signature)

    async def give(self, code: Uscc = SUBJECT_CODE, **changes: Any) -> wire.GivenGrant:
        """A grant that a subject gave."""
        return await self.service.give(self.signed(await self.draft(code, **changes), by=code), enterprise(code))

    async def use(self, grant_id: bytes, request_id: str, *, subject: Uscc = SUBJECT_CODE) -> int:
        """Uses a grant as a request that is opened does."""
        async with self.database.write() as connection:
            await alone_with_subject(connection, subject)
            return await self.grants.use(connection, grant_id, request_id, self.now)

    async def rows(self, table: Any) -> list[Any]:
        async with self.database.read() as connection:
            return list((await connection.execute(select(table))).mappings())

    async def snapshot(self) -> list[bytes]:
        async with self.database.read() as connection:
            return await authorisation_snapshot(connection, clock=lambda: self.now)

    async def told(self) -> list[bytes]:
        """What the feed tells, in order."""
        origin = self.origins[BEIJING]
        await self.publisher.push(BEIJING, 30)
        return origin.told


def enterprise(code: Uscc = SUBJECT_CODE, **changes: Any) -> Caller:
    """A caller with a certificate of an enterprise."""
    return replace(
        Caller(reference=f"enterprise:{code}", uscc=code, identity_level=query_pb2.IDENTITY_LEVEL_HIGH), **changes
    )


def officer() -> Caller:
    """An officer in a matter; the code is the unit's."""
    return enterprise(
        Uscc("11110000000000000X"),
        reference="person:" + "0" * 32,
        basis=query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY,
        matter_number="示例〔2026〕1号",
    )


def draft_request(**changes: Any) -> wire.DraftGrantRequest:
    """To the bank, for financing, three times until the end of the year; `changes` are fields."""
    chosen: dict[str, Any] = {
        "grantee_uscc": BANK,
        "grantee_name": BANK_NAME,
        "purpose": query_pb2.PURPOSE_FINANCING,
        "max_uses": 3,
        "expires_on": "2026-12-31",
    }
    return wire.DraftGrantRequest(**(chosen | changes))


def opened(envelope: bytes) -> Any:
    """What an envelope of this feed holds."""
    types: dict[str, Any] = {
        GRANT: authorisation_pb2.Grant,
        GRANT_REVOCATION: authorisation_pb2.GrantRevocation,
        GRANT_USE: authorisation_pb2.GrantUse,
    }
    statement = decode_envelope(envelope)
    return types[statement.payload_type].FromString(statement.payload)


def root(pki: PKI, authority: Authority = Authority.CLIENTS) -> x509.Certificate:
    """An authority's certificate."""
    return x509.load_pem_x509_certificate(Path(pki.root(authority)).read_bytes())


@asynccontextmanager
async def granting_home(database: Database, pki: PKI, *, now: datetime = NOW) -> AsyncGenerator[GrantingHome]:
    """Beijing's home, in a database that is empty."""
    await tables.prepare(database)
    await migrate(database, FEEDS)
    federation = Federation()
    federation.now = now

    def clock() -> datetime:
        return federation.now

    signer = federation.signer(BEIJING, GATEWAY)
    registry = KnownUnits(registry_entry(), registry_entry(BANK, BANK_NAME, Province.TIANJIN))
    members = members_of({})
    transfers = Transfers(
        province=BEIJING,
        registry=registry,
        store=TransferStore(database),
        gateways=cast("Gateways", None),  # nobody moved here
        contacts={},
        signer=signer,
        verifier=federation.verifier,
        clock=clock,
    )
    origins = {province: Origin(now + timedelta(seconds=number)) for number, province in enumerate(Province, start=1)}

    publisher = FeedPublisher(
        feed=AUTHORISATIONS,
        signer=signer,
        database=database,
        subscribers=origins,
        epoch=current_epoch,
        snapshot=partial(authorisation_snapshot, clock=clock),
        clock=clock,
    )
    grants = HomeGrants(database=database, signer=signer, feed=publisher)
    intake = Intake(
        province=BEIJING,
        registry=registry,
        catalogues=federation.catalogues,
        members=members,
        transfers=transfers,
        grants=grants,
    )
    home = GrantingHome(
        federation=federation,
        database=database,
        pki=pki,
        registry=registry,
        publisher=publisher,
        origins=origins,
        intake=intake,
        grants=grants,
        service=cast("GrantService", None),
        look_ups=LookUps(database=database, registry=registry, clock=clock),
    )
    home.service = _service(home)
    yield home


def _service(home: GrantingHome, **changes: Any) -> GrantService:
    parts: dict[str, Any] = {
        "database": home.database,
        "registry": home.registry,
        "home": home.intake,
        "catalogues": home.federation.catalogues,
        "authorities": [root(home.pki)],
        "signer": home.federation.signer(BEIJING, GATEWAY),
        "feed": home.publisher,
        "clock": lambda: home.now,
    }
    return GrantService(**(parts | changes))
