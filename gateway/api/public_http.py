"""What a gateway serves to everybody over HTTP: verification, and beside it the REST API (rest/).

Verification is a page for people and three endpoints for programs. Nobody logs in for it, nothing is remembered.

    GET  /verify                        the page; the QR code's link leads here, its number and code in the fragment
    POST /verify                        its two forms: number and code, or a file; answers with the page
    POST /api/v1/verifications          {"report_number", "code"}
    POST /api/v1/verifications/file     the file is the body
    POST /api/v1/report-statuses        {"report_number", "report_statement_id"}

- A code is never part of a path, a log line, an error or an audit row.
- Bodies are read strictly, up to a limit, in limited time. Nothing is read of a body whose length is announced beyond the limit.
- An address that asks too often is told to wait (gateway/api/rate_limit.py).
- Every answer bears the same security headers; errors are problem documents, and pages on `/verify`.

Source: docs/protocols/verification.md; the REST API: docs/protocols/rest.md
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic as machine_monotonic
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ConfigDict, StringConstraints

from contract.errors import ErrorCode, HurenError
from contract.json_file import JsonFileError, read_json_file
from contract.province import Province
from gateway.api.parts import PeopleParts
from gateway.api.problems import COME_BACK, Problem, malformed, problem_of, too_large, too_slow, unsupported
from gateway.api.public_page import SCRIPT, STYLE, Page, comparison_html, file_html, words_html
from gateway.api.rate_limit import AtOnce, RateLimit, caller_address
from gateway.api.rest.application import rest_routes
from gateway.api.rest.documents import comparison_document
from gateway.federation.directory import Directory
from gateway.portal.application import Portal
from gateway.verification.by_code import CodeResult, CodeVerdict, CodeVerification
from gateway.verification.by_file import (
    FileResult,
    FileTooLargeError,
    FileVerification,
    TooBusyError,
    TooSlowError,
)
from gateway.verification.foreign import NotVerifiableNowError
from gateway.verification.statuses import SignedStatus, Statuses
from gateway.verification.words import Words, words_of
from huren.report.v1 import report_status_pb2
from runtime.clock import Clock

CALLER: Final = "public"
"""Who asks, in the audit. Nobody's address is kept."""

_MAX_TEXT_BYTES: Final = 8 * 1024
_TEXT_WITHIN: Final = timedelta(seconds=10)
_FORM_AROUND_FILE_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 64 * 1024

_BURST: Final = 60
_PER_SECOND: Final = 1.0
"""A counter of a bank or an authority may ask for many people from one address. Source: system default, not confirmed."""

_FILE_COST: Final = 5
_FILES_AT_ONCE: Final = 3
"""Of one address, so that slow uploads of one cannot hold every place. Source: system default, not confirmed."""

_FILE_TYPES: Final = frozenset({"application/octet-stream", "application/pdf", "application/json"})
_NO_FORM: Final = (ValueError, AssertionError, HttpProcessingError)
"""What the library raises of a multipart body that is none."""

_URLENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"

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

_HTTP_STATUS: Final[Mapping[str, int]] = {CodeVerdict.TRY_LATER: 429, CodeVerdict.HOME_UNREACHABLE: 503}
"""Of a verdict; 200 for all others."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicParts:
    """What the application stands on.

    Attributes:
        by_code: Verifies by code.
        by_file: Verifies files.
        statuses: Asks where reports stand.
        directory: Whom to name with address and telephone.
        clock: Now.
        specimen: Outside production: pages say so.
        trusted_proxies: How many proxies in front add to X-Forwarded-For.
        monotonic: Seconds of a clock that never goes back.
    """

    by_code: CodeVerification
    by_file: FileVerification
    statuses: Statuses
    directory: Directory
    clock: Clock
    specimen: bool
    trusted_proxies: int = 0
    monotonic: Callable[[], float] = machine_monotonic


VERIFICATION: Final[Mapping[str, str]] = {
    "verifyByCode": "/api/v1/verifications",
    "verifyByFile": "/api/v1/verifications/file",
    "getReportStatus": "/api/v1/report-statuses",
}
"""Operations that are described (openapi.yaml) and served here; all others are in rest/."""


def public_application(
    parts: PublicParts, rest: PeopleParts | None = None, portal: Portal | None = None
) -> web.Application:
    """The application, to be served by `runtime.http_server.serve_http`.

    Args:
        parts: What verification stands on.
        rest: What the REST API stands on. None: it is not served.
        portal: The pages. None: they are not served.
    """
    routes = [*(rest_routes(rest) if rest else ()), *(portal.routes() if portal else ())]
    handlers = _Handlers(parts, portal, counts_itself=frozenset(str(route.kwargs["name"]) for route in routes))
    application = web.Application(middlewares=[handlers.guard], client_max_size=_MAX_TEXT_BYTES)
    application.on_response_prepare.append(_add_headers)
    application.add_routes(
        [
            web.get("/verify", handlers.page),
            web.get("/verify.js", _static(SCRIPT, "text/javascript")),
            web.get("/verify.css", _static(STYLE, "text/css")),
            web.post("/verify", handlers.form),
            web.post(VERIFICATION["verifyByCode"], handlers.verifications, name="verifyByCode"),
            web.post(VERIFICATION["verifyByFile"], handlers.file, name="verifyByFile"),
            web.post(VERIFICATION["getReportStatus"], handlers.report_statuses, name="getReportStatus"),
            *routes,
        ]
    )
    return application


class _Handlers:
    """One method for each route; `guard` stands around them all."""

    def __init__(self, parts: PublicParts, portal: Portal | None, *, counts_itself: frozenset[str]) -> None:
        """Takes what it needs.

        Args:
            parts: What verification stands on.
            portal: Tells people what went wrong. None: problem documents do.
            counts_itself: Names of routes that count who asks by themselves.
        """
        self._parts = parts
        self._portal = portal
        self._counts_itself = counts_itself
        self._page = Page(specimen=parts.specimen, file_limit_bytes=parts.by_file.limits.size_bytes)
        self._rate = RateLimit(burst=_BURST, per_second=_PER_SECOND, monotonic=parts.monotonic)
        self._files = AtOnce(_FILES_AT_ONCE)

    # --- Around every request ---------------------------------------------------------------------------------------------

    @web.middleware
    async def guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Counts who asks, and tells every fault in the one form."""
        try:
            if request.method != "POST" or request.match_info.route.name in self._counts_itself:
                return await handler(request)
            address = self._admit(request)
            if not _is_file(request):
                return await handler(request)
            with self._files.place(address) as has_place:
                return await handler(request) if has_place else self._told(request, _no_place())
        except Exception as error:  # noqa: BLE001  # told as a problem, whatever it is
            return self._told(request, problem_of(error, request.match_info.route.name or "public"))

    def _admit(self, request: web.Request) -> str:
        """The caller's address, if it may ask now."""
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise unsupported("请求内容不得压缩", "bodies must not be compressed")
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
        address = caller_address(request.remote or "", forwarded, self._parts.trusted_proxies)
        wait_s = self._rate.wait_s(address, _FILE_COST if _is_file(request) else 1)
        if wait_s:
            raise Problem(HurenError(ErrorCode.OVERLOADED, retry_after=timedelta(seconds=wait_s)))
        return address

    def _told(self, request: web.Request, problem: Problem) -> web.StreamResponse:
        if request.path == "/verify":
            told = Words("未能核验", problem.zh.removesuffix("。"), problem.en.removesuffix("."))
            response = self._html(
                words_html(told), headline=told.headline, status=problem.status, headers=problem.headers
            )
        elif self._portal is not None and not request.path.startswith("/api/"):
            response = self._portal.problem(request, problem)
        else:
            response = problem.response()
        if not request.content.at_eof():
            response.force_close()  # the rest of the body is of no use
        return response

    def _html(
        self, result: str, *, headline: str = "", status: int = 200, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        members = [member for _, member in sorted(self._parts.directory.members.items())]
        text = self._page.html(members, result=result, headline=headline)
        return web.Response(text=text, content_type="text/html", status=status, headers=headers)

    # --- For people -------------------------------------------------------------------------------------------------------

    async def page(self, request: web.Request) -> web.Response:
        """The page, nothing asked yet."""
        del request
        return self._html("")

    async def form(self, request: web.Request) -> web.Response:
        """Either form of the page."""
        if request.content_type == _MULTIPART:
            return await self._file_form(request)
        if request.content_type != _URLENCODED:
            raise unsupported("请使用网页表单提交", "a form of the page is expected")
        fields = _form_fields(await _text_body(request))
        result, told = await self._by_code(fields["report_number"], fields["code"])
        return self._html(
            words_html(told) + comparison_html(result.comparison),
            headline=told.headline,
            status=_HTTP_STATUS.get(result.verdict, 200),
            headers=_retry(result),
        )

    async def _file_form(self, request: web.Request) -> web.Response:
        self._require_length(request, _FORM_AROUND_FILE_BYTES)
        try:
            async with asyncio.timeout(_TEXT_WITHIN.total_seconds()):
                part = await (await request.multipart()).next()
        except TimeoutError as error:
            raise too_slow() from error
        except _NO_FORM as error:
            raise malformed("上传的表单无法读取", "the form cannot be read") from error
        if not isinstance(part, BodyPartReader) or part.name != "file" or not part.filename:
            raise malformed("请选择要核验的文件", "choose the file to verify")
        result = await self._by_file(_chunks_of(part))
        return self._html(words_html(result.words) + file_html(result.document), headline=result.words.headline)

    # --- For programs -----------------------------------------------------------------------------------------------------

    async def verifications(self, request: web.Request) -> web.Response:
        """By number and code."""
        asked = await _json_body(request, _ByCode)
        result, told = await self._by_code(asked.report_number, asked.code)
        comparison = result.comparison
        document = _document(result.verdict, told, result.signed) | {
            "limited_scope": comparison.limited if comparison else None,
            "comparison": comparison_document(comparison) if comparison else None,
        }
        return web.json_response(
            document, status=_HTTP_STATUS.get(result.verdict, 200), headers=_retry(result), dumps=_dumps
        )

    async def file(self, request: web.Request) -> web.Response:
        """By file."""
        if request.content_type not in _FILE_TYPES:
            raise unsupported(
                "请以 application/octet-stream、application/pdf 或 application/json 提交文件",
                "send the file as application/octet-stream, application/pdf or application/json",
            )
        self._require_length(request, 0)
        result = await self._by_file(request.content.iter_chunked(_CHUNK_BYTES))
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

    # --- Both -------------------------------------------------------------------------------------------------------------

    async def _by_code(self, report_number: str, code: str) -> tuple[CodeResult, Words]:
        result = await self._parts.by_code.verify_by_code(report_number, code, at=self._parts.clock(), caller=CALLER)
        return result, words_of(result, self._units())

    def _units(self) -> Mapping[Province, str]:
        return {province: member.unit for province, member in self._parts.directory.members.items()}

    async def _by_file(self, chunks: AsyncIterable[bytes]) -> FileResult:
        try:
            return await self._parts.by_file.verify_file(chunks, at=self._parts.clock(), caller=CALLER)
        except FileTooLargeError as error:
            raise self._too_large() from error
        except TooBusyError as error:
            raise Problem(HurenError(ErrorCode.OVERLOADED, retry_after=COME_BACK), status=503) from error
        except TooSlowError as error:
            raise too_slow() from error

    def _require_length(self, request: web.Request, around: int) -> None:
        limit = self._parts.by_file.limits.size_bytes + around
        if request.content_length is not None and request.content_length > limit:
            raise self._too_large()

    def _too_large(self) -> Problem:
        return Problem(
            HurenError(ErrorCode.REQUEST_TOO_LARGE, limit=self._parts.by_file.limits.size_bytes),
            advice=(
                "请改用同一报告的 .report 文件（远小于 .json），或者输入编号和核验码核验。",
                "Use the .report file of the same report, which is much smaller than its .json form, or verify by number and code.",
            ),
        )


def _no_place() -> Problem:
    return Problem(HurenError(ErrorCode.OVERLOADED, retry_after=COME_BACK))


def _is_file(request: web.Request) -> bool:
    return request.path.endswith("/file") or request.content_type == _MULTIPART


# --- Bodies -----------------------------------------------------------------------------------------------------------


async def _json_body(request: web.Request, model: type[_M]) -> _M:
    if request.content_type != "application/json":
        raise unsupported("请以 application/json 提交", "send application/json")
    body = await _text_body(request)
    try:
        return read_json_file(body, model)
    except JsonFileError as error:
        # Its message may quote what was sent, so that only what is expected is told.
        names = "、".join(model.model_fields)
        raise malformed(
            f"请求内容须为 JSON 对象，恰有 {names} 各一项，格式见接口说明",
            f"a JSON object with exactly {', '.join(model.model_fields)}, each as described, is expected",
        ) from error


async def _text_body(request: web.Request) -> bytes:
    if request.content_length is not None and request.content_length > _MAX_TEXT_BYTES:
        raise too_large(_MAX_TEXT_BYTES)
    body = bytearray()
    try:
        async with asyncio.timeout(_TEXT_WITHIN.total_seconds()):
            async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
                body += chunk
                if len(body) > _MAX_TEXT_BYTES:
                    raise too_large(_MAX_TEXT_BYTES)
    except TimeoutError as error:
        raise too_slow() from error
    return bytes(body)


def _form_fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=2
        )
    except ValueError:
        pairs = []
    fields = dict(pairs)
    if fields.keys() != {"report_number", "code"} or len(pairs) != len(fields):
        raise malformed("请填写报告编号和核验码", "enter number and code")
    return fields


async def _chunks_of(part: BodyPartReader) -> AsyncIterator[bytes]:
    try:
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            yield bytes(chunk)
    except _NO_FORM as error:
        raise malformed("上传的表单无法读取", "the form cannot be read") from error


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


def _retry(result: CodeResult) -> dict[str, str]:
    if result.verdict is CodeVerdict.HOME_UNREACHABLE:
        return {"Retry-After": str(round(COME_BACK.total_seconds()))}
    return {"Retry-After": str(round(result.retry_after.total_seconds()))} if result.retry_after else {}


def _static(text: str, content_type: str) -> _Handler:
    async def give(request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(text=text, content_type=content_type)

    return give


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    del request
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "huren"


def _dumps(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)
