"""Logging in at a real provider, over its real pages; and that it refuses what it has to refuse."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import update
from structlog.testing import capture_logs

from contract.errors import ErrorCode, HurenError
from gateway.config import IdentitySettings
from gateway.domain.persons import StaffRole
from gateway.identity.access_tokens import AccessTokens
from gateway.identity.login import BeganLogin, FinishedLogin, Login
from gateway.identity.provider import IdentityProvider, open_identity_provider
from gateway.identity.sessions import Sessions
from gateway.store import tables
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from runtime.database import Database, open_database
from sandbox.identity_provider import ACR, LEVELS, Client, IdentityProviderProcess, Program, known_users
from sandbox.platforms import listening
from tests.support.forged_provider import all_bytes, asked_for
from tests.support.identity import ENTERPRISES, LoginRefusedError, browser, identity_provider, log_in, log_out

CLIENT_ID = "gateway-11"
AUDIENCE = "https://gateway.example/api"
WEB = common_pb2.CHANNEL_WEB


class Shifted:
    """The machine's clock, which the provider has too, moved on when a test says so."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by


@dataclass
class Home:
    """A gateway's side and a provider that runs.

    Attributes:
        process: The provider.
        provider: How it is seen.
        sessions: Sessions.
        login: Logins.
        programs: Programs.
        database: Where all is kept.
        clock: Now.
        told: Logout tokens that the provider sent.
    """

    process: IdentityProviderProcess
    provider: IdentityProvider
    sessions: Sessions
    login: Login
    programs: AccessTokens
    database: Database
    clock: Shifted
    told: list[str]

    async def logged_in(
        self, user: str, way: str = "certificate", *, session: aiohttp.ClientSession | None = None
    ) -> FinishedLogin:
        """Somebody logs in as they would."""
        if session is None:
            async with browser() as own:
                return await self.logged_in(user, way, session=own)
        began = await self.login.begin(WEB, "/")
        return await self.finish(began, await log_in(session, began.url, user, way))

    async def finish(self, began: BeganLogin, url: str) -> FinishedLogin:
        return await self.login.finish(asked_for(url), began.browser_cookie)


@asynccontextmanager
async def home(folder: Path, prepared_file: Path) -> AsyncIterator[Home]:
    told: list[str] = []
    clock = Shifted()
    sessions: list[Sessions] = []

    async def be_told(request: web.Request) -> web.Response:
        token = str((await request.post())["logout_token"])
        told.append(token)
        await sessions[0].back_channel_logout(token)
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/backchannel", be_told)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(listening(app))
        client = Client(
            client_id=CLIENT_ID,
            redirect_uris=(f"{url}/callback",),
            post_logout_redirect_uris=(f"{url}/bye",),
            backchannel_logout_uri=f"{url}/backchannel",
        )
        programs = (
            Program(client_id="program", enterprise=ENTERPRISES["enterprise"]),
            Program(client_id="doubtful", enterprise=ENTERPRISES["enterprise"], acr=ACR["password"]),
        )
        process = await stack.enter_async_context(
            identity_provider(folder / "idp", clients=(client,), programs=programs, audiences=(AUDIENCE, "urn:another"))
        )
        settings = IdentitySettings(
            issuer=process.issuer, client_id=CLIENT_ID, client_secret=process.secret_file(CLIENT_ID)
        )
        provider = await stack.enter_async_context(open_identity_provider(settings, clock=clock))
        shutil.copy(prepared_file, folder / "home.db")
        database = await stack.enter_async_context(
            open_database(f"sqlite:///{folder / 'home.db'}", patience=timedelta(seconds=30))
        )
        sessions.append(
            Sessions(
                database=database,
                provider=provider,
                clock=clock,
                lifetime=timedelta(hours=12),
                idle=timedelta(minutes=30),
            )
        )
        login = Login(
            database=database,
            provider=provider,
            sessions=sessions[0],
            levels=LEVELS,
            redirect_uri=lambda: f"{url}/callback",
            clock=clock,
        )
        yield Home(
            process=process,
            provider=provider,
            sessions=sessions[0],
            login=login,
            programs=AccessTokens(provider=provider, audience=AUDIENCE, levels=LEVELS),
            database=database,
            clock=clock,
            told=told,
        )


@pytest.fixture
async def real(tmp_path: Path, prepared_file: Path) -> AsyncIterator[Home]:
    async with home(tmp_path, prepared_file) as made:
        yield made


ROLES: dict[str, set[StaffRole]] = {
    "officer": {StaffRole.OFFICER},
    "reviewer": {StaffRole.OFFICER, StaffRole.REVIEWER},
    "clerk": {StaffRole.WINDOW_CLERK},
    "clerk-2": {StaffRole.WINDOW_CLERK},
    "system": {StaffRole.SYSTEM_ADMINISTRATOR},
    "security": {StaffRole.SECURITY_ADMINISTRATOR},
    "audit": {StaffRole.AUDIT_ADMINISTRATOR},
    "bank": set(),
}
REPRESENTS = {"legal": "enterprise", "legal-2": "second_enterprise", "browser": "enterprise", "bank": "bank"}


async def test_everybody_logs_in_as_what_they_are_and_nobodys_name_reaches_us(real: Home) -> None:
    users = known_users()
    refs = set()
    with capture_logs() as logs:
        for login, user in users.items():
            if login == "conflict":
                with pytest.raises(HurenError) as refused:
                    await real.logged_in(login)
                assert refused.value.code is ErrorCode.ROLES_CONFLICT
                continue
            person = (await real.logged_in(login, user.ways[-1])).person
            refs.add(person.person)
            assert person.represents == ({ENTERPRISES[REPRESENTS[login]]} if login in REPRESENTS else set())
            assert (person.staff.roles if person.staff else None) == ROLES.get(login)
            low = login == "browser"
            assert person.level == (query_pb2.IDENTITY_LEVEL_BASIC if low else query_pb2.IDENTITY_LEVEL_HIGH)

    assert len(refs) == len(users) - 1
    async with real.database.read() as connection:
        kept = (await all_bytes(connection)).decode() + json.dumps(logs, ensure_ascii=False)
    assert [user.name for user in users.values() if user.name in kept] == []
    assert "示例人员" not in kept


@pytest.mark.parametrize(
    ("way", "level"),
    [
        ("password", query_pb2.IDENTITY_LEVEL_BASIC),
        ("real_name", query_pb2.IDENTITY_LEVEL_SUBSTANTIAL),
        ("certificate", query_pb2.IDENTITY_LEVEL_HIGH),
        ("licence", query_pb2.IDENTITY_LEVEL_HIGH),
    ],
)
async def test_the_way_of_logging_in_is_the_level_also_in_a_browser_that_was_logged_in(
    real: Home, way: str, level: int
) -> None:
    async with browser() as session:
        other = "password" if way != "password" else "certificate"
        await real.logged_in("legal", other, session=session)

        assert (await real.logged_in("legal", way, session=session)).person.level == level


async def test_whoever_has_only_a_password_cannot_choose_another_way(real: Home) -> None:
    with pytest.raises(LoginRefusedError, match="401"):
        await real.logged_in("browser", "certificate")


async def test_a_wrong_verifier_gets_nothing_for_the_code(real: Home) -> None:
    began = await real.login.begin(WEB, "/")
    async with browser() as session:
        url = await log_in(session, began.url, "legal")
    async with real.database.write() as connection:
        await connection.execute(update(tables.logins).values(code_verifier="x" * 43))

    with capture_logs() as logs, pytest.raises(HurenError) as refused:
        await real.finish(began, url)

    assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED
    assert [line.get("rule") for line in logs] == ["code"]


async def test_without_a_challenge_the_provider_lets_nobody_in(real: Home) -> None:
    began = await real.login.begin(WEB, "/")
    query = {name: value for name, value in asked_for(began.url).items() if not name.startswith("code_challenge")}
    address = began.url.partition("?")[0]
    async with browser() as session, session.get(f"{address}?{urlencode(query)}", allow_redirects=False) as response:
        assert dict(parse_qsl(urlsplit(response.headers["Location"]).query))["error"] == "invalid_request"


async def test_a_code_is_good_once(real: Home) -> None:
    """The code of a login that was completed is brought to another login of the same browser."""
    first, second = await real.login.begin(WEB, "/"), await real.login.begin(WEB, "/")
    async with browser() as session:
        url = await log_in(session, first.url, "legal")
    await real.finish(first, url)
    replayed = asked_for(url) | {"state": asked_for(second.url)["state"]}

    for began, parameters in ((first, asked_for(url)), (second, replayed)):
        with pytest.raises(HurenError) as refused:
            await real.login.finish(parameters, began.browser_cookie)
        assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED


async def test_the_code_of_somebody_else_logs_nobody_in(real: Home) -> None:
    """Code injection: a stolen code, brought to one's own login. PKCE and nonce belong to the other."""
    own, stolen = await real.login.begin(WEB, "/"), await real.login.begin(WEB, "/")
    async with browser() as session:
        url = await log_in(session, stolen.url, "legal")

    with pytest.raises(HurenError) as refused:
        await real.login.finish(asked_for(url) | {"state": asked_for(own.url)["state"]}, own.browser_cookie)

    assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED


async def test_keys_may_change_between_logins(real: Home) -> None:
    await real.logged_in("legal")
    await real.process.rotate_keys()
    real.clock.by = timedelta(seconds=31)

    await real.logged_in("legal")


async def test_a_token_of_before_is_worth_nothing_once_the_keys_are_read_again(real: Home) -> None:
    token = await real.process.access_token("program", AUDIENCE)
    await real.programs.caller_of(token)
    await real.process.rotate_keys()
    real.clock.by = timedelta(minutes=5)

    with pytest.raises(HurenError) as refused:
        await real.programs.caller_of(token)

    assert refused.value.code is ErrorCode.LOGIN_NEEDED


async def test_who_logs_out_here_can_log_out_there_and_everywhere(real: Home) -> None:
    async with browser() as session, browser() as elsewhere:
        here = await real.logged_in("legal", session=session)
        other = await real.logged_in("legal", session=elsewhere)
        url = await real.sessions.end(here.cookie, return_to=real.login._redirect_uri().replace("callback", "bye"))
        assert (await log_out(session, url)).endswith("/bye")

        assert len(real.told) == 1
        assert await real.sessions.find(other.cookie) == other.person
        assert (await log_out(elsewhere, await real.provider.logout_url(""))).startswith(real.process.issuer)
    assert await real.sessions.find(other.cookie) is None
    with pytest.raises(HurenError) as refused:
        await real.sessions.back_channel_logout(real.told[1])
    assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED


async def test_programs_get_tokens_for_us_and_tokens_for_others_are_not_taken(real: Home) -> None:
    caller = await real.programs.caller_of(await real.process.access_token("program", AUDIENCE))
    assert caller.uscc == ENTERPRISES["enterprise"]

    refusals: dict[tuple[str, str], Any] = {
        ("program", "urn:another"): ErrorCode.LOGIN_NEEDED,
        ("doubtful", AUDIENCE): ErrorCode.LEVEL_TOO_LOW,
    }
    for (program, audience), code in refusals.items():
        token = await real.process.access_token(program, audience)
        with pytest.raises(HurenError) as refused:
            await real.programs.caller_of(token)
        assert refused.value.code is code


async def test_where_the_provider_is_away_nobody_logs_in_and_whoever_is_logged_in_stays(real: Home) -> None:
    finished = await real.logged_in("legal")
    began = await real.login.begin(WEB, "/")
    async with browser() as session:
        url = await log_in(session, began.url, "legal")
    await real.process.stop()

    with pytest.raises(HurenError) as refused:
        await real.finish(began, url)

    assert refused.value.code is ErrorCode.LOGIN_UNAVAILABLE
    assert await real.sessions.find(finished.cookie) == finished.person
