"""docs/protocols/report-status.md says the rules as the code says them; its examples are tried."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contract import change
from contract.change import Effect, alteration
from gateway.reports import standing
from huren.change.v1 import change_pb2
from huren.fragment.v1 import fragment_pb2
from tests.support.changes import record_change, state
from tests.support.federation import CLEAR, FOUND, PENALTY_CELL, SUBJECT_CODE, WINDOW, cell, penalty

TEXT = (Path(__file__).parents[2] / "docs" / "protocols" / "report-status.md").read_text("utf-8")

ORIGINS = {f"P-{number}" for number in range(9, 13)}
"""Rules for origins: a home has no code for them."""


def _rules_of_code(docstring: str | None) -> dict[str, str]:
    found = re.findall(r"^ (P-\d+) +(\S.*(?:\n {7}\S.*)*)$", docstring or "", re.MULTILINE)
    return {number: re.sub(r"\n +", " ", sentence) for number, sentence in found}


def _rules_of_document() -> dict[str, str]:
    return dict(re.findall(r"^### (P-\d+)\n\n\*\*(.+)\*\*$", TEXT, re.MULTILINE))


def test_rules_stand_in_both_word_for_word() -> None:
    written = _rules_of_document()
    in_code = _rules_of_code(change.__doc__) | _rules_of_code(standing.__doc__)

    assert list(written) == [f"P-{number}" for number in range(1, 18)]
    assert {number: rule for number, rule in written.items() if number not in ORIGINS} == in_code


EXAMPLES = {
    ("CLEAR", "arrived, decided two years ago, in the window"): (0, record_change(after=state(1))),
    ("CLEAR", "arrived, decided the day after `data_as_of`"): (0, record_change(after=state(1, first="2026-11-22"))),
    ("CLEAR", "arrived, decided before the window"): (0, record_change(after=state(1, first="2020-01-01"))),
    ("lists it at revision 1", "repaired, revoked, removed"): (1, record_change(before=state(1))),
    ("does not list it", "repaired, revoked, removed"): (0, record_change(before=state(1))),
    ("lists it at revision 1", "1 → 2, an amount"): (1, record_change(before=state(1), after=state(2))),
    ("lists it at revision 1", "1 → 2, words only"): (
        1,
        record_change(before=state(1), after=state(2), wording_only=True),
    ),
    ("lists it at revision 1", "2 → 3, words only, nothing known of 1 → 2"): (
        1,
        record_change(before=state(2), after=state(3), wording_only=True),
    ),
    ("lists it at revision 2", "1 → 2, any"): (2, record_change(before=state(1), after=state(2))),
}
EFFECTS = {"superseded": Effect.SUPERSEDES, "nothing": Effect.NONE, "VALID, with a note": Effect.WORDING}

ROWS = [
    tuple(column.strip() for column in line.strip("|").split("|"))
    for line in re.findall(r"^\| the report \| the change \| \|\n\|.*\n((?:\|.*\n)+)", TEXT, re.MULTILINE)[
        0
    ].splitlines()
]


def test_every_example_of_the_document_is_tried() -> None:
    assert {row[:2] for row in ROWS} == EXAMPLES.keys()


@pytest.mark.parametrize(("report", "told", "effect"), ROWS)
def test_the_examples_are_as_the_document_says(report: str, told: str, effect: str) -> None:
    revision, made = EXAMPLES[report, told]
    listed = [penalty("record-01", revision=revision)] if revision else []
    fragment = fragment_pb2.Fragment(
        uscc=SUBJECT_CODE,
        window=WINDOW.to_wire(),
        cells=[cell(PENALTY_CELL, FOUND if listed else CLEAR, listed)],
    )

    assert isinstance(made, change_pb2.RecordChange)
    assert alteration(made, fragment).effect is EFFECTS[effect]
