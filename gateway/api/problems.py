"""Errors as problem documents (RFC 9457), by the error table (contract/errors.py).

`status` may be more exact than the table's where HTTP has a status of its own for it (405, 408, 415).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from contract.errors import HurenError, Origin, Retry

MEDIA_TYPE: Final = "application/problem+json"


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
        )


def problem_response(
    code: str,
    *,
    status: int,
    words: tuple[str, str],
    origin: Origin,
    retry: Retry,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A problem document.

    Args:
        code: Stable code.
        status: HTTP status.
        words: What to tell, in Chinese and in English.
        origin: Whose fault it is.
        retry: Whether asking again helps.
        headers: Further headers.
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
    }
    return web.Response(
        status=status,
        text=json.dumps(document, ensure_ascii=False),
        content_type=MEDIA_TYPE,
        headers=headers,
    )
