"""Key entries: what the trust store knows about one public key.

- An entry says whose key it is, in which role, for which payload types, and between which instants it may sign.
- Keys are never deleted. A key that is no longer used is RETIRED, a key that others may hold is COMPROMISED; both stay, so that
  what was signed before can be judged for ever.
- An entry proves itself: its id is the digest of its public key.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from huren.envelope.v1 import envelope_pb2
from signing.envelope import PAYLOAD_TYPE_PATTERN
from signing.errors import SuiteError, TrustStoreError
from signing.instants import nanoseconds, require_utc
from signing.suites import KeyId, PublicKey, key_id, suite_of

PROVINCES: Final = range(11, 83)
"""First two digits of an administrative division code. Not only today's members: a store may hold the key of a province that joins
later. Source: GB/T 2260; common.proto, Province."""

_ROLES: Final = frozenset({envelope_pb2.MEMBER_ROLE_ADAPTER, envelope_pb2.MEMBER_ROLE_GATEWAY})


@dataclass(frozen=True, slots=True)
class Active:
    """The key is in use, or waits for its validity to begin."""


@dataclass(frozen=True, slots=True)
class Retired:
    """The key signs nothing after this instant."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Compromised:
    """From this instant on, others than its member may have been able to sign with the key."""

    since: datetime


KeyState = Active | Retired | Compromised

ACTIVE: Final = Active()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """One key of a member.

    Raises:
        TrustStoreError: A fact is not possible, or `keyid` is not the digest of `public_key`.
    """

    keyid: KeyId
    suite: int
    """Value of `envelope_pb2.Suite`."""
    public_key: bytes
    """SubjectPublicKeyInfo (DER)."""
    member: int
    """Number of the province."""
    role: int
    """Value of `envelope_pb2.MemberRole`."""
    payload_types: frozenset[str]
    """What the key may sign. Batch roots need no mention: they say nothing by themselves."""
    not_before: datetime
    """First instant at which the key may sign."""
    not_after: datetime
    """Last instant at which the key may sign."""
    state: KeyState = ACTIVE
    loaded_key: PublicKey = field(init=False, repr=False, compare=False)
    """`public_key`, ready to verify with."""
    not_before_ns: int = field(init=False, repr=False, compare=False)
    """`not_before` as every verification compares it."""
    not_after_ns: int = field(init=False, repr=False, compare=False)
    """`not_after` as every verification compares it."""

    def __post_init__(self) -> None:
        if self.member not in PROVINCES:
            raise TrustStoreError(f"member of a key: a province number expected, got {self.member}")
        if self.role not in _ROLES:
            raise TrustStoreError(f"role of a key: a known role expected, got {self.role}")
        _require_payload_types(self.payload_types)
        _require_instants(self)
        if self.keyid != key_id(self.public_key):
            raise TrustStoreError(
                f"keyid: digest {key_id(self.public_key)} of the public key expected, got {self.keyid!r}"
            )
        try:
            loaded = suite_of(self.suite).load_public_key(self.public_key)
        except SuiteError as error:
            raise TrustStoreError(f"key {self.keyid}: {error}") from error
        object.__setattr__(self, "loaded_key", loaded)
        object.__setattr__(self, "not_before_ns", nanoseconds(self.not_before))
        object.__setattr__(self, "not_after_ns", nanoseconds(self.not_after))


def _require_payload_types(payload_types: Iterable[str]) -> None:
    for payload_type in payload_types:
        if not PAYLOAD_TYPE_PATTERN.fullmatch(payload_type):
            raise TrustStoreError(f"payload_types of a key: payload types expected, got {payload_type!r}")


def _require_instants(entry: KeyEntry) -> None:
    try:
        require_utc(entry.not_before)
        require_utc(entry.not_after)
        match entry.state:
            case Retired(at=instant) | Compromised(since=instant):
                require_utc(instant)
            case Active():
                pass
    except ValueError as error:
        raise TrustStoreError(f"key {entry.keyid}: {error}") from error
    if entry.not_before > entry.not_after:
        raise TrustStoreError(f"key {entry.keyid}: not_before is after not_after")
