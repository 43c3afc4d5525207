"""Verification by number and code: what a gateway says, with the home's signed status checked here.

Without the file there is nothing to check but the status: what to compare is the gateway's word, and the person compares. The
verdict is not: where a report stands is said only where the home that the number names signed it, and in the words that stand
here, never in those of the gateway.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from contract import report_number
from contract.days import parse_day
from contract.province import Province
from contract.status_check import StatusError, check_status
from contract.uscc import fold
from contract.wording import LIMITED, SPECIMEN, SPECIMEN_EN
from huren.report.v1 import report_status_pb2
from signing import TrustStore, Verifier
from verifier.online import CodeAnswer, Comparison
from verifier.showing import explained, show_trust
from verifier.terminal import bold, out, say, visible
from verifier.verdict import EXIT_VALID, MAX_TRUST_AGE, WORDING, Verdict, Wording, revocation_words

NOT_SIGNED: Final = "STATUS_MISSING"
CONTRADICTS: Final = "STATUS_SAYS_OTHERWISE"
NOT_AS_AGREED: Final = "ANSWER_NOT_AS_AGREED"

NO_CONCLUSION: Final = "NO_CONCLUSION"

_UNSIGNED: Final = {
    "UNKNOWN": Wording(
        "未查询到",
        "未查询到与所填编号和核验码相符的报告，请核对后重试",
        "No report fits this number and code: check both and try again",
    ),
    "TRY_LATER": Wording(
        "请稍后再试",
        "该编号的核验码尝试次数过多，请一小时后再试，或者扫描报告上的二维码",
        "Too many tries of a code for this number: try again in an hour, or scan the QR code",
    ),
    "HOME_UNREACHABLE": Wording(
        "暂不能核验",
        "暂时无法向出具单位核实，不能据此作任何结论，请稍后再试",
        "The issuing home cannot be asked at the moment, which says nothing about the report: try again later",
    ),
    "PROGRESS_SHEET": Wording(
        "这不是报告",
        "该编号为办理进度单，不作证明使用",
        "This is the number of a progress sheet, which is no report and proves nothing",
    ),
}
"""Verdicts that say nothing about a report."""

_SIGNED: Final = {
    "VALID": Wording(
        "核验一致",
        "出具后未发生影响结论的更新。请逐项与手中报告核对，不一致的请勿采信",
        "Nothing since alters the conclusion. Compare every item with the report in your hands; do not rely on one that differs",
        EXIT_VALID,
    ),
    "SUPERSEDED": Wording(
        "信息已更新",
        "该报告出具后信息于{since}更新，请向企业索取新报告",
        "What the report says changed on {since}. Ask the enterprise for a new one",
    ),
    "REVOKED": WORDING[Verdict.REVOKED],
    "EXPIRED": WORDING[Verdict.EXPIRED],
}
"""Verdicts that the home must have signed. Words in braces come from its status."""

_NO_CONCLUSION: Final = Wording(
    "暂不能作结论",
    "核验服务的答复与出具单位签名的状态不符，请稍后再试，或向出具单位核实",
    "What the gateway says is not borne out by a status that the issuing home signed: try again later, or ask the issuing unit",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeResult:
    """What is told about a number and a code.

    Attributes:
        verdict: The gateway's, where it is borne out; else why there is none.
        words: What people are told.
        reason: Name of what is wrong with the answer; empty if nothing.
        comparison: What to compare with the report in hand, with VALID.
    """

    verdict: str
    words: Wording
    reason: str = ""
    comparison: Comparison | None = None


def judge(answer: CodeAnswer, number: str, *, trust: TrustStore, at: datetime) -> CodeResult:
    """Takes of an answer what the home bears out.

    Args:
        answer: The gateway's.
        number: As it was typed.
        trust: Keys to believe.
        at: Now.
    """
    if answer.verdict in _UNSIGNED:
        return CodeResult(verdict=answer.verdict, words=_UNSIGNED[answer.verdict])
    if answer.verdict not in _SIGNED:
        return _no_conclusion(NOT_AS_AGREED)
    if at - trust.published_at > MAX_TRUST_AGE:
        words = _filled(WORDING[Verdict.TRUST_STALE], {"limit": str(MAX_TRUST_AGE.days)})
        return CodeResult(verdict=Verdict.TRUST_STALE, words=words)
    if not answer.status:
        return _no_conclusion(NOT_SIGNED)
    number = fold(number)  # as the gateway folds what was typed
    try:
        status = _status(answer.status, number, trust=trust, at=at)
    except StatusError as error:
        return _no_conclusion(error.fault)
    except ValueError:  # no report number
        return _no_conclusion(CONTRADICTS)
    return _borne_out(answer, number, status)


def _status(envelope: bytes, number: str, *, trust: TrustStore, at: datetime) -> report_status_pb2.ReportStatus:
    return check_status(
        envelope,
        verifier=Verifier(trust),
        report_number=number,
        report_statement_id=None,
        issuer=report_number.check(number).province,
        at=at,
    )


def _borne_out(answer: CodeAnswer, number: str, status: report_status_pb2.ReportStatus) -> CodeResult:
    if report_status_pb2.ReportState.Name(status.state).removeprefix("REPORT_STATE_") != answer.verdict:
        return _no_conclusion(CONTRADICTS)
    words = _filled(_SIGNED[answer.verdict], _facts(status))
    if answer.verdict != "VALID":
        return CodeResult(verdict=answer.verdict, words=words)
    if answer.comparison is None or answer.comparison.report_number != number:
        return _no_conclusion(NOT_AS_AGREED)
    if answer.comparison.limited_scope:
        words = _filled(words, {}, headline=f"{words.headline} · {LIMITED}")
    return CodeResult(verdict=answer.verdict, words=words, comparison=answer.comparison)


def _no_conclusion(reason: str) -> CodeResult:
    return CodeResult(verdict=NO_CONCLUSION, words=_NO_CONCLUSION, reason=str(reason))


def _filled(words: Wording, facts: dict[str, str], *, headline: str = "") -> Wording:
    return Wording(
        headline or words.headline, words.advice.format_map(facts), words.english.format_map(facts), words.exit_code
    )


def _facts(status: report_status_pb2.ReportStatus) -> dict[str, str]:
    if not status.since:
        return {}
    category, category_en = revocation_words(status)
    last_day = (parse_day(status.since) - timedelta(days=1)).isoformat()
    return {"since": status.since, "last_day": last_day, "category": category, "category_en": category_en}


def code_document(result: CodeResult) -> dict[str, Any]:
    """The result as JSON."""
    words = result.words
    return {
        "verdict": result.verdict,
        "reason": result.reason,
        "headline": words.headline,
        "advice": words.advice,
        "english": words.english,
        "exit_code": words.exit_code,
        "comparison": result.comparison.model_dump() if result.comparison else {},
    }


_LABELS: Final = {
    "report_number": "报告编号 number",
    "name": "主体 subject",
    "masked_uscc": "统一社会信用代码 code",
    "issuer": "出具单位 issuer",
    "issued_at": "出具时间 issued",
    "catalogue_version": "清单版本 catalogue",
    "conclusion": "结论 conclusion",
}


def show_code_result(result: CodeResult, *, trust: TrustStore, at: datetime) -> None:
    """The result for a person: what to compare, then the verdict."""
    for line in _lines(result.comparison) if result.comparison else ():
        say(visible(line))  # a line of theirs is one line
    say()
    words = result.words
    out.print(bold(words.headline).append(f" · {visible(words.advice)}", style="not bold"), soft_wrap=True)
    say(words.english)
    if result.reason:
        say(f"原因 reason: {explained(result.reason)}")
    show_trust(trust.published_at, at)


_CELLS: Final = {"CLEAR": "未查询到", "NOT_COVERED": "未纳入", "NOT_APPLICABLE": "——"}
_KINDS: Final = {"PENALTY": "行政处罚", "SERIOUS_LIST": "严重失信主体名单"}


def _lines(comparison: Comparison) -> Iterator[str]:
    if comparison.specimen:
        yield f"{SPECIMEN}  {SPECIMEN_EN}"
    for name, label in _LABELS.items():
        yield f"{label}: {getattr(comparison, name)}"
    yield f"查询时段 window: {comparison.window.first_day} 至 {comparison.window.last_day}"
    provinces = [Province.from_slug(slug).name_zh for slug in comparison.provinces]
    for row in comparison.rows:
        cells = zip(provinces, row.states, row.record_counts, strict=True)
        told = (f"{name} {f'{count}条' if state == 'FOUND' else _CELLS[state]}" for name, state, count in cells)
        yield f"  {row.domain}（{_KINDS[row.kind]}）：{'、'.join(told)}"
