"""Two members' gateways on databases of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract.province import Province
from gateway.store import tables
from runtime.database import Database, open_database
from tests.support.verification import House, house


@pytest.fixture
async def beijing(database: Database) -> House:
    await tables.prepare(database)
    return house(Province.BEIJING, database)


@pytest.fixture
async def tianjin(tmp_path: Path) -> AsyncIterator[House]:
    async with open_database(f"sqlite:///{tmp_path / 'tianjin.db'}") as database:
        await tables.prepare(database)
        yield house(Province.TIANJIN, database)
