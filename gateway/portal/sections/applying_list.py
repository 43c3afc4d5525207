"""我的办件: what was asked for, as a list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from contract.reasons import Words
from gateway.api.ports import Overview
from gateway.domain.overview import RequestLine
from gateway.domain.request import RequestState
from gateway.portal.listing import Column, Filter, Shown, Table, cursor
from gateway.portal.visit import Visit

_CURSOR: Final = r"[0-9a-f]{32}"
"""A 受理编号: the list goes on after it."""

_OLDEST_FIRST: Final = "at"
_NEWEST_FIRST: Final = "-at"
"""By what is sorted, as the address says it."""

_STATES: Final[Mapping[str, Collection[RequestState]]] = {
    "open": (RequestState.OPEN,),
    "issued": (RequestState.SEALED,),
    "ended": (RequestState.CLOSED_INCOMPLETE, RequestState.CANCELLED, RequestState.AUTHORISATION_ENDED),
}
"""By what may be chosen."""


def _opened_at(row: RequestLine) -> datetime:
    return row.opened_at


def _filtered_by_the_service(row: RequestLine, chosen: str) -> bool:
    del row, chosen
    return True


_TABLE: Final[Table[RequestLine]] = Table(
    name="requests",
    columns=(
        Column(name="number", label=Words("受理编号", "Request")),
        Column(name="subject", label=Words("查询对象", "About")),
        Column(name="at", label=Words("受理时间", "Accepted"), key=_opened_at),
        Column(name="state", label=Words("办理情况", "How it stands")),
        Column(name="on", label=Words("下一步", "Next")),
    ),
    filters=(
        Filter(
            name="state",
            label=Words("办理情况", "How it stands"),
            keep=_filtered_by_the_service,
            options=(
                ("open", Words("办理中", "Under way")),
                ("issued", Words("已出具报告", "The report was issued")),
                ("ended", Words("未出具报告", "Ended without a report")),
            ),
        ),
    ),
    sort=_NEWEST_FIRST,
    size=20,
)


async def requests_shown(visit: Visit, overview: Overview) -> Shown[RequestLine]:
    """A page of the list, filtered and sorted as the address says."""
    states = _STATES.get(_TABLE.chosen(visit, "state"), ())
    oldest_first = visit.asked("sort") == _OLDEST_FIRST
    found = await overview.requests(
        visit.acting,
        before=cursor(visit, _CURSOR),
        limit=_TABLE.size,
        states=states,
        oldest_first=oldest_first,
    )
    shown = replace(_TABLE.of_page(visit, found, ""), sort=_OLDEST_FIRST if oldest_first else _NEWEST_FIRST)
    if len(found) < _TABLE.size:
        return shown
    return replace(shown, following=f"{shown.sorted_address}&after={found[-1].request_id}")
