"""The only SQL of the desk. Every method works in the transaction that it was given.

- An item is open once for each row and kind. The same problem again changes nothing; another problem of the row changes the item.
- What is settled is closed, not deleted; every step is an event.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, case, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sdk.desk.items import Action, Correction, Item, ItemEvent, RowProblem, Ruling, Verdicts
from adapters.sdk.desk.rows import RECEIVED_AT, as_text
from adapters.sdk.desk.tables import CHANGES, CORRECTIONS, EVENTS, HELD_UP, ITEMS, PLACE, ROWS, RULINGS
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.source import RowKey
from contract.catalogue import CellKey
from contract.days import DayRange, parse_day
from huren.desk.v1 import desk_service_pb2

_KEYS_PER_SELECT: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE: Final = "source"

OPEN: Final = desk_service_pb2.ITEM_STATE_OPEN
RETURNED: Final = desk_service_pb2.ITEM_STATE_RETURNED
CLOSED: Final = desk_service_pb2.ITEM_STATE_CLOSED
IN_DOUBT: Final = desk_service_pb2.ITEM_KIND_IN_DOUBT
UNATTRIBUTABLE: Final = desk_service_pb2.ITEM_KIND_UNATTRIBUTABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRow:
    """The newest state of a row, as the index keeps it. Identifiers are folded; days are texts, empty where there is none."""

    where: RowKey
    row_digest: bytes
    code: str
    organisation_code: str
    registration_number: str
    name: str
    outcome: str
    content_digest: bytes
    cells: frozenset[CellKey]
    first_day: str
    last_day: str
    revision: int
    is_withdrawn: bool = False

    @property
    def is_said(self) -> bool:
        """Whether the row says, or may say, something in a report."""
        return bool(self.cells) and not self.is_withdrawn

    def may_touch(self, cells: Collection[CellKey], window: DayRange) -> bool:
        """Whether the row says, or may say, something about one of these cells in this window."""
        if not self.is_said or self.cells.isdisjoint(cells):
            return False
        last = parse_day(self.last_day) if self.last_day else None
        return not self.first_day or window.overlaps(parse_day(self.first_day), last)


@dataclass(frozen=True, slots=True)
class Place:
    """How far the platform was followed.

    Attributes:
        cursor: Where to go on; empty: from the very first row.
        reached_end_at: When nothing more was to come. None: never yet.
    """

    cursor: str
    reached_end_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFilter:
    """As `huren.desk.v1.ItemFilter`."""

    states: Collection[int] = (OPEN, RETURNED)
    kinds: Collection[int] = ()
    holding_up: bool = False
    uscc: str = ""
    supplier: str | None = None


class DeskStore:
    """The desk in a transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    # --- Items ------------------------------------------------------------------------------------------------------------

    async def open_items(self, problems: Iterable[RowProblem], at: datetime, *, uscc: str = "") -> None:
        """Opens an item for each problem that has none.

        Args:
            problems: What is wrong.
            at: When it was seen.
            uscc: The subject about whom was asked, and whom it holds up. Empty: nobody at this moment.
        """
        for problem in problems:
            number, version = await self._open_item(problem, at)
            if uscc:
                await self._hold_up(number, version, uscc, at)

    async def close_items(
        self, where: RowKey, at: datetime, *, but: Collection[int] = (), note: str = "", officer: str = ""
    ) -> int:
        """Closes the open items of a row, but for these kinds. Gives how many."""
        mine = and_(_of(ITEMS, where), ITEMS.c.state != CLOSED, ITEMS.c.kind.not_in(list(but)))
        rows = (await self._connection.execute(select(ITEMS.c.number, ITEMS.c.version).where(mine))).all()
        for number, version in rows:
            await self.step(number, version, Action.CLOSED, at, state=CLOSED, note=note, officer=officer)
        return len(rows)

    async def close_other(self, kind: int, wheres: Collection[RowKey], at: datetime) -> None:
        """Closes the open items of a kind that are not about one of these."""
        mine = and_(ITEMS.c.kind == kind, ITEMS.c.state != CLOSED)
        query = select(ITEMS.c.number, ITEMS.c.version, ITEMS.c.family, ITEMS.c.key).where(mine)
        for row in (await self._connection.execute(query)).all():
            if (row.family, row.key) not in wheres:
                await self.step(row.number, row.version, Action.CLOSED, at, state=CLOSED)

    async def open_count(self, wheres: Iterable[RowKey]) -> int:
        """How many items of these rows are open."""
        count = 0
        for keys in _batches(wheres):
            query = select(func.count()).where(_one_of(ITEMS, keys), ITEMS.c.state != CLOSED)
            count += int(await self._connection.scalar(query) or 0)
        return count

    async def step(  # an event and what it does to the item
        self,
        number: int,
        version: int,
        action: Action,
        at: datetime,
        *,
        state: int | None = None,
        note: str = "",
        officer: str = "",
        **changed: object,
    ) -> None:
        """Writes an event, and what it changes in the item.

        Raises:
            LedgerConflictError: The item has another version by now.
        """
        outcome = {"outcome": note or str(action)} if state == CLOSED else {}
        now = {} if state is None else {"state": state}
        result = await self._connection.execute(
            update(ITEMS)
            .where(ITEMS.c.number == number, ITEMS.c.version == version)
            .values(version=version + 1, **now, **outcome, **changed)
        )
        if result.rowcount != 1:
            raise LedgerConflictError("another transaction changed the same item first")
        await self._note(number, version + 1, action, at, officer=officer, note=note)

    async def item(self, number: int) -> Item | None:
        """An item, or None where there is none of that number."""
        found = (await self._connection.execute(select(ITEMS).where(ITEMS.c.number == number))).one_or_none()
        return None if found is None else (await self._items([found]))[0]

    async def events(self, number: int) -> tuple[ItemEvent, ...]:
        """What happened to an item, oldest first."""
        rows = await self._connection.execute(select(EVENTS).where(EVENTS.c.item == number).order_by(EVENTS.c.version))
        return tuple(
            ItemEvent(at=instant(row.at_us), officer=row.officer, action=row.action, note=row.note) for row in rows
        )

    async def items(self, chosen: ItemFilter, *, limit: int, offset: int = 0) -> tuple[Item, ...]:
        """Items: those that hold somebody up first, the longest first; then the oldest."""
        is_idle = case((ITEMS.c.holding_up_since_us.is_(None), 1), else_=0)
        query = (
            select(ITEMS)
            .where(_lets_through(chosen))
            .order_by(is_idle, ITEMS.c.holding_up_since_us, ITEMS.c.number)
            .limit(limit)
            .offset(offset)
        )
        return await self._items((await self._connection.execute(query)).all())

    async def items_after(self, chosen: ItemFilter, number: int, *, limit: int) -> tuple[Item, ...]:
        """Items by ascending number, from the one after `number` on."""
        query = select(ITEMS).where(_lets_through(chosen), ITEMS.c.number > number).order_by(ITEMS.c.number)
        return await self._items((await self._connection.execute(query.limit(limit))).all())

    async def suppliers(self) -> tuple[tuple[str, int, int], ...]:
        """For each supplier with open items: how many there are, and how many hold somebody up; most first."""
        blocking = func.sum(case((ITEMS.c.holding_up_since_us.is_(None), 0), else_=1))
        query = (
            select(ITEMS.c.supplier, func.count(), blocking)
            .where(ITEMS.c.state != CLOSED)
            .group_by(ITEMS.c.supplier)
            .order_by(func.count().desc(), ITEMS.c.supplier)
        )
        return tuple((row[0], int(row[1]), int(row[2])) for row in await self._connection.execute(query))

    async def unattributable(self) -> Mapping[CellKey, int]:
        """For each cell that has any: how many rows belong to nobody."""
        query = (
            select(ITEMS.c.cells, func.count())
            .where(ITEMS.c.kind == UNATTRIBUTABLE, ITEMS.c.state != CLOSED)
            .group_by(ITEMS.c.cells)
        )
        counts: dict[CellKey, int] = {}
        for cells, count in await self._connection.execute(query):
            for cell in cells_from(cells):
                counts[cell] = counts.get(cell, 0) + int(count)
        return counts

    # --- What officers decided ----------------------------------------------------------------------------------------------

    async def correct(self, item: Item, row_digest: bytes, values: Mapping[str, str | None]) -> None:
        """Keeps a correction for one state of a row. An earlier one of the same state goes on where this one is silent."""
        before = (await self.verdicts([item.where])).corrections.get(item.where)
        earlier = before.values if before is not None and before.row_digest == row_digest else {}
        kept = {
            "family": item.where[0],
            "key": item.where[1],
            "row_digest": row_digest,
            "columns": json.dumps({**earlier, **values}, ensure_ascii=False),
            "item": item.number,
        }
        await self._connection.execute(insert(CORRECTIONS).values(kept))

    async def rule(self, item: Item, identity_digest: bytes, uscc: str) -> None:
        """Keeps whose a row is."""
        kept = {
            "family": item.where[0],
            "key": item.where[1],
            "identity_digest": identity_digest,
            "uscc": uscc,
            "item": item.number,
        }
        await self._connection.execute(insert(RULINGS).values(kept))

    async def verdicts(self, wheres: Iterable[RowKey]) -> Verdicts:
        """What officers decided about these rows: the last word of each kind."""
        corrections: dict[RowKey, Correction] = {}
        rulings: dict[RowKey, Ruling] = {}
        for keys in _batches(wheres):
            found = select(CORRECTIONS).where(_one_of(CORRECTIONS, keys)).order_by(CORRECTIONS.c.number)
            for row in await self._connection.execute(found):
                corrections[row.family, row.key] = Correction(row.row_digest, json.loads(row.columns))
            ruled = select(RULINGS).where(_one_of(RULINGS, keys)).order_by(RULINGS.c.number)
            for row in await self._connection.execute(ruled):
                rulings[row.family, row.key] = Ruling(row.identity_digest, row.uscc)
        return Verdicts(corrections, rulings)

    async def rulings_for(self, codes: Collection[str]) -> frozenset[RowKey]:
        """Rows that an officer found to be one of these subjects'."""
        query = select(RULINGS.c.family, RULINGS.c.key).where(RULINGS.c.uscc.in_(sorted(codes)))
        return frozenset((row.family, row.key) for row in await self._connection.execute(query))

    # --- Rows -------------------------------------------------------------------------------------------------------------

    async def seen(self, wheres: Iterable[RowKey]) -> dict[RowKey, SeenRow]:
        """The index's state of these rows."""
        found: dict[RowKey, SeenRow] = {}
        for keys in _batches(wheres):
            for row in await self._connection.execute(select(ROWS).where(_one_of(ROWS, keys))):
                found[row.family, row.key] = _seen(row)
        return found

    async def bearing(
        self,
        *,
        codes: Collection[str],
        organisation_codes: Collection[str],
        registration_numbers: Collection[str],
        names: Collection[str],
    ) -> dict[RowKey, SeenRow]:
        """The rows that say, or may say, something, and bear one of these identifiers."""
        everything = sorted({*codes, *organisation_codes, *registration_numbers})
        query = select(ROWS).where(
            ROWS.c.is_withdrawn.is_(False),
            ROWS.c.cells != "[]",
            or_(
                ROWS.c.code.in_(everything),
                ROWS.c.organisation_code.in_(everything),
                ROWS.c.registration_number.in_(everything),
                ROWS.c.name.in_(sorted(names)),
            ),
        )
        return {(row.family, row.key): _seen(row) for row in await self._connection.execute(query)}

    async def keep_seen(self, rows: Iterable[SeenRow], known: Mapping[RowKey, SeenRow]) -> None:
        """Keeps the newest state of rows; `known` is what the index had."""
        new: list[SeenRow] = []
        changed: list[SeenRow] = []
        for row in rows:
            (changed if row.where in known else new).append(row)
        if new:
            await self._connection.execute(insert(ROWS), [_values(row) for row in new])
        for row in changed:
            await self._connection.execute(update(ROWS).where(_of(ROWS, row.where)).values(_values(row)))

    async def note_changes(self, changes: Iterable[tuple[str, SeenRow, int, int]], at: datetime) -> None:
        """Writes changes: (what, whose and of which days, old revision, new revision)."""
        values = [
            {
                "at_us": micros(at),
                "what": what,
                "family": row.where[0],
                "key": row.where[1],
                "code": row.code,
                "organisation_code": row.organisation_code,
                "registration_number": row.registration_number,
                "name": row.name,
                "cells": cells_text(row.cells),
                "first_day": row.first_day,
                "last_day": row.last_day,
                "old_revision": old,
                "new_revision": new,
            }
            for what, row, old, new in changes
        ]
        if values:
            await self._connection.execute(insert(CHANGES), values)

    # --- The place ------------------------------------------------------------------------------------------------------------

    async def place(self) -> Place:
        """How far the platform was followed."""
        row = (await self._connection.execute(select(PLACE).where(PLACE.c.name == _PLACE))).one_or_none()
        if row is None:
            return Place("", None)
        return Place(row.cursor, None if row.reached_end_us is None else instant(row.reached_end_us))

    async def go_on(self, before: Place, cursor: str, reached_end_at: datetime | None) -> None:
        """Moves the place.

        Raises:
            LedgerConflictError: Another replica moved it first.
        """
        end = reached_end_at or before.reached_end_at
        values = {"cursor": cursor, "reached_end_us": None if end is None else micros(end)}
        result = await self._connection.execute(
            update(PLACE).where(PLACE.c.name == _PLACE, PLACE.c.cursor == before.cursor).values(values)
        )
        if result.rowcount == 1:
            return
        if before.cursor:
            raise LedgerConflictError("another replica followed the platform first")
        await self._connection.execute(insert(PLACE).values(name=_PLACE, **values))

    # --- Below ------------------------------------------------------------------------------------------------------------

    async def _open_item(self, problem: RowProblem, at: datetime) -> tuple[int, int]:
        """The item of a problem, opened or changed where that is due: its number and version.

        A row that belongs to nobody is in doubt for whoever asks: that is one piece of work, not two.
        """
        if problem.kind == IN_DOUBT:
            of_nobody = and_(_of(ITEMS, problem.where), ITEMS.c.kind == UNATTRIBUTABLE, ITEMS.c.state != CLOSED)
            query = select(ITEMS.c.number, ITEMS.c.version).where(of_nobody)
            if (same := (await self._connection.execute(query)).one_or_none()) is not None:
                return same.number, same.version
        mine = and_(_of(ITEMS, problem.where), ITEMS.c.kind == problem.kind, ITEMS.c.state != CLOSED)
        query = select(ITEMS)
        found = (await self._connection.execute(query.where(mine))).one_or_none()
        said: dict[str, Any] = {
            "field": problem.field[:200],
            "problem": problem.problem[:1000],
            "fault": problem.fault,
            "cells": cells_text(problem.blocks),
        }
        if problem.row is not None:
            said |= {"row": _row_text(problem), "supplier": problem.supplier}
        if found is None:
            values = {"row": "{}", "supplier": "", **said} | {
                "kind": problem.kind,
                "state": OPEN,
                "opened_at_us": micros(at),
                "family": problem.where[0],
                "key": problem.where[1],
                "version": 1,
                "outcome": "",
            }
            number = await self._connection.scalar(insert(ITEMS).values(values).returning(ITEMS.c.number))
            await self._note(int(number or 0), 1, Action.OPENED, at)
            return int(number or 0), 1
        if all(getattr(found, column, value) == value for column, value in said.items()):
            return found.number, found.version
        # What was given back has come again: somebody has to look anew.
        await self.step(found.number, found.version, Action.CHANGED, at, state=OPEN, **said)
        return found.number, found.version + 1

    async def _hold_up(self, number: int, version: int, uscc: str, at: datetime) -> None:
        mine = and_(HELD_UP.c.item == number, HELD_UP.c.uscc == uscc)
        if (await self._connection.execute(select(HELD_UP.c.item).where(mine))).first() is not None:
            return
        await self._connection.execute(insert(HELD_UP).values(item=number, uscc=uscc, since_us=micros(at)))
        await self._connection.execute(
            update(ITEMS)
            .where(ITEMS.c.number == number, ITEMS.c.version == version, ITEMS.c.holding_up_since_us.is_(None))
            .values(holding_up_since_us=micros(at))
        )

    async def _note(
        self, number: int, version: int, action: Action, at: datetime, *, officer: str = "", note: str = ""
    ) -> None:
        values = {
            "item": number,
            "version": version,
            "at_us": micros(at),
            "officer": officer,
            "action": str(action),
            "note": note,
        }
        await self._connection.execute(insert(EVENTS).values(values))

    async def _items(self, rows: Iterable[Row[Any]]) -> tuple[Item, ...]:
        rows = list(rows)
        held: dict[int, list[str]] = {}
        for start in range(0, len(rows), _KEYS_PER_SELECT):
            numbers = [row.number for row in rows[start : start + _KEYS_PER_SELECT]]
            query = select(HELD_UP.c.item, HELD_UP.c.uscc).where(HELD_UP.c.item.in_(numbers))
            for item, uscc in await self._connection.execute(query.order_by(HELD_UP.c.since_us, HELD_UP.c.uscc)):
                held.setdefault(item, []).append(uscc)
        return tuple(
            Item(
                number=row.number,
                kind=desk_service_pb2.ItemKind.ValueType(row.kind),
                state=desk_service_pb2.ItemState.ValueType(row.state),
                opened_at=instant(row.opened_at_us),
                where=(row.family, row.key),
                field=row.field,
                problem=row.problem,
                fault=row.fault,
                supplier=row.supplier,
                cells=tuple(sorted(cells_from(row.cells))),
                row=json.loads(row.row),
                held_up=tuple(held.get(row.number, ())),
                holding_up_since=None if row.holding_up_since_us is None else instant(row.holding_up_since_us),
                version=row.version,
                outcome=row.outcome,
            )
            for row in rows
        )


def cells_text(cells: Iterable[CellKey]) -> str:
    """Cells as a text that is the same for the same cells."""
    return json.dumps(sorted([domain, int(kind)] for domain, kind in cells))


def cells_from(text: str) -> frozenset[CellKey]:
    """Cells from their text."""
    return frozenset((domain, int(kind)) for domain, kind in json.loads(text))


def micros(at: datetime) -> int:
    """An instant as the tables keep it."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def instant(number: int) -> datetime:
    """An instant from the tables."""
    return _EPOCH + timedelta(microseconds=number)


def _of(table: Any, where: RowKey) -> ColumnElement[bool]:
    return and_(table.c.family == where[0], table.c.key == where[1])


def _one_of(table: Any, keys: list[RowKey]) -> ColumnElement[bool]:
    return tuple_(table.c.family, table.c.key).in_(keys)


def _batches(wheres: Iterable[RowKey]) -> Iterable[list[RowKey]]:
    keys = sorted(set(wheres))
    return (keys[start : start + _KEYS_PER_SELECT] for start in range(0, len(keys), _KEYS_PER_SELECT))


def _lets_through(chosen: ItemFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [ITEMS.c.state.in_(list(chosen.states))]
    if chosen.kinds:
        conditions.append(ITEMS.c.kind.in_(list(chosen.kinds)))
    if chosen.holding_up:
        conditions.append(ITEMS.c.holding_up_since_us.is_not(None))
    if chosen.uscc:
        conditions.append(ITEMS.c.number.in_(select(HELD_UP.c.item).where(HELD_UP.c.uscc == chosen.uscc)))
    if chosen.supplier is not None:
        conditions.append(ITEMS.c.supplier == chosen.supplier)
    return and_(*conditions)


def _row_text(problem: RowProblem) -> str:
    row = problem.row
    if row is None:
        return "{}"
    shown = {column: as_text(value) for column, value in row.values.items()}
    if row.received_at is not None:
        shown.setdefault(RECEIVED_AT, row.received_at.isoformat())
    return json.dumps(shown, ensure_ascii=False)


def _seen(row: Row[Any]) -> SeenRow:
    return SeenRow(
        where=(row.family, row.key),
        row_digest=row.row_digest,
        code=row.code,
        organisation_code=row.organisation_code,
        registration_number=row.registration_number,
        name=row.name,
        outcome=row.outcome,
        content_digest=row.content_digest,
        cells=cells_from(row.cells),
        first_day=row.first_day,
        last_day=row.last_day,
        revision=row.revision,
        is_withdrawn=row.is_withdrawn,
    )


def _values(row: SeenRow) -> dict[str, Any]:
    return {
        "family": row.where[0],
        "key": row.where[1],
        "row_digest": row.row_digest,
        "code": row.code,
        "organisation_code": row.organisation_code,
        "registration_number": row.registration_number,
        "name": row.name,
        "outcome": row.outcome,
        "content_digest": row.content_digest,
        "cells": cells_text(row.cells),
        "first_day": row.first_day,
        "last_day": row.last_day,
        "revision": row.revision,
        "is_withdrawn": row.is_withdrawn,
    }
