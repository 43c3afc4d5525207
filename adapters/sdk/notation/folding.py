"""What the readers share: folding of width, and the checks that come before any reading."""

from __future__ import annotations

import re
from typing import Final

from adapters.sdk.errors import NotationError, NotationFault
from adapters.sdk.notation.han import simplified, without_glosses
from adapters.sdk.source import RawValue

PLACEHOLDERS: Final = frozenset(
    {
        "",
        "无",
        "空",
        "空白",
        "暂无",
        "不详",
        "未知",
        "不明",
        "待定",
        "未填",
        "/",
        "\\",
        "-",
        "--",
        "---",
        "—",
        "——",
        "－",
        "N/A",
        "n/a",
        "NA",
    }
    | {"null", "NULL", "None", "none", "nan", "NaN", "?", "？", "...", "…", "……"}
)
"""Words that platforms write where they have nothing."""

_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xFFE5: 0xA5}
_BRACKETS: Final = str.maketrans(
    {"[": "〔", "]": "〕", "【": "〔", "】": "〕", "﹝": "〔", "﹞": "〕", "(": "〔", ")": "〕"}
)
_REFUSED_CHARACTER: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters (Cc) but tabulator and line ends, and halves of characters (Cs)."""


def fold_width(text: str) -> str:
    """Full-width forms as half-width ones, character by character."""
    return text if text.isascii() else text.translate(_FULL_WIDTH)


def fold_brackets(text: str) -> str:
    """All brackets of document numbers as 〔 and 〕, character by character."""
    return text.translate(_BRACKETS)


def plain_text(value: RawValue, expected: str, *, limit: int) -> str:
    """A text ready to be read: half width, simplified, without glosses and without blanks around it.

    Raises:
        NotationError: No text, control characters, or more characters than any notation has.
    """
    text = text_only(value, expected)
    check_characters(text)
    plain = simplified(without_glosses(fold_width(text))).strip()
    if len(plain) > limit:
        raise NotationError(f"expected {expected} in at most {limit} characters")
    return plain


def text_only(value: RawValue, expected: str) -> str:
    """The value, which must be text.

    Raises:
        NotationError: It is a number, a truth value or null.
    """
    if not isinstance(value, str):
        raise NotationError(f"expected {expected} as text, got {type(value).__name__}", NotationFault.NOT_TEXT)
    return value


def check_characters(text: str) -> None:
    """Refuses what no text has.

    Raises:
        NotationError: Control characters but tabulator and line ends, or half a character (a lone surrogate).
    """
    if found := _REFUSED_CHARACTER.search(text):
        raise NotationError(f"expected printable text, got U+{ord(found[0]):04X}", NotationFault.CONTROL_CHARACTER)


def is_blank(value: RawValue) -> bool:
    """Whether the source gave nothing at all."""
    return value is None or (isinstance(value, str) and not value.strip())
