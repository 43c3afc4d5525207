"""Whose decisions are decided elsewhere: names of authorities that are certainly not a province's own.

A record belongs to the province of its deciding authority, not to the platform that holds it. A province's profile says how its
own authorities' names begin; this table says which names certainly belong to others. What is neither is not guessed: the row
cannot be read with certainty.

The short name of a province is certain of nothing: 河北区 is a district of 天津, 上海路 a road in many cities, and
北京铁路公安局 reaches into other provinces. Only its full name is, and the short one where an organ led from above names its
branch by it.

Source: GB/T 2260-2007 for the names of the province-level divisions; the organs' own names for the central ones.
"""

from __future__ import annotations

from typing import Final

_FULL_NAMES: Final = (
    "北京市", "天津市", "河北省", "山西省", "内蒙古自治区", "辽宁省", "吉林省", "黑龙江省", "上海市", "江苏省", "浙江省",
    "安徽省", "福建省", "江西省", "山东省", "河南省", "湖北省", "湖南省", "广东省", "广西壮族自治区", "海南省", "重庆市",
    "四川省", "贵州省", "云南省", "西藏自治区", "陕西省", "甘肃省", "青海省", "宁夏回族自治区", "新疆维吾尔自治区",
    "香港特别行政区", "澳门特别行政区", "台湾省", "新疆生产建设兵团",
)  # fmt: skip

_SHORT_NAMES: Final = (
    "北京", "天津", "河北", "山西", "内蒙古", "辽宁", "吉林", "黑龙江", "上海", "江苏", "浙江", "安徽", "福建", "江西",
    "山东", "河南", "湖北", "湖南", "广东", "广西", "海南", "重庆", "四川", "贵州", "云南", "西藏", "陕西", "甘肃", "青海",
    "宁夏", "新疆", "香港", "澳门", "台湾",
)  # fmt: skip

_VERTICAL: Final = (
    "国家税务总局", "国家统计局", "国家金融监督管理总局", "国家矿山安全监察局", "中国人民银行", "中国证券监督管理委员会",
    "中国证监会", "国家外汇管理局", "中华人民共和国",
)  # fmt: skip
"""Organs with branches in the provinces: what follows the organ's name says whose branch it is."""

_BRANCHES: Final = tuple(f"{short}{branch}" for short in _SHORT_NAMES for branch in ("调查总队", "监管局"))
"""How branches for a whole province are named by its short name: 国家统计局上海调查总队, 国家金融监督管理总局上海监管局."""

_CENTRAL: Final = frozenset(
    {
        "国家市场监督管理总局", "市场监管总局", "国家税务总局", "国家统计局", "人力资源和社会保障部", "应急管理部", "财政部",
        "生态环境部", "自然资源部", "科学技术部", "公安部", "住房和城乡建设部", "交通运输部", "水利部", "国家卫生健康委员会",
        "国家消防救援局", "最高人民法院", "国务院", "国务院安全生产委员会", "教育部", "商务部", "海关总署",
        "国家金融监督管理总局", "中国人民银行", "中国证券监督管理委员会", "国家药品监督管理局", "国家知识产权局",
    }
)  # fmt: skip


def is_own(authority: str, own_prefixes: tuple[str, ...]) -> bool:
    """Whether the authority is certainly one of those whose names begin with `own_prefixes`.

    A prefix that is no more than the short name of a province makes none certain.

    >>> is_own("河北省公安厅", ("河北省",)), is_own("河北区人民法院", ("河北",))
    (True, False)

    Args:
        authority: Its name, folded as the caller folds names.
        own_prefixes: How the names of the province's own authorities begin, folded likewise.
    """
    return any(
        authority.startswith(prefix) and _place(prefix) not in {"", *_SHORT_NAMES} for prefix in own_prefixes if prefix
    )


def is_elsewhere(authority: str, own_prefixes: tuple[str, ...]) -> bool:
    """Whether the authority is certainly not one of those whose names begin with `own_prefixes`.

    >>> is_elsewhere("上海市市场监督管理局", ("天津",))
    True
    >>> is_elsewhere("国家税务总局杭州市税务局", ("天津",))  # a city: whose it is, this table does not know
    False

    Args:
        authority: Its name, folded as the caller folds names.
        own_prefixes: How the names of the province's own authorities begin, folded likewise.
    """
    if authority.startswith(own_prefixes):
        return False
    if authority in _CENTRAL:
        return True
    place = _place(authority)
    if place.startswith(own_prefixes):
        return False
    return place.startswith(_FULL_NAMES) or (place != authority and _is_branch_elsewhere(place, own_prefixes))


def _is_branch_elsewhere(place: str, own_prefixes: tuple[str, ...]) -> bool:
    own = tuple(short for short in _SHORT_NAMES if any(prefix.startswith(short) for prefix in own_prefixes))
    return place.startswith(_BRANCHES) and not place.startswith(own)


def _place(authority: str) -> str:
    """The name without that of the organ above it."""
    for organ in _VERTICAL:
        authority = authority.removeprefix(organ)
    return authority
