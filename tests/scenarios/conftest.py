"""What scenarios stand on: one development PKI for all of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contract.province import Province
from sandbox.pki import PKI, make_pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    return make_pki(tmp_path_factory.mktemp("scenarios") / "pki", Province, datetime.now(UTC))
