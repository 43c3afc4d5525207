"""One amount: the value of a money column.

- Exact: no sign, no exponent, no rounding, separators after every third digit or none.
- A text that names a unit must name the column's: 11万元 is refused in a column of 元, 2000元 in a column of 万元. Chinese
  numerals before 元 (七十万元) are yuan and, where they end in 万, 万元 as well: both mean the same. ¥ means yuan.
- Without 元, 743万 and 伍仟 are yuan in a column of 元, and ambiguous in any other. Digits alone are in the column's unit.
- One amount, once, or twice where the second stands in brackets and agrees. 罚款, 没收, 罚没合计 and the like may stand
  before it; what kind of amount it is is not decided here. The result of a formula is read by the rules of formulas.py.
- Everything else fails by its fault. A word for nothing (无, ——) fails too: it does not say that there is no amount.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from adapters.sdk.errors import NotationError, NotationFault
from adapters.sdk.notation import formulas
from adapters.sdk.notation.folding import PLACEHOLDERS, is_blank, plain_text
from adapters.sdk.notation.found_amounts import find_in
from adapters.sdk.notation.money_words import Expression, exact_fen, folded, stated_at
from adapters.sdk.notation.numerals import NUMERALS
from adapters.sdk.source import RawValue
from contract.money import Fen, MoneyUnit

_MAX_LENGTH: Final = 200

_LABELS: Final = re.compile(
    r"(?:(?:罚款|罚没款|罚没|没收(?:违法所得|非法所得|非法财物)?|金额|数额|处罚款|处罚|处以|处|被|并处|并|科处|合并|顶格"
    r"|共计|合计|总计|累计|共|计|为|大写|小写|人民币(?=\())[::]?\s{0,4}){0,8}"
    r"(?:\((?:大写|小写|人民币)\)[::]?\s{0,4})?"
)
_BEHIND: Final = re.compile(r"\s{0,4}(?:的?罚款)?\s{0,4}")
_PROPOSED: Final = re.compile(r"(?<![虚模])拟")
_NEGATIVE: Final = re.compile(r"(?:[-–]|负)\s?(?:¥|人民币)?\s?[0-9]")
_MASK: Final = re.compile(r"[*×□_?]|[xX]{1,20}+\s?[万亿]?元|某")
_RANGE: Final = re.compile(r"[0-9元万亿]\s?(?:[-~～至到]|[–—―](?![–—―]))\s?[0-9一二三四五六七八九十]|以上.{1,40}以下")
_APPROXIMATE: Final = re.compile(
    rf"(?<!违)[近约逾超数几](?:人民币|¥|\s){{0,4}}[0-9{NUMERALS}]|[0-9{NUMERALS}]\s?[余多几来]|左右|上下|以上|以下|以内"
    r"|不足|不到|不满|不少于|不低于|超过|若干|大概|大致|至少|至多|最高|最低|不等|≈"
)
_MONEY: Final = re.compile(r"[元万亿倍%‰¥]|分之|罚|^[^0-9]{0,4}[0-9]")
"""Without any of these a text speaks of something else (警告, 停止生产6个月)."""


def read_amount(value: RawValue, unit: MoneyUnit | None) -> Fen | None:
    """Reads an amount, exactly. None and blank are no amount.

    >>> read_amount("1,020,000.00", MoneyUnit.YUAN)
    102000000
    >>> read_amount("1.5万元", MoneyUnit.WAN_YUAN)
    1500000
    >>> read_amount("人民币贰万贰仟玖佰陆拾伍元陆角(¥22965.6元)", None)
    2296560

    Args:
        value: The value of the column.
        unit: The column's unit. None: it has none, and the text must name its own.

    Raises:
        NotationError: Anything that is not exactly one certain amount, by its fault.
    """
    if is_blank(value):
        return None
    if isinstance(value, bool):
        raise NotationError("expected an amount, got a truth value", NotationFault.NOT_TEXT)
    if isinstance(value, int | Decimal):
        if unit is None:
            raise NotationError("expected the unit of an amount, got a bare number", NotationFault.UNIT_MISSING)
        return exact_fen(Decimal(value), unit)
    text = folded(plain_text(value, "an amount", limit=_MAX_LENGTH))
    if text in PLACEHOLDERS:
        raise NotationError("expected an amount, got a word for nothing", NotationFault.PLACEHOLDER)
    if _PROPOSED.search(text):
        raise NotationError("expected an amount that was imposed, got a proposal", NotationFault.NOT_IMPOSED)
    stated = _whole(text)
    if stated is not None:
        return stated.fen(unit)
    if (formula := formulas.split(text)) and (stated := _whole(formula.result)):
        result = stated.fen(unit)
        formulas.check(formula.formula, result)
        return result
    raise NotationError("expected one exact amount, got another form", _fault_of(text))


def _whole(text: str) -> Expression | None:
    """The amount that is all of the text but its labels. None: there is more, or less.

    Raises:
        NotationError: There is one, and it cannot be read.
    """
    labels = _LABELS.match(text)
    stated = stated_at(text, labels.end() if labels else 0) if text else None
    if stated is None:
        return None
    behind = _BEHIND.match(text, stated[1])
    return stated[0] if (behind.end() if behind else stated[1]) == len(text) else None


def _fault_of(text: str) -> NotationFault:
    """Names why a text is refused; it decides nothing."""
    found = find_in(text)
    faults = {one.fault for one in found if one.fault is not None}
    if _NEGATIVE.match(text):
        return NotationFault.NEGATIVE
    if not _MONEY.search(text):
        return NotationFault.ANOTHER_FORM
    for fault, form in (
        (NotationFault.MASKED, _MASK),
        (NotationFault.RANGE, _RANGE),
        (NotationFault.APPROXIMATE, _APPROXIMATE if len(found) < 2 else None),  # noqa: PLR2004  # one amount
    ):
        if fault in faults or (form is not None and form.search(text)):
            return fault
    if len([one for one in found if one.fen is not None]) > 1:
        return NotationFault.SEVERAL_AMOUNTS
    if faults:
        return min(faults, key=list(NotationFault).index)
    return NotationFault.PROPORTION if formulas.has_proportion(text) else NotationFault.ANOTHER_FORM
