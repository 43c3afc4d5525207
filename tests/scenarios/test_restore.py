"""A gateway whose database is lost and put back from a backup."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from contract import report_number
from gateway.store import tables
from gateway.store.epochs import RESTORED, begin_epoch, current_epoch
from huren.report.v1 import report_service_pb2 as wire
from runtime.backup import back_up, restore
from runtime.database import open_database
from sandbox.pki import PKI
from tests.support.federation import Federation
from tests.support.live import Live, live_federation
from tests.support.postgresql import postgresql_server as postgresql_server
from tests.support.postgresql import postgresql_url as postgresql_url


@pytest.mark.parametrize("outgrown", [False, True], ids=["to-sqlite", "to-postgresql"])
async def test_after_a_restore_no_number_is_issued_twice(
    pki: PKI, tmp_path: Path, request: pytest.FixtureRequest, *, outgrown: bool
) -> None:
    """What happens: reports are issued, a backup is taken, more are issued, the database is lost and the backup restored.

    What must result: what was backed up is there, byte for byte; what was issued since is forgotten, but its numbers are not
    issued again; and a new epoch has begun.
    """
    federation = Federation()
    new_url = request.getfixturevalue("postgresql_url") if outgrown else f"sqlite:///{tmp_path / 'new.db'}"
    path = tmp_path / "backup.zip"

    async with live_federation(pki, tmp_path, federation) as live:
        kept = [await _issued(live, federation) for _ in range(3)]
        await back_up(live.database, tables.TABLES, path, member="beijing", at=federation.now)
        lost = [await _issued(live, federation) for _ in range(5)]
        async with live.database.read() as connection:
            first_epoch = await current_epoch(connection)

    async with open_database(new_url) as new:
        await restore(
            new,
            tables.TABLES,
            path,
            member="beijing",
            then=lambda connection: begin_epoch(connection, RESTORED, at=federation.now),
        )

    async with live_federation(pki, tmp_path, federation, database_url=new_url) as live:
        async with live.database.read() as connection:
            assert await current_epoch(connection) != first_epoch
        async with live.client() as stub:
            for sealed in kept:
                again = await stub.GetReport(wire.GetReportRequest(report_number=sealed.report_number), timeout=10)
                assert again.sealed.report_envelope == sealed.report_envelope
            for sealed in lost:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub.GetReport(wire.GetReportRequest(report_number=sealed.report_number), timeout=10)
                assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        after = [await _issued(live, federation) for _ in range(5)]

    numbers = [sealed.report_number for sealed in (*kept, *lost, *after)]
    assert len(set(numbers)) == len(numbers)
    assert numbers == sorted(numbers, key=lambda number: report_number.check(number).sequence)


async def _issued(live: Live, federation: Federation) -> wire.SealedReport:
    federation.now += timedelta(milliseconds=250)
    response = await live.request()
    assert response.WhichOneof("result") == "sealed"
    return response.sealed
