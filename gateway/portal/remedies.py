"""这条记录怎么办: what can be done about a record of a report, by what it is.

Four ways, in the order in which people ask for them: an update, an objection, repair, and the remedies against the decision itself.
Nothing is filed here: each way says whom to turn to. When a record can be repaired at the earliest is not said: it follows from a
class of failing that no record carries.

Entries that courts make are not repaired: whatever is to be done about them the enforcing court does.

Source: 信用修复管理办法 (国家发展改革委令第36号), articles 3 and 4; 国办发〔2025〕22号；行政处罚法, articles 7 and 73;
最高人民法院关于公布失信被执行人名单信息的若干规定
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from contract.reasons import Words
from huren.fragment.v1 import record_pb2

_COURT_DOMAIN: Final = "court_enforcement"
_MARKET_DOMAIN: Final = "market_regulation"


class Turn(Enum):
    """To whom."""

    HOME = "home"
    """登记地信用主管部门, which leads."""
    DECIDER = "decider"
    """Whoever made the decision, as the record names it."""
    COURT = "court"
    """The enforcing court, as the record names it."""
    NOBODY = "nobody"
    """Nothing is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One way.

    Attributes:
        case: When it is the right one.
        words: What to do.
        turn: Whom to turn to.
    """

    case: Words
    words: Words
    turn: Turn


class RepairChannel(Enum):
    """Where repair is applied for: 谁认定、谁修复, and 信用中国 is the single window."""

    CREDIT_CHINA = "xyzg"
    MARKET = "gsxt"
    DEPARTMENT = "department"
    COURT = "court"


def repair_channel(domain: str, record: record_pb2.Record) -> RepairChannel:
    """Where repair of a record is applied for."""
    if domain == _COURT_DOMAIN:
        return RepairChannel.COURT
    if domain == _MARKET_DOMAIN:
        return RepairChannel.MARKET
    return RepairChannel.CREDIT_CHINA if _is_penalty(record) else RepairChannel.DEPARTMENT


def remedies(domain: str, record: record_pb2.Record) -> tuple[Remedy, ...]:
    """The ways for a record, in order."""
    if repair_channel(domain, record) is RepairChannel.COURT:
        return _COURT_WAYS
    return tuple(_ways(domain, record))


def decider_of(record: record_pb2.Record) -> str:
    """Who made the decision, as the record names it."""
    return record.penalty.authority.name if _is_penalty(record) else record.list_entry.authority.name


def _ways(domain: str, record: record_pb2.Record) -> Iterator[Remedy]:
    performed = _performance(record).state == record_pb2.PERFORMANCE_STATE_PERFORMED
    is_penalty = _is_penalty(record)
    if is_penalty:
        yield _SHOWN_AS_PERFORMED if performed else _PAID
    else:
        yield _SHOWN_AS_LEFT if record.list_entry.removed_on else _LEFT
    yield _UNDER_OBJECTION if _is_objected(record) else _WRONG
    if is_penalty or not record.list_entry.removed_on:
        yield Remedy(case=_REPAIR_CASE, words=_REPAIR[repair_channel(domain, record)], turn=Turn.DECIDER)
    yield _AGAINST_PENALTY if is_penalty else _AGAINST_LISTING


def _is_penalty(record: record_pb2.Record) -> bool:
    return record.WhichOneof("fact") == "penalty"


def _performance(record: record_pb2.Record) -> record_pb2.Performance:
    return record.penalty.performance if _is_penalty(record) else record.list_entry.performance


def _is_objected(record: record_pb2.Record) -> bool:
    return any(mark.kind == record_pb2.MARK_KIND_UNDER_OBJECTION for mark in record.marks)


# --- What is said -------------------------------------------------------------------------------------------------------

_PAID_CASE: Final = Words("已缴罚款或者已履行，但没有显示", "Paid or performed, and it is not shown")
_PAID: Final = Remedy(
    case=_PAID_CASE,
    words=Words("申请更新，附缴款或者履行的凭证。", "Ask for an update, with proof that it was paid or performed."),
    turn=Turn.HOME,
)
_SHOWN_AS_PERFORMED: Final = Remedy(
    case=_PAID_CASE,
    words=Words("本条已显示为「已履行」，不用办理。", "This record shows it as performed: nothing is to be done."),
    turn=Turn.NOBODY,
)
_LEFT_CASE: Final = Words("已移出名单或者已履行，但没有显示", "Off the list, or performed, and it is not shown")
_LEFT: Final = Remedy(
    case=_LEFT_CASE,
    words=Words(
        "申请更新，附移出决定或者履行的凭证。",
        "Ask for an update, with the decision of removal or proof of performance.",
    ),
    turn=Turn.HOME,
)
_SHOWN_AS_LEFT: Final = Remedy(
    case=_LEFT_CASE,
    words=Words("本条已显示移出日期，不用办理。", "This record shows when it left the list: nothing is to be done."),
    turn=Turn.NOBODY,
)
_WRONG_CASE: Final = Words("内容有误", "Something in it is wrong")
_WRONG: Final = Remedy(
    case=_WRONG_CASE,
    words=Words(
        "主体、金额、日期、事实有误，或者依法不应当公开的，提出异议。由登记地信用主管部门牵头，向来源单位核查后书面答复。",
        "Wrong subject, amount, day or fact, or not to be public by law: object. The home leads, checks with the source, and "
        "answers in writing.",
    ),
    turn=Turn.HOME,
)
_UNDER_OBJECTION: Final = Remedy(
    case=_WRONG_CASE,
    words=Words(
        "本条正在异议处理中，以处理结果为准，不用重复提出。",
        "An objection is being dealt with: wait for its result, and do not object again.",
    ),
    turn=Turn.HOME,
)
_REPAIR_CASE: Final = Words("符合条件，想信用修复", "To have it repaired, where the conditions are met")
_REPAIR_DAY: Final = Words(
    "最早哪一天可以申请，由认定单位按失信类别确定，本系统没有可以引用的规定，请向受理单位询问。",
    "From which day on is for the deciding authority to say; this system has no rule to quote. Ask there.",
)


def _repair(zh: str, en: str) -> Words:
    return Words(zh + _REPAIR_DAY.zh, f"{en} {_REPAIR_DAY.en}")


_REPAIR: Final = {
    RepairChannel.CREDIT_CHINA: _repair(
        "在「信用中国」网站申请，由作出处罚的机关办理。",
        "Apply on the site Credit China; the punishing authority decides.",
    ),
    RepairChannel.MARKET: _repair(
        "市场监管部门认定的，通过国家企业信用信息公示系统申请；其他部门认定的，在「信用中国」网站申请。",
        "By market regulation: apply in the national enterprise credit publicity system. By others: on the site Credit China.",
    ),
    RepairChannel.DEPARTMENT: _repair(
        "谁认定、谁修复：向作出列入决定的机关申请，也可以在「信用中国」网站提交。",
        "Whoever listed it repairs it: apply there, or on the site Credit China.",
    ),
}
_AGAINST_PENALTY: Final = Remedy(
    case=Words("不服处罚决定本身", "Against the decision itself"),
    words=Words(
        "按决定书载明的途径和期限，申请行政复议或者提起行政诉讼。提出异议不影响这些权利，也不延长期限。",
        "Review or a lawsuit, as the decision says and within the time that it gives. An objection changes neither.",
    ),
    turn=Turn.DECIDER,
)
_AGAINST_LISTING: Final = Remedy(
    case=Words("不服列入决定本身", "Against the listing itself"),
    words=_AGAINST_PENALTY.words,
    turn=Turn.DECIDER,
)
_COURT_WAYS: Final = (
    Remedy(
        case=Words("已履行，但没有显示", "Performed, and it is not shown"),
        words=Words("向执行法院申请，附履行的凭证。", "Turn to the enforcing court, with proof of performance."),
        turn=Turn.COURT,
    ),
    Remedy(
        case=_WRONG_CASE,
        words=Words(
            "向执行法院申请纠正。法院更正后，新出具的报告随之更新。",
            "Ask the enforcing court to correct it. Reports made afterwards follow.",
        ),
        turn=Turn.COURT,
    ),
    Remedy(
        case=Words("想提前移出", "To have it deleted"),
        words=Words(
            "由执行法院依法决定是否删除。本类信息不适用信用修复，信用主管部门和任何机构都不能代为办理。",
            "The enforcing court decides by law. Such entries are not repaired, by no authority and by nobody for money.",
        ),
        turn=Turn.COURT,
    ),
)
