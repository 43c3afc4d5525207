"""Bodies, read strictly: of the described type, within a limit, in limited time. Nothing is read beyond a limit.

JSON is read so that every reader reads the same: UTF-8, each name once in an object, numbers that exist, text that can be stored.
Uploads come as parts of a form, each once; a file is read piece by piece up to its own limit.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Never
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.api.problems import malformed, too_large, too_slow, unsupported

MAX_JSON_BYTES: Final = 64 * 1024
MAX_FORM_BYTES: Final = 16 * 1024
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"

_WITHIN_S: Final = 10.0
_UPLOAD_WITHIN_S: Final = 60.0
_CHUNK_BYTES: Final = 64 * 1024
_AROUND_FILE_BYTES: Final = 64 * 1024
_MAX_PARTS: Final = 8
_MAX_LEVELS: Final = 8
_UNFIT: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")
_NO_FORM: Final = (ValueError, AssertionError, HttpProcessingError)
"""What the library raises of a multipart body that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A form with a file in it.

    Attributes:
        fields: Its other parts, as texts.
        file: The file's bytes.
        media_type: What it is said to be.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    file: bytes
    media_type: str


async def read_body(request: web.Request, limit: int) -> bytes:
    """The body as bytes.

    Raises:
        Problem: It is too large, too slow, or compressed.
    """
    _require_plain(request)
    _require_length(request, limit)
    body = bytearray()
    try:
        async with asyncio.timeout(_WITHIN_S):
            async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
                body += chunk
                if len(body) > limit:
                    raise too_large(limit)
    except TimeoutError as error:
        raise too_slow() from error
    return bytes(body)


def parse_json(body: bytes) -> Any:
    """JSON values.

    Raises:
        Problem: MALFORMED_REQUEST.
    """
    try:
        value = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise malformed(
            "请求内容须为 UTF-8 编码的 JSON，同一名称不得重复", "JSON in UTF-8 with each name once is expected"
        ) from error
    if not _is_plain(value):
        raise malformed("请求内容含有控制字符，或者层数过多", "the body holds control characters, or too many levels")
    return value


def parse_form(body: bytes) -> dict[str, str]:
    """Fields of a form, each once.

    Raises:
        Problem: MALFORMED_REQUEST.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_PARTS,
        )
        return _once(pairs)
    except ValueError as error:
        raise malformed("表单无法读取", "the form cannot be read") from error


async def read_upload(request: web.Request, *, file: str, limit: int) -> Upload:
    """A form with one file and some fields.

    Args:
        request: The request.
        file: Name of the part that is the file.
        limit: Bytes of the file at most.

    Raises:
        Problem: It is too large, too slow, compressed, or no such form.
    """
    _require_plain(request)
    _require_length(request, limit + _AROUND_FILE_BYTES)
    try:
        async with asyncio.timeout(_UPLOAD_WITHIN_S):
            return await _parts(request, file, limit)
    except TimeoutError as error:
        raise too_slow() from error
    except _NO_FORM as error:
        raise malformed("上传的表单无法读取", "the form cannot be read") from error


async def _parts(request: web.Request, file: str, limit: int) -> Upload:
    fields: dict[str, str] = {}
    found: tuple[bytes, str] | None = None
    reader = await request.multipart()
    for _ in range(_MAX_PARTS):
        part = await reader.next()
        if part is None:
            break
        if not isinstance(part, BodyPartReader) or part.name is None or part.name in fields:
            raise ValueError("no part of a form, or one that stands twice")
        if part.name != file:
            content = await _part(part, _AROUND_FILE_BYTES)
            fields[part.name] = content.decode()
            if not _is_plain(fields[part.name]):
                raise ValueError("a field holds control characters")
        elif found is None:
            found = (await _part(part, limit), part.headers.get("Content-Type", "").partition(";")[0].strip().lower())
        else:
            raise ValueError("a second file")
    else:
        raise ValueError("too many parts")
    if found is None:
        raise malformed("请选择要上传的文件", "choose the file to send", field=file)
    return Upload(fields=fields, file=found[0], media_type=found[1])


async def _part(part: BodyPartReader, limit: int) -> bytes:
    if any(name in part.headers for name in ("Content-Encoding", "Content-Transfer-Encoding")):
        raise ValueError("an encoded part")
    content = bytearray()
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        content += chunk
        if len(content) > limit:
            raise too_large(limit)
    return bytes(content)


def _require_plain(request: web.Request) -> None:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise unsupported("请求内容不得压缩", "bodies must not be compressed")


def _require_length(request: web.Request, limit: int) -> None:
    if request.content_length is not None and request.content_length > limit:
        raise too_large(limit)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refuse(name: str) -> Never:
    raise ValueError(f"{name} is no number of JSON")


def _is_plain(value: Any, levels: int = _MAX_LEVELS) -> bool:
    """Whether every text in it can be stored and shown (no control characters, no halves of characters), and it is not too deep."""
    if isinstance(value, str):
        return _UNFIT.search(value) is None
    if not isinstance(value, dict | list):
        return True
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    return levels > 0 and all(_is_plain(one, levels - 1) for one in inner)
