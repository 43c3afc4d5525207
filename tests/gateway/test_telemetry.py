"""What the gateway counts and logs, seen through its exposition."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from contract.admission import open_answer
from contract.errors import ErrorCode
from contract.outcome import Inadmissible, InadmissibleReason, Outcome, Refused, Unavailable, UnavailableReason
from contract.province import Province
from gateway.federation.breaker import Breaker, BreakerPolicy
from gateway.reports.fanout import Neighbour
from gateway.reports.service import Step
from gateway.store.work import Backlog
from gateway.telemetry import FORGET_FAILURE_AFTER, GatewayTelemetry
from huren.fragment.v1 import refusal_pb2
from runtime.telemetry import Metrics
from tests.support.federation import SUBJECT_CODE, Federation, subject

SHANXI, HEBEI = Province.SHANXI, Province.HEBEI
FEDERATION = Federation()


class Seconds:
    """A clock that goes when it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Counting:
    """A telemetry and what it shows."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.seconds = Seconds()
        self.telemetry = GatewayTelemetry(self.metrics, self.seconds)

    def lines(self, metric: str) -> set[str]:
        """The samples of a metric; without when they were created."""
        shown = self.metrics.exposition().decode().splitlines()
        return {line for line in shown if line.startswith(metric) and "_created" not in line}


@pytest.fixture
def counting() -> Counting:
    return Counting()


def admitted() -> Outcome:
    question = FEDERATION.question(SHANXI)
    return FEDERATION.admit(question, FEDERATION.answer(question))


def refused() -> Outcome:
    question = FEDERATION.question(SHANXI)
    answer = FEDERATION.refusal(question, refusal_pb2.REFUSAL_REASON_CLOCK_SKEW)
    opened = open_answer(answer, question=question, verifier=FEDERATION.verifier)
    assert isinstance(opened, Refused)
    return opened


def unavailable(*, sent: bool = True) -> Outcome:
    question = FEDERATION.question(SHANXI) if sent else None
    return Unavailable(SHANXI, UnavailableReason.NOT_REACHABLE, 3, "UNAVAILABLE: no connection", question)


def inadmissible() -> Outcome:
    question = FEDERATION.question(SHANXI)
    return Inadmissible(SHANXI, InadmissibleReason.WRONG_SUBJECT, "A-7", bytes(range(32)), question)


@pytest.mark.parametrize(
    ("make", "labels"),
    [
        (admitted, 'outcome="admitted",province="shanxi",reason=""'),
        (refused, 'outcome="refused",province="shanxi",reason="CLOCK_SKEW"'),
        (unavailable, 'outcome="unavailable",province="shanxi",reason="NOT_REACHABLE"'),
        (inadmissible, 'outcome="inadmissible",province="shanxi",reason="WRONG_SUBJECT"'),
    ],
)
def test_each_outcome_is_counted_by_province_and_reason(counting: Counting, make: Any, labels: str) -> None:
    for _ in range(2):
        counting.telemetry.outcome(make())
    assert counting.lines("huren_outcomes_total") == {f"huren_outcomes_total{{{labels}}} 2.0"}


def test_provinces_are_counted_apart(counting: Counting) -> None:
    for province in (HEBEI, SHANXI, SHANXI):
        counting.telemetry.outcome(Unavailable(province, UnavailableReason.BREAKER_OPEN, 0))
    labels = 'outcome="unavailable",province="{}",reason="BREAKER_OPEN"'
    assert counting.lines("huren_outcomes_total") == {
        f"huren_outcomes_total{{{labels.format('hebei')}}} 1.0",
        f"huren_outcomes_total{{{labels.format('shanxi')}}} 2.0",
    }


def test_every_step_has_its_histogram(counting: Counting) -> None:
    for step in Step:
        counting.telemetry.finished(step, 0.02)
    counting.telemetry.finished(Step.ASK, 3.0)
    shown = counting.lines("huren_report_step_seconds")
    for step in Step:
        calls, seconds = (2, 3.02) if step is Step.ASK else (1, 0.02)
        assert f'huren_report_step_seconds_count{{step="{step}"}} {calls}.0' in shown
        assert f'huren_report_step_seconds_sum{{step="{step}"}} {seconds}' in shown
        assert f'huren_report_step_seconds_bucket{{le="0.01",step="{step}"}} 0.0' in shown
        assert f'huren_report_step_seconds_bucket{{le="0.025",step="{step}"}} 1.0' in shown


def test_requests_are_counted_by_their_end(counting: Counting) -> None:
    for end in ("SEALED", "SEALED", "OPEN", ErrorCode.FOREIGN_HOME):
        counting.telemetry.ended(end)
    assert counting.lines("huren_report_requests_total") == {
        'huren_report_requests_total{end="SEALED"} 2.0',
        'huren_report_requests_total{end="OPEN"} 1.0',
        'huren_report_requests_total{end="FOREIGN_HOME"} 1.0',
    }


def test_the_breakers_are_shown_as_they_are_now(counting: Counting) -> None:
    policy = BreakerPolicy(failures_to_open=1, open_for=timedelta(seconds=5), open_for_at_most=timedelta(seconds=20))
    peer: Any = None
    breakers = {province: Breaker(policy, counting.seconds) for province in (HEBEI, SHANXI)}
    counting.telemetry.watch(Neighbour(province, peer, breaker) for province, breaker in breakers.items())

    def shown() -> set[str]:
        return {line.removeprefix("huren_breaker_state") for line in counting.lines("huren_breaker_state")}

    closed = '{province="hebei"} 0.0'
    assert shown() == {closed, '{province="shanxi"} 0.0'}
    breakers[SHANXI].failed()
    assert shown() == {closed, '{province="shanxi"} 2.0'}
    counting.seconds.now += 6
    assert breakers[SHANXI].may_ask()
    assert shown() == {closed, '{province="shanxi"} 1.0'}
    breakers[SHANXI].succeeded()
    assert shown() == {closed, '{province="shanxi"} 0.0'}


# --- The log ------------------------------------------------------------------------------------------------------------


def logged(counting: Counting, outcomes: Iterable[Outcome]) -> list[Any]:
    with capture_logs() as lines:
        for outcome in outcomes:
            counting.telemetry.outcome(outcome)
    return list(lines)


def test_what_counts_is_no_line(counting: Counting) -> None:
    assert logged(counting, [admitted()]) == []


@pytest.mark.parametrize(
    ("outcome", "facts"),
    [
        (refused(), {"outcome": "Refused", "reason": "CLOCK_SKEW"}),
        (
            unavailable(),
            {"outcome": "Unavailable", "reason": "NOT_REACHABLE", "detail": "UNAVAILABLE: no connection"},
        ),
        (
            inadmissible(),
            {
                "outcome": "Inadmissible",
                "reason": "WRONG_SUBJECT",
                "detail": "A-7",
                "answer_sha256": bytes(range(32)).hex(),
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_does_not_count_is_one_line_without_the_subject(
    counting: Counting, outcome: Outcome, facts: dict[str, str]
) -> None:
    (line,) = logged(counting, [outcome])
    assert outcome.question is not None
    query = outcome.question.statement_id.hex()
    assert line == {"event": "outcome", "log_level": "warning", "province": "shanxi", "query": query, **facts}
    told = json.dumps(line, ensure_ascii=False)
    about = subject()
    assert about.uscc == SUBJECT_CODE
    for value in (about.uscc, about.name, *(identifier.value for identifier in about.identifiers)):
        assert value not in told


def test_a_province_that_was_not_asked_has_no_query(counting: Counting) -> None:
    (line,) = logged(counting, [unavailable(sent=False)])
    assert line["query"] == ""


# --- The last failure ---------------------------------------------------------------------------------------------------


def test_a_failure_is_remembered_until_the_next_good_answer(counting: Counting) -> None:
    telemetry = counting.telemetry
    assert telemetry.last_failure(SHANXI) == ""
    telemetry.outcome(unavailable())
    telemetry.outcome(refused())
    assert (telemetry.last_failure(SHANXI), telemetry.last_failure(HEBEI)) == ("CLOCK_SKEW", "")
    telemetry.outcome(admitted())
    assert telemetry.last_failure(SHANXI) == ""


def test_a_failure_that_nobody_repeats_is_forgotten(counting: Counting) -> None:
    limit = FORGET_FAILURE_AFTER.total_seconds()
    counting.telemetry.outcome(unavailable())
    counting.seconds.now += limit - 1
    assert counting.telemetry.last_failure(SHANXI) == "NOT_REACHABLE"
    counting.telemetry.outcome(inadmissible())
    counting.seconds.now += limit - 1
    assert counting.telemetry.last_failure(SHANXI) == "WRONG_SUBJECT"
    counting.seconds.now += 1
    assert counting.telemetry.last_failure(SHANXI) == ""


def test_what_durable_work_waits_is_shown(counting: Counting) -> None:
    since = datetime(2026, 11, 22, 4, tzinfo=UTC)
    counting.telemetry.backlog(Backlog(waiting=3, parked=1, oldest_due_at=since))
    assert counting.lines("huren_work{") == {'huren_work{state="parked"} 1.0', 'huren_work{state="waiting"} 3.0'}
    [line] = counting.lines("huren_work_oldest")
    assert float(line.split()[1]) == since.timestamp()
    counting.telemetry.backlog(Backlog(waiting=0, parked=0, oldest_due_at=None))
    assert counting.lines("huren_work_oldest") == {"huren_work_oldest_due_timestamp_seconds 0.0"}
