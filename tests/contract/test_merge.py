"""Merge: independent of order, idempotent, without loss or invention, and never clearer than what it merges.

Fragments here are signed but held against no rule, so that merge is tried on more than admission would let through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from contract.merge import SEALING_STATES, Merged, MergeError, merge
from contract.outcome import Admitted, Question
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, record_pb2
from huren.report.v1 import report_pb2
from tests.support.federation import (
    CLEAR,
    FOUND,
    LIST_CELL,
    NOT_APPLICABLE,
    NOT_COVERED,
    PENALTY_CELL,
    SOURCE_UNAVAILABLE,
    Federation,
    cell,
    list_entry,
    penalty,
    wire_keys,
)

FEDERATION = Federation()
CELLS: tuple[CellKey, ...] = (PENALTY_CELL, LIST_CELL, ("health", PENALTY))
KEYS = wire_keys(CELLS)
QUESTIONS = {province: FEDERATION.question(province, cells=CELLS) for province in Province}

UNKNOWN_STATES = (fragment_pb2.CELL_STATE_UNSPECIFIED, 6, 99)
DECISIONS = ("a" * 64, "b" * 64)
"""Few, so that decisions repeat."""


# --- What is merged --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """What a province says of a cell."""

    state: int = CLEAR
    records: Sequence[record_pb2.Record] = field(default_factory=tuple)


Answers = Mapping[Province, Mapping[CellKey, Said]]


def _admitted(question: Question, said: Mapping[CellKey, Said]) -> Admitted:
    fragment = FEDERATION.fragment(question)
    del fragment.cells[:]
    for number, (key, one) in enumerate(said.items()):
        made = cell(key, records=one.records)
        made.state = fragment_pb2.CellState.ValueType(one.state)
        for position, record in enumerate(made.records):
            record.record_id = f"record-{number}-{position}"
            record.decided_in = question.province.wire
        fragment.cells.append(made)
    return FEDERATION.unchecked(question, fragment)


def _all_admitted(answers: Answers) -> list[Admitted]:
    return [_admitted(QUESTIONS[province], said) for province, said in answers.items()]


def _merge(admitted: Iterable[Admitted]) -> Merged:
    return merge(KEYS, tuple(Province), admitted)


def _clear(province: Province, **changes: Said) -> Admitted:
    """Clear but for the cells named `first`, `second` and `third`."""
    names = dict(zip(("first", "second", "third"), CELLS, strict=True))
    said = {names[name]: one for name, one in changes.items()}
    return _admitted(QUESTIONS[province], {key: said.get(key, Said()) for key in CELLS})


def _four(**changes: Said) -> list[Admitted]:
    """All provinces, clear but for the cells of Tianjin that are named."""
    return [_clear(province, **(changes if province is Province.TIANJIN else {})) for province in Province]


def _bytes(merged: Merged) -> bytes:
    """Everything that a report takes from a merge, as it would be serialised there."""
    return report_pb2.Report(
        columns=merged.columns, repeated_decisions=merged.repeated_decisions, conclusion=merged.conclusion
    ).SerializeToString()


@st.composite
def records(draw: st.DrawFn, kind: int) -> record_pb2.Record:
    decision_key = draw(st.sampled_from(DECISIONS))
    if kind == PENALTY:
        fen = draw(st.sampled_from((100, 200)))
        amounts = [record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_FINE, fen=fen)]
        made = penalty(decision_key=decision_key, penalty__amounts=amounts)
    else:
        removed_on = draw(st.sampled_from(("", "2025-01-01")))
        made = list_entry(decision_key=decision_key, list_entry__removed_on=removed_on)
    for mark in draw(
        st.sets(st.sampled_from((record_pb2.MARK_KIND_UNDER_OBJECTION, record_pb2.MARK_KIND_PUBLICITY_ENDED)))
    ):
        made.marks.add(kind=mark, on="2026-01-01")
    return made


@st.composite
def cells(draw: st.DrawFn, kind: int, *, sealing: bool = False) -> Said:
    states = sorted(SEALING_STATES) if sealing else [*sorted(SEALING_STATES), SOURCE_UNAVAILABLE, *UNKNOWN_STATES]
    state = draw(st.sampled_from(states))
    holds = {FOUND: (1, 3), SOURCE_UNAVAILABLE: (0, 2)}.get(fragment_pb2.CellState.ValueType(state), (0, 0))
    return Said(state, draw(st.lists(records(kind), min_size=holds[0], max_size=holds[1])))


@st.composite
def answers(draw: st.DrawFn, *, sealing: bool = False) -> Answers:
    asked = list(Province) if sealing else draw(st.lists(st.sampled_from(Province), unique=True))
    return {
        province: {key: draw(cells(key[1], sealing=sealing)) for key in draw(st.permutations(CELLS))}
        for province in asked
    }


few = settings(max_examples=60, deadline=None)


# --- Properties ------------------------------------------------------------------------------------------------------


@few
@given(data=st.data())
def test_is_independent_of_the_order_of_fragments(data: st.DataObject) -> None:
    admitted = _all_admitted(data.draw(answers()))
    merged = _merge(admitted)

    again = _merge(data.draw(st.permutations(admitted)))

    assert again == merged
    assert _bytes(again) == _bytes(merged)


@few
@given(said=answers(), order=st.permutations(CELLS))
def test_is_independent_of_the_order_of_cells_within_a_fragment(said: Answers, order: Sequence[CellKey]) -> None:
    one, other = (
        _merge(_all_admitted({province: {key: by_key[key] for key in keys} for province, by_key in said.items()}))
        for keys in (CELLS, order)
    )

    assert [(column.states, column.record_counts) for column in one.columns] == [
        (column.states, column.record_counts) for column in other.columns
    ]
    assert one.repeated_decisions == other.repeated_decisions
    assert one.gaps == other.gaps
    assert one.conclusion == other.conclusion


@few
@given(data=st.data())
def test_is_idempotent(data: st.DataObject) -> None:
    admitted = _all_admitted(data.draw(answers()))
    doubled = admitted + data.draw(st.lists(st.sampled_from(admitted)) if admitted else st.just([]))

    assert _merge(doubled) == _merge(admitted)
    assert _merge(admitted) == _merge(admitted)


@few
@given(said=answers())
def test_loses_no_province_cell_or_record(said: Answers) -> None:
    merged = _merge(_all_admitted(said))

    assert [Province(column.province) for column in merged.columns] == sorted(said)
    assert sorted([*said, *merged.missing]) == list(Province)
    for column in merged.columns:
        by_key = said[Province(column.province)]
        assert list(column.states) == [by_key[key].state for key in CELLS]
        assert list(column.record_counts) == [len(by_key[key].records) for key in CELLS]


@few
@given(said=answers())
def test_every_line_names_its_fragment(said: Answers) -> None:
    admitted = _all_admitted(said)

    named = {Province(column.province): column.fragment_statement_id for column in _merge(admitted).columns}

    assert named == {one.province: one.statement.statement_id for one in admitted}


@few
@given(said=answers())
def test_every_reference_leads_to_a_record_of_that_decision(said: Answers) -> None:
    for repeated in _merge(_all_admitted(said)).repeated_decisions:
        by_key = said[Province(repeated.province)]
        places = [(one.cell, one.record) for one in repeated.records]
        found = [by_key[CELLS[at]].records[position] for at, position in places]

        assert places == sorted(set(places))
        assert len({(record.WhichOneof("fact"), record.decision_key) for record in found}) == 1


@few
@given(said=answers())
def test_names_exactly_the_decisions_that_repeat(said: Answers) -> None:
    expected = {
        (province, decision): count
        for province, by_key in said.items()
        for decision, count in Counter(_decisions(by_key)).items()
        if count > 1
    }

    named = _merge(_all_admitted(said)).repeated_decisions

    assert Counter(len(one.records) for one in named) == Counter(expected.values())
    assert [Province(one.province) for one in named] == sorted(province for province, _ in expected)
    assert len(named) == len(expected)


@few
@given(said=answers(sealing=True))
def test_counts_each_decision_of_a_province_once(said: Answers) -> None:
    conclusion = _merge(_all_admitted(said)).conclusion
    decisions = [decision for by_key in said.values() for decision in set(_decisions(by_key))]
    objected = [
        decision
        for by_key in said.values()
        for decision in {
            (record.WhichOneof("fact"), record.decision_key)
            for one in by_key.values()
            for record in one.records
            if any(mark.kind == record_pb2.MARK_KIND_UNDER_OBJECTION for mark in record.marks)
        }
    ]

    assert conclusion is not None
    assert conclusion.penalty_count == sum(fact == "penalty" for fact, _ in decisions)
    assert conclusion.list_entry_count == sum(fact == "list_entry" for fact, _ in decisions)
    assert conclusion.under_objection_count == len(objected)


@few
@given(said=answers())
def test_concludes_nothing_while_anything_is_open(said: Answers) -> None:
    merged = _merge(_all_admitted(said))
    is_open = set(said) != set(Province) or any(
        one.state not in SEALING_STATES for by_key in said.values() for one in by_key.values()
    )

    assert (merged.conclusion is None) == is_open


@few
@given(said=answers())
def test_every_cell_that_does_not_seal_is_a_gap_and_no_other(said: Answers) -> None:
    gaps = [(gap.province, (gap.key.domain, gap.key.kind)) for gap in _merge(_all_admitted(said)).gaps]

    assert gaps == [
        (province, key) for province in sorted(said) for key in CELLS if said[province][key].state not in SEALING_STATES
    ]


@few
@given(said=answers(sealing=True))
def test_is_never_clearer_than_what_it_merges(said: Answers) -> None:
    conclusion = _merge(_all_admitted(said)).conclusion
    states = {one.state for by_key in said.values() for one in by_key.values()}

    assert conclusion is not None
    assert (conclusion.verdict == report_pb2.VERDICT_NOTHING_FOUND) == (FOUND not in states)
    assert (conclusion.verdict == report_pb2.VERDICT_FOUND) == (FOUND in states)
    assert conclusion.limited == (NOT_COVERED in states)


@few
@given(said=answers(sealing=True), data=st.data())
def test_a_finding_is_never_outvoted(said: Answers, data: st.DataObject) -> None:
    province = data.draw(st.sampled_from(Province))
    key = data.draw(st.sampled_from(CELLS))
    found = Said(FOUND, [data.draw(records(key[1]))])

    conclusion = _merge(_all_admitted({**said, province: {**said[province], key: found}})).conclusion

    assert conclusion is not None
    assert conclusion.verdict == report_pb2.VERDICT_FOUND


def _decisions(by_key: Mapping[CellKey, Said]) -> list[tuple[str | None, str]]:
    return [(record.WhichOneof("fact"), record.decision_key) for one in by_key.values() for record in one.records]


# --- Examples --------------------------------------------------------------------------------------------------------


def test_four_clear_provinces_are_nothing_found() -> None:
    merged = _merge(_four())

    assert merged.conclusion == report_pb2.Conclusion(verdict=report_pb2.VERDICT_NOTHING_FOUND)
    assert (merged.repeated_decisions, merged.gaps, merged.missing) == ((), (), ())


def test_one_record_of_one_province_is_found() -> None:
    merged = _merge(_four(first=Said(FOUND, [penalty()])))

    assert merged.conclusion == report_pb2.Conclusion(verdict=report_pb2.VERDICT_FOUND, penalty_count=1)
    assert [list(column.record_counts) for column in merged.columns] == [[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("state", "limited"),
    [
        pytest.param(NOT_COVERED, True, id="NOT_COVERED limits"),
        pytest.param(NOT_APPLICABLE, False, id="NOT_APPLICABLE limits nothing"),
    ],
)
def test_what_is_not_covered_limits_the_conclusion(state: int, *, limited: bool) -> None:
    conclusion = _merge(_four(first=Said(state))).conclusion

    assert conclusion == report_pb2.Conclusion(verdict=report_pb2.VERDICT_NOTHING_FOUND, limited=limited)


@pytest.mark.parametrize("state", [SOURCE_UNAVAILABLE, *UNKNOWN_STATES])
def test_one_cell_that_does_not_seal_leaves_everything_open(state: int) -> None:
    merged = _merge(_four(second=Said(state)))

    assert merged.conclusion is None
    assert [(gap.province, gap.key) for gap in merged.gaps] == [(Province.TIANJIN, KEYS[1])]


def test_every_state_of_the_contract_is_judged() -> None:
    states = set(fragment_pb2.CellState.values())

    assert states - SEALING_STATES == {fragment_pb2.CELL_STATE_UNSPECIFIED, SOURCE_UNAVAILABLE}


def test_the_gap_gives_the_provinces_reason() -> None:
    fragment = FEDERATION.fragment(QUESTIONS[Province.TIANJIN], states={PENALTY_CELL: SOURCE_UNAVAILABLE})
    fragment.cells[0].reason = fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT

    merged = _merge([FEDERATION.unchecked(QUESTIONS[Province.TIANJIN], fragment)])

    assert [gap.reason for gap in merged.gaps] == [fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT]


@pytest.mark.parametrize("silent", Province, ids=lambda province: province.slug)
def test_one_silent_province_leaves_everything_open(silent: Province) -> None:
    merged = _merge([_clear(province) for province in Province if province is not silent])

    assert merged.missing == (silent,)
    assert merged.conclusion is None


def test_nobody_answered() -> None:
    assert _merge([]) == Merged((), (), (), tuple(Province), None)


def test_a_decision_in_two_domains_is_counted_once() -> None:
    decision = {"decision_key": DECISIONS[0]}
    merged = _merge(_four(first=Said(FOUND, [penalty(**decision)]), third=Said(FOUND, [penalty(**decision)])))

    assert merged.conclusion == report_pb2.Conclusion(verdict=report_pb2.VERDICT_FOUND, penalty_count=1)
    assert merged.repeated_decisions == (
        report_pb2.RepeatedDecision(
            province=common_pb2.PROVINCE_TIANJIN,
            records=[report_pb2.RecordRef(cell=0, record=0), report_pb2.RecordRef(cell=2, record=0)],
        ),
    )


def _fined(fen: int, day: str = "2024-03-01") -> record_pb2.Record:
    amounts = [record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_FINE, fen=fen)]
    return penalty(decision_key=DECISIONS[0], penalty__amounts=amounts, penalty__decided_on=day)


def _listed(**changes: str) -> record_pb2.Record:
    return list_entry(decision_key=DECISIONS[0], **changes)


@pytest.mark.parametrize(
    ("cell_name", "pair", "conflicting"),
    [
        pytest.param("first", [_fined(100), _fined(100)], False, id="the same amount"),
        pytest.param("first", [_fined(100), _fined(101)], True, id="another amount"),
        pytest.param("first", [_fined(100), _fined(100, "2024-03-02")], True, id="another day"),
        pytest.param("second", [_listed(), _listed()], False, id="the same entry"),
        pytest.param(
            "second", [_listed(), _listed(list_entry__removed_on="2025-01-01")], True, id="removed in one of them"
        ),
        pytest.param(
            "second", [_listed(), _listed(list_entry__listed_on="2023-05-02")], True, id="listed on another day"
        ),
    ],
)
def test_records_of_one_decision_that_contradict_each_other_are_flagged(
    cell_name: str, pair: list[record_pb2.Record], *, conflicting: bool
) -> None:
    merged = _merge(_four(**{cell_name: Said(FOUND, pair)}))

    assert [one.conflicting for one in merged.repeated_decisions] == [conflicting]
    assert merged.conclusion is not None
    assert merged.conclusion.penalty_count + merged.conclusion.list_entry_count == 1


def test_the_order_of_amounts_is_no_conflict() -> None:
    fine = record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_FINE, fen=1)
    gains = record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_CONFISCATION, fen=2)
    pair = [penalty(decision_key=DECISIONS[0], penalty__amounts=amounts) for amounts in ([fine, gains], [gains, fine])]

    assert not _merge(_four(first=Said(FOUND, pair))).repeated_decisions[0].conflicting


def test_a_list_entry_and_the_penalty_behind_it_are_two_facts() -> None:
    decision = {"decision_key": DECISIONS[0]}
    merged = _merge(_four(first=Said(FOUND, [penalty(**decision)]), second=Said(FOUND, [list_entry(**decision)])))

    assert merged.repeated_decisions == ()
    assert merged.conclusion == report_pb2.Conclusion(
        verdict=report_pb2.VERDICT_FOUND, penalty_count=1, list_entry_count=1
    )


def test_one_key_in_two_provinces_is_two_decisions() -> None:
    same = Said(FOUND, [penalty(decision_key=DECISIONS[0])])
    merged = _merge([_clear(province, first=same) for province in Province])

    assert merged.repeated_decisions == ()
    assert merged.conclusion is not None
    assert merged.conclusion.penalty_count == 4


def test_repeated_decisions_stand_by_province_then_by_their_first_record() -> None:
    pairs = [penalty(decision_key=key) for key in (DECISIONS[1], DECISIONS[0], DECISIONS[0], DECISIONS[1])]
    merged = _merge(reversed([_clear(province, first=Said(FOUND, pairs)) for province in Province]))

    assert [(Province(one.province), one.records[0].record) for one in merged.repeated_decisions] == [
        (province, first) for province in Province for first in (0, 1)
    ]


# --- What does not belong into one report ----------------------------------------------------------------------------


def test_refuses_two_fragments_of_one_province() -> None:
    with pytest.raises(MergeError, match="two fragments of tianjin"):
        _merge([*_four(), _clear(Province.TIANJIN)])


def test_refuses_a_fragment_of_a_province_that_was_not_asked() -> None:
    with pytest.raises(MergeError, match="shanxi was not asked"):
        merge(KEYS, [Province.BEIJING, Province.TIANJIN, Province.HEBEI], _four())


@pytest.mark.parametrize(
    "answered",
    [
        pytest.param(CELLS[:2], id="too few"),
        pytest.param((*CELLS, ("taxation", SERIOUS_LIST)), id="too many"),
        pytest.param((*CELLS[:2], ("taxation", SERIOUS_LIST)), id="another"),
    ],
)
def test_refuses_a_fragment_that_answers_other_cells(answered: Sequence[CellKey]) -> None:
    with pytest.raises(MergeError, match="requested cells"):
        _merge([_admitted(QUESTIONS[Province.BEIJING], dict.fromkeys(answered, Said()))])


def test_refuses_a_fragment_that_answers_a_cell_twice() -> None:
    fragment = FEDERATION.fragment(QUESTIONS[Province.BEIJING])
    fragment.cells.append(fragment.cells[0])

    with pytest.raises(MergeError, match="requested cells"):
        _merge([FEDERATION.unchecked(QUESTIONS[Province.BEIJING], fragment)])


def test_refuses_requests_that_ask_for_a_cell_twice() -> None:
    with pytest.raises(MergeError, match="requested cells"):
        merge([*KEYS, KEYS[0]], tuple(Province), _four())
