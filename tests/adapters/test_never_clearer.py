"""A report is never clearer than the facts: whatever becomes of the rows of a province, in whichever form of hers.

Rows are rendered from facts in every form of the four provinces, made dirty, supplied twice, corrected, and given in any order.
Then each cell of a subject either tells of every fact about it, or says that it cannot be told, or the row belongs to nobody by any
identifier, which is counted and not shown; and nothing of one subject ever becomes another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.beijing.profile import PROFILE as BEIJING
from adapters.hebei.profile import PROFILE as HEBEI
from adapters.sdk.assembly import spelled_names
from adapters.sdk.coverage import coverage_content
from adapters.sdk.mapping import row_identity
from adapters.sdk.matching import has_identifier
from adapters.sdk.notation import fold_name
from adapters.sdk.profile import Form, PenaltyForm, Profile, RowState
from adapters.sdk.source import RawRow, SourceAnswer
from adapters.shanxi.profile import PROFILE as SHANXI
from adapters.tianjin.profile import PROFILE as TIANJIN
from contract.admission import covered_cells
from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from contract.money import Fen
from huren.fragment.v1 import fragment_pb2, record_pb2
from sandbox.dice import Dice
from sandbox.dirt import CATALOGUE as DIRTS
from sandbox.dirt import Cost, dirty
from sandbox.dirt import Dirt as Kind
from sandbox.world import Enterprise, ListFact, PenaltyFact
from tests.support.dirt import IN_DOUBT, MARKET, Dirt, assert_said, cells_of, penalty_forms
from tests.support.rendering import rendered, roles_of, states_of
from tests.support.worlds import (
    AS_OF,
    CATALOGUE,
    CELLS,
    FINED,
    LISTED,
    WINDOW,
    entry,
    penalty,
    search_for,
)

PROFILES: Final = (BEIJING, TIANJIN, HEBEI, SHANXI)
SUBJECTS: Final = (FINED, LISTED)
NAMES: Final = {fold_name(name) for one in SUBJECTS for name in (one.name, *(former for former, _ in one.former_names))}
COVERED: Final[Mapping[int, frozenset[CellKey]]] = {
    profile.province: covered_cells(coverage_content(profile, CATALOGUE), WINDOW) for profile in PROFILES
}
SEARCH: Final = {subject: search_for(subject) for subject in SUBJECTS}
WANTED: Final = {
    subject: {*(identifier.value for identifier in search.identifiers), *spelled_names(search)}
    for subject, search in SEARCH.items()
}
UNAVAILABLE: Final = fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE
DOMAINS: Final = ("market_regulation", "transport", "ecology_environment")
LISTS: Final = (("migrant_wage_arrears", "social_security"), ("judgment_defaulter", "court_enforcement"))


# --- Each dirt by itself ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in (*DIRTS,)])
@pytest.mark.parametrize(
    ("profile", "form"),
    [
        pytest.param(profile, form, id=f"{profile.province.slug}-{form.name}")
        for profile in PROFILES
        for form in penalty_forms(profile)
    ],
)
def test_a_dirty_row_costs_what_it_may_cost(profile: Profile, form: PenaltyForm, kind: Kind) -> None:
    if kind.change(Dirt(None).row(profile, form).values, roles_of(form), Dice(kind.name)) is None:  # type: ignore[arg-type]
        assert kind.name in NOT_EVERYWHERE
        return
    row = Dirt(kind).row(profile, form)
    answer = answer_of([row])
    if kind.cost is Cost.HIDES_OWNER and is_nobodys(row, profile):
        assert cells_of(answer, SEARCH[FINED], FINED, profile)[MARKET].state in {
            fragment_pb2.CELL_STATE_CLEAR,
            UNAVAILABLE,
        }
        return
    assert_said(answer, SEARCH[FINED], FINED, profile, Dirt(kind))


NOT_EVERYWHERE: Final = {
    "no-category",
    "unknown-category",
    "unknown-state",
    "code-as-organisation-code",
    "amount-in-the-other-unit",
}
"""Dirts for which a form may have no column."""


# --- Any of them, and all at once ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """A fact with what became of its row.

    Attributes:
        fact: What happened.
        form: In which form its row is.
        state: What the platform says about it.
        seed: Of its dirt. None: it is clean.
        times: How often the row is supplied as it is.
        is_corrected: Whether it was supplied with another amount or reason before, and both are given.
    """

    fact: PenaltyFact | ListFact
    form: Form
    state: RowState
    seed: int | None
    times: int
    is_corrected: bool

    @property
    def cell(self) -> CellKey:
        return self.fact.domain, int(PENALTY if isinstance(self.fact, PenaltyFact) else SERIOUS_LIST)

    @property
    def day(self) -> date:
        return self.fact.decided_on if isinstance(self.fact, PenaltyFact) else self.fact.listed_on

    @property
    def is_to_be_told(self) -> bool:
        """Whether a true report tells of it."""
        if self.state is not RowState.IN_FORCE:
            return False
        if isinstance(self.fact, PenaltyFact):
            return self.day in WINDOW
        return WINDOW.overlaps(self.fact.listed_on, self.fact.removed_on)

    @property
    def is_clean(self) -> bool:
        return self.seed is None and not self.is_corrected

    def rows(self) -> list[RawRow]:
        clean = rendered(self.fact, self.form, self.state)
        rows = [clean if self.seed is None else self._soiled(clean)] * self.times
        return [*rows, self._before(clean)] if self.is_corrected else rows

    def _soiled(self, clean: RawRow) -> RawRow:
        values, _ = dirty(clean.values, roles_of(self.form), Dice(self.seed))  # type: ignore[arg-type]  # no Decimal here
        return replace(clean, values=values)

    def _before(self, clean: RawRow) -> RawRow:
        column = roles_of(self.form).document_number
        return replace(clean, values={**clean.values, column: "示更正〔2023〕1号"})


@st.composite
def events(draw: st.DrawFn, profile: Profile) -> tuple[Event, ...]:
    """Facts of two subjects in a province; no two decisions of a subject are of one day."""
    forms = tuple(profile.forms.values())
    return tuple(
        event_of(draw, profile, draw(st.sampled_from(forms)), number) for number in range(draw(st.integers(1, 6)))
    )


def event_of(draw: st.DrawFn, profile: Profile, form: Form, number: int) -> Event:
    subject = draw(st.sampled_from(SUBJECTS))
    first = draw(st.sampled_from((date(2024, 1, 2), date(2022, 1, 4), date(2019, 1, 2))))
    day = first + timedelta(days=37 * number)
    if isinstance(form, PenaltyForm):
        fact: PenaltyFact | ListFact = decision(draw, profile, subject, day, number)
    else:
        fact = listing(draw, profile, subject, day, number)
    state = draw(st.sampled_from(sorted(states_of(form), key=lambda one: (one is not RowState.IN_FORCE, one.value))))
    if state is RowState.NOT_A_PENALTY and isinstance(fact, PenaltyFact):
        fact = replace(fact, fine=None, content="违法行为轻微，不予行政处罚。")
    return Event(
        fact=fact,
        form=form,
        state=state if draw(st.booleans()) or state is RowState.NOT_A_PENALTY else RowState.IN_FORCE,
        seed=draw(st.none() | st.integers(0, 10_000)),
        times=draw(st.integers(1, 3)),
        is_corrected=draw(st.integers(0, 9)) == 9,  # one in ten
    )


def decision(draw: st.DrawFn, profile: Profile, subject: Enterprise, day: date, number: int) -> PenaltyFact:
    fen = Fen(draw(st.sampled_from((50_000, 3_000_000, 2_229_650))))
    yuan = f"{fen // 100}.{fen % 100:02d}" if fen % 100 else f"{fen // 100}"
    return penalty(
        profile.province,
        f"P{number}",
        subject=subject,
        domain=draw(st.sampled_from(DOMAINS)),
        decided_on=day,
        categories=(record_pb2.PENALTY_CATEGORY_WARNING, record_pb2.PENALTY_CATEGORY_FINE),
        fine=fen,
        content=f"警告，罚款{yuan}元",
    )


def listing(draw: st.DrawFn, profile: Profile, subject: Enterprise, day: date, number: int) -> ListFact:
    list_id, domain = draw(st.sampled_from(LISTS))
    removed_on = draw(st.sampled_from((None, day + timedelta(days=400))))
    return entry(
        profile.province,
        f"L{number}",
        subject=subject,
        list_id=list_id,
        domain=domain,
        listed_on=day,
        removed_on=removed_on,
        planned_end_on=None,
    )


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_report_is_clearer_than_the_facts(data: st.DataObject) -> None:
    profile = data.draw(st.sampled_from(PROFILES))
    happened = data.draw(events(profile))
    rows = data.draw(st.permutations([row for event in happened for row in event.rows()]))
    is_searched = data.draw(st.booleans())
    for subject in SUBJECTS:
        given_rows = [row for row in rows if bears(row, subject)] if is_searched else rows
        cells = cells_of(answer_of(given_rows), SEARCH[subject], subject, profile)
        own = [event for event in happened if event.fact.subject == subject]
        for event in own:
            assert_not_clearer(event, cells[event.cell], profile)
        for key in COVERED[profile.province]:
            of_kind = [event for event in own if event.cell[1] == key[1]]
            if all(event.is_clean for event in of_kind):
                others_doubtful = not all(event.is_clean for event in happened)
                assert_exactly([event for event in of_kind if event.cell == key], cells[key], others_doubtful)
        assert_nothing_of_others(cells.values(), own)


def assert_not_clearer(event: Event, cell: fragment_pb2.Cell, profile: Profile) -> None:
    """The cell tells of the fact, or says that it cannot be told, or its row is nobody's, or a rule withholds it."""
    if event.cell not in COVERED[profile.province]:
        assert cell.state == fragment_pb2.CELL_STATE_NOT_COVERED
        return
    told = [record for record in cell.records if day_of(record) == event.day]
    if not event.is_to_be_told:
        assert not told or not event.is_clean
        return
    if cell.state == UNAVAILABLE:
        return
    if told:
        (record,) = told
        assert cell.state == fragment_pb2.CELL_STATE_FOUND
        assert amounts_of(record) == amounts_of_fact(event.fact)
        return
    assert all(is_nobodys(row, profile) for row in event.rows()), [dict(row.values) for row in event.rows()]


def assert_exactly(own: list[Event], cell: fragment_pb2.Cell, others_doubtful: bool) -> None:  # noqa: FBT001  # one caller
    """Clean rows are found, all of them and nothing else; another's row may at most make them doubtful."""
    expected = sorted(event.day for event in own if event.is_to_be_told)
    assert sorted(day_of(record) for record in cell.records) == expected
    state = fragment_pb2.CELL_STATE_FOUND if expected else fragment_pb2.CELL_STATE_CLEAR
    assert cell.state == state or (others_doubtful and (cell.state, cell.reason) == IN_DOUBT)


def assert_nothing_of_others(cells: Iterable[fragment_pb2.Cell], own: list[Event]) -> None:
    days = {event.day for event in own}
    assert all(day_of(record) in days for cell in cells for record in cell.records)


def answer_of(rows: Iterable[RawRow]) -> SourceAnswer:
    """What a source says that found these rows."""
    return SourceAnswer(rows=tuple(rows), watermarks=dict.fromkeys(CELLS, AS_OF))


def bears(row: RawRow, subject: Enterprise) -> bool:
    """Whether a source finds the row: an identifier of the subject, or a spelling of its names, stands in it."""
    return any(isinstance(value, str) and value.strip() in WANTED[subject] for value in row.values.values())


def is_nobodys(row: RawRow, profile: Profile) -> bool:
    """Whether the row holds no valid identifier of anybody and no name that a registry of the subjects would know."""
    identity = row_identity(row, profile.forms[row.form])
    return identity is not None and not has_identifier(identity) and fold_name(identity.name) not in NAMES


def day_of(record: record_pb2.Record) -> date:
    text = record.penalty.decided_on if record.HasField("penalty") else record.list_entry.listed_on
    return date.fromisoformat(text)


def amounts_of(record: record_pb2.Record) -> list[int]:
    return [amount.fen for amount in record.penalty.amounts]


def amounts_of_fact(fact: PenaltyFact | ListFact) -> list[int]:
    return [fact.fine] if isinstance(fact, PenaltyFact) and fact.fine else []


def test_the_days_of_the_generated_facts_are_in_the_window_and_outside() -> None:
    assert date(2024, 1, 2) in WINDOW
    assert date(2022, 1, 4) in WINDOW
    assert date(2019, 1, 2) + timedelta(days=37 * 5) not in WINDOW
