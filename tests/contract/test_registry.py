"""What a registry knows of a subject: its home on a day, and everything by which sources may know it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from contract.payloads import check_constraints
from contract.province import Province
from contract.registry import FormerCode, FormerName, Registration, RegistryEntry, code_identifiers
from contract.uscc import Uscc
from huren.common.v1 import common_pb2
from tests.support.federation import SUBJECT_CODE, registry_entry, subject, uscc

MOVED = RegistryEntry(
    uscc=SUBJECT_CODE,
    name="示例机械（河北）有限公司",
    kind=common_pb2.SUBJECT_KIND_ENTERPRISE,
    status=common_pb2.REGISTRATION_STATUS_ACTIVE,
    registrations=(
        Registration(province=Province.BEIJING, since=date(2010, 1, 4)),
        Registration(province=None, since=date(2018, 6, 1)),
        Registration(province=Province.HEBEI, since=date(2022, 3, 1)),
    ),
    former_names=(
        FormerName(name="北京示例机械有限公司", valid_from=date(2010, 1, 4), valid_to=date(2018, 5, 31)),
        FormerName(name="示例机械有限公司", valid_to=date(2022, 2, 28)),
    ),
    former_codes=(FormerCode(uscc=uscc(7, "92110105"), valid_to=date(2012, 5, 6)),),
    registration_number="110105000000001",
)


@pytest.mark.parametrize(
    ("day", "home"),
    [
        pytest.param(date(2010, 1, 3), None, id="not registered yet"),
        pytest.param(date(2010, 1, 4), Province.BEIJING, id="first day"),
        pytest.param(date(2018, 5, 31), Province.BEIJING, id="last day"),
        pytest.param(date(2018, 6, 1), None, id="outside the federation"),
        pytest.param(date(2022, 2, 28), None, id="last day outside"),
        pytest.param(date(2022, 3, 1), Province.HEBEI, id="first day of the new home"),
        pytest.param(date(2026, 11, 22), Province.HEBEI, id="today"),
    ],
)
def test_home_is_where_the_subject_was_registered_on_the_day(day: date, home: Province | None) -> None:
    assert MOVED.home_on(day) is home


def test_the_order_of_registrations_does_not_matter() -> None:
    shuffled = MOVED.model_copy(update={"registrations": MOVED.registrations[::-1]})

    assert shuffled.home_on(date(2012, 1, 1)) is Province.BEIJING
    assert shuffled.home_on(date(2026, 11, 22)) is Province.HEBEI


def test_identifiers_hold_everything_with_its_days() -> None:
    found = [(entry.kind, entry.value, entry.valid_from, entry.valid_to) for entry in MOVED.identifiers()]

    assert found == [
        (common_pb2.IDENTIFIER_KIND_USCC, SUBJECT_CODE, "", ""),
        (common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE, SUBJECT_CODE[8:17], "", ""),
        (common_pb2.IDENTIFIER_KIND_FORMER_USCC, uscc(7, "92110105"), "", "2012-05-06"),
        (common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, "110105000000001", "", ""),
        (common_pb2.IDENTIFIER_KIND_NAME, "示例机械（河北）有限公司", "2022-03-01", ""),
        (common_pb2.IDENTIFIER_KIND_FORMER_NAME, "北京示例机械有限公司", "2010-01-04", "2018-05-31"),
        (common_pb2.IDENTIFIER_KIND_FORMER_NAME, "示例机械有限公司", "", "2022-02-28"),
    ]


def test_identifiers_fit_the_contract() -> None:
    made = subject()
    made.ClearField("identifiers")
    made.identifiers.extend(MOVED.identifiers())

    check_constraints(made)


def test_exactly_one_identifier_is_the_code() -> None:
    codes = [entry.value for entry in MOVED.identifiers() if entry.kind == common_pb2.IDENTIFIER_KIND_USCC]

    assert codes == [SUBJECT_CODE]


def test_the_code_alone_gives_two_identifiers() -> None:
    assert registry_entry().identifiers()[:2] == code_identifiers(SUBJECT_CODE)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"uscc": "91110105MA0000001O"}, id="a wrong code"),
        pytest.param({"uscc": ""}, id="no code"),
        pytest.param({"name": ""}, id="no name"),
        pytest.param({"kind": 0}, id="no kind"),
        pytest.param({"status": 0}, id="no status"),
        pytest.param({"registrations": ()}, id="registered nowhere"),
        pytest.param({"registration_number": "11010500000000"}, id="a short registration number"),
        pytest.param({"remark": "?"}, id="unknown name"),
    ],
)
def test_refuses_entries_that_say_too_little(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RegistryEntry.model_validate({**registry_entry().model_dump(), **changes})


def test_the_code_is_kept_in_its_canonical_form() -> None:
    entry = RegistryEntry.model_validate({**registry_entry().model_dump(), "uscc": f" {SUBJECT_CODE.lower()} "})

    assert entry.uscc == SUBJECT_CODE
    assert entry.identifiers()[0].value == Uscc(SUBJECT_CODE)
