"""Follows everything that a platform is supplied with: what a query never finds is seen here, and what changes is noticed here.

A question reaches only rows that bear something of the subject. Rows that bear nobody's code, that nobody can read, or that arrived
late are found by reading all of the supply, once each time that it changes:

1. Take the next rows from the platform, from the place where the last step ended.
2. Leave out what is as it was: its digest is the one that the index has, and the index was made by the same rules.
3. Read each row by the profile, for any window, with what officers decided about it.
4. In one transaction: keep whose the row is and of which days it speaks; write what the change may alter in reports; open an item
   for what cannot be used, and close what can be used now; move the place.
5. When nothing more is to come: ask for deliveries that are held, and for rows that a snapshot lacked.

- It costs memory for one page, goes on after a restart where it was, and two replicas that follow at once do it once.
- A row belongs to nobody if it bears no valid identifier, and no name that the registry knows, or if nobody can read whose it
  is; an officer's ruling gives it to somebody, but the finding that it is nobody's does not. How many there are is signed with
  the coverage, and beyond the catalogue's limit nothing is concluded for anybody.
- Until the end was reached once, nobody knows how many there are, so nothing is concluded either; nor where it was reached too
  long ago (answering.py).
- A platform that does not know the place any more, another catalogue in force and another version of this program are a first time
  again. Rows then come again, and what is otherwise than the index has it is a change.
- A row that is gone is a question: the number of rows that belong to nobody falls when an officer confirms that one was withdrawn.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Final

import structlog

from adapters.sdk.desk.items import RowProblem, Verdicts
from adapters.sdk.desk.rows import corrected, kept_row, key_of, row_digest
from adapters.sdk.desk.store import DeskStore, Place, SeenRow, Settled
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.findings import blocked_by, identity_of, outcome_label, supplier_of, unsure_whose
from adapters.sdk.ledger import Ledger
from adapters.sdk.mapping import Readable, Reading, RowOutcome, Unreadable, content_digest, map_row, row_day
from adapters.sdk.matching import RowIdentity, folded_identity, has_identifier, identity_digest, is_attributable
from adapters.sdk.platform import Platform
from adapters.sdk.profile import Profile
from adapters.sdk.source import RawRow, RowKey, SourceError, UnknownCursorError
from contract.catalogue import Catalogue, CatalogueSet, CellKey
from contract.days import DayRange, china_day
from contract.registry import Registry, RegistryUnavailableError
from huren.desk.v1 import desk_service_pb2
from runtime.clock import Clock
from runtime.errors import StoreUnavailableError

PAGE: Final = 200
"""Rows at a time: few enough that whoever is answered meanwhile does not wait long for the one writing connection of SQLite."""

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
        except Exception as error:  # noqa: BLE001 - a fault of ours must be told, and must not end the following for good
            # Only where and of what type: the message may hold something of a row.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("platform not followed", reason=type(error).__name__, at=f"{frame.name}:{frame.lineno}")

    async def catch_up(self, progress: Callable[[Look], None] = lambda _: None) -> Look:
        """Takes in all that is to come at this moment.

        Args:
            progress: Told after each page what was done so far.

        Raises:
            SourceError: The platform does not answer, or does not go on.
            RegistryUnavailableError: The registry cannot be asked.
            LedgerConflictError: Another replica follows at this moment.
            StoreUnavailableError: The database cannot do it now.
        """
        done = Look()
        while True:
            place = await self._place()
            try:
                page = await self._platform.supplied_since(place.cursor, PAGE)  # 1
            except UnknownCursorError as error:
                if not place.cursor:
                    raise
                _log.warning("platform followed from the first row again", reason=str(error))
                await self._start_again(place)
                continue
            if page.cursor == place.cursor and not page.is_all:
                raise SourceError("the platform has more rows and does not go on")
            at = self._clock()
            # Until the end was reached by these rules, what the index has may have been read by others.
            evaluated = await self.read(page.rows, anew=place.reached_end_at is None)  # 2, 3
            after = Place(page.cursor, at if page.is_all else place.reached_end_at, place.rules)
            async with self._ledger.write() as transaction:
                await self.keep(transaction.desk, evaluated, at)  # 4
                await transaction.desk.go_on(place, after)
            done = Look(
                done.rows + len(page.rows),
                done.changed + sum(one.after != one.before for one in evaluated),
                page.expected,
            )
            progress(done)
            if page.is_all:
                break
        await self._ask_for_questions()  # 5
        return done

    async def look_again(self, wheres: Iterable[RowKey]) -> int:
        """Reads rows again as they stand in the platform now. Gives how many items that closed. A row that is gone is a question.

        Raises:
            As `catch_up`.
        """
        now = await self.fetch(wheres)
        there = [row for row in now.rows.values() if row is not None]
        evaluated = await self.read(there, anew=True, seen=now.seen)
        gone = [where for where, row in now.rows.items() if row is None]
        at = self._clock()
        async with self._ledger.write() as transaction:
            store = transaction.desk
            closed = await self.keep(store, evaluated, at)
            known = await store.seen(gone)
            told = "the platform does not have the row any more"
            questions = (_missing(where, known.get(where), told) for where in sorted(gone))
            await store.open_items((question for question in questions if question is not None), at)
            return closed

    async def fetch(self, wheres: Iterable[RowKey]) -> Fetched:
        """Rows as they stand in the platform now, but for those whose form the profile does not have: they cannot be asked for.

        Raises:
            SourceError: The platform does not answer.
            StoreUnavailableError: The database cannot do it now.
        """
        families = {form.row_family for form in self._profile.forms.values()}
        known = frozenset(where for where in wheres if where[0] in families)
        # The index first: whoever keeps something newer while the platform answers is noticed, and not overwritten.
        async with self._ledger.read() as store:
            seen = await store.seen(known)
        return Fetched(await self._platform.by_key(known), seen)

    def identity(self, row: RawRow, verdicts: Verdicts) -> RowIdentity | None:
        """What a row says about whose it is, with what officers corrected. None: that cannot be read."""
        where = key_of(row, self._profile)
        return identity_of(corrected(row, verdicts.corrections.get(where)), self._reading(self._clock()))

    async def withdraw(self, store: DeskStore, where: RowKey, at: datetime) -> None:
        """Notes in the index that a row was withdrawn, and what that may alter in reports; it holds nothing up any more."""
        before = (await store.seen([where], to_change=True)).get(where)
        if before is not None and not before.is_withdrawn:
            after = dataclasses.replace(before, is_withdrawn=True, revision=before.revision + 1)
            await store.keep_seen([after], {where: before})
            await store.note_changes(_changes(before, after), at)
        await store.settle([Settled(where=where, problem=None)], at)

    # --- The place -----------------------------------------------------------------------------------------------------------

    async def _place(self) -> Place:
        """Where to go on. By other rules than before everything is read from the first row again."""
        async with self._ledger.read() as store:
            place = await store.place()
        rules = rules_of(self._catalogues.in_force(china_day(self._clock())))
        if place.rules == rules:
            return place
        if place.rules:
            _log.warning("rows are read by other rules, from the first row again", before=place.rules, now=rules)
        return await self._start_again(place, rules)

    async def _start_again(self, place: Place, rules: str | None = None) -> Place:
        first = Place("", None, place.rules if rules is None else rules)
        async with self._ledger.write() as transaction:
            await transaction.desk.go_on(place, first)
        return first

    # --- Reading -------------------------------------------------------------------------------------------------------------

    async def read(
        self,
        rows: Iterable[RawRow],
        *,
        anew: bool,
        decided: Verdicts | None = None,
        seen: Mapping[RowKey, SeenRow] | None = None,
    ) -> list[Evaluated]:
        """What the rows say, for any window, with what officers decided.

        Args:
            rows: The rows.
            anew: Whether rows that are as the index has them are read too. Else only those that were missing.
            decided: What an officer decides at this moment.
            seen: What the index had before the rows were fetched. None: what it has now.

        Raises:
            SourceError: The platform does not say which rows are missing.
            RegistryUnavailableError: The registry cannot be asked.
            StoreUnavailableError: The database cannot do it now.
        """
        by_key: dict[RowKey, list[RawRow]] = {}
        for row in rows:
            versions = by_key.setdefault(key_of(row, self._profile), [])
            if row not in versions:
                versions.append(row)
        async with self._ledger.read() as store:
            seen = await store.seen(by_key) if seen is None else seen
            verdicts = await store.verdicts(by_key)
            asked = {where for where, kinds in (await store.open_of(by_key)).items() if _MISSING in kinds}
        if decided is not None:
            verdicts = Verdicts(
                {**verdicts.corrections, **decided.corrections}, {**verdicts.rulings, **decided.rulings}
            )
        missing = frozenset(await self._platform.missing()) if asked else frozenset[RowKey]()
        reading = self._reading(self._clock())
        evaluated: list[Evaluated] = []
        for where, versions in by_key.items():
            await asyncio.sleep(0)  # whoever is answered at this moment has a turn after each row
            digest = _digest(versions)
            before = seen.get(where)
            is_known = before is not None and before.row_digest == digest and not before.is_withdrawn
            if is_known and not anew and where not in asked - missing:
                continue
            one = await self._evaluate(where, versions, digest, reading, before=before, verdicts=verdicts)
            evaluated.append(dataclasses.replace(one, is_missing=where in missing))
        return evaluated

    async def _evaluate(  # the row, and what is known about it
        self,
        where: RowKey,
        versions: Sequence[RawRow],
        digest: bytes,
        reading: Reading,
        *,
        before: SeenRow | None,
        verdicts: Verdicts,
    ) -> Evaluated:
        correction, ruling = verdicts.corrections.get(where), verdicts.rulings.get(where)
        readings: list[tuple[SeenRow, RowProblem | None]] = []
        for given in versions:
            row = corrected(given, correction)
            identity = identity_of(row, reading)
            outcome = map_row(row, reading)
            holds = ruling and identity and ruling.identity_digest == identity_digest(identity)
            ruled = ruling.uscc if ruling and holds else None
            seen = _seen_row(where, digest, row, identity=identity, outcome=outcome, reading=reading)
            problem = await self._problem(where, given, identity, outcome, reading=reading, ruled=ruled)
            readings.append((dataclasses.replace(seen, ruled=ruled), problem))
        after, problem = readings[-1]
        blocks = frozenset[CellKey]().union(*(seen.cells for seen, _ in readings))
        if len(readings) > 1 and blocks:
            told = Unreadable("key", "two rows with one key differ", blocks, "keys_differ")
            of_nobody = (one for _, one in readings if one is not None and one.kind == _UNATTRIBUTABLE)
            problem = next(of_nobody, _unreadable(where, versions[-1], told, reading))
            after = dataclasses.replace(after, cells=blocks)
        return Evaluated(before, _revised(after, before), problem)

    async def _problem(  # as above
        self,
        where: RowKey,
        row: RawRow,
        identity: RowIdentity | None,
        outcome: RowOutcome,
        *,
        reading: Reading,
        ruled: str | None,
    ) -> RowProblem | None:
        blocks = blocked_by(outcome)
        if not blocks:
            return None
        if identity is None or (not ruled and not has_identifier(identity)):
            doubt = unsure_whose(where, row, blocks, reading)
            if identity is None:
                told = "whose the row is stands in no form that can be read"
                return dataclasses.replace(doubt, kind=_UNATTRIBUTABLE, problem=told, fault="whose_unreadable")
            if not await is_attributable(identity, self._registry):
                told = "bears no valid identifier, and no name that anybody has"
                return dataclasses.replace(doubt, kind=_UNATTRIBUTABLE, problem=told, fault="of_nobody")
            if ruled is None:
                return doubt
        return _unreadable(where, row, outcome, reading) if isinstance(outcome, Unreadable) else None

    def _reading(self, at: datetime) -> Reading:
        day = china_day(at)
        return Reading(profile=self._profile, catalogue=self._catalogues.in_force(day), window=_EVER, day=day)

    # --- Keeping -------------------------------------------------------------------------------------------------------------

    async def keep(self, store: DeskStore, evaluated: Sequence[Evaluated], at: datetime) -> int:
        """Keeps what rows say: index, changes, items. Gives how many items were closed.

        Raises:
            LedgerConflictError: Another transaction kept one of the rows since it was read.
        """
        current = await store.seen((one.after.where for one in evaluated), to_change=True)
        if any(current.get(one.after.where) != one.before for one in evaluated):
            raise LedgerConflictError("another replica read the same rows first")
        await store.keep_seen((one.after for one in evaluated if one.after != one.before), current)
        await store.note_changes((change for one in evaluated for change in _changes(one.before, one.after)), at)
        return await store.settle(map(_settled, evaluated), at)

    async def _ask_for_questions(self) -> None:
        missing = await self._platform.missing()
        held = await self._platform.held()
        at = self._clock()
        async with self._ledger.write() as transaction:
            store = transaction.desk
            seen = await store.seen(missing)
            told = "a snapshot of its departments does not have the row any more"
            questions = [_missing(where, seen[where], told) for where in sorted(missing) if where in seen]
            waiting = [
                RowProblem(
                    kind=_HELD,
                    where=(delivery.form, delivery.file),
                    field="rows",
                    problem=delivery.reason,
                    fault="held",
                    blocks=frozenset(),
                )
                for delivery in held
            ]
            await store.open_items([*(one for one in questions if one is not None), *waiting], at)
            await store.close_other(_HELD, {problem.where for problem in waiting}, at)


def rules_of(catalogue: Catalogue) -> str:
    """By which rules rows are read: the program's and the catalogue's."""
    return f"{version('huren')}/{catalogue.ref.version}/{catalogue.ref.digest.hex()}"


@dataclass(frozen=True, slots=True)
class Fetched:
    """Rows as they stand in the platform.

    Attributes:
        rows: The rows. None: the platform does not have the row any more.
        seen: What the index had before.
    """

    rows: Mapping[RowKey, RawRow | None]
    seen: Mapping[RowKey, SeenRow]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A row that was read.

    Attributes:
        before: What the index had.
        after: What it gets.
        problem: Why the row cannot be used as it is, if it cannot.
        is_missing: Whether the platform gives it as if it were there, and asks whether it was withdrawn.
    """

    before: SeenRow | None
    after: SeenRow
    problem: RowProblem | None
    is_missing: bool = False


def _settled(one: Evaluated) -> Settled:
    """What of a row's items stays. A doubt that a question found stays as long as the row says the same of whose it is."""
    stays = {_MISSING} if one.is_missing else set[int]()
    after, before = one.after, one.before
    # A row that was never seen has no doubt but one that a question found a moment ago.
    if after.is_said and after.ruled is None and (before is None or _same_owner(before, after)):
        stays.add(_IN_DOUBT)
    return Settled(where=after.where, problem=one.problem, stays=frozenset(stays))


def _missing(where: RowKey, row: SeenRow | None, told: str) -> RowProblem | None:
    """That a row is gone: a question, unless it said nothing."""
    if row is not None and not row.is_said:
        return None
    blocks = frozenset[CellKey]() if row is None else row.cells
    return RowProblem(kind=_MISSING, where=where, field="key", problem=told, fault="missing", blocks=blocks)


def _unreadable(where: RowKey, row: RawRow, why: Unreadable, reading: Reading) -> RowProblem:
    return RowProblem(
        kind=_UNREADABLE,
        where=where,
        field=why.field,
        problem=why.problem,
        fault=why.fault,
        blocks=why.blocks,
        row=kept_row(row, reading.profile),
        supplier=supplier_of(row, reading),
    )


def _digest(versions: Sequence[RawRow]) -> bytes:
    """The state of a row; of one that was supplied in several versions at once, of all of them."""
    digests = sorted(map(row_digest, versions))
    return digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()


def _seen_row(
    where: RowKey,
    digest: bytes,
    row: RawRow,
    *,
    identity: RowIdentity | None,
    outcome: RowOutcome,
    reading: Reading,
) -> SeenRow:
    owner = folded_identity(identity) if identity is not None else RowIdentity(name="")
    first, last = _days(row, outcome, reading)
    label = outcome_label(outcome)
    content = (
        content_digest(outcome.draft) if isinstance(outcome, Readable) else hashlib.sha256(label.encode()).digest()
    )
    return SeenRow(
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


def _revised(after: SeenRow, before: SeenRow | None) -> SeenRow:
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
    """What a change of a row may alter in reports: of the subject that it names, or of the one that an officer found."""
    before, after = None if before is None else _as_ruled(before), _as_ruled(after)
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
    row = _as_ruled(row)
    return (row.code, row.organisation_code, row.registration_number, row.name)


def _as_ruled(row: SeenRow) -> SeenRow:
    if row.ruled is None:
        return row
    return dataclasses.replace(row, code=row.ruled, organisation_code="", registration_number="", name="")


def _says_the_same(one: SeenRow, other: SeenRow) -> bool:
    def said(row: SeenRow) -> tuple[object, ...]:
        return (*_owner(row), row.outcome, row.content_digest, row.cells, row.first_day, row.last_day, row.is_withdrawn)

    return said(one) == said(other)
