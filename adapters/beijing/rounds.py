"""Follows Beijing's exchange database: round by round through the tables, from any place on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.beijing.tables import FAMILIES, Version, read_page, read_supply
from adapters.sdk.source import RawRow, UnknownCursorError
from contract.days import CHINA


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in a round through the tables.

    A round reads each table first in the order of supply (GJSJ, ID), from where the table was complete when the round before
    began; then the rows that have no place in that order, all of them: they are few. At its end all was given that was there when
    it began. Loads commit in any order, so that a row may appear with
    an earlier GJSJ than rows that were read, but with none up to the instant for which `T_GJ` vouches: what was complete when a
    round began is left out of the next one, everything else is read again.

    Attributes:
        since: By table, GJSJ from which this round reads; empty: all.
        then: By table, from where the next one reads. Empty: this round has not begun.
        step: How many of its steps are done: each table in order, then each table's other rows.
        after: Last place of the step that was read. Empty: none.
        left: How many rows in the order of supply are still to come in this round.
    """

    since: Mapping[str, str]
    then: Mapping[str, str] = field(default_factory=dict)
    step: int = 0
    after: tuple[str, ...] = ()
    left: int = 0

    @property
    def begins_a_round(self) -> bool:
        """Whether nothing of a round was read."""
        return not self.then

    @property
    def ends_a_round(self) -> bool:
        """Whether all of a round was read."""
        return self.step == 2 * len(FAMILIES)

    @property
    def is_in_order(self) -> bool:
        """Whether the step reads the rows that have a place in the order of supply."""
        return self.step < len(FAMILIES)

    def next_round(self) -> Place:
        """Where the next round begins."""
        return Place(since=self.then)

    def write(self) -> str:
        """As a cursor."""
        return json.dumps(
            [dict(self.since), dict(self.then), self.step, list(self.after), self.left], ensure_ascii=False
        )

    @classmethod
    def read(cls, cursor: str) -> Place:
        """From a cursor.

        Raises:
            UnknownCursorError: It is none of this source.
        """
        names = {family.name for family in FAMILIES}
        if not cursor:
            return cls(since=dict.fromkeys(names, ""))
        try:
            document = json.loads(cursor)
            json.dumps(document, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair is no text
            since, then, step, after, left = document
            place = cls(since=_texts(since), then=_texts(then), step=int(step), after=(*after,), left=int(left))
        except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            raise UnknownCursorError("expected a cursor of this source, got another text") from error
        lengths = {0, 2 if place.is_in_order else 1}
        whole = place.since.keys() == names and (place.then.keys() == names or place == cls(since=place.since))
        texts = all(isinstance(part, str) for part in place.after)
        if not (whole and texts and 0 <= place.step < 2 * len(FAMILIES) and len(place.after) in lengths):
            raise UnknownCursorError("expected a cursor of this source, got another one")
        return place


def _texts(values: Mapping[str, object]) -> Mapping[str, str]:
    return {name: text for name, text in values.items() if isinstance(text, str)}


async def begin_round(connection: AsyncConnection, versions: Sequence[Version], place: Place, now: datetime) -> Place:
    """Says from where the next round will read, before anything of this one is read, and counts."""
    complete = (await read_supply(connection)).complete
    then: dict[str, str] = {}
    left = 0
    for family, version in zip(FAMILIES, versions, strict=True):
        at, since = complete.get(family.data_type), place.since[family.name]
        # Who vouches for what is still to come is not believed, nor who says nothing.
        then[family.name] = since if at is None or at > now else at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
        counted = select(func.count()).select_from(version.table).where(version.in_order.past((since, "")))
        left += (await connection.execute(counted)).scalar_one()
    return replace(place, then=then, left=left)


async def go_on(
    connection: AsyncConnection, versions: Sequence[Version], place: Place, limit: int
) -> tuple[tuple[RawRow, ...], Place]:
    """Rows of the step at which a place is, and the place after them."""
    number = place.step % len(FAMILIES)
    version = versions[number]
    if place.is_in_order:
        after = place.after or (place.since[FAMILIES[number].name], "")
        rows, last = await read_page(connection, version.in_order, after, limit)
        place = replace(place, left=max(place.left - len(rows), 0))
    else:
        rows, last = await read_page(connection, version.out_of_order, place.after, limit)
    return rows, replace(place, step=place.step + 1, after=()) if last is None else replace(place, after=last)
