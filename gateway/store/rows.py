"""What all of the gateway's SQL shares: how instants are written, and the audit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, NewType

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from runtime.rows import dialect as dialect
from runtime.rows import instant as instant
from runtime.rows import instant_text as instant_text

Action = NewType("Action", str)
"""What an audit row is about."""

REQUEST: Final = Action("request")
QUERY: Final = Action("query")
OUTCOME: Final = Action("outcome")
ISSUE: Final = Action("issue")
LOOK_UP: Final = Action("look-up")
CHANGE: Final = Action("change")
REVOCATION: Final = Action("revocation")
VERIFICATION: Final = Action("verification")
TRANSFER: Final = Action("transfer")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One line of the audit. Fields that do not apply stay empty."""

    at: datetime
    action: Action
    result: str
    caller: str = ""
    uscc: str = ""
    request_id: str = ""
    actor_ref: bytes = b""
    province: int = 0
    statement_id: bytes = b""


_AUDIT_FIELDS: Final = tuple(field.name for field in fields(AuditRow))


async def audit(connection: AsyncConnection, rows: Iterable[AuditRow]) -> None:
    """Writes audit rows in the transaction of what they are about."""
    values = [{name: getattr(row, name) for name in _AUDIT_FIELDS} | {"at": instant_text(row.at)} for row in rows]
    if values:
        await connection.execute(insert(tables.audit), values)


async def alone_with_subject(connection: AsyncConnection, uscc: str) -> None:
    """Lets one transaction at a time decide about a subject's reports, until it ends: issuing one, and what makes one out of date.

    SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(uscc.encode()).digest()[:8], signed=True)
        await connection.execute(select(func.pg_advisory_xact_lock(number)))
