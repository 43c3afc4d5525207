"""报告编号: form, check character, and what it says."""

from __future__ import annotations

import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_37_36

from contract.province import Province
from contract.report_number import MAX_SEQUENCE, ReportNumber, check, make, reads_well

NUMBER = "HR1120261122000000018"

provinces = st.sampled_from(Province)
days = st.dates(date(2000, 1, 1), date(2999, 12, 31))
sequences = st.integers(1, MAX_SEQUENCE)


def test_is_written_as_specified() -> None:
    assert make(Province.BEIJING, date(2026, 11, 22), 1) == NUMBER
    assert make(Province.SHANXI, date(2026, 11, 22), MAX_SEQUENCE).startswith("HR142026112299999999")


@given(province=provinces, day=days, sequence=sequences)
def test_says_province_day_and_sequence(province: Province, day: date, sequence: int) -> None:
    assert check(make(province, day, sequence)) == ReportNumber(province, day, sequence)


@pytest.mark.parametrize("sequence", [-1, 0, MAX_SEQUENCE + 1])
def test_sequences_have_eight_digits_and_begin_with_1(sequence: int) -> None:
    with pytest.raises(ValueError, match="expected a sequence"):
        make(Province.BEIJING, date(2026, 11, 22), sequence)


def test_every_single_substitution_is_refused() -> None:
    changed = [
        NUMBER[:at] + other + NUMBER[at + 1 :]
        for at in range(len(NUMBER))
        for other in string.printable
        if other != NUMBER[at]
    ]

    assert [one for one in changed if _is_accepted(one)] == []


def test_every_transposition_of_neighbours_is_refused() -> None:
    changed = {NUMBER[:at] + NUMBER[at + 1] + NUMBER[at] + NUMBER[at + 2 :] for at in range(len(NUMBER) - 1)}

    assert [one for one in sorted(changed - {NUMBER}) if _is_accepted(one)] == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("HR152026112200000001", id="no member's province"),
        pytest.param("HR112026113100000001", id="no such day"),
        pytest.param("HR110000000000000001", id="no day at all"),
        pytest.param("HR112026112200000000", id="sequence 0"),
        pytest.param("HR11202611220000001", id="too short"),
        pytest.param("HR1120261122000000001", id="too long"),
        pytest.param("HX112026112200000001", id="another prefix"),
        pytest.param("hr112026112200000001", id="lower case"),
        pytest.param("HR11２０２６112200000001", id="full width"),
    ],
)
def test_a_right_check_character_does_not_save_a_wrong_number(body: str) -> None:
    ascii_body = "".join(c for c in body.upper() if c in string.digits + string.ascii_uppercase)

    with pytest.raises(ValueError, match=r"."):
        check(body + str(mod_37_36.calc_check_digit(ascii_body)))


@given(text=st.text(max_size=24) | st.from_regex(r"HR[0-9]{18}[0-9A-Z]", fullmatch=True))
def test_any_text_is_a_number_or_a_value_error(text: str) -> None:
    try:
        number = check(text)
    except ValueError:
        return
    assert make(number.province, number.day, number.sequence) == text


def _is_accepted(text: str) -> bool:
    try:
        check(text)
    except ValueError:
        return False
    return True


def test_some_numbers_end_in_a_letter_that_looks_like_a_digit_and_are_known() -> None:
    numbers = [make(Province.BEIJING, date(2026, 11, 22), sequence) for sequence in range(1, 5000)]
    hard = {number[-1] for number in numbers if not reads_well(number)}
    assert hard == {"I", "O"}
    assert all(check(number) for number in numbers), "a number that was given out before stays a number"
