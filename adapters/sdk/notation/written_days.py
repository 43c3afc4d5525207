"""The written notations of a day, with or without a time: recognised whole, or not at all.

    2024-02-22  2024/2/22  2024.2.22     year first; one separator throughout
    20240222    20240222173000
    2024年2月22日  2024年02月22号         blanks between the parts; 公元 in front
    二〇二四年二月廿二日  digits of the year one by one, also mixed with 0, ○ and the letter O; 元月; 卅一; capitals as on cheques
    … 17:30  17:30:00.0  T17:30:00Z  T17:30:00+08:00  17时30分  17点30分05秒  下午5:30
    … 星期四  (周四)                       before or after the time

What is written may still be no day: days.py decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Final

_DIGITS: Final = "零一二三四五六七八九"
_CAPITALS: Final = str.maketrans("壹贰叁参肆伍陆柒捌玖拾〇○◯", "一二三三四五六七八九十零零零")
_LETTER_ZERO: Final = re.compile(rf"(?<=[{_DIGITS}O])O(?=[{_DIGITS}O年])")
"""Typed for 〇 among Chinese digits (二O二四年), where it can be nothing else. Among 0 to 9 it is a damage."""
_DASHES: Final = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
_MAX_CARDINAL: Final = 31
_SMALL: Final = r"[0-9]{1,2}|[零一二三四五六七八九十廿卅元]{1,4}"

_DATES: Final = (
    re.compile(
        r"(?P<year>[0-9]{4})\s*(?P<separator>[-/.])\s*(?P<month>[0-9]{1,2})\s*(?P=separator)\s*(?P<day>[0-9]{1,2})(?![0-9])"
    ),
    re.compile(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?![0-9])"),
    re.compile(
        rf"(?:公元\s*)?(?P<year>[0-9{_DIGITS}]{{4}})\s*年\s*(?P<month>{_SMALL})\s*月\s*(?P<day>{_SMALL})\s*(?P<word>[日号])"
    ),
)
_COMPACT_INSTANT: Final = re.compile(
    r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})"
)
_WEEKDAY: Final = r"(?:\(\s*)?(?:星期|礼拜|周)(?P<weekday{0}>[一二三四五六日天])(?:\s*\))?"
_TIME: Final = (
    r"(?P<half>上午|下午)?\s*(?:"
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?:\s?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2}))?"
    r"|(?P<hour_word>[0-9]{1,2})[时点](?:\s?(?P<minute_word>[0-9]{1,2})分(?:\s?(?P<second_word>[0-9]{1,2})秒)?)?)"
)
_BEHIND: Final = re.compile(
    rf"\s*(?:{_WEEKDAY.format(1)})?(?P<gap>\s*T?\s*)(?P<time>{_TIME})?\s*(?:{_WEEKDAY.format(2)})?"
)
_NOON: Final = 12
_MAX_OFFSET: Final = timedelta(hours=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What is written, not checked against calendar and clock.

    Attributes:
        year: Year.
        month: Month.
        day: Day of the month.
        weekday: 0 for Monday to 6. None: not written.
        hour: Hour. None: no time is written.
        minute: Minute. None: not written.
        second: Second, 0 where not written.
        microsecond: Microseconds, 0 where not written.
        offset: Offset from UTC. None: not written.
    """

    year: int
    month: int
    day: int
    weekday: int | None = None
    hour: int | None = None
    minute: int | None = None
    second: int = 0
    microsecond: int = 0
    offset: timezone | None = None


def parse_written(text: str) -> Written | None:
    """Recognises a whole text, folded and simplified. None: it is in none of the notations."""
    text = _LETTER_ZERO.sub("零", text.translate(_CAPITALS).translate(_DASHES))
    if found := _COMPACT_INSTANT.fullmatch(text):
        year, month, day, hour, minute, second = (int(part) for part in found.groups())
        return Written(year=year, month=month, day=day, hour=hour, minute=minute, second=second)
    for form in _DATES:
        if found := form.match(text):
            behind = _BEHIND.fullmatch(text, found.end())
            return None if behind is None else _parse(found, behind, is_worded="word" in form.groupindex)
    return None


def cardinal(text: str) -> int | None:
    """A number from 1 to 31 in digits or Chinese numerals, 元 as 1. None: it is none."""
    return int(text) if text.isdecimal() else _CARDINALS.get(text)


def _parse(found: re.Match[str], behind: re.Match[str], *, is_worded: bool) -> Written | None:
    month, day = cardinal(found["month"]), cardinal(found["day"])
    year = int("".join(str(_DIGITS.index(one)) if one in _DIGITS else one for one in found["year"]))
    weekdays = {
        "一二三四五六日".index("日" if one == "天" else one) for one in behind.group("weekday1", "weekday2") if one
    }
    if month is None or day is None or found["day"] == "元" or len(weekdays) > 1:
        return None
    written = Written(year=year, month=month, day=day, weekday=next(iter(weekdays), None))
    if behind["time"] is None:
        return None if "T" in behind["gap"] else written
    if behind.start("time") == found.end() and not is_worded:
        return None  # 2022-03-0102:59: where the day ends is not certain
    return _with_time(written, behind)


def _with_time(written: Written, found: re.Match[str]) -> Written | None:
    hour = int(found["hour"] or found["hour_word"])
    minute = found["minute"] or found["minute_word"]
    second = int(found["second"] or found["second_word"] or 0)
    if found["half"] and not 0 < hour < _NOON:
        return None  # 上午12点 and 下午17点: written in two ways at once
    offset = _offset(found["zone"])
    fraction = (found["fraction"] or "").ljust(9, "0")
    if (found["zone"] and offset is None) or fraction[6:] != "000":
        return None
    return Written(
        year=written.year,
        month=written.month,
        day=written.day,
        weekday=written.weekday,
        hour=hour + (_NOON if found["half"] == "下午" else 0),
        minute=None if minute is None else int(minute),
        second=second,
        microsecond=int(fraction[:6]),
        offset=offset,
    )


def _offset(zone: str | None) -> timezone | None:
    if zone is None:
        return None
    if zone == "Z":
        return timezone(timedelta())
    digits = zone[1:].replace(":", "")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if size > _MAX_OFFSET or int(digits[2:]) >= 60:  # noqa: PLR2004  # minutes of an hour
        return None
    return timezone(-size if zone[0] == "-" else size)


def _spellings() -> dict[str, int]:
    """Spellings of 1 to 31, as they stand in dates, 零 in front as on cheques (零壹月, 零叁日)."""
    spellings: dict[str, int] = {"元": 1}
    tens = {0: ("",), 1: ("十", "一十"), 2: ("二十", "廿"), 3: ("三十", "卅")}
    for number in range(1, _MAX_CARDINAL + 1):
        ten, one = divmod(number, 10)
        for front in tens[ten]:
            spelling = front + (_DIGITS[one] if one else "")
            spellings[spelling] = number
            if number <= 10 or not one:  # noqa: PLR2004  # cheques: 零 before 1 to 9, 10, 20 and 30
                spellings["零" + spelling] = number
    return spellings


_CARDINALS: Final = _spellings()
