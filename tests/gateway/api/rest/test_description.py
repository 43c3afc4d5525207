"""The description is what is served: each operation once, each answer as described, each message member for member."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from google.protobuf.message import Message
from openapi_core import V31ResponseValidator
from openapi_core.datatypes import RequestParameters
from openapi_core.testing import MockResponse
from werkzeug.datastructures import Headers

from gateway.api.access import ACCESS, ForBatches, Gate, Public
from gateway.api.public_http import VERIFICATION
from gateway.api.rest.application import all_handlers
from gateway.api.rest.description import Description, _Request
from huren.authorisation.v1 import authorisation_pb2, authorisation_service_pb2
from huren.common.v1 import common_pb2
from huren.report.v1 import report_service_pb2, report_status_pb2
from tests.gateway.api.rest.fakes import OPEN, Client, House, Sent
from tests.gateway.api.rest.samples import SAMPLES, Sample

MESSAGES: Mapping[str, type[Message]] = {
    "Window": common_pb2.Window,
    "CellKey": common_pb2.CellKey,
    "Contact": common_pb2.Contact,
    "CatalogueRef": common_pb2.CatalogueRef,
    "Party": authorisation_pb2.Party,
    "GrantTerms": authorisation_pb2.GrantTerms,
    "OriginKnowledge": authorisation_service_pb2.OriginKnowledge,
    "GivenGrant": authorisation_service_pb2.GivenGrant,
    "OriginConfirmation": authorisation_service_pb2.OriginConfirmation,
    "LookUp": authorisation_service_pb2.LookUp,
    "SealedReport": report_service_pb2.SealedReport,
    "CellGap": report_service_pb2.CellGap,
    "ProvinceStatus": report_service_pb2.ProvinceStatus,
    "OpenRequest": report_service_pb2.OpenRequest,
    "EndedRequest": report_service_pb2.EndedRequest,
    "StandingReason": report_status_pb2.StandingReason,
    "Standing": report_status_pb2.Standing,
    "Notice": report_service_pb2.Notice,
}

ENUMS: Mapping[str, Any] = {
    "Kind": common_pb2.RecordKind,
    "Province": common_pb2.Province,
    "Channel": common_pb2.Channel,
}

SENT: Mapping[str, tuple[type[Message], set[str]]] = {
    "requestReport": (report_service_pb2.RequestReportRequest, {"idempotency_key"}),
    "draftGrant": (authorisation_service_pb2.DraftGrantRequest, set()),
    "giveGrant": (authorisation_service_pb2.GiveGrantRequest, set()),
}


def test_each_operation_that_is_described_has_one_handler_and_one_line_in_the_table(
    description: Description, house: House
) -> None:
    parts = house.rest()
    handlers = all_handlers(parts, Gate(parts.acting), description)

    assert handlers.keys().isdisjoint(VERIFICATION)
    assert {*handlers, *VERIFICATION} == set(description.operations) == set(ACCESS) == set(SAMPLES)


def test_the_application_serves_what_is_described_and_nothing_else_beside_the_pages(
    description: Description, house: House
) -> None:
    application = house.application()
    served = {
        (route.name, route.method, route.resource.canonical)
        for route in application.router.routes()
        if route.resource is not None
    }

    described = {(one.operation_id, one.method, one.path) for one in description.operations.values()}
    assert served == described


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_described_member_for_member(description: Description, name: str) -> None:
    schema = description.document["components"]["schemas"][name]

    members = [field.name for field in MESSAGES[name].DESCRIPTOR.fields]
    assert list(schema["properties"]) == members == schema["required"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("name", ENUMS)
def test_codes_are_those_of_the_messages(description: Description, name: str) -> None:
    enum = ENUMS[name].DESCRIPTOR
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")

    codes = [value.name.removeprefix(prefix) for value in enum.values if value.number]
    assert description.document["components"]["schemas"][name]["enum"] == codes


@pytest.mark.parametrize("operation_id", SENT)
def test_what_is_sent_has_the_members_of_its_message(description: Description, operation_id: str) -> None:
    message, elsewhere = SENT[operation_id]
    operation = description.operations[operation_id]
    body = description.document["paths"][operation.path]["post"]["requestBody"]["content"]["application/json"]

    members = {field.name for field in message.DESCRIPTOR.fields} - elsewhere
    assert set(body["schema"]["properties"]) == members


def test_every_object_that_is_sent_is_closed(description: Description) -> None:
    open_ones = []
    for operation in description.operations.values():
        node = description.document["paths"][operation.path][operation.method.lower()].get("requestBody", {})
        open_ones += [f"{operation.operation_id}{where}" for where in _open_objects(node, "")]

    assert open_ones == []


def _open_objects(node: Any, where: str) -> Iterator[str]:
    if isinstance(node, Mapping):
        if node.get("type") == "object" and node.get("additionalProperties") is not False:
            yield where
        for name, inner in node.items():
            yield from _open_objects(inner, f"{where}/{name}")


def test_no_code_of_an_enterprise_stands_in_an_address(description: Description) -> None:
    assert [one.path for one in description.operations.values() if re.search("uscc|enterprise}", one.path)] == []
    assert {name for one in description.operations.values() for name in one.query}.isdisjoint({"uscc", "enterprise"})


def test_what_is_public_asks_for_no_credentials_and_all_else_does(description: Description) -> None:
    for one in description.operations.values():
        operation = description.document["paths"][one.path][one.method.lower()]
        security = operation.get("security", description.document["security"])
        is_public = isinstance(ACCESS[one.operation_id], Public)
        assert (security == []) is is_public, one.operation_id
        parameters = [parameter.get("$ref", "") for parameter in operation.get("parameters", ())]
        names_csrf = any(reference.endswith("/Csrf") for reference in parameters)
        assert names_csrf is (one.method != "GET" and not is_public), one.operation_id
        takes_programs = {"program": []} in security
        acts = hasattr(ACCESS[one.operation_id], "scope") or isinstance(ACCESS[one.operation_id], ForBatches)
        assert takes_programs is acts, one.operation_id


# --- Answers ----------------------------------------------------------------------------------------------------------

PLAYS = {
    **dict.fromkeys(
        ["fileWindowMandate", "listWindowMandates", "getWindowScan", "confirmWindowMandate", "endWindowMandate"],
        "clerk",
    ),
    "lookUpOnDuty": "officer",
}


def require_described(description: Description, operation_id: str, sent: Sent) -> None:
    """Holds an answer against the description."""
    operation = description.operations[operation_id]
    request = _Request(path=operation.path, method=operation.method.lower(), parameters=RequestParameters())
    response = MockResponse(
        sent.body,
        status_code=sent.status,
        headers=dict(sent.headers),
        content_type=str(sent.headers.get("Content-Type", "")).partition(";")[0],
    )
    response.headers = Headers(list(sent.headers.items()))
    problems: dict[str, Callable[[bytes], Any]] = {"application/problem+json": json.loads}
    V31ResponseValidator(description._openapi.spec, extra_media_type_deserializers=problems).validate(request, response)


@pytest.mark.parametrize("operation_id", SAMPLES)
async def test_an_answer_is_as_described(description: Description, client: Client, operation_id: str) -> None:
    sample: Sample = SAMPLES[operation_id]
    who = "" if isinstance(ACCESS[operation_id], Public) else PLAYS.get(operation_id, "representative")

    sent = await client.as_(who).send(sample.method, sample.path, **sample.arguments())

    assert sent.status == sample.status, sent.body
    require_described(description, operation_id, sent)


@pytest.mark.parametrize("operation_id", ["requestReport", "getReportRequest", "getProgressSheet"])
async def test_an_open_request_is_as_described(
    description: Description, house: House, client: Client, operation_id: str
) -> None:
    house.services.result = OPEN
    sample = SAMPLES[operation_id]

    sent = await client.as_("representative").send(sample.method, sample.path, **sample.arguments())

    assert sent.status == (202 if operation_id == "requestReport" else 200)
    require_described(description, operation_id, sent)


async def test_the_description_is_served_as_it_is(description: Description, client: Client) -> None:
    sent = await client.send("GET", "/api/v1/openapi.yaml")
    again = await client.send("GET", "/api/v1/openapi.yaml", headers={"If-None-Match": sent.headers["ETag"]})

    assert sent.body.decode() == description.source
    assert (again.status, again.body) == (304, b"")
