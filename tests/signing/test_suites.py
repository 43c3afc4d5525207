import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from huren.envelope.v1 import envelope_pb2
from signing import Ed25519Suite, SuiteError, key_id, suite_of

SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")

# RFC 8032 section 7.1: secret key, public key, message, signature.
RFC_8032 = [
    pytest.param(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        b"",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        id="TEST-1",
    ),
    pytest.param(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        bytes.fromhex("72"),
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        id="TEST-2",
    ),
    pytest.param(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        bytes.fromhex("af82"),
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        id="TEST-3",
    ),
    pytest.param(
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").digest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
        id="TEST-SHA-abc",
    ),
]

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_signs_and_verifies_the_vectors_of_rfc_8032(secret: str, public: str, message: bytes, signature: str) -> None:
    suite = Ed25519Suite()
    key = suite.secret_key_from_seed(bytes.fromhex(secret))

    assert key.spki == SPKI_PREFIX + bytes.fromhex(public)
    assert key.sign(message) == bytes.fromhex(signature)
    assert suite.load_public_key(key.spki).verify(bytes.fromhex(signature), message)


@pytest.mark.parametrize("length", [0, 16, 63, 65, 128])
def test_refuses_signatures_of_another_length(build: Any, length: int) -> None:
    key = build.private_key("shanxi")
    signature = (key.sign(b"message") + bytes(64))[:length]

    assert not Ed25519Suite().load_public_key(key.public_key).verify(signature, b"message")


def test_refuses_a_signature_whose_scalar_is_not_reduced(build: Any) -> None:
    # RFC 8032 section 8.4: S + L would verify in the same way, were S not required to be below L.
    order = 2**252 + 27742317777372353535851937790883648493
    key = build.private_key("shanxi")
    signature = key.sign(b"message")
    scalar = int.from_bytes(signature[32:], "little") + order

    loaded = Ed25519Suite().load_public_key(key.public_key)

    assert loaded.verify(signature, b"message")
    assert not loaded.verify(signature[:32] + scalar.to_bytes(32, "little"), b"message")


def _small_order_ordinates() -> set[int]:
    """y of every point of order 1, 2, 4 or 8."""
    # Order 1 is (0, 1), order 2 (0, -1), order 4 has y = 0. A point has order 8 if its double has y = 0, that is if y^2 = -x^2; the
    # equation of the curve, -x^2 + y^2 = 1 + d x^2 y^2, then reads d y^4 + 2 y^2 - 1 = 0.
    root_of_minus_one = pow(2, (P - 1) // 4, P)

    def square_roots(value: int) -> set[int]:
        root = pow(value, (P + 3) // 8, P)
        candidates = {root, root * root_of_minus_one % P}
        return {sign * c % P for c in candidates if c * c % P == value % P for sign in (1, -1)}

    half = pow(D, -1, P)
    squares = {(-1 + s) * half % P for s in square_roots(1 + D)}
    return {0, 1, P - 1} | {y for square in squares for y in square_roots(square)}


def test_refuses_every_public_key_of_small_order() -> None:
    ordinates = _small_order_ordinates()

    assert len(ordinates) == 5
    for y in ordinates:
        for sign in (0, 1 << 255):
            with pytest.raises(SuiteError, match="small order"):
                Ed25519Suite().load_public_key(SPKI_PREFIX + (y | sign).to_bytes(32, "little"))


def test_the_library_alone_would_accept_a_forgery_under_a_key_of_small_order() -> None:
    neutral = (1).to_bytes(32, "little")

    # Does not raise: R = O and S = 0 verify for every message. That is why such keys are refused on loading.
    Ed25519PublicKey.from_public_bytes(neutral).verify(neutral + bytes(32), b"any message")


@pytest.mark.parametrize("y", [P, P + 1, P + 2, P + 5, 2**255 - 1])
def test_refuses_public_keys_that_are_not_reduced(y: int) -> None:
    with pytest.raises(SuiteError, match="below"):
        Ed25519Suite().load_public_key(SPKI_PREFIX + y.to_bytes(32, "little"))


@pytest.mark.parametrize(
    "mutate",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda spki: spki[:-1], id="truncated"),
        pytest.param(lambda spki: spki + b"\0", id="trailing"),
        pytest.param(lambda spki: spki[12:], id="raw"),
        pytest.param(lambda spki: b"\x30\x81" + spki[1:], id="ber-length"),
        pytest.param(lambda spki: spki.replace(b"\x2b\x65\x70", b"\x2b\x65\x6e"), id="x25519"),
    ],
)
def test_refuses_other_forms_of_a_public_key(build: Any, mutate: Any) -> None:
    with pytest.raises(SuiteError):
        Ed25519Suite().load_public_key(mutate(build.private_key("shanxi").public_key))


@settings(deadline=None)
@given(st.binary(max_size=64) | st.binary(min_size=32, max_size=32).map(SPKI_PREFIX.__add__), st.binary(), st.binary())
def test_arbitrary_keys_and_signatures_raise_only_our_errors(spki: bytes, signature: bytes, message: bytes) -> None:
    try:
        key = Ed25519Suite().load_public_key(spki)
    except SuiteError:
        return
    assert not key.verify(signature, message)
    assert not key.verify(signature.ljust(64, b"\0")[:64], message)


@pytest.mark.parametrize(
    ("suite", "name"),
    [
        pytest.param(envelope_pb2.SUITE_UNSPECIFIED, "SUITE_UNSPECIFIED", id="unspecified"),
        pytest.param(envelope_pb2.SUITE_SM2_SM3, "SUITE_SM2_SM3", id="sm2"),
        pytest.param(4711, "suite 4711", id="unknown"),
    ],
)
def test_refuses_unsupported_suites_by_name(suite: int, name: str) -> None:
    with pytest.raises(SuiteError, match=name):
        suite_of(suite)


def test_key_id_is_lower_case_hex_of_sha_256() -> None:
    assert key_id(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
