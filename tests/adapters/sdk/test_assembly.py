"""Putting an answer together: a cell is answered only where everything says so."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from adapters.sdk.assembly import (
    MAX_SPELLINGS,
    PairedQuestion,
    earliest_by_cell,
    in_time,
    key_of_keyless,
    kinds_in_pairs,
    paired_questions,
    settle,
    settle_by_kind,
    spelled_names,
)
from adapters.sdk.source import Search, SourceError
from contract.catalogue import PENALTY, SERIOUS_LIST
from huren.common.v1 import common_pb2

USCC = common_pb2.IDENTIFIER_KIND_USCC
FORMER_USCC = common_pb2.IDENTIFIER_KIND_FORMER_USCC
ORGANISATION_CODE = common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE
REGISTRATION_NUMBER = common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER
NAME = common_pb2.IDENTIFIER_KIND_NAME


def search_by(kit: Any, *identifiers: tuple[common_pb2.IdentifierKind.ValueType, str]) -> Search:
    return Search(
        identifiers=tuple(common_pb2.Identifier(kind=kind, value=value) for kind, value in identifiers),
        window=kit.WINDOW,
        cells=frozenset({kit.MARKET, kit.MARKET_LIST}),
        until=kit.NOW + timedelta(seconds=30),
    )


def test_a_cell_is_silent_unless_it_was_supplied_and_nothing_speaks_against_it(kit: Any) -> None:
    search = search_by(kit)
    searched = frozenset({USCC})

    all_well = dict.fromkeys(search.cells, kit.NOW)
    assert settle(search, [], supplied=all_well, silent={}, searched=searched).watermarks == all_well
    answer = settle(search, [], supplied={kit.MARKET: kit.NOW}, silent={kit.MARKET: "broken"}, searched=searched)
    assert answer.watermarks == {}
    assert answer.silent[kit.MARKET] == "broken"
    assert "up to when" in answer.silent[kit.MARKET_LIST]


def test_only_the_cells_asked_for_are_settled(kit: Any) -> None:
    other = ("taxation", PENALTY)
    answer = settle(search_by(kit), [], supplied={other: kit.NOW}, silent={other: "x"}, searched=frozenset())

    assert answer.silent.keys() == {kit.MARKET, kit.MARKET_LIST}
    assert answer.watermarks == {}


def test_a_kind_that_failed_or_was_not_asked_for_is_silent(kit: Any) -> None:
    search = search_by(kit)
    supplied = dict.fromkeys(search.cells, kit.NOW)

    answer = settle_by_kind(search, {PENALTY: (kit.penalty(),)}, supplied=supplied, searched=frozenset())
    assert (answer.watermarks, len(answer.rows)) == ({kit.MARKET: kit.NOW}, 1)
    assert "not asked" in answer.silent[kit.MARKET_LIST]
    answer = settle_by_kind(search, {PENALTY: "off", SERIOUS_LIST: ()}, supplied=supplied, searched=frozenset())
    assert (answer.rows, answer.silent) == ((), {kit.MARKET: "off"})


def test_the_earliest_of_several_states_of_supply_counts(kit: Any) -> None:
    later = kit.NOW + timedelta(hours=1)
    supplied = [("1", "P", later), ("2", "P", kit.NOW), ("1", "P", later), ("9", "P", kit.NOW), ("1", "?", kit.NOW)]

    found = earliest_by_cell(supplied, {"1": "market_regulation", "2": "market_regulation", "9": None}, {"P": PENALTY})

    assert found == {kit.MARKET: kit.NOW}


@pytest.mark.parametrize(
    ("identifiers", "questions"),
    [
        ([], [("", "", ())]),
        ([(NAME, "a")], [("", "", ("a",))]),
        ([(ORGANISATION_CODE, "o"), (NAME, "a"), (USCC, "u")], [("u", "o", ("a",))]),
        ([(USCC, "u"), (FORMER_USCC, "v"), (NAME, "a")], [("u", "", ("a",)), ("v", "", ())]),
        ([(USCC, "u"), (ORGANISATION_CODE, "o"), (ORGANISATION_CODE, "p")], [("u", "o", ()), ("", "p", ())]),
        ([(REGISTRATION_NUMBER, "1")], [("", "", ())]),
    ],
)
def test_each_identifier_is_asked_for_once(kit: Any, identifiers: Any, questions: Any) -> None:
    search = search_by(kit, *identifiers)

    assert list(paired_questions(search)) == [PairedQuestion(*question) for question in questions]
    assert kinds_in_pairs(search) == {kind for kind, _ in identifiers} - {REGISTRATION_NUMBER}


def test_names_are_asked_for_in_every_spelling_so_many_at_a_time(kit: Any) -> None:
    search = search_by(kit, (USCC, "u"), (NAME, "示例(华北)机械厂"))

    spellings = spelled_names(search)

    assert spellings[0] == "示例(华北)机械厂"
    assert set(spellings) == {"示例(华北)机械厂", "示例（华北）机械厂", "示例(華北)機械廠", "示例（華北）機械廠"}
    assert list(paired_questions(search, names=spellings, names_at_once=3)) == [
        PairedQuestion("u", "", spellings[:3]),
        PairedQuestion("", "", spellings[3:]),
    ]


def test_too_many_spellings_are_refused_and_not_cut_short(kit: Any) -> None:
    search = search_by(kit, *((NAME, str(number)) for number in range(MAX_SPELLINGS + 1)))

    with pytest.raises(SourceError, match="spellings"):
        spelled_names(search)


def test_a_row_without_a_key_has_one_of_its_content() -> None:
    first = key_of_keyless({"a": "1", "b": None})

    assert first == key_of_keyless({"b": None, "a": "1"})
    assert len({first, key_of_keyless({"a": "1", "b": ""}), key_of_keyless({"a": "1"})}) == 3
    assert first.startswith("?")


async def test_time_that_is_over_is_an_error_of_the_source(kit: Any) -> None:
    with pytest.raises(SourceError, match="deadline"):
        async with in_time(kit.NOW, lambda: kit.NOW):
            pytest.fail("asked nevertheless")
    with pytest.raises(SourceError, match="deadline"):
        async with in_time(kit.NOW + timedelta(seconds=0.01), lambda: kit.NOW):
            await asyncio.Event().wait()
