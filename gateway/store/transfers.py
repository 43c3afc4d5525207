"""Transfers of subjects between homes: every pair of statements that this gateway signed one of.

The new home keeps a pair once it has the consent; the old home keeps it before it hands the consent out.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.days import parse_day
from contract.province import Province
from contract.registry import Move
from contract.uscc import Uscc
from gateway.store import tables
from gateway.store.rows import AuditRow, alone_with_subject, audit, dialect, instant_text
from runtime.database import Database

_table = tables.transfers


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransfer:
    """A transfer that both homes signed.

    Attributes:
        uscc: The subject.
        move: From where to where, and since when.
        statement_id: Of the HomeTransfer.
        transfer: The envelope with the HomeTransfer.
        consent: The envelope with the TransferConsent.
    """

    uscc: Uscc
    move: Move
    statement_id: bytes
    transfer: bytes
    consent: bytes


class TransferStore:
    """Keeps transfers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, signed: SignedTransfer, *, about: AuditRow) -> bytes:
        """Keeps a transfer with its audit, once. Returns the consent that is kept: a rival may have been quicker.

        Raises:
            StoreUnavailableError: The database cannot do it now; nothing was kept.
        """
        row = {
            "statement_id": signed.statement_id,
            "uscc": signed.uscc,
            "from_province": int(signed.move.old_home),
            "to_province": int(signed.move.new_home),
            "registered_on": signed.move.registered_on.isoformat(),
            "transfer": signed.transfer,
            "consent": signed.consent,
            "at": instant_text(about.at),
        }
        async with self._database.write() as connection:
            await alone_with_subject(connection, signed.uscc)
            added = await connection.execute(
                dialect(connection).insert(_table).values(row).on_conflict_do_nothing().returning(_table.c.statement_id)
            )
            if added.scalar_one_or_none() is not None:
                await audit(connection, (about,))
                return signed.consent
            kept = await _consent(connection, signed.statement_id)
        if kept is None:
            raise RuntimeError("a transfer was neither kept nor there already")
        return kept

    async def record(self, about: AuditRow) -> None:
        """Writes the audit of a transfer that was not agreed to."""
        async with self._database.write() as connection:
            await audit(connection, (about,))

    async def consent_to(self, statement_id: bytes) -> bytes | None:
        """The consent to a transfer, by the transfer's statement id."""
        async with self._database.read() as connection:
            return await _consent(connection, statement_id)

    async def holds(self, uscc: Uscc, move: Move) -> bool:
        """Whether both homes have signed this move of the subject."""
        return await self._newest_move(uscc, _is(move)) is not None

    async def newest_from(self, uscc: Uscc, province: Province) -> Move | None:
        """The newest move away from a province that both homes have signed."""
        return await self._newest_move(uscc, _table.c.from_province == int(province))

    async def _newest_move(self, uscc: Uscc, which: ColumnElement[bool]) -> Move | None:
        found = (
            select(_table.c.from_province, _table.c.to_province, _table.c.registered_on)
            .where(_table.c.uscc == uscc, which)
            .order_by(_table.c.registered_on.desc(), _table.c.at.desc())
            .limit(1)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(found)).one_or_none()
        if row is None:
            return None
        return Move(old_home=Province(row[0]), new_home=Province(row[1]), registered_on=parse_day(row[2]))


def _is(move: Move) -> ColumnElement[bool]:
    return (
        (_table.c.from_province == int(move.old_home))
        & (_table.c.to_province == int(move.new_home))
        & (_table.c.registered_on == move.registered_on.isoformat())
    )


async def _consent(connection: AsyncConnection, statement_id: bytes) -> bytes | None:
    found = select(_table.c.consent).where(_table.c.statement_id == statement_id)
    return (await connection.execute(found)).scalar_one_or_none()
