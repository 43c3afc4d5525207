"""Asking other members' gateways about reports of theirs.

Whoever cannot be asked, and whose answer cannot be believed, has not answered: `NotVerifiableNowError`, which people are told
as 暂不能核验. It is never taken for "does not know the report".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Protocol

import grpc
import structlog

from contract.province import Province
from gateway.federation.gateways import Gateways, GatewayUnknownError
from huren.report.v1 import verification_service_pb2 as wire
from huren.report.v1 import verification_service_pb2_grpc

_log: Final = structlog.get_logger(__name__)

PATIENCE: Final = timedelta(seconds=8)
"""How long a home is awaited while somebody looks at a page."""


class NotVerifiableNowError(Exception):
    """A report cannot be verified at the moment: nothing was learnt about it.

    Attributes:
        home: The province whose report it is.
    """

    def __init__(self, home: Province, reason: str) -> None:
        self.home = home
        super().__init__(f"{home.slug}: {reason}")


class Homes(Protocol):
    """The other members' gateways, as verification asks them."""

    async def verify_by_code(self, home: Province, report_number: str, code: str) -> wire.VerifyByCodeResponse:
        """By number and code.

        Raises:
            NotVerifiableNowError: The home does not answer.
        """

    async def get_status(self, home: Province, report_number: str, statement_id: bytes) -> bytes:
        """The signed status of a statement; empty: the home knows no such report.

        Raises:
            NotVerifiableNowError: The home does not answer.
        """


class GrpcHomes:
    """Homes over gRPC and mutual TLS."""

    def __init__(self, gateways: Gateways, *, patience: timedelta = PATIENCE) -> None:
        self._gateways = gateways
        self._timeout_s = patience.total_seconds()

    async def verify_by_code(self, home: Province, report_number: str, code: str) -> wire.VerifyByCodeResponse:
        """As `Homes.verify_by_code`."""
        request = wire.VerifyByCodeRequest(report_number=report_number, code=code)
        answer: wire.VerifyByCodeResponse = await self._ask(
            home, lambda stub: stub.VerifyByCode(request, timeout=self._timeout_s)
        )
        return answer

    async def get_status(self, home: Province, report_number: str, statement_id: bytes) -> bytes:
        """As `Homes.get_status`."""
        request = wire.GetReportStatusRequest(report_number=report_number, report_statement_id=statement_id)
        answer: wire.GetReportStatusResponse = await self._ask(
            home, lambda stub: stub.GetReportStatus(request, timeout=self._timeout_s)
        )
        return answer.status_envelope

    async def _ask(
        self, home: Province, call: Callable[[verification_service_pb2_grpc.VerificationServiceAsyncStub], Any]
    ) -> Any:
        try:
            channel = await self._gateways.channel(home)
            return await call(verification_service_pb2_grpc.VerificationServiceStub(channel))
        except GatewayUnknownError as error:
            raise NotVerifiableNowError(home, str(error)) from error
        except grpc.aio.AioRpcError as error:
            # Its details may quote what was asked.
            _log.warning("home not asked about a report", province=home.slug, status=error.code().name)
            raise NotVerifiableNowError(home, error.code().name) from error
