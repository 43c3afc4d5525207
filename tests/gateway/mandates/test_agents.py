"""Agents on both databases: what is asked, what the legal representative confirms, and what is refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from contract.errors import ErrorCode, HurenError
from gateway.mandates.agents import Ask
from gateway.mandates.rules import (
    ASK_DAYS,
    MAX_OPEN_ASKS,
    MAX_WRONG_CODES,
    PAIRING_ALPHABET,
    Standing,
    pairing_digest,
)
from gateway.store import tables
from gateway.store.mandates import Mandate, MandateId, MandateStore
from huren.fragment.v1 import query_pb2
from tests.support.federation import uscc
from tests.support.mandates import (
    BASIC,
    ENTERPRISE,
    EVERYTHING,
    GRANT,
    LOOK_UPS,
    NOW,
    OTHER_ENTERPRISE,
    REPORT,
    SUBSTANTIAL,
    Home,
    person,
)

AGENT = person(1, level=SUBSTANTIAL)
REPRESENTATIVE = person(2, represents=(ENTERPRISE,))
STRANGER = person(3, represents=(OTHER_ENTERPRISE,))

_MOST_LISTED = 500

WRONG = "2222-2222"
"""No code that a test is given: one in 10^11."""


@pytest.fixture
async def met(home: Home) -> Home:
    await home.meet(AGENT, REPRESENTATIVE, STRANGER)
    return home


async def refusal(call: Awaitable[object]) -> tuple[ErrorCode, str]:
    with pytest.raises(HurenError) as refused:
        await call
    return refused.value.code, refused.value.field


async def confirm(home: Home, asked: Ask, *, code: str, expires_on: date | None = None) -> None:
    await home.agents.confirm(
        REPRESENTATIVE,
        ENTERPRISE,
        asked.mandate,
        pairing_code=code,
        scopes=EVERYTHING,
        expires_on=expires_on or home.today,
    )


# --- Asking ---------------------------------------------------------------------------------------------------------------


async def test_an_ask_is_answered_with_an_id_and_a_code_that_is_not_kept(met: Home) -> None:
    asked = await met.agents.ask(AGENT, f" {ENTERPRISE.lower()} ", frozenset({REPORT}))

    assert re.fullmatch(r"[0-9a-f]{32}", asked.mandate)
    assert re.fullmatch(rf"[{PAIRING_ALPHABET}]{{4}}-[{PAIRING_ALPHABET}]{{4}}", asked.pairing_code)
    assert asked.confirm_by == met.today + timedelta(days=ASK_DAYS)
    assert asked.pairing_code not in repr(asked)
    assert await met.audit() == [("mandate", f"person:{AGENT.person}", ENTERPRISE, f"asked {asked.mandate}")]
    async with met.database.read() as connection:
        row = (await connection.execute(select(tables.mandates))).mappings().one()
    assert row["pairing_digest"] == pairing_digest(asked.mandate, asked.pairing_code)
    assert not {asked.pairing_code, asked.pairing_code.replace("-", "")} & {str(value) for value in row.values()}


async def test_who_asks_is_told_the_same_whether_there_is_such_an_enterprise_or_not(met: Home) -> None:
    await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    answers = [await met.agents.ask(AGENT, code, EVERYTHING) for code in (ENTERPRISE, uscc(9999), uscc(3, "91440300"))]

    assert {(len(answer.mandate), len(answer.pairing_code), answer.confirm_by) for answer in answers} == {
        (32, 9, met.today + timedelta(days=ASK_DAYS))
    }


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        pytest.param(ENTERPRISE[:17], ErrorCode.USCC_MALFORMED, id="too-short"),
        pytest.param(uscc(1, "12110105"), ErrorCode.SUBJECT_NOT_ELIGIBLE, id="an-institution"),
    ],
)
async def test_refuses_to_ask_by_the_form_of_the_code(met: Home, code: str, refused: ErrorCode) -> None:
    assert await refusal(met.agents.ask(AGENT, code, EVERYTHING)) == (refused, "uscc")


async def test_refuses_to_ask_after_a_password_login(met: Home) -> None:
    with_password = replace(AGENT, level=BASIC)

    assert await refusal(met.agents.ask(with_password, ENTERPRISE, EVERYTHING)) == (ErrorCode.LEVEL_TOO_LOW, "")
    assert await met.audit() == []


async def test_refuses_to_ask_for_nothing(met: Home) -> None:
    assert await refusal(met.agents.ask(AGENT, ENTERPRISE, frozenset())) == (ErrorCode.MALFORMED_REQUEST, "scopes")


async def test_nobody_has_more_open_asks_than_allowed_also_at_the_same_time(met: Home) -> None:
    asks = [met.agents.ask(AGENT, uscc(number), EVERYTHING) for number in range(MAX_OPEN_ASKS + 3)]
    answers = await asyncio.gather(*asks, return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, HurenError)]
    assert [error.code for error in refused] == [ErrorCode.TOO_MANY_OPEN_ASKS] * 3
    async with met.database.read() as connection:
        assert (
            await connection.execute(select(func.count()).select_from(tables.mandates))
        ).scalar_one() == MAX_OPEN_ASKS
    await met.agents.ask(STRANGER, ENTERPRISE, EVERYTHING)


async def test_asks_that_lapsed_are_open_no_more(met: Home) -> None:
    for number in range(MAX_OPEN_ASKS):
        await met.agents.ask(AGENT, uscc(number), EVERYTHING)
    met.now += timedelta(days=ASK_DAYS)
    assert await refusal(met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)) == (ErrorCode.TOO_MANY_OPEN_ASKS, "")

    met.now += timedelta(days=1)

    await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)


async def test_asking_and_ending_over_and_over_ends_with_the_limit_until_the_next_china_day(met: Home) -> None:
    for number in range(MAX_OPEN_ASKS):
        asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
        await met.agents.withdraw(AGENT if number % 2 else REPRESENTATIVE, asked.mandate)
    assert await refusal(met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)) == (ErrorCode.TOO_MANY_OPEN_ASKS, "")
    assert len(await met.agents.of_enterprise(REPRESENTATIVE, ENTERPRISE)) == MAX_OPEN_ASKS

    met.now += timedelta(hours=11, minutes=59)
    assert await refusal(met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)) == (ErrorCode.TOO_MANY_OPEN_ASKS, "")
    met.now += timedelta(minutes=1)
    await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)


async def test_asks_that_were_confirmed_do_not_count(met: Home) -> None:
    for _ in range(MAX_OPEN_ASKS):
        await met.confirm(REPRESENTATIVE, await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING))
    await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)


# --- Confirming -------------------------------------------------------------------------------------------------------------


async def test_the_legal_representative_confirms_some_of_it_until_a_day(met: Home) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, frozenset({REPORT, GRANT}))
    met.now += timedelta(minutes=2)
    last = met.today + timedelta(days=30)

    shown = await met.agents.confirm(
        REPRESENTATIVE,
        ENTERPRISE,
        asked.mandate,
        pairing_code=asked.pairing_code.lower().replace("-", " "),
        scopes=frozenset({REPORT}),
        expires_on=last,
    )

    assert (shown.standing, shown.scopes, shown.asked_at, shown.confirmed_at, shown.expires_on) == (
        Standing.IN_FORCE,
        frozenset({REPORT}),
        NOW,
        met.now,
        last,
    )
    assert await met.agents.of_person(AGENT) == await met.agents.of_enterprise(REPRESENTATIVE, ENTERPRISE) == [shown]
    assert (await met.audit())[1:] == [
        ("mandate", f"person:{REPRESENTATIVE.person}", ENTERPRISE, f"confirmed {asked.mandate}")
    ]


async def test_the_fifth_wrong_code_ends_the_ask(met: Home) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    for code in (WRONG, "", "no code", WRONG, WRONG):
        assert await refusal(confirm(met, asked, code=code)) == (ErrorCode.PAIRING_CODE_WRONG, "pairing_code")

    assert await refusal(confirm(met, asked, code=asked.pairing_code)) == (ErrorCode.MANDATE_NOT_FOUND, "")
    assert [one.standing for one in await met.agents.of_person(AGENT)] == [Standing.ENDED]
    assert [line[3] for line in await met.audit()] == [
        f"asked {asked.mandate}",
        *[f"wrong code {asked.mandate}"] * (MAX_WRONG_CODES - 1),
        f"last wrong code {asked.mandate}",
    ]


async def test_wrong_codes_are_counted_also_at_the_same_time(met: Home) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    codes = await asyncio.gather(*(refusal(confirm(met, asked, code=WRONG)) for _ in range(MAX_WRONG_CODES + 3)))

    told = [code for code, _ in codes]
    assert told.count(ErrorCode.PAIRING_CODE_WRONG) == MAX_WRONG_CODES
    assert told.count(ErrorCode.MANDATE_NOT_FOUND) == 3


async def test_four_wrong_codes_leave_a_fifth_try(met: Home) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    for _ in range(MAX_WRONG_CODES - 1):
        await refusal(confirm(met, asked, code=WRONG))

    await confirm(met, asked, code=asked.pairing_code)

    assert [one.standing for one in await met.agents.of_person(AGENT)] == [Standing.IN_FORCE]


async def test_the_code_of_one_ask_confirms_no_other(met: Home) -> None:
    first = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    second = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)

    assert await refusal(confirm(met, first, code=second.pairing_code)) == (
        ErrorCode.PAIRING_CODE_WRONG,
        "pairing_code",
    )


@pytest.mark.parametrize("level", [BASIC, SUBSTANTIAL])
async def test_only_the_high_level_confirms(met: Home, level: query_pb2.IdentityLevel.ValueType) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    lower = replace(REPRESENTATIVE, level=level)

    assert await refusal(met.confirm(lower, asked)) == (ErrorCode.LEVEL_TOO_LOW, "")


async def test_whoever_does_not_represent_the_enterprise_confirms_nothing(met: Home) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)

    assert await refusal(met.confirm(STRANGER, asked)) == (ErrorCode.NO_MANDATE, "")
    assert await refusal(met.confirm(AGENT, asked)) == (ErrorCode.LEVEL_TOO_LOW, "")
    assert await refusal(met.confirm(STRANGER, asked, enterprise=OTHER_ENTERPRISE)) == (ErrorCode.MANDATE_NOT_FOUND, "")
    assert len(await met.audit()) == 1


async def test_nobody_confirms_their_own_ask(met: Home) -> None:
    asked = await met.agents.ask(REPRESENTATIVE, ENTERPRISE, EVERYTHING)

    assert await refusal(met.confirm(REPRESENTATIVE, asked)) == (ErrorCode.MANDATE_NOT_FOUND, "")


@pytest.mark.parametrize("mandate", ["0" * 32, "", "\x00", "\ud800", "' OR 1=1 --", "F" * 5000])
async def test_an_id_that_is_nobodys_is_not_found(met: Home, mandate: str) -> None:
    asked = replace(await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING), mandate=MandateId(mandate))

    assert await refusal(met.confirm(REPRESENTATIVE, asked)) == (ErrorCode.MANDATE_NOT_FOUND, "")
    assert await refusal(met.agents.withdraw(AGENT, mandate)) == (ErrorCode.MANDATE_NOT_FOUND, "")


async def test_an_ask_is_confirmed_once(met: Home) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    await met.confirm(REPRESENTATIVE, asked)

    later = met.today + timedelta(days=300)
    assert await refusal(met.confirm(REPRESENTATIVE, asked, expires_on=later)) == (ErrorCode.MANDATE_NOT_FOUND, "")
    assert [one.expires_on for one in await met.agents.of_person(AGENT)] == [met.today]


async def test_an_ask_lapses_after_its_last_china_day(met: Home) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    met.now += timedelta(days=ASK_DAYS, hours=11, minutes=59)
    assert await refusal(confirm(met, asked, code=WRONG)) == (ErrorCode.PAIRING_CODE_WRONG, "pairing_code")

    met.now += timedelta(minutes=1)

    assert await refusal(met.confirm(REPRESENTATIVE, asked)) == (ErrorCode.MANDATE_NOT_FOUND, "")
    assert [one.standing for one in await met.agents.of_person(AGENT)] == [Standing.LAPSED]


@pytest.mark.parametrize(
    ("last", "accepted"),
    [
        pytest.param(date(2026, 11, 21), False, id="yesterday"),
        pytest.param(date(2026, 11, 22), True, id="today"),
        pytest.param(date(2027, 11, 22), True, id="a-year"),
        pytest.param(date(2027, 11, 23), False, id="a-year-and-a-day"),
        pytest.param(date.max, False, id="for-ever"),
    ],
)
async def test_a_mandate_ends_within_a_year(met: Home, last: date, accepted: bool) -> None:  # noqa: FBT001  # a parameter of the test
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    if accepted:
        await met.confirm(REPRESENTATIVE, asked, expires_on=last)
    else:
        refused = await refusal(met.confirm(REPRESENTATIVE, asked, expires_on=last))
        assert refused == (ErrorCode.MALFORMED_REQUEST, "expires_on")


@pytest.mark.parametrize("scopes", [frozenset(), frozenset({REPORT, LOOK_UPS})], ids=["none", "more-than-asked"])
async def test_no_more_is_confirmed_than_was_asked(met: Home, scopes: frozenset[object]) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, frozenset({REPORT, GRANT}))

    refused = await refusal(met.confirm(REPRESENTATIVE, asked, scopes=scopes))  # type: ignore[arg-type]  # frozenset() of nothing
    assert refused == (ErrorCode.MALFORMED_REQUEST, "scopes")
    assert len(await met.audit()) == 1


# --- Ending and lists -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "whose"), [(AGENT, "agent"), (REPRESENTATIVE, "enterprise")])
@pytest.mark.parametrize("confirmed", [False, True], ids=["asked", "confirmed"])
async def test_either_ends_it(met: Home, who: object, whose: str, confirmed: bool) -> None:  # noqa: FBT001  # as above
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    if confirmed:
        await met.confirm(REPRESENTATIVE, asked)
    one = AGENT if who is AGENT else REPRESENTATIVE

    ended = await met.agents.withdraw(one, asked.mandate)
    again = await met.agents.withdraw(one, asked.mandate)

    assert ended == again
    assert (ended.standing, ended.ended_at) == (Standing.ENDED, met.now)
    assert [line[1:] for line in (await met.audit())[1 + confirmed :]] == [
        (f"person:{one.person}", ENTERPRISE, f"withdrawn by {whose} {asked.mandate}")
    ]
    assert await refusal(met.confirm(REPRESENTATIVE, asked)) == (ErrorCode.MANDATE_NOT_FOUND, "")


async def test_nobody_else_ends_it(met: Home) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)

    assert await refusal(met.agents.withdraw(STRANGER, asked.mandate)) == (ErrorCode.MANDATE_NOT_FOUND, "")
    with_password = replace(AGENT, level=BASIC)
    assert await refusal(met.agents.withdraw(with_password, asked.mandate)) == (ErrorCode.LEVEL_TOO_LOW, "")


async def test_lists_show_ones_own_and_name_nobody(met: Home) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    await met.agents.ask(STRANGER, uscc(5), EVERYTHING)

    listed = await met.agents.of_enterprise(REPRESENTATIVE, ENTERPRISE)

    assert [(one.mandate, one.standing) for one in listed] == [(asked.mandate, Standing.ASKED)]
    assert AGENT.person not in repr(listed)
    assert [one.mandate for one in await met.agents.of_person(AGENT)] == [asked.mandate]
    assert await met.agents.of_person(REPRESENTATIVE) == []


async def test_the_list_of_an_enterprise_is_for_who_represents_it(met: Home) -> None:
    for code in (ENTERPRISE, uscc(9999)):
        assert await refusal(met.agents.of_enterprise(STRANGER, code)) == (ErrorCode.NO_MANDATE, "")
    with_password = replace(REPRESENTATIVE, level=BASIC)
    assert await refusal(met.agents.of_enterprise(with_password, ENTERPRISE)) == (ErrorCode.LEVEL_TOO_LOW, "")


async def test_asks_do_not_push_a_confirmed_mandate_down(met: Home) -> None:
    confirmed = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    await met.confirm(REPRESENTATIVE, confirmed)
    met.now += timedelta(minutes=1)
    ended = await met.agents.ask(STRANGER, ENTERPRISE, EVERYTHING)
    await met.agents.withdraw(STRANGER, ended.mandate)
    waiting = await met.agents.ask(STRANGER, ENTERPRISE, EVERYTHING)

    listed = await met.agents.of_enterprise(REPRESENTATIVE, ENTERPRISE)

    assert [one.mandate for one in listed] == [confirmed.mandate, waiting.mandate, ended.mandate]


async def test_an_ask_that_others_pushed_off_the_list_is_confirmed_by_its_id_and_code(met: Home) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    met.now += timedelta(minutes=1)
    waiting = Mandate(
        mandate=asked.mandate,
        uscc=ENTERPRISE,
        person=STRANGER.person,
        pairing_digest=b"",
        scopes=EVERYTHING,
        asked_at=met.now,
    )
    store = MandateStore(met.database)
    for number in range(_MOST_LISTED):  # of many people, as far as this enterprise can tell
        newer = replace(waiting, mandate=MandateId(f"{number:032x}"))
        assert await store.add(newer, open_since=met.now, ended_since=met.now, most_open=_MOST_LISTED)

    listed = await met.agents.of_enterprise(REPRESENTATIVE, ENTERPRISE)
    assert len(listed) == _MOST_LISTED
    assert asked.mandate not in {one.mandate for one in listed}
    await met.confirm(REPRESENTATIVE, asked)
    first, *_ = await met.agents.of_enterprise(REPRESENTATIVE, ENTERPRISE)
    assert (first.mandate, first.standing) == (asked.mandate, Standing.IN_FORCE)


async def test_a_mandate_expires_with_its_last_china_day(met: Home) -> None:
    asked = await met.agents.ask(AGENT, ENTERPRISE, EVERYTHING)
    await met.confirm(REPRESENTATIVE, asked)
    met.now += timedelta(hours=11, minutes=59)
    assert [one.standing for one in await met.agents.of_person(AGENT)] == [Standing.IN_FORCE]

    met.now += timedelta(minutes=1)

    assert [one.standing for one in await met.agents.of_person(AGENT)] == [Standing.EXPIRED]
