"""One call of an operation, as its handler sees it, and what handlers answer with."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from aiohttp import web

from contract.uscc import Uscc
from gateway.api.access import Admitted
from gateway.api.bodies import MULTIPART, Upload, parse_json, read_upload
from gateway.api.problems import malformed
from gateway.api.rest.description import Description, Operation, Parameters
from gateway.domain.persons import Person
from gateway.domain.request import Caller

PAGE: Final = 50
"""Entries of a page."""

_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that was let in and is as described.

    Attributes:
        operation: Which operation.
        request: The request, for cookies and uploads.
        admitted: As what the caller may call it.
        parameters: Its parameters.
        body: Its body as JSON values, or the fields of its form; None: it has none, or an upload.
        description: The description.
    """

    operation: Operation
    request: web.Request
    admitted: Admitted
    parameters: Parameters
    body: Any
    description: Description

    @property
    def person(self) -> Person:
        """Who is logged in."""
        if self.admitted.person is None:
            raise RuntimeError(f"{self.operation.operation_id} has no person")
        return self.admitted.person

    @property
    def caller(self) -> Caller:
        """On whose behalf."""
        if self.admitted.caller is None:
            raise RuntimeError(f"{self.operation.operation_id} has no caller")
        return self.admitted.caller

    @property
    def enterprise(self) -> Uscc:
        """Which enterprise the person represents."""
        if self.admitted.enterprise is None:
            raise RuntimeError(f"{self.operation.operation_id} has no enterprise")
        return self.admitted.enterprise

    @property
    def is_upload(self) -> bool:
        """Whether its body is a form with a file."""
        return self.request.content_type == MULTIPART

    def path(self, name: str) -> str:
        """A parameter of the path."""
        return str(self.parameters.path[name])

    @property
    def idempotency_key(self) -> str:
        """The caller's key."""
        return str(self.parameters.header["Idempotency-Key"])

    @property
    def limit(self) -> int:
        """How many entries of a page."""
        return int(self.parameters.query.get("limit", PAGE))

    def cursor(self, kind: str, form: str) -> str:
        """From where on a page begins. Empty: from the beginning.

        Args:
            kind: Of which list; a cursor of another one is refused.
            form: What the value looks like, as a regular expression.

        Raises:
            Problem: MALFORMED_REQUEST.
        """
        text = self.parameters.query.get("cursor")
        if text is None:
            return ""
        try:
            found, _, value = base64.urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}").decode("ascii").partition(":")
        except (binascii.Error, ValueError) as error:
            raise _no_cursor() from error
        if found != kind or re.fullmatch(form, value, re.ASCII) is None:
            raise _no_cursor()
        return value

    async def upload(
        self, *, file: str, limit: int, numbers: frozenset[str] = frozenset()
    ) -> tuple[Upload, dict[str, Any]]:
        """Reads a form with a file, held against the description.

        Args:
            file: Which part is the file.
            limit: Bytes of it at most.
            numbers: Fields that are JSON.

        Returns:
            The upload, and its fields as values.

        Raises:
            Problem: MALFORMED_REQUEST, REQUEST_TOO_LARGE.
        """
        sent = await read_upload(self.request, file=file, limit=limit)
        fields = {name: parse_json(text.encode()) if name in numbers else text for name, text in sent.fields.items()}
        self.description.check_body(self.operation, MULTIPART, {**fields, file: ""})
        return sent, fields

    def has(self, etag: str) -> bool:
        """Whether the caller has this already (If-None-Match, compared weakly: RFC 9110, 13.1.2)."""
        known = self.request.if_none_match or ()
        return any(one.value in {"*", etag} for one in known)


Handler: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]


class Handlers(Protocol):
    """The operations of one subject."""

    def operations(self) -> Mapping[str, Handler]:
        """Handlers by operation id."""


def answer(document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON."""
    return web.json_response(document, status=status, headers=headers, dumps=_dumps)


def attachment(content: bytes, *, media_type: str, name: str, etag: str = "") -> web.Response:
    """A file to save. It is never shown in the place of a page."""
    headers = {"Content-Disposition": disposition(name)} | ({"ETag": f'W/"{etag}"'} if etag else {})
    return web.Response(body=content, content_type=media_type, headers=headers)


def disposition(name: str) -> str:
    """The header by which a browser saves a file.

    Raises:
        ValueError: The name would have to be quoted. Names are ours.
    """
    if _SAFE_NAME.fullmatch(name) is None:
        raise ValueError(f"no name of a file to hand out: {name!r}")
    return f'attachment; filename="{name}"'


def not_modified(etag: str, *, weak: bool = True) -> web.Response:
    """What the caller has is as it was."""
    return web.Response(status=304, headers={"ETag": f'W/"{etag}"' if weak else f'"{etag}"'})


def etag_of(*parts: bytes) -> str:
    """Names a version of something by what it is made of."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]


def next_cursor(kind: str, value: str | int) -> str:
    """Where the next page begins. Opaque to callers."""
    return base64.urlsafe_b64encode(f"{kind}:{value}".encode("ascii")).decode().rstrip("=")


def _no_cursor() -> Exception:
    return malformed("cursor 须为前一页所给的 next", "cursor has to be the next of the page before", field="cursor")


def _dumps(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)
