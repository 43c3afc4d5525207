"""The publishing side of a feed: statements in one order, told to each subscriber until it has them all.

- `append` writes the entry in the caller's transaction: what is told and what it is about commit together. Numbers follow each
  other without a gap in the order of the commits, also with several replicas.
- An entry is signed once; those bytes are kept and sent.
- A new epoch (the database was restored) begins with everything that still holds (`snapshot`), before anything new.
- `push` goes on from what the subscriber last acknowledged; what the subscriber answers is right, whatever is remembered here. One
  that takes nothing after its own answer is told by an error, not pushed to for ever.
- Somebody may wait for `push_all`: with `only_news` nobody who has everything is told so again, and nobody who failed a moment ago
  is waited for. Who has what is known from the store; who failed, each process knows by itself.

Source: docs/protocols/feeds.md, FD-1 to FD-6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.days import from_timestamp
from contract.payloads import FEED_ENTRY, FEED_HEAD, FEED_RESET, check_constraints
from contract.province import Province
from huren.feed.v1 import feed_pb2, feed_service_pb2
from runtime.clock import Clock
from runtime.database import Database
from runtime.errors import StoreUnavailableError
from runtime.feeds.entries import Acknowledged, Entry, EntryStore, Head
from runtime.feeds.errors import EntriesLostError, FeedError, SubscriberStuckError, SubscriberUnavailableError
from signing import EnvelopeError, Signer, decode_envelope, statement_id

MAX_ENVELOPES: Final = 128
"""In one push. Source: feed_service.proto, PushRequest.envelopes."""
MAX_PUSH_BYTES: Final = 1024 * 1024
"""Of envelopes in one push, but for a single one that is larger; a receiver accepts 4 MiB (transport.md)."""
HEAD_EVERY: Final = timedelta(seconds=30)
"""While entries are told, a head comes no more often than this (FD-6)."""
PAUSE_AFTER_FAILURE: Final = timedelta(seconds=10)
"""For so long `push_all` with `only_news` leaves a subscriber alone whose last push failed."""

_LAST_PLACES: Final = 2
"""Of a push: kept free for a reset and a head."""

_log: Final = structlog.get_logger(__name__)


class Subscriber(Protocol):
    """Takes a feed."""

    async def push(self, request: feed_service_pb2.PushRequest, timeout_s: float) -> feed_service_pb2.PushResponse:
        """Hands it what comes next, and returns how far it is.

        Raises:
            SubscriberUnavailableError: It did not answer, or refused.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """How far a subscriber is: by its own word in this push, or as remembered."""

    epoch: str
    number: int
    by_its_word: bool


class FeedPublisher:
    """One feed of this member."""

    def __init__(
        self,
        *,
        feed: str,
        signer: Signer,
        database: Database,
        subscribers: Mapping[Province, Subscriber],
        epoch: Callable[[AsyncConnection], Awaitable[str]],
        snapshot: Callable[[AsyncConnection], Awaitable[Sequence[bytes]]],
        clock: Clock,
    ) -> None:
        """Takes what it needs.

        Args:
            feed: Its name.
            signer: Signs as this member, the same that signs the statements that are told.
            database: With the tables of `FEEDS`.
            subscribers: Whom it is told.
            epoch: The present life of the database: lower-case hex of 128 random bits, another after each restore.
            snapshot: Envelopes of all statements that still hold, in the order in which they shall be told. It only reads.
            clock: Its clock.
        """
        self._feed = feed
        self._signer = signer
        self._database = database
        self._store = EntryStore(feed)
        self._subscribers = dict(subscribers)
        self._epoch = epoch
        self._snapshot = snapshot
        self._clock = clock
        self._failed_at: dict[Province, datetime] = {}

    async def append(self, connection: AsyncConnection, statement_envelope: bytes, at: datetime) -> None:
        """Tells a statement: it is the feed's next entry once the transaction commits. The same again changes nothing.

        Others who append wait until the transaction ends, so it comes last in it, after every other lock.

        Args:
            connection: A transaction that may write.
            statement_envelope: The statement, signed by this member; 64 KiB at most.
            at: Now.

        Raises:
            ValueError: It is no envelope, or too large for an entry.
        """
        await self._store.alone(connection)
        epoch = await self._epoch(connection)
        head = await self._begin(connection, epoch, at, by=statement_envelope)
        await self._add(connection, head, statement_envelope, at)

    async def push(self, province: Province, timeout_s: float) -> bool:
        """Tells a subscriber what it does not have, and at the end which entry is the last.

        Args:
            province: The subscriber.
            timeout_s: How long it may take altogether, in seconds.

        Returns:
            Whether it has all. False: time is over.

        Raises:
            SubscriberUnavailableError: It did not answer, or refused.
            SubscriberStuckError: It does not go on.
            EntriesLostError: It has entries that are not here.
            StoreUnavailableError: The store cannot be read or written.
        """
        try:
            has_all = await self._push(province, timeout_s)
        except FeedError:
            self._failed_at[province] = self._clock()
            raise
        self._failed_at.pop(province, None)
        return has_all

    async def push_all(self, timeout_s: float, *, only_news: bool = False) -> None:
        """Tells all subscribers at once. What fails is logged.

        Args:
            timeout_s: How long it may take altogether, in seconds.
            only_news: Leaves alone all that have everything by their last answer, and all whose last push failed less than
                `PAUSE_AFTER_FAILURE` ago. Somebody else goes on pushing to them, and tells heads.
        """
        subscribers = await self._lacking() if only_news else tuple(self._subscribers)
        async with asyncio.TaskGroup() as group:
            for province in subscribers:
                group.create_task(self._push_or_log(province, timeout_s))

    async def receipts(self, statement_ids: Sequence[bytes]) -> Mapping[bytes, Mapping[Province, datetime]]:
        """When each subscriber received statements, by its own clock; the first time counts.

        It has received what it parked, too: its answers do not tell (feeds.md, section 3).

        Args:
            statement_ids: Of the statements that were told, not of the entries.

        Returns:
            Every id with the subscribers that are known to have it.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        async with self._database.read() as connection:
            found = await self._store.receipts(connection, statement_ids)
        return {asked: found.get(asked, {}) for asked in statement_ids}

    # --- Appending ---

    async def _begin_epoch(self) -> None:
        """Tells what still holds where nothing was told in this epoch. A feed that is empty for long is only read."""
        async with self._database.read() as connection:
            if not await self._is_to_begin(connection):
                return
        async with self._database.write() as connection:
            await self._store.alone(connection)
            await self._begin(connection, await self._epoch(connection), self._clock())

    async def _is_to_begin(self, connection: AsyncConnection) -> bool:
        head = await self._store.head(connection, await self._epoch(connection))
        return head.number == 0 and bool(await self._snapshot(connection))

    async def _begin(self, connection: AsyncConnection, epoch: str, at: datetime, *, by: bytes = b"") -> Head:
        """Tells what still holds where nothing was told in this epoch; `by` is the new statement that begins it."""
        head = await self._store.head(connection, epoch)
        if head.number > 0:
            return head
        told_again = 0
        for envelope in await self._snapshot(connection):
            head = await self._add(connection, head, envelope, at)
            told_again += envelope != by  # what the caller has just kept holds already
        if told_again:
            _log.info("feed begins a new epoch", feed=self._feed, epoch=epoch, told_again=told_again)
        elif by:
            _log.info("feed begins", feed=self._feed, epoch=epoch)
        return head

    async def _add(self, connection: AsyncConnection, head: Head, envelope: bytes, at: datetime) -> Head:
        carried = _carried_id(envelope)
        if await self._store.tells(connection, head.epoch, carried):
            return head
        entry = feed_pb2.FeedEntry(
            header=self._signer.new_header(at),
            feed=self._feed,
            epoch=head.epoch,
            number=head.number + 1,
            previous_entry_id=head.entry_id,
            statement_envelope=envelope,
        )
        check_constraints(entry)
        signed = self._signer.sign(FEED_ENTRY, entry)
        added = Entry(number=entry.number, entry_id=signed.statement_id, envelope=signed.envelope)
        await self._store.add(connection, head.epoch, added, carried=carried, at=at)
        return replace(head, number=added.number, entry_id=added.entry_id)

    # --- Pushing ---

    async def _push(self, province: Province, timeout_s: float) -> bool:
        until = _now_s() + timeout_s
        await self._begin_epoch()
        told_any = False
        known: _Known | None = None
        while True:
            head, acknowledged = await self._read(province)
            if known is None:
                known = _remembered(head, acknowledged)
            if told_any and _has_all(known, head) and not _is_head_due(acknowledged, head, self._clock()):
                return True
            left_s = until - _now_s()
            if left_s <= 0:
                return False
            request, tells_head = await self._next(head, known, acknowledged)
            response = await self._subscribers[province].push(request, left_s)
            known, before = await self._acknowledge(province, response, tells_head=tells_head, head=head), known
            if tells_head and _has_all(known, head):
                return True
            self._require_progress(province, before, known, head)
            told_any = told_any or bool(request.envelopes)

    async def _lacking(self) -> Sequence[Province]:
        """Who is not known to have everything, but for those that failed a moment ago. It only reads."""
        at = self._clock()
        asked = [province for province in self._subscribers if not self._failed_just_now(province, at)]
        try:
            async with self._database.read() as connection:
                if await self._is_to_begin(connection):
                    return asked
                head = await self._store.head(connection, await self._epoch(connection))
                answers = {province: await self._store.acknowledged(connection, province) for province in asked}
        except StoreUnavailableError as error:
            _log.warning("feed not told", feed=self._feed, reason=str(error))
            return ()
        return [province for province in asked if not _has_all(_remembered(head, answers[province]), head)]

    def _failed_just_now(self, province: Province, at: datetime) -> bool:
        """A clock that was set back keeps nobody waiting."""
        failed_at = self._failed_at.get(province)
        return failed_at is not None and timedelta(0) <= at - failed_at < PAUSE_AFTER_FAILURE

    async def _read(self, province: Province) -> tuple[Head, Acknowledged | None]:
        async with self._database.read() as connection:
            head = await self._store.head(connection, await self._epoch(connection))
            return head, await self._store.acknowledged(connection, province)

    async def _next(
        self, head: Head, known: _Known | None, acknowledged: Acknowledged | None
    ) -> tuple[feed_service_pb2.PushRequest, bool]:
        """What to push, and whether a head is in it. A subscriber of which nothing is known is asked."""
        request = feed_service_pb2.PushRequest(feed=self._feed)
        if known is None:
            return request, False
        begins = known.epoch != head.epoch
        if begins:
            request.envelopes.append(self._reset(head))
        after = 0 if begins else known.number
        async with self._database.read() as connection:
            following = await self._store.following(connection, head, after, limit=MAX_ENVELOPES - _LAST_PLACES)
        fitting = _fitting(following)
        request.envelopes.extend(entry.envelope for entry in fitting)
        reached = fitting[-1].number if fitting else after
        tells_head = reached == head.number and (not fitting or _is_head_due(acknowledged, head, self._clock()))
        if tells_head:
            request.envelopes.append(self._head(head))
        return request, tells_head

    def _reset(self, head: Head) -> bytes:
        reset = feed_pb2.FeedReset(
            header=self._signer.new_header(self._clock()),
            feed=self._feed,
            epoch=head.epoch,
            snapshot_until=head.number,
        )
        check_constraints(reset)
        return self._signer.sign(FEED_RESET, reset).envelope

    def _head(self, head: Head) -> bytes:
        told = feed_pb2.FeedHead(
            header=self._signer.new_header(self._clock()),
            feed=self._feed,
            epoch=head.epoch,
            number=head.number,
            entry_id=head.entry_id,
        )
        check_constraints(told)
        return self._signer.sign(FEED_HEAD, told).envelope

    async def _acknowledge(
        self, province: Province, response: feed_service_pb2.PushResponse, *, tells_head: bool, head: Head
    ) -> _Known:
        """Remembers what a subscriber answered."""
        try:
            received_at = from_timestamp(response.at)
        except ValueError as error:
            raise SubscriberUnavailableError("its answer has no instant that exists", may_retry=False) from error
        answered = _Known(epoch=response.epoch, number=response.number, by_its_word=True)
        async with self._database.write() as connection:
            # Another replica may have appended, and pushed, since this one looked.
            newest = await self._store.head(connection, head.epoch)
            if answered.epoch == head.epoch and answered.number > newest.number:
                raise EntriesLostError(
                    f"{self._feed}: {province.slug} has entry {answered.number} of epoch {head.epoch},"
                    f" here the last is {newest.number}: begin a new epoch"
                )
            if answered.epoch == head.epoch:
                await self._store.acknowledge(
                    connection,
                    province,
                    Acknowledged(epoch=answered.epoch, number=answered.number),
                    received_at=received_at,
                    head_at=self._clock() if tells_head and answered.number >= head.number else None,
                )
        return answered

    def _require_progress(self, province: Province, before: _Known | None, after: _Known, head: Head) -> None:
        if before is None or not before.by_its_word:
            return  # what was remembered may be wrong: its database may have been set back
        was = before.number if before.epoch == head.epoch else -1
        now = after.number if after.epoch == head.epoch else -1
        if now <= was:
            raise SubscriberStuckError(
                f"{self._feed}: {province.slug} stays at {after.epoch or 'no epoch'}/{after.number},"
                f" the last entry is {head.epoch}/{head.number}"
            )

    async def _push_or_log(self, province: Province, timeout_s: float) -> None:
        try:
            if not await self.push(province, timeout_s):
                _log.warning("feed not told to its end", feed=self._feed, subscriber=province.slug)
        except SubscriberUnavailableError as error:
            log = _log.warning if error.may_retry else _log.error
            log("feed not told", feed=self._feed, subscriber=province.slug, reason=str(error))
        except FeedError as error:
            _log.error("feed not told", feed=self._feed, subscriber=province.slug, reason=str(error))
        except StoreUnavailableError as error:
            _log.warning("feed not told", feed=self._feed, subscriber=province.slug, reason=str(error))


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _carried_id(envelope: bytes) -> bytes:
    try:
        decoded = decode_envelope(envelope)
    except EnvelopeError as error:
        raise ValueError(f"the envelope of a statement expected: {error}") from error
    return statement_id(decoded.payload_type, decoded.payload)


def _remembered(head: Head, acknowledged: Acknowledged | None) -> _Known | None:
    if acknowledged is None or acknowledged.epoch != head.epoch:
        return None
    # An entry that was acknowledged and is not here is told by the subscriber, whom to ask is safe.
    return _Known(epoch=head.epoch, number=min(acknowledged.number, head.number), by_its_word=False)


def _has_all(known: _Known | None, head: Head) -> bool:
    return known is not None and known.epoch == head.epoch and known.number >= head.number


def _is_head_due(acknowledged: Acknowledged | None, head: Head, at: datetime) -> bool:
    if acknowledged is None or acknowledged.epoch != head.epoch or acknowledged.head_at is None:
        return True
    return at - acknowledged.head_at >= HEAD_EVERY


def _fitting(following: Sequence[Entry]) -> Sequence[Entry]:
    """As many as fit into one push; the first always does."""
    size = 0
    for count, entry in enumerate(following):
        size += len(entry.envelope)
        if count and size > MAX_PUSH_BYTES:
            return following[:count]
    return following
