"""What the text of a decision states: which penalties it imposes on the organisation, and which amounts.

A text is evidence beside the columns: it is held against them (mapping/amounts.py), and is read where a form has no column. It is
read for certain or not at all: an amount is certain only where exactly one stands as the organisation's fine, or one as the total
of all; whatever may be another's, a proposal, a rate, a range of the law, or a part of an unknown whole is not.

How a text is read (rule M-8):

1. It is folded (`fold_text`): half-width, simplified, without blanks; titles of laws in 《》 are emptied.
2. What is not imposed is cut out: what is withdrawn (该决定已被撤销, 撤销…处罚决定), not punished (不予处罚), proposed (拟),
   threatened (逾期…的, 如…, 加处罚款), announced, or quoted from the law. What was cut out is remembered, for `kinds.py`.
3. What is imposed on a person beside the organisation (对矿长处罚6万元) is cut out, from the person to the next organisation or the
   end of the sentence. What follows a person's sentence without saying whose it is, is certain of nothing.
4. Every amount of money is given its part by the words around it: fine, confiscation, both together (罚没合计), or none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, TypeAlias

from adapters.sdk.errors import NotationError
from adapters.sdk.notation import find_amounts, fold_width, simplified, without_glosses
from adapters.sdk.personal_names import NAME
from contract.money import Fen
from huren.fragment.v1 import record_pb2

Category: TypeAlias = record_pb2.PenaltyCategory.ValueType

_TITLE: Final = re.compile(r"《[^》]{0,80}》")
_BLANKS: Final = re.compile(r"[^\S\n]+")
_END: Final = "。;!\n"
_IN_SENTENCE: Final = rf"[^{_END}]"
_IN_CLAUSE: Final = r"[^,。;!\n]"


def fold_text(text: str) -> str:
    """A text as it is searched: half-width, simplified, without blanks. Never printed.

    >>> fold_text("處七十萬(wàn)元 罰款；")
    '处七十万元罚款;'
    """
    plain = simplified(without_glosses(fold_width(text))).replace("\r", "\n")
    return _BLANKS.sub("", plain)


class Cut(Enum):
    """Something that a text speaks of and does not impose."""

    WITHDRAWN = "withdrawn"  # 该决定已被撤销
    WITHDRAWS = "withdraws"  # 撤销…处罚决定: another one, or its own
    NOT_PUNISHED = "not punished"  # 不予处罚
    PROPOSED = "proposed"  # 拟处
    ANNOUNCED = "announced"  # 将依法作出行政处罚
    SURCHARGE = "surcharge"  # 加处罚款
    CONDITIONAL = "conditional"  # 逾期不改正的,处…
    RANGE = "range"  # 处一万元以上十万元以下罚款: the law's words


_CUTS: Final = (
    (
        Cut.WITHDRAWN,
        ("撤销",),
        re.compile(
            rf"(?:处罚|罚款){_IN_CLAUSE}{{0,20}}?决定书?(?:已|被|予以|依法){{0,3}}撤销"
            r"|(?<![证照可记格质])(?:已被?|被|予以)(?:依法)?撤销(?![^,。;]{0,12}(?:许可|登记|证|资))"
        ),
    ),
    (Cut.WITHDRAWS, ("撤销",), re.compile(rf"撤销{_IN_CLAUSE}{{0,60}}(?:处罚|罚款)(?:的?决定书?)?")),
    (Cut.SURCHARGE, ("加处",), re.compile(rf"(?:(?:每日|逾期|到期)[^{_END}元]{{0,60}})?加处{_IN_CLAUSE}{{0,60}}")),
    (
        Cut.NOT_PUNISHED,
        ("不", "免"),
        re.compile(
            r"(?<!不符合)(?<!不适用)(?<!不属于)(?:决定)?(?:依法)?(?:不予|免予|免于|免除|不再|不)(?:给予|予以|处以|作出|实施|进行|追究)?(?:行政)?(?:处罚|罚款|没收|警告|吊销)"
            r"(?:决定书|决定)?|(?<![\u4e00-\u9fff])不罚|(?<!不符合)(?<!不适用)(?<!不属于)(?:首违不罚|轻微(?:违法)?(?:不罚|免罚))"
        ),
    ),
    (Cut.RANGE, ("元以上", "元以下"), re.compile(rf"{_IN_CLAUSE}{{0,30}}元以[上下]{_IN_CLAUSE}{{0,30}}罚款")),
    (
        Cut.PROPOSED,
        ("拟", "建议", "告知"),
        re.compile(
            rf"(?:(?<![模虚比草])拟(?!定|订|建|态)|建议(?:给予|处|对)){_IN_CLAUSE}{{0,60}}(?:罚|没收|吊销|警告|暂扣|责令)[^。\n]*"
            rf"|(?<![检监]察)建议(?:依法)?(?:吊销|暂扣|撤销|没收|责令|罚款){_IN_CLAUSE}*"
            r"|(?:(?:罚款|没收|吊销|暂扣|停产停业)[^,。;!\n已并经送]{0,20})?(?:事先告知|听证告知|告知书)书?"
        ),
    ),
    (
        Cut.ANNOUNCED,
        ("将",),
        re.compile(rf"将(?:依法|依规|按照规定|严肃){_IN_CLAUSE}{{0,20}}(?:处罚|查处|处理){_IN_CLAUSE}*"),
    ),
    (
        Cut.CONDITIONAL,
        ("逾期", "拒不", "如", "若", "情节严重", "可", "倘", "否则", "将", "会被"),
        re.compile(
            rf"(?:逾期|拒不|如果|如(?![下前上])|若(?!干)|情节严重){_IN_SENTENCE}{{0,40}}的,{_IN_SENTENCE}*|(?<!许)可以?并?处{_IN_CLAUSE}*"
            rf"|(?:^|(?<=[,:{_END}]))(?:如果?(?![下前上实期何果])|若(?!干)|倘若?){_IN_CLAUSE}{{1,30}},{_IN_SENTENCE}*"
            rf"|(?:逾期|拒不){_IN_CLAUSE}{{0,20}}的(?:将|处|罚|吊销|暂扣|没收){_IN_SENTENCE}*|否则{_IN_SENTENCE}*"
            rf"|(?:将|可能)(?:会|要)?(?:被|面临|处(?!罚款[缴交汇存])|吊销|暂扣){_IN_CLAUSE}*|(?<![员协])会被{_IN_CLAUSE}*"
        ),
    ),
)
"""What is cut out, in this order: its kind, words of which every match has one (they are found faster), and the pattern."""

_PERSONS: Final = (
    "矿长|法定代表人|法人代表|负责人|责任人|主管人员|责任人员|经理|厂长|董事|监事|高级管理人员|高管|个人|驾驶员|驾驶人|实际控制人"
    "|股东|员工|职工|站长|院长|校长|店长|总工程师|安全员|医师|护士|从业人员|[\u4e00-\u9fff](?:某|×|\\*)"
)
_ORGANISATIONS: Final = (
    "单位|公司|企业|煤矿|该矿|矿业|厂|店|当事人|合作社|医院|学校|银行|机构|分公司|商行|经营部|中心|集团"
)
_OBJECT: Final = re.compile(
    rf"(?:对|给予)(?P<name>{NAME})(?:等人)?(?=处|罚|作|给|予|警|行政|的)|(?:对|责令|给予){_IN_CLAUSE}{{0,40}}?(?:{_PERSONS}|{_ORGANISATIONS}){_IN_CLAUSE}{{0,12}}?(?=处|罚|作|给|予|并|吊|警|暂|行政|的|,|、)"
)
_PERSON: Final = re.compile(_PERSONS)
_PERSONS_PUNISHMENT: Final = re.compile(rf"(?:吊销|暂扣|拘留){_IN_CLAUSE}{{0,6}}(?:{_PERSONS})")
_PUNISHED: Final = re.compile(r"罚|警告|没收|吊销|暂扣|拘留|通报批评")
_ORGANISATION: Final = re.compile(_ORGANISATIONS)


class _Whose(Enum):
    ORGANISATION = 1
    PERSON = 2
    UNCLEAR = 3


# --- Amounts ------------------------------------------------------------------------------------------------------------

_WORDS: Final = re.compile(r"[罚没处的]|分之")
"""In what `find_amounts` names as no amount that can be read (三倍的罚款, 百分之五): it stays as words."""

_MARK: Final = "\ue000"
"""Stands for an amount while the words around it are read."""

_MOST_AMOUNTS: Final = 200
"""No decision states as many; of a text with more, nobody can say what it imposes."""

_LOOK_BACK: Final = 400
_LOOK_AHEAD: Final = 20
"""Characters around an amount that say what it is: a text of very many amounts costs no more for each of them."""

_GLUE: Final = (
    r"(?:金额|数额|总额|合计|共计|总计|总共|为|是|计|共|合|\(?[大小]写\)?"
    r"|:|,|\(|人民币|顶格|款项|约|近|逾|超过|不超过|最高){0,8}"
)
_FINE_BEFORE: Final = re.compile(
    rf"(?P<lead>(?:共计|合计|总计|总共|合并|共)?(?:并|分别)?(?:处以|处|科|给予|作出|被)*)(?:行政)?(?:罚款|处罚){_GLUE}$"
)
_FINE_AFTER: Final = re.compile(r"(?:的)?(?:顶格|最高)?(?:的)?(?:行政)?罚款")
_TOTAL: Final = re.compile(r"共计|合计|总计|总额|总共|合并|共$|^共")
_TOTAL_OF_BOTH: Final = re.compile(
    rf"没收[^,。;!\n{_MARK}]*(?:和|及|与|、|并)[^,。;!\n{_MARK}]*$|没收{_IN_SENTENCE}*罚款[:,]+(?:共计|合计|总计)[^,]*$"
)
_COMBINED_BEFORE: Final = re.compile(rf"罚没(?:款项|款|金额|所得)?{_GLUE}$")
_SUM_BEFORE: Final = re.compile(r"(?<!罚款)(?<!罚款,)(?:合计|共计|总计)(?:金额|为|:|人民币)*$")
"""A sum that does not say of what: of both where the sentence names both."""

_OWN_SUM: Final = re.compile(rf"{_MARK}[^{_MARK}罚]*没收[^,;。!\n罚{_MARK}]*(?:合计|共计|总计)(?:金额|为|:|人民币)*$")
"""The sum of what is confiscated alone: the fine's amount stands before it."""

_COMBINED_AFTER: Final = re.compile(r"(?:的)?罚没款")
_CONFISCATED_BEFORE: Final = re.compile(rf"没收[^,;。!\n罚{_MARK}]{{0,30}}$")
_GAINS_BEFORE: Final = re.compile(rf"(?:违法|非法)所得{_GLUE}$")
_TAKEN_AFTER: Final = re.compile(r",?(?:予以|依法|全部|给予)*没收")
_CONFISCATED_AFTER: Final = re.compile(r"(?!的(?!违法|非法)|货值)")
_PER_UNIT: Final = re.compile(rf"每(?:日|天|人|名|次|辆|台|件|吨|亩|户|间|套|株|平方米|立方米|公里){_IN_CLAUSE}*$")
_REFERENCE: Final = re.compile(
    r"(?:将|上述|该|已缴纳?|已交纳?|缴纳|交纳|缴清|缴至|退还|免去|减免|减轻|减半|撤销|原|变更|其中|应|应当)(?:的|处)?(?:行政)?(?:罚款|处罚)[^,。;]{0,12}$"
    r"|(?:曾|前次|上次|此前)[^,。;]{0,40}罚款[^,。;]{0,12}$"
)
_CHANGED_AFTER: Final = re.compile(r",?(?:已|现)?(?:变更|调整|更改|减轻|减少|降低|改|减|降)(?:为|至|到)")
"""An amount that no longer holds."""

_SHARED_AFTER: Final = re.compile(
    rf"[、和及与]{_MARK}|\([^)。;]{{0,16}}(?:{_PERSONS})[^,)。;{_MARK}]{{0,3}}{_MARK}|[(,](?:其中)?[^)。;{_MARK}]{{0,12}}(?:{_PERSONS})[^,。;{_MARK}]{{0,3}}{_MARK}"
)
"""Further amounts go on, or a person bears a part: it is not known which part of all is the organisation's."""


_NEAR_PENALTIES: Final = frozenset({Cut.ANNOUNCED, Cut.SURCHARGE, Cut.CONDITIONAL})
_NAMES_FINE: Final = re.compile(rf"罚款{_GLUE}{_MARK}|{_MARK}(?:的)?(?:行政)?罚款")


class Amount(Enum):
    """What may be said of an amount that a text does not certainly state."""

    NOT_STATED = "not stated"
    UNCERTAIN = "uncertain"


StatedAmount = Fen | Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What the text of a decision states about the organisation.

    Attributes:
        words: The folded text, without what is not imposed on the organisation, and with a mark (U+E000) for each amount.
        cut: What else it speaks of.
        fine: Amount of the fine in all.
        confiscation: Amount that is confiscated.
        combined: Both in one amount.
        imposes_fine: Whether it imposes a fine, with its amount or without.
        punishes_person: Whether it punishes a person beside the organisation.
        is_doubtful: Whether what was cut out names the amount of a fine that is no proposal, or the text states more amounts than
            anybody can tell apart: nobody can say that no fine is imposed.
    """

    words: str
    cut: frozenset[Cut]
    fine: StatedAmount
    confiscation: StatedAmount
    combined: StatedAmount
    imposes_fine: bool
    punishes_person: bool
    is_doubtful: bool


class _Part(Enum):
    FINE = 1
    TOTAL_FINE = 2
    CONFISCATION = 3
    COMBINED = 4
    REFERENCE = 5
    RATE = 6
    OTHER = 7


@dataclass(frozen=True, slots=True)
class _Mention:
    part: _Part
    fen: Fen | None
    certain_owner: bool


@lru_cache(maxsize=4096)
def read_stated(text: str) -> Stated:
    """Reads what the text of a decision states. Never raises.

    >>> read_stated("责令改正，并处罚款人民币伍仟元整(¥5000元整)。").fine
    500000
    >>> read_stated("对煤矿处罚100万元,对矿长处罚6万元").fine
    100000000
    """
    folded = _TITLE.sub("《》", fold_text(text).replace(_MARK, ""))
    cut: set[Cut] = set()
    is_doubtful = False
    for kind, words_of_it, pattern in _CUTS:
        if not any(word in folded for word in words_of_it):
            continue
        for found in pattern.finditer(folded):
            cut.add(kind)
            is_doubtful |= kind in _NEAR_PENALTIES and _names_fine(found.group())
        folded = pattern.sub("", folded)
    words, unclear_from, has_person = _of_the_organisation(folded)
    try:
        marked, amounts = _marked(words)
        mentions = list(_mentions(marked, amounts, unclear_from))
    except NotationError:
        marked, is_doubtful = words, True
        mentions = [
            _Mention(part, None, certain_owner=False) for part in (_Part.FINE, _Part.CONFISCATION, _Part.COMBINED)
        ]
    return Stated(
        words=marked,
        cut=frozenset(cut),
        fine=_fine(mentions),
        confiscation=_one(mention for mention in mentions if mention.part is _Part.CONFISCATION),
        combined=_one(mention for mention in mentions if mention.part is _Part.COMBINED),
        imposes_fine="罚款" in marked or any(m.part in {_Part.FINE, _Part.TOTAL_FINE} for m in mentions),
        punishes_person=has_person or _PERSONS_PUNISHMENT.search(words) is not None,
        is_doubtful=is_doubtful,
    )


def _of_the_organisation(folded: str) -> tuple[str, int, bool]:
    """The text without what is a person's; from where nothing is certain any more; whether a person is punished in it."""
    kept: list[str] = []
    of_persons: list[str] = []
    length, unclear_from = 0, len(folded) + 1
    whose = _Whose.ORGANISATION
    for sentence in re.findall(rf"[^{_END}]*[{_END}]?", folded):
        if whose is _Whose.PERSON:
            # A sentence that follows a person's and names nobody may be the person's still.
            whose = _Whose.UNCLEAR
        for whose_part, part in _parts_of(sentence, whose):
            whose = whose_part
            if whose is _Whose.PERSON:
                of_persons.append(part)
                continue
            if whose is _Whose.UNCLEAR:
                unclear_from = min(unclear_from, length)
            kept.append(part)
            length += len(part)
        if whose is _Whose.PERSON and sentence[-1:] in _END:
            kept.append(sentence[-1:])
            length += len(sentence[-1:])
    return "".join(kept), unclear_from, _PUNISHED.search("".join(of_persons)) is not None


def _parts_of(sentence: str, whose: _Whose) -> Iterable[tuple[_Whose, str]]:
    """A sentence in parts, each with whose it is: from where it names somebody on, it is theirs."""
    position = 0
    for found in _OBJECT.finditer(sentence):
        yield whose, sentence[position : found.start()]
        position, whose = found.start(), _whose(found.group())
        if found["name"] and whose is _Whose.ORGANISATION:
            whose = _Whose.UNCLEAR  # 对张三罚款: whoever that is

    yield whose, sentence[position:]


def _whose(named: str) -> _Whose:
    person, organisation = _PERSON.search(named), _ORGANISATION.search(named)
    if person is None:
        return _Whose.ORGANISATION
    if organisation is None or re.search(rf"(?:{_ORGANISATIONS})(?:的|直接)?[^及和、与]{{0,14}}(?:{_PERSONS})", named):
        return _Whose.PERSON
    return _Whose.UNCLEAR


def _names_fine(words: str) -> bool:
    """Whether words name the amount of a fine, or so many amounts that nobody can say."""
    if "罚款" not in words:
        return False
    try:
        return _NAMES_FINE.search(_marked(words)[0]) is not None
    except NotationError:
        return True


def _marked(words: str) -> tuple[str, list[tuple[int, Fen | None]]]:
    """The text with a mark for each amount of money, and the amounts with their places in the text as it was.

    Raises:
        NotationError: There are more amounts than one decision states, or the text is longer than any that the contract carries.
    """
    found = [
        amount for amount in find_amounts(words, _MOST_AMOUNTS) if not _WORDS.search(words[amount.start : amount.end])
    ]
    parts: list[str] = []
    position = 0
    for amount in found:
        parts += [words[position : amount.start], _MARK]
        position = amount.end
    return "".join([*parts, words[position:]]), [(amount.start, amount.fen) for amount in found]


def _mentions(marked: str, amounts: list[tuple[int, Fen | None]], unclear_from: int) -> Iterable[_Mention]:
    place = -1
    for at, fen in amounts:
        place = marked.index(_MARK, place + 1)
        before = re.split(rf"[{_END}]", marked[max(0, place - _LOOK_BACK) : place])[-1]
        after = marked[place + 1 : place + _LOOK_AHEAD]
        part = _part(before, after)
        clause = before.rsplit(",", 1)[-1]
        is_certain = at < unclear_from and not (part is not _Part.OTHER and _PERSON.search(clause))
        is_certain = is_certain and not _SHARED_AFTER.match(after)
        yield _Mention(part, fen, is_certain)


def _part(before: str, after: str) -> _Part:
    """What an amount is, by the words before it in its sentence and those behind it."""
    names_both = "没收" in before and "罚款" in before
    if (
        _COMBINED_BEFORE.search(before)
        or _COMBINED_AFTER.match(after)
        or (names_both and _SUM_BEFORE.search(before) and not _OWN_SUM.search(before))
    ):
        return _Part.COMBINED
    found = _FINE_BEFORE.search(before)
    if found or _FINE_AFTER.match(after):
        if (found and _REFERENCE.search(before)) or _CHANGED_AFTER.match(after):
            return _Part.REFERENCE
        if found and _TOTAL.search(found.group()):
            # Behind a confiscation without amount, or a comma, nobody says whether the total is the fine's alone.
            return _Part.REFERENCE if _TOTAL_OF_BOTH.search(before) else _Part.TOTAL_FINE
        return _Part.RATE if _PER_UNIT.search(before) else _Part.FINE
    if _GAINS_BEFORE.search(before) and _TAKEN_AFTER.match(after):
        return _Part.CONFISCATION
    if _CONFISCATED_BEFORE.search(before) and _CONFISCATED_AFTER.match(after):
        return _Part.CONFISCATION
    return _Part.OTHER


def _fine(mentions: list[_Mention]) -> StatedAmount:
    """The fine in all: the one total, or else the one fine. Parts are not added up: nobody says that they are all."""
    totals = [mention for mention in mentions if mention.part is _Part.TOTAL_FINE]
    parts = [mention for mention in mentions if mention.part is _Part.FINE]
    if totals:
        return _one(totals)
    if not parts and any(mention.part in {_Part.REFERENCE, _Part.RATE} for mention in mentions):
        return Amount.UNCERTAIN
    return _one(parts)


def _one(mentions: Iterable[_Mention]) -> StatedAmount:
    mentions = list(mentions)
    if not mentions:
        return Amount.NOT_STATED
    (first, *others) = mentions
    if others or first.fen is None or not first.certain_owner:
        return Amount.UNCERTAIN
    return first.fen


# --- Categories ---------------------------------------------------------------------------------------------------------

_NOT_A_PERSON: Final = rf"(?![^,。;\n]{{0,6}}(?:{_PERSONS}))"
_BY_WORDS: Final = (
    (record_pb2.PENALTY_CATEGORY_WARNING, r"(?<!安全)(?<!设置)(?<!党内)警告(?!标|牌|信|函|语|线|灯)"),
    (record_pb2.PENALTY_CATEGORY_PUBLIC_CRITICISM, r"通报批评"),
    (record_pb2.PENALTY_CATEGORY_FINE, r"罚款(?!数额|收据|缴)|处罚(?:金额)?[:为]?\ue000"),
    (record_pb2.PENALTY_CATEGORY_CONFISCATE_GAINS, r"没收[^,;。\n罚]{0,24}(?:违法|非法)所得"),
    (
        record_pb2.PENALTY_CATEGORY_CONFISCATE_PROPERTY,
        r"没收(?!(?:全部|当事人|其|你单位)*(?:违法|非法)所得|[:为]*(?:人民币)?(?:金额|款)?[:为]*\ue000|金额|款|的?金额|[共合总]计)",
    ),
    (record_pb2.PENALTY_CATEGORY_SUSPEND_LICENCE, rf"暂扣{_NOT_A_PERSON}"),
    (record_pb2.PENALTY_CATEGORY_DOWNGRADE_QUALIFICATION, r"降低[^,;。\n]{0,10}(?:资质|等级)"),
    (record_pb2.PENALTY_CATEGORY_REVOKE_LICENCE, rf"吊销{_NOT_A_PERSON}"),
    (
        record_pb2.PENALTY_CATEGORY_RESTRICT_OPERATIONS,
        r"限制开展|限制[^,;。\n]{0,10}(?:生产|经营)|禁止参加(?:政府采购|招标|投标)",
    ),
    (
        record_pb2.PENALTY_CATEGORY_SUSPEND_BUSINESS,
        r"停产停业|停业整顿|停产整顿|停产整改|责令停产|责令停业|停止生产进?行?整顿|停止生产进行整顿",
    ),
    (record_pb2.PENALTY_CATEGORY_ORDER_CLOSURE, r"责令关闭"),
    (record_pb2.PENALTY_CATEGORY_RESTRICT_PRACTICE, r"限制从业|禁止从业|市场禁入|终身不得从事"),
    (record_pb2.PENALTY_CATEGORY_DETENTION, rf"行政拘留{_NOT_A_PERSON}"),
)
_TAKEN_GAINS: Final = re.compile(r"(?:违法|非法)所得[^,;。\n没罚]{0,12}没收")
_CATEGORY_PATTERNS: Final = tuple((category, re.compile(pattern)) for category, pattern in _BY_WORDS)


def categories_stated(stated: Stated) -> tuple[Category, ...]:
    """The kinds of penalty that the text imposes on the organisation, in the order of their numbers.

    Source: the words of 行政处罚法 (2021) art. 9 and those that published decisions use for them.
    """
    return _categories(stated.words)


@lru_cache(maxsize=4096)
def _categories(stated_words: str) -> tuple[Category, ...]:
    words = _TAKEN_GAINS.sub("没收违法所得", stated_words)
    return tuple(category for category, pattern in _CATEGORY_PATTERNS if pattern.search(words))
