"""Clauses of a decision that punish a person beside the organisation: 对煤矿处罚100万元,对矿长处罚6万元.

The record is about the organisation; the clause about the person is hidden, from its first word to the end of the clause. That is
done only where the clause is certain to be about persons alone, and where what follows says itself whom it is about. Otherwise
(对公司和法定代表人罚款12万元; 对矿长罚款6万元,责令停产) organisation and person cannot be separated, and the text is withheld.

A clause is what stands between , ; 。 and line breaks, and before 对 where 并, 同时, 和 or 、 stand in front of it. A clause that
quotes a range of the law (处一万元以上十万元以下的罚款) imposes nothing and is left.

Texts are folded (searchable.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from adapters.sdk.personal_names import NAME
from adapters.sdk.searchable import Span

_LEADS: Final = (
    r"(?:法定代表人|法人代表|负责人员?|主管人员|责任人员?|管理人员|实际控制人|控股股东|个人|自然人|经理|矿长|厂长|店长|董事长|董事|监事|主任"
    r"|站长|校长|院长|所长|工程师|安全员|驾驶员|驾驶人|司机|直接责任者)"
)
_WORKS: Final = r"(?:操作员|操作工|从业人员|工作人员|作业人员|员工|职工|医师|护士)"
"""Persons of whom violations speak too: 对从业人员培训缺失. Behind them only what certainly is a name is passed over."""

_PERSON: Final = rf"(?:{_LEADS}|{_WORKS})"
_HIDDEN_NAME: Final = r"[\u4e00-\u9fff][某×]{1,2}|\*{3}"
_ASIDE: Final = r"(?:\([^()]{1,40}\))?"
_NAMES: Final = rf"(?:{NAME}|{_HIDDEN_NAME})(?:[、和及](?:{NAME}|{_HIDDEN_NAME})){{0,9}}"
_NAME: Final = rf":?(?:{_NAMES})?{_ASIDE}"
_ANY_NAME: Final = rf":?(?:{_NAMES}|[\u4e00-\u9fff·]{{1,4}})?{_ASIDE}"

_NUMERALS: Final = "0-9壹贰叁肆伍陆柒捌玖拾佰仟一二三四五六七八九十百千两"
_AMOUNT: Final = rf"(?:人民币)?[{_NUMERALS}][{_NUMERALS},.]{{0,16}}余?[万亿]?元"
_PENALTY: Final = r"(?:警告|罚款|处罚|处分|通报批评|记过|撤职|拘留)"
_IMPOSES: Final = (
    rf"(?:处以|处(?=罚|警|行政|人民币|上一|[{_NUMERALS}])|罚(?=[0-9]|人民币)|(?:给予|予以|并处)(?:行政|党纪|政务|开除){{0,3}}{_PENALTY}|{_PENALTY}"
    r"|市场禁入|限制从业)"
)
_ADVERB: Final = r"(?:也|各|均|都|被|分别|另行|另|依法|作出|做出|进行|的?行政|:){0,3}"
_PUNISHED: Final = rf"(?:{_ADVERB}{_IMPOSES}|{_ADVERB}{_AMOUNT})"
_JOIN: Final = re.compile(r"[、和及与]|以及")
_CONNECTIVE: Final = r"(?:并|同时|另外|另|还|且|以及|和|及|再){0,4}"
_NUMBERING: Final = r"(?:\s|[(]?[0-9一二三四五六七八九十]{1,2}[)、.]){0,4}"
_LEAD_IN: Final = r"(?:[^,;。:]{0,24}:)?"
_HIS: Final = r"(?:其|该[\u4e00-\u9fff]{1,3}|公司|企业|单位|煤矿)?(?:的|主要|直接|相关|有关|副|总){0,3}"

_PATTERNS: Final = tuple(
    re.compile(rf"{_NUMBERING}{_LEAD_IN}(?P<clause>{_CONNECTIVE}{rest})")
    for rest in (
        rf"对(?P<who>[^,;。:未不]{{0,24}}?(?:{_LEADS}{_ANY_NAME}|{_WORKS}{_NAME})){_PUNISHED}",
        rf"(?P<who>{_HIS}{_PERSON}){_NAME}{_PUNISHED}",
        rf"(?:给予|处罚|处|吊销|暂扣|撤销|(?:行政)?拘留)(?P<who>{_HIS}{_PERSON})",
    )
)
"""对矿长处罚6万元; 矿长罚款6万元; 给予矿长警告."""

_SUSPECTED: Final = re.compile(
    rf"{_PERSON}{_NAME}{_PUNISHED}|对{_NAMES}{_ADVERB}{_IMPOSES}|(?:给予|处罚|处以|处|罚款){_NAMES}{_PUNISHED}|{_AMOUNT}\({_PERSON}\)"
)
_NEGATED: Final = re.compile(r"[未无不没][^对]{0,12}$")
"""Before a word for persons: a violation (未配备安全管理人员), unless 对 begins something else."""

_ORGANISATION: Final = r"(?:公司|单位|企业|煤矿|该矿|当事人|厂|店|医院|银行|机构|学校|合作社|中心|商行|超市|酒店)"
_NOT_HIS: Final = re.compile(rf"责令|停产|停业|整顿|吊销|暂扣|没收|关闭|取缔|[合共总]计|对|[()]|{_ORGANISATION}")
"""What speaks of the organisation, or of both, behind the words that punish a person in the same clause."""

_BRACKETED: Final = re.compile(r"\([^()]{0,40}\)")
_UNDECIDED: Final = re.compile(r"以上.{1,16}?以下|以下的?罚款|不予|可以")
"""Quotes the law, or says that nothing is imposed."""

_BOUNDARY: Final = re.compile(
    r"(?P<item>[;。!\n])|(?<![0-9]),|,(?![0-9])|、(?=(?:并|另)?对)"
    r"|(?<![并时另外以和及])(?=(?:并|同时|另外|另|以及|和|及){1,3}对)"
)
_BEGINS_BOUNDARY: Final = re.compile(r"[;。!\n,、并同另以和及]")
"""What a boundary begins with: looked for first, because it is found faster."""

_MAY_PUNISH: Final = re.compile(r"[处罚予元销扣拘]|警告|批评|记过|撤职|禁入|限制从业")
"""A clause without any of these punishes nobody (`_PUNISHED`, `_PATTERNS`, `_SUSPECTED`)."""

_SAYS_WHOM: Final = re.compile(
    rf"{_NUMBERING}{_CONNECTIVE}(?:(?:对|给予|责令)[^,;。:]{{0,16}}?{_ORGANISATION}|[^,;。:]{{0,12}}?{_ORGANISATION}{_PUNISHED})"
)
_GOES_ON: Final = re.compile(rf"{_NUMBERING}(?:并|同时|另|还|且|再|其|该人|上述人员)")


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause.

    Attributes:
        start: Its first character.
        end: The one behind its last.
        begins_item: Whether a sentence or an item of a list begins with it.
    """

    start: int
    end: int
    begins_item: bool


def persons_clauses(folded: str) -> list[Span] | None:
    """The clauses that punish a person. None: they cannot be separated from the organisation's with certainty."""
    found: list[Span] = []
    follows_person = False
    for clause in _clauses(folded):
        text = folded[clause.start : clause.end]
        may_punish = _MAY_PUNISH.search(text) is not None
        person = _of_person(text) if may_punish else None
        if person is not None:
            found.append((clause.start + person, clause.end))
            follows_person = True
        elif (may_punish and _is_suspected(text)) or (
            follows_person and _may_go_on(text, begins_item=clause.begins_item)
        ):
            return None
        elif text.strip():
            follows_person = False
    return found


def _of_person(text: str) -> int | None:
    """Where in a clause the punishment of persons, and of nobody else, begins. None: it is no such clause."""
    if _UNDECIDED.search(text):
        return None
    for pattern in _PATTERNS:
        clause = pattern.match(text)
        if clause and _is_of_persons_only(clause["who"], text[clause.end() :]):
            return clause.start("clause")
    return None


def _is_of_persons_only(who: str, rest: str) -> bool:
    if not all(re.search(_PERSON, part) for part in _JOIN.split(who)):
        return False
    return not _NOT_HIS.search(_BRACKETED.sub("", rest))


def _is_suspected(text: str) -> bool:
    if _UNDECIDED.search(text):
        return False
    return any(not _NEGATED.search(text, 0, found.start()) for found in _SUSPECTED.finditer(text))


def _may_go_on(text: str, *, begins_item: bool) -> bool:
    """Whether a clause behind a person's may be about the person still."""
    if not text.strip() or _SAYS_WHOM.match(text):
        return False
    return not begins_item or _GOES_ON.match(text) is not None


def _clauses(folded: str) -> list[_Clause]:
    clauses: list[_Clause] = []
    start, begins_item = 0, True
    for begins in _BEGINS_BOUNDARY.finditer(folded):
        boundary = _BOUNDARY.match(folded, begins.start())
        if boundary is None:
            continue
        clauses.append(_Clause(start, boundary.start(), begins_item))
        start, begins_item = boundary.end(), boundary["item"] is not None
    return [*clauses, _Clause(start, len(folded), begins_item)]
