"""What the tries that run in this process have got so far, for whoever looks on meanwhile.

In memory only, and no longer than the try: what it came to is in the store. Another replica shows what is stored. A status holds no
verdict and no record, so there is none here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from gateway.domain.request import RequestId
from huren.report.v1 import report_service_pb2 as wire


class Got:
    """How the provinces stand that have answered in one try."""

    def __init__(self) -> None:
        self._statuses: dict[int, wire.ProvinceStatus] = {}

    def add(self, statuses: Iterable[wire.ProvinceStatus]) -> None:
        """Takes how provinces stand now."""
        self._statuses.update((status.province, status) for status in statuses)

    @property
    def statuses(self) -> tuple[wire.ProvinceStatus, ...]:
        """One for each province that has answered, in ascending number."""
        return tuple(status for _, status in sorted(self._statuses.items()))


class Underway:
    """The tries that run in this process."""

    def __init__(self) -> None:
        self._tries: dict[RequestId, Got] = {}

    @contextmanager
    def trying(self, request_id: RequestId) -> Iterator[Got]:
        """Shows a try for the time of the block."""
        got = self._tries[request_id] = Got()
        try:
            yield got
        finally:
            if self._tries.get(request_id) is got:
                self.ended(request_id)

    def ended(self, request_id: RequestId) -> None:
        """What the try came to is stored: from now on that is shown."""
        self._tries.pop(request_id, None)

    def of(self, request_id: RequestId) -> tuple[wire.ProvinceStatus, ...] | None:
        """The provinces that have answered so far. None: nobody asks for the request here at this moment."""
        got = self._tries.get(request_id)
        return None if got is None else got.statuses
