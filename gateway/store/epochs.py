"""Lives of the database.

The first begins when the tables are made, the next with every restore: what was numbered after the backup is numbered again, so
numbers of one life say nothing about another.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.rows import instant_text

CREATED: Final = "created"
RESTORED: Final = "restored"

_EPOCH_BYTES: Final = 16


async def begin_epoch(connection: AsyncConnection, cause: str, *, at: datetime) -> str:
    """Begins the next life. Returns its name, 32 hexadecimal digits."""
    epoch = secrets.token_hex(_EPOCH_BYTES)
    row = {"epoch": epoch, "begun_at": instant_text(at), "cause": cause}
    await connection.execute(insert(tables.epochs), row)
    return epoch


async def find_epoch(connection: AsyncConnection) -> str | None:
    """The name of the present life; None where none has begun."""
    newest = select(tables.epochs.c.epoch).order_by(tables.epochs.c.number.desc()).limit(1)
    return (await connection.execute(newest)).scalar_one_or_none()


async def current_epoch(connection: AsyncConnection) -> str:
    """The name of the present life.

    Raises:
        RuntimeError: The tables were not prepared.
    """
    epoch = await find_epoch(connection)
    if epoch is None:
        raise RuntimeError("no epoch has begun: the store was not prepared")
    return epoch
