"""No word that was ruled out stands in anything that the document can say (wording rules, section 3.9)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.document import document
from tests.contract.test_document import DECLARATIONS, SCOPE, W06, W07, strings
from tests.support.reports import EXAMPLES, example

ROOT = Path(__file__).resolve().parents[2]

REFUSED = [
    *("黑名单", "老赖", "洗白", "消除记录", "清零", "无违法违规记录", "信用良好", "信用优秀", "信用较差"),
    *("合格", "通过", "征信报告", "伪造", "造假", "有效期至", "撤销", "绝对", "保证无", "永久"),
    *("✓", "✗", "✔", "❌"),
]
"""通过 only as a verdict, and 撤销 only of a report; the document needs neither elsewhere but in the agreed sentences."""

AGREED = [*SCOPE, *DECLARATIONS.values(), W06, W07]
"""Sentences that were agreed word by word. They say 撤销 of decisions, 不是…征信报告, and 「消除记录」 as what to beware of."""

FILES = [*sorted((ROOT / "contract" / "document").glob("*.py")), ROOT / "contract" / "wording.py"]


def _without_agreed(text: str) -> str:
    for sentence in AGREED:
        text = text.replace(sentence, "")
    return text


def _templates() -> Iterator[tuple[str, str]]:
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{file.name}:{node.lineno}", _without_agreed(node.value)


def _printed() -> Iterator[tuple[str, str]]:
    for name in EXAMPLES:
        for text in strings(document(example(name))):
            yield name, _without_agreed(text)


@pytest.mark.parametrize("word", REFUSED)
def test_no_template_of_the_document_uses_a_refused_word(word: str) -> None:
    assert [(where, text) for where, text in _templates() if word in text] == []


def test_no_printed_example_uses_a_refused_word() -> None:
    refused = re.compile("|".join(REFUSED))
    assert {(name, text) for name, text in _printed() if refused.search(text)} == set()


def test_the_agreed_sentences_are_all_used() -> None:
    printed = {text for name in EXAMPLES for text in strings(document(example(name)))}
    assert {sentence for sentence in [*SCOPE, *DECLARATIONS.values()] if sentence not in printed} == set()


def test_the_text_has_the_punctuation_of_chinese() -> None:
    half_width = re.compile(r"[\u4e00-\u9fff][,:;()?!]\s?[\u4e00-\u9fff]")
    assert [(where, text) for where, text in [*_templates(), *_printed()] if half_width.search(text)] == []


def test_the_templates_are_seen() -> None:
    assert any(text == "图例" for _, text in _templates())
