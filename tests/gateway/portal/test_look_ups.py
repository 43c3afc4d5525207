"""谁查询过我 on the portal: over HTTP, at a real gateway, with real look-ups."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.persons import StaffRole
from gateway.portal.sections import look_ups
from tests.support.desks import Desk, desk
from tests.support.people import BANK, ENTERPRISE, FORMER, OTHER, Founding, Lobby, key, staff

MATTER = "示例〔2026〕7号"
UNIT = "示例区<b>政务</b>服务中心"


@pytest.fixture
async def founding(lobby: Lobby) -> Founding:
    founding = Founding(lobby)
    founding._founder = await lobby.person(  # it is made by `things` otherwise, with much more
        "founder", represents=[ENTERPRISE], headers={"Huren-Enterprise": ENTERPRISE}
    )
    return founding


@pytest.fixture
async def legal(lobby: Lobby) -> Desk:
    return await desk(lobby, await lobby.person("legal", represents=[ENTERPRISE]), ENTERPRISE)


async def on_duty(lobby: Lobby) -> None:
    """An officer looks the enterprise up."""
    officer = await lobby.person("officer", staff=replace(staff(StaffRole.OFFICER), unit=UNIT))
    body = {"uscc": ENTERPRISE, "matter_number": MATTER}
    await lobby.served(officer, "POST", "/api/v1/official-look-ups", json=body, headers=key())


async def test_where_nobody_asked_the_page_says_so(legal: Desk) -> None:
    page = await legal.open("look_ups")

    assert page.status == 200
    assert "还没有查询记录" in page.text
    assert "12345" in page.text


async def test_everybody_who_asked_is_shown_with_ground_result_and_who_confirmed(
    legal: Desk, lobby: Lobby, founding: Founding
) -> None:
    _, grant = await founding.grant(BANK)
    await founding.used(BANK, grant)
    _, former = await founding.grant(FORMER)
    await lobby.served(founding._founder, "POST", f"/api/v1/grants/{former}/revocation")
    unit = await lobby.person("former", represents=[FORMER], headers={"Huren-Enterprise": FORMER})
    refused = await lobby.send(
        unit,
        "POST",
        "/api/v1/report-requests",
        json={"uscc": ENTERPRISE, "grant_statement_id": former},
        headers=key(),
    )
    assert refused.code == "GRANT_REVOKED"

    page = await legal.open("look_ups")

    for part in ("示例银行股份有限公司（演示）", "授权书", "融资", "已出具报告", "北京市 已反馈", "山西省 已反馈"):
        assert part in page.text, part
    for part in ("示例农商银行股份有限公司（演示）", "未提供", "授权已撤回"):
        assert part in page.text, part
    assert "GRANT_REVOKED" not in page.html
    assert legal.at("grant", grant=grant) in page.html

    under = await legal.open("look_ups", f"?grant={grant}")
    assert "示例银行股份有限公司（演示）" in under.text
    assert "示例农商银行股份有限公司（演示）" not in under.text

    table = await legal.open("look_ups_table")
    assert table.status == 200
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert table.body.decode("utf-8-sig").count("\r\n") == 3


async def test_an_officer_is_shown_by_unit_post_and_matter_as_text(legal: Desk, lobby: Lobby) -> None:
    await on_duty(lobby)

    page = await legal.open("look_ups")

    for part in (UNIT, "综合窗口", "履职查询", f"事项编号 {MATTER}"):
        assert part in page.text, part
    assert UNIT not in page.html
    assert "1042" not in page.text  # the number of the post is masked
    assert UNIT in (await legal.open("look_ups", "?basis=duty")).text
    other = await legal.open("look_ups", "?basis=self")
    assert UNIT not in other.text
    assert "没有符合条件的内容" in other.text


async def test_pages_follow_one_another_and_lose_nothing(
    legal: Desk, lobby: Lobby, founding: Founding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_ups, "ROWS", 12)  # who asks more often within a minute is told to wait
    _, grant = await founding.grant(BANK)
    await lobby.served(founding._founder, "POST", f"/api/v1/grants/{grant}/revocation")
    unit = await lobby.person("bank", represents=[BANK], headers={"Huren-Enterprise": BANK})
    for _ in range(14):
        await lobby.send(
            unit,
            "POST",
            "/api/v1/report-requests",
            json={"uscc": ENTERPRISE, "grant_statement_id": grant},
            headers=key(),
        )

    first = await legal.open("look_ups")
    (following,) = {part.partition('"')[0] for part in first.html.split('href="')[1:] if "after=" in part[:200]}
    second = await legal.open("look_ups", "?" + following.partition("?")[2].replace("&amp;", "&"))

    assert first.html.count("未提供</span>") + second.html.count("未提供</span>") == 14
    assert "下一页" not in second.text
    assert "回到开头" in second.text


async def test_another_enterprise_sees_nothing_of_it(lobby: Lobby, founding: Founding) -> None:
    _, grant = await founding.grant(BANK)
    await founding.used(BANK, grant)
    other = await desk(lobby, await lobby.person("other", represents=[OTHER]), OTHER)

    page = await other.open("look_ups", f"?grant={grant}")

    assert "示例银行" not in page.text
    assert (await other.open("look_ups_table")).body.decode("utf-8-sig").count("\r\n") == 1
    assert (await other.open("look_ups", "?grant=nonsense")).status == 404
    assert (await other.open("look_ups", "?after=nonsense&basis=nonsense")).status == 200


async def test_an_agent_without_this_mandate_is_told_so(lobby: Lobby) -> None:
    agent = await lobby.person("agent")
    await Founding(lobby).confirm(agent, ["grant"])
    page = await (await desk(lobby, agent, ENTERPRISE)).open("look_ups")

    assert page.status == 403
    assert "尚未获得该企业授权" in page.text


async def test_the_page_in_english_holds_no_chinese_that_is_not_marked(lobby: Lobby, founding: Founding) -> None:
    _, grant = await founding.grant(BANK)
    await founding.used(BANK, grant)
    await on_duty(lobby)
    legal = await desk(lobby, await lobby.person("legal", represents=[ENTERPRISE]), ENTERPRISE, look="en.dark.large")

    page = await legal.open("look_ups")

    assert page.status == 200
    assert page.stray_chinese == []
