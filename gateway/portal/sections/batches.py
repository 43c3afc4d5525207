"""Many reports at once: of a person for its enterprises (集团批量), or of a unit under the consents that it was given (批量查询).

Both are the same pages; they differ in whose the batches are (`gateway/batches/callers.py`) and in where reports are read.

    1  the list is sent      a file, a text, or enterprises that are ticked
    2  it is looked through  what is wrong with it is shown line by line, and what is asked for is chosen
    3  it is begun           under a key that the second page carries, so that sending it twice begins it once
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import BinaryIO, Final

from contract.catalogue import Catalogue
from contract.days import CHINA, china_day
from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from gateway.api.large_files import written_apart
from gateway.api.parts import PeopleParts
from gateway.api.ports import BatchLine
from gateway.batches.callers import BatchCaller, group_of, institution_of
from gateway.batches.lists import MAX_LINES
from gateway.batches.service import MOST_LINES, REPEAT_DAYS, BatchView
from gateway.domain.persons import MandateScope
from gateway.identity.acting import Capacity
from gateway.portal.listing import cursor
from gateway.portal.parts import PortalParts
from gateway.portal.sections.batch_list import LookedThrough, read_carried, read_sent
from gateway.portal.sections.batch_tables import BATCHES, LINES, LineRow, batch_state, counted
from gateway.portal.sections.choosing import Choices
from gateway.portal.visit import Answer, Enterprise, Handler, SeeOther, View, Visit, handle_of
from huren.report.v1 import report_service_pb2 as wire

_ID: Final = "[0-9a-f]{32}"

_LOOKS_FOR: Final = timedelta(minutes=30)
"""So long a page looks by itself how a batch stands. Source: system default, not confirmed."""

_REPEATS: Final[Mapping[int, Words]] = {
    0: Words("不重复，只办这一次", "No, this once"),
    **{days: Words(f"每{days}天", f"Every {days} days") for days in REPEAT_DAYS if days},
}

_NOT_HERE: Final = frozenset({ErrorCode.LEVEL_TOO_LOW, ErrorCode.NO_MANDATE})
"""What no form can correct."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the pages of one kind of batch are called in the site map.

    Attributes:
        all: The list of batches.
        new: Where a list is sent.
        begin: The action of it.
        one: A batch.
        archive: Its archive.
        change: The action of it.
        is_group: Of a person, for its enterprises.
    """

    all: str
    new: str
    begin: str
    one: str
    archive: str
    change: str
    is_group: bool


GROUP: Final = Names(
    all="batches",
    new="new_batch",
    begin="begin_batch",
    one="batch",
    archive="batch_archive",
    change="change_batch",
    is_group=True,
)
UNIT: Final = Names(
    all="unit_batches",
    new="new_unit_batch",
    begin="begin_unit_batch",
    one="unit_batch",
    archive="unit_batch_archive",
    change="change_unit_batch",
    is_group=False,
)


class BatchSection:
    """Pages about batches of one kind."""

    def __init__(self, parts: PortalParts, people: PeopleParts, names: Names) -> None:
        self._parts = parts
        self._batches = people.batches
        self._names = names

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        names = self._names
        return {
            names.all: self.all,
            names.new: self.new,
            names.begin: self.begin,
            names.one: self.one,
            names.archive: self.archive,
            names.change: self.change,
        }

    # --- The list -----------------------------------------------------------------------------------------------------------

    async def all(self, visit: Visit) -> Answer:
        """What was begun, newest first."""
        caller = self._whose(visit)
        size = BATCHES.size
        before = cursor(visit, _ID)
        try:
            found = await self._batches.list(caller, before=before, limit=size)
        except HurenError as error:
            if error.code is not ErrorCode.BATCH_NOT_FOUND or not before:
                raise
            found = await self._batches.list(caller, limit=size)
        following = found[-1].batch.batch if len(found) >= size else ""
        page = partial(visit.url, self._names.one)
        shown = BATCHES.of_page(visit, [(view, page(batch=view.batch.batch)) for view in found], following)
        return View(template="batches/list.html", values={"names": self._names, "shown": shown})

    # --- A new one ------------------------------------------------------------------------------------------------------------

    async def new(self, visit: Visit) -> Answer:
        """Where a list is sent."""
        return self._new(visit)

    async def begin(self, visit: Visit) -> Answer:
        """Looks a list through, or begins with it."""
        if visit.form.one("step") == "begin":
            return await self._begin(visit)
        try:
            looked = await asyncio.to_thread(read_sent, visit.form, [one.uscc for one in self._ticked(visit)])
        except HurenError as error:
            return self._new(visit, error)
        if not looked.served:
            return self._new(visit, faults=looked)
        choices = Choices.at_first(self._catalogue(visit), under_grants=not self._names.is_group)
        return self._choose(visit, looked, choices)

    async def _begin(self, visit: Visit) -> Answer:
        form = visit.form
        try:
            looked = read_carried(form.one("list"))
        except HurenError as error:
            return self._new(visit, error, keep=False)
        choices = Choices.read(form, under_grants=not self._names.is_group)
        repeat = form.one("repeat_days", "0")
        try:
            batch = await self._batches.begin(
                self._whose(visit),
                choices.message(self._catalogue(visit), china_day(visit.at)),
                looked.lines,
                idempotency_key=form.one("key"),
                repeat_days=_days(repeat),
            )
        except HurenError as error:
            if error.code in _NOT_HERE:
                raise
            return self._choose(visit, looked, choices, error=error, repeat=repeat)
        return SeeOther(visit.url(self._names.one, batch=batch))

    def _new(
        self, visit: Visit, error: HurenError | None = None, *, faults: LookedThrough | None = None, keep: bool = True
    ) -> View:
        failed = error is not None or faults is not None
        return View(
            template="batches/new.html",
            values={
                "names": self._names,
                "choosable": self._choosable(visit),
                "ticked": visit.form.all("enterprise"),
                "written": visit.form.one("list") if keep else "",
                "faults": faults.faults if faults else (),
                "most": MAX_LINES,
            },
            status=HTTPStatus.BAD_REQUEST if failed else HTTPStatus.OK,
            error=error,
        )

    def _choose(
        self,
        visit: Visit,
        looked: LookedThrough,
        choices: Choices,
        *,
        error: HurenError | None = None,
        repeat: str = "0",
    ) -> View:
        was_sent = error is not None and error.code is ErrorCode.IDEMPOTENCY_KEY_REUSED
        key = visit.form.one("key")
        return View(
            template="batches/choose.html",
            values={
                "names": self._names,
                "looked": looked,
                "choices": choices,
                "catalogue": self._catalogue(visit),
                "repeats": list(_REPEATS.items()),
                "repeat": repeat,
                "key": key if key and not was_sent else secrets.token_hex(16),
                "was_sent": was_sent,
            },
            status=error.row.http_status if error else HTTPStatus.OK,
            error=None if was_sent else error,
        )

    # --- One ------------------------------------------------------------------------------------------------------------------

    async def one(self, visit: Visit) -> Answer:
        """How one stands, line by line."""
        caller, batch = self._whose(visit), visit.path("batch")
        view = await self._batches.find(batch, caller)
        rows = [self._row(visit, line) for line in await self._lines(batch, caller)]
        return View(
            template="batches/batch.html",
            values={
                "names": self._names,
                "view": view,
                "batch": batch,
                "state": batch_state(view),
                "counted": counted(view),
                "is_asking": _is_asking(view, visit.at),
                "total": sum(view.counts.values()),
                "shown": LINES.of_rows(visit, rows),
                "catalogue": self._catalogue(visit),
                "choices": view.batch.choices,
                "repeats": list(_REPEATS.items()),
                "repeat_words": _REPEATS.get(view.batch.repeat_days, _REPEATS[0]),
                "key": secrets.token_hex(16),
                "may_repeat": any(row.line.uscc is not None for row in rows),
            },
        )

    async def _lines(self, batch: str, caller: BatchCaller) -> Sequence[BatchLine]:
        """All lines; a batch has no more than a table can hold."""
        found: list[BatchLine] = []
        while True:
            after = found[-1].line if found else 0
            page = await self._batches.lines(batch, caller, after=after, limit=MOST_LINES)
            found.extend(page)
            if len(page) < MOST_LINES:
                return found

    def _row(self, visit: Visit, line: BatchLine) -> LineRow:
        """A line with the ways to its report and its request, where the visitor may go there now."""
        reader = self._reader(visit, line)
        if reader is None:
            return LineRow(line=line)
        page = partial(visit.url, enterprise=reader.handle) if self._names.is_group else visit.url
        report = page("report", report=line.report_number) if line.report_number else ""
        request = page("request", request=line.request_id) if line.request_id and not report else ""
        name = reader.name if self._names.is_group else ""
        return LineRow(line=line, name=name, report_url=report, request_url=request)

    def _reader(self, visit: Visit, line: BatchLine) -> Enterprise | None:
        """As whom the visitor reads what came of a line."""
        if not self._names.is_group:
            return visit.on_behalf_of
        if visit.person is None or line.uscc is None:
            return None
        handle = handle_of(visit.person, line.uscc)
        return next((one for one in visit.enterprises if one.handle == handle), None)

    async def archive(self, visit: Visit) -> Answer:
        """The archive of one that has ended."""
        caller, batch = self._whose(visit), visit.path("batch")
        view = await self._batches.find(batch, caller)
        name = f"batch-{view.batch.begun_at.astimezone(CHINA):%Y%m%d-%H%M}.zip"

        async def write(out: BinaryIO) -> None:
            await self._batches.archive(batch, caller, out, wire.REPORT_FORMAT_PDF)

        return await written_apart(write, media_type="application/zip", disposition=f'attachment; filename="{name}"')

    async def change(self, visit: Visit) -> Answer:
        """Gives one up, sets when it is begun again, or begins it again now."""
        caller, batch, form = self._whose(visit), visit.path("batch"), visit.form
        match form.one("do"):
            case "cancel":
                await self._batches.cancel(batch, caller)
            case "schedule":
                await self._batches.schedule(batch, caller, _days(form.one("repeat_days")))
            case "repeat":
                batch = await self._batches.repeat(batch, caller, idempotency_key=form.one("key"))
            case _:
                raise _unknown("do")
        return SeeOther(visit.url(self._names.one, batch=batch))

    # --- Leaves ---------------------------------------------------------------------------------------------------------------

    def _whose(self, visit: Visit) -> BatchCaller:
        if visit.person is None:
            raise HurenError(ErrorCode.LOGIN_NEEDED)
        return group_of(visit.person) if self._names.is_group else institution_of(visit.person, visit.acting.uscc)

    def _choosable(self, visit: Visit) -> list[Enterprise]:
        """Enterprises for which the visitor may ask with a batch: on a paper at the window nobody may."""
        if not self._names.is_group:
            return []
        return [
            one
            for one in visit.enterprises
            if any(MandateScope.REPORT in act.scopes and act.capacity is not Capacity.WINDOW for act in one.acts)
        ]

    def _ticked(self, visit: Visit) -> list[Enterprise]:
        handles = set(visit.form.all("enterprise"))
        return [one for one in self._choosable(visit) if one.handle in handles]

    def _catalogue(self, visit: Visit) -> Catalogue:
        return self._parts.catalogues.in_force(china_day(visit.at))


def _is_asking(view: BatchView, at: datetime) -> bool:
    """Whether the page looks by itself: lines are being asked for, and it was not begun long ago.

    Who only waits for a province may come back tomorrow, and a page that was left open must not keep its session for ever.
    """
    asking = any(state in {"WAITING", "ASKED"} for state in view.counts)
    return view.batch.ended_at is None and asking and at < view.batch.begun_at + _LOOKS_FOR


def _days(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text[:4]) not in REPEAT_DAYS:
        raise _unknown("repeat_days")
    return int(text[:4])


def _unknown(field: str) -> HurenError:
    return HurenError(
        ErrorCode.MALFORMED_REQUEST, field=field, problem_zh="没有这个选项", problem_en="there is no such choice"
    )
