"""A checked report, arranged for printing: cells and coverage by key, records in the order of print, each with its number.

Order of print within a province: by domain as in the catalogue, then by day (of decision or of listing), newest first; records of
one day as the fragment has them. The numbers count from 1 in each province (北京市第1条).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contract.admission import cell_key
from contract.catalogue import Catalogue, CellKey
from contract.outcome import Admitted
from contract.province import Province
from contract.report_check import CheckedReport
from huren.fragment.v1 import coverage_pb2, fragment_pb2, record_pb2
from huren.report.v1 import report_pb2

RecordPlace = tuple[int, int]
"""Where a record stands: (position in Report.cells, position in the cell)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRecord:
    """A record with its place, its domain, and its number in the order of print."""

    place: RecordPlace
    domain: str
    record: record_pb2.Record
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvinceReading:
    """What one province said.

    Attributes:
        province: The province.
        admitted: Its fragment, with the coverage statement.
        cells: Its cells.
        coverage: Its coverage of the cells that the catalogue carries.
        records: All its records, in the order of print.
        numbers: Their numbers, by place.
        by_id: The same records by id.
        replaced_by: Which of them replaces another of them, by the id of the other.
        repeated: The repeated decision to which a record belongs, by place.
    """

    province: Province
    admitted: Admitted
    cells: Mapping[CellKey, fragment_pb2.Cell]
    coverage: Mapping[CellKey, coverage_pb2.CellCoverage]
    records: tuple[PlacedRecord, ...]
    numbers: Mapping[RecordPlace, int]
    by_id: Mapping[str, PlacedRecord]
    replaced_by: Mapping[str, PlacedRecord]
    repeated: Mapping[RecordPlace, report_pb2.RepeatedDecision]

    def citation(self, place: RecordPlace) -> str:
        """How a record is named elsewhere in the document, for example `北京市第1条`."""
        return f"{self.province.name_zh}第{self.numbers[place]}条"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A checked report, arranged for printing.

    Attributes:
        checked: The report.
        asked: The cells that were asked for, in catalogue order.
        provinces: What each province said, in ascending number.
    """

    checked: CheckedReport
    asked: tuple[CellKey, ...]
    provinces: tuple[ProvinceReading, ...]

    @property
    def report(self) -> report_pb2.Report:
        """What the report says."""
        return self.checked.report

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that it was made by."""
        return self.checked.catalogue

    @property
    def home(self) -> Province:
        """The province that issued it."""
        return Province(self.checked.statement.signer.member)


def read(checked: CheckedReport) -> Reading:
    """Arranges a report that verifies."""
    asked = tuple(cell_key(key) for key in checked.report.cells)
    return Reading(
        checked=checked, asked=asked, provinces=tuple(_province(checked, one, asked) for one in checked.admitted)
    )


def day_of(record: record_pb2.Record) -> str:
    """The legal day by which a record is ordered: of the decision, or of the listing."""
    if record.WhichOneof("fact") == "penalty":
        return record.penalty.decided_on
    return record.list_entry.listed_on


def _province(checked: CheckedReport, one: Admitted, asked: tuple[CellKey, ...]) -> ProvinceReading:
    cells = {cell_key(cell.key): cell for cell in one.fragment.cells}
    records = tuple(_in_print_order(checked.catalogue, cells, asked))
    by_id = {placed.record.record_id: placed for placed in records}
    return ProvinceReading(
        province=one.province,
        admitted=one,
        cells=cells,
        coverage={cell_key(entry.key): entry for entry in one.coverage.coverage.cells},
        records=records,
        numbers={placed.place: placed.number for placed in records},
        by_id=by_id,
        replaced_by={placed.record.replaces: placed for placed in records if placed.record.replaces in by_id},
        repeated={
            (reference.cell, reference.record): decision
            for decision in checked.report.repeated_decisions
            if decision.province == one.province.wire
            for reference in decision.records
        },
    )


def _in_print_order(
    catalogue: Catalogue, cells: Mapping[CellKey, fragment_pb2.Cell], asked: tuple[CellKey, ...]
) -> Iterator[PlacedRecord]:
    by_domain: dict[str, list[tuple[RecordPlace, record_pb2.Record]]] = {}
    for position, key in enumerate(asked):
        for index, record in enumerate(cells[key].records):
            by_domain.setdefault(key[0], []).append(((position, index), record))
    number = 0
    for domain in catalogue.domains:
        newest_first = sorted(by_domain.get(domain.id, ()), key=lambda placed: day_of(placed[1]), reverse=True)
        for place, record in newest_first:
            number += 1
            yield PlacedRecord(place=place, domain=domain.id, record=record, number=number)
