"""What the verifier says about a file, and with which exit code.

Authenticity is one thing, status another: offline nobody can know whether a report was superseded or revoked since.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from contract.report_check import CheckedReport


class Verdict(StrEnum):
    """The verdicts."""

    AUTHENTIC_STATUS_NOT_CHECKED = "AUTHENTIC_STATUS_NOT_CHECKED"
    TAMPERED = "TAMPERED"
    SIGNER_NOT_TRUSTED = "SIGNER_NOT_TRUSTED"
    NO_EMBEDDED_DATA = "NO_EMBEDDED_DATA"
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
    exit_code: int


WORDING: Final[dict[Verdict, Wording]] = {
    Verdict.AUTHENTIC_STATUS_NOT_CHECKED: Wording(
        "文件与原件一致",
        "离线核验不能确认是否已更新或作废，请向出具单位核实当前状态",
        "The file is as issued. Whether it was superseded or revoked since was not checked: ask the issuing unit for its status",
        3,
    ),
    Verdict.TAMPERED: Wording(
        "与原件不一致",
        "文件内容与出具原件不一致，请勿采信。编辑、另存、转换都可能造成，请向企业索取原件",
        "The file is not as issued; do not rely on it. Editing or converting may be the cause: ask the enterprise for the "
        "original",
        1,
    ),
    Verdict.SIGNER_NOT_TRUSTED: Wording(
        "签名方不被信任",
        "签名所用密钥不在信任数据中，或在签名时已停用、失密，请勿采信。信任数据较旧时请先更新",
        "A signing key is not in the trust data, or was retired or compromised when it signed; do not rely on the file. If the "
        "trust data is old, renew it first",
        1,
    ),
    Verdict.NO_EMBEDDED_DATA: Wording(
        "无法核验本文件",
        "文件不含出具数据（可能被另存或转换去除），请向企业索取原件",
        "The file does not hold the signed statement, which saving or converting may have removed: ask for the original",
        1,
    ),
    Verdict.NOT_A_FILE_OF_OURS: Wording(
        "无法核验本文件",
        "这不是互认版报告的数据文件，请向企业索取原件（.report 或 .json）",
        "This is no file of a mutual report: ask the enterprise for the original (.report or .json)",
        1,
    ),
    Verdict.TOO_LARGE: Wording(
        "暂不能作结论",
        "文件超过本工具可核验的大小（64 MiB）。大报告的 .json 文件较大，请改用同一报告的 .report 文件核验",
        "The file is larger than this tool verifies (64 MiB). Of a large report verify the .report file, which is much smaller "
        "than its .json form",
        1,
    ),
    Verdict.TRUST_STALE: Wording(
        "暂不能作结论",
        "核验工具的信任数据已超过期限，请更新后再核验",
        "The trust data of this tool is too old: renew it, then verify again",
        1,
    ),
    Verdict.TRUST_INSUFFICIENT: Wording(
        "暂不能作结论",
        "报告使用的事项清单或规则版本不为本工具所知，请更新工具后再核验",
        "The report was made by a catalogue or rules that this tool does not know: renew the tool, then verify again",
        1,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a verification.

    Attributes:
        verdict: The verdict.
        reason: Name of the rule that is broken, and where; empty if none.
        checked: The report, where it is authentic.
        trust_published_at: How fresh the trust data is.
        file_sha256: Digest of the file, in hex.
    """

    verdict: Verdict
    reason: str = ""
    checked: CheckedReport | None = None
    trust_published_at: datetime | None = None
    file_sha256: str = ""

    @property
    def wording(self) -> Wording:
        """What people are told."""
        return WORDING[self.verdict]
