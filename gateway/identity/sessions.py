"""Sessions of people: rows of this home, opened by a random cookie, ended whenever somebody says so.

- The cookie is 256 random bits, new at each login, and kept as its SHA-256 only: whoever reads the database cannot be anybody.
- A session ends when its hours are over, when it was not used for a while, when its person ends it here or at the provider, or
  when the same browser logs in again. What a while is depends on where the person sits: at a terminal in a hall it is a minute.
- What is kept of a person is their random name here and `PersonClaims`. No name, no number, no token.
- What the provider takes back in the meantime counts at the next login, or at once if it logs the person out.
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
from typing import Any, Final

import structlog

from contract.errors import ErrorCode, HurenError
from contract.uscc import Uscc
from gateway.domain.persons import Person, PersonRef, Staff, StaffRole
from gateway.identity.provider import IdentityProvider, ProviderUnavailableError
from gateway.identity.tokens import CLOCK_TOLERANCE, MAX_AGE, IdToken, PersonClaims, TokenError, check_logout_token
from gateway.store.sessions import SessionStore, StoredSession
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from runtime.clock import Clock
from runtime.database import Database

RandomBytes = Callable[[int], bytes]
"""Gives so many bytes that nobody can guess; `secrets.token_bytes` outside tests."""

SECRET_BYTES: Final = 32
"""Of cookies, states, nonces, verifiers. Source: OWASP ASVS 5.0, 7.2.3 demands 128 bits."""

IDLE: Final[Mapping[common_pb2.Channel.ValueType, timedelta]] = {
    common_pb2.CHANNEL_TERMINAL: timedelta(seconds=60),
    common_pb2.CHANNEL_WINDOW: timedelta(minutes=10),
}
"""After so long without a request a session ends where others may sit down next, or earlier where the setting says so.

Source: terminal: product review, section 1, T10 (session ends in 60 s idle); window: 系统默认.
"""

_NAME_BYTES: Final = 16
_NOTED_EVERY: Final = timedelta(minutes=1)
_NOTED_AT_TERMINALS: Final = timedelta(seconds=1)
"""A session of a minute cannot be noted by the minute."""

_TOKENS_KEPT: Final = MAX_AGE + 2 * CLOCK_TOLERANCE
_SESSIONS_KEPT: Final = timedelta(days=1)
_COOKIE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSeen:
    """One of a person's sessions, as they are shown it.

    Attributes:
        session_name: By which name it can be ended.
        channel: By which way they came.
        begun_at: When they logged in.
        seen_at: When it was last used, to about a minute; at a terminal, to about a second.
        expires_at: When it ends at the latest.
        is_this: Whether it is the one that asks.
    """

    session_name: str
    channel: common_pb2.Channel.ValueType
    begun_at: datetime
    seen_at: datetime
    expires_at: datetime
    is_this: bool


class Sessions:
    """The sessions of one home."""

    def __init__(
        self,
        *,
        database: Database,
        provider: IdentityProvider,
        clock: Clock,
        lifetime: timedelta,
        idle: timedelta,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        """Takes what it needs.

        Args:
            database: Where sessions are.
            provider: Who says who people are.
            clock: Now.
            lifetime: After so long a session ends, whatever happens.
            idle: After so long without a request it ends; where `IDLE` says less, after that.
            random: Bytes that nobody can guess.
        """
        self._store = SessionStore(database)
        self._provider = provider
        self._clock = clock
        self._lifetime = lifetime
        self._idle = idle
        self._random = random

    async def begin(
        self, token: IdToken, *, channel: common_pb2.Channel.ValueType, replaced: str = ""
    ) -> tuple[str, Person]:
        """Begins a session for whoever just logged in. Gives its cookie, which nobody ever sees again.

        Args:
            token: What the provider said, believed.
            channel: By which way they came.
            replaced: The session cookie that the browser brought; its session ends.

        Raises:
            StoreUnavailableError: It cannot be kept.
        """
        at = self._clock()
        cookie = text_of(self._random(SECRET_BYTES))
        session = StoredSession(
            session_digest=digest(cookie),
            session_name=self._random(_NAME_BYTES).hex(),
            person=PersonRef(self._random(_NAME_BYTES).hex()),
            provider_session=digest(self._provider.issuer, token.session) if token.session else b"",
            csrf_token=text_of(self._random(SECRET_BYTES)),
            claims=_written(token.claims),
            channel=channel,
            begun_at=at,
            seen_at=at,
            expires_at=at + self._lifetime,
        )
        kept = await self._store.begin(
            session,
            subject_digest=digest(self._provider.issuer, token.subject),
            replaced=digest(replaced) if replaced else b"",
        )
        return cookie, _person(kept)

    async def find(self, cookie: str) -> Person | None:
        """Who is logged in with a cookie. None: nobody, or not any more.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        if _COOKIE.fullmatch(cookie) is None:
            return None
        at = self._clock()
        session = await self._store.find(digest(cookie))
        if session is None or not self._counts(session, at):
            return None
        noted_every = _noted_every(session.channel)
        if at - session.seen_at >= noted_every:
            await self._store.seen(session.session_digest, at=at, before=at - noted_every)
        return _person(session)

    async def lapsed_at(self, cookie: str) -> common_pb2.Channel.ValueType:
        """By which way somebody came whose time is over, and who did not end the session. Unspecified: nobody did.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        session = await self._store.find(digest(cookie)) if _COOKIE.fullmatch(cookie) else None
        if session is None or self._counts(session, self._clock()):
            return common_pb2.CHANNEL_UNSPECIFIED
        return session.channel

    async def of(self, person: Person) -> list[SessionSeen]:
        """All sessions of a person that count, newest first.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        at = self._clock()
        return [
            SessionSeen(
                session_name=session.session_name,
                channel=session.channel,
                begun_at=session.begun_at,
                seen_at=session.seen_at,
                expires_at=session.expires_at,
                is_this=session.session_name == person.session_name,
            )
            for session in await self._store.of(person.person)
            if self._counts(session, at)
        ]

    async def end(self, cookie: str, *, return_to: str = "") -> str:
        """Ends the session of a cookie, whether there is one or not.

        Args:
            cookie: The cookie.
            return_to: Address of ours, registered at the provider, where it may send the person afterwards.

        Returns:
            Where the browser goes to log out of the provider as well. Empty: the provider has no such place, or cannot be asked;
            the session here has ended all the same.

        Raises:
            StoreUnavailableError: It could not be ended.
        """
        await self._store.end(digest(cookie), reason="logged out", at=self._clock())
        try:
            return await self._provider.logout_url(return_to)
        except ProviderUnavailableError:
            return ""

    async def end_named(self, person: Person, session_name: str) -> bool:
        """Ends one of a person's own sessions. Gives whether there was one.

        Raises:
            StoreUnavailableError: It could not be ended.
        """
        return await self._store.end_named(person.person, session_name, reason="ended by its person", at=self._clock())

    async def end_all(self, person: Person) -> int:
        """Ends all of a person's own sessions, this one too. Gives how many.

        Raises:
            StoreUnavailableError: They could not be ended.
        """
        return await self._store.end_all(person.person, reason="ended by its person", at=self._clock())

    async def back_channel_logout(self, token: str) -> None:
        """Ends the sessions of whoever logged out at the provider, as it says itself (I-45 … I-51).

        Raises:
            HurenError: LOGIN_NOT_COMPLETED: the token is not believed, or was seen before; LOGIN_UNAVAILABLE: it cannot be checked.
            StoreUnavailableError: They could not be ended.
        """
        try:
            header, claims, expected = await self._provider.verified(token, self._provider.client_id)
            logout = check_logout_token(header, claims, expected)
        except TokenError as error:
            _log.warning("logout token refused", rule=error.fault.value)
            raise HurenError(ErrorCode.LOGIN_NOT_COMPLETED) from None
        except ProviderUnavailableError as error:
            raise HurenError(ErrorCode.LOGIN_UNAVAILABLE) from error
        issuer = self._provider.issuer
        ended = await self._store.end_at_provider(
            digest(issuer, logout.token_id),
            provider_session=digest(issuer, logout.session) if logout.session else b"",
            subject_digest=digest(issuer, logout.subject) if logout.subject else b"",
            at=self._clock(),
        )
        if ended is None:
            _log.warning("logout token refused", rule="seen before")
            raise HurenError(ErrorCode.LOGIN_NOT_COMPLETED)
        _log.info("logged out at the provider", sessions=ended)

    async def forget(self, *, logins_before: datetime) -> None:
        """Deletes rows that count no more. Logins do it every now and then.

        Raises:
            StoreUnavailableError: The store cannot do it now.
        """
        at = self._clock()
        await self._store.forget(
            logins_before=logins_before, sessions_before=at - _SESSIONS_KEPT, tokens_before=at - _TOKENS_KEPT
        )

    def _counts(self, session: StoredSession, at: datetime) -> bool:
        idle = min(self._idle, IDLE.get(session.channel, self._idle))
        return session.begun_at <= at + CLOCK_TOLERANCE and at < min(session.expires_at, session.seen_at + idle)


def _noted_every(channel: common_pb2.Channel.ValueType) -> timedelta:
    return _NOTED_AT_TERMINALS if channel == common_pb2.CHANNEL_TERMINAL else _NOTED_EVERY


def require_csrf_token(person: Person, token: str) -> None:
    """Refuses a request that changes something and does not carry the token of its session.

    Raises:
        HurenError: FORGED_REQUEST_SUSPECTED.
    """
    if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), person.csrf_token.encode()):
        raise HurenError(ErrorCode.FORGED_REQUEST_SUSPECTED)


def digest(*parts: str) -> bytes:
    """SHA-256 of texts, of which no two lists have the same."""
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def text_of(secret: bytes) -> str:
    """Random bytes as they stand in a cookie or an address: base64url without padding."""
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def _person(session: StoredSession) -> Person:
    claims = _read(session.claims)
    return Person(
        person=session.person,
        session_name=session.session_name,
        level=claims.level,
        represents=claims.represents,
        staff=claims.staff,
        channel=session.channel,
        csrf_token=session.csrf_token,
        begun_at=session.begun_at,
        expires_at=session.expires_at,
    )


def _written(claims: PersonClaims) -> bytes:
    """Claims as they are kept: field by field, so that nothing comes along."""
    document: dict[str, Any] = {"level": claims.level, "represents": sorted(claims.represents)}
    if (staff := claims.staff) is not None:
        document["staff"] = {
            "unit": staff.unit,
            "unit_code": staff.unit_code,
            "post": staff.post,
            "number": staff.number,
            "roles": sorted(staff.roles),
        }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _read(content: bytes) -> PersonClaims:
    document: dict[str, Any] = json.loads(content)
    staff: dict[str, Any] | None = document.get("staff")
    return PersonClaims(
        level=query_pb2.IdentityLevel.ValueType(document["level"]),
        represents=frozenset(map(Uscc, document["represents"])),
        staff=None if staff is None else _staff(staff),
    )


def _staff(document: dict[str, Any]) -> Staff:
    return Staff(
        unit=document["unit"],
        unit_code=Uscc(document["unit_code"]),
        post=document["post"],
        number=document["number"],
        roles=frozenset(map(StaffRole, document["roles"])),
    )
