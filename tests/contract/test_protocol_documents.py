"""The documents for implementers say the rules as the code says them, and name every refusal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from contract import admission, report_check
from contract.outcome import InadmissibleReason
from contract.report_check import ReportFault
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2

DOCS = Path(__file__).parents[2] / "docs"
ADMISSION = (DOCS / "protocols" / "admission.md").read_text("utf-8")
VERIFICATION = (DOCS / "protocols" / "report-verification.md").read_text("utf-8")
GLOSSARY = (DOCS / "glossary.md").read_text("utf-8")


def _rules_of_code(docstring: str | None) -> dict[str, str]:
    """Rules ` A-1  Sentence.` with their sentences; lines that begin further in continue a rule."""
    rules: dict[str, str] = {}
    number = ""
    for line in (docstring or "").splitlines():
        if begin := re.fullmatch(r" ([AR]-\d+) +(\S.*)", line):
            number = begin[1]
            rules[number] = begin[2]
        elif number and re.match(r" {7}[^ -]", line):
            rules[number] += " " + line.strip()
        else:
            number = ""
    return rules


def _rules_of_document(text: str) -> dict[str, str]:
    return dict(re.findall(r"^### ([AR]-\d+)\n\n\*\*(.+)\*\*$", text, re.MULTILINE))


def _parts_of(text: str) -> list[str]:
    return re.split(r"^### ", text, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize(
    ("docstring", "text", "count"),
    [
        pytest.param(admission.__doc__, ADMISSION, 14, id="admission"),
        pytest.param(report_check.__doc__, VERIFICATION, 12, id="report verification"),
    ],
)
def test_rules_stand_in_both_word_for_word(docstring: str | None, text: str, count: int) -> None:
    rules = _rules_of_code(docstring)

    assert len(rules) == count
    assert list(_rules_of_document(text).items()) == list(rules.items())


@pytest.mark.parametrize("text", [pytest.param(ADMISSION, id="admission"), pytest.param(VERIFICATION, id="report")])
def test_each_rule_says_what_why_and_how_it_is_refused(text: str) -> None:
    for part in _parts_of(text):
        assert "What to check" in part, part
        assert "\nWhy: " in part, part
        assert re.search(r"`[A-Z_]{5,}`", part), part


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param(ADMISSION, InadmissibleReason, id="admission"),
        pytest.param(VERIFICATION, ReportFault, id="report verification"),
    ],
)
def test_every_refusal_is_named(text: str, names: Iterable[str]) -> None:
    assert [str(name) for name in names if f"`{name}`" not in text] == []


def test_links_lead_to_files() -> None:
    for path in (
        DOCS / "protocols" / "admission.md",
        DOCS / "protocols" / "report-verification.md",
        DOCS / "glossary.md",
    ):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), (path.name, target)


def test_the_glossary_has_every_state_and_province() -> None:
    states = [name.removeprefix("CELL_STATE_") for name, number in fragment_pb2.CellState.items() if number]
    provinces = [name.removeprefix("PROVINCE_").title() for name, number in common_pb2.Province.items() if number]

    assert [name for name in (*states, *provinces) if name not in GLOSSARY] == []


def test_the_glossary_has_each_word_once() -> None:
    words = re.findall(r"^\| ([a-z][^|]*?) \|", GLOSSARY, re.MULTILINE)

    assert len(words) > 50
    assert len(set(words)) == len(words)
    assert all(len(row.split("|")) == 5 for row in GLOSSARY.splitlines() if row.startswith("|"))
