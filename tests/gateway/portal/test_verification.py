"""The page for verification, on a real server: words in both languages, faults, limits, and that a code is never repeated."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from contract.province import Province
from contract.report_number import make as make_number
from gateway.portal.assets import FOREIGN
from gateway.portal.verdict import headline_of
from gateway.store import tables
from gateway.store.verification import MOST_FAILED_TRIES
from gateway.verification import words
from huren.report.v1 import report_status_pb2 as statuses
from runtime.database import open_database
from tests.support.federation import NOW
from tests.support.verification import TYPED, House, house, served
from verifier.verdict import WORDING

CHINESE = re.compile(r"[\u3400-\u9fff\uff01-\uff60]")
REFUSED = ("真", "假", "有效", "无效", "伪造", "撤销")
SECRET = "SECRETsecretSECRETsecret"  # noqa: S105  # a code that must not be seen again
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ENGLISH = {"Cookie": "__Host-huren-look=en.auto.normal"}


@pytest.fixture
async def beijing(tmp_path: Path) -> AsyncIterator[House]:
    """On SQLite only: what a page says has nothing to do with the database."""
    async with open_database(f"sqlite:///{tmp_path / 'beijing.db'}") as database:
        await tables.prepare(database)
        yield house(Province.BEIJING, database)


@pytest.fixture
async def url(beijing: House, tmp_path: Path) -> AsyncIterator[str]:
    async with served(beijing, tmp_path, trust=tmp_path) as address:
        yield address


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


class Texts(HTMLParser):
    """What a page says, in which language, and which elements and attributes it has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.source = page
        self.texts: list[str] = []
        self.strays: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._languages: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in {"meta", "link", "input", "br", "img", "col", "hr"}:
            above = self._languages[-1][1] if self._languages else ""
            self._languages.append((tag, attributes.get("lang") or above))

    def handle_endtag(self, tag: str) -> None:
        while self._languages and self._languages.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if CHINESE.search(data) and self._languages and self._languages[-1][1] == "en":
            self.strays.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def attributes(self, tag: str, **wanted: str) -> dict[str, str | None]:
        """The first such element."""
        return next(
            given for name, given in self.elements if name == tag and all(given.get(k) == v for k, v in wanted.items())
        )


async def form(http: aiohttp.ClientSession, url: str, number: str, code: str, **headers: str) -> tuple[Any, Texts]:
    data = {"report_number": number, "code": code}
    async with http.post(f"{url}/verify", data=data, headers=headers) as response:
        assert response.content_type == "text/html"
        return response, Texts(await response.text())


# --- The page ---------------------------------------------------------------------------------------------------------


async def test_the_page_asks_nothing_of_others_and_remembers_nothing(url: str, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{url}/verify") as response:
        page = Texts(await response.text())
        assert response.status == 200
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert response.headers["Permissions-Policy"] == "camera=(self), geolocation=(), microphone=()"
        assert response.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in response.headers
    scripts = [attributes["src"] or "" for tag, attributes in page.elements if tag == "script"]
    assert any(script.endswith("/verify.js") for script in scripts)
    assert all(script.startswith("/assets/") for script in scripts)
    assert not [
        name for _, attributes in page.elements for name in attributes if name == "style" or name.startswith("on")
    ]
    loaded = [attributes.get("src") for tag, attributes in page.elements if tag in {"img", "script", "video"}]
    assert all(one is None or one.startswith("/") for one in loaded)
    async with http.get(url + next(script for script in scripts if script.endswith("/verify.js"))) as response:
        script = await response.text()
    assert "cookie" not in script
    assert "localStorage" not in script
    assert "innerHTML" not in script
    assert "eval(" not in script
    assert script.index("replaceState") < script.index("verify(fragment")


async def test_other_pages_may_not_use_the_camera(url: str, http: aiohttp.ClientSession) -> None:
    for path in ("/", "/nothing"):
        async with http.get(url + path) as response:
            assert response.headers["Permissions-Policy"].startswith("camera=(),")


async def test_the_page_names_four_addresses_that_it_is_free_and_that_it_is_a_specimen(
    url: str, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{url}/verify") as response:
        page = Texts(await response.text())

    for province in Province:
        assert f"https://{province.slug}.example/verify" in page.text
        assert f"{province.name_zh}信用主管部门（演示）" in page.text
    assert "四地任何一个核验页面都可以核验四地出具的报告" in page.text
    assert "免费，不需要登录" in page.text
    assert "样张 · 演示数据 · 不具任何证明效力" in page.text
    assert "不能扫码" in page.text
    assert not [word for word in REFUSED if word in page.text]


async def test_every_control_has_a_label(beijing: House, url: str, http: aiohttp.ClientSession) -> None:
    sealed = await beijing.issue()
    _, page = await form(http, url, sealed.report_number, TYPED)
    labels = {attributes.get("for") for tag, attributes in page.elements if tag == "label"}
    controls = {
        attributes.get("id") for tag, attributes in page.elements if tag == "input" and attributes["type"] != "hidden"
    }

    assert labels == controls == {"field-report_number", "field-code", "file"}


async def test_without_the_decoder_there_is_no_camera_and_everything_else(
    beijing: House, tmp_path: Path, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.portal.assets.FOREIGN", dict.fromkeys(FOREIGN, tmp_path / "none"))
    async with served(beijing, tmp_path, trust=tmp_path) as url, http.get(f"{url}/verify") as response:
        page = Texts(await response.text())

    assert "扫一扫" not in page.text
    assert page.attributes("form", id="code-form")


# --- Results ----------------------------------------------------------------------------------------------------------


async def test_the_form_works_without_a_script_and_shows_every_cell(
    beijing: House, url: str, http: aiohttp.ClientSession
) -> None:
    sealed = await beijing.issue()

    response, page = await form(http, url, f" {sealed.report_number} ", TYPED)

    assert response.status == 200
    for text in (
        "核验一致",
        "请逐项与手中报告核对，不一致的请勿采信",
        sealed.report_number,
        "北京示例机械有限公司",
        "经查询",
    ):
        assert text in page.text
    penalties = len(beijing.federation.catalogue.domains) - 1
    lists = len({entry.domain for entry in beijing.federation.catalogue.lists})
    assert sum(tag == "td" for tag, _ in page.elements) == 4 * (penalties + lists)
    assert response.headers["Permissions-Policy"].startswith("camera=(self)")
    assert page.attributes("input", name="report_number")["value"] == sealed.report_number
    assert TYPED not in page.source
    assert not [word for word in REFUSED if word in page.text]


async def test_what_is_not_covered_stands_in_a_box_of_its_own(
    beijing: House, url: str, http: aiohttp.ClientSession
) -> None:
    sealed = await beijing.issue(holes=True)

    _, page = await form(http, url, sealed.report_number, TYPED)

    assert "核验一致 · 有限范围" in page.text
    box = page.source[page.source.index("verdict-scope") :].partition("</div>")[0]
    assert "下列事项未纳入：河北省税务（行政处罚）。" in box


@pytest.mark.parametrize(
    ("state", "category", "headline", "advice"),
    [
        pytest.param(statuses.REPORT_STATE_SUPERSEDED, 0, "信息已更新", "于2026-11-20更新", id="superseded"),
        pytest.param(
            statuses.REPORT_STATE_REVOKED,
            statuses.REVOCATION_CATEGORY_SUBJECT_WRONG,
            "报告已作废",
            "主体信息有误",
            id="taken back",
        ),
    ],
)
async def test_a_report_that_does_not_stand_as_issued_tells_the_date_and_nothing_of_itself(
    beijing: House, url: str, http: aiohttp.ClientSession, state: Any, category: Any, headline: str, advice: str
) -> None:
    sealed = await beijing.issue(holes=True)
    await beijing.happens(sealed, state, revocation=category)

    response, page = await form(http, url, sealed.report_number, TYPED)

    assert response.status == 200
    assert headline in page.text
    assert advice in page.text
    assert "2026-11-20" in page.text
    assert "北京示例机械有限公司" not in page.text
    assert "未纳入" not in page.text
    assert "逐项" not in page.text


@pytest.mark.parametrize(
    ("number", "status", "headline", "retry"),
    [
        pytest.param("HR", 200, "未查询到", None, id="unknown"),
        pytest.param("0123456789abcdef" * 2, 200, "这不是报告", None, id="progress sheet"),
        pytest.param(make_number(Province.TIANJIN, NOW.date(), 1), 503, "暂不能核验", "10", id="home unreachable"),
    ],
)
async def test_the_form_says_the_same_words_as_the_interface(
    url: str, http: aiohttp.ClientSession, number: str, status: int, headline: str, retry: str | None
) -> None:
    asked = {"report_number": number, "code": "0" * 16}
    async with http.post(f"{url}/api/v1/verifications", json=asked) as answer:
        document = await answer.json()
    response, page = await form(http, url, number, "0" * 16)

    assert (response.status, response.headers.get("Retry-After")) == (status, retry)
    assert document["headline"] == headline
    assert document["headline"] in page.text
    assert document["advice"] in page.text


async def test_a_number_that_was_tried_too_often_says_when_to_come_back(
    beijing: House, url: str, http: aiohttp.ClientSession
) -> None:
    sealed = await beijing.issue()
    for _ in range(MOST_FAILED_TRIES):
        await form(http, url, sealed.report_number, "0" * 16)

    response, page = await form(http, url, sealed.report_number, TYPED)

    assert (response.status, response.headers["Retry-After"]) == (429, "3600")
    assert "请稍后再试" in page.text


async def test_nothing_that_a_record_a_home_or_a_visitor_says_becomes_markup(
    beijing: House, url: str, http: aiohttp.ClientSession
) -> None:
    hostile = "示例<script>alert(1)</script>&\"'${x}{{ 7*7 }}"
    sealed = await beijing.issue(unit=hostile)

    _, page = await form(http, url, sealed.report_number, TYPED)
    _, typed = await form(http, url, f'"><script>{hostile}', "0" * 16)

    assert hostile in page.text
    for one in (page, typed):
        assert all((given["src"] or "").startswith("/assets/") for tag, given in one.elements if tag == "script")


@pytest.mark.parametrize("code", [TYPED, "0" * 16])
async def test_an_english_page_marks_what_is_chinese(
    beijing: House, url: str, http: aiohttp.ClientSession, code: str
) -> None:
    sealed = await beijing.issue(holes=True)

    _, page = await form(http, url, sealed.report_number, code, **ENGLISH)

    assert page.strays == []
    assert ("As issued · limited scope" if code == TYPED else "Not found") in page.text
    assert ("Compare every item with the report in hand" in page.text) == (code == TYPED)
    assert not [value for _, given in page.elements for value in given.values() if value and CHINESE.search(value)]


def test_every_headline_has_an_english_one() -> None:
    headlines = {one.headline for one in vars(words).values() if isinstance(one, words.Words)}
    headlines |= {one.headline for one in WORDING.values()}

    assert headlines
    assert [headline for headline in headlines if not headline_of(headline).en] == []


# --- Faults and limits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"report_number=1", id="no code"),
        pytest.param(b"report_number=1&code=", id="an empty code"),
        pytest.param(b"report_number=1&code=2&code=3", id="two codes"),
        pytest.param(b"report_number=1&code=2&other=3", id="a field too many"),
        pytest.param(b"report_number=%ff&code=1", id="no UTF-8"),
        pytest.param(b"x", id="no form"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_what_is_not_filled_in_is_said_where_the_result_would_stand(
    url: str, http: aiohttp.ClientSession, body: bytes
) -> None:
    async with http.post(f"{url}/verify", data=body, headers=FORM) as response:
        page = await response.text()
        assert (response.status, response.content_type) == (400, "text/html")
    result = page[page.index('id="result"') :].partition("</section>")[0]
    assert "请填写报告编号和核验码。" in result
    assert "接口" not in page


async def test_another_body_or_a_compressed_one_is_refused(url: str, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{url}/verify", json={}) as response:
        assert (response.status, response.content_type) == (415, "text/html")
    async with http.post(f"{url}/verify", data=b"x", headers=FORM | {"Content-Encoding": "gzip"}) as response:
        assert (response.status, response.content_type) == (415, "text/html")
    async with http.post(f"{url}/verify", data=b"x" * 9000, headers=FORM) as response:
        assert (response.status, response.content_type) == (413, "text/html")


async def test_a_page_of_somebody_else_cannot_ask(url: str, http: aiohttp.ClientSession) -> None:
    response, page = await form(http, url, "HR", "1", Origin="https://elsewhere.example")

    assert response.status == 403
    assert "未查询到与所填" not in page.text


async def test_programs_and_the_page_take_from_one_share_and_a_file_takes_more(
    url: str, http: aiohttp.ClientSession
) -> None:
    async def upload(address: str) -> aiohttp.ClientResponse:
        data = aiohttp.FormData()
        data.add_field("file", b"", filename="")
        async with http.post(f"{url}/verify", data=data, headers={"X-Forwarded-For": address}) as response:
            await response.read()
            return response

    one, other = "203.0.113.9", "203.0.113.10"
    files = [(await upload(one)).status for _ in range(11)]
    codes = [(await form(http, url, "HR", "1", **{"X-Forwarded-For": one}))[0].status for _ in range(5)]
    refused, page = await form(http, url, "HR", "1", **{"X-Forwarded-For": one})
    asked = {"report_number": "HR", "code": "1"}
    async with http.post(f"{url}/api/v1/verifications", json=asked, headers={"X-Forwarded-For": one}) as response:
        program = response.status
    served_still, _ = await form(http, url, "HR", "1", **{"X-Forwarded-For": other})

    assert (set(files), set(codes)) == ({400}, {200})
    assert (refused.status, refused.headers["Retry-After"], program) == (429, "1", 429)
    assert "未能核验" in page.text
    assert served_still.status == 200


async def test_neither_log_nor_page_repeats_a_code(
    beijing: House, url: str, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = await beijing.issue()
    foreign = make_number(Province.TIANJIN, NOW.date(), 1)

    async def fails(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    with structlog.testing.capture_logs() as lines:
        answers = [await form(http, url, foreign, SECRET), await form(http, url, sealed.report_number, SECRET)]
        monkeypatch.setattr(beijing.by_code, "verify_by_code", fails)
        answers.append(await form(http, url, sealed.report_number, SECRET))

    assert [response.status for response, _ in answers] == [503, 200, 500]
    assert lines
    assert not [line for line in lines if line.get("exc_info")], "a logged exception shows variables"
    assert SECRET not in repr(lines) + "".join(page.source for _, page in answers)
