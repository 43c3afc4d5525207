"""What a process tells about itself: logs, metrics, liveness.

- One JSON object for each line (or lines for a terminal), also for what libraries log.
- No log line holds a unified social credit code, or an identity number of the same form, in full: the last step before
  rendering masks them, in keys and values, at any depth, in traces too. It is a net, not a licence: payloads are never logged.
- Metrics have a registry for each `Metrics`, not the library's global one, so that several servers live in one process.
- Labels come from fixed sets: methods, status codes. Never a subject, never a path that a peer chose.
"""

import json
import logging
import re
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TextIO

import structlog
from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from contract.uscc import mask
from runtime.errors import ListenError
from runtime.settings import TelemetrySettings

_SECONDS_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# --- Logs -------------------------------------------------------------------------------------------------------------

# Two letters or digits, the six digits of a division, ten letters or digits, half or full width, with nothing of the kind before
# or behind. An escape before it (%3D, \n, \x12, \022: a query string, a text or bytes shown by repr) ends in a letter or digit and
# counts as a border; after bytes nothing is known of what follows. Source: GB 32100-2015; GB 11643-1999 has the same length.
_ANY: Final = "0-9A-Za-z０-９Ａ-Ｚａ-ｚ"
_BORDER: Final = rf"(?<![{_ANY}])|(?<=%[0-9A-Fa-f]{{2}})|(?<=\\[a-z])"
_IN_BYTES: Final = r"(?<=\\x[0-9a-f]{2})|(?<=\\[0-7]{3})"
_SHAPE: Final = rf"[{_ANY}]{{2}}[0-9０-９]{{6}}[{_ANY}]{{10}}"
_CODE: Final = re.compile(rf"(?:{_IN_BYTES}){_SHAPE}|(?:{_BORDER}){_SHAPE}(?![{_ANY}])")


def configure_logging(settings: TelemetrySettings, *, stream: TextIO | None = None) -> None:
    """Sends everything that is logged, by structlog or by the standard library, to one stream.

    Args:
        settings: Level and form.
        stream: Where to; standard error unless told.
    """
    target = sys.stderr if stream is None else stream
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if settings.log_json
        else structlog.dev.ConsoleRenderer(colors=target.isatty())
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, scrub, renderer],
        ),
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def scrub(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Masks every code in a log event; a structlog processor.

    >>> scrub(None, "info", {"event": "asked for 91350200575017604M"})
    {'event': 'asked for 9135**********604M'}
    """
    return {_scrubbed_text(str(key)): _scrubbed(value) for key, value in event.items()}


def _scrubbed(value: object) -> object:
    match value:
        case None | bool() | float():
            return value
        case int():
            text = str(value)
            masked = _scrubbed_text(text)
            return value if masked == text else masked
        case str():
            return _scrubbed_text(value)
        case Mapping():
            return {_scrubbed_text(str(key)): _scrubbed(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_scrubbed(item) for item in value]
        case _:
            # Rendered here, because a renderer would do it after the last look.
            return _scrubbed_text(repr(value))


def _scrubbed_text(text: str) -> str:
    return _CODE.sub(lambda match: mask(match[0]), text)


def _json(value: Any, **_: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- Metrics ----------------------------------------------------------------------------------------------------------


class Metrics:
    """The metrics of one program. A program adds its own to `registry`.

    Attributes:
        registry: What `/metrics` shows.
        requests: Finished calls by method and status (gRPC's name of the status code).
        request_seconds: How long they took, by method.
        running: Calls being worked on.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = Counter(
            "huren_grpc_requests", "Finished gRPC calls.", ("method", "status"), registry=self.registry
        )
        self.request_seconds = Histogram(
            "huren_grpc_request_seconds",
            "Duration of finished gRPC calls.",
            ("method",),
            registry=self.registry,
            buckets=_SECONDS_BUCKETS,
        )
        self.running = Gauge("huren_grpc_running", "gRPC calls being worked on.", registry=self.registry)

    def exposition(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)


@asynccontextmanager
async def serve_metrics(metrics: Metrics, *, host: str, port: int) -> AsyncGenerator[int]:
    """Serves `/metrics`, and `/healthz`, which answers as long as the event loop turns. Gives the bound port.

    Raises:
        ListenError: The address cannot be listened on.
    """
    application = web.Application()
    application.router.add_get("/metrics", _responder(metrics.exposition, CONTENT_TYPE_LATEST))
    application.router.add_get("/healthz", _responder(lambda: b"ok\n", "text/plain; charset=utf-8"))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ListenError(f"{host}:{port}") from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _responder(body: Callable[[], bytes], content_type: str) -> Callable[[web.Request], Any]:
    async def respond(_: web.Request) -> web.Response:
        return web.Response(body=body(), headers={"Content-Type": content_type})

    return respond
