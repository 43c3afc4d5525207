"""Money: an exact number of fen.

Sources give yuan or wan yuan (万元) with decimals; the contract carries whole fen. The conversion is exact or fails: nothing is
rounded, and no float is ever involved.
"""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact
from enum import Enum
from typing import Final, NewType

Fen = NewType("Fen", int)
"""An amount in fen (1 yuan = 100 fen), not negative."""

MAX_FEN: Final = 10**17
"""Largest amount of the contract (Amount.fen), a quadrillion yuan: anything above it is a misread number."""

_WHOLE: Final = "a whole number of fen"
_NOT_TOO_LARGE: Final = "an amount of at most 10^17 fen"
_EXACTLY: Final = Context(prec=40, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact])
"""More digits than an amount of the contract has: a product that does not fit exactly is no whole number of fen, or too large."""


class MoneyUnit(Enum):
    """The unit of a number in a source, by how many fen it is worth."""

    YUAN = 100
    WAN_YUAN = 1_000_000
    YI_YUAN = 10_000_000_000


class MoneyFault(Enum):
    """Why a number is no amount."""

    NOT_FINITE = "not finite"
    NEGATIVE = "negative"
    TOO_LARGE = "too large"
    NOT_WHOLE = "no whole number of fen"


class MoneyError(ValueError):
    """A number is no amount of the contract. The message does not hold the number.

    Attributes:
        fault: Why.
    """

    def __init__(self, fault: MoneyFault, expected: str) -> None:
        self.fault = fault
        super().__init__(f"expected {expected}")


def to_fen(number: Decimal, unit: MoneyUnit) -> Fen:
    """Converts a number of a unit to fen, exactly.

    >>> to_fen(Decimal("0.15"), MoneyUnit.WAN_YUAN)
    150000

    Raises:
        MoneyError: The number is not finite, is negative, is larger than the contract allows, or is not a whole number of fen.
    """
    if not number.is_finite():
        raise MoneyError(MoneyFault.NOT_FINITE, "a finite amount")
    if number < 0:
        raise MoneyError(MoneyFault.NEGATIVE, "an amount of zero or more")
    if not number:
        return Fen(0)
    if number.adjusted() > 20:  # noqa: PLR2004  # before multiplying, so that 1E+1000000 costs nothing
        raise MoneyError(MoneyFault.TOO_LARGE, _NOT_TOO_LARGE)
    try:
        fen = _EXACTLY.multiply(number, Decimal(unit.value))
    except Inexact as error:
        raise MoneyError(MoneyFault.NOT_WHOLE, _WHOLE) from error
    if fen > MAX_FEN:
        raise MoneyError(MoneyFault.TOO_LARGE, _NOT_TOO_LARGE)
    whole = int(fen)
    if fen != whole:
        raise MoneyError(MoneyFault.NOT_WHOLE, _WHOLE)
    return Fen(whole)


def format_yuan(fen: Fen) -> str:
    """Writes an amount as yuan with two decimals and separators, for people.

    >>> format_yuan(Fen(2229650))
    '22,296.50'
    """
    return f"{fen // 100:,}.{fen % 100:02d}"
