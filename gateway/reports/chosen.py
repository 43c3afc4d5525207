"""What a requester chose: cells and window, checked against the catalogue and the rules of windows."""

from __future__ import annotations

from datetime import date

from contract.catalogue import Catalogue, wire_key
from contract.days import MAX_WINDOW_YEARS, DayRange, parse_day
from contract.errors import ErrorCode, HurenError
from huren.common.v1 import common_pb2
from huren.report.v1 import report_service_pb2 as wire


def chosen_cells(request: wire.RequestReportRequest, catalogue: Catalogue) -> tuple[common_pb2.CellKey, ...]:
    """The cells to ask for, in catalogue order.

    Raises:
        HurenError: DOMAIN_UNKNOWN, NOTHING_APPLICABLE.
    """
    for domain in request.domains:
        if domain not in catalogue.domain_by_id:
            raise HurenError(ErrorCode.DOMAIN_UNKNOWN, field="domains", domain=domain)
    domains, kinds = set(request.domains), set(request.kinds)
    chosen = [
        (domain, kind)
        for domain, kind in catalogue.cells
        if (not domains or domain in domains) and (not kinds or kind in kinds)
    ]
    if catalogue.carried.keys().isdisjoint(chosen):
        raise HurenError(ErrorCode.NOTHING_APPLICABLE, field="kinds")
    return tuple(map(wire_key, chosen))


def chosen_window(request: wire.RequestReportRequest, today: date) -> DayRange:
    """The window to ask for; the five years up to today where none was chosen.

    Raises:
        HurenError: WINDOW_MALFORMED, WINDOW_INVERTED, WINDOW_IN_FUTURE, WINDOW_TOO_LONG.
    """
    if not request.HasField("window"):
        return DayRange.longest(today)
    first = _day(request.window.first_day, "window.first_day")
    last = _day(request.window.last_day, "window.last_day")
    if last < first:
        raise HurenError(ErrorCode.WINDOW_INVERTED, field="window")
    window = DayRange(first, last)
    if last > today:
        raise HurenError(ErrorCode.WINDOW_IN_FUTURE, field="window.last_day", today=today)
    if not window.within_limit:
        raise HurenError(ErrorCode.WINDOW_TOO_LONG, field="window", years=MAX_WINDOW_YEARS)
    return window


def _day(text: str, field: str) -> date:
    try:
        return parse_day(text)
    except ValueError as error:
        raise HurenError(ErrorCode.WINDOW_MALFORMED, field=field, problem=field) from error
