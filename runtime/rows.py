"""What all SQL shares: how instants are written, what the two databases spell differently, and taking turns."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def dialect(connection: AsyncConnection) -> Any:
    """Both dialects write INSERT ... ON CONFLICT alike, but their types have nothing in common."""
    return postgresql if connection.dialect.name == "postgresql" else sqlite


def instant_text(at: datetime) -> str:
    """An instant as the tables keep it: UTC, ISO 8601 to the microsecond with `Z`, so that texts compare as instants do."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def instant(text: str) -> datetime:
    """Reads what `instant_text` writes."""
    return datetime.fromisoformat(text)


async def alone_with(connection: AsyncConnection, what: str) -> None:
    """Lets one transaction at a time deal with this, until it ends. SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(f"feed:{what}".encode()).digest()[:8], signed=True)
        await connection.execute(select(func.pg_advisory_xact_lock(number)))
