"""Terminals, logging out, and where one is logged in: over HTTP, at a real gateway."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from contract.uscc import Uscc
from gateway.identity.tokens import IdToken, PersonClaims
from huren.common.v1 import common_pb2
from tests.support.people import ENTERPRISE, HIGH, ORIGIN, Actor, Answer, Lobby

TERMINAL = common_pb2.CHANNEL_TERMINAL


async def sits_at(lobby: Lobby, channel: common_pb2.Channel.ValueType, name: str = "legal") -> Actor:
    """Somebody who logged in by a channel."""
    claims = PersonClaims(level=HIGH, represents=frozenset({Uscc(ENTERPRISE)}), staff=None)
    cookie, person = await lobby.sessions.begin(IdToken(subject=name, session="", claims=claims), channel=channel)
    return Actor(cookie=cookie, csrf_token=person.csrf_token, session_name=person.session_name)


async def page(lobby: Lobby, actor: Actor, path: str, **cookies: str) -> Answer:
    jar = {"__Host-huren-session": actor.cookie, **cookies} if actor.cookie else cookies
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
    return await lobby.send(actor, "GET", path, headers=headers)


async def log_out(lobby: Lobby, actor: Actor, **fields: str) -> Answer:
    return await lobby.send(actor, "POST", "/logout", data={"csrf": actor.csrf_token, **fields})


def headers_of(answer: Answer, name: str) -> list[str]:
    return [value for key, value in answer.headers if key.lower() == name.lower()]


def dropped(answer: Answer) -> set[str]:
    """Cookies that the browser is told to drop."""
    lines = headers_of(answer, "Set-Cookie")
    assert all("Max-Age=0" in line and "Secure" in line and "Path=/" in line for line in lines), lines
    return {line.partition("=")[0] for line in lines}


# --- At a terminal ----------------------------------------------------------------------------------------------------


async def test_the_terminals_first_page_logs_in_by_the_terminals_channel_and_has_no_other_way_in(lobby: Lobby) -> None:
    answer = await page(lobby, Actor(), "/terminal")
    text = answer.body.decode()

    assert answer.status == 200
    logins = re.findall(r'href="(/auth/login[^"]*)"', text)
    assert logins == ["/auth/login?channel=TERMINAL&amp;return_to=/entrance"]
    begun = await lobby.send(Actor(), "GET", logins[0].replace("&amp;", "&"))
    assert begun.status == 303
    assert 'data-size="large"' in text
    assert headers_of(answer, "Clear-Site-Data") == []


@pytest.mark.parametrize("path", ["/sessions", "/mandates", "/", "/e/nobody/people"])
async def test_every_page_of_a_session_at_a_terminal_says_how_to_end_it(lobby: Lobby, path: str) -> None:
    actor = await sits_at(lobby, TERMINAL)
    text = (await page(lobby, actor, path)).body.decode()
    elsewhere = (await page(lobby, await sits_at(lobby, common_pb2.CHANNEL_WEB), path)).body.decode()

    assert 'id="terminal-end"' in text
    assert '<noscript><meta http-equiv="refresh" content="60; url=/terminal"></noscript>' in text
    assert "terminal.js" in text
    assert "terminal.js" not in elsewhere
    assert "terminal-bar" not in elsewhere


async def test_who_ends_at_a_terminal_leaves_nothing_and_is_led_to_its_first_page(lobby: Lobby) -> None:
    """T10: no cookie, no file, no history."""
    actor = await sits_at(lobby, TERMINAL)

    answer = await log_out(lobby, actor, terminal="yes")

    text = answer.body.decode()
    assert answer.status == 200
    assert headers_of(answer, "Clear-Site-Data") == ['"*"']
    assert headers_of(answer, "Cache-Control") == ["no-store"]
    assert [value.partition("; ")[2] for value in headers_of(answer, "Refresh")] == ["url=/terminal"]
    assert dropped(answer) == {"__Host-huren-session", "__Host-huren-login", "__Host-huren-look"}
    assert "已结束，本机记录已清除" in text
    assert "post_logout_redirect_uri=https%3A%2F%2Fhuren.example%2Fterminal" in text
    assert actor.csrf_token not in text
    assert "terminal-bar" not in text
    assert (await page(lobby, actor, "/sessions")).status == 303


async def test_whose_session_at_a_terminal_has_ended_by_itself_ends_it_all_the_same(lobby: Lobby) -> None:
    actor = await sits_at(lobby, TERMINAL)
    lobby.live.federation.now += timedelta(seconds=60)

    answer = await log_out(lobby, actor, terminal="yes")

    assert answer.status == 200
    assert headers_of(answer, "Clear-Site-Data") == ['"*"']
    assert "__Host-huren-session" in dropped(answer)


async def test_a_session_at_a_terminal_ends_after_a_minute_without_a_request(lobby: Lobby) -> None:
    actor, web = await sits_at(lobby, TERMINAL), await sits_at(lobby, common_pb2.CHANNEL_WEB, "other")
    for _ in range(3):
        lobby.live.federation.now += timedelta(seconds=59)
        assert (await page(lobby, actor, "/sessions")).status == 200
    lobby.live.federation.now += timedelta(seconds=60)

    answer = await page(lobby, actor, "/sessions")

    assert answer.status == 303
    assert headers_of(answer, "Location") == ["/terminal"]
    assert (await page(lobby, web, "/sessions")).status == 200


async def test_the_first_page_drops_what_is_left_of_a_session_that_has_ended(lobby: Lobby) -> None:
    actor = await sits_at(lobby, TERMINAL)
    living = await page(lobby, actor, "/terminal")
    lobby.live.federation.now += timedelta(seconds=60)

    ended = await page(lobby, actor, "/terminal")

    assert headers_of(living, "Clear-Site-Data") == []
    assert dropped(living) == set()
    assert "继续办理" in living.body.decode()
    assert dropped(ended) == {"__Host-huren-session", "__Host-huren-login", "__Host-huren-look"}
    # Not "cookies": that would reach other sites below the same registered domain, by a mere link to this page.
    assert headers_of(ended, "Clear-Site-Data") == ['"cache", "storage"']


async def test_a_file_that_is_shown_at_a_terminal_is_left_by_itself(lobby: Lobby) -> None:
    actor, web = await sits_at(lobby, TERMINAL), await sits_at(lobby, common_pb2.CHANNEL_WEB, "other")

    at_terminal, elsewhere = [await page(lobby, one, "/catalogue.csv") for one in (actor, web)]

    assert (at_terminal.status, elsewhere.status) == (200, 200)
    assert headers_of(at_terminal, "Refresh") == ["60; url=/terminal"]
    assert headers_of(elsewhere, "Refresh") == []


@pytest.mark.parametrize(
    ("channel", "back", "lasts"),
    [(TERMINAL, "/sessions", False), (None, "/terminal", False), (common_pb2.CHANNEL_WEB, "/sessions", True)],
)
async def test_a_language_that_was_chosen_at_a_terminal_goes_with_the_browser(
    lobby: Lobby, channel: common_pb2.Channel.ValueType | None, back: str, *, lasts: bool
) -> None:
    actor = await sits_at(lobby, channel) if channel else Actor()
    fields = {"csrf": actor.csrf_token, "language": "en", "back": back}

    answer = await lobby.send(actor, "POST", "/look", data=fields, headers={"Origin": ORIGIN})

    (cookie,) = headers_of(answer, "Set-Cookie")
    assert cookie.startswith("__Host-huren-look=en.")
    assert ("Max-Age" in cookie) is lasts
    assert "expires" not in cookie.lower()


# --- Elsewhere --------------------------------------------------------------------------------------------------------


async def test_who_logs_out_is_out_and_may_log_out_at_the_provider_by_a_link(lobby: Lobby) -> None:
    actor = await sits_at(lobby, common_pb2.CHANNEL_WEB)

    answer = await log_out(lobby, actor)

    text = answer.body.decode()
    assert answer.status == 200
    (link,) = re.findall(r'<a class="button" href="([^"]+)" rel="noreferrer">同时退出统一身份认证</a>', text)
    assert link.startswith(f"{lobby.forged.issuer}/session/end?")
    assert "post_logout_redirect_uri=https%3A%2F%2Fhuren.example%2F" in link
    assert headers_of(answer, "Location") == []
    # The language of the page is not the session's, and cookies of other sites are not ours.
    assert headers_of(answer, "Clear-Site-Data") == ['"cache", "storage"']
    assert dropped(answer) == {"__Host-huren-session"}
    assert actor.csrf_token not in text
    assert 'action="/logout"' not in text
    assert (await page(lobby, actor, "/sessions")).status == 303


async def test_nobody_is_logged_out_by_another_site(lobby: Lobby) -> None:
    actor = await sits_at(lobby, common_pb2.CHANNEL_WEB)
    foreign: list[dict[str, Any]] = [
        {"headers": {"Origin": "https://elsewhere.example"}, "data": {"csrf": actor.csrf_token}},
        {"headers": {"Sec-Fetch-Site": "cross-site"}, "data": {"csrf": actor.csrf_token}},
        {"headers": {"Origin": "null"}, "data": {"csrf": actor.csrf_token}},
        {"headers": {"Origin": None}, "data": {"csrf": "x"}},
        {"data": {"terminal": "yes"}},
    ]
    for sent in foreign:
        answer = await lobby.send(actor, "POST", "/logout", **sent)
        assert answer.status == 403, sent
        assert headers_of(answer, "Clear-Site-Data") == []
        assert dropped(answer) == set()
    stranger = await lobby.send(
        Actor(), "POST", "/logout", headers={"Origin": "https://elsewhere.example"}, data={"terminal": "yes"}
    )
    assert stranger.status == 403
    assert headers_of(stranger, "Clear-Site-Data") == []

    assert (await page(lobby, actor, "/sessions")).status == 200


async def test_who_is_not_logged_in_logs_out_without_harm(lobby: Lobby) -> None:
    answer = await lobby.send(Actor(), "POST", "/logout", headers={"Origin": ORIGIN}, data={})

    assert answer.status == 200
    assert "session/end" not in answer.body.decode()
    assert (await page(lobby, Actor(), "/goodbye")).status == 200


# --- Where one is logged in -------------------------------------------------------------------------------------------


async def test_people_see_and_end_their_own_logins(lobby: Lobby) -> None:
    web = await sits_at(lobby, common_pb2.CHANNEL_WEB)
    window = await sits_at(lobby, common_pb2.CHANNEL_WINDOW)
    other = await sits_at(lobby, common_pb2.CHANNEL_WEB, "somebody else")

    text = (await page(lobby, web, "/sessions")).body.decode()
    assert text.count("本次登录") == 1
    assert f"/sessions/{window.session_name}/end" in text
    assert other.session_name not in text
    assert web.cookie not in text

    token = {"csrf": web.csrf_token}
    foreign = await lobby.send(web, "POST", f"/sessions/{other.session_name}/end", data=token)
    ended = await lobby.send(web, "POST", f"/sessions/{window.session_name}/end", data=token)

    assert (foreign.status, ended.status) == (303, 303)
    assert (await page(lobby, other, "/sessions")).status == 200
    assert (await page(lobby, window, "/sessions")).status == 303

    mine = await lobby.send(web, "POST", f"/sessions/{web.session_name}/end", data=token)
    assert mine.status == 200
    assert dropped(mine) == {"__Host-huren-session"}
    assert (await page(lobby, web, "/sessions")).status == 303


async def test_the_pages_are_told_in_english_too(lobby: Lobby) -> None:
    actor = await sits_at(lobby, TERMINAL)
    english = {"__Host-huren-look": "en.auto.normal"}

    for path in ("/terminal", "/sessions", "/goodbye"):
        text = (await page(lobby, actor, path, **english)).body.decode()
        assert 'lang="en"' in text
        assert "Self-service terminal" in text
