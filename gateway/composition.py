"""What a gateway does, plugged together on its parts, and only here. Tests put their own parts in (`Parts`)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Final

import grpc
from aiohttp import web
from cryptography import x509
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.catalogue import CatalogueSet
from contract.province import Province
from contract.registry import Registry
from contract.working_days import WorkingDays, load_calendars
from gateway.api.authorisation_servicer import AuthorisationServicer
from gateway.api.change_servicer import ChangeServicer
from gateway.api.home_servicer import HomeServicer
from gateway.api.office_servicer import OfficeServicer
from gateway.api.parts import PeopleParts
from gateway.api.public_http import PublicParts, public_application
from gateway.api.public_verification import PublicVerification
from gateway.api.report_servicer import ReportServicer
from gateway.api.shares import RestLimits, Shares
from gateway.api.verification_servicer import VerificationServicer
from gateway.authorisations.grants import GrantService
from gateway.authorisations.in_force import HomeGrants
from gateway.authorisations.look_ups import LookUps
from gateway.batches.archive import Archiver
from gateway.batches.callers import ActingCallers
from gateway.batches.service import BatchService
from gateway.federation.breaker import Breaker, BreakerPolicy
from gateway.federation.coverages import Coverages
from gateway.federation.directory import Directory
from gateway.federation.feeds import AuthorisationFeed
from gateway.federation.gateways import Gateways
from gateway.federation.peer import Peer
from gateway.federation.provinces import Provinces
from gateway.federation.transfers import Transfers
from gateway.identity.access_tokens import AccessTokens
from gateway.identity.acting import Acting
from gateway.identity.login import Login
from gateway.identity.provider import IdentityProvider
from gateway.identity.sessions import Sessions
from gateway.mandates.agents import Agents
from gateway.mandates.window import WindowMandates
from gateway.portal.announcements import Announcements, FixedAnnouncements
from gateway.portal.application import Portal
from gateway.portal.parts import PortalParts, SiteFacts
from gateway.render.pages import ReportPages
from gateway.render.seal import Seal
from gateway.reports.completion import Completion
from gateway.reports.fanout import FanOut, Neighbour
from gateway.reports.files import ReportFiles
from gateway.reports.intake import Intake
from gateway.reports.notices import Notices
from gateway.reports.open_requests import OpenRequests
from gateway.reports.overview import Overview
from gateway.reports.sealing import Sealer
from gateway.reports.service import Observer, ReportService, Rules
from gateway.reports.standing import StandingService
from gateway.store.batches import BatchStore, GrantsInStore
from gateway.store.epochs import current_epoch
from gateway.store.grants import authorisation_snapshot
from gateway.store.mandates import MandateStore, WindowMandateStore
from gateway.store.open_requests import OpenRequestStore
from gateway.store.overview import OverviewStore
from gateway.store.standing import StandingStore
from gateway.store.store import Store
from gateway.store.transfers import TransferStore
from gateway.store.verification import VerificationStore
from gateway.store.work import BATCH, COMPLETE, FEED, NOTIFY, REPEAT, Backlog, WorkQueue
from gateway.verification.by_code import CodeVerification
from gateway.verification.by_file import FileVerification
from gateway.verification.comparison import comparison_of
from gateway.verification.foreign import GrpcHomes
from gateway.verification.statuses import Statuses
from gateway.working import Handler, Worker
from huren.authorisation.v1 import authorisation_service_pb2, authorisation_service_pb2_grpc
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
from runtime.clock import Clock
from runtime.database import Database
from runtime.feeds import AUTHORISATIONS, FeedPublisher, Subscriber
from runtime.grpc_server import ServedService
from signing import PrivateKey, Signer, TrustStore, Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who can log in, and for how long.

    Attributes:
        provider: The identity provider.
        levels: How surely a person is known, by the provider's `acr`.
        audience: What access tokens of programs are made out for. Empty: none is believed.
        lifetime: After so long a session ends.
        idle: After so long without a request it ends.
    """

    provider: IdentityProvider
    levels: Mapping[str, str]
    audience: str
    lifetime: timedelta
    idle: timedelta


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
        subscribers: The adapters, as those who are told of grants.
        enterprise_authorities: Who certifies enterprises.
        people: Who can log in. None: nobody; then there is no REST API either.
        site: What the province says of its site.
        calendar: By which working days are counted.
        announcements: What the province tells everybody.
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
    subscribers: Mapping[Province, Subscriber] = field(default_factory=dict)
    enterprise_authorities: Sequence[x509.Certificate] = ()
    people: People | None = None
    site: SiteFacts = field(default_factory=SiteFacts)
    calendar: WorkingDays = field(default_factory=load_calendars)
    announcements: Announcements = field(default_factory=FixedAnnouncements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a gateway does, and where it is asked for.

    Attributes:
        reports: Makes reports.
        standing: Keeps where they stand.
        transfers: Takes subjects over and lets them go.
        worker: Does durable work.
        queue: Where that is taken from.
        feed: Tells the origins of grants. Its work is written by `begin`.
        for_clients: What enterprises and officers call.
        for_members: What other members call.
        public: What everybody may use.
    """

    reports: ReportService
    standing: StandingService
    transfers: Transfers
    worker: Worker
    queue: WorkQueue
    feed: AuthorisationFeed
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
    return _Composition(parts, neighbours, observer).services()


class _Composition:
    """What several services share, made once; what serves them, made from it."""

    def __init__(self, parts: Parts, neighbours: tuple[Neighbour, ...], observer: Observer) -> None:
        self._parts = parts
        self._verifier = Verifier(parts.trust)
        self._signer = Signer(parts.key, issuer=parts.province, role=envelope_pb2.MEMBER_ROLE_GATEWAY)
        self._queue = WorkQueue(parts.database, owner=secrets.token_hex(8), clock=parts.clock, lease=parts.lease)
        self._notices = Notices(parts.database, self._queue, platform_url=parts.messages_url)
        self._transfers = Transfers(
            province=parts.province,
            registry=parts.registry,
            store=TransferStore(parts.database),
            gateways=parts.gateways,
            contacts=_contacts(parts),
            signer=self._signer,
            verifier=self._verifier,
            clock=parts.clock,
        )
        self._standing = StandingService(
            store=StandingStore(parts.database), verifier=self._verifier, signer=self._signer, clock=parts.clock
        )
        self._feed = self._made_feed()
        grants = HomeGrants(database=parts.database, signer=self._signer, feed=self._feed)
        self._intake = Intake(
            province=parts.province,
            registry=parts.registry,
            catalogues=parts.catalogues,
            members=parts.directory.members,
            transfers=self._transfers,
            grants=grants,
        )
        self._coverages = Coverages(Store(parts.database), self._verifier)
        self._provinces = Provinces(
            parts.peers,
            breakers={neighbour.province: neighbour.breaker for neighbour in neighbours},
            coverages=self._coverages,
            catalogues=parts.catalogues,
            clock=parts.clock,
        )
        self._reports = self._made_reports(neighbours, observer, grants)
        self._grants = GrantService(
            database=parts.database,
            registry=parts.registry,
            home=self._intake,
            catalogues=parts.catalogues,
            authorities=parts.enterprise_authorities,
            signer=self._signer,
            feed=self._feed,
            clock=parts.clock,
        )
        self._look_ups = LookUps(database=parts.database, registry=parts.registry, clock=parts.clock)
        self._pages = ReportPages()
        self._files = self._made_files()
        self._acting = Acting(
            mandates=MandateStore(parts.database), windows=WindowMandateStore(parts.database), clock=parts.clock
        )
        self._batches = self._made_batches()
        homes, verification = GrpcHomes(parts.gateways), VerificationStore(parts.database)
        self._statuses = Statuses(
            province=parts.province, store=verification, source=self._standing, homes=homes, verifier=self._verifier
        )
        self._by_code = CodeVerification(
            province=parts.province,
            store=verification,
            statuses=self._statuses,
            homes=homes,
            verifier=self._verifier,
        )

    def services(self) -> Services:
        """All of them."""
        return Services(
            reports=self._reports,
            standing=self._standing,
            transfers=self._transfers,
            worker=self._worker(),
            queue=self._queue,
            feed=self._feed,
            for_clients=self._for_clients(),
            for_members=self._for_members(),
            public=self._public(),
        )

    # --- What is made of the parts ----------------------------------------------------------------------------------------

    def _made_feed(self) -> AuthorisationFeed:
        parts = self._parts

        async def snapshot(connection: AsyncConnection) -> Sequence[bytes]:
            return await authorisation_snapshot(connection, clock=parts.clock)

        publisher = FeedPublisher(
            feed=AUTHORISATIONS,
            signer=self._signer,
            database=parts.database,
            subscribers=parts.subscribers,
            epoch=current_epoch,
            snapshot=snapshot,
            clock=parts.clock,
        )
        return AuthorisationFeed(
            publisher,
            database=parts.database,
            queue=self._queue,
            subscribers=tuple(parts.subscribers),
            clock=parts.clock,
        )

    def _made_reports(self, neighbours: tuple[Neighbour, ...], observer: Observer, grants: HomeGrants) -> ReportService:
        parts, store = self._parts, Store(self._parts.database)
        home = parts.directory.members[parts.province]
        return ReportService(
            intake=self._intake,
            grants=grants,
            standing=self._standing,
            store=store,
            queue=self._queue,
            fanout=FanOut(
                neighbours,
                verifier=self._verifier,
                coverages=self._coverages,
                clock=parts.clock,
                patience=parts.patience,
            ),
            sealer=Sealer(
                province=parts.province, signer=self._signer, issuer=home.contact, specimen=not parts.production
            ),
            signer=self._signer,
            verifier=self._verifier,
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

    def _made_files(self) -> ReportFiles:
        parts = self._parts
        return ReportFiles(
            province=parts.province,
            directory=parts.directory,
            public_url=parts.public_url,
            verifier=self._verifier,
            catalogues=parts.catalogues,
            pages=self._pages,
            seal=parts.seal,
            specimen=not parts.production,
            clock=parts.clock,
        )

    def _made_batches(self) -> BatchService:
        parts = self._parts
        callers = ActingCallers(self._acting, parts.clock)
        return BatchService(
            store=BatchStore(parts.database),
            queue=self._queue,
            reports=self._reports,
            callers=callers,
            grants=GrantsInStore(parts.database, parts.clock),
            archiver=Archiver(reports=self._reports, standings=self._standing, files=self._files, callers=callers),
            catalogues=parts.catalogues,
            clock=parts.clock,
        )

    # --- What serves it -----------------------------------------------------------------------------------------------------

    def _worker(self) -> Worker:
        handlers = {
            COMPLETE: Handler(run=self._reports.go_on),
            NOTIFY: Handler(run=self._notices.hand_on, give_up_after=_MOST_NOTICE_TRIES),
            FEED: Handler(run=self._feed.go_on),
            BATCH: Handler(run=self._batches.go_on),
            REPEAT: Handler(run=self._batches.begin_again),
        }
        return Worker(
            self._queue, handlers, clock=self._parts.clock, at_once=self._parts.at_once, tell=self._parts.tell_backlog
        )

    def _for_clients(self) -> tuple[ServedService, ...]:
        return (
            served(
                report_service_pb2,
                "ReportService",
                report_service_pb2_grpc.add_ReportServiceServicer_to_server,
                ReportServicer(self._reports, self._standing, self._files, self._notices),
            ),
            served(
                authorisation_service_pb2,
                "AuthorisationService",
                authorisation_service_pb2_grpc.add_AuthorisationServiceServicer_to_server,
                AuthorisationServicer(self._grants, self._look_ups, self._parts.clock),
            ),
            served(
                office_service_pb2,
                "OfficeService",
                office_service_pb2_grpc.add_OfficeServiceServicer_to_server,
                OfficeServicer(self._standing, officers=self._parts.officers),
            ),
        )

    def _for_members(self) -> tuple[ServedService, ...]:
        return (
            served(
                change_service_pb2,
                "ChangeService",
                change_service_pb2_grpc.add_ChangeServiceServicer_to_server,
                ChangeServicer(self._standing),
            ),
            served(
                home_service_pb2,
                "HomeService",
                home_service_pb2_grpc.add_HomeServiceServicer_to_server,
                HomeServicer(self._transfers),
            ),
            served(
                verification_service_pb2,
                "VerificationService",
                verification_service_pb2_grpc.add_VerificationServiceServicer_to_server,
                VerificationServicer(self._by_code, self._statuses, self._parts.clock),
            ),
        )

    def _public(self) -> web.Application:
        parts = self._parts
        verification = PublicVerification(
            by_code=self._by_code,
            by_file=FileVerification(trust=parts.trust_directory, statuses=self._statuses),
            directory=parts.directory,
            clock=parts.clock,
            trusted_proxies=parts.trusted_proxies,
        )
        shares = Shares(RestLimits(), trusted_proxies=parts.trusted_proxies, monotonic=monotonic)
        people = self._people(parts.people, shares) if parts.people else None
        return public_application(
            PublicParts(verification=verification, statuses=self._statuses, clock=parts.clock),
            portal=self._portal(people, shares, verification),
            people=people,
        )

    def _portal(self, people: PeopleParts | None, shares: Shares, verification: PublicVerification) -> Portal:
        parts = self._parts
        return Portal(
            PortalParts(
                province=parts.province,
                specimen=not parts.production,
                site=parts.site,
                announcements=parts.announcements,
                directory=parts.directory,
                registry=parts.registry,
                catalogues=parts.catalogues,
                provinces=self._provinces,
                pages=self._pages,
                verification=verification,
                clock=parts.clock,
                shares=shares,
                public_url=parts.public_url,
                people=people,
            )
        )

    def _people(self, people: People, shares: Shares) -> PeopleParts:
        parts = self._parts
        sessions = Sessions(
            database=parts.database,
            provider=people.provider,
            clock=parts.clock,
            lifetime=people.lifetime,
            idle=people.idle,
        )
        return PeopleParts(
            login=Login(
                database=parts.database,
                provider=people.provider,
                sessions=sessions,
                levels=people.levels,
                redirect_uri=lambda: f"{parts.public_url()}/auth/callback",
                clock=parts.clock,
            ),
            sessions=sessions,
            tokens=AccessTokens(provider=people.provider, audience=people.audience, levels=people.levels),
            acting=self._acting,
            agents=Agents(store=MandateStore(parts.database), clock=parts.clock),
            window_mandates=WindowMandates(store=WindowMandateStore(parts.database), clock=parts.clock),
            grants=self._grants,
            look_ups=self._look_ups,
            batches=self._batches,
            reports=self._reports,
            standing=self._standing,
            files=self._files,
            overview=Overview(OverviewStore(parts.database), self._standing),
            open_requests=OpenRequests(OpenRequestStore(parts.database), parts.calendar),
            work=self._queue,
            notices=self._notices,
            summaries=partial(comparison_of, verifier=self._verifier),
            public_url=parts.public_url,
            clock=parts.clock,
            shares=shares,
        )


_MOST_NOTICE_TRIES: Final = 30
"""With the pauses of gateway/working.py about four hours; then an operator is needed."""


def _contacts(parts: Parts) -> dict[Province, common_pb2.Contact]:
    return {province: member.contact for province, member in parts.directory.members.items()}


def served(module: Any, name: str, add: Callable[[Any, grpc.aio.Server], None], servicer: Any) -> ServedService:
    """A servicer as a service of its door."""
    return ServedService(module.DESCRIPTOR.services_by_name[name], partial(add, servicer))
