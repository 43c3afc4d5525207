from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from huren.envelope.v1 import envelope_pb2
from signing import EnvelopeError, EnvelopeFault, decode_envelope, read_header, statement_id


def test_signs_the_bytes_it_sends(build: Any) -> None:
    member = build.member()
    payload = build.payload(member)

    signed = member.signer.sign(build.fragment, payload)

    envelope = decode_envelope(signed.envelope)
    assert envelope.payload == signed.payload == payload.SerializeToString(deterministic=True)
    assert envelope.payload_type == signed.payload_type == build.fragment
    assert signed.statement_id == statement_id(build.fragment, signed.payload)
    assert [signature.keyid for signature in envelope.signatures] == [member.key.key_id]
    assert not envelope.time_evidence


def test_a_header_names_the_member_the_role_and_the_given_instant(build: Any) -> None:
    member = build.member(member=13, role=envelope_pb2.MEMBER_ROLE_GATEWAY)
    at = build.now + timedelta(microseconds=7)

    header = member.signer.new_header(at, must_understand=["masking"])

    assert (header.issuer, header.role) == (13, envelope_pb2.MEMBER_ROLE_GATEWAY)
    assert header.issued_at.ToNanoseconds() == int(build.now.timestamp()) * 10**9 + 7000
    assert list(header.must_understand) == ["masking"]
    assert len(header.nonce) == 16


def test_every_header_has_another_nonce(build: Any) -> None:
    signer = build.member().signer

    assert len({signer.new_header(build.now).nonce for _ in range(100)}) == 100


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=8))], ids=["naive", "china"])
def test_refuses_an_instant_that_is_not_utc(build: Any, zone: timezone | None) -> None:
    at: datetime = build.now.replace(tzinfo=zone)

    with pytest.raises(ValueError, match="UTC"):
        build.member().signer.new_header(at)


@pytest.mark.parametrize(
    "facts",
    [{"member": 13}, {"role": envelope_pb2.MEMBER_ROLE_GATEWAY}],
    ids=["other-member", "other-role"],
)
def test_does_not_sign_for_others(build: Any, facts: dict[str, int]) -> None:
    payload = build.payload(build.member(**facts))

    with pytest.raises(ValueError, match="header of member 14"):
        build.member().signer.sign(build.fragment, payload)


def test_does_not_sign_without_a_valid_header(build: Any) -> None:
    signer = build.member().signer

    with pytest.raises(ValueError, match="no header"):
        signer.sign(build.fragment, envelope_pb2.AnyPayload())
    header = signer.new_header(build.now)
    header.nonce = b"short"
    with pytest.raises(ValueError, match="nonce"):
        signer.sign(build.fragment, envelope_pb2.AnyPayload(header=header))


def test_does_not_sign_under_an_impossible_payload_type(build: Any) -> None:
    member = build.member()

    with pytest.raises(EnvelopeError) as refused:
        member.signer.sign("text/plain", build.payload(member))

    assert refused.value.fault is EnvelopeFault.CONSTRAINT


def test_a_batch_keeps_its_order_and_is_signed_once(build: Any) -> None:
    member = build.member()
    batch = build.batch(member, 5)

    signed = member.signer.sign_batch(batch, build.now)

    assert [one.payload for one in signed] == [payload.SerializeToString(deterministic=True) for _, payload in batch]
    signatures = [decode_envelope(one.envelope).signatures[0] for one in signed]
    assert len({(signature.sig, signature.batch.root) for signature in signatures}) == 1
    assert [signature.batch.leaf_index for signature in signatures] == list(range(5))


def test_does_not_sign_a_batch_of_nothing(build: Any) -> None:
    with pytest.raises(ValueError, match="at least one"):
        build.member().signer.sign_batch([], build.now)


def test_does_not_sign_a_batch_before_its_statements(build: Any) -> None:
    member = build.member()

    with pytest.raises(ValueError, match="issued later"):
        member.signer.sign_batch(build.batch(member, 2), build.now - timedelta(microseconds=1))


def test_a_header_can_be_read_from_any_payload(build: Any) -> None:
    member = build.member()
    payload = build.payload(member)

    assert read_header(payload.SerializeToString()) == payload.header
