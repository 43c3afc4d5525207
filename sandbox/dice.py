"""Chance for the invented world: deterministic, and the same on every platform and version of Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from hashlib import sha256
from random import Random
from typing import TypeVar

from contract.days import DayRange

_T = TypeVar("_T")


class Dice:
    """Chance that depends on a label alone.

    Uses `Random.random` only: the one method whose sequence for a seed the library promises not to change.
    """

    def __init__(self, *label: object) -> None:
        text = "/".join(str(part) for part in label)
        self._random = Random(int.from_bytes(sha256(text.encode()).digest(), "big"))

    def below(self, limit: int) -> int:
        """A number from 0, less than the limit."""
        return int(self._random.random() * limit)

    def between(self, least: int, most: int) -> int:
        """A number between two, both included."""
        return least + self.below(most - least + 1)

    def chance(self, probability: float) -> bool:
        """Yes, with this probability."""
        return self._random.random() < probability

    def one_of(self, things: Sequence[_T]) -> _T:
        """One of the things, each as likely as the others."""
        return things[self.below(len(things))]

    def weighted(self, things: Sequence[tuple[_T, int]]) -> _T:
        """One of the things, each as likely as its weight says."""
        at = self.below(sum(weight for _, weight in things))
        for thing, weight in things:
            at -= weight
            if at < 0:
                return thing
        raise AssertionError("unreachable: the draw is below the sum of the weights")

    def shuffled(self, things: Iterable[_T]) -> list[_T]:
        """The things in any order."""
        order = list(things)
        for last in range(len(order) - 1, 0, -1):
            at = self.below(last + 1)
            order[last], order[at] = order[at], order[last]
        return order

    def day(self, within: DayRange) -> date:
        """A day."""
        return within.first + timedelta(days=self.below((within.last - within.first).days + 1))

    def working_day(self, within: DayRange) -> date:
        """A day from Monday to Friday; for a weekend the Friday before, which may lie before the range."""
        found = self.day(within)
        return found - timedelta(days=max(0, found.weekday() - 4))
