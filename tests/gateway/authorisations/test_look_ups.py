"""谁查询过我, on both databases: every look-up is told, by whom and with what result, page by page and as a file."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from contract import consent_words as words
from contract.admission import open_answer
from contract.days import from_timestamp
from contract.errors import ErrorCode
from contract.outcome import Outcome, Question, Refused, Unavailable, UnavailableReason
from contract.province import Province
from contract.spreadsheet import safe_cell
from gateway.authorisations.look_ups import MOST, LookUps
from gateway.domain.request import Ground, RequestId, RequestState
from gateway.store import look_ups as store
from gateway.store import tables
from gateway.store.look_ups import number_of
from gateway.store.rows import REQUEST, AuditRow
from gateway.store.store import RefusedLookUp, Store, StoredRequest, Try
from gateway.store.work import COMPLETE, WorkQueue
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2, refusal_pb2
from huren.report.v1 import report_service_pb2
from signing import decode_envelope, statement_id
from tests.support.federation import CATALOGUE, NOW, PENALTY_CELL, SUBJECT_CODE, WINDOW, subject, uscc
from tests.support.granting import BANK, BANK_NAME, STRANGER, SUBJECT_NAME, GrantingHome, Silence, enterprise

BEIJING, TIANJIN, HEBEI, SHANXI = Province

ANSWERED = wire.LOOK_UP_RESULT_ANSWERED
OPEN = wire.LOOK_UP_RESULT_OPEN
REFUSED = wire.LOOK_UP_RESULT_REFUSED

GRANT_ID = b"\xab" * 32
OFFICE = uscc(500, "11110105")
MOST_POST = "经办（工号**07）"

UNIT = "示例市市场监督管理局（演示）"


def queue_of(home: GrantingHome) -> WorkQueue:
    return WorkQueue(home.database, owner="one", clock=lambda: home.now, lease=timedelta(minutes=1))


async def asked(home: GrantingHome, serial: int = 0, **changes: Any) -> StoredRequest:
    """A request that somebody opened; the subject itself, where `changes` do not say otherwise."""
    request = StoredRequest(
        request_id=RequestId(f"{serial:032x}"),
        digest=b"",
        subject=subject(),
        window=WINDOW.to_wire(),
        cells=(),
        catalogue=CATALOGUE.ref,
        purpose=query_pb2.PURPOSE_TENDER,
        identity_level=query_pb2.IDENTITY_LEVEL_HIGH,
        actor_ref=b"0" * 16,
        caller=f"enterprise:{SUBJECT_CODE}",
        applicant=SUBJECT_CODE,
        ground=Ground(),
        opened_at=home.now,
        completion_until=home.now + timedelta(hours=1),
    )
    return await Store(home.database).open_request(
        replace(request, **changes), idempotency_key=f"{serial:032x}", hold=queue_of(home).hold()
    )


async def refused(home: GrantingHome, **changes: Any) -> None:
    """Somebody was refused before there was a request; the bank, where `changes` do not say otherwise."""
    row = RefusedLookUp(
        at=home.now,
        uscc=SUBJECT_CODE,
        applicant=BANK,
        actor="",
        unit="",
        post="",
        purpose=query_pb2.PURPOSE_FINANCING,
        basis=query_pb2.AUTHORISATION_BASIS_GRANT,
        grant_id=GRANT_ID,
        matter_number="",
        channel=common_pb2.CHANNEL_API,
        reason=ErrorCode.GRANT_REVOKED,
    )
    line = AuditRow(at=home.now, action=REQUEST, result=row.reason)
    await Store(home.database).record_refused(line, replace(row, **changes))


async def look(home: GrantingHome, **changes: Any) -> list[wire.LookUp]:
    return await home.look_ups.of(enterprise(), **changes)


def question(home: GrantingHome, request: StoredRequest, province: Province, attempt: int) -> Question:
    def change(query: query_pb2.Query) -> None:
        query.attempt = attempt

    return home.federation.question(province, request_id=request.request_id, cells=[PENALTY_CELL], change=change)


def admitted(home: GrantingHome, asked_for: Question) -> Outcome:
    return home.federation.admit(asked_for, home.federation.answer(asked_for))


def refusing(home: GrantingHome, asked_for: Question) -> Outcome:
    envelope = home.federation.refusal(asked_for, refusal_pb2.REFUSAL_REASON_GRANT_NOT_KNOWN)
    answer = open_answer(envelope, question=asked_for, verifier=home.federation.verifier)
    assert isinstance(answer, Refused)
    return answer


def silent(_: GrantingHome, asked_for: Question) -> Outcome:
    return Unavailable(asked_for.province, UnavailableReason.NOT_REACHABLE, 1, question=asked_for)


async def tried(home: GrantingHome, request: StoredRequest, outcomes: list[Outcome]) -> None:
    """One try of a request that stays open."""
    questions = [outcome.question for outcome in outcomes if outcome.question is not None]

    async def allowed(_: AsyncConnection) -> None:
        """Nobody forbids it."""

    await Store(home.database).record_queries(request, questions, at=home.now, is_allowed=allowed)
    work = queue_of(home).held(COMPLETE, request.request_id, request.opened_at)
    progress = report_service_pb2.OpenRequest(request_id=request.request_id)
    await Store(home.database).record_try(
        request, Try(outcomes=outcomes, at=home.now, work=work, progress=progress, due=home.now)
    )


# --- What is told ------------------------------------------------------------------------------------------------------------


async def test_a_look_up_under_a_grant_says_which_and_by_whom(home: GrantingHome) -> None:
    ground = Ground(basis=query_pb2.AUTHORISATION_BASIS_GRANT, grant_id=GRANT_ID, use_ordinal=2)
    await asked(home, 7, applicant=BANK, caller=f"enterprise:{BANK}", ground=ground, actor="0123" * 8)

    (told,) = await look(home)

    assert told.number > 0
    told.number = 0
    assert told == wire.LookUp(
        at=told.at,
        unit=BANK_NAME,
        purpose=query_pb2.PURPOSE_TENDER,
        basis=query_pb2.AUTHORISATION_BASIS_GRANT,
        grant_statement_id=GRANT_ID,
        channel=common_pb2.CHANNEL_API,
        result=OPEN,
        request_id=f"{7:032x}",
    )
    assert from_timestamp(told.at) == NOW


async def test_an_officer_is_told_by_unit_post_and_matter_number(home: GrantingHome) -> None:
    ground = Ground(basis=query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY, matter_number="示例〔2026〕1号")
    await asked(
        home,
        applicant=OFFICE,
        unit=UNIT,
        post=MOST_POST,
        actor="person",
        ground=ground,
        purpose=query_pb2.PURPOSE_OFFICIAL_DUTY,
        channel=common_pb2.CHANNEL_WEB,
    )

    (told,) = await look(home)

    assert (told.unit, told.post, told.matter_number) == (UNIT, MOST_POST, "示例〔2026〕1号")
    assert (told.purpose, told.basis) == (
        query_pb2.PURPOSE_OFFICIAL_DUTY,
        query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY,
    )
    assert told.channel == common_pb2.CHANNEL_WEB
    assert "person" not in str(told)


@pytest.mark.parametrize(
    ("state", "reason", "result", "told_reason"),
    [
        pytest.param(RequestState.OPEN, "", OPEN, "", id="open"),
        pytest.param(RequestState.CANCELLED, "APPLICANT", REFUSED, "APPLICANT", id="cancelled"),
        pytest.param(RequestState.CLOSED_INCOMPLETE, "NOT_IN_TIME", REFUSED, "NOT_IN_TIME", id="incomplete"),
        pytest.param(
            RequestState.AUTHORISATION_ENDED, "GRANT_REVOKED", REFUSED, "GRANT_REVOKED", id="authorisation ended"
        ),
    ],
)
async def test_what_became_of_it(
    home: GrantingHome, state: RequestState, reason: str, result: int, told_reason: str
) -> None:
    request = await asked(home)
    if state is not RequestState.OPEN:
        await Store(home.database).end_request(request, state, reason, at=home.now)

    (told,) = await look(home)

    assert (told.result, told.reason) == (result, told_reason)


async def test_a_sealed_report_is_an_answer(home: GrantingHome) -> None:
    await asked(home)
    async with home.database.write() as connection:
        await connection.execute(tables.requests.update().values(state=RequestState.SEALED))

    (told,) = await look(home)

    assert (told.result, told.reason) == (ANSWERED, "")


async def test_what_was_refused_at_once_is_told_with_its_reason(home: GrantingHome) -> None:
    await refused(home)

    (told,) = await look(home)

    assert (told.result, told.reason, told.unit) == (REFUSED, ErrorCode.GRANT_REVOKED, BANK_NAME)
    assert (told.grant_statement_id, told.request_id, list(told.origins)) == (GRANT_ID, "", [])


async def test_everything_about_the_subject_is_told_its_own_too_and_nothing_about_others(home: GrantingHome) -> None:
    await asked(home, 1)
    await asked(home, 2, ground=Ground(basis=query_pb2.AUTHORISATION_BASIS_AGENT))
    await asked(home, 3, applicant=BANK, ground=Ground(basis=query_pb2.AUTHORISATION_BASIS_GRANT, grant_id=GRANT_ID))
    await refused(home)
    await refused(home, uscc=BANK, applicant=SUBJECT_CODE)
    await asked(home, 4, subject=subject(BANK, BANK_NAME))

    assert len(await look(home)) == 4
    assert {told.basis for told in await look(home)} == {
        query_pb2.AUTHORISATION_BASIS_SELF,
        query_pb2.AUTHORISATION_BASIS_AGENT,
        query_pb2.AUTHORISATION_BASIS_GRANT,
    }
    assert len(await home.look_ups.of(enterprise(BANK))) == 2


async def test_a_unit_is_called_as_it_was_given_then_as_registered_then_by_its_masked_code(home: GrantingHome) -> None:
    await refused(home, unit=UNIT)
    await refused(home)
    await refused(home, applicant=STRANGER)

    units = {told.unit for told in await look(home)}

    assert units == {UNIT, BANK_NAME, f"{STRANGER[:4]}**********{STRANGER[-4:]}"}


async def test_a_silent_registry_is_asked_once_and_hides_nothing(home: GrantingHome) -> None:
    for code in (BANK, STRANGER, BANK):
        await refused(home, applicant=code)
    registry = Silence()
    look_ups = LookUps(database=home.database, registry=registry, clock=lambda: home.now)

    told = await look_ups.of(enterprise())

    assert len(told) == 3
    assert all("****" in one.unit for one in told)
    assert registry.asked == 1


async def test_each_province_confirms_by_its_own_last_answer(home: GrantingHome) -> None:
    request = await asked(home)
    first = [question(home, request, province, 1) for province in (BEIJING, TIANJIN, HEBEI)]
    await tried(home, request, [admitted(home, first[0]), refusing(home, first[1]), silent(home, first[2])])
    home.now += timedelta(minutes=5)
    second = [question(home, request, province, 2) for province in (TIANJIN, HEBEI, SHANXI)]
    outcomes = [admitted(home, second[0]), silent(home, second[1]), refusing(home, second[2])]
    await tried(home, request, outcomes)

    (told,) = await look(home)

    assert [(Province(one.province), one.answered, from_timestamp(one.at)) for one in told.origins] == [
        (BEIJING, True, NOW),
        (TIANJIN, True, home.now),
        (SHANXI, False, home.now),
    ]
    answers = {row["query_id"]: row["answer"] for row in await home.rows(tables.outcomes)}
    decoded = decode_envelope(answers[second[0].statement_id])
    assert told.origins[1].statement_id == statement_id(decoded.payload_type, decoded.payload)


async def test_a_province_that_fell_silent_later_keeps_its_confirmation(home: GrantingHome) -> None:
    request = await asked(home)
    await tried(home, request, [admitted(home, question(home, request, BEIJING, 1))])
    await tried(home, request, [silent(home, question(home, request, BEIJING, 2))])

    (told,) = await look(home)

    assert [(one.province, one.answered) for one in told.origins] == [(BEIJING.wire, True)]


async def test_confirmations_of_many_requests_stay_with_their_own(home: GrantingHome) -> None:
    for serial in range(25):
        request = await asked(home, serial)
        make = admitted if serial % 2 else refusing
        await tried(home, request, [make(home, question(home, request, Province(11 + serial % 4), 1))])

    told = await look(home)

    assert {one.request_id: [(origin.province, origin.answered) for origin in one.origins] for one in told} == {
        f"{serial:032x}": [(11 + serial % 4, bool(serial % 2))] for serial in range(25)
    }


async def test_reading_leaves_a_line_in_the_audit(home: GrantingHome) -> None:
    await refused(home)
    agent = enterprise(reference="person:" + "a" * 32, basis=query_pb2.AUTHORISATION_BASIS_AGENT)

    await home.look_ups.of(agent)
    await home.look_ups.export_csv(enterprise())

    lines = [row for row in await home.rows(tables.audit) if row["action"] == "look-up"]
    assert [(row["caller"], row["result"], row["uscc"]) for row in lines] == [
        (agent.reference, "look-ups, 1", SUBJECT_CODE),
        (f"enterprise:{SUBJECT_CODE}", "look-ups exported, 1", SUBJECT_CODE),
    ]


# --- Pages -------------------------------------------------------------------------------------------------------------------


async def _names(home: GrantingHome) -> set[str]:
    """What was asked, by what tells it apart in these tests."""
    return {row["request_id"] for row in await home.rows(tables.requests)} | {
        row["matter_number"] for row in await home.rows(tables.refused_look_ups)
    }


async def _one_of_many(home: GrantingHome, serial: int) -> None:
    if serial % 2:
        await asked(home, serial)
    else:
        await refused(home, matter_number=f"refused {serial}")


@pytest.mark.parametrize("low_bits", [10, 0], ids=["numbers apart", "one number for each microsecond"])
@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_pages_tell_everything_once_newest_first_whatever_is_added_meanwhile(
    home: GrantingHome, monkeypatch: pytest.MonkeyPatch, limit: int, low_bits: int
) -> None:
    monkeypatch.setattr(store, "_LOW_BITS", low_bits)
    dice = random.Random(limit)
    for serial in range(24):
        home.now = NOW + timedelta(microseconds=dice.randrange(6))
        await _one_of_many(home, serial)
    expected = await _names(home)

    seen: list[wire.LookUp] = []
    page = await look(home, limit=limit)
    serial = 100
    while page:
        if low_bits:
            assert len(page) <= limit
        assert not seen or page[0].number < seen[-1].number
        seen.extend(page)
        home.now = NOW + timedelta(microseconds=dice.randrange(6, 9))
        await _one_of_many(home, serial)
        home.now = from_timestamp(page[-1].at)  # in the very microsecond at which the next page begins
        await _one_of_many(home, serial + 1)
        serial += 2
        page = await look(home, before=seen[-1].number, limit=limit)

    names = [one.request_id or one.matter_number for one in seen]
    assert len(names) == len(set(names))
    assert expected <= set(names)
    assert [one.number for one in seen] == sorted((one.number for one in seen), reverse=True)


async def test_a_page_holds_two_hundred_at_most(home: GrantingHome) -> None:
    async with home.database.write() as connection:
        row = {**_blank(tables.refused_look_ups), "uscc": SUBJECT_CODE, "applicant": BANK}
        rows = [{**row, "at": f"2026-11-22T02:30:00.{number:06d}Z"} for number in range(450)]
        await connection.execute(tables.refused_look_ups.insert(), rows)

    first = await look(home, limit=10_000)
    second = await look(home, before=first[-1].number)
    third = await look(home, before=second[-1].number)

    assert [len(first), len(second), len(third)] == [MOST, MOST, 50]
    assert await look(home, before=third[-1].number) == []
    assert len(list(csv.reader(io.StringIO((await home.look_ups.export_csv(enterprise())).decode())))) == 451


def _blank(table: Any) -> dict[str, object]:
    kinds: dict[type, object] = {str: "", int: 0, bytes: b""}
    return {column.name: kinds[column.type.python_type] for column in table.c if column.name != "id"}


@pytest.mark.parametrize("before", [1, 2**63, 2**64 - 1])
async def test_any_number_may_be_asked_for(home: GrantingHome, before: int) -> None:
    await refused(home)

    assert len(await look(home, before=before)) == (0 if before == 1 else 1)


@given(at=st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1)), names=st.tuples(st.text(), st.text()))  # noqa: DTZ001  # aware below
def test_numbers_follow_time_and_fit_every_database(at: datetime, names: tuple[str, str]) -> None:
    instant = at.replace(tzinfo=UTC)

    earlier, later = number_of(instant, names[0]), number_of(instant + timedelta(microseconds=1), names[1])

    assert 0 < earlier < later < 2**63
    assert number_of(instant, names[0]) == earlier


# --- The file ------------------------------------------------------------------------------------------------------------------


async def _file(home: GrantingHome) -> list[dict[str, str]]:
    content = await home.look_ups.export_csv(enterprise())
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def test_the_file_says_in_words_what_the_pages_say(home: GrantingHome) -> None:
    request = await asked(home, 5, channel=common_pb2.CHANNEL_MINI_PROGRAM)
    await tried(
        home,
        request,
        [admitted(home, question(home, request, BEIJING, 1)), refusing(home, question(home, request, HEBEI, 1))],
    )
    home.now += timedelta(hours=20)
    await refused(home, post=MOST_POST)
    told = await look(home)

    newest, oldest = await _file(home)

    assert newest == {
        "查询时间（北京时间）": "2026-11-23 06:30:00",
        "查询单位": BANK_NAME,
        "岗位": MOST_POST,
        "用途": "融资",
        "查询依据": "授权书",
        "授权书声明编号": GRANT_ID.hex(),
        "事项编号": "",
        "渠道": "接口",
        "结果": "未提供",
        "原因代码": "GRANT_REVOKED",
        "受理编号": "",
        "各省（市）确认": "",
    }
    assert (oldest["查询单位"], oldest["查询依据"], oldest["用途"]) == (SUBJECT_NAME, "本企业", "招投标")
    assert (oldest["渠道"], oldest["结果"], oldest["查询时间（北京时间）"]) == (
        "小程序",
        "办理中",
        "2026-11-22 10:30:00",
    )
    beijing, hebei = (origin.statement_id.hex() for origin in told[1].origins)
    assert oldest["各省（市）确认"] == (
        f"北京市已反馈 2026-11-22 10:30:00 {beijing}；河北省不予受理 2026-11-22 10:30:00 {hebei}"
    )


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
async def test_no_cell_is_a_formula(home: GrantingHome, begin: str) -> None:
    text = f"{begin}HYPERLINK(1)"
    await refused(home, unit=text, post=text, matter_number=text)

    (line,) = await _file(home)

    assert {line["查询单位"], line["岗位"], line["事项编号"]} == {f"'{text}"}


async def test_a_long_number_keeps_all_its_digits(home: GrantingHome) -> None:
    await asked(home, 5)

    (line,) = await _file(home)

    assert line["受理编号"] == "'" + f"{5:032x}"


@given(text=st.text())
def test_a_safe_cell_begins_no_formula_and_loses_nothing(text: str) -> None:
    safe = safe_cell(text)

    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert safe in {text, f"'{text}"}


async def test_the_file_of_nobody_has_its_headings(home: GrantingHome) -> None:
    assert await _file(home) == []


def test_every_value_has_its_word() -> None:
    assert set(words.BASES) == set(query_pb2.AuthorisationBasis.values()) - {0}
    assert set(words.CHANNELS) == set(common_pb2.Channel.values()) - {0}
    assert set(words.LOOK_UP_RESULTS) == set(wire.LookUpResult.values()) - {0}
