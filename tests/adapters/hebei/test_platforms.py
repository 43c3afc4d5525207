"""The stand-ins of 北京 and 河北 as processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from runtime.process import StopSignal
from sandbox.platforms import keep_supplying

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("platform", "facts"),
    [
        ("beijing", {"database_url": "sqlite+aiosqlite:///{folder}/beijing.sqlite"}),
        ("hebei", {"drop_folder": "{folder}"}),
    ],
)
def test_a_platform_loads_says_where_it_is_and_stops_when_told(
    tmp_path: Path, platform: str, facts: dict[str, str]
) -> None:
    folder, announced = tmp_path / "platform", tmp_path / "announced.json"
    command = [sys.executable, "-m", f"sandbox.platforms.{platform}"]
    options = ["--dir", folder, "--seed", "1", "--size", "60", "--day", "2026-11-22", "--announce", announced]

    with subprocess.Popen([*command, *map(str, options)], cwd=ROOT) as process:
        while not announced.exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0

    assert json.loads(announced.read_text("utf-8")) == {
        name: value.format(folder=folder.resolve()) for name, value in facts.items()
    }
    assert any(folder.iterdir())


async def test_supply_goes_on_until_the_process_is_to_end(tmp_path: Path) -> None:
    stop = StopSignal()
    advanced: list[tuple[Path, datetime]] = []

    async def advance(folder: Path, to: datetime) -> None:
        advanced.append((folder, to))
        if len(advanced) == 3:
            stop.set()

    await keep_supplying(stop, tmp_path, advance, every=timedelta(0))

    assert [folder for folder, _ in advanced] == [tmp_path] * 3
