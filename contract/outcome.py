"""What became of asking one province: exactly one of four outcomes, and nobody is dropped.

    Admitted        a fragment that may count, all of it
    Refused         a signed refusal
    Unavailable     no answer came, with the reason and the number of tries
    Inadmissible    an answer came that may not count, with the reason and the digest of its bytes

Only `Admitted` holds anything that the province said about the subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contract.province import Province
from huren.common.v1 import common_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2, query_pb2, refusal_pb2
from signing import StatementId, VerifiedPayload


class UnavailableReason(StrEnum):
    """Why no answer came. Each is worth asking again (TRANSIENT)."""

    NOT_REACHABLE = "NOT_REACHABLE"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    OVERLOADED = "OVERLOADED"
    BREAKER_OPEN = "BREAKER_OPEN"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    COVERAGE_UNAVAILABLE = "COVERAGE_UNAVAILABLE"
    EXPIRED_BEFORE_SEALING = "EXPIRED_BEFORE_SEALING"
    CHANGED_BEFORE_SEALING = "CHANGED_BEFORE_SEALING"


class InadmissibleReason(StrEnum):
    """Why an answer may not count. The order is that of the admission list."""

    ENVELOPE_NOT_STRICT = "ENVELOPE_NOT_STRICT"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    KEY_NOT_IN_FORCE = "KEY_NOT_IN_FORCE"
    KEY_RETIRED = "KEY_RETIRED"
    KEY_COMPROMISED = "KEY_COMPROMISED"
    SUITE_NOT_ACCEPTED = "SUITE_NOT_ACCEPTED"
    SIGNER_NOT_ENTITLED = "SIGNER_NOT_ENTITLED"
    WRONG_PROVINCE = "WRONG_PROVINCE"
    PAYLOAD_MALFORMED = "PAYLOAD_MALFORMED"
    VALUE_UNKNOWN = "VALUE_UNKNOWN"
    NOT_UNDERSTOOD = "NOT_UNDERSTOOD"
    WRONG_QUERY = "WRONG_QUERY"
    WRONG_SUBJECT = "WRONG_SUBJECT"
    WRONG_WINDOW = "WRONG_WINDOW"
    WRONG_CATALOGUE = "WRONG_CATALOGUE"
    ISSUED_IN_FUTURE = "ISSUED_IN_FUTURE"
    ISSUED_BEFORE_QUERY = "ISSUED_BEFORE_QUERY"
    ISSUED_AFTER_DEADLINE = "ISSUED_AFTER_DEADLINE"
    EXPIRED = "EXPIRED"
    LIFETIME_TOO_LONG = "LIFETIME_TOO_LONG"
    WRONG_COVERAGE = "WRONG_COVERAGE"
    CELL_MISSING = "CELL_MISSING"
    CELL_REPEATED = "CELL_REPEATED"
    CELL_NOT_REQUESTED = "CELL_NOT_REQUESTED"
    APPLICABILITY_CONTRADICTED = "APPLICABILITY_CONTRADICTED"
    COVERAGE_CONTRADICTED = "COVERAGE_CONTRADICTED"
    CLEAR_WITH_RECORDS = "CLEAR_WITH_RECORDS"
    FOUND_WITHOUT_RECORDS = "FOUND_WITHOUT_RECORDS"
    RECORDS_OUT_OF_PLACE = "RECORDS_OUT_OF_PLACE"
    UNAVAILABLE_WITHOUT_REASON = "UNAVAILABLE_WITHOUT_REASON"
    WATERMARK_MISSING = "WATERMARK_MISSING"
    WATERMARK_IN_FUTURE = "WATERMARK_IN_FUTURE"
    WATERMARK_OUT_OF_PLACE = "WATERMARK_OUT_OF_PLACE"
    STALE = "STALE"
    CODE_NOT_SEARCHED = "CODE_NOT_SEARCHED"
    RECORD_REPEATED = "RECORD_REPEATED"
    RECORD_OF_OTHER_PROVINCE = "RECORD_OF_OTHER_PROVINCE"
    RECORD_OF_OTHER_KIND = "RECORD_OF_OTHER_KIND"
    RECORD_OUTSIDE_WINDOW = "RECORD_OUTSIDE_WINDOW"
    RECORD_MALFORMED = "RECORD_MALFORMED"
    LIST_UNKNOWN = "LIST_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Question:
    """A query as it was sent to one province.

    Attributes:
        query: The query.
        statement_id: Its statement id.
        envelope: Its exact bytes.
    """

    query: query_pb2.Query
    statement_id: StatementId
    envelope: bytes

    @property
    def province(self) -> Province:
        """The province that is asked."""
        return Province(self.query.addressee)


@dataclass(frozen=True, slots=True)
class VerifiedCoverage:
    """A coverage statement that was verified and fits its catalogue. Made by `contract.admission` only."""

    statement: VerifiedPayload
    coverage: coverage_pb2.Coverage


@dataclass(frozen=True, slots=True)
class Admitted:
    """A fragment that may count. Made by `contract.admission` only."""

    province: Province
    question: Question
    statement: VerifiedPayload
    fragment: fragment_pb2.Fragment
    coverage: VerifiedCoverage


@dataclass(frozen=True, slots=True)
class Refused:
    """A signed refusal. Made by `contract.admission` only."""

    province: Province
    question: Question
    statement: VerifiedPayload
    refusal: refusal_pb2.Refusal


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No answer came.

    Attributes:
        province: Who was asked.
        reason: Why.
        attempts: How often the same bytes were sent.
        detail: For the operator; holds nothing of the subject.
        question: What was asked. None: nothing was sent.
    """

    province: Province
    reason: UnavailableReason
    attempts: int
    detail: str = ""
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Inadmissible:
    """An answer came that may not count.

    Attributes:
        province: Who was asked.
        reason: Why it may not count.
        detail: For the operator; holds nothing of the subject.
        digest: SHA-256 of the answer's bytes, so that both sides can find it.
        question: What was asked.
    """

    province: Province
    reason: InadmissibleReason
    detail: str
    digest: bytes
    question: Question


Outcome = Admitted | Refused | Unavailable | Inadmissible


@dataclass(frozen=True, slots=True)
class Gap:
    """A cell that does not seal.

    Attributes:
        province: Where.
        key: Which cell.
        reason: Why, as the province says.
    """

    province: Province
    key: common_pb2.CellKey
    reason: fragment_pb2.UnavailableReason.ValueType
