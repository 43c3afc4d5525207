"""Durable work: what is still to be done, as rows in the transaction of the state that makes it necessary.

- Work is taken for a time (lease), which is prolonged as long as somebody works on it. Who died loses it when the time is over, and
  somebody else goes on.
- Work that is done is deleted in the transaction of its result, by whoever holds it. A result of one who lost the lease meanwhile
  finds nothing to delete; what it did must be harmless twice, which is the handler's business.
- Work that fails again and again is parked and shown, never dropped.

Both databases: SQLite has one writer at a time; PostgreSQL passes over rows that another transaction holds (SKIP LOCKED).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NewType

import structlog
from sqlalchemy import ColumnElement, case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.rows import dialect, instant, instant_text
from runtime.clock import Clock
from runtime.database import Database
from runtime.errors import StoreUnavailableError

WorkKind = NewType("WorkKind", str)
"""What is to be done."""

COMPLETE: Final = WorkKind("complete")
"""Go on with a request; the reference is its id."""

NOTIFY: Final = WorkKind("notify")
"""Hand a notice to the message platform; the reference is its number."""

BATCH: Final = WorkKind("batch")
"""Go on with a batch; the reference is its id."""

REPEAT: Final = WorkKind("repeat")
"""Begin a batch once more; the reference is the id of the one that ended."""

FEED: Final = WorkKind("feed")
"""Tell a subscriber what it does not have; the reference is feed and subscriber. Never done: it waits for the next sign of life."""

_MAX_ERROR: Final = 500

_SIGNS_OF_LIFE: Final = 4
"""In each lease: one that comes late, because the process was busy, does not lose the work."""

_log: Final = structlog.get_logger(__name__)

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


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds work that is written, and until when."""

    owner: str
    until: datetime


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
    hold: Hold | None = None,
) -> None:
    """Writes work, in the transaction of what makes it necessary. With a hold it is taken already, and that counts as once."""
    row = {
        "kind": kind,
        "reference": reference,
        "due_at": instant_text(due),
        "attempts": 1 if hold else 0,
        "lease_owner": hold.owner if hold else "",
        "lease_until": instant_text(hold.until) if hold else "",
        "parked": False,
        "last_error": "",
    }
    await connection.execute(insert(_table), row)


async def add_missing_work(
    connection: AsyncConnection, kind: WorkKind, references: Iterable[str], *, due: datetime
) -> None:
    """Writes work that is never done, where it is not there yet."""
    for reference in references:
        row = {
            "kind": kind,
            "reference": reference,
            "due_at": instant_text(due),
            "attempts": 0,
            "lease_owner": "",
            "lease_until": "",
            "parked": False,
            "last_error": "",
        }
        await connection.execute(dialect(connection).insert(_table).values(row).on_conflict_do_nothing())


async def hasten(connection: AsyncConnection, kind: WorkKind, *, due: datetime) -> None:
    """Makes all work of a kind due now that would be due later, or that somebody is at: what they put back is due again then."""
    now = instant_text(due)
    await connection.execute(
        update(_table)
        .where(_table.c.kind == kind, (_table.c.due_at > now) | (_table.c.lease_until > now))
        .values(due_at=now)
    )


async def finish_work(connection: AsyncConnection, kind: WorkKind, reference: str) -> None:
    """Deletes work, in the transaction of its result."""
    await connection.execute(delete(_table).where(_table.c.kind == kind, _table.c.reference == reference))


async def put_back(
    connection: AsyncConnection, work: Work, *, due: datetime, error: str = "", parked: bool = False
) -> None:
    """Gives work back, to be taken again when it is due. Does nothing where the lease was lost.

    What was hastened since it was taken is due as it was hastened.
    """
    await connection.execute(
        update(_table)
        .where(_table.c.kind == work.kind, _table.c.reference == work.reference, _table.c.lease_owner == work.owner)
        .values(
            due_at=case((_table.c.due_at > instant_text(work.due_at), _table.c.due_at), else_=instant_text(due)),
            lease_owner="",
            lease_until="",
            parked=parked,
            last_error=error[:_MAX_ERROR],
        )
    )


class WorkQueue:
    """Takes work."""

    def __init__(self, database: Database, *, owner: str, clock: Clock, lease: timedelta) -> None:
        """Takes what it needs.

        Args:
            database: Where the work is.
            owner: Name of this process, different in every replica and every life.
            clock: What time it is. Replicas' clocks may differ by much less than the lease.
            lease: After so long without a sign of life, work is somebody else's.
        """
        self._database = database
        self._owner = owner
        self._clock = clock
        self._lease = lease
        self._written = asyncio.Event()

    def wake(self) -> None:
        """Says in this process that work was written that is due: whoever waits for some looks at once."""
        self._written.set()

    async def wait(self, at_most_s: float) -> None:
        """Waits until somebody in this process wrote work, or for the time to look anyway: another replica may have."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._written.wait()
        self._written.clear()

    def hold(self) -> Hold:
        """How this process holds work that is written now (`add_work`)."""
        return Hold(self._owner, self._clock() + self._lease)

    def held(self, kind: WorkKind, reference: str, due_at: datetime) -> Work:
        """Work that was written as held by this process (`add_work`)."""
        return Work(kind=kind, reference=reference, attempts=1, owner=self._owner, due_at=due_at)

    async def take(self) -> Work | None:
        """Takes the work that is due first and free. None: there is none."""
        at = instant_text(self._clock())
        return await self._take(_table.c.parked.is_(False), _table.c.due_at <= at, _table.c.lease_until <= at)

    async def take_this(self, kind: WorkKind, reference: str) -> Work | None:
        """Takes one piece of work before it is due. None: somebody else holds it, or it is done."""
        return await self._take(
            _table.c.kind == kind,
            _table.c.reference == reference,
            _table.c.lease_until <= instant_text(self._clock()),
        )

    @asynccontextmanager
    async def keeping(self, work: Work) -> AsyncGenerator[None]:
        """Keeps work that was taken for the time of the block, with a sign of life now and then."""
        done = asyncio.Event()
        task = asyncio.create_task(self._keep(work, done))
        try:
            yield
        finally:
            # Not cancelled: it may be in the middle of a transaction.
            done.set()
            await task

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

    async def _take(self, *which: ColumnElement[bool]) -> Work | None:
        first = (
            select(_table.c.id)
            .where(*which)
            .order_by(_table.c.due_at, _table.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        until = instant_text(self._clock() + self._lease)
        async with self._database.write() as connection:
            number = (await connection.execute(first)).scalar_one_or_none()
            if number is None:
                return None
            taken = (
                update(_table)
                .where(_table.c.id == number)
                .values(lease_owner=self._owner, lease_until=until, attempts=_table.c.attempts + 1)
                .returning(_table.c.kind, _table.c.reference, _table.c.attempts, _table.c.due_at)
            )
            kind, reference, attempts, due = (await connection.execute(taken)).one()
        return Work(kind=WorkKind(kind), reference=reference, attempts=attempts, owner=self._owner, due_at=instant(due))

    async def _keep(self, work: Work, done: asyncio.Event) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lease.total_seconds() / _SIGNS_OF_LIFE):
                    await done.wait()
                return
            try:
                async with self._database.write() as connection:
                    await connection.execute(
                        update(_table)
                        .where(
                            _table.c.kind == work.kind,
                            _table.c.reference == work.reference,
                            _table.c.lease_owner == work.owner,
                        )
                        .values(lease_until=instant_text(self._clock() + self._lease))
                    )
            except StoreUnavailableError as error:
                _log.warning("no sign of life for work", kind=work.kind, reason=str(error))
            except Exception as error:  # noqa: BLE001 - who works is not ended, nor is the next sign of life
                _log.error("no sign of life for work", kind=work.kind, exc_info=error)
