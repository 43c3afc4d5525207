"""`huren verify`: the verdict about a file, for a person or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from cli.terminal import bold, complain, emit, error_document, out, say, show_report, wide
from contract.catalogue import published_catalogues
from contract.days import CHINA, from_timestamp
from contract.province import Province
from runtime.clock import system_clock
from signing import TrustStore, TrustStoreError
from verifier.verdict import Result
from verifier.verify import MAX_FILE_BYTES, verify

EXIT_OTHERWISE = 1


class FileError(Exception):
    """The file cannot be read."""


def run(file: Path, trust: Path, *, as_json: bool) -> int:
    """Verifies, shows, and returns the exit code."""
    try:
        result = verified(file, trust)
    except TrustStoreError as error:
        return _not_done("TRUST_UNUSABLE", "信任数据不可用", "the trust data cannot be used", error, as_json=as_json)
    except FileError as error:
        return _not_done("FILE_UNREADABLE", "无法读取文件", "the file cannot be read", error, as_json=as_json)
    if as_json:
        emit(document(result))
    else:
        show(result)
    return result.wording.exit_code


def _not_done(code: str, zh: str, en: str, error: Exception, *, as_json: bool) -> int:
    if as_json:
        emit(error_document(code, zh, en, detail=str(error)))
    else:
        complain(f"{zh} · {en}: {error}")
    return EXIT_OTHERWISE


def verified(file: Path, trust: Path) -> Result:
    """Verifies a file by a trust directory.

    Raises:
        FileError: The file cannot be read.
        TrustStoreError: The trust data cannot be used.
    """
    store = TrustStore.from_directory(trust)
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise FileError(f"{file}: {error.strerror}") from error
    return verify(data, trust=store, catalogues=published_catalogues(), at=system_clock())


def document(result: Result) -> dict[str, Any]:
    """The result as JSON."""
    found: dict[str, Any] = {
        "verdict": result.verdict,
        "reason": result.reason,
        "headline": result.wording.headline,
        "advice": result.wording.advice,
        "english": result.wording.english,
        "file_sha256": result.file_sha256,
        "trust_published_at": result.trust_published_at.isoformat() if result.trust_published_at else None,
    }
    checked = result.checked
    if checked is not None:
        report = checked.report
        found |= {
            "report_number": report.report_number,
            "specimen": report.specimen,
            "uscc": report.subject.uscc,
            "name": report.subject.name,
            "issued_at": checked.issued_at.isoformat(),
            "window": [report.window.first_day, report.window.last_day],
            "limited_scope": report.conclusion.limited,
            "penalties": report.conclusion.penalty_count,
            "list_entries": report.conclusion.list_entry_count,
            "signers": [
                {"province": Province(signer.member).slug, "role": role, "keyid": signer.keyid, "signed_at": at}
                for signer, role, at in _signers(result)
            ],
        }
    return found


def show(result: Result) -> None:
    """The result for a person: what was found, what to do, and who signed what."""
    wording = result.wording
    if result.checked is not None:
        show_report(result.checked)
        say()
        wide().print(_signer_table(result))
    say()
    out.print(bold(wording.headline).append(f" · {wording.advice}", style="not bold"), soft_wrap=True)
    say(wording.english)
    if result.reason:
        say(f"原因 reason: {result.reason}")
    if result.checked is not None and result.checked.report.conclusion.limited:
        say("本报告为有限范围：部分事项未纳入，见结论。 Limited scope: see the conclusion.")


def _signers(result: Result) -> list[tuple[Any, str, str]]:
    checked = result.checked
    if checked is None:
        return []
    found = [(checked.statement.signer, "report", checked.issued_at.isoformat())]
    found += [(one.statement.signer, "fragment", one.statement.issued_at.isoformat()) for one in checked.admitted]
    return found


def _signer_table(result: Result) -> Table:
    checked = result.checked
    table = Table(title="谁签了什么 · who signed what", box=None, title_justify="left", pad_edge=False)
    for head in ("省（市）", "内容", "签名时间", "数据截至", "密钥"):
        table.add_column(head)
    if checked is None:
        return table
    signer = checked.statement.signer
    table.add_row(
        Province(signer.member).name_zh,
        "报告 report",
        f"{checked.issued_at.astimezone(CHINA):%F %T}",
        "",
        signer.keyid[:16],
    )
    for one in checked.admitted:
        oldest = min(
            (from_timestamp(cell.data_as_of) for cell in one.fragment.cells if cell.HasField("data_as_of")),
            default=None,
        )
        table.add_row(
            one.province.name_zh,
            "数据 fragment",
            f"{one.statement.issued_at.astimezone(CHINA):%F %T}",
            f"{oldest.astimezone(CHINA):%F %H:%M}" if oldest else "——",
            one.statement.signer.keyid[:16],
        )
    return table
