"""A person's own mandates: asking, the pairing code, ending."""

from __future__ import annotations

import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.people import BASIC, ENTERPRISE, NAME, NOBODY, OTHER, Actor, Answer, Lobby

ENGLISH = "__Host-huren-look=en.auto.normal"


async def page(lobby: Lobby, actor: Actor, path: str = "/mandates", *, english: bool = False) -> Answer:
    cookie = f"__Host-huren-session={actor.cookie}" + (f"; {ENGLISH}" if english else "")
    return await lobby.send(actor, "GET", path, headers={"Cookie": cookie})


async def ask(lobby: Lobby, actor: Actor, uscc: str = ENTERPRISE, scopes: tuple[str, ...] = ("report",)) -> Answer:
    fields = [("csrf", actor.csrf_token), ("uscc", uscc), *(("scopes", scope) for scope in scopes)]
    return await lobby.send(actor, "POST", "/mandates", data=fields)


def header(answer: Answer, name: str) -> str:
    return next((value for key, value in answer.headers if key == name), "")


def code_of(answer: Answer) -> str:
    found = re.findall(r"<output>([A-Z0-9]{4}-[A-Z0-9]{4})</output>", answer.body.decode())
    assert len(found) == 1
    return str(found[0])


async def test_the_pairing_code_stands_on_one_page_once(lobby: Lobby) -> None:
    agent = await lobby.person("agent")
    with capture_logs() as logs:
        answer = await ask(lobby, agent)
        code = code_of(answer)
        later = (await page(lobby, agent)).body.decode()

    assert answer.status == 200
    assert header(answer, "Location") == ""
    assert header(answer, "Cache-Control") == "no-store"
    assert "系统默认（未经确认）" in answer.body.decode()
    assert code not in later
    assert code.replace("-", "") not in later
    assert code not in str(logs)
    assert ENTERPRISE not in str(logs)
    assert "待确认" in later


async def test_an_ask_tells_nothing_of_the_enterprise(lobby: Lobby) -> None:
    agent = await lobby.person("agent")

    known, unknown = await ask(lobby, agent, ENTERPRISE), await ask(lobby, agent, NOBODY)
    shown = (await page(lobby, agent)).body.decode()

    assert (known.status, unknown.status) == (200, 200)
    assert known.body.decode().replace(code_of(known), "").replace(ENTERPRISE, "") == (
        unknown.body.decode().replace(code_of(unknown), "").replace(NOBODY, "")
    )
    assert NAME not in known.body.decode()
    assert NAME not in shown


@pytest.mark.parametrize(
    ("uscc", "scopes", "status", "told"),
    [
        pytest.param("9111", ("report",), 400, "应为18位，实为4位", id="too short"),
        pytest.param("<script>alert(1)</script>", ("report",), 400, "&lt;script&gt;", id="markup"),
        pytest.param(ENTERPRISE, (), 400, "应至少选择一项授权事项。", id="no scope"),
        pytest.param(ENTERPRISE, ("everything",), 400, "所选授权事项不在清单之内。", id="another scope"),
    ],
)
async def test_what_was_filled_in_stays_and_the_fault_is_told(
    lobby: Lobby, uscc: str, scopes: tuple[str, ...], status: int, told: str
) -> None:
    agent = await lobby.person("agent")

    answer = await ask(lobby, agent, uscc, scopes)
    text = answer.body.decode()

    assert answer.status == status
    assert told in text
    assert "<script>alert" not in text
    assert 'id="error-summary"' in text
    assert uscc.replace("<", "&lt;").replace(">", "&gt;") in text
    assert "接口" not in text.split("<main", 1)[1].split("</main>", 1)[0]


async def test_nothing_is_asked_without_the_token_of_the_session(lobby: Lobby) -> None:
    agent = await lobby.person("agent")
    fields: list[dict[str, Any]] = [
        {"data": {"uscc": ENTERPRISE, "scopes": "report"}},
        {"data": {"uscc": ENTERPRISE, "scopes": "report", "csrf": "x"}},
        {
            "data": {"uscc": ENTERPRISE, "scopes": "report", "csrf": agent.csrf_token},
            "headers": {"Origin": "https://elsewhere.example"},
        },
    ]

    assert [(await lobby.send(agent, "POST", "/mandates", **sent)).status for sent in fields] == [403] * 3
    assert "您还没有提出过经办申请" in (await page(lobby, agent)).body.decode()


async def test_a_password_looks_and_does_not_ask(lobby: Lobby) -> None:
    browser = await lobby.person("browser", level=BASIC)

    text = (await page(lobby, browser)).body.decode()

    assert "您以口令登录，可浏览但不能办理。" in text
    assert 'name="uscc"' not in text
    assert (await ask(lobby, browser)).status == 403


async def test_people_end_their_own_asks_and_nobody_elses(lobby: Lobby) -> None:
    agent, other = await lobby.person("agent"), await lobby.person("other")
    await ask(lobby, agent, OTHER)
    text = (await page(lobby, agent)).body.decode()
    (path,) = re.findall(r'action="(/mandates/[0-9a-f]{32}/end)"', text)

    assert (await page(lobby, other)).body.decode().count(path) == 0
    assert (await lobby.send(other, "POST", path, data={"csrf": other.csrf_token})).status == 404
    assert "待确认" in (await page(lobby, agent)).body.decode()
    assert (await lobby.send(agent, "POST", path, data={"csrf": agent.csrf_token})).status == 303
    assert "已终止" in (await page(lobby, agent)).body.decode()


async def test_the_page_is_told_in_english_too(lobby: Lobby) -> None:
    agent = await lobby.person("agent")
    await ask(lobby, agent)

    text = (await page(lobby, agent, english=True)).body.decode().split("<main", 1)[1].split("</main>", 1)[0]

    assert "Waits to be confirmed" in text
    assert re.findall(r"[一-鿿]+", re.sub(r'<span lang="zh-CN">.*?</span>', "", text)) == []
