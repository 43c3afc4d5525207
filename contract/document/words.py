"""Words for the values of the contract's enums. A value without words is never printed as any other: the look-up fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import query_pb2, record_pb2

NOT_STATED: Final = "未载明"
"""Where the source says nothing. Never an empty place, which could be taken for an omission of ours."""

MASKED: Final = "（含个人信息，已隐去）"
"""W-19."""

NO_NAME: Final = "（登记名称未取得）"

SUBJECT_KINDS: Final[Mapping[int, str]] = {
    common_pb2.SUBJECT_KIND_ENTERPRISE: "企业",
    common_pb2.SUBJECT_KIND_INDIVIDUAL_BUSINESS: "个体工商户",
    common_pb2.SUBJECT_KIND_FARMERS_COOPERATIVE: "农民专业合作社",
    common_pb2.SUBJECT_KIND_BRANCH: "分支机构",
}

REGISTRATION_STATUSES: Final[Mapping[int, str]] = {
    common_pb2.REGISTRATION_STATUS_ACTIVE: "存续",
    common_pb2.REGISTRATION_STATUS_LICENCE_REVOKED: "吊销，未注销",
    common_pb2.REGISTRATION_STATUS_CANCELLED: "注销",
    common_pb2.REGISTRATION_STATUS_UNKNOWN: "未取得",
}

HOME_BASES: Final[Mapping[int, str]] = {
    common_pb2.HOME_BASIS_REGISTRY: "",
    common_pb2.HOME_BASIS_CODE_DIGITS: "（登记信息未取得，按统一社会信用代码推定）",
}

PURPOSES: Final[Mapping[int, str]] = {
    query_pb2.PURPOSE_NOT_STATED: "",
    query_pb2.PURPOSE_LISTING: "上市",
    query_pb2.PURPOSE_FINANCING: "融资",
    query_pb2.PURPOSE_TENDER: "招投标",
    query_pb2.PURPOSE_ADMINISTRATIVE_APPROVAL: "行政审批",
    query_pb2.PURPOSE_AWARD: "评优",
    query_pb2.PURPOSE_OFFICIAL_DUTY: "履职查询",
    query_pb2.PURPOSE_OTHER: "其他",
}

PROCEDURES: Final[Mapping[int, str]] = {
    record_pb2.PROCEDURE_ORDINARY: "普通程序",
    record_pb2.PROCEDURE_SUMMARY: "简易程序",
    record_pb2.PROCEDURE_NOT_STATED: NOT_STATED,
}

CATEGORIES: Final[Mapping[int, str]] = {
    record_pb2.PENALTY_CATEGORY_WARNING: "警告",
    record_pb2.PENALTY_CATEGORY_PUBLIC_CRITICISM: "通报批评",
    record_pb2.PENALTY_CATEGORY_FINE: "罚款",
    record_pb2.PENALTY_CATEGORY_CONFISCATE_GAINS: "没收违法所得",
    record_pb2.PENALTY_CATEGORY_CONFISCATE_PROPERTY: "没收非法财物",
    record_pb2.PENALTY_CATEGORY_SUSPEND_LICENCE: "暂扣许可证件",
    record_pb2.PENALTY_CATEGORY_DOWNGRADE_QUALIFICATION: "降低资质等级",
    record_pb2.PENALTY_CATEGORY_REVOKE_LICENCE: "吊销许可证件",
    record_pb2.PENALTY_CATEGORY_RESTRICT_OPERATIONS: "限制开展生产经营活动",
    record_pb2.PENALTY_CATEGORY_SUSPEND_BUSINESS: "责令停产停业",
    record_pb2.PENALTY_CATEGORY_ORDER_CLOSURE: "责令关闭",
    record_pb2.PENALTY_CATEGORY_RESTRICT_PRACTICE: "限制从业",
    record_pb2.PENALTY_CATEGORY_DETENTION: "行政拘留",
    record_pb2.PENALTY_CATEGORY_OTHER: "法律、行政法规规定的其他行政处罚",
}
"""行政处罚法 (2021), article 9."""

AMOUNTS: Final[Mapping[int, tuple[str, str]]] = {
    record_pb2.AMOUNT_KIND_FINE: ("罚款金额", ""),
    record_pb2.AMOUNT_KIND_CONFISCATION: ("没收金额", ""),
    record_pb2.AMOUNT_KIND_COMBINED: ("罚没合计金额", "（罚款与没收未分列）"),
}
"""Label of an amount, and what to say about it."""

MASKINGS: Final[Mapping[int, str]] = {
    record_pb2.MASKING_NONE: "",
    record_pb2.MASKING_PARTIAL: MASKED,
    record_pb2.MASKING_WITHHELD: MASKED,
}

PERFORMANCES: Final[Mapping[int, str]] = {
    record_pb2.PERFORMANCE_STATE_NOT_STATED: "未见履行信息",
    record_pb2.PERFORMANCE_STATE_PERFORMED: "已履行",
    record_pb2.PERFORMANCE_STATE_PARTLY_PERFORMED: "部分履行",
    record_pb2.PERFORMANCE_STATE_NOT_PERFORMED: "未履行",
}
"""W-15. 未履行 stands only where the organ itself says so; silence is 未见履行信息."""

MARKS: Final[Mapping[int, str]] = {
    record_pb2.MARK_KIND_PUBLICITY_ENDED: "公示期已于{on}届满",
    record_pb2.MARK_KIND_UNDER_OBJECTION: "本条正在异议处理中（{on}受理），处理期间不代表记录错误或属实",
    record_pb2.MARK_KIND_PERIOD_ENDED_NOT_REMOVED: "管理期限已届满，未见移出信息（{on}届满）",
    record_pb2.MARK_KIND_DECISION_CHANGED: "原决定{former}于{on}变更，现以{present}为准",
}
"""W-13, W-14, T56, W-18."""

SUITES: Final[Mapping[int, str]] = {
    envelope_pb2.SUITE_ED25519: "Ed25519（RFC 8032）",
    envelope_pb2.SUITE_SM2_SM3: "SM2、SM3（GB/T 32918、GB/T 32905）",
}
