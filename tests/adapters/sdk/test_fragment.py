"""The state table, line by line, and the property behind it: a cell never says more than it was told."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.coverage import coverage_content
from adapters.sdk.findings import Findings, read_rows
from adapters.sdk.fragment import MAX_RECORDS, Evidence, build_cells, fit
from adapters.sdk.platform import LONGEST_SEARCH, search_time
from contract.days import DayRange
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, query_pb2, record_pb2

CLEAR = fragment_pb2.CELL_STATE_CLEAR
FOUND = fragment_pb2.CELL_STATE_FOUND
NOT_COVERED = fragment_pb2.CELL_STATE_NOT_COVERED
NOT_APPLICABLE = fragment_pb2.CELL_STATE_NOT_APPLICABLE
UNAVAILABLE = fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE
SILENT = fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT
STALE = fragment_pb2.UNAVAILABLE_REASON_STALE
UNREADABLE = fragment_pb2.UNAVAILABLE_REASON_UNREADABLE
IN_DOUBT = fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT
UNATTRIBUTABLE = fragment_pb2.UNAVAILABLE_REASON_UNATTRIBUTABLE_ROWS
LIMIT = timedelta(hours=72)


def query_for(kit: Any, key: tuple[str, int], window: DayRange | None = None) -> query_pb2.Query:
    cell = common_pb2.CellKey(domain=key[0], kind=common_pb2.RecordKind.ValueType(key[1]))
    return query_pb2.Query(subject=kit.subject(), window=(window or kit.WINDOW).to_wire(), cells=[cell])


def evidence_of(kit: Any, **changes: Any) -> Evidence:
    evidence = Evidence(
        catalogue=kit.catalogue,
        coverage=coverage_content(kit.profile(), kit.catalogue),
        answer=kit.answer(),
        findings=Findings(outcomes={}),
        records={},
        at=kit.NOW,
    )
    return dataclasses.replace(evidence, **changes)


def cell_of(kit: Any, key: tuple[str, int] | None = None, **changes: Any) -> fragment_pb2.Cell:
    (cell,) = build_cells(query_for(kit, key or kit.MARKET), evidence_of(kit, **changes))
    return cell


def record() -> record_pb2.Record:
    return record_pb2.Record(record_id="abcdefgh")


def test_clear(kit: Any) -> None:
    cell = cell_of(kit)
    assert (cell.state, cell.reason, list(cell.identifiers_searched)) == (CLEAR, 0, [0])
    assert cell.HasField("data_as_of")


def test_found(kit: Any) -> None:
    cell = cell_of(kit, records={kit.MARKET: [record()]})
    assert (cell.state, cell.reason, len(cell.records)) == (FOUND, 0, 1)


def test_not_applicable_by_the_catalogue(kit: Any) -> None:
    key = ("housing_fund", int(common_pb2.RECORD_KIND_SERIOUS_LIST))
    assert cell_of(kit, key, records={key: [record()]}) == fragment_pb2.Cell(
        key=common_pb2.CellKey(domain="housing_fund", kind=common_pb2.RECORD_KIND_SERIOUS_LIST), state=NOT_APPLICABLE
    )


@pytest.mark.parametrize("complete_from", [None, "a day after the window began"])
def test_not_covered_by_the_statement(kit: Any, complete_from: str | None) -> None:
    day = kit.WINDOW.first + timedelta(days=1) if complete_from else None
    profile = kit.profile()
    department = dataclasses.replace(profile.departments[kit.MARKET], complete_from=day)
    profile = kit.profile(departments={**profile.departments, kit.MARKET: department})
    coverage = coverage_content(profile, kit.catalogue)
    cell = cell_of(kit, coverage=coverage, records={kit.MARKET: [record()]})
    assert (cell.state, len(cell.records)) == (NOT_COVERED, 0)


def silent(kit: Any) -> Any:
    return {
        "no answer": {"answer": None},
        "no watermark": {"answer": kit.answer(watermarks={})},
        "said to be silent": {"answer": kit.answer(silent={kit.MARKET: "down"})},
        "a watermark of the future": {
            "answer": kit.answer(watermarks={kit.MARKET: kit.NOW + timedelta(microseconds=1)})
        },
        "a watermark without offset": {"answer": kit.answer(watermarks={kit.MARKET: kit.NOW.replace(tzinfo=None)})},
        "the code not searched": {"answer": kit.answer(searched=frozenset({common_pb2.IDENTIFIER_KIND_NAME}))},
        "more records than a cell can list": {"records": {kit.MARKET: [record()] * (MAX_RECORDS + 1)}},
    }


@pytest.mark.parametrize(
    "case",
    [
        "no answer",
        "no watermark",
        "said to be silent",
        "a watermark of the future",
        "a watermark without offset",
        "the code not searched",
        "more records than a cell can list",
    ],
)
def test_silent(kit: Any, case: str) -> None:
    cell = cell_of(kit, **silent(kit)[case])
    assert (cell.state, cell.reason) == (UNAVAILABLE, SILENT)
    assert cell.state != CLEAR


@pytest.mark.parametrize(("age", "state"), [(LIMIT - timedelta(microseconds=1), CLEAR), (LIMIT, UNAVAILABLE)])
def test_stale_from_the_catalogues_limit(kit: Any, age: timedelta, state: int) -> None:
    assert kit.catalogue.freshness_limit(kit.MARKET) == LIMIT
    cell = cell_of(kit, answer=kit.answer(watermarks={kit.MARKET: kit.NOW - age}))
    assert cell.state == state
    assert cell.HasField("data_as_of")


def test_reasons_have_a_priority_and_readable_records_are_listed_all_the_same(kit: Any) -> None:
    cells, records = frozenset({kit.MARKET}), {kit.MARKET: [record()]}
    limit = kit.catalogue.carried[kit.MARKET].unattributable_limit
    many = {kit.MARKET: limit + 1}
    all_wrong = Findings(unreadable=cells, in_doubt=cells, outcomes={})
    steps = [
        (None, all_wrong, many, SILENT),
        (kit.answer(watermarks={kit.MARKET: kit.NOW - LIMIT}), all_wrong, many, STALE),
        (kit.answer(), all_wrong, many, UNREADABLE),
        (kit.answer(), Findings(in_doubt=cells, outcomes={}), many, IN_DOUBT),
        (kit.answer(), Findings(outcomes={}), many, UNATTRIBUTABLE),
        (kit.answer(), Findings(outcomes={}), {kit.MARKET: limit}, 0),
    ]
    for answer, findings, unattributable, reason in steps:
        cell = cell_of(kit, answer=answer, findings=findings, records=records, unattributable=unattributable)
        assert (cell.reason, len(cell.records)) == (reason, 1)
        assert cell.state == (UNAVAILABLE if reason else FOUND)


def test_identifiers_searched_are_positions_in_the_query(kit: Any) -> None:
    searched = frozenset({common_pb2.IDENTIFIER_KIND_USCC, common_pb2.IDENTIFIER_KIND_NAME})
    assert list(cell_of(kit, answer=kit.answer(searched=searched)).identifiers_searched) == [0, 2]


@given(
    data=st.data(),
    age=st.one_of(st.none(), st.timedeltas(-timedelta(hours=1), timedelta(days=5))),
    code_searched=st.booleans(),
    unattributable=st.integers(0, 100),
    complete_from_offset=st.one_of(st.none(), st.integers(-3, 3)),
)
def test_a_cell_is_never_clearer_than_what_it_rests_on(kit: Any, data: Any, **told: Any) -> None:
    key = data.draw(st.sampled_from(kit.catalogue.cells))
    is_silent, answered, unreadable, in_doubt = (data.draw(st.booleans()) for _ in range(4))
    count = data.draw(st.integers(0, 2))
    profile = kit.profile()
    if key in profile.departments:
        offset = told["complete_from_offset"]
        complete_from = None if offset is None else kit.WINDOW.first + timedelta(days=offset)
        department = dataclasses.replace(profile.departments[key], complete_from=complete_from)
        profile = kit.profile(departments={**profile.departments, key: department})
    age = told["age"]
    kinds = {common_pb2.IDENTIFIER_KIND_USCC} if told["code_searched"] else {common_pb2.IDENTIFIER_KIND_NAME}
    answer = kit.answer(
        watermarks={} if age is None else {key: kit.NOW - age},
        silent={key: "down"} if is_silent else {},
        searched=frozenset(kinds),
    )
    cells = frozenset({key})
    cell = cell_of(
        kit,
        key,
        coverage=coverage_content(profile, kit.catalogue),
        answer=answer if answered else None,
        findings=Findings(
            unreadable=cells if unreadable else frozenset(), in_doubt=cells if in_doubt else frozenset(), outcomes={}
        ),
        records={key: [record()] * count},
        unattributable={key: told["unattributable"]},
    )

    offset = told["complete_from_offset"]
    conclusive = (
        key in kit.catalogue.carried
        and offset is not None
        and offset <= 0
        and answered
        and not is_silent
        and age is not None
        and timedelta(0) <= age < kit.catalogue.freshness_limit(key)
        and told["code_searched"]
        and not unreadable
        and not in_doubt
        and told["unattributable"] <= kit.catalogue.carried[key].unattributable_limit
    )
    assert (cell.state == CLEAR) == (conclusive and count == 0)
    assert (cell.state == FOUND) == (conclusive and count > 0)
    assert (cell.state == UNAVAILABLE) == (cell.reason != 0)
    assert cell.state in {CLEAR, FOUND, UNAVAILABLE, NOT_COVERED, NOT_APPLICABLE}


# --- Too large for one answer ---------------------------------------------------------------------------------------


def filled(name: str, count: int, length: int) -> fragment_pb2.Cell:
    """A cell with so many records of so many characters."""
    text = record_pb2.FreeText(text="违" * length, masking=record_pb2.MASKING_NONE)
    one = record_pb2.Record(record_id="abcdefgh", penalty=record_pb2.Penalty(facts=text))
    return fragment_pb2.Cell(
        key=common_pb2.CellKey(domain=name, kind=common_pb2.RECORD_KIND_PENALTY),
        state=FOUND if count else CLEAR,
        data_as_of=Timestamp(seconds=1_700_000_000),
        identifiers_searched=[0],
        records=[one] * count,
    )


def test_what_fits_is_left_as_it_is() -> None:
    fragment = fragment_pb2.Fragment(cells=[filled("a", 3, 100), filled("b", 0, 0)])
    before = fragment.SerializeToString(deterministic=True)

    assert fit(fragment, len(before)) == ()
    assert fragment.SerializeToString(deterministic=True) == before


def test_of_cells_of_one_size_the_first_is_emptied() -> None:
    fragment = fragment_pb2.Fragment(cells=[filled("a", 1, 9), filled("b", 3, 100), filled("c", 3, 100)])

    assert fit(fragment, fragment.ByteSize() - 1) == (("b", 1),)
    assert [cell.state for cell in fragment.cells] == [FOUND, UNAVAILABLE, FOUND]


@given(
    counts=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 300)), min_size=1, max_size=12),
    share=st.floats(0, 1.2),
    already=st.sampled_from([0, STALE, UNREADABLE]),
)
def test_it_fits_and_is_never_clearer(counts: list[tuple[int, int]], share: float, already: Any) -> None:
    fragment = fragment_pb2.Fragment(cells=[filled(f"d{n}", *each) for n, each in enumerate(counts)])
    if already:
        fragment.cells[0].state, fragment.cells[0].reason = UNAVAILABLE, already
    before = fragment_pb2.Fragment.FromString(fragment.SerializeToString())
    bare = fragment_pb2.Fragment.FromString(fragment.SerializeToString())
    fit(bare, 0)
    limit = max(bare.ByteSize(), int(before.ByteSize() * share))

    emptied = fit(fragment, limit)

    assert fragment.ByteSize() <= limit
    sizes = [
        (cell.ByteSize(), cell.key.domain in {name for name, _ in emptied}) for cell in before.cells if cell.records
    ]
    assert max((size for size, gone in sizes if not gone), default=0) <= min(
        (size for size, gone in sizes if gone), default=1 << 40
    )
    for old, new in zip(before.cells, fragment.cells, strict=True):
        if (new.key.domain, int(new.key.kind)) in emptied:
            assert (new.state, new.reason, len(new.records)) == (UNAVAILABLE, SILENT, 0)
            assert (new.key, new.data_as_of) == (old.key, old.data_as_of)
        else:
            assert new == old


# --- From rows to findings ----------------------------------------------------------------------------------------------


def findings_of(kit: Any, *rows: Any) -> Findings:
    return read_rows(rows, kit.wanted(), kit.reading())


def test_a_row_that_stands_twice_counts_once(kit: Any) -> None:
    findings = findings_of(kit, kit.penalty(), kit.penalty(), kit.penalty("p-2"))
    assert [found.where for found in findings.records] == [("P", "p-1"), ("P", "p-2")]


def test_two_rows_of_one_key_that_differ_contradict_each_other(kit: Any) -> None:
    findings = findings_of(kit, kit.penalty(), kit.penalty(fine="2"))
    assert findings.records == ()
    assert findings.unreadable == {kit.MARKET}


def test_another_subjects_rows_do_no_harm(kit: Any) -> None:
    findings = findings_of(kit, kit.penalty(uscc=kit.OTHER, decided="?", domain="?"))
    assert findings == Findings(outcomes={"not_theirs": 1})


def test_a_row_in_doubt_makes_its_cell_doubtful(kit: Any) -> None:
    findings = findings_of(kit, kit.penalty(uscc=""), kit.entry())
    assert findings.in_doubt == {kit.MARKET}
    assert findings.unreadable == frozenset()
    assert [found.cell for found in findings.records] == [kit.MARKET_LIST]


def test_a_row_in_doubt_that_nobody_would_see_makes_nothing_doubtful(kit: Any) -> None:
    rows = (
        kit.penalty("1", uscc="", state="2"),
        kit.penalty("2", uscc="", decided="2020-01-01"),
        kit.penalty("3", uscc="", category="责令改正", fine="", content="责令改正"),
    )
    assert findings_of(kit, *rows).in_doubt == frozenset()


def test_a_row_in_doubt_that_cannot_be_read_is_in_doubt(kit: Any) -> None:
    findings = findings_of(kit, kit.penalty(uscc="", decided="?"))
    assert findings.in_doubt == {kit.MARKET}
    assert findings.unreadable == frozenset()


def test_a_row_that_does_not_say_whose_it_is_is_unreadable(kit: Any) -> None:
    row = kit.penalty()
    row = dataclasses.replace(row, values={k: v for k, v in row.values.items() if k != "uscc"})
    assert findings_of(kit, row).unreadable == {key for key in kit.catalogue.carried if key[1] == 1}


def test_a_row_of_an_unknown_form_makes_everything_unavailable(kit: Any) -> None:
    row = dataclasses.replace(kit.penalty(), form="新表")
    assert findings_of(kit, row).unreadable == set(kit.catalogue.carried)


def test_problems_hold_no_value_of_the_row(kit: Any) -> None:
    findings = findings_of(kit, kit.penalty(decided="张三的秘密"), kit.penalty("2", fine="13812345678x"))
    assert len(findings.problems) == 2
    told = [f"{problem.field} {problem.problem} {problem.supplier}" for problem in findings.problems]
    assert not any("张三" in text or "138" in text for text in told)


@pytest.mark.parametrize(
    ("remaining", "searching"), [(20.0, 19.5), (1.0, 0.75), (0.1, 0.075), (0.0, 0.0), (-1.0, 0.0), (3600.0, 30.0)]
)
def test_some_of_the_time_is_kept_back(remaining: float, searching: float) -> None:
    assert search_time(timedelta(seconds=remaining)) == timedelta(seconds=searching)
    assert search_time(timedelta(seconds=remaining)) <= LONGEST_SEARCH
