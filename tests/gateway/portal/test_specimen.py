"""样张: it looks like a report, says on every page what it is, and nobody can verify it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import zxingcpp
from lxml import html
from pypdf import PdfReader

from contract.days import china_day
from contract.province import Province
from contract.wording import CELL_LEGEND, SPECIMEN
from gateway.portal.look import LOOK_COOKIE
from gateway.reports.specimen import NO_NUMBER, NO_SUBJECT_CODE, specimen_of
from runtime.http_server import serve_http
from sandbox.pki import PKI
from tests.support.federation import CATALOGUE, CATALOGUES, NOW
from tests.support.live import LOOPBACK, Live, live_federation
from tests.support.pages import Poppler
from verifier.verdict import Verdict
from verifier.verify import verify

NUMBER = re.compile(r"HR[0-9]{18}[0-9A-Z]")
CODE = re.compile(r"\b9[123][0-9]{6}[0-9A-Z]{10}\b")
DIGEST = re.compile(r"\b[0-9a-f]{16,64}\b")


@pytest.fixture
async def live(pki: PKI, tmp_path: Path) -> AsyncIterator[Live]:
    async with live_federation(pki, tmp_path) as opened:
        yield opened


async def fetched(live: Live, *paths: str, language: str = "zh") -> list[bytes]:
    headers = {"Cookie": f"{LOOK_COOKIE}={language}.light.normal"}
    found = []
    async with serve_http(live.services.public, LOOPBACK) as base, aiohttp.ClientSession(headers=headers) as http:
        for path in paths:
            async with http.get(str(base).rstrip("/") + path) as response:
                assert response.status == 200, await response.text()
                found.append(await response.read())
    return found


@pytest.mark.parametrize("home", Province)
def test_holds_no_number_that_anybody_could_verify(home: Province) -> None:
    shown = json.dumps(specimen_of(CATALOGUE, home, NOW).shown, ensure_ascii=False)
    assert NUMBER.findall(shown) == []
    assert CODE.findall(shown) == []
    assert set(DIGEST.findall(shown)) <= {CATALOGUE.digest.hex()}
    assert NO_NUMBER in shown
    assert NO_SUBJECT_CODE in shown


def test_shows_every_part_that_a_report_may_have() -> None:
    specimen = specimen_of(CATALOGUE, Province.BEIJING, NOW)
    front = specimen.shown["front"]
    assert specimen.shown["specimen"] == SPECIMEN
    assert front["conclusion"]["scope"] == "有限范围"
    assert "行政处罚记录2条" in front["conclusion"]["text"]
    assert "其中1条正在异议处理中" in front["conclusion"]["text"]
    assert front["not_covered"]["table"]["rows"]
    assert "未查询到示例机械制造有限公司（演示）" in specimen.nothing_found
    words = {
        cell["words"] for one in specimen.shown["overview"]["tables"] for row in one["rows"] for cell in row["cells"]
    }
    assert words == {"未查询到", "1条", "1条*", "未纳入", "——"}


def test_is_about_nobody() -> None:
    shown = specimen_of(CATALOGUE, Province.HEBEI, NOW).shown
    names = [line["value"] for line in shown["front"]["fields"] if line["label"] == "主体名称"]
    assert names == ["示例机械制造有限公司（演示）"]
    assert "（演示）" in shown["front"]["issue"][0]["value"]


async def test_every_page_of_the_file_says_what_it_is(live: Live) -> None:
    (pdf,) = await fetched(live, "/specimen.pdf")
    reader = PdfReader(io.BytesIO(pdf))
    texts = ["".join(page.extract_text().split()) for page in reader.pages]
    assert len(texts) > 5
    assert [text for text in texts if "".join(SPECIMEN.split()) not in text] == []
    assert not [text for text in texts if NUMBER.search(text) or CODE.search(text)]
    assert reader.attachments == {}
    assert reader.get_fields() is None  # no signature


async def test_the_file_cannot_be_verified(live: Live, tmp_path: Path) -> None:
    (pdf,) = await fetched(live, "/specimen.pdf")
    result = verify(pdf, trust=live.federation.trust, catalogues=CATALOGUES, at=live.federation.now)
    assert result.verdict is Verdict.NO_EMBEDDED_DATA
    codes = [code.text for page in (1, 2) for code in zxingcpp.read_barcodes(Poppler(tmp_path).greys(pdf, page=page))]
    assert set(codes) == {SPECIMEN}  # no address


async def test_the_page_explains_what_the_report_says(live: Live) -> None:
    (body,) = await fetched(live, "/specimen")
    page: Any = html.document_fromstring(body.decode())
    text = " ".join(page.text_content().split())
    for words, sentence, _ in CELL_LEGEND:
        assert words in text
        assert sentence in text
    for part in ("结论", "有限范围", "核验码", "二维码", "报告编号", "未纳入事项", "标注"):
        assert part in text
    assert len(page.xpath('//p[@class="paper-mark"]')) == 2
    notes = page.xpath('//section[@class="specimen-note"]//h3/span/text()')
    assert notes == [str(number) for number in range(1, 9)]
    assert not page.xpath("//figure//img")


async def test_reads_in_english_as_well(live: Live) -> None:
    (body,) = await fetched(live, "/specimen", language="en")
    page: Any = html.document_fromstring(body.decode())
    stray = [
        found
        for found in page.xpath('//body//text()[not(ancestor::*[@lang="zh-CN"])]')
        if any("\u4e00" <= one <= "\u9fff" for one in found)
    ]
    assert stray == []
    assert "The conclusion" in page.text_content()
    assert "proves nothing" in page.text_content()


async def test_is_made_once_a_day(live: Live) -> None:
    first, again = await fetched(live, "/specimen.pdf", "/specimen.pdf")
    assert first == again
    live.federation.now += timedelta(days=1)
    (page,) = await fetched(live, "/specimen")
    assert f"至{china_day(live.federation.now)}" in page.decode()
