"""What people are told about a batch and its lines, in Chinese and in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contract.errors import ErrorCode
from contract.reasons import Words
from gateway.reports.completion import EndReason
from gateway.store.batches import LineState
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2

LINE_STATES: Final[Mapping[LineState, Words]] = {
    LineState.WAITING: Words("待办理", "waiting"),
    LineState.ASKED: Words("正在办理", "being asked"),
    LineState.OPEN: Words("续办中", "open: the home goes on by itself"),
    LineState.SEALED: Words("已出具", "issued"),
    LineState.FAILED: Words("未出具", "not issued"),
    LineState.CANCELLED: Words("已终止", "given up"),
}

REPORT_STATES: Final[Mapping[int, Words]] = {
    report_status_pb2.REPORT_STATE_VALID: Words("未更新、未作废", "valid"),
    report_status_pb2.REPORT_STATE_SUPERSEDED: Words("信息已更新", "superseded"),
    report_status_pb2.REPORT_STATE_REVOKED: Words("报告已作废", "revoked"),
    report_status_pb2.REPORT_STATE_EXPIRED: Words("超过使用期限", "expired"),
}
"""By the number of huren.report.v1.ReportState."""

GIVEN_UP: Final = Words("批量办理已终止", "the batch was given up")

_ENDS: Final[Mapping[int, Words]] = {
    wire.REQUEST_END_CLOSED_INCOMPLETE: Words("逾期未成，未出具报告", "closed without a report"),
    wire.REQUEST_END_CANCELLED: Words("已按申请人要求终止", "given up by the applicant"),
    wire.REQUEST_END_AUTHORISATION_ENDED: Words("申请资格已终止，未出具报告", "the applicant may not ask any more"),
}

_REASONS: Final[Mapping[str, Words]] = {
    EndReason.NOT_IN_TIME: Words("在办理期限内仍有省（市）未反馈", "a gap was not closed in time"),
    EndReason.NOTHING_CLOSES_IT: Words("有缺口且再次查询无法解决", "there is a gap that nothing will close"),
    ErrorCode.GRANT_REVOKED: Words("授权企业已撤回授权", "the grant was taken back"),
    ErrorCode.GRANT_EXPIRED: Words("授权已到期", "the grant expired"),
    ErrorCode.FOREIGN_HOME: Words("已迁往其他省（市），请向新登记地申请", "moved: ask at the new home"),
    ErrorCode.HOME_OUTSIDE: Words("登记地已不在四地", "not registered in the four provinces any more"),
    ErrorCode.SUBJECT_CANCELLED: Words("主体已注销", "the subject was cancelled"),
    ErrorCode.CATALOGUE_UNKNOWN: Words(
        "申请时的事项清单已不再使用，请重新申请", "its catalogue is not served any more: ask anew"
    ),
}


def end_words(ended: wire.EndedRequest) -> Words:
    """How a request ended without a report, and why."""
    how = _ENDS[ended.end]
    why = _REASONS.get(ended.reason)
    return how if why is None else Words(f"{how.zh}：{why.zh}", f"{how.en}: {why.en}")
