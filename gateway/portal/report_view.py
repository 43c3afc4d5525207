"""An issued report as its page shows it: the document that is printed (contract/document), arranged for a screen.

The words are the document's. What is added is how to get from a cell to its records, and what can be done about each of them. A
report with many records shows those of one province and domain at a time, so that its page stays small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from contract.catalogue import PENALTY, SERIOUS_LIST, Domain
from contract.document import Json, document
from contract.document.reading import PlacedRecord, Reading, day_of, read
from contract.province import Province
from contract.reasons import Words
from contract.report_check import CheckedReport
from gateway.portal.remedies import Remedy, decider_of, remedies
from gateway.portal.words import MATRIX_EN, RECORD_KINDS
from huren.fragment.v1 import fragment_pb2

MOST_RECORDS: Final = 40
"""Records on a page."""

MOST_CHARACTERS: Final = 120_000
"""Of records on a page: a record may hold texts of twenty thousand characters."""

OPEN_RECORDS: Final = 3
"""So few records are not folded away."""

_COUNTED: Final = re.compile("([0-9]+)条([*]?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCell:
    """A cell of a table.

    Attributes:
        words: What stands in it.
        sentence: The same in full, in Chinese.
        strong: Something was found.
        url: Where its records stand. Empty: there are none.
    """

    words: Words
    sentence: str
    strong: bool
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """A row: a domain, or the total.

    Attributes:
        name: Which.
        short: The same for narrow tables.
        cells: One for each province.
    """

    name: Words
    short: Words
    cells: tuple[ShownCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A table of domains and provinces.

    Attributes:
        kind: Of which records.
        provinces: Its columns.
        rows: Domains.
        total: The last row.
        note: What has to be said below it, in Chinese. Empty: nothing.
    """

    kind: Words
    provinces: tuple[Province, ...]
    rows: tuple[ShownRow, ...]
    total: ShownRow
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRecord:
    """A record.

    Attributes:
        anchor: Its name on the page.
        heading: How it is cited, and of which kind it is.
        day: The day by which it is ordered.
        decider: Who made the decision.
        lines: What it says: label, value, note.
        remarks: What is said about it.
        remedies: What can be done about it.
    """

    anchor: str
    heading: str
    day: str
    decider: str
    lines: tuple[Json, ...]
    remarks: tuple[Json, ...]
    remedies: tuple[Remedy, ...]

    @property
    def length(self) -> int:
        """How many characters it has."""
        return sum(len(line["value"]) for line in (*self.lines, *self.remarks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The records of a province and a domain.

    Attributes:
        anchor: Its name on the page and in addresses.
        province: Which.
        domain: Which.
        count: How many there are.
        url: Where they stand.
        records: Those that stand on this page.
    """

    anchor: str
    province: Province
    domain: Words
    count: int
    url: str
    records: tuple[ShownRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A report for its page.

    Attributes:
        document: All that is printed of it.
        matrices: The tables, one for each kind.
        nothing: Of provinces without records: what is said of each, in Chinese.
        groups: All groups of records, without the records where these stand on pages of their own.
        chosen: The group whose records this page shows, where each has pages of its own. None: the page shows all, or none.
        first: The number of the first record of that group on this page, from 1.
        following: The address of the next records of that group. Empty: these were the last.
        record_count: How many records there are.
        by_window: Penalties are listed by when they were decided, and not by how long they are published.
    """

    document: Json
    matrices: tuple[Matrix, ...]
    nothing: tuple[tuple[Province, str], ...]
    groups: tuple[Group, ...]
    chosen: Group | None
    first: int
    following: str
    record_count: int
    by_window: bool

    @property
    def is_split(self) -> bool:
        """Whether the records stand on pages of their own."""
        return not any(group.records for group in self.groups) and self.record_count > 0

    @property
    def folded(self) -> bool:
        """Whether records are folded away."""
        return self.record_count > OPEN_RECORDS


def view_of(checked: CheckedReport, *, path: str, group: str = "", start: int = 0) -> ReportView:
    """A report for its page. Takes a while for many records: not to be called where others wait.

    Args:
        checked: A report that verifies.
        path: The address of its page.
        group: Which records are wanted, where not all stand on one page; what is none is ignored.
        start: From which of them on.
    """
    shown, reading = document(checked), read(checked)
    groups = tuple(_groups(shown, reading))
    records = [record for one in groups for record in one.records]
    fits = len(records) <= MOST_RECORDS and sum(record.length for record in records) <= MOST_CHARACTERS
    if not fits:
        groups = tuple(replace(one, url=_address(path, one.anchor, 0)) for one in groups)
    chosen = None if fits else next((one for one in groups if one.anchor == group), None)
    first, following = 0, ""
    if chosen is not None:
        first = start if start < chosen.count else 0
        page = _page(chosen.records[first:])
        after = first + len(page)
        following = _address(path, chosen.anchor, after) if after < chosen.count else ""
        chosen = replace(chosen, records=page)
    places = {one.anchor: one.url for one in groups}
    return ReportView(
        document=shown,
        matrices=tuple(
            _matrix(shown["overview"]["tables"][place], kind, reading, places)
            for place, kind in enumerate((PENALTY, SERIOUS_LIST))
        ),
        nothing=tuple(
            (one.province, printed["text"])
            for one, printed in zip(reading.provinces, shown["details"]["provinces"], strict=True)
            if printed["text"]
        ),
        groups=groups if fits else tuple(replace(one, records=()) for one in groups),
        chosen=chosen,
        first=first + 1,
        following=following,
        record_count=len(records),
        by_window=any(
            one.admitted.fragment.disclosure.basis == fragment_pb2.DISCLOSURE_BASIS_WINDOW for one in reading.provinces
        ),
    )


# --- Records ------------------------------------------------------------------------------------------------------------


def _groups(shown: Json, reading: Reading) -> Iterator[Group]:
    for one, printed in zip(reading.provinces, shown["details"]["provinces"], strict=True):
        placed = iter(one.records)  # in the order of print, as the groups are
        for group in printed["groups"]:
            records = tuple(_record(next(placed), record) for record in group["records"])
            domain = reading.catalogue.domain_by_id[group["anchor"].partition("-")[2]]
            yield Group(
                anchor=group["anchor"],
                province=one.province,
                domain=_name(domain),
                count=len(records),
                url=f"#records-{group['anchor']}",
                records=records,
            )


def _record(placed: PlacedRecord, printed: Json) -> ShownRecord:
    record = placed.record
    return ShownRecord(
        anchor=printed["anchor"],
        heading=printed["heading"],
        day=day_of(record),
        decider=decider_of(record),
        lines=tuple(printed["lines"]),
        remarks=tuple(printed["remarks"]),
        remedies=remedies(placed.domain, record),
    )


def _page(records: Sequence[ShownRecord]) -> tuple[ShownRecord, ...]:
    """As many as fit on a page, and at least one."""
    page: list[ShownRecord] = []
    length = 0
    for record in records[:MOST_RECORDS]:
        length += record.length
        if page and length > MOST_CHARACTERS:
            break
        page.append(record)
    return tuple(page)


def _address(path: str, anchor: str, start: int) -> str:
    query = {"group": anchor} | ({"from": str(start)} if start else {})
    return f"{path}?{urlencode(query)}#records"


# --- Tables -------------------------------------------------------------------------------------------------------------


def _matrix(printed: Json, kind: int, reading: Reading, places: Mapping[str, str]) -> Matrix:
    provinces = tuple(one.province for one in reading.provinces)
    domains = {domain.name: domain for domain in reading.catalogue.domains}
    return Matrix(
        kind=RECORD_KINDS[kind],
        provinces=provinces,
        rows=tuple(_row(row, domains[row["domain"]], provinces, places) for row in printed["rows"]),
        total=ShownRow(
            name=Words(printed["totals"]["domain"], "Total"),
            short=Words("合计", "Total"),
            cells=tuple(_cell(cell) for cell in printed["totals"]["cells"]),
        ),
        note=printed["note"],
    )


def _row(printed: Json, domain: Domain, provinces: tuple[Province, ...], places: Mapping[str, str]) -> ShownRow:
    return ShownRow(
        name=_name(domain),
        short=Words(domain.short_name, domain.name_en),
        cells=tuple(
            _cell(cell, places.get(f"{province:d}-{domain.id}", ""))
            for province, cell in zip(provinces, printed["cells"], strict=True)
        ),
    )


def _cell(printed: Mapping[str, Any], place: str = "") -> ShownCell:
    words = printed["words"]
    return ShownCell(
        words=Words(words, _in_english(words)),
        sentence=printed["sentence"],
        strong=printed["strong"],
        url=place if printed["strong"] else "",
    )


def _in_english(words: str) -> str:
    """What stands in a cell, in English.

    >>> _in_english("3条*"), _in_english("未查询到")
    ('3*', 'None found')
    """
    counted = _COUNTED.fullmatch(words)
    return counted[1] + counted[2] if counted else MATRIX_EN[words]


def _name(domain: Domain) -> Words:
    return Words(domain.name, domain.name_en)
