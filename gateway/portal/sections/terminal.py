"""The terminal's first page, logging out, and the page that says so.

Logging out is a form that answers with a page: the provider's own logout is offered as a link on it. A redirect would not get there
(`form-action 'self'` holds for what a form is redirected to as well), and an address to go to must never come from a request.

What the browser is told to drop (`Clear-Site-Data`): at a terminal everything, which includes cookies of other hosts below the same
registered domain. Elsewhere what it kept of our pages; the session's cookie is dropped by its name, since another site's login and
this one's language are not ours to end.

Source: W3C Clear Site Data; product review, section 1, T10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contract.reasons import Words
from gateway.api.http_callers import LOGIN_COOKIE, SESSION_COOKIE, session_cookie
from gateway.api.rest.application import origin_of
from gateway.portal.look import LOOK_COOKIE
from gateway.portal.parts import PortalParts
from gateway.portal.site import address_of
from gateway.portal.terminals import is_at_terminal
from gateway.portal.visit import Answer, Handler, View, Visit

_OURS: Final = (SESSION_COOKIE, LOGIN_COOKIE, LOOK_COOKIE)
_KEPT_OF_PAGES: Final = '"cache", "storage"'
_EVERYTHING: Final = '"*"'
_GOES_ON_S: Final = 10
_KIOSK: Final[Mapping[str, object]] = {"kiosk": True, "menus": {}, "crumbs": (), "here": address_of("terminal")}
"""What a page without ways elsewhere is written with: from there people would log in as if they sat at home."""

_ENDED: Final = Words("已结束", "Ended")
_LEFT: Final = Words("已退出", "Logged out")


class TerminalSection:
    """A terminal's first page, and the way out of everywhere."""

    def __init__(self, parts: PortalParts) -> None:
        self._parts = parts

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"terminal": self.terminal, "goodbye": self.goodbye, "logout": self.logout}

    async def terminal(self, visit: Visit) -> Answer:
        """Where everybody begins at a terminal. What is left of a session that has ended is dropped."""
        view = View(template="terminal/start.html", values=_KIOSK)
        if visit.person is not None or not session_cookie(visit.request):
            return view
        return View(
            template=view.template, values=view.values, headers={"Clear-Site-Data": _KEPT_OF_PAGES}, drops=_OURS
        )

    async def goodbye(self, visit: Visit) -> Answer:
        """That somebody has logged out."""
        del visit
        return View(template="sessions/goodbye.html", values={"provider": ""})

    async def logout(self, visit: Visit) -> Answer:
        """Ends the session, here; and offers to end it at the provider."""
        at_terminal = visit.form.has("terminal") or (visit.person is not None and is_at_terminal(visit.person))
        provider = await self._ended(visit, address_of("terminal" if at_terminal else "home"))
        if at_terminal:
            return View(
                template="terminal/ended.html",
                title=_ENDED,
                values={**_KIOSK, "provider": provider, "goes_on_s": _GOES_ON_S},
                headers={
                    "Clear-Site-Data": _EVERYTHING,
                    "Refresh": f"{_GOES_ON_S}; url={address_of('terminal')}",
                },
                drops=_OURS,
            )
        return View(
            template="sessions/goodbye.html",
            title=_LEFT,
            values={"provider": provider, "here": address_of("goodbye")},
            headers={"Clear-Site-Data": _KEPT_OF_PAGES},
            drops=(SESSION_COOKIE,),
        )

    async def _ended(self, visit: Visit, back: str) -> str:
        """Ends the session.

        Args:
            visit: The request.
            back: Where the provider sends people afterwards: a path of ours that is registered there.

        Returns:
            The provider's address for logging out. Empty: there is none, or there was no session.
        """
        cookie = session_cookie(visit.request)
        if self._parts.people is None or not cookie:
            return ""
        url = await self._parts.people.sessions.end(cookie, return_to=f"{origin_of(self._parts.public_url())}{back}")
        return url if url.startswith(("https://", "http://")) else ""
