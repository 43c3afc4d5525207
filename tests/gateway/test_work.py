"""Durable work, on both databases: taken once, gone on with when its holder dies, parked when it never succeeds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from gateway.store import tables
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
        queue = WorkQueue(stored, owner=owner)
        while (work := await queue.take(NOW, LEASE)) is not None:
            taken.append(work.reference)

    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(take_all(f"replica-{number}"))
    assert sorted(taken) == references


async def test_what_is_due_first_is_taken_first_and_nothing_before_it_is_due(stored: Database) -> None:
    await add(stored, "later", due=NOW + timedelta(seconds=10))
    await add(stored, "sooner", due=NOW - timedelta(seconds=10))
    queue = WorkQueue(stored, owner="one")
    first = await queue.take(NOW, LEASE)
    assert first is not None
    assert (first.reference, first.attempts) == ("sooner", 1)
    assert await queue.take(NOW, LEASE) is None
    assert await queue.next_due() == NOW + timedelta(seconds=10)


async def test_work_of_one_who_died_is_taken_by_another_when_the_lease_is_over(stored: Database) -> None:
    await add(stored, "request")
    assert await WorkQueue(stored, owner="dead").take(NOW, LEASE) is not None
    alive = WorkQueue(stored, owner="alive")
    assert await alive.take(NOW + LEASE - timedelta(seconds=1), LEASE) is None
    work = await alive.take(NOW + LEASE, LEASE)
    assert work is not None
    assert work.attempts == 2


async def test_one_who_lost_the_lease_cannot_put_work_back(stored: Database) -> None:
    await add(stored, "request")
    late = await WorkQueue(stored, owner="late").take(NOW, LEASE)
    assert late is not None
    assert await WorkQueue(stored, owner="other").take(NOW + LEASE, LEASE) is not None
    async with stored.write() as connection:
        await put_back(connection, late, due=NOW)
    assert await WorkQueue(stored, owner="third").take(NOW + LEASE, LEASE) is None


async def test_a_piece_can_be_taken_by_name_before_it_is_due_but_not_from_who_holds_it(stored: Database) -> None:
    await add(stored, "request", due=NOW + timedelta(hours=1))
    one, other = WorkQueue(stored, owner="one"), WorkQueue(stored, owner="other")
    assert await one.take_this(COMPLETE, "request", NOW, LEASE) is not None
    assert await other.take_this(COMPLETE, "request", NOW, LEASE) is None
    assert await other.take_this(COMPLETE, "no-such-request", NOW, LEASE) is None


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
    await add(stored, "sound", due=NOW + timedelta(hours=8))
    clock, tried, done = Clock(timedelta(hours=1)), list[int](), asyncio.Event()
    queue = WorkQueue(stored, owner="one")

    async def run(work: Work) -> None:
        if work.reference == "sound":
            await queue.finish(work)
            done.set()
            return
        tried.append(work.attempts)
        raise RuntimeError("always")

    worker = Worker(queue, {COMPLETE: Handler(run=run, give_up_after=3)}, clock=clock, lease=LEASE, at_once=1)
    await working(worker, done)
    assert tried == [1, 2, 3]
    assert await left(stored) == {"poison"}
    backlog = await queue.backlog()
    assert (backlog.waiting, backlog.parked) == (0, 1)


async def test_a_store_that_cannot_be_reached_leaves_the_work_for_later(stored: Database) -> None:
    await add(stored, "request")
    clock, done = Clock(), asyncio.Event()
    queue = WorkQueue(stored, owner="one")

    async def run(work: Work) -> None:
        if work.attempts == 1:
            clock.now += LEASE
            raise StoreUnavailableError("gone for a moment")
        await queue.finish(work)
        done.set()

    await working(Worker(queue, {COMPLETE: Handler(run=run)}, clock=clock, lease=LEASE, at_once=1), done)
    assert await left(stored) == set()


async def test_work_of_a_kind_that_nobody_does_here_stays_for_who_does(stored: Database) -> None:
    async with stored.write() as connection:
        await add_work(connection, NOTIFY, "7", due=NOW)
    await add(stored, "request", due=NOW + timedelta(seconds=1))
    clock, done = Clock(), asyncio.Event()
    clock.now += timedelta(seconds=1)
    queue = WorkQueue(stored, owner="one")

    async def run(work: Work) -> None:
        await queue.finish(work)
        done.set()

    await working(Worker(queue, {COMPLETE: Handler(run=run)}, clock=clock, lease=LEASE, at_once=1), done)
    assert await left(stored) == {"7"}
