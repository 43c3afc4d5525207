"""Each single fault of one province: its own named outcome, the others untouched, no report, nothing clear.

What happens: three provinces are honest, 天津 does one thing wrong. What must result: the request stays open; the outcome of 天津
names the fault; the other three are admitted; no report exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from contract.catalogue import CellKey
from contract.days import to_timestamp
from contract.errors import ErrorCode, HurenError
from contract.outcome import (
    Admitted,
    Inadmissible,
    InadmissibleReason,
    Question,
    Refused,
    Unavailable,
    UnavailableReason,
)
from contract.payloads import FRAGMENT
from contract.province import Province
from gateway.federation.breaker import BreakerPolicy
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import fragment_pb2, record_pb2, refusal_pb2
from huren.report.v1 import report_service_pb2 as wire
from sandbox.pki import PKI
from signing import Compromised, PrivateKey, Retired, Signer
from tests.support.federation import (
    ADAPTER,
    CLEAR,
    FOUND,
    GATEWAY,
    LIST_CELL,
    NOT_COVERED,
    NOW,
    PENALTY_CELL,
    SOURCE_UNAVAILABLE,
    Federation,
    cell,
    list_entry,
    penalty,
    uscc,
    wire_keys,
)
from tests.support.live import Behaviour, Live, live_federation

FAULTY = Province.TIANJIN
Reason = InadmissibleReason
Change = Callable[[fragment_pb2.Fragment], None]


def changed(change: Change) -> Behaviour:
    """Signs a fragment in which one thing was changed."""

    async def answer(federation: Federation, question: Question) -> bytes:
        return federation.answer(question, change=change)

    return answer


def tampered(change: Callable[[bytes], bytes]) -> Behaviour:
    """Changes the bytes of a good answer on the way."""

    async def answer(federation: Federation, question: Question) -> bytes:
        return change(federation.answer(question))

    return answer


def signed_by(signer: Callable[[Federation], Signer]) -> Behaviour:
    """Has somebody else sign."""

    async def answer(federation: Federation, question: Question) -> bytes:
        fragment = federation.fragment(question)
        other = signer(federation)
        header = other.new_header(federation.now)
        fragment.header.CopyFrom(header)
        return other.sign(FRAGMENT, fragment).envelope

    return answer


def for_another_question(**choice: object) -> Behaviour:
    """Answers a question that was never asked."""

    async def answer(federation: Federation, question: Question) -> bytes:
        del question
        return federation.answer(federation.question(FAULTY, **choice))  # type: ignore[arg-type]

    return answer


def at(fragment: fragment_pb2.Fragment, key: CellKey) -> fragment_pb2.Cell:
    """The cell of a key."""
    return next(one for one in fragment.cells if (one.key.domain, one.key.kind) == key)


def replace(key: CellKey, made: fragment_pb2.Cell) -> Change:
    return lambda fragment: at(fragment, key).CopyFrom(made)


def issued(after: timedelta) -> Change:
    return lambda fragment: fragment.header.issued_at.CopyFrom(to_timestamp(NOW + after))


def set_uscc(fragment: fragment_pb2.Fragment) -> None:
    fragment.uscc = uscc(7)


def set_window(fragment: fragment_pb2.Fragment) -> None:
    fragment.window.first_day = "2022-01-01"


def set_catalogue(fragment: fragment_pb2.Fragment) -> None:
    fragment.catalogue.digest = bytes(32)


def set_state_number(fragment: fragment_pb2.Fragment) -> None:
    at(fragment, PENALTY_CELL).state = fragment_pb2.CellState.ValueType(77)


def set_kind_number(fragment: fragment_pb2.Fragment) -> None:
    at(fragment, PENALTY_CELL).key.kind = common_pb2.RecordKind.ValueType(9)


def drop_cell(fragment: fragment_pb2.Fragment) -> None:
    del fragment.cells[3]


def repeat_cell(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[4].CopyFrom(fragment.cells[3])


def add_unrequested(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells.add().CopyFrom(cell(("culture_tourism", 1)))


def demand_unknown(fragment: fragment_pb2.Fragment) -> None:
    fragment.header.must_understand.append("something-new")


def drop_watermark(fragment: fragment_pb2.Fragment) -> None:
    at(fragment, PENALTY_CELL).ClearField("data_as_of")


def drop_searched(fragment: fragment_pb2.Fragment) -> None:
    at(fragment, PENALTY_CELL).ClearField("identifiers_searched")


def other_province_record(fragment: fragment_pb2.Fragment) -> None:
    record = penalty(decided_in=common_pb2.PROVINCE_SHANXI)
    at(fragment, PENALTY_CELL).CopyFrom(cell(PENALTY_CELL, FOUND, [record]))


def tianjin(record: record_pb2.Record) -> record_pb2.Record:
    record.decided_in = common_pb2.PROVINCE_TIANJIN
    return record


def reencoded(envelope: bytes) -> bytes:
    """The same content, with the length of the payload type written in two bytes instead of one."""
    decoded = envelope_pb2.Envelope.FromString(envelope)
    tag = bytes([0x12, len(decoded.payload_type)])
    position = envelope.index(tag + decoded.payload_type.encode())
    return envelope[:position] + bytes([0x12, len(decoded.payload_type) | 0x80, 0]) + envelope[position + 2 :]


def reordered(envelope: bytes) -> bytes:
    """The same fields, signatures first."""
    decoded = envelope_pb2.Envelope.FromString(envelope)
    signatures = envelope_pb2.Envelope(signatures=decoded.signatures).SerializeToString()
    return (
        signatures
        + envelope_pb2.Envelope(payload=decoded.payload, payload_type=decoded.payload_type).SerializeToString()
    )


def stripped(envelope: bytes) -> bytes:
    decoded = envelope_pb2.Envelope.FromString(envelope)
    decoded.ClearField("signatures")
    return decoded.SerializeToString()


def flipped(position: int) -> Callable[[bytes], bytes]:
    def flip(envelope: bytes) -> bytes:
        changed_bytes = bytearray(envelope)
        changed_bytes[position % len(envelope)] ^= 0x01
        return bytes(changed_bytes)

    return flip


STRANGER = PrivateKey.from_seed(b"a key that nobody trusts........")

INADMISSIBLE = [
    pytest.param(for_another_question(code=uscc(9)), Reason.WRONG_QUERY, id="answers-a-query-about-another-subject"),
    pytest.param(for_another_question(request_id="f" * 32), Reason.WRONG_QUERY, id="answers-another-query"),
    pytest.param(changed(set_uscc), Reason.WRONG_SUBJECT, id="speaks-of-another-subject"),
    pytest.param(changed(set_window), Reason.WRONG_WINDOW, id="speaks-of-another-window"),
    pytest.param(changed(set_catalogue), Reason.WRONG_CATALOGUE, id="made-by-another-catalogue"),
    pytest.param(
        signed_by(lambda _: Signer(STRANGER, issuer=FAULTY, role=ADAPTER)), Reason.KEY_UNKNOWN, id="unknown-key"
    ),
    pytest.param(
        signed_by(lambda federation: federation.signer(Province.HEBEI, ADAPTER)),
        Reason.WRONG_PROVINCE,
        id="another-provinces-key",
    ),
    pytest.param(
        signed_by(lambda federation: federation.signer(FAULTY, GATEWAY)),
        Reason.SIGNER_NOT_ENTITLED,
        id="its-own-gateways-key",
    ),
    pytest.param(
        signed_by(lambda federation: Signer(federation.keys[Province.HEBEI, ADAPTER], issuer=FAULTY, role=ADAPTER)),
        Reason.WRONG_PROVINCE,
        id="another-provinces-key-under-its-own-name",
    ),
    pytest.param(tampered(stripped), Reason.ENVELOPE_NOT_STRICT, id="signature-stripped"),
    pytest.param(tampered(reencoded), Reason.ENVELOPE_NOT_STRICT, id="envelope-re-encoded"),
    pytest.param(tampered(reordered), Reason.ENVELOPE_NOT_STRICT, id="fields-re-ordered"),
    pytest.param(tampered(lambda _: b"\xff" * 100), Reason.ENVELOPE_NOT_STRICT, id="garbage"),
    pytest.param(tampered(flipped(-100)), Reason.SIGNATURE_INVALID, id="a-bit-of-the-signature-flipped"),
    pytest.param(changed(drop_cell), Reason.CELL_MISSING, id="a-cell-is-missing"),
    pytest.param(changed(repeat_cell), Reason.CELL_REPEATED, id="a-cell-stands-twice"),
    pytest.param(changed(add_unrequested), Reason.CELL_NOT_REQUESTED, id="a-cell-was-not-requested"),
    pytest.param(changed(set_state_number), Reason.VALUE_UNKNOWN, id="a-state-nobody-knows"),
    pytest.param(changed(set_kind_number), Reason.VALUE_UNKNOWN, id="a-kind-nobody-knows"),
    pytest.param(changed(demand_unknown), Reason.NOT_UNDERSTOOD, id="demands-what-nobody-understands"),
    pytest.param(
        changed(replace(PENALTY_CELL, cell(PENALTY_CELL, CLEAR, [tianjin(penalty())]))),
        Reason.CLEAR_WITH_RECORDS,
        id="clear-with-records",
    ),
    pytest.param(
        changed(replace(PENALTY_CELL, cell(PENALTY_CELL, FOUND))),
        Reason.FOUND_WITHOUT_RECORDS,
        id="found-without-records",
    ),
    pytest.param(
        changed(replace(PENALTY_CELL, cell(PENALTY_CELL, NOT_COVERED))),
        Reason.COVERAGE_CONTRADICTED,
        id="not-covered-against-its-coverage",
    ),
    pytest.param(changed(other_province_record), Reason.RECORD_OF_OTHER_PROVINCE, id="a-record-of-another-province"),
    pytest.param(
        changed(
            replace(
                PENALTY_CELL,
                cell(PENALTY_CELL, FOUND, [tianjin(penalty(penalty__decided_on="2021-11-21"))]),
            )
        ),
        Reason.RECORD_OUTSIDE_WINDOW,
        id="a-penalty-outside-the-window",
    ),
    pytest.param(
        changed(
            replace(
                LIST_CELL,
                cell(
                    LIST_CELL,
                    FOUND,
                    [tianjin(list_entry(list_entry__listed_on="2019-01-01", list_entry__removed_on="2021-11-21"))],
                ),
            )
        ),
        Reason.RECORD_OUTSIDE_WINDOW,
        id="a-list-entry-outside-the-window",
    ),
    pytest.param(changed(drop_watermark), Reason.WATERMARK_MISSING, id="clear-without-a-watermark"),
    pytest.param(
        changed(replace(PENALTY_CELL, cell(PENALTY_CELL, as_of=NOW - timedelta(hours=72, seconds=1)))),
        Reason.STALE,
        id="clear-on-stale-data",
    ),
    pytest.param(changed(drop_searched), Reason.CODE_NOT_SEARCHED, id="clear-without-having-searched-the-code"),
    pytest.param(changed(issued(timedelta(minutes=10))), Reason.ISSUED_IN_FUTURE, id="clock-ten-minutes-ahead"),
    pytest.param(changed(issued(timedelta(minutes=-10))), Reason.ISSUED_BEFORE_QUERY, id="clock-ten-minutes-behind"),
]


async def outcome_of_one_fault(live: Live, behaviour: Behaviour) -> object:
    """Asks with one faulty province, requires what holds for every fault, and gives that province's outcome."""
    live.provinces[FAULTY].behaviour = behaviour
    response = await live.request()
    assert response.WhichOneof("result") == "open"
    for province in Province:
        if province is not FAULTY:
            assert isinstance(live.recorder.of(province), Admitted)
    stored = await live.stored()
    assert "reports" not in stored
    assert "report_numbers" not in stored
    status = {one.province: one for one in response.open.provinces}
    assert set(status) == {int(province) for province in Province}
    assert status[FAULTY.wire].progress != wire.PROVINCE_PROGRESS_ANSWERED
    return live.recorder.of(FAULTY)


@pytest.mark.parametrize(("behaviour", "reason"), INADMISSIBLE)
async def test_an_answer_that_breaks_a_rule_is_named_and_never_counts(
    pki: PKI, tmp_path: Path, behaviour: Behaviour, reason: InadmissibleReason
) -> None:
    async with live_federation(pki, tmp_path) as live:
        outcome = await outcome_of_one_fault(live, behaviour)
    assert isinstance(outcome, Inadmissible)
    assert outcome.reason is reason


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        pytest.param(Retired(NOW - timedelta(days=1)), Reason.KEY_RETIRED, id="retired"),
        pytest.param(Compromised(NOW - timedelta(days=1)), Reason.KEY_COMPROMISED, id="compromised"),
    ],
)
async def test_a_key_that_is_no_longer_good_is_named(
    pki: PKI, tmp_path: Path, state: Retired | Compromised, reason: InadmissibleReason
) -> None:
    good, bad = Federation(), Federation(states={(FAULTY, ADAPTER): state})
    bad._coverages[FAULTY] = good.coverage(FAULTY)  # it was stated while the key was good
    async with live_federation(pki, tmp_path, bad) as live:
        outcome = await outcome_of_one_fault(live, changed(lambda _: None))
    assert isinstance(outcome, Inadmissible)
    assert outcome.reason is reason


@pytest.mark.parametrize("position", range(0, 6000, 300))
async def test_a_flipped_bit_anywhere_is_never_admitted(position: int) -> None:
    """The exhaustive form stands with the contract's tests; here it is the whole answer of a whole request."""
    federation = Federation()
    question = federation.question(FAULTY)
    answer = federation.answer(question, {PENALTY_CELL: [penalty(f"record-{number:04}") for number in range(12)]})
    assert len(answer) > position
    with pytest.raises(ValueError, match=r"[A-Z_]+: "):
        federation.admit(question, flipped(position)(answer))


async def test_a_source_that_did_not_answer_keeps_the_request_open_with_its_reason(pki: PKI, tmp_path: Path) -> None:
    silent = changed(replace(PENALTY_CELL, cell(PENALTY_CELL, SOURCE_UNAVAILABLE)))
    async with live_federation(pki, tmp_path) as live:
        live.provinces[FAULTY].behaviour = silent
        response = await live.request()
        status = response.open.provinces[1]
    assert status.progress == wire.PROVINCE_PROGRESS_ANSWERED_IN_PART
    assert [(gap.key, gap.reason) for gap in status.gaps] == [
        (wire_keys([PENALTY_CELL])[0], fragment_pb2.UNAVAILABLE_REASON_SOURCE_SILENT)
    ]
    assert status.gap_kind == wire.GAP_KIND_TRANSIENT


async def test_a_signed_refusal_is_a_refusal_with_its_reason(pki: PKI, tmp_path: Path) -> None:
    async def refuse(federation: Federation, question: Question) -> bytes:
        return federation.refusal(question, refusal_pb2.REFUSAL_REASON_CLOCK_SKEW, may_ask_again=True)

    async with live_federation(pki, tmp_path) as live:
        outcome = await outcome_of_one_fault(live, refuse)
    assert isinstance(outcome, Refused)
    assert outcome.refusal.reason == refusal_pb2.REFUSAL_REASON_CLOCK_SKEW


async def test_a_refusal_of_another_query_is_no_answer(pki: PKI, tmp_path: Path) -> None:
    async def refuse(federation: Federation, question: Question) -> bytes:
        del question
        return federation.refusal(federation.question(FAULTY), refusal_pb2.REFUSAL_REASON_CLOCK_SKEW)

    async with live_federation(pki, tmp_path) as live:
        outcome = await outcome_of_one_fault(live, refuse)
    assert isinstance(outcome, Inadmissible)
    assert outcome.reason is Reason.WRONG_QUERY


async def test_an_adapter_that_is_down_is_not_reachable(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path, patience=timedelta(seconds=4)) as live:
        await live.provinces[FAULTY].stop()
        outcome = await outcome_of_one_fault(live, changed(lambda _: None))
    assert isinstance(outcome, Unavailable)
    assert outcome.reason is UnavailableReason.NOT_REACHABLE


async def test_an_adapter_slower_than_the_deadline_is_late(pki: PKI, tmp_path: Path) -> None:
    async def never(_federation: Federation, _question: Question) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async with live_federation(pki, tmp_path, patience=timedelta(seconds=4)) as live:
        outcome = await outcome_of_one_fault(live, never)
    assert isinstance(outcome, Unavailable)
    assert outcome.reason is UnavailableReason.DEADLINE_EXCEEDED


async def test_an_adapter_that_always_fails_is_left_alone_after_a_while(pki: PKI, tmp_path: Path) -> None:
    """What happens: an adapter answers every call with an error.

    What must result: first the error, then BREAKER_OPEN; never anything clear.
    """

    async def broken(_federation: Federation, _question: Question) -> bytes:
        raise HurenError(ErrorCode.NOT_PERMITTED, need_zh="", need_en="")

    reasons = []
    policy = BreakerPolicy(failures_to_open=3, open_for=timedelta(hours=1), open_for_at_most=timedelta(hours=1))
    async with live_federation(pki, tmp_path, breaker_policy=policy) as live:
        for _ in range(4):
            live.recorder.outcomes.clear()
            outcome = await outcome_of_one_fault(live, broken)
            assert isinstance(outcome, Unavailable)
            reasons.append(outcome.reason)
        assert len(live.provinces[FAULTY].received) == 3
    assert reasons == [UnavailableReason.REJECTED] * 3 + [UnavailableReason.BREAKER_OPEN]
