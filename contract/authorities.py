"""Whose decisions are decided elsewhere: names of authorities that are certainly not a province's own.

A record belongs to the province of its deciding authority, not to the platform that holds it. A province's profile says how its
own authorities' names begin; this table says which names certainly belong to others. What is neither is not guessed: the row
cannot be read with certainty.

Source: GB/T 2260-2007 for the names of the province-level divisions; the organs' own names for the central ones.
"""

from __future__ import annotations

from typing import Final

_PROVINCE_LEVEL: Final = (
    "北京", "天津", "河北", "山西", "内蒙古", "辽宁", "吉林", "黑龙江", "上海", "江苏", "浙江", "安徽", "福建", "江西",
    "山东", "河南", "湖北", "湖南", "广东", "广西", "海南", "重庆", "四川", "贵州", "云南", "西藏", "陕西", "甘肃", "青海",
    "宁夏", "新疆", "香港", "澳门", "台湾",
)  # fmt: skip

_VERTICAL: Final = (
    "国家税务总局", "国家统计局", "国家金融监督管理总局", "国家矿山安全监察局", "中国人民银行", "中国证券监督管理委员会",
    "中国证监会", "国家外汇管理局", "中华人民共和国",
)  # fmt: skip
"""Organs with branches in the provinces: what follows the organ's name says whose branch it is."""

_CENTRAL: Final = frozenset(
    {
        "国家市场监督管理总局", "市场监管总局", "国家税务总局", "国家统计局", "人力资源和社会保障部", "应急管理部", "财政部",
        "生态环境部", "自然资源部", "科学技术部", "公安部", "住房和城乡建设部", "交通运输部", "水利部", "国家卫生健康委员会",
        "国家消防救援局", "最高人民法院", "国务院", "国务院安全生产委员会", "教育部", "商务部", "海关总署",
        "国家金融监督管理总局", "中国人民银行", "中国证券监督管理委员会", "国家药品监督管理局", "国家知识产权局",
    }
)  # fmt: skip


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
    place = authority
    for organ in _VERTICAL:
        place = place.removeprefix(organ)
    return place.startswith(_PROVINCE_LEVEL) and not place.startswith(own_prefixes)
