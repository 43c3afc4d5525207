from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.federation.breaker import Breaker, BreakerPolicy, BreakerState

POLICY = BreakerPolicy(failures_to_open=3, open_for=timedelta(seconds=5), open_for_at_most=timedelta(seconds=20))


class Seconds:
    """A clock that goes when it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Seconds) -> Breaker:
    breaker = Breaker(POLICY, clock)
    for _ in range(3):
        assert breaker.may_ask()
        breaker.failed()
    return breaker


def test_opens_after_failures_in_a_row() -> None:
    breaker = opened(Seconds())
    assert breaker.state is BreakerState.OPEN
    assert not breaker.may_ask()


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(POLICY, Seconds())
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_lets_one_caller_try_when_the_pause_is_over() -> None:
    clock = Seconds()
    breaker = opened(clock)
    clock.now = 5.0
    assert breaker.state is BreakerState.HALF_OPEN
    assert [breaker.may_ask() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert breaker.may_ask()


def test_pauses_twice_as_long_after_each_failed_trial_up_to_a_limit() -> None:
    clock = Seconds()
    breaker = opened(clock)
    pauses = []
    for _ in range(4):
        begun = clock.now
        while not breaker.may_ask():
            clock.now += 1.0
        pauses.append(clock.now - begun)
        breaker.failed()
    assert pauses == [5.0, 10.0, 20.0, 20.0]


def test_a_trial_that_is_abandoned_lets_the_next_caller_try() -> None:
    clock = Seconds()
    breaker = opened(clock)
    clock.now = 5.0
    assert breaker.may_ask()
    breaker.abandoned()
    assert breaker.may_ask()


@given(st.lists(st.sampled_from(["ask", "succeeded", "failed", "abandoned", "wait"]), max_size=60))
def test_never_stays_shut_for_longer_than_its_limit(actions: list[str]) -> None:
    """Whatever happens, a province is asked again at the latest after the longest pause."""
    clock = Seconds()
    breaker = Breaker(POLICY, clock)
    asking = False
    for action in actions:
        if action == "wait":
            clock.now += 3.0
        elif action == "ask":
            asking = breaker.may_ask() or asking
        elif asking:
            getattr(breaker, action)()
            asking = False
    if asking:
        breaker.abandoned()
    clock.now += POLICY.open_for_at_most.total_seconds()
    assert breaker.may_ask()
