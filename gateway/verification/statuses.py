"""Where reports stand, by their home's signed word: our own of ours, and that of other homes of theirs, verified."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import structlog

from contract.province import Province
from contract.status_check import StatusError, check_status
from gateway.store.rows import VERIFICATION, AuditRow
from gateway.store.verification import Issued, VerificationStore
from gateway.verification.codes import key_of, member_of
from gateway.verification.foreign import Homes, NotVerifiableNowError
from huren.report.v1 import report_status_pb2
from signing import Verifier

_log: Final = structlog.get_logger(__name__)


class StatusSource(Protocol):
    """Says and signs where this home's reports stand."""

    async def sign_status(self, report_number: str) -> bytes:
        """An Envelope with the ReportStatus of now of a report that exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedStatus:
    """A status that verifies.

    Attributes:
        status: What it says.
        envelope: The statement.
        home: Who says so.
    """

    status: report_status_pb2.ReportStatus
    envelope: bytes
    home: Province


class Statuses:
    """Asks and checks statuses."""

    def __init__(
        self,
        *,
        province: Province,
        store: VerificationStore,
        source: StatusSource,
        homes: Homes,
        verifier: Verifier,
    ) -> None:
        self._province = province
        self._store = store
        self._source = source
        self._homes = homes
        self._verifier = verifier

    async def by_statement(
        self, report_number: str, statement_id: bytes, *, at: datetime, caller: str
    ) -> SignedStatus | None:
        """Where the report of a statement stands, whichever member issued it. None: there is no such report.

        Raises:
            NotVerifiableNowError: Its home does not answer.
        """
        home = member_of(report_number)
        if home is None or home is self._province:
            return await self.own_by_statement(report_number, statement_id, at=at, caller=caller)
        number = key_of(report_number)
        envelope = await self._homes.get_status(home, number, statement_id)
        if not envelope:
            return None
        return self.checked(envelope, home=home, report_number=number, statement_id=statement_id, at=at)

    async def own_by_statement(
        self, report_number: str, statement_id: bytes, *, at: datetime, caller: str
    ) -> SignedStatus | None:
        """As `by_statement`, for reports of this home only."""
        issued = await self._store.find(key_of(report_number))
        if issued is None or not hmac.compare_digest(issued.statement_id, statement_id):
            return None
        signed = await self.of_own(issued, at=at)
        await self.record(issued, signed, at=at, caller=caller, how="statement")
        return signed

    async def of_own(self, issued: Issued, *, at: datetime) -> SignedStatus:
        """Where a report of this home stands.

        Raises:
            NotVerifiableNowError: What was signed does not verify: the home's key or trust data is not in order.
        """
        envelope = await self._source.sign_status(issued.report_number)
        return self.checked(
            envelope,
            home=self._province,
            report_number=issued.report_number,
            statement_id=issued.statement_id,
            at=at,
        )

    async def record(self, issued: Issued, signed: SignedStatus, *, at: datetime, caller: str, how: str) -> None:
        """Keeps in the audit that somebody verified a report: who, how, and what was told."""
        state = report_status_pb2.ReportState.Name(signed.status.state).removeprefix("REPORT_STATE_")
        await self._store.record(
            AuditRow(
                at=at,
                action=VERIFICATION,
                result=f"{how} {state}",
                caller=caller,
                uscc=issued.owner,
                statement_id=issued.statement_id,
            )
        )

    def checked(
        self, envelope: bytes, *, home: Province, report_number: str, at: datetime, statement_id: bytes | None = None
    ) -> SignedStatus:
        """Checks a status.

        Args:
            envelope: What the home sent.
            home: Who must have signed it.
            report_number: Of which report.
            at: Now.
            statement_id: Of which statement. None: whoever has the code alone does not know it, and takes the home's word.

        Raises:
            NotVerifiableNowError: It is not the home's signed word of now about that report.
        """
        try:
            status = check_status(
                envelope,
                verifier=self._verifier,
                report_number=report_number,
                report_statement_id=statement_id,
                issuer=home,
                at=at,
            )
        except StatusError as error:
            _log.warning("status not believed", province=home.slug, reason=error.fault)
            raise NotVerifiableNowError(home, "its status does not verify") from error
        return SignedStatus(status=status, envelope=envelope, home=home)
