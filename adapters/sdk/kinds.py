"""What an act is, by its text: a decision to punish, or one of the acts that are not (rule M-3).

A penalty is a decision to punish an organisation (行政处罚法 2021, art. 2: to diminish rights or add duties by way of punishment).
The other acts that platforms hold beside penalties are counted and never printed.

- A text that imposes a penalty is a penalty, whatever else it orders: 责令改正,并处罚款5000元; 追回医保基金…,并处以罚款262535.95元.
- A text that imposes none is the first of the acts below that it names: 约谈并追回…,并处违约金7718元 is a talk.
- A text that names none of them says nothing (None), and is no reason to leave anything out; nor is one in which the amount of
  a fine stands so that it may be threatened or imposed, or one that says of a decision that it was withdrawn.
- A document number speaks where its sign does: 不罚, 罚告, 立案; with 罚 and none of them it is that of a penalty.

Source: 行政处罚法 (2021) art. 2, 9, 28 (责令改正 is no penalty), 33 (不予处罚), 44 (告知), 54 (立案), 72 (加处罚款 is execution);
行政强制法 art. 2 and 9; words of published decisions.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from adapters.sdk.stated import Cut, Stated, categories_stated, fold_text, read_stated


class ActKind(Enum):
    """What an act is."""

    PENALTY = "penalty"
    NOT_PUNISHED = "not_punished"  # 不予(行政)处罚
    PROPOSAL = "proposal"  # 拟处罚, 告知书, 听证告知
    INVESTIGATION = "investigation"  # 立案, 立案调查; will be decided later
    CRIMINAL = "criminal"  # 涉嫌…罪
    TRANSFER = "transfer"  # 移送
    TALK = "talk"  # 约谈
    CONTRACT_DAMAGES = "contract_damages"  # 违约金
    RECOVERY = "recovery"  # 追回, 退回
    CANCELLATION = "cancellation"  # 注销, 撤销许可
    COERCION = "coercion"  # 行政强制: 查封, 扣押, 冻结, 强制执行
    SURCHARGE = "surcharge"  # 加处罚款 alone
    ORDER_TO_CORRECT = "order_to_correct"  # bare 责令改正, 限期改正
    STATED_BY_PLATFORM = "stated_by_platform"  # the platform's own state says that it is none, and no text says which


CERTAINLY_NONE: Final = frozenset({ActKind.NOT_PUNISHED, ActKind.PROPOSAL, ActKind.INVESTIGATION, ActKind.CRIMINAL})
"""Acts beside which there is no penalty in one text: a row that says otherwise contradicts itself. The others stand beside one."""

_BY_CUT: Final = (
    (Cut.NOT_PUNISHED, ActKind.NOT_PUNISHED),
    (Cut.PROPOSED, ActKind.PROPOSAL),
)
_BY_WORDS: Final = tuple(
    (kind, re.compile(words))
    for kind, words in (
        (ActKind.INVESTIGATION, r"立案|涉嫌(?!.*罪)"),
        (ActKind.CRIMINAL, r"涉嫌[^,。;]*罪|刑事|追究刑责"),
        (ActKind.TRANSFER, r"移送|移交"),
        (ActKind.TALK, r"约谈"),
        (ActKind.CONTRACT_DAMAGES, r"违约金"),
        (ActKind.RECOVERY, r"追回|退回|退还|责令退赔|返还"),
        (ActKind.CANCELLATION, r"注销|撤销[^,。;]{0,12}(?:许可|登记|证)"),
        (ActKind.COERCION, r"行政强制|查封|扣押|冻结|强制执行|强制拆除|代履行"),
    )
)
_ORDER: Final = re.compile(r"(?:责令|限期|立即)[^,。;]{0,12}(?:改正|整改|纠正|补办|恢复)|责改|限改")

_NUMBER_KINDS: Final = tuple(
    (kind, re.compile(words))
    for kind, words in (
        (ActKind.NOT_PUNISHED, r"不罚|不予|不处罚|免罚|免予"),
        (ActKind.PROPOSAL, r"拟罚|罚(?:先|事|听|预)?告|听告|告知|听证"),
        (ActKind.INVESTIGATION, r"立案|罚立"),
        (ActKind.PENALTY, r"罚"),
    )
)


def act_of(text: str) -> ActKind | None:
    """What the text of an act says that it is. None: it does not say.

    >>> act_of("責令改正並處罰款5000元").value, act_of("约谈并追回医保基金2007元,并处违约金7718元").value
    ('penalty', 'talk')
    >>> act_of("") is None
    True
    """
    return act_stated(read_stated(text))


def act_stated(stated: Stated) -> ActKind | None:
    """As `act_of`, of a text that was read already."""
    if Cut.WITHDRAWN in stated.cut:
        return None
    if categories_stated(stated) or stated.imposes_fine or "罚没" in stated.words:
        return ActKind.PENALTY
    if stated.is_doubtful or Cut.WITHDRAWS in stated.cut:
        return None
    for cut, kind in _BY_CUT:
        if cut in stated.cut:
            return kind
    for kind, words in _BY_WORDS:
        if words.search(stated.words):
            return kind
    if Cut.ANNOUNCED in stated.cut:
        return ActKind.INVESTIGATION
    if Cut.SURCHARGE in stated.cut:
        return ActKind.SURCHARGE
    return ActKind.ORDER_TO_CORRECT if _ORDER.search(stated.words) else None


def act_of_number(document_number: str) -> ActKind | None:
    """What the sign in a document number says that the act is. None: it does not say.

    >>> act_of_number("石环不罚决〔2025〕无极-38号").value, act_of_number("石环罚决〔2025〕无极-14号").value
    ('not_punished', 'penalty')
    """
    folded = fold_text(document_number)
    return next((kind for kind, words in _NUMBER_KINDS if words.search(folded)), None)
