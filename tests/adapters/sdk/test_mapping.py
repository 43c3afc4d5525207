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

from adapters.sdk.kinds import ActKind
from adapters.sdk.mapping import (
    DecidedElsewhere,
    Fault,
    NotAnOrganisation,
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
from adapters.sdk.notation import NotationFault
from adapters.sdk.profile import (
    CodeTable,
    Dated,
    DisclosureRule,
    MoneyColumn,
    RepairedRule,
    RowState,
    Span,
    UnknownCodeError,
)
from adapters.sdk.vocabulary import SUBJECT_CLASSES, disclosure_by_window, fold_list_name
from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.days import DayRange, to_timestamp
from contract.money import MoneyUnit
from huren.fragment.v1 import fragment_pb2, record_pb2

NO_PENALTY: Any = {"category": "责令改正", "fine": ""}


def with_rule(kit: Any, name: str, value: Any) -> Any:
    """The profile with another value of one rule of disclosure."""
    rules = kit.profile().disclosure_rules
    rule = DisclosureRule(value=value, source="test", verified=False)
    return kit.profile(disclosure_rules=dataclasses.replace(rules, **{name: rule}))


def with_form(kit: Any, **changes: Any) -> Any:
    """Rules of reading with another form of penalties."""
    form = dataclasses.replace(kit.PENALTY_FORM, **changes)
    return kit.reading(profile=kit.profile(forms={"P": form, "L": kit.LIST_FORM}))


def amounts(outcome: Any) -> dict[int, int]:
    return {int(amount.kind): amount.fen for amount in penalty_of(outcome).amounts}


def fault_of(outcome: Any) -> str:
    assert isinstance(outcome, Unreadable), outcome
    return outcome.fault


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
        ({"state": "4", "category": "责令改正", "fine": "", "content": ""}, NotAPenalty(ActKind.ORDER_TO_CORRECT)),
        ({"state": "4", "fine": "", "content": "不予行政处罚"}, NotAPenalty(ActKind.NOT_PUNISHED)),
        ({"state": "4", "category": "", "fine": "", "content": ""}, NotAPenalty(ActKind.STATED_BY_PLATFORM)),
        ({**NO_PENALTY, "content": "责令改正"}, NotAPenalty(ActKind.ORDER_TO_CORRECT)),
        (
            {**NO_PENALTY, "fine": "0.000000", "confiscated": "0", "content": "不予罚款"},
            NotAPenalty(ActKind.NOT_PUNISHED),
        ),
        ({**NO_PENALTY, "licence": "无", "content": "约谈"}, NotAPenalty(ActKind.TALK)),
        ({**NO_PENALTY, "licence": "——", "content": ""}, NotAPenalty(ActKind.ORDER_TO_CORRECT)),
        ({**NO_PENALTY, "number": "示环不罚〔2024〕1号", "content": ""}, NotAPenalty(ActKind.NOT_PUNISHED)),
        ({**NO_PENALTY, "content": "", "type": "涉嫌示例罪"}, NotAPenalty(ActKind.CRIMINAL)),
        ({"state": "5"}, Withheld(WithheldReason.REPLACED)),
        # An amount that is only proposed states no punishment.
        (
            {"category": "责令改正", "fine": "擬處75萬元罰款", "content": "擬處75萬元罰款處罰"},
            NotAPenalty(ActKind.PROPOSAL),
        ),
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
        ({"confiscated": "约贰佰元"}, "confiscated"),
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
    ("values", "expected"),
    [
        ({"fine": "", "content": "警告"}, {}),
        ({"fine": None, "confiscated": None, "content": "警告"}, {}),
        ({"fine": "0.000000", "confiscated": "0", "content": "警告"}, {}),
        ({"fine": "0.15", "confiscated": "1,000.50", "content": "罚款:1500元"}, {1: 150_000, 2: 100_050}),
        ({"fine": "", "confiscated": Decimal("3.20"), "content": "没收违法所得"}, {2: 320}),
    ],
)
def test_amounts_are_exact_and_zero_is_none(kit: Any, values: Any, expected: dict[int, int]) -> None:
    assert amounts(map_row(kit.penalty(**values), kit.reading())) == expected


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
        kit.penalty(performed=performed, public=public),
        kit.reading(profile=with_rule(kit, "basis", fragment_pb2.DISCLOSURE_BASIS_PUBLICITY)),
    )
    assert isinstance(outcome, Readable) if disclosed else outcome == Withheld(WithheldReason.PUBLICITY_ENDED)


@pytest.mark.parametrize(
    ("basis", "performed", "public", "until"),
    [
        (fragment_pb2.DISCLOSURE_BASIS_PUBLICITY, "Y", "2026-11-20", "2026-11-20"),
        (fragment_pb2.DISCLOSURE_BASIS_PUBLICITY, "Y", "", ""),
        (fragment_pb2.DISCLOSURE_BASIS_PUBLICITY, "N", "2026-11-20", ""),
        (fragment_pb2.DISCLOSURE_BASIS_PUBLICITY, "", "2026-11-20", ""),
        (fragment_pb2.DISCLOSURE_BASIS_WINDOW, "Y", "2026-11-20", ""),
    ],
)
def test_the_end_of_disclosure_is_said_where_it_is_known(
    kit: Any, basis: fragment_pb2.DisclosureBasis.ValueType, performed: str, public: str, until: str
) -> None:
    row = kit.penalty(performed=performed, public=public)
    outcome = map_row(row, kit.reading(profile=with_rule(kit, "basis", basis)))

    assert isinstance(outcome, Readable)
    assert outcome.draft.disclosed_until == until


def test_summary_procedure_by_the_rules(kit: Any) -> None:
    row = kit.penalty(simple="1")
    assert isinstance(map_row(row, kit.reading()), Readable)
    none = with_rule(kit, "include_summary_procedure", value=False)
    assert map_row(row, kit.reading(profile=none)) == Withheld(WithheldReason.SUMMARY_PROCEDURE)


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


# --- What counts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "field"),
    [
        # The platform's state does not win over what the row states.
        ({"state": "4"}, "state"),
        ({"state": "4", "fine": "", "content": "罚款5000元"}, "state"),
        ({"state": "4", "category": "责令改正", "content": "责令改正"}, "state"),
        ({"state": "4", "category": "责令改正", "fine": "", "licence": "示例许可证", "content": ""}, "state"),
        ({"state": "4", "category": "责令改正", "fine": "", "content": "吊销许可证"}, "state"),
        # Nor does a category over number and text.
        ({"fine": "", "content": "不予行政处罚"}, "content"),
        ({"content": "不予處罰決定書"}, "content"),
        ({"fine": "", "content": "拟处75万元罚款"}, "content"),
        ({"fine": "", "content": "立案调查"}, "content"),
        ({"number": "石环不罚决〔2025〕无极-38号"}, "number"),
        ({"number": "衡环罚告[2023]53号"}, "number"),
        ({"category": "其他", "fine": "", "content": "约谈并追回2007元,并处违约金7718元"}, "content"),
        # A person's penalty is none of the organisation's.
        ({"fine": "6", "content": "对矿长处罚6万元"}, "content"),
        ({"fine": "", "content": "对矿长处罚6万元"}, "content"),
    ],
)
def test_a_row_that_contradicts_itself_is_unreadable(kit: Any, values: Any, field: str) -> None:
    other = {**kit.PENALTY_FORM.categories[1].values, "其他": record_pb2.PENALTY_CATEGORY_OTHER}
    reading = with_form(kit, categories=(("category", "category_2"), kit.table("category", other)))
    outcome = map_row(kit.penalty(**values), reading)
    assert isinstance(outcome, Unreadable), outcome
    assert (outcome.fault, outcome.field) == (Fault.CONTRADICTED.value, field)
    assert outcome.blocks == {kit.MARKET}


@pytest.mark.parametrize("content", ["责令改正并处罚款15000元", "追回医保基金52507.19元,并处以罚款1.5万元"])
def test_an_order_beside_a_penalty_takes_nothing_from_it(kit: Any, content: str) -> None:
    assert amounts(map_row(kit.penalty(content=content), kit.reading())) == {1: 1_500_000}


def test_an_order_in_the_text_does_not_contradict_a_category(kit: Any) -> None:
    penalty = penalty_of(map_row(kit.penalty(category="警告", fine="", content="责令改正"), kit.reading()))
    assert list(penalty.categories) == [record_pb2.PENALTY_CATEGORY_WARNING]


@pytest.mark.parametrize(("word", "left_out"), [("法人及非法人组织", False), ("个体工商户", False), ("自然人", True)])
def test_a_row_of_a_natural_person_is_left_out(kit: Any, word: str, left_out: bool) -> None:  # noqa: FBT001
    reading = with_form(kit, subject_class=("class", kit.table("class", SUBJECT_CLASSES)))
    outcome = map_row(kit.penalty(**{"class": word}), reading)
    assert outcome == NotAnOrganisation() if left_out else isinstance(outcome, Readable)
    assert fault_of(map_row(kit.penalty(**{"class": "不明"}), reading)) == Fault.UNKNOWN_CODE.value


# --- Amounts in column and text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # Column and text say the same.
        ({"fine": "0.15", "content": "责令停止发布广告;罚款:1500元。"}, {1: 150_000}),
        ({"fine": "0.5", "content": "處罰款人民幣伍仟元整(¥5000元整)"}, {1: 500_000}),
        ({"fine": "165", "content": "每日罚款15万元,共11天,共计处罚款165万元"}, {1: 165_000_000}),
        ({"fine": "10", "content": "罚款五万元整,罚款五万元整,两项合计罚款壹拾万元"}, {1: 10_000_000}),
        # The column is empty, and one fine stands in the text.
        ({"fine": ""}, {1: 1_500_000}),
        ({"fine": "0.000000", "content": "罚款5000元,逾期不缴纳的,每日按罚款数额的3%加处罚款"}, {1: 500_000}),
        ({"fine": "", "confiscated": "", "content": "没收违法所得9490.98元,并处罚款2万元"}, {1: 2_000_000, 2: 949_098}),
        # The person's fine is not the organisation's.
        ({"fine": "100", "content": "对煤矿处罚100万元,对矿长处罚6万元"}, {1: 100_000_000}),
        ({"fine": "", "content": "对煤矿处罚100万元,对矿长处罚6万元"}, {1: 100_000_000}),
        # What the text does not certainly state about all of it contradicts nothing.
        ({"fine": "3", "content": "罚款1万元;罚款2万元"}, {1: 3_000_000}),
        ({"fine": "1.1", "content": "每日罚款1000元"}, {1: 1_100_000}),
        ({"fine": "2", "content": "处一万元以上十万元以下罚款"}, {1: 2_000_000}),
        ({"fine": "3.1", "content": "罚款约3万元"}, {1: 3_100_000}),
        ({"fine": "16", "content": "对该公司及其法定代表人罚款15万元"}, {1: 16_000_000}),
        ({"fine": "2", "content": "罚款2万元。请于15日内将罚款2万元缴至银行"}, {1: 2_000_000}),
        ({"fine": "", "confiscated": "500", "content": "没收违法所得300元,没收涉案物品"}, {2: 50_000}),
    ],
)
def test_amounts_of_column_and_text(kit: Any, values: Any, expected: dict[int, int]) -> None:
    assert amounts(map_row(kit.penalty(**values), kit.reading())) == expected


@pytest.mark.parametrize(
    ("values", "field", "fault"),
    [
        ({"fine": "0.15", "content": "罚款:1.5万元"}, "fine", Fault.AMOUNT_CONTRADICTED),
        ({"fine": "106", "content": "对煤矿处罚100万元,对矿长处罚6万元"}, "fine", Fault.AMOUNT_CONTRADICTED),
        ({"confiscated": "1", "content": "没收违法所得2元"}, "confiscated", Fault.AMOUNT_CONTRADICTED),
        # What a column's text says of its number has to fit the column.
        ({"fine": "罚没合计10万元", "content": "警告"}, "fine", Fault.AMOUNT_CONTRADICTED),
        ({"confiscated": "罚款300元", "content": "警告"}, "confiscated", Fault.AMOUNT_CONTRADICTED),
        ({"fine": "", "content": "罚款"}, "fine", Fault.AMOUNT_UNCERTAIN),
        ({"fine": "", "content": "罚款1万元;罚款2万元"}, "fine", Fault.AMOUNT_UNCERTAIN),
        ({"fine": "", "content": "罚款约3万元"}, "fine", Fault.AMOUNT_UNCERTAIN),
        ({"fine": "", "content": "罚款:1500"}, "fine", Fault.AMOUNT_UNCERTAIN),
        ({"fine": "", "content": "罚款人民币贰万元整(¥30000元)"}, "fine", Fault.AMOUNT_UNCERTAIN),
        ({"fine": "", "content": "处货值三倍的罚款"}, "fine", Fault.AMOUNT_UNCERTAIN),
        ({"fine": "", "content": "对矿长处罚6万元;罚款100万元"}, "fine", Fault.AMOUNT_UNCERTAIN),
    ],
)
def test_amounts_that_are_not_certain_are_unreadable(kit: Any, values: Any, field: str, fault: Fault) -> None:
    outcome = map_row(kit.penalty(**values), kit.reading())
    assert isinstance(outcome, Unreadable), outcome
    assert (outcome.field, outcome.fault) == (field, fault.value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"sum": "100000"}, {3: 10_000_000}),
        ({"content": "没收涉案物品及违法所得并处罚款,罚没合计10万元"}, {3: 10_000_000}),
        ({"fine": "1", "confiscated": "500", "sum": "10500"}, {1: 1_000_000, 2: 50_000}),
        (
            {"content": "没收违法所得1214.736054万元,并处罚款1572.614178万元,罚没共计2787.350232万元"},
            {1: 1_572_614_178, 2: 1_214_736_054},
        ),
        ({"fine": "1", "confiscated": "500", "sum": "10501"}, None),
        ({"fine": "1", "sum": "10500"}, None),
    ],
)
def test_a_sum_of_fine_and_confiscation_is_never_split_t42(kit: Any, values: Any, expected: Any) -> None:
    combined = MoneyColumn("sum", MoneyUnit.YUAN, record_pb2.AMOUNT_KIND_COMBINED)
    reading = with_form(kit, money=(*kit.PENALTY_FORM.money, combined))
    outcome = map_row(kit.penalty(**{"fine": "", "sum": "", "content": "警告", **values}), reading)
    if expected is None:
        assert fault_of(outcome) == Fault.AMOUNT_CONTRADICTED.value
    else:
        assert amounts(outcome) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("罚款金额0.2万元;没收金额0.0万元", {1: 200_000}),
        ("罚没合计10万元", {3: 10_000_000}),
        ("", {}),
        ("0.2", None),
        ("金额0.2万元", None),
    ],
)
def test_a_column_whose_text_says_what_its_amounts_are(kit: Any, text: str, expected: Any) -> None:
    reading = with_form(
        kit, money=(MoneyColumn("fine", None, None),), ignored={"legal_person": "x", "confiscated": "x"}
    )
    outcome = map_row(kit.penalty(fine=text, content="警告"), reading)
    if expected is None:
        assert fault_of(outcome) == Fault.AMOUNT_UNCERTAIN.value
    else:
        assert amounts(outcome) == expected


@pytest.mark.parametrize(("text", "fen"), [("1.8万元", 1_800_000), ("18000元", 1_800_000), ("1.8", None)])
def test_a_column_without_a_unit_has_texts_that_name_theirs(kit: Any, text: str, fen: int | None) -> None:
    fine = MoneyColumn("fine", None, record_pb2.AMOUNT_KIND_FINE)
    outcome = map_row(kit.penalty(fine=text, content="警告"), with_form(kit, money=(fine, kit.PENALTY_FORM.money[1])))
    if fen is None:
        assert fault_of(outcome) == NotationFault.UNIT_MISSING.value
    else:
        assert amounts(outcome) == {1: fen}


# --- Columns that a form does not have ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "categories"),
    [
        ("警告、罚款人民币 626 万元、责令停产整顿、暂扣安全生产许可证", [1, 3, 6, 10]),
        ("沒收涉案物品及違法所得並處罰款,罰沒合計10萬元", [3, 4, 5]),
        ("直接吊销药品经营许可证", [8]),
        ("通报批评;降低资质等级;限制开展生产经营活动;责令关闭", [2, 7, 9, 11]),
    ],
)
def test_categories_by_the_text_where_the_form_has_none(kit: Any, content: str, categories: list[int]) -> None:
    ignored = {"legal_person": "x", "category": "x", "category_2": "x"}
    reading = with_form(kit, categories=None, ignored=ignored)
    assert list(penalty_of(map_row(kit.penalty(fine="", content=content), reading)).categories) == categories


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ("不予处罚决定书", NotAPenalty(ActKind.NOT_PUNISHED)),
        ("擬處75萬元罰款處罰", NotAPenalty(ActKind.PROPOSAL)),
        ("注销《旅行社业务许可证》", NotAPenalty(ActKind.CANCELLATION)),
        ("停止建设", Fault.UNKNOWN_KIND),
        ("责令限期改正,逾期不改正的,罚款5000元", Fault.UNKNOWN_KIND),
        ("", Fault.UNKNOWN_KIND),
    ],
)
def test_a_text_that_names_no_penalty_where_the_form_has_no_categories(kit: Any, content: str, outcome: Any) -> None:
    ignored = {"legal_person": "x", "category": "x", "category_2": "x"}
    row = kit.penalty(number="[2024]12号", fine="", content=content)
    got = map_row(row, with_form(kit, categories=None, ignored=ignored))
    assert fault_of(got) == outcome.value if isinstance(outcome, Fault) else got == outcome


@pytest.mark.parametrize(
    ("content", "outcome"),
    [("责令改正", Fault.CONTRADICTED), ("不予行政处罚", NotAPenalty(ActKind.NOT_PUNISHED))],
)
def test_an_order_under_the_number_of_a_penalty_is_not_certainly_none(kit: Any, content: str, outcome: Any) -> None:
    ignored = {"legal_person": "x", "category": "x", "category_2": "x"}
    got = map_row(kit.penalty(fine="", content=content), with_form(kit, categories=None, ignored=ignored))
    assert fault_of(got) == outcome.value if isinstance(outcome, Fault) else got == outcome


def test_texts_that_a_form_does_not_have_are_empty(kit: Any) -> None:
    ignored = dict.fromkeys(("legal_person", "type", "facts", "basis", "supplier"), "x")
    reading = with_form(kit, violation_type=None, facts=None, legal_basis=None, source_unit=None, ignored=ignored)
    outcome = map_row(kit.penalty(), reading)
    penalty = penalty_of(outcome)
    assert [penalty.violation_type, penalty.facts, penalty.legal_basis] == [free("")] * 3
    assert isinstance(outcome, Readable)
    assert outcome.draft.source_unit == reading.profile.issuer_unit


# --- Tables and days ----------------------------------------------------------------------------------------------------

REFORM = date(2024, 7, 1)


def dated(first: Any, last: Any) -> Dated:
    """One code for two meanings, the second from REFORM on."""
    return Dated((Span(None, date(2024, 6, 30), first), Span(REFORM, None, last)))


def test_a_code_means_what_it_meant_on_the_row_s_day_t60(kit: Any) -> None:
    domains = {"01": dated("market_regulation", "taxation"), "02": Dated((Span(None, date(2024, 6, 30), "taxation"),))}
    reading = with_form(kit, domain=("domain", kit.table("domain", domains)))

    def key(**values: Any) -> Any:
        outcome = map_row(kit.penalty(**values), reading)
        return outcome.key if isinstance(outcome, Readable) else fault_of(outcome)

    old_organ = "示例市工商行政管理局"
    assert key(decided="2024-06-30") == kit.MARKET
    assert key(decided="2024-07-01") == ("taxation", PENALTY)
    assert key(domain="02", decided="2024-07-01") == Fault.UNKNOWN_CODE.value
    assert key(decided="?") == Fault.UNKNOWN_CODE.value
    assert (
        penalty_of(map_row(kit.penalty(decided="2024-06-30", authority=old_organ), reading)).authority.name == old_organ
    )


def test_every_table_goes_by_the_row_s_day(kit: Any) -> None:
    states = {"1": dated(RowState.IN_FORCE, RowState.REVOKED)}
    words = {"罚款": dated(record_pb2.PENALTY_CATEGORY_FINE, record_pb2.PENALTY_CATEGORY_WARNING)}
    state = with_form(kit, state=("state", kit.table("state", states)))
    categories = with_form(kit, categories=(("category", "category_2"), kit.table("category", words)))
    assert isinstance(map_row(kit.penalty(), state), Readable)
    assert map_row(kit.penalty(decided="2024-07-01"), state) == Withheld(WithheldReason.REVOKED)
    assert list(penalty_of(map_row(kit.penalty(decided="2024-07-01"), categories)).categories) == [1]


DAYS = st.dates(date(2000, 1, 1), date(2030, 12, 31))


@given(days=st.lists(DAYS, min_size=2, max_size=8, unique=True), on=DAYS)
def test_a_day_has_the_meaning_of_the_one_span_that_holds_it(days: list[date], on: date) -> None:
    days = sorted(days)
    spans = [Span(first, last, f"{first} {last}") for first, last in zip(days[::2], days[1::2], strict=False)]
    table = CodeTable("t", {"x": Dated(tuple(spans))}, "test")
    holding = [span.meaning for span in spans if span.first and span.last and span.first <= on <= span.last]
    if holding:
        assert [table.meaning(" ｘ ", on)] == holding
    else:
        with pytest.raises(UnknownCodeError):
            table.meaning("x", on)


# --- Lists under older names --------------------------------------------------------------------------------------------

LIST_NAMES: Any = {
    "拖欠农民工工资失信联合惩戒对象名单": "migrant_wage_arrears",
    "拖欠农民工工资“黑名单”": "migrant_wage_arrears",
    "安全生产严重失信主体名单": "work_safety_dishonesty",
    "安全生产失信联合惩戒“黑名单”": "work_safety_dishonesty",
    "安全生产不良记录“黑名单”": "work_safety_dishonesty",
}


@pytest.mark.parametrize(
    ("name", "listed", "list_id", "printed"),
    [
        ("拖欠农民工工资失信联合惩戒对象名单", "2024-05-06", "migrant_wage_arrears", ""),
        ("拖欠农民工工资“黑名单”", "2021-12-31", "migrant_wage_arrears", "拖欠农民工工资名单"),
        ("2019年第二批拖欠农民工工资“黑名单”", "2019-05-18", "migrant_wage_arrears", "拖欠农民工工资名单"),
        ('拖欠農民工工資"黑名單"', "2021-12-31", "migrant_wage_arrears", "拖欠農民工工資名單"),
        ("首批安全生产失信联合惩戒黑名单", "2019-01-01", "work_safety_dishonesty", "安全生产失信联合惩戒名单"),
        (
            "2016年第一批国家级生产经营单位安全生产不良记录“黑名单”",
            "2016-03-01",
            "work_safety_dishonesty",
            "安全生产不良记录名单",
        ),
    ],
)
def test_lists_under_their_older_names_t55(kit: Any, name: str, listed: str, list_id: str, printed: str) -> None:
    outcome = map_row(kit.entry(list=name, listed=listed, planned="2099-12-31"), by_name(kit))
    assert isinstance(outcome, Readable), outcome
    entry = outcome.draft.list_entry
    assert (entry.list_id, entry.name_when_listed) == (list_id, printed)


def by_name(kit: Any) -> Any:
    """A form whose lists are named, and not given by a code."""
    table = dataclasses.replace(kit.table("list", LIST_NAMES), fold=fold_list_name)
    form = dataclasses.replace(kit.LIST_FORM, list_id=("list", table), name_when_listed="list")
    form = dataclasses.replace(form, ignored={"list_name": "x"})
    return kit.reading(profile=kit.profile(forms={"P": kit.PENALTY_FORM, "L": form}))


def test_an_older_name_is_none_on_later_days(kit: Any) -> None:
    outcome = map_row(kit.entry(list="拖欠农民工工资“黑名单”", listed="2022-01-01"), by_name(kit))
    assert fault_of(outcome) == Fault.UNKNOWN_CODE.value


@pytest.mark.parametrize("planned", ["2099-12-31", "9999-12-31", "长期", ""])
def test_an_end_that_is_never_is_none_t59(kit: Any, planned: str) -> None:
    outcome = map_row(kit.entry(planned=planned), kit.reading())
    assert isinstance(outcome, Readable)
    assert (outcome.draft.list_entry.planned_end_on, list(outcome.draft.marks)) == ("", [])


# --- Decisions that replace others --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replaces", "changed", "number", "marked_on"),
    [
        ("示市监罚〔2023〕9号", "2024-03-02", "示市监罚〔2023〕9号", "2024-03-02"),
        ("示市监罚〔2023〕9号", "", "示市监罚〔2023〕9号", "2024-03-01"),
        ("", "", "", None),
        ("无", "", "", None),
    ],
)
def test_a_decision_that_replaces_another_t41(
    kit: Any, replaces: str, changed: str, number: str, marked_on: str | None
) -> None:
    reading = with_form(kit, replaces="replaces", replaced_on="changed")
    outcome = map_row(kit.penalty(replaces=replaces, changed=changed), reading)
    assert isinstance(outcome, Readable)
    marks = [] if marked_on is None else [record_pb2.Mark(kind=record_pb2.MARK_KIND_DECISION_CHANGED, on=marked_on)]
    assert (outcome.replaces_number, list(outcome.draft.marks)) == (number, marks)


def test_a_change_of_the_future_is_unreadable(kit: Any) -> None:
    reading = with_form(kit, replaces="replaces", replaced_on="changed")
    outcome = map_row(kit.penalty(replaces="示市监罚〔2023〕9号", changed="2026-11-21"), reading)
    assert fault_of(outcome) == Fault.FUTURE_DAY.value


# --- Rules of disclosure as data ----------------------------------------------------------------------------------------


def test_what_fragments_say_of_the_rules_follows_from_them() -> None:
    rules = disclosure_by_window("x-1")
    assert rules.wire == fragment_pb2.DisclosureRules(
        basis=fragment_pb2.DISCLOSURE_BASIS_WINDOW, includes_summary_procedure=True, version="x-1"
    )
    assert rules.include_repaired.value is RepairedRule.NONE
    assert not rules.basis.verified


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"decided": ""}, Fault.MISSING_VALUE),
        ({"decided": "2026-11-21"}, Fault.FUTURE_DAY),
        ({"decided": "2024-02-30"}, NotationFault.NOT_A_DAY),
        ({"number": "京密市监处罚〔2024〕***号"}, NotationFault.MASKED),
        ({"category": "示众"}, Fault.UNKNOWN_CODE),
        ({"category": ""}, Fault.MISSING_VALUE),
        ({"new_column": "x"}, Fault.UNKNOWN_COLUMN),
        ({"fine": 2}, Fault.NOT_AS_TEXT),
        ({"fine": "约三万元", "content": "警告"}, NotationFault.APPROXIMATE),
        ({"authority": "某某市市场监督管理局"}, Fault.AUTHORITY_UNKNOWN),
        ({"facts": "长" * 20_001}, Fault.CONSTRAINT),
    ],
)
def test_faults_have_stable_codes(kit: Any, values: Any, fault: Any) -> None:
    assert fault_of(map_row(kit.penalty(**values), kit.reading())) == fault.value


def test_codes_of_faults_are_one_vocabulary() -> None:
    ours, notations = {fault.value for fault in Fault}, {fault.value for fault in NotationFault}
    assert not (ours & notations)
    assert all(code == code.lower() for code in ours | notations)
