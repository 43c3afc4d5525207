"""Words that no text for people may use (wording rules: no judgement, no score, no word that no law uses)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

REFUSED = [
    *(
        "黑名单",
        "老赖",
        "洗白",
        "消除记录",
        "清零",
        "无违法违规记录",
        "信用良好",
        "信用优秀",
        "信用较差",
        "合格",
        "不通过",
    ),
    *("伪造", "造假", "有效期至", "绝对", "保证无", "永久", "✓", "✗", "✔", "❌"),
]

PLACES = [
    "contract/wording.py",
    "contract/errors.py",
    "contract/eligibility.py",
    "contract/reasons.py",
    "contract/report_json.py",
    "verifier",
    "cli",
    "gateway",
]


def texts() -> Iterator[tuple[str, str]]:
    for place in PLACES:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", node.value


@pytest.mark.parametrize("word", REFUSED)
def test_no_text_uses_a_refused_word(word: str) -> None:
    assert [where for where, text in texts() if word in text] == []


_HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,:;()?]\s?[\u4e00-\u9fff]")


def test_chinese_text_has_chinese_punctuation() -> None:
    assert [where for where, text in texts() if _HALF_WIDTH.search(text)] == []
