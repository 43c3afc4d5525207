"""Databases to run the same tests on: a SQLite file, and a database in a PostgreSQL server that lives as long as the tests.

A `conftest.py` takes the fixtures in by importing them all:

    from tests.support.postgresql import database_url as database_url
    from tests.support.postgresql import postgresql_server as postgresql_server
    from tests.support.postgresql import postgresql_url as postgresql_url
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.postgresql import PostgreSQL, throw_away_server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind, as `runtime.database.open_database` takes it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def postgresql_url(postgresql_server: PostgreSQL) -> Iterator[str]:
    """A new database in the throw-away server."""
    with postgresql_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """The throw-away server; a test that asks for it is skipped where PostgreSQL is not installed."""
    with throw_away_server() as server:
        if server is None:
            pytest.skip("PostgreSQL is not installed: make system-packages")
        yield server
