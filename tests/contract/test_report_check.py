"""Checking a report does everything again: one fault anywhere in it has its own name.

The numbers are those of docs/protocols/report-verification.md.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.catalogue import PENALTY, Catalogue, CatalogueSet, CellKey
from contract.days import DayRange, to_timestamp
from contract.outcome import Admitted, Question
from contract.payloads import QUERY, REPORT
from contract.province import Province
from contract.report_check import CheckedReport, ReportError, ReportFault, check_report
from contract.report_number import make as make_number
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import fragment_pb2, query_pb2, refusal_pb2
from huren.report.v1 import report_pb2
from signing import Compromised, KeyEntry, PrivateKey, Retired, Signer, TrustStore, Verifier, decode_envelope
from tests.support.federation import (
    ADAPTER,
    CATALOGUE,
    CLEAR,
    FOUND,
    GATEWAY,
    LIST_CELL,
    NOT_COVERED,
    NOW,
    PENALTY_CELL,
    SOURCE_UNAVAILABLE,
    Federation,
    list_entry,
    penalty,
    subject,
    uscc,
    wire_keys,
)

BEIJING, TIANJIN, HEBEI, SHANXI = Province
UNCOVERED: CellKey = ("taxation", PENALTY)
CELLS = (PENALTY_CELL, LIST_CELL, UNCOVERED)
FEDERATION = Federation(not_covered={HEBEI: frozenset({UNCOVERED})})
TODAY = date(2026, 11, 22)

ADMITTED = FEDERATION.admitted(
    {
        BEIJING: {PENALTY_CELL: [penalty(decision_key="a" * 64), penalty("penalty-0002", decision_key="a" * 64)]},
        SHANXI: {LIST_CELL: [list_entry()]},
    },
    cells=CELLS,
)
"""Beijing found a decision twice, Shanxi an entry; Hebei does not cover one cell; Tianjin is clear."""


@dataclass(frozen=True)
class Case:
    """A report, and what it is checked with."""

    change: Callable[[report_pb2.Report], object] = lambda _: None
    admitted: Sequence[Admitted] = ADMITTED
    home: Province = BEIJING
    verifier: Verifier = FEDERATION.verifier
    envelope: Callable[[Case], bytes] | None = None

    def sealed(self) -> bytes:
        """What the home hands out."""
        if self.envelope:
            return self.envelope(self)

        def change(report: report_pb2.Report) -> None:
            self.change(report)

        return FEDERATION.report(self.admitted, home=self.home, change=change)

    def checked(self) -> CheckedReport:
        """The report as a verifier accepts it."""
        return check_report(self.sealed(), verifier=self.verifier, catalogues=FEDERATION.catalogues)

    def error(self) -> ReportError:
        """Why a verifier does not."""
        with pytest.raises(ReportError) as caught:
            self.checked()
        return caught.value


# --- What is correct -------------------------------------------------------------------------------------------------


def test_a_sealed_report_verifies() -> None:
    envelope = FEDERATION.report(ADMITTED)

    checked = check_report(envelope, verifier=FEDERATION.verifier, catalogues=FEDERATION.catalogues)

    assert checked.statement.envelope == envelope
    assert checked.report == report_pb2.Report.FromString(checked.statement.payload)
    assert checked.catalogue.file == CATALOGUE.file
    assert checked.issued_at == NOW
    assert [one.province for one in checked.admitted] == list(Province)
    assert [one.statement for one in checked.admitted] == [one.statement for one in ADMITTED]
    assert checked.report.conclusion == report_pb2.Conclusion(
        verdict=report_pb2.VERDICT_FOUND, limited=True, penalty_count=1, list_entry_count=1
    )


@pytest.mark.parametrize("home", Province, ids=lambda province: province.slug)
def test_a_report_of_every_home_verifies(home: Province) -> None:
    admitted = FEDERATION.admitted(cells=[PENALTY_CELL], home=home)

    assert Case(admitted=admitted, home=home).checked().report.conclusion.verdict == report_pb2.VERDICT_NOTHING_FOUND


def test_a_report_of_the_whole_catalogue_verifies() -> None:
    assert len(Case(admitted=FEDERATION.admitted()).checked().report.cells) == 34


def test_the_order_in_which_answers_came_does_not_matter() -> None:
    assert Case(admitted=ADMITTED[::-1]).checked().admitted == Case().checked().admitted


def test_a_report_stays_what_it_is_after_its_fragments_expired_and_its_keys_retired() -> None:
    later = _with_states(Retired(at=NOW), BEIJING, ADAPTER)

    assert Case(verifier=later).checked().issued_at == NOW


def test_fields_of_a_later_release_change_nothing() -> None:
    def extend(report: report_pb2.Report) -> None:
        for message in (report, report.columns[0], report.conclusion, report.subject, report.window):
            message.MergeFromString(b"\xfa\x3e\x02ok")

    extended, plain = Case(extend).checked().report, Case().checked().report

    assert extended.columns == plain.columns
    assert extended.conclusion == plain.conclusion
    assert extended.subject == plain.subject


# --- One fault, one name ---------------------------------------------------------------------------------------------


def _with_states(state: Retired | Compromised, province: Province, role: envelope_pb2.MemberRole.ValueType) -> Verifier:
    def entry(key: KeyEntry) -> KeyEntry:
        return replace(key, state=state) if (key.member, key.role) == (province, role) else key

    return _trusting(entry)


def _entitling_everybody() -> Verifier:
    everything = frozenset().union(*(entry.payload_types for entry in FEDERATION.trust.keys.values()))
    return _trusting(lambda entry: replace(entry, payload_types=everything))


def _trusting(change: Callable[[KeyEntry], KeyEntry]) -> Verifier:
    trust = FEDERATION.trust
    entries = [change(entry) for entry in trust.keys.values()]
    return Verifier(TrustStore.from_entries(entries, policy=trust.policy, published_at=trust.published_at))


# the envelope and the payload.


def _signed_by(
    province: Province, role: envelope_pb2.MemberRole.ValueType, key: PrivateKey | None = None
) -> Callable[[Case], bytes]:
    def envelope(_: Case) -> bytes:
        report = _report()
        signer = Signer(key or FEDERATION.keys[province, role], issuer=province, role=role)
        report.header.CopyFrom(signer.new_header(NOW))
        return signer.sign(REPORT, report).envelope

    return envelope


def _report() -> report_pb2.Report:
    return report_pb2.Report.FromString(decode_envelope(FEDERATION.report(ADMITTED)).payload)


def _payload_flipped(_: Case) -> bytes:
    envelope = decode_envelope(FEDERATION.report(ADMITTED))
    envelope.payload = envelope.payload[:-1] + bytes([envelope.payload[-1] ^ 1])
    return envelope.SerializeToString(deterministic=True)


def _signature_stripped(_: Case) -> bytes:
    envelope = decode_envelope(FEDERATION.report(ADMITTED))
    envelope.ClearField("signatures")
    return envelope.SerializeToString(deterministic=True)


def _signed_bytes(payload: bytes) -> Callable[[Case], bytes]:
    return lambda _: FEDERATION.sign_payload(REPORT, payload, role=GATEWAY)


_HEADER_ALONE = envelope_pb2.AnyPayload(header=FEDERATION.header(BEIJING, GATEWAY)).SerializeToString()

_ENVELOPE = [
    ("nothing", Case(envelope=lambda _: b""), "ENVELOPE_NOT_STRICT"),
    ("no envelope", Case(envelope=lambda _: b"%PDF-1.7"), "ENVELOPE_NOT_STRICT"),
    ("one byte more", Case(envelope=lambda _: FEDERATION.report(ADMITTED) + b"\0"), "ENVELOPE_NOT_STRICT"),
    ("signature stripped", Case(envelope=_signature_stripped), "ENVELOPE_NOT_STRICT"),
    ("payload flipped", Case(envelope=_payload_flipped), "SIGNATURE_NOT_ACCEPTED"),
    ("a fragment", Case(envelope=lambda _: ADMITTED[0].statement.envelope), "SIGNATURE_NOT_ACCEPTED"),
    (
        "key of nobody",
        Case(envelope=_signed_by(BEIJING, GATEWAY, PrivateKey.from_seed(bytes(32)))),
        "SIGNATURE_NOT_ACCEPTED",
    ),
    ("key of the adapter", Case(envelope=_signed_by(BEIJING, ADAPTER)), "SIGNATURE_NOT_ACCEPTED"),
    (
        "adapter that is entitled by mistake",
        Case(envelope=_signed_by(BEIJING, ADAPTER), verifier=_entitling_everybody()),
        "SIGNATURE_NOT_ACCEPTED",
    ),
    (
        "issued after its key was retired",
        Case(verifier=_with_states(Retired(at=NOW - timedelta(seconds=1)), BEIJING, GATEWAY)),
        "SIGNATURE_NOT_ACCEPTED",
    ),
    (
        "key of the home compromised",
        Case(verifier=_with_states(Compromised(since=NOW + timedelta(days=9)), BEIJING, GATEWAY)),
        "SIGNATURE_NOT_ACCEPTED",
    ),
    ("header alone", Case(envelope=_signed_bytes(_HEADER_ALONE)), "PAYLOAD_MALFORMED"),
    ("rest is no message", Case(envelope=_signed_bytes(_HEADER_ALONE + b"\x52\x01\xff")), "PAYLOAD_MALFORMED"),
    ("no issuer", Case(lambda report: report.ClearField("issuer")), "PAYLOAD_MALFORMED"),
    ("purpose unknown", Case(lambda report: setattr(report, "purpose", 99)), "PAYLOAD_MALFORMED"),
    ("demands a feature", Case(lambda report: report.header.must_understand.append("x")), "PAYLOAD_MALFORMED"),
]


# number, rules, catalogue, request.


def _numbered(number: str) -> Case:
    return Case(lambda report: setattr(report, "report_number", number))


def _issued(at: datetime, day: date) -> Case:
    """Issued at another time; the number follows."""

    def change(report: report_pb2.Report) -> None:
        report.header.issued_at.CopyFrom(to_timestamp(at))
        report.report_number = make_number(BEIJING, day, 1)

    return Case(change)


def _other_catalogue(file: bytes) -> Callable[[report_pb2.Report], None]:
    def change(report: report_pb2.Report) -> None:
        report.catalogue_file = file
        report.catalogue.CopyFrom(Catalogue.parse(file).ref)

    return change


def _three_provinces() -> bytes:
    return json.dumps({**json.loads(CATALOGUE.file), "provinces": [11, 12, 13]}).encode()


def _cells(cells: Sequence[CellKey]) -> Case:
    """Other cells in the report; whether the queries agree is looked at later."""

    def change(report: report_pb2.Report) -> None:
        del report.cells[:]
        report.cells.extend(wire_keys(cells))

    return Case(change)


def _asked(change: Callable[[common_pb2.Subject], object]) -> Case:
    return Case(lambda report: change(report.subject))


def _window(first: str, last: str) -> Case:
    return Case(lambda report: report.window.CopyFrom(common_pb2.Window(first_day=first, last_day=last)))


_REQUEST = [
    ("number with a wrong check character", _numbered(make_number(BEIJING, TODAY, 1)[:-1] + "X"), "NUMBER_WRONG"),
    ("number of another province", _numbered(make_number(TIANJIN, TODAY, 1)), "NUMBER_WRONG"),
    ("number of the day before", _numbered(make_number(BEIJING, date(2026, 11, 21), 1)), "NUMBER_WRONG"),
    (
        "number of the day in UTC",
        _issued(datetime(2026, 11, 22, 16, 0, tzinfo=NOW.tzinfo), TODAY),
        "NUMBER_WRONG",
    ),
    ("number of nobody", _numbered("HR152026112200000001" + "0"), "NUMBER_WRONG"),
    ("admission rules unknown", Case(lambda report: setattr(report.rules, "admission", 2)), "RULES_UNKNOWN"),
    ("merge rules unknown", Case(lambda report: setattr(report.rules, "merge", 2)), "RULES_UNKNOWN"),
    (
        "catalogue file changed",
        Case(lambda report: setattr(report, "catalogue_file", CATALOGUE.file + b"\n")),
        "CATALOGUE_WRONG",
    ),
    ("no catalogue", Case(lambda report: setattr(report, "catalogue_file", b"{}")), "CATALOGUE_WRONG"),
    ("catalogue of nobody", Case(_other_catalogue(CATALOGUE.file + b"\n")), "CATALOGUE_NOT_KNOWN"),
    ("catalogue without a province", Case(_other_catalogue(_three_provinces())), "CATALOGUE_NOT_KNOWN"),
    (
        "name that nobody searched",
        Case(lambda report: setattr(report.subject, "name", "另一示例企业")),
        "REQUEST_MALFORMED",
    ),
    ("no name from a registry", Case(lambda report: setattr(report.subject, "name", "")), "REQUEST_MALFORMED"),
    (
        "cancelled subject",
        Case(lambda report: setattr(report.subject, "registration_status", common_pb2.REGISTRATION_STATUS_CANCELLED)),
        "REQUEST_MALFORMED",
    ),
    ("specimen not marked", Case(lambda report: setattr(report, "specimen", False)), "SPECIMEN_NOT_MARKED"),
    ("cells out of order", _cells([LIST_CELL, PENALTY_CELL, UNCOVERED]), "REQUEST_MALFORMED"),
    ("cell twice", _cells([PENALTY_CELL, PENALTY_CELL, LIST_CELL, UNCOVERED]), "REQUEST_MALFORMED"),
    ("cell of no catalogue", _cells([PENALTY_CELL, LIST_CELL, UNCOVERED, ("nowhere", PENALTY)]), "REQUEST_MALFORMED"),
    ("window inverted", _window("2026-11-22", "2021-11-22"), "REQUEST_MALFORMED"),
    ("window of no day", _window("2021-02-29", "2026-11-22"), "REQUEST_MALFORMED"),
    ("window too long", _window("2021-11-21", "2026-11-22"), "REQUEST_MALFORMED"),
    ("window in the future", _window("2021-11-23", "2026-11-23"), "REQUEST_MALFORMED"),
    ("window at the end of time", _window("9998-01-01", "9999-12-31"), "REQUEST_MALFORMED"),
    ("code with a wrong check character", _asked(lambda s: setattr(s, "uscc", s.uscc[:-1] + "T")), "REQUEST_MALFORMED"),
    ("nothing to search by but a name", _asked(lambda s: _keep_identifiers(s, slice(2, None))), "REQUEST_MALFORMED"),
    (
        "another subject's code to search by",
        _asked(lambda s: setattr(s.identifiers[0], "value", uscc(2))),
        "REQUEST_MALFORMED",
    ),
    ("two codes to search by", _asked(lambda s: s.identifiers.append(s.identifiers[0])), "REQUEST_MALFORMED"),
]


def _keep_identifiers(asked: common_pb2.Subject, kept: slice) -> None:
    identifiers = list(asked.identifiers)[kept]
    del asked.identifiers[:]
    asked.identifiers.extend(identifiers)


# the answers.

_OTHER_REQUEST = FEDERATION.admitted(cells=CELLS)
"""The same request, answered once more: other fragments, all of them good."""


def _answers(change: Callable[[list[report_pb2.Answer]], Sequence[report_pb2.Answer]]) -> Case:
    def changed(report: report_pb2.Report) -> None:
        answers = change(list(report.answers))
        del report.answers[:]
        report.answers.extend(answers)

    return Case(changed)


def _answer(change: Callable[[report_pb2.Answer], object], at: int = 1) -> Case:
    return Case(lambda report: change(report.answers[at]))


def _tianjin(
    question: Question, answer: Callable[[Question], bytes] = FEDERATION.answer
) -> Callable[[report_pb2.Answer], None]:
    """Puts another query into the report, with the answer to it."""

    def change(one: report_pb2.Answer) -> None:
        one.query_envelope = question.envelope
        one.fragment_envelope = answer(question)

    return change


def _question(**changes: object) -> Question:
    return FEDERATION.question(**{"province": TIANJIN, "cells": CELLS, **changes})  # type: ignore[arg-type]


def _queried(**changes: object) -> Case:
    """Tianjin was asked something else than the report says, and answered it well."""
    return _answer(_tianjin(_question(**changes)))


def _fragment(envelope: bytes) -> Case:
    return _answer(lambda one: setattr(one, "fragment_envelope", envelope))


def _coverage(envelope: bytes) -> Case:
    return _answer(lambda one: setattr(one, "coverage_envelope", envelope))


def _subject_changed(query: query_pb2.Query) -> None:
    query.subject.name = "天津示例机械有限公司"


def _purpose_changed(query: query_pb2.Query) -> None:
    query.purpose = query_pb2.PURPOSE_AWARD


def _catalogue_changed(query: query_pb2.Query) -> None:
    query.catalogue.version = "2026-01"


def _asked_later(query: query_pb2.Query) -> None:
    query.header.issued_at.CopyFrom(to_timestamp(NOW + timedelta(microseconds=1)))


def _never_due(query: query_pb2.Query) -> None:
    query.deadline.CopyFrom(Timestamp(seconds=253_402_300_799, nanos=999_999_999))


def _second_attempt(query: query_pb2.Query) -> None:
    query.attempt = 2


def _due_after_time(query: query_pb2.Query) -> None:
    query.deadline.CopyFrom(Timestamp(seconds=253_402_300_800))


def _refused() -> bytes:
    return FEDERATION.refusal(ADMITTED[1].question, refusal_pb2.REFUSAL_REASON_OVERLOADED)


def _changed_fragment(change: Callable[[fragment_pb2.Fragment], object]) -> Case:
    def changed(fragment: fragment_pb2.Fragment) -> None:
        change(fragment)

    return _fragment(FEDERATION.answer(ADMITTED[1].question, change=changed))


def _coverage_of_another_catalogue() -> bytes:
    return FEDERATION.signed_coverage(
        TIANJIN, lambda coverage: setattr(coverage.catalogue, "version", "2026-01")
    ).envelope


_ANSWERS = [
    ("answer dropped", _answers(lambda answers: answers[:3]), "ANSWERS_INCOMPLETE"),
    ("answers re-ordered", _answers(lambda answers: answers[::-1]), "ANSWERS_INCOMPLETE"),
    ("province twice", _answers(lambda answers: [*answers[:2], answers[1], *answers[2:]]), "ANSWERS_INCOMPLETE"),
    ("province instead of another", _answers(lambda answers: [*answers[:3], answers[2]]), "ANSWERS_INCOMPLETE"),
    ("query signed by another home", _queried(home=TIANJIN), "QUERY_DIFFERS"),
    ("query addressed to another province", _queried(province=HEBEI), "QUERY_DIFFERS"),
    ("query about another subject", _queried(code=uscc(2)), "QUERY_DIFFERS"),
    ("query about another name", _queried(change=_subject_changed), "QUERY_DIFFERS"),
    ("query of another window", _queried(window=DayRange(date(2023, 1, 1), TODAY)), "QUERY_DIFFERS"),
    ("query for fewer cells", _queried(cells=CELLS[:2]), "QUERY_DIFFERS"),
    ("query in another order", _queried(cells=CELLS[::-1]), "QUERY_DIFFERS"),
    ("query of another request", _queried(request_id="1" * 32), "QUERY_DIFFERS"),
    ("query for another purpose", _queried(change=_purpose_changed), "QUERY_DIFFERS"),
    ("query by another catalogue", _queried(change=_catalogue_changed), "QUERY_DIFFERS"),
    ("query younger than the report", _queried(change=_asked_later), "QUERY_DIFFERS"),
    ("query due after time", _queried(change=_due_after_time), "QUERY_DIFFERS"),
    (
        "fragment instead of the query",
        _answer(lambda one: setattr(one, "query_envelope", one.fragment_envelope)),
        "QUERY_DIFFERS",
    ),
    ("no query", _answer(lambda one: setattr(one, "query_envelope", b"?")), "QUERY_DIFFERS"),
    (
        "coverage of another province",
        _coverage(FEDERATION.coverage(SHANXI).statement.envelope),
        "COVERAGE_NOT_ADMITTED",
    ),
    ("coverage of another catalogue", _coverage(_coverage_of_another_catalogue()), "COVERAGE_NOT_ADMITTED"),
    ("no coverage", _coverage(b"?"), "COVERAGE_NOT_ADMITTED"),
    (
        "another coverage of the province",
        _coverage(FEDERATION.signed_coverage(TIANJIN).envelope),
        "FRAGMENT_NOT_ADMITTED",
    ),
    (
        "fragment of another province",
        _answer(lambda one: setattr(one, "fragment_envelope", ADMITTED[3].statement.envelope)),
        "FRAGMENT_NOT_ADMITTED",
    ),
    (
        "fragment about another subject",
        _fragment(FEDERATION.answer(_question(code=uscc(2)))),
        "FRAGMENT_NOT_ADMITTED",
    ),
    (
        "fragment about another subject, under this query",
        _changed_fragment(lambda f: setattr(f, "uscc", uscc(2))),
        "FRAGMENT_NOT_ADMITTED",
    ),
    (
        "older fragment of another request",
        _fragment(FEDERATION.answer(_question(request_id="1" * 32))),
        "FRAGMENT_NOT_ADMITTED",
    ),
    (
        "fragment of the same request, asked again",
        _fragment(_OTHER_REQUEST[1].statement.envelope),
        "FRAGMENT_NOT_ADMITTED",
    ),
    (
        "fragment of an hour ago",
        _changed_fragment(lambda f: f.header.issued_at.CopyFrom(to_timestamp(NOW - timedelta(hours=1)))),
        "FRAGMENT_NOT_ADMITTED",
    ),
    ("refusal", _fragment(_refused()), "FRAGMENT_NOT_ADMITTED"),
    ("no fragment", _fragment(b"?"), "FRAGMENT_NOT_ADMITTED"),
    ("fragment that breaks a rule", _changed_fragment(lambda f: f.cells.pop()), "FRAGMENT_NOT_ADMITTED"),
    ("fragment expired before issue", _issued(NOW + timedelta(hours=1), TODAY), "FRAGMENT_NOT_ADMITTED"),
    (
        "key of an adapter compromised",
        Case(verifier=_with_states(Compromised(since=NOW), TIANJIN, ADAPTER)),
        "COVERAGE_NOT_ADMITTED",
    ),
    (
        "key of an adapter retired before it answered",
        Case(verifier=_with_states(Retired(at=NOW - timedelta(seconds=1)), TIANJIN, ADAPTER)),
        "FRAGMENT_NOT_ADMITTED",
    ),
]


# the merge.


def _clear_above_found(report: report_pb2.Report) -> None:
    """The fragments stay; whatever is above them says that nothing was found."""
    for column in report.columns:
        states = [CLEAR if state == FOUND else state for state in column.states]
        counts = [0] * len(column.record_counts)
        del column.states[:], column.record_counts[:]
        column.states.extend(states)
        column.record_counts.extend(counts)
    del report.repeated_decisions[:]
    report.conclusion.CopyFrom(report_pb2.Conclusion(verdict=report_pb2.VERDICT_NOTHING_FOUND, limited=True))


def _state(at: int, cell: int, state: fragment_pb2.CellState.ValueType) -> Case:
    def change(report: report_pb2.Report) -> None:
        report.columns[at].states[cell] = state

    return Case(change)


def _count(at: int, cell: int, count: int) -> Case:
    def change(report: report_pb2.Report) -> None:
        report.columns[at].record_counts[cell] = count

    return Case(change)


def _concluded(**changes: object) -> Case:
    def change(report: report_pb2.Report) -> None:
        for name, value in changes.items():
            setattr(report.conclusion, name, value)

    return Case(change)


def _columns_reversed(report: report_pb2.Report) -> None:
    columns = list(report.columns)[::-1]
    del report.columns[:]
    report.columns.extend(columns)


_OPEN = FEDERATION.admitted(cells=CELLS, states={SHANXI: {LIST_CELL: SOURCE_UNAVAILABLE}})


def _hide_the_gap(report: report_pb2.Report) -> None:
    """The unavailable cell is said to be clear."""
    states = [CLEAR if state == SOURCE_UNAVAILABLE else state for state in report.columns[3].states]
    del report.columns[3].states[:]
    report.columns[3].states.extend(states)


_MERGE = [
    ("SOURCE_UNAVAILABLE embedded", Case(admitted=_OPEN), "NOT_SEALABLE"),
    ("SOURCE_UNAVAILABLE embedded and said to be CLEAR", Case(_hide_the_gap, admitted=_OPEN), "NOT_SEALABLE"),
    ("CLEAR signed above FOUND", Case(_clear_above_found), "MERGE_DIFFERS"),
    ("one state changed", _state(0, 0, CLEAR), "MERGE_DIFFERS"),
    ("CLEAR where it is not covered", _state(2, 2, CLEAR), "MERGE_DIFFERS"),
    ("NOT_COVERED where it is clear", _state(1, 2, NOT_COVERED), "MERGE_DIFFERS"),
    ("one count less", _count(0, 0, 1), "MERGE_DIFFERS"),
    ("one count more", _count(1, 0, 1), "MERGE_DIFFERS"),
    (
        "column of another fragment",
        Case(lambda report: setattr(report.columns[0], "fragment_statement_id", bytes(32))),
        "MERGE_DIFFERS",
    ),
    ("column dropped", Case(lambda report: report.columns.pop()), "MERGE_DIFFERS"),
    ("columns re-ordered", Case(_columns_reversed), "MERGE_DIFFERS"),
    ("repeated decision dropped", Case(lambda report: report.repeated_decisions.pop()), "MERGE_DIFFERS"),
    (
        "repeated decision invented",
        Case(lambda report: report.repeated_decisions.append(report.repeated_decisions[0])),
        "MERGE_DIFFERS",
    ),
    (
        "conflict invented",
        Case(lambda report: setattr(report.repeated_decisions[0], "conflicting", True)),
        "MERGE_DIFFERS",
    ),
    ("verdict changed", _concluded(verdict=report_pb2.VERDICT_NOTHING_FOUND), "MERGE_DIFFERS"),
    ("limit concealed", _concluded(limited=False), "MERGE_DIFFERS"),
    ("decisions miscounted", _concluded(penalty_count=2), "MERGE_DIFFERS"),
    ("entries miscounted", _concluded(list_entry_count=0), "MERGE_DIFFERS"),
    ("objections invented", _concluded(under_objection_count=1), "MERGE_DIFFERS"),
]

FAULTS = _ENVELOPE + _REQUEST + _ANSWERS + _MERGE


@pytest.mark.parametrize(
    ("case", "fault"), [pytest.param(case, ReportFault(fault), id=name) for name, case, fault in FAULTS]
)
def test_a_single_fault_has_its_own_name(case: Case, fault: ReportFault) -> None:
    error = case.error()

    assert error.fault is fault
    assert str(error).startswith(fault)


def test_every_fault_of_the_list_has_a_case() -> None:
    assert {fault for _, _, fault in FAULTS} == {fault.value for fault in ReportFault}


def test_cases_are_told_apart_by_name() -> None:
    names = [name for name, _, _ in FAULTS]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(_queried(home=TIANJIN), id="query"),
        pytest.param(_coverage(b"?"), id="coverage"),
        pytest.param(_fragment(b"?"), id="fragment"),
    ],
)
def test_names_the_province_whose_part_it_is(case: Case) -> None:
    error = case.error()

    assert error.province is TIANJIN
    assert "tianjin" in str(error)


def _a_minute_ahead(fragment: fragment_pb2.Fragment) -> None:
    fragment.header.issued_at.CopyFrom(to_timestamp(NOW + timedelta(seconds=60)))


def _tianjin_asked(question: Question, change: Callable[[fragment_pb2.Fragment], None] = lambda _: None) -> Case:
    """Tianjin was asked by another query, and the report is made of the answer to it."""
    admitted = list(ADMITTED)
    admitted[1] = FEDERATION.admit(question, FEDERATION.answer(question, change=change))
    return Case(admitted=admitted)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(_issued(NOW + timedelta(hours=1) - timedelta(microseconds=1), TODAY), id="before it expires"),
        pytest.param(_tianjin_asked(_question(), _a_minute_ahead), id="fragment 60 seconds younger"),
        pytest.param(_tianjin_asked(_question(change=_never_due)), id="query that is never due"),
        pytest.param(_tianjin_asked(_question(change=_second_attempt)), id="query of the second attempt"),
        pytest.param(Case(verifier=_with_states(Retired(at=NOW), BEIJING, GATEWAY)), id="key retired when it signed"),
    ],
)
def test_verifies_at_the_limit(case: Case) -> None:
    assert case.checked().report.conclusion.verdict == report_pb2.VERDICT_FOUND


@pytest.mark.parametrize("cells", [CELLS, [PENALTY_CELL], [LIST_CELL], [("court_enforcement", PENALTY)]], ids=str)
def test_a_request_for_some_cells_verifies(cells: Sequence[CellKey]) -> None:
    assert len(Case(admitted=FEDERATION.admitted(cells=cells)).checked().report.cells) == len(cells)


def test_a_report_made_by_an_earlier_catalogue_verifies_for_ever() -> None:
    later = {**json.loads(CATALOGUE.file), "version": "2027-01", "effective_from": "2026-11-01"}
    catalogues = CatalogueSet([CATALOGUE, Catalogue.parse(json.dumps(later).encode())])

    checked = check_report(FEDERATION.report(ADMITTED), verifier=FEDERATION.verifier, catalogues=catalogues)

    assert checked.catalogue.version == CATALOGUE.version


# --- Any change, any bytes -------------------------------------------------------------------------------------------

SMALL = FEDERATION.report(FEDERATION.admitted(cells=[PENALTY_CELL]))
SMALL_PAYLOAD = decode_envelope(SMALL).payload


def test_no_report_with_a_flipped_byte_verifies() -> None:
    begin = SMALL.index(SMALL_PAYLOAD)
    header_end = begin + len(
        envelope_pb2.AnyPayload(header=report_pb2.Report.FromString(SMALL_PAYLOAD).header).SerializeToString()
    )
    payload_end = begin + len(SMALL_PAYLOAD)
    sample = range(header_end, payload_end, (payload_end - header_end) // 300)
    verified = []
    for at in (*range(header_end), *sample, *range(payload_end, len(SMALL))):
        changed = SMALL[:at] + bytes([SMALL[at] ^ (1 << at % 8)]) + SMALL[at + 1 :]
        with contextlib.suppress(ReportError):
            check_report(changed, verifier=FEDERATION.verifier, catalogues=FEDERATION.catalogues)
            verified.append(at)

    assert verified == []


@given(envelope=st.binary())
def test_any_bytes_are_refused_by_name(envelope: bytes) -> None:
    with pytest.raises(ReportError):
        check_report(envelope, verifier=FEDERATION.verifier, catalogues=FEDERATION.catalogues)


def _check_or_refuse(payload: bytes) -> None:
    envelope = FEDERATION.sign_payload(REPORT, payload, role=GATEWAY)
    with contextlib.suppress(ReportError):
        check_report(envelope, verifier=FEDERATION.verifier, catalogues=FEDERATION.catalogues)


def test_whatever_byte_a_home_signs_is_judged_by_name() -> None:
    # Signed in earnest. The embedded envelopes and the catalogue are bytes of others, with their own tests.
    report = report_pb2.Report.FromString(SMALL_PAYLOAD)
    parts = [report.catalogue_file]
    for answer in report.answers:
        parts += [answer.query_envelope, answer.fragment_envelope, answer.coverage_envelope]
    opaque = {at for part in parts for at in range(SMALL_PAYLOAD.index(part), SMALL_PAYLOAD.index(part) + len(part))}

    for at in sorted(set(range(len(SMALL_PAYLOAD))) - opaque):
        _check_or_refuse(SMALL_PAYLOAD[:at] + bytes([SMALL_PAYLOAD[at] ^ (1 << at % 8)]) + SMALL_PAYLOAD[at + 1 :])


@settings(max_examples=50, deadline=None)
@given(at=st.integers(0, len(SMALL_PAYLOAD)), length=st.integers(0, 12), other=st.binary(max_size=12))
def test_whatever_bytes_a_home_signs_are_judged_by_name(at: int, length: int, other: bytes) -> None:
    _check_or_refuse(SMALL_PAYLOAD[:at] + other + SMALL_PAYLOAD[at + length :])


def test_whatever_query_a_home_signs_is_judged_by_name() -> None:
    report = report_pb2.Report.FromString(SMALL_PAYLOAD)
    query = decode_envelope(report.answers[0].query_envelope).payload
    for at in range(len(query)):
        changed = query[:at] + bytes([query[at] ^ (1 << at % 8)]) + query[at + 1 :]
        report.answers[0].query_envelope = FEDERATION.sign_payload(QUERY, changed, role=GATEWAY)
        _check_or_refuse(report.SerializeToString())


def test_errors_hold_neither_code_nor_name_of_the_subject() -> None:
    for _, case, _ in FAULTS:
        error = case.error()
        assert subject().name not in str(error)
        assert subject().uscc not in str(error)
