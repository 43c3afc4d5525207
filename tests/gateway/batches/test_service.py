"""Batches on both databases: begun once, asked line by line, each line with its own authority, told line by line."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Integer, LargeBinary, insert, select

from contract.errors import ErrorCode, HurenError
from contract.uscc import Uscc
from gateway.batches.callers import BatchCaller, BatchKind, BatchPerson
from gateway.batches.lists import from_json
from gateway.batches.service import MOST_LINES, MOST_RUNNING, moved
from gateway.domain.persons import PersonRef
from gateway.store import tables
from gateway.store.batches import BatchState, GrantsInStore, LineState
from gateway.store.rows import instant_text
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.database import Database
from runtime.errors import StoreUnavailableError
from tests.gateway.batches.shop import AGENT, BANK, GROUP, HIGH, INSTITUTION, House, house, listed
from tests.support.federation import CATALOGUE, NOW, uscc

ONE, TWO, THREE = uscc(1), uscc(2), uscc(3)
DOMAIN = CATALOGUE.domains[0].id
CHOICES = wire.RequestReportRequest(domains=[DOMAIN], purpose=query_pb2.PURPOSE_LISTING)
KEY = "batch-of-today"
STRANGER = BatchCaller(kind=BatchKind.GROUP, by=BatchPerson(person=PersonRef("b" * 32), level=HIGH))
GRANT, OTHER_GRANT = b"\x01" * 32, b"\x02" * 32


@pytest.fixture
async def home(database: Database) -> House:
    return await house(database)


async def begun(home: House, *codes: str, caller: BatchCaller = GROUP, repeat_days: int = 0) -> str:
    return await home.service().begin(caller, CHOICES, listed(*codes), idempotency_key=KEY, repeat_days=repeat_days)


async def refused(awaitable: Awaitable[object]) -> HurenError:
    with pytest.raises(HurenError) as raised:
        await awaitable
    return raised.value


# --- Beginning ----------------------------------------------------------------------------------------------------------


async def test_a_batch_asks_for_every_line_with_the_same_choices_on_its_own_behalf(home: House) -> None:
    batch = await begun(home, ONE, TWO)
    await home.work_all()

    view = await home.service().find(batch, GROUP)
    assert (view.batch.state, view.counts, view.batch.ended_at) == (BatchState.DONE, {LineState.SEALED: 2}, NOW)
    for code in (ONE, TWO):
        (request,) = home.shop.requests_about(code)
        assert (request.caller.uscc, request.message.uscc) == (code, code)
        assert (list(request.message.domains), request.message.purpose) == ([DOMAIN], query_pb2.PURPOSE_LISTING)
        assert (request.message.basis, request.message.grant_statement_id) == (0, b"")


async def test_the_same_batch_under_the_same_key_is_begun_once(home: House) -> None:
    first, again = await begun(home, ONE, TWO), await begun(home, ONE, TWO)
    await home.work_all()
    assert first == again
    assert len(home.shop.opened) == 2


@pytest.mark.parametrize(
    ("codes", "repeat_days"), [pytest.param((ONE,), 0, id="lines"), pytest.param((ONE, TWO), 30, id="schedule")]
)
async def test_another_batch_under_the_same_key_is_refused(
    home: House, codes: tuple[str, ...], repeat_days: int
) -> None:
    await begun(home, ONE, TWO)
    error = await refused(begun(home, *codes, repeat_days=repeat_days))
    assert error.code is ErrorCode.IDEMPOTENCY_KEY_REUSED


async def test_two_owners_may_use_the_same_key(home: House) -> None:
    assert await begun(home, ONE) != await begun(home, ONE, caller=STRANGER)


async def test_nobody_begins_a_batch_with_a_password_alone(home: House) -> None:
    browsing = BatchCaller(kind=BatchKind.GROUP, by=BatchPerson(person=AGENT, level=query_pb2.IDENTITY_LEVEL_BASIC))
    assert (await refused(begun(home, ONE, caller=browsing))).code is ErrorCode.LEVEL_TOO_LOW
    assert await home.service().list(GROUP) == ()


async def test_nobody_begins_a_batch_of_a_unit_for_which_they_may_not_act(home: House) -> None:
    home.callers.errors[BANK] = HurenError(ErrorCode.NO_MANDATE)
    assert (await refused(begun(home, ONE, caller=INSTITUTION))).code is ErrorCode.NO_MANDATE


@pytest.mark.parametrize(
    ("choices", "code"),
    [
        pytest.param(wire.RequestReportRequest(domains=["nothing"]), ErrorCode.DOMAIN_UNKNOWN, id="domain"),
        pytest.param(
            wire.RequestReportRequest(window=common_pb2.Window(first_day="2026-01-01", last_day="2027-01-01")),
            ErrorCode.WINDOW_IN_FUTURE,
            id="window",
        ),
    ],
)
async def test_choices_that_no_line_could_be_asked_with_refuse_the_batch(
    home: House, choices: wire.RequestReportRequest, code: ErrorCode
) -> None:
    error = await refused(home.service().begin(GROUP, choices, listed(ONE), idempotency_key=KEY))
    assert error.code is code


@pytest.mark.parametrize(
    ("key", "codes", "repeat_days"),
    [
        pytest.param("short", [ONE], 0, id="key"),
        pytest.param("repeat=of-another", [ONE], 0, id="key-of-repetitions"),
        pytest.param(KEY, [], 0, id="no-lines"),
        pytest.param(KEY, [ONE], 1, id="every-day"),
    ],
)
async def test_refuses_what_no_batch_may_be(home: House, key: str, codes: list[str], repeat_days: int) -> None:
    lines = listed(*codes) if codes else ()
    error = await refused(home.service().begin(GROUP, CHOICES, lines, idempotency_key=key, repeat_days=repeat_days))
    assert error.code is ErrorCode.MALFORMED_REQUEST


async def test_a_person_who_may_ask_for_nobody_begins_no_batch_and_still_sees_the_ones_it_began(home: House) -> None:
    batch = await begun(home, ONE)
    home.callers.nobodys.add(AGENT)
    service = home.service()
    again = [
        await refused(service.begin(GROUP, CHOICES, listed(ONE), idempotency_key="another-key")),
        await refused(service.repeat(batch, GROUP, idempotency_key="another-key")),
    ]
    assert {error.code for error in again} == {ErrorCode.NO_MANDATE}
    assert [view.batch.batch for view in await service.list(GROUP)] == [batch]
    assert (await service.cancel(batch, GROUP)).batch.state is BatchState.CANCELLED


async def test_a_unit_begins_batches_whatever_else_its_people_may_do(home: House) -> None:
    home.callers.nobodys.add(AGENT)
    colleague = BatchCaller(kind=BatchKind.INSTITUTION, unit=BANK, by=BatchPerson(person=AGENT, level=HIGH))
    assert await begun(home, BANK, caller=colleague)


@pytest.mark.parametrize("caller", [GROUP, INSTITUTION], ids=["group", "institution"])
async def test_no_more_batches_of_an_owner_run_than_may_also_when_begun_at_the_same_time(
    home: House, caller: BatchCaller
) -> None:
    begins = [
        home.service().begin(caller, CHOICES, listed(ONE), idempotency_key=f"batch-number-{number}")
        for number in range(MOST_RUNNING + 3)
    ]
    answers = await asyncio.gather(*begins, return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, HurenError)]
    assert [(error.code, error.retry_after) for error in errors] == [(ErrorCode.OVERLOADED, timedelta(minutes=5))] * 3
    assert len(await home.service().list(caller)) == MOST_RUNNING

    kept = next(number for number, answer in enumerate(answers) if isinstance(answer, str))
    same = await home.service().begin(caller, CHOICES, listed(ONE), idempotency_key=f"batch-number-{kept}")
    assert same == answers[kept]
    assert await begun(home, ONE, caller=STRANGER)
    await home.work_all()
    assert await begun(home, ONE, caller=caller)


async def test_a_batch_that_was_cancelled_runs_until_it_has_ended(home: House) -> None:
    for number in range(MOST_RUNNING):
        batch = await home.service().begin(GROUP, CHOICES, listed(ONE), idempotency_key=f"batch-number-{number}")
        await home.service().cancel(batch, GROUP)
    assert (await refused(begun(home, ONE))).code is ErrorCode.OVERLOADED
    await home.work_all()
    assert await begun(home, ONE)


# --- Lines --------------------------------------------------------------------------------------------------------------


async def test_lines_that_cannot_be_read_are_told_from_the_beginning_and_never_asked(home: House) -> None:
    batch = await begun(home, "91", ONE, ONE)
    await home.work_all()

    told = await home.service().lines(batch, GROUP)
    assert [(line.line, line.state, line.reason, line.given) for line in told] == [
        (1, LineState.FAILED, "USCC_MALFORMED", "91"),
        (2, LineState.SEALED, "", ONE),
        (3, LineState.FAILED, "DUPLICATE", ONE),
    ]
    assert "第2行" in told[2].detail.zh
    assert told[1].report_number.startswith("HR")
    assert len(home.shop.opened) == 1


async def test_a_line_that_is_refused_says_why_and_the_others_are_served(home: House) -> None:
    home.shop.errors[ONE] = HurenError(ErrorCode.SUBJECT_CANCELLED, date="2025-01-06")
    home.callers.errors[TWO] = HurenError(ErrorCode.NO_MANDATE)
    batch = await begun(home, ONE, TWO, THREE)
    await home.work_all()

    lines = await home.lines(batch)
    assert (lines[ONE].state, lines[ONE].reason) == (LineState.FAILED, "SUBJECT_CANCELLED")
    assert (lines[TWO].state, lines[TWO].reason) == (LineState.FAILED, "NO_MANDATE")
    assert "2025-01-06" in lines[ONE].detail.zh
    assert "2025-01-06" in lines[ONE].detail.en
    assert lines[THREE].state is LineState.SEALED
    assert (await home.service().find(batch, GROUP)).batch.state is BatchState.DONE


async def test_an_open_line_is_looked_at_again_until_its_request_is_sealed(home: House) -> None:
    home.shop.open_for.add(ONE)
    batch = await begun(home, ONE)
    await home.work_all()
    line = (await home.lines(batch))[ONE]
    assert (line.state, line.request_id) == (LineState.OPEN, home.shop.requests_about(ONE)[0].request_id)

    assert await home.work_once() is None
    home.shop.open_for.clear()
    home.shop.now += timedelta(minutes=1)
    await home.work_all()
    line = (await home.lines(batch))[ONE]
    assert (line.state, line.request_id != "", line.report_number != "") == (LineState.SEALED, True, True)
    assert len(home.shop.opened) == 1


@pytest.mark.parametrize(
    ("end", "reason", "state", "words"),
    [
        (
            wire.REQUEST_END_CLOSED_INCOMPLETE,
            "NOT_IN_TIME",
            LineState.FAILED,
            "逾期未成，未出具报告：在办理期限内仍有省（市）未反馈",
        ),
        (
            wire.REQUEST_END_AUTHORISATION_ENDED,
            "GRANT_REVOKED",
            LineState.FAILED,
            "申请资格已终止，未出具报告：授权企业已撤回授权",
        ),
        (wire.REQUEST_END_AUTHORISATION_ENDED, "OF_A_LATER_RELEASE", LineState.FAILED, "申请资格已终止，未出具报告"),
        (wire.REQUEST_END_CANCELLED, "APPLICANT", LineState.CANCELLED, "批量办理已终止"),
    ],
)
async def test_a_request_that_ends_without_a_report_ends_its_line_with_the_reason(
    home: House, end: wire.RequestEnd.ValueType, reason: str, state: LineState, words: str
) -> None:
    home.shop.ends[ONE] = wire.EndedRequest(end=end, reason=reason)
    batch = await begun(home, ONE)
    await home.work_all()
    line = (await home.lines(batch))[ONE]
    assert (line.state, line.reason, line.detail.zh) == (state, reason, words)


async def test_a_line_that_cannot_be_asked_now_is_asked_later_and_holds_nobody_up(home: House) -> None:
    home.shop.errors[ONE] = HurenError(ErrorCode.OVERLOADED)
    batch = await begun(home, ONE, TWO)
    await home.work_all()
    assert await home.states(batch) == [LineState.ASKED, LineState.SEALED]
    assert (await home.lines(batch))[ONE].reason == "OVERLOADED"

    home.shop.errors.clear()
    home.shop.now += timedelta(minutes=1)
    await home.work_all()
    line = (await home.lines(batch))[ONE]
    assert (line.state, line.reason, line.detail.zh) == (LineState.SEALED, "", "")


async def test_a_line_that_can_never_be_asked_fails_in_the_end(home: House) -> None:
    home.shop.errors[ONE] = HurenError(ErrorCode.OVERLOADED)
    batch = await begun(home, ONE)
    await home.work_all()
    home.shop.now += timedelta(hours=97)
    await home.work_all()
    assert (await home.lines(batch))[ONE].state is LineState.FAILED
    assert (await home.service().find(batch, GROUP)).batch.state is BatchState.DONE


async def test_a_fault_of_ours_in_one_line_ends_neither_the_others_nor_the_batch(home: House) -> None:
    def fault(code: Uscc) -> None:
        if code == ONE:
            raise ZeroDivisionError

    home.shop.hooks["before"] = fault
    batch = await begun(home, ONE, TWO)
    for _ in range(6):
        await home.work_all()
        home.shop.now += timedelta(hours=1)
    lines = await home.lines(batch)
    assert (lines[ONE].state, lines[ONE].reason) == (LineState.FAILED, "INTERNAL")
    assert lines[TWO].state is LineState.SEALED


async def test_authority_that_ends_while_a_line_waits_for_its_turn_ends_the_line(home: House) -> None:
    home.shop.errors[ONE] = HurenError(ErrorCode.OVERLOADED)
    home.shop.open_for.add(TWO)
    batch = await begun(home, ONE, TWO)
    await home.work_all()
    home.shop.errors.clear()
    home.shop.open_for.clear()
    home.callers.errors |= {ONE: HurenError(ErrorCode.NO_MANDATE), TWO: HurenError(ErrorCode.NO_MANDATE)}
    home.shop.now += timedelta(minutes=1)
    await home.work_all()
    assert [line.reason for line in await home.store.lines(batch)] == ["NO_MANDATE", "NO_MANDATE"]
    assert home.shop.requests_about(ONE) == []


async def test_a_long_list_is_worked_on_in_pieces_and_told_in_pages(home: House) -> None:
    codes = [uscc(serial) for serial in range(1, 41)]
    batch = await begun(home, *codes)
    await home.work_once()
    counts = (await home.service().find(batch, GROUP)).counts
    assert counts == {LineState.SEALED: 16, LineState.WAITING: 24}
    await home.work_all()
    assert (await home.service().find(batch, GROUP)).counts == {LineState.SEALED: 40}

    seen: list[int] = []
    while page := await home.service().lines(batch, GROUP, after=seen[-1] if seen else 0, limit=15):
        seen += [line.line for line in page]
    assert seen == list(range(1, 41))
    assert MOST_LINES < 1000


# --- What subjects are told ---------------------------------------------------------------------------------------------


async def test_a_line_that_is_refused_before_it_is_asked_is_told_to_its_subject_once(home: House) -> None:
    """A bank that tries codes without grants is seen by each of them."""
    home.grants.usable[THREE] = GRANT
    numbered: dict[str, object] = {"uscc": TWO, "grant": "1f" * 16}
    lines = from_json([ONE, numbered, THREE])
    await home.service().begin(INSTITUTION, CHOICES, lines, idempotency_key=KEY)
    await home.work_all()

    told = {one.message.uscc: one for one in home.shop.refused}
    assert set(told) == {ONE, TWO}
    assert len(home.shop.refused) == 2
    for one in told.values():
        assert (one.caller, one.code) == (await home.callers.caller_for(INSTITUTION, BANK), ErrorCode.GRANT_NOT_FOUND)
        assert one.message.basis == query_pb2.AUTHORISATION_BASIS_GRANT
        assert (one.message.purpose, one.message.grant_statement_id) == (query_pb2.PURPOSE_LISTING, b"")


async def test_a_person_without_a_mandate_is_told_of_as_a_person_and_not_as_the_subject_itself(home: House) -> None:
    home.callers.errors[ONE] = HurenError(ErrorCode.NO_MANDATE)
    await begun(home, ONE, TWO)
    await home.work_all()
    (told,) = home.shop.refused
    assert (told.message.uscc, told.caller, told.code) == (ONE, GROUP.refused(), ErrorCode.NO_MANDATE)
    assert told.caller.uscc != ONE


async def test_a_person_who_may_not_act_for_the_unit_any_more_is_told_of_as_the_unit(home: House) -> None:
    colleague = BatchCaller(kind=BatchKind.INSTITUTION, unit=BANK, by=BatchPerson(person=AGENT, level=HIGH))
    await begun(home, ONE, caller=colleague)
    home.callers.errors[BANK] = HurenError(ErrorCode.NO_MANDATE)
    await home.work_all()
    (told,) = home.shop.refused
    assert (told.caller, told.message.basis) == (colleague.refused(), query_pb2.AUTHORISATION_BASIS_GRANT)


async def test_a_line_that_is_refused_again_and_again_is_told_once(home: House) -> None:
    home.callers.errors[ONE] = HurenError(ErrorCode.OVERLOADED)
    batch = await begun(home, ONE)
    for _ in range(3):
        await home.work_all()
        home.shop.now += timedelta(hours=1)
    home.callers.errors[ONE] = HurenError(ErrorCode.NO_MANDATE)
    await home.work_all()
    assert (await home.lines(batch))[ONE].state is LineState.FAILED
    assert [told.code for told in home.shop.refused] == [ErrorCode.OVERLOADED]


async def test_what_the_report_service_refused_or_opened_it_tells_itself(home: House) -> None:
    home.shop.errors[ONE] = HurenError(ErrorCode.OVERLOADED)
    home.shop.open_for.add(TWO)
    batch = await begun(home, ONE, TWO)
    await home.work_all()
    assert await home.states(batch) == [LineState.ASKED, LineState.OPEN]
    home.callers.errors |= {ONE: HurenError(ErrorCode.NO_MANDATE), TWO: HurenError(ErrorCode.NO_MANDATE)}
    home.shop.now += timedelta(minutes=1)
    await home.work_all()
    assert await home.states(batch) == [LineState.FAILED, LineState.FAILED]
    assert home.shop.refused == []


async def test_a_request_whose_answer_was_never_kept_is_no_refusal(home: House) -> None:
    home.shop.hooks["opened"] = _away
    batch = await begun(home, ONE)
    with pytest.raises(StoreUnavailableError):
        await home.work_once()
    home.shop.hooks.clear()
    await _keep_in_requests(home)
    assert await home.states(batch) == [LineState.ASKED]
    home.callers.errors[ONE] = HurenError(ErrorCode.NO_MANDATE)
    home.shop.now += timedelta(minutes=2)
    await home.work_all()
    assert await home.states(batch) == [LineState.FAILED]
    assert home.shop.refused == []


async def test_a_line_whose_process_died_before_it_asked_is_told_when_it_is_refused_then(home: House) -> None:
    batch = await begun(home, ONE)
    assert await home.store.pin(batch, 1, "") is not None
    home.callers.errors[ONE] = HurenError(ErrorCode.NO_MANDATE)
    await home.work_all()
    assert [told.message.uscc for told in home.shop.refused] == [ONE]


# --- Institutions -------------------------------------------------------------------------------------------------------


async def test_an_institution_asks_under_the_newest_grant_that_counts_or_the_one_that_the_line_names(
    home: House,
) -> None:
    home.grants.usable |= {ONE: GRANT, TWO: GRANT}
    home.grants.numbered["1e" * 16] = OTHER_GRANT
    four = uscc(4)
    lines = from_json(
        [
            ONE,
            {"uscc": TWO, "grant": OTHER_GRANT.hex()},
            {"uscc": THREE, "grant": "1e" * 16},
            {"uscc": four, "grant": "1f" * 16},
            uscc(5),
        ]
    )
    batch = await home.service().begin(INSTITUTION, CHOICES, lines, idempotency_key=KEY)
    await home.work_all()

    asked = {code: home.shop.requests_about(code)[0].message for code in (ONE, TWO, THREE)}
    assert {code: message.grant_statement_id for code, message in asked.items()} == {
        ONE: GRANT,
        TWO: OTHER_GRANT,
        THREE: OTHER_GRANT,
    }
    assert {message.basis for message in asked.values()} == {query_pb2.AUTHORISATION_BASIS_GRANT}
    assert {one.caller.uscc for one in home.shop.opened.values()} == {BANK}
    found = await home.lines(batch)
    assert [found[code].reason for code in (four, uscc(5))] == ["GRANT_NOT_FOUND", "GRANT_NOT_FOUND"]


async def test_an_institution_asks_about_itself_without_a_grant(home: House) -> None:
    await begun(home, BANK, caller=INSTITUTION)
    await home.work_all()
    (request,) = home.shop.requests_about(BANK)
    assert (request.message.basis, request.message.grant_statement_id) == (0, b"")


async def test_a_line_is_asked_again_under_the_grant_that_it_was_asked_under_first(home: House) -> None:
    """Else the same key would name another request."""
    home.grants.usable[ONE] = GRANT
    home.shop.hooks["opened"] = _busy
    batch = await begun(home, ONE, caller=INSTITUTION)
    await home.work_all()
    home.grants.usable[ONE] = OTHER_GRANT
    home.shop.hooks.clear()
    home.shop.now += timedelta(minutes=1)
    await home.work_all()

    (request,) = home.shop.requests_about(ONE)
    assert request.message.grant_statement_id == GRANT
    assert (await home.lines(batch))[ONE].state is LineState.SEALED


def _busy(_: Uscc) -> None:
    raise HurenError(ErrorCode.REQUEST_IN_PROGRESS)


async def test_grants_in_the_store_are_found_by_subject_and_by_number(home: House) -> None:
    finder = GrantsInStore(home.database, home.clock)
    async with home.database.write() as connection:
        today, yesterday, later = "2026-11-22", "2026-11-21", "2027-01-01"
        of_one = [(ONE, today), (ONE, today), (ONE, yesterday), (ONE, later), (ONE, later)]
        for number, (subject, expires_on) in enumerate([*of_one, (TWO, yesterday)], start=1):
            row = {
                "statement_id": bytes([number]) * 32,
                "document_number": f"{number:032x}",
                "uscc": subject,
                "grantee": BANK,
                "max_uses": 1,
                "expires_on": expires_on,
                "envelope": b"",
                "given_by": "",
                "given_at": instant_text(NOW + timedelta(minutes=number)),
            }
            await connection.execute(insert(tables.grants), row)
        ended = {"statement_id": b"", "envelope": b"", "at": instant_text(NOW)}
        await connection.execute(
            insert(tables.grant_revocations), ended | {"grant_id": bytes([4]) * 32, "revoked_by": ""}
        )
        await connection.execute(
            insert(tables.grant_uses), ended | {"grant_id": bytes([5]) * 32, "ordinal": 1, "request_id": "x"}
        )

    assert await finder.usable_grant(BANK, ONE) == bytes([2]) * 32
    assert await finder.usable_grant(BANK, TWO) == bytes([6]) * 32
    assert await finder.usable_grant(BANK, THREE) is None
    assert await finder.usable_grant(ONE, ONE) is None
    assert await finder.numbered_grant(BANK, f"{4:032x}") == bytes([4]) * 32
    assert await finder.numbered_grant(TWO, f"{4:032x}") is None


# --- Whose it is --------------------------------------------------------------------------------------------------------


async def test_everything_of_another_owner_is_not_found(home: House) -> None:
    home.grants.usable[ONE] = GRANT
    batch = await begun(home, ONE)
    of_bank = await home.service().begin(INSTITUTION, CHOICES, listed(ONE), idempotency_key=KEY)
    service = home.service()
    for number, caller in ((batch, STRANGER), (batch, INSTITUTION), (of_bank, GROUP), ("f" * 32, GROUP)):
        answers = [
            await refused(service.find(number, caller)),
            await refused(service.lines(number, caller)),
            await refused(service.cancel(number, caller)),
            await refused(service.schedule(number, caller, 7)),
            await refused(service.repeat(number, caller, idempotency_key="another-key")),
            await refused(service.archive(number, caller, io.BytesIO(), wire.REPORT_FORMAT_JSON)),
            await refused(service.list(caller, before=number)),
        ]
        assert {error.code for error in answers} == {ErrorCode.BATCH_NOT_FOUND}


async def test_owners_are_compared_in_full(home: House) -> None:
    alike = replace(STRANGER, by=BatchPerson(person=PersonRef("a" * 16 + "b" * 16), level=HIGH))
    batch = await begun(home, ONE)
    assert (await refused(home.service().find(batch, alike))).code is ErrorCode.BATCH_NOT_FOUND
    assert await home.service().list(alike) == ()
    assert (await refused(begun(home, ONE, caller=alike))).code is ErrorCode.IDEMPOTENCY_KEY_REUSED


async def test_colleagues_of_a_unit_see_its_batches(home: House) -> None:
    batch = await begun(home, ONE, caller=INSTITUTION)
    colleague = BatchCaller(kind=BatchKind.INSTITUTION, unit=BANK, by=BatchPerson(person=AGENT, level=HIGH))
    assert (await home.service().find(batch, colleague)).batch.batch == batch
    home.callers.errors[BANK] = HurenError(ErrorCode.NO_MANDATE)
    assert (await refused(home.service().find(batch, colleague))).code is ErrorCode.NO_MANDATE


async def test_lists_the_callers_batches_newest_first_in_pages(home: House) -> None:
    made = []
    for number in range(5):
        made.append(await home.service().begin(GROUP, CHOICES, listed(ONE), idempotency_key=f"batch-number-{number}"))
        await home.work_all()
        home.shop.now += timedelta(seconds=number % 2)  # some at the same moment
    await begun(home, ONE, caller=STRANGER)

    seen: list[str] = []
    while page := await home.service().list(GROUP, before=seen[-1] if seen else "", limit=2):
        seen += [view.batch.batch for view in page]
    assert sorted(seen) == sorted(made)
    begun_at = [(await home.service().find(batch, GROUP)).batch.begun_at for batch in seen]
    assert begun_at == sorted(begun_at, reverse=True)


def test_what_is_kept_of_a_caller_makes_the_same_caller_again() -> None:
    person = BatchPerson(person=AGENT, level=HIGH, represents=frozenset({ONE}), channel=common_pb2.CHANNEL_MINI_PROGRAM)
    for caller in (
        INSTITUTION,
        BatchCaller(kind=BatchKind.GROUP, by=person),
        BatchCaller(kind=BatchKind.INSTITUTION, unit=BANK, by=person),
    ):
        assert BatchCaller.from_bytes(caller.to_bytes()) == caller


async def test_the_audit_names_who_did_what_to_a_batch(home: House) -> None:
    batch = await begun(home, ONE)
    await home.service().cancel(batch, GROUP)
    await home.work_all()
    table = tables.audit
    rows = select(table.c.result, table.c.caller).where(table.c.action == "batch", table.c.request_id == batch)
    async with home.database.read() as connection:
        found = [tuple(row) for row in await connection.execute(rows.order_by(table.c.id))]
    assert found == [("BEGUN", f"person:{AGENT}"), ("CANCELLED", f"person:{AGENT}"), ("CANCELLED", "")]


# --- Giving up ----------------------------------------------------------------------------------------------------------


async def test_cancelling_asks_nothing_further_and_gives_up_what_is_open(home: House) -> None:
    home.shop.open_for.add(ONE)
    batch = await begun(home, ONE, TWO, *(uscc(serial) for serial in range(10, 30)))
    await home.work_once()
    view = await home.service().cancel(batch, GROUP)
    assert (view.batch.state, view.batch.ended_at) == (BatchState.CANCELLED, None)
    asked = len(home.shop.opened)

    home.shop.now += timedelta(minutes=1)
    await home.work_all()
    view = await home.service().find(batch, GROUP)
    assert (view.batch.state, view.batch.ended_at) == (BatchState.CANCELLED, home.shop.now)
    assert view.counts == {LineState.SEALED: 15, LineState.CANCELLED: 7}
    assert (await home.lines(batch))[ONE].state is LineState.CANCELLED
    assert isinstance(home.shop.requests_about(ONE)[0].result, wire.EndedRequest)
    assert len(home.shop.opened) == asked


async def test_a_line_whose_answer_was_not_kept_is_given_up_with_its_request_if_there_is_one(home: House) -> None:
    home.shop.hooks["opened"] = _busy
    home.shop.errors[TWO] = HurenError(ErrorCode.OVERLOADED)
    batch = await begun(home, ONE, TWO)
    await home.work_all()
    await _keep_in_requests(home)
    await home.service().cancel(batch, GROUP)
    home.shop.now += timedelta(minutes=1)
    home.shop.hooks.clear()
    home.shop.errors.clear()
    await home.work_all()
    lines = await home.lines(batch)
    assert [lines[code].state for code in (ONE, TWO)] == [LineState.CANCELLED, LineState.CANCELLED]
    assert isinstance(home.shop.requests_about(ONE)[0].result, wire.EndedRequest)
    assert home.shop.requests_about(TWO) == []


async def test_a_batch_is_done_however_often_it_is_cancelled_afterwards(home: House) -> None:
    batch = await begun(home, ONE)
    await home.work_all()
    view = await home.service().cancel(batch, GROUP)
    assert (view.batch.state, view.counts) == (BatchState.DONE, {LineState.SEALED: 1})


# --- Once more ----------------------------------------------------------------------------------------------------------


async def test_a_batch_is_begun_once_more_on_its_schedule_with_the_same_choices_and_lines(home: House) -> None:
    batch = await begun(home, ONE, "91", repeat_days=7)
    await home.work_all()
    view = await home.service().find(batch, GROUP)
    assert view.repeats_at == NOW + timedelta(days=7)
    home.shop.now = NOW + timedelta(days=7)
    await home.work_all()

    newest, oldest = await home.service().list(GROUP)
    assert (oldest.batch.batch, newest.batch.repeated_from) == (batch, batch)
    assert (newest.batch.choices, newest.batch.repeat_days) == (oldest.batch.choices, 7)
    assert (newest.counts, newest.repeats_at) == ({LineState.SEALED: 1}, NOW + timedelta(days=14))
    assert len(home.shop.requests_about(ONE)) == 2


async def test_a_repetition_does_not_stand_on_what_the_provider_said_long_ago(home: House) -> None:
    owner = BatchPerson(person=AGENT, level=HIGH, represents=frozenset({ONE}))
    batch = await begun(home, ONE, caller=BatchCaller(kind=BatchKind.GROUP, by=owner), repeat_days=7)
    await home.work_all()
    home.shop.now += timedelta(days=7)
    await home.work_all()
    newest, oldest = await home.service().list(GROUP)
    assert oldest.batch.batch == batch
    assert BatchCaller.from_bytes(oldest.batch.caller).by == owner
    assert BatchCaller.from_bytes(newest.batch.caller).by == replace(owner, represents=frozenset())


async def test_a_schedule_under_which_nothing_can_be_asked_ends(home: House) -> None:
    batch = await begun(home, ONE, repeat_days=7)
    home.callers.errors[ONE] = HurenError(ErrorCode.NO_MANDATE)
    await home.work_all()
    view = await home.service().find(batch, GROUP)
    assert (view.batch.state, view.repeats_at) == (BatchState.DONE, None)


async def test_a_schedule_is_changed_and_ended_by_its_owner(home: House) -> None:
    batch = await begun(home, ONE, repeat_days=7)
    await home.work_all()
    service = home.service()
    assert (await service.schedule(batch, GROUP, 30)).repeats_at == NOW + timedelta(days=30)
    assert (await service.schedule(batch, GROUP, 0)).repeats_at is None
    assert (await service.schedule(batch, GROUP, 7)).repeats_at == NOW + timedelta(days=7)
    assert (await service.cancel(batch, GROUP)).repeats_at is None
    home.shop.now += timedelta(days=400)
    await home.work_all()
    assert len(await service.list(GROUP)) == 1


async def test_a_repetition_that_two_begin_at_once_is_begun_once(home: House) -> None:
    batch = await begun(home, ONE, repeat_days=7)
    await home.work_all()
    home.shop.now += timedelta(days=7)
    slow, quick = home.queue(), home.queue()
    late = await slow.take()
    home.shop.now += timedelta(minutes=2)
    early = await quick.take()
    assert late is not None
    assert early is not None
    await home.service(quick).begin_again(early)
    await home.service(slow).begin_again(late)
    assert [view.batch.repeated_from for view in await home.service().list(GROUP)] == [batch, ""]


async def test_a_batch_is_begun_once_more_when_its_owner_asks(home: House) -> None:
    home.shop.errors[TWO] = HurenError(ErrorCode.FOREIGN_HOME, province_zh="", province_en="", basis_zh="", basis_en="")
    batch = await begun(home, ONE, TWO, "91")
    await home.work_all()
    again = await home.service().repeat(batch, GROUP, idempotency_key="once-more")
    assert await home.service().repeat(batch, GROUP, idempotency_key="once-more") == again != batch
    assert [line.uscc for line in await home.store.lines(again)] == [ONE, TWO]


async def test_what_a_program_begins_is_not_begun_once_more_by_itself(home: House) -> None:
    colleague = BatchCaller(kind=BatchKind.INSTITUTION, unit=BANK, by=BatchPerson(person=AGENT, level=HIGH))
    service = home.service()
    by_program = await begun(home, BANK, caller=INSTITUTION)
    by_colleague = await service.begin(colleague, CHOICES, listed(BANK), idempotency_key="by-a-colleague")
    errors = [
        await refused(service.begin(INSTITUTION, CHOICES, listed(BANK), idempotency_key="of-a-week", repeat_days=7)),
        await refused(service.schedule(by_program, INSTITUTION, 7)),
        await refused(service.schedule(by_program, colleague, 7)),
        await refused(service.schedule(by_colleague, INSTITUTION, 7)),
    ]
    assert {(error.code, error.field) for error in errors} == {(ErrorCode.MALFORMED_REQUEST, "repeat_days")}
    assert (await service.schedule(by_program, INSTITUTION, 0)).batch.repeat_days == 0
    assert (await service.schedule(by_colleague, colleague, 7)).batch.repeat_days == 7


async def test_a_schedule_that_a_program_has_from_before_begins_nothing(home: House) -> None:
    batch = await begun(home, BANK, caller=INSTITUTION)
    await home.work_all()
    await home.store.schedule(batch, 7, by="", at=home.shop.now)
    home.shop.now += timedelta(days=7)
    await home.work_all()
    assert [view.batch.batch for view in await home.service().list(INSTITUTION)] == [batch]
    assert await home.store.repeated_at([batch]) == {}


async def test_a_repetition_waits_while_too_many_batches_of_its_owner_run(home: House) -> None:
    batch = await begun(home, ONE, repeat_days=7)
    await home.work_all()
    home.shop.now += timedelta(days=7)
    home.shop.open_for.add(TWO)
    for number in range(MOST_RUNNING):
        await home.service().begin(GROUP, CHOICES, listed(TWO), idempotency_key=f"batch-number-{number}")
    await home.work_all()
    assert len(await home.service().list(GROUP)) == MOST_RUNNING + 1
    assert await home.store.repeated_at([batch]) == {batch: home.shop.now + timedelta(minutes=5)}

    home.shop.open_for.clear()
    home.shop.now += timedelta(minutes=5)
    await home.work_all()
    home.shop.now += timedelta(minutes=5)
    await home.work_all()
    assert [view.batch.repeated_from for view in await home.service().list(GROUP) if view.batch.repeated_from] == [
        batch
    ]


async def test_who_lost_a_repetition_begins_nothing_though_it_waits_for_its_turn_since(home: House) -> None:
    batch = await begun(home, ONE, repeat_days=7)
    await home.work_all()
    home.shop.now += timedelta(days=7)
    slow, quick = home.queue(), home.queue()
    late = await slow.take()
    home.shop.now += timedelta(minutes=2)
    early = await quick.take()
    assert late is not None
    assert early is not None
    await quick.put_back(early, due=home.shop.now + timedelta(minutes=5))
    await home.service(slow).begin_again(late)
    assert len(await home.service().list(GROUP)) == 1
    home.shop.now += timedelta(minutes=5)
    await home.work_all()
    assert [view.batch.repeated_from for view in await home.service().list(GROUP)] == [batch, ""]


@pytest.mark.parametrize(
    ("window", "days", "expected"),
    [
        pytest.param(None, 30, None, id="open"),
        pytest.param(("2026-01-01", "2026-11-22"), 30, ("2026-01-31", "2026-12-22"), id="moves"),
        pytest.param(("2023-03-01", "2028-02-29"), 1, ("2023-03-02", "2028-03-01"), id="longest"),
        pytest.param(("2024-02-28", "2029-02-28"), 2, ("2024-03-02", "2029-03-02"), id="stays-within-five-years"),
    ],
)
def test_a_window_goes_on_by_as_many_days_and_stays_within_the_limit(
    window: tuple[str, str] | None, days: int, expected: tuple[str, str] | None
) -> None:
    choices = wire.RequestReportRequest()
    if window:
        choices.window.first_day, choices.window.last_day = window
    again = moved(choices, NOW, NOW + timedelta(days=days))
    got = (again.window.first_day, again.window.last_day) if again.HasField("window") else None
    assert got == expected
    if got:
        assert date.fromisoformat(got[1]) - date.fromisoformat(got[0]) <= timedelta(days=5 * 365 + 2)


def _away(_: Uscc) -> None:
    raise StoreUnavailableError("the store is away")


async def _keep_in_requests(home: House) -> None:
    """Keeps the requests of the service in memory where the real one keeps them."""
    table = tables.requests
    empty: dict[str, object] = {column.name: b"" if isinstance(column.type, LargeBinary) else "" for column in table.c}
    empty |= {column.name: 0 for column in table.c if isinstance(column.type, Integer)}
    async with home.database.write() as connection:
        for (reference, key), opened in home.shop.opened.items():
            row = {"request_id": opened.request_id, "caller": reference, "idempotency_key": key, "state": "OPEN"}
            await connection.execute(insert(table), empty | row)
