"""A circuit breaker for one province: after repeated failures it is left alone for a while, then one caller tries again.

It only decides whether to ask. What it withholds is an `Unavailable` outcome like any other, never an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

Monotonic = Callable[[], float]
"""Seconds of a clock that never goes back."""


class BreakerState(IntEnum):
    """The number is the value of the metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When to leave a province alone.

    Attributes:
        failures_to_open: Failures in a row after which it opens.
        open_for: How long it stays open the first time; doubled at each failed trial.
        open_for_at_most: Upper bound of that.
    """

    failures_to_open: int = 5
    open_for: timedelta = timedelta(seconds=5)
    open_for_at_most: timedelta = timedelta(minutes=1)


class Breaker:
    """Counts failures in a row."""

    def __init__(self, policy: BreakerPolicy, monotonic: Monotonic) -> None:
        self._policy = policy
        self._monotonic = monotonic
        self._failures = 0
        self._pause = policy.open_for
        self._open_until: float | None = None
        self._trial_running = False

    @property
    def state(self) -> BreakerState:
        """The state at this moment."""
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._monotonic() < self._open_until else BreakerState.HALF_OPEN

    def may_ask(self) -> bool:
        """Whether to ask now. Half open, the first caller is told yes and the others no until its result is known."""
        if self.state is BreakerState.CLOSED:
            return True
        if self.state is BreakerState.OPEN or self._trial_running:
            return False
        self._trial_running = True
        return True

    def succeeded(self) -> None:
        """An answer came, whatever it said."""
        self._failures = 0
        self._pause = self._policy.open_for
        self._open_until = None
        self._trial_running = False

    def failed(self) -> None:
        """No answer came."""
        self._failures += 1
        if self._open_until is not None:
            self._pause = min(self._pause * 2, self._policy.open_for_at_most)
        elif self._failures < self._policy.failures_to_open:
            return
        self._open_until = self._monotonic() + self._pause.total_seconds()
        self._trial_running = False

    def abandoned(self) -> None:
        """The call ended without a result of the province's, for example because the requester went away."""
        self._trial_running = False
