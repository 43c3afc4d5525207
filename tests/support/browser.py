"""A real browser, and people in front of it: Debian's Chromium, driven by Playwright.

What a person does is counted (`Tab.actions`): a click, a field that is filled in, a file that is chosen.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright

CHROMIUM: Final = shutil.which("chromium")
AXE: Final = Path(__file__).parents[1] / "browser" / "node_modules" / "axe-core" / "axe.min.js"

needs_chromium: Final = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: make system-packages")
needs_axe: Final = pytest.mark.skipif(
    not AXE.is_file(), reason="axe-core is not installed: make tests/browser/node_modules/.stamp"
)

_QUIET: Final = (
    "--no-sandbox",  # as root Chromium does not start otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

DESK: Final = ViewportSize(width=1280, height=800)
PHONE: Final = ViewportSize(width=390, height=844)


@asynccontextmanager
async def browsing(*further: str) -> AsyncGenerator[Browser]:
    """A browser for the time of the block.

    Args:
        further: Further options of Chromium's.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*_QUIET, *further])
        try:
            yield browser
        finally:
            await browser.close()


class Tab:
    """One tab of one person.

    Attributes:
        page: Playwright's page.
        base: Which site.
        actions: What the person did so far.
        complaints: What the browser had to say: errors of scripts, and what the content security policy stopped.
    """

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.actions: list[str] = []
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        # A page that tells an error is a page; the browser notes its status all the same.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(f"{self.page.url}: {message.text}")

    async def open(self, path: str) -> None:
        """Goes to a path of the site."""
        await self.page.goto(self.base + path)

    async def click(self, label: str, *, exact: bool = True) -> None:
        """Clicks the link or button with a label."""
        self.actions.append(f"click {label}")
        pattern = re.compile(rf"^\s*{re.escape(label)}\s*$" if exact else re.escape(label))
        target = self.page.locator("main").locator("a, button, summary, label.button").filter(has_text=pattern)
        if not await target.count():
            target = self.page.locator("a, button, summary, label.button").filter(has_text=pattern)
        await target.first.click()

    async def fill(self, name: str, text: str) -> None:
        """Fills in a field."""
        self.actions.append(f"fill {name}")
        await self.page.locator(f"main [name='{name}']").first.fill(text)

    async def tick(self, name: str, value: str, *, on: bool = True) -> None:
        """Ticks a box, or chooses one of several."""
        self.actions.append(f"tick {name}={value}")
        await self.page.locator(f"main input[name='{name}'][value='{value}']").set_checked(on)

    async def give(self, name: str, file: Mapping[str, Any]) -> None:
        """Chooses a file.

        Args:
            name: The field.
            file: `name`, `mimeType`, `buffer`.
        """
        self.actions.append(f"choose {name}")
        await self.page.locator(f"main input[type='file'][name='{name}']").set_input_files(dict(file))  # type: ignore[arg-type]

    async def downloads(self, label: str) -> bytes:
        """Clicks what downloads something, and gives what comes."""
        async with self.page.expect_download() as waiting:
            await self.click(label, exact=False)
        return await asyncio.to_thread((await (await waiting.value).path()).read_bytes)

    async def text(self) -> str:
        """What stands on the page."""
        return await self.page.locator("main").inner_text()

    async def log_in(self, user: str, *, way: str = "certificate", return_to: str = "/entrance") -> None:
        """Logs in at the identity provider, and counts from there."""
        await self.page.goto(f"{self.base}/auth/login?return_to={return_to}")
        await self.at_provider(user, way=way)

    async def at_provider(self, user: str, *, way: str = "certificate") -> None:
        """Where the provider asks who it is."""
        await self.page.locator(f"input[name='way'][value='{way}']").check()
        await self.page.locator("input[name='login']").fill(user)
        await self.page.locator("input[name='password']").fill(f"demo-{user}")
        await self.page.locator("button[type='submit']").click()
        await self.page.wait_for_url(f"{self.base}/**")
        self.actions.clear()


@asynccontextmanager
async def tab(browser: Browser, base: str, **how: Any) -> AsyncGenerator[Tab]:
    """A tab in a profile of its own.

    Args:
        browser: The browser.
        base: Which site.
        how: Options of a browser context of Playwright's; `viewport`: `DESK` where nothing is said.
    """
    context: BrowserContext = await browser.new_context(**({"viewport": DESK, "locale": "zh-CN"} | how))
    try:
        yield Tab(await context.new_page(), base)
    finally:
        await context.close()
