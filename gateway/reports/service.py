"""The report service: from a request to a report. Read this first; everything else here is a leaf that it calls.

 1  accept    check the request, resolve the subject and its home, pin window, cells and catalogue   intake.py
 2  open      store the request under its idempotency key, or find the earlier try of it             store/
 3  recall    take what earlier tries got and what may still count                                   fanout.py
 4  write     sign a query for each province that is open, and store it before it is sent            questions.py
 5  ask       all at once, one deadline, exactly one outcome each; admit what comes                  fanout.py
 6  merge     what may be said                                                                       contract/merge.py
 7  seal      number, sign and store, with outcomes and audit, in one transaction                    sealing.py, store/
 8  answer    the report, or who has not answered; no verdict without a report

A crash between any two steps leaves a store that opens, and the same idempotency key goes on from what is stored.
Every error that the service meets leaves an audit row and nothing else; what an edge refuses never comes so far.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from time import monotonic
from typing import Final, Protocol

import structlog

from contract.admission import still_counts
from contract.catalogue import Catalogue, CatalogueSet
from contract.days import china_day, from_timestamp
from contract.errors import ErrorCode, HurenError
from contract.merge import Merged, merge
from contract.outcome import Admitted, Outcome, Question, Refused, Unavailable, UnavailableReason
from contract.payloads import QUERY, parse
from contract.province import Province
from contract.registry import RegistryUnavailableError
from contract.uscc import fold
from gateway.domain.request import Caller, ReportRequest, RequestId, Sealed
from gateway.reports.alone import KeyedLocks
from gateway.reports.fanout import FanOut
from gateway.reports.intake import Intake, request_digest
from gateway.reports.progress import may_close_by_itself, progress
from gateway.reports.questions import write_questions
from gateway.reports.sealing import Sealer
from gateway.store.store import LOOK_UP, REQUEST, AuditRow, Store, StoredRequest
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
        """A request ended: `SEALED`, `OPEN`, or the code of an error."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that has not come to a report."""

    request_id: RequestId
    statuses: tuple[wire.ProvinceStatus, ...]
    ask_again_after: timedelta | None


class ReportService:
    """Makes reports for the subjects of one home."""

    def __init__(  # noqa: PLR0913  # the composition root names each part once
        self,
        *,
        intake: Intake,
        store: Store,
        fanout: FanOut,
        sealer: Sealer,
        signer: Signer,
        verifier: Verifier,
        catalogues: CatalogueSet,
        contacts: dict[Province, common_pb2.Contact],
        clock: Clock,
        patience: timedelta,
        production: bool,
        issuer_verified: bool,
        observer: Observer,
    ) -> None:
        self._intake = intake
        self._store = store
        self._fanout = fanout
        self._sealer = sealer
        self._signer = signer
        self._verifier = verifier
        self._catalogues = catalogues
        self._contacts = contacts
        self._clock = clock
        self._patience = patience
        self._production = production
        self._issuer_verified = issuer_verified
        self._observer = observer
        self._tries = KeyedLocks()

    async def request_report(
        self, message: wire.RequestReportRequest, caller: Caller, *, timeout_s: float | None = None
    ) -> Sealed | Opened:
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
        give_up_at = monotonic() + min(self._patience.total_seconds(), waits)
        try:
            try:
                with self._step(Step.ACCEPT):
                    accepted = await self._accept(message, caller)
            except HurenError:
                sealed = await self._issued_before(message, caller)
                if sealed is None:
                    raise
                return sealed
            async with self._tries.alone_with((caller.reference, message.idempotency_key)):
                result = await self._work(accepted, give_up_at)
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
        self._observer.ended("SEALED" if isinstance(result, Sealed) else "OPEN")
        return result

    async def get_report(self, report_number: str, caller: Caller) -> Sealed:
        """An issued report of the caller's.

        Raises:
            HurenError: REPORT_NOT_FOUND, for every number that is not a report of the caller's.
        """
        sealed = await self._store.find_report(report_number, owner=caller.uscc)
        result = report_number if sealed else ErrorCode.REPORT_NOT_FOUND
        await self._store.record(
            AuditRow(at=self._clock(), action=LOOK_UP, result=result, caller=caller.reference, uscc=caller.uscc)
        )
        if sealed is None:
            raise HurenError(ErrorCode.REPORT_NOT_FOUND)
        return sealed

    async def _accept(self, message: wire.RequestReportRequest, caller: Caller) -> ReportRequest:
        try:
            accepted = await self._intake.accept(message, caller, self._clock())
        except RegistryUnavailableError as error:
            raise HurenError(ErrorCode.STORE_UNAVAILABLE) from error
        self._require_verified(accepted.catalogue)
        return accepted

    def _require_verified(self, catalogue: Catalogue) -> None:
        """In production nothing rests on an entry or a name that nobody has confirmed."""
        if self._production and (catalogue.unverified or not self._issuer_verified):
            raise HurenError(ErrorCode.UNVERIFIED_IN_PRODUCTION)

    async def _issued_before(self, message: wire.RequestReportRequest, caller: Caller) -> Sealed | None:
        """The report of the same request, where it was issued before something made the request unacceptable."""
        request = await self._store.find_request(caller.reference, message.idempotency_key)
        if request is None or request.digest != request_digest(message):
            return None
        return await self._store.find_report_of(request.request_id)

    async def _work(self, accepted: ReportRequest, give_up_at: float) -> Sealed | Opened:
        with self._step(Step.OPEN):
            request, is_new = await self._open(accepted)
            sealed = None if is_new else await self._store.find_report_of(request.request_id)
            if sealed is None and request.subject != accepted.subject:
                # Renamed, moved or revoked since: what was got about the subject as it was does not count any more.
                request = await self._store.renew_subject(request, accepted.subject)
        if sealed is not None:
            return sealed
        catalogue = self._catalogue_of(request)
        self._require_verified(catalogue)
        with self._step(Step.RECALL):
            attempts = {} if is_new else await self._store.attempts(request.request_id)
            recalled = [] if is_new else await self._recall(request, catalogue)
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
        with self._step(Step.ASK):
            outcomes = await self._fanout.ask(questions, catalogue=catalogue, timeout_s=give_up_at - monotonic())
        for outcome in outcomes:
            self._observer.outcome(outcome)
        with self._step(Step.MERGE):
            admitted = [*recalled, *(outcome for outcome in outcomes if isinstance(outcome, Admitted))]
            merged = merge(request.cells, catalogue.provinces, admitted)
        if merged.conclusion is not None:
            with self._step(Step.SEAL):
                sealed = await self._seal(request, outcomes, admitted=admitted, merged=merged, catalogue=catalogue)
            if sealed is not None:
                with self._step(Step.ANSWER):
                    return sealed
        await self._store.record_outcomes(request, outcomes, at=self._clock())
        asked = {question.province: question.query.attempt for question in questions}
        return self._opened(request, self._still_counting([*recalled, *outcomes]), attempts | asked)

    def _still_counting(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Outcomes as they are now: an answer that does not count any more has to be got again."""
        at = self._clock()
        expired = UnavailableReason.EXPIRED_BEFORE_SEALING
        return [
            Unavailable(outcome.province, expired, 1, "", outcome.question)
            if isinstance(outcome, Admitted) and not _may_be_sealed(outcome, at)
            else outcome
            for outcome in outcomes
        ]

    async def _open(self, accepted: ReportRequest) -> tuple[StoredRequest, bool]:
        """Finds the request that an earlier try opened under this key, or opens it. True: it is new."""
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
        )
        stored = await self._store.open_request(new, idempotency_key=accepted.idempotency_key, at=self._clock())
        if stored.digest != accepted.digest:
            raise HurenError(ErrorCode.IDEMPOTENCY_KEY_REUSED, field="idempotency_key")
        return stored, stored.request_id == new.request_id

    def _catalogue_of(self, request: StoredRequest) -> Catalogue:
        catalogue = self._catalogues.served(request.catalogue, china_day(self._clock()))
        if catalogue is None:
            current = self._catalogues.in_force(china_day(self._clock())).version
            raise HurenError(ErrorCode.CATALOGUE_UNKNOWN, version=request.catalogue.version, current=current)
        return catalogue

    async def _recall(self, request: StoredRequest, catalogue: Catalogue) -> list[Admitted]:
        """What earlier tries got and what seals as it is; the newest answer of each province."""
        recalled: dict[Province, Admitted] = {}
        now = self._clock()
        for before in await self._store.admitted_before(request.request_id):
            question = self._own_question(before.query)
            if question is None or question.query.subject != request.subject or question.province in recalled:
                continue
            again = await self._fanout.readmit(question, before.answer, catalogue=catalogue, at=now)
            if again is not None and not merge(request.cells, (again.province,), (again,)).gaps:
                recalled[again.province] = again
        return list(recalled.values())

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
        await self._store.record_queries(request, questions, at=at)
        return questions

    async def _seal(
        self,
        request: StoredRequest,
        outcomes: Sequence[Outcome],
        *,
        admitted: Sequence[Admitted],
        merged: Merged,
        catalogue: Catalogue,
    ) -> Sealed | None:
        """Issues the report. None: an answer has expired since it came, so there is none yet."""
        at = self._clock()
        if not all(_may_be_sealed(one, at) for one in admitted):
            return None
        return await self._store.seal(
            request,
            outcomes,
            at=at,
            make=lambda sequence: self._sealer.seal(
                request, admitted, merged, catalogue=catalogue, sequence=sequence, at=at
            ),
        )

    def _opened(self, request: StoredRequest, outcomes: Sequence[Outcome], attempts: dict[Province, int]) -> Opened:
        statuses = progress(outcomes, self._contacts, attempts)
        asked_for = [
            outcome.refusal.ask_again_after.ToTimedelta() for outcome in outcomes if isinstance(outcome, Refused)
        ]
        again = max([_ASK_AGAIN_AFTER, *asked_for]) if may_close_by_itself(statuses) else None
        return Opened(request.request_id, statuses, again)

    async def _record_error(self, code: ErrorCode, message: wire.RequestReportRequest, caller: Caller) -> None:
        """The audit row of a request that was not served. What was asked about is kept only when it is the caller's."""
        about = caller.uscc if fold(message.uscc) == caller.uscc else ""
        row = AuditRow(at=self._clock(), action=REQUEST, result=code, caller=caller.reference, uscc=about)
        try:
            await self._store.record(row)
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
