"""One house for each test, on loopback, and somebody who calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.api.rest.description import Description, read_description
from tests.gateway.api.rest.fakes import WIDE, Client, House


@pytest.fixture(scope="session")
def description() -> Description:
    return read_description()


@pytest.fixture
def house() -> House:
    return House(limits=WIDE)


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    async with house.served() as url, aiohttp.ClientSession() as http:
        yield Client(http, url)
