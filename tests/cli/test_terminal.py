"""What reaches a terminal: texts from elsewhere are shown, never obeyed; codes have words; usage errors are bilingual."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import report, requests, status, terminal
from cli.main import app
from cli.terminal import bold, command, emit, say, visible
from contract.days import to_timestamp
from contract.province import Province
from contract.report_check import check_report
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import fragment_pb2, refusal_pb2
from huren.report.v1 import report_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.status.v1 import status_service_pb2
from tests.support.federation import NOW, SUBJECT_CODE, Federation

HOSTILE = "[bold]示例[/bold]\x1b[2J\x9b31m\u202e\u2066:warning:\r\x07\ufeff"
SHOWN = "[bold]示例[/bold]⟨U+001B⟩[2J⟨U+009B⟩31m⟨U+202E⟩⟨U+2066⟩:warning:⟨U+000D⟩⟨U+0007⟩⟨U+FEFF⟩"


def test_whatever_acts_on_a_terminal_is_shown_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert visible(HOSTILE + "\n") == SHOWN + "⟨U+000A⟩"
    assert bold(HOSTILE).plain == SHOWN
    say(HOSTILE + "\n下一行")
    assert capsys.readouterr().out == SHOWN + "\n下一行\n"


def test_json_holds_the_same_text_without_acting(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"name": HOSTILE + "\U000e0041"})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"name": HOSTILE + "\U000e0041"}
    assert visible(printed, keep="\n") == printed


def test_a_report_is_shown_without_obeying_it(capsys: pytest.CaptureFixture[str]) -> None:
    federation = Federation()
    statement = federation.report(federation.admitted({}))
    checked = check_report(statement, verifier=federation.verifier, catalogues=federation.catalogues)
    told = report_pb2.Report.FromString(checked.report.SerializeToString())
    told.subject.name = told.issuer.unit = HOSTILE
    terminal.show_report(replace(checked, report=told))
    printed = capsys.readouterr().out
    assert "".join(printed.split()).count(SHOWN) >= 2  # lines are broken anywhere
    assert visible(printed, keep="\n") == printed


def test_a_last_failure_is_shown_without_obeying_it(capsys: pytest.CaptureFixture[str]) -> None:
    answer = status_service_pb2.GetMemberStatusResponse(
        peers=[status_service_pb2.PeerHealth(province=Province.HEBEI.wire, asking=True, last_failure=HOSTILE)],
        certificate_not_after=to_timestamp(NOW),
        clock=to_timestamp(NOW),
    )
    answer.signing_key.not_after.CopyFrom(to_timestamp(NOW))
    row = status._row(status._Seen(Province.BEIJING, envelope_pb2.MEMBER_ROLE_GATEWAY, answer), NOW)
    assert not row["healthy"]
    assert (row["role"], row["problems"][0]["code"]) == ("gateway", "LAST_QUERY_FAILED")
    terminal.wide(300).print(status._table([row]))
    assert f"河北{SHOWN}" in capsys.readouterr().out


OPEN = wire.OpenRequest(
    request_id="ab" * 16,
    provinces=[
        wire.ProvinceStatus(
            province=Province.BEIJING.wire,
            progress=wire.PROVINCE_PROGRESS_ANSWERED_IN_PART,
            gaps=[
                wire.CellGap(
                    key=common_pb2.CellKey(domain="market_regulation", kind=common_pb2.RECORD_KIND_PENALTY),
                    reason=fragment_pb2.UNAVAILABLE_REASON_STALE,
                )
            ],
            gap_kind=wire.GAP_KIND_TRANSIENT,
            attempts=1,
        ),
        wire.ProvinceStatus(
            province=Province.HEBEI.wire,
            progress=wire.PROVINCE_PROGRESS_REFUSED,
            refusal=refusal_pb2.REFUSAL_REASON_CLOCK_SKEW,
            gap_kind=wire.GAP_KIND_FINAL,
            contact=common_pb2.Contact(unit="河北示例单位", telephone="000"),
        ),
        wire.ProvinceStatus(
            province=Province.SHANXI.wire, progress=wire.PROVINCE_PROGRESS_UNAVAILABLE, reason="OF_A_LATER_RELEASE"
        ),
    ],
)


def test_an_open_request_has_codes_for_programs() -> None:
    opened = wire.OpenRequest.FromString(OPEN.SerializeToString())
    opened.ask_again_after.FromMilliseconds(2500)
    document = report.open_document(opened)
    beijing, hebei, shanxi = document["provinces"]
    assert document["ask_again_after_s"] == 2.5
    assert beijing["progress"]["code"] == "ANSWERED_IN_PART"
    assert beijing["gap_kind"]["code"] == "TRANSIENT"
    (gap,) = beijing["gaps"]
    assert (gap["domain"], gap["kind"], gap["reason"]["code"]) == ("market_regulation", "PENALTY", "STALE")
    assert (hebei["reason"]["code"], hebei["gap_kind"]["code"]) == ("CLOCK_SKEW", "FINAL")
    assert shanxi["reason"] == dict.fromkeys(("code", "zh", "en"), "OF_A_LATER_RELEASE")
    assert report.open_document(OPEN)["ask_again_after_s"] is None


def test_an_open_request_has_words_for_people() -> None:
    printed = "\n".join(requests.open_lines(OPEN))
    assert "非报告编号，不作证明使用" in printed
    assert "市场监管" in printed
    assert "（行政处罚）：数据未按时更新 the source's data is too old" in printed
    assert "双方时钟相差过大" in printed
    assert "河北示例单位 000" in printed
    for code in ("market_regulation", "STALE", "CLOCK_SKEW"):
        assert code not in printed


def test_every_progress_and_gap_kind_has_words() -> None:
    assert set(requests._PROGRESS) == set(wire.ProvinceProgress.values()) - {0}
    assert set(requests._GAP_KINDS) == set(wire.GapKind.values()) - {0}


@pytest.mark.parametrize("arguments", [("report", "request", str(SUBJECT_CODE)), ("status",)])
def test_where_no_federation_runs_json_says_so(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*arguments, "--dir", str(tmp_path), "--json"])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["result"], document["code"]) == ("error", "NO_FEDERATION")
    assert "huren up" in document["zh"]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--gateway", "henan", ("省（市）应为", "expected one of")),
        ("--from", "2026-02-30", ("日期应为", "expected a day")),
    ],
)
def test_usage_errors_are_bilingual(option: str, value: str, words: tuple[str, str]) -> None:
    result = CliRunner(env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"}).invoke(
        app, ["report", "request", str(SUBJECT_CODE), option, value]
    )
    assert result.exit_code == 2
    shown = " ".join(result.output.split())
    assert [word for word in words if word not in shown] == []


def test_a_command_to_copy_is_the_one_that_was_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/huren", "demo"])
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert command("verify", "a b.report") == ".venv/bin/huren verify 'a b.report'"
    monkeypatch.setattr(shutil, "which", lambda _: str(Path(".venv/bin/huren").resolve()))
    assert command("verify", "a.report") == "huren verify a.report"
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "main.py")])
    assert command("status") == "python -m cli.main status"
