"""Whether a profile can be relied on: checked once, when the adapter starts.

A profile is data, and data can be wrong. What is wrong stops the program by name here; afterwards no reader of a profile needs
to ask again. Rules:

1. There is a form, each under its own name, and a prefix for the province's own authorities.
2. No form reads a column that it also ignores by name, and none has two columns for the same kind of amount. A form whose order
   tells its version has exactly these columns in it. A column of which the text says what its amounts are is read as text.
3. Every table has values, all of the kind that its column needs; domains and lists are the catalogue's. Spans of a code follow one
   another without a day in common, and no two codes are one when folded.
4. There is a department behind exactly the cells that the catalogue carries. Those that stood behind one follow one another, the
   first of them from ever.
5. The disclosure rules and the departments satisfy what the contract declares. Rules that the contract has no words for are not
   declared: repaired decisions are withheld, and what is not certainly performed stays.
6. Versions of one family carry the same kind of record and are told apart by their columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

from adapters.sdk.errors import ProfileError
from adapters.sdk.profile import (
    CodeTable,
    Dated,
    Department,
    Form,
    ListForm,
    PenaltyForm,
    Profile,
    RepairedRule,
    RowState,
    SubjectClass,
)
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
        _check_department(f"departments: {key}", department)
    _check_disclosure(profile)
    # Rule 6.
    for family in {form.row_family for form in profile.forms.values()}:
        _check_versions(family, [form for form in profile.forms.values() if form.row_family == family])


def columns_of(form: Form) -> tuple[str, ...]:
    """Every column of the form: in its order where the form has one, else sorted."""
    return form.header or tuple(sorted(columns_read(form) | form.ignored.keys()))


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
        *(pair[0] for pair in (form.state, form.performance, form.subject_class) if pair is not None),
    ]
    match form:
        case PenaltyForm():
            columns += [
                form.domain[0],
                *(form.categories[0] if form.categories is not None else ()),
                form.decided_on,
                form.violation_type,
                form.facts,
                form.legal_basis,
                form.content,
                form.licence,
                form.valid_until,
                form.publicity_until,
                form.replaces,
                form.replaced_on,
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
    if form.header:
        declared = columns_read(form) | form.ignored.keys()
        differs = sorted(declared ^ set(form.header))
        _require(not differs, f"{form.name}: the header and the columns read or ignored differ at {differs}")
        _require(len(form.header) == len(declared), f"{form.name}: the header has a column twice")
    if isinstance(form, PenaltyForm):
        kinds = [money.kind for money in form.money if money.kind is not None]
        _require(len(set(kinds)) == len(kinds), f"{form.name}: two columns for one kind of amount")
        _require(set(kinds) <= _AMOUNTS, f"{form.name}: an amount of no known kind")
        told_by_text = [money for money in form.money if money.kind is None]
        _require(len(told_by_text) <= 1, f"{form.name}: two columns of which the text says what their amounts are")
        _require(
            not any(money.numbers for money in form.money if money.kind is None or money.unit is None),
            f"{form.name}: a number says neither what it is nor its unit",
        )
        _require(form.categories is None or bool(form.categories[0]), f"{form.name}: no column of categories")
        _require(form.replaced_on is None or form.replaces is not None, f"{form.name}: replaced_on without replaces")


def _check_tables(form: Form, catalogue: Catalogue) -> None:
    # Rule 3.
    def is_state(value: object) -> bool:
        return isinstance(value, RowState)

    _check_optional(form, form.state, is_state)
    _check_optional(form, form.performance, lambda value: value in _PERFORMANCES)
    _check_optional(form, form.subject_class, lambda value: isinstance(value, SubjectClass))
    match form:
        case PenaltyForm():
            penalised = {domain for domain, kind in catalogue.carried if kind == PENALTY}
            known = {None, *catalogue.domain_by_id}
            _check_table(form, form.domain[1], lambda value: value in known)
            _require(
                any(value in penalised for _, value in form.domain[1].meanings()),
                f"{form.name}: no domain of table {form.domain[1].name!r} carries penalties",
            )
            _check_optional(
                form, form.categories, lambda value: value is RowState.NOT_A_PENALTY or value in _CATEGORIES
            )
            _check_optional(form, form.procedure, lambda value: value in _PROCEDURES)
        case ListForm():
            lists = {None, *catalogue.list_by_id}
            _check_table(form, form.list_id[1], lambda value: value in lists)


def _check_optional(form: Form, column: tuple[object, CodeTable] | None, fits: Callable[[object], bool]) -> None:
    if column is not None:
        _check_table(form, column[1], fits)


def _check_table(form: Form, table: CodeTable, fits: Callable[[object], bool]) -> None:
    _require(bool(table.values), f"{form.name}: table {table.name!r} is empty")
    wrong = [code for code, value in table.meanings() if not fits(value)]
    _require(not wrong, f"{form.name}: table {table.name!r} has no meaning for {_listed(wrong)}")
    unordered = [code for code, value in table.values.items() if isinstance(value, Dated) and not _follow(value)]
    _require(not unordered, f"{form.name}: table {table.name!r} has spans that do not follow for {_listed(unordered)}")
    folded = [table.fold(code) for code in table.values]
    _require(len(set(folded)) == len(folded), f"{form.name}: table {table.name!r} has codes that are one when folded")


def _follow(dated: Dated) -> bool:
    """Whether the spans hold days each, in order, and none in common."""
    spans = dated.spans
    holds_days = all(span.first is None or span.last is None or span.first <= span.last for span in spans)
    return (
        bool(spans)
        and holds_days
        and all(
            before.last is not None and after.first is not None and before.last < after.first
            for before, after in pairwise(spans)
        )
    )


def _check_department(where: str, department: Department) -> None:
    _require(bool(department.unit), f"{where} has no unit")
    if department.succeeds is None:
        _require(department.valid_from is None, f"{where}: nobody stood behind it before {department.valid_from}")
        return
    began, before = department.valid_from, department.succeeds.valid_from
    follows = began is not None and (before is None or before < began)
    _require(follows, f"{where}: expected a day after which it stands in place of the one before")
    _check_department(where, department.succeeds)


def _check_disclosure(profile: Profile) -> None:
    rules = profile.disclosure_rules
    declared = (rules.basis, rules.include_summary_procedure, rules.include_repaired, rules.unperformed_stays)
    _require(all(rule.source.strip() for rule in declared), "disclosure_rules: a rule names no source")
    _require(
        rules.include_repaired.value is RepairedRule.NONE,
        "disclosure_rules: the contract has no mark for repaired decisions, so that they are withheld",
    )
    _require(rules.unperformed_stays.value, "disclosure_rules: what is not certainly performed stays (M-7)")
    try:
        check_constraints(profile.disclosure)
    except PayloadError as error:
        raise ProfileError(f"disclosure_rules: {error}") from error


def _check_versions(family: str, versions: Sequence[Form]) -> None:
    _require(len({type(form) for form in versions}) == 1, f"{family}: versions carry different kinds of record")
    seen: set[object] = set()
    for form in versions:
        # Without an order of its own a version is every order of its columns.
        told_by = form.header or frozenset(columns_of(form))
        clash = told_by in seen or (len(versions) > 1 and not form.header and _is_some_header(form, versions))
        _require(not clash, f"{family}: {form.name} has the columns of another version")
        seen.add(told_by)


def _is_some_header(form: Form, versions: Sequence[Form]) -> bool:
    columns = set(columns_of(form))
    return any(other is not form and set(columns_of(other)) == columns for other in versions)


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(repr(code) for code in codes)


def _require(holds: bool, message: str) -> None:  # noqa: FBT001  # reads as a sentence
    if not holds:
        raise ProfileError(message)
