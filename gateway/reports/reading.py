"""Who may read a report that was issued. Every report that leaves the home, by whatever way, passes here.

- The subject may read every report about itself.
- A unit may read what was issued to it; under a grant, as long as the subject has not taken that back. Of what is out of date or
  was taken back (作废), it gets no details any more.
- What an officer asked for in a matter is read in that matter: not in others, and not with the unit's own certificate.
"""

from __future__ import annotations

from contract.errors import ErrorCode, HurenError
from gateway.domain.grounds import Grants
from gateway.domain.request import Caller, Sealed
from gateway.reports.standing import StandingService
from gateway.store.rows import LOOK_UP, AuditRow
from gateway.store.store import Store, StoredRequest
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_status_pb2
from runtime.clock import Clock

_ON_DUTY = query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY


class Reading:
    """Decides about one home's reports."""

    def __init__(self, *, store: Store, grants: Grants, standing: StandingService, clock: Clock) -> None:
        self._store = store
        self._grants = grants
        self._standing = standing
        self._clock = clock

    async def by_number(self, report_number: str, caller: Caller) -> Sealed:
        """A report by its number.

        Raises:
            HurenError: REPORT_NOT_FOUND, for every number that is not a report for the caller. As `require_open`.
        """
        request = await self._store.request_of_report(report_number)
        sealed = None
        if request is not None and is_for(request, caller):
            sealed = await self._store.find_report(report_number)
        if request is None or sealed is None:
            await self._record(ErrorCode.REPORT_NOT_FOUND, caller, about="")
            raise HurenError(ErrorCode.REPORT_NOT_FOUND)
        await self.require_open(sealed, request, caller)
        return sealed

    async def require_open(
        self, sealed: Sealed, request: StoredRequest, caller: Caller, *, is_new: bool = False
    ) -> None:
        """Refuses to hand a report out that its reader may not have any more, and keeps a line of who read what.

        Args:
            sealed: The report.
            request: The request that it answers.
            caller: The reader.
            is_new: It was issued in this call, which the audit says already.

        Raises:
            HurenError: For who is not its subject: GRANT_REVOKED, REPORT_REVOKED, REPORT_SUPERSEDED.
            StoreUnavailableError: The store cannot be read or written; then nothing is handed out.
        """
        try:
            if request.subject.uscc != caller.uscc:
                await self._require_not_closed(sealed.report_number, request)
        except HurenError as error:
            await self._record(error.code, caller, about=request.subject.uscc, request_id=request.request_id)
            raise
        if not is_new:
            await self._record(sealed.report_number, caller, about=request.subject.uscc, request_id=request.request_id)

    async def _require_not_closed(self, report_number: str, request: StoredRequest) -> None:
        if request.ground.grant_id:
            try:
                await self._grants.still_in_force(request.ground.grant_id, self._clock())
            except HurenError as error:
                if error.code is ErrorCode.GRANT_REVOKED:
                    raise
        standing = await self._standing.standing(report_number)
        if standing.state == report_status_pb2.REPORT_STATE_REVOKED:
            raise HurenError(ErrorCode.REPORT_REVOKED)
        if report_status_pb2.REPORT_STATE_SUPERSEDED in {standing.state, *(one.state for one in standing.reasons)}:
            raise HurenError(ErrorCode.REPORT_SUPERSEDED)

    async def _record(self, result: str, caller: Caller, *, about: str, request_id: str = "") -> None:
        row = AuditRow(
            at=self._clock(),
            action=LOOK_UP,
            result=result,
            caller=caller.actor or caller.reference,
            uscc=about,
            request_id=request_id,
        )
        await self._store.record(row)


def is_for(request: StoredRequest, caller: Caller) -> bool:
    """Whether what a request came to is for the caller."""
    if caller.basis == _ON_DUTY:
        return (
            request.ground.basis == _ON_DUTY
            and request.applicant == caller.uscc
            and request.ground.matter_number == caller.matter_number
        )
    if request.subject.uscc == caller.uscc:
        return True
    return request.applicant == caller.uscc and request.ground.basis != _ON_DUTY
