"""Asks the platform within the time that a query leaves, and turns its failure into a value.

- Some of the time is kept back for reading, signing and storing: an answer that comes after the deadline is worth nothing.
- A platform that fails, or does not answer in time, has said nothing; its cells become SOURCE_UNAVAILABLE. Only what a source
  is not allowed to raise passes through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final, TypeVar

import structlog

from adapters.sdk.metrics import AdapterMetrics
from adapters.sdk.source import (
    HeldDelivery,
    HoldsDeliveries,
    KnowsMissing,
    RawRow,
    RowKey,
    Search,
    Source,
    SourceAnswer,
    SourceError,
    Supplied,
)
from contract.catalogue import CellKey
from contract.days import DayRange
from huren.common.v1 import common_pb2
from runtime.clock import Clock

LONGEST_SEARCH: Final = timedelta(seconds=30)
"""No search takes longer, however late the deadline of a query may be."""

RESERVE: Final = timedelta(milliseconds=500)
"""Kept back from the time until the deadline; of a short time a quarter."""

_WATERMARKS_PATIENCE: Final = timedelta(seconds=5)

_T = TypeVar("_T")

_log: Final = structlog.get_logger(__name__)


class Platform:
    """The provincial platform as the servicer asks it."""

    def __init__(self, source: Source, *, metrics: AdapterMetrics, clock: Clock) -> None:
        self._source = source
        self._metrics = metrics
        self._clock = clock

    async def search(
        self,
        identifiers: tuple[common_pb2.Identifier, ...],
        window: DayRange,
        cells: frozenset[CellKey],
        deadline: datetime,
    ) -> SourceAnswer | None:
        """Gives what the platform says. None: it said nothing that can be used."""
        now = self._clock()
        patience = search_time(deadline - now)
        search = Search(identifiers=identifiers, window=window, cells=cells, until=now + patience)
        started = perf_counter()
        result = "failed"
        try:
            async with asyncio.timeout(patience.total_seconds()):
                answer = await self._source.search(search)
            result = "answered"
        except SourceError as error:
            _log.warning("source failed", reason=str(error))
            return None
        except TimeoutError:
            _log.warning("source did not answer in time", seconds=patience.total_seconds())
            return None
        finally:
            self._metrics.source_seconds.labels(result).observe(perf_counter() - started)
        for cell, reason in sorted(answer.silent.items()):
            _log.warning("source silent", cell=cell, reason=reason)
        return answer

    async def supplied_since(self, cursor: str, limit: int) -> Supplied:
        """As `Source.supplied_since`, within a patience of its own.

        Raises:
            SourceError: The platform does not answer, or not in time.
        """
        return await _in_patience(self._source.supplied_since(cursor, limit))

    async def by_key(
        self, keys: Collection[RowKey], *, until: datetime | None = None
    ) -> Mapping[RowKey, RawRow | None]:
        """As `Source.by_key`, within the time until a query's deadline, or a patience of its own.

        Raises:
            SourceError: The platform does not answer, or not in time.
        """
        patience = LONGEST_SEARCH if until is None else search_time(until - self._clock())
        return await _in_patience(self._source.by_key(keys), patience) if keys else {}

    async def missing(self) -> Collection[RowKey]:
        """Rows that a snapshot lacked, where the platform gives snapshots.

        Raises:
            SourceError: The platform does not answer, or not in time.
        """
        return await _in_patience(self._source.missing()) if isinstance(self._source, KnowsMissing) else ()

    async def confirm_withdrawn(self, key: RowKey) -> None:
        """Tells the source that a row which a snapshot lacked was withdrawn.

        Raises:
            SourceError: The platform does not answer, or not in time.
        """
        if isinstance(self._source, KnowsMissing):
            await _in_patience(self._source.confirm_withdrawn(key))

    async def held(self) -> Collection[HeldDelivery]:
        """Deliveries that wait for somebody to decide, where the platform gives deliveries.

        Raises:
            SourceError: The platform does not answer, or not in time.
        """
        return await _in_patience(self._source.held()) if isinstance(self._source, HoldsDeliveries) else ()

    async def decide_held(self, delivery: HeldDelivery, *, good: bool) -> None:
        """Decides a delivery that waits.

        Raises:
            SourceError: The platform does not answer, or not in time.
        """
        if isinstance(self._source, HoldsDeliveries):
            await _in_patience(self._source.decide_held(delivery.file, delivery.identity, good=good))

    async def watermarks(self) -> Mapping[CellKey, datetime]:
        """How far the platform's data reaches; nothing for cells that it cannot answer at this moment."""
        try:
            async with asyncio.timeout(_WATERMARKS_PATIENCE.total_seconds()):
                return await self._source.watermarks()
        except (SourceError, TimeoutError) as error:
            _log.warning("source failed", reason=str(error) or "timeout")
            return {}


async def _in_patience(asked: Awaitable[_T], patience: timedelta = LONGEST_SEARCH) -> _T:
    try:
        async with asyncio.timeout(patience.total_seconds()):
            return await asked
    except TimeoutError as error:
        raise SourceError(f"no answer within {patience.total_seconds():.1f} s") from error


def search_time(remaining: timedelta) -> timedelta:
    """How much of the time until the deadline the platform gets."""
    return max(min(remaining - min(RESERVE, remaining / 4), LONGEST_SEARCH), timedelta(0))
