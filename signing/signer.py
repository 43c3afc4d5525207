"""Signing: a payload is serialised once, and those very bytes are signed, sent and stored.

- The signer knows in whose name it signs, and refuses a payload whose header says otherwise.
- A batch is signed once, over a Merkle root; every statement of it carries its own proof and stands alone afterwards.
- No clock is read here.

Source: envelope.proto; docs/protocols/statements.md, sections 3 and 5.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from google.protobuf.message import Message

from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from signing.envelope import (
    BATCH_ROOT_PAYLOAD_TYPE,
    PAE,
    StatementId,
    encode_batch_root,
    encode_envelope,
    pae,
    statement_id_of,
)
from signing.errors import VerificationError
from signing.header import read_header
from signing.instants import nanoseconds, timestamp_nanoseconds, to_timestamp
from signing.merkle import MerkleTree, leaf_hash
from signing.private_key import PrivateKey, RandomSource

NONCE_BYTES: Final = 16
"""128 bits. Source: envelope.proto, StatementHeader.nonce."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedStatement:
    """A statement as it is sent and stored."""

    envelope: bytes
    payload: bytes
    payload_type: str
    statement_id: StatementId


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    payload: bytes
    payload_type: str
    encoded: PAE
    issued_at_ns: int


class Signer:
    """Signs in the name of one member in one role.

    Args:
        key: The key to sign with.
        issuer: Number of the member's province.
        role: Value of `envelope_pb2.MemberRole`.
        random: Source of nonces.
    """

    def __init__(self, key: PrivateKey, *, issuer: int, role: int, random: RandomSource = secrets.token_bytes) -> None:
        self._key = key
        self._issuer = issuer
        self._role = role
        self._random = random

    def new_header(self, at: datetime, *, must_understand: Iterable[str] = ()) -> envelope_pb2.StatementHeader:
        """Returns the header of a new statement, with a nonce never used before.

        Raises:
            ValueError: `at` is not in UTC.
        """
        return envelope_pb2.StatementHeader(
            issuer=cast("common_pb2.Province.ValueType", self._issuer),
            role=cast("envelope_pb2.MemberRole.ValueType", self._role),
            issued_at=to_timestamp(at),
            nonce=self._random(NONCE_BYTES),
            must_understand=must_understand,
        )

    def sign(self, payload_type: str, payload: Message) -> SignedStatement:
        """Signs one statement by itself.

        Raises:
            ValueError: The payload's header is missing or invalid, or names another issuer or role.
            EnvelopeError: The payload type or the payload breaks a constraint of the envelope.
        """
        draft = self._draft(payload_type, payload)
        return _seal(draft, envelope_pb2.Signature(sig=self._key.sign(draft.encoded), keyid=self._key.key_id))

    def sign_batch(self, statements: Sequence[tuple[str, Message]], at: datetime) -> list[SignedStatement]:
        """Signs statements, each a payload type and a payload, with one signature at `at`; the results are in their order.

        Raises:
            ValueError: There is none; a header is missing, invalid or names another issuer or role; or one was issued after `at`.
            EnvelopeError: A payload type or a payload breaks a constraint of the envelope.
        """
        if not statements:
            raise ValueError("a batch of at least one statement expected, got none")
        drafts = [self._draft(payload_type, payload) for payload_type, payload in statements]
        if any(draft.issued_at_ns > nanoseconds(at) for draft in drafts):
            raise ValueError("statements issued no later than their batch expected, got one issued later")
        tree = MerkleTree([leaf_hash(draft.encoded) for draft in drafts])
        root = encode_batch_root(
            envelope_pb2.BatchRoot(header=self.new_header(at), tree_size=tree.size, root_hash=tree.root),
        )
        signature = self._key.sign(pae(BATCH_ROOT_PAYLOAD_TYPE, root))
        return [
            _seal(
                draft,
                envelope_pb2.Signature(
                    sig=signature,
                    keyid=self._key.key_id,
                    batch=envelope_pb2.BatchInclusion(root=root, leaf_index=index, path=tree.path(index)),
                ),
            )
            for index, draft in enumerate(drafts)
        ]

    def _draft(self, payload_type: str, payload: Message) -> _Draft:
        serialised = payload.SerializeToString(deterministic=True)
        try:
            header = read_header(serialised)
        except VerificationError as error:
            raise ValueError(f"a payload with a valid header expected: {error.detail}") from error
        if (header.issuer, header.role) != (self._issuer, self._role):
            raise ValueError(
                f"a header of member {self._issuer} in role {self._role} expected, "
                f"got member {header.issuer} in role {header.role}",
            )
        return _Draft(
            payload=serialised,
            payload_type=payload_type,
            encoded=pae(payload_type, serialised),
            issued_at_ns=timestamp_nanoseconds(header.issued_at),
        )


def _seal(draft: _Draft, signature: envelope_pb2.Signature) -> SignedStatement:
    envelope = envelope_pb2.Envelope(payload=draft.payload, payload_type=draft.payload_type, signatures=[signature])
    return SignedStatement(
        envelope=encode_envelope(envelope),
        payload=draft.payload,
        payload_type=draft.payload_type,
        statement_id=statement_id_of(draft.encoded),
    )
