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
    """Who asks, and on whose behalf: read from a certificate, or from a session and the mandate that it acts under.

    Attributes:
        reference: Name of the caller in the audit and in the scope of idempotency keys, for example
            `enterprise:9111...`.
        uscc: The enterprise or unit on whose behalf.
        identity_level: How surely that is known.
        basis: How it comes that the caller acts for it: SELF, AGENT, or OFFICIAL_DUTY for officers of the home.
        actor: Who of it acts: a name that only this home can resolve. Empty: its certificate.
        unit: Its name, as subjects are shown it. Empty: the registry's.
        post: Post and masked number of who acts, as subjects are shown it.
        channel: By which way.
        matter_number: 事项编号 of an officer's matter; empty for all others.
    """

    reference: str
    uscc: Uscc
    identity_level: query_pb2.IdentityLevel.ValueType
    basis: query_pb2.AuthorisationBasis.ValueType = query_pb2.AUTHORISATION_BASIS_SELF
    actor: str = ""
    unit: str = ""
    post: str = ""
    channel: common_pb2.Channel.ValueType = common_pb2.CHANNEL_API
    matter_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """On what ground is asked, as it is kept with a request.

    Attributes:
        basis: SELF, AGENT, GRANT or OFFICIAL_DUTY.
        grant_id: Statement id of the grant; empty without one.
        use_ordinal: Which use of it; 0 without one.
        matter_number: 事项编号; empty but with OFFICIAL_DUTY.
    """

    basis: query_pb2.AuthorisationBasis.ValueType = query_pb2.AUTHORISATION_BASIS_SELF
    grant_id: bytes = b""
    use_ordinal: int = 0
    matter_number: str = ""


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
        ground: Why it may; the use of a grant is not numbered yet.
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
    ground: Ground
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
