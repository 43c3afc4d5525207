from __future__ import annotations

import asyncio
import contextlib
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

from adapters.sdk.mapping import Readable, Unreadable, map_row
from adapters.sdk.profile_check import check_profile, columns_read
from adapters.sdk.source import SourceAnswer, SourceError
from adapters.shanxi import wire
from adapters.shanxi.profile import NAMES, PROFILE
from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.province import Province
from huren.common.v1 import common_pb2
from sandbox.platforms import shanxi
from tests.support.dirt import EVERY_DIRT, Dirt, assert_said
from tests.support.worlds import (
    CATALOGUE,
    CELLS,
    FINED,
    HOSTILE_NAMES,
    LIST_CELLS,
    NOW,
    PENALTY_CELLS,
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
        form = PROFILE.forms[row.form]
        assert row.values.keys() == columns_read(form) | form.ignored.keys()
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


async def test_code_tables_that_cannot_be_looked_at_leave_nothing_to_say(open_bench: Open) -> None:
    async with open_bench(SMALL) as bench:
        bench.faults.add("GetCodeTable", shanxi.soap_fault)
        with pytest.raises(SourceError, match="NullPointerException"):
            await bench.source.search(search_for(SUBJECT))
        answer = await bench.source.search(search_for(SUBJECT))

    assert answer.silent == {}


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
    "authority", ["吕梁市生态环境局", "呂梁市生態環境局", "平遥县市场监督管理局", "国家税务总局太原市税务局"]
)
def test_authorities_of_the_province_are_its_own(authority: str) -> None:
    assert authority.startswith(PROFILE.authority_prefixes)


@pytest.mark.parametrize(
    "authority", ["邯郸市生态环境局", "国家市场监督管理总局", "临城县水务局", "中国证券监督管理委员会"]
)
def test_authorities_of_others_are_not_its_own(authority: str) -> None:
    assert not authority.startswith(PROFILE.authority_prefixes)
