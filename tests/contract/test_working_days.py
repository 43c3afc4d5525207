"""Working days: the shipped calendars against an independent copy of the notices, counting, and years that nobody knows yet."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import chinese_calendar  # type: ignore[import-untyped]  # ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.deadlines import DESK_RULES, Label, StartEvent, due_days
from contract.working_days import (
    REACHED_BACK_TO,
    CalendarError,
    CountedDays,
    DayKind,
    DueDay,
    WorkingDays,
    YearCalendar,
    load_calendars,
)

SHIPPED = load_calendars()
NOBODY_KNOWS = WorkingDays(())

# A calendar as it might be published; the days are invented.
NEXT = {
    "year": 2027,
    "status": "official",
    "source": "示例通知",
    "days_off": ["2027-01-01", "2027-01-02", "2027-01-03"],
    "working_weekends": ["2027-01-09"],
}


def days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]


def text(**changes: Any) -> bytes:
    return json.dumps({**NEXT, **changes}, ensure_ascii=False).encode()


# --- What is shipped ------------------------------------------------------------------------------------


def test_three_years_are_shipped_as_published() -> None:
    assert {year: calendar.status for year, calendar in SHIPPED.years.items()} == dict.fromkeys(
        (2024, 2025, 2026), "official"
    )
    assert [SHIPPED.years[year].source.split("号")[0] for year in (2024, 2025, 2026)] == [
        "国办发明电〔2023〕7",
        "国办发明电〔2024〕12",
        "国办发明电〔2025〕7",
    ]


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_every_day_is_what_an_independent_copy_says(year: int) -> None:
    ours = {day: SHIPPED.is_working_day(day).working for day in days_of(year)}
    assert ours == {day: chinese_calendar.is_workday(day) for day in days_of(year)}


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_a_day_off_is_one_that_the_notice_names(year: int) -> None:
    named = {day for day in days_of(year) if chinese_calendar.get_holiday_detail(day)[1] is not None}
    assert named == set(SHIPPED.years[year].days_off) | set(SHIPPED.years[year].working_weekends)


# --- Counting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        pytest.param("2025-01-24", 1, "2025-01-26", id="2025-spring-festival-worked-sunday"),
        pytest.param("2025-01-24", 2, "2025-01-27", id="2025-spring-festival-eve-of-the-holiday"),
        pytest.param("2025-01-27", 1, "2025-02-05", id="2025-spring-festival-eight-days-off"),
        pytest.param("2025-01-27", 4, "2025-02-08", id="2025-spring-festival-worked-saturday-behind-it"),
        pytest.param("2026-02-13", 1, "2026-02-14", id="2026-spring-festival-worked-saturday"),
        pytest.param("2026-02-14", 1, "2026-02-24", id="2026-spring-festival-nine-days-off"),
        pytest.param("2026-02-14", 5, "2026-02-28", id="2026-spring-festival-worked-saturday-behind-it"),
        pytest.param("2025-09-27", 1, "2025-09-28", id="2025-national-day-worked-sunday"),
        pytest.param("2025-09-30", 3, "2025-10-11", id="2025-national-day-with-mid-autumn"),
        pytest.param("2026-09-18", 1, "2026-09-20", id="2026-national-day-worked-sunday"),
        pytest.param("2026-09-30", 3, "2026-10-10", id="2026-national-day-worked-saturday"),
        pytest.param("2026-11-20", 1, "2026-11-23", id="over-a-weekend"),
        pytest.param("2026-11-21", 1, "2026-11-23", id="from-a-saturday"),
        pytest.param("2025-12-30", 3, "2026-01-05", id="over-the-end-of-a-year"),
        pytest.param("2024-02-08", 2, "2024-02-18", id="2024-spring-festival-worked-sunday-behind-it"),
    ],
)
def test_counts_from_the_day_after_the_event(start: str, days: int, due: str) -> None:
    """民法典 §201: the day of the event is not counted."""
    assert SHIPPED.add(date.fromisoformat(start), days) == DueDay(date.fromisoformat(due), provisional=False)


DAYS = st.dates(date(2023, 6, 1), date(2029, 6, 30))
CALENDARS = st.sampled_from([SHIPPED, NOBODY_KNOWS, WorkingDays((*SHIPPED.years.values(), YearCalendar.parse(text())))])


@given(calendar=CALENDARS, start=DAYS, days=st.integers(1, 80))
def test_what_is_due_is_due_on_a_working_day_after_the_event(calendar: WorkingDays, start: date, days: int) -> None:
    due = calendar.add(start, days)
    assert due.day > start
    assert calendar.is_working_day(due.day).working


@given(calendar=CALENDARS, start=DAYS, later=st.integers(0, 40), days=st.integers(1, 80), more=st.integers(0, 20))
def test_later_events_and_longer_deadlines_are_never_due_earlier(
    calendar: WorkingDays, start: date, later: int, days: int, more: int
) -> None:
    due = calendar.add(start, days)
    assert calendar.add(start + timedelta(days=later), days).day >= due.day
    assert (calendar.add(start, days + more).day > due.day) is (more > 0)


@given(calendar=CALENDARS, start=DAYS, days=st.integers(1, 40), more=st.integers(1, 40))
def test_counting_in_two_steps_is_counting_in_one(calendar: WorkingDays, start: date, days: int, more: int) -> None:
    half = calendar.add(start, days)
    rest = calendar.add(half.day, more)
    assert DueDay(rest.day, half.provisional or rest.provisional) == calendar.add(start, days + more)


@given(calendar=CALENDARS, start=DAYS, days=st.integers(1, 80))
def test_what_has_passed_is_counted_as_what_is_due(calendar: WorkingDays, start: date, days: int) -> None:
    due = calendar.add(start, days)
    assert calendar.between(start, due.day) == CountedDays(days, due.provisional)
    assert calendar.between(start, due.day - timedelta(days=1)).days == days - 1


def test_nothing_has_passed_before_the_event() -> None:
    for last in (date(2026, 11, 20), date(2026, 11, 19), date(1, 1, 1)):
        assert SHIPPED.between(date(2026, 11, 20), last) == CountedDays(0, provisional=False)


@pytest.mark.parametrize(("start", "days"), [(date(2026, 1, 5), 0), (date(2026, 1, 5), -1), (date.max, 1)])
def test_refuses_what_cannot_be_counted(start: date, days: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        SHIPPED.add(start, days)


# --- Years that nobody knows yet -----------------------------------------------------------------------------


def test_a_year_without_a_calendar_is_counted_provisionally_and_again_when_it_is_there(tmp_path: Path) -> None:
    start = date(2026, 12, 30)
    assert SHIPPED.add(start, 4) == DueDay(date(2027, 1, 5), provisional=True)
    (tmp_path / "2027.json").write_bytes(text())
    assert load_calendars(tmp_path).add(start, 4) == DueDay(date(2027, 1, 6), provisional=False)


def test_days_of_an_unknown_year_are_monday_to_friday() -> None:
    known = [NOBODY_KNOWS.is_working_day(date(2030, 10, day)) for day in range(1, 8)]
    assert known == [DayKind(working, provisional=True) for working in (True, True, True, True, False, False, True)]


def test_what_is_counted_by_a_provisional_calendar_is_provisional() -> None:
    calendar = WorkingDays([*SHIPPED.years.values(), YearCalendar.parse(text(status="provisional"))])
    assert calendar.add(date(2026, 12, 30), 4) == DueDay(date(2027, 1, 6), provisional=True)


def test_the_last_week_of_a_year_waits_for_the_next_notice() -> None:
    """The notice for 2019 gave 31 December 2018 off: what was counted through that day before was wrong."""
    known = WorkingDays((*SHIPPED.years.values(), YearCalendar.parse(text())))
    assert SHIPPED.is_working_day(date(2026, 12, 24)) == DayKind(working=True, provisional=False)
    assert SHIPPED.is_working_day(date(2026, 12, 25)) == DayKind(working=True, provisional=True)
    assert known.is_working_day(date(2026, 12, 25)) == DayKind(working=True, provisional=False)
    assert SHIPPED.add(date(2026, 12, 23), 1).provisional is False
    assert SHIPPED.add(date(2026, 12, 24), 1).provisional is True


def test_no_notice_so_far_reached_back_beyond_that_week() -> None:
    changed = {*chinese_calendar.constants.holidays, *chinese_calendar.constants.workdays}
    assert min((day.month, day.day) for day in changed if day.month == 12) >= (12, 25)


# --- Loading -------------------------------------------------------------------------------------------------


def test_an_official_file_of_the_folder_replaces_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "2026.json").write_bytes(
        text(year=2026, source="更正通知", days_off=["2026-01-01"], working_weekends=[])
    )
    (tmp_path / "README.txt").write_text("no calendar", "utf-8")
    loaded = load_calendars(tmp_path)
    assert loaded.years[2026].source == "更正通知"
    assert loaded.years[2025] == SHIPPED.years[2025]


def test_a_provisional_file_does_not_replace_an_official_one(tmp_path: Path) -> None:
    (tmp_path / "2026.json").write_bytes(
        text(year=2026, status="provisional", days_off=["2026-01-01"], working_weekends=[])
    )
    assert load_calendars(tmp_path).years == SHIPPED.years


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalendarError, match="calendars: "):
        load_calendars(tmp_path / "nowhere")


def test_two_calendars_of_one_year_are_refused() -> None:
    with pytest.raises(CalendarError, match="2027: expected one calendar"):
        WorkingDays([YearCalendar.parse(text()), YearCalendar.parse(text(status="provisional"))])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "file: ", id="empty"),
        pytest.param(b"\xff\xfe", "file: ", id="no-utf-8"),
        pytest.param(b"[" * 200_000, "file: ", id="too-deep"),
        pytest.param(b"[]", "file: ", id="no-object"),
        pytest.param(text()[:-1] + b', "year": 2028}', "file: a name stands twice: 'year'", id="a-name-twice"),
        pytest.param(text(surprise=1), "surprise: ", id="unknown-member"),
        pytest.param(text(year="2027"), "year: ", id="year-as-text"),
        pytest.param(text(year=1999), "year: ", id="year-out-of-range"),
        pytest.param(text(status="final"), "status: ", id="unknown-status"),
        pytest.param(text(source=""), "source: ", id="no-source"),
        pytest.param(text(days_off=[]), "days_off: ", id="no-day-off"),
        pytest.param(text(days_off=["2027-02-30"]), "days_off.0: ", id="no-day-of-the-calendar"),
        pytest.param(text(days_off=[20270101]), "days_off.0: ", id="day-as-a-number"),
        pytest.param(text(days_off=["2026-12-31"]), "days_off: expected days of 2027", id="day-off-of-another-year"),
        pytest.param(text(days_off=["2027-01-02", "2027-01-01"]), "days_off: expected ascending", id="out-of-order"),
        pytest.param(text(days_off=["2027-01-01", "2027-01-01"]), "days_off: expected ascending", id="twice"),
        pytest.param(text(working_weekends=["2028-01-08"]), "working_weekends: expected days of", id="other-year"),
        pytest.param(text(working_weekends=["2027-01-11"]), "working_weekends: expected Sat", id="worked-monday"),
        pytest.param(text(working_weekends=["2027-01-02"]), "working_weekends: 2027-01-02 is a day off", id="in-both"),
        pytest.param(json.dumps({"year": 2027}).encode(), "status: ", id="a-member-is-missing"),
    ],
)
def test_a_file_that_is_no_calendar_is_refused_by_name(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "2027.json").write_bytes(content)
    with pytest.raises(CalendarError) as caught:
        load_calendars(tmp_path)
    assert str(caught.value).startswith(f"2027.json: {told}")


def test_a_file_under_another_years_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "2028.json").write_bytes(text())
    with pytest.raises(CalendarError, match=r"2028\.json: a calendar of 2027; expected the name 2027\.json"):
        load_calendars(tmp_path)


@given(content=st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_else(content: bytes) -> None:
    with pytest.raises(CalendarError):
        YearCalendar.parse(content)


# --- Deadlines -----------------------------------------------------------------------------------------------


def test_the_desks_rules_say_that_nobody_agreed_to_them() -> None:
    assert [(rule.step, rule.working_days) for rule in DESK_RULES] == [("remind", 1), ("answer", 2), ("escalate", 3)]
    for rule in DESK_RULES:
        assert (rule.label, rule.source, rule.verified, rule.start) == (
            Label.DEFAULT,
            "system default (not agreed yet)",
            False,
            StartEvent.HELD_UP,
        )


def test_what_is_due_is_counted_from_its_own_event() -> None:
    found = due_days(DESK_RULES[::-1], {StartEvent.HELD_UP: date(2026, 9, 29)}, SHIPPED)
    assert [(one.rule.step, one.due) for one in found] == [
        ("remind", DueDay(date(2026, 9, 30), provisional=False)),
        ("answer", DueDay(date(2026, 10, 8), provisional=False)),
        ("escalate", DueDay(date(2026, 10, 9), provisional=False)),
    ]
    assert due_days(DESK_RULES, {}, SHIPPED) == ()


def test_every_label_is_one_of_three() -> None:
    assert [label.value for label in Label] == ["法定", "四地约定", "系统默认"]


# --- The document says the same ------------------------------------------------------------------------------


def test_the_file_shown_to_operators_is_a_calendar() -> None:
    document = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    (section,) = re.findall(r"^## Working days\n(.*?)^## ", document, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(r"^```json\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    calendar = YearCalendar.parse(shown.encode())
    assert (calendar.year, calendar.is_official) == (max(SHIPPED.years) + 1, True)
    month, first = REACHED_BACK_TO
    assert month == 12
    assert f"{first} to 31 December" in section
    assert f"for {min(SHIPPED.years)} to {max(SHIPPED.years)} are shipped" in section
