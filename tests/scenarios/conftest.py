"""What scenarios stand on: one development PKI for all of them, and databases of both kinds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contract.province import Province
from sandbox.pki import PKI, make_pki
from tests.support.postgresql import database_url as database_url
from tests.support.postgresql import postgresql_server as postgresql_server
from tests.support.postgresql import postgresql_url as postgresql_url


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    return make_pki(tmp_path_factory.mktemp("scenarios") / "pki", Province, datetime.now(UTC))
