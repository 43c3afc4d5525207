"""The invented world keeps its promises: reproducible, valid, recognisably invented, and true to itself."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import time
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pytest
import stdnum.cn.uscc
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.catalogue import PENALTY, published_catalogues
from contract.days import CHINA, DayRange, china_day, start_of_day, years_after
from contract.province import Province
from contract.uscc import SubjectClass, home_hint, organisation_code, parse_uscc, subject_class
from huren.common.v1 import common_pb2
from huren.fragment.v1 import record_pb2
from sandbox.world import (
    Aside,
    AsideKind,
    Enterprise,
    FactState,
    ListFact,
    Outcome,
    PenaltyFact,
    World,
    Written,
    generate,
)

DAY = date(2026, 11, 22)
WINDOW = DayRange(years_after(DAY, -5), DAY)
DIGEST = "7449debd9230d5ac76a72618af3eaffcc67b493cedcf3a0d18fb9e4e6c63e1b0"
ASIDES = "7b17b97b99534717921d73e11cd89f52da3d838aaf4ec6220e65498273382b7d"
SIZE = 400
FINE = record_pb2.PENALTY_CATEGORY_FINE
GAINS = record_pb2.PENALTY_CATEGORY_CONFISCATE_GAINS


@cache
def world_of(size: int = SIZE, seed: int = 7) -> World:
    return generate(seed=seed, size=size, day=DAY)


def facts(world: World) -> list[PenaltyFact | ListFact]:
    return [*world.penalties, *world.list_entries]


def canonical(value: Any) -> Any:
    if isinstance(value, AsideKind | FactState):
        return value.name
    if isinstance(value, Enterprise | World | PenaltyFact | ListFact | Aside | Written):
        assert is_dataclass(value)
        return {field.name: canonical(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [canonical(entry) for entry in value]
    if isinstance(value, dict):
        return {key: canonical(entry) for key, entry in value.items()}
    return value.isoformat() if isinstance(value, date | datetime) else value


def test_same_arguments_give_an_equal_world() -> None:
    assert generate(seed=3, size=120, day=DAY) == generate(seed=3, size=120, day=DAY)
    assert generate(seed=3, size=120, day=DAY) != generate(seed=4, size=120, day=DAY)


def test_world_of_a_fixed_seed_has_not_drifted() -> None:
    world = canonical(generate(seed=1, size=100, day=DAY))
    asides = digest_of(world.pop("asides"))
    digest = digest_of(world)
    assert digest == DIGEST, f"the world changed; if that was meant, set DIGEST in {__name__} to {digest!r}"
    assert asides == ASIDES, f"the asides changed; if that was meant, set ASIDES in {__name__} to {asides!r}"


def digest_of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def test_larger_world_begins_with_the_smaller() -> None:
    small, large = world_of(40), world_of()
    assert large.enterprises[:40] == small.enterprises
    assert large.penalties[: len(small.penalties)] == small.penalties
    assert large.list_entries[: len(small.list_entries)] == small.list_entries
    assert large.cast == small.cast


def test_refuses_a_world_without_room_for_the_cast() -> None:
    with pytest.raises(ValueError, match="expected a size of at least 15, got 14"):
        generate(seed=1, size=14, day=DAY)


def test_is_quick() -> None:
    begun = time.process_time()
    generate(seed=11, size=200, day=DAY)
    assert time.process_time() - begun < 1


@settings(max_examples=40, deadline=None)
@given(st.integers(-(2**40), 2**40), st.integers(40, 90), st.dates(date(2022, 1, 1), date(2040, 12, 31)))
@example(0, 40, date(2024, 2, 29))
def test_every_world_is_sound(seed: int, size: int, day: date) -> None:
    world = generate(seed=seed, size=size, day=day)
    check_codes(world)
    check_names(world)
    check_dates(world)
    check_texts(world)
    check_numbers(world)
    check_cast(world)


def test_large_world_is_sound() -> None:
    world = world_of(3000)
    check_codes(world)
    check_names(world)
    check_dates(world)
    check_texts(world)
    check_numbers(world)
    check_cast(world)


def check_codes(world: World) -> None:
    codes = [enterprise.uscc for enterprise in world.enterprises]
    assert len(set(codes)) == len(codes)
    for enterprise in world.enterprises:
        code = enterprise.uscc
        assert parse_uscc(code) == code
        assert stdnum.cn.uscc.is_valid(code)
        assert organisation_code(code)[-1] == gb11714(organisation_code(code)[:8])
        assert subject_class(code) is CLASSES[enterprise.kind]
        assert code[2:8] == "100000" or home_hint(code) == enterprise.homes[0][0]
        assert re.fullmatch(r"([0-9]{15})?", enterprise.registration_number)
        assert not enterprise.registration_number or gs15(enterprise.registration_number)
    authorities = {(fact.authority, fact.authority_uscc) for fact in facts(world)}
    assert len({name for name, _ in authorities}) == len({code for _, code in authorities}) == len(authorities)
    for _, text in authorities:
        own = parse_uscc(text)
        assert own == text
        assert own[:2] == "11"
        assert organisation_code(own)[-1] == gb11714(organisation_code(own)[:8])


CLASSES = {
    common_pb2.SUBJECT_KIND_ENTERPRISE: SubjectClass.ENTERPRISE,
    common_pb2.SUBJECT_KIND_BRANCH: SubjectClass.ENTERPRISE,
    common_pb2.SUBJECT_KIND_INDIVIDUAL_BUSINESS: SubjectClass.INDIVIDUAL_BUSINESS,
    common_pb2.SUBJECT_KIND_FARMERS_COOPERATIVE: SubjectClass.FARMERS_COOPERATIVE,
}


def gb11714(first8: str) -> str:
    values = [int(c) if c.isdigit() else ord(c) - 55 for c in first8]
    check = 11 - sum(v * w for v, w in zip(values, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return {10: "X", 11: "0"}.get(check, str(check))


def gs15(number: str) -> bool:
    product = 10
    for digit in number[:-1]:
        total = (product + int(digit)) % 10
        product = (total or 10) * 2 % 11
    return (product + int(number[-1])) % 10 == 1


def check_names(world: World) -> None:
    names = [enterprise.name for enterprise in world.enterprises]
    names += [name for enterprise in world.enterprises for name, _ in enterprise.former_names]
    assert len(set(names)) == len(names)
    assert all("示例" in name for name in names)
    for enterprise in world.enterprises:
        is_branch = enterprise.kind == common_pb2.SUBJECT_KIND_BRANCH
        assert enterprise.name.endswith("分公司") == is_branch
        assert enterprise.name.endswith("专业合作社") == (
            enterprise.kind == common_pb2.SUBJECT_KIND_FARMERS_COOPERATIVE
        )


def check_dates(world: World) -> None:
    day = world.day
    assert world.as_of == datetime(day.year, day.month, day.day, 20, tzinfo=CHINA) - timedelta(days=1)
    begin = years_after(day, -7)
    for enterprise in world.enterprises:
        begun = [since for _, since in enterprise.homes]
        assert begun == sorted(begun)
        assert begun[-1] < day
        assert (enterprise.cancelled_on is not None) == (enterprise.status == common_pb2.REGISTRATION_STATUS_CANCELLED)
        assert all(begun[0] < last < day for _, last in enterprise.former_names)
    for fact in facts(world):
        decided = fact.decided_on if isinstance(fact, PenaltyFact) else fact.listed_on
        last = fact.performed_on if isinstance(fact, PenaltyFact) else fact.removed_on
        assert begin <= decided < day
        assert decided.weekday() < 5
        assert fact.subject.homes[0][1] < decided
        assert last is None or decided <= last < day
        assert fact.subject.cancelled_on is None or (last or decided) <= fact.subject.cancelled_on
        received = china_day(fact.received_at)
        assert received.weekday() < 5
        assert 1 <= (received - (last or decided)).days <= 11
        assert start_of_day(decided) < fact.received_at <= world.as_of
        assert fact.received_at.microsecond == 0
        if isinstance(fact, ListFact):
            assert fact.planned_end_on is None or fact.planned_end_on > fact.listed_on
        else:
            assert fact.publicity_until is None or fact.publicity_until > fact.decided_on


def check_texts(world: World) -> None:
    texts = [text for fact in facts(world) for text in vars_of(fact)]
    for text in texts:
        assert not re.search(r"[0-9]{11}", text)
        assert not re.search(r"[0-9]{17}[0-9Xx]", text)
        assert "{" not in text
        assert text.encode("gb18030").decode("gb18030") == text
    for fact in facts(world):
        assert fact.authority.endswith("（演示）")
        assert fact.authority.startswith(BEGINNINGS[fact.province])
    for penalty in world.penalties:
        check_amounts(penalty)


BEGINNINGS = {
    Province.BEIJING: ("北京市",),
    Province.TIANJIN: ("天津市",),
    Province.HEBEI: ("河北省", "石家庄市", "衡水市", "唐山市", "张家口市", "秦皇岛市", "邯郸市", "廊坊市"),
    Province.SHANXI: ("山西省", "太原市", "吕梁市", "大同市", "晋城市", "临汾市", "长治市", "运城市"),
}


def vars_of(fact: PenaltyFact | ListFact) -> list[str]:
    if isinstance(fact, ListFact):
        return [fact.document_number, fact.authority, fact.reason]
    return [
        fact.document_number,
        fact.authority,
        fact.violation_type,
        fact.facts,
        fact.legal_basis,
        fact.content,
    ]


def check_amounts(fact: PenaltyFact) -> None:
    fines = re.findall(rf"罚款(?:，(?:共计|计))?({AMOUNT})", fact.content)
    gains = re.findall(rf"没收违法所得({AMOUNT})", fact.content)
    assert [read_amount(text) for text in fines] == ([fact.fine] if fact.fine is not None else [])
    assert [read_amount(text) for text in gains] == ([fact.confiscation] if fact.confiscation is not None else [])
    assert len(re.findall("罚款", fact.content)) == len(fines)
    assert (FINE in fact.categories) == (fact.fine is not None)
    assert (GAINS in fact.categories) == (fact.confiscation is not None)
    assert len(set(fact.categories)) == len(fact.categories) > 0
    assert fact.fine is None or fact.fine > 0
    if fact.summary_procedure:
        assert (fact.fine or 0) <= 300_000
        assert set(fact.categories) <= {FINE, record_pb2.PENALTY_CATEGORY_WARNING}


AMOUNT = (
    r"(?:人民币)?(?:[0-9][0-9,.]*万?元整?|[一二三四五六七八九十]+万元"
    r"|[零壹贰叁肆伍陆柒捌玖拾佰仟万元角分整]+\(¥[0-9.]+元整?\))"
)


def read_amount(text: str) -> int:
    """Reads an amount without the generator's help: digits by decimals, Chinese by value; both where both stand."""
    text = text.removeprefix("人民币")
    if capital := re.fullmatch(r"(.+)\(¥(.+)\)", text):
        assert read_capitals(capital[1]) == read_amount(capital[2])
        return read_amount(capital[2])
    if small := re.fullmatch(r"([一二三四五六七八九十]+)万元", text):
        tens, ten, ones = small[1].rpartition("十")
        return (
            ("零一二三四五六七八九".find(tens or "一") * 10 if ten else 0) + "零一二三四五六七八九".find(ones or "零")
        ) * 10**6
    plain = re.fullmatch(r"([0-9,]+)(?:\.([0-9]+))?(万?)元整?", text)
    assert plain, text
    decimals = 6 if plain[3] else 2
    return int(plain[1].replace(",", "") + (plain[2] or "").ljust(decimals, "0"))


def read_capitals(text: str) -> int:
    total = section = digit = 0
    for character in text:
        if character in "零壹贰叁肆伍陆柒捌玖":
            digit = "零壹贰叁肆伍陆柒捌玖".index(character)
        elif character in "拾佰仟":
            section, digit = section + digit * 10 ** ("拾佰仟".index(character) + 1), 0
        elif character == "万":
            total, section, digit = total + (section + digit) * 10**6, 0, 0
        elif character == "元":
            total, section, digit = total + (section + digit) * 100, 0, 0
        elif character in "角分":
            total, digit = total + digit * (10 if character == "角" else 1), 0
    return total


def check_numbers(world: World) -> None:
    keys = [fact.key for fact in facts(world)]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{8,64}", key) for key in keys)
    numbers = [
        re.sub(r"[〔〕【】\[\]﹝﹞()]", "|", fact.document_number) for fact in facts(world) if fact.document_number
    ]
    assert len(set(numbers)) == len(numbers)
    assert all(fact.document_number for fact in world.penalties)
    for fact in facts(world):
        decided = fact.decided_on if isinstance(fact, PenaltyFact) else fact.listed_on
        assert not fact.document_number or str(decided.year) in fact.document_number


def check_cast(world: World) -> None:
    day, cast = world.day, world.cast
    window = DayRange(years_after(day, -5), day)
    everything = DayRange(date(1990, 1, 1), day)
    assert tuple(cast.values()) == world.enterprises[: len(cast)]

    def found(role: str, within: DayRange = window) -> dict[Province, tuple[int, int]]:
        answers = {province: world.facts_of(cast[role].uscc, province, within) for province in Province}
        counts = {province: (len(penalties), len(entries)) for province, (penalties, entries) in answers.items()}
        return {province: count for province, count in counts.items() if count != (0, 0)}

    def home(role: str, on: date = day) -> Province | None:
        return [province for province, since in cast[role].homes if since <= on][-1]

    several = found("found_in_several")
    assert {province for province, (penalties, _) in several.items() if penalties} == {
        Province.BEIJING,
        Province.TIANJIN,
        Province.SHANXI,
    }
    assert home("found_in_several") == Province.BEIJING
    assert any(entry.subject is cast["found_in_several"] and entry.removed_on is None for entry in world.list_entries)

    assert home("nothing_anywhere") == Province.HEBEI
    assert found("nothing_anywhere", everything) == {}

    assert home("found_at_home") == Province.TIANJIN
    assert list(found("found_at_home", everything)) == [Province.TIANJIN]

    assert home_hint(cast["moved"].uscc) == Province.BEIJING
    assert (home("moved", day - timedelta(days=1000)), home("moved")) == (Province.BEIJING, Province.HEBEI)
    assert list(found("moved")) == [Province.BEIJING, Province.HEBEI]

    assert cast["centrally_registered"].uscc[2:8] == "100000"
    assert home("centrally_registered") == Province.BEIJING

    assert cast["branch"].kind == common_pb2.SUBJECT_KIND_BRANCH
    assert cast["branch"].name.endswith("分公司")
    assert home("branch") == Province.SHANXI

    assert cast["cancelled"].status == common_pb2.REGISTRATION_STATUS_CANCELLED
    assert home("cancelled") == Province.TIANJIN
    assert found("cancelled")

    assert cast["licence_revoked"].status == common_pb2.REGISTRATION_STATUS_LICENCE_REVOKED
    assert any(
        fact.subject is cast["licence_revoked"] and record_pb2.PENALTY_CATEGORY_REVOKE_LICENCE in fact.categories
        for fact in world.penalties
    )

    assert (cast["individual_business"].uscc[:2], home("individual_business")) == ("92", Province.SHANXI)
    assert (cast["cooperative"].uscc[:2], home("cooperative")) == ("93", Province.HEBEI)

    assert home("outside") is None
    assert home("outside", day - timedelta(days=1000)) == Province.TIANJIN
    assert found("outside")

    assert found("old_records_only") == {}
    assert found("old_records_only", everything) == {Province.BEIJING: (1, 0), Province.HEBEI: (1, 0)}

    assert found("list_only", everything) == found("list_only") == {Province.HEBEI: (0, 2)}

    renamed = cast["renamed"].former_names
    assert [last in window for _, last in renamed] == [True]
    decided = [fact.decided_on for fact in world.penalties if fact.subject is cast["renamed"]]
    assert min(decided) <= renamed[0][1] < max(decided)

    many = found("many_records")
    assert list(many) == [Province.TIANJIN, Province.SHANXI]
    assert all(penalties >= 60 for penalties, _ in many.values())


@pytest.mark.parametrize("seed", [1, 7, 2026])
def test_no_carried_cell_is_empty_everywhere(seed: int) -> None:
    world = world_of(SIZE, seed)
    catalogue = published_catalogues().in_force(DAY)
    penalties = {(fact.province, fact.domain) for fact in world.penalties if fact.decided_on in WINDOW}
    entries = {(fact.province, fact.domain) for fact in world.list_entries if fact.listed_on in WINDOW}
    cells = [(province, domain, kind) for province in catalogue.provinces for domain, kind in catalogue.carried]
    assert [
        (province.slug, domain, kind)
        for province, domain, kind in cells
        if (province, domain) not in (penalties if kind == PENALTY else entries)
    ] == []


def test_facts_fit_the_catalogue() -> None:
    catalogue = published_catalogues().in_force(DAY)
    for fact in world_of().penalties:
        assert "penalty" in catalogue.domain_by_id[fact.domain].kinds
    for entry in world_of().list_entries:
        assert catalogue.list_by_id[entry.list_id].domain == entry.domain


def test_world_is_as_varied_as_the_demonstration_needs() -> None:
    world = world_of()
    others = [enterprise for enterprise in world.enterprises if enterprise.name not in cast_names(world)]
    provinces: dict[str, set[Province]] = {}
    for fact in facts(world):
        provinces.setdefault(fact.subject.uscc, set()).add(fact.province)
    marked = [provinces[enterprise.uscc] for enterprise in others if enterprise.uscc in provinces]
    assert 0.27 < len(marked) / len(others) < 0.33
    assert 0.65 < sum(len(found) == 1 for found in marked) / len(marked) < 0.95
    assert max(len(found) for found in marked) >= 3

    penalties, entries = world.penalties, world.list_entries
    assert {enterprise.kind for enterprise in others} == {1, 2, 3, 4}
    assert {enterprise.status for enterprise in others} == {1, 2, 3}
    for province in Province:
        assert 60 < sum(enterprise.homes[0][0] == province for enterprise in world.enterprises) < 140
    assert len({category for fact in penalties for category in fact.categories}) >= 8
    assert any(fact.fine is not None and fact.fine % 100 for fact in penalties)
    assert any(fact.fine is None for fact in penalties)
    assert any(fact.performed_on is None for fact in penalties)
    assert {fact.summary_procedure for fact in penalties} == {True, False}
    ends = [fact.publicity_until for fact in penalties]
    assert None in ends
    assert {end < DAY for end in ends if end is not None} == {True, False}
    assert {fact.decided_on in WINDOW for fact in penalties} == {True, False}
    assert any(fact.removed_on for fact in entries)
    open_entries = [fact for fact in entries if fact.removed_on is None]
    assert {fact.planned_end_on < DAY for fact in open_entries if fact.planned_end_on} == {True, False}
    for brackets in ("〔", "[", "【", "﹝", "（"):
        assert any(brackets in fact.document_number for fact in facts(world))
    assert {"字" in fact.document_number for fact in penalties} == {True, False}


def cast_names(world: World) -> list[str]:
    return [enterprise.name for enterprise in world.cast.values()]


def test_facts_of_tells_what_lies_in_the_window() -> None:
    world = world_of()
    for fact in facts(world):
        begin = fact.decided_on if isinstance(fact, PenaltyFact) else fact.listed_on
        end = begin if isinstance(fact, PenaltyFact) else fact.removed_on or date.max
        for window, expected in (
            (DayRange(begin, begin), True),
            (DayRange(end, date.max), True),
            (DayRange(date.min, begin - timedelta(days=1)), False),
            (DayRange(begin - timedelta(days=9), begin + timedelta(days=9)), True),
        ):
            penalties, entries = world.facts_of(fact.subject.uscc, fact.province, window)
            assert (fact in penalties or fact in entries) is expected
        if end != date.max:
            after = DayRange(end + timedelta(days=1), date.max)
            penalties, entries = world.facts_of(fact.subject.uscc, fact.province, after)
            assert fact not in penalties
            assert fact not in entries
        other = Province(11 + (fact.province - 10) % 4)
        penalties, entries = world.facts_of(fact.subject.uscc, other, WINDOW)
        assert fact not in penalties
        assert fact not in entries


def test_facts_of_all_subjects_are_all_facts() -> None:
    world = world_of(120)
    everything = DayRange(date.min, date.max)
    told = [
        key.key
        for enterprise in world.enterprises
        for province in Province
        for answers in world.facts_of(enterprise.uscc, province, everything)
        for key in answers
    ]
    assert sorted(told) == sorted(fact.key for fact in facts(world))


# --- Asides -----------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(-(2**40), 2**40), st.integers(15, 90))
def test_every_world_has_an_aside_of_each_kind_in_each_province(seed: int, size: int) -> None:
    world = generate(seed=seed, size=size, day=DAY)
    kinds = [(aside.fact.province, aside.kind) for aside in world.asides]
    missing = {kind for _, kind in set(itertools.product(Province, AsideKind)) - set(kinds)}
    assert len(set(kinds)) == len(kinds)
    assert missing <= {AsideKind.REGISTRATION_NUMBER_ONLY}  # of subjects founded after the reform there is none
    keys = [aside.fact.key for aside in world.asides]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & {fact.key for fact in facts(world)}


def test_asides_are_what_their_kind_says() -> None:
    world = world_of()
    by_key = {fact.key: fact for fact in world.penalties}
    names = {enterprise.name for enterprise in world.enterprises}
    for aside in world.asides:
        fact, written, subject = aside.fact, aside.written, aside.fact.subject
        assert fact.decided_on in WINDOW
        assert fact.received_at <= world.as_of
        is_plain = (written.name, written.uscc) == (subject.name, subject.uscc)
        match aside.kind.outcome:
            case Outcome.IN_DOUBT:
                assert written.name == subject.name
                assert not stdnum.cn.uscc.is_valid(written.uscc)
                assert not written.organisation_code
            case Outcome.COUNTED:
                assert written.name not in names
                assert not written.uscc
                assert not written.organisation_code
                assert not written.registration_number
            case Outcome.DUPLICATE:
                again = by_key[aside.same_as]
                assert (again.subject, again.decided_on, again.authority) == (subject, fact.decided_on, fact.authority)
                differing = (again.document_number, again.domain, again.fine) != (
                    fact.document_number,
                    fact.domain,
                    fact.fine,
                )
                assert differing
            case Outcome.FOUND:
                assert {written.organisation_code, written.registration_number} <= {
                    "",
                    organisation_code(subject.uscc),
                    subject.registration_number,
                }
                assert not written.uscc
            case Outcome.WITHHELD:
                assert is_plain
                assert aside.state in {FactState.REVOKED, FactState.REPAIRED}
            case Outcome.LEFT_OUT:
                assert is_plain
            case Outcome.UNREADABLE:
                assert is_plain
                assert written.fine
        assert bool(aside.same_as) == (aside.kind.outcome is Outcome.DUPLICATE)
