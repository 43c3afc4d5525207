"""The settings files of a sandbox federation, and the commands that start its programs by them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from cli.identity import People
from cli.layout import Layout
from contract.province import Province
from gateway.federation.directory import Member, directory_json
from huren.envelope.v1 import envelope_pb2
from runtime.identity import MemberPeer, member_host_name
from sandbox.pki import OFFICERS, OPERATOR, Authority

_ADAPTER: Final = envelope_pb2.MEMBER_ROLE_ADAPTER
_GATEWAY: Final = envelope_pb2.MEMBER_ROLE_GATEWAY


def platform_command(layout: Layout, province: Province, *, seed: int, size: int, day: date, dirt: int) -> list[str]:
    """Starts a province's platform."""
    command = [f"sandbox.platforms.{province.slug}"]
    command += ["--seed", str(seed), "--size", str(size), "--day", day.isoformat(), "--dirt", str(dirt)]
    command += ["--announce", str(layout.announcement(f"{province.slug}-platform"))]
    if province in _SUPPLIED_AS_FILES:
        command += ["--dir", str(layout.province(province) / "platform")]
    return command


_SUPPLIED_AS_FILES: Final = frozenset({Province.BEIJING, Province.HEBEI})


def adapter_command(
    layout: Layout, province: Province, platform: Mapping[str, Any], *, again_at: Mapping[str, Any] | None = None
) -> list[str]:
    """Writes an adapter's settings, and starts it by them.

    Args:
        layout: The federation.
        province: Whose adapter.
        platform: What its platform announced.
        again_at: What it announced when it ran before: it listens there again. None: the system chooses the ports.
    """
    me = MemberPeer(province, _ADAPTER)
    settings = (
        _member_settings(layout, province, me, "adapter", trusting=Authority.MEMBERS, further=_DESK)
        + _table("listen", _listen(again_at, "grpc"))
        + _table("source", _SOURCE_SETTINGS[province](platform))
    )
    return _program(f"adapters.{province.slug}", layout.province(province) / "adapter.toml", settings)


def _listen(again_at: Mapping[str, Any] | None, door: str) -> dict[str, object]:
    """On loopback, at any port, or at the one that was announced before."""
    address = again_at[door].removeprefix("http://") if again_at else "127.0.0.1:0"
    host, _, port = address.rpartition(":")
    return {"host": host, "port": int(port)}


_DESK: Final[Mapping[str, object]] = {"officers": [OPERATOR], "follow_every_s": 2}

_SOURCE_SETTINGS: Final[Mapping[Province, Callable[[Mapping[str, Any]], dict[str, str]]]] = {
    Province.BEIJING: lambda platform: {"database_url": platform["database_url"]},
    Province.TIANJIN: lambda platform: {
        "url": platform["url"],
        "client_id": platform["client_id"],
        "client_secret_file": platform["client_secret_file"],
    },
    Province.HEBEI: lambda platform: {"drop_folder": platform["drop_folder"]},
    Province.SHANXI: lambda platform: {"url": platform["url"], "app_key": platform["app_key"]},
}


def gateway_command(
    layout: Layout, province: Province, *, people: People | None = None, again_at: Mapping[str, Any] | None = None
) -> list[str]:
    """Writes a gateway's settings, and starts it by them; `again_at` as in `adapter_command`. Without `people` nobody logs in."""
    me = MemberPeer(province, _GATEWAY)
    seal = layout.pki.seal(me)
    settings = (
        _member_settings(
            layout, province, me, "gateway", trusting=Authority.CLIENTS, further={"officers": list(OFFICERS)}
        )
        + _table("listen", _listen(again_at, "grpc"))
        + _table("peers", {"directory": str(layout.members)})
        + _table("peers.tls", _tls(layout, me, Authority.MEMBERS))
        + _table("members.listen", _listen(again_at, "members"))
        + _table("members.tls", _tls(layout, me, Authority.MEMBERS))
        + _table("public.listen", _listen(again_at, "public"))
        + _table("seal", {"certificate": str(seal.certificate), "private_key": str(seal.private_key)})
        + _table("completion", {"first_pause_s": 2, "longest_pause_s": 10})
    )
    if people is not None:
        settings += _table("identity", people.settings(province)) + _table("identity.levels", _quoted(people.levels))
    return _program("gateway", layout.province(province) / "gateway.toml", settings)


def _member_settings(  # what differs between the programs of the members
    layout: Layout,
    province: Province,
    me: MemberPeer,
    program: str,
    *,
    trusting: Authority,
    further: Mapping[str, object] | None = None,
) -> str:
    general: dict[str, object] = {
        "province": province.slug,
        "mode": "sandbox",
        "signing_key": str(layout.pki.signing_key(me)),
        "trust": str(layout.pki.trust),
        "database": f"sqlite:///{layout.province(province) / program}.db",
        "registry": str(layout.registry),
        "announce": str(layout.announcement(f"{province.slug}-{program}")),
        **(further or {}),
    }
    return _table("", general) + _table("tls", _tls(layout, me, trusting))


def _tls(layout: Layout, me: MemberPeer, trusting: Authority) -> dict[str, str]:
    tls = layout.pki.member_tls(me, trusting=trusting)
    return {
        "certificate": str(tls.certificate),
        "private_key": str(tls.private_key),
        "trusted_roots": str(tls.trusted_roots),
    }


def _table(name: str, values: Mapping[str, object]) -> str:
    """A table of TOML. JSON's strings, numbers and arrays of them are TOML's too."""
    head = f"\n[{name}]\n" if name else ""
    return head + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _quoted(values: Mapping[str, str]) -> dict[str, object]:
    """Keys of TOML that are no bare words."""
    return {json.dumps(key): value for key, value in values.items()}


def _program(module: str, path: Path, settings: str) -> list[str]:
    path.write_text(settings, "utf-8")
    return [module, "--config", str(path)]


def write_members(layout: Layout, provinces: Iterable[Province], announced: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes the member directory, with the addresses that were announced so far."""
    members = []
    for province in Province:
        running = province in set(provinces)
        adapter = announced[f"{province.slug}-adapter"]["grpc"] if running else _NOBODY
        gateway = announced.get(f"{province.slug}-gateway", {})
        members.append(
            Member(
                province=province,
                adapter=adapter,
                adapter_name=member_host_name(MemberPeer(province, _ADAPTER)),
                gateway=gateway.get("grpc", ""),
                gateway_members=gateway.get("members", ""),
                verification_url=gateway.get("public", ""),
                unit=f"{province.name_zh}信用主管部门（演示）",
                telephone="（演示）000-12345",
            )
        )
    layout.members.write_text(directory_json(members), "utf-8")


_NOBODY: Final = "127.0.0.1:9"
"""The discard port: nobody listens there, so a province that was left out is not reachable."""
