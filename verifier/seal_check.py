"""The home's seal on a PDF: a signature over every byte of the file but its own (docs/protocols/report-verification.md, section 5).

 SE-1  There is one `/ByteRange`, from the first byte to the last, around one gap; what stands in the gap is `<`, hex, `>`.
 SE-2  The gap holds a CMS signature in its one accepted form, then nothing but zeros.
 SE-3  The trust data has the signer's certificate, byte for byte, as the seal of a member.
 SE-4  The signature is over the bytes outside the gap, by that certificate's key. The other certificates are those that issued it,
       one another and, the last, itself.
 SE-5  The certificate counts at the time that the signature names.

That the member is the issuer of the statement in the file is checked where the statement is (verifier/verify.py).

One form is accepted, so that no byte of the file can be changed unseen, those of the signature included: the CMS structure is made
again from the certificates, the content of the signed attributes and the signature, and compared. No certificate decides anything
by what it says: the signer's is known from the trust data.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from asn1crypto import (
    cms,
    tsp,  # noqa: F401  # makes `cms` know signing_certificate_v2
)
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from contract.province import Province
from signing import TrustStore, certificate_digest


class SealFault(StrEnum):
    """Why a seal does not count."""

    SEAL_MISSING = "SEAL_MISSING"
    """SE-1: there is no signature."""
    SEVERAL_SIGNATURES = "SEVERAL_SIGNATURES"
    """SE-1: there is another signature besides."""
    CHANGED_AFTER_SEALING = "CHANGED_AFTER_SEALING"
    """SE-1: the file goes on behind what is sealed, or ends before."""
    SEAL_MALFORMED = "SEAL_MALFORMED"
    """SE-1, SE-2: the signature is not in the one accepted form."""
    SEAL_UNKNOWN = "SEAL_UNKNOWN"
    """SE-3: the trust data does not have the certificate."""
    CONTENT_DIFFERS = "CONTENT_DIFFERS"
    """SE-4: the file is not the one that was sealed."""
    SEAL_NOT_IN_FORCE = "SEAL_NOT_IN_FORCE"
    """SE-5: the certificate was not yet or no longer in force, or is compromised."""


UNTRUSTED: Final = frozenset({SealFault.SEAL_UNKNOWN, SealFault.SEAL_NOT_IN_FORCE})
"""Faults of the signer, not of the file."""


class SealCheckError(ValueError):
    """A seal does not count."""

    def __init__(self, fault: SealFault, detail: str = "") -> None:
        self.fault = fault
        super().__init__(f"{fault}: {detail}" if detail else fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSeal:
    """A seal that counts.

    Attributes:
        member: Whose.
        sealed_at: When, by the sealer's clock.
        sha256: Digest of the certificate.
        name: Of the certificate, for people.
    """

    member: Province
    sealed_at: datetime
    sha256: str
    name: str


def check_seal(data: bytes, *, trust: TrustStore) -> CheckedSeal:
    """Applies SE-1 to SE-5.

    Raises:
        SealCheckError: The first rule that is broken.
    """
    gap = _gap(data)  # SE-1
    try:
        signature = _signature(gap.cms)  # SE-2
        sealed_at = _sealed_at(data[gap.end :])
    except _NOT_OURS as error:
        raise SealCheckError(SealFault.SEAL_MALFORMED, str(error) or type(error).__name__) from error
    digest = certificate_digest(signature.certificates[0])
    entry = trust.seals.get(digest)
    if entry is None or entry.member not in frozenset(Province):  # SE-3
        raise SealCheckError(SealFault.SEAL_UNKNOWN, digest)
    _require_over(data, gap, signature, entry.public_key)  # SE-4
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what the library of certificates only warns of is no certificate of ours
            _require_chain(signature.certificates)
    except (*_NOT_OURS, Warning) as error:
        raise SealCheckError(SealFault.SEAL_MALFORMED, "certificates") from error
    if not entry.counts_at(sealed_at):  # SE-5
        raise SealCheckError(SealFault.SEAL_NOT_IN_FORCE, digest)
    return CheckedSeal(
        member=Province(entry.member),
        sealed_at=sealed_at,
        sha256=digest,
        name=x509.load_der_x509_certificate(entry.certificate).subject.rfc4514_string(),
    )


_NOT_OURS: Final = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
)
"""What readers of ASN.1 and certificates raise for other bytes; fuzzing found no more (tests/verifier/test_pdf.py)."""

_BYTE_RANGE: Final = re.compile(rb"/ByteRange ?\[ ?0 ([1-9][0-9]{0,9}) ([1-9][0-9]{0,9}) ([1-9][0-9]{0,9}) ?\]")
_GAP: Final = re.compile(rb"<([0-9A-F]{2,65536})>")
"""64 times what an RSA signature with two certificates needs would still fit."""

_SIGNED_AT: Final = re.compile(rb"/M ?\(D(?::|\\072)([0-9]{14})Z\)")


@dataclass(frozen=True, slots=True)
class _Gap:
    """Where the signature stands, and what it is."""

    begin: int
    end: int
    cms: bytes


def _gap(data: bytes) -> _Gap:
    count = data.count(b"/ByteRange")  # SE-1
    if count == 0:
        raise SealCheckError(SealFault.SEAL_MISSING)
    if count > 1:
        raise SealCheckError(SealFault.SEVERAL_SIGNATURES)
    found = _BYTE_RANGE.search(data)
    if found is None:
        raise SealCheckError(SealFault.SEAL_MALFORMED, "ByteRange")
    begin, end, length = (int(number) for number in found.groups())
    if end + length != len(data):
        raise SealCheckError(SealFault.CHANGED_AFTER_SEALING, f"{end + length} bytes are sealed, {len(data)} given")
    signature = _GAP.fullmatch(data, begin, end) if begin < end else None
    if signature is None:
        raise SealCheckError(SealFault.SEAL_MALFORMED, "gap")
    try:
        return _Gap(begin, end, bytes.fromhex(signature.group(1).decode("ascii")))
    except ValueError as error:  # an odd number of digits
        raise SealCheckError(SealFault.SEAL_MALFORMED, "gap") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signature:
    """A CMS signature, taken apart.

    Attributes:
        certificates: DER; the signer's first.
        attributes: The signed attributes, as they are signed.
        digest: Of the bytes outside the gap, as the attributes name it.
        value: The signature over the attributes.
    """

    certificates: tuple[bytes, ...]
    attributes: bytes
    digest: bytes
    value: bytes


def _signature(padded: bytes) -> _Signature:
    content = cms.ContentInfo.load(padded)
    encoded = content.dump()
    if padded[len(encoded) :].strip(b"\0"):
        raise ValueError("something stands behind the signature")
    signed = content["content"]
    [info] = signed["signer_infos"]
    certificates = [one.chosen for one in signed["certificates"]]
    issuer_and_serial = info["sid"].chosen
    [signer] = [
        one
        for one in certificates
        if one.serial_number == issuer_and_serial["serial_number"].native
        and one.issuer.dump() == issuer_and_serial["issuer"].dump()
    ]
    if _accepted_form(certificates, signer, info) != encoded:
        raise ValueError("not in the one accepted form")
    return _Signature(
        certificates=(signer.dump(), *(one.dump() for one in certificates if one is not signer)),
        attributes=info["signed_attrs"].untag().dump(),
        digest=_digest(info["signed_attrs"], signer.dump()),
        value=info["signature"].native,
    )


def _accepted_form(certificates: list[Any], signer: Any, info: Any) -> bytes:
    """The one encoding of what may differ between two seals: certificates, signed attributes, signature (RFC 5652, section 5).

    The set of certificates is in the order of DER (X.690, 11.6); the signer is named in the words of its certificate.
    """
    signer_info = _der(
        _SEQUENCE,
        _VERSION_1,
        _der(_SEQUENCE, signer.issuer.dump(), signer["tbs_certificate"]["serial_number"].dump()),
        _SHA256,
        _der(_CONTEXT_0, info["signed_attrs"].contents),
        _SHA256_RSA,
        _der(_OCTET_STRING, info["signature"].native),
    )
    signed = _der(
        _SEQUENCE,
        _VERSION_1,
        _der(_SET, _SHA256),
        _der(_SEQUENCE, _DATA),
        _der(_CONTEXT_0, *sorted(one.dump() for one in certificates)),
        _der(_SET, signer_info),
    )
    return _der(_SEQUENCE, _SIGNED_DATA, _der(_CONTEXT_0, signed))


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content)
    if length < _LONG_LENGTH:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG_LENGTH | len(octets)]) + octets + content


_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_OCTET_STRING: Final = 0x04
_CONTEXT_0: Final = 0xA0
_LONG_LENGTH: Final = 0x80

_VERSION_1: Final = bytes.fromhex("020101")
_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_SHA256: Final = bytes.fromhex("300d06096086480165030402010500")
_SHA256_RSA: Final = bytes.fromhex("300d06092a864886f70d01010b0500")


def _require_chain(encoded: tuple[bytes, ...]) -> None:
    """From the signer's, the first, to one that issued itself, and none besides: so none can be left out or put in."""
    subject, *others = (x509.load_der_x509_certificate(one) for one in encoded)
    while others:
        [issuer] = [one for one in others if _issued(one, subject)]
        others.remove(issuer)
        subject = issuer
    if not _issued(subject, subject):
        raise ValueError("the last certificate did not issue itself")


def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):  # another name, another kind of key
        return False
    return True


def _digest(attributes: Any, certificate: bytes) -> bytes:
    """What the attributes name, where they are those of PAdES baseline: type, digest and certificate, each once."""
    values = {one["type"].native: one["values"] for one in attributes}
    if len(attributes) != len(_ATTRIBUTES) or values.keys() != _ATTRIBUTES:
        raise ValueError("other signed attributes")
    ([content_type], [digest], [reference]) = (values[name] for name in sorted(_ATTRIBUTES))
    if content_type.native != "data":
        raise ValueError("another content type")
    if reference["certs"][0]["cert_hash"].native != hashlib.sha256(certificate).digest():
        raise ValueError("another certificate")
    return bytes(digest.native)


_ATTRIBUTES: Final = frozenset({"content_type", "message_digest", "signing_certificate_v2"})


def _require_over(data: bytes, gap: _Gap, signature: _Signature, key: RSAPublicKey) -> None:
    try:
        key.verify(signature.value, signature.attributes, PKCS1v15(), SHA256())
    except InvalidSignature as error:
        raise SealCheckError(SealFault.CONTENT_DIFFERS, "signature") from error
    digest = hashlib.sha256(data[: gap.begin])
    digest.update(data[gap.end :])
    if digest.digest() != signature.digest:
        raise SealCheckError(SealFault.CONTENT_DIFFERS, "digest")


def _sealed_at(dictionary: bytes) -> datetime:
    [found] = _SIGNED_AT.findall(dictionary)
    return datetime.strptime(found.decode("ascii"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
