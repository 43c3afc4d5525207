"""The home's seal on a PDF: a signature over the whole file, by which anybody sees that nothing was changed since.

- PAdES baseline B-B (ETSI EN 319 142-1): `ETSI.CAdES.detached`, SHA-256, RSA; the certificate and its authorities are in it.
- A certifying signature that permits no changes (DocMDP, level 1). It is the only signature, and covers every byte but its own.
- Nothing is asked of anybody: no time stamp, no revocation data. Receivers judge the certificate by their trust data.
- What was rendered stays as it is, byte for byte, and the signature is added behind it: attachments, tags and metadata too.
  pyHanko would also rewrite the metadata (producer, time of change) and raise the version of PDF; neither is wanted of a PDF/A-3.
- The field is not visible on any page, and no word of a 印章 is said: a seal with legal effect comes from the official platform.

Source: docs/protocols/report-verification.md, section 5; docs/adr/0013-seal-and-verifier.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Self

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers.constants import ESIC_EXTENSION_1
from pyhanko.sign.signers.pdf_signer import PdfSigningSession
from pyhanko_certvalidator.registry import SimpleCertificateStore

from contract.report_file import SEAL_FIELD
from signing import MIN_SEAL_KEY_BITS

REASON: Final = "由出具单位签署；签署后文件如有改动，核验即不一致"

_MAX_FILE_BYTES: Final = 256 * 1024


class SealError(Exception):
    """The seal cannot be used. The message names the file and says what to do."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A key with its certificate, ready to seal. Safe to use from several threads.

    Attributes:
        certificate: The seal's certificate.
        authorities: Further certificates of the file: those that issued it.
    """

    certificate: x509.Certificate
    authorities: tuple[x509.Certificate, ...]
    _key: RSAPrivateKey = field(repr=False)

    @classmethod
    def load(cls, certificate: Path, private_key: Path) -> Self:
        """Reads a seal.

        Args:
            certificate: PEM: the seal's certificate first, then its authorities', each of which issued the one before, the last
                itself too: verifiers accept no seal without them.
            private_key: PEM, PKCS #8, unencrypted; RSA of at least 3072 bits.

        Raises:
            SealError: A file cannot be read or is of another form, or the key is not the certificate's.
        """
        try:
            first, *others = x509.load_pem_x509_certificates(_read(certificate))
        except ValueError as error:
            raise SealError(f"{certificate}: certificates in PEM expected, the seal's first: {error}") from error
        try:
            key = load_pem_private_key(_read(private_key), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SealError(f"{private_key}: an unencrypted PKCS #8 key in PEM expected: {error}") from error
        if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_SEAL_KEY_BITS:
            raise SealError(f"{private_key}: an RSA key of at least {MIN_SEAL_KEY_BITS} bits expected; make a new seal")
        if key.public_key() != first.public_key():
            raise SealError(
                f"{private_key}: not the key of the first certificate in {certificate}; put files together that belong together"
            )
        for subject, issuer in pairwise([first, *others, (others or [first])[-1]]):
            if not _issued(issuer, subject):
                raise SealError(
                    f"{certificate}: the seal's certificate expected, then those that issued one another, up to the one that "
                    "issued itself; add what is missing, in this order"
                )
        return cls(first, tuple(others), key)

    def require_usable(self, at: datetime) -> None:
        """Refuses a certificate that does not hold at an instant. Programs call it when they start.

        Raises:
            SealError: It has ended, or has not begun.
        """
        begin, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        if not begin <= at <= end:
            raise SealError(
                f"the seal's certificate holds from {begin:%F %T}Z to {end:%F %T}Z, and it is {at.astimezone(UTC):%F %T}Z: "
                "get a new one, publish it in the trust data of all members, then name its files in the settings"
            )

    def apply(self, pdf: bytes, *, at: datetime) -> bytes:
        """Seals a file. Takes tens of milliseconds of a processor: called in a thread of its own, never in an event loop.

        Args:
            pdf: A rendered PDF without any signature.
            at: Now; stands in the signature.

        Returns:
            The same bytes, followed by the signature.

        Raises:
            SealError: The certificate does not hold at that instant.
        """
        self.require_usable(at)
        store = SimpleCertificateStore.from_certs([_asn1(one) for one in self.authorities])  # type: ignore[no-untyped-call]
        signer = SimpleSigner(
            signing_cert=_asn1(self.certificate),
            signing_key=asn1_keys.PrivateKeyInfo.load(
                self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            ),
            cert_registry=store,
        )
        metadata = PdfSignatureMetadata(
            field_name=SEAL_FIELD,
            reason=REASON,
            md_algorithm="sha256",
            subfilter=SigSeedSubFilter.PADES,
            certify=True,
            docmdp_permissions=MDPPerm.NO_CHANGES,
        )
        sealed: BytesIO = _SignerAt(metadata, signer, at).sign_pdf(_UntouchedMetadata(BytesIO(pdf)))
        return sealed.getvalue()


class _UntouchedMetadata(IncrementalPdfFileWriter):
    """Adds objects and changes none that describes the document."""

    def _update_meta(self) -> None:
        pass


class _SignerAt(PdfSigner):
    """Signs at a given instant instead of the machine's, and declares PAdES alone of what it uses."""

    def __init__(self, metadata: PdfSignatureMetadata, signer: SimpleSigner, at: datetime) -> None:
        super().__init__(metadata, signer)
        self._at = at.astimezone(UTC)

    def init_signing_session(self, pdf_out: BasePdfFileWriter, existing_fields_only: bool = False) -> PdfSigningSession:  # noqa: FBT001, FBT002  # as inherited
        session = super().init_signing_session(pdf_out, existing_fields_only)
        session.system_time = self._at
        return session

    def register_extensions(self, pdf_out: BasePdfFileWriter, *, md_algorithm: str) -> None:
        del md_algorithm
        pdf_out.register_extension(ESIC_EXTENSION_1)


def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):  # another name, another kind of key
        return False
    return True


def _asn1(certificate: x509.Certificate) -> Any:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise SealError(f"{path}: cannot be read: {error.strerror}; name the seal's files in the settings") from error
