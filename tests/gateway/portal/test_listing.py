"""Tables that the server sorts, filters and cuts into pages: what an address may say, and what it may not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from aiohttp.test_utils import make_mocked_request

from contract.deadlines import Label
from contract.reasons import Words
from gateway.portal.listing import Column, Deadline, Filter, Table, chinese_order, cursor
from gateway.portal.look import Look
from gateway.portal.site import PAGES
from gateway.portal.visit import Visit


@dataclass(frozen=True)
class Thing:
    name: str
    size: int | None
    shape: str = "round"


THINGS = (Thing("天津", 2), Thing("北京", 3, "flat"), Thing("山西", None), Thing("河北", 1))

TABLE: Table[Thing] = Table(
    name="things",
    size=3,
    columns=(
        Column(name="name", label=Words("名称", "Name"), key=lambda thing: chinese_order(thing.name)),
        Column(name="size", label=Words("大小", "Size"), key=lambda thing: thing.size),
        Column(name="shape", label=Words("形状", "Shape")),
    ),
    filters=(
        Filter(
            name="shape",
            label=Words("形状", "Shape"),
            keep=lambda thing, shape: thing.shape == shape,
            options=(("round", Words("圆", "Round")), ("flat", Words("平", "Flat"))),
        ),
        Filter(name="find", label=Words("含", "Contains"), keep=lambda thing, text: text in thing.name),
    ),
)


def visit(query: str = "") -> Visit:
    request = make_mocked_request("GET", f"/staff/members{query}")
    return Visit(request=request, page=PAGES["members"], look=Look(), at=datetime(2026, 11, 22, tzinfo=UTC))


def names(query: str = "") -> list[str]:
    return [thing.name for thing in TABLE.of_rows(visit(query), THINGS).rows]


def test_rows_stay_as_they_came_where_nothing_is_asked() -> None:
    assert names() == ["天津", "北京", "山西"]


def test_names_are_sorted_by_their_sounds() -> None:
    assert names("?sort=name") == ["北京", "河北", "山西"]
    assert names("?sort=-name") == ["天津", "山西", "河北"]


def test_rows_without_a_value_come_last_either_way() -> None:
    first = TABLE.of_rows(visit("?sort=size&after=3"), THINGS)
    last = TABLE.of_rows(visit("?sort=-size&after=3"), THINGS)
    assert [thing.name for thing in first.rows] == [thing.name for thing in last.rows] == ["山西"]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("?sort=colour", id="a column that there is not"),
        pytest.param("?sort=shape", id="a column that does not sort"),
        pytest.param("?sort=--name", id="two signs"),
        pytest.param("?shape=square", id="a choice that there is not"),
        pytest.param("?after=4", id="after the end"),
        pytest.param("?after=-1", id="before the beginning"),
        pytest.param("?after=%D9%A3", id="a digit of another script"),
        pytest.param("?after=99999999999999999999", id="a number that is too long"),
        pytest.param("?nothing=here&shape=", id="what is no filter"),
    ],
)
def test_what_is_not_known_is_as_if_it_were_not_there(query: str) -> None:
    shown = TABLE.of_rows(visit(query), THINGS)

    assert [thing.name for thing in shown.rows] == names()
    assert (shown.sort, shown.is_filtered, shown.is_first) == ("", False, True)


def test_filters_leave_rows_out_together() -> None:
    assert names("?shape=round&find=%E5%8C%97") == ["河北"]
    assert names("?shape=flat") == ["北京"]


def test_the_next_page_is_sorted_and_filtered_as_this_one() -> None:
    shown = TABLE.of_rows(visit("?sort=-name&shape=round&find=%3Cb%3E&after=0"), THINGS, keep={"matter": "示例1号"})
    assert shown.rows == []
    shown = TABLE.of_rows(visit("?sort=-name"), THINGS, keep={"matter": "示例 1"})

    assert shown.following == "/staff/members?matter=%E7%A4%BA%E4%BE%8B+1&sort=-name&after=3"
    assert shown.address == "/staff/members?matter=%E7%A4%BA%E4%BE%8B+1"
    assert names("?" + shown.following.partition("?")[2]) == ["北京"]


def test_the_last_page_leads_nowhere() -> None:
    shown = TABLE.of_rows(visit("?after=3"), THINGS)

    assert (shown.following, shown.is_first, shown.before, shown.found) == ("", False, 3, 4)
    assert shown.sorted_address == "/staff/members"


def test_a_page_by_cursor_stays_as_it_came() -> None:
    shown = TABLE.of_page(visit("?sort=name&shape=flat&after=abc"), THINGS, "def")

    assert tuple(shown.rows) == THINGS
    assert shown.sort == ""
    assert shown.following == "/staff/members?shape=flat&after=def"
    assert not shown.is_first


def test_a_cursor_that_is_none_is_the_beginning() -> None:
    assert cursor(visit("?after=abc"), "[a-c]{3}") == "abc"
    assert cursor(visit("?after=abcd"), "[a-c]{3}") == ""
    assert cursor(visit(), "[a-c]{3}") == ""


def test_a_deadline_says_on_what_it_rests() -> None:
    said = {label: Deadline(date(2026, 11, 30), label).words.zh for label in Label}

    assert said == {
        Label.STATUTORY: "法定期限",
        Label.AGREED: "四地约定",
        Label.DEFAULT: "系统默认（未经确认）",
    }
