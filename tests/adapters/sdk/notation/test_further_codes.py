"""Codes and document numbers as departments fill them in, read from the page by a person."""

from __future__ import annotations

import pytest

from adapters.sdk.notation import (
    NotationError,
    NotationFault,
    document_number_fault,
    normalise_document_number,
    read_unified_code,
)

F = NotationFault
CODE = "91110118MY7B8J0Y0R"

CODES = {
    CODE: CODE,
    CODE.lower(): CODE,
    "９１１１０１１８ＭＹ７Ｂ８Ｊ０Ｙ０Ｒ": CODE,
    f" {CODE}\n": CODE,
    f"统一社会信用代码：{CODE}": CODE,
    "91110118 MY7B8J0Y0R": F.WRONG_LENGTH,
    "91110118-MY7B8J0Y0R": F.WRONG_LENGTH,
    "91110118MY7B8J0YOR": F.WRONG_CHARACTER,
    "91110118MY7B8J0Y0": F.WRONG_LENGTH,
    f"{CODE}1": F.WRONG_LENGTH,
    f"{CODE}/110118000000001": F.WRONG_LENGTH,
    f"{CODE}、{CODE}": F.WRONG_LENGTH,
    f"{CODE}(1-1)": F.WRONG_LENGTH,
    f"{CODE}（分公司）": F.WRONG_LENGTH,
    f"'{CODE}": F.WRONG_LENGTH,
    f"{CODE};": F.WRONG_LENGTH,
    f"{CODE}\u200b": F.WRONG_LENGTH,
    "9111****MY7B8J0Y0R": F.MASKED,
    "无": F.PLACEHOLDER,
    "null": F.PLACEHOLDER,
    "000000000000000000": F.PLACEHOLDER,
    "111111111111111111": F.CHECK_DIGIT,
    "9.11101E+17": F.WRONG_LENGTH,
    "911101186000000000": F.CHECK_DIGIT,
    "个体工商户": F.WRONG_LENGTH,
}


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*case, id=repr(case[0])) for case in CODES.items()])
def test_a_code(text: str, expected: str | NotationFault) -> None:
    try:
        found: str | NotationFault = read_unified_code(text)
    except NotationError as error:
        found = error.fault
    assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        "京朝市监处罚[2024]1号",
        "京朝市监处罚【2024】第1号",
        "京朝市监处罚（2024）1号",
        "京朝市监处罚(2024)001号",
        "京朝市监处罚﹝2024﹞1号",
        "京朝市监处罚〔2024]1号",
        "京朝市监处罚 〔２０２４〕 1 號",
        "京朝市监处罚〔2024〕1",
        "文号：京朝市监处罚〔2024〕1号",
    ],
)
def test_spellings_of_one_number(text: str) -> None:
    assert normalise_document_number(text) == normalise_document_number("京朝市监处罚〔2024〕1号")
    assert document_number_fault(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "京朝市监处罚〔2024〕11号",
        "京朝市监处罚〔2023〕1号",
        "京朝市监处罚〔2024〕1-1号",
        "京朝市监处罚〔2024〕1号（补正）",
        "京朝市监罚〔2024〕1号",
        "京海市监处罚〔2024〕1号",
        "京市监罚〔2024〕一号",
        "京朝市监处罚2024-1号",
        "第1号",
    ],
)
def test_another_number_stays_another(text: str) -> None:
    assert normalise_document_number(text) != normalise_document_number("京朝市监处罚〔2024〕1号")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("京朝市监处罚〔24〕1号", F.DAMAGED),
        ("京朝市监处罚字2024001号", F.DAMAGED),
        ("京朝市监处罚〔2024〕号", F.DAMAGED),
        ("京朝市监处罚〔2024〔1号", F.DAMAGED),
        ("见附件", F.DAMAGED),
        ("京朝市监处罚〔2024〕X号", F.MASKED),
        ("京朝市监处罚〔2024〕***号", F.MASKED),
        ("京朝市监处罚〔2024〕1号、2号", None),
        ("京朝市监处罚〔2024〕1号;京朝市监处罚〔2024〕2号", F.SEVERAL_NUMBERS),
        ("无", F.PLACEHOLDER),
        ("/", F.PLACEHOLDER),
        ("石环罚决〔2025〕无极-38号", None),
        ("当场处罚0001234", None),
    ],
)
def test_what_is_wrong_with_a_number(text: str, fault: NotationFault | None) -> None:
    assert document_number_fault(text) is fault
