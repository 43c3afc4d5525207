"""The amounts of a decision: what its columns hold, held against what its text states (M-8).

- An amount stands in its column, or, where the column is empty, certainly in the text. Where the text imposes a fine and neither
  says how much, the row is unreadable: a record without the amount would tell of a smaller penalty.
- Column and text that both state an amount have to state the same. What the text does not certainly state about the organisation
  in all (a rate, a part, a person's fine, the law's range: stated.py) contradicts nothing.
- A sum of fine and confiscation (罚没合计) is one amount and is never split. Where its parts are stated beside it and make it up,
  they are given and not the sum; where they do not, the row is unreadable.
- Zero is no amount.
"""

from __future__ import annotations

from typing import TypeAlias

from adapters.sdk.errors import NotationError, NotationFault
from adapters.sdk.mapping.outcomes import Fault, RowFaultError
from adapters.sdk.mapping.shared import fault, notation_fault, text_of
from adapters.sdk.notation import read_amount
from adapters.sdk.profile import MoneyColumn, PenaltyForm
from adapters.sdk.source import RawRow
from adapters.sdk.stated import Amount, Stated, StatedAmount, categories_stated, read_stated
from contract.money import Fen
from huren.fragment.v1 import record_pb2

FINE = record_pb2.AMOUNT_KIND_FINE
CONFISCATION = record_pb2.AMOUNT_KIND_CONFISCATION
COMBINED = record_pb2.AMOUNT_KIND_COMBINED
_PROPERTY = record_pb2.PENALTY_CATEGORY_CONFISCATE_PROPERTY

Kind: TypeAlias = record_pb2.AmountKind.ValueType
Amounts = dict[Kind, Fen]


def _in_columns(row: RawRow, form: PenaltyForm) -> Amounts:
    """The amounts above zero in the columns of a row.

    Raises:
        RowFaultError: One cannot be read, or its column and another hold one kind of amount differently.
    """
    amounts: Amounts = {}
    for money in form.money:
        for kind, fen in _in_column(row, money).items():
            if amounts.setdefault(kind, fen) != fen:
                raise fault(money.column, "two columns state one amount differently", Fault.AMOUNT_CONTRADICTED)
    return amounts


def has_amount(row: RawRow, form: PenaltyForm) -> bool:
    """Whether a column states an amount, or may: one that cannot be read, unless it says itself that it is only proposed."""
    return any(_states_amount(row, money) for money in form.money)


def amounts_of(row: RawRow, form: PenaltyForm, stated: Stated) -> list[record_pb2.Amount]:
    """The amounts of a decision, by columns and text.

    Raises:
        RowFaultError: An amount cannot be read, is not certain, or is stated in two ways.
    """
    amounts = _in_columns(row, form)
    confiscates_things = _PROPERTY in categories_stated(stated)
    for kind, told in ((FINE, stated.fine), (CONFISCATION, stated.confiscation), (COMBINED, stated.combined)):
        column = next((money.column for money in form.money if money.kind == kind), form.content)
        is_whole = kind != CONFISCATION or not confiscates_things  # the value of things may stand in the column alone
        _hold_against(amounts, kind, told, column, is_whole=is_whole)
    if stated.imposes_fine and not amounts.keys() & {FINE, COMBINED}:
        column = next((money.column for money in form.money if money.kind == FINE), form.content)
        raise fault(column, "a fine is imposed, and nothing says with certainty how much it is", Fault.AMOUNT_UNCERTAIN)
    return [record_pb2.Amount(kind=kind, fen=fen) for kind, fen in sorted(_without_sum(amounts, form).items())]


def _states_amount(row: RawRow, money: MoneyColumn) -> bool:
    try:
        return bool(_in_column(row, money))
    except RowFaultError as error:
        return error.fault != NotationFault.NOT_IMPOSED.value


def _in_column(row: RawRow, money: MoneyColumn) -> Amounts:
    value = row.values[money.column]
    if not money.numbers and value is not None and not isinstance(value, str):
        raise fault(money.column, "expected an amount as text, got a number", Fault.NOT_AS_TEXT)
    if money.kind is None:
        return _told_by_text(money.column, text_of(row, money.column))
    try:
        fen = read_amount(value, money.unit)
    except NotationError as error:
        raise RowFaultError(money.column, str(error), notation_fault(error)) from error
    if fen and isinstance(value, str) and not _may_be(money.kind, read_stated(value)):
        raise fault(money.column, "the text says that the amount is of another kind", Fault.AMOUNT_CONTRADICTED)
    return {money.kind: fen} if fen else {}


def _may_be(kind: Kind, stated: Stated) -> bool:
    """Whether what the text of a column says beside its number fits the column: 罚没合计 is no fine."""
    told = {FINE: stated.fine, CONFISCATION: stated.confiscation, COMBINED: stated.combined}
    named = {one for one, amount in told.items() if amount is not Amount.NOT_STATED}
    return not named or kind in named


def _told_by_text(column: str, text: str) -> Amounts:
    """The amounts of a column whose text says what they are."""
    if not text:
        return {}
    stated = read_stated(text)
    told = {FINE: stated.fine, CONFISCATION: stated.confiscation, COMBINED: stated.combined}
    if all(amount is Amount.NOT_STATED for amount in told.values()) or Amount.UNCERTAIN in told.values():
        raise fault(column, "expected a text that says what each amount is", Fault.AMOUNT_UNCERTAIN)
    return {kind: amount for kind, amount in told.items() if not isinstance(amount, Amount) and amount}


def _hold_against(amounts: Amounts, kind: Kind, told: StatedAmount, column: str, *, is_whole: bool) -> None:
    if isinstance(told, Amount):
        if told is Amount.UNCERTAIN and kind not in amounts and COMBINED not in amounts:
            raise fault(column, "the text states an amount that is not certain", Fault.AMOUNT_UNCERTAIN)
        return
    held = amounts.setdefault(kind, told) if told else amounts.get(kind, told)
    if held != told and is_whole:
        raise fault(column, "the text states another amount than the column", Fault.AMOUNT_CONTRADICTED)


def _without_sum(amounts: Amounts, form: PenaltyForm) -> Amounts:
    parts = {kind: fen for kind, fen in amounts.items() if kind != COMBINED}
    combined = amounts.get(COMBINED)
    if combined is None or not parts:
        return amounts
    if sum(parts.values()) != combined:
        column = next((money.column for money in form.money if money.kind == COMBINED), form.content)
        raise fault(column, "the sum is not that of its parts", Fault.AMOUNT_CONTRADICTED)
    return parts
