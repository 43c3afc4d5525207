"""The adapter's own memory: what it was asked, what it answered and signed, and which record is which.

    queries           one row for each query that was answered as its signer's: (signer, nonce) is used once
    statements        every statement that was signed here
    audit             who asked about whom, when, why, and what came of it
    coverage          which coverage statement was made for which content
    record_identity   the permanent identity of each row of the platform that was ever disclosed

- All but `record_identity` are append-only: the database itself refuses to change or delete a row.
- An answer, its nonce, its statement and its line of audit are written in one transaction, before the answer is sent. Whoever asks
  again with the same bytes gets what is stored.
- `record_id` is random, and belongs to (form, key of the platform). `revision` grows when what a record says changes; the time
  of supply is kept with the revision, so that one revision reads the same for ever.
- Instants are integers of microseconds since 1970, in UTC: the same in every database.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.findings import FoundRecord
from adapters.sdk.mapping import content_digest
from contract.days import from_timestamp, to_timestamp
from huren.fragment.v1 import record_pb2
from runtime.database import Database, is_unique_violation
from signing import SignedStatement, StatementId

RECORD_ID_BYTES: Final = 16
"""128 random bits, written as 32 hexadecimal digits."""

_KEYS_PER_SELECT: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

METADATA: Final = MetaData()
_STATEMENTS: Final = Table(
    "statements",
    METADATA,
    Column("statement_id", LargeBinary, primary_key=True),
    Column("payload_type", String, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("issued_at_us", BigInteger, nullable=False),
)
_QUERIES: Final = Table(
    "queries",
    METADATA,
    Column("signer", Integer, primary_key=True),
    Column("nonce", LargeBinary, primary_key=True),
    Column("query_statement_id", LargeBinary, nullable=False),
    Column("query_envelope", LargeBinary, nullable=False),
    Column("answer_statement_id", ForeignKey("statements.statement_id"), nullable=False),
    Column("answered_at_us", BigInteger, nullable=False),
)
_AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("asked_by", Integer, nullable=False),
    Column("uscc", String, nullable=False),
    Column("purpose", Integer, nullable=False),
    Column("basis", Integer, nullable=False),
    Column("request_id", String, nullable=False),
    Column("query_statement_id", LargeBinary, nullable=False),
    Column("answer_statement_id", ForeignKey("statements.statement_id"), nullable=False),
    Column("outcome", String, nullable=False),
)
_COVERAGE: Final = Table(
    "coverage",
    METADATA,
    Column("content_digest", LargeBinary, primary_key=True),
    Column("statement_id", ForeignKey("statements.statement_id"), nullable=False),
)
_RECORDS: Final = Table(
    "record_identity",
    METADATA,
    Column("form", String, primary_key=True),
    Column("source_key", String, primary_key=True),
    Column("record_id", String, nullable=False, unique=True),
    Column("content_digest", LargeBinary, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("collected_at_us", BigInteger, nullable=False),
)
APPEND_ONLY: Final = (_STATEMENTS, _QUERIES, _AUDIT, _COVERAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """What was answered to a nonce.

    Attributes:
        query_envelope: The bytes that were asked.
        answer_envelope: The bytes that were answered.
    """

    query_envelope: bytes
    answer_envelope: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """Who asked about whom.

    Attributes:
        at: When.
        asked_by: Number of the province whose gateway asked.
        uscc: About whom; empty where the query cannot be read.
        purpose: Number of the Purpose; 0 where the query cannot be read.
        basis: Number of the AuthorisationBasis; 0 where the query cannot be read.
        request_id: The request; empty where the query cannot be read.
        query_statement_id: The query.
        outcome: `ANSWERED`, or the name of the reason of refusal.
    """

    at: datetime
    asked_by: int
    uscc: str
    purpose: int
    basis: int
    request_id: str
    query_statement_id: bytes
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordIdentity:
    """What the ledger gives to a record.

    Attributes:
        record_id: Permanent.
        revision: Grows from 1.
        collected_at: When the platform received this revision.
    """

    record_id: str
    revision: int
    collected_at: datetime

    def identify(self, draft: record_pb2.Record) -> record_pb2.Record:
        """The record with this identity, but for the key of its decision."""
        record = record_pb2.Record()
        record.CopyFrom(draft)
        record.record_id = self.record_id
        record.revision = self.revision
        record.collected_at.CopyFrom(to_timestamp(self.collected_at))
        return record


class Ledger:
    """The ledger in an open database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self) -> None:
        """Creates the tables that are missing.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        await self._database.create_tables(METADATA, append_only=APPEND_ONLY)

    async def stored_answer(self, signer: int, nonce: bytes) -> StoredAnswer | None:
        """What was answered to a nonce of a signer, if anything was.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        async with self._database.read() as connection:
            return await _stored_answer(connection, signer, nonce)

    async def statement(self, statement_id: bytes, payload_type: str) -> bytes | None:
        """The envelope of a statement of a type that was signed here.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        async with self._database.read() as connection:
            query = select(_STATEMENTS.c.envelope).where(
                _STATEMENTS.c.statement_id == statement_id, _STATEMENTS.c.payload_type == payload_type
            )
            return (await connection.execute(query)).scalar_one_or_none()

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[LedgerTransaction]:
        """Gives a transaction; all of it is kept when the block ends, or nothing.

        Raises:
            LedgerConflictError: Another transaction wrote the same row first.
            StoreUnavailableError: The database cannot do it now.
        """
        try:
            async with self._database.write() as connection:
                yield LedgerTransaction(connection)
        except IntegrityError as error:
            if not is_unique_violation(error):
                raise
            raise LedgerConflictError("another transaction wrote the same row first") from error


class LedgerTransaction:
    """What can be written in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def stored_answer(self, signer: int, nonce: bytes) -> StoredAnswer | None:
        """As `Ledger.stored_answer`."""
        return await _stored_answer(self._connection, signer, nonce)

    async def keep_statement(self, statement: SignedStatement, at: datetime) -> None:
        """Keeps a statement that was signed."""
        values = {
            "statement_id": statement.statement_id,
            "payload_type": statement.payload_type,
            "envelope": statement.envelope,
            "issued_at_us": _micros(at),
        }
        await self._connection.execute(insert(_STATEMENTS).values(values))

    async def use_nonce(
        self, signer: int, nonce: bytes, *, query_envelope: bytes, answer: StatementId, line: AuditLine
    ) -> None:
        """Binds a nonce to the one answer that its query gets. The answer's statement is kept already."""
        values = {
            "signer": signer,
            "nonce": nonce,
            "query_statement_id": line.query_statement_id,
            "query_envelope": query_envelope,
            "answer_statement_id": answer,
            "answered_at_us": _micros(line.at),
        }
        await self._connection.execute(insert(_QUERIES).values(values))

    async def record_query(self, line: AuditLine, answer: StatementId) -> None:
        """Writes who asked about whom."""
        values = {
            "at_us": _micros(line.at),
            "asked_by": line.asked_by,
            "uscc": line.uscc,
            "purpose": line.purpose,
            "basis": line.basis,
            "request_id": line.request_id,
            "query_statement_id": line.query_statement_id,
            "answer_statement_id": answer,
            "outcome": line.outcome,
        }
        await self._connection.execute(insert(_AUDIT).values(values))

    async def coverage(self, digest: bytes) -> bytes | None:
        """The envelope of the coverage statement that was made for a content."""
        query = (
            select(_STATEMENTS.c.envelope)
            .join(_COVERAGE, _COVERAGE.c.statement_id == _STATEMENTS.c.statement_id)
            .where(_COVERAGE.c.content_digest == digest)
        )
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def keep_coverage(self, digest: bytes, statement: SignedStatement, at: datetime) -> None:
        """Keeps the coverage statement that was made for a content."""
        await self.keep_statement(statement, at)
        values = {"content_digest": digest, "statement_id": statement.statement_id}
        await self._connection.execute(insert(_COVERAGE).values(values))

    async def identities(self, records: Iterable[FoundRecord]) -> Mapping[tuple[str, str], RecordIdentity]:
        """Gives each record its identity, by (form, key): the one it has, or a new one."""
        wanted = {(record.form, record.source_key): record for record in records}
        known = await self._known(wanted)
        identities: dict[tuple[str, str], RecordIdentity] = {}
        for where, record in wanted.items():
            digest = content_digest(record.draft)
            stored = known.get(where)
            if stored is None:
                identities[where] = await self._first_revision(record, digest)
            elif stored[0] == digest:
                identities[where] = stored[1]
            else:
                identities[where] = await self._next_revision(record, digest, stored[1])
        return identities

    async def _known(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[bytes, RecordIdentity]]:
        by_form: dict[str, list[str]] = {}
        for form, key in wanted:
            by_form.setdefault(form, []).append(key)
        known: dict[tuple[str, str], tuple[bytes, RecordIdentity]] = {}
        for form, keys in by_form.items():
            for start in range(0, len(keys), _KEYS_PER_SELECT):
                query = select(_RECORDS).where(
                    _RECORDS.c.form == form, _RECORDS.c.source_key.in_(keys[start : start + _KEYS_PER_SELECT])
                )
                for row in (await self._connection.execute(query)).mappings():
                    identity = RecordIdentity(
                        record_id=row["record_id"],
                        revision=row["revision"],
                        collected_at=_instant(row["collected_at_us"]),
                    )
                    known[form, row["source_key"]] = row["content_digest"], identity
        return known

    async def _first_revision(self, record: FoundRecord, digest: bytes) -> RecordIdentity:
        identity = RecordIdentity(
            record_id=secrets.token_hex(RECORD_ID_BYTES),
            revision=1,
            collected_at=from_timestamp(record.draft.collected_at),
        )
        values = {
            "form": record.form,
            "source_key": record.source_key,
            "record_id": identity.record_id,
            "content_digest": digest,
            "revision": identity.revision,
            "collected_at_us": _micros(identity.collected_at),
        }
        await self._connection.execute(insert(_RECORDS).values(values))
        return identity

    async def _next_revision(self, record: FoundRecord, digest: bytes, before: RecordIdentity) -> RecordIdentity:
        identity = RecordIdentity(
            record_id=before.record_id,
            revision=before.revision + 1,
            collected_at=from_timestamp(record.draft.collected_at),
        )
        changed = await self._connection.execute(
            update(_RECORDS)
            .where(_RECORDS.c.record_id == before.record_id, _RECORDS.c.revision == before.revision)
            .values(content_digest=digest, revision=identity.revision, collected_at_us=_micros(identity.collected_at))
        )
        if changed.rowcount != 1:
            raise LedgerConflictError("another transaction changed the same record first")
        return identity


async def _stored_answer(connection: AsyncConnection, signer: int, nonce: bytes) -> StoredAnswer | None:
    query = (
        select(_QUERIES.c.query_envelope, _STATEMENTS.c.envelope)
        .join(_STATEMENTS, _STATEMENTS.c.statement_id == _QUERIES.c.answer_statement_id)
        .where(_QUERIES.c.signer == signer, _QUERIES.c.nonce == nonce)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else StoredAnswer(query_envelope=row[0], answer_envelope=row[1])


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
