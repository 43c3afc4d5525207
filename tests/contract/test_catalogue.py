"""The catalogue: a published file, pinned by the digest of its bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import catalogue as catalogue_module
from contract.catalogue import PENALTY, SERIOUS_LIST, Catalogue, CatalogueError, CatalogueSet
from contract.province import Province
from huren.common.v1 import common_pb2
from tests.support.federation import CATALOGUE

FILE = CATALOGUE.file

DOMAINS = [
    ("market_regulation", "市场监管（含教育、商务）", "both"),
    ("taxation", "税务", "both"),
    ("social_security", "社会保障（人力资源和社会保障）", "both"),
    ("housing_fund", "住房公积金", "penalty"),
    ("emergency_management", "应急管理（安全生产）", "both"),
    ("public_finance", "财政（政府采购）", "both"),
    ("statistics", "统计", "both"),
    ("court_enforcement", "法院执行", "list"),
    ("ecology_environment", "生态环境", "penalty"),
    ("natural_resources", "规划和自然资源", "penalty"),
    ("science_technology", "科技", "penalty"),
    ("public_security", "公安", "penalty"),
    ("housing_construction", "住房和城乡建设", "penalty"),
    ("transport", "交通运输", "penalty"),
    ("water_resources", "水务（水利）", "penalty"),
    ("health", "卫生健康", "penalty"),
    ("fire_rescue", "消防救援", "penalty"),
]
"""The proposal of 17 domains, in its order."""

LISTS = {
    "market_regulation": "市场监督管理严重违法失信名单",
    "taxation": "重大税收违法失信主体名单",
    "social_security": "拖欠农民工工资失信联合惩戒对象名单",
    "emergency_management": "安全生产严重失信主体名单",
    "public_finance": "政府采购严重违法失信行为记录名单",
    "statistics": "统计严重失信企业名单",
    "court_enforcement": "失信被执行人名单",
}
"""The 7 lists of the Beijing notice of 2025-08-19, by domain."""

_KINDS = {"penalty": "penalty", "serious_list": "list"}


def test_holds_the_17_domains_in_their_order() -> None:
    found = [
        (domain.id, domain.name, "both" if len(domain.kinds) == 2 else _KINDS[next(iter(domain.kinds))])
        for domain in CATALOGUE.domains
    ]

    assert found == DOMAINS


def test_holds_the_7_lists() -> None:
    assert {entry.domain: entry.name for entry in CATALOGUE.lists} == LISTS


def test_nothing_in_it_is_verified_yet() -> None:
    ids = [domain.id for domain in CATALOGUE.domains] + [entry.id for entry in CATALOGUE.lists]

    assert list(CATALOGUE.unverified) == ids


def test_every_entry_names_its_source() -> None:
    entries = [*CATALOGUE.domains, *CATALOGUE.lists, *CATALOGUE.carried.values()]

    assert all(entry.source for entry in entries)


def test_asks_all_members_in_ascending_number() -> None:
    assert CATALOGUE.provinces == tuple(Province)


def test_cells_are_all_pairs_and_carried_those_that_apply() -> None:
    assert len(CATALOGUE.cells) == 34
    assert len(CATALOGUE.carried) == 16 + 7
    assert set(CATALOGUE.carried) < set(CATALOGUE.cells)
    assert ("court_enforcement", PENALTY) not in CATALOGUE.carried
    assert ("court_enforcement", SERIOUS_LIST) in CATALOGUE.carried
    assert list(CATALOGUE.carried) == [key for key in CATALOGUE.cells if key in CATALOGUE.carried]


def test_names_fit_the_contract() -> None:
    assert all(len(domain.short_name) <= 5 for domain in CATALOGUE.domains)
    assert {kind for _, kind in CATALOGUE.cells} == set(common_pb2.RecordKind.values()) - {0}


def test_digest_is_over_the_bytes() -> None:
    same_content = Catalogue.parse(json.dumps(json.loads(FILE)).encode())

    assert CATALOGUE.digest == hashlib.sha256(FILE).digest()
    assert same_content.content == CATALOGUE.content
    assert same_content.digest != CATALOGUE.digest


def test_ships_the_published_files_byte_for_byte() -> None:
    folder = Path(catalogue_module.__file__).parent / "data" / "catalogues"
    files = [path.read_bytes() for path in sorted(folder.iterdir())]

    assert files


# --- Versions --------------------------------------------------------------------------------------------------------


def _version(version: str, effective_from: str) -> Catalogue:
    content = json.loads(FILE)
    return Catalogue.parse(json.dumps({**content, "version": version, "effective_from": effective_from}).encode())


FIRST, SECOND, THIRD = _version("1", "2026-01-01"), _version("2", "2026-07-01"), _version("3", "2027-01-01")
VERSIONS = CatalogueSet([THIRD, FIRST, SECOND])


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        pytest.param(date(2026, 1, 1), FIRST, id="first day"),
        pytest.param(date(2026, 6, 30), FIRST, id="last day"),
        pytest.param(date(2026, 7, 1), SECOND, id="first day of the next"),
        pytest.param(date(2026, 12, 31), SECOND, id="last day of the next"),
        pytest.param(date(2099, 1, 1), THIRD, id="for ever"),
    ],
)
def test_in_force_is_the_last_that_began(day: date, expected: Catalogue) -> None:
    assert VERSIONS.in_force(day).version == expected.version


def test_nothing_is_in_force_before_the_first() -> None:
    with pytest.raises(CatalogueError, match="2025-12-31"):
        VERSIONS.in_force(date(2025, 12, 31))


@pytest.mark.parametrize(
    ("day", "served"),
    [
        pytest.param(date(2026, 6, 30), {"1"}, id="the first alone"),
        pytest.param(date(2026, 7, 1), {"1", "2"}, id="the second and the first"),
        pytest.param(date(2027, 1, 1), {"2", "3"}, id="the third and the second"),
    ],
)
def test_serves_the_one_in_force_and_the_one_before(day: date, served: set[str]) -> None:
    found = {one.version for one in (FIRST, SECOND, THIRD) if VERSIONS.served(one.ref, day)}

    assert found == served


@pytest.mark.parametrize(
    "ref",
    [
        pytest.param(common_pb2.CatalogueRef(version="2", digest=FIRST.digest), id="digest of another"),
        pytest.param(common_pb2.CatalogueRef(version="9", digest=SECOND.digest), id="version of none"),
        pytest.param(common_pb2.CatalogueRef(), id="nothing"),
    ],
)
def test_serves_by_version_and_digest_together(ref: common_pb2.CatalogueRef) -> None:
    assert VERSIONS.served(ref, date(2026, 7, 1)) is None


def test_serves_nothing_before_the_first_begins() -> None:
    assert VERSIONS.served(FIRST.ref, date(1999, 1, 1)) is None


def test_refuses_a_name_that_stands_twice() -> None:
    with pytest.raises(CatalogueError, match="twice"):
        Catalogue.parse(FIRST.file.replace(b"{", b'{"version": "1", ', 1))


@pytest.mark.parametrize(
    ("catalogues", "message"),
    [
        pytest.param([], "at least one", id="none"),
        pytest.param([FIRST, _version("2", "2026-01-01")], "begin on the same day", id="same day"),
        pytest.param([FIRST, _version("1", "2026-07-01")], "the same version", id="same version"),
    ],
)
def test_refuses_sets_that_leave_a_choice(catalogues: list[Catalogue], message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        CatalogueSet(catalogues)


# --- Files that are refused ------------------------------------------------------------------------------------------

Content = dict[str, Any]


def _repeat_domain(content: Content) -> None:
    content["domains"].append(content["domains"][0])


def _repeat_list(content: Content) -> None:
    content["lists"].append(content["lists"][0])


def _drop_list(content: Content) -> None:
    content["lists"].pop()


def _list_of_unknown_domain(content: Content) -> None:
    content["lists"][0]["domain"] = "nowhere"


def _list_of_domain_without(content: Content) -> None:
    content["lists"].append({**content["lists"][0], "id": "another", "domain": "health"})


def _carries_nothing(content: Content) -> None:
    content["domains"][-1]["kinds"] = {}


def _unknown_kind(content: Content) -> None:
    content["domains"][0]["kinds"]["criminal"] = content["domains"][0]["kinds"]["penalty"]


def _unknown_name(content: Content) -> None:
    content["remark"] = "?"


def _unknown_name_inside(content: Content) -> None:
    content["domains"][0]["remark"] = "?"


def _no_source(content: Content) -> None:
    del content["domains"][0]["source"]


def _empty_source(content: Content) -> None:
    content["lists"][0]["source"] = ""


def _never_stale(content: Content) -> None:
    content["domains"][0]["kinds"]["penalty"]["freshness_limit_hours"] = 0


def _no_domains(content: Content) -> None:
    content["domains"], content["lists"] = [], []


def _descending(content: Content) -> None:
    content["provinces"].reverse()


def _unknown_province(content: Content) -> None:
    content["provinces"].append(31)


def _no_provinces(content: Content) -> None:
    content["provinces"] = []


def _no_such_day(content: Content) -> None:
    content["effective_from"] = "2026-02-30"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(_repeat_domain, "domains: .* no id twice", id="a domain twice"),
        pytest.param(_repeat_list, "lists: an id stands twice", id="a list twice"),
        pytest.param(_drop_list, "lists: expected one for every domain", id="a domain without its list"),
        pytest.param(_list_of_unknown_domain, "lists: expected one for every domain", id="list of no domain"),
        pytest.param(_list_of_domain_without, "lists: .* for no other", id="list of a domain without"),
        pytest.param(_carries_nothing, "domains: one carries nothing", id="a domain that carries nothing"),
        pytest.param(_unknown_kind, r"domains\.0\.kinds\.criminal", id="unknown kind"),
        pytest.param(_unknown_name, "remark", id="unknown name"),
        pytest.param(_unknown_name_inside, r"domains\.0\.remark", id="unknown name inside"),
        pytest.param(_no_source, r"domains\.0\.source", id="no source"),
        pytest.param(_empty_source, r"lists\.0\.source", id="empty source"),
        pytest.param(_never_stale, "freshness_limit_hours", id="limit of nothing"),
        pytest.param(_no_domains, "domains: expected at least one", id="no domain"),
        pytest.param(_descending, "provinces: .* ascending", id="provinces descending"),
        pytest.param(_unknown_province, r"provinces\.4", id="unknown province"),
        pytest.param(_no_provinces, "provinces: expected at least one", id="no province"),
        pytest.param(_no_such_day, "effective_from", id="a day that does not exist"),
    ],
)
def test_refuses_files_that_contradict_themselves(spoil: Callable[[Content], None], message: str) -> None:
    content = json.loads(FILE)
    spoil(content)

    with pytest.raises(CatalogueError, match=message):
        Catalogue.parse(json.dumps(content).encode())


@given(
    file=st.binary()
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_bytes_are_a_catalogue_or_refused_by_name(file: bytes) -> None:
    with pytest.raises(CatalogueError):
        Catalogue.parse(file)


@given(at=st.integers(0, len(FILE) - 1), other=st.binary(max_size=3))
def test_any_change_of_the_file_is_refused_or_has_another_digest(at: int, other: bytes) -> None:
    changed = FILE[:at] + other + FILE[at + 1 :]
    try:
        found = Catalogue.parse(changed)
    except CatalogueError:
        return
    assert (found.digest == CATALOGUE.digest) == (changed == FILE)
