"""Whether something may be asked under a grant now, and the count of what was: what the report service stands on.

- A grant counts for its grantee, until it is revoked or its last China day is over, for so many requests as it says.
- A use is numbered in the transaction that opens the request, and told to the origins in it (outbox). A request is one use, however
  often it is tried.
- Whoever decides in a transaction is alone with the subject in it (`alone_with_subject`): a revocation commits before or after.

Source: docs/protocols/authorisation.md, G-13 and G-14
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from contract.days import china_day
from contract.errors import ErrorCode, HurenError
from contract.payloads import GRANT_USE
from contract.province import Province
from contract.uscc import Uscc
from gateway.domain.grounds import Grants
from gateway.store.grants import GRANT, StoredGrant, find_grant, keep_use, ordinal_of
from gateway.store.rows import AuditRow, audit
from huren.authorisation.v1 import authorisation_pb2
from runtime.database import Database
from signing import Signer, decode_envelope


class AuthorisationFeed(Protocol):
    """Tells the origins what happened to grants; `runtime.feeds.FeedPublisher`."""

    async def append(self, connection: AsyncConnection, statement_envelope: bytes, at: datetime) -> None:
        """Adds a statement, in the caller's transaction, after every other lock: others who append wait until it ends."""

    async def push_all(self, timeout_s: float) -> None:
        """Hands all origins what they do not have, for so long at most. What fails is tried again in the background."""

    async def receipts(self, statement_ids: Sequence[bytes]) -> Mapping[bytes, Mapping[Province, datetime]]:
        """When each origin received these statements, by its own clock."""


class HomeGrants(Grants):
    """Grants that subjects of this home gave."""

    def __init__(self, *, database: Database, signer: Signer, feed: AuthorisationFeed) -> None:
        self._database = database
        self._signer = signer
        self._feed = feed

    async def terms(self, grant_id: bytes, grantee: Uscc, at: datetime) -> authorisation_pb2.GrantTerms:
        """What a grant allows its grantee."""
        async with self._database.read() as connection:
            grant = await find_grant(connection, grant_id)
        if grant is None or grant.grantee != grantee:
            raise HurenError(ErrorCode.GRANT_NOT_FOUND, field="grant_statement_id")
        require_in_force(grant, at)
        return terms_of(grant)

    async def use(self, connection: AsyncConnection, grant_id: bytes, request_id: str, at: datetime) -> int:
        """Counts a request that is opened. The transaction is alone with the subject."""
        grant = await _grant(connection, grant_id)
        require_in_force(grant, at)
        earlier = await ordinal_of(connection, grant_id, request_id)
        if earlier is not None:
            return earlier
        if grant.uses >= grant.max_uses:
            raise HurenError(ErrorCode.GRANT_USED_UP, field="grant_statement_id", limit=grant.max_uses)
        ordinal = grant.uses + 1
        use = authorisation_pb2.GrantUse(
            header=self._signer.new_header(at), grant_statement_id=grant_id, ordinal=ordinal, request_id=request_id
        )
        statement = self._signer.sign(GRANT_USE, use)
        await keep_use(
            connection,
            grant_id,
            ordinal,
            request_id=request_id,
            statement_id=statement.statement_id,
            envelope=statement.envelope,
            at=at,
        )
        line = AuditRow(
            at=at,
            action=GRANT,
            result=f"used, {ordinal} of {grant.max_uses}",
            uscc=grant.uscc,
            request_id=request_id,
            statement_id=grant_id,
        )
        await audit(connection, (line,))
        await self._feed.append(connection, statement.envelope, at)
        return ordinal

    async def require_in_force(self, connection: AsyncConnection, grant_id: bytes, at: datetime) -> None:
        """Refuses where nothing may be asked any more. The transaction is alone with the subject."""
        require_in_force(await _grant(connection, grant_id), at)

    async def still_in_force(self, grant_id: bytes, at: datetime) -> None:
        """Refuses where nothing may be asked any more at this moment."""
        async with self._database.read() as connection:
            require_in_force(await _grant(connection, grant_id), at)

    async def tell_origins(self, timeout_s: float) -> None:
        """Hands on what the origins do not know yet."""
        await self._feed.push_all(timeout_s)


def require_in_force(grant: StoredGrant, at: datetime) -> None:
    """Refuses a grant under which nothing may be asked any more, however few requests there were.

    Raises:
        HurenError: GRANT_REVOKED, GRANT_EXPIRED.
    """
    if grant.revoked_at is not None:
        raise HurenError(ErrorCode.GRANT_REVOKED, field="grant_statement_id")
    if has_expired(grant, at):
        raise HurenError(ErrorCode.GRANT_EXPIRED, field="grant_statement_id", date=grant.expires_on)


def has_expired(grant: StoredGrant, at: datetime) -> bool:
    """Whether its last China day is over."""
    return china_day(at) > grant.expires_on


def terms_of(grant: StoredGrant) -> authorisation_pb2.GrantTerms:
    """What a grant says. What this home signed and kept needs no verification again."""
    return authorisation_pb2.Grant.FromString(decode_envelope(grant.envelope).payload).terms


async def _grant(connection: AsyncConnection, grant_id: bytes) -> StoredGrant:
    grant = await find_grant(connection, grant_id)
    if grant is None:
        raise HurenError(ErrorCode.GRANT_NOT_FOUND, field="grant_statement_id")
    return grant
