"""What an applicant has: its reports with where they stand, and its requests. Newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.domain.overview import ReportLine, RequestLine
from gateway.domain.request import Caller, RequestState
from gateway.reports.standing import StandingService
from gateway.store.overview import OverviewStore
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_status_pb2

PAGE: Final = 50
"""Lines of a page at most."""


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """A report and where it stands."""

    line: ReportLine
    state: report_status_pb2.ReportState.ValueType


class Overview:
    """Lists for one home."""

    def __init__(self, store: OverviewStore, standing: StandingService) -> None:
        self._store = store
        self._standing = standing

    async def reports(
        self, caller: Caller, *, before: str = "", limit: int = PAGE, oldest_first: bool = False
    ) -> Sequence[ReportEntry]:
        """Reports that were issued to the caller's unit; from the one after `before`, a report number.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        lines = await self._store.reports(
            caller.uscc, caller.matter_number, before=before, limit=min(limit, PAGE), oldest_first=oldest_first
        )
        return [ReportEntry(line, (await self._standing.standing(line.report_number)).state) for line in lines]

    async def requests(
        self,
        caller: Caller,
        *,
        before: str = "",
        limit: int = PAGE,
        basis: query_pb2.AuthorisationBasis.ValueType = query_pb2.AUTHORISATION_BASIS_UNSPECIFIED,
        states: Collection[RequestState] = (),
        oldest_first: bool = False,
    ) -> Sequence[RequestLine]:
        """What the caller's unit asked for; from the one after `before`, a 受理编号. On one ground and in some states, where given.

        Raises:
            StoreUnavailableError: The store cannot be read.
        """
        return await self._store.requests(
            caller.uscc,
            caller.matter_number,
            before=before,
            limit=min(limit, PAGE),
            basis=basis,
            states=states,
            oldest_first=oldest_first,
        )
