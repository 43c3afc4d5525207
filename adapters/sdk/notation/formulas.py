"""Amounts that are stated as the result of a formula.

- The stated result counts: behind =, 计, 共计, 合计, 总计, or in brackets behind 的罚款.
- Where all parts of the formula are written in the text, it must be exactly what they give.

    697㎡×11元/㎡=7667元                                a product
    采购金额95万元的5‰的罚款,计4750元                   a part or a multiple of an amount
    每日罚款15万元,…共11天,共计处罚款165万元            an amount for each day
    占地1001平方米,按15元/平方米处罚,共计15015元        an amount for each unit
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from typing import Final

from adapters.sdk.errors import NotationError, NotationFault
from adapters.sdk.notation.found_amounts import FoundAmount, find_in
from adapters.sdk.notation.numerals import NUMERALS, parse_number
from contract.money import Fen

_MARKER: Final = re.compile(r"=|[共合总累]?计(?!算)")
_IN_BRACKETS: Final = re.compile(r"的?罚款\s*\((?P<result>[^()]{1,60})\)$")
_PROPORTION: Final = re.compile(
    rf"(?P<percent>[0-9.]{{1,20}})\s?(?P<sign>[%‰])|(?P<of>[百千万])分之(?P<part>[{NUMERALS}0-9.]{{1,20}})"
    rf"|(?P<times>[0-9.]{{1,20}}|[{NUMERALS}]{{1,20}})\s?倍"
)
_TIMES: Final = re.compile(r"(?<=[0-9元%‰㎡²³米亩吨天日人倍)])\s*[×✕xX*]\s*(?=[(0-9])")
_FACTOR: Final = re.compile(rf"[0-9]+(?:[,.][0-9]+)*\s?[万亿%‰]?|[{NUMERALS}]{{1,20}}(?=元)")
_LETTERED_UNITS: Final = re.compile(r"[ck]?m[23²³]")
_RATE: Final = re.compile(
    r"(?P<rate>[0-9]+(?:[,.][0-9]+)*)\s?元(?:/|每)(?P<unit>平方米|平米|㎡|亩|吨|公斤|千克|立方米|次|人|天|日)"
)
_DAYS: Final = re.compile(r"共(?P<days>[0-9]{1,4})[天日]")
_EACH_DAY: Final = re.compile(r"每[日天]|按日")
_DIRECTLY: Final = re.compile(r"\s?(?:的|部分的?|按|处以?)?\s?")
_SHARE: Final = {"%": 2, "‰": 3, "百": 2, "千": 3, "万": 4}
_EXACTLY: Final = Context(prec=400, traps=[Inexact])


@dataclass(frozen=True, slots=True)
class Formula:
    """A text that states a result.

    Attributes:
        formula: What stands before it.
        result: The result as it is written, with everything that stands behind it.
    """

    formula: str
    result: str


def split(text: str) -> Formula | None:
    """Divides a folded text into formula and result. None: it is no formula with a stated result."""
    markers = list(_MARKER.finditer(text))
    if markers:
        formula, result = text[: markers[-1].start()], text[markers[-1].end() :]
    elif found := _IN_BRACKETS.search(text):
        formula, result = text[: found.start()], found["result"]
    else:
        return None
    return Formula(formula, result.lstrip(" :")) if _is_formula(formula) else None


def check(formula: str, result: Fen) -> None:
    """Compares a result with its formula, where all parts of it are written.

    Raises:
        NotationError: They contradict each other, or the formula holds amounts that it does not explain.
    """
    amounts = [found for found in find_in(formula) if found.fault is None]
    expected = _product(formula)
    if expected is None:
        expected = _by_day(formula) or _by_unit(formula, amounts) or _by_proportion(formula, amounts)
        if expected is None and amounts:
            raise NotationError(
                "expected an amount with its formula, got further amounts", NotationFault.SEVERAL_AMOUNTS
            )
    if expected is not None and expected != result:
        raise NotationError(
            "expected the result of the stated formula, got another", NotationFault.FORMULA_CONTRADICTED
        )


def has_proportion(text: str) -> bool:
    """Whether a text holds a part, a multiple or a rate of something."""
    return bool(_PROPORTION.search(text) or _RATE.search(text) or _EACH_DAY.search(text))


def _is_formula(text: str) -> bool:
    return bool(_TIMES.search(text)) or has_proportion(text)


def _product(formula: str) -> Decimal | None:
    """Of factors with × between them, in fen. None: there is no such product, or its factors are not certain."""
    last_clause = re.split(r"[;。:]|,(?![0-9]{3})", formula)[-1]
    factors = _TIMES.split(_LETTERED_UNITS.sub("", last_clause))
    if len(factors) == 1:
        return None
    product = Decimal(100)
    for factor in factors:
        numbers = _FACTOR.findall(factor)
        number = _factor(numbers[0]) if len(numbers) == 1 else None
        if number is None:
            return None
        product = _EXACTLY.multiply(product, number)
    return product


def _by_day(formula: str) -> Decimal | None:
    """An amount for each day times the days."""
    each, days = _EACH_DAY.search(formula), _DAYS.search(formula)
    rates = [found for found in find_in(formula) if found.fault is NotationFault.PROPORTION]
    if each is None or days is None or len(rates) != 1:
        return None
    plain = find_in(formula[rates[0].start : rates[0].end])
    if len(plain) != 1 or plain[0].fen is None:
        return None
    return Decimal(plain[0].fen) * int(days["days"])


def _by_unit(formula: str, amounts: list[FoundAmount]) -> Decimal | None:
    """An amount for each unit times the units, where both are written once."""
    rates = list(_RATE.finditer(formula))
    if len(rates) != 1 or amounts:
        return None
    unit = re.escape(rates[0]["unit"])
    counts = re.findall(rf"([0-9]+(?:[,.][0-9]+)*)\s?{unit}", formula)
    if len(counts) != 1:
        return None
    count, rate = _factor(counts[0]), _factor(rates[0]["rate"])
    return None if count is None or rate is None else _EXACTLY.multiply(_EXACTLY.multiply(count, rate), Decimal(100))


def _by_proportion(formula: str, amounts: list[FoundAmount]) -> Decimal | None:
    """A part or a multiple of the one amount before it."""
    proportions = list(_PROPORTION.finditer(formula))
    if len(proportions) != 1 or len(amounts) != 1 or amounts[0].fen is None:
        return None
    if not _DIRECTLY.fullmatch(formula, amounts[0].end, proportions[0].start()):
        return None  # 没收1000元,处货值三倍的罚款: of something else
    share = _share(proportions[0])
    return None if share is None else _EXACTLY.multiply(share, Decimal(amounts[0].fen))


def _share(found: re.Match[str]) -> Decimal | None:
    number = _factor(found["percent"] or found["part"] or found["times"])
    places = _SHARE.get(found["sign"] or found["of"] or "", 0)
    return None if number is None else number.scaleb(-places, context=_EXACTLY)


def _factor(text: str) -> Decimal | None:
    sign = text[-1] if text[-1] in "%‰" else ""
    try:
        number = parse_number(text.removesuffix(sign)).value
    except NotationError:
        return None
    return number.scaleb(-_SHARE.get(sign, 0), context=_EXACTLY)
