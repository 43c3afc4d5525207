"""The words that people read, in one place: titles, cells, the conclusion.

「未查询到」, never 「无」: the period, the data's date, the scope and the source stand beside every conclusion.
No judgement, no score, no word that a law does not use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contract.catalogue import Catalogue
from contract.province import Province
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import report_pb2

TITLE: Final = "京津冀晋跨区域互认专项信用报告"

SPECIMEN: Final = "样张 · 演示数据 · 不具任何证明效力"
SPECIMEN_EN: Final = "Specimen, demonstration data: proves nothing"

CELL_WORDS: Final[Mapping[int, str]] = {
    fragment_pb2.CELL_STATE_CLEAR: "未查询到",
    fragment_pb2.CELL_STATE_FOUND: "{n}条",
    fragment_pb2.CELL_STATE_NOT_COVERED: "未纳入",
    fragment_pb2.CELL_STATE_NOT_APPLICABLE: "——",
    fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE: "未反馈",
}
"""What stands in the matrix. A state that is not here is never printed as any other: the look-up fails."""

CELL_LEGEND: Final[tuple[tuple[str, str, str], ...]] = (
    ("未查询到", "在查询时段内未查询到应当列入本报告的记录", "nothing to disclose was found in the period"),
    ("n条", "查询到 n 条记录", "n records were found"),
    ("未纳入", "该省（市）该领域尚未纳入互认，本报告不作反映", "not covered: the report says nothing about it"),
    ("——", "该领域不涉及此类事项", "the domain carries no records of this kind"),
)


def conclusion_sentence(report: report_pb2.Report, catalogue: Catalogue) -> str:
    """The conclusion (结论) in one paragraph: what was found or not, in which period and scope, and what is left out."""
    domains = len({key.domain for key in report.cells})
    name = report.subject.name or "该主体（登记名称未取得）"
    scope = f"在{report.window.first_day}至{report.window.last_day}期间"
    provinces = "、".join(province.name_zh for province in catalogue.provinces)
    conclusion = report.conclusion
    match conclusion.verdict:
        case report_pb2.VERDICT_NOTHING_FOUND:
            sentence = (
                f"经查询，{scope}，截至本报告所列各数据归集时间，未查询到{name}在{provinces}所查{domains}个领域内"
                "应当列入本报告的行政处罚记录，未查询到其被列入所查严重失信主体名单的记录。"
            )
        case report_pb2.VERDICT_FOUND:
            sentence = (
                f"经查询，{scope}，在{provinces}所查{domains}个领域内，查询到{name}行政处罚记录{conclusion.penalty_count}条、"
                f"被列入严重失信主体名单记录{conclusion.list_entry_count}条，详见明细；其余所查事项未查询到应当列入本报告的记录。"
            )
        case _:
            raise ValueError(f"expected a verdict, got {conclusion.verdict}")
    if conclusion.under_objection_count:
        sentence += f"其中{conclusion.under_objection_count}条正在异议处理中，以处理结果为准。"
    if conclusion.limited:
        sentence += f"下列事项尚未纳入互认，本报告不作反映：{'、'.join(_not_covered(report, catalogue))}。"
    return sentence


def _not_covered(report: report_pb2.Report, catalogue: Catalogue) -> list[str]:
    kinds = {1: "行政处罚", 2: "严重失信主体名单"}
    return [
        f"{Province(column.province).name_zh}{catalogue.domain_by_id[key.domain].name}（{kinds[key.kind]}）"
        for column in report.columns
        for key, state in zip(report.cells, column.states, strict=True)
        if state == fragment_pb2.CELL_STATE_NOT_COVERED
    ]
