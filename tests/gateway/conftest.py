"""What tests of the gateway stand on: a PKI, databases, and a clock that goes when it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from contract.province import Province
from runtime.database import Database, open_database
from sandbox.pki import PKI, issue_enterprise_certificate, make_pki
from tests.support.federation import SUBJECT_CODE
from tests.support.postgresql import database_url as database_url
from tests.support.postgresql import postgresql_server as postgresql_server
from tests.support.postgresql import postgresql_url as postgresql_url


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
