"""An empty drop folder, and a source over it, with its store in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.hebei.source import HebeiSource, SourceSettings
from tests.support.hebei import opened_patiently


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "drops"
    folder.mkdir()
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, folder: Path) -> SourceSettings:
    # None: the file beside the folder.
    store_url = None if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    return SourceSettings(drop_folder=folder, store_url=store_url, look_every_s=3600)


@pytest_asyncio.fixture
async def source(settings: SourceSettings) -> AsyncGenerator[HebeiSource]:
    opened = await opened_patiently(settings)
    yield opened
    await opened.close()
