"""Days as they are written in published records, and what people write besides: a value, or the name of a fault."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.notation import NotationError, NotationFault, read_day, read_timestamp

F = NotationFault
DAYS = st.dates(date(1949, 1, 1), date(2099, 12, 30))
DIGITS = "〇一二三四五六七八九"
WEEKDAYS = "一二三四五六日"

PUBLISHED = {
    "2024-12-09": date(2024, 12, 9),
    "2025-03-28": date(2025, 3, 28),
    "2019-09-24": date(2019, 9, 24),
    "2019/6/22 17:59:00": date(2019, 6, 22),
    "2017/09/11": date(2017, 9, 11),
    "2023-05-27  15:17:24": date(2023, 5, 27),
    "2025-04-21 18:05": date(2025, 4, 21),
    "2025-06-13 17:17": date(2025, 6, 13),
    "2026-01-15 10:17:38": date(2026, 1, 15),
    "2022-03-16 17:03:29.0": date(2022, 3, 16),
    "2020-07-24T05:02:06": date(2020, 7, 24),
    "2008-08-08T00:00:00.000Z": date(2008, 8, 8),
    "20211214": date(2021, 12, 14),
    "20200508": date(2020, 5, 8),
    "2020年07月21日": date(2020, 7, 21),
    "1595260800": F.EPOCH_AMBIGUOUS,
    "1577376000000": F.EPOCH_AMBIGUOUS,
    "2024年10月23日": date(2024, 10, 23),
    "2024年2月22日": date(2024, 2, 22),
    "2023年3月7日": date(2023, 3, 7),
    "2020年04月24日": date(2020, 4, 24),
    "2018年08月24日": date(2018, 8, 24),
    "2019年7月08日": date(2019, 7, 8),
    "2020年09月28日02:59": date(2020, 9, 28),
    "2019年05月18日10:20": date(2019, 5, 18),
    "2022年08月25日 17:20:20": date(2022, 8, 25),
    "2020年07月18日 09时18分59秒": date(2020, 7, 18),
    "2014年11月29日 09:53": date(2014, 11, 29),
    "二〇〇七年八月十三日": date(2007, 8, 13),
    "二0二三年二月十三日": date(2023, 2, 13),
    "2019年5月": F.MONTH_ONLY,
    "2024年12月": F.MONTH_ONLY,
    "2021年3月": F.MONTH_ONLY,
    "2025年5月14、19日": F.SEVERAL_DAYS,
    "5月14、19、20日": F.SEVERAL_DAYS,
    "2025年3月6日至7日": F.RANGE,
    "2019-08-01至2019-08-31": F.RANGE,
    "2月17日至4月24日期间": F.RANGE,
    "2024年10月1日起": F.OPEN_START,
    "自2023101日起施行": F.OPEN_START,
    "2099-12-31": None,
    "长期有效": None,
    "——": None,
    "": None,
    "2019年12月3日星期二": date(2019, 12, 3),
    "2023年11月5日 星期天": date(2023, 11, 5),
    "3月23日": F.NO_YEAR,
    "12月6日": F.NO_YEAR,
    "3月27日": F.NO_YEAR,
    "于年7月5日": F.DAMAGED,
    "202329日": F.DAMAGED,
    "202331": F.DAMAGED,
    "2022727日": F.DAMAGED,
    "202284日": F.DAMAGED,
    "2021 6 23日": F.DAMAGED,
    "20193月至20194月": F.RANGE,
    "2016-11-25 12:00:00": date(2016, 11, 25),
}

WRITTEN = {
    # No day at all.
    None: None,
    " 　": None,
    "长期": None,
    "長期有效": None,
    "永久": None,
    "/": None,
    "无": None,
    "無": None,
    "null": None,
    "9999-12-31": None,
    "9999-12-31 23:59:59": None,
    "2099年12月31日": None,
    "二〇九九年十二月三十一日": None,
    # Separators, blanks, width, script.
    "2024.3.1": date(2024, 3, 1),
    "2024—03—01": date(2024, 3, 1),
    "2024 - 3 - 1": date(2024, 3, 1),
    "２０２４年３月１日": date(2024, 3, 1),
    "2024 年 3 月 1 日": date(2024, 3, 1),
    "2024年3月1號": date(2024, 3, 1),
    "公元2024年3月1日": date(2024, 3, 1),
    "2024年3月1日(星期五)": date(2024, 3, 1),
    "2024-3-1 周五": date(2024, 3, 1),
    "2024年3月1日 星期五 10:20": date(2024, 3, 1),
    "2024年3月1日 10:20 禮拜五": date(2024, 3, 1),
    # Numerals.
    "二○二三年元月卅一日": date(2023, 1, 31),
    "二零二三年十一月廿三號": date(2023, 11, 23),
    "二〇二四年十二月二十日": date(2024, 12, 20),
    "二〇二四年一月三十日": date(2024, 1, 30),
    "贰零贰肆年零叁月零壹日": date(2024, 3, 1),
    "贰零贰肆年零壹拾月零贰拾日": date(2024, 10, 20),
    "贰零贰肆年壹拾贰月壹拾伍日": date(2024, 12, 15),
    "2024年三月1日": date(2024, 3, 1),
    # Times.
    "20240301173000": date(2024, 3, 1),
    "20240301 17:30:00": date(2024, 3, 1),
    "2023/6/1 下午 3:05:06": date(2023, 6, 1),
    "2024-03-01T20:00:00+08:00": date(2024, 3, 1),
    "2024-02-29T15:59:59Z": date(2024, 2, 29),
    "2024-02-29T16:00:00Z": date(2024, 3, 1),
    "2024-03-01T01:00:00+0900": date(2024, 3, 1),
    "2024-03-01T00:30:00+09:00": date(2024, 2, 29),
    "2024-03-01 10:20:30.1234567": F.ANOTHER_FORM,
    "2024-03-01 10:20:30.1230000": date(2024, 3, 1),
    "2024-03-01 24:00:00": F.NOT_A_DAY,
    "2024-03-01 10:61": F.NOT_A_DAY,
    "2024-03-01T": F.ANOTHER_FORM,
    "2022-03-0102:59": F.ANOTHER_FORM,
    "2024-03-01 10": F.ANOTHER_FORM,
    "2024-03-01T10:00:00+25:00": F.ANOTHER_FORM,
    "2024-03-01 上午12:30": F.ANOTHER_FORM,
    # No certain day.
    "2024": F.YEAR_ONLY,
    "2024年": F.YEAR_ONLY,
    "二〇二四年": F.YEAR_ONLY,
    "2024年度": F.YEAR_ONLY,
    "2024-03": F.MONTH_ONLY,
    "2024.3": F.MONTH_ONLY,
    "202403": F.MONTH_ONLY,
    "二〇二四年十月": F.MONTH_ONLY,
    "2024年3月份": F.MONTH_ONLY,
    "三月二十三日": F.NO_YEAR,
    "3-23": F.NO_YEAR,
    "3月23日 10:20": F.NO_YEAR,
    "23日": F.NO_YEAR,
    "2024年3月上旬": F.APPROXIMATE,
    "2024年年底": F.APPROXIMATE,
    "2024年3月1日左右": F.APPROXIMATE,
    "约2024年3月1日": F.APPROXIMATE,
    "截至2024年3月1日": F.RANGE,
    "2024年3月1日前": F.RANGE,
    "2019.8.1-2019.8.31": F.RANGE,
    "2019-08-01~2019-08-31": F.RANGE,
    "2024年3月6—7日": F.RANGE,
    "2024年3月6日-7日": F.RANGE,
    "2024-03-01到2024-03-05": F.RANGE,
    "2024-03-01、2024-03-05": F.SEVERAL_DAYS,
    "2024-03-01 2024-03-05": F.SEVERAL_DAYS,
    "2024-03-01,2024-03-05": F.SEVERAL_DAYS,
    "2024年3月1日和3月5日": F.SEVERAL_DAYS,
    "自2024-03-01起": F.OPEN_START,
    "2024年3月1日起施行": F.OPEN_START,
    "2024年3月1日以来": F.OPEN_START,
    "03/04/2024": F.DAY_MONTH_AMBIGUOUS,
    "13/02/2024": F.DAY_MONTH_AMBIGUOUS,
    "3-4-24": F.DAY_MONTH_AMBIGUOUS,
    "24-3-4": F.DAY_MONTH_AMBIGUOUS,
    "24/03/01": F.DAY_MONTH_AMBIGUOUS,
    "1/2/2024 10:00": F.DAY_MONTH_AMBIGUOUS,
    "2024年3月1日星期四": F.WEEKDAY_CONTRADICTED,
    "2024-03-01 周五 10:00 周四": F.ANOTHER_FORM,
    "2024030112": F.EPOCH_AMBIGUOUS,
    1577376000000: F.EPOCH_AMBIGUOUS,
    1595260800: F.EPOCH_AMBIGUOUS,
    20240301: F.NOT_TEXT,
    True: F.NOT_TEXT,
    10**30: F.NOT_TEXT,
    # No day of the calendar, or none of ours.
    "2024年13月1日": F.NOT_A_DAY,
    "2024-02-30": F.NOT_A_DAY,
    "2023年2月29日": F.NOT_A_DAY,
    "2024-00-10": F.NOT_A_DAY,
    "二〇二四年二月三十日": F.NOT_A_DAY,
    "0000-00-00": F.NOT_A_DAY,
    "20241301": F.NOT_A_DAY,
    "0204-03-01": F.OUT_OF_RANGE,
    "1900-01-01": F.OUT_OF_RANGE,
    "0001-01-01T00:00:00": F.OUT_OF_RANGE,
    "9999-12-30": F.OUT_OF_RANGE,
    "1445年9月1日": F.OUT_OF_RANGE,
    "2567-03-01": F.OUT_OF_RANGE,
    "民国112年3月1日": F.OUT_OF_RANGE,
    "112年3月1日": F.OUT_OF_RANGE,
    "24年3月1日": F.OUT_OF_RANGE,
    # Damaged, masked, something else.
    "2024年3月1": F.DAMAGED,
    "2024年月日": F.DAMAGED,
    "2024年3月日": F.DAMAGED,
    "2024031": F.DAMAGED,
    "2024年3-1": F.DAMAGED,
    "2024-**-01": F.MASKED,
    "20XX年3月1日": F.MASKED,
    "2024年×月×日": F.MASKED,
    "2024-3/1": F.ANOTHER_FORM,
    "2024-W10-5": F.ANOTHER_FORM,
    "2024-03-0①": F.ANOTHER_FORM,
    "٢٠٢٤-٠٣-٠١": F.ANOTHER_FORM,
    "Mar 1, 2024": F.ANOTHER_FORM,
    "正月十五": F.ANOTHER_FORM,
    "不详": F.PLACEHOLDER,
    "--": F.PLACEHOLDER,
    "2024-03-01\x00": F.CONTROL_CHARACTER,
    "2024-03-01\ud800": F.CONTROL_CHARACTER,
    "2024-03-01" * 10: F.ANOTHER_FORM,
}


def result(reader: Any, value: Any) -> Any:
    try:
        return reader(value)
    except NotationError as error:
        return error.fault


@pytest.mark.parametrize(("raw", "expected"), PUBLISHED.items())
def test_reads_published_days_or_names_the_fault(raw: str, expected: object) -> None:
    assert result(read_day, raw) == expected


@pytest.mark.parametrize(("raw", "expected"), WRITTEN.items(), ids=lambda value: repr(value)[:40])
def test_reads_written_days_or_names_the_fault(raw: Any, expected: object) -> None:
    assert result(read_day, raw) == expected


@given(DAYS, st.times())
def test_a_day_survives_every_notation(day: date, time: Any) -> None:
    year, month, number = day.year, day.month, day.day
    clock = time.replace(microsecond=0)
    for text in (
        day.isoformat(),
        f"{year}-{month}-{number}",
        f"{year}/{month}/{number} {clock.isoformat()}",
        f"{year}.{month:02}.{number:02}",
        day.strftime("%Y%m%d"),
        f"{year}年{month}月{number}日",
        f"{year}年{month:02}月{number:02}号{clock:%H:%M}",
        f"{year} 年 {month} 月 {number} 日 {clock:%H时%M分%S秒}",
        f"{year}年{month}月{number}日 星期{WEEKDAYS[day.weekday()]}",
        f"{han_year(year)}年{han(month)}月{han(number)}日",
        f"{han_year(year)}年{han(month)}月{han(number)}日".translate(str.maketrans("〇", "○")),
        f"{day.isoformat()}T{clock.isoformat()}+08:00",
        f"{day.isoformat()} {clock.isoformat()}.0",
    ):
        assert read_day(text) == day


@given(DAYS, st.integers(0, 6))
def test_another_weekday_contradicts(day: date, weekday: int) -> None:
    expected = day if weekday == day.weekday() else F.WEEKDAY_CONTRADICTED
    assert result(read_day, f"{day.isoformat()} 星期{WEEKDAYS[weekday]}") == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2020年09月28日02:59", datetime(2020, 9, 27, 18, 59, tzinfo=UTC)),
        ("2020年07月18日 09时18分59秒", datetime(2020, 7, 18, 1, 18, 59, tzinfo=UTC)),
        ("2023-05-27  15:17:24", datetime(2023, 5, 27, 7, 17, 24, tzinfo=UTC)),
        ("2022-03-16 17:03:29.5", datetime(2022, 3, 16, 9, 3, 29, 500_000, tzinfo=UTC)),
        ("2020-07-24T05:02:06", datetime(2020, 7, 23, 21, 2, 6, tzinfo=UTC)),
        ("2008-08-08T00:00:00.000Z", datetime(2008, 8, 8, tzinfo=UTC)),
        ("2024-03-01T01:00:00+09:00", datetime(2024, 2, 29, 16, tzinfo=UTC)),
        ("20240301173000", datetime(2024, 3, 1, 9, 30, tzinfo=UTC)),
        ("2023/6/1 下午 3:05:06", datetime(2023, 6, 1, 7, 5, 6, tzinfo=UTC)),
        ("2023/6/1 上午 3:05:06", datetime(2023, 5, 31, 19, 5, 6, tzinfo=UTC)),
        ("二〇二三年六月一日 8点30分", datetime(2023, 6, 1, 0, 30, tzinfo=UTC)),
        ("2024-03-01", F.NO_TIME),
        ("2024年3月1日 9时", F.NO_TIME),
        ("", F.PLACEHOLDER),
        ("长期", F.PLACEHOLDER),
        ("3月23日 10:20", F.NO_YEAR),
        ("9999-12-31 23:59:59", F.OUT_OF_RANGE),
        ("1595260800", F.EPOCH_AMBIGUOUS),
        (1577376000000, F.EPOCH_AMBIGUOUS),
        (None, F.NOT_TEXT),
    ],
)
def test_reads_written_instants_or_names_the_fault(raw: Any, expected: object) -> None:
    assert result(read_timestamp, raw) == expected


@given(st.datetimes(datetime(1949, 1, 3), datetime(2099, 1, 1)), st.integers(-840, 840))  # noqa: DTZ001  # made aware below
def test_an_instant_survives_any_offset(naive: datetime, minutes: int) -> None:
    at = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert read_timestamp(at.isoformat(sep=" ")) == at
    assert read_timestamp(at.replace(microsecond=0).isoformat()) == at.replace(microsecond=0)


def han_year(year: int) -> str:
    return "".join(DIGITS[int(digit)] for digit in str(year))


def han(number: int) -> str:
    ten, one = divmod(number, 10)
    return ("" if not ten else "十" if ten == 1 else f"{DIGITS[ten]}十") + (DIGITS[one] if one else "")
