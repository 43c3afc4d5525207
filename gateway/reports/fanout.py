"""Fan-out: every province is asked at once, under one deadline, and each gets exactly one outcome.

- The same bytes are sent again within the deadline when the transport failed; a new query is a new try of the whole request.
- A province that is slow, silent, broken or dishonest costs the others nothing: its outcome says so.
- Nothing raises: whatever goes wrong with one province is its outcome. What ends the fan-out as a whole (the requester went away,
  the store cannot be read) is raised, and then nothing is concluded.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_before_delay, wait_exponential_jitter

from contract.admission import AdmissionError, OpenedFragment, admit, open_answer
from contract.catalogue import Catalogue
from contract.outcome import (
    Admitted,
    Inadmissible,
    Outcome,
    Question,
    Refused,
    Unavailable,
    UnavailableReason,
    VerifiedCoverage,
)
from contract.province import Province
from gateway.federation.breaker import Breaker
from gateway.federation.coverages import Coverages
from gateway.federation.peer import Peer, PeerError
from runtime.clock import Clock
from runtime.errors import StoreUnavailableError
from signing import Verifier

_Got = TypeVar("_Got")

_log = structlog.get_logger(__name__)

_FAIR_SHARE: Final = 0.8
"""Of the patience, what a province must have had before slowness is held against it."""

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0

_RETRY_FOR_S: Final = 5.0
"""For so long the same bytes are sent again. Who asked is waiting; what is open after that is gone on with by itself."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A province as the fan-out needs it.

    Attributes:
        province: Which.
        peer: Its adapter.
        breaker: Whether to ask it now.
    """

    province: Province
    peer: Peer
    breaker: Breaker


class FanOut:
    """Asks provinces."""

    def __init__(
        self,
        neighbours: Iterable[Neighbour],
        *,
        verifier: Verifier,
        coverages: Coverages,
        clock: Clock,
        patience: timedelta,
    ) -> None:
        """Takes what it needs.

        Args:
            neighbours: The provinces.
            verifier: Verifies what they sign.
            coverages: Finds their coverage statements.
            clock: What time it is.
            patience: For how long a province is given a chance. Only one that used most of it up is held to be too slow: a caller
                in a hurry says nothing about a province.
        """
        self._neighbours: Mapping[Province, Neighbour] = {one.province: one for one in neighbours}
        self._verifier = verifier
        self._coverages = coverages
        self._clock = clock
        self._patience_s = patience.total_seconds()

    async def ask(
        self,
        questions: Iterable[Question],
        *,
        catalogue: Catalogue,
        timeout_s: float,
        tell: Callable[[Outcome], None] = lambda _: None,
    ) -> tuple[Outcome, ...]:
        """Sends each question to its province and returns one outcome for each, in ascending province number.

        Args:
            questions: One for each province to ask.
            catalogue: By which the answers are admitted.
            timeout_s: For how long.
            tell: Told each outcome as it comes, while the others are still awaited.

        Raises:
            StoreUnavailableError: The store cannot be read or written.
        """
        asked = sorted(questions, key=lambda question: question.province)
        give_up_at = monotonic() + timeout_s
        fair = timeout_s >= _FAIR_SHARE * self._patience_s

        async def ask_one(question: Question) -> Outcome:
            outcome = await self._ask_one(question, catalogue=catalogue, give_up_at=give_up_at, fair=fair)
            tell(outcome)
            return outcome

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(ask_one(question)) for question in asked]
        except BaseExceptionGroup as group_error:
            raise _first_of(group_error) from group_error
        return tuple(task.result() for task in tasks)

    async def _ask_one(self, question: Question, *, catalogue: Catalogue, give_up_at: float, fair: bool) -> Outcome:
        neighbour = self._neighbours.get(question.province)
        if neighbour is None:
            return Unavailable(question.province, UnavailableReason.NOT_REACHABLE, 0, "not in the directory", question)
        if not neighbour.breaker.may_ask():
            return Unavailable(question.province, UnavailableReason.BREAKER_OPEN, 0, "", question)
        tries = _Tries()
        try:
            async with asyncio.timeout(give_up_at - monotonic()):
                outcome = await self._converse(
                    neighbour, question, catalogue=catalogue, tries=tries, give_up_at=give_up_at
                )
        except PeerError as error:
            outcome = Unavailable(question.province, error.reason, tries.count, error.detail, question)
        except TimeoutError:
            outcome = Unavailable(question.province, UnavailableReason.DEADLINE_EXCEEDED, tries.count, "", question)
        except (asyncio.CancelledError, StoreUnavailableError):
            neighbour.breaker.abandoned()
            raise
        except Exception as error:  # noqa: BLE001  # a fault of ours in one conversation must not decide the others
            _log.exception("conversation failed", province=question.province.slug)
            neighbour.breaker.abandoned()
            return Unavailable(question.province, UnavailableReason.FAILED, tries.count, type(error).__name__, question)
        if not isinstance(outcome, Unavailable):
            neighbour.breaker.succeeded()
        elif outcome.reason is UnavailableReason.DEADLINE_EXCEEDED and not fair:
            neighbour.breaker.abandoned()
        else:
            neighbour.breaker.failed()
        return outcome

    async def _converse(
        self, neighbour: Neighbour, question: Question, *, catalogue: Catalogue, tries: _Tries, give_up_at: float
    ) -> Outcome:
        answer = await _patiently(
            lambda timeout_s: neighbour.peer.answer(question.envelope, timeout_s=timeout_s), tries, give_up_at
        )
        try:
            opened = open_answer(answer, question=question, verifier=self._verifier)
            if isinstance(opened, Refused):
                return opened
            coverage = await self._coverage(neighbour, opened, catalogue=catalogue, give_up_at=give_up_at)
            return admit(opened, catalogue=catalogue, coverage=coverage, at=self._clock())
        except AdmissionError as error:
            digest = hashlib.sha256(answer).digest()
            return Inadmissible(question.province, error.reason, error.detail, digest, question)

    async def readmit(
        self, question: Question, answer: bytes, *, catalogue: Catalogue, at: datetime
    ) -> Admitted | None:
        """Admits an answer that an earlier try got, or says that it may not count any more.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        neighbour = self._neighbours.get(question.province)
        if neighbour is None:
            return None
        try:
            opened = open_answer(answer, question=question, verifier=self._verifier)
            if isinstance(opened, Refused):
                return None
            give_up_at = monotonic() + _LONGEST_PAUSE_S
            coverage = await self._coverage(neighbour, opened, catalogue=catalogue, give_up_at=give_up_at)
            return admit(opened, catalogue=catalogue, coverage=coverage, at=at)
        except (AdmissionError, PeerError):
            return None

    async def _coverage(
        self, neighbour: Neighbour, opened: OpenedFragment, *, catalogue: Catalogue, give_up_at: float
    ) -> VerifiedCoverage:
        try:
            return await _patiently(
                lambda timeout_s: self._coverages.find(
                    neighbour.province,
                    opened.fragment.coverage_statement_id,
                    catalogue=catalogue,
                    peer=neighbour.peer,
                    timeout_s=timeout_s,
                ),
                _Tries(),
                give_up_at,
            )
        except PeerError as error:
            reason = UnavailableReason.COVERAGE_UNAVAILABLE
            raise PeerError(reason, may_retry=False, detail=str(error)) from error


class _Tries:
    """Counts how often the same bytes were sent."""

    def __init__(self) -> None:
        self.count = 0


async def _patiently(send: Callable[[float], Awaitable[_Got]], tries: _Tries, give_up_at: float) -> _Got:
    """Asks for the same thing until an answer comes, the failure is final, or the deadline is there.

    Raises:
        PeerError: The last failure.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception(lambda error: isinstance(error, PeerError) and error.may_retry),
        wait=_pause,
        # Not into a pause that ends after the deadline: then the last failure says more than "too late".
        stop=stop_before_delay(min(give_up_at - monotonic(), _RETRY_FOR_S)),
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            tries.count += 1
            return await send(give_up_at - monotonic())
    raise RuntimeError("tenacity ended without a result")


_backoff = wait_exponential_jitter(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S, jitter=_FIRST_PAUSE_S)


def _pause(state: RetryCallState) -> float:
    """As long as the province asks for; else exponentially longer, with jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, PeerError) and error.retry_after is not None:
        return max(error.retry_after.total_seconds(), _FIRST_PAUSE_S)
    return _backoff(state)


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first
