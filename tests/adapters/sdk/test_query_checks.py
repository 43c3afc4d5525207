"""Every reason of refusal, by a real query over mutual TLS."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import grpc
import pytest

from contract.catalogue import published_catalogues
from contract.days import DayRange, to_timestamp
from contract.payloads import QUERY
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import query_pb2, refusal_pb2
from runtime.grpc_errors import error_detail
from signing import PrivateKey, Signer, decode_envelope, encode_envelope

GATEWAY = envelope_pb2.MEMBER_ROLE_GATEWAY


def market(kind: int = 1) -> common_pb2.CellKey:
    return common_pb2.CellKey(domain="market_regulation", kind=common_pb2.RecordKind.ValueType(kind))


def identifier(kind: int, value: str, **days: str) -> common_pb2.Identifier:
    return common_pb2.Identifier(kind=common_pb2.IdentifierKind.ValueType(kind), value=value, **days)


Breaks = Callable[[Any, Any], dict[str, Any]]

BROKEN: dict[str, tuple[str, Breaks]] = {
    "another province is asked": ("NOT_ADDRESSEE", lambda _, __: {"addressee": Province(14).wire}),
    "signed over a minute ago": ("CLOCK_SKEW", lambda b, _: {"at": b.clock() - timedelta(seconds=60, microseconds=1)}),
    "signed over a minute ahead": (
        "CLOCK_SKEW",
        lambda b, _: {"at": b.clock() + timedelta(seconds=60, microseconds=1)},
    ),
    "the deadline is now": ("DEADLINE_PASSED", lambda b, _: {"deadline": to_timestamp(b.clock())}),
    "another catalogue": (
        "CATALOGUE_NOT_SERVED",
        lambda _, __: {"catalogue": common_pb2.CatalogueRef(version="2025-12", digest=b"\1" * 32)},
    ),
    "not an eligible subject": (
        "SUBJECT_NOT_ELIGIBLE",
        lambda _, k: {"subject": k.subject(uscc=k.code("11130100MA0EXAMP1"))},
    ),
    "a wrong check character": (
        "SUBJECT_NOT_ELIGIBLE",
        lambda _, k: {"subject": k.subject(uscc=k.USCC[:17] + ("0" if k.USCC[17] != "0" else "1"))},
    ),
    "another code among the identifiers": (
        "SUBJECT_NOT_ELIGIBLE",
        lambda _, k: {"subject": k.subject(identifier(1, k.OTHER))},
    ),
    "another subject's organisation code": (
        "SUBJECT_NOT_ELIGIBLE",
        lambda _, k: {"subject": k.subject(identifier(3, k.OTHER[8:17]))},
    ),
    "a former code that is none": (
        "SUBJECT_NOT_ELIGIBLE",
        lambda _, k: {"subject": k.subject(identifier(2, "0" * 18))},
    ),
    "a registration number that is none": (
        "SUBJECT_NOT_ELIGIBLE",
        lambda _, k: {"subject": k.subject(identifier(4, "1"))},
    ),
    "a name that is not searched for": ("SUBJECT_NOT_ELIGIBLE", lambda _, k: {"subject": k.subject(name="另一示例")}),
    "a cancelled subject": (
        "SUBJECT_NOT_ELIGIBLE",
        lambda _, k: {"subject": k.subject(registration_status=common_pb2.REGISTRATION_STATUS_CANCELLED)},
    ),
    "a day that does not exist": (
        "MALFORMED",
        lambda _, k: {"subject": k.subject(identifier(6, "曾用名", valid_to="2023-02-30"))},
    ),
    "a window that ends after the day of signing": (
        "WINDOW_NOT_ACCEPTED",
        lambda _, k: {"window": DayRange(k.TODAY, k.TODAY + timedelta(days=1)).to_wire()},
    ),
    "a window of five years and a day": (
        "WINDOW_NOT_ACCEPTED",
        lambda _, __: {"window": DayRange(date(2020, 1, 1), date(2025, 1, 2)).to_wire()},
    ),
    "an inverted window": (
        "WINDOW_NOT_ACCEPTED",
        lambda _, __: {"window": common_pb2.Window(first_day="2024-01-02", last_day="2024-01-01")},
    ),
    "a cell twice": ("CELLS_NOT_ACCEPTED", lambda _, __: {"cells": [market(), market()]}),
    "a cell of no catalogue": (
        "CELLS_NOT_ACCEPTED",
        lambda _, __: {"cells": [common_pb2.CellKey(domain="astrology", kind=common_pb2.RECORD_KIND_PENALTY)]},
    ),
    "a password login": (
        "IDENTITY_LEVEL_TOO_LOW",
        lambda _, __: {"identity_level": query_pb2.IDENTITY_LEVEL_BASIC},
    ),
    "an officer who is not on duty": (
        "NOT_AUTHORISED",
        lambda _, __: {
            "authorisation": query_pb2.Authorisation(
                basis=query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY, matter_number="2026-1"
            )
        },
    ),
    "an unknown purpose": ("MALFORMED", lambda _, __: {"purpose": 99}),
    "no purpose": ("MALFORMED", lambda _, __: {"purpose": 0}),
}


@pytest.mark.parametrize(("reason", "breaks"), BROKEN.values(), ids=BROKEN.keys())
async def test_refuses_by_name(bench: Any, kit: Any, reason: str, breaks: Breaks) -> None:
    asked = bench.asked(**breaks(bench, kit))

    async with bench.serving() as running:
        answered = await running.answer(asked.envelope)

    refusal = bench.refusal(answered)
    assert bench.reason(answered) == reason
    assert refusal.query_statement_id == asked.statement_id
    assert refusal.contact.unit == bench.profile.issuer_unit
    assert bench.platform.asked == []


@pytest.mark.parametrize("seconds", [-60, 60])
async def test_accepts_a_minute_of_difference(bench: Any, seconds: int) -> None:
    deadline = to_timestamp(bench.clock() + timedelta(seconds=10))
    async with bench.serving() as running:
        asked = bench.asked(at=bench.clock() + timedelta(seconds=seconds), deadline=deadline)
        bench.fragment(await running.answer(asked.envelope))


@pytest.mark.parametrize(
    ("purpose", "ground"),
    [
        (query_pb2.PURPOSE_TENDER, query_pb2.Authorisation(basis=query_pb2.AUTHORISATION_BASIS_AGENT)),
        (
            query_pb2.PURPOSE_OFFICIAL_DUTY,
            query_pb2.Authorisation(basis=query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY, matter_number="示例〔2026〕1号"),
        ),
    ],
    ids=["an agent", "an officer on duty"],
)
async def test_answers_on_every_ground_that_needs_no_grant(bench: Any, purpose: int, ground: Any) -> None:
    async with bench.serving() as running:
        bench.fragment(await running.answer(bench.asked(purpose=purpose, authorisation=ground).envelope))


async def test_refuses_what_it_must_understand_and_does_not(bench: Any) -> None:
    query = bench.query()
    query.header.must_understand.append("time-travel")
    async with bench.serving() as running:
        assert bench.reason(await running.answer(bench.sign(query).envelope)) == "MALFORMED"


async def test_bytes_that_are_no_envelope_get_an_error_and_no_statement(bench: Any) -> None:
    async with bench.serving() as running, running.gateway() as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.answer(b"no envelope")
    detail = error_detail(caught.value)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert detail is not None
    assert detail.code == "ENVELOPE_UNREADABLE"


async def test_refuses_a_key_that_it_does_not_know(bench: Any) -> None:
    async with bench.serving() as running:
        answered = await running.answer(bench.sign(bench.query(), PrivateKey.generate()).envelope)
    assert bench.reason(answered) == "SIGNATURE_NOT_ACCEPTED"


async def test_refuses_a_signature_over_other_bytes(bench: Any) -> None:
    envelope = decode_envelope(bench.asked().envelope)
    envelope.payload = bench.query().SerializeToString()
    async with bench.serving() as running:
        assert bench.reason(await running.answer(encode_envelope(envelope))) == "SIGNATURE_NOT_ACCEPTED"


async def test_refuses_a_statement_that_is_no_query(bench: Any) -> None:
    signer = Signer(bench.key(), issuer=bench.kit.HOME, role=GATEWAY)
    refusal = refusal_pb2.Refusal(header=signer.new_header(bench.clock()), query_statement_id=b"q" * 32)
    statement = signer.sign("application/vnd.huren.refusal.v1+protobuf", refusal)
    async with bench.serving() as running:
        assert bench.reason(await running.answer(statement.envelope)) == "MALFORMED"


async def test_refuses_an_adapter_that_signs_queries(bench: Any, kit: Any) -> None:
    adapter = envelope_pb2.MEMBER_ROLE_ADAPTER
    signer = Signer(bench.key(role=adapter), issuer=kit.HOME, role=adapter)
    query = bench.query()
    query.header.CopyFrom(signer.new_header(bench.clock()))
    async with bench.serving() as running:
        answered = await running.answer(signer.sign(QUERY, query).envelope)
    assert bench.reason(answered) == "SIGNER_NOT_ENTITLED"


async def test_refuses_what_another_member_sends_on(bench: Any) -> None:
    asked = bench.asked()
    async with bench.serving() as running:
        assert bench.reason(await running.answer(asked.envelope, as_=Province(11))) == "PEER_IS_NOT_SIGNER"
        # The one who sent it on has not used up the nonce of the one who signed it.
        bench.fragment(await running.answer(asked.envelope))


async def test_its_own_gateway_gets_no_shortcut(bench: Any, kit: Any) -> None:
    async with bench.serving() as running:
        assert bench.reason(await running.answer(bench.asked().envelope, as_=kit.OURS)) == "PEER_IS_NOT_SIGNER"


@pytest.mark.parametrize(("home", "reason"), [(Province(14), "SIGNER_IS_NOT_HOME"), (None, "SIGNER_IS_NOT_HOME")])
async def test_refuses_when_its_registry_knows_another_home(
    bench: Any, kit: Any, home: Province | None, reason: str
) -> None:
    bench.registry.register(kit.USCC, home)
    async with bench.serving() as running:
        assert bench.reason(await running.answer(bench.asked().envelope)) == reason


async def test_refuses_another_subjects_code_as_a_former_one(bench: Any, kit: Any) -> None:
    """A home could otherwise have another enterprise's records listed as the subject's."""
    bench.registry.register(kit.OTHER, kit.HOME)
    asked = bench.asked(subject=kit.subject(identifier(2, kit.OTHER)))
    async with bench.serving() as running:
        assert bench.reason(await running.answer(asked.envelope)) == "SUBJECT_NOT_ELIGIBLE"


@pytest.mark.parametrize("kind", [2, 4])
async def test_refuses_identifiers_that_its_registry_does_not_know_as_the_subjects(
    bench: Any, kit: Any, kind: int
) -> None:
    bench.registry.register(kit.USCC, kit.HOME)
    asked = bench.asked(subject=kit.subject(identifier(kind, {2: kit.OTHER, 4: "110000000000001"}[kind])))
    async with bench.serving() as running:
        assert bench.reason(await running.answer(asked.envelope)) == "SUBJECT_NOT_ELIGIBLE"


async def test_accepts_the_home_that_its_registry_knows(bench: Any, kit: Any) -> None:
    bench.registry.register(kit.USCC, kit.HOME)
    async with bench.serving() as running:
        bench.fragment(await running.answer(bench.asked().envelope))


async def test_a_registry_that_cannot_be_asked_is_no_unknown_subject(bench: Any) -> None:
    bench.registry.available = False
    asked = bench.asked()
    async with bench.serving() as running, running.gateway() as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.answer(asked.envelope)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        bench.registry.available = True
        bench.fragment(await client.answer(asked.envelope))


def test_every_reason_is_tested() -> None:
    named = {reason for reason, _ in BROKEN.values()} | {
        "SIGNATURE_NOT_ACCEPTED",
        "SIGNER_NOT_ENTITLED",
        "PEER_IS_NOT_SIGNER",
        "SIGNER_IS_NOT_HOME",
        "NONCE_REUSED",  # test_nonce.py
        "GRANT_NOT_KNOWN",  # test_grants.py, with what else grants are refused for
        "GRANT_REVOKED",
    }
    known = {name.removeprefix("REFUSAL_REASON_") for name in refusal_pb2.RefusalReason.keys()}  # noqa: SIM118
    # Overload is told by the server, as RESOURCE_EXHAUSTED, before anything is read.
    assert named == known - {"UNSPECIFIED", "OVERLOADED"}


def test_the_catalogue_of_these_tests_is_in_force(kit: Any) -> None:
    assert published_catalogues().in_force(kit.TODAY) == kit.catalogue
