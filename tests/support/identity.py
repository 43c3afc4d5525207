"""The identity provider of the sandbox in tests, and people who log in there as a browser would: by its real pages."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest

from contract.uscc import Uscc
from sandbox.identity_provider import LIBRARY, Client, IdentityProviderProcess, Program, known_users
from tests.support.federation import uscc

ENTERPRISES: dict[str, Uscc] = {
    "enterprise": uscc(1),
    "second_enterprise": uscc(2),
    "bank": uscc(3),
    "authority": uscc(4),
}
"""Whom the test users act for, where a test has no enterprises of its own."""

_ACTION = re.compile(r'<form [^>]*action="([^"]+)"')
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_REDIRECTS = frozenset({302, 303})


class LoginRefusedError(Exception):
    """The provider did not let somebody in."""


def browser() -> aiohttp.ClientSession:
    """A browser of its own: it keeps cookies, also those of addresses without a name."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


@asynccontextmanager
async def identity_provider(
    folder: Path,
    *,
    clients: tuple[Client, ...] = (),
    programs: tuple[Program, ...] = (),
    audiences: tuple[str, ...] = (),
    enterprises: dict[str, Uscc] | None = None,
) -> AsyncIterator[IdentityProviderProcess]:
    """A provider that runs. A test that asks for it is skipped where its packages are not installed."""
    if not LIBRARY.is_dir():
        pytest.skip("the identity provider is not installed: make sandbox/identity/node_modules/.stamp")
    async with IdentityProviderProcess(
        folder,
        enterprises=enterprises or ENTERPRISES,
        clients=clients,
        programs=programs,
        audiences=audiences,
    ) as provider:
        yield provider


async def log_in(session: aiohttp.ClientSession, url: str, user: str, way: str = "certificate") -> str:
    """Logs somebody in at the provider, from the address that a gateway sent them to.

    Args:
        session: Their browser.
        url: Where the gateway sent them.
        user: Their login in sandbox/identity/users.json.
        way: `password`, `real_name`, `certificate` or `licence`.

    Returns:
        The address at the gateway that the provider sends them back to; it has not been called yet.

    Raises:
        LoginRefusedError: The provider did not let them in.
    """
    issuer = urljoin(url, "/")
    async with session.get(url) as response:
        page, shown = await response.text(), str(response.url)
    form = _ACTION.search(page)
    if form is None:
        raise LoginRefusedError(f"no form at {shown.partition('?')[0]}, status {response.status}")
    known = known_users()[user]
    fields = {"login": known.login, "password": known.password, "way": way}
    answer = await session.post(urljoin(shown, unescape(form[1])), data=fields, allow_redirects=False)
    while answer.status in _REDIRECTS:
        answer.release()
        target = urljoin(str(answer.url), answer.headers["Location"])
        if not target.startswith(issuer):
            return target
        answer = await session.get(target, allow_redirects=False)
    answer.release()
    raise LoginRefusedError(f"status {answer.status}")


async def log_out(session: aiohttp.ClientSession, url: str) -> str:
    """Logs somebody out at the provider, by the address that the gateway gave. Gives where they end up; it has not been called."""
    async with session.get(url) as response:
        page, shown = await response.text(), str(response.url)
    form = _ACTION.search(page)
    if form is None:
        raise LoginRefusedError(f"no form, status {response.status}")
    fields = {unescape(name): unescape(value) for name, value in _HIDDEN.findall(page)} | {"logout": "yes"}
    async with session.post(urljoin(shown, unescape(form[1])), data=fields, allow_redirects=False) as answer:
        return urljoin(str(answer.url), answer.headers["Location"])
