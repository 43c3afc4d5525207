"""TLS files, read and looked at once, before gRPC gets them.

gRPC accepts any bytes as key or certificate and fails much later, without a reason. Here a wrong file is named at the start.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from runtime.errors import TLSFileError
from runtime.settings import TLSSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSMaterial:
    """The content of the files that `TLSSettings` names.

    Attributes:
        certificate_chain: PEM.
        private_key: PEM.
        trusted_roots: PEM.
        not_after: When the own certificate ends.
    """

    certificate_chain: bytes
    private_key: bytes
    trusted_roots: bytes
    not_after: datetime

    def __repr__(self) -> str:
        return f"TLSMaterial(not_after={self.not_after.isoformat()})"


def read_tls(settings: TLSSettings) -> TLSMaterial:
    """Reads the files.

    Raises:
        TLSFileError: A file cannot be read, holds something else, or the key is not the certificate's.
    """
    certificate_chain = _read(settings.certificate)
    private_key = _read(settings.private_key)
    trusted_roots = _read(settings.trusted_roots)
    certificate = _certificates(settings.certificate, certificate_chain)[0]
    _certificates(settings.trusted_roots, trusted_roots)
    try:
        key = load_pem_private_key(private_key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TLSFileError(settings.private_key, "an unencrypted private key in PEM", "another content") from error
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*spki) != certificate.public_key().public_bytes(*spki):
        raise TLSFileError(settings.private_key, f"the key of {settings.certificate.name}", "another key")
    return TLSMaterial(
        certificate_chain=certificate_chain,
        private_key=private_key,
        trusted_roots=trusted_roots,
        not_after=certificate.not_valid_after_utc,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TLSFileError(path, "a readable file", error.strerror or type(error).__name__) from error


def _certificates(path: Path, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise TLSFileError(path, "certificates in PEM", "another content") from error
