"""On whose behalf a line is asked: by what a person may do now, or by what a program showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from contract.errors import ErrorCode, HurenError
from contract.uscc import Uscc
from gateway.batches.callers import (
    ActingCallers,
    BatchCaller,
    BatchKind,
    BatchPerson,
    group_of,
    institution_of,
    institution_program,
)
from gateway.domain.persons import MandateScope, Person, Staff
from gateway.domain.request import Caller
from huren.common.v1 import common_pb2
from tests.gateway.batches.shop import AGENT, BANK, HIGH, INSTITUTION
from tests.support.federation import NOW, uscc

ONE = uscc(1)
PERSON = Person(
    person=AGENT,
    session_name="session",
    level=HIGH,
    represents=frozenset({ONE}),
    staff=Staff(unit="示例单位", unit_code=BANK, post="窗口", number="123456", roles=frozenset()),
    channel=common_pb2.CHANNEL_WEB,
    csrf_token="token",  # noqa: S106  # no secret
    begun_at=NOW,
    expires_at=NOW,
)


@dataclass(frozen=True)
class Scoped:
    """That a person may act for an enterprise."""

    scopes: frozenset[MandateScope]


class Remembers:
    """Lets everybody act, and remembers whom it was asked about."""

    def __init__(self, *acts: Scoped) -> None:
        self.acts = acts
        self.asked: list[tuple[Person, Uscc, MandateScope]] = []

    async def for_enterprise(self, person: Person, code: Uscc, scope: MandateScope) -> Caller:
        self.asked.append((person, code, scope))
        return Caller(reference="person", uscc=code, identity_level=person.level)

    async def enterprises(self, person: Person) -> Sequence[Scoped]:
        assert (person.person, person.staff) == (AGENT, None)
        return self.acts


async def test_a_person_is_judged_anew_by_level_claims_and_mandates_and_by_nothing_of_its_session() -> None:
    acting = Remembers()
    callers = ActingCallers(acting, lambda: NOW)
    kept = BatchCaller.from_bytes(group_of(PERSON).to_bytes())
    assert (await callers.caller_for(kept, ONE)).uscc == ONE
    ((asked, code, scope),) = acting.asked
    bare = replace(PERSON, session_name="", csrf_token="", staff=None, expires_at=asked.expires_at)
    assert (asked, code, scope) == (bare, ONE, MandateScope.REPORT)
    assert asked.expires_at > NOW


@pytest.mark.parametrize(
    ("scopes", "may"),
    [
        pytest.param([], False, id="nobody"),
        pytest.param([{MandateScope.LOOK_UPS}, {MandateScope.GRANT}], False, id="not-for-reports"),
        pytest.param([{MandateScope.LOOK_UPS}, {MandateScope.GRANT, MandateScope.REPORT}], True, id="for-reports"),
    ],
)
async def test_a_person_may_ask_where_it_may_ask_for_the_reports_of_somebody(
    scopes: list[set[MandateScope]],
    may: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    acting = Remembers(*(Scoped(frozenset(some)) for some in scopes))
    person = group_of(PERSON).by
    assert isinstance(person, BatchPerson)
    assert await ActingCallers(acting, lambda: NOW).may_ask(person) is may


def test_who_is_refused_is_told_of_as_a_unit_or_as_a_person_who_stands_for_no_enterprise() -> None:
    of_unit, of_group = institution_of(PERSON, BANK).refused(), group_of(PERSON).refused()
    assert (of_unit.uscc, of_unit.unit, of_unit.actor) == (BANK, "", AGENT)
    assert (of_group.uscc, of_group.unit, of_group.actor) == ("", "个人（未获本企业授权）", AGENT)
    assert INSTITUTION.refused() == INSTITUTION.by
    assert {one.reference for one in (of_unit, of_group)} == {f"person:{AGENT}"}


async def test_a_program_asks_for_its_own_unit_and_no_other() -> None:
    callers = ActingCallers(Remembers(), lambda: NOW)
    kept = BatchCaller.from_bytes(INSTITUTION.to_bytes())
    assert await callers.caller_for(kept, BANK) == INSTITUTION.by
    with pytest.raises(HurenError) as raised:
        await callers.caller_for(kept, ONE)
    assert raised.value.code is ErrorCode.NOT_YOURSELF


def test_nothing_is_kept_by_which_a_person_could_be_named() -> None:
    for caller in (group_of(PERSON), institution_of(PERSON, BANK)):
        kept = caller.to_bytes().decode()
        assert not [word for word in ("示例单位", "窗口", "123456", "session", "token") if word in kept]


def test_a_batch_is_a_persons_or_a_units() -> None:
    program = Caller(reference="enterprise", uscc=BANK, identity_level=HIGH)
    assert institution_program(program).owner == BANK
    assert group_of(PERSON).owner == "p:" + AGENT[:16]
    person = BatchPerson(person=AGENT, level=HIGH)
    for kind, unit, by in (
        (BatchKind.GROUP, BANK, person),
        (BatchKind.INSTITUTION, None, person),
        (BatchKind.INSTITUTION, ONE, program),
        (BatchKind.GROUP, None, program),
    ):
        with pytest.raises(ValueError, match="unit"):
            BatchCaller(kind=kind, unit=unit, by=by)
