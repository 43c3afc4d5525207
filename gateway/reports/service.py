"""The report service: from a request to a report. Read this first; everything else here is a leaf that it calls.

 1  accept    check the request, resolve the subject and its home, pin window, cells and catalogue   intake.py
 2  open      store the request with the work of completing it, or find the earlier try of it        store/
 3  recall    take what earlier tries got and what may still count                                   fanout.py
 4  write     sign a query for each province that is open, and store it before it is sent            questions.py
 5  ask       all at once, one deadline, exactly one outcome each; admit what comes                  fanout.py
 6  merge     what may be said                                                                       contract/merge.py
 7  seal      number, sign and store, with outcomes and audit, in one transaction                    sealing.py, store/
 8  answer    the report, or who has not answered; no verdict without a report

Whoever asks waits for the first try, steps 1 to 8, or leaves the rest to the durable work after step 2 (`begin_report`). What does
not seal is gone on with by itself, steps 3 to 7 again and again (completion.py), until the request ends: SEALED, CLOSED_INCOMPLETE,
CANCELLED or AUTHORISATION_ENDED.

A try holds the request's work for a time (store/work.py), so that no two replicas ask for the same request at once. A crash between
any two steps leaves a store that opens; when the time is over somebody goes on from what is stored, with or without the same
idempotency key. Every error that the service meets leaves an audit row and nothing else; what an edge refuses never comes so far.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from time import monotonic
from typing import Final, Protocol, TypeAlias

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.admission import still_counts
from contract.catalogue import Catalogue, CatalogueSet
from contract.change import outdated
from contract.days import china_day, from_timestamp, to_timestamp
from contract.eligibility import is_subject_code
from contract.errors import ErrorCode, HurenError, Retry
from contract.merge import Merged, merge
from contract.outcome import Admitted, Outcome, Question, Refused, Unavailable, UnavailableReason
from contract.payloads import QUERY, RECORD_CHANGE, parse
from contract.province import Province
from contract.registry import RegistryUnavailableError
from contract.uscc import Uscc, fold
from gateway.domain.grounds import Grants
from gateway.domain.request import Caller, ReportRequest, RequestId, RequestState, Sealed
from gateway.reports.alone import KeyedLocks
from gateway.reports.completion import Completion, EndReason
from gateway.reports.fanout import FanOut
from gateway.reports.intake import Intake, request_digest
from gateway.reports.progress import ended, may_close_by_itself, nothing_will_close, opened, progress
from gateway.reports.questions import write_questions
from gateway.reports.reading import Reading, is_for
from gateway.reports.sealing import Sealer
from gateway.reports.standing import StandingService
from gateway.reports.underway import Got, Underway
from gateway.reports.watching import Watched
from gateway.store.rows import REQUEST, AuditRow
from gateway.store.store import RefusedLookUp, Store, StoredRequest, Try
from gateway.store.work import COMPLETE, Hold, Work, WorkQueue
from huren.change.v1 import change_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.clock import Clock
from runtime.errors import StoreUnavailableError
from signing import Signer, VerificationError, Verifier

_log = structlog.get_logger(__name__)

_ASK_AGAIN_AFTER: Final = timedelta(seconds=5)

_LEAST_TIME_S: Final = 0.05
"""With less time left nobody is asked: the caller waited for another try of its own, or is in too much of a hurry."""

_SHARE_FOR_PROVINCES: Final = 0.9
"""Of the time a caller waits, so much is the provinces'; the rest is for merging, sealing and the way back."""

_TELLING_S: Final = 2.0
"""How long a try waits for the origins to take what they do not know of its grant."""

_NO_REFUSAL: Final = frozenset(
    {
        ErrorCode.REQUEST_IN_PROGRESS,
        ErrorCode.IDEMPOTENCY_KEY_REUSED,
        ErrorCode.OVERLOADED,
        ErrorCode.STORE_UNAVAILABLE,
        ErrorCode.INTERNAL,
    }
)
"""Errors that say nothing about whether the caller may ask: no look-up was refused."""

_GROUND_ENDED: Final = frozenset({ErrorCode.GRANT_REVOKED, ErrorCode.GRANT_EXPIRED})

_AFTER_A_FAILURE: Final = timedelta(seconds=5)
"""When a try that broke off is gone on with."""

Result: TypeAlias = Sealed | wire.OpenRequest | wire.EndedRequest
"""How a request stands: the report; not yet; ended without one."""


class Step(StrEnum):
    """The numbered steps."""

    ACCEPT = "1-accept"
    OPEN = "2-open"
    RECALL = "3-recall"
    WRITE = "4-write"
    ASK = "5-ask"
    MERGE = "6-merge"
    SEAL = "7-seal"
    ANSWER = "8-answer"


class Observer(Protocol):
    """Is told what the service does: metrics in production, a saboteur in tests."""

    def finished(self, step: Step, seconds: float) -> None:
        """A step ended without an error."""

    def outcome(self, outcome: Outcome) -> None:
        """A province was asked."""

    def ended(self, end: str) -> None:
        """A try ended: with the state of its request, or the code of an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the service goes by, beside the contract.

    Attributes:
        patience: How long the answers of one try are awaited.
        completion: How an open request is gone on with.
        production: Nothing is sealed that rests on an entry or a name that nobody has confirmed.
        issuer_verified: Whether the issuing unit's name was confirmed.
    """

    patience: timedelta
    completion: Completion
    production: bool
    issuer_verified: bool


class ReportService:
    """Makes reports for the subjects of one home."""

    def __init__(  # noqa: PLR0913  # the composition root names each part once
        self,
        *,
        intake: Intake,
        grants: Grants,
        standing: StandingService,
        store: Store,
        queue: WorkQueue,
        fanout: FanOut,
        sealer: Sealer,
        signer: Signer,
        verifier: Verifier,
        catalogues: CatalogueSet,
        contacts: Mapping[Province, common_pb2.Contact],
        issuer: common_pb2.Contact,
        clock: Clock,
        rules: Rules,
        observer: Observer,
    ) -> None:
        self._intake = intake
        self._grants = grants
        self._reading = Reading(store=store, grants=grants, standing=standing, clock=clock)
        self._store = store
        self._queue = queue
        self._fanout = fanout
        self._sealer = sealer
        self._signer = signer
        self._verifier = verifier
        self._catalogues = catalogues
        self._contacts = contacts
        self._issuer = issuer
        self._clock = clock
        self._rules = rules
        self._observer = observer
        self._tries = KeyedLocks()
        self._watched = Watched()
        self._underway = Underway()

    # --- What callers ask for -----------------------------------------------------------------------------------------

    async def request_report(
        self, message: wire.RequestReportRequest, caller: Caller, *, timeout_s: float | None = None
    ) -> Result:
        """Makes the report, or says who has not answered.

        Args:
            message: What the caller sent.
            caller: Who it is.
            timeout_s: How long the caller waits. None: as long as the service is patient.

        Raises:
            HurenError: The request cannot be served; by its code of the table.
            StoreUnavailableError: The store cannot be read or written; nothing was issued.
        """
        waits = float("inf") if timeout_s is None else timeout_s * _SHARE_FOR_PROVINCES
        give_up_at = monotonic() + min(self._rules.patience.total_seconds(), waits)
        async with self._refusals_recorded(message, caller):
            accepted = await self._accepted(message, caller)
            if not isinstance(accepted, ReportRequest):
                return accepted
            return await self._first_try(accepted, caller, give_up_at)

    async def begin_report(self, message: wire.RequestReportRequest, caller: Caller) -> Result:
        """Accepts and opens a request as `request_report` does, and leaves the asking to the durable work, which begins at once.

        Nobody waits for the first try: how it gets on is seen by `find_request`. The same key finds the same request.

        Raises:
            HurenError: The request cannot be served; by its code of the table.
            StoreUnavailableError: The store cannot be read or written; nothing was opened.
        """
        async with self._refusals_recorded(message, caller):
            accepted = await self._accepted(message, caller)
            if not isinstance(accepted, ReportRequest):
                return accepted
            with self._step(Step.OPEN):
                request, is_new = await self._open(accepted, hold=None)
            if is_new:
                self._queue.wake()
            return await self._given(request, caller)

    async def get_report(self, report_number: str, caller: Caller) -> Sealed:
        """An issued report about the caller, or issued to it.

        Raises:
            HurenError: REPORT_NOT_FOUND, for every number that is not a report for the caller. For who is not its subject also
                GRANT_REVOKED, REPORT_REVOKED, REPORT_SUPERSEDED.
        """
        return await self._reading.by_number(report_number, caller)

    async def find_request(self, request_id: str, caller: Caller) -> Result:
        """How a request of the caller's stands. While this process asks for it, only the provinces are named that have answered.

        Raises:
            HurenError: REQUEST_NOT_FOUND, for every id that is not a request of the caller's.
        """
        return await self._given(await self._request_of(request_id, caller), caller)

    async def is_own_request(self, request_id: str, caller: Caller) -> bool:
        """Whether a request of the caller's is about the caller itself. Names do not tell: two enterprises may have the same.

        Raises:
            HurenError: REQUEST_NOT_FOUND.
        """
        return (await self._request_of(request_id, caller)).subject.uscc == caller.uscc

    async def watch(self, request_id: str, caller: Caller) -> AsyncIterator[Result]:
        """How a request of the caller's stands, now and each time that it changes, until it has ended.

        Raises:
            HurenError: REQUEST_NOT_FOUND.
        """
        seen: int | None = None
        while True:
            with self._watched.changes() as changed:
                request = await self._request_of(request_id, caller)
                if request.version != seen:
                    seen = request.version
                    yield await self._given(request, caller)
                    if request.state is not RequestState.OPEN:
                        return
                await changed()

    async def cancel(self, request_id: str, caller: Caller) -> Sealed | wire.EndedRequest:
        """Ends a request of the caller's that is open. One that has ended is answered as it ended.

        Raises:
            HurenError: REQUEST_NOT_FOUND.
        """
        request = await self._request_of(request_id, caller)
        if request.state is RequestState.OPEN:
            request = await self._end(request, RequestState.CANCELLED, EndReason.APPLICANT)
        result = await self._given(request, caller)
        if isinstance(result, wire.OpenRequest):
            raise RuntimeError(f"request {request_id} was ended and is open")  # noqa: TRY004  # not of a wrong type: impossible
        return result

    # --- What is gone on with by itself -------------------------------------------------------------------------------

    async def go_on(self, work: Work) -> None:
        """Tries once more to complete a request, or ends it. The work is finished or put back when this returns.

        Raises:
            HurenError: It cannot be tried now.
            RegistryUnavailableError: The registry cannot be asked.
            StoreUnavailableError: The store cannot be read or written.
        """
        request = await self._store.load_request(work.reference)
        if request is None or request.state is not RequestState.OPEN:
            await self._queue.finish(work)
            return
        async with self._tries.alone_with(request.request_id):
            await self._go_on(request, work, monotonic() + self._rules.patience.total_seconds())

    async def _go_on(self, request: StoredRequest, work: Work, give_up_at: float) -> None:
        if self._clock() >= request.completion_until:
            await self._end(request, RequestState.CLOSED_INCOMPLETE, EndReason.NOT_IN_TIME)
            return
        try:
            subject = await self._intake.still_entitled(Uscc(request.subject.uscc), self._clock())
        except HurenError as error:
            if error.row.retry is Retry.LATER:  # says nothing about whether it may
                raise
            await self._end(request, RequestState.AUTHORISATION_ENDED, error.code)
            return
        try:
            request = await self._renewed(request, subject)
            await self._try(request, work, give_up_at, is_new=False, tell=True)
        except HurenError as error:
            if error.code is not ErrorCode.CATALOGUE_UNKNOWN:
                raise
            await self._end(request, RequestState.CLOSED_INCOMPLETE, error.code)

    # --- The steps ----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _refusals_recorded(self, message: wire.RequestReportRequest, caller: Caller) -> AsyncGenerator[None]:
        """Counts and records what is not served, whatever it is; raised on, and told by the edge."""
        try:
            yield
        except HurenError as error:
            self._observer.ended(error.code)
            await self._record_error(error.code, message, caller)
            raise
        except StoreUnavailableError:
            self._observer.ended(ErrorCode.STORE_UNAVAILABLE)
            raise
        except Exception:  # a fault of ours, whatever it is: counted and recorded here, raised on, told by the edge
            self._observer.ended(ErrorCode.INTERNAL)
            await self._record_error(ErrorCode.INTERNAL, message, caller)
            raise

    async def _accepted(self, message: wire.RequestReportRequest, caller: Caller) -> ReportRequest | Result:
        """The request, checked; or how the same one ended, where it could not be accepted any more."""
        try:
            with self._step(Step.ACCEPT):
                return await self._accept(message, caller)
        except HurenError:
            result = await self._answered_before(message, caller)
            if result is None:
                raise
            return result

    async def _accept(self, message: wire.RequestReportRequest, caller: Caller) -> ReportRequest:
        try:
            accepted = await self._intake.accept(message, caller, self._clock())
        except RegistryUnavailableError as error:
            raise HurenError(ErrorCode.STORE_UNAVAILABLE) from error
        self._require_verified(accepted.catalogue)
        return accepted

    def _require_verified(self, catalogue: Catalogue) -> None:
        """In production nothing rests on an entry or a name that nobody has confirmed."""
        if self._rules.production and (catalogue.unverified or not self._rules.issuer_verified):
            raise HurenError(ErrorCode.UNVERIFIED_IN_PRODUCTION)

    async def _answered_before(self, message: wire.RequestReportRequest, caller: Caller) -> Result | None:
        """How the same request ended, where it ended before something made it unacceptable."""
        request = await self._store.find_request(caller.reference, message.idempotency_key)
        if request is None or request.digest != request_digest(message, caller) or request.state is RequestState.OPEN:
            return None
        return await self._given(request, caller)

    async def _first_try(self, accepted: ReportRequest, caller: Caller, give_up_at: float) -> Result:
        with self._step(Step.OPEN):
            request, is_new = await self._open(accepted, hold=self._queue.hold())
        if request.state is not RequestState.OPEN:
            return await self._given(request, caller)
        async with self._tries.alone_with(request.request_id):
            work = (
                self._queue.held(COMPLETE, request.request_id, request.opened_at)
                if is_new
                else await self._queue.take_this(COMPLETE, request.request_id)
            )
            if work is None:  # it has ended, or another replica goes on with it at this moment
                request = await self._reloaded(request)
                if request.state is RequestState.OPEN:
                    raise HurenError(ErrorCode.REQUEST_IN_PROGRESS, retry_after=timedelta(seconds=1))
                return await self._given(request, caller)
            async with self._held(work):
                request = await self._renewed(request, accepted.subject)
                result = await self._try(request, work, give_up_at, is_new=is_new, tell=False)
        if isinstance(result, Sealed):  # the subject may have taken its grant back since
            await self._reading.require_open(result, request, caller, is_new=True)
        return result

    async def _open(self, accepted: ReportRequest, *, hold: Hold | None) -> tuple[StoredRequest, bool]:
        """Finds the request that an earlier try opened under this key, or opens it. True: it is new."""
        at = self._clock()
        new = StoredRequest(
            request_id=RequestId(secrets.token_hex(16)),
            digest=accepted.digest,
            subject=accepted.subject,
            window=accepted.window,
            cells=accepted.cells,
            catalogue=accepted.catalogue.ref,
            purpose=accepted.purpose,
            identity_level=accepted.caller.identity_level,
            actor_ref=accepted.actor_ref,
            caller=accepted.caller.reference,
            applicant=accepted.caller.uscc,
            actor=accepted.caller.actor,
            unit=accepted.caller.unit,
            post=accepted.caller.post,
            channel=accepted.caller.channel,
            ground=accepted.ground,
            opened_at=at,
            completion_until=at + self._rules.completion.limit,
        )
        stored = await self._store.open_request(
            new,
            idempotency_key=accepted.idempotency_key,
            hold=hold,
            use_grant=partial(self._use_grant, new, at) if new.ground.grant_id else None,
        )
        if stored.digest != accepted.digest:
            raise HurenError(ErrorCode.IDEMPOTENCY_KEY_REUSED, field="idempotency_key")
        return stored, stored.request_id == new.request_id

    async def _use_grant(self, request: StoredRequest, at: datetime, connection: AsyncConnection) -> int:
        return await self._grants.use(connection, request.ground.grant_id, request.request_id, at)

    @asynccontextmanager
    async def _held(self, work: Work) -> AsyncGenerator[None]:
        """Keeps the work, and gives it back soon where the try breaks off: somebody goes on from what is stored."""
        try:
            async with self._queue.keeping(work):
                yield
        except BaseException as error:
            due = self._clock() + _AFTER_A_FAILURE
            try:
                await self._queue.put_back(work, due=due, error=type(error).__name__)
            except StoreUnavailableError:
                _log.warning("work is held until its time is over", kind=work.kind)
            raise

    async def _renewed(self, request: StoredRequest, subject: common_pb2.Subject) -> StoredRequest:
        """The request about the subject as it is now: what was got about one renamed, moved or revoked since does not count."""
        if request.subject == subject:
            return request
        return await self._store.renew_subject(request, subject)

    async def _try(self, request: StoredRequest, work: Work, give_up_at: float, *, is_new: bool, tell: bool) -> Result:
        """Tries once. Where nothing may be asked under the grant any more, the request ends."""
        try:
            with self._underway.trying(request.request_id) as got:
                return await self._tried(request, work, give_up_at, got, is_new=is_new, tell=tell)
        except HurenError as error:
            if error.code not in _GROUND_ENDED:
                raise
            return await self._result(await self._end(request, RequestState.AUTHORISATION_ENDED, error.code))

    async def _tried(
        self, request: StoredRequest, work: Work, give_up_at: float, got: Got, *, is_new: bool, tell: bool
    ) -> Result:
        catalogue = self._catalogue_of(request)
        self._require_verified(catalogue)
        await self._prepare_ground(request)
        with self._step(Step.RECALL):
            attempts = {} if is_new else await self._store.attempts(request.request_id)
            recalled = [] if is_new else await self._recall(request, catalogue)
            got.add(progress(recalled, self._contacts, attempts))
        if give_up_at - monotonic() < _LEAST_TIME_S:
            raise HurenError(ErrorCode.REQUEST_IN_PROGRESS, retry_after=timedelta(seconds=1))
        with self._step(Step.WRITE):
            answered = {one.province for one in recalled}
            questions = await self._write(
                request,
                [province for province in catalogue.provinces if province not in answered],
                attempts,
                give_up_at,
            )
            attempts |= {question.province: question.query.attempt for question in questions}
        with self._step(Step.ASK):
            outcomes = await self._fanout.ask(
                questions,
                catalogue=catalogue,
                timeout_s=give_up_at - monotonic(),
                tell=lambda outcome: got.add(progress((outcome,), self._contacts, attempts)),
            )
        for outcome in outcomes:
            self._observer.outcome(outcome)
        with self._step(Step.MERGE):
            admitted = [*recalled, *(outcome for outcome in outcomes if isinstance(outcome, Admitted))]
            merged = merge(request.cells, catalogue.provinces, admitted)
        late: frozenset[Province] = frozenset()
        if merged.conclusion is not None:
            with self._step(Step.SEAL):
                try:
                    result, late = await self._seal(
                        request, outcomes, admitted=admitted, merged=merged, catalogue=catalogue, tell=tell
                    )
                except HurenError as error:
                    if error.code not in _GROUND_ENDED:
                        raise
                    return await self._result(
                        await self._end(request, RequestState.AUTHORISATION_ENDED, error.code, outcomes)
                    )
            if result is not None:
                with self._step(Step.ANSWER):
                    return await self._told(result)
        now = self._still_counting([*recalled, *outcomes], late)
        return await self._unsealed(request, work, outcomes, now=now, attempts=attempts)

    async def _seal(  # what is sealed
        self,
        request: StoredRequest,
        outcomes: Sequence[Outcome],
        *,
        admitted: Sequence[Admitted],
        merged: Merged,
        catalogue: Catalogue,
        tell: bool,
    ) -> tuple[Sealed | StoredRequest | None, frozenset[Province]]:
        """Issues the report. None: there is none yet, because an answer expired, or a change of these provinces overtook theirs."""
        at = self._clock()
        if not all(_may_be_sealed(one, at) for one in admitted):
            return None, frozenset()
        late: frozenset[Province] = frozenset()

        def is_current(envelopes: Sequence[bytes]) -> bool:
            nonlocal late
            late = outdated(self._changes(envelopes), request.cells, request.window, admitted)
            return not late

        result = await self._store.seal(
            request,
            outcomes,
            at=at,
            is_usable=lambda sequence: self._sealer.is_usable(sequence, at),
            make=lambda sequence: self._sealer.seal(
                request, admitted, merged, catalogue=catalogue, sequence=sequence, at=at
            ),
            is_current=is_current,
            is_allowed=lambda connection: self._require_ground(connection, request, at),
            tell=tell,
        )
        return result, late

    async def _unsealed(
        self,
        request: StoredRequest,
        work: Work,
        outcomes: Sequence[Outcome],
        *,
        now: Sequence[Outcome],
        attempts: dict[Province, int],
    ) -> Result:
        """Stores what the try got: the request goes on, or ends where nothing will close a gap."""
        at = self._clock()
        statuses = progress(now, self._contacts, attempts)
        message = opened(request, statuses)
        if nothing_will_close(statuses):
            return await self._told(
                await self._store.end_request(
                    request,
                    RequestState.CLOSED_INCOMPLETE,
                    EndReason.NOTHING_CLOSES_IT,
                    at=at,
                    outcomes=outcomes,
                    progress=message,
                )
            )
        # A province may ask for a pause that leads beyond every date.
        longest = max(request.completion_until - at, timedelta())
        pauses = [outcome.refusal.ask_again_after.ToTimedelta() for outcome in now if isinstance(outcome, Refused)]
        asked_for = [min(pause, longest) for pause in pauses]
        due = self._rules.completion.due(at, work.attempts, statuses, max(asked_for, default=timedelta()))
        message.next_attempt_at.CopyFrom(to_timestamp(min(due, request.completion_until)))
        if may_close_by_itself(statuses):
            message.ask_again_after.FromTimedelta(max([_ASK_AGAIN_AFTER, *asked_for]))
        tried = Try(outcomes=outcomes, at=at, work=work, progress=message, due=min(due, request.completion_until))
        return await self._told(await self._store.record_try(request, tried))

    # --- Leaves -------------------------------------------------------------------------------------------------------

    async def _require_ground(self, connection: AsyncConnection, request: StoredRequest, at: datetime) -> None:
        if request.ground.grant_id:
            await self._grants.require_in_force(connection, request.ground.grant_id, at)

    async def _prepare_ground(self, request: StoredRequest) -> None:
        """Refuses where nothing may be asked any more; tells the origins what they do not know of the grant yet.

        Raises:
            HurenError: GRANT_REVOKED, GRANT_EXPIRED.
        """
        if request.ground.grant_id:
            await self._grants.still_in_force(request.ground.grant_id, self._clock())
            await self._grants.tell_origins(_TELLING_S)

    async def _end(
        self, request: StoredRequest, state: RequestState, reason: str, outcomes: Sequence[Outcome] = ()
    ) -> StoredRequest:
        now = await self._store.end_request(request, state, reason, at=self._clock(), outcomes=outcomes)
        await self._told(now)
        return now

    async def _told(self, result: Sealed | StoredRequest) -> Result:
        """Tells whoever counts and whoever watches how a try ended."""
        stands = RequestState.SEALED if isinstance(result, Sealed) else result.state
        if isinstance(result, StoredRequest):
            self._underway.ended(result.request_id)
        self._observer.ended(stands)
        self._watched.changed()
        return result if isinstance(result, Sealed) else await self._result(result)

    async def _given(self, request: StoredRequest, caller: Caller) -> Result:
        """How a request stands, for somebody who asks. A report is handed out to who may still have it, and to nobody else."""
        answered = self._underway.of(request.request_id)
        if answered is not None and request.state is RequestState.OPEN:
            return opened(request, answered)
        result = await self._result(request)
        if isinstance(result, Sealed):
            await self._reading.require_open(result, request, caller)
        return result

    async def _result(self, request: StoredRequest) -> Result:
        if request.state is RequestState.OPEN:
            return request.progress or opened(request)
        if request.state is not RequestState.SEALED:
            return ended(request, self._issuer)
        sealed = await self._store.find_report_of(request.request_id)
        if sealed is None:
            raise RuntimeError(f"request {request.request_id} is sealed and has no report")
        return sealed

    async def _request_of(self, request_id: str, caller: Caller) -> StoredRequest:
        request = await self._store.load_request(request_id)
        if request is None or request.caller != caller.reference or not is_for(request, caller):
            raise HurenError(ErrorCode.REQUEST_NOT_FOUND)
        return request

    async def _reloaded(self, request: StoredRequest) -> StoredRequest:
        return await self._store.load_request(request.request_id) or request

    def _still_counting(self, outcomes: Sequence[Outcome], late: frozenset[Province]) -> list[Outcome]:
        """Outcomes as they are now: an answer that does not count any more has to be got again."""
        at = self._clock()
        return [_as_it_counts(outcome, at, late) for outcome in outcomes]

    def _catalogue_of(self, request: StoredRequest) -> Catalogue:
        catalogue = self._catalogues.served(request.catalogue, china_day(self._clock()))
        if catalogue is None:
            current = self._catalogues.in_force(china_day(self._clock())).version
            raise HurenError(ErrorCode.CATALOGUE_UNKNOWN, version=request.catalogue.version, current=current)
        return catalogue

    async def _recall(self, request: StoredRequest, catalogue: Catalogue) -> list[Admitted]:
        """What earlier tries got and what seals as it is; the newest answer of each province, where no change has overtaken it."""
        recalled: dict[Province, Admitted] = {}
        seen: set[Province] = set()
        now = self._clock()
        for before in await self._store.admitted_before(request.request_id):
            question = self._own_question(before.query)
            if question is None or question.query.subject != request.subject or question.province in seen:
                continue
            seen.add(question.province)  # nothing older stands in for its newest answer: it may know more since
            again = await self._fanout.readmit(question, before.answer, catalogue=catalogue, at=now)
            if again is not None and not merge(request.cells, (again.province,), (again,)).gaps:
                recalled[again.province] = again
        if not recalled:
            return []
        changes = self._changes(await self._store.changes_of(request.subject.uscc))
        late = outdated(changes, request.cells, request.window, tuple(recalled.values()))
        return [one for province, one in recalled.items() if province not in late]

    def _changes(self, envelopes: Sequence[bytes]) -> list[tuple[Province, change_pb2.RecordChange]]:
        """Changes that were kept. One whose key is not believed any more counts for nothing."""
        found = []
        for envelope in envelopes:
            try:
                verified = self._verifier.verify(envelope, expect=frozenset({RECORD_CHANGE}))
            except VerificationError as error:
                _log.warning("a kept change is not believed any more", reason=str(error))
                continue
            found.append((Province(verified.signer.member), parse(verified, change_pb2.RecordChange)))
        return found

    def _own_question(self, envelope: bytes) -> Question | None:
        """A query that this gateway sent. None: its key is not believed any more, so nobody would believe the report either."""
        try:
            verified = self._verifier.verify(envelope, expect=frozenset({QUERY}))
        except VerificationError:
            return None
        return Question(parse(verified, query_pb2.Query), verified.statement_id, envelope)

    async def _write(
        self,
        request: StoredRequest,
        provinces: Sequence[Province],
        attempts: dict[Province, int],
        give_up_at: float,
    ) -> tuple[Question, ...]:
        at = self._clock()
        questions = write_questions(
            request,
            provinces,
            attempts=attempts,
            signer=self._signer,
            at=at,
            patience=timedelta(seconds=give_up_at - monotonic()),
        )
        # In the transaction that keeps them: what was taken back before that commits is not asked under any more.
        await self._store.record_queries(
            request,
            questions,
            at=at,
            is_allowed=lambda connection: self._require_ground(connection, request, at),
        )
        return questions

    async def record_refusal(self, message: wire.RequestReportRequest, caller: Caller, code: ErrorCode) -> None:
        """Keeps that somebody was refused before the request came so far, for the subject to see (谁查询过我)."""
        await self._record_error(code, message, caller)

    async def _record_error(self, code: ErrorCode, message: wire.RequestReportRequest, caller: Caller) -> None:
        """The audit row of a request that was not served. Another subject is not named in it: it is told itself (谁查询过我)."""
        at, uscc = self._clock(), fold(message.uscc)
        own = uscc == caller.uscc
        row = AuditRow(at=at, action=REQUEST, result=code, caller=caller.reference, uscc=caller.uscc if own else "")
        by_grant = message.basis == query_pb2.AUTHORISATION_BASIS_GRANT
        refused = RefusedLookUp(
            at=at,
            uscc=uscc,
            applicant=caller.uscc,
            actor=caller.actor,
            unit=caller.unit,
            post=caller.post,
            purpose=message.purpose or query_pb2.PURPOSE_NOT_STATED,
            basis=query_pb2.AUTHORISATION_BASIS_GRANT if by_grant else caller.basis,
            grant_id=message.grant_statement_id,
            matter_number=caller.matter_number,
            channel=caller.channel,
            reason=code,
        )
        is_look_up = code not in _NO_REFUSAL and is_subject_code(uscc) and (not own or bool(caller.actor))
        try:
            await self._store.record_refused(row, refused if is_look_up else None)
        except StoreUnavailableError:
            _log.warning("audit row of a refused request was lost", code=code)

    @contextmanager
    def _step(self, step: Step) -> Iterator[None]:
        started = monotonic()
        yield
        self._observer.finished(step, monotonic() - started)


def _may_be_sealed(admitted: Admitted, at: datetime) -> bool:
    """Whether a report issued at `at` would verify with this in it; not with a question from before the clock was set back."""
    return still_counts(admitted, at) and from_timestamp(admitted.question.query.header.issued_at) <= at


def _as_it_counts(outcome: Outcome, at: datetime, late: frozenset[Province]) -> Outcome:
    if not isinstance(outcome, Admitted):
        return outcome
    if outcome.province in late:
        why = UnavailableReason.CHANGED_BEFORE_SEALING
    elif not _may_be_sealed(outcome, at):
        why = UnavailableReason.EXPIRED_BEFORE_SEALING
    else:
        return outcome
    return Unavailable(outcome.province, why, 1, "", outcome.question)
