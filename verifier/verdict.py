"""What the verifier says about a file, in which words, and with which exit code.

Authenticity is one thing, status another: offline nobody can know whether a report was superseded or revoked since. Only VALID, by
a fresh status that the issuing home signed, has exit code 0.

Source of the words: the four provinces' wording table, section 3.7. No word calls a report true, false, valid or invalid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from contract.days import CHINA, china_day, from_timestamp, parse_day
from contract.reasons import REVOCATION_WORDS, Words
from contract.report_check import CheckedReport
from contract.status_check import StatusFault
from contract.wording import LIMITED, not_covered
from huren.report.v1 import report_status_pb2
from verifier.seal_check import CheckedSeal

EXIT_VALID: Final = 0
EXIT_OTHERWISE: Final = 1
EXIT_STATUS_NOT_CHECKED: Final = 3

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Nothing larger is read, so that memory is bounded. A report of 10 000 records has a few megabytes; where its JSON form is too
large, its statement is not."""

MAX_TRUST_AGE: Final = timedelta(days=30)
"""Trust data older than this may miss a compromised key. Source: system default, not confirmed."""


class Verdict(StrEnum):
    """The verdicts."""

    VALID = "VALID"
    SUPERSEDED = "SUPERSEDED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    AUTHENTIC_STATUS_NOT_CHECKED = "AUTHENTIC_STATUS_NOT_CHECKED"
    TAMPERED = "TAMPERED"
    SIGNER_NOT_TRUSTED = "SIGNER_NOT_TRUSTED"
    NO_EMBEDDED_DATA = "NO_EMBEDDED_DATA"
    SCAN = "SCAN"
    NOT_A_FILE_OF_OURS = "NOT_A_FILE_OF_OURS"
    TOO_LARGE = "TOO_LARGE"
    TRUST_STALE = "TRUST_STALE"
    TRUST_INSUFFICIENT = "TRUST_INSUFFICIENT"


@dataclass(frozen=True, slots=True)
class Wording:
    """What people are told.

    Attributes:
        headline: In Chinese, a few words.
        advice: In Chinese, what to do.
        english: Both, in English.
        exit_code: Of the command.
    """

    headline: str
    advice: str
    english: str
    exit_code: int = EXIT_OTHERWISE


WORDING: Final[dict[Verdict, Wording]] = {
    Verdict.VALID: Wording(
        "核验一致",
        "由{unit}于{issued}出具，出具后未发生影响结论的更新。请逐项与手中报告核对，不一致的请勿采信",
        "As issued by {unit} at {issued} (China time), and nothing that alters the conclusion was known to it at {asked}. "
        "Compare it, item by item, with the report in your hands; do not rely on what differs",
        EXIT_VALID,
    ),
    Verdict.SUPERSEDED: Wording(
        "信息已更新",
        "该报告确由{unit}出具，出具后信息于{since}更新，请向企业索取新报告",
        "The report was issued by {unit}; what it says changed on {since}. Ask the enterprise for a new report",
    ),
    Verdict.REVOKED: Wording(
        "报告已作废",
        "{since}作废（原因：{category}），不得使用",
        "The issuing unit took the report back on {since} (reason: {category_en}). It may not be used",
    ),
    Verdict.EXPIRED: Wording(
        "超过使用期限",
        "依据出具单位所定规则，本报告使用期限至{last_day}",
        "By a rule of the issuing unit the report could be used until {last_day}",
    ),
    Verdict.AUTHENTIC_STATUS_NOT_CHECKED: Wording(
        "文件与原件一致",
        "离线核验不能确认是否已更新或作废，请联网核验（截至{today}）",
        "The file is as issued. Whether it was superseded or revoked since was not checked: verify online (as of {today})",
        EXIT_STATUS_NOT_CHECKED,
    ),
    Verdict.TAMPERED: Wording(
        "与原件不一致",
        "文件内容与出具原件不一致，请勿采信。编辑、另存、转换都可能造成，请扫描二维码或向企业索取原件",
        "The file is not as issued; do not rely on it. Editing, saving anew or converting may be the cause: scan the QR code, or "
        "ask the enterprise for the original",
    ),
    Verdict.SIGNER_NOT_TRUSTED: Wording(
        "签名方不被信任",
        "签名所用密钥或证书不在信任数据中，或在签名时已停用、失密，请勿采信。信任数据较旧时请先更新",
        "A signing key or certificate is not in the trust data, or was retired or compromised when it signed; do not rely on the "
        "file. If the trust data is old, renew it first",
    ),
    Verdict.NO_EMBEDDED_DATA: Wording(
        "无法核验本文件",
        "文件不含出具数据（可能被邮件系统或另存去除），请扫描二维码或输入编号和核验码",
        "The file does not hold the data it was issued with, which a mail system or saving anew may have removed: scan the QR "
        "code, or enter number and code",
    ),
    Verdict.SCAN: Wording(
        "无法核验本文件",
        "这是扫描件或图片，请扫描二维码或输入编号和核验码",
        "This is a scan or a picture: scan the QR code, or enter number and code",
    ),
    Verdict.NOT_A_FILE_OF_OURS: Wording(
        "无法核验本文件",
        "这不是互认版报告的文件，请向企业索取原件（.pdf、.report 或 .json）；压缩包请先解压",
        "This is no file of a mutual report: ask the enterprise for the original (.pdf, .report or .json); unpack an archive first",
    ),
    Verdict.TOO_LARGE: Wording(
        "暂不能作结论",
        "文件超过本工具可核验的大小（64 MiB，或展开后过大）。请改用同一报告的 .report 文件核验",
        "The file is larger than this tool verifies (64 MiB), or unpacks to too much. Verify the .report file of the same report, "
        "which is smaller",
    ),
    Verdict.TRUST_STALE: Wording(
        "暂不能作结论",
        "核验工具的信任数据已超过{limit}天，请更新后再核验",
        "The trust data of this tool is more than {limit} days old: renew it, then verify again",
    ),
    Verdict.TRUST_INSUFFICIENT: Wording(
        "暂不能作结论",
        "报告使用的事项清单或规则版本不为本工具所知，请更新工具后再核验",
        "The report was made by a catalogue or rules that this tool does not know: renew the tool, then verify again",
    ),
}
"""Words in braces are filled in by `Result.wording`."""

SHOWN_WHOLE: Final = frozenset({Verdict.VALID, Verdict.AUTHENTIC_STATUS_NOT_CHECKED})
"""Of a report that does not stand as issued neither conclusion nor scope is shown: somebody might rely on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a verification.

    Attributes:
        verdict: The verdict.
        at: When it was verified.
        reason: Name of the rule that is broken, and where; empty if none.
        checked: The report, where it is authentic.
        seal: The seal of the PDF, where it counts.
        status: What the home said about the report, where that counts.
        status_fault: Why what was given as the report's status does not count.
        superseded_since: Where the clock or the status says so.
        trust_published_at: How fresh the trust data is.
        file_sha256: Digest of the file, in hex.
    """

    verdict: Verdict
    at: datetime
    reason: str = ""
    checked: CheckedReport | None = None
    seal: CheckedSeal | None = None
    status: report_status_pb2.ReportStatus | None = None
    status_fault: StatusFault | None = None
    superseded_since: date | None = None
    trust_published_at: datetime | None = None
    file_sha256: str = ""

    @property
    def wording(self) -> Wording:
        """What people are told."""
        words = WORDING[self.verdict]
        facts = self._facts()
        headline, advice, english = (text.format_map(facts) for text in (words.headline, words.advice, words.english))
        if (shown := self.shown_whole) is not None and shown.report.conclusion.limited:
            headline = f"{headline} · {LIMITED}"
            advice = f"{advice}。下列事项未纳入：{'、'.join(not_covered(shown.report, shown.catalogue))}"
            english = f"{english}. Limited scope: some of what was asked for is not covered, see the conclusion"
        if self.verdict is Verdict.VALID and self.status is not None and self.status.wording_corrected:
            advice = f"{advice}。出具后有文字更正，不影响结论"
            english = f"{english}. Words were corrected since; the conclusion is as it was"
        return Wording(headline, advice, english, words.exit_code)

    @property
    def shown_whole(self) -> CheckedReport | None:
        """The report, where what it concludes may be shown."""
        return self.checked if self.verdict in SHOWN_WHOLE else None

    @property
    def status_at(self) -> datetime | None:
        """Of which instant the status speaks."""
        return from_timestamp(self.status.header.issued_at) if self.status is not None else None

    def _facts(self) -> dict[str, str]:
        facts = {"today": china_day(self.at).isoformat(), "limit": str(MAX_TRUST_AGE.days)}
        if self.checked is not None:
            facts["unit"] = self.checked.report.issuer.unit
            facts["issued"] = china_time(self.checked.issued_at)
        if self.superseded_since is not None:
            facts["since"] = self.superseded_since.isoformat()
        if self.status is not None:
            facts["asked"] = china_time(from_timestamp(self.status.header.issued_at))
            facts["category"], facts["category_en"] = revocation_words(self.status)
            if self.status.since:
                facts.setdefault("since", self.status.since)
                facts["last_day"] = (parse_day(self.status.since) - timedelta(days=1)).isoformat()
        return facts


def revocation_words(status: report_status_pb2.ReportStatus) -> Words:
    """Why a report was taken back; a category of a later release is another one (其他)."""
    return REVOCATION_WORDS.get(status.revocation, REVOCATION_WORDS[report_status_pb2.REVOCATION_CATEGORY_OTHER])


def china_time(at: datetime) -> str:
    """An instant for people, to the second, in China."""
    return f"{at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
