"""Whether a profile can be relied on: checked once, when the adapter starts.

A profile is data, and data can be wrong. What is wrong stops the program by name here; afterwards no reader of a profile needs
to ask again. Rules:

1. There is a form, each under its own name, and a prefix for the province's own authorities.
2. No form reads a column that it also ignores by name, and none has two columns for the same kind of amount.
3. Every table has values, all of the kind that its column needs; domains and lists are the catalogue's.
4. There is a department behind exactly the cells that the catalogue carries.
5. The disclosure rules and the departments satisfy what the contract declares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from adapters.sdk.errors import ProfileError
from adapters.sdk.profile import CodeTable, Form, ListForm, PenaltyForm, Profile, RowState
from contract.catalogue import PENALTY, Catalogue
from contract.payloads import PayloadError, check_constraints
from huren.fragment.v1 import record_pb2

_PROCEDURES: Final = frozenset(record_pb2.Procedure.values()) - {0}
_PERFORMANCES: Final = frozenset(record_pb2.PerformanceState.values()) - {0}
_CATEGORIES: Final = frozenset(record_pb2.PenaltyCategory.values()) - {0}
_AMOUNTS: Final = frozenset(record_pb2.AmountKind.values()) - {0}


def check_profile(profile: Profile, catalogue: Catalogue) -> None:
    """Checks a profile against itself and the catalogue.

    Raises:
        ProfileError: The first rule that it breaks.
    """
    # Rule 1.
    _require(bool(profile.forms), "forms: expected at least one")
    _require(bool(profile.authority_prefixes), "authority_prefixes: expected at least one")
    _require(all(prefix.strip() for prefix in profile.authority_prefixes), "authority_prefixes: one is blank")
    for name, form in profile.forms.items():
        _require(name == form.name, f"forms: {name!r} holds the form {form.name!r}")
        _check_columns(form)
        _check_tables(form, catalogue)
    # Rule 4.
    expected, got = set(catalogue.carried), set(profile.departments)
    _require(expected == got, f"departments: expected one for each cell carried; differs at {sorted(expected ^ got)}")
    # Rule 5.
    _require(bool(profile.issuer_unit), "issuer_unit: expected a name")
    for key, department in profile.departments.items():
        _require(bool(department.unit), f"departments: {key} has no unit")
    try:
        check_constraints(profile.disclosure)
    except PayloadError as error:
        raise ProfileError(f"disclosure: {error}") from error


def columns_read(form: Form) -> frozenset[str]:
    """Every column that the form reads."""
    subject = form.subject
    columns: list[str | None] = [
        subject.name,
        subject.uscc,
        subject.organisation_code,
        subject.registration_number,
        form.document_number,
        form.authority,
        form.authority_uscc,
        form.source_unit,
        form.performed_on,
        *(pair[0] for pair in (form.state, form.performance) if pair is not None),
    ]
    match form:
        case PenaltyForm():
            columns += [
                form.domain[0],
                *form.categories[0],
                form.decided_on,
                form.violation_type,
                form.facts,
                form.legal_basis,
                form.content,
                form.licence,
                form.valid_until,
                form.publicity_until,
                *(pair[0] for pair in (form.procedure,) if pair is not None),
                *(money.column for money in form.money),
            ]
        case ListForm():
            columns += [
                form.list_id[0],
                form.listed_on,
                form.reason,
                form.removed_on,
                form.planned_end_on,
                form.name_when_listed,
            ]
    return frozenset(column for column in columns if column is not None)


def _check_columns(form: Form) -> None:
    # Rule 2.
    both = columns_read(form) & form.ignored.keys()
    _require(not both, f"{form.name}: {sorted(both)} are read and ignored")
    _require(all(reason.strip() for reason in form.ignored.values()), f"{form.name}: a column is ignored for no reason")
    if isinstance(form, PenaltyForm):
        kinds = [money.kind for money in form.money]
        _require(len(set(kinds)) == len(kinds), f"{form.name}: two columns for one kind of amount")
        _require(set(kinds) <= _AMOUNTS, f"{form.name}: an amount of no known kind")
        _require(bool(form.categories[0]), f"{form.name}: no column of categories")


def _check_tables(form: Form, catalogue: Catalogue) -> None:
    # Rule 3.
    def is_state(value: object) -> bool:
        return isinstance(value, RowState)

    _check_optional(form, form.state, is_state)
    _check_optional(form, form.performance, lambda value: value in _PERFORMANCES)
    match form:
        case PenaltyForm():
            penalised = {domain for domain, kind in catalogue.carried if kind == PENALTY}
            known = {None, *catalogue.domain_by_id}
            _check_table(form, form.domain[1], lambda value: value in known)
            _require(
                any(value in penalised for value in form.domain[1].values.values()),
                f"{form.name}: no domain of table {form.domain[1].name!r} carries penalties",
            )
            _check_table(
                form, form.categories[1], lambda value: value is RowState.NOT_A_PENALTY or value in _CATEGORIES
            )
            _check_optional(form, form.procedure, lambda value: value in _PROCEDURES)
        case ListForm():
            lists = {None, *catalogue.list_by_id}
            _check_table(form, form.list_id[1], lambda value: value in lists)


def _check_optional(form: Form, column: tuple[str, CodeTable] | None, fits: Callable[[object], bool]) -> None:
    if column is not None:
        _check_table(form, column[1], fits)


def _check_table(form: Form, table: CodeTable, fits: Callable[[object], bool]) -> None:
    _require(bool(table.values), f"{form.name}: table {table.name!r} is empty")
    wrong = [code for code, value in table.values.items() if not fits(value)]
    _require(not wrong, f"{form.name}: table {table.name!r} has no meaning for {_listed(wrong)}")


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(repr(code) for code in codes)


def _require(holds: bool, message: str) -> None:  # noqa: FBT001  # reads as a sentence
    if not holds:
        raise ProfileError(message)
