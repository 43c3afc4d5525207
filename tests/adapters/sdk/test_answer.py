"""The adapter over mutual TLS: a query in, one signed statement out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest
import structlog

from adapters.sdk.answering import MAX_ANSWER_BYTES
from adapters.sdk.source import Search, SourceAnswer, SourceError
from contract.admission import OpenedFragment, admit, open_answer, open_coverage
from contract.catalogue import published_catalogues
from contract.days import china_day, from_timestamp
from contract.outcome import Admitted, Question
from contract.province import Province
from huren.fragment.v1 import coverage_pb2, fragment_pb2, query_pb2
from huren.status.v1 import status_service_pb2
from runtime.grpc_errors import error_detail
from signing import decode_envelope

CLEAR = fragment_pb2.CELL_STATE_CLEAR
FOUND = fragment_pb2.CELL_STATE_FOUND
NOT_COVERED = fragment_pb2.CELL_STATE_NOT_COVERED
NOT_APPLICABLE = fragment_pb2.CELL_STATE_NOT_APPLICABLE
UNAVAILABLE = fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE


def cells_of(fragment: fragment_pb2.Fragment) -> dict[tuple[str, int], fragment_pb2.Cell]:
    return {(cell.key.domain, int(cell.key.kind)): cell for cell in fragment.cells}


async def test_answers_with_a_fragment_that_the_home_admits(bench: Any, kit: Any) -> None:
    bench.platform.rows = (kit.penalty(), kit.entry(), kit.penalty("p-2", uscc=kit.OTHER))
    asked = bench.asked()

    async with bench.serving() as running, running.gateway() as client:
        answered = await client.answer(asked.envelope)
        fragment = bench.fragment(answered)
        coverage = await client.coverage(fragment.coverage_statement_id)

    catalogue = published_catalogues().in_force(china_day(bench.clock()))
    question = Question(
        envelope=asked.envelope,
        statement_id=asked.statement_id,
        query=query_pb2.Query.FromString(asked.payload),
    )
    opened = open_answer(answered, question=question, verifier=bench.verifier)
    verified = open_coverage(coverage, province=kit.OURS, catalogue=catalogue, verifier=bench.verifier)
    assert isinstance(opened, OpenedFragment)
    admitted = admit(opened, catalogue=catalogue, coverage=verified, at=bench.clock())
    assert isinstance(admitted, Admitted)
    cells = cells_of(fragment)
    assert cells.keys() == set(catalogue.cells)
    assert {key: len(cell.records) for key, cell in cells.items() if cell.records} == {
        kit.MARKET: 1,
        kit.MARKET_LIST: 1,
    }
    assert {cell.state for key, cell in cells.items() if not cell.records} == {CLEAR, NOT_APPLICABLE}
    assert from_timestamp(fragment.expires_at) == bench.clock() + timedelta(hours=1)


async def test_searches_by_every_identifier_until_before_the_deadline(bench: Any, kit: Any) -> None:
    async with bench.serving() as running:
        await running.answer(bench.asked().envelope)

    (search,) = bench.platform.asked
    assert search.values(1) == (kit.USCC,)
    assert search.window == kit.WINDOW
    assert search.cells == frozenset(kit.catalogue.carried)
    assert search.until == bench.clock() + timedelta(seconds=19.5)


async def test_does_not_ask_a_platform_that_could_say_nothing(bench: Any) -> None:
    query = bench.query()
    applicable = published_catalogues().in_force(china_day(bench.clock())).carried
    keys = [key for key in query.cells if (key.domain, int(key.kind)) not in applicable]

    async with bench.serving() as running:
        fragment = bench.fragment(await running.answer(bench.asked(cells=keys).envelope))

    assert bench.platform.asked == []
    assert {cell.state for cell in fragment.cells} == {NOT_APPLICABLE}


async def test_an_answer_that_is_too_large_loses_its_largest_cell(bench: Any, kit: Any) -> None:
    long = "违" * 19_999
    many = [kit.penalty(f"p-{n}", facts=long, basis=long, content=long, type=long) for n in range(80)]
    bench.platform.rows = (*many, kit.entry())

    with structlog.testing.capture_logs() as logs:
        async with bench.serving() as running:
            answered = await running.answer(bench.asked().envelope)

    cells = cells_of(bench.fragment(answered))
    market = cells[kit.MARKET]
    assert len(answered) <= MAX_ANSWER_BYTES
    assert (market.state, market.reason) == (UNAVAILABLE, fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT)
    assert len(market.records) == 0
    assert (cells[kit.MARKET_LIST].state, len(cells[kit.MARKET_LIST].records)) == (FOUND, 1)
    (told,) = [entry for entry in logs if "too large" in entry["event"]]
    assert told["cells"] == ["market_regulation/1"]


async def fails(_: Search) -> SourceAnswer:
    raise SourceError("the platform is down")


async def hangs(_: Search) -> SourceAnswer:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("answer", [fails, hangs])
async def test_a_platform_that_says_nothing_makes_cells_unavailable(bench: Any, kit: Any, answer: Any) -> None:
    bench.platform.answer = answer
    deadline = bench.query(at=bench.clock() - timedelta(seconds=19.99)).deadline

    async with bench.serving() as running:
        fragment = bench.fragment(await running.answer(bench.asked(deadline=deadline).envelope))
        assert running.counted("huren_adapter_source_seconds_count", result="failed") == 1

    cells = [cell for key, cell in cells_of(fragment).items() if key in kit.catalogue.carried]
    assert {cell.state for cell in cells} == {UNAVAILABLE}
    assert {cell.reason for cell in cells} == {fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT}
    assert not any(cell.HasField("data_as_of") for cell in cells)


async def test_only_gateways_of_members_ask(bench: Any, kit: Any) -> None:
    envelope = bench.asked().envelope
    async with bench.serving() as running:
        for caller in (running.adapter(), running.operator()):
            async with caller as client:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await client.answer(envelope)
            assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            async with running.called_by(bench.pki.enterprise_tls(kit.USCC)) as client:
                await client.answer(envelope)
    assert unknown.value.code() is grpc.StatusCode.UNAVAILABLE, "another authority certifies enterprises"
    assert bench.platform.asked == []


async def test_members_and_operators_see_coverage_and_status(bench: Any, kit: Any) -> None:
    async with bench.serving() as running:
        for caller in (running.gateway(Province(11)), running.adapter(), running.operator()):
            async with caller as client:
                coverage = await client.coverage()
                status = await client.status.GetMemberStatus(status_service_pb2.GetMemberStatusRequest(), timeout=20)
            payload = coverage_pb2.Coverage.FromString(decode_envelope(coverage).payload)
            assert {(entry.key.domain, int(entry.key.kind)) for entry in payload.cells} == set(kit.catalogue.carried)
            assert status.province == kit.OURS
            assert len(status.sources) == len(kit.catalogue.carried)
            assert not any(source.stale for source in status.sources)
            assert len(status.coverage_statement_id) == 32


async def test_a_coverage_statement_never_made_is_not_found(bench: Any) -> None:
    async with bench.serving() as running, running.operator() as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.coverage(b"\0" * 32)
    detail = error_detail(caught.value)
    assert detail is not None
    assert detail.code == "COVERAGE_NOT_FOUND"


async def test_status_tells_a_platform_that_does_not_answer(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down() -> Any:
        raise SourceError("down")

    monkeypatch.setattr(bench.platform, "watermarks", down)
    async with bench.serving() as running, running.operator() as client:
        status = await client.status.GetMemberStatus(status_service_pb2.GetMemberStatusRequest(), timeout=20)
    assert not any(source.HasField("data_as_of") for source in status.sources)
