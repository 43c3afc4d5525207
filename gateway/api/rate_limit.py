"""How often one address may ask, and how much at a time: in the memory of this process.

It keeps one visitor from using up what all share. What must hold whatever the address (five tries of a typed code) is counted
in the store.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

_MAX_ADDRESSES: Final = 50_000
"""Remembered at a time; beyond it the one that asked least recently is forgotten."""

_NETWORK_BITS: Final = 64
"""Of an IPv6 address name the network; whoever has one has all addresses in it. Source: RFC 6177."""


_WITH_PORT: Final = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+)\](?::[0-9]+)?|(?P<v4>[0-9.]+):[0-9]+", re.ASCII)
"""As some proxies write an address: the port is another one for each connection. Source: RFC 7239, section 6."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class RateLimit:
    """Token buckets by address."""

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
        """Takes tokens. 0: they were there; else nothing is taken, and they will be there in so many seconds."""
        now = self._monotonic()
        key = _network(address)
        bucket = self._buckets.pop(key, None) or _Bucket(self._burst, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        self._buckets[key] = bucket
        if len(self._buckets) > _MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        if bucket.tokens < cost:
            return (cost - bucket.tokens) / self._per_second
        bucket.tokens -= cost
        return 0.0


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
