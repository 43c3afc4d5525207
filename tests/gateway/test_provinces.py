from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from contract.catalogue import CellKey
from contract.days import to_timestamp
from contract.outcome import UnavailableReason
from contract.province import Province
from gateway.federation.breaker import Breaker, BreakerPolicy
from gateway.federation.coverages import Coverages
from gateway.federation.peer import Peer, PeerError
from gateway.federation.provinces import KEPT_FOR, Provinces, ProvinceState
from gateway.store.store import Store
from huren.status.v1 import status_service_pb2
from runtime.database import Database, open_database
from tests.support.federation import (
    ADAPTER,
    CATALOGUE,
    LIST_CELL,
    NOW,
    PENALTY_CELL,
    Federation,
    wire_keys,
)

HEBEI, SHANXI = Province.HEBEI, Province.SHANXI
HOLE: CellKey = ("transport", PENALTY_CELL[1])


@dataclass
class Told(Peer):
    """A province that says what the test has it say."""

    federation: Federation
    province: Province
    asked: int = 0
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    silent: bool = False
    coverage_silent: bool = False
    slow: asyncio.Event | None = None
    watermarks: dict[CellKey, datetime | None] = field(default_factory=dict)
    speaks_for: Province | None = None
    followed: bool = True
    statement_id: bytes | None = None
    envelope: bytes | None = None

    async def answer(self, query_envelope: bytes, *, timeout_s: float) -> bytes:
        raise AssertionError(f"asked {query_envelope!r} within {timeout_s}")

    async def coverage(self, statement_id: bytes, *, timeout_s: float) -> bytes:
        assert len(statement_id) == 32
        assert timeout_s > 0
        if self.silent or self.coverage_silent:
            raise PeerError(UnavailableReason.NOT_REACHABLE, may_retry=True)
        return self.envelope or self.federation.coverage(self.province).statement.envelope

    async def status(self, *, timeout_s: float) -> status_service_pb2.GetMemberStatusResponse:
        assert timeout_s > 0
        self.asked += 1
        self.was_asked.set()
        if self.slow is not None:
            await self.slow.wait()
        if self.silent:
            raise PeerError(UnavailableReason.NOT_REACHABLE, may_retry=True)
        covers = self.federation.coverage(self.province)
        status = status_service_pb2.GetMemberStatusResponse(
            province=(self.speaks_for or self.province).wire,
            role=ADAPTER,
            coverage_statement_id=self.statement_id or covers.statement.statement_id,
        )
        if self.followed:
            status.desk.followed_at.CopyFrom(to_timestamp(self.federation.now))
        for entry in covers.coverage.cells:
            key = (entry.key.domain, int(entry.key.kind))
            if entry.covered:
                as_of = self.watermarks.get(key, self.federation.now - timedelta(hours=1))
                status.sources.add(key=wire_keys([key])[0], data_as_of=None if as_of is None else to_timestamp(as_of))
        return status


@dataclass
class World:
    """Four provinces, and who looks at them."""

    federation: Federation
    told: dict[Province, Told]
    breakers: dict[Province, Breaker]
    provinces: Provinces
    looking: Callable[[timedelta], Provinces]

    def later(self, by: timedelta = KEPT_FOR) -> None:
        self.federation.now += by


@pytest.fixture
async def database(prepared_file: Path, tmp_path: Path) -> AsyncIterator[Database]:
    shutil.copy(prepared_file, tmp_path / "store.db")
    async with open_database(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def world(database: Database) -> World:
    federation = Federation(not_covered={HEBEI: frozenset({HOLE})})
    told = {province: Told(federation, province) for province in Province}
    breakers = {province: Breaker(BreakerPolicy(failures_to_open=1), lambda: 0.0) for province in Province}
    coverages = Coverages(Store(database), federation.verifier)

    def looking(patience: timedelta) -> Provinces:
        return Provinces(
            dict(told),
            breakers=breakers,
            coverages=coverages,
            catalogues=federation.catalogues,
            clock=lambda: federation.now,
            patience=patience,
        )

    return World(federation, told, breakers, looking(timedelta(seconds=30)), looking)


async def test_provinces_that_answer_are_shown_with_what_they_cover(world: World) -> None:
    views = await world.provinces.views()

    assert [views[province].state for province in Province] == [ProvinceState.ANSWERING] * 4
    hebei = views[HEBEI]
    assert hebei.coverage_is_current
    assert hebei.checked_at == hebei.answered_at == NOW
    hole, whole = hebei.cell(HOLE), hebei.cell(PENALTY_CELL)
    assert hole is not None
    assert whole is not None
    assert (hole.covered, whole.covered) == (False, True)
    assert HOLE not in hebei.freshness
    assert hebei.freshness[PENALTY_CELL] == NOW - timedelta(hours=1)


async def test_is_asked_again_after_half_a_minute_and_not_before(world: World) -> None:
    await world.provinces.views()
    world.later(KEPT_FOR - timedelta(seconds=1))
    await world.provinces.views()
    assert world.told[HEBEI].asked == 1

    world.later(timedelta(seconds=1))
    await world.provinces.views()
    assert world.told[HEBEI].asked == 2


async def test_many_who_want_to_know_ask_once(world: World) -> None:
    slow = world.told[HEBEI].slow = asyncio.Event()
    asking = [asyncio.create_task(world.provinces.views()) for _ in range(5)]
    await asyncio.sleep(0)
    slow.set()
    await asyncio.gather(*asking)
    assert {province: told.asked for province, told in world.told.items()} == dict.fromkeys(Province, 1)


async def test_whoever_goes_away_leaves_the_question_to_the_next(world: World) -> None:
    slow = world.told[HEBEI].slow = asyncio.Event()
    first = asyncio.create_task(world.provinces.views())
    await world.told[HEBEI].was_asked.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    slow.set()
    assert (await world.provinces.views())[HEBEI].state is ProvinceState.ANSWERING


async def test_a_silent_province_keeps_what_it_told_with_the_time_at_which_it_told_it(world: World) -> None:
    await world.provinces.views()
    world.later()
    world.told[HEBEI].silent = True
    view = (await world.provinces.views())[HEBEI]

    assert view.state is ProvinceState.NOT_ANSWERING
    assert view.coverage is not None
    assert not view.coverage_is_current
    assert (view.checked_at, view.answered_at, view.coverage_at) == (NOW + KEPT_FOR, NOW, NOW)


async def test_a_province_that_never_answered_is_silent_and_covers_nothing_known(world: World) -> None:
    world.told[HEBEI].silent = True
    view = (await world.provinces.views())[HEBEI]
    assert (view.state, view.coverage, view.answered_at) == (ProvinceState.NOT_ANSWERING, None, None)
    assert view.cell(PENALTY_CELL) is None


async def test_a_province_that_hangs_costs_the_others_nothing(world: World) -> None:
    await world.provinces.views()  # what is verified once is not verified again: the others are quick
    world.told[HEBEI].slow = asyncio.Event()
    views = await world.looking(timedelta(seconds=0.5)).views()
    assert views[HEBEI].state is ProvinceState.NOT_ANSWERING
    assert views[SHANXI].state is ProvinceState.ANSWERING


async def test_data_grows_old_while_a_province_is_silent(world: World) -> None:
    await world.provinces.views()
    world.told[HEBEI].silent = True
    world.later(CATALOGUE.freshness_limit(PENALTY_CELL))
    view = (await world.provinces.views())[HEBEI]
    assert PENALTY_CELL in view.stale


@pytest.mark.parametrize(("as_of", "stale"), [(None, frozenset()), (NOW - timedelta(days=80), frozenset({LIST_CELL}))])
async def test_a_source_that_is_silent_or_too_old_makes_the_answer_partial(
    world: World, as_of: datetime | None, stale: frozenset[CellKey]
) -> None:
    world.told[SHANXI].watermarks[LIST_CELL] = as_of
    view = (await world.provinces.views())[SHANXI]
    assert (view.state, view.stale) == (ProvinceState.ANSWERING_IN_PART, stale)
    assert view.freshness[LIST_CELL] == as_of


async def test_a_province_that_has_not_read_its_platform_to_the_end_answers_in_part(world: World) -> None:
    world.told[SHANXI].followed = False
    assert (await world.provinces.views())[SHANXI].state is ProvinceState.ANSWERING_IN_PART


async def test_coverage_that_does_not_come_is_not_made_up(world: World) -> None:
    world.told[HEBEI].coverage_silent = True
    view = (await world.provinces.views())[HEBEI]
    assert (view.state, view.coverage) == (ProvinceState.ANSWERING_IN_PART, None)


async def test_coverage_counts_only_when_it_verifies(world: World) -> None:
    told = world.told[HEBEI]
    told.envelope = world.federation.coverage(SHANXI).statement.envelope
    view = (await world.provinces.views())[HEBEI]
    assert (view.state, view.coverage) == (ProvinceState.ANSWERING_IN_PART, None)


async def test_what_names_no_statement_has_no_coverage(world: World) -> None:
    world.told[HEBEI].statement_id = bytes(32)
    view = (await world.provinces.views())[HEBEI]
    assert (view.state, view.coverage) == (ProvinceState.ANSWERING_IN_PART, None)


async def test_who_speaks_for_another_is_not_heard(world: World) -> None:
    world.told[HEBEI].speaks_for = SHANXI
    view = (await world.provinces.views())[HEBEI]
    assert (view.state, view.coverage, view.answered_at) == (ProvinceState.NOT_ANSWERING, None, None)


async def test_a_province_to_which_no_query_is_sent_does_not_answer(world: World) -> None:
    world.breakers[HEBEI].failed()
    view = (await world.provinces.views())[HEBEI]
    assert view.state is ProvinceState.NOT_ANSWERING
    assert view.coverage_is_current


async def test_a_province_that_nobody_can_ask_is_unknown(database: Database) -> None:
    federation = Federation()
    provinces = Provinces(
        {},
        breakers={},
        coverages=Coverages(Store(database), federation.verifier),
        catalogues=federation.catalogues,
        clock=lambda: federation.now,
    )
    views = await provinces.views()
    assert {view.state for view in views.values()} == {ProvinceState.UNKNOWN}
    assert list(views) == list(Province)
