"""Follows everything that a platform is supplied with: what a query never finds is seen here, and what changes is noticed here.

A question reaches only rows that bear something of the subject. Rows that bear nobody's code, that nobody can read, or that arrived
late are found by reading all of the supply, once each time that it changes:

1. Take the next rows from the platform, from the place where the last step ended.
2. Leave out what is as it was: its digest is the one that the index has.
3. Read each row by the profile, for any window, with what officers decided about it.
4. In one transaction: keep whose the row is and of which days it speaks; write what the change may alter in reports; open an item
   for what cannot be used, and close what can be used now; move the place.
5. When nothing more is to come: ask for deliveries that are held, and for rows that a snapshot lacked.

- It costs memory for one page, goes on after a restart where it was, and two replicas that follow at once do it once.
- A row belongs to nobody if it bears no valid identifier, and no name that the registry knows; an officer's ruling gives it to
  somebody. How many there are is signed with the coverage, and beyond the catalogue's limit nothing is concluded for anybody.
- Until the end was reached once, nobody knows how many there are, so nothing is concluded either.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import structlog

from adapters.sdk.desk.items import RowProblem, Verdicts
from adapters.sdk.desk.rows import corrected, key_of, row_digest
from adapters.sdk.desk.store import DeskStore, SeenRow
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.findings import blocked_by, identity_of, outcome_label, supplier_of, unsure_whose
from adapters.sdk.ledger import Ledger
from adapters.sdk.mapping import Readable, Reading, RowOutcome, Unreadable, content_digest, map_row, row_day
from adapters.sdk.matching import RowIdentity, folded_identity, has_identifier, identity_digest, is_attributable
from adapters.sdk.platform import Platform
from adapters.sdk.profile import Profile
from adapters.sdk.source import RawRow, RowKey, SourceError
from contract.catalogue import CatalogueSet
from contract.days import DayRange, china_day
from contract.registry import Registry, RegistryUnavailableError
from huren.desk.v1 import desk_service_pb2
from runtime.clock import Clock
from runtime.errors import StoreUnavailableError

PAGE: Final = 500
"""Rows at a time."""

_ATTEMPTS: Final = 3
_EVER: Final = DayRange(date(1949, 10, 1), date(9999, 12, 31))
_UNREADABLE: Final = desk_service_pb2.ITEM_KIND_UNREADABLE
_IN_DOUBT: Final = desk_service_pb2.ITEM_KIND_IN_DOUBT
_UNATTRIBUTABLE: Final = desk_service_pb2.ITEM_KIND_UNATTRIBUTABLE
_MISSING: Final = desk_service_pb2.ITEM_KIND_MISSING
_HELD: Final = desk_service_pb2.ITEM_KIND_HELD_DELIVERY

_log: Final = structlog.get_logger(__name__)


class Change(StrEnum):
    """What a change of a row did. Stable codes."""

    ARRIVED = "arrived"
    CORRECTED = "corrected"
    REVOKED = "revoked"
    REPAIRED = "repaired"
    REMOVED = "removed"  # says nothing any more, for another reason
    REASSIGNED = "reassigned"  # is another subject's now


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the platform did.

    Attributes:
        rows: Rows that were read.
        changed: Rows of them that were new or otherwise than before.
        expected: Rows still to come, where the platform can say.
    """

    rows: int = 0
    changed: int = 0
    expected: int | None = None


class Follower:
    """Follows one platform."""

    def __init__(
        self,
        *,
        profile: Profile,
        catalogues: CatalogueSet,
        platform: Platform,
        ledger: Ledger,
        registry: Registry,
        clock: Clock,
    ) -> None:
        self._profile = profile
        self._catalogues = catalogues
        self._platform = platform
        self._ledger = ledger
        self._registry = registry
        self._clock = clock

    async def keep_following(self, every_s: float) -> None:
        """Catches up again and again, until it is cancelled. What fails is tried again."""
        while True:
            await self._try()
            await asyncio.sleep(every_s)

    async def look_first(self, patience_s: float) -> None:
        """Catches up if that can be done in so many seconds; else what was done stays, and the rest is left to `keep_following`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._try()

    async def _try(self) -> None:
        try:
            await self.catch_up()
        except (SourceError, StoreUnavailableError, RegistryUnavailableError, LedgerConflictError) as error:
            _log.warning("platform not followed", reason=f"{type(error).__name__}: {error}")

    async def catch_up(self, progress: Callable[[Look], None] = lambda _: None) -> Look:
        """Takes in all that is to come at this moment.

        Args:
            progress: Told after each page what was done so far.

        Raises:
            SourceError: The platform does not answer.
            RegistryUnavailableError: The registry cannot be asked.
            LedgerConflictError: Another replica follows at this moment.
            StoreUnavailableError: The database cannot do it now.
        """
        done = Look()
        while True:
            async with self._ledger.read() as store:
                place = await store.place()
            page = await self._platform.supplied_since(place.cursor, PAGE)  # 1
            at = self._clock()
            evaluated = await self._evaluate(page.rows, at)  # 2, 3
            async with self._ledger.write() as transaction:
                changed = await self._keep(transaction.desk, evaluated, at)  # 4
                if page.cursor != place.cursor or (page.is_all and place.reached_end_at is None):
                    await transaction.desk.go_on(place, page.cursor, at if page.is_all else None)
            done = Look(done.rows + len(page.rows), done.changed + changed, page.expected)
            progress(done)
            if page.is_all or (not page.rows and page.cursor == place.cursor):
                break
        await self._ask_for_questions()  # 5
        return done

    async def look_again(self, wheres: Iterable[RowKey]) -> int:
        """Reads rows again as they stand in the platform now. Gives how many items that closed.

        Raises:
            As `catch_up`.
        """
        wheres = frozenset(wheres)
        rows = await self._platform.by_key(wheres)
        at = self._clock()
        evaluated = await self._evaluate([row for row in rows.values() if row is not None], at, anew=True)
        async with self._ledger.write() as transaction:
            open_before = await transaction.desk.open_count(wheres)
            await self._keep(transaction.desk, evaluated, at)
            return open_before - await transaction.desk.open_count(wheres)

    async def identity(self, where: RowKey) -> RowIdentity | None:
        """What a row says now about whose it is, with what officers corrected. None: it is gone, or cannot be read.

        Raises:
            SourceError: The platform does not answer.
        """
        row = (await self._platform.by_key({where})).get(where)
        if row is None:
            return None
        async with self._ledger.read() as store:
            verdicts = await store.verdicts([where])
        return identity_of(corrected(row, verdicts.corrections.get(where)), self._reading(self._clock()))

    async def withdraw(self, store: DeskStore, where: RowKey, at: datetime) -> None:
        """Notes in the index that a row was withdrawn, and what that may alter in reports."""
        before = (await store.seen([where])).get(where)
        if before is None or before.is_withdrawn:
            return
        after = dataclasses.replace(before, is_withdrawn=True, revision=before.revision + 1)
        await store.keep_seen([after], {where: before})
        await store.note_changes(_changes(before, after), at)

    # --- Reading -------------------------------------------------------------------------------------------------------------

    async def _evaluate(self, rows: Iterable[RawRow], at: datetime, *, anew: bool = False) -> list[_Evaluated]:
        by_key = {key_of(row, self._profile): row for row in rows}
        async with self._ledger.read() as store:
            seen = await store.seen(by_key)
            verdicts = await store.verdicts(by_key)
        reading = self._reading(at)
        evaluated: list[_Evaluated] = []
        for where, row in by_key.items():
            digest = row_digest(row)
            before = seen.get(where)
            if not anew and before is not None and before.row_digest == digest and not before.is_withdrawn:
                continue
            evaluated.append(await self._evaluate_row(where, row, digest, reading, before=before, verdicts=verdicts))
        return evaluated

    async def _evaluate_row(  # the row, and what is known about it
        self,
        where: RowKey,
        given: RawRow,
        digest: bytes,
        reading: Reading,
        *,
        before: SeenRow | None,
        verdicts: Verdicts,
    ) -> _Evaluated:
        row = corrected(given, verdicts.corrections.get(where))
        identity = identity_of(row, reading)
        outcome = map_row(row, reading)
        after = _seen_row(where, digest, row, identity=identity, outcome=outcome, reading=reading, before=before)
        ruling = verdicts.rulings.get(where)
        is_ruled = ruling is not None and identity is not None and ruling.identity_digest == identity_digest(identity)
        problem = await self._problem(where, given, identity, outcome, reading=reading, is_ruled=is_ruled)
        return _Evaluated(before, after, problem, is_ruled=is_ruled)

    async def _problem(  # as above
        self,
        where: RowKey,
        row: RawRow,
        identity: RowIdentity | None,
        outcome: RowOutcome,
        *,
        reading: Reading,
        is_ruled: bool,
    ) -> RowProblem | None:
        blocks = blocked_by(outcome)
        if not blocks:
            return None
        if identity is not None and not is_ruled and not has_identifier(identity):
            doubt = unsure_whose(where, row, blocks, reading)
            if await is_attributable(identity, self._registry):
                return doubt
            told = "bears no valid identifier, and no name that anybody has"
            return dataclasses.replace(doubt, kind=_UNATTRIBUTABLE, problem=told, fault="of_nobody")
        if isinstance(outcome, Unreadable):
            return RowProblem(
                kind=_UNREADABLE,
                where=where,
                field=outcome.field,
                problem=outcome.problem,
                fault=outcome.fault,
                blocks=blocks,
                row=row,
                supplier=supplier_of(row, reading),
            )
        return None

    def _reading(self, at: datetime) -> Reading:
        day = china_day(at)
        return Reading(profile=self._profile, catalogue=self._catalogues.in_force(day), window=_EVER, day=day)

    # --- Keeping -------------------------------------------------------------------------------------------------------------

    async def _keep(self, store: DeskStore, evaluated: list[_Evaluated], at: datetime) -> int:
        current = await store.seen(one.after.where for one in evaluated)
        if any(current.get(one.after.where) != one.before for one in evaluated):
            raise LedgerConflictError("another replica read the same rows first")
        await store.keep_seen((one.after for one in evaluated), current)
        await store.note_changes((change for one in evaluated for change in _changes(one.before, one.after)), at)
        for one in evaluated:
            await self._settle(store, one, at)
        return len(evaluated)

    async def _settle(self, store: DeskStore, one: _Evaluated, at: datetime) -> None:
        """Opens and closes items of a row. A doubt that a question found stays as long as the row says the same of whose it is."""
        stays = set() if one.problem is None else {one.problem.kind}
        if one.before is not None and one.after.is_said and not one.is_ruled and _same_owner(one.before, one.after):
            stays.add(_IN_DOUBT)
        if one.before is not None:
            await store.close_items(one.after.where, at, but=stays)
        if one.problem is not None:
            await store.open_items([one.problem], at)

    async def _ask_for_questions(self) -> None:
        missing = await self._platform.missing()
        held = await self._platform.held()
        at = self._clock()
        async with self._ledger.write() as transaction:
            store = transaction.desk
            seen = await store.seen(missing)
            for where in sorted(missing):
                row = seen.get(where)
                if row is not None and row.is_said:
                    told = "a snapshot of its departments does not have the row any more"
                    problem = RowProblem(
                        kind=_MISSING, where=where, field="key", problem=told, fault="missing", blocks=row.cells
                    )
                    await store.open_items([problem], at)
            for delivery in held:
                problem = RowProblem(
                    kind=_HELD,
                    where=(delivery.form, delivery.file),
                    field="rows",
                    problem=delivery.reason,
                    fault="held",
                    blocks=frozenset(),
                )
                await store.open_items([problem], at)
            await store.close_other(_HELD, {(delivery.form, delivery.file) for delivery in held}, at)


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """A row that was read.

    Attributes:
        before: What the index had.
        after: What it gets.
        problem: Why the row cannot be used as it is, if it cannot.
        is_ruled: Whether an officer said whose it is.
    """

    before: SeenRow | None
    after: SeenRow
    problem: RowProblem | None
    is_ruled: bool


def _seen_row(
    where: RowKey,
    digest: bytes,
    row: RawRow,
    *,
    identity: RowIdentity | None,
    outcome: RowOutcome,
    reading: Reading,
    before: SeenRow | None,
) -> SeenRow:
    owner = folded_identity(identity) if identity is not None else RowIdentity(name="")
    first, last = _days(row, outcome, reading)
    label = outcome_label(outcome)
    content = (
        content_digest(outcome.draft) if isinstance(outcome, Readable) else hashlib.sha256(label.encode()).digest()
    )
    after = SeenRow(
        where=where,
        row_digest=digest,
        code=owner.uscc,
        organisation_code=owner.organisation_code,
        registration_number=owner.registration_number,
        name=owner.name,
        outcome=label,
        content_digest=content,
        cells=blocked_by(outcome),
        first_day=first,
        last_day=last,
        revision=1,
    )
    if before is None:
        return after
    return dataclasses.replace(after, revision=before.revision + (not _says_the_same(before, after)))


def _days(row: RawRow, outcome: RowOutcome, reading: Reading) -> tuple[str, str]:
    """The days of which a row speaks. Empty: not known, or open."""
    if isinstance(outcome, Readable):
        if outcome.draft.HasField("penalty"):
            return outcome.draft.penalty.decided_on, outcome.draft.penalty.decided_on
        return outcome.draft.list_entry.listed_on, outcome.draft.list_entry.removed_on
    form = reading.profile.forms.get(row.form)
    day = None if form is None else row_day(row, form)
    return ("", "") if day is None else (day.isoformat(), "")


def _changes(before: SeenRow | None, after: SeenRow) -> list[tuple[str, SeenRow, int, int]]:
    """What a change of a row may alter in reports."""
    old = before.revision if before is not None else 0
    was_said = before is not None and before.is_said
    if before is not None and was_said and after.is_said and not _same_owner(before, after):
        return [
            (Change.REASSIGNED, before, old, after.revision),
            (Change.ARRIVED, after, old, after.revision),
        ]
    if before is None or not was_said:
        return [(Change.ARRIVED, after, old, after.revision)] if after.is_said else []
    if _says_the_same(before, after):
        return []
    if not after.is_said:
        what = {"withheld_revoked": Change.REVOKED, "withheld_repaired": Change.REPAIRED}.get(after.outcome)
        return [(what or Change.REMOVED, before, old, after.revision)]
    both = dataclasses.replace(
        after,
        cells=before.cells | after.cells,
        first_day=min(before.first_day, after.first_day),  # an unknown day is empty, and stays unknown
        last_day="" if "" in {before.last_day, after.last_day} else max(before.last_day, after.last_day),
    )
    return [(Change.CORRECTED, both, old, after.revision)]


def _same_owner(one: SeenRow, other: SeenRow) -> bool:
    return _owner(one) == _owner(other)


def _owner(row: SeenRow) -> tuple[str, ...]:
    return (row.code, row.organisation_code, row.registration_number, row.name)


def _says_the_same(one: SeenRow, other: SeenRow) -> bool:
    def said(row: SeenRow) -> tuple[object, ...]:
        return (*_owner(row), row.outcome, row.content_digest, row.cells, row.first_day, row.last_day, row.is_withdrawn)

    return said(one) == said(other)
