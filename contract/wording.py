"""The words that people read, in one place: titles, cells, the conclusion.

「未查询到」, never 「无」: the period, the data's date, the scope and the source stand beside every conclusion.
No judgement, no score, no word that a law does not use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contract.catalogue import PENALTY, SERIOUS_LIST, Catalogue
from contract.province import Province
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import report_pb2

TITLE: Final = "京津冀晋跨区域互认专项信用报告"
EDITION: Final = "互认版"
SHORT_TITLE: Final = "互认版专项信用报告"

SPECIMEN: Final = "样张 · 演示数据 · 不具任何证明效力"
SPECIMEN_EN: Final = "Specimen, demonstration data: proves nothing"

LIMITED: Final = "有限范围"
"""Something that was asked for is not covered."""

CHECK_STATUS: Final = "本报告不设有效期，请在使用时核验当前状态。"

CELL_WORDS: Final[Mapping[int, str]] = {
    fragment_pb2.CELL_STATE_CLEAR: "未查询到",
    fragment_pb2.CELL_STATE_FOUND: "{n}条",
    fragment_pb2.CELL_STATE_NOT_COVERED: "未纳入",
    fragment_pb2.CELL_STATE_NOT_APPLICABLE: "——",
    fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE: "未反馈",
}
"""What stands in the matrix. A state that is not here is never printed as any other: the look-up fails."""

NOT_REQUESTED: Final = "未选"
"""What stands in the matrix where the applicant did not ask."""

CELL_LEGEND: Final[tuple[tuple[str, str, str], ...]] = (
    ("未查询到", "在查询时段内未查询到应当列入本报告的记录", "nothing to disclose was found in the period"),
    ("n条", "查询到 n 条记录", "n records were found"),
    ("未纳入", "该省（市）该领域尚未纳入互认，本报告不作反映", "not covered: the report says nothing about it"),
    ("——", "该领域不涉及此类事项", "the domain carries no records of this kind"),
    (NOT_REQUESTED, "申请人未选择查询", "the applicant did not ask"),
)

CONCLUSIVE: Final = frozenset({fragment_pb2.CELL_STATE_CLEAR, fragment_pb2.CELL_STATE_FOUND})
"""The states of a cell that was answered. No other state says anything about records."""

KIND_NAMES: Final[Mapping[int, str]] = {PENALTY: "行政处罚", SERIOUS_LIST: "严重失信主体名单"}


def conclusion_sentence(report: report_pb2.Report, catalogue: Catalogue) -> str:
    """The conclusion (结论) in one paragraph: what was found or not, in which period and scope, and what is left out.

    Each kind of record has a clause of its own, and only where at least one cell of the kind was answered: what nobody was asked,
    what does not apply and what is not covered is never said to have been searched.
    """
    conclusion = report.conclusion
    if conclusion.verdict not in {report_pb2.VERDICT_NOTHING_FOUND, report_pb2.VERDICT_FOUND}:
        raise ValueError(f"expected a verdict, got {conclusion.verdict}")
    name = report.subject.name or "该主体（登记名称未取得）"
    clauses = []
    if (scope := _answered_scope(report, PENALTY)) is not None:
        clauses.append(
            f"查询到{name}在{scope}行政处罚记录{conclusion.penalty_count}条"
            if conclusion.penalty_count
            else f"未查询到{name}在{scope}应当列入本报告的行政处罚记录"
        )
    if (scope := _answered_scope(report, SERIOUS_LIST)) is not None:
        whose = "其" if clauses else name
        clauses.append(
            f"查询到{whose}在{scope}被列入严重失信主体名单的记录{conclusion.list_entry_count}条"
            if conclusion.list_entry_count
            else f"未查询到{whose}在{scope}被列入所查严重失信主体名单的记录"
        )
    window = f"在{report.window.first_day}至{report.window.last_day}期间"
    if clauses:
        sentence = f"经查询，{window}，截至本报告第四部分所列各数据归集时间，{'；'.join(clauses)}。"
    else:
        sentence = f"{window}所查事项均未纳入互认或者不涉及，本报告对{name}不作任何反映。"
    if conclusion.penalty_count or conclusion.list_entry_count:
        sentence += f"详见第三部分{_rest(report)}。"
    if conclusion.under_objection_count:
        sentence += f"其中{conclusion.under_objection_count}条正在异议处理中，以处理结果为准。"
    if conclusion.limited:
        left_out = "、".join(not_covered(report, catalogue))
        sentence += f"下列事项尚未纳入互认，本报告不作反映：{left_out}。需要证明的，请向相应部门申请。"
    return sentence


_REST_EXCEPTIONS: Final = (
    (fragment_pb2.CELL_STATE_NOT_COVERED, "未纳入互认"),
    (fragment_pb2.CELL_STATE_NOT_APPLICABLE, "不涉及"),
)


def _rest(report: report_pb2.Report) -> str:
    """What is said of the cells that hold nothing, where something was found (W-04b): only of those that were answered."""
    states = {state for column in report.columns for state in column.states}
    if fragment_pb2.CELL_STATE_CLEAR not in states:
        return ""
    left_out = "或者".join(words for state, words in _REST_EXCEPTIONS if state in states)
    exception = f"（{left_out}的除外）" if left_out else ""
    return f"；其余所查事项{exception}未查询到应当列入本报告的记录"


def _answered_scope(report: report_pb2.Report, kind: int) -> str | None:
    """Where a kind was answered: provinces and number of domains. None: nowhere."""
    answered = [
        (Province(column.province), key.domain)
        for column in report.columns
        for key, state in zip(report.cells, column.states, strict=True)
        if key.kind == kind and state in CONCLUSIVE
    ]
    if not answered:
        return None
    provinces = "、".join(province.name_zh for province in sorted({province for province, _ in answered}))
    exception = "（未纳入互认的事项除外）" if _has_holes(report, kind) else ""
    return f"{provinces}所查{len({domain for _, domain in answered})}个领域内{exception}"


def _has_holes(report: report_pb2.Report, kind: int) -> bool:
    return any(
        key.kind == kind and state == fragment_pb2.CELL_STATE_NOT_COVERED
        for column in report.columns
        for key, state in zip(report.cells, column.states, strict=True)
    )


def not_covered(report: report_pb2.Report, catalogue: Catalogue) -> list[str]:
    """未纳入事项: what was asked for and is not covered, each as province, domain and kind."""
    return [
        f"{Province(column.province).name_zh}{catalogue.domain_by_id[key.domain].name}（{KIND_NAMES[key.kind]}）"
        for column in report.columns
        for key, state in zip(report.cells, column.states, strict=True)
        if state == fragment_pb2.CELL_STATE_NOT_COVERED
    ]
