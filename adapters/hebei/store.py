"""What was taken in, as questions are answered from it. What counts is decided where drops are taken in (staging.py)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from sqlalchemy import and_, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.hebei.staging import code_token, name_token
from adapters.hebei.tables import BEARERS, DROPS, HELD, MISSING, REVISIONS, ROW_KEYS, SILENCES, SUPPLIES
from adapters.sdk.source import HeldDelivery, RowKey
from huren.common.v1 import common_pb2

_CODES: Final = (
    common_pb2.IDENTIFIER_KIND_USCC,
    common_pb2.IDENTIFIER_KIND_FORMER_USCC,
    common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE,
    common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER,
)
_NAMES: Final = (common_pb2.IDENTIFIER_KIND_NAME, common_pb2.IDENTIFIER_KIND_FORMER_NAME)
SEARCHED: Final = frozenset((*_CODES, *_NAMES))

_AT_ONCE: Final = 500
"""Values in one question: databases bound the number of parameters."""


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as its department dropped it last.

    Attributes:
        position: Its number in the file.
    """

    family: str
    form: str
    key: str
    values: Mapping[str, str]
    position: int


@dataclass(frozen=True, slots=True)
class Supply:
    """What departments supplied, each named by (form's family, department).

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
        up_to={(row.family, row.department): datetime.fromtimestamp(row.supplied_up_to, UTC) for row in supplied},
        newest={(row.family, row.department): row.newest for row in supplied},
        silent={(row.family, row.department): f"{row.file}: {row.reason}" for row in silenced},
    )


async def one_state(connection: AsyncConnection) -> None:
    """Makes everything that is read from here on be of one state of the store: several questions make one answer."""
    if connection.dialect.name == "postgresql":  # on SQLite it is so anyway
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))


async def find(connection: AsyncConnection, identifiers: Iterable[common_pb2.Identifier]) -> list[StoredRow]:
    """The rows that bear one of the identifiers.

    Any code in any of the columns counts: departments mistake the numbered columns for one another.
    """
    tokens = {
        name_token(identifier.value) if identifier.kind in _NAMES else code_token(identifier.value)
        for identifier in identifiers
    }
    bearing = select(BEARERS.c.drop, BEARERS.c.position).where(BEARERS.c.token.in_(tokens - {""}))
    places: dict[int, set[int]] = {}
    for drop, position in await connection.execute(bearing):
        places.setdefault(drop, set()).add(position)
    revisions: list[_Revision] = []
    for drop, positions in places.items():
        revisions += await _revisions(connection, drop, positions)
    found = await _current(connection, revisions)
    return sorted(found, key=lambda row: (row.form, row.key))


async def find_by_key(connection: AsyncConnection, keys: Iterable[RowKey]) -> dict[RowKey, StoredRow]:
    """Rows as they stand now. Keys that nothing current has are left out."""
    by_family: dict[str, set[str]] = {}
    for family, key in keys:
        by_family.setdefault(family, set()).add(key)
    places: dict[int, set[int]] = {}
    for family, own in by_family.items():
        for some in _some_at_a_time(own):
            held_by = select(ROW_KEYS.c.drop, ROW_KEYS.c.position).where(
                ROW_KEYS.c.family == family, ROW_KEYS.c.key.in_(some), ROW_KEYS.c.current
            )
            for drop, position in await connection.execute(held_by):
                places.setdefault(drop, set()).add(position)
    found: dict[RowKey, StoredRow] = {}
    for drop, positions in places.items():
        for row in await _current(connection, await _revisions(connection, drop, positions)):
            found[row.family, row.key] = row
    return found


# Each question below is answered from one index. Joined into one, the database chooses where to begin, and a wrong choice goes
# through every row.

_Revision = tuple[int, int, str, str]
"""(drop, position, key, values)"""
_REVISION: Final = select(REVISIONS.c.drop, REVISIONS.c.position, REVISIONS.c.key, REVISIONS.c["values"]).order_by(
    REVISIONS.c.position
)


async def _revisions(connection: AsyncConnection, drop: int, positions: Iterable[int]) -> list[_Revision]:
    """What stands at some places of a drop."""
    found: list[_Revision] = []
    for some in _some_at_a_time(positions):
        wanted = _REVISION.where(REVISIONS.c.drop == drop, REVISIONS.c.position.in_(some))
        found += [(drop, position, key, values) for drop, position, key, values in await connection.execute(wanted)]
    return found


async def _current(connection: AsyncConnection, revisions: Sequence[_Revision]) -> list[StoredRow]:
    """Those that count, in their order."""
    drops = await _published(connection, {revision[0] for revision in revisions})
    keys: dict[str, set[str]] = {}
    for drop, _, key, _ in revisions:
        if drop in drops:
            keys.setdefault(drops[drop].family, set()).add(key)
    current: set[tuple[str, str, int]] = set()
    withdrawn: set[RowKey] = set()
    for family, own in keys.items():
        for some in _some_at_a_time(own):
            mine = select(ROW_KEYS.c.key, ROW_KEYS.c.drop).where(
                ROW_KEYS.c.family == family, ROW_KEYS.c.key.in_(some), ROW_KEYS.c.current
            )
            current |= {(family, key, drop) for key, drop in await connection.execute(mine)}
            gone = select(MISSING.c.key).where(MISSING.c.family == family, MISSING.c.key.in_(some), MISSING.c.withdrawn)
            withdrawn |= {(family, key) for (key,) in await connection.execute(gone)}
    rows: list[StoredRow] = []
    for drop, position, key, values in revisions:
        info = drops.get(drop)
        if info is not None and (info.family, key, drop) in current and (info.family, key) not in withdrawn:
            named = dict(zip(info.columns, json.loads(values), strict=True))
            rows.append(StoredRow(info.family, info.form, key, named, position))
    return rows


@dataclass(frozen=True, slots=True)
class _Published:
    family: str
    form: str
    columns: tuple[str, ...]


async def _published(connection: AsyncConnection, numbers: Iterable[int]) -> dict[int, _Published]:
    """Of some drops, those that were published."""
    found: dict[int, _Published] = {}
    for some in _some_at_a_time(numbers):
        wanted = select(DROPS).where(DROPS.c.number.in_(some), DROPS.c.published.is_not(None))
        for row in await connection.execute(wanted):
            found[row.number] = _Published(row.family, row.form, tuple(json.loads(row.columns)))
    return found


_T = TypeVar("_T", int, str)


def _some_at_a_time(values: Iterable[_T]) -> Iterator[list[_T]]:
    every = sorted(set(values))
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]


# --- Following ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the order of supply.

    Attributes:
        published: The drop, by its place in the order of publication. 0: before all.
        position: The last row of it that was given.
        left: How many rows were still to come, as they were last counted.
    """

    published: int = 0
    position: int = 0
    left: int = 0

    def __str__(self) -> str:
        return f"{self.published}.{self.position}.{self.left}"

    @classmethod
    def parse(cls, cursor: str) -> Place | None:
        """Reads what `str` gave; empty: before all. None: no such place."""
        if not cursor:
            return cls()
        parts = cursor.split(".")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):  # noqa: PLR2004
            return None
        return cls(*(int(part) for part in parts))


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows in the order of supply.

    Attributes:
        rows: The rows.
        end: Where to go on.
        is_all: Whether nothing more is there.
        expected: How many are still to come with these. What was replaced since it was counted makes it too high.
    """

    rows: list[StoredRow]
    end: Place
    is_all: bool
    expected: int


async def page(connection: AsyncConnection, after: Place, limit: int) -> Page | None:
    """Current rows after a place: drop by drop as they were published, in each by the order of the file. None: no such place."""
    newest = await connection.scalar(select(func.max(DROPS.c.published))) or 0
    if after.published > newest:
        return None
    expected = after.left or await _count(connection, after)
    rows: list[StoredRow] = []
    end = after
    published = select(DROPS.c.number, DROPS.c.published).where(
        DROPS.c.published >= max(after.published, 1), DROPS.c.rows > 0
    )
    for drop in (await connection.execute(published.order_by(DROPS.c.published))).all():
        position = after.position if drop.published == after.published else 0
        while len(rows) < limit:
            further = _REVISION.where(REVISIONS.c.drop == drop.number, REVISIONS.c.position > position).limit(limit)
            there: list[_Revision] = [
                (number, at, key, values) for number, at, key, values in await connection.execute(further)
            ]
            if not there:
                break
            position = there[-1][1]
            found = (await _current(connection, there))[: limit - len(rows)]
            rows += found
            if len(rows) == limit:
                position = found[-1].position
            end = Place(drop.published, position)
        if len(rows) == limit:
            break
    else:
        # Whatever is published later comes after everything that there is now.
        return Page(rows, Place(newest, _LAST), is_all=True, expected=len(rows))
    return Page(rows, Place(end.published, end.position, max(expected - len(rows), 0)), is_all=False, expected=expected)


_LAST: Final = 2**62
"""After the last row of a drop."""


async def _count(connection: AsyncConnection, after: Place) -> int:
    later = or_(
        DROPS.c.published > after.published,
        and_(DROPS.c.published == after.published, ROW_KEYS.c.position > after.position),
    )
    counted = (
        select(func.count())
        .select_from(ROW_KEYS)
        .join(DROPS, DROPS.c.number == ROW_KEYS.c.drop)
        .where(later, ROW_KEYS.c.current)
    )
    return await connection.scalar(counted) or 0


# --- What waits for somebody ------------------------------------------------------------------------------------------------


async def held(connection: AsyncConnection) -> list[HeldDelivery]:
    """The drops about which nobody decided yet."""
    waiting = (
        select(DROPS, HELD.c.reason, HELD.c.reason_zh, HELD.c.expected)
        .join(HELD, HELD.c.drop == DROPS.c.number)
        .where(HELD.c.good.is_(None))
        .order_by(DROPS.c.family, DROPS.c.order)
    )
    return [
        HeldDelivery(
            form=row.family,
            file=row.file,
            identity=row.identity,
            reason=f"{row.reason_zh} {row.reason}",
            rows=row.rows,
            expected=row.expected,
        )
        for row in await connection.execute(waiting)
    ]


async def decide(connection: AsyncConnection, file: str, identity: str, *, good: bool) -> bool:
    """Keeps what somebody decided about a held drop. False: none is held that is called so, or the opposite was decided."""
    wanted = select(DROPS.c.number).where(DROPS.c.file == file, DROPS.c.identity == identity)
    mine = and_(HELD.c.drop.in_(wanted), or_(HELD.c.good.is_(None), HELD.c.good.is_(good)))
    if (await connection.execute(update(HELD).where(mine).values(good=good))).rowcount > 0:
        return True
    carried_out = DROPS.c.published.is_not(None) if good else DROPS.c.refused.is_not(None)
    return await connection.scalar(wanted.where(carried_out)) is not None


async def missing(connection: AsyncConnection) -> frozenset[RowKey]:
    """The rows that a snapshot lacked and whose withdrawal nobody confirmed."""
    found = await connection.execute(select(MISSING.c.family, MISSING.c.key).where(~MISSING.c.withdrawn))
    return frozenset((family, key) for family, key in found)


async def confirm_withdrawn(connection: AsyncConnection, key: RowKey) -> bool:
    """Keeps that a missing row was withdrawn. False: it is not missing."""
    family, own = key
    mine = and_(MISSING.c.family == family, MISSING.c.key == own)
    return (await connection.execute(update(MISSING).where(mine).values(withdrawn=True))).rowcount > 0
