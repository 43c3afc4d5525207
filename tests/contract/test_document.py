"""The document says what the report says: nothing less, nothing else, in the words that were agreed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.days import DayRange
from contract.document import Json, document
from contract.document import words as document_words
from contract.document.details import format_wan_yuan
from contract.province import Province
from contract.report_check import CheckedReport
from contract.report_json import render
from contract.wording import CELL_WORDS, KIND_NAMES
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2, query_pb2, record_pb2
from huren.report.v1 import report_pb2
from tests.support.federation import (
    CATALOGUE,
    LIST_CELL,
    PENALTY_CELL,
    SUBJECT_CODE,
    Federation,
    cell,
    list_entry,
    penalty,
    subject,
)
from tests.support.reports import EXAMPLES, MARKUP, RARE_NAME, asked, checked, example, many, repeated, text

BEIJING, TIANJIN, HEBEI, SHANXI = Province
TAX_PENALTY = ("taxation", PENALTY)
ALL = "北京市、天津市、河北省、山西省"


def printed_records(made: Json) -> Iterator[Json]:
    for province in made["details"]["provinces"]:
        for group in province["groups"]:
            yield from group["records"]


def record_of(record: record_pb2.Record) -> Json:
    """One record, as printed."""
    key = PENALTY_CELL if record.WhichOneof("fact") == "penalty" else LIST_CELL
    (made,) = printed_records(document(asked({BEIJING: {key: [record]}})))
    return made


def values(lines: list[Json]) -> dict[str, str]:
    """Value and note by label; of a label that stands more than once, the last."""
    return {line["label"]: line["value"] + line["note"] for line in lines}


def lines_of(record: record_pb2.Record) -> dict[str, str]:
    return values(record_of(record)["lines"])


def remarks_of(record: record_pb2.Record) -> list[str]:
    return [line["value"] for line in record_of(record)["remarks"]]


def field(made: Json, label: str) -> list[str]:
    return [line["value"] + line["note"] for line in made["front"]["fields"] if line["label"] == label]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


def row(made: Json, table: int, domain: str) -> list[str]:
    (found,) = (one for one in made["overview"]["tables"][table]["rows"] if one["domain"] == domain)
    return [one["words"] for one in found["cells"]]


def totals(made: Json) -> list[list[str]]:
    return [[one["words"] for one in table["totals"]["cells"]] for table in made["overview"]["tables"]]


# --- Page one --------------------------------------------------------------------------------------------------------


def test_every_example_is_a_document_of_plain_json_and_the_same_each_time() -> None:
    for name in EXAMPLES:
        made = document(example(name))
        assert json.loads(json.dumps(made, ensure_ascii=False)) == made, name
        assert document(example(name)) == made, name


def test_title_and_specimen_are_as_agreed() -> None:
    made = document(example("clear"))
    assert made["title"] == "京津冀晋跨区域互认专项信用报告"  # W-01
    assert made["edition"] == "互认版"
    assert made["specimen"] == "样张 · 演示数据 · 不具任何证明效力"  # W-02


def test_page_one_says_whose_report_it_is_and_what_was_asked() -> None:
    made = document(example("clear"))
    assert values(made["front"]["fields"]) == {
        "报告编号": example("clear").report.report_number,
        "主体名称": "北京示例机械有限公司",
        "统一社会信用代码": SUBJECT_CODE,
        "主体类型": "企业",
        "登记状态": "存续",
        "登记地": "北京市",
        "查询时段": "2021-11-22至2026-11-22",
        "查询领域": "17／17（清单所列全部领域）",
        "查询事项": "行政处罚；严重失信主体名单",
        "用途": "招投标",
    }
    assert values(made["front"]["issue"]) == {
        "出具单位": "示例单位（演示）",
        "出具时间": "2026-11-22 10:30:00（北京时间）",
        "清单版本": f"{CATALOGUE.version}（{CATALOGUE.content.title}）",
    }
    assert made["page"]["report_number"]["value"] == example("clear").report.report_number


def test_a_purpose_that_was_not_stated_is_not_printed() -> None:
    assert field(document(asked(purpose=query_pb2.PURPOSE_NOT_STATED)), "用途") == []


def test_a_subject_whose_name_is_not_known_is_said_so() -> None:
    made = document(example("unnamed"))
    assert field(made, "主体名称") == ["（登记名称未取得）"]
    assert field(made, "登记状态") == ["未取得"]
    assert field(made, "登记地") == ["北京市（登记信息未取得，按统一社会信用代码推定）"]
    assert made["page"]["subject"]["value"] == "（登记名称未取得）"
    assert "该主体（登记名称未取得）" in made["front"]["conclusion"]["text"]


def test_former_names_are_printed_where_they_may_have_been_the_subjects_within_the_window() -> None:
    made = document(example("renamed"))
    assert field(made, "曾用名") == ["示例旧名二有限公司（至2023-05-01）", "示例旧名三有限公司"]
    assert field(made, "登记状态") == ["吊销，未注销"]


@pytest.mark.parametrize("home", Province, ids=lambda province: province.slug)
def test_the_home_is_the_province_that_signed(home: Province) -> None:
    assert field(document(asked(home=home)), "登记地") == [home.name_zh]


FULL = DayRange(date(2021, 11, 22), date(2026, 11, 22))
SHORTER = DayRange(date(2021, 11, 23), date(2026, 11, 22))
LEAP = DayRange(date(2019, 2, 28), date(2024, 2, 28))
TWO = [key for key in CATALOGUE.cells if key[0] in {"taxation", "transport"}]
PENALTIES = [key for key in CATALOGUE.cells if key[1] == PENALTY]


@pytest.mark.parametrize(
    ("cells", "window", "expected"),
    [
        pytest.param(None, FULL, "", id="everything"),
        pytest.param(None, LEAP, "", id="longest-window-that-ends-before-a-leap-day"),
        pytest.param(None, SHORTER, "（申请人选定范围：17个领域，2021-11-23至2026-11-22）", id="one-day-shorter"),
        pytest.param(TWO, FULL, "（申请人选定范围：2个领域，2021-11-22至2026-11-22）", id="two-domains"),
        pytest.param(
            PENALTIES, FULL, "（申请人选定范围：17个领域，仅行政处罚，2021-11-22至2026-11-22）", id="one-kind"
        ),
    ],
)
def test_a_chosen_scope_is_printed_under_the_title(cells: Any, window: DayRange, expected: str) -> None:
    assert document(asked(cells=cells, window=window))["subtitle"] == expected  # W-03


def test_chosen_domains_are_counted_and_named() -> None:
    made = document(example("chosen"))
    assert field(made, "查询领域") == ["3／17（税务、法院执行、交通运输）"]
    assert made["front"]["not_covered"] is None
    assert row(made, 0, "科技") == ["未选"] * 4


def test_kinds_that_were_asked_for_in_different_domains_are_printed_with_them() -> None:
    made = document(asked(cells=[("taxation", PENALTY), ("taxation", SERIOUS_LIST), ("transport", PENALTY)]))
    assert field(made, "查询事项") == ["行政处罚；严重失信主体名单（税务）"]


def test_a_kind_that_no_chosen_domain_carries_is_not_printed_as_asked_for() -> None:
    made = document(asked(cells=[("transport", PENALTY), ("transport", SERIOUS_LIST)]))
    assert field(made, "查询事项") == ["行政处罚"]


def test_what_is_not_covered_stands_on_page_one_with_who_certifies_instead() -> None:
    made = document(example("limited"))
    assert made["front"]["conclusion"]["scope"] == "有限范围"
    assert made["front"]["not_covered"]["table"]["rows"] == [
        ["河北省", "税务", "行政处罚", "示例单位（演示）", "（演示）010-0000-0000"],
        ["河北省", "税务", "严重失信主体名单", "示例单位（演示）", "（演示）010-0000-0000"],
        ["河北省", "交通运输", "行政处罚", "示例单位（演示）", "（演示）010-0000-0000"],
        ["山西省", "法院执行", "严重失信主体名单", "示例单位（演示）", "（演示）010-0000-0000"],
    ]


def test_every_uncovered_cell_is_listed_and_counts_as_clear_nowhere() -> None:
    made = document(example("nothing-covered"))
    assert len(made["front"]["not_covered"]["table"]["rows"]) == 4 * len(CATALOGUE.carried)
    legend = {entry["sentence"] for entry in made["overview"]["legend"]["entries"]}
    said = [one for one in strings(made) if "未查询到" in one and one not in legend]
    assert said == ["未查询到"]  # the legend's word
    assert totals(made) == [["未纳入"] * 4] * 2


class _CoveredSince(Federation):
    """A federation in which what is not covered is covered from a later day on."""

    def signed_coverage(self, province: Province, change: Any = None) -> Any:
        def since(coverage: coverage_pb2.Coverage) -> None:
            for entry in coverage.cells:
                if not entry.covered:
                    entry.covered, entry.complete_from = True, "2023-01-01"

        return super().signed_coverage(province, change or since)


def test_what_is_covered_from_a_later_day_on_says_from_when() -> None:
    federation = _CoveredSince(not_covered={HEBEI: frozenset({TAX_PENALTY})})
    report = asked(federation=federation)
    assert document(report)["front"]["not_covered"]["table"]["rows"] == [
        ["河北省", "税务", "行政处罚（自2023-01-01起的数据已纳入）", "示例单位（演示）", "（演示）010-0000-0000"]
    ]
    assert [one["complete_from"] for one in render(report)["not_covered"]] == ["2023-01-01"]


# --- 第一部分 ---------------------------------------------------------------------------------------------------------


def _with_rules(basis: int, *provinces: Province, summary: bool = True) -> CheckedReport:
    def change(province: Province, fragment: fragment_pb2.Fragment) -> None:
        if province in provinces:
            fragment.disclosure.basis = fragment_pb2.DisclosureBasis.ValueType(basis)
            fragment.disclosure.includes_summary_procedure = summary

    return asked(fragments=change)


W06 = "查询时段内作出、公示期已届满而未办理信用修复的行政处罚仍列入，并注明「公示期已届满」。"
W07 = "公示期已届满的行政处罚信息不再列入（未履行处罚决定的除外），故「未查询到」不等于主体在查询时段内未受过行政处罚。"


@pytest.mark.parametrize(
    ("publicity", "expected"),
    [
        pytest.param((), [f"{ALL}：{W06}"], id="window"),
        pytest.param(tuple(Province), [f"{ALL}：{W07}"], id="publicity"),
        pytest.param((HEBEI,), [f"北京市、天津市、山西省：{W06}", f"河北省：{W07}"], id="mixed"),
    ],
)
def test_the_basis_of_each_province_stands_on_page_one_and_in_the_scope_statement(
    publicity: tuple[Province, ...], expected: list[str]
) -> None:
    """T1."""
    made = document(_with_rules(fragment_pb2.DISCLOSURE_BASIS_PUBLICITY, *publicity))
    assert made["front"]["conclusion"]["remarks"] == expected
    assert made["scope"]["items"][1]["sub"][-len(expected) :] == expected


def test_the_rule_for_summary_procedure_is_printed_for_each_province() -> None:
    """T3."""
    made = document(_with_rules(fragment_pb2.DISCLOSURE_BASIS_WINDOW, SHANXI, summary=False))
    assert made["scope"]["items"][1]["sub"][:2] == [
        "北京市、天津市、河北省：含适用简易程序作出的行政处罚决定。",
        "山西省：不含适用简易程序作出的行政处罚决定。",
    ]


def test_rules_for_penalties_are_not_printed_where_none_were_asked_for_or_none_are_covered() -> None:
    lists = document(asked(cells=[LIST_CELL]))
    assert lists["front"]["conclusion"]["remarks"] == []
    assert "行政处罚决定" not in lists["scope"]["items"][1]["text"]
    assert document(example("nothing-covered"))["scope"]["items"][1]["sub"] == []


SCOPE = (
    "本报告依据四地信用主管部门互认安排，由示例单位（演示）汇总出具；各省（市）对本省（市）提供数据的全面性、真实性、准确性负责。",
    (
        "所称违法违规记录，仅指：（一）所查领域行政机关及法律、法规授权的组织在四地行政区域内对本主体作出的行政处罚决定；"
        "（二）所列严重失信主体名单的列入情况。"
    ),
    "行政处罚按作出决定之日落入查询时段计；名单按列入状态与查询时段有重叠计。",
    (
        "以下信息不列入：已依法完成信用修复的；处罚决定已被依法撤销、确认违法或者确认无效的；不予行政处罚决定、行政处罚告知、立案、"
        "责令改正、约谈、协议违约处理等不属于行政处罚的；行政强制、刑事裁判、经营异常名录等互认事项清单未列的。"
    ),
    (
        "本报告不包括主体的分支机构、子公司、股东、法定代表人及其他人员的记录，也不反映四地以外以及中央有关部门直接作出的记录。"
        "分支机构应以其自身统一社会信用代码另行申请。"
    ),
    "行政处罚等信息自形成至归集需要一定时间（各省（市）见第四部分）。归集时间之前刚作出的决定可能尚未反映。",
    "本报告不是中国人民银行征信报告，不含信贷信息，不对主体信用状况作出评价。",
)
DECLARATIONS = {
    "用途": "经营主体可以选择以本报告替代四地行政机关或相关机构所需的有无违法违规记录证明，法律、法规另有规定的除外。"
    "不得强制要求提供，不得据此作与用途无关的处理。",
    "责任": "对记录内容有异议的，由注册地信用主管部门牵头处理；本报告所载行政处罚决定的效力以处罚机关的法律文书为准；"
    "对处罚决定不服的，可依法申请行政复议或者提起行政诉讼，异议处理不影响上述权利和期限。",
    "时效": "本报告反映出具时的信息，不设有效期。接收单位应在使用时核验当前状态。",
    "费用": "本报告免费。查询、下载、核验、异议、信用修复均不收取任何费用，谨防以「代办修复」「消除记录」为名的收费行为。",
}


def test_the_scope_statement_and_the_declarations_are_as_agreed() -> None:
    made = document(example("clear"))["scope"]
    assert tuple(item["text"] for item in made["items"]) == SCOPE  # W-05
    assert [item["number"] for item in made["items"]] == list("1234567")
    assert {one["heading"]: one["text"] for one in made["declarations"]} == DECLARATIONS  # W-08 to W-10, W-12


class _SupplyLags(Federation):
    """A federation whose coverage statements say how long supply takes."""

    def __init__(self, lags: Mapping[Province, tuple[int, ...]]) -> None:
        super().__init__()
        self._lags = lags

    def signed_coverage(self, province: Province, change: Any = None) -> Any:
        def lag(coverage: coverage_pb2.Coverage) -> None:
            for index, entry in enumerate(coverage.cells):
                lags = self._lags.get(province, (0,))
                entry.supply_lag_working_days = lags[index % len(lags)]
                entry.supply_lag_source = "default" if province is not BEIJING else "示例办法第十三条"

        return super().signed_coverage(province, change or lag)


def test_how_long_supply_takes_is_what_the_provinces_say() -> None:
    """T6."""
    made = document(asked(federation=_SupplyLags({BEIJING: (15,), TIANJIN: (7,), HEBEI: (5, 7)})))
    assert made["scope"]["items"][5]["text"] == (
        "行政处罚等信息自形成至归集需要一定时间（北京市为15个工作日内，天津市为7个工作日内，其他各省（市）见第四部分）。"
        "归集时间之前刚作出的决定可能尚未反映。"
    )
    provinces = made["sources"]["provinces"]
    as_of = "2026-11-21 22:30:00"
    # Where all sources of a province have one limit, it is said once.
    assert [province["table"]["rows"][0][3:] for province in provinces] == [
        [as_of],
        [as_of],
        [as_of, "5个工作日内", "系统默认（未经确认）"],
        [as_of],
    ]
    said = [values(province["lines"]) for province in provinces]
    assert [(one.get("归集时限"), one.get("时限依据")) for one in said] == [
        ("15个工作日内", "示例办法第十三条"),
        ("7个工作日内", "系统默认（未经确认）"),
        (None, None),
        ("未载明", "系统默认（未经确认）"),
    ]


# --- 第二部分 ---------------------------------------------------------------------------------------------------------


def test_there_are_two_tables_with_full_names_of_provinces_and_only_domains_with_a_list_in_the_second() -> None:
    tables = document(example("clear"))["overview"]["tables"]
    assert [table["heading"] for table in tables] == ["行政处罚", "严重失信主体名单"]
    assert all(table["columns"] == ["领域", *ALL.split("、")] for table in tables)
    assert [len(table["rows"]) for table in tables] == [17, 7]


@pytest.mark.parametrize(
    ("name", "domain", "expected"),
    [
        pytest.param("found", "市场监管（含教育、商务）", ["2条", "未查询到", "1条", "未查询到"], id="found-and-clear"),
        pytest.param("found", "法院执行", ["——"] * 4, id="not-applicable"),
        pytest.param("limited", "税务", ["未查询到", "未查询到", "未纳入", "未查询到"], id="not-covered"),
        pytest.param("chosen", "科技", ["未选"] * 4, id="not-requested"),
    ],
)
def test_each_state_has_its_word(name: str, domain: str, expected: list[str]) -> None:
    assert row(document(example(name)), 0, domain) == expected


OBJECTED = record_pb2.Mark(kind=record_pb2.MARK_KIND_UNDER_OBJECTION, on="2026-11-02")


@pytest.mark.parametrize(
    ("objected", "words", "sentence"),
    [
        pytest.param(0, "2条", "查询到2条记录，见第三部分", id="none"),
        pytest.param(1, "2条", "查询到2条，其中1条异议处理中，见第三部分", id="one-of-two"),
        pytest.param(2, "2条*", "查询到2条，其中2条异议处理中，见第三部分", id="all"),
    ],
)
def test_a_star_stands_where_all_records_of_a_cell_are_under_objection(
    objected: int, words: str, sentence: str
) -> None:
    records = [penalty(f"penalty-{index:04d}", marks=[OBJECTED] if index < objected else []) for index in range(2)]
    made = document(asked({BEIJING: {PENALTY_CELL: records}}))
    found = made["overview"]["tables"][0]["rows"][0]["cells"][0]
    assert (found["words"], found["sentence"], found["strong"]) == (words, sentence, True)
    expected = f"其中{objected}条正在异议处理中，以处理结果为准。"  # W-04d
    assert (expected in made["front"]["conclusion"]["text"]) is bool(objected)


def test_the_sentence_of_a_clear_cell_names_the_list_and_the_day_of_the_data() -> None:
    penalties, lists = document(example("clear"))["overview"]["tables"]
    assert penalties["rows"][1]["cells"][2]["sentence"] == (
        "在查询时段内未查询到应当列入本报告的行政处罚记录（归集至2026-11-21 22:30:00）"
    )
    assert lists["rows"][1]["cells"][2]["sentence"] == (
        "未查询到查询时段内被列入重大税收违法失信主体名单的记录（归集至2026-11-21 22:30:00）"
    )


def test_a_total_over_something_uncovered_never_says_that_nothing_was_found() -> None:
    made = document(example("limited"))
    assert totals(made) == [
        ["未查询到", "1条", "有未纳入", "未查询到"],
        ["未查询到", "未查询到", "有未纳入", "有未纳入"],
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param([PENALTY_CELL], [["未查询到"] * 4, ["未选"] * 4], id="no-lists-asked-for"),
        pytest.param(
            [LIST_CELL, ("court_enforcement", PENALTY)], [["——"] * 4, ["未查询到"] * 4], id="no-penalties-apply"
        ),
    ],
)
def test_a_total_over_nothing_says_why(cells: Any, expected: list[list[str]]) -> None:
    assert totals(document(asked(cells=cells))) == expected


def test_the_legend_explains_every_word_of_the_tables() -> None:
    for name in EXAMPLES:
        overview = document(example(name))["overview"]
        explained = {entry["words"] for entry in overview["legend"]["entries"]}
        printed = {
            one["words"].replace(one["words"].rstrip("条*"), "n") if one["strong"] else one["words"]
            for table in overview["tables"]
            for line in [*table["rows"], table["totals"]]
            for one in line["cells"]
        }
        assert printed <= explained, name


def _told_otherwise(
    of_fragment: Callable[[fragment_pb2.Fragment], object] = lambda _: None,
    of_report: Callable[[report_pb2.Report], object] = lambda _: None,
) -> CheckedReport:
    """A report as no check lets it pass: its first province says something else, or the home does."""
    checked_report = example("found")
    (first, *others) = checked_report.admitted
    fragment = fragment_pb2.Fragment.FromString(first.fragment.SerializeToString())
    report = report_pb2.Report.FromString(checked_report.report.SerializeToString())
    of_fragment(fragment)
    of_report(report)
    return replace(checked_report, report=report, admitted=(replace(first, fragment=fragment), *others))


def _first_penalty(fragment: fragment_pb2.Fragment) -> record_pb2.Penalty:
    return fragment.cells[0].records[0].penalty


UNKNOWN: dict[str, CheckedReport] = {
    "cell-state-of-a-later-release": _told_otherwise(lambda one: setattr(one.cells[0], "state", 99)),
    "cell-that-does-not-seal": _told_otherwise(
        lambda one: one.cells[0].CopyFrom(cell(PENALTY_CELL, fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE))
    ),
    "no-cell-state": _told_otherwise(lambda one: one.cells[0].ClearField("state")),
    "procedure": _told_otherwise(lambda one: setattr(_first_penalty(one), "procedure", 99)),
    "category": _told_otherwise(
        lambda one: _first_penalty(one).categories.append(record_pb2.PenaltyCategory.ValueType(99))
    ),
    "amount": _told_otherwise(lambda one: setattr(_first_penalty(one).amounts.add(), "kind", 99)),
    "masking": _told_otherwise(lambda one: setattr(_first_penalty(one).facts, "masking", 99)),
    "performance": _told_otherwise(lambda one: setattr(_first_penalty(one).performance, "state", 99)),
    "mark": _told_otherwise(lambda one: setattr(one.cells[0].records[0].marks.add(), "kind", 99)),
    "basis": _told_otherwise(lambda one: setattr(one.disclosure, "basis", 99)),
    "subject-kind": _told_otherwise(of_report=lambda one: setattr(one.subject, "kind", 99)),
    "registration-status": _told_otherwise(of_report=lambda one: setattr(one.subject, "registration_status", 99)),
    "home-basis": _told_otherwise(of_report=lambda one: setattr(one.subject, "home_basis", 99)),
    "purpose": _told_otherwise(of_report=lambda one: setattr(one, "purpose", 99)),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_value_that_is_not_known_or_does_not_seal_is_never_printed_as_another(name: str) -> None:
    with pytest.raises(KeyError):
        document(UNKNOWN[name])


def test_a_verdict_that_is_not_known_is_never_printed_as_another() -> None:
    with pytest.raises(ValueError, match="expected a verdict"):
        document(_told_otherwise(of_report=lambda one: setattr(one.conclusion, "verdict", 0)))


# --- 第三部分 ---------------------------------------------------------------------------------------------------------


def test_a_penalty_is_printed_field_by_field() -> None:
    rich = next(one for one in printed_records(document(example("found"))) if one["anchor"] == "11-2")
    fragment = example("found").admitted[0].statement.statement_id.hex()
    assert rich["heading"] == "北京市第2条　行政处罚"
    assert (
        [(line["label"], line["value"] + line["note"]) for line in rich["lines"]]
        == [
            ("文号", "京示市监处罚〔2024〕1号"),
            ("处罚机关", "北京市示例区市场监督管理局（演示）"),
            ("决定日期", "2024-03-01"),
            ("程序", "普通程序"),
            ("违法行为类型", "未按规定公示信息"),
            ("违法事实", "示例违法事实（含个人信息，已隐去）"),  # W-19
            ("处罚依据", "未按规定公示信息"),
            (
                "处罚种类",
                (
                    "警告、通报批评、罚款、没收违法所得、没收非法财物、暂扣许可证件、降低资质等级、吊销许可证件、限制开展生产经营活动、"
                    "责令停产停业、责令关闭、限制从业、行政拘留、法律、行政法规规定的其他行政处罚"
                ),
            ),
            ("处罚内容", "内容含个人信息，请向处罚机关核实（含个人信息，已隐去）"),
            ("罚款金额", "12,345.60元（1.23456万元）"),
            ("没收金额", "123,456.00元（12.3456万元）"),
            ("涉及证照", "示例许可证 示例0001号"),
            ("处罚期限截止", "2027-01-01"),
            ("履行情况", "已履行（2024-04-01）"),  # W-15
            ("公示截止", "2025-03-01"),
            ("来源单位", "北京市示例区市场监督管理局（演示）"),
            ("归集时间", "2026-01-26 10:30:00（北京时间）"),
            ("记录编号", "penalty-0001（第1版）"),
            ("片段编号", f"{fragment[:16]}（全文见第四部分）"),
        ]
    )
    assert [line["value"] for line in rich["remarks"]] == [
        "公示期已于2025-03-01届满",  # W-13
        "本条正在异议处理中（2026-11-02受理），处理期间不代表记录错误或属实",  # W-14
        "原决定于2024-05-01变更，现以京示市监处罚〔2024〕1号为准",  # W-18
        "本条替代此前的记录（记录编号penalty-0000）",
        "另涉税务、卫生健康领域",
    ]


def test_a_list_entry_is_printed_field_by_field() -> None:
    """T55."""
    entry = next(one for one in printed_records(document(example("found"))) if one["anchor"] == "13-2")
    assert [(line["label"], line["value"] + line["note"]) for line in entry["lines"]][:9] == [
        ("名单全称", "市场监督管理严重违法失信名单"),
        ("列入时名称", "严重违法失信企业名单"),
        ("列入机关", "北京市市场监督管理局（演示）"),
        ("文号", "京示列〔2023〕1号"),
        ("列入事由", "严重违法"),
        ("列入日期", "2023-05-01"),
        ("移出日期", "2024-05-01"),
        ("管理期限截止", "2026-05-01"),
        ("履行情况", "未见履行信息"),
    ]
    assert [line["value"] for line in entry["remarks"]] == ["列入2023-05-01，移出2024-05-01"]  # W-17


def test_an_entry_past_its_period_and_not_removed_says_so() -> None:
    """T56."""
    entry = next(one for one in printed_records(document(example("found"))) if one["anchor"] == "14-1")
    assert values(entry["lines"])["移出日期"] == "未见移出信息"
    assert [line["value"] for line in entry["remarks"]] == ["管理期限已届满，未见移出信息（2026-05-01届满）"]


def test_an_entry_of_a_court_names_court_and_case() -> None:
    """T17."""
    key = ("court_enforcement", SERIOUS_LIST)
    record = list_entry(list_entry__list_id="judgment_defaulter")
    (made,) = printed_records(document(asked({BEIJING: {key: [record]}})))
    assert [line["label"] for line in made["lines"]][1:3] == ["执行法院", "案号"]


PERFORMANCES = [
    pytest.param(record_pb2.PERFORMANCE_STATE_NOT_STATED, "", "未见履行信息", id="not-stated"),
    pytest.param(record_pb2.PERFORMANCE_STATE_PERFORMED, "2024-04-01", "已履行（2024-04-01）", id="performed-on"),
    pytest.param(record_pb2.PERFORMANCE_STATE_PERFORMED, "", "已履行", id="performed"),
    pytest.param(record_pb2.PERFORMANCE_STATE_PARTLY_PERFORMED, "", "部分履行", id="partly"),
    pytest.param(record_pb2.PERFORMANCE_STATE_NOT_PERFORMED, "", "未履行", id="not-performed-says-the-organ"),
]


@pytest.mark.parametrize(("state", "day", "expected"), PERFORMANCES)
def test_silence_about_performance_is_not_non_performance(
    state: record_pb2.PerformanceState.ValueType, day: str, expected: str
) -> None:
    said = record_pb2.Performance(state=state, performed_on=day)
    assert lines_of(penalty(penalty__performance=said))["履行情况"] == expected
    assert lines_of(list_entry(list_entry__performance=said))["履行情况"] == expected


def test_what_the_source_does_not_say_is_said_to_be_missing() -> None:
    bare = penalty(penalty__document_number="", penalty__amounts=[], penalty__legal_basis=text(""))
    said = lines_of(bare)
    assert {label for label, value in said.items() if value == "未载明"} == {
        "文号",
        "处罚依据",
        "金额",
        "处罚期限截止",
        "公示截止",
    }


@pytest.mark.parametrize(
    ("kind", "fen", "label", "value"),
    [
        pytest.param("FINE", 0, "罚款金额", "0.00元（0万元）", id="zero"),
        pytest.param("FINE", 1, "罚款金额", "0.01元（0.000001万元）", id="one-fen"),
        pytest.param("FINE", 1_000_000, "罚款金额", "10,000.00元（1万元）", id="one-wan"),
        pytest.param("CONFISCATION", 150_000, "没收金额", "1,500.00元（0.15万元）", id="confiscation"),
        pytest.param(
            "COMBINED", 10**17, "罚没合计金额", "1,000,000,000,000,000.00元（100,000,000,000万元）", id="largest"
        ),
    ],
)
def test_amounts_are_printed_exactly_in_yuan_and_wan_yuan(kind: str, fen: int, label: str, value: str) -> None:
    amount = record_pb2.Amount(kind=record_pb2.AmountKind.Value(f"AMOUNT_KIND_{kind}"), fen=fen)
    assert lines_of(penalty(penalty__amounts=[amount]))[label].startswith(value)


@given(st.integers(min_value=0, max_value=10**17))
def test_wan_yuan_lose_no_fen(fen: int) -> None:
    whole, _, decimals = format_wan_yuan(fen).replace(",", "").partition(".")
    assert int(whole) * 1_000_000 + int(decimals.ljust(6, "0") or "0") == fen
    assert not decimals.endswith("0")


def test_records_stand_by_province_domain_and_day_newest_first() -> None:
    days = ["2022-01-01", "2024-06-30", "2023-03-03", "2024-06-30"]
    penalties = [penalty(f"penalty-{index}000", penalty__decided_on=day) for index, day in enumerate(days)]
    made = document(
        asked(
            {
                TIANJIN: {TAX_PENALTY: [penalty("tax-penalty")]},
                BEIJING: {PENALTY_CELL: penalties, LIST_CELL: [list_entry()]},
            }
        )
    )
    assert [one["heading"] for one in made["details"]["provinces"]] == ALL.split("、")
    order = [values(one["lines"]).get("决定日期") or values(one["lines"])["列入日期"] for one in printed_records(made)]
    assert order == ["2024-06-30", "2024-06-30", "2023-05-01", "2023-03-03", "2022-01-01", "2024-03-01"]
    assert [one["anchor"] for one in printed_records(made)] == ["11-1", "11-2", "11-3", "11-4", "11-5", "12-1"]


def _nothing(province: Province) -> str:
    return f"{province.name_zh}所查事项未查询到应当列入本报告的行政处罚、严重失信主体名单记录。"


def test_a_province_with_nothing_says_one_sentence() -> None:
    provinces = document(example("clear"))["details"]["provinces"]
    assert [(one["text"], one["groups"]) for one in provinces] == [(_nothing(province), []) for province in Province]


def test_a_province_with_nothing_speaks_only_of_what_it_answered() -> None:
    def said(name: str) -> list[str]:
        return [one["text"] for one in document(example(name))["details"]["provinces"]]

    rest = "已纳入互认的所查事项未查询到应当列入本报告的行政处罚、严重失信主体名单记录。尚未纳入互认的所查事项，本报告不作反映。"
    assert said("limited") == [_nothing(BEIJING), "", f"河北省{rest}", f"山西省{rest}"]
    assert said("nothing-covered") == [
        f"{province.name_zh}所查事项均尚未纳入互认，本报告不作反映。" for province in Province
    ]
    court = document(asked(cells=[("court_enforcement", PENALTY)]))["details"]["provinces"]
    assert court[0]["text"] == "北京市所查领域不涉及所查事项。"
    hebei_lists = Federation(not_covered={HEBEI: frozenset({PENALTY_CELL})})
    one = document(asked(cells=[PENALTY_CELL, LIST_CELL], federation=hebei_lists))["details"]["provinces"][2]
    assert one["text"] == (
        "河北省已纳入互认的所查事项未查询到应当列入本报告的严重失信主体名单记录。尚未纳入互认的所查事项，本报告不作反映。"
    )


def test_a_repeated_decision_is_shown_each_time_and_counted_once() -> None:
    """T31."""
    made = document(example("repeated"))
    assert [
        line["value"] for one in printed_records(made) for line in one["remarks"] if line["label"] == "同一决定"
    ] == [
        "同一决定列示3条（另见天津市第2条等），只计一次",
        "与天津市第1条为同一决定（共列示3条），只计一次",
        "与天津市第1条为同一决定（共列示3条），只计一次",
    ]
    assert totals(made)[0] == ["未查询到", "1条", "未查询到", "未查询到"]
    assert [table["note"] for table in made["overview"]["tables"]] == ["合计中，同一决定只计一次。", ""]
    assert "行政处罚记录1条" in made["front"]["conclusion"]["text"]


def test_conflicting_amounts_are_all_shown_and_none_is_chosen() -> None:
    """T31."""
    records = list(printed_records(document(example("conflicting"))))
    assert [values(one["lines"])["罚款金额"] for one in records] == [
        "1,500.00元（0.15万元）",
        "999.99元（0.099999万元）",
        "1,500.00元（0.15万元）",
    ]
    assert all(
        one["remarks"][-1]["value"].endswith("；各条所载金额或者日期不一致，均按来源列示，未作取舍") for one in records
    )


def test_replaced_records_name_each_other() -> None:
    former = penalty("penalty-0001", penalty__document_number="示例旧字1号", penalty__decided_on="2023-01-01")
    changed = record_pb2.Mark(kind=record_pb2.MARK_KIND_DECISION_CHANGED, on="2024-01-01")
    later = penalty("penalty-0002", replaces="penalty-0001", marks=[changed], penalty__document_number="示例新字2号")
    made = printed_records(document(asked({BEIJING: {PENALTY_CELL: [former, later]}})))
    assert [[line["value"] for line in one["remarks"]] for one in made] == [
        [
            "原决定示例旧字1号于2024-01-01变更，现以示例新字2号为准",
            "本条替代此前的记录（记录编号penalty-0001，即北京市第2条）",
        ],
        ["本条已由北京市第1条替代"],
    ]


def test_what_replaced_a_decision_without_a_number_is_named_all_the_same() -> None:
    changed = record_pb2.Mark(kind=record_pb2.MARK_KIND_DECISION_CHANGED, on="2024-01-01")
    assert remarks_of(penalty(marks=[changed], penalty__document_number="")) == [
        "原决定于2024-01-01变更，现以本条所载为准"
    ]


# --- The rest --------------------------------------------------------------------------------------------------------


def test_sources_name_unit_department_and_the_day_of_the_data_and_do_not_date_what_is_not_covered() -> None:
    hebei = document(example("limited"))["sources"]["provinces"][2]
    assert hebei["lines"][0]["value"] == "示例单位（演示）"
    rows = hebei["table"]["rows"]
    assert len(rows) == len(CATALOGUE.carried)
    assert [one for one in rows if one[3] == "未纳入"] == [
        ["税务", "行政处罚", "示例单位（演示）", "未纳入"],
        ["税务", "严重失信主体名单", "示例单位（演示）", "未纳入"],
        ["交通运输", "行政处罚", "示例单位（演示）", "未纳入"],
    ]


def test_how_to_verify_is_told_with_the_warning_about_reading_software() -> None:
    report = example("clear")
    made = document(report)["verification"]
    assert made["paragraphs"][-1] == "部分阅读软件可能提示签名身份未知，请以核验页面结果为准。"  # W-29
    said = values(made["lines"])
    assert said["报告声明编号"] == report.statement.statement_id.hex()
    assert said["签名密钥编号"] == report.statement.signer.keyid
    assert said["清单文件摘要"] == f"{CATALOGUE.digest.hex()}（SHA-256）"
    assert said["规则版本"] == "接收规则第1版，汇总规则第1版"


def test_whom_to_turn_to_is_the_unit_that_issued_the_report() -> None:
    def change(report: report_pb2.Report) -> None:
        report.issuer.telephone = "（演示）010-1111-1111"
        report.issuer.url = "https://example.invalid/示例"

    federation = Federation()
    made = document(checked(federation, federation.admitted(), change=change))
    assert values(made["objection"]["contact"]) == {
        "受理单位": "示例单位（演示）",
        "电话": "（演示）010-1111-1111",
        "网址": "https://example.invalid/示例",
    }


@pytest.mark.parametrize(
    ("enum", "words"),
    [
        pytest.param(common_pb2.SubjectKind, document_words.SUBJECT_KINDS, id="subject-kind"),
        pytest.param(common_pb2.RegistrationStatus, document_words.REGISTRATION_STATUSES, id="registration-status"),
        pytest.param(common_pb2.HomeBasis, document_words.HOME_BASES, id="home-basis"),
        pytest.param(common_pb2.RecordKind, KIND_NAMES, id="record-kind"),
        pytest.param(query_pb2.Purpose, document_words.PURPOSES, id="purpose"),
        pytest.param(record_pb2.Procedure, document_words.PROCEDURES, id="procedure"),
        pytest.param(record_pb2.PenaltyCategory, document_words.CATEGORIES, id="category"),
        pytest.param(record_pb2.AmountKind, document_words.AMOUNTS, id="amount"),
        pytest.param(record_pb2.Masking, document_words.MASKINGS, id="masking"),
        pytest.param(record_pb2.PerformanceState, document_words.PERFORMANCES, id="performance"),
        pytest.param(record_pb2.MarkKind, document_words.MARKS, id="mark"),
        pytest.param(fragment_pb2.CellState, CELL_WORDS, id="cell-state"),
        pytest.param(envelope_pb2.Suite, document_words.SUITES, id="suite"),
    ],
)
def test_every_value_of_the_contract_has_words_of_its_own_and_no_other_has(enum: Any, words: Mapping[int, str]) -> None:
    assert set(words) == {number for number in enum.values() if number}
    said = [word for word in words.values() if word and word != document_words.MASKED]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("name", ["markup", "rare", "long"])
def test_a_text_is_data_whatever_it_looks_like(name: str) -> None:
    report = example(name)
    made = document(report)
    printed = {line["value"] for one in printed_records(made) for line in one["lines"]}
    for one in report.admitted:
        for found in one.fragment.cells:
            for record in found.records:
                fact = record.penalty
                assert {fact.facts.text, fact.content.text, fact.authority.name, fact.document_number} <= printed
    assert field(made, "主体名称") == [report.report.subject.name]


def test_the_examples_hold_what_they_promise() -> None:
    made = document(example("markup"))
    assert {values(one["lines"])["违法事实"] for one in printed_records(made)} == set(MARKUP)
    assert document(example("rare"))["page"]["subject"]["value"] == RARE_NAME
    assert len(list(printed_records(document(example("many"))))) == 500


def test_a_decision_ten_thousand_times_does_not_make_ten_thousand_citations_each() -> None:
    records = [penalty(f"penalty-{index:06d}", decision_key="a" * 64) for index in range(3_000)]
    made = document(asked({BEIJING: {PENALTY_CELL: records}}))
    assert max(len(line["value"]) for one in printed_records(made) for line in one["remarks"]) < 60


def test_five_hundred_records_take_less_than_a_second() -> None:
    report = example("many")
    began = time.process_time()
    document(report)
    assert time.process_time() - began < 1


def test_ten_thousand_records_are_workable() -> None:
    report = asked(many(10_000))
    began = time.process_time()
    made = document(report)
    assert time.process_time() - began < 20
    assert sum(1 for _ in printed_records(made)) == 10_000


# --- What holds for every report -------------------------------------------------------------------------------------

_LETTERS = st.characters(
    codec="utf-8",
    categories=["L", "N", "P", "S", "Zs"],
    exclude_characters="\u00a0\u2007\u202f",
    include_characters="\n\t",
)
_TEXTS = st.text(_LETTERS, max_size=40).map(str.strip)
_NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N", "S"]), min_size=1, max_size=30)
_DAYS = st.dates(date(2021, 11, 22), date(2026, 11, 20)).map(date.isoformat)
_MASKINGS = st.sampled_from([number for number in record_pb2.Masking.values() if number])
_FREE = st.builds(lambda value, masking: record_pb2.FreeText(text=value, masking=masking), _TEXTS, _MASKINGS)
_MARKS = st.lists(
    st.builds(
        lambda kind, on: record_pb2.Mark(kind=kind, on=on),
        st.sampled_from([number for number in record_pb2.MarkKind.values() if number]),
        _DAYS,
    ),
    max_size=3,
)
_KEYS = st.sampled_from(["a" * 64, "b" * 64, "c" * 64])
_FINES = st.lists(
    st.integers(0, 10**17).map(lambda fen: record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_FINE, fen=fen)), max_size=1
)
_PENALTY_CELLS = [PENALTY_CELL, TAX_PENALTY, ("transport", PENALTY)]


@st.composite
def reports(draw: st.DrawFn) -> CheckedReport:
    """Reports over some cells, some of which some provinces do not cover, with records of any text."""
    cells = [*_PENALTY_CELLS, LIST_CELL]
    holes = {
        province: frozenset(draw(st.sets(st.sampled_from(cells), max_size=3)))
        for province in Province
        if draw(st.booleans())
    }
    records: dict[Province, dict[Any, list[record_pb2.Record]]] = {}
    for number in range(draw(st.integers(0, 6))):
        province = draw(st.sampled_from(list(Province)))
        key = draw(st.sampled_from(cells))
        if key in holes.get(province, ()):
            continue
        made: dict[str, Any] = {"decision_key": draw(_KEYS), "marks": draw(_MARKS), "source_unit": draw(_NAMES)}
        if key == LIST_CELL:
            record = list_entry(
                f"entry-{number:04d}", list_entry__listed_on=draw(_DAYS), list_entry__reason=draw(_FREE), **made
            )
        else:
            record = penalty(
                f"penalty-{number:04d}",
                penalty__decided_on=draw(_DAYS),
                penalty__facts=draw(_FREE),
                penalty__content=draw(_FREE),
                penalty__document_number=draw(_NAMES),
                penalty__amounts=draw(_FINES),
                **made,
            )
        records.setdefault(province, {}).setdefault(key, []).append(record)
    asked_for = sorted(
        {*draw(st.sets(st.sampled_from(cells))), *(key for one in records.values() for key in one)} or {LIST_CELL}
    )
    ordered = [key for key in CATALOGUE.cells if key in asked_for]
    whose = subject(SUBJECT_CODE, draw(_NAMES))
    return asked(records, federation=Federation(not_covered=holes), cells=ordered, whose=whose)


def _said(record: record_pb2.Record) -> set[str]:
    """Everything that a record says in words, numbers of documents and days."""
    said = {record.source_unit, record.record_id}
    fact: Any = record.penalty if record.WhichOneof("fact") == "penalty" else record.list_entry
    said.add(fact.authority.name)
    for descriptor, value in fact.ListFields():
        if isinstance(value, record_pb2.FreeText):
            said.add(value.text)
        elif descriptor.type == descriptor.TYPE_STRING and descriptor.name != "list_id":
            said.add(value)
    return said - {""}


def _count(words: list[str]) -> int:
    return sum(int(one.rstrip("条*")) for one in words if one.endswith(("条", "条*")))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reports())
def test_no_text_is_lost_or_altered_and_no_count_differs_from_the_merge(report: CheckedReport) -> None:
    made = document(report)
    by_id = {values(one["lines"])["记录编号"].partition("（")[0]: one for one in printed_records(made)}
    records = [record for one in report.admitted for found in one.fragment.cells for record in found.records]
    assert by_id.keys() == {record.record_id for record in records}
    for record in records:
        assert _said(record) <= {line["value"] for line in by_id[record.record_id]["lines"]}
    conclusion = report.report.conclusion
    assert [_count(line) for line in totals(made)] == [conclusion.penalty_count, conclusion.list_entry_count]
    listed = sum(sum(column.record_counts) for column in report.report.columns)
    assert (
        listed
        == len(records)
        == sum(
            _count([one["words"] for one in line["cells"]])
            for table in made["overview"]["tables"]
            for line in table["rows"]
        )
    )
    uncovered = [state for column in report.report.columns for state in column.states].count(
        fragment_pb2.CELL_STATE_NOT_COVERED
    )
    assert uncovered == len(made["front"]["not_covered"]["table"]["rows"] if made["front"]["not_covered"] else ())
    anchors = [one["anchor"] for one in printed_records(made)]
    assert len(set(anchors)) == len(anchors)


def test_repeats_of_both_kinds_are_taken_out_of_their_own_total() -> None:
    records = {**repeated(), HEBEI: {LIST_CELL: [list_entry(f"entry-000{n}", decision_key="b" * 64) for n in (1, 2)]}}
    made = document(asked(records))
    assert totals(made) == [["未查询到", "1条", "未查询到", "未查询到"], ["未查询到", "未查询到", "1条", "未查询到"]]
    assert all(table["note"] for table in made["overview"]["tables"])


def test_totals_of_a_choice_say_that_they_are_of_a_choice() -> None:
    whole = document(example("clear"))["overview"]["tables"]
    assert [table["totals"]["domain"] for table in whole] == ["合计", "合计"]
    chosen = document(asked(cells=[PENALTY_CELL]))["overview"]["tables"]
    assert [table["totals"]["domain"] for table in chosen] == ["合计（所选领域）", "合计（所选领域）"]
