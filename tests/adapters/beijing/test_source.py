"""北京's source, asked over its stand-in, in a SQLite file and in PostgreSQL."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.beijing.functions import INSTANT
from adapters.beijing.profile import LISTS, PROFILE
from adapters.beijing.source import BeijingSource, SourceSettings, open_source
from adapters.sdk.assembly import MAX_SPELLINGS
from adapters.sdk.notation import NotationError, read_china_timestamp
from adapters.sdk.profile_check import check_profile, columns_read
from adapters.sdk.source import RawRow, SourceError
from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from sandbox.platforms.beijing import advance_beijing, load_beijing, supply_beijing
from sandbox.world import ListFact, PenaltyFact, World, generate
from tests.support.dirt import EVERY_DIRT, MARKET, Dirt, assert_said, cells_of
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
    search_by,
    search_for,
    world_of,
)

BEIJING = Province.BEIJING
NAME = common_pb2.IDENTIFIER_KIND_NAME
USCC = common_pb2.IDENTIFIER_KIND_USCC


class Exchange:
    """The exchange database as its owner sees it.

    Attributes:
        url: For whoever may write.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    async def load(self, world: World) -> None:
        await load_beijing(world, self.url)

    async def change(self, statement: str, **values: str | None) -> None:
        engine = create_async_engine(self.url)
        try:
            async with engine.begin() as connection:
                await connection.execute(text(statement), values)
        finally:
            await engine.dispose()

    async def without_constraints(self, table: str) -> None:
        """Makes the table one of the same columns and rows in which nothing is unique or needed."""
        await self.change(f'CREATE TABLE "COPY" AS SELECT * FROM "{table}"')  # noqa: S608 - our own words
        await self.change(f'DROP TABLE "{table}"')
        await self.change(f'ALTER TABLE "COPY" RENAME TO "{table}"')

    async def set_in_second_row(self, column: str, value: str | None) -> None:
        await self.change(f"""UPDATE "T_XZCF" SET "{column}" = :value WHERE "ID" = 'P2'""", value=value)  # noqa: S608 - our own words


def in_file(file: Path) -> Exchange:
    return Exchange(f"sqlite+aiosqlite:///{file}?timeout=0")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gxpt 1.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def exchange(request: pytest.FixtureRequest, file: Path) -> Exchange:
    if request.param == "sqlite":
        return in_file(file)
    url = make_url(request.getfixturevalue("postgresql_url"))
    return Exchange(url.set(drivername="postgresql+asyncpg").render_as_string())


@asynccontextmanager
async def reading_from(exchange: Exchange) -> AsyncGenerator[BeijingSource]:
    opened = await open_source(SourceSettings(database_url=exchange.url), now=lambda: NOW)
    try:
        yield opened
    finally:
        await opened.close()
        await connections_ended()


@pytest_asyncio.fixture
async def source(exchange: Exchange) -> AsyncGenerator[BeijingSource]:
    async with reading_from(exchange) as opened:
        yield opened


@pytest_asyncio.fixture
async def source_of_file(file: Path) -> AsyncGenerator[BeijingSource]:
    async with reading_from(in_file(file)) as opened:
        yield opened


def write(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def remove(file: Path) -> None:
    file.unlink()


def cut_off(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 3])


# --- What is found ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("serial", range(4))
async def test_every_fact_of_a_subject_comes_back_as_its_record(
    source: BeijingSource, exchange: Exchange, serial: int
) -> None:
    world = world_of(BEIJING)
    await exchange.load(world)
    subject = world.enterprises[serial]

    answer = await source.search(search_for(subject))

    assert {row.key: mapped(row, PROFILE) for row in answer.rows} == {
        key: expected(fact) for key, fact in facts_by_key(world, subject, BEIJING).items()
    }


async def test_a_generated_world_is_told_apart_subject_by_subject(source: BeijingSource, exchange: Exchange) -> None:
    world = generate(seed=7, size=120, day=TODAY)
    await exchange.load(world)

    for subject in world.enterprises:
        answer = await source.search(search_for(subject))
        truth = world.facts_of(subject.uscc, BEIJING, WINDOW)
        true_keys = {fact.key for facts in truth for fact in facts}
        assert true_keys <= {row.key for row in answer.rows}
        assert {row.key for row in answer.rows} <= facts_by_key(world, subject, BEIJING).keys()


async def test_a_subject_without_records_has_no_rows_and_every_watermark(
    source: BeijingSource, exchange: Exchange
) -> None:
    await exchange.load(world_of(BEIJING))

    answer = await source.search(search_for(BLAMELESS))

    assert answer.rows == ()
    assert answer.watermarks == dict.fromkeys(CELLS, AS_OF)
    assert answer.silent == {}
    assert await source.watermarks() == dict.fromkeys(CELLS, AS_OF)


async def test_only_the_cells_asked_for_are_answered(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING))
    cell = ("taxation", PENALTY)

    answer = await source.search(search_for(BLAMELESS, cells=frozenset({cell})))

    assert answer.watermarks == {cell: AS_OF}


async def test_all_amounts_are_text_in_wan_yuan_with_six_decimals(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING))

    rows = {row.key: row.values for row in (await source.search(search_for(FINED))).rows}

    assert (rows["P3001"]["CF_NR_FK"], rows["P3001"]["CF_NR_WFFF"]) == ("0.000001", "")
    assert (rows["P3002"]["CF_NR_FK"], rows["P3002"]["CF_NR_WFFF"]) == ("2.229650", "12345.678901")


@pytest.mark.parametrize(
    ("column", "stands", "asked"),
    [
        pytest.param("CF_XDR_SHXYM", f"  {BLAMELESS.uscc} ", (USCC, BLAMELESS.uscc), id="blanks-around-code"),
        pytest.param(
            "CF_XDR_SHXYM",
            "11010500000X",
            (common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, "11010500000X"),
            id="old-number-in-code-column",
        ),
        pytest.param(
            "CF_XDR_ZZJG", "12345678X", (common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE, "12345678X"), id="organisation"
        ),
        pytest.param(
            "CF_XDR_GSZC",
            "110105000000009",
            (common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, "110105000000009"),
            id="registration-number",
        ),
        pytest.param(
            "CF_XDR_SHXYM",
            BLAMELESS.uscc,
            (common_pb2.IDENTIFIER_KIND_FORMER_USCC, BLAMELESS.uscc),
            id="former-code",
        ),
        pytest.param("CF_XDR_MC", " 示例 清白 有限公司 ", (NAME, "示例 清白 有限公司"), id="name-with-blanks"),
        pytest.param("CF_XDR_MC", "示例(北京)公司", (NAME, "示例（北京）公司"), id="width-of-brackets"),
        pytest.param(
            "CF_XDR_MC", "示例旧名公司", (common_pb2.IDENTIFIER_KIND_FORMER_NAME, "示例旧名公司"), id="former-name"
        ),
    ],
)
async def test_a_row_is_found_by(
    source: BeijingSource, exchange: Exchange, *, column: str, stands: str, asked: tuple[int, str]
) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1"), penalty(BEIJING, "P2")]))
    await exchange.set_in_second_row(column, stands)

    answer = await source.search(search_by(asked))

    assert [(row.key, row.values[column]) for row in answer.rows] == [("P2", stands)]
    assert asked[0] in answer.searched


DASHED = f"{BLAMELESS.uscc[8:16]}-{BLAMELESS.uscc[16]}"
ORGANISATION = common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE
REGISTRATION = common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER


def full_width(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


@pytest.mark.parametrize(
    ("column", "stands", "asked"),
    [
        ("CF_XDR_SHXYM", BLAMELESS.uscc.lower(), (USCC, BLAMELESS.uscc)),
        ("CF_XDR_SHXYM", full_width(BLAMELESS.uscc), (USCC, BLAMELESS.uscc)),
        ("CF_XDR_SHXYM", full_width(BLAMELESS.uscc[:3].lower()) + BLAMELESS.uscc[3:], (USCC, BLAMELESS.uscc)),
        ("CF_XDR_SHXYM", f"\t{BLAMELESS.uscc}\n", (USCC, BLAMELESS.uscc)),
        ("CF_XDR_SHXYM", f"{BLAMELESS.uscc[:8]} －—{BLAMELESS.uscc[8:]}\u3000", (USCC, BLAMELESS.uscc)),
        ("CF_XDR_ZZJG", BLAMELESS.uscc, (USCC, BLAMELESS.uscc)),
        ("CF_XDR_GSZC", BLAMELESS.uscc, (USCC, BLAMELESS.uscc)),
        ("CF_XDR_SHXYM", DASHED, (ORGANISATION, DASHED.replace("-", ""))),
        ("CF_XDR_ZZJG", DASHED, (ORGANISATION, DASHED.replace("-", ""))),
        ("CF_XDR_ZZJG", DASHED.replace("-", ""), (ORGANISATION, DASHED)),
        ("CF_XDR_GSZC", DASHED.lower(), (ORGANISATION, DASHED.replace("-", ""))),
        ("CF_XDR_ZZJG", "110105000000009", (REGISTRATION, "110105000000009")),
        ("CF_XDR_GSZC", "1101 0500 0000 009", (REGISTRATION, "110105000000009")),
        ("CF_XDR_MC", "示例\u3000清白有限公司\t", (NAME, "示例清白有限公司")),
        ("CF_XDR_MC", "示例〔北京〕ａbc公司", (NAME, "示例（北京）ABC公司")),
    ],
)
async def test_a_row_in_another_notation_or_column_is_found_by(
    source: BeijingSource, exchange: Exchange, *, column: str, stands: str, asked: tuple[int, str]
) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1"), penalty(BEIJING, "P2")]))
    await exchange.set_in_second_row(column, stands)

    answer = await source.search(search_by(asked))

    assert [(row.key, row.values[column]) for row in answer.rows] == [("P2", stands)]


@pytest.mark.parametrize("column", ["SHXYDM", "ZZJGDM"])
@pytest.mark.parametrize("kind", [USCC, ORGANISATION, REGISTRATION])
async def test_a_list_entry_is_found_by_every_code_in_every_column(
    source: BeijingSource, exchange: Exchange, column: str, kind: int
) -> None:
    await exchange.load(world_of(BEIJING, [], [entry(BEIJING, "E1")]))
    await exchange.change(f"""UPDATE "T_YZSX" SET "{column}" = ' 1101-0500x'""")  # noqa: S608 - our own words

    assert [row.key for row in (await source.search(search_by((kind, "11010500X")))).rows] == ["E1"]


@pytest.mark.parametrize("kind", [USCC, ORGANISATION, REGISTRATION, NAME])
async def test_an_identifier_without_anything_in_it_finds_nothing(
    source: BeijingSource, exchange: Exchange, kind: int
) -> None:
    await exchange.load(world_of(BEIJING))
    await exchange.change("""UPDATE "T_XZCF" SET "CF_XDR_SHXYM" = '-', "CF_XDR_MC" = ' ' """)

    assert (await source.search(search_by((kind, " ")))).rows == ()


async def test_a_masked_code_is_found_by_the_name_beside_it(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1")]))
    await exchange.change("""UPDATE "T_XZCF" SET "CF_XDR_SHXYM" = '91110105MA********', "CF_XDR_ZZJG" = '' """)

    assert [row.key for row in (await source.search(search_for(FINED))).rows] == ["P1"]


@pytest.mark.parametrize(
    "name",
    [
        "%",
        "_" * 12,
        "示例%",
        "' OR '1'='1",
        "'); DROP TABLE T_XZCF; --",
        "\\",
        '" OR 1=1 --',
        "%' ESCAPE '%",
        ":param_1",
    ],
)
async def test_nothing_is_found_by_the_name(source: BeijingSource, exchange: Exchange, name: str) -> None:
    await exchange.load(world_of(BEIJING))

    assert (await source.search(search_by((USCC, BLAMELESS.uscc), (NAME, name)))).rows == ()
    assert (await source.search(search_for(FINED))).rows != ()


async def test_personal_columns_are_not_read(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1")]))
    await exchange.change(
        """UPDATE "T_XZCF" SET "CF_FRDB" = '某人', "CF_FR_ZJHM" = '110105199001011234', "BZ" = '某人' """
    )

    (row,) = (await source.search(search_for(FINED))).rows

    assert not any("某人" in str(value) or "1990" in str(value) for value in row.values.values())


@pytest.mark.parametrize("dirt", EVERY_DIRT)
async def test_a_dirty_row_makes_its_cells_unavailable_and_never_clear(
    source: BeijingSource, exchange: Exchange, dirt: Dirt
) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P2")]))
    for column, value in dirt.values(PROFILE).items():
        await exchange.set_in_second_row(column, value)
    search = search_for(FINED)

    assert_said(await source.search(search), search, FINED, PROFILE, dirt)


# --- What the platform does not say ---------------------------------------------------------------------------------------


async def test_a_domain_without_a_row_in_t_gj_is_silent(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING))
    await exchange.change("""DELETE FROM "T_GJ" WHERE "LYBM" = 'SW' AND "SJLX" = 'CF' """)

    answer = await source.search(search_for(BLAMELESS))

    assert set(answer.silent) == {("taxation", PENALTY)}
    assert set(answer.watermarks) == CELLS - {("taxation", PENALTY)}
    assert set(await source.watermarks()) == CELLS - {("taxation", PENALTY)}


@pytest.mark.parametrize("instant", ["", "2026-11-21", "yesterday", "2026-02-30 20:00:00"])
async def test_a_domain_whose_state_of_supply_is_unreadable_is_silent(
    source: BeijingSource, exchange: Exchange, instant: str
) -> None:
    await exchange.load(world_of(BEIJING))
    await exchange.change("""UPDATE "T_GJ" SET "GJJZ" = :instant WHERE "LYBM" = 'FYZX' """, instant=instant)

    assert set((await source.search(search_for(BLAMELESS))).silent) == {("court_enforcement", SERIOUS_LIST)}


@pytest.mark.parametrize("second", ["SCJG", " SCJG"])
@pytest.mark.parametrize(("first", "then"), [(0, 1), (1, 0)])
async def test_of_two_states_of_supply_the_earliest_counts(
    source: BeijingSource, exchange: Exchange, *, second: str, first: int, then: int
) -> None:
    await exchange.load(world_of(BEIJING))
    instants = ("2026-01-01 00:00:00", "2026-11-21 20:00:00")
    await exchange.change('DROP TABLE "T_GJ"')
    await exchange.change('CREATE TABLE "T_GJ" ("LYBM" TEXT, "SJLX" TEXT, "GJJZ" TEXT)')
    for code, at in (("SCJG", first), (second, then)):
        await exchange.change("""INSERT INTO "T_GJ" VALUES (:code, 'CF', :instant)""", code=code, instant=instants[at])

    assert await source.watermarks() == {("market_regulation", PENALTY): read_china_timestamp(instants[0])}


@pytest.mark.parametrize("serial", [0, 1])
async def test_an_unreadable_state_of_supply_is_not_mended_by_a_second_one(
    source: BeijingSource, exchange: Exchange, serial: int
) -> None:
    await exchange.load(world_of(BEIJING))
    await exchange.change('DROP TABLE "T_GJ"')
    await exchange.change('CREATE TABLE "T_GJ" ("LYBM" TEXT, "SJLX" TEXT, "GJJZ" TEXT)')
    for instant in ("2026-11-21 20:00:00", "x")[:: 1 if serial else -1]:
        await exchange.change("""INSERT INTO "T_GJ" VALUES ('SCJG', 'CF', :instant)""", instant=instant)

    assert ("market_regulation", PENALTY) not in (await source.search(search_for(BLAMELESS))).watermarks
    assert await source.watermarks() == {}


async def test_supply_of_what_the_catalogue_lacks_says_nothing(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING))
    await exchange.change(
        """INSERT INTO "T_GJ" VALUES ('QT', 'CF', '2026-11-21 20:00:00'), ('GJJ', 'MD', 'x'), ('SW', 'XX', 'x')"""
    )

    assert set(await source.watermarks()) == CELLS


@pytest.mark.parametrize(
    ("table", "silent"),
    [pytest.param("T_XZCF", PENALTY_CELLS, id="T_XZCF"), pytest.param("T_YZSX", LIST_CELLS, id="T_YZSX")],
)
async def test_a_missing_table_makes_its_cells_silent_and_no_others(
    source: BeijingSource, exchange: Exchange, table: str, silent: set[tuple[str, int]]
) -> None:
    await exchange.load(world_of(BEIJING))
    await exchange.change(f'DROP TABLE "{table}"')

    answer = await source.search(search_for(LISTED))

    assert set(answer.silent) == silent
    assert set(answer.watermarks) == CELLS - silent


async def test_a_missing_column_makes_its_cells_silent(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING))
    await exchange.change('ALTER TABLE "T_XZCF" DROP COLUMN "CF_CXBS"')

    assert set((await source.search(search_for(FINED))).silent) == PENALTY_CELLS


@pytest.mark.parametrize(
    ("table", "added"),
    [("T_XZCF", PENALTY_CELLS), ("T_YZSX", LIST_CELLS)],
)
async def test_columns_of_no_known_version_make_the_cells_silent_and_are_named(
    source: BeijingSource, exchange: Exchange, table: str, added: set[tuple[str, int]]
) -> None:
    """The table changes while the source is running."""
    await exchange.load(world_of(BEIJING))
    assert (await source.search(search_for(LISTED))).silent == {}
    await exchange.change(f'ALTER TABLE "{table}" RENAME COLUMN "ZT" TO "ZT_NEW"')

    answer = await source.search(search_for(LISTED))

    assert set(answer.silent) == added
    (reason,) = set(answer.silent.values())
    assert reason.startswith(f"{table}: ")
    assert reason.endswith("missing 'ZT'; not of the form 'ZT_NEW'")
    with pytest.raises(SourceError, match="not of the form 'ZT_NEW'"):
        await source.supplied_since("", 10)
    with pytest.raises(SourceError, match="not of the form 'ZT_NEW'"):
        await source.by_key([(table, "1")])


@pytest.mark.parametrize(
    "value", ["2024-03-08", "", "2024-02-30 00:00:00", "2024-03-08 24:00:00", "20240308", "0000-00-00 00:00:00"]
)
async def test_a_row_whose_time_of_supply_cannot_be_read_is_handed_over_and_unreadable(
    source: BeijingSource, exchange: Exchange, value: str
) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1"), penalty(BEIJING, "P2", domain="health")]))
    await exchange.set_in_second_row("GJSJ", value)
    search = search_for(FINED)

    answer = await source.search(search)

    assert {row.key: row.received_at is None for row in answer.rows} == {"P1": False, "P2": True}
    assert answer.silent == {}
    assert (
        cells_of(answer, search, FINED, PROFILE)["health", PENALTY].reason == fragment_pb2.UNAVAILABLE_REASON_UNREADABLE
    )


@pytest.mark.parametrize("key", ["", None, "?" + "0" * 64])
async def test_a_row_without_a_key_is_handed_over_by_a_key_of_its_content(
    source: BeijingSource, exchange: Exchange, key: str | None
) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1"), penalty(BEIJING, "P2")]))
    await exchange.without_constraints("T_XZCF")
    await exchange.set_in_second_row("ID", key)

    answer = await source.search(search_for(FINED))
    again = await source.search(search_for(FINED))

    (made,) = {row.key for row in answer.rows} - {"P1"}
    assert re.fullmatch(r"\?[0-9a-f]{64}", made)
    assert made != key
    assert again == answer
    found = await source.by_key([("T_XZCF", made), ("T_XZCF", "?" + "1" * 64), ("T_XZCF", ""), ("T_XZCF", "P1")])
    assert {of: row is not None for of, row in found.items()} == {
        ("T_XZCF", made): True,
        ("T_XZCF", "?" + "1" * 64): False,
        ("T_XZCF", ""): False,
        ("T_XZCF", "P1"): True,
    }
    assert found["T_XZCF", made] in answer.rows


def test_the_domain_of_every_list_is_the_catalogues() -> None:
    assert dict(LISTS.values()) == {one.id: one.domain for one in CATALOGUE.list_by_id.values()}


async def test_a_number_with_a_fraction_is_left_out_and_its_row_unreadable(
    source: BeijingSource, exchange: Exchange
) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1")]))
    await exchange.change('ALTER TABLE "T_XZCF" DROP COLUMN "CF_NR_FK"')
    await exchange.change('ALTER TABLE "T_XZCF" ADD COLUMN "CF_NR_FK" REAL DEFAULT 0.1')
    search = search_for(FINED)

    answer = await source.search(search)

    assert [(row.key, "CF_NR_FK" in row.values) for row in answer.rows] == [("P1", False)]
    assert cells_of(answer, search, FINED, PROFILE)[MARKET].reason == fragment_pb2.UNAVAILABLE_REASON_UNREADABLE


@pytest.mark.parametrize("finished", [True, False])
async def test_a_load_that_is_not_finished_by_the_morning_leaves_its_domain_as_old_as_the_load_before(
    source: BeijingSource, exchange: Exchange, *, finished: bool
) -> None:
    """T61: rows of a night's load are there, but its end is not: the domain is stale from its hour on, not half-answered."""
    before = NOW - CATALOGUE.freshness_limit(MARKET)
    last = NOW - timedelta(hours=1)
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1", received_at=last)]))
    await advance_beijing(exchange.url, NOW)
    await advance_beijing(exchange.url, last if finished else before, domain="market_regulation")
    search = search_for(FINED)

    answer = await source.search(search)

    assert answer.watermarks[MARKET] == (last if finished else before)
    cell = cells_of(answer, search, FINED, PROFILE)[MARKET]
    if finished:
        assert (cell.state, len(cell.records)) == (fragment_pb2.CELL_STATE_FOUND, 1)
    else:
        stale = fragment_pb2.UNAVAILABLE_REASON_STALE
        assert (cell.state, cell.reason) == (fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE, stale)


# --- Names and other identifiers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stands", ["示例機械廠", "示例機械廠（北京）", "北京示例机械厂", "北京市示例機械廠"])
async def test_a_name_is_found_in_another_spelling(source: BeijingSource, exchange: Exchange, stands: str) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1"), penalty(BEIJING, "P2")]))
    await exchange.set_in_second_row("CF_XDR_MC", stands)
    other = "北京示例机械厂" if stands.startswith("北京市") else "北京市示例机械厂"

    answer = await source.search(search_by((NAME, "示例机械厂"), (NAME, "示例机械厂(北京)"), (NAME, other)))

    assert [row.key for row in answer.rows] == ["P2"]


async def test_as_many_identifiers_as_a_query_can_have_are_one_question(
    source: BeijingSource, exchange: Exchange
) -> None:
    """64 identifiers (common.proto), here all of them names."""
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1")]))
    names = [(NAME, f"示例第{number}机械厂有限公司") for number in range(63)]

    answer = await source.search(search_by(*names, (NAME, FINED.name)))

    assert [row.key for row in answer.rows] == ["P1"]


async def test_more_names_than_can_be_asked_for_are_refused_and_not_cut_short(
    source: BeijingSource, exchange: Exchange
) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1")]))
    names = [(NAME, f"示例{number}") for number in range(MAX_SPELLINGS + 1)]

    answer = await source.search(search_by((USCC, FINED.uscc), *names))

    assert set(answer.silent) == CELLS
    assert all("spellings" in reason for reason in answer.silent.values())


# --- Following ------------------------------------------------------------------------------------------------------------


async def one_round(source: BeijingSource, cursor: str = "", limit: int = 7) -> tuple[list[RawRow], str]:
    """To the end of the round that has begun, or of a new one."""
    rows: list[RawRow] = []
    while True:
        part = await source.supplied_since(cursor, limit)
        rows += part.rows
        assert part.expected is not None
        assert part.expected >= len(part.rows)
        cursor = part.cursor
        if part.is_all:
            return rows, cursor


@pytest.mark.parametrize("limit", [0, 1, 7, 1000])
async def test_everything_that_was_supplied_is_given_once(
    source: BeijingSource, exchange: Exchange, limit: int
) -> None:
    world = world_of(BEIJING)
    await exchange.load(world)

    rows, cursor = await one_round(source, limit=limit)
    again, _ = await one_round(source, cursor, limit)

    facts: list[PenaltyFact | ListFact] = [*world.penalties, *world.list_entries]
    assert sorted(row.key for row in rows) == sorted(fact.key for fact in facts)
    assert {row.form for row in rows} == {"T_XZCF", "T_YZSX"}
    assert all("CF_FRDB" not in row.values for row in rows)
    assert again == []


async def test_pages_hold_as_many_rows_as_they_may_and_count_the_rest(
    source: BeijingSource, exchange: Exchange
) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, f"P{number}") for number in range(10)]))

    first = await source.supplied_since("", 4)
    second = await source.supplied_since(first.cursor, 4)
    third = await source.supplied_since(second.cursor, 4)

    assert [(len(part.rows), part.expected, part.is_all) for part in (first, second, third)] == [
        (4, 10, False),
        (4, 6, False),
        (2, 2, True),
    ]


async def test_a_row_that_becomes_visible_late_is_not_passed_over(source: BeijingSource, exchange: Exchange) -> None:
    """A load that began before another commits after it: with an earlier GJSJ than rows that were read already."""
    early, late = NOW - timedelta(hours=3), NOW - timedelta(hours=1)
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1"), penalty(BEIJING, "P2", received_at=late)]))
    await advance_beijing(exchange.url, NOW - timedelta(hours=4))
    _, cursor = await one_round(source)

    await supply_beijing(exchange.url, penalty(BEIJING, "P3"), early)
    rows, cursor = await one_round(source, cursor)

    assert [row.key for row in rows] == ["P3", "P2"]
    await advance_beijing(exchange.url, NOW)
    _, cursor = await one_round(source, cursor)
    assert (await one_round(source, cursor))[0] == []


async def test_a_changed_row_comes_again(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1"), penalty(BEIJING, "P2")]))
    _, cursor = await one_round(source)

    await supply_beijing(exchange.url, penalty(BEIJING, "P1", content="改"), NOW)
    rows, _ = await one_round(source, cursor)

    assert [(row.key, row.values["CF_NR"]) for row in rows] == [("P1", "改")]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ID", None),
        ("ID", ""),
        ("GJSJ", None),
        ("GJSJ", ""),
        ("GJSJ", "2024-02-30 00:00:00"),
        ("GJSJ", "9999-12-31 00:00:00"),
        ("GJSJ", "2199-12-31 23:59:59"),
    ],
)
async def test_rows_without_a_place_in_the_order_are_given_in_every_round(
    source: BeijingSource, exchange: Exchange, column: str, value: str | None
) -> None:
    """A row that bears a time of another age moves no place: those that arrive after it are not passed over."""
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, f"P{number}") for number in range(1, 6)]))
    await exchange.without_constraints("T_XZCF")
    await exchange.change(f"""UPDATE "T_XZCF" SET "{column}" = :value WHERE "ID" <> 'P1'""", value=value)  # noqa: S608 - our own words
    first, cursor = await one_round(source, limit=2)

    await supply_beijing(exchange.url, penalty(BEIJING, "P9"), NOW)
    second, _ = await one_round(source, cursor, limit=2)

    assert len(first) == len({row.key for row in first}) == 5
    assert {row.key for row in second} == {row.key for row in first} - {"P1"} | {"P9"}


async def test_of_rows_with_one_key_at_one_instant_all_are_given(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, f"P{number}", content=f"{number}") for number in range(6)]))
    await exchange.without_constraints("T_XZCF")
    await exchange.change("""UPDATE "T_XZCF" SET "ID" = 'P1' WHERE "ID" > 'P1' """)

    rows, _ = await one_round(source, limit=3)

    assert sorted(str(row.values["CF_NR"]) for row in rows) == ["0", "1", "2", "3", "4", "5"]
    with pytest.raises(SourceError, match="two rows with one ID"):
        await source.by_key([("T_XZCF", "P1")])


@pytest.mark.parametrize("says", ["x", "2027-01-01 00:00:00", None])
async def test_where_the_state_of_supply_vouches_for_nothing_everything_is_given_again(
    source: BeijingSource, exchange: Exchange, says: str | None
) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1")]))
    if says is None:
        await exchange.change('DELETE FROM "T_GJ"')
    else:
        await exchange.change('UPDATE "T_GJ" SET "GJJZ" = :says', says=says)
    _, cursor = await one_round(source)

    assert [row.key for row in (await one_round(source, cursor))[0]] == ["P1"]


async def test_rows_that_no_search_finds_are_seen_by_whoever_follows(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1"), penalty(BEIJING, "P2")]))
    for column, value in (("CF_XDR_SHXYM", "注：91110105MA********"), ("CF_XDR_MC", "某公司"), ("CF_XDR_ZZJG", "")):
        await exchange.set_in_second_row(column, value)

    assert [row.key for row in (await source.search(search_for(FINED))).rows] == ["P1"]
    assert [row.key for row in (await one_round(source))[0]] == ["P1", "P2"]


async def test_rows_are_fetched_by_their_keys_as_they_stand_now(source: BeijingSource, exchange: Exchange) -> None:
    facts = [penalty(BEIJING, f"P{number:04}") for number in range(600)]
    await exchange.load(world_of(BEIJING, facts, [entry(BEIJING, "E1")]))
    keys = [("T_XZCF", fact.key) for fact in facts] + [("T_YZSX", "E1")]

    found = await source.by_key([*keys, ("T_XZCF", "E1"), ("T_YZSX", "gone")])

    assert [row.key for row in found.values() if row is not None] == [key for _, key in keys]
    assert {key for key, row in found.items() if row is None} == {("T_XZCF", "E1"), ("T_YZSX", "gone")}
    assert await source.by_key([]) == {}
    with pytest.raises(SourceError, match="penalties"):
        await source.by_key([("penalties", "P0001")])


@pytest.mark.parametrize("table", ["T_XZCF", "T_YZSX", "T_GJ"])
async def test_a_missing_table_is_an_error_for_whoever_follows(
    source: BeijingSource, exchange: Exchange, table: str
) -> None:
    await exchange.load(world_of(BEIJING))
    await exchange.change(f'DROP TABLE "{table}"')

    with pytest.raises(SourceError, match="cannot be read"):
        await source.supplied_since("", 10)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "[]",
        "{}",
        "[" * 100_000,
        '[{"T_XZCF":"","T_YZSX":""},{},9,[],0]',
        '[{"T_XZCF":"","T_YZSX":""},{},1,[],0]',
        '[{"T_XZCF":"","T_YZSX":""},{"T_XZCF":"","T_YZSX":""},0,["a"],0]',
        '[{"T_XZCF":"","T_YZSX":""},{"T_XZCF":"","T_YZSX":""},0,["a",1],0]',
        '[{"T_XZCF":"","T_YZSX":""},{"T_XZCF":"","T_YZSX":""},0,["\\ud800","1"],0]',
        '[{"T_XZCF":"","T_YZSX":""},{"T_XZCF":"","T_YZSX":""},1e999,[],0]',
        '[{"T_XZCF":""},{"T_XZCF":"","T_YZSX":""},0,[],0]',
        '{"penalties":"","serious-lists":""}',
    ],
)
async def test_a_cursor_of_another_source_is_refused(source_of_file: BeijingSource, cursor: str) -> None:
    with pytest.raises(SourceError, match="cursor"):
        await source_of_file.supplied_since(cursor, 10)


def test_a_place_in_the_order_is_an_instant_that_can_be_read() -> None:
    """Every day of the years around those that are read, and the days that do not exist."""
    for year, month, day in product(
        (*range(1940, 1964), *range(1996, 2006), *range(2098, 2106), *range(2196, 2205)), range(14), range(33)
    ):
        text = f"{year:04}-{month:02}-{day:02} 23:59:59"
        try:
            read_china_timestamp(text)
            readable = True
        except NotationError:
            readable = False
        assert bool(re.fullmatch(INSTANT, text)) is readable, text


HOURS = st.integers(0, 5).map(lambda hour: NOW - timedelta(hours=5 - hour))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("page"), st.integers(1, 4)),
        st.tuples(st.just("load"), st.integers(0, 8), HOURS),
        st.tuples(st.just("list"), st.integers(0, 8), HOURS),
        st.tuples(st.just("spoil"), st.integers(0, 8), st.sampled_from(["", "x", "2024-02-30 00:00:00"])),
        st.tuples(st.just("finish"), HOURS),
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_whatever_arrives_between_pages_its_last_state_is_seen(file: Path, steps: list[tuple[Any, ...]]) -> None:
    """Loads commit in any order, but none with a GJSJ for which the state of supply has vouched."""
    exchange = in_file(file)
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P0", facts="0")]))
    finished, cursor = NOW - timedelta(hours=6), ""
    await advance_beijing(exchange.url, finished)
    truth: dict[str, object] = {"P0": "0"}
    seen: dict[str, object] = {}
    async with reading_from(exchange) as source:
        for number, (what, *values) in enumerate(steps):
            match what:
                case "page":
                    part = await source.supplied_since(cursor, values[0])
                    cursor, seen = part.cursor, seen | {row.key: text_of(row) for row in part.rows}
                case "finish":
                    finished = max(finished, values[0])
                    await advance_beijing(exchange.url, finished)
                case "spoil":
                    fact = penalty(BEIJING, f"P{values[0]}", facts=str(number))
                    await supply_beijing(exchange.url, fact, values[1])
                    truth[fact.key] = str(number)
                case _:
                    at = max(values[1], finished + timedelta(seconds=1))
                    new: PenaltyFact | ListFact = penalty(BEIJING, f"P{values[0]}", facts=str(number))
                    if what == "list":
                        new = entry(BEIJING, f"E{values[0]}", reason=str(number))
                    await supply_beijing(exchange.url, new, at)
                    truth[new.key] = str(number)
        for _ in range(2):  # the round that has begun, and one that began after the last change
            rows, cursor = await one_round(source, cursor, 3)
            seen |= {row.key: text_of(row) for row in rows}

    assert seen == truth


def text_of(row: RawRow) -> object:
    return row.values["CF_SY" if row.form == "T_XZCF" else "LRSY"]


# --- The database does not answer -------------------------------------------------------------------------------------------


async def test_a_missing_file_is_an_error_and_is_not_created(source_of_file: BeijingSource, file: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        await source_of_file.search(search_for(FINED))
    with pytest.raises(SourceError, match="cannot be read"):
        await source_of_file.watermarks()

    assert names_in(file.parent) == []


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"garbage" * 1000], ids=["empty", "header", "garbage"])
async def test_a_file_that_is_no_such_database_is_an_error(
    source_of_file: BeijingSource, file: Path, content: bytes
) -> None:
    write(file, content)

    with pytest.raises(SourceError, match="cannot be read"):
        await source_of_file.search(search_for(FINED))


async def test_a_cut_off_file_never_reads_as_empty(source_of_file: BeijingSource, file: Path) -> None:
    await in_file(file).load(world_of(BEIJING))
    cut_off(file)

    try:
        answer = await source_of_file.search(search_for(FINED))
    except SourceError:
        return
    assert set(answer.silent) >= PENALTY_CELLS or len(answer.rows) == len(
        facts_by_key(world_of(BEIJING), FINED, BEIJING)
    )


async def test_a_missing_t_gj_is_an_error(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING))
    await exchange.change('DROP TABLE "T_GJ"')

    with pytest.raises(SourceError, match="cannot be read"):
        await source.search(search_for(FINED))


async def test_a_locked_database_is_an_error(source_of_file: BeijingSource, file: Path) -> None:
    await in_file(file).load(world_of(BEIJING))
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceError, match="SQLITE_BUSY"):
            await source_of_file.search(search_for(FINED))

    assert (await source_of_file.search(search_for(FINED))).rows


async def test_nothing_is_asked_once_the_answer_is_not_awaited_any_more(
    source: BeijingSource, exchange: Exchange
) -> None:
    await exchange.load(world_of(BEIJING))

    with pytest.raises(SourceError, match="deadline"):
        await source.search(replace(search_for(FINED), until=NOW - timedelta(seconds=1)))


async def test_a_replaced_file_is_noticed(source_of_file: BeijingSource, file: Path) -> None:
    await in_file(file).load(world_of(BEIJING))
    assert (await source_of_file.search(search_for(FINED))).rows

    remove(file)
    await in_file(file).load(world_of(BEIJING, [penalty(BEIJING, "P9")]))

    assert [row.key for row in (await source_of_file.search(search_for(FINED))).rows] == ["P9"]


async def test_errors_name_neither_statement_nor_identifier(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING))
    await exchange.change('DROP TABLE "T_XZCF"')

    reasons = (await source.search(search_for(FINED))).silent.values()

    assert not any(FINED.uscc in reason or FINED.name in reason or "SELECT" in reason for reason in reasons)


@pytest.mark.parametrize("url", ["", "not a url", "nosuchengine://host/name"])
async def test_a_url_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(SourceError, match="database_url"):
        await open_source(SourceSettings(database_url=url))


async def test_the_password_comes_from_its_file(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("demo\n")

    opened = await open_source(SourceSettings(database_url="postgresql+asyncpg://r@h/n", password_file=password))

    assert opened._engine.url.password == "demo"  # noqa: S105 - it is none
    await opened.close()


# --- The stand-in and the profile --------------------------------------------------------------------------------------------


async def test_the_stand_in_advances_all_watermarks(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING))

    await advance_beijing(exchange.url, NOW)

    assert await source.watermarks() == dict.fromkeys(CELLS, NOW)


def test_the_profile_holds_together_and_covers_every_cell() -> None:
    check_profile(PROFILE, CATALOGUE)

    assert all(department.complete_from is not None for department in PROFILE.departments.values())
    assert all("（演示）" in department.unit for department in PROFILE.departments.values())


def test_every_column_of_the_readme_is_read_or_ignored_by_name() -> None:
    readme = (Path(__file__).parents[3] / "adapters/beijing/README.md").read_text("utf-8")

    for form in PROFILE.forms.values():
        missing = [column for column in columns_read(form) | form.ignored.keys() if f"`{column}`" not in readme]
        assert missing == []
