"""Grants (授权书) as this province knows them: what homes' gateways told by their feeds, and which request used which ordinal.

    grants             consents of subjects, each the signed statement of a home that has seen it
    grant_revocations  consents that were taken back
    grant_uses         which request has which ordinal of a grant

- Nothing that a home tells is believed without being checked: the terms and the subject's signature are checked here again (G-1 to
  G-12; but for who certified the subject, which its home alone can check).
- What this release cannot check yet, since it does not know the catalogue, is not refused: it comes again.
- What a home tells counts for that home's grants and queries alone: nobody takes another's grant back, or uses it up.
- The order in which statements arrive does not matter. A revocation or a use of a grant that is not known yet is kept, and counts.
- An ordinal belongs to the request that was the first to be heard of under it, by the feed or by a query that was answered.
- All three are append-only. A grant's row is also what an answer and a revocation wait for each other by: whoever is second sees
  what the first one did.

Source: docs/protocols/authorisation.md, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    insert,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sdk.desk.store import micros
from contract import payloads
from contract.authorisation import ConsentError, TermsError, check_consent, check_terms, other_use
from contract.catalogue import CatalogueError, CatalogueSet
from contract.days import china_day
from huren.authorisation.v1 import authorisation_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import query_pb2
from runtime.feeds import FeedHandler, FeedStatementRefusedError, SubscriberBehindError
from signing import VerifiedPayload

METADATA: Final = MetaData()
_GRANTS: Final = Table(
    "grants",
    METADATA,
    Column("grant_id", LargeBinary, primary_key=True),
    Column("issuer", Integer, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
)
_REVOCATIONS: Final = Table(
    "grant_revocations",
    METADATA,
    Column("grant_id", LargeBinary, primary_key=True),
    Column("issuer", Integer, primary_key=True, autoincrement=False),
    Column("statement_id", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
)
_USES: Final = Table(
    "grant_uses",
    METADATA,
    Column("grant_id", LargeBinary, primary_key=True),
    Column("issuer", Integer, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("request_id", String, nullable=False),
    Column("statement_id", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    UniqueConstraint("grant_id", "issuer", "request_id"),
)
"""`envelope` is what told it: a GrantUse, or the Query that was answered."""
APPEND_ONLY: Final = (_GRANTS, _REVOCATIONS, _USES)

_TOLD: Final = frozenset({payloads.GRANT, payloads.GRANT_REVOCATION, payloads.GRANT_USE})
_OTHER_USE: Final = "the ordinal is another request's, or the request has another ordinal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the grant that a query names.

    Attributes:
        envelope: The grant. None: it has not arrived, or none is named.
        revoked: Whether the home that asks said that it was taken back.
        uses: The requests that are known under the query's ordinal, and the ordinals under which its request is known.
    """

    envelope: bytes | None = None
    revoked: bool = False
    uses: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A request that uses a grant.

    Attributes:
        grant_id: Statement id of the grant.
        issuer: Number of the province whose gateway says so.
        ordinal: Counts the requests under the grant.
        request_id: The request.
        statement_id: The statement that says so.
        envelope: Its envelope.
    """

    grant_id: bytes
    issuer: int
    ordinal: int
    request_id: str
    statement_id: bytes
    envelope: bytes


class GrantBook:
    """The tables, inside an open transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def known(self, query: query_pb2.Query, signer: int, *, holding: bool) -> Known:
        """What is known of the grant that a query names.

        Args:
            query: The query.
            signer: Number of the province whose gateway signed it.
            holding: In a transaction that writes: it holds until that ends. What arrives meanwhile waits.
        """
        grant_id = query.authorisation.grant_statement_id
        if not grant_id:
            return Known()
        named = select(_GRANTS.c.envelope).where(_GRANTS.c.grant_id == grant_id)
        if holding:
            named = named.with_for_update(read=True)
        envelope = (await self._connection.execute(named)).scalar_one_or_none()
        return Known(
            envelope=envelope,
            revoked=await self._is_revoked(grant_id, signer),
            uses=await self._uses(grant_id, signer, query.authorisation.use_ordinal, query.request_id),
        )

    async def keep_grant(self, statement: VerifiedPayload, at: datetime) -> None:
        """Keeps a grant, once."""
        known = select(_GRANTS.c.grant_id).where(_GRANTS.c.grant_id == statement.statement_id)
        if (await self._connection.execute(known)).first() is None:
            values = {
                "grant_id": statement.statement_id,
                "issuer": statement.header.issuer,
                "envelope": statement.envelope,
                "received_at_us": micros(at),
            }
            await self._connection.execute(insert(_GRANTS).values(values))

    async def keep_revocation(self, grant_id: bytes, statement: VerifiedPayload, at: datetime) -> None:
        """Keeps that a grant was taken back. The first such statement of a home counts."""
        await self._wait_for_answers(grant_id)
        issuer = statement.header.issuer
        if not await self._is_revoked(grant_id, issuer):
            values = {
                "grant_id": grant_id,
                "issuer": issuer,
                "statement_id": statement.statement_id,
                "envelope": statement.envelope,
                "received_at_us": micros(at),
            }
            await self._connection.execute(insert(_REVOCATIONS).values(values))

    async def hear_of(self, use: Use, at: datetime) -> bool:
        """Keeps a use that a home told. False: the ordinal is another request's, or the request has another ordinal."""
        await self._wait_for_answers(use.grant_id)
        return await self.keep_use(use, at)

    async def keep_use(self, use: Use, at: datetime) -> bool:
        """As `hear_of`, where `known` was looked at in the same transaction."""
        known = await self._uses(use.grant_id, use.issuer, use.ordinal, use.request_id)
        if other_use(known, use.ordinal, use.request_id):
            return False
        if not known:
            values = {
                "grant_id": use.grant_id,
                "issuer": use.issuer,
                "ordinal": use.ordinal,
                "request_id": use.request_id,
                "statement_id": use.statement_id,
                "envelope": use.envelope,
                "received_at_us": micros(at),
            }
            await self._connection.execute(insert(_USES).values(values))
        return True

    async def _wait_for_answers(self, grant_id: bytes) -> None:
        """Waits until the answers that rely on what is known of a grant are committed; later ones wait. SQLite does so anyway."""
        held = select(_GRANTS.c.grant_id).where(_GRANTS.c.grant_id == grant_id).with_for_update()
        await self._connection.execute(held)

    async def _is_revoked(self, grant_id: bytes, issuer: int) -> bool:
        query = select(_REVOCATIONS.c.grant_id).where(
            _REVOCATIONS.c.grant_id == grant_id, _REVOCATIONS.c.issuer == issuer
        )
        return (await self._connection.execute(query)).first() is not None

    async def _uses(self, grant_id: bytes, issuer: int, ordinal: int, request_id: str) -> dict[int, str]:
        query = select(_USES.c.ordinal, _USES.c.request_id).where(
            _USES.c.grant_id == grant_id,
            _USES.c.issuer == issuer,
            or_(_USES.c.ordinal == ordinal, _USES.c.request_id == request_id),
        )
        return {row.ordinal: row.request_id for row in await self._connection.execute(query)}


class GrantFeed:
    """Takes what homes' gateways tell of grants."""

    def __init__(self, catalogues: CatalogueSet) -> None:
        self._catalogues = catalogues

    @property
    def handler(self) -> FeedHandler:
        """For the subscription to the feeds."""
        return FeedHandler(role=envelope_pb2.MEMBER_ROLE_GATEWAY, payload_types=_TOLD, apply=self.apply)

    async def apply(self, connection: AsyncConnection, statement: VerifiedPayload, at: datetime) -> None:
        """Keeps a statement of a home, in the transaction in which it is taken from the feed.

        Raises:
            FeedStatementRefusedError: It is none that could count.
            SubscriberBehindError: It is by a catalogue that this release does not know.
        """
        book = GrantBook(connection)
        try:
            match statement.payload_type:
                case payloads.GRANT:
                    self._check(payloads.parse(statement, authorisation_pb2.Grant), statement.issued_at)
                    await book.keep_grant(statement, at)
                case payloads.GRANT_REVOCATION:
                    revocation = payloads.parse(statement, authorisation_pb2.GrantRevocation)
                    await book.keep_revocation(revocation.grant_statement_id, statement, at)
                case _:
                    use = _use_told(payloads.parse(statement, authorisation_pb2.GrantUse), statement)
                    if not await book.hear_of(use, at):
                        raise FeedStatementRefusedError(_OTHER_USE)
        except (payloads.PayloadError, TermsError, ConsentError) as error:
            raise FeedStatementRefusedError(str(error)) from error

    def _check(self, grant: authorisation_pb2.Grant, issued_at: datetime) -> None:
        """G-1 to G-12, as on the day on which the home saw the consent."""
        day = china_day(issued_at)
        catalogue = self._catalogues.served(grant.terms.catalogue, day)
        if catalogue is None:
            version = grant.terms.catalogue.version
            if not _knows(self._catalogues, version):
                raise SubscriberBehindError(f"catalogue {version} is not known to this release")
            raise FeedStatementRefusedError(f"catalogue {version} was not served on {day}")
        check_terms(grant.terms, catalogue, day)
        check_consent(grant.terms, grant.consent, catalogue, issued_at)


def _knows(catalogues: CatalogueSet, version: str) -> bool:
    """Whether a version is among them, on whatever day."""
    day = date.max
    while True:
        try:
            catalogue = catalogues.in_force(day)
        except CatalogueError:
            return False
        if catalogue.version == version:
            return True
        day = catalogue.effective_from - timedelta(days=1)


def _use_told(use: authorisation_pb2.GrantUse, statement: VerifiedPayload) -> Use:
    return Use(
        grant_id=use.grant_statement_id,
        issuer=statement.header.issuer,
        ordinal=use.ordinal,
        request_id=use.request_id,
        statement_id=statement.statement_id,
        envelope=statement.envelope,
    )
