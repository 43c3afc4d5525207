"""From blocks to figures: percentiles, ratios within a round, and the table.

Both contenders of a ratio ran seconds apart, in the same round: what the machine does to one it does to the other. Ratios are
computed within each round and then summed up; absolute numbers stand beside them for orientation only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final

from benchmarks.load import BARE, FULL

MEASURES: Final = ("cpu_us", "p50_ms", "p99_ms", "per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One contender at one number of callers in one round.

    Attributes:
        round: Which round; 0 is the warm-up and counts for nothing but the rows.
        contender: `full` or `bare`.
        callers: How many asked at a time.
        succeeded: Requests that got what they asked for.
        cpu_us: CPU time of the gateway for each of them, user and system.
        p50_ms: Median time until a reply.
        p99_ms: 99th percentile of it.
        per_s: Successes per second.
        core_share: Part of one CPU that the gateway used.
        reply_bytes: Mean size of a reply.
    """

    round: int
    contender: str
    callers: int
    succeeded: int
    cpu_us: float
    p50_ms: float
    p99_ms: float
    per_s: float
    core_share: float
    reply_bytes: float


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Sums up."""
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{_short(self.median)} [{_short(self.lowest)}..{_short(self.highest)}]"


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ratios(blocks: Sequence[Block], callers: int, measure: str) -> Spread:
    """Full ÷ bare, each within its round."""
    found = {(one.round, one.contender): getattr(one, measure) for one in blocks if one.callers == callers}
    rounds = sorted({number for number, _ in found})
    return Spread.of([found[number, FULL] / found[number, BARE] for number in rounds])


def absolute(blocks: Sequence[Block], contender: str, callers: int, measure: str) -> Spread:
    """One contender's figure over the rounds."""
    return Spread.of([getattr(one, measure) for one in blocks if one.callers == callers and one.contender == contender])


def summary(blocks: Sequence[Block]) -> list[dict[str, object]]:
    """All ratios and absolute figures, for the file."""
    return [
        {
            "callers": callers,
            "full_by_bare": {name: asdict(ratios(blocks, callers, name)) for name in MEASURES},
            FULL: {name: asdict(absolute(blocks, FULL, callers, name)) for name in (*MEASURES, "core_share")},
            BARE: {name: asdict(absolute(blocks, BARE, callers, name)) for name in (*MEASURES, "core_share")},
        }
        for callers in _callers(blocks)
    ]


def table(blocks: Sequence[Block]) -> Iterator[str]:
    """The lines that are printed."""
    rounds = len({one.round for one in blocks})
    yield f"full ÷ bare, paired within a round: median [min..max] of {rounds}"
    yield _row("callers", "gateway CPU", "p50", "p99", "reports/s")
    for callers in _callers(blocks):
        yield _row(str(callers), *(str(ratios(blocks, callers, name)) for name in MEASURES))
    yield ""
    yield f"absolute, for orientation only: median [min..max] of {rounds}"
    yield _row("", "CPU µs each", "p50 ms", "p99 ms", "per second", "of a core")
    for callers in _callers(blocks):
        for contender in (FULL, BARE):
            figures = (str(absolute(blocks, contender, callers, name)) for name in MEASURES)
            share = absolute(blocks, contender, callers, "core_share").median
            yield _row(f"{contender} {callers:>3}", *figures, f"{share:.0%}")


def _callers(blocks: Sequence[Block]) -> list[int]:
    return sorted({one.callers for one in blocks})


def _row(first: str, *others: str) -> str:
    return "  " + f"{first:<9}" + "".join(f"{text:<22}" for text in others).rstrip()


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
