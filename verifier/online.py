"""Asking a gateway's public HTTP endpoint: where a report stands, or what belongs to a number and a code.

The file itself is never sent: only the report's number and the digest that names its statement, or what was typed. What comes back
is bounded in size and time, and believed no further than it is signed (contract/status_check.py).

Only HTTPS, so that nobody on the way reads a code; plain HTTP is taken on this machine alone. Redirections are not followed.

Source: docs/protocols/report-verification.md, section 7.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

MAX_ANSWER_BYTES: Final = 1024 * 1024
"""A status has less than 1 KB, a comparison less than 50."""

TIMEOUT_S: Final = 10.0
"""For each step of a connection, and for the whole answer."""

_STATUSES: Final = "/api/v1/report-statuses"
_VERIFICATIONS: Final = "/api/v1/verifications"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_CHUNK_BYTES: Final = 16 * 1024


class OnlineError(Exception):
    """A gateway could not be asked, or did not answer as agreed.

    Attributes:
        zh: What happened, in Chinese.
        en: In English.
    """

    def __init__(self, zh: str, en: str) -> None:
        self.zh = zh
        self.en = en
        super().__init__(f"{zh} · {en}")


class Window(BaseModel):
    """查询时段."""

    model_config = ConfigDict(frozen=True, strict=True)

    first_day: str
    last_day: str


class ComparisonRow(BaseModel):
    """One domain and kind: a state and a number of records for each province."""

    model_config = ConfigDict(frozen=True, strict=True)

    domain: str
    kind: Literal["PENALTY", "SERIOUS_LIST"]
    states: list[Literal["CLEAR", "FOUND", "NOT_COVERED", "NOT_APPLICABLE"]]
    record_counts: list[int]


class Comparison(BaseModel):
    """What to compare with the report in hand (docs/protocols/verification.md, section 3). Members besides are passed over."""

    model_config = ConfigDict(frozen=True, strict=True)

    report_number: str
    name: str
    masked_uscc: str
    issued_at: str
    issuer: str
    window: Window
    catalogue_version: str
    conclusion: str
    limited_scope: bool
    specimen: bool
    provinces: list[Literal["beijing", "tianjin", "hebei", "shanxi"]]
    rows: list[ComparisonRow]

    @model_validator(mode="after")
    def _require_whole_rows(self) -> Self:
        width = len(self.provinces)
        if any(not len(row.states) == len(row.record_counts) == width for row in self.rows):
            raise ValueError("a cell for each province expected")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAnswer:
    """What a gateway says about a number and a code.

    Attributes:
        verdict: Its name. The gateway's words for it are not taken: it is a gateway that somebody named.
        status: What the home signed; empty where there is nothing to say.
        comparison: What to compare with the report in hand, as the gateway gave it; None: nothing.
    """

    verdict: str
    status: bytes
    comparison: Comparison | None


def require_url(text: str) -> str:
    """Returns the address of a gateway, without a slash at its end.

    Raises:
        ValueError: It is no HTTPS address, nor one of this machine.
    """
    parts = urlsplit(text)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("an address like https://host expected")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("an address that begins with https:// expected")
    return text.rstrip("/")


def fetch_status(url: str, *, report_number: str, report_statement_id: bytes) -> bytes:
    """The home's status of a report, as an envelope; not checked yet.

    Raises:
        OnlineError: There is none.
    """
    asked = {"report_number": report_number, "report_statement_id": report_statement_id.hex()}
    envelope = _base64(_post(url + _STATUSES, asked).get("status"))
    if not envelope:
        raise _unexpected("status")
    return envelope


def ask_by_code(url: str, *, report_number: str, code: str) -> CodeAnswer:
    """What a gateway says about a number and a code.

    Raises:
        OnlineError: It did not answer.
    """
    answer = _post(url + _VERIFICATIONS, {"report_number": report_number, "code": code})
    verdict, given = answer.get("verdict"), answer.get("comparison")
    if not isinstance(verdict, str):
        raise _unexpected("verdict")
    try:
        comparison = None if given is None else Comparison.model_validate(given)
    except (ValidationError, RecursionError) as error:
        raise _unexpected("comparison") from error
    return CodeAnswer(verdict=verdict, status=_base64(answer.get("status") or ""), comparison=comparison)


def _post(url: str, document: dict[str, str]) -> dict[str, Any]:
    try:
        answer = json.loads(_in_time(lambda: _answer(url, document)))
    except (ValueError, RecursionError) as error:
        raise _unexpected("JSON") from error
    if not isinstance(answer, dict):
        raise _unexpected("JSON")
    return answer


def _in_time(ask: Callable[[], bytes]) -> bytes:
    """Asks in a thread that is left behind when time is over: names and heads that come byte by byte have no limit of their own."""
    outcome: SimpleQueue[bytes | Exception] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put(ask())
        except Exception as error:  # noqa: BLE001  # raised where it is awaited
            outcome.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        answer = outcome.get(timeout=TIMEOUT_S)
    except Empty as error:
        raise _unreachable(TimeoutError("too slow")) from error
    if isinstance(answer, Exception):
        raise answer
    return answer


def _answer(url: str, document: dict[str, str]) -> bytes:
    request = urllib.request.Request(  # noqa: S310  # require_url has seen the scheme
        url,
        data=json.dumps(document).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json, application/problem+json"},
        method="POST",
    )
    handlers: list[urllib.request.BaseHandler] = [_NoRedirection()]
    if urlsplit(url).hostname in _LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    until = time.monotonic() + TIMEOUT_S
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT_S) as response:
            return _read(response, until)
    except urllib.error.HTTPError as error:
        with error:
            return _told(error, until)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unreachable(error) from error


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follows nothing; the answer becomes an HTTPError."""


def _read(response: Any, until: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := response.read1(_CHUNK_BYTES):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise ValueError("too long")
        if time.monotonic() > until:
            raise TimeoutError("too slow")
    return b"".join(parts)


def _told(error: urllib.error.HTTPError, until: float) -> bytes:
    """What a gateway says beside 429 and 503: a verdict, where it is about a code."""
    try:
        body = _read(error, until)
        if error.code in _WITH_VERDICT and "headline" in json.loads(body):
            return body
    except (OSError, http.client.HTTPException, ValueError, TypeError, RecursionError):
        pass
    raise _refused(error.code) from error


_WITH_VERDICT: Final = frozenset({429, 503})
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429


def _refused(code: int) -> OnlineError:
    if code == _NOT_FOUND:
        return OnlineError("出具单位没有该报告的状态", "the issuing home has no status of this report")
    if code == _TOO_MANY:
        return OnlineError("核验次数过多，请稍后再试", "too many requests: try again later")
    return OnlineError(f"暂不能核验，请稍后再试（{code}）", f"the gateway cannot answer now: try again later ({code})")


def _unreachable(error: Exception) -> OnlineError:
    return OnlineError("无法连接核验服务，请检查网络和地址", f"the gateway cannot be reached ({_kind(error)})")


def _unexpected(what: str) -> OnlineError:
    return OnlineError(f"核验服务的答复不完整（{what}）", f"the gateway did not answer as agreed ({what})")


def _base64(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError as error:
        raise _unexpected("status") from error


def _kind(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else error).__name__
