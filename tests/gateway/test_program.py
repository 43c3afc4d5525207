"""The gateway as a process: who may see its status, and whose fault its errors are."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import grpc
import pytest

from contract.province import Province
from gateway.federation.directory import directory_json
from huren.common.v1 import common_pb2, error_pb2
from huren.envelope.v1 import envelope_pb2
from huren.report.v1 import report_service_pb2, report_service_pb2_grpc
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.identity import MemberPeer, member_host_name
from runtime.settings import TLSSettings
from sandbox.pki import OPERATOR, PKI, Authority
from tests.support.federation import SUBJECT_CODE
from tests.support.live import members

ROOT = Path(__file__).parents[2]
GATEWAY = MemberPeer(Province.BEIJING, envelope_pb2.MEMBER_ROLE_GATEWAY)
NUMBER = "HR1420261122000000018"


def tls_table(tls: TLSSettings) -> str:
    names = ("certificate", "private_key", "trusted_roots")
    return "{" + ", ".join(f'{name} = "{getattr(tls, name)}"' for name in names) + "}"


def settings_file(folder: Path, pki: PKI) -> Path:
    (folder / "registry.jsonl").write_text("")
    nobody = members(dict.fromkeys(Province, "127.0.0.1:1"))
    (folder / "members.json").write_text(directory_json(list(nobody.values())), "utf-8")
    path = folder / "gateway.toml"
    seal = pki.seal(GATEWAY)
    path.write_text(
        f"""
province = "beijing"
mode = "sandbox"
listen = {{host = "127.0.0.1", port = 0}}
tls = {tls_table(pki.member_tls(GATEWAY, trusting=Authority.CLIENTS))}
signing_key = "{pki.signing_key(GATEWAY)}"
trust = "{pki.trust}"
database = "sqlite:///{folder / "gateway.db"}"
registry = "registry.jsonl"
announce = "announced.json"
peers = {{directory = "members.json", tls = {tls_table(pki.member_tls(GATEWAY))}}}
members = {{listen = {{host = "127.0.0.1", port = 0}}, tls = {tls_table(pki.member_tls(GATEWAY))}}}
public = {{listen = {{host = "127.0.0.1", port = 0}}}}
seal = {{certificate = "{seal.certificate}", private_key = "{seal.private_key}"}}
""",
        "utf-8",
    )
    return path


@asynccontextmanager
async def running(folder: Path, pki: PKI) -> AsyncIterator[str]:
    """Starts the program, gives its address, and ends it in good order."""
    arguments = ("-m", "gateway", "--config", str(settings_file(folder, pki)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    announced = folder / "announced.json"
    try:
        while not announced.exists():
            assert process.returncode is None, await process.communicate()
            await asyncio.sleep(0.02)
        yield json.loads(announced.read_text("utf-8"))["grpc"]
        process.send_signal(signal.SIGTERM)
        _, told = await process.communicate()
        assert process.returncode == 0, told
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def status(address: str, tls: TLSSettings) -> status_service_pb2.GetMemberStatusResponse:
    async with open_channel(address, tls, server_name=member_host_name(GATEWAY)) as channel:
        stub = status_service_pb2_grpc.StatusServiceStub(channel)
        return await stub.GetMemberStatus(status_service_pb2.GetMemberStatusRequest(), timeout=20)


async def test_operators_see_the_status_and_enterprises_do_not(tmp_path: Path, pki: PKI) -> None:
    async with running(tmp_path, pki) as address:
        seen = await status(address, pki.operator_tls(OPERATOR, Authority.CLIENTS))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await status(address, pki.enterprise_tls(SUBJECT_CODE))
    assert (seen.province, seen.role) == (common_pb2.PROVINCE_BEIJING, envelope_pb2.MEMBER_ROLE_GATEWAY)
    assert list(seen.contracts) == ["huren.fragment.v1", "huren.report.v1", "huren.status.v1"]
    assert [(peer.province, peer.asking, peer.last_failure) for peer in seen.peers] == [
        (province.wire, True, "") for province in Province
    ]
    assert len(seen.signing_key.keyid) == 64
    assert seen.signing_key.suite == envelope_pb2.SUITE_ED25519
    assert seen.clock.seconds < seen.certificate_not_after.seconds
    assert seen.software_version
    assert seen.catalogue.version
    assert not seen.sources
    assert not seen.coverage_statement_id
    detail = error_detail(caught.value)
    assert detail is not None
    assert (detail.code, detail.origin) == ("NOT_PERMITTED", error_pb2.ERROR_ORIGIN_REQUESTER)


async def test_its_own_faults_are_the_homes(tmp_path: Path, pki: PKI) -> None:
    """What happens: somebody takes a table away under the running gateway."""
    async with running(tmp_path, pki) as address:
        with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
            connection.execute("ALTER TABLE reports RENAME TO gone")
        tls = pki.enterprise_tls(SUBJECT_CODE)
        async with open_channel(address, tls, server_name=member_host_name(GATEWAY)) as channel:
            stub = report_service_pb2_grpc.ReportServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.GetReport(report_service_pb2.GetReportRequest(report_number=NUMBER), timeout=20)
    detail = error_detail(caught.value)
    assert detail is not None
    assert (detail.code, detail.origin, detail.province) == (
        "INTERNAL",
        error_pb2.ERROR_ORIGIN_HOME,
        common_pb2.PROVINCE_UNSPECIFIED,
    )
