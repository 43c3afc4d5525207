"""Tables and their history: a program brings its database to the form that it knows, at its start.

- A `TableSet` is what one part of a program keeps: tables, and a folder of revisions. Several sets may live in one database; each
  has a version table of its own.
- A revision is a module of Alembic that is written out and never changed once it was released; `migrate` runs those that are
  missing, in one transaction on both databases. Replicas that start together take turns, and the second finds nothing to do.
- A database of before there were migrations has tables and no version. The first revision creates only what is missing, so the
  database is taken over with its rows.
- A database of a revision that the program does not know is from a newer program, and is refused: this one would write rows that
  say less than the newer one relies on.
- Triggers that keep rows (append-only) are made after the revisions, also where somebody took them away.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, inspect
from sqlalchemy.ext.asyncio import AsyncConnection

from runtime.database import Database, check_references, make_append_only
from runtime.errors import SchemaError as SchemaError

logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells at every start which database it talks to


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSet:
    """What one part of a program keeps.

    Attributes:
        name: In the names of the version table and of backups.
        metadata: The tables as they are now.
        revisions: Folder of the modules that lead there.
        append_only: Tables whose rows never change.
        instants: As in `make_append_only`.
    """

    name: str
    metadata: tuple[MetaData, ...]
    revisions: Path
    append_only: tuple[Table, ...] = ()
    instants: Mapping[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables, each after those that it refers to."""
        return tuple(table for metadata in self.metadata for table in metadata.sorted_tables)

    @property
    def version_table(self) -> str:
        """The table that holds the revision."""
        return f"schema_version_{self.name}"

    @property
    def head(self) -> str:
        """The newest revision, which the tables as they are now have."""
        return self.history[-1]

    @property
    def history(self) -> tuple[str, ...]:
        """All revisions, oldest first."""
        return tuple(script.revision for script in reversed(list(_scripts(self.revisions).walk_revisions())))


@cache
def _scripts(folder: Path) -> ScriptDirectory:
    return ScriptDirectory(folder, version_locations=[folder])


async def migrate(database: Database, tables: TableSet) -> str | None:
    """Brings a set of tables to the newest revision.

    Returns:
        The revision that was there; None where there was none.

    Raises:
        SchemaError: The database is from a newer program, or its tables are other ones.
        StoreUnavailableError: The database cannot do it now.
    """
    async with database.reshape() as connection:
        return await migrate_within(connection, tables)


async def migrate_within(connection: AsyncConnection, tables: TableSet, *, to: str | None = None) -> str | None:
    """As `migrate`, inside a transaction of `Database.reshape`.

    Args:
        connection: The transaction.
        tables: The set.
        to: A revision; the newest unless told. Triggers are made for the newest only.
    """
    target = tables.head if to is None else to
    found = await connection.run_sync(_upgrade, tables, target)
    if found != target:
        await check_references(connection)
    if target == tables.head:
        if found != target:
            await connection.run_sync(_check_columns, tables)
        await make_append_only(connection, tables.append_only, instants=tables.instants)
    return found


def revision_of(connection: Connection, tables: TableSet) -> str | None:
    """The revision that a database has; None where it has none. For `AsyncConnection.run_sync`."""
    return _context(connection, tables).get_current_revision()


def _upgrade(connection: Connection, tables: TableSet, target: str) -> str | None:
    context = _context(connection, tables)
    scripts = _scripts(tables.revisions)
    found = context.get_current_revision()
    if found is not None and found not in tables.history:
        raise SchemaError(
            f"tables of {tables.name} at revision {tables.head} or older",
            f"revision {found}, which only a newer program knows: start that one, or restore a backup of before",
        )
    if found is not None and tables.history.index(found) >= tables.history.index(target):
        return found
    with Operations.context(context):
        for script in reversed(list(scripts.iterate_revisions(target, found))):
            script.module.upgrade()
    context.stamp(scripts, target)
    return found


def _context(connection: Connection, tables: TableSet) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"version_table": tables.version_table})


def _check_columns(connection: Connection, tables: TableSet) -> None:
    """A database that was taken over may have had tables of these names that are another program's."""
    there = {name: [column["name"] for column in columns] for (_, name), columns in _columns(connection)}
    for table in tables.tables:
        expected, got = sorted(table.c.keys()), sorted(there.get(table.name, []))
        if expected != got:
            raise SchemaError(
                f"a table {table.name} with columns {expected}", f"{got or 'none'}: is this another database?"
            )


def _columns(connection: Connection) -> Iterator[tuple[tuple[str | None, str], list[dict[str, str]]]]:
    yield from inspect(connection).get_multi_columns().items()  # type: ignore[misc]  # SQLAlchemy's own row type
