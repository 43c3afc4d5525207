"""Facts as rows of any form, written from the profile that reads them: for tests over every version of every province's forms.

What a column is written like is found by asking the form: a day is written in the first notation that the form reads as that day,
a code is one that the table reads as the meaning. The stand-ins, which know nothing of profiles, test the profiles themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from adapters.sdk.errors import NotationError
from adapters.sdk.forms import columns_of
from adapters.sdk.profile import (
    CodeTable,
    Form,
    ListForm,
    MoneyColumn,
    PenaltyForm,
    RowState,
    SubjectClass,
    UnknownCodeError,
)
from adapters.sdk.source import RawRow
from contract.days import start_of_day
from contract.money import Fen, MoneyUnit, format_yuan
from contract.uscc import organisation_code
from huren.fragment.v1 import record_pb2
from sandbox.dirt import RowColumns, Value
from sandbox.platforms import name_on
from sandbox.world import ListFact, PenaltyFact

_UNIT_WORDS: Mapping[MoneyUnit, str] = {MoneyUnit.YUAN: "元", MoneyUnit.WAN_YUAN: "万元", MoneyUnit.YI_YUAN: "亿元"}


def roles_of(form: Form) -> RowColumns:
    """Which columns of a form hold what."""
    amounts: tuple[tuple[str, str], ...] = ()
    categories: tuple[str, ...] = ()
    if isinstance(form, PenaltyForm):
        day, content, domain = form.decided_on, form.content, form.domain[0]
        amounts = tuple((money.column, _UNIT_WORDS[money.unit]) for money in form.money if money.unit)
        categories = form.categories[0] if form.categories else ()
    else:
        day, content, domain = form.listed_on, form.reason, form.list_id[0]
    return RowColumns(
        name=form.subject.name,
        code=form.subject.uscc,
        organisation_code=form.subject.organisation_code,
        registration_number=form.subject.registration_number,
        document_number=form.document_number,
        decided_on=day,
        authority=form.authority,
        content=content,
        amounts=amounts,
        state=form.state[0] if form.state else None,
        categories=categories,
        domain=domain,
    )


def states_of(form: Form) -> frozenset[RowState]:
    """The states that a row of the form can be in."""
    if form.state is None:
        return frozenset({RowState.IN_FORCE})
    return frozenset(meaning for _, meaning in form.state[1].meanings() if isinstance(meaning, RowState))


def rendered(fact: PenaltyFact | ListFact, form: Form, state: RowState = RowState.IN_FORCE) -> RawRow:
    """A fact as a row of a form; what the form has no column for is left out."""
    values: dict[str, Value] = dict.fromkeys(columns_of(form), "")
    match fact, form:
        case PenaltyFact(), PenaltyForm():
            day = fact.decided_on
            values |= _of_penalty(fact, form)
        case ListFact(), ListForm():
            day = fact.listed_on
            values |= _of_entry(fact, form)
        case _:
            raise AssertionError(f"{form.name} holds no such fact")
    columns: dict[str | None, Value] = {
        form.subject.name: name_on(fact.subject, day),
        form.subject.uscc: fact.subject.uscc,
        form.subject.organisation_code: organisation_code(fact.subject.uscc),
        form.subject.registration_number: fact.subject.registration_number,
        form.document_number: fact.document_number,
        form.authority: fact.authority,
        form.source_unit: fact.authority,
    }
    values |= {column: value for column, value in columns.items() if column is not None}
    coded = (
        (form.state, state),
        (form.performance, record_pb2.PERFORMANCE_STATE_NOT_STATED),
        (form.subject_class, SubjectClass.ORGANISATION),
    )
    values |= {column[0]: _code(column[1], meaning, day) for column, meaning in coded if column is not None}
    return RawRow(form=form.name, key=fact.key, values=values, received_at=fact.received_at)


def _of_penalty(fact: PenaltyFact, form: PenaltyForm) -> dict[str, Value]:
    values: dict[str | None, Value] = {
        form.domain[0]: _code(form.domain[1], fact.domain, fact.decided_on),
        form.decided_on: _day(form, fact.decided_on),
        form.violation_type: fact.violation_type,
        form.facts: fact.facts,
        form.legal_basis: fact.legal_basis,
        form.content: fact.content,
    }
    if form.categories is not None:
        columns, table = form.categories
        values[columns[0]] = ";".join(_code(table, category, fact.decided_on) for category in fact.categories)
    if form.procedure is not None:
        values[form.procedure[0]] = _code(form.procedure[1], record_pb2.PROCEDURE_ORDINARY, fact.decided_on)
    for money in form.money:
        values[money.column] = _amount(money, fact)
    return {column: value for column, value in values.items() if column is not None}


def _of_entry(fact: ListFact, form: ListForm) -> dict[str, Value]:
    values: dict[str | None, Value] = {
        form.list_id[0]: _code(form.list_id[1], fact.list_id, fact.listed_on),
        form.listed_on: _day(form, fact.listed_on),
        form.removed_on: "" if fact.removed_on is None else _day(form, fact.removed_on),
        form.reason: fact.reason,
    }
    return {column: value for column, value in values.items() if column is not None}


def _code(table: CodeTable, meaning: object, on: date) -> str:
    for code in table.values:
        try:
            if table.meaning(code, on) == meaning:
                return code
        except UnknownCodeError:
            continue
    raise AssertionError(f"table {table.name!r} has no code for {meaning!r}")


def _day(form: Form, day: date) -> Value:
    for written in _notations(day):
        try:
            if form.date(written) == day:
                return written
        except NotationError:
            continue
    raise AssertionError(f"{form.name} reads no notation of {day}")


def _notations(day: date) -> Iterator[Value]:
    yield day.isoformat()
    yield f"{day:%Y%m%d}"
    yield f"{day.year}/{day.month}/{day.day}"
    yield int(start_of_day(day).timestamp()) * 1000
    yield f"{day.year}年{day.month}月{day.day}日"


def _amount(money: MoneyColumn, fact: PenaltyFact) -> str:
    amounts: Mapping[object, Fen | None] = {
        record_pb2.AMOUNT_KIND_FINE: fact.fine,
        record_pb2.AMOUNT_KIND_CONFISCATION: fact.confiscation,
    }
    if money.kind is None:
        told = (("罚款金额", fact.fine), ("没收金额", fact.confiscation))
        return ";".join(f"{word}{format_yuan(fen)}元" for word, fen in told if fen)
    fen = amounts.get(money.kind)
    if fen is None:
        return ""
    if money.unit is None:
        return f"{format_yuan(fen)}元"
    return f"{Decimal(fen) / money.unit.value:f}"
