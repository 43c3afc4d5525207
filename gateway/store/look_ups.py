"""Who asked about a subject, in SQL: requests, and what was refused before there was one.

Two tables tell it, and neither's own number counts all. A look-up's number is made of its own row alone: the microsecond at which
it happened, and below that some bits of a digest of its name. So it never changes, whatever is added, and grows with time; a walk
from page to page tells nothing twice and passes nothing over. Two of one subject in one microsecond may have one number; they are
never on two pages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, Select, Table, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.outcome import Admitted, Refused
from contract.province import Province
from gateway.domain.request import RequestState
from gateway.store import tables
from gateway.store.rows import instant, instant_text
from signing import decode_envelope, statement_id

NEWEST: Final = 0
"""As `before`: from the newest on."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LOW_BITS: Final = 10
"""Numbers are below 2**63 until the year 2255."""

_requests: Final = tables.requests
_refused: Final = tables.refused_look_ups

_SHARED: Final = (
    "applicant",
    "unit",
    "post",
    "purpose",
    "basis",
    "grant_id",
    "matter_number",
    "channel",
)
"""Columns that both tables have; their names are those of `StoredLookUp`."""

_ASKED: Final = ("opened_at", "request_id", "state", "end_reason", *_SHARED)
_REFUSED: Final = ("at", "id", "reason", *_SHARED)

_AT_ONCE: Final = 20
"""Requests whose answers are read at a time: an answer may have megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLookUp:
    """Somebody asked about a subject.

    Attributes:
        number: See above.
        at: When.
        applicant: Code of the unit that asked.
        unit: Its name as it was given; empty: the registry's.
        post: Post of who acted.
        purpose: Number of the Purpose.
        basis: Number of the AuthorisationBasis.
        grant_id: Statement id of the grant; empty without one.
        matter_number: 事项编号 of an officer's matter.
        channel: Number of the Channel.
        state: How the request stands. None: there never was one.
        reason: Why it was refused, or ended without a report.
        request_id: 受理编号; empty where there is none.
    """

    number: int
    at: datetime
    applicant: str
    unit: str
    post: str
    purpose: int
    basis: int
    grant_id: bytes
    matter_number: str
    channel: int
    state: RequestState | None
    reason: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which look-ups are wanted.

    Attributes:
        basis: Number of the AuthorisationBasis. 0: any.
        grant_id: Statement id of the grant. Empty: any, or none.
    """

    basis: int = 0
    grant_id: bytes = b""

    def of(self, table: Table) -> list[ColumnElement[bool]]:
        """As conditions on one of the two tables."""
        conditions: list[ColumnElement[bool]] = []
        if self.basis:
            conditions.append(table.c.basis == self.basis)
        if self.grant_id:
            conditions.append(table.c.grant_id == self.grant_id)
        return conditions


ALL: Final = Which()


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A province's last answer to a request.

    Attributes:
        province: The province.
        at: When the answer was received.
        answered: Whether it is a fragment; else a refusal.
        statement_id: Its statement id.
    """

    province: Province
    at: datetime
    answered: bool
    statement_id: bytes


async def look_ups_of(
    connection: AsyncConnection, uscc: str, *, before: int, limit: int, which: Which = ALL
) -> list[StoredLookUp]:
    """The newest look-ups about a subject whose numbers are below `before`, newest first.

    At most `limit`, but for more that have one number: these are never parted.
    """
    asked = await _page(connection, _requests, _ASKED, uscc, before=before, limit=limit, which=which)
    refused = await _page(connection, _refused, _REFUSED, uscc, before=before, limit=limit, which=which)
    found = sorted(chain(map(_asked, asked), map(_refusal, refused)), key=lambda one: one.number, reverse=True)
    return _cut([one for one in found if before == NEWEST or one.number < before], limit)


async def confirmations_of(
    connection: AsyncConnection, request_ids: Iterable[str]
) -> Mapping[str, Sequence[Confirmation]]:
    """What each province last answered to requests, in the order of provinces. Requests that nobody answered are not there."""
    wanted = list(request_ids)
    found: dict[str, list[Confirmation]] = {}
    for begin in range(0, len(wanted), _AT_ONCE):
        rows = await connection.execute(_last_answers(wanted[begin : begin + _AT_ONCE]))
        for row in rows.mappings():
            answer = decode_envelope(row["answer"])
            confirmation = Confirmation(
                province=Province(row["province"]),
                at=instant(row["at"]),
                answered=row["kind"] == Admitted.__name__,
                statement_id=statement_id(answer.payload_type, answer.payload),
            )
            found.setdefault(row["request_id"], []).append(confirmation)
    return found


def number_of(at: datetime, name: str) -> int:
    """The number of a look-up that happened at an instant; its name tells it apart from all others of the home."""
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:2])
    return ((at - _EPOCH) // _MICROSECOND << _LOW_BITS) | (digest >> (16 - _LOW_BITS))


async def _page(  # what a page is made of
    connection: AsyncConnection,
    table: Table,
    columns: Sequence[str],
    uscc: str,
    *,
    before: int,
    limit: int,
    which: Which,
) -> Sequence[RowMapping]:
    """Rows of one table, enough for a page: whole microseconds, that of `before` first, and then so many that `limit` are there.

    The first of the columns is the instant.
    """
    instants = table.c[columns[0]]
    newest = _instant_of(before)
    wanted = and_(table.c.uscc == uscc, *which.of(table))
    older = wanted
    if newest is not None:
        older = and_(wanted, instants < newest)
    last = select(instants).where(older).order_by(instants.desc()).offset(limit - 1).limit(1)
    oldest = (await connection.execute(last)).scalar_one_or_none()
    rows = select(*(table.c[name] for name in columns)).where(wanted)
    if oldest is not None:
        rows = rows.where(instants >= oldest)
    if newest is not None:
        rows = rows.where(instants <= newest)
    return (await connection.execute(rows)).mappings().all()


def _instant_of(number: int) -> str | None:
    """The instant in a number, as the tables keep it. None: no row is younger."""
    if number == NEWEST:
        return None
    try:
        return instant_text(_EPOCH + (number >> _LOW_BITS) * _MICROSECOND)
    except OverflowError:
        return None


def _cut(found: list[StoredLookUp], limit: int) -> list[StoredLookUp]:
    if len(found) <= limit:
        return found
    # What has the number of the first that is left out is left out with it, unless nothing else would stay.
    first_out = found[limit].number
    return [one for one in found if one.number > first_out] or [one for one in found if one.number == first_out]


def _last_answers(request_ids: Sequence[str]) -> Select[Any]:
    queries, outcomes = tables.queries, tables.outcomes
    answers = (
        select(
            queries.c.request_id,
            queries.c.province,
            outcomes.c.query_id,
            func.row_number()
            .over(partition_by=(queries.c.request_id, queries.c.province), order_by=queries.c.attempt.desc())
            .label("from_last"),
        )
        .join(outcomes, outcomes.c.query_id == queries.c.statement_id)
        .where(queries.c.request_id.in_(request_ids), outcomes.c.kind.in_((Admitted.__name__, Refused.__name__)))
        .subquery()
    )
    return (
        select(answers.c.request_id, answers.c.province, outcomes.c.kind, outcomes.c.at, outcomes.c.answer)
        .join(outcomes, outcomes.c.query_id == answers.c.query_id)
        .where(answers.c.from_last == 1)
        .order_by(answers.c.request_id, answers.c.province)
    )


def _asked(row: RowMapping) -> StoredLookUp:
    return _look_up(
        row,
        at=instant(row["opened_at"]),
        name=f"request {row['request_id']}",
        state=RequestState(row["state"]),
        reason=row["end_reason"],
        request_id=row["request_id"],
    )


def _refusal(row: RowMapping) -> StoredLookUp:
    return _look_up(
        row, at=instant(row["at"]), name=f"refused {row['id']}", state=None, reason=row["reason"], request_id=""
    )


def _look_up(
    row: RowMapping, *, at: datetime, name: str, state: RequestState | None, reason: str, request_id: str
) -> StoredLookUp:
    return StoredLookUp(
        number=number_of(at, name),
        at=at,
        state=state,
        reason=reason,
        request_id=request_id,
        **{name: row[name] for name in _SHARED},
    )
