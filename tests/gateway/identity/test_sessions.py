"""Sessions: opened by a cookie, ended by whoever may, and never taken up again; and what the provider itself tells."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from contract.errors import ErrorCode, HurenError
from gateway.identity.sessions import Sessions, require_csrf_token
from gateway.identity.tokens import LOGOUT_EVENT, Fault
from gateway.store import tables
from gateway.store.rows import instant_text
from huren.common.v1 import common_pb2
from tests.support.federation import uscc
from tests.support.forged_provider import CLIENT_ID, STAFF, ForgedProvider, Relying, all_bytes, signing_key

# --- The cookie -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "x" * 44, "é" * 43, "'; DROP TABLE sessions", "\ud800" * 43])
async def test_a_cookie_that_opens_nothing(relying: Relying, cookie: str) -> None:
    await relying.comes_back()

    assert await relying.sessions.find(cookie) is None
    await relying.sessions.end(cookie)


async def test_neither_name_nor_digest_nor_csrf_token_open_a_session(relying: Relying) -> None:
    finished = await relying.comes_back()
    async with relying.database.read() as connection:
        (digest,) = (await connection.execute(select(tables.sessions.c.session_digest))).scalars().all()

    for other in (finished.person.session_name, finished.person.csrf_token, digest.hex(), finished.cookie[:-1] + "_"):
        assert await relying.sessions.find(other) is None


async def test_each_login_has_a_cookie_of_its_own_and_the_one_before_ends(relying: Relying) -> None:
    before = await relying.comes_back()
    after = await relying.comes_back(replaced_session=before.cookie)

    assert before.cookie != after.cookie
    assert before.person.csrf_token != after.person.csrf_token
    assert await relying.sessions.find(before.cookie) is None
    assert await relying.sessions.find(after.cookie) == after.person


async def test_a_cookie_that_somebody_planted_does_not_become_a_session(relying: Relying) -> None:
    planted = "x" * 43
    finished = await relying.comes_back(replaced_session=planted)

    assert finished.cookie != planted
    assert await relying.sessions.find(planted) is None


# --- Time -------------------------------------------------------------------------------------------------------------


async def test_a_session_ends_when_it_was_not_used_for_half_an_hour(relying: Relying) -> None:
    cookie = (await relying.comes_back()).cookie
    for _ in range(3):
        relying.clock.go_on(timedelta(minutes=29, seconds=59))
        assert await relying.sessions.find(cookie) is not None
    relying.clock.go_on(timedelta(minutes=30))

    assert await relying.sessions.find(cookie) is None
    assert await relying.sessions.find(cookie) is None


async def test_a_session_ends_after_twelve_hours_however_much_it_is_used(relying: Relying) -> None:
    cookie = (await relying.comes_back()).cookie
    for _ in range(12 * 3 - 1):
        relying.clock.go_on(timedelta(minutes=20))
        assert await relying.sessions.find(cookie) is not None
    relying.clock.go_on(timedelta(minutes=20))

    assert await relying.sessions.find(cookie) is None


async def test_that_a_session_is_used_is_noted_once_a_minute(relying: Relying) -> None:
    cookie = (await relying.comes_back()).cookie
    begun = relying.clock()
    noted = []
    for _ in range(5):
        relying.clock.go_on(timedelta(seconds=25))
        await relying.sessions.find(cookie)
        async with relying.database.read() as connection:
            noted.append((await connection.execute(select(tables.sessions.c.seen_at))).scalar_one())

    assert noted == [instant_text(begun + timedelta(seconds=seconds)) for seconds in (0, 0, 75, 75, 75)]


async def test_a_session_at_a_terminal_ends_when_it_was_not_used_for_a_minute(relying: Relying) -> None:
    cookie = (await relying.comes_back(channel=common_pb2.CHANNEL_TERMINAL)).cookie
    for _ in range(5):
        relying.clock.go_on(timedelta(seconds=59))
        assert await relying.sessions.find(cookie) is not None
    relying.clock.go_on(timedelta(seconds=60))

    assert await relying.sessions.find(cookie) is None


@pytest.mark.parametrize("seed", range(8))
async def test_a_session_at_a_terminal_that_was_idle_for_a_minute_is_never_found(quick: Relying, seed: int) -> None:
    dice = random.Random(seed)
    cookie = (await quick.comes_back(channel=common_pb2.CHANNEL_TERMINAL)).cookie
    while True:
        gap = timedelta(
            milliseconds=dice.choice([dice.randrange(2_000), dice.randrange(58_000), dice.randrange(70_000)])
        )
        quick.clock.go_on(gap)
        person = await quick.sessions.find(cookie)
        if gap >= timedelta(seconds=60):
            assert person is None
            break
        # It is noted by the second, so that it ends that much earlier at most.
        if gap <= timedelta(seconds=58):
            assert person is not None
        elif person is None:
            break
    for _ in range(3):
        assert await quick.sessions.find(cookie) is None


async def test_a_session_at_a_window_ends_after_ten_minutes(relying: Relying) -> None:
    cookie = (await relying.comes_back(channel=common_pb2.CHANNEL_WINDOW)).cookie
    relying.clock.go_on(timedelta(minutes=9, seconds=59))
    assert await relying.sessions.find(cookie) is not None
    relying.clock.go_on(timedelta(minutes=10))

    assert await relying.sessions.find(cookie) is None
    assert await relying.sessions.of((await relying.comes_back()).person) != []


async def test_the_setting_holds_where_it_says_less(relying: Relying) -> None:
    hours: dict[str, Any] = {"lifetime": timedelta(hours=12), "idle": timedelta(seconds=30)}
    sessions = Sessions(database=relying.database, provider=relying.provider, clock=relying.clock, **hours)
    cookies = [
        (await relying.comes_back(channel=channel)).cookie
        for channel in (common_pb2.CHANNEL_TERMINAL, common_pb2.CHANNEL_WINDOW, common_pb2.CHANNEL_WEB)
    ]
    relying.clock.go_on(timedelta(seconds=30))

    assert [await sessions.find(cookie) for cookie in cookies] == [None] * 3


async def test_sessions_whose_time_was_over_yesterday_are_forgotten(relying: Relying) -> None:
    await relying.comes_back()
    relying.clock.go_on(timedelta(days=1, hours=12))
    await relying.comes_back()

    async with relying.database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(tables.sessions))).scalar_one() == 1
        assert (await connection.execute(select(func.count()).select_from(tables.persons))).scalar_one() == 1


# --- Ending -----------------------------------------------------------------------------------------------------------


async def test_an_ended_session_stays_ended_and_the_browser_goes_on_to_the_provider(relying: Relying) -> None:
    finished = await relying.comes_back()

    url = await relying.sessions.end(finished.cookie, return_to="https://gateway.example/bye")

    assert url == (
        f"{relying.forged.issuer}/session/end?client_id={CLIENT_ID}"
        "&post_logout_redirect_uri=https%3A%2F%2Fgateway.example%2Fbye"
    )
    assert await relying.sessions.find(finished.cookie) is None
    assert await relying.sessions.of(finished.person) == []


async def test_a_session_ends_also_where_the_provider_has_no_place_for_it(relying: Relying) -> None:
    relying.forged.document = {"end_session_endpoint": None}
    finished = await relying.comes_back()

    assert await relying.sessions.end(finished.cookie) == ""
    assert await relying.sessions.find(finished.cookie) is None


async def test_a_session_ends_also_where_the_provider_is_away(relying: Relying) -> None:
    finished = await relying.comes_back()
    relying.clock.go_on(timedelta(hours=1))
    relying.forged.document = {"issuer": "https://another.example"}

    assert await relying.sessions.end(finished.cookie) == ""
    assert await relying.sessions.find(finished.cookie) is None


async def test_people_see_and_end_their_own_sessions_and_no_others(relying: Relying) -> None:
    web = await relying.comes_back()
    relying.clock.go_on(timedelta(minutes=1))
    terminal = await relying.comes_back(channel=common_pb2.CHANNEL_TERMINAL)
    other = await relying.comes_back(sub="another")

    seen = await relying.sessions.of(web.person)
    assert [(one.session_name, one.channel, one.is_this) for one in seen] == [
        (terminal.person.session_name, common_pb2.CHANNEL_TERMINAL, False),
        (web.person.session_name, common_pb2.CHANNEL_WEB, True),
    ]
    assert not await relying.sessions.end_named(web.person, other.person.session_name)
    assert await relying.sessions.end_named(web.person, terminal.person.session_name)
    assert not await relying.sessions.end_named(web.person, terminal.person.session_name)
    assert await relying.sessions.find(terminal.cookie) is None
    assert await relying.sessions.find(web.cookie) is not None
    assert await relying.sessions.find(other.cookie) is not None


async def test_people_end_all_their_own_sessions_at_once(relying: Relying) -> None:
    own = [await relying.comes_back() for _ in range(3)]
    other = await relying.comes_back(sub="another")

    assert await relying.sessions.end_all(own[0].person) == 3
    assert [await relying.sessions.find(finished.cookie) for finished in own] == [None] * 3
    assert await relying.sessions.find(other.cookie) is not None


async def test_a_session_that_is_over_is_not_shown(relying: Relying) -> None:
    finished = await relying.comes_back()
    relying.clock.go_on(timedelta(minutes=30))

    assert await relying.sessions.of(finished.person) == []


@pytest.mark.parametrize("given", ["", "x", "\ud800", "é"])
async def test_a_request_carries_the_token_of_its_session(quick: Relying, given: str) -> None:
    person, other = await quick.person(), await quick.person()

    require_csrf_token(person, person.csrf_token)
    for wrong in (given, other.csrf_token, person.csrf_token[:-1]):
        with pytest.raises(HurenError) as refused:
            require_csrf_token(person, wrong)
        assert refused.value.code is ErrorCode.FORGED_REQUEST_SUSPECTED


# --- What is kept -----------------------------------------------------------------------------------------------------


async def test_what_is_kept_of_a_person_comes_back_whole(relying: Relying) -> None:
    finished = await relying.comes_back(huren_represents=[uscc(2), uscc(1)], huren_staff=STAFF)
    plain = await relying.comes_back(sub="another")

    assert await relying.sessions.find(finished.cookie) == finished.person
    assert await relying.sessions.find(plain.cookie) == plain.person
    assert plain.person.staff is None


async def test_nothing_is_kept_that_says_who_somebody_is(relying: Relying) -> None:
    await relying.comes_back(
        name="示例人员甲",
        phone_number="13800000000",
        huren_staff=STAFF | {"name": "示例人员甲", "identity_number": "110101190001010000"},
    )

    async with relying.database.read() as connection:
        kept = (await all_bytes(connection)).decode()
    assert STAFF["unit"] in kept  # so this would find them
    assert [word for word in ("示例人员", "13800000000", "110101190001010000", "0f9a", "s-1") if word in kept] == []


async def test_who_logged_in_and_out_stands_in_the_audit(relying: Relying) -> None:
    finished = await relying.comes_back()
    await relying.sessions.end(finished.cookie)
    await relying.sessions.end(finished.cookie)
    await relying.comes_back()
    await relying.sessions.end_all(finished.person)

    columns = (tables.audit.c.action, tables.audit.c.result, tables.audit.c.caller)
    async with relying.database.read() as connection:
        rows = (await connection.execute(select(*columns).order_by(tables.audit.c.id))).all()
    caller = f"person:{finished.person.person}"
    assert [tuple(row) for row in rows] == [
        ("login", "logged in", caller),
        ("logout", "logged out", caller),
        ("login", "logged in", caller),
        ("logout", "ended by its person", caller),
    ]


# --- Back-channel logout ----------------------------------------------------------------------------------------------


async def tell(relying: Relying, **claims: Any) -> None:
    await relying.sessions.back_channel_logout(relying.forged.sign(relying.forged.logout_claims() | claims))


async def left(relying: Relying, *cookies: str) -> list[bool]:
    return [await relying.sessions.find(cookie) is not None for cookie in cookies]


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param({}, [False, True, True], id="session and subject"),
        pytest.param({"sub": None}, [False, True, True], id="session"),
        pytest.param({"sid": None}, [False, False, True], id="subject: all of theirs"),
        pytest.param({"sub": "another"}, [True, True, True], id="session of one, subject of another"),
        pytest.param({"sid": "s-9"}, [True, True, True], id="unknown session"),
        pytest.param({"sid": None, "sub": "nobody"}, [True, True, True], id="foreign subject"),
    ],
)
async def test_who_logs_out_at_the_provider_is_logged_out_here(
    relying: Relying, claims: dict[str, Any], expected: list[bool]
) -> None:
    people = [("0f9a", "s-1"), ("0f9a", "s-2"), ("another", "s-3")]
    cookies = [(await relying.comes_back(sub=sub, sid=sid)).cookie for sub, sid in people]

    await tell(relying, **claims)

    assert await left(relying, *cookies) == expected


@pytest.mark.parametrize("typ", [None, "JWT", "logout+jwt", "application/logout+jwt"])
async def test_a_logout_token_may_say_what_it_is(quick: Relying, typ: str | None) -> None:
    cookie = (await quick.comes_back()).cookie

    await quick.sessions.back_channel_logout(quick.forged.sign(quick.forged.logout_claims(), typ=typ))

    assert await left(quick, cookie) == [False]


FORGERIES: dict[str, tuple[Fault, Callable[[ForgedProvider, dict[str, Any]], str]]] = {
    "algorithm none": (Fault.ALGORITHM, lambda forged, right: forged.hand_made(right, alg="none")),
    "another key": (Fault.SIGNATURE, lambda forged, right: forged.sign(right, key=signing_key("one"))),
    "an unknown key": (Fault.KEY, lambda forged, right: forged.sign(right, kid="two")),
    "an access token": (Fault.TYPE, lambda forged, right: forged.sign(right, typ="at+jwt")),
    "an ID token": (Fault.EVENT, lambda forged, _: forged.sign(forged.id_claims("n") | {"nonce": None, "jti": "x"})),
    "with a nonce": (Fault.NONCE, lambda forged, right: forged.sign(right | {"nonce": "n"})),
    "issuer": (Fault.ISSUER, lambda forged, right: forged.sign(right | {"iss": "https://another.example"})),
    "audience": (Fault.AUDIENCE, lambda forged, right: forged.sign(right | {"aud": "another"})),
    "expired": (Fault.EXPIRED, lambda forged, right: forged.sign(right | {"exp": forged.seconds() - 60})),
    "no expiry": (Fault.EXPIRED, lambda forged, right: forged.sign(right | {"exp": None})),
    "issued long ago": (Fault.ISSUED_AT, lambda forged, right: forged.sign(right | {"iat": forged.seconds() - 661})),
    "issued in the future": (
        Fault.ISSUED_AT,
        lambda forged, right: forged.sign(right | {"iat": forged.seconds() + 61}),
    ),
    "no event": (Fault.EVENT, lambda forged, right: forged.sign(right | {"events": None})),
    "another event": (Fault.EVENT, lambda forged, right: forged.sign(right | {"events": {"x": {}}})),
    "event of another form": (Fault.EVENT, lambda forged, right: forged.sign(right | {"events": {LOGOUT_EVENT: 1}})),
    "neither session nor subject": (
        Fault.SUBJECT,
        lambda forged, right: forged.sign(right | {"sid": None, "sub": None}),
    ),
    "an empty session": (Fault.SESSION, lambda forged, right: forged.sign(right | {"sid": ""})),
    "no name": (Fault.TOKEN_ID, lambda forged, right: forged.sign(right | {"jti": None})),
}


@pytest.mark.parametrize("case", FORGERIES)
async def test_a_forged_logout_token_logs_nobody_out(quick: Relying, case: str) -> None:
    fault, forge = FORGERIES[case]
    cookie = (await quick.comes_back()).cookie

    with capture_logs() as logs, pytest.raises(HurenError) as refused:
        await quick.sessions.back_channel_logout(forge(quick.forged, quick.forged.logout_claims()))

    assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED
    assert [line.get("rule") for line in logs] == [fault.value]
    assert await left(quick, cookie) == [True]


async def test_a_logout_token_counts_once(relying: Relying) -> None:
    await tell(relying)
    cookie = (await relying.comes_back()).cookie

    with pytest.raises(HurenError) as refused:
        await tell(relying)

    assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED
    assert await left(relying, cookie) == [True]
    await tell(relying, jti="t-2")
    assert await left(relying, cookie) == [False]


async def test_a_logout_token_counts_once_also_at_the_same_time(relying: Relying) -> None:
    token = relying.forged.sign(relying.forged.logout_claims())

    results = await asyncio.gather(
        *(relying.sessions.back_channel_logout(token) for _ in range(4)), return_exceptions=True
    )

    assert sum(isinstance(result, HurenError) for result in results) == 3


async def test_a_logout_token_is_remembered_for_as_long_as_it_could_come_again(relying: Relying) -> None:
    far = relying.forged.seconds(timedelta(hours=1))
    token = relying.forged.sign(
        relying.forged.logout_claims() | {"exp": far, "iat": relying.forged.seconds(timedelta(minutes=1))}
    )
    await relying.sessions.back_channel_logout(token)
    relying.clock.go_on(timedelta(minutes=11, seconds=59))
    await relying.sessions.forget(logins_before=relying.clock())

    with pytest.raises(HurenError):
        await relying.sessions.back_channel_logout(token)
    async with relying.database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(tables.logout_tokens))).scalar_one() == 1

    relying.clock.go_on(timedelta(seconds=2))
    await relying.sessions.forget(logins_before=relying.clock())
    async with relying.database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(tables.logout_tokens))).scalar_one() == 0


async def test_a_logout_token_that_cannot_be_checked_is_to_be_sent_again(quick: Relying) -> None:
    quick.forged.document = {"issuer": "https://another.example"}

    with pytest.raises(HurenError) as refused:
        await tell(quick)

    assert refused.value.code is ErrorCode.LOGIN_UNAVAILABLE
    quick.forged.document = {}
    await tell(quick)


async def test_what_is_logged_of_a_logout_holds_nothing_of_the_token(quick: Relying) -> None:
    await quick.comes_back()
    with capture_logs() as logs:
        await tell(quick)

    assert [line["sessions"] for line in logs] == [1]
    assert [word for word in ("0f9a", "s-1", "t-1", "eyJ") if word in json.dumps(logs)] == []


async def test_an_ended_session_cannot_be_used_again_by_being_seen(relying: Relying) -> None:
    finished = await relying.comes_back()
    await relying.sessions.end(finished.cookie)
    async with relying.database.read() as connection:
        before = (await connection.execute(select(tables.sessions))).all()
    relying.clock.go_on(timedelta(minutes=2))

    assert await relying.sessions.find(finished.cookie) is None

    async with relying.database.read() as connection:
        assert (await connection.execute(select(tables.sessions))).all() == before
