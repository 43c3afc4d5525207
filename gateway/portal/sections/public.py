"""What everybody may read."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from gateway.portal.look import LOOK_COOKIE
from gateway.portal.parts import PortalParts
from gateway.portal.site import address_of
from gateway.portal.visit import Answer, Handler, View, Visit

_A_YEAR_S: Final = 365 * 24 * 3600


class PublicSection:
    """Pages for everybody."""

    def __init__(self, parts: PortalParts) -> None:
        self._parts = parts

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"home": self.home, "change_look": self.change_look}

    async def home(self, visit: Visit) -> Answer:
        """The first screen."""
        del visit
        return View(template="public/home.html")

    async def change_look(self, visit: Visit) -> Answer:
        """Language, colours, size: kept in a cookie, and back to where the visitor was."""
        look = visit.look.changed({name: visit.form.one(name) for name in ("language", "theme", "size")})
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": _back(visit.form.one("back"))})
        response.set_cookie(
            LOOK_COOKIE, look.text, max_age=_A_YEAR_S, path="/", secure=True, httponly=True, samesite="Lax"
        )
        return response


def _back(path: str) -> str:
    """A path of ours, or the first page.

    >>> _back("/guide"), _back("//elsewhere.example/"), _back("https://elsewhere.example/")
    ('/guide', '/', '/')
    """
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return parts.path if ours else address_of("home")
