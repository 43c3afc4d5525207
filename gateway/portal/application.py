"""What happens to every request for a page.

`_Endpoint.serve` is the list, from outside to inside:

1. Look: language, colours and size, from the cookie.
2. Rate: an address that has used up its share is told to wait; then a person from theirs.
3. Who: by the session's cookie, and by nothing else. Tokens are for programs.
4. Address: one with control characters is no page's.
   Login: who is not logged in and has to be is sent there, and comes back; whose session ended at a terminal, to its first page.
5. Origin: what changes something has to come from a page of ours, and carry the token of the session (CSRF).
6. Form: read strictly, up to a limit, in limited time.
7. Enterprise: the one that the address names, if the person acts for it.
8. Access: may it be seen, and on whose behalf (gateway/api/access.py)?
9. The handler; its view is written as a page.

Whatever goes wrong is told as a page, in the visitor's look, with what to do next.

Source: OWASP Cross-Site Request Forgery Prevention; W3C Fetch Metadata Request Headers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import urlencode

import structlog
from aiohttp import web

from contract.errors import ErrorCode, HurenError
from gateway.api.access import Admitted, Gate, Named, Public
from gateway.api.bodies import FORM, MULTIPART, read_body, read_upload
from gateway.api.http_callers import SESSION_COOKIE, session_cookie
from gateway.api.problems import Problem, problem_of, unsupported
from gateway.api.rest.application import origin_of
from gateway.domain.persons import Person
from gateway.identity.sessions import require_csrf_token
from gateway.portal.assets import Assets
from gateway.portal.enterprises import Enterprises
from gateway.portal.forms import MAX_FORM_BYTES, UNFIT, Form
from gateway.portal.look import LOOK_COOKIE, Look
from gateway.portal.parts import PortalParts
from gateway.portal.problem_page import problem_view
from gateway.portal.rendering import Renderer
from gateway.portal.sections import all_sections
from gateway.portal.site import ACCESS, PAGES, Page, Section, address_of
from gateway.portal.terminals import END_S, is_at_terminal
from gateway.portal.visit import Enterprise, Handler, SeeOther, View, Visit
from huren.common.v1 import common_pb2

_log: Final = structlog.get_logger(__name__)

_HTML: Final = "text/html"
_FOREVER: Final = "public, max-age=31536000, immutable"

HEADERS: Final[Mapping[str, str]] = {
    # A page tells our own pages where the visitor comes from, which is how we know forms of ours; and nobody else.
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
"""Beside those that everything at the public address has (gateway/api/public_http.py)."""


class SectionHandlers(Protocol):
    """One part of the site."""

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""


class Portal:
    """All pages."""

    def __init__(self, parts: PortalParts) -> None:
        """Takes what it stands on.

        Raises:
            RuntimeError: A page has no handler, or two; or a handler has no page.
        """
        self._parts = parts
        self._assets = Assets()
        self._renderer = Renderer(parts, self._assets)
        self._enterprises = Enterprises(parts)
        self._handlers = _collected(all_sections(parts), with_people=parts.people is not None)

    def routes(self) -> list[web.RouteDef]:
        """The routes, each named `page:` and its page."""
        routes: list[web.RouteDef] = [web.get("/assets/{version}/{name:.+}", self._asset, name="page:assets")]
        gate = Gate(self._parts.people.acting, ACCESS) if self._parts.people else None
        for name, handler in self._handlers.items():
            page = PAGES[name]
            endpoint = _Endpoint(page, handler, self._parts, gate, self._renderer, self._enterprises)
            further = {"allow_head": False} if page.method == "GET" else {}
            routes.append(web.route(page.method, page.path, endpoint.serve, name=f"page:{name}", **further))
        return routes

    def problem(self, request: web.Request, problem: Problem) -> web.Response:
        """A problem as a page, where no page was found."""
        visit = Visit(request=request, page=PAGES["home"], look=_look(request), at=self._parts.clock())
        return written(self._renderer, visit, problem_view(visit, problem, self._parts))

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        asset = self._assets.find(request.match_info["version"], request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        response = web.Response(body=asset.content, content_type=asset.media_type, headers={"Cache-Control": _FOREVER})
        if asset.media_type.startswith("text/"):
            response.charset = "utf-8"
        return response


class _Endpoint:
    """One page."""

    def __init__(  # noqa: PLR0917  # what all pages share
        self,
        page: Page,
        handler: Handler,
        parts: PortalParts,
        gate: Gate | None,
        renderer: Renderer,
        enterprises: Enterprises,
    ) -> None:
        self._page = page
        self._handler = handler
        self._parts = parts
        self._gate = gate
        self._renderer = renderer
        self._enterprises = enterprises

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serves one request."""
        # 1
        visit = Visit(request=request, page=self._page, look=_look(request), at=self._parts.clock())
        person: list[Person] = []
        try:
            response = await self._serve(visit, person)
        except Exception as error:  # noqa: BLE001  # told as a page, whatever it is
            problem = problem_of(error, f"{self._page.method} {self._page.name}")
            shown = await self._as_known(visit, person)
            response = written(self._renderer, shown, problem_view(shown, problem, self._parts))
        is_file = response.status == HTTPStatus.OK and response.content_type != _HTML and not response.prepared
        if is_file and person and is_at_terminal(person[0]):
            # A file that is shown has no script that watches. Pages leave by themselves (base.html).
            response.headers.setdefault("Refresh", f"{END_S}; url={address_of('terminal')}")
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        _log.info("page", page=self._page.name, status=response.status)
        if not request.content.at_eof():
            response.force_close()  # the rest of the body is of no use
        return response

    async def _serve(self, visit: Visit, seen: list[Person]) -> web.StreamResponse:
        request = visit.request
        # 2, 3
        person = await self._counted(request)
        if person is not None:
            seen.append(person)
        # 4
        if any(map(UNFIT.search, request.match_info.values())):
            raise web.HTTPNotFound
        if person is None and self._is_left_at_terminals() and await self._lapsed_at_terminal(request):
            return _sent_on(request, address_of("terminal"))
        if person is None and not isinstance(self._page.access, Public):
            if self._page.method != "GET":
                raise HurenError(ErrorCode.LOGIN_NEEDED)
            return _to_login(request, self._page)
        # 5, 6
        self._require_ours(request)
        form = Form() if self._page.method == "GET" or self._page.streams else await self._form(request)
        if person is not None and self._page.method != "GET" and not self._page.streams:
            require_csrf_token(person, form.one("csrf"))
        # 7
        enterprises, enterprise = await self._acted_for(visit, person)
        # 8
        admitted = await self._admitted(person, enterprise)
        # 9
        visit = Visit(
            request=request,
            page=self._page,
            look=visit.look,
            at=visit.at,
            person=person,
            enterprises=enterprises,
            enterprise=enterprise,
            caller=admitted.caller,
            form=form,
        )
        answer = await self._handler(visit)
        match answer:
            case View():
                return written(self._renderer, _left(visit) if SESSION_COOKIE in answer.drops else visit, answer)
            case SeeOther():
                return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": answer.url})
            case _:
                return answer

    async def _person(self, request: web.Request) -> Person | None:
        people, cookie = self._parts.people, session_cookie(request)
        return await people.sessions.find(cookie) if people and cookie else None

    def _is_left_at_terminals(self) -> bool:
        """Whether who comes here with a lapsed session goes to the terminal's first page.

        From another page they would log in as if they sat at home, for much longer than a minute.
        """
        does_something = self._page.method != "GET" and isinstance(self._page.access, Public)
        return self._page.name != "terminal" and not does_something

    async def _lapsed_at_terminal(self, request: web.Request) -> bool:
        people, cookie = self._parts.people, session_cookie(request)
        if people is None or not cookie:
            return False
        return await people.sessions.lapsed_at(cookie) == common_pb2.CHANNEL_TERMINAL

    def _require_ours(self, request: web.Request) -> None:
        """Refuses what changes something and was sent by a page of somebody else."""
        if request.method == "GET":
            return
        sites = request.headers.getall("Sec-Fetch-Site", [])
        origins = request.headers.getall("Origin", [])
        ours = origin_of(self._parts.public_url())
        says = [site == "same-origin" for site in sites] + [origin == ours for origin in origins]
        if not all(says) or (not says and not isinstance(self._page.access, Public)):
            raise HurenError(ErrorCode.FORGED_REQUEST_SUSPECTED)

    async def _counted(self, request: web.Request) -> Person | None:
        """Who asks; what the page costs is taken from their share."""
        shares = self._parts.shares
        address = shares.address_of(request)
        if self._page.cost:  # whoever leaves may always leave, whatever their neighbours do
            shares.require_some(address)
        person = await self._person(request)
        if person is None:
            shares.take_of_address(address, self._page.cost)
        else:
            shares.take_of(person, self._page.cost)
        return person

    async def _form(self, request: web.Request) -> Form:
        if request.content_type == MULTIPART and self._page.upload_bytes:
            with self._parts.shares.uploads.place(self._parts.shares.address_of(request)) as has_place:
                if not has_place:
                    raise HurenError(ErrorCode.OVERLOADED)
                return Form.of_upload(await read_upload(request, file="file", limit=self._page.upload_bytes))
        if request.content_type != FORM:
            raise unsupported("请使用网页表单提交", "a form of the page is expected")
        return Form.parse(await read_body(request, MAX_FORM_BYTES))

    async def _acted_for(self, visit: Visit, person: Person | None) -> tuple[tuple[Enterprise, ...], Enterprise | None]:
        if person is None:
            return (), None
        enterprises = await self._enterprises.of(person)
        handle = visit.request.match_info.get("enterprise")
        if handle is None:
            return enterprises, None
        for enterprise in enterprises:
            if enterprise.handle == handle:
                return enterprises, enterprise
        raise HurenError(ErrorCode.NO_MANDATE)

    async def _admitted(self, person: Person | None, enterprise: Enterprise | None) -> Admitted:
        if self._gate is None or isinstance(self._page.access, Public):
            return Admitted()
        named = Named(enterprise=enterprise.uscc if enterprise else "")
        return await self._gate.admit(self._page.name, person, named)

    async def _as_known(self, visit: Visit, seen: list[Person]) -> Visit:
        """The visit with as much as is known of the visitor, for a page that tells what went wrong."""
        if not seen:
            return visit
        return Visit(request=visit.request, page=visit.page, look=visit.look, at=visit.at, person=seen[0])


def written(renderer: Renderer, visit: Visit, view: View) -> web.Response:
    """A view as an answer."""
    response = web.Response(
        text=renderer.page(visit, view),
        content_type="text/html",
        charset="utf-8",
        status=view.status,
        headers={**HEADERS, **view.headers},
    )
    for name in view.drops:
        response.del_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")
    return response


def _left(visit: Visit) -> Visit:
    """The visit of somebody who has just logged out."""
    return Visit(request=visit.request, page=visit.page, look=visit.look, at=visit.at)


def _look(request: web.Request) -> Look:
    return Look.read(request.cookies.get(LOOK_COOKIE, ""))


def _to_login(request: web.Request, page: Page) -> web.Response:
    """To the identity provider, and back to this page afterwards. Who comes to the window's pages sits at a window."""
    channel = {"channel": "WINDOW"} if page.section is Section.WINDOW else {}
    query = urlencode(channel | {"return_to": request.path_qs})
    return _sent_on(request, f"/auth/login?{query}")


def _sent_on(request: web.Request, url: str) -> web.Response:
    if request.headers.get("HX-Request") == "true":  # a part of a page: the policy lets no script go to the provider
        return web.Response(status=HTTPStatus.NO_CONTENT, headers={"HX-Refresh": "true"})
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": url})


def _collected(sections: Iterable[SectionHandlers], *, with_people: bool) -> dict[str, Handler]:
    found: dict[str, Handler] = {}
    for section in sections:
        for name, handler in section.handlers().items():
            if name not in PAGES or name in found:
                raise RuntimeError(f"{name} has no page, or two handlers")
            found[name] = handler
    wanted = {name for name, page in PAGES.items() if with_people or isinstance(page.access, Public)}
    if missing := wanted - found.keys():
        raise RuntimeError(f"pages without a handler: {', '.join(sorted(missing))}")
    # In the order of the site map: an address that is fixed stands there before one of which a part may be anything.
    return {name: found[name] for name in PAGES if name in found and name in wanted}
