"""What a change does to a report: by content, whatever the order in which changes arrive, and never less than what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.catalogue import PENALTY, CellKey
from contract.change import (
    Alteration,
    DisclosureEnd,
    Effect,
    alteration,
    disclosure_end,
    outdated,
    require_sound_change,
)
from contract.days import DayRange
from contract.province import Province
from contract.status_check import superseded_by_clock
from huren.change.v1 import change_pb2
from huren.fragment.v1 import fragment_pb2, record_pb2
from tests.support.changes import record_change, state
from tests.support.federation import (
    CLEAR,
    FOUND,
    LIST_CELL,
    NOT_APPLICABLE,
    NOT_COVERED,
    PENALTY_CELL,
    SUBJECT_CODE,
    WINDOW,
    Federation,
    cell,
    list_entry,
    penalty,
    uscc,
    wire_keys,
)
from tests.support.reports import asked

HEALTH: CellKey = ("health", PENALTY)
CELLS: Final = (PENALTY_CELL, HEALTH, LIST_CELL)
DATA_DAY: Final = date(2026, 11, 21)
"""China day of the cells' watermark: twelve hours before NOW."""

NOTHING: Final = Alteration()


def superseded(*cells: CellKey) -> Alteration:
    return Alteration(Effect.SUPERSEDES, cells)


def said(
    records: Mapping[CellKey, Sequence[record_pb2.Record]] | None = None,
    *,
    window: DayRange = WINDOW,
    cells: Iterable[CellKey] = CELLS,
) -> fragment_pb2.Fragment:
    """What a province said in a report."""
    listed = records or {}
    return fragment_pb2.Fragment(
        uscc=SUBJECT_CODE,
        window=window.to_wire(),
        cells=[cell(key, FOUND if listed.get(key) else CLEAR, listed.get(key, ())) for key in cells],
    )


# --- One change --------------------------------------------------------------------------------------------------------------


def test_a_record_that_arrives_late_supersedes_a_clear_report() -> None:
    assert alteration(record_change(after=state(1)), said()) == superseded(PENALTY_CELL)


def test_a_repair_supersedes_a_report_that_lists_the_record_and_no_other() -> None:
    repaired = record_change(before=state(1), cause=change_pb2.CHANGE_CAUSE_REPAIRED)

    assert alteration(repaired, said({PENALTY_CELL: [penalty("record-01")]})) == superseded(PENALTY_CELL)
    assert alteration(repaired, said({PENALTY_CELL: [penalty("record-02")]})) == NOTHING
    assert alteration(repaired, said()) == NOTHING


@pytest.mark.parametrize("wording_only", [True, False])
def test_a_correction_supersedes_unless_only_words_differ(wording_only: bool) -> None:  # noqa: FBT001
    corrected = record_change(before=state(1), after=state(2), wording_only=wording_only)
    effect = Effect.WORDING if wording_only else Effect.SUPERSEDES

    assert alteration(corrected, said({PENALTY_CELL: [penalty("record-01")]})) == Alteration(effect, (PENALTY_CELL,))


@pytest.mark.parametrize("revision", [2, 3])
@pytest.mark.parametrize("wording_only", [True, False])
def test_a_report_that_says_it_already_is_not_altered(revision: int, wording_only: bool) -> None:  # noqa: FBT001
    corrected = record_change(before=state(1), after=state(2), wording_only=wording_only)

    assert alteration(corrected, said({PENALTY_CELL: [penalty("record-01", revision=revision)]})) == NOTHING
    assert alteration(corrected, said({HEALTH: [penalty("record-01", revision=revision)]})) == NOTHING


def test_a_report_that_lists_a_record_that_came_back_is_not_altered_by_its_withdrawal() -> None:
    withdrawn = record_change(before=state(1))

    assert alteration(withdrawn, said({PENALTY_CELL: [penalty("record-01", revision=2)]})) == NOTHING


def test_a_correction_of_words_of_another_revision_than_is_listed_supersedes() -> None:
    second = record_change(before=state(2), after=state(3), wording_only=True, minutes=2)
    listed = said({PENALTY_CELL: [penalty("record-01")]})
    words = record_change(before=state(1), after=state(2), wording_only=True, minutes=1)
    amount = record_change(before=state(1), after=state(2), minutes=1)

    assert alteration(second, listed) == superseded(PENALTY_CELL)
    assert alteration(second, listed, told=[words]) == Alteration(Effect.WORDING, (PENALTY_CELL,))
    assert alteration(second, listed, told=[amount]) == superseded(PENALTY_CELL)
    third = record_change(before=state(3), after=state(4), wording_only=True, minutes=3)
    assert alteration(third, listed, told=[second, words]) == Alteration(Effect.WORDING, (PENALTY_CELL,))


def test_a_change_is_overtaken_by_a_later_one_of_the_same_record() -> None:
    arrived = record_change(after=state(1), minutes=1)
    withdrawn = record_change(before=state(1), minutes=2)
    other = record_change("record-02", before=state(1), minutes=2)

    assert alteration(arrived, said(), told=[withdrawn]) == NOTHING
    assert alteration(arrived, said(), told=[other]) == superseded(PENALTY_CELL)


def test_a_record_that_moves_to_another_domain_alters_both_cells() -> None:
    moved = record_change(before=state(1), after=state(2, HEALTH))

    assert alteration(moved, said({PENALTY_CELL: [penalty("record-01")]})) == superseded(PENALTY_CELL, HEALTH)
    assert alteration(moved, said({PENALTY_CELL: [penalty("record-01")]}, cells=[PENALTY_CELL])) == superseded(
        PENALTY_CELL
    )
    assert alteration(moved, said(cells=[HEALTH])) == superseded(HEALTH)


def test_a_record_that_moves_out_of_the_window_supersedes_and_into_it_too() -> None:
    moved = record_change(before=state(1), after=state(2, first="2020-01-01"))
    back = record_change(before=state(1, first="2020-01-01"), after=state(2))

    assert alteration(moved, said({PENALTY_CELL: [penalty("record-01")]})) == superseded(PENALTY_CELL)
    assert alteration(back, said()) == superseded(PENALTY_CELL)


@pytest.mark.parametrize(
    ("after", "altered"),
    [
        pytest.param(state(1, first="2021-11-21"), False, id="the day before the window"),
        pytest.param(state(1, first="2021-11-22"), True, id="its first day"),
        pytest.param(state(1, LIST_CELL, first="2015-01-01", last=""), True, id="an entry from before, open"),
        pytest.param(state(1, LIST_CELL, first="2015-01-01", last="2021-11-22"), True, id="removed on its first day"),
        pytest.param(state(1, LIST_CELL, first="2015-01-01", last="2021-11-21"), False, id="removed before it"),
        pytest.param(state(1, ("taxation", PENALTY)), False, id="a domain that was not asked for"),
    ],
)
def test_only_what_the_report_was_asked_for_counts(after: change_pb2.DisclosedState, *, altered: bool) -> None:
    assert (alteration(record_change(after=after), said()) != NOTHING) == altered


@pytest.mark.parametrize(
    ("first", "before", "altered"),
    [
        pytest.param("2026-11-21", None, True, id="on the day of the data"),
        pytest.param("2026-11-22", None, False, id="the day after"),
        pytest.param("2026-11-22", state(1, first="2026-11-22"), False, id="corrected, after it all the time"),
        pytest.param("2026-11-22", state(1, first="2026-11-21"), True, id="before it at first"),
    ],
)
def test_a_decision_made_after_the_data_does_not_supersede(
    first: str, before: change_pb2.DisclosedState | None, *, altered: bool
) -> None:
    change = record_change(before=before, after=state(2, first=first))

    assert (alteration(change, said()) == superseded(PENALTY_CELL)) == altered
    assert (alteration(change, said()) == NOTHING) != altered


@pytest.mark.parametrize("after", [None, state(2, HEALTH, first="2026-11-22")])
def test_a_decision_made_after_the_data_that_is_listed_all_the_same_is_altered_like_any_other(
    after: change_pb2.DisclosedState | None,
) -> None:
    listed = said({PENALTY_CELL: [penalty("record-01", penalty__decided_on="2026-11-22")]})
    altered = (PENALTY_CELL,) if after is None else (PENALTY_CELL, HEALTH)

    assert alteration(record_change(before=state(1, first="2026-11-22"), after=after), listed) == superseded(*altered)


def test_of_two_changes_at_one_instant_both_count() -> None:
    arrived, withdrawn = record_change(after=state(1)), record_change(before=state(1))

    assert alteration(arrived, said(), told=[withdrawn]) == superseded(PENALTY_CELL)
    assert alteration(withdrawn, said({PENALTY_CELL: [penalty("record-01")]}), told=[arrived]) == superseded(
        PENALTY_CELL
    )


@pytest.mark.parametrize("cell_state", [NOT_COVERED, NOT_APPLICABLE])
def test_a_cell_without_an_answer_is_never_altered(cell_state: fragment_pb2.CellState.ValueType) -> None:
    fragment = said()
    fragment.cells[0].CopyFrom(cell(PENALTY_CELL, cell_state))

    assert alteration(record_change(after=state(1)), fragment) == NOTHING


def test_another_subjects_change_does_nothing() -> None:
    change = record_change(after=state(1))
    change.uscc = uscc(2)

    assert alteration(change, said()) == NOTHING


def test_a_change_names_only_the_cells_with_the_greatest_effect() -> None:
    further = record_change(before=state(1), after=state(2, PENALTY_CELL, HEALTH), wording_only=False)

    assert alteration(further, said({PENALTY_CELL: [penalty("record-01", revision=2)]})) == NOTHING
    assert alteration(further, said({PENALTY_CELL: [penalty("record-01")]})) == superseded(PENALTY_CELL, HEALTH)


@pytest.mark.parametrize(
    "states",
    [
        {"after": state(1, first="2026-02-30")},
        {"after": state(1, first="2026-02-03", last="2026-02-02")},
        {"before": state(1, PENALTY_CELL, PENALTY_CELL)},
    ],
)
def test_days_that_do_not_exist_and_cells_named_twice_are_refused(states: dict[str, change_pb2.DisclosedState]) -> None:
    with pytest.raises(ValueError, match=r"day|first|cell"):
        require_sound_change(record_change(**states))  # type: ignore[arg-type]


# --- By the clock ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "ended"),
    [
        (date(2026, 11, 30), None),
        (date(2026, 12, 1), DisclosureEnd(date(2026, 12, 1), (PENALTY_CELL,))),
        (date(2027, 3, 1), DisclosureEnd(date(2026, 12, 1), (PENALTY_CELL, LIST_CELL))),
    ],
)
def test_a_report_ends_with_the_first_of_its_records(today: date, ended: DisclosureEnd | None) -> None:
    fragment = said(
        {
            PENALTY_CELL: [penalty("record-01", disclosed_until="2026-11-30"), penalty("record-02")],
            LIST_CELL: [list_entry("record-03", disclosed_until="2027-01-31")],
        }
    )

    assert disclosure_end(fragment, today) == ended


@pytest.mark.parametrize("today", [date(2026, 11, 30), date(2026, 12, 1), date(2027, 3, 1)])
def test_the_clock_says_the_same_to_homes_and_to_verifiers(today: date) -> None:
    checked = asked(
        {
            Province.TIANJIN: {PENALTY_CELL: [penalty("record-01", disclosed_until="2027-01-31")]},
            Province.SHANXI: {LIST_CELL: [list_entry("record-02", disclosed_until="2026-11-30")]},
        }
    )
    ends = [end.since for one in checked.admitted if (end := disclosure_end(one.fragment, today)) is not None]

    assert min(ends, default=None) == superseded_by_clock(checked, today)


# --- Before sealing ----------------------------------------------------------------------------------------------------------


def test_the_province_that_has_not_said_it_yet_is_outdated() -> None:
    federation = Federation()
    admitted = federation.admitted({Province.HEBEI: {PENALTY_CELL: [penalty("record-01")]}}, cells=CELLS)
    cells, window = wire_keys(CELLS), WINDOW.to_wire()
    arrived = record_change(after=state(1), minutes=1)
    words = record_change(before=state(1), after=state(2), wording_only=True, minutes=2)

    assert outdated([], cells, window, admitted) == frozenset()
    assert outdated([(Province.HEBEI, arrived)], cells, window, admitted) == frozenset()
    assert outdated([(Province.HEBEI, arrived), (Province.HEBEI, words)], cells, window, admitted) == {Province.HEBEI}
    assert outdated([(Province.TIANJIN, arrived)], cells, window, admitted) == {Province.TIANJIN}
    assert outdated([(Province.TIANJIN, arrived)], cells, window, admitted[:1]) == frozenset()


def test_fragments_of_another_request_are_no_answer() -> None:
    admitted = Federation().admitted(cells=CELLS)

    with pytest.raises(RuntimeError, match="another"):
        outdated([], wire_keys(CELLS[:1]), WINDOW.to_wire(), admitted)
    with pytest.raises(RuntimeError, match="another"):
        outdated([], wire_keys(CELLS), DayRange(WINDOW.first, DATA_DAY).to_wire(), admitted)


# --- Any history -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Content:
    """What a record of the model says."""

    revision: int
    cells: tuple[CellKey, ...]
    first: str
    last: str
    amount: int
    words: int

    @property
    def essence(self) -> tuple[object, ...]:
        """All but the words."""
        return self.first, self.last, self.amount


@dataclass(frozen=True)
class Step:
    """What is done to a record. `words` alone of a disclosed one is a correction of words; otherwise what it says is new."""

    record: str
    words: bool
    disclosed: bool
    cells: tuple[CellKey, ...]
    days: tuple[str, str]
    as_it_was: bool


DAYS: Final = (
    ("2020-01-01", "2020-01-01"),
    ("2024-03-01", "2024-03-01"),
    ("2026-11-21", "2026-11-21"),
    ("2019-05-05", ""),
    ("2019-05-05", "2020-05-05"),
    ("2025-05-05", "2025-06-06"),
)
RECORDS: Final = ("record-01", "record-02")

steps = st.builds(
    Step,
    record=st.sampled_from(RECORDS),
    words=st.booleans(),
    disclosed=st.booleans(),
    cells=st.sampled_from([(PENALTY_CELL,), (HEALTH,), (PENALTY_CELL, HEALTH), (("taxation", PENALTY),)]),
    days=st.sampled_from(DAYS),
    as_it_was=st.booleans(),
)

World = dict[str, Content]
"""The records that the origin discloses."""


class Origin:
    """The model of an origin: what it discloses, and the changes that it tells."""

    def __init__(self) -> None:
        self.disclosed: World = {}
        self.latest: World = {}
        self.changes: list[change_pb2.RecordChange] = []

    def take(self, step: Step) -> None:
        before = self.disclosed.get(step.record)
        after = self._after(step, before)
        if after == before:
            return
        self.changes.append(
            record_change(
                step.record,
                before=_state_of(before),
                after=_state_of(after),
                wording_only=before is not None and after is not None and step.words,
                minutes=len(self.changes),
            )
        )
        if after is None:
            del self.disclosed[step.record]
        else:
            self.disclosed[step.record] = self.latest[step.record] = after

    def _after(self, step: Step, before: Content | None) -> Content | None:
        if not step.disclosed:
            return None
        latest = self.latest.get(step.record)
        if latest is None:
            return Content(1, step.cells, *step.days, amount=1, words=1)
        if before is None and step.as_it_was:
            return latest  # disclosed again, as it was
        if before is not None and step.words:
            return replace(latest, revision=latest.revision + 1, words=latest.words + 1)
        return Content(latest.revision + 1, step.cells, *step.days, amount=latest.amount + 1, words=latest.words)


def _state_of(content: Content | None) -> change_pb2.DisclosedState | None:
    return None if content is None else state(content.revision, *content.cells, first=content.first, last=content.last)


def _listed(world: World, key: CellKey) -> World:
    return {
        name: content
        for name, content in world.items()
        if key in content.cells
        and WINDOW.overlaps(
            date.fromisoformat(content.first), date.fromisoformat(content.last) if content.last else None
        )
    }


def _fragment(world: World) -> fragment_pb2.Fragment:
    return said(
        {
            key: [penalty(name, revision=content.revision) for name, content in _listed(world, key).items()]
            for key in CELLS
        }
    )


def _difference(then: World, now: World) -> Effect:
    """How a report of then differs from one of now."""
    effect = Effect.NONE
    for key in CELLS:
        was, is_now = _listed(then, key), _listed(now, key)
        if {name: one.essence for name, one in was.items()} != {name: one.essence for name, one in is_now.items()}:
            return Effect.SUPERSEDES
        if was != is_now:
            effect = Effect.WORDING
    return effect


def _together(changes: Sequence[change_pb2.RecordChange], fragment: fragment_pb2.Fragment) -> Effect:
    return max((alteration(change, fragment, told=changes).effect for change in changes), default=Effect.NONE)


@settings(max_examples=400)
@given(before=st.lists(steps, max_size=5), after=st.lists(steps, max_size=5), data=st.data())
def test_changes_do_to_a_report_what_the_difference_is_in_any_order(
    before: list[Step], after: list[Step], data: st.DataObject
) -> None:
    origin = Origin()
    for step in before:
        origin.take(step)
    then, told_before = dict(origin.disclosed), len(origin.changes)
    for step in after:
        origin.take(step)
    fragment = _fragment(then)
    expected = _difference(then, origin.disclosed)
    since = origin.changes[told_before:]
    # What is withdrawn and then disclosed with other words supersedes: it was not there in between.
    came_back = any(not change.HasField("after") for change in since)
    shuffled = data.draw(st.permutations([*origin.changes, *origin.changes]))

    together = _together(origin.changes, fragment)

    assert together == expected or (expected is Effect.WORDING and came_back and together is Effect.SUPERSEDES)
    assert _together(shuffled, fragment) == together
    # As they arrive, one after the other, nothing is missed that is told in the end.
    arriving = [alteration(change, fragment, told=shuffled[:number]).effect for number, change in enumerate(shuffled)]
    assert max(arriving, default=Effect.NONE) >= together


@given(history=st.lists(steps, max_size=8))
def test_a_report_of_now_is_not_outdated_by_anything_that_was_told(history: list[Step]) -> None:
    origin = Origin()
    for step in history:
        origin.take(step)

    assert _together(origin.changes, _fragment(origin.disclosed)) is Effect.NONE


def test_the_model_reaches_every_effect() -> None:
    words = Step("record-01", words=True, disclosed=True, cells=(PENALTY_CELL,), days=DAYS[1], as_it_was=False)
    origin = Origin()
    origin.take(words)
    then = dict(origin.disclosed)
    assert _difference({}, then) is Effect.SUPERSEDES
    origin.take(words)
    assert _difference(then, origin.disclosed) is Effect.WORDING
    assert _together(origin.changes, _fragment(then)) is Effect.WORDING
