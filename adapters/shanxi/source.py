"""Shanxi's service as a source: rows by chunks, watermarks by data times, and a look at the code tables now and then.

- The data times are read before the rows: what they vouch for is in them then.
- A type of data (penalties, lists) is answered in full or not at all. One that fails leaves the other alone. Nothing is asked
  twice: whoever wants the answer asks again.
- Chunks hold together if every one names the same total and all of them have exactly that many rows, told apart by `Id`.
- A code of the profile that the platform calls otherwise than the profile does on that day (机构改革) stops the source until it is
  started again, by somebody who looked. A code that the profile does not know is left to the mapping, which refuses the rows that
  bear it.
- A query takes one unified and one organisation code; former codes are asked for one by one. The service cannot be asked by
  registration number. It compares names letter by letter, and old rows are in traditional characters: each name is asked for in
  every spelling, so many at a time.
- The service counts its changes, each type of data for itself. A place in what it was supplied with is a place in both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from typing import Annotated, Final

import aiohttp
from lxml import etree
from pydantic import Field, HttpUrl

from adapters.sdk.assembly import (
    Found,
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
from adapters.sdk.profile import CodeTable, Form, UnknownCodeError
from adapters.sdk.source import RawRow, RowKey, Search, SourceAnswer, SourceError, Supplied
from adapters.shanxi import wire
from adapters.shanxi.profile import DOMAINS, NAMES, QUERY_PENALTY, QUERY_SERIOUS_LIST
from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from contract.days import china_day
from runtime.clock import Clock, system_clock
from runtime.settings import Settings

_FORMS: Final[Mapping[int, Form]] = {PENALTY: QUERY_PENALTY, SERIOUS_LIST: QUERY_SERIOUS_LIST}
_DATA_TYPES: Final = {"CF": PENALTY, "MD": SERIOUS_LIST}
_TYPE_OF_FAMILY: Final = {_FORMS[kind].row_family: data_type for data_type, kind in _DATA_TYPES.items()}
_NAMES_AT_ONCE: Final = 20
_IDS_AT_ONCE: Final = 20
"""README.md: a request with more elements is refused."""

_CHANGED: Final = "QueryChanged"
_BY_ID: Final = "QueryById"
_ANSWERED: Final = frozenset({200, 500})
"""SOAP 1.1, 6.2: a fault comes with status 500."""

_OWN_TIME: Final = 0.9
"""Part of the time until the deadline for each step, so that what the other type of data gave is still handed over in time."""

_Fields = tuple[tuple[str, str], ...]


class SourceSettings(Settings):
    """How Shanxi's service is reached.

    Attributes:
        url: Where it is, `http` or `https`, without `/services/CreditService`.
        app_key: The name under which it knows this adapter.
        check_codes_every_s: Seconds after which the code tables are looked at again.
        max_rows: Rows of one subject and type of data above which nothing is read.
        request_timeout_s: Seconds after which a request without an answer counts as failed.
        max_body_bytes: Size above which an answer is not read.
    """

    url: HttpUrl
    app_key: Annotated[str, Field(min_length=1)]
    check_codes_every_s: Annotated[float, Field(ge=0)] = 600.0
    max_rows: Annotated[int, Field(ge=1)] = 10_000
    request_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    max_body_bytes: Annotated[int, Field(ge=1)] = 4 * 1024 * 1024


class ShanxiSource:
    """The platform of Shanxi. Made within a running event loop."""

    def __init__(self, settings: SourceSettings, *, now: Clock) -> None:
        self._settings = settings
        self._now = now
        # Such services drop idle connections without a word, so that the next request would be lost: each has its own.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(total=settings.request_timeout_s),
            headers={"Content-Type": "text/xml; charset=utf-8", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._checking_codes = asyncio.Lock()
        self._codes_good_until: datetime | None = None
        self._stopped = ""

    async def search(self, search: Search) -> SourceAnswer:
        """Finds the rows that bear one of the identifiers."""
        searched = kinds_in_pairs(search)
        async with self._in_time(search.until):
            await self._check_codes()
            data_times = {} if self._stopped else await self._data_times()
        if self._stopped:
            return SourceAnswer((), {}, dict.fromkeys(search.cells, self._stopped), searched)

        kinds = {kind for _, kind in search.cells & data_times.keys()}
        async with asyncio.TaskGroup() as group:
            tasks = {kind: group.create_task(self._rows_or_reason(_FORMS[kind], search)) for kind in kinds}
        found = {kind: task.result() for kind, task in tasks.items()}
        return settle_by_kind(search, found, supplied=data_times, searched=searched)

    async def watermarks(self) -> Mapping[CellKey, datetime]:
        """The watermark of every cell that the service names.

        Raises:
            SourceError: The service does not answer, or the source is stopped.
        """
        await self._check_codes_or_stop()
        return await self._data_times()

    async def supplied_since(self, cursor: str, limit: int) -> Supplied:
        """Gives what changed after a place, some of each type of data.

        Raises:
            SourceError: The service does not answer, the source is stopped, or the cursor is none of this source.
        """
        places = read_places(cursor, _DATA_TYPES)
        await self._check_codes_or_stop()
        share = max(1, limit // len(_DATA_TYPES))
        rows: list[RawRow] = []
        expected, is_all = 0, True
        for data_type, place in places.items():
            part = await self._changed(data_type, place, share)
            rows += part.rows
            places[data_type] = part.cursor
            expected += part.expected
            is_all = is_all and part.is_all
        return Supplied(rows=tuple(rows), cursor=write_places(places), is_all=is_all, expected=expected)

    async def by_key(self, keys: Collection[RowKey]) -> Mapping[RowKey, RawRow | None]:
        """Gives rows as they stand now, by their keys.

        Raises:
            SourceError: The service does not answer, the source is stopped, or a key is of no form of it.
        """
        await self._check_codes_or_stop()
        return await fetch_by_key(keys, _TYPE_OF_FAMILY, self._by_id, at_once=_IDS_AT_ONCE)

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._session.close()

    async def _by_id(self, family: str, ids: Sequence[str]) -> Mapping[str, RawRow]:
        data_type = _TYPE_OF_FAMILY[family]
        fields = (("Type", data_type), *(("Id", key) for key in ids))
        return wire.read_by_id(await self._ask(_BY_ID, fields), _BY_ID, _FORMS[_DATA_TYPES[data_type]], ids)

    def _in_time(self, until: datetime) -> AbstractAsyncContextManager[None]:
        return in_time(until, self._now, share=_OWN_TIME)

    async def _check_codes(self) -> None:
        """Looks at the code tables, if it is time to, and stops the source for good where a name is another."""
        async with self._checking_codes:
            now = self._now()
            if self._stopped or (self._codes_good_until is not None and now < self._codes_good_until):
                return
            for table in NAMES:
                names = wire.read_code_table(await self._ask("GetCodeTable", (("Table", table.name),)))
                for code, expected in _in_force(table, china_day(now)):
                    got = names.get(code)
                    if got != expected:
                        self._stopped = f"code table {table.name}: expected {code} to be {expected!r}, got {got!r}"
                        return
            self._codes_good_until = now + timedelta(seconds=self._settings.check_codes_every_s)

    async def _check_codes_or_stop(self) -> None:
        await self._check_codes()
        if self._stopped:
            raise SourceError(self._stopped)

    async def _data_times(self) -> Mapping[CellKey, datetime]:
        rows = wire.read_data_times(await self._ask("GetDataTime", ()))
        return earliest_by_cell(rows, DOMAINS.values, _DATA_TYPES)

    async def _rows_or_reason(self, form: Form, search: Search) -> Found:
        """The rows of one type of data, or why there are none to rely on."""
        rows: dict[str, RawRow] = {}
        try:
            async with self._in_time(search.until):
                for question in _questions(search):
                    for key, row in (await self._all_chunks(form, question)).items():
                        if rows.setdefault(key, row) != row:
                            return f"{form.name}: row {key} changed while questions were asked"
        except SourceError as error:
            return str(error)
        return tuple(rows.values())

    async def _all_chunks(self, form: Form, question: _Fields) -> Mapping[str, RawRow]:
        operation = form.name
        found: dict[str, RawRow] = {}
        total: int | None = None
        cursor, seen = "", {""}
        while True:
            chunk = wire.read_chunk(await self._ask(operation, (*question, ("Cursor", cursor))), operation, form)
            total = chunk.total if total is None else total
            if chunk.total != total or total > self._settings.max_rows:
                expected = f"at most {self._settings.max_rows}" if chunk.total == total else f"{total} in every chunk"
                raise SourceError(f"{operation}: expected a TotalCount of {expected}, got {chunk.total}")
            for row in chunk.rows:
                if found.setdefault(row.key, row) != row:
                    raise SourceError(f"{operation}: row {row.key} changed while chunks were read")
            cursor = chunk.next_cursor
            if not cursor:
                break
            if cursor in seen or len(seen) > self._settings.max_rows:
                raise SourceError(f"{operation}: the cursors go round in a circle, or on for ever")
            seen.add(cursor)
        if len(found) != total:
            raise SourceError(f"{operation}: expected {total} rows, got {len(found)}")
        return found

    async def _changed(self, data_type: str, place: str, limit: int) -> wire.Changes:
        """At least so many rows of a type of data that changed after a place, or all there are."""
        form = _FORMS[_DATA_TYPES[data_type]]
        rows: list[RawRow] = []
        expected: int | None = None
        seen = {place}
        while True:
            fields = (("Type", data_type), ("Cursor", place))
            chunk = wire.read_changes(await self._ask(_CHANGED, fields), _CHANGED, form)
            if chunk.rows and chunk.cursor in seen:
                raise SourceError(f"{_CHANGED}: the cursors go round in a circle, or stand still")
            seen.add(chunk.cursor)
            expected = chunk.expected if expected is None else expected
            rows += chunk.rows
            place = chunk.cursor
            if chunk.is_all or len(rows) >= limit:
                return wire.Changes(expected, place, chunk.is_all, tuple(rows))

    async def _ask(self, operation: str, fields: _Fields) -> etree._Element:
        request = wire.write_request(operation, (("AppKey", self._settings.app_key), *fields))
        url = f"{str(self._settings.url).rstrip('/')}/services/CreditService"
        try:
            async with self._session.post(
                url, data=request, headers={"SOAPAction": f'"{operation}"'}, allow_redirects=False
            ) as response:
                if response.status not in _ANSWERED:
                    raise SourceError(f"{operation}: expected status 200, got {response.status}")
                content = await response.content.read(self._settings.max_body_bytes + 1)
                while len(content) <= self._settings.max_body_bytes and not response.content.at_eof():
                    content += await response.content.read(self._settings.max_body_bytes + 1 - len(content))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SourceError(f"{operation}: no answer: {type(error).__name__}") from error
        if len(content) > self._settings.max_body_bytes:
            raise SourceError(f"{operation}: expected at most {self._settings.max_body_bytes} bytes, got more")
        return wire.read_result(content, operation)


async def open_source(settings: SourceSettings, *, now: Clock = system_clock) -> ShanxiSource:
    """Opens the service. Nothing is asked yet."""
    return ShanxiSource(settings, now=now)


def _in_force(table: CodeTable, day: date) -> Iterator[tuple[str, object]]:
    """The codes that have a name on a day, with it."""
    for code in table.values:
        try:
            yield code, table.meaning(code, day)
        except UnknownCodeError:
            continue


def _questions(search: Search) -> Iterator[_Fields]:
    """What to ask the service, so many names at a time; an empty element is not asked for."""
    for question in paired_questions(search, names=spelled_names(search), names_at_once=_NAMES_AT_ONCE):
        names = (("EntName", name) for name in question.names)
        yield (("CreditCode", question.code), ("OrgCode", question.organisation_code), *names)
