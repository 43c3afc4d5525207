"""The sandbox federation: four platforms, four adapters and four gateways, each a process of its own, on loopback.

    cli/layout.py           where things are in its directory
    cli/settings_files.py   the programs' settings, and the commands that start them
    cli/processes.py        starting, waiting, watching, stopping
    cli/calling.py          calling its members

Order: platforms, then adapters, then gateways, each kind at once; each is waited for until it announced its addresses and, where it
serves gRPC, says SERVING. Platforms stop last. A child does not outlive this process, however it ends.

A province's adapter and gateway can be stopped while the others go on, and started again where they were (cli/provinces.py).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from cli.identity import People, identity_provider
from cli.layout import FederationError as FederationError
from cli.layout import Layout as Layout
from cli.layout import emptied
from cli.processes import Processes
from cli.processes import StoppedError as StoppedError
from cli.settings_files import (
    adapter_command,
    gateway_command,
    platform_command,
    write_announcements,
    write_members,
)
from contract.days import china_day
from contract.province import Province
from contract.reasons import Words
from contract.uscc import Uscc, check_character
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from runtime.clock import system_clock
from runtime.identity import ROLE_SLUGS
from sandbox.pki import make_pki
from sandbox.platforms import asides_of
from sandbox.registry_file import write_registry
from sandbox.world import Aside, World, generate

SEED: Final = 20260901
SIZE: Final = 400


@dataclass(frozen=True, slots=True)
class Running:
    """A federation that runs.

    Attributes:
        layout: Its directory.
        provinces: The provinces that run; others were left out.
        day: The legal day in which it was started; the invented world is of this day.
        announced: What each process announced.
        asides: What the platforms hold besides, which discloses nothing, or not simply.
        ended: Gives the processes that ended by themselves since the last call, each as the failure to show.
        follow: Stops and starts provinces as `huren province` asked for, and says what it did.
        people: Who can log in. None: nobody.
    """

    layout: Layout
    provinces: tuple[Province, ...]
    day: date
    announced: Mapping[str, Mapping[str, Any]]
    asides: tuple[Aside, ...]
    ended: Callable[[], tuple[FederationError, ...]]
    follow: Callable[[], tuple[Words, ...]] = tuple
    people: People | None = None


class _Federation:
    """The processes: all platforms together, and each province's adapter and gateway."""

    def __init__(self, layout: Layout, provinces: Iterable[Province], stop: threading.Event) -> None:
        self.people: People | None = None
        self._layout = layout
        self._stop = stop
        self._platforms = Processes(layout, stop)
        self._programs = {province: Processes(layout, stop) for province in provinces}
        self.announced: dict[str, Mapping[str, Any]] = {}

    def start_platforms(self, commands: Mapping[Province, list[str]]) -> None:
        """Starts the platforms."""
        for province, command in commands.items():
            self._platforms.start(f"{province.slug}-platform", command)
        self._platforms.wait_for(f"{province.slug}-platform" for province in commands)
        self.announced |= self._platforms.announced

    def start_adapters(self, provinces: Iterable[Province]) -> None:
        """Starts adapters; those that ran before come up at their old addresses."""
        chosen = tuple(provinces)
        for province in chosen:
            name = f"{province.slug}-adapter"
            platform = self.announced[f"{province.slug}-platform"]
            command = adapter_command(self._layout, province, platform, again_at=self.announced.get(name))
            self._programs[province].start(name, command)
        self._await(chosen, envelope_pb2.MEMBER_ROLE_ADAPTER)

    def start_gateways(self, provinces: Iterable[Province]) -> None:
        """Starts gateways; those that ran before come up at their old addresses."""
        chosen = tuple(provinces)
        for province in chosen:
            name = f"{province.slug}-gateway"
            command = gateway_command(self._layout, province, people=self.people, again_at=self.announced.get(name))
            self._programs[province].start(name, command)
        self._await(chosen, envelope_pb2.MEMBER_ROLE_GATEWAY)
        for province in chosen:
            if self.people is not None:
                self.people.register(province, self.announced[f"{province.slug}-gateway"]["public"])

    def follow(self) -> tuple[Words, ...]:
        """Brings every province to what was asked for (`Layout.stopped`), and says what was done.

        Raises:
            FederationError: A province does not come up again; it is stopped, and nobody tries anew by itself.
            StoppedError: Somebody asked to stop everything.
        """
        done = []
        for province, programs in tuple(self._programs.items()):
            wanted, runs = not self._layout.stopped(province).exists(), self._runs(province)
            if runs and not wanted:
                self._stop_province(province, programs)
                done.append(Words(f"{province.name_zh}已停止", f"{province.name_en} was stopped"))
            elif wanted and not runs:
                try:
                    self.start_adapters([province])
                    self.start_gateways([province])
                except FederationError:
                    self._layout.stopped(province).touch()
                    self._stop_province(province, programs)
                    raise
                done.append(Words(f"{province.name_zh}已恢复", f"{province.name_en} is back"))
        return tuple(done)

    def _stop_province(self, province: Province, programs: Processes) -> None:
        programs.stop()
        self._programs[province] = Processes(self._layout, self._stop)
        for name in _programs_of(province):
            self._layout.announcement(name).unlink(missing_ok=True)

    def ended(self) -> tuple[FederationError, ...]:
        """Processes that ended by themselves since the last call."""
        return tuple(failure for one in (self._platforms, *self._programs.values()) for failure in one.ended())

    def stop(self) -> None:
        """Stops all of them, platforms last, and waits for their end."""
        with ThreadPoolExecutor(max_workers=len(Province)) as pool:
            list(pool.map(Processes.stop, self._programs.values()))
        self._platforms.stop()

    def _await(self, provinces: Iterable[Province], role: envelope_pb2.MemberRole.ValueType) -> None:
        for province in provinces:
            programs = self._programs[province]
            programs.wait_for([f"{province.slug}-{ROLE_SLUGS[role]}"])
            programs.require_serving([province], role)
            self.announced |= programs.announced

    def _runs(self, province: Province) -> bool:
        return all(self._layout.announcement(name).exists() for name in _programs_of(province))


def _programs_of(province: Province) -> tuple[str, str]:
    return f"{province.slug}-adapter", f"{province.slug}-gateway"


@contextmanager
def federation(
    directory: Path,
    *,
    without: Iterable[Province] = (),
    seed: int = SEED,
    size: int = SIZE,
    dirt: int = 0,
    with_people: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Iterator[Running]:
    """Starts a fresh federation and stops it at the end of the block.

    Args:
        directory: Where it lives; what an earlier one left there is removed.
        without: Provinces that are not started: their platform, adapter and gateway.
        seed: Which world.
        size: How many enterprises it has.
        dirt: How many asides each platform holds besides (`World.asides`).
        with_people: Whether an identity provider runs, so that people can log in. It needs its packages (`cli.identity.installed`).
        progress: Told what is being waited for.
        stop: Once it is set, starting is given up. What runs already is the block's business.

    Raises:
        FederationError: Another one runs in the directory, or a process did not come up. Says which, and where its log is.
        StoppedError: `stop` was set before everything was up.
    """
    layout = Layout(directory.resolve())
    left_out = frozenset(without)
    provinces = tuple(province for province in Province if province not in left_out)
    today = china_day(system_clock())
    processes = _Federation(layout, provinces, stop or threading.Event())
    with emptied(layout.directory), ExitStack() as stack:
        try:
            progress("准备数据与密钥 · preparing data and keys")
            world = generate(seed=seed, size=size, day=today)
            _prepare(layout, world, seed=seed, size=size)
            if with_people:
                progress("启动统一身份认证 · starting the identity provider")
                folder = layout.directory / "identity"
                processes.people = stack.enter_context(identity_provider(folder, _acted_for(world)))
            progress("启动四地平台 · starting the platforms")
            processes.start_platforms(
                {
                    province: platform_command(layout, province, seed=seed, size=size, day=today, dirt=dirt)
                    for province in provinces
                }
            )
            progress("启动四地适配器 · starting the adapters")
            processes.start_adapters(provinces)
            write_members(layout, provinces, processes.announced)
            write_announcements(layout, today)
            progress("启动四地网关 · starting the gateways")
            processes.start_gateways(provinces)
            write_members(layout, provinces, processes.announced)
            asides = tuple(aside for province in provinces for aside in asides_of(world, province, dirt))
            yield Running(
                layout,
                provinces,
                today,
                processes.announced,
                asides,
                processes.ended,
                processes.follow,
                processes.people,
            )
        finally:
            processes.stop()
            layout.members.unlink(missing_ok=True)


def _acted_for(world: World) -> Mapping[str, Uscc]:
    """Which subjects the invented people act for: all at home in the same province, so that one gateway serves them."""
    at_home = (
        one
        for one in world.enterprises
        if [home for home, _ in one.homes] == [_PEOPLES_HOME]
        and one.kind == common_pb2.SUBJECT_KIND_ENTERPRISE
        and one.status == common_pb2.REGISTRATION_STATUS_ACTIVE
    )
    codes = {role: next(at_home).uscc for role in ("enterprise", "second_enterprise", "bank")}
    return {**codes, "authority": Uscc(_AUTHORITY_DIGITS + check_character(_AUTHORITY_DIGITS))}


_PEOPLES_HOME: Final = Province.BEIJING

_AUTHORITY_DIGITS: Final = "11110000MB0000001"
"""Of the code of an authority that does not exist, without its check character."""


def _prepare(layout: Layout, world: World, *, seed: int, size: int) -> None:
    for folder in (
        layout.directory / "run",
        layout.directory / "stopped",
        layout.directory / "logs",
        *(layout.province(p) for p in Province),
    ):
        folder.mkdir(parents=True)
    make_pki(layout.pki.directory, Province, system_clock())
    write_registry(world, layout.registry)
    cast = {
        role: {
            "uscc": enterprise.uscc,
            "name": enterprise.name,
            "home": enterprise.homes[-1][0].slug if enterprise.homes[-1][0] else "",
        }
        for role, enterprise in world.cast.items()
    }
    document = {"seed": seed, "size": size, "day": world.day.isoformat(), "cast": cast}
    layout.world.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
