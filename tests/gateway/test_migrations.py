"""A gateway's database of before migrations is taken along, row by row, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Integer, LargeBinary, MetaData, Table, inspect, select, text
from sqlalchemy.exc import IntegrityError

from gateway.store import tables
from gateway.store.rows import instant, instant_text
from gateway.store.work import COMPLETE
from runtime.database import Database, make_append_only
from runtime.migrations import SchemaError, migrate, migrate_within, revision_of

OPENED = instant_text(datetime(2026, 11, 20, 3, tzinfo=UTC))
ISSUED = instant_text(datetime(2026, 11, 20, 3, 0, 7, tzinfo=UTC))

REQUEST = {
    "idempotency_key": "key",
    "caller": "enterprise",
    "digest": b"digest",
    "uscc": "91110118MY7B8J0Y0R",
    "subject": b"\x00\xff",
    "first_day": "2021-11-20",
    "last_day": "2026-11-20",
    "cells": b"cells",
    "catalogue_version": "2025-12",
    "catalogue_digest": b"catalogue",
    "purpose": 1,
    "identity_level": 3,
    "actor_ref": bytes(16),
    "opened_at": OPENED,
}
OLD_ROWS: Mapping[str, list[dict[str, Any]]] = {
    "requests": [
        REQUEST | {"request_id": "sealed", "state": "SEALED"},
        REQUEST | {"request_id": "open", "state": "OPEN", "idempotency_key": "another"},
    ],
    "queries": [
        {
            "statement_id": b"q",
            "request_id": "sealed",
            "province": 13,
            "attempt": 1,
            "envelope": b"e",
            "sent_at": OPENED,
        }
    ],
    "outcomes": [{"query_id": b"q", "kind": "Admitted", "reason": "", "detail": "", "answer": b"a", "at": ISSUED}],
    "coverages": [{"statement_id": b"c", "province": 13, "envelope": b"e"}],
    "reports": [
        {
            "report_number": "HR1120261120000000016",
            "request_id": "sealed",
            "owner": REQUEST["uscc"],
            "statement_id": b"r",
            "envelope": b"report",
            "verification_code": "code",
            "issued_at": ISSUED,
        }
    ],
    "report_numbers": [{"day": "2026-11-20", "last_sequence": 1}],
    "audit": [
        {
            "at": OPENED,
            "action": "request",
            "caller": "enterprise",
            "uscc": REQUEST["uscc"],
            "request_id": "open",
            "actor_ref": b"",
            "province": 0,
            "statement_id": b"",
            "result": "opened",
        }
    ],
}
NEW_IN_REQUESTS = {"completion_until", "ended_at", "end_reason", "progress", "version"}


@pytest.fixture
async def old(database: Database) -> Database:
    """As a gateway of before migrations left it: tables, rows, triggers that refuse every DELETE, and no version."""
    written_once = ("queries", "outcomes", "coverages", "reports", "audit")
    async with database.reshape() as connection:
        await migrate_within(connection, tables.TABLES, to="0001")
        await connection.execute(text(f"DROP TABLE {tables.TABLES.version_table}"))
        await make_append_only(connection, [tables.metadata.tables[name] for name in written_once])
        for name, rows in OLD_ROWS.items():
            kinds = {bytes: LargeBinary, int: Integer, bool: Boolean}
            columns: list[Column[Any]] = [Column(key, kinds.get(type(value))) for key, value in rows[0].items()]
            await connection.execute(Table(name, MetaData(), *columns).insert(), rows)
    return database


async def rows_of(database: Database, table: Table) -> list[dict[str, Any]]:
    async with database.read() as connection:
        return [dict(row) for row in (await connection.execute(select(table))).mappings()]


async def test_rows_of_before_are_kept_as_they_were(old: Database) -> None:
    assert await migrate(old, tables.TABLES) is None
    for name, expected in OLD_ROWS.items():
        found = await rows_of(old, tables.metadata.tables[name])
        known = expected[0].keys()
        assert [{key: row[key] for key in row if key in known} for row in found] == [
            {key: row[key] for key in found[0] if key in known} for row in expected
        ]


async def test_requests_and_reports_of_before_have_what_is_true_of_them_in_new_columns(old: Database) -> None:
    await migrate(old, tables.TABLES)
    requests = {row["request_id"]: row for row in await rows_of(old, tables.requests)}
    nothing = {"completion_until": OPENED, "end_reason": "", "progress": b"", "version": 0}
    for request_id, ended_at in (("sealed", ISSUED), ("open", "")):
        assert {name: requests[request_id][name] for name in NEW_IN_REQUESTS} == nothing | {"ended_at": ended_at}
    [report] = await rows_of(old, tables.reports)
    assert report["typed_code"] == ""


async def test_a_request_that_was_open_waits_to_be_taken_up_and_its_time_is_over(old: Database) -> None:
    await migrate(old, tables.TABLES)
    [work] = await rows_of(old, tables.work)
    assert (work["kind"], work["reference"], work["parked"], work["lease_owner"]) == (COMPLETE, "open", False, "")
    assert instant(work["due_at"]) == instant(OPENED)


async def test_the_new_columns_have_no_default_that_would_stand_for_what_was_forgotten(old: Database) -> None:
    await migrate(old, tables.TABLES)
    with pytest.raises(IntegrityError, match=r"(?i)not.null"):
        async with old.write() as connection:
            await connection.execute(tables.requests.insert().values(**OLD_ROWS["requests"][0] | {"request_id": "x"}))


async def test_what_was_written_once_is_still_kept(old: Database) -> None:
    await migrate(old, tables.TABLES)
    for table in (tables.audit, tables.outcomes):
        with pytest.raises(IntegrityError, match="append-only"):
            async with old.write() as connection:
                await connection.execute(table.delete())
    async with old.write() as connection:
        cut = instant_text(datetime(2030, 1, 1, tzinfo=UTC))
        await connection.execute(tables.retention_cuts.insert().values(table_name="audit", cut=cut))
        assert (await connection.execute(tables.audit.delete())).rowcount == 1


async def test_references_still_hold(old: Database) -> None:
    await migrate(old, tables.TABLES)
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        async with old.write() as connection:
            await connection.execute(tables.requests.delete())


async def test_a_gateway_starts_on_it(old: Database) -> None:
    await tables.prepare(old)
    await tables.prepare(old)
    [epoch] = await rows_of(old, tables.epochs)
    assert epoch["cause"] == "created"


async def test_a_database_that_cannot_be_taken_over_stays_as_it_was(old: Database) -> None:
    async with old.write() as connection:
        await connection.execute(text("ALTER TABLE coverages ADD COLUMN more INTEGER"))
    with pytest.raises(SchemaError, match="a table coverages with columns"):
        await migrate(old, tables.TABLES)
    async with old.read() as connection:
        assert await connection.run_sync(revision_of, tables.TABLES) is None
        columns = await connection.run_sync(lambda sync: inspect(sync).get_columns("requests"))
        assert not NEW_IN_REQUESTS & {column["name"] for column in columns}
    with pytest.raises(IntegrityError, match="append-only"):
        async with old.write() as connection:
            await connection.execute(tables.audit.delete())
