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
from adapters.sdk.vocabulary import PENALTY_WORDS, authorities_of
from contract.money import MoneyUnit
from contract.province import Province
from huren.fragment.v1 import fragment_pb2, record_pb2

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

# Authorities of the province sign with its name, with that of their city, in old rows in traditional characters, and those of
# counties often with the county's name alone. Source: GB/T 2260 (2024); 城区, 矿区 and 郊区 alone name no place.
_PLACE_NAMES: Final = """
山西省 太原市 大同市 阳泉市 长治市 晋城市 朔州市 晋中市 运城市 忻州市 临汾市 吕梁市
陽泉市 長治市 晉城市 晉中市 運城市 臨汾市 呂梁市
小店区 迎泽区 杏花岭区 尖草坪区 万柏林区 晋源区 清徐县 阳曲县 娄烦县 古交市
新荣区 平城区 云冈区 云州区 阳高县 天镇县 广灵县 灵丘县 浑源县 左云县
平定县 盂县
潞州区 上党区 屯留区 潞城区 襄垣县 平顺县 黎城县 壶关县 长子县 武乡县 沁县 沁源县
沁水县 阳城县 陵川县 泽州县 高平市
朔城区 平鲁区 山阴县 应县 右玉县 怀仁市
榆次区 太谷区 榆社县 左权县 和顺县 昔阳县 寿阳县 祁县 平遥县 灵石县 介休市
盐湖区 临猗县 万荣县 闻喜县 稷山县 新绛县 绛县 垣曲县 夏县 平陆县 芮城县 永济市 河津市
忻府区 定襄县 五台县 代县 繁峙县 宁武县 静乐县 神池县 五寨县 岢岚县 河曲县 保德县 偏关县 原平市
尧都区 曲沃县 翼城县 襄汾县 洪洞县 古县 安泽县 浮山县 吉县 乡宁县 大宁县 隰县 永和县 蒲县 汾西县 侯马市 霍州市
离石区 文水县 交城县 兴县 临县 柳林县 石楼县 岚县 方山县 中阳县 交口县 孝义市 汾阳市
"""
_SURVEYED: Final = "山西 太原 大同 阳泉 长治 晋城 朔州 晋中 运城 忻州 临汾 吕梁"
"""Survey teams are named by the short names (国家统计局大同调查队), which alone are certain of nothing (大同区 of 大庆)."""

PROFILE: Final = Profile(
    province=Province.SHANXI,
    issuer_unit="山西省发展和改革委员会（演示）",
    issuer_telephone="（演示）0351-0000-0000",
    issuer_verified=False,
    forms={form.name: form for form in (QUERY_PENALTY, QUERY_SERIOUS_LIST)},
    departments=by_cell({domain: demonstration(unit, telephone) for domain, unit, telephone in _UNITS}),
    disclosure=fragment_pb2.DisclosureRules(
        basis=fragment_pb2.DISCLOSURE_BASIS_WINDOW, includes_summary_procedure=True, version="2025-12"
    ),
    authority_prefixes=(
        *authorities_of(_PLACE_NAMES.split()),
        *(f"国家统计局{place}调查" for place in _SURVEYED.split()),
        "山西转型综合改革示范区",
    ),
)
