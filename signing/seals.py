"""Seal entries: what the trust store knows about the certificate that a member's gateway seals PDF files with.

- A seal is a signature in a PDF, over the whole file (docs/protocols/report-verification.md, section 5). It is judged by the entry
  of its certificate, found by the digest of the certificate's bytes; the authority that issued the certificate decides nothing.
- An entry says whose seal it is and between which instants it may seal. Its period lies within that of the certificate.
- Entries are never deleted. One that is no longer used is RETIRED, one that others may be able to use is COMPROMISED.
- RSA of at least 3072 bits: every PDF reader in use verifies it. Elliptic curves are an extension of PDF 2.0 (ISO/TS 32002), and
  PDF/A-3 is PDF 1.7.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from signing.errors import TrustStoreError
from signing.instants import require_utc
from signing.key_entry import ACTIVE, PROVINCES, Active, Compromised, KeyState, Retired

MIN_SEAL_KEY_BITS: Final = 3072
"""Source: system default; NIST SP 800-57 part 1 rev. 5, table 2, gives 128 bits of strength for it."""


def certificate_digest(certificate: bytes) -> str:
    """Names a certificate: SHA-256 over its DER bytes, in lower-case hex."""
    return hashlib.sha256(certificate).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SealEntry:
    """The certificate of one member's seal.

    Raises:
        TrustStoreError: A fact is not possible, or `sha256` is not the digest of `certificate`.
    """

    sha256: str
    """`certificate_digest` of `certificate`."""
    certificate: bytes
    """X.509 certificate (DER)."""
    member: int
    """Number of the province whose gateway seals with it."""
    not_before: datetime
    """First instant at which it may seal."""
    not_after: datetime
    """Last instant at which it may seal."""
    state: KeyState = ACTIVE
    public_key: RSAPublicKey = field(init=False, repr=False, compare=False)
    """The certificate's key, ready to verify with."""

    def __post_init__(self) -> None:
        if self.member not in PROVINCES:
            raise TrustStoreError(f"member of a seal: a province number expected, got {self.member}")
        if self.sha256 != certificate_digest(self.certificate):
            raise TrustStoreError(
                f"sha256: digest {certificate_digest(self.certificate)} of the certificate expected, got {self.sha256!r}"
            )
        try:
            certificate = x509.load_der_x509_certificate(self.certificate)
            key = certificate.public_key()
            begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
            raise TrustStoreError(f"seal {self.sha256}: an X.509 certificate expected: {error}") from error
        if not isinstance(key, RSAPublicKey) or key.key_size < MIN_SEAL_KEY_BITS:
            raise TrustStoreError(f"seal {self.sha256}: an RSA key of at least {MIN_SEAL_KEY_BITS} bits expected")
        self._require_instants()
        if not begin <= self.not_before <= self.not_after <= end:
            raise TrustStoreError(f"seal {self.sha256}: a period within that of the certificate expected")
        object.__setattr__(self, "public_key", key)

    def _require_instants(self) -> None:
        try:
            require_utc(self.not_before)
            require_utc(self.not_after)
            match self.state:
                case Retired(at=instant) | Compromised(since=instant):
                    require_utc(instant)
                case Active():
                    pass
        except ValueError as error:
            raise TrustStoreError(f"seal {self.sha256}: {error}") from error

    def counts_at(self, sealed_at: datetime) -> bool:
        """Whether a seal that says it was put at this instant counts.

        Within the period; of a retired one, not after that; of a compromised one never, since nothing independent shows when.
        """
        match self.state:
            case Compromised():
                return False
            case Retired(at=at) if sealed_at > at:
                return False
            case _:
                return self.not_before <= sealed_at <= self.not_after
