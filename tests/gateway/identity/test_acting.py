"""For whom people may act, on both databases: representatives, agents, window staff, officers, and nobody else."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta

import pytest

from contract.errors import ErrorCode, HurenError
from contract.uscc import Uscc
from gateway.domain.persons import MandateScope, Person, StaffRole
from gateway.domain.request import Caller
from gateway.identity.acting import Acts, Capacity
from gateway.store.tables import prepare
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from runtime.database import Database
from tests.support.federation import uscc
from tests.support.mandates import (
    BASIC,
    ENTERPRISE,
    EVERYTHING,
    GRANT,
    HIGH,
    LOOK_UPS,
    OTHER_ENTERPRISE,
    OTHER_UNIT,
    PDF,
    REPORT,
    SUBSTANTIAL,
    UNIT,
    Home,
    person,
    staff,
)

AGENT = person(1, level=SUBSTANTIAL, channel=common_pb2.CHANNEL_MINI_PROGRAM)
REPRESENTATIVE = person(2, represents=(ENTERPRISE,))
CLERK = person(11, staff=staff(StaffRole.WINDOW_CLERK))
COLLEAGUE = person(12, staff=staff(StaffRole.WINDOW_CLERK, number="1043"))
THIRD = person(13, staff=staff(StaffRole.WINDOW_CLERK, number="1044"))
REVIEWER = person(14, staff=staff(StaffRole.REVIEWER))
ELSEWHERE = person(15, staff=staff(StaffRole.WINDOW_CLERK, unit=OTHER_UNIT))
OFFICER = person(16, staff=staff(StaffRole.OFFICER, number="20260042"))

SELF_BASIS = query_pb2.AUTHORISATION_BASIS_SELF
AGENT_BASIS = query_pb2.AUTHORISATION_BASIS_AGENT


@pytest.fixture
async def home(database: Database) -> Home:
    await prepare(database)
    made = Home(database)
    await made.meet(AGENT, REPRESENTATIVE)
    return made


async def refusal(call: Awaitable[object]) -> ErrorCode:
    with pytest.raises(HurenError) as refused:
        await call
    return refused.value.code


async def mandate(home: Home, *scopes: MandateScope) -> str:
    asked = await home.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    await home.confirm(REPRESENTATIVE, asked, scopes=frozenset(scopes) or EVERYTHING)
    return asked.mandate


async def paper(home: Home, *, confirmed_by: Person | None = REVIEWER) -> str:
    filed = await home.windows.file(CLERK, ENTERPRISE, PDF, "application/pdf")
    if confirmed_by is not None:
        await home.windows.confirm(confirmed_by, filed)
    return filed


# --- For an enterprise ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [SUBSTANTIAL, HIGH])
async def test_the_legal_representative_acts_for_the_enterprise_itself(
    home: Home, level: query_pb2.IdentityLevel.ValueType
) -> None:
    caller = await home.acting.for_enterprise(replace(REPRESENTATIVE, level=level), ENTERPRISE, REPORT)

    assert caller == Caller(
        reference=f"enterprise:{ENTERPRISE}",
        uscc=ENTERPRISE,
        identity_level=level,
        basis=SELF_BASIS,
        actor=REPRESENTATIVE.person,
        post="法定代表人",
        channel=common_pb2.CHANNEL_WEB,
    )


async def test_an_agent_acts_for_what_was_confirmed_until_its_last_china_day(home: Home) -> None:
    await mandate(home, REPORT, LOOK_UPS)

    assert await home.acting.for_enterprise(AGENT, ENTERPRISE, REPORT) == Caller(
        reference=f"enterprise:{ENTERPRISE}",
        uscc=ENTERPRISE,
        identity_level=SUBSTANTIAL,
        basis=AGENT_BASIS,
        actor=AGENT.person,
        post="经办人",
        channel=common_pb2.CHANNEL_MINI_PROGRAM,
    )
    assert await refusal(home.acting.for_enterprise(AGENT, ENTERPRISE, GRANT)) is ErrorCode.NO_MANDATE
    assert await refusal(home.acting.for_enterprise(AGENT, OTHER_ENTERPRISE, REPORT)) is ErrorCode.NO_MANDATE
    home.now += timedelta(hours=11, minutes=59)
    await home.acting.for_enterprise(AGENT, ENTERPRISE, LOOK_UPS)
    home.now += timedelta(minutes=1)
    assert await refusal(home.acting.for_enterprise(AGENT, ENTERPRISE, REPORT)) is ErrorCode.NO_MANDATE


async def test_an_ask_lets_nobody_act(home: Home) -> None:
    await home.agents.ask(AGENT, ENTERPRISE, EVERYTHING)

    assert await refusal(home.acting.for_enterprise(AGENT, ENTERPRISE, REPORT)) is ErrorCode.NO_MANDATE
    assert await home.acting.enterprises(AGENT) == []


@pytest.mark.parametrize("who", [AGENT, REPRESENTATIVE], ids=["agent", "representative"])
async def test_a_mandate_that_was_withdrawn_lets_nobody_act(home: Home, who: Person) -> None:
    await home.agents.withdraw(who, await mandate(home))

    assert await refusal(home.acting.for_enterprise(AGENT, ENTERPRISE, REPORT)) is ErrorCode.NO_MANDATE


async def test_who_logged_in_with_a_password_acts_for_nobody(home: Home) -> None:
    await mandate(home)
    await paper(home)

    for who in (AGENT, REPRESENTATIVE, CLERK, person(99)):
        for level in (BASIC, query_pb2.IDENTITY_LEVEL_UNSPECIFIED):
            refused = await refusal(home.acting.for_enterprise(replace(who, level=level), ENTERPRISE, REPORT))
            assert refused is ErrorCode.LEVEL_TOO_LOW


@pytest.mark.parametrize("code", [ENTERPRISE, OTHER_ENTERPRISE, uscc(9999), UNIT])
async def test_a_stranger_is_told_the_same_of_every_enterprise(home: Home, code: Uscc) -> None:
    await mandate(home)

    for who in (person(99), CLERK, OFFICER):
        assert await refusal(home.acting.for_enterprise(who, code, REPORT)) is ErrorCode.NO_MANDATE


async def test_one_person_acts_for_many_enterprises(home: Home) -> None:
    other = person(3, represents=(OTHER_ENTERPRISE,))
    await mandate(home, REPORT)
    asked = await home.agents.ask(AGENT, OTHER_ENTERPRISE, EVERYTHING)
    await home.confirm(other, asked, enterprise=OTHER_ENTERPRISE, expires_on=home.today + timedelta(days=9))

    own = replace(AGENT, represents=frozenset({uscc(5)}))

    assert await home.acting.enterprises(own) == sorted(
        [
            Acts(uscc=ENTERPRISE, capacity=Capacity.AGENT, scopes=frozenset({REPORT}), expires_on=home.today),
            Acts(
                uscc=OTHER_ENTERPRISE,
                capacity=Capacity.AGENT,
                scopes=EVERYTHING,
                expires_on=home.today + timedelta(days=9),
            ),
            Acts(uscc=uscc(5), capacity=Capacity.LEGAL_REPRESENTATIVE, scopes=EVERYTHING, expires_on=None),
        ],
        key=lambda acts: acts.uscc,
    )
    home.now += timedelta(days=1)
    assert [acts.uscc for acts in await home.acting.enterprises(AGENT)] == [OTHER_ENTERPRISE]


# --- At a window ------------------------------------------------------------------------------------------------------------


async def test_a_clerk_acts_on_a_confirmed_paper_by_way_of_the_window(home: Home) -> None:
    await paper(home)

    assert await home.acting.for_enterprise(CLERK, ENTERPRISE, REPORT) == Caller(
        reference=f"enterprise:{ENTERPRISE}",
        uscc=ENTERPRISE,
        identity_level=HIGH,
        basis=AGENT_BASIS,
        actor=CLERK.person,
        unit="示例区政务服务中心",
        post="综合窗口（工号**42）",
        channel=common_pb2.CHANNEL_WINDOW,
    )
    assert await home.acting.enterprises(CLERK) == [
        Acts(uscc=ENTERPRISE, capacity=Capacity.WINDOW, scopes=EVERYTHING, expires_on=home.today)
    ]
    await home.acting.for_enterprise(COLLEAGUE, ENTERPRISE, REPORT)
    home.now += timedelta(hours=12)
    assert await refusal(home.acting.for_enterprise(CLERK, ENTERPRISE, REPORT)) is ErrorCode.NO_MANDATE
    assert await home.acting.enterprises(CLERK) == []


@pytest.mark.parametrize("who", [ELSEWHERE, REVIEWER, OFFICER], ids=["another-unit", "reviewer", "officer"])
async def test_only_clerks_of_the_unit_act_on_its_paper(home: Home, who: Person) -> None:
    await paper(home)

    assert await refusal(home.acting.for_enterprise(who, ENTERPRISE, REPORT)) is ErrorCode.NO_MANDATE
    assert await home.acting.enterprises(who) == []


async def test_a_paper_that_nobody_confirmed_or_that_ended_lets_nobody_act(home: Home) -> None:
    await paper(home, confirmed_by=None)
    await home.windows.end(CLERK, await paper(home))

    assert await refusal(home.acting.for_enterprise(CLERK, ENTERPRISE, REPORT)) is ErrorCode.NO_MANDATE


async def test_who_confirmed_a_paper_does_not_act_on_it(home: Home) -> None:
    await paper(home, confirmed_by=COLLEAGUE)

    assert await refusal(home.acting.for_enterprise(COLLEAGUE, ENTERPRISE, REPORT)) is ErrorCode.NO_MANDATE
    assert await home.acting.enterprises(COLLEAGUE) == []
    assert (await home.acting.for_enterprise(CLERK, ENTERPRISE, REPORT)).actor == CLERK.person
    assert (await home.acting.for_enterprise(THIRD, ENTERPRISE, REPORT)).actor == THIRD.person


# --- On duty ----------------------------------------------------------------------------------------------------------------


async def test_an_officer_acts_for_the_unit_in_a_matter(home: Home) -> None:
    assert home.acting.for_duty(OFFICER, " 示例函〔2026〕1号 ") == Caller(
        reference=f"person:{OFFICER.person}",
        uscc=UNIT,
        identity_level=HIGH,
        basis=query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY,
        actor=OFFICER.person,
        unit="示例区政务服务中心",
        post="综合窗口（工号**42）",
        channel=common_pb2.CHANNEL_WEB,
        matter_number="示例函〔2026〕1号",
    )


@pytest.mark.parametrize(
    "who", [AGENT, REPRESENTATIVE, CLERK, REVIEWER, replace(OFFICER, level=BASIC)], ids=lambda who: who.person[-2:]
)
async def test_only_officers_act_on_duty(home: Home, who: Person) -> None:
    with pytest.raises(HurenError) as refused:
        home.acting.for_duty(who, "示例函〔2026〕1号")

    assert refused.value.code is ErrorCode.NOT_PERMITTED
    assert "{" not in refused.value.message_zh + refused.value.message_en


@pytest.mark.parametrize("number", ["XK-2026/00042", "示" * 64, "（京）示例案〔2026〕第3号", "A.1·2_3"])
async def test_takes_matter_numbers_as_they_are_written(home: Home, number: str) -> None:
    assert home.acting.for_duty(OFFICER, number).matter_number == number


@pytest.mark.parametrize(
    "number",
    ["", "  ", "示" * 65, "a\nb", "a\x00b", "示例 1号", "=1+2", "-1", "@a", "<b>", "a\u202eb", "\ud800"],
    ids=ascii,
)
async def test_refuses_what_is_no_matter_number(home: Home, number: str) -> None:
    with pytest.raises(HurenError) as refused:
        home.acting.for_duty(OFFICER, number)

    assert (refused.value.code, refused.value.field) == (ErrorCode.MALFORMED_REQUEST, "matter_number")


@pytest.mark.parametrize("role", StaffRole)
async def test_staff_does_what_its_roles_say(home: Home, role: StaffRole) -> None:
    one = person(20, staff=staff(role))

    assert home.acting.for_staff(one, role) == one.staff
    for other in set(StaffRole) - {role}:
        with pytest.raises(HurenError) as refused:
            home.acting.for_staff(one, other)
        assert refused.value.code is ErrorCode.NOT_PERMITTED
