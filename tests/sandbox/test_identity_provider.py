"""The stand-in of the identity provider: it starts, says who it is, keeps to its rules, and leaves nothing behind."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import aiohttp
import pytest

from gateway.domain.persons import SEPARATE_ROLES, StaffRole
from sandbox.identity_provider import (
    ACR,
    FOLDER,
    LIBRARY,
    Client,
    IdentityProviderError,
    IdentityProviderProcess,
    Program,
    known_users,
)
from tests.support.identity import ENTERPRISES, identity_provider


async def test_it_says_who_it_is_and_what_it_can(tmp_path: Path) -> None:
    async with (
        identity_provider(tmp_path) as provider,
        aiohttp.ClientSession() as session,
        session.get(f"{provider.issuer}/.well-known/openid-configuration") as response,
    ):
        document = await response.json()

    assert document["issuer"] == provider.issuer
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["response_types_supported"] == ["code"]
    assert document["id_token_signing_alg_values_supported"] == ["ES256"]
    assert document["backchannel_logout_supported"]
    assert document["authorization_response_iss_parameter_supported"]
    assert document["acr_values_supported"] == list(ACR.values())


async def test_secrets_are_their_owners_and_no_two_are_the_same(tmp_path: Path) -> None:
    clients = (Client(client_id="one", redirect_uris=("https://one.example/callback",)),)
    programs = (Program(client_id="two", enterprise=ENTERPRISES["enterprise"]),)
    async with identity_provider(tmp_path, clients=clients, programs=programs) as provider:
        files = [provider.secret_file(name) for name in ("one", "two")]

    assert len({file.read_text() for file in files}) == 2
    for file in (*files, tmp_path / "provider.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer x"])
@pytest.mark.parametrize("path", ["clients", "rotate", "unknown"])
async def test_what_is_for_tests_is_for_whoever_started_it(tmp_path: Path, token: str, path: str) -> None:
    async with identity_provider(tmp_path) as provider, aiohttp.ClientSession() as session:
        async with session.get(f"{provider.issuer}/jwks") as response:
            before = await response.json()
        headers = {"Authorization": token}
        async with session.post(f"{provider.issuer}/admin/{path}", json={}, headers=headers) as response:
            assert response.status == 401
        async with session.get(f"{provider.issuer}/jwks") as response:
            assert await response.json() == before


async def test_keys_are_made_at_the_start_and_can_be_changed(tmp_path: Path) -> None:
    async with identity_provider(tmp_path) as provider, aiohttp.ClientSession() as session:
        seen = []
        for _ in range(2):
            async with session.get(f"{provider.issuer}/jwks") as response:
                seen.append((await response.json())["keys"])
            await provider.rotate_keys()

    assert [len(keys) for keys in seen] == [1, 1]
    assert seen[0] != seen[1]
    assert all("d" not in key for keys in seen for key in keys)


async def test_a_client_can_be_registered_once_its_address_is_known(tmp_path: Path) -> None:
    address = "http://127.0.0.1:1/callback"
    query = {"client_id": "late", "redirect_uri": address, "response_type": "code", "scope": "openid"}
    async with identity_provider(tmp_path) as provider, aiohttp.ClientSession() as session:
        statuses = []
        for _ in range(2):
            async with session.get(f"{provider.issuer}/auth", params=query, allow_redirects=False) as response:
                statuses.append((response.status, response.headers.get("Location", "").partition("?")[0]))
            await provider.register(Client(client_id="late", redirect_uris=(address,)))

    assert statuses == [(400, ""), (303, address)]  # then it is told that PKCE is missing


async def test_a_program_gets_tokens_by_its_own_secret_for_known_audiences_only(tmp_path: Path) -> None:
    programs = (Program(client_id="program", enterprise=ENTERPRISES["enterprise"]),)
    async with identity_provider(tmp_path, programs=programs, audiences=("urn:a",)) as provider:
        assert (await provider.access_token("program", "urn:a")).count(".") == 2
        for name, audience in (("program", "urn:b"), ("another", "urn:a")):
            with pytest.raises(IdentityProviderError):
                await provider.access_token(name, audience)


async def test_it_ends_with_its_block_and_its_address_is_free_again(tmp_path: Path) -> None:
    async with identity_provider(tmp_path) as provider:
        issuer = provider.issuer
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{issuer}/jwks")


@pytest.mark.skipif(not LIBRARY.is_dir(), reason="not installed: make sandbox/identity/node_modules/.stamp")
async def test_a_user_without_an_enterprise_is_told_before_anything_starts(tmp_path: Path) -> None:
    provider = IdentityProviderProcess(tmp_path, enterprises={"enterprise": ENTERPRISES["enterprise"]})
    with pytest.raises(ValueError, match="second_enterprise"):
        await provider.__aenter__()


@pytest.mark.skipif(not LIBRARY.is_dir(), reason="not installed: make sandbox/identity/node_modules/.stamp")
async def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    async with identity_provider(tmp_path / "one") as provider:
        port = int(provider.issuer.rpartition(":")[2])
        with pytest.raises(IdentityProviderError, match="did not come up"):
            await IdentityProviderProcess(tmp_path / "two", enterprises=ENTERPRISES, port=port).__aenter__()


# --- The people -------------------------------------------------------------------------------------------------------


def test_there_is_somebody_of_each_role_and_for_each_way() -> None:
    entries = json.loads((FOLDER / "users.json").read_text("utf-8"))["users"]
    roles = {role for entry in entries for role in entry.get("staff", {}).get("roles", [])}
    conflicts = [
        entry["login"] for entry in entries if len(SEPARATE_ROLES & set(entry.get("staff", {}).get("roles", []))) > 1
    ]

    assert roles == set(StaffRole)
    assert {way for entry in entries for way in entry["ways"]} == set(ACR)
    assert conflicts == ["conflict"]


def test_every_name_is_an_invented_one_that_is_found_where_it_must_not_be() -> None:
    users = known_users()

    assert len({user.name for user in users.values()}) == len(users)
    assert [user.name for user in users.values() if not re.fullmatch(r"示例人员.", user.name)] == []


def test_the_lock_names_no_place_and_pins_every_package() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    manifest = json.loads((FOLDER / "package.json").read_text("utf-8"))
    assert [
        version for version in manifest["dependencies"].values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)
    ] == []
