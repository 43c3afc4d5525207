"""The conclusion says what was searched, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from contract.province import Province
from contract.report_check import check_report
from contract.wording import CELL_WORDS, conclusion_sentence
from huren.fragment.v1 import fragment_pb2
from tests.support.federation import CATALOGUE, LIST_CELL, PENALTY_CELL, Federation, list_entry, penalty

HEAD = "经查询，在2021-11-22至2026-11-22期间，截至本报告第四部分所列各数据归集时间，"
NAME = "北京示例机械有限公司"
FOUR = "北京市、天津市、河北省、山西省"
THREE = "北京市、天津市、山西省"
ALL = CATALOGUE.cells
PENALTIES = tuple(key for key in ALL if key[1] == PENALTY)
LISTS = tuple(key for key in ALL if key[1] == SERIOUS_LIST)
COURT: tuple[CellKey, ...] = (("court_enforcement", PENALTY), ("court_enforcement", SERIOUS_LIST))


def sentence(cells: Iterable[CellKey], federation: Federation | None = None, **said: object) -> str:
    federation = federation or Federation()
    envelope = federation.report(federation.admitted(cells=cells, **said))  # type: ignore[arg-type]
    report = check_report(envelope, verifier=federation.verifier, catalogues=federation.catalogues).report
    return conclusion_sentence(report, CATALOGUE)


def without(*keys: CellKey) -> Federation:
    return Federation(not_covered={Province.HEBEI: frozenset(keys)})


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param(
            ALL,
            f"{HEAD}未查询到{NAME}在{FOUR}所查16个领域内应当列入本报告的行政处罚记录；"
            f"未查询到其在{FOUR}所查7个领域内被列入所查严重失信主体名单的记录。",
            id="everything",
        ),
        pytest.param(
            PENALTIES, f"{HEAD}未查询到{NAME}在{FOUR}所查16个领域内应当列入本报告的行政处罚记录。", id="penalties-only"
        ),
        pytest.param(
            LISTS, f"{HEAD}未查询到{NAME}在{FOUR}所查7个领域内被列入所查严重失信主体名单的记录。", id="lists-only"
        ),
        pytest.param(
            COURT,
            f"{HEAD}未查询到{NAME}在{FOUR}所查1个领域内被列入所查严重失信主体名单的记录。",
            id="a-domain-with-a-list-only",
        ),
    ],
)
def test_only_what_was_asked_and_applies_is_said_to_have_been_searched(cells: Iterable[CellKey], expected: str) -> None:
    assert sentence(cells) == expected


def test_a_province_that_covers_nothing_is_not_said_to_have_been_searched() -> None:
    said = sentence([PENALTY_CELL], without(PENALTY_CELL))
    assert said == (
        f"{HEAD}未查询到{NAME}在{THREE}所查1个领域内（未纳入互认的事项除外）应当列入本报告的行政处罚记录。"
        "下列事项尚未纳入互认，本报告不作反映：河北省市场监管（含教育、商务）（行政处罚）。"
        "需要证明的，请向相应部门申请。"
    )


def test_where_nobody_covers_anything_nothing_is_said() -> None:
    nobody = Federation(not_covered={province: frozenset({PENALTY_CELL}) for province in Province})
    said = sentence([PENALTY_CELL], nobody)
    assert "未查询到" not in said
    assert "不作任何反映" in said


def test_what_was_found_is_counted_by_kind() -> None:
    said = sentence(
        [PENALTY_CELL, LIST_CELL],
        records={
            Province.TIANJIN: {PENALTY_CELL: [penalty("one-0001"), penalty("two-0002")]},
            Province.SHANXI: {LIST_CELL: [list_entry("three-01")]},
        },
    )
    assert said == (
        f"{HEAD}查询到{NAME}在{FOUR}所查1个领域内行政处罚记录2条；"
        f"查询到其在{FOUR}所查1个领域内被列入严重失信主体名单的记录1条。详见第三部分；"
        "其余所查事项未查询到应当列入本报告的记录。"
    )


def test_of_the_rest_nothing_is_said_that_was_not_answered() -> None:
    """W-04b: what is not covered and what does not apply is no part of what was not found."""
    found = {Province.TIANJIN: {PENALTY_CELL: [penalty()]}}
    hole = Federation(not_covered={Province.HEBEI: frozenset({PENALTY_CELL})})
    assert "其余所查事项（未纳入互认的除外）未查询到" in sentence([PENALTY_CELL], hole, records=found)
    everybody = {province: {PENALTY_CELL: [penalty()]} for province in Province}
    assert "其余所查事项" not in sentence([PENALTY_CELL], records=everybody)
    assert "其余所查事项" not in sentence([PENALTY_CELL])


def test_one_kind_found_does_not_hide_that_the_other_was_not() -> None:
    said = sentence([PENALTY_CELL, LIST_CELL], records={Province.TIANJIN: {PENALTY_CELL: [penalty()]}})
    assert "行政处罚记录1条；未查询到其在" in said


def test_every_state_that_seals_has_a_word_and_only_clear_says_not_found() -> None:
    states = {value for name, value in fragment_pb2.CellState.items() if value}
    assert set(CELL_WORDS) == states
    assert [state for state, words in CELL_WORDS.items() if words == "未查询到"] == [fragment_pb2.CELL_STATE_CLEAR]
