"""The shapes that the document is made of: a line (label, value, note), a table of texts, an instant as it is printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from contract.days import CHINA

Json = dict[str, Any]


def line(label: str, value: str, note: str = "") -> Json:
    """A label and what stands behind it.

    Args:
        label: The label.
        value: What was stated, verbatim.
        note: What we say about it, with its own brackets. Apart, so that nothing in a value can pass for it.
    """
    return {"label": label, "value": value, "note": note}


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Json:
    """A table of texts."""
    return {"columns": list(columns), "rows": [list(row) for row in rows]}


def china_instant(at: datetime) -> str:
    """An instant in China's time, cut to the second, for example `2026-11-22 10:30:00`."""
    return at.astimezone(CHINA).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
