"""Processes from outside: each test starts real ones and talks to them by pipes, files and signals."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from runtime.clock import Clock, system_clock
from runtime.process import announce

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a Python program that is gone when the test ends."""
    started: list[subprocess.Popen[str]] = []

    def run(program: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(["protos/bridge", "protos/gen", "."])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


MAIN = """
import asyncio, sys
from runtime.process import run_process

async def main(stop):
    print("started", flush=True)
    {body}

sys.exit(run_process(main))
"""


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_main_that_returns_is_exit_code_0(start: Start) -> None:
    code, out, err = ended(start(MAIN.format(body="import uvloop; print(type(asyncio.get_running_loop()).__module__)")))
    assert (code, out, err) == (0, "started\nuvloop\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_main_to_end_in_good_order(start: Start, number: signal.Signals) -> None:
    process = start(MAIN.format(body="await stop.wait(); await asyncio.sleep(0); print('drained')"))
    assert line(process) == "started"
    process.send_signal(number)
    code, out, _ = ended(process)
    assert code == 0
    assert out.splitlines()[-1] == "drained"


def test_a_second_signal_cuts_it_short(start: Start) -> None:
    body = "await stop.wait(); print('draining', flush=True); await asyncio.Event().wait()"
    process = start(MAIN.format(body=body))
    assert line(process) == "started"
    process.send_signal(signal.SIGTERM)
    while line(process) != "draining":
        pass
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 128 + signal.SIGTERM


def test_a_main_that_raises_is_exit_code_1_with_its_trace_in_the_log(start: Start) -> None:
    code, out, err = ended(start(MAIN.format(body="raise LookupError('why')")))
    assert code == 1
    assert "LookupError: why" in out + err


def test_a_main_that_is_cancelled_from_inside_is_exit_code_1(start: Start) -> None:
    assert ended(start(MAIN.format(body="raise asyncio.CancelledError")))[0] == 1


def test_wrong_settings_are_exit_code_2_with_one_line_and_no_trace(start: Start, tmp_path: Path) -> None:
    body = (
        "from pathlib import Path; from runtime.settings import Settings, load_settings;"
        f"load_settings(Settings, Path({str(tmp_path / 'none.toml')!r}))"
    )
    code, _, err = ended(start(MAIN.format(body=body)))
    assert (code, err) == (2, f"{tmp_path / 'none.toml'}: expected a readable file, got No such file or directory\n")


# --- announce ---


def test_announces_as_a_whole_and_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "adapter.json"
    announce(path, {"grpc": "127.0.0.1:1234", "单位": "甲", "pid": 7})
    announce(path, {"grpc": "127.0.0.1:5678"})
    assert json.loads(path.read_text("utf-8")) == {"grpc": "127.0.0.1:5678"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_announcement_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "adapter.json"
    announce(path, {"port": 1})
    with pytest.raises(TypeError):
        announce(path, {"port": object()})  # type: ignore[dict-item]  # the point
    assert json.loads(path.read_text("utf-8")) == {"port": 1}
    assert list(tmp_path.iterdir()) == [path]


# --- die_with_parent ---

CHILD = """
import os, sys
from runtime.process import die_with_parent
die_with_parent(int(sys.argv[1]))
print(os.getpid(), flush=True)
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    signal.pause()
"""

PARENT = """
import os, subprocess, sys, signal
subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends children of a dead parent on Linux only")
def test_a_child_does_not_outlive_a_parent_that_is_killed(start: Start) -> None:
    parent = start(PARENT, CHILD)
    child = os.pidfd_open(int(line(parent)))
    try:
        parent.kill()
        # A process file descriptor becomes readable when the process has ended.
        readable, _, _ = select.select([child], [], [], DEADLINE_S)
        assert readable == [child]
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(child, signal.SIGKILL)
        os.close(child)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends children of a dead parent on Linux only")
def test_a_child_whose_parent_is_gone_already_ends_at_once(start: Start) -> None:
    gone = start("pass")
    ended(gone)
    code, out, _ = ended(start(CHILD, str(gone.pid)))
    assert (code, out) == (-signal.SIGKILL, "")


# --- clock ---


def test_the_system_clock_is_aware_and_in_utc() -> None:
    clock: Clock = system_clock
    first, second = clock(), clock()
    assert first.utcoffset() == timedelta(0)
    assert first <= second
