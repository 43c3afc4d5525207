"""The catalogue of dirts: each does what its name says, to any row, and the same again with the same dice."""

from __future__ import annotations

import pytest
import stdnum.cn.uscc
from hypothesis import given
from hypothesis import strategies as st

from contract.uscc import check_character
from sandbox.dice import Dice
from sandbox.dirt import CATALOGUE, Cost, Dirt, Row, RowColumns, dirty

COLUMNS = RowColumns(
    name="N",
    code="C",
    organisation_code="O",
    registration_number="R",
    document_number="W",
    decided_on="D",
    authority="J",
    content="T",
    amounts=(("F", "元"), ("M", "万元")),
    state="S",
    categories=("K",),
    domain="B",
)
FIRST17 = "91110105MA0000001"
CODE = FIRST17 + check_character(FIRST17)
ROW: Row = {
    "N": "北京市示例环保设备制造有限公司",
    "C": CODE,
    "O": CODE[8:17],
    "R": "110105000000001",
    "W": "示市监罚〔2024〕12号",
    "D": "2024-03-01",
    "J": "北京市市场监督管理局",
    "T": "警告",
    "F": "30,000.00",
    "M": "1.5",
    "S": "1",
    "K": "警告",
    "B": "0201",
}
EVERY = [pytest.param(dirt, id=dirt.name) for dirt in CATALOGUE]


def test_every_dirt_has_a_name_of_its_own() -> None:
    names = [dirt.name for dirt in CATALOGUE]
    assert len(set(names)) == len(names)
    assert {dirt.cost for dirt in CATALOGUE} == set(Cost)


@pytest.mark.parametrize("dirt", EVERY)
@given(seed=st.integers())
def test_a_dirt_changes_a_row_and_changes_it_so_again(dirt: Dirt, seed: int) -> None:
    changed = dirt.change(ROW, COLUMNS, Dice(seed))
    assert changed is not None
    assert changed != ROW
    assert changed == dirt.change(ROW, COLUMNS, Dice(seed))


@pytest.mark.parametrize("dirt", [param for param in EVERY if param.values[0].cost is Cost.HIDES_OWNER])  # type: ignore[union-attr]
@given(seed=st.integers())
def test_what_hides_the_owner_leaves_no_valid_identifier_where_one_belongs(dirt: Dirt, seed: int) -> None:
    changed = dirt.change(ROW, COLUMNS, Dice(seed))
    assert changed is not None
    assert not stdnum.cn.uscc.is_valid(str(changed["C"]))
    assert changed["R"] == ""
    assert changed["O"] in {"", CODE}


@pytest.mark.parametrize("dirt", EVERY)
def test_a_row_without_anything_to_make_dirty_stays_as_it_is_or_is_changed_but_never_fails(dirt: Dirt) -> None:
    blank: Row = dict.fromkeys(ROW, "")
    null: Row = dict.fromkeys(ROW)
    narrow = RowColumns(
        name="N",
        code=None,
        organisation_code=None,
        registration_number=None,
        document_number="W",
        decided_on="D",
        authority="J",
        content="T",
        amounts=(),
        state=None,
        categories=(),
        domain="B",
    )
    for row in (blank, null):
        for columns in (COLUMNS, narrow):
            changed = dirt.change(row, columns, Dice(1))
            assert changed is None or isinstance(changed, dict)


@pytest.mark.parametrize(
    ("name", "column", "expected"),
    [
        ("name-with-or-without-city", "N", "北京示例环保设备制造有限公司"),
        ("traditional-name", "N", "北京市示例環保設備製造有限公司"),
        ("day-in-words", "D", "二〇二四年三月一日"),
        ("amount-in-the-other-unit", "F", "3.00万元"),
        ("masked-number", "W", "示市监罚〔2024〕***号"),
        ("damaged-number", "W", "示市监罚2024〕12号"),
        ("code-as-organisation-code", "O", CODE),
        ("code-in-the-name", "N", f"北京市示例环保设备制造有限公司({CODE})"),
        ("letter-for-digit", "C", CODE.replace("0", "O")),
    ],
)
def test_dirts_by_example(name: str, column: str, expected: str) -> None:
    (dirt,) = (dirt for dirt in CATALOGUE if dirt.name == name)
    changed = dirt.change(ROW, COLUMNS, Dice(1))
    assert changed is not None
    assert changed[column] == expected


@pytest.mark.parametrize(
    ("value", "words"), [(1709222400000, "二〇二四年三月一日"), ("2019/6/22", "二〇一九年六月二十二日")]
)
def test_days_in_words_are_the_same_days(value: str | int, words: str) -> None:
    (dirt,) = (dirt for dirt in CATALOGUE if dirt.name == "day-in-words")
    changed = dirt.change({**ROW, "D": value}, COLUMNS, Dice(1))
    assert changed is not None
    assert changed["D"] == words


@given(seed=st.integers())
def test_any_dirt_may_come_and_only_what_is_possible(seed: int) -> None:
    changed, dirt = dirty(ROW, COLUMNS, Dice(seed))
    assert dirt in CATALOGUE
    assert changed != ROW
