"""`huren up` as a person runs it: a process of its own, ended by signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from cli.federation import SEED, SIZE, Layout, Running
from cli.main import _MAX_DIRT
from cli.up import show
from contract.province import Province
from sandbox.platforms import asides_of
from sandbox.world import AsideKind, Outcome, generate

pytestmark = [pytest.mark.xdist_group("real-federation"), pytest.mark.timeout(300)]

READY = "Ctrl-C 停止"
ENVIRONMENT = os.environ | {"COLUMNS": "100", "PYTHONUNBUFFERED": "1"}


def huren(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)


class Up:
    """A `huren up` that was started."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.directory = folder / "up"
        self._out, self._err = folder / "out.txt", folder / "err.txt"
        command = [sys.executable, "-m", "cli.main", "up", "--dir", str(self.directory), *arguments]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, env=ENVIRONMENT)

    @property
    def out(self) -> str:
        return self._out.read_text("utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text("utf-8")

    def wait_until(self, holds: Callable[[], bool], timeout_s: float = 120) -> None:
        give_up_at = time.monotonic() + timeout_s
        while not holds():
            assert self.process.poll() is None, self.err
            assert time.monotonic() < give_up_at, self.err
            time.sleep(0.02)

    def ready(self) -> Up:
        self.wait_until(lambda: READY in self.out)
        return self

    def children(self) -> set[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("ascii")
        return {int(pid) for pid in listed.split()}

    def stop(self, number: signal.Signals) -> tuple[int, float]:
        """Its exit code, and how long it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(60), time.monotonic() - started


@contextmanager
def up(folder: Path, *arguments: str) -> Iterator[Up]:
    running = Up(folder, *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


def alive(pids: set[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def pid_of(argument: str) -> int:
    """The process that was started with this argument."""
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and argument.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                return int(folder.name)
        except OSError:
            continue
    raise AssertionError(f"no process was started with {argument}")


def test_a_province_that_is_left_out_keeps_reports_open_and_ctrl_c_stops_everything(tmp_path: Path) -> None:
    with up(tmp_path, "--without", "hebei") as running:
        running.ready()
        cast = json.loads((running.directory / "world.json").read_text("utf-8"))["cast"]
        assert cast["found_in_several"]["home"] == "beijing"
        code = cast["found_in_several"]["uscc"]
        children = running.children()
        assert len(children) == 9

        asked = huren("report", "request", code, "--dir", str(running.directory), "--json")
        assert asked.returncode == 4, asked.stderr
        document = json.loads(asked.stdout)
        assert document["result"] == "open"
        provinces = {one["province"]: one for one in document["provinces"]}
        assert provinces["hebei"]["progress"]["code"] == "UNAVAILABLE"
        assert provinces["hebei"]["reason"] == {"code": "NOT_REACHABLE", "zh": "无法连接", "en": "not reachable"}
        assert provinces["hebei"]["gap_kind"]["code"] == "TRANSIENT"
        assert provinces["beijing"]["progress"]["code"] == "ANSWERED"

        shown = huren("report", "request", code, "--dir", str(running.directory))
        assert "河北省  未反馈 no answer：无法连接 not reachable" in shown.stdout
        assert "未查询到" not in shown.stdout

        second = huren("up", "--dir", str(running.directory))
        assert second.returncode == 1
        assert "已有互认环境在运行" in second.stderr
        assert "a federation runs in" in second.stderr
        assert set(alive(children)) == children
        assert (running.directory / "members.json").exists()

        assert running.stop(signal.SIGINT)[0] == 0, running.err
        assert alive(children) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_things_start_stops_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with up(tmp_path) as running:
        running.wait_until(lambda: (tmp_path / "up" / "logs").is_dir() and len(running.children()) >= 2)
        children = running.children()
        code, seconds = running.stop(number)
        assert READY not in running.out
        assert code == 0, running.err
        assert "启动未完成，已停止" in running.err
        assert seconds < 15
        assert alive(children) == []


def test_an_adapter_that_is_killed_is_named_and_keeps_reports_open(tmp_path: Path) -> None:
    """What happens: 河北's adapter is killed with SIGKILL.

    What must result: `huren up` names it, goes on, and ends with 1; no report and no verdict for anybody; the open request says
    who did not answer, and why.
    """
    with up(tmp_path) as running:
        running.ready()
        os.kill(pid_of(f"{running.directory}/hebei/adapter.toml"), signal.SIGKILL)
        running.wait_until(lambda: "hebei-adapter 已退出（代码 -9）" in running.err, 10)
        assert str(running.directory / "logs" / "hebei-adapter.log") in running.err

        cast = json.loads((running.directory / "world.json").read_text("utf-8"))["cast"]
        code, reports = cast["nothing_anywhere"]["uscc"], tmp_path / "reports"
        directory = str(running.directory)
        asked = huren("report", "request", code, "--dir", directory, "--out", str(reports), "--json")
        assert asked.returncode == 4, asked.stderr
        opened = json.loads(asked.stdout)
        provinces = {one["province"]: one for one in opened["provinces"]}
        assert provinces["hebei"]["reason"]["code"] == "NOT_REACHABLE"
        assert provinces["tianjin"]["progress"]["code"] == "ANSWERED"
        assert [path.name for path in reports.iterdir()] == [f"{opened['request_id']}-progress.pdf"]
        assert huren("status", "--dir", directory).returncode == 1

        assert running.stop(signal.SIGTERM)[0] == 1
        assert running.err.count("已退出") == 1


def test_what_is_not_simply_true_is_announced_with_whom_it_holds_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["huren"])
    world = generate(seed=SEED, size=SIZE, day=date(2026, 11, 22))
    layout = Layout(tmp_path)
    layout.world.write_text(json.dumps({"cast": {"one": {"uscc": "9", "name": "示例", "home": ""}}}), "utf-8")
    addresses = {"grpc": "127.0.0.1:1", "metrics": "", "public": "http://127.0.0.1:2"}
    announced = {f"shanxi-{program}": addresses for program in ("gateway", "adapter")}
    asides = asides_of(world, Province.SHANXI, 5)
    show(Running(layout, (Province.SHANXI,), world.day, announced, asides, tuple))
    printed = capsys.readouterr().out
    assert "各平台另有不能直接采信的数据共5条" in printed
    held_up = [aside for aside in asides if aside.kind.outcome in (Outcome.UNREADABLE, Outcome.IN_DOUBT)]
    for aside in asides:
        assert (f"  {aside.fact.subject.uscc}  {aside.fact.subject.name}  山西省：" in printed) is (aside in held_up)
    assert f"quarantine list --province shanxi --dir {tmp_path}" in printed
    assert "山西省  http://127.0.0.1:2/\n" in printed

    show(Running(layout, (Province.SHANXI,), world.day, announced, (), tuple))
    assert "quarantine" not in capsys.readouterr().out


def test_there_is_a_row_of_each_kind_and_no_more(tmp_path: Path) -> None:
    assert len(AsideKind) == _MAX_DIRT
    assert huren("up", "--dir", str(tmp_path / "up"), "--dirt", str(_MAX_DIRT + 1)).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki" / "kept").write_text("mine", "utf-8")
    refused = huren("up", "--dir", str(tmp_path))
    assert refused.returncode == 1
    assert "请换一个空目录" in refused.stderr
    assert (tmp_path / "pki" / "kept").read_text("utf-8") == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["pki"]
