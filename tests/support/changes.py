"""Changes that origins tell: what a test says of a record, with the rest filled in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from contract.catalogue import CellKey
from contract.days import to_timestamp
from contract.payloads import RECORD_CHANGE
from contract.province import Province
from contract.uscc import Uscc
from huren.change.v1 import change_pb2
from tests.support.federation import ADAPTER, NOW, PENALTY_CELL, SUBJECT_CODE, Federation, wire_keys

_ARRIVED = change_pb2.CHANGE_CAUSE_ARRIVED
_CORRECTED = change_pb2.CHANGE_CAUSE_CORRECTED
_REVOKED = change_pb2.CHANGE_CAUSE_REVOKED


def state(
    revision: int, *cells: CellKey, first: str = "2024-03-01", last: str | None = None
) -> change_pb2.DisclosedState:
    """A record as it is disclosed; of one day unless `last` says otherwise, in the usual cell unless others are named."""
    return change_pb2.DisclosedState(
        revision=revision,
        cells=wire_keys(cells or (PENALTY_CELL,)),
        first_day=first,
        last_day=first if last is None else last,
    )


def record_change(
    record_id: str = "record-01",
    *,
    before: change_pb2.DisclosedState | None = None,
    after: change_pb2.DisclosedState | None = None,
    cause: change_pb2.ChangeCause.ValueType = change_pb2.CHANGE_CAUSE_UNSPECIFIED,
    wording_only: bool = False,
    minutes: int = -60,
    code: Uscc = SUBJECT_CODE,
) -> change_pb2.RecordChange:
    """A change without a header; by a fitting cause unless one is given, so many minutes after NOW."""
    fitting = _REVOKED if after is None else _ARRIVED if before is None else _CORRECTED
    return change_pb2.RecordChange(
        uscc=code,
        record_id=record_id,
        cause=cause or fitting,
        before=before,
        after=after,
        wording_only=wording_only,
        changed_at=to_timestamp(NOW + timedelta(minutes=minutes)),
    )


def signed_change(federation: Federation, province: Province, *args: Any, **kwargs: Any) -> bytes:
    """The envelope of `record_change(...)`, signed by the province's adapter."""
    return sign(federation, province, record_change(*args, **kwargs))


def sign(federation: Federation, province: Province, change: change_pb2.RecordChange) -> bytes:
    """The envelope of a change as it is."""
    signer = federation.signer(province, ADAPTER)
    change.header.CopyFrom(signer.new_header(federation.now))
    return signer.sign(RECORD_CHANGE, change).envelope
