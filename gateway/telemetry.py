"""What the gateway counts: one outcome for each province and request, the time of each step, the breakers.

What did not count is also one line of the log, for whoever looks for the cause. Neither holds anything of a subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from time import monotonic
from typing import Final, assert_never

import structlog
from prometheus_client import Counter, Gauge, Histogram

from contract.outcome import Admitted, Inadmissible, Outcome, Refused, Unavailable
from contract.province import Province
from gateway.reports.fanout import Neighbour
from gateway.reports.service import Step
from gateway.store.work import Backlog
from huren.fragment.v1 import refusal_pb2
from runtime.telemetry import Metrics

_log: Final = structlog.get_logger(__name__)

FORGET_FAILURE_AFTER: Final = timedelta(minutes=5)
"""A failure that nobody has repeated for so long says nothing about now: provinces are asked only when an enterprise asks."""

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class GatewayTelemetry:
    """Implements the service's `Observer`."""

    def __init__(self, metrics: Metrics, seconds: Callable[[], float] = monotonic) -> None:
        """Registers the metrics.

        Args:
            metrics: Where.
            seconds: A clock that only runs forward.
        """
        self._seconds = seconds
        self._failures: dict[Province, tuple[str, float]] = {}
        self._outcomes = Counter(
            "huren_outcomes",
            "Outcomes of asking provinces.",
            ("province", "outcome", "reason"),
            registry=metrics.registry,
        )
        self._steps = Histogram(
            "huren_report_step_seconds",
            "Duration of the steps of a report.",
            ("step",),
            registry=metrics.registry,
            buckets=_SECONDS,
        )
        self._requests = Counter(
            "huren_report_requests", "Report requests by how they ended.", ("end",), registry=metrics.registry
        )
        self._work = Gauge(
            "huren_work", "Durable work by whether it waits or is parked.", ("state",), registry=metrics.registry
        )
        self._work_due = Gauge(
            "huren_work_oldest_due_timestamp_seconds",
            "When the oldest of the waiting work was or is due; 0: none waits.",
            registry=metrics.registry,
        )
        self._breakers = Gauge(
            "huren_breaker_state",
            "Breaker of a province: 0 closed, 1 half open, 2 open.",
            ("province",),
            registry=metrics.registry,
        )

    def watch(self, neighbours: Iterable[Neighbour]) -> None:
        """Shows the breakers of these provinces."""
        for neighbour in neighbours:
            self._breakers.labels(neighbour.province.slug).set_function(
                lambda breaker=neighbour.breaker: float(breaker.state)  # type: ignore[misc]  # bound now, not later
            )

    def last_failure(self, province: Province) -> str:
        """Reason of a province's last failed outcome; empty after a good one, and once it is forgotten."""
        reason, since = self._failures.get(province, ("", 0.0))
        return reason if self._seconds() - since < FORGET_FAILURE_AFTER.total_seconds() else ""

    def backlog(self, backlog: Backlog) -> None:
        """Shows what durable work there is."""
        self._work.labels("waiting").set(backlog.waiting)
        self._work.labels("parked").set(backlog.parked)
        self._work_due.set(backlog.oldest_due_at.timestamp() if backlog.oldest_due_at else 0)

    def finished(self, step: Step, seconds: float) -> None:
        """As `Observer.finished`."""
        self._steps.labels(step).observe(seconds)

    def outcome(self, outcome: Outcome) -> None:
        """As `Observer.outcome`."""
        reason = _reason(outcome)
        self._outcomes.labels(outcome.province.slug, type(outcome).__name__.lower(), reason).inc()
        if reason:
            self._failures[outcome.province] = reason, self._seconds()
            _log.warning("outcome", province=outcome.province.slug, outcome=type(outcome).__name__, **_details(outcome))
        else:
            self._failures.pop(outcome.province, None)

    def ended(self, end: str) -> None:
        """As `Observer.ended`."""
        self._requests.labels(end).inc()


def _details(outcome: Outcome) -> dict[str, str]:
    """What an operator needs to find the matter on both sides; nothing of the subject."""
    facts = {"reason": _reason(outcome), "query": outcome.question.statement_id.hex() if outcome.question else ""}
    if isinstance(outcome, Unavailable | Inadmissible):
        facts["detail"] = outcome.detail
    if isinstance(outcome, Inadmissible):
        facts["answer_sha256"] = outcome.digest.hex()
    return facts


def _reason(outcome: Outcome) -> str:
    match outcome:
        case Admitted():
            return ""
        case Refused(refusal=refusal):
            return refusal_pb2.RefusalReason.Name(refusal.reason).removeprefix("REFUSAL_REASON_")
        case Unavailable(reason=reason):
            return reason
        case Inadmissible(reason=broken):
            return broken
        case _:
            assert_never(outcome)
