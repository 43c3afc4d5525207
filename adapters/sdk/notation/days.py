"""Days and instants.

- `read_iso_date`, `read_slash_date`, `read_compact_date`, `read_epoch_millis`, `read_epoch_seconds` and
  `read_china_timestamp` read one notation each: what a column is declared to hold.
- `read_day` and `read_timestamp` read every written notation that leaves no doubt (written_days.py): what people fill in.
- A day without an offset is China's. With one, it is the day in China at that instant.
- A reader of days gives None where the source says that there is no day: null, blank, 长期, 长期有效, ——, 2099-12-31 or
  9999-12-31; `read_day` also for 永久, 永久有效, 无期限, 无, / and null. Whoever needs a day refuses None. An instant is never
  optional.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from adapters.sdk.errors import NotationError, NotationFault
from adapters.sdk.notation.day_faults import fault_of
from adapters.sdk.notation.folding import fold_width, is_blank, plain_text, text_only
from adapters.sdk.notation.written_days import Written, parse_written
from adapters.sdk.source import RawValue
from contract.days import CHINA, china_day

FIRST_YEAR: Final = 1949
LAST_YEAR: Final = 2199
"""Years outside this range are slips of the pen (0204, 20024): no decision of the provinces is older, and none reaches further."""

_NO_DAY_WORDS: Final = frozenset({"", "长期", "长期有效", "——"})
_MORE_NO_DAY_WORDS: Final = _NO_DAY_WORDS | {"永久", "永久有效", "无期限", "—", "/", "无", "null", "NULL"}
_NO_END: Final = frozenset({date(2099, 12, 31), date(9999, 12, 31)})

_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_SLASH: Final = re.compile(r"([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})")
_COMPACT: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_TIME: Final = r"([0-9]{2}):([0-9]{2}):([0-9]{2})"
_TIMESTAMPS: Final = (
    re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}}) {_TIME}"),
    re.compile(rf"([0-9]{{4}})/([0-9]{{1,2}})/([0-9]{{1,2}}) {_TIME}"),
    re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})"),
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MIN_SECONDS: Final = -662_716_800  # 1949-01-01T00:00:00 China time
_MAX_SECONDS: Final = 253_402_271_999  # 9999-12-31T23:59:59 China time
_MAX_LENGTH: Final = 64


# --- One notation each ------------------------------------------------------------------------------------


def read_iso_date(value: RawValue) -> date | None:
    """Reads `YYYY-MM-DD`.

    >>> read_iso_date("2024-03-01")
    datetime.date(2024, 3, 1)
    >>> read_iso_date("2099-12-31") is None
    True

    Raises:
        NotationError: Another form, or no day of the calendar.
    """
    return _read_date(value, _ISO, "YYYY-MM-DD")


def read_slash_date(value: RawValue) -> date | None:
    """Reads `YYYY/M/D`, with or without leading zeros.

    Raises:
        NotationError: Another form, or no day of the calendar.
    """
    return _read_date(value, _SLASH, "YYYY/M/D")


def read_compact_date(value: RawValue) -> date | None:
    """Reads `YYYYMMDD`.

    Raises:
        NotationError: Another form, or no day of the calendar.
    """
    return _read_date(value, _COMPACT, "YYYYMMDD")


def read_epoch_millis(value: RawValue) -> date | None:
    """Reads a day that is written as milliseconds since 1970 at 00:00 China time.

    >>> read_epoch_millis(1709222400000)
    datetime.date(2024, 3, 1)

    Raises:
        NotationError: No integer, or another time of day: then it is not known which day was meant.
    """
    return None if is_blank(value) else _midnight(read_epoch_timestamp(value))


def read_epoch_seconds(value: RawValue) -> date | None:
    """Reads a day that is written as seconds since 1970 at 00:00 China time.

    >>> read_epoch_seconds(1709222400)
    datetime.date(2024, 3, 1)

    Raises:
        NotationError: As `read_epoch_millis`.
    """
    if is_blank(value):
        return None
    seconds = _integer(value, "seconds")
    if not _MIN_SECONDS <= seconds <= _MAX_SECONDS:
        raise NotationError("expected seconds of the years 1949 to 9999", NotationFault.OUT_OF_RANGE)
    return _midnight(_EPOCH + timedelta(seconds=seconds))


def read_epoch_timestamp(value: RawValue) -> datetime:
    """Reads milliseconds since 1970 as an instant in UTC.

    Raises:
        NotationError: No integer, or outside the years 1949 to 9999.
    """
    millis = _integer(value, "milliseconds")
    if not _MIN_SECONDS * 1000 <= millis <= _MAX_SECONDS * 1000 + 999:
        raise NotationError("expected milliseconds of the years 1949 to 9999", NotationFault.OUT_OF_RANGE)
    return _EPOCH + timedelta(milliseconds=millis)


def read_china_timestamp(value: RawValue) -> datetime:
    """Reads `YYYY-MM-DD HH:MM:SS`, `YYYY/M/D HH:MM:SS` or `YYYYMMDDHHMMSS`, China time, as an instant in UTC.

    >>> read_china_timestamp("2026-11-21 20:00:00").isoformat()
    '2026-11-21T12:00:00+00:00'

    Raises:
        NotationError: Another form, an instant that does not exist, or nothing at all: an instant is never optional.
    """
    text = fold_width(text_only(value, "an instant")).strip()
    for form in _TIMESTAMPS:
        if found := form.fullmatch(text):
            year, month, day, hour, minute, second = (int(part) for part in found.groups())
            if not FIRST_YEAR <= year <= LAST_YEAR:
                raise _out_of_range()
            try:
                return datetime(year, month, day, hour, minute, second, tzinfo=CHINA).astimezone(UTC)
            except ValueError as error:
                raise _not_there() from error
    raise NotationError(
        "expected an instant YYYY-MM-DD HH:MM:SS, YYYY/M/D HH:MM:SS or YYYYMMDDHHMMSS, got another form"
    )


# --- Every notation ------------------------------------------------------------------------------------


def read_day(value: RawValue) -> date | None:
    """Reads a day in any written notation that leaves no doubt.

    >>> read_day("二〇〇七年八月十三日")
    datetime.date(2007, 8, 13)
    >>> read_day("2020年07月18日 09时18分59秒")
    datetime.date(2020, 7, 18)
    >>> read_day("2024-02-29T16:00:00Z")
    datetime.date(2024, 3, 1)

    Raises:
        NotationError: Anything else, by its fault: no year, a month only, a range, several days, a beginning, damaged, ambiguous.
    """
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and _may_be_epoch(value):
        raise NotationError("expected a written day, got a bare number", NotationFault.EPOCH_AMBIGUOUS)
    text = plain_text(value, "a day", limit=_MAX_LENGTH)
    if text in _MORE_NO_DAY_WORDS:
        return None
    written = parse_written(text)
    if written is None:
        raise NotationError("expected a day of a year, month and day, got another form", fault_of(text))
    return _bounded(_day_of(written))


def read_timestamp(value: RawValue) -> datetime:
    """Reads an instant in any written notation that leaves no doubt, China time where no offset stands, as an instant in UTC.

    Without seconds it is the beginning of the minute that is written.

    >>> read_timestamp("2020年09月28日02:59").isoformat()
    '2020-09-27T18:59:00+00:00'

    Raises:
        NotationError: Anything else, by its fault; nothing at all is one: an instant is never optional.
    """
    if isinstance(value, int) and not isinstance(value, bool) and _may_be_epoch(value):
        raise NotationError("expected a written instant, got a bare number", NotationFault.EPOCH_AMBIGUOUS)
    text = plain_text(value, "an instant", limit=_MAX_LENGTH)
    written = parse_written(text)
    if written is None:
        fault = NotationFault.PLACEHOLDER if text in _MORE_NO_DAY_WORDS else fault_of(text)
        raise NotationError("expected an instant of a day and a time, got another form", fault)
    day = _day_of(written)
    if written.minute is None or written.hour is None:
        raise NotationError("expected an instant, got a day without hour and minute", NotationFault.NO_TIME)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _out_of_range()
    return _instant_of(written).astimezone(UTC)


# --- Below: what they share ------------------------------------------------------------------------------------


def _read_date(value: RawValue, form: re.Pattern[str], name: str) -> date | None:
    if value is None:
        return None
    text = fold_width(text_only(value, f"a day {name}")).strip()
    if text in _NO_DAY_WORDS:
        return None
    found = form.fullmatch(text)
    if found is None:
        raise NotationError(f"expected a day {name}, got another form")
    try:
        day = date(*(int(part) for part in found.groups()))
    except ValueError as error:
        raise _not_there() from error
    return _bounded(day)


def _may_be_epoch(value: int) -> bool:
    """Ten digits may count seconds, thirteen milliseconds."""
    return 10**9 <= abs(value) < 10**10 or 10**12 <= abs(value) < 10**13


def _integer(value: RawValue, unit: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotationError(f"expected an integer of {unit}, got {type(value).__name__}")
    return value


def _midnight(at: datetime) -> date | None:
    local = at.astimezone(CHINA)
    if (local.hour, local.minute, local.second, local.microsecond) != (0, 0, 0, 0):
        raise NotationError("expected 00:00 China time, got another time of day")
    return _bounded(local.date())


def _day_of(written: Written) -> date:
    """The day in China, checked against everything that is written beside it."""
    try:
        day = date(written.year, written.month, written.day)
    except ValueError as error:
        raise _not_there() from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR and day not in _NO_END:
        raise _out_of_range()
    if written.weekday is not None and written.weekday != day.weekday():
        raise NotationError("expected the weekday of the day, got another", NotationFault.WEEKDAY_CONTRADICTED)
    if written.hour is None:
        return day
    at = _instant_of(written)
    return day if written.offset is None else china_day(at)


def _instant_of(written: Written) -> datetime:
    try:
        at = datetime(
            written.year,
            written.month,
            written.day,
            written.hour or 0,
            written.minute or 0,
            written.second,
            written.microsecond,
            tzinfo=CHINA if written.offset is None else written.offset,
        )
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _not_there() from error


def _bounded(day: date) -> date | None:
    if day in _NO_END:
        return None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _out_of_range()
    return day


def _out_of_range() -> NotationError:
    return NotationError(f"expected a year from {FIRST_YEAR} to {LAST_YEAR}", NotationFault.OUT_OF_RANGE)


def _not_there() -> NotationError:
    return NotationError("expected a day and time that the calendar and the clock have", NotationFault.NOT_A_DAY)
