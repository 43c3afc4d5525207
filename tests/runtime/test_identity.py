from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.province import Province
from contract.uscc import parse_uscc
from huren.envelope.v1 import envelope_pb2
from runtime.identity import (
    ROLE_SLUGS,
    EnterprisePeer,
    MemberPeer,
    OperatorPeer,
    PeerIdentity,
    identity_from_uri,
    peer_identity,
)

IDENTITIES: list[tuple[str, PeerIdentity]] = [
    ("urn:huren:member:14:adapter", MemberPeer(Province(14), envelope_pb2.MEMBER_ROLE_ADAPTER)),
    ("urn:huren:member:11:gateway", MemberPeer(Province(11), envelope_pb2.MEMBER_ROLE_GATEWAY)),
    ("urn:huren:enterprise:91350200575017604M", EnterprisePeer(parse_uscc("91350200575017604M"))),
    ("urn:huren:operator:ops-1", OperatorPeer("ops-1")),
]


@pytest.mark.parametrize(("uri", "identity"), IDENTITIES)
def test_uri_and_identity_are_two_forms_of_one_thing(uri: str, identity: PeerIdentity) -> None:
    assert identity_from_uri(uri) == identity
    assert identity.uri == uri


@given(st.sampled_from(Province), st.sampled_from(list(ROLE_SLUGS)))
def test_every_member_round_trips(province: Province, role: envelope_pb2.MemberRole.ValueType) -> None:
    member = MemberPeer(province, role)
    assert identity_from_uri(member.uri) == member


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "urn:huren:member:14",
        "urn:huren:member:14:officer",
        "urn:huren:member:15:adapter",
        "urn:huren:member:014:adapter",
        "urn:huren:member:１４:adapter",
        "urn:huren:member:14:adapter\n",
        "urn:huren:member:14:adapter#x",
        "URN:huren:member:14:adapter",
        " urn:huren:member:14:adapter",
        "urn:huren:enterprise:91350200575017604m",
        "urn:huren:enterprise:91350200575017604N",
        "urn:huren:enterprise:",
        "urn:huren:operator:Ops",
        "urn:huren:operator:",
        "urn:huren:operator:" + "a" * 33,
        "urn:other:member:14:adapter",
    ],
)
def test_every_other_spelling_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r"expected|not a valid"):
        identity_from_uri(uri)


@given(st.binary(max_size=80))
def test_any_bytes_in_a_certificate_are_an_identity_or_none(raw: bytes) -> None:
    identity = peer_identity({"peer_uri": [raw]})
    assert identity is None or identity.uri.encode() == raw


def test_a_name_beside_others_counts() -> None:
    context = {"peer_uri": [b"https://example.org/", b"urn:huren:operator:ops"], "peer_dns": [b"localhost"]}
    assert peer_identity(context) == OperatorPeer("ops")


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"peer_uri": []},
        {"peer_uri": [b"https://example.org/"]},
        {"peer_uri": [b"urn:huren:operator:a", b"urn:huren:operator:b"]},
        {"peer_uri": [b"urn:huren:operator:a", b"urn:huren:operator:a"]},
        {"peer_uri": [b"urn:huren:operator:a", b"URN:HUREN:member:14:adapter"]},
        {"peer_dns": [b"urn:huren:operator:a"]},
        {"x509_subject_alternative_name": [b"urn:huren:operator:a"], "x509_common_name": [b"urn:huren:operator:a"]},
    ],
)
def test_no_name_or_several_or_one_elsewhere_is_no_identity(context: dict[str, list[bytes]]) -> None:
    assert peer_identity(context) is None
