"""Private keys and their files: unencrypted PKCS #8 in PEM, readable by their owner only.

A key file is written once and never over another. Who may read the directory it lies in is the operator's business.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self, final

from huren.envelope.v1 import envelope_pb2
from signing.errors import KeyFileError, SuiteError
from signing.suites import KeyId, SecretKey, key_id, suite_of

RandomSource = Callable[[int], bytes]
"""Returns that many random bytes. `secrets.token_bytes` everywhere but in tests."""

MAX_FILE_BYTES: Final = 16 * 1024
"""A PKCS #8 file of any suite has less than 1 KB."""

_OWNER_ONLY: Final = 0o600


@final
class PrivateKey:
    """A key to sign with. Its text form shows the key id only."""

    __slots__ = ("_secret", "key_id", "suite")

    def __init__(self, suite: int, secret: SecretKey) -> None:
        self.suite = suite
        self.key_id: KeyId = key_id(secret.spki)
        self._secret = secret

    @classmethod
    def generate(cls, suite: int = envelope_pb2.SUITE_ED25519, *, random: RandomSource = secrets.token_bytes) -> Self:
        """Makes a new key.

        Raises:
            SuiteError: The suite is not supported.
        """
        return cls.from_seed(random(suite_of(suite).seed_bytes), suite)

    @classmethod
    def from_seed(cls, seed: bytes, suite: int = envelope_pb2.SUITE_ED25519) -> Self:
        """Makes the key of a seed; the same seed gives the same key.

        Raises:
            SuiteError: The suite is not supported, or the seed has the wrong length.
        """
        return cls(suite, suite_of(suite).secret_key_from_seed(seed))

    @classmethod
    def load(cls, path: Path, suite: int = envelope_pb2.SUITE_ED25519) -> Self:
        """Reads a key file.

        Raises:
            KeyFileError: The file cannot be read, or is not an unencrypted PKCS #8 key of that suite in PEM.
        """
        try:
            with path.open("rb") as file:
                pem = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from error
        if len(pem) > MAX_FILE_BYTES:
            raise KeyFileError(f"{path}: a key file of at most {MAX_FILE_BYTES} bytes expected, got a longer one")
        try:
            return cls(suite, suite_of(suite).load_secret_key(pem))
        except SuiteError as error:
            raise KeyFileError(f"{path}: {error}") from error

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo (DER) of the public half."""
        return self._secret.spki

    def sign(self, message: bytes) -> bytes:
        """Returns the signature over the message; statements are signed by `Signer`."""
        return self._secret.sign(message)

    def save(self, path: Path) -> None:
        """Writes the key to a new file of mode 0600.

        Raises:
            KeyFileError: The file exists, or cannot be written.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
            with os.fdopen(descriptor, "wb") as file:
                # The umask may have taken bits away from the mode asked for above; it never adds one.
                os.fchmod(descriptor, _OWNER_ONLY)
                file.write(self._secret.pkcs8_pem())
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be written: {error.strerror}") from error

    def __repr__(self) -> str:
        return f"PrivateKey({self.key_id})"
