"""Somebody at the pages of one enterprise, over HTTP: opens them, fills in their forms, reads what stands on them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

import aiohttp

from contract.uscc import Uscc
from gateway.portal.look import LOOK_COOKIE
from gateway.portal.site import address_of
from gateway.portal.visit import handle_of
from tests.support.people import Actor, Answer, Lobby

Fields = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that came.

    Attributes:
        status: Of HTTP.
        location: Where it sends on; empty: nowhere.
        html: As it came.
        headers: Of HTTP.
        body: Its bytes.
    """

    status: int
    location: str
    html: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """What people read in its main part."""
        found = re.search(r"<main.*?</main>", self.html, re.DOTALL)
        plain = re.sub(r"<[^>]+>", " ", found.group() if found else self.html)
        return re.sub(r"\s+", " ", unescape(plain))

    def value(self, name: str) -> str:
        """What a field of its forms holds."""
        found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', self.html)
        assert found, name
        return unescape(found[1])

    def ticked(self, name: str) -> set[str]:
        """The boxes of a group that are ticked."""
        return set(re.findall(rf'<input type="checkbox" name="{name}" value="([^"]*)" checked>', self.html))

    @property
    def stray_chinese(self) -> list[str]:
        """Chinese outside of what is marked as such."""
        bare = re.sub(r"<script.*?</script>|<style.*?</style>", "", self.html, flags=re.DOTALL)
        marked = re.sub(r'<(\w+)[^>]*lang="zh-CN"[^>]*>.*?</\1>', "", bare, flags=re.DOTALL)
        plain = re.sub(r"<[^>]+>", " ", marked)
        return re.findall(r"[\u4e00-\u9fff][^\n]{0,40}", plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Somebody at the pages of an enterprise.

    Attributes:
        lobby: The gateway.
        actor: Who.
        handle: What the enterprise is called in the addresses.
        look: The cookie with language and colours; empty: as it comes.
    """

    lobby: Lobby
    actor: Actor
    handle: str
    look: str = ""

    def at(self, name: str, **parts: str) -> str:
        """The address of a page."""
        return address_of(name, enterprise=self.handle, **parts)

    async def open(self, name: str, query: str = "", **parts: str) -> Page:
        """Opens a page."""
        return _page(await self._sent("GET", self.at(name, **parts) + query))

    async def send(self, name: str, fields: Fields, **parts: str) -> Page:
        """Sends a form; with the session's token, where `fields` do not say another."""
        pairs = [("csrf", self.actor.csrf_token)] if "csrf" not in fields else []
        for field, value in fields.items():
            pairs += [(field, one) for one in ([value] if isinstance(value, str) else value)]
        return _page(await self._sent("POST", self.at(name, **parts), data=aiohttp.FormData(pairs)))

    async def upload(self, name: str, fields: Mapping[str, str], file: bytes, **parts: str) -> Page:
        """Sends a form with a file."""
        form = aiohttp.FormData(quote_fields=False)
        for field, value in {"csrf": self.actor.csrf_token, **fields}.items():
            form.add_field(field, value)
        form.add_field("file", file, filename="signed.pem", content_type="application/octet-stream")
        return _page(await self._sent("POST", self.at(name, **parts), data=form))

    async def _sent(self, method: str, path: str, **content: Any) -> Answer:
        cookies = f"__Host-huren-session={self.actor.cookie}"
        if self.look:
            cookies += f"; {LOOK_COOKIE}={self.look}"
        return await self.lobby.send(self.actor, method, path, headers={"Cookie": cookies}, **content)


async def desk(lobby: Lobby, actor: Actor, uscc: Uscc, *, look: str = "") -> Desk:
    """Somebody at the pages of an enterprise."""
    person = await lobby.sessions.find(actor.cookie)
    assert person is not None
    return Desk(lobby=lobby, actor=actor, handle=handle_of(person, uscc), look=look)


def _page(answer: Answer) -> Page:
    headers = dict(answer.headers)
    return Page(
        status=answer.status,
        location=headers.get("Location", ""),
        html=answer.body.decode(errors="replace"),
        headers=headers,
        body=answer.body,
    )
