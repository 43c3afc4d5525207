"""What everybody may read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Final

from aiohttp import web

from contract.catalogue import SERIOUS_LIST
from contract.days import china_day
from contract.deadlines import Label
from contract.province import Province
from gateway.portal.links import site_of, web_address
from gateway.portal.listing import DEADLINE_LABELS
from gateway.portal.look import LOOK_COOKIE
from gateway.portal.parts import PortalParts
from gateway.portal.sections.public_questions import GROUPS
from gateway.portal.service_status import service_status
from gateway.portal.site import PAGES, address_of
from gateway.portal.terminals import is_at_terminal
from gateway.portal.visit import Answer, Handler, View, Visit

_A_YEAR_S: Final = 365 * 24 * 3600

_NEWEST: Final = 2
"""So many announcements stand on the first page, below what fills a screen."""

_TEXTS: Final = ("guide", "receivers", "contact", "statement", "privacy", "accessibility")
"""Pages that are texts, with the members' addresses."""


class PublicSection:
    """Pages for everybody."""

    def __init__(self, parts: PortalParts) -> None:
        self._parts = parts

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {
            "home": self.home,
            "questions": self.questions,
            "objections": self.objections,
            "status": self.status,
            "change_look": self.change_look,
            **{name: partial(self._text, name) for name in _TEXTS},
        }

    async def home(self, visit: Visit) -> Answer:
        """The first screen."""
        values = {
            "services": await service_status(self._parts, visit.at),
            "announcements": self._parts.announcements.shown(visit.at)[:_NEWEST],
            "own_report_url": web_address(self._parts.site.own_report_url),
        }
        return View(template="public/home.html", values=values)

    async def questions(self, visit: Visit) -> Answer:
        """问题解答."""
        del visit
        values = {"groups": GROUPS, "pages": PAGES, "needs_login": self._needs_login()}
        return View(template="public/questions.html", values=values)

    async def objections(self, visit: Visit) -> Answer:
        """异议与修复: which case is which, and whom to call."""
        del visit
        # 《北京市公共信用信息管理办法》第二十三条; of the other three no number of days is known.
        by_law = self._parts.province is Province.BEIJING
        labels = {
            "objection_label": DEADLINE_LABELS[Label.STATUTORY if by_law else Label.DEFAULT],
            "by_law": by_law,
            "statutory": DEADLINE_LABELS[Label.STATUTORY],
            "default": DEADLINE_LABELS[Label.DEFAULT],
        }
        return View(template="public/objections.html", values=labels)

    async def status(self, visit: Visit) -> Answer:
        """服务状态与公告."""
        values = {
            "services": await service_status(self._parts, visit.at),
            "announcements": self._parts.announcements.shown(visit.at),
            "at": visit.at,
        }
        return View(template="public/status.html", values=values)

    async def change_look(self, visit: Visit) -> Answer:
        """Language, colours, size: kept in a cookie, and back to where the visitor was. At a terminal it goes with the browser."""
        look = visit.look.changed({name: visit.form.one(name) for name in ("language", "theme", "size")})
        back = _back(visit.form.one("back"))
        at_terminal = back == address_of("terminal") or (visit.person is not None and is_at_terminal(visit.person))
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": back})
        lasts_s = None if at_terminal else _A_YEAR_S
        response.set_cookie(
            LOOK_COOKIE, look.text, max_age=lasts_s, path="/", secure=True, httponly=True, samesite="Lax"
        )
        return response

    async def _text(self, name: str, visit: Visit) -> Answer:
        catalogue = self._parts.catalogues.in_force(china_day(visit.at))
        values = {
            "members": [member for _, member in sorted(self._parts.directory.members.items())],
            "site_of": site_of,
            "web_address": web_address,
            "domain_count": len(catalogue.domains),
            "list_count": len([one for one in catalogue.lists if (one.domain, SERIOUS_LIST) in catalogue.carried]),
        }
        return View(template=f"public/{name}.html", values=values)

    def _needs_login(self) -> frozenset[str]:
        """Pages that are not served here, because nobody can log in."""
        return frozenset() if self._parts.people else frozenset(PAGES) - self.handlers().keys()


_OUR_PATH: Final = re.compile(r"/([\w.~%-][\w.~%/-]*)?", re.ASCII)
"""Browsers read a backslash as a slash and skip tabs and line feeds: whatever is not plainly a path of ours is none."""


def _back(path: str) -> str:
    """A path of ours, or the first page.

    >>> _back("/guide"), _back("//elsewhere.example/"), _back("https://elsewhere.example/")
    ('/guide', '/', '/')
    """
    return path if _OUR_PATH.fullmatch(path) else address_of("home")
