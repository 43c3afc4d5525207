"""A request that did not come to a report at once is gone on with by itself, until it ends in one of four ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from contract.errors import ErrorCode, HurenError
from contract.outcome import Question
from contract.payloads import REFUSAL
from contract.province import Province
from contract.report_check import check_report
from gateway.store import tables
from gateway.store.work import COMPLETE
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, refusal_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.grpc_errors import error_detail
from sandbox.pki import PKI
from signing import decode_envelope
from tests.support.federation import ADAPTER, PENALTY_CELL, Federation, penalty, registry_entry, uscc
from tests.support.live import Live, honest, live_federation

KEY = "one-key-for-the-whole-story"


async def silent(federation: Federation, question: Question) -> bytes:
    """The province is there and gives no answer; one of the failures that are not tried again within the deadline."""
    del federation, question
    raise HurenError(ErrorCode.UNVERIFIED_IN_PRODUCTION)


async def in_doubt(federation: Federation, question: Question) -> bytes:
    """The province has a row of which an officer has to say whose it is."""

    def doubt(fragment: fragment_pb2.Fragment) -> None:
        for cell in fragment.cells:
            if cell.key.domain == PENALTY_CELL[0] and cell.state == fragment_pb2.CELL_STATE_CLEAR:
                cell.state = fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE
                cell.reason = fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT
                return

    return federation.answer(question, change=doubt)


def refusing(reason: refusal_pb2.RefusalReason.ValueType) -> object:
    async def refuse(federation: Federation, question: Question) -> bytes:
        return federation.refusal(question, reason)

    return refuse


@asynccontextmanager
async def live_on(database_url: str, pki: PKI, folder: Path) -> AsyncGenerator[Live]:
    async with live_federation(pki, folder, database_url=database_url) as live:
        yield live


async def opened(live: Live) -> wire.OpenRequest:
    response = await live.request(idempotency_key=KEY)
    assert response.WhichOneof("result") == "open"
    return response.open


async def unfinished(live: Live) -> list[str]:
    """Requests that somebody still has to go on with."""
    return [row["reference"] for row in await live.rows(tables.work) if row["kind"] == COMPLETE]


async def test_a_report_completes_by_itself_when_the_province_returns(
    database_url: str, pki: PKI, tmp_path: Path
) -> None:
    """What happens: 河北 does not answer; the enterprise goes away; 河北 returns.

    What must result: the report is issued by itself, the enterprise is told, the same key gives it, and 河北 alone was asked again.
    """
    async with live_on(database_url, pki, tmp_path) as live:
        live.provinces[Province.HEBEI].behaviour = silent
        first = await opened(live)
        assert [status.province for status in first.provinces if status.gap_kind] == [common_pb2.PROVINCE_HEBEI]
        live.provinces[Province.HEBEI].behaviour = honest()
        async with live.working():
            sealed = (await live.ended(first.request_id)).sealed
        again = await live.request(idempotency_key=KEY)
        assert again.sealed == sealed
        checked = check_report(
            sealed.report_envelope, verifier=live.federation.verifier, catalogues=live.federation.catalogues
        )
        assert checked.report.request_id == first.request_id
        asked = {province: len(state.received) for province, state in live.provinces.items()}
        assert {province for province, times in asked.items() if times > 1} == {Province.HEBEI}
        async with live.client() as stub:
            notices = (await stub.ListNotices(wire.ListNoticesRequest(), timeout=30)).notices
        assert [(notice.kind, notice.report_number) for notice in notices] == [
            (wire.NOTICE_KIND_REPORT_ISSUED, sealed.report_number)
        ]
        assert await unfinished(live) == []


async def test_watching_tells_each_change_until_the_end(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        live.provinces[Province.HEBEI].behaviour = silent
        first = await opened(live)
        seen: list[str] = []
        async with live.client() as stub, live.working():
            async for message in stub.WatchReport(wire.WatchReportRequest(request_id=first.request_id), timeout=60):
                seen.append(str(message.WhichOneof("result")))
                if len(seen) == 2:
                    live.provinces[Province.HEBEI].behaviour = honest()
        assert seen[0] == "open"
        assert seen[-1] == "sealed"
        assert set(seen[1:-1]) == {"open"}


async def test_nobody_watches_or_ends_the_request_of_another(pki: PKI, tmp_path: Path) -> None:
    """What must result: the answer about another's request and about one that does not exist is the same."""
    async with live_federation(pki, tmp_path) as live:
        live.provinces[Province.HEBEI].behaviour = silent
        first = await opened(live)
        told = []
        async with live.client(uscc(2)) as stub:
            for request_id in (first.request_id, "0" * 32):
                with pytest.raises(grpc.aio.AioRpcError) as watching:
                    await stub.WatchReport(wire.WatchReportRequest(request_id=request_id), timeout=30).read()
                with pytest.raises(grpc.aio.AioRpcError) as ending:
                    await stub.CancelRequest(wire.CancelRequestRequest(request_id=request_id), timeout=30)
                told.append([error_detail(error.value) for error in (watching, ending)])
        assert told[0] == told[1]
        assert {detail.code for detail in told[0] if detail} == {"REQUEST_NOT_FOUND"}


async def test_who_watches_without_end_leaves_room_for_others(pki: PKI, tmp_path: Path) -> None:
    """What happens: one enterprise watches its open request as often as it may, and once more.

    What must result: it is told that this is too much, and another enterprise is served.
    """
    async with live_federation(pki, tmp_path) as live:
        live.provinces[Province.HEBEI].behaviour = silent
        watching = wire.WatchReportRequest(request_id=(await opened(live)).request_id)
        async with live.client() as stub, live.client(uscc(2)) as other:
            watched = [stub.WatchReport(watching, timeout=60) for _ in range(8)]
            for one in watched:
                message = await one.read()
                assert isinstance(message, wire.WatchReportResponse)
                assert message.HasField("open")
            told = []
            for further in (stub, other):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await further.WatchReport(watching, timeout=30).read()
                told.append(error_detail(caught.value))
            for one in watched:
                one.cancel()
        assert [detail.code for detail in told if detail] == ["OVERLOADED", "REQUEST_NOT_FOUND"]


async def test_a_request_that_is_given_up_is_not_gone_on_with(database_url: str, pki: PKI, tmp_path: Path) -> None:
    async with live_on(database_url, pki, tmp_path) as live:
        live.provinces[Province.HEBEI].behaviour = silent
        first = await opened(live)
        async with live.client() as stub:
            request = wire.CancelRequestRequest(request_id=first.request_id)
            ended = (await stub.CancelRequest(request, timeout=30)).ended
            again = (await stub.CancelRequest(request, timeout=30)).ended
        assert ended == again
        assert (ended.end, ended.reason) == (wire.REQUEST_END_CANCELLED, "APPLICANT")
        assert await unfinished(live) == []
        assert (await live.request(idempotency_key=KEY)).ended == ended


async def test_a_request_that_is_given_up_while_provinces_answer_ends_so_and_keeps_what_they_said(
    database_url: str, pki: PKI, tmp_path: Path
) -> None:
    async with live_on(database_url, pki, tmp_path) as live:

        async def given_up_meanwhile(federation: Federation, question: Question) -> bytes:
            async with live.client() as stub:
                await stub.CancelRequest(wire.CancelRequestRequest(request_id=question.query.request_id), timeout=30)
            return federation.answer(question)

        live.provinces[Province.HEBEI].behaviour = given_up_meanwhile
        ended = (await live.request(idempotency_key=KEY)).ended
        assert (ended.end, ended.reason) == (wire.REQUEST_END_CANCELLED, "APPLICANT")
        assert await live.rows(tables.reports) == []
        assert len(await live.rows(tables.outcomes)) == 4
        assert await unfinished(live) == []


async def test_what_only_an_officer_can_settle_is_asked_about_again_and_completes(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        live.provinces[Province.SHANXI].behaviour = in_doubt
        first = await opened(live)
        assert not first.HasField("ask_again_after")
        live.provinces[Province.SHANXI].behaviour = honest()
        async with live.working():
            assert (await live.ended(first.request_id)).HasField("sealed")


async def test_a_gap_that_nothing_closes_ends_the_request_at_once(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        reason = refusal_pb2.REFUSAL_REASON_NOT_AUTHORISED
        live.provinces[Province.TIANJIN].behaviour = refusing(reason)  # type: ignore[assignment]  # a behaviour
        ended = (await live.request(idempotency_key=KEY)).ended
        assert (ended.end, ended.reason) == (wire.REQUEST_END_CLOSED_INCOMPLETE, "NOTHING_CLOSES_IT")
        [status] = [one for one in ended.provinces if one.gap_kind]
        assert (status.province, status.refusal) == (common_pb2.PROVINCE_TIANJIN, reason)
        assert ended.contact.unit
        assert await unfinished(live) == []


async def test_a_request_that_is_not_complete_in_time_is_closed(database_url: str, pki: PKI, tmp_path: Path) -> None:
    async with live_on(database_url, pki, tmp_path) as live:
        live.provinces[Province.HEBEI].behaviour = silent
        first = await opened(live)
        live.federation.now += timedelta(hours=73)
        async with live.working():
            ended = (await live.ended(first.request_id)).ended
        assert (ended.end, ended.reason) == (wire.REQUEST_END_CLOSED_INCOMPLETE, "NOT_IN_TIME")
        async with live.client() as stub:
            notices = (await stub.ListNotices(wire.ListNoticesRequest(), timeout=30)).notices
        assert [notice.kind for notice in notices] == [wire.NOTICE_KIND_REQUEST_ENDED]
        assert await live.rows(tables.reports) == []


async def test_a_subject_that_may_not_ask_any_more_is_not_asked_about(pki: PKI, tmp_path: Path) -> None:
    """What happens: while the request is open, the subject is cancelled (注销).

    What must result: nobody is asked again, and the request ends by name.
    """
    async with live_federation(pki, tmp_path) as live:
        live.provinces[Province.HEBEI].behaviour = silent
        first = await opened(live)
        before = {province: len(state.received) for province, state in live.provinces.items()}
        entry = registry_entry()
        cancelled = entry.model_copy(update={"status": int(common_pb2.REGISTRATION_STATUS_CANCELLED)})
        live.registry.entries[entry.uscc] = cancelled
        async with live.working():
            ended = (await live.ended(first.request_id)).ended
        assert (ended.end, ended.reason) == (wire.REQUEST_END_AUTHORISATION_ENDED, "SUBJECT_CANCELLED")
        assert {province: len(state.received) for province, state in live.provinces.items()} == before


async def test_the_progress_of_an_open_request_holds_no_verdict(pki: PKI, tmp_path: Path) -> None:
    """What must result: nothing that a province said about the subject is in what the enterprise is told meanwhile."""
    async with live_federation(pki, tmp_path) as live:
        record = penalty()
        live.provinces[Province.BEIJING].behaviour = honest({PENALTY_CELL: [record]})
        live.provinces[Province.HEBEI].behaviour = silent
        first = await opened(live)
        told = first.SerializeToString()
        assert record.record_id.encode() not in told
        beijing = next(one for one in first.provinces if one.province == common_pb2.PROVINCE_BEIJING)
        tianjin = next(one for one in first.provinces if one.province == common_pb2.PROVINCE_TIANJIN)
        for status in (beijing, tianjin):
            status.ClearField("province")
            status.ClearField("contact")
        assert beijing == tianjin, "who has records and who has none look the same"


async def test_two_calls_at_once_and_the_worker_make_one_report(database_url: str, pki: PKI, tmp_path: Path) -> None:
    async with live_on(database_url, pki, tmp_path) as live:
        async with live.working(), asyncio.TaskGroup() as group:
            tasks = [group.create_task(live.request(idempotency_key=KEY)) for _ in range(3)]
        assert {task.result().sealed.report_number for task in tasks} != {""}
        assert len({task.result().sealed.report_number for task in tasks}) == 1
        assert len(await live.rows(tables.reports)) == 1
        assert len(await live.rows(tables.requests)) == 1


async def test_a_province_that_asks_for_an_endless_pause_does_not_stop_the_request(
    database_url: str, pki: PKI, tmp_path: Path
) -> None:
    """What happens: 天津 refuses for now and asks to be left alone for ten thousand years, longer than any date goes.

    What must result: the request is open, and is gone on with until its time is over.
    """

    async def not_in_our_time(federation: Federation, question: Question) -> bytes:
        refusal = refusal_pb2.Refusal.FromString(
            decode_envelope(federation.refusal(question, refusal_pb2.REFUSAL_REASON_OVERLOADED)).payload
        )
        refusal.may_ask_again = True
        refusal.ask_again_after.FromSeconds(315_576_000_000)
        return federation.signer(question.province, ADAPTER).sign(REFUSAL, refusal).envelope

    async with live_on(database_url, pki, tmp_path) as live:
        live.provinces[Province.TIANJIN].behaviour = not_in_our_time
        first = await opened(live)
        assert first.next_attempt_at == first.completion_until
        assert len(await live.rows(tables.outcomes)) == 4


async def test_what_a_province_writes_into_an_answer_cannot_keep_the_outcome_from_being_stored(
    database_url: str, pki: PKI, tmp_path: Path
) -> None:
    """What happens: 天津 fails, and its words hold a character that PostgreSQL takes in no text."""

    async def failing(federation: Federation, question: Question) -> bytes:
        del federation, question
        raise HurenError(ErrorCode.MALFORMED_REQUEST, problem_zh="无", problem_en="none\0of it")

    async with live_on(database_url, pki, tmp_path) as live:
        live.provinces[Province.TIANJIN].behaviour = failing
        first = await opened(live)
        assert [status.province for status in first.provinces if status.gap_kind] == [common_pb2.PROVINCE_TIANJIN]
        assert len(await live.rows(tables.outcomes)) == 4
