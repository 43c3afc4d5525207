"""Reports of an enterprise (我的报告), one of them with all that it says, its files, and what the home told (消息)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from contract.consent_words import BASES, NO_WORDS
from contract.days import china_day
from contract.errors import ErrorCode, HurenError
from contract.province import Province
from contract.reasons import CHANGE_CAUSES, REVOCATION_WORDS, Words
from contract.report_file import STATEMENT_MEDIA_TYPE, STATEMENT_SUFFIX
from gateway.api.parts import PeopleParts
from gateway.api.ports import ReportEntry
from gateway.api.problems import malformed
from gateway.portal.listing import Column, Filter, Shown, Table, cursor
from gateway.portal.parts import PortalParts
from gateway.portal.report_view import ReportView, view_of
from gateway.portal.terminals import is_at_terminal
from gateway.portal.visit import Answer, Handler, View, Visit, download
from gateway.portal.words import LEGEND_EN, MATRIX_EN, NOTICES, RECORD_KINDS, REPORT_STATES
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2 as statuses

_NUMBER: Final = r"HR[0-9]{18}[0-9A-Z]"
_START: Final = re.compile(r"[1-9][0-9]{0,6}", re.ASCII)

_PAGE: Final = 20
_READ: Final = 50
_MOST_READ: Final = 400
"""Reports that are looked at for a page of those in one state: where a report stands is in no column of the store."""

_NEWEST: Final = "-issued"
_OLDEST: Final = "issued"

_FORMATS: Final[Mapping[str, wire.ReportFormat.ValueType]] = {
    "pdf": wire.REPORT_FORMAT_PDF,
    "json": wire.REPORT_FORMAT_JSON,
}
_STATEMENT: Final = "report"

_STATES: Final[Mapping[str, statuses.ReportState.ValueType]] = {
    "valid": statuses.REPORT_STATE_VALID,
    "superseded": statuses.REPORT_STATE_SUPERSEDED,
    "revoked": statuses.REPORT_STATE_REVOKED,
    "expired": statuses.REPORT_STATE_EXPIRED,
}
"""How an address names a state."""

_NEW_NOTICES: Final = 30
"""Notices that are not folded away."""


def _is_in(entry: ReportEntry, state: str) -> bool:
    return entry.state == _STATES[state]


_REPORTS: Final[Table[ReportEntry]] = Table(
    name="reports",
    columns=(
        Column(name="number", label=Words("报告编号", "Number")),
        Column(name="subject", label=Words("主体", "Subject")),
        Column(name="window", label=Words("查询时段", "Period")),
        Column(name="issued", label=Words("出具时间", "Issued"), key=lambda entry: entry.line.issued_at),
        Column(name="basis", label=Words("依据", "On what ground")),
        Column(name="state", label=Words("当前状态", "Now")),
        Column(name="actions", label=Words("办理", "What to do")),
    ),
    filters=(
        Filter(
            name="state",
            label=Words("当前状态", "Now"),
            keep=_is_in,
            # No rule sets days after which a report is not used any more.
            options=tuple((name, REPORT_STATES[_STATES[name]]) for name in ("valid", "superseded", "revoked")),
        ),
    ),
    sort=_NEWEST,
    size=_PAGE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStanding:
    """Where a report stands, for its page.

    Attributes:
        state: Its number.
        words: The same in words.
        since: Since which day. Empty: it is as it was issued.
        revocation: Why it was taken back. None: it was not.
        reasons: What led there: day, province, what, about what.
        wording_corrected: Words in a record were corrected since.
    """

    state: int
    words: Words
    since: str
    revocation: Words | None
    reasons: tuple[tuple[str, Words | None, Words, tuple[Words, ...]], ...]
    wording_corrected: bool

    @property
    def is_valid(self) -> bool:
        """Whether nothing is known that alters it."""
        return self.state == statuses.REPORT_STATE_VALID

    @property
    def is_revoked(self) -> bool:
        """Whether it was taken back."""
        return self.state == statuses.REPORT_STATE_REVOKED


class ReportsSection:
    """Pages about reports and notices."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._parts = parts
        self._people = people

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {
            "reports": self.reports,
            "report": self.report,
            "report_file": self.report_file,
            "notices": self.notices,
        }

    # --- The list ---------------------------------------------------------------------------------------------------------

    async def reports(self, visit: Visit) -> Answer:
        """我的报告: those that were issued to the enterprise."""
        oldest_first = visit.asked("sort") == _OLDEST
        state = _REPORTS.chosen(visit, "state")
        before = cursor(visit, _NUMBER)
        found, following = await self._found(visit, state, before, oldest_first=oldest_first)
        shown = _sorted(_REPORTS.of_page(visit, found, following), following, oldest_first=oldest_first)
        return View(
            template="reports/reports.html",
            values={
                "shown": shown,
                "is_empty": not found and not state and not before,
                "states": REPORT_STATES,
                "bases": BASES,
                "no_words": NO_WORDS,
                "grant_basis": query_pb2.AUTHORISATION_BASIS_GRANT,
                "valid": statuses.REPORT_STATE_VALID,
                "revoked": statuses.REPORT_STATE_REVOKED,
                "superseded": statuses.REPORT_STATE_SUPERSEDED,
                "own": visit.on_behalf_of.uscc,
            },
        )

    async def _found(
        self, visit: Visit, state: str, before: str, *, oldest_first: bool
    ) -> tuple[list[ReportEntry], str]:
        """A page of reports, and after which one the next page begins. Empty: there is none."""
        kept: list[ReportEntry] = []
        limit = _READ if state else _PAGE + 1
        for _ in range(_MOST_READ // _READ):
            entries = await self._people.overview.reports(
                visit.acting, before=before, limit=limit, oldest_first=oldest_first
            )
            for entry in entries:
                if len(kept) == _PAGE:
                    return kept, before
                before = entry.line.report_number
                if not state or _is_in(entry, state):
                    kept.append(entry)
            if len(entries) < limit:
                return kept, ""
        return kept, before

    # --- One report -------------------------------------------------------------------------------------------------------

    async def report(self, visit: Visit) -> Answer:
        """报告详情. Of one that was taken back nothing is shown but that it was."""
        people, enterprise = self._people, visit.on_behalf_of
        sealed = await people.reports.get_report(_number(visit), visit.acting)
        standing = _shown((await people.standing.standing(sealed.report_number)).to_wire(), self._domains(visit))
        values = {
            "number": sealed.report_number,
            "standing": standing,
            "issued_at": sealed.issued_at,
            "contact": self._parts.directory.members[self._parts.province].contact,
        }
        if standing.is_revoked:
            return View(template="reports/revoked.html", values=values)
        checked = await people.files.checked(sealed)
        start = visit.asked("from")
        view = await asyncio.to_thread(
            view_of,
            checked,
            path=visit.request.path,
            group=visit.asked("group"),
            start=int(start) if _START.fullmatch(start) else 0,
        )
        report = checked.report
        return View(
            template="reports/report.html",
            values=values
            | {
                "view": view,
                "doc": view.document,
                "subject": report.subject,
                "window": report.window,
                "typed_code": "-".join(sealed.typed_code[at : at + 4] for at in range(0, len(sealed.typed_code), 4)),
                "is_own": report.subject.uscc == enterprise.uscc,
                "legend": _legend(view),
            },
        )

    def _domains(self, visit: Visit) -> Mapping[str, Words]:
        catalogue = self._parts.catalogues.in_force(china_day(visit.at))
        return {domain.id: Words(domain.name, domain.name_en) for domain in catalogue.domains}

    async def report_file(self, visit: Visit) -> Answer:
        """A report as a file: for people, for machines, or the statement as it was signed."""
        form = visit.asked("format", "pdf")
        if form not in _FORMATS and form != _STATEMENT:
            raise malformed("没有这种文件格式", "there is no such format", field="format")
        sealed = await self._people.reports.get_report(_number(visit), visit.acting)
        # As the REST API: a file that is younger than the revocation would look as if the report still held.
        await self._people.standing.require_not_revoked(sealed.report_number)
        inline = is_at_terminal(visit.logged_in)  # nothing is kept on a device that everybody uses
        if form == _STATEMENT:
            name = f"{sealed.report_number}{STATEMENT_SUFFIX}"
            return download(sealed.envelope, media_type=STATEMENT_MEDIA_TYPE, name=name, inline=inline)
        file = await self._people.files.report(sealed, _FORMATS[form])
        return download(file.content, media_type=file.media_type, name=file.name, inline=inline)

    # --- Notices ----------------------------------------------------------------------------------------------------------

    async def notices(self, visit: Visit) -> Answer:
        """消息: what the home told the enterprise."""
        found = await self._people.notices.of(visit.on_behalf_of.uscc)
        told = [_Told(notice, NOTICES.get(notice.kind, NO_WORDS)) for notice in found]
        return View(
            template="reports/notices.html",
            values={"told": told[:_NEW_NOTICES], "earlier": told[_NEW_NOTICES:], "kinds": wire.NoticeKind},
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """A notice with its words."""

    notice: wire.Notice
    words: Words


def _number(visit: Visit) -> str:
    number = visit.path("report")
    if not re.fullmatch(_NUMBER, number, re.ASCII):
        raise HurenError(ErrorCode.REPORT_NOT_FOUND)
    return number


def _sorted(shown: Shown[ReportEntry], following: str, *, oldest_first: bool) -> Shown[ReportEntry]:
    """The page as the service sorted it."""
    sort = _OLDEST if oldest_first else _NEWEST
    if not following:
        return replace(shown, sort=sort)
    query = {name: value for name, value in shown.chosen.items() if value} | {"sort": sort, "after": following}
    return replace(shown, sort=sort, following=f"{shown.path}?{urlencode(query)}")


def _legend(view: ReportView) -> Sequence[tuple[Words, Words]]:
    """Every word of the tables, with what it means."""
    return [
        (
            Words(entry["words"], MATRIX_EN[entry["words"]]),
            Words(entry["sentence"], LEGEND_EN[entry["words"]]),
        )
        for entry in view.document["overview"]["legend"]["entries"]
    ]


def _shown(standing: statuses.Standing, domains: Mapping[str, Words]) -> ShownStanding:
    revoked = next((one for one in reversed(standing.reasons) if one.revocation), None)
    return ShownStanding(
        state=standing.state,
        words=REPORT_STATES.get(standing.state, NO_WORDS),
        since=standing.since,
        revocation=REVOCATION_WORDS.get(revoked.revocation, NO_WORDS) if revoked else None,
        reasons=tuple(
            (
                one.day,
                _province(one.province),
                CHANGE_CAUSES.get(one.cause, NO_WORDS),
                tuple(_cell(key, domains) for key in one.cells),
            )
            for one in standing.reasons
            if one.state not in {statuses.REPORT_STATE_VALID, statuses.REPORT_STATE_REVOKED}
        ),
        wording_corrected=any(one.state == statuses.REPORT_STATE_VALID for one in standing.reasons),
    )


def _province(number: int) -> Words | None:
    if not number:
        return None
    province = Province(number)
    return Words(province.name_zh, province.name_en)


def _cell(key: common_pb2.CellKey, domains: Mapping[str, Words]) -> Words:
    domain = domains.get(key.domain, NO_WORDS)
    kind = RECORD_KINDS.get(key.kind, NO_WORDS)
    return Words(f"{domain.zh}（{kind.zh}）", f"{domain.en} ({kind.en})")
