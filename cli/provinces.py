"""`huren province`: stops a province's adapter and gateway while the others go on, and starts them again at the same addresses.

It leaves a file in the federation's directory; `huren up` sees it, acts, and takes the processes' announcements away or writes them
anew, which is waited for here. The province's platform goes on: what is shown is a province that cannot be reached.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from cli.layout import FederationError, Layout
from cli.terminal import complain, emit, error_document, say
from contract.province import Province

EXIT_DONE: Final = 0
EXIT_NOT_DONE: Final = 1

_TIMEOUT_S: Final = 90.0
_POLL_S: Final = 0.05


def stop(directory: Path, province: Province, *, as_json: bool) -> int:
    """Stops a province. Returns the exit code."""
    return _brought(directory, province, running=False, as_json=as_json)


def start(directory: Path, province: Province, *, as_json: bool) -> int:
    """Starts a province that was stopped. Returns the exit code."""
    return _brought(directory, province, running=True, as_json=as_json)


def _brought(directory: Path, province: Province, *, running: bool, as_json: bool) -> int:
    layout = Layout(directory.resolve())
    try:
        _bring(layout, province, running=running)
    except FederationError as error:
        if as_json:
            emit(error_document("NOT_DONE", error.zh, error.en, province=province.slug))
        else:
            complain(error.zh, error.en)
        return EXIT_NOT_DONE
    if as_json:
        emit({"result": "started" if running else "stopped", "province": province.slug})
    elif running:
        say(f"{province.name_zh}的适配器和网关已恢复，地址不变；办理中的申请会自动继续。")
        say(
            f"Adapter and gateway of {province.name_en} are back at the same addresses; open requests go on by themselves."
        )
    else:
        say(f"{province.name_zh}的适配器和网关已停止，其余省（市）继续运行。")
        say(f"Adapter and gateway of {province.name_en} are stopped; the others go on.")
    return EXIT_DONE


def _bring(layout: Layout, province: Province, *, running: bool) -> None:
    if not layout.addresses()[province].gateway:
        raise FederationError(
            f"{province.name_zh}在 huren up 时就未启动（--without），不能停止或恢复",
            f"{province.name_en} was left out when `huren up` began (--without): it cannot be stopped or started",
        )
    if running:
        layout.stopped(province).unlink(missing_ok=True)
    else:
        layout.stopped(province).touch()
    announcements = [layout.announcement(f"{province.slug}-{program}") for program in ("adapter", "gateway")]
    give_up_at = time.monotonic() + _TIMEOUT_S
    while any(announcement.exists() is not running for announcement in announcements):
        if running and layout.stopped(province).exists():
            raise FederationError(
                f"{province.name_zh}未能恢复，原因见 huren up 的输出",
                f"{province.name_en} did not come up again: `huren up` says why",
            )
        if time.monotonic() > give_up_at:
            raise FederationError(
                "huren up 没有按时照办，见其输出", "`huren up` did not follow in time: see what it says"
            )
        time.sleep(_POLL_S)
