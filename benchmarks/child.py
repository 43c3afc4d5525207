"""Processes of a run: started, pinned, asked and measured.

A child gets its arguments as one JSON text, says on standard output when it is ready, and then answers lines with lines, all JSON.
It ends when its standard input does, so none outlives the parent. The real gateway is no such child: it announces itself by a file
and stops on SIGTERM.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self

from runtime.process import StopSignal, run_process

Facts = dict[str, Any]
"""One JSON object."""

_STOP_S: Final = 15
_ANNOUNCE_S: Final = 60


class ChildError(RuntimeError):
    """A child ended or said nothing."""


class Child:
    """A process of this package. A context manager: it is over afterwards."""

    def __init__(self, role: str, arguments: Mapping[str, object], *, cpu: int | None, log: Path) -> None:
        """Starts it.

        Args:
            role: The module of this package that it runs.
            arguments: What it is told.
            cpu: Where it has to stay. None: anywhere.
            log: Where its standard error goes.
        """
        self._role = role
        self._log = log
        told = json.dumps({**arguments, "cpu": cpu, "parent": os.getpid()}, default=str)
        with log.open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603  # this package and what it was told here
                [sys.executable, "-m", f"benchmarks.{role}", told],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a process with pipes expected")
        self._input, self._output = self._process.stdin, self._process.stdout
        self._clock = _cpu_clock(self._process.pid)

    def hear(self) -> Facts:
        """Returns the next line that it says.

        Raises:
            ChildError: It ended.
        """
        line = self._output.readline()
        if not line:
            raise ChildError(f"{self._role} ended; its log:\n{self._tail()}")
        return dict(json.loads(line))

    def ask(self, **question: object) -> Facts:
        """Sends a line and returns the answer."""
        self._input.write(json.dumps(question) + "\n")
        self._input.flush()
        return self.hear()

    def announced(self, path: Path) -> Facts:
        """Waits for the file by which a program of the product announces its addresses.

        Raises:
            ChildError: It ended before, or took too long.
        """
        give_up_at = time.monotonic() + _ANNOUNCE_S
        while not path.exists():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise ChildError(f"{self._role} did not start; its log:\n{self._tail()}")
            time.sleep(0.02)
        return dict(json.loads(path.read_bytes()))

    def cpu_s(self) -> float:
        """CPU time that it used so far: user and system, all threads, also those that ended."""
        return time.clock_gettime_ns(self._clock) / 1e9

    def thread_cpu_s(self) -> dict[str, float]:
        """CPU time of the threads that it has, by kind: the event loop, Python's others (SQLite's are), native ones."""
        used: dict[str, float] = {}
        main = self._process.pid
        for task in Path(f"/proc/{main}/task").iterdir():
            name = (task / "comm").read_text().strip()
            kind = "event loop" if int(task.name) == main else "database" if name.startswith("python") else "gRPC"
            nanoseconds = int((task / "schedstat").read_text().split()[0])
            used[kind] = used.get(kind, 0.0) + nanoseconds / 1e9
        return used

    def stop(self) -> int:
        """Ends it in good order. Returns its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
            self._input.close()
        try:
            return self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._output.close()

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]


def arguments() -> Facts:
    """What this process was told; it stays on its CPU from here on. The first call of a child's `main`."""
    told: Facts = json.loads(sys.argv[1])
    if told["cpu"] is not None:
        os.sched_setaffinity(0, {told["cpu"]})
    return told


def run_child(main: Callable[[], Awaitable[None]]) -> int:
    """Runs a child on the event loop that the product uses. Returns the exit code."""

    async def until_done(_: StopSignal) -> None:
        await main()

    return run_process(until_done)


def say(facts: Mapping[str, object]) -> None:
    """Says one line to the parent."""
    print(json.dumps(facts), flush=True)


async def answer_lines(handle: Callable[[Facts], Awaitable[Facts]]) -> None:
    """Answers every line of the parent until there is none any more."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        say(await handle(json.loads(line)))


def _cpu_clock(pid: int) -> int:
    """The CPU clock of a process, in nanoseconds; `/proc/PID/stat` counts in hundredths of a second.

    Source: clock_getcpuclockid(3).
    """
    clock = ctypes.c_int()
    failed = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if failed:
        raise OSError(failed, os.strerror(failed))
    return clock.value
