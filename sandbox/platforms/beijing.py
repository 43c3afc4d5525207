"""Stand-in of Beijing's exchange database, as adapters/beijing/README.md describes it.

    python -m sandbox.platforms.beijing --dir DIR --seed 1 --size 200 --day 2026-11-22

With `--dirt N` it holds N rows more that disclose nothing, or not simply (`World.asides`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Index, MetaData, Table, Text, delete, func, true, update
from sqlalchemy.ext.asyncio import create_async_engine

from contract.days import CHINA
from contract.province import Province
from contract.uscc import organisation_code
from huren.common.v1 import common_pb2
from sandbox.platforms import CATEGORY_WORDS, DecisionColumns, asides_of, batches, name_on, run_supplier, wan_yuan
from sandbox.world import Aside, FactState, ListFact, PenaltyFact, World

DATABASE_FILE: Final = "beijing.sqlite"

_DOMAIN_CODES: Final[Mapping[str, str]] = {
    "market_regulation": "SCJG",
    "taxation": "SW",
    "social_security": "SHBZ",
    "housing_fund": "GJJ",
    "emergency_management": "YJGL",
    "public_finance": "CZ",
    "statistics": "TJ",
    "court_enforcement": "FYZX",
    "ecology_environment": "STHJ",
    "natural_resources": "GHZR",
    "science_technology": "KJ",
    "public_security": "GA",
    "housing_construction": "ZJ",
    "transport": "JT",
    "water_resources": "SWU",
    "health": "WJ",
    "fire_rescue": "XF",
}
_LIST_CODES: Final[Mapping[str, str]] = {
    "serious_illegal_market": "SCJG-YZWF",
    "major_tax_violation": "SW-ZDSW",
    "migrant_wage_arrears": "RS-TQNMG",
    "work_safety_dishonesty": "YJ-AQSC",
    "procurement_dishonesty": "CZ-ZFCG",
    "statistics_dishonesty": "TJ-YZSX",
    "judgment_defaulter": "FY-SXBZX",
}
_LIST_ONLY: Final = frozenset({"FYZX"})
_WITH_LIST: Final = frozenset({"SCJG", "SW", "SHBZ", "YJGL", "CZ", "TJ", "FYZX"})

_OUTSIDE: Final = "QT"
_NO_END: Final = "2099-12-31"
_BLANKS_EVERY: Final = 7
"""Every so many rows have blanks around the code: the platform's text compares byte by byte, and nobody cleans it."""
_BATCH: Final = 1000
_COLUMNS: Final = DecisionColumns(
    name="CF_XDR_MC",
    uscc="CF_XDR_SHXYM",
    organisation_code="CF_XDR_ZZJG",
    registration_number="CF_XDR_GSZC",
    fine="CF_NR_FK",
    state="ZT",
    states={
        FactState.IN_FORCE: "1",
        FactState.REVOKED: "2",
        FactState.REPAIRED: "3",
        FactState.NOT_A_PENALTY: "1",  # the category says so
    },
)
_NO_PENALTY: Final = "不予处罚"

_METADATA: Final = MetaData()


def _table(name: str, columns: str, keys: int = 1) -> Table:
    names = columns.split()
    return Table(name, _METADATA, *(Column(column, Text, primary_key=column in names[:keys]) for column in names))


_T_XZCF: Final = _table(
    "T_XZCF",
    "ID LYBM CF_XDR_MC CF_XDR_LB CF_XDR_SHXYM CF_XDR_GSZC CF_XDR_ZZJG CF_XDR_SWDJ CF_XDR_SYDW CF_XDR_SHZZ CF_FRDB CF_FR_ZJLX "
    "CF_FR_ZJHM CF_XDR_ZJLX CF_XDR_ZJHM CF_WSH CF_WFXW CF_SY CF_YJ CF_CFLB CF_NR CF_NR_FK CF_NR_WFFF CF_NR_ZKDX CF_JDRQ CF_YXQ "
    "CF_GSJZQ CF_CFJG CF_CFJGDM CF_SJLY CF_SJLYDM CF_CXBS CF_LXZT CF_LXRQ ZT GJSJ BZ",
)
_T_YZSX: Final = _table(
    "T_YZSX", "ID LYBM MDBM QYMC SHXYDM ZZJGDM LRWSH LRSY LRRQ LRJG LRJGDM NQYCRQ YCRQ SJLY ZT GJSJ"
)
_T_GJ: Final = _table("T_GJ", "LYBM SJLX GJJZ", keys=2)

for _searched in (
    *(_T_XZCF.c[name] for name in ("CF_XDR_MC", "CF_XDR_SHXYM", "CF_XDR_GSZC", "CF_XDR_ZZJG")),
    *(_T_YZSX.c[name] for name in ("QYMC", "SHXYDM", "ZZJGDM")),
):
    Index(f"I_{_searched.name}", func.trim(_searched))
for _followed in (_T_XZCF, _T_YZSX):
    Index(f"I_{_followed.name}_GJSJ", _followed.c.GJSJ, _followed.c.ID)


async def load_beijing(world: World, url: str, *, dirt: int = 0) -> None:
    """Creates the tables anew and fills them with the world's facts of Beijing, in one transaction.

    Args:
        world: What is true.
        url: SQLAlchemy URL with an asynchronous driver, for example `sqlite+aiosqlite:////path/to/file`.
        dirt: How many of the world's asides it holds besides.
    """
    engine = create_async_engine(url)
    penalties = (fact for fact in world.penalties if fact.province is Province.BEIJING)
    entries = (fact for fact in world.list_entries if fact.province is Province.BEIJING)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_METADATA.drop_all)
            await connection.run_sync(_METADATA.create_all)
            for table, rows in (
                (_T_XZCF, (_penalty_row(number, fact) for number, fact in enumerate(penalties))),
                (_T_XZCF, (_aside_row(aside) for aside in asides_of(world, Province.BEIJING, dirt))),
                (_T_YZSX, (_list_row(number, fact) for number, fact in enumerate(entries))),
                (_T_GJ, _supply_rows(world.as_of)),
            ):
                for batch in batches(rows, _BATCH):
                    await connection.execute(table.insert(), batch)
    finally:
        await engine.dispose()


async def advance_beijing(url: str, to: datetime, *, domain: str | None = None) -> None:
    """Says that everything up to an instant was received.

    Args:
        url: As for `load_beijing`.
        to: The instant.
        domain: Of which domain. None: of every one.
    """
    of = true() if domain is None else _T_GJ.c["LYBM"] == _DOMAIN_CODES[domain]
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(update(_T_GJ).where(of).values(GJJZ=_china_time(to)))
    finally:
        await engine.dispose()


async def supply_beijing(url: str, fact: PenaltyFact | ListFact | Aside, at: datetime | str) -> None:
    """Supplies a fact or an aside: as a new row, or as a change of the row that has its key. `T_GJ` stays as it is.

    Args:
        url: As for `load_beijing`.
        fact: The fact or the aside.
        at: When its load began, or what the platform writes in place of that.
    """
    table, row = _supplied(fact)
    row["GJSJ"] = at if isinstance(at, str) else _china_time(at)
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(delete(table).where(table.c["ID"] == row["ID"]))
            await connection.execute(table.insert(), row)
    finally:
        await engine.dispose()


def _supplied(fact: PenaltyFact | ListFact | Aside) -> tuple[Table, dict[str, str]]:
    match fact:
        case PenaltyFact():
            return _T_XZCF, _penalty_row(0, fact)
        case Aside():
            return _T_XZCF, _aside_row(fact)
        case ListFact():
            return _T_YZSX, _list_row(0, fact)


def _penalty_row(number: int, fact: PenaltyFact) -> dict[str, str]:
    subject = fact.subject
    individual = subject.kind == common_pb2.SUBJECT_KIND_INDIVIDUAL_BUSINESS
    return dict.fromkeys(_T_XZCF.c.keys(), "") | {
        "ID": fact.key,
        "LYBM": _DOMAIN_CODES.get(fact.domain, _OUTSIDE),
        "CF_XDR_MC": name_on(subject, fact.decided_on),
        "CF_XDR_LB": "个体工商户" if individual else "法人及非法人组织",
        "CF_XDR_SHXYM": _with_blanks(subject.uscc, number),
        "CF_XDR_GSZC": subject.registration_number,
        "CF_XDR_ZZJG": organisation_code(subject.uscc),
        "CF_WSH": fact.document_number,
        "CF_WFXW": fact.violation_type,
        "CF_SY": fact.facts,
        "CF_YJ": fact.legal_basis,
        "CF_CFLB": ";".join(CATEGORY_WORDS[category] for category in fact.categories),
        "CF_NR": fact.content,
        "CF_NR_FK": wan_yuan(fact.fine),
        "CF_NR_WFFF": wan_yuan(fact.confiscation),
        "CF_JDRQ": fact.decided_on.isoformat(),
        "CF_YXQ": _NO_END,
        "CF_GSJZQ": _day(fact.publicity_until),
        "CF_CFJG": fact.authority,
        "CF_CFJGDM": fact.authority_uscc,
        "CF_SJLY": fact.authority,
        "CF_SJLYDM": fact.authority_uscc,
        "CF_CXBS": "2" if fact.summary_procedure else "1",
        "CF_LXZT": "0" if fact.performed_on is None else "1",
        "CF_LXRQ": _day(fact.performed_on),
        "ZT": "1",
        "GJSJ": _china_time(fact.received_at),
    }


def _aside_row(aside: Aside) -> dict[str, str]:
    row = _penalty_row(0, aside.fact) | _COLUMNS.written(aside)
    return row | {"CF_CFLB": _NO_PENALTY} if aside.state is FactState.NOT_A_PENALTY else row


def _list_row(number: int, fact: ListFact) -> dict[str, str]:
    return {
        "ID": fact.key,
        "LYBM": _DOMAIN_CODES[fact.domain],
        "MDBM": _LIST_CODES[fact.list_id],
        "QYMC": name_on(fact.subject, fact.listed_on),
        "SHXYDM": _with_blanks(fact.subject.uscc, number),
        "ZZJGDM": organisation_code(fact.subject.uscc),
        "LRWSH": fact.document_number,
        "LRSY": fact.reason,
        "LRRQ": fact.listed_on.isoformat(),
        "LRJG": fact.authority,
        "LRJGDM": fact.authority_uscc,
        "NQYCRQ": _day(fact.planned_end_on),
        "YCRQ": _day(fact.removed_on),
        "SJLY": fact.authority,
        "ZT": "1",
        "GJSJ": _china_time(fact.received_at),
    }


def _supply_rows(as_of: datetime) -> Iterable[dict[str, str]]:
    for code in _DOMAIN_CODES.values():
        kinds = (*(() if code in _LIST_ONLY else ("CF",)), *(("MD",) if code in _WITH_LIST else ()))
        for kind in kinds:
            yield {"LYBM": code, "SJLX": kind, "GJJZ": _china_time(as_of)}


def _with_blanks(code: str, number: int) -> str:
    return f" {code}  " if number % _BLANKS_EVERY == _BLANKS_EVERY - 1 else code


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _china_time(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


# --- As a process ---------------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Loads the platform and keeps its supply fresh until the process is stopped; returns the exit code."""
    return run_supplier(argv, _load, _advance)


async def _load(world: World, folder: Path, dirt: int) -> Mapping[str, str]:
    await load_beijing(world, _url(folder), dirt=dirt)
    return {"database_url": _url(folder)}


async def _advance(folder: Path, to: datetime) -> None:
    await advance_beijing(_url(folder), to)


def _url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / DATABASE_FILE}"


if __name__ == "__main__":
    sys.exit(main())
