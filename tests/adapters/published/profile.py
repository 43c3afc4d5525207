"""The columns of `records.csv` as four forms, held by the four provinces: README.md says which row is of which form, and why."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from adapters.beijing.profile import PROFILE as BEIJING
from adapters.hebei.profile import PROFILE as HEBEI
from adapters.sdk.notation import read_day
from adapters.sdk.profile import CodeTable, Form, ListForm, MoneyColumn, PenaltyForm, Profile, RowState, SubjectColumns
from adapters.sdk.source import RawRow
from adapters.sdk.stated import fold_text
from adapters.sdk.vocabulary import PENALTY_WORDS, PENALTY_WORDS_SOURCE, fold_list_name
from adapters.shanxi.profile import PROFILE as SHANXI
from adapters.tianjin.profile import PROFILE as TIANJIN
from contract.money import MoneyUnit
from contract.province import Province
from huren.fragment.v1 import record_pb2
from tests.adapters.published.expected import ROWS, Expected

_FILE: Final = Path(__file__).with_name("records.csv")
_README: Final = "tests/adapters/published/README.md"
_OF_THE_PAGE: Final = "tells where and when a page was published, and nothing of the decision"
_OF_LISTS: Final = "empty in every row of this form"

RECEIVED: Final = datetime(2026, 11, 22, tzinfo=UTC)
FORM_OF_SUBJECT: Final[Mapping[str, str]] = {
    "北京示例024有限公司": "published_form_wan",
    "示例076廠": "published_form_yuan",
}
"""Rows whose pages show a form with columns of its own. The others are prose, or entries on a list."""

DOMAINS: Final = CodeTable(
    name="domain_guess",
    values={
        "market_regulation": "market_regulation",
        "environment": "ecology_environment",
        "emergency": "emergency_management",
        "social_security": "social_security",
        "tax": "taxation",
        "transport": "transport",
        "housing_construction": "housing_construction",
        "housing_fund": "housing_fund",
        "agriculture": None,
        "culture_tourism": None,
        "customs": None,
        "cybersecurity": None,
        "drug": None,
        "forestry": None,
        "other": None,
    },
    source=_README,
)
_STATES: Final = CodeTable(
    name="list_kind_raw",
    values={
        "": RowState.IN_FORCE,
        "社会公布拖欠劳动报酬案件": RowState.NOT_A_PENALTY,
        "公佈拖欠勞動報酬案件": RowState.NOT_A_PENALTY,
    },
    source=f"cases made public are neither decisions to punish nor lists; {_README}",
)
CATEGORIES: Final = CodeTable(
    name="penalty_category_raw",
    values={
        **PENALTY_WORDS,
        "没收违法生产的劣药": record_pb2.PENALTY_CATEGORY_CONFISCATE_PROPERTY,
    },
    source=f"{PENALTY_WORDS_SOURCE}; {_README}",
    fold=fold_text,
)
LISTS: Final = CodeTable(
    name="list_kind_raw",
    values={
        "拖欠农民工工资“黑名单”": "migrant_wage_arrears",
        "安全生产失信联合惩戒“黑名单”": "work_safety_dishonesty",
        "安全生产不良记录“黑名单”": "work_safety_dishonesty",
        "失信企业黑名单": None,
    },
    source=f"older names of the catalogue, and a list that it does not have; {_README}",
    fold=fold_list_name,
)

_SUBJECT: Final = SubjectColumns(name="subject_name", uscc="uscc_raw")
_CONFISCATION: Final = record_pb2.AMOUNT_KIND_CONFISCATION

_PAGE: Final = PenaltyForm(
    name="page",
    source=_README,
    subject=_SUBJECT,
    domain=("domain_guess", DOMAINS),
    state=("list_kind_raw", _STATES),
    document_number="document_number_raw",
    decided_on="decided_on_raw",
    violation_type="violation_type_raw",
    facts=None,
    legal_basis="legal_basis_raw",
    categories=None,
    content="penalty_content_raw",
    money=(
        MoneyColumn("fine_raw", None, record_pb2.AMOUNT_KIND_FINE),
        MoneyColumn("confiscation_raw", None, _CONFISCATION),
    ),
    valid_until="valid_until_raw",
    publicity_until="disclosure_until_raw",
    authority="authority_raw",
    authority_uscc="authority_uscc_raw",
    source_unit=None,
    date=read_day,
    ignored={
        "jurisdiction": "which platform is taken to hold the row: read where the rows are loaded",
        "source_url": _OF_THE_PAGE,
        "published_at_raw": _OF_THE_PAGE,
        "penalty_category_raw": "empty in every row of this form",
        "listed_on_raw": _OF_LISTS,
    },
)


def _published_form(name: str, unit: MoneyUnit) -> PenaltyForm:
    return dataclasses.replace(
        _PAGE,
        name=name,
        categories=(("penalty_category_raw",), CATEGORIES),
        money=(
            MoneyColumn("fine_raw", unit, record_pb2.AMOUNT_KIND_FINE),
            MoneyColumn("confiscation_raw", unit, _CONFISCATION),
        ),
        ignored={column: reason for column, reason in _PAGE.ignored.items() if column != "penalty_category_raw"},
    )


_LIST: Final = ListForm(
    name="list",
    source=_README,
    subject=_SUBJECT,
    list_id=("list_kind_raw", LISTS),
    name_when_listed="list_kind_raw",
    document_number="document_number_raw",
    listed_on="listed_on_raw",
    reason="violation_type_raw",
    authority="authority_raw",
    authority_uscc="authority_uscc_raw",
    source_unit=None,
    date=read_day,
    ignored={
        "jurisdiction": _PAGE.ignored["jurisdiction"],
        "source_url": _OF_THE_PAGE,
        "published_at_raw": _OF_THE_PAGE,
        "domain_guess": "the list itself says its domain",
        **dict.fromkeys(
            (
                "legal_basis_raw",
                "penalty_category_raw",
                "penalty_content_raw",
                "fine_raw",
                "confiscation_raw",
                "decided_on_raw",
                "valid_until_raw",
                "disclosure_until_raw",
            ),
            "empty in every entry on a list",
        ),
    },
)

_PAGE_WITH_TOTAL: Final = dataclasses.replace(
    _PAGE,
    name="page_with_total",
    money=(
        MoneyColumn("fine_raw", None, None),
        MoneyColumn("confiscation_raw", None, _CONFISCATION),
    ),
)

FORMS: Final[Mapping[str, Form]] = {
    form.name: form
    for form in (
        _PAGE,
        _PAGE_WITH_TOTAL,
        _published_form("published_form_wan", MoneyUnit.WAN_YUAN),
        _published_form("published_form_yuan", MoneyUnit.YUAN),
        _LIST,
    )
}
PROFILES: Final[Mapping[Province, Profile]] = {
    profile.province: dataclasses.replace(profile, forms=FORMS) for profile in (BEIJING, TIANJIN, HEBEI, SHANXI)
}


@dataclass(frozen=True, slots=True)
class Case:
    """A row and what it must become.

    Attributes:
        position: Of the row in the file, the first one being 0.
        row: As the platform that holds it would hand it over.
        expected: Its entry in expected.py.
    """

    position: int
    row: RawRow
    expected: Expected

    @property
    def profile(self) -> Profile:
        """Of the province that holds the row."""
        return PROFILES[self.expected.held_by]

    @property
    def form(self) -> Form:
        """Of the row."""
        return FORMS[self.row.form]

    def text(self, column: str) -> str:
        """A cell of the row as it stands in the file."""
        return published()[self.position][column]

    def __str__(self) -> str:
        return f"{self.position}-{self.expected.subject or 'nobody'}"


@cache
def published() -> tuple[Mapping[str, str], ...]:
    """The rows of the file, in its order."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def cases() -> tuple[Case, ...]:
    """Every row with its entry. Raises ValueError where one of them is without the other."""
    return tuple(
        Case(position, raw_row(position, values), expected)
        for position, (values, expected) in enumerate(zip(published(), ROWS, strict=True))
    )


def raw_row(position: int, values: Mapping[str, str]) -> RawRow:
    """A row of the file as a row of a platform."""
    return RawRow(form=_form_name(values), key=str(position), values=values, received_at=RECEIVED)


def _form_name(values: Mapping[str, str]) -> str:
    if "名单" in values["list_kind_raw"] or "名單" in values["list_kind_raw"]:
        return "list"
    if values["fine_raw"].startswith("罚没"):
        return "page_with_total"
    return FORM_OF_SUBJECT.get(values["subject_name"], "page")
