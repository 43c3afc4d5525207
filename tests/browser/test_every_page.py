"""Every page of the portal, looked at by a real browser: both languages, both themes, a desk's screen and a phone's.

For each: axe-core finds nothing; one first heading; free of charge is said; on an English page Chinese stands only where it is
marked as Chinese; nothing is wider than a phone, in large print neither; no script fails and the policy stops nothing.

`PICTURES=folder` keeps a picture of every page, at 1280 × 800 and at 390 × 844, for people to look at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser

from contract.province import Province
from gateway.api.access import Public
from gateway.portal.site import PAGES
from tests.support.browser import AXE, DESK, PHONE, Tab, needs_axe, needs_chromium, tab
from tests.support.inventory import MATTER, Place, found, without

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.timeout(1200),
    needs_chromium,
    needs_axe,
]

PICTURES: Final = os.environ.get("PICTURES")

LOOKS: Final = tuple((language, theme) for language in ("zh", "en") for theme in ("light", "dark"))

FILES: Final = frozenset(
    {
        "catalogue_table",
        "specimen_file",
        "report_file",
        "progress_sheet",
        "look_ups_table",
        "batch_archive",
        "unit_batch_archive",
        "paper_scan",
        "duty_file",
    }
)
"""What is downloaded, and no page."""

ELSEWHERE: Final = frozenset({"entrance", "progress"})
"""What only sends the visitor on."""

STRAY_CHINESE: Final = r"""() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!/[㐀-鿿！-｠]/.test(node.data)) continue;
    const marked = node.parentElement.closest('[lang]');
    if (!marked || !marked.getAttribute('lang').startsWith('zh')) found.push(node.data.trim().slice(0, 60));
  }
  return found;
}"""

WIDER: Final = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

RUN_AXE: Final = """async () => (await axe.run(document)).violations.map(
  (one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(' | ')}`
)"""


class Eye:
    """Looks at pages."""

    def __init__(self, browser: Browser, place: Place) -> None:
        self._browser = browser
        self._place = place
        self._axe = AXE.read_text("utf-8")
        self.faults: list[str] = []
        self.seen: set[str] = set()

    async def look_at(self, user: str, pages: Mapping[str, str], *, way: str = "certificate", base: str = "") -> None:
        """Looks at pages as somebody.

        Args:
            user: Who; empty: nobody in particular.
            pages: Addresses by the names of their pages; `{e}` is the enterprise of the first menu.
            way: How they log in.
            base: At which site. Empty: the home's.
        """
        for language, theme in LOOKS:
            async with tab(self._browser, base or self._place.base) as one:
                if user:
                    await one.log_in(user, way=way)
                await _set_look(one, language, theme)
                for name, address in pages.items():
                    await self._look(one, f"{user or 'anybody'} {name}", name, address, f"{language} {theme}")

    async def _look(self, one: Tab, label: str, name: str, address: str, look: str) -> None:
        page = one.page
        await page.set_viewport_size(DESK)
        response = await page.goto(one.base + address)
        self.seen.add(name.partition(" ")[0])
        where = f"{label} ({look})"
        if response is None or response.status >= 500 or (response.status >= 400 and "refused" not in name):
            self.faults.append(f"{where}: {response.status if response else 'no answer'} at {address}")
            return
        await page.evaluate(self._axe)
        self.faults += [f"{where}: {violation}" for violation in await page.evaluate(RUN_AXE)]
        if (headings := await page.locator("h1").count()) != 1:
            self.faults.append(f"{where}: {headings} first headings")
        text = await page.locator("body").inner_text()
        if ("免费" if look.startswith("zh") else "Free of charge") not in text:
            self.faults.append(f"{where}: does not say that it is free")
        if look.startswith("en") and (stray := await page.evaluate(STRAY_CHINESE)):
            self.faults.append(f"{where}: Chinese that is not marked: {stray[:5]}")
        await self._picture(one, f"{label} {look} desk")
        await page.set_viewport_size(PHONE)
        if (wider := await page.evaluate(WIDER)) > 0:
            self.faults.append(f"{where}: {wider} px wider than a phone")
        await self._picture(one, f"{label} {look} phone")
        await page.evaluate("() => { document.documentElement.dataset.size = 'large'; }")
        if (wider := await page.evaluate(WIDER)) > 0:
            self.faults.append(f"{where}: {wider} px wider than a phone in large print")
        self.faults += [f"{where}: {complaint}" for complaint in one.complaints]
        one.complaints.clear()

    async def _picture(self, one: Tab, label: str) -> None:
        if PICTURES:
            path = Path(PICTURES) / f"{re.sub(r'[^a-z0-9]+', '-', label.lower())}.png"
            await one.page.screenshot(path=path, full_page="phone" not in label)


async def _set_look(one: Tab, language: str, theme: str) -> None:
    """By the buttons at the foot of a page."""
    await one.open("/statement")
    for name, value in (("language", language), ("theme", theme)):
        await one.page.locator(f"footer button[name='{name}'][value='{value}']").click()
    page = one.page.locator("html")
    assert await page.get_attribute("data-theme") == theme
    assert str(await page.get_attribute("lang")).startswith(language)


@pytest.fixture
def eye(chromium: Browser, place: Place) -> Eye:
    return Eye(chromium, place)


async def _enterprise(browser: Browser, place: Place, user: str, name: str, *, way: str = "certificate") -> str:
    """Under which address somebody acts for an enterprise."""
    async with tab(browser, place.base) as one:
        await one.log_in(user, way=way)
        await one.open("/enterprises")
        if "/e/" not in one.page.url:
            await one.page.locator("main a[href^='/e/']").filter(has_text=name).first.click()
        matched = re.search(r"/e/[0-9a-f]+", one.page.url)
        assert matched, one.page.url
        return matched[0]


def _public() -> dict[str, str]:
    return {
        name: page.path
        for name, page in PAGES.items()
        if isinstance(page.access, Public) and page.method == "GET" and name not in FILES
    }


async def test_every_page_is_fit_to_be_read_by_everybody(chromium: Browser, eye: Eye, place: Place) -> None:
    """What happens: somebody of each kind opens every page that they may, with something on it, in each look.

    What must result: no fault on any; and no page of the site map was left out.
    """
    await found(place)
    await eye.look_at("", _public() | {"nothing refused": "/no-such-page"})

    mine = await _enterprise(chromium, place, "agent", place.name(place.enterprise))
    theirs = await _enterprise(chromium, place, "bank", place.name(place.bank))
    async with without(place.running, Province.HEBEI):
        waiting = await _ask_while_away(chromium, place, mine)
        await eye.look_at("agent", {"request open": f"{mine}/requests/{waiting}"})
        await eye.look_at("officer", {"open_requests": "/staff/open-requests", "members one away": "/staff/members"})
    await eye.look_at(
        "agent",
        {
            "enterprises": "/enterprises",
            "mandates": "/mandates",
            "sessions": "/sessions",
            "batches": "/batches",
            "new_batch": "/batches/new",
            "batch": f"/batches/{place.batch}",
            "workbench": mine,
            "apply": f"{mine}/apply",
            "apply again": f"{mine}/apply?from={place.report}",
            "requests": f"{mine}/requests",
            "request": f"{mine}/requests/{place.sealed}",
            "reports": f"{mine}/reports",
            "report": f"{mine}/reports/{place.report}",
            "grants": f"{mine}/grants",
            "new_grant": f"{mine}/grants/new",
            "grant": f"{mine}/grants/{place.grant}",
            "grant taken back": f"{mine}/grants/{place.taken_back}",
            "look_ups": f"{mine}/look-ups",
            "notices": f"{mine}/notices",
            "people": f"{mine}/people",
            "report refused": f"{mine}/reports/HR000000000000000000X",
            "workbench refused": "/e/00000000000000000000",
        },
    )
    legal = await _enterprise(chromium, place, "legal", place.name(place.enterprise))
    await eye.look_at("legal", {"people": f"{legal}/people", "workbench": legal}, way="licence")
    looking = await _enterprise(chromium, place, "browser", place.name(place.enterprise), way="password")
    await eye.look_at("browser", {"mandates": "/mandates", "workbench": looking}, way="password")
    await eye.look_at(
        "bank",
        {
            "received": f"{theirs}/received",
            "received_grant": f"{theirs}/received/{place.grant}",
            "received_grant taken back": f"{theirs}/received/{place.taken_back}",
            "asked": f"{theirs}/asked",
            "unit_batches": f"{theirs}/batches",
            "new_unit_batch": f"{theirs}/batches/new",
            "unit_batch": f"{theirs}/batches/{place.unit_batch}",
        },
    )
    await eye.look_at("clerk", {"window": "/window"})
    duty = f"/staff/duty/{await _on_duty(chromium, place)}"
    staff = {"staff": "/staff", "open_requests": "/staff/open-requests", "members": "/staff/members"}
    await eye.look_at("officer", staff | {"duty": "/staff/duty", "duty_request": f"{duty}?matter={MATTER}"})
    await eye.look_at("system", {"staff": "/staff", "members": "/staff/members"})
    await eye.look_at("audit", {"staff": "/staff"})

    wanted = {name for name, page in PAGES.items() if page.method == "GET"} - FILES - ELSEWHERE
    assert wanted - eye.seen == set()
    assert not eye.faults, "\n".join(eye.faults)


async def _ask_while_away(browser: Browser, place: Place, mine: str) -> str:
    async with tab(browser, place.base) as one:
        await one.log_in("agent")
        await one.open(f"{mine}/apply")
        await one.click("预览", exact=False)
        await one.click("提交", exact=False)
        await one.page.wait_for_url(re.compile(r"/requests/[0-9a-f]{32}"))
        return one.page.url.rpartition("/")[2].partition("?")[0]


async def _on_duty(browser: Browser, place: Place) -> str:
    async with tab(browser, place.base) as one:
        await one.log_in("officer")
        await one.open("/staff/duty")
        await one.fill("uscc", place.enterprise)
        await one.fill("matter_number", MATTER)
        await one.click("查询", exact=False)
        await one.page.wait_for_url(re.compile(r"/staff/duty/[0-9a-f]{32}"))
        matched = re.search(r"/staff/duty/([0-9a-f]{32})", one.page.url)
        assert matched
        return matched[1]
