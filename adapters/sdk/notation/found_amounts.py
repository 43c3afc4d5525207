"""All amounts inside a longer text.

- Every amount with a unit is found, once: with its repetition in brackets, if it has one.
- What looks like an amount and cannot be read with certainty is found too, with its fault: approximate, masked, a rate, a multiple
  of something, a proposal, foreign money, a number behind 罚款 without its unit. Nobody can take it for nothing.
- Found is what is written. Whether it is a fine, a confiscation or the price of a thing is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from adapters.sdk.errors import NotationError, NotationFault
from adapters.sdk.notation.folding import check_characters
from adapters.sdk.notation.han import spans_of_glosses
from adapters.sdk.notation.money_words import AMOUNT, AMOUNT_BEGINS, end_of_statement, folded, is_money, stated_by
from adapters.sdk.notation.numerals import NUMERALS
from contract.money import Fen

MAX_TEXT: Final = 100_000

_VAGUE_BEFORE: Final = re.compile(
    r"(?:[近约逾超数几上达]|大概|大致|不足|不到|不满|超过|不少于|不低于|不超过|不高于|不多于|高于|低于|多于|少于|最高|最低|至多|至少|若干)\s*(?:人民币|¥)?\s*$"
)
_VAGUE_BEHIND: Final = re.compile(r"\s*(?:余|左右|上下|以上|以下|以内|不等|许)")
_JOINED: Final = r"\s*(?:[-~～至到]|[–—―](?![–—―]))\s*"
_RANGE_BEFORE: Final = re.compile(rf"[0-9元{NUMERALS}]{_JOINED}$")
_RANGE_BEHIND: Final = re.compile(rf"{_JOINED}(?:人民币|¥)?\s*[0-9{NUMERALS}]")
_NEGATIVE_BEFORE: Final = re.compile(r"(?:^|[^-–—―0-9元])(?:-|负)\s*$")
_RATE_BEHIND: Final = re.compile(r"\s*(?:/|每|一(?:吨|亩|次|人|天|日))")
_RATE_BEFORE: Final = re.compile(r"每[^每,。;:、]{0,12}$")
_PROPOSED_BEFORE: Final = re.compile(r"(?<![虚模])拟[^。;\n]{0,60}$")
_LABEL_BEFORE: Final = re.compile(r"(?:罚款|罚金|没收|罚没款?)(?:金额|合计|共计|人民币)?[::为]?\s*$")
_END_BEHIND: Final = re.compile(r"\s*(?:$|[,。;、)块])")

_FRACTION: Final = rf"(?:[0-9.]{{1,20}}+\s?[%‰]|[百千万]分之[{NUMERALS}0-9.]{{1,20}}+|[0-9{NUMERALS}.]{{1,20}}+\s?倍)"
_UNREADABLE: Final = tuple(
    (re.compile(form), fault)
    for form, fault in (
        (r"[*×xX○□_?某]{1,20}+\s*[万亿]?元", NotationFault.MASKED),
        (r"(?:若干|[数几][十百千]?)\s*[万亿]?元", NotationFault.APPROXIMATE),
        (r"(?:罚款|罚金|处以?|没收)(?:人民币)?\s*[万亿]?元(?!旦)", NotationFault.DAMAGED),
        (rf"{_FRACTION}(?:以上|以下)?的?(?:加处)?罚款", NotationFault.PROPORTION),
        (rf"的{_FRACTION}", NotationFault.PROPORTION),
    )
)
_LOOK_BACK: Final = 72


@dataclass(frozen=True, slots=True)
class FoundAmount:
    """An amount inside a text, or something that looks like one.

    Attributes:
        start: Where it begins in the text as given.
        end: Where it ends.
        fen: The amount. None: it cannot be read.
        fault: Why it cannot be read. None: it was read.
    """

    start: int
    end: int
    fen: Fen | None
    fault: NotationFault | None = None


def find_amounts(text: str, most: int = MAX_TEXT) -> tuple[FoundAmount, ...]:
    """Finds all amounts, in the order of the text.

    Args:
        text: The text.
        most: How many there may be.

    >>> [(found.start, found.end, found.fen) for found in find_amounts("没收违法所得2624.4元,并处罚款五万元整。")]
    [(6, 13, 262440), (18, 22, 5000000)]
    >>> [found.fault.value for found in find_amounts("罚款近744万元") if found.fault]
    ['approximate']

    Raises:
        NotationError: Control characters, or more than 100 000 characters, or more amounts than there may be (SEVERAL_AMOUNTS).
    """
    if len(text) > MAX_TEXT:
        raise NotationError(f"expected at most {MAX_TEXT} characters")
    check_characters(text)
    if not spans_of_glosses(text):
        return find_in(folded(text), most)
    kept = _kept(text)
    plain = folded("".join(text[at] for at in kept))
    return tuple(
        FoundAmount(kept[found.start], kept[found.end - 1] + 1, found.fen, found.fault)
        for found in find_in(plain, most)
    )


def find_in(plain: str, most: int = MAX_TEXT) -> tuple[FoundAmount, ...]:
    """As `find_amounts`, in a folded text without glosses."""
    found = list(islice(_amounts(plain), most + 1))
    taken = {at for one in found for at in range(one.start, one.end)}
    for form, fault in _UNREADABLE:
        for match in form.finditer(plain):
            if len(found) <= most and taken.isdisjoint(range(*match.span())):
                found.append(FoundAmount(*match.span(), None, fault))
                taken.update(range(*match.span()))
    if len(found) > most:
        raise NotationError(f"expected at most {most} amounts", NotationFault.SEVERAL_AMOUNTS)
    return tuple(sorted(found, key=lambda one: one.start))


def _amounts(plain: str) -> Iterator[FoundAmount]:
    at = 0
    while match := _next_amount(plain, at):
        start, at = match.span()
        before = plain[max(0, start - _LOOK_BACK) : start]
        if not is_money(match):
            if _END_BEHIND.match(plain, at) and _LABEL_BEFORE.search(before):
                yield FoundAmount(start, at, None, NotationFault.UNIT_MISSING)
            continue
        end = at = end_of_statement(plain, match)
        fault = _fault_around(before, plain, end)
        try:
            stated = stated_by(plain, match) if fault is None else None
        except NotationError as error:
            fault, stated = error.fault, None
        if stated is None:
            yield FoundAmount(start, end, None, fault or NotationFault.ANOTHER_FORM)
            continue
        try:
            yield FoundAmount(start, end, stated[0].fen(None))
        except NotationError as error:
            yield FoundAmount(start, end, None, error.fault)


def _next_amount(plain: str, at: int) -> re.Match[str] | None:
    """As `AMOUNT.search`, which would try the whole expression at every character."""
    while begins := AMOUNT_BEGINS.search(plain, at):
        if match := AMOUNT.match(plain, begins.start()):
            return match
        at = begins.end()
    return None


def _fault_around(before: str, plain: str, end: int) -> NotationFault | None:
    if _PROPOSED_BEFORE.search(before):
        return NotationFault.NOT_IMPOSED
    if _RANGE_BEFORE.search(before) or _RANGE_BEHIND.match(plain, end):
        return NotationFault.RANGE
    if _VAGUE_BEFORE.search(before) or _VAGUE_BEHIND.match(plain, end):
        return NotationFault.APPROXIMATE
    if _NEGATIVE_BEFORE.search(before):
        return NotationFault.NEGATIVE
    if _RATE_BEHIND.match(plain, end) or _RATE_BEFORE.search(before):
        return NotationFault.PROPORTION
    return None


def _kept(text: str) -> list[int]:
    """The places of the characters that are no gloss."""
    glosses = {at for start, end in spans_of_glosses(text) for at in range(start, end)}
    return [at for at in range(len(text)) if at not in glosses]
