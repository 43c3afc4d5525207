"""Asking on others' consent, on the portal: over HTTP, at a real gateway."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from contract.days import china_day, years_after
from gateway.store import tables
from tests.support.desks import Desk, Page, desk
from tests.support.people import BANK, ENTERPRISE, FORMER, NAME, OTHER, Founding, Lobby


@pytest.fixture
async def founding(lobby: Lobby) -> Founding:
    founding = Founding(lobby)
    founding._founder = await lobby.person(  # it is made by `things` otherwise, with much more
        "founder", represents=[ENTERPRISE], headers={"Huren-Enterprise": ENTERPRISE}
    )
    return founding


@pytest.fixture
async def bank(lobby: Lobby) -> Desk:
    return await desk(lobby, await lobby.person("bank", represents=[BANK]), BANK)


async def taken_back(lobby: Lobby, founding: Founding, grant: str) -> None:
    await lobby.served(founding._founder, "POST", f"/api/v1/grants/{grant}/revocation")


def fields_of(page: Page, **changes: Any) -> dict[str, Any]:
    """The form of a consent's page, as it came."""
    return {
        "key": page.value("key"),
        "first_day": page.value("first_day"),
        "last_day": page.value("last_day"),
        "domains": sorted(page.ticked("domains")),
        "kinds": sorted(page.ticked("kinds")),
        **changes,
    }


async def test_who_was_given_nothing_is_told_how_to_be(bank: Desk) -> None:
    page = await bank.open("received")

    assert page.status == 200
    assert "没有收到授权书" in page.text
    assert "登记在北京市的企业" in page.text
    assert "还没有查询记录" in (await bank.open("asked")).text


async def test_a_consent_is_listed_with_what_is_left_of_it(bank: Desk, founding: Founding) -> None:
    _, grant = await founding.grant(BANK)

    page = await bank.open("received")

    for part in (NAME, "融资", "5次，共5次", "有效"):
        assert part in page.text, part
    assert bank.at("received_grant", grant=grant) in page.html


async def test_the_form_holds_all_that_may_be_asked_today(bank: Desk, lobby: Lobby, founding: Founding) -> None:
    _, grant = await founding.grant(BANK)
    today = china_day(lobby.live.federation.now)

    page = await bank.open("received_grant", grant=grant)

    assert page.value("last_day") == today.isoformat()
    assert page.value("first_day") in {
        years_after(today, -5).isoformat(),
        (years_after(today, -5) + timedelta(days=1)).isoformat(),
    }
    catalogue = lobby.live.federation.catalogues.in_force(today)
    assert page.ticked("domains") == {domain.id for domain in catalogue.domains}
    assert page.ticked("kinds") == {"1", "2"}
    assert 'name="purpose"' not in page.html


async def test_who_asks_goes_on_to_how_it_gets_on_and_finds_it_in_the_list(bank: Desk, founding: Founding) -> None:
    _, grant = await founding.grant(BANK)
    page = await bank.open("received_grant", grant=grant)
    sent = fields_of(page)

    first, second = [await bank.send("ask_under_grant", sent, grant=grant) for _ in range(2)]

    assert first.status == 303
    assert first.location.startswith(bank.at("requests") + "/")
    assert second.location == first.location  # sent twice, asked once
    asked = await bank.open("asked")
    assert NAME in asked.text
    assert "办理中" in asked.text
    assert first.location in asked.html
    assert "4次，共5次" in (await bank.open("received")).text


async def test_a_part_of_what_was_granted_may_be_asked(bank: Desk, lobby: Lobby, founding: Founding) -> None:
    _, grant = await founding.grant(BANK)
    page = await bank.open("received_grant", grant=grant)
    some = fields_of(page)["domains"][:1]

    done = await bank.send("ask_under_grant", fields_of(page, domains=some), grant=grant)

    assert done.status == 303
    async with lobby.live.database.read() as connection:
        (cells,) = (await connection.execute(select(tables.requests.c.cells))).scalars()
    assert [domain for domain in fields_of(page)["domains"] if domain.encode() in cells] == some


async def test_what_goes_beyond_the_consent_is_told_and_not_cut_down(bank: Desk, founding: Founding) -> None:
    _, grant = await founding.grant(BANK)
    page = await bank.open("received_grant", grant=grant)
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "no domain": ({"domains": []}, "请至少选择一个领域"),
        "no kind": ({"kinds": []}, "请至少选择一类记录"),
        "no such domain": ({"domains": [*page.ticked("domains"), "nowhere"]}, "事项清单中没有领域"),
        "too early": ({"first_day": "1999-01-01", "last_day": "2000-01-01"}, "不在授权的时段之内"),
        "to-morrow": ({"last_day": "2999-01-01"}, "不能晚于今天"),
        "no day": ({"first_day": "<script>"}, "没有这一天"),
        "inverted": ({"first_day": page.value("last_day"), "last_day": page.value("first_day")}, "晚于截止日期"),
    }
    for case, (changes, words) in cases.items():
        told = await bank.send("ask_under_grant", fields_of(page, **changes), grant=grant)

        assert 400 <= told.status < 500, case
        assert words in told.text, (case, told.text)
        assert "请更正后再提交" in told.text, case
        assert "<script>" not in told.html.partition("<main")[2].partition("</main>")[0], case
    assert "5次，共5次" in (await bank.open("received")).text


async def test_after_it_was_taken_back_there_is_a_refusal_in_words_and_no_report(
    bank: Desk, lobby: Lobby, founding: Founding
) -> None:
    _, grant = await founding.grant(BANK)
    page = await bank.open("received_grant", grant=grant)
    number = await founding.used(BANK, grant)
    assert (await bank.open("report", report=number)).status == 200

    await taken_back(lobby, founding, grant)

    refused = await bank.send("ask_under_grant", fields_of(page), grant=grant)
    assert refused.status == 403
    assert "该授权已由授权企业撤回，不能再据此查询" in refused.text
    assert bank.at("ask_under_grant", grant=grant) not in refused.html
    after = await bank.open("received_grant", grant=grant)
    assert "已撤回" in after.text
    assert bank.at("ask_under_grant", grant=grant) not in after.html
    report = await bank.open("report", report=number)
    assert report.status == 403
    assert "该授权已由授权企业撤回" in report.text
    assert number not in report.text


async def test_nobody_asks_under_a_consent_that_was_given_to_somebody_else(lobby: Lobby, founding: Founding) -> None:
    _, grant = await founding.grant(BANK)
    legal = await desk(lobby, await lobby.person("legal", represents=[ENTERPRISE]), ENTERPRISE)
    other = await desk(lobby, await lobby.person("other", represents=[OTHER]), OTHER)
    former = await desk(lobby, await lobby.person("former", represents=[FORMER]), FORMER)
    sent = {"key": "0" * 32, "first_day": "2026-01-01", "last_day": "2026-01-02", "domains": ["tax"], "kinds": ["1"]}

    for stranger in (legal, other, former):  # its subject has a page of its own for it
        assert (await stranger.open("received_grant", grant=grant)).status == 404
        assert (await stranger.send("ask_under_grant", sent, grant=grant)).status == 404
        assert "没有收到授权书" in (await stranger.open("received")).text


async def test_who_may_only_look_is_shown_no_form(lobby: Lobby, founding: Founding) -> None:
    _, grant = await founding.grant(BANK)
    agent = await lobby.person("agent")
    await founding.confirm(agent, ["grant"], BANK)
    at_desk = await desk(lobby, agent, BANK)

    page = await at_desk.open("received_grant", grant=grant)

    assert "您可以查看，不能查询" in page.text
    assert at_desk.at("ask_under_grant", grant=grant) not in page.html
    assert (await at_desk.send("ask_under_grant", {}, grant=grant)).status == 403


async def test_pages_in_english_hold_no_chinese_that_is_not_marked(lobby: Lobby, founding: Founding) -> None:
    _, grant = await founding.grant(BANK)
    await founding.used(BANK, grant)
    bank = await desk(lobby, await lobby.person("bank", represents=[BANK]), BANK, look="en.auto.normal")

    for page in (
        await bank.open("received"),
        await bank.open("received_grant", grant=grant),
        await bank.open("asked"),
    ):
        assert page.status == 200
        assert page.stray_chinese == []
