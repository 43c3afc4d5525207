"""People at a gateway, over real HTTP as a browser would: cookies, the session's token, an origin."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from yarl import URL

from runtime.settings import TLSSettings
from tests.support.identity import log_in


class Visitor:
    """Somebody who is logged in at one gateway."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base
        self.session: dict[str, Any] = {}

    async def arrive(self, user: str, way: str, channel: str) -> None:
        """Logs in."""
        async with self._session.get(
            f"{self._base}/auth/login", params={"channel": channel}, allow_redirects=False
        ) as response:
            assert response.status == 303, await response.text()
            provider = response.headers["Location"]
        back = await log_in(self._session, provider, user, way)
        async with self._session.get(back, allow_redirects=False) as response:
            assert response.status == 303, await response.text()
        status, self.session = await self.get("/api/v1/session")
        assert status == 200, self.session

    async def get(self, path: str, *, enterprise: str = "", **parameters: Any) -> tuple[int, Any]:
        """Status and JSON, or bytes."""
        headers = {"Huren-Enterprise": enterprise} if enterprise else {}
        async with self._session.get(self._base + path, headers=headers, params=parameters) as response:
            return response.status, await _content(response)

    async def post(
        self,
        path: str,
        body: Any = None,
        *,
        enterprise: str = "",
        key: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON, or bytes. A form is sent as it is; everything else as JSON."""
        sent = {"Origin": self._base, "Huren-CSRF": self.session.get("csrf_token", "")}
        sent |= {"Huren-Enterprise": enterprise} if enterprise else {}
        sent |= {"Idempotency-Key": key} if key else {}
        sent |= headers or {}
        given: dict[str, Any] = {"data": body} if isinstance(body, aiohttp.FormData) else {"json": body}
        if body is None:
            given = {}
        async with self._session.post(self._base + path, headers=sent, **given) as response:
            return response.status, await _content(response)

    async def ask(self, body: Mapping[str, Any], *, enterprise: str = "") -> tuple[int, Any]:
        """Asks for a report, under a key of its own."""
        return await self.post("/api/v1/report-requests", dict(body), enterprise=enterprise, key=secrets.token_hex(16))


async def _content(response: aiohttp.ClientResponse) -> Any:
    if response.content_type.endswith("json"):
        return await response.json(content_type=None)
    return await response.read()


@asynccontextmanager
async def visitor(base: str, user: str, *, way: str = "certificate", channel: str = "WEB") -> AsyncGenerator[Visitor]:
    """Somebody of the sandbox's people, logged in for the time of the block."""
    jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=[URL(base)])
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        one = Visitor(session, base)
        await one.arrive(user, way, channel)
        yield one


def signed(text: str, tls: TLSSettings) -> dict[str, str]:
    """A text signed with the certificate of an enterprise, as the members of a request."""
    key = load_pem_private_key(tls.private_key.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
    return {
        "certificate": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
        "signature": base64.b64encode(key.sign(text.encode(), ec.ECDSA(SHA256()))).decode(),
    }
