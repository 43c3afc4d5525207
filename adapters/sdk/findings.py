"""From the rows of a platform to what they say about one subject.

- What officers decided is applied first: a correction to the state of a row for which it was made, a ruling on whose a row is.
- A row that stands in the answer twice, word for word, is one row. Two rows of one key that differ contradict each other: their
  cells become unavailable.
- Another subject's rows are counted and left out, whatever is wrong with them.
- A row in doubt makes its cells doubtful only if it would have been disclosed, or cannot be read: a revoked decision, or one of
  another time, need not be anybody's.
- A row that the platform does not have any more is a question, not a deletion: it is listed as it was disclosed last, or, where it
  never was or said something else since, makes its cells unavailable.

Pure. Identity of records is given later (ledger.py), because it needs the adapter's store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from adapters.sdk.desk.items import RowProblem, Verdicts
from adapters.sdk.desk.rows import corrected, kept_row, key_of
from adapters.sdk.mapping import (
    DecidedElsewhere,
    NotAnOrganisation,
    NotAPenalty,
    OutsideCatalogue,
    OutsideWindow,
    Readable,
    Reading,
    RowOutcome,
    Unreadable,
    Withheld,
    map_row,
    row_day,
    row_identity,
)
from adapters.sdk.matching import Match, RowIdentity, Wanted, identity_digest, match
from adapters.sdk.source import RawRow, RowKey
from contract.catalogue import CellKey
from huren.desk.v1 import desk_service_pb2
from huren.fragment.v1 import record_pb2

_UNREADABLE = desk_service_pb2.ITEM_KIND_UNREADABLE
_IN_DOUBT = desk_service_pb2.ITEM_KIND_IN_DOUBT
_MISSING = desk_service_pb2.ITEM_KIND_MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRecord:
    """A readable record of the subject, still without identity.

    Attributes:
        where: The row: its identity in the province.
        cell: Where it is listed.
        draft: The record but for its identity.
        replaces_number: Document number of the decision that it replaces. Empty: none.
    """

    where: RowKey
    cell: CellKey
    draft: record_pb2.Record
    replaces_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRow:
    """A row of which the adapter knows by following the platform, and which the platform does not have any more.

    Attributes:
        where: The row.
        identity: Whose it was, as it said.
        cells: The cells about which it said something.
        first_day: The days of which it spoke. None: not known.
        last_day: None: open, or not known.
        draft: The record as it was disclosed last, if that is what the row said last. None: it never was, could not be read, or
            said something else since.
        ruled: Whose it is by an officer's ruling on what it said last. Empty: nobody's. None: there is none.
    """

    where: RowKey
    identity: RowIdentity
    cells: frozenset[CellKey]
    first_day: date | None
    last_day: date | None
    draft: record_pb2.Record | None
    ruled: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the rows say.

    Attributes:
        records: The readable records, in the order of the rows.
        unreadable: Cells with a row of the subject that cannot be read.
        in_doubt: Cells with a row that may or may not be the subject's.
        outcomes: How many rows had which outcome, for the metrics.
        problems: The rows that cannot be used as they are: work for the desk.
    """

    records: tuple[FoundRecord, ...] = ()
    unreadable: frozenset[CellKey] = frozenset()
    in_doubt: frozenset[CellKey] = frozenset()
    outcomes: Mapping[str, int]
    problems: tuple[RowProblem, ...] = ()


def read_rows(
    rows: Iterable[RawRow],
    wanted: Wanted,
    reading: Reading,
    *,
    verdicts: Verdicts | None = None,
    missing: Iterable[KnownRow] = (),
) -> Findings:
    """Says what the rows say about the subject.

    Args:
        rows: The rows that the platform gave.
        wanted: The subject.
        reading: Under which rules they are read.
        verdicts: What officers decided about them.
        missing: Rows that the platform does not have any more, and that nobody confirmed as withdrawn.
    """
    verdicts = verdicts or Verdicts()
    by_key: dict[RowKey, list[RawRow]] = {}
    for row in rows:
        where = key_of(row, reading.profile)
        versions = by_key.setdefault(where, [])
        if row not in versions:
            versions.append(row)
    tally = _Tally(wanted, reading)
    for where, versions in by_key.items():
        ruling = verdicts.rulings.get(where)
        for given in versions:
            row = corrected(given, verdicts.corrections.get(where))
            identity = identity_of(row, reading)
            ruled = ruling.uscc if ruling and identity and identity_digest(identity) == ruling.identity_digest else None
            tally.add(where, row, identity, ruled=ruled, given=given, contradicted=len(versions) > 1)
    for known in missing:
        tally.add_missing(known)
    return tally.findings()


def identity_of(row: RawRow, reading: Reading) -> RowIdentity | None:
    """What the row says about whose it is. None: nobody knows how to read that."""
    form = reading.profile.forms.get(row.form)
    return None if form is None else row_identity(row, form)


def supplier_of(row: RawRow, reading: Reading) -> str:
    """Who supplied the row, as far as it says."""
    form = reading.profile.forms.get(row.form)
    value = None if form is None or form.source_unit is None else row.values.get(form.source_unit)
    return value.strip()[:200] if isinstance(value, str) else ""


def blocked_by(outcome: RowOutcome) -> frozenset[CellKey]:
    """The cells about which the row says, or may say, something."""
    match outcome:
        case Readable():
            return frozenset({outcome.key})
        case Unreadable():
            return outcome.blocks
        case _:
            return frozenset()


def unsure_whose(where: RowKey, row: RawRow, blocks: frozenset[CellKey], reading: Reading) -> RowProblem:
    """That it is not certain whose a row is: a task for an officer."""
    return RowProblem(
        kind=_IN_DOUBT,
        where=where,
        field="subject",
        problem="it is not certain whose the row is",
        fault="in_doubt",
        blocks=blocks,
        row=kept_row(row, reading.profile),
        supplier=supplier_of(row, reading),
    )


class _Tally:
    def __init__(self, wanted: Wanted, reading: Reading) -> None:
        self._wanted = wanted
        self._reading = reading
        self._records: list[FoundRecord] = []
        self._unreadable: set[CellKey] = set()
        self._in_doubt: set[CellKey] = set()
        self._outcomes: Counter[str] = Counter()
        self._problems: list[RowProblem] = []

    def add(
        self,
        where: RowKey,
        row: RawRow,
        identity: RowIdentity | None,
        *,
        ruled: str | None,
        given: RawRow,
        contradicted: bool,
    ) -> None:
        ownership = self._ownership(row, identity, ruled)
        if ownership is Match.NOT_THEIRS:
            self._outcomes["not_theirs"] += 1
            return
        outcome = map_row(row, self._reading)
        blocked = blocked_by(outcome)
        if ownership is Match.IN_DOUBT and blocked:
            self._outcomes["in_doubt"] += 1
            self._in_doubt |= blocked
            self._problems.append(unsure_whose(where, given, blocked, self._reading))
            return
        if contradicted and blocked:
            self._outcomes["unreadable"] += 1
            self._unreadable |= blocked
            self._note(where, given, ("key", "two rows with one key differ", "keys_differ"), blocked)
            return
        self._outcomes[outcome_label(outcome)] += 1
        match outcome:
            case Readable():
                self._records.append(
                    FoundRecord(
                        where=where, cell=outcome.key, draft=outcome.draft, replaces_number=outcome.replaces_number
                    )
                )
            case Unreadable():
                self._unreadable |= blocked
                self._note(where, given, (outcome.field, outcome.problem, outcome.fault), blocked)
            case _:
                pass

    def add_missing(self, known: KnownRow) -> None:
        """Adds a row that is missing, as the answer that was given before it was."""
        ownership = match(known.identity, self._wanted, known.first_day, known.ruled)
        if ownership is Match.NOT_THEIRS or not self._may_lie_in_window(known):
            return
        self._outcomes["missing"] += 1
        problem = "the platform does not have the row any more; nobody confirmed that it was withdrawn"
        self._problems.append(
            RowProblem(
                kind=_MISSING, where=known.where, field="key", problem=problem, fault="missing", blocks=known.cells
            )
        )
        if ownership is Match.IN_DOUBT:
            self._in_doubt |= known.cells
        elif known.draft is None:
            self._unreadable |= known.cells
        else:
            cell = next(iter(known.cells))  # what was disclosed has one
            self._records.append(FoundRecord(where=known.where, cell=cell, draft=known.draft))

    def _may_lie_in_window(self, known: KnownRow) -> bool:
        return known.first_day is None or self._reading.window.overlaps(known.first_day, known.last_day)

    def _ownership(self, row: RawRow, identity: RowIdentity | None, ruled: str | None) -> Match:
        form = self._reading.profile.forms.get(row.form)
        if form is None or identity is None:
            # The source found it by an identifier of the subject, and nobody knows how to read whose it is.
            return Match.THEIRS
        return match(identity, self._wanted, row_day(row, form), ruled)

    def _note(self, where: RowKey, row: RawRow, told: tuple[str, str, str], blocks: frozenset[CellKey]) -> None:
        field, problem, fault = told
        self._problems.append(
            RowProblem(
                kind=_UNREADABLE,
                where=where,
                field=field,
                problem=problem,
                fault=fault,
                blocks=blocks,
                row=kept_row(row, self._reading.profile),
                supplier=supplier_of(row, self._reading),
            )
        )

    def findings(self) -> Findings:
        return Findings(
            records=tuple(self._records),
            unreadable=frozenset(self._unreadable),
            in_doubt=frozenset(self._in_doubt),
            outcomes=dict(self._outcomes),
            problems=tuple(self._problems),
        )


def outcome_label(outcome: RowOutcome) -> str:
    """What came of a row, as metrics and the index of rows name it."""
    match outcome:
        case Readable():
            return "readable"
        case NotAPenalty():
            return "not_a_penalty"
        case NotAnOrganisation():
            return "not_an_organisation"
        case Withheld(reason):
            return f"withheld_{reason.name.lower()}"
        case DecidedElsewhere():
            return "decided_elsewhere"
        case OutsideCatalogue():
            return "outside_catalogue"
        case OutsideWindow():
            return "outside_window"
        case Unreadable():
            return "unreadable"
        case _ as unreachable:
            assert_never(unreachable)
