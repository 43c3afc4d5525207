"""What is true in the invented world: enterprises, and what really happened to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from contract.days import DayRange
from contract.money import Fen
from contract.province import Province
from contract.uscc import Uscc
from huren.common.v1 import common_pb2
from huren.fragment.v1 import record_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Enterprise:
    """A subject as the registries know it.

    Attributes:
        uscc: Its code.
        name: Its registered name today.
        former_names: Names it had, each with the last day of its use.
        kind: What it is.
        status: State of its registration.
        cancelled_on: Day of cancellation, where cancelled.
        homes: Province of registration with the first day of each, oldest first; None: outside the federation.
        registration_number: 工商注册号 of former times, 15 digits, or empty.
    """

    uscc: Uscc
    name: str
    former_names: tuple[tuple[str, date], ...] = ()
    kind: common_pb2.SubjectKind.ValueType = common_pb2.SUBJECT_KIND_ENTERPRISE
    status: common_pb2.RegistrationStatus.ValueType = common_pb2.REGISTRATION_STATUS_ACTIVE
    cancelled_on: date | None = None
    homes: tuple[tuple[Province | None, date], ...]
    registration_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyFact:
    """A decision that really was made. Text is as an authority would write it, in the words of published decisions."""

    key: str
    province: Province
    domain: str
    subject: Enterprise
    document_number: str
    authority: str
    authority_uscc: str
    decided_on: date
    violation_type: str
    facts: str
    legal_basis: str
    categories: tuple[record_pb2.PenaltyCategory.ValueType, ...]
    content: str
    fine: Fen | None = None
    confiscation: Fen | None = None
    summary_procedure: bool = False
    performed_on: date | None = None
    publicity_until: date | None = None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFact:
    """An entry on a list that really was made."""

    key: str
    province: Province
    list_id: str
    domain: str
    subject: Enterprise
    document_number: str
    authority: str
    authority_uscc: str
    reason: str
    listed_on: date
    removed_on: date | None = None
    planned_end_on: date | None = None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that is true.

    Attributes:
        day: The day on which the world stands; facts lie before it.
        as_of: Watermark of every platform: the evening before `day`, China time.
        enterprises: All subjects; the first few are the demo's cast (see `cast`).
        penalties: All decisions.
        list_entries: All list entries.
        cast: Subjects with a part to play, by role, for example `found_in_several`, `nothing_anywhere`, `moved`,
            `centrally_registered`, `branch`, `cancelled`, `individual_business`.
    """

    day: date
    as_of: datetime
    enterprises: tuple[Enterprise, ...]
    penalties: tuple[PenaltyFact, ...]
    list_entries: tuple[ListFact, ...]
    cast: dict[str, Enterprise]

    def facts_of(
        self, uscc: str, province: Province, window: DayRange
    ) -> tuple[tuple[PenaltyFact, ...], tuple[ListFact, ...]]:
        """What a true report says about a subject in a province and window."""
        penalties = tuple(
            fact
            for fact in self.penalties
            if fact.subject.uscc == uscc and fact.province == province and fact.decided_on in window
        )
        entries = tuple(
            fact
            for fact in self.list_entries
            if fact.subject.uscc == uscc
            and fact.province == province
            and window.overlaps(fact.listed_on, fact.removed_on)
        )
        return penalties, entries
