"""Verification by number and code: what a gateway says, with the home's signed status checked here.

Without the file there is nothing to check but the status: what to compare is the gateway's word, and the person compares. "Valid"
is said only where the home that the number names signed it, freshly.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any, Final

from contract import report_number
from contract.province import Province
from contract.status_check import StatusError, check_status
from huren.report.v1 import report_status_pb2
from signing import TrustStore, Verifier
from verifier.online import CodeAnswer
from verifier.showing import explained, show_trust
from verifier.terminal import bold, out, say, visible
from verifier.verdict import EXIT_OTHERWISE, EXIT_VALID

NOT_SIGNED: Final = "STATUS_MISSING"
CONTRADICTS: Final = "STATUS_SAYS_OTHERWISE"

_WITH_STATUS: Final = frozenset({"VALID", "SUPERSEDED", "REVOKED", "EXPIRED"})


def status_fault(answer: CodeAnswer, number: str, *, trust: TrustStore, at: datetime) -> str:
    """Why the answer is not borne out by what the home signed; empty if it is, or says nothing about a report."""
    if answer.verdict not in _WITH_STATUS:
        return ""
    if not answer.status:
        return NOT_SIGNED
    number = unicodedata.normalize("NFKC", number).strip().upper()  # as the gateway folds what was typed
    try:
        status = check_status(
            answer.status,
            verifier=Verifier(trust),
            report_number=number,
            report_statement_id=None,
            issuer=Province(report_number.check(number).province),
            at=at,
        )
    except StatusError as error:
        return str(error.fault)
    except ValueError:  # no report number
        return CONTRADICTS
    state = report_status_pb2.ReportState.Name(status.state).removeprefix("REPORT_STATE_")
    return "" if state == answer.verdict else CONTRADICTS


def exit_code(answer: CodeAnswer, fault: str) -> int:
    """Of the command."""
    return EXIT_VALID if answer.verdict == "VALID" and not fault else EXIT_OTHERWISE


def answer_document(answer: CodeAnswer, fault: str) -> dict[str, Any]:
    """The answer as JSON."""
    return {
        "verdict": "NO_CONCLUSION" if fault else answer.verdict,
        "reason": fault,
        "headline": _NO_CONCLUSION[0] if fault else answer.headline,
        "advice": _NO_CONCLUSION[1] if fault else answer.advice,
        "english": _NO_CONCLUSION[2] if fault else answer.english,
        "exit_code": exit_code(answer, fault),
        "comparison": {} if fault else answer.comparison,
    }


_NO_CONCLUSION: Final = (
    "暂不能作结论",
    "核验服务的答复与出具单位签名的状态不符，请稍后再试，或向出具单位核实",
    "What the gateway says is not borne out by a status that the issuing home signed: try again later, or ask the issuing unit",
)

_FACTS: Final = {
    "report_number": "报告编号 number",
    "name": "主体 subject",
    "masked_uscc": "统一社会信用代码 code",
    "issuer": "出具单位 issuer",
    "issued_at": "出具时间 issued",
    "window": "查询时段 window",
    "catalogue_version": "清单版本 catalogue",
    "conclusion": "结论 conclusion",
}


def show_answer(answer: CodeAnswer, fault: str, *, trust: TrustStore, at: datetime) -> None:
    """The answer for a person: what to compare, then the verdict."""
    document = answer_document(answer, fault)
    comparison = document["comparison"]
    for name, label in _FACTS.items():
        if name in comparison:
            say(f"{label}: {_text(comparison[name])}")
    for line in _matrix(comparison):
        say(line)
    say()
    out.print(bold(document["headline"]).append(f" · {visible(document['advice'])}", style="not bold"), soft_wrap=True)
    say(document["english"])
    if fault:
        say(f"原因 reason: {explained(fault)}")
    show_trust(trust.published_at, at)


_CELLS: Final = {"CLEAR": "未查询到", "NOT_COVERED": "未纳入", "NOT_APPLICABLE": "——"}
_KINDS: Final = {"PENALTY": "行政处罚", "SERIOUS_LIST": "严重失信主体名单"}


def _matrix(comparison: dict[str, Any]) -> list[str]:
    """One line for each cell's row, as far as the gateway gave them as agreed."""
    try:
        provinces = [Province.from_slug(slug).name_zh for slug in comparison.get("provinces", [])]
        return [
            f"  {row['domain']}（{_KINDS[row['kind']]}）："
            + "、".join(
                f"{name} {_CELLS[state] if state != 'FOUND' else f'{int(count)}条'}"
                for name, state, count in zip(provinces, row["states"], row["record_counts"], strict=True)
            )
            for row in comparison.get("rows", [])
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return ["  （明细未按约定给出，请以网页核验为准 the matrix is not as agreed: verify on the web page）"]


def _text(value: object) -> str:
    if isinstance(value, dict):
        return " 至 ".join(str(part) for part in value.values())
    return str(value)
