"""Errors of this package.

    SigningError
    ├── EnvelopeError        (fault)     bytes are no envelope, or no batch root, in the one form that is accepted
    ├── VerificationError    (failure)   the envelope is well formed, but proves nothing
    ├── SuiteError                       a suite is not supported, or a key is not of its suite
    ├── TrustStoreError                  trust data cannot be relied on
    └── KeyFileError                     a private key file cannot be read or written

Rules:
- Whatever bytes a decoder or loader is given, nothing but these leaves it.
- Wrong use by our own code (a naive datetime, a batch of nothing) is a `ValueError`, `TypeError` or `RuntimeError` instead.
"""

from enum import StrEnum


class SigningError(Exception):
    """Root of the errors of this package."""


class EnvelopeFault(StrEnum):
    """Why bytes are refused before any signature is looked at."""

    TOO_LARGE = "TOO_LARGE"
    """More bytes than the caller allows."""
    NOT_PARSABLE = "NOT_PARSABLE"
    """No message in protobuf's wire format."""
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    """A field, at any depth, that the message does not declare, or not with this wire type."""
    NOT_CANONICAL = "NOT_CANONICAL"
    """Not the bytes that serialising the parsed message gives."""
    CONSTRAINT = "CONSTRAINT"
    """A constraint of envelope.proto is broken."""


class EnvelopeError(SigningError):
    """Bytes are not the strict encoding of an envelope, or of a batch root."""

    def __init__(self, fault: EnvelopeFault, detail: str) -> None:
        super().__init__(fault, detail)
        self.fault = fault
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.fault}: {self.detail}"


class VerificationFailure(StrEnum):
    """Why a well-formed envelope is not accepted. The numbers are the steps of `Verifier.verify`."""

    PAYLOAD_TYPE_UNEXPECTED = "PAYLOAD_TYPE_UNEXPECTED"
    """(2) The caller did not ask for a payload of this type."""
    HEADER_INVALID = "HEADER_INVALID"
    """(3) The payload has no statement header that satisfies its constraints."""
    KEY_UNKNOWN = "KEY_UNKNOWN"
    """(4) The trust store has no key of that id."""
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    """(5) The signature does not verify with the key."""
    BATCH_PROOF_INVALID = "BATCH_PROOF_INVALID"
    """(5) The signed batch root is not one for this statement."""
    KEY_REPEATED = "KEY_REPEATED"
    """(6) Two signatures by the same key."""
    SIGNERS_DIFFER = "SIGNERS_DIFFER"
    """(6) Signatures by keys of different members or roles."""
    ISSUER_IS_NOT_SIGNER = "ISSUER_IS_NOT_SIGNER"
    """(7) The header names another member or role than that of the key."""
    KEY_NOT_YET_VALID = "KEY_NOT_YET_VALID"
    """(8) Signed before the key's validity."""
    KEY_EXPIRED = "KEY_EXPIRED"
    """(8) Signed after the key's validity."""
    KEY_RETIRED = "KEY_RETIRED"
    """(8) Signed after the key was retired."""
    KEY_COMPROMISED = "KEY_COMPROMISED"
    """(8) The key is compromised, and nothing independent shows that the statement is older than that."""
    PAYLOAD_TYPE_NOT_ENTITLED = "PAYLOAD_TYPE_NOT_ENTITLED"
    """(9) The key may not sign payloads of this type."""
    SUITE_NOT_ACCEPTED = "SUITE_NOT_ACCEPTED"
    """(10) No signature is of a suite that the policy accepts from this role at the time of signing."""


class VerificationError(SigningError):
    """A well-formed envelope is not a statement of the member it names."""

    def __init__(self, failure: VerificationFailure, detail: str) -> None:
        super().__init__(failure, detail)
        self.failure = failure
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.failure}: {self.detail}"


class SuiteError(SigningError):
    """A signature suite is not supported, or a key is not one of its suite."""


class TrustStoreError(SigningError):
    """Trust data is missing, malformed or contradicts itself."""


class KeyFileError(SigningError):
    """A private key file cannot be read, is not of the expected form, or cannot be written."""
