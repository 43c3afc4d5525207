"""One amount inside a text: how it is written, and what it says of its unit.

    number  5000  1,020,000.00  1.5万  20万零500  柒拾万  十二万三千四百五十六        (numerals.py)
    before  ¥ 人民币 RMB CNY, up to two of them
    behind  元 (also 圆), then 角 and 分, then 整 or 正; 人民币
    the same amount once more, in brackets behind it, or behind 大写 or 小写: 人民币伍仟元整(¥5000元整),
            7667元(柒仟陆佰陆拾柒元整), (大写)叁仟元整(小写)3000元

`folded` makes a text ready for the expressions here, character by character, so that places in it are places in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final

from adapters.sdk.errors import NotationError, NotationFault
from adapters.sdk.notation.folding import fold_width
from adapters.sdk.notation.han import simplified
from adapters.sdk.notation.numerals import HAN_DIGITS, NUMERALS, Number, parse_number
from contract.money import MAX_FEN, Fen, MoneyError, MoneyFault, MoneyUnit, to_fen

UNIT_WORDS: Final = {MoneyUnit.YUAN: "元", MoneyUnit.WAN_YUAN: "万元", MoneyUnit.YI_YUAN: "亿元"}

_MONEY_FAULTS: Final = {
    MoneyFault.NOT_FINITE: NotationFault.ANOTHER_FORM,
    MoneyFault.NEGATIVE: NotationFault.NEGATIVE,
    MoneyFault.TOO_LARGE: NotationFault.TOO_LARGE,
    MoneyFault.NOT_WHOLE: NotationFault.SUB_FEN,
}
_SAME: Final = str.maketrans(
    {"圆": "元", "[": "(", "]": ")", "〔": "(", "〕": ")", "【": "(", "】": ")", "\N{MINUS SIGN}": "-"}
)
_BIG_UNITS: Final = {"万": MoneyUnit.WAN_YUAN, "亿": MoneyUnit.YI_YUAN}

_BLANKS: Final = r"[ \t\r\n\xa0\u2002-\u200a\u202f]{0,4}+"
# Possessive over single characters only: over groups Python 3.11.2 (gh-106052) loses matches.
_DIGIT_RUN: Final = r"[0-9]++(?:[,.][0-9]++)*"
_PIECE: Final = rf"(?:{_DIGIT_RUN}|[{NUMERALS}])"
_SUBUNIT: Final = rf"([0-9]|[{NUMERALS}])"
_NO_MONEY: Final = "旦月宵件素代帅首老器区桥里论朝宝谋"
"""What turns 元 into another word: 元旦, 元件, 三元区."""

_FOREIGN: Final = "美元|美金|港元|港币|欧元|日元|英镑|澳元|加元|韩元|新台币|台币|澳门元|卢布"

AMOUNT: Final = re.compile(
    rf"(?P<foreign>(?:US|HK|NT|A|C|U)?\$|USD|HKD|EUR|JPY|GBP|[€£]|{_FOREIGN})?{_BLANKS}"
    rf"(?P<sign>(?:(?:人民币|RMB|rmb|CNY|¥){_BLANKS}){{0,2}})"
    rf"(?P<number>{_PIECE}(?:{_BLANKS}{_PIECE})*)"
    rf"(?P<vague>{_BLANKS}[余多来几]{_BLANKS}[十百千万亿]{{0,3}}+)?{_BLANKS}"
    rf"(?:(?P<other>{_FOREIGN})"
    rf"|(?P<yuan>元)(?![{_NO_MONEY}])"
    rf"(?:{_BLANKS}零?+(?P<jiao>{_SUBUNIT})角)?(?:{_BLANKS}零?+(?P<fen>{_SUBUNIT})分)?(?:{_BLANKS}(?:人民币|(?P<behind>{_FOREIGN})))?"
    rf")?(?:{_BLANKS}(?:整(?![改顿治理个体])|正(?![式常在当确])))?"
)
AMOUNT_BEGINS: Final = re.compile(
    rf"[0-9{NUMERALS}¥$€£USHKNTACEJGPRr人{''.join(sorted({word[0] for word in _FOREIGN.split('|')}))}]"
)
"""What an amount begins with, the blanks in front of it left out."""

_OPENING: Final = re.compile(rf"{_BLANKS}\({_BLANKS}(?:(?:合|计|即|大写|小写|人民币大写|人民币小写)[::]?{_BLANKS})?")
_CLOSING: Final = re.compile(rf"{_BLANKS}\)")
_ONCE_MORE: Final = re.compile(rf"{_BLANKS}(?:,{_BLANKS})?(?:\((?:大写|小写)\)|(?:大写|小写))[::]?{_BLANKS}")
"""Before the same amount once more, where no brackets are around it."""


class Naming(Enum):
    """What an expression says of its unit."""

    NAMED = "named"
    """It says that it is money: 元, ¥."""
    SCALED = "scaled"
    """No 元, but numerals that one would write before it: 743万, 伍仟."""
    BARE = "bare"
    """Digits alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """One amount as it is written, perhaps twice.

    Attributes:
        naming: What it says of its unit.
        units: Units that it may be said to be written in. Without a name: none.
        number: The number, in yuan unless BARE.
        cents: 角 and 分 behind it, in fen.
    """

    naming: Naming
    units: frozenset[MoneyUnit]
    number: Decimal
    cents: int = 0

    def fen(self, unit: MoneyUnit | None) -> Fen:
        """The amount, in a column of a unit; None: the column has no unit of its own.

        Raises:
            NotationError: The unit is missing, contradicted or ambiguous, or the amount is none of the contract.
        """
        if self.naming is Naming.BARE:
            if unit is None:
                raise NotationError("expected the unit of an amount, got a bare number", NotationFault.UNIT_MISSING)
            return exact_fen(self.number, unit)
        if self.naming is Naming.SCALED and unit is not MoneyUnit.YUAN:
            fault = NotationFault.UNIT_MISSING if unit is None else NotationFault.UNIT_AMBIGUOUS
            raise NotationError("expected 元 behind 万, 亿 or a Chinese numeral, got none", fault)
        if self.naming is Naming.NAMED and unit is not None and unit not in self.units:
            raise NotationError(
                f"expected an amount in {UNIT_WORDS[unit]}, got one in another unit", NotationFault.UNIT_CONTRADICTED
            )
        return self.yuan

    @property
    def yuan(self) -> Fen:
        """The amount, its number taken as yuan.

        Raises:
            NotationError: It is no amount of the contract.
        """
        fen = exact_fen(self.number, MoneyUnit.YUAN) + self.cents
        if fen > MAX_FEN:
            raise NotationError("expected an amount of at most 10^17 fen", NotationFault.TOO_LARGE)
        return Fen(fen)


def folded(text: str) -> str:
    """The text in half width, simplified, 圆 as 元 and brackets as round ones: of the same length."""
    return simplified(fold_width(text)).translate(_SAME)


def is_money(found: re.Match[str]) -> bool:
    """Whether an expression says that it is money of whatever currency."""
    return bool(found["yuan"] or found["sign"] or found["foreign"] or found["other"])


def expression(found: re.Match[str]) -> Expression:
    """Reads what `AMOUNT` found.

    Raises:
        NotationError: Approximate, foreign, or a number that cannot be read with certainty.
    """
    if found["vague"]:
        raise NotationError("expected an exact amount, got an approximate one", NotationFault.APPROXIMATE)
    if found["foreign"] or found["other"] or found["behind"]:
        raise NotationError("expected an amount of yuan, got another currency", NotationFault.FOREIGN_CURRENCY)
    number = parse_number(found["number"])
    cents = 10 * _subunit(found["jiao"]) + _subunit(found["fen"])
    if (found["jiao"] or found["fen"]) and ((not number.is_bare and number.is_scaled) or number.value % 1):
        raise NotationError("expected 角 and 分 behind whole yuan")
    if not found["yuan"] and not found["sign"]:
        naming = Naming.BARE if number.is_bare else Naming.SCALED
        return Expression(naming=naming, units=frozenset(), number=number.value)
    units = _units(number, names_yuan=bool(found["yuan"]), has_cents=bool(found["jiao"] or found["fen"]))
    return Expression(naming=Naming.NAMED, units=units, number=number.value, cents=cents)


def stated_at(text: str, start: int) -> tuple[Expression, int] | None:
    """Reads the amount that begins at a place, with its repetition in brackets, and says where it ends. None: there is none.

    Raises:
        NotationError: It cannot be read, or its repetition contradicts it.
    """
    found = AMOUNT.match(text, start)
    return None if found is None else stated_by(text, found)


def stated_by(text: str, found: re.Match[str]) -> tuple[Expression, int]:
    """As `stated_at`, of what `AMOUNT` found already."""
    first = expression(found)
    repeated = _repeated(text, found.end())
    if repeated is None:
        return first, found.end()
    again, end = repeated
    second = expression(again)
    if first.naming is Naming.BARE and second.naming is Naming.BARE:
        return first, found.end()
    return _agreeing(first, second), end


def end_of_statement(text: str, found: re.Match[str]) -> int:
    """Where an amount ends, with what stands behind it as its repetition."""
    repeated = _repeated(text, found.end())
    return repeated[1] if repeated else found.end()


def exact_fen(number: Decimal, unit: MoneyUnit) -> Fen:
    """As `contract.money.to_fen`.

    Raises:
        NotationError: The number is no amount of the contract.
    """
    try:
        return to_fen(number, unit)
    except MoneyError as error:
        raise NotationError(str(error), _MONEY_FAULTS[error.fault]) from error


def _repeated(text: str, end: int) -> tuple[re.Match[str], int] | None:
    """An amount behind another that is said to be the same, and where it ends. None: there is none."""
    if opening := _OPENING.match(text, end):
        again = AMOUNT.match(text, opening.end())
        if again and (closing := _CLOSING.match(text, again.end())):
            return again, closing.end()
    if marker := _ONCE_MORE.match(text, end):
        again = AMOUNT.match(text, marker.end())
        return (again, again.end()) if again else None
    return None


def _agreeing(first: Expression, second: Expression) -> Expression:
    if first.yuan != second.yuan:
        raise NotationError("expected the same amount once more", NotationFault.DIGITS_AND_CAPITALS_CONTRADICT)
    named = [one for one in (first, second) if one.naming is Naming.NAMED]
    if not named:
        return first if first.naming is Naming.SCALED else second
    units = frozenset[MoneyUnit]().union(*(one.units for one in named))  # 50000元(5万元): named twice, and proved right
    return Expression(naming=Naming.NAMED, units=units, number=named[0].number, cents=named[0].cents)


def _units(number: Number, *, names_yuan: bool, has_cents: bool) -> frozenset[MoneyUnit]:
    big = None if has_cents else _BIG_UNITS.get(number.last)
    if big is None:
        return frozenset({MoneyUnit.YUAN})
    # 11万元 is written in 万元; 七十万元 and ¥743万 may be taken as yuan as well, and mean the same amount.
    return frozenset({big}) if number.is_scaled and names_yuan else frozenset({big, MoneyUnit.YUAN})


def _subunit(text: str | None) -> int:
    if text is None:
        return 0
    number = parse_number(text).value
    if number not in range(len(HAN_DIGITS)):
        raise NotationError("expected one digit before 角 and 分")
    return int(number)
