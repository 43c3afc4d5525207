"""Dirty rows, and what a province must say where it has one: that it cannot say anything, by the right name, and never CLEAR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from adapters.sdk.coverage import coverage_content
from adapters.sdk.findings import read_rows
from adapters.sdk.fragment import Evidence, build_cells
from adapters.sdk.matching import Wanted
from adapters.sdk.profile import PenaltyForm, Profile
from adapters.sdk.source import RawRow, Search, SourceAnswer
from contract.admission import cell_key, covered_cells
from contract.catalogue import PENALTY, CellKey
from contract.money import Fen
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, query_pb2, record_pb2
from sandbox.dice import Dice
from sandbox.dirt import CATALOGUE as DIRTS
from sandbox.dirt import Cost
from sandbox.dirt import Dirt as Kind
from sandbox.world import Enterprise
from tests.support.rendering import rendered, roles_of
from tests.support.worlds import CATALOGUE, CELLS, NOW, PENALTY_CELLS, WINDOW, penalty, reading

MARKET: CellKey = ("market_regulation", PENALTY)
FOUND = (fragment_pb2.CELL_STATE_FOUND, fragment_pb2.UNAVAILABLE_REASON_UNSPECIFIED)
CLEAR = (fragment_pb2.CELL_STATE_CLEAR, fragment_pb2.UNAVAILABLE_REASON_UNSPECIFIED)
UNREADABLE = (fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE, fragment_pb2.UNAVAILABLE_REASON_UNREADABLE)
IN_DOUBT = (fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE, fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT)
SILENT = frozenset({fragment_pb2.CELL_STATE_CLEAR, fragment_pb2.CELL_STATE_NOT_COVERED})

_SAID: Final[Mapping[Cost, tuple[tuple[int, int], ...]]] = {
    Cost.HARMLESS: (FOUND,),
    Cost.MAY_MAKE_UNREADABLE: (FOUND, UNREADABLE),
    Cost.MAKES_UNREADABLE: (UNREADABLE,),
    Cost.MAY_HIDE_OWNER: (FOUND, IN_DOUBT),
    Cost.HIDES_OWNER: (IN_DOUBT,),
}
"""What may be said of the cell of a row whose name is the subject's, by what the dirt may cost."""


@dataclass(frozen=True)
class Dirt:
    """What is wrong with the one row of a decision of market regulation about `worlds.FINED`; None: nothing.

    Attributes:
        kind: The dirt of the catalogue.
    """

    kind: Kind | None

    def row(self, profile: Profile, form: PenaltyForm) -> RawRow:
        """The row in a form of a province."""
        clean = clean_row(profile, form)
        if self.kind is None:
            return clean
        values = self.kind.change(clean.values, roles_of(form), Dice(self.kind.name))  # type: ignore[arg-type]  # no Decimal here
        assert values is not None, self.kind.name
        return RawRow(form=clean.form, key=clean.key, values=values, received_at=clean.received_at)

    def values(self, profile: Profile, form: PenaltyForm | None = None) -> dict[str, str]:
        """The columns that are not as they should be, with what stands there.

        Args:
            profile: The province's.
            form: The form of the row. None: the only one of decisions that the province has, or the last that it got.
        """
        form = form or penalty_forms(profile)[-1]
        clean = clean_row(profile, form)
        return {
            column: str(value)
            for column, value in self.row(profile, form).values.items()
            if value != clean.values.get(column)
        }


EVERY_DIRT = [
    pytest.param(Dirt(kind), id="clean" if kind is None else kind.name)
    for kind in (
        None,
        *(
            kind
            for kind in DIRTS
            if kind.name
            in {
                "lower-case-code",
                "formula",
                "markup",
                "unreadable-amount",
                "day-without-year",
                "unknown-state",
                "unknown-category",
                "unknown-department",
                "masked-code-beside-the-name",
                "no-code-beside-the-name",
            }
        ),
    )
]
"""Those that every platform can hold, one or two of each sort: for tests over a real source. The others are tried without one."""


def penalty_forms(profile: Profile) -> list[PenaltyForm]:
    """The forms of decisions of a province."""
    return [form for form in profile.forms.values() if isinstance(form, PenaltyForm)]


def clean_row(profile: Profile, form: PenaltyForm) -> RawRow:
    """The row before anything was wrong with it."""
    warning, fine = record_pb2.PENALTY_CATEGORY_WARNING, record_pb2.PENALTY_CATEGORY_FINE
    fact = penalty(profile.province, "P1", categories=(warning, fine), fine=Fen(3_000_000), content="警告，罚款30000元")
    return rendered(fact, form)


def assert_said(answer: SourceAnswer, search: Search, subject: Enterprise, profile: Profile, dirt: Dirt) -> None:
    """The cells that the dirt touches are as it may cost, and only those."""
    cells = cells_of(answer, search, subject, profile)
    said = (FOUND,) if dirt.kind is None else _SAID[dirt.kind.cost]
    is_wide = dirt.kind is not None and dirt.kind.is_wide
    touched = PENALTY_CELLS if is_wide else frozenset({MARKET})
    for key in touched & covered_cells(coverage_content(profile, CATALOGUE), WINDOW):
        cell = cells[key]
        assert (cell.state, cell.reason) in said, key
        assert len(cell.records) == (cell.state == fragment_pb2.CELL_STATE_FOUND), key
    assert {cells[key].state for key in CELLS - touched} <= SILENT


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
