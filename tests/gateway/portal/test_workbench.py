"""Where a person begins: the entrance, the choice of an enterprise, the workbench. Over HTTP, at a real gateway."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.domain.persons import StaffRole
from gateway.portal.look import Look
from gateway.portal.sections.workbench import DESTINATIONS
from tests.support.desks import Desk, desk
from tests.support.federation import uscc
from tests.support.people import (
    AT_WINDOW,
    BANK,
    BASIC,
    ENTERPRISE,
    NAME,
    OTHER,
    Actor,
    Founding,
    Lobby,
    key,
    staff,
)

ENGLISH: Final = Look().changed({"language": "en"}).text
FOR: Final = {"Huren-Enterprise": ENTERPRISE}


async def at(lobby: Lobby, actor: Actor, *, look: str = "") -> Desk:
    """Somebody at pages that are about no enterprise."""
    return await desk(lobby, actor, ENTERPRISE, look=look)


# --- The entrance ---------------------------------------------------------------------------------------------------------


async def test_everybody_is_sent_to_where_they_belong(lobby: Lobby) -> None:
    one = await at(lobby, await lobby.person("one", represents=[ENTERPRISE]))
    several = await at(lobby, await lobby.person("several", represents=[ENTERPRISE, OTHER]))
    nobody = await at(lobby, await lobby.person("nobody"))
    clerk = await at(lobby, await lobby.person("clerk", staff=staff(StaffRole.WINDOW_CLERK)))
    officer = await at(lobby, await lobby.person("officer", staff=staff(StaffRole.OFFICER, StaffRole.WINDOW_CLERK)))
    both = await at(lobby, await lobby.person("both", represents=[ENTERPRISE], staff=staff(StaffRole.OFFICER)))
    sent = [(await who.open("entrance")).location for who in (one, several, nobody, clerk, officer, both)]
    assert sent == [f"/e/{one.handle}", "/enterprises", "/mandates", "/window", "/staff", f"/e/{both.handle}"]


async def test_a_clerk_with_a_paper_in_force_begins_at_the_window(lobby: Lobby) -> None:
    """A paper of somebody who stands at the window is not an enterprise of the clerk's."""
    clerk = await lobby.person("clerk", staff=staff(StaffRole.WINDOW_CLERK))
    second = await lobby.person("second", staff=staff(StaffRole.REVIEWER))
    await Founding(lobby).paper(clerk, AT_WINDOW, second=second)
    assert (await (await at(lobby, clerk)).open("entrance")).location == "/window"
    chosen = await (await at(lobby, clerk)).open("enterprises")
    assert "窗口代办" in chosen.text
    assert "北京示例餐饮有限公司" in chosen.text


async def test_who_is_not_logged_in_is_sent_to_log_in(lobby: Lobby) -> None:
    answer = await lobby.send(Actor(), "GET", "/entrance")
    assert (answer.status, dict(answer.headers)["Location"]) == (303, "/auth/login?return_to=%2Fentrance")


# --- The choice -----------------------------------------------------------------------------------------------------------


async def test_the_choice_shows_as_what_one_acts_and_sends_on(lobby: Lobby) -> None:
    founding = Founding(lobby)
    person = await lobby.person("agent", represents=[ENTERPRISE])
    await founding.confirm(person, ["report"], OTHER)
    who = await at(lobby, person)
    page = await who.open("enterprises", "?to=apply")
    assert page.status == 200
    assert "为哪一家办理「申请报告」" in page.text
    assert "法定代表人" in page.text
    assert "经办人，到" in page.text.replace(" ", "")
    other = await desk(lobby, person, OTHER)
    assert {who.at("apply"), other.at("apply")} <= set(page.html.split('"'))


async def test_of_one_enterprise_nobody_is_asked_to_choose(lobby: Lobby) -> None:
    who = await at(lobby, await lobby.person("one", represents=[ENTERPRISE]))
    assert (await who.open("enterprises", "?to=apply")).location == who.at("apply")
    assert (await who.open("enterprises")).status == 200


@pytest.mark.parametrize("to", ["logout", "report", "https://elsewhere.example/", "//elsewhere.example", "x" * 300])
async def test_only_pages_of_the_closed_list_are_sent_to(lobby: Lobby, to: str) -> None:
    who = await at(lobby, await lobby.person("one", represents=[ENTERPRISE]))
    page = await who.open("enterprises", f"?to={to}")
    assert page.status == 200
    assert "elsewhere" not in page.html


def test_the_closed_list_holds_what_is_linked_to() -> None:
    assert {"apply", "requests", "reports", "grants", "received", "look_ups", "notices", "people"} <= DESTINATIONS


async def test_a_mandate_for_something_else_is_said_before_it_fails(lobby: Lobby) -> None:
    person = await lobby.person("agent")
    await Founding(lobby).confirm(person, ["look_ups"], OTHER)
    page = await (await desk(lobby, person, OTHER)).open("enterprises", "?to=apply")
    assert page.status == 200
    assert "您的授权不含此事项" in page.text


async def test_whoever_may_act_for_nobody_is_told_how_to_get_there(lobby: Lobby) -> None:
    page = await (await at(lobby, await lobby.person("nobody"))).open("enterprises", "?to=apply")
    assert page.status == 200
    assert "请法定代表人用电子营业执照确认授权（约2分钟），或由其本人办理" in page.text
    assert 'href="/mandates"' in page.html
    assert NAME not in page.html


async def test_many_are_searched_by_name_or_code_on_the_server(lobby: Lobby) -> None:
    codes = [uscc(number) for number in range(1, 24)]
    who = await at(lobby, await lobby.person("many", represents=codes))
    page = await who.open("enterprises")
    assert 'name="q"' in page.html
    by_name = await who.send("find_enterprise", {"q": "贸易", "to": "apply"})
    assert "北京示例贸易有限公司" in by_name.text
    assert "北京示例机械有限公司" not in by_name.text
    assert (await desk(lobby, who.actor, OTHER)).at("apply") in by_name.html
    by_code = await who.send("find_enterprise", {"q": f" {OTHER.lower()}"})
    assert "北京示例贸易有限公司" in by_code.text
    nothing = await who.send("find_enterprise", {"q": "<script>alert(1)</script>"})
    assert "没有找到" in nothing.text
    assert "<script>alert" not in nothing.html


# --- The workbench --------------------------------------------------------------------------------------------------------


async def test_an_empty_workbench_leads_to_the_first_report(lobby: Lobby) -> None:
    who = await at(lobby, await lobby.person("legal", represents=[ENTERPRISE]))
    page = await who.open("workbench")
    assert page.status == 200
    assert NAME in page.text
    assert "还没有报告" in page.text
    assert who.at("apply") in page.html
    assert "12345" in page.text


async def test_the_workbench_shows_what_is_to_be_done_and_where_matters_stand(lobby: Lobby) -> None:
    legal = await lobby.person("legal", represents=[ENTERPRISE], headers=FOR)
    founding = Founding(lobby)
    founding._founder = legal
    report = (await founding._report())["report_number"]
    request = await founding._open()
    await founding.ask(await lobby.person("applicant"), ["report"])
    who = await at(lobby, legal)
    page = await who.open("workbench")
    assert "有 1 份经办授权申请等您确认" in page.text
    assert who.at("people") in page.html
    assert "系统默认（未经确认）" in page.text
    assert report in page.html
    assert f"{who.at('apply')}?from={report}" in page.html
    assert who.at("request", request=request) in page.html
    assert "待反馈：天津市" in page.text.replace(" ", "")


async def test_a_report_about_another_is_not_the_last_report(lobby: Lobby) -> None:
    founding = Founding(lobby)
    founding._founder = await lobby.person("legal", represents=[ENTERPRISE], headers=FOR)
    _, grant = await founding.grant(BANK)
    await founding.used(BANK, grant)
    bank = await desk(lobby, await lobby.person(f"unit {BANK}", represents=[BANK]), BANK)
    page = await bank.open("workbench")
    assert "还没有报告" in page.text
    assert NAME not in page.text


async def test_asks_are_shown_to_the_legal_representative_alone(lobby: Lobby) -> None:
    founding = Founding(lobby)
    agent = await lobby.person("agent")
    await founding.confirm(agent, ["report"])
    await founding.ask(await lobby.person("applicant"), ["report"])
    page = await (await at(lobby, agent)).open("workbench")
    assert page.status == 200
    assert "等您确认" not in page.text
    assert "经办人" in page.text


async def test_an_agent_without_reports_sees_none(lobby: Lobby) -> None:
    founding = Founding(lobby)
    founding._founder = await lobby.person("legal", represents=[ENTERPRISE], headers=FOR)
    report = (await founding._report())["report_number"]
    agent = await lobby.person("agent")
    await founding.confirm(agent, ["look_ups"])
    page = await (await at(lobby, agent)).open("workbench")
    assert page.status == 200
    assert report not in page.html
    assert "您的授权不含申请和查看报告" in page.text


async def test_a_password_is_told_to_be_too_weak_and_shows_nothing(lobby: Lobby) -> None:
    legal = await lobby.person("legal", represents=[ENTERPRISE], headers=FOR)
    answer = await lobby.served(legal, "POST", "/api/v1/report-requests", json={}, headers=key())
    weak = await at(lobby, await lobby.person("legal", represents=[ENTERPRISE], level=BASIC))
    page = await weak.open("workbench")
    assert page.status == 200
    assert "您以口令登录，可浏览但不能办理" in page.text
    assert "/auth/login?return_to=" in page.html
    assert answer["sealed"]["report_number"] not in page.html


async def test_pages_are_told_in_english_too(lobby: Lobby) -> None:
    founding = Founding(lobby)
    legal = await lobby.person("legal", represents=[ENTERPRISE, OTHER], headers=FOR)
    founding._founder = legal
    await founding._report()
    await founding._open()
    await founding.ask(await lobby.person("applicant"), ["report"])
    english = await at(lobby, legal, look=ENGLISH)
    weak = await at(lobby, await lobby.person("legal", represents=[ENTERPRISE], level=BASIC), look=ENGLISH)
    nobody = await at(lobby, await lobby.person("nobody"), look=ENGLISH)
    pages = [
        await english.open("workbench"),
        await english.open("enterprises", "?to=apply"),
        await weak.open("workbench"),
        await nobody.open("enterprises"),
    ]
    assert [page.status for page in pages] == [200] * len(pages)
    assert [page.stray_chinese for page in pages] == [[]] * len(pages)
