"""The seals of the sandbox: one for each gateway, recognisably a demonstration's, known to the trust data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from contract.province import Province
from huren.envelope.v1 import envelope_pb2
from runtime.identity import MemberPeer
from sandbox.pki import LIFETIME, OPERATOR, PKI, Authority, make_pki
from signing import TrustStore, certificate_digest

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
GATEWAYS = [MemberPeer(province, envelope_pb2.MEMBER_ROLE_GATEWAY) for province in Province]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    return make_pki(tmp_path_factory.mktemp("seals") / "pki", Province, NOW)


def chain(path: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(path.read_bytes())


def test_each_gateway_has_a_seal_under_the_authority_of_seals(pki: PKI) -> None:
    [authority] = chain(pki.root(Authority.SEALS))
    for member in GATEWAYS:
        certificate, issuer = chain(pki.seal(member).certificate)
        assert issuer == authority
        certificate.verify_directly_issued_by(authority)
        key = certificate.public_key()
        assert isinstance(key, RSAPublicKey)
        assert key.key_size == 3072
        assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (
            NOW - timedelta(hours=1),
            NOW + LIFETIME,
        )


def test_every_name_in_it_says_that_it_is_a_demonstration(pki: PKI) -> None:
    for member in GATEWAYS:
        for certificate in chain(pki.seal(member).certificate):
            for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
                [name] = certificate.subject.get_attributes_for_oid(oid)
                assert "（演示）" in str(name.value)


def test_the_trust_data_knows_each_seal_and_whose_it_is(pki: PKI) -> None:
    expected = {
        certificate_digest(chain(pki.seal(member).certificate)[0].public_bytes(Encoding.DER)): member.province
        for member in GATEWAYS
    }
    assert {one.sha256: one.member for one in TrustStore.from_directory(pki.trust).seals.values()} == expected


def test_private_keys_are_for_their_owner_only_and_nobody_connects_by_a_seal(pki: PKI) -> None:
    for member in GATEWAYS:
        assert pki.seal(member).private_key.stat().st_mode & 0o077 == 0
    assert not pki.operator_tls(OPERATOR, Authority.SEALS).certificate.exists()
