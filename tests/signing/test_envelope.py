from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import protovalidate
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from signing import (
    EnvelopeError,
    EnvelopeFault,
    decode_batch_root,
    decode_envelope,
    encode_batch_root,
    encode_envelope,
    pae,
    statement_id,
)
from signing.envelope import PAYLOAD_TYPE_PATTERN

if TYPE_CHECKING:
    from tests.signing.conftest import Wire

TYPE = "application/vnd.huren.fragment.v1+protobuf"
KEYID = "0123456789abcdef" * 4

batches = st.builds(
    envelope_pb2.BatchInclusion,
    root=st.binary(min_size=1, max_size=40),
    leaf_index=st.integers(0, 2**64 - 1),
    path=st.lists(st.binary(min_size=32, max_size=32), max_size=3),
)
signatures = st.builds(
    envelope_pb2.Signature,
    sig=st.binary(min_size=16, max_size=80),
    keyid=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    batch=st.none() | batches,
)
evidence = st.builds(
    envelope_pb2.TimeEvidence,
    kind=st.integers(-(2**31), 2**31 - 1).filter(bool),
    evidence=st.binary(min_size=1, max_size=20),
    keyid=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
)
envelopes = st.builds(
    envelope_pb2.Envelope,
    payload=st.binary(min_size=1, max_size=40),
    payload_type=st.from_regex(PAYLOAD_TYPE_PATTERN, fullmatch=True).filter(str.isascii),
    signatures=st.lists(signatures, min_size=1, max_size=4),
    time_evidence=st.lists(evidence, max_size=3),
)


def _valid() -> envelope_pb2.Envelope:
    return envelope_pb2.Envelope(
        payload=b"payload",
        payload_type=TYPE,
        signatures=[
            envelope_pb2.Signature(
                sig=bytes(range(64)),
                keyid=KEYID,
                batch=envelope_pb2.BatchInclusion(root=b"root", leaf_index=3, path=[b"p" * 32]),
            )
        ],
        time_evidence=[
            envelope_pb2.TimeEvidence(kind=envelope_pb2.TIME_EVIDENCE_KIND_RFC3161, evidence=b"token", keyid=KEYID)
        ],
    )


def _root() -> envelope_pb2.BatchRoot:
    root = envelope_pb2.BatchRoot(
        header=envelope_pb2.StatementHeader(
            issuer=common_pb2.PROVINCE_SHANXI,
            role=envelope_pb2.MEMBER_ROLE_ADAPTER,
            nonce=bytes(16),
            must_understand=["feature"],
        ),
        tree_size=3,
        root_hash=b"h" * 32,
    )
    root.header.issued_at.seconds = 1_772_000_000
    return root


def test_pae_of_the_example_of_the_dsse_protocol() -> None:
    # Source: secure-systems-lab/dsse, protocol.md, "Test Vectors".
    encoded = pae("http://example.com/HelloWorld", b"hello world")

    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_pae_counts_bytes_and_not_characters() -> None:
    assert pae("类型", b"") == b"DSSEv1 6 \xe7\xb1\xbb\xe5\x9e\x8b 0 "


@given(st.text(), st.binary(), st.text(), st.binary())
def test_pae_is_injective(type_a: str, body_a: bytes, type_b: str, body_b: bytes) -> None:
    assert (pae(type_a, body_a) == pae(type_b, body_b)) == ((type_a, body_a) == (type_b, body_b))


def test_statement_id_is_the_digest_of_the_pae() -> None:
    assert statement_id(TYPE, b"payload") == hashlib.sha256(pae(TYPE, b"payload")).digest()


@settings(deadline=None)
@given(envelopes)
def test_decoding_inverts_encoding(envelope: envelope_pb2.Envelope) -> None:
    assert decode_envelope(encode_envelope(envelope)) == envelope


@settings(deadline=None)
@given(envelopes)
def test_the_canonical_encoding_is_ascending_minimal_and_without_defaults(
    wire: type[Wire], envelope: envelope_pb2.Envelope
) -> None:
    def encoded_batch(batch: envelope_pb2.BatchInclusion) -> bytes:
        index = wire.number(2, batch.leaf_index) if batch.leaf_index else b""
        return wire.chunk(1, batch.root) + index + wire.chunks(3, batch.path)

    def encoded_signature(signature: envelope_pb2.Signature) -> bytes:
        batch = wire.chunk(3, encoded_batch(signature.batch)) if signature.HasField("batch") else b""
        return wire.chunk(1, signature.sig) + wire.chunk(2, signature.keyid.encode()) + batch

    def encoded_evidence(evidence: envelope_pb2.TimeEvidence) -> bytes:
        # A negative enum value is a varint of 64 bits.
        return (
            wire.number(1, evidence.kind % 2**64)
            + wire.chunk(2, evidence.evidence)
            + wire.chunk(3, evidence.keyid.encode())
        )

    by_hand = (
        wire.chunk(1, envelope.payload)
        + wire.chunk(2, envelope.payload_type.encode())
        + wire.chunks(3, map(encoded_signature, envelope.signatures))
        + wire.chunks(4, map(encoded_evidence, envelope.time_evidence))
    )

    assert encode_envelope(envelope) == by_hand


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    for decode in (decode_envelope, decode_batch_root):
        with pytest.raises(EnvelopeError):
            decode(data)


@settings(deadline=None, max_examples=1000)
@given(st.data())
def test_mutated_bytes_are_refused_or_are_themselves_canonical(data: st.DataObject) -> None:
    codecs: list[tuple[Callable[[bytes], Any], Callable[[Any], bytes], bytes]] = [
        (decode_envelope, encode_envelope, encode_envelope(_valid())),
        (decode_batch_root, encode_batch_root, encode_batch_root(_root())),
    ]
    decode, encode, valid = data.draw(st.sampled_from(codecs))
    start = data.draw(st.integers(0, len(valid)))
    end = data.draw(st.integers(start, min(len(valid), start + 8)))
    mutated = valid[:start] + data.draw(st.binary(max_size=8)) + valid[end:]

    try:
        decoded = decode(mutated)
    except EnvelopeError:
        return
    assert encode(decoded) == mutated


def _fields(wire: Any, **replaced: bytes) -> bytes:
    """The fields of a small envelope by number, each replaceable by other bytes."""
    fields = {
        "payload": wire.chunk(1, b"payload"),
        "payload_type": wire.chunk(2, TYPE.encode()),
        "signature": wire.chunk(3, wire.chunk(1, bytes(64)) + wire.chunk(2, KEYID.encode())),
    }
    return b"".join((fields | replaced).values())


def test_the_unchanged_fields_of_the_refusals_below_are_accepted(wire: Any) -> None:
    assert decode_envelope(_fields(wire)).payload == b"payload"


@pytest.mark.parametrize(
    ("fault", "mutate"),
    [
        pytest.param(EnvelopeFault.NOT_PARSABLE, lambda _: b"\xff", id="no-wire-format"),
        pytest.param(EnvelopeFault.NOT_PARSABLE, lambda w: _fields(w)[:-1], id="truncated"),
        pytest.param(EnvelopeFault.NOT_PARSABLE, lambda w: _fields(w) + b"\x00", id="trailing-zero"),
        pytest.param(EnvelopeFault.NOT_PARSABLE, lambda w: _fields(w) + b"\x0b" * 200, id="groups-without-end"),
        pytest.param(
            EnvelopeFault.NOT_PARSABLE, lambda w: _fields(w, payload_type=w.chunk(2, b"\xff")), id="type-not-utf-8"
        ),
        pytest.param(EnvelopeFault.UNKNOWN_FIELD, lambda w: _fields(w) + w.number(5, 1), id="unknown-appended"),
        pytest.param(EnvelopeFault.UNKNOWN_FIELD, lambda w: w.chunk(99, b"") + _fields(w), id="unknown-prepended"),
        pytest.param(EnvelopeFault.UNKNOWN_FIELD, lambda w: _fields(w) + b"\x2b\x2c", id="unknown-group"),
        pytest.param(
            EnvelopeFault.UNKNOWN_FIELD,
            lambda w: _fields(w, payload=w.number(1, 7)),
            id="declared-with-other-wire-type",
        ),
        pytest.param(
            EnvelopeFault.UNKNOWN_FIELD,
            lambda w: _fields(
                w, signature=w.chunk(3, w.chunk(1, bytes(64)) + w.chunk(2, KEYID.encode()) + w.chunk(9, b"x"))
            ),
            id="unknown-in-signature",
        ),
        pytest.param(
            EnvelopeFault.UNKNOWN_FIELD,
            lambda w: _fields(
                w,
                signature=w.chunk(
                    3,
                    w.chunk(1, bytes(64))
                    + w.chunk(2, KEYID.encode())
                    + w.chunk(3, w.chunk(1, b"root") + w.number(4, 1)),
                ),
            ),
            id="unknown-in-batch",
        ),
        pytest.param(
            EnvelopeFault.UNKNOWN_FIELD,
            lambda w: (
                _fields(w)
                + w.chunk(4, w.number(1, 1) + w.chunk(2, b"token") + w.chunk(3, KEYID.encode()) + w.chunk(4, b""))
            ),
            id="unknown-in-time-evidence",
        ),
        pytest.param(
            EnvelopeFault.NOT_CANONICAL,
            lambda w: w.chunk(2, TYPE.encode()) + w.chunk(1, b"payload") + _fields(w, payload=b"", payload_type=b""),
            id="fields-in-another-order",
        ),
        pytest.param(EnvelopeFault.NOT_CANONICAL, lambda w: w.chunk(1, b"other") + _fields(w), id="scalar-given-twice"),
        pytest.param(
            EnvelopeFault.NOT_CANONICAL, lambda w: w.chunk(1, b"payload") + _fields(w), id="scalar-given-twice-equally"
        ),
        pytest.param(
            EnvelopeFault.NOT_CANONICAL,
            lambda w: _fields(w, payload=w.chunk(1, b"payload", padding=1)),
            id="length-not-minimal",
        ),
        pytest.param(
            EnvelopeFault.NOT_CANONICAL,
            lambda w: _fields(w, payload=b"\x8a\x00" + w.chunk(1, b"payload")[1:]),
            id="tag-not-minimal",
        ),
        pytest.param(
            EnvelopeFault.NOT_CANONICAL,
            lambda w: _fields(w) + w.chunk(4, w.number(1, 1, padding=2) + w.chunk(2, b"token")),
            id="number-not-minimal",
        ),
        pytest.param(
            EnvelopeFault.NOT_CANONICAL,
            lambda w: _fields(w) + w.chunk(4, w.number(1, 2**32 + 1) + w.chunk(2, b"token")),
            id="enum-beyond-32-bits",
        ),
        pytest.param(
            EnvelopeFault.NOT_CANONICAL,
            lambda w: _fields(
                w,
                signature=w.chunk(
                    3,
                    w.chunk(1, bytes(64))
                    + w.chunk(2, KEYID.encode())
                    + w.chunk(3, w.chunk(1, b"root") + w.number(2, 0)),
                ),
            ),
            id="default-written-out",
        ),
        pytest.param(
            EnvelopeFault.NOT_CANONICAL,
            lambda w: _fields(
                w,
                signature=w.chunk(
                    3,
                    w.chunk(1, bytes(64))
                    + w.chunk(2, KEYID.encode())
                    + w.chunk(3, w.chunk(1, b"root"))
                    + w.chunk(3, w.number(2, 1)),
                ),
            ),
            id="sub-message-in-two-parts",
        ),
        pytest.param(EnvelopeFault.CONSTRAINT, lambda _: b"", id="empty"),
        pytest.param(EnvelopeFault.CONSTRAINT, lambda w: _fields(w, signature=b""), id="signatures-stripped"),
        pytest.param(EnvelopeFault.CONSTRAINT, lambda w: _fields(w, payload=b""), id="no-payload"),
        pytest.param(EnvelopeFault.CONSTRAINT, lambda w: _fields(w, signature=w.chunk(3, b"")), id="empty-signature"),
        pytest.param(
            EnvelopeFault.CONSTRAINT,
            lambda w: _fields(
                w, signature=w.chunk(3, w.chunk(1, bytes(64)) + w.chunk(2, KEYID.encode()) + w.chunk(3, b""))
            ),
            id="empty-batch",
        ),
        pytest.param(
            EnvelopeFault.CONSTRAINT,
            lambda w: _fields(w, payload_type=w.chunk(2, TYPE.encode() + b"\n")),
            id="type-with-line-feed",
        ),
        pytest.param(
            EnvelopeFault.CONSTRAINT,
            lambda w: _fields(w, signature=w.chunk(3, w.chunk(1, bytes(64)) + w.chunk(2, KEYID.upper().encode()))),
            id="keyid-in-upper-case",
        ),
        pytest.param(
            EnvelopeFault.CONSTRAINT,
            lambda w: _fields(w) + 4 * w.chunk(3, w.chunk(1, bytes(64)) + w.chunk(2, KEYID.encode())),
            id="five-signatures",
        ),
        pytest.param(
            EnvelopeFault.CONSTRAINT, lambda w: _fields(w) + w.chunk(4, w.chunk(2, b"token")), id="evidence-of-no-kind"
        ),
    ],
)
def test_refuses_by_name(wire: Any, fault: EnvelopeFault, mutate: Any) -> None:
    with pytest.raises(EnvelopeError) as refused:
        decode_envelope(mutate(wire))

    assert refused.value.fault is fault


@pytest.mark.parametrize(
    ("fault", "mutate"),
    [
        pytest.param(EnvelopeFault.UNKNOWN_FIELD, lambda w, root: root + w.number(4, 1), id="unknown-appended"),
        pytest.param(EnvelopeFault.NOT_CANONICAL, lambda w, root: root + w.number(2, 3), id="scalar-given-twice"),
        pytest.param(EnvelopeFault.NOT_CANONICAL, lambda w, root: root + w.chunk(1, b""), id="header-in-two-parts"),
        pytest.param(EnvelopeFault.NOT_PARSABLE, lambda _, root: root[:-1], id="truncated"),
        pytest.param(EnvelopeFault.TOO_LARGE, lambda w, root: root + w.chunk(4, bytes(1024)), id="too-large"),
        pytest.param(EnvelopeFault.CONSTRAINT, lambda _, root: root[:-34], id="no-root-hash"),
    ],
)
def test_refuses_a_batch_root_by_name(wire: Any, fault: EnvelopeFault, mutate: Any) -> None:
    with pytest.raises(EnvelopeError) as refused:
        decode_batch_root(mutate(wire, encode_batch_root(_root())))

    assert refused.value.fault is fault


def test_refuses_more_bytes_than_the_caller_allows() -> None:
    data = encode_envelope(_valid())

    assert decode_envelope(data, max_bytes=len(data)) == _valid()
    with pytest.raises(EnvelopeError) as refused:
        decode_envelope(data, max_bytes=len(data) - 1)
    assert refused.value.fault is EnvelopeFault.TOO_LARGE


def test_does_not_encode_what_it_would_not_decode(wire: Any) -> None:
    with_unknown_field = _valid()
    with_unknown_field.signatures[0].MergeFromString(wire.number(9, 1))

    with pytest.raises(EnvelopeError) as refused:
        encode_envelope(with_unknown_field)

    assert refused.value.fault is EnvelopeFault.UNKNOWN_FIELD


@settings(deadline=None)
@given(st.from_regex(PAYLOAD_TYPE_PATTERN, fullmatch=True) | st.from_regex(r"\Aapplication/vnd\.huren\..*"))
@example("application/vnd.huren.fragment.v1+protobuf\n")
@example("application/vnd.huren.fragment.v0+protobuf")
@example("application/vnd.huren.fragment.v1234+protobuf")
def test_payload_type_pattern_is_the_one_of_the_contract(payload_type: str) -> None:
    envelope = _valid()
    envelope.payload_type = payload_type

    try:
        protovalidate.validate(envelope)
    except protovalidate.ValidationError:
        assert not PAYLOAD_TYPE_PATTERN.fullmatch(payload_type)
    else:
        assert PAYLOAD_TYPE_PATTERN.fullmatch(payload_type)


def test_errors_say_what_is_wrong_and_survive_pickling() -> None:
    error = EnvelopeError(EnvelopeFault.TOO_LARGE, "detail")

    assert str(pickle.loads(pickle.dumps(error))) == "TOO_LARGE: detail"  # noqa: S301 - our own bytes.


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x1a\x00" * 2_000_000, id="millions-of-empty-signatures"),
        pytest.param(b"\x22\x00" * 2_000_000, id="millions-of-empty-time-evidence"),
        pytest.param(b"\x0a\x01x" + b"\x1a\x00" * 2_000_000, id="behind-a-payload"),
        pytest.param(b"\x0a\xff\xff\xff\xff\x0f" + b"\x1a\x00" * 2_000_000, id="behind-a-payload-that-lies"),
    ],
)
def test_refuses_millions_of_little_messages_by_their_size_alone(data: bytes) -> None:
    with pytest.raises(EnvelopeError) as refused:
        decode_envelope(data)
    assert refused.value.fault in {EnvelopeFault.TOO_LARGE, EnvelopeFault.NOT_PARSABLE}


def test_a_large_payload_is_no_reason() -> None:
    envelope = _valid()
    envelope.payload = b"x" * (3 * 1024 * 1024)
    assert decode_envelope(encode_envelope(envelope)) == envelope
