"""Codes of GB 32100-2015: what is accepted, what is refused and where, and what they tell."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contract.province import Province
from contract.uscc import (
    ALPHABET,
    SubjectClass,
    Uscc,
    UsccError,
    UsccFault,
    check_character,
    fold,
    home_hint,
    mask,
    organisation_code,
    parse_uscc,
    subject_class,
)

PUBLISHED = [
    pytest.param("91350200575017604M", id="an enterprise of Xiamen"),
    pytest.param("91230500MA1B3N1N2M", id="an enterprise registered after 2015"),
    pytest.param("11230500001755309F", id="an organ of state"),
    pytest.param("91100000100003962T", id="a centrally registered bank"),
]
"""Codes that their holders publish."""

CODE = "91350200575017604M"

codes = st.text(ALPHABET, min_size=17, max_size=17).map(lambda body: body + check_character(body))


@pytest.mark.parametrize("code", PUBLISHED)
def test_accepts_published_codes(code: str) -> None:
    assert parse_uscc(code) == code


def test_check_value_31_stands_for_0() -> None:
    # Some public implementations look 31 up in an alphabet of 31 characters, and fail.
    body = next(
        f"91110105MA{serial:07d}" for serial in range(1000) if check_character(f"91110105MA{serial:07d}") == "0"
    )

    assert parse_uscc(body + "0") == body + "0"


@given(code=codes)
def test_accepts_every_code_with_its_check_character(code: str) -> None:
    assert parse_uscc(code) == code


@pytest.mark.parametrize("code", PUBLISHED)
def test_refuses_every_single_substitution(code: str) -> None:
    # 31 is prime, no weight is a multiple of it, and no two values are equal modulo 31: there is none that the check misses.
    changed = [
        code[:at] + other + code[at + 1 :]
        for at in range(len(code))
        for other in (chr(number) for number in range(0x20, 0x7F))
        if other.upper() != code[at]
    ]

    assert [one for one in changed if _is_accepted(one)] == []


@pytest.mark.parametrize("code", PUBLISHED)
def test_refuses_every_transposition_of_neighbours(code: str) -> None:
    changed = {code[:at] + code[at + 1] + code[at] + code[at + 2 :] for at in range(len(code) - 1)} - {code}

    assert [one for one in sorted(changed) if _is_accepted(one)] == []


def test_two_substitutions_can_hide_each_other() -> None:
    # What one check character cannot see: 3 less at weight 1, and 1 more at weight 3.
    assert _is_accepted("62350200575017604M")


@pytest.mark.parametrize(
    ("text", "fault", "position", "expected", "got"),
    [
        pytest.param("", UsccFault.LENGTH, 0, "18 characters", "0", id="nothing"),
        pytest.param(CODE[:17], UsccFault.LENGTH, 0, "18 characters", "17", id="one too few"),
        pytest.param(CODE + "0", UsccFault.LENGTH, 0, "18 characters", "19", id="one too many"),
        pytest.param("9135O200575017604M", UsccFault.CHARACTER, 5, "a digit or a capital", "'O'", id="O for 0"),
        pytest.param("9I350200575017604M", UsccFault.CHARACTER, 2, "a digit or a capital", "'I'", id="I for 1"),
        pytest.param("913502005750 17604", UsccFault.CHARACTER, 13, "a digit or a capital", "' '", id="blank inside"),
        pytest.param("91350200575017604N", UsccFault.CHECK_CHARACTER, 18, "M", "N", id="check character"),
        pytest.param("91350200575017605M", UsccFault.CHECK_CHARACTER, 18, "Q", "M", id="digit before it"),
    ],
)
def test_says_what_is_wrong_where_and_what_was_expected(
    text: str, fault: UsccFault, *, position: int, expected: str, got: str
) -> None:
    with pytest.raises(UsccError) as caught:
        parse_uscc(text)

    error = caught.value
    assert (error.fault, error.position, error.got) == (fault, position, got)
    assert error.expected.startswith(expected)
    assert error.expected in str(error)
    assert got in str(error)


@pytest.mark.parametrize("letter", "IOZSV")
def test_letters_that_look_like_digits_are_refused_not_repaired(letter: str) -> None:
    with pytest.raises(UsccError) as caught:
        parse_uscc(letter + CODE[1:])

    assert (caught.value.fault, caught.value.position) == (UsccFault.CHARACTER, 1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("91350200575017604m", id="lower case"),
        pytest.param("９１３５０２００５７５０１７６０４Ｍ", id="full width"),
        pytest.param("９１３５０２００５７５０１７６０４ｍ", id="full width lower case"),
        pytest.param("  91350200575017604M\n", id="blanks around"),
        pytest.param("　91350200575017604M　", id="full-width blanks around"),
    ],
)
def test_folds_case_width_and_blanks_around(text: str) -> None:
    assert parse_uscc(text) == CODE


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("9135020057501760④M", id="circled digit"),
        pytest.param("9135020057501760⁴M", id="superscript"),
        pytest.param("٩1350200575017604M", id="arabic-indic digit"),
        pytest.param("𝟗1350200575017604M", id="mathematical digit"),
        pytest.param("9135020057501760\u00b24", id="squared"),
        pytest.param("913502005750176\ufb00M", id="ligature that upper-cases to two letters"),
    ],
)
def test_other_characters_are_no_spelling_of_a_digit(text: str) -> None:
    with pytest.raises(UsccError):
        parse_uscc(text)


@given(text=st.text())
def test_fold_keeps_the_number_of_characters_but_for_blanks_around(text: str) -> None:
    assert len(fold(text)) <= len(text)
    assert fold(fold(text)) == fold(text)


@given(text=st.one_of(st.text(), st.text(ALPHABET, min_size=18, max_size=18), st.text("IOZSV019ＡＺ", max_size=20)))
@example(text="\ud800" * 18)
@example(text="①" * 18)
def test_any_text_is_a_code_or_refused_by_name(text: str) -> None:
    try:
        code = parse_uscc(text)
    except UsccError:
        return
    assert code == unicodedata.normalize("NFKC", text).strip().upper()
    assert check_character(code[:17]) == code[17]


def test_the_error_passes_through_context_managers() -> None:
    # They set attributes of the exceptions that pass.
    @contextlib.contextmanager
    def nothing() -> Iterator[None]:
        yield

    with pytest.raises(UsccError), nothing():
        parse_uscc("no code")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        pytest.param("91110105MA0000001", Province.BEIJING, id="Beijing"),
        pytest.param("91120101MA0000001", Province.TIANJIN, id="Tianjin"),
        pytest.param("91130102MA0000001", Province.HEBEI, id="Hebei"),
        pytest.param("91140100MA0000001", Province.SHANXI, id="Shanxi"),
        pytest.param("91100000100003962", None, id="central registration"),
        pytest.param("91350200575017604", None, id="outside the federation"),
        pytest.param("91A10105MA0000001", None, id="no division at all"),
    ],
)
def test_digits_hint_at_the_first_registration_only(code: str, hint: Province | None) -> None:
    assert home_hint(Uscc(code + check_character(code))) is hint


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("91350200575017604M", SubjectClass.ENTERPRISE, id="91"),
        pytest.param("92110105MA00000019", SubjectClass.INDIVIDUAL_BUSINESS, id="92"),
        pytest.param("93110105MA00000019", SubjectClass.FARMERS_COOPERATIVE, id="93"),
        pytest.param("11230500001755309F", SubjectClass.NOT_ELIGIBLE, id="an organ of state"),
        pytest.param("52110000500000000X", SubjectClass.NOT_ELIGIBLE, id="a social organisation"),
    ],
)
def test_first_two_characters_say_who_is_eligible(code: str, expected: SubjectClass) -> None:
    assert subject_class(Uscc(code)) is expected


def test_organisation_code_is_characters_9_to_17() -> None:
    assert organisation_code(Uscc(CODE)) == "575017604"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(CODE, "9135**********604M", id="a code"),
        pytest.param("110101199003070000x", "*" * 19, id="anything else, wholly"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_mask_hides_the_middle(text: str, expected: str) -> None:
    assert mask(text) == expected


def _is_accepted(text: str) -> bool:
    try:
        parse_uscc(text)
    except UsccError:
        return False
    return True
