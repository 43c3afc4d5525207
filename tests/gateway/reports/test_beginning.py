"""A request that is begun and not waited for: opened as any other, asked for at once by itself, and seen while it gets on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from contract.errors import ErrorCode, HurenError
from contract.outcome import Question
from contract.province import Province
from gateway.domain.request import Caller, Sealed
from gateway.reports.service import Step
from gateway.store import tables
from gateway.store.work import WorkQueue
from huren.common.v1 import common_pb2
from huren.report.v1 import report_service_pb2 as wire
from sandbox.pki import PKI
from tests.support.consents import BANK, granted, taken_back, under, unit
from tests.support.federation import SUBJECT_CODE, Federation
from tests.support.live import Live, live_federation
from tests.support.people import silent

SUBJECT = unit(SUBJECT_CODE)
MESSAGE = wire.RequestReportRequest(idempotency_key="one-key-for-it", uscc=SUBJECT_CODE)
LATE = Province.HEBEI


class Held:
    """A province that has the question and answers when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, federation: Federation, question: Question) -> bytes:
        self.asked.set()
        await self.may_answer.wait()
        return federation.answer(question)


@asynccontextmanager
async def at_work(live: Live) -> AsyncGenerator[None]:
    """The gateway's worker, for the time of the block. The clock stands still: only what is due now is done."""
    work = asyncio.create_task(live.services.worker.run())
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def opened(live: Live, message: wire.RequestReportRequest = MESSAGE, caller: Caller = SUBJECT) -> str:
    result = await live.services.reports.begin_report(message, caller)
    assert isinstance(result, wire.OpenRequest)
    return result.request_id


async def progress(live: Live, request_id: str, caller: Caller = SUBJECT) -> wire.OpenRequest:
    result = await live.services.reports.find_request(request_id, caller)
    assert isinstance(result, wire.OpenRequest)
    return result


async def until(live: Live, request_id: str, holds: Callable[[Any], bool], caller: Caller = SUBJECT) -> Any:
    """How a request stands, as soon as something holds of it."""
    async with asyncio.timeout(60):
        while not holds(seen := await live.services.reports.find_request(request_id, caller)):  # noqa: ASYNC110  # as anybody asks
            await asyncio.sleep(0.01)
    return seen


async def answered(live: Live, request_id: str, number: int) -> wire.OpenRequest:
    """The request as soon as so many provinces stand in it."""
    seen = await until(live, request_id, lambda one: len(one.provinces) >= number)
    assert isinstance(seen, wire.OpenRequest)
    return seen


async def sealed(live: Live, request_id: str) -> Sealed:
    """The report that a request comes to."""
    results = [one async for one in live.services.reports.watch(request_id, SUBJECT)]
    assert isinstance(results[-1], Sealed)
    return results[-1]


async def test_nobody_was_asked_when_the_request_is_open_and_the_report_comes_by_itself(
    pki: PKI, tmp_path: Path
) -> None:
    async with live_federation(pki, tmp_path) as live:
        result = await live.services.reports.begin_report(MESSAGE, SUBJECT)
        assert isinstance(result, wire.OpenRequest)
        assert not result.provinces
        assert not result.HasField("next_attempt_at"), "it is asked for now"
        assert not any(state.received for state in live.provinces.values())
        async with at_work(live):
            report = await sealed(live, result.request_id)
        assert [row["report_number"] for row in await live.rows(tables.reports)] == [report.report_number]


async def test_the_same_key_is_the_same_request_before_and_after_the_report(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        request_id = await opened(live)
        assert await opened(live) == request_id
        both = await asyncio.gather(opened(live), opened(live))
        assert set(both) == {request_id}
        async with at_work(live):
            report = await sealed(live, request_id)
        assert await live.services.reports.begin_report(MESSAGE, SUBJECT) == report
        assert len(await live.rows(tables.requests)) == 1
        assert len(await live.rows(tables.queries)) == len(Province)


async def test_the_same_key_with_other_choices_is_refused(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        await opened(live)
        other = wire.RequestReportRequest()
        other.CopyFrom(MESSAGE)
        other.kinds.append(common_pb2.RECORD_KIND_PENALTY)
        with pytest.raises(HurenError) as refused:
            await live.services.reports.begin_report(other, SUBJECT)
        assert refused.value.code is ErrorCode.IDEMPOTENCY_KEY_REUSED


async def test_who_waits_goes_on_with_what_was_begun(pki: PKI, tmp_path: Path) -> None:
    """The same key at another edge, where the caller waits for the first try."""
    async with live_federation(pki, tmp_path) as live:
        await opened(live)
        assert isinstance(await live.services.reports.request_report(MESSAGE, SUBJECT), Sealed)
        assert len(await live.rows(tables.requests)) == 1
        assert not await live.rows(tables.work)


class _DiedError(BaseException):
    """The process died."""


async def test_a_crash_after_the_open_loses_nothing(pki: PKI, tmp_path: Path) -> None:
    """What happens: the process dies as soon as the request is open; nobody ever asks again.

    What must result: the work is due at once, held by nobody, and comes to the report.
    """

    def die() -> None:
        raise _DiedError

    async with live_federation(pki, tmp_path) as live:
        live.recorder.at_end_of[Step.OPEN] = die
        with pytest.raises(_DiedError):
            await live.services.reports.begin_report(MESSAGE, SUBJECT)
        (request,) = await live.rows(tables.requests)
        (work,) = await live.rows(tables.work)
        assert (work["reference"], work["lease_owner"], work["attempts"]) == (request["request_id"], "", 0)
        async with at_work(live):  # the clock stands still: no lease has to end first
            await sealed(live, request["request_id"])


async def test_a_refusal_is_told_to_the_subject_and_opens_nothing(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        with pytest.raises(HurenError) as refused:
            await live.services.reports.begin_report(MESSAGE, unit(BANK))
        assert refused.value.code is ErrorCode.NOT_YOURSELF
        (look_up,) = await live.rows(tables.refused_look_ups)
        assert (look_up["uscc"], look_up["reason"]) == (SUBJECT_CODE, ErrorCode.NOT_YOURSELF)
        assert not await live.rows(tables.requests)
        assert not await live.rows(tables.work)
        assert live.recorder.ends == [ErrorCode.NOT_YOURSELF]


async def test_who_has_answered_is_seen_before_the_try_ends(pki: PKI, tmp_path: Path) -> None:
    """What happens: three provinces answer, one has the question and waits.

    What must result: the three are seen as having answered and nothing else of them; the one is not named; nothing of it is stored;
    when the one has answered, the report is there.
    """
    async with live_federation(pki, tmp_path) as live:
        held = live.provinces[LATE].behaviour = Held()
        request_id = await opened(live)
        async with at_work(live):
            await held.asked.wait()
            seen = await answered(live, request_id, len(Province) - 1)
            assert {Province(one.province) for one in seen.provinces} == set(Province) - {LATE}
            assert {one.progress for one in seen.provinces} == {wire.PROVINCE_PROGRESS_ANSWERED}
            assert not seen.HasField("next_attempt_at"), "it is asked for now"
            (request,) = await live.rows(tables.requests)
            assert not request["progress"]
            with pytest.raises(HurenError):  # and by nobody else
                await live.services.reports.find_request(request_id, unit(BANK))
            held.may_answer.set()
            await sealed(live, request_id)


async def test_after_the_try_what_is_stored_is_shown(pki: PKI, tmp_path: Path) -> None:
    """What happens: one province fails; the try ends; it is tried again while another one waits for its answer.

    What must result: between the tries the stored statuses with the time of the next one; during the second only those that hold.
    """
    async with live_federation(pki, tmp_path) as live:
        live.provinces[LATE].behaviour = silent
        request_id = await opened(live)
        async with at_work(live):
            between = await until(live, request_id, lambda one: one.HasField("next_attempt_at"))
            assert len(between.provinces) == len(Province)
            held = live.provinces[LATE].behaviour = Held()
            live.federation.now += timedelta(minutes=2)
            await held.asked.wait()
            again = await answered(live, request_id, len(Province) - 1)
            assert LATE.wire not in {one.province for one in again.provinces}
            held.may_answer.set()
            await sealed(live, request_id)


async def test_what_was_seen_is_gone_when_the_try_breaks_off(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        held = live.provinces[LATE].behaviour = Held()
        request_id = await opened(live)
        async with at_work(live):
            await held.asked.wait()
            await answered(live, request_id, len(Province) - 1)
        assert not (await progress(live, request_id)).provinces
        held.may_answer.set()


async def test_a_request_that_is_withdrawn_while_it_is_asked_for_stays_withdrawn(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        held = live.provinces[LATE].behaviour = Held()
        request_id = await opened(live)
        async with at_work(live):
            await held.asked.wait()
            await answered(live, request_id, len(Province) - 1)
            assert isinstance(await live.services.reports.cancel(request_id, SUBJECT), wire.EndedRequest)
            assert isinstance(await live.services.reports.find_request(request_id, SUBJECT), wire.EndedRequest)
            held.may_answer.set()
        assert not await live.rows(tables.reports)


async def test_under_a_grant_it_is_used_once_and_ends_when_it_is_taken_back(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        grant_id = await granted(live)
        first = await opened(live, under(grant_id), unit(BANK))
        assert await opened(live, under(grant_id), unit(BANK)) == first
        assert [row["use_ordinal"] for row in await live.rows(tables.requests)] == [1]
        await taken_back(live, grant_id)
        async with at_work(live):
            await until(live, first, lambda one: isinstance(one, wire.EndedRequest), unit(BANK))
        assert not any(state.received for state in live.provinces.values())


@contextmanager
def nobody_looks_by_the_clock() -> Iterator[None]:
    """Work is found only by who is woken."""
    with patch("gateway.working._LOOK_EVERY_S", 3600.0):
        yield


async def test_the_worker_of_the_process_is_woken(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        with nobody_looks_by_the_clock():
            looked = asyncio.Event()
            take = WorkQueue.take

            async def counted(queue: WorkQueue) -> object:
                found = await take(queue)
                if found is None:
                    looked.set()
                return found

            with patch.object(WorkQueue, "take", counted):
                async with at_work(live), asyncio.timeout(60):
                    await looked.wait()
                    await sealed(live, await opened(live))


async def test_an_agent_s_request_is_kept_as_the_agent_s(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        agent = replace(SUBJECT, actor="a" * 32, post="经办人", channel=common_pb2.CHANNEL_WEB)
        request_id = await opened(live, caller=agent)
        (request,) = await live.rows(tables.requests)
        assert (request["request_id"], request["actor"], request["channel"]) == (request_id, "a" * 32, 1)
