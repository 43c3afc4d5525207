"""Answers that are too large for memory: written to a file that has no name, and sent from there."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import IO, BinaryIO, Final

from aiohttp import web

_CHUNK_BYTES: Final = 64 * 1024


async def written_apart(
    write: Callable[[BinaryIO], Awaitable[None]], *, media_type: str, disposition: str
) -> web.Response:
    """An answer with what is written.

    Args:
        write: Writes it. Whatever it raises comes from here, and nothing was sent then.
        media_type: What it is.
        disposition: Content-Disposition.
    """
    file = await asyncio.to_thread(tempfile.TemporaryFile)
    try:
        await write(file)
        size = await asyncio.to_thread(_rewound, file)
    except BaseException:
        file.close()
        raise
    headers = {"Content-Disposition": disposition, "Content-Length": str(size)}
    return web.Response(body=_content_of(file), content_type=media_type, headers=headers)


def _rewound(file: IO[bytes]) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


async def _content_of(file: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
    finally:
        file.close()
