"""A real gateway process that kills itself with SIGKILL: `python -m tests.support.sabotaged_gateway CONFIG WHERE`.

WHERE is a step of the service, at whose end it dies, or `inside-7-seal`: after everything was written and before the commit.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from contract.outcome import Outcome
from gateway import bootstrap
from gateway.config import GatewaySettings
from gateway.reports.service import Observer, Step
from gateway.store import store
from gateway.telemetry import GatewayTelemetry
from runtime.process import run_process
from runtime.settings import load_settings

INSIDE_SEAL = "inside-7-seal"


class Saboteur(Observer):
    """Dies at the end of a step."""

    def __init__(self, inner: GatewayTelemetry, where: str) -> None:
        self._inner = inner
        self._where = where

    def finished(self, step: Step, seconds: float) -> None:
        self._inner.finished(step, seconds)
        if step == self._where:
            die()

    def outcome(self, outcome: Outcome) -> None:
        self._inner.outcome(outcome)

    def ended(self, end: str) -> None:
        self._inner.ended(end)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    path, where = Path(sys.argv[1]), sys.argv[2]
    if where == INSIDE_SEAL:
        insert = store._insert_report

        async def insert_and_die(*args: Any) -> None:
            await insert(*args)
            die()

        store._insert_report = insert_and_die  # type: ignore[assignment]  # dies in between, and nothing else
    settings = load_settings(GatewaySettings, path)
    return run_process(lambda stop: bootstrap.serve(settings, path, stop, lambda telemetry: Saboteur(telemetry, where)))


if __name__ == "__main__":
    sys.exit(main())
