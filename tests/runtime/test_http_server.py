"""An HTTP server of a program: what the library itself says of a request that it cannot read."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from runtime.http_server import serve_http
from runtime.settings import ListenSettings

SECRET = "code-that-nobody-should-keep"  # noqa: S105  # invented


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(f"GET /auth/callback?code={SECRET}&state={'x' * 9000} HTTP/1.1\r\nHost: h\r\n\r\n", id="too-long"),
        pytest.param(f"GET /{SECRET} HTTP/9.9 none\r\n\r\n", id="no-request"),
    ],
)
async def test_what_cannot_be_read_is_told_and_not_kept(head: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with serve_http(web.Application(), ListenSettings(host="127.0.0.1", port=0)) as address:
            host, port = urlsplit(address).hostname, urlsplit(address).port
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(head.encode())
            answer = await reader.read()
            writer.close()
    assert answer.startswith(b"HTTP/1.0 400")
    assert SECRET not in caplog.text
    assert all(SECRET not in str(record.exc_info) for record in caplog.records)
