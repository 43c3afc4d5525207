"""An HTTP server of a program, on aiohttp: it listens for the time of a block. TLS for people is the proxy's in front of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from runtime.errors import ListenError
from runtime.settings import ListenSettings


class _Wordless(logging.Filter):
    """Takes the words of what the library could not read out of its log lines: an address may hold a code."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        record.exc_text = None
        record.msg = "a request could not be read"
        record.args = ()
        return True


def _logger() -> logging.Logger:
    logger = logging.getLogger("huren.http")
    if not logger.filters:
        logger.addFilter(_Wordless())
    return logger


_GRACE_S: Final = 10.0
_LINGERING_S: Final = 2.0


@asynccontextmanager
async def serve_http(application: web.Application, listen: ListenSettings) -> AsyncGenerator[str]:
    """Serves an application. Gives its address, `http://host:port`. No access log: paths may hold what nobody should keep.

    Raises:
        ListenError: The address cannot be listened on.
    """
    runner = web.AppRunner(
        application,
        access_log=None,
        logger=_logger(),
        shutdown_timeout=_GRACE_S,
        # What is not read is not inflated either, nor awaited for long: a body may be endless, or a bomb.
        auto_decompress=False,
        lingering_time=_LINGERING_S,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, listen.host, listen.port).start()
        except OSError as error:
            raise ListenError(f"{listen.host}:{listen.port}") from error
        host = f"[{listen.host}]" if ":" in listen.host else listen.host
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
