"""Looks where the event loop's thread is, by a timer that runs with the CPU time of the process.

`cProfile` cannot be used here: SQLAlchemy switches greenlets in the middle of calls, after which it books time on the wrong
function, and it slows everything down by half. This costs next to nothing and also sees through greenlets: to the stack of the
running one belongs the stack of the one that waits for it.

Each sample weighs as much as the thread's own CPU time since the sample before, so waiting weighs nothing, and the threads of
the database and of gRPC do not count. Time in C is seen at the Python line that called it.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import thread_time_ns
from types import FrameType
from typing import Any, Final

import greenlet  # type: ignore[import-untyped]  # ships no types

_INTERVAL_S: Final = 0.001
_DEEPEST: Final = 200

_ROOT: Final = f"{Path(__file__).resolve().parents[1]}/"


@contextmanager
def sampled(path: Path) -> Iterator[None]:
    """Samples the calling thread, which is the main one, while the block runs; writes stacks and their weights at its end."""
    weights: Counter[tuple[str, ...]] = Counter()
    last_ns = thread_time_ns()

    def sample(_: int, frame: FrameType | None) -> None:
        nonlocal last_ns
        now_ns = thread_time_ns()
        weights[tuple(_stack(frame))] += now_ns - last_ns
        last_ns = thread_time_ns()  # without the cost of looking

    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        path.write_text(json.dumps([[weight, stack] for stack, weight in weights.items()]), encoding="utf-8")


def _stack(frame: FrameType | None) -> Iterator[str]:
    """The functions on the stack, innermost first, as `file:function`."""
    running: Any = greenlet.getcurrent()
    for _ in range(_DEEPEST):
        while frame is None:
            running = running.parent
            if running is None:
                return
            frame = running.gr_frame
        yield f"{_short(frame.f_code.co_filename)}:{frame.f_code.co_name}"
        frame = frame.f_back


def _short(file: str) -> str:
    for known in ("site-packages/", f"python{sys.version_info.major}.{sys.version_info.minor}/"):
        _, found, rest = file.rpartition(known)
        if found:
            return f"<{rest}>"
    return file.removeprefix(_ROOT)
