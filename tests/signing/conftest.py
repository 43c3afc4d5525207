"""Builders: members with keys from fixed seeds, payloads, trust stores, and an own encoder of protobuf's wire format."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from signing import KeyEntry, PrivateKey, Signer, SuitePolicy, SuiteRule, TrustStore, key_id

# Without the public vectors there is nothing to run; a skip would look like a run.
collect_ignore = [] if os.environ.get("VECTORS_DIR") else ["test_public_vectors.py"]

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FRAGMENT = "application/vnd.huren.fragment.v1+protobuf"
QUERY = "application/vnd.huren.query.v1+protobuf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member in one role: its key, what the others know of it, and its signer."""

    key: PrivateKey
    entry: KeyEntry
    signer: Signer


class Builders:
    now = NOW
    fragment = FRAGMENT
    query = QUERY

    @staticmethod
    def private_key(name: str) -> PrivateKey:
        return PrivateKey.from_seed(hashlib.sha256(name.encode()).digest())

    @staticmethod
    def entry(key: PrivateKey, **facts: Any) -> KeyEntry:
        defaults: dict[str, Any] = {
            "keyid": key_id(key.public_key),
            "suite": envelope_pb2.SUITE_ED25519,
            "public_key": key.public_key,
            "member": common_pb2.PROVINCE_SHANXI,
            "role": envelope_pb2.MEMBER_ROLE_ADAPTER,
            "payload_types": frozenset({FRAGMENT}),
            "not_before": NOW - timedelta(days=365),
            "not_after": NOW + timedelta(days=365),
        }
        return KeyEntry(**{**defaults, **facts})

    @classmethod
    def member(cls, name: str = "shanxi", **facts: Any) -> Member:
        key = cls.private_key(name)
        entry = cls.entry(key, **facts)
        nonces = count()
        return Member(
            key=key,
            entry=entry,
            signer=Signer(
                key,
                issuer=entry.member,
                role=entry.role,
                random=lambda size: hashlib.sha256(f"{name} {next(nonces)}".encode()).digest()[:size],
            ),
        )

    @staticmethod
    def policy() -> SuitePolicy:
        return SuitePolicy(
            tuple(
                SuiteRule(role=role, suite=envelope_pb2.SUITE_ED25519, accepted_from=NOW - timedelta(days=3650))
                for role in (envelope_pb2.MEMBER_ROLE_ADAPTER, envelope_pb2.MEMBER_ROLE_GATEWAY)
            )
        )

    @classmethod
    def trust(cls, *entries: KeyEntry, policy: SuitePolicy | None = None) -> TrustStore:
        return TrustStore.from_entries(entries, policy=policy or cls.policy(), published_at=NOW)

    @staticmethod
    def payload(member: Member, at: datetime = NOW, body: bytes = b"body") -> envelope_pb2.AnyPayload:
        payload = envelope_pb2.AnyPayload(header=member.signer.new_header(at))
        # Field 15, which no header knows: what a payload of a real type looks like to this package.
        payload.MergeFromString(Wire.chunk(15, body))
        return payload

    @classmethod
    def batch(cls, member: Member, size: int) -> list[tuple[str, envelope_pb2.AnyPayload]]:
        return [(FRAGMENT, cls.payload(member, body=b"body %d" % number)) for number in range(size)]


class Wire:
    """Protobuf's wire format, written down from its description and independent of the library."""

    @staticmethod
    def varint(value: int, *, padding: int = 0) -> bytes:
        groups = []
        while True:
            groups.append(value & 0x7F)
            value >>= 7
            if not value:
                break
        groups += [0] * padding
        return bytes(group | 0x80 for group in groups[:-1]) + bytes(groups[-1:])

    @classmethod
    def number(cls, field: int, value: int, *, padding: int = 0) -> bytes:
        return cls.varint(field << 3) + cls.varint(value, padding=padding)

    @classmethod
    def chunk(cls, field: int, value: bytes, *, padding: int = 0) -> bytes:
        return cls.varint(field << 3 | 2) + cls.varint(len(value), padding=padding) + value

    @classmethod
    def chunks(cls, field: int, values: Iterable[bytes]) -> bytes:
        return b"".join(cls.chunk(field, value) for value in values)


@pytest.fixture(scope="session")
def build() -> type[Builders]:
    return Builders


@pytest.fixture(scope="session")
def wire() -> type[Wire]:
    return Wire
