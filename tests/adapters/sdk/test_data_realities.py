"""One story for each reality of provincial data, from the row to what the cell says (T28-T61).

Realities whose story is told beside what keeps them stand there: T47 and T46 on an index in test_whose.py, T49, T57 and T58 on real
files in hebei/test_supply.py, T61 on a real database in beijing/test_source.py, every published row in published/.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from adapters.sdk.coverage import coverage_content
from adapters.sdk.findings import read_rows
from adapters.sdk.fragment import Evidence, build_cells
from adapters.sdk.matching import Wanted
from adapters.sdk.profile import CodeTable, Dated, Span
from adapters.sdk.source import RawRow
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, query_pb2, record_pb2

CLEAR = fragment_pb2.CELL_STATE_CLEAR
FOUND = fragment_pb2.CELL_STATE_FOUND
UNAVAILABLE = fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE
UNREADABLE = fragment_pb2.UNAVAILABLE_REASON_UNREADABLE
IN_DOUBT = fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT
STALE = fragment_pb2.UNAVAILABLE_REASON_STALE


def said(kit: Any, *rows: RawRow, about: Any = None, key: Any = None, **changes: Any) -> fragment_pb2.Cell:
    """What the cell of market penalties says that rests on these rows."""
    subject = about or kit.subject()
    domain, kind = key or kit.MARKET
    cell = common_pb2.CellKey(domain=domain, kind=kind)
    query = query_pb2.Query(subject=subject, window=kit.WINDOW.to_wire(), cells=[cell])
    profile = changes.pop("profile", kit.profile())
    reading = kit.reading(profile=profile, **changes)
    findings = read_rows(rows, Wanted.of(subject), reading)
    records: dict[Any, list[record_pb2.Record]] = {}
    for found in findings.records:
        records.setdefault(found.cell, []).append(found.draft)
    evidence = Evidence(
        catalogue=kit.catalogue,
        coverage=coverage_content(profile, kit.catalogue),
        answer=kit.answer(*rows),
        findings=findings,
        records=records,
        at=kit.NOW,
    )
    (built,) = build_cells(query, evidence)
    return built


def amounts(cell: fragment_pb2.Cell) -> list[tuple[int, int]]:
    return [(amount.kind, amount.fen) for record in cell.records for amount in record.penalty.amounts]


def unavailable(cell: fragment_pb2.Cell, reason: int) -> bool:
    return (cell.state, cell.reason) == (UNAVAILABLE, reason)


# --- What counts -----------------------------------------------------------------------------------------------------------


def test_t28_of_a_decision_against_an_enterprise_and_a_person_only_the_enterprises_part_is_told(kit: Any) -> None:
    cell = said(kit, kit.penalty(content="对煤矿处罚100万元,对矿长处罚6万元", fine="100"))
    assert amounts(cell) == [(record_pb2.AMOUNT_KIND_FINE, 100_000_000)]
    content = cell.records[0].penalty.content
    assert content.masking != record_pb2.MASKING_NONE
    assert "6万" not in content.text


@pytest.mark.parametrize(
    "values",
    [
        {"number": "石环不罚决〔2024〕38号", "content": "不予行政处罚", "category": "责令改正", "fine": ""},
        {"content": "责令改正", "category": "责令改正", "fine": ""},
        {"content": "约谈并追回医保基金2007元,并处违约金7718元", "category": "责令改正", "fine": ""},
    ],
    ids=["not-punished", "order-alone", "contract"],
)
def test_t29_what_is_no_penalty_is_neither_found_nor_in_the_way(kit: Any, values: dict[str, str]) -> None:
    assert said(kit, kit.penalty(**values)).state == CLEAR


@pytest.mark.parametrize("authority", ["上海市市场监督管理局", "国家市场监督管理总局", "山西省应急管理厅"])
def test_t30_a_decision_of_others_changes_nothing_here(kit: Any, authority: str) -> None:
    assert said(kit, kit.penalty(authority=authority)).state == CLEAR
    assert said(kit, kit.penalty(), kit.penalty("p-2", authority=authority)).state == FOUND


def test_t30_an_authority_that_may_be_ours_is_not_guessed(kit: Any) -> None:
    assert unavailable(said(kit, kit.penalty(authority="市市场监督管理局")), UNREADABLE)


def test_t42_a_sum_of_fine_and_confiscation_stays_a_sum(kit: Any) -> None:
    cell = said(
        kit,
        kit.penalty(
            category="罚款;没收违法所得", content="没收违法所得并处罚款,罚没合计10万元", fine="", confiscated=""
        ),
    )
    assert amounts(cell) == [(record_pb2.AMOUNT_KIND_COMBINED, 10_000_000)]


# --- Corrections ------------------------------------------------------------------------------------------------------------


def test_t40_a_correction_of_the_amount_is_what_is_told(kit: Any) -> None:
    before = said(kit, kit.penalty(fine="1.5", content="罚款1.5万元"))
    after = said(kit, kit.penalty(fine="0.5", content="罚款0.5万元"))
    assert (amounts(before), amounts(after)) == (
        [(record_pb2.AMOUNT_KIND_FINE, 1_500_000)],
        [(record_pb2.AMOUNT_KIND_FINE, 500_000)],
    )


def test_t40_a_correction_of_the_day_may_take_it_out_of_the_window(kit: Any) -> None:
    assert said(kit, kit.penalty(decided="2024-03-01")).state == FOUND
    assert said(kit, kit.penalty(decided="2014-03-01")).state == CLEAR


# --- Whose ---------------------------------------------------------------------------------------------------------------------


def test_t43_a_dissolved_enterprises_records_are_not_its_successors(kit: Any) -> None:
    assert said(kit, kit.penalty(uscc=kit.OTHER, name="示例精密铸造有限公司")).state == CLEAR


def test_t44_a_spun_off_enterprise_does_not_inherit_records(kit: Any) -> None:
    spun_off = kit.subject(uscc=kit.OTHER, name="示例精密零件有限公司")
    spun_off.ClearField("identifiers")
    spun_off.identifiers.add(kind=common_pb2.IDENTIFIER_KIND_USCC, value=kit.OTHER)
    assert said(kit, kit.penalty(), about=spun_off).state == CLEAR


def renamed(kit: Any) -> common_pb2.Subject:
    """Was 示例旧名有限公司 until the middle of 2023."""
    subject: common_pb2.Subject = kit.subject(
        common_pb2.Identifier(
            kind=common_pb2.IDENTIFIER_KIND_FORMER_NAME,
            value="示例旧名有限公司",
            valid_from="2020-01-01",
            valid_to="2023-06-30",
        )
    )
    return subject


def test_t45_a_row_under_a_former_name_is_found_by_its_code_and_in_doubt_without(kit: Any) -> None:
    about = renamed(kit)
    assert said(kit, kit.penalty(name="示例旧名有限公司"), about=about).state == FOUND
    assert unavailable(said(kit, kit.penalty(name="示例旧名有限公司", uscc=""), about=about), IN_DOUBT)
    assert said(kit, kit.penalty(name="示例旧名有限公司", uscc="")).state == CLEAR


def test_t45_a_name_is_no_hint_before_it_was_the_subjects(kit: Any) -> None:
    about = kit.subject()
    about.identifiers[2].valid_from = "2024-06-01"
    assert said(kit, kit.penalty(uscc="", decided="2024-05-31"), about=about).state == CLEAR
    assert unavailable(said(kit, kit.penalty(uscc="", decided="2024-06-01"), about=about), IN_DOUBT)


def test_t46_an_old_registration_number_counts_where_the_registry_gives_it(kit: Any) -> None:
    number = "130293929611128"
    row = kit.penalty(uscc="", name="", reg=number)
    alias = common_pb2.Identifier(kind=common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, value=number)
    assert said(kit, row, about=kit.subject(alias)).state == FOUND
    assert unavailable(said(kit, kit.penalty(uscc="", reg=number)), IN_DOUBT)


def test_t47_an_organisation_code_alone_is_exact(kit: Any) -> None:
    assert said(kit, kit.penalty(uscc="", name="", org=kit.USCC[8:17])).state == FOUND


@pytest.mark.parametrize(
    "code",
    ["9113O100MA0EXAMP1{c}", "91130100MAOEXAMP1{c}", "911301000MA0EXAMP1{c}", "91130100MA******{c}"],
    ids=["letter-o", "letter-o-again", "19-characters", "masked"],
)
def test_t48_a_mistyped_code_is_not_repaired(kit: Any, code: str) -> None:
    assert unavailable(said(kit, kit.penalty(uscc=code.format(c=kit.USCC[-1]))), IN_DOUBT)


@pytest.mark.parametrize("ending", ["保定分公司", "保定店", "（保定）经营部"])
def test_t50_a_branchs_row_under_its_parents_code_is_in_doubt(kit: Any, ending: str) -> None:
    assert unavailable(said(kit, kit.penalty(name=f"{kit.NAME}{ending}")), IN_DOUBT)


def test_t52_a_business_that_became_a_company_keeps_its_old_records_under_its_old_code(kit: Any) -> None:
    old = kit.penalty(uscc=kit.FORMER, name="示例精密机械店")
    assert said(kit, old).state == CLEAR
    former = common_pb2.Identifier(kind=common_pb2.IDENTIFIER_KIND_FORMER_USCC, value=kit.FORMER)
    assert said(kit, old, about=kit.subject(former)).state == FOUND


# --- Lists -----------------------------------------------------------------------------------------------------------------------


def list_cell(kit: Any, *rows: RawRow) -> fragment_pb2.Cell:
    return said(kit, *rows, key=kit.MARKET_LIST)


def test_t56_an_entry_past_its_period_and_not_removed_is_found_and_says_so(kit: Any) -> None:
    cell = list_cell(kit, kit.entry(planned="2026-05-05"))
    assert cell.state == FOUND
    assert [(mark.kind, mark.on) for mark in cell.records[0].marks] == [
        (record_pb2.MARK_KIND_PERIOD_ENDED_NOT_REMOVED, "2026-05-05")
    ]


def test_an_entry_that_was_removed_before_the_window_is_not_found(kit: Any) -> None:
    before = (kit.WINDOW.first - timedelta(days=1)).isoformat()
    assert list_cell(kit, kit.entry(listed="2020-05-06", removed=before)).state == CLEAR
    assert list_cell(kit, kit.entry(listed="2020-05-06", removed=kit.WINDOW.first.isoformat())).state == FOUND
    assert list_cell(kit, kit.entry(listed="2020-05-06", removed="")).state == FOUND


@pytest.mark.parametrize("end", ["2099-12-31", "长期", ""])
def test_t59_an_end_that_never_comes_is_open(kit: Any, end: str) -> None:
    cell = said(kit, kit.penalty(valid=end))
    assert (cell.state, cell.records[0].penalty.valid_until) == (FOUND, "")


# --- Time -----------------------------------------------------------------------------------------------------------------


def test_t60_a_code_means_what_it_meant_on_the_day_of_the_decision(kit: Any) -> None:
    """机构改革: 09 was one department's until the reform, and is another's since."""
    reform = date(2024, 1, 1)
    domains = CodeTable(
        name="domain",
        values={
            "01": Dated(
                (
                    Span(None, reform - timedelta(days=1), "market_regulation"),
                    Span(reform, None, "taxation"),
                )
            )
        },
        source="test",
    )
    form = kit.replace_form(domain=("domain", domains))
    profile = kit.profile(forms={"P": form})
    before, after = kit.penalty(decided="2023-12-31"), kit.penalty(decided="2024-01-01")
    assert said(kit, before, profile=profile).state == FOUND
    assert said(kit, after, profile=profile).state == CLEAR
    assert said(kit, after, profile=profile, key=("taxation", 1)).state == FOUND
    assert said(kit, before, profile=profile).records[0].penalty.authority.name == "示例市市场监督管理局"


def test_t61_data_that_was_not_loaded_in_time_concludes_nothing(kit: Any) -> None:
    limit = kit.catalogue.freshness_limit(kit.MARKET)
    query = query_pb2.Query(
        subject=kit.subject(),
        window=kit.WINDOW.to_wire(),
        cells=[common_pb2.CellKey(domain=kit.MARKET[0], kind=kit.MARKET[1])],
    )

    def at_age(age: timedelta, rows: Sequence[RawRow] = ()) -> fragment_pb2.Cell:
        evidence = Evidence(
            catalogue=kit.catalogue,
            coverage=coverage_content(kit.profile(), kit.catalogue),
            answer=kit.answer(*rows, watermarks={kit.MARKET: kit.NOW - age}),
            findings=read_rows(rows, kit.wanted(), kit.reading()),
            records={},
            at=kit.NOW,
        )
        return build_cells(query, evidence)[0]

    assert at_age(limit - timedelta(minutes=1)).state == CLEAR
    assert unavailable(at_age(limit), STALE)
