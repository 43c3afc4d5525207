"""Paper mandates at the window: filed by one, confirmed by another, seen by their unit alone."""

from __future__ import annotations

import re
from datetime import timedelta

import aiohttp
import pytest

from contract.uscc import Uscc
from gateway.domain.persons import StaffRole
from tests.support.people import AT_WINDOW, ENTERPRISE, SCAN, Actor, Answer, Lobby, elsewhere, staff

CLERK, REVIEWER = StaffRole.WINDOW_CLERK, StaffRole.REVIEWER
NAME = "北京示例餐饮有限公司"


async def clerk(lobby: Lobby, name: str = "clerk") -> Actor:
    return await lobby.person(name, staff=staff(CLERK))


async def window(lobby: Lobby, actor: Actor, query: str = "", *, english: bool = False) -> Answer:
    look = "; __Host-huren-look=en.auto.normal" if english else ""
    headers = {"Cookie": f"__Host-huren-session={actor.cookie}{look}"}
    return await lobby.send(actor, "GET", f"/window{query}", headers=headers)


async def file(
    lobby: Lobby,
    actor: Actor,
    uscc: str = AT_WINDOW,
    *,
    scan: bytes = SCAN,
    media_type: str = "application/pdf",
    name: str = "scan.pdf",
    csrf: str | None = None,
) -> Answer:
    form = aiohttp.FormData()
    form.add_field("csrf", actor.csrf_token if csrf is None else csrf)
    form.add_field("uscc", uscc)
    form.add_field("file", scan, filename=name, content_type=media_type)
    return await lobby.send(actor, "POST", "/window", data=form)


async def act(lobby: Lobby, actor: Actor, mandate: str, what: str, **fields: str) -> Answer:
    return await lobby.send(actor, "POST", f"/window/{mandate}/{what}", data={"csrf": actor.csrf_token, **fields})


async def filed(lobby: Lobby, actor: Actor, uscc: Uscc = AT_WINDOW) -> str:
    assert (await file(lobby, actor, uscc)).status == 303
    return str(re.findall(r"/window/([0-9a-f]{32})/scan", main_of(await window(lobby, actor)))[0])


def main_of(answer: Answer) -> str:
    return answer.body.decode().split("<main", 1)[1].split("</main>", 1)[0]


def header(answer: Answer, name: str) -> str:
    return next((value for key, value in answer.headers if key == name), "")


async def test_it_takes_two_and_then_the_clerk_acts_until_it_is_ended(lobby: Lobby) -> None:
    first, second = await clerk(lobby), await clerk(lobby, "second")
    mandate = await filed(lobby, first)
    before = (await lobby.send(first, "GET", "/mandates")).body.decode()
    assert "为该企业办理" not in main_of(await window(lobby, first))
    assert "/e/" not in before

    assert (await act(lobby, second, mandate, "confirm", looked="yes")).status == 303

    text = main_of(await window(lobby, first))
    (path,) = re.findall(r'<a class="button" href="(/e/[0-9a-f]+)">为该企业办理</a>', text)
    assert (await lobby.send(first, "GET", path)).status == 200
    assert "为该企业办理" not in main_of(await window(lobby, second))  # whoever confirmed it does not act on it
    assert (await act(lobby, first, mandate, "end")).status == 303
    assert (await lobby.send(first, "GET", path)).status == 403
    assert "已结束" in main_of(await window(lobby, first))


async def test_a_clerk_does_not_confirm_their_own_paper(lobby: Lobby) -> None:
    first = await clerk(lobby)
    mandate = await filed(lobby, first)

    text = main_of(await window(lobby, first))
    answer = await act(lobby, first, mandate, "confirm", looked="yes")

    assert "由您登记，须请同事复核" in text
    assert "/confirm" not in text
    assert answer.status == 403
    assert "提出人不能复核" in main_of(answer)
    assert "为该企业办理" not in main_of(await window(lobby, first))


async def test_who_did_not_say_that_they_looked_confirms_nothing(lobby: Lobby) -> None:
    first, second = await clerk(lobby), await lobby.person("second", staff=staff(REVIEWER))
    mandate = await filed(lobby, first)

    answer = await act(lobby, second, mandate, "confirm")

    assert answer.status == 400
    assert "请先查看扫描件" in main_of(answer)
    assert "为该企业办理" not in main_of(await window(lobby, first))


@pytest.mark.parametrize("what", ["scan", "confirm", "end"])
async def test_another_unit_sees_and_does_nothing(lobby: Lobby, what: str) -> None:
    first, other = await clerk(lobby), await lobby.person("other", staff=elsewhere(CLERK))
    mandate = await filed(lobby, first)

    text = main_of(await window(lobby, other))
    if what == "scan":
        answer = await lobby.send(other, "GET", f"/window/{mandate}/scan")
    else:
        answer = await act(lobby, other, mandate, what, looked="yes")

    assert NAME not in text
    assert mandate not in text
    assert answer.status == 404
    assert "待复核" in main_of(await window(lobby, first))


@pytest.mark.parametrize("role", [StaffRole.OFFICER, None])
async def test_who_is_not_of_a_window_is_not_let_in(lobby: Lobby, role: StaffRole | None) -> None:
    actor = await lobby.person("somebody", staff=staff(role) if role else None, represents=[ENTERPRISE])

    assert (await window(lobby, actor)).status == 403
    assert (await file(lobby, actor)).status == 403


@pytest.mark.parametrize(
    ("scan", "media_type", "told"),
    [
        pytest.param(b"<html><script>alert(1)</script>", "text/html", "仅接受 PDF、JPEG 或 PNG 格式", id="html"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "仅接受", id="svg"),
        pytest.param(b"<html><script>", "application/pdf", "内容与所填格式不符", id="html said to be pdf"),
        pytest.param(b"%PDF-1.7", "image/png", "内容与所填格式不符", id="pdf said to be png"),
        pytest.param(b"", "application/pdf", "请选择委托书的扫描件", id="empty"),
        pytest.param(b"", "application/octet-stream", "请选择委托书的扫描件", id="none chosen"),
        pytest.param(b"%PDF-1.7", 'application/pdf"><script>', "仅接受", id="hostile type"),
    ],
)
async def test_what_is_no_scan_is_refused_and_the_rest_stays(
    lobby: Lobby, scan: bytes, media_type: str, told: str
) -> None:
    first = await clerk(lobby)

    answer = await file(lobby, first, scan=scan, media_type=media_type)
    text = main_of(answer)

    assert answer.status == 400
    assert told in text
    assert f'value="{AT_WINDOW}"' in text
    assert 'id="error-scan"' in text
    assert "<script>" not in text
    assert "没有待复核的委托书" in main_of(await window(lobby, first))


@pytest.mark.parametrize("name", ["../../etc/passwd", "a<script>.pdf", 'x".pdf', "委托书.pdf", "a\\b.pdf", "x" * 300])
async def test_the_name_of_a_file_goes_nowhere(lobby: Lobby, name: str) -> None:
    first = await clerk(lobby)
    assert (await file(lobby, first, name=name)).status == 303
    text = (await window(lobby, first)).body.decode()
    (mandate,) = set(re.findall(r"/window/([0-9a-f]{32})/scan", text))

    scan = await lobby.send(first, "GET", f"/window/{mandate}/scan")

    assert name not in text
    assert scan.body == SCAN
    assert header(scan, "Content-Disposition") == f'attachment; filename="{mandate}.pdf"'
    assert header(scan, "Content-Type") == "application/pdf"
    assert header(scan, "X-Content-Type-Options") == "nosniff"
    assert "default-src 'none'" in header(scan, "Content-Security-Policy")
    assert header(scan, "Cache-Control") == "no-store"


async def test_nothing_is_filed_without_the_token_of_the_session(lobby: Lobby) -> None:
    first = await clerk(lobby)

    assert (await file(lobby, first, csrf="x")).status == 403
    assert (await file(lobby, first, csrf="")).status == 403
    assert "没有待复核的委托书" in main_of(await window(lobby, first))


async def test_the_list_is_filtered_and_sorted_by_the_server_without_a_code_in_an_address(lobby: Lobby) -> None:
    first, second = await clerk(lobby), await clerk(lobby, "second")
    waiting = await filed(lobby, first)
    lobby.live.federation.now += timedelta(minutes=1)
    confirmed = await filed(lobby, first, ENTERPRISE)
    if confirmed == waiting:
        raise AssertionError("expected another paper")
    await act(lobby, second, confirmed, "confirm", looked="yes")

    def listed(answer: Answer) -> list[str]:
        table = main_of(answer).split('id="papers"', 1)[1]
        return re.findall(r"/window/([0-9a-f]{32})/scan", table)

    assert listed(await window(lobby, first)) == [confirmed, waiting]
    assert listed(await window(lobby, first, "?sort=filed")) == [waiting, confirmed]
    assert listed(await window(lobby, first, "?standing=in-force")) == [confirmed]
    assert listed(await window(lobby, first, "?standing=waits")) == [waiting]
    assert listed(await window(lobby, first, "?standing=<script>&sort=nothing")) == [confirmed, waiting]
    text = (await window(lobby, first)).body.decode()
    assert [code for code in (AT_WINDOW, ENTERPRISE) if re.search(rf'(href|action|src)="[^"]*{code}', text)] == []


async def test_a_paper_of_yesterday_counts_no_more(lobby: Lobby) -> None:
    first, second = await clerk(lobby), await clerk(lobby, "second")
    mandate = await filed(lobby, first)
    await act(lobby, second, mandate, "confirm", looked="yes")
    lobby.live.federation.now += timedelta(days=1)

    text = main_of(await window(lobby, await clerk(lobby)))

    assert "已过当日" in text
    assert "为该企业办理" not in text


async def test_who_comes_to_the_window_logs_in_by_its_channel(lobby: Lobby) -> None:
    answer = await lobby.send(Actor(), "GET", "/window")

    assert answer.status == 303
    assert header(answer, "Location") == "/auth/login?channel=WINDOW&return_to=%2Fwindow"
    assert "channel=WINDOW" in main_of(await window(lobby, await clerk(lobby)))


async def test_the_page_is_told_in_english_too(lobby: Lobby) -> None:
    first = await clerk(lobby)
    await filed(lobby, first)

    text = main_of(await window(lobby, first, english=True))

    assert "Waits for a colleague" in text
    assert re.findall(r"[一-鿿]+", re.sub(r'<span lang="zh-CN">.*?</span>', "", text)) == []
