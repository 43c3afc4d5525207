"""Rows that disclose nothing, or not simply: what comes of each kind of them when its subject asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from adapters.sdk.mapping import decision_key, row_identity
from adapters.sdk.matching import has_identifier
from adapters.shanxi.profile import PROFILE, QUERY_PENALTY
from contract.catalogue import PENALTY
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from sandbox.platforms import shanxi
from sandbox.world import Aside, Enterprise, Outcome, generate
from tests.support.dirt import IN_DOUBT, UNREADABLE, cells_of
from tests.support.worlds import PENALTY_CELLS, TODAY, search_for

if TYPE_CHECKING:
    from adapters.sdk.source import Search
    from tests.adapters.shanxi.conftest import Open

WORLD: Final = generate(seed=7, size=120, day=TODAY)
ASIDES: Final = [aside for aside in WORLD.asides if aside.fact.province is Province.SHANXI]


def search_of(subject: Enterprise) -> Search:
    """A subject by all that a registry knows, its registration number of former times too."""
    search = search_for(subject)
    number = common_pb2.Identifier(
        kind=common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, value=subject.registration_number
    )
    return replace(search, identifiers=(*search.identifiers, number)) if subject.registration_number else search


@pytest.mark.parametrize("aside", [pytest.param(aside, id=aside.kind.name) for aside in ASIDES])
async def test_of_each_aside_comes_what_must_come(open_bench: Open, aside: Aside) -> None:
    subject, cell = aside.fact.subject, (aside.fact.domain, int(PENALTY))
    search = search_of(subject)
    async with open_bench(WORLD) as bench:
        before = cells_of(await bench.source.search(search), search, subject, PROFILE)
        bench.book.put("CF", shanxi.aside_row(aside))
        answer = await bench.source.search(search)
        (held,) = (await bench.source.by_key([("QueryPenalty", aside.fact.key)])).values()
    cells = cells_of(answer, search, subject, PROFILE)
    was, now = before[cell], cells[cell]
    assert {key: cells[key] for key in cells if key != cell} == {key: before[key] for key in before if key != cell}

    match aside.kind.outcome:
        case Outcome.WITHHELD | Outcome.LEFT_OUT:
            assert now == was
            assert aside.fact.key in {row.key for row in answer.rows}
        case Outcome.FOUND:
            assert (now.state, len(now.records)) == (fragment_pb2.CELL_STATE_FOUND, len(was.records) + 1)
        case Outcome.DUPLICATE:
            assert (now.state, len(now.records)) == (fragment_pb2.CELL_STATE_FOUND, len(was.records) + 1)
            keys = [decision_key(record) for key in PENALTY_CELLS for record in cells[key].records]
            assert len(set(keys)) == len(keys) - 1
        case Outcome.IN_DOUBT:
            assert (now.state, now.reason) == IN_DOUBT
        case Outcome.UNREADABLE:
            assert (now.state, now.reason) == UNREADABLE
        case Outcome.COUNTED:
            assert now == was
            assert held is not None
            identity = row_identity(held, QUERY_PENALTY)
            assert identity is not None
            assert not has_identifier(identity)
            assert identity.name not in {enterprise.name for enterprise in WORLD.enterprises}


def test_there_is_an_aside_of_every_outcome() -> None:
    assert {aside.kind.outcome for aside in ASIDES} == set(Outcome)
