"""Verification by number and code: every verdict, the limit of tries, and that what does not fit cannot be told apart."""

from __future__ import annotations

import asyncio
import base64
import doctest
from collections.abc import Callable
from datetime import date, timedelta
from types import ModuleType
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from contract.province import Province
from contract.report_number import make as make_number
from gateway.api import rate_limit
from gateway.domain.codes import TYPED_ALPHABET
from gateway.store import tables
from gateway.store.verification import MOST_FAILED_TRIES, TRIES_PERIOD
from gateway.verification import codes
from gateway.verification.by_code import CodeResult, CodeVerdict
from gateway.verification.codes import CodeForm, key_of, member_of, read_code
from gateway.verification.words import words_of
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import report_status_pb2 as statuses
from huren.report.v1 import verification_service_pb2 as wire
from huren.report.v1 import verification_service_pb2_grpc
from runtime.database import Database, open_database
from runtime.grpc_channel import open_channel
from runtime.identity import MemberPeer, member_host_name
from sandbox.pki import PKI
from tests.support.federation import ADAPTER, GATEWAY, SUBJECT_CODE
from tests.support.verification import TYPED, House, house, reachable

WRONG = "0" * 16
NOBODYS = {Province.BEIJING: "北京市示例单位（演示）"}


def spaced(text: str) -> str:
    return f"  {text[:4].lower()}-{text[4:8]} {text[8:12].lower()}－{text[12:]}　"


async def test_shows_what_to_compare_of_a_valid_report(beijing: House) -> None:
    """T24: a code says which report it belongs to, so that whoever holds another one sees it."""
    sealed = await beijing.issue()

    result = await beijing.verify(f" {sealed.report_number.lower()} ", sealed.verification_code)

    assert result.verdict is CodeVerdict.VALID
    assert result.comparison is not None
    assert result.comparison.report_number == sealed.report_number
    assert result.comparison.name == "北京示例机械有限公司"
    assert result.comparison.masked_uscc == f"{SUBJECT_CODE[:4]}{'*' * 10}{SUBJECT_CODE[-4:]}"
    assert list(result.comparison.provinces) == [province.wire for province in Province]
    assert len(result.comparison.rows) == len(beijing.federation.catalogue.cells)
    assert result.comparison.conclusion.startswith("经查询")
    assert result.comparison.specimen
    told = words_of(result, NOBODYS)
    assert told.headline == "核验一致"
    assert told.advice == (
        "由示例单位（演示）于2026-11-22 10:30:00（北京时间）出具，出具后未发生影响结论的更新。"
        "请逐项与手中报告核对，不一致的请勿采信"
    )


async def test_takes_the_typed_code_however_it_is_written(beijing: House) -> None:
    sealed = await beijing.issue()

    for text in (TYPED, spaced(TYPED), TYPED.lower()):
        assert (await beijing.verify(sealed.report_number, text)).verdict is CodeVerdict.VALID


async def test_says_which_cells_a_limited_report_leaves_out(beijing: House) -> None:
    sealed = await beijing.issue(holes=True)

    result = await beijing.verify(sealed.report_number, sealed.verification_code)

    told = words_of(result, NOBODYS)
    assert told.headline == "核验一致 · 有限范围"
    assert "下列事项未纳入：河北省" in told.advice


async def test_says_that_words_were_corrected(beijing: House) -> None:
    sealed = await beijing.issue()
    await beijing.happens(sealed, statuses.REPORT_STATE_VALID)

    result = await beijing.verify(sealed.report_number, sealed.verification_code)

    assert result.verdict is CodeVerdict.VALID
    assert "出具后有文字更正，不影响结论" in words_of(result, NOBODYS).advice


@pytest.mark.parametrize(
    ("state", "revocation", "headline", "advice"),
    [
        pytest.param(
            statuses.REPORT_STATE_SUPERSEDED,
            statuses.REVOCATION_CATEGORY_UNSPECIFIED,
            "信息已更新",
            "该报告确由北京市示例单位（演示）出具，出具后信息于2026-11-20更新，请向企业索取新报告",
            id="superseded",
        ),
        pytest.param(
            statuses.REPORT_STATE_REVOKED,
            statuses.REVOCATION_CATEGORY_ISSUED_IN_ERROR,
            "报告已作废",
            "2026-11-20作废（原因：出具差错），不得使用",
            id="revoked",
        ),
        pytest.param(
            statuses.REPORT_STATE_EXPIRED,
            statuses.REVOCATION_CATEGORY_UNSPECIFIED,
            "超过使用期限",
            "依据出具单位公布的使用期限规则，本报告使用期限至2026-11-19",
            id="expired",
        ),
    ],
)
async def test_shows_verdict_and_date_only_of_a_report_that_does_not_stand_as_issued(
    beijing: House,
    state: statuses.ReportState.ValueType,
    revocation: statuses.RevocationCategory.ValueType,
    headline: str,
    advice: str,
) -> None:
    """T23: no domain, no province, no direction."""
    sealed = await beijing.issue()
    await beijing.happens(sealed, state, revocation=revocation)

    result = await beijing.verify(sealed.report_number, sealed.verification_code)

    told = words_of(result, NOBODYS)
    assert result.comparison is None
    assert (told.headline, told.advice) == (headline, advice)
    assert "天津" not in told.advice + told.english


async def test_answers_a_request_id_without_looking_it_up(beijing: House) -> None:
    """T34."""
    sealed = await beijing.issue()
    queries = count_queries(beijing.database)

    result = await beijing.verify("0123456789abcdef" * 2, sealed.verification_code)

    assert result == CodeResult(verdict=CodeVerdict.PROGRESS_SHEET)
    assert words_of(result, {}).advice == "该编号为办理进度单，不作证明使用"
    assert queries == []


# --- What does not fit ------------------------------------------------------------------------------------------------


def count_queries(database: Database) -> list[str]:
    """Every statement that is executed from now on, parameters left out."""
    seen: list[str] = []

    def saw(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    for engine in {database._writer.sync_engine, database._reader.sync_engine}:
        event.listen(engine, "before_cursor_execute", saw)
    return seen


async def test_what_does_not_fit_looks_and_works_alike(beijing: House) -> None:
    sealed = await beijing.issue()
    without_code = await beijing.issue(typed_code="")
    not_issued = make_number(Province.BEIJING, beijing.federation.now.date(), 99)
    pairs = {
        "wrong code": sealed.report_number,
        "report without such a code": without_code.report_number,
        "number not issued": not_issued,
        "wrong check character": not_issued[:-1] + ("0" if not_issued[-1] != "0" else "1"),
        "no member's number": "HR31" + not_issued[4:],
        "no number": "示例\x00\ud800",
        "nothing": "",
        "far too long": "A" * 10_000,
    }
    await beijing.verify(not_issued, WRONG)  # counts that have run out are forgotten with the first try of an hour
    for code in (WRONG, "A" * 24, "mistyped", "", "\ud800"):
        told = {}
        for name, number in pairs.items():
            queries = count_queries(beijing.database)
            result = await beijing.verify(number, code)
            told[name] = (result, words_of(result, {}), tuple(queries[: len(queries)]))
            assert queries, name
        assert len(set(map(repr, told.values()))) == 1, code
        assert told["nothing"][0].verdict is CodeVerdict.UNKNOWN


async def test_a_number_has_five_failed_tries_an_hour_whether_it_exists_or_not(beijing: House) -> None:
    """T26."""
    sealed = await beijing.issue()
    for number in (sealed.report_number, make_number(Province.BEIJING, beijing.federation.now.date(), 99)):
        verdicts = [(await beijing.verify(number, WRONG)).verdict for _ in range(MOST_FAILED_TRIES + 1)]
        assert verdicts == [CodeVerdict.UNKNOWN] * MOST_FAILED_TRIES + [CodeVerdict.TRY_LATER]

    blocked = await beijing.verify(sealed.report_number, TYPED, later=timedelta(minutes=20))
    scanned = await beijing.verify(sealed.report_number, sealed.verification_code)
    later = await beijing.verify(sealed.report_number, TYPED, later=TRIES_PERIOD)

    assert blocked == CodeResult(verdict=CodeVerdict.TRY_LATER, retry_after=timedelta(minutes=40))
    assert scanned.verdict is CodeVerdict.VALID
    assert later.verdict is CodeVerdict.VALID


async def test_tries_that_succeed_do_not_count(beijing: House) -> None:
    sealed = await beijing.issue()
    for _ in range(MOST_FAILED_TRIES - 1):
        await beijing.verify(sealed.report_number, WRONG)

    verdicts = {(await beijing.verify(sealed.report_number, TYPED)).verdict for _ in range(10)}

    assert verdicts == {CodeVerdict.VALID}
    assert [row["failed"] for row in await beijing.rows(tables.code_tries)] == [MOST_FAILED_TRIES - 1]


async def test_scanned_codes_are_not_counted(beijing: House) -> None:
    sealed = await beijing.issue()

    for _ in range(2 * MOST_FAILED_TRIES):
        assert (await beijing.verify(sealed.report_number, "A" * 24)).verdict is CodeVerdict.UNKNOWN

    assert await beijing.rows(tables.code_tries) == []


async def test_two_replicas_that_try_at_once_have_five_tries_together(beijing: House, database_url: str) -> None:
    sealed = await beijing.issue()
    async with open_database(database_url, patience=timedelta(seconds=30)) as other:
        replicas = (beijing, house(Province.BEIJING, other, beijing.federation))

        results = await asyncio.gather(
            *(replicas[index % 2].verify(sealed.report_number, f"{index:016d}") for index in range(40))
        )

    verdicts = [result.verdict for result in results]
    assert verdicts.count(CodeVerdict.UNKNOWN) == MOST_FAILED_TRIES
    assert verdicts.count(CodeVerdict.TRY_LATER) == 40 - MOST_FAILED_TRIES


async def test_counts_that_have_run_out_are_forgotten(beijing: House) -> None:
    for sequence in range(1, 4):
        await beijing.verify(make_number(Province.BEIJING, beijing.federation.now.date(), sequence), WRONG)

    await beijing.verify("HR", WRONG, later=TRIES_PERIOD)

    assert [row["report_number"] for row in await beijing.rows(tables.code_tries)] == [key_of("HR")]


async def test_keeps_who_verified_what_without_the_code(beijing: House) -> None:
    sealed = await beijing.issue()
    await beijing.verify(sealed.report_number, sealed.verification_code)
    await beijing.verify(sealed.report_number, TYPED)
    await beijing.verify(sealed.report_number, WRONG)

    rows = await beijing.rows(tables.audit)

    assert [(row["action"], row["result"], row["caller"], row["uscc"]) for row in rows] == [
        ("verification", "code VALID", "public", SUBJECT_CODE)
    ] * 2
    kept = repr([*rows, *await beijing.rows(tables.code_tries)])
    assert sealed.verification_code not in kept
    assert TYPED not in kept


@given(st.text())
def test_any_text_is_one_form_of_code_and_gives_a_key_that_any_store_takes(text: str) -> None:
    code = read_code(text)

    assert code.text.isascii()
    assert len(code.text) <= 64
    assert (code.form is CodeForm.NEITHER) == (code.text == "")
    assert key_of(text).isascii()
    assert len(key_of(text)) <= 64
    assert member_of(text) is None or key_of(text).startswith("HR")


@given(st.text(TYPED_ALPHABET, min_size=16, max_size=16), st.sampled_from([str.lower, str.upper, spaced]))
def test_a_typed_code_is_read_however_it_is_written(code: str, write: Callable[[str], str]) -> None:
    assert read_code(write(code)).text == code


@given(st.binary(min_size=18, max_size=18))
def test_a_scanned_code_is_never_taken_for_a_typed_one(random: bytes) -> None:
    code = base64.urlsafe_b64encode(random).decode()
    read = read_code(code)
    assert (read.form, read.text) == (CodeForm.SCANNED, code)


# --- Reports of other members -----------------------------------------------------------------------------------------


async def test_asks_the_home_of_another_members_report(pki: PKI, beijing: House, tianjin: House) -> None:
    """T25: every gateway verifies all members' reports."""
    sealed = await beijing.issue()
    async with reachable(pki, beijing, tianjin):
        by_qr = await tianjin.verify(sealed.report_number, sealed.verification_code)
        by_typed = await tianjin.verify(sealed.report_number, spaced(TYPED))
        wrong = await tianjin.verify(sealed.report_number, WRONG)
        more = [await tianjin.verify(sealed.report_number, WRONG) for _ in range(MOST_FAILED_TRIES)]
        here = await beijing.verify(sealed.report_number, sealed.verification_code)

    assert by_qr.verdict is by_typed.verdict is CodeVerdict.VALID
    assert by_qr.comparison == here.comparison
    assert wrong.verdict is CodeVerdict.UNKNOWN
    assert more[-1].verdict is CodeVerdict.TRY_LATER
    assert "gateway:tianjin" in {row["caller"] for row in await beijing.rows(tables.audit)}
    assert await tianjin.rows(tables.audit) == []


async def test_shows_nothing_of_another_members_report_that_was_superseded(
    pki: PKI, beijing: House, tianjin: House
) -> None:
    sealed = await beijing.issue()
    await beijing.happens(sealed, statuses.REPORT_STATE_SUPERSEDED)

    async with reachable(pki, beijing, tianjin):
        result = await tianjin.verify(sealed.report_number, sealed.verification_code)

    assert (result.verdict, result.comparison) == (CodeVerdict.SUPERSEDED, None)


async def test_a_home_that_is_down_or_unknown_is_never_unknown(pki: PKI, beijing: House, tianjin: House) -> None:
    sealed = await beijing.issue()
    never = await tianjin.verify(sealed.report_number, sealed.verification_code)
    async with reachable(pki, beijing, tianjin) as (server, _):
        await server.stop(timedelta(0))
        down = await tianjin.verify(sealed.report_number, sealed.verification_code)

    assert never == down == CodeResult(verdict=CodeVerdict.HOME_UNREACHABLE, home=Province.BEIJING)
    assert words_of(down, {}).headline == "暂不能核验"


async def test_a_home_answers_for_its_own_reports_only(pki: PKI, beijing: House, tianjin: House) -> None:
    sealed = await tianjin.issue()
    async with reachable(pki, beijing, tianjin), reachable(pki, tianjin, beijing):
        stub = verification_service_pb2_grpc.VerificationServiceStub(await tianjin.channels.channel(Province.BEIJING))
        by_code = await stub.VerifyByCode(
            wire.VerifyByCodeRequest(report_number=sealed.report_number, code=sealed.verification_code), timeout=10
        )
        by_statement = await stub.GetReportStatus(
            wire.GetReportStatusRequest(report_number=sealed.report_number, report_statement_id=bytes(32)), timeout=10
        )

    assert by_code == wire.VerifyByCodeResponse(verdict=wire.CODE_VERDICT_UNKNOWN)
    assert by_statement == wire.GetReportStatusResponse()


async def test_only_gateways_of_members_are_served(pki: PKI, beijing: House) -> None:
    async with reachable(pki, beijing) as (_, target):
        tls = pki.member_tls(MemberPeer(Province.TIANJIN, ADAPTER))
        name = member_host_name(MemberPeer(Province.BEIJING, GATEWAY))
        async with open_channel(target, tls, server_name=name) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await verification_service_pb2_grpc.VerificationServiceStub(channel).VerifyByCode(
                    wire.VerifyByCodeRequest(), timeout=10
                )

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


class Liar:
    """A home whose answer a test changes."""

    def __init__(self, answer: wire.VerifyByCodeResponse) -> None:
        self.answer = answer

    async def verify_by_code(self, home: Province, report_number: str, code: str) -> wire.VerifyByCodeResponse:
        del home, report_number, code
        return self.answer

    async def get_status(self, home: Province, report_number: str, statement_id: bytes) -> bytes:
        del home, report_number, statement_id
        return self.answer.status_envelope


def _another_report(answer: wire.VerifyByCodeResponse) -> None:
    answer.comparison.report_number = make_number(Province.BEIJING, date(2026, 11, 22), 77)


def _never_issued(answer: wire.VerifyByCodeResponse) -> None:
    answer.comparison.issued_at.seconds = 10**15


def _issued_after_all_days(answer: wire.VerifyByCodeResponse) -> None:
    answer.comparison.issued_at.FromJsonString("9999-12-31T23:00:00Z")


def _no_comparison(answer: wire.VerifyByCodeResponse) -> None:
    answer.ClearField("comparison")


def _short_row(answer: wire.VerifyByCodeResponse) -> None:
    del answer.comparison.rows[0].states[0]


def _open_cell(answer: wire.VerifyByCodeResponse) -> None:
    answer.comparison.rows[0].states[0] = fragment_pb2.CELL_STATE_UNSPECIFIED


def _flipped(answer: wire.VerifyByCodeResponse) -> None:
    envelope = bytearray(answer.status_envelope)
    envelope[len(envelope) // 2] ^= 1
    answer.status_envelope = bytes(envelope)


def _no_status(answer: wire.VerifyByCodeResponse) -> None:
    answer.status_envelope = b""


def _no_verdict(answer: wire.VerifyByCodeResponse) -> None:
    answer.verdict = wire.CODE_VERDICT_UNSPECIFIED


@pytest.mark.parametrize(
    "change",
    [
        _another_report,
        _never_issued,
        _issued_after_all_days,
        _no_comparison,
        _short_row,
        _open_cell,
        _flipped,
        _no_status,
        _no_verdict,
    ],
)
async def test_an_answer_of_a_home_that_does_not_hold_together_is_no_answer(
    beijing: House, tianjin: House, change: Callable[[wire.VerifyByCodeResponse], None]
) -> None:
    sealed = await beijing.issue()
    known = await beijing.verify(sealed.report_number, sealed.verification_code)
    assert known.signed is not None
    answer = wire.VerifyByCodeResponse(
        verdict=wire.CODE_VERDICT_KNOWN, status_envelope=known.signed.envelope, comparison=known.comparison
    )
    tianjin.by_code._homes = Liar(answer)
    believed = await tianjin.verify(sealed.report_number, sealed.verification_code)
    change(answer)

    result = await tianjin.verify(sealed.report_number, sealed.verification_code)

    assert believed.verdict is CodeVerdict.VALID
    assert result == CodeResult(verdict=CodeVerdict.HOME_UNREACHABLE, home=Province.BEIJING)


async def test_a_status_signed_by_another_member_is_not_believed(beijing: House, tianjin: House) -> None:
    sealed = await beijing.issue()
    stranger = house(Province.TIANJIN, beijing.database, beijing.federation)
    signed = await stranger.statuses._source.sign_status(sealed.report_number)
    tianjin.by_code._homes = Liar(wire.VerifyByCodeResponse(verdict=wire.CODE_VERDICT_KNOWN, status_envelope=signed))

    result = await tianjin.verify(sealed.report_number, sealed.verification_code)

    assert result.verdict is CodeVerdict.HOME_UNREACHABLE


@pytest.mark.parametrize("module", [codes, rate_limit])
def test_examples_in_the_documentation_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)

    assert result.attempted > 0
    assert result.failed == 0
