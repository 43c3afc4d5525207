from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from runtime.errors import TLSFileError
from runtime.identity import MemberPeer
from runtime.settings import TLSSettings
from runtime.tls import read_tls
from sandbox.pki import PKI


def test_says_when_the_certificate_ends_and_shows_no_key(pki: PKI, member: MemberPeer) -> None:
    settings = pki.member_tls(member)
    material = read_tls(settings)
    certificate = x509.load_pem_x509_certificate(settings.certificate.read_bytes())
    assert material.not_after == certificate.not_valid_after_utc
    assert repr(material) == f"TLSMaterial(not_after={material.not_after.isoformat()})"


def test_names_the_file_that_is_wrong(pki: PKI, member: MemberPeer, caller: MemberPeer, tmp_path: Path) -> None:
    good, other = pki.member_tls(member), pki.member_tls(caller)
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN NOTHING-----")
    missing = tmp_path / "missing.pem"
    for wrong, expected in {
        "certificate": "certificates in PEM",
        "private_key": "an unencrypted private key in PEM",
        "trusted_roots": "certificates in PEM",
    }.items():
        _assert_named(good.model_copy(update={wrong: garbage}), garbage, expected)
        _assert_named(good.model_copy(update={wrong: missing}), missing, "a readable file")
    _assert_named(good.model_copy(update={"private_key": other.private_key}), other.private_key, "the key of tls.pem")


def _assert_named(settings: TLSSettings, path: Path, expected: str) -> None:
    with pytest.raises(TLSFileError) as caught:
        read_tls(settings)
    assert (caught.value.path, caught.value.expected) == (path, expected)
