"""From a row of a platform to a record of the contract, by the profile, or to the name of why there is none.

Outcomes, each of which is counted:

    Readable            a record for its cell, still without identity (identity is the ledger's, ledger.py)
    NotAPenalty         不予处罚, 立案, 责令改正 alone and the like: never printed. A row that states a punishment nevertheless, by
                        an amount, a licence, or 罚款 with an amount in its content, contradicts itself: unreadable
    Withheld            revoked, repaired, by summary procedure, or past publicity: the rules say not to disclose it
    DecidedElsewhere    decided by an authority that is certainly another province's or central (回流)
    OutsideCatalogue    of a domain or list that the mutual report does not carry
    OutsideWindow       decided, or on the list, outside the window
    Unreadable          something that is needed cannot be read with certainty: its cells become unavailable

- The checks stand in the order of that list's reasons: a row that is revoked, or of another time, is not disclosed whatever
  else of it can be read, so it makes nothing unavailable.
- A row whose columns are not exactly those that its form reads or ignores by name is unreadable: a platform changed.
- A row whose domain or list cannot be read makes every covered cell of its kind unavailable.
- A decision from after the day of the answer is a slip of the pen, hence unreadable, and not outside the window.
- An amount of zero is no amount that a decision names. A code of the authority that is no unified code is left out: the name says
  who decided.

Pure: the day comes in as a parameter.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from typing import Final, TypeVar

from adapters.sdk.disclosure import disclose
from adapters.sdk.errors import NotationError
from adapters.sdk.matching import RowIdentity, is_code
from adapters.sdk.notation import (
    fold_name,
    fold_width,
    normalise_document_number,
    read_amount,
    read_code,
    read_document_number,
    read_text,
)
from adapters.sdk.profile import CodeTable, Form, ListForm, PenaltyForm, Profile, RowState
from adapters.sdk.profile_check import columns_read
from adapters.sdk.source import RawRow, RawValue
from contract.authorities import is_elsewhere, is_own
from contract.catalogue import PENALTY, SERIOUS_LIST, Catalogue, CellKey
from contract.days import DayRange, to_timestamp
from contract.payloads import PayloadError, check_constraints
from huren.fragment.v1 import fragment_pb2, record_pb2

_CATEGORY_SEPARATORS: Final = ";,|"
_MAX_SOURCE_UNIT: Final = 200
_NONE_WORDS: Final = frozenset(
    {"无", "無", "暂无", "没有", "空", "未知", "不详", "无文", "无文号", "无编", "无编号", "NULL", "NONE", "NA", "NIL"}
)
_FINE_OF: Final = re.compile(
    "罚款(?:人民币|[¥:计])*[0-9〇零一二三四五六七八九十百千两壹贰叁肆伍陆柒捌玖拾佰仟]"
    "[0-9.,〇零一二三四五六七八九十百千万亿两壹贰叁肆伍陆柒捌玖拾佰仟]*[元圆]"
)
"""A fine with its amount, in a folded text."""


@dataclass(frozen=True, slots=True)
class Readable:
    """A record, complete but for `record_id`, `revision` and `decision_key`.

    Attributes:
        key: The cell that holds it.
        draft: The record.
    """

    key: CellKey
    draft: record_pb2.Record


@dataclass(frozen=True, slots=True)
class NotAPenalty:
    """No decision to punish."""


class WithheldReason(Enum):
    """By which rule a row is not disclosed."""

    REVOKED = "revoked"
    REPAIRED = "repaired"
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


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It cannot be read with certainty.

    Attributes:
        field: What cannot be read: the column, or the field of the contract.
        problem: Why, for the operator; holds no value of the row.
        blocks: The cells about which nothing may be concluded.
    """

    field: str
    problem: str
    blocks: frozenset[CellKey]


RowOutcome = Readable | NotAPenalty | Withheld | DecidedElsewhere | OutsideCatalogue | OutsideWindow | Unreadable


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


def map_row(row: RawRow, reading: Reading) -> RowOutcome:
    """Maps a row. Never raises for what a platform may have written."""
    form = reading.profile.forms.get(row.form)
    if form is None:
        return Unreadable("form", f"the profile declares no form {row.form!r}", reading.everything)
    kind = PENALTY if isinstance(form, PenaltyForm) else SERIOUS_LIST
    try:
        _check_columns(row, form)
        match form:
            case PenaltyForm():
                return _map_penalty(row, form, reading)
            case ListForm():
                return _map_entry(row, form, reading)
    except _Fault as fault:
        return Unreadable(fault.field, fault.problem, fault.blocks or reading.of_kind(kind))


def row_identity(row: RawRow, form: Form) -> RowIdentity | None:
    """What the row says about whose it is. None: a column for that is missing, or is no text."""
    subject = form.subject
    columns = (subject.name, subject.uscc, subject.organisation_code, subject.registration_number)
    if any(column is not None and column not in row.values for column in columns):
        return None
    try:
        name, uscc, organisation, registration = (
            "" if column is None else read_code(row.values[column]) for column in columns
        )
    except NotationError:
        return None
    return RowIdentity(name=name, uscc=uscc, organisation_code=organisation, registration_number=registration)


def row_day(row: RawRow, form: Form) -> date | None:
    """The day of which the row speaks: of the decision, or of the listing. None: it cannot be read."""
    column = form.decided_on if isinstance(form, PenaltyForm) else form.listed_on
    try:
        return form.date(row.values.get(column))
    except NotationError:
        return None


def content_digest(draft: record_pb2.Record) -> bytes:
    """SHA-256 over what a correction changes: everything but marks, which depend on the day, and the time of supply."""
    content = record_pb2.Record()
    content.CopyFrom(draft)
    for field in ("marks", "collected_at", "record_id", "revision", "decision_key"):
        content.ClearField(field)
    return hashlib.sha256(content.SerializeToString(deterministic=True)).digest()


def decision_key(record: record_pb2.Record) -> str:
    """Names the decision (record.proto, Record.decision_key). The record must have its id.

    A document number that says that there is none (无, /, ——) is none: two decisions that have it are not one.
    """
    fact = record.penalty if record.HasField("penalty") else record.list_entry
    if _is_none(fact.document_number):
        return hashlib.sha256(record.record_id.encode()).hexdigest()
    day = record.penalty.decided_on if record.HasField("penalty") else record.list_entry.listed_on
    number = normalise_document_number(fact.document_number)
    return hashlib.sha256(f"{fact.authority.name}\n{number}\n{day}".encode()).hexdigest()


class _Fault(Exception):  # noqa: N818  # never leaves this module
    """Something cannot be read. Empty `blocks`: all cells of the row's kind."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem
        self.blocks: frozenset[CellKey] = frozenset()


def _check_columns(row: RawRow, form: Form) -> None:
    read = columns_read(form)
    missing = read - row.values.keys()
    if missing:
        raise _Fault(min(missing), "the row lacks a column that the form reads")
    unknown = row.values.keys() - read - form.ignored.keys()
    if unknown:
        raise _Fault(min(unknown), "the form neither reads this column nor ignores it by name")
    if row.received_at is None or row.received_at.tzinfo is None:
        raise _Fault("received_at", "the time at which the platform received the row cannot be read")


# --- 行政处罚 ------------------------------------------------------------------------------------


def _map_penalty(row: RawRow, form: PenaltyForm, reading: Reading) -> RowOutcome:
    domain = _looked_up(row, form.domain)
    if not isinstance(domain, str) or (domain, PENALTY) not in reading.catalogue.carried:
        return OutsideCatalogue()
    key = (domain, int(PENALTY))
    try:
        return _map_penalty_of(key, row, form, reading)
    except _Fault as fault:
        fault.blocks = frozenset({key})
        raise


def _map_penalty_of(key: CellKey, row: RawRow, form: PenaltyForm, reading: Reading) -> RowOutcome:
    if (settled := _settled_by_state(row, form)) is not None:
        return settled
    categories = _categories(row, form)
    if not categories and not _states_punishment(row, form):
        return NotAPenalty()
    authority = _authority(row, form)
    if not _is_ours(authority, form, reading.profile):
        return DecidedElsewhere()
    decided_on = _past_day(row, form.decided_on, form, reading)
    if decided_on not in reading.window:
        return OutsideWindow()
    rules = reading.profile.disclosure
    procedure = _enum_of(row, form.procedure, record_pb2.PROCEDURE_NOT_STATED)
    if procedure == record_pb2.PROCEDURE_SUMMARY and not rules.includes_summary_procedure:
        return Withheld(WithheldReason.SUMMARY_PROCEDURE)
    performance = _performance(row, form)
    publicity_until = _optional_day(row, form.publicity_until, form)
    ended = publicity_until is not None and publicity_until < reading.day
    if (
        ended
        and rules.basis == fragment_pb2.DISCLOSURE_BASIS_PUBLICITY
        and performance.state == record_pb2.PERFORMANCE_STATE_PERFORMED
    ):
        return Withheld(WithheldReason.PUBLICITY_ENDED)
    if not categories:
        raise _Fault(form.categories[0][0], "says that it is no penalty, but the row states a punishment")
    penalty = record_pb2.Penalty(
        document_number=_read(row, form.document_number, read_document_number),
        authority=authority,
        decided_on=decided_on.isoformat(),
        procedure=record_pb2.Procedure.ValueType(procedure),
        violation_type=disclose(_text(row, form.violation_type)),
        facts=disclose(_text(row, form.facts)),
        legal_basis=disclose(_text(row, form.legal_basis)),
        categories=categories,
        content=disclose(_text(row, form.content)),
        amounts=_amounts(row, form),
        licence=_optional_text(row, form.licence),
        valid_until=_day_text(_optional_day(row, form.valid_until, form)),
        publicity_until=_day_text(publicity_until),
        performance=performance,
    )
    draft = _draft(row, form, reading)
    draft.penalty.CopyFrom(penalty)
    if ended:
        draft.marks.add(kind=record_pb2.MARK_KIND_PUBLICITY_ENDED, on=penalty.publicity_until)
    return _checked(key, draft)


def _categories(row: RawRow, form: PenaltyForm) -> list[record_pb2.PenaltyCategory.ValueType]:
    """The categories, each once. Empty: every word says that it is no penalty."""
    columns, table = form.categories
    words = [word for column in columns for word in _words(row, column)]
    if not words:
        raise _Fault(columns[0], "expected at least one category, got none")
    meanings = [_meaning(word, columns[0], table) for word in words]
    penalties = [meaning for meaning in meanings if isinstance(meaning, int)]
    return [record_pb2.PenaltyCategory.ValueType(number) for number in sorted(set(penalties))]


def _states_punishment(row: RawRow, form: PenaltyForm) -> bool:
    """Whether a row that says it is no penalty states one nevertheless, or may: by what cannot be read."""
    try:
        licence = _text(row, form.licence) if form.licence else ""
        content = fold_name(_text(row, form.content))
        return bool(_amounts(row, form)) or not _is_none(licence) or _FINE_OF.search(content) is not None
    except _Fault:
        return True


def _is_none(text: str) -> bool:
    """Whether a text says that there is nothing: 无, /, ——, N/A, 0."""
    said = "".join(character for character in normalise_document_number(text) if character.isalnum())
    return said in _NONE_WORDS or set(said) <= {"0"}


def _words(row: RawRow, column: str) -> list[str]:
    text = _read(row, column, read_code)
    for separator in _CATEGORY_SEPARATORS[1:]:
        text = text.replace(separator, _CATEGORY_SEPARATORS[0])
    return [word.strip() for word in text.split(_CATEGORY_SEPARATORS[0]) if word.strip()]


def _amounts(row: RawRow, form: PenaltyForm) -> list[record_pb2.Amount]:
    amounts: list[record_pb2.Amount] = []
    for money in form.money:
        value = row.values[money.column]
        if not money.numbers and value is not None and not isinstance(value, str):
            raise _Fault(money.column, "expected an amount as text, got a number")
        try:
            fen = read_amount(value, money.unit)
        except NotationError as error:
            raise _Fault(money.column, str(error)) from error
        if fen:
            amounts.append(record_pb2.Amount(kind=money.kind, fen=fen))
    return amounts


# --- 严重失信主体名单 ------------------------------------------------------------------------------------


def _map_entry(row: RawRow, form: ListForm, reading: Reading) -> RowOutcome:
    list_id = _looked_up(row, form.list_id)
    declared = reading.catalogue.list_by_id.get(list_id) if isinstance(list_id, str) else None
    if declared is None or (declared.domain, SERIOUS_LIST) not in reading.catalogue.carried:
        return OutsideCatalogue()
    key = (declared.domain, int(SERIOUS_LIST))
    try:
        return _map_entry_of(key, declared.id, row, form, reading=reading)
    except _Fault as fault:
        fault.blocks = frozenset({key})
        raise


def _map_entry_of(key: CellKey, list_id: str, row: RawRow, form: ListForm, *, reading: Reading) -> RowOutcome:
    if (settled := _settled_by_state(row, form)) is not None:
        return settled
    authority = _authority(row, form)
    if not _is_ours(authority, form, reading.profile):
        return DecidedElsewhere()
    listed_on = _past_day(row, form.listed_on, form, reading)
    removed_on = _optional_day(row, form.removed_on, form)
    if removed_on is not None and removed_on < listed_on:
        raise _Fault(form.removed_on or "removed_on", "removed before it was listed")
    if not reading.window.overlaps(listed_on, removed_on):
        return OutsideWindow()
    planned_end_on = _optional_day(row, form.planned_end_on, form)
    name = _text(row, form.name_when_listed) if form.name_when_listed else ""
    entry = record_pb2.ListEntry(
        list_id=list_id,
        name_when_listed="" if name == reading.catalogue.list_by_id[list_id].name else name,
        authority=authority,
        document_number=_read(row, form.document_number, read_document_number),
        reason=disclose(_text(row, form.reason)),
        listed_on=listed_on.isoformat(),
        removed_on=_day_text(removed_on),
        planned_end_on=_day_text(planned_end_on),
        performance=_performance(row, form),
    )
    draft = _draft(row, form, reading)
    draft.list_entry.CopyFrom(entry)
    if planned_end_on is not None and planned_end_on < reading.day and removed_on is None:
        draft.marks.add(kind=record_pb2.MARK_KIND_PERIOD_ENDED_NOT_REMOVED, on=entry.planned_end_on)
    return _checked(key, draft)


# --- Both ------------------------------------------------------------------------------------


_T = TypeVar("_T")


def _settled_by_state(row: RawRow, form: Form) -> RowOutcome | None:
    if form.state is None:
        return None
    state = _looked_up(row, form.state)
    if not isinstance(state, RowState):
        raise _Fault(form.state[0], "the table's meaning is no state")
    match state:
        case RowState.IN_FORCE:
            return None
        case RowState.REVOKED:
            return Withheld(WithheldReason.REVOKED)
        case RowState.REPAIRED:
            return Withheld(WithheldReason.REPAIRED)
        case RowState.NOT_A_PENALTY:
            return NotAPenalty()


def _authority(row: RawRow, form: Form) -> record_pb2.Authority:
    name = _text(row, form.authority)
    if not name:
        raise _Fault(form.authority, "expected the authority's name, got nothing")
    code = fold_width(_text(row, form.authority_uscc)).upper() if form.authority_uscc else ""
    return record_pb2.Authority(name=name, uscc=code if is_code(code) else "")


def _is_ours(authority: record_pb2.Authority, form: Form, profile: Profile) -> bool:
    """Whether this province decided. A name that is neither its own nor certainly another's is not guessed."""
    name, own = fold_name(authority.name), _folded(profile.authority_prefixes)
    if is_own(name, own):
        return True
    if is_elsewhere(name, own):
        return False
    raise _Fault(form.authority, "expected an authority of this province or one that is known to be another's")


@lru_cache
def _folded(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(fold_name, prefixes))


def _performance(row: RawRow, form: Form) -> record_pb2.Performance:
    state = _enum_of(row, form.performance, record_pb2.PERFORMANCE_STATE_NOT_STATED)
    performed_on = _optional_day(row, form.performed_on, form)
    return record_pb2.Performance(
        state=record_pb2.PerformanceState.ValueType(state), performed_on=_day_text(performed_on)
    )


def _draft(row: RawRow, form: Form, reading: Reading) -> record_pb2.Record:
    if row.received_at is None:  # kept out by _check_columns
        raise _Fault("received_at", "expected an instant, got none")
    source_unit = _text(row, form.source_unit)
    if not 0 < len(source_unit) <= _MAX_SOURCE_UNIT:
        raise _Fault(form.source_unit, f"expected the supplier's name in 1 to {_MAX_SOURCE_UNIT} characters")
    return record_pb2.Record(
        decided_in=reading.profile.province.wire,
        source_unit=source_unit,
        collected_at=to_timestamp(row.received_at),
    )


def _checked(key: CellKey, draft: record_pb2.Record) -> RowOutcome:
    """Readable only if the fact keeps what the contract declares: lengths, above all."""
    fact = draft.penalty if draft.HasField("penalty") else draft.list_entry
    try:
        check_constraints(fact)
    except PayloadError as error:
        raise _Fault(error.where, "breaks what the contract declares for it") from error
    return Readable(key, draft)


def _past_day(row: RawRow, column: str, form: Form, reading: Reading) -> date:
    day = _optional_day(row, column, form)
    if day is None:
        raise _Fault(column, "expected a day, got none")
    if day > reading.day:
        raise _Fault(column, "expected a day that is not in the future")
    return day


def _optional_day(row: RawRow, column: str | None, form: Form) -> date | None:
    return None if column is None else _read(row, column, form.date)


def _day_text(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _text(row: RawRow, column: str) -> str:
    return _read(row, column, read_text)


def _optional_text(row: RawRow, column: str | None) -> record_pb2.FreeText | None:
    text = _text(row, column) if column else ""
    return disclose(text) if text else None


def _enum_of(row: RawRow, column: tuple[str, CodeTable] | None, absent: int) -> int:
    if column is None:
        return absent
    meaning = _looked_up(row, column)
    if not isinstance(meaning, int):
        raise _Fault(column[0], "the table's meaning is no value of the contract")
    return meaning


def _looked_up(row: RawRow, column: tuple[str, CodeTable]) -> object:
    name, table = column
    return _meaning(_read(row, name, read_code), name, table)


def _meaning(code: str, column: str, table: CodeTable) -> object:
    folded: Mapping[str, object] = {fold_width(known).strip(): meaning for known, meaning in table.values.items()}
    if code not in folded:
        raise _Fault(column, f"table {table.name!r} lacks the code that stands here")
    return folded[code]


def _read(row: RawRow, column: str, reader: Callable[[RawValue], _T]) -> _T:
    try:
        return reader(row.values[column])
    except NotationError as error:
        raise _Fault(column, str(error)) from error
