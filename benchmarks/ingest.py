"""Measures how fast 河北's adapter takes in very many rows: `python -m benchmarks.ingest`.

1  make      a drop of decisions with the sandbox's mix of dirt, and a second one that corrects one row in a hundred
2  take in   both, into SQLite and into PostgreSQL, each in a process of its own that measures itself
3  copy      the first file by PostgreSQL's COPY into a plain table without indexes, before and after
4  judge     everything must be there, as often as it was dropped; else the run does not count
5  tell      rows per second, the ratio to COPY, CPU, and by how much memory grew
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]  # ships no types
import structlog
from sqlalchemy import func, select

from adapters.hebei.drop import Limits
from adapters.hebei.intake import Intake
from adapters.hebei.source import open_store
from adapters.hebei.tables import DROPS, ROW_KEYS
from runtime.clock import system_clock
from sandbox.platforms.hebei import drop_many
from sandbox.postgresql import throw_away_server

_DAY: Final = date(2026, 11, 21)
_SEED: Final = 1
_CORRECTED: Final = 100
"""One row in so many is corrected by the second drop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What taking in cost.

    Attributes:
        rows: How many rows were taken in.
        current: How many of them are current.
        seconds: On the clock.
        cpu_s: Of the process that took them in.
        grown_mb: By how much the largest size that it had in memory exceeds the one before the first row.
    """

    rows: int
    current: int
    seconds: float
    cpu_s: float
    grown_mb: float

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds


def make_drops(folder: Path, rows: int) -> Path:
    """Drops the decisions, and corrections of some; returns the first file."""
    first = drop_many(folder, rows=rows, seed=_SEED, day=_DAY)
    drop_many(folder, rows=rows // _CORRECTED, seed=_SEED, day=_DAY + timedelta(days=1), edition=1)
    return first


def ingest_apart(folder: Path, store_url: str) -> Ingested:
    """Takes in what lies in a folder, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.ingest", "--child", store_url, "--work", str(folder)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603  # this very program
    return Ingested(**json.loads(ran.stdout))


async def _ingest_here(folder: Path, store_url: str) -> Ingested:
    database = await open_store(store_url)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, started_cpu = time.perf_counter(), time.process_time()
    judged = await Intake(folder, database, limits=Limits(), now=system_clock).look()
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - started_cpu
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    if judged.refused:
        raise RuntimeError(f"refused: {judged.refused}")
    counted = (
        select(func.count())
        .select_from(ROW_KEYS)
        .join(DROPS, DROPS.c.number == ROW_KEYS.c.drop)
        .where(ROW_KEYS.c.current, DROPS.c.published.is_not(None))
    )
    async with database.read() as connection:
        current = await connection.scalar(counted)
    await database.dispose()
    return Ingested(
        rows=sum(taken.rows for taken in judged.taken.values()),
        current=current or 0,
        seconds=seconds,
        cpu_s=cpu_s,
        grown_mb=grown_kb / 1024,
    )


async def copy(url: str, path: Path) -> float:
    """Copies a file into a plain table, as PostgreSQL does it; returns rows per second."""
    with path.open(encoding="gb18030", newline="") as text:
        columns = next(csv.reader(text))
    connection: Any = await asyncpg.connect(url)
    try:
        names = ", ".join(f'"{column}" text' for column in columns)
        await connection.execute("DROP TABLE IF EXISTS plain")
        await connection.execute(f"CREATE TABLE plain ({names})")
        started = time.perf_counter()
        done = await connection.copy_to_table("plain", source=path, format="csv", header=True, encoding="gb18030")
        return int(done.split()[1]) / (time.perf_counter() - started)
    finally:
        await connection.close()


def _tell(name: str, ingested: Ingested, copied: float | None) -> None:
    ratio = "" if copied is None else f"{ingested.rate / copied:10.2f}"
    print(
        f"{name:<12}{ingested.rate:10,.0f}{ingested.cpu_s / ingested.rows * 1e6:12.1f}{ingested.grown_mb:12.1f}{ratio}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs it; returns the exit code: 0 the run counts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, help="file for the numbers")
    parser.add_argument("--work", type=Path, help="folder to work in; a temporary one unless told")
    parser.add_argument("--sqlite-only", action="store_true", help="neither PostgreSQL nor its COPY")
    parser.add_argument("--child", metavar="STORE", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    structlog.configure(processors=[_drop_event])
    if options.child is not None:
        print(json.dumps(asdict(asyncio.run(_ingest_here(options.work, options.child)))))
        return 0
    with ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="huren-ingest-")))
        return _measure(options.rows, work.resolve(), stack, sqlite_only=options.sqlite_only, told=options.json)


def _measure(rows: int, work: Path, stack: ExitStack, *, sqlite_only: bool, told: Path | None) -> int:
    folder = work / "drops"
    folder.mkdir()
    path = make_drops(folder, rows)
    size_mb = path.stat().st_size / 1e6
    print(f"{rows:,} rows, {size_mb:.0f} MB, and {rows // _CORRECTED:,} corrections", flush=True)
    print(
        f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )
    results = {"SQLite": ingest_apart(folder, f"sqlite:///{work / 'drops.sqlite'}")}
    copied: float | None = None
    server = None if sqlite_only else stack.enter_context(throw_away_server())
    if server is None:
        print("without PostgreSQL")
    else:
        plain, store = (stack.enter_context(server.database()) for _ in range(2))
        rates = [asyncio.run(copy(plain, path))]
        results["PostgreSQL"] = ingest_apart(folder, store)
        rates += [asyncio.run(copy(plain, path)) for _ in range(2)]
        copied = statistics.median(rates)
    print(f"{'':12}{'rows/s':>10}{'CPU us/row':>12}{'grown MB':>12}{'' if copied is None else '   of COPY'}")
    for name, ingested in results.items():
        _tell(name, ingested, copied)
    if copied is not None:
        print(f"{'COPY':12}{copied:10,.0f}")
    expected = rows + rows // _CORRECTED
    held = all((ingested.rows, ingested.current) == (expected, rows) for ingested in results.values())
    if not held:
        print(f"NOT ALL IS THERE: expected {expected} rows taken in and {rows} current")
    if told is not None:
        numbers = {name: asdict(ingested) for name, ingested in results.items()} | {"copy": copied, "held": held}
        told.write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    return 0 if held else 1


def _drop_event(_logger: object, _method: str, _event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


if __name__ == "__main__":
    sys.exit(main())
