"""Asks Beijing's exchange database: three tables, one read-only transaction for each question.

- Rows and watermarks come from the same state of the database: what arrives while we read belongs to the next question.
- A table that cannot be read, or has other columns than the profile knows, makes its cells silent; a state of supply that cannot be
  read makes all of them silent.
- An identifier is found in whatever width and case it was written, with or without blanks and dashes, and a code or number in
  any of the columns for codes and numbers: no narrower than what matching.py takes for the subject's. A name is found in every
  spelling that assembly.py knows. A code that stands among other words, or masked, is found by the name or by another identifier
  beside it only; whoever follows the supply sees those rows too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, NullPool, event, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from adapters.beijing.functions import teach
from adapters.beijing.rounds import Place, begin_round, go_on
from adapters.beijing.tables import FAMILIES, SEARCHED, Family, Supply, read_rows, read_supply, rows_by_key, version_of
from adapters.sdk.assembly import in_time, settle
from adapters.sdk.source import RawRow, RowKey, Search, SourceAnswer, SourceError, Supplied
from contract.catalogue import CellKey
from runtime.clock import Clock, system_clock
from runtime.settings import Settings

_Found = tuple[RawRow, ...] | str
"""The rows of a table that were searched for, or why it does not answer."""


class SourceSettings(Settings):
    """How the exchange database is reached.

    Attributes:
        database_url: SQLAlchemy URL with an asynchronous driver, for example `postgresql+asyncpg://reader@host/gxpt` or
            `sqlite+aiosqlite:////srv/gxpt.sqlite`; without a password. Options of the driver may follow as query.
        password_file: File with the read-only account's password. None: the engine asks for none.
    """

    database_url: str
    password_file: Path | None = None


async def open_source(settings: SourceSettings, *, now: Clock = system_clock) -> BeijingSource:
    """Prepares the source. The database is first reached by the first question.

    Raises:
        SourceError: The URL is none, its driver is not installed, or the password file cannot be read.
    """
    try:
        url = make_url(settings.database_url)
        if settings.password_file is not None:
            url = url.set(password=settings.password_file.read_text(encoding="utf-8").strip())
        return BeijingSource(_open_engine(url), now=now)
    except (ArgumentError, SQLAlchemyError, ImportError, OSError, UnicodeDecodeError) as error:
        raise SourceError(f"database_url, password_file: {type(error).__name__}") from error


class BeijingSource:
    """The exchange database as a source."""

    def __init__(self, engine: AsyncEngine, *, now: Clock) -> None:
        self._engine = engine
        self._now = now

    async def search(self, search: Search) -> SourceAnswer:
        """Finds the rows that bear one of the identifiers.

        Raises:
            SourceError: The database, or the state of supply in it, cannot be read in time; or too much is searched for.
        """
        async with in_time(search.until, self._now), self._reading() as connection:
            supply = await read_supply(connection)
            findings = {family.kind: await _find(connection, family, search) for family in FAMILIES}
        return _answer(search, supply, findings)

    async def watermarks(self) -> Mapping[CellKey, datetime]:
        """The watermark of every cell that has a readable row in `T_GJ`.

        Raises:
            SourceError: The database, or the state of supply in it, cannot be read.
        """
        async with self._reading() as connection:
            return (await read_supply(connection)).watermarks

    async def supplied_since(self, cursor: str, limit: int) -> Supplied:
        """Gives what was supplied, or changed, after a place: round by round, as the class `Place` says.

        Raises:
            SourceError: A table cannot be read or has other columns, or the cursor is none of this source.
        """
        place = Place.read(cursor)
        rows: list[RawRow] = []
        async with self._reading() as connection:
            versions = [await version_of(connection, family) for family in FAMILIES]
            if place.begins_a_round:
                place = await begin_round(connection, versions, place, self._now())
            expected = place.left
            while not place.ends_a_round and len(rows) < max(limit, 1):
                page, place = await go_on(connection, versions, place, max(limit, 1) - len(rows))
                rows += page
        is_all = place.ends_a_round
        return Supplied(
            rows=tuple(rows),
            cursor=(place.next_round() if is_all else place).write(),
            is_all=is_all,
            expected=max(expected, len(rows)),
        )

    async def by_key(self, keys: Collection[RowKey]) -> Mapping[RowKey, RawRow | None]:
        """Gives rows as they stand now, by their keys.

        Raises:
            SourceError: A table cannot be read or has other columns, there is no such table, or two rows that differ have one key.
        """
        families = {family.name: family for family in FAMILIES}
        if unknown := {name for name, _ in keys} - families.keys():
            raise SourceError(f"expected keys of {sorted(families)}, got {min(unknown)!r}")
        found: dict[RowKey, RawRow | None] = dict.fromkeys(keys)
        async with self._reading() as connection:
            for name in sorted({name for name, _ in keys}):
                version = await version_of(connection, families[name])
                async for row in rows_by_key(connection, version, {key for of, key in keys if of == name}):
                    other = found[name, row.key]
                    if other is not None and other != row:
                        raise SourceError(f"{name}: two rows with one ID differ")
                    found[name, row.key] = row
        return found

    async def close(self) -> None:
        """Closes the connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _reading(self) -> AsyncGenerator[AsyncConnection]:
        try:
            async with self._engine.connect() as connection, connection.begin():
                yield connection
        except (SQLAlchemyError, OSError) as error:  # asyncpg lets a refused socket through as it is
            raise SourceError(f"the exchange database cannot be read: {_reason(error)}") from error


# --- Searching ------------------------------------------------------------------------------------------------------------


async def _find(connection: AsyncConnection, family: Family, search: Search) -> _Found:
    try:
        # A savepoint, because PostgreSQL refuses everything after an error until it is rolled back to one.
        async with connection.begin_nested():
            version = await version_of(connection, family)
            return await read_rows(connection, version, select(version.table).where(version.bears_one_of(search)))
    except SourceError as error:
        return str(error)
    except SQLAlchemyError as error:
        return f"{family.name} cannot be read: {_reason(error)}"


def _answer(search: Search, supply: Supply, findings: Mapping[int, _Found]) -> SourceAnswer:
    silent = dict(supply.unreadable)
    for cell in search.cells:
        found = findings.get(cell[1], "no table holds this kind of record")
        if isinstance(found, str):
            silent[cell] = found
    rows = (row for found in findings.values() if not isinstance(found, str) for row in found)
    return settle(search, rows, supplied=supply.watermarks, silent=silent, searched=SEARCHED)


# --- The engine -----------------------------------------------------------------------------------------------------------


def _open_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        return create_async_engine(
            url,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
            pool_pre_ping=True,
            hide_parameters=True,
        )
    # A connection for each question: the file may be replaced under us, and a missing one must not be created by looking.
    engine = create_async_engine(_read_only(url), poolclass=NullPool, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _leave_transactions_to_us)
    event.listen(engine.sync_engine, "connect", lambda connection, _: teach(connection))
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _read_only(url: URL) -> URL:
    return url.set(database=f"file:{quote(url.database or '')}").update_query_dict({"mode": "ro", "uri": "true"})


def _leave_transactions_to_us(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver begins no transaction for a SELECT, so that two statements would see two states.
    connection.isolation_level = None


def _reason(error: Exception) -> str:
    """What kind of error, without statement, parameters or the driver's words: those may hold identifiers."""
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    return f"{type(original).__name__} {code}" if code else type(original).__name__
