"""Grants (授权书), their revocations and their uses, in SQL. All of it is written once.

Where a grant stands is read from what is there: a revocation, the day, the number of uses. Whoever decides by it holds
`alone_with_subject` of the subject that gave it: either a request is opened, or a report sealed, before a revocation, or after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, Select, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.days import china_day, parse_day
from gateway.store import tables
from gateway.store.rows import Action, dialect, instant, instant_text
from runtime.clock import Clock

GRANT: Final = Action("grant")
"""What audit rows about grants are about."""

MOST: Final = 200
"""Grants in one list."""

TOLD_AFTER_EXPIRY: Final = timedelta(days=30)
"""For so long after its last day a grant is told to an origin that begins with nothing: no query under it is answered any more, but
one that was sent on the last day may still be asked about."""

_grants: Final = tables.grants
_revocations: Final = tables.grant_revocations
_uses: Final = tables.grant_uses


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrant:
    """A grant that is about to be kept.

    Attributes:
        statement_id: Its statement id.
        document_number: 授权书编号.
        uscc: The subject that gives it.
        grantee: Who may ask.
        max_uses: How often.
        expires_on: The last China day.
        envelope: The Envelope with the Grant.
        given_by: Who gave it, as the audit names callers.
        given_at: When.
    """

    statement_id: bytes
    document_number: str
    uscc: str
    grantee: str
    max_uses: int
    expires_on: date
    envelope: bytes
    given_by: str
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGrant:
    """A grant, and what happened to it.

    Attributes:
        statement_id: Its statement id.
        uscc: The subject that gave it.
        grantee: Who may ask.
        max_uses: How often.
        expires_on: The last China day.
        envelope: The Envelope with the Grant.
        given_at: When it was committed.
        revoked_at: When it was taken back. None: it was not.
        revocation_id: Statement id of the revocation; empty where there is none.
        uses: How many requests were opened under it.
    """

    statement_id: bytes
    uscc: str
    grantee: str
    max_uses: int
    expires_on: date
    envelope: bytes
    given_at: datetime
    revoked_at: datetime | None
    revocation_id: bytes
    uses: int


async def find_grant(connection: AsyncConnection, grant_id: bytes) -> StoredGrant | None:
    """A grant by its statement id."""
    return await _one(connection, _grants.c.statement_id == grant_id)


async def grant_of_document(connection: AsyncConnection, document_number: str) -> StoredGrant | None:
    """The grant that bears a 授权书编号."""
    return await _one(connection, _grants.c.document_number == document_number)


async def grants_given_by(connection: AsyncConnection, uscc: str) -> list[StoredGrant]:
    """The newest grants that a subject gave, newest first."""
    return await _newest(connection, _grants.c.uscc == uscc)


async def grants_given_to(connection: AsyncConnection, grantee: str) -> list[StoredGrant]:
    """The newest grants that a unit was given, newest first."""
    return await _newest(connection, _grants.c.grantee == grantee)


async def keep_grant(connection: AsyncConnection, grant: NewGrant) -> bool:
    """Keeps a grant. False: another one bears its 授权书编号."""
    row = {
        "statement_id": grant.statement_id,
        "document_number": grant.document_number,
        "uscc": grant.uscc,
        "grantee": grant.grantee,
        "max_uses": grant.max_uses,
        "expires_on": grant.expires_on.isoformat(),
        "envelope": grant.envelope,
        "given_by": grant.given_by,
        "given_at": instant_text(grant.given_at),
    }
    keep = dialect(connection).insert(_grants).values(row).on_conflict_do_nothing().returning(_grants.c.statement_id)
    return (await connection.execute(keep)).scalar_one_or_none() is not None


async def keep_revocation(  # what is kept
    connection: AsyncConnection, grant_id: bytes, *, statement_id: bytes, envelope: bytes, revoked_by: str, at: datetime
) -> None:
    """Keeps the revocation of a grant that has none."""
    row = {
        "grant_id": grant_id,
        "statement_id": statement_id,
        "envelope": envelope,
        "revoked_by": revoked_by,
        "at": instant_text(at),
    }
    await connection.execute(insert(_revocations), row)


async def keep_use(  # what is kept
    connection: AsyncConnection,
    grant_id: bytes,
    ordinal: int,
    *,
    request_id: str,
    statement_id: bytes,
    envelope: bytes,
    at: datetime,
) -> None:
    """Keeps that a request was opened under a grant."""
    row = {
        "grant_id": grant_id,
        "ordinal": ordinal,
        "request_id": request_id,
        "statement_id": statement_id,
        "envelope": envelope,
        "at": instant_text(at),
    }
    await connection.execute(insert(_uses), row)


async def ordinal_of(connection: AsyncConnection, grant_id: bytes, request_id: str) -> int | None:
    """Which use of a grant a request is. None: it is none."""
    found = select(_uses.c.ordinal).where(_uses.c.grant_id == grant_id, _uses.c.request_id == request_id)
    return (await connection.execute(found)).scalar_one_or_none()


async def authorisation_snapshot(connection: AsyncConnection, *, clock: Clock) -> list[bytes]:
    """Envelopes that tell an origin that begins with nothing all that it has to know: each grant, its uses, its revocation.

    Oldest first. A revocation comes last, because an origin that knows it would believe no use any more.
    """
    since = china_day(clock()) - TOLD_AFTER_EXPIRY
    is_told = _grants.c.expires_on >= since.isoformat()
    envelopes = (
        select(_grants.c.statement_id, _grants.c.envelope)
        .where(is_told)
        .order_by(_grants.c.given_at, _grants.c.statement_id)
    )
    uses = (
        select(_uses.c.grant_id, _uses.c.envelope)
        .join(_grants, _grants.c.statement_id == _uses.c.grant_id)
        .where(is_told)
        .order_by(_uses.c.grant_id, _uses.c.ordinal)
    )
    revocations = (
        select(_revocations.c.grant_id, _revocations.c.envelope)
        .join(_grants, _grants.c.statement_id == _revocations.c.grant_id)
        .where(is_told)
    )
    told = {grant_id: [envelope] for grant_id, envelope in await connection.execute(envelopes)}
    for later in (uses, revocations):
        for grant_id, envelope in await connection.execute(later):
            # On PostgreSQL each statement sees what was committed meanwhile: what is about a grant that came later, the feed tells.
            if grant_id in told:
                told[grant_id].append(envelope)
    return [envelope for about_one in told.values() for envelope in about_one]


def _stored() -> Select[Any]:
    used = select(func.count()).where(_uses.c.grant_id == _grants.c.statement_id).scalar_subquery()
    return select(
        _grants,
        _revocations.c.at.label("revoked_at"),
        _revocations.c.statement_id.label("revocation_id"),
        used.label("uses"),
    ).outerjoin(_revocations, _revocations.c.grant_id == _grants.c.statement_id)


async def _one(connection: AsyncConnection, which: ColumnElement[bool]) -> StoredGrant | None:
    row = (await connection.execute(_stored().where(which))).mappings().one_or_none()
    return None if row is None else _grant(row)


async def _newest(connection: AsyncConnection, which: ColumnElement[bool]) -> list[StoredGrant]:
    newest = _stored().where(which).order_by(_grants.c.given_at.desc(), _grants.c.statement_id).limit(MOST)
    return [_grant(row) for row in (await connection.execute(newest)).mappings()]


def _grant(row: RowMapping) -> StoredGrant:
    return StoredGrant(
        statement_id=row["statement_id"],
        uscc=row["uscc"],
        grantee=row["grantee"],
        max_uses=row["max_uses"],
        expires_on=parse_day(row["expires_on"]),
        envelope=row["envelope"],
        given_at=instant(row["given_at"]),
        revoked_at=instant(row["revoked_at"]) if row["revoked_at"] else None,
        revocation_id=row["revocation_id"] or b"",
        uses=row["uses"],
    )
