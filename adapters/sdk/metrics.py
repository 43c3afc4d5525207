"""What an adapter counts, beside the calls that its server counts.

Labels come from fixed sets: names of outcomes and reasons. Nothing of a subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0)


class AdapterMetrics:
    """The metrics of one adapter.

    Attributes:
        answers: Statements that answered a query, by result: `ANSWERED`, `REPEATED`, or the reason of the refusal.
        rows: Rows of the platform, by what they came to (findings.py).
        cells: Cells of fragments, by state or reason.
        source_seconds: How long the platform took, by whether it answered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.answers = Counter("huren_adapter_answers", "Answers to queries.", ("result",), registry=registry)
        self.rows = Counter("huren_adapter_rows", "Rows of the platform.", ("outcome",), registry=registry)
        self.cells = Counter("huren_adapter_cells", "Cells of fragments.", ("state",), registry=registry)
        self.source_seconds = Histogram(
            "huren_adapter_source_seconds",
            "Duration of searches on the platform.",
            ("result",),
            registry=registry,
            buckets=_SECONDS_BUCKETS,
        )

    def count_rows(self, outcomes: Mapping[str, int]) -> None:
        """Counts the rows of one answer."""
        for outcome, number in outcomes.items():
            self.rows.labels(outcome).inc(number)
