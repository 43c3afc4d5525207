"""Legal days of China, instants in UTC, and windows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import example, given
from hypothesis import strategies as st

from contract.days import (
    DayRange,
    china_day,
    from_timestamp,
    parse_day,
    start_of_day,
    to_timestamp,
    years_after,
)
from huren.common.v1 import common_pb2

days = st.dates(date(1, 1, 2), date(9999, 12, 30))
some_days = st.dates(date(2024, 2, 20), date(2024, 3, 10))


@pytest.mark.parametrize(
    ("at", "day"),
    [
        pytest.param(datetime(2026, 11, 21, 15, 59, 59, 999999, tzinfo=UTC), date(2026, 11, 21), id="before midnight"),
        pytest.param(datetime(2026, 11, 21, 16, 0, tzinfo=UTC), date(2026, 11, 22), id="midnight"),
        pytest.param(datetime(2026, 12, 31, 16, 0, tzinfo=UTC), date(2027, 1, 1), id="new year"),
        pytest.param(datetime(2024, 2, 28, 16, 0, tzinfo=UTC), date(2024, 2, 29), id="leap day"),
        pytest.param(datetime(2026, 7, 1, 15, 59, tzinfo=UTC), date(2026, 7, 1), id="no daylight saving"),
    ],
)
def test_a_day_begins_at_midnight_in_china(at: datetime, day: date) -> None:
    assert china_day(at) == day


@given(day=days)
def test_a_day_is_what_lies_between_two_midnights(day: date) -> None:
    assert china_day(start_of_day(day)) == day
    assert china_day(start_of_day(day) - timedelta(microseconds=1)) == day - timedelta(days=1)


@given(day=st.dates())
def test_days_survive_their_text(day: date) -> None:
    assert parse_day(day.isoformat()) == day


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("20260819", id="basic form"),
        pytest.param("2026-W47-7", id="week date"),
        pytest.param("2026-8-19", id="no zeros"),
        pytest.param("2026/08/19", id="slashes"),
        pytest.param("2026-08-19 ", id="blank"),
        pytest.param("2026-08-19\n", id="line feed"),
        pytest.param("２０２６-08-19", id="full width"),
        pytest.param("2025-02-29", id="no leap year"),
        pytest.param("2026-02-30", id="no such day"),
        pytest.param("0000-01-01", id="no such year"),
    ],
)
def test_refuses_other_forms_and_days_that_do_not_exist(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|out of range|Invalid"):
        parse_day(text)


@given(text=st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True))
def test_any_text_is_a_day_or_a_value_error(text: str) -> None:
    try:
        day = parse_day(text)
    except ValueError:
        return
    assert day.isoformat() == text


@given(at=st.datetimes(timezones=st.just(UTC)))
def test_instants_survive_the_wire(at: datetime) -> None:
    assert from_timestamp(to_timestamp(at)) == at


@pytest.mark.parametrize(
    "stamp",
    [
        pytest.param(Timestamp(seconds=-62_135_596_801), id="before year 1"),
        pytest.param(Timestamp(seconds=253_402_300_800), id="after year 9999"),
        pytest.param(Timestamp(seconds=2**63 - 1), id="largest"),
        pytest.param(Timestamp(nanos=-1), id="negative nanos"),
        pytest.param(Timestamp(nanos=10**9), id="a whole second of nanos"),
    ],
)
def test_refuses_instants_that_do_not_exist(stamp: Timestamp) -> None:
    with pytest.raises(ValueError, match="Timestamp"):
        from_timestamp(stamp)


@pytest.mark.parametrize(
    ("day", "years", "expected"),
    [
        pytest.param(date(2024, 2, 29), 1, date(2025, 2, 28), id="leap day to a common year"),
        pytest.param(date(2024, 2, 29), 4, date(2028, 2, 29), id="leap day to a leap year"),
        pytest.param(date(2024, 2, 28), 4, date(2028, 2, 28), id="day before it stays"),
        pytest.param(date(2024, 2, 29), -5, date(2019, 2, 28), id="backwards"),
        pytest.param(date(9998, 1, 1), 5, date.max, id="end of the calendar"),
    ],
)
def test_years_after(day: date, years: int, expected: date) -> None:
    assert years_after(day, years) == expected


@pytest.mark.parametrize(
    ("first", "last", "is_within"),
    [
        pytest.param(date(2021, 11, 22), date(2026, 11, 21), True, id="a day less"),
        pytest.param(date(2021, 11, 22), date(2026, 11, 22), True, id="five years"),
        pytest.param(date(2021, 11, 22), date(2026, 11, 23), False, id="a day more"),
        pytest.param(date(2024, 2, 29), date(2029, 2, 28), True, id="from a leap day"),
        pytest.param(date(2024, 2, 29), date(2029, 3, 1), False, id="from a leap day, a day more"),
        pytest.param(date(2023, 2, 28), date(2028, 2, 28), True, id="to the day before a leap day"),
        pytest.param(date(2023, 2, 28), date(2028, 2, 29), False, id="to a leap day"),
        pytest.param(date(2019, 3, 1), date(2024, 2, 29), True, id="to a leap day within"),
        pytest.param(date(9998, 1, 1), date(9999, 12, 31), True, id="end of the calendar"),
    ],
)
def test_a_window_covers_five_years_at_most(first: date, last: date, *, is_within: bool) -> None:
    assert DayRange(first, last).within_limit is is_within


def test_refuses_an_inverted_range() -> None:
    with pytest.raises(ValueError, match="2026-11-22"):
        DayRange(date(2026, 11, 22), date(2026, 11, 21))


def test_a_range_of_one_day_holds_it() -> None:
    day = date(2024, 2, 29)

    assert day in DayRange(day, day)
    assert day - timedelta(days=1) not in DayRange(day, day)
    assert day + timedelta(days=1) not in DayRange(day, day)


@given(window=st.tuples(some_days, some_days).map(sorted), period=st.tuples(some_days, some_days).map(sorted))
def test_ranges_overlap_where_they_share_a_day(window: list[date], period: list[date]) -> None:
    shared = set(_days(*window)) & set(_days(*period))

    assert DayRange(*window).overlaps(period[0], period[1]) == bool(shared)


@given(window=st.tuples(some_days, some_days).map(sorted), first=some_days)
def test_an_open_period_overlaps_unless_it_begins_later(window: list[date], first: date) -> None:
    assert DayRange(*window).overlaps(first, None) == (first <= window[1])


@given(window=st.tuples(days, days).map(sorted))
def test_windows_survive_the_wire(window: list[date]) -> None:
    made = DayRange(*window)

    assert DayRange.from_wire(made.to_wire()) == made


@given(first=st.text(max_size=12), last=st.text(max_size=12))
def test_any_window_of_the_wire_is_read_or_a_value_error(first: str, last: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        DayRange.from_wire(common_pb2.Window(first_day=first, last_day=last))


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@given(last=st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 12, 31)))
@example(last=date(2028, 2, 29))
def test_the_longest_window_is_within_the_limit_and_one_day_more_is_not(last: date) -> None:
    longest = DayRange.longest(last)

    assert longest.within_limit
    assert not DayRange(longest.first - timedelta(days=1), last).within_limit
