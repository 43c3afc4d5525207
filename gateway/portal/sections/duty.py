"""履职查询: what an officer asks for in a matter, and what came of it.

The matter's number travels with every address, because a result is the matter's: the service gives it to nobody who names another.
No page lists enterprises, and no address holds a code. The subject is shown who looked it up.

Source: product review, section 8 (非履职需要，不得查询)
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from contract.catalogue import Catalogue
from contract.days import china_day
from contract.eligibility import require_subject_code
from contract.errors import ErrorCode, HurenError
from contract.payloads import PayloadError, check_constraints
from contract.reasons import Words
from gateway.api.parts import PeopleParts
from gateway.api.ports import ReportEntry
from gateway.api.problems import malformed
from gateway.batches.words import end_words
from gateway.domain.overview import RequestLine
from gateway.domain.request import Caller, RequestState, Sealed
from gateway.portal.listing import DEADLINE_LABELS, Column, Link, State, Table
from gateway.portal.parts import PortalParts
from gateway.portal.rendering import moment
from gateway.portal.report_view import Matrix, view_of
from gateway.portal.sections.applying_progress import ended_lines, progress_of
from gateway.portal.sections.choosing import Choices
from gateway.portal.site import address_of
from gateway.portal.visit import Answer, Handler, SeeOther, View, Visit, download
from gateway.portal.words import REQUEST_STATES
from gateway.reports.chosen import chosen_cells, chosen_window
from gateway.reports.open_requests import COMPLETION_LABEL
from huren.report.v1 import report_service_pb2 as wire

_MATTER: Final = "matter"

_NOT_HERE: Final = frozenset({ErrorCode.NOT_PERMITTED, ErrorCode.LEVEL_TOO_LOW, ErrorCode.INTERNAL})
"""What no form can correct."""


class DutySection:
    """Pages about official look-ups."""

    def __init__(self, parts: PortalParts, people: PeopleParts) -> None:
        self._parts = parts
        self._people = people

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {
            "duty": self.duty,
            "duty_ask": self.ask,
            "duty_request": self.request,
            "duty_file": self.file,
        }

    # --- To ask -----------------------------------------------------------------------------------------------------------

    async def duty(self, visit: Visit) -> Answer:
        """The form; and what was asked for in a matter, where one is named."""
        choices = Choices.at_first(self._catalogue(visit))
        if not (matter := visit.asked(_MATTER)):
            return self._form(visit, choices)
        try:
            caller = self._caller(visit, matter)
        except HurenError as error:
            if error.code is not ErrorCode.MALFORMED_REQUEST:
                raise
            return self._form(visit, choices, error=error)
        return self._form(visit, choices, asked=await self._people.overview.requests(caller))

    async def ask(self, visit: Visit) -> Answer:
        """Opens the request. The same key is the same request, however often it is clicked."""
        form = visit.form
        choices = Choices.read(form)
        try:
            caller = self._caller(visit, form.one("matter_number"))
            message = self._message(visit, choices)
            result = await self._people.reports.begin_report(message, caller)
        except HurenError as error:
            if error.code in _NOT_HERE:
                raise
            return self._form(visit, choices, error=error)
        request = await self._sealed_by(result, caller) if isinstance(result, Sealed) else result.request_id
        return SeeOther(_place("duty_request", request, caller.matter_number))

    def _message(self, visit: Visit, choices: Choices) -> wire.RequestReportRequest:
        """What is asked for, checked field by field before the contract's constraints are, which know no fields of forms.

        Raises:
            HurenError: As `Choices.message`, `chosen_window`, `chosen_cells` and `require_subject_code`.
            Problem: What no form of ours sends.
        """
        catalogue, today = self._catalogue(visit), china_day(visit.at)
        message = choices.message(catalogue, today)
        message.uscc = require_subject_code(visit.form.one("uscc"))
        message.idempotency_key = visit.form.one("key")
        chosen_window(message, today)
        chosen_cells(message, catalogue)
        try:
            check_constraints(message)
        except PayloadError as error:
            raise malformed("表单内容不符合规定", "the form is not as ours") from error
        return message

    async def _sealed_by(self, sealed: Sealed, caller: Caller) -> str:
        """The request that a report answers: somebody sent the same form once more."""
        entries: Sequence[ReportEntry] = await self._people.overview.reports(caller)
        for entry in entries:
            if entry.line.report_number == sealed.report_number:
                return entry.line.request_id
        raise HurenError(ErrorCode.REQUEST_NOT_FOUND)

    def _form(
        self,
        visit: Visit,
        choices: Choices,
        *,
        error: HurenError | None = None,
        asked: Sequence[RequestLine] | None = None,
    ) -> View:
        matter = visit.asked(_MATTER) or visit.form.one("matter_number")
        was_sent = error is not None and error.code is ErrorCode.IDEMPOTENCY_KEY_REUSED
        key = visit.form.one("key")
        return View(
            template="staff/duty.html",
            values={
                "choices": choices,
                "catalogue": self._catalogue(visit),
                "matter": matter,
                "uscc": visit.form.one("uscc"),
                "key": key if key and not was_sent else secrets.token_hex(16),
                "was_sent": was_sent,
                "unit": visit.person.staff.unit if visit.person and visit.person.staff else "",
                "asked": None if asked is None else self._listed(matter).of_rows(visit, asked, keep={_MATTER: matter}),
            },
            status=error.row.http_status if error else HTTPStatus.OK,
            error=None if was_sent else error,
        )

    def _listed(self, matter: str) -> Table[RequestLine]:
        """What was asked for in a matter: when, and what came of it. About whom stands on the page of each."""
        return Table(
            name="asked",
            columns=(
                Column(
                    name="at",
                    label=Words("提交时间", "Sent"),
                    show=lambda line: Link(_place("duty_request", line.request_id, matter), moment(line.opened_at)),
                    key=lambda line: line.opened_at,
                ),
                Column(
                    name="state",
                    label=Words("办理情况", "State"),
                    show=lambda line: State(
                        REQUEST_STATES[line.state], "waiting" if line.state is RequestState.OPEN else "plain"
                    ),
                    key=lambda line: str(line.state),
                ),
            ),
        )

    # --- What came of it ----------------------------------------------------------------------------------------------------

    async def request(self, visit: Visit) -> Answer:
        """How a request stands: what came of it, or how it gets on."""
        matter = visit.asked(_MATTER)
        if not matter:
            return self._which_matter(visit)
        try:
            caller = self._caller(visit, matter)
        except HurenError as error:
            if error.code is not ErrorCode.MALFORMED_REQUEST:
                raise
            return self._which_matter(visit, error)
        result = await self._people.reports.find_request(visit.path("request"), caller)
        about = {"matter": caller.matter_number, "request_id": visit.path("request")}
        match result:
            case Sealed():
                return await self._shown(visit, result, about)
            case wire.EndedRequest():
                lines = ended_lines(result, own=False, catalogues=self._parts.catalogues, at=visit.at)
                values = {**about, "ended": result, "why": end_words(result), "stood": lines}
                return View(template="staff/duty_ended.html", values=values)
            case wire.OpenRequest():
                progress = progress_of(result, own=False, catalogues=self._parts.catalogues, at=visit.at)
                if visit.is_fragment and visit.asked("seen") == progress.seen:
                    return web.Response(status=HTTPStatus.NO_CONTENT)
                label = DEADLINE_LABELS[COMPLETION_LABEL]
                values = {**about, "opened": result, "progress": progress, "label": label}
                return View(template="staff/duty_open.html", values=values)

    async def file(self, visit: Visit) -> Answer:
        """The report as a file."""
        caller = self._caller(visit, visit.asked(_MATTER))
        result = await self._people.reports.find_request(visit.path("request"), caller)
        if not isinstance(result, Sealed):
            raise HurenError(ErrorCode.REPORT_NOT_FOUND)
        await self._people.standing.require_not_revoked(result.report_number)
        file = await self._people.files.report(result, wire.REPORT_FORMAT_PDF)
        return download(file.content, media_type=file.media_type, name=file.name)

    async def _shown(self, visit: Visit, sealed: Sealed, about: Mapping[str, str]) -> View:
        checked = await self._people.files.checked(sealed)
        view = await asyncio.to_thread(view_of, checked, path=visit.request.path)
        return View(
            template="staff/duty_report.html",
            values={
                **about,
                "report": checked.report,
                "issued_at": sealed.issued_at,
                "front": view.document["front"],
                "matrices": tuple(map(_without_links, view.matrices)),
                "file": _place("duty_file", about["request_id"], about["matter"]),
            },
        )

    def _which_matter(self, visit: Visit, error: HurenError | None = None) -> View:
        """A result is its matter's: whoever comes without one is asked for it."""
        status = error.row.http_status if error else HTTPStatus.OK
        values = {"request_id": visit.path("request"), "matter": visit.asked(_MATTER)}
        return View(template="staff/duty_matter.html", values=values, status=status, error=error)

    # --- Leaves -------------------------------------------------------------------------------------------------------------

    def _caller(self, visit: Visit, matter: str) -> Caller:
        """The officer in the matter.

        Raises:
            HurenError: LOGIN_NEEDED, NOT_PERMITTED; MALFORMED_REQUEST: it is no number of a matter.
        """
        if visit.person is None:
            raise HurenError(ErrorCode.LOGIN_NEEDED)
        return self._people.acting.for_duty(visit.person, matter)

    def _catalogue(self, visit: Visit) -> Catalogue:
        return self._parts.catalogues.in_force(china_day(visit.at))


def _place(name: str, request: str, matter: str) -> str:
    return f"{address_of(name, request=request)}?{urlencode({_MATTER: matter})}"


def _without_links(matrix: Matrix) -> Matrix:
    """The records themselves stand in the file, not on this page."""
    rows = tuple(replace(row, cells=tuple(replace(cell, url="") for cell in row.cells)) for row in matrix.rows)
    return replace(matrix, rows=rows)
