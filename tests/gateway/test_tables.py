"""What the gateway writes once cannot be changed, nor deleted before retention cut it off, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Boolean, Integer, LargeBinary, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store import tables
from gateway.store.epochs import RESTORED, begin_epoch, current_epoch
from gateway.store.store import Store
from runtime.database import Database, open_database
from runtime.migrations import migrate


def row(table: Any, **values: object) -> dict[str, object]:
    """A row of fillers: what it says is of no matter here."""
    fillers = {Boolean: False, Integer: 7, LargeBinary: b"x"}
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
    moving = {"requests", "work", "report_numbers", "code_tries", "retention_cuts"}
    people = {"persons", "sessions", "logins", "logout_tokens", "mandates", "window_mandates", "batches", "batch_lines"}
    assert {table.name for table in tables.APPEND_ONLY} == set(tables.metadata.tables) - moving - people


async def number_of(database: Database, table: Any) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def is_refused(database: Database, statement: Any) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        async with database.write() as connection:
            await connection.execute(statement)


@pytest.mark.parametrize("table", tables.APPEND_ONLY, ids=lambda table: table.name)
async def test_the_database_refuses_to_change_what_is_written_once(filled: Database, table: Any) -> None:
    before = await number_of(filled, table)
    column = next(iter(table.c))
    for statement in (delete(table), update(table).values({column: column})):
        await is_refused(filled, statement)
    assert await number_of(filled, table) == before >= 1


LEAVES = ("outcomes", "standings", "revocation_ends", "changes", "notices", "audit")
"""Tables to which no other one refers."""


@pytest.mark.parametrize("name", LEAVES)
async def test_a_row_goes_only_when_it_is_older_than_its_tables_cut(database: Database, name: str) -> None:
    table = tables.metadata.tables[name]
    instant = table.c[tables.INSTANTS[name]]
    await prepared_with_rows(database, at=CUT)
    await cut(database, "another_table", LATER)
    await is_refused(database, delete(table))  # no cut of its own
    await cut(database, name, CUT)
    await is_refused(database, delete(table))  # as old as the cut, not older
    await is_refused(database, update(table).values({instant: EARLIER}))
    await cut(database, name, LATER)
    await is_refused(database, update(table).values({instant: EARLIER}))
    async with database.write() as connection:
        assert (await connection.execute(delete(table))).rowcount == 1


async def test_a_row_that_is_referred_to_does_not_go_however_old(database: Database) -> None:
    await prepared_with_rows(database, at=EARLIER)
    for table in tables.APPEND_ONLY:
        await cut(database, table.name, LATER)
    for table in (tables.reports, tables.queries, tables.revocations):
        with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
            async with database.write() as connection:
                await connection.execute(delete(table))


@pytest.mark.parametrize("table", [tables.coverages, tables.transfers, tables.epochs], ids=lambda table: table.name)
async def test_what_no_rule_is_about_never_goes(database: Database, table: Any) -> None:
    await prepared_with_rows(database, at=EARLIER)
    await cut(database, table.name, LATER)
    await is_refused(database, delete(table))


EARLIER, CUT, LATER = (f"20{year}-11-22T00:00:00.000000Z" for year in (20, 25, 30))


async def prepared_with_rows(database: Database, *, at: str) -> None:
    await Store(database).prepare()
    async with database.write() as connection:
        await connection.execute(insert(tables.requests), row(tables.requests, state="OPEN"))
        for table in tables.APPEND_ONLY:
            instants = {tables.INSTANTS[table.name]: at} if table.name in tables.INSTANTS else {}
            await connection.execute(insert(table), row(table, **instants))


async def cut(database: Database, name: str, at: str) -> None:
    async with database.write() as connection:
        await connection.execute(delete(tables.retention_cuts).where(tables.retention_cuts.c.table_name == name))
        await connection.execute(insert(tables.retention_cuts).values(table_name=name, cut=at))


async def test_what_moves_on_can_be_changed(filled: Database) -> None:
    async with filled.write() as connection:
        assert (await connection.execute(update(tables.requests).values(state="SEALED"))).rowcount == 1


async def test_preparing_again_changes_nothing(filled: Database) -> None:
    before = {table.name: await number_of(filled, table) for table in tables.metadata.sorted_tables}
    await tables.prepare(filled)
    assert {table.name: await number_of(filled, table) for table in tables.metadata.sorted_tables} == before


async def test_the_first_epoch_begins_once_whoever_prepares(database: Database, database_url: str) -> None:
    async def start() -> None:
        async with open_database(database_url) as own:
            await tables.prepare(own)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(start())
    async with database.read() as connection:
        first = (await connection.execute(select(tables.epochs))).one()
        assert await current_epoch(connection) == first.epoch
    assert first.cause == "created"
    async with database.write() as connection:
        second = await begin_epoch(connection, RESTORED, at=datetime(2026, 11, 22, tzinfo=UTC))
        assert await current_epoch(connection) == second != first.epoch


async def test_without_preparing_there_is_no_epoch(database: Database) -> None:
    await migrate(database, tables.TABLES)
    async with database.read() as connection:
        with pytest.raises(RuntimeError, match="not prepared"):
            await current_epoch(connection)
