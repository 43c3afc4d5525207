"""The port to a provincial platform: what every `adapters/<province>/source.py` implements.

Rules:

- A source says what it found and for which cells it answered; a cell it does not name was not answered. It never turns a
  failure into an empty answer: an error, a page that is missing, a count that does not add up make the cells concerned silent.
- Rows are handed over as the platform gave them: strings, numbers and nulls, not interpreted. Reading them is
  `adapters/sdk/mapping/`'s work, by the province's profile.
- A source returns every row that bears one of the identifiers searched for, rows of other names or codes beside it left out. It
  decides neither whether a row is the subject's nor whether it lies in the window (`matching.py`, `mapping/`), and it may
  return rows outside the window.
- A source can be followed: everything it was ever supplied with, in an order in which what arrives or changes later comes later,
  from any place on. What a query never finds (rows that bear nobody's code) is seen there.
- A row is fetched by its key as it stands now, whoever's it is now; a key that is gone is said to be gone.
- Only `SourceError` escapes. Whatever a platform's library raises is translated there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol, runtime_checkable

from contract.catalogue import CellKey
from contract.days import DayRange
from huren.common.v1 import common_pb2

RawValue = str | int | Decimal | None
"""A value as a platform gives it. Never a float: a number with a fraction is text or Decimal."""


class SourceError(Exception):
    """The platform did not answer, or not so that its answer can be used. The message is for the province's operator."""


class UnknownCursorError(SourceError):
    """The platform does not know the cursor (any more): whoever follows it starts again from the very first row."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for.

    Attributes:
        identifiers: Everything by which the platform may know the subject, in the order of the query.
        window: The period. A source may use it to read less, never to read rows that lists keep open.
        cells: The covered cells that were asked for.
        until: When the answer is not awaited any more.
    """

    identifiers: tuple[common_pb2.Identifier, ...]
    window: DayRange
    cells: frozenset[CellKey]
    until: datetime

    def values(self, *kinds: common_pb2.IdentifierKind.ValueType) -> tuple[str, ...]:
        """The identifiers of these kinds, as text."""
        return tuple(identifier.value for identifier in self.identifiers if identifier.kind in kinds)


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row of the platform, not interpreted.

    Attributes:
        form: Name of the profile's form (table, interface or file version) that says how to read it.
        key: The row's own key in the platform: permanent, unique within the form's family.
        values: Column to value, every column that the platform gave.
        received_at: When the platform received the row (归集时间). None: what it says about that cannot be read.
    """

    form: str
    key: str
    values: Mapping[str, RawValue]
    received_at: datetime | None


RowKey = tuple[str, str]
"""A row, whatever version of the form it came in: (the form's family, the row's key)."""


@dataclass(frozen=True, slots=True)
class Supplied:
    """Some of what a platform was supplied with, in the order of supply.

    Attributes:
        rows: The rows. One that was changed since stands here as it is now.
        cursor: Where to go on: opaque, and good for as long as the platform keeps its data.
        is_all: Whether nothing more has been supplied at this moment.
        expected: How many rows are still to come with these, where the platform can say: for a progress bar.
    """

    rows: tuple[RawRow, ...]
    cursor: str
    is_all: bool
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """What a platform said.

    Attributes:
        rows: The rows.
        watermarks: For each cell that was answered in full: everything supplied up to this instant was considered.
        silent: For each cell that was not: why, for the province's operator.
        searched: Kinds of identifier that were searched for in every answered cell.
    """

    rows: tuple[RawRow, ...]
    watermarks: Mapping[CellKey, datetime]
    silent: Mapping[CellKey, str] = field(default_factory=dict)
    searched: frozenset[int] = frozenset({common_pb2.IDENTIFIER_KIND_USCC})


class Source(Protocol):
    """A provincial platform."""

    async def search(self, search: Search) -> SourceAnswer:
        """Finds the rows that bear one of the identifiers.

        Raises:
            SourceError: Nothing at all can be said.
        """

    async def watermarks(self) -> Mapping[CellKey, datetime]:
        """The watermark of every cell that the platform can answer at this moment.

        Raises:
            SourceError: The platform does not answer.
        """

    async def supplied_since(self, cursor: str, limit: int) -> Supplied:
        """Gives what was supplied, or changed, after a place. Rows may come again; none is passed over.

        Args:
            cursor: Where to go on; empty: from the very first row.
            limit: About how many rows at a time.

        Raises:
            SourceError: The platform does not answer.
            UnknownCursorError: It does not know the cursor any more.
        """

    async def by_key(self, keys: Collection[RowKey]) -> Mapping[RowKey, RawRow | None]:
        """Gives rows as they stand now, by their keys. None: the platform does not have the row any more.

        Raises:
            SourceError: The platform does not answer.
        """

    async def close(self) -> None:
        """Lets go of connections. Nothing is called after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDelivery:
    """A delivery that could be read and is not taken in before somebody decides.

    Attributes:
        form: The form's family.
        file: Its name.
        identity: Tells it from every other one of the same name.
        reason: Why it is held, in Chinese and in English.
        rows: How many rows it has.
        expected: How many it was expected to have.
    """

    form: str
    file: str
    identity: str
    reason: str
    rows: int
    expected: int


@runtime_checkable
class HoldsDeliveries(Protocol):
    """A source that does not take in every delivery by itself."""

    async def held(self) -> Sequence[HeldDelivery]:
        """The deliveries about which nobody decided yet.

        Raises:
            SourceError: It cannot be said.
        """

    async def decide_held(self, file: str, identity: str, *, good: bool) -> None:
        """Decides: a good one is taken in as it is, the other one is refused, at the next look. Deciding again changes nothing.

        Raises:
            SourceError: The source does not hold such a delivery, or cannot do it now.
        """


@runtime_checkable
class KnowsMissing(Protocol):
    """A source that is told everything from time to time, and so sees that a row is not there any more."""

    async def missing(self) -> Collection[RowKey]:
        """Rows that the last word on everything lacks, and about which nobody decided. They are given as if they were there.

        Raises:
            SourceError: It cannot be said.
        """

    async def confirm_withdrawn(self, key: RowKey) -> None:
        """Says that a missing row was withdrawn: it is given no more, until it is supplied again. Saying it again changes nothing.

        Raises:
            SourceError: The row is not missing, or it cannot be kept now.
        """
