"""What the provider says of itself and its keys: what is believed, how long it is kept, and what cannot be worked with."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from joserfc.jwk import ECKey, OctKey, RSAKey
from structlog.testing import capture_logs

from contract.errors import ErrorCode, HurenError
from gateway.config import IdentitySettings
from gateway.identity.provider import (
    MAX_ANSWER_BYTES,
    IdentityProvider,
    ProviderUnavailableError,
    Timing,
    open_identity_provider,
)
from tests.support.forged_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    REDIRECT_URI,
    ForgedProvider,
    Relying,
    StandingClock,
    public,
    signing_key,
)

DISCOVERY = "/.well-known/openid-configuration"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def says(**arguments: Any) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(**arguments)

    return answer


async def breaks_off(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def seen(session: aiohttp.ClientSession, issuer: str, **changes: Any) -> IdentityProvider:
    arguments: dict[str, Any] = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "clock": StandingClock()}
    return IdentityProvider(session, issuer=issuer, **(arguments | changes))


# --- Discovery --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "issuer",
    [
        "http://idp.example",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://",
        "https://idp.example/?a=1",
        "https://idp.example/?",
        "https://idp.example/#a",
        "https://user@idp.example",
        "https://idp.example:port",
        "https://idp.exämple",
        "",
    ],
)
async def test_an_issuer_is_https_or_on_loopback(issuer: str) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ValueError, match="issuer"):
            seen(session, issuer)


@pytest.mark.parametrize(
    "issuer", ["https://idp.example", "https://idp.example/realm/", "http://127.0.0.1:1", "http://[::1]:1"]
)
async def test_such_issuers_are_taken(issuer: str) -> None:
    async with aiohttp.ClientSession() as session:
        assert seen(session, issuer).issuer == issuer


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"issuer": "https://idp.example"}, id="another issuer"),
        pytest.param({"issuer": None}, id="no issuer"),
        pytest.param({"jwks_uri": None}, id="no keys"),
        pytest.param({"token_endpoint": 7}, id="a number for an address"),
        pytest.param({"authorization_endpoint": "http://idp.example/auth"}, id="people sent in the clear"),
        pytest.param({"token_endpoint": "http://idp.example/token"}, id="codes sent in the clear"),
        pytest.param({"jwks_uri": "http://192.0.2.1/jwks"}, id="keys fetched in the clear"),
        pytest.param({"end_session_endpoint": "javascript:alert(1)"}, id="no address for logging out"),
        pytest.param({"jwks_uri": "https://idp.example:port/jwks"}, id="an address with a wrong port"),
        pytest.param({"code_challenge_methods_supported": ["plain"]}, id="no PKCE with S256"),
        pytest.param({"token_endpoint_auth_methods_supported": ["none"]}, id="no client_secret_basic"),
    ],
)
async def test_a_document_that_cannot_be_worked_with_logs_nobody_in(quick: Relying, document: dict[str, Any]) -> None:
    quick.forged.document = document

    with pytest.raises(HurenError) as refused:
        await quick.comes_back()

    assert refused.value.code is ErrorCode.LOGIN_UNAVAILABLE


ANSWERS: dict[str, Answer] = {
    "an error": says(status=404),
    "a redirect": says(status=302, headers={"Location": "/elsewhere"}),
    "a page": says(text="{}", content_type="text/html"),
    "compressed": says(body=b"", content_type="application/json", headers={"Content-Encoding": "gzip"}),
    "no JSON": says(text="{", content_type="application/json"),
    "an array": says(text="[]", content_type="application/json"),
    "too deep": says(text="[" * 100_000, content_type="application/json"),
    "too much": says(text=json.dumps({"x": "x" * MAX_ANSWER_BYTES}), content_type="application/json"),
}


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token"])
@pytest.mark.parametrize("case", ANSWERS)
async def test_an_answer_that_cannot_be_read_is_one_error_and_is_not_asked_for_again(
    quick: Relying, path: str, case: str
) -> None:
    quick.forged.answers[path] = [ANSWERS[case]]

    with capture_logs() as logs, pytest.raises(HurenError) as refused:
        await quick.comes_back()

    assert refused.value.code is ErrorCode.LOGIN_UNAVAILABLE
    assert quick.forged.asked.count(path) == 1
    assert [line["event"] for line in logs] == ["identity provider cannot be asked"]


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks"])
@pytest.mark.parametrize("fault", [breaks_off, says(status=500), says(status=503)])
async def test_what_only_reads_is_tried_again(quick: Relying, path: str, fault: Answer) -> None:
    quick.forged.answers[path] = [fault, fault]

    await quick.comes_back()

    assert quick.forged.asked.count(path) == 3


@pytest.mark.parametrize("fault", [breaks_off, says(status=500)])
async def test_a_code_is_not_sent_twice(quick: Relying, fault: Answer) -> None:
    quick.forged.answers["/token"] = [fault]

    with pytest.raises(HurenError) as refused:
        await quick.comes_back()

    assert refused.value.code is ErrorCode.LOGIN_UNAVAILABLE
    assert quick.forged.asked.count("/token") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"error": "invalid_grant"}, ErrorCode.LOGIN_NOT_COMPLETED),
        ({"error": 7}, ErrorCode.LOGIN_NOT_COMPLETED),
        ({"error": "invalid_client"}, ErrorCode.LOGIN_UNAVAILABLE),
    ],
)
async def test_a_code_that_is_refused_is_the_persons_and_a_client_that_is_refused_is_ours(
    quick: Relying, error: dict[str, object], code: ErrorCode
) -> None:
    quick.forged.answers["/token"] = [says(status=400, text=json.dumps(error), content_type="application/json")]

    with pytest.raises(HurenError) as refused:
        await quick.comes_back()

    assert refused.value.code is code


async def test_silence_is_one_error(quick: Relying) -> None:
    quick.forged.answers[DISCOVERY] = [never]
    async with aiohttp.ClientSession() as session:
        provider = seen(session, quick.forged.issuer, timing=Timing(timeout_s=0.05))
        with pytest.raises(ProviderUnavailableError):
            await provider.discovery()


async def test_who_waits_for_the_same_shares_its_failure(forged: ForgedProvider, quick: Relying) -> None:
    forged.answers[DISCOVERY] = [says(status=404)]

    results = await asyncio.gather(*(quick.provider.discovery() for _ in range(5)), return_exceptions=True)

    assert [type(result) for result in results] == [ProviderUnavailableError] * 5
    assert forged.asked == [DISCOVERY]
    assert (await quick.provider.discovery()).issuer == forged.issuer


async def test_what_it_says_of_itself_is_kept_for_an_hour(quick: Relying) -> None:
    await quick.provider.discovery()
    quick.clock.go_on(timedelta(minutes=59))
    await quick.provider.discovery()
    assert quick.forged.asked == [DISCOVERY]
    quick.clock.go_on(timedelta(minutes=1))
    await quick.provider.discovery()
    assert quick.forged.asked == [DISCOVERY] * 2


async def test_the_code_is_sent_with_the_clients_secret_the_verifier_and_the_address(quick: Relying) -> None:
    await quick.comes_back()

    (form,) = quick.forged.forms
    verifier, authorization = form.pop("code_verifier"), form.pop("Authorization")
    assert form == {"grant_type": "authorization_code", "code": "c-1", "redirect_uri": REDIRECT_URI}
    assert len(verifier) == 43
    assert base64.b64decode(authorization.removeprefix("Basic ")).decode() == f"{CLIENT_ID}:secret+of+the+test"


# --- Keys -------------------------------------------------------------------------------------------------------------


async def test_a_new_key_is_fetched_when_it_is_met(quick: Relying) -> None:
    await quick.comes_back()
    quick.forged.rotate("two")
    quick.clock.go_on(timedelta(seconds=30))

    await quick.comes_back()

    assert quick.forged.asked.count("/jwks") == 2


async def test_a_key_that_was_rotated_away_verifies_nothing_once_the_keys_are_read_again(quick: Relying) -> None:
    await quick.comes_back()
    old = quick.forged.key
    quick.forged.rotate("two")
    quick.clock.go_on(timedelta(minutes=5))

    with pytest.raises(HurenError) as refused:
        await quick.comes_back(lambda nonce: quick.forged.sign(quick.forged.id_claims(nonce), key=old))

    assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED


async def test_keys_that_are_too_old_are_not_used_where_there_are_no_others(quick: Relying) -> None:
    await quick.comes_back()
    quick.clock.go_on(timedelta(minutes=5))
    quick.forged.answers["/jwks"] = [says(status=404)]

    with pytest.raises(HurenError) as refused:
        await quick.comes_back()

    assert refused.value.code is ErrorCode.LOGIN_UNAVAILABLE


@pytest.mark.parametrize("answers", [[], [says(status=404)] * 9])
async def test_made_up_keys_are_asked_for_once_in_a_while(quick: Relying, answers: list[Answer]) -> None:
    await quick.comes_back()
    quick.clock.go_on(timedelta(seconds=30))
    quick.forged.answers["/jwks"] = answers

    for name in "abc":
        with pytest.raises(HurenError):
            await quick.comes_back(
                lambda nonce, kid=name: quick.forged.sign(quick.forged.id_claims(nonce), kid=kid)  # type: ignore[misc]
            )

    assert quick.forged.asked.count("/jwks") == 2


async def test_whose_key_is_known_does_not_wait_while_another_is_asked_for(quick: Relying) -> None:
    """What happens: somebody comes with a made-up key, and the provider is slow to say what keys there are.

    What must result: who comes with a key that is known is served meanwhile.
    """
    forged, asked, answered = quick.forged, asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        asked.set()
        await answered.wait()
        return web.Response(status=404)

    good = forged.sign(forged.id_claims("n"))
    async with aiohttp.ClientSession() as session:
        provider = seen(session, forged.issuer, clock=quick.clock, timing=Timing(timeout_s=60))
        await provider.verified(good, CLIENT_ID)
        quick.clock.go_on(timedelta(seconds=30))
        forged.answers["/jwks"] = [slow]
        made_up = asyncio.create_task(provider.verified(forged.sign(forged.id_claims("n"), kid="made-up"), CLIENT_ID))
        await asked.wait()

        header, _, _ = await provider.verified(good, CLIENT_ID)

        assert (header.key_id, made_up.done()) == (forged.key.kid, False)
        answered.set()
        with pytest.raises(ProviderUnavailableError):
            await made_up


def short_key() -> dict[str, Any]:
    return public(RSAKey.generate_key(1024, {"kid": "one", "alg": "RS256", "use": "sig"}))


UNUSABLE: dict[str, Callable[[ForgedProvider], list[dict[str, Any]]]] = {
    "none": lambda _: [],
    "for encryption": lambda forged: [public(forged.key, use="enc")],
    "for another algorithm": lambda forged: [public(forged.key, alg="ES384")],
    "for signing only": lambda forged: [public(forged.key, use=None, key_ops=["sign"])],
    "two of one id": lambda forged: [public(forged.key), public(signing_key("one"))],
    "no id": lambda forged: [public(forged.key, kid=None)],
    "a private key": lambda forged: [dict(forged.key.as_dict(private=True))],
    "a secret": lambda _: [dict(OctKey.generate_key(256, {"kid": "one"}).as_dict(private=True))],
    "a short key": lambda _: [short_key()],
    "another curve": lambda _: [public(ECKey.generate_key("P-384", {"kid": "one"}))],
    "nonsense": lambda _: [{"kty": "EC", "kid": "one", "crv": "P-256", "x": "?", "y": 7}],
    "unknown": lambda _: [{"kty": "AKP", "kid": "one"}],
}


@pytest.mark.filterwarnings("ignore:.*key size.*")
@pytest.mark.parametrize("case", UNUSABLE)
async def test_a_key_that_is_for_nothing_verifies_nothing(quick: Relying, case: str) -> None:
    quick.forged.published = UNUSABLE[case](quick.forged)

    with pytest.raises(HurenError) as refused:
        await quick.comes_back()

    assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED


async def test_keys_for_other_purposes_do_no_harm(quick: Relying) -> None:
    others = [entry for name, make in UNUSABLE.items() if name in {"unknown", "no id"} for entry in make(quick.forged)]
    quick.forged.published = [*others, public(quick.forged.key, use=None, alg=None)]

    await quick.comes_back()


# --- Opening ----------------------------------------------------------------------------------------------------------


async def test_it_is_opened_by_the_settings(tmp_path: Path, quick: Relying) -> None:
    forged = quick.forged
    secret = tmp_path / "secret"
    secret.write_text(f"{CLIENT_SECRET}\n")
    settings = IdentitySettings(issuer=forged.issuer, client_id=CLIENT_ID, client_secret=secret)

    async with open_identity_provider(settings, clock=forged.clock) as provider:
        assert await provider.authorization_url({"a": "&"}) == f"{forged.issuer}/auth?client_id={CLIENT_ID}&a=%26"


@pytest.mark.parametrize("content", ["", "\n", "a\x00b"])
async def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(content)
    settings = IdentitySettings(issuer="https://idp.example", client_id=CLIENT_ID, client_secret=secret)
    with pytest.raises(ValueError, match="secret"):
        async with open_identity_provider(settings, clock=StandingClock()):
            pass
