"""A home with mandates, on each kind of database."""

from __future__ import annotations

import pytest

from gateway.store.tables import prepare
from runtime.database import Database
from tests.support.mandates import Home


@pytest.fixture
async def home(database: Database) -> Home:
    await prepare(database)
    return Home(database)
