"""ReportService over gRPC: reads who calls, makes one call of the service, and writes what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from contract.errors import ErrorCode, HurenError
from gateway.api.callers import enterprise_caller
from gateway.domain.request import Sealed
from gateway.reports.files import ReportFiles
from gateway.reports.notices import Notices
from gateway.reports.service import ReportService
from gateway.reports.standing import StandingService
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_service_pb2_grpc

_Context = grpc.aio.ServicerContext[Any, Any]


class ReportServicer(report_service_pb2_grpc.ReportServiceServicer):
    """Serves enterprises about themselves."""

    def __init__(self, service: ReportService, standing: StandingService, files: ReportFiles, notices: Notices) -> None:
        self._service = service
        self._standing = standing
        self._files = files
        self._notices = notices

    async def RequestReport(  # noqa: N802  # the generated base names both kinds of server
        self, request: wire.RequestReportRequest, context: _Context
    ) -> wire.RequestReportResponse:
        """Makes the report, or says who has not answered."""
        result = await self._service.request_report(
            request, enterprise_caller(context), timeout_s=context.time_remaining()
        )
        match result:
            case Sealed():
                return wire.RequestReportResponse(sealed=_sealed(result))
            case wire.OpenRequest():
                return wire.RequestReportResponse(open=result)
            case wire.EndedRequest():
                return wire.RequestReportResponse(ended=result)

    async def GetReport(  # noqa: N802  # as above
        self, request: wire.GetReportRequest, context: _Context
    ) -> wire.GetReportResponse:
        """Gives an issued report to its owner."""
        sealed = await self._service.get_report(request.report_number, enterprise_caller(context))
        standing = (await self._standing.standing(sealed.report_number)).to_wire()
        return wire.GetReportResponse(sealed=_sealed(sealed), standing=standing)

    async def WatchReport(  # noqa: N802  # as above
        self, request: wire.WatchReportRequest, context: _Context
    ) -> AsyncIterator[wire.WatchReportResponse]:
        """Tells how a request stands until it ends."""
        async for result in self._service.watch(request.request_id, enterprise_caller(context)):
            match result:
                case Sealed():
                    yield wire.WatchReportResponse(sealed=_sealed(result))
                case wire.OpenRequest():
                    yield wire.WatchReportResponse(open=result)
                case wire.EndedRequest():
                    yield wire.WatchReportResponse(ended=result)

    async def CancelRequest(  # noqa: N802  # as above
        self, request: wire.CancelRequestRequest, context: _Context
    ) -> wire.CancelRequestResponse:
        """Ends an open request."""
        result = await self._service.cancel(request.request_id, enterprise_caller(context))
        match result:
            case Sealed():
                return wire.CancelRequestResponse(sealed=_sealed(result))
            case wire.EndedRequest():
                return wire.CancelRequestResponse(ended=result)

    async def RenderReport(  # noqa: N802  # as above
        self, request: wire.RenderReportRequest, context: _Context
    ) -> wire.RenderReportResponse:
        """Gives an issued report to its owner as a file."""
        sealed = await self._service.get_report(request.report_number, enterprise_caller(context))
        # What was taken back is not sealed once more: a file that is younger than the revocation would look as if it still held.
        await self._standing.require_not_revoked(sealed.report_number)
        file = await self._files.report(sealed, request.format)
        return wire.RenderReportResponse(content=file.content, media_type=file.media_type, file_name=file.name)

    async def RenderProgressSheet(  # noqa: N802  # as above
        self, request: wire.RenderProgressSheetRequest, context: _Context
    ) -> wire.RenderProgressSheetResponse:
        """Gives the progress sheet of an open request."""
        result = await self._service.find_request(request.request_id, enterprise_caller(context))
        if not isinstance(result, wire.OpenRequest):
            raise HurenError(ErrorCode.REQUEST_ENDED)
        file = await self._files.progress_sheet(result)
        return wire.RenderProgressSheetResponse(content=file.content, file_name=file.name)

    async def ListNotices(  # noqa: N802  # as above
        self, request: wire.ListNoticesRequest, context: _Context
    ) -> wire.ListNoticesResponse:
        """Gives what the home told the caller."""
        del request
        return wire.ListNoticesResponse(notices=await self._notices.of(enterprise_caller(context).uscc))


def _sealed(sealed: Sealed) -> wire.SealedReport:
    return wire.SealedReport(
        report_number=sealed.report_number,
        report_envelope=sealed.envelope,
        verification_code=sealed.verification_code,
        typed_code=sealed.typed_code,
    )
