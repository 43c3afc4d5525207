"""A terminal in a hall (自助终端), in a real browser: whoever sits down next finds nothing of whoever sat there before (T10)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from contract.uscc import Uscc
from tests.support.browser import Tab, needs_chromium, tab
from tests.support.inventory import Place

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(300), needs_chromium]


@pytest.fixture
async def terminal(chromium: Browser, place: Place) -> AsyncIterator[Tab]:
    """A terminal at which the legal representative has logged in. Its clock is the test's."""
    async with tab(chromium, place.base) as one:
        await one.page.clock.install()
        await one.open("/terminal")
        await one.click("登录，开始办理")
        await one.at_provider("legal", way="licence")
        yield one


async def enterprise_page(one: Tab) -> str:
    """Goes to a page about the enterprise, and gives its address."""
    await one.open("/enterprises?to=people")
    if "/people" not in one.page.url:
        await one.page.locator("main a[href^='/e/']").first.click()
    return one.page.url


async def kept(one: Tab) -> dict[str, object]:
    """What the browser has of the site."""
    stored = "({local: localStorage.length, session: sessionStorage.length, workers: navigator.serviceWorker ? 1 : 0})"
    counts = await one.page.evaluate(stored)
    cookies = [cookie["name"] for cookie in await one.page.context.cookies()]
    return {"cookies": cookies, "local": counts["local"], "session": counts["session"]}


async def says_nothing_of(one: Tab, name: str, code: Uscc) -> None:
    text = await one.page.content()
    assert name not in text
    assert code not in text


async def test_who_ends_leaves_no_cookie_no_file_and_no_way_back(terminal: Tab, place: Place) -> None:
    """What happens: the legal representative looks at the enterprise, ends, and somebody else presses Back.

    What must result: no cookie, nothing stored, no download; going back shows nothing of the enterprise.
    """
    name, downloads = place.name(place.enterprise), []
    terminal.page.on("download", lambda download: downloads.append(download.suggested_filename))
    address = await enterprise_page(terminal)
    assert name in await terminal.page.content()
    cookies = await terminal.page.context.cookies(place.base)
    assert {cookie["expires"] for cookie in cookies if cookie["name"].startswith("__Host-huren")} == {-1}

    await terminal.page.locator("#terminal-end button").click()

    assert "已结束，本机记录已清除" in await terminal.text()
    assert await kept(terminal) == {"cookies": [], "local": 0, "session": 0}
    await says_nothing_of(terminal, name, place.enterprise)
    await terminal.page.go_back()
    await says_nothing_of(terminal, name, place.enterprise)
    await terminal.page.goto(address)
    await says_nothing_of(terminal, name, place.enterprise)
    assert not terminal.page.url.startswith(f"{place.base}/e/")
    assert downloads == []
    assert terminal.complaints == []


async def test_who_walks_away_is_asked_and_then_logged_out(terminal: Tab, place: Place) -> None:
    """What happens: nobody touches anything for 45 seconds; somebody goes on; then nobody does for 60.

    What must result: a question that covers the page, which its button alone takes away; then the end, here and at the server.
    """
    address = await enterprise_page(terminal)
    question = terminal.page.locator("#terminal-warning")
    await terminal.page.clock.fast_forward(44_000)
    assert not await question.is_visible()

    await terminal.page.clock.fast_forward(2_000)
    await question.wait_for()
    assert re.fullmatch("1[0-5]", await terminal.page.locator("#terminal-seconds").inner_text())
    assert await terminal.page.evaluate("document.activeElement.id") == "terminal-go-on"
    await terminal.page.mouse.move(20, 20)
    await terminal.page.keyboard.press("Tab")
    assert await question.is_visible()
    await terminal.page.locator("#terminal-go-on").click()
    assert not await question.is_visible()
    await terminal.page.clock.fast_forward(40_000)
    assert not await question.is_visible()

    await terminal.page.clock.fast_forward(10_000)
    await question.wait_for()
    await terminal.page.clock.fast_forward(15_000)
    await terminal.page.wait_for_url(f"{place.base}/logout")

    assert "已结束，本机记录已清除" in await terminal.text()
    assert (await kept(terminal))["cookies"] == []
    await terminal.page.goto(address)
    await says_nothing_of(terminal, place.name(place.enterprise), place.enterprise)
    assert terminal.complaints == []


async def test_the_end_leads_to_the_terminals_first_page_by_itself(terminal: Tab, place: Place) -> None:
    """What happens: somebody ends, and goes. What must result: the first page, ready for the next one."""
    await terminal.page.locator("#terminal-end button").click()
    assert "已结束，本机记录已清除" in await terminal.text()

    await terminal.page.wait_for_url(f"{place.base}/terminal", timeout=30_000)

    assert "登录，开始办理" in await terminal.text()
    assert (await kept(terminal))["cookies"] == []


async def test_without_scripts_a_page_leaves_by_itself_all_the_same(chromium: Browser, place: Place) -> None:
    """What happens: a terminal without scripts. What must result: its pages say after how long they go, and where."""
    async with tab(chromium, place.base, java_script_enabled=False) as one:
        await one.open("/terminal")
        await one.click("登录，开始办理")
        await one.at_provider("legal", way="licence")
        await one.open("/mandates")

        leaves = one.page.locator("meta[http-equiv='refresh']")
        assert await leaves.get_attribute("content") == "60; url=/terminal"
        await one.page.locator("#terminal-end button").click()
        assert "已结束，本机记录已清除" in await one.text()
