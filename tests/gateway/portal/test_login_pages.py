"""A login that fails, as the browser that was logging in sees it."""

from __future__ import annotations

from tests.support.people import Actor, Lobby

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_a_login_that_was_not_completed_is_told_as_a_page_with_the_way_on(lobby: Lobby) -> None:
    answer = await lobby.send(Actor(), "GET", "/auth/callback?state=none&code=stolen", headers=BROWSER)

    page = answer.body.decode()
    assert answer.status == 403
    assert dict(answer.headers)["Content-Type"] == "text/html; charset=utf-8"
    assert "登录没有完成" in page
    assert 'href="/auth/login?return_to=/entrance"' in page
    assert "stolen" not in page
    assert "Set-Cookie" not in dict(answer.headers)


async def test_a_page_about_a_login_is_in_the_visitors_language(lobby: Lobby) -> None:
    headers = BROWSER | {"Cookie": "__Host-huren-look=en.auto.normal"}

    answer = await lobby.send(Actor(), "GET", "/auth/callback?state=none&code=stolen", headers=headers)

    assert "The login was not completed" in answer.body.decode()


async def test_a_provider_that_is_away_is_told_as_a_page(lobby: Lobby) -> None:
    lobby.forged.issuer = "http://127.0.0.1:1"  # its own description does not fit it any more

    answer = await lobby.send(Actor(), "GET", "/auth/login?return_to=/entrance", headers=BROWSER)

    assert answer.status == 503
    assert "暂时不能登录" in answer.body.decode()
