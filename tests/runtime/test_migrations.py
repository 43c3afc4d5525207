"""Every set of tables: its history leads to what the program knows, on both databases."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, Integer, MetaData, Table, inspect, text

from adapters.hebei import tables as hebei
from adapters.sdk import ledger
from gateway.store import tables as gateway
from runtime import registry
from runtime.database import Database, make_append_only, open_database
from runtime.errors import StoreUnavailableError
from runtime.feeds import FEEDS
from runtime.migrations import SchemaError, TableSet, migrate, migrate_within, revision_of

SETS = {made.name: made for made in (gateway.TABLES, ledger.TABLES, hebei.TABLES, registry.TABLES, FEEDS)}


@pytest.fixture(params=SETS)
def tables(request: pytest.FixtureRequest) -> TableSet:
    return SETS[request.param]


def differences(connection: Connection, tables: TableSet) -> list[Any]:
    names = {table.name for table in tables.tables}

    def is_ours(_: object, name: str | None, kind: str, *__: object) -> bool:
        return kind != "table" or name in names

    context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
    with _without_expressions():
        return list(compare_metadata(context, tables.metadata))  # type: ignore[arg-type]  # it takes several


def shape(connection: Connection, tables: TableSet) -> dict[str, Any]:
    """All that SQLAlchemy can read back of each table, without the order of its columns."""
    seen = inspect(connection)

    def read(table: str) -> dict[str, Any]:
        return {
            "columns": sorted(
                (c["name"], repr(c["type"]), c["nullable"], c["default"]) for c in seen.get_columns(table)
            ),
            "primary key": seen.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(u["column_names"] for u in seen.get_unique_constraints(table)),
            "checks": sorted((str(c["name"]), c["sqltext"]) for c in seen.get_check_constraints(table)),
            "references": sorted(
                (f["constrained_columns"], f["referred_table"], f["referred_columns"])
                for f in seen.get_foreign_keys(table)
            ),
            "indexes": _indexes(connection, table),
            "options": seen.get_table_options(table),
        }

    with _without_expressions():
        return {table.name: read(table.name) for table in tables.tables}


@contextmanager
def _without_expressions() -> Generator[None]:
    """An index on an expression cannot be read back on SQLite; `_indexes` gives its text."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*expression-based index")
        yield


def _indexes(connection: Connection, table: str) -> list[str]:
    asked = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :table AND sql IS NOT NULL",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE tablename = :table",
    }[connection.dialect.name]
    return sorted(connection.execute(text(asked), {"table": table}).scalars())


def triggers(connection: Connection) -> set[str]:
    asked = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }[connection.dialect.name]
    return set(connection.execute(text(asked)).scalars())


async def shape_of(database: Database, tables: TableSet) -> dict[str, Any]:
    async with database.read() as connection:
        return await connection.run_sync(shape, tables)


async def test_what_the_history_makes_is_what_the_program_knows(database: Database, tables: TableSet) -> None:
    assert await migrate(database, tables) is None
    async with database.read() as connection:
        assert await connection.run_sync(differences, tables) == []
        assert await connection.run_sync(revision_of, tables) == tables.head


async def test_the_history_makes_what_the_tables_alone_would(database: Database, tables: TableSet) -> None:
    await migrate(database, tables)
    migrated = await shape_of(database, tables)
    async with database.reshape() as connection:
        for metadata in tables.metadata:
            await connection.run_sync(metadata.drop_all)
            await connection.run_sync(metadata.create_all)
    assert await shape_of(database, tables) == migrated


async def test_a_difference_would_be_seen(database: Database, tables: TableSet) -> None:
    await migrate(database, tables)
    last = tables.tables[-1].name
    async with database.write() as connection:
        await connection.execute(text(f'ALTER TABLE "{last}" ADD COLUMN more INTEGER'))
    async with database.read() as connection:
        assert [found[0] for found in await connection.run_sync(differences, tables)] == ["remove_column"]


def expected_triggers(tables: TableSet, dialect: str) -> set[str]:
    further = {"postgresql": ("truncate",), "sqlite": ()}[dialect]
    kept = {f"{table.name}_no_{verb}" for table in tables.append_only for verb in ("update", *further)}
    return kept | {
        f"{table.name}_kept" if table.name in tables.instants else f"{table.name}_no_delete"
        for table in tables.append_only
    }


async def test_what_is_written_once_has_its_triggers_also_where_somebody_took_them_away(
    database: Database, tables: TableSet
) -> None:
    await migrate(database, tables)
    async with database.write() as connection:
        expected = expected_triggers(tables, connection.dialect.name)
        assert await connection.run_sync(triggers) == expected
        for table in tables.append_only:
            on = f' ON "{table.name}"' if connection.dialect.name == "postgresql" else ""
            await connection.execute(text(f"DROP TRIGGER {table.name}_no_update{on}"))
    assert await migrate(database, tables) == tables.head
    async with database.read() as connection:
        assert await connection.run_sync(triggers) == expected


async def test_programs_that_start_at_once_take_turns(database_url: str, tables: TableSet) -> None:
    async with asyncio.TaskGroup() as group:
        starts = [group.create_task(_start(database_url, tables)) for _ in range(4)]
    assert sorted(map(repr, (start.result() for start in starts))) == sorted(
        map(repr, (None, tables.head, tables.head, tables.head))
    )


async def _start(url: str, tables: TableSet) -> str | None:
    async with open_database(url) as own:
        return await migrate(own, tables)


async def test_sets_live_beside_each_other(database: Database) -> None:
    for name in ("gateway", "registry"):
        await migrate(database, SETS[name])
    async with database.read() as connection:
        for name in ("gateway", "registry"):
            assert await connection.run_sync(differences, SETS[name]) == []


@pytest.mark.parametrize("tables", [made for made in SETS.values() if made is not FEEDS], ids=lambda made: made.name)
async def test_a_database_of_before_migrations_is_taken_over_with_its_rows(
    database: Database, tables: TableSet
) -> None:
    """The tables as the first revision has them, and no version. Feeds came later."""
    await before_migrations(database, tables)
    first = tables.tables[0]
    assert await migrate(database, tables) is None
    async with database.read() as connection:
        assert await connection.run_sync(differences, tables) == []
        assert (await connection.execute(first.select())).all() == []


async def before_migrations(database: Database, tables: TableSet) -> None:
    async with database.reshape() as connection:
        await migrate_within(connection, tables, to="0001")
        await connection.execute(text(f"DROP TABLE {tables.version_table}"))
        there = set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
        await make_append_only(connection, [table for table in tables.append_only if table.name in there])


async def test_a_newer_database_is_refused_and_stays_as_it_is(database: Database, tables: TableSet) -> None:
    await migrate(database, tables)
    async with database.write() as connection:
        await connection.execute(
            Table(tables.version_table, MetaData(), Column("version_num")).update().values(version_num="9999")
        )
    before = await shape_of(database, tables)
    with pytest.raises(SchemaError, match=f"revision {tables.head} or older, got revision 9999, .* newer program"):
        await migrate(database, tables)
    assert await shape_of(database, tables) == before
    assert issubclass(SchemaError, StoreUnavailableError)


async def test_tables_of_another_program_are_refused_and_stay_as_they_are(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE coverages (statement_id INTEGER PRIMARY KEY)"))
    with pytest.raises(SchemaError, match=r"a table coverages with columns .*got \['statement_id'\]: is this another"):
        await migrate(database, SETS["gateway"])
    async with database.read() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == ["coverages"]


# --- A history of its own: what a failing revision leaves ---

THINGS_METADATA = MetaData()
Table("things", THINGS_METADATA, Column("number", Integer, primary_key=True), Column("size", Integer, nullable=False))

HISTORY: Mapping[str, str] = {
    "0001": 'op.create_table("things", sa.Column("number", sa.Integer, primary_key=True), if_not_exists=True)',
    "0002": """with op.batch_alter_table("things") as batch:
        batch.add_column(sa.Column("size", sa.Integer, nullable=True))
    op.execute("UPDATE things SET size = 10 / (number - 1)")
    op.execute("INSERT INTO things (number, size) VALUES (1, 1)")
    with op.batch_alter_table("things") as batch:
        batch.alter_column("size", existing_type=sa.Integer, nullable=False)""",
}


@pytest.fixture
def things(tmp_path: Path) -> TableSet:
    folder = tmp_path / "revisions"
    folder.mkdir()
    earlier = None
    for revision, body in HISTORY.items():
        (folder / f"revision_{revision}.py").write_text(
            f"import sqlalchemy as sa\nfrom alembic import op\n\nrevision = {revision!r}\ndown_revision = {earlier!r}\n\n\n"
            f"def upgrade():\n    {body}\n"
        )
        earlier = revision
    return TableSet(name="things", metadata=(THINGS_METADATA,), revisions=folder)


async def test_a_revision_that_fails_leaves_everything_as_it_was(database: Database, things: TableSet) -> None:
    async with database.reshape() as connection:
        await migrate_within(connection, things, to="0001")
        await connection.execute(text("INSERT INTO things (number) VALUES (1)"))  # what the second will not bear
    with pytest.raises(Exception, match=r"division by zero|UNIQUE"):
        await migrate(database, things)
    async with database.read() as connection:
        assert await connection.run_sync(revision_of, things) == "0001"
        assert (await connection.execute(text("SELECT * FROM things"))).all() == [(1,)]
    async with database.write() as connection:
        await connection.execute(text("UPDATE things SET number = 6"))
    assert await migrate(database, things) == "0001"
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT * FROM things ORDER BY number"))).all() == [(1, 1), (6, 2)]


def test_a_history_is_one_line(tables: TableSet) -> None:
    assert tables.history == tuple(f"{number:04d}" for number in range(1, len(tables.history) + 1))
