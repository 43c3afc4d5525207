"""The page where everybody verifies: by the camera, by number and code, by file.

    GET  /verify      the page; the QR code's link leads here, its number and code in the fragment
    POST /verify      its two forms; answers with the page, the result on top

Nobody logs in for it. A form changes nothing, and is read here: number and code strictly and in full, a file as it arrives, so that
nothing of it is held in memory. Whatever goes wrong is told where the result would stand. The number stays in its field; a code is
never repeated.

Source: docs/protocols/verification.md
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from contract.reasons import Words
from contract.wording import CELL_LEGEND
from gateway.api.bodies import FORM, MULTIPART, parse_form, read_body
from gateway.api.problems import Problem, malformed, problem_of, too_slow, unsupported
from gateway.api.public_verification import MAX_TEXT_BYTES, http_status, retry_headers
from gateway.portal.parts import PortalParts
from gateway.portal.verdict import Verdict, headline_of, verdict_of_code, verdict_of_file, verdict_of_problem
from gateway.portal.visit import Answer, Handler, View, Visit
from gateway.verification.words import HOME_UNREACHABLE

_FORM_AROUND_FILE_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 64 * 1024
_FIRST_PART_WITHIN_S: Final = 10.0

_NO_FORM: Final = (ValueError, AssertionError, HttpProcessingError)
"""What the library raises of a multipart body that is none."""

_TOKEN: Final = "csrf"  # noqa: S105  # the name of a field
"""What every form of the pages carries. Nobody looks at it here: verifying changes nothing."""

_HEADERS: Final = {"Permissions-Policy": "camera=(self), geolocation=(), microphone=()"}
"""The camera is for this page alone."""

_PAGE: Final = "verification/verify.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What is answered.

    Attributes:
        verdict: What the page shows.
        status: HTTP status.
        headers: Further headers.
        number: What was filled in as the number.
    """

    verdict: Verdict
    status: int = 200
    headers: Mapping[str, str]
    number: str = ""


class VerificationSection:
    """The page for verification, and what its forms are answered with."""

    def __init__(self, parts: PortalParts) -> None:
        self._parts = parts

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"verify": self.verify, "verify_form": self.verify_form}

    async def verify(self, visit: Visit) -> Answer:
        """The page, nothing asked yet."""
        del visit
        return self._view(None)

    async def verify_form(self, visit: Visit) -> Answer:
        """Either form of the page."""
        try:
            with self._parts.verification.admitted(visit.request):
                told = await self._told(visit.request)
        except Exception as error:  # noqa: BLE001  # told where the result would stand, whatever it is
            problem = problem_of(error, "POST verify_form")
            told = _Told(verdict=verdict_of_problem(problem), status=problem.status, headers=problem.headers)
        return self._view(told)

    async def _told(self, request: web.Request) -> _Told:
        if request.content_type == MULTIPART:
            return await self._file(request)
        if request.content_type != FORM:
            raise unsupported("请使用网页表单提交", "a form of the page is expected")
        fields = _fields(await read_body(request, MAX_TEXT_BYTES))
        number = fields["report_number"].strip()
        result, words = await self._parts.verification.by_code(number, fields["code"])
        return _Told(
            verdict=verdict_of_code(result, words),
            status=http_status(result),
            headers=retry_headers(result),
            number=number,
        )

    async def _file(self, request: web.Request) -> _Told:
        verification = self._parts.verification
        verification.require_length(request, around_bytes=_FORM_AROUND_FILE_BYTES)
        try:
            async with asyncio.timeout(_FIRST_PART_WITHIN_S):
                part = await (await request.multipart()).next()
        except TimeoutError as error:
            raise too_slow() from error
        except _NO_FORM as error:
            raise malformed("上传的表单无法读取", "the form cannot be read") from error
        if not isinstance(part, BodyPartReader) or part.name != "file" or not part.filename:
            raise malformed("请选择要核验的文件", "choose the file to verify")
        return _Told(verdict=verdict_of_file(await verification.by_file(_chunks_of(part))), headers={})

    def _view(self, told: _Told | None) -> View:
        members = self._parts.directory.members
        return View(
            template=_PAGE,
            title=_title(told.verdict) if told else None,
            status=told.status if told else 200,
            headers={**_HEADERS, **(told.headers if told else {})},
            values={
                "verdict": told.verdict if told else None,
                "number": told.number if told else "",
                "limit_mb": self._parts.verification.limits.size_bytes // (1024 * 1024),
                "legend": CELL_LEGEND,
                "members": [member for _, member in sorted(members.items())],
                "unreachable": Words(f"{HOME_UNREACHABLE.advice}。", f"{HOME_UNREACHABLE.english}."),
                "unreachable_headline": headline_of(HOME_UNREACHABLE.headline),
            },
        )


def _title(verdict: Verdict) -> Words:
    return Words(f"{verdict.headline.zh} · 核验报告", f"{verdict.headline.en or verdict.headline.zh} · Verify a report")


def _fields(body: bytes) -> dict[str, str]:
    """Number and code, both filled in, and nothing else."""
    try:
        fields = parse_form(body)
    except Problem:
        fields = {}
    fields.pop(_TOKEN, None)
    if fields.keys() != {"report_number", "code"} or not all(map(str.strip, fields.values())):
        raise malformed("请填写报告编号和核验码", "enter number and code")
    return fields


async def _chunks_of(part: BodyPartReader) -> AsyncIterator[bytes]:
    try:
        while chunk := await part.read_chunk(_CHUNK_BYTES):
            yield bytes(chunk)
    except _NO_FORM as error:
        raise malformed("上传的表单无法读取", "the form cannot be read") from error
