"""Lists of what was issued to a unit and of what it asked for, newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Select, or_, select

from gateway.domain.overview import ReportLine, RequestLine
from gateway.domain.request import RequestId, RequestState
from gateway.store import tables
from gateway.store.rows import instant
from huren.common.v1 import common_pb2
from runtime.database import Database

_reports = tables.reports
_requests = tables.requests


class OverviewStore:
    """Reads lists."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reports(
        self, applicant: str, matter_number: str, *, before: str, limit: int, oldest_first: bool = False
    ) -> Sequence[ReportLine]:
        """Reports that were issued to a unit, newest first.

        Args:
            applicant: The unit's code.
            matter_number: Of an officer's matter: what was asked in it. Empty: what the unit asked for otherwise.
            before: Only those that come after this report number in the list; empty: from the beginning.
            limit: How many at most.
            oldest_first: The other way round.
        """
        number = _reports.c.report_number
        of_unit = (
            select(
                _reports.c.report_number,
                _reports.c.issued_at,
                _requests.c.request_id,
                _requests.c.subject,
                _requests.c.basis,
                _requests.c.grant_id,
                _requests.c.first_day,
                _requests.c.last_day,
            )
            .join(_requests, _requests.c.request_id == _reports.c.request_id)
            .where(_requests.c.applicant == applicant, _in_matter(matter_number))
        )
        # Numbers of one home grow with the time of issue.
        found = of_unit if not before else of_unit.where(number > before if oldest_first else number < before)
        order = number.asc() if oldest_first else number.desc()
        async with self._database.read() as connection:
            rows = (await connection.execute(found.order_by(order).limit(limit))).all()
        return [
            ReportLine(
                report_number=row.report_number,
                issued_at=instant(row.issued_at),
                request_id=RequestId(row.request_id),
                subject=common_pb2.Subject.FromString(row.subject),
                basis=row.basis,
                grant_id=row.grant_id,
                window=common_pb2.Window(first_day=row.first_day, last_day=row.last_day),
            )
            for row in rows
        ]

    async def requests(
        self,
        applicant: str,
        matter_number: str,
        *,
        before: str,
        limit: int,
        basis: int = 0,
        states: Collection[RequestState] = (),
        oldest_first: bool = False,
    ) -> Sequence[RequestLine]:
        """What a unit asked for.

        Args:
            applicant: The unit's code.
            matter_number: As of `reports`.
            before: Only those that come after this 受理编号 in the list; empty: from the beginning.
            limit: How many at most.
            basis: Only those on this ground, an AuthorisationBasis. 0: on any.
            states: Only those that stand like this. Empty: all.
            oldest_first: Oldest first instead of newest.
        """
        found: Select[tuple[str, str, str, bytes, int]] = select(
            _requests.c.request_id, _requests.c.opened_at, _requests.c.state, _requests.c.subject, _requests.c.basis
        ).where(_requests.c.applicant == applicant, _in_matter(matter_number))
        if basis:
            found = found.where(_requests.c.basis == basis)
        if states:
            found = found.where(_requests.c.state.in_(states))
        at, number = _requests.c.opened_at, _requests.c.request_id
        if before:
            last = select(at).where(number == before, _requests.c.applicant == applicant)
            opened = last.scalar_subquery()
            later = or_(at > opened, (at == opened) & (number > before))
            earlier = or_(at < opened, (at == opened) & (number < before))
            found = found.where(later if oldest_first else earlier)
        order = (at.asc(), number.asc()) if oldest_first else (at.desc(), number.desc())
        ordered = found.order_by(*order).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(ordered)).all()
        return [
            RequestLine(
                request_id=RequestId(row.request_id),
                opened_at=instant(row.opened_at),
                state=RequestState(row.state),
                subject=common_pb2.Subject.FromString(row.subject),
                basis=row.basis,
            )
            for row in rows
        ]


def _in_matter(matter_number: str) -> ColumnElement[bool]:
    return _requests.c.matter_number == matter_number
