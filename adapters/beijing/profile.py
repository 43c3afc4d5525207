"""北京, as data: how the columns of `T_XZCF` and `T_YZSX` are read, and who stands behind each cell.

The platform is imagined (README.md); the columns of `T_XZCF` are those of the 双公示 standard. Names of departments are those of
the city's offices, marked （演示）; nobody has confirmed that they would answer for these cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.sdk.departments import by_cell, demonstration
from adapters.sdk.notation import read_iso_date
from adapters.sdk.profile import (
    CodeTable,
    Department,
    ListForm,
    MoneyColumn,
    PenaltyForm,
    Profile,
    RowState,
    SubjectColumns,
)
from adapters.sdk.vocabulary import (
    PENALTY_WORDS,
    PENALTY_WORDS_SOURCE,
    SUBJECT_CLASSES,
    disclosure_by_window,
)
from contract.money import MoneyUnit
from contract.province import Province
from huren.fragment.v1 import record_pb2

_README: Final = "adapters/beijing/README.md (imagined)"
_PERSONAL: Final = "personal information: not selected"
_OTHER_REGISTER: Final = "number of a register that no query names: not selected"
_BY_SOURCE: Final = "read by source.py"

DOMAINS: Final[Mapping[str, str | None]] = {
    "SCJG": "market_regulation",
    "SW": "taxation",
    "SHBZ": "social_security",
    "GJJ": "housing_fund",
    "YJGL": "emergency_management",
    "CZ": "public_finance",
    "TJ": "statistics",
    "FYZX": "court_enforcement",
    "STHJ": "ecology_environment",
    "GHZR": "natural_resources",
    "KJ": "science_technology",
    "GA": "public_security",
    "ZJ": "housing_construction",
    "JT": "transport",
    "SWU": "water_resources",
    "WJ": "health",
    "XF": "fire_rescue",
    "QT": None,
}
"""`LYBM`: code to domain; None: outside the catalogue."""

_CATEGORIES: Final = CodeTable(
    name="CF_CFLB",
    values={
        **PENALTY_WORDS,
        "不予处罚": RowState.NOT_A_PENALTY,
        "责令改正": RowState.NOT_A_PENALTY,
    },
    source=f"{PENALTY_WORDS_SOURCE}; {_README}",
)
_STATES: Final = CodeTable(
    name="ZT",
    values={"1": RowState.IN_FORCE, "2": RowState.REVOKED, "3": RowState.REPAIRED},
    source=_README,
)
_PROCEDURES: Final = CodeTable(
    name="CF_CXBS",
    values={
        "1": record_pb2.PROCEDURE_ORDINARY,
        "2": record_pb2.PROCEDURE_SUMMARY,
        "": record_pb2.PROCEDURE_NOT_STATED,
    },
    source=_README,
)
_PERFORMANCES: Final = CodeTable(
    name="CF_LXZT",
    values={
        "0": record_pb2.PERFORMANCE_STATE_NOT_STATED,
        "1": record_pb2.PERFORMANCE_STATE_PERFORMED,
        "2": record_pb2.PERFORMANCE_STATE_NOT_PERFORMED,
        "3": record_pb2.PERFORMANCE_STATE_PARTLY_PERFORMED,
    },
    source=_README,
)
LISTS: Final[Mapping[str, tuple[str, str]]] = {
    "SCJG-YZWF": ("serious_illegal_market", "market_regulation"),
    "SW-ZDSW": ("major_tax_violation", "taxation"),
    "RS-TQNMG": ("migrant_wage_arrears", "social_security"),
    "YJ-AQSC": ("work_safety_dishonesty", "emergency_management"),
    "CZ-ZFCG": ("procurement_dishonesty", "public_finance"),
    "TJ-YZSX": ("statistics_dishonesty", "statistics"),
    "FY-SXBZX": ("judgment_defaulter", "court_enforcement"),
}
"""`MDBM`: code to list, and to the domain whose cell carries the list."""

_LISTS: Final = CodeTable(name="MDBM", values={code: list_id for code, (list_id, _) in LISTS.items()}, source=_README)

_PENALTIES: Final = PenaltyForm(
    name="T_XZCF",
    source=f"双公示 (发改办财金〔2018〕424号) as in public implementations; {_README}",
    subject=SubjectColumns(
        name="CF_XDR_MC",
        uscc="CF_XDR_SHXYM",
        organisation_code="CF_XDR_ZZJG",
        registration_number="CF_XDR_GSZC",
    ),
    domain=("LYBM", CodeTable(name="LYBM", values=DOMAINS, source=_README)),
    state=("ZT", _STATES),
    document_number="CF_WSH",
    decided_on="CF_JDRQ",
    violation_type="CF_WFXW",
    facts="CF_SY",
    legal_basis="CF_YJ",
    categories=(("CF_CFLB",), _CATEGORIES),
    content="CF_NR",
    money=(
        MoneyColumn("CF_NR_FK", MoneyUnit.WAN_YUAN, record_pb2.AMOUNT_KIND_FINE),
        MoneyColumn("CF_NR_WFFF", MoneyUnit.WAN_YUAN, record_pb2.AMOUNT_KIND_CONFISCATION),
    ),
    licence="CF_NR_ZKDX",
    valid_until="CF_YXQ",
    publicity_until="CF_GSJZQ",
    authority="CF_CFJG",
    authority_uscc="CF_CFJGDM",
    source_unit="CF_SJLY",
    procedure=("CF_CXBS", _PROCEDURES),
    performance=("CF_LXZT", _PERFORMANCES),
    performed_on="CF_LXRQ",
    subject_class=("CF_XDR_LB", CodeTable(name="CF_XDR_LB", values=SUBJECT_CLASSES, source=f"双公示; {_README}")),
    date=read_iso_date,
    ignored={
        "ID": _BY_SOURCE,
        "GJSJ": _BY_SOURCE,
        "CF_XDR_SWDJ": _OTHER_REGISTER,
        "CF_XDR_SYDW": _OTHER_REGISTER,
        "CF_XDR_SHZZ": _OTHER_REGISTER,
        "CF_FRDB": _PERSONAL,
        "CF_FR_ZJLX": _PERSONAL,
        "CF_FR_ZJHM": _PERSONAL,
        "CF_XDR_ZJLX": _PERSONAL,
        "CF_XDR_ZJHM": _PERSONAL,
        "CF_SJLYDM": "the source unit is printed by name",
        "BZ": "remarks of the supplier, meant for the platform and not for disclosure: not selected",
    },
)

_LIST_ENTRIES: Final = ListForm(
    name="T_YZSX",
    source=_README,
    subject=SubjectColumns(name="QYMC", uscc="SHXYDM", organisation_code="ZZJGDM"),
    list_id=("MDBM", _LISTS),
    state=("ZT", _STATES),
    document_number="LRWSH",
    listed_on="LRRQ",
    removed_on="YCRQ",
    planned_end_on="NQYCRQ",
    reason="LRSY",
    authority="LRJG",
    authority_uscc="LRJGDM",
    source_unit="SJLY",
    date=read_iso_date,
    ignored={
        "ID": _BY_SOURCE,
        "GJSJ": _BY_SOURCE,
        "LYBM": "the list itself says its domain",
    },
)

_UNITS: Final[Mapping[str, str]] = {
    "market_regulation": "北京市市场监督管理局",
    "taxation": "国家税务总局北京市税务局",
    "social_security": "北京市人力资源和社会保障局",
    "housing_fund": "北京住房公积金管理中心",
    "emergency_management": "北京市应急管理局",
    "public_finance": "北京市财政局",
    "statistics": "北京市统计局",
    "court_enforcement": "北京市高级人民法院",
    "ecology_environment": "北京市生态环境局",
    "natural_resources": "北京市规划和自然资源委员会",
    "science_technology": "北京市科学技术委员会",
    "public_security": "北京市公安局",
    "housing_construction": "北京市住房和城乡建设委员会",
    "transport": "北京市交通委员会",
    "water_resources": "北京市水务局",
    "health": "北京市卫生健康委员会",
    "fire_rescue": "北京市消防救援总队",
}


def _department(unit: str) -> Department:
    return demonstration(
        unit,
        "010-0000-0000",
        supply_lag_working_days=15,
        supply_lag_source="《北京市公共信用信息管理办法》第十三条",
    )


PROFILE: Final = Profile(
    province=Province.BEIJING,
    issuer_unit="北京市经济和信息化局（演示）",
    issuer_telephone="（演示）010-0000-0000",
    issuer_verified=False,
    forms={form.name: form for form in (_PENALTIES, _LIST_ENTRIES)},
    departments=by_cell({domain: _department(unit) for domain, unit in _UNITS.items()}),
    disclosure_rules=disclosure_by_window("beijing-1"),
    authority_prefixes=("北京住房公积金管理中心", "北京经济技术开发区", "中国（北京）自由贸易试验区"),
)
