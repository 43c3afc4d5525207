"""Taking a report back (作废): one officer proposes, another one confirms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from huren.report.v1 import report_status_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposal to take a report back.

    Attributes:
        number: Its number at this home.
        report_number: 报告编号.
        category: Why, from the closed list.
        note: Why, in words; stays in the house.
        proposed_by: The officer.
        proposed_at: When.
    """

    number: int
    report_number: str
    category: report_status_pb2.RevocationCategory.ValueType
    note: str
    proposed_by: str
    proposed_at: datetime
