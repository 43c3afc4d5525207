"""VerificationService over gRPC, for the gateways of other members: reads who calls, makes one call, writes what it says.

It answers for reports of this gateway only. Where it cannot tell, it fails with a retryable error: the gateway that asked says
暂不能核验.
"""

from __future__ import annotations

from typing import Any, Final

import grpc

from contract.errors import ErrorCode, HurenError
from gateway.verification.by_code import CodeVerdict, CodeVerification
from gateway.verification.foreign import NotVerifiableNowError
from gateway.verification.statuses import Statuses
from huren.report.v1 import verification_service_pb2 as wire
from huren.report.v1 import verification_service_pb2_grpc
from runtime.clock import Clock
from runtime.grpc_callers import require_gateway
from runtime.identity import MemberPeer

_Context = grpc.aio.ServicerContext[Any, Any]

_WITHOUT_REPORT: Final = {
    CodeVerdict.UNKNOWN: wire.CODE_VERDICT_UNKNOWN,
    CodeVerdict.TRY_LATER: wire.CODE_VERDICT_TRY_LATER,
}


class VerificationServicer(verification_service_pb2_grpc.VerificationServiceServicer):
    """Serves members' gateways."""

    def __init__(self, by_code: CodeVerification, statuses: Statuses, clock: Clock) -> None:
        self._by_code = by_code
        self._statuses = statuses
        self._clock = clock

    async def VerifyByCode(  # noqa: N802  # the generated base names both kinds of server
        self, request: wire.VerifyByCodeRequest, context: _Context
    ) -> wire.VerifyByCodeResponse:
        """By number and code."""
        caller = _name(require_gateway(context))
        try:
            result = await self._by_code.verify_own(
                request.report_number, request.code, at=self._clock(), caller=caller
            )
        except NotVerifiableNowError as error:
            raise HurenError(ErrorCode.INTERNAL) from error
        if result.signed is None:
            return wire.VerifyByCodeResponse(verdict=_WITHOUT_REPORT[result.verdict])
        return wire.VerifyByCodeResponse(
            verdict=wire.CODE_VERDICT_KNOWN, status_envelope=result.signed.envelope, comparison=result.comparison
        )

    async def GetReportStatus(  # noqa: N802  # as above
        self, request: wire.GetReportStatusRequest, context: _Context
    ) -> wire.GetReportStatusResponse:
        """By statement."""
        caller = _name(require_gateway(context))
        try:
            signed = await self._statuses.own_by_statement(
                request.report_number, request.report_statement_id, at=self._clock(), caller=caller
            )
        except NotVerifiableNowError as error:
            raise HurenError(ErrorCode.INTERNAL) from error
        return wire.GetReportStatusResponse(status_envelope=b"" if signed is None else signed.envelope)


def _name(peer: MemberPeer) -> str:
    return f"gateway:{peer.province.slug}"
