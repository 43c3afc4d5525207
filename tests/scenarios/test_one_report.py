"""The path of a report, over real gRPC with mutual TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from contract import report_number
from contract.province import Province
from contract.report_check import check_report
from gateway.store import tables
from huren.report.v1 import report_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.grpc_errors import error_detail
from sandbox.pki import PKI
from tests.support.federation import LIST_CELL, NOT_COVERED, PENALTY_CELL, Federation, list_entry, penalty, uscc
from tests.support.live import Live, honest, live_federation


def checked(live: Live, sealed: wire.SealedReport) -> report_pb2.Report:
    report = check_report(
        sealed.report_envelope, verifier=live.federation.verifier, catalogues=live.federation.catalogues
    ).report
    assert report.report_number == sealed.report_number
    return report


async def test_a_report_holds_what_four_provinces_said_and_verifies(pki: PKI, tmp_path: Path) -> None:
    """What happens: an enterprise with records in two provinces asks its home.

    What must result: one sealed report that anybody can verify, with every record where its province put it.
    """
    async with live_federation(pki, tmp_path) as live:
        live.provinces[Province.TIANJIN].behaviour = honest(
            {PENALTY_CELL: [penalty("tianjin-1"), penalty("tianjin-2")]}
        )
        live.provinces[Province.SHANXI].behaviour = honest({LIST_CELL: [list_entry("shanxi-1")]})
        response = await live.request()
        report = checked(live, response.sealed)
        assert report.conclusion == report_pb2.Conclusion(
            verdict=report_pb2.VERDICT_FOUND, penalty_count=2, list_entry_count=1
        )
        assert [column.province for column in report.columns] == [11, 12, 13, 14]
        assert report_number.check(report.report_number).province is Province.BEIJING
        assert len(response.sealed.verification_code) >= 22  # 128 bits in base64url


async def test_without_records_the_report_says_nothing_was_found(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        report = checked(live, (await live.request()).sealed)
        assert report.conclusion == report_pb2.Conclusion(verdict=report_pb2.VERDICT_NOTHING_FOUND)


async def test_a_cell_that_is_not_covered_limits_the_report(pki: PKI, tmp_path: Path) -> None:
    federation = Federation(not_covered={Province.HEBEI: frozenset({PENALTY_CELL})})
    async with live_federation(pki, tmp_path, federation) as live:
        report = checked(live, (await live.request()).sealed)
        assert report.conclusion == report_pb2.Conclusion(verdict=report_pb2.VERDICT_NOTHING_FOUND, limited=True)
        assert report.columns[2].states[list(report.cells).index(report.cells[0])] == NOT_COVERED


async def test_the_same_key_gives_the_same_bytes_and_asks_nobody_again(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        first = await live.request(idempotency_key="the-same-key")
        second = await live.request(idempotency_key="the-same-key")
        assert first == second
        assert [len(state.received) for state in live.provinces.values()] == [1, 1, 1, 1]
        assert (await live.stored())["reports"] == 1


async def test_the_same_key_at_the_same_time_gives_one_report(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        responses = await asyncio.gather(*(live.request(idempotency_key="all-at-once") for _ in range(8)))
        assert len({response.sealed.report_envelope for response in responses}) == 1
        assert (await live.stored())["reports"] == 1


async def test_the_same_key_with_another_request_is_refused(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        await live.request(idempotency_key="one-key-only")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await live.request(idempotency_key="one-key-only", domains=["taxation"])
        detail = error_detail(caught.value)
        assert detail is not None
        assert (caught.value.code(), detail.code) == (grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED")


async def test_an_enterprise_reads_its_report_again_and_nobody_elses(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        sealed = (await live.request()).sealed
        async with live.client() as stub:
            again = await stub.GetReport(wire.GetReportRequest(report_number=sealed.report_number), timeout=10)
        assert again.sealed == sealed
        async with live.client(uscc(2)) as stranger:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stranger.GetReport(wire.GetReportRequest(report_number=sealed.report_number), timeout=10)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_what_one_province_left_open_is_closed_by_the_next_try(pki: PKI, tmp_path: Path) -> None:
    """What happens: Hebei is down at the first try; the same key is used again when it is back.

    What must result: no report at first; then one, and only Hebei was asked a second time.
    """

    async def down(_federation: object, _question: object) -> bytes:
        raise RuntimeError("down")

    async with live_federation(pki, tmp_path) as live:
        live.provinces[Province.HEBEI].behaviour = down
        first = await live.request(idempotency_key="twice-the-same")
        assert first.WhichOneof("result") == "open"
        live.provinces[Province.HEBEI].behaviour = honest()
        asked = {province: len(state.received) for province, state in live.provinces.items()}
        second = await live.request(idempotency_key="twice-the-same")
        report = checked(live, second.sealed)
        assert report.request_id == first.open.request_id
        again = {province: len(state.received) - asked[province] for province, state in live.provinces.items()}
        assert again == {Province.BEIJING: 0, Province.TIANJIN: 0, Province.HEBEI: 1, Province.SHANXI: 0}


async def test_a_transport_retry_sends_the_same_bytes(pki: PKI, tmp_path: Path) -> None:
    failures = 2

    async def fails_twice(federation: Federation, question: object) -> bytes:
        nonlocal failures
        if failures:
            failures -= 1
            raise RuntimeError("a fault on the way")
        return federation.answer(question)  # type: ignore[arg-type]

    async with live_federation(pki, tmp_path) as live:
        live.provinces[Province.SHANXI].behaviour = fails_twice
        checked(live, (await live.request()).sealed)
        received = live.provinces[Province.SHANXI].received
        assert len(received) == 3
        assert len(set(received)) == 1


async def test_every_query_and_its_outcome_is_in_the_audit(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        sealed = (await live.request()).sealed
        rows = await live.rows(tables.audit)
        actions = [(row["action"], row["province"], row["result"]) for row in rows]
        assert actions == [
            ("request", 0, "opened"),
            *(("query", int(province), "sent") for province in Province),
            *(("outcome", int(province), "Admitted") for province in Province),
            ("issue", 0, sealed.report_number),
        ]
        assert len({row["actor_ref"] for row in rows}) == 1


async def test_no_number_is_given_out_that_a_clerk_would_type_wrongly(pki: PKI, tmp_path: Path) -> None:
    """What must result: of many reports none ends in O or I, and each has a number of its own."""
    async with live_federation(pki, tmp_path) as live:
        numbers = [(await live.request()).sealed.report_number for _ in range(60)]
    assert {number[-1] for number in numbers}.isdisjoint("OI")
    assert len(set(numbers)) == 60
