"""From verified bytes to a message, or a named refusal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from contract.days import to_timestamp
from contract.payloads import (
    COVERAGE,
    ENTITLED,
    FEED_ENTRY,
    FEED_HEAD,
    FEED_RESET,
    FRAGMENT,
    GRANT,
    GRANT_REVOCATION,
    GRANT_USE,
    HOME_TRANSFER,
    MESSAGE_TYPES,
    QUERY,
    RECORD_CHANGE,
    REFUSAL,
    REPORT,
    REPORT_STATUS,
    TRANSFER_CONSENT,
    PayloadError,
    PayloadFault,
    check_constraints,
    parse,
    parse_bytes,
)
from contract.province import Province
from huren.authorisation.v1 import authorisation_pb2
from huren.change.v1 import change_pb2
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.feed.v1 import feed_pb2
from huren.fragment.v1 import coverage_pb2, fragment_pb2, query_pb2, record_pb2, refusal_pb2
from huren.home.v1 import transfer_pb2
from huren.report.v1 import report_pb2, report_status_pb2
from signing import VerifiedPayload, decode_envelope
from tests.support.federation import (
    ADAPTER,
    GATEWAY,
    LIST_CELL,
    NOW,
    PENALTY_CELL,
    SUBJECT_CODE,
    Federation,
    list_entry,
    penalty,
    wire_keys,
)

FEDERATION = Federation()
CELLS = [PENALTY_CELL, LIST_CELL]
QUESTION = FEDERATION.question(cells=CELLS)
ANSWER = FEDERATION.answer(QUESTION, {PENALTY_CELL: [penalty()], LIST_CELL: [list_entry()]})
OVERLOADED = refusal_pb2.REFUSAL_REASON_OVERLOADED

HOME = FEDERATION.signer(Province.BEIJING, GATEWAY)

ENVELOPES = {
    QUERY: QUESTION.envelope,
    FRAGMENT: ANSWER,
    REFUSAL: FEDERATION.refusal(QUESTION, OVERLOADED),
    COVERAGE: FEDERATION.signed_coverage(QUESTION.province).envelope,
    REPORT: FEDERATION.report(FEDERATION.admitted(cells=CELLS)),
    REPORT_STATUS: HOME.sign(
        REPORT_STATUS,
        report_status_pb2.ReportStatus(
            header=FEDERATION.header(Province.BEIJING, GATEWAY),
            report_number="HR1120261122000000018",
            report_statement_id=bytes(32),
            state=report_status_pb2.REPORT_STATE_VALID,
        ),
    ).envelope,
    RECORD_CHANGE: FEDERATION.signer(Province.BEIJING, ADAPTER)
    .sign(
        RECORD_CHANGE,
        change_pb2.RecordChange(
            header=FEDERATION.header(Province.BEIJING, ADAPTER),
            uscc=SUBJECT_CODE,
            record_id="penalty-0001",
            cause=change_pb2.CHANGE_CAUSE_ARRIVED,
            after=change_pb2.DisclosedState(
                revision=1, cells=wire_keys([PENALTY_CELL]), first_day="2026-01-05", last_day="2026-01-05"
            ),
            changed_at=to_timestamp(NOW),
        ),
    )
    .envelope,
    HOME_TRANSFER: HOME.sign(
        HOME_TRANSFER,
        transfer_pb2.HomeTransfer(
            header=FEDERATION.header(Province.BEIJING, GATEWAY),
            uscc=SUBJECT_CODE,
            to=Province.BEIJING.wire,
            registered_on="2026-01-05",
            **{"from": Province.HEBEI.wire},
        ),
    ).envelope,
    TRANSFER_CONSENT: HOME.sign(
        TRANSFER_CONSENT,
        transfer_pb2.TransferConsent(
            header=FEDERATION.header(Province.BEIJING, GATEWAY),
            transfer_statement_id=bytes(32),
            uscc=SUBJECT_CODE,
            to=Province.TIANJIN.wire,
        ),
    ).envelope,
    GRANT: HOME.sign(
        GRANT,
        authorisation_pb2.Grant(
            header=FEDERATION.header(Province.BEIJING, GATEWAY),
            terms=authorisation_pb2.GrantTerms(
                subject=authorisation_pb2.Party(uscc=SUBJECT_CODE, name="示例企业（演示）"),
                grantee=authorisation_pb2.Party(uscc=SUBJECT_CODE, name="示例银行（演示）"),
                purpose=query_pb2.PURPOSE_FINANCING,
                cells=wire_keys([PENALTY_CELL]),
                window=common_pb2.Window(first_day="2021-11-22", last_day="2027-01-05"),
                max_uses=1,
                written_on="2026-11-22",
                expires_on="2027-01-05",
                catalogue=QUESTION.query.catalogue,
                document_number="0" * 32,
            ),
            consent=authorisation_pb2.Consent(text="授权书", certificate=b"x", signature=b"x"),
        ),
    ).envelope,
    GRANT_REVOCATION: HOME.sign(
        GRANT_REVOCATION,
        authorisation_pb2.GrantRevocation(
            header=FEDERATION.header(Province.BEIJING, GATEWAY), grant_statement_id=bytes(32)
        ),
    ).envelope,
    GRANT_USE: HOME.sign(
        GRANT_USE,
        authorisation_pb2.GrantUse(
            header=FEDERATION.header(Province.BEIJING, GATEWAY),
            grant_statement_id=bytes(32),
            ordinal=1,
            request_id="0" * 32,
        ),
    ).envelope,
    FEED_ENTRY: HOME.sign(
        FEED_ENTRY,
        feed_pb2.FeedEntry(
            header=FEDERATION.header(Province.BEIJING, GATEWAY),
            feed="authorisations",
            epoch="0" * 32,
            number=1,
            statement_envelope=b"x",
        ),
    ).envelope,
    FEED_HEAD: HOME.sign(
        FEED_HEAD,
        feed_pb2.FeedHead(header=FEDERATION.header(Province.BEIJING, GATEWAY), feed="authorisations", epoch="0" * 32),
    ).envelope,
    FEED_RESET: HOME.sign(
        FEED_RESET,
        feed_pb2.FeedReset(header=FEDERATION.header(Province.BEIJING, GATEWAY), feed="authorisations", epoch="0" * 32),
    ).envelope,
}

BY_EITHER_ROLE = {FEED_ENTRY, FEED_HEAD, FEED_RESET}

every_type = pytest.mark.parametrize("payload_type", [pytest.param(one, id=one.split(".")[2]) for one in MESSAGE_TYPES])


def _verified(payload_type: str) -> VerifiedPayload:
    return FEDERATION.verifier.verify(ENVELOPES[payload_type], expect={payload_type})


def _payload(payload_type: str) -> bytes:
    return decode_envelope(ENVELOPES[payload_type]).payload


def test_every_type_is_that_of_one_message_and_all_but_feeds_are_signed_by_one_role() -> None:
    assert set(ENVELOPES) == set(MESSAGE_TYPES)
    assert len(set(MESSAGE_TYPES.values())) == len(MESSAGE_TYPES)
    assert ENTITLED[ADAPTER] | ENTITLED[GATEWAY] == set(MESSAGE_TYPES)
    assert ENTITLED[ADAPTER] & ENTITLED[GATEWAY] == BY_EITHER_ROLE


@every_type
def test_reads_what_was_verified(payload_type: str) -> None:
    message = parse(_verified(payload_type), MESSAGE_TYPES[payload_type])

    assert message == MESSAGE_TYPES[payload_type].FromString(_payload(payload_type))


def test_reads_nothing_but_what_was_verified() -> None:
    with pytest.raises(RuntimeError, match="Verifier"):
        VerifiedPayload(
            minted_with=None,
            envelope=ANSWER,
            payload=b"",
            payload_type=FRAGMENT,
            statement_id=QUESTION.statement_id,
            header=envelope_pb2.StatementHeader(),
            signer=_verified(FRAGMENT).signer,
        )


@every_type
def test_to_read_it_as_another_type_is_a_mistake_of_ours(payload_type: str) -> None:
    verified = _verified(payload_type)
    for other in set(MESSAGE_TYPES.values()) - {MESSAGE_TYPES[payload_type]}:
        with pytest.raises(RuntimeError, match=other.__name__):
            parse(verified, other)


# --- Named refusals --------------------------------------------------------------------------------------------------


def _unknown_state(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].state = 99  # type: ignore[assignment]


def _state_unspecified(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].state = fragment_pb2.CELL_STATE_UNSPECIFIED


def _unknown_reason(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].reason = 99  # type: ignore[assignment]


def _unknown_category(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].records[0].penalty.categories.append(99)  # type: ignore[arg-type]


def _unknown_masking(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].records[0].penalty.facts.masking = 99  # type: ignore[assignment]


def _unknown_mark(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].records[0].marks.add(on="2026-01-01").kind = 99  # type: ignore[assignment]


def _unknown_province(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].records[0].decided_in = 15  # type: ignore[assignment]


def _unknown_role(fragment: fragment_pb2.Fragment) -> None:
    fragment.header.role = 99  # type: ignore[assignment]


def _no_uscc(fragment: fragment_pb2.Fragment) -> None:
    fragment.uscc = ""


def _no_window(fragment: fragment_pb2.Fragment) -> None:
    fragment.ClearField("window")


def _no_cells(fragment: fragment_pb2.Fragment) -> None:
    fragment.ClearField("cells")


def _line_feed_after_a_day(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].records[0].penalty.decided_on = "2024-03-01\n"


def _too_much_money(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].records[0].penalty.amounts.add(kind=record_pb2.AMOUNT_KIND_CONFISCATION, fen=10**17 + 1)


def _no_fact(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].records[0].ClearField("fact")


def _two_codes_searched(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].identifiers_searched.append(0)


def _expires_never(fragment: fragment_pb2.Fragment) -> None:
    fragment.expires_at.CopyFrom(Timestamp(seconds=253_402_300_800))


def _half_an_instant(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].data_as_of.nanos = -1


def _collected_before_time(fragment: fragment_pb2.Fragment) -> None:
    fragment.cells[0].records[0].collected_at.CopyFrom(Timestamp(seconds=-(2**62)))


def _demand(fragment: fragment_pb2.Fragment) -> None:
    fragment.header.must_understand.append("joint_decisions")


UNKNOWN, BROKEN = PayloadFault.UNKNOWN_VALUE, PayloadFault.CONSTRAINT_BROKEN


@pytest.mark.parametrize(
    ("change", "fault", "where"),
    [
        pytest.param(_unknown_state, UNKNOWN, "cells.state", id="state unknown"),
        pytest.param(_state_unspecified, UNKNOWN, "cells.state", id="state unspecified"),
        pytest.param(_unknown_reason, UNKNOWN, "cells.reason", id="reason unknown"),
        pytest.param(_unknown_category, UNKNOWN, "categories", id="unknown in a list"),
        pytest.param(_unknown_masking, UNKNOWN, "facts.masking", id="masking unknown"),
        pytest.param(_unknown_mark, UNKNOWN, "marks.kind", id="mark unknown"),
        pytest.param(_unknown_province, UNKNOWN, "decided_in", id="province unknown"),
        pytest.param(_unknown_role, UNKNOWN, "header.role", id="role unknown"),
        pytest.param(_no_uscc, BROKEN, "uscc", id="no code"),
        pytest.param(_no_window, BROKEN, "window", id="no window"),
        pytest.param(_no_cells, BROKEN, "cells", id="no cells"),
        pytest.param(_line_feed_after_a_day, BROKEN, "decided_on", id="line feed after a day"),
        pytest.param(_too_much_money, BROKEN, "amounts.fen", id="too much money"),
        pytest.param(_no_fact, BROKEN, "fact", id="no fact"),
        pytest.param(_two_codes_searched, BROKEN, "identifiers_searched", id="a position twice"),
        pytest.param(_expires_never, BROKEN, "expires_at", id="an instant after time"),
        pytest.param(_half_an_instant, BROKEN, "data_as_of", id="negative nanos"),
        pytest.param(_collected_before_time, BROKEN, "collected_at", id="an instant before time"),
        pytest.param(_demand, PayloadFault.NOT_UNDERSTOOD, "joint_decisions", id="feature not understood"),
    ],
)
def test_refuses_by_name_and_says_where(
    change: Callable[[fragment_pb2.Fragment], None], fault: PayloadFault, where: str
) -> None:
    fragment = FEDERATION.fragment(QUESTION, {PENALTY_CELL: [penalty()]}, change=change)

    with pytest.raises(PayloadError, match=where) as caught:
        parse_bytes(fragment.SerializeToString(), fragment_pb2.Fragment)

    assert caught.value.fault is fault


def test_refuses_durations_that_do_not_exist() -> None:
    refusal = refusal_pb2.Refusal.FromString(_payload(REFUSAL))
    refusal.ask_again_after.seconds = 2**62

    with pytest.raises(PayloadError, match="ask_again_after"):
        parse_bytes(refusal.SerializeToString(), refusal_pb2.Refusal)


def test_refuses_bytes_that_are_no_message() -> None:
    with pytest.raises(PayloadError) as caught:
        parse_bytes(b"\xff", fragment_pb2.Fragment)

    assert caught.value.fault is PayloadFault.NOT_PARSABLE


def test_refuses_text_that_is_not_utf_8() -> None:
    fragment = fragment_pb2.Fragment.FromString(_payload(FRAGMENT))
    spoiled = fragment.SerializeToString().replace("京示市监处罚".encode(), "京示市监处罚".encode()[:-1] + b"\xff")

    with pytest.raises(PayloadError) as caught:
        parse_bytes(spoiled, fragment_pb2.Fragment)

    assert caught.value.fault is PayloadFault.NOT_PARSABLE


@every_type
def test_unknown_fields_are_dropped(payload_type: str) -> None:
    message_type = MESSAGE_TYPES[payload_type]
    payload = _payload(payload_type)
    later_release = payload + b"\xfa\x3e\x02ok"  # field 1007

    assert parse_bytes(later_release, message_type) == parse_bytes(payload, message_type)


def test_unknown_fields_inside_are_dropped_too() -> None:
    query = query_pb2.Query.FromString(_payload(QUERY))
    query.window.MergeFromString(b"\xfa\x3e\x02ok")

    parsed = parse_bytes(query.SerializeToString(), query_pb2.Query)

    assert parsed.window == QUESTION.query.window


def test_known_fields_at_the_edge_of_time_are_read() -> None:
    query = query_pb2.Query.FromString(_payload(QUERY))
    query.deadline.CopyFrom(Timestamp(seconds=253_402_300_799, nanos=999_999_999))

    assert parse_bytes(query.SerializeToString(), query_pb2.Query) == query


# --- Any bytes -------------------------------------------------------------------------------------------------------


@every_type
@given(data=st.data())
def test_any_bytes_are_a_message_or_refused_by_name(payload_type: str, data: st.DataObject) -> None:
    message_type = MESSAGE_TYPES[payload_type]
    good = _payload(payload_type)
    payload = data.draw(st.one_of(st.binary(), _edited(good)))

    _parse_or_refuse(payload, message_type)


@pytest.mark.parametrize("payload_type", [QUERY, FRAGMENT, REFUSAL])
def test_any_changed_byte_leaves_a_message_or_is_refused_by_name(payload_type: str) -> None:
    good = _payload(payload_type)
    for at in range(len(good)):
        for change in (0x01, 0x80, 0xFF):
            _parse_or_refuse(good[:at] + bytes([good[at] ^ change]) + good[at + 1 :], MESSAGE_TYPES[payload_type])


def _edited(good: bytes) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda at, length, other: good[:at] + other + good[at + length :],
        st.integers(0, len(good)),
        st.integers(0, 8),
        st.binary(max_size=8),
    )


def _parse_or_refuse(payload: bytes, message_type: type[Message]) -> None:
    try:
        message = parse_bytes(payload, message_type)
    except PayloadError:
        return
    check_constraints(message)


def test_types_are_those_of_the_contract() -> None:
    assert {
        "application/vnd.huren.query.v1+protobuf": query_pb2.Query,
        "application/vnd.huren.fragment.v1+protobuf": fragment_pb2.Fragment,
        "application/vnd.huren.refusal.v1+protobuf": refusal_pb2.Refusal,
        "application/vnd.huren.coverage.v1+protobuf": coverage_pb2.Coverage,
        "application/vnd.huren.report.v1+protobuf": report_pb2.Report,
        "application/vnd.huren.report-status.v1+protobuf": report_status_pb2.ReportStatus,
        "application/vnd.huren.record-change.v1+protobuf": change_pb2.RecordChange,
        "application/vnd.huren.home-transfer.v1+protobuf": transfer_pb2.HomeTransfer,
        "application/vnd.huren.transfer-consent.v1+protobuf": transfer_pb2.TransferConsent,
        "application/vnd.huren.grant.v1+protobuf": authorisation_pb2.Grant,
        "application/vnd.huren.grant-revocation.v1+protobuf": authorisation_pb2.GrantRevocation,
        "application/vnd.huren.grant-use.v1+protobuf": authorisation_pb2.GrantUse,
        "application/vnd.huren.feed-entry.v1+protobuf": feed_pb2.FeedEntry,
        "application/vnd.huren.feed-head.v1+protobuf": feed_pb2.FeedHead,
        "application/vnd.huren.feed-reset.v1+protobuf": feed_pb2.FeedReset,
    } == MESSAGE_TYPES


def test_the_fixtures_stand_at_one_instant() -> None:
    assert _verified(FRAGMENT).issued_at == NOW
    assert _verified(COVERAGE).issued_at == NOW - timedelta(days=1)
