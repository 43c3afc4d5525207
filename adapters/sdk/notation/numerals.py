"""Numbers in digits, in Chinese numerals, and in both: `1.5万`, `二十万零五百`, `壹佰零贰万`, `1亿2000万`.

- Places descend; each is written once. 零 stands only where places are left out, and must stand before a last digit without a
  place of its own (一百零五): 一百五 is said for 150 as well as for 105, and is refused.
- A place needs its digit, 十 alone excepted: 万元 is what is left of an amount.
- Amounts are exact: nothing is rounded.
- Two Chinese digits in a row are a guess (三五万) or a number read out (二〇二四): no amount either way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Context, Decimal, Inexact
from functools import lru_cache
from itertools import pairwise
from typing import Final

from adapters.sdk.errors import NotationError, NotationFault

HAN_DIGITS: Final = "零一二三四五六七八九"
PLACES: Final = {"十": 1, "百": 2, "千": 3, "万": 4, "亿": 8}
HAN: Final = HAN_DIGITS + "".join(PLACES)

_CAPITALS: Final = str.maketrans(
    {
        "〇": "零",
        "○": "零",
        "两": "二",
        "壹": "一",
        "贰": "二",
        "弐": "二",
        "叁": "三",
        "参": "三",
        "肆": "四",
        "伍": "五",
    }
    | {"陆": "六", "柒": "七", "捌": "八", "玖": "九", "拾": "十", "佰": "百", "仟": "千"}
)
_TENS: Final = {"廿": "二十", "卅": "三十", "卌": "四十"}
NUMERALS: Final = "零〇○一二三四五六七八九十百千万亿两壹贰弐叁参肆伍陆柒捌玖拾佰仟廿卅卌"
"""Characters of Chinese numerals, in simplified writing."""

_TOKEN: Final = re.compile(rf"[0-9]+(?:[,.][0-9]+)*|[{HAN}]")
_DIGITS: Final = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
_FULL_SECTION: Final = 4
"""Digits up to the next 万 or 亿: with all of them written, nothing is left out (1亿2000万)."""
_MAX_LENGTH: Final = 100
_SHORT: Final = 20
_EXACTLY: Final = Context(prec=2 * _MAX_LENGTH, traps=[Inexact])


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number that was read.

    Attributes:
        value: The number.
        is_bare: Digits alone, without 万 or any other numeral.
        is_scaled: Digits and one place behind them: 1.5万.
        last: The last numeral, if it is a place (万 of 1.5万).
    """

    value: Decimal
    is_bare: bool
    is_scaled: bool
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    """A digit, or a number in digits, with its place.

    Attributes:
        number: The number, before its place.
        place: Power of ten of its last digit before the point.
        low: Power of ten of its last digit that is not 0.
        high: Power of ten of its first digit.
        after_zero: Whether 零 stands before it.
        is_placed: Whether its place is certain without a 零 before it.
        has_fraction: Whether it has digits behind a point.
    """

    number: Decimal
    place: int
    low: int
    high: int
    after_zero: bool
    is_placed: bool
    has_fraction: bool = False

    def raised(self, places: int) -> _Term:
        return replace(self, place=self.place + places, low=self.low + places, high=self.high + places)


def parse_number(text: str) -> Number:
    """Reads a number in simplified characters; blanks may stand between digits and numerals.

    >>> parse_number("贰万贰仟玖佰陆拾伍").value
    Decimal('22965')

    Raises:
        NotationError: Another form, separators in the wrong places, or a numeral that can be read in two ways.
    """
    return _parse_short(text) if len(text) <= _SHORT else _parse(text)


@lru_cache(maxsize=4096)  # the same amounts come again and again
def _parse_short(text: str) -> Number:
    return _parse(text)


def _parse(text: str) -> Number:
    plain = text.translate(_CAPITALS)
    for short, long in _TENS.items():
        plain = plain.replace(short, long)
    tokens = _TOKEN.findall(plain)
    if not tokens or "".join(tokens) != "".join(plain.split()) or any(_is_split(*pair) for pair in pairwise(tokens)):
        raise NotationError("expected a number in digits or Chinese numerals, got another form")
    is_digits = [token[0].isdecimal() for token in tokens]
    if tokens == ["零"]:
        return Number(value=Decimal(0), is_bare=False, is_scaled=False, last="")
    value = _digits(tokens[0]) if tokens == tokens[:1] and is_digits[0] else _sum_of(_terms(tokens))
    return Number(
        value=value,
        is_bare=is_digits == [True],
        is_scaled=is_digits == [True, False],
        last=tokens[-1] if tokens[-1] in PLACES else "",
    )


def _is_split(token: str, following: str) -> bool:
    return token[0].isdecimal() and following[0].isdecimal()


def _digits(token: str) -> Decimal:
    if len(token) > _MAX_LENGTH:
        raise NotationError(f"expected at most {_MAX_LENGTH} digits", NotationFault.TOO_LARGE)
    if not _DIGITS.fullmatch(token):
        raise NotationError("expected separators after every third digit from the right")
    return Decimal(token.replace(",", ""))


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self) -> None:
        self.terms: list[_Term] = []
        self._pending = ""
        """A digit, or digits, whose place is not known yet."""
        self._after_zero = False
        self._section = 0
        """Index of the first term behind the last 万 or 亿."""
        self._seen_yi = False

    def take(self, token: str) -> None:
        if token == "零":  # noqa: S105  # a numeral
            if self._pending or self._after_zero:
                raise _misread(self._pending)
            self._after_zero = True
        elif token not in PLACES:
            if self._pending:
                raise _misread(self._pending)
            self._pending = token
        elif PLACES[token] < PLACES["万"]:
            self._place(self._pending or ("一" if token == "十" else ""), PLACES[token])  # noqa: S105  # a numeral
        else:
            self._close(token)

    def end(self) -> list[_Term]:
        if self._pending:
            self._place(self._pending, 0)
        if self._after_zero:
            raise _incomplete()
        return self.terms

    def _place(self, token: str, place: int) -> None:
        self.terms.append(_term(token, place, after_zero=self._after_zero))
        self._pending, self._after_zero = "", False

    def _close(self, big: str) -> None:
        """Raises what stands before 万 in its section, or before 亿 in the whole."""
        self.end()
        first = 0 if big == "亿" else self._section
        if not self.terms[first:] or (big == "亿" and self._seen_yi):
            raise _incomplete()
        self.terms[first:] = [term.raised(PLACES[big]) for term in self.terms[first:]]
        self._section = len(self.terms)
        self._seen_yi = self._seen_yi or big == "亿"


def _terms(tokens: list[str]) -> list[_Term]:
    """The parts of a number with their places."""
    reader = _Reader()
    for token in tokens:
        reader.take(token)
    return reader.end()


def _term(token: str, place: int, *, after_zero: bool) -> _Term:
    if not token:
        raise _incomplete()
    if token in HAN_DIGITS:
        number = Decimal(HAN_DIGITS.index(token))
        return _Term(number=number, place=place, low=place, high=place, after_zero=after_zero, is_placed=place > 0)
    whole, _, fraction = token.replace(",", "").partition(".")
    return _Term(
        number=_digits(token),
        place=place,
        low=place + len(whole) - len(whole.rstrip("0") or whole),
        high=place + len(whole) - 1,
        after_zero=after_zero,
        is_placed=place > 0 or len(whole) == _FULL_SECTION,
        has_fraction=bool(fraction),
    )


def _sum_of(terms: list[_Term]) -> Decimal:
    if not terms or terms[0].after_zero:
        raise _incomplete()
    for higher, lower in pairwise(terms):
        left_out = higher.low - lower.high - 1
        if left_out < 0 or higher.has_fraction or (lower.after_zero and not left_out):
            raise _incomplete()
        if higher.place - lower.high > 1 and not lower.is_placed and not lower.after_zero:
            raise _incomplete()
    total = Decimal(0)
    for term in terms:
        total = _EXACTLY.add(total, term.number.scaleb(term.place, context=_EXACTLY))
    return total


def _misread(pending: str) -> NotationError:
    if pending and pending in HAN_DIGITS:
        return NotationError("expected one digit for each place, got two in a row", NotationFault.APPROXIMATE)
    return NotationError("expected a place behind each digit")


def _incomplete() -> NotationError:
    return NotationError(
        "expected descending places, each with its digit, and 零 where places are left out", NotationFault.DAMAGED
    )
