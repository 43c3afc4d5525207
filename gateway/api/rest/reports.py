"""Requests for reports, reports, their files, what the home told, and officers' look-ups."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from contract.errors import ErrorCode, HurenError
from contract.report_file import STATEMENT_MEDIA_TYPE, STATEMENT_SUFFIX
from gateway.api.access import Gate
from gateway.api.ports import (
    Notices,
    Overview,
    ReportEntry,
    ReportFiles,
    ReportService,
    StandingService,
    Summaries,
)
from gateway.api.problems import malformed
from gateway.api.rest.call import Call, Handler, answer, attachment, etag_of, next_cursor, not_modified
from gateway.api.rest.documents import code_of, comparison_document, instant, to_document, to_message
from gateway.domain.overview import RequestLine
from gateway.domain.request import Caller, Sealed
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2
from runtime.clock import Clock

_OK: Final = 200
_CREATED: Final = 201
_ACCEPTED: Final = 202

_LOOK_AGAIN_S: Final = 60
"""Where nothing says when asking again may help."""

_NUMBER: Final = r"HR[0-9]{18}[0-9A-Z]"
_HEX32: Final = r"[0-9a-f]{32}"
_NOTICE: Final = r"[0-9a-f]{16}"

_FORMATS: Final[Mapping[str, wire.ReportFormat.ValueType]] = {
    "pdf": wire.REPORT_FORMAT_PDF,
    "json": wire.REPORT_FORMAT_JSON,
}


class ReportHandlers:
    """Operations about requests and reports."""

    def __init__(  # one for each service
        self,
        *,
        reports: ReportService,
        standing: StandingService,
        files: ReportFiles,
        overview: Overview,
        notices: Notices,
        summaries: Summaries,
        gate: Gate,
        clock: Clock,
    ) -> None:
        self._reports = reports
        self._standing = standing
        self._files = files
        self._overview = overview
        self._notices = notices
        self._summaries = summaries
        self._gate = gate
        self._clock = clock

    def operations(self) -> Mapping[str, Handler]:
        """Handlers by operation id."""
        return {
            "requestReport": self.request,
            "lookUpOnDuty": self.look_up_on_duty,
            "listReportRequests": self.requests,
            "getReportRequest": self.find_request,
            "cancelReportRequest": self.cancel,
            "getProgressSheet": self.progress_sheet,
            "listReports": self.reports,
            "getReport": self.report,
            "getReportFile": self.file,
            "listNotices": self.notices,
        }

    # --- Requests ---------------------------------------------------------------------------------------------------------

    async def request(self, call: Call) -> web.StreamResponse:
        """By whoever acts for an enterprise."""
        chosen = {"uscc": call.caller.uscc, **call.body}
        if "grant_statement_id" in chosen:
            chosen.setdefault("basis", "GRANT")
        return await self._ask(call, chosen, call.caller)

    async def look_up_on_duty(self, call: Call) -> web.StreamResponse:
        """By an officer in a matter."""
        chosen = dict(call.body)
        caller = self._gate.on_duty(call.person, chosen.pop("matter_number"))
        return await self._ask(call, chosen, caller)

    async def _ask(self, call: Call, chosen: Mapping[str, Any], caller: Caller) -> web.StreamResponse:
        message = to_message({**chosen, "idempotency_key": call.idempotency_key}, wire.RequestReportRequest)
        begun_at = self._clock()
        result = await self._reports.request_report(message, caller)
        document = _result(result)
        match result:
            case Sealed():
                # A report from before this call is an earlier one's, told again.
                status = _CREATED if result.issued_at >= begun_at else _OK
                return answer(document, status=status, headers={"Location": f"/api/v1/reports/{result.report_number}"})
            case wire.OpenRequest():
                headers = {"Location": _place_of(result.request_id), "Retry-After": str(_again_after_s(result))}
                return answer(document, status=_ACCEPTED, headers=headers)
            case wire.EndedRequest():
                return answer(document, headers={"Location": _place_of(result.request_id)})

    async def requests(self, call: Call) -> web.StreamResponse:
        """What the unit asked for."""
        found = await self._overview.requests(call.caller, before=call.cursor("request", _HEX32), limit=call.limit)
        following = next_cursor("request", found[-1].request_id) if len(found) >= call.limit else None
        return answer({"report_requests": list(map(_listed_request, found)), "next": following})

    async def find_request(self, call: Call) -> web.StreamResponse:
        """How one stands."""
        return answer(_result(await self._reports.find_request(call.path("request_id"), call.caller)))

    async def cancel(self, call: Call) -> web.StreamResponse:
        """Gives one up."""
        return answer(_result(await self._reports.cancel(call.path("request_id"), call.caller)))

    async def progress_sheet(self, call: Call) -> web.StreamResponse:
        """Of one that is open."""
        result = await self._reports.find_request(call.path("request_id"), call.caller)
        if not isinstance(result, wire.OpenRequest):
            raise HurenError(ErrorCode.REQUEST_ENDED)
        file = await self._files.progress_sheet(result)
        return attachment(file.content, media_type=file.media_type, name=file.name)

    # --- Reports ----------------------------------------------------------------------------------------------------------

    async def reports(self, call: Call) -> web.StreamResponse:
        """Those that were issued to the unit."""
        found = await self._overview.reports(call.caller, before=call.cursor("report", _NUMBER), limit=call.limit)
        following = next_cursor("report", found[-1].line.report_number) if len(found) >= call.limit else None
        return answer({"reports": list(map(_listed_report, found)), "next": following})

    async def report(self, call: Call) -> web.StreamResponse:
        """One, and where it stands."""
        sealed = await self._reports.get_report(call.path("report_number"), call.caller)
        standing = (await self._standing.standing(sealed.report_number)).to_wire()
        etag = etag_of(sealed.envelope, standing.SerializeToString(deterministic=True))
        if call.has(etag):
            return not_modified(etag, weak=False)
        summary = await asyncio.to_thread(self._summaries, sealed.envelope)
        document = {
            "sealed": _sealed(sealed),
            "standing": to_document(standing),
            "summary": comparison_document(summary),
        }
        return answer(document, headers={"ETag": f'"{etag}"'})

    async def file(self, call: Call) -> web.StreamResponse:
        """One as a file."""
        form = call.parameters.query["format"]
        sealed = await self._reports.get_report(call.path("report_number"), call.caller)
        # What was taken back is not sealed once more: a file that is younger than the revocation would look as if it still held.
        await self._standing.require_not_revoked(sealed.report_number)
        etag = etag_of(sealed.envelope, form.encode())
        if call.has(etag):
            return not_modified(etag)
        if form not in _FORMATS:
            name = f"{sealed.report_number}{STATEMENT_SUFFIX}"
            return attachment(sealed.envelope, media_type=STATEMENT_MEDIA_TYPE, name=name, etag=etag)
        file = await self._files.report(sealed, _FORMATS[form])
        return attachment(file.content, media_type=file.media_type, name=file.name, etag=etag)

    # --- Notices ----------------------------------------------------------------------------------------------------------

    async def notices(self, call: Call) -> web.StreamResponse:
        """What the home told the enterprise, the newest 200. A page begins after the notice that a cursor names."""
        found = await self._notices.of(call.caller.uscc)
        names = [etag_of(notice.SerializeToString(deterministic=True))[:16] for notice in found]
        after = call.cursor("notice", _NOTICE)
        if after and after not in names:
            raise malformed("cursor 已不在列表中", "the cursor is on the list no more", field="cursor")
        first = names.index(after) + 1 if after else 0
        page = found[first : first + call.limit]
        last = first + len(page)
        following = next_cursor("notice", names[last - 1]) if last < len(found) else None
        return answer({"notices": list(map(to_document, page)), "next": following})


def _result(result: Sealed | wire.OpenRequest | wire.EndedRequest) -> dict[str, Any]:
    match result:
        case Sealed():
            return {"sealed": _sealed(result)}
        case wire.OpenRequest():
            return {"open": to_document(result)}
        case wire.EndedRequest():
            return {"ended": to_document(result)}


def _sealed(sealed: Sealed) -> dict[str, Any]:
    return to_document(
        wire.SealedReport(
            report_number=sealed.report_number,
            report_envelope=sealed.envelope,
            verification_code=sealed.verification_code,
            typed_code=sealed.typed_code,
        )
    )


def _again_after_s(request: wire.OpenRequest) -> int:
    if not request.HasField("ask_again_after"):
        return _LOOK_AGAIN_S
    return max(1, math.ceil(request.ask_again_after.ToTimedelta().total_seconds()))


def _place_of(request_id: str) -> str:
    return f"/api/v1/report-requests/{request_id}"


def _listed_report(entry: ReportEntry) -> dict[str, Any]:
    line = entry.line
    return {
        "report_number": line.report_number,
        "issued_at": instant(line.issued_at),
        "request_id": line.request_id,
        "uscc": line.subject.uscc,
        "name": line.subject.name,
        "basis": code_of(query_pb2.AuthorisationBasis, line.basis),
        "grant_statement_id": line.grant_id.hex(),
        "window": to_document(line.window),
        "state": code_of(report_status_pb2.ReportState, entry.state),
    }


def _listed_request(line: RequestLine) -> dict[str, Any]:
    return {
        "request_id": line.request_id,
        "opened_at": instant(line.opened_at),
        "state": line.state,
        "uscc": line.subject.uscc,
        "name": line.subject.name,
        "basis": code_of(query_pb2.AuthorisationBasis, line.basis),
    }
