"""The benchmark runs, and what makes it honest is in it. Nothing here is about speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("bench")
    told = folder / "numbers.json"
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--json", told, "--work", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return dict(json.loads(told.read_text(encoding="utf-8")))


def test_there_are_exactly_as_many_reports_as_honest_requests(result: dict[str, Any]) -> None:
    checks = {check["name"]: check for check in result["checks"]}

    assert result["held"]
    rows = checks["rows in reports"]
    # One to measure sizes, two rounds of three blocks of 16, and the honest half of two controls.
    assert rows["got"] == rows["expected"] == 1 + 2 * 3 * 16 + 2 * 4
    assert checks["failed requests"]["got"] == {}


def test_forged_fragments_seal_nothing_and_are_named(result: dict[str, Any]) -> None:
    checks = {check["name"]: check for check in result["checks"]}

    told = checks["what callers of those were told"]["got"]
    assert len(told) == checks["fragments forged"]["got"] == 2 * 4
    assert all(one["tianjin"] == "INADMISSIBLE SIGNATURE_INVALID" for one in told)
    assert checks["reports with a forged fragment"]["got"] == 0


def test_both_contenders_ran_at_each_number_of_callers(result: dict[str, Any]) -> None:
    ran = {(block["contender"], block["callers"], block["succeeded"]) for block in result["blocks"]}

    assert ran == {(contender, callers, 16) for contender in ("full", "bare") for callers in (1, 16, 64)}
