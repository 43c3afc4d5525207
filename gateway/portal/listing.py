"""Tables that the server sorts, filters and cuts into pages.

A table says once which columns it has, by which of them it sorts, and what it may be filtered by. Of an address it reads

    sort     the name of a column; with "-" in front: downwards
    after    where the page begins: a number of rows, or a cursor
    and its filters by their names

and ignores whatever is none of these: an address that was kept or typed always shows something. Everything works as links and as a
form with GET. Where htmx is, the form exchanges the table alone.

    TABLE = Table(name="lines", columns=(Column(name="line", label=Words("行号", "Line"), show=..., key=...), ...), filters=(...))
    shown = TABLE.of_rows(visit, rows)              all rows are in memory: sorted, filtered and cut here
    shown = TABLE.of_page(visit, rows, following)   a page that came by cursor: the service sorted and cut it

In the template:

    {% import "listing.html" as tables with context %}
    {{ tables.listing(shown, t("明细", "Lines")) }}                                 cells as their columns show them
    {% call(row) tables.frame(shown, t("明细", "Lines")) %}<td>…</td>{% endcall %}   cells as the page writes them

A deadline is a `Deadline`: a day never stands without that on which it rests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar
from urllib.parse import urlencode

from contract.deadlines import Label
from contract.reasons import Words
from gateway.portal.visit import Visit

Row = TypeVar("Row")

ROWS: Final = 50
"""In a page, unless the table says otherwise."""

DEADLINE_LABELS: Final[Mapping[Label, Words]] = {
    Label.STATUTORY: Words("法定期限", "by law"),
    Label.AGREED: Words("四地约定", "agreed by the four provinces"),
    Label.DEFAULT: Words("系统默认（未经确认）", "default of this system, not confirmed"),
}

_COUNT: Final = re.compile(r"[1-9][0-9]{0,6}", re.ASCII)


# --- What stands in a cell ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chinese:
    """A text that is Chinese on every page: a name, a quotation."""

    kind: ClassVar[str] = "chinese"
    text: str


@dataclass(frozen=True, slots=True)
class Deadline:
    """A day by which something is due, and on what that rests."""

    kind: ClassVar[str] = "deadline"
    day: date
    label: Label

    @property
    def words(self) -> Words:
        """On what it rests."""
        return DEADLINE_LABELS[self.label]


@dataclass(frozen=True, slots=True)
class Link:
    """A way on."""

    kind: ClassVar[str] = "link"
    url: str
    label: Words | str


@dataclass(frozen=True, slots=True)
class State:
    """How something stands. `look`: plain, waiting, closed, strong; it says nothing that the words do not."""

    kind: ClassVar[str] = "state"
    words: Words
    look: str = "plain"


@dataclass(frozen=True, slots=True)
class Call:
    """Whom to call."""

    kind: ClassVar[str] = "call"
    unit: str
    telephone: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Several things, one below the other."""

    kind: ClassVar[str] = "lines"
    cells: Sequence[Cell]


Cell: TypeAlias = Words | str | int | datetime | date | Chinese | Deadline | Link | State | Call | Lines
"""A text without a language of its own (numbers, codes), or one of the above. An empty text: nothing is there."""


def chinese_order(text: str) -> bytes:
    """By which Chinese texts are sorted: GB 18030 has the common characters in the order of their sounds (拼音).

    >>> sorted(["天津", "北京", "山西", "河北"], key=chinese_order)
    ['北京', '河北', '山西', '天津']
    """
    return text.encode("gb18030", errors="replace")


# --- Tables -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[Row]):
    """A column.

    Attributes:
        name: Its name in addresses.
        label: Its heading.
        show: What stands in it. None: the page writes its cells itself.
        key: By what it is sorted; rows of which it gives None come last. None: it is not.
    """

    name: str
    label: Words
    show: Callable[[Row], Cell] | None = None
    key: Callable[[Row], Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Generic[Row]):
    """Something by which rows are left out.

    Attributes:
        name: Its name in addresses.
        label: What is asked.
        keep: Whether a row is shown, by what was chosen.
        options: What may be chosen. Empty: a text is written.
    """

    name: str
    label: Words
    keep: Callable[[Row, str], bool]
    options: Sequence[tuple[str, Words]] = ()

    def read(self, visit: Visit) -> str:
        """What was chosen. Empty: nothing, or what cannot be chosen."""
        chosen = visit.asked(self.name)[:64]
        if self.options and chosen not in {value for value, _ in self.options}:
            return ""
        return chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown(Generic[Row]):
    """A page of a table.

    Attributes:
        table: The table.
        rows: What stands on the page.
        sort: By which column, as `ui.sortable` takes it. Empty: as the rows came.
        chosen: What the filters hold, by their names.
        keep: What else the address carries.
        path: The address of the page, without parameters.
        address: The address of this list from its beginning with its filters, not sorted.
        following: The address of the next page. Empty: there is none.
        is_first: Whether it is the first page.
        found: How many rows the filters let through. None: it is not known.
        before: How many rows stand before this page.
    """

    table: Table[Row]
    rows: Sequence[Row]
    sort: str
    chosen: Mapping[str, str]
    keep: Mapping[str, str]
    path: str
    address: str
    following: str
    is_first: bool
    found: int | None = None
    before: int = 0

    @property
    def is_filtered(self) -> bool:
        """Whether rows may have been left out."""
        return any(self.chosen.values())

    @property
    def sorted_address(self) -> str:
        """The address of this list from its beginning, sorted and filtered as it is."""
        return _with(self.address, {"sort": self.sort})

    @property
    def unfiltered_address(self) -> str:
        """The address of the whole list."""
        return _with(self.path, self.keep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[Row]):
    """A kind of list.

    Attributes:
        name: Its name on the page, unique there.
        columns: From left to right.
        filters: By what rows may be left out.
        sort: By which column where nothing is asked for. Empty: as the rows come.
        size: How many rows a page has.
    """

    name: str
    columns: Sequence[Column[Row]]
    filters: Sequence[Filter[Row]] = field(default=())
    sort: str = ""
    size: int = ROWS

    def of_rows(self, visit: Visit, rows: Iterable[Row], *, keep: Mapping[str, str] | None = None) -> Shown[Row]:
        """A page of a list that is in memory: filtered, sorted and cut as the address asks.

        Args:
            visit: The request.
            rows: All rows.
            keep: What else has to stand in every address of this list.
        """
        chosen = self._chosen(visit)
        kept = [row for row in rows if all(one.keep(row, chosen[one.name]) for one in self.filters if chosen[one.name])]
        sort = self._sort(visit)
        ordered = self._sorted(kept, sort)
        after = visit.asked("after")
        before = int(after) if _COUNT.fullmatch(after) and int(after) < len(ordered) else 0
        page = ordered[before : before + self.size]
        following = str(before + self.size) if before + self.size < len(ordered) else ""
        return self._shown(
            visit, page, sort=sort, chosen=chosen, keep=keep, after=following, before=before, found=len(ordered)
        )

    def of_page(
        self, visit: Visit, rows: Iterable[Row], following: str, *, keep: Mapping[str, str] | None = None
    ) -> Shown[Row]:
        """A page that came by cursor. Its rows stay as they came; filters are the service's, which was told by `chosen`.

        Args:
            visit: The request.
            rows: Those of the page.
            following: The cursor of the next page. Empty: there is none.
            keep: As `of_rows`.
        """
        chosen = self._chosen(visit)
        return self._shown(visit, tuple(rows), sort="", chosen=chosen, keep=keep, after=following)

    def chosen(self, visit: Visit, name: str) -> str:
        """What was chosen of a filter, for a service that filters itself."""
        return self._chosen(visit)[name]

    def _chosen(self, visit: Visit) -> dict[str, str]:
        return {one.name: one.read(visit) for one in self.filters}

    def _sort(self, visit: Visit) -> str:
        asked = visit.asked("sort")
        sortable = {one.name for one in self.columns if one.key is not None}
        return asked if asked.removeprefix("-") in sortable else self.sort

    def _sorted(self, rows: list[Row], sort: str) -> list[Row]:
        name = sort.removeprefix("-")
        key = next((one.key for one in self.columns if one.name == name), None)
        if key is None:
            return rows
        known = [(key(row), row) for row in rows]
        first = sorted(
            (pair for pair in known if pair[0] is not None), key=lambda pair: pair[0], reverse=sort.startswith("-")
        )
        return [row for _, row in first] + [row for value, row in known if value is None]

    def _shown(
        self,
        visit: Visit,
        rows: Sequence[Row],
        *,
        sort: str,
        chosen: Mapping[str, str],
        keep: Mapping[str, str] | None,
        after: str,
        before: int = 0,
        found: int | None = None,
    ) -> Shown[Row]:
        path, kept = visit.request.path, dict(keep or {})
        address = _with(path, {**kept, **chosen})
        return Shown(
            table=self,
            rows=rows,
            sort=sort,
            chosen=chosen,
            keep=kept,
            path=path,
            address=address,
            following=_with(address, {"sort": sort, "after": after}) if after else "",
            is_first=not visit.asked("after") if found is None else before == 0,
            found=found,
            before=before,
        )


def cursor(visit: Visit, pattern: str) -> str:
    """Where a page begins that comes by cursor. Empty: at the beginning, or what was asked for is no cursor.

    Args:
        visit: The request.
        pattern: What a cursor of this list looks like.
    """
    asked = visit.asked("after")
    return asked if re.fullmatch(pattern, asked, re.ASCII) else ""


def _with(address: str, parameters: Mapping[str, str]) -> str:
    """An address with further parameters; empty ones are left out."""
    query = urlencode({name: value for name, value in parameters.items() if value})
    if not query:
        return address
    return f"{address}{'&' if '?' in address else '?'}{query}"
