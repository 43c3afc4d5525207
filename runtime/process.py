"""A process from its start to its end: event loop, signals, exit code, announcement, parent.

    run_process        main coroutine -> exit code
    announce           tells the parent which addresses were bound
    die_with_parent    no orphan is left behind

Exit codes: 0 main returned; 1 main raised; 2 the settings or TLS files are wrong, or an address is taken (starting again does
not help before somebody acts); 130 or 143 a second signal cut the graceful stop short.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import structlog
import uvloop

from runtime.errors import ListenError, SchemaError, SettingsError, TLSFileError

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_CONFIGURATION: Final = 2

_SIGNAL_EXIT: Final = 128
"""A shell reports a process that a signal ended by this plus the signal's number."""
_PR_SET_PDEATHSIG: Final = 1
"""Source: prctl(2)."""

_log: Final = structlog.get_logger(__name__)


class StopSignal:
    """Says that the process is to end. The main coroutine waits for it, then stops in good order."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def is_set(self) -> bool:
        """Whether the process is to end."""
        return self._event.is_set()

    def set(self) -> None:
        """Asks the process to end."""
        self._event.set()

    async def wait(self) -> None:
        """Returns when the process is to end."""
        await self._event.wait()


def run_process(main: Callable[[StopSignal], Awaitable[None]]) -> int:
    """Runs the main coroutine on uvloop until it returns.

    SIGTERM and SIGINT set the stop signal; a second one cancels the main coroutine.

    Returns:
        The exit code, for `sys.exit`.
    """
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_supervise(main))
    except (SettingsError, TLSFileError, ListenError, SchemaError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the person who starts it; logging may not be configured yet
        return EXIT_CONFIGURATION
    except Exception:  # noqa: BLE001 - the last barrier: the exit code says it, the log says why
        _log.critical("process failed", exc_info=True)
        return EXIT_FAILED


def announce(path: Path, facts: Mapping[str, str | int]) -> None:
    """Writes what a parent process waits for, above all the bound addresses, as one JSON object.

    The file appears as a whole or not at all, readable for the owner only. Whoever waits removes an older one beforehand.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(dict(facts), file, ensure_ascii=False)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def die_with_parent(parent_pid: int) -> None:
    """Makes the kernel kill this process when its parent ends, even by SIGKILL. Does nothing outside Linux.

    SIGKILL rather than SIGTERM: a child that hangs must not stay either, and whatever was acknowledged is committed. "Parent"
    is the thread that started this process, so start children from a thread that lives as long as they shall.

    Args:
        parent_pid: The parent, as it told its child: one that has ended already would never be noticed otherwise.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)


async def _supervise(main: Callable[[StopSignal], Awaitable[None]]) -> int:
    stop = StopSignal()
    task = asyncio.ensure_future(main(stop))
    forced_by: signal.Signals | None = None

    def on_signal(number: signal.Signals) -> None:
        nonlocal forced_by
        if not stop.is_set:
            _log.info("stopping", signal=number.name)
            stop.set()
            return
        forced_by = number
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    if forced_by is not None:
        return _SIGNAL_EXIT + forced_by
    return EXIT_FAILED if task.cancelled() else EXIT_OK
