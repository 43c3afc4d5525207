"""Legal days and instants.

An instant is an aware `datetime` in UTC. A legal day is a `date` in China: UTC+8, without daylight saving since 1992. The two
meet here and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, timedelta, timezone
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from huren.common.v1 import common_pb2

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

CHINA: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
MAX_WINDOW_YEARS: Final = 5
"""Longest window of a report (京经信发, 2025-08-19: 涵盖时间范围不超过5年)."""


def china_day(at: datetime) -> date:
    """The legal day in which the instant lies."""
    return at.astimezone(CHINA).date()


def start_of_day(day: date) -> datetime:
    """The first instant of a legal day."""
    return datetime(day.year, day.month, day.day, tzinfo=CHINA).astimezone(UTC)


def parse_day(text: str) -> date:
    """Reads `YYYY-MM-DD`.

    Raises:
        ValueError: Another form, or no day of the calendar.
    """
    if not _DAY.fullmatch(text):  # date.fromisoformat also takes 20250819 and week dates
        raise ValueError(f"expected YYYY-MM-DD, got {text!r}")
    return date.fromisoformat(text)


def to_timestamp(at: datetime) -> Timestamp:
    """An instant as the contract carries it, to the microsecond."""
    stamp = Timestamp()
    stamp.FromDatetime(at.astimezone(UTC))
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """An instant of the contract.

    Raises:
        ValueError: Outside the years 1 to 9999, or nanoseconds out of range.
    """
    return stamp.ToDatetime(tzinfo=UTC)


def years_after(day: date, years: int) -> date:
    """The same day some years on; 29 February becomes 28 February where the year has none. The calendar ends with 9999."""
    if day.year + years > MAXYEAR:
        return date.max
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


@dataclass(frozen=True, slots=True)
class DayRange:
    """Legal days from `first` to `last`, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"expected a range that ends on or after {self.first}, got {self.last}")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def overlaps(self, first: date, last: date | None) -> bool:
        """Whether `[first, last or open]` has a day in common with the range."""
        return first <= self.last and (last is None or last >= self.first)

    @property
    def within_limit(self) -> bool:
        """Whether it is not longer than a report may cover."""
        return self.last <= years_after(self.first, MAX_WINDOW_YEARS)

    @classmethod
    def longest(cls, last: date) -> DayRange:
        """The longest range that a report may cover and that ends with this day.

        >>> DayRange.longest(date(2028, 2, 29)).first
        datetime.date(2023, 3, 1)
        """
        first = years_after(last, -MAX_WINDOW_YEARS)
        return cls(first if cls(first, last).within_limit else first + timedelta(days=1), last)

    def to_wire(self) -> common_pb2.Window:
        """The range as the contract carries it."""
        return common_pb2.Window(first_day=self.first.isoformat(), last_day=self.last.isoformat())

    @classmethod
    def from_wire(cls, window: common_pb2.Window) -> DayRange:
        """Reads a window of the contract.

        Raises:
            ValueError: A day that does not exist, or an inverted window.
        """
        return cls(parse_day(window.first_day), parse_day(window.last_day))
