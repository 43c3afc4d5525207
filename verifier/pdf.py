"""What a PDF holds of ours, found without following its structure.

A file that somebody hands in may be made to harm whoever reads it: objects that refer to themselves, tables that lie, streams that
grow a thousandfold. So nothing here builds objects or follows a reference. The bytes are searched:

- The seal is one `/ByteRange` with the signature in its gap (verifier/seal_check.py). It covers every byte of the file, so once it
  verifies, all that stands in the file is the home's.
- The statement is what a stream gives that is an envelope with a report in it. Streams stand in the clear in every PDF (none is
  ever inside an object stream: ISO 32000-2, 7.5.7), and Flate streams know their own end.

What is inflated is counted; a file that goes beyond the limit is given up. Searching is linear in the size of the file.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from contract.report_file import STATEMENT_MEDIA_TYPE

MAX_WORK_BYTES: Final = 96 * 1024 * 1024
"""Read from streams and inflated out of them, all of a file together. A report of 10 000 records has a few megabytes."""

MAX_STREAMS: Final = 100_000
"""A report has a few streams for each page and font."""

REPORT_MARK: Final = b"application/vnd.huren.report.v"
"""Stands in every report's statement, behind the payload; a file without it, as it is or inflated, never held one."""

_HEAD: Final = b"%PDF-"
_HEAD_WITHIN: Final = 1024
"""Where readers look for it. Source: ISO 32000-1, annex H, implementation note 13."""

_STREAM: Final = re.compile(rb"(?<!end)stream\r?\n")
_CHUNK_BYTES: Final = 64 * 1024
_HEAD_BYTES: Final = 64
"""Of a stream, enough to inflate its first byte in most cases; where it is not, more is read."""

_DICTIONARY_BYTES: Final = 512
"""How far before a stream its dictionary is looked at."""

_DECLARED: Final = STATEMENT_MEDIA_TYPE.partition("/")[2].encode()
"""Part of the media type that the embedded file is declared with: a name in the file's own dictionary, which is never packed."""

_EMBEDDED_FILE: Final = re.compile(rb"/EmbeddedFile(?![A-Za-z])")
_IMAGE: Final = re.compile(rb"/Subtype\s{0,8}/Image")
_FIRST_FIELD: Final = b"\n"
"""First byte of every envelope: field 1, of known length."""


class TooMuchError(ValueError):
    """The file unpacks to more than is looked at."""


@dataclass(frozen=True, slots=True)
class PdfContent:
    """What a PDF holds of ours.

    Attributes:
        statements: The reports' statements in Flate streams, at most two.
        holds_statement: There is one, readable or not, or it is declared.
        embedded_files: How many embedded files are declared.
        is_images_only: There are images and no font: a scan, a photo or a screen shot.
        is_encrypted: It says that it is.
    """

    statements: tuple[bytes, ...]
    holds_statement: bool
    embedded_files: int
    is_images_only: bool
    is_encrypted: bool


def is_pdf(data: bytes) -> bool:
    """Whether it calls itself a PDF and holds at least one object."""
    return _HEAD in data[:_HEAD_WITHIN] and b" obj" in data


def read_pdf(data: bytes) -> PdfContent:
    """Searches a file that `is_pdf`.

    Raises:
        TooMuchError: It unpacks to more than `MAX_WORK_BYTES`, or has more than `MAX_STREAMS`.
    """
    budget = _Budget(MAX_WORK_BYTES)
    statements: list[bytes] = []
    has_font = b"/Font" in data
    has_image = _IMAGE.search(data) is not None
    for start, dictionary in _streams(data):
        first = _inflate(data, start, 1, budget)
        if first == _FIRST_FIELD and len(statements) <= 1:
            content = _inflate(data, start, budget.left, budget)
            if REPORT_MARK in content:
                statements.append(content)
        elif has_image and not has_font and b"/ObjStm" in dictionary:
            has_font = b"/Font" in _inflate(data, start, budget.left, budget)
    return PdfContent(
        statements=tuple(statements),
        holds_statement=bool(statements) or _DECLARED in data,
        embedded_files=len(_EMBEDDED_FILE.findall(data)),
        is_images_only=has_image and not has_font,
        is_encrypted=b"/Encrypt" in data,
    )


class _Budget:
    """How much work may still be done."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left <= 0:
            raise TooMuchError(f"more than {MAX_WORK_BYTES} bytes")


def _streams(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Where each stream's bytes begin, and what stands before it."""
    for number, found in enumerate(_STREAM.finditer(data)):
        if number == MAX_STREAMS:
            raise TooMuchError(f"more than {MAX_STREAMS} streams")
        dictionary = data[max(0, found.start() - _DICTIONARY_BYTES) : found.start()]
        yield found.end(), dictionary[dictionary.rfind(b" obj") + 1 :]


def _inflate(data: bytes, start: int, limit: int, budget: _Budget) -> bytes:
    """The first bytes of a Flate stream; empty where there is none. What is damaged ends where the damage begins."""
    inflater = zlib.decompressobj()
    parts: list[bytes] = []
    size = 0
    position = start
    try:
        while size < limit and not inflater.eof:
            pending = inflater.unconsumed_tail
            if not pending:
                pending = data[position : position + min(_CHUNK_BYTES, 2 * limit + _HEAD_BYTES)]
                position += len(pending)
            if not pending:
                break
            part = inflater.decompress(pending, min(_CHUNK_BYTES, limit - size))
            parts.append(part)
            size += len(part)
            budget.spend(len(part) + len(pending) - len(inflater.unconsumed_tail))
    except zlib.error:
        pass
    return b"".join(parts)
