"""What subjects are told (消息), written in the transaction of what it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.rows import instant, instant_text
from gateway.store.work import NOTIFY, add_work
from huren.report.v1 import report_service_pb2 as wire
from runtime.database import Database

_MOST: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message to a subject: that something happened, and about what. Nothing of what a report says."""

    uscc: str
    kind: wire.NoticeKind.ValueType
    at: datetime
    request_id: str = ""
    report_number: str = ""


async def add_notice(connection: AsyncConnection, notice: Notice) -> None:
    """Keeps a notice, and the work of handing it to the province's message platform (outbox)."""
    row = {
        "uscc": notice.uscc,
        "kind": notice.kind,
        "request_id": notice.request_id,
        "report_number": notice.report_number,
        "at": instant_text(notice.at),
    }
    number = (await connection.execute(insert(tables.notices).values(row).returning(tables.notices.c.id))).scalar_one()
    await add_work(connection, NOTIFY, str(number), due=notice.at)


async def notices_of(database: Database, uscc: str) -> list[Notice]:
    """A subject's notices, newest first."""
    table = tables.notices
    found = select(table).where(table.c.uscc == uscc).order_by(table.c.id.desc()).limit(_MOST)
    async with database.read() as connection:
        rows = (await connection.execute(found)).mappings().all()
    return [_notice(row) for row in rows]


async def find_notice(database: Database, number: int) -> Notice | None:
    """One notice by its number."""
    table = tables.notices
    async with database.read() as connection:
        row = (await connection.execute(select(table).where(table.c.id == number))).mappings().one_or_none()
    return None if row is None else _notice(row)


def _notice(row: RowMapping) -> Notice:
    return Notice(
        uscc=row["uscc"],
        kind=row["kind"],
        at=instant(row["at"]),
        request_id=row["request_id"],
        report_number=row["report_number"],
    )
