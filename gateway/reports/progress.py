"""A request without a report, as its owner may see it: who answered, what can close each gap, how it ended. No verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, assert_never

from contract.days import to_timestamp
from contract.merge import SEALING_STATES
from contract.outcome import Admitted, Inadmissible, Outcome, Refused, Unavailable
from contract.province import Province
from gateway.domain.request import RequestState
from gateway.store.store import StoredRequest
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import report_service_pb2 as wire

_NEEDS_ORIGIN: Final = frozenset(
    {
        fragment_pb2.UNAVAILABLE_REASON_UNREADABLE,
        fragment_pb2.UNAVAILABLE_REASON_IDENTITY_IN_DOUBT,
        fragment_pb2.UNAVAILABLE_REASON_UNATTRIBUTABLE_ROWS,
        fragment_pb2.UNAVAILABLE_REASON_CORRECTION_CONTRADICTED,
    }
)


def progress(
    outcomes: Iterable[Outcome], contacts: Mapping[Province, common_pb2.Contact], attempts: Mapping[Province, int]
) -> tuple[wire.ProvinceStatus, ...]:
    """One status for each province, in ascending number."""
    return tuple(
        _status(outcome, contacts.get(outcome.province), attempts.get(outcome.province, 0))
        for outcome in sorted(outcomes, key=lambda outcome: outcome.province)
    )


def nothing_will_close(statuses: Iterable[wire.ProvinceStatus]) -> bool:
    """Whether a gap is there that nobody can close."""
    return any(status.gap_kind == wire.GAP_KIND_FINAL for status in statuses)


def may_close_by_itself(statuses: Iterable[wire.ProvinceStatus]) -> bool:
    """Whether asking again may bring the request to a report."""
    return all(status.gap_kind in {wire.GAP_KIND_UNSPECIFIED, wire.GAP_KIND_TRANSIENT} for status in statuses)


_ENDS: Final = {
    RequestState.CLOSED_INCOMPLETE: wire.REQUEST_END_CLOSED_INCOMPLETE,
    RequestState.CANCELLED: wire.REQUEST_END_CANCELLED,
    RequestState.AUTHORISATION_ENDED: wire.REQUEST_END_AUTHORISATION_ENDED,
}


def opened(request: StoredRequest, statuses: Sequence[wire.ProvinceStatus] = ()) -> wire.OpenRequest:
    """An open request: what is known of it before anybody was asked, and how each province stands."""
    return wire.OpenRequest(
        request_id=request.request_id,
        provinces=statuses,
        accepted_at=to_timestamp(request.opened_at),
        completion_until=to_timestamp(request.completion_until),
        name=request.subject.name,
    )


def ended(request: StoredRequest, contact: common_pb2.Contact) -> wire.EndedRequest:
    """A request that ended without a report.

    Raises:
        RuntimeError: It did not.
    """
    end = _ENDS.get(request.state)
    if end is None or request.ended_at is None:
        raise RuntimeError(f"request {request.request_id} is {request.state}")
    return wire.EndedRequest(
        request_id=request.request_id,
        end=end,
        reason=request.end_reason,
        ended_at=to_timestamp(request.ended_at),
        provinces=request.progress.provinces if request.progress else (),
        contact=contact,
    )


def _status(outcome: Outcome, contact: common_pb2.Contact | None, attempts: int) -> wire.ProvinceStatus:
    status = wire.ProvinceStatus(province=outcome.province.wire, attempts=attempts, contact=contact)
    match outcome:
        case Admitted(fragment=fragment):
            gaps = [cell for cell in fragment.cells if cell.state not in SEALING_STATES]
            status.progress = wire.PROVINCE_PROGRESS_ANSWERED_IN_PART if gaps else wire.PROVINCE_PROGRESS_ANSWERED
            status.gaps.extend(wire.CellGap(key=cell.key, reason=cell.reason) for cell in gaps)
            status.gap_kind = _kind_of(gaps)
        case Refused(refusal=refusal):
            status.progress = wire.PROVINCE_PROGRESS_REFUSED
            status.refusal = refusal.reason
            status.gap_kind = wire.GAP_KIND_TRANSIENT if refusal.may_ask_again else wire.GAP_KIND_FINAL
            status.contact.CopyFrom(refusal.contact)
        case Unavailable(reason=reason):
            status.progress = wire.PROVINCE_PROGRESS_UNAVAILABLE
            status.reason = reason
            status.gap_kind = wire.GAP_KIND_TRANSIENT
        case Inadmissible(reason=broken):
            status.progress = wire.PROVINCE_PROGRESS_INADMISSIBLE
            status.reason = broken
            status.gap_kind = wire.GAP_KIND_NEEDS_ORIGIN
        case _:
            assert_never(outcome)
    return status


def _kind_of(gaps: Sequence[fragment_pb2.Cell]) -> wire.GapKind.ValueType:
    if not gaps:
        return wire.GAP_KIND_UNSPECIFIED
    if any(cell.reason in _NEEDS_ORIGIN for cell in gaps):
        return wire.GAP_KIND_NEEDS_ORIGIN
    return wire.GAP_KIND_TRANSIENT
