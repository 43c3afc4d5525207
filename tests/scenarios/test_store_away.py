"""The disk is full, or the database is down, at each write on the way to a report: a retryable error, and nothing half-issued."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import grpc
import pytest
from sqlalchemy import event

from contract.errors import ErrorCode, HurenError
from contract.outcome import Question
from contract.province import Province
from contract.report_check import check_report
from gateway.store import tables
from huren.common.v1 import error_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.grpc_errors import error_detail
from sandbox.pki import PKI
from sandbox.postgresql import PostgreSQL
from tests.support.federation import Federation
from tests.support.live import Live, honest, live_federation

KEY = "one-key-for-the-whole-story"

OPENING = "INSERT INTO requests"
WRITING = "INSERT INTO queries"
COVERAGE = "INSERT INTO coverages"
SEALING = "INSERT INTO reports"
PROGRESS = "UPDATE requests SET progress"


class Away(Protocol):
    """Takes a store away and brings it back."""

    def go(self) -> None: ...

    def come_back(self) -> None: ...


class FullDisk(Away):
    """No file grows any more, the log of SQLite for one. What is written at a commit fails, as on a file system without room."""

    def __init__(self, database_url: str) -> None:
        self._log = Path(database_url.removeprefix("sqlite:///") + "-wal")
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def go(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._log.stat().st_size, self._before[1]))

    def come_back(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


class DatabaseDown(Away):
    """PostgreSQL ends all sessions and lets nobody in."""

    def __init__(self, server: PostgreSQL, database_url: str) -> None:
        self._server = server
        self._name = database_url.rpartition("/")[2]

    def go(self) -> None:
        self._server.sql(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
        ours = f"datname = '{self._name}'"
        self._server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")  # noqa: S608  # our name

    def come_back(self) -> None:
        self._server.sql(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")


@pytest.fixture
def away(request: pytest.FixtureRequest, database_url: str) -> Iterator[Away]:
    made: Away = (
        FullDisk(database_url)
        if database_url.startswith("sqlite:")
        else DatabaseDown(request.getfixturevalue("postgresql_server"), database_url)
    )
    yield made
    made.come_back()


@contextmanager
def away_at(live: Live, away: Away, beginning: str) -> Iterator[Callable[[], bool]]:
    """Lets the store be away from the first statement with this beginning on. Gives whether it is."""
    engine = live.database._writer.sync_engine
    struck = False

    def strike(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal struck
        if not struck and statement.startswith(beginning):
            struck = True
            away.go()

    event.listen(engine, "before_cursor_execute", strike)
    try:
        yield lambda: struck
    finally:
        event.remove(engine, "before_cursor_execute", strike)


async def down(_federation: Federation, _question: Question) -> bytes:
    """One of the failures that are not tried again within the deadline, and told in one line of the log."""
    raise HurenError(ErrorCode.UNVERIFIED_IN_PRODUCTION)


async def require_nothing_issued(live: Live) -> None:
    for table in (tables.reports, tables.report_numbers, tables.notices):
        assert await live.rows(table) == []
    assert {row["state"] for row in await live.rows(tables.requests)} <= {"OPEN"}
    assert "issue" not in {row["action"] for row in await live.rows(tables.audit)}


async def require_one_report(live: Live, sealed: wire.SealedReport) -> None:
    assert [row["report_number"] for row in await live.rows(tables.reports)] == [sealed.report_number]
    assert [row["state"] for row in await live.rows(tables.requests)] == ["SEALED"]
    assert [row["action"] for row in await live.rows(tables.audit)].count("issue") == 1
    federation = live.federation
    check_report(sealed.report_envelope, verifier=federation.verifier, catalogues=federation.catalogues)


@pytest.mark.parametrize("where", [OPENING, WRITING, COVERAGE, SEALING, PROGRESS])
async def test_a_store_that_goes_away_during_the_first_try_costs_nobody_the_report(
    database_url: str, pki: PKI, tmp_path: Path, away: Away, where: str
) -> None:
    """What must result: a retryable error by name, nothing half-issued; the same key gives one report when the store is back."""
    async with live_federation(pki, tmp_path, database_url=database_url, patience=timedelta(seconds=6)) as live:
        if where == PROGRESS:
            live.provinces[Province.HEBEI].behaviour = down
        with away_at(live, away, where) as is_away:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await live.request(idempotency_key=KEY)
            assert is_away()
        away.come_back()
        detail = error_detail(caught.value)
        assert detail is not None
        assert (detail.code, detail.retry) == ("STORE_UNAVAILABLE", error_pb2.ERROR_RETRY_LATER)
        await require_nothing_issued(live)
        assert len(await live.rows(tables.requests)) == (where != OPENING)
        live.provinces[Province.HEBEI].behaviour = honest()
        live.federation.now += timedelta(seconds=11)  # what could not be put back is free when the lease is over

        again = await live.request(idempotency_key=KEY)

        await require_one_report(live, again.sealed)


@pytest.mark.parametrize("where", [WRITING, SEALING])
async def test_a_store_that_goes_away_while_a_request_is_gone_on_with_costs_nobody_the_report(
    database_url: str, pki: PKI, tmp_path: Path, away: Away, where: str
) -> None:
    """What must result: nothing half-issued while the store is away; one report by itself, told once, when it is back."""
    async with live_federation(pki, tmp_path, database_url=database_url, patience=timedelta(seconds=6)) as live:
        live.provinces[Province.HEBEI].behaviour = down
        first = await live.request(idempotency_key=KEY)
        assert first.WhichOneof("result") == "open"
        live.provinces[Province.HEBEI].behaviour = honest()
        with away_at(live, away, where) as is_away:
            async with asyncio.timeout(60), live.working():
                while not is_away():  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(0.05)
                await asyncio.sleep(0.5)
            away.come_back()
            await require_nothing_issued(live)
            async with live.working():
                sealed = (await live.ended(first.open.request_id)).sealed
        await require_one_report(live, sealed)
        assert len(await live.rows(tables.notices)) == 1
