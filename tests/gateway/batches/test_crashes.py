"""A process that dies at any step of a batch, and two that work on one: each subject is asked about once, and none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from contract.errors import ErrorCode, HurenError
from gateway.store.batches import BatchState, BatchStore, LineState, StoredBatch, StoredLine
from gateway.store.work import Work
from huren.report.v1 import report_service_pb2 as wire
from runtime.database import Database
from tests.gateway.batches.shop import GROUP, INSTITUTION, House, house, listed
from tests.support.federation import uscc

ONE, TWO, THREE, FOUR = uscc(1), uscc(2), uscc(3), uscc(4)
LEASE = timedelta(minutes=1, seconds=1)


class KilledError(BaseException):
    """The process is gone: nobody catches it."""


@dataclass
class Saboteur:
    """Kills at a step, counted over everything that happens."""

    kill_at: int = 0
    passed: int = 0

    def step(self) -> None:
        self.passed += 1
        if self.passed == self.kill_at:
            raise KilledError


class Sabotaged(BatchStore):
    """A store whose user may die before and after each transaction."""

    def __init__(self, database: Database, saboteur: Saboteur) -> None:
        super().__init__(database)
        self._saboteur = saboteur

    async def begin(
        self,
        batch: StoredBatch,
        lines: Sequence[StoredLine],
        *,
        by: str,
        most_running: int,
        done: Work | None = None,
    ) -> StoredBatch | None:
        self._saboteur.step()
        stored = await super().begin(batch, lines, by=by, most_running=most_running, done=done)
        self._saboteur.step()
        return stored

    async def pin(self, batch: str, line: int, grant: str) -> StoredLine | None:
        self._saboteur.step()
        pinned = await super().pin(batch, line, grant)
        self._saboteur.step()
        return pinned

    async def keep(self, batch: str, line: StoredLine) -> None:
        self._saboteur.step()
        await super().keep(batch, line)
        self._saboteur.step()

    async def end(self, work: Work, *, at: datetime) -> bool:
        self._saboteur.step()
        ended = await super().end(work, at=at)
        self._saboteur.step()
        return ended


async def sabotaged(database: Database, saboteur: Saboteur) -> House:
    """A house in which one subject is refused, one waits a while for its report, and two have theirs at once."""
    home = await house(database, Sabotaged(database, saboteur))
    for point in ("before", "opened", "after"):
        home.shop.hooks[point] = lambda _: saboteur.step()
    home.shop.errors[TWO] = HurenError(ErrorCode.SUBJECT_CANCELLED, date="2025-01-06")
    home.shop.open_for.add(THREE)
    return home


async def lived_through(home: House, key: str) -> str:
    """A batch with one repetition, begun and worked on by one life after the other, each of which may be killed once."""
    batch = None
    for _ in range(60):
        try:
            if batch is None:
                batch = await home.service().begin(
                    GROUP,
                    wire.RequestReportRequest(),
                    listed(ONE, TWO, THREE, FOUR),
                    idempotency_key=key,
                    repeat_days=7,
                )
            await home.work_all()
        except KilledError:
            home.shop.now += LEASE
            continue
        if home.shop.open_for and batch is not None:
            home.shop.open_for.clear()
        home.shop.now += LEASE
        if await home.store.repeated_at([batch]):
            return batch
    raise AssertionError("the batch does not end")


async def test_a_process_that_dies_at_any_step_neither_doubles_nor_loses_a_report(database: Database) -> None:
    saboteur = Saboteur()
    home = await sabotaged(database, saboteur)
    await lived_through(home, "nobody-is-killed")
    steps = saboteur.passed
    assert steps > 25

    for kill_at in range(1, steps + 1):
        saboteur.kill_at, saboteur.passed = kill_at, 0
        home.shop.opened.clear()
        home.shop.open_for.add(THREE)
        batch = await lived_through(home, f"killed-at-{kill_at:04}")
        assert saboteur.passed >= kill_at, "nobody was killed"
        assert {code: len(home.shop.requests_about(code)) for code in (ONE, TWO, THREE, FOUR)} == {
            ONE: 1,
            TWO: 0,
            THREE: 1,
            FOUR: 1,
        }
        lines = await home.lines(batch)
        states = {code: (line.state, line.report_number != "") for code, line in lines.items()}
        assert states == {
            ONE: (LineState.SEALED, True),
            TWO: (LineState.FAILED, False),
            THREE: (LineState.SEALED, True),
            FOUR: (LineState.SEALED, True),
        }
        view = await home.service().find(batch, GROUP)
        assert view.batch.state is BatchState.DONE
        await home.service().cancel(batch, GROUP)  # its repetition would be worked on with the next


async def test_a_repetition_that_is_killed_at_any_step_is_begun_once(database: Database) -> None:
    saboteur = Saboteur()
    home = await house(database, Sabotaged(database, saboteur))
    for kill_at in (1, 2):
        batch = await home.service().begin(
            GROUP, wire.RequestReportRequest(), listed(ONE), idempotency_key=f"killed-at-{kill_at}", repeat_days=7
        )
        await home.work_all()
        home.shop.now += timedelta(days=7)
        saboteur.kill_at, saboteur.passed = kill_at, 0
        try:
            await home.work_once()
        except KilledError:
            home.shop.now += LEASE
        saboteur.kill_at = 0
        await home.work_all()
        repeated = [view.batch for view in await home.service().list(GROUP) if view.batch.repeated_from == batch]
        assert len(repeated) == 1
        await home.service().cancel(repeated[0].batch, GROUP)


async def test_two_that_work_on_a_batch_at_once_ask_about_each_subject_once(database: Database) -> None:
    """As when one was held up for longer than its lease."""
    home = await house(database)
    codes = [uscc(serial) for serial in range(1, 17)]
    home.grants.usable |= {code: bytes(32) for code in codes}
    home.grants.ever_newer = True
    batch = await home.service().begin(
        INSTITUTION, wire.RequestReportRequest(), listed(*codes), idempotency_key="both-at-once"
    )
    slow, quick = home.queue(), home.queue()
    late = await slow.take()
    home.shop.now += LEASE
    early = await quick.take()
    assert late is not None
    assert early is not None
    async with asyncio.TaskGroup() as group:
        group.create_task(home.service(slow).go_on(late))
        group.create_task(home.service(quick).go_on(early))
    await home.work_all()

    assert {len(home.shop.requests_about(code)) for code in codes} == {1}
    assert home.shop.calls["reused"] == 0
    assert set(await home.states(batch)) == {LineState.SEALED}


async def test_a_line_that_has_ended_is_not_changed_by_whoever_comes_late(database: Database) -> None:
    home = await house(database)
    batch = await home.service().begin(GROUP, wire.RequestReportRequest(), listed(ONE), idempotency_key="one-line")
    (waiting,) = await home.store.lines(batch)
    await home.work_all()
    (ended,) = await home.store.lines(batch)
    await home.store.keep(batch, replace(waiting, state=LineState.OPEN))
    assert await home.store.pin(batch, 1, "") is None
    assert await home.store.lines(batch) == (ended,)
