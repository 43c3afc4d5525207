"""`huren up`: runs the federation until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.table import Table

from cli.federation import FederationError, Running, federation
from cli.terminal import err, out, wide
from contract.province import Province

_WIDTH: Final = 120


def run(directory: Path, without: Sequence[Province]) -> int:
    """Starts, says where everything is, waits, stops. Returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with federation(
            directory, without=without, progress=lambda text: err.print(text, markup=False, soft_wrap=True)
        ) as running:
            _show(running)
            while not stop.wait(1.0):
                pass
            err.print("正在停止 · stopping", markup=False, soft_wrap=True)
    except FederationError as error:
        err.print(str(error), markup=False, soft_wrap=True)
        return 1
    return 0


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
    out.print()
    out.print("示例主体 · subjects to try:", markup=False, soft_wrap=True)
    for role, subject in running.layout.cast().items():
        out.print(f"  {subject['uscc']}  {subject['name']}  ({role})", markup=False, soft_wrap=True)
    directory = running.layout.directory
    out.print()
    out.print(
        f"  huren report request {next(iter(running.layout.cast().values()))['uscc']} --dir {directory}", markup=False
    )
    out.print(f"  huren status --dir {directory}", markup=False, soft_wrap=True)
    out.print("Ctrl-C 停止 · Ctrl-C stops everything", markup=False, soft_wrap=True)
