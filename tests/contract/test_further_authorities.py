"""Authorities as rows name them, read from the page by a person: whose decision it is, as seen from each of the four."""

from __future__ import annotations

from importlib import import_module

import pytest

from adapters.sdk.notation import fold_name
from adapters.sdk.profile import Profile
from contract.authorities import Decided, DecidedBy, decided_in
from contract.province import Province

BEIJING, TIANJIN, HEBEI, SHANXI = Province.BEIJING, Province.TIANJIN, Province.HEBEI, Province.SHANXI
OUTSIDE, CENTRAL = Decided(DecidedBy.OTHER), Decided(DecidedBy.CENTRAL)
UNKNOWN, CONTRADICTED = Decided(DecidedBy.UNKNOWN), Decided(DecidedBy.CONTRADICTED)
PROFILES: dict[Province, Profile] = {
    province: import_module(f"adapters.{province.name.lower()}.profile").PROFILE for province in Province
}

NAMES: dict[str, Province | Decided] = {
    "石家庄市裕华区城市管理综合行政执法局": HEBEI,
    "雄县市场监督管理局": HEBEI,
    "容城县应急管理局": HEBEI,
    "定州市市场监督管理局": HEBEI,
    "保定市生态环境局定州市分局": HEBEI,
    "廊坊市三河市应急管理局": HEBEI,
    "桥西区税务局": HEBEI,
    "河北新华区": HEBEI,
    "沧州市新华区": HEBEI,
    "北京市朝阳区应急管理局": BEIJING,
    "长春市朝阳区应急管理局": OUTSIDE,
    "朝阳区应急管理局": UNKNOWN,
    "和平区市场监督管理局": UNKNOWN,
    "沈阳市和平区市场监督管理局": OUTSIDE,
    "天津市和平区市场监督管理局": TIANJIN,
    "河北区市场监督管理局": UNKNOWN,
    "天津市河北区市场监督管理局": TIANJIN,
    "南开区市场监管局": TIANJIN,
    "天津市场监督管理委员会": UNKNOWN,
    "新华区": UNKNOWN,
    "平顶山市新华区": OUTSIDE,
    "城区应急管理局": UNKNOWN,
    "晋城市城区": SHANXI,
    "大同市平城区": SHANXI,
    "原平市市场监督管理局": SHANXI,
    "原北京市工商行政管理局": BEIJING,
    "原河北省环境保护厅": HEBEI,
    "原国家工商总局": CENTRAL,
    "省生态环境厅": UNKNOWN,
    "市场监督管理局": UNKNOWN,
    "山西省石家庄市市场监督管理局": CONTRADICTED,
    "北京市天津市税务局": CONTRADICTED,
    "国家税务总局天津市税务局第三稽查局": TIANJIN,
    "国家税务总局北京市税务局第一稽查局": BEIJING,
    "国家税务总局稽查局": UNKNOWN,
    "国家税务总局": CENTRAL,
    "国家外汇管理局山西省分局": SHANXI,
    "国家外汇管理局北京外汇管理部": UNKNOWN,
    "中国人民银行天津分行": UNKNOWN,
    "中国人民银行石家庄中心支行": HEBEI,
    "河北银保监局": HEBEI,
    "国家金融监督管理总局大同监管分局": SHANXI,
    "华北能源监管局": UNKNOWN,
    "国家矿山安全监察局山西局": SHANXI,
    "国家统计局石家庄调查队": HEBEI,
    "民航华北地区管理局": UNKNOWN,
    "太原铁路公安局": UNKNOWN,
    "北京铁路公安局石家庄公安处": UNKNOWN,
    "北京海关": CENTRAL,
    "石家庄海关": CENTRAL,
    "天津滨海国际机场海关": CENTRAL,
    "天津海事局": CENTRAL,
    "秦皇岛海事局": CENTRAL,
    "天津海事法院": TIANJIN,
    "北京金融法院": BEIJING,
    "应急管理部": CENTRAL,
    "生态环境部华北督察局": UNKNOWN,
    "大兴国际机场临空经济区综合执法局": UNKNOWN,
    "北京大兴国际机场临空经济区管理委员会": UNKNOWN,
    "中国（河北）自由贸易试验区大兴机场片区": HEBEI,
    "水利部海河水利委员会": UNKNOWN,
    "首都机场公安局": UNKNOWN,
    "上海市市场监督管理局": OUTSIDE,
    "内蒙古自治区市场监督管理局": OUTSIDE,
    "示例局": UNKNOWN,
    "": UNKNOWN,
}
"""As seen from every province but for the zones below."""

ZONES = {
    "北京经济技术开发区综合执法局": BEIJING,
    "北京住房公积金管理中心朝阳管理部": BEIJING,
    "天津经济技术开发区管理委员会": TIANJIN,
    "河北雄安新区管理委员会综合执法局": HEBEI,
    "石家庄高新技术产业开发区管理委员会": HEBEI,
    "秦皇岛经济技术开发区综合执法局": HEBEI,
    "燕郊高新技术产业开发区管理委员会": HEBEI,
    "山西综改示范区综合行政执法局": SHANXI,
    "大同经济技术开发区管理委员会": SHANXI,
}
"""No division names their place: their own province knows them, and nobody else."""


def seen(name: str, own: Province) -> Decided:
    prefixes = tuple(map(fold_name, PROFILES[own].authority_prefixes))
    return decided_in(fold_name(name), "", own, prefixes)


@pytest.mark.parametrize("own", list(Province), ids=lambda own: own.name)
@pytest.mark.parametrize(("name", "expected"), [pytest.param(*case, id=case[0]) for case in NAMES.items()])
def test_whose_decision_it_is(name: str, expected: Province | Decided, own: Province) -> None:
    if isinstance(expected, Province):
        expected = Decided(DecidedBy.OWN if expected is own else DecidedBy.OTHER, expected)

    assert seen(name, own) == expected


@pytest.mark.parametrize("own", list(Province), ids=lambda own: own.name)
@pytest.mark.parametrize(("name", "province"), [pytest.param(*case, id=case[0]) for case in ZONES.items()])
def test_a_zone_is_known_to_its_own_province(name: str, province: Province, own: Province) -> None:
    assert seen(name, own) == (Decided(DecidedBy.OWN, own) if own is province else UNKNOWN)
