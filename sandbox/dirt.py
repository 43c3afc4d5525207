"""What can be wrong with a row that a platform was supplied with: a catalogue, whatever the form of the row.

- A dirt changes the values of one rendered row; which of its columns hold what is told from outside (`RowColumns`).
- Each says what it may cost (`Cost`). What it may never cost: that a record seems not to be there.
- Deterministic: the same row and the same dice give the same dirt. Pure.

Source of the kinds: notations that occur in published decisions (dates without a year, 约三万, masked codes, 19 characters), and
what files and interfaces are known to do to text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Final

from opencc import OpenCC

from contract.days import CHINA
from contract.uscc import ALPHABET
from sandbox.dice import Dice
from sandbox.vocabulary import small_number

Value = str | int | None
Row = Mapping[str, Value]
"""Column to value, as the platform gives it."""


class Cost(Enum):
    """What a dirt may cost."""

    HARMLESS = "nothing: the record is found"
    MAY_MAKE_UNREADABLE = "another notation of the same: the record is found, or its cell is unavailable"
    MAKES_UNREADABLE = "the cell of the row is unavailable"
    MAY_HIDE_OWNER = "the record is found, or in doubt"
    HIDES_OWNER = "in doubt for whom it may be; else the row belongs to nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowColumns:
    """Which columns of a form hold what. None or empty: the form has no such column.

    Attributes:
        name, code, organisation_code, registration_number: Whose.
        document_number, decided_on, authority, content: Of the decision.
        amounts: Columns of amounts, each with the word of its unit (元, 万元).
        state, categories, domain: Columns of codes.
    """

    name: str
    code: str | None
    organisation_code: str | None
    registration_number: str | None
    document_number: str
    decided_on: str
    authority: str
    content: str
    amounts: tuple[tuple[str, str], ...]
    state: str | None
    categories: tuple[str, ...]
    domain: str


Change = Callable[[Row, RowColumns, Dice], Row | None]
"""Gives a row with something wrong about it; None where it has nothing that can be wrong so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dirt:
    """Something that can be wrong.

    Attributes:
        name: What.
        cost: What it may cost.
        change: Makes a row so.
        is_wide: Whether nobody can say any more which cell the row is of.
    """

    name: str
    cost: Cost
    change: Change
    is_wide: bool = False


def dirty(values: Row, columns: RowColumns, dice: Dice) -> tuple[Row, Dirt]:
    """Makes a row dirty in one of the ways of which it is capable."""
    possible = [(changed, dirt) for dirt in CATALOGUE if (changed := dirt.change(values, columns, dice)) is not None]
    return dice.one_of(possible)


# --- Whose ------------------------------------------------------------------------------------------------------------------


_Text = Callable[[str, Dice], str | None]
"""Changes a text; None: it cannot be changed so."""


def _masked_code(code: str, dice: Dice) -> str | None:
    mask = dice.one_of(("*" * 8, "●" * 8, "×" * 8, "***"))
    return f"{code[:8]}{mask}{code[16:]}" if dice.chance(0.5) else f"{code[:8]}{mask}"


def _wrong_character(code: str, dice: Dice) -> str | None:
    at = dice.below(len(code))
    return code[:at] + dice.one_of([other for other in ALPHABET if other != code[at]]) + code[at + 1 :]


def _letter_for_digit(code: str, _: Dice) -> str | None:
    return next((code.replace(digit, letter) for digit, letter in (("0", "O"), ("1", "I")) if digit in code), None)


def _long_code(code: str, dice: Dice) -> str | None:
    at = dice.below(len(code))
    return code[:at] + dice.one_of(ALPHABET) + code[at:]


def _lower(code: str, _: Dice) -> str | None:
    return code.lower()


def _with_blanks(code: str, _: Dice) -> str | None:
    return f" {code[:6]} {code[6:10]}\u3000{code[10:]} "


def _full_width(code: str, _: Dice) -> str | None:
    return "".join(chr(ord(character) + 0xFEE0) for character in code)


def _other_city(name: str, _: Dice) -> str | None:
    return name.replace("市", "", 1) if "市" in name else f"{name[:2]}市{name[2:]}"


def _traditional(name: str, _: Dice) -> str | None:
    written = _converter().convert(name)
    return None if written == name else written


def _masked_name(name: str, _: Dice) -> str | None:
    return f"{name[:2]}***{name[-4:]}" if len(name) > 6 else None  # noqa: PLR2004  # something must be left to hide


@cache
def _converter() -> OpenCC:
    return OpenCC("s2t")


def _without_codes(columns: RowColumns) -> dict[str, Value]:
    held = (columns.code, columns.organisation_code, columns.registration_number)
    return {column: "" for column in held if column is not None}


def _code_alone(change: _Text) -> Change:
    """The code is all that stands beside the name, and is wrong."""

    def changed(row: Row, columns: RowColumns, dice: Dice) -> Row | None:
        code = _text(row, columns.code)
        wrong = change(code, dice) if code and columns.code is not None else None
        return None if wrong is None else {**row, **_without_codes(columns), str(columns.code): wrong}

    return changed


def _code(change: _Text) -> Change:
    """The code is wrong, and what stands beside it is as it was."""

    def changed(row: Row, columns: RowColumns, dice: Dice) -> Row | None:
        code = _text(row, columns.code)
        wrong = change(code, dice) if code and columns.code is not None else None
        return None if wrong is None else {**row, str(columns.code): wrong}

    return changed


def _name(change: _Text, *, alone: bool = False) -> Change:
    def changed(row: Row, columns: RowColumns, dice: Dice) -> Row | None:
        name = _text(row, columns.name)
        wrong = change(name, dice) if name else None
        if wrong is None or not (alone or _text(row, columns.code)):
            return None
        return {**row, **(_without_codes(columns) if alone else {}), columns.name: wrong}

    return changed


def _no_codes(row: Row, columns: RowColumns, _: Dice) -> Row | None:
    return {**row, **_without_codes(columns)}


def _code_as_organisation_code(row: Row, columns: RowColumns, _: Dice) -> Row | None:
    code = _text(row, columns.code)
    if not code or columns.organisation_code is None:
        return None
    return {**row, **_without_codes(columns), columns.organisation_code: code}


def _code_in_the_name(row: Row, columns: RowColumns, _: Dice) -> Row | None:
    code = _text(row, columns.code)
    if not code:
        return None
    return {**row, **_without_codes(columns), columns.name: f"{_text(row, columns.name)}({code})"}


# --- What -------------------------------------------------------------------------------------------------------------------


def _amount(text: str) -> Change:
    def changed(row: Row, columns: RowColumns, dice: Dice) -> Row | None:
        return {**row, dice.one_of(columns.amounts)[0]: text} if columns.amounts else None

    return changed


def _amount_in_the_other_unit(row: Row, columns: RowColumns, _: Dice) -> Row | None:
    for column, unit in columns.amounts:
        try:
            number = Decimal(_text(row, column).replace(",", ""))
        except InvalidOperation:
            continue
        text = f"{number * 10_000:f}元" if unit == "万元" else f"{number / 10_000:f}万元"
        return {**row, column: text}
    return None


def _day(text: str) -> Change:
    def changed(row: Row, columns: RowColumns, _: Dice) -> Row | None:
        return {**row, columns.decided_on: text}

    return changed


def _day_in_words(row: Row, columns: RowColumns, _: Dice) -> Row | None:
    day = _day_of(row.get(columns.decided_on))
    if day is None:
        return None
    year = "".join("〇一二三四五六七八九"[int(digit)] for digit in str(day.year))
    return {**row, columns.decided_on: f"{year}年{small_number(day.month)}月{small_number(day.day)}日"}


def _day_of(value: Value) -> date | None:
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).astimezone(CHINA).date()
    found = re.match(r"(\d{4})\D?(\d{1,2})\D?(\d{1,2})", value or "")
    return None if found is None else date(*(int(part) for part in found.groups()))


def _document_number(change: _Text) -> Change:
    def changed(row: Row, columns: RowColumns, dice: Dice) -> Row | None:
        wrong = change(_text(row, columns.document_number), dice)
        return None if wrong is None else {**row, columns.document_number: wrong}

    return changed


def _masked_number(number: str, _: Dice) -> str | None:
    masked = re.sub(r"\d+(?=\D*$)", "***", number)
    return None if masked == number else masked


def _damaged_number(number: str, _: Dice) -> str | None:
    return number.replace("〔", "", 1) if "〔" in number else None


def _other_brackets(number: str, dice: Dice) -> str | None:
    opening, closing = dice.one_of((("[", "]"), ("【", "】"), ("﹝", "﹞"), ("（", "）")))
    changed = number.replace("〔", opening).replace("〕", closing)
    return None if changed == number else changed


def _holds(column: Callable[[RowColumns], str | None], text: str) -> Change:
    def changed(row: Row, columns: RowColumns, _: Dice) -> Row | None:
        name = column(columns)
        return None if name is None else {**row, name: text}

    return changed


def _no_categories(row: Row, columns: RowColumns, _: Dice) -> Row | None:
    return {**row, **dict.fromkeys(columns.categories, "")} if columns.categories else None


def _content_ends_with(text: str) -> Change:
    def changed(row: Row, columns: RowColumns, _: Dice) -> Row | None:
        return {**row, columns.content: _text(row, columns.content) + text}

    return changed


def _more_columns(row: Row, _: RowColumns, __: Dice) -> Row | None:
    return {**row, "备用列": ""}


def _fewer_columns(row: Row, columns: RowColumns, _: Dice) -> Row | None:
    return {column: value for column, value in row.items() if column != columns.document_number}


def _text(row: Row, column: str | None) -> str:
    value = "" if column is None else row.get(column)
    return value.strip() if isinstance(value, str) else ""


def _category_column(columns: RowColumns) -> str | None:
    return columns.categories[0] if columns.categories else None


_HARMLESS: Final[Mapping[str, Change]] = {
    "lower-case-code": _code(_lower),
    "code-with-blanks": _code(_with_blanks),
    "full-width-code": _code(_full_width),
    "name-with-or-without-city": _name(_other_city),
    "traditional-name": _name(_traditional),
    "masked-name": _name(_masked_name),
    "blank-name": _name(lambda _, __: ""),
    "number-with-other-brackets": _document_number(_other_brackets),
    "formula": _content_ends_with('，=cmd|"/C calc"!A0'),
    "markup": _content_ends_with("，<script>alert(1)</script><b>&amp;]]>"),
}
_MAY_MAKE_UNREADABLE: Final[Mapping[str, Change]] = {
    "day-in-words": _day_in_words,
    "amount-in-the-other-unit": _amount_in_the_other_unit,
    "masked-number": _document_number(_masked_number),
    "damaged-number": _document_number(_damaged_number),
}
_MAKES_UNREADABLE: Final[Mapping[str, Change]] = {
    "unreadable-amount": _amount("约三万"),
    "near-amount": _amount("近744万元"),
    "amount-and-more": _amount("三万余元"),
    "negative-amount": _amount("-5000.00"),
    "amount-of-other-money": _amount("3000美元"),
    "amount-below-a-fen": _amount("0.0000001"),
    "amount-that-contradicts-itself": _amount("人民币伍仟元整(¥50000元)"),
    "range-of-amounts": _amount("3至5万元"),
    "exponent": _amount("1e5"),
    "day-without-year": _day("3月1日"),
    "month-only": _day("2024年3月"),
    "day-or-month": _day("03/04/2024"),
    "damaged-day": _day("202331"),
    "several-days": _day("2024年3月1日至7日"),
    "day-of-no-calendar": _day("2024-02-30"),
    "day-of-the-future": _day("2098-03-01"),
    "no-day": _day(""),
    "unknown-state": _holds(lambda columns: columns.state, "待定"),
    "unknown-category": _holds(_category_column, "示众"),
    "no-category": _no_categories,
    "no-authority": _holds(lambda columns: columns.authority, ""),
    "authority-without-province": _holds(lambda columns: columns.authority, "省生态环境厅"),
    "control-character": _content_ends_with("\x07"),
    "null-byte": _content_ends_with("\x00"),
    "half-a-character": _content_ends_with("\ud800"),
    "huge-text": _content_ends_with("，" + "甲" * 100_000),
}
_WIDE: Final[Mapping[str, Change]] = {
    "unknown-department": _holds(lambda columns: columns.domain, "000000"),
    "no-department": _holds(lambda columns: columns.domain, ""),
    "one-column-more": _more_columns,
    "one-column-less": _fewer_columns,
}
_MAY_HIDE_OWNER: Final[Mapping[str, Change]] = {
    "masked-code": _code(_masked_code),
    "code-with-a-wrong-character": _code(_wrong_character),
    "letter-for-digit": _code(_letter_for_digit),
    "code-of-19-characters": _code(_long_code),
    "no-unified-code": _code(lambda _, __: ""),
}
_HIDES_OWNER: Final[Mapping[str, Change]] = {
    "masked-code-beside-the-name": _code_alone(_masked_code),
    "code-with-a-wrong-character-beside-the-name": _code_alone(_wrong_character),
    "letter-for-digit-beside-the-name": _code_alone(_letter_for_digit),
    "code-of-19-characters-beside-the-name": _code_alone(_long_code),
    "no-code-beside-the-name": _no_codes,
    "code-as-organisation-code": _code_as_organisation_code,
    "code-in-the-name": _code_in_the_name,
    "name-with-or-without-city-alone": _name(_other_city, alone=True),
    "traditional-name-alone": _name(_traditional, alone=True),
    "masked-name-alone": _name(_masked_name, alone=True),
    "nothing-of-whose": _name(lambda _, __: "", alone=True),
}

CATALOGUE: Final[tuple[Dirt, ...]] = (
    *(Dirt(name=name, cost=Cost.HARMLESS, change=change) for name, change in _HARMLESS.items()),
    *(Dirt(name=name, cost=Cost.MAY_MAKE_UNREADABLE, change=change) for name, change in _MAY_MAKE_UNREADABLE.items()),
    *(Dirt(name=name, cost=Cost.MAKES_UNREADABLE, change=change) for name, change in _MAKES_UNREADABLE.items()),
    *(Dirt(name=name, cost=Cost.MAKES_UNREADABLE, change=change, is_wide=True) for name, change in _WIDE.items()),
    *(Dirt(name=name, cost=Cost.MAY_HIDE_OWNER, change=change) for name, change in _MAY_HIDE_OWNER.items()),
    *(Dirt(name=name, cost=Cost.HIDES_OWNER, change=change) for name, change in _HIDES_OWNER.items()),
)
"""Every dirt."""
