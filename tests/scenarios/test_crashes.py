"""SIGKILL of the gateway at each step of a report."""

from __future__ import annotations

import json
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

    def __init__(self, live: Live, folder: Path) -> None:
        self._live = live
        self._folder = folder
        self._database = folder / "crashing.db"
        self._announcement = folder / "announced.json"
        self._config = folder / "gateway.toml"
        self._write_files()

    @contextmanager
    def running(self, die_at: str = "never") -> Iterator[str]:
        """Starts it, gives its address, and ends it if it still lives."""
        self._announcement.unlink(missing_ok=True)
        with (self._folder / "gateway.log").open("wb") as log:
            command = [sys.executable, "-m", "tests.support.sabotaged_gateway", str(self._config), die_at]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
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

    async def count(self, table: Any) -> int:
        async with open_database(f"sqlite:///{self._database}") as database, database.read() as connection:
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
        lines = [
            'province = "beijing"',
            'mode = "sandbox"',
            'signing_key = "signing.key"',
            'trust = "trust"',
            f'database = "sqlite:///{self._database}"',
            'registry = "registry.jsonl"',
            'announce = "announced.json"',
            '[listen]\nhost = "127.0.0.1"\nport = 0',
            "[tls]",
            *tls_lines(server),
            '[peers]\ndirectory = "members.json"',
            "[peers.tls]",
            *tls_lines(client),
        ]
        self._config.write_text("\n".join(lines) + "\n", "utf-8")


def tls_lines(tls: Any) -> list[str]:
    return [f'{name} = "{getattr(tls, name)}"' for name in ("certificate", "private_key", "trusted_roots")]


@pytest.mark.parametrize("where", [*(str(step) for step in Step), INSIDE_SEAL])
async def test_a_kill_at_any_step_leaves_one_report_under_the_same_key(pki: PKI, tmp_path: Path, where: str) -> None:
    """What happens: the gateway is killed in the middle of a request, starts again, and the same key is used again.

    What must result: the store opens; there is one report, which verifies, and the third use of the key gives the same bytes.
    """
    request = wire.RequestReportRequest(idempotency_key=KEY, uscc=SUBJECT_CODE)
    federation = Federation(now=datetime.now(UTC))
    async with live_federation(pki, tmp_path, federation) as live:
        gateway = GatewayProcess(live, tmp_path)
        with gateway.running(die_at=where) as address:
            async with gateway.client(address) as stub:
                with pytest.raises(grpc.aio.AioRpcError):
                    await stub.RequestReport(request, timeout=30)
        issued_before = await gateway.count(tables.reports)
        with gateway.running() as address:
            async with gateway.client(address) as stub:
                second = await stub.RequestReport(request, timeout=30)
                third = await stub.RequestReport(request, timeout=30)
        assert await gateway.count(tables.reports) == 1
        assert await gateway.count(tables.requests) == 1
    assert issued_before == (1 if where in {Step.SEAL, Step.ANSWER} else 0)
    assert second == third
    checked = check_report(
        second.sealed.report_envelope, verifier=federation.verifier, catalogues=federation.catalogues
    )
    assert checked.report.report_number.endswith("00000001" + checked.report.report_number[-1])
