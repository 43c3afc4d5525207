"""Document numbers (文号) of decisions: printed as supplied, compared in a normal form, and named where they are masked or damaged.

The steps of the normal form, in their order, are M-12 of docs/protocols/query-processing.md.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from adapters.sdk.errors import NotationError, NotationFault
from adapters.sdk.notation.folding import PLACEHOLDERS, check_characters, fold_brackets
from adapters.sdk.notation.han import simplified, without_glosses
from adapters.sdk.notation.texts import read_text
from adapters.sdk.source import RawValue

_LABEL: Final = re.compile(r"(?:(?:行政)?处罚)?(?:决定书?)?(?:编号|文号|文书号|案号|字号):")
_BESIDE_YEAR: Final = re.compile(r"[字第]{0,2}(〔[0-9]{4}〕)[字第]{0,2}")
_DIGITS: Final = re.compile(r"[0-9]++")

_MASKED: Final = re.compile(r"[*×○□_?]|某|XX|〕第?X+号?$")
_NO_SERIAL: Final = re.compile(r"〔[0-9]{4}〕[字第号]*〕*$")
_YEAR: Final = re.compile(r"〔((?:19[4-9]|20[0-9]|21[0-9])[0-9])年?〕")
_DIGITS_IN_BRACKETS: Final = re.compile(r"〔[0-9]+〕")
_GLUED_YEAR: Final = re.compile(r"[罚字决处简案](?:19|20)[0-9]{3,}号?$")


def read_document_number(value: RawValue) -> str:
    """Reads a document number as issued: it is printed as supplied, label and all, and not interpreted.

    Raises:
        NotationError: As `read_text`.
    """
    return read_text(value)


def document_number_fault(text: str) -> NotationFault | None:
    """Names what is wrong with a document number. None: nothing that could be seen.

    MASKED: parts are hidden (`***号`, `xxx号`). DAMAGED: brackets are left open, empty or hold digits that are no year, the year
    ran into the serial number, or there is no serial number. SEVERAL_NUMBERS: more than one bracketed year. A number without any
    bracketed year, or without 号, may be right.

    >>> document_number_fault("津红国税罚〔2016〕20021") is None
    True
    >>> document_number_fault("吕环不罚2025〕6007号").value
    'damaged'
    """
    if text.strip() in PLACEHOLDERS:
        return NotationFault.PLACEHOLDER
    try:
        check_characters(text)
    except NotationError as error:
        return error.fault
    plain = _plain(text)
    if _MASKED.search(plain):
        return NotationFault.MASKED
    if not _is_balanced(plain) or "〔〕" in plain or _NO_SERIAL.search(plain) or not re.search("[0-9]", plain):
        return NotationFault.DAMAGED
    years = _YEAR.findall(plain)
    if not years and (_DIGITS_IN_BRACKETS.search(plain) or _GLUED_YEAR.search(plain)):
        return NotationFault.DAMAGED
    return NotationFault.SEVERAL_NUMBERS if len(years) > 1 else None


def normalise_document_number(text: str) -> str:
    """Makes spellings of one document number equal. For `decision_key` only: it is never printed.

    Rules and vectors: docs/protocols/query-processing.md, M-12.

    >>> normalise_document_number("津宝环罚字[2025]第 14 號") == normalise_document_number("津宝环罚〔2025〕014号")
    True
    """
    plain = _unwrapped(_LABEL.sub("", _plain(text), count=1) if ":" in text or "：" in text else _plain(text))
    plain = _BESIDE_YEAR.sub(r"\1", plain.removesuffix("号"))
    return _without_leading_zeros(plain)


def _plain(text: str) -> str:
    """Half width, without glosses and blanks, with one kind of brackets, simplified and in capitals."""
    folded = simplified(fold_brackets(without_glosses(unicodedata.normalize("NFKC", text))))
    return "".join(folded.upper().split())


def _unwrapped(plain: str) -> str:
    """Without a pair of brackets around the whole."""
    if not (plain.startswith("〔") and plain.endswith("〕")):
        return plain
    depth = 0
    for at, character in enumerate(plain):
        depth += {"〔": 1, "〕": -1}.get(character, 0)
        if not depth:
            return plain[1:-1] if at == len(plain) - 1 else plain
    return plain


def _without_leading_zeros(plain: str) -> str:
    """Without the zeros at the beginning of the last run of digits, but for one where there is nothing else."""
    runs = list(_DIGITS.finditer(plain))
    if not runs:
        return plain
    serial = runs[-1][0].lstrip("0") or "0"
    return plain[: runs[-1].start()] + serial + plain[runs[-1].end() :]


def _is_balanced(plain: str) -> bool:
    depth = 0
    for character in plain:
        depth += {"〔": 1, "〕": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0
