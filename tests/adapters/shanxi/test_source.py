from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from opencc import OpenCC

from adapters.sdk.forms import columns_of
from adapters.sdk.mapping import Readable, Unreadable, map_row
from adapters.sdk.profile import Dated, Span
from adapters.sdk.profile_check import check_profile
from adapters.sdk.source import RawRow, SourceAnswer, SourceError, UnknownCursorError
from adapters.shanxi import source, wire
from adapters.shanxi.profile import NAMES, PROFILE
from adapters.shanxi.source import ShanxiSource
from contract.authorities import DecidedBy, decided_in
from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from sandbox.platforms import shanxi
from sandbox.world import generate
from tests.support.dirt import EVERY_DIRT, Dirt, assert_said, cells_of
from tests.support.worlds import (
    CATALOGUE,
    CELLS,
    FINED,
    HOSTILE_NAMES,
    LIST_CELLS,
    NOW,
    PENALTY_CELLS,
    TODAY,
    assert_each_cell_is_answered_or_silent,
    crowded_world,
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
    from tests.adapters.shanxi.conftest import Open

CROWDED = crowded_world(Province.SHANXI, penalties=90, entries=25)
SMALL = crowded_world(Province.SHANXI, penalties=11, entries=5)
SUBJECT = CROWDED.cast["found_in_several"]
NOBODY = CROWDED.cast["nothing_anywhere"]

BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]><lolz>&d;&d;&d;&d;</lolz>"""

EVERY_FAULT: Mapping[str, shanxi.Fault] = {
    "soap fault": shanxi.soap_fault,
    "unavailable": shanxi.unavailable,
    "doctype": shanxi.doctype,
    "truncated": shanxi.truncate,
    "error code": shanxi.error_code,
    "row lost": shanxi.lose_row,
    "rows lost": shanxi.lose_rows,
    "total shifted": shanxi.shift_total,
    "row changed": shanxi.change_row,
    "ended early": shanxi.end_early,
    "no more": shanxi.no_more,
    "cursor loop": shanxi.loop,
    "renamed": shanxi.rename("B1", "罚金"),
    "bomb": shanxi.answer(BOMB),
    "empty": shanxi.answer(b""),
    "other root": shanxi.answer(b"<html/>"),
    "forbidden": shanxi.answer(b"", status=403),
}
FINAL = (
    "soap fault",
    "unavailable",
    "doctype",
    "truncated",
    "error code",
    "rows lost",
    "bomb",
    "empty",
    "other root",
    "forbidden",
)


def assert_complete_or_silent(answer: SourceAnswer, truth: SourceAnswer) -> None:
    """THE property: a cell with a watermark holds every row there is; any other says why it does not."""
    assert_each_cell_is_answered_or_silent(answer)
    for form, cells in (("QueryPenalty", PENALTY_CELLS), ("QuerySeriousList", LIST_CELLS)):
        if cells & answer.watermarks.keys():
            assert rows_of(answer, form).keys() == rows_of(truth, form).keys()


async def test_every_fact_comes_back_as_the_record_that_it_is(open_bench: Open) -> None:
    async with open_bench(CROWDED) as bench:
        answer = await bench.source.search(search_for(SUBJECT))

    assert bench.faults.calls.count("QueryPenalty") == 5
    assert answer.watermarks == dict.fromkeys(CELLS, CROWDED.as_of)
    assert answer.silent == {}
    penalties = {fact.key: fact for fact in CROWDED.penalties}
    entries = {fact.key: fact for fact in CROWDED.list_entries}
    assert {row.key for row in answer.rows} == penalties.keys() | entries.keys()
    for row in answer.rows:
        outcome = map_row(row, reading(PROFILE))
        assert isinstance(outcome, Readable), outcome
        fact = penalties.get(row.key) or entries[row.key]
        number = shanxi.as_supplied(fact.document_number, fact.received_at)
        if row.key in penalties:
            assert outcome.draft.penalty == penalty_of(penalties[row.key], document_number=number)
        else:
            assert outcome.draft.list_entry == entry_of(entries[row.key], document_number=number)
        kind = PENALTY if row.key in penalties else SERIOUS_LIST
        assert (outcome.key, row.received_at) == ((fact.domain, kind), fact.received_at)


async def test_a_subject_without_anything_has_no_rows_and_every_watermark(open_bench: Open) -> None:
    async with open_bench(CROWDED) as bench:
        answer = await bench.source.search(search_for(NOBODY))

    assert (answer.rows, answer.silent) == ((), {})
    assert answer.watermarks == dict.fromkeys(CELLS, CROWDED.as_of)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 16])
async def test_rows_that_chunks_repeat_are_counted_once(open_bench: Open, chunk: int) -> None:
    async with open_bench(SMALL, chunk=chunk) as bench:
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent == {}
    assert len(answer.rows) == 16


async def test_an_absent_element_and_an_empty_one_are_the_same(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        answer = await bench.source.search(search_for(SUBJECT))

    for row in answer.rows:
        assert sorted(row.values) == sorted(columns_of(PROFILE.forms[row.form]))
        assert None not in row.values.values()


async def test_rows_under_a_former_code_are_found(open_bench: Open) -> None:
    own = common_pb2.Identifier(kind=common_pb2.IDENTIFIER_KIND_USCC, value=NOBODY.uscc)
    former = common_pb2.Identifier(kind=common_pb2.IDENTIFIER_KIND_FORMER_USCC, value=SUBJECT.uscc)
    number = common_pb2.Identifier(kind=common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, value="140000000000001")
    async with open_bench(SMALL) as bench:
        answer = await bench.source.search(replace(search_for(NOBODY), identifiers=(own, former, number)))

    assert len(answer.rows) == 16
    assert answer.searched == {own.kind, former.kind}


async def test_only_the_types_of_data_that_are_wanted_are_asked_for(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        answer = await bench.source.search(replace(search_for(SUBJECT), cells=LIST_CELLS))

    assert "QueryPenalty" not in bench.faults.calls
    assert answer.watermarks.keys() == LIST_CELLS


async def test_watermarks_are_the_data_times(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        assert await bench.source.watermarks() == dict.fromkeys(CELLS, SMALL.as_of)


async def test_a_cell_without_a_data_time_is_silent_and_alone_so(open_bench: Open) -> None:
    def without_health(result: etree._Element) -> None:
        for row in result.findall(f".//{{{wire.NAMESPACE}}}Row"):
            if row.findtext(f"{{{wire.NAMESPACE}}}Dept") == "SX-WJW":
                row.getparent().remove(row)  # type: ignore[union-attr]  # a row stands in Rows

    async with open_bench(SMALL) as bench:
        bench.faults.add("GetDataTime", shanxi.alter(without_health))
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent.keys() == {("health", PENALTY)}


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_hostile_names_are_only_names(open_bench: Open, name: str) -> None:
    async with open_bench(renamed(SMALL, name)) as bench:
        found = await bench.source.search(search_for(NOBODY, names=(name,)))
        nothing = await bench.source.search(search_for(NOBODY, names=(name[1:],)))

    assert {row.values["EntName"] for row in found.rows} == {name}
    assert (len(found.rows), found.silent) == (16, {})
    assert (nothing.rows, nothing.silent) == ((), {})


@pytest.mark.parametrize("written", ["山西示例環保設備製造有限公司", "山西示例群眾有限公司", "山西示例羣衆有限公司"])
async def test_a_row_that_bears_the_name_in_traditional_characters_is_found(open_bench: Open, written: str) -> None:
    name = OpenCC("t2s").convert(written)
    async with open_bench(renamed(SMALL, written)) as bench:
        answer = await bench.source.search(search_for(NOBODY, names=(name,)))

    assert name != written
    assert (len(answer.rows), answer.silent) == (16, {})


async def test_more_names_than_a_request_may_hold_are_asked_for_one_request_after_another(open_bench: Open) -> None:
    names = tuple(f"示例第{number}有限公司" for number in range(30))
    async with open_bench(renamed(SMALL, names[-1])) as bench:
        answer = await bench.source.search(search_for(NOBODY, names=names))

    assert bench.faults.calls.count("QueryPenalty") >= 2
    assert (len(answer.rows), answer.silent) == (16, {})


async def test_an_element_that_no_form_has_stops_its_type_of_data_with_the_difference(open_bench: Open) -> None:
    def add(result: etree._Element) -> None:
        row = result.find(f".//{{{wire.NAMESPACE}}}Row")
        assert row is not None
        etree.SubElement(row, f"{{{wire.NAMESPACE}}}Repaired").text = "0"

    async with open_bench(SMALL) as bench:
        bench.faults.add("QueryPenalty", shanxi.alter(add))
        answer = await bench.source.search(search_for(SUBJECT))

    difference = "compared with QueryPenalty: missing nothing; not of the form 'Repaired'"
    assert answer.silent == dict.fromkeys(PENALTY_CELLS, f"QueryPenalty: header of no known version; {difference}")


@pytest.mark.parametrize("text", ["", "2024", "20241301000000", "不详"])
async def test_a_row_whose_time_of_receipt_cannot_be_read_is_handed_over_without(open_bench: Open, text: str) -> None:
    world = world_of(Province.SHANXI, [penalty(Province.SHANXI, "P1")])
    search = search_for(FINED)
    async with open_bench(world) as bench:
        bench.book.put("CF", {**shanxi.penalty_row(world.penalties[0]), "RecvTime": text})
        answer = await bench.source.search(search)

    (row,) = answer.rows
    assert (row.received_at, answer.silent) == (None, {})
    assert isinstance(map_row(row, reading(PROFILE)), Unreadable)
    cell = cells_of(answer, search, FINED, PROFILE)["market_regulation", PENALTY]
    assert cell.reason == fragment_pb2.UNAVAILABLE_REASON_UNREADABLE


@given(name=st.text(max_size=30))
def test_what_is_searched_for_is_never_anything_but_text(name: str) -> None:
    try:
        request = wire.write_request("QueryPenalty", (("EntName", name),))
    except SourceError:
        return
    (body,) = etree.fromstring(request)
    assert [(element.tag, element.text or "") for element in body[0]] == [(f"{{{wire.NAMESPACE}}}EntName", name)]


async def test_an_identifier_that_xml_cannot_carry_silences_what_it_was_searched_in(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        answer = await bench.source.search(search_for(SUBJECT, names=("示例\x01",)))

    assert answer.silent.keys() == CELLS


@pytest.mark.parametrize("dirt", EVERY_DIRT)
async def test_a_dirty_row_makes_its_cells_unavailable_and_never_clear(open_bench: Open, dirt: Dirt) -> None:
    def soil(result: etree._Element) -> None:
        (row,) = result.findall(f".//{{{wire.NAMESPACE}}}Row")
        for column, value in dirt.values(PROFILE).items():
            element = row.find(f"{{{wire.NAMESPACE}}}{column}")
            if element is None:
                element = etree.SubElement(row, f"{{{wire.NAMESPACE}}}{column}")
            element.text = value

    world = world_of(Province.SHANXI, [penalty(Province.SHANXI, "P1")])
    search = search_for(FINED)
    async with open_bench(world) as bench:
        bench.faults.add("QueryPenalty", shanxi.alter(soil))
        answer = await bench.source.search(search)

    assert_said(answer, search, FINED, PROFILE, dirt)


# --- Code tables ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "table"), [("SX-HBJ", "dept"), ("B1", "category"), ("M7", "list")])
async def test_a_code_of_another_name_stops_the_source(open_bench: Open, code: str, table: str) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add("GetCodeTable", *[shanxi.rename(code, "别的")] * 3)
        answer = await bench.source.search(search_for(SUBJECT))
        again = await bench.source.search(search_for(SUBJECT))
        with pytest.raises(SourceError, match=code):
            await bench.source.watermarks()

    (expected,) = (names.values[code] for names in NAMES if names.name == table)
    assert set(answer.silent.values()) == {f"code table {table}: expected {code} to be {expected!r}, got '别的'"}
    assert answer == again
    assert answer.silent.keys() == CELLS
    assert (answer.rows, answer.watermarks) == ((), {})


async def test_a_code_that_the_platform_dropped_stops_the_source(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add("GetCodeTable", shanxi.lose_row)
        answer = await bench.source.search(search_for(SUBJECT))

    assert set(answer.silent.values()) == {"code table dept: expected SX-QT to be '其他部门', got None"}


async def test_code_tables_are_looked_at_again_when_it_is_time(open_bench: Open) -> None:
    async with open_bench(SMALL, check_codes_every_s=60) as bench:
        await asyncio.gather(*(bench.source.search(search_for(SUBJECT)) for _ in range(4)))
        assert bench.faults.calls.count("GetCodeTable") == 3
        bench.clock[0] += timedelta(seconds=60)
        bench.faults.add("GetCodeTable", shanxi.rename("SX-SWJ", "地税"))
        answer = await bench.source.search(search_for(SUBJECT, until=bench.clock[0] + timedelta(seconds=30)))

    assert answer.silent.keys() == CELLS


async def test_a_department_may_have_another_name_from_the_day_on_that_the_profile_knows(
    open_bench: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = (Span(None, TODAY, "生态环境"), Span(TODAY + timedelta(days=1), None, "生态环境和林业"))
    dept, *others = NAMES
    dated = replace(
        dept, values={**dept.values, "SX-HBJ": Dated(spans), "SX-LD": Dated((Span(None, TODAY, "老部门"),))}
    )
    monkeypatch.setattr(source, "NAMES", (dated, *others))
    async with open_bench(SMALL, check_codes_every_s=0) as bench:
        bench.clock[0] += timedelta(days=1)
        bench.faults.add("GetCodeTable", shanxi.rename("SX-HBJ", "生态环境和林业"))
        renamed_in_time = await bench.source.supplied_since("", 10)
        with pytest.raises(SourceError) as late:
            await bench.source.watermarks()

    assert renamed_in_time.rows
    assert str(late.value) == "code table dept: expected SX-HBJ to be '生态环境和林业', got '生态环境'"


async def test_a_department_that_is_renamed_before_its_day_stops_the_source(
    open_bench: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = (Span(None, TODAY, "生态环境"), Span(TODAY + timedelta(days=1), None, "生态环境和林业"))
    dept, *others = NAMES
    monkeypatch.setattr(source, "NAMES", (replace(dept, values={**dept.values, "SX-HBJ": Dated(spans)}), *others))
    async with open_bench(SMALL) as bench:
        bench.faults.add("GetCodeTable", shanxi.rename("SX-HBJ", "生态环境和林业"))
        with pytest.raises(SourceError, match="expected SX-HBJ to be '生态环境', got '生态环境和林业'"):
            await bench.source.watermarks()


async def test_code_tables_that_cannot_be_looked_at_leave_nothing_to_say(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add("GetCodeTable", shanxi.soap_fault)
        with pytest.raises(SourceError, match="NullPointerException"):
            await bench.source.search(search_for(SUBJECT))
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent == {}


# --- Following ------------------------------------------------------------------------------------------------------------------


async def everything(followed: ShanxiSource, *, cursor: str = "", limit: int = 7) -> tuple[list[RawRow], str]:
    """Follows a source to its end."""
    rows: list[RawRow] = []
    while True:
        part = await followed.supplied_since(cursor, limit)
        assert part.expected is not None
        assert (len(part.rows) >= part.expected) == part.is_all
        rows += part.rows
        cursor = part.cursor
        if part.is_all:
            return rows, cursor


@pytest.mark.parametrize("chunk", [1, 2, 3, 20])
@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_following_gives_every_row_in_the_order_of_supply(open_bench: Open, chunk: int, limit: int) -> None:
    async with open_bench(SMALL, chunk=chunk) as bench:
        rows, cursor = await everything(bench.source, limit=limit)
        again = await bench.source.supplied_since(cursor, limit)
        truth = await bench.source.search(search_for(SUBJECT))

    for form in ("QueryPenalty", "QuerySeriousList"):
        given = [row for row in rows if row.form == form]
        assert {row.key: row for row in given} == rows_of(truth, form)
        received = [row.received_at for row in given]
        assert received == sorted(received, key=lambda at: at or NOW)
    assert again.is_all
    assert {row.key for row in again.rows} <= {row.key for row in rows}


async def test_what_arrives_or_changes_later_comes_later(open_bench: Open) -> None:
    first, second = SMALL.penalties[0], SMALL.penalties[1]
    late = replace(first, key="P9")
    corrected = replace(second, document_number="更正〔2026〕1號")
    async with open_bench(SMALL, chunk=4) as bench:
        _, cursor = await everything(bench.source)
        bench.book.put("CF", shanxi.penalty_row(corrected))
        bench.book.put("CF", shanxi.penalty_row(late))
        rows, cursor = await everything(bench.source, cursor=cursor)
        rest, _ = await everything(bench.source, cursor=cursor)

    assert [row.key for row in rows if row.key in {second.key, "P9"}] == [second.key, "P9"]
    (changed,) = [row for row in rows if row.key == second.key]
    assert changed.values["DocNo"] == "更正〔2026〕1號"
    assert len(rest) <= 1  # the service repeats its last row now and then


async def test_a_row_that_changes_while_one_follows_is_not_passed_over(open_bench: Open) -> None:
    first = min(SMALL.penalties, key=lambda fact: (fact.received_at, fact.key))
    async with open_bench(SMALL, chunk=4) as bench:
        part = await bench.source.supplied_since("", 1)
        bench.book.put("CF", {**shanxi.penalty_row(first), "State": "C"})
        rows, _ = await everything(bench.source, cursor=part.cursor)

    (state,) = {row.values["State"] for row in rows if row.key == first.key}
    assert state == "C"
    assert {row.key for row in (*part.rows, *rows)} >= {fact.key for fact in SMALL.penalties}


async def test_rows_that_bear_nobodys_code_are_seen_by_following(open_bench: Open) -> None:
    world = generate(seed=5, size=60, day=TODAY)
    asides = [aside for aside in world.asides if aside.fact.province is Province.SHANXI]
    async with open_bench(world, dirt=100) as bench:
        rows, _ = await everything(bench.source, limit=100)

    names = {row.key: row.values["EntName"] for row in rows if row.form == "QueryPenalty"}
    assert {key: names[key] for key in names if key.startswith("A")} == {
        aside.fact.key: aside.written.name for aside in asides
    }


@pytest.mark.parametrize("cursor", ["x", "[]", '["1-1"]', '["1-1", 2]', "{}", '[["1"], "2"]', "[" * 100_000])
async def test_a_cursor_of_nobody_is_refused(open_bench: Open, cursor: str) -> None:
    async with open_bench(SMALL) as bench:
        with pytest.raises(SourceError, match="expected a cursor of this source"):
            await bench.source.supplied_since(cursor, 10)


async def test_rows_are_fetched_by_their_keys_as_they_stand_now(open_bench: Open) -> None:
    penalties = [("QueryPenalty", fact.key) for fact in CROWDED.penalties[:45]]
    entries = [("QuerySeriousList", fact.key) for fact in CROWDED.list_entries[:3]]
    gone, never = penalties[7], ("QueryPenalty", "P?")
    async with open_bench(CROWDED) as bench:
        truth = await bench.source.search(search_for(SUBJECT))
        bench.book.remove("CF", gone[1])
        found = await bench.source.by_key([*penalties, *entries, never])

    by_key = {(row.form, row.key): row for row in truth.rows}
    assert found == {key: None if key in {gone, never} else by_key[key] for key in (*penalties, *entries, never)}
    assert bench.faults.calls.count("QueryById") == 4


async def test_a_place_that_the_platform_does_not_know_is_said_to_be_unknown(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        _, cursor = await everything(bench.source)
        places = dict.fromkeys(json.loads(cursor), "of another platform")
        with pytest.raises(UnknownCursorError, match="E410"):
            await bench.source.supplied_since(json.dumps(places), 10)


async def test_nothing_is_asked_for_no_keys_and_a_key_of_no_form_is_refused(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        assert await bench.source.by_key([]) == {}
        with pytest.raises(SourceError, match="got 'T_XZCF'"):
            await bench.source.by_key([("T_XZCF", "1")])

    assert "QueryById" not in bench.faults.calls


async def test_a_key_that_xml_cannot_carry_is_refused_and_no_row_said_to_be_gone(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        with pytest.raises(SourceError, match="control character"):
            await bench.source.by_key([("QueryPenalty", "P\x01")])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("row lost", "expected 4 rows, got 3"),
        ("no more", "expected 11 rows in the last chunk, got 4"),
        ("ended early", "expected a NextCursor"),
        ("rows lost", "expected one Rows"),
        ("soap fault", "NullPointerException"),
        ("unavailable", "expected status 200"),
        ("doctype", "DOCTYPE"),
        ("truncated", "expected XML"),
        ("error code", "E500"),
    ],
)
async def test_a_fault_while_following_passes_over_nothing(open_bench: Open, fault: str, reason: str) -> None:
    async with open_bench(SMALL, chunk=4) as bench:
        bench.faults.add("QueryChanged", EVERY_FAULT[fault])
        with pytest.raises(SourceError, match=reason):
            await bench.source.supplied_since("", 100)
        rows, _ = await everything(bench.source)

    assert len({(row.form, row.key) for row in rows}) == 16


async def test_cursors_that_go_round_while_following_are_an_error(open_bench: Open) -> None:
    async with open_bench(SMALL, chunk=4) as bench:
        bench.faults.add("QueryChanged", shanxi.loop, shanxi.loop)
        with pytest.raises(SourceError, match="go round"):
            await bench.source.supplied_since("", 100)


@pytest.mark.parametrize("fault", ["row lost", "rows lost", "total shifted", "error code", "truncated", "soap fault"])
async def test_a_fault_says_of_no_row_that_it_is_gone(open_bench: Open, fault: str) -> None:
    keys = [("QueryPenalty", fact.key) for fact in SMALL.penalties]
    async with open_bench(SMALL) as bench:
        bench.faults.add("QueryById", EVERY_FAULT[fault])
        with pytest.raises(SourceError):
            await bench.source.by_key(keys)


async def test_a_row_that_was_not_asked_for_is_no_answer(open_bench: Open) -> None:
    def other(result: etree._Element) -> None:
        key = result.find(f".//{{{wire.NAMESPACE}}}Id")
        assert key is not None
        key.text = "P?"

    async with open_bench(SMALL) as bench:
        bench.faults.add("QueryById", shanxi.alter(other))
        with pytest.raises(SourceError, match="not asked for"):
            await bench.source.by_key([("QueryPenalty", SMALL.penalties[0].key)])


async def test_a_renamed_department_stops_following_and_fetching_too(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add("GetCodeTable", shanxi.rename("SX-HBJ", "生态环境和林业"))
        for asked in (bench.source.supplied_since("", 10), bench.source.by_key([("QueryPenalty", "P1")])):
            with pytest.raises(SourceError, match="expected SX-HBJ to be '生态环境', got '生态环境和林业'"):
                await asked

    assert not {"QueryChanged", "QueryById"} & set(bench.faults.calls)


# --- What goes wrong --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FINAL)
async def test_a_fault_silences_its_type_of_data_and_no_other(open_bench: Open, fault: str) -> None:
    async with open_bench(SMALL, chunk=4) as bench:
        truth = await bench.source.search(search_for(SUBJECT))
        bench.faults.add("QueryPenalty", EVERY_FAULT[fault])
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent.keys() == PENALTY_CELLS
    assert rows_of(answer, "QueryPenalty") == {}
    assert rows_of(answer, "QuerySeriousList") == rows_of(truth, "QuerySeriousList")


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (["row lost"], "QueryPenalty: expected 11 rows, got 10"),
        (["total shifted"], "QueryPenalty: expected a TotalCount of 12 in every chunk, got 11"),
        (["ended early"], "QueryPenalty: expected 11 rows, got 4"),
        (["cursor loop"] * 3, "QueryPenalty: the cursors go round in a circle, or on for ever"),
    ],
)
async def test_chunks_that_do_not_hold_together_are_no_answer(open_bench: Open, faults: list[str], reason: str) -> None:
    async with open_bench(SMALL, chunk=4) as bench:
        bench.faults.add("QueryPenalty", *(EVERY_FAULT[fault] for fault in faults))
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent == dict.fromkeys(PENALTY_CELLS, reason)


async def test_a_row_that_changes_while_chunks_are_read_is_no_answer(open_bench: Open) -> None:
    async with open_bench(SMALL, chunk=3) as bench:
        right = shanxi.rewrite(bytes)
        bench.faults.add("QueryPenalty", right, right, right, shanxi.change_row)
        answer = await bench.source.search(search_for(SUBJECT))

    (reason,) = set(answer.silent.values())
    assert reason.endswith("changed while chunks were read")
    assert answer.silent.keys() == PENALTY_CELLS


async def test_an_unknown_app_key_is_named_by_the_service(open_bench: Open) -> None:
    async with open_bench(SMALL, app_key="nobody") as bench:
        with pytest.raises(SourceError, match="E101"):
            await bench.source.search(search_for(SUBJECT))


async def test_no_answer_in_time_silences_its_type_of_data(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add("QuerySeriousList", shanxi.hang)
        answer = await bench.source.search(search_for(SUBJECT, until=NOW + timedelta(seconds=1)))
        with pytest.raises(SourceError, match="deadline"):
            await bench.source.search(search_for(SUBJECT, until=NOW))

    assert answer.silent.keys() >= LIST_CELLS


async def test_an_answer_that_is_too_large_is_not_read(open_bench: Open) -> None:
    async with open_bench(SMALL, max_body_bytes=100_000) as bench:
        bench.faults.add("QueryPenalty", shanxi.rewrite(lambda body: body + b" " * 100_000))
        answer = await bench.source.search(search_for(SUBJECT))

    assert set(answer.silent.values()) == {"QueryPenalty: expected at most 100000 bytes, got more"}


async def test_more_rows_than_anybody_has_are_not_read(open_bench: Open) -> None:
    async with open_bench(SMALL, max_rows=10) as bench:
        answer = await bench.source.search(search_for(SUBJECT))

    assert set(answer.silent.values()) == {"QueryPenalty: expected a TotalCount of at most 10, got 11"}


async def test_an_amount_of_another_notation_makes_its_row_unreadable(open_bench: Open) -> None:
    def change(result: etree._Element) -> None:
        for amount in result.iterfind(f".//{{{wire.NAMESPACE}}}FineAmount"):
            amount.text = "1,02,000.00"

    async with open_bench(SMALL) as bench:
        bench.faults.add("QueryPenalty", shanxi.alter(change))
        answer = await bench.source.search(search_for(SUBJECT))

    outcomes = [map_row(row, reading(PROFILE)) for row in answer.rows]
    assert {outcome.field for outcome in outcomes if isinstance(outcome, Unreadable)} == {"FineAmount"}


# --- Hostile XML ------------------------------------------------------------------------------------------------------------


def _envelope(content: str, prolog: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?>{prolog}<s:Envelope xmlns:s="{wire.SOAP}"><s:Body>'
        f'<GetDataTimeResponse xmlns="{wire.NAMESPACE}"><Result><Code>0</Code>{content}</Result></GetDataTimeResponse>'
        "</s:Body></s:Envelope>"
    ).encode()


async def test_no_file_is_read_for_an_answer(open_bench: Open, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SX-SCJG", "utf-8")
    row = "<Rows><Row><Dept>&x;</Dept><Type>CF</Type><DataTime>20261121200000</DataTime></Row></Rows>"
    async with open_bench(SMALL) as bench:
        entity = f'<!DOCTYPE r [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
        bench.faults.add("GetDataTime", shanxi.answer(_envelope(row, entity)))
        with pytest.raises(SourceError, match="DOCTYPE"):
            await bench.source.watermarks()


async def test_nothing_is_fetched_for_an_answer(open_bench: Open) -> None:
    fetched: list[str] = []

    async def fetch(request: web.Request) -> web.Response:
        fetched.append(request.path)
        return web.Response(text="<!ELEMENT r ANY>")

    app = web.Application()
    app.router.add_get("/{name}", fetch)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/it"
    try:
        async with open_bench(SMALL) as bench:
            for prolog in (f'<!DOCTYPE r SYSTEM "{url}">', f'<!DOCTYPE r [<!ENTITY % p SYSTEM "{url}">%p;]>'):
                bench.faults.add("GetDataTime", shanxi.answer(_envelope("<Rows/>", prolog)))
                with pytest.raises(SourceError, match="DOCTYPE"):
                    await bench.source.watermarks()
            include = f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="{url}"/>'
            bench.faults.add("GetDataTime", shanxi.answer(_envelope(f"<Rows>{include}</Rows>")))
            with pytest.raises(SourceError, match="expected Row"):
                await bench.source.watermarks()
    finally:
        await runner.cleanup()

    assert fetched == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BOMB, id="billion laughs"),
        pytest.param(BOMB.decode().encode("utf-16"), id="billion laughs in UTF-16"),
        pytest.param(BOMB.decode().encode("utf-7"), id="billion laughs in UTF-7"),
        pytest.param(_envelope("<Rows/>", "<!doctype html>"), id="doctype of HTML"),
        pytest.param(_envelope("<Message><![CDATA[<!DOCTYPE html>]]></Message><Rows/>"), id="doctype where it is none"),
        pytest.param(_envelope("<Rows>&undefined;</Rows>"), id="an entity of nobody"),
        pytest.param(_envelope("<a>" * 5000 + "</a>" * 5000 + "<Rows/>"), id="deep"),
        pytest.param(_envelope(""), id="no Rows"),
        pytest.param(_envelope("<Rows/><Rows/>"), id="Rows twice"),
        pytest.param(_envelope("<Rows><Other/></Rows>"), id="no Row"),
        pytest.param(_envelope("<Rows><Row><Dept>a</Dept><Dept>b</Dept></Row></Rows>"), id="an element twice"),
        pytest.param(_envelope("<Rows><Row><Dept><b/></Dept></Row></Rows>"), id="an element with children"),
        pytest.param(_envelope('<Rows><Row><Dept xmlns="urn:x">a</Dept></Row></Rows>'), id="another namespace"),
        pytest.param(_envelope("<Rows><Row/></Rows>"), id="no data time"),
        pytest.param(_envelope("<Code>0</Code><Rows/>"), id="the code twice"),
        pytest.param(
            _envelope("<Rows/>").replace(b"GetDataTimeR", b"QueryPenaltyR"), id="the answer to another question"
        ),
        pytest.param(_envelope("<Rows/>").decode().encode("gb18030").replace(b"<Rows/>", b"\xd5\xc5"), id="GB18030"),
    ],
)
async def test_whatever_is_not_as_described_is_refused(open_bench: Open, body: bytes) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add("GetDataTime", shanxi.answer(body))
        with pytest.raises(SourceError):
            await bench.source.watermarks()


@settings(max_examples=60, deadline=None)
@given(
    schedule=st.lists(
        st.tuples(
            st.sampled_from(["", "GetCodeTable", "GetDataTime", "QueryPenalty", "QuerySeriousList"]),
            st.one_of(st.none(), st.sampled_from(sorted(EVERY_FAULT))),
        ),
        max_size=14,
    ),
    chunk=st.integers(1, 6),
)
async def test_rows_are_complete_or_their_cells_silent_whatever_goes_wrong(
    open_bench: Open, schedule: list[tuple[str, str | None]], chunk: int
) -> None:
    async with open_bench(SMALL, chunk=chunk, check_codes_every_s=0) as bench:
        truth = await bench.source.search(search_for(SUBJECT))
        for operation, fault in schedule:
            bench.faults.add(operation, EVERY_FAULT[fault] if fault else shanxi.rewrite(bytes))
        try:
            answer = await bench.source.search(search_for(SUBJECT))
        except SourceError:
            return
        assert_complete_or_silent(answer, truth)


@settings(max_examples=300)
@given(content=st.binary(max_size=300) | st.text(max_size=100).map(_envelope))
def test_no_bytes_make_anything_but_a_source_error(content: bytes) -> None:
    with contextlib.suppress(SourceError):
        wire.read_data_times(wire.read_result(content, "GetDataTime"))


# --- The profile ------------------------------------------------------------------------------------------------------------


def test_the_profile_can_be_relied_on() -> None:
    check_profile(PROFILE, CATALOGUE)


@pytest.mark.parametrize(
    "authority", ["吕梁市生态环境局", "山西省水利厅", "平遥县市场监督管理局", "国家税务总局太原市税务局"]
)
def test_authorities_of_the_province_are_its_own(authority: str) -> None:
    assert decided_in(authority, "", PROFILE.province, PROFILE.authority_prefixes).by is DecidedBy.OWN


@pytest.mark.parametrize(
    "authority", ["邯郸市生态环境局", "国家市场监督管理总局", "临城县水务局", "中国证券监督管理委员会"]
)
def test_authorities_of_others_are_not_its_own(authority: str) -> None:
    assert decided_in(authority, "", PROFILE.province, PROFILE.authority_prefixes).by is not DecidedBy.OWN
