"""Takes in what lies in the drop folder, once, with a progress bar.

    python -m adapters.hebei.ingest --config FILE
    python -m adapters.hebei.ingest --store URL --folder DIRECTORY

The adapter does the same by itself, in the background, every few seconds; this is for the first load and for very large files. It
may run beside the adapter. Whoever stops it loses nothing: the next run goes on where it was.

Exit codes: 0 everything that lies there was taken in, now or before; 1 a file was refused, is held or cannot be read, or the store
cannot be used; 2 wrong usage or settings; 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

import structlog
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import SQLAlchemyError

from adapters.hebei import staging
from adapters.hebei.drop import Limits, Reason
from adapters.hebei.intake import Intake, Judged
from adapters.hebei.source import SourceSettings, open_store, store_url_beside
from adapters.hebei.staging import Taken
from adapters.sdk.settings import AdapterSettings
from adapters.sdk.source import SourceError
from runtime.clock import system_clock
from runtime.errors import SettingsError, StoreUnavailableError
from runtime.settings import load_settings

_EXIT_FAILED: Final = 1
_EXIT_CONFIGURATION: Final = 2
_EXIT_INTERRUPTED: Final = 130
_STEP: Final = 5
"""Per cent between two lines where there is no terminal."""


def main(argv: Sequence[str] | None = None) -> int:
    """Takes in what lies in the folder; returns the exit code."""
    console = Console(highlight=False)
    try:
        folder, store_url, limits = _places(argv)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the person who starts it
        return _EXIT_CONFIGURATION
    # Whatever is logged is told here, in the words of people.
    structlog.configure(processors=[_drop_event])
    try:
        return asyncio.run(ingest(folder, store_url, limits=limits, console=console))
    except KeyboardInterrupt:
        console.print("已中断，下次从断点继续。 Interrupted; the next run goes on from here.")
        return _EXIT_INTERRUPTED


async def ingest(folder: Path, store_url: str, *, limits: Limits, console: Console) -> int:
    """Takes in what lies in a folder, and tells it.

    Returns:
        0: all of it was taken in, now or before. 1: not so.
    """
    try:
        database = await open_store(store_url)
    except SourceError as error:
        console.print(f"无法使用存储 The store cannot be used: {escape(str(error))}")
        return _EXIT_FAILED
    intake = Intake(folder, database, limits=limits, now=system_clock)
    try:
        started = monotonic()
        with _told(console) as progress:
            judged = await intake.look(progress=progress)
        _tell(console, judged, intake.unread or {}, seconds=monotonic() - started)
    except OSError as error:
        console.print(f"无法读取目录 The folder cannot be read: {type(error).__name__}")
    except (StoreUnavailableError, SQLAlchemyError) as error:
        console.print(f"无法使用存储 The store cannot be used: {type(error).__name__}")
    else:
        return _EXIT_FAILED if judged.refused or intake.unread else 0
    finally:
        await database.dispose()
    return _EXIT_FAILED


def _places(argv: Sequence[str] | None) -> tuple[Path, str, Limits]:
    parser = argparse.ArgumentParser(
        prog="python -m adapters.hebei.ingest", description="读入投放目录。 Takes in what lies in the drop folder."
    )
    parser.add_argument("--config", type=Path, help="适配器配置 settings file of the adapter (TOML)")
    parser.add_argument("--folder", type=Path, help="投放目录 the drop folder")
    parser.add_argument("--store", help="存储 sqlite:////absolute/path.db, postgresql://user@host/name")
    arguments = parser.parse_args(argv)
    if (arguments.config is None) == (arguments.folder is None):
        parser.error("either --config, or --folder with or without --store")
    if arguments.config is None:
        source = SourceSettings(drop_folder=arguments.folder, store_url=arguments.store)
    else:
        if arguments.store is not None:
            parser.error("--store goes with --folder")
        source = load_settings(AdapterSettings[SourceSettings], arguments.config).source
    folder = source.drop_folder.absolute()
    limits = Limits(source.max_file_bytes, source.max_unpacked_bytes)
    return folder, source.store_url or store_url_beside(folder), limits


def _drop_event(_logger: object, _method: str, _event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


# --- Telling --------------------------------------------------------------------------------------------------------------


@contextmanager
def _told(console: Console) -> Iterator[staging.Progress]:
    """Shows how far a file is: a bar on a terminal, a line every few per cent elsewhere."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.completed:,.0f} 行 rows  {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bars(progress)


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, file: str, done: int, rows: int) -> None:
        if file not in self._tasks:
            self._tasks[file] = self._progress.add_task(escape(file), total=rows, completed=done, rate="")
            return
        self._progress.update(self._tasks[file], completed=done)
        speed = next(task.speed for task in self._progress.tasks if task.id == self._tasks[file])
        self._progress.update(self._tasks[file], rate="" if speed is None else f"{speed:,.0f}/s")


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, int] = {}
        self._begun: dict[str, tuple[float, int]] = {}

    def __call__(self, file: str, done: int, rows: int) -> None:
        if file not in self._begun:
            self._begun[file] = (monotonic(), done)
        share = 100 * done // rows if rows else 100
        if share < self._told.get(file, -1) + _STEP and done != rows:
            return
        self._told[file] = share - share % _STEP
        begun, before = self._begun[file]
        told = f"{escape(file)} {share} % {done:,} 行 rows"
        self._console.print(f"{told}{_rate(done - before, monotonic() - begun)}", soft_wrap=True)


def _tell(console: Console, judged: Judged, unread: Mapping[str, Reason], *, seconds: float) -> None:
    for file, taken in judged.taken.items():
        console.print(f"已读入 taken in  {escape(file)}  {_counted(taken)}", soft_wrap=True)
    for file, reason in judged.refused.items():
        console.print(f"已拒收 refused  {escape(file)}  {_reasoned(reason)}", soft_wrap=True)
    for file, reason in unread.items():
        console.print(f"未读入 not taken in  {escape(file)}  {_reasoned(reason)}", soft_wrap=True)
    rows = sum(taken.rows for taken in judged.taken.values())
    console.print(f"共 {rows:,} 行 rows，{seconds:.1f} 秒 s{_rate(rows, seconds)}", soft_wrap=True)


def _counted(taken: Taken) -> str:
    return (
        f"{taken.rows:,} 行 rows：新增 new {taken.new:,}，更正 changed {taken.changed:,}，"
        f"不变 unchanged {taken.unchanged:,}，缺失 missing {taken.missing:,}"
    )


def _reasoned(reason: Reason) -> str:
    return f"{escape(reason.zh)}  {escape(reason.en)}"


def _rate(rows: int, seconds: float) -> str:
    return f"，{rows / seconds:,.0f} 行/秒 rows/s" if rows > 0 and seconds > 0 else ""


if __name__ == "__main__":
    sys.exit(main())
