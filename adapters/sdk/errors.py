"""Errors of the adapter kit.

    ValueError
    ├── NotationError    a value of a source is not in the notation that its profile names
    └── ProfileError     a profile contradicts itself or the catalogue; the adapter does not start
    SourceError          (source.py) a platform did not answer
    LedgerConflictError  another transaction wrote the same row first; the work is done again

None of them crosses the wire: a value that cannot be read, or a platform that does not answer, makes its cells unavailable; a
profile that cannot be relied on stops the program before it serves.
"""

from __future__ import annotations

from enum import Enum


class NotationFault(Enum):
    """Why a value cannot be read. The codes are stable: they are stored, counted and shown to whoever has to settle it."""

    ANOTHER_FORM = "another_form"
    """Not in any notation that is read here."""
    NOT_TEXT = "not_text"
    """A number or a truth value where a text is expected: it was interpreted on its way."""
    CONTROL_CHARACTER = "control_character"
    """Characters that no text has, or half a character."""
    PLACEHOLDER = "placeholder"
    """A word for nothing (无, ——, 不详) where that is no answer."""
    MASKED = "masked"
    """Parts were hidden before it came here."""
    DAMAGED = "damaged"
    """Parts were lost before it came here."""

    NO_YEAR = "no_year"
    YEAR_ONLY = "year_only"
    MONTH_ONLY = "month_only"
    NO_TIME = "no_time"
    """A day where an instant is expected."""
    RANGE = "range"
    """From one day or amount to another."""
    SEVERAL_DAYS = "several_days"
    OPEN_START = "open_start"
    """From a day on (起)."""
    NOT_A_DAY = "not_a_day"
    """The calendar or the clock does not have it."""
    OUT_OF_RANGE = "out_of_range"
    """A year that no decision has: a slip of the pen, or another era."""
    DAY_MONTH_AMBIGUOUS = "day_month_ambiguous"
    """It is not known which number is the day, the month or the year."""
    WEEKDAY_CONTRADICTED = "weekday_contradicted"
    EPOCH_AMBIGUOUS = "epoch_ambiguous"
    """A bare number that may count seconds or milliseconds, in a column that is not declared to."""

    APPROXIMATE = "approximate"
    """About, more than, at most, some (近, 约, 余, 以上, 若干), also of days (上旬, 年底)."""
    UNIT_MISSING = "unit_missing"
    UNIT_CONTRADICTED = "unit_contradicted"
    """The text names another unit than its column."""
    UNIT_AMBIGUOUS = "unit_ambiguous"
    """It is not known whether the column's unit comes on top of the text's 万 or 亿."""
    FOREIGN_CURRENCY = "foreign_currency"
    SUB_FEN = "sub_fen"
    """No whole number of fen."""
    NEGATIVE = "negative"
    TOO_LARGE = "too_large"
    """More than the contract can carry."""
    DIGITS_AND_CAPITALS_CONTRADICT = "digits_and_capitals_contradict"
    SEVERAL_AMOUNTS = "several_amounts"
    FORMULA_CONTRADICTED = "formula_contradicted"
    """The stated result is not what the stated formula gives."""
    PROPORTION = "proportion"
    """A rate or a multiple (三倍, 5‰, 15元/平方米) without a stated result."""
    NOT_IMPOSED = "not_imposed"
    """Proposed only (拟处)."""

    WRONG_LENGTH = "wrong_length"
    WRONG_CHARACTER = "wrong_character"
    CHECK_DIGIT = "check_digit"
    SEVERAL_NUMBERS = "several_numbers"
    """More than one document number."""


class NotationError(ValueError):
    """A value is not in the expected notation. The message names the notation, and never holds any of the value.

    Attributes:
        fault: Why it cannot be read.
    """

    def __init__(self, message: str, fault: NotationFault = NotationFault.ANOTHER_FORM) -> None:
        super().__init__(message)
        self.fault = fault


class ProfileError(ValueError):
    """A profile contradicts itself or the catalogue. The message names the first fault."""


class LedgerConflictError(Exception):
    """Another transaction wrote the same row first. Nothing of this one was kept; doing it again finds what the other wrote."""
