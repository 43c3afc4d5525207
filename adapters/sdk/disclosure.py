"""What may leave the province: personal information in free texts is hidden here, at the origin.

Which fields may leave needs no list: only what the contract has a field for is ever mapped. What remains are free texts, in
which people write names and numbers (docs/protocols/query-processing.md, M-9).

- A text is printed as it stands, with parts hidden, or not at all; which of the three is always said.
- Hidden: clauses that punish a person beside the organisation (punished_persons.py); names after 法定代表人, 业主, 员工 and the
  like (personal_names.py), and the personal numbers that directly follow a hidden name; vehicle plates, electronic addresses and
  accounts (personal_details.py).
- Withheld: everything else that holds a personal number or a word of identity (身份证, 住址, 户籍), because a name that nobody
  recognised may stand beside it; names of which it is not certain where they end; persons that cannot be told apart from the
  organisation; and texts of which nothing would be left.
- Already anonymous forms (张某, 李××, ***) are left as they are. Unified codes are no personal information.

It knows words, not people: a name without a role word, a number or a word of identity near it is not recognised.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from adapters.sdk.personal_details import (
    certain_details,
    end_of_description,
    is_unmaskable,
    personal_numbers,
    words_of_identity,
)
from adapters.sdk.personal_names import HIDDEN as HIDDEN
from adapters.sdk.personal_names import names_in
from adapters.sdk.punished_persons import persons_clauses
from adapters.sdk.searchable import Span, blanked, merged, searchable
from huren.fragment.v1 import record_pb2

WITHHELD_TEXT: Final = "内容含个人信息，请向处罚机关核实"

_BLANK: Final = "\0"
"""Stands for what is hidden already while the rest is searched: no word and no number goes on across it."""


def disclose(text: str) -> record_pb2.FreeText:
    """The text as it may leave the province, with what was done to it.

    >>> disclose("对煤矿处罚100万元，对矿长处罚6万元").text
    '对煤矿处罚100万元，***'
    """
    disclosed, masking = _disclosed(text)
    return record_pb2.FreeText(text=disclosed, masking=masking)


@lru_cache(maxsize=512)  # violations and legal bases come again and again
def _disclosed(text: str) -> tuple[str, record_pb2.Masking.ValueType]:
    found = searchable(text)
    hidden = _hideable(found.text)
    if hidden is None:
        return _WITHHELD
    if not hidden:
        return text, record_pb2.MASKING_NONE
    left = _hide(text, [found.in_original(span) for span in hidden])
    if not any(character.isalnum() for character in left):
        return _WITHHELD
    return left, record_pb2.MASKING_PARTIAL


_WITHHELD: Final = (WITHHELD_TEXT, record_pb2.MASKING_WITHHELD)


def _hideable(folded: str) -> list[Span] | None:
    """What is to be hidden. None: it cannot be said how far personal information reaches."""
    clauses = persons_clauses(folded)
    if clauses is None:
        return None
    rest = blanked(folded, clauses, _BLANK)
    details = certain_details(rest)
    rest = blanked(rest, details, _BLANK)
    names = names_in(rest)
    if names is None or is_unmaskable(rest):
        return None
    numbers = personal_numbers(rest)
    described = [(start, end_of_description(rest, end)) for start, end in (*names.written, *names.hidden)]
    telling = [*numbers, *words_of_identity(rest)]
    if not all(_lies_in(span, described) for span in telling):
        return None
    return [*clauses, *details, *names.written, *numbers]


def _lies_in(span: Span, others: list[Span]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in others)


def _hide(text: str, spans: list[Span]) -> str:
    parts: list[str] = []
    position = 0
    for start, end in merged(spans):
        parts += [text[position:start], HIDDEN]
        position = end
    return "".join([*parts, text[position:]])
