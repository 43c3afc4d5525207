"""To ask for a report on the pages, and to see how it gets on: over HTTP, at a real gateway, provinces answer when told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any, Final

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from contract.catalogue import PENALTY, published_catalogues
from contract.days import DayRange, china_day
from contract.outcome import Question
from contract.province import Province
from contract.registry import Registration
from gateway.portal.sections.applying_choices import OFFERED_PURPOSES, Choices, period
from gateway.portal.sections.applying_progress import progress_of
from gateway.portal.words import PURPOSES
from gateway.store import tables
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, query_pb2
from huren.report.v1 import report_service_pb2 as wire
from tests.support.desks import Desk, Page, desk
from tests.support.federation import Federation, registry_entry
from tests.support.people import ENTERPRISE, NAME, OTHER, Founding, Lobby, silent

HOSTILE: Final = '"><script>alert(1)</script>'
LATE: Final = Province.HEBEI
VERDICTS: Final = ("未查询到", "查询到", "结论", "条记录", "未纳入")


@pytest.fixture
async def legal(lobby: Lobby) -> Desk:
    return await desk(lobby, await lobby.person("legal", represents=[ENTERPRISE]), ENTERPRISE)


class Held:
    """A province that has the question and answers when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, federation: Federation, question: Question) -> bytes:
        self.asked.set()
        await self.may_answer.wait()
        return federation.answer(question)


@asynccontextmanager
async def at_work(lobby: Lobby) -> AsyncGenerator[None]:
    """The gateway's worker, for the time of the block."""
    work = asyncio.create_task(lobby.live.services.worker.run())
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def today(lobby: Lobby) -> date:
    return china_day(lobby.live.federation.now)


def chosen(lobby: Lobby, **changes: Any) -> dict[str, Any]:
    """The form as it comes, with changes."""
    catalogue = lobby.live.federation.catalogues.in_force(today(lobby))
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in Choices.default(catalogue, today(lobby)).fields():
        fields[name] = (*fields.get(name, ()), value)
    return {**fields, **changes}


def sent_on(page: Page) -> dict[str, list[str]]:
    """What the preview hands in."""
    form = re.search(r'<form class="action" method="post" action="[^"]*/requests">.*?</form>', page.html, re.DOTALL)
    assert form, page.text
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form.group()):
        fields.setdefault(name, []).append(value)
    del fields["csrf"]
    return fields


async def handed_in(at: Desk, **changes: Any) -> str:
    """受理编号 of a request that was begun on the pages."""
    page = await at.send("preview", chosen(at.lobby, **changes))
    assert page.status == 200, page.text
    done = await at.send("submit", sent_on(page))
    assert done.status == 303, done.text
    return done.location.rpartition("/")[2]


async def fragment(at: Desk, request: str, query: str = "") -> Page:
    """What htmx fetches."""
    lobby = at.lobby
    path = at.at("request", request=request) + query
    headers = {"Cookie": f"__Host-huren-session={at.actor.cookie}", "HX-Request": "true"}
    answer = await lobby.send(at.actor, "GET", path, headers=headers)
    told = dict(answer.headers)
    return Page(status=answer.status, location="", html=answer.body.decode(), headers=told, body=answer.body)


async def until(at: Desk, request: str, holds: Callable[[Page], bool]) -> Page:
    """The fragment as soon as something holds of it."""
    async with asyncio.timeout(60):
        while not holds(page := await fragment(at, request)):  # noqa: ASYNC110  # as the page does
            await asyncio.sleep(0.02)
    return page


def states(page: Page) -> dict[str, str]:
    """How each province stands."""
    found = re.findall(
        r"<p class=\"province-name\">([^<]*)</p>\s*<p class=\"province-state\"><span class=\"status[^>]*>([^<]*)<",
        page.html,
    )
    return dict(found)


# --- The whole way ---------------------------------------------------------------------------------------------------------


async def test_from_the_form_to_the_report_in_two_forms(lobby: Lobby, legal: Desk) -> None:
    form = await legal.open("apply")
    assert form.status == 200
    assert len(form.ticked("domains")) == 17
    assert form.ticked("kinds") == {"1", "2"}
    preview = await legal.send("preview", chosen(lobby, purpose=str(query_pb2.PURPOSE_TENDER)))
    assert "这份报告将证明什么" in preview.text
    assert NAME in preview.text
    assert "招投标" in preview.text
    assert "免费" in preview.text
    assert not await lobby.live.rows(tables.requests), "nobody asked for anything yet"
    done = await legal.send("submit", sent_on(preview))
    request = done.location.rpartition("/")[2]
    asked = await legal.open("request", request=request)
    assert states(asked) == dict.fromkeys((one.name_zh for one in Province), "正在查询")
    async with at_work(lobby):
        redirected = await until(legal, request, lambda page: "HX-Redirect" in page.headers)
    (report,) = await lobby.live.rows(tables.reports)
    assert redirected.headers["HX-Redirect"] == legal.at("report", report=report["report_number"])
    shown = await legal.open("request", request=request)
    assert "查看报告" in shown.text
    assert legal.at("report", report=report["report_number"]) in shown.html
    assert "hx-get" not in shown.html
    assert "已出具报告" in (await legal.open("requests")).text
    (stored,) = await lobby.live.rows(tables.requests)
    assert (stored["purpose"], stored["channel"]) == (query_pb2.PURPOSE_TENDER, common_pb2.CHANNEL_WEB)


async def test_two_clicks_are_one_request_and_two_previews_are_two(lobby: Lobby, legal: Desk) -> None:
    preview = await legal.send("preview", chosen(lobby))
    first, second = await asyncio.gather(*(legal.send("submit", sent_on(preview)) for _ in range(2)))
    assert first.status == second.status == 303
    assert first.location == second.location
    assert len(await lobby.live.rows(tables.requests)) == 1
    assert await handed_in(legal) not in first.location


async def test_a_click_after_the_report_leads_to_the_report(lobby: Lobby, legal: Desk) -> None:
    preview = await legal.send("preview", chosen(lobby))
    done = await legal.send("submit", sent_on(preview))
    async with at_work(lobby):
        await until(legal, done.location.rpartition("/")[2], lambda page: "HX-Redirect" in page.headers)
    again = await legal.send("submit", sent_on(preview))
    (report,) = await lobby.live.rows(tables.reports)
    assert again.location == legal.at("report", report=report["report_number"])


async def test_what_was_shown_is_what_is_asked_for_also_after_midnight(lobby: Lobby, legal: Desk) -> None:
    preview = await legal.send("preview", chosen(lobby, window="1"))
    shown = sent_on(preview)
    lobby.live.federation.now += timedelta(days=1)
    later = await desk(lobby, await lobby.person("legal", represents=[ENTERPRISE]), ENTERPRISE)
    done = await later.send("submit", shown)
    assert done.status == 303, done.text
    (stored,) = await lobby.live.rows(tables.requests)
    assert [stored["first_day"], stored["last_day"]] == shown["window.first_day"] + shown["window.last_day"]


# --- What is wrong with what was filled in ---------------------------------------------------------------------------------


FAULTS: Final[tuple[tuple[dict[str, Any], str, str], ...]] = (
    ({"window.first_day": "2026-13-40"}, "window.first_day", "没有这一天"),
    ({"window.last_day": "22.11.2026"}, "window.last_day", "没有这一天"),
    ({"window.last_day": ""}, "window.last_day", "没有这一天"),
    ({"window.last_day": "2020-01-01"}, "window", "起始日期晚于截止日期"),
    ({"window.last_day": "2031-01-01"}, "window.last_day", "不能晚于今天"),
    ({"window.first_day": "2015-01-01"}, "window", "最长为5年"),
    ({"domains": []}, "domains", "没有可以查询的内容"),
    ({"kinds": []}, "kinds", "没有可以查询的内容"),
    ({"domains": ["nowhere"]}, "domains", "事项清单中没有领域"),
    ({"domains": ["transport"], "kinds": ["2"]}, "kinds", "没有可以查询的内容"),
)
"""What is filled in, the field that it is told at, and what is told."""


async def test_a_fault_is_told_on_the_form_and_nothing_filled_in_is_lost(lobby: Lobby, legal: Desk) -> None:
    own = {"window": "own", "window.first_day": "2023-01-01", "window.last_day": "2024-12-31", "domains": ["taxation"]}
    for changes, field, says in FAULTS:
        filled = chosen(lobby, purpose=str(query_pb2.PURPOSE_FINANCING), **(own | changes))
        page = await legal.send("preview", filled)
        assert page.status == 400, changes
        assert says in page.text
        assert f'href="#field-{field}"' in page.html
        assert f'id="field-{field}"' in page.html
        assert page.value("window.first_day") == filled["window.first_day"]
        assert page.value("window.last_day") == filled["window.last_day"]
        assert page.ticked("domains") == set(filled["domains"]) - {"nowhere"}
        assert page.ticked("kinds") == set(filled["kinds"])
        assert 'id="window-own" value="own" checked' in page.html
        assert f'<option value="{query_pb2.PURPOSE_FINANCING}" selected>' in page.html


async def test_back_from_the_preview_everything_is_still_there(legal: Desk) -> None:
    page = await legal.open(
        "apply",
        "?window=own&window.first_day=2023-01-01&window.last_day=2024-12-31&domains=taxation&domains=transport&kinds=1&purpose=3",
    )
    assert page.value("window.first_day") == "2023-01-01"
    assert page.ticked("domains") == {"taxation", "transport"}
    assert page.ticked("kinds") == {"1"}


async def test_what_is_hostile_is_shown_as_text_or_refused(lobby: Lobby, legal: Desk) -> None:
    own = {"window": "own", "window.first_day": HOSTILE, "window.last_day": HOSTILE}
    for page in (
        await legal.send("preview", chosen(lobby, **own)),
        await legal.send("preview", chosen(lobby, domains=[HOSTILE])),
        await legal.open("apply", f"?window=own&window.first_day={HOSTILE}&domains={HOSTILE}".replace('"', "%22")),
        await legal.send("submit", {**chosen(lobby), "idempotency_key": HOSTILE, "catalogue_version": ""}),
        await legal.send("preview", chosen(lobby, window=HOSTILE)),
        await legal.send("preview", chosen(lobby, purpose=str(query_pb2.PURPOSE_OFFICIAL_DUTY))),
    ):
        assert "<script>alert" not in page.html
    assert not await lobby.live.rows(tables.requests)


@pytest.mark.parametrize("name", ["preview", "submit"])
async def test_without_the_token_of_the_session_nothing_is_done(lobby: Lobby, legal: Desk, name: str) -> None:
    page = await legal.send(name, {**chosen(lobby), "idempotency_key": "12345678", "csrf": "another"})
    assert page.status == 403
    assert not await lobby.live.rows(tables.requests)


# --- What is said before anybody is asked ----------------------------------------------------------------------------------


async def test_what_is_not_covered_is_said_before(lobby: Lobby, legal: Desk) -> None:
    lobby.live.federation.not_covered = {LATE: frozenset({("taxation", PENALTY)})}
    page = await legal.send("preview", chosen(lobby))
    assert "尚未纳入互认，报告不作反映" in page.text
    assert re.search(r"河北省 · ?税务（行政处罚）|河北省\s*·税务（行政处罚）", page.text)
    without = await legal.send("preview", chosen(lobby, domains=["transport"]))
    assert "尚未纳入互认" not in without.text


async def test_a_period_that_begins_before_the_data_is_said_not_to_be_covered(lobby: Lobby, legal: Desk) -> None:
    own = {"window": "own", "window.first_day": "2011-01-01", "window.last_day": "2012-01-01"}
    page = await legal.send("preview", chosen(lobby, **own))
    covered = lobby.live.federation.coverage(LATE).coverage.cells
    assert all(entry.complete_from > "2011-01-01" for entry in covered)
    assert covered[0].complete_from in page.text
    assert "可缩短时段" in page.text


async def test_what_is_not_known_is_said_not_to_be_known(lobby: Lobby, legal: Desk) -> None:
    await lobby.live.provinces[LATE].stop()
    page = await legal.send("preview", chosen(lobby))
    assert "覆盖范围声明暂未取得" in page.text
    assert "四地均已纳入" not in page.text
    assert page.text.index("河北省") < page.text.index("覆盖范围声明暂未取得")


async def test_who_is_registered_elsewhere_is_sent_there_before_filling_anything_in(lobby: Lobby, legal: Desk) -> None:
    entry = registry_entry(ENTERPRISE, NAME)
    moved = (Registration(province=Province.HEBEI, since=entry.registrations[-1].since + timedelta(days=1)),)
    lobby.live.registry.entries[ENTERPRISE] = entry.model_copy(update={"registrations": moved})
    for page in (await legal.open("apply"), await legal.send("preview", chosen(lobby))):
        assert page.status == 421
        assert "河北省" in page.text
        assert not [link for link in re.findall(r'href="([^"]*)"', page.html) if ENTERPRISE in link]
        assert 'name="domains"' not in page.html


# --- While it is open ------------------------------------------------------------------------------------------------------


async def test_provinces_are_seen_as_they_answer_and_nothing_of_what_they_said(lobby: Lobby, legal: Desk) -> None:
    held = lobby.live.provinces[LATE].behaviour = Held()
    request = await handed_in(legal)
    async with at_work(lobby):
        await held.asked.wait()
        page = await until(legal, request, lambda page: list(states(page).values()).count("已反馈") == 3)
        assert states(page)[LATE.name_zh] == "正在查询"
        assert "<html" not in page.html, "a part of the page"
        assert 'hx-swap-oob="innerHTML:#spoken"' in page.html
        for verdict in VERDICTS:
            assert verdict not in re.sub("查询结果在报告出具时一并给出", "", page.text), verdict
        seen = re.search(r"\?seen=([0-9a-f]+)", page.html)
        assert seen
        assert (await fragment(legal, request, f"?seen={seen[1]}")).status == 204, "nothing is new"
        whole = await legal.open("request", request=request)
        assert states(whole) == states(page)
        assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in whole.html
        assert 'role="status" aria-live="polite"' in whole.html
        assert legal.at("request", request=request) in whole.html, "to refresh by hand"
        held.may_answer.set()
        await until(legal, request, lambda page: "HX-Redirect" in page.headers)


async def test_who_has_not_answered_is_named_with_reason_what_follows_and_until_when(lobby: Lobby, legal: Desk) -> None:
    lobby.live.provinces[LATE].behaviour = silent
    request = await handed_in(legal)
    async with at_work(lobby):
        await until(legal, request, lambda page: "待反馈" in states(page).values())
    page = await legal.open("request", request=request)
    assert states(page) == dict.fromkeys((one.name_zh for one in Province), "已反馈") | {LATE.name_zh: "待反馈"}
    assert "系统将自动再次查询" in page.text
    assert "系统默认（未经确认）" in page.text
    assert "下次查询不晚于" in page.text
    assert "12345" in page.text
    assert "免费" in page.text


async def test_a_page_does_not_look_for_ever(lobby: Lobby, legal: Desk) -> None:
    lobby.live.provinces[LATE].behaviour = silent
    request = await handed_in(legal)
    async with at_work(lobby):
        await until(legal, request, lambda page: "待反馈" in states(page).values())
    lobby.live.federation.now += timedelta(minutes=11)
    page = await legal.open("request", request=request)
    assert "hx-get" not in page.html
    assert "refresh" not in page.html
    assert "本页不再自动更新" in page.text


def part_answer(reason: fragment_pb2.UnavailableReason.ValueType, gap: wire.GapKind.ValueType) -> wire.OpenRequest:
    key = common_pb2.CellKey(domain="taxation", kind=common_pb2.RECORD_KIND_PENALTY)
    status = wire.ProvinceStatus(
        province=LATE.wire,
        progress=wire.PROVINCE_PROGRESS_ANSWERED_IN_PART,
        gaps=[wire.CellGap(key=key, reason=reason)],
        gap_kind=gap,
    )
    at = Timestamp(seconds=1_795_000_000)
    return wire.OpenRequest(provinces=[status], accepted_at=at, completion_until=at, next_attempt_at=at)


@pytest.mark.parametrize(
    "reason",
    [
        fragment_pb2.UNAVAILABLE_REASON_UNREADABLE,
        fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT,
        fragment_pb2.UNAVAILABLE_REASON_UNATTRIBUTABLE_ROWS,
        fragment_pb2.UNAVAILABLE_REASON_CORRECTION_CONTRADICTED,
    ],
)
def test_what_may_come_of_the_subject_s_records_is_told_to_the_subject_alone(
    reason: fragment_pb2.UnavailableReason.ValueType,
) -> None:
    at = Timestamp(seconds=1_795_000_000).ToDatetime(tzinfo=None).astimezone()
    request = part_answer(reason, wire.GAP_KIND_NEEDS_ORIGIN)

    def line(*, own: bool) -> Any:
        lines = progress_of(request, own=own, catalogues=published_catalogues(), at=at).lines
        return next(one for one in lines if one.province is LATE)

    assert "待核对" in line(own=True).why[0].words.zh
    assert line(own=True).why[0].domain == "税务"
    plain = part_answer(fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT, wire.GAP_KIND_TRANSIENT)
    told = line(own=False)
    assert (told.why[0].words.zh, told.why[0].domain) == ("部分事项未反馈", "")
    request = plain
    assert line(own=False).next == told.next, "what follows does not tell it either"
    assert line(own=False).state == told.state


async def test_it_is_withdrawn_once_and_for_all(lobby: Lobby, legal: Desk) -> None:
    request = await handed_in(legal)
    done = await legal.send("cancel_request", {}, request=request)
    assert done.location == legal.at("request", request=request)
    page = await legal.open("request", request=request)
    assert "未出具报告" in page.text
    assert "没有出具报告不说明有无记录" in page.text
    assert legal.at("apply") in page.html
    assert (await fragment(legal, request)).headers["HX-Refresh"] == "true"
    async with at_work(lobby):
        assert (await legal.send("cancel_request", {}, request=request)).status == 303
    assert not await lobby.live.rows(tables.reports)
    assert not any(state.received for state in lobby.live.provinces.values())


async def test_the_progress_sheet_is_had_while_it_is_open(legal: Desk) -> None:
    request = await handed_in(legal)
    sheet = await legal.open("progress_sheet", request=request)
    assert sheet.body.startswith(b"%PDF")
    assert "attachment" in sheet.headers["Content-Disposition"]
    await legal.send("cancel_request", {}, request=request)
    assert (await legal.open("progress_sheet", request=request)).status == 409


# --- Whose it is -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["request", "progress_sheet", "cancel_request"])
async def test_another_enterprise_s_request_is_not_there(lobby: Lobby, legal: Desk, name: str) -> None:
    request = await handed_in(legal)
    other = await desk(lobby, await lobby.person("other", represents=[OTHER]), OTHER)

    async def tried(number: str) -> Page:
        if name == "cancel_request":
            return await other.send(name, {}, request=number)
        return await other.open(name, request=number)

    theirs, nobodys = await tried(request), await tried("0" * 32)
    assert theirs.status == nobodys.status == 404
    assert theirs.text == nobodys.text
    assert NAME not in theirs.html
    assert "还没有办件" in (await other.open("requests")).text
    assert [row["state"] for row in await lobby.live.rows(tables.requests)] == ["OPEN"]


async def test_another_person_s_handle_opens_nothing(lobby: Lobby, legal: Desk) -> None:
    stranger = await lobby.person("stranger", represents=[OTHER])
    page = await Desk(lobby=lobby, actor=stranger, handle=legal.handle).open("apply")
    assert page.status == 403
    assert NAME not in page.html


async def test_an_agent_asks_and_the_representative_sees_it(lobby: Lobby, legal: Desk) -> None:
    agent = await lobby.person("agent")
    await Founding(lobby).confirm(agent, ["report"])
    request = await handed_in(await desk(lobby, agent, ENTERPRISE))
    assert (await legal.open("request", request=request)).status == 200
    assert request[:8] in (await legal.open("requests")).text


# --- Once more -------------------------------------------------------------------------------------------------------------


async def report_of(lobby: Lobby, at: Desk, **changes: Any) -> str:
    request = await handed_in(at, **changes)
    async with at_work(lobby):
        page = await until(at, request, lambda page: "HX-Redirect" in page.headers)
    return page.headers["HX-Redirect"].rpartition("/")[2]


async def test_a_report_is_asked_for_once_more_as_before(lobby: Lobby, legal: Desk) -> None:
    number = await report_of(lobby, legal, window="3", domains=["taxation"], kinds=["1"], purpose="3")
    page = await legal.open("apply", f"?from={number}")
    assert 'id="window-3" value="3" checked' in page.html
    assert page.ticked("domains") == {"taxation"}
    assert page.ticked("kinds") == {"1"}
    assert '<option value="3" selected>' in page.html
    assert number in page.text


async def test_only_the_enterprise_s_own_reports_fill_the_form(lobby: Lobby, legal: Desk) -> None:
    number = await report_of(lobby, legal)
    other = await desk(lobby, await lobby.person("other", represents=[OTHER]), OTHER)
    for asked in (number, "HR112026112200000099U", HOSTILE.replace('"', "%22")):
        page = await other.open("apply", f"?from={asked}")
        assert page.status == 404
        assert "<script>alert" not in page.html


# --- 我的办件 --------------------------------------------------------------------------------------------------------------


def listed(page: Page) -> list[str]:
    return re.findall(r'<th scope="row"[^>]*><a href="[^"]*/requests/([0-9a-f]{32})"', page.html)


async def test_the_list_comes_in_pages_filtered_and_sorted(lobby: Lobby, legal: Desk) -> None:
    made = []
    for _ in range(23):
        made.append(await handed_in(legal, domains=["taxation"]))
        lobby.live.federation.now += timedelta(seconds=1)
    await legal.send("cancel_request", {}, request=made[0])
    newest = list(reversed(made))
    first = await legal.open("requests")
    assert listed(first) == newest[:20]
    following = re.search(r'href="[^"]*(\?[^"]*after=[0-9a-f]{32})"', first.html)
    assert following
    assert listed(await legal.open("requests", following[1].replace("&amp;", "&"))) == newest[20:]
    oldest = await legal.open("requests", "?sort=at")
    assert listed(oldest) == made[:20]
    following = re.search(r'href="[^"]*(\?[^"]*after=[0-9a-f]{32})"', oldest.html)
    assert following
    assert listed(await legal.open("requests", following[1].replace("&amp;", "&"))) == made[20:]
    ended = await legal.open("requests", "?state=ended")
    assert listed(ended) == made[:1]
    assert "已撤回申请" in ended.text
    assert made[0] not in listed(await legal.open("requests", "?state=open&sort=at"))
    assert "没有符合条件的内容" in (await legal.open("requests", "?state=issued")).text
    assert (await legal.open("requests", f"?after={HOSTILE}&state={HOSTILE}".replace('"', "%22"))).status == 200


async def test_who_acts_for_one_goes_to_its_requests_and_who_acts_for_two_chooses(lobby: Lobby, legal: Desk) -> None:
    one = await lobby.send(
        legal.actor, "GET", "/progress", headers={"Cookie": f"__Host-huren-session={legal.actor.cookie}"}
    )
    assert dict(one.headers)["Location"] == legal.at("requests")
    both = await lobby.person("both", represents=[ENTERPRISE, OTHER])
    two = await lobby.send(both, "GET", "/progress", headers={"Cookie": f"__Host-huren-session={both.cookie}"})
    assert dict(two.headers)["Location"] == "/enterprises?to=requests"


# --- In English ------------------------------------------------------------------------------------------------------------


async def test_in_english_no_chinese_stands_unmarked(lobby: Lobby, legal: Desk) -> None:
    lobby.live.provinces[LATE].behaviour = silent
    lobby.live.federation.not_covered = {Province.TIANJIN: frozenset({("taxation", PENALTY)})}
    request = await handed_in(legal)
    async with at_work(lobby):
        await until(legal, request, lambda page: "待反馈" in states(page).values())
    english = Desk(lobby=lobby, actor=legal.actor, handle=legal.handle, look="en.auto.normal")
    pages = [
        await english.open("apply"),
        await english.send("preview", chosen(lobby)),
        await english.send("preview", chosen(lobby, domains=[])),
        await english.open("request", request=request),
        await english.open("requests"),
    ]
    await legal.send("cancel_request", {}, request=request)
    pages.append(await english.open("request", request=request))
    for page in pages:
        stray = [text for text in page.stray_chinese if not text.startswith("中文")]
        assert not stray


# --- Choices ---------------------------------------------------------------------------------------------------------------


@given(day=st.dates(min_value=date(2010, 1, 1), max_value=date(2090, 12, 31)))
def test_no_offered_period_is_refused_and_the_longest_is_the_longest(day: date) -> None:
    for years in ("1", "3", "5"):
        offered = period(years, day)
        assert offered.within_limit
        assert offered.last == day
    assert period("5", day) == DayRange.longest(day)


def test_nobody_but_officers_asks_on_duty() -> None:
    assert query_pb2.PURPOSE_OFFICIAL_DUTY not in OFFERED_PURPOSES
    assert set(OFFERED_PURPOSES) <= set(PURPOSES)
