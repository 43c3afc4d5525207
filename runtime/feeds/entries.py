"""The publisher's rows: entries, what subscribers answered, and receipts. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.province import Province
from runtime.feeds.tables import cursors, entries, receipts
from runtime.rows import alone_with, dialect, instant, instant_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last entry of an epoch; number 0 and no id: there is none."""

    epoch: str
    number: int = 0
    entry_id: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry as it was signed."""

    number: int
    entry_id: bytes
    envelope: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """What a subscriber last answered, and when it was last told a head in that epoch."""

    epoch: str
    number: int
    head_at: datetime | None = None


class EntryStore:
    """Rows of one feed."""

    def __init__(self, feed: str) -> None:
        self._feed = feed

    async def alone(self, connection: AsyncConnection) -> None:
        """Lets one transaction at a time number entries, until it ends."""
        await alone_with(connection, f"entries:{self._feed}")

    async def head(self, connection: AsyncConnection, epoch: str) -> Head:
        """The last entry."""
        last = (
            select(entries.c.number, entries.c.entry_id)
            .where(entries.c.feed == self._feed, entries.c.epoch == epoch)
            .order_by(entries.c.number.desc())
            .limit(1)
        )
        row = (await connection.execute(last)).one_or_none()
        return Head(epoch=epoch) if row is None else Head(epoch=epoch, number=row.number, entry_id=row.entry_id)

    async def tells(self, connection: AsyncConnection, epoch: str, carried: bytes) -> bool:
        """Whether a statement is told in the epoch."""
        found = select(entries.c.number).where(
            entries.c.feed == self._feed, entries.c.epoch == epoch, entries.c.statement_id == carried
        )
        return (await connection.execute(found)).scalar_one_or_none() is not None

    async def add(self, connection: AsyncConnection, epoch: str, entry: Entry, *, carried: bytes, at: datetime) -> None:
        """Adds the next entry."""
        row = {
            "feed": self._feed,
            "epoch": epoch,
            "number": entry.number,
            "entry_id": entry.entry_id,
            "statement_id": carried,
            "envelope": entry.envelope,
            "at": instant_text(at),
        }
        await connection.execute(insert(entries), row)

    async def following(self, connection: AsyncConnection, head: Head, after: int, *, limit: int) -> Sequence[Entry]:
        """The entries after a number, up to the head, in order."""
        found = (
            select(entries.c.number, entries.c.entry_id, entries.c.envelope)
            .where(
                entries.c.feed == self._feed,
                entries.c.epoch == head.epoch,
                entries.c.number > after,
                entries.c.number <= head.number,
            )
            .order_by(entries.c.number)
            .limit(limit)
        )
        return [
            Entry(number=row.number, entry_id=row.entry_id, envelope=row.envelope)
            for row in await connection.execute(found)
        ]

    async def acknowledged(self, connection: AsyncConnection, subscriber: Province) -> Acknowledged | None:
        """What a subscriber last answered in an epoch of this publisher; None: it has not."""
        found = select(cursors).where(cursors.c.feed == self._feed, cursors.c.subscriber == int(subscriber))
        row = (await connection.execute(found)).one_or_none()
        if row is None:
            return None
        return Acknowledged(epoch=row.epoch, number=row.number, head_at=instant(row.head_at) if row.head_at else None)

    async def acknowledge(
        self,
        connection: AsyncConnection,
        subscriber: Province,
        answered: Acknowledged,
        *,
        received_at: datetime,
        head_at: datetime | None,
    ) -> None:
        """Keeps what a subscriber answered, and the receipt where it is the first for that entry.

        Args:
            connection: A transaction that may write.
            subscriber: Who answered.
            answered: What.
            received_at: When it took the entry, by its clock.
            head_at: When it was told a head just now. None: it was not.
        """
        before = await self.acknowledged(connection, subscriber)
        if head_at is None and before is not None and before.epoch == answered.epoch:
            head_at = before.head_at
        row = {
            "feed": self._feed,
            "subscriber": int(subscriber),
            "epoch": answered.epoch,
            "number": answered.number,
            "head_at": instant_text(head_at) if head_at else "",
        }
        upsert = dialect(connection).insert(cursors).values(row)
        await connection.execute(upsert.on_conflict_do_update(index_elements=["feed", "subscriber"], set_=row))
        if answered.number > 0:
            receipt = {key: row[key] for key in ("feed", "subscriber", "epoch", "number")}
            receipt["at"] = instant_text(received_at)
            await connection.execute(dialect(connection).insert(receipts).values(receipt).on_conflict_do_nothing())

    async def receipts(
        self, connection: AsyncConnection, statement_ids: Sequence[bytes]
    ) -> Mapping[bytes, Mapping[Province, datetime]]:
        """When subscribers had statements, by the first receipt for their entry or a later one; in whatever epoch it was first."""
        first = (
            select(receipts.c.at)
            .where(
                receipts.c.feed == entries.c.feed,
                receipts.c.subscriber == cursors.c.subscriber,
                receipts.c.epoch == entries.c.epoch,
                receipts.c.number >= entries.c.number,
            )
            .order_by(receipts.c.number)
            .limit(1)
            .correlate(entries, cursors)
            .scalar_subquery()
        )
        found = (
            select(entries.c.statement_id, cursors.c.subscriber, first.label("at"))
            .select_from(entries.join(cursors, cursors.c.feed == entries.c.feed))
            .where(entries.c.feed == self._feed, entries.c.statement_id.in_(statement_ids))
        )
        known: dict[bytes, dict[Province, datetime]] = {}
        for row in await connection.execute(found):
            if row.at is not None:
                of_statement = known.setdefault(bytes(row.statement_id), {})
                subscriber, at = Province(row.subscriber), instant(row.at)
                of_statement[subscriber] = min(at, of_statement.get(subscriber, at))
        return known
