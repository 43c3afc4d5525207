"""One decision that is supplied more than once, or made anew: from the platform's rows to what a report counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contract.admission import OpenedFragment, admit, open_answer, open_coverage
from contract.merge import Merged, merge
from contract.outcome import Admitted, Question
from huren.fragment.v1 import query_pb2, record_pb2
from huren.status.v1 import status_service_pb2

TAXATION = ("taxation", 1)


async def told(bench: Any, rows: Sequence[Any]) -> tuple[list[record_pb2.Record], Merged]:
    """The records of the answer, in its order, and what the province's answer comes to."""
    bench.platform.rows = tuple(rows)
    asked = bench.asked()
    async with bench.serving() as running, running.gateway() as client:
        answered = await client.answer(asked.envelope)
        fragment = bench.fragment(answered)
        coverage = await client.coverage(fragment.coverage_statement_id)
    catalogue = bench.kit.catalogue
    question = Question(
        envelope=asked.envelope,
        statement_id=asked.statement_id,
        query=query_pb2.Query.FromString(asked.payload),
    )
    opened = open_answer(answered, question=question, verifier=bench.verifier)
    assert isinstance(opened, OpenedFragment)
    verified = open_coverage(coverage, province=bench.kit.OURS, catalogue=catalogue, verifier=bench.verifier)
    admitted = admit(opened, catalogue=catalogue, coverage=verified, at=bench.clock())
    assert isinstance(admitted, Admitted)
    records = [record for cell in fragment.cells for record in cell.records]
    return records, merge(question.query.cells, [bench.kit.OURS], [admitted])


async def test_t31_one_decision_under_two_spellings_of_its_number_is_counted_once(bench: Any, kit: Any) -> None:
    records, merged = await told(
        bench, [kit.penalty(number="示市监罚〔2024〕012号"), kit.penalty("p-2", number="示市監罰字[2024]第12號")]
    )
    assert len(records) == 2
    assert merged.conclusion is not None
    assert merged.conclusion.penalty_count == 1
    (repeated,) = merged.repeated_decisions
    assert not repeated.conflicting


async def test_t31_one_decision_with_two_amounts_is_a_conflict_and_neither_is_chosen(bench: Any, kit: Any) -> None:
    records, merged = await told(bench, [kit.penalty(), kit.penalty("p-2", fine="2.500000", content="罚款2.5万元")])
    assert sorted(amount.fen for record in records for amount in record.penalty.amounts) == [1_500_000, 2_500_000]
    (repeated,) = merged.repeated_decisions
    assert repeated.conflicting
    assert merged.conclusion is not None
    assert merged.conclusion.penalty_count == 1


async def test_t31_one_decision_in_two_domains_names_the_other_in_each(bench: Any, kit: Any) -> None:
    records, merged = await told(bench, [kit.penalty(), kit.penalty("p-2", domain="02")])
    assert [list(record.further_domains) for record in records] == [["taxation"], ["market_regulation"]]
    assert merged.conclusion is not None
    assert merged.conclusion.penalty_count == 1


async def test_t41_a_decision_that_replaces_another_names_it_and_says_when(bench: Any, kit: Any) -> None:
    form = kit.replace_form(replaces="old_number", replaced_on="changed")
    bench.profile = kit.profile(forms={"P": form})
    old = kit.penalty(number="示市监罚〔2024〕12号", old_number="", changed="", state="1")
    before, _ = await told(bench, [old])

    replaced = kit.penalty(number="示市监罚〔2024〕12号", old_number="", changed="", state="5")
    new = kit.penalty(
        "p-2",
        number="示市监罚〔2024〕30号",
        old_number="示市监罚字[2024]12號",
        changed="2024-06-01",
        decided="2024-06-01",
    )
    (after,), merged = await told(bench, [replaced, new])

    assert after.replaces == before[0].record_id
    assert [(mark.kind, mark.on) for mark in after.marks] == [(record_pb2.MARK_KIND_DECISION_CHANGED, "2024-06-01")]
    assert merged.conclusion is not None
    assert merged.conclusion.penalty_count == 1


async def test_two_decisions_of_a_day_are_two(bench: Any, kit: Any) -> None:
    _, merged = await told(
        bench, [kit.penalty(number="示市监罚〔2024〕12号"), kit.penalty("p-2", number="示市监罚〔2024〕13号")]
    )
    assert merged.conclusion is not None
    assert merged.conclusion.penalty_count == 2
    assert not merged.repeated_decisions


async def test_the_status_says_how_much_waits_at_the_desk(bench: Any, kit: Any) -> None:
    bench.platform.rows = (kit.penalty(fine="约三万"), kit.penalty("p-2", uscc=kit.OTHER, fine="近四万"))
    async with bench.serving() as running, running.operator() as client:
        request = status_service_pb2.GetMemberStatusRequest()
        before = (await client.status.GetMemberStatus(request)).desk
        await running.answer(bench.asked().envelope)
        after = (await client.status.GetMemberStatus(request)).desk

    assert (before.open, before.holding_up, before.HasField("holding_up_since")) == (2, 0, False)
    assert before.HasField("followed_at")
    assert (after.open, after.holding_up, after.HasField("holding_up_since")) == (2, 1, True)
