"""What bad input gets: a named error of the table, and nothing stored but the audit row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from contract.province import Province
from gateway.store import tables
from huren.common.v1 import common_pb2, error_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_service_pb2_grpc
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.identity import MemberPeer, member_host_name
from sandbox.pki import OPERATOR, PKI, Authority
from tests.support.federation import GATEWAY, SUBJECT_CODE, registry_entry, uscc
from tests.support.live import Live, live_federation

REQUEST_REPORT = "/huren.report.v1.ReportService/RequestReport"


def window(first: str, last: str) -> common_pb2.Window:
    return common_pb2.Window(first_day=first, last_day=last)


async def refused(live: Live, code: str = SUBJECT_CODE, **changes: Any) -> error_pb2.ErrorDetail:
    """Asks, requires an error of the table, and that nothing but its audit row was stored."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await live.request(SUBJECT_CODE, **({"uscc": code} | changes))
    detail = error_detail(caught.value)
    assert detail is not None, caught.value
    assert detail.message_zh
    assert detail.message_en == caught.value.details()
    assert (await live.stored()).keys() <= {"refused_look_ups"}  # its subject is told
    assert all(not state.received for state in live.provinces.values())
    return detail


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        pytest.param({"code": "9111010500000000"}, "USCC_MALFORMED", "uscc", id="code-too-short"),
        pytest.param({"code": SUBJECT_CODE[:-1] + "A"}, "USCC_MALFORMED", "uscc", id="wrong-check-character"),
        pytest.param({"code": "O" + SUBJECT_CODE[1:]}, "USCC_MALFORMED", "uscc", id="letter-o-for-zero"),
        pytest.param({"code": "12100000MB0000000X"}, "USCC_MALFORMED", "uscc", id="not-a-code-of-anybody"),
        pytest.param({"code": uscc(5, "12110000")}, "SUBJECT_NOT_ELIGIBLE", "uscc", id="a-public-institution"),
        pytest.param({"code": uscc(5, "51110000")}, "SUBJECT_NOT_ELIGIBLE", "uscc", id="a-social-organisation"),
        pytest.param({"code": uscc(2)}, "NOT_YOURSELF", "uscc", id="somebody-else"),
        pytest.param(
            {"basis": query_pb2.AUTHORISATION_BASIS_GRANT},
            "GRANT_NOT_FOUND",
            "grant_statement_id",
            id="under-a-grant-of-nobody",
        ),
        pytest.param(
            {"basis": query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY}, "BASIS_NOT_SERVED", "basis", id="by-an-officer"
        ),
        pytest.param({"basis": query_pb2.AUTHORISATION_BASIS_AGENT}, "BASIS_NOT_SERVED", "basis", id="by-an-agent"),
        pytest.param({"window": window("2021-11-21", "2026-11-22")}, "WINDOW_TOO_LONG", "window", id="over-five-years"),
        pytest.param({"window": window("2025-01-02", "2025-01-01")}, "WINDOW_INVERTED", "window", id="inverted"),
        pytest.param(
            {"window": window("2026-11-01", "2026-11-23")}, "WINDOW_IN_FUTURE", "window.last_day", id="in-the-future"
        ),
        pytest.param(
            {"window": window("2025-02-30", "2025-03-01")}, "WINDOW_MALFORMED", "window.first_day", id="no-such-day"
        ),
        pytest.param(
            {"window": window("2025/02/03", "2025-03-01")},
            "MALFORMED_REQUEST",
            "window.first_day",
            id="another-notation-of-a-day",
        ),
        pytest.param(
            {"catalogue_version": "1999-01"}, "CATALOGUE_UNKNOWN", "catalogue_version", id="unknown-catalogue"
        ),
        pytest.param({"domains": ["alchemy"]}, "DOMAIN_UNKNOWN", "domains", id="unknown-domain"),
        pytest.param(
            {"domains": ["court_enforcement"], "kinds": [1]}, "NOTHING_APPLICABLE", "kinds", id="nothing-that-applies"
        ),
        pytest.param({"domains": ["taxation", "taxation"]}, "MALFORMED_REQUEST", "domains", id="a-domain-twice"),
        pytest.param({"kinds": [9]}, "MALFORMED_REQUEST", "kinds", id="unknown-kind"),
        pytest.param({"purpose": 99}, "MALFORMED_REQUEST", "purpose", id="unknown-purpose"),
        pytest.param({"idempotency_key": "short"}, "MALFORMED_REQUEST", "idempotency_key", id="bad-key"),
        pytest.param({"code": "x" * 100}, "MALFORMED_REQUEST", "uscc", id="a-very-long-code"),
    ],
)
async def test_a_bad_request_is_refused_by_name(
    pki: PKI, tmp_path: Path, changes: dict[str, Any], code: str, field: str
) -> None:
    async with live_federation(pki, tmp_path) as live:
        detail = await refused(live, **changes)
        audit = await live.rows(tables.audit)
    assert (detail.code, detail.field) == (code, field)
    assert detail.origin == error_pb2.ERROR_ORIGIN_REQUESTER
    if code != "MALFORMED_REQUEST":  # refused by the interface itself, before anybody is known to have asked anything
        assert [row["result"] for row in audit] == [code]
        assert SUBJECT_CODE in audit[0]["caller"]


async def test_a_wrong_code_is_refused_with_position_and_expectation(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        detail = await refused(live, SUBJECT_CODE[:-1] + "A")
    assert "第18位校验码应为" in detail.message_zh
    assert "position 18" in detail.message_en


async def test_a_code_in_full_width_and_lower_case_is_folded(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        typed = " " + "".join(chr(ord(c) + 0xFEE0) for c in SUBJECT_CODE.lower()) + " "
        response = await live.request(SUBJECT_CODE, uscc=typed)
    assert response.WhichOneof("result") == "sealed"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        pytest.param({"home": Province.HEBEI}, "FOREIGN_HOME", id="moved-to-another-member"),
        pytest.param({"home": None}, "HOME_OUTSIDE", id="moved-out-of-the-federation"),
        pytest.param({"status": common_pb2.REGISTRATION_STATUS_CANCELLED}, "SUBJECT_CANCELLED", id="cancelled"),
    ],
)
async def test_a_subject_whose_home_is_not_here_is_told_where(
    pki: PKI, tmp_path: Path, entry: dict[str, Any], code: str
) -> None:
    async with live_federation(pki, tmp_path) as live:
        live.registry.entries = {SUBJECT_CODE: registry_entry(**entry)}
        detail = await refused(live)
    assert detail.code == code
    if code == "FOREIGN_HOME":
        assert detail.retry == error_pb2.ERROR_RETRY_ELSEWHERE
        assert detail.province == common_pb2.PROVINCE_HEBEI
        assert "河北省" in detail.contact.unit


async def test_an_unregistered_subject_is_judged_by_the_digits_and_told_so(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        live.registry.entries = {}
        for code, expected in ((uscc(3, "91130102"), "FOREIGN_HOME"), (uscc(3, "91100000"), "SUBJECT_UNKNOWN")):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await live.request(code)
            detail = error_detail(caught.value)
            assert detail is not None
            assert detail.code == expected
        response = await live.request(SUBJECT_CODE)
        assert response.WhichOneof("result") == "sealed"
        query = query_pb2.Query.FromString(
            live.federation.verifier.verify(
                live.provinces[Province.SHANXI].received[0], expect={"application/vnd.huren.query.v1+protobuf"}
            ).payload
        )
    assert query.subject.home_basis == common_pb2.HOME_BASIS_CODE_DIGITS
    assert query.subject.registration_status == common_pb2.REGISTRATION_STATUS_UNKNOWN


async def test_a_stranger_learns_nothing_about_a_subject(pki: PKI, tmp_path: Path) -> None:
    """What happens: an enterprise asks about codes that are registered here, elsewhere, cancelled, and nowhere.

    What must result: the same answer, whatever the registry knows.
    """
    async with live_federation(pki, tmp_path) as live:
        codes = [uscc(number) for number in range(20, 24)]
        live.registry.entries |= {
            codes[0]: registry_entry(codes[0]),
            codes[1]: registry_entry(codes[1], home=Province.HEBEI),
            codes[2]: registry_entry(codes[2], status=common_pb2.REGISTRATION_STATUS_CANCELLED),
        }
        details = [await refused(live, code) for code in codes]
    assert len({detail.SerializeToString() for detail in details}) == 1


async def test_garbage_and_oversized_requests_are_refused(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        for raw, expected in (
            (b"\xff\xff\xff", "MALFORMED_REQUEST"),
            (b"\x12" + b"\x00" * 5_000_000, "REQUEST_TOO_LARGE"),
        ):
            async with live.client():
                tls = pki.enterprise_tls(SUBJECT_CODE)
            name = member_host_name(MemberPeer(Province.BEIJING, GATEWAY))
            async with open_channel(live.gateway_address, tls, server_name=name) as channel:
                call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(REQUEST_REPORT)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call(raw, timeout=10)
            detail = error_detail(caught.value)
            assert detail is not None
            assert detail.code == expected
        assert await live.stored() == {}


async def test_an_operator_may_not_ask_for_reports(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        tls = pki.operator_tls(OPERATOR, Authority.CLIENTS)
        name = member_host_name(MemberPeer(Province.BEIJING, GATEWAY))
        async with open_channel(live.gateway_address, tls, server_name=name) as channel:
            stub = report_service_pb2_grpc.ReportServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.RequestReport(
                    wire.RequestReportRequest(idempotency_key="an-operator", uscc=SUBJECT_CODE), timeout=10
                )
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_production_seals_nothing_while_the_catalogue_is_not_verified(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path, production=True) as live:
        detail = await refused(live)
    assert detail.code == "UNVERIFIED_IN_PRODUCTION"
    assert detail.origin == error_pb2.ERROR_ORIGIN_HOME


async def test_a_store_that_cannot_be_written_is_a_retryable_error_and_issues_nothing(pki: PKI, tmp_path: Path) -> None:
    async with live_federation(pki, tmp_path) as live:
        async with live.database.write() as connection:  # somebody else holds the only writer for longer than it waits
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await live.request()
            await connection.rollback()
        detail = error_detail(caught.value)
        assert detail is not None
        assert detail.code == "STORE_UNAVAILABLE"
        assert detail.retry == error_pb2.ERROR_RETRY_LATER
        assert await live.stored() == {}


@pytest.mark.parametrize("room", [0, 1, 4, 8])
async def test_a_disk_that_is_full_while_a_report_is_issued_is_a_retryable_error_and_leaves_nothing_half_issued(
    pki: PKI, tmp_path: Path, room: int
) -> None:
    """What happens: the store has room for so many pages while a report is asked for; then there is more, and it is asked again.

    What must result: STORE_UNAVAILABLE, to be asked again later, and no report; then one report, with one number.
    """
    key = "full-disk-0001"
    async with live_federation(pki, tmp_path) as live:
        async with live.database.write() as connection:  # SQLITE_FULL, as from a file system without room
            most = (await connection.execute(text("PRAGMA max_page_count"))).scalar_one()
            used = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
            await connection.execute(text(f"PRAGMA max_page_count={used + room}"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await live.request(idempotency_key=key)
        detail = error_detail(caught.value)
        assert detail is not None
        assert (detail.code, detail.retry) == ("STORE_UNAVAILABLE", error_pb2.ERROR_RETRY_LATER)
        assert not await live.rows(tables.reports)

        async with live.database.write() as connection:
            await connection.execute(text(f"PRAGMA max_page_count={most}"))
        answer = await live.request(idempotency_key=key)
        [issued] = await live.rows(tables.reports)
        assert answer.sealed.report_number == issued["report_number"]
        assert answer.sealed.report_envelope == issued["envelope"]
