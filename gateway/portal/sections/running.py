"""How the service runs, for people of units: requests that wait (未办结的申请), and the four members (四地运行情况).

Which enterprise asked or is asked about stands on neither page: nobody needs it to call a province.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from contract.catalogue import Catalogue
from contract.days import china_day, to_timestamp
from contract.province import Province
from contract.reasons import Words
from gateway.api.parts import PeopleParts
from gateway.api.ports import OpenEntry
from gateway.domain.persons import StaffRole
from gateway.federation.directory import Member
from gateway.federation.provinces import ProvinceState, ProvinceView
from gateway.portal.listing import Call, Cell, Column, Deadline, Filter, Lines, State, Table
from gateway.portal.parts import PortalParts
from gateway.portal.recognised import STATE_WORDS
from gateway.portal.sections.applying_progress import ProvinceLine, progress_of
from gateway.portal.sections.staff import staff_of
from gateway.portal.visit import Answer, Handler, View, Visit
from gateway.portal.words import RECORD_KINDS
from huren.report.v1 import report_service_pb2 as wire

_SHORT: Final = 8
"""Characters of a 受理编号 by which two people speak of it on the telephone."""

_MOST_NAMED: Final = 4
"""Domains that are named where many are meant."""


# --- Requests that wait -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRow:
    """A request that waits, and for whom.

    Attributes:
        entry: The request.
        gaps: Provinces that have not answered, or not in full.
    """

    entry: OpenEntry
    gaps: tuple[ProvinceLine, ...]


_LATE: Final = State(Words("超过1个工作日", "More than a working day"), "strong")
_USUAL: Final = State(Words("办理中", "Under way"), "waiting")
_PARKED: Final = State(Words("系统已停止重试", "Given up by the system"), "strong")
_NOBODY_YET: Final = Words("正在首次查询", "Being asked for the first time")


def _how(row: OpenRow) -> Cell:
    found = [_PARKED] if row.entry.line.parked else []
    return Lines([*found, _LATE if row.entry.is_late else _USUAL])


def _why(row: OpenRow) -> Cell:
    if not row.gaps:
        return _NOBODY_YET
    return Lines([_gap(line) for line in row.gaps])


def _gap(line: ProvinceLine) -> Words:
    why = tuple(dict.fromkeys(one.words for one in line.why))
    name = line.province
    zh = "；".join(one.zh.rstrip("。") for one in why)
    en = "; ".join(one.en.rstrip(".") for one in why)
    return Words(
        f"{name.name_zh}：{line.state.zh}{f'（{zh}）' if zh else ''}",
        f"{name.name_en}: {line.state.en}{f' ({en})' if en else ''}",
    )


def _whom(row: OpenRow) -> Cell:
    found = {
        (line.contact.unit, line.contact.telephone): Call(line.contact.unit, line.contact.telephone)
        for line in row.gaps
        if line.contact is not None and line.contact.unit
    }
    return Lines(tuple(found.values()))


def _waits_for(row: OpenRow, chosen: str) -> bool:
    return any(line.province.slug == chosen for line in row.gaps)


OPEN_REQUESTS: Final[Table[OpenRow]] = Table(
    name="open",
    columns=(
        Column(
            name="number",
            label=Words("受理编号", "Request"),
            show=lambda row: row.entry.line.request_id[:_SHORT],
        ),
        Column(name="how", label=Words("情况", "State"), show=_how),
        Column(
            name="since",
            label=Words("受理时间", "Since"),
            show=lambda row: row.entry.line.opened_at,
            key=lambda row: row.entry.line.opened_at,
        ),
        Column(
            name="days",
            label=Words("已等工作日", "Days waited"),
            show=lambda row: row.entry.working_days,
            key=lambda row: row.entry.working_days,
        ),
        Column(name="why", label=Words("未反馈的省（市）", "Not answered"), show=_why),
        Column(name="whom", label=Words("联系谁", "Whom to call"), show=_whom),
        Column(
            name="until",
            label=Words("办理至", "Goes on until"),
            show=lambda row: Deadline(china_day(row.entry.line.completion_until), row.entry.label),
            key=lambda row: row.entry.line.completion_until,
        ),
    ),
    filters=(
        Filter(
            name="province",
            label=Words("未反馈的省（市）", "Who has not answered"),
            keep=_waits_for,
            options=[(one.slug, Words(one.name_zh, one.name_en)) for one in Province],
        ),
        Filter(
            name="waits",
            label=Words("等待", "Waits"),
            keep=lambda row, _: row.entry.is_late,
            options=[("late", Words("超过1个工作日", "More than a working day"))],
        ),
    ),
)


# --- The members ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """A province, as this home sees it.

    Attributes:
        view: How it stands.
        member: Who answers for it. None: the directory does not say.
        catalogue: The catalogue in force.
    """

    view: ProvinceView
    member: Member | None
    catalogue: Catalogue


_NEVER: Final = Words("未取得", "Not had yet")
_NONE_STALE: Final = Words("未见超时", "None known")

_LOOKS: Final = {ProvinceState.ANSWERING: "plain", ProvinceState.NOT_ANSWERING: "strong"}


def _stale(row: MemberRow) -> Cell:
    """What is not concluded about, because the data is too old."""
    view = row.view
    if view.coverage is None:
        return _NEVER
    if not view.stale:
        return _NONE_STALE
    keys = sorted(view.stale)
    named = []
    for domain, kind in keys[:_MOST_NAMED]:
        known = row.catalogue.domain_by_id[domain]
        words = RECORD_KINDS[kind]
        named.append(Words(f"{known.name}（{words.zh}）", f"{known.name_en} ({words.en})"))
    if len(keys) > _MOST_NAMED:
        named.append(Words(f"等共{len(keys)}项", f"{len(keys)} in all"))
    return Lines(named)


def _contact(row: MemberRow) -> Cell:
    return Call(row.member.unit, row.member.telephone) if row.member else _NEVER


MEMBERS: Final[Table[MemberRow]] = Table(
    name="members",
    columns=(
        Column(
            name="province",
            label=Words("省（市）", "Province"),
            show=lambda row: Words(row.view.province.name_zh, row.view.province.name_en),
        ),
        Column(
            name="state",
            label=Words("应答情况", "State"),
            show=lambda row: State(STATE_WORDS[row.view.state], _LOOKS.get(row.view.state, "waiting")),
        ),
        Column(
            name="answered",
            label=Words("最近一次应答", "Answered last"),
            show=lambda row: row.view.answered_at or _NEVER,
        ),
        Column(
            name="checked", label=Words("最近一次询问", "Asked last"), show=lambda row: row.view.checked_at or _NEVER
        ),
        Column(name="stale", label=Words("数据超过更新时限的事项", "Data that is too old"), show=_stale),
        Column(
            name="coverage",
            label=Words("覆盖范围声明截至", "Coverage as of"),
            show=lambda row: row.view.coverage_at or _NEVER,
        ),
        Column(name="whom", label=Words("联系谁", "Whom to call"), show=_contact),
    ),
)


class RunningSection:
    """Pages about how the service runs."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._parts = parts
        self._people = people

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"open_requests": self.open_requests, "members": self.members}

    async def open_requests(self, visit: Visit) -> Answer:
        """What waits, longest first: that is more than a working day before the others."""
        rows = [
            OpenRow(entry=entry, gaps=self._gaps(visit, entry))
            for entry in await self._people.open_requests.of(visit.at)
        ]
        values = {
            "shown": OPEN_REQUESTS.of_rows(visit, rows),
            "late": sum(row.entry.is_late for row in rows),
            "total": len(rows),
        }
        return View(template="staff/open_requests.html", values=values)

    def _gaps(self, visit: Visit, entry: OpenEntry) -> tuple[ProvinceLine, ...]:
        """Who has not answered in full, and why. Nobody has been heard yet: nothing."""
        line = entry.line
        if not line.provinces:
            return ()
        opened = to_timestamp(line.opened_at)
        stands = wire.OpenRequest(provinces=line.provinces, accepted_at=opened, next_attempt_at=opened)
        progress = progress_of(stands, own=True, catalogues=self._parts.catalogues, at=visit.at)
        outstanding = set(progress.outstanding)
        return tuple(self._with_contact(one) for one in progress.lines if one.province in outstanding)

    def _with_contact(self, line: ProvinceLine) -> ProvinceLine:
        member = self._parts.directory.members.get(line.province)
        return replace(line, contact=line.contact or (member.contact if member else None))

    async def members(self, visit: Visit) -> Answer:
        """How the four stand, and for who runs the system what work waits."""
        catalogue = self._parts.catalogues.in_force(china_day(visit.at))
        views = await self._parts.provinces.views()
        rows = [
            MemberRow(view=view, member=self._parts.directory.members.get(province), catalogue=catalogue)
            for province, view in sorted(views.items())
        ]
        runs = StaffRole.SYSTEM_ADMINISTRATOR in staff_of(visit).roles
        values = {
            "shown": MEMBERS.of_rows(visit, rows),
            "backlog": await self._people.work.backlog() if runs else None,
        }
        return View(template="staff/members.html", values=values)
