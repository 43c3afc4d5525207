"""What the columns of Tianjin's platform mean. Data only.

The platform is imagined; README.md beside this file is its description, and the source of every entry here.
"""

from __future__ import annotations

from typing import Final

from adapters.sdk.departments import by_cell, demonstration
from adapters.sdk.notation import read_epoch_millis
from adapters.sdk.profile import (
    CodeTable,
    ListForm,
    MoneyColumn,
    PenaltyForm,
    Profile,
    RowState,
    SubjectColumns,
)
from adapters.sdk.vocabulary import disclosure_by_window
from contract.money import MoneyUnit
from contract.province import Province
from huren.fragment.v1 import record_pb2

_SOURCE: Final = "adapters/tianjin/README.md (the platform is imagined)"

DOMAINS: Final = CodeTable(
    name="deptCode",
    values={
        "0201": "market_regulation",
        "0202": "taxation",
        "0203": "social_security",
        "0204": "housing_fund",
        "0205": "emergency_management",
        "0206": "public_finance",
        "0207": "statistics",
        "0208": "court_enforcement",
        "0209": "ecology_environment",
        "0210": "natural_resources",
        "0211": "science_technology",
        "0212": "public_security",
        "0213": "housing_construction",
        "0214": "transport",
        "0215": "water_resources",
        "0216": "health",
        "0217": "fire_rescue",
        "0299": None,
    },
    source=_SOURCE,
)

_LISTS: Final = CodeTable(
    name="listCode",
    values={
        "L01": "serious_illegal_market",
        "L02": "major_tax_violation",
        "L03": "migrant_wage_arrears",
        "L04": "work_safety_dishonesty",
        "L05": "procurement_dishonesty",
        "L06": "statistics_dishonesty",
        "L07": "judgment_defaulter",
    },
    source=_SOURCE,
)

_CATEGORIES: Final = CodeTable(
    name="penType",
    values={
        "01": record_pb2.PENALTY_CATEGORY_WARNING,
        "02": record_pb2.PENALTY_CATEGORY_PUBLIC_CRITICISM,
        "03": record_pb2.PENALTY_CATEGORY_FINE,
        "04": record_pb2.PENALTY_CATEGORY_CONFISCATE_GAINS,
        "05": record_pb2.PENALTY_CATEGORY_CONFISCATE_PROPERTY,
        "06": record_pb2.PENALTY_CATEGORY_SUSPEND_LICENCE,
        "07": record_pb2.PENALTY_CATEGORY_DOWNGRADE_QUALIFICATION,
        "08": record_pb2.PENALTY_CATEGORY_REVOKE_LICENCE,
        "09": record_pb2.PENALTY_CATEGORY_RESTRICT_OPERATIONS,
        "10": record_pb2.PENALTY_CATEGORY_SUSPEND_BUSINESS,
        "11": record_pb2.PENALTY_CATEGORY_ORDER_CLOSURE,
        "12": record_pb2.PENALTY_CATEGORY_RESTRICT_PRACTICE,
        "13": record_pb2.PENALTY_CATEGORY_DETENTION,
        "99": record_pb2.PENALTY_CATEGORY_OTHER,
    },
    source=_SOURCE,
)

_PENALTY_STATES: Final = CodeTable(
    name="status",
    values={
        "VALID": RowState.IN_FORCE,
        "CANCELED": RowState.REVOKED,
        "REPAIRED": RowState.REPAIRED,
        "NO_PENALTY": RowState.NOT_A_PENALTY,
    },
    source=_SOURCE,
)

_LIST_STATES: Final = CodeTable(
    name="status of a list entry",
    values={"VALID": RowState.IN_FORCE, "CANCELED": RowState.REVOKED},
    source=_SOURCE,
)

_PROCEDURES: Final = CodeTable(
    name="simple",
    values={"true": record_pb2.PROCEDURE_SUMMARY, "false": record_pb2.PROCEDURE_ORDINARY},
    source=_SOURCE,
)

_PERFORMANCE: Final = CodeTable(
    name="performed",
    values={
        "": record_pb2.PERFORMANCE_STATE_NOT_STATED,
        "Y": record_pb2.PERFORMANCE_STATE_PERFORMED,
        "N": record_pb2.PERFORMANCE_STATE_NOT_PERFORMED,
        "P": record_pb2.PERFORMANCE_STATE_PARTLY_PERFORMED,
    },
    source=_SOURCE,
)

_PENALTIES: Final = PenaltyForm(
    name="penalties",
    source=_SOURCE,
    subject=SubjectColumns(name="entName", uscc="creditCode", organisation_code="orgCode", registration_number="regNo"),
    domain=("deptCode", DOMAINS),
    state=("status", _PENALTY_STATES),
    document_number="penDecNo",
    decided_on="penDecDate",
    violation_type="illegalType",
    facts="illegalFact",
    legal_basis="penBasis",
    categories=(("penType",), _CATEGORIES),
    content="penContent",
    money=(
        MoneyColumn(column="penAm", unit=MoneyUnit.YUAN, kind=record_pb2.AMOUNT_KIND_FINE),
        MoneyColumn(column="forfAm", unit=MoneyUnit.YUAN, kind=record_pb2.AMOUNT_KIND_CONFISCATION),
    ),
    licence="licence",
    valid_until="validTo",
    publicity_until="publicTo",
    authority="penOrg",
    authority_uscc="penOrgCode",
    source_unit="srcOrg",
    procedure=("simple", _PROCEDURES),
    performance=("performed", _PERFORMANCE),
    performed_on="performedDate",
    date=read_epoch_millis,
    ignored={
        "id": "the row's key, read by source.py",
        "receivedTime": "when the platform received the row, read by source.py",
    },
)

_SERIOUS_LISTS: Final = ListForm(
    name="serious-lists",
    source=_SOURCE,
    subject=SubjectColumns(name="entName", uscc="creditCode", organisation_code="orgCode"),
    list_id=("listCode", _LISTS),
    state=("status", _LIST_STATES),
    document_number="inDocNo",
    listed_on="inDate",
    reason="inReason",
    planned_end_on="planOutDate",
    removed_on="outDate",
    authority="inOrg",
    authority_uscc="inOrgCode",
    source_unit="srcOrg",
    date=read_epoch_millis,
    ignored={
        "id": "the row's key, read by source.py",
        "receivedTime": "when the platform received the row, read by source.py",
        "deptCode": "who supplied the row; the domain is that of the list",
    },
)

# Domain, department, its telephone.
_UNITS: Final = (
    ("market_regulation", "天津市市场监督管理委员会", "022-0000-0001"),
    ("taxation", "国家税务总局天津市税务局", "022-0000-0002"),
    ("social_security", "天津市人力资源和社会保障局", "022-0000-0003"),
    ("housing_fund", "天津市住房公积金管理中心", "022-0000-0004"),
    ("emergency_management", "天津市应急管理局", "022-0000-0005"),
    ("public_finance", "天津市财政局", "022-0000-0006"),
    ("statistics", "天津市统计局", "022-0000-0007"),
    ("court_enforcement", "天津市高级人民法院", "022-0000-0008"),
    ("ecology_environment", "天津市生态环境局", "022-0000-0009"),
    ("natural_resources", "天津市规划和自然资源局", "022-0000-0010"),
    ("science_technology", "天津市科学技术局", "022-0000-0011"),
    ("public_security", "天津市公安局", "022-0000-0012"),
    ("housing_construction", "天津市住房和城乡建设委员会", "022-0000-0013"),
    ("transport", "天津市交通运输委员会", "022-0000-0014"),
    ("water_resources", "天津市水务局", "022-0000-0015"),
    ("health", "天津市卫生健康委员会", "022-0000-0016"),
    ("fire_rescue", "天津市消防救援总队", "022-0000-0017"),
)

PROFILE: Final = Profile(
    province=Province.TIANJIN,
    issuer_unit="天津市发展和改革委员会（演示）",
    issuer_telephone="（演示）022-0000-0000",
    issuer_verified=False,
    forms={form.name: form for form in (_PENALTIES, _SERIOUS_LISTS)},
    departments=by_cell({domain: demonstration(unit, telephone) for domain, unit, telephone in _UNITS}),
    disclosure_rules=disclosure_by_window("2025-12"),
    authority_prefixes=("天津经济技术开发区", "天津港保税区", "中国（天津）自由贸易试验区"),
)
