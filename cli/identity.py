"""The identity provider of a sandbox federation: one for all four provinces, whose people are invented.

It runs in a thread of its own for the time of a block. It needs packages of npm (`make sandbox/identity/node_modules/.stamp`);
without them nobody can log in, and everything else runs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from contract.province import Province
from contract.uscc import Uscc
from sandbox.identity_provider import LEVELS, LIBRARY, Client, IdentityProviderProcess, Program

AUDIENCE: Final = "urn:huren:sandbox:api"
"""What access tokens of programs are made out for."""

_WITHIN_S: Final = 90.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class People:
    """An identity provider that runs.

    Attributes:
        issuer: Its issuer identifier.
        folder: Where its secrets are.
        acts_for: The codes of `enterprise`, `second_enterprise`, `bank` and `authority`.
    """

    issuer: str
    folder: Path
    acts_for: Mapping[str, Uscc]
    _provider: IdentityProviderProcess
    _loop: asyncio.AbstractEventLoop

    def settings(self, province: Province) -> Mapping[str, object]:
        """The table `identity` of a gateway's settings."""
        return {
            "issuer": self.issuer,
            "client_id": client_id(province),
            "client_secret": str(self._provider.secret_file(client_id(province))),
            "audience": AUDIENCE,
        }

    @property
    def levels(self) -> Mapping[str, str]:
        """The table `identity.levels`."""
        return LEVELS

    def register(self, province: Province, public_url: str) -> None:
        """Tells the provider where a gateway's logins come back to."""
        client = Client(
            client_id=client_id(province),
            redirect_uris=(f"{public_url}/auth/callback",),
            post_logout_redirect_uris=(f"{public_url}/", f"{public_url}/terminal"),
            backchannel_logout_uri=f"{public_url}/auth/backchannel-logout",
        )
        self.call(self._provider.register(client))

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Does something with the provider, in its thread."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(_WITHIN_S)

    @property
    def provider(self) -> IdentityProviderProcess:
        """The provider itself; use it by `call`."""
        return self._provider


def client_id(province: Province) -> str:
    """As which client a gateway is known there."""
    return f"gateway-{province:02d}"


def installed() -> bool:
    """Whether the provider's packages are there."""
    return LIBRARY.is_dir()


@contextmanager
def identity_provider(folder: Path, enterprises: Mapping[str, Uscc]) -> Iterator[People]:
    """Runs the provider for the time of the block.

    Args:
        folder: An own folder, which is made.
        enterprises: For whom its people act: `enterprise`, `second_enterprise`, `bank` and `authority`.

    Raises:
        IdentityProviderError: It did not come up.
    """
    folder.mkdir(mode=0o700)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="identity-provider", daemon=True)
    thread.start()
    provider = IdentityProviderProcess(
        folder,
        enterprises=enterprises,
        clients=[Client(client_id=client_id(province)) for province in Province],
        programs=[Program(client_id="program-enterprise", enterprise=enterprises["enterprise"])],
        audiences=[AUDIENCE],
    )
    try:
        asyncio.run_coroutine_threadsafe(provider.__aenter__(), loop).result(_WITHIN_S)
        try:
            yield People(provider.issuer, folder, enterprises, provider, loop)
        finally:
            asyncio.run_coroutine_threadsafe(provider.stop(), loop).result(_WITHIN_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_WITHIN_S)
        loop.close()
