"""The requests of a home that wait, for its officers: how long, for whom, and until when the home goes on by itself.

- What waits for more than one working day stands first: somebody should call the province that has not answered.
- Who asked, and about whom, is not told: that is looked up in a matter (履职查询), and the subject sees it.

Source: product review, section 6.1, item 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contract.days import china_day
from contract.deadlines import Label
from contract.working_days import WorkingDays
from gateway.domain.overview import OpenLine
from gateway.store.open_requests import OpenRequestStore

MOST: Final = 1000
"""In an answer: those that wait longest."""

LATE_AFTER: Final = 1
"""Working days (系统默认): what waits longer stands first."""

COMPLETION_LABEL: Final = Label.DEFAULT
"""On what the end of completion rests: the setting `completion.hours`, which no source gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEntry:
    """A request that waits.

    Attributes:
        line: The request.
        working_days: How many working days have passed since the day on which it was accepted.
        label: On what the end of completion rests.
    """

    line: OpenLine
    working_days: int
    label: Label = COMPLETION_LABEL

    @property
    def is_late(self) -> bool:
        """Whether it waits so long that somebody should look."""
        return self.working_days > LATE_AFTER


class OpenRequests:
    """Says what waits at one home."""

    def __init__(self, store: OpenRequestStore, calendar: WorkingDays) -> None:
        self._store = store
        self._calendar = calendar

    async def of(self, at: datetime, *, limit: int = MOST) -> Sequence[OpenEntry]:
        """What waits, longest first; at most `MOST`.

        Args:
            at: Now.
            limit: How many at most.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        today = china_day(at)
        return [
            OpenEntry(line=line, working_days=self._calendar.between(china_day(line.opened_at), today).days)
            for line in await self._store.oldest(min(limit, MOST))
        ]
