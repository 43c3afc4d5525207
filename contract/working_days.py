"""Working days (工作日): the calendar in which deadlines are counted.

- Monday to Friday are working days, Saturday and Sunday are not, but where the State Council's yearly notice
  (国务院办公厅关于部分节假日安排的通知) gives a day off or makes a weekend a working one (调休).
- One file for each year, `YYYY.json`. A later year is loaded from a folder of the member, without a release.
- Counting begins on the day after the event (民法典 §201: 开始的当日不计入,自下一日开始计算), in legal days of China.
- A year that nobody has a file of, or whose file is provisional, counts all the same, and what was counted through it is
  *provisional* (暂定): shown so, and counted again when the calendar is there. It never fails.
- Notices reach back: the one for 2007 moved 30 December 2006, the one for 2019 gave 31 December 2018 off. The last days of a
  year are therefore provisional as long as the next year's calendar is not official.

Pure, but for the reading of files in `load_calendars`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contract.json_file import JsonFileError, read_json_file

_SATURDAY: Final = 5
_ONE_DAY: Final = timedelta(days=1)

REACHED_BACK_TO: Final = (12, 25)
"""From this month and day on, the notice of the next year may still change a day. The earliest one ever changed was 29 December
(in 2007 and 2018); the week that holds it is left open."""

_YEAR_FILE: Final = "{year}.json"


class CalendarError(ValueError):
    """A file is no calendar, or contradicts itself. The message names the file, where one is read, and the first fault."""


class YearCalendar(BaseModel):
    """What one year's notice says.

    Attributes:
        year: The year.
        status: `official`: as published. `provisional`: somebody's expectation; what is counted by it is provisional.
        source: Where it is from.
        days_off: Legal days off, weekends among them or not, ascending.
        working_weekends: Saturdays and Sundays that are worked (调休), ascending.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    year: Annotated[int, Field(ge=2000, le=2199)]
    status: Literal["official", "provisional"]
    source: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    days_off: Annotated[tuple[date, ...], Field(min_length=1, max_length=366)]
    working_weekends: Annotated[tuple[date, ...], Field(max_length=366)]

    @classmethod
    def parse(cls, file: bytes) -> Self:
        """Reads a calendar file: JSON, UTF-8.

        Raises:
            CalendarError: It is no calendar, or contradicts itself.
        """
        try:
            calendar = read_json_file(file, cls)
        except JsonFileError as error:
            raise CalendarError(str(error)) from error
        calendar.require_consistent()
        return calendar

    def require_consistent(self) -> None:
        """Checks what no single member shows.

        Raises:
            CalendarError: The first that does not hold.
        """
        for member, days in (("days_off", self.days_off), ("working_weekends", self.working_weekends)):
            for day in days:
                if day.year != self.year:
                    raise CalendarError(f"{member}: expected days of {self.year}, got {day}")
            if list(days) != sorted(set(days)):
                raise CalendarError(f"{member}: expected ascending days, none twice")
        for day in self.working_weekends:
            if not _is_weekend(day):
                raise CalendarError(f"working_weekends: expected Saturdays and Sundays, got {day}")
            if day in self.days_off:
                raise CalendarError(f"working_weekends: {day} is a day off too")

    @property
    def is_official(self) -> bool:
        """Whether it is as published."""
        return self.status == "official"


class DayKind(NamedTuple):
    """What a day is.

    Attributes:
        working: Whether it is a working day.
        provisional: Whether the calendar may still say otherwise.
    """

    working: bool
    provisional: bool


@dataclass(frozen=True, slots=True)
class DueDay:
    """The day on which something is due.

    Attributes:
        day: The last legal day on which it is in time; a working day.
        provisional: Whether any day counted on the way may still turn out to be otherwise (暂定).
    """

    day: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class CountedDays:
    """Working days that have passed.

    Attributes:
        days: How many.
        provisional: As in `DueDay`.
    """

    days: int
    provisional: bool


class WorkingDays:
    """Counts working days by the calendars of some years."""

    def __init__(self, calendars: Iterable[YearCalendar]) -> None:
        """Takes one calendar for a year, in any order.

        Raises:
            CalendarError: Two of one year, or one that contradicts itself.
        """
        by_year: dict[int, YearCalendar] = {}
        for calendar in calendars:
            calendar.require_consistent()
            if calendar.year in by_year:
                raise CalendarError(f"{calendar.year}: expected one calendar, got two")
            by_year[calendar.year] = calendar
        self._by_year: Mapping[int, YearCalendar] = by_year
        self._off = frozenset(day for calendar in by_year.values() for day in calendar.days_off)
        self._worked = frozenset(day for calendar in by_year.values() for day in calendar.working_weekends)

    @property
    def years(self) -> Mapping[int, YearCalendar]:
        """The calendars, by year."""
        return self._by_year

    def is_working_day(self, day: date) -> DayKind:
        """Whether a legal day is a working day, and whether that is provisional."""
        working = day in self._worked or not (_is_weekend(day) or day in self._off)
        return DayKind(working, self._is_provisional(day))

    def add(self, start: date, days: int) -> DueDay:
        """The day that is the given number of working days after an event.

        Args:
            start: The legal day of the event. It is not counted.
            days: How many working days; at least one.

        Raises:
            ValueError: Less than one day, or beyond the year 9999.
        """
        if days < 1:
            raise ValueError(f"expected at least one working day, got {days}")
        day, left, provisional = start, days, False
        while left:
            if day == date.max:
                raise ValueError("expected a day before the year 10000")
            day += _ONE_DAY
            kind = self.is_working_day(day)
            left -= kind.working
            provisional = provisional or kind.provisional
        return DueDay(day, provisional)

    def between(self, first: date, last: date) -> CountedDays:
        """How many working days lie after one legal day, up to and including another: `add`, the other way round.

        None where the last day is not after the first.
        """
        count, provisional = 0, False
        for ordinal in range(first.toordinal() + 1, last.toordinal() + 1):
            kind = self.is_working_day(date.fromordinal(ordinal))
            count += kind.working
            provisional = provisional or kind.provisional
        return CountedDays(count, provisional)

    def _is_provisional(self, day: date) -> bool:
        years = (day.year, day.year + 1) if (day.month, day.day) >= REACHED_BACK_TO else (day.year,)
        return not all(year in self._by_year and self._by_year[year].is_official for year in years)


def load_calendars(folder: Path | None = None) -> WorkingDays:
    """The calendars that this release ships, and those of a folder.

    Args:
        folder: Holds `YYYY.json` files, and nothing else that ends in `.json`. One of a year that is shipped replaces the shipped
            one, unless it is provisional and the shipped one is official. None: the shipped ones only.

    Raises:
        CalendarError: The folder cannot be read, or a file is no calendar; names the file.
    """
    shipped = _read_all(resources.files("contract") / "data" / "calendars")
    own = _read_all(folder) if folder is not None else {}
    chosen = shipped | {
        year: calendar
        for year, calendar in own.items()
        if calendar.is_official or year not in shipped or not shipped[year].is_official
    }
    return WorkingDays(chosen.values())


def _read_all(folder: resources.abc.Traversable | Path) -> dict[int, YearCalendar]:
    found: dict[int, YearCalendar] = {}
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        for entry in entries:
            if entry.name.endswith(".json"):
                calendar = _read(entry.name, entry.read_bytes())
                found[calendar.year] = calendar
    except OSError as error:
        raise CalendarError(f"calendars: the folder or a file in it cannot be read: {error}") from error
    return found


def _read(name: str, content: bytes) -> YearCalendar:
    try:
        calendar = YearCalendar.parse(content)
    except CalendarError as error:
        raise CalendarError(f"{name}: {error}") from error
    if name != (expected := _YEAR_FILE.format(year=calendar.year)):
        raise CalendarError(f"{name}: a calendar of {calendar.year}; expected the name {expected}")
    return calendar


def _is_weekend(day: date) -> bool:
    return day.weekday() >= _SATURDAY
