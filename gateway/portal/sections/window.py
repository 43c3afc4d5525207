"""Paper mandates at the window (窗口代办): a clerk files a scan, a colleague confirms it, the clerk acts, the clerk ends it.

Scans are handed out to be saved, never shown in the place of a page, as everywhere (gateway/mandates/window.py). Codes and names of
enterprises stand on pages and in no address: the list filters by how a paper stands alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from contract.uscc import Uscc
from gateway.api.bodies import Upload
from gateway.api.parts import PeopleParts
from gateway.domain.persons import StaffRole
from gateway.mandates.window import MAX_SCAN_BYTES, SCAN_TYPES, ShownWindowMandate
from gateway.portal.enterprises import Enterprises
from gateway.portal.listing import Column, Filter, Table
from gateway.portal.parts import PortalParts
from gateway.portal.visit import Answer, Handler, SeeOther, View, Visit, download
from huren.common.v1 import common_pb2

_SUFFIXES: Final[Mapping[str, str]] = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
_CORRECTABLE: Final = frozenset(
    {
        ErrorCode.USCC_MALFORMED,
        ErrorCode.SUBJECT_NOT_ELIGIBLE,
        ErrorCode.FILE_NOT_ACCEPTED,
        ErrorCode.MALFORMED_REQUEST,
        ErrorCode.SECOND_OFFICER_NEEDED,
    }
)


class PaperStanding(StrEnum):
    """Where a paper stands."""

    WAITS = "waits"
    IN_FORCE = "in-force"
    ENDED = "ended"
    PAST = "past"


PAPER_STANDINGS: Final[Mapping[PaperStanding, Words]] = {
    PaperStanding.WAITS: Words("待复核", "Waits for a colleague"),
    PaperStanding.IN_FORCE: Words("代办中", "In force"),
    PaperStanding.ENDED: Words("已结束", "Ended"),
    PaperStanding.PAST: Words("已过当日", "Its day is over"),
}

_DONE: Final = {
    "filed": Words(
        "已登记。请本单位另一名工作人员复核，复核后才能代办。",
        "Filed. A colleague of your unit has to confirm it before you can act.",
    ),
    "confirmed": Words("已复核。登记人现在可以代办。", "Confirmed. Whoever filed it may act now."),
    "ended": Words("已结束代办。", "Ended. Nobody acts on this paper any more."),
}


def standing_of(paper: ShownWindowMandate, visit: Visit) -> PaperStanding:
    """Where a paper stands now."""
    if paper.ended_at is not None:
        return PaperStanding.ENDED
    if paper.expires_at <= visit.at:
        return PaperStanding.PAST
    return PaperStanding.WAITS if paper.confirmed_at is None else PaperStanding.IN_FORCE


class WindowSection:
    """Paper mandates of one unit."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._papers = people.window_mandates
        self._names = Enterprises(parts)

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {
            "window": self.window,
            "file_paper": self.file,
            "paper_scan": self.scan,
            "confirm_paper": self.confirm,
            "end_paper": self.end,
        }

    async def window(self, visit: Visit) -> Answer:
        """What waits, the form, and all papers of the unit."""
        return await self._page(visit)

    async def file(self, visit: Visit) -> Answer:
        """Keeps a scanned paper."""
        try:
            upload = _sent(visit)
            await self._papers.file(visit.logged_in, visit.form.one("uscc"), upload.file, upload.media_type)
        except HurenError as error:
            return await self._corrected(visit, error)
        return SeeOther(visit.url("window") + "?done=filed")

    async def scan(self, visit: Visit) -> Answer:
        """A scan, to be saved."""
        mandate = visit.path("mandate")
        scan = await self._papers.read_scan(visit.logged_in, mandate)
        return download(scan.content, media_type=scan.media_type, name=f"{mandate}.{_SUFFIXES[scan.media_type]}")

    async def confirm(self, visit: Visit) -> Answer:
        """Confirms a paper, as the second person, who says that they looked."""
        try:
            _require_looked(visit)
            await self._papers.confirm(visit.logged_in, visit.path("mandate"))
        except HurenError as error:
            return await self._corrected(visit, error)
        return SeeOther(visit.url("window") + "?done=confirmed")

    async def end(self, visit: Visit) -> Answer:
        """Ends a paper early."""
        await self._papers.end(visit.logged_in, visit.path("mandate"))
        return SeeOther(visit.url("window") + "?done=ended")

    async def _corrected(self, visit: Visit, error: HurenError) -> View:
        if error.code not in _CORRECTABLE:
            raise error
        return await self._page(visit, error)

    async def _page(self, visit: Visit, error: HurenError | None = None) -> View:
        papers = await self._papers.of_unit(visit.logged_in)
        waiting = [one for one in papers if standing_of(one, visit) is PaperStanding.WAITS]
        acting = [one for one in papers if standing_of(one, visit) is PaperStanding.IN_FORCE]
        shown = _table(visit).of_rows(visit, papers)
        staff = visit.logged_in.staff
        return View(
            template="window/window.html",
            values={
                "waiting": waiting,
                "acting": acting,
                "shown": shown,
                "names": await self._names_of([*waiting, *acting, *shown.rows]),
                "handles": {one.uscc: one.handle for one in visit.enterprises},
                "standing": {one.mandate: standing_of(one, visit) for one in papers},
                "standings": PAPER_STANDINGS,
                "unit": staff.unit if staff else "",
                "is_clerk": staff is not None and StaffRole.WINDOW_CLERK in staff.roles,
                "came_by_window": visit.logged_in.channel == common_pb2.CHANNEL_WINDOW,
                "filled": {"uscc": visit.form.one("uscc")},
                "accept": ",".join(SCAN_TYPES),
                "most_mb": MAX_SCAN_BYTES // (1024 * 1024),
                "done": None if error else _DONE.get(visit.asked("done")),
            },
            status=error.row.http_status if error else 200,
            error=error,
        )

    async def _names_of(self, papers: Sequence[ShownWindowMandate]) -> Mapping[Uscc, str]:
        codes = list(dict.fromkeys(one.uscc for one in papers))
        return dict(zip(codes, await asyncio.gather(*map(self._names.name, codes)), strict=True))


def _sent(visit: Visit) -> Upload:
    upload = visit.form.upload
    if upload is None or not upload.file:
        raise HurenError(
            ErrorCode.FILE_NOT_ACCEPTED,
            field="scan",
            problem_zh="请选择委托书的扫描件",
            problem_en="choose the scan of the paper",
        )
    return upload


def _require_looked(visit: Visit) -> None:
    if not visit.form.has("looked"):
        raise HurenError(
            ErrorCode.MALFORMED_REQUEST,
            problem_zh="请先查看扫描件，核对无误后勾选",
            problem_en="look at the scan first, and tick the box when it is right",
        )


def _table(visit: Visit) -> Table[ShownWindowMandate]:
    """The list of papers: how one stands depends on the time."""
    return Table(
        name="papers",
        columns=(
            Column(name="enterprise", label=Words("企业", "Enterprise"), key=lambda one: one.uscc),
            Column(name="filed", label=Words("登记时间", "Filed"), key=lambda one: one.filed_at),
            Column(name="post", label=Words("登记岗位", "Filed by"), key=lambda one: one.post),
            Column(name="standing", label=Words("状态", "Standing"), key=lambda one: standing_of(one, visit)),
            Column(name="scan", label=Words("委托书", "Paper")),
        ),
        filters=(
            Filter(
                name="standing",
                label=Words("状态", "Standing"),
                keep=lambda one, chosen: standing_of(one, visit) == chosen,
                options=tuple((value, words) for value, words in PAPER_STANDINGS.items()),
            ),
        ),
        sort="-filed",
    )
