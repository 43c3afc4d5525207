"""Lines of the lists that an applicant sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.request import RequestId, RequestState
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """A report that was issued.

    Attributes:
        report_number: 报告编号.
        issued_at: 出具时间.
        request_id: The request that it answers.
        subject: Whose report, as it was then.
        basis: On what ground it was asked for.
        grant_id: Under which grant; empty without one.
        window: Which period.
    """

    report_number: str
    issued_at: datetime
    request_id: RequestId
    subject: common_pb2.Subject
    basis: query_pb2.AuthorisationBasis.ValueType
    grant_id: bytes
    window: common_pb2.Window


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """A request.

    Attributes:
        request_id: 受理编号.
        opened_at: 受理时间.
        state: How it stands.
        subject: About whom.
        basis: On what ground.
    """

    request_id: RequestId
    opened_at: datetime
    state: RequestState
    subject: common_pb2.Subject
    basis: query_pb2.AuthorisationBasis.ValueType
