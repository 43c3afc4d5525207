"""What whoever verifies goes through, on the page and as a program alike: how often, how much at a time, and what is asked of whom.

Nobody logs in for it, and nothing is remembered: neither addresses nor codes.

- An address that asks too often is told to wait; a file takes more of its share than a code.
- Slow uploads of one address do not hold the places that all share.
- Bodies that are compressed, or announced to be larger than the limit, are refused unread.

Source: docs/protocols/verification.md
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic as machine_monotonic
from typing import Final

from aiohttp import web

from contract.errors import ErrorCode, HurenError
from gateway.api.bodies import MULTIPART
from gateway.api.problems import COME_BACK, Problem, too_slow, unsupported
from gateway.api.rate_limit import AtOnce, RateLimit, caller_address
from gateway.federation.directory import Directory
from gateway.verification.by_code import CodeResult, CodeVerdict, CodeVerification
from gateway.verification.by_file import (
    FileLimits,
    FileResult,
    FileTooLargeError,
    FileVerification,
    TooBusyError,
    TooSlowError,
)
from gateway.verification.words import Words, words_of
from runtime.clock import Clock

CALLER: Final = "public"
"""Who asks, in the audit. Nobody's address is kept."""

MAX_TEXT_BYTES: Final = 8 * 1024
"""Of a body that holds number and code."""

_BURST: Final = 60
_PER_SECOND: Final = 1.0
"""A counter of a bank or an authority may ask for many people from one address. Source: system default, not confirmed."""

_FILE_COST: Final = 5
_FILES_AT_ONCE: Final = 3
"""Of one address, so that slow uploads of one cannot hold every place. Source: system default, not confirmed."""

_HTTP_STATUS: Final[Mapping[str, int]] = {CodeVerdict.TRY_LATER: 429, CodeVerdict.HOME_UNREACHABLE: 503}
"""Of a verdict; 200 for all others."""


class PublicVerification:
    """Verification as anybody may ask for it."""

    def __init__(
        self,
        *,
        by_code: CodeVerification,
        by_file: FileVerification,
        directory: Directory,
        clock: Clock,
        trusted_proxies: int = 0,
        monotonic: Callable[[], float] = machine_monotonic,
    ) -> None:
        """Takes what it needs.

        Args:
            by_code: Verifies by code.
            by_file: Verifies files.
            directory: Names of the issuing units.
            clock: Now.
            trusted_proxies: How many proxies in front add to X-Forwarded-For.
            monotonic: Seconds of a clock that never goes back.
        """
        self._by_code = by_code
        self._by_file = by_file
        self._directory = directory
        self._clock = clock
        self._trusted_proxies = trusted_proxies
        self._rate = RateLimit(burst=_BURST, per_second=_PER_SECOND, monotonic=monotonic)
        self._files = AtOnce(_FILES_AT_ONCE)

    @property
    def limits(self) -> FileLimits:
        """How much verification of files may take."""
        return self._by_file.limits

    @contextmanager
    def admitted(self, request: web.Request) -> Iterator[None]:
        """Lets a request in for the time of the block; a file then has a place.

        Raises:
            Problem: Its address asks too often or too much at a time, or the body is compressed.
        """
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise unsupported("请求内容不得压缩", "bodies must not be compressed")
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
        address = caller_address(request.remote or "", forwarded, self._trusted_proxies)
        is_file = _is_file(request)
        wait_s = self._rate.wait_s(address, _FILE_COST if is_file else 1)
        if wait_s:
            raise Problem(HurenError(ErrorCode.OVERLOADED, retry_after=timedelta(seconds=wait_s)))
        if not is_file:
            yield
            return
        with self._files.place(address) as has_place:
            if not has_place:
                raise Problem(HurenError(ErrorCode.OVERLOADED, retry_after=COME_BACK))
            yield

    async def by_code(self, report_number: str, code: str) -> tuple[CodeResult, Words]:
        """The result for a number and a code, and what people are told."""
        result = await self._by_code.verify_by_code(report_number, code, at=self._clock(), caller=CALLER)
        units = {province: member.unit for province, member in self._directory.members.items()}
        return result, words_of(result, units)

    async def by_file(self, chunks: AsyncIterable[bytes]) -> FileResult:
        """The result for a file, as it arrives.

        Raises:
            Problem: It is too large or too slow, or no place is free.
        """
        try:
            return await self._by_file.verify_file(chunks, at=self._clock(), caller=CALLER)
        except FileTooLargeError as error:
            raise self._too_large() from error
        except TooBusyError as error:
            raise Problem(HurenError(ErrorCode.OVERLOADED, retry_after=COME_BACK), status=503) from error
        except TooSlowError as error:
            raise too_slow() from error

    def require_length(self, request: web.Request, *, around_bytes: int = 0) -> None:
        """Refuses a file that is announced to be too large.

        Args:
            request: The request.
            around_bytes: What may stand around the file in the body.

        Raises:
            Problem: REQUEST_TOO_LARGE.
        """
        if request.content_length is not None and request.content_length > self.limits.size_bytes + around_bytes:
            raise self._too_large()

    def _too_large(self) -> Problem:
        return Problem(
            HurenError(ErrorCode.REQUEST_TOO_LARGE, limit=self.limits.size_bytes),
            advice=(
                "请改用同一报告的 .report 文件（远小于 .json），或者输入编号和核验码核验。",
                "Use the .report file of the same report, which is much smaller than its .json form, or verify by number and code.",
            ),
        )


def http_status(result: CodeResult) -> int:
    """The HTTP status of a result."""
    return _HTTP_STATUS.get(result.verdict, 200)


def retry_headers(result: CodeResult) -> dict[str, str]:
    """`Retry-After`, where asking again later helps."""
    if result.verdict is CodeVerdict.HOME_UNREACHABLE:
        return {"Retry-After": str(round(COME_BACK.total_seconds()))}
    return {"Retry-After": str(round(result.retry_after.total_seconds()))} if result.retry_after else {}


def _is_file(request: web.Request) -> bool:
    return request.path.endswith("/file") or request.content_type == MULTIPART
