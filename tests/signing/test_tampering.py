"""Whatever is changed on its way is refused: every bit of a small statement, and of one of a batch."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huren.envelope.v1 import envelope_pb2
from signing import SignedStatement, SigningError, Verifier, encode_envelope


def _alone(build: Any) -> bytes:
    member = build.member()
    signed: SignedStatement = member.signer.sign(build.fragment, build.payload(member))
    return signed.envelope


def _third_of_five(build: Any) -> bytes:
    member = build.member()
    signed: list[SignedStatement] = member.signer.sign_batch(build.batch(member, 5), build.now)
    return signed[2].envelope


@pytest.fixture(params=[_alone, _third_of_five], ids=["alone", "third-of-five"], scope="module")
def envelope(request: pytest.FixtureRequest, build: Any) -> bytes:
    made: bytes = request.param(build)
    return made


@pytest.fixture(scope="module")
def verifier(build: Any) -> Verifier:
    # Keys of everybody, so that a changed header or key id can name somebody who exists.
    others = [build.member(f"member {number}", member=number).entry for number in (11, 12, 13)]
    return Verifier(build.trust(build.member().entry, *others))


def test_the_untouched_statement_is_accepted(build: Any, verifier: Verifier, envelope: bytes) -> None:
    assert verifier.verify(envelope, expect={build.fragment}).envelope == envelope


def test_any_flipped_bit_is_refused(build: Any, verifier: Verifier, envelope: bytes) -> None:
    accepted = []
    for at in range(len(envelope)):
        for bit in range(8):
            changed = bytearray(envelope)
            changed[at] ^= 1 << bit
            try:
                verifier.verify(bytes(changed), expect={build.fragment, build.query})
            except SigningError:
                continue
            accepted.append((at, bit))

    assert accepted == []


def test_any_truncation_is_refused(build: Any, verifier: Verifier, envelope: bytes) -> None:
    for length in range(len(envelope)):
        with pytest.raises(SigningError):
            verifier.verify(envelope[:length], expect={build.fragment})


@settings(deadline=None, max_examples=500)
@given(data=st.data())
def test_any_other_bytes_are_refused(build: Any, verifier: Verifier, envelope: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(envelope)))
    end = data.draw(st.integers(at, min(at + 8, len(envelope))))
    changed = envelope[:at] + data.draw(st.binary(max_size=8)) + envelope[end:]

    if changed == envelope:
        return
    try:
        verified = verifier.verify(changed, expect={build.fragment})
    except SigningError:
        return
    # The one thing that may be added on the way: evidence of time, which no signature covers.
    without = envelope_pb2.Envelope.FromString(verified.envelope)
    without.ClearField("time_evidence")
    assert encode_envelope(without) == envelope
