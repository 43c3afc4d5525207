import os
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from huren.envelope.v1 import envelope_pb2
from signing import KeyFileError, PrivateKey, SuiteError, key_id


def test_a_saved_key_is_loaded_as_the_same_key(tmp_path: Path, build: Any) -> None:
    key = build.private_key("shanxi")

    key.save(tmp_path / "key.pem")

    loaded = PrivateKey.load(tmp_path / "key.pem")
    assert (loaded.key_id, loaded.public_key, loaded.suite) == (key.key_id, key.public_key, key.suite)
    assert loaded.sign(b"message") == key.sign(b"message")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_a_saved_key_is_its_owners_only(tmp_path: Path, build: Any, umask: int) -> None:
    before = os.umask(umask)
    try:
        build.private_key("shanxi").save(tmp_path / "key.pem")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600


def test_a_key_is_never_written_over_another(tmp_path: Path, build: Any) -> None:
    build.private_key("shanxi").save(tmp_path / "key.pem")

    with pytest.raises(KeyFileError, match="exists"):
        build.private_key("hebei").save(tmp_path / "key.pem")

    assert PrivateKey.load(tmp_path / "key.pem").key_id == build.private_key("shanxi").key_id


def _pem(
    key: ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no key", id="text"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", id="armour-around-nothing"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 20_000, id="too-large"),
        pytest.param(
            _pem(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), PrivateFormat.OpenSSH), id="openssh"
        ),
        pytest.param(
            _pem(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), encryption=BestAvailableEncryption(b"pw")),
            id="encrypted",
        ),
        pytest.param(_pem(x25519.X25519PrivateKey.from_private_bytes(bytes(32))), id="x25519"),
        pytest.param(_pem(ec.derive_private_key(7, ec.SECP256R1())), id="p-256"),
    ],
)
def test_refuses_other_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.pem").write_bytes(content)

    with pytest.raises(KeyFileError, match=r"key\.pem"):
        PrivateKey.load(tmp_path / "key.pem")


def test_a_missing_file_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        PrivateKey.load(tmp_path / "key.pem")
    with pytest.raises(KeyFileError, match="cannot be written"):
        PrivateKey.from_seed(bytes(32)).save(tmp_path / "nowhere" / "key.pem")


@settings(deadline=None)
@given(st.data())
def test_arbitrary_files_raise_only_our_errors(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    valid = _pem(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)))
    at = data.draw(st.integers(0, len(valid)))
    end = data.draw(st.integers(at, min(at + 4, len(valid))))
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    path.write_bytes(data.draw(st.sampled_from([b"", valid[:at]])) + data.draw(st.binary(max_size=8)) + valid[end:])

    try:
        PrivateKey.load(path)
    except KeyFileError:
        return


def test_a_generated_key_comes_from_the_given_source() -> None:
    drawn: list[int] = []

    def source(size: int) -> bytes:
        drawn.append(size)
        return b"\x07" * size

    assert PrivateKey.generate(random=source).key_id == PrivateKey.from_seed(b"\x07" * 32).key_id
    assert drawn == [32]
    assert PrivateKey.generate().key_id != PrivateKey.generate().key_id


def test_key_id_is_the_digest_of_the_public_key(build: Any) -> None:
    key = build.private_key("shanxi")

    assert key.key_id == key_id(key.public_key)


def test_unsupported_suites_and_seeds_are_refused() -> None:
    with pytest.raises(SuiteError, match="SUITE_SM2_SM3"):
        PrivateKey.generate(envelope_pb2.SUITE_SM2_SM3)
    with pytest.raises(SuiteError, match="32 bytes"):
        PrivateKey.from_seed(bytes(31))


def test_text_form_shows_the_key_id_only(build: Any) -> None:
    key = build.private_key("shanxi")

    assert repr(key) == f"PrivateKey({key.key_id})"
