"""What rows of penalties and of lists have in common: how a value is read, who decided, what the record says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, TypeVar

from adapters.sdk.disclosure import disclose
from adapters.sdk.errors import NotationError, NotationFault
from adapters.sdk.mapping.outcomes import Fault, NotAnOrganisation, Readable, RowFaultError, RowOutcome, Withheld
from adapters.sdk.mapping.outcomes import WithheldReason as Reason
from adapters.sdk.matching import is_code
from adapters.sdk.notation import (
    document_number_fault,
    fold_name,
    fold_width,
    normalise_document_number,
    read_code,
    read_document_number,
    read_text,
)
from adapters.sdk.profile import CodeTable, Form, PenaltyForm, Profile, RowState, SubjectClass, UnknownCodeError
from adapters.sdk.profile_check import columns_read
from adapters.sdk.source import RawRow, RawValue
from adapters.sdk.stated import fold_text
from contract.authorities import DecidedBy, decided_in
from contract.catalogue import Catalogue, CellKey
from contract.days import DayRange, to_timestamp
from contract.payloads import PayloadError, check_constraints
from huren.fragment.v1 import record_pb2

_MAX_SOURCE_UNIT: Final = 200
_LONGEST_NONE: Final = 64
"""Characters: no way of saying that there is nothing is longer."""
_NONE_WORDS: Final = frozenset(
    {"无", "無", "暂无", "没有", "空", "未知", "不详", "无文", "无文号", "无编", "无编号", "NULL", "NONE", "NA", "NIL"}
)
_WITHHELD_STATES: Final = {
    RowState.REVOKED: Reason.REVOKED,
    RowState.REPAIRED: Reason.REPAIRED,
    RowState.CHANGED: Reason.REPLACED,
}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Under which rules rows are read.

    Attributes:
        profile: The province's.
        catalogue: The one that the query names.
        window: The query's.
        day: Legal day of the answer.
    """

    profile: Profile
    catalogue: Catalogue
    window: DayRange
    day: date

    @property
    def everything(self) -> frozenset[CellKey]:
        """Every cell that the catalogue carries: what a row of an unknown form blocks."""
        return frozenset(self.catalogue.carried)

    def of_kind(self, kind: int) -> frozenset[CellKey]:
        """The cells of one kind: what a row blocks whose domain cannot be read."""
        return frozenset(key for key in self.catalogue.carried if key[1] == kind)


def fault(field: str, problem: str, kind: Fault) -> RowFaultError:
    """Names what cannot be read."""
    return RowFaultError(field, problem, kind.value)


# --- Values -------------------------------------------------------------------------------------------------------------


def read(row: RawRow, column: str, reader: Callable[[RawValue], _T]) -> _T:
    """Reads a column.

    Raises:
        RowFaultError: It is not in the reader's notation.
    """
    try:
        return reader(row.values[column])
    except NotationError as error:
        raise RowFaultError(column, str(error), notation_fault(error)) from error


def notation_fault(error: NotationError) -> str:
    """The stable code of what is wrong with a notation."""
    return str(error.fault.value)


def text_of(row: RawRow, column: str | None) -> str:
    """The text of a column. Empty where the form has none."""
    return "" if column is None else read(row, column, read_text)


def document_number_of(row: RawRow, column: str) -> str:
    """The document number as issued. Empty, or a word for nothing: the organ gave none.

    A number of which parts are hidden is refused: all that are hidden in one way would be one decision (M-12).
    """
    number = read(row, column, read_document_number)
    if document_number_fault(number) is NotationFault.MASKED:
        raise RowFaultError(column, "parts of the document number are hidden", NotationFault.MASKED.value)
    return number


def optional_text(row: RawRow, column: str | None) -> record_pb2.FreeText | None:
    """The text as it may leave the province. None: there is none."""
    text = text_of(row, column)
    return disclose(text) if text else None


def optional_day(row: RawRow, column: str | None, form: Form) -> date | None:
    """The day of a column. None: the form has no such column, or it says that there is no day."""
    return None if column is None else read(row, column, form.date)


def past_day(row: RawRow, column: str, form: Form, reading: Reading) -> date:
    """The day of a column that must have one. A day of the future is a slip of the pen, and not outside the window."""
    day = optional_day(row, column, form)
    if day is None:
        raise fault(column, "expected a day, got none", Fault.MISSING_VALUE)
    if day > reading.day:
        raise fault(column, "expected a day that is not in the future", Fault.FUTURE_DAY)
    return day


def day_text(day: date | None) -> str:
    """A day as the contract writes it. Empty: none."""
    return "" if day is None else day.isoformat()


def is_none(text: str) -> bool:
    """Whether a text says that there is nothing: 无, /, ——, N/A, 0."""
    if len(text) > _LONGEST_NONE:
        return False
    said = "".join(character for character in normalise_document_number(text) if character.isalnum())
    return said in _NONE_WORDS or set(said) <= {"0"}


# --- Codes --------------------------------------------------------------------------------------------------------------


def row_day(row: RawRow, form: Form) -> date | None:
    """The day of which the row speaks: of the decision, or of the listing. None: it cannot be read."""
    column = form.decided_on if isinstance(form, PenaltyForm) else form.listed_on
    try:
        return form.date(row.values.get(column))
    except NotationError:
        return None


def looked_up(row: RawRow, column: tuple[str, CodeTable], form: Form) -> object:
    """What the code in a column meant on the row's own day."""
    name, table = column
    return meaning_of(read(row, name, read_code), name, table, row_day(row, form) if table.is_dated else None)


def meaning_of(code: str, column: str, table: CodeTable, on: date | None) -> object:
    """What a code meant on a day."""
    try:
        return table.meaning(code, on)
    except UnknownCodeError as error:
        raise fault(column, str(error), Fault.UNKNOWN_CODE) from error


def enum_of(row: RawRow, column: tuple[str, CodeTable] | None, form: Form, *, absent: int) -> int:
    """A value of the contract's enums by the code in a column."""
    if column is None:
        return absent
    meaning = looked_up(row, column, form)
    if not isinstance(meaning, int):
        raise fault(column[0], "the table's meaning is no value of the contract", Fault.UNKNOWN_CODE)
    return meaning


# --- Whether it is disclosed --------------------------------------------------------------------------------------------


def check_columns(row: RawRow, form: Form) -> None:
    """A row has every column that its form reads, and none that it does not know."""
    columns = columns_read(form)
    missing = columns - row.values.keys()
    if missing:
        raise fault(min(missing), "the row lacks a column that the form reads", Fault.MISSING_COLUMN)
    unknown = row.values.keys() - columns - form.ignored.keys()
    if unknown:
        raise fault(min(unknown), "the form neither reads this column nor ignores it by name", Fault.UNKNOWN_COLUMN)


def settled_by_subject(row: RawRow, form: Form) -> RowOutcome | None:
    """Left out where the platform says that the subject is a natural person."""
    if form.subject_class is None:
        return None
    is_person = looked_up(row, form.subject_class, form) is SubjectClass.PERSON
    return NotAnOrganisation() if is_person else None


def state_of(row: RawRow, form: Form) -> RowState:
    """What the platform says about the row as a whole."""
    if form.state is None:
        return RowState.IN_FORCE
    state = looked_up(row, form.state, form)
    if not isinstance(state, RowState):
        raise fault(form.state[0], "the table's meaning is no state", Fault.UNKNOWN_CODE)
    return state


def withheld_by(state: RowState) -> Withheld | None:
    """Withheld where the state says that the decision does not stand, or stands repaired."""
    reason = _WITHHELD_STATES.get(state)
    return None if reason is None else Withheld(reason)


# --- Who decided --------------------------------------------------------------------------------------------------------


def authority_of(row: RawRow, form: Form) -> record_pb2.Authority:
    """The organ that decided, as the row names it. A code that is no unified code is left out: the name says who decided."""
    name = text_of(row, form.authority)
    if not name:
        raise fault(form.authority, "expected the authority's name, got nothing", Fault.MISSING_VALUE)
    code = fold_width(text_of(row, form.authority_uscc)).upper()
    return record_pb2.Authority(name=name, uscc=code if is_code(code) else "")


def is_ours(authority: record_pb2.Authority, form: Form, profile: Profile) -> bool:
    """Whether this province decided. A name that is neither its own nor certainly another's is not guessed."""
    name = fold_name(fold_text(authority.name))
    match decided_in(name, authority.uscc, profile.province, _folded(profile.authority_prefixes)).by:
        case DecidedBy.OWN:
            return True
        case DecidedBy.OTHER | DecidedBy.CENTRAL:
            return False
        case DecidedBy.UNKNOWN:
            problem = "expected an authority of this province or one that is known to be another's"
            raise fault(form.authority, problem, Fault.AUTHORITY_UNKNOWN)
        case DecidedBy.CONTRADICTED:
            problem = "the authority's name and its code, or the places in its name, do not fit together"
            raise fault(form.authority, problem, Fault.CONTRADICTED)


@lru_cache
def _folded(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(fold_name, prefixes))


# --- The record ---------------------------------------------------------------------------------------------------------


def performance_of(row: RawRow, form: Form) -> record_pb2.Performance:
    """Whether and when the duty was performed."""
    state = enum_of(row, form.performance, form, absent=record_pb2.PERFORMANCE_STATE_NOT_STATED)
    performed_on = optional_day(row, form.performed_on, form)
    return record_pb2.Performance(
        state=record_pb2.PerformanceState.ValueType(state), performed_on=day_text(performed_on)
    )


def draft_of(row: RawRow, form: Form, reading: Reading) -> record_pb2.Record:
    """The record without its fact."""
    if row.received_at is None or row.received_at.tzinfo is None:
        raise fault(
            "received_at", "the time at which the platform received the row cannot be read", Fault.MISSING_VALUE
        )
    if form.source_unit is None:
        source_unit = reading.profile.issuer_unit
    else:
        source_unit = text_of(row, form.source_unit)
        if not 0 < len(source_unit) <= _MAX_SOURCE_UNIT:
            raise fault(
                form.source_unit,
                f"expected the supplier's name in 1 to {_MAX_SOURCE_UNIT} characters",
                Fault.CONSTRAINT if source_unit else Fault.MISSING_VALUE,
            )
    return record_pb2.Record(
        decided_in=reading.profile.province.wire,
        source_unit=source_unit,
        collected_at=to_timestamp(row.received_at),
    )


def checked(key: CellKey, draft: record_pb2.Record, replaces_number: str = "") -> Readable:
    """Readable only if the fact keeps what the contract declares: lengths, above all."""
    fact = draft.penalty if draft.HasField("penalty") else draft.list_entry
    try:
        check_constraints(fact)
    except PayloadError as error:
        raise fault(error.where, "breaks what the contract declares for it", Fault.CONSTRAINT) from error
    return Readable(key, draft, replaces_number)
