"""The adapter's own memory: what it was asked, what it answered and signed, and which record is which.

    queries           one row for each query that was answered as its signer's: (signer, nonce) is used once
    statements        every statement that was signed here
    audit             who asked about whom, when, why, and what came of it
    coverage          which coverage statement was made for which content
    record_identity   the permanent identity of each row of the platform that was ever disclosed, with what it says now
    record_revisions  what each revision of a record said

- All but `record_identity` are append-only: the database itself refuses to change or delete a row. The tables of the desk lie
  in the same database (`desk/tables.py`), so that what is answered and what officers have to do about it are written together;
  so do those of grants (`grants.py`), by which it is decided whether to answer.
- An answer, its nonce, its statement and its line of audit are written in one transaction, before the answer is sent. Whoever asks
  again with the same bytes gets what is stored.
- `record_id` is random, and belongs to the row (family of forms, key of the platform). `revision` grows when what a record says
  changes; the time of supply is kept with the revision, so that one revision reads the same for ever.
- Instants are integers of microseconds since 1970, in UTC: the same in every database.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sdk import grants
from adapters.sdk.desk import tables as desk_tables
from adapters.sdk.desk.store import DeskStore, SeenRow, instant, micros
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.findings import FoundRecord, KnownRow
from adapters.sdk.grants import GrantBook, Known
from adapters.sdk.mapping import content_digest
from adapters.sdk.matching import RowIdentity
from adapters.sdk.notation import normalise_document_number
from adapters.sdk.source import RowKey
from contract.days import from_timestamp, parse_day, to_timestamp
from huren.fragment.v1 import query_pb2, record_pb2
from runtime.database import Database, is_unique_violation
from runtime.migrations import TableSet, migrate
from signing import SignedStatement, StatementId

RECORD_ID_BYTES: Final = 16
"""128 random bits, written as 32 hexadecimal digits."""

_KEYS_PER_SELECT: Final = 500

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
    Column("grant_id", LargeBinary),
    Column("matter_number", String),
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
    Column("family", String, primary_key=True),
    Column("source_key", String, primary_key=True),
    Column("record_id", String, nullable=False, unique=True),
    Column("content_digest", LargeBinary, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("collected_at_us", BigInteger, nullable=False),
    Column("authority", String, nullable=False),
    Column("document_number", String, nullable=False),
)
Index("record_identity_decision", _RECORDS.c.authority, _RECORDS.c.document_number)
"""`document_number` is normalised: by it a decision that replaces another one finds it."""
_REVISIONS: Final = Table(
    "record_revisions",
    METADATA,
    Column("record_id", String, primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("draft", LargeBinary, nullable=False),
)
APPEND_ONLY: Final = (_STATEMENTS, _QUERIES, _AUDIT, _COVERAGE, _REVISIONS)
TABLES: Final = TableSet(
    name="adapter",
    metadata=(METADATA, desk_tables.METADATA, grants.METADATA),
    revisions=Path(__file__).with_name("migrations"),
    append_only=(*APPEND_ONLY, *desk_tables.APPEND_ONLY, *grants.APPEND_ONLY),
)
"""All that an adapter keeps in its own database, but for the registry and the feeds."""


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
        grant_id: Statement id of the grant under which was asked. None: under none.
        matter_number: 事项编号 of the officer's matter. None: in none.
    """

    at: datetime
    asked_by: int
    uscc: str
    purpose: int
    basis: int
    request_id: str
    query_statement_id: bytes
    outcome: str
    grant_id: bytes | None
    matter_number: str | None


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

    @property
    def database(self) -> Database:
        """The database, for what lies beside the ledger."""
        return self._database

    async def prepare(self) -> None:
        """Brings the tables, those of the desk and of grants too, to the newest revision.

        Raises:
            SchemaError: They are a newer program's.
            StoreUnavailableError: The database cannot do it now.
        """
        await migrate(self._database, TABLES)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[DeskStore]:
        """Gives the desk, for looking only.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        async with self._database.read() as connection:
            yield DeskStore(connection)

    async def stored_answer(self, signer: int, nonce: bytes) -> StoredAnswer | None:
        """What was answered to a nonce of a signer, if anything was.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        async with self._database.read() as connection:
            return await _stored_answer(connection, signer, nonce)

    async def known_of_grant(self, query: query_pb2.Query, signer: int) -> Known:
        """What is known of the grant that a query names, at this moment.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        async with self._database.read() as connection:
            return await GrantBook(connection).known(query, signer, holding=False)

    async def known_rows(self, rows: Iterable[SeenRow]) -> tuple[KnownRow, ...]:
        """What is known of rows that the platform does not have any more.

        Raises:
            StoreUnavailableError: The database cannot do it now.
        """
        rows = tuple(rows)
        async with self._database.read() as connection:
            known = await _known(connection, (row.where for row in rows))
            drafts: dict[str, bytes] = {}
            for _, identity in known.values():
                query = select(_REVISIONS.c.draft).where(
                    _REVISIONS.c.record_id == identity.record_id, _REVISIONS.c.revision == identity.revision
                )
                drafts[identity.record_id] = (await connection.execute(query)).scalar_one()
        return tuple(_known_row(row, known, drafts) for row in rows)

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

    @property
    def desk(self) -> DeskStore:
        """The desk, in the same transaction."""
        return DeskStore(self._connection)

    @property
    def grants(self) -> GrantBook:
        """The grants, in the same transaction."""
        return GrantBook(self._connection)

    async def stored_answer(self, signer: int, nonce: bytes) -> StoredAnswer | None:
        """As `Ledger.stored_answer`."""
        return await _stored_answer(self._connection, signer, nonce)

    async def keep_statement(self, statement: SignedStatement, at: datetime) -> None:
        """Keeps a statement that was signed."""
        values = {
            "statement_id": statement.statement_id,
            "payload_type": statement.payload_type,
            "envelope": statement.envelope,
            "issued_at_us": micros(at),
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
            "answered_at_us": micros(line.at),
        }
        await self._connection.execute(insert(_QUERIES).values(values))

    async def record_query(self, line: AuditLine, answer: StatementId) -> None:
        """Writes who asked about whom."""
        values = {
            "at_us": micros(line.at),
            "asked_by": line.asked_by,
            "uscc": line.uscc,
            "purpose": line.purpose,
            "basis": line.basis,
            "request_id": line.request_id,
            "query_statement_id": line.query_statement_id,
            "answer_statement_id": answer,
            "outcome": line.outcome,
            "grant_id": line.grant_id,
            "matter_number": line.matter_number,
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

    async def identities(self, records: Iterable[FoundRecord]) -> Mapping[RowKey, RecordIdentity]:
        """Gives each record its identity, by its row: the one it has, or a new one."""
        wanted = {record.where: record for record in records}
        known = await _known(self._connection, wanted)
        identities: dict[RowKey, RecordIdentity] = {}
        new: list[dict[str, object]] = []
        revisions: list[dict[str, object]] = []
        for where, record in wanted.items():
            digest = content_digest(record.draft)
            stored = known.get(where)
            if stored is not None and stored[0] == digest:
                identities[where] = stored[1]
                continue
            identity = identities[where] = _next_identity(record, None if stored is None else stored[1])
            said = _said(record, identity, digest)
            if stored is None:
                new.append({"family": where[0], "source_key": where[1], "record_id": identity.record_id, **said})
            else:
                await self._change(stored[1], said)
            draft = record.draft.SerializeToString(deterministic=True)
            revisions.append({"record_id": identity.record_id, "revision": identity.revision, "draft": draft})
        if new:
            await self._connection.execute(insert(_RECORDS), new)
        if revisions:
            await self._connection.execute(insert(_REVISIONS), revisions)
        return identities

    async def replaced_by(self, record: FoundRecord) -> str:
        """The id of the record that a record replaces: by its authority and document number. Empty: none that is known."""
        if not record.replaces_number:
            return ""
        query = select(_RECORDS.c.record_id).where(
            _RECORDS.c.authority == _fact(record.draft).authority.name,
            _RECORDS.c.document_number == normalise_document_number(record.replaces_number),
        )
        found = (await self._connection.execute(query.limit(2))).scalars().all()
        return found[0] if len(found) == 1 else ""

    async def _change(self, before: RecordIdentity, said: Mapping[str, object]) -> None:
        changed = await self._connection.execute(
            update(_RECORDS)
            .where(_RECORDS.c.record_id == before.record_id, _RECORDS.c.revision == before.revision)
            .values(said)
        )
        if changed.rowcount != 1:
            raise LedgerConflictError("another transaction changed the same record first")


def _next_identity(record: FoundRecord, before: RecordIdentity | None) -> RecordIdentity:
    """A new identity, or the one it had with the next revision."""
    return RecordIdentity(
        record_id=secrets.token_hex(RECORD_ID_BYTES) if before is None else before.record_id,
        revision=1 if before is None else before.revision + 1,
        collected_at=from_timestamp(record.draft.collected_at),
    )


async def _known(connection: AsyncConnection, wanted: Iterable[RowKey]) -> dict[RowKey, tuple[bytes, RecordIdentity]]:
    keys = sorted(set(wanted))
    known: dict[RowKey, tuple[bytes, RecordIdentity]] = {}
    for start in range(0, len(keys), _KEYS_PER_SELECT):
        some = keys[start : start + _KEYS_PER_SELECT]
        query = select(_RECORDS).where(tuple_(_RECORDS.c.family, _RECORDS.c.source_key).in_(some))
        for row in (await connection.execute(query)).mappings():
            identity = RecordIdentity(
                record_id=row["record_id"], revision=row["revision"], collected_at=instant(row["collected_at_us"])
            )
            known[row["family"], row["source_key"]] = row["content_digest"], identity
    return known


def _said(record: FoundRecord, identity: RecordIdentity, digest: bytes) -> dict[str, object]:
    fact = _fact(record.draft)
    return {
        "content_digest": digest,
        "revision": identity.revision,
        "collected_at_us": micros(identity.collected_at),
        "authority": fact.authority.name,
        "document_number": normalise_document_number(fact.document_number),
    }


def _fact(draft: record_pb2.Record) -> record_pb2.Penalty | record_pb2.ListEntry:
    return draft.penalty if draft.HasField("penalty") else draft.list_entry


def _known_row(
    row: SeenRow, known: Mapping[RowKey, tuple[bytes, RecordIdentity]], drafts: Mapping[str, bytes]
) -> KnownRow:
    stored = known.get(row.where)
    is_disclosed = stored is not None and row.outcome == "readable" and stored[0] == row.content_digest
    return KnownRow(
        where=row.where,
        identity=RowIdentity(
            name=row.name,
            uscc=row.code,
            organisation_code=row.organisation_code,
            registration_number=row.registration_number,
        ),
        cells=row.cells,
        first_day=parse_day(row.first_day) if row.first_day else None,
        last_day=parse_day(row.last_day) if row.last_day else None,
        draft=record_pb2.Record.FromString(drafts[stored[1].record_id]) if stored and is_disclosed else None,
        ruled=row.ruled,
    )


async def _stored_answer(connection: AsyncConnection, signer: int, nonce: bytes) -> StoredAnswer | None:
    query = (
        select(_QUERIES.c.query_envelope, _STATEMENTS.c.envelope)
        .join(_STATEMENTS, _STATEMENTS.c.statement_id == _QUERIES.c.answer_statement_id)
        .where(_QUERIES.c.signer == signer, _QUERIES.c.nonce == nonce)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else StoredAnswer(query_envelope=row[0], answer_envelope=row[1])
