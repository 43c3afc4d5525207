"""What a broken constraint of the ledger means."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from adapters.sdk import ledger as module
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.ledger import AuditLine, Ledger
from runtime.database import Database, open_database
from signing import SignedStatement, StatementId
from tests.support.postgresql import database_url as database_url
from tests.support.postgresql import postgresql_server as postgresql_server
from tests.support.postgresql import postgresql_url as postgresql_url

STATEMENT = SignedStatement(
    payload_type="application/x", payload=b"", statement_id=StatementId(b"s" * 32), envelope=b"envelope"
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, patience=timedelta(seconds=30)) as opened:
        yield opened


@pytest.fixture
async def ledger(database: Database) -> Ledger:
    made = Ledger(database)
    await made.prepare()
    return made


def line(kit: Any, **changes: Any) -> AuditLine:
    made = AuditLine(
        at=kit.NOW,
        asked_by=11,
        uscc=kit.USCC,
        purpose=1,
        basis=1,
        request_id="0" * 32,
        query_statement_id=b"q" * 32,
        outcome="ANSWERED",
        grant_id=None,
        matter_number=None,
    )
    return dataclasses.replace(made, **changes)


async def keep(ledger: Ledger, kit: Any) -> None:
    async with ledger.write() as transaction:
        await transaction.keep_statement(STATEMENT, kit.NOW)


async def test_a_row_that_a_rival_wrote_first_is_a_conflict(ledger: Ledger, kit: Any) -> None:
    await keep(ledger, kit)
    with pytest.raises(LedgerConflictError):
        await keep(ledger, kit)


async def test_any_other_broken_constraint_is_a_fault_of_ours(ledger: Ledger, kit: Any) -> None:
    await keep(ledger, kit)
    unknown = StatementId(b"?" * 32)
    for wrong, answer in ((line(kit, outcome=None), STATEMENT.statement_id), (line(kit), unknown)):
        with pytest.raises(IntegrityError):
            async with ledger.write() as transaction:
                await transaction.record_query(wrong, answer)


async def test_what_was_kept_cannot_be_taken_back(ledger: Ledger, database: Database, kit: Any) -> None:
    await keep(ledger, kit)
    with pytest.raises(IntegrityError, match="append-only"):
        async with database.write() as connection:
            await connection.execute(delete(module._STATEMENTS))
    await Ledger(database).prepare()
    assert await ledger.statement(STATEMENT.statement_id, STATEMENT.payload_type) == STATEMENT.envelope
