"""The cells of a fragment: exactly one for each cell that was asked, in the order of the query.

The first line that holds decides (docs/protocols/query-processing.md, C-1 to C-10):

    1  NOT_APPLICABLE        the catalogue carries no such kind in the domain
    2  NOT_COVERED           the coverage statement, for this window, says so
    3  SOURCE_UNAVAILABLE    SOURCE_SILENT       the source gave no watermark, or one of the future, or did not search for the
                                                 unified code, or holds more records than a cell can list; or it is not known
                                                 yet, or not any more, how many rows belong to nobody
    4                        STALE               the watermark is as old as the catalogue's limit, or older
    5                        UNREADABLE          a row of the subject cannot be read
    6                        IDENTITY_IN_DOUBT   a row may or may not be the subject's
    7                        UNATTRIBUTABLE_ROWS the cell holds more rows that belong to nobody than the catalogue allows
    8  FOUND                 at least one record
    9  CLEAR                 nothing of the above

Records that are readable are listed in 3 to 8. A fragment that would be larger than an answer may be loses its largest cells: they
become SOURCE_UNAVAILABLE, SOURCE_SILENT, without records (`fit`). Pure: everything comes in as a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from adapters.sdk.findings import Findings
from adapters.sdk.source import SourceAnswer
from contract.admission import cell_key, covered_cells
from contract.catalogue import Catalogue, CellKey, wire_key
from contract.days import DayRange, to_timestamp
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2, query_pb2, record_pb2

LIFETIME: Final = timedelta(hours=1)
"""For how long a fragment may be put into a new report. The contract allows 24 hours; an hour is enough to complete a request."""

MAX_RECORDS: Final = 10_000
"""Source: fragment.proto, Cell.records."""

Records = Mapping[CellKey, Sequence[record_pb2.Record]]
"""The records of the subject by cell, with their identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a fragment rests on.

    Attributes:
        catalogue: The one that the query names.
        coverage: The coverage statement in force.
        answer: What the source said. None: nothing at all.
        findings: What its rows say about the subject.
        records: Its readable records with their identity.
        unattributable: For each cell that has any: how many rows the platform holds that belong to nobody, as the coverage
            statement says it. None: nobody knows.
        at: When the fragment is issued.
    """

    catalogue: Catalogue
    coverage: coverage_pb2.Coverage
    answer: SourceAnswer | None
    findings: Findings
    records: Records
    at: datetime
    unattributable: Mapping[CellKey, int] | None = field(default_factory=dict)


def build_cells(query: query_pb2.Query, evidence: Evidence) -> list[fragment_pb2.Cell]:
    """Gives one cell for each cell that the query asks for."""
    covered = covered_cells(evidence.coverage, DayRange.from_wire(query.window))
    return [_cell(cell_key(key), query, evidence, covered) for key in query.cells]


def answerable_cells(
    query: query_pb2.Query, catalogue: Catalogue, coverage: coverage_pb2.Coverage
) -> frozenset[CellKey]:
    """The cells of the query for which the source is to be asked."""
    covered = covered_cells(coverage, DayRange.from_wire(query.window))
    return frozenset(key for key in map(cell_key, query.cells) if key in covered and key in catalogue.carried)


def build_fragment(
    query: query_pb2.Query,
    evidence: Evidence,
    *,
    header: envelope_pb2.StatementHeader,
    query_statement_id: bytes,
    coverage_statement_id: bytes,
    disclosure: fragment_pb2.DisclosureRules,
) -> fragment_pb2.Fragment:
    """Gives the payload that answers the query."""
    return fragment_pb2.Fragment(
        header=header,
        query_statement_id=query_statement_id,
        uscc=query.subject.uscc,
        window=query.window,
        catalogue=query.catalogue,
        coverage_statement_id=coverage_statement_id,
        disclosure=disclosure,
        expires_at=to_timestamp(evidence.at + LIFETIME),
        cells=build_cells(query, evidence),
    )


def fit(fragment: fragment_pb2.Fragment, max_bytes: int) -> tuple[CellKey, ...]:
    """Takes the records from the largest cells, one cell after the other, until the payload has at most that many bytes (C-10).

    Of cells of one size the first in the fragment is taken. A cell without records is never touched.

    Returns:
        The cells that lost their records; they are SOURCE_UNAVAILABLE now.
    """
    full = sorted((cell for cell in fragment.cells if cell.records), key=lambda cell: cell.ByteSize(), reverse=True)
    emptied: list[CellKey] = []
    for cell in full:
        if fragment.ByteSize() <= max_bytes:
            break
        cell.ClearField("records")
        cell.state = fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE
        cell.reason = fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT
        emptied.append(cell_key(cell.key))
    return tuple(emptied)


def _cell(key: CellKey, query: query_pb2.Query, evidence: Evidence, covered: frozenset[CellKey]) -> fragment_pb2.Cell:
    cell = fragment_pb2.Cell(key=wire_key(key))
    if key not in evidence.catalogue.carried:
        cell.state = fragment_pb2.CELL_STATE_NOT_APPLICABLE
        return cell
    if key not in covered:
        cell.state = fragment_pb2.CELL_STATE_NOT_COVERED
        return cell
    cell.records.extend(evidence.records.get(key, ())[:MAX_RECORDS])
    watermark = _watermark(key, evidence)
    if watermark is not None and evidence.answer is not None:
        cell.data_as_of.CopyFrom(to_timestamp(watermark))
        cell.identifiers_searched.extend(_searched(query, evidence.answer))
    cell.reason = _reason(key, watermark, evidence)
    if cell.reason != fragment_pb2.UNAVAILABLE_REASON_UNSPECIFIED:
        cell.state = fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE
    elif cell.records:
        cell.state = fragment_pb2.CELL_STATE_FOUND
    else:
        cell.state = fragment_pb2.CELL_STATE_CLEAR
    return cell


def _reason(key: CellKey, watermark: datetime | None, evidence: Evidence) -> fragment_pb2.UnavailableReason.ValueType:
    answer, findings = evidence.answer, evidence.findings
    if answer is None or watermark is None or evidence.unattributable is None:
        return fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT
    if common_pb2.IDENTIFIER_KIND_USCC not in answer.searched:
        return fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT
    if len(evidence.records.get(key, ())) > MAX_RECORDS:
        return fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT
    if evidence.at - watermark >= evidence.catalogue.freshness_limit(key):
        return fragment_pb2.UNAVAILABLE_REASON_STALE
    if key in findings.unreadable:
        return fragment_pb2.UNAVAILABLE_REASON_UNREADABLE
    if key in findings.in_doubt:
        return fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT
    if evidence.unattributable.get(key, 0) > evidence.catalogue.carried[key].unattributable_limit:
        return fragment_pb2.UNAVAILABLE_REASON_UNATTRIBUTABLE_ROWS
    return fragment_pb2.UNAVAILABLE_REASON_UNSPECIFIED


def _watermark(key: CellKey, evidence: Evidence) -> datetime | None:
    """The watermark, if it is one that can be concluded from: of a cell that is not silent, and not of the future."""
    if evidence.answer is None or key in evidence.answer.silent:
        return None
    watermark = evidence.answer.watermarks.get(key)
    if watermark is None or watermark.tzinfo is None or watermark > evidence.at:
        return None
    return watermark


def _searched(query: query_pb2.Query, answer: SourceAnswer) -> list[int]:
    return [
        position for position, identifier in enumerate(query.subject.identifiers) if identifier.kind in answer.searched
    ]
