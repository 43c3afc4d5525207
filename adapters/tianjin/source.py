"""Tianjin's platform as a source: rows by pages, watermarks by the state of supply.

- The state of supply is read before the rows: what it vouches for is in them then.
- A type of data (penalties, lists) is answered in full or not at all. One that fails leaves the other alone.
- Pages hold together if every one names the same total and all of them have exactly that many distinct rows; else they moved,
  and are read again from the first one.
- The interface takes one unified and one organisation code a query; former codes are asked for one by one. It cannot be asked by
  registration number. It compares names letter by letter: each is asked for in every spelling, so many at a time.
- The platform counts its changes, each type of data for itself. A place in what it was supplied with is a place in both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final

from adapters.sdk.assembly import (
    Found,
    PairedQuestion,
    earliest_by_cell,
    fetch_by_key,
    in_time,
    kinds_in_pairs,
    paired_questions,
    read_places,
    settle_by_kind,
    spelled_names,
    write_places,
)
from adapters.sdk.profile import Form
from adapters.sdk.source import RawRow, RowKey, Search, SourceAnswer, SourceError, Supplied
from adapters.tianjin import wire
from adapters.tianjin.client import Client, read_secret
from adapters.tianjin.client import SourceSettings as SourceSettings
from adapters.tianjin.profile import DOMAINS, PROFILE
from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from runtime.clock import Clock, system_clock

_FORMS: Final[Mapping[int, str]] = {PENALTY: "penalties", SERIOUS_LIST: "serious-lists"}
_VERSIONS: Final[Mapping[str, Sequence[Form]]] = {
    family: tuple(form for form in PROFILE.forms.values() if form.row_family == family) for family in _FORMS.values()
}
"""A type of data is a family of forms, under the name that stands in the interface's addresses."""
_DATA_TYPES: Final[Mapping[str, int]] = {"PEN": PENALTY, "LIST": SERIOUS_LIST}

_AT_ONCE: Final = 100
"""README.md: more names, ids or changes in one call are refused."""

_WATERMARKS_WITHIN: Final = timedelta(seconds=30)
_ROWS_WITHIN: Final = timedelta(minutes=2)
"""Time for some of the supply, or for rows by their keys, which no query waits for."""
_OWN_TIME: Final = 0.9
"""Part of the time until the deadline after which one type of data is given up, so that the other is still handed over in time."""


class _MovedError(SourceError):
    """The pages do not hold together."""


class TianjinSource:
    """The platform of Tianjin."""

    def __init__(self, settings: SourceSettings, client: Client, *, now: Clock) -> None:
        self._settings = settings
        self._client = client
        self._now = now

    async def search(self, search: Search) -> SourceAnswer:
        """Finds the rows that bear one of the identifiers."""
        supplied = await self._supply(search.until)
        kinds = [kind for kind in _FORMS if any(cell[1] == kind for cell in search.cells)]
        async with asyncio.TaskGroup() as group:
            tasks = {kind: group.create_task(self._rows_or_reason(kind, search)) for kind in kinds}
        found = {kind: task.result() for kind, task in tasks.items()}
        return settle_by_kind(search, found, supplied=supplied, searched=kinds_in_pairs(search))

    async def watermarks(self) -> Mapping[CellKey, datetime]:
        """The watermark of every cell that the platform names."""
        return await self._supply(self._now() + _WATERMARKS_WITHIN)

    async def supplied_since(self, cursor: str, limit: int) -> Supplied:
        """Gives what was supplied, or changed, after a place.

        Raises:
            SourceError: The platform does not answer, does not know the place any more, or the cursor is none of this source.
        """
        places = read_places(cursor, _VERSIONS)
        left: dict[str, int] = {}
        rows: list[RawRow] = []
        until = self._now() + _ROWS_WITHIN
        async with self._in_time(until):
            # Each type of data is asked at least once, so that it is known how much is still to come.
            while len(left) < len(places) or (any(left.values()) and len(rows) < limit):
                for family in [family for family in places if left.get(family, 1)]:
                    size = min(max(limit - len(rows), 1), _AT_ONCE)
                    changes = await self._changes(family, places[family], size, until)
                    rows += changes.rows
                    places[family], left[family] = changes.after, changes.remaining
        return Supplied(
            rows=tuple(rows),
            cursor=write_places(places),
            is_all=not any(left.values()),
            expected=len(rows) + sum(left.values()),
        )

    async def by_key(self, keys: Collection[RowKey]) -> Mapping[RowKey, RawRow | None]:
        """Gives rows as they stand now, by their keys.

        Raises:
            SourceError: The platform does not answer, or a key is of no type of data.
        """
        until = self._now() + _ROWS_WITHIN

        async def ask(family: str, ids: Sequence[str]) -> Mapping[str, RawRow]:
            answer = await self._client.post(f"api/v1/{family}/by-ids", {"ids": ids}, until=until)
            return wire.read_by_ids(answer, versions=_VERSIONS[family], ids=ids)

        async with self._in_time(until):
            return await fetch_by_key(keys, _VERSIONS, ask, at_once=_AT_ONCE)

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._client.close()

    async def _supply(self, until: datetime) -> Mapping[CellKey, datetime]:
        async with self._in_time(until):
            rows = wire.read_supply(await self._client.get("api/v1/supply", until=until))
        return earliest_by_cell(rows, DOMAINS.values, _DATA_TYPES)

    async def _rows_or_reason(self, kind: int, search: Search) -> Found:
        """The rows of one kind, or why there are none to rely on."""
        try:
            async with self._in_time(search.until):
                return await self._all_questions(kind, search)
        except SourceError as error:
            return f"{_FORMS[kind]}: {error}"

    async def _all_questions(self, kind: int, search: Search) -> tuple[RawRow, ...]:
        found: dict[str, RawRow] = {}
        questions = paired_questions(search, names=spelled_names(search), names_at_once=_AT_ONCE)
        for question in map(_body, questions):
            found |= await self._all_pages(kind, question, search.until)
            if len(found) > self._settings.max_rows:
                raise SourceError(f"expected at most {self._settings.max_rows} rows, got {len(found)}")
        return tuple(found.values())

    async def _all_pages(self, kind: int, question: Mapping[str, object], until: datetime) -> Mapping[str, RawRow]:
        for reading in range(1, self._settings.readings + 1):
            try:
                return await self._read_pages(kind, question, until)
            except _MovedError:
                if reading == self._settings.readings:
                    raise
        raise RuntimeError("expected at least one reading")

    async def _read_pages(self, kind: int, question: Mapping[str, object], until: datetime) -> Mapping[str, RawRow]:
        size = self._settings.page_size
        found: dict[str, RawRow] = {}
        total, page = None, 0
        while total is None or page * size < total:
            page += 1
            read = await self._page(kind, question, page, until)
            if total is None:
                total = read.total
            if total > self._settings.max_rows:
                raise SourceError(f"expected at most {self._settings.max_rows} rows, got {total}")
            if read.total != total:
                raise _MovedError(f"the total changed from {total} to {read.total} while pages were read")
            found |= {row.key: row for row in read.rows}
        if len(found) != total:
            raise _MovedError(f"expected {total} distinct rows, got {len(found)}")
        return found

    async def _page(self, kind: int, question: Mapping[str, object], page: int, until: datetime) -> wire.Page:
        size = self._settings.page_size
        body = {**question, "page": page, "size": size}
        answer = await self._client.post(f"api/v1/{_FORMS[kind]}/query", body, until=until)
        return wire.read_page(answer, versions=_VERSIONS[_FORMS[kind]], page=page, size=size)

    async def _changes(self, family: str, after: str, size: int, until: datetime) -> wire.Changes:
        answer = await self._client.post(f"api/v1/{family}/changes", {"after": after, "size": size}, until=until)
        return wire.read_changes(answer, versions=_VERSIONS[family], after=after, size=size)

    def _in_time(self, until: datetime) -> AbstractAsyncContextManager[None]:
        return in_time(until, self._now, share=_OWN_TIME)


async def open_source(
    settings: SourceSettings,
    *,
    now: Clock = system_clock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> TianjinSource:
    """Opens the platform. Nothing is asked yet.

    Raises:
        SourceError: The secret cannot be read.
    """
    client = Client(settings, read_secret(settings.client_secret_file), now=now, sleep=sleep)
    return TianjinSource(settings, client, now=now)


def _body(question: PairedQuestion) -> Mapping[str, object]:
    """A question as the interface takes it; an empty code is not asked for."""
    return {"creditCode": question.code, "orgCode": question.organisation_code, "names": question.names}
