"""Readers of the notations in which platforms write days, instants, amounts, texts and document numbers.

- Every reader is narrow and exact: it reads one notation and refuses everything else by `NotationError`. Nothing is guessed,
  repaired or rounded.
- Full-width digits and punctuation are folded, and blanks around a value are dropped, before reading; other compatibility
  characters (①, ², ½) are not digits.
- A reader of days gives None where the source says that there is no day: null, blank, 长期, 长期有效, ——, 2099-12-31 or
  9999-12-31. Whoever needs a day refuses None.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from adapters.sdk.errors import NotationError as NotationError
from adapters.sdk.source import RawValue
from contract.days import CHINA
from contract.money import Fen, MoneyUnit, to_fen

FIRST_YEAR: Final = 1949
LAST_YEAR: Final = 2199
"""Years outside this range are slips of the pen (0204, 20024): no decision of the provinces is older, and none reaches further."""

_NO_DAY_WORDS: Final = frozenset({"", "长期", "长期有效", "——"})
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
_MIN_MILLIS: Final = -662_716_800_000  # 1949-01-01T00:00:00 China time
_MAX_MILLIS: Final = 253_402_271_999_999  # 9999-12-31T23:59:59.999 China time

_AMOUNT: Final = re.compile(
    r"(?P<sign>¥)? ?(?P<number>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?) ?(?P<unit>元|万元|亿元)?"
)
_UNIT_WORDS: Final = {MoneyUnit.YUAN: "元", MoneyUnit.WAN_YUAN: "万元", MoneyUnit.YI_YUAN: "亿元"}
_MAX_AMOUNT_LENGTH: Final = 64

_BRACKETS: Final = str.maketrans(
    {"[": "〔", "]": "〕", "【": "〔", "】": "〕", "﹝": "〔", "﹞": "〕", "(": "〔", ")": "〕"}
)
_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xFFE5: 0xA5}
_ALLOWED_CONTROLS: Final = "\t\n\r"


# --- Days ------------------------------------------------------------------------------------


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
    if _is_blank(value):
        return None
    at = read_epoch_timestamp(value).astimezone(CHINA)
    if (at.hour, at.minute, at.second, at.microsecond) != (0, 0, 0, 0):
        raise NotationError(f"expected milliseconds at 00:00 China time, got {at.time().isoformat()}")
    return _bounded(at.date())


# --- Instants ------------------------------------------------------------------------------------


def read_china_timestamp(value: RawValue) -> datetime:
    """Reads `YYYY-MM-DD HH:MM:SS`, `YYYY/M/D HH:MM:SS` or `YYYYMMDDHHMMSS`, China time, as an instant in UTC.

    >>> read_china_timestamp("2026-11-21 20:00:00").isoformat()
    '2026-11-21T12:00:00+00:00'

    Raises:
        NotationError: Another form, an instant that does not exist, or nothing at all: an instant is never optional.
    """
    text = _fold(_text_only(value, "an instant"))
    for form in _TIMESTAMPS:
        if found := form.fullmatch(text):
            year, month, day, hour, minute, second = (int(part) for part in found.groups())
            if not FIRST_YEAR <= year <= LAST_YEAR:
                raise NotationError(f"expected an instant from {FIRST_YEAR} to {LAST_YEAR}, got year {year}")
            try:
                return datetime(year, month, day, hour, minute, second, tzinfo=CHINA).astimezone(UTC)
            except ValueError as error:
                raise NotationError(f"expected an instant that exists: {error}") from error
    raise NotationError(
        "expected an instant YYYY-MM-DD HH:MM:SS, YYYY/M/D HH:MM:SS or YYYYMMDDHHMMSS, got another form"
    )


def read_epoch_timestamp(value: RawValue) -> datetime:
    """Reads milliseconds since 1970 as an instant in UTC.

    Raises:
        NotationError: No integer, or outside the years 1949 to 9999.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotationError(f"expected an integer of milliseconds, got {type(value).__name__}")
    if not _MIN_MILLIS <= value <= _MAX_MILLIS:
        raise NotationError("expected milliseconds of the years 1949 to 9999")
    return _EPOCH + timedelta(milliseconds=value)


# --- Money ------------------------------------------------------------------------------------


def read_amount(value: RawValue, unit: MoneyUnit) -> Fen | None:
    """Reads an amount, exactly.

    Text is a decimal number, with thousands separators in the right places or without any, with or without the word of its
    unit or ¥. A text that names a unit must name the column's; ¥ alone means yuan. None and blank are no amount.

    >>> read_amount("1,020,000.00", MoneyUnit.YUAN)
    102000000
    >>> read_amount("1.5万元", MoneyUnit.WAN_YUAN)
    1500000

    Raises:
        NotationError: Another form, a sign, an exponent, another unit, or no whole number of fen.
    """
    if _is_blank(value):
        return None
    try:
        return to_fen(_amount_number(value, unit), unit)
    except NotationError:
        raise
    except ValueError as error:
        raise NotationError(str(error)) from error


def _amount_number(value: RawValue, unit: MoneyUnit) -> Decimal:
    if isinstance(value, bool):
        raise NotationError("expected an amount, got a truth value")
    if isinstance(value, int | Decimal):
        return Decimal(value)
    text = _fold(_text_only(value, "an amount"))
    found = _AMOUNT.fullmatch(text) if len(text) <= _MAX_AMOUNT_LENGTH else None
    if found is None:
        raise NotationError("expected an amount as a decimal number, got another form")
    named = found["unit"] or ("元" if found["sign"] else None)
    if named not in {None, _UNIT_WORDS[unit]}:
        raise NotationError(f"expected an amount in {_UNIT_WORDS[unit]}, got one in {named}")
    return Decimal(found["number"].replace(",", ""))


# --- Texts ------------------------------------------------------------------------------------


def read_text(value: RawValue) -> str:
    """Reads a text as it stands, without the blanks around it. None is an empty text.

    Raises:
        NotationError: A truth value, control characters, or half a character (a lone surrogate).
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        raise NotationError("expected a text, got a truth value")
    text = str(value).strip()
    for character in text:
        kind = unicodedata.category(character)
        if kind == "Cs" or (kind == "Cc" and character not in _ALLOWED_CONTROLS):
            raise NotationError(f"expected printable text, got U+{ord(character):04X}")
    return text


def read_document_number(value: RawValue) -> str:
    """Reads a document number (文号) as issued: it is printed, not interpreted.

    Raises:
        NotationError: As `read_text`.
    """
    return read_text(value)


def read_code(value: RawValue) -> str:
    """Reads a code for the look-up in a table: folded, without blanks around it; null is the empty code.

    A truth value is the code `true` or `false`, an integer its decimal digits.

    Raises:
        NotationError: A number with a fraction.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        raise NotationError("expected a code, got a number with a fraction")
    return _fold(str(value))


def normalise_document_number(text: str) -> str:
    """Makes spellings of one document number equal. For `decision_key` only: it is never printed.

    Rules and vectors: docs/protocols/query-processing.md, M-12.

    >>> normalise_document_number("京市监罚[2024]第 12 号") == normalise_document_number("京市监罚〔2024〕第12号")
    True
    """
    folded = "".join(unicodedata.normalize("NFKC", text).translate(_BRACKETS).upper().split())
    return folded[:-1] if folded.endswith(("号", "號")) else folded


def fold_name(text: str) -> str:
    """Makes spellings of one name equal: width, brackets and blanks. For comparing only: it is never printed."""
    return "".join(unicodedata.normalize("NFKC", text).translate(_BRACKETS).upper().split())


def fold_width(text: str) -> str:
    """Full-width forms as half-width ones, character by character."""
    return text.translate(_FULL_WIDTH)


# --- Below: what they share ------------------------------------------------------------------------------------


def _read_date(value: RawValue, form: re.Pattern[str], name: str) -> date | None:
    if value is None:
        return None
    text = _fold(_text_only(value, f"a day {name}"))
    if text in _NO_DAY_WORDS:
        return None
    found = form.fullmatch(text)
    if found is None:
        raise NotationError(f"expected a day {name}, got another form")
    try:
        return _bounded(date(*(int(part) for part in found.groups())))
    except NotationError:
        raise
    except ValueError as error:
        raise NotationError(f"expected a day of the calendar: {error}") from error


def _bounded(day: date) -> date | None:
    if day in _NO_END:
        return None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise NotationError(f"expected a day from {FIRST_YEAR} to {LAST_YEAR}, got year {day.year}")
    return day


def _is_blank(value: RawValue) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _text_only(value: RawValue, expected: str) -> str:
    if not isinstance(value, str):
        raise NotationError(f"expected {expected} as text, got {type(value).__name__}")
    return value


def _fold(text: str) -> str:
    return fold_width(text).strip()
