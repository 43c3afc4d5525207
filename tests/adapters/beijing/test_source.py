"""北京's source, asked over its stand-in, in a SQLite file and in PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.beijing.profile import LISTS, PROFILE
from adapters.beijing.source import BeijingSource, SourceSettings, open_source
from adapters.sdk.notation import read_china_timestamp
from adapters.sdk.profile_check import check_profile, columns_read
from adapters.sdk.source import SourceError
from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.province import Province
from huren.common.v1 import common_pb2
from sandbox.platforms.beijing import advance_beijing, load_beijing
from sandbox.world import World, generate
from tests.support.dirt import EVERY_DIRT, Dirt, assert_said
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

    async def change(self, statement: str, **values: str) -> None:
        engine = create_async_engine(self.url)
        try:
            async with engine.begin() as connection:
                await connection.execute(text(statement), values)
        finally:
            await engine.dispose()

    async def set_in_second_row(self, column: str, value: str) -> None:
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
    ("column", "value"),
    [
        pytest.param("GJSJ", "2024-03-08", id="time-without-hour"),
        pytest.param("GJSJ", "", id="no-time"),
        pytest.param("ID", "", id="no-key"),
    ],
)
async def test_a_row_that_cannot_be_handed_over_silences_its_domain_only(
    source: BeijingSource, exchange: Exchange, column: str, value: str
) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1"), penalty(BEIJING, "P2", domain="health")]))
    await exchange.set_in_second_row(column, value)

    answer = await source.search(search_for(FINED))

    assert [row.key for row in answer.rows] == ["P1"]
    assert set(answer.silent) == {("health", PENALTY)}


@pytest.mark.parametrize(
    ("supplier", "listed", "silent"),
    [
        ("SHBZ", "RS-TQNMG", {("social_security", SERIOUS_LIST)}),
        ("SCJG", " RS-TQNMG ", {("social_security", SERIOUS_LIST)}),
        ("ZZZZ", "SCJG-YZWF", {("market_regulation", SERIOUS_LIST)}),
        ("SHBZ", "ZZZZ", LIST_CELLS),
        ("SHBZ", "", LIST_CELLS),
    ],
)
async def test_a_list_entry_that_cannot_be_handed_over_silences_the_cell_of_its_list(
    source: BeijingSource, exchange: Exchange, *, supplier: str, listed: str, silent: set[tuple[str, int]]
) -> None:
    fact = entry(BEIJING, "E1")
    await exchange.load(world_of(BEIJING, [], [fact]))
    await exchange.change(
        """UPDATE "T_YZSX" SET "GJSJ" = 'x', "LYBM" = :supplier, "MDBM" = :listed""", supplier=supplier, listed=listed
    )

    assert set((await source.search(search_for(fact.subject))).silent) == silent


def test_the_domain_of_every_list_is_the_catalogues() -> None:
    assert dict(LISTS.values()) == {one.id: one.domain for one in CATALOGUE.list_by_id.values()}


async def test_a_row_of_no_known_domain_that_cannot_be_handed_over_silences_its_kind(
    source: BeijingSource, exchange: Exchange
) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1")]))
    await exchange.change("""UPDATE "T_XZCF" SET "GJSJ" = '', "LYBM" = 'ZZZZ' """)

    assert set((await source.search(search_for(FINED))).silent) == PENALTY_CELLS


async def test_a_number_with_a_fraction_is_not_handed_over(source: BeijingSource, exchange: Exchange) -> None:
    await exchange.load(world_of(BEIJING, [penalty(BEIJING, "P1")]))
    await exchange.change('ALTER TABLE "T_XZCF" DROP COLUMN "CF_NR_FK"')
    await exchange.change('ALTER TABLE "T_XZCF" ADD COLUMN "CF_NR_FK" REAL DEFAULT 0.1')

    answer = await source.search(search_for(FINED))

    assert answer.rows == ()
    assert set(answer.silent) == {("market_regulation", PENALTY)}


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
