from datetime import timedelta
from typing import Any

import pytest

from huren.envelope.v1 import envelope_pb2
from signing import (
    BATCH_ROOT_PAYLOAD_TYPE,
    Retired,
    SuitePolicy,
    SuiteRule,
    VerificationError,
    VerificationFailure,
    Verifier,
    encode_batch_root,
    encode_envelope,
    leaf_hash,
    pae,
    statement_id,
)

F = VerificationFailure
TICK = timedelta(microseconds=1)


def _decoded(signed: Any) -> envelope_pb2.Envelope:
    return envelope_pb2.Envelope.FromString(signed.envelope)


def _refusal(build: Any, verifier: Verifier, envelope: envelope_pb2.Envelope) -> VerificationFailure:
    with pytest.raises(VerificationError) as refused:
        verifier.verify(encode_envelope(envelope), expect={build.fragment})
    return refused.value.failure


def _signed_by_hand(build: Any, member: Any, **root_fields: Any) -> envelope_pb2.Envelope:
    """A batch of one whose root says whatever is asked."""
    payload = build.payload(member).SerializeToString()
    leaf = leaf_hash(pae(build.fragment, payload))
    fields = {"header": member.signer.new_header(build.now), "tree_size": 1, "root_hash": leaf} | root_fields
    root = encode_batch_root(envelope_pb2.BatchRoot(**fields))
    return _with_root(build, member, payload, root)


def _with_root(build: Any, member: Any, payload: bytes, root: bytes) -> envelope_pb2.Envelope:
    return envelope_pb2.Envelope(
        payload=payload,
        payload_type=build.fragment,
        signatures=[
            envelope_pb2.Signature(
                sig=member.key.sign(pae(BATCH_ROOT_PAYLOAD_TYPE, root)),
                keyid=member.key.key_id,
                batch=envelope_pb2.BatchInclusion(root=root),
            )
        ],
    )


@pytest.fixture
def verifier(build: Any) -> Verifier:
    return Verifier(build.trust(build.member().entry, build.member("hebei", member=13).entry))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 64])
def test_every_statement_of_a_batch_stands_alone(build: Any, size: int) -> None:
    member = build.member()
    signed = member.signer.sign_batch(build.batch(member, size), build.now)

    for one in signed:
        # A verifier that has seen nothing of the batch yet.
        verified = Verifier(build.trust(member.entry)).verify(one.envelope, expect={build.fragment})
        assert (verified.payload, verified.statement_id) == (one.payload, one.statement_id)
        assert verified.signer == member.entry


def test_a_batch_of_one_has_an_empty_path(build: Any) -> None:
    member = build.member()

    (signed,) = member.signer.sign_batch(build.batch(member, 1), build.now)

    assert not _decoded(signed).signatures[0].batch.path


def test_the_signature_of_a_batch_is_verified_once(
    build: Any, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = build.member()
    signed = member.signer.sign_batch(build.batch(member, 16), build.now)
    calls: list[bytes] = []
    key_class = type(member.entry.loaded_key)
    original = key_class.verify

    def counted(self: Any, signature: bytes, message: bytes) -> bool:
        calls.append(message)
        verified: bool = original(self, signature, message)
        return verified

    monkeypatch.setattr(key_class, "verify", counted)

    for one in signed:
        verifier.verify(one.envelope, expect={build.fragment})

    assert len(calls) == 1


def test_a_remembered_root_helps_no_other_signature(build: Any, verifier: Verifier) -> None:
    member = build.member()
    signed = member.signer.sign_batch(build.batch(member, 2), build.now)
    verifier.verify(signed[0].envelope, expect={build.fragment})

    envelope = _decoded(signed[1])
    envelope.signatures[0].sig = bytes(64)
    assert _refusal(build, verifier, envelope) is F.SIGNATURE_INVALID

    envelope = _decoded(signed[1])
    envelope.signatures[0].keyid = build.private_key("hebei").key_id
    assert _refusal(build, verifier, envelope) is F.SIGNATURE_INVALID


def test_refuses_the_proof_of_another_batch(build: Any, verifier: Verifier) -> None:
    member = build.member()
    ours = _decoded(member.signer.sign_batch(build.batch(member, 4), build.now)[1])
    theirs = _decoded(member.signer.sign_batch(build.batch(member, 4), build.now)[1])

    ours.signatures[0].batch.path[:] = theirs.signatures[0].batch.path

    assert _refusal(build, verifier, ours) is F.BATCH_PROOF_INVALID


def test_refuses_a_root_used_for_a_statement_that_is_not_in_the_batch(build: Any, verifier: Verifier) -> None:
    member = build.member()
    inside = _decoded(member.signer.sign_batch(build.batch(member, 4), build.now)[1])
    outside = _decoded(member.signer.sign(build.fragment, build.payload(member, body=b"never in a batch")))

    outside.signatures[0].CopyFrom(inside.signatures[0])

    assert _refusal(build, verifier, outside) is F.BATCH_PROOF_INVALID


@pytest.mark.parametrize("index", [0, 2, 4, 5, 2**32, 2**64 - 1])
def test_refuses_another_leaf_index(build: Any, verifier: Verifier, index: int) -> None:
    member = build.member()
    envelope = _decoded(member.signer.sign_batch(build.batch(member, 5), build.now)[1])

    envelope.signatures[0].batch.leaf_index = index

    assert _refusal(build, verifier, envelope) is F.BATCH_PROOF_INVALID


def test_refuses_a_longer_path(build: Any, verifier: Verifier) -> None:
    member = build.member()
    envelope = _decoded(member.signer.sign_batch(build.batch(member, 1), build.now)[0])

    envelope.signatures[0].batch.path.append(bytes(32))

    assert _refusal(build, verifier, envelope) is F.BATCH_PROOF_INVALID


def test_refuses_a_leaf_that_is_not_hashed_apart_from_nodes(build: Any, verifier: Verifier) -> None:
    member = build.member()
    payload = build.payload(member).SerializeToString()
    root_hash = statement_id(build.fragment, payload)
    root = encode_batch_root(
        envelope_pb2.BatchRoot(header=member.signer.new_header(build.now), tree_size=1, root_hash=root_hash)
    )

    assert _refusal(build, verifier, _with_root(build, member, payload, root)) is F.BATCH_PROOF_INVALID


def test_a_batch_signature_is_none_for_the_statement_and_the_other_way_round(build: Any, verifier: Verifier) -> None:
    member = build.member()
    batched = _decoded(member.signer.sign_batch(build.batch(member, 1), build.now)[0])
    alone = _decoded(member.signer.sign(build.fragment, build.payload(member)))
    root = batched.signatures[0].batch

    alone.signatures[0].batch.CopyFrom(root)
    batched.signatures[0].ClearField("batch")

    assert _refusal(build, verifier, alone) is F.SIGNATURE_INVALID
    assert _refusal(build, verifier, batched) is F.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "facts", [{"member": 13}, {"role": envelope_pb2.MEMBER_ROLE_GATEWAY}], ids=["of-another-member", "of-another-role"]
)
def test_refuses_a_root_of_another_issuer(build: Any, verifier: Verifier, facts: dict[str, int]) -> None:
    member, other = build.member(), build.member("other", **facts)
    envelope = _signed_by_hand(build, member, header=other.signer.new_header(build.now))

    assert _refusal(build, verifier, envelope) is F.BATCH_PROOF_INVALID


def test_refuses_a_root_issued_before_the_statement(build: Any, verifier: Verifier) -> None:
    member = build.member()
    envelope = _signed_by_hand(build, member, header=member.signer.new_header(build.now - TICK))

    assert _refusal(build, verifier, envelope) is F.BATCH_PROOF_INVALID


def test_refuses_a_malformed_root_although_it_is_signed(build: Any, verifier: Verifier, wire: Any) -> None:
    member = build.member()
    payload = build.payload(member).SerializeToString()
    good = _signed_by_hand(build, member).signatures[0].batch.root

    for root in (b"\xff", good + wire.number(4, 1), good + wire.number(2, 1), good[:-1]):
        assert _refusal(build, verifier, _with_root(build, member, payload, root)) is F.BATCH_PROOF_INVALID


def test_refuses_a_root_with_an_impossible_instant(build: Any, verifier: Verifier) -> None:
    member = build.member()
    header = member.signer.new_header(build.now)
    header.issued_at.nanos = -1

    assert _refusal(build, verifier, _signed_by_hand(build, member, header=header)) is F.BATCH_PROOF_INVALID


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(lambda now: {"not_after": now}, F.KEY_EXPIRED, id="expired"),
        pytest.param(lambda now: {"state": Retired(at=now)}, F.KEY_RETIRED, id="retired"),
    ],
)
def test_the_key_is_judged_at_the_instant_of_the_root_too(
    build: Any, facts: Any, expected: VerificationFailure
) -> None:
    member = build.member(**facts(build.now))
    batch = build.batch(member, 2)
    in_time = member.signer.sign_batch(batch, build.now)
    late = member.signer.sign_batch(batch, build.now + TICK)
    verifier = Verifier(build.trust(member.entry))

    assert verifier.verify(in_time[0].envelope, expect={build.fragment}).signer == member.entry
    assert _refusal(build, verifier, _decoded(late[0])) is expected


def test_the_suite_must_be_accepted_at_the_instant_of_the_root_too(build: Any) -> None:
    member = build.member()
    rule = SuiteRule(
        role=member.entry.role, suite=member.entry.suite, accepted_from=build.now - TICK, accepted_until=build.now
    )
    signed = member.signer.sign_batch(build.batch(member, 2), build.now + TICK)
    verifier = Verifier(build.trust(member.entry, policy=SuitePolicy((rule,))))

    assert _refusal(build, verifier, _decoded(signed[0])) is F.SUITE_NOT_ACCEPTED


def test_statements_of_different_types_share_a_batch_and_each_needs_its_entitlement(build: Any) -> None:
    member = build.member()
    signed = member.signer.sign_batch(
        [(build.fragment, build.payload(member)), (build.query, build.payload(member))], build.now
    )
    verifier = Verifier(build.trust(member.entry))

    assert verifier.verify(signed[0].envelope, expect={build.fragment}).payload_type == build.fragment
    with pytest.raises(VerificationError) as refused:
        verifier.verify(signed[1].envelope, expect={build.query})
    assert refused.value.failure is F.PAYLOAD_TYPE_NOT_ENTITLED
