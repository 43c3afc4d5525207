from __future__ import annotations

import io
import json
import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Counter

from runtime.errors import ListenError
from runtime.settings import TelemetrySettings
from runtime.telemetry import Metrics, configure_logging, scrub, serve_metrics

CODE = "91350200575017604M"
MASKED = "9135**********604M"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Takes all log lines, and gives the logging of the tests back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield io.StringIO()
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()


def scrubbed(value: object) -> Any:
    return scrub(None, "info", {"value": value})["value"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (CODE, MASKED),
        (CODE.lower(), "9135**********604m"),
        ("９１３５０２００５７５０１７６０４Ｍ", "９１３５**********６０４Ｍ"),
        (f"代码{CODE}有误", f"代码{MASKED}有误"),
        (f"a_{CODE}_b", f"a_{MASKED}_b"),
        (f"{CODE},{CODE}", f"{MASKED},{MASKED}"),
        (f"/v1/reports?uscc%3D{CODE}%26x", f"/v1/reports?uscc%3D{MASKED}%26x"),
        (repr(f"line\n{CODE}\n"), repr(f"line\n{MASKED}\n")),
        (b"\x0a\x12" + CODE.encode() + b"2\x01", repr(b"\x0a\x12" + MASKED.encode() + b"2\x01")),
        (f'uscc: "\\022{CODE}2"', f'uscc: "\\022{MASKED}2"'),
        ("110101199003074258", "1101**********4258"),
        (110101199003074258, "1101**********4258"),
        ([1, {CODE: (CODE, None)}], [1, {MASKED: [MASKED, None]}]),
        (ValueError(CODE), f"ValueError('{MASKED}')"),
        (frozenset({CODE}), [MASKED]),
    ],
)
def test_codes_are_masked_wherever_they_stand(value: object, expected: object) -> None:
    assert scrubbed(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "HR1420261122000000018",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "1763800000123456789",
        "913502005750176",
        1763800000,
        1.5,
        True,
        None,
    ],
)
def test_other_values_stay_as_they_are(value: object) -> None:
    assert scrubbed(value) == value


@given(
    st.recursive(
        st.just(CODE) | st.none() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.just(CODE) | st.text(), inner) | st.tuples(inner, inner),
    )
)
def test_no_code_survives_at_any_depth(value: object) -> None:
    assert CODE not in json.dumps(scrubbed(value), ensure_ascii=False)


def test_one_json_object_for_each_line(stream: io.StringIO) -> None:
    configure_logging(TelemetrySettings(), stream=stream)
    with structlog.contextvars.bound_contextvars(peer="甲"):
        structlog.get_logger("huren.test").info("收到请求", uscc=CODE, count=1)
    line = json.loads(stream.getvalue())
    instant = datetime.fromisoformat(line.pop("timestamp"))
    assert instant.tzinfo == UTC
    assert line == {
        "event": "收到请求",
        "uscc": MASKED,
        "count": 1,
        "peer": "甲",
        "level": "info",
        "logger": "huren.test",
    }
    assert "收到请求" in stream.getvalue()


def test_lines_of_libraries_take_the_same_way(stream: io.StringIO) -> None:
    configure_logging(TelemetrySettings(), stream=stream)
    logging.getLogger("library").warning("path /subjects/%s", CODE)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["logger"]) == (f"path /subjects/{MASKED}", "warning", "library")


@pytest.mark.parametrize("library", [False, True])
def test_traces_are_scrubbed(stream: io.StringIO, *, library: bool) -> None:
    configure_logging(TelemetrySettings(), stream=stream)
    logger = logging.getLogger("library") if library else structlog.get_logger("huren.test")
    try:
        int(f"bad subject {CODE}")
    except ValueError:
        logger.exception("failed")
    line = json.loads(stream.getvalue())
    assert CODE not in stream.getvalue()
    assert f"bad subject {MASKED}" in line["exception"].splitlines()[-1]


def test_lines_below_the_level_are_dropped(stream: io.StringIO) -> None:
    configure_logging(TelemetrySettings(log_level="warning"), stream=stream)
    structlog.get_logger("huren.test").info("too little")
    logging.getLogger("library").info("too little")
    assert not stream.getvalue()


def test_lines_for_a_terminal_are_scrubbed_too(stream: io.StringIO) -> None:
    configure_logging(TelemetrySettings(log_json=False), stream=stream)
    structlog.get_logger("huren.test").error("报错", uscc=CODE)
    assert "报错" in stream.getvalue()
    assert MASKED in stream.getvalue()
    assert CODE not in stream.getvalue()


async def fetch(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def test_serves_metrics_and_liveness() -> None:
    metrics = Metrics()
    Counter("huren_reports_sealed", "Reports.", registry=metrics.registry).inc()
    async with serve_metrics(metrics, host="127.0.0.1", port=0) as port:
        status, text = await fetch(port, "/metrics")
        alive = await fetch(port, "/healthz")
        nothing, _ = await fetch(port, "/")
    assert status == 200
    assert "huren_reports_sealed_total 1.0" in text
    assert "python_info{" in text
    assert "process_open_fds" in text
    assert alive == (200, "ok\n")
    assert nothing == 404


async def test_several_sets_of_metrics_live_in_one_process() -> None:
    first, second = Metrics(), Metrics()
    first.requests.labels("/a/b", "OK").inc()
    async with (
        serve_metrics(first, host="127.0.0.1", port=0) as one,
        serve_metrics(second, host="127.0.0.1", port=0) as other,
    ):
        assert 'method="/a/b"' in (await fetch(one, "/metrics"))[1]
        assert 'method="/a/b"' not in (await fetch(other, "/metrics"))[1]


async def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}"):
            async with serve_metrics(Metrics(), host="127.0.0.1", port=port):
                pass
