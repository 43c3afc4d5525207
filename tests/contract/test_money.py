"""Money is exact or refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contract.money import MAX_FEN, Fen, MoneyUnit, format_yuan, to_fen
from contract.payloads import PayloadError, check_constraints
from huren.fragment.v1 import record_pb2

numbers = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.builds(lambda digits, exponent: Decimal(digits).scaleb(exponent), st.integers(0, 10**45), st.integers(-50, 10)),
)


@given(number=numbers, unit=st.sampled_from(MoneyUnit))
@example(number=Decimal("0.150000000000000000000000000000000001"), unit=MoneyUnit.WAN_YUAN)
@example(number=Decimal("1E-9999999"), unit=MoneyUnit.YUAN)
@example(number=Decimal("0.1500000000000000000000000000000000000000000000000"), unit=MoneyUnit.WAN_YUAN)
@example(number=Decimal("-0"), unit=MoneyUnit.YUAN)
@example(number=Decimal("0E+50"), unit=MoneyUnit.YUAN)
def test_is_the_exact_product_or_an_error(number: Decimal, unit: MoneyUnit) -> None:
    representable = -100 < number.adjusted() < 100  # beyond that a Fraction has more digits than a test should write
    exact = Fraction(number) * unit.value if representable else None
    try:
        fen = to_fen(number, unit)
    except ValueError:
        assert exact is None or exact < 0 or exact > MAX_FEN or exact.denominator != 1
        return
    assert exact == fen or (fen == 0 == number)
    assert 0 <= fen <= MAX_FEN


@pytest.mark.parametrize(
    ("number", "unit", "fen"),
    [
        pytest.param("0", MoneyUnit.YUAN, 0, id="nothing"),
        pytest.param("0.01", MoneyUnit.YUAN, 1, id="one fen"),
        pytest.param("22296.50", MoneyUnit.YUAN, 2_229_650, id="yuan"),
        pytest.param("0.15", MoneyUnit.WAN_YUAN, 150_000, id="wan yuan"),
        pytest.param("1.5E+1", MoneyUnit.YI_YUAN, 150_000_000_000, id="yi yuan, scientific"),
        pytest.param("1E+15", MoneyUnit.YUAN, MAX_FEN, id="largest amount"),
    ],
)
def test_converts(number: str, unit: MoneyUnit, fen: int) -> None:
    assert to_fen(Decimal(number), unit) == fen


@pytest.mark.parametrize(
    ("number", "unit"),
    [
        pytest.param("0.001", MoneyUnit.YUAN, id="a tenth of a fen"),
        pytest.param("0.0000001", MoneyUnit.WAN_YUAN, id="a tenth of a fen in wan yuan"),
        pytest.param("1.00000000000000000000000000000000001", MoneyUnit.YUAN, id="more digits than a calculation has"),
        pytest.param("1E-999999999", MoneyUnit.YUAN, id="next to nothing"),
        pytest.param("1E-999999999999999999", MoneyUnit.YUAN, id="smallest number there is"),
        pytest.param("-0.01", MoneyUnit.YUAN, id="negative"),
        pytest.param("1000000000000000.01", MoneyUnit.YUAN, id="one fen too many"),
        pytest.param("1E+21", MoneyUnit.YUAN, id="far too many"),
        pytest.param("1E+999999999999999999", MoneyUnit.YUAN, id="largest number there is"),
        pytest.param("NaN", MoneyUnit.YUAN, id="no number"),
        pytest.param("sNaN", MoneyUnit.YUAN, id="signalling"),
        pytest.param("Infinity", MoneyUnit.YUAN, id="infinite"),
    ],
)
@pytest.mark.timeout(2)
def test_refuses(number: str, unit: MoneyUnit) -> None:
    with pytest.raises(ValueError, match="expected"):
        to_fen(Decimal(number), unit)


def test_largest_amount_is_the_contracts() -> None:
    fine = record_pb2.AMOUNT_KIND_FINE

    check_constraints(record_pb2.Amount(kind=fine, fen=MAX_FEN))
    with pytest.raises(PayloadError):
        check_constraints(record_pb2.Amount(kind=fine, fen=MAX_FEN + 1))


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        pytest.param(0, "0.00", id="nothing"),
        pytest.param(5, "0.05", id="fen"),
        pytest.param(2_229_650, "22,296.50", id="yuan"),
        pytest.param(MAX_FEN, "1,000,000,000,000,000.00", id="largest amount"),
    ],
)
def test_is_written_as_yuan(fen: int, text: str) -> None:
    assert format_yuan(Fen(fen)) == text


@given(fen=st.integers(0, MAX_FEN))
def test_what_is_written_reads_as_the_same_amount(fen: int) -> None:
    assert to_fen(Decimal(format_yuan(Fen(fen)).replace(",", "")), MoneyUnit.YUAN) == fen
