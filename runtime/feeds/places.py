"""The subscriber's rows: how far it is, what became of each entry, and what is parked. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Row, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.feed import Place
from contract.province import Province
from huren.feed.v1 import feed_pb2
from runtime.feeds.tables import parked, places, taken
from runtime.rows import alone_with, instant, instant_text
from signing import VerifiedPayload

_MOST: Final = 2**63 - 1
"""The largest number that both databases keep. A publisher may name larger ones, and never reaches them."""

_MAX_REASON: Final = 500


class Result(StrEnum):
    """What became of an entry."""

    APPLIED = "APPLIED"
    REPEATED = "REPEATED"
    PARKED = "PARKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlace:
    """A place as it is kept.

    Attributes:
        place: How far.
        newest_at: When the newest statement of the epoch was signed.
        taken_at: When the last entry was taken, or the epoch begun.
        heard_at: As of when the publisher said which entry is its last. None: it has not.
    """

    place: Place
    newest_at: datetime
    taken_at: datetime
    heard_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenEntry:
    """An entry, and what became of it. `reason` is of one that is parked."""

    number: int
    statement_id: bytes
    result: Result
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCondition:
    """How far a subscriber is, for whoever relies on the feed and for operators.

    Attributes:
        epoch: The epoch that it is in.
        number: The last entry that it has.
        complete: Whether it has everything that the publisher is known to have told.
        heard_at: As of when the publisher said which entry is its last: what it told later is not known to be missing. None: it
            has not said so in this epoch.
        parked: Entries whose statement has not been applied.
    """

    epoch: str
    number: int
    complete: bool
    heard_at: datetime | None
    parked: int


class PlaceStore:
    """Rows of one feed of one publisher."""

    def __init__(self, feed: str, publisher: Province) -> None:
        self._feed = feed
        self.publisher = publisher
        self._place_here = (places.c.feed == feed) & (places.c.publisher == int(publisher))
        self._taken_here = (taken.c.feed == feed) & (taken.c.publisher == int(publisher))

    async def alone(self, connection: AsyncConnection) -> None:
        """Lets one transaction at a time move the place, until it ends."""
        await alone_with(connection, f"place:{self._feed}:{self.publisher:d}")

    async def current(self, connection: AsyncConnection) -> KeptPlace | None:
        """The place; None: it never heard of the feed."""
        found = select(places).where(self._place_here, places.c.left_at == "")
        row = (await connection.execute(found)).one_or_none()
        return None if row is None else _kept(row)

    async def left(self, connection: AsyncConnection) -> Collection[str]:
        """Epochs in which it was before."""
        found = select(places.c.epoch).where(self._place_here, places.c.left_at != "")
        return set((await connection.execute(found)).scalars())

    async def newest(self, connection: AsyncConnection) -> datetime | None:
        """When the newest statement of the feed was signed that was received."""
        found = select(func.max(places.c.newest_at)).where(self._place_here)
        text = (await connection.execute(found)).scalar_one_or_none()
        return None if text is None else instant(text)

    async def entry_id(self, connection: AsyncConnection, place: KeptPlace | None, number: int) -> bytes | None:
        """Statement id of the entry that it has under a number; None: it has none."""
        if place is None or not 0 < number <= place.place.number:
            return None
        found = select(taken.c.entry_id).where(
            self._taken_here, taken.c.epoch == place.place.epoch, taken.c.number == number
        )
        return (await connection.execute(found)).scalar_one_or_none()

    async def applied(self, connection: AsyncConnection, statement_id: bytes) -> bool:
        """Whether a statement has been applied, in whatever epoch."""
        found = select(taken.c.number).where(
            self._taken_here, taken.c.statement_id == statement_id, taken.c.result == Result.APPLIED
        )
        return (await connection.execute(found.limit(1))).scalar_one_or_none() is not None

    async def take(
        self, connection: AsyncConnection, place: KeptPlace, entry: VerifiedPayload, became: TakenEntry, *, at: datetime
    ) -> None:
        """Moves the place by one entry."""
        key = {
            "feed": self._feed,
            "publisher": int(self.publisher),
            "epoch": place.place.epoch,
            "number": became.number,
        }
        row = key | {
            "entry_id": entry.statement_id,
            "statement_id": became.statement_id,
            "result": became.result.value,
            "at": instant_text(at),
        }
        await connection.execute(insert(taken), row)
        if became.result is Result.PARKED:
            await connection.execute(
                insert(parked), key | {"reason": became.reason[:_MAX_REASON], "envelope": entry.envelope}
            )
        await self._update(
            connection,
            place,
            number=became.number,
            entry_id=entry.statement_id,
            newest_at=instant_text(max(place.newest_at, entry.issued_at)),
            taken_at=instant_text(at),
        )

    async def hear(
        self, connection: AsyncConnection, place: KeptPlace, head: VerifiedPayload, number: int, *, at: datetime
    ) -> None:
        """Keeps that the publisher said which entry is its last, no later than it signed that."""
        heard = min(at, head.issued_at)
        await self._update(
            connection,
            place,
            head_number=max(min(number, _MOST), place.place.head_number or 0),
            newest_at=instant_text(max(place.newest_at, head.issued_at)),
            heard_at=instant_text(max(heard, place.heard_at or heard)),
        )

    async def begin(
        self, connection: AsyncConnection, reset: feed_pb2.FeedReset, statement: VerifiedPayload, *, at: datetime
    ) -> None:
        """Leaves the epoch in which it is, and begins the next one with nothing."""
        now = instant_text(at)
        await connection.execute(update(places).where(self._place_here, places.c.left_at == "").values(left_at=now))
        row = {
            "feed": self._feed,
            "publisher": int(self.publisher),
            "epoch": reset.epoch,
            "number": 0,
            "entry_id": b"",
            "snapshot_until": min(reset.snapshot_until, _MOST),
            "head_number": None,
            "newest_at": instant_text(statement.issued_at),
            "taken_at": now,
            "heard_at": "",
            "begun_at": now,
            "left_at": "",
        }
        await connection.execute(insert(places), row)

    async def condition(self, connection: AsyncConnection) -> FeedCondition | None:
        """How far it is, as others are told."""
        kept = await self.current(connection)
        if kept is None:
            return None
        later = taken.alias("later")
        applied_later = exists().where(
            later.c.feed == taken.c.feed,
            later.c.publisher == taken.c.publisher,
            later.c.statement_id == taken.c.statement_id,
            later.c.result == Result.APPLIED,
        )
        waiting = select(func.count()).where(self._taken_here, taken.c.result == Result.PARKED, ~applied_later)
        return FeedCondition(
            epoch=kept.place.epoch,
            number=kept.place.number,
            complete=kept.place.complete,
            heard_at=kept.heard_at,
            parked=(await connection.execute(waiting)).scalar_one(),
        )

    async def _update(self, connection: AsyncConnection, place: KeptPlace, **values: object) -> None:
        here = self._place_here & (places.c.epoch == place.place.epoch)
        await connection.execute(update(places).where(here).values(**values))


def _kept(row: Row[tuple[object, ...]]) -> KeptPlace:
    return KeptPlace(
        place=Place(
            epoch=row.epoch,
            number=row.number,
            entry_id=row.entry_id,
            snapshot_until=row.snapshot_until,
            head_number=row.head_number,
        ),
        newest_at=instant(row.newest_at),
        taken_at=instant(row.taken_at),
        heard_at=instant(row.heard_at) if row.heard_at else None,
    )
