"""What `huren report` and `huren office` say: words for every value, no verdict without a report, and usage that is checked."""

from __future__ import annotations

from datetime import date

import pytest
from typer.testing import CliRunner

from cli import requests
from cli.layout import Layout
from cli.main import _CATEGORIES, app
from cli.office import revocation_document
from cli.provinces import start, stop
from cli.report import grouped
from contract import report_number
from contract.days import to_timestamp
from contract.province import Province
from contract.reasons import CHANGE_CAUSES, REVOCATION_WORDS
from gateway.reports.completion import EndReason
from huren.change.v1 import change_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from huren.office.v1 import office_service_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2 as status_wire
from tests.support.federation import NOW, SUBJECT_CODE

NUMBER = report_number.make(Province.HEBEI, date(2026, 11, 22), 7)
CELL = common_pb2.CellKey(domain="taxation", kind=common_pb2.RECORD_KIND_PENALTY)
CONTACT = common_pb2.Contact(unit="河北示例单位", telephone="000")


def test_every_value_that_a_home_tells_has_words() -> None:
    assert set(requests.ENDS) == set(wire.RequestEnd.values()) - {0, wire.REQUEST_END_SEALED}
    assert set(EndReason) <= set(requests.END_REASONS)
    assert set(requests.STATES) == set(status_wire.ReportState.values()) - {0}
    assert set(CHANGE_CAUSES) == set(change_pb2.ChangeCause.values()) - {0}
    assert set(requests._NOTICES) == set(wire.NoticeKind.values()) - {0}
    assert len(_CATEGORIES) == len(REVOCATION_WORDS)


def test_progress_is_one_line_with_the_reasons_and_without_a_verdict() -> None:
    gap = wire.CellGap(key=CELL, reason=fragment_pb2.UNAVAILABLE_REASON_STALE)
    opened = wire.OpenRequest(
        request_id="ab" * 16,
        provinces=[
            wire.ProvinceStatus(province=Province.BEIJING.wire, progress=wire.PROVINCE_PROGRESS_ANSWERED),
            wire.ProvinceStatus(
                province=Province.TIANJIN.wire, progress=wire.PROVINCE_PROGRESS_ANSWERED_IN_PART, gaps=[gap, gap]
            ),
            wire.ProvinceStatus(
                province=Province.HEBEI.wire, progress=wire.PROVINCE_PROGRESS_UNAVAILABLE, reason="NOT_REACHABLE"
            ),
        ],
    )
    line = requests.progress_line(opened)
    assert line == "北京市已反馈；天津市部分未反馈（数据未按时更新）；河北省未反馈（无法连接）；山西省正在查询"
    assert requests.progress_line(wire.OpenRequest()) == "正在查询 · being asked"


def test_an_open_request_says_until_when_the_home_goes_on() -> None:
    opened = wire.OpenRequest(request_id="ab" * 16, completion_until=to_timestamp(NOW))
    said = "\n".join(requests.open_lines(opened))
    assert f"登记地将自动继续办理至{requests.local_time(to_timestamp(NOW))}" in said
    assert "无须再次申请" in said
    assert requests.open_document(opened)["completion_until"] == NOW.isoformat()
    assert requests.open_document(opened)["next_attempt_at"] is None


def test_an_ended_request_says_how_and_why_and_whom_to_turn_to() -> None:
    ended = wire.EndedRequest(
        request_id="ab" * 16,
        end=wire.REQUEST_END_CLOSED_INCOMPLETE,
        reason=EndReason.NOT_IN_TIME,
        ended_at=to_timestamp(NOW),
        provinces=[
            wire.ProvinceStatus(
                province=Province.HEBEI.wire,
                progress=wire.PROVINCE_PROGRESS_UNAVAILABLE,
                reason="NOT_REACHABLE",
                gap_kind=wire.GAP_KIND_TRANSIENT,
            )
        ],
        contact=CONTACT,
    )
    document = requests.ended_document(ended)
    assert (document["result"], document["end"]["code"], document["reason"]["code"]) == (
        "ended",
        "CLOSED_INCOMPLETE",
        "NOT_IN_TIME",
    )
    said = "\n".join(requests.ended_lines(ended))
    assert "逾期未成，未出具报告" in said
    assert "在办理期限内仍有省（市）未反馈" in said
    assert "河北省  未反馈 no answer：无法连接 not reachable" in said
    assert "请联系 turn to: 河北示例单位 000" in said
    assert "自动" not in said  # nobody goes on with it


def test_a_reason_of_a_later_release_stands_for_itself() -> None:
    ended = wire.EndedRequest(end=wire.REQUEST_END_CANCELLED, reason="LATER", ended_at=to_timestamp(NOW))
    assert requests.ended_document(ended)["reason"] == dict.fromkeys(("code", "zh", "en"), "LATER")


def test_the_owner_reads_which_cell_and_why_a_report_is_superseded() -> None:
    standing = status_wire.Standing(
        state=status_wire.REPORT_STATE_SUPERSEDED,
        since="2026-11-20",
        reasons=[
            status_wire.StandingReason(
                state=status_wire.REPORT_STATE_VALID,
                day="2026-11-19",
                province=Province.BEIJING.wire,
                cells=[CELL],
                cause=change_pb2.CHANGE_CAUSE_CORRECTED,
            ),
            status_wire.StandingReason(
                state=status_wire.REPORT_STATE_SUPERSEDED,
                day="2026-11-20",
                province=Province.TIANJIN.wire,
                cells=[CELL],
                cause=change_pb2.CHANGE_CAUSE_ARRIVED,
            ),
        ],
    )
    lines = list(requests.standing_lines(standing))
    assert lines[0] == "当前状态 信息已更新（自2026-11-20） · superseded"
    assert lines[1] == "  2026-11-19  北京市记录已更正 a record was corrected：税务（行政处罚）"
    assert "不影响结论" in lines[2]
    assert lines[3] == "  2026-11-20  天津市新归集到记录 a record arrived：税务（行政处罚）"
    first, second = requests.standing_document(standing)["reasons"]
    assert (first["province"], first["cause"]["code"], first["revocation"]) == ("beijing", "CORRECTED", None)
    assert (second["state"]["code"], second["cells"][0]["domain"]) == ("SUPERSEDED", "taxation")


def test_a_notice_names_what_it_is_about_and_nothing_of_what_the_report_says() -> None:
    notice = wire.Notice(kind=wire.NOTICE_KIND_REPORT_ISSUED, at=to_timestamp(NOW), report_number=NUMBER)
    assert requests.notice_document(notice) == {
        "kind": {"code": "REPORT_ISSUED", "zh": "报告已出具", "en": "report issued"},
        "at": NOW.isoformat(),
        "request_id": None,
        "report_number": NUMBER,
    }
    assert requests.notice_line(notice).endswith(f"报告已出具 report issued  {NUMBER}")


def test_a_proposal_has_codes_for_programs() -> None:
    revocation = office_service_pb2.Revocation(
        proposal=3,
        report_number=NUMBER,
        category=status_wire.REVOCATION_CATEGORY_SUBJECT_WRONG,
        note="示例",
        proposed_by="officer-1",
        proposed_at=to_timestamp(NOW),
    )
    document = revocation_document(revocation)
    assert document["category"] == {"code": "SUBJECT_WRONG", "zh": "主体信息有误", "en": "wrong subject"}
    assert (document["proposal"], document["proposed_by"]) == (3, "officer-1")


def test_the_printed_code_is_shown_in_four_groups() -> None:
    assert grouped("7K2M09FX3RQT8HZW") == "7K2M-09FX-3RQT-8HZW"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("report", "get", NUMBER[:-1] + "*", "--uscc", str(SUBJECT_CODE)), id="no report number"),
        pytest.param(("report", "watch", "AB" * 16, "--uscc", str(SUBJECT_CODE)), id="no request number"),
        pytest.param(("office", "revoke", NUMBER, "--category", "wrong", "--note", "示例"), id="no category"),
        pytest.param(("office", "confirm", "0", "--province", "hebei"), id="no proposal"),
        pytest.param(("office", "list", "--province", "henan"), id="no province"),
        pytest.param(("province", "stop", "henan"), id="no province to stop"),
    ],
)
def test_wrong_usage_is_told_before_anybody_is_asked(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.output


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("report", "get", NUMBER, "--uscc", str(SUBJECT_CODE)), id="get"),
        pytest.param(("report", "watch", "ab" * 16, "--uscc", str(SUBJECT_CODE)), id="watch"),
        pytest.param(("report", "cancel", "ab" * 16, "--uscc", str(SUBJECT_CODE)), id="cancel"),
        pytest.param(("report", "notices", str(SUBJECT_CODE)), id="notices"),
        pytest.param(("office", "list", "--province", "hebei"), id="office"),
        pytest.param(("province", "start", "hebei"), id="province"),
    ],
)
def test_where_no_federation_runs_each_command_says_so(
    arguments: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    result = CliRunner().invoke(app, [*arguments, "--dir", str(tmp_path_factory.mktemp("empty")), "--json"])
    assert result.exit_code == 1
    assert "huren up" in result.stdout


def test_a_province_that_was_left_out_can_be_neither_stopped_nor_started(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout(tmp_path_factory.mktemp("up"))
    layout.members.write_text(
        '{"members": [{"province": 13, "adapter": "127.0.0.1:9", "adapter_name": "示例", "unit": "示例"}]}', "utf-8"
    )
    for command in (stop, start):
        assert command(layout.directory, Province.HEBEI, as_json=False) == 1
        assert "--without" in capsys.readouterr().err
    assert not layout.stopped(Province.HEBEI).exists()
