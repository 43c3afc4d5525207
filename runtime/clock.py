"""Time comes in as a parameter.

Whoever needs the time takes a `Clock`; only composition roots name `system_clock`, and tests hand in a clock that stands still.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Gives the present instant, aware."""


def system_clock() -> datetime:
    """Reads the machine's clock, in UTC."""
    return datetime.now(UTC)
