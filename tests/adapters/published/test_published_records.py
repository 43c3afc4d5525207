"""Real notations: every row of `records.csv` becomes what a person read from it, and so does every field of it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import pytest

from adapters.sdk import mapping
from adapters.sdk.disclosure import disclose
from adapters.sdk.findings import read_rows
from adapters.sdk.kinds import ActKind, act_of
from adapters.sdk.mapping import (
    DecidedElsewhere,
    NotAPenalty,
    OutsideCatalogue,
    OutsideWindow,
    Readable,
    Reading,
    RowOutcome,
    Unreadable,
    map_row,
    row_identity,
)
from adapters.sdk.matching import Match, RowIdentity, Wanted, has_identifier, has_usable_name, match
from adapters.sdk.notation import (
    NotationError,
    NotationFault,
    code_candidates,
    document_number_fault,
    fold_name,
    is_registration_number,
    normalise_document_number,
    read_amount,
    read_day,
    read_document_number,
    read_unified_code,
)
from adapters.sdk.profile import ListForm, PenaltyForm, Profile
from adapters.sdk.profile_check import check_profile
from adapters.sdk.source import RawRow
from adapters.sdk.stated import categories_stated, read_stated
from adapters.sdk.vocabulary import fold_list_name, printed_list_name
from contract.authorities import DecidedBy, decided_in
from contract.catalogue import published_catalogues
from contract.days import DayRange, to_timestamp
from contract.money import MoneyUnit
from contract.province import Province
from contract.uscc import Uscc, check_character
from huren.common.v1 import common_pb2
from huren.fragment.v1 import record_pb2
from tests.adapters.published.expected import (
    COMBINED,
    EARLIER,
    FINE,
    GATHERED,
    LATER,
    PUBLISHED,
    RECORDS,
    ROWS,
    Becomes,
    Decider,
    Fault,
    Kind,
    Money,
    Owner,
)
from tests.adapters.published.profile import CATEGORIES, FORMS, LISTS, PROFILES, RECEIVED, Case, cases, published

CATALOGUE: Final = published_catalogues().in_force(GATHERED)
MATRIX: Final = [
    pytest.param(case, window, id=f"{case}-{name}")
    for case in cases()
    for name, window in (("later", LATER), ("earlier", EARLIER))
]
EVERY_CASE: Final = [pytest.param(case, id=str(case)) for case in cases()]

BECOMES: Final = {
    Readable: Becomes.READABLE,
    NotAPenalty: Becomes.NOT_A_PENALTY,
    DecidedElsewhere: Becomes.DECIDED_ELSEWHERE,
    OutsideCatalogue: Becomes.OUTSIDE_CATALOGUE,
    OutsideWindow: Becomes.OUTSIDE_WINDOW,
    Unreadable: Becomes.UNREADABLE,
}

AUTHORITY_OF: Final = {
    Province.BEIJING: "北京市市场监督管理局",
    Province.TIANJIN: "天津市市场监督管理委员会",
    Province.HEBEI: "河北省市场监督管理局",
    Province.SHANXI: "山西省市场监督管理局",
}
A_DAY: Final = date(2024, 3, 1)
A_DAY_OF_OLDER_NAMES: Final = date(2019, 5, 1)


def read(case: Case, window: DayRange, row: RawRow | None = None) -> RowOutcome:
    return map_row(
        case.row if row is None else row,
        Reading(profile=case.profile, catalogue=CATALOGUE, window=window, day=GATHERED),
    )


def expected_of(case: Case, window: DayRange) -> Becomes:
    entry = case.expected
    return entry.earlier if window == EARLIER and entry.earlier is not None else entry.becomes


def with_values(row: RawRow, values: Mapping[str, str]) -> RawRow:
    return dataclasses.replace(row, values={**row.values, **values})


def faults(case: Case) -> dict[str, Fault]:
    """The columns of the row that cannot be read though a record needs them, by what its entry says."""
    entry = case.expected
    if isinstance(case.form, ListForm):
        day, kinds = "listed_on_raw", None
    else:
        day, kinds = "decided_on_raw", entry.kinds
    found = {
        "document_number_raw": entry.number,
        day: entry.on,
        "penalty_content_raw": kinds,
        "fine_raw": entry.money,
        "authority_raw": Fault.EMPTY if entry.decider in {Decider.EMPTY, Decider.UNCERTAIN} else None,
    }
    return {column: fault for column, fault in found.items() if isinstance(fault, Fault)}


def code_of(case: Case, column: str) -> str:
    """The stable code of a column's fault."""
    if column == "penalty_content_raw":
        return mapping.Fault.UNKNOWN_KIND.value
    if column == "authority_raw" and case.expected.decider is Decider.UNCERTAIN:
        return mapping.Fault.AUTHORITY_UNKNOWN.value
    fault = faults(case)[column]
    return mapping.Fault.MISSING_VALUE.value if fault is Fault.EMPTY else NotationFault[fault.name].value


def mended(case: Case, columns: Iterable[str]) -> dict[str, str]:
    """What an officer would fill in for these columns, so that nothing is left to doubt."""
    has_money = isinstance(case.expected.money, tuple) and bool(case.expected.money)
    values = {
        "document_number_raw": "示例罚〔2024〕1号",
        "decided_on_raw": A_DAY.isoformat(),
        "listed_on_raw": A_DAY_OF_OLDER_NAMES.isoformat(),
        "penalty_content_raw": "罚款1万元" if case.text("fine_raw") else "警告",
        "fine_raw": "1万元",
        "authority_raw": AUTHORITY_OF[case.expected.held_by],
    }
    assert not has_money or "fine_raw" not in columns
    return {column: values[column] for column in columns}


UNREADABLE: Final = [case for case in cases() if case.expected.becomes is Becomes.UNREADABLE]


# --- File and entries fit together ------------------------------------------------------------------------------------


def test_every_row_has_its_entry_and_every_entry_its_row() -> None:
    assert [row["subject_name"] for row in published()] == [entry.subject for entry in ROWS]
    assert len(ROWS) == 85
    assert RECORDS.keys() == {
        case.position for case in cases() if Becomes.READABLE in {case.expected.becomes, case.expected.earlier}
    }


@pytest.mark.parametrize("case", EVERY_CASE)
def test_an_entry_names_every_filled_cell_and_no_empty_one(case: Case) -> None:
    entry, row = case.expected, published()[case.position]

    assert (entry.number == "") == (row["document_number_raw"] == "")
    assert (entry.on is Fault.EMPTY) == (row["decided_on_raw"] + row["listed_on_raw"] == "")
    assert (entry.kinds is Fault.EMPTY) == (row["penalty_content_raw"] + row["penalty_category_raw"] == "")
    assert (entry.money == ()) == (row["fine_raw"] + row["confiscation_raw"] == "")
    assert (entry.decider is Decider.EMPTY) == (row["authority_raw"] == "")
    assert (entry.code is Fault.EMPTY) == (row["uscc_raw"] == "")
    assert (entry.public_until is None) == (row["disclosure_until_raw"] == "")
    assert (entry.owner is Owner.NOBODY) == (row["uscc_raw"] + row["subject_name"] == "")
    assert (entry.cell is None) == (entry.becomes is Becomes.OUTSIDE_CATALOGUE)


@pytest.mark.parametrize("profile", [pytest.param(profile, id=name.name) for name, profile in PROFILES.items()])
def test_the_profiles_can_be_relied_on(profile: Profile) -> None:
    check_profile(profile, CATALOGUE)


# --- Rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("case", "window"), MATRIX)
def test_a_row_becomes_what_was_read_from_it(case: Case, window: DayRange) -> None:
    """T29, T30, T55: 不予处罚, 拟处, 立案, 约谈, 涉嫌…罪; 回流 and central; lists under older names."""
    outcome = read(case, window)

    assert BECOMES[type(outcome)] is expected_of(case, window), outcome
    if isinstance(outcome, Readable):
        assert outcome.key == case.expected.cell
        assert outcome.draft == record_pb2.Record(
            decided_in=case.expected.held_by.wire,
            penalty=RECORDS[case.position],
            source_unit=case.profile.issuer_unit,
            collected_at=to_timestamp(RECEIVED),
        )
    if isinstance(outcome, NotAPenalty):
        assert outcome.kind is ActKind[case.expected.act]
    if isinstance(outcome, Unreadable):
        assert outcome.blocks == case.expected.cells
        assert outcome.fault == code_of(case, outcome.field)


@pytest.mark.parametrize(
    ("case", "column"),
    [pytest.param(case, column, id=f"{case}-{column}") for case in UNREADABLE for column in faults(case)],
)
def test_each_fault_alone_makes_a_row_unreadable_by_its_name(case: Case, column: str) -> None:
    rest = faults(case).keys() - {column}

    outcome = read(case, _window(case), with_values(case.row, mended(case, rest)))

    assert isinstance(outcome, Unreadable), outcome
    assert (outcome.field, outcome.blocks) == (column, case.expected.cells)
    assert outcome.fault == code_of(case, column)


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in UNREADABLE])
def test_what_an_unreadable_row_does_say_is_read(case: Case) -> None:
    """T31, T55: a number is printed as issued, a list by the name that it had."""
    entry, missing = case.expected, faults(case)

    outcome = read(case, _window(case), with_values(case.row, mended(case, missing)))

    assert isinstance(outcome, Readable), outcome
    assert outcome.key == entry.cell
    authority = case.text("authority_raw") if "authority_raw" not in missing else AUTHORITY_OF[entry.held_by]
    if isinstance(case.form, ListForm):
        listed = outcome.draft.list_entry
        assert (listed.list_id, listed.authority.name) == (entry.list_id, authority)
        assert listed.listed_on == A_DAY_OF_OLDER_NAMES.isoformat()
        assert listed.name_when_listed == entry.listed_as
        return
    penalty = outcome.draft.penalty
    assert penalty.authority.name == authority
    assert penalty.document_number == (entry.number if isinstance(entry.number, str) else "示例罚〔2024〕1号")
    assert penalty.decided_on == (entry.on if isinstance(entry.on, date) else A_DAY).isoformat()
    assert penalty.publicity_until == (entry.public_until.isoformat() if entry.public_until else "")
    assert penalty.valid_until == ""
    if not isinstance(entry.kinds, Fault):
        assert tuple(penalty.categories) == entry.kinds
    if not isinstance(entry.money, Fault):
        assert {(amount.kind, amount.fen) for amount in penalty.amounts} == set(entry.money)


def _window(case: Case) -> DayRange:
    """`LATER`, or what reaches back to entries under older names of lists."""
    return DayRange(A_DAY_OF_OLDER_NAMES, A_DAY) if isinstance(case.form, ListForm) else LATER


# --- Fields -----------------------------------------------------------------------------------------------------------

DAYS: Final[dict[str, date | Fault | None]] = {
    **{
        case.text(column): case.expected.on
        for case in cases()
        for column in ("decided_on_raw", "listed_on_raw")
        if case.text(column)
    },
    **PUBLISHED,
    "2025-03-09": date(2025, 3, 9),
    "2099-12-31": None,
}
"""Every day that stands in a column of days. None: the row says that there is no end."""


def test_every_day_of_the_file_is_read_here() -> None:
    columns = ("published_at_raw", "decided_on_raw", "listed_on_raw", "valid_until_raw", "disclosure_until_raw")

    assert {row[column] for row in published() for column in columns} == DAYS.keys()


@pytest.mark.parametrize(("text", "expected"), DAYS.items())
def test_a_day(text: str, expected: date | Fault | None) -> None:
    """T59: 2099-12-31 is no day."""
    if isinstance(expected, Fault) and expected is not Fault.EMPTY:
        with pytest.raises(NotationError) as refused:
            read_day(text)
        assert refused.value.fault is NotationFault[expected.name]
    else:
        assert read_day(text) == (None if expected is Fault.EMPTY else expected)


NUMBERS: Final[dict[str, str | Fault]] = {
    case.text("document_number_raw"): case.expected.number for case in cases() if case.text("document_number_raw")
}


@pytest.mark.parametrize(("text", "expected"), NUMBERS.items())
def test_a_document_number(text: str, expected: str | Fault) -> None:
    fault = document_number_fault(text)

    if isinstance(expected, Fault):
        assert fault is NotationFault[expected.name]
    else:
        assert fault is None
        assert read_document_number(text) == text == expected


@pytest.mark.parametrize("text", [text for text, expected in NUMBERS.items() if text == expected])
def test_spellings_of_a_number_are_one_decision(text: str) -> None:
    """T31: brackets, width, blanks."""
    year = re.sub(r"[〔\[【﹝]\s?([0-9]{4})\s?[〕\]】﹞]", r"<\1>", text)
    spellings = {
        year.replace("<", opening).replace(">", closing)
        for opening, closing in ("〔〕", "[]", "【】", "﹝﹞", "()", "（）", "［］")
    }

    normal = {normalise_document_number(spelling) for spelling in (text, f" {text} ", *spellings)}

    assert normal == {normalise_document_number(text)}


def test_no_two_numbers_of_the_file_are_one_decision() -> None:
    """T31:津丽环罚字[2023]040705号 and 津丽环罚字[2020]102002号 stay two."""
    readable = [text for text, expected in NUMBERS.items() if text == expected]

    assert len({normalise_document_number(text) for text in readable}) == len(readable)


MONEY: Final[list[tuple[str, str, tuple[Money, ...] | Fault]]] = [
    (case.row.form, case.text("fine_raw"), case.expected.money) for case in cases() if case.text("fine_raw")
]
"""By form, because the same digits count another unit in another form."""


@pytest.mark.parametrize(("form", "text", "expected"), dict.fromkeys(MONEY))
def test_a_fine(form: str, text: str, expected: tuple[Money, ...] | Fault) -> None:
    """T42: 罚没合计 is one amount of its own kind."""
    declared = FORMS[form]
    assert isinstance(declared, PenaltyForm)
    column = declared.money[0]

    if isinstance(expected, Fault):
        with pytest.raises(NotationError) as refused:
            read_amount(text, column.unit)
        assert refused.value.fault is NotationFault[expected.name]
        return
    kind, fen = expected[0]
    assert kind == (column.kind or COMBINED)
    assert read_amount(text, column.unit) == fen


def test_a_bare_number_is_no_amount_unless_its_column_says_what_it_counts() -> None:
    with pytest.raises(NotationError) as refused:
        read_amount("0.15", None)
    assert refused.value.fault is NotationFault.UNIT_MISSING

    assert read_amount("0.15", MoneyUnit.WAN_YUAN) == 150_000
    assert read_amount("0.15", MoneyUnit.YUAN) == 15


@pytest.mark.parametrize(("text", "fen"), [("0.0万元", 0), ("9490.98元", 949_098)])
def test_a_confiscation(text: str, fen: int) -> None:
    assert text in {row["confiscation_raw"] for row in published()}
    assert read_amount(text, None) == fen


KINDS: Final[dict[str, tuple[tuple[int, ...] | Fault, str]]] = {
    case.text("penalty_content_raw"): (case.expected.kinds, case.expected.act)
    for case in cases()
    if case.text("penalty_content_raw") and not case.text("penalty_category_raw")
}


@pytest.mark.parametrize(("text", "kinds", "act"), [(text, *told) for text, told in KINDS.items()])
def test_what_a_text_imposes(text: str, kinds: tuple[int, ...] | Fault, act: str) -> None:
    """T29: what is no decision to punish imposes nothing."""
    assert categories_stated(read_stated(text)) == (() if isinstance(kinds, Fault) else kinds)
    if isinstance(kinds, Fault):
        assert act_of(text) is None
    else:
        assert act_of(text) is (ActKind.PENALTY if kinds else ActKind[act])


def test_words_of_the_column_of_categories() -> None:
    words = {row["penalty_category_raw"] for row in published()} - {""}

    assert words == {"罚款", "沒收違法生產的劣藥、沒收違法所得、罰款"}
    # 劣药 is a thing that may not be traded: 没收非法财物.
    assert [CATEGORIES.meaning(word, None) for word in ("沒收違法生產的劣藥", "沒收違法所得", "罰款")] == [
        Kind.PROPERTY,
        Kind.GAINS,
        Kind.FINE,
    ]


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in cases() if case.row.form == "list"])
def test_a_list_by_its_name(case: Case) -> None:
    """T55: an older name is the list's of today; batch, whom it was for, and 黑名单 are not printed."""
    name = case.text("list_kind_raw")

    assert LISTS.meaning(name, None) == case.expected.list_id
    if case.expected.list_id is not None:
        assert printed_list_name(name) == case.expected.listed_as
        today = CATALOGUE.list_by_id[case.expected.list_id]
        assert fold_list_name(name) in {fold_list_name(older.name) for older in today.older_names}


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in cases() if case.text("authority_raw")])
def test_whose_authority_decided(case: Case) -> None:
    """T30: by the authority's name alone, not by the number, nor by who holds the row."""
    prefixes = tuple(map(fold_name, case.profile.authority_prefixes))

    decided = decided_in(fold_name(case.text("authority_raw")), "", case.expected.held_by, prefixes)

    assert {
        DecidedBy.OWN: Decider.OURS,
        DecidedBy.OTHER: Decider.ANOTHERS,
        DecidedBy.CENTRAL: Decider.ANOTHERS,
        DecidedBy.UNKNOWN: Decider.UNCERTAIN,
        DecidedBy.CONTRADICTED: Decider.UNCERTAIN,
    }[decided.by] is case.expected.decider


TEXTS: Final = sorted(
    {row[column] for row in published() for column in ("violation_type_raw", "legal_basis_raw", "penalty_content_raw")}
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_names_nobody_is_printed_as_it_stands(text: str) -> None:
    assert disclose(text) == record_pb2.FreeText(text=text, masking=record_pb2.MASKING_NONE)


# --- Whose ------------------------------------------------------------------------------------------------------------


def code(first17: str) -> Uscc:
    return Uscc(first17 + check_character(first17))


STRANGER: Final = code("91130100MA0EXAMP1")
NOBODYS_NAME: Final = "示例无关有限公司"


def wanted(uscc: str, name: str = NOBODYS_NAME, *, registration_number: str = "") -> Wanted:
    subject = common_pb2.Subject(uscc=uscc, name=name)
    if registration_number:
        subject.identifiers.add(kind=common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER, value=registration_number)
    return Wanted.of(subject)


def identity_of(row: RawRow) -> RowIdentity:
    identity = row_identity(row, FORMS[row.form])
    assert identity is not None
    return identity


@pytest.mark.parametrize("case", EVERY_CASE)
def test_whose_a_row_is(case: Case) -> None:
    """T46, T48: a name, a registration number, a masked or mistyped code make a doubt; nothing makes a row anybody's but a code."""
    entry, row = case.expected, identity_of(case.row)

    assert has_identifier(row) == (entry.owner in {Owner.CODE, Owner.NUMBER})
    assert has_usable_name(row) == bool(entry.subject)
    assert match(row, wanted(STRANGER), None) is Match.NOT_THEIRS
    if entry.subject:
        namesake = match(row, wanted(STRANGER, entry.subject), None)
        assert namesake is (Match.NOT_THEIRS if entry.owner is Owner.CODE else Match.IN_DOUBT)
    if entry.owner is Owner.CODE:
        assert match(row, wanted(case.text("uscc_raw")), None) is Match.THEIRS
    if entry.owner is Owner.NUMBER:
        numbered = wanted(STRANGER, registration_number=case.text("uscc_raw"))
        assert match(row, numbered, None) is Match.IN_DOUBT
    for candidate in entry.candidates:
        assert match(row, wanted(candidate), None) is Match.IN_DOUBT


@pytest.mark.parametrize(("case", "window"), MATRIX)
def test_a_row_leaves_no_cell_clear_for_whom_it_may_mean(case: Case, window: DayRange) -> None:
    """Without a code the cell is in doubt; with one the row is listed, or the cell is unreadable."""
    entry = case.expected
    own = entry.code if entry.owner is Owner.CODE and isinstance(entry.code, str) else STRANGER
    reading = Reading(profile=case.profile, catalogue=CATALOGUE, window=window, day=GATHERED)

    found = read_rows([case.row], wanted(own, entry.subject or NOBODYS_NAME), reading)

    becomes = expected_of(case, window)
    tells = becomes in {Becomes.READABLE, Becomes.UNREADABLE} and entry.owner is not Owner.NOBODY
    cells = entry.cells if tells else frozenset()
    assert {record.cell for record in found.records} | found.unreadable | found.in_doubt == cells
    if entry.owner is not Owner.CODE:
        assert found.in_doubt == cells
    elif becomes is Becomes.UNREADABLE:
        assert found.unreadable == cells


CODES: Final = [case for case in cases() if case.text("uscc_raw")]


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in CODES])
def test_a_code(case: Case) -> None:
    """T48: nothing is repaired; what a slip would explain is named for the officer."""
    text, expected = case.text("uscc_raw"), case.expected.code

    assert code_candidates(text) == case.expected.candidates
    if not isinstance(expected, Fault):
        assert read_unified_code(text) == text == expected
        return
    with pytest.raises(NotationError) as refused:
        read_unified_code(text)
    if expected is Fault.REGISTRATION_NUMBER:
        assert refused.value.fault is NotationFault.WRONG_LENGTH
        assert is_registration_number(text)
    else:
        assert refused.value.fault is NotationFault[expected.name]


@pytest.mark.parametrize(
    ("masked", "own"),
    [
        ("91110105MA********", code("91110105MA0EXAMP1")),
        ("914***2668***41***", code("91440126680004100")),
    ],
)
def test_a_masked_code_may_be_anybodys_whose_code_fits(masked: str, own: Uscc) -> None:
    """T48"""
    (case,) = (case for case in CODES if case.text("uscc_raw") == masked)

    assert match(identity_of(case.row), wanted(own), None) is Match.IN_DOUBT


def test_a_branch_under_its_parents_code_is_in_doubt() -> None:
    """T50: the row's name ends in 分公司."""
    (case,) = (case for case in cases() if case.expected.subject == "示例031分公司")
    row = with_values(case.row, {"uscc_raw": STRANGER})

    assert match(identity_of(row), wanted(STRANGER, "示例031有限公司"), None) is Match.IN_DOUBT


def test_a_person_beside_the_organisation_adds_nothing() -> None:
    """T28: the page goes on with 对矿长处罚6万元, which the copy of this row does not have."""
    (case,) = (case for case in cases() if case.expected.subject == "山西示例016有限公司")
    content = f"{case.row.values['penalty_content_raw']},對礦長處罰6萬元"
    row = with_values(case.row, {"penalty_content_raw": content, "decided_on_raw": A_DAY.isoformat()})

    outcome = read(case, LATER, row)

    assert isinstance(outcome, Readable), outcome
    assert [(amount.kind, amount.fen) for amount in outcome.draft.penalty.amounts] == [(FINE, 100_000_000)]
    assert "6萬" not in outcome.draft.penalty.content.text


@pytest.mark.parametrize(
    ("subject", "fault"),
    [
        ("北京示例024有限公司", NotationFault.UNIT_MISSING.value),
        ("示例058厂", mapping.Fault.AMOUNT_CONTRADICTED.value),
    ],
)
def test_a_row_read_by_the_form_of_another_page_is_unreadable(subject: str, fault: str) -> None:
    """T42: 0.15 without its column's unit is no amount, and 罚没合计 in a column of fines is no fine."""
    (case,) = (case for case in cases() if case.expected.subject == subject)
    row = dataclasses.replace(case.row, form="page")

    outcome = read(case, LATER, with_values(row, {"penalty_category_raw": "", "document_number_raw": ""}))

    assert isinstance(outcome, Unreadable), outcome
    assert (outcome.field, outcome.fault, outcome.blocks) == ("fine_raw", fault, case.expected.cells)
