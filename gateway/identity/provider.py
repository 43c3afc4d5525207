"""The province's identity provider (统一身份认证), as this gateway speaks to it: OpenID Connect over HTTP.

- What it says of itself (discovery) and its keys are read when they are needed and kept for a time that is handed in. A key that it
  no longer publishes verifies nothing once that time is over.
- A key that is not known is asked for, at most once in a while, so that made-up key ids do not make us a hammer.
- Every answer has a deadline, a size, a status, a type; no redirect is followed. What only reads is tried again; a code is sent
  again only where the first try found no connection: it is good for once.
- Nothing that comes or goes is logged: codes and tokens are as good as the login itself.
- What the provider cannot answer is one error, `ProviderUnavailableError`. Keys that are too old are never used in its stead.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Annotated, Any, Final, Generic, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, RSAKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random

from gateway.config import IdentitySettings
from gateway.identity.tokens import Expected, Fault, TokenError, TokenHeader, read_claims, read_header
from runtime.clock import Clock

MAX_ANSWER_BYTES: Final = 512 * 1024
"""A larger answer is not read."""

MIN_RSA_BITS: Final = 2048
"""A shorter key is passed over. Source: RFC 7518, 3.3."""

_DISCOVERY: Final = "/.well-known/openid-configuration"
_JSON: Final = "application/json"
_JWK_SET: Final = "application/jwk-set+json"
_OK: Final = 200
_BAD_REQUEST: Final = 400
_SERVER_ERRORS: Final = 500
_TRIES: Final = 3
_MAX_KEYS: Final = 64
_KEY_TYPES: Final = frozenset({"EC", "OKP", "RSA"})
_SERVED_CHALLENGE: Final = "S256"
_SERVED_AUTHENTICATION: Final = "client_secret_basic"

_log: Final = structlog.get_logger(__name__)


class ProviderUnavailableError(Exception):
    """The provider cannot be asked, or says what cannot be worked with. The message names no value."""


class CodeRefusedError(Exception):
    """The provider does not take a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long what is for the provider.

    Attributes:
        timeout_s: How long one answer is awaited, all tries together.
        document_age: After so long it is asked anew what it says of itself.
        keys_age: After so long its keys are asked for anew, whether they are known or not.
        keys_pause: A key that is not known is asked for no oftener than this.
        pause_s: At most so long between two tries.
    """

    timeout_s: float = 10.0
    document_age: timedelta = timedelta(hours=1)
    keys_age: timedelta = timedelta(minutes=5)
    keys_pause: timedelta = timedelta(seconds=30)
    pause_s: float = 0.2


class Discovery(BaseModel):
    """What the provider says of itself, as far as it is used."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str = ""
    authorization_response_iss_parameter_supported: bool = False
    code_challenge_methods_supported: tuple[str, ...] = (_SERVED_CHALLENGE,)
    token_endpoint_auth_methods_supported: tuple[str, ...] = (_SERVED_AUTHENTICATION,)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses that are called or sent to."""
        needed = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri)
        return (*needed, self.end_session_endpoint) if self.end_session_endpoint else needed


class Redeemed(BaseModel):
    """What a code was exchanged for.

    Attributes:
        id_token: Not verified yet.
        access_token: Not used, but for being compared with `at_hash`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    id_token: Annotated[str, Field(min_length=1)]
    access_token: str = ""


class _KeySet(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    keys: Annotated[list[dict[str, Any]], Field(max_length=_MAX_KEYS)]


_A = TypeVar("_A", bound=BaseModel)
_T = TypeVar("_T")


class _Kept(Generic[_T]):
    """What was read and is good for a while. Whoever needs a newer one waits while it is being read, and shares how that ends."""

    def __init__(self, read: Callable[[], Awaitable[_T]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._reading = asyncio.Lock()
        self._value: tuple[_T, datetime] | None = None
        self._failure: tuple[str, datetime] | None = None
        self._ended = 0

    async def get(self, age: timedelta, *, pause: timedelta = timedelta(0)) -> _T:
        """The value, read anew where it is as old as `age`, unless reading it failed within the `pause` before.

        Raises:
            ProviderUnavailableError: It cannot be read.
        """
        if (kept := self._fresh(age)) is not None:
            return kept[0]  # nobody waits for a newer one that somebody else needs
        ended = self._ended
        async with self._reading:
            now = self._clock()
            if (kept := self._fresh(age)) is not None:
                return kept[0]
            if self._failure is not None and (self._ended != ended or _is_fresh(self._failure[1], now, pause)):
                raise ProviderUnavailableError(self._failure[0])
            try:
                value = await self._read()
            except ProviderUnavailableError as error:
                self._failure = (str(error), now)
                raise
            finally:
                self._ended += 1
            self._value, self._failure = (value, now), None
            return value

    def _fresh(self, age: timedelta) -> tuple[_T, datetime] | None:
        kept = self._value
        return kept if kept is not None and _is_fresh(kept[1], self._clock(), age) else None


class IdentityProvider:
    """The provider. The HTTP session belongs to whoever made it.

    Attributes:
        issuer: Its issuer identifier.
        client_id: As which client this gateway is known there.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        issuer: str,
        client_id: str,
        client_secret: str,
        clock: Clock,
        timing: Timing = Timing(),
    ) -> None:
        """Takes what it needs. Nothing is asked yet.

        Args:
            session: How it is reached.
            issuer: Its issuer identifier.
            client_id: As which client this gateway is known there.
            client_secret: The client's secret.
            clock: Now.
            timing: How long what is for.

        Raises:
            ValueError: The issuer is no address of its kind (I-1).
        """
        if not _is_issuer(issuer):
            raise ValueError("an https issuer without query expected (http on loopback only), got another")
        self.issuer = issuer
        self.client_id = client_id
        self._session = session
        self._client_secret = client_secret
        self._clock = clock
        self._timing = timing
        self._document = _Kept(self._read_document, clock)
        self._keys = _Kept(self._read_keys, clock)

    async def discovery(self) -> Discovery:
        """What the provider says of itself (I-2 … I-5).

        Raises:
            ProviderUnavailableError: It does not say it, or says what cannot be worked with.
        """
        return await self._document.get(self._timing.document_age)

    async def authorization_url(self, parameters: Mapping[str, str]) -> str:
        """Where a person is sent to log in.

        Raises:
            ProviderUnavailableError: As `discovery`.
        """
        return _with_query((await self.discovery()).authorization_endpoint, {"client_id": self.client_id, **parameters})

    async def logout_url(self, return_to: str) -> str:
        """Where a person is sent to log out of the provider as well. Empty: it has no such place.

        Source: OpenID Connect RP-Initiated Logout 1.0. No ID token goes along as a hint: none is kept.

        Raises:
            ProviderUnavailableError: As `discovery`.
        """
        endpoint = (await self.discovery()).end_session_endpoint
        parameters = {"client_id": self.client_id} | ({"post_logout_redirect_uri": return_to} if return_to else {})
        return _with_query(endpoint, parameters) if endpoint else ""

    async def redeem(self, code: str, *, code_verifier: str, redirect_uri: str) -> Redeemed:
        """Exchanges a code for what was issued for it (I-9).

        Raises:
            CodeRefusedError: It does not take the code.
            ProviderUnavailableError: It does not answer, or not as it should.
        """
        endpoint = (await self.discovery()).token_endpoint
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self._client_secret)}"  # RFC 6749, 2.3.1
        headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

        async def send() -> Redeemed:
            async with self._session.post(endpoint, data=form, headers=headers, allow_redirects=False) as response:
                if response.status == _BAD_REQUEST and await _oauth_error(response) != "invalid_client":
                    raise CodeRefusedError
                return _read(Redeemed, await _content(response))

        return await self._asked("token", send, again=lambda error: isinstance(error, aiohttp.ClientConnectorError))

    async def verified(self, token: str, audience: str) -> tuple[TokenHeader, dict[str, Any], Expected]:
        """Reads a token whose signature is the provider's, and says what it has to say.

        Args:
            token: The token.
            audience: Whom it has to be issued for.

        Raises:
            TokenError: Its form, algorithm, key or signature is not right.
            ProviderUnavailableError: The key cannot be fetched.
        """
        header = read_header(token)
        key = await self._key(header.key_id)
        claims = read_claims(token, key, header.algorithm)
        return header, claims, Expected(issuer=self.issuer, audience=audience, at=self._clock())

    # --- Keys ---------------------------------------------------------------------------------------------------------

    async def _key(self, key_id: str) -> Key:
        """The one key with an id (I-6 … I-8)."""
        keys = await self._keys.get(self._timing.keys_age)
        if key_id not in keys:
            keys = await self._keys.get(self._timing.keys_pause, pause=self._timing.keys_pause)
        found = keys.get(key_id, ())
        if len(found) != 1:
            raise TokenError(Fault.KEY)
        return found[0]

    async def _read_keys(self) -> dict[str, tuple[Key, ...]]:
        address = (await self.discovery()).jwks_uri
        by_id: dict[str, tuple[Key, ...]] = {}
        for entry in (await self._get("keys", address, _KeySet)).keys:
            if (key := _usable(entry)) is not None:
                by_id[entry["kid"]] = (*by_id.get(entry["kid"], ()), key)
        return by_id

    # --- Asking -------------------------------------------------------------------------------------------------------

    async def _read_document(self) -> Discovery:
        document = await self._get("discovery", self.issuer.removesuffix("/") + _DISCOVERY, Discovery)
        if document.issuer != self.issuer:
            raise _unavailable("discovery", "another issuer")
        is_local = urlsplit(self.issuer).scheme == "http"
        if not all(_is_address(address, may_be_local=is_local) for address in document.addresses):
            raise _unavailable("discovery", "an address that is not https")
        if _SERVED_CHALLENGE not in document.code_challenge_methods_supported:
            raise _unavailable("discovery", "no PKCE with S256")
        if _SERVED_AUTHENTICATION not in document.token_endpoint_auth_methods_supported:
            raise _unavailable("discovery", "no client_secret_basic")
        return document

    async def _get(self, what: str, address: str, form: type[_A]) -> _A:
        async def send() -> _A:
            async with self._session.get(address, allow_redirects=False) as response:
                return _read(form, await _content(response))

        return await self._asked(what, send, again=_is_passing)

    async def _asked(
        self, what: str, send: Callable[[], Awaitable[_T]], *, again: Callable[[BaseException], bool]
    ) -> _T:
        retrying = AsyncRetrying(
            retry=retry_if_exception(again),
            stop=stop_after_attempt(_TRIES),
            wait=wait_random(max=self._timing.pause_s),
            reraise=True,
        )
        try:
            async with asyncio.timeout(self._timing.timeout_s):
                return await retrying(send)
        except TimeoutError as error:
            raise _unavailable(what, "no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _unavailable(what, type(error).__name__) from error
        except _AnswerError as error:
            raise _unavailable(what, str(error)) from error


@asynccontextmanager
async def open_identity_provider(
    settings: IdentitySettings,
    *,
    clock: Clock,
    timing: Timing = Timing(),
) -> AsyncGenerator[IdentityProvider]:
    """Opens the way to the provider of the settings. Nothing is asked yet.

    Raises:
        OSError: The file with the secret cannot be read.
        ValueError: It holds none, or the issuer is no address of its kind.
    """
    secret = settings.client_secret.read_text("utf-8").strip()
    if not secret or not secret.isprintable():
        raise ValueError("one secret expected, got none")
    async with aiohttp.ClientSession(
        headers={"Accept": _JSON, "Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None),  # there is one deadline for all tries
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        yield IdentityProvider(
            session,
            issuer=settings.issuer,
            client_id=settings.client_id,
            client_secret=secret,
            clock=clock,
            timing=timing,
        )


# --- Answers ----------------------------------------------------------------------------------------------------------


class _AnswerError(Exception):
    """An answer that cannot be worked with."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        self.passing = passing
        super().__init__(message)


def _is_passing(error: BaseException) -> bool:
    """Whether what only reads may be tried again."""
    return isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError) or (
        isinstance(error, _AnswerError) and error.passing
    )


async def _content(response: aiohttp.ClientResponse) -> bytes:
    if response.status != _OK:
        raise _AnswerError(f"status {response.status}", passing=response.status >= _SERVER_ERRORS)
    if response.content_type not in {_JSON, _JWK_SET} or "Content-Encoding" in response.headers:
        raise _AnswerError("another type of content")
    return await _limited(response)


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for part in response.content.iter_any():
        content += part
        if len(content) > MAX_ANSWER_BYTES:
            raise _AnswerError("more than is read")
    return bytes(content)


async def _oauth_error(response: aiohttp.ClientResponse) -> str:
    """The error that the token endpoint names. Source: RFC 6749, 5.2."""
    try:
        document = json.loads(await _limited(response))
    except (ValueError, RecursionError):
        return ""
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, str) else ""


def _read(form: type[_A], content: bytes) -> _A:
    try:
        return form.model_validate_json(content)
    except (ValidationError, RecursionError):
        # The message would hold what was answered.
        raise _AnswerError("an answer that cannot be read") from None


def _unavailable(what: str, reason: str) -> ProviderUnavailableError:
    _log.warning("identity provider cannot be asked", what=what, reason=reason)
    return ProviderUnavailableError(f"{what}: {reason}")


def _usable(entry: Mapping[str, Any]) -> Key | None:
    """A key that may verify signatures. All others are passed over: a set may hold keys for other purposes."""
    if entry.get("kty") not in _KEY_TYPES or not isinstance(entry.get("kid"), str) or not entry["kid"] or "d" in entry:
        return None
    try:
        key = JWKRegistry.import_key(dict(entry))
        if isinstance(key, RSAKey) and key.public_key.key_size < MIN_RSA_BITS:
            return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key


# --- Addresses --------------------------------------------------------------------------------------------------------


def _is_issuer(text: str) -> bool:
    parts = urlsplit(text)
    return not parts.query and not parts.fragment and "?" not in text and _is_address(text, may_be_local=True)


def _is_address(text: str, *, may_be_local: bool) -> bool:
    """Whether a text is an https address, or one of http on loopback where the issuer is one."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment or not text.isascii() or not text.isprintable():
        return False
    return parts.scheme == "https" or (may_be_local and parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_fresh(read_at: datetime, now: datetime, age: timedelta) -> bool:
    """A clock that was set back makes nothing younger."""
    return timedelta(0) <= now - read_at < age


def _with_query(address: str, parameters: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"
