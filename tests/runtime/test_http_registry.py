"""The registry that is asked over HTTP: what it knows is found, and nothing but a clear answer counts as one."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from contract.province import Province
from contract.registry import FormerCode, FormerName, Registration, RegistryEntry, RegistryUnavailableError
from contract.uscc import Uscc
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from runtime import member
from runtime.database import open_database
from runtime.errors import SettingsError
from runtime.http_registry import (
    MAX_ANSWER_BYTES,
    MAX_NAME_CHARACTERS,
    HttpRegistry,
    HttpRegistrySettings,
    open_http_registry,
)
from runtime.identity import MemberPeer
from runtime.member import MemberSettings
from runtime.registry import TableRegistry
from runtime.settings import load_settings
from sandbox.pki import PKI, Authority
from sandbox.platforms import listening
from sandbox.registry_server import Subjects, make_app
from tests.support.federation import registry_entry, uscc

ONE, TWO = uscc(1), uscc(2)

FULL = RegistryEntry(
    uscc=TWO,
    name="示例（北京）ＡＢ有限公司",
    kind=common_pb2.SUBJECT_KIND_ENTERPRISE,
    status=common_pb2.REGISTRATION_STATUS_CANCELLED,
    cancelled_on=date(2025, 7, 25),
    registrations=(
        Registration(province=Province.BEIJING, since=date(2010, 1, 4)),
        Registration(province=None, since=date(2020, 6, 1)),
    ),
    former_names=(FormerName(name="示例机械厂", valid_to=date(2012, 1, 1)),),
    former_codes=(FormerCode(uscc=uscc(7)),),
    registration_number="110105000000001",
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def settings(url: str, **changes: Any) -> HttpRegistrySettings:
    fields: dict[str, Any] = {"url": url, "timeout_s": 30.0}
    return HttpRegistrySettings(**(fields | changes))


@asynccontextmanager
async def asking(handler: Handler, **changes: Any) -> AsyncIterator[HttpRegistry]:
    """A registry that answers as a test wants, and the way to it."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with listening(app) as url, open_http_registry(settings(url, **changes)) as registry:
        yield registry


def says(document: Any, **changes: Any) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        text = document if isinstance(document, str) else json.dumps(document)
        return web.Response(**({"text": text, "content_type": "application/json"} | changes))

    return answer


# --- What it knows ----------------------------------------------------------------------------------------------------


async def test_what_the_registry_knows_is_found_and_what_it_does_not_is_unknown() -> None:
    app = make_app(Subjects([registry_entry(ONE), FULL]))
    async with listening(app) as url, open_http_registry(settings(url)) as registry:
        assert await registry.lookup(ONE) == registry_entry(ONE)
        assert await registry.lookup(TWO) == FULL
        assert await registry.lookup(uscc(3)) is None


NAMES = (
    *("示例（北京）ＡＢ有限公司", "示例〔北京〕ab有限公司", "示例【北京】AB有限公司", " 示例(北京)Ab 有限公司"),
    *("示例机械厂", "示例\x00机械厂", "示例\u200b机械厂", "示例\ud800机械厂", "示例\u3000机械厂"),
    *("示例机械", "示例北京AB有限公司", "", " ", "\x00", "示例%", "示" * MAX_NAME_CHARACTERS, "示" * 100_000),
)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:40])
async def test_a_name_is_known_over_http_exactly_where_it_is_known_embedded(tmp_path: Path, name: str) -> None:
    file = tmp_path / "registry.jsonl"
    file.write_text(f"{FULL.model_dump_json()}\n", "utf-8")
    async with open_database(f"sqlite:///{tmp_path / 'store.db'}") as database:
        embedded = TableRegistry(database)
        await embedded.load(file)
        async with listening(make_app(Subjects([FULL]))) as url, open_http_registry(settings(url)) as asked:
            assert await asked.knows_name(name) == await embedded.knows_name(name) == (NAMES.index(name) < 9)


async def test_a_code_stands_in_no_address_and_no_header() -> None:
    seen: list[tuple[str, str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((str(request.url), str(request.headers), await request.json()))
        return web.json_response({"subject": None})

    async with asking(answer) as registry:
        await registry.lookup(ONE)
    ((address, headers, body),) = seen
    assert body == {"uscc": ONE}
    assert ONE not in address + headers
    assert address.endswith("/lookup")


async def test_the_token_of_the_file_is_borne_and_another_is_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with listening(make_app(Subjects([FULL]), "示例".encode().hex())) as url:
        token.write_text("示例".encode().hex() + "\n")
        async with open_http_registry(settings(url, token_file=token)) as registry:
            assert await registry.lookup(TWO) == FULL
        token.write_text("another")
        async with open_http_registry(settings(url, token_file=token)) as registry:
            with pytest.raises(RegistryUnavailableError, match="got 401"):
                await registry.lookup(TWO)


# --- What is no clear answer ------------------------------------------------------------------------------------------

ENTRY: dict[str, Any] = json.loads(registry_entry(ONE).model_dump_json())


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param(says("", status=500), id="500"),
        pytest.param(says({"subject": None}, status=404), id="404"),
        pytest.param(says({"subject": None}, status=201), id="201"),
        pytest.param(says("", status=302, headers={"Location": "/elsewhere"}), id="redirect"),
        pytest.param(says({"subject": None}, content_type="text/plain"), id="text"),
        pytest.param(says(""), id="empty"),
        pytest.param(says("{"), id="half"),
        pytest.param(says("null"), id="null"),
        pytest.param(says("[" * 100_000), id="deep"),
        pytest.param(says({}), id="no member"),
        pytest.param(says({"subject": {}}), id="empty entry"),
        pytest.param(says({"subject": None, "more": 1}), id="one member more"),
        pytest.param(says('{"subject": null, "subject": null}'), id="a member twice"),
        pytest.param(says({"known": False}), id="another answer"),
        pytest.param(says({"subject": ENTRY | {"uscc": TWO}}), id="another subject"),
        pytest.param(says({"subject": ENTRY | {"more": 1}}), id="one member of the entry more"),
        pytest.param(says({"subject": ENTRY | {"kind": "1"}}), id="text for a number"),
        pytest.param(says({"subject": ENTRY | {"registrations": []}}), id="registered nowhere"),
        pytest.param(
            says(
                {"subject": ENTRY | {"registrations": [{"province": home, "since": "2010-01-04"} for home in (11, 12)]}}
            ),
            id="two homes on one day",
        ),
        pytest.param(says({"subject": ENTRY | {"registrations": [{"province": 31, "since": "2010-01-04"}]}}), id="31"),
        pytest.param(says({"subject": None, "": "x" * MAX_ANSWER_BYTES}), id="too large"),
        pytest.param(says({"subject": None}, headers={"Content-Encoding": "gzip"}), id="says it is compressed"),
    ],
)
async def test_whatever_is_no_clear_answer_is_never_taken_for_unknown(handler: Handler) -> None:
    async with asking(handler) as registry:
        with pytest.raises(RegistryUnavailableError) as caught:
            await registry.lookup(ONE)
    assert ONE not in str(caught.value)
    assert "示例" not in str(caught.value)


async def test_a_redirect_is_not_followed_wherever_it_leads() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/lookup":
            raise web.HTTPTemporaryRedirect("/elsewhere")
        return web.json_response({"subject": None})

    async with asking(answer) as registry:
        with pytest.raises(RegistryUnavailableError, match="got 307"):
            await registry.lookup(ONE)


@pytest.mark.parametrize(
    "document", [{}, {"known": None}, {"known": 0}, {"known": "false"}, {"subject": None}], ids=str
)
async def test_no_name_is_unknown_by_an_answer_that_does_not_say_so(document: Any) -> None:
    async with asking(says(document)) as registry:
        with pytest.raises(RegistryUnavailableError):
            await registry.knows_name("示例机械厂")


async def test_a_registry_where_nobody_listens_cannot_be_asked() -> None:
    async with open_http_registry(settings("http://127.0.0.1:9")) as registry:
        with pytest.raises(RegistryUnavailableError):
            await registry.lookup(ONE)


async def test_a_registry_that_is_silent_cannot_be_asked_once_the_deadline_is_past() -> None:
    released = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await released.wait()
        return web.json_response({"subject": None})

    async with asking(answer, timeout_s=0.2) as registry:
        with pytest.raises(RegistryUnavailableError, match=r"no answer within 0\.2 seconds"):
            await registry.lookup(ONE)
        released.set()


async def test_an_answer_that_never_ends_is_given_up_at_the_limit() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 65_536)
        except ConnectionError:
            return response

    async with asking(answer) as registry:
        with pytest.raises(RegistryUnavailableError, match="got more"):
            await registry.lookup(ONE)


def breaking(times: int, tries: list[str]) -> Handler:
    """Breaks so many connections before it answers."""

    async def answer(request: web.Request) -> web.Response:
        tries.append(request.path)
        if len(tries) <= times and request.transport is not None:
            request.transport.close()
        return web.json_response({"subject": None})

    return answer


async def test_a_connection_that_breaks_is_tried_once_more() -> None:
    tries: list[str] = []
    async with asking(breaking(1, tries)) as registry:
        assert await registry.lookup(ONE) is None
    assert len(tries) == 2


async def test_a_connection_that_breaks_again_is_given_up() -> None:
    tries: list[str] = []
    async with asking(breaking(9, tries)) as registry:
        with pytest.raises(RegistryUnavailableError):
            await registry.lookup(ONE)
    assert len(tries) == 2


async def test_an_answer_is_not_kept() -> None:
    subjects = Subjects([registry_entry(ONE)])
    async with listening(make_app(subjects)) as url, open_http_registry(settings(url)) as registry:
        assert await registry.lookup(ONE) is not None
        subjects.tell([])
        assert await registry.lookup(ONE) is None
        assert not await registry.knows_name(registry_entry(ONE).name)


# --- TLS and settings -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def listening_with_tls(app: web.Application, pki: PKI) -> AsyncIterator[str]:
    tls = pki.member_tls(MemberPeer(Province.BEIJING, envelope_pb2.MEMBER_ROLE_GATEWAY))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.certificate, tls.private_key)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_registry_is_believed_by_the_authority_that_the_settings_name_and_by_no_other(pki: PKI) -> None:
    async with listening_with_tls(make_app(Subjects([FULL])), pki) as url:
        async with open_http_registry(settings(url, trusted_roots=pki.root(Authority.MEMBERS))) as registry:
            assert await registry.lookup(TWO) == FULL
        for roots in (pki.root(Authority.CLIENTS), None):
            async with open_http_registry(settings(url, trusted_roots=roots)) as registry:
                with pytest.raises(RegistryUnavailableError):
                    await registry.lookup(TWO)


def member_file(folder: Path, registry: str, mode: str = "sandbox") -> Path:
    path = folder / "member.toml"
    path.write_text(
        f"""
province = "beijing"
mode = "{mode}"
listen = {{host = "127.0.0.1", port = 0}}
tls = {{certificate = "a.pem", private_key = "a.key", trusted_roots = "roots.pem"}}
signing_key = "signing.key"
trust = "trust"
database = "sqlite:////store.db"
registry = {registry}
announce = "announced.json"
""",
        "utf-8",
    )
    return path


def test_the_setting_is_a_path_or_a_table(tmp_path: Path) -> None:
    embedded = load_settings(MemberSettings, member_file(tmp_path, '"registry.jsonl"'))
    assert embedded.registry == tmp_path / "registry.jsonl"
    asked = load_settings(
        MemberSettings, member_file(tmp_path, '{url = "http://registry.example/v1", token_file = "token"}')
    )
    assert asked.registry == HttpRegistrySettings(
        url="http://registry.example/v1", timeout_s=5.0, token_file=tmp_path / "token", trusted_roots=None
    )


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("1", id="a number"),
        pytest.param("{}", id="no url"),
        pytest.param('{url = "ftp://registry.example"}', id="another scheme"),
        pytest.param('{url = "https://registry.example/"}', id="slash at the end"),
        pytest.param('{url = "https://registry.example/?uscc="}', id="query"),
        pytest.param('{url = "https://registry.example", timeout_s = 0}', id="no time"),
        pytest.param('{url = "https://registry.example", more = 1}', id="unknown key"),
    ],
)
def test_a_setting_of_another_form_is_refused_by_its_key(tmp_path: Path, written: str) -> None:
    with pytest.raises(SettingsError, match="registry"):
        load_settings(MemberSettings, member_file(tmp_path, written))


@pytest.mark.parametrize(
    ("table", "mode", "told"),
    [
        pytest.param(
            '{url = "http://registry.example"}', "production", "registry.url: expected https", id="clear text"
        ),
        pytest.param(
            '{url = "https://registry.example", token_file = "none"}', "sandbox", "FileNotFound", id="no file"
        ),
        pytest.param(
            '{url = "https://registry.example", token_file = "empty"}', "sandbox", "ValueError", id="no token"
        ),
        pytest.param(
            '{url = "https://registry.example", trusted_roots = "empty"}', "sandbox", "SSLError", id="no roots"
        ),
    ],
)
async def test_a_registry_that_cannot_be_set_up_stops_the_start(
    tmp_path: Path, table: str, mode: str, told: str
) -> None:
    (tmp_path / "empty").write_text("")
    path = member_file(tmp_path, table, mode)
    loaded = load_settings(MemberSettings, path)
    with pytest.raises(SettingsError, match=told):
        await entered(loaded, path)


async def test_a_member_asks_the_registry_of_its_settings(tmp_path: Path) -> None:
    async with listening(make_app(Subjects([FULL]))) as url:
        path = member_file(tmp_path, f'{{url = "{url}"}}')
        assert await entered(load_settings(MemberSettings, path), path, TWO) == FULL


async def entered(loaded: MemberSettings, path: Path, code: Uscc | None = None) -> RegistryEntry | None:
    """What the registry of the settings says, while it is open."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database("sqlite:////nowhere/store.db"))
        registry = await member._registry(loaded, database, path, stack)
        return None if code is None else await registry.lookup(code)
