"""One query, one answer: the same bytes get the same bytes, and a nonce is used once. On SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, exc, func, select, update

from adapters.sdk.ledger import APPEND_ONLY, METADATA
from adapters.sdk.source import Search, SourceAnswer
from contract.days import to_timestamp
from contract.province import Province
from runtime.database import Database


@pytest.fixture
def bench(bench: Any, database_url: str) -> Any:
    bench.database_url = database_url
    return bench


async def rows_in(database: Database, name: str) -> list[Any]:
    async with database.read() as connection:
        return list((await connection.execute(select(METADATA.tables[name]))).mappings())


async def test_the_same_bytes_get_the_same_bytes(bench: Any, kit: Any) -> None:
    bench.platform.rows = (kit.penalty(),)
    asked = bench.asked()
    async with bench.serving() as running:
        first = await running.answer(asked.envelope)
        bench.platform.rows = ()
        second = await running.answer(asked.envelope)
        assert running.counted("huren_adapter_answers_total", result="REPEATED") == 1
        assert len(await rows_in(running.database, "audit")) == 1
    assert second == first
    assert len(bench.platform.asked) == 1


async def test_also_after_the_deadline_and_when_it_would_be_refused_now(bench: Any, kit: Any) -> None:
    asked = bench.asked()
    async with bench.serving() as running:
        first = await running.answer(asked.envelope)
        bench.clock.now += timedelta(days=30)
        bench.registry.register(kit.USCC, Province(14))
        assert await running.answer(asked.envelope) == first


async def test_also_a_refusal(bench: Any) -> None:
    asked = bench.asked(deadline=to_timestamp(bench.clock()))
    async with bench.serving() as running:
        first = await running.answer(asked.envelope)
        assert bench.reason(first) == "DEADLINE_PASSED"
        bench.clock.now -= timedelta(seconds=30)
        assert await running.answer(asked.envelope) == first


async def test_also_after_a_restart(bench: Any, kit: Any) -> None:
    bench.platform.rows = (kit.penalty(),)
    asked = bench.asked()
    async with bench.serving() as running:
        first = await running.answer(asked.envelope)
    async with bench.serving() as running:
        assert await running.answer(asked.envelope) == first
    assert len(bench.platform.asked) == 1


async def test_also_at_the_same_time(bench: Any, kit: Any) -> None:
    """Twenty identical queries are on their way to the platform at once; exactly one answer is kept, and all get it."""
    together = asyncio.Barrier(20)

    async def answer(_: Search) -> SourceAnswer:
        await together.wait()
        answered: SourceAnswer = kit.answer(kit.penalty(), at=bench.clock())
        return answered

    bench.platform.answer = answer
    asked = bench.asked()
    async with bench.serving() as running, running.gateway() as client:
        answers = await asyncio.gather(*(client.answer(asked.envelope) for _ in range(20)))
        assert len(await rows_in(running.database, "queries")) == 1
        assert len(await rows_in(running.database, "audit")) == 1
    assert len(set(answers)) == 1
    bench.fragment(answers[0])


async def test_another_use_of_the_nonce_is_refused(bench: Any) -> None:
    query = bench.query()
    async with bench.serving() as running:
        first = await running.answer(bench.sign(query).envelope)
        query.attempt = 2
        assert bench.reason(await running.answer(bench.sign(query).envelope)) == "NONCE_REUSED"
        query.attempt = 1
        assert await running.answer(bench.sign(query).envelope) == first


async def test_two_uses_of_a_nonce_at_the_same_time(bench: Any, kit: Any) -> None:
    together = asyncio.Barrier(2)

    async def answer(_: Search) -> SourceAnswer:
        await together.wait()
        answered: SourceAnswer = kit.answer(at=bench.clock())
        return answered

    bench.platform.answer = answer
    query = bench.query()
    one = bench.sign(query).envelope
    query.attempt = 2
    other = bench.sign(query).envelope
    async with bench.serving() as running, running.gateway() as client:
        answers = await asyncio.gather(client.answer(one), client.answer(other))
    types = Counter("refusal" if b"huren.refusal" in answer else "fragment" for answer in answers)
    assert types == {"refusal": 1, "fragment": 1}


async def test_nonces_of_different_signers_have_nothing_to_do_with_each_other(bench: Any) -> None:
    asked = bench.asked()
    async with bench.serving() as running:
        for province in (Province(11), Province(14)):
            assert bench.reason(await running.answer(asked.envelope, as_=province)) == "PEER_IS_NOT_SIGNER"
        assert await rows_in(running.database, "queries") == []
        bench.fragment(await running.answer(asked.envelope))


async def test_every_query_is_recorded_with_its_answer(bench: Any, kit: Any, id_of: Any) -> None:
    asked = bench.asked()
    refused = bench.asked(addressee=Province(14).wire)
    async with bench.serving() as running:
        answers = [await running.answer(asked.envelope), await running.answer(refused.envelope)]
        lines = await rows_in(running.database, "audit")
        kept = {row["statement_id"]: row["envelope"] for row in await rows_in(running.database, "statements")}
    assert [line["outcome"] for line in lines] == ["ANSWERED", "NOT_ADDRESSEE"]
    assert {line["asked_by"] for line in lines} == {kit.HOME}
    assert {line["uscc"] for line in lines} == {kit.USCC}
    assert [line["query_statement_id"] for line in lines] == [asked.statement_id, refused.statement_id]
    for line, answer in zip(lines, answers, strict=True):
        assert line["answer_statement_id"] == id_of(answer)
        assert kept[line["answer_statement_id"]] == answer


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda table: table.name)
async def test_the_database_refuses_to_change_the_record(bench: Any, table: Any) -> None:
    bench.platform.rows = (bench.kit.penalty(),)
    async with bench.serving() as running:
        await running.answer(bench.asked().envelope)
        column = next(iter(table.c))
        for statement in (delete(table), update(table).values({column: column})):
            with pytest.raises(exc.DBAPIError, match="append-only"):
                async with running.database.write() as connection:
                    await connection.execute(statement)
        async with running.database.read() as connection:
            assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() >= 1


async def test_a_record_keeps_its_identity_and_grows_by_revisions(bench: Any, kit: Any) -> None:
    rows: dict[str, Any] = {}

    async def record(row: Any) -> Any:
        before = {record.record_id for record in ids.get(row.key, ())}
        rows[row.key] = row
        bench.platform.rows = tuple(rows.values())
        async with bench.serving() as running:
            fragment = bench.fragment(await running.answer(bench.asked().envelope))
        found = [record for cell in fragment.cells for record in cell.records]
        (mine,) = [record for record in found if record.record_id in before or record.record_id not in known]
        known.update(record.record_id for record in found)
        ids[row.key] = (mine,)
        return mine

    known: set[str] = set()
    ids: dict[str, tuple[Any, ...]] = {}

    first = await record(kit.penalty())
    again = await record(kit.penalty())
    corrected = await record(kit.penalty(facts="更正后的事实", number="示市监罚〔2024〕13号"))
    other = await record(kit.penalty("p-9"))

    assert again == first
    assert (first.revision, corrected.revision, other.revision) == (1, 2, 1)
    assert corrected.record_id == first.record_id != other.record_id
    assert corrected.decision_key != first.decision_key == other.decision_key


async def test_coverage_is_stated_once_for_each_content(bench: Any) -> None:
    async def coverage() -> Any:
        async with bench.serving() as running, running.operator() as client:
            return await client.coverage()

    first, again = await coverage(), await coverage()
    bench.profile = bench.kit.profile(issuer_telephone="（演示）000-1111")
    changed = await coverage()
    bench.profile = bench.kit.profile()

    assert again == first != changed
    assert await coverage() == first


async def test_an_earlier_coverage_statement_can_still_be_fetched(bench: Any, id_of: Any) -> None:
    async with bench.serving() as running, running.operator() as client:
        first = await client.coverage()
    bench.profile = bench.kit.profile(issuer_telephone="（演示）000-1111")
    async with bench.serving() as running, running.operator() as client:
        assert await client.coverage() != first
        assert await client.coverage(id_of(first)) == first
