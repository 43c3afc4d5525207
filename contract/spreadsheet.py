"""Cells of tables that people open in a spreadsheet."""

from __future__ import annotations

from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet would calculate, in full width too. Source: OWASP, CSV injection."""

_EXACT_DIGITS: Final = 15
"""A spreadsheet keeps so many digits of a number: of a longer one, such as a code without letters, it would change the rest."""


def safe_cell(text: str) -> str:
    """A text that a spreadsheet shows and does not calculate or round: an apostrophe goes before what it would.

    >>> safe_cell("=1+1"), safe_cell("1234567890123456"), safe_cell("京市监罚〔2024〕1号")
    ("'=1+1", "'1234567890123456", '京市监罚〔2024〕1号')
    """
    is_long_number = len(text) > _EXACT_DIGITS and text.isascii() and text.isdecimal()
    return f"'{text}" if text.startswith(_FORMULA) or is_long_number else text
