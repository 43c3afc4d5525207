"""Merge: what may be said, once every fragment was admitted.

Pure and deterministic: the same fragments give the same value, in whatever order and however often they come. It loses and
invents nothing: records stay where they are, inside the fragments, and the merge points at them. It is never clearer than its
inputs: a column repeats what its province said, and there is no conclusion while anything is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from contract.admission import cell_key
from contract.catalogue import CellKey
from contract.outcome import Admitted, Gap
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, record_pb2
from huren.report.v1 import report_pb2

VERSION: Final = 1
"""Version of the merge, named in every report (RulesVersions.merge)."""

SEALING_STATES: Final = frozenset(
    {
        fragment_pb2.CELL_STATE_CLEAR,
        fragment_pb2.CELL_STATE_FOUND,
        fragment_pb2.CELL_STATE_NOT_COVERED,
        fragment_pb2.CELL_STATE_NOT_APPLICABLE,
    }
)
"""States with which a report may be sealed. Every other state, and every unknown one, keeps it open."""


class MergeError(ValueError):
    """The fragments do not belong into one report: two of one province, or one that answers other cells."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What the fragments say together.

    Attributes:
        columns: One for each province that answered, in ascending number.
        repeated_decisions: Decisions that stand in the fragments more than once.
        gaps: Cells that do not seal, of provinces that answered.
        missing: Provinces that did not answer.
        conclusion: What may be said as a whole. None while there is a gap or a province is missing.
    """

    columns: tuple[report_pb2.Column, ...]
    repeated_decisions: tuple[report_pb2.RepeatedDecision, ...]
    gaps: tuple[Gap, ...]
    missing: tuple[Province, ...]
    conclusion: report_pb2.Conclusion | None


def merge(cells: Sequence[common_pb2.CellKey], provinces: Collection[Province], admitted: Iterable[Admitted]) -> Merged:
    """Merges admitted fragments.

    Args:
        cells: The requested cells; positions in the result refer to them.
        provinces: Every province that has to answer.
        admitted: The fragments.

    Raises:
        MergeError: Two different fragments of one province, one of a province that was not asked, or one that does not answer
            exactly the requested cells.
    """
    by_province = _by_province(admitted, provinces)
    keys = [cell_key(key) for key in cells]
    columns: list[report_pb2.Column] = []
    repeated: list[report_pb2.RepeatedDecision] = []
    gaps: list[Gap] = []
    counts = _Counts()
    for province in sorted(by_province):
        fragment = by_province[province].fragment
        ordered = _in_requested_order(fragment, keys)
        columns.append(
            report_pb2.Column(
                province=province.wire,
                fragment_statement_id=by_province[province].statement.statement_id,
                states=[cell.state for cell in ordered],
                record_counts=[len(cell.records) for cell in ordered],
            )
        )
        gaps.extend(Gap(province, cell.key, cell.reason) for cell in ordered if cell.state not in SEALING_STATES)
        repeated.extend(_count_decisions(province, ordered, counts))
    missing = tuple(sorted(set(provinces) - set(by_province)))
    conclusion = None if gaps or missing else _conclude(columns, counts)
    return Merged(tuple(columns), tuple(repeated), tuple(gaps), missing, conclusion)


@dataclass(slots=True)
class _Counts:
    penalties: int = 0
    list_entries: int = 0
    under_objection: int = 0


def _by_province(admitted: Iterable[Admitted], provinces: Collection[Province]) -> dict[Province, Admitted]:
    by_province: dict[Province, Admitted] = {}
    for one in admitted:
        if one.province not in provinces:
            raise MergeError(f"{one.province.slug} was not asked")
        other = by_province.setdefault(one.province, one)
        if other.statement.statement_id != one.statement.statement_id:
            raise MergeError(f"two fragments of {one.province.slug}")
    return by_province


def _in_requested_order(fragment: fragment_pb2.Fragment, keys: Sequence[CellKey]) -> list[fragment_pb2.Cell]:
    by_key = {cell_key(cell.key): cell for cell in fragment.cells}
    if len(by_key) != len(fragment.cells) or by_key.keys() != set(keys) or len(keys) != len(by_key):
        raise MergeError("a fragment does not answer exactly the requested cells")
    return [by_key[key] for key in keys]


def _count_decisions(
    province: Province, cells: Sequence[fragment_pb2.Cell], counts: _Counts
) -> Iterator[report_pb2.RepeatedDecision]:
    """Counts each decision once, and yields those that stand more than once, by their first record."""
    decisions: dict[tuple[str, str], list[tuple[report_pb2.RecordRef, record_pb2.Record]]] = {}
    for position, cell in enumerate(cells):
        for index, record in enumerate(cell.records):
            reference = report_pb2.RecordRef(cell=position, record=index)
            # Entries on two lists, and the decision behind an entry, are different facts, even under one document number.
            fact = record.list_entry.list_id if record.HasField("list_entry") else ""
            decisions.setdefault((fact, record.decision_key), []).append((reference, record))
    for (fact, _), records in decisions.items():
        if not fact:
            counts.penalties += 1
        else:
            counts.list_entries += 1
        if any(mark.kind == record_pb2.MARK_KIND_UNDER_OBJECTION for _, record in records for mark in record.marks):
            counts.under_objection += 1
        if len(records) > 1:
            yield report_pb2.RepeatedDecision(
                province=province.wire,
                records=[reference for reference, _ in records],
                conflicting=len({_essence(record) for _, record in records}) > 1,
            )


def _essence(record: record_pb2.Record) -> tuple[object, ...]:
    """What must not differ between two records of one decision: its days and its amounts."""
    if record.WhichOneof("fact") == "penalty":
        penalty = record.penalty
        return penalty.decided_on, frozenset((amount.kind, amount.fen) for amount in penalty.amounts)
    entry = record.list_entry
    return entry.list_id, entry.listed_on, entry.removed_on


def _conclude(columns: Iterable[report_pb2.Column], counts: _Counts) -> report_pb2.Conclusion:
    states = {state for column in columns for state in column.states}
    found = fragment_pb2.CELL_STATE_FOUND in states or counts.penalties + counts.list_entries > 0
    return report_pb2.Conclusion(
        verdict=report_pb2.VERDICT_FOUND if found else report_pb2.VERDICT_NOTHING_FOUND,
        limited=fragment_pb2.CELL_STATE_NOT_COVERED in states,
        penalty_count=counts.penalties,
        list_entry_count=counts.list_entries,
        under_objection_count=counts.under_objection,
    )
