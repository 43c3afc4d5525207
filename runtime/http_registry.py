"""The registry of a province, asked over HTTP. Rules: docs/protocols/homes.md, section 2.

- One answer counts: status 200, a JSON object of the one form, about the subject that was asked for. Everything else is
  `RegistryUnavailableError`: silence, a redirect, an error, too many bytes, another subject. It never means "unknown".
- A code stands in the body of a request, never in its address: addresses are logged on the way.
- A connection that breaks is tried once more, within the one deadline; both requests only read.
- Nothing is kept. A home that was right a minute ago is wrong after a move, and a gateway asks once for a request, an adapter once
  for a query; names are asked for where a row bears no valid identifier, which few do. Connections are kept open instead.
- No proxy of the environment, no cookies, no compressed answers.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import unicodedata
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final, TypeVar

import aiohttp
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.registry import RegistryEntry, RegistryUnavailableError
from contract.uscc import Uscc
from runtime.settings import Settings

MAX_ANSWER_BYTES: Final = 1024 * 1024
"""A larger answer is not read."""

MAX_NAME_CHARACTERS: Final = 1000
"""Longer texts are asked about by nobody: a registered name has at most 200 (`contract.registry`)."""

_log: Final = structlog.get_logger(__name__)

_OK: Final = 200
_TRIES: Final = 2
_JSON: Final = "application/json"


class HttpRegistrySettings(Settings):
    """How the registry is asked.

    Attributes:
        url: Its base, without a slash at the end; `https` in production.
        timeout_s: How long an answer is awaited, both tries together.
        token_file: File with the token that it knows this member by, and nothing else. None: it asks for none.
        trusted_roots: The authorities accepted for it, PEM. None: those of the machine.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^\s?#]*[^\s?#/]$")]
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    token_file: Path | None = None
    trusted_roots: Path | None = None


class HttpRegistry:
    """Asks the registry. The session belongs to whoever made it."""

    def __init__(self, session: aiohttp.ClientSession, *, url: str, timeout_s: float) -> None:
        self._session = session
        self._url = url
        self._timeout_s = timeout_s

    async def lookup(self, uscc: Uscc) -> RegistryEntry | None:
        """As `Registry.lookup`."""
        entry = (await self._ask("lookup", {"uscc": uscc}, _Lookup)).subject
        if entry is not None and entry.uscc != uscc:
            raise RegistryUnavailableError("lookup: the answer is about another subject")
        return entry

    async def knows_name(self, name: str) -> bool:
        """As `Registry.knows_name`. A text that is longer than any name is nobody's, and is not sent."""
        seen = "".join(character for character in name if unicodedata.category(character)[0] not in {"Z", "C"})
        if not seen or len(seen) > MAX_NAME_CHARACTERS:
            return False
        return (await self._ask("names", {"name": seen}, _Name)).known

    async def _ask(self, path: str, question: dict[str, str], form: type[_A]) -> _A:
        try:
            return await self._answer(path, question, form)
        except RegistryUnavailableError as error:
            _log.warning("registry cannot be asked", reason=str(error))
            raise

    async def _answer(self, path: str, question: dict[str, str], form: type[_A]) -> _A:
        try:
            async with asyncio.timeout(self._timeout_s):
                content = await self._content(path, question)
        except TimeoutError as error:
            raise RegistryUnavailableError(f"{path}: no answer within {self._timeout_s:g} seconds") from error
        except aiohttp.ClientError as error:
            raise RegistryUnavailableError(f"{path}: {type(error).__name__}") from error
        try:
            json.loads(content, object_pairs_hook=_once)
            return form.model_validate_json(content, strict=True)
        except (ValueError, RecursionError) as error:
            # The message would hold what was answered.
            fault = error.errors(include_input=False)[0]["type"] if isinstance(error, ValidationError) else "no JSON"
            raise RegistryUnavailableError(f"{path}: an answer that cannot be read: {fault}") from None

    async def _content(self, path: str, question: dict[str, str]) -> bytes:
        for left in reversed(range(_TRIES)):
            try:
                return await self._send(path, question)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                if not left:
                    raise
        raise RuntimeError("expected at least one try")

    async def _send(self, path: str, question: dict[str, str]) -> bytes:
        async with self._session.post(f"{self._url}/{path}", json=question, allow_redirects=False) as response:
            if response.status != _OK:
                raise RegistryUnavailableError(f"{path}: expected status {_OK}, got {response.status}")
            if response.content_type != _JSON or "Content-Encoding" in response.headers:
                raise RegistryUnavailableError(f"{path}: expected {_JSON} as it is, got another type of content")
            content = bytearray()
            async for part in response.content.iter_any():
                content += part
                if len(content) > MAX_ANSWER_BYTES:
                    raise RegistryUnavailableError(f"{path}: expected at most {MAX_ANSWER_BYTES} bytes, got more")
            return bytes(content)


@asynccontextmanager
async def open_http_registry(settings: HttpRegistrySettings) -> AsyncGenerator[HttpRegistry]:
    """Opens the way to a registry. Nothing is asked yet.

    Raises:
        OSError: A file cannot be read, or holds no certificates (ssl.SSLError).
        ValueError: The token file holds no token.
    """
    headers = {"Accept": _JSON, "Accept-Encoding": "identity"}
    if settings.token_file is not None:
        headers["Authorization"] = f"Bearer {_token(settings.token_file)}"
    roots = str(settings.trusted_roots) if settings.trusted_roots else None
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=roots)),
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=None),  # there is one deadline for both tries
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        yield HttpRegistry(session, url=settings.url, timeout_s=settings.timeout_s)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Lookup(_Answer):
    subject: RegistryEntry | None
    """Null: the registry does not know the code. There is no default: an answer without it is none."""


class _Name(_Answer):
    known: bool


_A = TypeVar("_A", _Lookup, _Name)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuses an object that says something twice: readers would differ about which counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _token(path: Path) -> str:
    token = path.read_text("utf-8").strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("expected one token")
    return token
