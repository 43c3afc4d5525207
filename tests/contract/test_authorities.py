"""Which province an authority decides for, by its name and its code, as seen from each of the four."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import numdb

from adapters.sdk.notation import fold_name
from contract.authorities import Decided, DecidedBy, decided_in
from contract.province import Province
from contract.uscc import check_character
from sandbox.world import generate
from tests.support.worlds import TODAY

BEIJING, TIANJIN, HEBEI, SHANXI = Province.BEIJING, Province.TIANJIN, Province.HEBEI, Province.SHANXI
OUTSIDE, CENTRAL, UNKNOWN = "outside", "central", "unknown"
Answer = Province | str

RECORDS = Path(__file__).parents[1] / "adapters" / "published" / "records.csv"

ZONES = {
    BEIJING: ("北京住房公积金管理中心", "北京经济技术开发区"),
    TIANJIN: ("天津经济技术开发区", "天津港保税区"),
    HEBEI: ("河北雄安新区", "雄安新区"),
    SHANXI: ("山西转型综合改革示范区",),
}
"""What no division gives: the provinces' own prefixes."""


def answer(name: str, own: Province, uscc: str = "") -> Decided:
    return decided_in(fold_name(name), uscc, own, tuple(map(fold_name, ZONES[own])))


def seen_from(own: Province, expected: Answer) -> Decided:
    match expected:
        case Province():
            return Decided(DecidedBy.OWN if expected is own else DecidedBy.OTHER, expected)
        case "outside":
            return Decided(DecidedBy.OTHER)
        case _:
            return Decided(DecidedBy(expected))


def code(division: str, first: str = "11") -> str:
    body = f"{first}{division}MB0000001"
    return body + check_character(body)


# --- Published records --------------------------------------------------------------------------------------------------

PUBLISHED: list[tuple[str, Answer]] = [
    ("石家庄市市场监督管理局", HEBEI),
    ("呂梁市生態環境局", SHANXI),
    ("天津市生态环境局", TIANJIN),
    ("天津市东丽区生态环境局", TIANJIN),
    ("天津市宝坻区生态环境局", TIANJIN),
    ("天津市和平区生态环境局", TIANJIN),
    ("北京市生態(tài)環(huán)境局", BEIJING),
    ("北京市豐臺(tái)區(qū)環(huán)保局", BEIJING),
    ("太原市环保局", SHANXI),
    ("省环保厅", UNKNOWN),
    ("山西煤矿安全监察局晋中监察分局", SHANXI),
    ("山西省應(yīng)急管理廳", SHANXI),
    ("山西煤矿安全监察局", SHANXI),
    ("天津滨海机场海关", CENTRAL),
    ("北疆海事局", CENTRAL),
    ("衡水市生态环境局", HEBEI),
    ("石家庄市新华区市场监督管理局", HEBEI),
    ("北京市密云区市场监督管理局", BEIJING),
    ("北京市海淀区市场监管局", BEIJING),
    ("北京市延庆区阛阓监管局", BEIJING),
    ("晋城市生态环境局沁水分局", SHANXI),
    ("吕梁市生态环境局", SHANXI),
    ("唐山市生態(tài)環(huán)境局古冶區(qū)分局", HEBEI),
    ("霍州市人力資源和社會保障局", SHANXI),
    ("運城市垣曲縣人力資源和社會保障局", SHANXI),
    ("汾陽市人力資源和社會保障局", SHANXI),
    ("人力资源和社会保障部", CENTRAL),
    ("河北省社會信用體系建設領導小組辦公室", HEBEI),
    ("山西省政府农民工工作暨根治拖欠农民工工资工作领导小组办公室", SHANXI),
    ("山西省政府農民工工作暨根治拖欠農民工工資工作領導小組辦公室", SHANXI),
    ("中国证券监督管理委员会河北监管局", HEBEI),
    ("当地食品药品监管部门", UNKNOWN),
    ("中国人民银行吕梁市分行", SHANXI),
    ("国家金融监督管理总局吕梁监管分局", SHANXI),
    ("中国人民银行河北省分行", HEBEI),
    ("中国人民银行北京市分行", BEIJING),
    ("天津市市場(chǎng)監(jiān)督管理委員會(huì)", TIANJIN),
    ("晋中市医保局", SHANXI),
    ("汾阳市医保局", SHANXI),
    ("张家口市环境保护局", HEBEI),
    ("", UNKNOWN),
    ("市旅游委", UNKNOWN),
    ("天津市网信办", TIANJIN),
    ("北京市市场监管局", BEIJING),
    ("邢台市市场监督管理局", HEBEI),
    ("衡水市冀州区市场监督管理局", HEBEI),
    ("固安县市场监督管理局", HEBEI),
    ("阜城县市场监督管理局", HEBEI),
    ("秦皇岛市市场监督管理局", HEBEI),
    ("涉县市场监督管理局", HEBEI),
    ("北京市住建委执法部门", BEIJING),
    ("应急管理部", CENTRAL),
    ("国务院安委会办公室", CENTRAL),
    ("国家安监总局", CENTRAL),
    ("應急管理部", CENTRAL),
    ("山西省森林公安局中条山分局", SHANXI),
    ("秦皇岛市林业局", HEBEI),
    ("滨海新区市场监管局", TIANJIN),
    ("宁河区市场监管局", TIANJIN),
    ("天津市市场监管委", TIANJIN),
    ("国家税务总局大同市税务局", SHANXI),
    ("天津市红桥区国家税务局", TIANJIN),
    ("中国证券监督管理委员会北京监管局", BEIJING),
    ("廣東省藥品監督管理局", OUTSIDE),
    ("舞阳县农业农村局", OUTSIDE),
    ("佛山市住房公积金管理中心", OUTSIDE),
    ("中华人民共和国海沧海关", CENTRAL),
]
"""Every authority of the published records, written by hand; names in traditional characters with pinyin as they were copied."""


@pytest.mark.parametrize("own", Province)
@pytest.mark.parametrize(("name", "expected"), PUBLISHED)
def test_every_published_authority(name: str, expected: Answer, own: Province) -> None:
    assert answer(name, own) == seen_from(own, expected)


ZONE = "天津港保税区应急管理局"


def test_no_published_authority_is_forgotten() -> None:
    with RECORDS.open(encoding="utf-8-sig", newline="") as file:
        published = {row["authority_raw"] for row in csv.DictReader(file)}

    assert published == {name for name, _ in PUBLISHED} | {ZONE}


@pytest.mark.parametrize("own", Province)
def test_a_development_zone_is_its_own_provinces_only(own: Province) -> None:
    assert answer(ZONE, own).by is (DecidedBy.OWN if own is TIANJIN else DecidedBy.UNKNOWN)


# --- Names --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", Province)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Full names, with what stands before them.
        ("河北省公安厅", HEBEI),
        ("河北省廊坊市北京新机场", HEBEI),
        ("北京市铁路道口管理处", BEIJING),
        ("天津市河北区市场监督管理局", TIANJIN),
        ("国家税务总局天津市河北区税务局", TIANJIN),
        ("国家税务总局北京市海淀区税务局", BEIJING),
        ("国家税务总局山西省税务局", SHANXI),
        ("国家税务总局杭州市税务局", OUTSIDE),
        ("中共河北省委网络安全和信息化委员会办公室", HEBEI),
        ("石家庄市长安区人民法院", HEBEI),
        ("石家庄市政务服务管理局", HEBEI),
        ("保定市容城县公安局", HEBEI),
        ("西安市长安区人民法院", OUTSIDE),
        ("石家庄市桥西区城市管理综合行政执法局", HEBEI),
        ("正定县公安局", HEBEI),
        ("吉林市市场监督管理局", OUTSIDE),
        ("内蒙古自治区市场监督管理局", OUTSIDE),
        ("广西壮族自治区财政厅", OUTSIDE),
        ("新疆生产建设兵团应急管理局", OUTSIDE),
        ("香港特别行政区海关", CENTRAL),
        ("海南藏族自治州公安局", OUTSIDE),
        ("重庆市市场监督管理局", OUTSIDE),
        ("海口市市场监督管理局", OUTSIDE),
        # Former divisions.
        ("北京市宣武区工商行政管理局", BEIJING),
        ("获鹿县工商行政管理局", HEBEI),
        ("吕梁地区安全生产监督管理局", SHANXI),
        ("天津市塘沽区环境保护局", TIANJIN),
        ("通县工商行政管理局", BEIJING),
        ("原天津市环境保护局", TIANJIN),
        ("原国家安全生产监督管理总局", CENTRAL),
        ("原平市公安局", SHANXI),
        # A name without 市 before a full one.
        ("天津滨海新区应急管理局", TIANJIN),
        ("北京朝阳区市场监管局", BEIJING),
        ("石家庄新华区市场监管局", HEBEI),
        # Branches of organs led from above.
        ("国家统计局石家庄调查队", HEBEI),
        ("国家统计局河北调查总队", HEBEI),
        ("国家统计局大同调查队", SHANXI),
        ("国家统计局北京调查总队", BEIJING),
        ("国家统计局上海调查总队", OUTSIDE),
        ("国家金融监督管理总局上海监管局", OUTSIDE),
        ("国家金融监督管理总局北京监管局", BEIJING),
        ("国家外汇管理局石家庄中心支局", HEBEI),
        ("中国人民银行太原中心支行", SHANXI),
        ("国家矿山安全监察局山西局", SHANXI),
        ("河北银保监局", HEBEI),
        ("北京证监局", BEIJING),
        # Courts.
        ("石家庄市中级人民法院", HEBEI),
        ("北京市第一中级人民法院", BEIJING),
        ("天津海事法院", TIANJIN),
        ("太原铁路运输中级法院", SHANXI),
        ("北京互联网法院", BEIJING),
        ("上海金融法院", OUTSIDE),
        # Zones that bear their province's name.
        ("中国（河北）自由贸易试验区大兴机场片区管理委员会", HEBEI),
        ("中国(天津)自由贸易试验区管理委员会", TIANJIN),
        # Central organs, of today and of before.
        ("国家市场监督管理总局", CENTRAL),
        ("国家税务总局", CENTRAL),
        ("中华人民共和国应急管理部", CENTRAL),
        ("人力资源社会保障部", CENTRAL),
        ("国家安全生产监督管理总局", CENTRAL),
        ("国家工商行政管理总局", CENTRAL),
        ("国务院安全生产委员会", CENTRAL),
        ("海关总署", CENTRAL),
        ("最高人民法院", CENTRAL),
        ("最高人民法院第一巡回法庭", CENTRAL),
        # Customs and the maritime administration, wherever they sit.
        ("北京海关", CENTRAL),
        ("中华人民共和国天津海关", CENTRAL),
        ("石家庄海关缉私局", CENTRAL),
        ("天津海事局", CENTRAL),
        ("河北省地方海事局", HEBEI),
        ("秦皇岛市山海关区应急管理局", HEBEI),
        ("山海关区应急管理局", HEBEI),
    ],
)
def test_a_name_says_whose_it_is(name: str, expected: Answer, own: Province) -> None:
    assert answer(name, own) == seen_from(own, expected)


@pytest.mark.parametrize("own", Province)
@pytest.mark.parametrize(
    "name",
    [
        "河北区市场监督管理局",
        "河北区人民法院",
        "国家税务总局河北区税务局",
        "山西路街道办事处",
        "上海路街道办事处",
        "唐山路街道办事处",
        "北京铁路公安局石家庄公安处",
        "太原铁路公安局",
        "北京",
        "河北",
        "石家庄",
        "城区公安局",
        "郊区公安局",
        "开发区管理委员会",
        "省政府",
        "本市公安局",
        "朝阳市场监督管理局",
        "朝阳市容环境卫生管理局",
        "朝阳市政管理局",
        "国家能源局华北监管局",
        "中国人民银行天津分行",
        "中国人民银行营业管理部",
        "水利部海河水利委员会",
        "地方海事局",
        "国家",
        "中华人民共和国",
        "中国（某）自由贸易试验区",
    ],
)
def test_a_name_that_several_could_bear_is_nobodys_for_certain(name: str, own: Province) -> None:
    assert answer(name, own) == Decided(DecidedBy.UNKNOWN)


@pytest.mark.parametrize(
    ("name", "own", "expected"),
    [
        # 新华区: 河北, 河南, 海南. 朝阳区: 北京, 吉林, and 朝阳市 in 辽宁. 大同区: 黑龙江, and 大同市 in 山西.
        ("新华区市场监督管理局", HEBEI, DecidedBy.UNKNOWN),
        ("新华区市场监督管理局", BEIJING, DecidedBy.UNKNOWN),
        ("朝阳区市场监督管理局", BEIJING, DecidedBy.UNKNOWN),
        ("大同区市场监督管理局", SHANXI, DecidedBy.UNKNOWN),
        ("和平区应急管理局", TIANJIN, DecidedBy.UNKNOWN),
        ("长安区应急管理局", HEBEI, DecidedBy.UNKNOWN),
        ("鼓楼区应急管理局", HEBEI, DecidedBy.UNKNOWN),
        ("国家统计局朝阳调查队", BEIJING, DecidedBy.UNKNOWN),
        ("国家统计局朝阳调查队", TIANJIN, DecidedBy.UNKNOWN),
        ("国家统计局河北调查队", TIANJIN, DecidedBy.UNKNOWN),
        ("国家统计局河北调查队", HEBEI, DecidedBy.UNKNOWN),
        ("北京住房公积金管理中心", BEIJING, DecidedBy.OWN),
        ("河北雄安新区管理委员会", HEBEI, DecidedBy.OWN),
        ("国家税务总局河北雄安新区税务局", HEBEI, DecidedBy.OWN),
        ("北京经济技术开发区", TIANJIN, DecidedBy.UNKNOWN),
    ],
)
def test_what_a_repeated_name_says_depends_on_who_asks(name: str, own: Province, expected: DecidedBy) -> None:
    decided = answer(name, own)

    assert decided.by is expected
    assert decided.province is (own if expected is DecidedBy.OWN else None)


@pytest.mark.parametrize("own", Province)
@pytest.mark.parametrize("name", ["天津市石家庄市公安局", "河北省太原市公安局", "石家庄市古交市公安局"])
def test_a_name_that_contradicts_itself_is_not_read(name: str, own: Province) -> None:
    assert answer(name, own) == Decided(DecidedBy.CONTRADICTED)


@pytest.mark.parametrize("prefix", ["河北", "北京", "", "国家税务总局", "国家税务总局北京"])
def test_a_prefix_that_names_no_place_of_its_own_makes_nothing_certain(prefix: str) -> None:
    assert decided_in("河北区人民法院", "", HEBEI, (prefix,)).by is DecidedBy.UNKNOWN
    assert decided_in("国家税务总局北京铁路税务局", "", BEIJING, (prefix,)).by is DecidedBy.UNKNOWN


# --- Codes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", Province)
@pytest.mark.parametrize(
    ("name", "uscc", "expected"),
    [
        ("省环保厅", code("140000"), SHANXI),
        ("市旅游委", code("110000"), BEIJING),
        ("当地食品药品监管部门", code("131100"), HEBEI),
        ("", code("120101"), TIANJIN),
        ("某事业单位", code("440100", "12"), OUTSIDE),
        ("某事业单位", code("140100", "13"), SHANXI),
        ("新华区市场监督管理局", code("130105"), HEBEI),
        ("朝阳区市场监督管理局", code("110105"), BEIJING),
        ("石家庄市公安局", code("130100"), HEBEI),
        ("某局", code("100000"), CENTRAL),
        ("应急管理部", code("100000"), CENTRAL),
        ("国家统计局河北调查总队", code("100000"), HEBEI),
        ("河北银保监局", code("100000"), HEBEI),
        ("河北银保监局", code("130000"), HEBEI),
        ("天津海关", code("120000"), CENTRAL),
        ("天津海关", code("100000"), CENTRAL),
    ],
)
def test_the_code_says_whose_it_is(name: str, uscc: str, expected: Answer, own: Province) -> None:
    assert answer(name, own, uscc) == seen_from(own, expected)


@pytest.mark.parametrize("own", Province)
@pytest.mark.parametrize(
    ("name", "division"),
    [
        ("石家庄市公安局", "110000"),
        ("北京市公安局", "130000"),
        ("新华区市场监督管理局", "110105"),
        ("应急管理部", "130000"),
        ("石家庄市公安局", "100000"),
        ("省环保厅", "100000"),
        ("国家税务总局大同市税务局", "130000"),
        ("舞阳县农业农村局", "140000"),
    ],
)
def test_name_and_code_that_contradict_each_other_are_not_read(name: str, division: str, own: Province) -> None:
    assert answer(name, own, code(division)) == Decided(DecidedBy.CONTRADICTED)


def test_a_zones_code_has_to_be_its_provinces() -> None:
    assert answer("北京经济技术开发区管理委员会", BEIJING, code("110000")).by is DecidedBy.OWN
    assert answer("北京经济技术开发区管理委员会", BEIJING, code("130000")).by is DecidedBy.CONTRADICTED


@pytest.mark.parametrize(
    "uscc",
    [
        "",
        "——",
        code("110000")[:-1] + "0",
        code("110000")[:-1],
        code("110105", "91"),
        code("110105", "51"),
        code("990000"),
        code("1A0000"),
        "11110000MB********",
    ],
)
@pytest.mark.parametrize("own", Province)
def test_what_is_no_valid_code_of_an_organ_says_nothing(uscc: str, own: Province) -> None:
    assert answer("石家庄市公安局", own, uscc) == seen_from(own, HEBEI)
    assert answer("省环保厅", own, uscc) == seen_from(own, UNKNOWN)


# --- Every division of the four -----------------------------------------------------------------------------------------


def divisions(province: Province) -> dict[str, list[str]]:
    """Every name of a province's divisions, present and former, by its number."""
    below = next(
        divisions for _, number, _, _, divisions in numdb.get("cn/loc").prefixes if number == str(int(province))
    )
    return {
        number: re.sub(r"\[[0-9]*-[0-9]*\]", "", properties["county"]).split(",")
        for _, number, _, properties, _ in below
        if "直辖" not in properties["county"]
    }


@pytest.mark.parametrize("province", Province)
@pytest.mark.parametrize("organ", ["市场监督管理局", "政务服务局", "人民法院"])
def test_no_authority_of_a_division_is_taken_for_another_provinces(province: Province, organ: str) -> None:
    names = [name for below in divisions(province).values() for name in below]

    assert len(names) > 30
    assert {answer(f"{name}{organ}", province).by for name in names} <= {DecidedBy.OWN, DecidedBy.UNKNOWN}
    full = [f"{province.name_zh}{name}{organ}" for name in names if name not in {province.name_zh, "县"}]
    assert [name for name in full if answer(name, province).by is not DecidedBy.OWN] == []
    assert [
        (name, own)
        for name in full
        for own in Province
        if own is not province and answer(name, own) != Decided(DecidedBy.OTHER, province)
    ] == []


@pytest.mark.parametrize("province", [HEBEI, SHANXI])
def test_a_district_behind_its_city_is_its_provinces(province: Province) -> None:
    below = divisions(province)
    pairs = [
        (city, district)
        for number, names in below.items()
        for city in below.get(f"{number[:2]}00", ())
        for district in names
        if city.endswith("市") and not number.endswith("00")
    ]

    assert len(pairs) > 100
    assert [
        pair for pair in pairs if answer("".join(pair) + "公安局", province) != Decided(DecidedBy.OWN, province)
    ] == []


@pytest.mark.parametrize("own", Province)
def test_a_name_of_elsewhere_is_never_ones_own(own: Province) -> None:
    others = [
        name
        for _, number, _, _, below in numdb.get("cn/loc").prefixes
        if number != str(int(own))
        for _, _, _, properties, _ in below
        for name in re.sub(r"\[[0-9]*-[0-9]*\]", "", properties["county"]).split(",")
    ]
    shared = {name for names in divisions(own).values() for name in names}

    assert len(others) > 6_000
    assert [name for name in others if answer(f"{name}公安局", own).by is DecidedBy.OWN and name not in shared] == []


# --- Of anything --------------------------------------------------------------------------------------------------------

WORDS = st.lists(
    st.sampled_from(
        [
            "北京",
            "北京市",
            "天津市",
            "河北",
            "河北省",
            "河北区",
            "山西省",
            "石家庄市",
            "大同",
            "新华区",
            "长安区",
            "朝阳",
            "上海市",
            "国家税务总局",
            "国家统计局",
            "中国人民银行",
            "中华人民共和国",
            "海关",
            "海事局",
            "调查队",
            "监管局",
            "分行",
            "公安局",
            "法院",
            "人民政府",
            "铁路",
            "路",
            "市场",
            "省",
            "市",
            "应急管理部",
            "国务院",
        ]
    ),
    max_size=5,
).map("".join)
CODES = st.sampled_from(
    ["", *(code(division) for division in ("100000", "110000", "120101", "130105", "140000", "310000"))]
)


@settings(deadline=None)  # the first example loads the tables
@given(name=st.one_of(WORDS, st.text(max_size=30)), uscc=st.one_of(CODES, st.text(max_size=20)))
def test_no_two_provinces_have_the_same_decision(name: str, uscc: str) -> None:
    answers = {own: decided_in(name, uscc, own, ZONES[own]) for own in Province}
    owners = [own for own, decided in answers.items() if decided.by is DecidedBy.OWN]

    assert len(owners) <= 1
    for decided in answers.values():
        assert not owners or decided.by is not DecidedBy.CENTRAL
        assert decided.province is None or not owners or decided.province in owners
        assert decided.province is None or decided.by in {DecidedBy.OWN, DecidedBy.OTHER}


@settings(deadline=None)  # the first example loads the tables
@given(name=WORDS, uscc=CODES, own=st.sampled_from(list(Province)))
def test_a_code_never_gives_a_named_place_to_another(name: str, uscc: str, own: Province) -> None:
    by_name, by_both = decided_in(name, "", own).by, decided_in(name, uscc, own).by

    if by_name is DecidedBy.OWN:
        assert by_both in {DecidedBy.OWN, DecidedBy.CONTRADICTED}
    if by_name is DecidedBy.OTHER:
        assert by_both in {DecidedBy.OTHER, DecidedBy.CONTRADICTED}


@pytest.mark.parametrize("seed", [1, 7])
def test_every_authority_of_a_generated_world_is_its_provinces_own(seed: int) -> None:
    world = generate(seed=seed, size=400, day=TODAY)
    facts = {
        *((fact.province, fact.authority, fact.authority_uscc) for fact in world.penalties),
        *((fact.province, fact.authority, fact.authority_uscc) for fact in world.list_entries),
    }

    assert len(facts) > 50
    assert [
        (own, name)
        for province, name, uscc in facts
        for own in Province
        for code_given in ("", uscc)
        if answer(name, own, code_given).by is not (DecidedBy.OWN if own is province else DecidedBy.OTHER)
        and not (own is not province and name.startswith(ZONES[province]))
    ] == []
