"""A real browser before a federation as `huren up` runs it. One federation serves all tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator

import pytest
from playwright.async_api import Browser

from cli.federation import Running, federation
from cli.identity import installed
from tests.support.browser import CHROMIUM, browsing
from tests.support.inventory import Place


@pytest.fixture
async def chromium() -> AsyncGenerator[Browser]:
    """A browser of the test's own."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: make system-packages")
    async with browsing() as browser:
        yield browser


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Twelve processes, and the identity provider's."""
    if not installed():
        pytest.skip("needs the identity provider: make sandbox/identity/node_modules/.stamp")
    with federation(tmp_path_factory.mktemp("browser") / "up", with_people=True) as running:
        yield running


@pytest.fixture(scope="session")
def place(running: Running) -> Place:
    """The federation, and what there is in it."""
    return Place(running)
