"""Whatever people do, in whatever order: nobody acts without a confirmation that is in force, nor by their own.

The model beside the program knows only what was confirmed by whom, what was ended, and what day it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum
from itertools import count
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from contract.days import china_day, start_of_day
from contract.errors import ErrorCode, HurenError
from gateway.domain.persons import MandateScope, Person, PersonRef, StaffRole
from gateway.identity.acting import Capacity
from gateway.store.tables import prepare
from huren.fragment.v1 import query_pb2
from runtime.database import open_database
from tests.support.federation import uscc
from tests.support.mandates import BASIC, HIGH, NOW, PDF, SUBSTANTIAL, Home, person, staff

_T = TypeVar("_T")

PEOPLE: Final = range(6)
"""0 and 1 represent the first and the second enterprise, 2 is nobody; 3 and 4 are clerks of one unit, 5 of another."""
ENTERPRISES: Final = range(2)
UNITS: Final = {3: 0, 4: 0, 5: 1}

people = st.sampled_from(PEOPLE)
enterprises = st.sampled_from(ENTERPRISES)
levels = st.sampled_from([BASIC, SUBSTANTIAL, HIGH, HIGH])
some_scopes = st.frozensets(st.sampled_from(MandateScope), min_size=1)
clerks = st.sampled_from([*UNITS, *UNITS, 0])
any_of_them = st.integers(min_value=0, max_value=99)
agents = st.sampled_from([0, 1, 2, 2, 3])

_worlds = count(1)


class Wrong(Enum):
    """What is not right about a confirmation."""

    PERSON = "person"
    LEVEL = "level"
    CODE = "code"
    SCOPES = "scopes"
    DAY = "day"


@dataclass
class Asked:
    """What the model knows of a mandate."""

    mandate: str
    code: str
    agent: int
    enterprise: int
    scopes: frozenset[MandateScope]
    confirmed_by: int | None = None
    last: date = date.min
    ended: bool = False


@dataclass
class Paper:
    """What the model knows of a paper mandate."""

    mandate: str
    clerk: int
    enterprise: int
    until: datetime
    confirmed_by: int | None = None
    ended: bool = False


_STEPS: Final[list[tuple[Callable[..., None], dict[str, st.SearchStrategy[Any]]]]] = []
"""What people do. One rule draws among all of it: of many rules, each run would leave out some at random."""


def _step(times: int = 1, **drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def taken(method: Callable[..., None]) -> Callable[..., None]:
        _STEPS.extend([(method, drawn)] * times)
        return method

    return taken


def one_of(choices: list[_T], which: int) -> _T:
    return choices[which % len(choices)]


class Sequences(RuleBasedStateMachine):
    """People, their mandates and their papers, over a real store. Each run has its own people, enterprises and units."""

    home: Home
    runner: asyncio.Runner

    @initialize()
    def begin(self) -> None:
        world = next(_worlds)
        self.home.now = NOW
        self.codes = [uscc(world * 10 + number, "91110108") for number in ENTERPRISES]
        units = [uscc(world * 10 + number, "12110105") for number in range(2)]
        self.people = [
            person(
                world * 10 + number,
                represents=self.codes[number : number + 1],
                staff=staff(StaffRole.WINDOW_CLERK, unit=units[UNITS[number]]) if number in UNITS else None,
            )
            for number in PEOPLE
        ]
        self.turn = 0
        self.asked: list[Asked] = []
        self.papers: list[Paper] = []
        self.run(self.home.meet(*self.people))

    def run(self, call: Awaitable[_T]) -> _T | ErrorCode:
        async def called() -> _T | ErrorCode:
            try:
                return await call
            except HurenError as refused:
                return refused.code

        return self.runner.run(called())

    def at_level(self, who: int, level: query_pb2.IdentityLevel.ValueType) -> Person:
        return replace(self.people[who], level=level)

    @_step(2, who=agents, enterprise=enterprises, scopes=some_scopes, level=levels)
    def ask(
        self,
        who: int,
        enterprise: int,
        scopes: frozenset[MandateScope],
        level: query_pb2.IdentityLevel.ValueType,
    ) -> None:
        answer = self.run(self.home.agents.ask(self.at_level(who, level), self.codes[enterprise], scopes))
        if isinstance(answer, ErrorCode):
            return
        self.asked.append(
            Asked(mandate=answer.mandate, code=answer.pairing_code, agent=who, enterprise=enterprise, scopes=scopes)
        )

    @_step(4, which=any_of_them, wrong=st.sampled_from([None, None, *Wrong]), who=people, days=st.integers(0, 1))
    def confirm(self, which: int, wrong: Wrong | None, who: int, days: int) -> None:
        """All is right but for one thing at most, so that each check is the only one that could have refused."""
        waiting = [one for one in self.asked if one.confirmed_by is None and not one.ended]
        if not self.asked:
            return
        one = one_of(waiting or self.asked, which)
        by = who if wrong is Wrong.PERSON else one.enterprise  # which is the number of who represents it
        scopes = frozenset(MandateScope) if wrong is Wrong.SCOPES else one.scopes
        last = self.home.today + timedelta(days=-1 if wrong is Wrong.DAY else days)
        answer = self.run(
            self.home.agents.confirm(
                self.at_level(by, SUBSTANTIAL if wrong is Wrong.LEVEL else HIGH),
                self.codes[one.enterprise],
                one.mandate,
                pairing_code="2222-2222" if wrong is Wrong.CODE else one.code,
                scopes=scopes,
                expires_on=last,
            )
        )
        if isinstance(answer, ErrorCode):
            return
        assert wrong not in {Wrong.LEVEL, Wrong.CODE, Wrong.DAY}
        assert by == one.enterprise
        assert by != one.agent
        assert scopes == one.scopes
        assert one.confirmed_by is None
        assert not one.ended
        one.confirmed_by, one.last = by, last

    @_step(who=people, which=any_of_them)
    def withdraw(self, who: int, which: int) -> None:
        if not self.asked:
            return
        one = one_of(self.asked, which)
        answer = self.run(self.home.agents.withdraw(self.people[who], one.mandate))
        assert isinstance(answer, ErrorCode) == (who not in {one.agent, one.enterprise})
        one.ended |= not isinstance(answer, ErrorCode)

    @_step(who=clerks, enterprise=enterprises)
    def file(self, who: int, enterprise: int) -> None:
        filed = self.run(self.home.windows.file(self.people[who], self.codes[enterprise], PDF, "application/pdf"))
        assert isinstance(filed, ErrorCode) == (who not in UNITS)
        if not isinstance(filed, ErrorCode):
            until = start_of_day(self.home.today + timedelta(days=1))
            self.papers.append(Paper(mandate=filed, clerk=who, enterprise=enterprise, until=until))

    @_step(2, who=clerks, which=any_of_them)
    def confirm_paper(self, who: int, which: int) -> None:
        waiting = [paper for paper in self.papers if paper.confirmed_by is None and not paper.ended]
        if not self.papers:
            return
        paper = one_of(waiting or self.papers, which)
        answer = self.run(self.home.windows.confirm(self.people[who], paper.mandate))
        if isinstance(answer, ErrorCode) or paper.confirmed_by is not None:
            return
        assert UNITS[who] == UNITS[paper.clerk]
        assert who != paper.clerk
        paper.confirmed_by = who

    @_step(who=clerks, which=any_of_them)
    def end_paper(self, who: int, which: int) -> None:
        if not self.papers:
            return
        paper = one_of(self.papers, which)
        answer = self.run(self.home.windows.end(self.people[who], paper.mandate))
        assert isinstance(answer, ErrorCode) == (UNITS.get(who) != UNITS[paper.clerk])
        paper.ended |= not isinstance(answer, ErrorCode)

    @_step(2, hours=st.sampled_from([1, 12, 24]))
    def time_goes_on(self, hours: int) -> None:
        self.home.now += timedelta(hours=hours)

    @_step(who=people, enterprise=enterprises, scope=st.sampled_from(MandateScope), level=levels)
    def act(self, who: int, enterprise: int, scope: MandateScope, level: query_pb2.IdentityLevel.ValueType) -> None:
        answer = self.run(self.home.acting.for_enterprise(self.at_level(who, level), self.codes[enterprise], scope))
        if level == BASIC:
            assert answer is ErrorCode.LEVEL_TOO_LOW
            return
        ways = {way for way, scopes in self.expected(who).get(enterprise, ()) if scope in scopes}
        if not ways:
            assert answer is ErrorCode.NO_MANDATE
            return
        assert not isinstance(answer, ErrorCode)
        is_self = answer.basis == query_pb2.AUTHORISATION_BASIS_SELF
        assert is_self == (Capacity.LEGAL_REPRESENTATIVE in ways)
        assert (answer.uscc, answer.actor) == (self.codes[enterprise], PersonRef(self.people[who].person))

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        method, drawn = data.draw(st.sampled_from(_STEPS))
        method(self, **{name: data.draw(strategy) for name, strategy in drawn.items()})

    @invariant()
    def what_people_are_told_is_what_was_confirmed(self) -> None:
        if not hasattr(self, "people"):
            return
        self.turn = (self.turn + 1) % len(PEOPLE)  # one of them after each step: each asks a real store
        told = self.run(self.home.acting.enterprises(self.people[self.turn]))
        assert not isinstance(told, ErrorCode)
        assert {(one.uscc, one.capacity, one.scopes) for one in told} == {
            (self.codes[enterprise], way, scopes)
            for enterprise, ways in self.expected(self.turn).items()
            for way, scopes in ways
        }

    def expected(self, who: int) -> dict[int, set[tuple[Capacity, frozenset[MandateScope]]]]:
        """As what, and for what, somebody may act for each enterprise, by the model alone."""
        everything = frozenset(MandateScope)
        ways: dict[int, set[tuple[Capacity, frozenset[MandateScope]]]] = {number: set() for number in ENTERPRISES}
        if who in ENTERPRISES:
            ways[who].add((Capacity.LEGAL_REPRESENTATIVE, everything))
        for one in self.asked:
            confirmed = one.confirmed_by is not None and not one.ended and china_day(self.home.now) <= one.last
            if confirmed and one.agent == who:
                ways[one.enterprise].add((Capacity.AGENT, one.scopes))
        for paper in self.papers:
            confirmed = paper.confirmed_by is not None and not paper.ended and self.home.now < paper.until
            if confirmed and UNITS.get(who) == UNITS[paper.clerk] and who != paper.confirmed_by:
                ways[paper.enterprise].add((Capacity.WINDOW, everything))
        return ways


def test_no_sequence_lets_anybody_act_without_a_confirmation_in_force(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = open_database(database_url, patience=timedelta(seconds=30))
        try:
            runner.run(prepare(database))
            machine = type("OnThisStore", (Sequences,), {"home": Home(database), "runner": runner})
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=12,
                    stateful_step_count=40,
                    deadline=None,
                    phases=(Phase.generate,),  # a real store is too slow to look for a shorter sequence
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(database.dispose())
