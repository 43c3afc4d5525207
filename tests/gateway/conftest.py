"""What tests of the gateway stand on: a PKI, databases, and a clock that goes when it is told."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from contract.province import Province
from gateway.store import tables
from runtime.database import Database, open_database
from sandbox.pki import PKI, issue_enterprise_certificate, make_pki
from sandbox.postgresql import PostgreSQL
from tests.support.federation import SUBJECT_CODE
from tests.support.postgresql import postgresql_server as postgresql_server

NEED_EMPTY: Final = frozenset({"test_migrations.py", "test_tables.py"})
"""Files whose tests make the tables themselves. All others get a copy: making them takes longer than most tests."""


async def _prepare(url: str) -> None:
    async with open_database(url, patience=timedelta(seconds=30)) as made:
        await tables.prepare(made)


@pytest.fixture(scope="session")
def prepared_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables."""
    path = tmp_path_factory.mktemp("prepared") / "store.db"
    asyncio.run(_prepare(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def prepared_url(postgresql_server: PostgreSQL) -> Iterator[str]:
    """A database in PostgreSQL with the tables."""
    with postgresql_server.database() as url:
        asyncio.run(_prepare(url))
        yield url


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest, postgresql_server: PostgreSQL) -> Iterator[str]:
    """A database of its own for each test, with the tables unless it is about those."""
    like = "" if request.path.name in NEED_EMPTY else str(request.getfixturevalue("prepared_url"))
    with postgresql_server.database(like=like) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    path = tmp_path / "store.db"
    if request.path.name not in NEED_EMPTY:
        shutil.copy(request.getfixturevalue("prepared_file"), path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    # TLS compares with the machine's clock.
    now = datetime.now(UTC)
    made = make_pki(tmp_path_factory.mktemp("gateway") / "pki", Province, now)
    issue_enterprise_certificate(made, SUBJECT_CODE, "示例企业", now)
    return made


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, patience=timedelta(seconds=30)) as opened:
        yield opened
