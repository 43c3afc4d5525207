"""Logging in at the province's identity provider: OpenID Connect, authorization code flow with PKCE.

`begin` sends the person there, `finish` takes what comes back. The numbers are those of docs/protocols/identity.md.

- A login belongs to the browser that began it, by a cookie; its state is good for once, and for ten minutes.
- Nothing is asked for but who it is, how surely, and for whom they act. No name, no telephone number, no address reaches us.
- Whoever comes back is told that the login was not completed, not why; the log says why, and holds no code, token or subject.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from gateway.domain.persons import Person
from gateway.identity.provider import CodeRefusedError, IdentityProvider, ProviderUnavailableError
from gateway.identity.sessions import SECRET_BYTES, RandomBytes, Sessions, digest, text_of
from gateway.identity.tokens import IdToken, TokenError, check_id_token
from gateway.store.sessions import BegunLogin, SessionStore
from huren.common.v1 import common_pb2
from runtime.clock import Clock
from runtime.database import Database

LOGIN_LIMIT: Final = timedelta(minutes=10)
"""Who has not come back by then begins anew. Source: system default."""

_FORGOTTEN_EVERY: Final = timedelta(hours=1)
_MAX_PARAMETER: Final = 4096
_RETURN_TO: Final = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@%?-][A-Za-z0-9._~!$&'()*+,;=:@%/?#-]{0,198})?", re.ASCII)
_PROVIDERS_FAULTS: Final = frozenset({"server_error", "temporarily_unavailable"})
_CHANNELS: Final = frozenset(common_pb2.Channel.values()) - {common_pb2.CHANNEL_UNSPECIFIED, common_pb2.CHANNEL_API}

_CLAIMS: Final = json.dumps(
    {"id_token": {"acr": {"essential": True}, "huren_represents": None, "huren_staff": None}}, separators=(",", ":")
)
"""What the ID token is to hold. Source: OpenID Connect Core 1.0, 5.5."""

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeganLogin:
    """A login that was begun.

    Attributes:
        url: Where the person goes to log in.
        browser_cookie: What their browser has to bring back. For ten minutes; HttpOnly, SameSite=Lax.
    """

    url: str
    browser_cookie: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedLogin:
    """A login that was completed.

    Attributes:
        cookie: The session's cookie.
        person: Who it is.
        return_to: Where they go on: a local path.
    """

    cookie: str
    person: Person
    return_to: str


class Login:
    """Logins of one home."""

    def __init__(
        self,
        *,
        database: Database,
        provider: IdentityProvider,
        sessions: Sessions,
        levels: Mapping[str, str],
        redirect_uri: Callable[[], str],
        clock: Clock,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        """Takes what it needs.

        Args:
            database: Where logins are.
            provider: Where people log in.
            sessions: What they get.
            levels: How surely a person is known, by `acr`.
            redirect_uri: Where they come back to, registered at the provider; known at the latest when somebody logs in.
            clock: Now.
            random: Bytes that nobody can guess.
        """
        self._store = SessionStore(database)
        self._provider = provider
        self._sessions = sessions
        self._levels = levels
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._random = random
        self._forgotten_at: datetime | None = None

    async def begin(self, channel: common_pb2.Channel.ValueType, return_to: str) -> BeganLogin:
        """Begins a login (I-27 … I-30).

        Args:
            channel: By which way the person comes.
            return_to: Where they go on afterwards.

        Raises:
            HurenError: MALFORMED_REQUEST: that is no local path, or nobody logs in by that way; LOGIN_UNAVAILABLE.
            StoreUnavailableError: It cannot be kept.
        """
        if channel not in _CHANNELS:
            raise _malformed("channel", Words("不能由此渠道登录", "nobody logs in by this channel"))
        if not is_local_path(return_to):
            raise _malformed("return_to", Words("返回地址须为本站路径", "where to go on is a path of this site"))
        at = self._clock()
        await self._forget(at)
        state, browser, nonce, verifier = (text_of(self._random(SECRET_BYTES)) for _ in range(4))
        try:
            url = await self._provider.authorization_url(
                {
                    "redirect_uri": self._redirect_uri(),
                    "response_type": "code",
                    "scope": "openid",
                    "claims": _CLAIMS,
                    "state": state,
                    "nonce": nonce,
                    "code_challenge": _challenge(verifier),
                    "code_challenge_method": "S256",
                    "prompt": "login",
                }
            )
        except ProviderUnavailableError as error:
            raise HurenError(ErrorCode.LOGIN_UNAVAILABLE) from error
        await self._store.begin_login(
            BegunLogin(
                state_digest=digest(state),
                browser_digest=digest(browser),
                nonce=nonce,
                code_verifier=verifier,
                return_to=return_to,
                channel=channel,
                begun_at=at,
            )
        )
        return BeganLogin(url=url, browser_cookie=browser)

    async def finish(
        self, parameters: Mapping[str, str], browser_cookie: str, *, replaced_session: str = ""
    ) -> FinishedLogin:
        """Takes what the provider sends back with the browser (I-31 … I-36).

        Args:
            parameters: The query of the address that was called; a MultiDict is looked at for what stands twice.
            browser_cookie: The cookie of `begin`, as the browser brought it; empty: it brought none.
            replaced_session: The session cookie that it brought, if any; that session ends.

        Raises:
            HurenError: LOGIN_NOT_COMPLETED, LOGIN_UNAVAILABLE, ROLES_CONFLICT.
            StoreUnavailableError: The store cannot be read or written.
        """
        try:
            login, token = await self._identified(parameters, browser_cookie)
        except _NotCompletedError as error:
            _log.info("login refused", rule=str(error))
            raise HurenError(ErrorCode.LOGIN_NOT_COMPLETED) from None
        except TokenError as error:
            _log.warning("login refused", rule=error.fault.value)
            raise HurenError(ErrorCode.LOGIN_NOT_COMPLETED) from None
        except CodeRefusedError:
            _log.warning("login refused", rule="code")
            raise HurenError(ErrorCode.LOGIN_NOT_COMPLETED) from None
        except ProviderUnavailableError as error:
            raise HurenError(ErrorCode.LOGIN_UNAVAILABLE) from error
        cookie, person = await self._sessions.begin(token, channel=login.channel, replaced=replaced_session)
        _log.info("logged in", level=person.level, channel=person.channel)
        return FinishedLogin(cookie=cookie, person=person, return_to=login.return_to)

    async def _identified(self, parameters: Mapping[str, str], browser_cookie: str) -> tuple[BegunLogin, IdToken]:
        if len(set(parameters)) < len(parameters) or any(len(value) > _MAX_PARAMETER for value in parameters.values()):
            raise _NotCompletedError("parameters")
        login = await self._taken(parameters.get("state", ""), browser_cookie)
        await self._check_issuer(parameters)
        if "error" in parameters:
            if parameters["error"] in _PROVIDERS_FAULTS:
                raise ProviderUnavailableError("authorization: the provider says so")
            raise _NotCompletedError("not let in")
        if not (code := parameters.get("code", "")):
            raise _NotCompletedError("no code")
        redeemed = await self._provider.redeem(
            code, code_verifier=login.code_verifier, redirect_uri=self._redirect_uri()
        )
        header, claims, expected = await self._provider.verified(redeemed.id_token, self._provider.client_id)
        token = check_id_token(
            header, claims, expected, nonce=login.nonce, access_token=redeemed.access_token, levels=self._levels
        )
        return login, token

    async def _taken(self, state: str, browser_cookie: str) -> BegunLogin:
        """The login that a state belongs to; from now on it belongs to none (I-32, I-33)."""
        login = await self._store.take_login(digest(state))
        if login is None:
            raise _NotCompletedError("unknown state")
        if not timedelta(0) <= self._clock() - login.begun_at < LOGIN_LIMIT:
            raise _NotCompletedError("too late")
        if not hmac.compare_digest(digest(browser_cookie), login.browser_digest):
            raise _NotCompletedError("another browser")
        return login

    async def _check_issuer(self, parameters: Mapping[str, str]) -> None:
        """Who sent the answer, where the provider says that it says it (I-34). Source: RFC 9207, 2.4."""
        document = await self._provider.discovery()
        if parameters.get("iss", self._provider.issuer) != self._provider.issuer:
            raise _NotCompletedError("another issuer")
        if document.authorization_response_iss_parameter_supported and "iss" not in parameters:
            raise _NotCompletedError("no issuer")

    async def _forget(self, at: datetime) -> None:
        if self._forgotten_at is None or at - self._forgotten_at >= _FORGOTTEN_EVERY:
            self._forgotten_at = at
            await self._sessions.forget(logins_before=at - LOGIN_LIMIT)


class _NotCompletedError(Exception):
    """A login came back and does not count. The message is the rule."""


def is_local_path(text: str) -> bool:
    """Whether a text is a path of this site, for every browser: one slash at the beginning, no `//`, no backslash, no control."""
    return _RETURN_TO.fullmatch(text) is not None and "//" not in text


def _malformed(field: str, problem: Words) -> HurenError:
    return HurenError(ErrorCode.MALFORMED_REQUEST, field=field, problem_zh=problem.zh, problem_en=problem.en)


def _challenge(verifier: str) -> str:
    """PKCE S256. Source: RFC 7636, 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
