"""Messages as JSON and back: nothing is lost, and what is not as declared is refused by name."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.bodies import parse_json
from gateway.api.problems import Problem
from gateway.api.rest.documents import code_of, fill, to_document, to_message
from huren.authorisation.v1 import authorisation_pb2
from huren.authorisation.v1 import authorisation_service_pb2 as grants
from huren.common.v1 import common_pb2
from huren.report.v1 import report_service_pb2 as wire
from tests.gateway.api.rest.fakes import GIVEN, LOOK_UP, OPEN, TERMS

_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
_DAY = st.dates().map(str)
_WINDOWS = st.builds(common_pb2.Window, first_day=_DAY, last_day=_DAY)
_CELLS = st.builds(common_pb2.CellKey, domain=st.sampled_from(["tax", "court"]), kind=st.sampled_from([1, 2]))
_PARTIES = st.builds(authorisation_pb2.Party, uscc=_TEXT, name=_TEXT)
_TERMS = st.builds(
    authorisation_pb2.GrantTerms,
    subject=_PARTIES,
    grantee=_PARTIES,
    purpose=st.integers(0, 8),
    cells=st.lists(_CELLS, max_size=3),
    window=st.none() | _WINDOWS,
    max_uses=st.integers(0, 1000),
    written_on=_DAY,
    expires_on=_DAY,
    catalogue=st.builds(common_pb2.CatalogueRef, version=_TEXT, digest=st.binary(max_size=32)),
    document_number=_TEXT,
)


@given(_TERMS)
def test_terms_come_back_as_they_went(terms: authorisation_pb2.GrantTerms) -> None:
    sent = parse_json(json.dumps(to_document(terms)).encode())

    assert fill(sent, authorisation_pb2.GrantTerms) == terms


@pytest.mark.parametrize("message", [TERMS, OPEN], ids=["terms", "open request"])
def test_every_member_is_there(message: Message) -> None:
    assert list(to_document(message)) == [field.name for field in message.DESCRIPTOR.fields]


def test_values_have_their_forms() -> None:
    given_grant, look_up, request = to_document(GIVEN), to_document(LOOK_UP), to_document(OPEN)

    assert (given_grant["grant_statement_id"], given_grant["grant_envelope"]) == ("00" * 31 + "05", "YW4gZW52ZWxvcGU=")
    assert (given_grant["given_at"], given_grant["revoked_at"]) == ("2026-11-22T02:30:00Z", None)
    assert (look_up["basis"], look_up["origins"][0]["province"]) == ("GRANT", "HEBEI")
    assert (request["ask_again_after"], request["provinces"][0]["refusal"]) == (30.0, None)


def test_a_code_that_this_release_does_not_know_is_never_another() -> None:
    with pytest.raises(KeyError):
        code_of(common_pb2.Channel, 99)


@pytest.mark.parametrize(
    ("document", "kind", "field"),
    [
        ({"terms": {}, "certificate": "x!", "signature": "AAAA"}, grants.GiveGrantRequest, "certificate"),
        ({"idempotency_key": "key-00000001", "uscc": "1", "kinds": ["NONE"]}, wire.RequestReportRequest, None),
        ({"idempotency_key": "key-00000001"}, wire.RequestReportRequest, "uscc"),
        ({"idempotency_key": "key-00000001", "uscc": "1", "domains": ["X"]}, wire.RequestReportRequest, "domains"),
    ],
)
def test_what_is_not_as_declared_is_refused_by_name(
    document: dict[str, Any], kind: type[Message], field: str | None
) -> None:
    with pytest.raises(Problem) as told:
        to_message(document, kind)

    assert told.value.status == 400
    assert field is None or told.value.error.field == field


@given(st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
def test_arbitrary_bytes_are_json_or_refused(body: bytes) -> None:
    with suppress(Problem):
        json.dumps(parse_json(body)).encode()
