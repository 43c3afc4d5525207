"""Tells whoever watches requests that something changed: at once in this process, and soon when another replica changed it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

_LOOK_EVERY_S: Final = 2.0
"""What another replica did is in the store only: so long at most it stays unseen."""


class Watched:
    """Wakes everybody who watches. They look for themselves whether it concerns them: there are few, and a look is one row."""

    def __init__(self) -> None:
        self._events: set[asyncio.Event] = set()

    def changed(self) -> None:
        """Something changed."""
        for event in self._events:
            event.set()

    @contextmanager
    def changes(self) -> Iterator[Callable[[], Awaitable[None]]]:
        """Gives a wait for the next change after the block began, or for the time to look anyway."""
        event = asyncio.Event()
        self._events.add(event)

        async def wait() -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await event.wait()

        try:
            yield wait
        finally:
            self._events.discard(event)
