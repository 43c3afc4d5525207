"""`huren demo`: from a fresh federation to two reports, verified as a third party would: online elsewhere, then offline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli import report as reports
from cli.federation import FederationError, Layout, Running, federation
from cli.report import Asked, NotServedError, PDFError, UnreachableError, grouped
from cli.terminal import command, complain, out, say, show_report
from contract import report_number
from contract.province import Province
from contract.report_check import ReportError
from huren.report.v1 import report_pb2
from verifier.command import OFFLINE, FileError, StatusSource, verified, verify_code
from verifier.verdict import EXIT_STATUS_NOT_CHECKED, EXIT_VALID

_CAST: Final = (
    (
        "found_in_several",
        "在多个省（市）有记录的企业 · an enterprise with records in several provinces",
        report_pb2.VERDICT_FOUND,
    ),
    ("nothing_anywhere", "四地均无记录的企业 · an enterprise with none", report_pb2.VERDICT_NOTHING_FOUND),
)

_SUFFIXES: Final = (".report", ".json", ".pdf")


class DemoError(Exception):
    """The demonstration did not show what it should. The message says what."""


@dataclass(frozen=True, slots=True)
class _Issued:
    """A report that was issued: its number, 核验码 and files."""

    number: str
    typed_code: str
    files: tuple[Path, ...]


def run(folder: Path) -> int:
    """Runs it. Returns the exit code."""
    for suffix in _SUFFIXES:
        for earlier in folder.glob(f"HR*{suffix}"):
            earlier.unlink()  # signed with keys that are about to be replaced
    layout = Layout((folder / "federation").resolve())
    try:
        with federation(layout.directory, progress=complain) as running:
            issued = [_issue(running.layout, folder, part) for part in _CAST]
            _verify_elsewhere(running, issued)
        out.rule("四地已停止，离线核验 · everything is stopped; verifying offline")
        for one in issued:
            for file in one.files:
                _verify(file, layout, OFFLINE, EXIT_STATUS_NOT_CHECKED)
    except (FederationError, DemoError, ReportError, PDFError, UnreachableError, FileError) as error:
        complain(str(error))
        return 1
    except NotServedError as error:
        complain(error.detail.message_zh, error.detail.message_en)
        return 1
    say()
    say(f"完成。报告在 {folder} 中（.pdf 供阅读、打印和递交，.json 供程序，.report 仅为签名数据）。自行核验：")
    say("Done. .pdf is for people, .json for programs, .report the bare signed statement. To verify one yourself:")
    say(f"  {command('verify', str(issued[0].files[-1]), '--dir', str(folder / 'federation'))}")
    return 0


def _issue(layout: Layout, folder: Path, part: tuple[str, str, report_pb2.Verdict.ValueType]) -> _Issued:
    role, title, expected = part
    subject = layout.cast()[role]
    out.rule(title)
    response = reports.request(Asked(uscc=subject["uscc"]), layout)
    if response.WhichOneof("result") != "sealed":
        raise DemoError(f"expected a report for {role}, got:\n{response}")
    checked = reports.check(response.sealed, layout)
    if checked.report.conclusion.verdict != expected:
        raise DemoError(f"expected verdict {expected} for {role}, got {checked.report.conclusion.verdict}")
    show_report(checked)
    files = (*reports.save(checked, folder), reports.save_pdf(checked, folder, layout))
    say(f"已保存 saved: {folder}/{files[0].stem}{{{','.join(_SUFFIXES)}}}")
    return _Issued(checked.report.report_number, response.sealed.typed_code, files)


def _verify_elsewhere(running: Running, issued: list[_Issued]) -> None:
    """Each PDF at another province's gateway, as a receiver anywhere would; then one report by what is printed on it."""
    out.rule("在另一省（市）联网核验 · verified online, at another province")
    for one in issued:
        elsewhere = _another(running, one.number)
        say(f"{elsewhere.name_zh} {elsewhere.name_en}：")
        _verify(one.files[-1], running.layout, StatusSource(online=_public(running, elsewhere)), EXIT_VALID)
    first = issued[0]
    elsewhere = _another(running, first.number)
    say()
    say(f"没有文件，凭报告编号 {first.number} 和核验码 {grouped(first.typed_code)}，在{elsewhere.name_zh}核验：")
    say("Without the file, by number and printed code:")
    code = verify_code(
        first.number, first.typed_code, running.layout.pki.trust, _public(running, elsewhere), as_json=False
    )
    if code != EXIT_VALID:
        raise DemoError(f"{first.number} by code: expected exit code {EXIT_VALID}, got {code}")


def _another(running: Running, number: str) -> Province:
    issuer = report_number.check(number).province
    return next(province for province in reversed(running.provinces) if province is not issuer)


def _public(running: Running, province: Province) -> str:
    return str(running.announced[f"{province.slug}-gateway"]["public"])


def _verify(file: Path, layout: Layout, source: StatusSource, expected: int) -> None:
    result, note = verified(file, layout.pki.trust, source)
    words = result.wording
    say(f"{file.name}: {words.headline} · {words.english}（退出码 exit code {words.exit_code}）")
    if words.exit_code != expected:
        why = result.reason or note or result.status_fault or words.headline
        raise DemoError(f"{file}: expected exit code {expected}, got {words.exit_code}: {why}")
