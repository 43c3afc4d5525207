"""SIGKILL of the gateway at each step of a report, and of one of two replicas."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import func, select

from contract.province import Province
from contract.report_check import check_report
from gateway.federation.directory import directory_json
from gateway.reports.service import Step
from gateway.store import tables
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_service_pb2_grpc
from runtime.database import open_database
from runtime.grpc_channel import open_channel
from runtime.identity import MemberPeer, member_host_name
from sandbox.pki import PKI, Authority, issue_enterprise_certificate
from signing import write_key_entry, write_policy
from tests.support.federation import GATEWAY, SUBJECT_CODE, Federation, accept_ed25519, registry_entry
from tests.support.live import Live, live_federation, members
from tests.support.sabotaged_gateway import INSIDE_SEAL

KEY = "one-key-for-the-whole-story"


class GatewayProcess:
    """The gateway of Beijing as a process of its own, on the adapters of a live federation."""

    def __init__(
        self, live: Live, folder: Path, *, database_url: str = "", name: str = "gateway", patience_s: float = 20
    ) -> None:
        self._live = live
        self._patience_s = patience_s
        self._folder = folder / name
        self._folder.mkdir()
        self._database_url = database_url or f"sqlite:///{folder / 'crashing.db'}"
        self._announcement = self._folder / "announced.json"
        self._config = self._folder / "gateway.toml"
        self._process: subprocess.Popen[bytes] | None = None
        self._write_files()

    @contextmanager
    def running(self, die_at: str = "never") -> Iterator[str]:
        """Starts it, gives its address, and ends it if it still lives."""
        self._announcement.unlink(missing_ok=True)
        with (self._folder / "gateway.log").open("wb") as log:
            command = [sys.executable, "-m", "tests.support.sabotaged_gateway", str(self._config), die_at]
            process = self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        try:
            while not self._announcement.exists():
                assert process.poll() is None, (self._folder / "gateway.log").read_text("utf-8")
                time.sleep(0.02)
            yield json.loads(self._announcement.read_text("utf-8"))["grpc"]
        finally:
            process.kill()
            process.wait()

    @asynccontextmanager
    async def client(self, address: str) -> AsyncGenerator[report_service_pb2_grpc.ReportServiceAsyncStub]:
        tls = issue_enterprise_certificate(self._live.pki, SUBJECT_CODE, "示例企业", datetime.now(UTC))
        name = member_host_name(MemberPeer(Province.BEIJING, GATEWAY))
        async with open_channel(address, tls, server_name=name) as channel:
            yield report_service_pb2_grpc.ReportServiceStub(channel)

    async def dead(self) -> None:
        """Waits until it has died."""
        assert self._process is not None
        assert await asyncio.to_thread(self._process.wait, 60) == -signal.SIGKILL

    async def column(self, column: Any, *where: Any) -> list[Any]:
        async with open_database(self._database_url) as database, database.read() as connection:
            return list((await connection.execute(select(column).where(*where))).scalars())

    async def count(self, table: Any) -> int:
        async with open_database(self._database_url) as database, database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())

    def _write_files(self) -> None:
        federation, pki = self._live.federation, self._live.pki
        me = MemberPeer(Province.BEIJING, GATEWAY)
        trust = self._folder / "trust"
        for entry in federation.entries:
            write_key_entry(trust, entry)
        write_policy(trust, accept_ed25519(federation.now), published_at=federation.now)
        federation.keys[Province.BEIJING, GATEWAY].save(self._folder / "signing.key")
        (self._folder / "registry.jsonl").write_text(registry_entry().model_dump_json() + "\n", "utf-8")
        directory = members(self._live.adapter_addresses)
        (self._folder / "members.json").write_text(directory_json(list(directory.values())), "utf-8")
        server = pki.member_tls(me, trusting=Authority.CLIENTS)
        client = pki.member_tls(me)
        seal = pki.seal(me)
        lines = [
            'province = "beijing"',
            'mode = "sandbox"',
            'signing_key = "signing.key"',
            'trust = "trust"',
            f'database = "{self._database_url}"',
            'registry = "registry.jsonl"',
            'announce = "announced.json"',
            '[listen]\nhost = "127.0.0.1"\nport = 0',
            "[tls]",
            *tls_lines(server),
            f'[peers]\ndirectory = "members.json"\npatience_s = {self._patience_s}',
            "[peers.tls]",
            *tls_lines(client),
            '[members.listen]\nhost = "127.0.0.1"\nport = 0',
            "[members.tls]",
            *tls_lines(client),
            '[public.listen]\nhost = "127.0.0.1"\nport = 0',
            f'[seal]\ncertificate = "{seal.certificate}"\nprivate_key = "{seal.private_key}"',
            "[completion]\nfirst_pause_s = 0.2\nlongest_pause_s = 0.4\nlease_s = 2",
        ]
        self._config.write_text("\n".join(lines) + "\n", "utf-8")


def tls_lines(tls: Any) -> list[str]:
    return [f'{name} = "{getattr(tls, name)}"' for name in ("certificate", "private_key", "trusted_roots")]


WHERES = [*(str(step) for step in Step), INSIDE_SEAL]


@pytest.mark.parametrize("where", WHERES)
async def test_a_kill_at_any_step_costs_nobody_the_report(pki: PKI, tmp_path: Path, where: str) -> None:
    """What happens: the gateway is killed in the middle of a request and starts again.

    What must result: the store opens; a request that was opened comes to one report by itself, which verifies; the same key gives
    that report, byte for byte, and twice the same.
    """
    await killed_and_started_again(f"sqlite:///{tmp_path / 'crashing.db'}", pki, tmp_path, where)


@pytest.mark.parametrize("where", [Step.WRITE, INSIDE_SEAL])
async def test_a_kill_costs_nobody_the_report_on_postgresql_either(
    postgresql_url: str, pki: PKI, tmp_path: Path, where: str
) -> None:
    await killed_and_started_again(postgresql_url, pki, tmp_path, where)


async def killed_and_started_again(database_url: str, pki: PKI, tmp_path: Path, where: str) -> None:
    request = wire.RequestReportRequest(idempotency_key=KEY, uscc=SUBJECT_CODE)
    federation = Federation(now=datetime.now(UTC))
    async with live_federation(pki, tmp_path, federation) as live:
        gateway = GatewayProcess(live, tmp_path, database_url=database_url)
        with gateway.running(die_at=where) as address:
            async with gateway.client(address) as stub:
                with pytest.raises(grpc.aio.AioRpcError):
                    await stub.RequestReport(request, timeout=30)
        assert len(await gateway.column(tables.reports.c.report_number)) == (where in {Step.SEAL, Step.ANSWER})
        opened = await gateway.column(tables.requests.c.request_id)
        assert len(opened) == (where != Step.ACCEPT)
        with gateway.running() as address:
            async with gateway.client(address) as stub:
                by_itself = [await ended(stub, request_id) for request_id in opened]
                second = await stub.RequestReport(request, timeout=30)
                third = await stub.RequestReport(request, timeout=30)
        assert await gateway.column(tables.reports.c.report_number) == [second.sealed.report_number]
        assert await gateway.column(tables.requests.c.state) == ["SEALED"]
    assert second == third
    assert all(one.sealed == second.sealed for one in by_itself)
    check_report(second.sealed.report_envelope, verifier=federation.verifier, catalogues=federation.catalogues)


async def ended(stub: report_service_pb2_grpc.ReportServiceAsyncStub, request_id: str) -> wire.WatchReportResponse:
    """How a request ended; waits for it."""
    watched = stub.WatchReport(wire.WatchReportRequest(request_id=request_id), timeout=90)
    return [message async for message in watched][-1]


async def test_of_two_replicas_on_one_database_one_is_killed_and_nothing_is_lost_or_done_twice(
    postgresql_url: str, pki: PKI, tmp_path: Path
) -> None:
    """What happens: 河北 is stopped; an enterprise asks one of two replicas; a replica is killed while it goes on with the request;
    then 河北 returns.

    What must result: the other replica completes the report by itself; one report, one row for each query, none twice.
    """
    federation = Federation(now=datetime.now(UTC))
    async with live_federation(pki, tmp_path, federation) as live:
        hebei = live.provinces[Province.HEBEI]
        await hebei.stop()
        doomed = GatewayProcess(live, tmp_path, database_url=postgresql_url, name="doomed", patience_s=3)
        survivor = GatewayProcess(live, tmp_path, database_url=postgresql_url, name="survivor", patience_s=3)
        with doomed.running(die_at=Step.WRITE) as _, survivor.running() as address:
            async with survivor.client(address) as stub:
                request = wire.RequestReportRequest(idempotency_key=KEY, uscc=SUBJECT_CODE)
                first = await stub.RequestReport(request, timeout=30)
                assert first.WhichOneof("result") == "open"
                # Both take the work now and then; one of them dies with a query written and not sent.
                await doomed.dead()
                await live.start_again(Province.HEBEI)
                watched = stub.WatchReport(wire.WatchReportRequest(request_id=first.open.request_id), timeout=90)
                ends = [message async for message in watched]
        assert ends[-1].HasField("sealed")
        assert await survivor.column(tables.reports.c.report_number) == [ends[-1].sealed.report_number]
        attempts = await survivor.column(tables.queries.c.attempt, tables.queries.c.province == int(Province.HEBEI))
        assert sorted(attempts) == list(range(1, len(attempts) + 1))
        assert len(await survivor.column(tables.queries.c.attempt, tables.queries.c.province == 11)) == 1
        check_report(ends[-1].sealed.report_envelope, verifier=federation.verifier, catalogues=federation.catalogues)
