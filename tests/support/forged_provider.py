"""An identity provider that says and signs whatever a test wants: for what no honest provider would send."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey, Key, KeyParameters, OKPKey, RSAKey
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.persons import Person
from gateway.identity.access_tokens import AccessTokens
from gateway.identity.login import FinishedLogin, Login
from gateway.identity.provider import IdentityProvider, Timing
from gateway.identity.sessions import Sessions
from gateway.store import tables
from huren.common.v1 import common_pb2
from runtime.database import Database
from sandbox.identity_provider import ACR, LEVELS
from sandbox.platforms import listening
from tests.support.federation import uscc

CLIENT_ID = "gateway-11"
CLIENT_SECRET = "secret of the test"  # noqa: S105
AUDIENCE = "https://gateway.example/api"
REDIRECT_URI = "https://gateway.example/api/v1/login/callback"
NOON = datetime(2026, 3, 2, 4, 0, 0, tzinfo=UTC)

QUICK = Timing(pause_s=0.0)
"""Nobody waits between two tries."""

STAFF: dict[str, Any] = {
    "unit": "示例信用主管部门（演示）",
    "unit_code": uscc(4),
    "post": "经办",
    "number": "A000017",
    "roles": ["officer"],
}


class StandingClock:
    """A clock that stands still until it is told."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def go_on(self, by: timedelta) -> None:
        self.at += by


def signing_key(kid: str, alg: str = "ES256") -> Key:
    """A new private key for an algorithm."""
    parameters: KeyParameters = {"kid": kid, "use": "sig", "alg": alg}
    match alg:
        case "ES256":
            return ECKey.generate_key("P-256", parameters)
        case "Ed25519":
            return OKPKey.generate_key("Ed25519", parameters)
        case "RS256" | "PS256":
            return RSAKey.generate_key(2048, parameters)
        case _:
            raise AssertionError(alg)


@dataclass
class ForgedProvider:
    """What it says is up to the test.

    Attributes:
        clock: Its clock, which is the gateway's.
        key: What it signs with.
        published: The keys that it publishes, as JWKs.
        document: What differs in its discovery document; None leaves a member out.
        id_token: What it hands out for a code.
        access_token: What it hands out beside that.
        answers: What it answers by path, in place of what it would; each is used once.
        asked: Paths that it was asked for.
        forms: What it was sent for codes, with the header of authorisation.
        issuer: Its issuer identifier.
    """

    clock: StandingClock = field(default_factory=StandingClock)
    key: Key = field(default_factory=lambda: signing_key("one"))
    published: list[dict[str, Any]] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    id_token: str = ""
    access_token: str = "opaque"  # noqa: S105
    answers: dict[str, list[Callable[[web.Request], Awaitable[web.StreamResponse]]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    issuer: str = ""

    def __post_init__(self) -> None:
        self.published.append(public(self.key))

    def rotate(self, kid: str, alg: str = "ES256") -> None:
        """Signs with a new key from now on, and publishes no other."""
        self.key = signing_key(kid, alg)
        self.published = [public(self.key)]

    def sign(self, claims: dict[str, Any], *, key: Key | None = None, **header: Any) -> str:
        """A token. A member of the header that is None is left out; so is a claim."""
        signer = key or self.key
        full = {"alg": signer.alg, "kid": signer.kid} | header
        return jws.serialize_compact(
            {name: value for name, value in full.items() if value is not None},
            json.dumps({name: value for name, value in claims.items() if value is not None}).encode(),
            signer,
            algorithms=[str(full["alg"])],
        )

    def hand_made(self, claims: dict[str, Any], sign: Callable[[bytes], bytes] = lambda _: b"", **header: Any) -> str:
        """A token that no library makes: of any header, with anything for a signature."""
        full = {"kid": self.key.kid} | header
        signed = f"{_encoded(json.dumps(full).encode())}.{_encoded(json.dumps(claims).encode())}"
        return f"{signed}.{_encoded(sign(signed.encode()))}"

    def seconds(self, after: timedelta = timedelta(0)) -> int:
        """An instant as tokens have it."""
        return int((self.clock.at + after).timestamp())

    def id_claims(self, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that is right in everything."""
        return {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "0f9a",
            "sid": "s-1",
            "nonce": nonce,
            "iat": self.seconds(),
            "exp": self.seconds(timedelta(minutes=5)),
            "acr": ACR["certificate"],
        }

    def logout_claims(self) -> dict[str, Any]:
        """The claims of a logout token that is right in everything."""
        return {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "0f9a",
            "sid": "s-1",
            "jti": "t-1",
            "iat": self.seconds(),
            "exp": self.seconds(timedelta(minutes=2)),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }

    def access_claims(self) -> dict[str, Any]:
        """The claims of a program's access token that is right in everything."""
        return {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "program-1",
            "client_id": "program-1",
            "jti": "a-1",
            "iat": self.seconds(),
            "exp": self.seconds(timedelta(minutes=10)),
            "acr": ACR["certificate"],
            "huren_enterprise": uscc(1),
        }

    def app(self) -> web.Application:
        """The provider as an application."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if waiting := self.answers.get(request.path):
            return await waiting.pop(0)(request)
        match request.path:
            case "/.well-known/openid-configuration":
                return web.json_response(self._discovery())
            case "/jwks":
                return web.json_response({"keys": self.published})
            case "/token":
                form = {name: str(value) for name, value in (await request.post()).items()}
                self.forms.append(form | {"Authorization": request.headers.get("Authorization", "")})
                answer = {"token_type": "Bearer", "id_token": self.id_token, "access_token": self.access_token}
                return web.json_response({name: value for name, value in answer.items() if value})
            case _:
                return web.Response(status=404)

    def _discovery(self) -> dict[str, Any]:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/session/end",
            "authorization_response_iss_parameter_supported": True,
            "code_challenge_methods_supported": ["S256"],
        } | self.document
        return {name: value for name, value in document.items() if value is not None}


@dataclass
class Relying:
    """A gateway's side, with a provider that is forged.

    Attributes:
        forged: The provider.
        provider: How it is seen.
        sessions: Sessions.
        login: Logins.
        programs: Programs.
        database: Where all is kept.
    """

    forged: ForgedProvider
    provider: IdentityProvider
    sessions: Sessions
    login: Login
    programs: AccessTokens
    database: Database

    @property
    def clock(self) -> StandingClock:
        return self.forged.clock

    async def comes_back(
        self,
        forge: Callable[[str], str] | None = None,
        *,
        parameters: dict[str, str | None] | None = None,
        browser: Literal["same", "another", "none"] = "same",
        replaced_session: str = "",
        channel: common_pb2.Channel.ValueType = common_pb2.CHANNEL_WEB,
        **claims: Any,
    ) -> FinishedLogin:
        """A login from its beginning to its end.

        Args:
            forge: Makes the ID token of the nonce. None: it is right, but for `claims`.
            parameters: What differs in what comes back; None leaves it out.
            browser: Whose browser comes back.
            replaced_session: The session cookie that it brings.
            channel: By which way.
            claims: What differs in the ID token; None leaves it out.
        """
        began = await self.login.begin(channel, "/reports")
        query = asked_for(began.url)
        if forge is None:
            self.forged.id_token = self.forged.sign(self.forged.id_claims(query["nonce"]) | claims)
        else:
            self.forged.id_token = forge(query["nonce"])
        answer: dict[str, str | None] = {"code": "c-1", "state": query["state"], "iss": self.forged.issuer}
        answer |= parameters or {}
        cookie = {"same": began.browser_cookie, "another": "x" * 43, "none": ""}[browser]
        return await self.login.finish(
            {name: value for name, value in answer.items() if value is not None},
            cookie,
            replaced_session=replaced_session,
        )

    async def person(self, **claims: Any) -> Person:
        """Somebody who logged in."""
        return (await self.comes_back(**claims)).person


@asynccontextmanager
async def relying_on(forged: ForgedProvider, database: Database, *, timing: Timing = QUICK) -> AsyncIterator[Relying]:
    """A gateway's side that relies on a forged provider, on a database whose tables are prepared."""
    async with listening(forged.app()) as url, aiohttp.ClientSession() as session:
        forged.issuer = url
        provider = IdentityProvider(
            session,
            issuer=url,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            clock=forged.clock,
            timing=timing,
        )
        sessions = Sessions(
            database=database,
            provider=provider,
            clock=forged.clock,
            lifetime=timedelta(hours=12),
            idle=timedelta(minutes=30),
        )
        login = Login(
            database=database,
            provider=provider,
            sessions=sessions,
            levels=LEVELS,
            redirect_uri=lambda: REDIRECT_URI,
            clock=forged.clock,
        )
        programs = AccessTokens(provider=provider, audience=AUDIENCE, levels=LEVELS)
        yield Relying(
            forged=forged, provider=provider, sessions=sessions, login=login, programs=programs, database=database
        )


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def public(key: Key, **changes: Any) -> dict[str, Any]:
    """What is published of a key."""
    jwk: dict[str, Any] = dict(key.as_dict(private=False)) | changes
    return {name: value for name, value in jwk.items() if value is not None}


def asked_for(url: str) -> dict[str, str]:
    """The query of an address, in which nothing stands twice."""
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


async def all_bytes(connection: AsyncConnection) -> bytes:
    """All that stands in the tables, for looking for what must not."""
    rows: list[object] = []
    for table in tables.metadata.sorted_tables:
        rows += [tuple(row) for row in (await connection.execute(table.select())).all()]
    return "\n".join(
        "|".join(item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in row)  # type: ignore[attr-defined]
        for row in rows
    ).encode()
