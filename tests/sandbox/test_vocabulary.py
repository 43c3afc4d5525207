"""The words: complete for what the catalogue carries, sourced, and amounts that read back."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.catalogue import published_catalogues
from contract.money import Fen
from contract.province import Province
from contract.uscc import parse_uscc
from sandbox.vocabulary import amount_notations, capital_amount, category, small_number, vocabulary, wan_amount

LONG_AGO = date(1995, 1, 1)
CATALOGUE = published_catalogues().in_force(date(2026, 11, 22))


def test_every_carried_cell_has_organs_and_words() -> None:
    words = vocabulary()
    for domain in CATALOGUE.domains:
        assert all(words.authorities[province, domain.id] for province in Province)
        if "penalty" in domain.kinds:
            assert words.weights[domain.id] > 0
            for province in Province:
                anybody = [
                    case for case in words.cases[domain.id] if case.possible(province, LONG_AGO) and not case.trades
                ]
                assert anybody, f"{domain.id} in {province.slug}"
    assert {name: entry.domain for name, entry in words.lists.items()} == {
        entry.id: entry.domain for entry in CATALOGUE.lists
    }


def test_every_case_is_sourced_and_names_a_law() -> None:
    words = vocabulary()
    known = set(words.trades)
    for case in (case for cases in words.cases.values() for case in cases):
        assert case.source
        assert re.match(r"《.+》", case.basis)
        assert set(case.trades) <= known
        assert ("CONFISCATE_GAINS" in case.categories) == (case.gains is not None)
        assert case.fine.rule != "times" or case.gains is not None
        assert "FINE" in case.categories
        assert "WARNING" not in case.sometimes
        assert set(case.words) <= {*case.categories, *case.sometimes}


def test_every_list_has_a_reason_for_anybody() -> None:
    assert all(any(not reason.trades for reason in words.reasons) for words in vocabulary().lists.values())


def test_organs_are_marked_and_told_apart() -> None:
    organs = [organ for organs in vocabulary().authorities.values() for organ in organs]
    assert len({organ.name for organ in organs}) == len({organ.uscc for organ in organs}) == len(organs)
    assert len({(organ.letters, organ.mark) for organ in organs}) == len(organs)
    assert all(organ.name.endswith("（演示）") and parse_uscc(organ.uscc)[:2] == "11" for organ in organs)


def test_unknown_category_is_refused() -> None:
    with pytest.raises(ValueError, match="SCOLDING"):
        category("SCOLDING")


@pytest.mark.parametrize(
    ("fen", "expected"),
    [
        pytest.param(
            500000, ("5000元", "人民币5000元整", "人民币伍仟元整(¥5000元整)", "0.5万元"), id="published-records 022"
        ),
        pytest.param(
            2296560,
            ("22965.60元", "人民币22965.60元", "22,965.60元", "人民币贰万贰仟玖佰陆拾伍元陆角(¥22965.60元)"),
            id="published-notations d",
        ),
        pytest.param(5, ("0.05元", "人民币0.05元", "0.05元", "人民币零元零伍分(¥0.05元)"), id="fen"),
        pytest.param(
            70000000,
            ("700000元", "人民币700000元整", "人民币柒拾万元整(¥700000元整)", "700,000元整", "70万元", "七十万元"),
            id="published-records 011",
        ),
    ],
)
def test_amounts_are_written_as_published(fen: int, expected: tuple[str, ...]) -> None:
    assert amount_notations(Fen(fen)) == expected


@pytest.mark.parametrize(
    ("yuan", "expected"),
    [
        (545, "伍佰肆拾伍元整"),
        (7667, "柒仟陆佰陆拾柒元整"),
        (26000, "贰万陆仟元整"),
        (328890, "叁拾贰万捌仟捌佰玖拾元整"),
        (1020000, "壹佰零贰万元整"),
        (10000500, "壹仟万零伍佰元整"),
        (10, "壹拾元整"),
        (100005, "壹拾万零伍元整"),
    ],
)
def test_capitals_are_as_published(yuan: int, expected: str) -> None:
    assert capital_amount(Fen(yuan * 100)) == expected


@given(st.integers(1, 99))
def test_small_numbers_read_back(number: int) -> None:
    text = small_number(number)
    tens, ten, ones = text.rpartition("十")
    digits = "零一二三四五六七八九"
    assert (digits.index(tens or "一") * 10 if ten else 0) + digits.index(ones or "零") == number


@given(st.integers(1, 10**9))
def test_wan_is_exact(yuan: int) -> None:
    whole, _, rest = wan_amount(yuan).removesuffix("万元").partition(".")
    assert int(whole + rest.ljust(4, "0")) == yuan
