"""Whose is a row: the subject's, another's, or in doubt.

Rules, in this order (semantics §1):

1. The row bears a valid code. The subject's, or one it had before: theirs, unless the row is a branch's and the subject is
   none, or the organisation code beside it is validly another's: in doubt. Another code: not theirs, whatever the name says;
   but in doubt where an identifier of the subject stands in the row nevertheless.
2. The code column is blank or holds no valid code (masked, mistyped, a filler). Then the row is theirs by the subject's
   organisation code, or by its registration number where no code stands, as long as nothing in the row speaks against it.
3. What stands in any of the three columns could be an identifier of the subject, of whatever kind, or the name is one that the
   subject has or had: in doubt, also where another's valid organisation code stands beside it.
4. Nothing of the subject is in the row: not theirs.

Nothing is repaired by guessing: a code with a wrong check character is no code. Width, case, blanks and dashes are notation, and
no part of an identifier. A name alone never makes a row the subject's,
and never more than a doubt. A name counts from the first day on which it was the subject's; not only to the last, since
decisions about earlier acts still use it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final, Self

from adapters.sdk.notation import fold_name, fold_width
from contract.days import parse_day
from contract.uscc import Uscc, UsccError, organisation_code, parse_uscc
from huren.common.v1 import common_pb2

BRANCH_ENDINGS: Final = (
    "分公司",
    "分店",
    "分部",
    "分厂",
    "分行",
    "支行",
    "分所",
    "分社",
    "分院",
    "分场",
    "分中心",
    "支公司",
    "营业部",
    "营业厅",
    "经营部",
    "门市部",
    "办事处",
    "代表处",
)
"""How names of branches end (企业名称登记管理规定, article 13: 分公司, 分厂, 分店等)."""

_MINUS: Final = "\N{MINUS SIGN}"
_MASK: Final = re.compile(r"[*•●×#?]+")
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_CODE: Final = re.compile(r"[0-9A-Z]{8}[0-9X]")


class Match(Enum):
    """Whose a row is."""

    THEIRS = "theirs"
    IN_DOUBT = "in doubt"
    NOT_THEIRS = "not theirs"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowIdentity:
    """What a row says about whose it is, as the platform wrote it. A column that the form lacks is an empty text."""

    name: str
    uscc: str = ""
    organisation_code: str = ""
    registration_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _DatedName:
    name: str
    since: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The subject of a query, ready to be compared with rows.

    Attributes:
        uscc: Its code.
        codes: Its code and the codes it had.
        organisation_codes: Organisation codes within those, and those the query names.
        registration_numbers: Its registration numbers.
        names: Names it has and had, folded.
        is_branch: Whether it is a branch itself.
    """

    uscc: Uscc
    codes: frozenset[str]
    organisation_codes: frozenset[str]
    registration_numbers: frozenset[str]
    names: tuple[_DatedName, ...]
    is_branch: bool

    @classmethod
    def of(cls, subject: common_pb2.Subject) -> Self:
        """Takes the subject of a query.

        Raises:
            ValueError: Its code is none, or a day of an identifier does not exist.
        """
        uscc = parse_uscc(subject.uscc)
        codes = {uscc, *_values(subject, common_pb2.IDENTIFIER_KIND_FORMER_USCC)}
        names = tuple(
            _DatedName(
                name=fold_name(identifier.value),
                since=parse_day(identifier.valid_from) if identifier.valid_from else None,
            )
            for identifier in subject.identifiers
            if identifier.kind in {common_pb2.IDENTIFIER_KIND_NAME, common_pb2.IDENTIFIER_KIND_FORMER_NAME}
        )
        if subject.name:
            current = fold_name(subject.name)
            names = (*names, *([] if any(name.name == current for name in names) else [_named_always(current)]))
        return cls(
            uscc=uscc,
            codes=frozenset(codes),
            organisation_codes=frozenset(organisation_code(Uscc(code)) for code in codes)
            | _values(subject, common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE),
            registration_numbers=_values(subject, common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER),
            names=names,
            is_branch=subject.kind == common_pb2.SUBJECT_KIND_BRANCH or any(_is_branch(name.name) for name in names),
        )

    @property
    def identifiers(self) -> frozenset[str]:
        """All its codes and numbers, of whatever kind."""
        return self.codes | self.organisation_codes | self.registration_numbers

    def bears(self, name: str, on: date | None) -> bool:
        """Whether the name, folded, was the subject's on or before a day; on any day where the day is not known."""
        return any(
            name == own.name and (on is None or own.since is None or own.since <= on) for own in self.names if name
        )


def match(row: RowIdentity, wanted: Wanted, on: date | None) -> Match:
    """Says whose a row is.

    Args:
        row: What the row says.
        wanted: The subject.
        on: The row's own day, of which its name speaks. None: not known.
    """
    code = _folded_code(row.uscc)
    organisation = _folded_code(row.organisation_code)
    registration = _folded_code(row.registration_number)
    other_organisation = is_organisation_code(organisation) and organisation not in wanted.organisation_codes
    name = fold_name(row.name)
    # Rule 1.
    if code in wanted.codes or is_code(code):
        if code not in wanted.codes:
            told = (code, organisation, registration)
            return Match.IN_DOUBT if any(_holds(text, wanted) for text in told) else Match.NOT_THEIRS
        if other_organisation or (_is_branch(name) and not wanted.is_branch):
            return Match.IN_DOUBT
        return Match.THEIRS
    # Rule 2.
    speaks_against = _speaks_against(code, wanted.codes)
    by_organisation = organisation in wanted.organisation_codes
    by_registration = registration in wanted.registration_numbers
    if by_organisation or by_registration:
        certain = not speaks_against and not other_organisation and (by_organisation or _is_filler(code))
        if certain and (wanted.is_branch or not _is_branch(name)):
            return Match.THEIRS
        return Match.IN_DOUBT
    # Rule 3.
    if wanted.bears(name, on) or any(_may_be(text, wanted) for text in (code, organisation, registration)):
        return Match.IN_DOUBT
    # Rule 4.
    return Match.NOT_THEIRS


def is_code(text: str) -> bool:
    """Whether a folded text is a unified code that somebody can have.

    The check character alone does not tell: eighteen zeros have a right one. Characters 3 to 8 are digits (GB 32100-2015, 5.4).
    """
    try:
        code = parse_uscc(text)
    except UsccError:
        return False
    return code[2:8].isdecimal() and len(set(code)) > 1


def is_organisation_code(text: str) -> bool:
    """Whether a folded text is an organisation code with a right check character (GB 11714)."""
    if not _ORGANISATION_CODE.fullmatch(text) or len(set(text)) == 1:
        return False
    total = sum(
        (ord(character) - 55 if character.isalpha() else int(character)) * weight
        for character, weight in zip(text, _ORGANISATION_WEIGHTS, strict=False)
    )
    return text[8] == {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))


def _values(subject: common_pb2.Subject, kind: common_pb2.IdentifierKind.ValueType) -> frozenset[str]:
    folded = (_folded_code(identifier.value) for identifier in subject.identifiers if identifier.kind == kind)
    return frozenset(value for value in folded if value)


def _named_always(name: str) -> _DatedName:
    return _DatedName(name=name, since=None)


def _folded_code(text: str) -> str:
    """Half width, upper case, without blanks, dashes and characters that nobody sees."""
    return "".join(character for character in fold_width(text) if not _is_notation(character)).upper()


def _is_notation(character: str) -> bool:
    return unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cc", "Cf", "Pd"} or character == _MINUS


def _is_branch(name: str) -> bool:
    return name.rstrip("〕").endswith(BRANCH_ENDINGS)


def _is_filler(code: str) -> bool:
    """Nothing, or a text without anything of a code: 无, /, ——, 000000000000000000, ****."""
    visible = [character for character in _MASK.sub("", code) if character.isascii() and character.isalnum()]
    return len(set(visible)) <= 1


def _speaks_against(code: str, codes: Iterable[str]) -> bool:
    """Whether an invalid code cannot be any of the subject's codes as they would look when masked."""
    return not _is_filler(code) and not any(_fits_mask(code, own) for own in codes)


def _fits_mask(code: str, own: str) -> bool:
    if not _MASK.search(code):
        return False
    return re.fullmatch(".*".join(re.escape(part) for part in _MASK.split(code)), own) is not None


def _may_be(code: str, wanted: Wanted) -> bool:
    """Whether what stands in a column, though no valid code, may mean the subject."""
    if _is_filler(code):
        return False
    if _holds(code, wanted) or any(_fits_mask(code, own) for own in wanted.identifiers):
        return True
    return any(code[:17] == own[:17] or code[8:17] == own[8:17] for own in wanted.codes)


def _holds(text: str, wanted: Wanted) -> bool:
    """Whether an identifier of the subject stands in a folded text, alone or among others."""
    return any(own in text for own in wanted.identifiers)
