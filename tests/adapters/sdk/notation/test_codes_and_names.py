"""Unified codes with every fault that was seen, the registration number's check, and names. All codes are invented."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.notation import (
    NotationError,
    NotationFault,
    code_candidates,
    fold_name,
    is_masked_name,
    is_registration_number,
    name_spellings,
    read_unified_code,
    simplified,
    without_glosses,
)
from contract.uscc import ALPHABET, check_character

F = NotationFault


def code(first17: str) -> str:
    return first17 + check_character(first17)


CODE = code("91110105MA01ABCDE")
CODES = st.builds(
    lambda front, digits, rest: code(front + digits + rest),
    st.sampled_from(["91", "92", "93", "11"]),
    st.text("0123456789", min_size=6, max_size=6),
    st.text(ALPHABET, min_size=9, max_size=9),
)


def result(value: Any) -> Any:
    try:
        return read_unified_code(value)
    except NotationError as error:
        return error.fault


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (CODE, CODE),
        (f" {CODE.lower()}　", CODE),
        ("".join(chr(ord(one) + 0xFEE0) for one in CODE), CODE),
        (f"营业执照(统一社会信用代码): {CODE}", CODE),
        (f"统一社会信用代码：{CODE}", CODE),
        (f"統一社會信用編碼:{CODE}", CODE),
        (f"社会诚信代码:{CODE}", CODE),
        (f"统一信用代码:{CODE}", CODE),
        (f"法定代表人:{CODE}", F.WRONG_LENGTH),
        (f"统一社会信用代码:{CODE} {CODE}", F.WRONG_LENGTH),
        ("1121300000763923388", F.WRONG_LENGTH),
        ("130293929611128", F.WRONG_LENGTH),
        (CODE[:17], F.WRONG_LENGTH),
        (f"{CODE}001P", F.WRONG_LENGTH),
        (f"{CODE[:2]} {CODE[2:]}", F.WRONG_LENGTH),
        (CODE.replace("0", "O", 1), F.WRONG_CHARACTER),
        (CODE[:17] + "Ⅰ", F.WRONG_CHARACTER),
        ("①" + CODE[1:], F.WRONG_CHARACTER),
        (code("91ABCDEFMA01ABCDE"), F.WRONG_CHARACTER),
        (CODE[:17] + ("A" if CODE[17] != "A" else "B"), F.CHECK_DIGIT),
        (CODE[1] + CODE[0] + CODE[2:], F.CHECK_DIGIT),
        ("911xxxxxxxxx", F.MASKED),
        ("91110105MA********", F.MASKED),
        ("914***2668***41***", F.MASKED),
        ("9165*******YM4B", F.MASKED),
        ("911********238369Q", F.MASKED),
        ("营业执照注册号(公民身份号码):92**********6F", F.MASKED),
        ("组织机构代码:无", F.PLACEHOLDER),
        ("無", F.PLACEHOLDER),
        ("——", F.PLACEHOLDER),
        ("/", F.PLACEHOLDER),
        ("空", F.PLACEHOLDER),
        ("不详", F.PLACEHOLDER),
        ("0" * 18, F.PLACEHOLDER),
        ("", F.PLACEHOLDER),
        (None, F.PLACEHOLDER),
        (911101050123456789, F.NOT_TEXT),
        (True, F.NOT_TEXT),
        (CODE + "\x00", F.CONTROL_CHARACTER),
    ],
)
def test_reads_a_code_or_names_the_fault(raw: Any, expected: object) -> None:
    assert result(raw) == expected


@given(CODES)
def test_a_code_survives(text: str) -> None:
    if len(set(text)) > 1:
        assert read_unified_code(text.lower()) == text
        assert code_candidates(text) == ()


@given(CODES, st.integers(0, 17), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_never_read(text: str, at: int, other: str) -> None:
    wrong = text[:at] + other + text[at + 1 :]
    if wrong != text:
        assert isinstance(result(wrong), NotationFault)


@given(CODES, st.integers(0, 17), st.sampled_from(ALPHABET))
def test_the_officer_is_shown_what_one_slip_explains(text: str, at: int, more: str) -> None:
    exchanged = text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :]
    for slip in (
        text[:at] + more + text[at:],
        exchanged,
        text.replace("0", "O"),
        text.replace("1", "I"),
        f"{text}001P",
    ):
        candidates = code_candidates(slip)
        assert text in candidates or result(slip) == slip
        assert all(read_unified_code(candidate) == candidate for candidate in candidates)


@pytest.mark.parametrize(
    ("raw", "candidates"),
    [
        ("1121300000763923388", ("121300000763923388",)),
        (f"{CODE.replace('0', 'O', 1)}001P", (CODE,)),
        ("", ()),
        ("无", ()),
        (CODE[:16], ()),
        ("O" * 40, ()),
    ],
)
def test_candidates_of_published_faults(raw: str, candidates: tuple[str, ...]) -> None:
    assert code_candidates(raw) == candidates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("110108000000016", True),
        ("130293929611128", True),
        ("110108000000017", False),
        ("11010800000001", False),
        ("000000000000000", False),
        ("１10108000000016", False),
        ("", False),
    ],
)
def test_checks_registration_numbers(text: str, expected: bool) -> None:  # noqa: FBT001  # a column of the table
    assert is_registration_number(text) is expected


@given(st.text("0123456789", min_size=15, max_size=15), st.integers(0, 14), st.sampled_from("0123456789"))
def test_one_wrong_digit_is_no_registration_number(text: str, at: int, other: str) -> None:
    wrong = text[:at] + other + text[at + 1 :]
    assert wrong == text or not (is_registration_number(text) and is_registration_number(wrong))


@pytest.mark.parametrize(
    "spelling",
    [
        "天津示例（集团）有限责任公司",
        "天津示例(集团)有限責(zé)任公司",
        "天津示例﹝集團﹞有限責任公司",
        " 天津 示例〔集团〕有限责任公司 ",
    ],
)
def test_spellings_of_a_name_are_one(spelling: str) -> None:
    assert fold_name(spelling) == "天津示例〔集团〕有限责任公司"


def test_brackets_that_are_no_gloss_stay() -> None:
    assert fold_name("示例(abc)公司") == "示例〔ABC〕公司"
    assert without_glosses("示例(men)店(ktv)環(huán)境(huán jìng)") == "示例(men)店(ktv)環境(huán jìng)"


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)), st.text(max_size=8))
def test_folding_keeps_beginnings_and_lengths(begins: str, more: str) -> None:
    assert fold_name(begins + "示" + more).startswith(fold_name(begins))
    assert len(simplified(begins)) == len(begins)


@pytest.mark.parametrize(
    ("one", "other", "may_be_one"),
    [
        ("天津市示例003有限公司", "天津示例003有限公司", True),
        ("河北省石家庄市示例店", "河北石家庄示例店", True),
        ("河北省石家庄市示例店", "石家庄市示例店", False),
        ("示例經銷部", "示例经销部", True),
        ("示例经销部", "示例经营部", False),
        ("北方示例市场有限公司", "北方示例场有限公司", False),
    ],
)
def test_names_that_may_be_one_have_a_spelling_in_common(one: str, other: str, may_be_one: bool) -> None:  # noqa: FBT001  # a column
    assert bool(name_spellings(one) & name_spellings(other)) is may_be_one


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("北京某商贸有限公司", True),
        ("辛集市***商贸有限公司", True),
        ("辛集市＊＊商贸有限公司", True),
        ("示例××公司", True),
        ("示例XX公司", True),
        ("示例○○公司", True),
        ("", True),
        ("無", True),
        ("未知", True),
        ("示例X光设备有限公司", False),
        ("北京示例011有限責(zé)任公司", False),
    ],
)
def test_knows_masked_names(name: str, masked: bool) -> None:  # noqa: FBT001  # a column of the table
    assert is_masked_name(name) is masked
