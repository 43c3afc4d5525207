"""The only SQL of the desk. Every method works in the transaction that it was given.

- An item is open once for each row and kind. The same problem again changes nothing; another problem of the row changes the item.
- What is settled is closed, not deleted; every step is an event.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, bindparam, case, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sdk.desk.items import Action, Correction, Item, ItemEvent, RowProblem, Ruling, Verdicts
from adapters.sdk.desk.tables import (
    CHANGES,
    CORRECTIONS,
    EVENTS,
    HELD_UP,
    ITEMS,
    ORGANISATION_IN_CODE,
    PLACE,
    ROWS,
    RULINGS,
)
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.source import RowKey
from contract.catalogue import CellKey
from contract.days import DayRange, parse_day
from huren.desk.v1 import desk_service_pb2

_KEYS_PER_SELECT: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE: Final = "source"

_UPDATE_ROW: Final = update(ROWS).where(ROWS.c.family == bindparam("its_family"), ROWS.c.key == bindparam("its_key"))

OPEN: Final = desk_service_pb2.ITEM_STATE_OPEN
RETURNED: Final = desk_service_pb2.ITEM_STATE_RETURNED
CLOSED: Final = desk_service_pb2.ITEM_STATE_CLOSED
IN_DOUBT: Final = desk_service_pb2.ITEM_KIND_IN_DOUBT
UNATTRIBUTABLE: Final = desk_service_pb2.ITEM_KIND_UNATTRIBUTABLE
_FOR_WHOEVER_ASKS: Final = frozenset({IN_DOUBT, desk_service_pb2.ITEM_KIND_UNREADABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRow:
    """The newest state of a row, as `tables.ROWS` has it. Identifiers are folded; days are texts, empty where there is none."""

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
    ruled: str | None = None

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a row stands at the desk.

    Attributes:
        where: The row.
        problem: What is wrong with it now. None: nothing.
        stays: Kinds of item that are not closed by that.
    """

    where: RowKey
    problem: RowProblem | None
    stays: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """How far the platform was followed.

    Attributes:
        cursor: Where to go on; empty: from the very first row.
        reached_end_at: When nothing more was to come, the last time. None: never yet by these rules.
        rules: By which rules the rows were read.
    """

    cursor: str
    reached_end_at: datetime | None
    rules: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits at the desk.

    Attributes:
        open: Items that are not closed.
        holding_up: Those of them that hold somebody up.
        holding_up_since: Since when the oldest of those does.
    """

    open: int
    holding_up: int
    holding_up_since: datetime | None


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
            problems: What is wrong. Of several problems of one kind with one row the first counts.
            at: When it was seen.
            uscc: The subject about whom was asked, and whom it holds up. Empty: nobody at this moment.

        Raises:
            LedgerConflictError: Another transaction changed one of the items first.
        """
        problems = tuple(problems)
        numbers = await self._open(problems, await self.open_of(problem.where for problem in problems), at)
        if uscc and numbers:
            await self._hold_up(numbers, uscc, at)

    async def settle(self, settled: Iterable[Settled], at: datetime) -> int:
        """Closes the open items of rows but for what stays, and opens what is wrong now. Gives how many were closed.

        Raises:
            LedgerConflictError: Another transaction changed one of the items first.
        """
        settled = tuple(settled)
        known = await self.open_of(one.where for one in settled)
        closed = 0
        for one in settled:
            stays = one.stays if one.problem is None else one.stays | {one.problem.kind}
            for kind in known.get(one.where, {}).keys() - stays:
                item = known[one.where].pop(kind)
                await self.step(item.number, item.version, Action.CLOSED, at, state=CLOSED)
                closed += 1
        await self._open([one.problem for one in settled if one.problem is not None], known, at)
        return closed

    async def open_of(self, wheres: Iterable[RowKey]) -> dict[RowKey, dict[int, Row[Any]]]:
        """The items of these rows that are not closed, by row and kind."""
        found: dict[RowKey, dict[int, Row[Any]]] = {}
        for keys in _batches(wheres):
            query = select(ITEMS).where(_one_of(ITEMS, keys), ITEMS.c.state != CLOSED)
            for item in await self._connection.execute(query):
                found.setdefault((item.family, item.key), {})[item.kind] = item
        return found

    async def close_other(self, kind: int, wheres: Collection[RowKey], at: datetime) -> None:
        """Closes the open items of a kind that are not about one of these."""
        mine = and_(ITEMS.c.kind == kind, ITEMS.c.state != CLOSED)
        query = select(ITEMS.c.number, ITEMS.c.version, ITEMS.c.family, ITEMS.c.key).where(mine)
        for row in (await self._connection.execute(query)).all():
            if (row.family, row.key) not in wheres:
                await self.step(row.number, row.version, Action.CLOSED, at, state=CLOSED)

    async def step(  # an event and what it does to the item
        self,
        number: int,
        version: int,
        action: Action,
        at: datetime,
        *,
        state: int | None = None,
        note: str = "",
        detail: str = "",
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
        event = _event(number, version + 1, action, at, officer=officer, note=note, detail=detail)
        await self._connection.execute(insert(EVENTS).values(event))

    async def item(self, number: int) -> Item | None:
        """An item, or None where there is none of that number."""
        found = (await self._connection.execute(select(ITEMS).where(ITEMS.c.number == number))).one_or_none()
        return None if found is None else (await self._items([found]))[0]

    async def note_outcome(self, number: int, outcome: str) -> None:
        """Says on which grounds an item was settled, if it is."""
        await self._connection.execute(
            update(ITEMS).where(ITEMS.c.number == number, ITEMS.c.state == CLOSED).values(outcome=outcome)
        )

    async def events(self, number: int) -> tuple[ItemEvent, ...]:
        """What happened to an item, oldest first."""
        rows = await self._connection.execute(select(EVENTS).where(EVENTS.c.item == number).order_by(EVENTS.c.version))
        return tuple(
            ItemEvent(at=instant(row.at_us), officer=row.officer, action=row.action, note=row.note, detail=row.detail)
            for row in rows
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

    async def waiting(self) -> Waiting:
        """How much is not closed, and how much of it holds somebody up."""
        since = ITEMS.c.holding_up_since_us
        query = select(func.count(), func.count(since), func.min(since)).where(ITEMS.c.state != CLOSED)
        count, holding_up, oldest = (await self._connection.execute(query)).one()
        return Waiting(int(count), int(holding_up), None if oldest is None else instant(oldest))

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

    async def correct(self, item: Item, correction: Correction) -> None:
        """Keeps a correction for one state of a row; an earlier one of the same state holds no longer."""
        kept = {
            "family": item.where[0],
            "key": item.where[1],
            "row_digest": correction.row_digest,
            "columns": json.dumps(dict(correction.values), ensure_ascii=False),
            "item": item.number,
        }
        await self._connection.execute(insert(CORRECTIONS).values(kept))

    async def rule(self, item: Item, ruling: Ruling) -> None:
        """Keeps whose a row is."""
        kept = {
            "family": item.where[0],
            "key": item.where[1],
            "identity_digest": ruling.identity_digest,
            "uscc": ruling.uscc,
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

    # --- Rows -------------------------------------------------------------------------------------------------------------

    async def seen(self, wheres: Iterable[RowKey], *, to_change: bool = False) -> dict[RowKey, SeenRow]:
        """The index's state of these rows; where they are to be changed, nobody else changes them until this transaction ends."""
        found: dict[RowKey, SeenRow] = {}
        for keys in _batches(wheres):
            query = select(ROWS).where(_one_of(ROWS, keys))
            for row in await self._connection.execute(query.with_for_update() if to_change else query):
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
        """The rows that say, or may say, something, and bear one of these identifiers or were ruled to be one of these codes'.

        A code also bears the organisation code in it, whoever's it is.
        """
        everything = sorted({*codes, *organisation_codes, *registration_numbers})
        query = select(ROWS).where(
            ROWS.c.is_withdrawn.is_(False),
            ROWS.c.cells != "[]",
            or_(
                ROWS.c.code.in_(everything),
                ROWS.c.organisation_code.in_(everything),
                ROWS.c.registration_number.in_(everything),
                ROWS.c.name.in_(sorted(set(names) - {""})),
                ROWS.c.ruled.in_(sorted(codes)),
                ORGANISATION_IN_CODE.in_(sorted(organisation_codes)),
            ),
        )
        return {(row.family, row.key): _seen(row) for row in await self._connection.execute(query)}

    async def keep_seen(self, rows: Iterable[SeenRow], known: Mapping[RowKey, SeenRow]) -> None:
        """Keeps the newest state of rows; `known` is what the index had, as `seen(..., to_change=True)` gave it."""
        new: list[SeenRow] = []
        changed: list[SeenRow] = []
        for row in rows:
            (changed if row.where in known else new).append(row)
        if new:
            await self._connection.execute(insert(ROWS), [_values(row) for row in new])
        if changed:
            values = [_values(row) | {"its_family": row.where[0], "its_key": row.where[1]} for row in changed]
            await self._connection.execute(_UPDATE_ROW, values)

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
            return Place("", None, "")
        return Place(row.cursor, None if row.reached_end_us is None else instant(row.reached_end_us), row.rules)

    async def go_on(self, before: Place, after: Place) -> None:
        """Moves the place.

        Raises:
            LedgerConflictError: Another replica moved it first.
        """
        end = after.reached_end_at
        values = {
            "cursor": after.cursor,
            "reached_end_us": None if end is None else micros(end),
            "rules": after.rules,
        }
        result = await self._connection.execute(
            update(PLACE)
            .where(PLACE.c.name == _PLACE, PLACE.c.cursor == before.cursor, PLACE.c.rules == before.rules)
            .values(values)
        )
        if result.rowcount == 1:
            return
        if before != Place("", None, ""):
            raise LedgerConflictError("another replica followed the platform first")
        await self._connection.execute(insert(PLACE).values(name=_PLACE, **values))

    # --- Below ------------------------------------------------------------------------------------------------------------

    async def _open(
        self, problems: Iterable[RowProblem], known: Mapping[RowKey, Mapping[int, Row[Any]]], at: datetime
    ) -> list[int]:
        """The items of problems, opened or changed where that is due: their numbers.

        A row that belongs to nobody is in doubt or unreadable for whoever asks: that is one piece of work, not two.
        """
        numbers: set[int] = set()
        new: dict[tuple[RowKey, int], RowProblem] = {}
        for problem in problems:
            kinds = known.get(problem.where, {})
            if problem.kind in _FOR_WHOEVER_ASKS and (of_nobody := kinds.get(UNATTRIBUTABLE)) is not None:
                numbers.add(of_nobody.number)
            elif (found := kinds.get(problem.kind)) is None:
                new.setdefault((problem.where, problem.kind), problem)
            elif found.number not in numbers:
                numbers.add(found.number)
                said = _said(problem)
                if any(getattr(found, column) != value for column, value in said.items()):
                    # What was given back has come again: somebody has to look anew.
                    await self.step(found.number, found.version, Action.CHANGED, at, state=OPEN, **said)
        if not new:
            return sorted(numbers)
        values = [
            {"row": "{}", "row_digest": b"", "supplier": "", **_said(problem)}
            | {"kind": problem.kind, "state": OPEN, "opened_at_us": micros(at), "version": 1, "outcome": ""}
            | {"family": problem.where[0], "key": problem.where[1]}
            for problem in new.values()
        ]
        opened = (await self._connection.execute(insert(ITEMS).returning(ITEMS.c.number), values)).scalars().all()
        await self._connection.execute(insert(EVENTS), [_event(number, 1, Action.OPENED, at) for number in opened])
        return sorted(numbers.union(opened))

    async def _hold_up(self, numbers: Sequence[int], uscc: str, at: datetime) -> None:
        query = select(HELD_UP.c.item).where(HELD_UP.c.item.in_(numbers), HELD_UP.c.uscc == uscc)
        told = set((await self._connection.execute(query)).scalars())
        new = [number for number in numbers if number not in told]
        if not new:
            return
        await self._connection.execute(
            insert(HELD_UP), [{"item": number, "uscc": uscc, "since_us": micros(at)} for number in new]
        )
        result = await self._connection.execute(
            update(ITEMS)
            .where(ITEMS.c.number.in_(new), ITEMS.c.state != CLOSED)
            .values(holding_up_since_us=func.coalesce(ITEMS.c.holding_up_since_us, micros(at)))
        )
        if result.rowcount != len(new):
            raise LedgerConflictError("another transaction closed the same item first")

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
                row_digest=row.row_digest,
                held_up=tuple(held.get(row.number, ())),
                holding_up_since=None if row.holding_up_since_us is None else instant(row.holding_up_since_us),
                version=row.version,
                outcome=row.outcome,
            )
            for row in rows
        )


@lru_cache(maxsize=1024)
def cells_text(cells: frozenset[CellKey]) -> str:
    """Cells as a text that is the same for the same cells."""
    return json.dumps(sorted([domain, int(kind)] for domain, kind in cells))


@lru_cache(maxsize=1024)
def cells_from(text: str) -> frozenset[CellKey]:
    """Cells from their text."""
    return frozenset((domain, int(kind)) for domain, kind in json.loads(text))


def micros(at: datetime) -> int:
    """An instant as the tables keep it."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def instant(number: int) -> datetime:
    """An instant from the tables."""
    return _EPOCH + timedelta(microseconds=number)


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


def _said(problem: RowProblem) -> dict[str, Any]:
    """What an item says of a problem."""
    said: dict[str, Any] = {
        "field": problem.field[:200],
        "problem": problem.problem[:1000],
        "fault": problem.fault,
        "cells": cells_text(problem.blocks),
    }
    if problem.row is not None:
        said |= {
            "row": json.dumps(dict(problem.row.columns), ensure_ascii=False),
            "row_digest": problem.row.digest,
            "supplier": problem.supplier,
        }
    return said


def _event(
    number: int,
    version: int,
    action: Action,
    at: datetime,
    *,
    officer: str = "",
    note: str = "",
    detail: str = "",
) -> dict[str, object]:
    return {
        "item": number,
        "version": version,
        "at_us": micros(at),
        "officer": officer,
        "action": str(action),
        "note": note,
        "detail": detail,
    }


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
        ruled=row.ruled,
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
        "ruled": row.ruled,
    }
