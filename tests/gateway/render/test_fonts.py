"""Which characters are printed, and what becomes of the others."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.render.fonts import FONT_FILES, Printable, characters, code_point, typst_fonts

_CODE = re.compile(r"〔U\+([0-9A-F]{4,6})〕")


def test_the_typesetter_has_these_fonts_and_no_others() -> None:
    assert {font.path for font in typst_fonts().fonts()} == {str(path) for path in FONT_FILES}


def test_the_common_characters_are_there() -> None:
    for first, last in ((0x4E00, 0x9FA5), (0x3400, 0x4DB5), (0x20, 0x7E), (0xFF01, 0xFF5E)):
        assert [hex(code) for code in range(first, last + 1) if chr(code) not in characters()] == []
    assert set("㙍龘〔〕（）、。；：「」《》·—…％￥①Ⅰ") <= characters()


@pytest.mark.parametrize(
    "unseen", ["\x00", "\x1b", "\u00ad", "\u200b", "\u202e", "\u2066", "\ufe00", "\ufeff", "\ue000"]
)
def test_what_cannot_be_seen_is_shown_as_its_code(unseen: str) -> None:
    printable = Printable()
    assert printable.text(f"甲{unseen}乙") == f"甲〔{code_point(unseen)}〕乙"
    assert printable.missing == (code_point(unseen),)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="〔〕")))
def test_no_character_is_lost_and_none_is_blank(text: str) -> None:
    shown = Printable().text(text).replace("\u200b", "")
    assert set(shown) <= characters() | {"\n"}
    assert _CODE.sub(lambda code: chr(int(code[1], 16)), shown) == text


def test_names_of_fields_and_other_values_stay() -> None:
    assert Printable().value({"𠮷": ["𠮷", 1, None, True, ("x",)]}) == {"𠮷": ["〔U+20BB7〕", 1, None, True, ["x"]]}


@pytest.mark.parametrize("letter", ["A", "、", "（", "\u00a0", "é", "!"])
def test_a_run_without_a_place_to_break_gets_some(letter: str) -> None:
    parts = Printable().text(letter * 1_000).split("\u200b")
    assert max(map(len, parts)) <= 10
    assert "".join(parts) == letter * 1_000


def test_ordinary_texts_get_no_places_to_break() -> None:
    text = "京示市监处罚〔2024〕1号 https://a.example 违法" * 20 + "长" * 1_000
    assert Printable().text(text) == text


def test_the_last_character_of_all_has_a_code() -> None:
    assert code_point(chr(sys.maxunicode)) == "U+10FFFF"
