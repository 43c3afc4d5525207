from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from adapters.sdk.errors import ProfileError
from adapters.sdk.profile_check import check_profile
from huren.fragment.v1 import fragment_pb2, record_pb2


def with_penalties(kit: Any, **changes: Any) -> Any:
    return kit.profile(forms={"P": dataclasses.replace(kit.PENALTY_FORM, **changes), "L": kit.LIST_FORM})


def with_list(kit: Any, **changes: Any) -> Any:
    return kit.profile(forms={"P": kit.PENALTY_FORM, "L": dataclasses.replace(kit.LIST_FORM, **changes)})


def without_a_department(kit: Any) -> Any:
    departments = dict(kit.profile().departments)
    del departments[kit.MARKET]
    return kit.profile(departments=departments)


BROKEN: dict[str, Callable[[Any], Any]] = {
    "no form": lambda kit: kit.profile(forms={}),
    "a form under another name": lambda kit: kit.profile(forms={"X": kit.PENALTY_FORM}),
    "no prefix": lambda kit: kit.profile(authority_prefixes=()),
    "a blank prefix": lambda kit: kit.profile(authority_prefixes=(" ",)),
    "a column read and ignored": lambda kit: with_penalties(kit, ignored={"facts": "why"}),
    "a column ignored for no reason": lambda kit: with_penalties(kit, ignored={"x": " "}),
    "two amounts of a kind": lambda kit: with_penalties(kit, money=kit.PENALTY_FORM.money[:1] * 2),
    "no column of categories": lambda kit: with_penalties(kit, categories=((), kit.PENALTY_FORM.categories[1])),
    "an empty table": lambda kit: with_penalties(kit, state=("state", kit.table("state", {}))),
    "a state that is none": lambda kit: with_penalties(kit, state=("state", kit.table("state", {"1": "yes"}))),
    "a category that is none": lambda kit: with_penalties(kit, categories=(("category",), kit.table("c", {"x": 99}))),
    "a procedure that is none": lambda kit: with_penalties(kit, procedure=("simple", kit.table("p", {"": 0}))),
    "a performance that is none": lambda kit: with_list(kit, performance=("x", kit.table("p", {"": None}))),
    "a domain of no catalogue": lambda kit: with_penalties(kit, domain=("d", kit.table("d", {"1": "astrology"}))),
    "only domains without penalties": lambda kit: with_penalties(
        kit, domain=("d", kit.table("d", {"1": "court_enforcement", "9": None}))
    ),
    "a list of no catalogue": lambda kit: with_list(kit, list_id=("l", kit.table("l", {"1": "astrologers"}))),
    "a cell without department": without_a_department,
    "no issuer": lambda kit: kit.profile(issuer_unit=""),
    "no disclosure rules": lambda kit: kit.profile(disclosure=fragment_pb2.DisclosureRules()),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_refuses_a_profile_that_cannot_be_relied_on(kit: Any, broken: Callable[[Any], Any]) -> None:
    with pytest.raises(ProfileError):
        check_profile(broken(kit), kit.catalogue)


def test_accepts_the_profile_of_these_tests(kit: Any) -> None:
    check_profile(kit.profile(), kit.catalogue)
    assert record_pb2.PROCEDURE_UNSPECIFIED == 0
