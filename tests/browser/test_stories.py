"""People at the portal, in a real browser, before a federation as `huren up` runs it. Each test is a story of its own."""

from __future__ import annotations

import io
import re
import zipfile

import pypdf
import pytest
from playwright.async_api import Browser

from contract.province import Province
from tests.support.browser import PHONE, Tab, needs_chromium, tab
from tests.support.inventory import SCOPES, Place, without
from tests.support.visitors import visitor

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(300), needs_chromium]


async def pdf_of(one: Tab, label: str) -> bytes:
    """Clicks, and gives the PDF that comes."""
    content = await one.downloads(label)
    assert content.startswith(b"%PDF-")
    return content


def words_of(pdf: bytes) -> str:
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


async def issued(place: Place) -> tuple[str, str, bytes]:
    """A report of the enterprise's: number, typed code, PDF."""
    async with visitor(place.base, "legal") as legal:
        status, answer = await legal.ask({}, enterprise=place.enterprise)
        assert status == 201, answer
        number = answer["sealed"]["report_number"]
        status, pdf = await legal.get(f"/api/v1/reports/{number}/file", enterprise=place.enterprise, format="pdf")
        assert status == 200
        return number, answer["sealed"]["typed_code"], pdf


async def test_a_first_time_agent_reaches_the_pdf_in_six_clicks(chromium: Browser, place: Place) -> None:
    """What happens: an agent without a mandate begins at 申请报告, asks for one, and tells the legal representative the code, who
    confirms it; then begins again.

    What must result: at most six clicks after the login to the PDF, which is about the enterprise.
    """
    async with tab(chromium, place.base) as agent, tab(chromium, place.base) as legal:
        await agent.open("/")
        await agent.click("申请报告")
        await agent.at_provider("agent-2")
        assert "授权" in await agent.text()
        await agent.open("/mandates")
        await agent.fill("uscc", place.enterprise)
        for scope in SCOPES:
            await agent.tick("scopes", scope)
        await agent.click("申请授权")
        code = re.search(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b", await agent.text())
        assert code, await agent.text()

        await legal.log_in("legal", way="licence")
        await legal.open("/enterprises?to=people")
        await legal.fill("pairing_code", code[0])
        await legal.click("确认授权", exact=False)
        assert "已确认" in await legal.text()

    async with tab(chromium, place.base, viewport=PHONE) as agent:
        await agent.open("/")
        await agent.click("申请报告")
        await agent.at_provider("agent-2")
        await agent.click("预览", exact=False)
        assert "这份报告将证明什么" in await agent.text()
        await agent.click("提交申请", exact=False)
        await agent.page.wait_for_url(re.compile(r"/reports/HR"), timeout=60_000)
        pdf = await pdf_of(agent, "下载报告")
        assert len(agent.actions) <= 6, agent.actions
    assert place.name(place.enterprise) in words_of(pdf)


async def test_the_main_path_works_without_scripts(chromium: Browser, place: Place) -> None:
    """What happens: the legal representative asks for a report in a browser that runs no scripts.

    What must result: the same pages, and the PDF.
    """
    async with tab(chromium, place.base, java_script_enabled=False) as legal:
        await legal.open("/")
        await legal.click("申请报告")
        await legal.at_provider("legal")
        await legal.click("预览", exact=False)
        await legal.click("提交申请", exact=False)
        while "/requests/" in legal.page.url and "查看报告" not in await legal.text():
            await legal.page.reload()
        if "/requests/" in legal.page.url:
            await legal.click("查看报告", exact=False)
        pdf = await pdf_of(legal, "下载报告")
    assert place.name(place.enterprise) in words_of(pdf)


async def test_a_clerk_verifies_by_code_and_by_upload_in_three_actions(chromium: Browser, place: Place) -> None:
    """What happens: a clerk in another province types number and 核验码, on a phone; then uploads the file; then an altered one.

    What must result: at most three actions each; the verdict, and what to compare.
    """
    number, typed, pdf = await issued(place)
    async with tab(chromium, place.site(Province.SHANXI), viewport=PHONE) as clerk:
        await clerk.open("/verify")
        for name in ("report_number", "code"):
            box = await clerk.page.locator(f"main [name='{name}']").bounding_box()
            assert box, name
            assert box["y"] + box["height"] < PHONE["height"], f"{name} is below the screen"
        await clerk.fill("report_number", number)
        await clerk.fill("code", typed)
        await clerk.click("核验")
        await clerk.page.get_by_text("核验一致").first.wait_for()
        assert len(clerk.actions) <= 3, clerk.actions
        assert "请逐项与手中报告核对" in await clerk.text()
        assert number not in clerk.page.url

    for content, verdict in ((pdf, "核验一致"), (pdf[:-200] + bytes(200), "与原件不一致")):
        async with tab(chromium, place.site(Province.SHANXI)) as clerk:
            await clerk.open("/verify")
            await clerk.give("file", {"name": "report.pdf", "mimeType": "application/pdf", "buffer": content})
            await clerk.click("上传核验", exact=False)
            await clerk.page.get_by_text(re.compile(f"{verdict}|无法核验")).first.wait_for()
            assert len(clerk.actions) <= 3, clerk.actions
            assert ("核验一致" in await clerk.text()) is (content is pdf)


async def test_a_bank_asks_under_a_consent_that_the_subject_sees_used_and_takes_back(
    chromium: Browser, place: Place
) -> None:
    """What happens: the legal representative writes a consent for a bank and signs it in the browser; the bank asks under it; the
    subject sees who asked, and takes the consent back; the bank asks again.

    What must result: the bank's report; the look-up with the province's confirmations; then a refusal in words, and no report.
    """
    tls = place.tls(place.enterprise)
    async with tab(chromium, place.base) as legal, tab(chromium, place.base) as bank:
        await legal.log_in("legal")
        await legal.open("/enterprises?to=grants")
        await legal.click("新的授权书", exact=False)
        await legal.fill("grantee_uscc", place.bank)
        await legal.page.locator("main [name='purpose']").first.select_option("FINANCING")
        await legal.click("下一步", exact=False)
        text = await legal.text()
        assert place.name(place.bank) in text
        assert place.name(place.enterprise) in text
        await legal.page.locator("#certificate-file").set_input_files(str(tls.certificate))
        await legal.page.locator("#key-file").set_input_files(str(tls.private_key))
        await legal.click("签署", exact=False)
        await legal.page.get_by_text("生效").first.wait_for()

        await bank.log_in("bank")
        await bank.open("/enterprises?to=received")
        await bank.page.locator("main a[href*='/received/']").first.click()
        await bank.click("查询", exact=False)
        await bank.page.wait_for_url(re.compile(r"/reports/HR"), timeout=60_000)
        await pdf_of(bank, "下载报告")
        report = bank.page.url

        await legal.open("/enterprises?to=look_ups")
        assert place.name(place.bank) in await legal.text()

        legal.page.on("dialog", lambda dialog: dialog.accept())
        await legal.open("/enterprises?to=grants")
        await legal.page.locator("main a[href*='/grants/']:not([href$='/new'])").first.click()
        await legal.click("撤回授权", exact=False)
        await legal.page.get_by_text("已撤回").first.wait_for()

        await bank.page.goto(report)
        assert "下载报告" not in await bank.text()
        assert "撤回" in await bank.text()


async def test_a_group_has_many_reports_made_at_once(chromium: Browser, place: Place) -> None:
    """What happens: an agent of two enterprises ticks both.

    What must result: an archive with both reports and a line for each.
    """
    await place.confirmed("agent", "legal", place.enterprise)
    await place.confirmed("agent", "legal-2", place.second)
    async with tab(chromium, place.base) as agent:
        await agent.log_in("agent")
        await agent.open("/batches/new")
        await agent.page.locator("main textarea").first.fill(f"{place.enterprise}\n{place.second}")
        await agent.click("检查名单")
        await agent.click("开始办理")
        await agent.page.wait_for_url(re.compile(r"/batches/[0-9a-f]{32}"))
        await agent.page.locator("main a[href*='/archive']").first.wait_for(timeout=120_000)
        content = await agent.downloads("下载全部报告")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len([name for name in archive.namelist() if name.endswith(".pdf")]) == 2


async def test_another_province_s_enterprise_is_sent_there_by_a_link_without_a_code(
    chromium: Browser, place: Place
) -> None:
    """What happens: the legal representative of an enterprise of 北京 asks at 天津's site.

    What must result: a page that says where to go, with a link that carries nothing but the address.
    """
    async with tab(chromium, place.site(Province.TIANJIN)) as legal:
        await legal.log_in("legal")
        await legal.open("/enterprises?to=apply")
        assert "北京市" in await legal.text()
        links = [await link.get_attribute("href") for link in await legal.page.locator("main a").all()]
        there = [link for link in links if link and link.startswith(place.base)]
        assert there
        assert all(place.enterprise not in link for link in links if link)
        await legal.page.locator(f"main a[href^='{place.base}']").first.click()
        await legal.page.wait_for_url(f"{place.base}/**")


async def test_a_report_that_waits_for_a_province_comes_by_itself(chromium: Browser, place: Place) -> None:
    """What happens: 河北 is away while a report is asked for, and comes back.

    What must result: the page names the province that has not answered and says nothing of what the others said; when it is back,
    the report opens by itself.
    """
    async with tab(chromium, place.base) as legal:
        await legal.log_in("legal")
        async with without(place.running, Province.HEBEI):
            await legal.open("/enterprises?to=apply")
            await legal.click("预览", exact=False)
            await legal.click("提交申请", exact=False)
            await legal.page.get_by_text("待反馈").first.wait_for(timeout=60_000)
            text = await legal.text()
            assert "河北省" in text
            assert not re.search(r"未查询到|\d+条", text)
        await legal.page.wait_for_url(re.compile(r"/reports/HR"), timeout=120_000)


async def test_a_keyboard_reaches_the_content_first(chromium: Browser, place: Place) -> None:
    """What happens: the tab key is pressed on a page that was just opened, then Enter.

    What must result: the first thing is the way past the menus, and it leads to the content.
    """
    async with tab(chromium, place.base) as one:
        await one.open("/guide")
        await one.page.keyboard.press("Tab")
        assert await one.page.evaluate("document.activeElement.className") == "skip"
        await one.page.keyboard.press("Enter")
        assert await one.page.evaluate("document.activeElement.id") == "content"
