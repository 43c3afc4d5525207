"""The camera on the page for verification: a QR code is held before Chromium's fake one, and read by the page itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import segno
from playwright.async_api import Page, expect

from contract.province import Province
from gateway.domain.request import Sealed
from gateway.portal.assets import FOREIGN
from gateway.store import tables
from runtime.database import open_database
from tests.support.browser import DESK, PHONE, Tab, browsing, needs_chromium, tab
from tests.support.verification import TYPED, House, house, served

pytestmark = [
    needs_chromium,
    pytest.mark.skipif(
        not FOREIGN["qr/decode.js"].is_file(), reason="qr is not installed: make gateway/portal/node_modules/.stamp"
    ),
]

WIDTH, HEIGHT = 640, 480
DOT = 8
FAKE = "--use-fake-device-for-media-stream"
ALLOWED = "--use-fake-ui-for-media-stream"
PATIENCE_MS = 30_000
"""A picture is read in a tenth of a second, on a machine that does nothing else."""


def film(path: Path, text: str) -> Path:
    """A film (YUV4MPEG2) of a sheet with a QR code on it, which the fake camera shows again and again."""
    rows = [bytes(row) for row in segno.make(text, micro=False, error="m").matrix_iter(scale=DOT, border=4)]
    left, top = (WIDTH - len(rows[0])) // 2, (HEIGHT - len(rows)) // 2
    assert left >= 0
    assert top >= 0
    picture = bytearray(b"\xd0" * WIDTH * HEIGHT)
    for number, row in enumerate(rows):
        start = (top + number) * WIDTH + left
        picture[start : start + len(row)] = bytes(16 if dark else 235 for dark in row)
    frame = b"FRAME\n" + bytes(picture) + b"\x80" * (WIDTH * HEIGHT // 2)
    path.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F5:1 Ip A1:1 C420jpeg\n".encode() + frame * 5)
    return path


@pytest.fixture
async def beijing(tmp_path: Path) -> AsyncIterator[House]:
    async with open_database(f"sqlite:///{tmp_path / 'beijing.db'}") as database:
        await tables.prepare(database)
        yield house(Province.BEIJING, database)


@pytest.fixture
async def url(beijing: House, tmp_path: Path) -> AsyncIterator[str]:
    async with served(beijing, tmp_path, trust=tmp_path) as address:
        yield address


@asynccontextmanager
async def visitor(url: str, *options: str, **how: object) -> AsyncIterator[Tab]:
    """Somebody on the page, with a browser of such options."""
    async with browsing(*options) as browser, tab(browser, url, **{"viewport": PHONE, **how}) as one:
        await one.open("/verify")
        yield one
        assert one.complaints == []


def before_camera(file: Path) -> tuple[str, ...]:
    return FAKE, ALLOWED, f"--use-file-for-fake-video-capture={file}"


def link(sealed: Sealed, base: str) -> str:
    return f"{base}/verify#{sealed.report_number}.{sealed.verification_code}"


async def is_off(page: Page) -> bool:
    """Whether no camera runs."""
    return bool(await page.evaluate("document.getElementById('scan-video').srcObject === null"))


async def test_a_code_before_the_camera_is_read_and_asked_here_and_nowhere_else(
    beijing: House, url: str, tmp_path: Path
) -> None:
    sealed = await beijing.issue()
    file = film(tmp_path / "code.y4m", link(sealed, "https://tianjin.example"))
    async with visitor(url, *before_camera(file)) as one:
        asked: list[str] = []
        one.page.on("request", lambda request: asked.append(request.url))

        await one.click("扫一扫报告上的二维码")
        await expect(one.page.locator("#headline")).to_have_text("核验一致", timeout=PATIENCE_MS)

        assert sealed.report_number in await one.text()
        assert await is_off(one.page)
        await expect(one.page.locator("#scan-start")).to_be_visible()
        assert asked
        assert all(address.startswith(f"{url}/") for address in asked)
        assert not [address for address in asked if sealed.verification_code in address]
        assert one.page.url == f"{url}/verify"


async def test_a_code_that_is_not_a_reports_is_named_and_opens_nothing(url: str, tmp_path: Path) -> None:
    file = film(tmp_path / "foreign.y4m", "https://elsewhere.example/pay?to=nobody")
    async with visitor(url, *before_camera(file)) as one:
        asked: list[str] = []
        one.page.on("request", lambda request: asked.append(request.url))

        await one.click("扫一扫报告上的二维码")
        await expect(one.page.locator("#scan-says")).to_contain_text("不是报告上的核验二维码", timeout=PATIENCE_MS)
        await one.click("停止")

        assert await is_off(one.page)
        assert not [address for address in asked if not address.startswith(f"{url}/assets/")]
        await expect(one.page.locator("#result")).to_be_empty()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param((FAKE,), "没有使用摄像头的权限", id="refused"),
        pytest.param((f"{FAKE}=device-count=0", ALLOWED), "没有找到可以使用的摄像头", id="none"),
    ],
)
async def test_why_there_is_no_picture_is_said_in_words(url: str, options: tuple[str, ...], told: str) -> None:
    async with visitor(url, *options) as one:
        await one.click("扫一扫报告上的二维码")
        await expect(one.page.locator("#scan-says")).to_contain_text(told, timeout=PATIENCE_MS)

        assert await is_off(one.page)
        await expect(one.page.locator("#scan-start")).to_be_visible()


async def test_the_camera_goes_off_when_the_page_is_left(url: str, tmp_path: Path) -> None:
    file = film(tmp_path / "blank.y4m", "no link")
    async with visitor(url, *before_camera(file)) as one:
        await one.page.evaluate(
            "() => { const devices = navigator.mediaDevices; const get = devices.getUserMedia.bind(devices);"
            " devices.getUserMedia = async wish => window.seen = await get(wish); }"
        )
        await one.click("扫一扫报告上的二维码")
        await expect(one.page.locator("#scan-says")).to_contain_text("不是报告上的", timeout=PATIENCE_MS)

        await one.page.evaluate("window.dispatchEvent(new Event('pagehide'))")

        ended = "window.seen.getTracks().every(track => track.readyState === 'ended')"
        assert await one.page.evaluate(ended)


async def test_no_other_page_may_use_the_camera(url: str) -> None:
    async with visitor(url, FAKE, ALLOWED) as one:
        allowed = "document.featurePolicy.allowsFeature('camera')"
        assert await one.page.evaluate(allowed)
        await one.open("/")
        assert not await one.page.evaluate(allowed)


async def test_the_three_ways_stand_on_the_first_screen_of_a_phone(url: str) -> None:
    async with visitor(url, FAKE) as one:
        for locator in ("#scan-start", "[name=report_number]", "[name=code]", "#code-form button", "#file"):
            await expect(one.page.locator(locator)).to_be_in_viewport(ratio=1)


async def test_without_scripts_number_and_code_are_the_way(beijing: House, url: str) -> None:
    sealed = await beijing.issue()
    async with visitor(url, FAKE, java_script_enabled=False, viewport=DESK) as one:
        await expect(one.page.locator("#scan")).to_be_hidden()
        assert "本浏览器未启用脚本" in await one.text()

        await one.fill("report_number", sealed.report_number)
        await one.fill("code", TYPED.lower())
        await one.click("核验")

        assert await one.page.locator("#headline").inner_text() == "核验一致"


async def test_a_link_is_taken_out_of_the_address_before_it_is_asked(beijing: House, url: str) -> None:
    sealed = await beijing.issue()
    async with visitor(url) as one:
        asked: list[str] = []
        one.page.on("request", lambda request: asked.append(request.url))
        await one.open("/")
        await one.open(f"/verify#{sealed.report_number}.{sealed.verification_code}")
        await expect(one.page.locator("#headline")).to_have_text("核验一致", timeout=PATIENCE_MS)

        assert one.page.url == f"{url}/verify"
        assert not [address for address in asked if sealed.verification_code in address]
        await one.fill("code", "x")
        await expect(one.page.locator("#result")).to_be_empty()


async def test_a_home_that_cannot_be_asked_says_nothing_about_the_report(url: str) -> None:
    async with visitor(url) as one:
        await one.page.route("**/verify", lambda route: asyncio.ensure_future(route.abort()))
        await one.fill("report_number", "HR1")
        await one.fill("code", "1")
        await one.click("核验")
        await expect(one.page.locator("#result h2")).to_have_text("暂不能核验")
