"""A gateway with its public address open, for tests of pages over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.pki import PKI
from tests.support.people import Lobby, open_lobby


@pytest.fixture
async def lobby(pki: PKI, tmp_path: Path) -> AsyncIterator[Lobby]:
    async with open_lobby(pki, tmp_path) as opened:
        yield opened
