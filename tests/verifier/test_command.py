"""The command as a clerk calls it: a real file, a real HTTP server on this machine, and what stands on the screen."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app as huren
from contract.days import china_day
from contract.payloads import REPORT_STATUS
from contract.province import Province
from contract.report_check import check_report
from contract.report_number import make as make_number
from huren.report.v1 import report_pb2
from huren.report.v1 import report_status_pb2 as wire
from signing import write_key_entry, write_policy, write_seal_entry
from tests.support.federation import GATEWAY, PENALTY_CELL, Federation, penalty
from tests.support.sealed import report_pdf, seal, trust_with_seals
from verifier import online
from verifier.command import app


class Desk:
    """A clerk's folder: a sealed report of today, trust data, and what the gateway will answer."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime.now(UTC)
        self.federation = Federation(now=self.now)
        statement = self.federation.report(
            self.federation.admitted({Province.TIANJIN: {PENALTY_CELL: [penalty()]}}), change=self._number_of_today
        )
        self.checked = check_report(statement, verifier=self.federation.verifier, catalogues=self.federation.catalogues)
        self.pdf, self.trust, self.saved = folder / "report.pdf", folder / "trust", folder / "status"
        self.pdf.write_bytes(seal().apply(report_pdf(statement), at=self.now))
        store = trust_with_seals(self.federation)
        for key in store.keys.values():
            write_key_entry(self.trust, key)
        for one in store.seals.values():
            write_seal_entry(self.trust, one)
        write_policy(self.trust, store.policy, published_at=self.now)
        self.asked: list[tuple[str, Any]] = []
        self.answer: tuple[int, bytes] = (404, b"{}")

    def _number_of_today(self, report: report_pb2.Report) -> None:
        report.report_number = make_number(Province.BEIJING, china_day(self.now), 1)

    @property
    def number(self) -> str:
        return self.checked.report.report_number

    def status(self, *, age: timedelta = timedelta(0), state: int = wire.REPORT_STATE_VALID) -> bytes:
        made = wire.ReportStatus(
            header=self.federation.header(Province.BEIJING, GATEWAY, self.now - age),
            report_number=self.number,
            report_statement_id=self.checked.statement.statement_id,
            state=wire.ReportState.ValueType(state),
            since="" if state == wire.REPORT_STATE_VALID else china_day(self.now).isoformat(),
            revocation=wire.REVOCATION_CATEGORY_OTHER
            if state == wire.REPORT_STATE_REVOKED
            else wire.REVOCATION_CATEGORY_UNSPECIFIED,
        )
        return self.federation.signer(Province.BEIJING, GATEWAY).sign(REPORT_STATUS, made).envelope

    def will_answer(self, document: object, code: int = 200) -> None:
        self.answer = (code, json.dumps(document).encode())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def gateway(desk: Desk) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            desk.asked.append((self.path, json.loads(body)))
            code, content = desk.answer
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def call(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    return done.exit_code, done.output


def test_offline_it_says_as_issued_and_not_more(desk: Desk) -> None:
    code, shown = call(desk.pdf, "--trust", desk.trust)
    assert code == 3
    for words in (
        "文件与原件一致",
        "离线核验不能确认是否已更新或作废",
        "谁签了什么",
        "信任数据发布于",
        "天津市",
        "文件 PDF",
    ):
        assert words in shown


def test_online_a_fresh_status_ends_with_zero_and_the_file_stays_here(desk: Desk, gateway: str) -> None:
    desk.asked.clear()
    desk.will_answer({"status": base64.b64encode(desk.status()).decode()})
    code, shown = call(desk.pdf, "--trust", desk.trust, "--online", gateway, "--save-status", desk.saved)
    assert (code, "核验一致" in shown) == (0, True)
    assert desk.asked == [
        (
            "/api/v1/report-statuses",
            {"report_number": desk.number, "report_statement_id": desk.checked.statement.statement_id.hex()},
        )
    ]
    assert call(desk.pdf, "--trust", desk.trust, "--status", desk.saved)[0] == 0


def test_of_a_report_that_does_not_stand_as_issued_no_conclusion_is_shown(desk: Desk, gateway: str) -> None:
    desk.will_answer({"status": base64.b64encode(desk.status(state=wire.REPORT_STATE_SUPERSEDED)).decode()})
    code, shown = call(desk.pdf, "--trust", desk.trust, "--online", gateway)
    assert (code, "信息已更新" in shown, desk.number in shown) == (1, True, True)
    for words in ("结论", "未查询到", "行政处罚"):
        assert words not in shown


def test_json_says_the_same(desk: Desk, gateway: str) -> None:
    desk.will_answer({"status": base64.b64encode(desk.status(state=wire.REPORT_STATE_SUPERSEDED)).decode()})
    code, shown = call(desk.pdf, "--trust", desk.trust, "--online", gateway, "--json")
    document = json.loads(shown)
    assert (code, document["exit_code"], document["verdict"]) == (1, 1, "SUPERSEDED")
    assert document["status"]["state"] == "SUPERSEDED"
    assert (document["conclusion"], document["not_covered"]) == (None, None)
    assert document["report_statement_id"] == desk.checked.statement.statement_id.hex()
    assert {one["role"] for one in document["signers"]} == {"report", "fragment", "seal"}


@pytest.mark.parametrize(
    ("code", "content"),
    [
        (404, b'{"code": "REPORT_NOT_FOUND"}'),
        (503, b'{"code": "HOME_UNREACHABLE"}'),
        (500, b"oops"),
        (302, b""),
        (200, b"no json"),
        (200, b"[]"),
        (200, b'{"status": 1}'),
        (200, b'{"status": "***"}'),
        (200, b'{"status": ""}'),
        (200, b" " * (online.MAX_ANSWER_BYTES + 1)),
        (200, b"[" * 100_000),
    ],
)
def test_a_gateway_that_does_not_answer_as_agreed_leaves_the_status_unchecked(
    desk: Desk, gateway: str, code: int, content: bytes
) -> None:
    desk.answer = (code, content)
    exit_code, shown = call(desk.pdf, "--trust", desk.trust, "--online", gateway)
    assert exit_code == 3
    assert "文件与原件一致" in shown
    assert "未能联网核验" in shown


def test_without_a_network_it_says_so(desk: Desk) -> None:
    exit_code, shown = call(desk.pdf, "--trust", desk.trust, "--online", "http://127.0.0.1:1")
    assert exit_code == 3
    assert "未能联网核验" in shown
    assert "无法连接核验服务" in shown


@pytest.mark.parametrize("content", [b"", b"garbage", b"x" * 100_000])
def test_a_file_that_is_no_status_changes_nothing(desk: Desk, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "status").write_bytes(content)
    exit_code, shown = call(desk.pdf, "--trust", desk.trust, "--status", tmp_path / "status")
    assert exit_code == 3
    assert "所给状态未予采用" in shown


def by_code(desk: Desk, gateway: str, *options: str) -> tuple[int, str]:
    return call("--number", desk.number, "--code", "ABCD", "--online", gateway, "--trust", desk.trust, *options)


def answer(desk: Desk, verdict: str, status: bytes | None) -> dict[str, Any]:
    told = {"verdict": verdict, "headline": "核验一致", "advice": "可以使用", "english": "All is well"}
    encoded = base64.b64encode(status).decode() if status is not None else None
    row = {"domain": "示例领域", "kind": "PENALTY", "states": ["FOUND", "NOT_COVERED"], "record_counts": [2, 0]}
    comparison: dict[str, Any] = {
        "report_number": desk.number,
        "name": "示例\x1b[2J\n核验一致",
        "masked_uscc": "9111**********0000",
        "issued_at": "2026-11-22T08:00:00+08:00",
        "issuer": "示例单位（演示）",
        "window": {"first_day": "2021-11-22", "last_day": "2026-11-22"},
        "catalogue_version": "2025-12",
        "conclusion": "示例结论",
        "limited_scope": True,
        "specimen": True,
        "provinces": ["beijing", "hebei"],
        "rows": [row],
    }
    return {**told, "status": encoded, "comparison": comparison}


def test_by_code_valid_needs_the_signed_status(desk: Desk, gateway: str) -> None:
    desk.asked.clear()
    desk.will_answer(answer(desk, "VALID", desk.status()))
    exit_code, shown = by_code(desk, gateway)
    assert exit_code == 0
    assert "核验一致 · 有限范围 · 出具后未发生影响结论的更新。请逐项与手中报告核对，不一致的请勿采信" in shown
    assert "主体 subject: 示例⟨U+001B⟩[2J⟨U+000A⟩核验一致" in shown
    assert "示例领域（行政处罚）：北京市 2条、河北省 未纳入" in shown
    assert "样张" in shown
    assert "可以使用" not in shown
    assert desk.asked == [("/api/v1/verifications", {"report_number": desk.number, "code": "ABCD"})]


def _nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"report_number": make_number(Province.BEIJING, date(2026, 11, 22), 77)}, id="another-report"),
        pytest.param({"name": _nested(500)}, id="nested"),
        pytest.param({"rows": [{"domain": "示例领域", "kind": "PENALTY", "states": ["CLEAR"]}]}, id="half-a-row"),
        pytest.param({"provinces": ["beijing"]}, id="a-cell-of-no-province"),
    ],
)
def test_by_code_nothing_is_valid_that_cannot_be_compared(desk: Desk, gateway: str, changes: dict[str, Any]) -> None:
    given = answer(desk, "VALID", desk.status())
    given["comparison"] |= changes
    desk.will_answer(given)
    exit_code, shown = by_code(desk, gateway)
    assert exit_code == 1
    assert "核验一致" not in shown


@pytest.mark.parametrize("verdict", ["UNKNOWN", "SUPERSEDED", "REVOKED", "AUTHENTIC", "核验一致"])
def test_by_code_no_word_of_the_gateway_stands_for_a_verdict(desk: Desk, gateway: str, verdict: str) -> None:
    state = {"SUPERSEDED": wire.REPORT_STATE_SUPERSEDED, "REVOKED": wire.REPORT_STATE_REVOKED}.get(verdict)
    desk.will_answer(answer(desk, verdict, desk.status(state=state) if state else None))
    exit_code, shown = by_code(desk, gateway)
    assert exit_code == 1
    assert "核验一致" not in shown
    assert "可以使用" not in shown
    headline = {"UNKNOWN": "未查询到", "SUPERSEDED": "信息已更新", "REVOKED": "报告已作废"}.get(verdict, "暂不能作结论")
    assert headline in shown


def test_by_code_old_trust_data_gives_no_conclusion(desk: Desk, gateway: str, tmp_path: Path) -> None:
    store = trust_with_seals(desk.federation)
    for key in store.keys.values():
        write_key_entry(tmp_path, key)
    write_policy(tmp_path, store.policy, published_at=desk.now - timedelta(days=31))
    desk.will_answer(answer(desk, "VALID", desk.status()))
    options = ("--number", desk.number, "--code", "ABCD", "--online", gateway)
    exit_code, shown = call(*options, "--trust", tmp_path)
    assert (exit_code, "核验工具的信任数据已超过30天" in shown) == (1, True)


@pytest.mark.parametrize("case", ["missing", "old", "otherwise"])
def test_by_code_a_verdict_that_the_home_did_not_sign_is_no_conclusion(desk: Desk, gateway: str, case: str) -> None:
    given = {
        "missing": None,
        "old": desk.status(age=timedelta(hours=2)),
        "otherwise": desk.status(state=wire.REPORT_STATE_SUPERSEDED),
    }[case]
    desk.will_answer(answer(desk, "VALID", given))
    exit_code, shown = by_code(desk, gateway)
    assert exit_code == 1
    assert "暂不能作结论" in shown
    assert "核验一致" not in shown
    assert json.loads(by_code(desk, gateway, "--json")[1])["verdict"] == "NO_CONCLUSION"


@pytest.mark.parametrize(
    ("verdict", "code"), [("UNKNOWN", 200), ("TRY_LATER", 429), ("HOME_UNREACHABLE", 503), ("PROGRESS_SHEET", 200)]
)
def test_by_code_what_says_nothing_about_a_report_is_told_by_name(
    desk: Desk, gateway: str, verdict: str, code: int
) -> None:
    desk.will_answer({"verdict": verdict, "headline": "头", "advice": "尾", "english": "en", "status": None}, code)
    exit_code, shown = by_code(desk, gateway, "--json")
    document = json.loads(shown)
    assert (exit_code, document["verdict"], document["reason"]) == (1, verdict, "")
    assert document["headline"] in {"未查询到", "请稍后再试", "暂不能核验", "这不是报告"}


def test_a_gateway_whose_head_never_ends_is_left_in_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "TIMEOUT_S", 0.3)
    over = threading.Event()

    class Dripping(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while not over.wait(0.05):
                    self.wfile.write(b"x")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Dripping) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        exit_code, shown = call(desk.pdf, "--trust", desk.trust, "--online", f"http://127.0.0.1:{server.server_port}")
        over.set()
        server.shutdown()
        thread.join()
    assert exit_code == 3
    assert "无法连接核验服务" in shown


def test_a_console_that_cannot_write_a_name_gets_the_verdict_all_the_same(desk: Desk) -> None:
    command = [sys.executable, "-m", "verifier.command", str(desk.pdf), "--trust", str(desk.trust)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (3, "")
    assert "Whether it was superseded or revoked since was not checked" in " ".join(done.stdout.split())


def test_a_file_that_is_not_there_and_trust_data_that_is_not_there_are_named(desk: Desk, tmp_path: Path) -> None:
    for arguments, words in (
        ((tmp_path / "none.pdf", "--trust", desk.trust), "无法读写文件"),
        ((desk.pdf, "--trust", tmp_path / "none"), "信任数据不可用"),
    ):
        exit_code, shown = call(*arguments)
        assert exit_code == 1
        assert words in shown
        document = json.loads(call(*arguments, "--json")[1])
        assert document["result"] == "error"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--number", "HR"),
        ("--number", "HR", "--code", "X"),
        ("FILE", "--number", "HR"),
        ("FILE", "--online", "ftp://host"),
        ("FILE", "--online", "http://example.invalid"),
        ("FILE", "--online", "https://user@host"),
        ("FILE", "--save-status", "x"),
        ("FILE", "--online", "https://example.invalid", "--status", "x"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_two(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert call(*arguments, "--trust", desk.trust)[0] == 2


def test_trust_data_is_asked_for_in_both_languages(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUREN_TRUST", raising=False)
    code, shown = call(desk.pdf)
    assert code == 2
    assert "信任数据目录" in shown
    assert "trust directory" in shown
    monkeypatch.setenv("HUREN_TRUST", str(desk.trust))
    assert call(desk.pdf)[0] == 3


def test_huren_verify_is_the_same_command(desk: Desk) -> None:
    done = CliRunner().invoke(huren, ["verify", str(desk.pdf), "--trust", str(desk.trust), "--json"])
    assert (done.exit_code, json.loads(done.output)["verdict"]) == (3, "AUTHENTIC_STATUS_NOT_CHECKED")
