"""Dirty rows, and what a province must say where it has one: that it cannot say anything, by the right name, and never CLEAR."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from adapters.sdk.coverage import coverage_content
from adapters.sdk.findings import read_rows
from adapters.sdk.fragment import Evidence, build_cells
from adapters.sdk.matching import Wanted
from adapters.sdk.profile import PenaltyForm, Profile
from adapters.sdk.source import Search, SourceAnswer
from contract.admission import cell_key
from contract.catalogue import PENALTY, CellKey
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, query_pb2, record_pb2
from sandbox.world import Enterprise
from tests.support.worlds import CATALOGUE, CELLS, NOW, PENALTY_CELLS, WINDOW, reading

MARKET: CellKey = ("market_regulation", PENALTY)
UNREADABLE = fragment_pb2.UNAVAILABLE_REASON_UNREADABLE
IN_DOUBT = fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT
SILENT = frozenset({fragment_pb2.CELL_STATE_CLEAR, fragment_pb2.CELL_STATE_NOT_COVERED})


@dataclass(frozen=True)
class Dirt:
    """What is wrong with the one row of a decision of market regulation about `worlds.FINED`.

    Attributes:
        name: What.
        columns: The columns that are not as they should be, with what stands there, by the form.
        reason: Why the cells are unavailable. None: nothing is wrong, the record is found.
        cells: The cells about which nothing can be said.
    """

    name: str
    columns: Callable[[PenaltyForm], Mapping[str | None, str]]
    reason: fragment_pb2.UnavailableReason.ValueType | None
    cells: frozenset[CellKey] = frozenset({MARKET})

    def values(self, profile: Profile) -> dict[str, str]:
        """Column to value, in the form of decisions of a province."""
        (form,) = (form for form in profile.forms.values() if isinstance(form, PenaltyForm))
        return {column: value for column, value in self.columns(form).items() if column is not None}


def _code_column_holds(text: str) -> Callable[[PenaltyForm], Mapping[str | None, str]]:
    def columns(form: PenaltyForm) -> Mapping[str | None, str]:
        subject = form.subject
        return {subject.uscc: text, subject.organisation_code: "", subject.registration_number: ""}

    return columns


EVERY_DIRT = [
    pytest.param(dirt, id=dirt.name)
    for dirt in (
        Dirt("clean", lambda _: {}, None),
        Dirt("masked-code-beside-the-name", _code_column_holds("91110105MA********"), IN_DOUBT),
        Dirt("no-code-beside-the-name", _code_column_holds(""), IN_DOUBT),
        Dirt("unreadable-amount", lambda form: {form.money[0].column: "约三万"}, UNREADABLE),
        Dirt("unknown-state", lambda form: {form.state[0] if form.state else None: "待定"}, UNREADABLE),
        Dirt("unknown-category", lambda form: {form.categories[0][0]: "示众"}, UNREADABLE),
        Dirt("unknown-department", lambda form: {form.domain[0]: "000000"}, UNREADABLE, PENALTY_CELLS),
    )
]


def assert_said(answer: SourceAnswer, search: Search, subject: Enterprise, profile: Profile, dirt: Dirt) -> None:
    """The cells that the dirt touches are unavailable by its name, and only those."""
    cells = cells_of(answer, search, subject, profile)
    covered = {key for key, department in profile.departments.items() if department.complete_from is not None}
    for key in dirt.cells & covered:
        state, reason = cells[key].state, cells[key].reason
        if dirt.reason is None:
            assert (state, len(cells[key].records)) == (fragment_pb2.CELL_STATE_FOUND, 1), key
        else:
            assert (state, reason) == (fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE, dirt.reason), key
    assert {cells[key].state for key in CELLS - dirt.cells} <= SILENT


def cells_of(
    answer: SourceAnswer, search: Search, subject: Enterprise, profile: Profile
) -> dict[CellKey, fragment_pb2.Cell]:
    """What a fragment says that rests on this answer of a platform, cell by cell."""
    query = query_pb2.Query(
        subject=common_pb2.Subject(
            uscc=subject.uscc, name=subject.name, kind=subject.kind, identifiers=search.identifiers
        ),
        window=WINDOW.to_wire(),
        cells=[
            common_pb2.CellKey(domain=domain, kind=common_pb2.RecordKind.ValueType(kind))
            for domain, kind in sorted(CELLS)
        ],
    )
    findings = read_rows(answer.rows, Wanted.of(query.subject), reading(profile, WINDOW))
    records: dict[CellKey, list[record_pb2.Record]] = {}
    for found in findings.records:
        records.setdefault(found.cell, []).append(found.draft)
    evidence = Evidence(
        catalogue=CATALOGUE,
        coverage=coverage_content(profile, CATALOGUE),
        answer=answer,
        findings=findings,
        records=records,
        at=NOW,
    )
    return {cell_key(cell.key): cell for cell in build_cells(query, evidence)}
