"""河北's source, asked over a folder that its stand-in filled, with its store in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog.testing
from sqlalchemy import select

from adapters.hebei import intake as hebei_intake
from adapters.hebei.drop import FAMILIES, Drop, Limits, list_drops
from adapters.hebei.profile import PROFILE
from adapters.hebei.source import HebeiSource, SourceSettings, open_source
from adapters.hebei.tables import BEARERS, REVISIONS, STAGED
from adapters.sdk.forms import columns_of
from adapters.sdk.mapping import Unreadable, map_row
from adapters.sdk.profile import ListForm, PenaltyForm
from adapters.sdk.profile_check import check_profile, columns_read
from adapters.sdk.source import SourceError
from contract.catalogue import PENALTY
from contract.money import Fen
from huren.common.v1 import common_pb2
from huren.fragment.v1 import record_pb2
from sandbox.platforms.hebei import advance_hebei, csv_bytes, drop_hebei, write_receipt, xlsx_bytes
from sandbox.world import generate
from tests.support.dirt import EVERY_DIRT, Dirt, assert_said, penalty_forms
from tests.support.hebei import (
    HEBEI,
    change_receipt,
    drop_decisions,
    drops,
    opened_patiently,
    receipt_of,
    rewrite,
    set_in_row,
)
from tests.support.worlds import (
    AS_OF,
    BLAMELESS,
    CATALOGUE,
    CELLS,
    FINED,
    LIST_CELLS,
    LISTED,
    NOW,
    PENALTY_CELLS,
    TODAY,
    WINDOW,
    connections_ended,
    entry,
    expected,
    facts_by_key,
    mapped,
    penalty,
    reading,
    search_by,
    search_for,
    world_of,
)

MARKET = ("market_regulation", PENALTY)
TAX = ("taxation", PENALTY)
LATER = AS_OF + timedelta(days=1)

DECISIONS = "HB_XZCF_20261121_001.csv"
ENTRIES = "HB_YZSX_20261121_001.xlsx"


def without_receipt(path: Path) -> Path:
    receipt_of(path).unlink()
    return path


def remove_all_in(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def remove(folder: Path) -> None:
    folder.rmdir()


# --- What is found ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("serial", range(4))
async def test_every_fact_of_a_subject_comes_back_as_its_record(source: HebeiSource, folder: Path, serial: int) -> None:
    world = world_of(HEBEI)
    drop_hebei(world, folder)
    subject = world.enterprises[serial]

    answer = await source.search(search_for(subject))

    assert {row.key: mapped(row, PROFILE) for row in answer.rows} == {
        key: expected(fact, names_lists=True) for key, fact in facts_by_key(world, subject, HEBEI).items()
    }


async def test_a_generated_world_is_told_apart_subject_by_subject(source: HebeiSource, folder: Path) -> None:
    world = generate(seed=7, size=120, day=TODAY)
    drop_hebei(world, folder)

    for subject in world.enterprises:
        answer = await source.search(search_for(subject))
        true_keys = {fact.key for facts in world.facts_of(subject.uscc, HEBEI, WINDOW) for fact in facts}
        assert true_keys <= {row.key for row in answer.rows}
        assert {row.key for row in answer.rows} <= facts_by_key(world, subject, HEBEI).keys()


async def test_a_subject_without_records_has_no_rows_and_every_watermark(source: HebeiSource, folder: Path) -> None:
    drop_hebei(world_of(HEBEI), folder)

    answer = await source.search(search_for(BLAMELESS))

    assert answer.rows == ()
    assert answer.watermarks == dict.fromkeys(CELLS, AS_OF)
    assert answer.silent == {}
    assert await source.watermarks() == dict.fromkeys(CELLS, AS_OF)


@pytest.mark.parametrize(
    ("column", "stands", "asked"),
    [
        pytest.param(
            "行政相对人代码_1(统一社会信用代码)",
            f"　{BLAMELESS.uscc.lower()} ",
            (common_pb2.IDENTIFIER_KIND_USCC, BLAMELESS.uscc),
            id="blanks-and-small-letters",
        ),
        pytest.param(
            "行政相对人代码_2(组织机构代码)",
            "12345678-X",
            (common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE, "12345678X"),
            id="organisation-code-with-dash",
        ),
        pytest.param(
            "行政相对人代码_2(组织机构代码)",
            "130100000000009",
            (common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, "130100000000009"),
            id="registration-number-in-code-2",
        ),
        pytest.param(
            "行政相对人名称",
            " 示例(廊坊) 有限公司",
            (common_pb2.IDENTIFIER_KIND_NAME, "示例（廊坊）有限公司"),
            id="name-with-blanks",
        ),
    ],
)
async def test_a_row_is_found_by(
    source: HebeiSource, folder: Path, *, column: str, stands: str, asked: tuple[int, str]
) -> None:
    path = drop_decisions(folder, penalty(HEBEI, "P1"), penalty(HEBEI, "P2"))
    set_in_row(path, 2, {column: stands})

    answer = await source.search(search_by(asked))

    assert [(row.key, row.values[column]) for row in answer.rows] == [("P2", stands)]
    assert asked[0] in answer.searched


@pytest.mark.parametrize("name", ["%", "_" * 12, "示例%", "' OR '1'='1", "'); DROP TABLE revisions; --", "\\"])
async def test_nothing_is_found_by_the_name(source: HebeiSource, folder: Path, name: str) -> None:
    drop_hebei(world_of(HEBEI), folder)

    assert (await source.search(search_by((common_pb2.IDENTIFIER_KIND_NAME, name)))).rows == ()
    assert (await source.search(search_for(FINED))).rows != ()


async def test_the_legal_representative_is_not_even_kept(source: HebeiSource, folder: Path) -> None:
    path = drop_decisions(folder, penalty(HEBEI, "P1"))
    set_in_row(path, 1, {"法定代表人姓名": "某人甲"})

    (row,) = (await source.search(search_for(FINED))).rows

    assert "法定代表人姓名" not in row.values
    async with source._database.read() as connection:
        for table in (REVISIONS, STAGED, BEARERS):
            assert "某人甲" not in str((await connection.execute(select(table))).all())


@pytest.mark.parametrize("form", penalty_forms(PROFILE), ids=lambda form: form.name)
@pytest.mark.parametrize("dirt", EVERY_DIRT)
async def test_a_dirty_row_makes_its_cells_unavailable_and_never_clear(
    source: HebeiSource, folder: Path, form: PenaltyForm, dirt: Dirt
) -> None:
    path, _ = drop_hebei(world_of(HEBEI, [penalty(HEBEI, "P1")]), folder)
    values = dict(dirt.row(PROFILE, form).values) | {"主键": "P1", "数据更新时间戳": "2024/3/8 09:02:03"}
    columns = columns_of(form)
    rewrite(path, csv_bytes(columns, [[str(values.get(column) or "") for column in columns]]))
    search = search_for(FINED)

    assert_said(await source.search(search), search, FINED, PROFILE, dirt)


# --- Drops that replace one another -------------------------------------------------------------------------------------


async def test_a_later_row_replaces_the_earlier_one_which_is_kept(source: HebeiSource, folder: Path) -> None:
    drop_decisions(folder, penalty(HEBEI, "P1", fine=Fen(100_00)), number=1)
    await source.watermarks()
    drop_decisions(folder, penalty(HEBEI, "P1", fine=Fen(200_00)), number=2, up_to=LATER)

    answer = await source.search(search_for(FINED))

    assert [row.values["罚款金额(万元)"] for row in answer.rows] == ["0.020000"]
    assert answer.watermarks[MARKET] == LATER
    async with source._database.read() as connection:
        kept = (await connection.execute(select(REVISIONS.c["values"]).order_by(REVISIONS.c.drop))).all()
        assert [
            [amount for amount in ("0.010000", "0.020000") if amount in json.loads(values)] for (values,) in kept
        ] == [["0.010000"], ["0.020000"]]


async def test_an_earlier_drop_that_arrives_late_replaces_nothing(source: HebeiSource, folder: Path) -> None:
    drop_decisions(folder, penalty(HEBEI, "P1", fine=Fen(200_00)), number=2, up_to=LATER)
    await source.watermarks()
    drop_decisions(folder, penalty(HEBEI, "P1", fine=Fen(100_00)), penalty(HEBEI, "P2"), number=1)

    answer = await source.search(search_for(FINED))

    assert {row.key: row.values["罚款金额(万元)"] for row in answer.rows} == {"P1": "0.020000", "P2": ""}
    assert answer.watermarks[MARKET] == LATER


async def test_a_row_that_became_somebody_elses_is_not_found_any_more(source: HebeiSource, folder: Path) -> None:
    drop_decisions(folder, penalty(HEBEI, "P1"), number=1)
    drop_decisions(folder, penalty(HEBEI, "P1", subject=LISTED), number=2)

    assert (await source.search(search_for(FINED))).rows == ()
    assert [row.key for row in (await source.search(search_for(LISTED))).rows] == ["P1"]


async def test_nothing_is_deleted_by_absence(source: HebeiSource, folder: Path) -> None:
    drop_decisions(folder, penalty(HEBEI, "P1"), number=1)
    drop_decisions(folder, penalty(HEBEI, "P2"), number=2)

    assert {row.key for row in (await source.search(search_for(FINED))).rows} == {"P1", "P2"}


async def test_the_same_drop_again_changes_nothing(source: HebeiSource, folder: Path) -> None:
    path = drop_decisions(folder, penalty(HEBEI, "P1"))
    before = await source.search(search_for(FINED))
    for again in (path, receipt_of(path)):
        content = again.read_bytes()
        again.unlink()
        again.write_bytes(content)

    assert await source.search(search_for(FINED)) == before
    assert await drops(source) == [(path.name, None)]


async def test_more_rows_than_fit_a_batch_are_all_taken_in(source: HebeiSource, folder: Path) -> None:
    drop_decisions(folder, *(penalty(HEBEI, f"P{number}") for number in range(1203)))

    assert len((await source.search(search_for(FINED))).rows) == 1203


async def test_a_restart_keeps_everything(settings: SourceSettings, folder: Path) -> None:
    drop_decisions(folder, penalty(HEBEI, "P1"), number=1)
    broken = drop_decisions(folder, penalty(HEBEI, "P2"), number=2, scope=("130202",))
    broken.write_bytes(broken.read_bytes()[:-9])
    first = await opened_patiently(settings)
    before = await first.search(search_for(FINED))
    judged = await drops(first)
    await first.close()

    second = await opened_patiently(settings)

    assert await second.search(search_for(FINED)) == before
    assert await drops(second) == judged
    await second.close()


async def test_what_was_taken_in_survives_the_files(source: HebeiSource, folder: Path) -> None:
    drop_hebei(world_of(HEBEI), folder)
    before = await source.search(search_for(FINED))
    remove_all_in(folder)

    assert await source.search(search_for(FINED)) == before


# --- Drops that are not complete, or no drops ---------------------------------------------------------------------------


async def test_a_file_without_receipt_is_left_alone(source: HebeiSource, folder: Path) -> None:
    path = drop_decisions(folder, penalty(HEBEI, "P1"))
    receipt = receipt_of(path).read_bytes()
    receipt_of(path).unlink()

    answer = await source.search(search_for(FINED))

    assert answer.rows == ()
    assert set(answer.silent) == CELLS  # never supplied
    assert await drops(source) == []
    receipt_of(path).write_bytes(receipt)
    assert [row.key for row in (await source.search(search_for(FINED))).rows] == ["P1"]


async def test_a_receipt_without_file_is_left_alone(source: HebeiSource, folder: Path) -> None:
    path = drop_decisions(folder, penalty(HEBEI, "P1"))
    path.unlink()

    assert (await source.watermarks(), await drops(source)) == ({}, [])


async def test_what_is_no_plain_file_is_left_alone(source: HebeiSource, folder: Path) -> None:
    elsewhere = drop_decisions(folder, penalty(HEBEI, "P1")).rename(folder.parent / "elsewhere.csv")
    (folder / DECISIONS).symlink_to(elsewhere)
    (folder / "folder.csv").mkdir()
    (folder / "folder.csv.ok").write_text("{}")

    assert (await source.watermarks(), await drops(source)) == ({}, [])


async def test_a_file_of_another_name_is_kept_in_mind_and_silences_nobody(source: HebeiSource, folder: Path) -> None:
    path = drop_decisions(folder, penalty(HEBEI, "P1"))
    await source.watermarks()
    other = path.with_name("HB_XZCF_20261121_2 (copy).csv")
    other.write_bytes(path.read_bytes())
    write_receipt(other, rows=1, up_to=LATER, scope=["130201"])

    assert await source.watermarks() == {MARKET: AS_OF, TAX: AS_OF}
    assert await drops(source) == [(path.name, None), (other.name, "the file is not called as a drop is")]


# --- Drops that are refused ---------------------------------------------------------------------------------------------


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def with_other_digest(path: Path) -> None:
    change_receipt(path, sha256="0" * 64)


def with_more_rows_announced(path: Path) -> None:
    change_receipt(path, rows=3)


def with_fewer_rows_announced(path: Path) -> None:
    change_receipt(path, rows=1)


def for_another_file(path: Path) -> None:
    change_receipt(path, file="HB_XZCF_20261121_002.csv")


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def text_of(path: Path) -> str:
    return path.read_bytes().decode("gb18030")


def with_a_column_missing(path: Path) -> None:
    rewrite(path, text_of(path).replace("地方编码,", "", 1).encode("gb18030"))


def with_another_column(path: Path) -> None:
    rewrite(path, text_of(path).replace("地方编码", "区划代码", 1).encode("gb18030"))


def with_columns_in_another_order(path: Path) -> None:
    rewrite(path, text_of(path).replace("主键,部门代码", "部门代码,主键", 1).encode("gb18030"))


def without_anything(path: Path) -> None:
    rewrite(path, b"")


def in_utf_8(path: Path) -> None:
    rewrite(path, text_of(path).encode("utf-8"))


def in_utf_8_with_mark(path: Path) -> None:
    rewrite(path, text_of(path).encode("utf-8-sig"))


def with_a_byte_of_no_character(path: Path) -> None:
    rewrite(path, path.read_bytes().replace("产品".encode("gb18030"), b"\xff\xff", 1))


def with_a_row_too_short(path: Path) -> None:
    rewrite(path, path.read_bytes().rstrip(b"\r\n,") + b"\r\n")


def with_a_blank_line(path: Path) -> None:
    rewrite(path, path.read_bytes() + b"\r\n")


def with_an_open_quote(path: Path) -> None:
    rewrite(path, path.read_bytes().rstrip(b"\r\n") + b'"open\r\n')


def with_a_quote_inside(path: Path) -> None:
    rewrite(path, path.read_bytes().rstrip(b"\r\n") + b'"a"b\r\n')


def with_the_same_key_twice(path: Path) -> None:
    rewrite(path, path.read_bytes().replace(b"P2", b"P1"))


def without_key(path: Path) -> None:
    rewrite(path, path.read_bytes().replace(b"P2,", b",", 1))


def with_a_null_character(path: Path) -> None:
    rewrite(path, path.read_bytes().replace("警告".encode("gb18030"), b"\0", 1))


def with_a_row_outside_the_scope(path: Path) -> None:
    change_receipt(path, scope=["130202"])


def with_a_department_in_wide_digits_outside_the_scope(path: Path) -> None:
    set_in_row(path, 2, {"部门代码": " １３０２０３"})


def with_an_endless_line(path: Path) -> None:
    rewrite(path, path.read_bytes() + b"x" * (1024 * 1024 + 1))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (cut_off, r"expected the SHA-256 \w+ of the receipt, got \w+"),
        (with_other_digest, "expected the SHA-256 0000"),
        (with_more_rows_announced, "expected 3 rows by the receipt, got 2"),
        (with_fewer_rows_announced, "expected 1 rows by the receipt, got 2"),
        (for_another_file, "receipt: file: expected HB_XZCF_20261121_001.csv"),
        (
            with_a_column_missing,
            "header of no known version; compared with HB_XZCF_2016: missing '地方编码'; not of the form nothing",
        ),
        (with_another_column, "header .*: missing '地方编码'; not of the form '区划代码'"),
        (with_columns_in_another_order, "header .*: column 1 is '部门代码', expected '主键'"),
        (without_anything, "header .*: missing '主键'"),
        (in_utf_8, "header .*: missing|no valid GB18030"),
        (in_utf_8_with_mark, "header .*: missing|no valid GB18030"),
        (with_a_byte_of_no_character, "no valid GB18030"),
        (with_a_row_too_short, "row 2: expected 31 values"),
        (with_a_blank_line, "row 3: expected 31 values, got 0"),
        (with_an_open_quote, "row 2|line 3"),
        (with_a_quote_inside, "row 2|line 3"),
        (with_the_same_key_twice, "a 主键 stands twice"),
        (without_key, "row 2: 主键 is empty"),
        (with_a_row_outside_the_scope, "row 1: 部门代码: 130201 is not in the receipt's scope"),
        (with_a_department_in_wide_digits_outside_the_scope, "row 2: 部门代码: 130203 is not in"),
        (with_a_null_character, "row 1: holds a null character"),
        (with_an_endless_line, "a line is longer than"),
    ],
)
async def test_a_file_is_refused_by_name_and_silences_every_department_of_its_form(
    source: HebeiSource, folder: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    drop_hebei(world_of(HEBEI, [penalty(HEBEI, "P0")]), folder)
    await source.watermarks()
    (folder / DECISIONS).unlink()
    path = drop_decisions(folder, penalty(HEBEI, "P1"), penalty(HEBEI, "P2"))
    spoil(path)

    answer = await source.search(search_for(FINED))

    assert {row.key for row in answer.rows} == {"P0"}
    assert set(answer.silent) == PENALTY_CELLS
    assert re.search(f"^{DECISIONS}: .*({reason})", answer.silent[MARKET])
    assert set(answer.watermarks) == LIST_CELLS
    assert set(await source.watermarks()) == LIST_CELLS
    assert (await drops(source))[-1][0] == DECISIONS


@pytest.mark.parametrize(
    "receipt",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"ok", id="no-json"),
        pytest.param(b"[]", id="no-object"),
        pytest.param(b"{}", id="nothing-said"),
        pytest.param(b"[" * 60_000, id="deep"),
        pytest.param(b" " * 70_000, id="long"),
        pytest.param("行".encode("gb18030"), id="no-utf-8"),
        pytest.param({"rows": "1"}, id="rows-as-text"),
        pytest.param({"rows": -1}, id="rows-negative"),
        pytest.param({"rows": True}, id="rows-true"),
        pytest.param({"sha256": "ABC"}, id="digest-of-another-form"),
        pytest.param({"suppliedUpTo": "2026-11-21T20:00:00"}, id="time-without-offset"),
        pytest.param({"suppliedUpTo": 1_763_726_400}, id="time-as-number"),
        pytest.param({"scope": []}, id="no-scope"),
        pytest.param({"scope": "130201"}, id="scope-as-text"),
        pytest.param({"scope": ["0201"]}, id="unknown-department"),
        pytest.param({"more": 1}, id="further-member"),
        pytest.param({"replaces": "HB_XZCF_20261121_001.csv"}, id="replaces-as-text"),
        pytest.param({"replaces": ["elsewhere.csv"]}, id="replaces-no-drop"),
        pytest.param({"replaces": [ENTRIES]}, id="replaces-of-another-form"),
        pytest.param({"replaces": ["HB_XZCF_20261121_002.csv"]}, id="replaces-itself"),
    ],
)
async def test_an_unreadable_receipt_silences_every_department_of_its_form(
    source: HebeiSource, folder: Path, receipt: bytes | dict[str, Any]
) -> None:
    drop_hebei(world_of(HEBEI), folder)
    await source.watermarks()
    path = drop_decisions(folder, penalty(HEBEI, "P1"), number=2)
    if isinstance(receipt, bytes):
        receipt_of(path).write_bytes(receipt)
    else:
        change_receipt(path, **receipt)

    assert set((await source.search(search_for(FINED))).silent) == PENALTY_CELLS
    assert "receipt: " in ((await drops(source))[-1][1] or "")


async def test_a_receipt_that_says_something_twice_is_refused(source: HebeiSource, folder: Path) -> None:
    path = drop_decisions(folder, penalty(HEBEI, "P1"))
    said = receipt_of(path).read_text("utf-8")
    receipt_of(path).write_text(said.replace('"rows": 1', '"rows": 1, "rows": 1'), "utf-8")

    assert await source.watermarks() == {}
    assert await drops(source) == [(path.name, "receipt: a member stands twice")]


# --- Silence and what ends it -------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def silenced(source: HebeiSource, folder: Path) -> Path:
    """Number 2 was refused: a file of two rows for market regulation and taxation."""
    drop_decisions(folder, penalty(HEBEI, "P0"), number=1)
    path = drop_decisions(folder, penalty(HEBEI, "P1"), penalty(HEBEI, "P2"), number=2)
    cut_off(path)
    assert await source.watermarks() == {}
    return path


async def test_the_same_file_dropped_well_ends_the_silence(source: HebeiSource, folder: Path, silenced: Path) -> None:
    assert drop_decisions(folder, penalty(HEBEI, "P1"), penalty(HEBEI, "P2"), number=2) == silenced

    answer = await source.search(search_for(FINED))

    assert {row.key for row in answer.rows} == {"P0", "P1", "P2"}
    assert answer.watermarks == {MARKET: AS_OF, TAX: AS_OF}


async def test_a_later_drop_that_replaces_it_by_name_ends_the_silence(
    source: HebeiSource, folder: Path, silenced: Path
) -> None:
    again = drop_decisions(folder, penalty(HEBEI, "P1"), penalty(HEBEI, "P2"), number=3, up_to=LATER)
    change_receipt(again, replaces=[silenced.name])

    answer = await source.search(search_for(FINED))

    assert {row.key for row in answer.rows} == {"P0", "P1", "P2"}
    assert answer.watermarks == {MARKET: LATER, TAX: LATER}


@pytest.mark.usefixtures("silenced")
@pytest.mark.parametrize("number", [1, 3])
async def test_a_drop_that_does_not_say_what_it_replaces_ends_no_silence_however_long_it_is(
    source: HebeiSource, folder: Path, number: int
) -> None:
    drop_decisions(folder, *(penalty(HEBEI, f"P{n}") for n in range(5)), number=number, up_to=LATER)

    assert await source.watermarks() == {}


async def test_a_bad_drop_that_replaces_ends_no_silence(source: HebeiSource, folder: Path, silenced: Path) -> None:
    again = drop_decisions(folder, penalty(HEBEI, "P1"), number=3, up_to=LATER)
    change_receipt(again, replaces=[silenced.name], rows=2)

    assert await source.watermarks() == {}


async def test_a_file_that_was_said_to_be_empty_and_is_not_stays_refused(source: HebeiSource, folder: Path) -> None:
    drop_hebei(world_of(HEBEI), folder)
    change_receipt(drop_decisions(folder, penalty(HEBEI, "P1"), number=2), rows=0)
    await source.watermarks()

    advance_hebei(folder, NOW)

    assert set(await source.watermarks()) == LIST_CELLS


async def test_an_empty_increment_ends_no_silence(source: HebeiSource, folder: Path) -> None:
    drop_hebei(world_of(HEBEI), folder)
    path = drop_decisions(folder, penalty(HEBEI, "P1"), number=2)
    cut_off(path)
    await source.watermarks()

    advance_hebei(folder, NOW)

    assert set(await source.watermarks()) == LIST_CELLS


async def test_a_well_dropped_file_that_is_overwritten_badly_silences_its_scope_until_it_is_back(
    source: HebeiSource, folder: Path
) -> None:
    path = drop_decisions(folder, penalty(HEBEI, "P1"))
    assert await source.watermarks() == {MARKET: AS_OF, TAX: AS_OF}

    whole = content_of(path)
    cut_off(path)
    assert await source.watermarks() == {}

    rewrite(path, whole)
    assert await source.watermarks() == {MARKET: AS_OF, TAX: AS_OF}


@pytest.mark.parametrize("department", ["130201", "000000"])
async def test_a_row_whose_time_is_unreadable_is_handed_over_without_it_and_silences_nobody(
    source: HebeiSource, folder: Path, department: str
) -> None:
    drop_hebei(world_of(HEBEI, [penalty(HEBEI, "P1")], [entry(HEBEI, "L1")]), folder)
    set_in_row(folder / DECISIONS, 1, {"数据更新时间戳": "二〇二四年", "部门代码": department})

    answer = await source.search(search_for(FINED))

    (row,) = answer.rows
    assert (row.key, row.received_at) == ("P1", None)
    assert isinstance(map_row(row, reading(PROFILE, WINDOW)), Unreadable)
    assert answer.silent == {}
    assert await source.by_key([("HB_XZCF", "P1")]) == {("HB_XZCF", "P1"): row}


# --- Drops that are there and cannot be read ----------------------------------------------------------------------------


@pytest.fixture
def bad_disk(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of files that cannot be read."""
    files: set[str] = set()
    opened = Drop.open

    def open_drop(folder: Path, file: str, limits: Limits) -> Drop:
        if file in files:
            raise PermissionError(13, "Permission denied")
        return opened(folder, file, limits)

    monkeypatch.setattr(Drop, "open", open_drop)
    return files


def without_data(path: Path) -> Path:
    path.unlink()
    return path


def on_a_bad_disk(path: Path) -> Path:
    return path


UNREAD = pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (without_receipt, "its receipt is missing"),
        (without_data, "its data file is missing"),
        (on_a_bad_disk, "PermissionError"),
    ],
)


@UNREAD
async def test_no_later_drop_overtakes_one_that_cannot_be_read(
    source: HebeiSource, folder: Path, bad_disk: set[str], spoil: Callable[[Path], Path], reason: str
) -> None:
    drop_hebei(world_of(HEBEI, [penalty(HEBEI, "P0")], [entry(HEBEI, "L1")]), folder)
    assert await source.watermarks() == dict.fromkeys(CELLS, AS_OF)
    second = spoil(drop_decisions(folder, penalty(HEBEI, "P1"), number=2, up_to=LATER))
    if spoil is on_a_bad_disk:
        bad_disk.add(second.name)
    third = drop_decisions(folder, penalty(HEBEI, "P2"), number=3, up_to=LATER + timedelta(hours=1))

    with structlog.testing.capture_logs() as logs:
        answer = await source.search(search_for(FINED))
        await source.watermarks()

    assert {row.key for row in answer.rows} == {"P0"}
    assert answer.watermarks == dict.fromkeys(CELLS, AS_OF)
    assert [(log["file"], log["reason"]) for log in logs if log["event"] == "drop not read"] == [
        (second.name, reason),
        (third.name, f"{second.name} is before it"),
    ]
    bad_disk.clear()
    drop_decisions(folder, penalty(HEBEI, "P1"), number=2, up_to=LATER)
    answer = await source.search(search_for(FINED))
    assert {row.key for row in answer.rows} == {"P0", "P1", "P2"}
    assert answer.watermarks[MARKET] == LATER + timedelta(hours=1)


@UNREAD
async def test_an_unread_drop_that_others_have_overtaken_already_silences_them(
    source: HebeiSource, folder: Path, bad_disk: set[str], spoil: Callable[[Path], Path], reason: str
) -> None:
    drop_decisions(folder, penalty(HEBEI, "P0"), number=1)
    drop_decisions(folder, penalty(HEBEI, "P2"), number=3, up_to=LATER, scope=("130201",))
    assert await source.watermarks() == {MARKET: LATER, TAX: AS_OF}
    late = spoil(drop_decisions(folder, penalty(HEBEI, "P1"), number=2))
    if spoil is on_a_bad_disk:
        bad_disk.add(late.name)

    answer = await source.search(search_for(FINED))

    assert answer.silent[MARKET] == f"{late.name}: {reason}"
    assert answer.watermarks == {TAX: AS_OF} == await source.watermarks()
    bad_disk.clear()
    drop_decisions(folder, penalty(HEBEI, "P1"), number=2)
    assert await source.watermarks() == {MARKET: LATER, TAX: AS_OF}


@pytest.mark.parametrize("remains", [content_of, receipt_of])
async def test_half_of_what_was_taken_in_overtakes_and_silences_nobody(
    settings: SourceSettings, folder: Path, remains: Callable[[Path], object]
) -> None:
    path = drop_decisions(folder, penalty(HEBEI, "P1"))
    source = await opened_patiently(settings)
    await source.watermarks()
    (path if remains is receipt_of else receipt_of(path)).unlink()
    if remains is receipt_of:  # known by the receipt, also after a restart
        await source.close()
        source = await opened_patiently(settings)
    drop_decisions(folder, penalty(HEBEI, "P2"), number=2, up_to=LATER)

    assert await source.watermarks() == {MARKET: LATER, TAX: LATER}
    await source.close()


async def test_nothing_is_said_before_the_folder_was_listed(
    settings: SourceSettings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_decisions(folder, penalty(HEBEI, "P1"))
    first = await opened_patiently(settings)
    await first.watermarks()
    await first.close()
    may_look = threading.Event()
    monkeypatch.setattr(hebei_intake, "list_drops", lambda folder: may_look.wait() and list_drops(folder))
    second = await opened_patiently(settings)
    second._patience = timedelta(0)

    with pytest.raises(SourceError, match="not read yet"):
        await second.watermarks()

    may_look.set()
    second._patience = timedelta(seconds=60)
    assert await second.watermarks() == {MARKET: AS_OF, TAX: AS_OF}
    await second.close()


# --- The platform does not answer ---------------------------------------------------------------------------------------


async def test_a_missing_folder_is_an_error(source: HebeiSource, folder: Path) -> None:
    remove(folder)

    with pytest.raises(SourceError, match="drop folder"):
        await source.search(search_for(FINED))
    with pytest.raises(SourceError, match="drop folder"):
        await source.watermarks()


async def test_a_broken_store_is_an_error(folder: Path) -> None:
    folder.with_name("drops.sqlite").write_bytes(b"garbage" * 1000)

    with pytest.raises(SourceError, match="store_url"):
        await open_source(SourceSettings(drop_folder=folder), now=lambda: NOW)
    await connections_ended()


async def test_a_store_that_lost_its_tables_is_an_error(source: HebeiSource, folder: Path) -> None:
    drop_hebei(world_of(HEBEI), folder)
    await source.watermarks()
    async with source._database.write() as connection:
        await connection.exec_driver_sql("DROP TABLE supplies")

    with pytest.raises(SourceError, match="store"):
        await source.search(search_for(FINED))


async def test_nothing_is_asked_once_the_answer_is_not_awaited_any_more(source: HebeiSource) -> None:
    with pytest.raises(SourceError, match="deadline"):
        await source.search(replace(search_for(FINED), until=NOW - timedelta(seconds=1)))


async def test_an_answer_does_not_wait_for_a_long_look(
    source: HebeiSource, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_decisions(folder, penalty(HEBEI, "P1"))
    await source.watermarks()
    drop_decisions(folder, penalty(HEBEI, "P2"), number=2, up_to=LATER)
    may_look = threading.Event()
    monkeypatch.setattr(hebei_intake, "list_drops", lambda folder: may_look.wait() and list_drops(folder))
    source._patience = timedelta(0)

    answer = await source.search(search_for(FINED))

    # What is being taken in belongs to the next answer, and the watermark says so.
    assert [row.key for row in answer.rows] == ["P1"]
    assert answer.watermarks == {MARKET: AS_OF, TAX: AS_OF}
    source._patience = timedelta(seconds=60)
    may_look.set()
    assert len((await source.search(search_for(FINED))).rows) == 2


# --- The stand-in and the profile ---------------------------------------------------------------------------------------


def test_the_same_world_is_dropped_as_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        drop_hebei(world_of(HEBEI), tmp_path / name)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})

    assert contents[0] == contents[1]
    assert sorted(contents[0]) == [DECISIONS, f"{DECISIONS}.ok", ENTRIES, f"{ENTRIES}.ok"]


async def test_the_stand_in_advances_all_watermarks_again_and_again(source: HebeiSource, folder: Path) -> None:
    drop_hebei(world_of(HEBEI), folder)

    advance_hebei(folder, NOW)
    assert await source.watermarks() == dict.fromkeys(CELLS, NOW)
    advance_hebei(folder, NOW + timedelta(hours=1))
    assert await source.watermarks() == dict.fromkeys(CELLS, NOW + timedelta(hours=1))


def test_the_profile_holds_together_and_leaves_one_cell_out() -> None:
    check_profile(PROFILE, CATALOGUE)

    uncovered = {cell for cell, department in PROFILE.departments.items() if department.complete_from is None}
    assert uncovered == {("science_technology", PENALTY)}
    assert all("（演示）" in department.unit for department in PROFILE.departments.values())


def test_every_column_of_a_form_is_read_or_ignored_by_name() -> None:
    for family in FAMILIES:
        for form in family.versions:
            assert columns_read(form) | form.ignored.keys() == set(columns_of(form))


def test_every_name_of_a_list_is_known() -> None:
    form = PROFILE.forms["HB_YZSX"]
    assert isinstance(form, ListForm)

    assert form.list_id[1].values == {
        name: named.id
        for named in CATALOGUE.lists
        for name in (named.name, *(older.name for older in named.older_names))
    }


@pytest.mark.parametrize("form", penalty_forms(PROFILE), ids=lambda form: form.name)
def test_every_category_has_its_word(form: PenaltyForm) -> None:
    assert form.categories is not None

    known = set(form.categories[1].values.values())
    assert set(record_pb2.PenaltyCategory.values()) - {0} <= known


def test_tables_are_written_as_declared() -> None:
    assert csv_bytes(("一", "二"), [("a,b", 'c"d')]) == '一,二\r\n"a,b","c""d"\r\n'.encode("gb18030")
    assert xlsx_bytes(("一",), [("=1+1",)]) == xlsx_bytes(("一",), [("=1+1",)])
