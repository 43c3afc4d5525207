"""A free text as it is searched, with the way back to the text as it stands.

Searched is the text in half width and in simplified characters, without pinyin behind its characters and without invisible
characters; hidden is what stands in the original at the same place. So 當事人張(zhāng)三 is found as 当事人张三, and nothing else
of the original changes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from adapters.sdk.notation import fold_width
from adapters.sdk.notation.han import simplified, spans_of_glosses

Span = tuple[int, int]
"""From the first character to the one behind the last."""

_INVISIBLE: Final = "Cf"  # zero-width blanks and joiners, soft hyphens
_MAY_BE_INVISIBLE: Final = re.compile(
    f"[{''.join(chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) == _INVISIBLE)}"
    "\U00010000-\U0010ffff]"
)
"""Found faster than by asking for the category of every character."""


@dataclass(frozen=True, slots=True)
class Searchable:
    """A text made ready for finding.

    Attributes:
        text: What is searched.
        _starts: Where each of its characters stands in the original, and the original's length.
    """

    text: str
    _starts: Sequence[int]

    def in_original(self, span: Span) -> Span:
        """The same place in the original, with the glosses and invisible characters in it and directly behind it."""
        start, end = span
        return self._starts[start], self._starts[end]


def searchable(text: str) -> Searchable:
    """Makes a text ready for finding.

    >>> searchable("張(zhāng)三").in_original((0, 1))
    (0, 8)
    """
    dropped = {position for start, end in spans_of_glosses(text) for position in range(start, end)}
    dropped |= {
        found.start() for found in _MAY_BE_INVISIBLE.finditer(text) if unicodedata.category(found[0]) == _INVISIBLE
    }
    if not dropped:
        return Searchable(text=simplified(fold_width(text)), _starts=range(len(text) + 1))
    starts = [position for position in range(len(text)) if position not in dropped]
    kept = simplified(fold_width("".join(text[position] for position in starts)))
    return Searchable(text=kept, _starts=(*starts, len(text)))


def merged(spans: list[Span]) -> list[Span]:
    """The same places in order, those that overlap or touch as one."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def blanked(text: str, spans: list[Span], blank: str) -> str:
    """The text with every character of the spans replaced by one and the same, so that places stay where they are."""
    if not spans:
        return text
    parts: list[str] = []
    edges = [0, *(edge for span in merged(spans) for edge in span), len(text)]
    for number, (start, end) in enumerate(pairwise(edges)):
        parts.append(blank * (end - start) if number % 2 else text[start:end])
    return "".join(parts)
