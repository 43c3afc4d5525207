"""A home that publishes and an adapter that subscribes, with a link between them that can lose, repeat and refuse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.errors import HurenError
from contract.payloads import (
    FEED_ENTRY,
    FEED_HEAD,
    FEED_RESET,
    GRANT,
    GRANT_REVOCATION,
    MESSAGE_TYPES,
    parse,
)
from contract.province import Province
from huren.authorisation.v1 import authorisation_pb2
from huren.feed.v1 import feed_pb2, feed_service_pb2
from runtime.database import Database
from runtime.errors import StoreUnavailableError
from runtime.feeds import (
    AUTHORISATIONS,
    FEEDS,
    FeedCondition,
    FeedHandler,
    FeedPublisher,
    FeedSubscription,
    SubscriberUnavailableError,
)
from runtime.identity import MemberPeer
from runtime.migrations import migrate
from signing import SignedStatement, VerifiedPayload
from tests.support.federation import GATEWAY, NOW, Federation

HOME, ORIGIN = Province.BEIJING, Province.TIANJIN
PEER = MemberPeer(HOME, GATEWAY)
PAYLOADS = {feed_pb2.FeedEntry: FEED_ENTRY, feed_pb2.FeedHead: FEED_HEAD, feed_pb2.FeedReset: FEED_RESET}

metadata = MetaData()
holding = Table("test_holding", metadata, Column("number", Integer, primary_key=True), Column("envelope", LargeBinary))
"""What still holds at the home."""
effects = Table(
    "test_effects",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("statement_id", LargeBinary),
    Column("at", String(40)),
)
"""What was applied at the origin."""

Push = Callable[[feed_service_pb2.PushRequest, float], Awaitable[feed_service_pb2.PushResponse]]


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Link:
    """A subscriber in the same process. Keeps what went over it; `instead` answers in its place."""

    take: Callable[[feed_service_pb2.PushRequest], Awaitable[feed_service_pb2.PushResponse]]
    instead: Push | None = None
    pushed: list[feed_service_pb2.PushRequest] = field(default_factory=list)

    async def push(self, request: feed_service_pb2.PushRequest, timeout_s: float) -> feed_service_pb2.PushResponse:
        self.pushed.append(request)
        if self.instead is not None:
            return await self.instead(request, timeout_s)
        try:
            return await self.take(request)
        except (HurenError, StoreUnavailableError) as error:
            raise SubscriberUnavailableError(str(error), may_retry=False) from error


@dataclass
class World:
    """Both sides. `epoch` is the life of the home's database; `refuse` and `fail` are what the origin's handler does."""

    home: Database
    origin: Database
    federation: Federation = field(default_factory=Federation)
    clock: Clock = field(default_factory=Clock)
    origin_clock: Clock = field(default_factory=Clock)
    epoch: str = "a" * 32
    fail: Callable[[VerifiedPayload], Exception | None] = lambda _: None

    def __post_init__(self) -> None:
        self.subscription = self.subscribing()
        self.link = Link(lambda request: self.subscription.take(PEER, request))
        self.publisher = self.publishing()

    def publishing(self, database: Database | None = None, **others: Link) -> FeedPublisher:
        async def epoch(_: AsyncConnection) -> str:
            return self.epoch

        async def snapshot(connection: AsyncConnection) -> Sequence[bytes]:
            found = select(holding.c.envelope).order_by(holding.c.number)
            return list((await connection.execute(found)).scalars())

        return FeedPublisher(
            feed=AUTHORISATIONS,
            signer=self.federation.signer(HOME, GATEWAY),
            database=database or self.home,
            subscribers={ORIGIN: self.link} | {Province[name]: link for name, link in others.items()},
            epoch=epoch,
            snapshot=snapshot,
            clock=self.clock,
        )

    def subscribing(self) -> FeedSubscription:
        async def apply(connection: AsyncConnection, statement: VerifiedPayload, at: datetime) -> None:
            row = {"statement_id": statement.statement_id, "at": at.isoformat()}
            await connection.execute(insert(effects), row)
            if error := self.fail(statement):
                raise error

        handler = FeedHandler(role=GATEWAY, payload_types=frozenset({GRANT, GRANT_REVOCATION}), apply=apply)
        return FeedSubscription(
            database=self.origin,
            verifier=self.federation.verifier,
            feeds={AUTHORISATIONS: handler},
            clock=self.origin_clock,
        )

    # --- The home ---

    def revocation(self, number: int = 0, province: Province = HOME) -> SignedStatement:
        """A statement that may be told; each call makes another."""
        revocation = authorisation_pb2.GrantRevocation(
            header=self.federation.header(province, GATEWAY, self.clock()), grant_statement_id=bytes([number] * 32)
        )
        return self.federation.signer(province, GATEWAY).sign(GRANT_REVOCATION, revocation)

    async def hold(self, statement: SignedStatement) -> None:
        """Commits a statement of the home without telling it."""
        async with self.home.write() as connection:
            await connection.execute(insert(holding), {"envelope": statement.envelope})

    async def tell(self, *statements: SignedStatement, publisher: FeedPublisher | None = None) -> list[bytes]:
        """Commits statements of the home with their entries, each by itself; new ones unless told. Gives their ids."""
        told = statements or (self.revocation(),)
        for statement in told:
            async with (publisher._database if publisher else self.home).write() as connection:
                await connection.execute(insert(holding), {"envelope": statement.envelope})
                await (publisher or self.publisher).append(connection, statement.envelope, self.clock())
        return [statement.statement_id for statement in told]

    # --- What goes over the line ---

    def signed(
        self, message: feed_pb2.FeedEntry | feed_pb2.FeedHead | feed_pb2.FeedReset, peer: MemberPeer = PEER
    ) -> SignedStatement:
        """A statement of a feed, with what is left out filled in."""
        if not message.HasField("header"):
            message.header.CopyFrom(self.federation.header(peer.province, peer.role, self.clock()))
        message.feed = message.feed or AUTHORISATIONS
        message.epoch = message.epoch or self.epoch
        return self.federation.signer(peer.province, peer.role).sign(PAYLOADS[type(message)], message)

    def chain(self, *carried: bytes, after: bytes = b"", number: int = 1) -> list[SignedStatement]:
        """Entries that carry these envelopes."""
        entries = []
        for offset, envelope in enumerate(carried):
            entry = feed_pb2.FeedEntry(number=number + offset, previous_entry_id=after, statement_envelope=envelope)
            entries.append(self.signed(entry))
            after = entries[-1].statement_id
        return entries

    def reset(self, **fields: Any) -> bytes:
        return self.signed(feed_pb2.FeedReset(**fields)).envelope

    async def push(
        self, *envelopes: bytes | SignedStatement, peer: MemberPeer = PEER, feed: str = AUTHORISATIONS
    ) -> feed_service_pb2.PushResponse:
        """Hands envelopes to the origin, past the publisher."""
        raw = [each if isinstance(each, bytes) else each.envelope for each in envelopes]
        return await self.subscription.take(peer, feed_service_pb2.PushRequest(feed=feed, envelopes=raw))

    async def begun(self, **fields: Any) -> feed_service_pb2.PushResponse:
        """The origin is in the epoch, with nothing."""
        return await self.push(self.reset(**fields))

    # --- The origin ---

    async def applied(self) -> list[bytes]:
        """Ids of the statements that took effect at the origin, in that order."""
        async with self.origin.read() as connection:
            found = select(effects.c.statement_id).order_by(effects.c.number)
            return list((await connection.execute(found)).scalars())

    async def condition(self) -> FeedCondition:
        found = await self.subscription.condition(AUTHORISATIONS, HOME)
        assert found is not None
        return found

    def opened(self, request: feed_service_pb2.PushRequest) -> list[Message]:
        """What is in a push, verified."""
        statements = [
            self.federation.verifier.verify(each, expect=frozenset(PAYLOADS.values())) for each in request.envelopes
        ]
        return [parse(statement, MESSAGE_TYPES[statement.payload_type]) for statement in statements]


async def prepared(home: Database, origin: Database | None = None) -> World:
    """Both sides on databases with their tables; one database may be both sides'."""
    for database in {home, origin or home}:
        await migrate(database, FEEDS)
        async with database.write() as connection:
            await connection.run_sync(metadata.create_all)
    return World(home=home, origin=origin or home)


@pytest.fixture
async def world(database: Database) -> World:
    return await prepared(database)


@pytest.fixture
def prepare() -> Callable[..., Awaitable[World]]:
    return prepared
