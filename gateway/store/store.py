"""The gateway's store. State and the audit of it commit together, in one transaction for each step of the service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from sqlalchemy import ColumnElement, RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.days import CHINA, china_day
from contract.errors import ErrorCode, HurenError
from contract.outcome import Admitted, Inadmissible, Outcome, Question, Refused, Unavailable
from contract.province import Province
from gateway.domain.request import AskedBefore, Ground, RequestId, RequestState, Sealed
from gateway.store import tables
from gateway.store.notices import Notice, add_notice
from gateway.store.rows import (
    ISSUE,
    OUTCOME,
    QUERY,
    REQUEST,
    Action,
    AuditRow,
    alone_with_subject,
    audit,
    dialect,
    instant,
    instant_text,
)
from gateway.store.work import COMPLETE, Hold, Work, add_work, finish_work, put_back
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2, refusal_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.database import Database, is_unique_violation
from signing import StatementId


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """A request as it was opened. Later tries work from this, not from what they were sent.

    Attributes:
        applicant: Code of the unit that asked and that the report is issued to.
        caller: Scope of its idempotency key, and who may go on with it.
        actor: Who of the unit acted.
        unit: Its name as the subject is shown it.
        post: Post of who acted, as the subject is shown it.
        channel: By which way they came.
        ground: Why they may ask.
        state: How it stands.
        completion_until: Until when the home goes on by itself.
        ended_at: When it ended. None: it is open.
        end_reason: Stable code of why it ended; empty while it is open.
        progress: How each province stood after the last try; None before.
        version: Grows with every change that whoever watches is told.
    """

    request_id: RequestId
    digest: bytes
    subject: common_pb2.Subject
    window: common_pb2.Window
    cells: tuple[common_pb2.CellKey, ...]
    catalogue: common_pb2.CatalogueRef
    purpose: query_pb2.Purpose.ValueType
    identity_level: query_pb2.IdentityLevel.ValueType
    actor_ref: bytes
    caller: str
    applicant: str
    ground: Ground
    opened_at: datetime
    completion_until: datetime
    actor: str = ""
    unit: str = ""
    post: str = ""
    channel: common_pb2.Channel.ValueType = common_pb2.CHANNEL_API
    state: RequestState = RequestState.OPEN
    ended_at: datetime | None = None
    end_reason: str = ""
    progress: wire.OpenRequest | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedLookUp:
    """Somebody asked about a subject and was refused before there was a request. Fields as of `StoredRequest`."""

    at: datetime
    uscc: str
    applicant: str
    actor: str
    unit: str
    post: str
    purpose: int
    basis: int
    grant_id: bytes
    matter_number: str
    channel: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReport:
    """A report that is about to be stored."""

    sealed: Sealed
    statement_id: StatementId
    issued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """What a try of a request left, to be stored together.

    Attributes:
        outcomes: What became of its queries.
        at: When it ended.
        work: The work that it was; goes back to be taken again.
        progress: How each province stands now.
        due: When to try again.
    """

    outcomes: Sequence[Outcome]
    at: datetime
    work: Work
    progress: wire.OpenRequest
    due: datetime


class Store:
    """The only SQL of the gateway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self) -> None:
        """Creates what is missing."""
        await tables.prepare(self._database)

    async def record(self, *rows: AuditRow) -> None:
        """Writes audit rows that go with no other change."""
        async with self._database.write() as connection:
            await audit(connection, rows)

    async def find_request(self, caller: str, idempotency_key: str) -> StoredRequest | None:
        """The request that the caller opened under this key."""
        table = tables.requests
        found = select(table).where(table.c.caller == caller, table.c.idempotency_key == idempotency_key)
        async with self._database.read() as connection:
            row = (await connection.execute(found)).mappings().one_or_none()
        return None if row is None else _stored_request(row)

    async def load_request(self, request_id: str) -> StoredRequest | None:
        """A request by its id."""
        async with self._database.read() as connection:
            return await _find_request(connection, request_id)

    async def open_request(
        self,
        request: StoredRequest,
        *,
        idempotency_key: str,
        hold: Hold | None,
        use_grant: Callable[[AsyncConnection], Awaitable[int]] | None = None,
    ) -> StoredRequest:
        """Stores a new request and the work of completing it; where another try with the same key was quicker, gives that one's.

        Args:
            request: The request.
            idempotency_key: The caller's key.
            hold: Who begins with it at once. None: whoever takes work next.
            use_grant: Counts the use of the grant, in the same transaction, and gives its ordinal. None: there is no grant.
        """
        row: dict[str, object] = {
            "request_id": request.request_id,
            "caller": request.caller,
            "idempotency_key": idempotency_key,
            "digest": request.digest,
            "uscc": request.subject.uscc,
            "subject": request.subject.SerializeToString(deterministic=True),
            "first_day": request.window.first_day,
            "last_day": request.window.last_day,
            "cells": _cells_to_bytes(request.cells),
            "catalogue_version": request.catalogue.version,
            "catalogue_digest": request.catalogue.digest,
            "purpose": request.purpose,
            "identity_level": request.identity_level,
            "actor_ref": request.actor_ref,
            "state": request.state,
            "opened_at": instant_text(request.opened_at),
            "completion_until": instant_text(request.completion_until),
            "ended_at": "",
            "end_reason": "",
            "progress": b"",
            "version": request.version,
            "applicant": request.applicant,
            "actor": request.actor,
            "unit": request.unit,
            "post": request.post,
            "basis": request.ground.basis,
            "grant_id": request.ground.grant_id,
            "use_ordinal": request.ground.use_ordinal,
            "matter_number": request.ground.matter_number,
            "channel": request.channel,
        }
        at = request.opened_at
        try:
            async with self._database.write() as connection:
                if use_grant is not None:
                    await alone_with_subject(connection, request.subject.uscc)
                    # A rival with the same key must not use the grant once more: its row stands in the way of this one.
                    await connection.execute(insert(tables.requests), row)
                    ordinal = await use_grant(connection)
                    request = replace(request, ground=replace(request.ground, use_ordinal=ordinal))
                    await connection.execute(
                        update(tables.requests)
                        .where(tables.requests.c.request_id == request.request_id)
                        .values(use_ordinal=ordinal)
                    )
                else:
                    await connection.execute(insert(tables.requests), row)
                await add_work(connection, COMPLETE, request.request_id, due=at, hold=hold)
                await audit(connection, (_about(request, REQUEST, "opened", at=at),))
        except IntegrityError as error:
            if not is_unique_violation(error):
                raise
            earlier = await self.find_request(request.caller, idempotency_key)
            if earlier is None:
                raise
            return earlier
        return request

    async def renew_subject(self, request: StoredRequest, subject: common_pb2.Subject) -> StoredRequest:
        """Takes the subject as the registry knows it now into a request that is open."""
        table = tables.requests
        change = (
            update(table)
            .where(table.c.request_id == request.request_id, table.c.state == RequestState.OPEN)
            .values(subject=subject.SerializeToString(deterministic=True))
        )
        async with self._database.write() as connection:
            await connection.execute(change)
        return replace(request, subject=subject)

    async def attempts(self, request_id: RequestId) -> dict[Province, int]:
        """The number of queries that each province was sent for a request."""
        table = tables.queries
        counted = (
            select(table.c.province, func.max(table.c.attempt))
            .where(table.c.request_id == request_id)
            .group_by(table.c.province)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(counted)).all()
        return {Province(province): attempt for province, attempt in rows}

    async def admitted_before(self, request_id: RequestId) -> list[AskedBefore]:
        """Answers of earlier tries that were admitted, newest first."""
        query, outcome = tables.queries, tables.outcomes
        found = (
            select(query.c.envelope, outcome.c.answer)
            .join(outcome, outcome.c.query_id == query.c.statement_id)
            .where(query.c.request_id == request_id, outcome.c.kind == "Admitted")
            .order_by(query.c.attempt.desc())
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(found)).all()
        return [AskedBefore(query=envelope, answer=answer) for envelope, answer in rows]

    async def record_queries(
        self,
        request: StoredRequest,
        questions: Sequence[Question],
        *,
        at: datetime,
        is_allowed: Callable[[AsyncConnection], Awaitable[None]],
    ) -> None:
        """Stores queries before they are sent, and that the subject was asked about.

        Args:
            request: The request that they serve.
            questions: The queries.
            at: Now.
            is_allowed: Raises where the applicant may not ask any more; then nothing is stored.

        Raises:
            HurenError: REQUEST_IN_PROGRESS, where another process asks for the same request at this moment. As `is_allowed`.
        """
        if not questions:
            return
        rows = [
            {
                "statement_id": question.statement_id,
                "request_id": request.request_id,
                "province": int(question.province),
                "attempt": question.query.attempt,
                "envelope": question.envelope,
                "sent_at": instant_text(at),
            }
            for question in questions
        ]
        async with self._unrivalled() as connection:
            if request.ground.grant_id:
                await alone_with_subject(connection, request.subject.uscc)
                await is_allowed(connection)
            await connection.execute(insert(tables.queries), rows)
            await audit(
                connection,
                (
                    _about(
                        request,
                        QUERY,
                        "sent",
                        at=at,
                        province=int(question.province),
                        statement_id=question.statement_id,
                    )
                    for question in questions
                ),
            )

    @asynccontextmanager
    async def _unrivalled(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that another process's try of the same request may have forestalled."""
        try:
            async with self._database.write() as connection:
                yield connection
        except IntegrityError as error:
            if not is_unique_violation(error):
                raise
            raise HurenError(ErrorCode.REQUEST_IN_PROGRESS, retry_after=timedelta(seconds=1)) from error

    async def record_try(self, request: StoredRequest, tried: Try) -> StoredRequest:
        """Stores what a try left of a request that stays open: outcomes, progress and when to try again. Gives it as it is now.

        A request that ended meanwhile keeps its end; what was got is kept as evidence all the same.
        """
        async with self._database.write() as connection:
            await _record_outcomes(connection, request, tried.outcomes, tried.at)
            await connection.execute(
                update(tables.requests)
                .where(_is_open(request.request_id))
                .values(progress=_progress_bytes(tried.progress), version=tables.requests.c.version + 1)
            )
            await put_back(connection, tried.work, due=tried.due)
            return await _request(connection, request.request_id)

    async def end_request(
        self,
        request: StoredRequest,
        state: RequestState,
        reason: str,
        *,
        at: datetime,
        outcomes: Sequence[Outcome] = (),
        progress: wire.OpenRequest | None = None,
    ) -> StoredRequest:
        """Ends a request without a report, and tells its owner unless it was the owner. Gives it as it is now.

        One that has ended already keeps its end.
        """
        changed: dict[str, object] = {
            "state": state,
            "ended_at": instant_text(at),
            "end_reason": reason,
            "version": tables.requests.c.version + 1,
        }
        if progress is not None:
            changed["progress"] = _progress_bytes(progress)
        async with self._database.write() as connection:
            await _record_outcomes(connection, request, outcomes, at)
            ended = await connection.execute(
                update(tables.requests).where(_is_open(request.request_id)).values(changed)
            )
            if ended.rowcount == 1:
                await finish_work(connection, COMPLETE, request.request_id)
                await audit(connection, (_about(request, REQUEST, state, at=at),))
                if state is not RequestState.CANCELLED:
                    await add_notice(connection, _notice(request, wire.NOTICE_KIND_REQUEST_ENDED, at))
            return await _request(connection, request.request_id)

    async def seal(  # what is stored together
        self,
        request: StoredRequest,
        outcomes: Iterable[Outcome],
        *,
        at: datetime,
        is_usable: Callable[[int], bool],
        make: Callable[[int], NewReport],
        is_current: Callable[[Sequence[bytes]], bool],
        is_allowed: Callable[[AsyncConnection], Awaitable[None]],
        tell: bool,
    ) -> Sealed | StoredRequest | None:
        """Issues the report of a request: number, report, outcomes, state, audit and notice, in one transaction.

        Another try of the same request may have been quicker; then its report is returned and nothing is issued. What was got is
        kept as evidence all the same.

        Args:
            request: The request.
            outcomes: What became of the queries of this try.
            at: The issue time; its China day is the day of the number.
            is_usable: Whether a sequence of that day makes a number to be given out; the next one is tried otherwise.
            make: Makes and signs the report for a sequence of that day.
            is_current: Whether the report would say all that the subject's changes (envelopes) say; they are read in this
                transaction, and none can come between.
            is_allowed: Raises where the applicant may not ask any more; then nothing is stored.
            tell: Whether the owner is told, because nobody waits for the answer.

        Returns:
            The report; the request, where it ended without one meanwhile; None, where a change came in between.
        """
        table = tables.requests
        take = (
            update(table)
            .where(_is_open(request.request_id))
            .values(state=RequestState.SEALED, ended_at=instant_text(at), version=table.c.version + 1)
        )
        uscc = request.subject.uscc
        async with self._database.write() as connection:
            await alone_with_subject(connection, uscc)
            await is_allowed(connection)
            if not is_current(await _changes_of(connection, uscc)):
                return None
            await _record_outcomes(connection, request, outcomes, at)
            if (await connection.execute(take)).rowcount == 1:
                report = make(await _next_usable(connection, at, is_usable))
                await _insert_report(connection, request, report)
                await finish_work(connection, COMPLETE, request.request_id)
                if tell:
                    notice = _notice(request, wire.NOTICE_KIND_REPORT_ISSUED, at)
                    await add_notice(connection, replace(notice, report_number=report.sealed.report_number))
                return report.sealed
        sealed = await self.find_report_of(request.request_id)
        if sealed is not None:
            return sealed
        ended = await self.load_request(request.request_id)
        if ended is None or ended.state in {RequestState.OPEN, RequestState.SEALED}:
            raise RuntimeError(f"request {request.request_id} is not open and has no report")
        return ended

    async def changes_of(self, uscc: str) -> Sequence[bytes]:
        """Envelopes of the changes that origins told about a subject."""
        async with self._database.read() as connection:
            return await _changes_of(connection, uscc)

    async def find_report_of(self, request_id: RequestId) -> Sealed | None:
        """The report of a request, if it came to one."""
        return await self._one_report(tables.reports.c.request_id == request_id)

    async def find_report(self, report_number: str) -> Sealed | None:
        """The report of that number."""
        return await self._one_report(tables.reports.c.report_number == report_number)

    async def request_of_report(self, report_number: str) -> StoredRequest | None:
        """The request that a report answers."""
        report, request = tables.reports, tables.requests
        found = select(request).join(report, report.c.request_id == request.c.request_id)
        async with self._database.read() as connection:
            row = (
                (await connection.execute(found.where(report.c.report_number == report_number)))
                .mappings()
                .one_or_none()
            )
        return None if row is None else _stored_request(row)

    async def record_refused(self, row: AuditRow, refused: RefusedLookUp | None) -> None:
        """Writes that somebody was refused: into the audit, and among the look-ups of the subject, where there is one."""
        async with self._database.write() as connection:
            await audit(connection, (row,))
            if refused is not None and await _is_worth_keeping(connection, refused):
                values = {field.name: getattr(refused, field.name) for field in fields(refused)}
                await connection.execute(insert(tables.refused_look_ups), values | {"at": instant_text(refused.at)})

    async def coverage(self, statement_id: bytes) -> bytes | None:
        """The envelope of a coverage statement that was kept."""
        table = tables.coverages
        found = select(table.c.envelope).where(table.c.statement_id == statement_id)
        async with self._database.read() as connection:
            return (await connection.execute(found)).scalar_one_or_none()

    async def keep_coverage(self, province: Province, statement_id: bytes, envelope: bytes) -> None:
        """Keeps a coverage statement, once."""
        row = {"statement_id": statement_id, "province": int(province), "envelope": envelope}
        async with self._database.write() as connection:
            await connection.execute(dialect(connection).insert(tables.coverages).values(row).on_conflict_do_nothing())

    async def _one_report(self, condition: Any) -> Sealed | None:
        table = tables.reports
        found = select(
            table.c.report_number, table.c.envelope, table.c.verification_code, table.c.typed_code, table.c.issued_at
        ).where(condition)
        async with self._database.read() as connection:
            row = (await connection.execute(found)).one_or_none()
        if row is None:
            return None
        return Sealed(
            report_number=row[0],
            envelope=row[1],
            verification_code=row[2],
            typed_code=row[3],
            issued_at=instant(row[4]),
        )


async def _is_worth_keeping(connection: AsyncConnection, refused: RefusedLookUp) -> bool:
    """Whether the subject learns something by another line: a stranger could fill the list with the same one for ever."""
    table = tables.refused_look_ups
    of_this_hour = select(func.count()).where(
        table.c.uscc == refused.uscc,
        table.c.applicant == refused.applicant,
        table.c.at >= instant_text(refused.at - _SAME_WITHIN),
    )
    return (await connection.execute(of_this_hour)).scalar_one() < _MOST_OF_THE_SAME


_SAME_WITHIN: Final = timedelta(hours=1)
_MOST_OF_THE_SAME: Final = 20
"""Refusals of one unit about one subject that are kept in an hour; the audit keeps all. Source: system default, not confirmed."""


async def _next_usable(connection: AsyncConnection, at: datetime, is_usable: Callable[[int], bool]) -> int:
    while not is_usable(sequence := await _next_sequence(connection, at)):
        pass
    return sequence


async def _next_sequence(connection: AsyncConnection, at: datetime) -> int:
    """Gives out the next sequence of a China day: never below the milliseconds of the day that have passed.

    So numbers that were issued after a backup, and lost with the database, are not issued again when the backup is restored: by
    then the clock is past them (docs/adr/0015). A rollback of the transaction takes the sequence back.
    """
    table = tables.report_numbers
    floor = _milliseconds_of_day(at)
    highest = func.greatest if connection.dialect.name == "postgresql" else func.max
    counted = (
        dialect(connection)
        .insert(table)
        .values(day=china_day(at).isoformat(), last_sequence=max(floor, 1))
        .on_conflict_do_update(
            index_elements=["day"], set_={"last_sequence": highest(table.c.last_sequence + 1, floor)}
        )
        .returning(table.c.last_sequence)
    )
    return int((await connection.execute(counted)).scalar_one())


def _milliseconds_of_day(at: datetime) -> int:
    local = at.astimezone(CHINA)
    since = local - local.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(since / timedelta(milliseconds=1))


async def _insert_report(connection: AsyncConnection, request: StoredRequest, report: NewReport) -> None:
    await connection.execute(
        insert(tables.reports),
        {
            "report_number": report.sealed.report_number,
            "request_id": request.request_id,
            "owner": request.subject.uscc,
            "statement_id": report.statement_id,
            "envelope": report.sealed.envelope,
            "verification_code": report.sealed.verification_code,
            "typed_code": report.sealed.typed_code,
            "issued_at": instant_text(report.issued_at),
        },
    )
    await audit(
        connection,
        (_about(request, ISSUE, report.sealed.report_number, at=report.issued_at, statement_id=report.statement_id),),
    )


async def _record_outcomes(
    connection: AsyncConnection, request: StoredRequest, outcomes: Iterable[Outcome], at: datetime
) -> None:
    known = [(outcome, outcome.question) for outcome in outcomes if outcome.question is not None]
    if not known:
        return
    rows = [
        {"query_id": question.statement_id, "at": instant_text(at), **_outcome_row(outcome)}
        for outcome, question in known
    ]
    await connection.execute(insert(tables.outcomes), rows)
    await audit(
        connection,
        [
            _about(
                request,
                OUTCOME,
                type(outcome).__name__,
                at=at,
                province=int(outcome.province),
                statement_id=question.statement_id,
            )
            for outcome, question in known
        ],
    )


def _outcome_row(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Admitted(statement=statement):
            found: tuple[str, str, bytes | None] = ("", "", statement.envelope)
        case Refused(statement=statement, refusal=refusal):
            found = (refusal_pb2.RefusalReason.Name(refusal.reason), "", statement.envelope)
        case Unavailable(reason=why, detail=detail):
            found = (why, detail, None)
        case Inadmissible(reason=broken, detail=detail, digest=digest):
            found = (broken, f"{detail} [{digest.hex()}]", None)
        case _:
            assert_never(outcome)
    reason, detail, answer = found
    detail = detail.replace("\0", "\ufffd")  # a peer's words may hold one, which PostgreSQL takes in no text
    return {"kind": type(outcome).__name__, "reason": reason, "detail": detail, "answer": answer}


def _about(
    request: StoredRequest, action: Action, result: str, *, at: datetime, province: int = 0, statement_id: bytes = b""
) -> AuditRow:
    return AuditRow(
        at=at,
        action=action,
        result=result,
        caller=request.caller,
        uscc=request.subject.uscc,
        request_id=request.request_id,
        actor_ref=request.actor_ref,
        province=province,
        statement_id=statement_id,
    )


def _is_open(request_id: RequestId) -> ColumnElement[bool]:
    table = tables.requests
    return (table.c.request_id == request_id) & (table.c.state == RequestState.OPEN)


async def _find_request(connection: AsyncConnection, request_id: str) -> StoredRequest | None:
    found = select(tables.requests).where(tables.requests.c.request_id == request_id)
    row = (await connection.execute(found)).mappings().one_or_none()
    return None if row is None else _stored_request(row)


async def _request(connection: AsyncConnection, request_id: RequestId) -> StoredRequest:
    request = await _find_request(connection, request_id)
    if request is None:
        raise RuntimeError(f"request {request_id} is not stored")
    return request


async def _changes_of(connection: AsyncConnection, uscc: str) -> Sequence[bytes]:
    found = select(tables.changes.c.envelope).where(tables.changes.c.uscc == uscc)
    return (await connection.execute(found)).scalars().all()


def _notice(request: StoredRequest, kind: wire.NoticeKind.ValueType, at: datetime) -> Notice:
    return Notice(uscc=request.applicant, kind=kind, at=at, request_id=request.request_id)


def _progress_bytes(progress: wire.OpenRequest) -> bytes:
    return progress.SerializeToString(deterministic=True)


def _stored_request(row: RowMapping) -> StoredRequest:
    return StoredRequest(
        request_id=RequestId(row["request_id"]),
        digest=row["digest"],
        subject=common_pb2.Subject.FromString(row["subject"]),
        window=common_pb2.Window(first_day=row["first_day"], last_day=row["last_day"]),
        cells=tuple(query_pb2.Query.FromString(row["cells"]).cells),
        catalogue=common_pb2.CatalogueRef(version=row["catalogue_version"], digest=row["catalogue_digest"]),
        purpose=row["purpose"],
        identity_level=row["identity_level"],
        actor_ref=row["actor_ref"],
        caller=row["caller"],
        applicant=row["applicant"],
        actor=row["actor"],
        unit=row["unit"],
        post=row["post"],
        channel=row["channel"],
        ground=Ground(
            basis=row["basis"],
            grant_id=row["grant_id"],
            use_ordinal=row["use_ordinal"],
            matter_number=row["matter_number"],
        ),
        opened_at=instant(row["opened_at"]),
        completion_until=instant(row["completion_until"]),
        state=RequestState(row["state"]),
        ended_at=instant(row["ended_at"]) if row["ended_at"] else None,
        end_reason=row["end_reason"],
        progress=wire.OpenRequest.FromString(row["progress"]) if row["progress"] else None,
        version=row["version"],
    )


def _cells_to_bytes(cells: Iterable[common_pb2.CellKey]) -> bytes:
    """A message that holds cells, because a repeated field has no bytes of its own."""
    return query_pb2.Query(cells=cells).SerializeToString(deterministic=True)
