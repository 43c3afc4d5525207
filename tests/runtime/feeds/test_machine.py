"""Whatever is lost, repeated or overtaken, and whoever is set back or dies: in the end everything was applied, once.

The home and the origin have a database each, in files that are copied and put back as a restore does.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from contract.errors import HurenError
from contract.province import Province
from huren.feed.v1 import feed_service_pb2
from runtime.database import Database, open_database
from runtime.feeds import SubscriberUnavailableError, tables
from signing import SignedStatement

World = Any
_T = TypeVar("_T")
ORIGIN = Province.TIANJIN


class FeedMachine(RuleBasedStateMachine):
    """One home, one origin, and a line of which nothing is to be expected."""

    prepare: Callable[..., Coroutine[Any, Any, World]]

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.databases: dict[str, Database] = {}
        for name in ("home", "origin"):
            self._open(name)
        self.world = self.run(self.prepare(self.databases["home"], self.databases["origin"]))
        self.told: list[SignedStatement] = []
        self.delayed: list[feed_service_pb2.PushRequest] = []
        self.epochs = 0
        self.backup: list[SignedStatement] | None = None
        self.origin_has_backup = False

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(work)

    def _open(self, name: str) -> None:
        self.databases[name] = self.run(_opened(self.folder / f"{name}.db"))

    def _back_up(self, name: str) -> None:
        with (
            closing(sqlite3.connect(self.folder / f"{name}.db")) as here,
            closing(sqlite3.connect(self.folder / f"{name}.backup")) as there,
        ):
            here.backup(there)

    def _restore(self, name: str) -> None:
        self.run(self.databases[name].dispose())
        for left in self.folder.glob(f"{name}.db*"):
            left.unlink()
        shutil.copy(self.folder / f"{name}.backup", self.folder / f"{name}.db")
        self._open(name)

    # --- The home ---

    @rule(count=st.integers(1, 3))
    def tell(self, count: int) -> None:
        self.world.clock.advance(seconds=1)
        for statement in [self.world.revocation() for _ in range(count)]:
            self.run(self.world.tell(statement))
            self.told.append(statement)

    @rule()
    def back_up_the_home(self) -> None:
        self._back_up("home")
        self.backup = list(self.told)

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore_the_home(self) -> None:
        """What was told since the backup is gone at the home, and its database begins another life."""
        self._restore("home")
        self.world.home = self.databases["home"]
        self.epochs += 1
        self.world.epoch = f"{self.epochs:032x}"
        self.world.clock.advance(seconds=1)
        self.world.publisher = self.world.publishing()
        self.told = list(self.backup or ())

    # --- The line ---

    @rule(losses=st.lists(st.sampled_from(["through", "lost", "answer lost", "twice", "delayed"]), max_size=4))
    def push(self, losses: list[str]) -> None:
        """What is left of the push after these goes through."""
        for clock in (self.world.clock, self.world.origin_clock):
            clock.advance(seconds=1)
        fates = iter(losses)

        async def push(request: feed_service_pb2.PushRequest, _: float) -> feed_service_pb2.PushResponse:
            fate = next(fates, "through")
            if fate == "delayed":
                self.delayed.append(request)
            if fate in {"lost", "delayed"}:
                raise SubscriberUnavailableError(fate)
            response: feed_service_pb2.PushResponse = await self.world.link.take(request)
            if fate == "twice":
                response = await self.world.link.take(request)
            if fate == "answer lost":
                raise SubscriberUnavailableError(fate)
            return response

        self.world.link.instead = push
        self._push_as_far_as_it_goes()

    def _push_as_far_as_it_goes(self) -> None:
        with suppress(SubscriberUnavailableError):
            self.run(self.world.publisher.push(ORIGIN, 30))

    @precondition(lambda self: self.delayed)
    @rule(data=st.data())
    def what_was_delayed_arrives(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.delayed))
        with suppress(HurenError):  # refused where it leads back
            self.run(self.world.link.take(request))

    # --- The origin ---

    @rule()
    def the_origin_dies_while_it_applies(self) -> None:
        """Its next statement's transaction is rolled back; then it is there again."""
        self.world.fail = lambda _: RuntimeError("killed")

        async def push(request: feed_service_pb2.PushRequest, _: float) -> feed_service_pb2.PushResponse:
            try:
                response: feed_service_pb2.PushResponse = await self.world.link.take(request)
            except RuntimeError as error:
                raise SubscriberUnavailableError("killed") from error
            return response

        self.world.link.instead = push
        self._push_as_far_as_it_goes()
        self.world.fail = lambda _: None
        self.run(self.databases["origin"].dispose())
        self._open("origin")
        self.world.origin = self.databases["origin"]
        self.world.subscription = self.world.subscribing()

    @rule()
    def back_up_the_origin(self) -> None:
        self._back_up("origin")
        self.origin_has_backup = True

    @precondition(lambda self: self.origin_has_backup)
    @rule()
    def restore_the_origin(self) -> None:
        """It has forgotten what it took since, and what that did; its publisher remembers otherwise."""
        self._restore("origin")
        self.world.origin = self.databases["origin"]
        self.world.subscription = self.world.subscribing()

    # --- What holds ---

    @invariant()
    def nothing_is_applied_twice(self) -> None:
        applied = self.run(self.world.applied())
        assert len(set(applied)) == len(applied)

    @invariant()
    def no_chain_has_a_gap(self) -> None:
        for table, database in ((tables.entries, "home"), (tables.taken, "origin")):
            for numbers in self.run(_numbers(self.databases[database], table)).values():
                assert numbers == list(range(1, len(numbers) + 1))

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        try:
            self._in_the_end_everything_was_applied()
        finally:
            for database in self.databases.values():
                self.run(database.dispose())
            self.runner.close()
            shutil.rmtree(self.folder)

    def _in_the_end_everything_was_applied(self) -> None:
        self.push([])
        assert self.run(self.world.publisher.push(ORIGIN, 30)) is True
        applied = self.run(self.world.applied())
        assert {statement.statement_id for statement in self.told} <= set(applied)
        self.nothing_is_applied_twice()
        condition = self.run(self.world.condition())
        assert (condition.complete, condition.epoch, condition.parked) == (True, self.world.epoch, 0)


async def _opened(path: Path) -> Database:
    return open_database(f"sqlite:///{path}", patience=timedelta(seconds=30))


async def _numbers(database: Database, table: Any) -> dict[str, list[int]]:
    """The numbers of each epoch, in order."""
    found: dict[str, list[int]] = {}
    async with database.read() as connection:
        for row in await connection.execute(select(table.c.epoch, table.c.number).order_by(table.c.number)):
            found.setdefault(row.epoch, []).append(row.number)
    return found


def test_in_the_end_everything_was_applied_once(prepare: Any) -> None:
    class Machine(FeedMachine):
        pass

    Machine.prepare = staticmethod(prepare)
    run_state_machine_as_test(Machine, settings=settings(max_examples=15, stateful_step_count=12, deadline=None))
