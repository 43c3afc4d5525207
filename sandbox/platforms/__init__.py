"""Stand-ins of the four provincial platforms, each loaded from the world's facts in its own form.

They are written from the README of each adapter and share no code with it: what both got wrong in the same way would be seen by
nobody. This module holds what they have in common as programs: those that are a file or a folder, and those that listen.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from aiohttp import web

from contract.days import parse_day
from contract.money import Fen, MoneyUnit
from contract.province import Province
from huren.fragment.v1 import record_pb2
from runtime.clock import system_clock
from runtime.errors import ListenError
from runtime.process import StopSignal, announce, run_process
from sandbox.world import Aside, Enterprise, FactState, Outcome, World, generate

CATEGORY_WORDS: Final[Mapping[record_pb2.PenaltyCategory.ValueType, str]] = {
    record_pb2.PENALTY_CATEGORY_WARNING: "警告",
    record_pb2.PENALTY_CATEGORY_PUBLIC_CRITICISM: "通报批评",
    record_pb2.PENALTY_CATEGORY_FINE: "罚款",
    record_pb2.PENALTY_CATEGORY_CONFISCATE_GAINS: "没收违法所得",
    record_pb2.PENALTY_CATEGORY_CONFISCATE_PROPERTY: "没收非法财物",
    record_pb2.PENALTY_CATEGORY_SUSPEND_LICENCE: "暂扣许可证件",
    record_pb2.PENALTY_CATEGORY_DOWNGRADE_QUALIFICATION: "降低资质等级",
    record_pb2.PENALTY_CATEGORY_REVOKE_LICENCE: "吊销许可证件",
    record_pb2.PENALTY_CATEGORY_RESTRICT_OPERATIONS: "限制开展生产经营活动",
    record_pb2.PENALTY_CATEGORY_SUSPEND_BUSINESS: "责令停产停业",
    record_pb2.PENALTY_CATEGORY_ORDER_CLOSURE: "责令关闭",
    record_pb2.PENALTY_CATEGORY_RESTRICT_PRACTICE: "限制从业",
    record_pb2.PENALTY_CATEGORY_DETENTION: "行政拘留",
    record_pb2.PENALTY_CATEGORY_OTHER: "其他",
}
"""Words of 行政处罚法 (2021) art. 9."""

_SUPPLY_EVERY: Final = timedelta(hours=1)

Load = Callable[[World, Path, int], Awaitable[Mapping[str, str]]]
"""Fills a platform in a folder with a world and so many of its asides; returns what its adapter must know to reach it."""
Advance = Callable[[Path, datetime], Awaitable[None]]
"""Makes the platform say that everything up to an instant was supplied."""


def wan_yuan(amount: Fen | None) -> str:
    """An amount in 万元 with six decimals, as decimal(18,6) prints it; empty for none."""
    return "" if amount is None else f"{Decimal(amount) / MoneyUnit.WAN_YUAN.value:.6f}"


def name_on(subject: Enterprise, day: date) -> str:
    """The name that a decision of that day bears."""
    return next((name for name, last in sorted(subject.former_names, key=lambda n: n[1]) if day <= last), subject.name)


_AT_THE_DESK: Final = (Outcome.UNREADABLE, Outcome.IN_DOUBT, Outcome.COUNTED)
"""What comes of asides that the data desk shows; those that hold a subject up first."""


def asides_of(world: World, province: Province, dirt: int) -> tuple[Aside, ...]:
    """So many asides of a province: those that the data desk shows come before the others."""
    order = {outcome: number for number, outcome in enumerate(_AT_THE_DESK)}
    ours = [aside for aside in world.asides if aside.fact.province is province]
    return tuple(sorted(ours, key=lambda aside: order.get(aside.kind.outcome, len(order)))[:dirt])


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionColumns:
    """Which columns of a platform's decisions hold what an aside does not say simply.

    Attributes:
        name: Column of it, likewise `uscc`, `organisation_code`, `registration_number`, `fine` and `state`.
        states: What stands in the column of the state.
    """

    name: str
    uscc: str
    organisation_code: str
    registration_number: str
    fine: str
    state: str
    states: Mapping[FactState, str]

    def written(self, aside: Aside) -> dict[str, str]:
        """What stands in these columns of the row of an aside. The fine is left out where it is that of the fact."""
        written = aside.written
        fine = {} if written.fine is None else {self.fine: written.fine}
        return fine | {
            self.name: written.name,
            self.uscc: written.uscc,
            self.organisation_code: written.organisation_code,
            self.registration_number: written.registration_number,
            self.state: self.states[aside.state],
        }


_Item = TypeVar("_Item")


def batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """The items in lists of at most `size`, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


# --- A file or a folder -------------------------------------------------------------------------------------------------


def run_supplier(argv: Sequence[str] | None, load: Load, advance: Advance) -> int:
    """Runs a platform that is a file or a folder: loads it, says so, and goes on supplying nothing new every hour.

    Returns:
        The exit code, for `sys.exit`.
    """
    parser = argparse.ArgumentParser(description="Loads a stand-in platform and keeps its supply fresh.")
    parser.add_argument("--dir", type=Path, required=True, help="folder of the platform; created if missing")
    _add_world_options(parser)
    parser.add_argument("--announce", type=Path, help="file to write once the platform is loaded")
    arguments = parser.parse_args(argv)

    folder: Path = arguments.dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    async def supply(stop: StopSignal) -> None:
        world = world_of(arguments)
        facts = await load(world, folder, arguments.dirt)
        if arguments.announce is not None:
            announce(arguments.announce, facts)
        await keep_supplying(stop, folder, advance, every=_SUPPLY_EVERY)

    return run_process(supply)


async def keep_supplying(stop: StopSignal, folder: Path, advance: Advance, *, every: timedelta) -> None:
    """Advances the platform's supply to the present again and again, until the process is to end."""
    while not stop.is_set:
        try:
            async with asyncio.timeout(every.total_seconds()):
                await stop.wait()
        except TimeoutError:
            await advance(folder, system_clock())


# --- A server -------------------------------------------------------------------------------------------------------------


def server_options(description: str | None) -> argparse.ArgumentParser:
    """The options of a platform that listens. More may be added.

    Args:
        description: Docstring of the program, whose first line says what it is.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0: one of the system's choice")
    _add_world_options(parser)
    parser.add_argument("--announce", type=Path, required=True, help="file to write once the platform listens")
    return parser


def up_to_this_hour(world: World) -> datetime:
    """The watermark of a platform that is supplied with nothing new every hour."""
    return max(world.as_of, system_clock().replace(minute=0, second=0, microsecond=0))


async def serve(
    app: web.Application, options: argparse.Namespace, facts: Mapping[str, str], *, stop: StopSignal
) -> None:
    """Listens as `server_options` say, announces `url` and these facts, and goes on until the process is to end.

    Raises:
        ListenError: It cannot listen there.
    """
    async with listening(app, options.host, options.port) as url:
        announce(options.announce, {"url": url, **facts})
        await stop.wait()


@asynccontextmanager
async def listening(
    app: web.Application, host: str = "127.0.0.1", port: int = 0, *, shutdown_s: float = 1.0
) -> AsyncGenerator[str]:
    """Listens while the context is open, and gives the URL.

    Raises:
        ListenError: It cannot listen there.
    """
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=shutdown_s)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ListenError(f"{host}:{port}") from error
        bound = runner.addresses[0]
        yield f"http://{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()


# --- The world ------------------------------------------------------------------------------------------------------------


def world_of(options: argparse.Namespace) -> World:
    """The world that the options name."""
    return generate(seed=options.seed, size=options.size, day=options.day)


def _add_world_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, required=True, help="which world")
    parser.add_argument("--size", type=int, required=True, help="how many enterprises it has")
    parser.add_argument("--day", type=parse_day, required=True, help="the day on which it stands, YYYY-MM-DD")
    parser.add_argument("--dirt", type=int, default=0, help="so many rows that are not simply true (%(default)s)")
