"""Who may read a report that was issued, by every way that leads to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from contract.errors import ErrorCode, HurenError
from contract.outcome import Question
from contract.province import Province
from gateway.domain.request import Sealed
from gateway.store import tables
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2
from runtime.identity import MemberPeer
from sandbox.pki import PKI
from tests.support.changes import signed_change, state
from tests.support.consents import BANK, UNIT, granted, officer, taken_back, under, unit
from tests.support.federation import ADAPTER, SUBJECT_CODE, Federation, uscc
from tests.support.live import Live, honest, live_federation

DUTY = query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY


async def refused(call: Awaitable[object]) -> ErrorCode:
    with pytest.raises(HurenError) as caught:
        await call
    return caught.value.code


async def the_request(live: Live) -> str:
    (row,) = await live.rows(tables.requests)
    return str(row["request_id"])


async def test_from_the_revocation_on_no_way_leads_the_grantee_to_the_report(pki: PKI, tmp_path: Path) -> None:
    """What happens: a bank has a report issued; the subject takes the grant back; the bank tries every way to it.

    What must result: GRANT_REVOKED on each, with a line of who tried; the subject itself still reads it.
    """
    async with live_federation(pki, tmp_path) as live:
        grant_id = await granted(live)
        reports = live.services.reports
        sealed = await reports.request_report(under(grant_id), unit(BANK))
        assert isinstance(sealed, Sealed)
        request_id = await the_request(live)
        await taken_back(live, grant_id)

        async def watched() -> object:
            return [one async for one in reports.watch(request_id, unit(BANK))]

        ways: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: reports.get_report(sealed.report_number, unit(BANK)),
            lambda: reports.find_request(request_id, unit(BANK)),
            lambda: reports.cancel(request_id, unit(BANK)),
            lambda: reports.request_report(under(grant_id), unit(BANK)),
            watched,
        )
        for way in ways:
            before = len(await live.rows(tables.audit))
            assert await refused(way()) is ErrorCode.GRANT_REVOKED
            assert len(await live.rows(tables.audit)) > before
        assert await reports.get_report(sealed.report_number, unit(SUBJECT_CODE)) == sealed


async def test_what_is_out_of_date_stays_closed_to_the_grantee_when_it_is_revoked_too(pki: PKI, tmp_path: Path) -> None:
    """What happens: a report of a bank is superseded, and then taken back by two officers. What must result: closed both times."""
    async with live_federation(pki, tmp_path) as live:
        grant_id = await granted(live)
        reports, standing = live.services.reports, live.services.standing
        sealed = await reports.request_report(under(grant_id), unit(BANK))
        assert isinstance(sealed, Sealed)
        envelope = signed_change(live.federation, Province.TIANJIN, after=state(1))
        await standing.submit_change(envelope, MemberPeer(Province.TIANJIN, ADAPTER))
        assert await refused(reports.get_report(sealed.report_number, unit(BANK))) is ErrorCode.REPORT_SUPERSEDED
        assert await refused(reports.request_report(under(grant_id), unit(BANK))) is ErrorCode.REPORT_SUPERSEDED
        proposal = await standing.propose_revocation(
            sealed.report_number, report_status_pb2.REVOCATION_CATEGORY_OTHER, "示例", officer="officer-1"
        )
        await standing.confirm_revocation(proposal.number, officer="officer-2")
        assert await refused(reports.get_report(sealed.report_number, unit(BANK))) is ErrorCode.REPORT_REVOKED


async def test_what_an_officer_asked_is_read_in_that_matter_only(pki: PKI, tmp_path: Path) -> None:
    """What happens: an officer looks a subject up; then others, other matters, and the unit's certificate try to read it.

    What must result: only the same matter of the same unit reads it; the same key in another matter is refused.
    """
    async with live_federation(pki, tmp_path) as live:
        reports = live.services.reports
        message = wire.RequestReportRequest(idempotency_key="duty-key-1", uscc=SUBJECT_CODE)
        sealed = await reports.request_report(message, officer("1" * 32, "案1号"))
        assert isinstance(sealed, Sealed)
        number, request_id = sealed.report_number, await the_request(live)

        assert await reports.get_report(number, officer("2" * 32, "案1号")) == sealed
        for stranger in (officer("1" * 32, "案2号"), unit(UNIT), unit(uscc(9))):
            assert await refused(reports.get_report(number, stranger)) is ErrorCode.REPORT_NOT_FOUND
        assert (
            await refused(reports.find_request(request_id, officer("1" * 32, "案2号"))) is ErrorCode.REQUEST_NOT_FOUND
        )
        assert (
            await refused(reports.request_report(message, officer("1" * 32, "案2号")))
            is ErrorCode.IDEMPOTENCY_KEY_REUSED
        )
        shown = [(row["basis"], row["matter_number"]) for row in await live.rows(tables.requests)]
        assert shown == [(DUTY, "案1号")]
        about = {row["uscc"] for row in await live.rows(tables.audit) if row["action"] == "look-up" and row["uscc"]}
        assert about == {SUBJECT_CODE}


async def test_no_query_is_sent_under_a_grant_that_was_taken_back_before(pki: PKI, tmp_path: Path) -> None:
    """What happens: the grant is taken back while the first province is being asked, and another is asked again later.

    What must result: not one query is signed and kept after the revocation, and the request ends.
    """
    async with live_federation(pki, tmp_path) as live:
        grant_id = await granted(live)

        async def answers_late(federation: Federation, question: Question) -> bytes:
            await taken_back(live, grant_id)
            return await honest()(federation, question)

        live.provinces[Province.HEBEI].behaviour = answers_late
        result = await live.services.reports.request_report(under(grant_id), unit(BANK))
        assert isinstance(result, wire.EndedRequest)
        assert (result.end, result.reason) == (wire.REQUEST_END_AUTHORISATION_ENDED, ErrorCode.GRANT_REVOKED)
        assert await live.rows(tables.reports) == []
        sent = len(await live.rows(tables.queries))
        assert await refused(live.services.reports.request_report(under(grant_id, "bank-key-2"), unit(BANK))) is (
            ErrorCode.GRANT_REVOKED
        )
        assert len(await live.rows(tables.queries)) == sent == len(Province)


async def test_the_list_of_refusals_says_what_was_refused_and_cannot_be_filled_up(pki: PKI, tmp_path: Path) -> None:
    """What happens: a stranger claims official duty, and asks again and again.

    What must result: it is not shown as 履职查询, and the list of the subject stays readable; the audit keeps every try.
    """
    async with live_federation(pki, tmp_path) as live:
        stranger = unit(uscc(9))
        message = wire.RequestReportRequest(idempotency_key="claim-duty", uscc=SUBJECT_CODE, basis=DUTY)
        assert await refused(live.services.reports.request_report(message, stranger)) is ErrorCode.BASIS_NOT_SERVED
        for number in range(30):
            message = wire.RequestReportRequest(idempotency_key=f"again-{number:03}", uscc=SUBJECT_CODE)
            await refused(live.services.reports.request_report(message, stranger))
        rows = await live.rows(tables.refused_look_ups)
        assert DUTY not in {row["basis"] for row in rows}
        assert len(rows) == 20
        assert len([row for row in await live.rows(tables.audit) if row["action"] == "request"]) == 31


async def test_an_agents_own_refused_request_is_shown_to_its_enterprise(pki: PKI, tmp_path: Path) -> None:
    """What happens: an agent asks for a window that is too long. What must result: the enterprise sees it."""
    async with live_federation(pki, tmp_path) as live:
        agent = replace(unit(SUBJECT_CODE), basis=query_pb2.AUTHORISATION_BASIS_AGENT, actor="a" * 32, post="经办人")
        message = wire.RequestReportRequest(idempotency_key="too-long-1", uscc=SUBJECT_CODE)
        message.window.first_day, message.window.last_day = "2010-01-01", "2026-01-01"
        assert await refused(live.services.reports.request_report(message, agent)) is ErrorCode.WINDOW_TOO_LONG
        (row,) = await live.rows(tables.refused_look_ups)
        assert (row["reason"], row["actor"]) == ("WINDOW_TOO_LONG", "a" * 32)
