from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from cli.layout import Layout
from cli.settings_files import write_announcements
from contract.days import CHINA, china_day
from contract.province import Province
from gateway.config import PortalSettings
from gateway.federation.directory import FixedDirectory, Member
from gateway.portal.announcements import (
    Announcement,
    AnnouncementsError,
    FixedAnnouncements,
    LiveAnnouncements,
    Maintenance,
    announcements_json,
    planned_maintenance,
    read_announcements,
)
from gateway.portal.parts import SiteFacts
from gateway.portal.sections.public_questions import GROUPS
from gateway.portal.site import PAGES
from runtime.http_server import serve_http
from sandbox.pki import PKI
from tests.support.federation import Federation
from tests.support.live import LOOPBACK, Live, live_federation
from tests.support.people import ORIGIN, open_lobby

TEXTS: Final = (
    *("home", "guide", "questions", "receivers", "objections", "status", "contact"),
    *("statement", "privacy", "accessibility", "design"),
)
NOON: Final = datetime(2026, 11, 22, 4, tzinfo=UTC)
TODAY: Final = date(2026, 11, 22)

HOSTILE: Final = "<script>alert(1)</script>\" onload='x"


@dataclass
class Read:
    """A page as a browser got it."""

    status: int
    text: str
    headers: Any


class Site:
    """The public address of a gateway."""

    def __init__(self, http: aiohttp.ClientSession, base: str, live: Live) -> None:
        self._http = http
        self._base = base
        self.live = live

    async def get(self, path: str, look: str = "zh.auto.normal") -> Read:
        headers = {"Cookie": f"__Host-huren-look={look}"}
        async with self._http.get(self._base + path, headers=headers, allow_redirects=False) as response:
            return Read(response.status, await response.text(), response.headers)

    async def page(self, name: str, look: str = "zh.auto.normal") -> str:
        read = await self.get(PAGES[name].path, look)
        assert read.status == 200, (name, read.text)
        return read.text

    async def change_look(self, **fields: str) -> Read:
        async with self._http.post(
            self._base + "/look", data=fields, headers={"Origin": ORIGIN}, allow_redirects=False
        ) as response:
            return Read(response.status, await response.text(), response.headers)


Opener = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture
def opened(pki: PKI, tmp_path: Path) -> Opener:
    """Opens the pages of Beijing's gateway, where nobody can log in. `now` and fields of its parts may be given."""

    @asynccontextmanager
    async def opened(now: datetime | None = None, **further: Any) -> AsyncIterator[Site]:
        federation = Federation(now=now or datetime.now(UTC).replace(microsecond=0))
        async with (
            live_federation(pki, tmp_path, federation, further=further) as live,
            serve_http(live.services.public, LOOPBACK) as base,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        ):
            yield Site(http, base, live)

    return opened


@asynccontextmanager
async def with_people(pki: PKI, folder: Path) -> AsyncIterator[Site]:
    async with open_lobby(pki, folder) as lobby:
        yield Site(lobby.http, lobby.base, lobby.live)


class Outline(HTMLParser):
    """What stands on a page: headings, ids, links, and Chinese outside what is marked as Chinese."""

    _VOID: Final = frozenset({"meta", "link", "img", "input", "br", "col", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.unmarked: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        marked = given["lang"].startswith("zh") if "lang" in given else bool(self._open and self._open[-1][1])
        if not marked:
            self.unmarked += [
                value for name, value in given.items() if name != "value" and re.search(r"[\u4e00-\u9fff]", value)
            ]
        if tag not in self._VOID:
            self._open.append((tag, marked))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self._VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._VOID:
            assert self._open.pop()[0] == tag, f"</{tag}> closes another"

    def handle_data(self, data: str) -> None:
        if not (self._open and self._open[-1][1]) and re.search(r"[\u4e00-\u9fff]", data):
            self.unmarked.append(data.strip())


def announcement(name: str = "one", **changes: Any) -> Announcement:
    words: dict[str, Any] = {
        "id": name,
        "published": TODAY,
        "title_zh": f"公告{name}",
        "title_en": f"Announcement {name}",
        "paragraphs_zh": (f"内容{name}",),
        "paragraphs_en": (f"About {name}",),
    }
    return Announcement(**(words | changes))


# --- Every page -------------------------------------------------------------------------------------------------------


async def _reads_well(site: Site) -> None:
    pages = {name: {look: await site.page(name, f"{look}.auto.normal") for look in ("zh", "en")} for name in TEXTS}
    outlines = {
        (name, look): Outline(text) for name, in_languages in pages.items() for look, text in in_languages.items()
    }
    for (name, look), outline in outlines.items():
        text = pages[name][look]
        assert outline.tags.count("h1") == 1, name
        assert ('<nav class="crumbs"' in text) == (name != "home"), name
        assert f'<html lang="{"zh-CN" if look == "zh" else "en"}"' in text
        content = text.partition("<main")[2].partition("</main>")[0]
        assert ("免费" if look == "zh" else "free of charge") in content.replace("Free", "free"), name
        assert len(set(outline.ids)) == len(outline.ids), name
        assert look == "zh" or outline.unmarked == [], name
    _anchors_exist({PAGES[name].path: outlines[name, "zh"] for name in TEXTS})


def _anchors_exist(outlines: dict[str, Outline]) -> None:
    lost = [
        (path, link)
        for path, outline in outlines.items()
        for link in outline.links
        for target, _, anchor in [link.partition("#")]
        if anchor and (target or path) in outlines and anchor not in outlines[target or path].ids
    ]
    assert lost == []


async def test_every_page_reads_well_where_nobody_can_log_in(opened: Opener) -> None:
    async with opened(NOON, announcements=FixedAnnouncements((announcement(),))) as site:
        await _reads_well(site)
        home = await site.page("home")
        questions = await site.page("questions")

    assert "/auth/login" not in home
    assert 'href="/mandates"' not in questions
    assert 'href="/progress"' not in questions + home


async def test_every_page_reads_well_where_people_log_in(pki: PKI, tmp_path: Path) -> None:
    async with with_people(pki, tmp_path) as site:
        await _reads_well(site)
        home = await site.page("home")
        questions = await site.page("questions")

    assert "/auth/login" in home
    assert 'href="/mandates"' in questions


async def test_the_first_page_begins_with_the_four_things_that_people_come_for(pki: PKI, tmp_path: Path) -> None:
    async with with_people(pki, tmp_path) as site:
        home = await site.page("home")

    labels = re.findall(r'<a class="button[^"]*" href="([^"]+)">([^<]+)</a>', home.partition("<main")[2])
    assert labels[:4] == [
        ("/enterprises?to=apply", "申请报告"),
        ("/verify", "核验报告"),
        ("/progress", "办理进度"),
        ("/objections", "异议与修复"),
    ]


def test_twenty_questions_with_anchors_of_their_own() -> None:
    questions = [one for group in GROUPS for one in group.questions]
    anchors = [one.anchor for one in questions] + [group.anchor for group in GROUPS]

    assert len(questions) == 20
    assert len(set(anchors)) == len(anchors)
    assert {name for one in questions for name in one.pages} <= set(PAGES)


async def test_the_design_page_shows_every_token_and_uses_every_macro(opened: Opener) -> None:
    root = Path(__file__).parents[3] / "gateway" / "portal"
    style = (root / "static" / "portal.css").read_text("utf-8")
    tokens = re.findall(r"(--[a-z0-9-]+):", style.partition(":root {")[2].partition("}")[0])
    macros = re.findall(r"{% macro (\w+)\(", (root / "templates" / "macros.html").read_text("utf-8"))
    template = (root / "templates" / "public" / "design.html").read_text("utf-8")
    async with opened() as site:
        design = await site.page("design")
        sorted_down = await site.get("/design?sort=day")

    assert [name for name in tokens if f"<code>{name}</code>" not in design] == []
    assert [
        found for found in re.findall(r'class="swatch (swatch-[a-z-]+)"', design) if f".{found} " not in style
    ] == []
    assert [name for name in macros if f"ui.{name}(" not in template] == []
    assert 'aria-sort="ascending"' in sorted_down.text


# --- What the province says of itself -----------------------------------------------------------------------------------


async def test_what_a_province_says_of_its_site_stands_there_and_only_web_addresses_become_links(
    opened: Opener,
) -> None:
    facts = {"operator": HOSTILE, "site_code": "1100000000", "icp": "示例备案0号（演示）"}
    async with opened(site=SiteFacts(own_report_url="https://own.example/", **facts)) as site:
        home = await site.page("home")
        statement = await site.page("statement")
    async with opened(site=SiteFacts(own_report_url="javascript:alert(1)")) as site:
        elsewhere = await site.page("home")

    assert '<a href="https://own.example/" rel="noreferrer">' in home
    assert "1100000000" in home
    assert "示例备案0号" in home
    assert "<script>alert" not in home + statement
    assert "&lt;script&gt;" in statement
    assert "javascript:" not in elsewhere


async def test_offices_are_named_with_window_and_hours_and_hostile_entries_are_texts(opened: Opener) -> None:
    members = {
        province: Member(
            province=province,
            adapter="127.0.0.1:9",
            adapter_name="adapter.example",
            unit=f"{province.name_zh}示例单位",
            telephone="" if province is Province.HEBEI else HOSTILE,
            address="" if province is Province.HEBEI else f"示例路{province}号",
            hours="" if province is Province.HEBEI else "工作日（演示）",
            url="javascript:alert(1)",
            verification_url=f"https://{province.slug}.example",
        )
        for province in Province
    }
    async with opened(directory=FixedDirectory(members)) as site:
        pages = [await site.page(name) for name in ("contact", "receivers", "objections")]

    contact = pages[0]
    assert all("<script>alert" not in page and "javascript:" not in page for page in pages)
    assert "示例路11号" in contact
    assert 'href="https://shanxi.example"' in contact
    assert contact.count("未提供") == 3
    assert 'href="https://hebei.example/verify"' in pages[1]


@pytest.mark.parametrize(
    ("province", "label"),
    [
        pytest.param(Province.BEIJING, "法定期限", id="beijing"),
        pytest.param(Province.SHANXI, "系统默认（未经确认）", id="no-source"),
    ],
)
async def test_the_deadline_of_an_objection_says_what_it_rests_on(
    opened: Opener, province: Province, label: str
) -> None:
    async with opened(province=province) as site:
        objections = await site.page("objections")

    row = objections.partition("自收到异议申请之日起7个工作日内")[2][:120]
    assert f'<span class="deadline-label">{label}</span>' in row
    assert f"{province.name_zh}信用主管部门" in objections


def test_settings_take_only_web_addresses_and_known_keys() -> None:
    assert PortalSettings(own_report_url="https://own.example/").announcements is None
    for wrong in ({"own_report_url": "javascript:alert(1)"}, {"surplus": "1"}, {"icp": "1" * 201}):
        with pytest.raises(ValueError, match="validation error"):
            PortalSettings.model_validate(wrong)


# --- Service status -----------------------------------------------------------------------------------------------------


async def test_a_province_that_does_not_answer_is_said_not_to(opened: Opener) -> None:
    async with opened() as site:
        usual = await site.page("home")
        status = await site.page("status")
    async with opened() as site:
        await site.live.provinces[Province.HEBEI].stop()
        home = await site.page("home")
        down = await site.page("status")

    assert "四地均正常反馈" in usual
    assert status.count("正常反馈</span>") == 4
    assert "河北暂未反馈" in home
    assert "其余正常" in home
    assert down.count("正常反馈</span>") == 3


async def test_announced_maintenance_stands_beside_what_is_seen_and_does_not_hide_it(opened: Opener) -> None:
    night = Maintenance(begins=datetime(2026, 11, 22, 22, tzinfo=CHINA), ends=datetime(2026, 11, 23, 0, tzinfo=CHINA))
    announced = FixedAnnouncements((announcement(provinces=(Province.HEBEI,), maintenance=night),))
    async with opened(NOON, announcements=announced) as site:
        at_noon = await site.page("home")
        at_noon_en = await site.page("home", "en.auto.normal")
        await site.live.provinces[Province.HEBEI].stop()
        site.live.federation.now = night.begins + timedelta(minutes=5)
        at_night = await site.page("status")
        site.live.federation.now = night.ends
        afterwards = await site.page("status")

    assert "河北今日22:00–24:00维护" in at_noon
    assert "Hebei maintenance 22:00–24:00" in at_noon_en
    assert "维护中" in at_night
    assert "维护中" not in afterwards
    assert "暂未反馈" in afterwards


# --- Announcements ------------------------------------------------------------------------------------------------------


async def test_announcements_are_texts(opened: Opener) -> None:
    hostile = announcement(title_zh=HOSTILE, title_en=HOSTILE, paragraphs_zh=(HOSTILE,), paragraphs_en=(HOSTILE,))
    async with opened(NOON, announcements=FixedAnnouncements((hostile,))) as site:
        pages = [await site.page(name, f"{look}.auto.normal") for name in ("home", "status") for look in ("zh", "en")]

    assert all("<script>alert" not in page and "&lt;script&gt;" in page for page in pages)


async def test_announcements_are_shown_from_their_day_to_their_last(opened: Opener) -> None:
    day = timedelta(days=1)
    announced = FixedAnnouncements(
        (
            announcement("older", published=TODAY - 3 * day),
            announcement("over", published=TODAY - 3 * day, until=TODAY - day),
            announcement("last-day", published=TODAY - 2 * day, until=TODAY),
            announcement("tomorrow", published=TODAY + day),
        )
    )
    async with opened(NOON, announcements=announced) as site:
        status = await site.page("status")
        home = await site.page("home", "en.auto.normal")
    async with opened(NOON) as site:
        empty = await site.page("status")

    assert re.findall(r'<article [^>]*id="([^"]+)"', status) == ["last-day", "older"]
    assert 'href="/status#older"' in home
    assert "Announcement older" in home
    assert "目前没有公告" in empty


def _write(path: Path, text: str, seconds: int) -> None:
    path.write_text(text, "utf-8")
    os.utime(path, (seconds, seconds))


def test_a_broken_file_leaves_what_was_announced(tmp_path: Path) -> None:
    path = tmp_path / "announcements.json"
    live = LiveAnnouncements(path)
    none = live.shown(NOON)
    _write(path, announcements_json([announcement("first")]), 1)
    first = live.shown(NOON)
    _write(path, '{"announcements": [', 2)
    broken = live.shown(NOON)
    path.unlink()
    gone = live.shown(NOON)
    _write(path, announcements_json([announcement("second")]), 3)
    second = live.shown(NOON)

    assert none == ()
    assert [one.id for one in first] == ["first"]
    assert broken == gone == first
    assert [one.id for one in second] == ["second"]


def _entry(**changes: Any) -> str:
    entry = json.loads(announcements_json([announcement()]))["announcements"][0]
    return json.dumps({"announcements": [entry | changes]})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{}", id="no-announcements"),
        pytest.param(announcements_json([announcement(), announcement()]), id="an-id-twice"),
        pytest.param(_entry(id='x" onload="y'), id="an-id-that-is-no-anchor"),
        pytest.param(_entry(surplus=1), id="an-unknown-key"),
        pytest.param(_entry(title_en=""), id="no-english"),
        pytest.param(_entry(paragraphs_zh=[]), id="no-text"),
        pytest.param(_entry(until="2026-11-21"), id="over-before-it-begins"),
        pytest.param(_entry(provinces=["elsewhere"]), id="a-province-nobody-knows"),
        pytest.param(
            _entry(maintenance={"begins": "2026-11-22T22:00:00", "ends": "2026-11-23T00:00:00"}), id="no-zone"
        ),
        pytest.param(
            _entry(maintenance={"begins": "2026-11-22T22:00:00+08:00", "ends": "2026-11-22T22:00:00+08:00"}),
            id="maintenance-of-no-time",
        ),
    ],
)
def test_refuses_what_are_no_announcements(tmp_path: Path, text: str) -> None:
    path = tmp_path / "announcements.json"
    path.write_text(text, "utf-8")
    with pytest.raises(AnnouncementsError, match=r"announcements\.json"):
        read_announcements(path)


def test_maintenance_of_all_four_is_told_on_each_of_its_days_until_it_is_over() -> None:
    begins = datetime(2026, 11, 22, 22, tzinfo=CHINA)
    planned = Maintenance(begins=begins, ends=begins + timedelta(hours=10))
    announced = FixedAnnouncements((announcement(maintenance=planned),))

    def told(at: datetime) -> list[Province]:
        return [province for province, _ in planned_maintenance(announced, at)]

    assert told(NOON) == list(Province)
    assert told(NOON - timedelta(days=1)) == []
    assert told(planned.ends - timedelta(seconds=1)) == list(Province)
    assert told(planned.ends) == []


def test_the_sandbox_announces_what_is_marked_as_invented(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_announcements(layout, china_day(NOON))
    announced = read_announcements(layout.site_announcements)

    assert len(announced) == 2
    assert all("（演示）" in one.title_zh for one in announced)
    assert [province for province, _ in planned_maintenance(FixedAnnouncements(announced), NOON)] == [Province.HEBEI]


# --- Display ------------------------------------------------------------------------------------------------------------


async def test_what_a_visitor_wishes_is_kept_and_comes_back(opened: Opener) -> None:
    async with opened() as site:
        changed = await site.change_look(language="en", back="/guide")
        cookie = changed.headers["Set-Cookie"]
        look = re.match(r"__Host-huren-look=([^;]+);", cookie)
        assert look is not None
        page = await site.page("guide", look[1])
        nonsense = await site.change_look(language="fr", theme="<b>", size="huge", back="/guide")

    assert (changed.status, changed.headers["Location"]) == (303, "/guide")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert '<html lang="en"' in page
    assert "__Host-huren-look=zh.auto.normal;" in nonsense.headers["Set-Cookie"]


ELSEWHERE: Final = (
    *("//evil.example/", "///evil.example/", "/\\evil.example/", "/\t\\evil.example/", "/\t/evil.example/"),
    *("/\n/evil.example/", "\\\\evil.example", "https://evil.example/", "javascript:alert(1)", "evil.example"),
    *("/guide?next=//evil.example", "/guide#x", "/a\r\nSet-Cookie: x=y", ""),
)
"""What browsers would take for another site, or what is no address of a page."""


async def test_nobody_is_sent_to_another_site(opened: Opener) -> None:
    async with opened() as site:
        told = [await site.change_look(theme="dark", back=back) for back in ELSEWHERE]

    assert [(one.status, one.headers["Location"]) for one in told] == [(303, "/")] * len(ELSEWHERE)
