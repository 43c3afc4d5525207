"""What is true in the invented world: enterprises, and what really happened to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

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


class FactState(Enum):
    """What became of a decision."""

    IN_FORCE = "in force"
    REVOKED = "revoked"
    REPAIRED = "repaired"
    NOT_A_PENALTY = "not a penalty"


class Outcome(Enum):
    """What must come of an aside when its subject asks for a report."""

    FOUND = "found"
    DUPLICATE = "found, as one decision with another row"
    WITHHELD = "withheld by rule"
    LEFT_OUT = "left out"
    IN_DOUBT = "in doubt"
    UNREADABLE = "unreadable"
    COUNTED = "counted as belonging to nobody"


class AsideKind(Enum):
    """What is not simple about an aside, with what must come of it."""

    REVOKED = ("revoked", Outcome.WITHHELD)
    REPAIRED = ("repaired", Outcome.WITHHELD)
    NOT_A_PENALTY = ("不予处罚", Outcome.LEFT_OUT)
    RETURNED = ("回流: decided in another province", Outcome.LEFT_OUT)
    CENTRAL = ("decided by a central authority", Outcome.LEFT_OUT)
    NATURAL_PERSON = ("about a natural person", Outcome.COUNTED)
    DUPLICATE = ("a decision again, its number in another notation", Outcome.DUPLICATE)
    OTHER_DOMAIN = ("a decision again, by the department of another domain", Outcome.DUPLICATE)
    CONFLICT = ("a decision again, with another amount", Outcome.DUPLICATE)
    NAME_ONLY = ("no code beside the name", Outcome.IN_DOUBT)
    REGISTRATION_NUMBER_ONLY = ("the registration number of former times only", Outcome.FOUND)
    ORGANISATION_CODE_ONLY = ("the organisation code only", Outcome.FOUND)
    MASKED_CODE = ("a masked code", Outcome.IN_DOUBT)
    LONG_CODE = ("a code of 19 characters", Outcome.IN_DOUBT)
    VAGUE_AMOUNT = ("an amount that is none", Outcome.UNREADABLE)
    NOBODYS = ("a name that nobody has", Outcome.COUNTED)

    @property
    def outcome(self) -> Outcome:
        """What must come of it."""
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How a row says whose it is, and its fine, where that is not what is true.

    Attributes:
        name: As written, likewise `uscc`, `organisation_code` and `registration_number`; empty: nothing.
        fine: As written. None: as it is.
    """

    name: str
    uscc: str = ""
    organisation_code: str = ""
    registration_number: str = ""
    fine: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A row of a platform that discloses nothing, or not simply what it says.

    Attributes:
        kind: What about it is not simple.
        fact: What happened; its province is that of the platform. Of a row that is nobody's, the subject is somebody else.
        state: What became of it.
        written: How the row says whose it is.
        same_as: Key of the fact of which it is the decision again; empty: of none.
    """

    kind: AsideKind
    fact: PenaltyFact
    state: FactState
    written: Written
    same_as: str = ""


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
        asides: Rows that platforms hold besides, when they are asked to: one of each kind in each province, where
            there is somebody whom it can befall.
    """

    day: date
    as_of: datetime
    enterprises: tuple[Enterprise, ...]
    penalties: tuple[PenaltyFact, ...]
    list_entries: tuple[ListFact, ...]
    cast: dict[str, Enterprise]
    asides: tuple[Aside, ...] = ()

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
