"""How long rows are kept, and deleting those that are older.

What is kept for how long is data (gateway/data/retention.json); this is what it means:

    audit               a row, from when it was written
    reports             a report with its request, queries, outcomes, standings and revocations, from the last that happened to it
    unissued_requests   a request that ended without a report, with its queries and outcomes, from its end
    changes             a change that an origin told, from when it came
    notices             a notice, from when it was written
    code_tries          counted failures, from when their hour began

- What no rule is about is kept: coverage statements, transfers, epochs, the sequences of numbers.
- What a kept row refers to is kept: a change for its standings, a request or report for its notices, any of them for work that is
  left. A row of the audit is no reference; it names what may be gone.
- A request that is open is never deleted, however old.
- The database refuses to delete a row that is not older than its table's cut (`retention_cuts`). The cuts are moved, and that
  is written to the audit, in one transaction before anything is deleted. Then the rest goes in short transactions, so nobody waits
  for long, and a run that is killed is gone on with by the next.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import ColumnElement, Select, String, Table, and_, cast, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.days import CHINA, china_day
from contract.deadlines import Label
from contract.json_file import JsonFileError, read_json_file
from gateway.domain.request import RequestState
from gateway.store import tables
from gateway.store.rows import Action, AuditRow, audit, dialect, instant_text
from gateway.store.work import COMPLETE, NOTIFY
from runtime.database import Database, take_turns

RETENTION: Final = Action("retention")

_SHIPPED: Final = Path(__file__).parents[1] / "data" / "retention.json"
_AT_ONCE: Final = 200
"""Reports, requests or rows for each transaction."""


class What(StrEnum):
    """What a rule is about."""

    AUDIT = "audit"
    REPORTS = "reports"
    UNISSUED_REQUESTS = "unissued_requests"
    CHANGES = "changes"
    NOTICES = "notices"
    CODE_TRIES = "code_tries"


_COUNTED_FROM: Final[Mapping[What, str]] = {
    What.AUDIT: "written",
    What.REPORTS: "last_event",
    What.UNISSUED_REQUESTS: "ended",
    What.CHANGES: "received",
    What.NOTICES: "written",
    What.CODE_TRIES: "hour_began",
}
"""From which instant each is counted: the file says it for its readers, and cannot say anything else."""

_CUT_TABLES: Final[Mapping[What, tuple[Table, ...]]] = {
    What.AUDIT: (tables.audit,),
    What.REPORTS: (
        tables.reports,
        tables.standings,
        tables.revocations,
        tables.revocation_ends,
        tables.queries,
        tables.outcomes,
    ),
    What.UNISSUED_REQUESTS: (tables.queries, tables.outcomes),
    What.CHANGES: (tables.changes,),
    What.NOTICES: (tables.notices,),
    What.CODE_TRIES: (),
}


class RetentionFileError(ValueError):
    """A file of rules cannot be read, or its rules cannot hold. The message says where."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Period(_Model):
    """How long: months of the calendar, or days.

    Attributes:
        months: Months; a day that the earlier month does not have is its last one.
        days: Days of 24 hours.
    """

    months: int = Field(default=0, ge=0, le=1200)
    days: int = Field(default=0, ge=0, le=36_500)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.months > 0) == (self.days > 0):
            raise ValueError("expected months or days, at least one")
        return self

    def before(self, at: datetime) -> datetime:
        """The instant so long before another; months are counted in China."""
        local = at.astimezone(CHINA)
        months = local.year * 12 + local.month - 1 - self.months
        year, month = divmod(months, 12)
        day = min(local.day, calendar.monthrange(year, month + 1)[1])
        return local.replace(year=year, month=month + 1, day=day) - timedelta(days=self.days)


class Minimum(_Model):
    """What a rule may not fall short of.

    Attributes:
        keep: How long at least.
        label: On what it rests.
        source: Where it is from.
    """

    keep: Period
    label: Label
    source: str


class Rule(_Model):
    """How long one thing is kept.

    Attributes:
        what: What.
        zh: The same for people.
        en: The same in English.
        keep: How long.
        counted_from: From which instant.
        label: On what the number rests.
        source: Where the number is from.
        at_least: What it may not fall short of. None: nothing is known.
        verified: Whether somebody who has the source confirmed it.
        effective_from: The first legal day on which it holds; a later rule about the same takes its place.
    """

    what: What
    zh: str
    en: str
    keep: Period
    counted_from: str
    label: Label
    source: str
    at_least: Minimum | None = None
    verified: bool
    effective_from: date

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        if self.counted_from != _COUNTED_FROM[self.what]:
            raise ValueError(f"expected {self.what} counted from {_COUNTED_FROM[self.what]}, got {self.counted_from}")
        if self.at_least is not None and _shortest(self.keep) < _longest(self.at_least.keep):
            raise ValueError(f"expected {self.what} kept for {self.at_least.keep} at least, got {self.keep}")
        return self


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """Rules of one version.

    Attributes:
        version: Of the file.
        rules: All of them, also such as do not hold yet or any more.
    """

    version: str
    rules: tuple[Rule, ...]

    @classmethod
    def load(cls, path: Path = _SHIPPED) -> Self:
        """Reads a file of rules; the shipped one unless told.

        Raises:
            RetentionFileError: It cannot be read, or its rules cannot hold.
        """
        try:
            file = read_json_file(path.read_bytes(), _File)
        except OSError as error:
            raise RetentionFileError(f"{path}: {error.strerror or type(error).__name__}") from error
        except JsonFileError as error:
            raise RetentionFileError(f"{path}: {error}") from error
        return cls(file.version, file.rules)

    def cuts(self, at: datetime) -> dict[What, datetime]:
        """For each thing about which a rule holds: what was before is deleted."""
        today = china_day(at)
        holding: dict[What, Rule] = {}
        for rule in sorted(self.rules, key=lambda one: one.effective_from):
            if rule.effective_from <= today:
                holding[rule.what] = rule
        return {what: rule.keep.before(at) for what, rule in holding.items()}


class _File(_Model):
    version: str = Field(pattern=r"^[0-9a-z.-]{1,32}$")
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _one_at_a_time(self) -> Self:
        begun = [(rule.what, rule.effective_from) for rule in self.rules]
        if len(set(begun)) != len(begun):
            raise ValueError("two rules about the same begin on the same day")
        return self


async def apply_retention(database: Database, rules: RetentionRules, at: datetime) -> dict[str, int]:
    """Deletes what is older than its rule says.

    Args:
        database: The gateway's.
        rules: The rules.
        at: Now.

    Returns:
        How many rows went, by table.

    Raises:
        StoreUnavailableError: The database cannot do it now; what was deleted before that stays deleted.
    """
    cuts = {what: instant_text(cut) for what, cut in rules.cuts(at).items()}
    async with database.write() as connection:
        await _move_cuts(connection, cuts)
        await audit(connection, (AuditRow(at=at, action=RETENTION, result=f"rules {rules.version}"),))
    counts: dict[str, int] = {}
    for what in _ORDER:
        if what in cuts:
            while await _one_batch(database, _DELETE[what], cuts[what], counts):
                pass
    return counts


async def _move_cuts(connection: AsyncConnection, cuts: Mapping[What, str]) -> None:
    """A cut moves forward only. A table that two rules are about has the later of their cuts."""
    latest: dict[str, str] = {}
    for what, cut in cuts.items():
        for table in _CUT_TABLES[what]:
            latest[table.name] = max(cut, latest.get(table.name, ""))
    cut_of = tables.retention_cuts
    for name, cut in sorted(latest.items()):
        new = dialect(connection).insert(cut_of).values(table_name=name, cut=cut)
        moved = new.on_conflict_do_update(
            index_elements=["table_name"], set_={"cut": new.excluded.cut}, where=cut_of.c.cut < new.excluded.cut
        )
        await connection.execute(moved)


_Delete = Callable[[AsyncConnection, str], Any]


async def _one_batch(database: Database, delete_some: _Delete, cut: str, counts: dict[str, int]) -> bool:
    """Deletes a batch. Returns whether there may be more."""
    async with database.write() as connection:
        await take_turns(connection)  # with another replica
        gone: dict[str, int] = await delete_some(connection, cut)
    for table, number in gone.items():
        counts[table] = counts.get(table, 0) + number
    return any(gone.values())


# --- What goes together ---------------------------------------------------------------------------------------------------


async def _delete_reports(connection: AsyncConnection, cut: str) -> dict[str, int]:
    report, request = tables.reports, tables.requests
    proposal, end = tables.revocations, tables.revocation_ends
    number = report.c.report_number
    young_end = select(end.c.proposal).select_from(end.join(proposal))
    young_end = young_end.where(proposal.c.report_number == number, end.c.at >= cut)
    found = (
        select(number, report.c.request_id)
        .join(request, request.c.request_id == report.c.request_id)
        .where(
            report.c.issued_at < cut,
            request.c.state == RequestState.SEALED,
            _none(tables.standings, tables.standings.c.report_number == number, tables.standings.c.at >= cut),
            _none(proposal, proposal.c.report_number == number, proposal.c.proposed_at >= cut),
            ~young_end.exists(),
            _none(tables.notices, tables.notices.c.report_number == number),
            *_request_is_done_with(report.c.request_id, cut),
        )
        .order_by(report.c.issued_at, number)
        .limit(_AT_ONCE)
    )
    rows = (await connection.execute(found)).all()
    numbers, requests = [row[0] for row in rows], [row[1] for row in rows]
    proposals = select(proposal.c.proposal).where(proposal.c.report_number.in_(numbers))
    return await _delete_all(
        connection,
        (end, end.c.proposal.in_(proposals)),
        (proposal, proposal.c.report_number.in_(numbers)),
        (tables.standings, tables.standings.c.report_number.in_(numbers)),
        (report, number.in_(numbers)),
        *_requests_with_queries(requests),
    )


async def _delete_unissued_requests(connection: AsyncConnection, cut: str) -> dict[str, int]:
    request = tables.requests
    found = (
        select(request.c.request_id)
        .where(
            request.c.state.not_in((RequestState.OPEN, RequestState.SEALED)),
            request.c.ended_at < cut,
            *_request_is_done_with(request.c.request_id, cut),
        )
        .order_by(request.c.ended_at, request.c.request_id)
        .limit(_AT_ONCE)
    )
    requests = (await connection.execute(found)).scalars().all()
    return await _delete_all(connection, *_requests_with_queries(requests))


def _request_is_done_with(request_id: ColumnElement[str], cut: str) -> tuple[ColumnElement[bool], ...]:
    """Nothing of a request is younger than the cut, and nothing is left to be told or done about it."""
    query, outcome = tables.queries, tables.outcomes
    young = (
        select(query.c.statement_id)
        .select_from(query.outerjoin(outcome))
        .where(query.c.request_id == request_id, or_(query.c.sent_at >= cut, outcome.c.at >= cut))
    )
    return (
        ~young.exists(),
        _none(tables.notices, tables.notices.c.request_id == request_id),
        _none(tables.work, tables.work.c.kind == COMPLETE, tables.work.c.reference == request_id),
    )


def _requests_with_queries(requests: Sequence[str]) -> tuple[tuple[Table, ColumnElement[bool]], ...]:
    query, outcome = tables.queries, tables.outcomes
    of_them = query.c.request_id.in_(requests)
    return (
        (outcome, outcome.c.query_id.in_(select(query.c.statement_id).where(of_them))),
        (query, of_them),
        (tables.requests, tables.requests.c.request_id.in_(requests)),
    )


async def _delete_changes(connection: AsyncConnection, cut: str) -> dict[str, int]:
    change = tables.changes
    unused = _none(tables.standings, tables.standings.c.cause_id == change.c.statement_id)
    return await _delete_rows(connection, change, change.c.statement_id, and_(change.c.received_at < cut, unused))


async def _delete_notices(connection: AsyncConnection, cut: str) -> dict[str, int]:
    notice, work = tables.notices, tables.work
    handed_on = _none(work, work.c.kind == NOTIFY, work.c.reference == cast(notice.c.id, String))
    return await _delete_rows(connection, notice, notice.c.id, and_(notice.c.at < cut, handed_on))


async def _delete_audit(connection: AsyncConnection, cut: str) -> dict[str, int]:
    return await _delete_rows(connection, tables.audit, tables.audit.c.id, tables.audit.c.at < cut)


async def _delete_code_tries(connection: AsyncConnection, cut: str) -> dict[str, int]:
    tried = tables.code_tries
    return await _delete_rows(connection, tried, tried.c.report_number, tried.c.since < cut)


async def _delete_rows(
    connection: AsyncConnection, table: Table, key: ColumnElement[Any], which: ColumnElement[bool]
) -> dict[str, int]:
    some: Select[Any] = select(key).where(which).limit(_AT_ONCE)
    return await _delete_all(connection, (table, key.in_(some)))


async def _delete_all(connection: AsyncConnection, *what: tuple[Table, ColumnElement[bool]]) -> dict[str, int]:
    return {table.name: (await connection.execute(delete(table).where(which))).rowcount for table, which in what}


def _none(table: Table, *which: ColumnElement[bool]) -> ColumnElement[bool]:
    return ~exists(select(table).where(*which))


_DELETE: Final[Mapping[What, _Delete]] = {
    What.NOTICES: _delete_notices,
    What.REPORTS: _delete_reports,
    What.UNISSUED_REQUESTS: _delete_unissued_requests,
    What.CHANGES: _delete_changes,
    What.CODE_TRIES: _delete_code_tries,
    What.AUDIT: _delete_audit,
}
_ORDER: Final[Iterable[What]] = tuple(_DELETE)
"""What refers goes before what it refers to."""

_DAYS_OF_MONTH: Final = (28, 31)


def _shortest(period: Period) -> int:
    return period.days + period.months * _DAYS_OF_MONTH[0]


def _longest(period: Period) -> int:
    return period.days + period.months * _DAYS_OF_MONTH[1]
