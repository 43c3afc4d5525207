"""Logging in, from its beginning to its end: what belongs together comes back together, once, in time, to the same browser."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from sqlalchemy import func, select
from structlog.testing import capture_logs

from contract.errors import ErrorCode, HurenError
from gateway.identity.login import LOGIN_LIMIT, BeganLogin, is_local_path
from gateway.identity.tokens import IdToken, PersonClaims
from gateway.store import tables
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from tests.support.federation import uscc
from tests.support.forged_provider import CLIENT_ID, REDIRECT_URI, STAFF, Relying, all_bytes, asked_for

WEB = common_pb2.CHANNEL_WEB


async def count(relying: Relying, table: Any) -> int:
    async with relying.database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def began(relying: Relying) -> tuple[BeganLogin, dict[str, str]]:
    """A login that waits, and what comes back of it if everything is right."""
    login = await relying.login.begin(WEB, "/")
    query = asked_for(login.url)
    relying.forged.id_token = relying.forged.sign(relying.forged.id_claims(query["nonce"]))
    return login, {"code": "c-1", "state": query["state"], "iss": relying.forged.issuer}


# --- Beginning --------------------------------------------------------------------------------------------------------


async def test_a_login_asks_for_a_code_with_pkce_and_for_no_name(quick: Relying) -> None:
    login = await quick.login.begin(WEB, "/reports")

    query = asked_for(login.url)
    assert login.url.startswith(f"{quick.forged.issuer}/auth?")
    claims = json.loads(query.pop("claims"))
    secrets = {query.pop(name) for name in ("state", "nonce", "code_challenge")} | {login.browser_cookie}
    assert query == {
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": "openid",
        "code_challenge_method": "S256",
        "prompt": "login",
    }
    assert set(claims) == {"id_token"}
    assert set(claims["id_token"]) == {"acr", "huren_represents", "huren_staff"}
    assert [len(secret) for secret in secrets] == [43] * 4


async def test_the_challenge_is_that_of_the_verifier(relying: Relying) -> None:
    login, answer = await began(relying)
    await relying.login.finish(answer, login.browser_cookie)

    verifier = relying.forged.forms[0]["code_verifier"]
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert asked_for(login.url)["code_challenge"] == digest


async def test_of_what_opens_a_door_only_the_digest_is_kept(relying: Relying) -> None:
    login, answer = await began(relying)
    finished = await relying.login.finish(answer, login.browser_cookie)
    waiting, waits = await began(relying)

    async with relying.database.read() as connection:
        kept = await all_bytes(connection)
    secrets = [finished.cookie, login.browser_cookie, waiting.browser_cookie, waits["state"], relying.forged.id_token]
    assert [secret for secret in [*secrets, "opaque", "0f9a", "s-1"] if secret.encode() in kept] == []
    assert finished.person.csrf_token.encode() in kept  # so this would find them


LOCAL = ["/", "/reports", "/reports/HR-1?page=2#top", "/a-b_c.d~e", "/%E6%8A%A5%E5%91%8A", "/?a=1", "/a:b@c"]
FOREIGN = [
    *("", "reports", "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "/a//b"),
    *("javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", "/ /evil.example", " /reports", "/reports "),
    *(
        "/报告",
        "/\x00",
        "///evil.example",
        "/reports\r\nSet-Cookie: a=b",
        "/" + "a" * 200,
        "/\u3000",
        "/\u2028",
        "/;\\",
    ),
]


@pytest.mark.parametrize("path", LOCAL)
async def test_a_person_goes_on_where_they_wanted(quick: Relying, path: str) -> None:
    login = await quick.login.begin(WEB, path)
    query = asked_for(login.url)
    quick.forged.id_token = quick.forged.sign(quick.forged.id_claims(query["nonce"]))

    finished = await quick.login.finish(
        {"code": "c", "state": query["state"], "iss": quick.forged.issuer}, login.browser_cookie
    )

    assert finished.return_to == path


@pytest.mark.parametrize("path", FOREIGN)
async def test_nobody_is_sent_anywhere_else(quick: Relying, path: str) -> None:
    with pytest.raises(HurenError) as refused:
        await quick.login.begin(WEB, path)

    assert (refused.value.code, refused.value.field) == (ErrorCode.MALFORMED_REQUEST, "return_to")
    assert await count(quick, tables.logins) == 0


@given(st.text(st.sampled_from("/\\ab.:@?#%\t\n ;=") | st.characters(), max_size=30).map(lambda text: f"/{text}"))
def test_a_local_path_stays_on_its_site(path: str) -> None:
    if is_local_path(path):
        parts = urlsplit(path)
        assert (parts.scheme, parts.netloc) == ("", "")
        assert path.isascii()
        assert path.isprintable()
        assert not {"\\", " "} & set(path)


@pytest.mark.parametrize("channel", [common_pb2.CHANNEL_UNSPECIFIED, common_pb2.CHANNEL_API])
async def test_programs_do_not_log_in(quick: Relying, channel: common_pb2.Channel.ValueType) -> None:
    with pytest.raises(HurenError) as refused:
        await quick.login.begin(channel, "/")
    assert (refused.value.code, refused.value.field) == (ErrorCode.MALFORMED_REQUEST, "channel")


# --- Coming back ------------------------------------------------------------------------------------------------------


async def test_whoever_comes_back_as_they_should_is_logged_in(relying: Relying) -> None:
    finished = await relying.comes_back(
        channel=common_pb2.CHANNEL_TERMINAL, huren_represents=[uscc(1)], huren_staff=STAFF
    )

    assert await relying.sessions.find(finished.cookie) == finished.person
    assert finished.person.channel == common_pb2.CHANNEL_TERMINAL
    assert finished.person.represents == {uscc(1)}
    assert finished.person.expires_at - finished.person.begun_at == timedelta(hours=12)


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "a state that nobody began": ("unknown state", {"parameters": {"state": "x" * 43}}),
    "no state": ("unknown state", {"parameters": {"state": None}}),
    "another browser": ("another browser", {"browser": "another"}),
    "no browser cookie": ("another browser", {"browser": "none"}),
    "another issuer": ("another issuer", {"parameters": {"iss": "https://another.example"}}),
    "no issuer, though it says that it says it": ("no issuer", {"parameters": {"iss": None}}),
    "not let in": ("not let in", {"parameters": {"error": "access_denied"}}),
    "an unknown error": ("not let in", {"parameters": {"error": "x", "code": None}}),
    "no code": ("no code", {"parameters": {"code": None}}),
    "an empty code": ("no code", {"parameters": {"code": ""}}),
    "a long parameter": ("parameters", {"parameters": {"more": "x" * 4097}}),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_does_not_belong_together_logs_nobody_in(quick: Relying, case: str) -> None:
    reason, arguments = REFUSED[case]
    with capture_logs() as logs, pytest.raises(HurenError) as refused:
        await quick.comes_back(**arguments)

    assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED
    assert [line.get("rule") for line in logs] == [reason]
    assert quick.forged.forms == []
    assert await count(quick, tables.sessions) == 0


async def test_an_issuer_is_asked_for_only_where_the_provider_says_that_it_says_it(quick: Relying) -> None:
    quick.forged.document = {"authorization_response_iss_parameter_supported": None}

    await quick.comes_back(parameters={"iss": None})


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable"])
async def test_a_fault_of_the_provider_is_not_the_persons(quick: Relying, error: str) -> None:
    with pytest.raises(HurenError) as refused:
        await quick.comes_back(parameters={"error": error, "code": None})

    assert refused.value.code is ErrorCode.LOGIN_UNAVAILABLE


async def test_a_parameter_stands_once(quick: Relying) -> None:
    login, answer = await began(quick)

    with pytest.raises(HurenError) as refused:
        await quick.login.finish(MultiDict([*answer.items(), ("code", "c-2")]), login.browser_cookie)

    assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED


async def test_a_state_is_good_once(relying: Relying) -> None:
    login, answer = await began(relying)
    await relying.login.finish(answer, login.browser_cookie)

    with pytest.raises(HurenError) as refused:
        await relying.login.finish(answer, login.browser_cookie)

    assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED
    assert await count(relying, tables.sessions) == 1
    assert len(relying.forged.forms) == 1


async def test_a_state_is_good_once_also_at_the_same_time(relying: Relying) -> None:
    login, answer = await began(relying)

    results = await asyncio.gather(
        *(relying.login.finish(answer, login.browser_cookie) for _ in range(4)), return_exceptions=True
    )

    assert sum(isinstance(result, HurenError) for result in results) == 3
    assert await count(relying, tables.sessions) == 1


async def test_a_state_that_another_browser_brought_is_used_up(relying: Relying) -> None:
    login, answer = await began(relying)
    other, _ = await began(relying)

    for cookie in (other.browser_cookie, login.browser_cookie):
        with pytest.raises(HurenError) as refused:
            await relying.login.finish(answer, cookie)
        assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED


@pytest.mark.parametrize(("later", "is_in_time"), [(LOGIN_LIMIT, False), (LOGIN_LIMIT - timedelta(seconds=1), True)])
async def test_a_login_has_ten_minutes(relying: Relying, later: timedelta, *, is_in_time: bool) -> None:
    login, answer = await began(relying)
    relying.clock.go_on(later)
    nonce = asked_for(login.url)["nonce"]
    relying.forged.id_token = relying.forged.sign(relying.forged.id_claims(nonce))

    if is_in_time:
        await relying.login.finish(answer, login.browser_cookie)
    else:
        with pytest.raises(HurenError) as refused:
            await relying.login.finish(answer, login.browser_cookie)
        assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED


async def test_logins_that_never_came_back_are_forgotten(relying: Relying) -> None:
    for _ in range(3):
        await relying.login.begin(WEB, "/")
    relying.clock.go_on(timedelta(hours=1))
    await relying.login.begin(WEB, "/")

    assert await count(relying, tables.logins) == 1


async def test_a_name_here_stays_with_its_person(relying: Relying) -> None:
    first, again, other = [await relying.person(sub=sub) for sub in ("a", "a", "b")]

    assert first.person == again.person != other.person
    assert len({first.session_name, again.session_name, other.session_name}) == 3
    assert await count(relying, tables.persons) == 2


async def test_a_name_here_stays_with_its_person_also_at_the_same_time(relying: Relying) -> None:
    claims = PersonClaims(level=query_pb2.IDENTITY_LEVEL_HIGH, represents=frozenset(), staff=None)
    token = IdToken(subject="0f9a", session="", claims=claims)

    results = await asyncio.gather(*(relying.sessions.begin(token, channel=WEB) for _ in range(6)))

    assert len({person.person for _, person in results}) == 1
    assert len({cookie for cookie, _ in results}) == 6


async def test_what_is_logged_holds_no_code_token_or_subject(quick: Relying) -> None:
    with capture_logs() as logs:
        login, answer = await began(quick)
        finished = await quick.login.finish(answer, login.browser_cookie)
        with pytest.raises(HurenError):
            await quick.login.finish(answer, login.browser_cookie)
        with pytest.raises(HurenError):
            await quick.comes_back(nonce="another")

    told = json.dumps(logs)
    assert len(logs) == 3
    secrets = [*answer.values(), finished.cookie, login.browser_cookie, quick.forged.id_token, "0f9a"]
    assert [secret for secret in secrets if secret in told] == []
