"""Verification over HTTP, on a real server: words and documents, limits, headers, and that a code is never repeated."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from contract.province import Province
from contract.report_number import make as make_number
from contract.status_check import check_status
from gateway.api.rate_limit import RateLimit
from gateway.store.verification import MOST_FAILED_TRIES
from huren.report.v1 import report_status_pb2 as statuses
from runtime.errors import StoreUnavailableError
from sandbox.pki import PKI
from tests.support.verification import House, reachable, served

CODES = "/api/v1/verifications"
STATUSES = "/api/v1/report-statuses"
FILES = "/api/v1/verifications/file"


@pytest.fixture
async def url(beijing: House, pki: PKI, tmp_path: Path) -> AsyncIterator[str]:
    async with served(beijing, tmp_path, trust=pki.trust) as address:
        yield address


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def asked(number: str, code: str) -> dict[str, str]:
    return {"report_number": number, "code": code}


async def post(
    http: aiohttp.ClientSession, url: str, document: object, **headers: str
) -> tuple[int, dict[str, Any], Any]:
    async with http.post(url, json=document, headers=headers) as response:
        return response.status, await response.json(content_type=None), response.headers


# --- By number and code -----------------------------------------------------------------------------------------------


async def test_a_program_gets_the_verdict_the_signed_status_and_what_to_compare(
    beijing: House, url: str, http: aiohttp.ClientSession
) -> None:
    sealed = await beijing.issue(holes=True)

    status, told, _ = await post(http, url + CODES, asked(sealed.report_number, sealed.verification_code))

    assert status == 200
    assert told.keys() == {
        *("verdict", "headline", "advice", "english", "status"),
        *("since", "revocation", "limited_scope", "comparison"),
    }
    assert (told["verdict"], told["headline"]) == ("VALID", "核验一致 · 有限范围")
    assert (told["since"], told["revocation"], told["limited_scope"]) == (None, None, True)
    signed = check_status(
        base64.b64decode(told["status"]),
        verifier=beijing.federation.verifier,
        report_number=sealed.report_number,
        report_statement_id=None,
        issuer=Province.BEIJING,
        at=beijing.federation.now,
    )
    assert signed.state == statuses.REPORT_STATE_VALID
    comparison = told["comparison"]
    assert comparison["provinces"] == ["beijing", "tianjin", "hebei", "shanxi"]
    assert comparison["name"] == "北京示例机械有限公司"
    assert comparison["issued_at"] == "2026-11-22T10:30:00+08:00"
    assert all(len(row["states"]) == len(row["record_counts"]) == 4 for row in comparison["rows"])
    assert "NOT_COVERED" in {state for row in comparison["rows"] for state in row["states"]}


async def test_a_report_that_was_taken_back_tells_day_and_category_only(
    beijing: House, url: str, http: aiohttp.ClientSession
) -> None:
    sealed = await beijing.issue()
    await beijing.happens(sealed, statuses.REPORT_STATE_REVOKED, revocation=statuses.REVOCATION_CATEGORY_SUBJECT_WRONG)

    status, told, _ = await post(http, url + CODES, asked(sealed.report_number, sealed.verification_code))

    assert status == 200
    assert (told["verdict"], told["since"], told["revocation"]) == ("REVOKED", "2026-11-20", "SUBJECT_WRONG")
    assert (told["comparison"], told["limited_scope"]) == (None, None)
    assert "北京示例机械有限公司" not in json.dumps(told, ensure_ascii=False)


async def test_verdicts_without_a_report_are_alike_in_form(
    beijing: House, url: str, http: aiohttp.ClientSession
) -> None:
    number = make_number(Province.BEIJING, beijing.federation.now.date(), 99)
    foreign = make_number(Province.TIANJIN, beijing.federation.now.date(), 99)
    unknown = await post(http, url + CODES, asked(number, "0" * 16))
    tried = [await post(http, url + CODES, asked(number, "0" * 16)) for _ in range(MOST_FAILED_TRIES)]
    unreachable = await post(http, url + CODES, asked(foreign, "0" * 16))
    sheet = await post(http, url + CODES, asked("0123456789abcdef" * 2, "0" * 16))

    told = [unknown, tried[-1], unreachable, sheet]
    assert [(status, document["verdict"]) for status, document, _ in told] == [
        (200, "UNKNOWN"),
        (429, "TRY_LATER"),
        (503, "HOME_UNREACHABLE"),
        (200, "PROGRESS_SHEET"),
    ]
    assert told[1][2]["Retry-After"] == "3600"
    assert len({tuple(document) for _, document, _ in told}) == 1
    silent = ("status", "since", "revocation", "limited_scope", "comparison")
    assert all(document[name] is None for _, document, _ in told for name in silent)


async def test_wrong_number_wrong_code_and_foreign_number_get_the_same_bytes(
    beijing: House, url: str, http: aiohttp.ClientSession
) -> None:
    sealed = await beijing.issue()
    numbers = (
        sealed.report_number,
        make_number(Province.BEIJING, beijing.federation.now.date(), 99),
        "HR31" + "0" * 17,
    )

    answers = set()
    for number in numbers:
        for code in ("0" * 16, "A" * 24):
            async with http.post(url + CODES, json=asked(number, code)) as response:
                headers = {name: value for name, value in response.headers.items() if name != "Date"}
                answers.add((response.status, await response.read(), repr(headers)))

    assert len(answers) == 1


async def test_a_status_is_given_for_number_and_statement_id_of_any_member(
    pki: PKI, beijing: House, tianjin: House, url: str, http: aiohttp.ClientSession
) -> None:
    here, there = await beijing.issue(), await tianjin.issue()
    ids = {}
    for one, sealed in ((beijing, here), (tianjin, there)):
        found = await one.store.find(sealed.report_number)
        assert found is not None
        ids[sealed.report_number] = found.statement_id.hex()
    asking = [{"report_number": number, "report_statement_id": statement} for number, statement in ids.items()]

    unreachable = await post(http, url + STATUSES, asking[1])
    async with reachable(pki, tianjin, beijing):
        told = [await post(http, url + STATUSES, one) for one in asking]
        other = [await post(http, url + STATUSES, one | {"report_statement_id": "0" * 64}) for one in asking]

    assert unreachable[0] == 503
    assert unreachable[1]["code"] == "HOME_UNREACHABLE"
    for (status, document, _), home, sealed in zip(told, (beijing, tianjin), (here, there), strict=True):
        assert status == 200
        check_status(
            base64.b64decode(document["status"]),
            verifier=home.federation.verifier,
            report_number=sealed.report_number,
            report_statement_id=bytes.fromhex(ids[sealed.report_number]),
            issuer=home.province,
            at=home.federation.now,
        )
    assert [(status, document["code"]) for status, document, _ in other] == [(404, "REPORT_NOT_FOUND")] * 2


# --- What is not served -----------------------------------------------------------------------------------------------

SECRET = "SECRETsecretSECRETsecret"  # noqa: S105  # a code that must not be seen again


@pytest.mark.parametrize(
    ("method", "path", "type_", "body", "status"),
    [
        pytest.param("POST", CODES, "application/json", b"{", 400, id="no JSON"),
        pytest.param("POST", CODES, "application/json", b"\xff", 400, id="no UTF-8"),
        pytest.param("POST", CODES, "application/json", b"[" * 8000, 400, id="nested"),
        pytest.param("POST", CODES, "application/json", b'{"report_number":"1"}', 400, id="a field is missing"),
        pytest.param(
            "POST",
            CODES,
            "application/json",
            f'{{"report_number":"1","code":["{SECRET}"]}}'.encode(),
            400,
            id="no text",
        ),
        pytest.param(
            "POST",
            CODES,
            "application/json",
            f'{{"report_number":"1","code":"{SECRET}","{SECRET}":1}}'.encode(),
            400,
            id="a field too many",
        ),
        pytest.param(
            "POST",
            CODES,
            "application/json",
            f'{{"code":"{SECRET}","code":"{SECRET}"}}'.encode(),
            400,
            id="a field twice",
        ),
        pytest.param("POST", CODES, "text/plain", b"{}", 415, id="no such type"),
        pytest.param("POST", CODES, "application/json", b" " * 9000, 413, id="too large"),
        pytest.param(
            "POST", STATUSES, "application/json", b'{"report_number":"","report_statement_id":""}', 400, id="id"
        ),
        pytest.param("POST", FILES, "text/html", b"x", 415, id="no file of such a type"),
        pytest.param("GET", CODES, "", b"", 405, id="no such method"),
        pytest.param("GET", "/api/v1/nothing", "", b"", 404, id="no such path"),
    ],
)
async def test_what_is_not_served_is_a_problem_document(
    url: str, http: aiohttp.ClientSession, method: str, path: str, type_: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": type_} if type_ else {}
    async with http.request(method, url + path, data=body or None, headers=headers) as response:
        text = await response.text()
        document = json.loads(text)

        assert response.status == document["status"] == status
        assert response.content_type == "application/problem+json"
        assert document["type"] == f"urn:huren:error:{document['code']}"
        assert document["detail"].endswith("。")
        assert document["detail_en"].endswith(".")
        assert SECRET not in text
        assert response.headers["Cache-Control"] == "no-store"
        assert (response.headers.get("Allow") is not None) == (status == 405)


async def test_compressed_bodies_are_refused_unread(url: str, http: aiohttp.ClientSession) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/octet-stream"}

    async with http.post(url + FILES, data=bomb, headers=headers, skip_auto_headers=["Accept-Encoding"]) as response:
        assert response.status == 415


async def test_a_body_that_breaks_off_ends_its_request(beijing: House, url: str, http: aiohttp.ClientSession) -> None:
    host, port = re.fullmatch(r"http://(.+):([0-9]+)", url).groups()  # type: ignore[union-attr]
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST {CODES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{{".encode()
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    sealed = await beijing.issue()
    status, _, _ = await post(http, url + CODES, asked(sealed.report_number, sealed.verification_code))
    assert status == 200


async def test_a_store_that_is_down_is_said_and_may_be_asked_again(
    beijing: House, url: str, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(_: str) -> None:
        raise StoreUnavailableError("示例")

    monkeypatch.setattr(beijing.store, "find", down)

    status, document, headers = await post(http, url + CODES, asked("HR", "A" * 24))

    assert (status, document["code"]) == (503, "STORE_UNAVAILABLE")
    assert int(headers["Retry-After"]) > 0


async def test_an_address_that_asks_too_often_is_told_to_wait_and_others_are_not(
    url: str, http: aiohttp.ClientSession
) -> None:
    one, other, forged = ("203.0.113.9", "203.0.113.10", "198.51.100.1, 203.0.113.9")
    first = [(await post(http, url + CODES, asked("HR", ""), **{"X-Forwarded-For": one}))[0] for _ in range(60)]

    refused = await post(http, url + CODES, asked("HR", ""), **{"X-Forwarded-For": forged})
    served_still = await post(http, url + CODES, asked("HR", ""), **{"X-Forwarded-For": other})

    assert set(first) == {200}
    assert (refused[0], refused[1]["code"], refused[2]["Retry-After"]) == (429, "OVERLOADED", "1")
    assert served_still[0] == 200


@pytest.mark.parametrize(
    ("one", "same", "another"),
    [
        ("198.51.100.7", "198.51.100.7:50123", "198.51.100.8:50123"),
        ("2001:db8::1", "[2001:db8::2]:50123", "[2001:db8:0:1::1]"),
        ("198.51.100.7", "::ffff:198.51.100.7", "::ffff:198.51.100.8"),
    ],
)
def test_an_address_is_counted_once_however_a_proxy_writes_it(one: str, same: str, another: str) -> None:
    limit = RateLimit(burst=1, per_second=1.0, monotonic=lambda: 0.0)
    assert [limit.wait_s(address) for address in (one, same, another)] == [0.0, 1.0, 0.0]


async def test_neither_log_nor_error_repeats_a_code(
    beijing: House, url: str, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = await beijing.issue()
    foreign = make_number(Province.TIANJIN, beijing.federation.now.date(), 1)

    async def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of the program")

    with structlog.testing.capture_logs() as lines:
        answers = [await post(http, url + CODES, asked(foreign, SECRET))]
        monkeypatch.setattr(beijing.by_code, "verify_by_code", fails)
        answers.append(await post(http, url + CODES, asked(sealed.report_number, SECRET)))

    assert [status for status, _, _ in answers] == [503, 500]
    assert answers[1][1]["code"] == "INTERNAL"
    assert lines
    assert not [line for line in lines if line.get("exc_info")], "a logged exception shows variables"
    assert SECRET not in repr(lines) + repr(answers)
