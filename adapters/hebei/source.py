"""Answers for Hebei out of what was dropped into the folder.

The folder is looked at before each answer and every few seconds in between. An answer never waits long for it: what is being taken
in while we answer belongs to the next question, and the watermark, which is of the same state of the store, says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import structlog
from pydantic import Field
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.hebei import store
from adapters.hebei.drop import FAMILIES, Limits, Reason, parse_name
from adapters.hebei.intake import Intake, Judged
from adapters.hebei.profile import DEPARTMENTS, PROFILE
from adapters.hebei.store import SEARCHED, Place, StoredRow, Supply
from adapters.hebei.tables import TABLES
from adapters.sdk.assembly import in_time, settle
from adapters.sdk.notation import NotationError, read_china_timestamp
from adapters.sdk.source import (
    HeldDelivery,
    RawRow,
    RowKey,
    Search,
    SourceAnswer,
    SourceError,
    Supplied,
    UnknownCursorError,
)
from contract.catalogue import CellKey
from runtime.clock import Clock, system_clock
from runtime.database import Database, open_database
from runtime.errors import StoreUnavailableError
from runtime.migrations import SchemaError, migrate
from runtime.settings import Settings

_PATIENCE: Final = timedelta(seconds=2)
"""How long an answer waits for the folder to be read."""

_RECEIVED_AT: Final = "数据更新时间戳"
_FAMILY_OF_KIND: Final = {family.kind: family.name for family in FAMILIES}
_DEPARTMENT_OF_DOMAIN: Final = {domain: code for code, domain in DEPARTMENTS.items() if domain is not None}

_log: Final = structlog.get_logger(__name__)


class SourceSettings(Settings):
    """Where files are dropped, and where their content is kept.

    Attributes:
        drop_folder: The folder.
        store_url: `sqlite:////absolute/path.db` or `postgresql://user@host/name`. None: a SQLite file beside the folder.
        look_every_s: Seconds between two looks at the folder.
        max_file_bytes: A larger data file is refused.
        max_unpacked_bytes: An XLSX file that unpacks to more is refused; it is held in memory.
    """

    drop_folder: Path
    store_url: str | None = None
    look_every_s: Annotated[int, Field(ge=1)] = 5
    max_file_bytes: Annotated[int, Field(ge=1)] = Limits().file_bytes
    max_unpacked_bytes: Annotated[int, Field(ge=1)] = Limits().unpacked_bytes


async def open_source(settings: SourceSettings, *, now: Clock = system_clock) -> HebeiSource:
    """Opens the store and begins to watch the folder.

    Raises:
        SourceError: The store cannot be opened.
    """
    folder = settings.drop_folder.absolute()
    database = await open_store(settings.store_url or store_url_beside(folder))
    intake = Intake(folder, database, limits=Limits(settings.max_file_bytes, settings.max_unpacked_bytes), now=now)
    source = HebeiSource(intake, database, now=now)
    source.watch(every=timedelta(seconds=settings.look_every_s))
    return source


def store_url_beside(folder: Path) -> str:
    """The SQLite file beside a folder."""
    return f"sqlite:///{folder.with_name(f'{folder.name}.sqlite')}"


async def open_store(url: str) -> Database:
    """Opens the store, and brings its tables to the newest revision.

    Raises:
        SourceError: It cannot be opened.
    """
    database = None
    try:
        database = open_database(url)
        await migrate(database, TABLES)
    except (ValueError, StoreUnavailableError, SQLAlchemyError) as error:
        if database is not None:
            await database.dispose()
        what = str(error) if isinstance(error, SchemaError) else type(error).__name__
        raise SourceError(f"store_url: the store cannot be opened: {what}") from error
    return database


class HebeiSource:
    """The drop folder as a source."""

    def __init__(self, intake: Intake, database: Database, *, now: Clock, patience: timedelta = _PATIENCE) -> None:
        self._intake = intake
        self._database = database
        self._now = now
        self._patience = patience
        self._look: asyncio.Task[Judged] | None = None
        self._looks = 0
        self._watcher: asyncio.Task[None] | None = None

    def watch(self, *, every: timedelta) -> None:
        """Begins to look at the folder from time to time, until `close`."""
        self._watcher = asyncio.create_task(self._keep_looking(every))

    async def search(self, search: Search) -> SourceAnswer:
        """Finds the rows that bear one of the identifiers.

        Raises:
            SourceError: The folder or the store cannot be read in time.
        """
        async with in_time(search.until, self._now):
            await self._catch_up()
            unread = self._listed()
            async with self._reading() as connection:
                state = _without_overtaken(await store.supply(connection), unread)
                rows = await store.find(connection, search.identifiers)
        places = {cell: _place(cell) for cell in search.cells}
        return settle(
            search,
            [_raw(row) for row in rows],
            supplied={cell: state.up_to[place] for cell, place in places.items() if place in state.up_to},
            silent={cell: state.silent[place] for cell, place in places.items() if place in state.silent},
            searched=SEARCHED,
        )

    async def watermarks(self) -> Mapping[CellKey, datetime]:
        """The watermark of every cell that was supplied and is not silent.

        Raises:
            SourceError: The folder or the store cannot be read.
        """
        await self._catch_up()
        unread = self._listed()
        async with self._reading() as connection:
            state = _without_overtaken(await store.supply(connection), unread)
        return {
            cell: state.up_to[place]
            for cell in PROFILE.departments
            if (place := _place(cell)) in state.up_to and place not in state.silent
        }

    async def supplied_since(self, cursor: str, limit: int) -> Supplied:
        """Gives the current rows after a place: drop by drop as they were taken in, in each by the order of the file.

        Raises:
            SourceError: The store cannot be read, or never gave the cursor.
        """
        after = Place.parse(cursor)
        async with self._reading() as connection:
            page = None if after is None else await store.page(connection, after, limit)
        if page is None:
            raise UnknownCursorError("the store does not know that cursor")
        return Supplied(
            rows=tuple(_raw(row) for row in page.rows), cursor=str(page.end), is_all=page.is_all, expected=page.expected
        )

    async def by_key(self, keys: Collection[RowKey]) -> Mapping[RowKey, RawRow | None]:
        """Gives rows as they stand now. None: never supplied, or confirmed to be withdrawn.

        Raises:
            SourceError: The store cannot be read.
        """
        async with self._reading() as connection:
            found = await store.find_by_key(connection, keys)
        return {key: _raw(found[key]) if key in found else None for key in keys}

    async def held(self) -> Sequence[HeldDelivery]:
        """The drops that are held, and about which nobody decided yet.

        Raises:
            SourceError: The store cannot be read.
        """
        async with self._reading() as connection:
            return await store.held(connection)

    async def decide_held(self, file: str, identity: str, *, good: bool) -> None:
        """Decides about a held drop: the next look takes it in, or refuses it.

        Raises:
            SourceError: No such drop is held, or the store cannot keep it.
        """
        async with self._writing() as connection:
            if not await store.decide(connection, file, identity, good=good):
                raise SourceError(f"{file}: not held, or decided otherwise")

    async def missing(self) -> Collection[RowKey]:
        """Rows that the newest snapshot of their department lacks, and whose withdrawal nobody confirmed.

        Raises:
            SourceError: The store cannot be read.
        """
        async with self._reading() as connection:
            return await store.missing(connection)

    async def confirm_withdrawn(self, key: RowKey) -> None:
        """Says that a missing row was withdrawn. It counts no more, until it is dropped again.

        Raises:
            SourceError: The row is not missing, or the store cannot keep it.
        """
        async with self._writing() as connection:
            if not await store.confirm_withdrawn(connection, key):
                raise SourceError(f"{'/'.join(key)}: not missing")

    async def close(self) -> None:
        """Stops looking at the folder and closes the store."""
        for task in (self._watcher, self._look):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError, OSError, StoreUnavailableError, SQLAlchemyError):
                    await task
        await self._database.dispose()

    # --- The store ------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _reading(self) -> AsyncGenerator[AsyncConnection]:
        try:
            async with self._database.read() as connection:
                await store.one_state(connection)
                yield connection
        except (StoreUnavailableError, SQLAlchemyError) as error:
            raise _store_error(error) from error

    @asynccontextmanager
    async def _writing(self) -> AsyncGenerator[AsyncConnection]:
        try:
            async with self._database.write() as connection:
                yield connection
        except (StoreUnavailableError, SQLAlchemyError) as error:
            raise _store_error(error) from error

    # --- The folder -----------------------------------------------------------------------------------------------------

    async def _keep_looking(self, every: timedelta) -> None:
        while True:
            try:
                await self._catch_up()
            except SourceError as error:
                _log.warning("drop folder not read", reason=str(error))
            await asyncio.sleep(every.total_seconds())

    async def _catch_up(self) -> None:
        """Takes in what lies in the folder at this moment, but waits for no look longer than patience allows.

        Raises:
            SourceError: The folder or the store cannot be read.
        """
        looks_before = self._looks
        while True:
            if self._look is None or self._look.done():
                self._look = asyncio.create_task(self._intake.look())
                self._looks += 1
            look, number = self._look, self._looks
            # `wait` leaves the task alone when the time is over, or when whoever asks gives up.
            done, _ = await asyncio.wait({look}, timeout=self._patience.total_seconds())
            if not done:
                return
            try:
                look.result()
            except OSError as error:
                raise SourceError(f"the drop folder cannot be read: {type(error).__name__}") from error
            except (StoreUnavailableError, SQLAlchemyError) as error:
                raise _store_error(error) from error
            if number > looks_before:
                return
            # That look was under way before we asked and may have passed by what arrived since: another one follows it.

    def _listed(self) -> Mapping[str, Reason]:
        """What is unread at this moment. Asked for before the store is: what is judged in between counts as unread still.

        Raises:
            SourceError: The folder was not listed since the start, so nobody knows.
        """
        unread = self._intake.unread
        if unread is None:
            raise SourceError("the drop folder was not read yet")
        return unread


def _place(cell: CellKey) -> tuple[str, str]:
    """Which form and department supply a cell."""
    domain, kind = cell
    return (_FAMILY_OF_KIND.get(kind, ""), _DEPARTMENT_OF_DOMAIN.get(domain, ""))


def _without_overtaken(state: Supply, unread: Mapping[str, Reason]) -> Supply:
    """The state of supply, silent where others have overtaken an unread drop: their watermark does not vouch for its rows."""
    silent: dict[tuple[str, str], str] = {}
    for file, reason in unread.items():
        name = parse_name(file)
        if name is None:
            continue
        for place, newest in state.newest.items():
            if place[0] == name.family.name and name.order <= newest:
                silent.setdefault(place, f"{file}: {reason.en}")
    return replace(state, silent=silent | dict(state.silent))


def _raw(row: StoredRow) -> RawRow:
    try:
        received_at = read_china_timestamp(row.values[_RECEIVED_AT])
    except NotationError:
        received_at = None  # which makes its own row unreadable, and nothing else (adapters/sdk/mapping)
    return RawRow(row.form, row.key, row.values, received_at)


def _store_error(error: Exception) -> SourceError:
    return SourceError(f"the store cannot be read: {type(error).__name__}")
