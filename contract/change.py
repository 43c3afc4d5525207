"""What a change at an origin does to a report: pure, by what the report says and what the origin discloses now.

A report says, for one province, what stands in that province's fragment; the other fragments have nothing to do with a change of
its. A change names the record, and how it is disclosed now. The two are compared, cell by cell:

 P-1   A change that the origin told of the same subject and record with a later `changed_at` takes its place: then this one does
       nothing.
 P-2   It concerns the report where `uscc` is the report's subject, in the cells of its province that are CLEAR or FOUND, and in
       no others.
 P-3   A report that lists the record at the revision of `after`, or a greater one, says it already, in whatever cell; so does one
       that lists it at a greater revision than `before` where `after` is unset: nothing.
 P-4   The record is expected in a cell where `after` is set, names the cell, and has a day in common with the report's window.
 P-5   Expected and not listed supersedes, unless P-6 holds; listed and not expected supersedes; neither is nothing.
 P-6   A decision or entry of a day after the China day of the cell's `data_as_of`, and of no earlier one before, does not supersede
       a report that does not list it; one of that day does.
 P-7   Expected and listed is a correction of words where changes with `wording_only`, this one the last, lead from the listed
       revision to that of `after`; otherwise it supersedes.
 P-8   The clock: after `disclosed_until` of a record that a report lists the report is superseded, from the day after on.

It goes by content, so neither order of arrival nor repetition matters, and a report is never compared with a clock reading of
another machine. In doubt it supersedes: a report that a change may contradict is not shown as if it were up to date.

Source: docs/protocols/report-status.md, which explains each rule to implementers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from typing import Final

from contract.admission import cell_key
from contract.catalogue import CellKey
from contract.days import DayRange, china_day, from_timestamp, parse_day
from contract.outcome import Admitted
from contract.province import Province
from huren.change.v1 import change_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2, record_pb2


class Effect(IntEnum):
    """What a change does to a report. The greater one prevails."""

    NONE = 0
    WORDING = 1
    SUPERSEDES = 2


@dataclass(frozen=True, slots=True)
class Alteration:
    """What a change does, and where.

    Attributes:
        effect: What.
        cells: The cells with that effect, in the order of the fragment.
    """

    effect: Effect = Effect.NONE
    cells: tuple[CellKey, ...] = ()


@dataclass(frozen=True, slots=True)
class DisclosureEnd:
    """That records of a fragment are not disclosed any more, by the clock.

    Attributes:
        since: The first day on which one of them is not.
        cells: Their cells, in the order of the fragment.
    """

    since: date
    cells: tuple[CellKey, ...]


def require_sound_change(change: change_pb2.RecordChange) -> None:
    """Checks what the proto file cannot declare.

    Raises:
        ValueError: A day that does not exist, days in the wrong order, or a cell that is named twice.
    """
    for name in ("before", "after"):
        if change.HasField(name):
            state: change_pb2.DisclosedState = getattr(change, name)
            first, last = _days(state)
            if last is not None and last < first:
                raise ValueError(f"{name}: expected a last day from {first} on, got {last}")
            if len({cell_key(key) for key in state.cells}) != len(state.cells):
                raise ValueError(f"{name}: expected each cell once")


def alteration(
    change: change_pb2.RecordChange,
    fragment: fragment_pb2.Fragment,
    *,
    told: Iterable[change_pb2.RecordChange] = (),
) -> Alteration:
    """Applies P-1 to P-7.

    Args:
        change: The change; sound.
        fragment: What the same origin said in the report.
        told: All that the origin told of the subject, in any order; the change may be among them. What was not told yet cannot
            be taken into account: without it a correction of words after a correction supersedes.
    """
    if change.uscc != fragment.uscc:  # P-2
        return Alteration()
    of_record = [one for one in told if (one.uscc, one.record_id) == (change.uscc, change.record_id)]
    if any(_changed_at(one) > _changed_at(change) for one in of_record):  # P-1
        return Alteration()
    listed = _listed_revision(change.record_id, fragment)
    if listed is not None and _says_it(listed, change):  # P-3
        return Alteration()
    expected = _expected_cells(change, DayRange.from_wire(fragment.window))
    only_words = listed is not None and _leads_by_words(listed, [*of_record, change], change)
    effects = [
        (key, _effect(change, cell, listed, is_expected=key in expected, only_words=only_words))
        for cell in fragment.cells
        if cell.state in _ANSWERED
        for key in [cell_key(cell.key)]
    ]
    greatest = max((effect for _, effect in effects), default=Effect.NONE)
    if greatest is Effect.NONE:
        return Alteration()
    return Alteration(greatest, tuple(key for key, effect in effects if effect is greatest))


def outdated(
    changes: Iterable[tuple[Province, change_pb2.RecordChange]],
    cells: Iterable[common_pb2.CellKey],
    window: common_pb2.Window,
    admitted: Sequence[Admitted],
) -> frozenset[Province]:
    """The provinces whose fragments do not say yet what they told since, be it only in words: they are to be asked again.

    Args:
        changes: What origins told of the subject.
        cells: What was requested.
        window: For which days.
        admitted: The fragments that are to make the report.

    Raises:
        RuntimeError: A fragment answers another request, so nothing can be said about the report.
    """
    requested = {cell_key(key) for key in cells}
    fragments = {one.province: one.fragment for one in admitted}
    for fragment in fragments.values():
        if fragment.window != window or {cell_key(cell.key) for cell in fragment.cells} != requested:
            raise RuntimeError("fragments that answer the request expected, got one that answers another")
    told: dict[tuple[Province, str], list[change_pb2.RecordChange]] = {}
    for province, change in changes:
        told.setdefault((province, change.record_id), []).append(change)
    return frozenset(
        province
        for (province, _), of_record in told.items()
        if province in fragments
        and any(alteration(change, fragments[province], told=of_record).effect for change in of_record)
    )


def disclosure_end(fragment: fragment_pb2.Fragment, today: date) -> DisclosureEnd | None:
    """Applies P-8 to one fragment. None: all that it lists is disclosed today, as far as it is known."""
    ended = [
        (cell_key(cell.key), parse_day(record.disclosed_until) + timedelta(days=1))
        for cell in fragment.cells
        for record in cell.records
        if record.disclosed_until and parse_day(record.disclosed_until) < today
    ]
    if not ended:
        return None
    return DisclosureEnd(min(since for _, since in ended), tuple(dict.fromkeys(key for key, _ in ended)))


_ANSWERED: Final = frozenset({fragment_pb2.CELL_STATE_CLEAR, fragment_pb2.CELL_STATE_FOUND})


def _says_it(listed: int, change: change_pb2.RecordChange) -> bool:
    if change.HasField("after"):
        return listed >= change.after.revision
    return listed > change.before.revision


def _expected_cells(change: change_pb2.RecordChange, window: DayRange) -> frozenset[CellKey]:
    """P-4."""
    if not change.HasField("after") or not window.overlaps(*_days(change.after)):
        return frozenset()
    return frozenset(map(cell_key, change.after.cells))


def _effect(
    change: change_pb2.RecordChange,
    cell: fragment_pb2.Cell,
    listed: int | None,
    *,
    is_expected: bool,
    only_words: bool,
) -> Effect:
    is_listed = listed is not None and any(record.record_id == change.record_id for record in cell.records)
    if is_expected != is_listed:  # P-5
        return Effect.NONE if listed is None and _is_later(change, cell) else Effect.SUPERSEDES
    if not is_expected:
        return Effect.NONE
    return Effect.WORDING if only_words else Effect.SUPERSEDES  # P-7


def _is_later(change: change_pb2.RecordChange, cell: fragment_pb2.Cell) -> bool:
    """P-6. A cell without a watermark, which admission does not let through, vouches for every day."""
    if not cell.HasField("data_as_of"):
        return False
    vouched = china_day(from_timestamp(cell.data_as_of))
    return all(_days(state)[0] > vouched for state in _states(change))


def _leads_by_words(revision: int, changes: Iterable[change_pb2.RecordChange], change: change_pb2.RecordChange) -> bool:
    reached = {revision}
    for one in sorted((one for one in changes if one.wording_only), key=lambda one: one.before.revision):
        if one.before.revision in reached:
            reached.add(one.after.revision)
    return change.wording_only and change.after.revision in reached


def _states(change: change_pb2.RecordChange) -> Iterator[change_pb2.DisclosedState]:
    for name in ("before", "after"):
        if change.HasField(name):
            yield getattr(change, name)


def _days(state: change_pb2.DisclosedState) -> tuple[date, date | None]:
    return parse_day(state.first_day), parse_day(state.last_day) if state.last_day else None


def _changed_at(change: change_pb2.RecordChange) -> tuple[int, int]:
    return change.changed_at.seconds, change.changed_at.nanos


def _listed_revision(record_id: str, fragment: fragment_pb2.Fragment) -> int | None:
    return max((record.revision for record in _records(fragment) if record.record_id == record_id), default=None)


def _records(fragment: fragment_pb2.Fragment) -> Iterator[record_pb2.Record]:
    for cell in fragment.cells:
        yield from cell.records
