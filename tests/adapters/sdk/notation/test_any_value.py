"""Whatever stands in a column: a value, or `NotationError` by its fault, at once, without a word of the value in its message."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.sdk.notation import (
    NotationError,
    NotationFault,
    code_candidates,
    document_number_fault,
    find_amounts,
    fold_name,
    is_masked_name,
    is_registration_number,
    name_spellings,
    normalise_document_number,
    read_amount,
    read_china_timestamp,
    read_code,
    read_compact_date,
    read_day,
    read_document_number,
    read_epoch_millis,
    read_epoch_seconds,
    read_epoch_timestamp,
    read_iso_date,
    read_slash_date,
    read_text,
    read_timestamp,
    read_unified_code,
    simplified,
    without_glosses,
)
from contract.money import MoneyUnit

ALPHABET = "0123456789-/.,:;()〔〕 　年月日号元万亿角分整¥￥０１零一二十百千壹贰拾佰仟约余多至起罚款拟共计×=%‰倍*xXTZ星期二上午wàn"
RAW = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(),
    st.text(),
    st.text(ALPHABET, max_size=40),
    st.text(st.characters(exclude_categories=()), max_size=20),
)
WITHOUT_UNIT: tuple[Callable[[Any], object], ...] = (
    read_iso_date,
    read_slash_date,
    read_compact_date,
    read_day,
    read_epoch_millis,
    read_epoch_seconds,
    read_epoch_timestamp,
    read_china_timestamp,
    read_timestamp,
    read_text,
    read_document_number,
    read_code,
    read_unified_code,
)
OF_MONEY: dict[str, Callable[[Any], object]] = {
    f"read_amount {unit}": partial(read_amount, unit=unit) for unit in (*MoneyUnit, None)
}
READERS = {reader.__name__: reader for reader in WITHOUT_UNIT} | OF_MONEY
OF_TEXT: tuple[Callable[[str], object], ...] = (
    find_amounts,
    document_number_fault,
    normalise_document_number,
    code_candidates,
    is_registration_number,
    fold_name,
    name_spellings,
    is_masked_name,
    simplified,
    without_glosses,
)
REPEATED = (
    *(
        "1",
        "1,",
        "1 ",
        "0",
        "0号",
        "一",
        "零",
        "万元",
        "¥ ",
        "¥1(¥1(",
        "5元-",
        " ",
        "*",
        "x",
        "5元    (   ",
        "1.倍",
        "每",
        "拟",
    ),
    *(
        "分之",
        "千分之五",
        "a(ā",
        "(",
        "〔",
        "〔2024〕",
        "字第",
        "年",
        "日",
        "2024-01-01",
        "1×",
        "=",
        "计",
        "罚款",
        "处",
        "上午",
    ),
    *("星期一", "市", "编号", "999999999999999999999999999999元"),
)
LONG = [repeated * (20_000 // len(repeated)) for repeated in REPEATED]


def refusal(name: str, value: Any) -> NotationError | None:
    try:
        READERS[name](value)
    except NotationError as error:
        return error
    return None


@pytest.mark.parametrize("name", READERS)
@given(value=RAW)
@example(value=10**5000)
@example(value=-(10**5000))
@example(value=Decimal("1E+1000000"))
@example(value=Decimal("sNaN"))
@example(value="\ud800")
def test_any_value_is_read_or_refused_by_name(name: str, value: Any) -> None:
    error = refusal(name, value)
    assert error is None or isinstance(error.fault, NotationFault)


@pytest.mark.parametrize("function", OF_TEXT, ids=lambda function: function.__name__)
@given(text=st.one_of(st.text(), st.text(ALPHABET, max_size=60), st.text(st.characters(exclude_categories=()))))
def test_any_text_has_an_answer(function: Callable[[str], object], text: str) -> None:
    with suppress(NotationError):
        function(text)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:8])
def test_long_texts_are_answered_at_once(text: str) -> None:
    for reader in (*READERS.values(), *OF_TEXT):
        with suppress(NotationError):
            reader(text)
        with suppress(NotationError):
            reader(text[:190])


@given(text=st.text(ALPHABET, max_size=60))
def test_amounts_stand_where_they_are_said_to_stand(text: str) -> None:
    with suppress(NotationError):
        end = 0
        for found in find_amounts(text):
            assert end <= found.start < found.end <= len(text)
            assert (found.fen is None) is (found.fault is not None)
            end = found.end


@pytest.mark.parametrize("name", READERS)
@given(digits=st.integers(10**6, 10**30))
def test_a_message_holds_nothing_of_the_value(name: str, digits: int) -> None:
    for value in (f"{digits}", f"{digits}元", f"{digits}年", f"2024-01-01 {digits}", f"91{digits}"):
        assert str(digits) not in str(refusal(name, value))


def test_codes_of_faults_are_stable_and_told_apart() -> None:
    assert all(fault.value == fault.name.lower() for fault in NotationFault)
    assert NotationError("expected something").fault is NotationFault.ANOTHER_FORM
