"""Signature suites: which algorithms exist, and the id of a key.

- A suite is a value of `envelope_pb2.Suite` plus a class; which class serves a value is the table `SUITES` and nothing else.
- The suite of a signature comes from the key's entry in the trust store, never from an envelope.
- SUITE_SM2_SM3 is a known name without a class: it is refused by name.
- Which suites are *acceptable* is policy; see `suite_policy`.
"""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NewType, Protocol

from huren.envelope.v1 import envelope_pb2
from signing.ed25519 import Ed25519Suite
from signing.errors import SuiteError

KeyId = NewType("KeyId", str)
"""Lower-case hex of SHA-256 over the key's SubjectPublicKeyInfo (DER), 64 characters."""


class PublicKey(Protocol):
    """A public key, loaded once and used often."""

    @property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo (DER)."""
        ...

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Says whether the signature over the message is by this key. Any bytes may be given."""
        ...


class SecretKey(Protocol):
    """The secret half, of whatever suite."""

    @property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo (DER) of the public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Returns the signature over the message."""
        ...

    def pkcs8_pem(self) -> bytes:
        """Returns the key as unencrypted PKCS #8 in PEM."""
        ...


class SignatureSuite(Protocol):
    """What a suite can do."""

    @property
    def suite(self) -> int:
        """Its value in `envelope_pb2.Suite`."""
        ...

    @property
    def seed_bytes(self) -> int:
        """Number of random bytes that make a key."""
        ...

    def load_public_key(self, spki: bytes) -> PublicKey:
        """Reads a SubjectPublicKeyInfo (DER) strictly, or raises SuiteError."""
        ...

    def secret_key_from_seed(self, seed: bytes) -> SecretKey:
        """Makes the private key of a seed, or raises SuiteError."""
        ...

    def load_secret_key(self, pem: bytes) -> SecretKey:
        """Reads an unencrypted PKCS #8 key in PEM, or raises SuiteError."""
        ...


SUITES: Final[Mapping[int, SignatureSuite]] = MappingProxyType({envelope_pb2.SUITE_ED25519: Ed25519Suite()})
"""Every supported suite."""


def suite_of(value: int) -> SignatureSuite:
    """Returns the class behind a value of `envelope_pb2.Suite`.

    Raises:
        SuiteError: The value is unknown, or known but not supported, as SUITE_SM2_SM3.
    """
    try:
        return SUITES[value]
    except KeyError:
        raise SuiteError(f"a supported suite expected, got {suite_name(value)}") from None


def suite_name(value: int) -> str:
    """Returns the name of a suite for messages, also of one that is not supported.

    >>> suite_name(2)
    'SUITE_SM2_SM3'
    >>> suite_name(77)
    'suite 77'
    """
    known = envelope_pb2.Suite.DESCRIPTOR.values_by_number.get(value)
    return known.name if known is not None else f"suite {value}"


def key_id(spki: bytes) -> KeyId:
    """Returns the id of the key with this SubjectPublicKeyInfo (DER)."""
    return KeyId(hashlib.sha256(spki).hexdigest())
