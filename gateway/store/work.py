"""Durable work: what is still to be done, as rows in the transaction of the state that makes it necessary.

- Work is taken for a time (lease). Who took it and died loses it when the lease is over; somebody else goes on.
- Work that is done is deleted in the transaction of its result, by whoever holds it. A result of one who lost the lease meanwhile
  finds nothing to delete; what it did must be harmless twice, which is the handler's business.
- Work that fails again and again is parked and shown, never dropped.

Both databases: SQLite has one writer at a time; PostgreSQL passes over rows that another transaction holds (SKIP LOCKED).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NewType

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.rows import instant, instant_text
from runtime.database import Database

WorkKind = NewType("WorkKind", str)
"""What is to be done."""

COMPLETE: Final = WorkKind("complete")
"""Go on with a request; the reference is its id."""

NOTIFY: Final = WorkKind("notify")
"""Hand a notice to the message platform; the reference is its number."""

_MAX_ERROR: Final = 500

_table: Final = tables.work


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Work that somebody holds.

    Attributes:
        kind: What is to be done.
        reference: About which row.
        attempts: How often it was taken, this time included.
        owner: Who holds it.
        due_at: When it was due.
    """

    kind: WorkKind
    reference: str
    attempts: int
    owner: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits, in numbers.

    Attributes:
        waiting: Not parked.
        parked: Failed too often; an operator has to look.
        oldest_due_at: Since when the oldest of the waiting is due. None: none waits.
    """

    waiting: int
    parked: int
    oldest_due_at: datetime | None


async def add_work(
    connection: AsyncConnection,
    kind: WorkKind,
    reference: str,
    *,
    due: datetime,
    owner: str = "",
    lease_until: datetime | None = None,
) -> None:
    """Writes work, in the transaction of what makes it necessary. With an owner it is held already, and counts as taken once."""
    row = {
        "kind": kind,
        "reference": reference,
        "due_at": instant_text(due),
        "attempts": 1 if owner else 0,
        "lease_owner": owner,
        "lease_until": instant_text(lease_until) if lease_until else "",
        "parked": False,
        "last_error": "",
    }
    await connection.execute(insert(_table), row)


async def finish_work(connection: AsyncConnection, kind: WorkKind, reference: str) -> None:
    """Deletes work, in the transaction of its result."""
    await connection.execute(delete(_table).where(_table.c.kind == kind, _table.c.reference == reference))


async def put_back(
    connection: AsyncConnection, work: Work, *, due: datetime, error: str = "", parked: bool = False
) -> None:
    """Gives work back, to be taken again when it is due. Does nothing where the lease was lost."""
    await connection.execute(
        update(_table)
        .where(_table.c.kind == work.kind, _table.c.reference == work.reference, _table.c.lease_owner == work.owner)
        .values(
            due_at=instant_text(due),
            lease_owner="",
            lease_until="",
            parked=parked,
            last_error=error[:_MAX_ERROR],
        )
    )


class WorkQueue:
    """Takes work."""

    def __init__(self, database: Database, *, owner: str) -> None:
        """Takes what it needs.

        Args:
            database: Where the work is.
            owner: Name of this process, different in every replica and every life.
        """
        self._database = database
        self._owner = owner

    @property
    def owner(self) -> str:
        """Who takes work here."""
        return self._owner

    async def take(self, at: datetime, lease: timedelta) -> Work | None:
        """Takes the work that is due first and free. None: there is none."""
        first = (
            select(_table.c.id)
            .where(
                _table.c.parked.is_(False),
                _table.c.due_at <= instant_text(at),
                _table.c.lease_until <= instant_text(at),
            )
            .order_by(_table.c.due_at, _table.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        async with self._database.write() as connection:
            number = (await connection.execute(first)).scalar_one_or_none()
            return None if number is None else await self._hold(connection, _table.c.id == number, at, lease)

    async def take_this(self, kind: WorkKind, reference: str, at: datetime, lease: timedelta) -> Work | None:
        """Takes one piece of work before it is due. None: somebody else holds it, or it is done."""
        this = (
            select(_table.c.id)
            .where(_table.c.kind == kind, _table.c.reference == reference, _table.c.lease_until <= instant_text(at))
            .with_for_update(skip_locked=True)
        )
        async with self._database.write() as connection:
            number = (await connection.execute(this)).scalar_one_or_none()
            return None if number is None else await self._hold(connection, _table.c.id == number, at, lease)

    async def put_back(self, work: Work, *, due: datetime, error: str = "", parked: bool = False) -> None:
        """As `put_back`, in a transaction of its own."""
        async with self._database.write() as connection:
            await put_back(connection, work, due=due, error=error, parked=parked)

    async def finish(self, work: Work) -> None:
        """As `finish_work`, in a transaction of its own."""
        async with self._database.write() as connection:
            await finish_work(connection, work.kind, work.reference)

    async def backlog(self) -> Backlog:
        """What waits."""
        counted = select(_table.c.parked, func.count(), func.min(_table.c.due_at)).group_by(_table.c.parked)
        async with self._database.read() as connection:
            rows = {bool(parked): (number, oldest) for parked, number, oldest in (await connection.execute(counted))}
        waiting, oldest = rows.get(False, (0, None))
        parked, _ = rows.get(True, (0, None))
        return Backlog(waiting=waiting, parked=parked, oldest_due_at=instant(oldest) if oldest else None)

    async def next_due(self) -> datetime | None:
        """When there is something to take at the earliest, as far as is known now. None: nothing waits."""
        async with self._database.read() as connection:
            highest: Any = func.greatest if connection.dialect.name == "postgresql" else func.max
            later = highest(_table.c.due_at, _table.c.lease_until)
            found = select(func.min(later)).where(_table.c.parked.is_(False))
            text = (await connection.execute(found)).scalar_one_or_none()
        return instant(text) if text else None

    async def _hold(self, connection: AsyncConnection, which: object, at: datetime, lease: timedelta) -> Work:
        taken = (
            update(_table)
            .where(which)  # type: ignore[arg-type]  # a comparison of columns is a condition
            .values(lease_owner=self._owner, lease_until=instant_text(at + lease), attempts=_table.c.attempts + 1)
            .returning(_table.c.kind, _table.c.reference, _table.c.attempts, _table.c.due_at)
        )
        kind, reference, attempts, due = (await connection.execute(taken)).one()
        return Work(kind=WorkKind(kind), reference=reference, attempts=attempts, owner=self._owner, due_at=instant(due))
