"""sandbox/pki.py; what its certificates are good for is seen in test_grpc.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from contract.payloads import ENTITLED
from contract.province import Province
from contract.uscc import Uscc
from huren.envelope.v1 import envelope_pb2
from runtime.identity import ROLE_SLUGS, MemberPeer, member_host_name
from sandbox.pki import LIFETIME, OPERATOR, PKI, Authority, issue_enterprise_certificate, make_pki
from signing import PrivateKey, TrustStore

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
MEMBERS = [MemberPeer(province, role) for province in Province for role in ROLE_SLUGS]


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> PKI:
    return make_pki(tmp_path_factory.mktemp("fixed") / "pki", Province, NOW)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_trust_directory_knows_every_signing_key_and_what_it_may_sign(fixed: PKI) -> None:
    store = TrustStore.from_directory(fixed.trust)
    known = {
        keyid: (entry.member, entry.role, entry.payload_types, entry.not_after) for keyid, entry in store.keys.items()
    }
    assert known == {
        PrivateKey.load(fixed.signing_key(member)).key_id: (
            member.province,
            member.role,
            ENTITLED[member.role],
            NOW + LIFETIME,
        )
        for member in MEMBERS
    }
    assert store.published_at == NOW
    instant_ns = int(NOW.timestamp()) * 10**9
    for role in ROLE_SLUGS:
        assert store.policy.accepts(role=role, suite=envelope_pb2.SUITE_ED25519, instant_ns=instant_ns)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.uri)
def test_member_certificates_name_the_member_and_its_host(fixed: PKI, member: MemberPeer) -> None:
    found = certificate(fixed.member_tls(member).certificate)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [member.uri]
    assert names.get_values_for_type(x509.DNSName) == [member_host_name(member), "localhost"]
    assert (found.not_valid_before_utc, found.not_valid_after_utc) == (NOW - timedelta(hours=1), NOW + LIFETIME)


def test_certificates_hold_under_their_own_authority_only(fixed: PKI, uscc: Uscc) -> None:
    issue_enterprise_certificate(fixed, uscc, "示例" * 40, NOW)
    paths = {
        Authority.MEMBERS: [
            *(fixed.member_tls(member).certificate for member in MEMBERS),
            fixed.operator_tls(OPERATOR, Authority.MEMBERS).certificate,
        ],
        Authority.CLIENTS: [
            fixed.operator_tls(OPERATOR, Authority.CLIENTS).certificate,
            fixed.enterprise_tls(uscc).certificate,
        ],
    }
    for trusted in Authority:
        verifier = PolicyBuilder().store(Store([certificate(fixed.root(trusted))])).time(NOW).build_client_verifier()
        for authority, certificates in paths.items():
            for path in certificates:
                if authority is trusted:
                    verifier.verify(certificate(path), [])
                else:
                    with pytest.raises(VerificationError):
                        verifier.verify(certificate(path), [])


def test_enterprises_and_operators_may_not_serve(fixed: PKI, uscc: Uscc) -> None:
    tls = issue_enterprise_certificate(fixed, uscc, "示例公司", NOW)
    for path in (tls.certificate, fixed.operator_tls(OPERATOR, Authority.MEMBERS).certificate):
        usage = certificate(path).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usage) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_an_enterprise_may_get_a_new_certificate(fixed: PKI, uscc: Uscc) -> None:
    first = certificate(issue_enterprise_certificate(fixed, uscc, "示例公司", NOW).certificate)
    second = certificate(issue_enterprise_certificate(fixed, uscc, "示例公司", NOW).certificate)
    assert first.serial_number != second.serial_number
    assert first.public_key() != second.public_key()


def test_private_files_are_for_their_owner_only(fixed: PKI) -> None:
    for path in [fixed.directory, *fixed.directory.rglob("*")]:
        if path.is_relative_to(fixed.trust) and path != fixed.trust:
            continue
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_names_say_that_it_is_a_demonstration(fixed: PKI) -> None:
    for authority in Authority:
        name = certificate(fixed.root(authority)).subject.rfc4514_string()
        assert "DEMO" in name
        assert "（演示）" in name


def test_a_pki_is_never_made_over_another(fixed: PKI) -> None:
    before = fixed.root(Authority.MEMBERS).read_bytes()
    with pytest.raises(FileExistsError):
        make_pki(fixed.directory, Province, NOW)
    assert fixed.root(Authority.MEMBERS).read_bytes() == before


def test_keys_are_never_the_same(tmp_path: Path, fixed: PKI) -> None:
    other = make_pki(tmp_path / "pki", [Province(14)], NOW)
    key = fixed.signing_key(MEMBERS[-1]).relative_to(fixed.directory)
    assert (other.directory / key).read_bytes() != (fixed.directory / key).read_bytes()
    assert sorted(path.name for path in (other.directory / "members").iterdir()) == ["14-adapter", "14-gateway"]
