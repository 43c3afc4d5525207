"""Access tokens of programs: whose program it is, said by the provider, for us, for a short time."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from contract.errors import ErrorCode, HurenError
from gateway.domain.request import Caller
from gateway.identity.access_tokens import AccessTokens
from gateway.identity.tokens import Fault
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from sandbox.identity_provider import ACR, LEVELS
from tests.support.federation import uscc
from tests.support.forged_provider import AUDIENCE, CLIENT_ID, ForgedProvider, Relying, signing_key

AT = "at+jwt"


async def asks(relying: Relying, **claims: Any) -> Caller:
    return await relying.programs.caller_of(relying.forged.sign(relying.forged.access_claims() | claims, typ=AT))


async def test_a_program_asks_on_behalf_of_its_enterprise(quick: Relying) -> None:
    caller = await asks(quick)

    assert caller == Caller(
        reference=f"enterprise:{uscc(1)}",
        uscc=uscc(1),
        identity_level=query_pb2.IDENTITY_LEVEL_HIGH,
        actor=caller.actor,
        channel=common_pb2.CHANNEL_API,
    )
    assert caller.actor.startswith("program:")
    assert "program-1" not in caller.actor
    assert len(caller.actor) <= 64


async def test_a_program_has_one_name_and_no_other_has_it(quick: Relying) -> None:
    one, again = await asks(quick), await asks(quick, jti="a-2", huren_enterprise=uscc(2))
    other = await asks(quick, sub="program-2", client_id="program-2")

    assert one.actor == again.actor != other.actor


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["https://another.example", AUDIENCE]])
async def test_what_may_differ(quick: Relying, typ: str, audience: object) -> None:
    await quick.programs.caller_of(quick.forged.sign(quick.forged.access_claims() | {"aud": audience}, typ=typ))


FORGERIES: dict[str, tuple[Fault, Callable[[ForgedProvider, dict[str, Any]], str]]] = {
    "no token": (Fault.FORM, lambda *_: "x"),
    "algorithm none": (Fault.ALGORITHM, lambda forged, right: forged.hand_made(right, alg="none", typ=AT)),
    "another key": (Fault.SIGNATURE, lambda forged, right: forged.sign(right, key=signing_key("one"), typ=AT)),
    "no type": (Fault.TYPE, lambda forged, right: forged.sign(right)),
    "an ID token": (Fault.TYPE, lambda forged, right: forged.sign(right, typ="JWT")),
    "issuer": (Fault.ISSUER, lambda forged, right: forged.sign(right | {"iss": "https://another.example"}, typ=AT)),
    "audience": (Fault.AUDIENCE, lambda forged, right: forged.sign(right | {"aud": CLIENT_ID}, typ=AT)),
    "no audience": (Fault.AUDIENCE, lambda forged, right: forged.sign(right | {"aud": None}, typ=AT)),
    "expired": (
        Fault.EXPIRED,
        lambda forged, right: forged.sign(
            right | {"iat": forged.seconds() - 120, "exp": forged.seconds() - 60}, typ=AT
        ),
    ),
    "good for too long": (
        Fault.EXPIRED,
        lambda forged, right: forged.sign(right | {"exp": forged.seconds(timedelta(hours=1, seconds=1))}, typ=AT),
    ),
    "no expiry": (Fault.EXPIRED, lambda forged, right: forged.sign(right | {"exp": None}, typ=AT)),
    "issued in the future": (
        Fault.ISSUED_AT,
        lambda forged, right: forged.sign(right | {"iat": forged.seconds() + 61}, typ=AT),
    ),
    "no time of issue": (Fault.ISSUED_AT, lambda forged, right: forged.sign(right | {"iat": None}, typ=AT)),
    "not valid yet": (
        Fault.ISSUED_AT,
        lambda forged, right: forged.sign(right | {"nbf": forged.seconds() + 61}, typ=AT),
    ),
    "no client": (Fault.CLIENT, lambda forged, right: forged.sign(right | {"client_id": None}, typ=AT)),
    "a person's": (Fault.SUBJECT, lambda forged, right: forged.sign(right | {"sub": "0f9a"}, typ=AT)),
    "no name": (Fault.TOKEN_ID, lambda forged, right: forged.sign(right | {"jti": None}, typ=AT)),
    "bound to a key": (Fault.CONFIRMATION, lambda forged, right: forged.sign(right | {"cnf": {"jkt": "x"}}, typ=AT)),
    "no enterprise": (Fault.ENTERPRISE, lambda forged, right: forged.sign(right | {"huren_enterprise": None}, typ=AT)),
    "a wrong code": (Fault.ENTERPRISE, lambda forged, right: forged.sign(right | {"huren_enterprise": "91"}, typ=AT)),
    "two enterprises": (
        Fault.ENTERPRISE,
        lambda forged, right: forged.sign(right | {"huren_enterprise": [uscc(1), uscc(2)]}, typ=AT),
    ),
}


@pytest.mark.parametrize("case", FORGERIES)
async def test_a_forged_access_token_is_nobodys(quick: Relying, case: str) -> None:
    fault, forge = FORGERIES[case]
    with capture_logs() as logs, pytest.raises(HurenError) as refused:
        await quick.programs.caller_of(forge(quick.forged, quick.forged.access_claims()))

    assert refused.value.code is ErrorCode.LOGIN_NEEDED
    assert [line.get("rule") for line in logs] == [fault.value]
    assert [word for word in (uscc(1), "program-1", "eyJ") if word in json.dumps(logs)] == []


@pytest.mark.parametrize("acr", [ACR["password"], ACR["real_name"], "unheard-of", None, 3])
async def test_a_program_is_known_for_certain_or_not_served(quick: Relying, acr: object) -> None:
    with pytest.raises(HurenError) as refused:
        await asks(quick, acr=acr)

    assert refused.value.code is ErrorCode.LEVEL_TOO_LOW


async def test_without_an_audience_no_program_is_served_and_nothing_is_asked(quick: Relying) -> None:
    programs = AccessTokens(provider=quick.provider, audience="", levels=LEVELS)
    audiences: tuple[object, ...] = ("", AUDIENCE, [])
    for audience in audiences:
        claims = quick.forged.access_claims() | {"aud": audience}
        with pytest.raises(HurenError) as refused:
            await programs.caller_of(quick.forged.sign(claims, typ=AT))
        assert refused.value.code is ErrorCode.LOGIN_NEEDED
    assert quick.forged.asked == []


async def test_a_key_that_was_rotated_away_serves_no_program(quick: Relying) -> None:
    await asks(quick)
    token = quick.forged.sign(quick.forged.access_claims(), typ=AT)
    quick.forged.rotate("two")
    quick.clock.go_on(timedelta(minutes=5))

    with pytest.raises(HurenError) as refused:
        await quick.programs.caller_of(token)
    assert refused.value.code is ErrorCode.LOGIN_NEEDED


async def test_a_token_that_cannot_be_checked_is_another_error(quick: Relying) -> None:
    quick.forged.document = {"issuer": "https://another.example"}

    with pytest.raises(HurenError) as refused:
        await asks(quick)

    assert refused.value.code is ErrorCode.LOGIN_UNAVAILABLE
