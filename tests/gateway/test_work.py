"""Durable work, on both databases: taken once, gone on with when its holder dies, parked when it never succeeds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from gateway.store import tables
from gateway.store.rows import instant_text
from gateway.store.store import Store
from gateway.store.work import COMPLETE, NOTIFY, Work, WorkQueue, add_work, finish_work, put_back
from gateway.working import Handler, Worker
from runtime.database import Database
from runtime.errors import StoreUnavailableError

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
LEASE = timedelta(minutes=1)


class Clock:
    """Goes on by so much each time that somebody looks."""

    def __init__(self, tick: timedelta = timedelta()) -> None:
        self.now = NOW
        self._tick = tick

    def __call__(self) -> datetime:
        self.now += self._tick
        return self.now


@pytest.fixture
async def stored(database: Database) -> Database:
    await Store(database).prepare()
    return database


def queue_of(database: Database, owner: str, clock: Clock | None = None) -> WorkQueue:
    return WorkQueue(database, owner=owner, clock=clock or Clock(), lease=LEASE)


async def add(database: Database, *references: str, due: datetime = NOW) -> None:
    async with database.write() as connection:
        for reference in references:
            await add_work(connection, COMPLETE, reference, due=due)


async def left(database: Database) -> set[str]:
    async with database.read() as connection:
        return set((await connection.execute(select(tables.work.c.reference))).scalars())


async def test_many_takers_take_each_piece_once(stored: Database) -> None:
    references = [f"request-{number:03}" for number in range(40)]
    await add(stored, *references)
    taken: list[str] = []

    async def take_all(owner: str) -> None:
        queue = queue_of(stored, owner)
        while (work := await queue.take()) is not None:
            taken.append(work.reference)

    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(take_all(f"replica-{number}"))
    assert sorted(taken) == references


async def test_what_is_due_first_is_taken_first_and_nothing_before_it_is_due(stored: Database) -> None:
    await add(stored, "later", due=NOW + timedelta(seconds=10))
    await add(stored, "sooner", due=NOW - timedelta(seconds=10))
    queue = queue_of(stored, "one")
    first = await queue.take()
    assert first is not None
    assert (first.reference, first.attempts) == ("sooner", 1)
    assert await queue.take() is None


async def test_work_of_one_who_died_is_taken_by_another_when_the_lease_is_over(stored: Database) -> None:
    await add(stored, "request")
    clock = Clock()
    assert await queue_of(stored, "dead", clock).take() is not None
    alive = queue_of(stored, "alive", clock)
    clock.now = NOW + LEASE - timedelta(seconds=1)
    assert await alive.take() is None
    clock.now = NOW + LEASE
    work = await alive.take()
    assert work is not None
    assert work.attempts == 2


async def test_work_that_is_kept_is_not_lost_however_long_it_takes(stored: Database) -> None:
    await add(stored, "request")
    clock = Clock()
    one = WorkQueue(stored, owner="one", clock=clock, lease=timedelta(seconds=0.4))
    work = await one.take()
    assert work is not None
    async with one.keeping(work):
        clock.now = NOW + timedelta(hours=1)
        async with asyncio.timeout(60):
            while not await prolonged(stored, NOW + timedelta(hours=1)):  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.05)
        assert await queue_of(stored, "other", clock).take() is None


async def prolonged(database: Database, beyond: datetime) -> bool:
    async with database.read() as connection:
        return str((await connection.execute(select(tables.work.c.lease_until))).scalar_one()) > instant_text(beyond)


async def test_one_who_lost_the_lease_cannot_put_work_back(stored: Database) -> None:
    await add(stored, "request")
    clock = Clock()
    late = await queue_of(stored, "late", clock).take()
    assert late is not None
    clock.now = NOW + LEASE
    assert await queue_of(stored, "other", clock).take() is not None
    async with stored.write() as connection:
        await put_back(connection, late, due=NOW)
    assert await queue_of(stored, "third", clock).take() is None


async def test_a_piece_can_be_taken_by_name_before_it_is_due_but_not_from_who_holds_it(stored: Database) -> None:
    await add(stored, "request", due=NOW + timedelta(hours=1))
    one, other = queue_of(stored, "one"), queue_of(stored, "other")
    assert await one.take_this(COMPLETE, "request") is not None
    assert await other.take_this(COMPLETE, "request") is None
    assert await other.take_this(COMPLETE, "no-such-request") is None


async def test_work_that_is_done_is_gone_with_its_result_and_stays_where_the_result_is_rolled_back(
    stored: Database,
) -> None:
    await add(stored, "request")

    async def finish_without_a_result() -> None:
        async with stored.write() as connection:
            await finish_work(connection, COMPLETE, "request")
            raise RuntimeError("no result")

    with pytest.raises(RuntimeError, match="no result"):
        await finish_without_a_result()
    assert await left(stored) == {"request"}
    async with stored.write() as connection:
        await finish_work(connection, COMPLETE, "request")
    assert await left(stored) == set()


async def working(worker: Worker, until: asyncio.Event) -> None:
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(60):
            await until.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_handler_that_fails_is_tried_again_and_parked_in_the_end(stored: Database) -> None:
    await add(stored, "poison")
    await add(stored, "sound", due=NOW + timedelta(hours=12))
    clock, tried, done = Clock(timedelta(hours=1)), list[int](), asyncio.Event()
    queue = queue_of(stored, "one", clock)

    async def run(work: Work) -> None:
        if work.reference == "sound":
            await queue.finish(work)
            done.set()
            return
        tried.append(work.attempts)
        raise RuntimeError("always")

    worker = Worker(queue, {COMPLETE: Handler(run=run, give_up_after=3)}, clock=clock, at_once=1)
    await working(worker, done)
    assert tried == [1, 2, 3]
    assert await left(stored) == {"poison"}
    backlog = await queue.backlog()
    assert (backlog.waiting, backlog.parked) == (0, 1)


async def test_a_store_that_cannot_be_reached_leaves_the_work_for_later(stored: Database) -> None:
    await add(stored, "request")
    clock, done = Clock(), asyncio.Event()
    queue = queue_of(stored, "one", clock)

    async def run(work: Work) -> None:
        if work.attempts == 1:
            clock.now += LEASE
            raise StoreUnavailableError("gone for a moment")
        await queue.finish(work)
        done.set()

    await working(Worker(queue, {COMPLETE: Handler(run=run)}, clock=clock, at_once=1), done)
    assert await left(stored) == set()


async def test_work_of_a_kind_that_nobody_does_here_stays_for_who_does(stored: Database) -> None:
    async with stored.write() as connection:
        await add_work(connection, NOTIFY, "7", due=NOW)
    await add(stored, "request", due=NOW + timedelta(seconds=1))
    clock, done = Clock(), asyncio.Event()
    clock.now += timedelta(seconds=1)
    queue = queue_of(stored, "one", clock)

    async def run(work: Work) -> None:
        await queue.finish(work)
        done.set()

    await working(Worker(queue, {COMPLETE: Handler(run=run)}, clock=clock, at_once=1), done)
    assert await left(stored) == {"7"}


async def test_a_fault_of_the_store_that_nobody_foresaw_does_not_end_the_worker(stored: Database) -> None:
    """What happens: the table of work is away for a moment, which is neither "cannot do it now" nor a handler's fault."""
    await add(stored, "first")
    await add(stored, "second", due=NOW + timedelta(seconds=1))
    clock, done, away = Clock(), asyncio.Event(), asyncio.Event()
    queue = queue_of(stored, "one", clock)

    async def rename(old: str, new: str) -> None:
        async with stored.reshape() as connection:
            await connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    async def run(work: Work) -> None:
        if work.reference == "first":
            await rename("work", "away")
            away.set()
            raise RuntimeError("cannot be put back either")
        await queue.finish(work)
        done.set()

    async def come_back() -> None:
        await away.wait()
        await asyncio.sleep(0.1)
        await rename("away", "work")
        clock.now += timedelta(seconds=1)

    worker = Worker(queue, {COMPLETE: Handler(run=run)}, clock=clock, at_once=2)
    async with asyncio.TaskGroup() as group:
        group.create_task(come_back())
        await working(worker, done)
    assert await left(stored) == {"first"}
