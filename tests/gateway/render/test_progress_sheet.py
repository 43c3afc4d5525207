"""The progress sheet: how a request stands, and nothing about what was found."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from contract.province import Province
from contract.wording import SPECIMEN
from gateway.render.pages import ReportPages
from gateway.render.sheet import PROVES_NOTHING, TITLE, render_sheet, sheet_of
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, refusal_pb2
from huren.report.v1 import report_service_pb2 as service
from tests.support.pages import opened, texts

ACCEPTED = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
CONTACT = common_pb2.Contact(unit="示例单位（演示）", telephone="（演示）010-0000-0000")
BEIJING, TIANJIN, HEBEI, SHANXI = (province.wire for province in Province)


def _open() -> service.OpenRequest:
    request = service.OpenRequest(request_id="0f" * 16, name="示例㙍𠮷有限公司")
    request.accepted_at.FromDatetime(ACCEPTED)
    request.completion_until.FromDatetime(ACCEPTED + timedelta(days=10))
    request.provinces.add(province=BEIJING, progress=service.PROVINCE_PROGRESS_ANSWERED)
    part = request.provinces.add(province=TIANJIN, progress=service.PROVINCE_PROGRESS_ANSWERED_IN_PART)
    part.gaps.add(reason=fragment_pb2.UNAVAILABLE_REASON_STALE)
    part.gaps.add(reason=fragment_pb2.UNAVAILABLE_REASON_STALE)
    request.provinces.add(province=HEBEI, progress=service.PROVINCE_PROGRESS_UNAVAILABLE, reason="NOT_REACHABLE")
    request.provinces.add(
        province=SHANXI,
        progress=service.PROVINCE_PROGRESS_REFUSED,
        refusal=refusal_pb2.REFUSAL_REASON_OVERLOADED,
    )
    return request


def test_it_says_who_has_answered_and_who_has_not_and_why() -> None:
    (text,) = texts(render_sheet(sheet_of(_open(), contact=CONTACT, specimen=SPECIMEN)))
    for part in (
        TITLE,
        "受理编号" + "0f" * 16 + "（非报告编号）",
        "受理时间2026-11-2210:30:00（北京时间）",
        "示例㙍〔U+20BB7〕有限公司",
        "已反馈：北京市；待反馈：天津市（数据未按时更新）、河北省（无法连接）、山西省（当前办理量过大）",
        "继续查询至2026-12-0210:30（北京时间）",
        "河北省待反馈无法连接",
        "请联系示例单位（演示），（演示）010-0000-0000。",
        "".join(SPECIMEN.split()),
    ):
        assert part in text
    assert text.count(PROVES_NOTHING) == 2


def test_whoever_has_not_answered_yet_is_pending_and_not_left_out() -> None:
    request = _open()
    del request.provinces[1:]
    (text,) = texts(render_sheet(sheet_of(request, contact=CONTACT, specimen="")))
    assert "已反馈：北京市；待反馈：天津市（正在查询）、河北省（正在查询）、山西省（正在查询）" in text


def test_it_has_no_verdict_no_report_number_no_qr_code_and_nothing_to_seal() -> None:
    pdf = render_sheet(sheet_of(_open(), contact=CONTACT, specimen=SPECIMEN))
    reader = opened(pdf)
    (text,) = texts(pdf)
    assert not re.search(r"HR\d|报告编号(?!）)|未查询到|\d条|未纳入|核验|结论|印章|演示章", text)
    assert not dict(reader.attachments)
    assert all(not page.images for page in reader.pages)
    assert all("/Pattern" in page["/Resources"] for page in reader.pages)  # the watermark


@pytest.mark.parametrize(
    "reason",
    [
        fragment_pb2.UNAVAILABLE_REASON_UNREADABLE,
        fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT,
        fragment_pb2.UNAVAILABLE_REASON_UNATTRIBUTABLE_ROWS,
        fragment_pb2.UNAVAILABLE_REASON_CORRECTION_CONTRADICTED,
        99,
    ],
)
def test_it_does_not_hint_at_records(reason: fragment_pb2.UnavailableReason.ValueType) -> None:
    request = _open()
    request.provinces[1].gaps[0].reason = reason
    sheet = sheet_of(request, contact=CONTACT, specimen="")
    assert sheet.provinces[1] == ("天津市", "待反馈", "部分事项未反馈、数据未按时更新")


def test_a_reason_of_a_later_release_is_not_guessed() -> None:
    request = _open()
    request.provinces[2].reason = "SOMETHING_NEW"
    assert sheet_of(request, contact=CONTACT, specimen="").provinces[2] == ("河北省", "待反馈", "未载明")


def test_in_production_nothing_of_a_specimen_is_said() -> None:
    (text,) = texts(render_sheet(sheet_of(_open(), contact=CONTACT, specimen="")))
    assert "样张" not in text


async def test_another_process_makes_the_same_bytes() -> None:
    sheet = sheet_of(_open(), contact=CONTACT, specimen=SPECIMEN)
    assert await ReportPages().sheet(sheet) == render_sheet(sheet)
