"""What is supplied again, corrected, late, of another version, too short, or not there any more, in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import structlog.testing
from sqlalchemy import func, select

from adapters.hebei import staging
from adapters.hebei.profile import PROFILE
from adapters.hebei.source import HebeiSource, SourceSettings
from adapters.hebei.store import Place
from adapters.hebei.tables import BEARERS, DROPS, HELD, MISSING, REVISIONS, ROW_KEYS, STAGED
from adapters.sdk.mapping import OutsideWindow, Readable, map_row
from adapters.sdk.source import HoldsDeliveries, KnowsMissing, RawRow, SourceError, Supplied
from contract.catalogue import PENALTY
from contract.money import Fen
from huren.fragment.v1 import record_pb2
from sandbox.platforms.hebei import write_receipt
from sandbox.world import PenaltyFact
from tests.support.hebei import (
    DECISION_COLUMNS,
    HEBEI,
    NEW_DECISION_COLUMNS,
    YESTERDAY,
    change_receipt,
    drop_decisions,
    drop_rows,
    drops,
    opened_patiently,
    receipt_of,
    set_in_row,
)
from tests.support.worlds import AS_OF, FINED, LISTED, WINDOW, penalty, reading, search_for

MARKET = ("market_regulation", PENALTY)
TAX = ("taxation", PENALTY)
LATER = AS_OF + timedelta(days=1)
BOTH = {MARKET: AS_OF, TAX: AS_OF}
FAMILY = "HB_XZCF"


def facts(*numbers: int) -> list[PenaltyFact]:
    return [penalty(HEBEI, f"P{number:03}") for number in numbers]


def snapshot(
    folder: Path,
    *snapshot_of: PenaltyFact,
    number: int,
    up_to: datetime = LATER,
    scope: tuple[str, ...] = ("130201", "130202"),
) -> Path:
    """Everything of two departments."""
    path = drop_decisions(folder, *snapshot_of, number=number, up_to=up_to, scope=scope)
    change_receipt(path, snapshot=True)
    return path


async def keys_of(source: HebeiSource, subject: object = FINED) -> list[str]:
    answer = await source.search(search_for(subject))  # type: ignore[arg-type]
    return [row.key for row in answer.rows]


async def counted(source: HebeiSource) -> Mapping[str, tuple[int, int, int]]:
    async with source._database.read() as connection:
        found = await connection.execute(select(DROPS).where(DROPS.c.published.is_not(None)))
        return {row.file: (row.new, row.changed, row.unchanged) for row in found}


async def stored(source: HebeiSource) -> dict[str, int]:
    """How many lines the tables have that hold rows."""
    async with source._database.read() as connection:
        return {
            table.name: await connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (REVISIONS, ROW_KEYS, BEARERS, STAGED)
        }


async def followed(source: HebeiSource, limit: int, cursor: str = "") -> list[Supplied]:
    """Page by page until there is nothing more."""
    pages = [await source.supplied_since(cursor, limit)]
    while not pages[-1].is_all:
        pages.append(await source.supplied_since(pages[-1].cursor, limit))
    return pages


def rows_of(pages: list[Supplied]) -> list[RawRow]:
    return [row for page in pages for row in page.rows]


# --- Versions of a form (T49) -------------------------------------------------------------------------------------------

NUMBER = "130100000000009"
OLD_ROW = {
    "主键": "P1",
    "部门代码": "130201",
    "行政处罚决定书文号": "示市监罚〔2024〕1号",
    "处罚类别1": "罚款",
    "处罚事由": "违反标签管理规定",
    "违法事实": "当事人销售标签不符合规定的产品。",
    "处罚依据": "《中华人民共和国产品质量法》第五十四条",
    "行政相对人名称": FINED.name,
    "行政相对人代码_1(统一社会信用代码)": FINED.uscc,
    "行政相对人代码_2(组织机构代码)": FINED.uscc[8:17],
    "行政相对人代码_3(工商登记码)": NUMBER,
    "法定代表人姓名": "某人甲",
    "处罚结果": "罚款3000元",
    "罚款金额(万元)": "0.300000",
    "处罚决定日期": "2024/3/1",
    "处罚机关": "河北省市场监督管理局",
    "数据来源单位": "河北省市场监督管理局",
    "简易程序": "否",
    "当前状态": "0",
    "数据更新时间戳": "2024/3/8 09:02:03",
}
NEW_ROW = {
    "主键": "P1",
    "部门代码": "130201",
    "行政相对人名称": FINED.name,
    "行政相对人类别": "法人及非法人组织",
    "行政相对人代码_1(统一社会信用代码)": FINED.uscc,
    "行政相对人代码_2(工商注册号)": NUMBER,
    "行政相对人代码_3(组织机构代码)": FINED.uscc[8:17],
    "法定代表人姓名": "某人甲",
    "行政处罚决定书文号": "示市监罚〔2024〕1号",
    "违法行为类型": "违反标签管理规定",
    "违法事实": "当事人销售标签不符合规定的产品。",
    "处罚依据": "《中华人民共和国产品质量法》第五十四条",
    "处罚类别": "罚款",
    "处罚内容": "罚款4000元",
    "罚款金额(元)": "4000.00",
    "处罚决定日期": "2024-03-01",
    "处罚机关": "河北省市场监督管理局",
    "数据来源单位": "河北省市场监督管理局",
    "处罚程序": "普通程序",
    "当前状态": "0",
    "数据更新时间戳": "2024-04-08 09:02:03",
}


def amounts(row: RawRow) -> list[int]:
    outcome = map_row(row, reading(PROFILE, WINDOW))
    assert isinstance(outcome, Readable), outcome
    return [amount.fen for amount in outcome.draft.penalty.amounts]


async def test_t49_a_version_is_recognised_by_its_header_and_read_by_its_own_meaning(
    source: HebeiSource, folder: Path
) -> None:
    drop_rows(folder, [OLD_ROW], DECISION_COLUMNS, number=1)
    (old,) = (await source.search(search_for(FINED))).rows
    drop_rows(folder, [NEW_ROW], NEW_DECISION_COLUMNS, number=2)
    (new,) = (await source.search(search_for(FINED))).rows

    assert (old.form, old.key, amounts(old)) == ("HB_XZCF_2016", "P1", [300_000])
    assert (new.form, new.key, amounts(new)) == ("HB_XZCF_2021", "P1", [400_000])
    assert not any("某人甲" in str(row.values) for row in (old, new))
    assert await source.by_key([(FAMILY, "P1")]) == {(FAMILY, "P1"): new}
    assert (await source.watermarks()) == BOTH


async def test_t49_an_unknown_header_stops_the_form_and_names_the_difference(source: HebeiSource, folder: Path) -> None:
    drop_rows(folder, [OLD_ROW], DECISION_COLUMNS, number=1)
    strange = tuple("行政相对人代码_5(未知)" if column == "备注" else column for column in NEW_DECISION_COLUMNS)
    path = drop_rows(folder, [NEW_ROW], strange, number=2)

    answer = await source.search(search_for(FINED))

    assert answer.silent[MARKET] == (
        f"{path.name}: header of no known version; compared with HB_XZCF_2021: "
        "missing '备注'; not of the form '行政相对人代码_5(未知)'"
    )
    assert [row.form for row in answer.rows] == ["HB_XZCF_2016"]


# --- The same again, corrected, late ------------------------------------------------------------------------------------


async def test_the_same_file_twice_changes_nothing(source: HebeiSource, folder: Path) -> None:
    path = drop_decisions(folder, *facts(1, 2))
    before = (await source.search(search_for(FINED)), await stored(source), await drops(source))
    content, receipt = path.read_bytes(), receipt_of(path).read_bytes()
    for again in (path, receipt_of(path)):
        again.unlink()
    await source.watermarks()

    path.write_bytes(content)
    receipt_of(path).write_bytes(receipt)

    assert (await source.search(search_for(FINED)), await stored(source), await drops(source)) == before


async def test_the_same_rows_in_a_later_file_are_counted_as_unchanged(source: HebeiSource, folder: Path) -> None:
    drop_decisions(folder, *facts(1, 2, 3), number=1)
    second = drop_decisions(folder, *facts(2, 3), penalty(HEBEI, "P001", content="警告，通报批评"), *facts(4), number=2)

    with structlog.testing.capture_logs() as logs:
        await source.watermarks()

    assert (await counted(source))[second.name] == (1, 1, 2)
    (told,) = [log for log in logs if log["event"] == "drop taken in" and log["file"] == second.name]
    assert (told["rows"], told["new"], told["changed"], told["unchanged"]) == (4, 1, 1, 2)
    assert told["supply_lag_s"] == 14.5 * 3600


async def test_t40_a_corrected_amount_is_what_is_said_and_the_old_one_is_kept(
    source: HebeiSource, folder: Path
) -> None:
    fine = record_pb2.PENALTY_CATEGORY_FINE
    wrong = penalty(HEBEI, "P1", fine=Fen(100_000), categories=(fine,), content="罚款1000元")
    drop_decisions(folder, wrong, number=1)
    await source.watermarks()
    drop_decisions(folder, replace(wrong, fine=Fen(200_000), content="罚款2000元"), number=2, up_to=LATER)

    (row,) = (await source.search(search_for(FINED))).rows

    assert amounts(row) == [200_000]
    async with source._database.read() as connection:
        kept = (await connection.execute(select(REVISIONS.c["values"]).order_by(REVISIONS.c.drop))).all()
    assert ["罚款1000元" in values for (values,) in kept] == [True, False]


async def test_t40_a_date_that_is_corrected_out_of_the_window_takes_the_row_out_of_it(
    source: HebeiSource, folder: Path
) -> None:
    drop_decisions(folder, penalty(HEBEI, "P1"), number=1)
    (before,) = (await source.search(search_for(FINED))).rows
    drop_decisions(folder, penalty(HEBEI, "P1", decided_on=date(2019, 3, 1)), number=2)

    (row,) = (await source.search(search_for(FINED))).rows

    assert isinstance(map_row(before, reading(PROFILE, WINDOW)), Readable)
    assert isinstance(map_row(row, reading(PROFILE, WINDOW)), OutsideWindow)


async def test_t22a_a_decision_that_is_supplied_late_is_there_afterwards(source: HebeiSource, folder: Path) -> None:
    drop_decisions(folder, number=1)
    assert (await keys_of(source), await source.watermarks()) == ([], BOTH)

    late = penalty(HEBEI, "P1", decided_on=YESTERDAY - timedelta(days=12))
    drop_decisions(folder, late, number=2, up_to=LATER)

    assert await keys_of(source) == ["P1"]
    assert await source.watermarks() == {MARKET: LATER, TAX: LATER}


async def test_t22a_a_file_that_arrives_after_a_newer_one_adds_what_the_newer_one_lacks(
    source: HebeiSource, folder: Path
) -> None:
    drop_decisions(folder, penalty(HEBEI, "P2", content="警告"), number=2, up_to=LATER)
    await source.watermarks()
    drop_decisions(folder, penalty(HEBEI, "P1"), penalty(HEBEI, "P2", content="责令停产停业"), number=1)

    answer = await source.search(search_for(FINED))

    assert {row.key: row.values["处罚结果"] for row in answer.rows} == {"P1": "警告", "P2": "警告"}
    assert [row.key for row in rows_of(await followed(source, 10))] == ["P2", "P1"]


# --- Snapshots that lack rows (T57) --------------------------------------------------------------------------------------


async def test_t57_a_row_that_a_snapshot_lacks_is_a_question_and_stays(source: HebeiSource, folder: Path) -> None:
    everything = facts(*range(40))
    snapshot(folder, *everything, number=1, up_to=AS_OF)
    await source.watermarks()
    snapshot(folder, *everything[1:], number=2)

    assert len(await keys_of(source)) == 40
    assert await source.missing() == {(FAMILY, "P000")}
    row = (await source.by_key([(FAMILY, "P000")]))[FAMILY, "P000"]
    assert row is not None
    assert row.key == "P000"
    assert await source.watermarks() == {MARKET: LATER, TAX: LATER}


async def test_t57_a_withdrawal_that_is_confirmed_ends_it_and_a_new_delivery_restores_it(
    source: HebeiSource, folder: Path
) -> None:
    everything = facts(*range(40))
    snapshot(folder, *everything, number=1)
    snapshot(folder, *everything[1:], number=2)
    await source.watermarks()

    await source.confirm_withdrawn((FAMILY, "P000"))
    await source.confirm_withdrawn((FAMILY, "P000"))

    assert "P000" not in await keys_of(source)
    assert await source.by_key([(FAMILY, "P000")]) == {(FAMILY, "P000"): None}
    assert await source.missing() == frozenset()
    assert "P000" not in {row.key for row in rows_of(await followed(source, 7))}
    cursor = (await followed(source, 100))[-1].cursor
    drop_decisions(folder, *everything[:1], number=3)
    assert "P000" in await keys_of(source)
    assert [row.key for row in rows_of(await followed(source, 100, cursor))] == ["P000"]


async def test_t57_a_later_drop_brings_a_missing_row_back(source: HebeiSource, folder: Path) -> None:
    everything = facts(*range(40))
    snapshot(folder, *everything, number=1)
    snapshot(folder, *everything[1:], number=2)
    await source.watermarks()
    assert await source.missing() == {(FAMILY, "P000")}

    drop_decisions(folder, *everything[:1], number=3)
    await source.watermarks()

    assert await source.missing() == frozenset()


async def test_t57_a_snapshot_speaks_about_its_scope_and_about_what_came_before_it(
    source: HebeiSource, folder: Path
) -> None:
    other = [penalty(HEBEI, f"T{number:03}", domain="taxation") for number in range(3)]
    drop_decisions(folder, *facts(*range(40)), *other, number=1)
    drop_decisions(folder, *facts(99), number=5)
    await source.watermarks()

    snapshot(folder, *facts(*range(1, 40)), number=3, scope=("130201",))
    await source.watermarks()

    assert await source.missing() == {(FAMILY, "P000")}


async def test_t57_a_row_that_arrives_after_the_snapshot_that_lacks_it_is_a_question_too(
    source: HebeiSource, folder: Path
) -> None:
    snapshot(folder, *facts(*range(40)), number=2)
    await source.watermarks()
    drop_decisions(folder, *facts(0, 77), number=1)

    assert "P077" in await keys_of(source)
    assert await source.missing() == {(FAMILY, "P077")}


async def test_what_is_not_missing_cannot_be_confirmed_to_be_withdrawn(source: HebeiSource, folder: Path) -> None:
    drop_decisions(folder, *facts(1))
    await source.watermarks()

    with pytest.raises(SourceError, match="HB_XZCF/P001: not missing"):
        await source.confirm_withdrawn((FAMILY, "P001"))


async def test_an_increment_says_nothing_about_what_it_lacks(source: HebeiSource, folder: Path) -> None:
    snapshot(folder, *facts(*range(40)), number=1)
    drop_decisions(folder, *facts(1), number=2)
    path = drop_decisions(folder, *facts(2), number=3)
    change_receipt(path, snapshot=False)
    await source.watermarks()

    assert (await source.missing(), await source.held()) == (frozenset(), [])


# --- Shrunken and truncated files (T58) ---------------------------------------------------------------------------------


async def test_t58_a_snapshot_that_shrank_is_held_and_nothing_moves(source: HebeiSource, folder: Path) -> None:
    snapshot(folder, *facts(*range(100)), number=1, up_to=AS_OF)
    assert await source.watermarks() == BOTH
    shrunken = snapshot(folder, *facts(*range(94)), number=2)
    drop_decisions(folder, *facts(200), number=3, up_to=LATER)

    with structlog.testing.capture_logs() as logs:
        answer = await source.search(search_for(FINED))
        await source.watermarks()

    assert len(answer.rows) == 100
    assert answer.watermarks == BOTH == await source.watermarks()
    assert set(answer.silent.values()) == {"the platform does not say up to when it was supplied"}
    (held,) = await source.held()
    assert (held.form, held.file, held.rows, held.expected) == (FAMILY, shrunken.name, 94, 100)
    assert held.reason == "全量文件只有94行，而现有100行 a snapshot of 94 rows, where 100 are current"
    assert [log["reason"] for log in logs if log["event"] == "drop not read"] == [
        "held: a snapshot of 94 rows, where 100 are current",
        f"{shrunken.name} is before it",
    ]
    assert await source.missing() == frozenset()
    assert "P200" not in {row.key for row in rows_of(await followed(source, 50))}


async def test_t58_five_per_cent_fewer_is_not_yet_too_few(source: HebeiSource, folder: Path) -> None:
    snapshot(folder, *facts(*range(100)), number=1)
    snapshot(folder, *facts(*range(95)), number=2)
    await source.watermarks()

    assert await source.held() == []
    assert await source.missing() == {(FAMILY, f"P{number:03}") for number in range(95, 100)}


async def test_t58_a_held_file_that_is_said_to_be_good_is_taken_in_also_after_a_restart(
    settings: SourceSettings, folder: Path
) -> None:
    first = await opened_patiently(settings)
    snapshot(folder, *facts(*range(100)), number=1)
    shrunken = snapshot(folder, *facts(*range(50)), number=2)
    drop_decisions(folder, *facts(200), number=3)
    await first.watermarks()
    (held,) = await first.held()
    await first.decide_held(held.file, held.identity, good=True)
    await first.close()

    second = await opened_patiently(settings)
    keys = await keys_of(second)

    assert len(keys) == 101
    assert await second.held() == []
    assert len(await second.missing()) == 50
    assert (shrunken.name, None) in await drops(second)
    await second.decide_held(held.file, held.identity, good=True)
    with pytest.raises(SourceError, match="decided otherwise"):
        await second.decide_held(held.file, held.identity, good=False)
    await second.close()


async def test_t58_a_held_file_that_is_said_not_to_be_good_is_refused(source: HebeiSource, folder: Path) -> None:
    snapshot(folder, *facts(*range(100)), number=1, up_to=AS_OF)
    shrunken = snapshot(folder, *facts(*range(50)), number=2)
    await source.watermarks()
    (held,) = await source.held()

    await source.decide_held(held.file, held.identity, good=False)

    assert await source.watermarks() == {}
    assert (await drops(source))[-1] == (
        shrunken.name,
        "held, and found not to be good: a snapshot of 50 rows, where 100 are current",
    )
    assert (await source.held(), await source.missing(), len(await keys_of(source))) == ([], frozenset(), 100)
    again = snapshot(folder, *facts(*range(100)), number=3)
    change_receipt(again, replaces=[shrunken.name])
    assert await source.watermarks() == {MARKET: LATER, TAX: LATER}


async def test_t58_a_held_file_that_is_replaced_by_a_whole_one_is_forgotten(source: HebeiSource, folder: Path) -> None:
    snapshot(folder, *facts(*range(100)), number=1)
    snapshot(folder, *facts(*range(50)), number=2)
    await source.watermarks()
    (held,) = await source.held()

    snapshot(folder, *facts(*range(101)), number=2)

    assert len(await keys_of(source)) == 101
    assert await source.held() == []
    with pytest.raises(SourceError, match="not held"):
        await source.decide_held(held.file, held.identity, good=True)


async def test_t58_a_held_file_that_is_taken_away_is_forgotten(source: HebeiSource, folder: Path) -> None:
    snapshot(folder, *facts(*range(100)), number=1)
    path = snapshot(folder, *facts(*range(50)), number=2)
    await source.watermarks()
    before = await stored(source)
    for gone in (path, receipt_of(path)):
        gone.unlink()

    await source.watermarks()

    assert await source.held() == []
    assert await stored(source) == {name: lines - lines // 3 if lines else 0 for name, lines in before.items()}


async def test_t58_the_same_file_again_with_fewer_rows_is_held_and_its_departments_are_silent(
    source: HebeiSource, folder: Path
) -> None:
    snapshot(folder, *facts(*range(100)), number=1, up_to=AS_OF)
    assert await source.watermarks() == BOTH

    again = snapshot(folder, *facts(*range(50)), number=1, up_to=AS_OF)
    answer = await source.search(search_for(FINED))

    assert len(answer.rows) == 100
    assert answer.silent[MARKET] == f"{again.name}: held: a snapshot of 50 rows, where 100 are current"
    assert await source.watermarks() == {}


async def test_t58_a_truncated_file_is_refused(source: HebeiSource, folder: Path) -> None:
    drop_decisions(folder, *facts(*range(20)), number=1)
    path = drop_decisions(folder, *facts(*range(20)), number=2)
    receipt = receipt_of(path).read_bytes()
    lines = path.read_bytes().split(b"\r\n")
    path.write_bytes(b"\r\n".join(lines[:15]) + b"\r\n")
    write_receipt(path, rows=20, up_to=LATER, scope=["130201", "130202"])
    assert receipt_of(path).read_bytes() != receipt

    assert await source.watermarks() == {}
    assert (await drops(source))[-1] == (path.name, "expected 20 rows by the receipt, got 14")
    assert (await stored(source))["revisions"] == 20


# --- A night load that is not finished (T61) ------------------------------------------------------------------------------


async def test_t61_a_load_that_is_not_finished_leaves_the_watermark_where_it_was(
    source: HebeiSource, folder: Path
) -> None:
    drop_decisions(folder, *facts(1), number=1)
    assert await source.watermarks() == BOTH
    path = drop_decisions(folder, *facts(2, 3), number=2, up_to=LATER)
    receipt = receipt_of(path).read_bytes()
    receipt_of(path).unlink()

    assert await keys_of(source) == ["P001"]
    assert await source.watermarks() == BOTH
    receipt_of(path).write_bytes(receipt)
    assert await keys_of(source) == ["P001", "P002", "P003"]
    assert await source.watermarks() == {MARKET: LATER, TAX: LATER}


@pytest.fixture
def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_BATCH", 10)


@pytest.mark.usefixtures("in_small_batches")
async def test_t61_what_is_staged_is_seen_by_nobody_and_taken_up_again(
    settings: SourceSettings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_decisions(folder, *facts(1), number=1)
    first = await opened_patiently(settings)
    await first.watermarks()
    drop_decisions(folder, *facts(*range(35)), penalty(HEBEI, "L1", subject=LISTED), number=2, up_to=LATER)
    read, added = staging._next_batch, []

    def stopped_in_the_middle(rows: object) -> object:
        added.append(0)
        if len(added) >= 3:
            raise OSError(5, "the machine is stopped")
        return read(rows)  # type: ignore[arg-type]

    monkeypatch.setattr(staging, "_next_batch", stopped_in_the_middle)
    assert (await keys_of(first), await keys_of(first, LISTED)) == (["P001"], [])
    assert await first.watermarks() == BOTH
    assert (await stored(first))["revisions"] == 1 + 20
    await first.close()
    monkeypatch.setattr(staging, "_next_batch", read)
    positions: list[int] = []
    prepared = staging._prepared

    def noted(content: object, drop: int) -> object:
        for row in prepared(content, drop):  # type: ignore[arg-type]
            positions.append(row[0][1])
            yield row

    monkeypatch.setattr(staging, "_prepared", noted)
    second = await opened_patiently(settings)

    assert (len(await keys_of(second)), await keys_of(second, LISTED)) == (35, ["L1"])
    assert positions == list(range(21, 37))
    assert await second.watermarks() == {MARKET: LATER, TAX: LATER}
    await second.close()


@pytest.mark.usefixtures("in_small_batches")
async def test_two_replicas_at_once_take_a_file_in_once(settings: SourceSettings, folder: Path) -> None:
    path = snapshot(folder, *facts(*range(75)), number=1)
    replicas = [await opened_patiently(settings) for _ in range(2)]

    said = await asyncio.gather(*(replica.search(search_for(FINED)) for replica in replicas))

    assert {len((await replica.search(search_for(FINED))).rows) for replica in replicas} == {75}
    assert {len(answer.rows) for answer in said} <= {0, 75}
    assert await drops(replicas[0]) == [(path.name, None)]
    lines = await stored(replicas[0])
    assert (lines["revisions"], lines["row_keys"], lines["staged"]) == (75, 75, 0)
    for replica in replicas:
        await replica.close()


@pytest.mark.usefixtures("in_small_batches")
@pytest.mark.parametrize(
    ("values", "reason"),
    [({"主键": "P003"}, "a 主键 stands twice"), ({"部门代码": "130203"}, "row 36: 部门代码: 130203 is not in")],
)
async def test_a_file_that_turns_out_bad_in_the_middle_leaves_nothing_behind(
    source: HebeiSource, folder: Path, values: dict[str, str], reason: str
) -> None:
    drop_decisions(folder, *facts(1), number=1)
    await source.watermarks()
    before = await stored(source)
    path = drop_decisions(folder, *facts(*range(40)), number=2)
    set_in_row(path, 36, values)

    assert await source.watermarks() == {}

    assert (await drops(source))[-1][1] == reason or reason in str((await drops(source))[-1][1])
    assert await stored(source) == before
    assert await keys_of(source) == ["P001"]


# --- Following and fetching ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_everything_that_counts_is_given_once_in_the_order_of_supply(
    source: HebeiSource, folder: Path, limit: int
) -> None:
    drop_decisions(folder, *facts(1, 2, 3, 4), number=1)
    drop_decisions(folder, penalty(HEBEI, "P002", content="警告，通报批评"), *facts(5), number=2)
    drop_decisions(folder, number=3)
    await source.watermarks()

    pages = await followed(source, limit)

    assert [row.key for row in rows_of(pages)] == ["P001", "P003", "P004", "P002", "P005"]
    assert [page.expected for page in pages[:-1]] == [5 - limit * number for number in range(len(pages) - 1)]
    assert rows_of(await followed(source, limit, pages[-1].cursor)) == []
    drop_decisions(folder, *facts(6), penalty(HEBEI, "P001", content="警告，通报批评"), number=4)
    await source.watermarks()
    assert [row.key for row in rows_of(await followed(source, limit, pages[-1].cursor))] == ["P006", "P001"]


async def test_a_row_that_bears_nobodys_code_is_given_too(source: HebeiSource, folder: Path) -> None:
    path = drop_decisions(folder, *facts(1))
    nobody = dict.fromkeys((column for column in DECISION_COLUMNS if "行政相对人" in column), "")
    set_in_row(path, 1, nobody)
    await source.watermarks()

    (page,) = await followed(source, 10)

    assert [(row.form, row.key, row.values["行政相对人名称"]) for row in page.rows] == [("HB_XZCF_2016", "P001", "")]


@pytest.mark.parametrize("cursor", ["1", "1.1", "a.b.c", "-1.0.0", "1.1.1.1", "9.0.0", "١.0.0", "' OR 1=1"])
async def test_a_cursor_that_was_never_given_is_refused(source: HebeiSource, cursor: str) -> None:
    with pytest.raises(SourceError, match="cursor"):
        await source.supplied_since(cursor, 10)


def test_a_cursor_reads_back() -> None:
    assert Place.parse(str(Place(3, 14, 15))) == Place(3, 14, 15)


async def test_rows_are_fetched_by_key_as_they_stand(source: HebeiSource, folder: Path) -> None:
    drop_decisions(folder, *facts(*range(300)), number=1)
    drop_decisions(folder, penalty(HEBEI, "P001", subject=LISTED), number=2)
    await source.watermarks()
    keys = [(FAMILY, f"P{number:03}") for number in range(300)]

    found = await source.by_key([*keys, (FAMILY, "nobody's"), ("HB_YZSX", "P001")])

    assert [key for key, row in found.items() if row is None] == [(FAMILY, "nobody's"), ("HB_YZSX", "P001")]
    assert {row.key: row.values["行政相对人名称"] for row in found.values() if row}["P001"] == LISTED.name


async def test_the_source_keeps_what_the_desk_asks_for(source: HebeiSource) -> None:
    assert isinstance(source, HoldsDeliveries)
    assert isinstance(source, KnowsMissing)


async def test_nothing_of_a_held_or_missing_row_is_left_over(source: HebeiSource, folder: Path) -> None:
    snapshot(folder, *facts(*range(40)), number=1)
    snapshot(folder, *facts(*range(1, 40)), number=2)
    snapshot(folder, *facts(*range(40)), number=3)
    await source.watermarks()

    async with source._database.read() as connection:
        for table in (HELD, MISSING, STAGED):
            assert (await connection.execute(select(table))).all() == []


async def test_values_come_back_as_they_were_written(source: HebeiSource, folder: Path) -> None:
    hostile = ['a"b', "a\\b", "一\r\n二", '","', "\x1f", "\u2028", " 两边 ", "", '["', "𠮷"]
    row = OLD_ROW | dict(zip(("处罚名称", "违法事实", "处罚依据", "地方编码", "备注"), hostile[:5], strict=True))
    other = (
        OLD_ROW
        | {"主键": "P2"}
        | dict(zip(("处罚名称", "违法事实", "处罚依据", "地方编码", "备注"), hostile[5:], strict=True))
    )
    drop_rows(folder, [row, other], DECISION_COLUMNS)

    answer = await source.search(search_for(FINED))

    given = [dict(found.values) for found in answer.rows]
    wanted = [
        {column: one.get(column, "") for column in DECISION_COLUMNS if "法定代表人" not in column}
        for one in (row, other)
    ]
    assert given == wanted
    assert json.dumps(given, ensure_ascii=False) == json.dumps(wanted, ensure_ascii=False)
