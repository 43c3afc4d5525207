"""Payload types, and the only way from verified bytes to a message.

A payload is parsed only from a `VerifiedPayload`, checked against the constraints that its proto file declares, and refused when
it demands a feature that this release does not know. Fields that this release does not know are dropped, so that nothing compares
them. Everything else about a payload is admission's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import Final, TypeVar

import protovalidate
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from huren.authorisation.v1 import authorisation_pb2
from huren.change.v1 import change_pb2
from huren.envelope.v1 import envelope_pb2
from huren.feed.v1 import feed_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2, query_pb2, refusal_pb2
from huren.home.v1 import transfer_pb2
from huren.report.v1 import report_pb2, report_status_pb2
from signing import VerifiedPayload

QUERY: Final = "application/vnd.huren.query.v1+protobuf"
FRAGMENT: Final = "application/vnd.huren.fragment.v1+protobuf"
REFUSAL: Final = "application/vnd.huren.refusal.v1+protobuf"
COVERAGE: Final = "application/vnd.huren.coverage.v1+protobuf"
REPORT: Final = "application/vnd.huren.report.v1+protobuf"
REPORT_STATUS: Final = "application/vnd.huren.report-status.v1+protobuf"
RECORD_CHANGE: Final = "application/vnd.huren.record-change.v1+protobuf"
HOME_TRANSFER: Final = "application/vnd.huren.home-transfer.v1+protobuf"
TRANSFER_CONSENT: Final = "application/vnd.huren.transfer-consent.v1+protobuf"
GRANT: Final = "application/vnd.huren.grant.v1+protobuf"
GRANT_REVOCATION: Final = "application/vnd.huren.grant-revocation.v1+protobuf"
GRANT_USE: Final = "application/vnd.huren.grant-use.v1+protobuf"
FEED_ENTRY: Final = "application/vnd.huren.feed-entry.v1+protobuf"
FEED_HEAD: Final = "application/vnd.huren.feed-head.v1+protobuf"
FEED_RESET: Final = "application/vnd.huren.feed-reset.v1+protobuf"

MESSAGE_TYPES: Final[dict[str, type[Message]]] = {
    QUERY: query_pb2.Query,
    FRAGMENT: fragment_pb2.Fragment,
    REFUSAL: refusal_pb2.Refusal,
    COVERAGE: coverage_pb2.Coverage,
    REPORT: report_pb2.Report,
    REPORT_STATUS: report_status_pb2.ReportStatus,
    RECORD_CHANGE: change_pb2.RecordChange,
    HOME_TRANSFER: transfer_pb2.HomeTransfer,
    TRANSFER_CONSENT: transfer_pb2.TransferConsent,
    GRANT: authorisation_pb2.Grant,
    GRANT_REVOCATION: authorisation_pb2.GrantRevocation,
    GRANT_USE: authorisation_pb2.GrantUse,
    FEED_ENTRY: feed_pb2.FeedEntry,
    FEED_HEAD: feed_pb2.FeedHead,
    FEED_RESET: feed_pb2.FeedReset,
}

_FEED: Final = frozenset({FEED_ENTRY, FEED_HEAD, FEED_RESET})
_AUTHORISATION: Final = frozenset({GRANT, GRANT_REVOCATION, GRANT_USE})

ENTITLED: Final[dict[envelope_pb2.MemberRole.ValueType, frozenset[str]]] = {
    envelope_pb2.MEMBER_ROLE_ADAPTER: _FEED | {FRAGMENT, REFUSAL, COVERAGE, RECORD_CHANGE},
    envelope_pb2.MEMBER_ROLE_GATEWAY: _FEED
    | _AUTHORISATION
    | {QUERY, REPORT, REPORT_STATUS, HOME_TRANSFER, TRANSFER_CONSENT},
}
"""Which payload types a key of a role is entitled to sign."""

UNDERSTOOD: Final[frozenset[str]] = frozenset()
"""Features that this release knows (StatementHeader.must_understand)."""

_TIMES: Final = frozenset({Timestamp.DESCRIPTOR.full_name, Duration.DESCRIPTOR.full_name})

_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799
_MAX_DURATION_S: Final = 315_576_000_000
_NANOS: Final = 1_000_000_000

_EXISTS: Final = "time.exists"
"""Stands for the rule that protobuf's own types have, beside the ids of declared rules."""

_M = TypeVar("_M", bound=Message)


class PayloadFault(StrEnum):
    """Why a payload is refused."""

    NOT_PARSABLE = "NOT_PARSABLE"
    UNKNOWN_VALUE = "UNKNOWN_VALUE"
    CONSTRAINT_BROKEN = "CONSTRAINT_BROKEN"
    NOT_UNDERSTOOD = "NOT_UNDERSTOOD"


class PayloadError(ValueError):
    """A payload is not what its type promises.

    Attributes:
        fault: Why.
        where: The field at fault, or the feature that is not understood.
    """

    def __init__(self, fault: PayloadFault, where: str) -> None:
        self.fault = fault
        self.where = where
        super().__init__(f"{fault}: {where}")


def parse(verified: VerifiedPayload, message_type: type[_M]) -> _M:
    """Parses a verified payload.

    Raises:
        PayloadError: The bytes do not parse, hold an enum value this release does not know, break a declared constraint, or
            demand a feature that is not understood.
        RuntimeError: The payload is of another type than asked for.
    """
    if MESSAGE_TYPES.get(verified.payload_type) is not message_type:
        raise RuntimeError(f"a payload of type {verified.payload_type} is no {message_type.__name__}")
    return parse_bytes(verified.payload, message_type)


def parse_bytes(payload: bytes, message_type: type[_M]) -> _M:
    """Parses and checks bytes that need no signature: requests within a mutual TLS session, and tests.

    Raises:
        PayloadError: As `parse`.
    """
    message = message_type()
    try:
        message.ParseFromString(payload)
    except DecodeError as error:
        raise PayloadError(PayloadFault.NOT_PARSABLE, message_type.__name__) from error
    message.DiscardUnknownFields()
    check_constraints(message)
    return message


def check_constraints(message: Message) -> None:
    """Checks what the proto file declares, that every instant and duration exists, and `must_understand`.

    Raises:
        PayloadError: The first constraint that is broken.
    """
    violations = protovalidate.collect_violations(message, fail_fast=True)
    if violations:
        violation = violations[0].proto
        where = ".".join(element.field_name for element in violation.field.elements) if violation.field else ""
        fault = PayloadFault.UNKNOWN_VALUE if violation.rule_id.startswith("enum.") else PayloadFault.CONSTRAINT_BROKEN
        raise PayloadError(fault, f"{where or message.DESCRIPTOR.name}: {violation.rule_id}")
    for field, time in _times(message):
        if not _exists(time):
            raise PayloadError(PayloadFault.CONSTRAINT_BROKEN, f"{field}: no instant or duration that exists")
    header = getattr(message, "header", None)
    if isinstance(header, envelope_pb2.StatementHeader):
        for feature in header.must_understand:
            if feature not in UNDERSTOOD:
                raise PayloadError(PayloadFault.NOT_UNDERSTOOD, feature)


def _exists(time: Timestamp | Duration) -> bool:
    """Whether the value is within what its type stands for.

    Source: timestamp.proto (years 1 to 9999) and duration.proto (10 000 years, one sign) of protobuf.
    """
    if isinstance(time, Timestamp):
        return _FIRST_SECOND <= time.seconds <= _LAST_SECOND and 0 <= time.nanos < _NANOS
    same_sign = time.seconds == 0 or time.nanos == 0 or (time.seconds > 0) == (time.nanos > 0)
    return abs(time.seconds) <= _MAX_DURATION_S and abs(time.nanos) < _NANOS and same_sign


def _times(message: Message) -> Iterator[tuple[str, Timestamp | Duration]]:
    """Every Timestamp and Duration in the message. Their own types allow more than exists."""
    for field in _fields_with_times(message.DESCRIPTOR):
        if field.is_repeated:
            parts = getattr(message, field.name)
        else:
            parts = [getattr(message, field.name)] if message.HasField(field.name) else []
        for part in parts:
            if isinstance(part, Timestamp | Duration):
                yield field.name, part
            else:
                yield from _times(part)


@cache
def _fields_with_times(descriptor: Descriptor) -> tuple[FieldDescriptor, ...]:
    return tuple(field for field in descriptor.fields if field.message_type and _holds_times(field.message_type))


def _holds_times(descriptor: Descriptor) -> bool:
    return descriptor.full_name in _TIMES or bool(_fields_with_times(descriptor))
