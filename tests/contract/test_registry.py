"""What a registry knows of a subject: its home on a day, and everything by which sources may know it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from contract.payloads import check_constraints
from contract.province import Province
from contract.registry import FormerCode, FormerName, Move, Registration, RegistryEntry, code_identifiers
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


def registered(*homes: tuple[Province | None, date]) -> RegistryEntry:
    where = tuple(Registration(province=province, since=since) for province, since in homes)
    return RegistryEntry(**(registry_entry().model_dump() | {"registrations": where}))


BEIJING, TIANJIN = (Province.BEIJING, date(2010, 1, 4)), (Province.TIANJIN, date(2022, 3, 1))
INTO_TIANJIN = Move(old_home=Province.BEIJING, new_home=Province.TIANJIN, registered_on=date(2022, 3, 1))


@pytest.mark.parametrize(
    ("homes", "day", "move"),
    [
        pytest.param([BEIJING], date(2026, 1, 1), None, id="never moved"),
        pytest.param([BEIJING, TIANJIN], date(2022, 2, 28), None, id="not yet"),
        pytest.param([BEIJING, TIANJIN], date(2022, 3, 1), INTO_TIANJIN, id="first day"),
        pytest.param([TIANJIN, BEIJING], date(2026, 1, 1), INTO_TIANJIN, id="in another order"),
        pytest.param([BEIJING, (None, date(2018, 6, 1)), TIANJIN], date(2026, 1, 1), None, id="from outside"),
        pytest.param([BEIJING, TIANJIN, (None, date(2024, 6, 1))], date(2026, 1, 1), None, id="left"),
        pytest.param(
            [BEIJING, TIANJIN, (Province.TIANJIN, date(2024, 6, 1))],
            date(2026, 1, 1),
            INTO_TIANJIN,
            id="within Tianjin",
        ),
        pytest.param(
            [BEIJING, TIANJIN, (Province.BEIJING, date(2024, 6, 1))],
            date(2026, 1, 1),
            Move(old_home=Province.TIANJIN, new_home=Province.BEIJING, registered_on=date(2024, 6, 1)),
            id="back",
        ),
        pytest.param([], date(2026, 1, 1), None, id="not registered at all"),
    ],
)
def test_the_last_move_is_from_the_member_right_before(
    homes: list[tuple[Province | None, date]], day: date, move: Move | None
) -> None:
    entry = registered(*(homes or [(Province.SHANXI, date(2027, 1, 1))]))

    assert entry.last_move(day) == move


def test_a_registration_begins_with_the_first_of_those_that_follow_each_other_in_one_province() -> None:
    entry = registered(BEIJING, TIANJIN, (Province.TIANJIN, date(2024, 6, 1)))

    assert entry.registration_on(date(2026, 1, 1)) == Registration(province=Province.TIANJIN, since=date(2022, 3, 1))
    assert entry.registration_on(date(2009, 1, 1)) is None


def test_two_homes_from_one_day_on_are_refused() -> None:
    with pytest.raises(ValidationError, match="two registrations begin on one day"):
        registered(BEIJING, (Province.TIANJIN, BEIJING[1]))


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
