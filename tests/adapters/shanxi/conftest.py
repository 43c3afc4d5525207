"""Shanxi's source before its stand-in, on a port of the system's choice."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from pydantic import HttpUrl

from adapters.shanxi.source import ShanxiSource, SourceSettings, open_source
from sandbox.platforms import listening, shanxi
from sandbox.world import World
from tests.support.worlds import NOW


@dataclass
class Bench:
    """What a test may look at: the source, what goes wrong, the rows of the platform, and a clock that stands still."""

    source: ShanxiSource
    faults: shanxi.Faults
    book: shanxi.Book
    clock: list[datetime]


Open = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture(scope="session")
def open_bench() -> Open:
    @asynccontextmanager
    async def opened(
        world: World, *, chunk: int = shanxi.CHUNK, dirt: int = 0, **settings: Any
    ) -> AsyncGenerator[Bench]:
        faults, book = shanxi.Faults(), shanxi.Book.of(world, dirt=dirt)
        app = shanxi.make_app(world, faults=faults, chunk=chunk, book=book)
        async with listening(app, shutdown_s=0.1) as url:
            clock = [NOW]
            given = {"app_key": shanxi.APP_KEY, **settings}
            source = await open_source(SourceSettings(url=HttpUrl(url), **given), now=lambda: clock[0])
            try:
                yield Bench(source, faults, book, clock)
            finally:
                await source.close()

    return opened
