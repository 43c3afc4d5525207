"""The progress sheet (办理进度单) of a request that has not come to a report.

It tells who has answered and who has not, and for what reason. It says nothing about what was found: no verdict, no cell, no
record, and it has no report number, no QR code and no seal. So that nobody takes it for a report, every page says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contract.days import CHINA, from_timestamp
from contract.province import Province
from contract.reasons import CELL_REASONS, OUTCOME_REASONS, REFUSAL_REASONS
from gateway.render.fonts import Printable, outlined
from gateway.render.typesetter import typeset
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import report_service_pb2 as service

TITLE: Final = "互认版报告办理进度单"
WATERMARK: Final = "办理进度 · 不作证明使用"
PROVES_NOTHING: Final = "本单仅说明办理进度，不反映查询结果，不作证明使用。"

_ANSWERED: Final = "已反馈"
_PENDING: Final = "待反馈"
_NO_REASON: Final = "未载明"
_BEING_ASKED: Final = "正在查询"
"""While a try runs only those that have answered are known; nobody else is left out."""

_IN_PART: Final = "部分事项未反馈"
_TELLABLE: Final = frozenset(
    {
        fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT,
        fragment_pb2.UNAVAILABLE_REASON_STALE,
        fragment_pb2.UNAVAILABLE_REASON_MAINTENANCE,
    }
)
"""Reasons that hold for everybody. The others come of rows that may be the subject's, and a sheet is handed on: not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a progress sheet says; made by `sheet_of`.

    Attributes:
        accepted_at: 受理时间: the date of the document.
        facts: Label and value.
        state: How the request stands, in a sentence.
        provinces: Province, 已反馈 or 待反馈, the reason.
        next: What comes then.
        specimen: The line of a specimen; empty in production.
    """

    accepted_at: datetime
    facts: tuple[tuple[str, str], ...]
    state: str
    provinces: tuple[tuple[str, str, str], ...]
    next: str
    specimen: str


def sheet_of(request: service.OpenRequest, *, contact: common_pb2.Contact, specimen: str) -> Sheet:
    """The sheet of an open request.

    Args:
        request: The request as it stands.
        contact: Whom to turn to at the home.
        specimen: The line of a specimen; empty in production.
    """
    accepted_at = from_timestamp(request.accepted_at)
    known = {status.province: status for status in request.provinces}
    rows = tuple(
        _row(known[province.wire]) if province.wire in known else (province.name_zh, _PENDING, _BEING_ASKED)
        for province in Province
    )
    answered = [name for name, state, _ in rows if state == _ANSWERED]
    pending = [f"{name}（{reason}）" for name, state, reason in rows if state == _PENDING]
    until = f"{from_timestamp(request.completion_until).astimezone(CHINA):%Y-%m-%d %H:%M}"
    whom = "，".join(part for part in (contact.unit, contact.telephone, contact.url) if part)
    return Sheet(
        accepted_at=accepted_at,
        facts=(
            ("受理编号", f"{request.request_id}（非报告编号）"),
            ("受理时间", f"{accepted_at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}（北京时间）"),
            ("主体", request.name or "登记名称未取得"),
        ),
        state=(
            f"您的查询正在办理。已反馈：{'、'.join(answered) or '无'}；待反馈：{'、'.join(pending) or '无'}。"
            f"系统将继续查询至{until}（北京时间）。"
        ),
        provinces=rows,
        next=f"全部反馈后将自动出具报告并通知您；逾期未成的，请联系{whom}。",
        specimen=specimen,
    )


def render_sheet(sheet: Sheet) -> bytes:
    """A progress sheet as PDF, made here and now. Programs that serve others use `ReportPages`.

    Raises:
        PagesError: It could not be made.
    """
    printable = Printable()
    data = {
        "title": TITLE,
        "proves_nothing": PROVES_NOTHING,
        "facts": [{"label": label, "value": value, "note": ""} for label, value in printable.value(sheet.facts)],
        "state": printable.text(sheet.state),
        "columns": ["省（市）", "进度", "原因"],
        "provinces": printable.value(sheet.provinces),
        "next": printable.text(sheet.next),
        "specimen": sheet.specimen,
        "numbering": "第{page}页／共{pages}页",
        "watermark": outlined(WATERMARK),
    }
    return typeset("sheet", data, dated=sheet.accepted_at)


def _row(status: service.ProvinceStatus) -> tuple[str, str, str]:
    name = Province(status.province).name_zh
    if status.progress == service.PROVINCE_PROGRESS_ANSWERED:
        return name, _ANSWERED, ""
    return name, _PENDING, "、".join(dict.fromkeys(_reasons(status))) or _NO_REASON


def _reasons(status: service.ProvinceStatus) -> Iterable[str]:
    """In words. Not which domains: that would tell a reader where to look."""
    if status.refusal:
        yield REFUSAL_REASONS[status.refusal].zh if status.refusal in REFUSAL_REASONS else _NO_REASON
    elif status.gaps:
        for gap in status.gaps:
            yield CELL_REASONS[gap.reason].zh if gap.reason in _TELLABLE else _IN_PART
    elif status.reason:
        yield OUTCOME_REASONS[status.reason].zh if status.reason in OUTCOME_REASONS else _NO_REASON
