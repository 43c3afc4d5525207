"""Speaks HTTP with Tianjin's platform: the token, the waiting, the limits. What the answers mean is `wire.py`'s matter.

- 429, any 5xx, a broken connection and a request that took too long are answered by asking again: after the time that the
  platform names (`Retry-After`, in seconds or as a date), else after a growing random time. A wait that would end after the
  deadline is not begun. Every call only reads, so asking again changes nothing there.
- Any other status is final, except one 401 a call, which asks for a new token.
- One token is asked for at a time, however many calls want one.
- Redirects are not followed: a token is for one host.
- Neither secret nor token ever stands in a message.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Final

import aiohttp
from pydantic import Field, HttpUrl
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from yarl import URL

from adapters.sdk.source import SourceError
from adapters.tianjin import wire
from runtime.clock import Clock
from runtime.settings import Settings

_UNAUTHORISED: Final = 401
_TOO_MANY: Final = 429
_OK: Final = 200
_SERVER_FAILED: Final = 500

_RENEW_BEFORE: Final = 0.1
"""Part of a token's life that is left when it is renewed."""

_backoff: Final = wait_random_exponential(multiplier=0.2, max=5)


class SourceSettings(Settings):
    """How Tianjin's platform is reached.

    Attributes:
        url: Where it is, `http` or `https`.
        client_id: The name under which it knows this adapter.
        client_secret_file: File that holds the secret, and nothing else.
        page_size: Rows of one page; the platform allows 100.
        readings: How often pages are read from the first one on before they are given up as moving.
        max_rows: Rows of one subject and type of data above which nothing is read.
        attempts: Requests for one answer, where the platform is busy or failing.
        request_timeout_s: Seconds after which a request without an answer counts as failed.
        max_body_bytes: Size above which an answer is not read.
    """

    url: HttpUrl
    client_id: Annotated[str, Field(min_length=1)]
    client_secret_file: Path
    page_size: Annotated[int, Field(ge=1, le=100)] = 100
    readings: Annotated[int, Field(ge=1)] = 3
    max_rows: Annotated[int, Field(ge=1)] = 10_000
    attempts: Annotated[int, Field(ge=1)] = 8
    request_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    max_body_bytes: Annotated[int, Field(ge=1)] = 8 * 1024 * 1024


class _BusyError(SourceError):
    """The platform may well answer if it is asked again.

    Attributes:
        retry_after: When, by its own word.
    """

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    good_until: datetime


class Client:
    """A connection to the platform. Close it."""

    def __init__(
        self,
        settings: SourceSettings,
        secret: str,
        *,
        now: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._now = now
        self._sleep = sleep
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=settings.request_timeout_s),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._token: _Token | None = None
        self._asking_for_token = asyncio.Lock()

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._session.close()

    async def get(self, path: str, *, until: datetime) -> Mapping[str, object]:
        """Asks, and returns an answer of code 0.

        Raises:
            SourceError: There is none before the deadline, or it is an error.
        """
        return await self._ask("GET", path, None, until)

    async def post(self, path: str, body: Mapping[str, object], *, until: datetime) -> Mapping[str, object]:
        """As `get`, with a body."""
        return await self._ask("POST", path, body, until)

    async def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None, until: datetime
    ) -> Mapping[str, object]:
        token = await self._good_token(until)
        status, content = await self._exchange(method, path, body, until, token=token)
        if status == _UNAUTHORISED:
            token = await self._good_token(until, refused=token)
            status, content = await self._exchange(method, path, body, until, token=token)
        if status != _OK:
            raise SourceError(f"{path}: expected status {_OK}, got {status}")
        answer = wire.parse(content)
        wire.check_code(answer)
        return answer

    async def _good_token(self, until: datetime, *, refused: str = "") -> str:
        """The token, or a new one where there is none, or it is about to end, or it is the one that was refused."""
        async with self._asking_for_token:
            token = self._token
            if token is None or token.text == refused or token.good_until <= self._now():
                self._token = None
                token = self._token = await self._new_token(until)
            return token.text

    async def _new_token(self, until: datetime) -> _Token:
        asked_at = self._now()
        body = {"clientId": self._settings.client_id, "clientSecret": self._secret}
        status, content = await self._exchange("POST", "auth/token", body, until, token=None)
        if status == _UNAUTHORISED:
            raise SourceError(
                f"the platform refuses client {self._settings.client_id!r} with the secret of {self._settings.client_secret_file}"
            )
        if status != _OK:
            raise SourceError(f"auth/token: expected status {_OK}, got {status}")
        text, life = wire.read_token(wire.parse(content))
        return _Token(text, asked_at + life * (1 - _RENEW_BEFORE))

    async def _exchange(
        self, method: str, path: str, body: Mapping[str, object] | None, until: datetime, *, token: str | None
    ) -> tuple[int, bytes]:
        """Asks as often as it takes: status and body of the first answer that is neither busy nor broken."""
        attempts = stop_after_attempt(self._settings.attempts)

        def is_enough(state: RetryCallState) -> bool:
            return attempts(state) or self._now() + timedelta(seconds=state.upcoming_sleep) >= until

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_BusyError), wait=_wait, stop=is_enough, sleep=self._sleep, reraise=True
        )
        return await retrying(self._send, method, path, body, token)

    async def _send(
        self, method: str, path: str, body: Mapping[str, object] | None, token: str | None
    ) -> tuple[int, bytes]:
        url = URL(str(self._settings.url)) / path
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with self._session.request(
                method, url, json=body, headers=headers, allow_redirects=False
            ) as response:
                if response.status == _TOO_MANY or response.status >= _SERVER_FAILED:
                    retry_after = read_retry_after(response.headers.get("Retry-After", ""), self._now())
                    raise _BusyError(f"{path}: the platform answered with status {response.status}", retry_after)
                return response.status, await self._content(response, path)
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            raise _BusyError(f"{path}: no answer: {type(error).__name__}") from error
        except aiohttp.ClientError as error:
            raise SourceError(f"{path}: no answer that is HTTP: {type(error).__name__}") from error

    async def _content(self, response: aiohttp.ClientResponse, path: str) -> bytes:
        content = bytearray()
        async for part in response.content.iter_any():
            content += part
            if len(content) > self._settings.max_body_bytes:
                raise SourceError(f"{path}: expected at most {self._settings.max_body_bytes} bytes, got more")
        return bytes(content)


def read_secret(path: Path) -> str:
    """Reads the file that holds the secret.

    Raises:
        SourceError: It cannot be read, or holds no secret.
    """
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: expected the client secret, got {type(error).__name__}") from error
    if not secret:
        raise SourceError(f"{path}: expected the client secret, got an empty file")
    return secret


def read_retry_after(value: str, now: datetime) -> timedelta | None:
    """How long to wait. None: the header is missing, or says nothing that can be read.

    Source: RFC 9110, 10.2.3: seconds, or an HTTP date.
    """
    if re.fullmatch(r"[0-9]{1,9}", value.strip(), re.ASCII):
        return timedelta(seconds=int(value))
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(at.replace(tzinfo=at.tzinfo or UTC) - now, timedelta(0))


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _BusyError) and error.retry_after is not None:
        return error.retry_after.total_seconds()
    return _backoff(state)
