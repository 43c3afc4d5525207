"""What this home tells the origins by feed, and that it goes on telling: durable work, one piece for each subscriber.

A subscriber is pushed what is new at once, where somebody waits for that; otherwise within a second or two. While nothing is new it
gets a sign of life now and then, so that it knows that it has everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.province import Province
from gateway.store.work import FEED, Work, WorkQueue, add_missing_work, hasten
from runtime.clock import Clock
from runtime.database import Database
from runtime.feeds import AUTHORISATIONS, FeedError, FeedPublisher, SubscriberUnavailableError

_SIGN_OF_LIFE: Final = timedelta(seconds=30)
_PUSH_WITHIN_S: Final = 20.0
_FIRST_PAUSE: Final = timedelta(seconds=2)
_LONGEST_PAUSE: Final = timedelta(minutes=1)
_MOST_DOUBLINGS: Final = 6

_log: Final = structlog.get_logger(__name__)


class AuthorisationFeed:
    """Tells grants, their revocations and uses."""

    def __init__(
        self,
        publisher: FeedPublisher,
        *,
        database: Database,
        queue: WorkQueue,
        subscribers: Sequence[Province],
        clock: Clock,
    ) -> None:
        self._publisher = publisher
        self._database = database
        self._queue = queue
        self._references = {_reference(province): province for province in subscribers}
        self._clock = clock

    async def begin(self) -> None:
        """Writes the work, where it is not there yet.

        Raises:
            StoreUnavailableError: The store cannot be written.
        """
        async with self._database.write() as connection:
            await add_missing_work(connection, FEED, self._references, due=self._clock())

    async def append(self, connection: AsyncConnection, statement_envelope: bytes, at: datetime) -> None:
        """Tells a statement, once the transaction commits."""
        await self._publisher.append(connection, statement_envelope, at)
        # Behind the feed's own lock, so that no two transactions wait for each other's rows.
        await hasten(connection, FEED, due=self._clock())

    async def push_all(self, timeout_s: float) -> None:
        """Pushes what is new to all subscribers now. What fails is tried again in the background.

        Nobody waits where there is nothing new, nor for a subscriber that failed a moment ago.
        """
        await self._publisher.push_all(timeout_s, only_news=True)

    async def receipts(self, statement_ids: Sequence[bytes]) -> Mapping[bytes, Mapping[Province, datetime]]:
        """When each subscriber received statements, by its own clock."""
        return await self._publisher.receipts(statement_ids)

    async def go_on(self, work: Work) -> None:
        """Pushes to one subscriber, as durable work: it is put back always.

        Raises:
            StoreUnavailableError: The store cannot be read or written.
        """
        province = self._references.get(work.reference)
        if province is None:  # a member that is not in the directory any more
            await self._queue.finish(work)
            return
        try:
            has_all = await self._publisher.push(province, _PUSH_WITHIN_S)
            due, why = self._clock() + (_SIGN_OF_LIFE if has_all else timedelta()), ""
        except (FeedError, SubscriberUnavailableError) as error:
            _log.warning("feed not told", feed=AUTHORISATIONS, subscriber=province.slug, reason=str(error))
            pause = min(_FIRST_PAUSE * 2 ** min(work.attempts, _MOST_DOUBLINGS), _LONGEST_PAUSE)
            due, why = self._clock() + pause, type(error).__name__
        await self._queue.put_back(work, due=due, error=why)


def _reference(province: Province) -> str:
    return f"{AUTHORISATIONS}/{province:02d}"
