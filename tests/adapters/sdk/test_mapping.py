"""Every outcome of a row, by name."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.mapping import (
    DecidedElsewhere,
    NotAPenalty,
    OutsideCatalogue,
    OutsideWindow,
    Readable,
    Unreadable,
    Withheld,
    WithheldReason,
    content_digest,
    decision_key,
    map_row,
)
from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.days import DayRange, to_timestamp
from huren.fragment.v1 import fragment_pb2, record_pb2

PUBLICITY = fragment_pb2.DisclosureRules(
    basis=fragment_pb2.DISCLOSURE_BASIS_PUBLICITY, includes_summary_procedure=True, version="test-1"
)
NO_SUMMARY = fragment_pb2.DisclosureRules(
    basis=fragment_pb2.DISCLOSURE_BASIS_WINDOW, includes_summary_procedure=False, version="test-1"
)


def penalty_of(outcome: Any) -> record_pb2.Penalty:
    assert isinstance(outcome, Readable), outcome
    return outcome.draft.penalty


def free(text: str) -> record_pb2.FreeText:
    return record_pb2.FreeText(text=text, masking=record_pb2.MASKING_NONE)


def test_a_penalty(kit: Any) -> None:
    outcome = map_row(kit.penalty(performed="Y", performed_on="2024-04-01", licence="示例许可证"), kit.reading())

    assert outcome == Readable(
        kit.MARKET,
        record_pb2.Record(
            decided_in=kit.OURS.wire,
            penalty=record_pb2.Penalty(
                document_number="示市监罚〔2024〕12号",
                authority=record_pb2.Authority(name="示例市市场监督管理局"),
                decided_on="2024-03-01",
                procedure=record_pb2.PROCEDURE_ORDINARY,
                violation_type=free("无照经营"),
                facts=free("2024年1月未取得许可从事经营活动"),
                legal_basis=free("《示例条例》第一条"),
                categories=[record_pb2.PENALTY_CATEGORY_FINE],
                content=free("罚款1.5万元"),
                amounts=[record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_FINE, fen=1_500_000)],
                licence=free("示例许可证"),
                publicity_until="2027-03-01",
                performance=record_pb2.Performance(
                    state=record_pb2.PERFORMANCE_STATE_PERFORMED, performed_on="2024-04-01"
                ),
            ),
            source_unit="示例市数据局",
            collected_at=to_timestamp(datetime(2024, 3, 8, tzinfo=UTC)),
        ),
    )


def test_a_list_entry(kit: Any) -> None:
    outcome = map_row(kit.entry(list_name="严重违法失信企业名单"), kit.reading())

    assert isinstance(outcome, Readable)
    assert outcome.key == kit.MARKET_LIST
    assert outcome.draft.list_entry == record_pb2.ListEntry(
        list_id="serious_illegal_market",
        name_when_listed="严重违法失信企业名单",
        authority=record_pb2.Authority(name="示例市市场监督管理局"),
        document_number="示市监列〔2024〕3号",
        reason=free("提供虚假材料"),
        listed_on="2024-05-06",
        planned_end_on="2027-05-05",
        performance=record_pb2.Performance(state=record_pb2.PERFORMANCE_STATE_NOT_STATED),
    )


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"state": "2"}, Withheld(WithheldReason.REVOKED)),
        ({"state": "3"}, Withheld(WithheldReason.REPAIRED)),
        ({"state": "4"}, NotAPenalty()),
        ({"category": "责令改正", "fine": "", "content": "责令改正"}, NotAPenalty()),
        ({"category": "责令改正", "fine": "0.000000", "confiscated": "0", "content": "不予罚款"}, NotAPenalty()),
        ({"category": "责令改正", "fine": "", "licence": "无", "content": "责令改正"}, NotAPenalty()),
        ({"category": "责令改正", "fine": "", "licence": "——", "content": "责令改正"}, NotAPenalty()),
        ({"category": "责令改正", "decided": "2022-12-31"}, OutsideWindow()),
        ({"category": "责令改正", "authority": "上海市市场监督管理局"}, DecidedElsewhere()),
        ({"authority": "上海市市场监督管理局"}, DecidedElsewhere()),
        ({"domain": "99"}, OutsideCatalogue()),
        ({"domain": "08"}, OutsideCatalogue()),
        ({"decided": "2022-12-31"}, OutsideWindow()),
        ({"decided": "2026-11-20"}, OutsideWindow()),
        # What is not disclosed anyhow need not be readable.
        ({"state": "2", "decided": "?", "fine": "?", "category": "?"}, Withheld(WithheldReason.REVOKED)),
        ({"decided": "2022-12-31", "fine": "?", "public": "?"}, OutsideWindow()),
        ({"authority": "上海市市场监督管理局", "decided": "?"}, DecidedElsewhere()),
    ],
)
def test_reasons_not_to_disclose_a_penalty(kit: Any, values: Any, outcome: Any) -> None:
    assert map_row(kit.penalty(**values), kit.reading()) == outcome


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"decided": ""}, "decided"),
        ({"decided": "长期"}, "decided"),
        ({"decided": "2024-02-30"}, "decided"),
        ({"decided": "2026-11-21"}, "decided"),
        # Nobody can say whose decision it is, so it is neither printed nor left out.
        ({"authority": "某某市市场监督管理局"}, "authority"),
        ({"authority": "国家税务总局某某市税务局"}, "authority"),
        ({"state": "9"}, "state"),
        ({"state": ""}, "state"),
        ({"category": ""}, "category"),
        ({"category": "罚款;示众"}, "category"),
        # A punishment is stated beside the word that says that there is none.
        ({"category": "责令改正", "content": "责令改正"}, "category"),
        ({"category": "责令改正", "fine": "", "confiscated": "0.01", "content": "责令改正"}, "category"),
        ({"category": "责令改正", "fine": "", "licence": "吊销许可证", "content": "责令改正"}, "category"),
        ({"category": "责令改正", "fine": "", "content": "责令改正,并处罚款 15,000 元"}, "category"),
        ({"category": "责令改正", "fine": "", "content": "责令改正，并处罚款人民币壹万伍仟元整"}, "category"),
        ({"category": "责令改正", "fine": "?", "content": "责令改正"}, "category"),
        ({"category": "责令改正", "fine": "", "content": "a\0b"}, "category"),
        # Names that could be another's, and a bare short name of the province itself.
        ({"authority": "上海路街道办事处"}, "authority"),
        ({"authority": "河北区市场监督管理局"}, "authority"),
        ({"authority": "北京铁路公安局石家庄公安处"}, "authority"),
        ({"authority": ""}, "authority"),
        ({"supplier": ""}, "supplier"),
        ({"supplier": "长" * 201}, "supplier"),
        ({"fine": "1.5元"}, "fine"),
        ({"fine": "-1"}, "fine"),
        ({"fine": Decimal("1.5")}, "fine"),
        ({"fine": 2}, "fine"),
        ({"confiscated": "贰佰"}, "confiscated"),
        ({"simple": "?"}, "simple"),
        ({"performed": "?"}, "performed"),
        ({"performed_on": "?"}, "performed_on"),
        ({"public": "?"}, "public"),
        ({"valid": "?"}, "valid"),
        ({"facts": "a\0b"}, "facts"),
        ({"number": "长" * 129}, "document_number: string.max_len"),
        ({"facts": "长" * 20_001}, "facts.text: string.max_len"),
    ],
)
def test_a_penalty_that_cannot_be_read_blocks_its_cell(kit: Any, values: Any, field: str) -> None:
    outcome = map_row(kit.penalty(**values), kit.reading())
    assert isinstance(outcome, Unreadable), outcome
    assert outcome.field == field
    assert outcome.blocks == {kit.MARKET}


def test_a_domain_that_cannot_be_read_blocks_every_cell_of_the_kind(kit: Any) -> None:
    reading = kit.reading()
    penalty, entry = map_row(kit.penalty(domain="?"), reading), map_row(kit.entry(list="?"), reading)
    assert isinstance(penalty, Unreadable)
    assert isinstance(entry, Unreadable)
    assert penalty.blocks == {key for key in kit.catalogue.carried if key[1] == PENALTY}
    assert entry.blocks == {key for key in kit.catalogue.carried if key[1] == SERIOUS_LIST}


def test_a_form_that_is_not_declared_blocks_everything(kit: Any) -> None:
    outcome = map_row(dataclasses.replace(kit.penalty(), form="新表"), kit.reading())
    assert isinstance(outcome, Unreadable)
    assert outcome.blocks == set(kit.catalogue.carried)


@pytest.mark.parametrize("change", ["column more", "column less", "instant without offset"])
def test_a_row_that_is_not_of_its_form_is_unreadable(kit: Any, change: str) -> None:
    row = kit.penalty()
    match change:
        case "column more":
            row = kit.penalty(new_column="x")
        case "column less":
            row = dataclasses.replace(row, values={k: v for k, v in row.values.items() if k != "licence"})
        case _:
            row = dataclasses.replace(row, received_at=row.received_at.replace(tzinfo=None))
    assert isinstance(map_row(row, kit.reading()), Unreadable)


def test_an_ignored_column_may_be_missing(kit: Any) -> None:
    row = kit.penalty()
    row = dataclasses.replace(row, values={k: v for k, v in row.values.items() if k != "legal_person"})
    assert isinstance(map_row(row, kit.reading()), Readable)


@pytest.mark.parametrize(
    ("values", "categories"),
    [
        ({"category": "罚款；没收违法所得"}, [3, 4]),
        ({"category": "罚款", "category_2": "警告"}, [1, 3]),
        ({"category": "罚款|罚款,警告;"}, [1, 3]),
        ({"category": "责令改正;罚款"}, [3]),
    ],
)
def test_categories(kit: Any, values: Any, categories: list[int]) -> None:
    assert list(penalty_of(map_row(kit.penalty(**values), kit.reading())).categories) == categories


@pytest.mark.parametrize(
    ("values", "amounts"),
    [
        ({"fine": ""}, {}),
        ({"fine": None, "confiscated": None}, {}),
        ({"fine": "0.000000", "confiscated": "0"}, {}),
        ({"fine": "0.15", "confiscated": "1,000.50"}, {1: 150_000, 2: 100_050}),
        ({"fine": "", "confiscated": Decimal("3.20")}, {2: 320}),
    ],
)
def test_amounts_are_exact_and_zero_is_none(kit: Any, values: Any, amounts: dict[int, int]) -> None:
    penalty = penalty_of(map_row(kit.penalty(**values), kit.reading()))
    assert {int(amount.kind): amount.fen for amount in penalty.amounts} == amounts


@pytest.mark.parametrize(("code", "kept"), [("{OTHER}", True), ("", False), ("11A", False), ("0" * 18, False)])
def test_the_code_of_an_authority_is_a_code_or_nothing(kit: Any, code: str, kept: bool) -> None:  # noqa: FBT001
    text = code.format(OTHER=kit.OTHER)
    assert penalty_of(map_row(kit.penalty(authority_code=text), kit.reading())).authority.uscc == (text if kept else "")


def test_personal_information_is_masked(kit: Any) -> None:
    penalty = penalty_of(map_row(kit.penalty(facts="经办人王五,电话13812345678", licence="负责人:王五"), kit.reading()))
    assert penalty.facts == record_pb2.FreeText(text="经办人***,电话***", masking=record_pb2.MASKING_PARTIAL)
    assert (penalty.licence.text, penalty.licence.masking) == ("负责人:***", record_pb2.MASKING_PARTIAL)


def test_ended_publicity_is_marked_from_the_day_after(kit: Any) -> None:
    row = kit.penalty(public="2026-11-19")
    ended = map_row(row, kit.reading())
    not_yet = map_row(row, kit.reading(day=date(2026, 11, 19)))
    assert isinstance(ended, Readable)
    assert isinstance(not_yet, Readable)
    mark = record_pb2.Mark(kind=record_pb2.MARK_KIND_PUBLICITY_ENDED, on="2026-11-19")
    assert (list(ended.draft.marks), list(not_yet.draft.marks)) == ([mark], [])


@pytest.mark.parametrize(
    ("performed", "public", "disclosed"),
    [
        ("Y", "2026-11-19", False),
        ("N", "2026-11-19", True),
        ("", "2026-11-19", True),
        ("Y", "2026-11-20", True),
        ("Y", "", True),
    ],
)
def test_basis_publicity(kit: Any, performed: str, public: str, disclosed: bool) -> None:  # noqa: FBT001
    outcome = map_row(
        kit.penalty(performed=performed, public=public), kit.reading(profile=kit.profile(disclosure=PUBLICITY))
    )
    assert isinstance(outcome, Readable) if disclosed else outcome == Withheld(WithheldReason.PUBLICITY_ENDED)


def test_summary_procedure_by_the_rules(kit: Any) -> None:
    row = kit.penalty(simple="1")
    assert isinstance(map_row(row, kit.reading()), Readable)
    assert map_row(row, kit.reading(profile=kit.profile(disclosure=NO_SUMMARY))) == Withheld(
        WithheldReason.SUMMARY_PROCEDURE
    )


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"state": "2"}, Withheld(WithheldReason.REVOKED)),
        ({"list": "M9"}, OutsideCatalogue()),
        ({"authority": "上海市市场监督管理局"}, DecidedElsewhere()),
        ({"listed": "2020-01-01", "removed": "2022-12-31"}, OutsideWindow()),
        ({"listed": "2026-11-20"}, OutsideWindow()),
    ],
)
def test_reasons_not_to_disclose_an_entry(kit: Any, values: Any, outcome: Any) -> None:
    assert map_row(kit.entry(**values), kit.reading()) == outcome


@pytest.mark.parametrize(
    "values",
    [
        {"listed": ""},
        {"listed": "2026-11-21"},
        {"removed": "?"},
        {"listed": "2024-05-06", "removed": "2024-05-05"},
        {"planned": "?"},
        {"authority": ""},
        {"list_name": "长" * 101},
    ],
)
def test_an_entry_that_cannot_be_read_blocks_its_cell(kit: Any, values: Any) -> None:
    outcome = map_row(kit.entry(**values), kit.reading())
    assert isinstance(outcome, Unreadable), outcome
    assert outcome.blocks == {kit.MARKET_LIST}


@pytest.mark.parametrize(
    ("values", "disclosed"),
    [
        ({"listed": "2010-01-01"}, True),
        ({"listed": "2010-01-01", "removed": "2023-01-01"}, True),
        ({"listed": "2010-01-01", "removed": "2022-12-31"}, False),
        ({"listed": "2026-11-19"}, True),
    ],
)
def test_an_entry_counts_while_it_overlaps_the_window(kit: Any, values: Any, disclosed: bool) -> None:  # noqa: FBT001
    assert isinstance(map_row(kit.entry(**values), kit.reading()), Readable) is disclosed


def test_an_entry_past_its_period_and_not_removed_is_marked(kit: Any) -> None:
    outcome = map_row(kit.entry(planned="2026-11-19"), kit.reading())
    removed = map_row(kit.entry(planned="2026-11-19", removed="2026-11-01"), kit.reading())
    assert isinstance(outcome, Readable)
    assert isinstance(removed, Readable)
    mark = record_pb2.Mark(kind=record_pb2.MARK_KIND_PERIOD_ENDED_NOT_REMOVED, on="2026-11-19")
    assert (list(outcome.draft.marks), list(removed.draft.marks)) == ([mark], [])


def test_decision_key(kit: Any) -> None:
    outcome = map_row(kit.penalty(), kit.reading())
    assert isinstance(outcome, Readable)
    record = outcome.draft
    record.record_id = "abcdefgh"
    named = hashlib.sha256("示例市市场监督管理局\n示市监罚〔2024〕12\n2024-03-01".encode()).hexdigest()
    assert decision_key(record) == named
    record.penalty.document_number = "示市监罚[2024] 12号"
    assert decision_key(record) == named
    record.penalty.document_number = ""
    assert decision_key(record) == hashlib.sha256(b"abcdefgh").hexdigest()


@pytest.mark.parametrize(
    "number", ["无", "無", "/", "——", "-", "***", " ", "暂无", "无文号", "无号", "N/A", "null", "0", "〔〕号"]
)
def test_a_document_number_that_is_none_names_no_decision(kit: Any, number: str) -> None:
    outcome = map_row(kit.penalty(), kit.reading())
    assert isinstance(outcome, Readable)
    record = outcome.draft
    record.record_id = "abcdefgh"
    record.penalty.document_number = number
    assert decision_key(record) == hashlib.sha256(b"abcdefgh").hexdigest()


def test_a_bare_short_name_of_a_province_makes_no_authority_its_own(kit: Any) -> None:
    def outcome(authority: str) -> Any:
        profile = kit.profile(authority_prefixes=("河北", "国家税务总局河北", "石家庄市"))
        return map_row(kit.penalty(authority=authority), kit.reading(profile=profile))

    for authority in ("河北区市场监督管理局", "国家税务总局河北区税务局", "河北路街道办事处"):
        assert isinstance(outcome(authority), Unreadable), authority
    assert isinstance(outcome("石家庄市市场监督管理局"), Readable)
    assert outcome("天津市河北区市场监督管理局") == DecidedElsewhere()


def test_the_digest_of_a_content_depends_on_the_content_alone(kit: Any) -> None:
    def digest(row: Any, **reading: Any) -> bytes:
        outcome = map_row(row, kit.reading(**reading))
        assert isinstance(outcome, Readable)
        return content_digest(outcome.draft)

    row = kit.penalty(public="2026-11-19")
    again = dataclasses.replace(row, received_at=datetime(2025, 1, 1, tzinfo=UTC))
    assert digest(row) == digest(again) == digest(row, day=date(2026, 11, 1))
    assert digest(row) != digest(kit.penalty(public="2026-11-18"))


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.decimals(), st.text(max_size=20))


COLUMNS = ["decided", "domain", "fine", "category", "state", "authority", "facts", "public", "number", "simple"]


@given(values=st.dictionaries(st.sampled_from(COLUMNS), VALUES))
def test_whatever_a_platform_writes_has_an_outcome(kit: Any, values: Any) -> None:
    outcome = map_row(kit.penalty(**values), kit.reading())
    if isinstance(outcome, Readable):
        window: DayRange = kit.WINDOW
        assert date.fromisoformat(outcome.draft.penalty.decided_on) in window
    if isinstance(outcome, Unreadable):
        assert outcome.blocks
