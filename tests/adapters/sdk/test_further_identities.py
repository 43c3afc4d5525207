"""Whose rows are, as departments fill in their columns; and whose clock runs when."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from adapters.sdk.matching import Match, RowIdentity, match
from contract.working_days import load_calendars
from huren.common.v1 import common_pb2

THEIRS, IN_DOUBT, NOT_THEIRS = Match.THEIRS, Match.IN_DOUBT, Match.NOT_THEIRS
ON = date(2024, 3, 1)

ROWS: dict[str, tuple[Match, dict[str, str]]] = {
    "its name is a part of another's": (NOT_THEIRS, {"name": "北京{NAME}"}),
    "another's name is a part of its": (NOT_THEIRS, {"name": "精密机械有限公司"}),
    "its name goes on, without a code": (NOT_THEIRS, {"name": "{NAME}第一分公司"}),
    "its name goes on, with its code": (IN_DOUBT, {"name": "{NAME}工会", "uscc": "{USCC}"}),
    "one of its name in another province, by code": (NOT_THEIRS, {"name": "{NAME}", "uscc": "{OTHER}"}),
    "one character mistyped in the name": (NOT_THEIRS, {"name": "示列精密机械有限公司"}),
    "the short name": (NOT_THEIRS, {"name": "示例精密机械"}),
    "责任 more in the name": (NOT_THEIRS, {"name": "示例精密机械有限责任公司"}),
    "the name in traditional characters": (IN_DOUBT, {"name": "示例精密機械有限公司"}),
    "the name in quotes": (IN_DOUBT, {"name": "“{NAME}”"}),
    "the name masked": (IN_DOUBT, {"name": "示例****有限公司"}),
    "the name masked to nothing": (NOT_THEIRS, {"name": "****有限公司"}),
    "某公司": (NOT_THEIRS, {"name": "某公司"}),
    "its code beside a person's name": (THEIRS, {"name": "张某", "uscc": "{USCC}"}),
    "its code behind an apostrophe": (IN_DOUBT, {"name": "别的公司", "uscc": "'{USCC}"}),
    "its code and the parent's": (IN_DOUBT, {"name": "别的公司", "uscc": "{USCC};{OTHER}"}),
    "another's code, its code in the number": (
        IN_DOUBT,
        {"name": "别的公司", "uscc": "{OTHER}", "registration_number": "{USCC}"},
    ),
    "its code with the letter O": (IN_DOUBT, {"name": "别的公司", "uscc": "{letter}"}),
    "its code cut": (IN_DOUBT, {"name": "别的公司", "uscc": "{cut}"}),
    "its code in scientific writing": (NOT_THEIRS, {"name": "别的公司", "uscc": "9.11301E+17"}),
    "nothing but blanks": (NOT_THEIRS, {"name": " ", "uscc": " "}),
    "stars without end": (NOT_THEIRS, {"name": "别的公司", "uscc": "91*" * 5000}),
}


@pytest.mark.parametrize(("expected", "values"), ROWS.values(), ids=ROWS.keys())
def test_whose_a_row_is(kit: Any, expected: Match, values: dict[str, str]) -> None:
    words = {
        "USCC": kit.USCC,
        "OTHER": kit.OTHER,
        "NAME": kit.NAME,
        "letter": kit.USCC.replace("0", "O", 1),
        "cut": kit.USCC[:17],
    }
    row = RowIdentity(**{"name": "", **{key: value.format(**words) for key, value in values.items()}})

    assert match(row, kit.wanted(), ON) is expected


def test_a_branch_and_its_parents_code(kit: Any) -> None:
    """The row bears the parent's code and the branch's name: nobody's with certainty, seen from either."""
    branch = f"{kit.NAME}第一分公司"
    row = RowIdentity(name=branch, uscc=kit.OTHER)

    assert match(row, kit.wanted(kind=common_pb2.SUBJECT_KIND_BRANCH, name=branch), ON) is IN_DOUBT
    assert match(RowIdentity(name=branch, uscc=kit.USCC), kit.wanted(), ON) is IN_DOUBT


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        (date(2026, 2, 13), 1, date(2026, 2, 14)),  # Saturday, worked
        (date(2026, 2, 14), 1, date(2026, 2, 24)),  # 春节 15 to 23 February
        (date(2026, 9, 30), 1, date(2026, 10, 8)),  # 国庆
        (date(2026, 10, 9), 1, date(2026, 10, 10)),  # Saturday, worked
        (date(2026, 4, 3), 2, date(2026, 4, 8)),  # 清明 4 to 6 April
    ],
)
def test_working_days_over_holidays(start: date, days: int, due: date) -> None:
    assert load_calendars().add(start, days).day == due
