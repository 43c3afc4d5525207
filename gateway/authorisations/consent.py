"""Whether a certificate comes from who certifies enterprises: the part of a consent's check that only a home can do.

A certificate says whose it is. That is worth as much as the authority behind it, and this home has authorities that it believes
about enterprises: those under which they connect. Names and period of the certificate itself, its key and the signature are
contract/authorisation.py (G-10 to G-12).

A consent carries one certificate and no others. Where an intermediate authority certifies enterprises, that one is given here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

_NO_INTERMEDIATES: Final = 0


class EnterpriseAuthorities:
    """The authorities that certify enterprises.

    Args:
        authorities: Their certificates, at least one.

    Raises:
        ValueError: There is none.
    """

    def __init__(self, authorities: Sequence[x509.Certificate]) -> None:
        self._store = Store(list(authorities))

    def certified(self, certificate: bytes, at: datetime) -> bool:
        """Whether one of them issued a certificate (DER) for somebody who connects, and both are valid at an instant."""
        policy = PolicyBuilder().time(at.astimezone(UTC).replace(tzinfo=None)).store(self._store)
        verifier = policy.max_chain_depth(_NO_INTERMEDIATES).build_client_verifier()
        try:
            verifier.verify(x509.load_der_x509_certificate(certificate), [])
        except (
            VerificationError,
            x509.UnsupportedGeneralNameType,
            x509.DuplicateExtension,
            x509.InvalidVersion,
            ValueError,  # what is no certificate
        ):
            return False
        return True
