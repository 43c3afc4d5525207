"""A gateway's side of logging in, on each kind of database or on the quick one, with a provider that is forged."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.store import tables
from runtime.database import Database, open_database
from tests.support.forged_provider import ForgedProvider, Relying, relying_on


@pytest.fixture
def forged() -> ForgedProvider:
    return ForgedProvider()


@pytest.fixture
async def relying(forged: ForgedProvider, database: Database) -> AsyncIterator[Relying]:
    await tables.prepare(database, clock=forged.clock)
    async with relying_on(forged, database) as made:
        yield made


@pytest.fixture
async def quick(forged: ForgedProvider, prepared_file: Path, tmp_path: Path) -> AsyncIterator[Relying]:
    """For what no database decides."""
    path = shutil.copy(prepared_file, tmp_path / "quick.db")
    async with (
        open_database(f"sqlite:///{path}", patience=timedelta(seconds=30)) as database,
        relying_on(forged, database) as made,
    ):
        yield made
