"""Tianjin's platform as a source: rows by pages, watermarks by the state of supply.

- The state of supply is read before the rows: what it vouches for is in them then.
- A type of data (penalties, lists) is answered in full or not at all. One that fails leaves the other alone.
- Pages hold together if every one names the same total and all of them have exactly that many distinct rows; else they moved,
  and are read again from the first one.
- The interface takes one unified and one organisation code a query; former codes are asked for one by one. It cannot be asked by
  registration number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final

from adapters.sdk.assembly import (
    Found,
    PairedQuestion,
    earliest_by_cell,
    in_time,
    kinds_in_pairs,
    paired_questions,
    settle_by_kind,
)
from adapters.sdk.source import RawRow, Search, SourceAnswer, SourceError
from adapters.tianjin import wire
from adapters.tianjin.client import Client, read_secret
from adapters.tianjin.client import SourceSettings as SourceSettings
from adapters.tianjin.profile import DOMAINS
from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from runtime.clock import Clock, system_clock

_FORMS: Final[Mapping[int, str]] = {PENALTY: "penalties", SERIOUS_LIST: "serious-lists"}
_DATA_TYPES: Final[Mapping[str, int]] = {"PEN": PENALTY, "LIST": SERIOUS_LIST}

_WATERMARKS_WITHIN: Final = timedelta(seconds=30)
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
                found: dict[str, RawRow] = {}
                for question in map(_body, paired_questions(search)):
                    found |= await self._all_pages(kind, question, search.until)
                return tuple(found.values())
        except SourceError as error:
            return f"{_FORMS[kind]}: {error}"

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
        return wire.read_page(answer, form=_FORMS[kind], page=page, size=size)

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
