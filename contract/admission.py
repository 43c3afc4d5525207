"""Admission: may this answer count? A numbered list; the first rule that an answer breaks names the refusal.

Gateways admit when an answer arrives, verifiers when they check a report; both call this. It is pure: keys come in as a
`Verifier`, time as `at`. Nothing is repaired, and nothing of an answer that breaks a rule is used.

 A-1   The envelope decodes strictly.
 A-2   Its payload is a fragment or a refusal, and the signer is entitled to that.
 A-3   The signature verifies; the key is known and was good when it signed; its suite is accepted.
 A-4   The signer is the adapter of the province that was asked.
 A-5   The payload parses, keeps the declared constraints, holds no unknown value and demands nothing unknown.
 A-6   It answers this query (statement id).
       -- a refusal that came so far is `Refused`; the rest is about fragments --
 A-7   Subject, window and catalogue are the query's.
 A-8   It was issued after the query and not in the future (60 seconds of tolerance), not after the deadline; it has not expired,
       and it does not live longer than 24 hours.
 A-9   The coverage statement it names is that province's, is not younger than the fragment and speaks of this catalogue.
 A-10  There is exactly one cell for each requested (domain, kind), and no other.
 A-11  NOT_APPLICABLE stands exactly where the catalogue carries no such kind; NOT_COVERED exactly where the coverage
       statement, for this window, says so; neither CLEAR nor FOUND where it counts more rows that belong to nobody than the
       catalogue allows.
 A-12  CLEAR holds no record, FOUND at least one, SOURCE_UNAVAILABLE a reason, the others neither.
 A-13  CLEAR and FOUND have a watermark, not after the issue time and not older than the catalogue allows, and say that the
       unified code was searched for; NOT_COVERED and NOT_APPLICABLE say neither; no watermark at all is after the issue time.
 A-14  Each record is listed once, was decided in that province, fits its cell's kind, lies in the window, and makes sense.

Source: docs/protocols/admission.md, which explains each rule to implementers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, TypeVar

from contract.catalogue import PENALTY, SERIOUS_LIST, Catalogue, CellKey
from contract.days import DayRange, from_timestamp, parse_day
from contract.outcome import Admitted, InadmissibleReason, Question, Refused, VerifiedCoverage
from contract.payloads import COVERAGE, FRAGMENT, REFUSAL, PayloadError, PayloadFault, parse
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2, record_pb2, refusal_pb2
from signing import EnvelopeError, VerificationError, VerificationFailure, VerifiedPayload, Verifier

VERSION: Final = 1
"""Version of the list, named in every report (RulesVersions.admission)."""

CLOCK_TOLERANCE: Final = timedelta(seconds=60)
"""How far the clocks of two members may be apart (semantics: clock ±60 s)."""

MAX_LIFETIME: Final = timedelta(hours=24)
"""Longest life of a fragment (Fragment.expires_at)."""


class AdmissionError(ValueError):
    """An answer, or a coverage statement, may not count.

    Attributes:
        reason: The rule that it breaks, by name.
        detail: For the operator; holds nothing of the subject.
    """

    def __init__(self, reason: InadmissibleReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True)
class OpenedFragment:
    """A fragment that passed A-1 to A-6. It may not count yet."""

    question: Question
    statement: VerifiedPayload
    fragment: fragment_pb2.Fragment


def open_answer(answer: bytes, *, question: Question, verifier: Verifier) -> OpenedFragment | Refused:
    """Applies A-1 to A-6.

    Raises:
        AdmissionError: The first rule that is broken.
    """
    statement = _verified(answer, expect=frozenset({FRAGMENT, REFUSAL}), verifier=verifier)
    _require_adapter_of(question.province, statement)
    if statement.payload_type == REFUSAL:
        refusal = _parsed(statement, refusal_pb2.Refusal)
        _require_answer_to(question, refusal.query_statement_id)
        return Refused(question.province, question, statement, refusal)
    fragment = _parsed(statement, fragment_pb2.Fragment)
    _require_answer_to(question, fragment.query_statement_id)
    return OpenedFragment(question, statement, fragment)


def open_coverage(envelope: bytes, *, province: Province, catalogue: Catalogue, verifier: Verifier) -> VerifiedCoverage:
    """Verifies a coverage statement: the part of A-9 that does not depend on a fragment.

    Raises:
        AdmissionError: The signature, the signer or the payload breaks A-1 to A-5, it speaks of another catalogue, or it does
            not have exactly one entry for each cell that the catalogue carries.
    """
    statement = _verified(envelope, expect=frozenset({COVERAGE}), verifier=verifier)
    _require_adapter_of(province, statement)
    coverage = _parsed(statement, coverage_pb2.Coverage)
    if coverage.catalogue != catalogue.ref:
        raise AdmissionError(InadmissibleReason.WRONG_COVERAGE, "it speaks of another catalogue")
    keys = [cell_key(entry.key) for entry in coverage.cells]
    if len(keys) != len(catalogue.carried) or set(keys) != set(catalogue.carried):
        raise AdmissionError(
            InadmissibleReason.WRONG_COVERAGE, "expected one entry for each cell that the catalogue carries"
        )
    for entry in coverage.cells:
        if entry.covered:
            _day(entry.complete_from, InadmissibleReason.WRONG_COVERAGE, "complete_from")
    return VerifiedCoverage(statement, coverage)


def admit(opened: OpenedFragment, *, catalogue: Catalogue, coverage: VerifiedCoverage, at: datetime) -> Admitted:
    """Applies A-7 to A-14.

    Args:
        opened: A fragment that passed A-1 to A-6.
        catalogue: The catalogue that the query names.
        coverage: The coverage statement that the fragment names.
        at: When it is to count: now for a gateway, the report's issue time for a verifier.

    Raises:
        AdmissionError: The first rule that is broken.
    """
    query, fragment = opened.question.query, opened.fragment
    window = DayRange.from_wire(query.window)
    _require_same_question(opened)
    if query.catalogue != catalogue.ref:
        raise RuntimeError("the catalogue is not the one that the query names")
    _require_timely(opened, at)
    if (
        fragment.coverage_statement_id != coverage.statement.statement_id
        or coverage.statement.signer.member != opened.statement.signer.member
    ):
        raise AdmissionError(
            InadmissibleReason.WRONG_COVERAGE, "expected the coverage statement that the fragment names"
        )
    if coverage.statement.issued_at > opened.statement.issued_at:
        raise AdmissionError(InadmissibleReason.WRONG_COVERAGE, "the coverage statement is younger than the fragment")
    _require_requested_cells(query.cells, fragment.cells)
    covered = covered_cells(coverage.coverage, window)
    issued_at = opened.statement.issued_at
    code_position = _position_of_code(query.subject.identifiers)
    beyond = _beyond_limit(coverage.coverage, catalogue)
    for cell in fragment.cells:
        key = cell_key(cell.key)
        _require_state_as_declared(cell, key, catalogue, covered)
        if cell.state in _CONCLUSIVE and key in beyond:
            raise AdmissionError(InadmissibleReason.COVERAGE_CONTRADICTED, f"{_name(key)}: too many rows of nobody")
        _require_contents_fit_state(cell)
        if cell.state in _CONCLUSIVE:
            _require_fresh(cell, key, catalogue, issued_at)
            if code_position not in cell.identifiers_searched:
                raise AdmissionError(InadmissibleReason.CODE_NOT_SEARCHED, _name(key))
        elif cell.HasField("data_as_of") or cell.identifiers_searched:
            _require_silence_about_sources(cell, key, issued_at)
        if any(position >= len(query.subject.identifiers) for position in cell.identifiers_searched):
            raise AdmissionError(InadmissibleReason.CODE_NOT_SEARCHED, f"{_name(key)}: a position that the query lacks")
    _require_sound_records(opened, catalogue, window)
    return Admitted(opened.question.province, opened.question, opened.statement, fragment, coverage)


def still_counts(admitted: Admitted, at: datetime) -> bool:
    """Whether a fragment that was admitted earlier may count at `at` too: A-8 again, the only rule that depends on it."""
    try:
        _require_timely(OpenedFragment(admitted.question, admitted.statement, admitted.fragment), at)
    except AdmissionError:
        return False
    return True


def covered_cells(coverage: coverage_pb2.Coverage, window: DayRange) -> frozenset[CellKey]:
    """The cells for which the province answers in this window: covered, and complete from its first day on."""
    first_day = window.first.isoformat()
    return frozenset(
        cell_key(entry.key) for entry in coverage.cells if entry.covered and entry.complete_from <= first_day
    )


def cell_key(key: common_pb2.CellKey) -> CellKey:
    """A cell's key as a value that can be compared and hashed."""
    return key.domain, key.kind


_M = TypeVar("_M", fragment_pb2.Fragment, refusal_pb2.Refusal, coverage_pb2.Coverage)

_CONCLUSIVE: Final = frozenset({fragment_pb2.CELL_STATE_CLEAR, fragment_pb2.CELL_STATE_FOUND})

_FAILURES: Final = {
    VerificationFailure.KEY_UNKNOWN: InadmissibleReason.KEY_UNKNOWN,
    VerificationFailure.KEY_NOT_YET_VALID: InadmissibleReason.KEY_NOT_IN_FORCE,
    VerificationFailure.KEY_EXPIRED: InadmissibleReason.KEY_NOT_IN_FORCE,
    VerificationFailure.KEY_RETIRED: InadmissibleReason.KEY_RETIRED,
    VerificationFailure.KEY_COMPROMISED: InadmissibleReason.KEY_COMPROMISED,
    VerificationFailure.SUITE_NOT_ACCEPTED: InadmissibleReason.SUITE_NOT_ACCEPTED,
    VerificationFailure.SIGNATURE_INVALID: InadmissibleReason.SIGNATURE_INVALID,
    VerificationFailure.BATCH_PROOF_INVALID: InadmissibleReason.SIGNATURE_INVALID,
    VerificationFailure.KEY_REPEATED: InadmissibleReason.SIGNATURE_INVALID,
    VerificationFailure.SIGNERS_DIFFER: InadmissibleReason.SIGNATURE_INVALID,
    VerificationFailure.HEADER_INVALID: InadmissibleReason.PAYLOAD_MALFORMED,
    VerificationFailure.ISSUER_IS_NOT_SIGNER: InadmissibleReason.WRONG_PROVINCE,
    VerificationFailure.PAYLOAD_TYPE_NOT_ENTITLED: InadmissibleReason.SIGNER_NOT_ENTITLED,
    VerificationFailure.PAYLOAD_TYPE_UNEXPECTED: InadmissibleReason.SIGNER_NOT_ENTITLED,
}

_PAYLOAD_FAULTS: Final = {
    PayloadFault.NOT_PARSABLE: InadmissibleReason.PAYLOAD_MALFORMED,
    PayloadFault.CONSTRAINT_BROKEN: InadmissibleReason.PAYLOAD_MALFORMED,
    PayloadFault.UNKNOWN_VALUE: InadmissibleReason.VALUE_UNKNOWN,
    PayloadFault.NOT_UNDERSTOOD: InadmissibleReason.NOT_UNDERSTOOD,
}


def _verified(envelope: bytes, *, expect: frozenset[str], verifier: Verifier) -> VerifiedPayload:
    try:
        return verifier.verify(envelope, expect=expect)
    except EnvelopeError as error:
        raise AdmissionError(InadmissibleReason.ENVELOPE_NOT_STRICT, str(error)) from error
    except VerificationError as error:
        raise AdmissionError(_FAILURES[error.failure], str(error)) from error


def _parsed(statement: VerifiedPayload, message_type: type[_M]) -> _M:
    try:
        return parse(statement, message_type)
    except PayloadError as error:
        raise AdmissionError(_PAYLOAD_FAULTS[error.fault], error.where) from error


def _require_adapter_of(province: Province, statement: VerifiedPayload) -> None:
    signer = statement.signer
    if signer.member != province or signer.role != envelope_pb2.MEMBER_ROLE_ADAPTER:
        raise AdmissionError(
            InadmissibleReason.WRONG_PROVINCE,
            f"expected the adapter of {province:d}, got {signer.member}/{signer.role}",
        )


def _require_answer_to(question: Question, query_statement_id: bytes) -> None:
    if query_statement_id != question.statement_id:
        raise AdmissionError(InadmissibleReason.WRONG_QUERY, "it answers another query")


def _require_same_question(opened: OpenedFragment) -> None:
    query, fragment = opened.question.query, opened.fragment
    if fragment.uscc != query.subject.uscc:
        raise AdmissionError(InadmissibleReason.WRONG_SUBJECT, "it speaks of another subject")
    if fragment.window != query.window:
        raise AdmissionError(InadmissibleReason.WRONG_WINDOW, "it speaks of another window")
    if fragment.catalogue != query.catalogue:
        raise AdmissionError(InadmissibleReason.WRONG_CATALOGUE, "it was made by another catalogue")


def _require_timely(opened: OpenedFragment, at: datetime) -> None:
    issued_at = opened.statement.issued_at
    asked_at = from_timestamp(opened.question.query.header.issued_at)
    deadline = from_timestamp(opened.question.query.deadline)
    expires_at = from_timestamp(opened.fragment.expires_at)
    if issued_at > at + CLOCK_TOLERANCE:
        raise AdmissionError(InadmissibleReason.ISSUED_IN_FUTURE, f"{issued_at - at} ahead")
    if issued_at < asked_at - CLOCK_TOLERANCE:
        raise AdmissionError(InadmissibleReason.ISSUED_BEFORE_QUERY, f"{asked_at - issued_at} before the query")
    if issued_at - CLOCK_TOLERANCE > deadline:
        raise AdmissionError(InadmissibleReason.ISSUED_AFTER_DEADLINE, f"{issued_at - deadline} late")
    if expires_at <= at:
        raise AdmissionError(InadmissibleReason.EXPIRED, f"{at - expires_at} ago")
    if not timedelta(0) < expires_at - issued_at <= MAX_LIFETIME:
        raise AdmissionError(InadmissibleReason.LIFETIME_TOO_LONG, f"{expires_at - issued_at}")


def _require_requested_cells(requested: Iterable[common_pb2.CellKey], cells: Iterable[fragment_pb2.Cell]) -> None:
    open_keys = {cell_key(key) for key in requested}
    asked = frozenset(open_keys)
    for cell in cells:
        key = cell_key(cell.key)
        if key not in asked:
            raise AdmissionError(InadmissibleReason.CELL_NOT_REQUESTED, _name(key))
        if key not in open_keys:
            raise AdmissionError(InadmissibleReason.CELL_REPEATED, _name(key))
        open_keys.remove(key)
    if open_keys:
        raise AdmissionError(InadmissibleReason.CELL_MISSING, _name(min(open_keys)))


def _require_state_as_declared(
    cell: fragment_pb2.Cell, key: CellKey, catalogue: Catalogue, covered: frozenset[CellKey]
) -> None:
    if (cell.state == fragment_pb2.CELL_STATE_NOT_APPLICABLE) != (key not in catalogue.carried):
        raise AdmissionError(InadmissibleReason.APPLICABILITY_CONTRADICTED, _name(key))
    says_not_covered = cell.state == fragment_pb2.CELL_STATE_NOT_COVERED
    if key in catalogue.carried and says_not_covered != (key not in covered):
        raise AdmissionError(InadmissibleReason.COVERAGE_CONTRADICTED, _name(key))


def _beyond_limit(coverage: coverage_pb2.Coverage, catalogue: Catalogue) -> frozenset[CellKey]:
    """Cells with more rows that belong to nobody than the catalogue allows."""
    counts = ((cell_key(rows.key), rows.count) for rows in coverage.unattributable)
    return frozenset(
        key for key, count in counts if key in catalogue.carried and count > catalogue.carried[key].unattributable_limit
    )


def _require_contents_fit_state(cell: fragment_pb2.Cell) -> None:
    key = cell_key(cell.key)
    unavailable = cell.state == fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE
    if cell.state == fragment_pb2.CELL_STATE_CLEAR and cell.records:
        raise AdmissionError(InadmissibleReason.CLEAR_WITH_RECORDS, _name(key))
    if cell.state == fragment_pb2.CELL_STATE_FOUND and not cell.records:
        raise AdmissionError(InadmissibleReason.FOUND_WITHOUT_RECORDS, _name(key))
    if cell.records and cell.state != fragment_pb2.CELL_STATE_FOUND and not unavailable:
        raise AdmissionError(InadmissibleReason.RECORDS_OUT_OF_PLACE, _name(key))
    if unavailable != (cell.reason != fragment_pb2.UNAVAILABLE_REASON_UNSPECIFIED):
        raise AdmissionError(InadmissibleReason.UNAVAILABLE_WITHOUT_REASON, _name(key))


def _require_fresh(cell: fragment_pb2.Cell, key: CellKey, catalogue: Catalogue, issued_at: datetime) -> None:
    if not cell.HasField("data_as_of"):
        raise AdmissionError(InadmissibleReason.WATERMARK_MISSING, _name(key))
    data_as_of = from_timestamp(cell.data_as_of)
    if data_as_of > issued_at:
        raise AdmissionError(InadmissibleReason.WATERMARK_IN_FUTURE, f"{_name(key)}: {data_as_of - issued_at} ahead")
    if issued_at - data_as_of > catalogue.freshness_limit(key):
        raise AdmissionError(InadmissibleReason.STALE, f"{_name(key)}: {issued_at - data_as_of} old")


def _require_silence_about_sources(cell: fragment_pb2.Cell, key: CellKey, issued_at: datetime) -> None:
    if cell.state != fragment_pb2.CELL_STATE_SOURCE_UNAVAILABLE:
        raise AdmissionError(InadmissibleReason.WATERMARK_OUT_OF_PLACE, _name(key))
    if cell.HasField("data_as_of") and from_timestamp(cell.data_as_of) > issued_at:
        raise AdmissionError(InadmissibleReason.WATERMARK_IN_FUTURE, _name(key))


def _position_of_code(identifiers: Iterable[common_pb2.Identifier]) -> int:
    for position, identifier in enumerate(identifiers):
        if identifier.kind == common_pb2.IDENTIFIER_KIND_USCC:
            return position
    raise RuntimeError("a query without the subject's code was sent")


def _require_sound_records(opened: OpenedFragment, catalogue: Catalogue, window: DayRange) -> None:
    seen: set[str] = set()
    for cell in opened.fragment.cells:
        key = cell_key(cell.key)
        for record in cell.records:
            if record.record_id in seen:
                raise AdmissionError(InadmissibleReason.RECORD_REPEATED, f"{_name(key)}: {record.record_id}")
            seen.add(record.record_id)
            if record.decided_in != opened.question.query.addressee:
                raise AdmissionError(InadmissibleReason.RECORD_OF_OTHER_PROVINCE, f"{_name(key)}: {record.record_id}")
            _require_sound(record, key, catalogue, window)
            if from_timestamp(record.collected_at) > opened.statement.issued_at:
                where = f"{_name(key)}: {record.record_id}"
                raise AdmissionError(
                    InadmissibleReason.RECORD_MALFORMED, f"{where}: collected after the fragment was issued"
                )


def _require_sound(record: record_pb2.Record, key: CellKey, catalogue: Catalogue, window: DayRange) -> None:
    where = f"{_name(key)}: {record.record_id}"
    _require_days(where, record.disclosed_until)
    if record.WhichOneof("fact") != _FACT_OF_KIND.get(key[1]):
        raise AdmissionError(InadmissibleReason.RECORD_OF_OTHER_KIND, where)
    if any(domain not in catalogue.domain_by_id for domain in record.further_domains):
        raise AdmissionError(InadmissibleReason.RECORD_MALFORMED, f"{where}: further_domains")
    if record.replaces == record.record_id:
        raise AdmissionError(InadmissibleReason.RECORD_MALFORMED, f"{where}: replaces itself")
    for mark in record.marks:
        _record_day(mark.on, where)
    if key[1] == PENALTY:
        _require_sound_penalty(record.penalty, where, window)
    else:
        _require_sound_entry(record.list_entry, where, key, catalogue=catalogue, window=window)


def _require_sound_penalty(penalty: record_pb2.Penalty, where: str, window: DayRange) -> None:
    if _record_day(penalty.decided_on, where) not in window:
        raise AdmissionError(InadmissibleReason.RECORD_OUTSIDE_WINDOW, where)
    _require_days(where, penalty.valid_until, penalty.publicity_until, penalty.performance.performed_on)
    kinds = {amount.kind for amount in penalty.amounts}
    if len(kinds) != len(penalty.amounts):
        raise AdmissionError(InadmissibleReason.RECORD_MALFORMED, f"{where}: two amounts of one kind")
    if record_pb2.AMOUNT_KIND_COMBINED in kinds and len(kinds) > 1:
        raise AdmissionError(InadmissibleReason.RECORD_MALFORMED, f"{where}: a combined amount that is split as well")


def _require_sound_entry(
    entry: record_pb2.ListEntry, where: str, key: CellKey, *, catalogue: Catalogue, window: DayRange
) -> None:
    declared = catalogue.list_by_id.get(entry.list_id)
    if declared is None or declared.domain != key[0]:
        raise AdmissionError(InadmissibleReason.LIST_UNKNOWN, where)
    listed_on = _record_day(entry.listed_on, where)
    removed_on = _record_day(entry.removed_on, where) if entry.removed_on else None
    _require_days(where, entry.planned_end_on, entry.performance.performed_on)
    if removed_on is not None and removed_on < listed_on:
        raise AdmissionError(InadmissibleReason.RECORD_MALFORMED, f"{where}: removed before it was listed")
    if not window.overlaps(listed_on, removed_on):
        raise AdmissionError(InadmissibleReason.RECORD_OUTSIDE_WINDOW, where)


_FACT_OF_KIND: Final[Mapping[int, str]] = {PENALTY: "penalty", SERIOUS_LIST: "list_entry"}


def _require_days(where: str, *texts: str) -> None:
    """Requires that days exist, where they are stated."""
    for text in texts:
        if text:
            _record_day(text, where)


def _record_day(text: str, where: str) -> date:
    return _day(text, InadmissibleReason.RECORD_MALFORMED, where)


def _day(text: str, reason: InadmissibleReason, where: str) -> date:
    try:
        return parse_day(text)
    except ValueError as error:
        raise AdmissionError(reason, f"{where}: a day that does not exist") from error


def _name(key: CellKey) -> str:
    return f"{key[0]}/{_FACT_OF_KIND.get(key[1], str(key[1]))}"
