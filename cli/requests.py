"""What a home tells an enterprise, as JSON and as lines of text: how a request stands or ended, where a report stands, notices.

Nothing here holds a verdict about the enterprise: as long as there is no report there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from contract.catalogue import published_catalogues
from contract.days import CHINA, china_day, from_timestamp
from contract.errors import ErrorCode
from contract.province import Province
from contract.reasons import (
    CELL_REASONS,
    CHANGE_CAUSES,
    OUTCOME_REASONS,
    REFUSAL_REASONS,
    REVOCATION_WORDS,
    Words,
    cell_code,
    refusal_code,
)
from contract.wording import KIND_NAMES
from gateway.reports.completion import EndReason
from huren.change.v1 import change_pb2
from huren.common.v1 import common_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2 as status_wire
from runtime.clock import system_clock

_PROGRESS: Final[Mapping[int, Words]] = {
    wire.PROVINCE_PROGRESS_ANSWERED: Words("已反馈", "answered"),
    wire.PROVINCE_PROGRESS_ANSWERED_IN_PART: Words("部分未反馈", "answered in part"),
    wire.PROVINCE_PROGRESS_REFUSED: Words("未受理", "refused"),
    wire.PROVINCE_PROGRESS_UNAVAILABLE: Words("未反馈", "no answer"),
    wire.PROVINCE_PROGRESS_INADMISSIBLE: Words("未采用", "not admitted"),
}

_GAP_KINDS: Final[Mapping[int, Words]] = {
    wire.GAP_KIND_TRANSIENT: Words("登记地将自动再次查询", "the home asks again by itself"),
    wire.GAP_KIND_NEEDS_ORIGIN: Words("须由该省（市）处理", "somebody there has to act"),
    wire.GAP_KIND_FINAL: Words("再次查询无法解决", "asking again will not help"),
}

ENDS: Final[Mapping[int, Words]] = {
    wire.REQUEST_END_CLOSED_INCOMPLETE: Words("逾期未成，未出具报告", "closed without a report"),
    wire.REQUEST_END_CANCELLED: Words("已按申请人要求终止", "given up by the applicant"),
    wire.REQUEST_END_AUTHORISATION_ENDED: Words("申请资格已终止，未出具报告", "the applicant may not ask any more"),
}
"""By the number of huren.report.v1.RequestEnd; SEALED has a report instead of words."""

END_REASONS: Final[Mapping[str, Words]] = {
    EndReason.APPLICANT: Words("申请人终止", "the applicant gave it up"),
    EndReason.NOT_IN_TIME: Words("在办理期限内仍有省（市）未反馈", "a gap was not closed in time"),
    EndReason.NOTHING_CLOSES_IT: Words("有缺口且再次查询无法解决", "there is a gap that nothing will close"),
    ErrorCode.FOREIGN_HOME: Words("已迁往其他省（市），请向新登记地申请", "moved: ask at the new home"),
    ErrorCode.HOME_OUTSIDE: Words("登记地已不在四地", "not registered in the four provinces any more"),
    ErrorCode.SUBJECT_CANCELLED: Words("主体已注销", "the subject was cancelled"),
    ErrorCode.GRANT_REVOKED: Words("授权已撤回", "the grant was taken back"),
    ErrorCode.GRANT_EXPIRED: Words("授权已到期", "the grant expired"),
    ErrorCode.CATALOGUE_UNKNOWN: Words(
        "申请时的事项清单已不再使用，请重新申请", "its catalogue is not served any more: ask anew"
    ),
}
"""By `EndedRequest.reason`. A code that is not here is shown as it is."""

STATES: Final[Mapping[int, Words]] = {
    status_wire.REPORT_STATE_VALID: Words("核验一致，未更新、未作废", "valid"),
    status_wire.REPORT_STATE_SUPERSEDED: Words("信息已更新", "superseded"),
    status_wire.REPORT_STATE_REVOKED: Words("报告已作废", "revoked"),
    status_wire.REPORT_STATE_EXPIRED: Words("超过使用期限", "expired"),
}
"""By the number of huren.report.v1.ReportState."""

_NOTICES: Final[Mapping[int, Words]] = {
    wire.NOTICE_KIND_REPORT_ISSUED: Words("报告已出具", "report issued"),
    wire.NOTICE_KIND_REQUEST_ENDED: Words("申请已办结，未出具报告", "request ended without a report"),
    wire.NOTICE_KIND_REPORT_SUPERSEDED: Words("报告所载信息已更新", "report superseded"),
    wire.NOTICE_KIND_REPORT_REVOKED: Words("报告已作废", "report revoked"),
}


# --- An open request --------------------------------------------------------------------------------------------------


def open_document(opened: wire.OpenRequest) -> dict[str, Any]:
    """An open request as JSON: codes beside words, and no verdict."""
    again = opened.ask_again_after.ToTimedelta().total_seconds() if opened.HasField("ask_again_after") else None
    return {
        "result": "open",
        "request_id": opened.request_id,
        "name": opened.name,
        "accepted_at": _instant(opened, "accepted_at"),
        "completion_until": _instant(opened, "completion_until"),
        "next_attempt_at": _instant(opened, "next_attempt_at"),
        "ask_again_after_s": again,
        "provinces": [_province_document(status) for status in opened.provinces],
    }


def open_lines(opened: wire.OpenRequest) -> Iterator[str]:
    """An open request for a person: that it is no report, who has not answered and why, and what happens next."""
    yield f"办理中，尚不能出具报告。受理编号 {opened.request_id}（非报告编号，不作证明使用）"
    yield "Not yet: no report, and nothing is proven by this."
    for status in opened.provinces:
        yield from _lines(_province_document(status))
    for province in _being_asked(opened):
        yield f"  {province.name_zh}  正在查询 · being asked"
    until = local_time(opened.completion_until)
    yield f"登记地将自动继续办理至{until}，全部反馈后自动出具报告并通知您，无须再次申请。"
    yield "The home goes on by itself until then and issues the report when all have answered: no need to ask again."
    if opened.HasField("next_attempt_at"):
        yield f"最迟于{local_time(opened.next_attempt_at)}再次查询 · asks again by then at the latest"


def progress_line(opened: wire.OpenRequest) -> str:
    """The same in one line, for each change while somebody waits."""
    provinces = [_province_document(status) for status in opened.provinces]
    said = [f"{one['name']}{one['progress']['zh']}{f'（{why}）' if (why := _why(one)) else ''}" for one in provinces]
    if not said:
        return "正在查询 · being asked"
    return "；".join([*said, *(f"{province.name_zh}正在查询" for province in _being_asked(opened))])


def _being_asked(opened: wire.OpenRequest) -> list[Province]:
    """Those of which nothing is known yet: they have not answered in the try that runs."""
    known = {status.province for status in opened.provinces}
    return [province for province in Province if province.wire not in known]


def _why(province: dict[str, Any]) -> str:
    reasons = [province["reason"], *(gap["reason"] for gap in province["gaps"])]
    return "、".join(dict.fromkeys(one["zh"] for one in reasons if one))


def _province_document(status: wire.ProvinceStatus) -> dict[str, Any]:
    progress = wire.ProvinceProgress.Name(status.progress).removeprefix("PROVINCE_PROGRESS_")
    gap_kind = wire.GapKind.Name(status.gap_kind).removeprefix("GAP_KIND_")
    return {
        "province": Province(status.province).slug,
        "name": Province(status.province).name_zh,
        "progress": coded(progress, _PROGRESS.get(status.progress)),
        "reason": _reason(status),
        "gaps": [_gap(gap) for gap in status.gaps],
        "gap_kind": coded(gap_kind, _GAP_KINDS.get(status.gap_kind)) if status.gap_kind else None,
        "attempts": status.attempts,
        "contact": contact_document(status.contact) if status.HasField("contact") else None,
    }


def _reason(status: wire.ProvinceStatus) -> dict[str, str] | None:
    if status.refusal:
        return coded(refusal_code(status.refusal), REFUSAL_REASONS.get(status.refusal))
    return coded(status.reason, OUTCOME_REASONS.get(status.reason)) if status.reason else None


def _gap(gap: wire.CellGap) -> dict[str, Any]:
    return _cell(gap.key) | {"reason": coded(cell_code(gap.reason), CELL_REASONS.get(gap.reason))}


def _cell(key: common_pb2.CellKey) -> dict[str, Any]:
    catalogue = published_catalogues().in_force(china_day(system_clock()))
    domain = catalogue.domain_by_id.get(key.domain)
    return {
        "domain": key.domain,
        "domain_name": domain.name if domain else key.domain,
        "kind": common_pb2.RecordKind.Name(key.kind).removeprefix("RECORD_KIND_"),
        "kind_name": KIND_NAMES.get(key.kind, ""),
    }


def _lines(province: dict[str, Any]) -> Iterator[str]:
    progress, reason, kind, contact = (province[name] for name in ("progress", "reason", "gap_kind", "contact"))
    said = [f"{one['zh']} {one['en']}" for one in (progress, reason) if one]
    yield f"  {province['name']}  {'：'.join(said)}"
    for gap in province["gaps"]:
        yield f"    {gap['domain_name']}（{gap['kind_name']}）：{gap['reason']['zh']} {gap['reason']['en']}"
    if kind:
        yield f"    {kind['zh']} {kind['en']}"
        if contact:
            yield f"    联系 contact: {contact_text(contact)}"


# --- A request that ended ---------------------------------------------------------------------------------------------


def ended_document(ended: wire.EndedRequest) -> dict[str, Any]:
    """A request that ended without a report, as JSON."""
    return {
        "result": "ended",
        "request_id": ended.request_id,
        "end": coded(wire.RequestEnd.Name(ended.end).removeprefix("REQUEST_END_"), ENDS.get(ended.end)),
        "reason": coded(ended.reason, END_REASONS.get(ended.reason)),
        "ended_at": _instant(ended, "ended_at"),
        "provinces": [_province_document(status) for status in ended.provinces],
        "contact": contact_document(ended.contact) if ended.HasField("contact") else None,
    }


def ended_lines(ended: wire.EndedRequest) -> Iterator[str]:
    """The same for a person: how, why, and whom to turn to."""
    document = ended_document(ended)
    end, reason, contact = (document[name] for name in ("end", "reason", "contact"))
    yield f"申请已于{local_time(ended.ended_at)}办结：{end['zh']}。受理编号 {ended.request_id}（非报告编号，不作证明使用）"
    yield f"The request has ended: {end['en']}. Nothing is proven by this."
    if ended.end != wire.REQUEST_END_CANCELLED:  # there the end says it all
        yield f"原因 reason: {reason['zh']} {reason['en']}"
    for province in document["provinces"]:
        yield from _lines(province | {"gap_kind": None})
    if contact:
        yield f"请联系 turn to: {contact_text(contact)}"


# --- A report's standing, notices -------------------------------------------------------------------------------------


def standing_document(standing: status_wire.Standing) -> dict[str, Any]:
    """Where a report stands, with all that led there, as JSON."""
    return {
        "state": _state(standing.state),
        "since": standing.since or None,
        "reasons": [_standing_reason(reason) for reason in standing.reasons],
    }


def standing_lines(standing: status_wire.Standing) -> Iterator[str]:
    """The same for its owner and the home's officers."""
    words = STATES[standing.state]
    since = f"（自{standing.since}）" if standing.since else ""
    yield f"当前状态 {words.zh}{since} · {words.en}"
    for reason in standing.reasons:
        document = _standing_reason(reason)
        why = document["revocation"] or document["cause"] or document["state"]
        where = Province(reason.province).name_zh if reason.province else ""
        cells = "、".join(f"{cell['domain_name']}（{cell['kind_name']}）" for cell in document["cells"])
        yield f"  {reason.day}  {where}{why['zh']} {why['en']}{f'：{cells}' if cells else ''}"
        if reason.state == status_wire.REPORT_STATE_VALID:
            yield "    仅文字更正，不影响结论 words only; the conclusion stays"


def _standing_reason(reason: status_wire.StandingReason) -> dict[str, Any]:
    cause = change_pb2.ChangeCause.Name(reason.cause).removeprefix("CHANGE_CAUSE_")
    return {
        "state": _state(reason.state),
        "day": reason.day,
        "province": Province(reason.province).slug if reason.province else None,
        "cells": [_cell(key) for key in reason.cells],
        "cause": coded(cause, CHANGE_CAUSES.get(reason.cause)) if reason.cause else None,
        "revocation": category_document(reason.revocation) if reason.revocation else None,
    }


def category_document(category: status_wire.RevocationCategory.ValueType) -> dict[str, str]:
    """A category of revocation as code and words."""
    name = status_wire.RevocationCategory.Name(category).removeprefix("REVOCATION_CATEGORY_")
    return coded(name, REVOCATION_WORDS.get(category))


def _state(state: status_wire.ReportState.ValueType) -> dict[str, str]:
    return coded(status_wire.ReportState.Name(state).removeprefix("REPORT_STATE_"), STATES.get(state))


def notice_document(notice: wire.Notice) -> dict[str, Any]:
    """A notice as JSON."""
    kind = wire.NoticeKind.Name(notice.kind).removeprefix("NOTICE_KIND_")
    return {
        "kind": coded(kind, _NOTICES.get(notice.kind)),
        "at": _instant(notice, "at"),
        "request_id": notice.request_id or None,
        "report_number": notice.report_number or None,
    }


def notice_line(notice: wire.Notice) -> str:
    """A notice for a person."""
    words = notice_document(notice)["kind"]
    return f"  {local_time(notice.at)}  {words['zh']} {words['en']}  {notice.report_number or notice.request_id}"


# --- Common -----------------------------------------------------------------------------------------------------------


def coded(code: str, words: Words | None) -> dict[str, str]:
    """A stable code beside its words; a code of a later release stands for itself."""
    return {"code": code, "zh": words.zh if words else code, "en": words.en if words else code}


def contact_document(contact: common_pb2.Contact) -> dict[str, str]:
    """Whom to turn to, as JSON."""
    return {"unit": contact.unit, "telephone": contact.telephone, "url": contact.url}


def contact_text(contact: Mapping[str, str]) -> str:
    """The same in one line."""
    return " ".join(part for part in contact.values() if part)


def local_time(stamp: Timestamp) -> str:
    """An instant as a person in the four provinces reads it: minutes, China time."""
    return f"{from_timestamp(stamp).astimezone(CHINA):%F %H:%M}"


def _instant(message: Any, field: str) -> str | None:
    return from_timestamp(getattr(message, field)).isoformat() if message.HasField(field) else None
