"""Verification of a file that somebody hands in: the stand-alone verifier in a process of its own, then the home's status.

1  There are few places; who finds none is told to come back (`TooBusyError`).
2  The file is written to a temporary file that only this user can read, never more of it than the limit, in limited time.
3  The verifier reads it: at most so many at once, each within limits of memory and time (gateway/verification/confined.py).
   Whatever becomes of it, the temporary file is deleted.
4  An authentic report's status is asked of its home.

The gateway never parses what was handed in; what it reads is the verifier's answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.verification import words
from gateway.verification.by_code import VERDICT_OF_STATE, CodeVerdict
from gateway.verification.foreign import NotVerifiableNowError
from gateway.verification.statuses import SignedStatus, Statuses
from gateway.verification.words import Stated, Words

_log: Final = structlog.get_logger(__name__)

AUTHENTIC: Final = "AUTHENTIC_STATUS_NOT_CHECKED"
"""The verifier's verdict about a file that is as issued; it asks nobody about the status, so that the gateway does."""

SUPERSEDED: Final = "SUPERSEDED"
"""Its verdict about such a file that lists a record which is not disclosed any more: the clock alone says so."""

_AUTHENTIC: Final = frozenset({AUTHENTIC, SUPERSEDED})

UNKNOWN: Final = "UNKNOWN"
NOT_READ_IN_TIME: Final = "NOT_READ_IN_TIME"

_FACTS: Final = (
    *("report_number", "report_statement_id", "specimen", "issuer", "masked_uscc", "name", "issued_at"),
    *("limited_scope", "signers"),
)
"""What may be shown of an authentic file, of what the verifier says."""

_COMPARED: Final = ("window", "catalogue_version", "conclusion", "not_covered", "penalties", "list_entries")
"""What else may be shown to compare with the report in hand, with VALID only."""

_FAULTS: Final = ("reason", "file_sha256", "trust_published_at")
"""What may be shown of any file."""

_MAX_ANSWER_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """How much verification of files may take.

    Attributes:
        size_bytes: Of a file.
        at_once: How many files are read at a time.
        places: How many are received, wait or are read, all together.
        receiving: For how long a file may be on its way.
        reading: For how long it may be read.
    """

    size_bytes: int = 20 * 1024 * 1024
    at_once: int = 2
    places: int = 8
    receiving: timedelta = timedelta(seconds=60)
    reading: timedelta = timedelta(seconds=20)


class FileTooLargeError(Exception):
    """The file is larger than the limit; the rest of it was not read."""


class TooBusyError(Exception):
    """No place is free."""


class TooSlowError(Exception):
    """The file did not arrive in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """What is told.

    Attributes:
        verdict: A verdict by code, or of the verifier.
        words: What people are told.
        document: What the verifier says about the file; nothing of the report unless it may be shown.
        signed: The home's status, where the file is authentic.
    """

    verdict: str
    words: Words
    document: Mapping[str, Any]
    signed: SignedStatus | None = None


class FileVerification:
    """Verifies files of any member's reports."""

    def __init__(self, *, trust: Path, statuses: Statuses, limits: FileLimits | None = None) -> None:
        """Takes what it needs.

        Args:
            trust: The trust directory.
            statuses: Asks homes.
            limits: How much it may take.
        """
        self.limits = limits or FileLimits()
        self._trust = trust
        self._statuses = statuses
        self._free_places = self.limits.places
        self._reading = asyncio.Semaphore(self.limits.at_once)

    async def verify_file(self, chunks: AsyncIterable[bytes], *, at: datetime, caller: str) -> FileResult:
        """Verifies a file as it arrives.

        Args:
            chunks: Its bytes.
            at: Now.
            caller: Who asks, for the audit.

        Raises:
            TooBusyError, FileTooLargeError, TooSlowError: It was not verified.
        """
        async with self._place():  # 1
            document = await self._read(chunks)
        if document is None:
            return FileResult(verdict=NOT_READ_IN_TIME, words=words.NOT_READ_IN_TIME, document={})
        if document["verdict"] not in _AUTHENTIC:
            return FileResult(
                verdict=str(document["verdict"]), words=_own_words(document), document=_only(document, _FAULTS)
            )
        return await self._with_status(document, at=at, caller=caller)  # 4

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._free_places == 0:
            raise TooBusyError
        self._free_places -= 1
        try:
            yield
        finally:
            self._free_places += 1

    async def _read(self, chunks: AsyncIterable[bytes]) -> Mapping[str, Any] | None:
        descriptor, name = tempfile.mkstemp(prefix="huren-verify-")  # readable for this user alone
        try:
            with os.fdopen(descriptor, "wb") as file:
                await self._receive(chunks, file)  # 2
            async with self._reading:
                return await self._run(Path(name))  # 3
        finally:
            await asyncio.to_thread(os.unlink, name)

    async def _receive(self, chunks: AsyncIterable[bytes], file: Any) -> None:
        received = 0
        try:
            async with asyncio.timeout(self.limits.receiving.total_seconds()):
                async for chunk in chunks:
                    received += len(chunk)
                    if received > self.limits.size_bytes:
                        raise FileTooLargeError
                    file.write(chunk)
        except TimeoutError as error:
            raise TooSlowError from error

    async def _run(self, file: Path) -> Mapping[str, Any] | None:
        """What the verifier says; None: it was ended before it said anything."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "gateway.verification.confined", str(file), str(self._trust)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=file.parent,
            env={"LANG": "C.UTF-8"},
        )
        if process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        answer = bytearray()
        try:
            async with asyncio.timeout(self.limits.reading.total_seconds()):
                while len(answer) <= _MAX_ANSWER_BYTES and (chunk := await process.stdout.read(65536)):
                    answer += chunk
                if len(answer) <= _MAX_ANSWER_BYTES:
                    await process.wait()
        except TimeoutError:
            answer.clear()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        return _document(bytes(answer), process.returncode)

    async def _with_status(self, document: Mapping[str, Any], *, at: datetime, caller: str) -> FileResult:
        number, statement = str(document["report_number"]), bytes.fromhex(str(document["report_statement_id"]))
        try:
            signed = await self._statuses.by_statement(number, statement, at=at, caller=caller)
        except NotVerifiableNowError:
            if document["verdict"] == SUPERSEDED:
                return FileResult(verdict=SUPERSEDED, words=_own_words(document), document={})
            told = words.with_scope(words.AUTHENTIC_STATUS_UNKNOWN, limited=bool(document["limited_scope"]))
            return FileResult(verdict=AUTHENTIC, words=told, document=_only(document, _FACTS + _FAULTS))
        if signed is None:
            return FileResult(verdict=UNKNOWN, words=words.AUTHENTIC_NOT_KNOWN, document={})
        verdict = VERDICT_OF_STATE[signed.status.state]
        if document["verdict"] == SUPERSEDED and verdict is not CodeVerdict.REVOKED:
            return FileResult(verdict=SUPERSEDED, words=_own_words(document), document={}, signed=signed)
        is_valid = verdict is CodeVerdict.VALID
        told = words.status_words(signed.status, str(document["issuer"]), _stated(document) if is_valid else None)
        shown = _only(document, _FACTS + _COMPARED + _FAULTS) if is_valid else {}
        return FileResult(verdict=verdict, words=told, document=shown, signed=signed)


def _only(document: Mapping[str, Any], names: Iterable[str]) -> Mapping[str, Any]:
    return {name: document[name] for name in names if name in document}


def _stated(document: Mapping[str, Any]) -> Stated:
    return Stated(
        issued_at=datetime.fromisoformat(document["issued_at"]),
        limited=bool(document["limited_scope"]),
        not_covered=[str(one) for one in document["not_covered"]],
    )


def _own_words(document: Mapping[str, Any]) -> Words:
    return Words(str(document["headline"]), str(document["advice"]), str(document["english"]))


def _document(answer: bytes, returncode: int | None) -> Mapping[str, Any] | None:
    try:
        document = json.loads(answer)
    except ValueError:
        _log.warning("verifier ended without an answer", returncode=returncode)
        return None
    if not isinstance(document, dict) or "verdict" not in document:
        raise RuntimeError("the verifier does not work here: its trust data or its installation is not in order")
    return document
