"""The same tests on SQLite and PostgreSQL; what only one of them can do stands at the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from runtime.database import Database, is_unique_violation, make_append_only, open_database, take_turns
from runtime.errors import StoreUnavailableError

METADATA = MetaData()
JOBS = Table(
    "jobs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("owner", String, nullable=True),
)
UNIQUE = Table("names", METADATA, Column("id", Integer, primary_key=True), Column("name", String, unique=True))
NOTES = Table("notes", METADATA, Column("job", ForeignKey(JOBS.c.id), nullable=False))


async def create_tables(database: Database, *, append_only: Iterable[Table] = ()) -> None:
    async with database.write() as connection:
        await take_turns(connection)
        await connection.run_sync(METADATA.create_all)
        await make_append_only(connection, append_only)


@pytest.fixture
async def store(database: Database) -> Database:
    await create_tables(database)
    return database


async def add_jobs(store: Database, *ids: int) -> None:
    async with store.write() as connection:
        await connection.execute(insert(JOBS), [{"id": number} for number in ids])


async def jobs(store: Database) -> list[int]:
    async with store.read() as connection:
        return list(await connection.scalars(select(JOBS.c.id).order_by(JOBS.c.id)))


async def test_what_is_written_is_read(store: Database) -> None:
    await add_jobs(store, 1, 2)
    assert await jobs(store) == [1, 2]


async def test_creating_tables_again_changes_nothing(store: Database) -> None:
    await add_jobs(store, 1)
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(create_tables(store))
    assert await jobs(store) == [1]


# --- Append-only, and what a broken constraint means ---


async def change_is_refused(store: Database, table: Table) -> None:
    for statement in (delete(table), update(table).values({column: column for column in table.c})):
        with pytest.raises(IntegrityError, match="append-only"):
            async with store.write() as connection:
                await connection.execute(statement)


async def test_what_is_append_only_can_be_added_to_and_not_changed(database: Database) -> None:
    await create_tables(database, append_only=(JOBS,))
    await add_jobs(database, 1)
    await add_jobs(database, 2)
    await change_is_refused(database, JOBS)
    assert await jobs(database) == [1, 2]


async def test_other_tables_stay_as_they_were(database: Database) -> None:
    await create_tables(database, append_only=(JOBS,))
    await add_jobs(database, 1)
    async with database.write() as connection:
        await connection.execute(insert(NOTES).values(job=1))
        assert (await connection.execute(delete(NOTES))).rowcount == 1


async def test_a_table_that_has_rows_becomes_append_only_however_often_it_is_asked(store: Database) -> None:
    await add_jobs(store, 1)
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(create_tables(store, append_only=(JOBS,)))
    async with store.write() as connection:
        await make_append_only(connection, (JOBS, NOTES))
    await change_is_refused(store, JOBS)
    assert await jobs(store) == [1]


async def broken(store: Database, statement: Any) -> IntegrityError:
    with pytest.raises(IntegrityError) as caught:
        async with store.write() as connection:
            await connection.execute(statement)
    return caught.value


async def test_only_a_row_that_is_there_already_is_a_rivals(store: Database) -> None:
    await add_jobs(store, 1)
    named = insert(UNIQUE).values(name="a")
    async with store.write() as connection:
        await connection.execute(named)
    assert is_unique_violation(await broken(store, insert(JOBS).values(id=1)))
    assert is_unique_violation(await broken(store, named))
    assert not is_unique_violation(await broken(store, insert(NOTES).values(job=7)))
    assert not is_unique_violation(await broken(store, text("INSERT INTO notes (job) VALUES (NULL)")))
    async with store.write() as connection:
        await make_append_only(connection, (UNIQUE,))
    assert not is_unique_violation(await broken(store, delete(UNIQUE)))


# --- Workers ---


async def claim(store: Database, worker: str) -> int | None:
    """Takes a free row the way a worker does: look, then mark."""
    async with store.write() as connection:
        free = select(JOBS.c.id).where(JOBS.c.owner.is_(None)).order_by(JOBS.c.id).limit(1)
        number: int | None = await connection.scalar(free.with_for_update(skip_locked=True))
        # Everybody else gets a turn between the look and the claim.
        await asyncio.sleep(0)
        await connection.execute(update(JOBS).where(JOBS.c.id == number).values(owner=worker))
    return number


async def work(store: Database, worker: str) -> list[int]:
    taken: list[int] = []
    while (number := await claim(store, worker)) is not None:
        taken.append(number)
    return taken


async def test_workers_of_a_process_claim_each_row_exactly_once(store: Database) -> None:
    await add_jobs(store, *range(60))
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(work(store, f"w{number}")) for number in range(6)]
    assert sorted(number for worker in workers for number in worker.result()) == list(range(60))


async def test_workers_that_share_nothing_but_the_database_claim_each_row_exactly_once(
    store: Database, database_url: str
) -> None:
    await add_jobs(store, *range(30))
    async with AsyncExitStack() as stack:
        patience = timedelta(seconds=60)
        stores = [await stack.enter_async_context(open_database(database_url, patience=patience)) for _ in range(3)]
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(work(own, f"w{number}")) for number, own in enumerate(stores)]
    assert sorted(number for worker in workers for number in worker.result()) == list(range(30))


async def test_an_exception_rolls_back(store: Database) -> None:
    async def fail() -> None:
        async with store.write() as connection:
            await connection.execute(insert(JOBS).values(id=1))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await jobs(store) == []
    await add_jobs(store, 1)
    assert await jobs(store) == [1]


async def test_a_cancelled_writer_leaves_nothing_and_blocks_nobody(store: Database) -> None:
    inserted = asyncio.Event()

    async def write() -> None:
        async with store.write() as connection:
            await connection.execute(insert(JOBS).values(id=1))
            inserted.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(write())
    await inserted.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await add_jobs(store, 2)
    assert await jobs(store) == [2]


async def test_reading_goes_on_beside_an_open_write_and_sees_the_old_state(store: Database) -> None:
    await add_jobs(store, 1)
    async with store.write() as connection:
        await connection.execute(insert(JOBS).values(id=2))
        assert await jobs(store) == [1]
    assert await jobs(store) == [1, 2]


async def test_a_read_that_writes_is_refused(store: Database) -> None:
    with pytest.raises(DBAPIError, match=r"read.?only"):
        async with store.read() as connection:
            await connection.execute(insert(JOBS).values(id=1))
    assert await jobs(store) == []
    await add_jobs(store, 1)


async def test_broken_constraints_stay_what_they_are(store: Database) -> None:
    await add_jobs(store, 1)
    with pytest.raises(IntegrityError):
        await add_jobs(store, 1)
    with pytest.raises(IntegrityError):
        async with store.write() as connection:
            await connection.execute(insert(NOTES).values(job=99))


async def test_a_mistake_in_a_statement_stays_what_it_is(store: Database) -> None:
    with pytest.raises((OperationalError, ProgrammingError)):
        async with store.read() as connection:
            await connection.execute(text("SELECT * FROM nothing_of_this_name"))


async def test_errors_never_show_parameters(store: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with store.write() as connection:
            await connection.execute(text("INSERT INTO nothing VALUES (:uscc)"), {"uscc": "91350200575017604M"})
    assert "91350200575017604M" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://host/name", "sqlite://", "sqlite:///relative.db", "sqlite:///:memory:"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        open_database(url)


# --- SQLite only ---


async def test_sqlite_is_set_up_to_survive_a_power_failure(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'store.db'}") as database, database.write() as connection:
        facts = {
            name: await connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    full = 2
    assert facts == {"journal_mode": "wal", "synchronous": full, "foreign_keys": 1, "busy_timeout": 5000}


async def test_programs_that_are_the_first_to_open_a_file_all_get_in(tmp_path: Path) -> None:
    async def reshape(url: str) -> None:
        async with open_database(url) as database, database.reshape() as connection:
            await connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (x)")

    for number in range(40):  # without asking again, one in sixteen of these fails
        url = f"sqlite:///{tmp_path}/{number}.db"
        await asyncio.gather(*(reshape(url) for _ in range(6)))


async def test_a_sqlite_read_sees_one_state_throughout(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'store.db'}") as database:
        await create_tables(database)
        async with database.read() as connection:
            before = await connection.scalar(select(func.count()).select_from(JOBS))
            await add_jobs(database, 1)
            after = await connection.scalar(select(func.count()).select_from(JOBS))
    assert (before, after) == (0, 0)


async def test_a_lock_held_by_another_process_makes_the_store_unavailable(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    at_once = timedelta(0)
    async with open_database(url) as other, open_database(url, patience=at_once) as database:
        await create_tables(database)
        async with other.write():
            with pytest.raises(StoreUnavailableError, match="OperationalError 5"):
                await add_jobs(database, 1)
        await add_jobs(database, 2)
        assert await jobs(database) == [2]


async def test_a_writer_that_waits_too_long_finds_the_store_unavailable(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    async with open_database(url, patience=timedelta(milliseconds=1)) as database, database.write():
        with pytest.raises(StoreUnavailableError, match="TimeoutError"):
            async with database.write():
                pass


async def test_a_full_disk_makes_the_store_unavailable(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'store.db'}") as database:
        await create_tables(database)
        # The pragma stays with the one writing connection: SQLITE_FULL, as from a file system without room.
        async with database.write() as connection:
            await connection.execute(text("PRAGMA max_page_count=1"))
        with pytest.raises(StoreUnavailableError, match="OperationalError 13"):
            async with database.write() as connection:
                await connection.execute(insert(JOBS), [{"id": number, "owner": "x" * 500} for number in range(1000)])
        assert await jobs(database) == []


async def test_a_folder_that_is_missing_makes_the_store_unavailable(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'none' / 'store.db'}") as database:
        with pytest.raises(StoreUnavailableError, match="OperationalError 14"):
            await create_tables(database)
        with pytest.raises(StoreUnavailableError):
            async with database.read():
                pass
    # aiosqlite does not wait for the thread of a connection that failed, and the thread wants to tell the loop of its end.
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join()


# --- PostgreSQL only ---


async def test_a_refused_connection_makes_the_store_unavailable() -> None:
    # Port 1 (tcpmux): nobody listens there, and only root could.
    async with open_database("postgresql://nobody@127.0.0.1:1/none") as database:
        with pytest.raises(StoreUnavailableError):
            async with database.read():
                pass


async def test_a_server_that_ends_the_connection_makes_the_store_unavailable(postgresql_url: str) -> None:
    async with open_database(postgresql_url) as database:
        await create_tables(database)
        with pytest.raises(StoreUnavailableError):
            await _write_on_an_ended_connection(database, postgresql_url)
        await add_jobs(database, 2)
        assert await jobs(database) == [2]


async def test_who_waited_for_a_lock_sees_what_was_committed_meanwhile_whatever_the_servers_default(
    postgresql_url: str,
) -> None:
    async with open_database(postgresql_url) as database, database.write() as connection:
        name = await connection.scalar(text("SELECT current_database()"))
        await connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'"))
    async with open_database(postgresql_url) as database:
        async with database.write() as connection:
            assert await connection.scalar(text("SHOW transaction_isolation")) == "read committed"
        async with database.snapshot() as connection:
            assert await connection.scalar(text("SHOW transaction_isolation")) == "repeatable read"


async def test_a_server_in_recovery_makes_the_store_unavailable(postgresql_url: str) -> None:
    async with open_database(postgresql_url) as database:
        await create_tables(database)
        async with database.write() as connection:
            await connection.execute(text("SET default_transaction_read_only = on"))
        with pytest.raises(StoreUnavailableError, match="25006"):
            await add_jobs(database, 1)


async def _write_on_an_ended_connection(database: Database, url: str) -> None:
    async with database.write() as connection:
        process = await connection.scalar(text("SELECT pg_backend_pid()"))
        async with open_database(url) as other, other.write() as another:
            await another.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
        await connection.execute(insert(JOBS).values(id=1))
