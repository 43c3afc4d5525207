"""Logging in and out, and who is logged in. What is checked of a login is the business of gateway/identity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from contract.errors import ErrorCode, HurenError
from gateway.api.http_callers import LOGIN_COOKIE, SESSION_COOKIE, session_cookie
from gateway.api.ports import Acting, Login, Sessions
from gateway.api.problems import Problem
from gateway.api.rest.call import Call, Handler, answer
from gateway.api.rest.documents import code_of, enum_number, instant
from gateway.domain.persons import Person, Staff
from gateway.identity.acting import Acts
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2

_LOGIN_LASTS_S: Final = 600
_MAX_COOKIE: Final = 256
_SEE_OTHER: Final = 303
_LAX: Final = "Lax"


class SessionHandlers:
    """Operations about sessions."""

    def __init__(self, login: Login, sessions: Sessions, acting: Acting, origin: Callable[[], str]) -> None:
        self._login = login
        self._sessions = sessions
        self._acting = acting
        self._origin = origin

    def operations(self) -> Mapping[str, Handler]:
        """Handlers by operation id."""
        return {
            "beginLogin": self.begin_login,
            "finishLogin": self.finish_login,
            "logout": self.logout,
            "backChannelLogout": self.back_channel_logout,
            "getSession": self.session,
            "listSessions": self.sessions,
            "endSession": self.end_session,
        }

    async def begin_login(self, call: Call) -> web.StreamResponse:
        """To the identity provider."""
        query = call.parameters.query
        channel = common_pb2.Channel.ValueType(enum_number(common_pb2.Channel.DESCRIPTOR, query.get("channel", "WEB")))
        begun = await self._login.begin(channel, query.get("return_to", "/"))
        response = _see_other(begun.url)
        _set_cookie(response, LOGIN_COOKIE, begun.browser_cookie, max_age=_LOGIN_LASTS_S)
        return response

    async def finish_login(self, call: Call) -> web.StreamResponse:
        """Back from there."""
        browser = call.request.cookies.get(LOGIN_COOKIE, "")
        finished = await self._login.finish(
            call.request.query,
            browser if len(browser) <= _MAX_COOKIE and browser.isascii() else "",
            replaced_session=session_cookie(call.request),
        )
        response = _see_other(finished.return_to)
        _set_cookie(response, SESSION_COOKIE, finished.cookie)
        _drop_cookie(response, LOGIN_COOKIE)
        return response

    async def logout(self, call: Call) -> web.StreamResponse:
        """Here, and where the person wants to, at the provider."""
        continue_at = await self._sessions.end(session_cookie(call.request), return_to=f"{self._origin()}/")
        response = answer({"continue_at": continue_at or None})
        _drop_cookie(response, SESSION_COOKIE)
        return response

    async def back_channel_logout(self, call: Call) -> web.StreamResponse:
        """The provider says so."""
        try:
            await self._sessions.back_channel_logout(call.body["logout_token"])
        except HurenError as error:
            if error.code is not ErrorCode.LOGIN_NOT_COMPLETED:
                raise
            # Source: OpenID Connect Back-Channel Logout 1.0, 2.8.
            raise Problem(error, status=HTTPStatus.BAD_REQUEST) from error
        return web.Response(status=204)

    async def session(self, call: Call) -> web.StreamResponse:
        """Who I am."""
        person = call.person
        return answer(_session(person, await self._acting.enterprises(person)))

    async def sessions(self, call: Call) -> web.StreamResponse:
        """Where I am logged in."""
        found = [
            {
                "session_name": one.session_name,
                "channel": code_of(common_pb2.Channel, one.channel),
                "begun_at": instant(one.begun_at),
                "seen_at": instant(one.seen_at),
                "expires_at": instant(one.expires_at),
                "is_this": one.is_this,
            }
            for one in await self._sessions.of(call.person)
        ]
        return answer({"sessions": found})

    async def end_session(self, call: Call) -> web.StreamResponse:
        """One of mine. Whether there was one makes no difference: afterwards there is none."""
        await self._sessions.end_named(call.person, call.path("session_name"))
        return web.Response(status=204)


def _session(person: Person, enterprises: Iterable[Acts]) -> dict[str, Any]:
    return {
        "session_name": person.session_name,
        "level": code_of(query_pb2.IdentityLevel, person.level),
        "channel": code_of(common_pb2.Channel, person.channel),
        "csrf_token": person.csrf_token,
        "begun_at": instant(person.begun_at),
        "expires_at": instant(person.expires_at),
        "enterprises": [_acts(one) for one in enterprises],
        "staff": None if person.staff is None else _staff(person.staff),
    }


def _acts(acts: Acts) -> dict[str, Any]:
    return {
        "uscc": acts.uscc,
        "capacity": acts.capacity,
        "scopes": sorted(acts.scopes),
        "expires_on": acts.expires_on.isoformat() if acts.expires_on else None,
    }


def _staff(staff: Staff) -> dict[str, Any]:
    return {"unit": staff.unit, "post": staff.post, "roles": sorted(staff.roles)}


def _see_other(url: str) -> web.Response:
    return web.Response(status=_SEE_OTHER, headers={"Location": url})


def _set_cookie(response: web.Response, name: str, value: str, *, max_age: int | None = None) -> None:
    response.set_cookie(name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite=_LAX)


def _drop_cookie(response: web.Response, name: str) -> None:
    response.del_cookie(name, path="/", secure=True, httponly=True, samesite=_LAX)
