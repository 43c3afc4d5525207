"""The adapter as a process: what it refuses to start with, and that it remembers what another process did."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog

from adapters.sdk.server import require_startable, run_adapter
from adapters.sdk.settings import AdapterSettings
from adapters.sdk.source import Source, SourceError
from contract.province import Province
from huren.common.v1 import error_pb2
from huren.envelope.v1 import envelope_pb2
from huren.status.v1 import status_service_pb2
from runtime.errors import SettingsError
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.identity import EnterprisePeer, MemberPeer, member_host_name
from runtime.member import own_key_entry
from runtime.settings import Settings, TLSSettings, load_settings
from sandbox.pki import Authority, _Issuer, _name
from signing import Retired

ROOT = Path(__file__).parents[3]
PROGRAM = """
import importlib.util, sys
from datetime import UTC, datetime
spec = importlib.util.spec_from_file_location("kit", sys.argv[1])
kit = importlib.util.module_from_spec(spec)
sys.modules["kit"] = kit
spec.loader.exec_module(kit)
from adapters.sdk.server import run_adapter
from runtime.settings import Settings

class SourceSettings(Settings):
    works: bool

async def open_source(settings):
    return kit.MemoryPlatform(lambda: datetime.now(UTC))

run_adapter(kit.Kit().profile(), SourceSettings, open_source, sys.argv[2:])
"""


class AnySource(Settings):
    works: bool


def settings_file(folder: Path, pki: Any, member: MemberPeer, **changes: str) -> Path:
    tls = pki.member_tls(member)
    (folder / "registry.jsonl").write_text("")
    values = {
        "province": json.dumps(member.province.slug),
        "mode": '"sandbox"',
        "listen": '{host = "127.0.0.1", port = 0}',
        "tls": f'{{certificate = "{tls.certificate}", private_key = "{tls.private_key}", trusted_roots = "{tls.trusted_roots}"}}',
        "signing_key": json.dumps(str(pki.signing_key(member))),
        "trust": json.dumps(str(pki.trust)),
        "database": json.dumps(f"sqlite:///{folder / 'adapter.db'}"),
        "registry": '"registry.jsonl"',
        "announce": '"announced.json"',
        "source": "{works = true}",
        **changes,
    }
    path = folder / "adapter.toml"
    path.write_text("".join(f"{key} = {value}\n" for key, value in values.items()))
    return path


@pytest.fixture
def member(kit: Any) -> MemberPeer:
    return MemberPeer(kit.OURS, envelope_pb2.MEMBER_ROLE_ADAPTER)


@pytest.fixture
def start_with(pki: Any, kit: Any, member: MemberPeer, tmp_path: Path) -> Iterator[Any]:
    """Starts the adapter in this process, which it is to end at once."""

    def prepare(changes: dict[str, str]) -> tuple[Path, Callable[[], None]]:
        path = settings_file(tmp_path, pki, member, **changes)
        return path, lambda: run_adapter(kit.profile(), AnySource, open_nothing, ["--config", str(path)])

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield prepare
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


async def open_nothing(settings: AnySource) -> Source:
    raise SourceError(f"no platform there: {settings.works}")


async def start(path: Path, tmp_path: Path) -> asyncio.subprocess.Process:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    arguments = (str(program), str(Path(__file__).with_name("conftest.py")), "--config", str(path))
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )


@asynccontextmanager
async def running(path: Path, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    announced = tmp_path / "announced.json"
    announced.unlink(missing_ok=True)
    process = await start(path, tmp_path)
    try:
        while not announced.exists():
            assert process.returncode is None, await process.communicate()
            await asyncio.sleep(0.02)
        facts: dict[str, str] = json.loads(announced.read_text())
        yield facts
        process.send_signal(signal.SIGTERM)
        _, told = await process.communicate()
        assert process.returncode == 0, told
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_another_process_on_the_same_database_gives_the_same_bytes(
    bench: Any, pki: Any, member: MemberPeer, tmp_path: Path
) -> None:
    """A process answers and ends; a new one on its database gets the same query. It must give the stored bytes."""
    path = settings_file(tmp_path, pki, member)

    async def ask(address: str, query: bytes) -> tuple[bytes, bytes]:
        name = member_host_name(member)
        gateway = pki.member_tls(MemberPeer(bench.kit.HOME, envelope_pb2.MEMBER_ROLE_GATEWAY))
        async with open_channel(address, gateway, server_name=name) as channel:
            client = bench.client(channel)
            return await client.answer(query), await client.coverage()

    async with running(path, tmp_path) as facts:
        bench.clock.now = datetime.now(UTC)  # the other process has the machine's clock
        asked = bench.asked().envelope
        first = await ask(facts["grpc"], asked)
    async with running(path, tmp_path) as facts:
        second = await ask(facts["grpc"], asked)

    assert second == first
    bench.fragment(first[0])


async def test_its_own_faults_are_its_provinces(bench: Any, pki: Any, member: MemberPeer, tmp_path: Path) -> None:
    """What happens: somebody takes a table away under the running adapter.

    What must result: an error that names this province as the one at fault; the caller's own faults stay the caller's.
    """
    gateway = pki.member_tls(MemberPeer(bench.kit.HOME, envelope_pb2.MEMBER_ROLE_GATEWAY))
    async with (
        running(settings_file(tmp_path, pki, member), tmp_path) as facts,
        open_channel(facts["grpc"], gateway, server_name=member_host_name(member)) as channel,
    ):
        client = bench.client(channel)
        theirs = await failure(client.coverage(b"?" * 32))
        with closing(sqlite3.connect(tmp_path / "adapter.db")) as connection:
            connection.execute("ALTER TABLE statements RENAME TO gone")
        ours = await failure(client.coverage(b"?" * 32))
    assert (theirs.code, theirs.origin, theirs.province) == ("COVERAGE_NOT_FOUND", error_pb2.ERROR_ORIGIN_REQUESTER, 0)
    assert (ours.code, ours.origin, ours.province) == (
        "INTERNAL",
        error_pb2.ERROR_ORIGIN_PROVINCE,
        member.province.wire,
    )


async def test_status_and_coverage_are_not_for_enterprises(bench: Any, pki: Any, kit: Any, tmp_path: Path) -> None:
    """What happens: the members' authority certifies an enterprise by mistake."""
    stray = TLSSettings(
        certificate=tmp_path / "stray.pem",
        private_key=tmp_path / "stray.key",
        trusted_roots=pki.root(Authority.MEMBERS),
    )
    issuer = _Issuer.load(pki, Authority.MEMBERS)
    issuer.issue(stray, EnterprisePeer(kit.USCC), _name("示例企业", organisation="DEMO（演示）"), datetime.now(UTC))
    async with bench.serving() as adapter, adapter.called_by(stray) as client:
        status = client.status.GetMemberStatus(status_service_pb2.GetMemberStatusRequest(), timeout=20)
        for call in (status, client.coverage(), client.answer(bench.asked().envelope)):
            detail = await failure(call)
            assert (detail.code, detail.origin) == ("NOT_PERMITTED", error_pb2.ERROR_ORIGIN_REQUESTER)


async def failure(call: Awaitable[Any]) -> error_pb2.ErrorDetail:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    detail = error_detail(caught.value)
    assert detail is not None
    return detail


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"province": '"tianjin"'}, "province"),
        ({"mode": '"production"'}, "mode"),
        ({"mode": '"test"'}, "mode"),
        ({"source": "{works = false}"}, "source"),
        ({"source": "{}"}, "source.works"),
        ({"registry": '"nowhere.jsonl"'}, "registry"),
        ({"trust": '"nowhere"'}, "trust"),
        ({"signing_key": '"nowhere.key"'}, "signing_key"),
        ({"database": '"mysql://host/name"'}, "database"),
        ({"surprise": "1"}, "surprise"),
    ],
)
def test_does_not_start_with_settings_that_do_not_fit(
    start_with: Any, capsys: pytest.CaptureFixture[str], changes: dict[str, str], key: str
) -> None:
    path, start_adapter = start_with(changes)
    with pytest.raises(SystemExit) as ended:
        start_adapter()
    assert ended.value.code == 2
    assert f"{path}: {key}: expected" in capsys.readouterr().err


def test_production_wants_a_verified_issuer(pki: Any, kit: Any, member: MemberPeer, tmp_path: Path) -> None:
    path = settings_file(tmp_path, pki, member, mode='"production"')
    settings = load_settings(AdapterSettings[AnySource], path)
    require_startable(settings, kit.profile(issuer_verified=True), path)
    with pytest.raises(SettingsError, match="mode"):
        require_startable(settings, kit.profile(), path)


def test_a_key_that_ended_will_not_do(bench: Any, kit: Any) -> None:
    adapter = envelope_pb2.MEMBER_ROLE_ADAPTER
    member, key = MemberPeer(kit.OURS, adapter), bench.key(kit.OURS, adapter)
    entry = bench.trust.find(key.key_id)
    for changed in ({"state": Retired(kit.NOW)}, {"not_after": kit.NOW - timedelta(seconds=1)}):
        ended = dataclasses.replace(entry, **changed)
        trust = type(bench.trust).from_entries(
            [ended], policy=bench.trust.policy, published_at=bench.trust.published_at
        )
        assert own_key_entry(key, trust, member, kit.NOW) is None


def test_only_its_own_key_will_do(bench: Any, kit: Any) -> None:
    adapter, gateway = envelope_pb2.MEMBER_ROLE_ADAPTER, envelope_pb2.MEMBER_ROLE_GATEWAY
    member, at = MemberPeer(kit.OURS, adapter), kit.NOW
    assert own_key_entry(bench.key(kit.OURS, adapter), bench.trust, member, at) is not None
    assert own_key_entry(bench.key(kit.OURS, gateway), bench.trust, member, at) is None
    assert own_key_entry(bench.key(Province(14), adapter), bench.trust, member, at) is None
    entry = bench.trust.find(bench.key(kit.OURS, adapter).key_id)
    fewer = dataclasses.replace(entry, payload_types=frozenset(list(entry.payload_types)[:1]))
    trust = type(bench.trust).from_entries([fewer], policy=bench.trust.policy, published_at=bench.trust.published_at)
    assert own_key_entry(bench.key(kit.OURS, adapter), trust, member, at) is None
