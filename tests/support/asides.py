"""Asides of the invented world over a real source: what comes of each when its subject asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from adapters.sdk.mapping import decision_key, row_identity
from adapters.sdk.matching import has_identifier
from adapters.sdk.profile import Profile
from adapters.sdk.source import Search, Source
from contract.catalogue import PENALTY
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from sandbox.world import Aside, Enterprise, Outcome, generate
from tests.support.dirt import IN_DOUBT, UNREADABLE, cells_of, penalty_forms
from tests.support.worlds import PENALTY_CELLS, TODAY, search_for

WORLD: Final = generate(seed=7, size=120, day=TODAY)


def asides_in(province: Province) -> list[Any]:
    """A province's asides, as parameters of a test: there is one of every outcome."""
    asides = [aside for aside in WORLD.asides if aside.fact.province is province]
    if {aside.kind.outcome for aside in asides} != set(Outcome):
        raise ValueError("the world lacks an aside of some outcome")
    return [pytest.param(aside, id=aside.kind.name) for aside in asides]


async def assert_comes_what_must(
    aside: Aside, source: Source, profile: Profile, supply: Callable[[], Awaitable[None]]
) -> None:
    """Asks for the subject's cells, lets the platform be supplied with the aside, and asks again.

    Args:
        aside: The aside.
        source: Reads a platform that holds `WORLD` without asides.
        profile: The province's.
        supply: Supplies the platform.
    """
    subject, cell = aside.fact.subject, (aside.fact.domain, int(PENALTY))
    search = _search_of(subject)
    family = penalty_forms(profile)[0].row_family
    before = cells_of(await source.search(search), search, subject, profile)
    await supply()
    answer = await source.search(search)
    (held,) = (await source.by_key([(family, aside.fact.key)])).values()
    cells = cells_of(answer, search, subject, profile)
    was, now = before[cell], cells[cell]
    assert {key: cells[key] for key in cells if key != cell} == {key: before[key] for key in before if key != cell}
    assert held is not None

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
            identity = row_identity(held, profile.forms[held.form])
            assert identity is not None
            assert not has_identifier(identity)
            assert identity.name not in {enterprise.name for enterprise in WORLD.enterprises}


def _search_of(subject: Enterprise) -> Search:
    """A subject by all that a registry knows, its registration number of former times too."""
    search = search_for(subject)
    number = common_pb2.Identifier(
        kind=common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, value=subject.registration_number
    )
    return replace(search, identifiers=(*search.identifiers, number)) if subject.registration_number else search
