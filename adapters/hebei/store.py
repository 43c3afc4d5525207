"""The adapter's own store: what was dropped, what it says now, and about whom nothing can be said.

- A drop is taken in by one transaction, or refused and nothing of it is kept but the reason.
- A row is replaced by the row with the same 主键 of a later drop (by day and number in the name, not by arrival); what it said
  before is kept and never searched.
- A refused drop makes every department of its form silent, for its rows may be anybody's, until a good one covers it: one of the
  same name, or a later one whose receipt says that it replaces it. Drops are increments: no later one holds, just by being later
  or longer, what was refused.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    and_,
    delete,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.hebei.drop import KEY, Drop, DropName, Receipt, RefusedError, parse_name
from adapters.hebei.profile import DEPARTMENTS, PROFILE
from adapters.sdk.notation import fold_name, fold_width
from huren.common.v1 import common_pb2
from runtime.database import Database

METADATA: Final = MetaData()

DROPS: Final = Table(
    "drops",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("identity", Text, nullable=False, unique=True),
    Column("file", Text, nullable=False),
    Column("form", Text),
    Column("rows", BigInteger),
    Column("supplied_up_to", BigInteger),
    Column("judged_at", BigInteger, nullable=False),
    Column("refused", Text),
)
"""Every drop that was judged. `refused`: why; null: taken in. Instants are seconds since 1970."""

REVISIONS: Final = Table(
    "revisions",
    METADATA,
    Column("form", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("drop", ForeignKey(DROPS.c.number), primary_key=True),
    Column("order", BigInteger, nullable=False),
    Column("current", Boolean, nullable=False),
    Column("code", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("registration", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("values", Text, nullable=False),
)
"""Every row that was ever dropped, with what it can be found by, folded."""

for _column in ("code", "organisation", "registration", "name"):
    Index(f"revisions_{_column}", REVISIONS.c[_column])

SUPPLIES: Final = Table(
    "supplies",
    METADATA,
    Column("form", Text, primary_key=True),
    Column("department", Text, primary_key=True),
    Column("supplied_up_to", BigInteger, nullable=False),
    Column("newest", BigInteger, nullable=False),
)
"""The newest `suppliedUpTo` of good drops, and the order of the newest of them."""

SILENCES: Final = Table(
    "silences",
    METADATA,
    Column("drop", ForeignKey(DROPS.c.number), primary_key=True),
    Column("department", Text, primary_key=True),
    Column("form", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Refused drops that no good one covers yet."""

_BATCH: Final = 500
_JUDGING_LOCK: Final = 0x6865_6265_69
"""Any number, the same in every replica."""

_CODES: Final = (
    common_pb2.IDENTIFIER_KIND_USCC,
    common_pb2.IDENTIFIER_KIND_FORMER_USCC,
    common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE,
    common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER,
)
_NAMES: Final = (common_pb2.IDENTIFIER_KIND_NAME, common_pb2.IDENTIFIER_KIND_FORMER_NAME)
SEARCHED: Final = frozenset((*_CODES, *_NAMES))


# --- Taking in ----------------------------------------------------------------------------------------------------------


async def is_judged(database: Database, drop: Drop) -> bool:
    """Whether this drop was taken in or refused before.

    One that was taken in, and lies there again after a bad one of its name, ends the silence that the bad one brought.

    Raises:
        StoreUnavailableError: The store cannot do it now.
    """
    taken_in = select(DROPS.c.number).where(DROPS.c.identity == drop.identity, DROPS.c.refused.is_(None))
    silenced = select(SILENCES.c.drop).where(SILENCES.c.file == drop.file)
    async with database.read() as connection:
        is_known = await _is_known(connection, drop.identity)
        is_back = (await connection.execute(taken_in.where(silenced.exists()))).first() is not None
    if is_back:
        async with database.write() as connection:
            await connection.execute(delete(SILENCES).where(SILENCES.c.file == drop.file))
    return is_known


async def take_in(database: Database, drop: Drop, name: DropName, receipt: Receipt, *, at: datetime) -> None:
    """Takes a drop in, by one transaction.

    Raises:
        RefusedError: It is not what its receipt and its form say; nothing of it was kept.
        ChangingError: It is being written to; nothing of it was kept.
        StoreUnavailableError: The store cannot do it now.
    """
    up_to = _seconds(receipt.supplied_up_to)
    async with database.write() as connection:
        if await _is_settled(connection, drop):
            return
        number = await _record(
            connection, drop, at, form=name.form.name, rows=receipt.rows, supplied_up_to=up_to, refused=None
        )
        rows = drop.rows(name.form, receipt)
        while batch := await asyncio.to_thread(_next_batch, rows):
            await _replace(connection, name, number, batch)
        for department in sorted(set(receipt.scope)):
            await _advance(connection, name, department, up_to)
        await _lift_silences(connection, drop, name, receipt)


async def refuse(database: Database, drop: Drop, receipt: Receipt | None, *, reason: str, at: datetime) -> None:
    """Keeps why a drop was refused, and makes every department of its form silent: what its rows were, nobody knows.

    A file that is not called as the forms are is only kept in mind: nobody knows what it would have said.

    Raises:
        StoreUnavailableError: The store cannot do it now.
    """
    name = parse_name(drop.file)
    async with database.write() as connection:
        if await _is_settled(connection, drop):
            return
        number = await _record(
            connection,
            drop,
            at,
            form=None if name is None else name.form.name,
            rows=None if receipt is None else receipt.rows,
            supplied_up_to=None if receipt is None else _seconds(receipt.supplied_up_to),
            refused=reason,
        )
        if name is None:
            return
        silence = {
            "drop": number,
            "form": name.form.name,
            "file": drop.file,
            "reason": reason,
        }
        await connection.execute(insert(SILENCES), [silence | {"department": department} for department in DEPARTMENTS])


async def _is_settled(connection: AsyncConnection, drop: Drop) -> bool:
    """Whether another replica was faster. From here to the end of the transaction no other one judges a drop."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_JUDGING_LOCK})"))
    return await _is_known(connection, drop.identity)


async def _is_known(connection: AsyncConnection, identity: str) -> bool:
    return await connection.scalar(select(DROPS.c.number).where(DROPS.c.identity == identity)) is not None


async def is_known(database: Database, identity: str) -> bool:
    """Whether a drop of this identity was taken in or refused before.

    Raises:
        StoreUnavailableError: The store cannot do it now.
    """
    async with database.read() as connection:
        return await _is_known(connection, identity)


async def _record(
    connection: AsyncConnection,
    drop: Drop,
    at: datetime,
    *,
    form: str | None,
    rows: int | None,
    supplied_up_to: int | None,
    refused: str | None,
) -> int:
    number = await connection.scalar(
        insert(DROPS)
        .values(
            identity=drop.identity,
            file=drop.file,
            form=form,
            rows=rows,
            supplied_up_to=supplied_up_to,
            judged_at=_seconds(at),
            refused=refused,
        )
        .returning(DROPS.c.number)
    )
    return int(number)


async def _replace(connection: AsyncConnection, name: DropName, number: int, batch: list[Mapping[str, str]]) -> None:
    mine = and_(
        REVISIONS.c.form == name.form.name,
        REVISIONS.c.key.in_([row[KEY] for row in batch]),
        REVISIONS.c.current,
    )
    held = await connection.execute(select(REVISIONS.c.key, REVISIONS.c.order).where(mine))
    later = {key for key, order in held if order > name.order}
    await connection.execute(update(REVISIONS).where(mine, REVISIONS.c.order <= name.order).values(current=False))
    subject = PROFILE.forms[name.form.name].subject
    rows = [
        {
            "form": name.form.name,
            "key": row[KEY],
            "drop": number,
            "order": name.order,
            "current": row[KEY] not in later,
            "code": fold_code(row[subject.uscc]) if subject.uscc else "",
            "organisation": fold_code(row[subject.organisation_code]) if subject.organisation_code else "",
            "registration": fold_code(row[subject.registration_number]) if subject.registration_number else "",
            "name": fold_name(row[subject.name]),
            "values": json.dumps(row, ensure_ascii=False),
        }
        for row in batch
    ]
    try:
        await connection.execute(insert(REVISIONS), rows)
    except IntegrityError as error:
        raise RefusedError(f"a {KEY} stands twice") from error


async def _advance(connection: AsyncConnection, name: DropName, department: str, up_to: int) -> None:
    mine = and_(SUPPLIES.c.form == name.form.name, SUPPLIES.c.department == department)
    before = (await connection.execute(select(SUPPLIES.c.supplied_up_to, SUPPLIES.c.newest).where(mine))).first()
    if before is None:
        place = {"form": name.form.name, "department": department}
        await connection.execute(insert(SUPPLIES).values(**place, supplied_up_to=up_to, newest=name.order))
        return
    after = {"supplied_up_to": max(before.supplied_up_to, up_to), "newest": max(before.newest, name.order)}
    await connection.execute(update(SUPPLIES).where(mine).values(after))


async def _lift_silences(connection: AsyncConnection, drop: Drop, name: DropName, receipt: Receipt) -> None:
    covered = SILENCES.c.file.in_((drop.file, *receipt.replaces))
    await connection.execute(delete(SILENCES).where(SILENCES.c.form == name.form.name, covered))


def _next_batch(rows: Iterator[Mapping[str, str]]) -> list[Mapping[str, str]]:
    return list(islice(rows, _BATCH))


# --- Answering ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as its department dropped it last."""

    form: str
    key: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Supply:
    """What departments supplied, each named by (form, department).

    Attributes:
        up_to: Until when.
        newest: The order of the newest drop that says so.
        silent: Why nothing can be said, in spite of that.
    """

    up_to: Mapping[tuple[str, str], datetime]
    newest: Mapping[tuple[str, str], int]
    silent: Mapping[tuple[str, str], str]


async def supply(connection: AsyncConnection) -> Supply:
    """The state of supply."""
    supplied = (await connection.execute(select(SUPPLIES))).all()
    silenced = await connection.execute(select(SILENCES).order_by(SILENCES.c.drop))
    return Supply(
        up_to={(row.form, row.department): datetime.fromtimestamp(row.supplied_up_to, UTC) for row in supplied},
        newest={(row.form, row.department): row.newest for row in supplied},
        silent={(row.form, row.department): f"{row.file}: {row.reason}" for row in silenced},
    )


async def find(connection: AsyncConnection, identifiers: Iterable[common_pb2.Identifier]) -> list[StoredRow]:
    """The rows that bear one of the identifiers."""
    codes: set[str] = set()
    names: set[str] = set()
    for identifier in identifiers:
        if identifier.kind in _NAMES:
            names.add(fold_name(identifier.value))
        else:
            codes.add(fold_code(identifier.value))
    found = await connection.execute(
        select(REVISIONS.c.form, REVISIONS.c.key, REVISIONS.c["values"])
        .where(REVISIONS.c.current, _bears(codes, names))
        .order_by(REVISIONS.c.form, REVISIONS.c.key)
    )
    return [StoredRow(form, key, json.loads(values)) for form, key, values in found]


def _bears(codes: set[str], names: set[str]) -> ColumnElement[bool]:
    # Any code in any of the columns: departments mistake the numbered columns for one another.
    return or_(
        REVISIONS.c.code.in_(codes),
        REVISIONS.c.organisation.in_(codes),
        REVISIONS.c.registration.in_(codes),
        REVISIONS.c.name.in_(names),
    )


def fold_code(text: str) -> str:
    """Makes spellings of one code equal: width, case, blanks, and the dash of an organisation code."""
    return fold_width(text).strip().upper().replace("-", "")


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
