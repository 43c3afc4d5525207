"""Lines of the lists that an applicant sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.request import RequestId, RequestState
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLine:
    """A request that waits, as officers see it: not about whom, for nobody asks them yet (非履职需要，不得查询).

    Attributes:
        request_id: 受理编号.
        opened_at: 受理时间.
        completion_until: Until when the home goes on by itself.
        provinces: How each stood after the last try. Empty: nobody has been heard yet.
        parked: The home does not go on by itself any more, because it failed too often.
    """

    request_id: RequestId
    opened_at: datetime
    completion_until: datetime
    provinces: tuple[wire.ProvinceStatus, ...]
    parked: bool
