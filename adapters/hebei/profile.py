"""河北, as data: how the columns of the two files are read, and who stands behind each cell.

The platform is imagined (README.md). Decisions come in two versions of one form, told apart by their header row: the exchange form
of 2016, and one of 2021 that follows the 双公示 standard. The same number means different things in them: code_2 is the
organisation code in the old one, and the registration number in the new one; amounts are in 万元 in the old one, in 元 in the new.

Names of departments are those of the province's offices, marked （演示）; nobody has confirmed that they would answer for these
cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.sdk.departments import by_cell, demonstration
from adapters.sdk.notation import read_iso_date, read_slash_date
from adapters.sdk.profile import (
    CodeTable,
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
    fold_list_name,
)
from contract.money import MoneyUnit
from contract.province import Province
from huren.fragment.v1 import record_pb2

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
_STATES_2021: Final = CodeTable(
    name="当前状态",
    values={**_STATES.values, "4": RowState.CHANGED},
    source=f"the platform's manual of 2021; {_README}",
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
_PROCEDURES_2021: Final = CodeTable(
    name="处罚程序",
    values={
        "简易程序": record_pb2.PROCEDURE_SUMMARY,
        "普通程序": record_pb2.PROCEDURE_ORDINARY,
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
    fold=fold_list_name,
)

_PENALTIES_2016: Final = PenaltyForm(
    name="HB_XZCF_2016",
    family="HB_XZCF",
    header=(
        *(
            "主键",
            "部门代码",
            "处罚名称",
            "行政处罚决定书文号",
            "处罚类别1",
            "处罚类别2",
            "处罚事由",
            "违法事实",
            "处罚依据",
        ),
        *("行政相对人名称", "行政相对人代码_1(统一社会信用代码)", "行政相对人代码_2(组织机构代码)"),
        *("行政相对人代码_3(工商登记码)", "行政相对人代码_4(税务登记号)", "法定代表人姓名", "处罚结果"),
        *("罚款金额(万元)", "没收金额(万元)", "处罚决定日期", "处罚截止期", "公示截止期", "处罚机关", "处罚机关代码"),
        *("数据来源单位", "简易程序", "履行情况", "履行日期", "当前状态", "地方编码", "数据更新时间戳", "备注"),
    ),
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

_PENALTIES_2021: Final = PenaltyForm(
    name="HB_XZCF_2021",
    family="HB_XZCF",
    header=(
        *("主键", "部门代码", "行政相对人名称", "行政相对人类别", "行政相对人代码_1(统一社会信用代码)"),
        *(
            "行政相对人代码_2(工商注册号)",
            "行政相对人代码_3(组织机构代码)",
            "行政相对人代码_4(税务登记号)",
            "法定代表人姓名",
        ),
        *("行政处罚决定书文号", "违法行为类型", "违法事实", "处罚依据", "处罚类别", "处罚内容", "罚款金额(元)"),
        *(
            "没收违法所得、没收非法财物的金额(元)",
            "罚没合计金额(元)",
            "暂扣或吊销证照名称及编号",
            "处罚决定日期",
            "处罚有效期",
        ),
        *(
            "公示截止期",
            "处罚机关",
            "处罚机关代码",
            "数据来源单位",
            "处罚程序",
            "履行情况",
            "履行日期",
            "被变更决定书文号",
        ),
        *("变更日期", "当前状态", "数据更新时间戳", "备注"),
    ),
    source=f"双公示 (发改办财金〔2018〕424号) as in public implementations, with amounts in 元; {_README}",
    subject=SubjectColumns(
        name="行政相对人名称",
        uscc="行政相对人代码_1(统一社会信用代码)",
        organisation_code="行政相对人代码_3(组织机构代码)",
        registration_number="行政相对人代码_2(工商注册号)",
    ),
    domain=("部门代码", CodeTable(name="部门代码", values=DEPARTMENTS, source=_README)),
    subject_class=("行政相对人类别", CodeTable(name="行政相对人类别", values=SUBJECT_CLASSES, source=_README)),
    state=("当前状态", _STATES_2021),
    document_number="行政处罚决定书文号",
    decided_on="处罚决定日期",
    violation_type="违法行为类型",
    facts="违法事实",
    legal_basis="处罚依据",
    categories=(("处罚类别",), _CATEGORIES),
    content="处罚内容",
    money=(
        MoneyColumn("罚款金额(元)", MoneyUnit.YUAN, record_pb2.AMOUNT_KIND_FINE),
        MoneyColumn("没收违法所得、没收非法财物的金额(元)", MoneyUnit.YUAN, record_pb2.AMOUNT_KIND_CONFISCATION),
        MoneyColumn("罚没合计金额(元)", MoneyUnit.YUAN, record_pb2.AMOUNT_KIND_COMBINED),
    ),
    licence="暂扣或吊销证照名称及编号",
    valid_until="处罚有效期",
    publicity_until="公示截止期",
    authority="处罚机关",
    authority_uscc="处罚机关代码",
    source_unit="数据来源单位",
    procedure=("处罚程序", _PROCEDURES_2021),
    performance=("履行情况", _PERFORMANCES),
    performed_on="履行日期",
    replaces="被变更决定书文号",
    replaced_on="变更日期",
    date=read_iso_date,
    ignored={
        "主键": _BY_SOURCE,
        "数据更新时间戳": _BY_SOURCE,
        "行政相对人代码_4(税务登记号)": "number of a register that no query names",
        "法定代表人姓名": "personal information: dropped while the file is read",
        "备注": "remarks of the supplier, meant for the platform and not for disclosure",
    },
)

_LIST_ENTRIES: Final = ListForm(
    name="HB_YZSX",
    family="HB_YZSX",
    header=(
        *(
            "主键",
            "部门代码",
            "名单名称",
            "企业名称",
            "统一社会信用代码",
            "组织机构代码",
            "列入决定书文号",
            "列入事由",
            "列入日期",
        ),
        *("列入决定机关", "列入决定机关代码", "期限届满日期", "移出日期", "数据来源单位", "当前状态", "数据更新时间戳"),
    ),
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

PROFILE: Final = Profile(
    province=Province.HEBEI,
    issuer_unit="河北省数据和政务服务局（演示）",
    issuer_telephone="（演示）0311-0000-0000",
    issuer_verified=False,
    forms={form.name: form for form in (_PENALTIES_2016, _PENALTIES_2021, _LIST_ENTRIES)},
    departments=by_cell(
        {
            domain: demonstration(unit, "0311-0000-0000", covered=domain not in _NOT_COVERED)
            for domain, unit in _UNITS.items()
        }
    ),
    disclosure_rules=disclosure_by_window("hebei-1"),
    authority_prefixes=(
        "河北雄安新区",
        "雄安新区",
        "中国（河北）自由贸易试验区",
        "石家庄高新技术产业开发区",
        "石家庄经济技术开发区",
        "保定国家高新技术产业开发区",
        "唐山高新技术产业开发区",
        "秦皇岛经济技术开发区",
        "廊坊经济技术开发区",
        "燕郊高新技术产业开发区",
    ),
)
