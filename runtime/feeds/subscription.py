"""The subscribing side of feeds: what members push is verified, taken in order, and applied once.

`FeedSubscription.take`, for each envelope of a push in turn:

1. The peer's role may publish the feed here.
2. It decodes strictly, is an entry, a head or a reset, and its signature is accepted; it parses; the signer is the peer; it names
   the feed (FD-7).
3. It is not from the future (FD-7).
4. In one transaction: compare with the place (contract/feed.py), do what follows, and move the place (FD-8 to FD-12). An entry's
   statement is verified, parsed and handed to the feed's handler; its effect and the place commit together.

A statement that was applied is not applied again, in whatever epoch it is told. One that cannot be applied, now or later, is parked
with the reason: it neither blocks what follows nor is lost. One that this member cannot apply yet, since it lacks a key, a
catalogue or a release, is refused for the time being. That, and what the handler raises otherwise, leaves the place where it was.

Where something is missing, and where an envelope is refused after others of the push were taken, the answer is how far it came; the
publisher goes on from there. Nothing after a refused envelope is looked at.

Source: docs/protocols/feeds.md, FD-7 to FD-12.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.admission import CLOCK_TOLERANCE
from contract.days import to_timestamp
from contract.errors import ErrorCode, HurenError
from contract.feed import CHAIN_FAULTS, ChainError, Place, Step, step_of_entry, step_of_head, step_of_reset
from contract.payloads import FEED_ENTRY, FEED_HEAD, FEED_RESET, MESSAGE_TYPES, PayloadError, PayloadFault, parse
from contract.province import Province
from contract.reasons import Words
from huren.envelope.v1 import envelope_pb2
from huren.feed.v1 import feed_pb2, feed_service_pb2
from runtime.clock import Clock
from runtime.database import Database
from runtime.feeds.errors import FeedStatementRefusedError, SubscriberBehindError
from runtime.feeds.places import FeedCondition, KeptPlace, PlaceStore, Result, TakenEntry
from runtime.identity import MemberPeer
from signing import EnvelopeError, VerificationError, VerificationFailure, VerifiedPayload, Verifier

Message: TypeAlias = feed_pb2.FeedEntry | feed_pb2.FeedHead | feed_pb2.FeedReset

_TYPES: Final = frozenset({FEED_ENTRY, FEED_HEAD, FEED_RESET})
_SOONEST: Final = timedelta(seconds=1)
_LATEST: Final = timedelta(hours=1)
_WHILE_BEHIND: Final = timedelta(minutes=1)
"""Somebody has to bring this member up to date."""
_UNKNOWN_ENUM_VALUE: Final = "enum.defined_only"

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHandler:
    """What a feed is taken for.

    Attributes:
        role: Members publish it in this role.
        payload_types: What its entries may carry.
        apply: Lets a statement take effect, in the transaction that moves the place; it gets the instant at which it was received.
            It may raise `FeedStatementRefusedError`: then what it wrote is undone and the entry is parked. Or
            `SubscriberBehindError`: then nothing is moved, and the entry comes again.
    """

    role: envelope_pb2.MemberRole.ValueType
    payload_types: frozenset[str]
    apply: Callable[[AsyncConnection, VerifiedPayload, datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Turn:
    """One envelope in its transaction, alone with the place."""

    connection: AsyncConnection
    store: PlaceStore
    kept: KeptPlace | None
    statement: VerifiedPayload

    @property
    def place(self) -> Place | None:
        return None if self.kept is None else self.kept.place


class FeedSubscription:
    """Takes the feeds of other members, and of this member's other program."""

    def __init__(
        self, *, database: Database, verifier: Verifier, feeds: Mapping[str, FeedHandler], clock: Clock
    ) -> None:
        """Takes what it needs.

        Args:
            database: With the tables of `FEEDS`, and whatever the handlers write to.
            verifier: Verifies entries and the statements that they carry.
            feeds: The feeds that are taken, by their names.
            clock: Its clock.

        Raises:
            ValueError: A handler expects a payload type that nobody knows.
        """
        for name, handler in feeds.items():
            if unknown := handler.payload_types - MESSAGE_TYPES.keys():
                raise ValueError(f"{name}: known payload types expected, got {sorted(unknown)}")
        self._database = database
        self._verifier = verifier
        self._feeds = dict(feeds)
        self._clock = clock

    async def take(self, peer: MemberPeer, request: feed_service_pb2.PushRequest) -> feed_service_pb2.PushResponse:
        """Takes what a member pushes, as far as it can be taken.

        Args:
            peer: Who pushes.
            request: What.

        Returns:
            How far this subscriber is; committed.

        Raises:
            HurenError: The first envelope is refused: ENVELOPE_UNREADABLE, STATEMENT_NOT_ACCEPTED, or STORE_UNAVAILABLE where it is
                from the future, or carries what this member cannot apply yet.
            StoreUnavailableError: The store cannot be read or written; what was taken before stays taken.
        """
        handler = self._handler(peer, request.feed)
        store = PlaceStore(request.feed, peer.province)
        for count, envelope in enumerate(request.envelopes):
            try:
                statement, message = self._opened(envelope, peer, request.feed)
                step = await self._take_one(store, handler, statement, message)
            except HurenError as error:
                if count == 0:
                    raise
                _log.warning("feed taken in part", feed=request.feed, publisher=peer.uri, reason=str(error))
                break
            if step is Step.STOP:
                break
        return await self._answer(store)

    async def condition(self, feed: str, publisher: Province) -> FeedCondition | None:
        """How far this subscriber is. None: it never heard of the feed of that member.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        async with self._database.read() as connection:
            return await PlaceStore(feed, publisher).condition(connection)

    # --- An envelope ---

    def _handler(self, peer: MemberPeer, feed: str) -> FeedHandler:
        handler = self._feeds.get(feed)
        if handler is None or handler.role != peer.role:
            raise _not_accepted(Words("不接收该成员的此类信息", "no such feed is taken from this member"), field="feed")
        return handler

    def _opened(self, envelope: bytes, peer: MemberPeer, feed: str) -> tuple[VerifiedPayload, Message]:
        try:
            statement = self._verifier.verify(envelope, expect=_TYPES)
            message = _parsed(statement)
        except EnvelopeError as error:
            raise HurenError(ErrorCode.ENVELOPE_UNREADABLE, field="envelopes", problem=error.fault) from error
        except VerificationError as error:
            raise _not_accepted(
                Words(f"签名未通过验证（{error.failure}）", f"it does not verify ({error.failure})")
            ) from error
        except PayloadError as error:
            raise _not_accepted(
                Words(f"内容不符合规范（{error.where}）", f"it breaks a declared rule ({error.where})")
            ) from error
        if (statement.signer.member, statement.signer.role) != (peer.province, peer.role):
            raise _not_accepted(Words("签名者不是连接方", "the signer is not the peer"))
        if message.feed != feed:
            raise _not_accepted(Words("不属于所列的信息类别", "it is of another feed than the push"))
        self._require_not_from_future(statement, peer, feed)
        return statement, message

    def _require_not_from_future(self, statement: VerifiedPayload, peer: MemberPeer, feed: str) -> None:
        early = statement.issued_at - self._clock() - CLOCK_TOLERANCE
        if early > timedelta(0):
            _log.warning("feed from the future", feed=feed, publisher=peer.uri, early_s=early.total_seconds())
            # Not never: the same bytes are good once this clock says so, or was put right.
            raise HurenError(ErrorCode.STORE_UNAVAILABLE, retry_after=min(max(early, _SOONEST), _LATEST))

    # --- Its step ---

    async def _take_one(
        self, store: PlaceStore, handler: FeedHandler, statement: VerifiedPayload, message: Message
    ) -> Step:
        try:
            async with self._database.write() as connection:
                await store.alone(connection)
                turn = _Turn(connection, store, await store.current(connection), statement)
                match message:
                    case feed_pb2.FeedEntry():
                        return await self._take_entry(turn, message, handler)
                    case feed_pb2.FeedHead():
                        return await self._take_head(turn, message)
                    case feed_pb2.FeedReset():
                        return await self._take_reset(turn, message)
        except ChainError as error:
            _log.error("feed contradicts itself", feed=message.feed, publisher=store.publisher.slug, reason=str(error))
            raise _not_accepted(CHAIN_FAULTS[error.fault]) from error
        except SubscriberBehindError as error:
            _log.error(
                "feed waits: this member is behind",
                feed=message.feed,
                publisher=store.publisher.slug,
                statement_id=statement.statement_id.hex(),
                reason=str(error),
            )
            raise HurenError(ErrorCode.STORE_UNAVAILABLE, retry_after=_WHILE_BEHIND) from error

    async def _take_entry(self, turn: _Turn, entry: feed_pb2.FeedEntry, handler: FeedHandler) -> Step:
        had = await turn.store.entry_id(turn.connection, turn.kept, entry.number)
        step = step_of_entry(turn.place, entry, turn.statement.statement_id, had=had)
        if step is Step.TAKE and turn.kept is not None:
            at = self._clock()
            became = await self._applied(turn, entry, handler, at)
            await turn.store.take(turn.connection, turn.kept, turn.statement, became, at=at)
            if became.result is Result.PARKED:
                _log.error(
                    "feed entry parked",
                    feed=entry.feed,
                    publisher=turn.store.publisher.slug,
                    number=entry.number,
                    entry_id=turn.statement.statement_id.hex(),
                    reason=became.reason,
                )
        return step

    async def _applied(self, turn: _Turn, entry: feed_pb2.FeedEntry, handler: FeedHandler, at: datetime) -> TakenEntry:
        """Applies an entry's statement, unless it was applied before."""
        carried_id = b""
        try:
            carried = self._carried(turn, entry, handler)
            carried_id = carried.statement_id
            if await turn.store.applied(turn.connection, carried_id):
                return TakenEntry(number=entry.number, statement_id=carried_id, result=Result.REPEATED)
            async with turn.connection.begin_nested():
                await handler.apply(turn.connection, carried, at)
        except (EnvelopeError, VerificationError, PayloadError, FeedStatementRefusedError) as error:
            reason = f"{type(error).__name__}: {error}"
            if _is_ours(error):
                raise SubscriberBehindError(reason) from error
            return TakenEntry(number=entry.number, statement_id=carried_id, result=Result.PARKED, reason=reason)
        return TakenEntry(number=entry.number, statement_id=carried_id, result=Result.APPLIED)

    def _carried(self, turn: _Turn, entry: feed_pb2.FeedEntry, handler: FeedHandler) -> VerifiedPayload:
        carried = self._verifier.verify(entry.statement_envelope, expect=handler.payload_types)
        signer, publisher = carried.signer, turn.statement.signer
        if (signer.member, signer.role) != (publisher.member, publisher.role):
            raise FeedStatementRefusedError(
                f"a statement of the publisher expected, got one of {signer.member}/{signer.role}"
            )
        parse(carried, MESSAGE_TYPES[carried.payload_type])
        return carried

    async def _take_head(self, turn: _Turn, head: feed_pb2.FeedHead) -> Step:
        kept = turn.kept
        had = await turn.store.entry_id(turn.connection, kept, head.number)
        step = step_of_head(turn.place, head, had=had)
        if step is Step.TAKE and kept is not None:
            await turn.store.hear(turn.connection, kept, turn.statement, head.number, at=self._clock())
        return step

    async def _take_reset(self, turn: _Turn, reset: feed_pb2.FeedReset) -> Step:
        step = step_of_reset(
            turn.place,
            reset,
            left=await turn.store.left(turn.connection),
            issued_at=turn.statement.issued_at,
            newest=await turn.store.newest(turn.connection),
        )
        if step is Step.TAKE:
            _log.info("feed begins anew", feed=reset.feed, publisher=turn.store.publisher.slug, epoch=reset.epoch)
            await turn.store.begin(turn.connection, reset, turn.statement, at=self._clock())
        return step

    async def _answer(self, store: PlaceStore) -> feed_service_pb2.PushResponse:
        async with self._database.read() as connection:
            place = await store.current(connection)
        if place is None:
            return feed_service_pb2.PushResponse(at=to_timestamp(self._clock()))
        return feed_service_pb2.PushResponse(
            epoch=place.place.epoch, number=place.place.number, at=to_timestamp(place.taken_at)
        )


def _is_ours(error: Exception) -> bool:
    """Whether a member with newer keys, or of a newer release, may accept the same statement."""
    match error:
        case VerificationError():
            return error.failure is VerificationFailure.KEY_UNKNOWN
        case PayloadError():
            unknown_value = error.fault is PayloadFault.UNKNOWN_VALUE and error.where.endswith(_UNKNOWN_ENUM_VALUE)
            return unknown_value or error.fault is PayloadFault.NOT_UNDERSTOOD
        case _:
            return False


def _parsed(statement: VerifiedPayload) -> Message:
    match statement.payload_type:
        case str(kind) if kind == FEED_ENTRY:
            return parse(statement, feed_pb2.FeedEntry)
        case str(kind) if kind == FEED_HEAD:
            return parse(statement, feed_pb2.FeedHead)
        case _:
            return parse(statement, feed_pb2.FeedReset)


def _not_accepted(problem: Words, *, field: str = "envelopes") -> HurenError:
    return HurenError(ErrorCode.STATEMENT_NOT_ACCEPTED, field=field, problem_zh=problem.zh, problem_en=problem.en)
