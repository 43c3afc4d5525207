"""The sandbox federation: four platforms, four adapters and four gateways, each a process of its own, on loopback.

    cli/layout.py           where things are in its directory
    cli/settings_files.py   the programs' settings, and the commands that start them
    cli/processes.py        starting, waiting, watching, stopping
    cli/calling.py          calling its members

Order: platforms, then adapters, then gateways, each kind at once; each is waited for until it announced its addresses and, where it
serves gRPC, says SERVING. They stop in the opposite order. A child does not outlive this process, however it ends.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from cli.layout import FederationError as FederationError
from cli.layout import Layout as Layout
from cli.layout import emptied
from cli.processes import Processes
from cli.processes import StoppedError as StoppedError
from cli.settings_files import adapter_command, gateway_command, platform_command, write_members
from contract.days import china_day
from contract.province import Province
from huren.envelope.v1 import envelope_pb2
from runtime.clock import system_clock
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
    """

    layout: Layout
    provinces: tuple[Province, ...]
    day: date
    announced: Mapping[str, Mapping[str, Any]]
    asides: tuple[Aside, ...]
    ended: Callable[[], tuple[FederationError, ...]]


@contextmanager
def federation(
    directory: Path,
    *,
    without: Iterable[Province] = (),
    seed: int = SEED,
    size: int = SIZE,
    dirt: int = 0,
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
    processes = Processes(layout, stop or threading.Event())
    with emptied(layout.directory):
        try:
            progress("准备数据与密钥 · preparing data and keys")
            world = generate(seed=seed, size=size, day=today)
            _prepare(layout, world, seed=seed, size=size)
            progress("启动四地平台 · starting the platforms")
            for province in provinces:
                command = platform_command(layout, province, seed=seed, size=size, day=today, dirt=dirt)
                processes.start(f"{province.slug}-platform", command)
            processes.wait_for(f"{province.slug}-platform" for province in provinces)
            progress("启动四地适配器 · starting the adapters")
            for province in provinces:
                command = adapter_command(layout, province, processes.announced[f"{province.slug}-platform"])
                processes.start(f"{province.slug}-adapter", command)
            processes.wait_for(f"{province.slug}-adapter" for province in provinces)
            processes.require_serving(provinces, envelope_pb2.MEMBER_ROLE_ADAPTER)
            write_members(layout, provinces, processes.announced)
            progress("启动四地网关 · starting the gateways")
            for province in provinces:
                processes.start(f"{province.slug}-gateway", gateway_command(layout, province))
            processes.wait_for(f"{province.slug}-gateway" for province in provinces)
            processes.require_serving(provinces, envelope_pb2.MEMBER_ROLE_GATEWAY)
            write_members(layout, provinces, processes.announced)
            asides = tuple(aside for province in provinces for aside in asides_of(world, province, dirt))
            yield Running(layout, provinces, today, processes.announced, asides, processes.ended)
        finally:
            processes.stop()
            layout.members.unlink(missing_ok=True)


def _prepare(layout: Layout, world: World, *, seed: int, size: int) -> None:
    for folder in (layout.directory / "run", layout.directory / "logs", *(layout.province(p) for p in Province)):
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
