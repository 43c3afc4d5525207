"""How a drop becomes part of what the adapter says: all of it at once, or nothing.

1  stage      rows are written in batches, each in its own transaction, with their positions: whoever is stopped goes on after the
              last one. Nobody sees them yet.
2  sort       keys and what rows can be found by are put into the order of their indexes, all at once: far cheaper than row by row.
              A 主键 that stands twice in the file is noticed here.
3  publish    one short transaction: what the drop replaces is current no more, and the drop counts from now on.

A file that turns out bad on the way is unstaged and refused. A refused drop makes every department of its form silent, for its rows
may be anybody's, until a good one covers it: one of the same name, or a later one whose receipt says that it replaces it. Drops are
increments unless the receipt says that they are snapshots: no later one holds, just by being later or longer, what was refused.

A row is replaced by the row with the same 主键 of a later drop of the form, in whatever version (by day and number in the name, not
by arrival); what it said before is kept and never searched. A row that a snapshot of its department lacks stays current and is
remembered as missing. A snapshot that is much smaller than what is current is held: staged, and published only once somebody said
that it is good.

Replicas may do the same at the same time. Each transaction takes the lock first and looks how far the others are.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]  # ships no types
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.hebei.drop import KEY, Content, Drop, DropName, Reason, Receipt, RefusedError, parse_name
from adapters.hebei.profile import DEPARTMENTS
from adapters.hebei.tables import BEARERS, DROPS, HELD, MISSING, REVISIONS, ROW_KEYS, SILENCES, STAGED, SUPPLIES
from adapters.sdk.notation import fold_name, fold_width
from adapters.sdk.profile import Form
from runtime.database import Database
from runtime.errors import StoreUnavailableError

Progress = Callable[[str, int, int], None]
"""Told, while a file is taken in: its name, how many of its rows are staged, how many it has."""

_BATCH: Final = 5_000
"""Rows in one transaction: a few megabytes, a fraction of a second."""
_LONGEST_TOKEN: Final = 200
"""Characters. What is longer is found by its digest: an index has no room for it."""
_SMALLEST_SHARE: Final = 95
"""Per cent of what is current. A snapshot with fewer rows is held."""
_JUDGING_LOCK: Final = 0x6865_6265_69
"""Any number, the same in every replica."""

_UNAVAILABLE: Final = (
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    OSError,
)
"""What copying rows into PostgreSQL raises, past SQLAlchemy, when the server cannot do it now."""

_ESCAPED: Final = re.compile(r"[\\\x00-\x1f]")
"""Beside the quotation mark, what JSON writes by an escape."""
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a drop that was taken in.

    Attributes:
        rows: How many rows it has.
        new: Those whose 主键 nothing current had.
        changed: Those that are not as the current ones were.
        unchanged: The others.
        missing: Rows that it lacks, being a snapshot, or that an earlier snapshot lacked, and that are missing only since.
    """

    rows: int
    new: int
    changed: int
    unchanged: int
    missing: int


class HeldError(Exception):
    """The drop waits for somebody's decision."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.en)
        self.reason: Final = reason


# --- What is known ------------------------------------------------------------------------------------------------------


async def is_judged(database: Database, drop: Drop) -> bool:
    """Whether this drop was taken in or refused before.

    One that was taken in, and lies there again after a bad one of its name, ends the silence that the bad one brought.

    Raises:
        StoreUnavailableError: The store cannot do it now.
    """
    taken_in = select(DROPS.c.number).where(DROPS.c.identity == drop.identity, DROPS.c.published.is_not(None))
    silenced = select(SILENCES.c.drop).where(SILENCES.c.file == drop.file)
    async with database.read() as connection:
        is_known = await _is_known(connection, drop.identity)
        is_back = (await connection.execute(taken_in.where(silenced.exists()))).first() is not None
    if is_back:
        async with database.write() as connection:
            await connection.execute(delete(SILENCES).where(SILENCES.c.file == drop.file))
    return is_known


async def is_known(database: Database, identity: str) -> bool:
    """Whether a drop of this identity was taken in or refused before.

    Raises:
        StoreUnavailableError: The store cannot do it now.
    """
    async with database.read() as connection:
        return await _is_known(connection, identity)


async def still_held(database: Database, identity: str) -> Reason | None:
    """Why a drop that was held still is. None: somebody decided, or nobody holds it any more.

    Raises:
        StoreUnavailableError: The store cannot do it now.
    """
    waiting = (
        select(HELD.c.reason, HELD.c.reason_zh)
        .join(DROPS, DROPS.c.number == HELD.c.drop)
        .where(DROPS.c.identity == identity, _is_open(), HELD.c.good.is_(None))
    )
    async with database.read() as connection:
        found = (await connection.execute(waiting)).first()
    return None if found is None else Reason(found.reason, found.reason_zh)


async def forget_staged(database: Database, files: Collection[str]) -> None:
    """Unstages what was staged of files that do not lie in the folder any more.

    Raises:
        StoreUnavailableError: The store cannot do it now.
    """
    async with database.read() as connection:
        staged = (await connection.execute(select(DROPS.c.number, DROPS.c.file).where(_is_open()))).all()
    for number, file in staged:
        if file not in files:
            async with database.write() as connection:
                await _take_turns(connection)
                if await connection.scalar(select(DROPS.c.number).where(DROPS.c.number == number, _is_open())):
                    await _unstage(connection, number)
                    await connection.execute(delete(DROPS).where(DROPS.c.number == number))


async def _is_known(connection: AsyncConnection, identity: str) -> bool:
    known = select(DROPS.c.number).where(DROPS.c.identity == identity, ~_is_open())
    return await connection.scalar(known) is not None


def _is_open() -> ColumnElement[bool]:
    return and_(DROPS.c.published.is_(None), DROPS.c.refused.is_(None))


async def _take_turns(connection: AsyncConnection) -> None:
    """From here to the end of the transaction no other replica takes anything in. On SQLite that is so anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_JUDGING_LOCK})"))


# --- Taking in ----------------------------------------------------------------------------------------------------------


async def take_in(
    database: Database, drop: Drop, name: DropName, receipt: Receipt, *, at: datetime, progress: Progress
) -> Taken | None:
    """Takes a drop in. Whoever did it before and was stopped is gone on from.

    Returns:
        What became of it. None: another replica was faster.

    Raises:
        RefusedError: It is not what its receipt and its form say; nothing of it counts.
        HeldError: Somebody has to decide; nothing of it counts yet.
        ChangingError: It is being written to; nothing of it counts.
        StoreUnavailableError: The store cannot do it now.
    """
    try:
        number = await _stage(database, drop, name, receipt, progress=progress)
        if number is None:
            return None
        await _sort(database, number)
    except IntegrityError as error:
        # The one constraint that a file can break: what stands in the store by the same key is of other drops.
        raise RefusedError(f"a {KEY} stands twice", f"{KEY}重复") from error
    return await _publish(database, number, receipt, at=at)


async def refuse(database: Database, drop: Drop, receipt: Receipt | None, *, reason: Reason, at: datetime) -> None:
    """Keeps why a drop was refused, and makes every department of its form silent: what its rows were, nobody knows.

    A file that is not called as the forms are is only kept in mind: nobody knows what it would have said.

    Raises:
        StoreUnavailableError: The store cannot do it now.
    """
    name = parse_name(drop.file)
    async with database.write() as connection:
        await _take_turns(connection)
        if await _is_known(connection, drop.identity):
            return
        number = await _begun(connection, drop, name, receipt)
        await _unstage(connection, number)
        judged = {"refused": reason.en, "refused_zh": reason.zh, "judged_at": int(at.timestamp())}
        await connection.execute(update(DROPS).where(DROPS.c.number == number).values(judged))
        if name is None:
            return
        silence = {"drop": number, "family": name.family.name, "file": drop.file, "reason": reason.en}
        await connection.execute(insert(SILENCES), [silence | {"department": department} for department in DEPARTMENTS])


async def _begun(connection: AsyncConnection, drop: Drop, name: DropName | None, receipt: Receipt | None) -> int:
    """The number of the drop, given now if it has none yet."""
    begun = await connection.scalar(select(DROPS.c.number).where(DROPS.c.identity == drop.identity))
    if begun is not None:
        return int(begun)
    number = await connection.scalar(
        insert(DROPS)
        .values(
            identity=drop.identity,
            file=drop.file,
            family=None if name is None else name.family.name,
            order=None if name is None else name.order,
            rows=None if receipt is None else receipt.rows,
            supplied_up_to=None if receipt is None else int(receipt.supplied_up_to.timestamp()),
            is_snapshot=None if receipt is None else receipt.snapshot,
            staged=0,
            is_sorted=False,
        )
        .returning(DROPS.c.number)
    )
    return int(number)


async def _unstage(connection: AsyncConnection, number: int) -> None:
    """Takes away everything of a drop that was never published."""
    for table in (STAGED, BEARERS, ROW_KEYS, REVISIONS, HELD):
        await connection.execute(delete(table).where(table.c.drop == number))
    await connection.execute(update(DROPS).where(DROPS.c.number == number).values(staged=0, is_sorted=False))


# --- 1. Stage -----------------------------------------------------------------------------------------------------------


async def _stage(database: Database, drop: Drop, name: DropName, receipt: Receipt, *, progress: Progress) -> int | None:
    """Reads what is not staged yet, and stages it. Returns the drop's number. None: it was judged by another replica."""
    async with database.write() as connection:
        await _take_turns(connection)
        if await _is_known(connection, drop.identity):
            return None
        await _forget_others(connection, drop)
        number = await _begun(connection, drop, name, receipt)
        begun = (await connection.execute(select(DROPS).where(DROPS.c.number == number))).one()
    if begun.is_sorted:
        return number
    content = await asyncio.to_thread(drop.content, name.family, receipt, after=begun.staged)
    columns = _encode(content.columns)
    if begun.columns not in (None, columns):  # what is kept of the form changed since
        async with database.write() as connection:
            await _take_turns(connection)
            await _unstage(connection, number)
        content = await asyncio.to_thread(drop.content, name.family, receipt)
    staging = _Staging(database, number, content.form.name, columns)
    rows = _prepared(content, number)
    batch = await asyncio.to_thread(_next_batch, rows)
    while True:
        # The next rows are read while these are written.
        added, upcoming = await asyncio.gather(
            staging.add(batch), asyncio.to_thread(_next_batch, rows), return_exceptions=True
        )
        if isinstance(added, BaseException):
            raise added
        if isinstance(upcoming, BaseException):
            raise upcoming
        if not added:
            return None
        progress(drop.file, batch[-1][0][1] if batch else receipt.rows, receipt.rows)
        if not upcoming:
            return number
        batch = upcoming


async def _forget_others(connection: AsyncConnection, drop: Drop) -> None:
    """Unstages what was staged of another file of this name, which is there no more."""
    others = select(DROPS.c.number).where(DROPS.c.file == drop.file, DROPS.c.identity != drop.identity, _is_open())
    for (number,) in (await connection.execute(others)).all():
        await _unstage(connection, number)
        await connection.execute(delete(DROPS).where(DROPS.c.number == number))


_Prepared = tuple[tuple[int, int, str, str], tuple[int, int, str, str, str, str, str, str]]
"""A row as it is written: to `revisions`, and to `staged`."""


@dataclass(frozen=True, slots=True)
class _Staging:
    """Writes batches of one drop."""

    database: Database
    number: int
    form: str
    columns: str

    async def add(self, batch: Sequence[_Prepared]) -> bool:
        """Writes what no other replica wrote yet of a batch. False: the drop is not to be staged any more."""
        async with self.database.write() as connection:
            await _take_turns(connection)
            mine = and_(DROPS.c.number == self.number, _is_open(), DROPS.c.is_sorted.is_(False))
            staged = await connection.scalar(select(DROPS.c.staged).where(mine))
            if staged is None:
                return False
            batch = [row for row in batch if row[0][1] > staged]
            await _write(connection, REVISIONS, [revision for revision, _ in batch])
            await _write(connection, STAGED, [keys for _, keys in batch])
            so_far = {"staged": staged + len(batch), "form": self.form, "columns": self.columns}
            await connection.execute(update(DROPS).where(mine).values(so_far))
        return True


async def _write(connection: AsyncConnection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Appends rows, given in the order of the table's columns."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        try:
            await driver.copy_records_to_table(table.name, records=rows, columns=table.columns.keys())
        except _UNAVAILABLE as error:
            raise StoreUnavailableError(type(error).__name__) from error
        return
    statement = str(insert(table).compile(dialect=connection.dialect))
    await connection.exec_driver_sql(statement, list(rows))


def _next_batch(rows: Iterator[_Prepared]) -> list[_Prepared]:
    return list(islice(rows, _BATCH))


def _prepared(content: Content, drop: int) -> Iterator[_Prepared]:
    """Rows as they are written. It runs for every row of millions."""
    code_at, organisation_at, registration_at, name_at = _subject_places(content.form, content.columns)
    for position, key, department, values in content.rows:
        code = code_token(values[code_at]) if code_at is not None else ""
        organisation = code_token(values[organisation_at]) if organisation_at is not None else ""
        registration = code_token(values[registration_at]) if registration_at is not None else ""
        if organisation == code:
            organisation = ""
        if registration in (code, organisation):
            registration = ""
        name = name_token(values[name_at])
        yield (
            (drop, position, key, _array(values)),
            (drop, position, key, department, code, organisation, registration, name),
        )


def _array(values: tuple[str, ...]) -> str:
    """The values as a JSON array. What needs no escape, and that is nearly everything, is joined by hand: four times as fast."""
    text = '","'.join(values)
    if _ESCAPED.search(text) is None and text.count('"') == 2 * (len(values) - 1):
        return f'["{text}"]'
    return _encode(values)


def _subject_places(form: Form, columns: Sequence[str]) -> tuple[int | None, int | None, int | None, int]:
    subject = form.subject
    code, organisation, registration = (
        None if column is None else columns.index(column)
        for column in (subject.uscc, subject.organisation_code, subject.registration_number)
    )
    return code, organisation, registration, columns.index(subject.name)


# --- By what a row can be found ---------------------------------------------------------------------------------------------


def code_token(written: str) -> str:
    """What is compared of a code; the same for all its spellings: width, case, blanks, the dash of an organisation code.

    Empty: nothing stands there.
    """
    if written.isalnum() and written.isascii() and len(written) < _LONGEST_TOKEN:
        return f"c{written.upper()}"
    code = "".join(fold_width(written).split()).replace("-", "").upper()
    return _fitting(f"c{code}") if code else ""


def name_token(written: str) -> str:
    """What is compared of a name. Empty: nothing stands there."""
    name = fold_name(written)
    return _fitting(f"n{name}") if name else ""


def _fitting(token: str) -> str:
    if len(token) <= _LONGEST_TOKEN:
        return token
    return f"{token[0]}{hashlib.sha256(token.encode('utf-8', 'surrogatepass')).hexdigest()}"


# --- 2. Sort ------------------------------------------------------------------------------------------------------------


async def _sort(database: Database, number: int) -> None:
    """Puts the keys and tokens of a staged drop into the indexes, and counts what is new.

    Raises:
        IntegrityError: A key stands twice.
    """
    async with database.write() as connection:
        await _take_turns(connection)
        drop = (await connection.execute(select(DROPS).where(DROPS.c.number == number))).first()
        if drop is None or drop.is_sorted or drop.published is not None or drop.refused is not None:
            return
        mine = STAGED.c.drop == number
        keys = (
            select(
                literal(drop.family),
                STAGED.c.key,
                STAGED.c.drop,
                STAGED.c.position,
                literal(drop.order, DROPS.c.order.type),
                STAGED.c.department,
                literal(value=True),
            )
            .where(mine)
            .order_by(STAGED.c.key)
        )
        await connection.execute(insert(ROW_KEYS).from_select(list(ROW_KEYS.c.keys()), keys))
        tokens = union_all(
            *(
                select(column.label("token"), STAGED.c.drop, STAGED.c.position).where(mine, column != "")
                for column in (STAGED.c.code, STAGED.c.organisation, STAGED.c.registration, STAGED.c.name)
            )
        ).subquery()
        in_order = select(tokens).order_by(tokens.c.token, tokens.c.position)
        await connection.execute(insert(BEARERS).from_select(list(BEARERS.c.keys()), in_order))
        await connection.execute(delete(STAGED).where(mine))
        await _tell_planner(connection, drop)
        counts = await _counts(connection, drop)
        await connection.execute(update(DROPS).where(DROPS.c.number == number).values(**counts, is_sorted=True))


async def _tell_planner(connection: AsyncConnection, drop: Any) -> None:
    """Has PostgreSQL look at the tables where they have grown much: until it does so by itself it takes them for as they were."""
    if connection.dialect.name == "postgresql":
        before = select(func.coalesce(func.sum(DROPS.c.rows), 0)).where(DROPS.c.is_sorted)
        if drop.rows * 10 >= await connection.scalar(before):
            await connection.execute(text("ANALYZE drops, revisions, row_keys, bearers"))


async def _counts(connection: AsyncConnection, drop: Any) -> dict[str, int]:
    """How the rows of a drop differ from what is current."""
    earlier = select(DROPS.c.number).where(
        DROPS.c.family == drop.family, DROPS.c.published.is_not(None), DROPS.c.rows > 0
    )
    if not drop.rows or await connection.scalar(earlier.limit(1)) is None:
        return {"new": drop.rows, "changed": 0, "unchanged": 0}
    mine, current = ROW_KEYS.alias("mine"), ROW_KEYS.alias("current")
    my_row, its_row, its_drop = REVISIONS.alias("my_row"), REVISIONS.alias("its_row"), DROPS.alias("its_drop")
    is_same = and_(its_drop.c.columns == drop.columns, its_row.c["values"] == my_row.c["values"])
    known, same = (
        await connection.execute(
            select(func.count(), func.count().filter(is_same))
            .select_from(mine)
            .join(
                current,
                and_(
                    current.c.family == mine.c.family,
                    current.c.key == mine.c.key,
                    current.c.drop != mine.c.drop,
                    current.c.current,
                ),
            )
            .join(its_drop, and_(its_drop.c.number == current.c.drop, its_drop.c.published.is_not(None)))
            .join(my_row, and_(my_row.c.drop == mine.c.drop, my_row.c.position == mine.c.position))
            .join(its_row, and_(its_row.c.drop == current.c.drop, its_row.c.position == current.c.position))
            .where(mine.c.drop == drop.number)
        )
    ).one()
    return {"new": drop.rows - known, "changed": known - same, "unchanged": same}


# --- 3. Publish -----------------------------------------------------------------------------------------------------------


async def _publish(database: Database, number: int, receipt: Receipt, *, at: datetime) -> Taken | None:
    async with database.write() as connection:
        await _take_turns(connection)
        staged = (await connection.execute(select(DROPS).where(DROPS.c.number == number))).first()
        if staged is None or staged.published is not None or staged.refused is not None:
            return None
        verdict = await _verdict(connection, staged, receipt)
        if verdict is None:
            published = 1 + (await connection.scalar(select(func.max(DROPS.c.published))) or 0)
            await _replace(connection, staged)
            judged = {"published": published, "judged_at": int(at.timestamp())}
            await connection.execute(update(DROPS).where(DROPS.c.number == number).values(judged))
            await connection.execute(delete(HELD).where(HELD.c.drop == number))
            await _advance(connection, staged, receipt)
            covered = SILENCES.c.file.in_((staged.file, *receipt.replaces))
            await connection.execute(delete(SILENCES).where(SILENCES.c.family == staged.family, covered))
            missing = await _note_missing(connection, staged, receipt)
            return Taken(staged.rows, staged.new, staged.changed, staged.unchanged, missing)
    raise verdict


async def _verdict(connection: AsyncConnection, staged: Any, receipt: Receipt) -> HeldError | RefusedError | None:
    """Why a drop is not published, if it is not."""
    if not staged.is_snapshot:
        return None
    held = (await connection.execute(select(HELD).where(HELD.c.drop == staged.number))).first()
    if held is None:
        expected = await _expected(connection, staged, receipt)
        if staged.rows * 100 >= expected * _SMALLEST_SHARE:
            return None
        reason = Reason(
            f"a snapshot of {staged.rows} rows, where {expected} are current",
            f"全量文件只有{staged.rows}行，而现有{expected}行",
        )
        await connection.execute(
            insert(HELD).values(drop=staged.number, reason=reason.en, reason_zh=reason.zh, expected=expected)
        )
        return HeldError(reason)
    reason = Reason(held.reason, held.reason_zh)
    if held.good is None:
        return HeldError(reason)
    return (
        None
        if held.good
        else RefusedError(f"held, and found not to be good: {reason.en}", f"暂缓后认定有误：{reason.zh}")
    )


async def _expected(connection: AsyncConnection, staged: Any, receipt: Receipt) -> int:
    """How many rows are current that the snapshot speaks about."""
    current = select(func.count()).where(
        ROW_KEYS.c.family == staged.family,
        ROW_KEYS.c.department.in_(receipt.scope),
        ROW_KEYS.c.order <= staged.order,
        ROW_KEYS.c.current,
        _is_published(ROW_KEYS.c.drop),
        ~_is_withdrawn(ROW_KEYS),
    )
    return await connection.scalar(current) or 0


async def _replace(connection: AsyncConnection, staged: Any) -> None:
    """What the drop has a later word on is current no more; of the drop, what others have a later word on never is."""
    others = select(DROPS.c.order).where(
        DROPS.c.family == staged.family, DROPS.c.published.is_not(None), DROPS.c.rows > 0
    )
    if not staged.rows or await connection.scalar(others.limit(1)) is None:
        return
    mine, its = ROW_KEYS.alias("mine"), ROW_KEYS.alias("its")
    await connection.execute(
        update(ROW_KEYS)
        .where(
            ROW_KEYS.c.family == staged.family,
            ROW_KEYS.c.key.in_(select(mine.c.key).where(mine.c.drop == staged.number)),
            ROW_KEYS.c.drop != staged.number,
            ROW_KEYS.c.order <= staged.order,
            ROW_KEYS.c.current,
            _is_published(ROW_KEYS.c.drop),
        )
        .values(current=False)
    )
    if await connection.scalar(others.where(DROPS.c.order > staged.order).limit(1)) is None:
        return
    later = select(its.c.key).where(
        its.c.family == staged.family, its.c.order > staged.order, its.c.current, _is_published(its.c.drop)
    )
    await connection.execute(
        update(ROW_KEYS).where(ROW_KEYS.c.drop == staged.number, ROW_KEYS.c.key.in_(later)).values(current=False)
    )


async def _advance(connection: AsyncConnection, staged: Any, receipt: Receipt) -> None:
    """Notes up to when the departments supplied."""
    for department in sorted(set(receipt.scope)):
        mine = and_(SUPPLIES.c.family == staged.family, SUPPLIES.c.department == department)
        before = (await connection.execute(select(SUPPLIES).where(mine))).first()
        snapshot: dict[str, int] = {}
        if staged.is_snapshot and (before is None or before.snapshot is None or before.snapshot <= staged.order):
            snapshot = {"snapshot": staged.order, "snapshot_drop": staged.number}
        if before is None:
            place = {"family": staged.family, "department": department}
            so_far = {"supplied_up_to": staged.supplied_up_to, "newest": staged.order}
            await connection.execute(insert(SUPPLIES).values(**place, **so_far, **snapshot))
        else:
            so_far = {
                "supplied_up_to": max(before.supplied_up_to, staged.supplied_up_to),
                "newest": max(before.newest, staged.order),
            }
            await connection.execute(update(SUPPLIES).where(mine).values(**so_far, **snapshot))


async def _note_missing(connection: AsyncConnection, staged: Any, receipt: Receipt) -> int:
    """Forgets that rows are missing which the drop brings back, and notes those that the newest snapshot lacks.

    Returns:
        How many were noted.
    """
    brought = select(ROW_KEYS.c.key).where(
        ROW_KEYS.c.family == MISSING.c.family, ROW_KEYS.c.key == MISSING.c.key, ROW_KEYS.c.drop == staged.number
    )
    await connection.execute(
        delete(MISSING).where(MISSING.c.family == staged.family, MISSING.c.order <= staged.order, brought.exists())
    )
    told = await connection.execute(
        select(SUPPLIES.c.department, SUPPLIES.c.snapshot, SUPPLIES.c.snapshot_drop).where(
            SUPPLIES.c.family == staged.family,
            SUPPLIES.c.department.in_(receipt.scope),
            SUPPLIES.c.snapshot >= staged.order,
        )
    )
    departments: dict[tuple[int, int], list[str]] = {}
    for department, order, drop in told:
        departments.setdefault((order, drop), []).append(department)
    noted = 0
    for (order, drop), codes in departments.items():
        # Of a drop that is not the snapshot itself only its own rows are new: they came after the snapshot that lacks them.
        of_these = ROW_KEYS.c.drop != drop if drop == staged.number else ROW_KEYS.c.drop == staged.number
        is_earlier = ROW_KEYS.c.order <= order if drop == staged.number else ROW_KEYS.c.order < order
        lacking = select(
            ROW_KEYS.c.family, ROW_KEYS.c.key, literal(drop), literal(order, MISSING.c.order.type), literal(value=False)
        ).where(
            ROW_KEYS.c.family == staged.family,
            ROW_KEYS.c.department.in_(codes),
            ROW_KEYS.c.current,
            _is_published(ROW_KEYS.c.drop),
            of_these,
            is_earlier,
            ~_is_missing(ROW_KEYS),
        )
        result = await connection.execute(insert(MISSING).from_select(list(MISSING.c.keys()), lacking))
        noted += max(result.rowcount, 0)
    return noted


def _is_published(drop: ColumnElement[int]) -> ColumnElement[bool]:
    return drop.in_(select(DROPS.c.number).where(DROPS.c.published.is_not(None)))


def _is_missing(row: FromClause) -> ColumnElement[bool]:
    return exists().where(MISSING.c.family == row.c.family, MISSING.c.key == row.c.key)


def _is_withdrawn(row: FromClause) -> ColumnElement[bool]:
    """Whether it was confirmed that a row of `row_keys` was withdrawn."""
    return exists().where(MISSING.c.family == row.c.family, MISSING.c.key == row.c.key, MISSING.c.withdrawn)
