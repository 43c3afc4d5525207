"""What a gateway serves to everybody over HTTP: verification for programs, the REST API and the pages.

Verification for people is one of the pages (gateway/portal/sections/verification.py). Nobody logs in for it, nothing is remembered.

    POST /api/v1/verifications          {"report_number", "code"}
    POST /api/v1/verifications/file     the file is the body
    POST /api/v1/report-statuses        {"report_number", "report_statement_id"}

- A code is never part of a path, a log line, an error or an audit row.
- Bodies are read strictly, up to a limit, in limited time. Nothing is read of a body whose length is announced beyond the limit.
- An address that asks too often is told to wait (gateway/api/public_verification.py), by programs and on the page together.
- Every answer bears the same security headers; errors are problem documents below /api/, and pages elsewhere.

Source: docs/protocols/verification.md; the REST API: docs/protocols/rest.md
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from contract.errors import ErrorCode, HurenError
from contract.json_file import JsonFileError, read_json_file
from gateway.api.bodies import read_body
from gateway.api.parts import PeopleParts
from gateway.api.problems import COME_BACK, Problem, malformed, problem_of, unsupported
from gateway.api.public_verification import (
    CALLER,
    MAX_TEXT_BYTES,
    PublicVerification,
    http_status,
    retry_headers,
)
from gateway.api.rest.application import rest_routes
from gateway.api.rest.documents import comparison_document
from gateway.verification.foreign import NotVerifiableNowError
from gateway.verification.statuses import SignedStatus, Statuses
from gateway.verification.words import Words
from huren.report.v1 import report_status_pb2
from runtime.clock import Clock

_CHUNK_BYTES: Final = 64 * 1024
_FILE_TYPES: Final = frozenset({"application/octet-stream", "application/pdf", "application/json"})

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Browsers heed it over TLS only, which ends at the proxy before us.
    "Strict-Transport-Security": "max-age=31536000",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Where a handler has not set its own."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Text = Annotated[str, StringConstraints(max_length=256)]


class _ByCode(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    report_number: _Text
    code: _Text


class _ByStatement(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    report_number: _Text
    report_statement_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


_M = TypeVar("_M", bound=BaseModel)


class Pages(Protocol):
    """The pages for people (gateway/portal/application.py)."""

    def routes(self) -> list[web.RouteDef]:
        """The routes, each with a name of its own."""

    def problem(self, request: web.Request, problem: Problem) -> web.StreamResponse:
        """A problem as a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicParts:
    """What the application stands on.

    Attributes:
        verification: Verifies, for whoever asks.
        statuses: Asks where reports stand.
        clock: Now.
    """

    verification: PublicVerification
    statuses: Statuses
    clock: Clock


VERIFICATION: Final[Mapping[str, str]] = {
    "verifyByCode": "/api/v1/verifications",
    "verifyByFile": "/api/v1/verifications/file",
    "getReportStatus": "/api/v1/report-statuses",
}
"""Operations that are described (openapi.yaml) and served here; all others are in rest/."""


def public_application(parts: PublicParts, *, portal: Pages, people: PeopleParts | None = None) -> web.Application:
    """The application, to be served by `runtime.http_server.serve_http`.

    Args:
        parts: What verification stands on.
        portal: The pages. A QR code leads to one of them, so that there is no gateway without.
        people: What the REST API stands on. None: it is not served.
    """
    routes = [*(rest_routes(people, page_of=portal.problem) if people else ()), *portal.routes()]
    handlers = _Handlers(parts, portal, counts_itself=frozenset(str(route.kwargs["name"]) for route in routes))
    application = web.Application(middlewares=[handlers.guard], client_max_size=MAX_TEXT_BYTES)
    application.on_response_prepare.append(_add_headers)
    application.add_routes(
        [
            web.post(VERIFICATION["verifyByCode"], handlers.verifications, name="verifyByCode"),
            web.post(VERIFICATION["verifyByFile"], handlers.file, name="verifyByFile"),
            web.post(VERIFICATION["getReportStatus"], handlers.report_statuses, name="getReportStatus"),
            *routes,
        ]
    )
    return application


class _Handlers:
    """One method for each route; `guard` stands around them all."""

    def __init__(self, parts: PublicParts, portal: Pages, *, counts_itself: frozenset[str]) -> None:
        """Takes what it needs.

        Args:
            parts: What verification stands on.
            portal: Tells people what went wrong.
            counts_itself: Names of routes that count who asks by themselves.
        """
        self._parts = parts
        self._portal = portal
        self._counts_itself = counts_itself

    @web.middleware
    async def guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Counts who asks, and tells every fault in the one form."""
        try:
            if request.method != "POST" or request.match_info.route.name in self._counts_itself:
                return await handler(request)
            with self._parts.verification.admitted(request):
                return await handler(request)
        except Exception as error:  # noqa: BLE001  # told as a problem, whatever it is
            return self._told(request, problem_of(error, request.match_info.route.name or "public"))

    def _told(self, request: web.Request, problem: Problem) -> web.StreamResponse:
        if request.path.startswith("/api/"):
            response: web.StreamResponse = problem.response()
        else:
            response = self._portal.problem(request, problem)
        if not request.content.at_eof():
            response.force_close()  # the rest of the body is of no use
        return response

    async def verifications(self, request: web.Request) -> web.Response:
        """By number and code."""
        asked = await _json_body(request, _ByCode)
        result, told = await self._parts.verification.by_code(asked.report_number, asked.code)
        comparison = result.comparison
        document = _document(result.verdict, told, result.signed) | {
            "limited_scope": comparison.limited if comparison else None,
            "comparison": comparison_document(comparison) if comparison else None,
        }
        return web.json_response(document, status=http_status(result), headers=retry_headers(result), dumps=_dumps)

    async def file(self, request: web.Request) -> web.Response:
        """By file."""
        if request.content_type not in _FILE_TYPES:
            raise unsupported(
                "请以 application/octet-stream、application/pdf 或 application/json 提交文件",
                "send the file as application/octet-stream, application/pdf or application/json",
            )
        self._parts.verification.require_length(request)
        result = await self._parts.verification.by_file(request.content.iter_chunked(_CHUNK_BYTES))
        document = _document(result.verdict, result.words, result.signed) | {
            "limited_scope": result.document.get("limited_scope"),
            "file": dict(result.document) or None,
        }
        return web.json_response(document, dumps=_dumps)

    async def report_statuses(self, request: web.Request) -> web.Response:
        """The signed status of a report that somebody holds."""
        asked = await _json_body(request, _ByStatement)
        try:
            signed = await self._parts.statuses.by_statement(
                asked.report_number, bytes.fromhex(asked.report_statement_id), at=self._parts.clock(), caller=CALLER
            )
        except NotVerifiableNowError as error:
            raise Problem(
                HurenError(ErrorCode.HOME_UNREACHABLE, province=error.home),
                headers={"Retry-After": str(round(COME_BACK.total_seconds()))},
            ) from error
        if signed is None:
            raise Problem(HurenError(ErrorCode.REPORT_NOT_FOUND))
        return web.json_response({"status": base64.b64encode(signed.envelope).decode()}, dumps=_dumps)


# --- Bodies -----------------------------------------------------------------------------------------------------------


async def _json_body(request: web.Request, model: type[_M]) -> _M:
    if request.content_type != "application/json":
        raise unsupported("请以 application/json 提交", "send application/json")
    body = await read_body(request, MAX_TEXT_BYTES)
    try:
        return read_json_file(body, model)
    except JsonFileError as error:
        # Its message may quote what was sent, so that only what is expected is told.
        names = "、".join(model.model_fields)
        raise malformed(
            f"请求内容须为 JSON 对象，恰有 {names} 各一项，格式见接口说明",
            f"a JSON object with exactly {', '.join(model.model_fields)}, each as described, is expected",
        ) from error


# --- Answers ----------------------------------------------------------------------------------------------------------


def _document(verdict: str, told: Words, signed: SignedStatus | None) -> dict[str, Any]:
    status = signed.status if signed else report_status_pb2.ReportStatus()
    revocation = report_status_pb2.RevocationCategory.Name(status.revocation).removeprefix("REVOCATION_CATEGORY_")
    return {
        "verdict": verdict,
        "headline": told.headline,
        "advice": told.advice,
        "english": told.english,
        "status": base64.b64encode(signed.envelope).decode() if signed else None,
        "since": status.since or None,
        "revocation": revocation if status.revocation else None,
    }


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    del request
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "huren"


def _dumps(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)
