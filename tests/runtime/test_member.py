"""What a member's program starts with: above all, how old its trust data may be."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from contract.uscc import Uscc
from runtime.errors import SettingsError
from runtime.identity import MemberPeer
from runtime.member import Foundation, MemberSettings, foundation
from runtime.settings import load_settings
from sandbox.pki import PKI
from sandbox.platforms import listening
from sandbox.registry_server import Subjects, make_app
from signing import TrustStore, write_key_entry, write_policy
from tests.support.federation import registry_entry


@pytest.fixture(autouse=True)
def logging_of_the_tests() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def settings_file(folder: Path, pki: PKI, member: MemberPeer, published_at: datetime) -> Path:
    made = TrustStore.from_directory(pki.trust)
    trust = folder / "trust"
    for entry in made.keys.values():
        write_key_entry(trust, entry)
    write_policy(trust, made.policy, published_at=published_at)
    (folder / "registry.jsonl").write_text("")
    tls = pki.member_tls(member)
    values: dict[str, Any] = {
        "province": f'"{member.province.slug}"',
        "mode": '"sandbox"',
        "listen": '{host = "127.0.0.1", port = 0}',
        "tls": f'{{certificate = "{tls.certificate}", private_key = "{tls.private_key}", trusted_roots = "{tls.trusted_roots}"}}',
        "signing_key": f'"{pki.signing_key(member)}"',
        "trust": '"trust"',
        "database": f'"sqlite:///{folder / "store.db"}"',
        "registry": '"registry.jsonl"',
        "announce": '"announced.json"',
    }
    path = folder / "member.toml"
    path.write_text("".join(f"{key} = {value}\n" for key, value in values.items()), "utf-8")
    return path


async def start(folder: Path, pki: PKI, member: MemberPeer, *, age: timedelta) -> Foundation:
    """Starts a member whose trust data was published `age` before its clock."""
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
    path = settings_file(folder, pki, member, now - age)
    settings = load_settings(MemberSettings, path)
    async with foundation(settings, member, path, clock=lambda: now) as made:
        return made


def lines(told: str) -> list[dict[str, Any]]:
    return [{key: line[key] for key in ("event", "level", "days")} for line in map(json.loads, told.splitlines())]


@pytest.mark.parametrize(
    ("age", "line"),
    [
        (timedelta(seconds=-60), {"event": "trust data", "level": "info", "days": 0}),
        (timedelta(days=3, hours=5), {"event": "trust data", "level": "info", "days": 3}),
        (timedelta(days=30), {"event": "trust data", "level": "info", "days": 30}),
        (timedelta(days=30, seconds=1), {"event": "trust data is old", "level": "warning", "days": 30}),
        (timedelta(days=400), {"event": "trust data is old", "level": "warning", "days": 400}),
    ],
)
async def test_the_age_of_the_trust_data_is_told_at_the_start(
    tmp_path: Path,
    pki: PKI,
    member: MemberPeer,
    capsys: pytest.CaptureFixture[str],
    age: timedelta,
    line: dict[str, Any],
) -> None:
    made = await start(tmp_path, pki, member, age=age)
    assert made.trust.find(made.key.key_id) is not None
    assert lines(capsys.readouterr().err) == [line]


async def test_trust_data_from_the_future_are_refused(tmp_path: Path, pki: PKI, member: MemberPeer) -> None:
    """They would look recent for ever."""
    with pytest.raises(SettingsError, match="trust: expected trust data published before now, got published_at"):
        await start(tmp_path, pki, member, age=timedelta(seconds=-61))


async def test_a_member_asks_the_registry_of_its_settings(tmp_path: Path, pki: PKI, member: MemberPeer) -> None:
    known = registry_entry()
    now = datetime.now(UTC).replace(microsecond=0)
    path = settings_file(tmp_path, pki, member, now)
    async with listening(make_app(Subjects([known]))) as url:
        written = path.read_text("utf-8").replace('"registry.jsonl"', f'{{url = "{url}"}}')
        path.write_text(written, "utf-8")
        settings = load_settings(MemberSettings, path)
        async with foundation(settings, member, path, clock=lambda: now) as made:
            assert await made.registry.lookup(Uscc(known.uscc)) == known
            assert await made.registry.knows_name(known.name)
