"""What of a request lies within a grant.

What the grantee did not choose is the grant's; what it chose beyond is refused, never cut down in silence: a report would say less
than its reader believes was asked.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from contract.admission import cell_key
from contract.catalogue import Catalogue, wire_key
from contract.days import DayRange, parse_day
from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from gateway.reports.chosen import chosen_cells, chosen_window
from huren.authorisation.v1 import authorisation_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire

_CELLS: Final = Words("所选领域或事项不在授权之内", "a chosen domain or kind is not granted")
_WINDOW: Final = Words("所选时段不在授权的时段之内", "a chosen day is not granted")
_PURPOSE: Final = Words("用途与授权书不同", "the purpose is another than the granted one")
_NOTHING_LEFT: Final = Words("授权的时段尚未开始", "the granted period has not begun")


def granted_cells(
    request: wire.RequestReportRequest, terms: authorisation_pb2.GrantTerms, catalogue: Catalogue
) -> tuple[common_pb2.CellKey, ...]:
    """The cells to ask for, in catalogue order.

    Raises:
        HurenError: GRANT_DOES_NOT_COVER; as `chosen_cells`.
    """
    granted = {cell_key(key) for key in terms.cells}
    chosen = [cell_key(key) for key in chosen_cells(request, catalogue)]
    beyond = [cell for cell in chosen if cell not in granted]
    if (
        not set(request.domains) <= {domain for domain, _ in granted}
        or not set(request.kinds) <= {kind for _, kind in granted}
        or (request.domains and request.kinds and not catalogue.carried.keys().isdisjoint(beyond))
    ):
        raise _beyond(_CELLS, "domains")
    cells = [cell for cell in chosen if cell in granted]
    if catalogue.carried.keys().isdisjoint(cells):
        raise HurenError(ErrorCode.NOTHING_APPLICABLE, field="kinds")
    return tuple(map(wire_key, cells))


def granted_window(request: wire.RequestReportRequest, terms: authorisation_pb2.GrantTerms, today: date) -> DayRange:
    """The window to ask for.

    Raises:
        HurenError: GRANT_DOES_NOT_COVER; as `chosen_window`.
    """
    granted = DayRange(parse_day(terms.window.first_day), parse_day(terms.window.last_day))
    if request.HasField("window"):
        window = chosen_window(request, today)
        if window.first < granted.first or window.last > granted.last:
            raise _beyond(_WINDOW, "window")
        return window
    last = min(granted.last, today)
    first = max(granted.first, DayRange.longest(last).first)
    if last < first:
        raise _beyond(_NOTHING_LEFT, "window")
    return DayRange(first, last)


def granted_purpose(
    request: wire.RequestReportRequest, terms: authorisation_pb2.GrantTerms
) -> query_pb2.Purpose.ValueType:
    """The purpose, which is the granted one.

    Raises:
        HurenError: GRANT_DOES_NOT_COVER.
    """
    if request.purpose not in {query_pb2.PURPOSE_UNSPECIFIED, terms.purpose}:
        raise _beyond(_PURPOSE, "purpose")
    return terms.purpose


def _beyond(words: Words, field: str) -> HurenError:
    return HurenError(ErrorCode.GRANT_DOES_NOT_COVER, field=field, problem_zh=words.zh, problem_en=words.en)
