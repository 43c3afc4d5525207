"""A consent signed in a real browser: the key stays there, and what comes out is what everybody else makes of it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from playwright.async_api import Browser, Page

from tests.support.browser import needs_chromium

pytestmark = [needs_chromium, pytest.mark.timeout(120)]

TEXT: Final = "授权书\n\n授权人：示例企业（演示）\n一、用途：融资 & <其他>"
CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
SCRIPT: Final = Path(__file__).parents[2] / "gateway" / "portal" / "static" / "sign.js"

PAGE: Final = """<!DOCTYPE html><meta charset="utf-8"><script src="/sign.js" defer></script>
<pre id="consent-text">授权书

授权人：示例企业（演示）
一、用途：融资 &amp; &lt;其他&gt;</pre>
<section id="sign-here" hidden data-signing="signing" data-done="done" data-both="both" data-no-certificate="no certificate"
 data-no-key="no key" data-locked="locked" data-kind="kind" data-failed="failed">
<input id="certificate-file" type="file"><input id="key-file" type="file"><button type="button" id="sign-button">sign</button>
<p id="sign-status"></p></section>
<form id="paste" method="post" action="/given"><textarea name="certificate"></textarea><textarea name="signature"></textarea>
<button id="paste-button">send</button></form>"""


class Site:
    """The page with the script, and what was sent to it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.given: list[dict[str, Any]] = []

    async def page(self, request: web.Request) -> web.Response:
        del request
        return web.Response(text=PAGE, content_type="text/html")

    async def script(self, request: web.Request) -> web.Response:
        del request
        return web.Response(body=SCRIPT.read_bytes(), content_type="text/javascript")

    async def give(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.given.append(dict(await request.post()))
        return web.Response(status=HTTPStatus.OK, text="given")


@pytest.fixture
async def site() -> Site:
    return Site()


@pytest.fixture
async def page(chromium: Browser, site: Site) -> AsyncIterator[Page]:
    app = web.Application()
    app.add_routes([web.get("/", site.page), web.get("/sign.js", site.script), web.post("/given", site.give)])
    runner = web.AppRunner(app)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    try:
        port = runner.addresses[0][1]
        opened = await (await chromium.new_context()).new_page()
        await opened.goto(f"http://127.0.0.1:{port}/")
        yield opened
    finally:
        await runner.cleanup()


def pem(key: Any, kind: PrivateFormat = PrivateFormat.PKCS8, password: bytes = b"") -> bytes:
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    content: bytes = key.private_bytes(Encoding.PEM, kind, locked)
    return content


async def sign(page: Page, key: bytes, certificate: bytes = CERTIFICATE.encode()) -> None:
    file = {"mimeType": "application/x-pem-file"}
    await page.set_input_files("#certificate-file", {"name": "a.pem", "buffer": certificate, **file})  # type: ignore[arg-type]
    await page.set_input_files("#key-file", {"name": "a.key", "buffer": key, **file})  # type: ignore[arg-type]
    await page.click("#sign-button")


def is_signed(key: Any, signature: bytes) -> bool:
    public = key.public_key()
    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, TEXT.encode(), ec.ECDSA(SHA256()))
        else:
            public.verify(signature, TEXT.encode())
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("round_number", range(3))
async def test_what_the_browser_signs_verifies_and_the_key_is_not_sent(
    page: Page, site: Site, round_number: int
) -> None:
    """What happens: certificate and key are chosen, several times: a signature's numbers differ in length.

    What must result: certificate and a signature in DER over the text as it stands; nothing of the key.
    """
    key = ec.derive_private_key(7 + round_number, ec.SECP256R1())
    file = pem(key)

    await sign(page, file)
    await page.wait_for_url("**/given")

    (given,) = site.given
    assert sorted(given) == ["certificate", "signature"]
    assert given["certificate"].replace("\r\n", "\n") == CERTIFICATE
    assert is_signed(key, base64.b64decode(given["signature"]))
    secret = "".join(file.decode().splitlines()[1:-1])
    assert secret[:20].encode() not in site.bodies[0]


async def test_ed25519_signs_where_the_browser_has_it_and_is_refused_in_words_where_not(page: Page, site: Site) -> None:
    key = ed25519.Ed25519PrivateKey.generate()

    await sign(page, pem(key))
    await page.wait_for_function(
        "location.pathname === '/given' || document.getElementById('sign-status').textContent === 'kind'"
    )

    assert all(is_signed(key, base64.b64decode(given["signature"])) for given in site.given)


async def test_what_cannot_sign_is_told_and_nothing_is_sent_and_the_key_is_forgotten(page: Page, site: Site) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    cases = {
        "no key": (pem(key, PrivateFormat.TraditionalOpenSSL), CERTIFICATE.encode()),
        "locked": (pem(key, password=b"secret"), CERTIFICATE.encode()),
        "kind": (pem(rsa.generate_private_key(65537, 2048)), CERTIFICATE.encode()),
        "no certificate": (pem(key), b"hello"),
        "failed": (b"-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----", CERTIFICATE.encode()),
    }
    for told, (file, certificate) in cases.items():
        await sign(page, file, certificate)
        await page.wait_for_function(f"document.getElementById('sign-status').textContent === '{told}'")
        assert await page.evaluate("document.getElementById('key-file').files.length") == 0

    await page.click("#sign-button")  # the key has to be chosen anew
    await page.wait_for_function("document.getElementById('sign-status').textContent === 'both'")
    assert site.bodies == []
