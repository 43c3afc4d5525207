"""What is sent: only as described, within limits, never echoed; and what is told back beside the answer."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from typing import Any

import aiohttp
import pytest
import structlog

from contract.errors import ErrorCode, HurenError
from contract.province import Province
from gateway.api.shares import RestLimits, Share
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2
from runtime.errors import StoreUnavailableError
from tests.gateway.api.rest.fakes import ENDED, NOW, NUMBER, OPEN, REQUEST, SEALED, A, B, Client, House
from tests.gateway.api.rest.samples import SAMPLES

KEY = {"Idempotency-Key": "key-00000001"}
ASK = "/api/v1/report-requests"
SECRET = "verysecretvalue"  # noqa: S105  # what must not be told


async def ask(client: Client, document: Any, **headers: str) -> Any:
    return await client.as_("agent").send("POST", ASK, json=document, headers=KEY | headers)


# --- Only as described ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"uscc": "' + SECRET.encode() + b'", "any": 1}', id="a further member"),
        pytest.param(b'{"' + SECRET.encode() + b'": 1}', id="an unknown member"),
        pytest.param(b'{"domains": ["' + SECRET.encode() + b' "]}', id="not of its form"),
        pytest.param(b'{"kinds": ["PENALTY"], "kinds": ["PENALTY"]}', id="a name twice"),
        pytest.param(b'{"kinds": ["PENALTY", "PENALTY"]}', id="a choice twice"),
        pytest.param(b'{"kinds": NaN}', id="no number of JSON"),
        pytest.param(b'{"purpose": "OFFICIAL_DUTY"}', id="a purpose of officers"),
        pytest.param(b'{"basis": "AGENT"}', id="a basis that is not chosen"),
        pytest.param(b'{"uscc": "\\ud800"}', id="half a character"),
        pytest.param(b'{"uscc": "\\u0000"}', id="a control character"),
        pytest.param(b'{"domains": ["tax\\n"]}', id="a line feed"),
        pytest.param(b'{"uscc": "\xff"}', id="no UTF-8"),
        pytest.param(b"[" * 30_000, id="without end"),
        pytest.param(b'{"domains": ' + b"[" * 400 + b"]" * 400 + b"}", id="too deep"),
    ],
)
async def test_a_body_that_is_not_as_described_is_refused_without_echo(client: Client, body: bytes) -> None:
    headers = KEY | {"Content-Type": "application/json"}

    sent = await client.as_("agent").send("POST", ASK, data=body, headers=headers)

    assert (sent.status, sent.document["code"]) == (400, "MALFORMED_REQUEST")
    assert SECRET.encode() not in sent.body


async def test_the_place_at_fault_is_named_where_it_is_described(client: Client) -> None:
    sent = await ask(client, {"window": {"first_day": "today", "last_day": "2026-01-01"}})

    assert sent.document["field"] == "window.first_day"
    assert "window.first_day" in sent.document["detail"]


async def test_what_the_proto_file_declares_is_held_too(client: Client) -> None:
    name = "示例\u202e银行"
    sample = SAMPLES["draftGrant"]

    sent = await client.as_("agent").send("POST", sample.path, json={**sample.json, "grantee_name": name})

    assert (sent.status, sent.document["field"]) == (400, "grantee_name")


@pytest.mark.parametrize(
    "query",
    [
        "?any=1",
        f"?{SECRET}=1",
        "?limit=1&limit=2",
        "?limit=0",
        "?limit=51",
        "?limit=x",
        "?limit=",
        "?cursor=%0a",
        "?cursor=AAAA",
    ],
)
async def test_a_query_that_is_not_described_is_refused(client: Client, query: str) -> None:
    sent = await client.as_("agent").send("GET", f"/api/v1/reports{query}")

    assert (sent.status, sent.document["code"]) == (400, "MALFORMED_REQUEST")
    assert SECRET.encode() not in sent.body


async def test_a_cursor_is_of_its_list(client: Client) -> None:
    page = await client.as_("agent").send("GET", "/api/v1/reports?limit=1")
    cursor = page.document["next"]

    further = await client.as_("agent").send("GET", f"/api/v1/reports?limit=1&cursor={cursor}")
    elsewhere = await client.as_("agent").send("GET", f"/api/v1/report-requests?cursor={cursor}")

    assert (further.status, elsewhere.status) == (200, 400)


async def test_pages_lead_to_all_and_end(client: Client) -> None:
    kinds: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        suffix = f"&cursor={cursor}" if cursor else ""
        page = await client.as_("agent").send("GET", f"/api/v1/notices?limit=1{suffix}")
        kinds += [notice["kind"] for notice in page.document["notices"]]
        cursor = page.document["next"]

    assert kinds == ["REPORT_ISSUED", "REPORT_REVOKED"]


@pytest.mark.parametrize("key", [None, "", "short", "with space in it", "x" * 65])
async def test_a_request_needs_a_key(client: Client, key: str | None) -> None:
    sent = await client.as_("agent").send("POST", ASK, json={}, headers={"Idempotency-Key": key})

    assert (sent.status, sent.document["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ("application/json; charset=gbk", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        (None, 415),
    ],
)
async def test_a_body_says_what_it_is(client: Client, media_type: str | None, expected: int) -> None:
    headers: dict[str, str | None] = {**KEY, "Content-Type": media_type}
    skipped = [] if media_type else ["Content-Type"]

    sent = await client.as_("agent").send("POST", ASK, data=b"{}", headers=headers, skip_auto_headers=skipped)

    assert sent.status == expected


async def test_a_compressed_body_is_not_read(client: Client) -> None:
    headers = KEY | {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    assert (await client.as_("agent").send("POST", ASK, data=b"{}", headers=headers)).status == 415


async def test_what_takes_no_body_is_sent_none(client: Client) -> None:
    sent = await client.as_("agent").send("POST", f"{ASK}/{REQUEST}/cancellation", json={"any": 1})

    assert sent.status == 400


async def test_unknown_paths_and_methods_are_problems(client: Client) -> None:
    unknown = await client.send("GET", "/api/v1/any")
    method = await client.send("PUT", "/api/v1/reports")
    head = await client.send("HEAD", "/api/v1/reports")

    assert (unknown.status, unknown.document["code"]) == (404, "METHOD_UNKNOWN")
    assert (method.status, method.headers["Allow"]) == (405, "GET")
    assert head.status == 405


# --- Limits -----------------------------------------------------------------------------------------------------------


async def test_json_has_a_limit_whether_its_length_is_announced_or_not(client: Client) -> None:
    async def pieces() -> Any:
        for _ in range(70):
            yield b" " * 1024

    headers = KEY | {"Content-Type": "application/json"}
    announced = await client.as_("agent").send("POST", ASK, data=b" " * 65537, headers=headers)
    streamed = await client.as_("agent").send("POST", ASK, data=pieces(), headers=headers)
    largest = await client.as_("agent").send("POST", ASK, data=b"{}".ljust(65536), headers=headers)

    assert [announced.status, streamed.status, largest.status] == [413, 413, 201]
    assert "65536" in announced.document["detail"]


@pytest.mark.parametrize(
    ("path", "part", "limit", "who"),
    [
        ("/api/v1/window-mandates", "scan", 10 * 1024 * 1024, "clerk"),
        ("/api/v1/batches", "file", 5 * 1024 * 1024, "agent"),
    ],
)
async def test_an_upload_has_its_own_limit(client: Client, path: str, part: str, limit: int, who: str) -> None:
    body = aiohttp.FormData(default_to_multipart=True)
    body.add_field("uscc", A)
    body.add_field(part, BytesIO(b"x" * (limit + 1)), content_type="application/pdf", filename="any")

    sent = await client.as_(who).send("POST", path, data=body, headers=KEY)

    assert (sent.status, sent.document["code"]) == (413, "REQUEST_TOO_LARGE")


async def test_an_upload_arrives_as_it_was_sent(client: Client, house: House) -> None:
    sample = SAMPLES["fileWindowMandate"]

    await client.as_("clerk").send("POST", sample.path, **sample.arguments())

    assert house.papers.filed == [(A, b"91110118MY7B8J0Y0R\n", "application/pdf")]


@pytest.mark.parametrize("fields", [{}, {"uscc": A, "any": "1"}, {"uscc": ""}, {"uscc": "\x00"}])
async def test_the_fields_of_an_upload_are_as_described(client: Client, house: House, fields: dict[str, str]) -> None:
    body = aiohttp.FormData(default_to_multipart=True)
    for name, text in fields.items():
        body.add_field(name, text)
    body.add_field("scan", b"%PDF-", content_type="application/pdf", filename="any")

    sent = await client.as_("clerk").send("POST", "/api/v1/window-mandates", data=body)

    assert (sent.status, house.papers.filed) == (400, [])


async def test_a_batch_may_come_as_a_file(client: Client, house: House) -> None:
    body = aiohttp.FormData(default_to_multipart=True)
    body.add_field("choices", json.dumps({"kinds": ["PENALTY"]}))
    body.add_field("repeat_days", "30")
    body.add_field("file", f"uscc\n{A}\n".encode(), content_type="text/csv", filename="list.csv")

    sent = await client.as_("agent").send("POST", "/api/v1/batches", data=body, headers=KEY)

    assert sent.status == 202
    ((caller, choices, lines, key, days),) = house.batches.begun
    assert (caller.kind, [line.uscc for line in lines], key, days) == ("GROUP", [A], "key-00000001", 30)
    assert choices == wire.RequestReportRequest(kinds=[common_pb2.RECORD_KIND_PENALTY])


async def test_a_batch_is_of_the_unit_that_is_named(client: Client, house: House) -> None:
    sample = SAMPLES["beginBatch"]
    arguments = sample.arguments()
    arguments["headers"]["Huren-Enterprise"] = B

    await client.as_("agent_of_two").send("POST", sample.path, **arguments)
    await client.as_("program").send("POST", sample.path, **sample.arguments())

    assert [(begun[0].kind, begun[0].unit) for begun in house.batches.begun] == [("INSTITUTION", B), ("INSTITUTION", A)]


async def test_an_archive_is_sent_whole(client: Client) -> None:
    sent = await client.as_("agent").send("GET", SAMPLES["getBatchArchive"].path)

    assert (sent.status, sent.body) == (200, b"PK" * 100_000)
    assert sent.headers["Content-Length"] == "200000"


async def test_who_asks_too_often_waits(house: House) -> None:
    house.limits = RestLimits(
        address=Share(burst=2, per_second=0.5),
        person=Share(burst=3, per_second=0.5),
        program=Share(burst=9, per_second=1.0),
    )
    async with house.served() as url, aiohttp.ClientSession() as http:
        agent = Client(http, url, "agent")
        told = [await agent.send("GET", "/api/v1/notices") for _ in range(4)]
        other = await agent.as_("representative").send("GET", "/api/v1/notices")
        house.now_s += 2
        later = await agent.send("GET", "/api/v1/notices")

    assert [one.status for one in told] == [200, 200, 200, 429]
    assert [one.headers["RateLimit"] for one in told[:3]] == [
        '"person";r=2;t=2',
        '"person";r=1;t=4',
        '"person";r=0;t=6',
    ]
    assert {one.headers["RateLimit-Policy"] for one in told} == {'"person";q=3;w=6'}
    assert (told[3].headers["Retry-After"], told[3].document["code"]) == ("2", "OVERLOADED")
    assert (other.status, later.status) == (200, 200)


async def test_wrong_tokens_use_up_the_share_of_the_address(house: House) -> None:
    house.limits = RestLimits(address=Share(burst=2, per_second=0.5))
    async with house.served() as url, aiohttp.ClientSession() as http:
        client = Client(http, url)
        wrong = {"Authorization": "Bearer wrong"}
        told = [(await client.send("GET", "/api/v1/notices", headers=wrong)).status for _ in range(3)]
        right = (await client.as_("program").send("GET", "/api/v1/notices")).status

    assert (told, right) == ([401, 401, 429], 429)


async def test_what_costs_more_takes_more(house: House) -> None:
    house.limits = RestLimits(person=Share(burst=10, per_second=1.0))
    async with house.served() as url, aiohttp.ClientSession() as http:
        sent = await ask(Client(http, url), {})

    assert sent.headers["RateLimit"] == '"person";r=5;t=5'


# --- Reports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "status", "headers"),
    [
        pytest.param(SEALED, 201, {"Location": f"/api/v1/reports/{NUMBER}"}, id="issued"),
        pytest.param(OPEN, 202, {"Location": f"{ASK}/{REQUEST}", "Retry-After": "30"}, id="open"),
        pytest.param(ENDED, 200, {"Location": f"{ASK}/{REQUEST}"}, id="ended"),
    ],
)
async def test_how_a_request_went_is_told_by_the_status(
    client: Client, house: House, result: Any, status: int, headers: dict[str, str]
) -> None:
    house.services.result = result

    sent = await ask(client, {})

    assert sent.status == status
    assert headers.items() <= dict(sent.headers).items()


async def test_an_earlier_report_is_told_as_such(client: Client, house: House) -> None:
    house.services.result = type(SEALED)(
        report_number=NUMBER, envelope=b"any", verification_code="v", typed_code="", issued_at=NOW.replace(year=2025)
    )

    assert (await ask(client, {})).status == 200


async def test_what_was_chosen_reaches_the_service(client: Client, house: House) -> None:
    chosen = {
        "window": {"first_day": "2024-01-01", "last_day": "2026-01-01"},
        "domains": ["tax"],
        "kinds": ["SERIOUS_LIST"],
        "purpose": "TENDER",
        "grant_statement_id": "ab" * 32,
    }

    await ask(client, {"uscc": B, **chosen})
    await ask(client, {})

    (_, first, caller), (_, second, _) = house.services.asked
    assert first == wire.RequestReportRequest(
        idempotency_key="key-00000001",
        uscc=B,
        window=common_pb2.Window(first_day="2024-01-01", last_day="2026-01-01"),
        domains=["tax"],
        kinds=[common_pb2.RECORD_KIND_SERIOUS_LIST],
        purpose=query_pb2.PURPOSE_TENDER,
        basis=query_pb2.AUTHORISATION_BASIS_GRANT,
        grant_statement_id=bytes.fromhex("ab" * 32),
    )
    assert (second.uscc, caller.uscc) == (A, A)


async def test_an_officer_asks_in_the_matter(client: Client, house: House) -> None:
    sample = SAMPLES["lookUpOnDuty"]

    await client.as_("officer").send("POST", sample.path, **sample.arguments())

    ((_, message, caller),) = house.services.asked
    assert (caller.matter_number, caller.basis) == ("示例函〔2026〕1号", query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY)
    assert message.uscc == A


async def test_a_report_that_is_known_already_is_not_sent_again(client: Client, house: House) -> None:
    path, agent = f"/api/v1/reports/{NUMBER}", client.as_("agent")
    first = await agent.send("GET", path)
    again = await agent.send("GET", path, headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    house.services.standing_now = report_status_pb2.REPORT_STATE_SUPERSEDED
    changed = await agent.send("GET", path, headers={"If-None-Match": first.headers["ETag"]})

    assert [one.status for one in (first, again, changed)] == [200, 304, 200]
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (first.document["standing"]["state"], changed.document["standing"]["state"]) == ("VALID", "SUPERSEDED")
    assert first.document["sealed"]["report_envelope"] == base64.b64encode(SEALED.envelope).decode()


@pytest.mark.parametrize(
    ("form", "media_type"),
    [("pdf", "application/pdf"), ("json", "application/json"), ("report", "application/vnd.huren.report")],
)
async def test_a_file_is_one_to_save(client: Client, house: House, form: str, media_type: str) -> None:
    path, agent = f"/api/v1/reports/{NUMBER}/file?format={form}", client.as_("agent")

    sent = await agent.send("GET", path)
    again = await agent.send("GET", path, headers={"If-None-Match": sent.headers["ETag"]})
    house.services.standing_now = report_status_pb2.REPORT_STATE_REVOKED
    revoked = await agent.send("GET", path, headers={"If-None-Match": sent.headers["ETag"]})

    assert (sent.status, sent.headers["Content-Type"].partition(";")[0]) == (200, media_type)
    assert sent.headers["Content-Disposition"] == f'attachment; filename="{NUMBER}.{form}"'
    assert (again.status, revoked.document["code"]) == (304, "REPORT_REVOKED")


async def test_what_is_no_report_of_the_callers_looks_like_none(client: Client) -> None:
    other = await client.as_("agent").send("GET", f"/api/v1/reports/{NUMBER[:-1]}0")

    assert (other.status, other.document["code"]) == (404, "REPORT_NOT_FOUND")


async def test_signed_terms_reach_the_service_as_they_were(client: Client, house: House) -> None:
    sample = SAMPLES["giveGrant"]

    sent = await client.as_("agent").send("POST", sample.path, **sample.arguments())

    ((given),) = house.grants.given
    assert sent.document["terms"] == sample.json["terms"]
    assert (given.certificate, given.terms.document_number) == (bytes(3), "ab" * 16)


# --- Faults -----------------------------------------------------------------------------------------------------------


async def test_a_fault_of_ours_tells_and_logs_nothing_of_the_request(client: Client, house: House) -> None:
    house.services.fault = RuntimeError(SECRET)

    with structlog.testing.capture_logs() as logs:
        sent = await ask(client, {"uscc": SECRET})

    assert (sent.status, sent.document["code"]) == (500, "INTERNAL")
    assert SECRET.encode() not in sent.body
    assert SECRET not in repr(logs)
    assert logs[0]["path"] == "POST /api/v1/report-requests"


async def test_errors_are_those_of_the_table(client: Client, house: House) -> None:
    house.services.fault = HurenError(
        ErrorCode.FOREIGN_HOME,
        province=Province.HEBEI,
        contact=OPEN.provinces[0].contact,
        province_zh="河北省",
        province_en="Hebei",
        basis_zh="依据登记库",
        basis_en="by the registry",
    )
    foreign = await ask(client, {})
    house.services.fault = StoreUnavailableError("any")
    store = await ask(client, {})

    assert (foreign.status, foreign.document["retry"], foreign.document["province"]) == (421, "elsewhere", "HEBEI")
    assert foreign.document["contact"]["unit"] == "示例省信用中心（演示）"
    assert (store.status, store.headers["Retry-After"]) == (503, "10")
    assert store.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("path", ["/api/v1/session", "/api/v1/any", "/api/v1/openapi.yaml"])
async def test_every_answer_bears_the_headers_of_the_house(client: Client, path: str) -> None:
    sent = await client.send("GET", path)

    assert sent.headers["X-Content-Type-Options"] == "nosniff"
    assert sent.headers["Cache-Control"] == "no-store"
    assert sent.headers["Referrer-Policy"] == "no-referrer"
    assert sent.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_every_call_leaves_a_line_with_its_code_and_nothing_that_was_sent(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        for who, status, code in (("agent", 400, "MALFORMED_REQUEST"), ("", 401, "LOGIN_NEEDED")):
            body = b'{"' + SECRET.encode() + b'": 1}'
            sent = await client.as_(who).send(
                "POST", ASK, data=body, headers=KEY | {"Content-Type": "application/json"}
            )
            assert sent.status == status
            line = lines[-1]
            assert (line["event"], line["operation"], line["status"]) == ("call", "requestReport", status)
            assert line["code"] == code
    assert SECRET not in str(lines)
