"""What verification reads and writes: issued reports by number, and the tries of typed codes.

- A look-up reads the same few short columns whether there is such a report or not. The statement, which may be long, is read
  only once number and code are known to belong together.
- A try of a typed code is counted before it is looked at and taken back when it fits, in one transaction. The counting row is
  locked until that ends, so replicas cannot try at the same time what one may not try in a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, case, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.request import Sealed
from gateway.store import tables
from gateway.store.rows import AuditRow, audit, dialect, instant, instant_text
from runtime.database import Database

MOST_FAILED_TRIES: Final = 5
"""Of a typed code for one number within `TRIES_PERIOD`. Source: the rule for 核验码, five tries an hour."""

TRIES_PERIOD: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What there is to compare of an issued report.

    Attributes:
        report_number: 报告编号.
        owner: The subject's code.
        statement_id: Statement id of the report.
        verification_code: The code of the QR code.
        typed_code: 核验码 without hyphens; empty: it has none.
    """

    report_number: str
    owner: str
    statement_id: bytes
    verification_code: str
    typed_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TooManyTries:
    """A number has no tries left.

    Attributes:
        until: When it has some again.
    """

    until: datetime


class VerificationStore:
    """The SQL of verification."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, number: str) -> Issued | None:
        """The report of a number."""
        async with self._database.read() as connection:
            return await _find(connection, number)

    async def try_typed_code(
        self, number: str, fits: Callable[[Issued | None], bool], *, at: datetime
    ) -> Issued | TooManyTries | None:
        """Tries a typed code for a number, whether there is such a report or not.

        Args:
            number: What was given as the number, at most 64 characters.
            fits: Compares; it is called once, with what there is.
            at: Now.

        Returns:
            The report, where the code fits; None, where it does not, which is counted; or that no try is left, which is told of
            numbers that do not exist as well.
        """
        async with self._database.write() as connection:
            if (until := await _count_try(connection, number, at)) is not None:
                return TooManyTries(until=until)
            found = await _find(connection, number)
            if not fits(found):
                return None
            await _take_try_back(connection, number)
            return found

    async def load(self, number: str) -> Sealed | None:
        """The report of a number with its statement."""
        table = tables.reports
        columns = (
            table.c.report_number, table.c.envelope, table.c.verification_code, table.c.typed_code, table.c.issued_at,
        )  # fmt: skip
        async with self._database.read() as connection:
            row = (await connection.execute(select(*columns).where(table.c.report_number == number))).one_or_none()
        if row is None:
            return None
        return Sealed(
            report_number=row.report_number,
            envelope=row.envelope,
            verification_code=row.verification_code,
            typed_code=row.typed_code,
            issued_at=instant(row.issued_at),
        )

    async def record(self, row: AuditRow) -> None:
        """Keeps that a report was verified."""
        async with self._database.write() as connection:
            await audit(connection, (row,))

    async def forget_tries(self, *, at: datetime) -> None:
        """Deletes the counts that have run out. Rows that a try holds at this moment are left for the next time."""
        table = tables.code_tries
        over = (
            select(table.c.report_number)
            .where(table.c.since <= instant_text(at - TRIES_PERIOD))
            .with_for_update(skip_locked=True)
        )
        async with self._database.write() as connection:
            await connection.execute(delete(table).where(table.c.report_number.in_(over)))


async def _find(connection: AsyncConnection, number: str) -> Issued | None:
    table = tables.reports
    columns = (
        table.c.report_number, table.c.owner, table.c.statement_id, table.c.verification_code, table.c.typed_code,
    )  # fmt: skip
    row = (await connection.execute(select(*columns).where(table.c.report_number == number))).mappings().one_or_none()
    return None if row is None else Issued(**row)


async def _count_try(connection: AsyncConnection, number: str, at: datetime) -> datetime | None:
    """Counts one try; where none is left, says until when. The row stays locked until the transaction ends."""
    table = tables.code_tries
    now = instant_text(at)
    is_over: Any = table.c.since <= instant_text(at - TRIES_PERIOD)
    counted = (
        dialect(connection)
        .insert(table)
        .values(report_number=number, since=now, failed=1)
        .on_conflict_do_update(
            index_elements=["report_number"],
            set_={
                "since": case((is_over, now), else_=table.c.since),
                "failed": case((is_over, 1), else_=table.c.failed + 1),
            },
            where=or_(is_over, table.c.failed < MOST_FAILED_TRIES),
        )
        .returning(table.c.failed)
    )
    if (await connection.execute(counted)).one_or_none() is not None:
        return None
    since = (await connection.execute(select(table.c.since).where(table.c.report_number == number))).scalar_one()
    return instant(since) + TRIES_PERIOD


async def _take_try_back(connection: AsyncConnection, number: str) -> None:
    table = tables.code_tries
    await connection.execute(
        update(table).where(and_(table.c.report_number == number, table.c.failed > 0)).values(failed=table.c.failed - 1)
    )
