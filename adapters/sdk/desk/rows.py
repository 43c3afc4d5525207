"""What tells two states of a row apart, and how a correction is put on one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from decimal import Decimal
from typing import Final

from adapters.sdk.desk.items import Correction, KeptRow
from adapters.sdk.errors import NotationError
from adapters.sdk.notation import read_china_timestamp
from adapters.sdk.profile import Profile
from adapters.sdk.profile_check import columns_read
from adapters.sdk.source import RawRow, RawValue, RowKey

RECEIVED_AT: Final = "received_at"
"""Name under which an officer corrects the time of receipt: it is no column of every form."""


def key_of(row: RawRow, profile: Profile) -> RowKey:
    """The row, whatever version of its form it came in. A form that the profile does not have is a family of its own."""
    form = profile.forms.get(row.form)
    return (row.form if form is None else form.row_family, row.key)


def row_digest(row: RawRow) -> bytes:
    """SHA-256 over everything that the platform says in the row, the time of receipt included."""
    said = {column: _told_apart(value) for column, value in row.values.items()}
    received_at = None if row.received_at is None else row.received_at.isoformat()
    content = json.dumps([row.form, row.key, received_at, said], ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(content.encode()).digest()


def kept_row(row: RawRow, profile: Profile) -> KeptRow:
    """What the desk keeps of a row: nothing of columns that its form does not read, and so nothing of a form that is not known."""
    form = profile.forms.get(row.form)
    read = columns_read(form) if form is not None else frozenset[str]()
    columns = {column: as_text(value) for column, value in row.values.items() if column in read}
    if row.received_at is not None:
        columns.setdefault(RECEIVED_AT, row.received_at.isoformat())
    return KeptRow(columns, row_digest(row))


def corrected(row: RawRow, correction: Correction | None) -> RawRow:
    """The row as it reads with a correction that was made for this state of it; as it is otherwise."""
    if correction is None or correction.row_digest != row_digest(row):
        return row
    values = {column: value for column, value in correction.values.items() if column != RECEIVED_AT}
    changed = dataclasses.replace(row, values={**row.values, **values})
    if (received_at := correction.values.get(RECEIVED_AT)) is None:
        return changed
    try:
        return dataclasses.replace(changed, received_at=read_china_timestamp(received_at))
    except NotationError:
        return changed  # what an officer wrote is read as strictly as what a platform wrote


def as_text(value: RawValue) -> str | None:
    """A value as an officer sees it."""
    return None if value is None else str(value)


def _told_apart(value: RawValue) -> list[str | None]:
    """The value with its type: the number 1 and the text `1` are read differently."""
    kind = "decimal" if isinstance(value, Decimal) else type(value).__name__
    return [kind, as_text(value)]
