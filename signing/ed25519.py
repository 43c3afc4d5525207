"""Suite SUITE_ED25519: Ed25519 (RFC 8032), keys as SubjectPublicKeyInfo and PKCS #8 (RFC 8410), signatures of 64 bytes.

Which signatures are valid must not depend on who asks, so what the library does is written down here:

- OpenSSL, by way of `cryptography`, verifies without cofactor: it computes R' = [S]B - [k]A and compares its *encoding* with R.
  So R must be canonical and S below the group order, and a signature has no second form.
- It accepts public keys of small order, under which one signature is valid for many messages, and encodings of y not below p.
  Both are refused here when a key is loaded.
- A signature or key of another length is refused before the library sees it.

Source: RFC 8032 sections 5.1.3, 5.1.7 and 8.4; RFC 8410 section 4; wycheproof `ed25519_test.json`.
"""

from typing import Final, final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from huren.envelope.v1 import envelope_pb2
from signing.errors import SuiteError

SIGNATURE_BYTES: Final = 64
PUBLIC_KEY_BYTES: Final = 32
SEED_BYTES: Final = 32

# DER of SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of 32 bytes }. Source: RFC 8410 sections 4 and 10.1.
_SPKI_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")
# Armour of an unencrypted PKCS #8 key. Source: RFC 7468 section 10.
_PKCS8_LABEL: Final = b"-----BEGIN PRIVATE KEY-----"

_P: Final = 2**255 - 19
_SIGN_BIT: Final = 1 << 255
# y-coordinates of the eight points whose order divides the cofactor 8. Source: RFC 8032 section 5.1; tests/signing recompute them.
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _P - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    },
)


@final
class Ed25519PublicKeyOfSuite:
    """A loaded public key."""

    __slots__ = ("_key", "spki")

    def __init__(self, raw: bytes) -> None:
        self.spki = _SPKI_PREFIX + raw
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Says whether the signature over the message is by this key."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


@final
class Ed25519SecretKey:
    """A loaded private key. Signing is deterministic."""

    __slots__ = ("_key", "spki")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.spki = _SPKI_PREFIX + key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Returns the signature over the message, 64 bytes."""
        return self._key.sign(message)

    def pkcs8_pem(self) -> bytes:
        """Returns the key in the form that `Ed25519Suite.load_secret_key` reads, unencrypted."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@final
class Ed25519Suite:
    """The suite SUITE_ED25519."""

    suite: Final[int] = envelope_pb2.SUITE_ED25519
    seed_bytes: Final = SEED_BYTES

    def load_public_key(self, spki: bytes) -> Ed25519PublicKeyOfSuite:
        """Reads a SubjectPublicKeyInfo; there is exactly one encoding for each key.

        Raises:
            SuiteError: Another algorithm, form or length, a y-coordinate not below p, or a point of small order.
        """
        if len(spki) != len(_SPKI_PREFIX) + PUBLIC_KEY_BYTES or not spki.startswith(_SPKI_PREFIX):
            raise SuiteError("the 44 bytes of an Ed25519 SubjectPublicKeyInfo (RFC 8410) expected, got other bytes")
        raw = spki[len(_SPKI_PREFIX) :]
        y = int.from_bytes(raw, "little") & ~_SIGN_BIT
        if y >= _P:
            raise SuiteError("an Ed25519 public key has a y-coordinate below 2^255-19, got a larger one")
        if y in _SMALL_ORDER_Y:
            raise SuiteError("an Ed25519 public key of large order expected, got a point of small order")
        return Ed25519PublicKeyOfSuite(raw)

    def secret_key_from_seed(self, seed: bytes) -> Ed25519SecretKey:
        """Makes the private key of a seed: 32 bytes from a cryptographic source.

        Raises:
            SuiteError: Another length.
        """
        if len(seed) != SEED_BYTES:
            raise SuiteError(f"a seed of {SEED_BYTES} bytes expected, got {len(seed)}")
        return Ed25519SecretKey(Ed25519PrivateKey.from_private_bytes(seed))

    def load_secret_key(self, pem: bytes) -> Ed25519SecretKey:
        """Reads an unencrypted PKCS #8 private key in PEM.

        Raises:
            SuiteError: Another form, or a key of another algorithm.
        """
        if not pem.startswith(_PKCS8_LABEL):
            raise SuiteError("an unencrypted PKCS #8 key in PEM expected: the first line is another")
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SuiteError("an unencrypted PKCS #8 key in PEM expected: it cannot be read") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SuiteError("an Ed25519 key expected, got one of another algorithm")
        return Ed25519SecretKey(key)
