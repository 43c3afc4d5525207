"""Tianjin's source before its stand-in, on a port of the system's choice."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import HttpUrl

from adapters.tianjin.source import SourceSettings, TianjinSource, open_source
from sandbox.platforms import listening, tianjin
from sandbox.world import World
from tests.support.worlds import NOW

SECRET = "a secret that is in no message"  # noqa: S105  # of the stand-in


class Bench:
    """What a test may look at.

    Attributes:
        source: The source.
        app: The platform.
        faults: What goes wrong.
        slept: Seconds that it would have waited; nobody really does.
        now: The clock, which stands still.
    """

    def __init__(self, faults: tianjin.Faults) -> None:
        self.faults = faults
        self.slept: list[float] = []
        self.now = NOW
        self.source: TianjinSource
        self.app: web.Application

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


Open = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture(scope="session")
def open_bench(tmp_path_factory: pytest.TempPathFactory) -> Open:
    secret_file = tmp_path_factory.mktemp("tianjin") / "client.secret"
    secret_file.write_text(f"{SECRET}\n", "utf-8")

    @asynccontextmanager
    async def opened(world: World, *, secret: str = SECRET, **settings: Any) -> AsyncGenerator[Bench]:
        bench = Bench(tianjin.Faults())
        app = tianjin.make_app(world, secret=secret, faults=bench.faults, now=lambda: bench.now)
        bench.app = app
        async with listening(app, shutdown_s=0.1) as url:
            given = {"client_id": tianjin.CLIENT_ID, "client_secret_file": Path(secret_file), **settings}
            source_settings = SourceSettings(url=HttpUrl(url), **given)
            bench.source = await open_source(source_settings, now=lambda: bench.now, sleep=bench.sleep)
            try:
                yield bench
            finally:
                await bench.source.close()

    return opened
