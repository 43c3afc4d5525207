"""People of units on their pages: what each role may do, official look-ups, requests that wait, and how the four members run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import update

from contract.province import Province
from contract.uscc import Uscc
from gateway.domain.persons import StaffRole
from gateway.portal.site import PAGES, Section
from gateway.store import tables
from tests.support.desks import Desk, Page
from tests.support.live import Live
from tests.support.people import BASIC, ENTERPRISE, NAME, OTHER, Lobby, key, silent, staff

MATTER: Final = "示例函〔2026〕1号"
QUERY: Final = "?matter=%E7%A4%BA%E4%BE%8B%E5%87%BD%E3%80%942026%E3%80%951%E5%8F%B7"
HOSTILE: Final = '<script>alert("1")</script>'
CODE: Final = re.compile(r"\b9[1-3][0-9A-HJ-NPQRTUWXY]{16}\b")
UNIT: Final = "示例区政务服务中心"

STAFF_PAGES: Final = [name for name, page in PAGES.items() if page.section is Section.STAFF and page.method == "GET"]
LISTS: Final = ("staff", "duty", "open_requests", "members")

OPEN_TO: Final = {
    StaffRole.OFFICER: {"staff", "duty", "open_requests", "members"},
    StaffRole.REVIEWER: {"staff", "open_requests", "members"},
    StaffRole.WINDOW_CLERK: {"staff"},
    StaffRole.SYSTEM_ADMINISTRATOR: {"staff", "members"},
    StaffRole.SECURITY_ADMINISTRATOR: {"staff", "members"},
    StaffRole.AUDIT_ADMINISTRATOR: {"staff", "members"},
}


async def somebody(lobby: Lobby, *roles: StaffRole, look: str = "") -> Desk:
    """Somebody of the unit."""
    number = str(1000 + sum(list(StaffRole).index(role) for role in roles))
    actor = await lobby.person("-".join(roles) or "nobody", staff=staff(*roles, number=number) if roles else None)
    return Desk(lobby=lobby, actor=actor, handle="", look=look)


@pytest.fixture
async def officer(lobby: Lobby) -> Desk:
    return await somebody(lobby, StaffRole.OFFICER)


@asynccontextmanager
async def working(live: Live) -> AsyncIterator[None]:
    """The gateway does its durable work meanwhile."""
    work = asyncio.create_task(live.services.worker.run())
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def looked_up(at: Desk, **changes: str) -> Page:
    """What comes of sending the form of an official look-up."""
    form = await at.open("duty")
    domains, kinds = sorted(form.ticked("domains")), sorted(form.ticked("kinds"))
    sent = {"key": form.value("key"), "matter_number": MATTER, "uscc": ENTERPRISE, "window": "5", **changes}
    return await at.send("duty_ask", {"domains": domains, "kinds": kinds, **sent})


async def settled(at: Desk, request: str) -> Page:
    """The page of a look-up once it is not being asked for any more."""
    async with working(at.lobby.live), asyncio.timeout(60):
        while "正在同时查询" in (page := await at.open("duty_request", QUERY, request=request)).text:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return page


async def waiting(lobby: Lobby, *, hours: float = 0) -> str:
    """A request that 天津 has not answered, and that was made so long ago."""
    founder = await lobby.person("founder", represents=[ENTERPRISE], headers={"Huren-Enterprise": ENTERPRISE})
    state = lobby.live.provinces[Province.TIANJIN]
    honest, state.behaviour = state.behaviour, silent
    answer = await lobby.served(founder, "POST", "/api/v1/report-requests", json={}, headers=key())
    state.behaviour = honest
    request = str(answer["open"]["request_id"])
    if hours:
        then = (lobby.live.federation.now - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        requests = tables.requests
        async with lobby.live.database.write() as connection:
            await connection.execute(update(requests).where(requests.c.request_id == request).values(opened_at=then))
    return request


# --- Who may see what -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(StaffRole))
async def test_each_role_opens_its_pages_and_no_others(lobby: Lobby, role: StaffRole) -> None:
    at = await somebody(lobby, role)

    opened = {name for name in LISTS if (await at.open(name)).status == 200}
    refused = {name: (await at.open(name)).status for name in set(LISTS) - opened}

    assert opened == OPEN_TO[role]
    assert set(refused.values()) <= {403}
    home = await at.open("staff")
    menu = set(re.findall(r'href="(/staff[^"?]*)"', home.html))
    assert menu == {PAGES[name].path for name in opened}  # what is not theirs is not offered
    for name in STAFF_PAGES:
        assert not CODE.search((await at.open(name, request="0" * 32)).text)


@pytest.mark.parametrize("role", [role for role in StaffRole if role is not StaffRole.OFFICER])
async def test_only_officers_look_up(lobby: Lobby, officer: Desk, role: StaffRole) -> None:
    form = await officer.open("duty")
    at = await somebody(lobby, role)

    sent = {"matter_number": MATTER, "uscc": ENTERPRISE, "window": "5", "key": form.value("key")}
    assert (await at.send("duty_ask", sent)).status == 403
    assert (await at.open("duty_request", QUERY, request="0" * 32)).status == 403
    assert (await at.open("duty_file", QUERY, request="0" * 32)).status == 403


async def test_agents_strangers_and_passwords_are_let_in_nowhere(lobby: Lobby) -> None:
    agent = Desk(lobby=lobby, actor=await lobby.person("agent", represents=[ENTERPRISE]), handle="")
    password = Desk(
        lobby=lobby, actor=await lobby.person("lazy", level=BASIC, staff=staff(StaffRole.OFFICER)), handle=""
    )
    for name in STAFF_PAGES:
        assert (await agent.open(name, request="0" * 32)).status == 403
        assert (await password.open(name, request="0" * 32)).status == 403
        gone = await lobby.http.get(lobby.base + PAGES[name].path.format(request="0"), allow_redirects=False)
        assert gone.status == 303
        assert gone.headers["Location"].startswith("/auth/login?")


async def test_the_first_page_says_in_words_what_a_role_does(lobby: Lobby) -> None:
    both = await somebody(lobby, StaffRole.OFFICER, StaffRole.REVIEWER)
    page = await both.open("staff")

    for words in (UNIT, "工号**", "凭事项编号办理履职查询", "复核窗口登记的书面委托", "不能修改任何记录"):
        assert words in page.text
    assert "officer" not in page.text
    clerk = await (await somebody(lobby, StaffRole.WINDOW_CLERK)).open("staff")
    assert 'href="/window"' in clerk.html
    assert "履职查询" not in clerk.text


# --- Official look-ups --------------------------------------------------------------------------------------------------------


async def test_the_form_says_that_duty_has_to_need_it_and_that_the_subject_sees_it(officer: Desk) -> None:
    page = await officer.open("duty")

    assert "非履职需要，不得查询" in page.text
    assert f"{UNIT} 履职查询" in page.text or f"{UNIT}履职查询" in page.text


async def test_a_look_up_comes_to_a_result_that_the_subject_sees(lobby: Lobby, officer: Desk) -> None:
    asked = await looked_up(officer)
    assert asked.status == 303
    assert asked.location.endswith(QUERY)
    assert ENTERPRISE not in asked.location
    request = asked.location.removeprefix("/staff/duty/").partition("?")[0]

    going = await officer.open("duty_request", QUERY, request=request)
    assert "hx-get" in going.html
    assert '<noscript><meta http-equiv="refresh"' in going.html
    assert "未查询到" not in going.text

    done = await settled(officer, request)
    assert done.status == 200
    assert NAME in done.text
    assert "经查询" in done.text
    assert "未查询到" in done.text
    assert not CODE.search(done.text)
    file = await officer.open("duty_file", QUERY, request=request)
    assert file.body.startswith(b"%PDF")
    assert file.headers["Content-Disposition"].startswith("attachment; ")

    listed = await officer.open("duty", QUERY)
    assert f"/staff/duty/{request}?matter=" in listed.html
    assert "已出具报告" in listed.text
    assert NAME not in listed.text
    legal = await lobby.person("legal", represents=[ENTERPRISE], headers={"Huren-Enterprise": ENTERPRISE})
    told = await lobby.served(legal, "GET", "/api/v1/look-ups")
    assert [(one["unit"], one["basis"]) for one in told["look_ups"]] == [(UNIT, "OFFICIAL_DUTY")]


async def test_sending_twice_looks_up_once_also_when_it_is_done(officer: Desk) -> None:
    form = await officer.open("duty")
    sent = {
        "domains": sorted(form.ticked("domains")),
        "kinds": sorted(form.ticked("kinds")),
        "matter_number": MATTER,
        "uscc": ENTERPRISE,
        "window": "5",
        "key": form.value("key"),
    }
    first, second = await officer.send("duty_ask", sent), await officer.send("duty_ask", sent)
    await settled(officer, first.location.removeprefix("/staff/duty/").partition("?")[0])
    third = await officer.send("duty_ask", sent)

    assert {one.location for one in (second, third)} == {first.location}
    other = await officer.send("duty_ask", {**sent, "matter_number": "示例函2号"})
    assert other.status == 409
    assert "本页已经提交过一次" in other.text
    assert other.value("key") != sent["key"]


async def test_a_result_is_its_matters(lobby: Lobby, officer: Desk) -> None:
    request = (await looked_up(officer)).location.removeprefix("/staff/duty/").partition("?")[0]
    await settled(officer, request)

    nowhere = await officer.open("duty_request", "?matter=another", request=request)
    assert nowhere.status == 404
    assert NAME not in nowhere.text
    assert (await officer.open("duty_file", "?matter=another", request=request)).status == 404
    assert (await officer.open("duty_file", request=request)).status == 400
    unnamed = await officer.open("duty_request", request=request)
    assert unnamed.status == 200
    assert "请填写事项编号" in unnamed.text
    assert NAME not in unnamed.text
    hostile = await officer.open("duty_request", "?matter=%3Cscript%3Ealert(%221%22)%3C/script%3E", request=request)
    assert hostile.status == 400
    assert HOSTILE not in hostile.html
    elsewhere = Desk(
        lobby=lobby,
        actor=await lobby.person("other", staff=staff(StaffRole.OFFICER, unit=Uscc(OTHER), number="3001")),
        handle="",
    )
    assert (await elsewhere.open("duty_request", QUERY, request=request)).status == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"matter_number": ""}, "matter_number", id="no matter"),
        pytest.param({"matter_number": "=1+1"}, "matter_number", id="a formula"),
        pytest.param({"matter_number": HOSTILE}, "matter_number", id="a script"),
        pytest.param({"uscc": ""}, "uscc", id="no code"),
        pytest.param({"uscc": "91110000000014001X"}, "uscc", id="a wrong code"),
        pytest.param({"uscc": HOSTILE}, "uscc", id="no code at all"),
        pytest.param({"window": "own", "window.first_day": "x"}, "window.first_day", id="no day"),
    ],
)
async def test_what_can_be_corrected_comes_back_filled_in(officer: Desk, changes: dict[str, str], field: str) -> None:
    page = await looked_up(officer, **changes)

    assert page.status == 400
    assert f'href="#field-{field}"' in page.html
    assert f'id="field-{field}"' in page.html
    assert page.value("matter_number") == changes.get("matter_number", MATTER)
    assert HOSTILE not in page.html


# --- Requests that wait -------------------------------------------------------------------------------------------------------


async def test_where_nothing_waits_that_is_said(officer: Desk) -> None:
    page = await officer.open("open_requests")

    assert "没有未办结的申请" in page.text
    assert 'href="/staff/members"' in page.html
    assert "待办" not in (await officer.open("staff")).text


async def test_who_waits_longest_stands_first_with_whom_to_call_and_without_a_name(lobby: Lobby, officer: Desk) -> None:
    new, old = await waiting(lobby), await waiting(lobby, hours=24 * 7)
    page = await officer.open("open_requests")

    rows = re.findall(r'class="list-name"[^>]*>(?:<[^>]+>)*([0-9a-f]{8})', page.html)
    assert rows == [old[:8], new[:8]]
    assert "共2件，其中等待超过1个工作日的1件" in page.text
    assert "天津市：" in page.text
    for answered in ("北京市：", "河北省：", "山西省："):
        assert answered not in page.text
    telephone = re.search(r"电话", page.text)
    assert telephone
    assert "系统默认（未经确认）" in page.text
    assert NAME not in page.html
    assert not CODE.search(page.html)
    assert new not in page.html  # the short form does for two people on the telephone
    assert "未办结的申请2件，其中等待超过1个工作日的1件" in (await officer.open("staff")).text


async def test_what_waits_is_sorted_and_filtered_by_the_address(lobby: Lobby, officer: Desk) -> None:
    new, old = await waiting(lobby), await waiting(lobby, hours=24 * 7)

    async def rows(query: str) -> list[str]:
        page = await officer.open("open_requests", query)
        return re.findall(r'class="list-name"[^>]*>(?:<[^>]+>)*([0-9a-f]{8})', page.html)

    assert await rows("?sort=days") == [new[:8], old[:8]]
    assert await rows("?sort=-since") == [new[:8], old[:8]]
    assert await rows("?waits=late") == [old[:8]]
    assert await rows("?province=tianjin") == [old[:8], new[:8]]
    assert await rows("?province=hebei") == []
    assert await rows("?province=elsewhere&sort=name&after=7") == [old[:8], new[:8]]


async def test_what_has_ended_waits_no_more(lobby: Lobby, officer: Desk) -> None:
    request = await waiting(lobby)
    founder = await lobby.person("founder", represents=[ENTERPRISE], headers={"Huren-Enterprise": ENTERPRISE})
    await lobby.served(founder, "POST", f"/api/v1/report-requests/{request}/cancellation")

    assert "没有未办结的申请" in (await officer.open("open_requests")).text


# --- The members --------------------------------------------------------------------------------------------------------------


async def test_all_four_stand_on_the_page_and_work_only_for_who_runs_the_system(lobby: Lobby) -> None:
    runs = await (await somebody(lobby, StaffRole.SYSTEM_ADMINISTRATOR)).open("members")
    audits = await (await somebody(lobby, StaffRole.AUDIT_ADMINISTRATOR)).open("members")

    for page in (runs, audits):
        assert page.status == 200
        for province in Province:
            assert province.name_zh in page.text
    assert "系统待办工作" in runs.text
    assert "系统待办工作" not in audits.text


async def test_work_that_was_given_up_is_shown_to_who_runs_the_system(lobby: Lobby) -> None:
    await waiting(lobby)
    async with lobby.live.database.write() as connection:
        await connection.execute(update(tables.work).values(parked=True))
    at = await somebody(lobby, StaffRole.SYSTEM_ADMINISTRATOR)

    assert "系统已停止重试的工作" in (await at.open("staff")).text
    assert "有工作已停止重试" in (await at.open("members")).text
    officer = await somebody(lobby, StaffRole.OFFICER)
    assert "系统已停止重试" in (await officer.open("open_requests")).text


# --- In English ---------------------------------------------------------------------------------------------------------------


async def test_english_pages_are_english(lobby: Lobby) -> None:
    at = await somebody(lobby, StaffRole.OFFICER, StaffRole.REVIEWER, look="en.dark.large")
    await waiting(lobby)
    request = (await looked_up(at)).location.removeprefix("/staff/duty/").partition("?")[0]
    async with working(lobby.live), asyncio.timeout(60):
        while "same time" in (result := await at.open("duty_request", QUERY, request=request)).text:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    pages = [result, *[await at.open(name) for name in LISTS], await at.open("duty", QUERY)]
    pages += [await at.open("duty_request", request=request), await looked_up(at, uscc="")]
    assert [page.stray_chinese for page in pages] == [[]] * len(pages)
