"""`huren up`: runs the federation until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.table import Table

from cli.federation import FederationError, Running, StoppedError, federation
from cli.terminal import command, complain, say, wide
from contract.province import Province

_WIDTH: Final = 120
_POLL_S: Final = 0.5


def run(directory: Path, without: Sequence[Province]) -> int:
    """Starts, says where everything is, waits, stops. Returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    whole = True
    try:
        with federation(directory, without=without, progress=complain, stop=stop) as running:
            _show(running)
            while not stop.wait(_POLL_S):
                for failure in running.ended():
                    whole = False
                    complain(str(failure), "其余进程继续运行 · the others go on")
            complain("正在停止 · stopping")
    except StoppedError:
        complain("启动未完成，已停止 · stopped before everything was up")
    except FederationError as error:
        complain(str(error))
        return 1
    return 0 if whole else 1


def _show(running: Running) -> None:
    table = Table(title="互认环境已就绪 · the federation is up", box=None, title_justify="left", pad_edge=False)
    for head in ("省（市）", "网关 gateway", "适配器 adapter", "网关指标 metrics", "适配器指标 metrics"):
        table.add_column(head)
    for province in Province:
        if province not in running.provinces:
            table.add_row(province.name_zh, "未启动 not started", "", "", "")
            continue
        gateway, adapter = (running.announced[f"{province.slug}-{program}"] for program in ("gateway", "adapter"))
        table.add_row(province.name_zh, gateway["grpc"], adapter["grpc"], gateway["metrics"], adapter["metrics"])
    wide(_WIDTH).print(table)
    say()
    say("示例主体 · subjects to try:")
    for role, subject in running.layout.cast().items():
        say(f"  {subject['uscc']}  {subject['name']}  ({role})")
    directory = str(running.layout.directory)
    first = next(iter(running.layout.cast().values()))
    say()
    say(f"  {command('report', 'request', first['uscc'], '--dir', directory)}")
    say(f"  {command('status', '--dir', directory)}")
    say("Ctrl-C 停止 · Ctrl-C stops everything")
