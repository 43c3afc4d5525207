"""Notices are handed to a message platform: what it is told, by what it knows them, and what becomes of one that it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from gateway.reports.notices import NoticeNotTakenError, Notices
from gateway.store import tables
from gateway.store.notices import Notice, add_notice
from gateway.store.work import WorkQueue
from huren.report.v1 import report_service_pb2 as wire
from runtime.database import Database, open_database
from runtime.http_server import serve_http
from runtime.settings import ListenSettings
from tests.support.federation import SUBJECT_CODE

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)


class Platform:
    """A message platform that keeps what it is sent."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[dict[str, str]] = []
        self.status = 204

    async def take(self, request: web.Request) -> web.Response:
        self.received.append(await request.json())
        return web.Response(status=self.status)


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    made, application = Platform(), web.Application()
    application.router.add_post("/notices", made.take)
    async with serve_http(application, ListenSettings(host="127.0.0.1", port=0)) as address:
        made.url = f"{address}/notices"
        yield made


async def told(database: Database, platform: Platform, at: datetime, number: str = "HR-demo") -> WorkQueue:
    """Keeps a notice about a report and hands it on."""
    queue = WorkQueue(database, owner="one", clock=lambda: at, lease=timedelta(minutes=1))
    notice = Notice(uscc=SUBJECT_CODE, kind=wire.NOTICE_KIND_REPORT_REVOKED, at=at, report_number=number)
    async with database.write() as connection:
        await add_notice(connection, notice)
    work = await queue.take()
    assert work is not None
    await Notices(database, queue, platform_url=platform.url).hand_on(work)
    return queue


async def test_the_platform_is_told_that_something_happened_and_nothing_of_the_report(
    database: Database, platform: Platform
) -> None:
    await tables.prepare(database)
    queue = await told(database, platform, NOW)
    [message] = platform.received
    assert message.keys() == {"notice", "uscc", "kind", "at"}
    assert (message["uscc"], message["kind"]) == (SUBJECT_CODE, "REPORT_REVOKED")
    assert (await queue.backlog()).waiting == 0


async def test_a_notice_that_the_platform_does_not_take_is_kept(database: Database, platform: Platform) -> None:
    await tables.prepare(database)
    platform.status = 503
    with pytest.raises(NoticeNotTakenError):
        await told(database, platform, NOW)
    queue = WorkQueue(database, owner="two", clock=lambda: NOW, lease=timedelta(minutes=1))
    assert (await queue.backlog()).waiting == 1


async def test_after_a_restore_no_other_notice_bears_the_key_of_one_that_was_sent(
    tmp_path: Path, platform: Platform
) -> None:
    """What happens: a notice is sent; the database is lost; in the one that takes its place another notice has the same number."""
    for life in range(2):
        async with open_database(f"sqlite:///{tmp_path / f'life-{life}.db'}") as database:
            await tables.prepare(database)
            await told(database, platform, NOW + timedelta(days=life))
    first, second = platform.received
    assert first["notice"].partition("-")[0] == second["notice"].partition("-")[0]
    assert first["notice"] != second["notice"]
