"""Whose is a row: the subject's, another's, in doubt, or nobody's.

Rules, in this order (semantics §1):

0. An officer ruled whose the row is: that settles it, as long as the row says the same of whose it is (`identity_digest`).
1. The row bears a valid code. The subject's, or one it had before: theirs, unless the row is a branch's and the subject is
   none, or the subject is a branch and the row's name is its parent's, or the organisation code beside it is validly
   another's: in doubt. Another code: not theirs, whatever the name says; but in doubt where an identifier of the
   subject stands in the row nevertheless, or the subject is a branch whose name the row bears.
2. The code column is blank or holds no valid code (masked, mistyped, a filler). Then the row is theirs by the subject's
   organisation code, or by its registration number where no code stands, as long as nothing in the row speaks against it.
3. What stands in any of the three columns could be an identifier of the subject, of whatever kind, or the name is one that the
   subject has or had, in another spelling or masked too: in doubt, also where another's valid organisation code stands beside it.
4. Nothing of the subject is in the row: not theirs.

Nothing is repaired by guessing: a code with a wrong check character is no code. Width, case, blanks and dashes are notation, and
no part of an identifier. A name alone never makes a row the subject's,
and never more than a doubt. A name counts from the first day on which it was the subject's; not only to the last, since
decisions about earlier acts still use it.

A row belongs to nobody where it bears no valid identifier and no name that the registry knows (`is_attributable`): it is
counted for its domain, and may at the same time be in doubt for a subject that it fits.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final, Self

from stdnum.iso7064 import mod_11_10

from adapters.sdk.notation import fold_name, fold_width, is_masked_name
from contract.days import parse_day
from contract.registry import Registry
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
_REGISTRATION_NUMBER: Final = re.compile(r"[0-9]{15}")

_HIDDEN: Final = "*"
_NAME_MASK: Final = re.compile(r"[*•●×#?○□■某]+|X{2,}|_{2,}|\.{3,}")
"""What stands for hidden characters of a name, after folding: 示例***有限公司, 示例某公司, 示例XX公司, 示例……公司."""

_NOT_TOLD_APART: Final = re.compile(r"[〔〕〈〉《》\"'“”‘’·.,、省]|市(?![部场])|县(?![域级])")
"""What spellings of one name leave out or put in: brackets, quotes, points, 省, 市, 县; not those of 门市部, 市场, 县域, 县级."""

_ANYBODYS: Final = (
    "有限责任公司",
    "股份有限公司",
    "有限公司",
    "合伙企业",
    "个人独资企业",
    "专业合作社",
    "合作社",
    "分公司",
    "公司",
    "企业",
    "集团",
    "经营部",
    "服务部",
    "商店",
    "商行",
    "厂",
    "店",
    "部",
)
"""How names of many subjects end: what is left of a masked name must be more than this to mean somebody."""

_LEAST_TOLD: Final = 2
"""Characters of a masked name, beside such endings, from which it may mean somebody: 石家庄***有限公司 may, ***有限公司 may not."""

_NO_NAMES: Final = frozenset(
    {
        *(
            "无",
            "无名",
            "无名称",
            "暂无",
            "没有",
            "空",
            "空白",
            "未知",
            "不详",
            "不明",
            "未填",
            "未填写",
            "待补充",
            "待核实",
            "待定",
        ),
        *("匿名", "测试", "同上", "NULL", "NONE", "NA", "N/A", "NAN", "NIL", "TEST", "UNKNOWN"),
    }
)
"""Placeholders where a name should stand, folded."""


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
        names: Names it has and had, as `folded_identity` gives them.
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
        names = [
            (_folded_name(identifier.value), parse_day(identifier.valid_from) if identifier.valid_from else None)
            for identifier in subject.identifiers
            if identifier.kind in {common_pb2.IDENTIFIER_KIND_NAME, common_pb2.IDENTIFIER_KIND_FORMER_NAME}
        ]
        current = _folded_name(subject.name)
        if current and current not in {name for name, _ in names}:
            names.append((current, None))
        return cls(
            uscc=uscc,
            codes=frozenset(codes),
            organisation_codes=frozenset(organisation_code(Uscc(code)) for code in codes)
            | _values(subject, common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE),
            registration_numbers=_values(subject, common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER),
            names=tuple(_DatedName(name=name, since=since) for name, since in names),
            is_branch=subject.kind == common_pb2.SUBJECT_KIND_BRANCH or any(_is_branch(name) for name, _ in names),
        )

    @property
    def identifiers(self) -> frozenset[str]:
        """All its codes and numbers, of whatever kind."""
        return self.codes | self.organisation_codes | self.registration_numbers

    def bears(self, name: str, on: date | None) -> bool:
        """Whether a folded name may mean the subject on a day; on any day where the day is not known.

        It is one that was the subject's on or before the day, or a masked form of one.
        """
        return bool(name) and any(
            (name == own.name or _fits_masked_name(name, own.name))
            and (on is None or own.since is None or own.since <= on)
            for own in self.names
        )


def match(row: RowIdentity, wanted: Wanted, on: date | None, ruling: str | None = None) -> Match:
    """Says whose a row is.

    Args:
        row: What the row says.
        wanted: The subject.
        on: The row's own day, of which its name speaks. None: not known.
        ruling: What an officer found for this `identity_digest`: the code of the subject whose row it is, or an empty text where
            it is nobody's. None: no officer did.
    """
    # Rule 0.
    if ruling is not None:
        return Match.THEIRS if _folded_code(ruling) in wanted.codes else Match.NOT_THEIRS
    code = _folded_code(row.uscc)
    organisation = _folded_code(row.organisation_code)
    registration = _folded_code(row.registration_number)
    other_organisation = is_organisation_code(organisation) and organisation not in wanted.organisation_codes
    name = _folded_name(row.name)
    # Rule 1.
    if code in wanted.codes or is_code(code):
        if code not in wanted.codes:
            told = (code, organisation, registration)
            in_doubt = any(_holds(text, wanted) for text in told) or (wanted.is_branch and wanted.bears(name, on))
            return Match.IN_DOUBT if in_doubt else Match.NOT_THEIRS
        if other_organisation or _is_named_as_the_other(name, wanted):
            return Match.IN_DOUBT
        return Match.THEIRS
    # Rule 2.
    speaks_against = _speaks_against(code, wanted.codes)
    by_organisation = organisation in wanted.organisation_codes
    by_registration = registration in wanted.registration_numbers
    if by_organisation or by_registration:
        certain = not speaks_against and not other_organisation and (by_organisation or _is_filler(code))
        return Match.THEIRS if certain and not _is_named_as_the_other(name, wanted) else Match.IN_DOUBT
    # Rule 3.
    if wanted.bears(name, on) or any(_may_be(text, wanted) for text in (code, organisation, registration)):
        return Match.IN_DOUBT
    # Rule 4.
    return Match.NOT_THEIRS


def identity_digest(row: RowIdentity) -> bytes:
    """SHA-256 over what a row says of whose it is: an officer's ruling holds for every row that says the same.

    Over the four columns, name first, in half width, upper case and without blanks and invisible characters, with U+000A between
    them. Rulings are kept by it for ever: another fold would forget them.
    """
    columns = (row.name, row.uscc, row.organisation_code, row.registration_number)
    return hashlib.sha256("\n".join(_told(column) for column in columns).encode()).digest()


def folded_identity(row: RowIdentity) -> RowIdentity:
    """The row's identity as it is compared: rows that mean the same subject by the same words are equal. `match` takes it as well.

    What is hidden of a name is one `*`. A subject's names are folded alike (`Wanted.names`), so that an index can be searched.
    """
    return RowIdentity(
        name=_folded_name(row.name),
        uscc=_folded_code(row.uscc),
        organisation_code=_folded_code(row.organisation_code),
        registration_number=_folded_code(row.registration_number),
    )


def has_identifier(row: RowIdentity) -> bool:
    """Whether any of the columns holds a valid unified code, organisation code or registration number.

    Whichever column it is: departments mistake them for each other.
    """
    columns = (row.uscc, row.organisation_code, row.registration_number)
    return any(
        is_code(text) or is_organisation_code(text) or is_registration_number(text)
        for text in (_folded_code(column) for column in columns)
    )


def has_usable_name(row: RowIdentity) -> bool:
    """Whether a name stands in the row: not blank, no placeholder, and nothing of it is hidden."""
    return _is_usable(_folded_name(row.name)) and not is_masked_name(row.name)


async def is_attributable(row: RowIdentity, registry: Registry) -> bool:
    """Whether the row belongs to anybody: by a valid identifier, or by a name that the registry knows.

    Raises:
        RegistryUnavailableError: The registry cannot be asked. It is never taken for one that does not know.
    """
    if has_identifier(row):
        return True
    if not has_usable_name(row):
        return False
    # As it is and folded: a registry folds less, and may keep what an adapter takes for a traditional character.
    return await registry.knows_name(row.name) or await registry.knows_name(fold_name(row.name))


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


def is_registration_number(text: str) -> bool:
    """Whether a folded text is a registration number with a right check digit.

    15 digits: 1 to 6 the authority of registration, 7 to 14 its serial, 15 the check digit (工商行政管理市场主体注册号编制规则,
    GS15-2006; GB/T 17710, MOD 11,10).
    """
    return bool(_REGISTRATION_NUMBER.fullmatch(text) and len(set(text)) > 1 and mod_11_10.is_valid(text))


def _values(subject: common_pb2.Subject, kind: common_pb2.IdentifierKind.ValueType) -> frozenset[str]:
    folded = (_folded_code(identifier.value) for identifier in subject.identifiers if identifier.kind == kind)
    return frozenset(value for value in folded if value)


def _folded_code(text: str) -> str:
    """Half width, upper case, without blanks, dashes and characters that nobody sees."""
    if text.isascii() and text.isalnum():  # as nearly every row has it; the rest is slower by far
        return text.upper()
    return "".join(character for character in fold_width(text) if not _is_notation(character)).upper()


def _is_notation(character: str) -> bool:
    return unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cc", "Cf", "Pd"} or character == _MINUS


def _told(text: str) -> str:
    """Half width, upper case, without blanks and characters that nobody sees."""
    seen = (character for character in fold_width(text) if unicodedata.category(character)[0] not in {"Z", "C"})
    return "".join(seen).upper()


def _is_branch(name: str) -> bool:
    return name.endswith(BRANCH_ENDINGS)


def _is_named_as_the_other(name: str, wanted: Wanted) -> bool:
    """Whether a folded name beside an identifier of the subject is a branch's where it is none, or its parent's where it is one.

    A branch's name begins with its parent's (企业名称登记管理规定, article 13).
    """
    if not wanted.is_branch:
        goes_on = any(own.name and own.name != name and name.startswith(own.name) for own in wanted.names)
        return _is_branch(name) or goes_on
    return _is_usable(name) and any(own.name != name and own.name.startswith(name) for own in wanted.names)


def _is_usable(name: str) -> bool:
    if name in _NO_NAMES or _HIDDEN in name:
        return False
    return len({character for character in name if character.isalnum()}) > 1


def _folded_name(text: str) -> str:
    """What all spellings of a name have in common, with one `*` for each placeholder."""
    told = _NOT_TOLD_APART.sub("", _NAME_MASK.sub(_HIDDEN, fold_name(text)))
    return _NAME_MASK.sub(_HIDDEN, told)  # what was left out may have stood between two of a placeholder's characters


def _fits_masked_name(name: str, own: str) -> bool:
    """Whether a folded name is a masked form of another, and tells enough of it.

    A placeholder stands for any number of characters.
    """
    parts = name.split(_HIDDEN)
    if len(parts) == 1 or len("".join(parts[:-1]) + _without_ending(parts[-1])) < _LEAST_TOLD:
        return False
    first, *middle, last = parts
    if not (own.startswith(first) and own.endswith(last)):
        return False
    at, end = len(first), len(own) - len(last)
    for part in middle:
        found = own.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def _without_ending(text: str) -> str:
    return next((text.removesuffix(ending) for ending in _ANYBODYS if text.endswith(ending)), text)


def _is_filler(code: str) -> bool:
    """Nothing, or a text without anything of a code: 无, /, ——, 000000000000000000, ****."""
    visible = [character for character in _MASK.sub("", code) if character.isascii() and character.isalnum()]
    return len(set(visible)) <= 1


def _speaks_against(code: str, codes: Iterable[str]) -> bool:
    """Whether an invalid code cannot be any of the subject's codes as they would look when masked."""
    return not _is_filler(code) and not any(_fits_mask(code, own) for own in codes)


def _fits_mask(code: str, own: str) -> bool:
    parts = _MASK.split(code)
    if len(parts) == 1 or sum(map(len, parts)) > len(own):
        return False
    return re.fullmatch(".*".join(map(re.escape, parts)), own) is not None


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
