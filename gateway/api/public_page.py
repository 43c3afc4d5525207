"""The page where everybody verifies, as HTML: the forms, the result, what to compare, and where else to ask.

Whatever comes from outside is escaped here, in one place; the template holds no text but ours. A result is the same whether a
form was sent or the script asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from importlib import resources
from string import Template
from typing import Final

from contract.days import CHINA, from_timestamp
from contract.province import Province
from contract.wording import CELL_LEGEND, CELL_WORDS, KIND_NAMES, SPECIMEN, SPECIMEN_EN, TITLE
from gateway.federation.directory import Member
from gateway.verification.words import FREE, HOME_UNREACHABLE, Words
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import verification_service_pb2 as wire

_FILES: Final = resources.files("gateway.api") / "public"
_PAGE: Final = Template((_FILES / "verify.html").read_text("utf-8"))

SCRIPT: Final = (_FILES / "verify.js").read_text("utf-8")
STYLE: Final = (_FILES / "verify.css").read_text("utf-8")

_FACTS: Final = {
    "report_number": "报告编号",
    "name": "主体名称",
    "masked_uscc": "统一社会信用代码",
    "issuer": "出具单位",
    "issued_at": "出具时间",
    "window": "查询时段",
    "catalogue_version": "清单版本",
    "conclusion": "结论",
}
"""What is shown of an authentic file, by names of the verifier's document: as much of it as there is."""

_NO_NAME: Final = "（登记名称未取得）"


class Page:
    """Writes the page."""

    def __init__(self, *, specimen: bool, file_limit_bytes: int) -> None:
        """Takes what is the same on every page.

        Args:
            specimen: Outside production: every page says so.
            file_limit_bytes: The largest file that is taken.
        """
        self._specimen = _specimen() if specimen else ""
        self._limit_mb = file_limit_bytes // (1024 * 1024)

    def html(self, members: Iterable[Member], *, result: str = "", headline: str = "") -> str:
        """The whole page.

        Args:
            members: Whom to name with address and telephone.
            result: What `result_html` made; empty: nothing was asked yet.
            headline: For the title.
        """
        title = f"{headline} · 核验报告" if headline else "核验报告"
        return _PAGE.substitute(
            page_title=escape(f"{title} · {TITLE}"),
            report_title=TITLE,
            free=FREE,
            specimen=self._specimen,
            result=result,
            limit_mb=self._limit_mb,
            members="\n".join(_member(member) for member in members),
            failed=words_html(HOME_UNREACHABLE),
        )


def words_html(words: Words) -> str:
    """Headline, advice and English."""
    return f'<h2>{escape(words.headline)}</h2><p>{escape(words.advice)}。</p><p lang="en">{escape(words.english)}.</p>'


def comparison_html(comparison: wire.Comparison | None) -> str:
    """What to compare with the report in hand; nothing, where there is nothing to compare."""
    if comparison is None:
        return ""
    facts = {
        "报告编号": comparison.report_number,
        "主体名称": comparison.name or _NO_NAME,
        "统一社会信用代码": comparison.masked_uscc,
        "出具单位": comparison.issuer,
        "出具时间": _china_time(from_timestamp(comparison.issued_at)),
        "查询时段": f"{comparison.window.first_day} 至 {comparison.window.last_day}",
        "清单版本": comparison.catalogue_version,
        "结论": comparison.conclusion,
    }
    tables = "".join(_table(comparison, kind, name) for kind, name in KIND_NAMES.items())
    legend = "；".join(f"{word}：{meaning}" for word, meaning, _ in CELL_LEGEND)
    mark = _specimen() if comparison.specimen else ""
    return f'{mark}{_list(facts)}{tables}<p class="hint">{escape(legend)}。</p>'


def file_html(document: Mapping[str, object]) -> str:
    """What an authentic file says of itself; nothing, where nothing may be shown."""
    facts = {label: _fact(name, document[name]) for name, label in _FACTS.items() if name in document}
    mark = _specimen() if document.get("specimen") else ""
    return mark + _list(facts) if facts else ""


def _fact(name: str, value: object) -> str:
    match name, value:
        case "name", "":
            return _NO_NAME
        case "issued_at", str():
            return _china_time(datetime.fromisoformat(value))
        case "window", [first, last]:
            return f"{first} 至 {last}"
        case _:
            return str(value)


def _china_time(at: datetime) -> str:
    return f"{at.astimezone(CHINA):%F %T}（北京时间）"


def _specimen() -> str:
    return f'<p class="specimen">{SPECIMEN} <span lang="en">{SPECIMEN_EN}</span></p>'


def _list(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<dl>{rows}</dl>"


def _table(comparison: wire.Comparison, kind: int, name: str) -> str:
    rows = [row for row in comparison.rows if row.kind == kind and any(map(_applies, row.states))]
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{Province(province).name_zh}</th>' for province in comparison.provinces)
    body = "".join(
        f'<tr><th scope="row">{escape(row.domain)}</th>' + "".join(map(_cell, row.states, row.record_counts)) + "</tr>"
        for row in rows
    )
    return (
        f'<h3>{name}</h3><div class="scroll" role="region" aria-label="{name}" tabindex="0"><table>'
        f'<thead><tr><th scope="col">领域</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _applies(state: int) -> bool:
    return state != fragment_pb2.CELL_STATE_NOT_APPLICABLE


def _cell(state: int, count: int) -> str:
    word = CELL_WORDS[state].format(n=count)
    return f"<td><strong>{word}</strong></td>" if state == fragment_pb2.CELL_STATE_FOUND else f"<td>{word}</td>"


def _member(member: Member) -> str:
    lines = [f"<strong>{member.province.name_zh}</strong>", escape(member.unit)]
    if member.verification_url.startswith(("https://", "http://")):
        address = escape(f"{member.verification_url}/verify")
        lines.append(f'<a href="{address}" rel="noreferrer">{address}</a>')
    if member.telephone:
        lines.append(f"电话 {escape(member.telephone)}")
    return f"<li>{'<br>'.join(lines)}</li>"
