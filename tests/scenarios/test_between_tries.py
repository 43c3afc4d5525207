"""What happens between and beside the good path: callers in a hurry, clocks that jump, keys that end, faults of our own."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from contract.outcome import Question, UnavailableReason
from contract.province import Province
from contract.report_check import check_report
from contract.uscc import Uscc
from gateway.federation.breaker import BreakerPolicy
from gateway.reports.service import Step
from gateway.store import tables
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.grpc_errors import error_detail
from sandbox.pki import PKI
from signing import Compromised
from tests.support.federation import GATEWAY, NOW, SUBJECT_CODE, Federation, registry_entry
from tests.support.live import honest, live_federation

ONE_FAILURE_OPENS = BreakerPolicy(failures_to_open=1, open_for=timedelta(hours=1), open_for_at_most=timedelta(hours=1))


async def test_a_caller_in_a_hurry_says_nothing_about_the_provinces(pki: PKI, tmp_path: Path) -> None:
    """What happens: a caller gives up long before the gateway would; then another one comes with time.

    What must result: the second gets its report: no breaker was opened by the first one's hurry.
    """
    gate = asyncio.Event()

    async def waits(federation: Federation, question: Question) -> bytes:
        await gate.wait()
        return federation.answer(question)

    async with live_federation(pki, tmp_path, breaker_policy=ONE_FAILURE_OPENS) as live:
        for state in live.provinces.values():
            state.behaviour = waits
        async with live.client() as stub:
            message = wire.RequestReportRequest(idempotency_key="in-a-hurry", uscc=SUBJECT_CODE)
            with contextlib.suppress(grpc.aio.AioRpcError):  # told in time that it is open, or not in time
                assert (await stub.RequestReport(message, timeout=1)).WhichOneof("result") == "open"
        gate.set()
        assert (await live.request()).WhichOneof("result") == "sealed"


async def test_answers_that_expire_before_sealing_are_got_again(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:

        def two_hours_pass() -> None:
            live.federation.now += timedelta(hours=2)

        live.recorder.at_end_of[Step.MERGE] = two_hours_pass
        first = await live.request(idempotency_key="slow-as-slow")
        assert {status.reason for status in first.open.provinces} == {UnavailableReason.EXPIRED_BEFORE_SEALING}
        assert await live.rows(tables.reports) == []
        second = await live.request(idempotency_key="slow-as-slow")
        federation = live.federation
        check_report(second.sealed.report_envelope, verifier=federation.verifier, catalogues=federation.catalogues)
        assert len(await live.rows(tables.outcomes)) == 8


async def test_a_clock_that_is_set_back_seals_nothing_that_would_not_verify(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:

        def set_back() -> None:
            live.federation.now -= timedelta(seconds=30)

        live.recorder.at_end_of[Step.MERGE] = set_back
        response = await live.request()
        assert response.WhichOneof("result") == "open"
        assert await live.rows(tables.reports) == []


async def test_an_open_request_outlives_the_key_that_asked(pki: PKI, tmp_path: Path) -> None:
    """What happens: a request stays open; then the home's key becomes known as compromised; the same key is used again.

    What must result: what was got under that key is not used, and all four are asked again.
    """

    async def down(_federation: Federation, _question: Question) -> bytes:
        raise RuntimeError("down")

    url = f"sqlite:///{tmp_path / 'shared.db'}"
    async with live_federation(pki, tmp_path, database_url=url, patience=timedelta(seconds=4)) as live:
        live.provinces[Province.HEBEI].behaviour = down
        assert (await live.request(idempotency_key="before-and-after")).WhichOneof("result") == "open"
    distrusted = Federation(states={(Province.BEIJING, GATEWAY): Compromised(NOW - timedelta(days=1))})
    async with live_federation(pki, tmp_path, distrusted, database_url=url) as live:
        await live.request(idempotency_key="before-and-after")
        assert [len(state.received) for state in live.provinces.values()] == [1, 1, 1, 1]


async def test_a_coverage_statement_is_asked_for_again_within_the_deadline(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        live.provinces[Province.HEBEI].coverage_failures = 2
        assert (await live.request()).WhichOneof("result") == "sealed"
        assert live.provinces[Province.HEBEI].coverage_failures == 0


async def test_a_fault_of_our_own_is_counted_recorded_and_tells_nothing(pki: PKI, tmp_path: Path) -> None:
    class Broken:
        async def lookup(self, uscc: Uscc) -> None:
            raise ZeroDivisionError(f"about {uscc}")

    async with live_federation(pki, tmp_path) as live:
        live.registry.lookup = Broken().lookup  # type: ignore[method-assign]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await live.request()
        detail = error_detail(caught.value)
        assert detail is not None
        assert detail.code == "INTERNAL"
        assert SUBJECT_CODE not in str(caught.value)
        assert live.recorder.ends == ["INTERNAL"]
        assert [row["result"] for row in await live.rows(tables.audit)] == ["INTERNAL"]
        assert await live.stored() == {}


async def test_two_spellings_of_one_request_are_one_request(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        first = await live.request(idempotency_key="one-request", uscc=SUBJECT_CODE.lower())
        second = await live.request(
            idempotency_key="one-request",
            purpose=query_pb2.PURPOSE_NOT_STATED,
            basis=query_pb2.AUTHORISATION_BASIS_SELF,
        )
        assert first == second


async def test_a_requester_that_goes_away_leaves_nothing_half_open(pki: PKI, tmp_path: Path) -> None:
    """What happens: the requester disconnects while the provinces are being asked; later it asks again.

    What must result: the same key gives one report.
    """
    begun = asyncio.Event()
    gate = asyncio.Event()

    async def waits(federation: Federation, question: Question) -> bytes:
        begun.set()
        await gate.wait()
        return federation.answer(question)

    async with live_federation(pki, tmp_path, breaker_policy=ONE_FAILURE_OPENS) as live:
        live.provinces[Province.SHANXI].behaviour = waits
        async with live.client() as stub:
            message = wire.RequestReportRequest(idempotency_key="goes-away", uscc=SUBJECT_CODE)
            call = stub.RequestReport(message, timeout=30)
            sending = asyncio.ensure_future(call)
            await begun.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        gate.set()
        assert (await live.request(idempotency_key="goes-away")).WhichOneof("result") == "sealed"
        assert len(await live.rows(tables.reports)) == 1


async def test_a_subject_that_was_renamed_meanwhile_is_asked_for_anew(pki: PKI, tmp_path: Path) -> None:
    """What happens: a request stays open; the subject is renamed; the same key is used again.

    What must result: the report names the subject as it is now, and every province searched for that name.
    """

    async def down(_federation: Federation, _question: Question) -> bytes:
        raise RuntimeError("down")

    async with live_federation(pki, tmp_path, patience=timedelta(seconds=4)) as live:
        live.provinces[Province.HEBEI].behaviour = down
        assert (await live.request(idempotency_key="old-and-new")).WhichOneof("result") == "open"
        live.provinces[Province.HEBEI].behaviour = honest()
        live.registry.entries = {SUBJECT_CODE: registry_entry(name="北京示例新名机械有限公司")}
        sealed = (await live.request(idempotency_key="old-and-new")).sealed
        federation = live.federation
        checked = check_report(sealed.report_envelope, verifier=federation.verifier, catalogues=federation.catalogues)
        assert checked.report.subject.name == "北京示例新名机械有限公司"
        again = {province: len(state.received) for province, state in live.provinces.items()}
        assert again[Province.BEIJING] == again[Province.TIANJIN] == again[Province.SHANXI] == 2
