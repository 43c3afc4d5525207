"""The outcomes of a row, each of which is counted.

Readable            a record for its cell, still without identity (identity is the ledger's, ledger.py)
NotAPenalty         不予处罚, 立案, 责令改正 alone and the like, by its kind (kinds.py): never printed
NotAnOrganisation   its subject is a natural person: never printed
Withheld            revoked, repaired, replaced, by summary procedure, or past publicity: the rules say not to disclose it
DecidedElsewhere    decided by an authority that is certainly another province's or central (回流)
OutsideCatalogue    of a domain or list that the mutual report does not carry
OutsideWindow       decided, or on the list, outside the window
Unreadable          something that is needed cannot be read with certainty: its cells become unavailable
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from adapters.sdk.kinds import ActKind
from contract.catalogue import CellKey
from huren.fragment.v1 import record_pb2


@dataclass(frozen=True, slots=True)
class Readable:
    """A record, complete but for `record_id`, `revision`, `decision_key` and `replaces`.

    Attributes:
        key: The cell that holds it.
        draft: The record.
        replaces_number: Document number of the decision that this one replaces, as the source has it. Empty: none.
    """

    key: CellKey
    draft: record_pb2.Record
    replaces_number: str = ""


@dataclass(frozen=True, slots=True)
class NotAPenalty:
    """No decision to punish.

    Attributes:
        kind: What it is.
    """

    kind: ActKind


@dataclass(frozen=True, slots=True)
class NotAnOrganisation:
    """Its subject is a natural person."""


class WithheldReason(Enum):
    """By which rule a row is not disclosed."""

    REVOKED = "revoked"
    REPAIRED = "repaired"
    REPLACED = "replaced"  # 原决定已变更: the new decision stands in another row
    SUMMARY_PROCEDURE = "summary procedure"
    PUBLICITY_ENDED = "publicity ended"


@dataclass(frozen=True, slots=True)
class Withheld:
    """The disclosure rules say that it is not disclosed."""

    reason: WithheldReason


@dataclass(frozen=True, slots=True)
class DecidedElsewhere:
    """Its authority is not one of this province's."""


@dataclass(frozen=True, slots=True)
class OutsideCatalogue:
    """The mutual report does not carry its domain or list."""


@dataclass(frozen=True, slots=True)
class OutsideWindow:
    """It is of another time."""


class Fault(Enum):
    """Why a row cannot be read, where it is no matter of notation. Stable, as the values of `NotationFault` are."""

    CONTRADICTED = "contradicted"
    """State, category, amount, number and text of the row do not say the same."""
    AMOUNT_CONTRADICTED = "amount_contradicted"
    """Column and text, or the sum and its parts, differ."""
    AMOUNT_UNCERTAIN = "amount_uncertain"
    """A fine or confiscation without an amount that is certain."""
    UNKNOWN_FORM = "unknown_form"
    UNKNOWN_COLUMN = "unknown_column"
    """A column that the form neither reads nor ignores by name."""
    MISSING_COLUMN = "missing_column"
    MISSING_VALUE = "missing_value"
    UNKNOWN_CODE = "unknown_code"
    """A table has no meaning for a code on the row's day."""
    UNKNOWN_KIND = "unknown_kind"
    """Nothing in the row says which penalty it is."""
    AUTHORITY_UNKNOWN = "authority_unknown"
    FUTURE_DAY = "future_day"
    DAYS_REVERSED = "days_reversed"
    """Removed before it was listed."""
    NOT_AS_TEXT = "not_as_text"
    """A number where text is declared: it was a floating-point number on its way."""
    CONSTRAINT = "constraint"
    """What the contract declares for a field is broken."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It cannot be read with certainty.

    Attributes:
        field: What cannot be read: the column, or the field of the contract.
        problem: Why, for the operator; holds no value of the row.
        blocks: The cells about which nothing may be concluded.
        fault: Why, as a stable code: the value of a `Fault` or of a `NotationFault`.
    """

    field: str
    problem: str
    blocks: frozenset[CellKey]
    fault: str


RowOutcome = (
    Readable
    | NotAPenalty
    | NotAnOrganisation
    | Withheld
    | DecidedElsewhere
    | OutsideCatalogue
    | OutsideWindow
    | Unreadable
)


class RowFaultError(Exception):
    """Something cannot be read; it never leaves the package. Empty `blocks`: all cells of the row's kind."""

    def __init__(self, field: str, problem: str, fault: str) -> None:
        super().__init__(field, problem, fault)
        self.field = field
        self.problem = problem
        self.fault = fault
        self.blocks: frozenset[CellKey] = frozenset()
