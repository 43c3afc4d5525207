"""Answers for Hebei out of what was dropped into the folder.

The folder is looked at before each answer and every few seconds in between. An answer never waits long for it: what is being taken
in while we answer belongs to the next question, and the watermark, which is of the same state of the store, says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import structlog
from pydantic import Field
from sqlalchemy.exc import SQLAlchemyError

from adapters.hebei.drop import (
    DEPARTMENT,
    FORMS,
    ChangingError,
    Drop,
    Limits,
    Receipt,
    RefusedError,
    Stamp,
    announced_identity,
    checked_name,
    list_drops,
    parse_name,
)
from adapters.hebei.profile import DEPARTMENTS, PROFILE
from adapters.hebei.store import (
    METADATA,
    SEARCHED,
    StoredRow,
    Supply,
    find,
    is_judged,
    is_known,
    refuse,
    supply,
    take_in,
)
from adapters.sdk.assembly import in_time, settle
from adapters.sdk.notation import NotationError, fold_width, read_china_timestamp
from adapters.sdk.profile import ListForm
from adapters.sdk.source import RawRow, Search, SourceAnswer, SourceError
from contract.catalogue import CellKey, published_catalogues
from contract.days import china_day
from runtime.clock import Clock, system_clock
from runtime.database import Database, open_database
from runtime.errors import StoreUnavailableError
from runtime.settings import Settings

_PATIENCE: Final = timedelta(seconds=2)
"""How long an answer waits for the folder to be read."""

_FORM_OF_KIND: Final = {form.kind: form.name for form in FORMS}
_DEPARTMENT_OF_DOMAIN: Final = {domain: code for code, domain in DEPARTMENTS.items() if domain is not None}

_Stamps = tuple[Stamp | None, Stamp | None]

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
    try:
        database = open_database(settings.store_url or f"sqlite:///{folder.with_name(f'{folder.name}.sqlite')}")
        await database.create_tables(METADATA)
    except (ValueError, StoreUnavailableError, SQLAlchemyError) as error:
        raise SourceError(f"store_url: the store cannot be opened: {type(error).__name__}") from error
    source = HebeiSource(
        folder,
        database,
        limits=Limits(settings.max_file_bytes, settings.max_unpacked_bytes),
        now=now,
    )
    source.watch(every=timedelta(seconds=settings.look_every_s))
    return source


class HebeiSource:
    """The drop folder as a source."""

    def __init__(
        self, folder: Path, database: Database, *, limits: Limits, now: Clock, patience: timedelta = _PATIENCE
    ) -> None:
        self._folder = folder
        self._database = database
        self._limits = limits
        self._now = now
        self._patience = patience
        self._judged: dict[str, _Stamps] = {}
        self._unread: dict[str, str] | None = None
        """What lies in the folder and was not judged, with the reason, in its order. None: the folder was not listed yet."""
        self._look: asyncio.Task[None] | None = None
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
        try:
            async with in_time(search.until, self._now):
                await self._catch_up()
                unread = self._listed()
                async with self._database.read() as connection:
                    state = _without_overtaken(await supply(connection), unread)
                    rows = await find(connection, search.identifiers)
        except (StoreUnavailableError, SQLAlchemyError) as error:
            raise _store_error(error) from error
        return _answer(search, state, rows, china_day(self._now()))

    async def watermarks(self) -> Mapping[CellKey, datetime]:
        """The watermark of every cell that was supplied and is not silent.

        Raises:
            SourceError: The folder or the store cannot be read.
        """
        try:
            await self._catch_up()
            unread = self._listed()
            async with self._database.read() as connection:
                state = _without_overtaken(await supply(connection), unread)
        except (StoreUnavailableError, SQLAlchemyError) as error:
            raise _store_error(error) from error
        return {
            cell: state.up_to[place]
            for cell in PROFILE.departments
            if (place := _place(cell)) in state.up_to and place not in state.silent
        }

    async def close(self) -> None:
        """Stops looking at the folder and closes the store."""
        for task in (self._watcher, self._look):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError, OSError, StoreUnavailableError, SQLAlchemyError):
                    await task
        await self._database.dispose()

    # --- The folder -----------------------------------------------------------------------------------------------------

    async def _keep_looking(self, every: timedelta) -> None:
        while True:
            try:
                await self._catch_up()
            except (SourceError, StoreUnavailableError, SQLAlchemyError) as error:
                _log.warning("drop folder not read", reason=str(error))
            await asyncio.sleep(every.total_seconds())

    async def _catch_up(self) -> None:
        """Takes in what lies in the folder at this moment, but waits for no look longer than patience allows.

        Raises:
            SourceError: The folder cannot be read.
            StoreUnavailableError: The store cannot do it now.
        """
        looks_before = self._looks
        while True:
            if self._look is None or self._look.done():
                self._look = asyncio.create_task(self._look_once())
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
            if number > looks_before:
                return
            # That look was under way before we asked and may have passed by what arrived since: another one follows it.

    def _listed(self) -> dict[str, str]:
        """What is unread at this moment. Asked for before the store is: what is judged in between counts as unread still.

        Raises:
            SourceError: The folder was not listed since the start, so nobody knows.
        """
        if self._unread is None:
            raise SourceError("the drop folder was not read yet")
        return dict(self._unread)

    async def _look_once(self) -> None:
        drops = await asyncio.to_thread(list_drops, self._folder)
        self._judged = {file: stamps for file, stamps in self._judged.items() if file in drops}
        told = self._unread or {}
        self._unread = unread = {
            file: told.get(file, "not read yet")
            for file, stamps in drops.items()
            if not _is_unchanged(stamps, self._judged.get(file))
        }
        waited_for: dict[str, str] = {}
        for file in list(unread):
            name = parse_name(file)
            form = "" if name is None else name.form.name
            # What comes later says nothing as long as this one may hold what is missing.
            reason = f"{waited_for[form]} is before it" if form in waited_for else await self._try(file, drops[file])
            if reason is None:
                self._judged[file] = drops[file]
                del unread[file]
                continue
            unread[file] = reason
            if name is not None:
                waited_for.setdefault(form, file)
            if told.get(file) != reason:
                _log.warning("drop not read", file=file, reason=reason)

    async def _try(self, file: str, stamps: _Stamps) -> str | None:
        """Judges a drop. Returns why that could not be done: it is as if it had not arrived yet."""
        data, receipt = stamps
        try:
            if receipt is None:
                return "its receipt is missing"
            if data is None:
                identity = await asyncio.to_thread(announced_identity, self._folder, file)
                known = identity is not None and await is_known(self._database, identity)
                return None if known else "its data file is missing"
            await self._judge(file)
        except (OSError, ChangingError) as error:
            return type(error).__name__
        return None

    async def _judge(self, file: str) -> None:
        with await asyncio.to_thread(Drop.open, self._folder, file, self._limits) as drop:
            if await is_judged(self._database, drop):
                return
            receipt = None
            try:
                receipt = Receipt.parse(drop.receipt)
                await take_in(self._database, drop, checked_name(file), receipt, at=self._now())
                _log.info("drop taken in", file=file, rows=receipt.rows)
            except RefusedError as error:
                await refuse(self._database, drop, receipt, reason=str(error), at=self._now())
                _log.warning("drop refused", file=file, reason=str(error))


def _place(cell: CellKey) -> tuple[str, str]:
    """Which form and department supply a cell."""
    domain, kind = cell
    return (_FORM_OF_KIND.get(kind, ""), _DEPARTMENT_OF_DOMAIN.get(domain, ""))


def _is_unchanged(stamps: _Stamps, judged: _Stamps | None) -> bool:
    """Whether what lies there was judged. Of what was judged, one of the two files may be gone."""
    return judged is not None and all(now in (None, before) for now, before in zip(stamps, judged, strict=True))


def _without_overtaken(state: Supply, unread: Mapping[str, str]) -> Supply:
    """The state of supply, silent where others have overtaken an unread drop: their watermark does not vouch for its rows."""
    silent: dict[tuple[str, str], str] = {}
    for file, reason in unread.items():
        name = parse_name(file)
        if name is None:
            continue
        for place, newest in state.newest.items():
            if place[0] == name.form.name and name.order <= newest:
                silent.setdefault(place, f"{file}: {reason}")
    return replace(state, silent=silent | dict(state.silent))


def _domain_of(row: StoredRow, day: date) -> str | None:
    """Whose a row is, read as the profile reads it. None: it may be anybody's."""
    form = PROFILE.forms[row.form]
    if not isinstance(form, ListForm):
        return DEPARTMENTS.get(fold_width(row.values[DEPARTMENT]).strip())
    column, table = form.list_id
    names = {fold_width(name).strip(): list_id for name, list_id in table.values.items()}
    list_id = names.get(fold_width(row.values[column]).strip())
    declared = published_catalogues().in_force(day).list_by_id.get(list_id) if isinstance(list_id, str) else None
    return None if declared is None else declared.domain


def _answer(search: Search, state: Supply, found: list[StoredRow], day: date) -> SourceAnswer:
    rows: list[RawRow] = []
    unreadable: dict[tuple[str, str | None], str] = {}
    for row in found:
        try:
            rows.append(RawRow(row.form, row.key, row.values, read_china_timestamp(row.values["数据更新时间戳"])))
        except NotationError as error:
            department = _DEPARTMENT_OF_DOMAIN.get(_domain_of(row, day) or "")
            unreadable[row.form, department] = f"{row.form} {row.key}, 数据更新时间戳: {error}"
    places = {cell: _place(cell) for cell in search.cells}
    reasons = {
        cell: state.silent.get(place) or unreadable.get(place) or unreadable.get((place[0], None))
        for cell, place in places.items()
    }
    return settle(
        search,
        rows,
        supplied={cell: state.up_to[place] for cell, place in places.items() if place in state.up_to},
        silent={cell: reason for cell, reason in reasons.items() if reason is not None},
        searched=SEARCHED,
    )


def _store_error(error: Exception) -> SourceError:
    return SourceError(f"the store cannot be read: {type(error).__name__}")
