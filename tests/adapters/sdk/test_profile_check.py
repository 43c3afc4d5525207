from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from adapters.sdk.coverage import coverage_content
from adapters.sdk.errors import ProfileError
from adapters.sdk.profile import Dated, DisclosureRule, MoneyColumn, RepairedRule, Span
from adapters.sdk.profile_check import check_profile, columns_of
from contract.admission import cell_key
from huren.fragment.v1 import record_pb2


def with_penalties(kit: Any, **changes: Any) -> Any:
    return kit.profile(forms={"P": dataclasses.replace(kit.PENALTY_FORM, **changes), "L": kit.LIST_FORM})


def with_list(kit: Any, **changes: Any) -> Any:
    return kit.profile(forms={"P": kit.PENALTY_FORM, "L": dataclasses.replace(kit.LIST_FORM, **changes)})


DAY, BEFORE = date(2024, 7, 1), date(2024, 6, 30)


def rule(value: Any) -> Any:
    return DisclosureRule(value=value, source="test", verified=False)


def with_rules(kit: Any, **changes: Any) -> Any:
    return kit.profile(disclosure_rules=dataclasses.replace(kit.profile().disclosure_rules, **changes))


def with_span(kit: Any, *spans: Span) -> Any:
    domains = {**kit.PENALTY_FORM.domain[1].values, "50": Dated(spans)}
    return with_penalties(kit, domain=("domain", kit.table("domain", domains)))


def with_header(kit: Any, column: str) -> Any:
    return with_penalties(kit, header=(*columns_of(kit.PENALTY_FORM), column))


def versioned(kit: Any, name: str) -> Any:
    return dataclasses.replace(kit.PENALTY_FORM, name=name, family="F")


def department(kit: Any) -> Any:
    return kit.profile().departments[kit.MARKET]


def with_department(kit: Any, **changes: Any) -> Any:
    changed = dataclasses.replace(department(kit), **changes)
    return kit.profile(departments={**kit.profile().departments, kit.MARKET: changed})


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
    "an unnamed version of the rules": lambda kit: with_rules(kit, version=""),
    "a basis that is none": lambda kit: with_rules(kit, basis=rule(0)),
    "a rule without source": lambda kit: with_rules(kit, basis=dataclasses.replace(rule(1), source=" ")),
    "repaired decisions with a mark that no contract has": lambda kit: with_rules(
        kit, include_repaired=rule(RepairedRule.MARKED)
    ),
    "unperformed decisions that go": lambda kit: with_rules(kit, unperformed_stays=rule(value=False)),
    "a span without days": lambda kit: with_span(kit, Span(DAY, BEFORE, "taxation")),
    "spans with a day in common": lambda kit: with_span(kit, Span(None, DAY, None), Span(DAY, None, "taxation")),
    "spans in the wrong order": lambda kit: with_span(kit, Span(DAY, None, None), Span(None, BEFORE, "taxation")),
    "no span": with_span,
    "a span with a meaning that is none": lambda kit: with_span(kit, Span(None, None, "astrology")),
    "two codes that are one": lambda kit: with_penalties(kit, procedure=("simple", kit.table("p", {"1": 1, "１": 2}))),
    "a header with a column more": lambda kit: with_header(kit, "further"),
    "a header with a column twice": lambda kit: with_header(kit, "facts"),
    "two columns of one text": lambda kit: with_penalties(
        kit, money=(MoneyColumn("fine", None, None), MoneyColumn("confiscated", None, None))
    ),
    "a number without unit": lambda kit: with_penalties(
        kit, money=(MoneyColumn("fine", None, record_pb2.AMOUNT_KIND_FINE, numbers=True),)
    ),
    "a subject class that is none": lambda kit: with_list(kit, subject_class=("x", kit.table("c", {"自然人": 3}))),
    "a day of change without what changed": lambda kit: with_penalties(kit, replaced_on="x"),
    "versions of one header": lambda kit: kit.profile(
        forms={"P": versioned(kit, "P"), "P2": versioned(kit, "P2"), "L": kit.LIST_FORM}
    ),
    "versions of two kinds": lambda kit: kit.profile(
        forms={"P": versioned(kit, "P"), "L": dataclasses.replace(kit.LIST_FORM, family="F")}
    ),
    "a department from a day after nobody": lambda kit: with_department(kit, valid_from=DAY),
    "a department after another from no day": lambda kit: with_department(kit, succeeds=department(kit)),
    "departments in the wrong order": lambda kit: with_department(
        kit,
        valid_from=DAY,
        succeeds=dataclasses.replace(department(kit), valid_from=DAY, succeeds=department(kit)),
    ),
    "a department without a name before": lambda kit: with_department(
        kit, valid_from=DAY, succeeds=dataclasses.replace(department(kit), unit="")
    ),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_refuses_a_profile_that_cannot_be_relied_on(kit: Any, broken: Callable[[Any], Any]) -> None:
    with pytest.raises(ProfileError):
        check_profile(broken(kit), kit.catalogue)


def test_accepts_the_profile_of_these_tests(kit: Any) -> None:
    check_profile(kit.profile(), kit.catalogue)
    assert record_pb2.PROCEDURE_UNSPECIFIED == 0


def test_accepts_what_changed_in_order(kit: Any) -> None:
    check_profile(with_span(kit, Span(None, BEFORE, "taxation"), Span(DAY, None, None)), kit.catalogue)
    check_profile(with_department(kit, valid_from=DAY, succeeds=department(kit)), kit.catalogue)
    check_profile(with_penalties(kit, header=columns_of(kit.PENALTY_FORM)), kit.catalogue)
    other = dataclasses.replace(versioned(kit, "P2"), ignored={"remark": "why"})
    check_profile(kit.profile(forms={"P": versioned(kit, "P"), "P2": other, "L": kit.LIST_FORM}), kit.catalogue)


def test_coverage_names_the_department_of_the_day_t60(kit: Any) -> None:
    profile = with_department(kit, unit="示例新局", valid_from=DAY, succeeds=department(kit), complete_from=DAY)

    def stated(day: date) -> Any:
        cells = coverage_content(profile, kit.catalogue, day=day).cells
        return next(cell for cell in cells if cell_key(cell.key) == kit.MARKET)

    assert [stated(day).department.unit for day in (BEFORE, DAY)] == [department(kit).unit, "示例新局"]
    assert [stated(day).complete_from for day in (BEFORE, DAY)] == ["2015-01-01", "2024-07-01"]
