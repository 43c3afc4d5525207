"""What people are told: headline, advice and English for each verdict, the same for pages and programs.

Where a report does not stand as it was issued, whoever holds its code learns the date: no domain, no province, no direction. No
word here calls a report true, false, valid or invalid: 核验 compares, people decide.

Source: the provinces' wording for verdicts; TRY_LATER, HOME_UNREACHABLE and TRY_AGAIN are ours, not confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from contract.days import CHINA, from_timestamp, parse_day
from contract.province import Province
from contract.reasons import REVOCATION_WORDS
from contract.wording import KIND_NAMES, LIMITED
from gateway.verification.by_code import CodeResult, CodeVerdict
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import report_status_pb2
from huren.report.v1 import verification_service_pb2 as wire

COMPARE: Final = "请逐项与手中报告核对，不一致的请勿采信"
NOT_COVERED: Final = "下列事项未纳入："


@dataclass(frozen=True, slots=True)
class Words:
    """What people are told.

    Attributes:
        headline: In Chinese, a few words.
        advice: In Chinese, what to do.
        english: Both, in English.
    """

    headline: str
    advice: str
    english: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a report that is shown says of itself, as far as the words repeat it.

    Attributes:
        issued_at: When it was issued.
        limited: Whether something is not covered.
        not_covered: What, in words.
    """

    issued_at: datetime
    limited: bool
    not_covered: Sequence[str]


UNKNOWN: Final = Words(
    "未查询到",
    "未查询到与所填编号和核验码相符的报告，请核对后重试",
    "No report fits this number and code. Check both and try again",
)
TRY_LATER: Final = Words(
    "请稍后再试",
    "该编号的核验码尝试次数过多，请一小时后再试，或者扫描报告上的二维码核验",
    "Too many tries of a code for this number. Try again in an hour, or scan the QR code of the report",
)
HOME_UNREACHABLE: Final = Words(
    "暂不能核验",
    "暂时无法向该报告的出具地核实，不能据此作任何结论，请稍后再试或者到出具地的核验地址核验",
    "The report's home cannot be asked at the moment, which says nothing about the report. Try again later, or verify at the "
    "home's own address",
)
PROGRESS_SHEET: Final = Words(
    "这不是报告",
    "该编号为办理进度单，不作证明使用",
    "This is the number of a progress sheet, which is no report and proves nothing",
)
AUTHENTIC_STATUS_UNKNOWN: Final = Words(
    "文件与原件一致",
    "暂时无法向该报告的出具地核实，不能确认是否已更新或作废，请稍后再试",
    "The file is as issued. Its home cannot be asked at the moment whether it was superseded or revoked since: try again later",
)
AUTHENTIC_NOT_KNOWN: Final = Words(
    "未查询到",
    "出具地未查询到该文件所载的报告，请向企业索取新报告",
    "The home does not know the report that the file holds: ask the enterprise for a new one",
)
NOT_READ_IN_TIME: Final = Words(
    "无法核验本文件",
    "文件过于复杂，未能在限定的时间和内存内完成核验。请扫描二维码或者输入编号和核验码",
    "The file could not be verified within the time and memory allowed. Scan the QR code or enter number and code",
)

_WITHOUT_STATUS: Final[Mapping[CodeVerdict, Words]] = {
    CodeVerdict.UNKNOWN: UNKNOWN,
    CodeVerdict.TRY_LATER: TRY_LATER,
    CodeVerdict.HOME_UNREACHABLE: HOME_UNREACHABLE,
    CodeVerdict.PROGRESS_SHEET: PROGRESS_SHEET,
}


def words_of(result: CodeResult, units: Mapping[Province, str]) -> Words:
    """What people are told about a verification by code.

    Args:
        result: The result.
        units: Names of the issuing units, for reports of which nothing else is shown.
    """
    if result.signed is None or result.home is None:
        return _WITHOUT_STATUS[result.verdict]
    unit = result.comparison.issuer if result.comparison else units.get(result.home, result.home.name_zh)
    return status_words(result.signed.status, unit, _stated(result.comparison) if result.comparison else None)


def with_scope(told: Words, *, limited: bool) -> Words:
    """The same words, with 有限范围 in the headline of a report of limited scope."""
    return replace(told, headline=f"{told.headline} · {LIMITED}") if limited else told


def status_words(status: report_status_pb2.ReportStatus, unit: str, stated: Stated | None) -> Words:
    """What people are told about a report whose status is known.

    Args:
        status: The status.
        unit: 出具单位.
        stated: What it says of itself, with VALID.

    Raises:
        ValueError: There is no such state, or a VALID report says nothing of itself.
    """
    match status.state:
        case report_status_pb2.REPORT_STATE_VALID:
            if stated is None:
                raise ValueError("of a VALID report its holder is told what to compare")
            return _valid(status, unit, stated)
        case report_status_pb2.REPORT_STATE_SUPERSEDED:
            return Words(
                "信息已更新",
                f"该报告确由{unit}出具，出具后信息于{status.since}更新，请向企业索取新报告",
                f"Issued by the unit named; its information was updated on {status.since}. Ask the enterprise for a new report",
            )
        case report_status_pb2.REPORT_STATE_REVOKED:
            zh, en = REVOCATION_WORDS[status.revocation]
            return Words(
                "报告已作废",
                f"{status.since}作废（原因：{zh}），不得使用",
                f"Taken back on {status.since} ({en}). It may not be used",
            )
        case report_status_pb2.REPORT_STATE_EXPIRED:
            last = parse_day(status.since) - timedelta(days=1)
            return Words(
                "超过使用期限",
                f"依据出具单位公布的使用期限规则，本报告使用期限至{last}",
                f"By the issuer's published rule it could be used until {last}",
            )
        case other:
            raise ValueError(f"expected a state of a report, got {other}")


def _valid(status: report_status_pb2.ReportStatus, unit: str, stated: Stated) -> Words:
    missing, missing_en = "", ""
    if stated.limited:
        missing = f"。{NOT_COVERED}{'、'.join(stated.not_covered)}"
        missing_en = ". Of limited scope: what it names as not covered is not reflected"
    local = stated.issued_at.astimezone(CHINA)
    since = "出具后有文字更正，不影响结论" if status.wording_corrected else "出具后未发生影响结论的更新"
    corrected_en = "words were corrected since, which alters no conclusion; " if status.wording_corrected else ""
    told = Words(
        "核验一致",
        f"由{unit}于{local:%F %T}（北京时间）出具，{since}。{COMPARE}{missing}",
        f"Issued on {local:%F %T} (UTC+8); {corrected_en}nothing since alters what it says. Compare every item with the report in "
        f"hand and do not rely on one that differs{missing_en}",
    )
    return with_scope(told, limited=stated.limited)


def _stated(comparison: wire.Comparison) -> Stated:
    return Stated(
        issued_at=from_timestamp(comparison.issued_at),
        limited=comparison.limited,
        not_covered=_not_covered(comparison),
    )


def _not_covered(comparison: wire.Comparison) -> list[str]:
    return [
        f"{Province(province).name_zh}{row.domain}（{KIND_NAMES[row.kind]}）"
        for column, province in enumerate(comparison.provinces)
        for row in comparison.rows
        if row.states[column] == fragment_pb2.CELL_STATE_NOT_COVERED
    ]
