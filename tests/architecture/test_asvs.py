"""The table of the ASVS is whole, and names tests that exist."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "docs" / "security" / "asvs.md"

LEVEL_2: Final = """
V1.1.1-7 V1.2.1-4 V1.4.1 V1.4.4-5 V1.5.1-4 V1.6.1-4 V1.7.1-2 V1.8.1-2 V1.9.1-2 V1.10.1 V1.11.1-2 V1.12.2 V1.14.1-6
V2.1.1-12 V2.2.1-3 V2.3.1-3 V2.4.1-5 V2.5.1-7 V2.6.1-3 V2.7.1-6 V2.8.1-7 V2.9.1-3 V2.10.1-4
V3.1.1 V3.2.1-4 V3.3.1-4 V3.4.1-5 V3.5.1-3 V3.7.1
V4.1.1-3 V4.1.5 V4.2.1-2 V4.3.1-3
V5.1.1-5 V5.2.1-8 V5.3.1-10 V5.4.1-3 V5.5.1-4
V6.1.1-3 V6.2.1-6 V6.3.1-2 V6.4.1-2
V7.1.1-4 V7.2.1-2 V7.3.1 V7.3.3-4 V7.4.1-3
V8.1.1-4 V8.2.1-3 V8.3.1-8
V9.1.1-3 V9.2.1-4
V10.2.1-2 V10.3.1-3
V11.1.1-8
V12.1.1-3 V12.2.1 V12.3.1-6 V12.4.1-2 V12.5.1-2 V12.6.1
V13.1.1 V13.1.3-5 V13.2.1-3 V13.2.5-6 V13.3.1-2 V13.4.1-2
V14.1.1-4 V14.2.1-6 V14.3.2-3 V14.4.1-7 V14.5.1-4
"""
"""What levels 1 and 2 ask for; numbers that are left out were deleted, or are level 3. Source: OWASP ASVS 4.0.3."""

_ID: Final = re.compile(r"V(\d+\.\d+)\.(\d+)(?: ?[-–] ?(?:V\1\.)?(\d+))?")  # the dash of ranges
_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def ids(text: str) -> list[str]:
    """Requirements, ranges written out."""
    parts = [part for part in re.split(r"[\s,]+(?=V)", text.replace(" – ", "-").strip()) if part]
    found = [_ID.fullmatch(part) for part in parts]
    assert None not in found, text
    return [
        f"V{one[1]}.{number}"
        for one in found
        if one is not None
        for number in range(int(one[2]), int(one[3] or one[2]) + 1)
    ]


def rows(heading: str) -> Iterator[list[str]]:
    """The cells of all tables below a heading of the second level, without their heads."""
    (part,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for line in part.splitlines():
        if line.startswith("| V"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


@cache
def names_in(path: Path) -> frozenset[str]:
    """Names of the tests of a file."""
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


HEADINGS: Final = ("Met", "未满足 Not met", "Left to who runs it", "Not applicable")


def test_every_requirement_stands_once() -> None:
    counted = Counter(one for heading in HEADINGS for row in rows(heading) for one in ids(row[0]))

    assert {one: count for one, count in counted.items() if count > 1} == {}
    assert set(counted) == set(ids(LEVEL_2))


def test_a_requirement_that_is_met_has_a_line_of_its_own_in_its_chapter() -> None:
    text = DOCUMENT.read_text("utf-8")
    chapters = re.findall(r"^### V(\d+) .*$((?:\n(?!#).*)*)", text, re.MULTILINE)
    lines = [(chapter, line.split(" | ")[0].strip("| ")) for chapter, part in chapters for line in part.splitlines()]
    met = [(chapter, one) for chapter, one in lines if one.startswith("V")]

    assert [chapter for chapter, _ in chapters] == [str(number) for number in range(1, 15)]
    assert len(met) == len(list(rows("Met")))
    assert [one for chapter, one in met if re.fullmatch(rf"V{chapter}\.\d+\.\d+", one) is None] == []
    order = [tuple(map(int, one[1:].split("."))) for _, one in met]
    assert order == sorted(order)


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in rows("Met")])
def test_what_is_met_names_tests_that_exist(row: list[str]) -> None:
    _, asks, met_by, shown_by = row
    named = _TEST.findall(shown_by)

    assert asks
    assert met_by
    assert named, "no test is named"
    assert _TEST.sub("", shown_by).strip(", ") == ""
    for path, name in named:
        assert name in names_in(ROOT / path), f"{path} has no {name}"


@pytest.mark.parametrize("heading", HEADINGS[1:])
def test_what_is_not_met_says_why_and_what_is_needed(heading: str) -> None:
    assert [row for row in rows(heading) if not all(row) or len(row) < 2] == []


def test_ranges_are_read_as_they_are_meant() -> None:
    assert ids("V2.1.1 – V2.1.3, V3.1.1") == ["V2.1.1", "V2.1.2", "V2.1.3", "V3.1.1"]
    with pytest.raises(AssertionError):
        ids("V2.1")
    with pytest.raises(AssertionError):
        ids("V2.1.1 – V2.2.3")
