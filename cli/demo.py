"""`huren demo`: from a fresh federation to two verified reports, then stops everything."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cli import report as reports
from cli import verify as verification
from cli.federation import FederationError, Layout, federation
from cli.report import Asked, NotServedError, UnreachableError
from cli.terminal import command, complain, out, say, show_report
from contract.report_check import ReportError
from huren.report.v1 import report_pb2
from verifier.verdict import WORDING, Verdict

_CAST: Final = (
    (
        "found_in_several",
        "在多个省（市）有记录的企业 · an enterprise with records in several provinces",
        report_pb2.VERDICT_FOUND,
    ),
    ("nothing_anywhere", "四地均无记录的企业 · an enterprise with none", report_pb2.VERDICT_NOTHING_FOUND),
)

_EXPECTED_EXIT: Final = WORDING[Verdict.AUTHENTIC_STATUS_NOT_CHECKED].exit_code


class DemoError(Exception):
    """The demonstration did not show what it should. The message says what."""


def run(folder: Path) -> int:
    """Runs it. Returns the exit code."""
    for earlier in (*folder.glob("HR*.report"), *folder.glob("HR*.json")):
        earlier.unlink()  # signed with keys that are about to be replaced
    try:
        with federation(folder / "federation", progress=complain) as running:
            paths = [_issue(running.layout, folder, part) for part in _CAST]
        out.rule("四地已停止，离线核验 · everything is stopped; verifying offline")
        for path in paths:
            _verify(path, Layout((folder / "federation").resolve()))
    except (FederationError, DemoError, ReportError, UnreachableError) as error:
        complain(str(error))
        return 1
    except NotServedError as error:
        complain(error.detail.message_zh, error.detail.message_en)
        return 1
    say()
    say(f"完成。报告在 {folder} 中（.report 为签名数据，.json 供阅读）。自行核验：")
    say("Done. .report is the signed statement, .json its readable form. To verify one yourself:")
    say(f"  {command('verify', str(paths[0]), '--trust', str(folder / 'federation' / 'pki' / 'trust'))}")
    return 0


def _issue(layout: Layout, folder: Path, part: tuple[str, str, report_pb2.Verdict.ValueType]) -> Path:
    role, title, expected = part
    subject = layout.cast()[role]
    out.rule(title)
    response = reports.request(Asked(uscc=subject["uscc"]), layout)
    if response.WhichOneof("result") != "sealed":
        raise DemoError(f"expected a report for {role}, got an open request:\n{response.open}")
    checked = reports.check(response.sealed, layout)
    if checked.report.conclusion.verdict != expected:
        raise DemoError(f"expected verdict {expected} for {role}, got {checked.report.conclusion.verdict}")
    show_report(checked)
    statement, readable = reports.save(checked, folder)
    say(f"已保存 saved: {statement}, {readable.name}")
    return statement


def _verify(path: Path, layout: Layout) -> None:
    for file in (path, path.with_suffix(".json")):
        result = verification.verified(file, layout.pki.trust)
        say(f"{file.name}: {result.wording.headline} · {result.wording.english}")
        if result.wording.exit_code != _EXPECTED_EXIT:
            raise DemoError(
                f"{file}: expected exit code {_EXPECTED_EXIT}, got {result.wording.exit_code}: {result.reason}"
            )
