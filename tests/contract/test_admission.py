"""Every rule of the admission list: a single fault in a correct answer yields its own named refusal.

The numbers are those of docs/protocols/admission.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from contract import admission
from contract.admission import AdmissionError, OpenedFragment, admit, open_answer
from contract.catalogue import PENALTY, SERIOUS_LIST, Catalogue, CellKey
from contract.days import DayRange, to_timestamp
from contract.outcome import Admitted, InadmissibleReason, Question, Refused
from contract.payloads import FRAGMENT
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import fragment_pb2, query_pb2, record_pb2, refusal_pb2
from signing import (
    Compromised,
    KeyEntry,
    PrivateKey,
    Retired,
    Signer,
    SuitePolicy,
    TrustStore,
    Verifier,
    decode_envelope,
    encode_envelope,
)
from tests.support.federation import (
    ADAPTER,
    CATALOGUE,
    CLEAR,
    FOUND,
    GATEWAY,
    LIST_CELL,
    NOT_APPLICABLE,
    NOT_COVERED,
    NOW,
    PENALTY_CELL,
    SOURCE_UNAVAILABLE,
    WINDOW,
    Federation,
    cell,
    list_entry,
    penalty,
    uscc,
)

BEIJING, TIANJIN = Province.BEIJING, Province.TIANJIN
SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)

UNCOVERED: CellKey = ("taxation", PENALTY)
SILENT: CellKey = ("transport", PENALTY)
INAPPLICABLE: CellKey = ("court_enforcement", PENALTY)
EMPTY: CellKey = ("taxation", SERIOUS_LIST)

CELLS = (PENALTY_CELL, LIST_CELL, UNCOVERED, SILENT, INAPPLICABLE, EMPTY)
FEDERATION = Federation(not_covered={BEIJING: frozenset({UNCOVERED}), TIANJIN: frozenset({UNCOVERED})})
QUESTION = FEDERATION.question(cells=CELLS)
"""One cell of every state."""


@dataclass(frozen=True)
class Case:
    """An answer, and everything that it is held against."""

    question: Question = QUESTION
    change: Callable[[fragment_pb2.Fragment], None] = lambda _: None
    answer: Callable[[Case], bytes] | None = None
    verifier: Verifier | None = None
    at: datetime = NOW

    @property
    def fragment(self) -> fragment_pb2.Fragment:
        """The fragment that is correct before the change."""
        return FEDERATION.fragment(
            self.question,
            {PENALTY_CELL: [penalty(), penalty("penalty-0002")], LIST_CELL: [list_entry()]},
            states={SILENT: SOURCE_UNAVAILABLE},
            change=self.change,
        )

    @property
    def envelope(self) -> bytes:
        """What arrives."""
        if self.answer:
            return self.answer(self)
        return FEDERATION.signer(self.question.province, ADAPTER).sign(FRAGMENT, self.fragment).envelope

    def outcome(self) -> Admitted | Refused:
        """Opens and admits what arrives, as a gateway does."""
        opened = open_answer(self.envelope, question=self.question, verifier=self.verifier or FEDERATION.verifier)
        if isinstance(opened, Refused):
            return opened
        coverage = FEDERATION.coverage(self.question.province)
        return admit(opened, catalogue=FEDERATION.catalogue, coverage=coverage, at=self.at)

    def reason(self) -> InadmissibleReason:
        """Why it may not count."""
        with pytest.raises(AdmissionError) as caught:
            self.outcome()
        return caught.value.reason


def _changed(change: Callable[[fragment_pb2.Fragment], object]) -> Case:
    return Case(change=lambda fragment: void(change(fragment)))


def void(_: object) -> None:
    """Drops a value, where a lambda has one and a caller wants none."""


def _cell(fragment: fragment_pb2.Fragment, key: CellKey) -> fragment_pb2.Cell:
    return next(cell for cell in fragment.cells if (cell.key.domain, cell.key.kind) == key)


def _records(fragment: fragment_pb2.Fragment) -> list[record_pb2.Record]:
    return [record for one in fragment.cells for record in one.records]


# --- What is correct -------------------------------------------------------------------------------------------------


def test_admits_a_correct_answer() -> None:
    case = Case()
    envelope = case.envelope
    opened = open_answer(envelope, question=QUESTION, verifier=FEDERATION.verifier)
    assert isinstance(opened, OpenedFragment)

    admitted = admit(opened, catalogue=CATALOGUE, coverage=FEDERATION.coverage(BEIJING), at=NOW)

    assert admitted.province is BEIJING
    assert admitted.question is QUESTION
    assert admitted.statement.envelope == envelope
    assert admitted.fragment == fragment_pb2.Fragment.FromString(admitted.statement.payload)
    assert admitted.coverage is FEDERATION.coverage(BEIJING)
    assert [one.state for one in admitted.fragment.cells] == [
        FOUND,
        FOUND,
        NOT_COVERED,
        SOURCE_UNAVAILABLE,
        NOT_APPLICABLE,
        CLEAR,
    ]


@pytest.mark.parametrize("province", Province, ids=lambda province: province.slug)
def test_admits_every_province_also_at_its_own_home(province: Province) -> None:
    question = FEDERATION.question(province, home=province, cells=[PENALTY_CELL])

    admitted = FEDERATION.admit(question, FEDERATION.answer(question, {PENALTY_CELL: [penalty()]}))

    assert admitted.province is province


def test_admits_all_cells_of_the_catalogue() -> None:
    question = FEDERATION.question()

    assert len(FEDERATION.admit(question, FEDERATION.answer(question)).fragment.cells) == 34


def test_the_order_of_cells_does_not_matter() -> None:
    reversed_cells = Case(change=lambda fragment: fragment.cells.reverse()).outcome()

    assert isinstance(reversed_cells, Admitted)


def test_a_feature_that_is_not_known_may_be_ignored_unless_demanded() -> None:
    later_release = Case(change=lambda fragment: void(fragment.window.MergeFromString(b"\xfa\x3e\x02ok")))

    assert isinstance(later_release.outcome(), Admitted)


@pytest.mark.parametrize("reason", [one for one in refusal_pb2.RefusalReason.values() if one])
def test_a_refusal_that_answers_the_query_is_refused_whatever_its_reason(
    reason: refusal_pb2.RefusalReason.ValueType,
) -> None:
    refused = Case(answer=lambda case: FEDERATION.refusal(case.question, reason)).outcome()

    assert isinstance(refused, Refused)
    assert (refused.province, refused.question, refused.refusal.reason) == (BEIJING, QUESTION, reason)


MOST_OF_NOBODY = CATALOGUE.carried[PENALTY_CELL].unattributable_limit


@pytest.mark.parametrize("cell", [PENALTY_CELL, EMPTY], ids=["found", "clear"])
@pytest.mark.parametrize("count", [MOST_OF_NOBODY, MOST_OF_NOBODY + 1])
def test_nothing_is_concluded_where_the_coverage_counts_too_many_rows_of_nobody(cell: CellKey, count: int) -> None:
    federation = Federation(unattributable={BEIJING: {cell: count}})
    question = federation.question(cells=[PENALTY_CELL, EMPTY])
    answer = federation.answer(question, {PENALTY_CELL: [penalty()]})

    if count <= MOST_OF_NOBODY:
        assert federation.admit(question, answer).province is BEIJING
        return
    with pytest.raises(AdmissionError) as caught:
        federation.admit(question, answer)
    assert caught.value.reason is InadmissibleReason.COVERAGE_CONTRADICTED
    silent = federation.answer(question, {PENALTY_CELL: [penalty()]}, states={cell: SOURCE_UNAVAILABLE})
    assert federation.admit(question, silent).province is BEIJING


# --- One fault, one name ---------------------------------------------------------------------------------------------

# the envelope, the signature, the signer.


def _re_signed(key: PrivateKey, *, issuer: Province = BEIJING, role: int = ADAPTER) -> Callable[[Case], bytes]:
    def answer(case: Case) -> bytes:
        signer = Signer(key, issuer=issuer, role=role)
        fragment = case.fragment
        fragment.header.CopyFrom(signer.new_header(FEDERATION.now))
        return signer.sign(FRAGMENT, fragment).envelope

    return answer


def _by(province: Province, role: envelope_pb2.MemberRole.ValueType) -> Callable[[Case], bytes]:
    return _re_signed(FEDERATION.keys[province, role], issuer=province, role=role)


def _envelope_changed(change: Callable[[envelope_pb2.Envelope], object]) -> Callable[[Case], bytes]:
    def answer(case: Case) -> bytes:
        envelope = decode_envelope(as_sent(case).envelope)
        change(envelope)
        return envelope.SerializeToString(deterministic=True)

    return answer


def _signature_first(case: Case) -> bytes:
    """The same fields, the signatures before the payload: any lenient parser reads the same message."""
    good = as_sent(case).envelope
    envelope = decode_envelope(good)
    tail = envelope_pb2.Envelope(signatures=envelope.signatures).SerializeToString()
    return tail + good[: -len(tail)]


def _padded_varint(case: Case) -> bytes:
    """The length of the payload, written with one byte more than it needs."""
    good = as_sent(case).envelope
    length = len(decode_envelope(good).payload)
    assert good[1:3] == bytes([length & 0x7F | 0x80, length >> 7])
    return good[:1] + bytes([length & 0x7F | 0x80, length >> 7 | 0x80, 0]) + good[3:]


def as_sent(case: Case) -> Case:
    """The same case, before anybody touched the answer."""
    return replace(case, answer=None)


def _sig_flipped(envelope: envelope_pb2.Envelope) -> None:
    sig = envelope.signatures[0].sig
    envelope.signatures[0].sig = bytes([sig[0] ^ 1]) + sig[1:]


def _payload_flipped(envelope: envelope_pb2.Envelope) -> None:
    envelope.payload = envelope.payload[:-1] + bytes([envelope.payload[-1] ^ 1])


def _keyid_of_tianjin(envelope: envelope_pb2.Envelope) -> None:
    envelope.signatures[0].keyid = FEDERATION.keys[TIANJIN, ADAPTER].key_id


def _type_of_a_refusal(envelope: envelope_pb2.Envelope) -> None:
    envelope.payload_type = envelope.payload_type.replace("fragment", "refusal")


def _second_signature_of_tianjin(envelope: envelope_pb2.Envelope) -> None:
    other = decode_envelope(
        FEDERATION.sign_payload(envelope.payload_type, envelope.payload, province=TIANJIN)
    ).signatures[0]
    envelope.signatures.append(other)


def _batched_with_a_wrong_path(case: Case) -> bytes:
    signer = FEDERATION.signer(BEIJING, ADAPTER)
    one, other = (as_sent(case).fragment for _ in range(2))
    first, second = signer.sign_batch([(FRAGMENT, one), (FRAGMENT, other)], FEDERATION.now)
    envelope = decode_envelope(first.envelope)
    envelope.signatures[0].CopyFrom(decode_envelope(second.envelope).signatures[0])
    return encode_envelope(envelope)


def _stranger() -> PrivateKey:
    return PrivateKey.from_seed(hashlib.sha256(b"a stranger").digest())


def _trusting(change: Callable[[KeyEntry], KeyEntry], *, policy: SuitePolicy | None = None) -> Verifier:
    trust = FEDERATION.trust
    return Verifier(
        TrustStore.from_entries(
            [change(entry) for entry in trust.keys.values()],
            policy=trust.policy if policy is None else policy,
            published_at=trust.published_at,
        )
    )


def _entitling_everybody() -> Verifier:
    """A trust store with the mistake that every key may sign everything."""
    everything = frozenset().union(*(entry.payload_types for entry in FEDERATION.trust.keys.values()))
    return _trusting(lambda entry: replace(entry, payload_types=everything))


def _key_between(not_before: datetime, not_after: datetime) -> Verifier:
    return _trusting(lambda entry: replace(entry, not_before=not_before, not_after=not_after))


def _without_policy() -> Verifier:
    only_gateways = tuple(rule for rule in FEDERATION.trust.policy.rules if rule.role == GATEWAY)
    return _trusting(lambda entry: entry, policy=SuitePolicy(rules=only_gateways))


def _retired(at: datetime) -> Verifier:
    return _trusting(lambda entry: replace(entry, state=Retired(at=at)))


def _compromised(since: datetime) -> Verifier:
    return _trusting(lambda entry: replace(entry, state=Compromised(since=since)))


def _signed_bytes(payload: bytes) -> Callable[[Case], bytes]:
    return lambda _: FEDERATION.sign_payload(FRAGMENT, payload)


def _header_and(rest: bytes) -> Callable[[Case], bytes]:
    """A payload whose header is good and whose rest is not what its type promises."""
    header = FEDERATION.header(BEIJING, ADAPTER)
    return _signed_bytes(envelope_pb2.AnyPayload(header=header).SerializeToString() + rest)


def _in_the_name_of_tianjin(case: Case) -> bytes:
    fragment = as_sent(case).fragment
    fragment.header.issuer = TIANJIN.wire
    return FEDERATION.sign_payload(FRAGMENT, fragment.SerializeToString())


def _asked_of_tianjin(case: Case) -> Question:
    """The same query statement, as if it had been sent to Tianjin."""
    query = query_pb2.Query()
    query.CopyFrom(case.question.query)
    query.addressee = TIANJIN.wire
    return replace(case.question, query=query)


_REFUSAL = refusal_pb2.REFUSAL_REASON_OVERLOADED
_NEXT_ATTEMPT = FEDERATION.question(cells=CELLS, change=lambda query: setattr(query, "attempt", 2))

_SIGNING = [
    #
    ("nothing", Case(answer=lambda _: b""), "ENVELOPE_NOT_STRICT"),
    ("no envelope", Case(answer=lambda _: b"503 Service Unavailable"), "ENVELOPE_NOT_STRICT"),
    ("cut short", Case(answer=lambda case: as_sent(case).envelope[:-1]), "ENVELOPE_NOT_STRICT"),
    ("one byte more", Case(answer=lambda case: as_sent(case).envelope + b"\0"), "ENVELOPE_NOT_STRICT"),
    ("fields re-ordered", Case(answer=_signature_first), "ENVELOPE_NOT_STRICT"),
    ("varint re-encoded", Case(answer=_padded_varint), "ENVELOPE_NOT_STRICT"),
    (
        "signature stripped",
        Case(answer=_envelope_changed(lambda envelope: envelope.ClearField("signatures"))),
        "ENVELOPE_NOT_STRICT",
    ),
    (
        "unknown field in the envelope",
        Case(answer=_envelope_changed(lambda envelope: envelope.MergeFromString(b"\xfa\x3e\x02ok"))),
        "ENVELOPE_NOT_STRICT",
    ),
    #
    ("query forwarded", Case(answer=lambda case: case.question.envelope), "SIGNER_NOT_ENTITLED"),
    (
        "coverage instead of an answer",
        Case(answer=lambda _: FEDERATION.coverage(BEIJING).statement.envelope),
        "SIGNER_NOT_ENTITLED",
    ),
    ("key of the province's gateway", Case(answer=_by(BEIJING, GATEWAY)), "SIGNER_NOT_ENTITLED"),
    #
    ("signature flipped", Case(answer=_envelope_changed(_sig_flipped)), "SIGNATURE_INVALID"),
    ("payload flipped", Case(answer=_envelope_changed(_payload_flipped)), "SIGNATURE_INVALID"),
    ("type changed", Case(answer=_envelope_changed(_type_of_a_refusal)), "SIGNATURE_INVALID"),
    ("key id of another", Case(answer=_envelope_changed(_keyid_of_tianjin)), "SIGNATURE_INVALID"),
    ("key of nobody in a known name", Case(answer=_re_signed(_stranger())), "KEY_UNKNOWN"),
    (
        "signed twice by one key",
        Case(answer=_envelope_changed(lambda envelope: envelope.signatures.append(envelope.signatures[0]))),
        "SIGNATURE_INVALID",
    ),
    ("signed by two provinces", Case(answer=_envelope_changed(_second_signature_of_tianjin)), "SIGNATURE_INVALID"),
    ("batch proof of another", Case(answer=_batched_with_a_wrong_path), "SIGNATURE_INVALID"),
    ("key not yet valid", Case(verifier=_key_between(NOW + SECOND, NOW + 2 * SECOND)), "KEY_NOT_IN_FORCE"),
    ("key expired", Case(verifier=_key_between(NOW - 2 * SECOND, NOW - SECOND)), "KEY_NOT_IN_FORCE"),
    ("key retired before", Case(verifier=_retired(NOW - INSTANT)), "KEY_RETIRED"),
    ("key compromised since yesterday", Case(verifier=_compromised(NOW - timedelta(days=1))), "KEY_COMPROMISED"),
    ("key compromised since tomorrow", Case(verifier=_compromised(NOW + timedelta(days=1))), "KEY_COMPROMISED"),
    ("suite not accepted from adapters", Case(verifier=_without_policy()), "SUITE_NOT_ACCEPTED"),
    #
    ("another province's adapter", Case(answer=_by(TIANJIN, ADAPTER)), "WRONG_PROVINCE"),
    (
        "another province's name over the key",
        Case(answer=_in_the_name_of_tianjin),
        "WRONG_PROVINCE",
    ),
    (
        "gateway that is entitled by mistake",
        Case(answer=_by(BEIJING, GATEWAY), verifier=_entitling_everybody()),
        "WRONG_PROVINCE",
    ),
    (
        "refusal of another province",
        Case(answer=lambda case: FEDERATION.refusal(_asked_of_tianjin(case), _REFUSAL)),
        "WRONG_PROVINCE",
    ),
]


# the payload, and what it answers.

_PAYLOAD = [
    ("header alone", Case(answer=_header_and(b"")), "PAYLOAD_MALFORMED"),
    ("rest is no message", Case(answer=_header_and(b"\x4a\xff")), "PAYLOAD_MALFORMED"),
    ("no header", Case(answer=_signed_bytes(b"\x12\x01\x00")), "PAYLOAD_MALFORMED"),
    ("no message at all", Case(answer=_signed_bytes(b"\xff")), "PAYLOAD_MALFORMED"),
    ("constraint broken", _changed(lambda f: setattr(f, "uscc", "91110105ma0000001x")), "PAYLOAD_MALFORMED"),
    ("expires after time", _changed(lambda f: f.expires_at.CopyFrom(Timestamp(seconds=2**62))), "PAYLOAD_MALFORMED"),
    ("watermark before time", _changed(lambda f: setattr(f.cells[0].data_as_of, "nanos", -1)), "PAYLOAD_MALFORMED"),
    (
        "collected after time",
        _changed(lambda f: setattr(f.cells[0].records[0].collected_at, "seconds", 2**60)),
        "PAYLOAD_MALFORMED",
    ),
    ("state unknown", _changed(lambda f: setattr(f.cells[5], "state", 6)), "VALUE_UNKNOWN"),
    ("state unspecified", _changed(lambda f: setattr(f.cells[5], "state", 0)), "VALUE_UNKNOWN"),
    ("kind unknown", _changed(lambda f: setattr(f.cells[5].key, "kind", 3)), "VALUE_UNKNOWN"),
    ("procedure unknown", _changed(lambda f: setattr(_records(f)[0].penalty, "procedure", 9)), "VALUE_UNKNOWN"),
    ("basis unknown", _changed(lambda f: setattr(f.disclosure, "basis", 9)), "VALUE_UNKNOWN"),
    ("demands a feature", _changed(lambda f: f.header.must_understand.append("joint_decisions")), "NOT_UNDERSTOOD"),
    ("answers another query", _changed(lambda f: setattr(f, "query_statement_id", bytes(32))), "WRONG_QUERY"),
    (
        "answers another attempt",
        Case(answer=lambda case: replace(case, question=_NEXT_ATTEMPT, answer=None).envelope),
        "WRONG_QUERY",
    ),
    (
        "refusal of another query",
        Case(answer=lambda _: FEDERATION.refusal(_NEXT_ATTEMPT, _REFUSAL)),
        "WRONG_QUERY",
    ),
]


# subject, window, catalogue, time, coverage.


def _window(first: str = "2021-11-22", last: str = "2026-11-22") -> Callable[[fragment_pb2.Fragment], None]:
    return lambda fragment: fragment.window.CopyFrom(common_pb2.Window(first_day=first, last_day=last))


def _issued(at: datetime) -> Callable[[fragment_pb2.Fragment], None]:
    """Moves the whole fragment in time; its watermarks stay 12 hours behind."""

    def change(fragment: fragment_pb2.Fragment) -> None:
        fragment.header.issued_at.CopyFrom(to_timestamp(at))
        fragment.expires_at.CopyFrom(to_timestamp(at + timedelta(hours=1)))
        for one in fragment.cells:
            if one.HasField("data_as_of"):
                one.data_as_of.CopyFrom(to_timestamp(at - timedelta(hours=12)))

    return change


def _expires(at: datetime) -> Callable[[fragment_pb2.Fragment], None]:
    return lambda fragment: fragment.expires_at.CopyFrom(to_timestamp(at))


DEADLINE = NOW + timedelta(seconds=20)

_BINDING = [
    #
    ("another subject", _changed(lambda f: setattr(f, "uscc", uscc(2))), "WRONG_SUBJECT"),
    ("window begins later", Case(change=_window(first="2021-11-23")), "WRONG_WINDOW"),
    ("window ends earlier", Case(change=_window(last="2026-11-21")), "WRONG_WINDOW"),
    ("catalogue version", _changed(lambda f: setattr(f.catalogue, "version", "2026-01")), "WRONG_CATALOGUE"),
    ("catalogue digest", _changed(lambda f: setattr(f.catalogue, "digest", bytes(32))), "WRONG_CATALOGUE"),
    #
    ("clock 10 minutes fast", Case(change=_issued(NOW + timedelta(minutes=10))), "ISSUED_IN_FUTURE"),
    ("clock 10 minutes slow", Case(change=_issued(NOW - timedelta(minutes=10))), "ISSUED_BEFORE_QUERY"),
    (
        "after the deadline",
        Case(change=_issued(DEADLINE + timedelta(seconds=61)), at=DEADLINE + timedelta(seconds=61)),
        "ISSUED_AFTER_DEADLINE",
    ),
    ("expired", Case(change=_expires(NOW + SECOND), at=NOW + SECOND), "EXPIRED"),
    ("expires before it begins", Case(change=_expires(NOW - SECOND)), "EXPIRED"),
    ("lives too long", Case(change=_expires(NOW + timedelta(hours=24) + INSTANT)), "LIFETIME_TOO_LONG"),
    #
    ("another coverage", _changed(lambda f: setattr(f, "coverage_statement_id", bytes(32))), "WRONG_COVERAGE"),
    (
        "coverage of another province",
        _changed(lambda f: setattr(f, "coverage_statement_id", FEDERATION.coverage(TIANJIN).statement.statement_id)),
        "WRONG_COVERAGE",
    ),
]


# the cells.


def _set(key: CellKey, made: fragment_pb2.Cell) -> Case:
    return _changed(lambda fragment: _cell(fragment, key).CopyFrom(made))


def _of(key: CellKey, change: Callable[[fragment_pb2.Cell], object]) -> Case:
    return _changed(lambda fragment: change(_cell(fragment, key)))


def _watermark(key: CellKey, at: datetime) -> Case:
    return _of(key, lambda one: one.data_as_of.CopyFrom(to_timestamp(at)))


LIMIT = timedelta(hours=72)

_FOREIGN_CELL = cell(("health", PENALTY))

_CELLS = [
    #
    ("cell missing", _changed(lambda f: f.cells.pop()), "CELL_MISSING"),
    ("cell twice", _changed(lambda f: f.cells.append(f.cells[5])), "CELL_REPEATED"),
    ("cell twice, another state", _changed(lambda f: f.cells.append(cell(PENALTY_CELL))), "CELL_REPEATED"),
    ("cell not requested", _changed(lambda f: f.cells.append(_FOREIGN_CELL)), "CELL_NOT_REQUESTED"),
    ("cell instead of another", _set(EMPTY, _FOREIGN_CELL), "CELL_NOT_REQUESTED"),
    ("cell of no domain", _set(EMPTY, cell(("nowhere", PENALTY))), "CELL_NOT_REQUESTED"),
    #
    ("NOT_APPLICABLE where it applies", _set(EMPTY, cell(EMPTY, NOT_APPLICABLE)), "APPLICABILITY_CONTRADICTED"),
    ("CLEAR where it does not apply", _set(INAPPLICABLE, cell(INAPPLICABLE)), "APPLICABILITY_CONTRADICTED"),
    (
        "unavailable where it does not apply",
        _set(INAPPLICABLE, cell(INAPPLICABLE, SOURCE_UNAVAILABLE)),
        "APPLICABILITY_CONTRADICTED",
    ),
    ("NOT_COVERED against coverage", _set(EMPTY, cell(EMPTY, NOT_COVERED)), "COVERAGE_CONTRADICTED"),
    ("CLEAR where nothing is covered", _set(UNCOVERED, cell(UNCOVERED)), "COVERAGE_CONTRADICTED"),
    (
        "unavailable where nothing is covered",
        _set(UNCOVERED, cell(UNCOVERED, SOURCE_UNAVAILABLE)),
        "COVERAGE_CONTRADICTED",
    ),
    #
    ("CLEAR with records", _of(PENALTY_CELL, lambda one: setattr(one, "state", CLEAR)), "CLEAR_WITH_RECORDS"),
    ("FOUND without records", _of(EMPTY, lambda one: setattr(one, "state", FOUND)), "FOUND_WITHOUT_RECORDS"),
    (
        "record where nothing is covered",
        _set(UNCOVERED, cell(UNCOVERED, NOT_COVERED, [penalty("penalty-0009")])),
        "RECORDS_OUT_OF_PLACE",
    ),
    (
        "record where none applies",
        _set(INAPPLICABLE, cell(INAPPLICABLE, NOT_APPLICABLE, [penalty("penalty-0009")])),
        "RECORDS_OUT_OF_PLACE",
    ),
    ("unavailable without reason", _of(SILENT, lambda one: one.ClearField("reason")), "UNAVAILABLE_WITHOUT_REASON"),
    (
        "reason where it is clear",
        _of(EMPTY, lambda one: setattr(one, "reason", fragment_pb2.UNAVAILABLE_REASON_STALE)),
        "UNAVAILABLE_WITHOUT_REASON",
    ),
    #
    ("no watermark on CLEAR", _of(EMPTY, lambda one: one.ClearField("data_as_of")), "WATERMARK_MISSING"),
    ("no watermark on FOUND", _of(LIST_CELL, lambda one: one.ClearField("data_as_of")), "WATERMARK_MISSING"),
    ("watermark in the future", _watermark(EMPTY, NOW + INSTANT), "WATERMARK_IN_FUTURE"),
    (
        "watermark of what is not covered",
        _of(UNCOVERED, lambda one: one.data_as_of.CopyFrom(to_timestamp(NOW))),
        "WATERMARK_OUT_OF_PLACE",
    ),
    (
        "what does not apply was searched for",
        _of(INAPPLICABLE, lambda one: one.identifiers_searched.append(0)),
        "WATERMARK_OUT_OF_PLACE",
    ),
    (
        "watermark in the future, unavailable",
        _of(SILENT, lambda one: one.data_as_of.CopyFrom(to_timestamp(NOW + INSTANT))),
        "WATERMARK_IN_FUTURE",
    ),
    ("stale CLEAR", _watermark(EMPTY, NOW - LIMIT - INSTANT), "STALE"),
    ("stale FOUND", _watermark(LIST_CELL, NOW - LIMIT - INSTANT), "STALE"),
    ("code not searched", _of(EMPTY, lambda one: one.identifiers_searched.remove(0)), "CODE_NOT_SEARCHED"),
    ("nothing searched", _of(EMPTY, lambda one: one.ClearField("identifiers_searched")), "CODE_NOT_SEARCHED"),
    (
        "position that the query lacks",
        _of(EMPTY, lambda one: one.identifiers_searched.append(3)),
        "CODE_NOT_SEARCHED",
    ),
    (
        "position that the query lacks, unavailable",
        _of(SILENT, lambda one: one.identifiers_searched.append(3)),
        "CODE_NOT_SEARCHED",
    ),
]


# the records.


def _record(change: Callable[[record_pb2.Record], object], key: CellKey = PENALTY_CELL) -> Case:
    return _of(key, lambda one: change(one.records[0]))


def _decided(day: str) -> Case:
    return _record(lambda record: setattr(record.penalty, "decided_on", day))


def _listed(listed_on: str, removed_on: str = "") -> Case:
    def change(record: record_pb2.Record) -> None:
        record.list_entry.listed_on = listed_on
        record.list_entry.removed_on = removed_on

    return _record(change, LIST_CELL)


def _readable_all_the_same(record: record_pb2.Record) -> Case:
    """A record in a cell of which nothing may be concluded keeps the rules as well."""
    record.decided_in = record.decided_in or BEIJING.wire
    return _set(SILENT, cell(SILENT, SOURCE_UNAVAILABLE, [record]))


_FINE = record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_FINE, fen=1)

_RECORDS = [
    (
        "record twice in a cell",
        _of(PENALTY_CELL, lambda one: one.records.append(one.records[0])),
        "RECORD_REPEATED",
    ),
    (
        "record in two cells",
        _record(lambda record: setattr(record, "record_id", "penalty-0001"), LIST_CELL),
        "RECORD_REPEATED",
    ),
    (
        "record of another province",
        _record(lambda record: setattr(record, "decided_in", TIANJIN.wire)),
        "RECORD_OF_OTHER_PROVINCE",
    ),
    (
        "record of another province, unavailable",
        _readable_all_the_same(penalty("penalty-0009", decided_in=TIANJIN.wire)),
        "RECORD_OF_OTHER_PROVINCE",
    ),
    (
        "list entry among penalties",
        _of(PENALTY_CELL, lambda one: one.records.append(list_entry("entry-0002"))),
        "RECORD_OF_OTHER_KIND",
    ),
    (
        "penalty among list entries",
        _of(LIST_CELL, lambda one: one.records.append(penalty("penalty-0009"))),
        "RECORD_OF_OTHER_KIND",
    ),
    ("decided the day before", _decided("2021-11-21"), "RECORD_OUTSIDE_WINDOW"),
    ("decided the day after", _decided("2026-11-23"), "RECORD_OUTSIDE_WINDOW"),
    (
        "decided the day before, unavailable",
        _readable_all_the_same(penalty("penalty-0009", penalty__decided_on="2021-11-21")),
        "RECORD_OUTSIDE_WINDOW",
    ),
    ("listed the day after", _listed("2026-11-23"), "RECORD_OUTSIDE_WINDOW"),
    ("removed the day before", _listed("2018-01-01", "2021-11-21"), "RECORD_OUTSIDE_WINDOW"),
    (
        "disclosed until no day",
        _readable_all_the_same(penalty("penalty-0009", disclosed_until="2026-02-30")),
        "RECORD_MALFORMED",
    ),
    ("decided on no day", _decided("2026-02-30"), "RECORD_MALFORMED"),
    ("listed on no day", _listed("2026-13-01"), "RECORD_MALFORMED"),
    ("removed on no day", _listed("2024-01-01", "2025-02-29"), "RECORD_MALFORMED"),
    ("removed before it was listed", _listed("2024-01-02", "2024-01-01"), "RECORD_MALFORMED"),
    (
        "publicity ends on no day",
        _record(lambda record: setattr(record.penalty, "publicity_until", "2026-02-30")),
        "RECORD_MALFORMED",
    ),
    (
        "collected after the fragment was issued",
        _record(lambda record: record.collected_at.CopyFrom(to_timestamp(NOW + SECOND))),
        "RECORD_MALFORMED",
    ),
    (
        "combined and split",
        _record(lambda record: record.penalty.amounts.add(kind=record_pb2.AMOUNT_KIND_COMBINED, fen=1)),
        "RECORD_MALFORMED",
    ),
    ("two fines", _record(lambda record: record.penalty.amounts.append(_FINE)), "RECORD_MALFORMED"),
    (
        "replaces itself",
        _record(lambda record: setattr(record, "replaces", record.record_id)),
        "RECORD_MALFORMED",
    ),
    (
        "touches a domain of no catalogue",
        _record(lambda record: record.further_domains.append("nowhere")),
        "RECORD_MALFORMED",
    ),
    (
        "list of no catalogue",
        _record(lambda record: setattr(record.list_entry, "list_id", "nowhere"), LIST_CELL),
        "LIST_UNKNOWN",
    ),
    (
        "list of another domain",
        _record(lambda record: setattr(record.list_entry, "list_id", "major_tax_violation"), LIST_CELL),
        "LIST_UNKNOWN",
    ),
]

FAULTS = _SIGNING + _PAYLOAD + _BINDING + _CELLS + _RECORDS


@pytest.mark.parametrize(
    ("case", "reason"), [pytest.param(case, InadmissibleReason(reason), id=name) for name, case, reason in FAULTS]
)
def test_a_single_fault_has_its_own_name(case: Case, reason: InadmissibleReason) -> None:
    assert case.reason() is reason


def test_every_reason_has_a_fault() -> None:
    assert {reason for _, _, reason in FAULTS} == {reason.value for reason in InadmissibleReason}


def test_faults_are_told_apart_by_name() -> None:
    names = [name for name, _, _ in FAULTS]

    assert len(set(names)) == len(names)


# --- At the limit, and on the good side of it ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(change=_issued(NOW + timedelta(seconds=60))), id="60 seconds ahead of this clock"),
        pytest.param(Case(change=_issued(NOW - timedelta(seconds=60))), id="60 seconds before the query"),
        pytest.param(
            Case(change=_issued(DEADLINE + timedelta(seconds=60)), at=DEADLINE + timedelta(seconds=60)),
            id="60 seconds after the deadline",
        ),
        pytest.param(Case(change=_expires(NOW + INSTANT)), id="expires the next instant"),
        pytest.param(Case(change=_expires(NOW + timedelta(hours=24))), id="lives 24 hours"),
        pytest.param(_watermark(EMPTY, NOW), id="watermark of this instant"),
        pytest.param(_watermark(EMPTY, NOW - LIMIT), id="watermark at the limit"),
        pytest.param(_watermark(SILENT, NOW - timedelta(days=900)), id="old watermark where nothing is concluded"),
        pytest.param(_decided("2021-11-22"), id="decided on the window's first day"),
        pytest.param(_decided("2026-11-22"), id="decided on the window's last day"),
        pytest.param(_listed("2026-11-22"), id="listed on the window's last day"),
        pytest.param(_listed("2018-01-01", "2021-11-22"), id="removed on the window's first day"),
        pytest.param(_listed("2018-01-01"), id="listed before the window and still open"),
        pytest.param(_listed("2018-01-01", "2030-01-01"), id="listed throughout the window"),
        pytest.param(_listed("2024-02-29", "2024-02-29"), id="listed and removed on one day"),
        pytest.param(_readable_all_the_same(penalty("penalty-0009")), id="record readable all the same"),
        pytest.param(
            _record(lambda record: setattr(record, "replaces", "penalty-0000")), id="replaces one that is not listed"
        ),
        pytest.param(Case(verifier=_retired(NOW)), id="key retired at this instant"),
        pytest.param(Case(verifier=_key_between(NOW, NOW)), id="key valid for this instant"),
    ],
)
def test_admits_at_the_limit(case: Case) -> None:
    assert isinstance(case.outcome(), Admitted)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        pytest.param(
            Case(change=_issued(NOW + timedelta(seconds=60) + INSTANT)), "ISSUED_IN_FUTURE", id="ahead of this clock"
        ),
        pytest.param(
            Case(change=_issued(NOW - timedelta(seconds=60) - INSTANT)), "ISSUED_BEFORE_QUERY", id="before the query"
        ),
        pytest.param(
            Case(change=_issued(DEADLINE + timedelta(seconds=60) + INSTANT), at=DEADLINE + timedelta(seconds=60)),
            "ISSUED_AFTER_DEADLINE",
            id="after the deadline",
        ),
        pytest.param(Case(change=_expires(NOW)), "EXPIRED", id="expires this instant"),
    ],
)
def test_refuses_one_instant_beyond_the_limit(case: Case, reason: str) -> None:
    assert case.reason() == reason


@pytest.mark.parametrize(
    "window",
    [
        pytest.param(DayRange(date(2024, 3, 1), date(2024, 3, 1)), id="one day"),
        pytest.param(DayRange(date(2024, 2, 29), date(2024, 3, 1)), id="to the day of decision"),
        pytest.param(DayRange(date(2024, 3, 1), date(2024, 3, 2)), id="from the day of decision"),
    ],
)
def test_a_window_of_any_length_holds_its_days(window: DayRange) -> None:
    question = FEDERATION.question(cells=[PENALTY_CELL], window=window)

    admitted = FEDERATION.admit(question, FEDERATION.answer(question, {PENALTY_CELL: [penalty()]}))

    assert admitted.fragment.cells[0].state == FOUND


def test_a_retired_key_still_counts_for_what_it_signed_before() -> None:
    retired = Federation(states={(BEIJING, ADAPTER): Retired(at=NOW + SECOND)})
    question = retired.question(cells=[PENALTY_CELL])

    admitted = retired.admit(question, retired.answer(question), at=NOW + timedelta(minutes=30))

    assert admitted.fragment.cells[0].state == CLEAR


def test_the_home_is_not_excused_from_its_own_rules() -> None:
    other_catalogue = Catalogue.parse(CATALOGUE.file + b"\n")
    case = Case()
    opened = open_answer(case.envelope, question=QUESTION, verifier=FEDERATION.verifier)
    assert isinstance(opened, OpenedFragment)

    with pytest.raises(RuntimeError, match="catalogue"):
        admit(opened, catalogue=other_catalogue, coverage=FEDERATION.coverage(BEIJING), at=NOW)


def test_details_name_no_subject() -> None:
    for _, case, _ in FAULTS:
        with pytest.raises(AdmissionError) as caught:
            case.outcome()
        assert case.question.query.subject.uscc not in str(caught.value)
        assert case.question.query.subject.name not in str(caught.value)


def test_the_limits_are_those_of_the_rules() -> None:
    assert (timedelta(seconds=60), timedelta(hours=24)) == (admission.CLOCK_TOLERANCE, admission.MAX_LIFETIME)
    assert CATALOGUE.freshness_limit(EMPTY) == LIMIT
    assert LIST_CELL[1] == SERIOUS_LIST
    assert DayRange(date(2021, 11, 22), date(2026, 11, 22)) == WINDOW
