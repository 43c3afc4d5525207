"""The gateway's store. State and the audit of it commit together, in one transaction for each step of the service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NewType, assert_never

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.days import china_day
from contract.errors import ErrorCode, HurenError
from contract.outcome import Admitted, Inadmissible, Outcome, Question, Refused, Unavailable
from contract.province import Province
from gateway.domain.request import AskedBefore, RequestId, Sealed
from gateway.store import tables
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2, refusal_pb2
from runtime.database import Database, is_unique_violation
from signing import StatementId

Action = NewType("Action", str)
"""What an audit row is about."""

REQUEST = Action("request")
QUERY = Action("query")
OUTCOME = Action("outcome")
ISSUE = Action("issue")
LOOK_UP = Action("look-up")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One line of the audit. Fields that do not apply stay empty."""

    at: datetime
    action: Action
    result: str
    caller: str = ""
    uscc: str = ""
    request_id: str = ""
    actor_ref: bytes = b""
    province: int = 0
    statement_id: bytes = b""


_AUDIT_FIELDS: Final = tuple(field.name for field in fields(AuditRow))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """A request as it was opened. Later tries work from this, not from what they were sent."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReport:
    """A report that is about to be stored."""

    sealed: Sealed
    statement_id: StatementId
    issued_at: datetime


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
            await _audit(connection, rows)

    async def find_request(self, caller: str, idempotency_key: str) -> StoredRequest | None:
        """The request that the caller opened under this key."""
        table = tables.requests
        found = select(table).where(table.c.caller == caller, table.c.idempotency_key == idempotency_key)
        async with self._database.read() as connection:
            row = (await connection.execute(found)).mappings().one_or_none()
        return None if row is None else _stored_request(row)

    async def open_request(self, request: StoredRequest, *, idempotency_key: str, at: datetime) -> StoredRequest:
        """Stores a new request; where another try with the same key was quicker, returns that one's."""
        row = {
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
            "state": "OPEN",
            "opened_at": _text(at),
        }
        opened = AuditRow(
            at=at,
            action=REQUEST,
            result="opened",
            caller=request.caller,
            uscc=request.subject.uscc,
            request_id=request.request_id,
            actor_ref=request.actor_ref,
        )
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tables.requests), row)
                await _audit(connection, (opened,))
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
            .where(table.c.request_id == request.request_id, table.c.state == "OPEN")
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

    async def record_queries(self, request: StoredRequest, questions: Sequence[Question], *, at: datetime) -> None:
        """Stores queries before they are sent, and that the subject was asked about.

        Raises:
            HurenError: REQUEST_IN_PROGRESS, where another process asks for the same request at this moment.
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
                "sent_at": _text(at),
            }
            for question in questions
        ]
        async with self._unrivalled() as connection:
            await connection.execute(insert(tables.queries), rows)
            await _audit(
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

    async def record_outcomes(self, request: StoredRequest, outcomes: Iterable[Outcome], *, at: datetime) -> None:
        """Stores what became of queries of a request that stays open."""
        async with self._database.write() as connection:
            await _record_outcomes(connection, request, outcomes, at)

    async def seal(
        self,
        request: StoredRequest,
        outcomes: Iterable[Outcome],
        *,
        at: datetime,
        make: Callable[[int], NewReport],
    ) -> Sealed:
        """Issues the report of a request: number, report, outcomes, state and audit, in one transaction.

        Another try of the same request may have been quicker; then its report is returned and nothing is issued.

        Args:
            request: The request.
            outcomes: What became of the queries of this try.
            at: The issue time; its China day is the day of the number.
            make: Makes and signs the report for a sequence of that day.
        """
        table = tables.requests
        take = (
            update(table)
            .where(table.c.request_id == request.request_id, table.c.state == "OPEN")
            .values(state="SEALED")
        )
        async with self._database.write() as connection:
            if (await connection.execute(take)).rowcount == 1:
                await _record_outcomes(connection, request, outcomes, at)
                report = make(await _next_sequence(connection, china_day(at)))
                await _insert_report(connection, request, report)
                return report.sealed
        sealed = await self.find_report_of(request.request_id)
        if sealed is None:
            raise RuntimeError(f"request {request.request_id} is sealed and has no report")
        return sealed

    async def find_report_of(self, request_id: RequestId) -> Sealed | None:
        """The report of a request, if it came to one."""
        return await self._one_report(tables.reports.c.request_id == request_id)

    async def find_report(self, report_number: str, *, owner: str) -> Sealed | None:
        """The owner's report of that number."""
        table = tables.reports
        return await self._one_report((table.c.report_number == report_number) & (table.c.owner == owner))

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
            await connection.execute(_dialect(connection).insert(tables.coverages).values(row).on_conflict_do_nothing())

    async def _one_report(self, condition: Any) -> Sealed | None:
        table = tables.reports
        found = select(table.c.report_number, table.c.envelope, table.c.verification_code).where(condition)
        async with self._database.read() as connection:
            row = (await connection.execute(found)).one_or_none()
        if row is None:
            return None
        return Sealed(report_number=row[0], envelope=row[1], verification_code=row[2])


async def _next_sequence(connection: AsyncConnection, day: date) -> int:
    """Gives out the next sequence of a day; a rollback of the transaction takes it back."""
    dialect = _dialect(connection)
    table = tables.report_numbers
    counted = (
        dialect.insert(table)
        .values(day=day.isoformat(), last_sequence=1)
        .on_conflict_do_update(index_elements=["day"], set_={"last_sequence": table.c.last_sequence + 1})
        .returning(table.c.last_sequence)
    )
    return int((await connection.execute(counted)).scalar_one())


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
            "issued_at": _text(report.issued_at),
        },
    )
    await _audit(
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
        {"query_id": question.statement_id, "at": _text(at), **_outcome_row(outcome)} for outcome, question in known
    ]
    await connection.execute(insert(tables.outcomes), rows)
    await _audit(
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
    return {"kind": type(outcome).__name__, "reason": reason, "detail": detail, "answer": answer}


async def _audit(connection: AsyncConnection, rows: Iterable[AuditRow]) -> None:
    values = [{name: getattr(row, name) for name in _AUDIT_FIELDS} | {"at": _text(row.at)} for row in rows]
    if values:
        await connection.execute(insert(tables.audit), values)


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
    )


def _cells_to_bytes(cells: Iterable[common_pb2.CellKey]) -> bytes:
    """A message that holds cells, because a repeated field has no bytes of its own."""
    return query_pb2.Query(cells=cells).SerializeToString(deterministic=True)


def _dialect(connection: AsyncConnection) -> Any:
    """Both dialects write INSERT ... ON CONFLICT alike, but their types have nothing in common."""
    return postgresql if connection.dialect.name == "postgresql" else sqlite


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
