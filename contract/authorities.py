"""Which province decided: read from the name and the code of the deciding authority, and from nothing else.

A record belongs to the province of its deciding authority, not to the platform that holds it, and not to the place in its document
number. What the name and the code leave open is not guessed: UNKNOWN makes a row unreadable, and so does CONTRADICTED.

How a name is read; the first that applies decides:

1. It begins with one of the province's own prefixes (its development zones, which no table knows), whatever central organ stands
   before it: the province's own.
2. Customs and the maritime administration are central wherever they sit: 海关法 art. 3 (whom a customs house obeys does not follow
   divisions), 海上交通安全法 art. 4 (one administration for the whole country). 地方海事局 are not, and bear a full name in front.
3. Central organs are central, by their names of today and of before. What follows the name of one that has branches says whose
   branch it is: 国家税务总局大同市税务局, 国家金融监督管理总局吕梁监管分局. A branch decides in its own name, hence for its place
   (行政处罚法 art. 17).
4. A division's full name at the beginning says the place, as far as it is one province's only (divisions.py); further names
   behind it narrow it: 石家庄市新华区. So does a name without 市 before a full one: 天津滨海新区.
5. A name without 省 or 市 is a place only in 中国（…）自由贸易试验区, in a branch of rule 3, before 煤矿安全监察局, 银保监局 and
   the like, and before special courts (海事法院 and others; 人民法院组织法 art. 15), whose seat it is. 北京 alone also stands
   before organs that reach into other provinces: 北京铁路公安局.

The code is read where it is a valid unified code of an organ, an institution or a body of the state's establishment (its first
character is 1): digits 3 to 8 are the division, 100000 is central. Any other code says nothing. Branches of central organs may bear
a central code; otherwise name and code have to agree.

Source: GB/T 2260-2007 for divisions; GB 32100-2015, 5 for the code; the organs' own names for the central ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from contract.divisions import (
    NOWHERE,
    Place,
    Provinces,
    place_at_start,
    province_of,
    province_of_stem,
    provinces_of_stem,
    provinces_of_upper_stem,
    stems_at_start,
)
from contract.province import Province
from contract.uscc import UsccError, parse_uscc

# --- Words --------------------------------------------------------------------------------------------------------------

_ABOVE: Final = (
    "国家税务总局", "国家统计局", "国家金融监督管理总局", "中国银行保险监督管理委员会", "中国银保监会", "中国银行业监督管理委员会",
    "中国银监会", "中国保险监督管理委员会", "中国保监会", "中国证券监督管理委员会", "中国证监会", "中国人民银行", "国家外汇管理局",
    "国家矿山安全监察局", "国家煤矿安全监察局", "国家能源局", "国家粮食和物资储备局", "国家铁路局", "国家邮政局",
    "国家移民管理局", "国家消防救援局", "国家烟草专卖局", "国家林业和草原局", "中国民用航空局",
)  # fmt: skip
"""Central organs with branches in the provinces: what follows the organ's name says whose branch it is."""

_CENTRAL: Final = frozenset(
    {
        *_ABOVE, "国家市场监督管理总局", "市场监管总局", "国家工商行政管理总局", "国家工商总局",
        "国家质量监督检验检疫总局", "国家质检总局", "国家食品药品监督管理总局", "国家食药监总局", "国家药品监督管理局",
        "国家药监局", "国家知识产权局", "国家新闻出版广电总局", "国家广播电视总局", "国家新闻出版署", "国家版权局",
        "国家体育总局", "国家医疗保障局", "国家医保局", "国家疾病预防控制局", "国家中医药管理局", "国家文物局",
        "国家公务员局", "国家档案局", "国家保密局", "国家密码管理局", "国家国防科技工业局", "国家海洋局",
        "国家测绘地理信息局", "国家旅游局", "国家林业局", "国家粮食局", "国家数据局", "国家发展和改革委员会",
        "国家发展改革委", "国家发改委", "国家卫生健康委员会", "国家卫生健康委", "国家卫健委", "国家卫生和计划生育委员会",
        "国家卫生计生委", "国家民族事务委员会", "国家民委", "国家互联网信息办公室", "国家网信办", "中央网信办",
        "中央网络安全和信息化委员会办公室", "国家安全生产监督管理总局", "国家安全监管总局", "国家安监总局",
        "国家安全生产监督管理局", "国家煤矿安监局", "国家矿山安监局", "国家税务局总局", "海关总署", "审计署",
        "国家审计署", "应急管理部", "财政部", "人力资源和社会保障部", "人力资源社会保障部", "人社部", "劳动和社会保障部",
        "生态环境部", "环境保护部", "国家环境保护总局", "国家环保总局", "自然资源部", "国土资源部", "科学技术部",
        "科技部", "公安部", "国家安全部", "民政部", "司法部", "住房和城乡建设部", "住房城乡建设部", "建设部",
        "交通运输部", "水利部", "农业农村部", "农业部", "教育部", "商务部", "文化和旅游部", "文化部", "外交部",
        "工业和信息化部", "工信部", "退役军人事务部", "铁道部", "卫生部", "监察部", "国家监察委员会", "国务院",
    }
)  # fmt: skip
_CENTRAL_WITH_OFFICES: Final = ("国务院", "最高人民法院", "最高人民检察院", "中共中央")
"""Whatever follows is a part of the same: 国务院安委会办公室, 最高人民法院第一巡回法庭."""

_FOREWORDS: Final = ("中华人民共和国", "中国共产党", "中共")
"""Say nothing themselves; the organ's name follows."""

_FORMER: Final = "原"
"""Stands before the name of an organ that is no more; 原平市 is a city."""

_CUSTOMS: Final = re.compile(r".{2,}(?<!山)海关(?:缉私局|缉私分局|缉私支局|缉私处)?")
_MARITIME: Final = re.compile(r".{2,}(?<!地方)海事[局处]")

_BRANCH: Final = (
    "监管局", "监管分局", "监管支局", "监管组", "监管办公室", "监察局", "监察分局", "监察执法", "专员办事处", "局", "分局",
    "中心支局", "支局", "中心支行", "支行", "调查总队", "调查队",
)  # fmt: skip
"""How the branch of an organ named before is called. 分行 is not among them: until 2023 中国人民银行天津分行 reached into 河北."""

_BRANCH_WITHOUT_ORGAN: Final = (
    "煤矿安全监察局", "煤矿安全监察分局", "煤监局", "银保监局", "银保监分局", "银监局", "银监分局", "保监局", "证监局",
)  # fmt: skip
_SPECIAL_COURT: Final = ("海事法院", "铁路运输法院", "铁路运输中级法院", "知识产权法院", "金融法院", "互联网法院")
_BY_PROVINCE_ONLY: Final = frozenset(
    {"调查总队", "监管局", "局", "监察局", "监管办公室", *_BRANCH_WITHOUT_ORGAN, *_SPECIAL_COURT}
)
"""What may follow a province's short name. 国家统计局河北调查队 may be of 河北区."""

_FREE_TRADE_ZONE: Final = re.compile(r"中国[〔(（](?P<stem>[^〕)）]+)[〕)）]自由贸易试验区")
_LOCAL: Final = ("省", "市", "县", "区", "当地", "本省", "本市")
"""How the name of a local organ begins whose place was left out: 省环保厅, 市旅游委."""

_MEMBERS: Final[Provinces] = frozenset(str(member.value) for member in Province)
_CENTRAL_DIVISION: Final = "100000"
_STATE_ESTABLISHMENT: Final = "1"


# --- What is said -------------------------------------------------------------------------------------------------------


class DecidedBy(Enum):
    """Whose decision it is, as seen from one province."""

    OWN = "own"
    """An authority of this province."""
    OTHER = "other"
    """Certainly an authority of another province, member or not."""
    CENTRAL = "central"
    """A central organ."""
    UNKNOWN = "unknown"
    """Not to be told with certainty."""
    CONTRADICTED = "contradicted"
    """Name and code name different places, or the name does so by itself."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Whose decision it is.

    Attributes:
        by: The answer.
        province: With OWN and OTHER the member whose it is; None with OTHER where it is decided outside the federation.
    """

    by: DecidedBy
    province: Province | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a name says.

    Attributes:
        provinces: Where it may be; empty: it does not say.
        is_central: It is a central organ itself.
        is_branch: It is a branch of one.
        is_contradictory: It names places that do not lie in each other.
    """

    provinces: Provinces = NOWHERE
    is_central: bool = False
    is_branch: bool = False
    is_contradictory: bool = False


@lru_cache(maxsize=4096)
def decided_in(name: str, uscc: str, own: Province, own_prefixes: tuple[str, ...] = ()) -> Decided:
    """Says whose decision it is. The only question to ask about an authority.

    OWN goes on; OTHER and CENTRAL are left out and counted; UNKNOWN and CONTRADICTED make the row unreadable.

    >>> decided_in("石家庄市新华区市场监督管理局", "", Province.HEBEI).by.value
    'own'
    >>> decided_in("石家庄市新华区市场监督管理局", "", Province.SHANXI)
    Decided(by=<DecidedBy.OTHER: 'other'>, province=<Province.HEBEI: 13>)
    >>> decided_in("新华区市场监督管理局", "", Province.HEBEI).by.value  # there are others, in 河南 and elsewhere
    'unknown'
    >>> decided_in("应急管理部", "", Province.HEBEI).by.value
    'central'

    Args:
        name: The authority's name, simplified and folded as the caller folds names (`fold_name`). Blank says nothing.
        uscc: Its unified code as the source has it. What is no valid code of the state's establishment says nothing.
        own: The province that asks.
        own_prefixes: How the names of those of its authorities begin whose place no division gives, folded likewise. One that is
            no more than a province's short name is not looked at.
    """
    reading = _read_name(name, own, own_prefixes)
    division = _division(uscc)
    if reading.is_contradictory:
        return Decided(DecidedBy.CONTRADICTED)
    if reading.is_central:
        is_contradicted = division not in {None, _CENTRAL_DIVISION} and not _is_central_anywhere(name)
        return Decided(DecidedBy.CONTRADICTED if is_contradicted else DecidedBy.CENTRAL)
    if division is None:
        return _seen_from(own, reading.provinces)
    if division == _CENTRAL_DIVISION:
        if reading.is_branch:
            return _seen_from(own, reading.provinces)
        is_local = reading.provinces or name.startswith(_LOCAL)
        return Decided(DecidedBy.CONTRADICTED if is_local else DecidedBy.CENTRAL)
    coded = frozenset({division[:2]})
    if reading.provinces and not reading.provinces & coded:
        return Decided(DecidedBy.CONTRADICTED)
    return _seen_from(own, coded)


def _seen_from(own: Province, provinces: Provinces) -> Decided:
    if len(provinces) != 1:
        return Decided(DecidedBy.UNKNOWN)
    if provinces == {_number(own)}:
        return Decided(DecidedBy.OWN, own)
    members = [member for member in Province if provinces == {_number(member)}]
    return Decided(DecidedBy.OTHER, members[0] if members else None)


# --- The code -----------------------------------------------------------------------------------------------------------


def _division(uscc: str) -> str | None:
    """The division in an authority's code. None: the code says nothing."""
    try:
        code = parse_uscc(uscc)
    except UsccError:
        return None
    division = code[2:8]
    if not code.startswith(_STATE_ESTABLISHMENT) or not (division.isdigit() and division.isascii()):
        return None
    return division if division == _CENTRAL_DIVISION or province_of(division) else None


# --- The name -----------------------------------------------------------------------------------------------------------


def _read_name(name: str, own: Province, own_prefixes: tuple[str, ...]) -> _Reading:
    if _begins_with_one(name, own_prefixes):
        return _Reading(frozenset({_number(own)}))
    if name in _CENTRAL or name.startswith(_CENTRAL_WITH_OFFICES) or _is_central_anywhere(name):
        return _Reading(is_central=True)
    bare = _without_first(name, _FOREWORDS)
    if place_at_start(bare) is None:
        bare = bare.removeprefix(_FORMER)
    if bare in _CENTRAL or bare.startswith(_CENTRAL_WITH_OFFICES):
        return _Reading(is_central=True)
    branch = _without_first(bare, _ABOVE)
    is_branch = branch != bare
    if _begins_with_one(branch, own_prefixes):
        return _Reading(frozenset({_number(own)}), is_branch=is_branch)
    if place := place_at_start(branch):
        return _narrowed(branch, place, is_branch=is_branch)
    provinces = _by_short_name(branch, is_branch=is_branch)
    return _Reading(provinces, is_branch=is_branch or any(words in branch for words in _BRANCH_WITHOUT_ORGAN))


def _is_central_anywhere(name: str) -> bool:
    """Customs, and the maritime administration but for the local one."""
    if _CUSTOMS.fullmatch(name):
        return True
    return _MARITIME.fullmatch(name) is not None and place_at_start(_without_first(name, _FOREWORDS)) is None


def _narrowed(text: str, place: Place, *, is_branch: bool) -> _Reading:
    """Reads the names behind the first one: each has to lie where the ones before it do."""
    provinces = place.provinces
    rest = text[place.length :]
    while inner := place_at_start(rest):
        if not provinces & inner.provinces:
            return _Reading(is_contradictory=True)
        provinces &= inner.provinces
        rest = rest[inner.length :]
    return _Reading(provinces, is_branch=is_branch)


def _by_short_name(text: str, *, is_branch: bool) -> Provinces:
    """Where a text lies that begins with the name of a place without 省, 市 and so on. Empty: it does not say."""
    if zone := _FREE_TRADE_ZONE.match(text):
        province = province_of_stem(zone["stem"])
        return frozenset({province}) if province else NOWHERE
    endings = (*_BRANCH, *_BRANCH_WITHOUT_ORGAN) if is_branch else (*_BRANCH_WITHOUT_ORGAN, *_SPECIAL_COURT)
    for stem, rest in stems_at_start(text):
        if rest.startswith(endings):
            return _of_stem(stem, rest)
        inner = place_at_start(rest)
        if inner and (both := provinces_of_stem(stem) & inner.provinces):
            return both
    return NOWHERE


def _of_stem(stem: str, rest: str) -> Provinces:
    """Where a stem lies: a province, else a city, unless a member has anything else of that stem (朝阳 in 北京)."""
    every = provinces_of_stem(stem)
    if province := province_of_stem(stem):
        return frozenset({province}) if rest.startswith(tuple(_BY_PROVINCE_ONLY)) else every
    cities = provinces_of_upper_stem(stem)
    return cities if cities and not (every - cities) & _MEMBERS else every


def _begins_with_one(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(
        name.startswith(prefix) and not province_of_stem(_place(prefix)) for prefix in prefixes if _place(prefix)
    )


def _place(name: str) -> str:
    """The name without those of the organs above it."""
    return _without_first(_without_first(name, _FOREWORDS), _ABOVE)


def _without_first(text: str, beginnings: tuple[str, ...]) -> str:
    for beginning in beginnings:
        if text.startswith(beginning):
            return text.removeprefix(beginning)
    return text


def _number(province: Province) -> str:
    return str(province.value)
