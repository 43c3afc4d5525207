"""Whose an authority certainly is, and whose it is not."""

from __future__ import annotations

import pytest

from adapters.beijing.profile import PROFILE as BEIJING
from adapters.hebei.profile import PROFILE as HEBEI
from adapters.sdk.notation import fold_name
from adapters.sdk.profile import Profile
from adapters.shanxi.profile import PROFILE as SHANXI
from adapters.tianjin.profile import PROFILE as TIANJIN
from contract.authorities import is_elsewhere, is_own
from sandbox.world import generate
from tests.support.worlds import TODAY

PROFILES = {profile.province: profile for profile in (BEIJING, TIANJIN, HEBEI, SHANXI)}
OWN, ELSEWHERE, UNREADABLE = "own", "elsewhere", "unreadable"


def said(authority: str, profile: Profile) -> str:
    name, own = fold_name(authority), tuple(map(fold_name, profile.authority_prefixes))
    if is_own(name, own):
        assert not is_elsewhere(name, own)
        return OWN
    return ELSEWHERE if is_elsewhere(name, own) else UNREADABLE


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.province.slug)
@pytest.mark.parametrize(
    "authority",
    [
        "河北区市场监督管理局",
        "河北区人民法院",
        "国家税务总局河北区税务局",
        "山西路街道办事处",
        "上海路街道办事处",
        "吉林路街道办事处",
        "海南区市场监督管理局",
        "吉林市市场监督管理局",
        "北京铁路公安局石家庄公安处",
        "北京铁路运输法院",
        "太原铁路公安局",
        "大同区市场监督管理局",
        "唐山路街道办事处",
        "北京海关",
        "中华人民共和国天津海关",
        "中国人民银行天津分行",
        "中国人民银行营业管理部",
        "和平区应急管理局",
        "北京",
    ],
)
def test_a_name_that_several_could_bear_is_nobodys_for_certain(profile: Profile, authority: str) -> None:
    assert said(authority, profile) == UNREADABLE


@pytest.mark.parametrize(
    ("authority", "owner"),
    [
        ("北京市市场监督管理局", BEIJING),
        ("北京住房公积金管理中心", BEIJING),
        ("北京市铁路道口管理处", BEIJING),
        ("国家税务总局北京市海淀区税务局", BEIJING),
        ("国家统计局北京调查总队", BEIJING),
        ("天津市河北区市场监督管理局", TIANJIN),
        ("国家税务总局天津市河北区税务局", TIANJIN),
        ("国家统计局天津调查总队", TIANJIN),
        ("河北省市场监督管理局", HEBEI),
        ("河北省廊坊市北京新机场", HEBEI),
        ("国家统计局河北调查总队", HEBEI),
        ("山西省市场监督管理局", SHANXI),
        ("国家税务总局山西省税务局", SHANXI),
    ],
)
def test_a_full_name_is_one_provinces_and_no_others(authority: str, owner: Profile) -> None:
    assert {province: said(authority, profile) for province, profile in PROFILES.items()} == {
        province: OWN if profile is owner else _of_others(authority) for province, profile in PROFILES.items()
    }


def _of_others(authority: str) -> str:
    return UNREADABLE if authority.startswith("北京住房") else ELSEWHERE


@pytest.mark.parametrize(
    ("authority", "profile"),
    [
        ("石家庄市市场监督管理局", HEBEI),
        ("国家税务总局唐山市税务局", HEBEI),
        ("国家统计局唐山调查队", HEBEI),
        ("正定县公安局", HEBEI),
        ("河北雄安新区管理委员会", HEBEI),
        ("呂梁市生態環境局", SHANXI),
        ("国家统计局大同调查队", SHANXI),
        ("滨海新区应急管理局", TIANJIN),
        ("中国（天津）自由贸易试验区管理委员会", TIANJIN),
    ],
)
def test_a_place_of_a_province_is_its_own(authority: str, profile: Profile) -> None:
    assert said(authority, profile) == OWN


@pytest.mark.parametrize(
    "authority",
    [
        "上海市市场监督管理局",
        "内蒙古自治区市场监督管理局",
        "广西壮族自治区财政厅",
        "新疆生产建设兵团应急管理局",
        "国家税务总局上海市税务局",
        "国家统计局上海调查总队",
        "国家金融监督管理总局上海监管局",
        "国家市场监督管理总局",
        "最高人民法院",
    ],
)
@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.province.slug)
def test_others_are_elsewhere(profile: Profile, authority: str) -> None:
    assert said(authority, profile) == ELSEWHERE


@pytest.mark.parametrize(
    "authority", ["国家金融监督管理总局北京监管局", "中国人民银行北京市分行", "国家矿山安全监察局北京局"]
)
def test_an_organ_led_from_above_in_the_province_is_not_elsewhere(authority: str) -> None:
    assert said(authority, BEIJING) == UNREADABLE


@pytest.mark.parametrize("seed", [1, 7])
def test_every_authority_of_a_generated_world_is_its_provinces_own(seed: int) -> None:
    world = generate(seed=seed, size=400, day=TODAY)
    facts = {
        *((fact.province, fact.authority) for fact in world.penalties),
        *((fact.province, fact.authority) for fact in world.list_entries),
    }

    assert facts
    assert [authority for province, authority in facts if said(authority, PROFILES[province]) != OWN] == []
    assert [
        authority
        for province, authority in facts
        for other, profile in PROFILES.items()
        if other is not province and said(authority, profile) == OWN
    ] == []
