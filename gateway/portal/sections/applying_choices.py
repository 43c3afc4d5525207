"""What an applicant chooses for a report: period, domains, kinds, purpose. Read strictly, and checked by the service's own rules.

The fields have the names that the contract gives them (huren.report.v1.RequestReportRequest), so that an error of the service is
told at the field it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from contract.catalogue import PENALTY, SERIOUS_LIST, Catalogue
from contract.days import MAX_WINDOW_YEARS, DayRange, china_day, years_after
from contract.document.words import PURPOSES
from contract.errors import ErrorCode, HurenError
from contract.report_check import CheckedReport
from gateway.api.problems import malformed
from gateway.reports.chosen import chosen_cells, chosen_window
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire

OWN: Final = "own"
"""The days are the applicant's own."""

YEARS: Final[Mapping[str, int]] = {"1": 1, "3": 3, "5": MAX_WINDOW_YEARS}
"""Periods that end today, by what the form calls them."""

KINDS: Final = (PENALTY, SERIOUS_LIST)

OFFERED_PURPOSES: Final = tuple(number for number in PURPOSES if number != query_pb2.PURPOSE_OFFICIAL_DUTY)

_DAY_LENGTH: Final = len("2026-11-22")
_MOST_DOMAINS: Final = 256
_DEFAULT_YEARS: Final = "5"

Fields = Callable[[str], tuple[str, ...]]
"""All texts that were sent in a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What was chosen, as it was filled in.

    Attributes:
        window: `1`, `3` or `5`: so many years up to today; `own`: the days below.
        first_day: First day.
        last_day: Last day.
        domains: Ids of domains.
        kinds: Kinds of record.
        purpose: For what.
    """

    window: str
    first_day: str
    last_day: str
    domains: tuple[str, ...]
    kinds: tuple[int, ...]
    purpose: int

    @classmethod
    def default(cls, catalogue: Catalogue, today: date) -> Choices:
        """Everything, for the longest period."""
        window = period(_DEFAULT_YEARS, today)
        return cls(
            window=_DEFAULT_YEARS,
            first_day=window.first.isoformat(),
            last_day=window.last.isoformat(),
            domains=tuple(domain.id for domain in catalogue.domains),
            kinds=KINDS,
            purpose=query_pb2.PURPOSE_NOT_STATED,
        )

    @classmethod
    def filled(cls, fields: Fields, today: date) -> Choices:
        """What was filled in. Years are counted up to today.

        Raises:
            Problem: What no form of ours sends.
        """
        window = _last(fields("window"))
        if window not in {*YEARS, OWN}:
            raise malformed("查询时段不是可选的一种", "the period is none of those to choose from", field="window")
        if window == OWN:
            first_day, last_day = (
                _last(fields(name))[:_DAY_LENGTH] for name in ("window.first_day", "window.last_day")
            )
        else:
            days = period(window, today)
            first_day, last_day = days.first.isoformat(), days.last.isoformat()
        return cls(
            window=window,
            first_day=first_day,
            last_day=last_day,
            domains=fields("domains")[:_MOST_DOMAINS],
            kinds=tuple(_number(text, KINDS, "kinds") for text in fields("kinds")),
            purpose=_number(_last(fields("purpose")) or str(query_pb2.PURPOSE_NOT_STATED), OFFERED_PURPOSES, "purpose"),
        )

    @classmethod
    def previewed(cls, fields: Fields, today: date) -> Choices:
        """What was shown before it is handed in: the days are those that were shown, also when it was midnight since.

        Raises:
            Problem: As `filled`.
        """
        first_day, last_day = (_last(fields(name))[:_DAY_LENGTH] for name in ("window.first_day", "window.last_day"))
        filled = cls.filled(fields, today)
        return cls(
            window=filled.window,
            first_day=first_day,
            last_day=last_day,
            domains=filled.domains,
            kinds=filled.kinds,
            purpose=filled.purpose,
        )

    @classmethod
    def of_report(cls, checked: CheckedReport, catalogue: Catalogue, today: date) -> Choices:
        """As a report was asked for. A period of years that ended when it was issued ends today."""
        report = checked.report
        asked = DayRange.from_wire(report.window)
        issued_on = china_day(checked.issued_at)
        years = next((name for name in YEARS if period(name, issued_on) == asked), OWN)
        days = asked if years == OWN else period(years, today)
        chosen = {key.domain for key in report.cells}
        kinds = {key.kind for key in report.cells}
        return cls(
            window=years,
            first_day=days.first.isoformat(),
            last_day=days.last.isoformat(),
            domains=tuple(domain.id for domain in catalogue.domains if domain.id in chosen),
            kinds=tuple(kind for kind in KINDS if kind in kinds),
            purpose=report.purpose if report.purpose in OFFERED_PURPOSES else query_pb2.PURPOSE_NOT_STATED,
        )

    def checked(self, catalogue: Catalogue, today: date) -> tuple[tuple[common_pb2.CellKey, ...], DayRange]:
        """The cells and the days to ask for, by the same rules as the service.

        Raises:
            HurenError: WINDOW_MALFORMED, WINDOW_INVERTED, WINDOW_IN_FUTURE, WINDOW_TOO_LONG, DOMAIN_UNKNOWN, NOTHING_APPLICABLE.
        """
        message = self.message()
        window = chosen_window(message, today)
        for field, chosen in (("domains", self.domains), ("kinds", self.kinds)):
            if not chosen:  # the service takes nothing for everything; on a form it is nothing
                raise HurenError(ErrorCode.NOTHING_APPLICABLE, field=field)
        return chosen_cells(message, catalogue), window

    def message(
        self, *, uscc: str = "", idempotency_key: str = "", catalogue_version: str = ""
    ) -> wire.RequestReportRequest:
        """The request."""
        return wire.RequestReportRequest(
            idempotency_key=idempotency_key,
            uscc=uscc,
            window=common_pb2.Window(first_day=self.first_day, last_day=self.last_day),
            domains=self.domains,
            kinds=map(common_pb2.RecordKind.ValueType, self.kinds),
            purpose=query_pb2.Purpose.ValueType(self.purpose),
            catalogue_version=catalogue_version,
        )

    def fields(self) -> Iterator[tuple[str, str]]:
        """As fields of a form."""
        yield "window", self.window
        yield "window.first_day", self.first_day
        yield "window.last_day", self.last_day
        yield from (("domains", domain) for domain in self.domains)
        yield from (("kinds", str(kind)) for kind in self.kinds)
        yield "purpose", str(self.purpose)


def period(years: str, today: date) -> DayRange:
    """So many years up to today.

    >>> period("1", date(2026, 11, 22)).first, period("5", date(2028, 2, 29)) == DayRange.longest(date(2028, 2, 29))
    (datetime.date(2025, 11, 22), True)
    """
    first = years_after(today, -YEARS[years])
    whole = years_after(first, YEARS[years]) >= today  # not where 29 February became 28 February
    return DayRange(first if whole else first + timedelta(days=1), today)


def _last(texts: tuple[str, ...]) -> str:
    return texts[-1] if texts else ""


def _number(text: str, known: tuple[int, ...], field: str) -> int:
    number = next((number for number in known if str(number) == text), None)
    if number is None:
        raise malformed("所选项不在可选范围内", "what was chosen is none of those to choose from", field=field)
    return number
