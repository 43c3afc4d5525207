"""Sealed PDFs: small Typst documents with a statement in them, under seals whose keys live as long as the tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import typst
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from contract.province import Province
from contract.report_file import EMBEDDED_STATEMENT, STATEMENT_MEDIA_TYPE
from gateway.render.seal import Seal
from signing import ACTIVE, KeyState, SealEntry, TrustStore, certificate_digest
from tests.support.federation import NOW, Federation

STRANGER: Final = "陌生人（演示）"
_DAY: Final = timedelta(days=1)


def seal(name: Province | str = Province.BEIJING) -> Seal:
    """A seal; the same for the same name. One of a province is in the trust data of `trust_with_seals`."""
    return _seal(name)


@cache
def _seal(name: Province | str) -> Seal:
    authority_key, key = (rsa.generate_private_key(public_exponent=65537, key_size=3072) for _ in range(2))
    title = name.name_zh if isinstance(name, Province) else name
    authority = _certificate("演示签发机构（演示）", "演示签发机构（演示）", authority_key, authority_key)
    return Seal(_certificate(f"{title}演示章（演示）", "演示签发机构（演示）", key, authority_key), (authority,), key)


def long_seal(name: str) -> Seal:
    """A seal below two authorities, the one between named as told: the order of their bytes differs with names and keys."""
    root_key, between_key, key = (rsa.generate_private_key(public_exponent=65537, key_size=3072) for _ in range(3))
    root, between = f"{name}根机构（演示）", f"{name}中间机构（演示）"
    return Seal(
        _certificate(f"{name}演示章（演示）", between, key, between_key),
        (
            _certificate(between, root, between_key, root_key, path_length=0),
            _certificate(root, root, root_key, root_key, path_length=1),
        ),
        key,
    )


def _certificate(
    subject: str,
    issuer: str,
    key: rsa.RSAPrivateKey,
    issuer_key: rsa.RSAPrivateKey,
    *,
    path_length: int | None = None,
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    is_authority = key is issuer_key or path_length is not None
    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], "big"))
        .not_valid_before(NOW - 400 * _DAY)
        .not_valid_after(NOW + 400 * _DAY)
        .add_extension(
            x509.BasicConstraints(ca=is_authority, path_length=(path_length or 0) if is_authority else None),
            critical=True,
        )
        .sign(issuer_key, SHA256())
    )


def entry_of(member: Province, *, state: KeyState = ACTIVE, **changes: datetime) -> SealEntry:
    """The entry of a province's seal."""
    return entry_of_seal(seal(member), member, state=state, **changes)


def entry_of_seal(
    made: Seal, member: Province = Province.BEIJING, *, state: KeyState = ACTIVE, **changes: datetime
) -> SealEntry:
    """The entry of a seal as that of a province."""
    certificate = made.certificate
    der = certificate.public_bytes(Encoding.DER)
    times = {"not_before": certificate.not_valid_before_utc, "not_after": certificate.not_valid_after_utc} | changes
    return SealEntry(sha256=certificate_digest(der), certificate=der, member=member, state=state, **times)


def trust_with_seals(federation: Federation, *entries: SealEntry) -> TrustStore:
    """The federation's trust data, with the seals of 北京 and 河北 unless told."""
    seals = entries or (entry_of(Province.BEIJING), entry_of(Province.HEBEI))
    return TrustStore.from_entries(
        federation.entries, policy=federation.trust.policy, published_at=federation.now, seals=seals
    )


def typeset(text: str = "Example", *, attached: Mapping[str, bytes] | None = None) -> bytes:
    """A PDF/A-3 by Typst: one page, and what is attached."""
    day = NOW.astimezone(UTC)
    lines = [f'#set document(title: "Example", date: datetime(year: {day.year}, month: {day.month}, day: {day.day}))']
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in (attached or {}).items():
            (folder / file).write_bytes(content)
            lines.append(
                f'#pdf.attach("{file}", relationship: "data", mime-type: "{STATEMENT_MEDIA_TYPE}", description: "data")'
            )
        (folder / "page.typ").write_text("\n".join([*lines, f"= {text}"]), "utf-8")
        return bytes(typst.compile(str(folder / "page.typ"), format="pdf", pdf_standards="a-3b"))


def report_pdf(statement: bytes, text: str = "Example") -> bytes:
    """A report's pages, not sealed yet."""
    return typeset(text, attached={EMBEDDED_STATEMENT: statement})
