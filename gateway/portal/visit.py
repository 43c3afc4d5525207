"""One request for a page, as its handler sees it, and what handlers answer with."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NewType, TypeAlias

from aiohttp import web

from contract.errors import HurenError
from contract.reasons import Words
from contract.uscc import Uscc
from gateway.domain.persons import Person
from gateway.domain.request import Caller
from gateway.identity.acting import Acts
from gateway.portal.forms import UNFIT, Form
from gateway.portal.look import Look
from gateway.portal.site import Page, address_of

Handle = NewType("Handle", str)
"""How an enterprise is called in the addresses of one person's pages: no code stands in an address, a history or a log."""


def handle_of(person: Person, uscc: Uscc) -> Handle:
    """What an enterprise is called in this person's addresses: always the same, and nobody else's."""
    return Handle(hashlib.sha256(f"{person.person}:{uscc}".encode()).hexdigest()[:20])


@dataclass(frozen=True, slots=True, kw_only=True)
class Enterprise:
    """An enterprise for which the visitor acts.

    Attributes:
        handle: What it is called in addresses.
        uscc: Its code.
        name: Its registered name. Empty: it could not be had.
        acts: As what the visitor acts; several where they are several things.
    """

    handle: Handle
    uscc: Uscc
    name: str
    acts: tuple[Acts, ...]

    @property
    def shown(self) -> str:
        """How it is called on pages."""
        return self.name or self.uscc


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request that was let in.

    Attributes:
        request: The request.
        page: Which page.
        look: How the visitor wants it.
        at: Now: the one reading of the clock for this request.
        person: Who is logged in. None: nobody.
        enterprises: For which enterprises the person may act.
        enterprise: The one of the address. None: the page is not about one.
        caller: On whose behalf, where the page is for who acts for an enterprise.
        form: What was filled in.
    """

    request: web.Request
    page: Page
    look: Look
    at: datetime
    person: Person | None = None
    enterprises: tuple[Enterprise, ...] = ()
    enterprise: Enterprise | None = None
    caller: Caller | None = None
    form: Form = field(default_factory=Form)

    @property
    def logged_in(self) -> Person:
        """Who is logged in."""
        if self.person is None:
            raise RuntimeError(f"the page {self.page.name} has no person")
        return self.person

    @property
    def acting(self) -> Caller:
        """On whose behalf."""
        if self.caller is None:
            raise RuntimeError(f"the page {self.page.name} has no caller")
        return self.caller

    @property
    def on_behalf_of(self) -> Enterprise:
        """The enterprise of the address."""
        if self.enterprise is None:
            raise RuntimeError(f"the page {self.page.name} has no enterprise")
        return self.enterprise

    def path(self, name: str) -> str:
        """A part of the address."""
        return self.request.match_info[name]

    def asked(self, name: str, default: str = "") -> str:
        """A parameter of the address, never to be believed; the last one of several. With control characters it is none."""
        values = self.request.query.getall(name, [])
        return values[-1].strip()[:200] if values and not UNFIT.search(values[-1]) else default

    def url(self, name: str, **parts: str) -> str:
        """The address of a page, about the enterprise of this one where it is about one."""
        if self.enterprise is not None:
            parts = {"enterprise": self.enterprise.handle, **parts}
        return address_of(name, **parts)

    def say(self, zh: str, en: str) -> str:
        """The same in the visitor's language."""
        return zh if self.look.zh else en

    @property
    def is_fragment(self) -> bool:
        """Whether htmx asks for a part of the page."""
        return self.request.headers.get("HX-Request") == "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A page to be written.

    Attributes:
        template: Of templates/.
        values: What stands in it.
        title: What it is called; None: as the site map calls it.
        status: HTTP status.
        error: What went wrong with what was filled in. It stands above the form, and at its field.
        headers: Further headers.
        drops: Cookies that the browser drops. With the session's among them, the page is written as for nobody.
    """

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    title: Words | None = None
    status: int = 200
    error: HurenError | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeeOther:
    """Go on there, with GET.

    Attributes:
        url: Where.
    """

    url: str


Answer: TypeAlias = View | SeeOther | web.StreamResponse
Handler: TypeAlias = Callable[[Visit], Awaitable[Answer]]


def download(content: bytes, *, media_type: str, name: str, inline: bool = False) -> web.Response:
    """A file to be kept, or to be shown.

    Args:
        content: Its bytes.
        media_type: What it is.
        name: What it is called: ASCII without blanks and quotes.
        inline: Shown by the browser instead of kept: a terminal keeps nothing.
    """
    how = "inline" if inline else "attachment"
    return web.Response(
        body=content, content_type=media_type, headers={"Content-Disposition": f'{how}; filename="{name}"'}
    )
