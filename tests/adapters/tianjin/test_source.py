from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sdk.mapping import Readable, Unreadable, map_row
from adapters.sdk.profile_check import check_profile, columns_read
from adapters.sdk.source import RawRow, SourceAnswer, SourceError, UnknownCursorError
from adapters.tianjin.client import read_retry_after
from adapters.tianjin.profile import PROFILE
from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from sandbox.platforms import tianjin
from tests.support.dirt import EVERY_DIRT, MARKET, Dirt, assert_said, cells_of
from tests.support.worlds import (
    CATALOGUE,
    CELLS,
    FINED,
    HOSTILE_NAMES,
    LIST_CELLS,
    LISTED,
    NOW,
    PENALTY_CELLS,
    assert_each_cell_is_answered_or_silent,
    crowded_world,
    entry,
    entry_of,
    penalty,
    penalty_of,
    reading,
    renamed,
    rows_of,
    search_for,
    world_of,
)

if TYPE_CHECKING:
    from adapters.tianjin.source import TianjinSource
    from tests.adapters.tianjin.conftest import Open

CROWDED = crowded_world(Province.TIANJIN, penalties=60, entries=20)
SMALL = crowded_world(Province.TIANJIN, penalties=11, entries=5)
SUBJECT = CROWDED.cast["found_in_several"]
NOBODY = CROWDED.cast["nothing_anywhere"]

EVERY_FAULT: Mapping[str, tianjin.Fault] = {
    "too many calls": tianjin.busy(429, retry_after="0"),
    "too many calls, a second": tianjin.busy(429, retry_after="1"),
    "too many calls, until a date": tianjin.busy(
        429, retry_after=format_datetime(NOW + timedelta(seconds=2), usegmt=True)
    ),
    "too many calls, unreadably": tianjin.busy(429, retry_after="soon"),
    "out of service": tianjin.busy(503, retry_after="0"),
    "out of service, no word": tianjin.busy(503, retry_after=None),
    "internal error": tianjin.internal_error,
    "dropped": tianjin.drop,
    "tokens expired": tianjin.expire_tokens,
    "truncated": tianjin.truncate,
    "total shifted": tianjin.shift_total,
    "row lost": tianjin.lose_row,
    "row repeated": tianjin.repeat_row,
    "floats": tianjin.float_amounts,
    "error code": tianjin.error_code,
    "forbidden": tianjin.answer(b"{}", status=403),
    "redirected": tianjin.answer(b"", status=302),
    "empty": tianjin.answer(b""),
    "null": tianjin.answer(b"null"),
    "no rows": tianjin.answer(b'{"code":0}'),
    "no rows for sure": tianjin.answer(b'{"code":0,"total":0}'),
    "rows are null": tianjin.answer(b'{"code":0,"total":0,"page":1,"size":4,"rows":null}'),
}
PASSING = (
    "too many calls",
    "too many calls, a second",
    "too many calls, until a date",
    "too many calls, unreadably",
    "out of service",
    "out of service, no word",
    "internal error",
    "dropped",
    "tokens expired",
)
MOVING = ("total shifted", "row lost", "row repeated")

JSON: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "rows", "total", "page", "size", "id"]), inner)
    ),
)


def assert_complete_or_silent(answer: SourceAnswer, truth: SourceAnswer) -> None:
    """THE property: a cell with a watermark holds every row there is; any other says why it does not."""
    assert_each_cell_is_answered_or_silent(answer)
    for form, cells in (("penalties", PENALTY_CELLS), ("serious-lists", LIST_CELLS)):
        if cells & answer.watermarks.keys():
            got, expected = rows_of(answer, form), rows_of(truth, form)
            assert got.keys() == expected.keys()
            assert [_but_floats(row) for row in got.values()] == [_but_floats(expected[key]) for key in got]


def _but_floats(row: RawRow) -> dict[str, object]:
    """Its values; an amount that a float was made of is not readable any more, which another test shows."""
    return {column: value for column, value in row.values.items() if column != "penAm"}


async def test_every_fact_comes_back_as_the_record_that_it_is(open_bench: Open) -> None:
    async with open_bench(CROWDED, page_size=13) as bench:
        answer = await bench.source.search(search_for(SUBJECT))

    assert bench.faults.calls.count("/api/v1/penalties/query") == 5
    assert answer.watermarks == dict.fromkeys(CELLS, CROWDED.as_of)
    assert answer.silent == {}
    penalties = {fact.key: fact for fact in CROWDED.penalties}
    entries = {fact.key: fact for fact in CROWDED.list_entries}
    assert {row.key for row in answer.rows} == penalties.keys() | entries.keys()
    for row in answer.rows:
        outcome = map_row(row, reading(PROFILE))
        assert isinstance(outcome, Readable), outcome
        if row.form == "penalties":
            decision = penalties[row.key]
            assert outcome.draft.penalty == penalty_of(decision)
            assert (outcome.key, row.received_at) == ((decision.domain, PENALTY), decision.received_at)
        else:
            entry = entries[row.key]
            assert outcome.draft.list_entry == entry_of(entry)
            assert (outcome.key, row.received_at) == ((entry.domain, SERIOUS_LIST), entry.received_at)


async def test_a_subject_without_anything_has_no_rows_and_every_watermark(open_bench: Open) -> None:
    async with open_bench(CROWDED) as bench:
        answer = await bench.source.search(search_for(NOBODY))

    assert (answer.rows, answer.silent) == ((), {})
    assert answer.watermarks == dict.fromkeys(CELLS, CROWDED.as_of)


async def test_says_which_kinds_of_identifier_were_searched_for(open_bench: Open) -> None:
    search = search_for(SUBJECT)
    number = common_pb2.Identifier(kind=common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, value="120000000000001")
    async with open_bench(SMALL) as bench:
        answer = await bench.source.search(replace(search, identifiers=(*search.identifiers, number)))

    assert answer.searched == {
        common_pb2.IDENTIFIER_KIND_USCC,
        common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE,
        common_pb2.IDENTIFIER_KIND_NAME,
    }


async def test_rows_under_a_former_code_are_found(open_bench: Open) -> None:
    own = common_pb2.Identifier(kind=common_pb2.IDENTIFIER_KIND_USCC, value=NOBODY.uscc)
    former = common_pb2.Identifier(kind=common_pb2.IDENTIFIER_KIND_FORMER_USCC, value=SUBJECT.uscc)
    async with open_bench(SMALL) as bench:
        answer = await bench.source.search(replace(search_for(NOBODY), identifiers=(own, former)))

    assert rows_of(answer, "penalties").keys() == {fact.key for fact in SMALL.penalties}
    assert rows_of(answer, "serious-lists").keys() == {fact.key for fact in SMALL.list_entries}


async def test_only_the_types_of_data_that_are_wanted_are_asked_for(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        answer = await bench.source.search(replace(search_for(SUBJECT), cells=LIST_CELLS))

    assert "/api/v1/penalties/query" not in bench.faults.calls
    assert answer.watermarks.keys() == LIST_CELLS


async def test_watermarks_are_those_of_the_state_of_supply(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        assert await bench.source.watermarks() == dict.fromkeys(CELLS, SMALL.as_of)


async def test_a_cell_that_the_state_of_supply_lacks_is_silent_and_alone_so(open_bench: Open) -> None:
    def without_health(document: dict[str, Any]) -> None:
        document["rows"] = [row for row in document["rows"] if row["deptCode"] != "0216"]

    async with open_bench(SMALL) as bench:
        bench.faults.add(tianjin.alter(without_health), on="supply")
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent.keys() == {("health", PENALTY)}
    assert_complete_or_silent(answer, answer)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_hostile_names_are_only_names(open_bench: Open, name: str) -> None:
    async with open_bench(renamed(SMALL, name)) as bench:
        found = await bench.source.search(search_for(NOBODY, names=(name,)))
        nothing = await bench.source.search(search_for(NOBODY, names=(name[1:],)))

    assert {row.values["entName"] for row in found.rows} == {name}
    assert (len(found.rows), found.silent) == (16, {})
    assert (nothing.rows, nothing.silent) == ((), {})


@pytest.mark.parametrize("dirt", EVERY_DIRT)
async def test_a_dirty_row_makes_its_cells_unavailable_and_never_clear(open_bench: Open, dirt: Dirt) -> None:
    world = world_of(Province.TIANJIN, [penalty(Province.TIANJIN, "P1")])
    search = search_for(FINED)
    async with open_bench(world) as bench:
        bench.faults.add(
            tianjin.alter(lambda document: document["rows"][0].update(dirt.values(PROFILE))), on="penalties"
        )
        answer = await bench.source.search(search)

    assert_said(answer, search, FINED, PROFILE, dirt)


# --- The token ------------------------------------------------------------------------------------------------------------


async def test_one_token_serves_searches_that_begin_at_once(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        await asyncio.gather(*(bench.source.search(search_for(SUBJECT)) for _ in range(8)))

    assert bench.faults.calls.count("/auth/token") == 1


async def test_one_new_token_serves_all_who_were_refused_with_the_old_one(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        await bench.source.watermarks()
        bench.faults.add(tianjin.expire_tokens, on="supply")
        answers = await asyncio.gather(*(bench.source.search(search_for(SUBJECT)) for _ in range(8)))

    assert bench.faults.calls.count("/auth/token") == 2
    assert all(not answer.silent for answer in answers)


async def test_a_token_is_renewed_before_it_ends(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        await bench.source.watermarks()
        bench.now += tianjin.TOKEN_LIFE * 0.95
        await bench.source.watermarks()

    assert bench.faults.calls == ["/auth/token", "/api/v1/supply"] * 2


async def test_a_new_token_that_is_refused_too_is_final(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(tianjin.expire_tokens, tianjin.expire_tokens, on="supply")
        with pytest.raises(SourceError, match="got 401"):
            await bench.source.watermarks()


async def test_a_wrong_secret_is_named_by_its_file_and_not_shown(open_bench: Open) -> None:
    async with open_bench(SMALL, secret="another") as bench:  # noqa: S106  # of the stand-in
        with pytest.raises(SourceError) as raised:
            await bench.source.search(search_for(SUBJECT))

    assert "client.secret" in str(raised.value)
    assert "no message" not in _everything(raised.value)


async def test_what_the_platform_says_about_a_token_is_not_repeated(open_bench: Open) -> None:
    echo = json.dumps({"code": 3, "message": "a secret that is in no message"}).encode()
    async with open_bench(SMALL) as bench:
        bench.faults.add(tianjin.answer(echo), on="token")
        with pytest.raises(SourceError) as raised:
            await bench.source.watermarks()

    assert "no message" not in _everything(raised.value)


@pytest.mark.parametrize("content", [None, b"", b"  \n", b"\xff"], ids=["missing", "empty", "blank", "binary"])
async def test_a_file_without_a_secret_opens_no_source(open_bench: Open, tmp_path: Any, content: bytes | None) -> None:
    file = tmp_path / "empty.secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SourceError, match=r"empty\.secret"):
        async with open_bench(SMALL, client_secret_file=file):
            pass


# --- What goes wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "on"),
    [
        *((fault, on) for fault in PASSING for on in ("token", "supply", "penalties", "serious-lists")),
        *((fault, on) for fault in MOVING for on in ("penalties", "serious-lists")),
    ],
)
async def test_one_passing_fault_changes_nothing(open_bench: Open, fault: str, on: str) -> None:
    async with open_bench(SMALL, page_size=4) as bench:
        bench.faults.add(EVERY_FAULT[fault], on=on)
        answer = await bench.source.search(search_for(SUBJECT))
        truth = await bench.source.search(search_for(SUBJECT))

    assert answer == truth


@pytest.mark.parametrize("fault", [name for name in EVERY_FAULT if name not in {"floats", "tokens expired"}])
async def test_a_lasting_fault_silences_its_type_of_data_and_no_other(open_bench: Open, fault: str) -> None:
    async with open_bench(SMALL, page_size=4) as bench:
        truth = await bench.source.search(search_for(SUBJECT))
        bench.faults.add(*[EVERY_FAULT[fault]] * 200, on="penalties")
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent.keys() == PENALTY_CELLS
    assert rows_of(answer, "penalties") == {}
    assert rows_of(answer, "serious-lists") == rows_of(truth, "serious-lists")


async def test_an_amount_that_is_a_number_makes_its_row_unreadable(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(tianjin.float_amounts, on="penalties")
        answer = await bench.source.search(search_for(SUBJECT))

    fined = {fact.key for fact in SMALL.penalties if fact.fine}
    outcomes = {row.key: map_row(row, reading(PROFILE)) for row in answer.rows}
    assert {key for key, outcome in outcomes.items() if isinstance(outcome, Unreadable)} == fined
    assert {outcome.field for outcome in outcomes.values() if isinstance(outcome, Unreadable)} == {"penAm"}


async def test_no_answer_in_time_silences_its_type_of_data(open_bench: Open) -> None:
    async with open_bench(SMALL, request_timeout_s=0.2, attempts=2) as bench:
        bench.faults.add(tianjin.hang, tianjin.hang, on="penalties")
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent.keys() >= PENALTY_CELLS


async def test_nothing_is_waited_for_past_the_deadline(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(tianjin.hang, on="serious-lists")
        answer = await bench.source.search(search_for(SUBJECT, until=NOW + timedelta(seconds=1)))
        with pytest.raises(SourceError, match="deadline"):
            await bench.source.search(search_for(SUBJECT, until=NOW - timedelta(seconds=1)))

    assert answer.silent.keys() >= LIST_CELLS


async def test_waits_as_long_as_told(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(tianjin.busy(429, retry_after="7"), on="supply")
        bench.faults.add(
            tianjin.busy(503, retry_after=format_datetime(NOW + timedelta(seconds=3), usegmt=True)), on="supply"
        )
        await bench.source.search(search_for(SUBJECT))

    assert bench.slept == [7.0, 3.0]


async def test_does_not_begin_a_wait_that_ends_after_the_deadline(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(tianjin.busy(429, retry_after="3600"), on="penalties")
        answer = await bench.source.search(search_for(SUBJECT))

    assert bench.slept == []
    assert answer.silent.keys() == PENALTY_CELLS


async def test_asks_so_often_and_no_more(open_bench: Open) -> None:
    async with open_bench(SMALL, attempts=4) as bench:
        bench.faults.add(*[tianjin.internal_error] * 9, on="supply")
        with pytest.raises(SourceError, match="status 500"):
            await bench.source.watermarks()

    assert bench.faults.calls.count("/api/v1/supply") == 4


@pytest.mark.parametrize("status", [400, 403, 404, 302])
async def test_asks_once_where_asking_again_is_no_use(open_bench: Open, status: int) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(tianjin.answer(b"{}", status=status), on="supply")
        with pytest.raises(SourceError, match=f"got {status}"):
            await bench.source.watermarks()

    assert bench.faults.calls.count("/api/v1/supply") == 1


async def test_pages_that_move_are_read_again(open_bench: Open) -> None:
    async with open_bench(SMALL, readings=2, page_size=4) as bench:
        bench.faults.add(*[tianjin.shift_total] * 2, on="penalties")
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent == {}
    assert bench.faults.calls.count("/api/v1/penalties/query") == 6


async def test_a_total_that_changes_on_the_last_page_is_a_move_too(open_bench: Open) -> None:
    async with open_bench(SMALL, page_size=4) as bench:
        bench.faults.add(*[tianjin.alter(lambda _: None)] * 2, tianjin.shift_total, on="penalties")
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent == {}
    assert bench.faults.calls.count("/api/v1/penalties/query") == 6


async def test_pages_that_keep_moving_are_given_up(open_bench: Open) -> None:
    async with open_bench(SMALL, readings=2, page_size=4) as bench:
        bench.faults.add(*[tianjin.repeat_row] * 6, on="penalties")
        answer = await bench.source.search(search_for(SUBJECT))

    assert set(answer.silent.values()) == {"penalties: expected 11 distinct rows, got 8"}


async def test_an_answer_that_is_too_large_is_not_read(open_bench: Open) -> None:
    async with open_bench(SMALL, max_body_bytes=50_000) as bench:
        bench.faults.add(tianjin.answer(b'{"code":0,"rows":[' + b" " * 60_000 + b"]}"), on="supply")
        with pytest.raises(SourceError, match="at most 50000 bytes"):
            await bench.source.watermarks()


async def test_more_rows_than_anybody_has_are_not_read(open_bench: Open) -> None:
    async with open_bench(SMALL, max_rows=10) as bench:
        answer = await bench.source.search(search_for(SUBJECT))

    assert set(answer.silent.values()) == {"penalties: expected at most 10 rows, got 11"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xff\xfe", id="other bytes"),
        pytest.param('{"code":0,"rows":[]}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b"<html></html>", id="HTML"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"code":0,"rows":[],"rows":[]}', id="a name twice"),
        pytest.param(b'{"code":0,"x":NaN,"rows":[]}', id="NaN"),
        pytest.param(b'{"code":0,"x":1e99999999999999999999,"rows":[]}', id="a number of no size"),
        pytest.param(b'{"code":0,"x":' + b"9" * 5000 + b',"rows":[]}', id="a number of 5000 digits"),
        pytest.param(b'{"code":0,"x":"\\ud800","rows":[]}', id="half a character"),
        pytest.param(b'{"code":"0","rows":[]}', id="the code is text"),
        pytest.param(b'{"code":false,"rows":[]}', id="the code is a truth value"),
        pytest.param(b'{"code":0,"rows":{}}', id="rows are an object"),
        pytest.param(b'{"code":0,"rows":[[]]}', id="a row is an array"),
        pytest.param(
            b'{"code":0,"rows":[{"deptCode":201,"dataType":"PEN","suppliedUpTo":1}]}', id="department is a number"
        ),
        pytest.param(
            b'{"code":0,"rows":[{"deptCode":"0201","dataType":"PEN","suppliedUpTo":1.5}]}', id="an instant is a float"
        ),
        pytest.param(
            b'{"code":0,"rows":[{"deptCode":"0201","dataType":"PEN","suppliedUpTo":99999999999999999}]}',
            id="the year 3 million",
        ),
    ],
)
async def test_whatever_is_not_as_described_is_refused(open_bench: Open, body: bytes) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(tianjin.answer(body), on="supply")
        with pytest.raises(SourceError):
            await bench.source.watermarks()


def _set(column: str, value: object) -> tianjin.Fault:
    return tianjin.alter(lambda document: document["rows"][0].update({column: value}))


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(_set("id", ""), id="no id"),
        pytest.param(_set("id", 7), id="the id is a number"),
        pytest.param(_set("newColumn", "x"), id="a further column"),
        pytest.param(tianjin.alter(lambda document: document["rows"][0].pop("penAm")), id="a missing column"),
        pytest.param(_set("penDecNo", {"text": "1"}), id="a value is an object"),
        pytest.param(_set("penDecNo", ["1"]), id="a value is an array"),
        pytest.param(tianjin.alter(lambda document: document.update(code=7)), id="an error, with rows"),
        pytest.param(tianjin.alter(lambda document: document.update(total=True)), id="the total is a truth value"),
        pytest.param(tianjin.alter(lambda document: document.update(total=-1)), id="the total is negative"),
        pytest.param(tianjin.alter(lambda document: document.update(page=2)), id="another page"),
        pytest.param(tianjin.alter(lambda document: document.update(size=2)), id="another size"),
    ],
)
async def test_a_page_that_is_not_as_described_silences_its_type_of_data(
    open_bench: Open, fault: tianjin.Fault
) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(fault, on="penalties")
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent.keys() == PENALTY_CELLS


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "UNKNOWN"),
        ("deptCode", "0300"),
        ("penDecDate", "2024-03-01"),
        ("penDecDate", 1709222400001),
    ],
)
async def test_a_row_that_cannot_be_read_with_certainty_is_handed_over_and_refused_by_the_mapping(
    open_bench: Open, column: str, value: object
) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(_set(column, value), on="penalties")
        answer = await bench.source.search(search_for(SUBJECT))

    outcomes = [map_row(row, reading(PROFILE)) for row in answer.rows]
    assert [outcome.field for outcome in outcomes if isinstance(outcome, Unreadable)] == [column]


async def test_other_columns_than_those_of_a_known_version_are_named(open_bench: Open) -> None:
    def renamed_column(document: dict[str, Any]) -> None:
        for row in document["rows"]:
            row["penAmount"] = row.pop("penAm")

    async with open_bench(SMALL) as bench:
        bench.faults.add(tianjin.alter(renamed_column), on="penalties")
        answer = await bench.source.search(search_for(SUBJECT))

    (reason,) = set(answer.silent.values())
    assert "penalties: missing 'penAm'; not of the form 'penAmount'" in reason
    assert answer.silent.keys() == PENALTY_CELLS


@pytest.mark.parametrize("received", [None, "2024-03-01", 1.5, True, -(10**15)])
async def test_a_time_of_receipt_that_cannot_be_read_is_none_and_its_row_is_handed_over(
    open_bench: Open, received: object
) -> None:
    world = world_of(Province.TIANJIN, [penalty(Province.TIANJIN, "P1")])
    search = search_for(FINED)
    async with open_bench(world) as bench:
        bench.faults.add(_set("receivedTime", received), on="penalties")
        answer = await bench.source.search(search)

    assert [(row.key, row.received_at) for row in answer.rows] == [("P1", None)]
    assert answer.silent == {}
    assert cells_of(answer, search, FINED, PROFILE)[MARKET].reason == fragment_pb2.UNAVAILABLE_REASON_UNREADABLE


# --- Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stands", "asked"),
    [
        ("示例機械廠", "示例机械厂"),
        ("示例机械厂", "示例机械厂"),
        ("示例（华北）公司", "示例(华北)公司"),
        ("示例(华北)公司", "示例（华北）公司"),
        ("天津示例公司", "天津市示例公司"),
        ("天津市示例公司", "天津示例公司"),
        ("河北省石家莊示例機械廠", "河北石家庄市示例机械厂"),
    ],
)
async def test_a_name_is_found_in_another_spelling(open_bench: Open, stands: str, asked: str) -> None:
    async with open_bench(renamed(SMALL, stands)) as bench:
        answer = await bench.source.search(search_for(NOBODY, names=(asked,)))

    assert {row.values["entName"] for row in answer.rows} == {stands}


async def test_more_names_than_one_call_takes_are_asked_for_in_several(open_bench: Open) -> None:
    """Each of these names has a traditional spelling too, so that 60 names are 120 spellings."""
    names = [f"示例第{number}机械厂" for number in range(59)]
    async with open_bench(renamed(SMALL, "示例機械廠")) as bench:
        answer = await bench.source.search(search_for(NOBODY, names=(*names, "示例机械厂"), cells=LIST_CELLS))

    assert bench.faults.calls.count("/api/v1/serious-lists/query") == 2
    assert rows_of(answer, "serious-lists").keys() == {fact.key for fact in SMALL.list_entries}


async def test_rows_of_all_questions_together_are_bounded(open_bench: Open) -> None:
    facts = [penalty(Province.TIANJIN, f"P{number}", subject=subject) for number, subject in enumerate([FINED, LISTED])]
    former = common_pb2.Identifier(kind=common_pb2.IDENTIFIER_KIND_FORMER_USCC, value=LISTED.uscc)
    search = search_for(FINED)
    async with open_bench(world_of(Province.TIANJIN, facts), max_rows=1) as bench:
        answer = await bench.source.search(replace(search, identifiers=(*search.identifiers, former)))

    assert set(answer.silent.values()) == {"penalties: expected at most 1 rows, got 2"}


# --- Following ------------------------------------------------------------------------------------------------------------


async def all_supplied(source: TianjinSource, cursor: str = "", limit: int = 7) -> tuple[list[RawRow], str]:
    rows: list[RawRow] = []
    while True:
        part = await source.supplied_since(cursor, limit)
        rows += part.rows
        assert part.expected is not None
        assert (part.expected == len(part.rows)) is part.is_all
        cursor = part.cursor
        if part.is_all:
            return rows, cursor


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
async def test_everything_that_was_supplied_is_given_once_and_then_nothing(open_bench: Open, limit: int) -> None:
    async with open_bench(CROWDED) as bench:
        rows, cursor = await all_supplied(bench.source, limit=limit)
        then = await bench.source.supplied_since(cursor, limit)
        searched = await bench.source.search(search_for(SUBJECT))

    assert sorted(rows, key=lambda row: row.key) == sorted(searched.rows, key=lambda row: row.key)
    assert (then.rows, then.is_all, then.expected) == ((), True, 0)


async def test_what_is_still_to_come_is_counted(open_bench: Open) -> None:
    async with open_bench(CROWDED) as bench:
        first = await bench.source.supplied_since("", 30)
        second = await bench.source.supplied_since(first.cursor, 30)

    assert first.expected == len(CROWDED.penalties) + len(CROWDED.list_entries)
    assert second.expected == first.expected - len(first.rows)


async def test_a_row_that_changes_comes_again_and_a_new_one_comes(open_bench: Open) -> None:
    fact = SMALL.penalties[0]
    new = penalty(Province.TIANJIN, "P999")
    async with open_bench(SMALL) as bench:
        _, cursor = await all_supplied(bench.source)
        tianjin.supply_row(bench.app, fact, status="CANCELED")
        tianjin.supply_row(bench.app, new)
        rows, _ = await all_supplied(bench.source, cursor)

    assert [(row.key, row.values["status"]) for row in rows] == [(fact.key, "CANCELED"), ("P999", "VALID")]


async def test_rows_that_bear_nobodys_code_are_seen_by_whoever_follows(open_bench: Open) -> None:
    async with open_bench(world_of(Province.TIANJIN, [penalty(Province.TIANJIN, "P1")])) as bench:
        tianjin.supply_row(
            bench.app, penalty(Province.TIANJIN, "P2"), creditCode="91110105MA********", orgCode=None, entName="示例"
        )
        rows, _ = await all_supplied(bench.source)

    assert [row.key for row in rows] == ["P1", "P2"]


async def test_rows_are_fetched_by_their_keys_as_they_stand_now(open_bench: Open) -> None:
    keys = [("penalties", fact.key) for fact in CROWDED.penalties] + [("serious-lists", CROWDED.list_entries[0].key)]
    gone = [("penalties", f"X{number}") for number in range(100)]
    changed = CROWDED.penalties[3]
    async with open_bench(CROWDED) as bench:
        tianjin.supply_row(bench.app, changed, status="REPAIRED")
        found = await bench.source.by_key([*keys, *gone])
        nothing = await bench.source.by_key([])

    assert nothing == {}
    assert {key: None if row is None else row.key for key, row in found.items()} == {
        **{key: key[1] for key in keys},
        **dict.fromkeys(gone),
    }
    assert bench.faults.calls.count("/api/v1/penalties/by-ids") == 2
    row = found["penalties", changed.key]
    assert row is not None
    assert row.values["status"] == "REPAIRED"


async def test_a_key_of_no_type_of_data_is_refused(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        with pytest.raises(SourceError, match="'T_XZCF'"):
            await bench.source.by_key([("T_XZCF", "1")])


@pytest.mark.parametrize("fault", PASSING)
async def test_one_passing_fault_changes_nothing_for_whoever_follows(open_bench: Open, fault: str) -> None:
    async with open_bench(SMALL) as bench:
        truth, _ = await all_supplied(bench.source)
        bench.faults.add(EVERY_FAULT[fault], on="changes")
        bench.faults.add(EVERY_FAULT[fault], on="by-ids")
        rows, _ = await all_supplied(bench.source)
        found = await bench.source.by_key([(row.form, row.key) for row in truth])

    assert rows == truth
    assert list(found.values()) == truth


@pytest.mark.parametrize("fault", [name for name in EVERY_FAULT if name not in {*PASSING, *MOVING, "floats"}])
async def test_a_lasting_fault_is_an_error_for_whoever_follows(open_bench: Open, fault: str) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(EVERY_FAULT[fault], on="changes")
        bench.faults.add(EVERY_FAULT[fault], on="by-ids")
        if fault != "no rows for sure":
            with pytest.raises(SourceError):
                await bench.source.by_key([("penalties", SMALL.penalties[0].key)])
        with pytest.raises(SourceError):
            await bench.source.supplied_since("", 10)


@pytest.mark.parametrize(
    ("fault", "on"),
    [
        pytest.param(tianjin.alter(lambda document: document.update(next="")), "changes", id="no place"),
        pytest.param(tianjin.alter(lambda document: document.update(next=None)), "changes", id="place null"),
        pytest.param(tianjin.alter(lambda document: document.update(more=1)), "changes", id="more is a number"),
        pytest.param(tianjin.alter(lambda document: document.update(more=True)), "changes", id="more of nothing"),
        pytest.param(
            tianjin.alter(lambda document: document.update(remaining=3)), "changes", id="some remain, not more"
        ),
        pytest.param(
            tianjin.alter(lambda document: document.update(remaining=-1, more=True)),
            "changes",
            id="fewer than none remain",
        ),
        pytest.param(tianjin.alter(lambda document: document.update(rows=None)), "changes", id="no changes"),
        pytest.param(
            tianjin.alter(lambda document: document["rows"].extend(document["rows"] * 20)), "changes", id="many"
        ),
        pytest.param(_set("id", ""), "changes", id="no id"),
        pytest.param(_set("further", ""), "changes", id="a further column"),
        pytest.param(tianjin.repeat_row, "by-ids", id="a row twice"),
        pytest.param(_set("id", "P9"), "by-ids", id="another row"),
        pytest.param(_set("id", None), "by-ids", id="by id without one"),
        pytest.param(tianjin.alter(lambda document: document.pop("rows")), "by-ids", id="no rows"),
    ],
)
async def test_changes_and_rows_by_id_are_read_strictly(open_bench: Open, fault: tianjin.Fault, on: str) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(fault, on=on)
        keys = [("penalties", fact.key) for fact in SMALL.penalties]
        asking = bench.source.supplied_since("", 50) if on == "changes" else bench.source.by_key(keys)
        with pytest.raises(SourceError):
            await asking


async def test_a_platform_that_leads_in_circles_is_not_followed(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        part = await bench.source.supplied_since("", 2)
        (place, _) = json.loads(part.cursor).values()
        bench.faults.add(
            tianjin.alter(lambda document: document.update(next=place, more=True, remaining=1)), on="penalties/changes"
        )
        with pytest.raises(SourceError, match="led on"):
            await bench.source.supplied_since(part.cursor, 2)


@pytest.mark.parametrize(
    "cursor",
    ["x", "[]", "7", "{}", '{"penalties":"","lists":""}', '{"penalties":"","serious-lists":1}', "[" * 100_000],
)
async def test_a_cursor_of_another_source_is_refused(open_bench: Open, cursor: str) -> None:
    async with open_bench(SMALL) as bench:
        with pytest.raises(SourceError, match="cursor"):
            await bench.source.supplied_since(cursor, 10)


async def test_a_place_that_the_platform_does_not_know_any_more_is_an_error(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        with pytest.raises(UnknownCursorError, match="4101"):
            await bench.source.supplied_since('{"penalties":"c-999","serious-lists":""}', 10)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.just("supply"), st.integers(0, 15), st.booleans()) | st.tuples(st.just("page"), st.integers(1, 6)),
        max_size=40,
    )
)
async def test_whatever_arrives_between_pages_its_last_state_is_seen(
    open_bench: Open, steps: list[tuple[str, int] | tuple[str, int, bool]]
) -> None:
    truth: dict[str, str] = {}
    seen: dict[str, object] = {}
    cursor = ""
    world = world_of(Province.TIANJIN, [penalty(Province.TIANJIN, "P0", facts="0")])
    truth["P0"] = "0"
    async with open_bench(world) as bench:
        for number, step in enumerate(steps):
            if step[0] == "page":
                part = await bench.source.supplied_since(cursor, step[1])
                seen |= {row.key: _text_of(row) for row in part.rows}
                cursor = part.cursor
            elif step[2:] == (True,):
                tianjin.supply_row(bench.app, penalty(Province.TIANJIN, f"P{step[1]}", facts=str(number)))
                truth[f"P{step[1]}"] = str(number)
            else:
                tianjin.supply_row(bench.app, entry(Province.TIANJIN, f"E{step[1]}", reason=str(number)))
                truth[f"E{step[1]}"] = str(number)
        rows, _ = await all_supplied(bench.source, cursor, limit=5)

    assert seen | {row.key: _text_of(row) for row in rows} == truth


def _text_of(row: RawRow) -> object:
    return row.values["illegalFact" if row.form == "penalties" else "inReason"]


# --- Whatever goes wrong --------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    schedule=st.lists(
        st.tuples(
            st.sampled_from(["/", "token", "supply", "penalties", "serious-lists"]),
            st.sampled_from(sorted(EVERY_FAULT)),
        ),
        max_size=14,
    ),
    page_size=st.integers(1, 6),
)
async def test_rows_are_complete_or_their_cells_silent_whatever_goes_wrong(
    open_bench: Open, schedule: list[tuple[str, str]], page_size: int
) -> None:
    async with open_bench(SMALL, page_size=page_size) as bench:
        truth = await bench.source.search(search_for(SUBJECT))
        for on, fault in schedule:
            bench.faults.add(EVERY_FAULT[fault], on=on)
        try:
            answer = await bench.source.search(search_for(SUBJECT))
        except SourceError:
            return
        assert_complete_or_silent(answer, truth)


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
async def test_no_bytes_make_anything_but_a_source_error(open_bench: Open, body: bytes) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add(tianjin.answer(body), on="penalties")
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent.keys() == PENALTY_CELLS


# --- Small things ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0", timedelta(0)),
        (" 12 ", timedelta(seconds=12)),
        ("Sun, 22 Nov 2026 02:30:05 GMT", timedelta(seconds=5)),
        ("Sun, 22 Nov 2026 02:30:05 -0000", timedelta(seconds=5)),
        ("Sat, 21 Nov 2026 02:30:05 GMT", timedelta(0)),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 30, None),
    ],
)
def test_reads_when_to_come_again(header: str, expected: timedelta | None) -> None:
    assert read_retry_after(header, NOW) == expected


def test_the_profile_can_be_relied_on() -> None:
    check_profile(PROFILE, CATALOGUE)


async def test_the_profile_accounts_for_every_column_of_the_platform(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        answer = await bench.source.search(search_for(SUBJECT))

    for row in answer.rows:
        form = PROFILE.forms[row.form]
        assert row.values.keys() == columns_read(form) | form.ignored.keys()


def _everything(error: BaseException | None) -> str:
    text = ""
    while error is not None:
        text += f"{error} {error!r}"
        error = error.__cause__ or error.__context__
    return text
