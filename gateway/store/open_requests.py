"""The requests that wait, whoever asked: for officers who see to it that they come to an end. What they are about is not read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from gateway.domain.overview import OpenLine
from gateway.domain.request import RequestId, RequestState
from gateway.store import tables
from gateway.store.rows import instant
from gateway.store.work import COMPLETE
from huren.report.v1 import report_service_pb2 as wire
from runtime.database import Database

_requests: Final = tables.requests
_work: Final = tables.work


class OpenRequestStore:
    """Reads requests that are open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def oldest(self, limit: int) -> Sequence[OpenLine]:
        """Those that wait longest.

        Args:
            limit: How many at most.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        # What is open has work, and work there is little: this way nobody reads through all that has ended.
        waiting = (
            select(
                _requests.c.request_id,
                _requests.c.opened_at,
                _requests.c.completion_until,
                _requests.c.progress,
                _work.c.parked,
            )
            .join(_work, _work.c.reference == _requests.c.request_id)
            .where(_work.c.kind == COMPLETE, _requests.c.state == RequestState.OPEN)
            .order_by(_requests.c.opened_at, _requests.c.request_id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(waiting)).all()
        return [
            OpenLine(
                request_id=RequestId(row.request_id),
                opened_at=instant(row.opened_at),
                completion_until=instant(row.completion_until),
                # Beside the provinces a subject's name stands there.
                provinces=tuple(wire.OpenRequest.FromString(row.progress).provinces),
                parked=bool(row.parked),
            )
            for row in rows
        ]
