"""河北, as data: how the columns of the two files are read, and who stands behind each cell.

The platform is imagined (README.md); the decision columns are those of the 2016 exchange form. Names of departments are those of
the province's offices, marked （演示）; nobody has confirmed that they would answer for these cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.sdk.departments import by_cell, demonstration
from adapters.sdk.notation import read_slash_date
from adapters.sdk.profile import (
    CodeTable,
    ListForm,
    MoneyColumn,
    PenaltyForm,
    Profile,
    RowState,
    SubjectColumns,
)
from adapters.sdk.vocabulary import PENALTY_WORDS, PENALTY_WORDS_SOURCE, authorities_of
from contract.money import MoneyUnit
from contract.province import Province
from huren.fragment.v1 import fragment_pb2, record_pb2

_README: Final = "adapters/hebei/README.md (imagined)"
_BY_SOURCE: Final = "read by source.py"

DEPARTMENTS: Final[Mapping[str, str | None]] = {
    "130201": "market_regulation",
    "130202": "taxation",
    "130203": "social_security",
    "130204": "housing_fund",
    "130205": "emergency_management",
    "130206": "public_finance",
    "130207": "statistics",
    "130208": "court_enforcement",
    "130209": "ecology_environment",
    "130210": "natural_resources",
    "130211": "science_technology",
    "130212": "public_security",
    "130213": "housing_construction",
    "130214": "transport",
    "130215": "water_resources",
    "130216": "health",
    "130217": "fire_rescue",
    "130299": None,
}
"""`部门代码`: code to domain; None: outside the catalogue."""

_CATEGORIES: Final = CodeTable(
    name="处罚类别",
    values=PENALTY_WORDS,
    source=f"{PENALTY_WORDS_SOURCE}; {_README}",
)
_STATES: Final = CodeTable(
    name="当前状态",
    values={
        "0": RowState.IN_FORCE,
        "1": RowState.REVOKED,
        "2": RowState.REPAIRED,
        "3": RowState.NOT_A_PENALTY,
    },
    source=f"the platform's manual; {_README}",
)
_LIST_STATES: Final = CodeTable(
    name="当前状态",
    values={code: state for code, state in _STATES.values.items() if state is not RowState.NOT_A_PENALTY},
    source=_STATES.source,
)
_PROCEDURES: Final = CodeTable(
    name="简易程序",
    values={
        "是": record_pb2.PROCEDURE_SUMMARY,
        "否": record_pb2.PROCEDURE_ORDINARY,
        "": record_pb2.PROCEDURE_NOT_STATED,
    },
    source=_README,
)
_PERFORMANCES: Final = CodeTable(
    name="履行情况",
    values={
        "已履行": record_pb2.PERFORMANCE_STATE_PERFORMED,
        "未履行": record_pb2.PERFORMANCE_STATE_NOT_PERFORMED,
        "部分履行": record_pb2.PERFORMANCE_STATE_PARTLY_PERFORMED,
        "": record_pb2.PERFORMANCE_STATE_NOT_STATED,
    },
    source=_README,
)
_LISTS: Final = CodeTable(
    name="名单名称",
    values={
        "市场监督管理严重违法失信名单": "serious_illegal_market",
        "严重违法失信企业名单": "serious_illegal_market",
        "重大税收违法失信主体名单": "major_tax_violation",
        "重大税收违法案件当事人名单": "major_tax_violation",
        "拖欠农民工工资失信联合惩戒对象名单": "migrant_wage_arrears",
        "拖欠农民工工资“黑名单”": "migrant_wage_arrears",
        "安全生产严重失信主体名单": "work_safety_dishonesty",
        "安全生产失信联合惩戒“黑名单”": "work_safety_dishonesty",
        "安全生产不良记录“黑名单”": "work_safety_dishonesty",
        "政府采购严重违法失信行为记录名单": "procurement_dishonesty",
        "统计严重失信企业名单": "statistics_dishonesty",
        "统计上严重失信企业名单": "statistics_dishonesty",
        "失信被执行人名单": "judgment_defaulter",
    },
    source=f"names and older names of the catalogue; {_README}",
)

_PENALTIES: Final = PenaltyForm(
    name="HB_XZCF",
    source=f"exchange form of 2016 as in public implementations; {_README}",
    subject=SubjectColumns(
        name="行政相对人名称",
        uscc="行政相对人代码_1(统一社会信用代码)",
        organisation_code="行政相对人代码_2(组织机构代码)",
        registration_number="行政相对人代码_3(工商登记码)",
    ),
    domain=("部门代码", CodeTable(name="部门代码", values=DEPARTMENTS, source=_README)),
    state=("当前状态", _STATES),
    document_number="行政处罚决定书文号",
    decided_on="处罚决定日期",
    violation_type="处罚事由",
    facts="违法事实",
    legal_basis="处罚依据",
    categories=(("处罚类别1", "处罚类别2"), _CATEGORIES),
    content="处罚结果",
    money=(
        MoneyColumn("罚款金额(万元)", MoneyUnit.WAN_YUAN, record_pb2.AMOUNT_KIND_FINE),
        MoneyColumn("没收金额(万元)", MoneyUnit.WAN_YUAN, record_pb2.AMOUNT_KIND_CONFISCATION),
    ),
    valid_until="处罚截止期",
    publicity_until="公示截止期",
    authority="处罚机关",
    authority_uscc="处罚机关代码",
    source_unit="数据来源单位",
    procedure=("简易程序", _PROCEDURES),
    performance=("履行情况", _PERFORMANCES),
    performed_on="履行日期",
    date=read_slash_date,
    ignored={
        "主键": _BY_SOURCE,
        "数据更新时间戳": _BY_SOURCE,
        "处罚名称": "title of the case: repeats the type of violation, may name persons",
        "行政相对人代码_4(税务登记号)": "number of a register that no query names",
        "法定代表人姓名": "personal information: dropped while the file is read",
        "地方编码": "the authority's name says the place",
        "备注": "remarks of the supplier, meant for the platform and not for disclosure",
    },
)

_LIST_ENTRIES: Final = ListForm(
    name="HB_YZSX",
    source=_README,
    subject=SubjectColumns(name="企业名称", uscc="统一社会信用代码", organisation_code="组织机构代码"),
    list_id=("名单名称", _LISTS),
    name_when_listed="名单名称",
    state=("当前状态", _LIST_STATES),
    document_number="列入决定书文号",
    listed_on="列入日期",
    removed_on="移出日期",
    planned_end_on="期限届满日期",
    reason="列入事由",
    authority="列入决定机关",
    authority_uscc="列入决定机关代码",
    source_unit="数据来源单位",
    date=read_slash_date,
    ignored={
        "主键": _BY_SOURCE,
        "数据更新时间戳": _BY_SOURCE,
        "部门代码": "the list itself says its domain",
    },
)

_UNITS: Final[Mapping[str, str]] = {
    "market_regulation": "河北省市场监督管理局",
    "taxation": "国家税务总局河北省税务局",
    "social_security": "河北省人力资源和社会保障厅",
    "housing_fund": "河北省住房和城乡建设厅住房公积金监管处",
    "emergency_management": "河北省应急管理厅",
    "public_finance": "河北省财政厅",
    "statistics": "河北省统计局",
    "court_enforcement": "河北省高级人民法院",
    "ecology_environment": "河北省生态环境厅",
    "natural_resources": "河北省自然资源厅",
    "science_technology": "河北省科学技术厅",
    "public_security": "河北省公安厅",
    "housing_construction": "河北省住房和城乡建设厅",
    "transport": "河北省交通运输厅",
    "water_resources": "河北省水利厅",
    "health": "河北省卫生健康委员会",
    "fire_rescue": "河北省消防救援总队",
}
_NOT_COVERED: Final = frozenset({"science_technology"})
"""Not connected to the exchange: the department certifies by itself."""

# GB/T 2260: the prefectures, and the counties and county-level cities, whose authorities sign without the prefecture's name.
# Districts are left out: theirs always do, and 新华区, 桥西区 and the like stand in several provinces.
_PLACE_NAMES: Final = """
河北省 石家庄市 唐山市 秦皇岛市 邯郸市 邢台市 保定市 张家口市 承德市 沧州市 廊坊市 衡水市 河北雄安新区 雄安新区 定州市 辛集市
井陉县 正定县 行唐县 灵寿县 高邑县 深泽县 赞皇县 无极县 平山县 元氏县 赵县 晋州市 新乐市
滦南县 乐亭县 迁西县 玉田县 遵化市 迁安市 滦州市 青龙满族自治县 昌黎县 卢龙县
临漳县 成安县 大名县 涉县 磁县 邱县 鸡泽县 广平县 馆陶县 魏县 曲周县 武安市
临城县 内丘县 柏乡县 隆尧县 宁晋县 巨鹿县 新河县 广宗县 平乡县 威县 清河县 临西县 南宫市 沙河市
涞水县 阜平县 定兴县 唐县 高阳县 容城县 涞源县 望都县 安新县 易县 曲阳县 蠡县 顺平县 博野县 雄县 涿州市 安国市 高碑店市
张北县 康保县 沽源县 尚义县 蔚县 阳原县 怀安县 怀来县 涿鹿县 赤城县
承德县 兴隆县 滦平县 隆化县 丰宁满族自治县 宽城满族自治县 围场满族蒙古族自治县 平泉市
沧县 青县 东光县 海兴县 盐山县 肃宁县 南皮县 吴桥县 献县 孟村回族自治县 泊头市 任丘市 黄骅市 河间市
固安县 永清县 香河县 大城县 文安县 大厂回族自治县 霸州市 三河市
枣强县 武邑县 武强县 饶阳县 安平县 故城县 景县 阜城县 深州市
"""
_SURVEYED: Final = "河北 石家庄 唐山 秦皇岛 邯郸 邢台 保定 张家口 承德 沧州 廊坊 衡水"
"""Survey teams are named by the short names (国家统计局唐山调查队), which alone are certain of nothing (唐山路, 河北区 of 天津)."""

PROFILE: Final = Profile(
    province=Province.HEBEI,
    issuer_unit="河北省数据和政务服务局（演示）",
    issuer_telephone="（演示）0311-0000-0000",
    issuer_verified=False,
    forms={form.name: form for form in (_PENALTIES, _LIST_ENTRIES)},
    departments=by_cell(
        {
            domain: demonstration(unit, "0311-0000-0000", covered=domain not in _NOT_COVERED)
            for domain, unit in _UNITS.items()
        }
    ),
    disclosure=fragment_pb2.DisclosureRules(
        basis=fragment_pb2.DISCLOSURE_BASIS_WINDOW, includes_summary_procedure=True, version="hebei-1"
    ),
    authority_prefixes=(
        *authorities_of(_PLACE_NAMES.split()),
        *(f"国家统计局{place}调查" for place in _SURVEYED.split()),
        "中国（河北）自由贸易试验区",
    ),
)
