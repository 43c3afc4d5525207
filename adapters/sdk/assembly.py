"""What sources have in common: asking in time, by every spelling and in pairs, and putting an answer together.

- A name is asked for as it stands, in the spellings that notation/names.py knows, with and without the 省 or 市 of a province, with
  either width of brackets, and each of those as a whole in traditional characters. What matching.py takes for a doubt beyond that
  (characters of both kinds mixed, a name that is partly hidden) is found by an identifier beside the name, or by whoever follows
  the supply.
- What is asked for is bounded: a search for more names than that is refused as a whole, never cut short.
- Whoever forgets a cell makes it silent: `settle` gives a watermark only to a cell whose state of supply is known and about which
  nothing was said against it.
- Of several states of supply of one cell the earliest counts: it vouches for all of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import zip_longest
from typing import Final

from opencc import OpenCC

from adapters.sdk.notation import name_spellings
from adapters.sdk.source import RawRow, RawValue, RowKey, Search, SourceAnswer, SourceError, UnknownCursorError
from contract.catalogue import CellKey
from contract.province import Province
from huren.common.v1 import common_pb2
from runtime.clock import Clock

_CODES: Final = (common_pb2.IDENTIFIER_KIND_USCC, common_pb2.IDENTIFIER_KIND_FORMER_USCC)
_ORGANISATION_CODES: Final = (common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE,)
_NAMES: Final = (common_pb2.IDENTIFIER_KIND_NAME, common_pb2.IDENTIFIER_KIND_FORMER_NAME)
_ASKED_IN_PAIRS: Final = frozenset({*_CODES, *_ORGANISATION_CODES, *_NAMES})

MAX_SPELLINGS: Final = 4000
"""Names with all their spellings in one search. A query names at most 64 identifiers (common.proto), each of few spellings."""

_BRACKETS: Final = (str.maketrans("〔〕()", "（）（）"), str.maketrans("〔〕（）", "()()"))
"""Folded names have brackets in which none is written."""

_TRADITIONAL: Final = ("s2t", "s2tw", "s2hk")
"""OpenCC's tables: one simplified character has several traditional ones, by region (群: 羣 or 群)."""

Found = tuple[RawRow, ...] | str
"""What one part of a platform gave: its rows, all of them, or why there are none to rely on."""


# --- Asking ---------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def in_time(until: datetime, now: Clock, *, share: float = 1.0) -> AsyncGenerator[None]:
    """Gives up when the answer is not awaited any more.

    Args:
        until: When that is.
        now: The clock.
        share: Part of the time that may be used: less than 1 where what other parts gave is still to be handed over in time.

    Raises:
        SourceError: There was no time, or it is over.
    """
    remaining_s = (until - now()).total_seconds()
    if remaining_s <= 0:
        raise SourceError("asked after the query's deadline, when no answer was awaited any more")
    try:
        async with asyncio.timeout(remaining_s * share):
            yield
    except TimeoutError as error:
        raise SourceError("no answer before the query's deadline") from error


def spelled_names(search: Search) -> tuple[str, ...]:
    """The names of a search in every spelling, the names themselves first, each once.

    Raises:
        SourceError: There are more than a platform may be asked for.
    """
    names = search.values(*_NAMES)
    found = dict.fromkeys((*names, *(spelling for name in names for spelling in _spellings(name))))
    if len(found) > MAX_SPELLINGS:
        raise SourceError(f"expected names with at most {MAX_SPELLINGS} spellings, got {len(found)}")
    return tuple(found)


def _spellings(name: str) -> Iterator[str]:
    for spelling in sorted({name} | _with_province_in_full(name_spellings(name))):
        for written in dict.fromkeys(spelling.translate(brackets) for brackets in _BRACKETS):
            yield written
            yield from (_converter(table).convert(written) for table in _TRADITIONAL)


def _with_province_in_full(spellings: Iterable[str]) -> frozenset[str]:
    """These, and those that begin with a province's short name with its full one too: 天津示例公司, 天津市示例公司."""
    found = set(spellings)
    for province in Province:
        full = province.name_zh
        short = full[:-1]
        found |= {
            full + name.removeprefix(short) for name in found if name.startswith(short) and not name.startswith(full)
        }
    return frozenset(found)


@cache
def _converter(table: str) -> OpenCC:
    return OpenCC(table)


@dataclass(frozen=True, slots=True)
class PairedQuestion:
    """What an interface is asked that takes one unified code, one organisation code and any number of names at a time.

    Attributes:
        code: A unified code, or empty.
        organisation_code: An organisation code, or empty.
        names: Names.
    """

    code: str
    organisation_code: str
    names: tuple[str, ...]


def paired_questions(
    search: Search, *, names: Sequence[str] | None = None, names_at_once: int | None = None
) -> Iterator[PairedQuestion]:
    """What to ask, so that each identifier is asked for once; there is always at least one question.

    Args:
        search: What is searched for.
        names: In place of the names of the search, for example all their spellings.
        names_at_once: How many names the interface takes in one question. None: any number.
    """
    codes, organisations = search.values(*_CODES), search.values(*_ORGANISATION_CODES)
    names = tuple(search.values(*_NAMES) if names is None else names)
    size = names_at_once or max(len(names), 1)
    parts = [names[start : start + size] for start in range(0, len(names), size)]
    questions = zip_longest(codes or ("",), organisations, parts)
    for code, organisation, part in questions:
        yield PairedQuestion(code or "", organisation or "", part or ())


def kinds_in_pairs(search: Search) -> frozenset[int]:
    """Which kinds of identifier of a search the paired questions ask for."""
    return _ASKED_IN_PAIRS & {identifier.kind for identifier in search.identifiers}


def key_of_keyless(values: Mapping[str, RawValue]) -> str:
    """The key of a row to which the platform gave none: by its content, so that the same row has the same key again.

    It begins with a question mark, with which no key of a platform may begin that is handed over.
    """
    content = json.dumps(values, ensure_ascii=False, sort_keys=True, default=str)
    return f"?{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()}"


def read_places(cursor: str, parts: Iterable[str]) -> dict[str, str]:
    """Where to go on in each part of a platform that counts its changes part by part. Empty: from the very first row.

    Raises:
        UnknownCursorError: The cursor is none of this source.
    """
    expected = dict.fromkeys(parts, "")
    if not cursor:
        return expected
    try:
        places = json.loads(cursor)
    except (ValueError, RecursionError) as error:
        raise UnknownCursorError("expected a cursor of this source, got another text") from error
    whole = isinstance(places, dict) and places.keys() == expected.keys()
    if not (whole and all(isinstance(place, str) for place in places.values())):
        raise UnknownCursorError("expected a cursor of this source, got another one")
    return {part: places[part] for part in expected}


def write_places(places: Mapping[str, str]) -> str:
    """The cursor for `read_places`."""
    return json.dumps(dict(places), ensure_ascii=False)


async def fetch_by_key(
    keys: Collection[RowKey],
    families: Collection[str],
    ask: Callable[[str, Sequence[str]], Awaitable[Mapping[str, RawRow]]],
    *,
    at_once: int,
) -> dict[RowKey, RawRow | None]:
    """Rows by their keys, so many at a time. None: the platform does not have the row any more.

    Args:
        keys: The keys.
        families: The families of forms that the platform has.
        ask: Gives the rows of a family that exist of those with these keys.
        at_once: How many keys it takes.

    Raises:
        SourceError: A key is of no family that the platform has.
    """
    if unknown := {family for family, _ in keys} - set(families):
        raise SourceError(f"expected keys of {sorted(families)}, got {min(unknown)!r}")
    found: dict[RowKey, RawRow | None] = dict.fromkeys(keys)
    for family in families:
        wanted = sorted(key for of, key in keys if of == family)
        for start in range(0, len(wanted), at_once):
            rows = await ask(family, wanted[start : start + at_once])
            found |= {(family, key): row for key, row in rows.items()}
    return found


# --- Answering ------------------------------------------------------------------------------------------------------------


def earliest_by_cell(
    supplied: Iterable[tuple[str, str, datetime]], domains: Mapping[str, object], kinds: Mapping[str, int]
) -> dict[CellKey, datetime]:
    """Up to when each cell was supplied, from the platform's codes of department and type of data; other codes are passed over."""
    found: dict[CellKey, datetime] = {}
    for department, data_type, up_to in supplied:
        domain, kind = domains.get(department), kinds.get(data_type)
        if isinstance(domain, str) and kind is not None:
            found[domain, kind] = min(up_to, found.get((domain, kind), up_to))
    return found


def settle(
    search: Search,
    rows: Iterable[RawRow],
    *,
    supplied: Mapping[CellKey, datetime],
    silent: Mapping[CellKey, str],
    searched: frozenset[int],
) -> SourceAnswer:
    """The answer: every cell that was asked for has a watermark or a reason for silence.

    Args:
        search: What was searched for.
        rows: What was found.
        supplied: Up to when cells were supplied.
        silent: Why cells cannot be answered nevertheless.
        searched: Kinds of identifier that were searched for.
    """
    reasons = {
        cell: silent.get(cell, "the platform does not say up to when it was supplied")
        for cell in search.cells
        if cell in silent or cell not in supplied
    }
    return SourceAnswer(
        rows=tuple(rows),
        watermarks={cell: supplied[cell] for cell in search.cells - reasons.keys()},
        silent=reasons,
        searched=searched,
    )


def settle_by_kind(
    search: Search, found: Mapping[int, Found], *, supplied: Mapping[CellKey, datetime], searched: frozenset[int]
) -> SourceAnswer:
    """The answer of a platform that gives each kind of record in full or not at all."""
    missing = "the platform was not asked for this kind of record"
    reasons = {cell: found.get(cell[1], missing) for cell in search.cells}
    return settle(
        search,
        (row for rows in found.values() if not isinstance(rows, str) for row in rows),
        supplied=supplied,
        silent={cell: reason for cell, reason in reasons.items() if isinstance(reason, str)},
        searched=searched,
    )
