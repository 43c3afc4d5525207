"""Words for values that stand on more than one page. What is printed or downloaded has its words in contract/."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.document import words as printed
from contract.reasons import Words
from contract.wording import KIND_NAMES
from gateway.domain.persons import MandateScope
from gateway.domain.request import RequestState
from gateway.identity.acting import Capacity
from gateway.mandates.rules import Standing
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2 as statuses

CAPACITIES: Final[Mapping[Capacity, Words]] = {
    Capacity.LEGAL_REPRESENTATIVE: Words("法定代表人", "Legal representative"),
    Capacity.AGENT: Words("经办人", "Agent"),
    Capacity.WINDOW: Words("窗口代办", "At the window, on a paper mandate"),
}
"""As what a person acts for an enterprise."""

REPORT_STATES: Final[Mapping[int, Words]] = {
    statuses.REPORT_STATE_VALID: Words("未见更新", "No update known"),
    statuses.REPORT_STATE_SUPERSEDED: Words("信息已更新", "Facts have changed"),
    statuses.REPORT_STATE_REVOKED: Words("报告已作废", "Taken back"),
    statuses.REPORT_STATE_EXPIRED: Words("超过使用期限", "Past its time of use"),
}
"""Where a report stands, for whom it was issued to. By the number of huren.report.v1.ReportState."""

NOTICES: Final[Mapping[int, Words]] = {
    wire.NOTICE_KIND_REPORT_ISSUED: Words("报告已出具", "The report was issued"),
    wire.NOTICE_KIND_REQUEST_ENDED: Words("申请已办结，未出具报告", "The request ended without a report"),
    wire.NOTICE_KIND_REPORT_SUPERSEDED: Words("报告所载信息已更新", "Facts in a report have changed"),
    wire.NOTICE_KIND_REPORT_REVOKED: Words("报告已作废", "A report was taken back"),
}
"""What the home told. By the number of huren.report.v1.NoticeKind."""

MANDATE_SCOPES: Final[Mapping[MandateScope, Words]] = {
    MandateScope.REPORT: Words("申请和查看报告", "Ask for reports and read them"),
    MandateScope.GRANT: Words("准备授权书和撤回授权", "Prepare consent, and take it back"),
    MandateScope.LOOK_UPS: Words("查看谁查询过本企业", "See who looked the enterprise up"),
}
"""What an agent may do for an enterprise."""

MANDATE_STANDINGS: Final[Mapping[Standing, Words]] = {
    Standing.ASKED: Words("待确认", "Waits to be confirmed"),
    Standing.LAPSED: Words("逾期未确认", "Not confirmed in time"),
    Standing.IN_FORCE: Words("授权中", "In force"),
    Standing.EXPIRED: Words("已到期", "Expired"),
    Standing.ENDED: Words("已终止", "Ended"),
}
"""Where the mandate of an agent stands."""

RECORD_KINDS: Final[Mapping[int, Words]] = {
    PENALTY: Words(KIND_NAMES[PENALTY], "Administrative penalties"),
    SERIOUS_LIST: Words(KIND_NAMES[SERIOUS_LIST], "Lists of serious dishonesty"),
}
"""Kinds of record, by the numbers of huren.common.v1.RecordKind."""

MATRIX_EN: Final[Mapping[str, str]] = {
    "未查询到": "None found",
    "n条": "n",
    "n条*": "n*",
    "未纳入": "Not covered",
    "有未纳入": "Partly covered",
    "——": "—",
    "未选": "Not asked",
}
"""The words of the report's tables (contract/document/overview.py) in English, for narrow cells."""

LEGEND_EN: Final[Mapping[str, str]] = {
    "未查询到": "in the period nothing was found that the report lists; up to when data had been supplied stands below",
    "n条": "n records were found; they stand below",
    "n条*": "n records were found, and an objection to each is being dealt with",
    "未纳入": "not covered by this province: the report says nothing about it",
    "有未纳入": "in totals only: some of it is not covered; in the rest nothing was found",
    "——": "the domain has no records of this kind",
    "未选": "the applicant did not ask",
}
"""What they mean."""

PURPOSES: Final[Mapping[int, Words]] = {
    query_pb2.PURPOSE_NOT_STATED: Words("未说明", "Not stated"),
    query_pb2.PURPOSE_LISTING: Words("上市", "Listing"),
    query_pb2.PURPOSE_FINANCING: Words("融资", "Financing"),
    query_pb2.PURPOSE_TENDER: Words("招投标", "Tender"),
    query_pb2.PURPOSE_ADMINISTRATIVE_APPROVAL: Words("行政审批", "Administrative approval"),
    query_pb2.PURPOSE_AWARD: Words("评优", "Award"),
    query_pb2.PURPOSE_OFFICIAL_DUTY: Words("履职查询", "Official duty"),
    query_pb2.PURPOSE_OTHER: Words("其他", "Other"),
}
"""For what a report is asked for. By the number of huren.fragment.v1.Purpose."""

REQUEST_STATES: Final[Mapping[RequestState, Words]] = {
    RequestState.OPEN: Words("办理中", "Under way"),
    RequestState.SEALED: Words("已出具报告", "The report was issued"),
    RequestState.CLOSED_INCOMPLETE: Words("已办结，未出具报告", "Ended without a report"),
    RequestState.CANCELLED: Words("已撤回申请", "Withdrawn"),
    RequestState.AUTHORISATION_ENDED: Words("授权已终止，未出具报告", "Ended: the authorisation is over"),
}
"""How a request stands."""

SUBJECT_KIND_WORDS: Final[Mapping[int, Words]] = {
    number: Words(printed.SUBJECT_KINDS[number], en)
    for number, en in {
        common_pb2.SUBJECT_KIND_ENTERPRISE: "Enterprise",
        common_pb2.SUBJECT_KIND_INDIVIDUAL_BUSINESS: "Individual business",
        common_pb2.SUBJECT_KIND_FARMERS_COOPERATIVE: "Farmers' cooperative",
        common_pb2.SUBJECT_KIND_BRANCH: "Branch",
    }.items()
}
"""主体类型. By the number of huren.common.v1.SubjectKind."""

REGISTRATION_STATUS_WORDS: Final[Mapping[int, Words]] = {
    number: Words(printed.REGISTRATION_STATUSES[number], en)
    for number, en in {
        common_pb2.REGISTRATION_STATUS_ACTIVE: "Registered",
        common_pb2.REGISTRATION_STATUS_LICENCE_REVOKED: "Licence revoked, not cancelled",
        common_pb2.REGISTRATION_STATUS_CANCELLED: "Cancelled",
        common_pb2.REGISTRATION_STATUS_UNKNOWN: "Not known",
    }.items()
}
"""登记状态. By the number of huren.common.v1.RegistrationStatus."""
