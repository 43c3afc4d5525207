"""What is due when: rules as data, each with its label, its source and the event that starts it.

Beside every date that is shown stands one of three labels: a statute's (法定), what the four provinces agreed (四地约定), or this
software's own default (系统默认). A rule that nobody confirmed says so: `verified` is false.

A table may hold rules with different start events: each is counted from its own, and one whose event has not happened is not due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum, StrEnum
from typing import Final

from contract.reasons import Words
from contract.working_days import DueDay, WorkingDays


class Label(StrEnum):
    """On what a deadline rests, as shown beside it."""

    STATUTORY = "法定"
    AGREED = "四地约定"
    DEFAULT = "系统默认"


class StartEvent(Enum):
    """From what a deadline is counted. The value is what people read."""

    HELD_UP = Words("该数据首次影响某一主体的查询", "the item first held a subject up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One deadline.

    Attributes:
        step: What is due, as a stable code, unique in its table.
        words: The same for people.
        working_days: Within how many working days, at least one.
        start: From what they are counted.
        label: On what the number rests.
        source: Where the number is from.
        verified: Whether somebody who has the source confirmed it.
    """

    step: str
    words: Words
    working_days: int
    start: StartEvent
    label: Label
    source: str
    verified: bool


_NOT_AGREED: Final = "system default (not agreed yet)"

DESK_RULES: Final = (
    Rule(
        step="remind",
        words=Words("提醒", "reminder"),
        working_days=1,
        start=StartEvent.HELD_UP,
        label=Label.DEFAULT,
        source=_NOT_AGREED,
        verified=False,
    ),
    Rule(
        step="answer",
        words=Words("办结", "answer"),
        working_days=2,
        start=StartEvent.HELD_UP,
        label=Label.DEFAULT,
        source=_NOT_AGREED,
        verified=False,
    ),
    Rule(
        step="escalate",
        words=Words("督办", "escalation"),
        working_days=3,
        start=StartEvent.HELD_UP,
        label=Label.DEFAULT,
        source=_NOT_AGREED,
        verified=False,
    ),
)
"""The clock of an item of the data desk that holds a subject up."""


@dataclass(frozen=True, slots=True)
class Due:
    """A rule, and when what it asks for is due."""

    rule: Rule
    due: DueDay


def due_days(rules: tuple[Rule, ...], started: Mapping[StartEvent, date], calendar: WorkingDays) -> tuple[Due, ...]:
    """When what a table asks for is due, the first due first.

    Args:
        rules: The table.
        started: Legal days of the events that have happened.
        calendar: By which to count.
    """
    found = [Due(rule, calendar.add(started[rule.start], rule.working_days)) for rule in rules if rule.start in started]
    return tuple(sorted(found, key=lambda one: one.due.day))
