"""Who calls: by the session's cookie, or by an access token, never by both.

A request by cookie that changes something may have been sent by another site, with the cookie that the browser adds by itself. So
it has to bear the session's token in a header, which another site can neither read nor set, and the browser has to say that it
comes from here: `Sec-Fetch-Site: same-origin`, or `Origin`. A request by access token needs neither: no browser adds one by itself.

Source: OWASP Cross-Site Request Forgery Prevention; W3C Fetch Metadata Request Headers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web

from contract.errors import ErrorCode, HurenError
from gateway.api.access import Program, Who
from gateway.api.ports import AccessTokens, Sessions
from gateway.api.problems import malformed
from gateway.domain.persons import Person
from gateway.identity.sessions import require_csrf_token

SESSION_COOKIE: Final = "__Host-huren-session"
LOGIN_COOKIE: Final = "__Host-huren-login"
"""`__Host-`: a browser takes them over TLS only, from this host only, for the whole of it. Source: RFC 6265bis, 4.1.3."""

CSRF_HEADER: Final = "Huren-CSRF"

_MAX_COOKIE: Final = 256
_MAX_TOKEN: Final = 8192
_SAFE: Final = frozenset({"GET", "HEAD"})
_BEARER: Final = "bearer"


class Callers:
    """Reads who calls."""

    def __init__(self, sessions: Sessions, tokens: AccessTokens, origin: Callable[[], str]) -> None:
        """Takes what it needs.

        Args:
            sessions: Sessions of people.
            tokens: Tokens of programs.
            origin: Scheme, host and port under which browsers see us.
        """
        self._sessions = sessions
        self._tokens = tokens
        self._origin = origin

    async def read(self, request: web.Request) -> Who:
        """Who calls. None: nobody.

        Raises:
            HurenError: LOGIN_NEEDED: a token is not believed; FORGED_REQUEST_SUSPECTED.
            Problem: MALFORMED_REQUEST: cookie and token at once, or a header more than once.
            StoreUnavailableError: The store cannot be read.
        """
        cookie = session_cookie(request)
        token = _token(request)
        if cookie and token:
            raise malformed("不能同时使用登录会话和访问令牌", "a session and an access token at once are not taken")
        if token:
            return Program(caller=await self._tokens.caller_of(token))
        person = await self._sessions.find(cookie) if cookie else None
        if person is not None and request.method not in _SAFE:
            self._require_ours(request, person)
        return person

    def _require_ours(self, request: web.Request, person: Person) -> None:
        tokens = request.headers.getall(CSRF_HEADER, [])
        if len(tokens) != 1 or not self._is_from_here(request):
            raise HurenError(ErrorCode.FORGED_REQUEST_SUSPECTED)
        require_csrf_token(person, tokens[0])

    def _is_from_here(self, request: web.Request) -> bool:
        sites = request.headers.getall("Sec-Fetch-Site", [])
        origins = request.headers.getall("Origin", [])
        says = [site == "same-origin" for site in sites] + [origin == self._origin() for origin in origins]
        return bool(says) and all(says)


def session_cookie(request: web.Request) -> str:
    """The session's cookie. Empty: none, or what cannot be one."""
    cookie = request.cookies.get(SESSION_COOKIE, "")
    return cookie if len(cookie) <= _MAX_COOKIE and cookie.isascii() else ""


def _token(request: web.Request) -> str:
    headers = request.headers.getall("Authorization", [])
    if not headers:
        return ""
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != _BEARER:
        raise malformed("请求头 Authorization 须为一个 Bearer 令牌", "Authorization has to be one bearer token")
    token = token.strip()
    if not token or len(token) > _MAX_TOKEN or not token.isascii():
        raise HurenError(ErrorCode.LOGIN_NEEDED)
    return token
