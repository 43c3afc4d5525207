"""Administrative divisions of China by name and by number: GB/T 2260, present and former ones.

The table is that of python-stdnum (`cn/loc`): about 6 900 names with the years in which they held. A name is read whatever the
year: decisions outlive the divisions that made them, and what a former name means did not change.

A division's name is often not its own. What a name may mean is therefore a set of provinces, and only a set of one is certain:

- Names of provinces, cities, counties and banners are told apart by the whole name (长安县). Where one was handed from one
  province to another, it is where it is today: 海口市 is in 海南, and was in 广东.
- Names of districts repeat, come and go, so that everything with the same stem counts: 大同区 may be thought to be in 山西, and
  河北区 in 河北. Stems of one character, and 市辖区, mean nothing (城区, 郊区).
- A *stem* is a name without its 省, 市, 县 and so on (吕梁, 河北). It is a place only where the caller knows why it stands without.

Provinces are the first two digits, for example `13`. Names are compared as they stand: the caller folds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from stdnum import numdb

Provinces = frozenset[str]
"""First two digits of divisions."""

NOWHERE: Final[Provinces] = frozenset()

_NAME: Final = re.compile(r"(?:\[[0-9]*-(?P<until>[0-9]*)\])?(?P<name>.+)")
"""A name with the years in which it held, for example `[1983-2014]桥东区`."""
_SUFFIX: Final = re.compile(r"(?:特别行政区|维吾尔自治区|壮族自治区|回族自治区|自治区|地区|省|市|县|区|盟)$")
_WITHOUT_PLACE: Final = frozenset({"市辖区"})
_MORE: Final[Mapping[str, str]] = {
    "香港特别行政区": "81", "澳门特别行政区": "82", "新疆生产建设兵团": "65",
}  # fmt: skip
"""Names that the table lacks, or has in traditional characters only."""

_GOES_ON: Final = re.compile(r"市(?:场|容(?!城)|政[管公工园设道处局]|级|域)|县(?:级|域)|区[域块划]")
"""Words that begin with the last character of a name: 朝阳市场监督管理局 is not of 朝阳市."""


@dataclass(frozen=True, slots=True)
class Place:
    """A name at the beginning of a text.

    Attributes:
        provinces: Where it may be; never empty.
        length: How many characters of the text it is.
    """

    provinces: Provinces
    length: int


@dataclass(frozen=True, slots=True)
class _Table:
    provinces: Provinces
    names: Mapping[str, Provinces]
    stems: Mapping[str, Provinces]
    upper_stems: Mapping[str, Provinces]
    province_stems: Mapping[str, str]
    longest: int


def province_of(division: str) -> str | None:
    """The province of a division's six digits. None where there is no such province.

    >>> province_of("130105"), province_of("990000")
    ('13', None)
    """
    return division[:2] if division[:2] in _table().provinces else None


def place_at_start(text: str) -> Place | None:
    """The longest name of a division with which a text begins, for example 石家庄市 of 石家庄市新华区人民法院.

    >>> place_at_start("正定县公安局")
    Place(provinces=frozenset({'13'}), length=3)
    >>> place_at_start("正定公安局") is None
    True
    """
    names = _table().names
    for length in range(min(len(text), _table().longest), 1, -1):
        name = text[:length]
        if name in names and not _GOES_ON.match(text, length - 1):
            return Place(names[name], length)
    return None


def stems_at_start(text: str) -> Iterator[tuple[str, str]]:
    """The stems with which a text begins, the longest first, each with what follows it."""
    stems = _table().stems
    for length in range(min(len(text), _table().longest), 1, -1):
        if text[:length] in stems:
            yield text[:length], text[length:]


def province_of_stem(stem: str) -> str | None:
    """The province whose name without 省, 市 and so on this is, for example `13` for 河北."""
    return _table().province_stems.get(stem)


def provinces_of_stem(stem: str) -> Provinces:
    """Every province that has, or had, a division of this stem, of whatever rank."""
    return _table().stems.get(stem, NOWHERE)


def provinces_of_upper_stem(stem: str) -> Provinces:
    """The provinces that have, or had, a division of this stem directly below them (地级)."""
    return _table().upper_stems.get(stem, NOWHERE)


@cache
def _table() -> _Table:
    every: defaultdict[str, set[str]] = defaultdict(set)
    today: defaultdict[str, set[str]] = defaultdict(set)
    stems: defaultdict[str, set[str]] = defaultdict(set)
    upper_stems: defaultdict[str, set[str]] = defaultdict(set)
    province_stems: dict[str, str] = {}
    for row in _rows():
        province, stem = row.division[:2], _SUFFIX.sub("", row.name)
        is_telling = len(stem) > 1
        if not is_telling and row.name.endswith("区"):
            continue
        every[row.name].add(province)
        if not row.is_former:
            today[row.name].add(province)
        if not is_telling:
            continue
        stems[stem].add(province)
        if row.division.endswith("0000"):
            province_stems[stem] = province
            today[row.name] = {province}
        elif row.division.endswith("00"):
            upper_stems[stem].add(province)
    names = {
        name: frozenset(where | stems[_SUFFIX.sub("", name)] if name.endswith("区") else today[name] or where)
        for name, where in every.items()
    }
    return _Table(
        provinces=frozenset(province_stems.values()),
        names=names,
        stems={stem: frozenset(where) for stem, where in stems.items()},
        upper_stems={stem: frozenset(where) for stem, where in upper_stems.items()},
        province_stems=province_stems,
        longest=max(map(len, names)),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    division: str
    name: str
    is_former: bool = False


def _rows() -> Iterator[_Row]:
    """A division with its name; several where it was renamed."""
    for _, province, _, of_province, divisions in numdb.get("cn/loc").prefixes:
        yield _Row(f"{province}0000", of_province["province"])
        for _, division, _, of_division, _ in divisions:
            for part in of_division["county"].split(","):
                found = _NAME.fullmatch(part)
                if found is None:
                    raise ValueError(f"cn/loc: expected the name of a division, got {part!r}")
                if division != "0000" and found["name"] not in _WITHOUT_PLACE and "直辖" not in found["name"]:
                    yield _Row(province + division, found["name"], is_former=bool(found["until"]))
    for name, province in _MORE.items():
        yield _Row(f"{province}0000", name)
