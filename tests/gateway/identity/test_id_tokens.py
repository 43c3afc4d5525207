"""What an ID token has to be, each rule broken by one forgery; and that no other exception ever comes of a token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey
from structlog.testing import capture_logs

from contract.errors import ErrorCode, HurenError
from gateway.domain.persons import SEPARATE_ROLES, Staff, StaffRole
from gateway.identity.tokens import (
    ALGORITHMS,
    MAX_REPRESENTED,
    MAX_TOKEN_BYTES,
    Expected,
    Fault,
    TokenError,
    TokenHeader,
    check_access_token,
    check_id_token,
    check_logout_token,
    read_claims,
    read_header,
)
from huren.fragment.v1 import query_pb2
from sandbox.identity_provider import ACR, LEVELS
from tests.support.federation import uscc
from tests.support.forged_provider import (
    CLIENT_ID,
    NOON,
    STAFF,
    ForgedProvider,
    Relying,
    public,
    signing_key,
)

Forge = Callable[[ForgedProvider, dict[str, Any]], str]


def changed(**claims: Any) -> Forge:
    return lambda forged, right: forged.sign(right | claims)


def later(name: str, **offset: float) -> Forge:
    return lambda forged, right: forged.sign(right | {name: forged.seconds(timedelta(**offset))})


def headed(**header: Any) -> Forge:
    return lambda forged, right: forged.sign(right, **header)


def with_secret(secret: Callable[[ForgedProvider], bytes]) -> Forge:
    """HMAC with what everybody knows: the published key, taken for a secret."""
    return lambda forged, right: forged.hand_made(
        right, lambda signed: hmac.digest(secret(forged), signed, "sha256"), alg="HS256"
    )


def public_pem(forged: ForgedProvider) -> bytes:
    assert isinstance(forged.key, ECKey)
    return forged.key.as_pem(private=False)


def other_key(forged: ForgedProvider, right: dict[str, Any]) -> str:
    return forged.sign(right, key=signing_key("one"))


def altered(forged: ForgedProvider, right: dict[str, Any]) -> str:
    header, _, signature = forged.sign(right).split(".")
    payload = base64.urlsafe_b64encode(json.dumps(right | {"sub": "another"}).encode()).rstrip(b"=").decode()
    return f"{header}.{payload}.{signature}"


def twice(forged: ForgedProvider, right: dict[str, Any]) -> str:
    payload = json.dumps(right)[:-1] + ', "sub": "another"}'
    header = {"alg": "ES256", "kid": "one"}
    return jws.serialize_compact(header, payload.encode(), forged.key, algorithms=["ES256"])


FORGERIES: dict[str, tuple[Fault, Forge]] = {
    "algorithm none": (Fault.ALGORITHM, lambda forged, right: forged.hand_made(right, alg="none")),
    "HS256 with the public key, PEM": (Fault.ALGORITHM, with_secret(public_pem)),
    "HS256 with the public key, JWK": (
        Fault.ALGORITHM,
        with_secret(lambda forged: json.dumps(public(forged.key)).encode()),
    ),
    "HS256 with the client's secret": (Fault.ALGORITHM, with_secret(lambda _: b"secret of the test")),
    "EdDSA, which says not which curve": (
        Fault.ALGORITHM,
        lambda forged, right: forged.hand_made(right, alg="EdDSA"),
    ),
    "another key under the same id": (Fault.SIGNATURE, other_key),
    "claims that were altered": (Fault.SIGNATURE, altered),
    "an algorithm that the key is not for": (
        Fault.SIGNATURE,
        lambda forged, right: forged.sign(right, key=signing_key("one", "PS256")),
    ),
    "no key id": (Fault.KEY, headed(kid=None)),
    "an unknown key id": (Fault.KEY, headed(kid="two")),
    "a critical extension": (Fault.FORM, lambda forged, right: forged.hand_made(right, alg="ES256", crit=["x"], x=1)),
    "an access token": (Fault.TYPE, headed(typ="at+jwt")),
    "a logout token": (Fault.TYPE, headed(typ="logout+jwt")),
    "a logout token by its claims": (Fault.TYPE, changed(events={})),
    "a claim that stands twice": (Fault.FORM, twice),
    "issuer": (Fault.ISSUER, changed(iss="https://another.example")),
    "issuer with a slash": (Fault.ISSUER, lambda f, right: f.sign(right | {"iss": f"{f.issuer}/"})),
    "no issuer": (Fault.ISSUER, changed(iss=None)),
    "audience": (Fault.AUDIENCE, changed(aud="another")),
    "no audience": (Fault.AUDIENCE, changed(aud=None)),
    "audience of another type": (Fault.AUDIENCE, changed(aud={CLIENT_ID: True})),
    "several audiences without azp": (Fault.AUDIENCE, changed(aud=[CLIENT_ID, "another"])),
    "several audiences, azp another": (Fault.AUDIENCE, changed(aud=[CLIENT_ID, "another"], azp="another")),
    "azp another": (Fault.AUDIENCE, changed(azp="another")),
    "expired": (Fault.EXPIRED, later("exp", seconds=-60)),
    "no expiry": (Fault.EXPIRED, changed(exp=None)),
    "expiry as a text": (Fault.EXPIRED, changed(exp="2099-01-01")),
    "expiry as a truth": (Fault.EXPIRED, changed(exp=True)),
    "expiry without end": (Fault.EXPIRED, changed(exp=10**20)),
    "issued in the future": (Fault.ISSUED_AT, later("iat", seconds=61)),
    "issued long ago": (Fault.ISSUED_AT, later("iat", minutes=-11, seconds=-1)),
    "no time of issue": (Fault.ISSUED_AT, changed(iat=None)),
    "not valid yet": (Fault.ISSUED_AT, later("nbf", seconds=61)),
    "nonce": (Fault.NONCE, changed(nonce="another")),
    "no nonce": (Fault.NONCE, changed(nonce=None)),
    "nonce of another type": (Fault.NONCE, changed(nonce=["x"])),
    "nonce that is no text": (Fault.NONCE, changed(nonce="\ud800")),
    "hash of another access token": (Fault.ACCESS_TOKEN_HASH, changed(at_hash="AAAAAAAAAAAAAAAAAAAAAA")),
    "no subject": (Fault.SUBJECT, changed(sub=None)),
    "empty subject": (Fault.SUBJECT, changed(sub="")),
    "subject as a number": (Fault.SUBJECT, changed(sub=7)),
    "subject that is too long": (Fault.SUBJECT, changed(sub="x" * 256)),
    "subject with a control character": (Fault.SUBJECT, changed(sub="a\u0000b")),
    "session of another type": (Fault.SESSION, changed(sid=7)),
    "represents as a text": (Fault.REPRESENTS, changed(huren_represents=uscc(1))),
    "represents a wrong code": (Fault.REPRESENTS, changed(huren_represents=[uscc(1)[:-1] + "0"])),
    "represents too many": (Fault.REPRESENTS, changed(huren_represents=[uscc(1)] * (MAX_REPRESENTED + 1))),
    "staff as a text": (Fault.STAFF, changed(huren_staff="officer")),
    "staff without roles": (Fault.STAFF, changed(huren_staff={k: v for k, v in STAFF.items() if k != "roles"})),
    "an unknown role": (Fault.STAFF, changed(huren_staff=STAFF | {"roles": ["officer", "king"]})),
    "a role of another type": (Fault.STAFF, changed(huren_staff=STAFF | {"roles": [["officer"]]})),
    "no unit": (Fault.STAFF, changed(huren_staff=STAFF | {"unit": ""})),
    "a wrong code of the unit": (Fault.STAFF, changed(huren_staff=STAFF | {"unit_code": "91"})),
    "a post with a line break": (Fault.STAFF, changed(huren_staff=STAFF | {"post": "经办\n"})),
    "a number as a number": (Fault.STAFF, changed(huren_staff=STAFF | {"number": 17})),
}


@pytest.mark.parametrize("case", FORGERIES)
async def test_a_forged_id_token_logs_nobody_in(quick: Relying, case: str) -> None:
    fault, forge = FORGERIES[case]
    with capture_logs() as logs, pytest.raises(HurenError) as refused:
        await quick.comes_back(lambda nonce: forge(quick.forged, quick.forged.id_claims(nonce)))

    assert refused.value.code is ErrorCode.LOGIN_NOT_COMPLETED
    assert refused.value.__cause__ is None
    assert [line.get("rule") for line in logs] == [fault.value]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_algorithm_of_the_list_is_taken_with_its_hash(quick: Relying, algorithm: str) -> None:
    quick.forged.rotate("new", algorithm)
    digest = hashlib.new(ALGORITHMS[algorithm], quick.forged.access_token.encode()).digest()
    at_hash = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()

    assert (await quick.person(at_hash=at_hash)).level == query_pb2.IDENTITY_LEVEL_HIGH


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"aud": [CLIENT_ID]}, id="one audience in a list"),
        pytest.param({"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}, id="several audiences with azp"),
        pytest.param({"sid": None}, id="no session"),
        pytest.param({"name": "示例人员甲"}, id="a name, which is not taken over"),
    ],
)
async def test_what_may_differ(quick: Relying, claims: dict[str, Any]) -> None:
    assert (await quick.person(**claims)).level == query_pb2.IDENTITY_LEVEL_HIGH


@pytest.mark.parametrize(("offset", "name"), [(-59, "exp"), (60, "iat"), (60, "nbf"), (-600, "iat")])
async def test_clocks_may_differ_a_little(quick: Relying, offset: int, name: str) -> None:
    await quick.person(**{name: quick.forged.seconds(timedelta(seconds=offset))})


@pytest.mark.parametrize(
    ("acr", "level"),
    [
        (ACR["password"], query_pb2.IDENTITY_LEVEL_BASIC),
        (ACR["real_name"], query_pb2.IDENTITY_LEVEL_SUBSTANTIAL),
        (ACR["certificate"], query_pb2.IDENTITY_LEVEL_HIGH),
        (ACR["licence"], query_pb2.IDENTITY_LEVEL_HIGH),
        ("urn:huren:acr:unheard-of", query_pb2.IDENTITY_LEVEL_BASIC),
        (None, query_pb2.IDENTITY_LEVEL_BASIC),
        (3, query_pb2.IDENTITY_LEVEL_BASIC),
        (["high"], query_pb2.IDENTITY_LEVEL_BASIC),
    ],
)
async def test_the_level_is_what_the_settings_make_of_acr_and_else_the_lowest(
    quick: Relying, acr: object, level: int
) -> None:
    assert (await quick.person(acr=acr)).level == level


async def test_who_represents_what_and_is_what_is_taken_over(quick: Relying) -> None:
    person = await quick.person(
        huren_represents=[uscc(1), uscc(2).lower(), uscc(1)], huren_staff=STAFF | {"name": "示例"}
    )

    assert person.represents == {uscc(1), uscc(2)}
    assert person.staff == Staff(
        unit=STAFF["unit"],
        unit_code=uscc(4),
        post="经办",
        number="A000017",
        roles=frozenset({StaffRole.OFFICER}),
    )


@pytest.mark.parametrize("left_out", sorted(SEPARATE_ROLES))
async def test_nobody_holds_two_of_the_separate_roles(quick: Relying, left_out: StaffRole) -> None:
    for roles in (SEPARATE_ROLES - {left_out}, SEPARATE_ROLES):
        with pytest.raises(HurenError) as refused:
            await quick.comes_back(huren_staff=STAFF | {"roles": sorted(roles)})
        assert refused.value.code is ErrorCode.ROLES_CONFLICT
    await quick.comes_back(huren_staff=STAFF | {"roles": [left_out, "officer", "reviewer", "window_clerk"]})


# --- Anything at all --------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = (
    "iss",
    "aud",
    "azp",
    "sub",
    "sid",
    "nonce",
    "exp",
    "iat",
    "nbf",
    "at_hash",
    "events",
    "jti",
    "client_id",
    "cnf",
)
OURS = ("acr", "huren_represents", "huren_staff", "huren_enterprise")
HEADERS = st.builds(TokenHeader, algorithm=st.sampled_from(sorted(ALGORITHMS)), key_id=st.just("one"), type=st.text())
EXPECTED = Expected(issuer="https://idp.example", audience=CLIENT_ID, at=NOON)
KEY = signing_key("one")


@given(st.text() | st.binary().map(lambda content: base64.urlsafe_b64encode(content).decode() + ".e30.e30"))
def test_any_text_is_a_header_or_refused(text: str) -> None:
    with suppress(TokenError):
        assert read_header(text).algorithm in ALGORITHMS


@given(header=JSON, payload=st.binary(), signature=st.binary())
def test_any_token_is_refused_by_name(header: object, payload: bytes, signature: bytes) -> None:
    parts = (json.dumps(header).encode(), payload, signature)
    token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    with pytest.raises(TokenError):
        read_claims(token, KEY, read_header(token).algorithm)


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5c"]), JSON), st.binary())
def test_any_header_is_refused_by_name(header: dict[str, object], signature: bytes) -> None:
    parts = (json.dumps({"alg": "ES256"} | header).encode(), b"{}", signature)
    token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    with pytest.raises(TokenError):
        read_claims(token, KEY, "ES256")


@given(HEADERS, st.dictionaries(st.sampled_from(NAMES + OURS), JSON))
def test_any_claims_are_taken_or_refused_by_name(header: TokenHeader, claims: dict[str, Any]) -> None:
    right = {"iss": EXPECTED.issuer, "aud": CLIENT_ID, "exp": NOON.timestamp() + 9, "iat": NOON.timestamp()}
    for filled in (claims, right | claims, right | {"sub": "x", "nonce": "n", "client_id": "x", "jti": "j"} | claims):
        for check in (
            lambda c: check_id_token(header, c, EXPECTED, nonce="n", access_token="a", levels=LEVELS),  # noqa: S106
            lambda c: check_logout_token(header, c, EXPECTED),
            lambda c: check_access_token(header, c, EXPECTED, levels=LEVELS),
        ):
            with suppress(TokenError, HurenError):
                check(filled)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a.b.c.d", "é.b.c", "x" * (MAX_TOKEN_BYTES + 1), "e30.e30.", "bnVsbA.e30.e30"]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        read_header(token)
