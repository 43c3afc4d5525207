"""The document says what the code does: its rules are numbered, and what is logged is found in it."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.domain.persons import StaffRole
from gateway.identity import login, tokens
from gateway.identity.tokens import ALGORITHMS, LOGOUT_EVENT, MAX_REPRESENTED, Fault

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "protocols" / "identity.md").read_text("utf-8")
RULES = re.findall(r"^- \*\*I-(\d+)\*\* (.*(?:\n  .*)*)", TEXT, re.MULTILINE)
TICKED = set(re.findall(r"`([^`]+)`", TEXT))


def test_rules_are_numbered_without_gaps_and_once() -> None:
    assert [int(number) for number, _ in RULES] == list(range(1, len(RULES) + 1))


def test_every_rule_that_the_code_names_is_there() -> None:
    named = {
        int(number)
        for path in (ROOT / "gateway" / "identity").glob("*.py")
        for number in re.findall(r"\bI-(\d+)", path.read_text("utf-8"))
    }
    assert named <= set(range(1, len(RULES) + 1))


def test_what_is_logged_is_in_the_document() -> None:
    source = Path(str(login.__file__)).read_text("utf-8")
    reasons = set(re.findall(r'_NotCompletedError\("([^"]+)"\)', source))

    assert len(reasons) == 8
    assert reasons | {fault.value for fault in Fault} | {"code", "seen before"} <= TICKED


def test_lists_and_numbers_are_the_codes() -> None:
    (algorithms,) = (text for number, text in RULES if number == "11")
    assert set(re.findall(r"\b(?:[A-Z]{2}\d{3}|Ed25519)\b", algorithms)) == set(ALGORITHMS)
    assert {role.value for role in StaffRole} <= TICKED
    assert LOGOUT_EVENT in TICKED
    assert f"at most {MAX_REPRESENTED} right codes" in TEXT
    assert (login.LOGIN_LIMIT, tokens.MAX_AGE) == (tokens.MAX_AGE, login.LOGIN_LIMIT)
    assert (tokens.MAX_AGE.total_seconds(), tokens.CLOCK_TOLERANCE.total_seconds()) == (600, 60)
    assert tokens.MAX_ACCESS.total_seconds() == 3600
    assert tokens.MAX_TOKEN_BYTES == 64 << 10
