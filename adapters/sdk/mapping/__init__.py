"""From a row of a platform to a record of the contract, by the profile, or to the name of why there is none.

The outcomes are in `outcomes.py`. How they are found:

- The first rule that applies decides (docs/protocols/query-processing.md, M-1 to M-8): a row that is revoked, or of another time,
  is not disclosed whatever else of it can be read, so it makes nothing unavailable.
- A row whose columns are not exactly those that its form reads or ignores by name is unreadable: a platform changed.
- A row whose domain or list cannot be read makes every covered cell of its kind unavailable.
- A row that says of itself both that it is a penalty and that it is none is unreadable; neither side wins.

Parts: `penalties.py` and `list_entries.py`, one for each kind of record; `amounts.py`; `shared.py`. Pure: the day comes in as a
parameter.
"""

from __future__ import annotations

import hashlib

from adapters.sdk.errors import NotationError
from adapters.sdk.mapping.list_entries import map_entry
from adapters.sdk.mapping.outcomes import DecidedElsewhere as DecidedElsewhere
from adapters.sdk.mapping.outcomes import Fault as Fault
from adapters.sdk.mapping.outcomes import NotAnOrganisation as NotAnOrganisation
from adapters.sdk.mapping.outcomes import NotAPenalty as NotAPenalty
from adapters.sdk.mapping.outcomes import OutsideCatalogue as OutsideCatalogue
from adapters.sdk.mapping.outcomes import OutsideWindow as OutsideWindow
from adapters.sdk.mapping.outcomes import Readable as Readable
from adapters.sdk.mapping.outcomes import RowFaultError
from adapters.sdk.mapping.outcomes import RowOutcome as RowOutcome
from adapters.sdk.mapping.outcomes import Unreadable as Unreadable
from adapters.sdk.mapping.outcomes import Withheld as Withheld
from adapters.sdk.mapping.outcomes import WithheldReason as WithheldReason
from adapters.sdk.mapping.penalties import map_penalty
from adapters.sdk.mapping.shared import Reading as Reading
from adapters.sdk.mapping.shared import check_columns, is_none
from adapters.sdk.mapping.shared import row_day as row_day
from adapters.sdk.matching import RowIdentity
from adapters.sdk.notation import document_number_fault, normalise_document_number, read_code
from adapters.sdk.profile import Form, ListForm, PenaltyForm
from adapters.sdk.source import RawRow
from contract.catalogue import PENALTY, SERIOUS_LIST
from huren.fragment.v1 import record_pb2


def map_row(row: RawRow, reading: Reading) -> RowOutcome:
    """Maps a row. Never raises for what a platform may have written."""
    form = reading.profile.forms.get(row.form)
    if form is None:
        problem = f"the profile declares no form {row.form!r}"
        return Unreadable("form", problem, reading.everything, Fault.UNKNOWN_FORM.value)
    kind = PENALTY if isinstance(form, PenaltyForm) else SERIOUS_LIST
    try:
        check_columns(row, form)
        match form:
            case PenaltyForm():
                return map_penalty(row, form, reading)
            case ListForm():
                return map_entry(row, form, reading)
    except RowFaultError as error:
        return Unreadable(error.field, error.problem, error.blocks or reading.of_kind(kind), error.fault)


def row_identity(row: RawRow, form: Form) -> RowIdentity | None:
    """What the row says about whose it is. None: a column for that is missing, or is no text."""
    subject = form.subject
    columns = (subject.name, subject.uscc, subject.organisation_code, subject.registration_number)
    if any(column is not None and column not in row.values for column in columns):
        return None
    try:
        name, uscc, organisation, registration = (
            "" if column is None else read_code(row.values[column]) for column in columns
        )
    except NotationError:
        return None
    return RowIdentity(name=name, uscc=uscc, organisation_code=organisation, registration_number=registration)


def content_digest(draft: record_pb2.Record) -> bytes:
    """SHA-256 over what a correction changes: everything but marks, which depend on the day, and the time of supply."""
    content = record_pb2.Record()
    content.CopyFrom(draft)
    for field in ("marks", "collected_at", "record_id", "revision", "decision_key"):
        content.ClearField(field)
    return hashlib.sha256(content.SerializeToString(deterministic=True)).digest()


def decision_key(record: record_pb2.Record) -> str:
    """Names the decision (record.proto, Record.decision_key). The record must have its id.

    A document number that says that there is none (无, /, ——), or that lost a part on its way, names nothing: two decisions that
    have it are not one.
    """
    fact = record.penalty if record.HasField("penalty") else record.list_entry
    if is_none(fact.document_number) or document_number_fault(fact.document_number) is not None:
        return hashlib.sha256(record.record_id.encode()).hexdigest()
    day = record.penalty.decided_on if record.HasField("penalty") else record.list_entry.listed_on
    number = normalise_document_number(fact.document_number)
    return hashlib.sha256(f"{fact.authority.name}\n{number}\n{day}".encode()).hexdigest()
