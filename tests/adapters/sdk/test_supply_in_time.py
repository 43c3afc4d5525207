"""Whatever is delivered, again, otherwise, dirty, or taken away, in whatever order: what a cell says is never clearer than what the
adapter was told.

A history of deliveries is played against one adapter, with looks at the supply and questions in between. At each question every
decision that the adapter has seen of the subject is found, or its cell concludes nothing, or its row is counted among those of
nobody. The platform is searched as platforms are: for rows that bear an identifier exactly.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.sdk.source import Search, SourceAnswer
from contract.payloads import ENTITLED
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2
from tests.adapters.sdk.conftest import Bench, Kit

CLEAR: Final = fragment_pb2.CELL_STATE_CLEAR
FOUND: Final = fragment_pb2.CELL_STATE_FOUND
UNAVAILABLE: Final = fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE

DIRTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"fine": "约1.5"},
    {"decided": "2024年3月"},
    {"uscc": "91130100MA0EX*****"},
    {"uscc": "", "name": ""},
    {"uscc": "", "name": "示例***有限公司"},
    {"uscc": "", "name": "示例精密機械有限公司"},
    {"uscc": "9113O100MA0EXAMP1X", "name": "别的示例公司"},
    {"domain": "77"},
    {"state": "9"},
    {"authority": "市市场监督管理局"},
    {"decided": "2024年三月一日"},
    {"content": "罚款壹万伍仟元整（¥15000元）"},
)
"""What may stand in a row of the same decision, clean first."""

STEPS: Final = st.one_of(
    st.tuples(st.just("deliver"), st.integers(0, 2), st.integers(0, len(DIRTS) - 1)),
    st.tuples(st.just("vanish"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("look"), st.just(0), st.just(0)),
    st.tuples(st.just("ask"), st.just(0), st.just(0)),
)


def number_of(decision: int) -> str:
    return f"示市监罚〔2024〕{decision + 1}号"


async def play(bench: Bench, kit: Any, history: list[tuple[str, int, int]]) -> None:
    there: dict[int, Any] = {}
    seen: set[int] = set()

    async def by_identifier(search: Search) -> SourceAnswer:
        wanted = {identifier.value for identifier in search.identifiers}
        found = [row for row in there.values() if wanted & {row.values[column] for column in ("uscc", "org", "name")}]
        answered: SourceAnswer = kit.answer(*found, at=bench.clock())
        return answered

    bench.platform.answer = by_identifier
    async with bench.serving() as running:
        for step, decision, dirt in [*history, ("look", 0, 0), ("ask", 0, 0)]:
            match step:
                case "deliver":
                    there[decision] = kit.penalty(f"p-{decision}", number=number_of(decision), **DIRTS[dirt])
                case "vanish":
                    there.pop(decision, None)
                case "look":
                    bench.platform.rows = tuple(there.values())
                    await running.follow()
                    seen |= there.keys()
                case "ask":
                    bench.platform.rows = tuple(there.values())
                    await ask(running, seen)
                case _:
                    raise AssertionError(step)


async def ask(running: Any, seen: set[int]) -> None:
    bench = running.bench
    fragment = bench.fragment(await running.answer(bench.asked().envelope))
    async with running.gateway() as client:
        stated = bench.verifier.verify(
            await client.coverage(fragment.coverage_statement_id), expect=ENTITLED[envelope_pb2.MEMBER_ROLE_ADAPTER]
        )
    coverage = coverage_pb2.Coverage.FromString(stated.payload)
    (cell,) = (cell for cell in fragment.cells if (cell.key.domain, int(cell.key.kind)) == bench.kit.MARKET)
    assert cell.state in {CLEAR, FOUND, UNAVAILABLE}
    if cell.state == UNAVAILABLE:
        return
    told = {record.penalty.document_number for record in cell.records}
    untold = {decision for decision in seen if number_of(decision) not in told}
    of_nobody = sum(rows.count for rows in coverage.unattributable if rows.key.domain == bench.kit.MARKET[0])
    assert len(untold) <= of_nobody, (cell.state, untold, of_nobody)


@pytest.mark.parametrize("registered", [True, False], ids=["name-known", "name-unknown"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=st.lists(STEPS, max_size=12))
def test_never_clearer_than_what_was_supplied(
    pki: Any,
    kit: Kit,
    tmp_path_factory: pytest.TempPathFactory,
    registered: bool,  # noqa: FBT001  # a parameter of the test
    history: Any,
) -> None:
    folder: Path = tmp_path_factory.mktemp("history")
    bench = Bench(pki, kit, f"sqlite:///{folder / 'adapter.db'}")
    if registered:
        bench.registry.register(kit.USCC, kit.HOME)
    asyncio.run(play(bench, kit, history))
