"""Questions: the signed queries of one try, one for each province."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from contract.days import to_timestamp
from contract.outcome import Question
from contract.payloads import QUERY, check_constraints
from contract.province import Province
from gateway.store.store import StoredRequest
from huren.fragment.v1 import query_pb2
from signing import Signer


def write_questions(
    request: StoredRequest,
    provinces: Iterable[Province],
    *,
    attempts: Mapping[Province, int],
    signer: Signer,
    at: datetime,
    patience: timedelta,
) -> tuple[Question, ...]:
    """Writes and signs a query for each province.

    Args:
        request: What to ask.
        provinces: Whom to ask.
        attempts: How many queries each province was sent for this request before.
        signer: Signs as the home gateway.
        at: Issue time.
        patience: How long answers are awaited.
    """
    return tuple(
        _write(request, province, attempts.get(province, 0) + 1, signer=signer, at=at, patience=patience)
        for province in provinces
    )


def _write(
    request: StoredRequest, province: Province, attempt: int, *, signer: Signer, at: datetime, patience: timedelta
) -> Question:
    query = query_pb2.Query(
        header=signer.new_header(at),
        request_id=request.request_id,
        attempt=attempt,
        addressee=province.wire,
        subject=request.subject,
        window=request.window,
        cells=request.cells,
        catalogue=request.catalogue,
        purpose=request.purpose,
        actor_ref=request.actor_ref,
        identity_level=request.identity_level,
        authorisation=_authorisation(request, at),
        deadline=to_timestamp(at + patience),
    )
    check_constraints(query)
    signed = signer.sign(QUERY, query)
    return Question(query, signed.statement_id, signed.envelope)


def _authorisation(request: StoredRequest, at: datetime) -> query_pb2.Authorisation:
    """Why may be asked. Whether a grant is in force was looked up in the moment before (`ReportService`)."""
    ground = request.ground
    authorisation = query_pb2.Authorisation(basis=ground.basis, matter_number=ground.matter_number)
    if ground.grant_id:
        authorisation.grant_statement_id = ground.grant_id
        authorisation.grant_status = query_pb2.GRANT_STATUS_IN_FORCE
        authorisation.grant_status_at.CopyFrom(to_timestamp(at))
        authorisation.use_ordinal = ground.use_ordinal
    return authorisation
