"""What the tests of 河北's adapter drop into its folder, and how they open it."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from adapters.hebei.profile import PROFILE
from adapters.hebei.source import HebeiSource, SourceSettings, open_source
from adapters.hebei.tables import DROPS
from adapters.sdk.forms import columns_of
from contract.days import china_day
from contract.province import Province
from sandbox.platforms.hebei import csv_bytes, drop_hebei, write_receipt
from sandbox.world import PenaltyFact
from tests.support.worlds import AS_OF, NOW, entry, world_of

HEBEI = Province.HEBEI
YESTERDAY = china_day(AS_OF)
DECISION_COLUMNS = columns_of(PROFILE.forms["HB_XZCF_2016"])
NEW_DECISION_COLUMNS = columns_of(PROFILE.forms["HB_XZCF_2021"])
ENTRY_COLUMNS = columns_of(PROFILE.forms["HB_YZSX"])


async def opened_patiently(settings: SourceSettings) -> HebeiSource:
    opened = await open_source(settings, now=lambda: NOW)
    opened._patience = timedelta(seconds=60)
    return opened


def receipt_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.ok")


def change_receipt(path: Path, **members: object) -> None:
    receipt = json.loads(receipt_of(path).read_text("utf-8"))
    receipt_of(path).write_text(json.dumps(receipt | members), "utf-8")


def drop_decisions(
    folder: Path,
    *facts: PenaltyFact,
    day: date = YESTERDAY,
    number: int = 1,
    up_to: datetime = AS_OF,
    scope: tuple[str, ...] = ("130201", "130202"),
) -> Path:
    """One file of decisions for two departments only."""
    aside = folder.parent / f"aside-{day}-{number}"
    aside.mkdir(exist_ok=True)
    made, _ = drop_hebei(world_of(HEBEI, facts, [entry(HEBEI, "L")]), aside)
    path = folder / f"HB_XZCF_{day:%Y%m%d}_{number:03}.csv"
    path.write_bytes(made.read_bytes())
    write_receipt(path, rows=len(facts), up_to=up_to, scope=scope)
    return path


def rewrite(path: Path, content: bytes) -> None:
    """Other bytes, with a receipt that agrees with them."""
    receipt = json.loads(receipt_of(path).read_text("utf-8"))
    path.write_bytes(content)
    write_receipt(
        path,
        rows=receipt["rows"],
        up_to=datetime.fromisoformat(receipt["suppliedUpTo"]),
        scope=receipt["scope"],
    )


def set_in_row(path: Path, number: int, values: dict[str, str]) -> None:
    """A file of decisions, other values in one of its rows, which are counted from 1."""
    lines = path.read_bytes().decode("gb18030").split("\r\n")
    cells = lines[number].split(",")
    for column, value in values.items():
        cells[DECISION_COLUMNS.index(column)] = value
    rewrite(path, "\r\n".join([*lines[:number], ",".join(cells), *lines[number + 1 :]]).encode("gb18030"))


def drop_rows(
    folder: Path, rows: list[dict[str, str]], columns: tuple[str, ...], *, number: int = 1, day: date = YESTERDAY
) -> Path:
    """One file of decisions, of the given columns, for all departments of the rows; what a row does not say is empty."""
    path = folder / f"HB_XZCF_{day:%Y%m%d}_{number:03}.csv"
    path.write_bytes(csv_bytes(columns, [[row.get(column, "") for column in columns] for row in rows]))
    write_receipt(path, rows=len(rows), up_to=AS_OF, scope=["130201", "130202"])
    return path


async def drops(source: HebeiSource) -> list[tuple[str, str | None]]:
    async with source._database.read() as connection:
        found = await connection.execute(select(DROPS.c.file, DROPS.c.refused).order_by(DROPS.c.number))
        return [(file, refused) for file, refused in found]
