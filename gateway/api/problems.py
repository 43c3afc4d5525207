"""Errors as problem documents (RFC 9457), by the error table (contract/errors.py).

`status` may be more exact than the table's where HTTP has a status of its own for it (405, 408, 415). `problem_of` turns whatever
went wrong in a request into a problem, the same for everything that is served over HTTP; what nobody foresaw is told as INTERNAL
and nothing else.
"""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web

from contract.errors import ErrorCode, HurenError, Origin, Retry
from contract.province import Province
from huren.common.v1 import common_pb2
from runtime.errors import StoreUnavailableError

_log: Final = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

COME_BACK: Final = timedelta(seconds=10)
"""When asking again may help, where nothing better is known."""


class Problem(Exception):  # noqa: N818  # the word of RFC 9457
    """Something that is answered with a problem document.

    Attributes:
        error: The error of the table.
        status: The HTTP status.
        advice: What else to do, in Chinese and in English; empty: the error's sentence says it all.
        headers: Further headers.
    """

    def __init__(
        self,
        error: HurenError,
        *,
        status: int | None = None,
        advice: tuple[str, str] = ("", ""),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.error = error
        self.status = status or error.row.http_status
        self.advice = advice
        self.headers = dict(headers or {})
        if error.retry_after is not None:
            self.headers["Retry-After"] = str(math.ceil(error.retry_after.total_seconds()))
        super().__init__(error.code)

    @property
    def zh(self) -> str:
        """What to tell, in Chinese."""
        return self.error.message_zh + self.advice[0]

    @property
    def en(self) -> str:
        """The same in English."""
        return f"{self.error.message_en} {self.advice[1]}".strip()

    def response(self) -> web.Response:
        """The problem document."""
        row = self.error.row
        return problem_response(
            self.error.code,
            status=self.status,
            words=(self.zh, self.en),
            origin=row.origin,
            retry=row.retry,
            headers=self.headers,
            further=_further(self.error),
        )


def problem_response(
    code: str,
    *,
    status: int,
    words: tuple[str, str],
    origin: Origin,
    retry: Retry,
    headers: Mapping[str, str] | None = None,
    further: Mapping[str, Any] | None = None,
) -> web.Response:
    """A problem document.

    Args:
        code: Stable code.
        status: HTTP status.
        words: What to tell, in Chinese and in English.
        origin: Whose fault it is.
        retry: Whether asking again helps.
        headers: Further headers.
        further: Further members.
    """
    document: dict[str, Any] = {
        "type": f"urn:huren:error:{code}",
        "title": code,
        "status": status,
        "detail": words[0],
        "detail_en": words[1],
        "code": code,
        "origin": origin,
        "retry": retry,
        **(further or {}),
    }
    return web.Response(
        status=status,
        text=json.dumps(document, ensure_ascii=False),
        content_type=MEDIA_TYPE,
        headers=headers,
    )


def problem_of(error: Exception, where: str) -> Problem:
    """The problem that an exception is told as. What nobody foresaw is logged.

    Args:
        error: What was raised.
        where: What was asked for, for the log; never anything that was sent.
    """
    match error:
        case Problem():
            return error
        case HurenError():
            return Problem(error)
        case web.HTTPException():
            return _routing_problem(error)
        case web.RequestPayloadError() | ConnectionError():
            _log.info("body broke off", reason=type(error).__name__)
            return malformed("请求内容未完整送达", "the body broke off")
        case StoreUnavailableError():
            return Problem(HurenError(ErrorCode.STORE_UNAVAILABLE, retry_after=COME_BACK))
        case _:
            # Neither message nor variables, as a logged exception has them: a code or a token may stand in them.
            trace = "".join(traceback.format_tb(error.__traceback__))
            _log.error("public request failed", path=where, error=type(error).__name__, where=trace)
            return Problem(HurenError(ErrorCode.INTERNAL))


def malformed(zh: str, en: str, *, status: int = 400, field: str = "") -> Problem:
    """A request that is not as described. The words hold nothing that was sent."""
    error = HurenError(ErrorCode.MALFORMED_REQUEST, field=field, problem_zh=zh, problem_en=en)
    return Problem(error, status=status)


def unsupported(zh: str, en: str) -> Problem:
    """A body of another kind."""
    return malformed(zh, en, status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def too_slow() -> Problem:
    """A body that takes too long."""
    return malformed("请求内容未在限定时间内送达", "the body did not arrive in time", status=HTTPStatus.REQUEST_TIMEOUT)


def too_large(limit: int) -> Problem:
    """A body that is larger than the limit in bytes."""
    return Problem(HurenError(ErrorCode.REQUEST_TOO_LARGE, limit=limit))


def _routing_problem(error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(HurenError(ErrorCode.METHOD_UNKNOWN), status=405, headers={"Allow": allowed})
    if isinstance(error, web.HTTPNotFound):
        return Problem(HurenError(ErrorCode.METHOD_UNKNOWN))
    return malformed("请求无法读取", "it cannot be read", status=error.status if error.status < 500 else 400)  # noqa: PLR2004


def _further(error: HurenError) -> dict[str, Any]:
    """Where the fault is, and whom to turn to, as far as the error says so."""
    further: dict[str, Any] = {}
    if error.field:
        further["field"] = error.field
    if error.province is not None:
        further["province"] = _code(error.province)
    if error.contact is not None:
        contact = error.contact
        further["contact"] = {"unit": contact.unit, "telephone": contact.telephone, "url": contact.url}
    return further


def _code(province: Province) -> str:
    return common_pb2.Province.Name(province.wire).removeprefix("PROVINCE_")
