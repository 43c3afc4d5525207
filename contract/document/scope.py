"""第一部分 报告说明: what the report is about and what it is not (W-05 to W-10, W-12), with the rules of each province.

W-11, about an official electronic seal, is not printed: there is no provider of such seals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.document.lines import Json
from contract.document.reading import ProvinceReading, Reading
from contract.wording import CONCLUSIVE
from huren.fragment.v1 import fragment_pb2

_BASES: Final[Mapping[int, str]] = {
    fragment_pb2.DISCLOSURE_BASIS_WINDOW: (
        "查询时段内作出、公示期已届满而未办理信用修复的行政处罚仍列入，并注明「公示期已届满」。"
    ),
    fragment_pb2.DISCLOSURE_BASIS_PUBLICITY: (
        "公示期已届满的行政处罚信息不再列入（未履行处罚决定的除外），故「未查询到」不等于主体在查询时段内未受过行政处罚。"
    ),
}
"""W-06, W-07."""

_SUMMARY: Final[Mapping[bool, str]] = {
    True: "含适用简易程序作出的行政处罚决定。",
    False: "不含适用简易程序作出的行政处罚决定。",
}

_NOT_LISTED: Final = (
    "以下信息不列入：已依法完成信用修复的；处罚决定已被依法撤销、确认违法或者确认无效的；不予行政处罚决定、行政处罚告知、"
    "立案、责令改正、约谈、协议违约处理等不属于行政处罚的；行政强制、刑事裁判、经营异常名录等互认事项清单未列的。"
)

_NOT_COVERED: Final = (
    "本报告不包括主体的分支机构、子公司、股东、法定代表人及其他人员的记录，也不反映四地以外以及中央有关部门直接作出的记录。"
    "分支机构应以其自身统一社会信用代码另行申请。"
)

_NO_CREDIT_REPORT: Final = "本报告不是中国人民银行征信报告，不含信贷信息，不对主体信用状况作出评价。"

_DECLARATIONS: Final[Mapping[str, str]] = {
    "用途": (
        "经营主体可以选择以本报告替代四地行政机关或相关机构所需的有无违法违规记录证明，法律、法规另有规定的除外。"
        "不得强制要求提供，不得据此作与用途无关的处理。"
    ),
    "责任": (
        "对记录内容有异议的，由注册地信用主管部门牵头处理；本报告所载行政处罚决定的效力以处罚机关的法律文书为准；"
        "对处罚决定不服的，可依法申请行政复议或者提起行政诉讼，异议处理不影响上述权利和期限。"
    ),
    "时效": "本报告反映出具时的信息，不设有效期。接收单位应在使用时核验当前状态。",
    "费用": (
        "本报告免费。查询、下载、核验、异议、信用修复均不收取任何费用，谨防以「代办修复」「消除记录」为名的收费行为。"
    ),
}
"""W-08, W-09, W-10, W-12."""


def scope(reading: Reading) -> Json:
    """第一部分."""
    items: tuple[tuple[str, list[str]], ...] = (
        (_made_by(reading), []),
        (_meant(reading), list(_per_province(reading))),
        (_counted(reading), []),
        (_NOT_LISTED, []),
        (_NOT_COVERED, []),
        (_supply(reading), []),
        (_NO_CREDIT_REPORT, []),
    )
    return {
        "heading": "第一部分　报告说明",
        "items": [{"number": str(number), "text": text, "sub": sub} for number, (text, sub) in enumerate(items, 1)],
        "declarations": [{"heading": heading, "text": text} for heading, text in _DECLARATIONS.items()],
    }


def bases(reading: Reading) -> Iterator[str]:
    """By which basis penalties are listed (W-06, W-07), once for all provinces that use it. Nothing, where none answered."""
    return _grouped(reading, lambda one: _BASES[one.admitted.fragment.disclosure.basis])


def _per_province(reading: Reading) -> Iterator[str]:
    yield from _grouped(reading, lambda one: _SUMMARY[one.admitted.fragment.disclosure.includes_summary_procedure])
    yield from bases(reading)


def _grouped(reading: Reading, said: Callable[[ProvinceReading], str]) -> Iterator[str]:
    """What applies to the penalties of the provinces that answered for any, with the provinces before it."""
    provinces: dict[str, list[str]] = {}
    for one in reading.provinces:
        if any(key[1] == PENALTY and one.cells[key].state in CONCLUSIVE for key in reading.asked):
            provinces.setdefault(said(one), []).append(one.province.name_zh)
    return (f"{'、'.join(names)}：{text}" for text, names in provinces.items())


def _asks(reading: Reading, kind: int) -> bool:
    return any(asked == kind for _, asked in reading.asked)


def _made_by(reading: Reading) -> str:
    return (
        f"本报告依据四地信用主管部门互认安排，由{reading.report.issuer.unit}汇总出具；"
        "各省（市）对本省（市）提供数据的全面性、真实性、准确性负责。"
    )


def _meant(reading: Reading) -> str:
    penalties = "所查领域行政机关及法律、法规授权的组织在四地行政区域内对本主体作出的行政处罚决定"
    lists = "所列严重失信主体名单的列入情况"
    if not _asks(reading, SERIOUS_LIST):
        return f"所称违法违规记录，仅指：{penalties}。"
    if not _asks(reading, PENALTY):
        return f"所称违法违规记录，仅指：{lists}。"
    return f"所称违法违规记录，仅指：（一）{penalties}；（二）{lists}。"


def _counted(reading: Reading) -> str:
    clauses = {
        PENALTY: "行政处罚按作出决定之日落入查询时段计",
        SERIOUS_LIST: "名单按列入状态与查询时段有重叠计",
    }
    return "；".join(clause for kind, clause in clauses.items() if _asks(reading, kind)) + "。"


def _supply(reading: Reading) -> str:
    return f"行政处罚等信息自形成至归集需要一定时间（{_supply_lags(reading)}）。归集时间之前刚作出的决定可能尚未反映。"


def _supply_lags(reading: Reading) -> str:
    """Of each province that states one lag for all that it answers: that lag. For the others: where they stand."""
    clauses = []
    for one in reading.provinces:
        lags = {one.coverage[key].supply_lag_working_days for key in reading.asked if _is_answered(one, key)}
        if len(lags) == 1 and (lag := lags.pop()):
            clauses.append(f"{one.province.name_zh}为{lag}个工作日内")
    if not clauses:
        return "各省（市）见第四部分"
    return "，".join(clauses) + ("" if len(clauses) == len(reading.provinces) else "，其他各省（市）见第四部分")


def _is_answered(one: ProvinceReading, key: tuple[str, int]) -> bool:
    return one.cells[key].state in CONCLUSIVE
