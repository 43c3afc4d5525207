"""The database of a program: SQLite in one file, or PostgreSQL, by the same code.

- A transaction is either `write()` or `read()`; there is no other way to a connection, but for what copies a whole database
  (`snapshot()`) or changes its tables (`reshape()`). It commits when the block ends and rolls back when the block raises.
- SQLite: writers are one at a time from their first statement (`BEGIN IMMEDIATE`). With the driver's own transactions two workers
  read the same free row and both take it, and nobody is told. In a process they queue for the one writing connection; between
  processes SQLite's busy timeout does it. Readers (WAL) neither wait nor make anybody wait, and see one state of the data.
- PostgreSQL: READ COMMITTED. Code that must run on both says what it relies on: the old state in the WHERE of its UPDATE, or
  `select(...).with_for_update(skip_locked=True)`, which SQLite's dialect leaves out.
- What is committed survives a power failure. A report is handed out once it is committed and could not be explained
  away afterwards, so SQLite syncs its log at each commit (`synchronous=FULL`; the usual NORMAL of WAL may lose the last commits).
- A read that writes is refused by the database.
- "Cannot do it now" is one error, `StoreUnavailableError`. A mistake in a statement, or a broken constraint, stays what it is;
  `is_unique_violation` tells the one constraint that a rival breaks.
- What a table keeps the database itself refuses to change (`make_append_only`).

Commit before you answer; never await the network inside `write()`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self

import aiosqlite
from sqlalchemy import URL, AsyncAdaptedQueuePool, NullPool, Table, event, exc, make_url, text
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection as _SQLiteConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random

from runtime.errors import StoreUnavailableError

_READERS: Final = 8
"""Reading connections to SQLite, each with a thread of its own."""

_SQLITE_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_POSTGRESQL_UNAVAILABLE: Final = ("08", "40", "53", "55P03", "57", "58")
"""Classes of SQLSTATE: connection, rollback by conflict, resources, lock timeout, operator intervention, system."""
_POSTGRESQL_READ_ONLY: Final = "25006"

_UNIQUE_VIOLATIONS: Final[frozenset[int | str]] = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_ROWID,
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        "23505",
    }
)

_PREPARING_LOCK: Final = 0x6875_7265_6E
"""Any number, the same in every replica."""

_CUTS: Final = "retention_cuts"
"""The table that says from when on rows of which table are kept: `table_name`, `cut`."""

_REFUSED_VERBS: Final = {"sqlite": ("UPDATE", "DELETE"), "postgresql": ("UPDATE", "DELETE", "TRUNCATE")}
_POSTGRESQL_REFUSE: Final = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'append-only' USING ERRCODE = 'restrict_violation'; END $$
"""
_POSTGRESQL_KEEP: Final = """
CREATE OR REPLACE FUNCTION keep_{table}() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  IF EXISTS (SELECT FROM {cuts} WHERE table_name = '{table}' AND OLD."{instant}" COLLATE "C" < cut COLLATE "C") THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'append-only' USING ERRCODE = 'restrict_violation';
END $$
"""
_SQLITE_KEEP: Final = """
CREATE TRIGGER IF NOT EXISTS {trigger} BEFORE DELETE ON {table}
WHEN NOT EXISTS (SELECT 1 FROM {cuts} WHERE table_name = '{table}' AND OLD."{instant}" < cut)
BEGIN SELECT RAISE(ABORT, 'append-only'); END
"""
_POSTGRESQL_HAS_TRIGGER: Final = text(
    "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass(:table) AND tgname = :trigger)"
)


class Database:
    """An open database. Use as an asynchronous context manager, or call `dispose` at the end: it stops threads."""

    def __init__(
        self, *, writer: AsyncEngine, reader: AsyncEngine, snapshotter: AsyncEngine, reshaper: AsyncEngine
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._snapshotter = snapshotter
        self._reshaper = reshaper

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection]:
        """Gives a connection inside a transaction that may write.

        Raises:
            StoreUnavailableError: The database cannot do it now, at the latest at the commit.
        """
        async with _transaction(self._writer, read_only=False) as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """Gives a connection inside a transaction that cannot write. On SQLite it sees one state of the data throughout.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        async with _transaction(self._reader, read_only=True) as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[AsyncConnection]:
        """As `read()`, and on both databases it sees one state of the data throughout.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        async with _transaction(self._snapshotter, read_only=True) as connection:
            yield connection

    @asynccontextmanager
    async def reshape(self) -> AsyncGenerator[AsyncConnection]:
        """As `write()`, for changing tables: alone among replicas, and on SQLite foreign keys hold nobody up.

        SQLite changes a table by making it anew, which a reference to it would forbid. Before the transaction ends, whoever uses
        this calls `check_references`.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        async with _transaction(self._reshaper, read_only=False) as connection:
            await take_turns(connection)
            yield connection

    async def dispose(self) -> None:
        """Closes all connections."""
        for engine in (self._writer, self._reader, self._snapshotter, self._reshaper):
            await engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.dispose()


def open_database(url: str, *, patience: timedelta = timedelta(seconds=5)) -> Database:
    """Opens a database. Nothing is read yet, so an unreachable one is told by the first transaction.

    Args:
        url: `sqlite:////absolute/path.db` or `postgresql://user@host/name`; which driver is used is decided here.
        patience: How long a transaction waits for a connection or a lock before the store counts as unavailable.

    Raises:
        ValueError: The URL is of another kind, or its SQLite path is not absolute.
    """
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise ValueError("a database URL expected, got another text") from error
    match parsed.drivername:
        case "sqlite":
            return _open_sqlite(parsed, patience)
        case "postgresql":
            return _open_postgresql(parsed, patience)
        case other:
            raise ValueError(f"a URL that begins with sqlite: or postgresql: expected, got {other}:")


async def take_turns(connection: AsyncConnection) -> None:
    """Waits until no other replica prepares the database; then the others wait until this transaction ends."""
    if connection.dialect.name == "postgresql":  # SQLite's writers take turns anyway
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_PREPARING_LOCK})"))


async def make_append_only(
    connection: AsyncConnection, tables: Iterable[Table], *, instants: Mapping[str, str] | None = None
) -> None:
    """Makes the database refuse to change or delete rows of these tables, whoever asks. Doing it again changes nothing.

    A later UPDATE or DELETE is an IntegrityError that says `append-only`. That keeps mistakes out, ours and an operator's; whoever
    owns the tables can still take the triggers away.

    Args:
        connection: A transaction that may write.
        tables: The tables.
        instants: For a table by its name, the column with a row's instant, as text that compares as instants do. Its rows may be
            deleted once they are older than the table's `cut` in `retention_cuts`; where there is no cut, none. They never change.
    """
    await take_turns(connection)
    instants = instants or {}
    for table in tables:
        for verb in _REFUSED_VERBS[connection.dialect.name]:
            if verb == "DELETE" and table.name in instants:
                await _keep(connection, table, instants[table.name])
            else:
                await _refuse(connection, table, verb)


async def check_references(connection: AsyncConnection) -> None:
    """Looks whether every reference between rows holds. PostgreSQL never lets one in that does not.

    Raises:
        RuntimeError: A row refers to one that is not there.
    """
    if connection.dialect.name == "sqlite":
        broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).mappings().first()
        if broken is not None:
            raise RuntimeError(f"a row of {broken['table']} refers to a row of {broken['parent']} that is not there")


def is_unique_violation(error: exc.DBAPIError) -> bool:
    """Whether a row was there already: a rival was quicker. Any other broken constraint is a fault of ours."""
    return _driver_code(error) in _UNIQUE_VIOLATIONS


async def _refuse(connection: AsyncConnection, table: Table, verb: str) -> None:
    trigger = f"{table.name}_no_{verb.lower()}"
    on = _quoted(connection, table)
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql(
            f"CREATE TRIGGER IF NOT EXISTS {trigger} BEFORE {verb} ON {on} BEGIN SELECT RAISE(ABORT, 'append-only'); END"
        )
    elif not await _has_trigger(connection, table, trigger):
        each = "STATEMENT" if verb == "TRUNCATE" else "ROW"
        await connection.exec_driver_sql(_POSTGRESQL_REFUSE)
        await connection.exec_driver_sql(
            f"CREATE TRIGGER {trigger} BEFORE {verb} ON {on} FOR EACH {each} EXECUTE FUNCTION refuse_change()"
        )


async def _keep(connection: AsyncConnection, table: Table, instant: str) -> None:
    trigger = f"{table.name}_kept"
    names = {"table": table.name, "instant": instant, "cuts": _CUTS}
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql(_SQLITE_KEEP.format(trigger=trigger, **names))
    elif not await _has_trigger(connection, table, trigger):
        await connection.exec_driver_sql(_POSTGRESQL_KEEP.format(**names))
        await connection.exec_driver_sql(
            f"CREATE TRIGGER {trigger} BEFORE DELETE ON {_quoted(connection, table)}"
            f" FOR EACH ROW EXECUTE FUNCTION keep_{table.name}()"
        )


async def _has_trigger(connection: AsyncConnection, table: Table, trigger: str) -> bool:
    """Looked at first: making a trigger again would wait for every writer of the table."""
    named = {"table": _quoted(connection, table), "trigger": trigger}
    return bool((await connection.execute(_POSTGRESQL_HAS_TRIGGER, named)).scalar_one())


def _quoted(connection: AsyncConnection, table: Table) -> str:
    return connection.dialect.identifier_preparer.format_table(table)


# --- SQLite -----------------------------------------------------------------------------------------------------------


def _open_sqlite(url: URL, patience: timedelta) -> Database:
    if url.database is None or not Path(url.database).is_absolute():
        raise ValueError("an absolute path in the SQLite URL expected (four slashes), got another")
    writer = _sqlite_engine(url, patience, pool=_sqlite_pool(patience, connections=1))
    reader = _sqlite_engine(url, patience, pool=_sqlite_pool(patience, connections=_READERS))
    reshaper = _sqlite_engine(url, patience, pool={"poolclass": NullPool})
    event.listen(writer.sync_engine, "connect", _sqlite_writer(patience, "foreign_keys=ON"))
    event.listen(reader.sync_engine, "connect", _prepare_sqlite_reader)
    event.listen(reshaper.sync_engine, "connect", _sqlite_writer(patience, "foreign_keys=OFF"))
    for engine in (writer, reshaper):
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    event.listen(reader.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return Database(writer=writer, reader=reader, snapshotter=reader, reshaper=reshaper)


def _sqlite_engine(url: URL, patience: timedelta, *, pool: Mapping[str, Any]) -> AsyncEngine:
    return create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        connect_args={"timeout": patience.total_seconds()},  # SQLite's busy timeout
        hide_parameters=True,
        **pool,
    )


def _sqlite_pool(patience: timedelta, *, connections: int) -> dict[str, Any]:
    return {
        "poolclass": AsyncAdaptedQueuePool,
        "pool_size": connections,
        "max_overflow": 0,
        "pool_timeout": patience.total_seconds(),
    }


def _sqlite_writer(patience: timedelta, *pragmas: str) -> Callable[[_SQLiteConnection, ConnectionPoolEntry], None]:
    def prepare(connection: _SQLiteConnection, _: ConnectionPoolEntry) -> None:
        connection.run_async(lambda driver: _keep_a_log(driver, patience))
        _prepare_sqlite(connection, "synchronous=FULL", *pragmas)

    return prepare


async def _keep_a_log(connection: aiosqlite.Connection, patience: timedelta) -> None:
    """Turns the file into one with a write-ahead log, which it stays.

    Of two programs that are the first to open a file, one is told "locked" at once: SQLite does not wait where waiting could last
    for ever, and leaves it to us to ask again.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception(lambda error: getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY),
        stop=stop_after_delay(patience),
        wait=wait_random(max=0.05),
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            await connection.execute("PRAGMA journal_mode=WAL")


def _prepare_sqlite_reader(connection: _SQLiteConnection, _: ConnectionPoolEntry) -> None:
    _prepare_sqlite(connection, "query_only=ON")


def _prepare_sqlite(connection: _SQLiteConnection, *pragmas: str) -> None:
    # The driver must not begin transactions by itself; the "begin" event does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def _open_postgresql(url: URL, patience: timedelta) -> Database:
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        pool_size=10,
        max_overflow=0,
        pool_timeout=patience.total_seconds(),
        # A replica that was restarted is noticed before a transaction begins, not in the middle of it.
        pool_pre_ping=True,
        connect_args={
            "timeout": patience.total_seconds(),
            "server_settings": {
                "lock_timeout": str(round(patience.total_seconds() * 1000)),
                "timezone": "UTC",
                # Whatever the server's default is: who waited for a lock must see what was committed meanwhile.
                "default_transaction_isolation": "read committed",
            },
        },
        hide_parameters=True,
    )
    reader = engine.execution_options(postgresql_readonly=True)
    return Database(
        writer=engine,
        reader=reader,
        snapshotter=reader.execution_options(isolation_level="REPEATABLE READ"),
        reshaper=engine,
    )


# --- Both -------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _transaction(engine: AsyncEngine, *, read_only: bool) -> AsyncGenerator[AsyncConnection]:
    try:
        async with AsyncExitStack() as stack:
            connection = await _connect(engine, stack)
            async with connection.begin():
                yield connection
    except exc.DBAPIError as error:
        if _is_unavailable(error, read_only=read_only):
            raise StoreUnavailableError(_reason(error)) from error
        raise


async def _connect(engine: AsyncEngine, stack: AsyncExitStack) -> AsyncConnection:
    try:
        return await stack.enter_async_context(engine.connect())
    except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
        # Whatever the reason, there is no connection. asyncpg lets the refusal of a socket through as it is.
        raise StoreUnavailableError(_reason(error)) from error


def _is_unavailable(error: exc.DBAPIError, *, read_only: bool) -> bool:
    if error.connection_invalidated:
        return True
    code = _driver_code(error)
    if isinstance(code, int):
        primary = code & 0xFF
        return primary in _SQLITE_UNAVAILABLE or (primary == sqlite3.SQLITE_READONLY and not read_only)
    if isinstance(code, str):
        return code.startswith(_POSTGRESQL_UNAVAILABLE) or (code == _POSTGRESQL_READ_ONLY and not read_only)
    return False


def _reason(error: Exception) -> str:
    """For the log: what kind of error, without statement and parameters."""
    code = _driver_code(error) if isinstance(error, exc.DBAPIError) else None
    return f"{type(error).__name__} {code}" if code is not None else type(error).__name__


def _driver_code(error: exc.DBAPIError) -> int | str | None:
    """SQLite's error number or PostgreSQL's SQLSTATE. The drivers' errors have no common type."""
    original: Any = error.orig
    return getattr(original, "sqlite_errorcode", None) or getattr(original, "sqlstate", None)
