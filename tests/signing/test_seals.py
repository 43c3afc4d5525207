"""Seal entries of the trust store: strict as key entries are, and judged at the time of sealing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from signing import (
    ACTIVE,
    Compromised,
    Retired,
    SealEntry,
    TrustStore,
    TrustStoreError,
    certificate_digest,
    write_key_entry,
    write_policy,
    write_seal_entry,
)
from signing.trust_files import decode_seal_entry, encode_seal_entry

AT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
YEAR = timedelta(days=365)


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "演示章（演示）")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(AT - YEAR)
        .not_valid_after(AT + YEAR)
        .sign(key, SHA256())
    )
    return made.public_bytes(Encoding.DER)


@pytest.fixture(scope="module")
def entry() -> SealEntry:
    der = certificate(rsa.generate_private_key(public_exponent=65537, key_size=3072))
    return SealEntry(
        sha256=certificate_digest(der), certificate=der, member=14, not_before=AT - YEAR, not_after=AT + YEAR
    )


@pytest.fixture
def store(tmp_path: Path, build: Any, entry: SealEntry) -> Path:
    write_key_entry(tmp_path, build.member("shanxi").entry)
    write_policy(tmp_path, build.policy(), published_at=AT)
    write_seal_entry(tmp_path, entry)
    return tmp_path


def test_reads_what_was_written(store: Path, entry: SealEntry) -> None:
    assert dict(TrustStore.from_directory(store).seals) == {entry.sha256: entry}


@pytest.mark.parametrize("state", [ACTIVE, Retired(at=AT), Compromised(since=AT)], ids=repr)
def test_seal_entries_round_trip(entry: SealEntry, state: Any) -> None:
    made = replace(entry, state=state)
    assert decode_seal_entry(encode_seal_entry(made)) == made


def test_a_store_without_seals_believes_none(store: Path, entry: SealEntry) -> None:
    (store / "seals" / f"{entry.sha256}.json").unlink()
    assert not TrustStore.from_directory(store).seals
    (store / "seals").rmdir()
    assert not TrustStore.from_directory(store).seals


def test_two_entries_for_one_certificate_are_refused(build: Any, entry: SealEntry) -> None:
    with pytest.raises(TrustStoreError, match="one entry per seal"):
        TrustStore.from_entries([], policy=build.policy(), published_at=AT, seals=[entry, entry])


@pytest.mark.parametrize(
    ("state", "last"),
    [(ACTIVE, AT + YEAR), (Retired(at=AT), AT), (Compromised(since=AT + YEAR), None)],
    ids=["active", "retired", "compromised"],
)
def test_a_seal_counts_in_its_time_alone(entry: SealEntry, state: Any, last: datetime | None) -> None:
    made = replace(entry, state=state)
    second = timedelta(seconds=1)
    assert not made.counts_at(made.not_before - second)
    assert made.counts_at(made.not_before) is (last is not None)
    if last is not None:
        assert made.counts_at(last)
        assert not made.counts_at(last + second)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda e: e.pop("state"), id="missing-name"),
        pytest.param(lambda e: e.update(note="x"), id="unknown-name"),
        pytest.param(lambda e: e.update(sha256=e["sha256"].upper()), id="digest-in-upper-case"),
        pytest.param(lambda e: e.update(member=0), id="no-province"),
        pytest.param(lambda e: e.update(member=True), id="member-no-number"),
        pytest.param(lambda e: e.update(certificate=e["certificate"][:-4]), id="another-certificate"),
        pytest.param(lambda e: e.update(certificate="***"), id="no-base64"),
        pytest.param(lambda e: e.update(not_before="2026-01-01"), id="no-instant"),
        pytest.param(lambda e: e.update(not_before="2020-01-01T00:00:00Z"), id="before-the-certificate"),
        pytest.param(lambda e: e.update(not_after="2036-01-01T00:00:00Z"), id="beyond-the-certificate"),
        pytest.param(lambda e: e.update(not_after=e["not_before"], not_before=e["not_after"]), id="inverted"),
        pytest.param(lambda e: e.update(state={"kind": "DELETED"}), id="state-unknown"),
    ],
)
def test_refuses_a_seal_file_by_name(store: Path, change: Callable[[dict[str, Any]], object]) -> None:
    [path] = (store / "seals").iterdir()
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    with pytest.raises(TrustStoreError, match=path.name):
        TrustStore.from_directory(store)


@pytest.mark.parametrize("kind", ["curve", "short", "garbage", "of-another-version"])
def test_refuses_what_is_no_certificate_with_a_key_of_enough_strength(entry: SealEntry, kind: str) -> None:
    der = {
        "curve": lambda: certificate(ec.generate_private_key(ec.SECP256R1())),
        "short": lambda: certificate(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        "garbage": lambda: base64.b64decode("AAAA"),
        "of-another-version": lambda: entry.certificate.replace(
            bytes.fromhex("a003020102"), bytes.fromhex("a003020107"), 1
        ),
    }[kind]()
    with pytest.raises(TrustStoreError, match="expected"):
        replace(entry, certificate=der, sha256=certificate_digest(der))


def test_a_file_named_otherwise_refuses_the_store(store: Path) -> None:
    [path] = (store / "seals").iterdir()
    path.rename(path.with_name("0" * 64 + ".json"))
    with pytest.raises(TrustStoreError, match="file name"):
        TrustStore.from_directory(store)
