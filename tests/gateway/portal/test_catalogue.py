"""互认事项清单: what is told where a province answers, in part, or not at all; the table; hostile texts; both languages."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from lxml import html

from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from contract.province import Province
from gateway.federation.provinces import KEPT_FOR
from gateway.portal.look import LOOK_COOKIE
from huren.fragment.v1 import coverage_pb2
from runtime.http_server import serve_http
from sandbox.pki import PKI
from signing import SignedStatement
from tests.support.federation import CATALOGUE, Federation
from tests.support.live import LOOPBACK, Live, live_federation

HEBEI, SHANXI, TIANJIN = Province.HEBEI, Province.SHANXI, Province.TIANJIN
HOLE: CellKey = ("health", PENALTY)
HALF: CellKey = ("taxation", SERIOUS_LIST)
Element = Any
"""Of lxml, whose stubs do not know what XPath finds."""

FORMULA = '=HYPERLINK("https://elsewhere.example/","点此")<script>alert(1)</script>'


class _Hostile(Federation):
    """One department has a name that a spreadsheet would calculate and a browser would run."""

    def signed_coverage(
        self, province: Province, change: Callable[[coverage_pb2.Coverage], None] = lambda _: None
    ) -> SignedStatement:
        def changed(coverage: coverage_pb2.Coverage) -> None:
            change(coverage)
            if province is HEBEI:
                entry = next(entry for entry in coverage.cells if entry.key.domain == HOLE[0])
                entry.department.unit = FORMULA
                entry.department.telephone = "+86-10-0000"
            if province is TIANJIN:
                for entry in coverage.cells:
                    entry.supply_lag_working_days = 15
                    entry.supply_lag_source = "default" if entry.key.domain == "health" else "《示例办法》第十三条"

        return super().signed_coverage(province, changed)


@dataclass
class Site:
    """The public pages of a running federation, and somebody who reads them."""

    live: Live
    http: aiohttp.ClientSession
    base: str

    async def raw(self, path: str, language: str = "zh") -> tuple[int, bytes]:
        headers = {"Cookie": f"{LOOK_COOKIE}={language}.light.normal"}
        async with self.http.get(self.base + path, headers=headers) as response:
            return response.status, await response.read()

    async def page(self, path: str, language: str = "zh") -> Element:
        status, body = await self.raw(path, language)
        assert status == 200, body
        page: Element = html.document_fromstring(body.decode())
        return page

    async def rows(self, path: str = "/catalogue.csv", language: str = "zh") -> list[dict[str, str]]:
        status, body = await self.raw(path, language)
        assert status == 200
        assert body.startswith(b"\xef\xbb\xbf")
        return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


@asynccontextmanager
async def _site(pki: PKI, folder: Path) -> AsyncIterator[Site]:
    federation = _Hostile(now=datetime.now(UTC).replace(microsecond=0), not_covered={HEBEI: frozenset({HOLE, HALF})})
    async with (
        live_federation(pki, folder, federation) as live,
        serve_http(live.services.public, LOOPBACK) as base,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        yield Site(live, http, str(base).rstrip("/"))


@pytest.fixture
async def site(pki: PKI, tmp_path: Path) -> AsyncIterator[Site]:
    async with _site(pki, tmp_path) as opened:
        yield opened


def text(element: Element) -> str:
    """What stands there, without blanks."""
    return "".join(element.text_content().split())


def glance(page: Element, domain: str) -> list[str]:
    """What stands for a domain in the overview, province by province."""
    (link,) = page.xpath(f'//table[contains(@class, "recognised-matrix")]//a[@href="#{domain}"]')
    return [text(cell) for cell in link.xpath("ancestor::tr/td")]


def lines(page: Element, domain: str) -> list[str]:
    (article,) = page.xpath(f'//article[@id="{domain}"]')
    return [text(row) for row in article.xpath(".//tbody/tr")]


def stray_chinese(page: Element) -> list[str]:
    """Chinese that stands outside of what is marked as such."""
    return [
        found.strip()
        for found in page.xpath('//body//text()[not(ancestor::*[@lang="zh-CN"])][not(ancestor::script)]')
        if any("\u4e00" <= one <= "\u9fff" for one in found)
    ]


async def test_shows_what_each_province_covers_and_who_certifies_what_it_does_not(site: Site) -> None:
    page = await site.page("/catalogue")

    assert glance(page, "health") == ["已纳入", "已纳入", "未纳入", "已纳入"]
    assert glance(page, "taxation") == ["已纳入", "已纳入", "部分纳入", "已纳入"]
    beijing, _, hebei, _ = lines(page, "health")
    assert "数据自2015-01-01起完整" in beijing
    assert "未纳入" in hebei
    assert "需要证明的，请向该部门申请" in hebei
    _, _, penalties, listed, _ = lines(page, "taxation")
    assert penalties.startswith("河北省行政处罚已纳入")
    assert listed.startswith("河北省严重失信主体名单未纳入")
    assert len(page.xpath('//article[contains(@class, "recognised")]')) == len(CATALOGUE.domains)


async def test_says_of_every_entry_that_nobody_confirmed_it(site: Site) -> None:
    page = await site.page("/catalogue")
    for article in page.xpath('//article[contains(@class, "recognised")]'):
        marked = article.xpath('.//*[contains(@class, "status")]')
        lists = [entry for entry in CATALOGUE.lists if entry.domain == article.get("id")]
        assert [text(one) for one in marked] == ["未经确认"] * (1 + len(lists))
    assert CATALOGUE.digest.hex()[:12] in text(page)
    assert CATALOGUE.version in text(page)
    assert "曾用名称：「重大税收违法案件当事人名单」（用至2022-01-31）" in text(page)


async def test_a_time_limit_stands_with_where_it_comes_from(site: Site) -> None:
    page = await site.page("/catalogue?province=tianjin")
    assert "15个工作日内系统默认（未经确认）" in lines(page, "health")[0]
    assert "15个工作日内《示例办法》第十三条" in lines(page, "transport")[0]


async def test_a_province_that_never_answered_is_covered_nowhere(site: Site) -> None:
    await site.live.provinces[SHANXI].stop()
    page = await site.page("/catalogue")

    for domain in CATALOGUE.domains:
        assert glance(page, domain.id)[3] == "未取得"
        assert "已纳入" not in lines(page, domain.id)[-1]
    (card,) = page.xpath('//li[@id="shanxi"]')
    assert "暂未反馈" in text(card)
    assert "不能说明哪些事项已纳入" in text(card)
    assert "000-12345" in text(card)  # whom to call

    rows = [row for row in await site.rows() if row["省（市）"] == "山西省"]
    assert {row["是否纳入"] for row in rows} == {"未取得"}
    assert {row["部门"] for row in rows} == {""}


async def test_a_province_that_fell_silent_is_shown_as_it_was_with_the_time(site: Site) -> None:
    await site.page("/catalogue")
    before = site.live.federation.now
    await site.live.provinces[HEBEI].stop()
    site.live.federation.now += KEPT_FOR + timedelta(minutes=2)
    page = await site.page("/catalogue")

    (card,) = page.xpath('//li[@id="hebei"]')
    assert "暂未反馈" in text(card)
    at = before.astimezone(UTC) + timedelta(hours=8)
    assert f"以下为该地此前（{at:%Y-%m-%d%H:%M}）的说明，此后未能取得新的说明" in text(card)
    assert glance(page, "health")[2] == "未纳入"


async def test_data_that_is_old_or_silent_is_said_to_be(site: Site) -> None:
    told = site.live.provinces[TIANJIN]
    told.watermarks["statistics", PENALTY] = site.live.federation.now - timedelta(days=9)
    told.watermarks["fire_rescue", PENALTY] = None
    page = await site.page("/catalogue")

    assert glance(page, "statistics")[1].startswith("已纳入*")
    (row,) = [line for line in lines(page, "statistics") if line.startswith("天津市行政处罚")]
    assert "超过更新时限，暂不作结论" in row
    assert "来源暂未反馈" in lines(page, "fire_rescue")[1]
    assert "部分反馈" in text(page.xpath('//li[@id="tianjin"]')[0])


async def test_only_what_is_not_covered_can_be_shown(site: Site) -> None:
    await site.live.provinces[SHANXI].stop()
    page = await site.page("/catalogue?only=gaps")

    assert [article.get("id") for article in page.xpath("//article")] == ["taxation", "health"]
    assert [line[:6] for line in lines(page, "health")] == ["河北省未纳入"]
    assert "山西省：未取得其说明，有无未纳入的事项不能说明" in text(page)
    rows = await site.rows("/catalogue.csv?only=gaps")
    assert [(row["省（市）"], row["是否纳入"]) for row in rows] == [("河北省", "未纳入")] * 2


async def test_where_nothing_is_left_out_the_page_says_so_and_goes_on(site: Site) -> None:
    page = await site.page("/catalogue?only=gaps&province=beijing")
    assert "没有查到未纳入的事项" in text(page)
    assert page.xpath('//div[@class="empty"]//a[@href="/catalogue"]')


async def test_one_province_can_be_shown_and_nonsense_shows_all(site: Site) -> None:
    page = await site.page("/catalogue?province=hebei")
    assert glance(page, "health") == ["未纳入"]
    assert page.xpath('//select[@name="province"]/option[@selected]/@value') == ["hebei"]
    assert page.xpath('//a[starts-with(@href, "/catalogue.csv")]/@href') == ["/catalogue.csv?province=hebei"]
    assert len(glance(await site.page("/catalogue?province=%3Cscript%3E&only=%27"), "health")) == 4


async def test_the_table_holds_what_the_page_says(site: Site) -> None:
    rows = await site.rows()
    hebei = {(row["领域"], row["事项"]): row for row in rows if row["省（市）"] == "河北省"}
    assert hebei["税务", "行政处罚"]["是否纳入"] == "已纳入"
    assert hebei["税务", "严重失信主体名单"]["是否纳入"] == "未纳入"
    assert hebei["税务", "严重失信主体名单"]["名单全称"] == "重大税收违法失信主体名单"
    assert hebei["税务", "行政处罚"]["名单全称"] == ""
    assert {row["清单条目是否经确认"] for row in rows} == {"未经确认"}
    assert {row["清单版本"] for row in rows} == {CATALOGUE.version}
    assert {row["领域"] for row in rows} == {domain.name for domain in CATALOGUE.domains}


async def test_nothing_in_the_table_is_calculated_and_nothing_on_the_page_is_run(site: Site) -> None:
    for row in await site.rows():
        assert not [value for value in row.values() if value.startswith(("=", "+", "-", "@", "\t", "\r"))]
    (hostile,) = [
        row for row in await site.rows("/catalogue.csv?only=gaps&province=hebei") if "HYPERLINK" in row["部门"]
    ]
    assert (hostile["部门"], hostile["电话"]) == (f"'{FORMULA}", "'+86-10-0000")

    _, body = await site.raw("/catalogue")
    assert b"<script>alert" not in body
    assert b"&lt;script&gt;alert" in body


async def test_reads_in_english_as_well(site: Site) -> None:
    await site.live.provinces[SHANXI].stop()
    page = await site.page("/catalogue", "en")
    assert glance(page, "health") == ["Covered", "Covered", "Notcovered", "Notknown"]
    assert stray_chinese(page) == []
    assert stray_chinese(await site.page("/catalogue?only=gaps", "en")) == []
    rows = await site.rows("/catalogue.csv", "en")
    assert {row["Covered"] for row in rows} == {"Covered", "Not covered", "Not known"}
