"""What sources have in common: asking in time, asking in pairs, and putting an answer together out of what was found.

- Whoever forgets a cell makes it silent: `settle` gives a watermark only to a cell whose state of supply is known and about which
  nothing was said against it.
- Of several states of supply of one cell the earliest counts: it vouches for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Final

from adapters.sdk.source import RawRow, Search, SourceAnswer, SourceError
from contract.catalogue import CellKey
from huren.common.v1 import common_pb2
from runtime.clock import Clock

_CODES: Final = (common_pb2.IDENTIFIER_KIND_USCC, common_pb2.IDENTIFIER_KIND_FORMER_USCC)
_ORGANISATION_CODES: Final = (common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE,)
_NAMES: Final = (common_pb2.IDENTIFIER_KIND_NAME, common_pb2.IDENTIFIER_KIND_FORMER_NAME)
_ASKED_IN_PAIRS: Final = frozenset({*_CODES, *_ORGANISATION_CODES, *_NAMES})

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


def paired_questions(search: Search) -> Iterator[PairedQuestion]:
    """What to ask, so that each identifier is asked for once; there is always at least one question."""
    codes, organisations = search.values(*_CODES), search.values(*_ORGANISATION_CODES)
    names = search.values(*_NAMES)
    for code, organisation in zip_longest(codes or ("",), organisations, fillvalue=""):
        yield PairedQuestion(code, organisation, names)
        names = ()


def kinds_in_pairs(search: Search) -> frozenset[int]:
    """Which kinds of identifier of a search the paired questions ask for."""
    return _ASKED_IN_PAIRS & {identifier.kind for identifier in search.identifiers}


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
