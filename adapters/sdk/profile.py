"""What differs between provinces, as data: how the columns of each form are read.

A profile is declared in `adapters/<province>/profile.py` and interpreted by `mapping/`. It fails closed: a form that is not
declared, a column that is neither read nor ignored by name, a code that a table lacks make the row unreadable, which makes its
cells unavailable; nothing has a default.

Provinces change: tables, departments and forms hold for a time. A code means what it meant on the row's own day (of the decision,
of the listing), a cell is the department's that is in force on the day of the statement, and a version of a form is recognised by
its columns (forms.py).

Every entry says where its meaning comes from (`source`); where the platform is imagined, it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from functools import cached_property
from typing import Generic, TypeVar

from adapters.sdk.notation import fold_width
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
    CHANGED = "changed"  # 原决定已变更: another row holds the decision that stands in its place
    NOT_A_PENALTY = "not a penalty"  # 不予处罚, 立案, 责令改正 alone, 约谈 and the like


class SubjectClass(Enum):
    """What the platform says the subject of a row is (行政相对人类别)."""

    ORGANISATION = "organisation"  # 法人及非法人组织
    BUSINESS = "business"  # 个体工商户
    PERSON = "person"  # 自然人: no record of an organisation


@dataclass(frozen=True, slots=True)
class MoneyColumn:
    """A column that holds an amount.

    Attributes:
        column: Its name.
        unit: The unit of its numbers, by the platform's description. A text that names its own unit must agree with it. None: the
            platform's description names none, so the text must.
        kind: What the amount is. None: the text says so (罚款金额0.2万元;没收金额0.1万元).
        numbers: Whether the platform may give a number instead of text. Where it may not, a number was a float on its way.
    """

    column: str
    unit: MoneyUnit | None
    kind: record_pb2.AmountKind.ValueType | None
    numbers: bool = False


class UnknownCodeError(LookupError):
    """A table has no meaning for a code on a day. The message holds no values."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time for which a code had a meaning.

    Attributes:
        first: First legal day. None: from ever.
        last: Last legal day. None: until today.
        meaning: What it meant.
    """

    first: date | None
    last: date | None
    meaning: object

    def __contains__(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Dated:
    """Meanings of a code that changed, or ended: 机构改革, codes given again. Days outside all spans have no meaning.

    Attributes:
        spans: From the earliest to the latest, without days in common.
    """

    spans: tuple[Span, ...]

    def on(self, day: date) -> Span | None:
        """The span that holds the day."""
        return next((span for span in self.spans if day in span), None)


def fold_code(text: str) -> str:
    """A code as it is compared: half-width, without blanks around it."""
    return fold_width(text).strip()


@dataclass(frozen=True)
class CodeTable:
    """A code table of the platform.

    Attributes:
        name: Its name, for messages.
        values: Code to meaning, or to its `Dated` meanings. A code that is missing makes the row unreadable.
        source: Where it is described.
        fold: How codes are compared.
    """

    name: str
    values: Mapping[str, object]
    source: str
    fold: Callable[[str], str] = fold_code

    def meaning(self, code: str, on: date | None) -> object:
        """What a code means in a row.

        Args:
            code: The code as it stands there.
            on: The row's own day, of the decision or of the listing. None: it cannot be read.

        Raises:
            UnknownCodeError: The table lacks the code, or it had no meaning on that day, or its meaning depends on a day that
                cannot be read.
        """
        folded = self.fold(code)
        if folded not in self._folded:
            raise UnknownCodeError(f"table {self.name!r} lacks the code that stands here")
        meaning = self._folded[folded]
        if not isinstance(meaning, Dated):
            return meaning
        if on is None:
            raise UnknownCodeError(f"table {self.name!r}: the meaning depends on the row's day, which cannot be read")
        span = meaning.on(on)
        if span is None:
            raise UnknownCodeError(f"table {self.name!r}: the code had no meaning on the row's day")
        return span.meaning

    def meanings(self) -> Iterator[tuple[str, object]]:
        """Every code with each of the meanings that it ever had."""
        for code, meaning in self.values.items():
            if isinstance(meaning, Dated):
                yield from ((code, span.meaning) for span in meaning.spans)
            else:
                yield code, meaning

    @cached_property
    def is_dated(self) -> bool:
        """Whether what a code means may depend on the day."""
        return any(isinstance(meaning, Dated) for meaning in self.values.values())

    @cached_property
    def _folded(self) -> Mapping[str, object]:
        return {self.fold(code): meaning for code, meaning in self.values.items()}


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
        document_number, decided_on, content, authority: Columns.
        violation_type, facts, legal_basis: Columns. None: the form has no such column, and the text of the record is empty.
        source_unit: Column of 数据来源单位. None: the form does not say, and the unit that answers for the data is named.
        categories: Columns of 处罚类别, with their table (word → PenaltyCategory, or RowState.NOT_A_PENALTY). None: the form has
            none, and the content says which (stated.py).
        money: Columns of amounts.
        date: Reads this form's dates.
        procedure: Column and table (code → Procedure). None: the form does not say.
        performance: Column and table (code → PerformanceState). None: the form does not say.
        subject_class: Column and table (code → SubjectClass). None: the form does not say; whose a row is, its codes say.
        replaces: Column with the number of the decision that this one replaces (被变更决定书文号). None: the form does not say.
        replaced_on: Column with the day of the change. None, or empty: the day of this decision.
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
    violation_type: str | None
    facts: str | None
    legal_basis: str | None
    content: str
    authority: str
    source_unit: str | None
    categories: tuple[tuple[str, ...], CodeTable] | None
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
    subject_class: tuple[str, CodeTable] | None = None
    replaces: str | None = None
    replaced_on: str | None = None
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
        list_id: Column that names the list, with its table (code or name → list id of the catalogue). Where it holds names, an
            older name of the catalogue is good for the days until which the catalogue has it.
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
    source_unit: str | None
    date: DateReader
    removed_on: str | None = None
    planned_end_on: str | None = None
    name_when_listed: str | None = None
    authority_uscc: str | None = None
    state: tuple[str, CodeTable] | None = None
    performance: tuple[str, CodeTable] | None = None
    performed_on: str | None = None
    subject_class: tuple[str, CodeTable] | None = None
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
        valid_from: First legal day on which it stands behind the cell. None: from ever.
        succeeds: The department that stood behind the cell before that day (机构改革). None: from ever.
    """

    unit: str
    telephone: str
    complete_from: date | None
    supply_lag_working_days: int
    supply_lag_source: str
    valid_from: date | None = None
    succeeds: Department | None = None

    def on(self, day: date) -> Department:
        """Itself, or the one before it that stood behind the cell on the day."""
        if self.succeeds is None or self.valid_from is None or self.valid_from <= day:
            return self
        return self.succeeds.on(day)


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureRule(Generic[_T]):
    """One rule about what is disclosed.

    Attributes:
        value: What holds.
        source: The text that it follows from, or `system default`.
        verified: Whether the province confirmed it.
    """

    value: _T
    source: str
    verified: bool


class RepairedRule(Enum):
    """What becomes of a decision after 信用修复."""

    NONE = "none"  # it is withheld
    MARKED = "marked"  # it stays, with a mark; the contract has no such mark yet, so that no profile may say so


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureRules:
    """Which records a province discloses (docs/protocols/query-processing.md, M-6 and M-7). Revoked decisions never are.

    Attributes:
        version: Version of these rules, printed on reports.
        basis: By the window, or by the publicity period as well.
        include_summary_procedure: Whether penalties by summary procedure (简易程序) are disclosed.
        include_repaired: What becomes of repaired ones.
        unperformed_stays: With basis publicity: a penalty that is not certainly performed stays after its publicity ended.
    """

    version: str
    basis: DisclosureRule[fragment_pb2.DisclosureBasis.ValueType]
    include_summary_procedure: DisclosureRule[bool]
    include_repaired: DisclosureRule[RepairedRule]
    unperformed_stays: DisclosureRule[bool]

    @property
    def wire(self) -> fragment_pb2.DisclosureRules:
        """What fragments and reports say of them."""
        return fragment_pb2.DisclosureRules(
            basis=self.basis.value,
            includes_summary_procedure=self.include_summary_procedure.value,
            version=self.version,
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """All of a province that is data.

    Attributes:
        province: Which.
        issuer_unit: The unit that answers for the province's data, as printed.
        issuer_telephone: Its telephone.
        issuer_verified: Whether that name was confirmed.
        forms: The forms by name.
        departments: The department behind each cell that the catalogue carries: the last, which names those before it.
        disclosure_rules: Which penalties are disclosed.
        authority_prefixes: How the names of those own authorities begin whose place no division gives: development zones above all.
            Whose any other authority is, contract/authorities.py reads from its name and code.
    """

    province: Province
    issuer_unit: str
    issuer_telephone: str
    issuer_verified: bool
    forms: Mapping[str, Form]
    departments: Mapping[CellKey, Department]
    disclosure_rules: DisclosureRules
    authority_prefixes: tuple[str, ...]

    @property
    def disclosure(self) -> fragment_pb2.DisclosureRules:
        """The rules as fragments and reports state them."""
        return self.disclosure_rules.wire

    def departments_on(self, day: date) -> dict[CellKey, Department]:
        """The department behind each cell on a day."""
        return {key: department.on(day) for key, department in self.departments.items()}
