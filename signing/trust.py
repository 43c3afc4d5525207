"""The trust store: whose keys and seals a receiver believes, and which suites it accepts.

    <directory>/policy.json            suites by role and date; `published_at`, the age of all of it
    <directory>/keys/<keyid>.json      one entry per key, for ever
    <directory>/seals/<sha256>.json    one entry per certificate that seals PDF files; no folder: none

- Read once and immutable; a changed directory is a new store.
- Fail closed: one file that cannot be relied on refuses the whole store by name. Names that begin with a dot are passed over.
- How fresh is fresh enough is the caller's decision; `published_at` is there for it.

Source: docs/protocols/statements.md, section 7.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Self, TypeVar

from signing.errors import TrustStoreError
from signing.instants import require_utc
from signing.key_entry import KeyEntry
from signing.seals import SealEntry
from signing.suite_policy import SuitePolicy
from signing.suites import KeyId
from signing.trust_files import (
    MAX_FILE_BYTES,
    decode_key_entry,
    decode_policy,
    decode_seal_entry,
    encode_key_entry,
    encode_policy,
    encode_seal_entry,
)

_POLICY = "policy.json"
_KEYS = "keys"
_SEALS = "seals"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustStore:
    """Keys by id, seals by their certificate's digest, the suite policy, and when all of it was published."""

    keys: Mapping[KeyId, KeyEntry]
    policy: SuitePolicy
    published_at: datetime
    seals: Mapping[str, SealEntry]

    @classmethod
    def from_directory(cls, directory: Path) -> Self:
        """Reads a store.

        Raises:
            TrustStoreError: A file is missing, unreadable, malformed, or not named after its key.
        """
        policy, published_at = _named(directory / _POLICY, decode_policy)
        entries = [_read_key(path) for path in _entry_files(directory / _KEYS)]
        folder = directory / _SEALS
        seals = [_read_seal(path) for path in _entry_files(folder)] if folder.exists() else []
        return cls.from_entries(entries, policy=policy, published_at=published_at, seals=seals)

    @classmethod
    def from_entries(
        cls,
        entries: Iterable[KeyEntry],
        *,
        policy: SuitePolicy,
        published_at: datetime,
        seals: Iterable[SealEntry] = (),
    ) -> Self:
        """Makes a store of entries at hand.

        Raises:
            TrustStoreError: Two entries for one key or one seal, or `published_at` is not in UTC.
        """
        keys: dict[KeyId, KeyEntry] = {}
        for entry in entries:
            if entry.keyid in keys:
                raise TrustStoreError(f"one entry per key expected, got two for {entry.keyid}")
            keys[entry.keyid] = entry
        sealing: dict[str, SealEntry] = {}
        for seal in seals:
            if seal.sha256 in sealing:
                raise TrustStoreError(f"one entry per seal expected, got two for {seal.sha256}")
            sealing[seal.sha256] = seal
        try:
            require_utc(published_at)
        except ValueError as error:
            raise TrustStoreError(f"published_at: {error}") from error
        return cls(
            keys=MappingProxyType(keys), policy=policy, published_at=published_at, seals=MappingProxyType(sealing)
        )

    def find(self, keyid: str) -> KeyEntry | None:
        """Returns the entry of a key, or None. The id may come from anywhere: an entry's id is the digest of its key."""
        return self.keys.get(KeyId(keyid))


def write_key_entry(directory: Path, entry: KeyEntry) -> Path:
    """Writes the entry into the store in `directory`, in place of an earlier one of the same key.

    Raises:
        TrustStoreError: The file cannot be written.
    """
    return _write(directory, Path(_KEYS) / f"{entry.keyid}.json", encode_key_entry(entry))


def write_seal_entry(directory: Path, entry: SealEntry) -> Path:
    """Writes the entry into the store in `directory`, in place of an earlier one of the same certificate.

    Raises:
        TrustStoreError: The file cannot be written.
    """
    return _write(directory, Path(_SEALS) / f"{entry.sha256}.json", encode_seal_entry(entry))


def write_policy(directory: Path, policy: SuitePolicy, *, published_at: datetime) -> Path:
    """Writes the policy of the store in `directory`, in place of an earlier one.

    Raises:
        TrustStoreError: The file cannot be written.
    """
    return _write(directory, Path(_POLICY), encode_policy(policy, published_at=published_at))


def _entry_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise TrustStoreError(f"{folder}: a directory of entries expected: {error.strerror}") from error


def _read_key(path: Path) -> KeyEntry:
    entry = _named(path, decode_key_entry)
    _require_name(path, entry.keyid)
    return entry


def _read_seal(path: Path) -> SealEntry:
    entry = _named(path, decode_seal_entry)
    _require_name(path, entry.sha256)
    return entry


def _require_name(path: Path, name: str) -> None:
    if path.name != f"{name}.json":
        raise TrustStoreError(f"{path}: file name {name}.json expected")


def _named(path: Path, decode: Callable[[bytes], _T]) -> _T:
    """Reads a file, and puts its name before whatever is wrong with it."""
    try:
        with path.open("rb") as file:
            # One byte more than is allowed is enough to be refused.
            data = file.read(MAX_FILE_BYTES + 1)
        return decode(data)
    except OSError as error:
        raise TrustStoreError(f"{path}: cannot be read: {error.strerror}") from error
    except TrustStoreError as error:
        raise TrustStoreError(f"{path}: {error}") from error


def _write(directory: Path, name: Path, data: bytes) -> Path:
    path = directory / name
    # Beside the keys, not among them: a store that is read meanwhile sees the old file or the new one.
    draft = directory / f".{name.name}.draft"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        draft.replace(path)
    except OSError as error:
        raise TrustStoreError(f"{path}: cannot be written: {error.strerror}") from error
    return path
