"""How often who may ask over HTTP: an address, a person, a program. The REST API and the pages take from the same shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aiohttp import web

from contract.errors import ErrorCode, HurenError
from gateway.api.access import Program
from gateway.api.problems import Problem
from gateway.api.rate_limit import AtOnce, RateLimit, Taken, caller_address
from gateway.domain.persons import Person

_UPLOADS_AT_ONCE: Final = 3
"""Of one address, so that slow uploads of one cannot hold what all share. Source: system default, not confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often one may ask.

    Attributes:
        burst: At once.
        per_second: As often for ever.
    """

    burst: int
    per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RestLimits:
    """How often may be asked. Source: system default, not confirmed.

    Attributes:
        address: From an address, by nobody who is known.
        person: By a person.
        program: By the programs of an enterprise.
    """

    address: Share = Share(burst=120, per_second=2.0)
    person: Share = Share(burst=240, per_second=4.0)
    program: Share = Share(burst=1200, per_second=20.0)


class Shares:
    """How often who may ask."""

    def __init__(self, limits: RestLimits, *, trusted_proxies: int, monotonic: Callable[[], float]) -> None:
        """Takes what it needs.

        Args:
            limits: How often may be asked.
            trusted_proxies: How many proxies in front add to X-Forwarded-For.
            monotonic: Seconds of a clock that never goes back.
        """
        self._proxies = trusted_proxies
        self._limits = {
            name: RateLimit(burst=share.burst, per_second=share.per_second, monotonic=monotonic)
            for name, share in (("address", limits.address), ("person", limits.person), ("program", limits.program))
        }
        self.uploads = AtOnce(_UPLOADS_AT_ONCE)

    def address_of(self, request: web.Request) -> str:
        """Where a request comes from."""
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
        return caller_address(request.remote or "", forwarded, self._proxies)

    def require_some(self, address: str) -> None:
        """Refuses an address that has used up its share; takes nothing."""
        self._require("address", self._limits["address"].take_of_address(address, 0))

    def take_of_address(self, address: str, cost: int) -> dict[str, str]:
        """Takes from an address, and gives the headers that tell what is left."""
        return self._require("address", self._limits["address"].take_of_address(address, cost))

    def take_of(self, who: Person | Program, cost: int) -> dict[str, str]:
        """Takes from a person or a program."""
        if isinstance(who, Program):
            return self._require("program", self._limits["program"].take(who.caller.reference, cost))
        return self._require("person", self._limits["person"].take(who.person, cost))

    def _require(self, name: str, taken: Taken) -> dict[str, str]:
        headers = self._limits[name].headers(name, taken)
        if taken.wait_s:
            error = HurenError(ErrorCode.OVERLOADED, retry_after=timedelta(seconds=taken.wait_s))
            raise Problem(error, headers=headers)
        return headers
