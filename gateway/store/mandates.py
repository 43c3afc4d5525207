"""Mandates in SQL: of agents (经办人), and on paper at a window (窗口代办).

- Each step is one transaction with its audit row. The row is locked before it is decided about, so that a step follows from what
  the step before left, on both databases and with several replicas.
- What a step may be is decided elsewhere (gateway/mandates): the store hands over what there is, and keeps what it is given.
- Where there is no mandate of an id, the same is told as where there is one that the caller has no part in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, Generic, NewType, TypeVar

from sqlalchemy import ColumnElement, RowMapping, Table, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.days import parse_day
from contract.errors import ErrorCode, HurenError
from contract.uscc import Uscc
from gateway.domain.persons import MandateScope, PersonRef
from gateway.store import tables
from gateway.store.rows import Action, AuditRow, audit, instant, instant_text
from runtime.database import Database

MandateId = NewType("MandateId", str)
"""32 lower-case hex digits, random."""

MANDATE: Final = Action("mandate")
WINDOW_MANDATE: Final = Action("window-mandate")

_MOST_LISTED: Final = 500
_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)

_mandates: Final = tables.mandates
_windows: Final = tables.window_mandates
_WINDOW_COLUMNS: Final = tuple(column for column in _windows.c if column is not _windows.c.scan)
"""Without the scan, which has megabytes."""


class MandateState(StrEnum):
    """How far a mandate of an agent has come. That its day is past is told by the day, not kept."""

    ASKED = "ASKED"
    CONFIRMED = "CONFIRMED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """A mandate of an agent, as it is kept.

    Attributes:
        mandate: Its id.
        uscc: For which enterprise; nobody looked whether there is one.
        person: The agent.
        pairing_digest: By which its pairing code is known again.
        failed_pairings: How many wrong codes were given.
        scopes: What was asked for; from the confirmation on, what was confirmed.
        state: How far it has come.
        asked_at: When it was asked for.
        confirmed_by: Who confirmed it; empty before.
        confirmed_at: When; None before.
        expires_on: Last China day on which it counts; None before it is confirmed.
        ended_by: Who ended it; empty before.
        ended_at: When; None before.
    """

    mandate: MandateId
    uscc: Uscc
    person: PersonRef
    pairing_digest: bytes
    scopes: frozenset[MandateScope]
    asked_at: datetime
    failed_pairings: int = 0
    state: MandateState = MandateState.ASKED
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    expires_on: date | None = None
    ended_by: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowMandate:
    """A paper mandate, as it is kept, without its scan.

    Attributes:
        mandate: Its id.
        uscc: For which enterprise.
        scan_digest: SHA-256 of the scan.
        scan_type: Media type of the scan.
        filed_by: The clerk.
        filed_at: When it was filed.
        unit: Code of the clerk's unit.
        post: The clerk's post, masked.
        confirmed_by: The second person; empty before.
        confirmed_at: When; None before.
        expires_at: From when on it does not count any more.
        ended_at: When it was ended early; None: it was not.
    """

    mandate: MandateId
    uscc: Uscc
    scan_digest: bytes
    scan_type: str
    filed_by: str
    filed_at: datetime
    unit: Uscc
    post: str
    expires_at: datetime
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None


_Kept = TypeVar("_Kept", Mandate, WindowMandate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[_Kept]):
    """What becomes of a mandate.

    Attributes:
        after: The mandate after it.
        result: What happened, as the audit says it.
        by: Who did it.
        at: When.
    """

    after: _Kept
    result: str
    by: PersonRef
    at: datetime


class MandateStore:
    """SQL about agents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, asked: Mandate, *, open_since: datetime, ended_since: datetime, most_open: int) -> bool:
        """Keeps what was asked for, unless the person has as many open asks as they may have.

        Args:
            asked: The mandate.
            open_since: Asks from before are not open any more.
            ended_since: What was asked for from then on counts as open also where it was ended.
            most_open: How many may be.

        Returns:
            Whether it is kept.
        """
        async with self._database.write() as connection:
            await _alone_with_person(connection, asked.person)
            state, asked_at = _mandates.c.state, _mandates.c.asked_at
            is_open = (state == MandateState.ASKED) & (asked_at >= instant_text(open_since))
            counts_still = (state == MandateState.ENDED) & (asked_at >= instant_text(ended_since))
            found = select(func.count()).where(_mandates.c.person == asked.person, is_open | counts_still)
            if (await connection.execute(found)).scalar_one() >= most_open:
                return False
            await connection.execute(insert(_mandates).values(_mandate_row(asked)))
            await audit(connection, (_line(MANDATE, asked, "asked", by=asked.person, at=asked.asked_at),))
        return True

    async def change(self, mandate: str, decide: Callable[[Mandate], Step[Mandate] | None]) -> Mandate:
        """Takes the next step of a mandate. What `decide` raises leaves it as it was; None: there is nothing to be done.

        Raises:
            HurenError: MANDATE_NOT_FOUND, and what `decide` raises.
        """
        async with self._database.write() as connection:
            row = await _locked(connection, _mandates, _mandates.c, mandate)
            if row is None:
                raise HurenError(ErrorCode.MANDATE_NOT_FOUND)
            before = _mandate(row)
            step = decide(before)
            if step is None:
                return before
            await connection.execute(
                update(_mandates).where(_mandates.c.mandate == before.mandate).values(_mandate_row(step.after))
            )
            await audit(connection, (_line(MANDATE, step.after, step.result, by=step.by, at=step.at),))
        return step.after

    async def confirmed(self, person: PersonRef, uscc: Uscc | None = None) -> list[Mandate]:
        """A person's mandates that were confirmed and not ended, whether or not their day is past, of one enterprise or all."""
        which = (_mandates.c.person == person) & (_mandates.c.state == MandateState.CONFIRMED)
        return await self._all(which if uscc is None else which & (_mandates.c.uscc == uscc))

    async def of_person(self, person: PersonRef) -> list[Mandate]:
        """A person's mandates: confirmed ones first, then open asks, then ended ones, each newest first."""
        return await self._all(_mandates.c.person == person)

    async def of_enterprise(self, uscc: Uscc) -> list[Mandate]:
        """An enterprise's mandates, in the same order: however many ask, nobody pushes a confirmed one out of sight."""
        return await self._all(_mandates.c.uscc == uscc)

    async def _all(self, which: ColumnElement[bool]) -> list[Mandate]:
        state = _mandates.c.state
        turn = case((state == MandateState.CONFIRMED, 0), (state == MandateState.ASKED, 1), else_=2)
        newest_first = (turn, _mandates.c.asked_at.desc(), _mandates.c.mandate)
        found = select(_mandates).where(which).order_by(*newest_first).limit(_MOST_LISTED)
        async with self._database.read() as connection:
            return [_mandate(row) for row in (await connection.execute(found)).mappings()]


class WindowMandateStore:
    """SQL about paper mandates."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, filed: WindowMandate, scan: bytes, *, by: PersonRef, most_unconfirmed: int) -> bool:
        """Keeps a paper mandate with its scan, unless as many as may be of who filed it wait to be confirmed.

        Those that were ended unconfirmed count until their day is past: their scans are kept.

        Args:
            filed: The mandate.
            scan: Its scan.
            by: Who files it.
            most_unconfirmed: How many may wait.

        Returns:
            Whether it is kept.
        """
        async with self._database.write() as connection:
            await _alone_with_person(connection, by)
            found = select(func.count()).where(
                _windows.c.filed_by == filed.filed_by,
                _windows.c.confirmed_at == "",
                _windows.c.expires_at > instant_text(filed.filed_at),
            )
            if (await connection.execute(found)).scalar_one() >= most_unconfirmed:
                return False
            await connection.execute(insert(_windows).values(_window_row(filed) | {"scan": scan}))
            await audit(connection, (_line(WINDOW_MANDATE, filed, "filed", by=by, at=filed.filed_at),))
        return True

    async def change(
        self, mandate: str, decide: Callable[[WindowMandate], Step[WindowMandate] | None]
    ) -> WindowMandate:
        """Takes the next step of a paper mandate. What `decide` raises leaves it as it was; None: there is nothing to be done.

        Raises:
            HurenError: WINDOW_MANDATE_NOT_FOUND, and what `decide` raises.
        """
        async with self._database.write() as connection:
            row = await _locked(connection, _windows, _WINDOW_COLUMNS, mandate)
            if row is None:
                raise HurenError(ErrorCode.WINDOW_MANDATE_NOT_FOUND)
            before = _window(row)
            step = decide(before)
            if step is None:
                return before
            await connection.execute(
                update(_windows).where(_windows.c.mandate == before.mandate).values(_window_row(step.after))
            )
            await audit(connection, (_line(WINDOW_MANDATE, step.after, step.result, by=step.by, at=step.at),))
        return step.after

    async def read_scan(self, mandate: str, unit: Uscc, *, by: PersonRef, at: datetime) -> tuple[WindowMandate, bytes]:
        """A unit's paper mandate with its scan; who reads it is kept.

        Raises:
            HurenError: WINDOW_MANDATE_NOT_FOUND.
        """
        if not _ID.fullmatch(mandate):
            raise HurenError(ErrorCode.WINDOW_MANDATE_NOT_FOUND)
        found = select(_windows).where(_windows.c.mandate == mandate, _windows.c.unit == unit)
        async with self._database.write() as connection:
            row = (await connection.execute(found)).mappings().one_or_none()
            if row is None:
                raise HurenError(ErrorCode.WINDOW_MANDATE_NOT_FOUND)
            kept = _window(row)
            await audit(connection, (_line(WINDOW_MANDATE, kept, "scan read", by=by, at=at),))
        return kept, row["scan"]

    async def of_unit(self, unit: Uscc) -> list[WindowMandate]:
        """A unit's paper mandates, newest first."""
        return await self._all(_windows.c.unit == unit)

    async def in_force(
        self, at: datetime, *, unit: Uscc | None = None, uscc: Uscc | None = None
    ) -> list[WindowMandate]:
        """Paper mandates that count now: confirmed, not ended, not expired; of one unit, for one enterprise, or all."""
        which = (
            (_windows.c.confirmed_at != "") & (_windows.c.ended_at == "") & (_windows.c.expires_at > instant_text(at))
        )
        if unit is not None:
            which &= _windows.c.unit == unit
        if uscc is not None:
            which &= _windows.c.uscc == uscc
        return await self._all(which)

    async def _all(self, which: ColumnElement[bool]) -> list[WindowMandate]:
        newest_first = (_windows.c.filed_at.desc(), _windows.c.mandate)
        found = select(*_WINDOW_COLUMNS).where(which).order_by(*newest_first).limit(_MOST_LISTED)
        async with self._database.read() as connection:
            return [_window(row) for row in (await connection.execute(found)).mappings()]


async def _alone_with_person(connection: AsyncConnection, person: PersonRef) -> None:
    """Lets one transaction at a time count what a person has, until it ends. Others may refer to the person meanwhile."""
    known = select(tables.persons.c.person).where(tables.persons.c.person == person)
    await connection.execute(known.with_for_update(key_share=True))


async def _locked(connection: AsyncConnection, table: Table, columns: Any, mandate: str) -> RowMapping | None:
    if not _ID.fullmatch(mandate):  # PostgreSQL takes no text with U+0000, and no id has one
        return None
    found = select(*columns).where(table.c.mandate == mandate).with_for_update()
    return (await connection.execute(found)).mappings().one_or_none()


def _line(action: Action, about: Mandate | WindowMandate, result: str, *, by: PersonRef, at: datetime) -> AuditRow:
    return AuditRow(at=at, action=action, result=f"{result} {about.mandate}", caller=f"person:{by}", uscc=about.uscc)


def _mandate_row(mandate: Mandate) -> dict[str, object]:
    return {
        "mandate": mandate.mandate,
        "uscc": mandate.uscc,
        "person": mandate.person,
        "pairing_digest": mandate.pairing_digest,
        "failed_pairings": mandate.failed_pairings,
        "scopes": ",".join(sorted(mandate.scopes)),
        "state": mandate.state.value,
        "asked_at": instant_text(mandate.asked_at),
        "confirmed_by": mandate.confirmed_by,
        "confirmed_at": _text(mandate.confirmed_at),
        "expires_on": "" if mandate.expires_on is None else mandate.expires_on.isoformat(),
        "ended_by": mandate.ended_by,
        "ended_at": _text(mandate.ended_at),
    }


def _mandate(row: RowMapping) -> Mandate:
    return Mandate(
        mandate=row["mandate"],
        uscc=row["uscc"],
        person=row["person"],
        pairing_digest=row["pairing_digest"],
        failed_pairings=row["failed_pairings"],
        scopes=frozenset(MandateScope(scope) for scope in row["scopes"].split(",")),
        state=MandateState(row["state"]),
        asked_at=instant(row["asked_at"]),
        confirmed_by=row["confirmed_by"],
        confirmed_at=_instant(row["confirmed_at"]),
        expires_on=parse_day(row["expires_on"]) if row["expires_on"] else None,
        ended_by=row["ended_by"],
        ended_at=_instant(row["ended_at"]),
    )


def _window_row(mandate: WindowMandate) -> dict[str, object]:
    return {
        "mandate": mandate.mandate,
        "uscc": mandate.uscc,
        "scan_digest": mandate.scan_digest,
        "scan_type": mandate.scan_type,
        "filed_by": mandate.filed_by,
        "filed_at": instant_text(mandate.filed_at),
        "unit": mandate.unit,
        "post": mandate.post,
        "confirmed_by": mandate.confirmed_by,
        "confirmed_at": _text(mandate.confirmed_at),
        "expires_at": instant_text(mandate.expires_at),
        "ended_at": _text(mandate.ended_at),
    }


def _window(row: RowMapping) -> WindowMandate:
    return WindowMandate(
        mandate=row["mandate"],
        uscc=row["uscc"],
        scan_digest=row["scan_digest"],
        scan_type=row["scan_type"],
        filed_by=row["filed_by"],
        filed_at=instant(row["filed_at"]),
        unit=row["unit"],
        post=row["post"],
        confirmed_by=row["confirmed_by"],
        confirmed_at=_instant(row["confirmed_at"]),
        expires_at=instant(row["expires_at"]),
        ended_at=_instant(row["ended_at"]),
    )


def _text(at: datetime | None) -> str:
    return "" if at is None else instant_text(at)


def _instant(text: str) -> datetime | None:
    return instant(text) if text else None
