"""From the rows of a platform to what they say about one subject.

- A row that stands in the answer twice, word for word, is one row. Two rows of one key that differ contradict each other: their
  cells become unavailable.
- Another subject's rows are counted and left out, whatever is wrong with them.
- A row in doubt makes its cells doubtful only if it would have been disclosed, or cannot be read: a revoked decision, or one of
  another time, need not be anybody's.

Pure. Identity of records is given later (ledger.py), because it needs the adapter's store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from adapters.sdk.mapping import (
    DecidedElsewhere,
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
from adapters.sdk.matching import Match, Wanted, match
from adapters.sdk.source import RawRow
from contract.catalogue import CellKey
from huren.fragment.v1 import record_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRecord:
    """A readable record of the subject, still without identity.

    Attributes:
        form: The row's form.
        source_key: The row's key in it. Both together are the identity of the row in the province.
        cell: Where it is listed.
        draft: The record but for its identity.
    """

    form: str
    source_key: str
    cell: CellKey
    draft: record_pb2.Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the rows say.

    Attributes:
        records: The readable records, in the order of the rows.
        unreadable: Cells with a row of the subject that cannot be read.
        in_doubt: Cells with a row that may or may not be the subject's.
        outcomes: How many rows had which outcome, for the metrics.
        problems: What could not be read, for the operator; holds no values.
    """

    records: tuple[FoundRecord, ...] = ()
    unreadable: frozenset[CellKey] = frozenset()
    in_doubt: frozenset[CellKey] = frozenset()
    outcomes: Mapping[str, int]
    problems: tuple[str, ...] = ()


def read_rows(rows: Iterable[RawRow], wanted: Wanted, reading: Reading) -> Findings:
    """Says what the rows say about the subject."""
    by_key: dict[tuple[str, str], list[RawRow]] = {}
    for row in rows:
        versions = by_key.setdefault((row.form, row.key), [])
        if row not in versions:
            versions.append(row)
    tally = _Tally()
    for versions in by_key.values():
        for row in versions:
            tally.add(row, _ownership(row, wanted, reading), map_row(row, reading), contradicted=len(versions) > 1)
    return tally.findings()


class _Tally:
    def __init__(self) -> None:
        self._records: list[FoundRecord] = []
        self._unreadable: set[CellKey] = set()
        self._in_doubt: set[CellKey] = set()
        self._outcomes: Counter[str] = Counter()
        self._problems: list[str] = []

    def add(self, row: RawRow, ownership: Match, outcome: RowOutcome, *, contradicted: bool) -> None:
        if ownership is Match.NOT_THEIRS:
            self._outcomes["not_theirs"] += 1
            return
        blocked = _blocked_by(outcome)
        if ownership is Match.IN_DOUBT and blocked:
            self._outcomes["in_doubt"] += 1
            self._in_doubt |= blocked
            return
        if contradicted and blocked:
            self._outcomes["unreadable"] += 1
            self._problems.append(f"{row.form}: two rows with one key differ")
            self._unreadable |= blocked
            return
        self._outcomes[_label(outcome)] += 1
        match outcome:
            case Readable(key, draft):
                self._records.append(FoundRecord(form=row.form, source_key=row.key, cell=key, draft=draft))
            case Unreadable(field, problem, blocks):
                self._problems.append(f"{row.form}, {field}: {problem}")
                self._unreadable |= blocks
            case _:
                pass

    def findings(self) -> Findings:
        return Findings(
            records=tuple(self._records),
            unreadable=frozenset(self._unreadable),
            in_doubt=frozenset(self._in_doubt),
            outcomes=dict(self._outcomes),
            problems=tuple(self._problems),
        )


def _ownership(row: RawRow, wanted: Wanted, reading: Reading) -> Match:
    form = reading.profile.forms.get(row.form)
    if form is None:
        # The source found it by an identifier of the subject, and nobody knows how to read whose it is.
        return Match.THEIRS
    identity = row_identity(row, form)
    return Match.THEIRS if identity is None else match(identity, wanted, row_day(row, form))


def _blocked_by(outcome: RowOutcome) -> frozenset[CellKey]:
    """The cells about which the row says, or may say, something."""
    match outcome:
        case Readable(key, _):
            return frozenset({key})
        case Unreadable(_, _, blocks):
            return blocks
        case _:
            return frozenset()


def _label(outcome: RowOutcome) -> str:
    match outcome:
        case Readable():
            return "readable"
        case NotAPenalty():
            return "not_a_penalty"
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
