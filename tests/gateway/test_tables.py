"""What the gateway writes once cannot be changed or deleted, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Integer, LargeBinary, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store import tables
from gateway.store.store import Store
from runtime.database import Database


def row(table: Any, **values: object) -> dict[str, object]:
    """A row of fillers: what it says is of no matter here."""
    fillers = {Integer: 1, LargeBinary: b"x"}
    filled = {
        column.name: next((filler for kind, filler in fillers.items() if isinstance(column.type, kind)), "x")
        for column in table.c
    }
    return filled | values


@pytest.fixture
async def filled(database: Database) -> Database:
    await Store(database).prepare()
    async with database.write() as connection:
        await connection.execute(insert(tables.requests), row(tables.requests, state="OPEN"))
        for table in tables.APPEND_ONLY:
            await connection.execute(insert(table), row(table))
    return database


def test_what_is_written_once() -> None:
    assert {table.name for table in tables.APPEND_ONLY} == {"audit", "reports", "queries", "outcomes", "coverages"}


@pytest.mark.parametrize("table", tables.APPEND_ONLY, ids=lambda table: table.name)
async def test_the_database_refuses_to_change_what_is_written_once(filled: Database, table: Any) -> None:
    column = next(iter(table.c))
    for statement in (delete(table), update(table).values({column: column})):
        with pytest.raises(IntegrityError, match="append-only"):
            async with filled.write() as connection:
                await connection.execute(statement)
    async with filled.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 1


async def test_what_moves_on_can_be_changed(filled: Database) -> None:
    async with filled.write() as connection:
        assert (await connection.execute(update(tables.requests).values(state="SEALED"))).rowcount == 1


async def test_preparing_again_changes_nothing(filled: Database) -> None:
    await tables.prepare(filled)
    async with filled.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(tables.audit))).scalar_one() == 1


async def test_a_store_of_before_becomes_append_only_when_it_is_prepared(database: Database) -> None:
    await database.create_tables(tables.metadata)
    async with database.write() as connection:
        await connection.execute(insert(tables.audit), row(tables.audit))
    await Store(database).prepare()
    with pytest.raises(IntegrityError, match="append-only"):
        async with database.write() as connection:
            await connection.execute(delete(tables.audit))
