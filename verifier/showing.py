"""A result for a person and as JSON: the verdict, what to do, who signed what and when, of which day the data is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from rich.table import Table

from contract.days import CHINA, from_timestamp
from contract.outcome import Admitted
from contract.province import Province
from contract.report_check import CheckedReport
from contract.uscc import mask
from contract.wording import SPECIMEN, SPECIMEN_EN, conclusion_sentence, not_covered
from huren.report.v1 import report_status_pb2
from verifier.terminal import bold, out, say, show_report, visible, wide
from verifier.verdict import Result, china_time

REASONS: Final = {
    "SEAL_MISSING": ("文件没有出具单位的签署", "the file bears no seal"),
    "SEVERAL_SIGNATURES": ("文件有另外的签名", "the file bears another signature besides"),
    "CHANGED_AFTER_SEALING": ("签署后文件又有改动", "the file goes on behind what was sealed, or ends before"),
    "SEAL_MALFORMED": ("签署的形式不符", "the seal is not in the form that is accepted"),
    "CONTENT_DIFFERS": ("签署后文件又有改动", "the file is not the one that was sealed"),
    "SEAL_UNKNOWN": ("签署所用证书不在信任数据中", "the trust data does not know the seal's certificate"),
    "SEAL_NOT_IN_FORCE": ("签署所用证书当时不在使用", "the seal's certificate was not in force when it was used"),
    "SEAL_OF_ANOTHER_MEMBER": ("签署者不是报告的出具单位", "the seal is not that of the report's issuer"),
    "SEALED_BEFORE_ISSUE": ("签署时间早于报告出具时间", "the seal is older than the report"),
    "NOT_ONE_EMBEDDED_FILE": ("文件中的附件不是恰好一个", "the file does not hold exactly one embedded file"),
    "READABLE_PART_DIFFERS": ("可读部分与签名数据不一致", "the readable part differs from what was signed"),
    "ENVELOPE_NOT_STRICT": ("签名数据不完整或有改动", "the signed data is damaged or was changed"),
    "SIGNATURE_NOT_ACCEPTED": ("报告的签名不被接受", "the report's signature is not accepted"),
    "STATUS_NOT_STRICT": ("状态数据不完整或不是状态数据", "it is no status, or a damaged one"),
    "STATUS_SIGNATURE_NOT_ACCEPTED": ("状态的签名不被接受", "its signature is not accepted"),
    "STATUS_MALFORMED": ("状态数据的内容不符合约定", "its content is not as agreed"),
    "STATUS_OF_ANOTHER_HOME": ("状态不是由出具单位签发", "another than the report's issuer signed it"),
    "STATUS_OF_ANOTHER_REPORT": ("状态是另一份报告的", "it is that of another report"),
    "STATUS_FROM_THE_FUTURE": ("状态的时间晚于现在，请检查本机时钟", "it is from the future; check the clock here"),
    "STATUS_MISSING": ("答复中没有出具单位签名的状态", "no status that the home signed"),
    "STATUS_SAYS_OTHERWISE": ("签名的状态与答复不同", "the signed status says something else"),
    "ANSWER_NOT_AS_AGREED": ("核验服务的答复不符合约定", "the answer is not as agreed"),
    "STATUS_NOT_FRESH": ("状态已超过1小时，请重新联网核验", "it is more than an hour old: ask again"),
}
"""What people are told beside the name of a rule. Rules that are not here are named only."""

STATES: Final = {
    report_status_pb2.REPORT_STATE_VALID: ("出具后未发生影响结论的更新", "nothing that alters the conclusion"),
    report_status_pb2.REPORT_STATE_SUPERSEDED: ("信息已更新", "superseded"),
    report_status_pb2.REPORT_STATE_REVOKED: ("已作废", "taken back"),
    report_status_pb2.REPORT_STATE_EXPIRED: ("超过使用期限", "beyond its days of use"),
}


def result_document(result: Result, *, note: str = "") -> dict[str, Any]:
    """The result as JSON.

    Args:
        result: The result.
        note: Why the status was not checked, where it was tried.
    """
    words = result.wording
    trust = result.trust_published_at
    found: dict[str, Any] = {
        "verdict": result.verdict,
        "reason": result.reason,
        "headline": words.headline,
        "advice": words.advice,
        "english": words.english,
        "exit_code": words.exit_code,
        "verified_at": result.at.isoformat(),
        "file_sha256": result.file_sha256,
        "trust_published_at": trust.isoformat() if trust else None,
        "status": _status_document(result),
        "status_not_checked": str(result.status_fault or note) or None,
    }
    checked = result.checked
    if checked is None:
        return found
    report, whole = checked.report, result.shown_whole
    return found | {
        "report_number": report.report_number,
        "report_statement_id": checked.statement.statement_id.hex(),
        "specimen": report.specimen,
        "issuer": report.issuer.unit,
        "uscc": report.subject.uscc,
        "masked_uscc": mask(report.subject.uscc),
        "name": report.subject.name,
        "issued_at": checked.issued_at.isoformat(),
        "window": [report.window.first_day, report.window.last_day],
        "catalogue_version": report.catalogue.version,
        "conclusion": conclusion_sentence(report, whole.catalogue) if whole else None,
        "not_covered": not_covered(whole.report, whole.catalogue) if whole else None,
        "limited_scope": report.conclusion.limited,
        "scope": "LIMITED_SCOPE" if report.conclusion.limited else "FULL_SCOPE",
        "penalties": report.conclusion.penalty_count,
        "list_entries": report.conclusion.list_entry_count,
        "superseded_since": result.superseded_since.isoformat() if result.superseded_since else None,
        "signers": list(_signers(result)),
    }


def show_result(result: Result, *, note: str = "") -> None:
    """The result for a person. The verdict stands last, where the eye rests; no colour carries a meaning."""
    if result.checked is not None:
        if (whole := result.shown_whole) is not None:
            show_report(whole)
        else:
            _show_whose(result.checked)
        say()
        wide().print(_signer_table(result))
        if (at := result.status_at) is not None and result.status is not None:
            zh, en = STATES[result.status.state]
            say(f"出具单位对状态的说明 the home's status（{china_time(at)}）：{zh} · {en}")
    say()
    words = result.wording
    out.print(bold(words.headline).append(f" · {visible(words.advice)}", style="not bold"), soft_wrap=True)
    say(words.english)
    if result.reason:
        say(f"原因 reason: {explained(result.reason)}")
    if result.status_fault is not None:
        say(f"所给状态未予采用 the status was not used: {explained(result.status_fault)}")
    if note:
        say(f"未能联网核验 not verified online: {note}")
    show_trust(result.trust_published_at, result.at)


def _show_whose(checked: CheckedReport) -> None:
    report = checked.report
    if report.specimen:
        say(f"{SPECIMEN}  {SPECIMEN_EN}")
    say(f"报告编号 number: {report.report_number}")
    say(f"主体 subject: {report.subject.name} {report.subject.uscc}")


def show_trust(published_at: datetime | None, at: datetime) -> None:
    """How old the trust data is."""
    if published_at is not None:
        days = (at - published_at).days
        say(
            f"信任数据发布于 {published_at.astimezone(CHINA):%Y-%m-%d}（{days}天前）"
            f" · trust data of that day, {days} days old"
        )


def explained(reason: str) -> str:
    """A rule's name with words, where there are some."""
    words = REASONS.get(reason.partition(":")[0])
    reason = visible(" ".join(reason.split()))  # what a file made some reader say is one line, and of no effect
    return f"{words[0]} · {words[1]}（{reason}）" if words else reason


def _status_document(result: Result) -> dict[str, Any] | None:
    status, at = result.status, result.status_at
    if status is None or at is None:
        return None
    category = report_status_pb2.RevocationCategory.Name(status.revocation).removeprefix("REVOCATION_CATEGORY_")
    return {
        "state": report_status_pb2.ReportState.Name(status.state).removeprefix("REPORT_STATE_"),
        "at": at.isoformat(),
        "since": status.since or None,
        "revocation": category if status.revocation else None,
        "wording_corrected": status.wording_corrected,
    }


def _signers(result: Result) -> Iterator[dict[str, Any]]:
    checked, seal = result.checked, result.seal
    if checked is None:
        return
    signer = checked.statement.signer
    yield _signer(Province(signer.member), "report", signer.keyid, checked.issued_at)
    for one in checked.admitted:
        oldest = _oldest(one)
        yield _signer(one.province, "fragment", one.statement.signer.keyid, one.statement.issued_at) | {
            "data_as_of": oldest.isoformat() if oldest else None
        }
    if seal is not None:
        yield _signer(seal.member, "seal", seal.sha256, seal.sealed_at) | {"certificate": seal.name}


def _signer(province: Province, role: str, keyid: str, at: datetime) -> dict[str, Any]:
    return {"province": province.slug, "role": role, "keyid": keyid, "signed_at": at.isoformat()}


_ROLES: Final = {"report": "报告 report", "fragment": "数据 data", "seal": "文件 PDF"}


def _signer_table(result: Result) -> Table:
    table = Table(title="谁签了什么 · who signed what", box=None, title_justify="left", pad_edge=False)
    for head in ("省（市）", "内容", "签名时间", "数据截至", "密钥"):
        table.add_column(head)
    for one in _signers(result):
        as_of = one.get("data_as_of")
        table.add_row(
            Province.from_slug(one["province"]).name_zh,
            _ROLES[one["role"]],
            china_time(datetime.fromisoformat(one["signed_at"])),
            f"{datetime.fromisoformat(as_of).astimezone(CHINA):%Y-%m-%d %H:%M}" if as_of else "——",
            one["keyid"][:16],
        )
    return table


def _oldest(one: Admitted) -> datetime | None:
    return min(
        (from_timestamp(cell.data_as_of) for cell in one.fragment.cells if cell.HasField("data_as_of")), default=None
    )
