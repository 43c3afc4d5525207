"""What the elements of Shanxi's service mean, and the names that its code tables had when this was written. Data only.

The platform is imagined; README.md beside this file is its description, and the source of every entry here.
"""

from __future__ import annotations

from typing import Final

from adapters.sdk.departments import by_cell, demonstration
from adapters.sdk.notation import read_compact_date
from adapters.sdk.profile import (
    CodeTable,
    ListForm,
    MoneyColumn,
    PenaltyForm,
    Profile,
    RowState,
    SubjectColumns,
)
from adapters.sdk.vocabulary import PENALTY_WORDS, disclosure_by_window
from contract.money import MoneyUnit
from contract.province import Province
from huren.fragment.v1 import record_pb2

_SOURCE: Final = "adapters/shanxi/README.md (the platform is imagined)"

# Code, the platform's own name of it, and what it means here (of categories: what the word means). GetCodeTable is held against the
# names.
_DEPT: Final = (
    ("SX-SCJG", "市场监管", "market_regulation"),
    ("SX-SWJ", "税务", "taxation"),
    ("SX-RSJ", "人力资源和社会保障", "social_security"),
    ("SX-GJJ", "住房公积金", "housing_fund"),
    ("SX-YJJ", "应急管理", "emergency_management"),
    ("SX-CZJ", "财政", "public_finance"),
    ("SX-TJJ", "统计", "statistics"),
    ("SX-FY", "法院", "court_enforcement"),
    ("SX-HBJ", "生态环境", "ecology_environment"),
    ("SX-ZRZY", "自然资源", "natural_resources"),
    ("SX-KJT", "科技", "science_technology"),
    ("SX-GAJ", "公安", "public_security"),
    ("SX-ZJT", "住房和城乡建设", "housing_construction"),
    ("SX-JTT", "交通运输", "transport"),
    ("SX-SLT", "水利", "water_resources"),
    ("SX-WJW", "卫生健康", "health"),
    ("SX-XF", "消防救援", "fire_rescue"),
    ("SX-QT", "其他部门", None),
)
_CATEGORY: Final = (
    ("A1", "警告"),
    ("A2", "通报批评"),
    ("B1", "罚款"),
    ("B2", "没收违法所得"),
    ("B3", "没收非法财物"),
    ("C1", "暂扣许可证件"),
    ("C2", "降低资质等级"),
    ("C3", "吊销许可证件"),
    ("D1", "限制开展生产经营活动"),
    ("D2", "责令停产停业"),
    ("D3", "责令关闭"),
    ("D4", "限制从业"),
    ("E1", "行政拘留"),
    ("Z9", "其他"),
)
_LIST: Final = (
    ("M1", "市场监督管理严重违法失信名单", "serious_illegal_market"),
    ("M2", "重大税收违法失信主体名单", "major_tax_violation"),
    ("M3", "拖欠农民工工资失信联合惩戒对象名单", "migrant_wage_arrears"),
    ("M4", "安全生产严重失信主体名单", "work_safety_dishonesty"),
    ("M5", "政府采购严重违法失信行为记录名单", "procurement_dishonesty"),
    ("M6", "统计严重失信企业名单", "statistics_dishonesty"),
    ("M7", "失信被执行人名单", "judgment_defaulter"),
)

DOMAINS: Final = CodeTable("DeptCode", {code: domain for code, _, domain in _DEPT}, _SOURCE)
_CATEGORIES: Final = CodeTable("Category", {code: PENALTY_WORDS[name] for code, name in _CATEGORY}, _SOURCE)
_LISTS: Final = CodeTable("ListCode", {code: list_id for code, _, list_id in _LIST}, _SOURCE)

NAMES: Final = (
    CodeTable("dept", {code: name for code, name, _ in _DEPT}, _SOURCE),
    CodeTable("category", dict(_CATEGORY), _SOURCE),
    CodeTable("list", {code: name for code, name, _ in _LIST}, _SOURCE),
)
"""The platform's own tables, by the name that GetCodeTable knows them by: code to name."""

_STATES: Final = CodeTable(
    "State",
    {
        "A": RowState.IN_FORCE,
        "C": RowState.REVOKED,
        "R": RowState.REPAIRED,
        "N": RowState.NOT_A_PENALTY,
    },
    _SOURCE,
)
_LIST_STATES: Final = CodeTable("State of a list entry", {"A": RowState.IN_FORCE, "C": RowState.REVOKED}, _SOURCE)
_PROCEDURES: Final = CodeTable(
    "Simple",
    {
        "": record_pb2.PROCEDURE_NOT_STATED,
        "0": record_pb2.PROCEDURE_ORDINARY,
        "1": record_pb2.PROCEDURE_SUMMARY,
    },
    _SOURCE,
)
_PERFORMANCE: Final = CodeTable(
    "Perform",
    {
        "": record_pb2.PERFORMANCE_STATE_NOT_STATED,
        "1": record_pb2.PERFORMANCE_STATE_PERFORMED,
        "2": record_pb2.PERFORMANCE_STATE_NOT_PERFORMED,
        "3": record_pb2.PERFORMANCE_STATE_PARTLY_PERFORMED,
    },
    _SOURCE,
)

_KEY = "the row's key, read by source.py"
_RECEIVED = "when the platform received the row, read by source.py"

QUERY_PENALTY: Final = PenaltyForm(
    name="QueryPenalty",
    source=_SOURCE,
    subject=SubjectColumns("EntName", "CreditCode", organisation_code="OrgCode", registration_number="RegNo"),
    domain=("DeptCode", DOMAINS),
    state=("State", _STATES),
    document_number="DocNo",
    decided_on="DecisionDate",
    violation_type="WfType",
    facts="WfFact",
    legal_basis="Basis",
    categories=(("Category",), _CATEGORIES),
    content="Content",
    money=(
        MoneyColumn("FineAmount", MoneyUnit.YUAN, record_pb2.AMOUNT_KIND_FINE),
        MoneyColumn("ConfiscateAmount", MoneyUnit.YUAN, record_pb2.AMOUNT_KIND_CONFISCATION),
    ),
    licence="Licence",
    valid_until="ValidTo",
    publicity_until="PublicTo",
    authority="OrgName",
    authority_uscc="OrgNameCode",
    source_unit="SourceUnit",
    procedure=("Simple", _PROCEDURES),
    performance=("Perform", _PERFORMANCE),
    performed_on="PerformDate",
    date=read_compact_date,
    ignored={"Id": _KEY, "RecvTime": _RECEIVED},
)

QUERY_SERIOUS_LIST: Final = ListForm(
    name="QuerySeriousList",
    source=_SOURCE,
    subject=SubjectColumns("EntName", "CreditCode", organisation_code="OrgCode"),
    list_id=("ListCode", _LISTS),
    state=("State", _LIST_STATES),
    document_number="DocNo",
    listed_on="InDate",
    reason="Reason",
    planned_end_on="PlanOutDate",
    removed_on="OutDate",
    authority="OrgName",
    authority_uscc="OrgNameCode",
    source_unit="SourceUnit",
    date=read_compact_date,
    ignored={"Id": _KEY, "RecvTime": _RECEIVED, "DeptCode": "who supplied the row; the domain is that of the list"},
)

# Domain, department, its telephone.
_UNITS: Final = (
    ("market_regulation", "山西省市场监督管理局", "0351-0000-0001"),
    ("taxation", "国家税务总局山西省税务局", "0351-0000-0002"),
    ("social_security", "山西省人力资源和社会保障厅", "0351-0000-0003"),
    ("housing_fund", "山西省住房和城乡建设厅住房公积金监管处", "0351-0000-0004"),
    ("emergency_management", "山西省应急管理厅", "0351-0000-0005"),
    ("public_finance", "山西省财政厅", "0351-0000-0006"),
    ("statistics", "山西省统计局", "0351-0000-0007"),
    ("court_enforcement", "山西省高级人民法院", "0351-0000-0008"),
    ("ecology_environment", "山西省生态环境厅", "0351-0000-0009"),
    ("natural_resources", "山西省自然资源厅", "0351-0000-0010"),
    ("science_technology", "山西省科学技术厅", "0351-0000-0011"),
    ("public_security", "山西省公安厅", "0351-0000-0012"),
    ("housing_construction", "山西省住房和城乡建设厅", "0351-0000-0013"),
    ("transport", "山西省交通运输厅", "0351-0000-0014"),
    ("water_resources", "山西省水利厅", "0351-0000-0015"),
    ("health", "山西省卫生健康委员会", "0351-0000-0016"),
    ("fire_rescue", "山西省消防救援总队", "0351-0000-0017"),
)

PROFILE: Final = Profile(
    province=Province.SHANXI,
    issuer_unit="山西省发展和改革委员会（演示）",
    issuer_telephone="（演示）0351-0000-0000",
    issuer_verified=False,
    forms={form.name: form for form in (QUERY_PENALTY, QUERY_SERIOUS_LIST)},
    departments=by_cell({domain: demonstration(unit, telephone) for domain, unit, telephone in _UNITS}),
    disclosure_rules=disclosure_by_window("2025-12"),
    authority_prefixes=("山西转型综合改革示范区", "山西综改示范区", "大同经济技术开发区", "晋中经济技术开发区"),
)
