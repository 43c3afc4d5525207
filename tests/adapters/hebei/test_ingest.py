"""Taking in from the command line: what people are told, what is left after a kill in the middle, and how much memory it takes."""

from __future__ import annotations

import asyncio
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import select

from adapters.hebei import ingest
from adapters.hebei.drop import Limits
from adapters.hebei.source import store_url_beside
from adapters.hebei.tables import BEARERS, DROPS, REVISIONS, ROW_KEYS, STAGED, SUPPLIES
from contract.province import Province
from runtime.database import open_database
from sandbox.platforms.hebei import drop_hebei, drop_many
from sandbox.postgresql import PostgreSQL
from tests.support.hebei import change_receipt, drop_decisions, receipt_of
from tests.support.worlds import AS_OF, penalty, world_of

ROOT = Path(__file__).resolve().parents[3]
HEBEI = Province.HEBEI
DAY = date(2026, 11, 21)


@pytest.fixture(params=["sqlite", "postgresql"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two empty stores of one kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'one.db'}", f"sqlite:///{tmp_path / 'other.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    with server.database() as one, server.database() as other:
        yield one, other


def command(folder: Path, store: str) -> list[str]:
    return [sys.executable, "-m", "adapters.hebei.ingest", "--folder", str(folder), "--store", store]


def run(folder: Path, store: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, store), cwd=ROOT, capture_output=True, text=True, check=False)


def contents(store: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything of a store but when it was judged."""

    async def read() -> dict[str, list[tuple[Any, ...]]]:
        async with open_database(store) as database, database.read() as connection:
            return {
                table.name: [
                    tuple(row)
                    for row in await connection.execute(
                        select(*(column for column in table.columns if column.name != "judged_at")).order_by(
                            *(column for column in table.columns if column.name != "judged_at")
                        )
                    )
                ]
                for table in (DROPS, REVISIONS, ROW_KEYS, BEARERS, STAGED, SUPPLIES)
            }

    return asyncio.run(read())


def test_a_kill_in_the_middle_loses_nothing(tmp_path: Path, stores: tuple[str, str]) -> None:
    folder = tmp_path / "drops"
    folder.mkdir()
    rows = 30_000
    drop_many(folder, rows=rows, seed=1, day=DAY)
    killed, undisturbed = stores

    with subprocess.Popen(command(folder, killed), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        begun = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    left = contents(killed)
    ((staged, published),) = [
        (row[DROPS.c.keys().index("staged")], row[DROPS.c.keys().index("published")]) for row in left["drops"]
    ]
    again, whole = run(folder, killed), run(folder, undisturbed)

    assert re.match(r"HB_XZCF_20261121_001\.csv 16 % 5,000 ", begun)
    assert (len(left["revisions"]), published) == (staged, None)
    assert 5_000 <= staged < rows
    assert (again.returncode, whole.returncode) == (0, 0), again.stdout + again.stderr
    assert f" {staged + 5_000:,} 行" in again.stdout.splitlines()[0]
    assert contents(killed) == contents(undisturbed)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    grown = {}
    for rows in (15_000, 30_000):
        work = tmp_path / str(rows)
        work.mkdir()
        told = work / "numbers.json"
        options = ["--rows", str(rows), "--work", str(work), "--json", str(told), "--sqlite-only"]
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.ingest", *options], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        numbers = json.loads(told.read_text("utf-8"))
        assert numbers["SQLite"]["current"] == rows
        grown[rows] = numbers["SQLite"]["grown_mb"]

    # A row that is kept takes more than a kilobyte: 15 000 of them would be more than 15 MB.
    assert grown[30_000] < grown[15_000] + 8


def test_what_became_of_each_file_is_said_in_two_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "drops"
    folder.mkdir()
    drop_hebei(world_of(HEBEI, [penalty(HEBEI, "P1")]), folder)
    refused = drop_decisions(folder, penalty(HEBEI, "P2"), number=2)
    change_receipt(refused, rows=2)
    waiting = drop_decisions(folder, penalty(HEBEI, "P3"), number=3)
    receipt_of(waiting).unlink()

    exit_code = ingest.main(["--folder", str(folder)])

    told = capsys.readouterr().out
    assert exit_code == 1
    assert "已读入 taken in  HB_XZCF_20261121_001.csv  1 行 rows：新增 new 1，更正 changed 0" in told
    assert f"已拒收 refused  {refused.name}  回执称2行，实为1行  expected 2 rows by the receipt, got 1" in told
    assert f"未读入 not taken in  {waiting.name}  缺回执  its receipt is missing" in told


def test_a_held_file_is_told_and_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "drops"
    folder.mkdir()
    for number, rows in ((1, 20), (2, 10)):
        path = drop_decisions(
            folder, *(penalty(HEBEI, f"P{key}") for key in range(rows)), number=number, up_to=AS_OF + timedelta(days=1)
        )
        change_receipt(path, snapshot=True)

    assert ingest.main(["--folder", str(folder)]) == 1

    told = capsys.readouterr().out
    assert "暂缓：全量文件只有10行，而现有20行  held: a snapshot of 10 rows, where 20 are current" in told


async def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    folder = tmp_path / "drops"
    folder.mkdir()
    drop_decisions(folder, *(penalty(HEBEI, f"P{key}") for key in range(20)))
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=160)

    exit_code = await ingest.ingest(folder, store_url_beside(folder), limits=Limits(), console=console)

    assert exit_code == 0
    assert re.search("HB_XZCF_20261121_001.csv.*━.*100 %.*20 行 rows", screen.getvalue())


def test_everything_there_already_is_a_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "drops"
    folder.mkdir()
    drop_hebei(world_of(HEBEI), folder)

    assert [ingest.main(["--folder", str(folder)]) for _ in range(2)] == [0, 0]
    assert "共 0 行 rows" in capsys.readouterr().out


def test_wrong_usage_and_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--config", "a", "--folder", "b"], ["--config", "a", "--store", "b"]):
        with pytest.raises(SystemExit) as ended:
            ingest.main(arguments)
        assert ended.value.code == 2
    assert ingest.main(["--config", str(tmp_path / "nothing.toml")]) == 2

    assert ingest.main(["--folder", str(tmp_path / "nothing")]) == 1
    assert "无法读取目录 The folder cannot be read: FileNotFoundError" in capsys.readouterr().out
