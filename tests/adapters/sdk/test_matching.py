from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.matching import Match, RowIdentity, is_code, is_organisation_code, match
from adapters.sdk.notation import fold_width
from huren.common.v1 import common_pb2

THEIRS, IN_DOUBT, NOT_THEIRS = Match.THEIRS, Match.IN_DOUBT, Match.NOT_THEIRS
ON = date(2024, 3, 1)
REGISTRATION = "130100000012345"
FORMER_NAME = "示例机械厂"
NEW_NAME = "后来的名称有限公司"


def identifier(kind: int, value: str, **days: str) -> common_pb2.Identifier:
    return common_pb2.Identifier(kind=common_pb2.IdentifierKind.ValueType(kind), value=value, **days)


@pytest.fixture(scope="module")
def wanted(kit: Any) -> Any:
    return kit.wanted(
        identifier(2, kit.FORMER),
        identifier(4, REGISTRATION),
        identifier(6, FORMER_NAME, valid_to="2020-01-01"),
        identifier(6, NEW_NAME, valid_from="2025-01-01"),
    )


def organisation(prefix: str) -> str:
    return next(prefix + last for last in "0123456789X" if is_organisation_code(prefix + last))


CASES: dict[str, tuple[Match, dict[str, str]]] = {
    "the code": (THEIRS, {"uscc": "{USCC}"}),
    "the code with blanks, in lower case and full width": (THEIRS, {"uscc": " {lower} "}),
    "the code and another name": (THEIRS, {"uscc": "{USCC}", "name": "随便什么公司"}),
    "a former code": (THEIRS, {"uscc": "{FORMER}"}),
    "another's code and the name": (NOT_THEIRS, {"uscc": "{OTHER}", "name": "{NAME}"}),
    "another's code and the organisation code": (IN_DOUBT, {"uscc": "{OTHER}", "organisation_code": "{org}"}),
    "another's code and the code in another column": (IN_DOUBT, {"uscc": "{OTHER}", "registration_number": "{USCC}"}),
    "another's code and the registration number": (IN_DOUBT, {"uscc": "{OTHER}", "registration_number": REGISTRATION}),
    "another's code, masks and fillers beside it": (
        NOT_THEIRS,
        {"uscc": "{OTHER}", "organisation_code": "****", "registration_number": "无"},
    ),
    "the code with dashes": (THEIRS, {"uscc": "{head}-{tail}", "name": "别的公司"}),
    "the code with other dashes": (THEIRS, {"uscc": "{head}—{tail}", "name": "别的公司"}),
    "the code with blanks inside": (THEIRS, {"uscc": "{head} \t\u3000{tail}", "name": "别的公司"}),
    "the code with an invisible character": (THEIRS, {"uscc": "\u200b{USCC}", "name": "别的公司"}),
    "another's code with a dash, the name": (NOT_THEIRS, {"uscc": "{OTHER8}-{OTHER10}", "name": "{NAME}"}),
    "the code in the organisation column": (IN_DOUBT, {"organisation_code": "{USCC}", "name": "别的公司"}),
    "the code in the registration column": (IN_DOUBT, {"registration_number": "{USCC}", "name": "别的公司"}),
    "a former code in the registration column": (IN_DOUBT, {"registration_number": "{FORMER}", "name": "别的公司"}),
    "the organisation code in the registration column": (IN_DOUBT, {"registration_number": "{org}"}),
    "the organisation code with a hyphen in the registration column": (
        IN_DOUBT,
        {"registration_number": "{org8}-{org1}"},
    ),
    "the organisation code with a hyphen where the code should be": (IN_DOUBT, {"uscc": "{org8}-{org1}"}),
    "the registration number in the organisation column": (IN_DOUBT, {"organisation_code": REGISTRATION}),
    "the organisation code with blanks inside": (THEIRS, {"organisation_code": "{org8} {org1}"}),
    "the registration number with blanks inside": (THEIRS, {"registration_number": "130100 0000 12345"}),
    "the code after other words": (IN_DOUBT, {"uscc": "代码:{USCC}"}),
    "the code twice": (IN_DOUBT, {"uscc": "{USCC}/{USCC}"}),
    "a code that holds the organisation code": (IN_DOUBT, {"uscc": "{same_org}", "name": "别的公司"}),
    "mistyped, in the organisation column": (IN_DOUBT, {"organisation_code": "{mistyped}"}),
    "masked, in the organisation column": (IN_DOUBT, {"organisation_code": "{org4}*****"}),
    "mistyped, the name, another's organisation code": (
        IN_DOUBT,
        {"uscc": "{mistyped}", "name": "{NAME}", "organisation_code": "{other_org}"},
    ),
    "masked, the name, another's organisation code": (
        IN_DOUBT,
        {"uscc": "{first4}**********{last4}", "name": "{NAME}", "organisation_code": "{other_org}"},
    ),
    "another's organisation code, another name": (
        NOT_THEIRS,
        {"organisation_code": "{other_org}", "name": "别的公司"},
    ),
    "the code and a branch's name": (IN_DOUBT, {"uscc": "{USCC}", "name": "{NAME}第一分公司"}),
    "the code and a shop's name": (IN_DOUBT, {"uscc": "{USCC}", "name": "{NAME}（示例分店）"}),
    "the code and another's organisation code": (IN_DOUBT, {"uscc": "{USCC}", "organisation_code": "{other_org}"}),
    "no code, the organisation code": (THEIRS, {"organisation_code": "{org}"}),
    "no code, the organisation code with a hyphen": (THEIRS, {"organisation_code": "{org8}-{org1}"}),
    "no code, the former organisation code": (THEIRS, {"organisation_code": "{former_org}"}),
    "no code, the organisation code, a branch's name": (
        IN_DOUBT,
        {"organisation_code": "{org}", "name": "{NAME}示例分公司"},
    ),
    "a filler, the organisation code": (THEIRS, {"uscc": "无", "organisation_code": "{org}"}),
    "zeros, the organisation code": (THEIRS, {"uscc": "0" * 18, "organisation_code": "{org}"}),
    "masked, the organisation code": (THEIRS, {"uscc": "{head}********", "organisation_code": "{org}"}),
    "masked otherwise, the organisation code": (IN_DOUBT, {"uscc": "9299********", "organisation_code": "{org}"}),
    "mistyped, the organisation code": (IN_DOUBT, {"uscc": "{mistyped}", "organisation_code": "{org}"}),
    "no code, the registration number": (THEIRS, {"registration_number": REGISTRATION}),
    "another's organisation code, the registration number": (
        IN_DOUBT,
        {"registration_number": REGISTRATION, "organisation_code": "{other_org}"},
    ),
    "masked, the registration number": (
        IN_DOUBT,
        {"uscc": "{head}********", "registration_number": REGISTRATION},
    ),
    "masked, the name": (IN_DOUBT, {"uscc": "{head}********", "name": "{NAME}"}),
    "masked, another name": (IN_DOUBT, {"uscc": "{head}********", "name": "别的公司"}),
    "masked in the middle, another name": (IN_DOUBT, {"uscc": "{first4}**********{last4}", "name": "别的公司"}),
    "masked otherwise, the name": (IN_DOUBT, {"uscc": "9299********", "name": "{NAME}"}),
    "masked otherwise, another name": (NOT_THEIRS, {"uscc": "9299********", "name": "别的公司"}),
    "mistyped, the name": (IN_DOUBT, {"uscc": "{mistyped}", "name": "{NAME}"}),
    "mistyped, another name": (IN_DOUBT, {"uscc": "{mistyped}", "name": "别的公司"}),
    "no code, the name": (IN_DOUBT, {"name": "{NAME}"}),
    "zeros, the name": (IN_DOUBT, {"uscc": "0" * 18, "name": "{NAME}"}),
    "no code, the name with other brackets and blanks": (IN_DOUBT, {"name": " 示例精密机械 有限公司"}),
    "no code, a former name": (IN_DOUBT, {"name": FORMER_NAME}),
    "no code, a name that was not its yet": (NOT_THEIRS, {"name": NEW_NAME}),
    "another's organisation code, the name": (IN_DOUBT, {"organisation_code": "{other_org}", "name": "{NAME}"}),
    "no valid organisation code, the name": (IN_DOUBT, {"organisation_code": "123456789", "name": "{NAME}"}),
    "the organisation code where the code should be": (IN_DOUBT, {"uscc": "{org}"}),
    "the registration number where the code should be": (IN_DOUBT, {"uscc": REGISTRATION}),
    "nothing of it": (NOT_THEIRS, {"name": "别的公司"}),
    "nothing at all": (NOT_THEIRS, {}),
}  # fmt: skip


@pytest.mark.parametrize(("expected", "values"), CASES.values(), ids=CASES.keys())
def test_says_whose_a_row_is(kit: Any, wanted: Any, expected: Match, values: dict[str, str]) -> None:
    own = kit.USCC
    words = {
        "USCC": own,
        "OTHER": kit.OTHER,
        "FORMER": kit.FORMER,
        "NAME": kit.NAME,
        "lower": own.lower().replace("9", "９"),
        "head": own[:10],
        "tail": own[10:],
        "OTHER8": kit.OTHER[:8],
        "OTHER10": kit.OTHER[8:],
        "same_org": kit.code("92130200" + own[8:17]),
        "org4": own[8:12],
        "first4": own[:4],
        "last4": own[-4:],
        "mistyped": own[:17] + ("0" if own[17] != "0" else "1"),
        "org": own[8:17],
        "org8": own[8:16],
        "org1": own[16],
        "former_org": kit.FORMER[8:17],
        "other_org": organisation("12345678"),
    }
    row = RowIdentity(**{"name": "", **{key: value.format(**words) for key, value in values.items()}})

    assert match(row, wanted, ON) is expected


def test_a_branch_is_not_in_doubt_with_itself(kit: Any) -> None:
    name = f"{kit.NAME}第一分公司"
    wanted = kit.wanted(kind=common_pb2.SUBJECT_KIND_BRANCH, name=name)
    assert match(RowIdentity(name=name, uscc=kit.USCC), wanted, ON) is THEIRS


def test_a_name_counts_on_any_day_where_the_day_is_not_known(wanted: Any) -> None:
    assert match(RowIdentity(name=NEW_NAME), wanted, None) is IN_DOUBT


@pytest.mark.parametrize(
    ("text", "expected"), [("", False), ("0" * 18, False), ("91350200575017604M", True), ("913502005750176O4M", False)]
)
def test_knows_codes(text: str, expected: bool) -> None:  # noqa: FBT001  # a column of the table
    assert is_code(text) is expected


def test_an_identifier_without_anything_in_it_makes_no_row_theirs(kit: Any) -> None:
    wanted = kit.wanted(identifier(4, "-"), identifier(4, " "))
    assert match(RowIdentity(name="别的公司"), wanted, ON) is NOT_THEIRS


def test_knows_organisation_codes(kit: Any) -> None:
    assert is_organisation_code(organisation("12345678"))
    assert not is_organisation_code("00000000" + "0")
    assert not is_organisation_code("1234567890")
    assert kit.USCC[8:17]


TEXTS = st.text("0123456789ABCMX*＊ 示例精密机械有限公司分", max_size=20)


@given(name=TEXTS, uscc=TEXTS, organisation_code=TEXTS, registration_number=TEXTS)
def test_nothing_but_an_identifier_makes_a_row_theirs(kit: Any, wanted: Any, **told: str) -> None:
    row = RowIdentity(**told)
    if match(row, wanted, ON) is THEIRS:
        codes = {
            "".join(fold_width(text).replace("-", "").split()) for column, text in told.items() if column != "name"
        }
        assert codes & {kit.USCC, kit.FORMER, kit.USCC[8:17], kit.FORMER[8:17], REGISTRATION}
