"""How often one may ask, and how much at a time: in the memory of this process.

It keeps one visitor, person or program from using up what all share. What must hold whoever asks (five tries of a typed code) is
counted in the store.
"""

from __future__ import annotations

import math
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

_MAX_BUCKETS: Final = 50_000
"""Remembered at a time; beyond it the one that asked least recently is forgotten."""

_NETWORK_BITS: Final = 64
"""Of an IPv6 address name the network; whoever has one has all addresses in it. Source: RFC 6177."""


_WITH_PORT: Final = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+)\](?::[0-9]+)?|(?P<v4>[0-9.]+):[0-9]+", re.ASCII)
"""As some proxies write an address: the port is another one for each connection. Source: RFC 7239, section 6."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of taking tokens.

    Attributes:
        wait_s: 0: they were there; else in so many seconds they will be.
        left: Whole tokens that are left.
        full_in_s: In so many seconds all are back.
    """

    wait_s: float
    left: int
    full_in_s: float


class RateLimit:
    """Token buckets, by address or by whatever else names who asks."""

    def __init__(self, *, burst: int, per_second: float, monotonic: Callable[[], float]) -> None:
        """Makes buckets that are full.

        Args:
            burst: Tokens in a full bucket.
            per_second: Tokens that come back in a second.
            monotonic: Seconds of a clock that never goes back.
        """
        self._burst = burst
        self._per_second = per_second
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, address: str, cost: int = 1) -> float:
        """Takes tokens of an address. 0: they were there; else nothing is taken, and they will be there in so many seconds."""
        return self.take(_network(address), cost).wait_s

    def take_of_address(self, address: str, cost: int = 1) -> Taken:
        """As `take`, of an address."""
        return self.take(_network(address), cost)

    def take(self, key: str, cost: int = 1) -> Taken:
        """Takes tokens, or nothing where they are not there. With cost 0 it only looks whether one is."""
        now = self._monotonic()
        bucket = self._buckets.pop(key, None) or _Bucket(self._burst, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        self._buckets[key] = bucket
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        lacking = max(cost, 1) - bucket.tokens
        if lacking <= 0:
            bucket.tokens -= cost
        return Taken(
            wait_s=max(lacking, 0.0) / self._per_second,
            left=math.floor(bucket.tokens),
            full_in_s=(self._burst - bucket.tokens) / self._per_second,
        )

    def headers(self, name: str, taken: Taken) -> dict[str, str]:
        """What is told of it.

        Source: draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4.
        """
        window = math.ceil(self._burst / self._per_second)
        return {
            "RateLimit-Policy": f'"{name}";q={self._burst};w={window}',
            "RateLimit": f'"{name}";r={taken.left};t={math.ceil(taken.full_in_s)}',
        }


class AtOnce:
    """How many long requests of one address run at a time: what comes slowly holds a place that all share."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: Counter[str] = Counter()

    @contextmanager
    def place(self, address: str) -> Iterator[bool]:
        """Gives a place for the time of the block. False: the address has as many as it may."""
        key = _network(address)
        if self._running[key] >= self._most:
            yield False
            return
        self._running[key] += 1
        try:
            yield True
        finally:
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]


def caller_address(peer: str, forwarded_for: str, trusted_proxies: int) -> str:
    """Whose request it is.

    Each proxy in front adds the address that it was asked from at the end of X-Forwarded-For. So the last `trusted_proxies`
    entries are the word of proxies that are ours, and the first of those is the caller; what stands before it anybody can write.

    >>> caller_address("10.0.0.1", "198.51.100.7, 203.0.113.9", 1)
    '203.0.113.9'
    >>> caller_address("10.0.0.1", "198.51.100.7, 203.0.113.9", 0)
    '10.0.0.1'
    """
    entries = [entry.strip() for entry in forwarded_for.split(",") if entry.strip()]
    return entries[-trusted_proxies] if 0 < trusted_proxies <= len(entries) else peer


def _network(address: str) -> str:
    form = _WITH_PORT.fullmatch(address)
    try:
        parsed = ip_address(form["v6"] or form["v4"] if form else address)
    except ValueError:
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return hex(int(parsed) >> (128 - _NETWORK_BITS))
