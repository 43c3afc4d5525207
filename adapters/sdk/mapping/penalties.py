"""Rows of 行政处罚. The checks stand in the order of the rules (docs/protocols/query-processing.md, M-2 to M-8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

from adapters.sdk.disclosure import disclose
from adapters.sdk.kinds import CERTAINLY_NONE, ActKind, act_of, act_of_number, act_stated
from adapters.sdk.mapping.amounts import amounts_of, has_amount
from adapters.sdk.mapping.outcomes import (
    DecidedElsewhere,
    Fault,
    NotAPenalty,
    OutsideCatalogue,
    OutsideWindow,
    RowFaultError,
    RowOutcome,
    Withheld,
    WithheldReason,
)
from adapters.sdk.mapping.shared import (
    Reading,
    authority_of,
    checked,
    day_text,
    document_number_of,
    draft_of,
    enum_of,
    fault,
    is_none,
    is_ours,
    looked_up,
    meaning_of,
    optional_day,
    optional_text,
    past_day,
    performance_of,
    read,
    row_day,
    settled_by_subject,
    state_of,
    text_of,
    withheld_by,
)
from adapters.sdk.notation import read_code
from adapters.sdk.profile import PenaltyForm, RowState
from adapters.sdk.source import RawRow
from adapters.sdk.stated import Cut, categories_stated, read_stated
from contract.catalogue import PENALTY, CellKey
from huren.fragment.v1 import fragment_pb2, record_pb2

_CATEGORY_SEPARATORS: Final = ";,|"
_OTHER: Final = record_pb2.PENALTY_CATEGORY_OTHER

Category: TypeAlias = record_pb2.PenaltyCategory.ValueType


def map_penalty(row: RawRow, form: PenaltyForm, reading: Reading) -> RowOutcome:
    """Maps a row of penalties.

    Raises:
        RowFaultError: Something that is needed cannot be read.
    """
    domain = looked_up(row, form.domain, form)
    if not isinstance(domain, str) or (domain, PENALTY) not in reading.catalogue.carried:
        return OutsideCatalogue()
    key = (domain, int(PENALTY))
    try:
        return _map_of(key, row, form, reading)
    except RowFaultError as error:
        error.blocks = frozenset({key})
        raise


def _map_of(key: CellKey, row: RawRow, form: PenaltyForm, reading: Reading) -> RowOutcome:
    if (settled := settled_by_subject(row, form)) is not None:
        return settled
    state = state_of(row, form)
    if (withheld := withheld_by(state)) is not None:
        return withheld
    act = _weigh(row, form, state)
    if act.none is not None and act.contradiction is None:
        return NotAPenalty(act.none)
    authority = authority_of(row, form)
    if not is_ours(authority, form, reading.profile):
        return DecidedElsewhere()
    decided_on = past_day(row, form.decided_on, form, reading)
    if decided_on not in reading.window:
        return OutsideWindow()
    if (withheld := _withheld_by_rules(row, form, reading)) is not None:
        return withheld
    if act.contradiction is not None:
        raise act.contradiction
    draft = draft_of(row, form, reading)
    draft.penalty.CopyFrom(_penalty(row, form, decided_on, authority=authority, categories=act.categories))
    draft.disclosed_until = _disclosed_until(draft.penalty, reading)
    if _is_past(draft.penalty.publicity_until, reading):
        draft.marks.add(kind=record_pb2.MARK_KIND_PUBLICITY_ENDED, on=draft.penalty.publicity_until)
    replaced = _replaced(row, form, decided_on, reading)
    if replaced is None:
        return checked(key, draft)
    number, changed_on = replaced
    draft.marks.add(kind=record_pb2.MARK_KIND_DECISION_CHANGED, on=changed_on.isoformat())
    return checked(key, draft, number)


def _withheld_by_rules(row: RawRow, form: PenaltyForm, reading: Reading) -> Withheld | None:
    """Withheld where the province's rules do not disclose it (M-6, M-7)."""
    rules = reading.profile.disclosure_rules
    if _procedure(row, form) == record_pb2.PROCEDURE_SUMMARY and not rules.include_summary_procedure.value:
        return Withheld(WithheldReason.SUMMARY_PROCEDURE)
    performance = performance_of(row, form)
    has_ended = _is_past(day_text(optional_day(row, form.publicity_until, form)), reading)
    if has_ended and _ends_with_publicity(performance, reading):
        return Withheld(WithheldReason.PUBLICITY_ENDED)
    return None


def _ends_with_publicity(performance: record_pb2.Performance, reading: Reading) -> bool:
    """Whether the province's rules disclose the decision no longer than it is published: what is not certainly performed stays."""
    basis = reading.profile.disclosure_rules.basis.value
    return (
        basis == fragment_pb2.DISCLOSURE_BASIS_PUBLICITY and performance.state == record_pb2.PERFORMANCE_STATE_PERFORMED
    )


def _disclosed_until(penalty: record_pb2.Penalty, reading: Reading) -> str:
    """Last legal day on which the decision is disclosed, as it is now. Empty: no end is known."""
    return penalty.publicity_until if _ends_with_publicity(penalty.performance, reading) else ""


def _penalty(
    row: RawRow,
    form: PenaltyForm,
    decided_on: date,
    *,
    authority: record_pb2.Authority,
    categories: tuple[Category, ...],
) -> record_pb2.Penalty:
    content = text_of(row, form.content)
    return record_pb2.Penalty(
        document_number=document_number_of(row, form.document_number),
        authority=authority,
        decided_on=decided_on.isoformat(),
        procedure=_procedure(row, form),
        violation_type=disclose(text_of(row, form.violation_type)),
        facts=disclose(text_of(row, form.facts)),
        legal_basis=disclose(text_of(row, form.legal_basis)),
        categories=categories,
        content=disclose(content),
        amounts=amounts_of(row, form, read_stated(content)),
        licence=optional_text(row, form.licence),
        valid_until=day_text(optional_day(row, form.valid_until, form)),
        publicity_until=day_text(optional_day(row, form.publicity_until, form)),
        performance=performance_of(row, form),
    )


def _procedure(row: RawRow, form: PenaltyForm) -> record_pb2.Procedure.ValueType:
    number = enum_of(row, form.procedure, form, absent=record_pb2.PROCEDURE_NOT_STATED)
    return record_pb2.Procedure.ValueType(number)


def _is_past(day: str, reading: Reading) -> bool:
    return bool(day) and date.fromisoformat(day) < reading.day


def _replaced(row: RawRow, form: PenaltyForm, decided_on: date, reading: Reading) -> tuple[str, date] | None:
    """The number of the decision that this one replaces, and the day of the change. None: it replaces none."""
    number = "" if form.replaces is None else document_number_of(row, form.replaces)
    if is_none(number):
        return None
    changed_on = optional_day(row, form.replaced_on, form) or decided_on
    if changed_on > reading.day:
        problem = "expected a day that is not in the future"
        raise fault(form.replaced_on or form.decided_on, problem, Fault.FUTURE_DAY)
    return number, changed_on


# --- What the act is ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Act:
    """What a row says that it is.

    Attributes:
        categories: The kinds of penalty.
        none: What else it is. None: nothing says that it is no penalty.
        contradiction: What is wrong where it says both, or nothing.
    """

    categories: tuple[Category, ...] = ()
    none: ActKind | None = None
    contradiction: RowFaultError | None = None


def _weigh(row: RawRow, form: PenaltyForm, state: RowState) -> _Act:
    """Weighs everything in the row that says whether it is a penalty (M-3). No part of it wins over another."""
    words, named = _named_categories(row, form, state)
    content, is_readable = _text_if_readable(row, form.content)
    if is_none(content) and is_readable and not named:
        content, is_readable = _text_if_readable(row, form.violation_type)
        content = content if act_of(content) in CERTAINLY_NONE else ""
    stated = read_stated(content)
    by_text = act_stated(stated)
    by_number = act_of_number(_text_if_readable(row, form.document_number)[0])
    imposed = not is_readable or by_text is ActKind.PENALTY or _has_amount_or_licence(row, form)

    none = by_text if by_text is not ActKind.PENALTY else None
    # 其他 alone says nothing about which penalty it would be.
    is_vague = set(named) == {_OTHER}
    is_named = bool(named) if state is not RowState.NOT_A_PENALTY else bool(named) and not is_vague and none is None
    says_none, where = _says_none(form, state, named, by_number=by_number, by_text=none)
    if says_none or (none is not None and is_vague and not imposed):
        kinds = (none, by_number, *map(act_of, words))
        told = next((kind for kind in kinds if kind not in {None, ActKind.PENALTY}), None) or ActKind.STATED_BY_PLATFORM
        is_numbered = form.categories is None and by_number is ActKind.PENALTY and told not in CERTAINLY_NONE
        if imposed or is_named or is_numbered:
            problem = f"says that it is no penalty ({told.value}), but the row states one"
            return _Act(none=told, contradiction=fault(where, problem, Fault.CONTRADICTED))
        return _Act(none=told)
    if stated.punishes_person and by_text is None:
        problem = "the text punishes a person, and not the organisation"
        return _Act(contradiction=fault(form.content, problem, Fault.CONTRADICTED))
    if by_text is None and stated.cut & {Cut.WITHDRAWN, Cut.WITHDRAWS}:
        problem = "the text says that a decision was withdrawn, and the row that it stands"
        return _Act(contradiction=fault(form.content, problem, Fault.CONTRADICTED))
    categories = named or categories_stated(stated)
    if not categories:
        problem = "nothing in the row says which penalty it is"
        return _Act(contradiction=fault(form.content, problem, Fault.UNKNOWN_KIND))
    return _Act(categories=categories)


def _says_none(
    form: PenaltyForm,
    state: RowState,
    named: tuple[Category, ...],
    *,
    by_number: ActKind | None,
    by_text: ActKind | None,
) -> tuple[bool, str]:
    """Whether something says that the row is no penalty, and where."""
    if form.state is not None and state is RowState.NOT_A_PENALTY:
        return True, form.state[0]
    if form.categories is not None and not named:
        return True, form.categories[0][0]
    if by_number in CERTAINLY_NONE:
        return True, form.document_number
    return by_text in CERTAINLY_NONE or (form.categories is None and by_text is not None), form.content


def _named_categories(row: RawRow, form: PenaltyForm, state: RowState) -> tuple[list[str], tuple[Category, ...]]:
    """The words of the columns of categories, and the kinds of penalty among them, each once.

    Where the platform's state says that the row is no penalty, there need not be any.
    """
    if form.categories is None:
        return [], ()
    columns, table = form.categories
    words = [word for column in columns for word in _words(row, column)]
    if not words and state is not RowState.NOT_A_PENALTY:
        raise fault(columns[0], "expected at least one category, got none", Fault.MISSING_VALUE)
    day = row_day(row, form) if table.is_dated else None
    meanings = {meaning_of(word, columns[0], table, day) for word in words}
    penalties = sorted(meaning for meaning in meanings if isinstance(meaning, int))
    return words, tuple(record_pb2.PenaltyCategory.ValueType(number) for number in penalties)


def _words(row: RawRow, column: str) -> list[str]:
    text = read(row, column, read_code)
    for separator in _CATEGORY_SEPARATORS[1:]:
        text = text.replace(separator, _CATEGORY_SEPARATORS[0])
    return [word.strip() for word in text.split(_CATEGORY_SEPARATORS[0]) if word.strip()]


def _text_if_readable(row: RawRow, column: str | None) -> tuple[str, bool]:
    try:
        return text_of(row, column), True
    except RowFaultError:
        return "", False


def _has_amount_or_licence(row: RawRow, form: PenaltyForm) -> bool:
    """Whether a column states a punishment, or may: by what cannot be read."""
    licence, is_readable = _text_if_readable(row, form.licence)
    return has_amount(row, form) or not is_readable or not is_none(licence)
