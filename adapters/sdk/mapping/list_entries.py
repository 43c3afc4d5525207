"""Rows of 严重失信主体名单 (docs/protocols/query-processing.md, M-2 to M-7).

A list has one entry for each time that the subject was put on it: open, removed, or past its planned end and not removed, which is
marked. An end that is never (2099-12-31, 长期) is none.

Where a platform names the list instead of giving a code, the name is one that the catalogue has: today's on every day, an older one
until the day on which entries were last made under it. Batches (2019年第二批) and whom a list was for (国家级生产经营单位) are no
part of its name, and neither is 黑名单: it is read, but printed as 名单 (vocabulary.py).
"""

from __future__ import annotations

from datetime import date

from adapters.sdk.disclosure import disclose
from adapters.sdk.kinds import ActKind
from adapters.sdk.mapping.outcomes import (
    DecidedElsewhere,
    Fault,
    NotAPenalty,
    OutsideCatalogue,
    OutsideWindow,
    RowFaultError,
    RowOutcome,
)
from adapters.sdk.mapping.shared import (
    Reading,
    authority_of,
    checked,
    day_text,
    document_number_of,
    draft_of,
    fault,
    is_ours,
    looked_up,
    optional_day,
    past_day,
    performance_of,
    settled_by_subject,
    state_of,
    text_of,
    withheld_by,
)
from adapters.sdk.profile import ListForm, RowState
from adapters.sdk.source import RawRow
from adapters.sdk.vocabulary import fold_list_name, printed_list_name
from contract.catalogue import SERIOUS_LIST, CellKey, SeriousList
from huren.fragment.v1 import record_pb2


def map_entry(row: RawRow, form: ListForm, reading: Reading) -> RowOutcome:
    """Maps a row of a list.

    Raises:
        RowFaultError: Something that is needed cannot be read.
    """
    list_id = looked_up(row, form.list_id, form)
    declared = reading.catalogue.list_by_id.get(list_id) if isinstance(list_id, str) else None
    if declared is None or (declared.domain, SERIOUS_LIST) not in reading.catalogue.carried:
        return OutsideCatalogue()
    key = (declared.domain, int(SERIOUS_LIST))
    try:
        return _map_of(key, declared, row, form, reading=reading)
    except RowFaultError as error:
        error.blocks = frozenset({key})
        raise


def _map_of(key: CellKey, declared: SeriousList, row: RawRow, form: ListForm, *, reading: Reading) -> RowOutcome:
    if (settled := settled_by_subject(row, form)) is not None:
        return settled
    state = state_of(row, form)
    if (withheld := withheld_by(state)) is not None:
        return withheld
    if state is RowState.NOT_A_PENALTY:
        return NotAPenalty(ActKind.STATED_BY_PLATFORM)
    authority = authority_of(row, form)
    if not is_ours(authority, form, reading.profile):
        return DecidedElsewhere()
    listed_on = past_day(row, form.listed_on, form, reading)
    removed_on = optional_day(row, form.removed_on, form)
    if removed_on is not None and removed_on < listed_on:
        raise fault(form.removed_on or "removed_on", "removed before it was listed", Fault.DAYS_REVERSED)
    if not reading.window.overlaps(listed_on, removed_on):
        return OutsideWindow()
    _check_name(row, form, declared, listed_on)
    planned_end_on = optional_day(row, form.planned_end_on, form)
    entry = record_pb2.ListEntry(
        list_id=declared.id,
        name_when_listed=_name_when_listed(row, form, declared),
        authority=authority,
        document_number=document_number_of(row, form.document_number),
        reason=disclose(text_of(row, form.reason)),
        listed_on=listed_on.isoformat(),
        removed_on=day_text(removed_on),
        planned_end_on=day_text(planned_end_on),
        performance=performance_of(row, form),
    )
    draft = draft_of(row, form, reading)
    draft.list_entry.CopyFrom(entry)
    if planned_end_on is not None and planned_end_on < reading.day and removed_on is None:
        draft.marks.add(kind=record_pb2.MARK_KIND_PERIOD_ENDED_NOT_REMOVED, on=entry.planned_end_on)
    return checked(key, draft)


def _check_name(row: RawRow, form: ListForm, declared: SeriousList, listed_on: date) -> None:
    """Refuses an older name on a day on which no entries were made under it any more. A code is of every day."""
    name = fold_list_name(text_of(row, form.list_id[0]))
    for older in declared.older_names:
        if fold_list_name(older.name) == name and older.until is not None and listed_on > older.until:
            raise fault(form.list_id[0], "the list did not bear this name on the day of listing", Fault.UNKNOWN_CODE)


def _name_when_listed(row: RawRow, form: ListForm, declared: SeriousList) -> str:
    name = text_of(row, form.name_when_listed)
    return "" if fold_list_name(name) == fold_list_name(declared.name) else printed_list_name(name)
