"""When an open request is tried again, and for how long: the rules of completion.

A gap that asking again may close (TRANSIENT) is asked about soon, then ever more rarely. One where somebody at the origin has to
act (NEEDS_ORIGIN) is asked about at the longest pause: an officer takes hours, not seconds. Each try is a new query.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from huren.report.v1 import report_service_pb2 as wire

_JITTER: Final = 0.2
"""Tries that began together do not stay together: each pause is longer or shorter by up to this share."""

_MOST_DOUBLINGS: Final = 30


class EndReason(StrEnum):
    """Why a request ended without a report, where no error of the table says it. Stable codes."""

    APPLICANT = "APPLICANT"
    NOT_IN_TIME = "NOT_IN_TIME"
    NOTHING_CLOSES_IT = "NOTHING_CLOSES_IT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """How an open request is gone on with.

    Attributes:
        limit: For how long after it was accepted.
        first_pause: Before the second try.
        longest_pause: The most between two tries.
    """

    limit: timedelta
    first_pause: timedelta
    longest_pause: timedelta

    def due(self, at: datetime, tries: int, statuses: Iterable[wire.ProvinceStatus], asked_for: timedelta) -> datetime:
        """When to try again.

        Args:
            at: Now.
            tries: How many tries there were.
            statuses: How each province stands.
            asked_for: Not earlier than this, because a province asked for it.
        """
        pause = min(self.first_pause * (1 << min(tries - 1, _MOST_DOUBLINGS)), self.longest_pause)
        kinds = {status.gap_kind for status in statuses}
        if wire.GAP_KIND_TRANSIENT not in kinds:
            pause = self.longest_pause
        spread = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  # no secret
        return at + max(pause * spread, asked_for)
