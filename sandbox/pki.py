"""Development PKI: keys, certificates and trust data of a federation that exists on one machine. Proves nothing to anybody.

Two authorities for who connects, so that whoever may certify enterprises cannot make up a member: members and their operators under
one, enterprises and their operators under the other. Operators have a certificate under both. A third certifies what gateways seal
PDF files with.

    <directory>/
        ca/members.key, members.pem                 the authorities; keys stay, so that enterprises can be certified later
        ca/clients.key, clients.pem
        ca/seals.key, seals.pem
        roots/members.pem, clients.pem, seals.pem   what is handed out: authorities without their keys
        members/14-adapter/tls.key, tls.pem         one folder for each member and role
        members/14-adapter/signing.key              Ed25519, for statements
        members/14-gateway/seal.key, seal.pem       RSA, for PDF files; the certificate, then its authority's
        operators/<slug>/members.key, members.pem   for adapters
        operators/<slug>/clients.key, clients.pem   for gateways
        enterprises/<code>/tls.key, tls.pem         made on demand
        trust/                                      the trust directory (signing.TrustStore): all keys and seals, and the policy

- Private files have mode 0600, folders 0700.
- Names are always the same, keys never. Everything ends after 90 days.
- A server accepts the certificates of one authority: adapters those under `members`, gateways those under `clients`.
  Every server's own certificate is under `members`.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.payloads import ENTITLED
from contract.province import Province
from contract.uscc import Uscc
from huren.envelope.v1 import envelope_pb2
from runtime.identity import ROLE_SLUGS, EnterprisePeer, MemberPeer, OperatorPeer, PeerIdentity, member_host_name
from runtime.settings import TLSSettings
from signing import (
    MIN_SEAL_KEY_BITS,
    KeyEntry,
    PrivateKey,
    SealEntry,
    SuitePolicy,
    SuiteRule,
    certificate_digest,
    write_key_entry,
    write_policy,
    write_seal_entry,
)

LIFETIME: Final = timedelta(days=90)
OPERATOR: Final = "sandbox"
"""The one operator that runs things in a fresh PKI."""

OFFICERS: Final = ("officer-1", "officer-2")
"""Two officers of every home: what needs two persons can be shown."""

_RSA_EXPONENT: Final = 65537
_CLOCK_SKEW: Final = timedelta(hours=1)
_OWNER_ONLY_FILE: Final = 0o600
_OWNER_ONLY_FOLDER: Final = 0o700
_MAX_NAME_BYTES: Final = 64
"""Source: RFC 5280, upper bounds ub-common-name and ub-organization-name: characters there, octets for `cryptography`."""


class Authority(StrEnum):
    """Who certifies."""

    MEMBERS = "members"
    CLIENTS = "clients"
    SEALS = "seals"


_CONNECTING: Final = (Authority.MEMBERS, Authority.CLIENTS)
"""Those under whom somebody connects."""

_AUTHORITY_NAMES: Final = {
    Authority.MEMBERS: "HUREN DEMO Members CA（演示）",
    Authority.CLIENTS: "HUREN DEMO Clients CA（演示）",
    Authority.SEALS: "HUREN DEMO Seals CA（演示）",
}


@dataclass(frozen=True, slots=True)
class SealFiles:
    """What a gateway seals PDF files with.

    Attributes:
        certificate: PEM: the seal's certificate, then its authority's.
        private_key: PEM, PKCS #8, unencrypted.
    """

    certificate: Path
    private_key: Path


@dataclass(frozen=True, slots=True)
class PKI:
    """Where things are in the directory of a PKI.

    Attributes:
        directory: The directory.
    """

    directory: Path

    @property
    def trust(self) -> Path:
        """The trust directory."""
        return self.directory / "trust"

    def root(self, authority: Authority) -> Path:
        """The authority's certificate, to be trusted."""
        return self.directory / "roots" / f"{authority}.pem"

    def signing_key(self, member: MemberPeer) -> Path:
        """The key that the member signs statements with."""
        return self._member(member) / "signing.key"

    def member_tls(self, member: MemberPeer, *, trusting: Authority = Authority.MEMBERS) -> TLSSettings:
        """A member's TLS files, to serve or to call with.

        Args:
            member: Whose.
            trusting: Under which authority the peer's certificate must be.
        """
        return self._tls(self._member(member) / "tls", trusting)

    def seal(self, member: MemberPeer) -> SealFiles:
        """What the member, a gateway, seals PDF files with."""
        stem = self._member(member) / "seal"
        return SealFiles(stem.with_suffix(".pem"), stem.with_suffix(".key"))

    def operator_tls(self, name: str, under: Authority) -> TLSSettings:
        """An operator's TLS files, to call members that accept certificates under the authority."""
        return self._tls(self.directory / "operators" / name / under, Authority.MEMBERS)

    def enterprise_tls(self, uscc: Uscc) -> TLSSettings:
        """An enterprise's TLS files, to call gateways."""
        return self._tls(self.directory / "enterprises" / uscc / "tls", Authority.MEMBERS)

    def _member(self, member: MemberPeer) -> Path:
        return self.directory / "members" / f"{member.province:02d}-{ROLE_SLUGS[member.role]}"

    def _tls(self, stem: Path, trusting: Authority) -> TLSSettings:
        return TLSSettings(
            certificate=stem.with_suffix(".pem"),
            private_key=stem.with_suffix(".key"),
            trusted_roots=self.root(trusting),
        )


def make_pki(directory: Path, provinces: Iterable[Province], now: datetime) -> PKI:
    """Makes a PKI for the provinces, in both roles each.

    Args:
        directory: Where to; created, and empty if it exists.
        provinces: The members.
        now: Beginning of everything's validity (an hour earlier, for clocks that differ). Aware, in UTC.

    Raises:
        FileExistsError: There is a PKI already, or part of one.
    """
    pki = PKI(directory)
    _make_folder(directory)
    authorities = {authority: _Issuer.create(pki, authority, now) for authority in Authority}
    members = [MemberPeer(province, role) for province in provinces for role in ROLE_SLUGS]
    for member in members:
        _certify_member(pki, authorities[Authority.MEMBERS], member, now)
        if member.role == envelope_pb2.MEMBER_ROLE_GATEWAY:
            _certify_seal(pki, authorities[Authority.SEALS], member, now)
    for authority in _CONNECTING:
        for name in (OPERATOR, *OFFICERS):
            _certify_operator(pki, authorities[authority], authority, name=name, now=now)
    _publish_trust(pki, members, now)
    return pki


def issue_enterprise_certificate(pki: PKI, uscc: Uscc, name: str, now: datetime) -> TLSSettings:
    """Makes a key and certificate for an enterprise, in place of earlier ones. Returns where they are.

    Args:
        pki: A PKI that `make_pki` made.
        uscc: The enterprise's code; its identity.
        name: Its name, for people.
        now: Beginning of the validity.
    """
    tls = pki.enterprise_tls(uscc)
    _make_folder(tls.certificate.parent)
    issuer = _Issuer.load(pki, Authority.CLIENTS)
    issuer.issue(tls, EnterprisePeer(uscc), _name(name, organisation="DEMO（演示）"), now)
    return tls


def _certify_member(pki: PKI, issuer: _Issuer, member: MemberPeer, now: datetime) -> None:
    tls = pki.member_tls(member)
    _make_folder(tls.certificate.parent)
    host = member_host_name(member)
    issuer.issue(tls, member, _name(host, organisation=f"{member.province.name_zh}（演示）"), now, host=host)
    PrivateKey.generate().save(pki.signing_key(member))


def _certify_seal(pki: PKI, issuer: _Issuer, member: MemberPeer, now: datetime) -> None:
    files = pki.seal(member)
    key = rsa.generate_private_key(public_exponent=_RSA_EXPONENT, key_size=MIN_SEAL_KEY_BITS)
    name = _name(f"{member.province.name_zh}演示章（演示）", organisation=f"{member.province.name_zh}（演示）")
    certificate = (
        _builder(name, key.public_key(), now)
        .issuer_name(issuer.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False, content_commitment=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        .sign(issuer.key, SHA256())
    )
    _write_new(files.private_key, _key_pem(key))
    _write_new(
        files.certificate, certificate.public_bytes(Encoding.PEM) + issuer.certificate.public_bytes(Encoding.PEM)
    )


def _certify_operator(pki: PKI, issuer: _Issuer, authority: Authority, *, name: str, now: datetime) -> None:
    tls = pki.operator_tls(name, authority)
    _make_folder(tls.certificate.parent)
    issuer.issue(tls, OperatorPeer(name), _name(name, organisation="DEMO（演示）"), now)


def _publish_trust(pki: PKI, members: Iterable[MemberPeer], now: datetime) -> None:
    _make_folder(pki.trust)
    begin = now - _CLOCK_SKEW
    for member in members:
        key = PrivateKey.load(pki.signing_key(member))
        entry = KeyEntry(
            keyid=key.key_id,
            suite=key.suite,
            public_key=key.public_key,
            member=member.province,
            role=member.role,
            payload_types=ENTITLED[member.role],
            not_before=begin,
            not_after=now + LIFETIME,
        )
        write_key_entry(pki.trust, entry)
        if member.role == envelope_pb2.MEMBER_ROLE_GATEWAY:
            _publish_seal(pki, member)
    rules = tuple(SuiteRule(role=role, suite=envelope_pb2.SUITE_ED25519, accepted_from=begin) for role in ROLE_SLUGS)
    write_policy(pki.trust, SuitePolicy(rules), published_at=now)


def _publish_seal(pki: PKI, member: MemberPeer) -> None:
    certificate = x509.load_pem_x509_certificate(pki.seal(member).certificate.read_bytes())
    der = certificate.public_bytes(Encoding.DER)
    entry = SealEntry(
        sha256=certificate_digest(der),
        certificate=der,
        member=member.province,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
    write_seal_entry(pki.trust, entry)


@dataclass(frozen=True, slots=True)
class _Issuer:
    """An authority with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, pki: PKI, authority: Authority, now: datetime) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(_AUTHORITY_NAMES[authority], organisation="DEMO（演示）")
        builder = (
            _builder(name, key.public_key(), now)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
        )
        certificate = builder.sign(key, SHA256())
        pem = certificate.public_bytes(Encoding.PEM)
        stem = pki.directory / "ca" / authority
        _make_folder(stem.parent)
        _write_new(stem.with_suffix(".key"), _key_pem(key))
        _write_new(stem.with_suffix(".pem"), pem)
        _make_folder(pki.root(authority).parent)
        _write_new(pki.root(authority), pem)
        return cls(certificate, key)

    @classmethod
    def load(cls, pki: PKI, authority: Authority) -> Self:
        stem = pki.directory / "ca" / authority
        key = load_pem_private_key(stem.with_suffix(".key").read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"an elliptic-curve key in {stem.with_suffix('.key')} expected, got {type(key).__name__}")
        return cls(x509.load_pem_x509_certificate(stem.with_suffix(".pem").read_bytes()), key)

    def issue(
        self, tls: TLSSettings, identity: PeerIdentity, name: x509.Name, now: datetime, *, host: str | None = None
    ) -> None:
        """Writes a fresh key and its certificate. With a host name it may serve, under that name and on this machine."""
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(identity.uri)]
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if host is not None:
            names += [x509.DNSName(host), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(name, key.public_key(), now)
            .issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .sign(self.key, SHA256())
        )
        for path, pem in ((tls.private_key, _key_pem(key)), (tls.certificate, certificate.public_bytes(Encoding.PEM))):
            path.unlink(missing_ok=True)
            _write_new(path, pem)


def _builder(
    name: x509.Name, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, authority: bool, content_commitment: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str, *, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _cut(organisation)),
            x509.NameAttribute(NameOID.COMMON_NAME, _cut(common)),
        ],
    )


def _cut(text: str) -> str:
    return text.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")


def _key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _make_folder(path: Path) -> None:
    """Makes a folder and those above it that are missing, all for their owner only."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    path.mkdir(mode=_OWNER_ONLY_FOLDER)


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
