"""A home in which grants are given, and authorities that certify at the instant at which its clock stands."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from contract.province import Province
from runtime.database import Database
from sandbox.pki import PKI, make_pki
from tests.support.federation import NOW
from tests.support.granting import GrantingHome, granting_home


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    return make_pki(tmp_path_factory.mktemp("authorities") / "pki", [Province.BEIJING], NOW)


@pytest.fixture
async def home(database: Database, authorities: PKI) -> AsyncIterator[GrantingHome]:
    async with granting_home(database, authorities) as opened:
        yield opened
