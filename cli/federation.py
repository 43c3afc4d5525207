"""The sandbox federation: four platforms, four adapters and four gateways, each a process of its own, on loopback.

    <directory>/
        world.json             seed, size and day, and the cast: subjects with a part to play
        pki/                   sandbox/pki.py
        registry.jsonl         sandbox/registry_file.py
        members.json           the member directory, written when the adapters have their ports
        <province>/            settings, data and platform of one province
        run/<process>.json     what each process announced
        logs/<process>.log     what each process wrote

Order: platforms, then adapters, then gateways, each kind at once; each is waited for until it announced its addresses and, where it
serves gRPC, says SERVING. They stop in the opposite order. A child does not outlive this process, however it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types

from contract.days import china_day
from contract.province import Province
from contract.uscc import Uscc
from gateway.federation.directory import Member, directory_json, read_directory
from huren.envelope.v1 import envelope_pb2
from runtime.clock import system_clock
from runtime.grpc_channel import open_channel
from runtime.identity import ROLE_SLUGS, MemberPeer, member_host_name
from runtime.process import die_with_parent
from runtime.settings import TLSSettings
from sandbox.pki import OPERATOR, PKI, Authority, make_pki
from sandbox.registry_file import write_registry
from sandbox.world import generate

SEED: Final = 20260901
SIZE: Final = 400

_START_TIMEOUT_S: Final = 90.0
_STOP_TIMEOUT_S: Final = 20.0
_HEALTH_TIMEOUT_S: Final = 20.0
_ADAPTER: Final = envelope_pb2.MEMBER_ROLE_ADAPTER
_GATEWAY: Final = envelope_pb2.MEMBER_ROLE_GATEWAY


class FederationError(Exception):
    """The sandbox federation cannot be started, or is not there. The message is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in the directory of a federation."""

    directory: Path

    @property
    def pki(self) -> PKI:
        """Keys, certificates and trust data."""
        return PKI(self.directory / "pki")

    @property
    def registry(self) -> Path:
        """The registry file."""
        return self.directory / "registry.jsonl"

    @property
    def members(self) -> Path:
        """The member directory."""
        return self.directory / "members.json"

    @property
    def world(self) -> Path:
        """What the world is made of."""
        return self.directory / "world.json"

    def province(self, province: Province) -> Path:
        """The folder of a province."""
        return self.directory / province.slug

    def announcement(self, process: str) -> Path:
        """What a process announced."""
        return self.directory / "run" / f"{process}.json"

    def log(self, process: str) -> Path:
        """What a process wrote."""
        return self.directory / "logs" / f"{process}.log"

    def addresses(self) -> Mapping[Province, Member]:
        """The member directory of a running federation.

        Raises:
            FederationError: There is none.
        """
        if not self.members.exists():
            raise FederationError(
                f"{self.directory} 中没有运行中的互认环境，请先执行 huren up\n"
                f"no federation runs in {self.directory}: start one with `huren up`"
            )
        return read_directory(self.members)

    def cast(self) -> Mapping[str, Mapping[str, str]]:
        """Subjects with a part to play, by role: code, name and home."""
        cast: Mapping[str, Mapping[str, str]] = json.loads(self.world.read_text("utf-8"))["cast"]
        return cast


@dataclass(frozen=True, slots=True)
class Running:
    """A federation that runs.

    Attributes:
        layout: Its directory.
        provinces: The provinces that run; others were left out.
        announced: What each process announced.
    """

    layout: Layout
    provinces: tuple[Province, ...]
    announced: Mapping[str, Mapping[str, Any]]


@contextmanager
def federation(
    directory: Path,
    *,
    without: Iterable[Province] = (),
    seed: int = SEED,
    size: int = SIZE,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Running]:
    """Starts a fresh federation and stops it at the end of the block.

    Args:
        directory: Where it lives; what an earlier one left there is removed.
        without: Provinces that are not started: their platform, adapter and gateway.
        seed: Which world.
        size: How many enterprises it has.
        progress: Told what is being waited for.

    Raises:
        FederationError: A process did not come up. Says which, and where its log is.
    """
    layout = Layout(directory.resolve())
    left_out = frozenset(without)
    provinces = tuple(province for province in Province if province not in left_out)
    today = china_day(system_clock())
    progress("准备数据与密钥 · preparing data and keys")
    _prepare(layout, seed=seed, size=size, day=today)
    processes = _Processes(layout)
    try:
        progress("启动四地平台 · starting the platforms")
        for province in provinces:
            processes.start(
                f"{province.slug}-platform", _platform_command(layout, province, seed=seed, size=size, day=today)
            )
        processes.wait_for(f"{province.slug}-platform" for province in provinces)
        progress("启动四地适配器 · starting the adapters")
        for province in provinces:
            settings = _adapter_settings(layout, province, processes.announced[f"{province.slug}-platform"])
            processes.start(
                f"{province.slug}-adapter", _program(f"adapters.{province.slug}", layout, province, settings)
            )
        processes.wait_for(f"{province.slug}-adapter" for province in provinces)
        processes.require_serving(provinces, _ADAPTER)
        _write_members(layout, provinces, processes.announced)
        progress("启动四地网关 · starting the gateways")
        for province in provinces:
            processes.start(
                f"{province.slug}-gateway", _program("gateway", layout, province, _gateway_settings(layout, province))
            )
        processes.wait_for(f"{province.slug}-gateway" for province in provinces)
        processes.require_serving(provinces, _GATEWAY)
        _write_members(layout, provinces, processes.announced)
        yield Running(layout, provinces, processes.announced)
    finally:
        processes.stop()
        layout.members.unlink(missing_ok=True)


# --- Preparing --------------------------------------------------------------------------------------------------------


_KEPT_BY_US: Final = ("pki", "registry.jsonl", "members.json", "world.json", "run", "logs", *(p.slug for p in Province))


def _prepare(layout: Layout, *, seed: int, size: int, day: date) -> None:
    _clear(layout.directory)
    for folder in (layout.directory / "run", layout.directory / "logs", *(layout.province(p) for p in Province)):
        folder.mkdir(parents=True)
    make_pki(layout.pki.directory, Province, system_clock())
    world = generate(seed=seed, size=size, day=day)
    write_registry(world, layout.registry)
    cast = {
        role: {
            "uscc": enterprise.uscc,
            "name": enterprise.name,
            "home": enterprise.homes[-1][0].slug if enterprise.homes[-1][0] else "",
        }
        for role, enterprise in world.cast.items()
    }
    document = {"seed": seed, "size": size, "day": day.isoformat(), "cast": cast}
    layout.world.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _clear(directory: Path) -> None:
    """Removes what an earlier federation left, and nothing else: a folder that holds other things is not ours."""
    if not directory.exists():
        return
    foreign = sorted(entry.name for entry in directory.iterdir() if entry.name not in _KEPT_BY_US)
    if foreign:
        raise FederationError(
            f"{directory} 中有其他文件（{foreign[0]}），请换一个空目录\n"
            f"{directory} holds other things ({foreign[0]}): name an empty folder"
        )
    for entry in directory.iterdir():
        _remove(entry)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for entry in path.iterdir():
            _remove(entry)
        path.rmdir()
    else:
        path.unlink()


def _platform_command(layout: Layout, province: Province, *, seed: int, size: int, day: date) -> list[str]:
    command = [sys.executable, "-m", f"sandbox.platforms.{province.slug}"]
    command += ["--seed", str(seed), "--size", str(size), "--day", day.isoformat()]
    command += ["--announce", str(layout.announcement(f"{province.slug}-platform"))]
    if province in _SUPPLIED_AS_FILES:
        command += ["--dir", str(layout.province(province) / "platform")]
    return command


_SUPPLIED_AS_FILES: Final = frozenset({Province.BEIJING, Province.HEBEI})


def _adapter_settings(layout: Layout, province: Province, platform: Mapping[str, Any]) -> str:
    me = MemberPeer(province, _ADAPTER)
    return _member_settings(layout, province, me, "adapter", trusting=Authority.MEMBERS) + _table(
        "source", _SOURCE_SETTINGS[province](platform)
    )


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


def _gateway_settings(layout: Layout, province: Province) -> str:
    me = MemberPeer(province, _GATEWAY)
    peers = {"directory": str(layout.members)}
    return (
        _member_settings(layout, province, me, "gateway", trusting=Authority.CLIENTS)
        + _table("peers", peers)
        + _table("peers.tls", _tls(layout, me, Authority.MEMBERS))
    )


def _member_settings(layout: Layout, province: Province, me: MemberPeer, program: str, *, trusting: Authority) -> str:
    general = {
        "province": province.slug,
        "mode": "sandbox",
        "signing_key": str(layout.pki.signing_key(me)),
        "trust": str(layout.pki.trust),
        "database": f"sqlite:///{layout.province(province) / program}.db",
        "registry": str(layout.registry),
        "announce": str(layout.announcement(f"{province.slug}-{program}")),
    }
    listen: dict[str, str | int] = {"host": "127.0.0.1", "port": 0}
    return _table("", general) + _table("listen", listen) + _table("tls", _tls(layout, me, trusting))


def _tls(layout: Layout, me: MemberPeer, trusting: Authority) -> dict[str, str]:
    tls = layout.pki.member_tls(me, trusting=trusting)
    return {
        "certificate": str(tls.certificate),
        "private_key": str(tls.private_key),
        "trusted_roots": str(tls.trusted_roots),
    }


def _table(name: str, values: Mapping[str, str | int]) -> str:
    """A table of TOML. JSON's strings and numbers are TOML's too."""
    head = f"\n[{name}]\n" if name else ""
    return head + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _program(module: str, layout: Layout, province: Province, settings: str) -> list[str]:
    path = layout.province(province) / f"{module.rpartition('.')[2] if module == 'gateway' else 'adapter'}.toml"
    path.write_text(settings, "utf-8")
    return [sys.executable, "-m", module, "--config", str(path)]


def _write_members(layout: Layout, provinces: Iterable[Province], announced: Mapping[str, Mapping[str, Any]]) -> None:
    members = []
    for province in Province:
        running = province in set(provinces)
        adapter = announced[f"{province.slug}-adapter"]["grpc"] if running else _NOBODY
        members.append(
            Member(
                province=province,
                adapter=adapter,
                adapter_name=member_host_name(MemberPeer(province, _ADAPTER)),
                gateway=announced.get(f"{province.slug}-gateway", {}).get("grpc", ""),
                unit=f"{province.name_zh}信用主管部门（演示）",
                telephone="（演示）000-12345",
            )
        )
    layout.members.write_text(directory_json(members), "utf-8")


_NOBODY: Final = "127.0.0.1:9"
"""The discard port: nobody listens there, so a province that was left out is not reachable."""


# --- Processes --------------------------------------------------------------------------------------------------------


class _Processes:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.announced: dict[str, Mapping[str, Any]] = {}

    def start(self, name: str, command: Sequence[str]) -> None:
        with self._layout.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603  # our own programs, with arguments made here
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for us; we stop the children in order.
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509  # no threads run yet
            )

    def wait_for(self, names: Iterable[str]) -> None:
        give_up_at = time.monotonic() + _START_TIMEOUT_S
        for name in list(names):
            announcement = self._layout.announcement(name)
            while not announcement.exists():
                self._require_alive(name)
                if time.monotonic() > give_up_at:
                    raise self._failure(name, "没有按时启动", "did not come up in time")
                time.sleep(0.02)
            self.announced[name] = json.loads(announcement.read_text("utf-8"))

    def require_serving(self, provinces: Iterable[Province], role: envelope_pb2.MemberRole.ValueType) -> None:
        """Asks each program of a kind for its health, as an operator."""
        for province in provinces:
            name = f"{province.slug}-{ROLE_SLUGS[role]}"
            health = asyncio.run(_health(self._layout, MemberPeer(province, role), self.announced[name]["grpc"]))
            if health != "SERVING":
                raise self._failure(name, f"健康状态为 {health}", f"says {health}")

    def stop(self) -> None:
        for name in reversed(self._running):
            self._running[name].terminate()
        give_up_at = time.monotonic() + _STOP_TIMEOUT_S
        for process in self._running.values():
            try:
                process.wait(max(0.0, give_up_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _require_alive(self, name: str) -> None:
        code = self._running[name].poll()
        if code is not None:
            raise self._failure(name, f"已退出（代码{code}）", f"ended with code {code}")

    def _failure(self, name: str, zh: str, en: str) -> FederationError:
        log = self._layout.log(name)
        tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-5:])
        return FederationError(f"{name} {zh}，日志：{log}\n{name} {en}, log: {log}\n{tail}")


# --- Calling ----------------------------------------------------------------------------------------------------------


def operator_tls(layout: Layout, role: envelope_pb2.MemberRole.ValueType) -> TLSSettings:
    """The operator's TLS files for adapters or for gateways."""
    return layout.pki.operator_tls(OPERATOR, Authority.MEMBERS if role == _ADAPTER else Authority.CLIENTS)


async def _health(layout: Layout, member: MemberPeer, address: str) -> str:
    tls = operator_tls(layout, member.role)
    async with open_channel(address, tls, server_name=member_host_name(member)) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            response = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_HEALTH_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))


def gateway_name(province: Province) -> str:
    """The name that a gateway's certificate carries."""
    return member_host_name(MemberPeer(province, _GATEWAY))


def known_name(layout: Layout, uscc: Uscc) -> str:
    """The name under which the sandbox certifies an enterprise: the registry's, or a placeholder for one it does not know."""
    for line in layout.registry.read_text("utf-8").splitlines():
        entry = json.loads(line)
        if entry["uscc"] == uscc:
            return str(entry["name"])
    return "示例企业（未登记）"
