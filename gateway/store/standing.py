"""Where reports stand, in SQL: changes that origins told, what they did to reports, and revocations by two officers.

All of it is written once. A report's state is the fold of what happened to it (gateway/reports/standing.py). One transaction at a
time decides about a subject's reports (`alone_with_subject`): either a report is sealed knowing a change, or the change finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, exists, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.days import china_day
from contract.errors import ErrorCode, HurenError
from contract.province import Province
from gateway.domain.revocation import Proposal
from gateway.store import tables
from gateway.store.notices import Notice, add_notice
from gateway.store.rows import (
    CHANGE,
    REVOCATION,
    AuditRow,
    alone_with_subject,
    audit,
    dialect,
    instant,
    instant_text,
)
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2
from runtime.database import Database

_PAGE: Final = 20
"""Reports at a time: an envelope may have megabytes."""

_MAX_NUMBER: Final = (1 << 63) - 1
"""Greater ones no database holds."""

_SUPERSEDED: Final = report_status_pb2.REPORT_STATE_SUPERSEDED
_REVOKED: Final = report_status_pb2.REPORT_STATE_REVOKED

_reports: Final = tables.reports
_standings: Final = tables.standings
_revocations: Final = tables.revocations
_ends: Final = tables.revocation_ends

JudgeReport = Callable[[bytes], report_status_pb2.StandingReason | None]
"""Says what a change does to a report, by its envelope. None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChange:
    """A change that was verified.

    Attributes:
        statement_id: Its statement id.
        province: The origin.
        uscc: Whose record.
        envelope: The Envelope with the RecordChange.
        received_at: When it came.
        sender: Who brought it, as the audit names it.
    """

    statement_id: bytes
    province: Province
    uscc: str
    envelope: bytes
    received_at: datetime
    sender: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStanding:
    """A report, and what happened to it.

    Attributes:
        owner: Whose it is.
        statement_id: The report's statement id.
        envelope: The Envelope with the Report.
        reasons: What altered where it stands, oldest first.
    """

    owner: str
    statement_id: bytes
    envelope: bytes
    reasons: tuple[report_status_pb2.StandingReason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A proposal with its report's owner and what became of it; no end: it waits."""

    proposal: Proposal
    owner: str
    statement_id: bytes
    confirmed: bool | None
    ended_by: str


class StandingStore:
    """SQL about where reports stand."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, *rows: AuditRow) -> None:
        """Writes audit rows that go with no other change."""
        async with self._database.write() as connection:
            await audit(connection, rows)

    # --- Changes ------------------------------------------------------------------------------------------------------------

    async def apply_change(self, change: NewChange, judge: Callable[[Sequence[bytes]], JudgeReport]) -> None:
        """Keeps a change and does to the subject's reports what it does, in one transaction. A change that is kept does nothing.

        It is kept where the subject has no report too: one may be sealed just after. A report that is superseded gets further
        reasons; one that was revoked gets none, because nothing alters any more where it stands. Whom it was
        issued to is told once of each report that becomes superseded.

        Args:
            change: The change.
            judge: Takes all changes of that province about the subject (envelopes, this one included), and gives the function
                that judges each report.
        """
        async with self._database.write() as connection:
            await alone_with_subject(connection, change.uscc)
            row = {
                "statement_id": change.statement_id,
                "province": int(change.province),
                "uscc": change.uscc,
                "envelope": change.envelope,
                "received_at": instant_text(change.received_at),
            }
            keep = dialect(connection).insert(tables.changes).values(row).on_conflict_do_nothing()
            if (await connection.execute(keep.returning(tables.changes.c.statement_id))).scalar_one_or_none() is None:
                return
            altered = await _alter_reports(connection, change, judge(await _told_by(connection, change)))
            line = AuditRow(
                at=change.received_at,
                action=CHANGE,
                result=f"kept, altered {altered}",
                caller=change.sender,
                uscc=change.uscc,
                province=int(change.province),
                statement_id=change.statement_id,
            )
            await audit(connection, (line,))

    # --- Standing -----------------------------------------------------------------------------------------------------------

    async def find(self, report_number: str) -> StoredStanding | None:
        """A report of this home with what happened to it; None: there is none of that number."""
        found = select(_reports.c.owner, _reports.c.statement_id, _reports.c.envelope).where(
            _reports.c.report_number == report_number
        )
        happened = (
            select(_standings.c.reason).where(_standings.c.report_number == report_number).order_by(_standings.c.id)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(found)).one_or_none()
            if row is None:
                return None
            reasons = (await connection.execute(happened)).scalars().all()
        return StoredStanding(
            owner=row[0],
            statement_id=row[1],
            envelope=row[2],
            reasons=tuple(report_status_pb2.StandingReason.FromString(reason) for reason in reasons),
        )

    # --- Revocation ---------------------------------------------------------------------------------------------------------

    async def propose(
        self,
        report_number: str,
        category: report_status_pb2.RevocationCategory.ValueType,
        note: str,
        *,
        officer: str,
        at: datetime,
    ) -> Proposal:
        """Keeps a proposal. A report has at most one that waits.

        Raises:
            HurenError: REPORT_NOT_FOUND, REPORT_REVOKED, REVOCATION_WAITS.
        """
        async with self._database.write() as connection:
            report = await _report(connection, report_number)
            await alone_with_subject(connection, report.owner)
            await _require_not_revoked(connection, report_number)
            waiting = await _one(connection, _of_report(report_number) & _waits())
            if waiting is not None:
                raise HurenError(ErrorCode.REVOCATION_WAITS, number=waiting.proposal.number)
            row = {
                "report_number": report_number,
                "category": int(category),
                "note": note,
                "proposed_by": officer,
                "proposed_at": instant_text(at),
            }
            inserted = insert(_revocations).values(row).returning(_revocations.c.proposal)
            number = (await connection.execute(inserted)).scalar_one()
            await audit(connection, (_line(report_number, report, "proposed", officer=officer, at=at),))
        return Proposal(
            number=number,
            report_number=report_number,
            category=category,
            note=note,
            proposed_by=officer,
            proposed_at=at,
        )

    async def confirm(self, number: int, *, officer: str, at: datetime) -> Proposal:
        """Confirms a proposal of another officer: the report is revoked; whom it was issued to is told. Twice is harmless.

        Raises:
            HurenError: REVOCATION_NOT_FOUND, REPORT_REVOKED, SECOND_OFFICER_NEEDED.
        """
        async with self._database.write() as connection:
            found = await _proposal(connection, number)
            proposal = found.proposal
            if found.confirmed is not None:
                _require_same_end(found, officer, confirmed=True)
                return proposal
            if proposal.proposed_by == officer:
                raise HurenError(ErrorCode.SECOND_OFFICER_NEEDED)
            await _end(connection, found, officer, at, confirmed=True)
            reason = report_status_pb2.StandingReason(
                state=_REVOKED, day=china_day(at).isoformat(), revocation=proposal.category
            )
            cause = f"revocation {number}".encode()
            await _add_reasons(connection, [(proposal.report_number, reason)], cause=cause, at=at)
            await _tell(connection, wire.NOTICE_KIND_REPORT_REVOKED, proposal.report_number, at)
        return proposal

    async def withdraw(self, number: int, *, officer: str, at: datetime) -> None:
        """Gives a proposal up. The same officer may say it again.

        Raises:
            HurenError: REVOCATION_NOT_FOUND, REPORT_REVOKED.
        """
        async with self._database.write() as connection:
            found = await _proposal(connection, number)
            if found.confirmed is not None:
                _require_same_end(found, officer, confirmed=False)
                return
            await _end(connection, found, officer, at, confirmed=False)

    async def waiting(self) -> list[Proposal]:
        """The proposals that wait for a second officer, oldest first."""
        async with self._database.read() as connection:
            rows = (await connection.execute(_proposals().where(_waits()).order_by(_revocations.c.proposal))).mappings()
            return [_found(row).proposal for row in rows]


@dataclass(frozen=True, slots=True)
class _Report:
    owner: str
    statement_id: bytes


async def _alter_reports(connection: AsyncConnection, change: NewChange, judge_report: JudgeReport) -> int:
    superseded = await _numbers_with(connection, change.uscc, _SUPERSEDED)
    altered = 0
    last = ""
    while page := await _page(connection, change.uscc, last):
        reasons = [(number, reason) for number, envelope in page if (reason := judge_report(envelope)) is not None]
        await _add_reasons(connection, reasons, cause=change.statement_id, at=change.received_at)
        for number, reason in reasons:
            if reason.state == _SUPERSEDED and number not in superseded:
                kind = wire.NOTICE_KIND_REPORT_SUPERSEDED
                await _tell(connection, kind, number, change.received_at)
        altered += len(reasons)
        last = page[-1][0]
    return altered


async def _told_by(connection: AsyncConnection, change: NewChange) -> Sequence[bytes]:
    table = tables.changes
    found = select(table.c.envelope).where(table.c.uscc == change.uscc, table.c.province == int(change.province))
    return (await connection.execute(found)).scalars().all()


async def _numbers_with(connection: AsyncConnection, owner: str, state: int) -> frozenset[str]:
    found = (
        select(_standings.c.report_number)
        .join(_reports, _reports.c.report_number == _standings.c.report_number)
        .where(_reports.c.owner == owner, _standings.c.state == int(state))
    )
    return frozenset((await connection.execute(found)).scalars())


async def _page(connection: AsyncConnection, owner: str, after: str) -> Sequence[tuple[str, bytes]]:
    """The next reports of an owner that are not revoked, by number."""
    revoked = exists().where(
        _standings.c.report_number == _reports.c.report_number, _standings.c.state == int(_REVOKED)
    )
    page = (
        select(_reports.c.report_number, _reports.c.envelope)
        .where(_reports.c.owner == owner, _reports.c.report_number > after, ~revoked)
        .order_by(_reports.c.report_number)
        .limit(_PAGE)
    )
    return [(number, envelope) for number, envelope in await connection.execute(page)]


async def _add_reasons(
    connection: AsyncConnection,
    reasons: Sequence[tuple[str, report_status_pb2.StandingReason]],
    *,
    cause: bytes,
    at: datetime,
) -> None:
    rows = [
        {
            "report_number": report_number,
            "cause_id": cause,
            "state": int(reason.state),
            "day": reason.day,
            "reason": reason.SerializeToString(deterministic=True),
            "at": instant_text(at),
        }
        for report_number, reason in reasons
    ]
    if rows:
        await connection.execute(insert(_standings), rows)


async def _tell(connection: AsyncConnection, kind: wire.NoticeKind.ValueType, report_number: str, at: datetime) -> None:
    """Tells whom the report was issued to: the subject, or who asked under its grant."""
    request = tables.requests
    found = (
        select(request.c.applicant)
        .join(_reports, _reports.c.request_id == request.c.request_id)
        .where(_reports.c.report_number == report_number)
    )
    applicant = (await connection.execute(found)).scalar_one()
    await add_notice(connection, Notice(uscc=applicant, kind=kind, at=at, report_number=report_number))


async def _report(connection: AsyncConnection, report_number: str) -> _Report:
    found = select(_reports.c.owner, _reports.c.statement_id).where(_reports.c.report_number == report_number)
    row = (await connection.execute(found)).one_or_none()
    if row is None:
        raise HurenError(ErrorCode.REPORT_NOT_FOUND)
    return _Report(*row)


async def _require_not_revoked(connection: AsyncConnection, report_number: str) -> None:
    found = select(_standings.c.id).where(
        _standings.c.report_number == report_number, _standings.c.state == int(_REVOKED)
    )
    if (await connection.execute(found)).first() is not None:
        raise HurenError(ErrorCode.REPORT_REVOKED)


def _of_report(report_number: str) -> Any:
    return _revocations.c.report_number == report_number


def _waits() -> Any:
    return _ends.c.proposal.is_(None)


def _proposals() -> Select[Any]:
    return (
        select(_revocations, _reports.c.owner, _reports.c.statement_id, _ends.c.confirmed, _ends.c.by.label("ended_by"))
        .join(_reports, _reports.c.report_number == _revocations.c.report_number)
        .outerjoin(_ends, _ends.c.proposal == _revocations.c.proposal)
    )


async def _one(connection: AsyncConnection, which: Any) -> _Found | None:
    row = (await connection.execute(_proposals().where(which))).mappings().one_or_none()
    return None if row is None else _found(row)


def _found(row: Any) -> _Found:
    return _Found(
        proposal=Proposal(
            number=row["proposal"],
            report_number=row["report_number"],
            category=row["category"],
            note=row["note"],
            proposed_by=row["proposed_by"],
            proposed_at=instant(row["proposed_at"]),
        ),
        owner=row["owner"],
        statement_id=row["statement_id"],
        confirmed=row["confirmed"],
        ended_by=row["ended_by"] or "",
    )


async def _proposal(connection: AsyncConnection, number: int) -> _Found:
    """A proposal as it is while nobody else decides about the subject's reports."""
    found = None if number > _MAX_NUMBER else await _one(connection, _revocations.c.proposal == number)
    if found is not None:
        await alone_with_subject(connection, found.owner)
        found = await _one(connection, _revocations.c.proposal == number)
    if found is None:
        raise HurenError(ErrorCode.REVOCATION_NOT_FOUND, number=number)
    return found


def _require_same_end(found: _Found, officer: str, *, confirmed: bool) -> None:
    """An officer whose answer was lost says it again; nobody else ends what has ended."""
    if found.confirmed == confirmed and found.ended_by == officer:
        return
    if found.confirmed:
        raise HurenError(ErrorCode.REPORT_REVOKED)
    raise HurenError(ErrorCode.REVOCATION_NOT_FOUND, number=found.proposal.number)


async def _end(connection: AsyncConnection, found: _Found, officer: str, at: datetime, *, confirmed: bool) -> None:
    row = {"proposal": found.proposal.number, "confirmed": confirmed, "by": officer, "at": instant_text(at)}
    await connection.execute(insert(_ends), row)
    report = _Report(found.owner, found.statement_id)
    result = "confirmed" if confirmed else "withdrawn"
    await audit(connection, (_line(found.proposal.report_number, report, result, officer=officer, at=at),))


def _line(report_number: str, report: _Report, result: str, *, officer: str, at: datetime) -> AuditRow:
    return AuditRow(
        at=at,
        action=REVOCATION,
        result=f"{result} {report_number}",
        caller=f"operator:{officer}",
        uscc=report.owner,
        statement_id=report.statement_id,
    )
