"""ReportService over gRPC: reads who calls, makes one call of the service, and writes what it says."""

from __future__ import annotations

from typing import Any

import grpc

from contract.errors import ErrorCode, HurenError
from gateway.domain.request import Caller, Sealed
from gateway.reports.service import Opened, ReportService
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2, report_service_pb2_grpc
from runtime.identity import EnterprisePeer, peer_identity

_Context = grpc.aio.ServicerContext[Any, Any]


class ReportServicer(report_service_pb2_grpc.ReportServiceServicer):
    """Serves enterprises about themselves."""

    def __init__(self, service: ReportService) -> None:
        self._service = service

    async def RequestReport(  # noqa: N802  # the generated base names both kinds of server
        self, request: report_service_pb2.RequestReportRequest, context: _Context
    ) -> report_service_pb2.RequestReportResponse:
        """Makes the report, or says who has not answered."""
        result = await self._service.request_report(request, _caller(context), timeout_s=context.time_remaining())
        match result:
            case Sealed():
                return report_service_pb2.RequestReportResponse(sealed=_sealed(result))
            case Opened():
                return report_service_pb2.RequestReportResponse(open=_opened(result))

    async def GetReport(  # noqa: N802  # as above
        self, request: report_service_pb2.GetReportRequest, context: _Context
    ) -> report_service_pb2.GetReportResponse:
        """Gives an issued report to its owner."""
        sealed = await self._service.get_report(request.report_number, _caller(context))
        return report_service_pb2.GetReportResponse(sealed=_sealed(sealed))


def _caller(context: _Context) -> Caller:
    """Who calls, by the certificate. A certificate is the high level: it was given out in person or by 电子营业执照."""
    peer = peer_identity(context.auth_context())
    match peer:
        case EnterprisePeer(uscc=uscc):
            return Caller(reference=f"enterprise:{uscc}", uscc=uscc, identity_level=query_pb2.IDENTITY_LEVEL_HIGH)
        case None:
            raise HurenError(ErrorCode.IDENTITY_MISSING)
        case _:
            raise HurenError(
                ErrorCode.NOT_PERMITTED,
                need_zh="请使用企业证书。",
                need_en="The certificate of an enterprise is needed.",
            )


def _sealed(sealed: Sealed) -> report_service_pb2.SealedReport:
    return report_service_pb2.SealedReport(
        report_number=sealed.report_number,
        report_envelope=sealed.envelope,
        verification_code=sealed.verification_code,
    )


def _opened(opened: Opened) -> report_service_pb2.OpenRequest:
    message = report_service_pb2.OpenRequest(request_id=opened.request_id, provinces=opened.statuses)
    if opened.ask_again_after is not None:
        message.ask_again_after.FromTimedelta(opened.ask_again_after)
    return message
