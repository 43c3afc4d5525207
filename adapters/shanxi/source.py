"""Shanxi's service as a source: rows by chunks, watermarks by data times, and a look at the code tables now and then.

- The data times are read before the rows: what they vouch for is in them then.
- A type of data (penalties, lists) is answered in full or not at all. One that fails leaves the other alone. Nothing is asked
  twice: whoever wants the answer asks again.
- Chunks hold together if every one names the same total and all of them have exactly that many rows, told apart by `Id`.
- A code of the profile that the platform calls otherwise stops the source until it is started again, by somebody who looked. A
  code that the profile does not know is left to the mapping, which refuses the rows that bear it.
- A query takes one unified and one organisation code; former codes are asked for one by one. The service cannot be asked by
  registration number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Annotated, Final

import aiohttp
from lxml import etree
from pydantic import Field, HttpUrl

from adapters.sdk.profile_check import columns_read
from adapters.sdk.source import RawRow, Search, SourceAnswer, SourceError
from adapters.shanxi import wire
from adapters.shanxi.profile import DOMAINS, NAMES, QUERY_PENALTY, QUERY_SERIOUS_LIST
from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from huren.common.v1 import common_pb2
from runtime.clock import Clock, system_clock
from runtime.settings import Settings

_OPERATIONS: Final[Mapping[int, str]] = {PENALTY: QUERY_PENALTY.name, SERIOUS_LIST: QUERY_SERIOUS_LIST.name}
_COLUMNS: Final = {form.name: columns_read(form) | form.ignored.keys() for form in (QUERY_PENALTY, QUERY_SERIOUS_LIST)}
_DATA_TYPES: Final = {"CF": PENALTY, "MD": SERIOUS_LIST}
_SEARCHED: Final = {
    common_pb2.IDENTIFIER_KIND_USCC: "CreditCode",
    common_pb2.IDENTIFIER_KIND_FORMER_USCC: "CreditCode",
    common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE: "OrgCode",
    common_pb2.IDENTIFIER_KIND_NAME: "EntName",
    common_pb2.IDENTIFIER_KIND_FORMER_NAME: "EntName",
}
_ANSWERED: Final = frozenset({200, 500})
"""SOAP 1.1, 6.2: a fault comes with status 500."""

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
        searched = frozenset({identifier.kind for identifier in search.identifiers} & _SEARCHED.keys())
        try:
            async with asyncio.timeout(self._patience(search)):
                await self._check_codes()
                data_times = {} if self._stopped else await self._data_times()
        except TimeoutError as error:
            raise SourceError("no answer before the query's deadline") from error
        if self._stopped:
            return SourceAnswer((), {}, dict.fromkeys(search.cells, self._stopped), searched)

        silent = dict.fromkeys(search.cells - data_times.keys(), "the service names no data time")
        async with asyncio.TaskGroup() as group:
            parts = [
                group.create_task(self._part(operation, search, {cell: data_times[cell] for cell in cells}))
                for kind, operation in _OPERATIONS.items()
                if (cells := [cell for cell in search.cells & data_times.keys() if cell[1] == kind])
            ]
        answers = [part.result() for part in parts]
        return SourceAnswer(
            rows=tuple(row for answer in answers for row in answer.rows),
            watermarks={cell: at for answer in answers for cell, at in answer.watermarks.items()},
            silent=silent | {cell: why for answer in answers for cell, why in answer.silent.items()},
            searched=searched,
        )

    async def watermarks(self) -> Mapping[CellKey, datetime]:
        """The watermark of every cell that the service names.

        Raises:
            SourceError: The service does not answer, or the source is stopped.
        """
        await self._check_codes()
        if self._stopped:
            raise SourceError(self._stopped)
        return await self._data_times()

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._session.close()

    def _patience(self, search: Search) -> float:
        """Seconds for one step, fewer than are left: what the other type of data gave is still to be handed over in time."""
        return (search.until - self._now()).total_seconds() * 0.9

    async def _check_codes(self) -> None:
        """Looks at the code tables, if it is time to, and stops the source for good where a name is another."""
        async with self._checking_codes:
            now = self._now()
            if self._stopped or (self._codes_good_until is not None and now < self._codes_good_until):
                return
            for table in NAMES:
                names = wire.read_code_table(await self._ask("GetCodeTable", (("Table", table.name),)))
                for code, expected in table.values.items():
                    got = names.get(code)
                    if got != expected:
                        self._stopped = f"code table {table.name}: expected {code} to be {expected!r}, got {got!r}"
                        return
            self._codes_good_until = now + timedelta(seconds=self._settings.check_codes_every_s)

    async def _data_times(self) -> dict[CellKey, datetime]:
        found: dict[CellKey, datetime] = {}
        for dept, data_type, instant in wire.read_data_times(await self._ask("GetDataTime", ())):
            domain, kind = DOMAINS.values.get(dept), _DATA_TYPES.get(data_type)
            if isinstance(domain, str) and kind is not None:
                found[domain, kind] = min(instant, found.get((domain, kind), instant))
        return found

    async def _part(self, operation: str, search: Search, watermarks: Mapping[CellKey, datetime]) -> SourceAnswer:
        """The answer for one type of data: its rows and these watermarks, or silence for all its cells."""
        try:
            async with asyncio.timeout(self._patience(search)):
                rows: dict[str, RawRow] = {}
                for question in _questions(search):
                    rows |= await self._all_chunks(operation, question)
        except TimeoutError:
            return SourceAnswer(
                (), {}, dict.fromkeys(watermarks, f"{operation}: no answer before the query's deadline")
            )
        except SourceError as error:
            return SourceAnswer((), {}, dict.fromkeys(watermarks, str(error)))
        return SourceAnswer(tuple(rows.values()), watermarks)

    async def _all_chunks(self, operation: str, question: _Fields) -> Mapping[str, RawRow]:
        found: dict[str, RawRow] = {}
        total: int | None = None
        cursor, seen = "", {""}
        while True:
            chunk = wire.read_chunk(
                await self._ask(operation, (*question, ("Cursor", cursor))), operation, _COLUMNS[operation]
            )
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


def _questions(search: Search) -> Iterator[_Fields]:
    """What to ask, so that each identifier is asked for once; an empty element is not asked for."""
    asked: dict[str, list[str]] = {"CreditCode": [], "OrgCode": [], "EntName": []}
    for identifier in search.identifiers:
        if element := _SEARCHED.get(identifier.kind):
            asked[element].append(identifier.value)
    names = tuple(("EntName", name) for name in asked["EntName"])
    for code, organisation in zip_longest(asked["CreditCode"] or [""], asked["OrgCode"], fillvalue=""):
        yield (("CreditCode", code), ("OrgCode", organisation), *names)
        names = ()
