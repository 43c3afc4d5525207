"""The tables of feeds: the history leads to them, and what is written once stays."""

from __future__ import annotations

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from runtime.database import Database
from runtime.feeds import FEEDS, FeedStatementRefusedError, tables
from runtime.migrations import migrate

World = Any
MOVING = {"feed_cursors", "feed_places"}


def differences(connection: Connection) -> list[Any]:
    names = {table.name for table in FEEDS.tables}

    def is_ours(_: object, name: str | None, kind: str, *__: object) -> bool:
        return kind != "table" or name in names

    context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
    return list(compare_metadata(context, tables.entries.metadata))


async def test_the_history_leads_to_the_tables_that_the_program_knows(database: Database) -> None:
    assert await migrate(database, FEEDS) is None
    assert await migrate(database, FEEDS) == FEEDS.head
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


def test_what_is_written_once() -> None:
    assert {table.name for table in FEEDS.append_only} == {table.name for table in FEEDS.tables} - MOVING


@pytest.mark.parametrize("table", FEEDS.append_only, ids=lambda table: table.name)
async def test_what_is_written_once_stays(world: World, table: Any) -> None:
    await world.tell()
    world.fail = lambda _: FeedStatementRefusedError("no")
    await world.publisher.push(next(iter(world.publisher._subscribers)), 30)
    for change in (delete(table), update(table).values(feed="changes")):
        with pytest.raises(IntegrityError, match="append-only"):
            async with world.home.write() as connection:
                await connection.execute(change)
    async with world.home.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 1
