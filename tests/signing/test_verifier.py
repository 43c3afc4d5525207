import copy
import dataclasses
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from signing import (
    Compromised,
    EnvelopeError,
    EnvelopeFault,
    Retired,
    SigningError,
    SuitePolicy,
    SuiteRule,
    VerificationError,
    VerificationFailure,
    VerifiedPayload,
    Verifier,
    encode_envelope,
    pae,
    statement_id,
)

F = VerificationFailure
TICK = timedelta(microseconds=1)


def _refusal(verify: Callable[[], object]) -> VerificationFailure:
    with pytest.raises(VerificationError) as refused:
        verify()
    return refused.value.failure


def _sealed(build: Any, payload: bytes, *members: Any, evidence: tuple[Any, ...] = ()) -> bytes:
    """An envelope around any payload bytes, signed by these members whatever the bytes say."""
    return encode_envelope(
        envelope_pb2.Envelope(
            payload=payload,
            payload_type=build.fragment,
            signatures=[
                envelope_pb2.Signature(sig=member.key.sign(pae(build.fragment, payload)), keyid=member.key.key_id)
                for member in members
            ],
            time_evidence=evidence,
        )
    )


def test_accepts_a_statement_and_returns_all_of_it(build: Any) -> None:
    member = build.member()
    signed = member.signer.sign(build.fragment, payload := build.payload(member))

    verified = Verifier(build.trust(member.entry)).verify(signed.envelope, expect={build.fragment})

    assert verified.envelope == signed.envelope
    assert verified.payload == signed.payload
    assert verified.payload_type == build.fragment
    assert verified.statement_id == signed.statement_id == statement_id(build.fragment, signed.payload)
    assert verified.header == payload.header
    assert verified.signer == member.entry
    assert verified.issued_at == build.now


class TestOnlyAVerifierMakesAVerifiedPayload:
    @pytest.fixture
    def verified(self, build: Any) -> VerifiedPayload:
        member = build.member()
        signed = member.signer.sign(build.fragment, build.payload(member))
        return Verifier(build.trust(member.entry)).verify(signed.envelope, expect={build.fragment})

    def test_calling_the_class_is_refused(self, verified: VerifiedPayload) -> None:
        fields = {field.name: getattr(verified, field.name) for field in dataclasses.fields(verified)}

        for arguments in ({}, fields, fields | {"minted_with": None}, fields | {"minted_with": object()}):
            with pytest.raises(RuntimeError, match=r"Verifier\.verify"):
                VerifiedPayload(**arguments)

    def test_copying_and_pickling_are_refused(self, verified: VerifiedPayload) -> None:
        for duplicate in (copy.copy, copy.deepcopy):
            with pytest.raises(RuntimeError, match=r"Verifier\.verify"):
                duplicate(verified)
        with pytest.raises((RuntimeError, TypeError)):
            pickle.loads(pickle.dumps(verified))  # noqa: S301 - our own bytes.
        with pytest.raises(ValueError, match="minted_with"):
            dataclasses.replace(verified, payload=b"other")  # type: ignore[call-arg]  # which is the point

    def test_its_fields_cannot_be_set(self, verified: VerifiedPayload) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            verified.payload = b"other"  # type: ignore[misc]


class TestPayloadTypeAndHeader:
    def test_refuses_a_payload_type_that_is_not_expected(self, build: Any) -> None:
        member = build.member()
        signed = member.signer.sign(build.fragment, build.payload(member))
        verifier = Verifier(build.trust(member.entry))

        assert _refusal(lambda: verifier.verify(signed.envelope, expect={build.query})) is F.PAYLOAD_TYPE_UNEXPECTED
        assert _refusal(lambda: verifier.verify(signed.envelope, expect=())) is F.PAYLOAD_TYPE_UNEXPECTED

    def test_a_text_is_no_collection_of_payload_types(self, build: Any) -> None:
        member = build.member()
        signed = member.signer.sign(build.fragment, build.payload(member))

        with pytest.raises(TypeError):
            Verifier(build.trust(member.entry)).verify(signed.envelope, expect=build.fragment)

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda header: header.Clear(), id="empty"),
            pytest.param(lambda header: header.ClearField("issued_at"), id="no-instant"),
            pytest.param(lambda header: header.MergeFrom(_header(issuer=15)), id="unknown-province"),
            pytest.param(lambda header: header.MergeFrom(_header(role=7)), id="unknown-role"),
            pytest.param(lambda header: header.ClearField("issuer"), id="no-province"),
            pytest.param(lambda header: header.ClearField("role"), id="no-role"),
            pytest.param(lambda header: header.MergeFrom(_header(nonce=bytes(15))), id="nonce-of-15-bytes"),
            pytest.param(lambda header: header.MergeFrom(_header(nonce=bytes(33))), id="nonce-of-33-bytes"),
            pytest.param(lambda header: header.must_understand.append("No Name"), id="feature-no-name"),
            pytest.param(lambda header: header.must_understand.extend(["a", "a"]), id="feature-twice"),
            pytest.param(lambda header: header.issued_at.MergeFrom(_instant(seconds=2**62)), id="instant-too-late"),
            pytest.param(lambda header: header.issued_at.MergeFrom(_instant(seconds=-(2**62))), id="instant-too-early"),
            pytest.param(lambda header: header.issued_at.MergeFrom(_instant(nanos=10**9)), id="nanos-a-second"),
            pytest.param(lambda header: header.issued_at.MergeFrom(_instant(nanos=-1)), id="nanos-negative"),
        ],
    )
    def test_refuses_an_invalid_header(self, build: Any, spoil: Callable[[Any], object]) -> None:
        member = build.member()
        payload = build.payload(member)
        spoil(payload.header)
        envelope = _sealed(build, payload.SerializeToString(), member)

        verifier = Verifier(build.trust(member.entry))

        assert _refusal(lambda: verifier.verify(envelope, expect={build.fragment})) is F.HEADER_INVALID

    @pytest.mark.parametrize(
        "payload", [b"\xff", b"\x12\x00", b"\x08\x01"], ids=["no-protobuf", "absent", "no-message"]
    )
    def test_refuses_a_payload_without_a_header(self, build: Any, payload: bytes) -> None:
        member = build.member()
        envelope = _sealed(build, payload, member)

        verifier = Verifier(build.trust(member.entry))

        assert _refusal(lambda: verifier.verify(envelope, expect={build.fragment})) is F.HEADER_INVALID

    def test_ignores_unknown_fields_of_a_payload(self, build: Any, wire: Any) -> None:
        member = build.member()
        payload = build.payload(member).SerializeToString() + wire.chunk(500, b"of a later minor version")

        verified = Verifier(build.trust(member.entry)).verify(_sealed(build, payload, member), expect={build.fragment})

        assert verified.payload == payload


def _header(**fields: Any) -> envelope_pb2.StatementHeader:
    return envelope_pb2.StatementHeader(**fields)


def _instant(**fields: int) -> Any:
    return envelope_pb2.StatementHeader(issued_at=fields).issued_at  # type: ignore[arg-type]


class TestKeysAndSignatures:
    def test_refuses_an_unknown_key(self, build: Any) -> None:
        member = build.member()
        signed = member.signer.sign(build.fragment, build.payload(member))
        verifier = Verifier(build.trust(build.member("hebei", member=13).entry))

        assert _refusal(lambda: verifier.verify(signed.envelope, expect={build.fragment})) is F.KEY_UNKNOWN

    def test_refuses_a_signature_under_the_name_of_another_key(self, build: Any) -> None:
        member, other = build.member(), build.member("shanxi second")
        payload = build.payload(member).SerializeToString()
        envelope = envelope_pb2.Envelope.FromString(_sealed(build, payload, other))
        envelope.signatures[0].keyid = member.key.key_id
        verifier = Verifier(build.trust(member.entry, other.entry))

        failure = _refusal(lambda: verifier.verify(encode_envelope(envelope), expect={build.fragment}))

        assert failure is F.SIGNATURE_INVALID

    def test_refuses_a_signature_over_the_bare_payload(self, build: Any) -> None:
        member = build.member()
        payload = build.payload(member).SerializeToString()
        envelope = envelope_pb2.Envelope.FromString(_sealed(build, payload, member))
        envelope.signatures[0].sig = member.key.sign(payload)
        verifier = Verifier(build.trust(member.entry))

        failure = _refusal(lambda: verifier.verify(encode_envelope(envelope), expect={build.fragment}))

        assert failure is F.SIGNATURE_INVALID

    def test_refuses_a_signature_of_another_payload_type(self, build: Any) -> None:
        member = build.member(payload_types=frozenset({build.fragment, build.query}))
        signed = member.signer.sign(build.query, build.payload(member))
        envelope = envelope_pb2.Envelope.FromString(signed.envelope)
        envelope.payload_type = build.fragment
        verifier = Verifier(build.trust(member.entry))

        failure = _refusal(lambda: verifier.verify(encode_envelope(envelope), expect={build.fragment}))

        assert failure is F.SIGNATURE_INVALID

    @pytest.mark.parametrize(
        "facts",
        [{"member": common_pb2.PROVINCE_HEBEI}, {"role": envelope_pb2.MEMBER_ROLE_GATEWAY}],
        ids=["key-of-another-province", "key-of-another-role"],
    )
    def test_refuses_an_issuer_who_is_not_the_signer(self, build: Any, facts: dict[str, int]) -> None:
        issuer, signer = build.member(), build.member("other", **facts)
        envelope = _sealed(build, build.payload(issuer).SerializeToString(), signer)
        verifier = Verifier(build.trust(issuer.entry, signer.entry))

        assert _refusal(lambda: verifier.verify(envelope, expect={build.fragment})) is F.ISSUER_IS_NOT_SIGNER

    def test_refuses_a_payload_type_to_which_the_key_is_not_entitled(self, build: Any) -> None:
        member = build.member(payload_types=frozenset({build.query}))
        signed = member.signer.sign(build.fragment, build.payload(member))
        verifier = Verifier(build.trust(member.entry))

        assert (
            _refusal(lambda: verifier.verify(signed.envelope, expect={build.fragment})) is F.PAYLOAD_TYPE_NOT_ENTITLED
        )


class TestSeveralSignatures:
    def test_accepts_two_keys_of_one_member_and_role(self, build: Any) -> None:
        first, second = build.member("shanxi first"), build.member("shanxi second")
        envelope = _sealed(build, build.payload(first).SerializeToString(), first, second)

        verified = Verifier(build.trust(first.entry, second.entry)).verify(envelope, expect={build.fragment})

        assert verified.signer == first.entry

    def test_refuses_a_key_that_signs_twice(self, build: Any) -> None:
        member = build.member()
        envelope = _sealed(build, build.payload(member).SerializeToString(), member, member)
        verifier = Verifier(build.trust(member.entry))

        assert _refusal(lambda: verifier.verify(envelope, expect={build.fragment})) is F.KEY_REPEATED

    @pytest.mark.parametrize(
        "facts", [{"member": 13}, {"role": envelope_pb2.MEMBER_ROLE_GATEWAY}], ids=["member", "role"]
    )
    def test_refuses_keys_of_different_signers(self, build: Any, facts: dict[str, int]) -> None:
        first, second = build.member(), build.member("other", **facts)
        envelope = _sealed(build, build.payload(first).SerializeToString(), first, second)
        verifier = Verifier(build.trust(first.entry, second.entry))

        assert _refusal(lambda: verifier.verify(envelope, expect={build.fragment})) is F.SIGNERS_DIFFER

    @pytest.mark.parametrize("spoiled", [0, 1])
    def test_one_bad_signature_refuses_the_statement(self, build: Any, spoiled: int) -> None:
        members = build.member("shanxi first"), build.member("shanxi second")
        envelope = envelope_pb2.Envelope.FromString(
            _sealed(build, build.payload(members[0]).SerializeToString(), *members)
        )
        envelope.signatures[spoiled].sig = bytes(64)
        verifier = Verifier(build.trust(*(member.entry for member in members)))

        failure = _refusal(lambda: verifier.verify(encode_envelope(envelope), expect={build.fragment}))

        assert failure is F.SIGNATURE_INVALID

    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            pytest.param({"not_after": datetime(2026, 1, 1, tzinfo=UTC)}, F.KEY_EXPIRED, id="expired"),
            pytest.param({"state": Retired(at=datetime(2026, 1, 1, tzinfo=UTC))}, F.KEY_RETIRED, id="retired"),
            pytest.param({"payload_types": frozenset()}, F.PAYLOAD_TYPE_NOT_ENTITLED, id="not-entitled"),
        ],
    )
    def test_every_key_is_judged(self, build: Any, facts: dict[str, Any], expected: VerificationFailure) -> None:
        first, second = build.member("shanxi first"), build.member("shanxi second", **facts)
        envelope = _sealed(build, build.payload(first).SerializeToString(), first, second)
        verifier = Verifier(build.trust(first.entry, second.entry))

        assert _refusal(lambda: verifier.verify(envelope, expect={build.fragment})) is expected

    def test_one_unknown_key_refuses_the_statement(self, build: Any) -> None:
        first, second = build.member("shanxi first"), build.member("shanxi second")
        envelope = _sealed(build, build.payload(first).SerializeToString(), first, second)
        verifier = Verifier(build.trust(first.entry))

        assert _refusal(lambda: verifier.verify(envelope, expect={build.fragment})) is F.KEY_UNKNOWN


class TestKeysInTime:
    @pytest.mark.parametrize(
        ("facts", "offset", "expected"),
        [
            pytest.param({"not_before": 0}, -TICK, F.KEY_NOT_YET_VALID, id="just-before-validity"),
            pytest.param({"not_before": 0}, timedelta(0), None, id="first-instant-of-validity"),
            pytest.param({"not_after": 0}, timedelta(0), None, id="last-instant-of-validity"),
            pytest.param({"not_after": 0}, TICK, F.KEY_EXPIRED, id="just-after-validity"),
            pytest.param({"retired": 0}, -TICK, None, id="just-before-retirement"),
            pytest.param({"retired": 0}, timedelta(0), None, id="at-retirement"),
            pytest.param({"retired": 0}, TICK, F.KEY_RETIRED, id="just-after-retirement"),
        ],
    )
    def test_a_key_is_judged_when_it_signed(
        self, build: Any, facts: dict[str, int], offset: timedelta, expected: VerificationFailure | None
    ) -> None:
        entry_facts = {name: build.now for name in facts if name != "retired"}
        if "retired" in facts:
            entry_facts["state"] = Retired(at=build.now)
        member = build.member(**entry_facts)
        signed = member.signer.sign(build.fragment, build.payload(member, at=build.now + offset))
        verifier = Verifier(build.trust(member.entry))

        if expected is None:
            assert verifier.verify(signed.envelope, expect={build.fragment}).signer == member.entry
        else:
            assert _refusal(lambda: verifier.verify(signed.envelope, expect={build.fragment})) is expected

    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            pytest.param(lambda now: {"not_after": now}, F.KEY_EXPIRED, id="expired"),
            pytest.param(lambda now: {"state": Retired(at=now)}, F.KEY_RETIRED, id="retired"),
        ],
    )
    def test_boundaries_are_exact_to_the_nanosecond(
        self, build: Any, facts: Callable[[datetime], dict[str, Any]], expected: VerificationFailure
    ) -> None:
        member = build.member(**facts(build.now))
        payload = build.payload(member)
        payload.header.issued_at.nanos += 1
        signed = member.signer.sign(build.fragment, payload)
        verifier = Verifier(build.trust(member.entry))

        assert _refusal(lambda: verifier.verify(signed.envelope, expect={build.fragment})) is expected


class TestCompromisedKeys:
    @pytest.fixture
    def member(self, build: Any) -> Any:
        return build.member(state=Compromised(since=build.now))

    @pytest.fixture
    def envelope(self, build: Any, member: Any) -> bytes:
        payload = build.payload(member, at=build.now - timedelta(days=30)).SerializeToString()
        evidence = envelope_pb2.TimeEvidence(
            kind=envelope_pb2.TIME_EVIDENCE_KIND_RFC3161, evidence=b"token", keyid=member.key.key_id
        )
        return _sealed(build, payload, member, evidence=(evidence, evidence))

    def test_a_statement_is_refused_however_old_it_says_it_is(self, build: Any, member: Any, envelope: bytes) -> None:
        verifier = Verifier(build.trust(member.entry))

        assert _refusal(lambda: verifier.verify(envelope, expect={build.fragment})) is F.KEY_COMPROMISED

    @pytest.mark.parametrize(
        ("proven", "expected"),
        [
            pytest.param((None, None), F.KEY_COMPROMISED, id="cannot-be-checked"),
            pytest.param((timedelta(0), None), F.KEY_COMPROMISED, id="at-the-compromise"),
            pytest.param((TICK, TICK), F.KEY_COMPROMISED, id="after-the-compromise"),
            pytest.param((-TICK, None), None, id="just-before-the-compromise"),
            pytest.param((None, -TICK), None, id="second-piece-counts"),
        ],
    )
    def test_counts_only_with_time_evidence_from_before(
        self,
        *,
        build: Any,
        member: Any,
        envelope: bytes,
        proven: tuple[timedelta | None, ...],
        expected: VerificationFailure | None,
    ) -> None:
        answers = iter(proven)
        asked: list[tuple[bytes, bytes]] = []

        def check(evidence: envelope_pb2.TimeEvidence, sig: bytes) -> datetime | None:
            asked.append((evidence.evidence, sig))
            offset = next(answers)
            return None if offset is None else build.now + offset

        verifier = Verifier(build.trust(member.entry), check)

        if expected is None:
            verified = verifier.verify(envelope, expect={build.fragment})
            (signature,) = envelope_pb2.Envelope.FromString(verified.envelope).signatures
            assert asked[0] == (b"token", signature.sig)
        else:
            assert _refusal(lambda: verifier.verify(envelope, expect={build.fragment})) is expected

    def test_is_refused_without_time_evidence_even_where_it_can_be_checked(self, build: Any, member: Any) -> None:
        signed = member.signer.sign(build.fragment, build.payload(member, at=build.now - timedelta(days=30)))
        verifier = Verifier(build.trust(member.entry), lambda _evidence, _sig: build.now - timedelta(days=99))

        assert _refusal(lambda: verifier.verify(signed.envelope, expect={build.fragment})) is F.KEY_COMPROMISED

    def test_time_evidence_does_not_extend_validity(self, build: Any) -> None:
        member = build.member(state=Compromised(since=build.now), not_after=build.now - timedelta(days=60))
        evidence = envelope_pb2.TimeEvidence(
            kind=envelope_pb2.TIME_EVIDENCE_KIND_RFC3161, evidence=b"token", keyid=member.key.key_id
        )
        payload = build.payload(member, at=build.now - timedelta(days=30)).SerializeToString()
        verifier = Verifier(build.trust(member.entry), lambda _evidence, _sig: build.now - timedelta(days=30))

        envelope = _sealed(build, payload, member, evidence=(evidence,))

        assert _refusal(lambda: verifier.verify(envelope, expect={build.fragment})) is F.KEY_EXPIRED

    def test_time_evidence_changes_neither_id_nor_signature(self, build: Any, envelope: bytes) -> None:
        member = build.member()
        without = envelope_pb2.Envelope.FromString(envelope)
        without.ClearField("time_evidence")
        verifier = Verifier(build.trust(member.entry))

        with_evidence, bare = (
            verifier.verify(one, expect={build.fragment}) for one in (envelope, encode_envelope(without))
        )

        assert with_evidence.statement_id == bare.statement_id


class TestSuitePolicy:
    def _policy(self, **rule: Any) -> SuitePolicy:
        facts = {"role": envelope_pb2.MEMBER_ROLE_ADAPTER, "suite": envelope_pb2.SUITE_ED25519}
        return SuitePolicy((SuiteRule(**(facts | rule)),))

    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            pytest.param({"accepted_from": timedelta(0)}, None, id="from-now"),
            pytest.param({"accepted_from": TICK}, F.SUITE_NOT_ACCEPTED, id="not-yet"),
            pytest.param({"accepted_from": -TICK, "accepted_until": timedelta(0)}, None, id="until-now"),
            pytest.param({"accepted_from": -2 * TICK, "accepted_until": -TICK}, F.SUITE_NOT_ACCEPTED, id="no-more"),
            pytest.param(
                {"accepted_from": timedelta(0), "role": envelope_pb2.MEMBER_ROLE_GATEWAY},
                F.SUITE_NOT_ACCEPTED,
                id="for-another-role",
            ),
        ],
    )
    def test_a_suite_is_accepted_by_role_and_time_of_signing(
        self, build: Any, rule: dict[str, Any], expected: VerificationFailure | None
    ) -> None:
        member = build.member()
        signed = member.signer.sign(build.fragment, build.payload(member))
        facts = {name: build.now + value if isinstance(value, timedelta) else value for name, value in rule.items()}
        verifier = Verifier(build.trust(member.entry, policy=self._policy(**facts)))

        if expected is None:
            assert verifier.verify(signed.envelope, expect={build.fragment}).signer == member.entry
        else:
            assert _refusal(lambda: verifier.verify(signed.envelope, expect={build.fragment})) is expected

    def test_an_empty_policy_accepts_nothing(self, build: Any) -> None:
        member = build.member()
        signed = member.signer.sign(build.fragment, build.payload(member))
        verifier = Verifier(dataclasses.replace(build.trust(member.entry), policy=SuitePolicy()))

        assert _refusal(lambda: verifier.verify(signed.envelope, expect={build.fragment})) is F.SUITE_NOT_ACCEPTED


class TestBytes:
    @settings(deadline=None)
    @given(data=st.binary(max_size=400))
    def test_arbitrary_bytes_raise_only_our_errors(self, build: Any, data: bytes) -> None:
        with pytest.raises(EnvelopeError):
            Verifier(build.trust(build.member().entry)).verify(data, expect={build.fragment})

    @settings(deadline=None)
    @given(payload=st.binary(min_size=1, max_size=100))
    def test_arbitrary_signed_payloads_raise_only_our_errors(self, build: Any, payload: bytes) -> None:
        member = build.member()

        with pytest.raises(SigningError):
            Verifier(build.trust(member.entry)).verify(_sealed(build, payload, member), expect={build.fragment})

    def test_refuses_an_envelope_longer_than_allowed(self, build: Any) -> None:
        member = build.member()
        signed = member.signer.sign(build.fragment, build.payload(member))
        verifier = Verifier(build.trust(member.entry), max_envelope_bytes=len(signed.envelope) - 1)

        with pytest.raises(EnvelopeError) as refused:
            verifier.verify(signed.envelope, expect={build.fragment})

        assert refused.value.fault is EnvelopeFault.TOO_LARGE
