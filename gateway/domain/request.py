"""A request for a report, after intake: everything in it is checked, resolved and pinned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from contract.catalogue import Catalogue
from contract.uscc import Uscc
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2

RequestId = NewType("RequestId", str)
"""受理编号: 32 lower-case hex digits, random. Not a report number, and proves nothing."""


class RequestState(StrEnum):
    """How a request stands. All but OPEN are ends."""

    OPEN = "OPEN"
    SEALED = "SEALED"
    CLOSED_INCOMPLETE = "CLOSED_INCOMPLETE"
    CANCELLED = "CANCELLED"
    AUTHORISATION_ENDED = "AUTHORISATION_ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as read from the certificate.

    Attributes:
        reference: Name of the caller in the audit and in the scope of idempotency keys, for example
            `enterprise:9111...`.
        uscc: The enterprise whose certificate it is.
        identity_level: How surely that is known.
    """

    reference: str
    uscc: Uscc
    identity_level: query_pb2.IdentityLevel.ValueType


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """What to ask, pinned on the day of the request.

    Attributes:
        idempotency_key: The caller's key.
        digest: SHA-256 over everything the caller chose.
        subject: Whose records.
        window: Which period.
        cells: Which cells, in catalogue order.
        catalogue: By which catalogue.
        purpose: For what.
        caller: Who asks.
        actor_ref: Random name of the caller towards other members.
    """

    idempotency_key: str
    digest: bytes
    subject: common_pb2.Subject
    window: common_pb2.Window
    cells: tuple[common_pb2.CellKey, ...]
    catalogue: Catalogue
    purpose: query_pb2.Purpose.ValueType
    caller: Caller
    actor_ref: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An issued report, as stored.

    Attributes:
        report_number: 报告编号.
        envelope: The Envelope with the Report.
        verification_code: Random part of the QR code's link.
        typed_code: 核验码 without hyphens. Empty: it has none.
        issued_at: 出具时间.
    """

    report_number: str
    envelope: bytes
    verification_code: str
    typed_code: str
    issued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedBefore:
    """An answer that an earlier try of the same request got and that may still count. Bytes, to be verified again.

    Attributes:
        query: The query's envelope.
        answer: The answer's envelope.
    """

    query: bytes
    answer: bytes
