"""What differs between provinces, as data: how the columns of each form are read.

A profile is declared in `adapters/<province>/profile.py` and interpreted by `mapping.py`. It fails closed: a form that is not
declared, a column that is neither read nor ignored by name, a code that a table lacks make the row unreadable, which makes its
cells unavailable; nothing has a default.

Every entry says where its meaning comes from (`source`); where the platform is imagined, it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from adapters.sdk.source import RawValue
from contract.catalogue import CellKey
from contract.money import MoneyUnit
from contract.province import Province
from huren.fragment.v1 import fragment_pb2, record_pb2

DateReader = Callable[[RawValue], date | None]
"""Reads a date column. None: the source states none (empty, 长期, 2099-12-31). Raises NotationError."""


class RowState(Enum):
    """What the platform says about a row as a whole."""

    IN_FORCE = "in force"
    REVOKED = "revoked"  # 撤销, 确认违法, 确认无效
    REPAIRED = "repaired"  # 已信用修复
    NOT_A_PENALTY = "not a penalty"  # 不予处罚, 立案, 责令改正 alone, 约谈 and the like


@dataclass(frozen=True, slots=True)
class MoneyColumn:
    """A column that holds an amount.

    Attributes:
        column: Its name.
        unit: The unit of its numbers, by the platform's description. A text that names its own unit must agree with it.
        kind: What the amount is.
        numbers: Whether the platform may give a number instead of text. Where it may not, a number was a float on its way.
    """

    column: str
    unit: MoneyUnit
    kind: record_pb2.AmountKind.ValueType
    numbers: bool = False


@dataclass(frozen=True, slots=True)
class CodeTable:
    """A code table of the platform.

    Attributes:
        name: Its name, for messages.
        values: Code to meaning. A code that is missing makes the row unreadable.
        source: Where it is described.
    """

    name: str
    values: Mapping[str, object]
    source: str


@dataclass(frozen=True, slots=True)
class SubjectColumns:
    """Columns that say whose a row is. None: the form has no such column."""

    name: str
    uscc: str | None
    organisation_code: str | None = None
    registration_number: str | None = None


@dataclass(frozen=True, slots=True)
class PenaltyForm:
    """A form that carries 行政处罚.

    Attributes:
        name: As in `RawRow.form`.
        source: Where the form is described.
        subject: Whose.
        domain: Column whose code names the domain, with its table (code → domain id, or None for a domain outside the
            catalogue).
        state: Column that says whether the row is in force, with its table (code → RowState). None: always in force.
        document_number, decided_on, violation_type, facts, legal_basis, content, authority, source_unit: Columns.
        categories: Column of 处罚类别, with its table (word → PenaltyCategory, or RowState.NOT_A_PENALTY).
        money: Columns of amounts.
        date: Reads this form's dates.
        procedure: Column and table (code → Procedure). None: the form does not say.
        performance: Column and table (code → PerformanceState). None: the form does not say.
        ignored: Columns that are deliberately not read, with the reason.
        family: What all versions of one form have in common, and what a row's key is unique in. Empty: the form has one version.
        header: The columns in their order, where the order tells a version. Empty: the columns alone do (forms.py).
    """

    name: str
    source: str
    subject: SubjectColumns
    domain: tuple[str, CodeTable]
    document_number: str
    decided_on: str
    violation_type: str
    facts: str
    legal_basis: str
    content: str
    authority: str
    source_unit: str
    categories: tuple[tuple[str, ...], CodeTable]
    date: DateReader
    money: tuple[MoneyColumn, ...] = ()
    state: tuple[str, CodeTable] | None = None
    authority_uscc: str | None = None
    licence: str | None = None
    valid_until: str | None = None
    publicity_until: str | None = None
    procedure: tuple[str, CodeTable] | None = None
    performance: tuple[str, CodeTable] | None = None
    performed_on: str | None = None
    ignored: Mapping[str, str] = field(default_factory=dict)
    family: str = ""
    header: tuple[str, ...] = ()

    @property
    def row_family(self) -> str:
        """As in `adapters.sdk.source.RowKey`."""
        return self.family or self.name


@dataclass(frozen=True, slots=True)
class ListForm:
    """A form that carries 严重失信主体名单.

    Attributes:
        list_id: Column that names the list, with its table (code or name → list id of the catalogue).
        name_when_listed: Column with the list's name when the subject was put on it. None: as in the catalogue.
        Other attributes as in `PenaltyForm`.
    """

    name: str
    source: str
    subject: SubjectColumns
    list_id: tuple[str, CodeTable]
    document_number: str
    listed_on: str
    reason: str
    authority: str
    source_unit: str
    date: DateReader
    removed_on: str | None = None
    planned_end_on: str | None = None
    name_when_listed: str | None = None
    authority_uscc: str | None = None
    state: tuple[str, CodeTable] | None = None
    performance: tuple[str, CodeTable] | None = None
    performed_on: str | None = None
    ignored: Mapping[str, str] = field(default_factory=dict)
    family: str = ""
    header: tuple[str, ...] = ()

    @property
    def row_family(self) -> str:
        """As in `adapters.sdk.source.RowKey`."""
        return self.family or self.name


Form = PenaltyForm | ListForm


@dataclass(frozen=True, slots=True)
class Department:
    """The department behind a cell: it supplies the data where covered, and certifies instead where not.

    Attributes:
        unit: Its name, as printed.
        telephone: Its telephone, as printed.
        complete_from: First day from which the platform's data is complete. None: the cell is not covered.
        supply_lag_working_days: 归集时限.
        supply_lag_source: Where that comes from: law, agreement, or `default`.
    """

    unit: str
    telephone: str
    complete_from: date | None
    supply_lag_working_days: int
    supply_lag_source: str


@dataclass(frozen=True, slots=True)
class Profile:
    """All of a province that is data.

    Attributes:
        province: Which.
        issuer_unit: The unit that answers for the province's data, as printed.
        issuer_telephone: Its telephone.
        issuer_verified: Whether that name was confirmed.
        forms: The forms by name.
        departments: The department behind each cell that the catalogue carries.
        disclosure: Which penalties are disclosed.
        authority_prefixes: How the names of this province's own authorities begin. A decision by an authority that is certainly
            another's (contract/authorities.py) is left out and counted (回流, central); one that is neither is unreadable.
    """

    province: Province
    issuer_unit: str
    issuer_telephone: str
    issuer_verified: bool
    forms: Mapping[str, Form]
    departments: Mapping[CellKey, Department]
    disclosure: fragment_pb2.DisclosureRules
    authority_prefixes: tuple[str, ...]
