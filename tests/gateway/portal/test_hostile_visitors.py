"""What somebody sends who means no good, or whose browser does less than others: over HTTP, at a real gateway."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from contract.days import to_timestamp
from contract.province import Province
from contract.registry import RegistryUnavailableError
from gateway.identity.tokens import IdToken, PersonClaims
from gateway.render.typesetter import PagesError
from huren.authorisation.v1 import authorisation_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import report_service_pb2 as wire
from sandbox.pki import PKI
from tests.support import people
from tests.support.desks import Desk, desk
from tests.support.federation import registry_entry
from tests.support.live import live_federation
from tests.support.people import BANK, ENTERPRISE, HIGH, NAME, Actor, Founding, Lobby, open_lobby


@pytest.fixture
async def legal(lobby: Lobby) -> Desk:
    return await desk(lobby, await lobby.person("legal", represents=[ENTERPRISE]), ENTERPRISE)


# --- Addresses --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def with_postgresql(
    pki: PKI, tmp_path: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Lobby]:
    """PostgreSQL takes no NUL in a text, where SQLite takes all."""
    there = partial(live_federation, database_url=postgresql_url)
    monkeypatch.setattr(people, "live_federation", there)
    async with open_lobby(pki, tmp_path) as opened:
        yield opened


async def test_control_characters_in_an_address_reach_no_store(with_postgresql: Lobby) -> None:
    actor = await with_postgresql.person("legal", represents=[ENTERPRISE])
    at = (await desk(with_postgresql, actor, ENTERPRISE)).at

    for path in (
        at("request", request="\0"),
        at("progress_sheet", request="\0"),
        at("unit_batch", batch="a\0"),
        "/batches/%00",
        "/e/%00",
    ):
        assert (await with_postgresql.send(actor, "GET", path)).status == 404, path
    for path in ("/sessions/%00/end", "/mandates/%00/end", at("cancel_request", request="\0")):
        sent = {"csrf": actor.csrf_token}
        assert (await with_postgresql.send(actor, "POST", path, data=sent)).status == 404, path
    for path in (
        at("apply") + "?from=%00",
        at("look_ups") + "?grant=%00",
        "/enterprises?q=%00",
        "/staff/duty?matter=%00",
    ):
        assert (await with_postgresql.send(actor, "GET", path)).status < 500, path


# --- Whose it is ------------------------------------------------------------------------------------------------------


async def test_the_same_name_does_not_make_a_request_ones_own(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two enterprises may be registered by the same name: what is in doubt about one is not told to the other."""
    founding = Founding(lobby)
    founding._founder = await lobby.person("founder", represents=[ENTERPRISE], headers={"Huren-Enterprise": ENTERPRISE})
    _, grant = await founding.grant(BANK)
    lobby.live.registry.entries[BANK] = registry_entry(BANK, NAME)
    bank = await desk(lobby, await lobby.person("bank", represents=[BANK]), BANK)
    form = await bank.open("received_grant", grant=grant)
    sent = {
        "key": form.value("key"),
        "first_day": form.value("first_day"),
        "last_day": form.value("last_day"),
        "domains": sorted(form.ticked("domains")),
        "kinds": sorted(form.ticked("kinds")),
    }
    request = (await bank.send("ask_under_grant", sent, grant=grant)).location.rpartition("/")[2]
    own = await desk(lobby, await lobby.person("legal", represents=[ENTERPRISE]), ENTERPRISE)
    mine = await _asked(own)

    async def in_doubt(request_id: str, caller: Any) -> wire.OpenRequest:
        del request_id, caller
        at = to_timestamp(lobby.live.federation.now)
        key = common_pb2.CellKey(domain="taxation", kind=common_pb2.RECORD_KIND_PENALTY)
        gap = wire.CellGap(key=key, reason=fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT)
        status = wire.ProvinceStatus(
            province=common_pb2.PROVINCE_HEBEI,
            progress=wire.PROVINCE_PROGRESS_ANSWERED_IN_PART,
            gaps=[gap],
            gap_kind=wire.GAP_KIND_NEEDS_ORIGIN,
        )
        return wire.OpenRequest(provinces=[status], name=NAME, accepted_at=at, completion_until=at, next_attempt_at=at)

    monkeypatch.setattr(lobby.live.services.reports, "find_request", in_doubt)
    told = (await bank.open("request", request=request)).text
    told_to_the_subject = (await own.open("request", request=mine)).text

    assert "待核对" in told_to_the_subject
    assert "部分事项未反馈" in told
    assert "待核对" not in told


async def _asked(at: Desk) -> str:
    """受理编号 of a request about oneself."""
    done = await at.send("submit", await _choices(at) | {"idempotency_key": "0" * 32})
    assert done.status == 303, done.text
    return done.location.rpartition("/")[2]


async def _choices(at: Desk) -> dict[str, Any]:
    """The form, as it comes."""
    form = await at.open("apply")
    return {
        "window": "5",
        "domains": sorted(form.ticked("domains")),
        "kinds": sorted(form.ticked("kinds")),
        "purpose": "1",
        "window.first_day": form.value("window.first_day"),
        "window.last_day": form.value("window.last_day"),
    }


# --- Terminals --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def at_terminal(lobby: Lobby) -> Desk:
    claims = PersonClaims(level=HIGH, represents=frozenset({ENTERPRISE}), staff=None)
    cookie, person = await lobby.sessions.begin(
        IdToken(subject="legal", session="", claims=claims), channel=common_pb2.CHANNEL_TERMINAL
    )
    actor = Actor(cookie=cookie, csrf_token=person.csrf_token, session_name=person.session_name)
    return await desk(lobby, actor, ENTERPRISE)


async def test_without_scripts_no_page_at_a_terminal_keeps_its_session_alive(legal: Desk, at_terminal: Desk) -> None:
    """A page that looks again by itself is a request each time, and would go on after everybody has left."""
    request = await _asked(legal)

    assert 'content="5"' in (await legal.open("request", request=request)).html
    page = await at_terminal.open("request", request=request)
    assert '<noscript><meta http-equiv="refresh" content="60; url=/terminal"></noscript>' in page.html
    assert page.html.count('http-equiv="refresh"') == 1


async def test_a_terminal_shows_the_progress_sheet_and_keeps_none(legal: Desk, at_terminal: Desk) -> None:
    request = await _asked(legal)

    sheet = await at_terminal.open("progress_sheet", request=request)

    assert sheet.body.startswith(b"%PDF")
    assert sheet.headers["Content-Disposition"].startswith("inline")
    assert sheet.headers["Refresh"] == "60; url=/terminal"


@pytest.mark.parametrize("path", ["/sessions", "/guide", "/", "/mandates"])
async def test_from_a_lapsed_session_at_a_terminal_nobody_logs_in_as_if_at_home(
    at_terminal: Desk, lobby: Lobby, path: str
) -> None:
    actor = at_terminal.actor
    lobby.live.federation.now += timedelta(seconds=61)

    sent_on = dict((await lobby.send(actor, "GET", path)).headers)
    part = dict((await lobby.send(actor, "GET", path, headers={"HX-Request": "true"})).headers)

    assert sent_on["Location"] == "/terminal"
    assert "Location" not in part
    assert part["HX-Refresh"] == "true"


async def test_a_form_of_a_lapsed_session_at_a_terminal_leads_to_its_first_page(
    at_terminal: Desk, lobby: Lobby
) -> None:
    lobby.live.federation.now += timedelta(seconds=61)

    done = await at_terminal.send("submit", {})
    ended = await lobby.send(at_terminal.actor, "POST", "/logout", data={"terminal": "yes"})

    assert (done.status, done.location) == (303, "/terminal")
    assert ended.status == 200
    assert dict(ended.headers)["Clear-Site-Data"] == '"*"'


async def test_a_lapsed_session_elsewhere_is_sent_to_log_in(legal: Desk, lobby: Lobby) -> None:
    lobby.live.federation.now += timedelta(minutes=31)

    assert (await legal.open("workbench")).location.startswith("/auth/login?return_to=")
    assert (await lobby.send(legal.actor, "GET", "/guide")).status == 200


# --- What is put into forms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["draft_grant", "draft_text", "give_grant"])
async def test_terms_with_what_there_is_not_are_a_fault_of_who_sent_them(legal: Desk, name: str) -> None:
    terms = authorisation_pb2.GrantTerms(subject=authorisation_pb2.Party(uscc=ENTERPRISE))
    terms.purpose = 99  # type: ignore[assignment]
    sent = {"terms": base64.b64encode(terms.SerializeToString()).decode(), "change": "1"}

    page = await legal.send(name, sent)

    assert page.status < 500, page.text
    assert "授权书" in page.text


# --- What everybody may ask for ---------------------------------------------------------------------------------------


async def test_a_specimen_that_cannot_be_made_is_not_tried_for_everybody_who_asks(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def broken(*_: Any, **__: Any) -> bytes:
        nonlocal tries
        tries += 1
        raise PagesError("out of time")

    monkeypatch.setattr("gateway.render.pages.ReportPages.report", broken)

    told = [await lobby.send(Actor(), "GET", "/specimen.pdf") for _ in range(4)]
    assert {one.status for one in told} == {503}
    assert {dict(one.headers)["Retry-After"] for one in told} == {"5"}
    assert tries == 1

    lobby.live.federation.now += timedelta(seconds=6)
    await lobby.send(Actor(), "GET", "/specimen.pdf")
    assert tries == 2


# --- What is said before anybody is asked -----------------------------------------------------------------------------


async def test_coverage_that_was_not_had_this_time_is_not_said_to_hold(lobby: Lobby, legal: Desk) -> None:
    """A province that does not answer now may have taken something out of its coverage since."""
    fields = await _choices(legal)
    assert "所选事项四地均已纳入" in (await legal.send("preview", fields)).text

    lobby.live.federation.now += timedelta(seconds=31)
    await lobby.live.provinces[Province.HEBEI].stop()
    page = await legal.send("preview", fields)

    assert "所选事项四地均已纳入" not in page.text
    assert "覆盖范围声明暂未取得" in page.text


# --- The registry -----------------------------------------------------------------------------------------------------


async def test_a_registry_that_is_down_is_not_waited_for_on_every_page(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def down(uscc: Any) -> None:
        del uscc
        nonlocal asked
        asked += 1
        raise RegistryUnavailableError("lookup: no answer within 5 seconds")

    monkeypatch.setattr(lobby.live.registry, "lookup", down)
    actor = await lobby.person("legal", represents=[ENTERPRISE])

    shown = [await lobby.send(actor, "GET", "/enterprises") for _ in range(4)]
    assert {one.status for one in shown} == {200}
    assert asked == 1

    lobby.live.federation.now += timedelta(seconds=16)
    await lobby.send(actor, "GET", "/enterprises")
    assert asked == 2


async def test_whoever_leaves_may_leave_whatever_their_neighbours_ask(lobby: Lobby) -> None:
    legal = await lobby.person("leaving", represents=[ENTERPRISE])
    here: dict[str, str | None] = {"X-Forwarded-For": "203.0.113.5"}
    statuses = [(await lobby.send(Actor(), "GET", "/privacy", headers=here)).status for _ in range(160)]
    assert statuses[-1] == 429
    left = await lobby.send(legal, "POST", "/logout", headers=here, data={"csrf": legal.csrf_token})
    assert left.status == 200
    assert await lobby.sessions.find(legal.cookie) is None
