"""Texts and codes of tables, as they stand."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from adapters.sdk.errors import NotationError, NotationFault
from adapters.sdk.notation.folding import check_characters, fold_width
from adapters.sdk.source import RawValue

_MAX_INTEGER: Final = 10**100
"""Longer ones are no number of anybody's, and Python refuses to write the longest."""


def read_text(value: RawValue) -> str:
    """Reads a text as it stands, without the blanks around it. None is an empty text.

    Raises:
        NotationError: A truth value, a number that nobody writes out, control characters, or half a character (a lone surrogate).
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        raise NotationError("expected a text, got a truth value", NotationFault.NOT_TEXT)
    text = _written(value).strip()
    check_characters(text)
    return text


def read_code(value: RawValue) -> str:
    """Reads a code for the look-up in a table: folded, without blanks around it; null is the empty code.

    A truth value is the code `true` or `false`, an integer its decimal digits.

    Raises:
        NotationError: A number with a fraction, or one that nobody writes out.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        raise NotationError("expected a code, got a number with a fraction", NotationFault.NOT_TEXT)
    return fold_width(_written(value)).strip()


def _written(value: str | int | Decimal) -> str:
    if isinstance(value, int) and not -_MAX_INTEGER < value < _MAX_INTEGER:
        raise NotationError("expected a text, got a number of more than 100 digits", NotationFault.NOT_TEXT)
    return str(value)
