"""Real servers and channels over mutual TLS, on the loopback interface."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from string import Formatter
from typing import Any

import grpc
import pytest
import structlog
from google.protobuf.any_pb2 import Any as PackedAny
from google.rpc import status_pb2  # type: ignore[import-untyped]  # ships no types
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped]  # ships no types
    reflection_pb2,
    reflection_pb2_grpc,
)
from structlog.testing import capture_logs

from contract.errors import ERROR_TABLE, ErrorCode, HurenError, Origin
from contract.province import Province
from huren.common.v1 import common_pb2, error_pb2
from huren.report.v1 import report_service_pb2
from runtime.errors import ListenError, StoreUnavailableError
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.grpc_server import GrpcServer, ServedService
from runtime.identity import EnterprisePeer, OperatorPeer, PeerIdentity, member_host_name, peer_identity
from runtime.settings import ListenSettings
from sandbox.pki import OPERATOR, PKI, Authority

GET_REPORT = "/huren.report.v1.ReportService/GetReport"
SERVICE = "huren.report.v1.ReportService"


def code_of(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str | None]:
    detail = error_detail(error)
    return error.code(), detail.code if detail else None


def count(federation: Any, method: str, status: str) -> float:
    labels = {"method": method, "status": status}
    return federation.metrics.registry.get_sample_value("huren_grpc_requests_total", labels) or 0.0


class Held:
    """A servicer method whose calls wait until they are released."""

    def __init__(self) -> None:
        self.entered = asyncio.Semaphore(0)
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(
        self, _request: report_service_pb2.GetReportRequest, _context: Any
    ) -> report_service_pb2.GetReportResponse:
        self.entered.release()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return report_service_pb2.GetReportResponse()


def raising(error: Exception) -> Any:
    async def get_report(_request: object, _context: object) -> Any:
        raise error

    return get_report


# --- Who is there ---


async def identity_seen(federation: Any, *, trusting: Authority, tls: Any) -> PeerIdentity | None:
    seen: list[PeerIdentity | None] = []

    async def get_report(_request: object, context: Any) -> report_service_pb2.GetReportResponse:
        seen.append(peer_identity(context.auth_context()))
        return report_service_pb2.GetReportResponse()

    async with federation.serving(get_report, trusting=trusting) as server, server.called_by(tls) as client:
        await client.get_report()
    (identity,) = seen
    return identity


async def test_members_are_known_by_their_certificate(federation: Any, pki: PKI, caller: Any) -> None:
    assert await identity_seen(federation, trusting=Authority.MEMBERS, tls=pki.member_tls(caller)) == caller


async def test_enterprises_are_known_by_their_certificate(federation: Any, pki: PKI, uscc: Any) -> None:
    tls = pki.enterprise_tls(uscc)
    assert await identity_seen(federation, trusting=Authority.CLIENTS, tls=tls) == EnterprisePeer(uscc)


@pytest.mark.parametrize("authority", [Authority.MEMBERS, Authority.CLIENTS])
async def test_operators_are_known_under_both_authorities(federation: Any, pki: PKI, authority: Authority) -> None:
    tls = pki.operator_tls(OPERATOR, authority)
    assert await identity_seen(federation, trusting=authority, tls=tls) == OperatorPeer(OPERATOR)


async def test_a_certificate_of_the_other_authority_is_refused(federation: Any, pki: PKI, uscc: Any) -> None:
    async with federation.serving() as server, server.called_by(pki.enterprise_tls(uscc)) as client:
        assert code_of(await client.error()) == (grpc.StatusCode.UNAVAILABLE, None)
    assert count(federation, GET_REPORT, "OK") == 0


async def test_a_peer_without_certificate_is_refused(federation: Any, pki: PKI, member: Any, client_of: Any) -> None:
    credentials = grpc.ssl_channel_credentials(root_certificates=pki.root(Authority.MEMBERS).read_bytes())
    options = [("grpc.ssl_target_name_override", member_host_name(member)), ("grpc.enable_http_proxy", 0)]
    async with (
        federation.serving() as server,
        grpc.aio.secure_channel(server.target, credentials, options=options) as channel,
    ):
        received = await client_of(channel).raw_error(GET_REPORT, b"")
    assert received.code() is grpc.StatusCode.UNAVAILABLE
    assert count(federation, GET_REPORT, "OK") == 0


async def test_a_peer_without_tls_is_refused(federation: Any, client_of: Any) -> None:
    async with (
        federation.serving() as server,
        grpc.aio.insecure_channel(server.target, options=[("grpc.enable_http_proxy", 0)]) as channel,
    ):
        received = await client_of(channel).raw_error(GET_REPORT, b"")
    assert received.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_server_that_is_another_member_is_refused(federation: Any, caller: Any) -> None:
    async with federation.serving() as server, server.called_by(server_name=member_host_name(caller)) as client:
        assert code_of(await client.error()) == (grpc.StatusCode.UNAVAILABLE, None)


async def test_a_server_under_another_authority_is_refused(federation: Any, pki: PKI, caller: Any) -> None:
    tls = pki.member_tls(caller, trusting=Authority.CLIENTS)
    async with federation.serving() as server, server.called_by(tls) as client:
        assert code_of(await client.error()) == (grpc.StatusCode.UNAVAILABLE, None)


async def test_without_a_server_name_the_host_of_the_target_counts(federation: Any, pki: PKI, caller: Any) -> None:
    async with federation.serving() as server:
        target = server.target.replace("127.0.0.1", "localhost")
        async with open_channel(target, pki.member_tls(caller)) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            response = await stub.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=20)
    assert response.status == health_pb2.HealthCheckResponse.SERVING


# --- What goes wrong inside ---


async def test_an_error_of_the_table_reaches_the_caller_as_it_is(federation: Any) -> None:
    error = HurenError(
        ErrorCode.FOREIGN_HOME,
        province=Province(12),
        field="uscc",
        retry_after=timedelta(seconds=90),
        contact=common_pb2.Contact(unit="信用中心"),
        province_zh="天津市",
        province_en="Tianjin",
        basis_zh="登记库",
        basis_en="the registry",
    )
    async with federation.serving(raising(error)) as server, server.called_by() as client:
        received = await client.error()
    assert received.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert received.details() == error.message_en
    assert error_detail(received) == error.to_wire()
    assert "前往天津市" in error.to_wire().message_zh


async def test_an_unforeseen_exception_tells_the_peer_nothing_and_the_log_everything(federation: Any) -> None:
    secret = ValueError("password=hunter2 of 91350200575017604M")
    with capture_logs() as logs:
        async with federation.serving(raising(secret)) as server, server.called_by() as client:
            received = await client.error()
    row = ERROR_TABLE[ErrorCode.INTERNAL]
    assert received.details() == row.en
    assert error_detail(received) == HurenError(ErrorCode.INTERNAL).to_wire()
    assert "hunter2" not in repr(received)
    assert "hunter2" not in repr(received.trailing_metadata())
    (line,) = logs
    assert (line["log_level"], line["status"], line["code"], line["exc_info"]) == (
        "error",
        "INTERNAL",
        "INTERNAL",
        secret,
    )


async def test_an_unavailable_store_is_told_as_such(federation: Any) -> None:
    error = StoreUnavailableError("OperationalError 13")
    with capture_logs() as logs:
        async with federation.serving(raising(error)) as server, server.called_by() as client:
            received = await client.error()
    assert code_of(received) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
    detail = error_detail(received)
    assert detail is not None
    assert detail.retry_after.ToTimedelta() == timedelta(seconds=1)
    (line,) = logs
    assert (line["log_level"], line["reason"]) == ("warning", "OperationalError 13")


async def test_a_service_may_abort_by_itself(federation: Any) -> None:
    async def get_report(_request: object, context: Any) -> Any:
        await context.abort(grpc.StatusCode.DATA_LOSS, "by hand")

    async with federation.serving(get_report) as server, server.called_by() as client:
        received = await client.error()
        assert (received.code(), received.details()) == (grpc.StatusCode.DATA_LOSS, "by hand")
        # The peer was told first; the call is counted when it has left.
        await server.server.stop(timedelta(seconds=20))
    assert count(federation, GET_REPORT, "DATA_LOSS") == 1


async def test_a_call_that_its_caller_gives_up_is_cancelled_inside(federation: Any) -> None:
    held = Held()
    async with federation.serving(held) as server, server.called_by() as client:
        call = asyncio.ensure_future(client.get_report())
        await held.entered.acquire()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await held.cancelled.wait()
        # The server works on.
        held.release.set()
        await client.get_report()
    assert count(federation, GET_REPORT, "CANCELLED") == 1
    assert count(federation, GET_REPORT, "OK") == 1


async def test_the_callers_deadline_reaches_the_service(federation: Any) -> None:
    remaining: list[float] = []

    async def get_report(_request: object, context: Any) -> report_service_pb2.GetReportResponse:
        remaining.append(context.time_remaining())
        return report_service_pb2.GetReportResponse()

    async with federation.serving(get_report) as server, server.called_by() as client:
        await client.get_report()
    assert 0 < remaining[0] <= 20


# --- Whose fault it is ---


@pytest.mark.parametrize("code", ErrorCode)
async def test_what_is_an_adapters_fault_is_told_as_its_provinces(federation: Any, code: ErrorCode) -> None:
    words: dict[str, Any] = dict.fromkeys(_parameters(code), "")
    error = HurenError(code, field="uscc", **words)
    async with federation.serving(raising(error)) as server, server.called_by() as client:
        of_gateway = error_detail(await client.error())
    async with federation.serving(raising(error), answers_for=Province(14)) as server, server.called_by() as client:
        of_adapter = error_detail(await client.error())
    expected = error.to_wire()
    assert of_gateway == expected
    if ERROR_TABLE[code].origin is Origin.HOME:
        expected.origin, expected.province = error_pb2.ERROR_ORIGIN_PROVINCE, common_pb2.PROVINCE_SHANXI
    assert of_adapter == expected


def _parameters(code: ErrorCode) -> set[str]:
    row = ERROR_TABLE[code]
    return {name for text in (row.zh, row.en) for _, name, _, _ in Formatter().parse(text) if name}


async def test_an_unforeseen_exception_of_an_adapter_is_its_provinces_fault(federation: Any) -> None:
    failing = raising(ValueError("unforeseen"))
    async with federation.serving(failing, answers_for=Province(14)) as server, server.called_by() as client:
        detail = error_detail(await client.error())
    assert detail is not None
    assert (detail.code, detail.origin, detail.province) == (
        "INTERNAL",
        error_pb2.ERROR_ORIGIN_PROVINCE,
        common_pb2.PROVINCE_SHANXI,
    )


# --- What is refused before a service sees it ---


async def test_a_request_that_breaks_a_constraint_is_refused_with_its_field(federation: Any) -> None:
    async with federation.serving() as server, server.called_by() as client:
        received = await client.error("no number")
    detail = error_detail(received)
    assert detail is not None
    assert (detail.code, detail.field) == ("MALFORMED_REQUEST", "report_number")
    assert received.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "no number" not in detail.message_en
    assert "报告编号" in detail.message_zh
    assert "string.pattern" in detail.message_en


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x05abc", b"\x0a\x02\xff\xff"])
async def test_bytes_that_are_no_message_are_refused_by_name(federation: Any, raw: bytes) -> None:
    async with federation.serving() as server, server.called_by() as client:
        received = await client.raw_error(GET_REPORT, raw)
    assert code_of(received) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


@pytest.mark.parametrize("method", ["/huren.report.v1.ReportService/Nothing", "/huren.none.v1.NoService/Nothing"])
async def test_an_unknown_method_is_refused_and_counted_without_its_name(federation: Any, method: str) -> None:
    async with federation.serving() as server, server.called_by() as client:
        received = await client.raw_error(method, b"")
    assert code_of(received) == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_UNKNOWN")
    assert count(federation, "unknown", "UNIMPLEMENTED") == 1
    assert b"Nothing" not in federation.metrics.exposition()


async def test_a_request_over_the_limit_is_refused_by_name(federation: Any) -> None:
    async with federation.serving(max_request_size_bytes=1000) as server, server.called_by() as client:
        received = await client.raw_error(GET_REPORT, bytes(1001))
    detail = error_detail(received)
    assert detail is not None
    assert received.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (detail.code, "1000" in detail.message_zh) == ("REQUEST_TOO_LARGE", True)


async def test_a_request_far_over_the_limit_is_refused_by_grpc(federation: Any) -> None:
    async with federation.serving(max_request_size_bytes=1000) as server, server.called_by() as client:
        received = await client.raw_error(GET_REPORT, bytes(2001))
    assert code_of(received) == (grpc.StatusCode.RESOURCE_EXHAUSTED, None)
    assert count(federation, GET_REPORT, "RESOURCE_EXHAUSTED") == 0


async def test_a_response_over_the_callers_limit_is_refused(
    federation: Any, pki: PKI, caller: Any, client_of: Any
) -> None:
    async with federation.serving() as server:
        tls = pki.member_tls(caller)
        async with open_channel(server.target, tls, max_response_size_bytes=10) as channel:
            received = await client_of(channel).error()
    assert received.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_more_calls_than_fit_are_refused_and_none_is_dropped(federation: Any) -> None:
    held = Held()
    async with federation.serving(held, max_concurrent_calls=2) as server, server.called_by() as client:
        async with asyncio.TaskGroup() as group:
            inside = [group.create_task(client.get_report()) for _ in range(2)]
            for _ in inside:
                await held.entered.acquire()
            received = await client.error()
            # Health answers under load.
            stub = health_pb2_grpc.HealthStub(client.channel)
            health = await stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
            held.release.set()
        await client.get_report()
    detail = error_detail(received)
    assert detail is not None
    assert (received.code(), detail.code) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert detail.retry_after.ToTimedelta() == timedelta(seconds=1)
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert count(federation, GET_REPORT, "OK") == 3


async def test_a_burst_of_calls_is_answered_each_by_name(federation: Any) -> None:
    """What happens: 2,500 calls at once, more than gRPC's own limit of pending ones.

    What must result: OK or OVERLOADED, never CANCELLED.
    """
    async with (
        federation.serving(max_concurrent_calls=50) as server,
        server.called_by() as client,
        asyncio.TaskGroup() as group,
    ):
        calls = [group.create_task(_outcome(client)) for _ in range(2500)]
    outcomes = {call.result() for call in calls}
    assert outcomes <= {"OK", "OVERLOADED"}
    assert "OK" in outcomes


async def _outcome(client: Any) -> str | None:
    try:
        await client.get_report()
    except grpc.aio.AioRpcError as error:
        detail = error_detail(error)
        return detail.code if detail else str(error.code())
    return "OK"


# --- Beginning and end ---


async def test_health_and_reflection_are_served(federation: Any) -> None:
    async with federation.serving() as server, server.called_by() as client:
        health = health_pb2_grpc.HealthStub(client.channel)
        for name in ("", SERVICE):
            response = await health.Check(health_pb2.HealthCheckRequest(service=name), timeout=20)
            assert response.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
            await health.Check(health_pb2.HealthCheckRequest(service="other"), timeout=20)
        reflection = reflection_pb2_grpc.ServerReflectionStub(client.channel)
        call = reflection.ServerReflectionInfo(timeout=20)
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        await call.done_writing()
        (listed,) = [response async for response in call]
    assert SERVICE in [service.name for service in listed.list_services_response.service]


async def test_stopping_lets_a_running_call_finish_and_refuses_new_ones(federation: Any) -> None:
    held = Held()
    async with federation.serving(held) as server, server.called_by() as client, asyncio.TaskGroup() as group:
        running = group.create_task(client.get_report())
        await held.entered.acquire()
        watch = health_pb2_grpc.HealthStub(client.channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
        first = await watch.read()
        stopping = group.create_task(server.server.stop(timedelta(seconds=20)))
        second = await watch.read()
        refused = await client.error()
        assert not running.done()
        watch.cancel()
        held.release.set()
        await stopping
    assert [first.status, second.status] == [
        health_pb2.HealthCheckResponse.SERVING,
        health_pb2.HealthCheckResponse.NOT_SERVING,
    ]
    assert code_of(refused) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    assert running.result() == report_service_pb2.GetReportResponse()


async def test_stopping_cancels_what_outlasts_the_grace(federation: Any) -> None:
    held = Held()
    async with federation.serving(held) as server, server.called_by() as client:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(client.error())
            await held.entered.acquire()
            await server.server.stop(timedelta(0))
        await held.cancelled.wait()
    assert running.result().code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_a_taken_port_is_named(federation: Any, pki: PKI, member: Any) -> None:
    async with federation.serving() as server:
        listen = ListenSettings(host="127.0.0.1", port=int(server.target.rpartition(":")[2]))
        second = GrpcServer(
            [], listen=listen, tls=pki.member_tls(member), metrics=federation.metrics, max_concurrent_calls=1
        )
        with pytest.raises(ListenError, match=server.target):
            await second.start()


async def test_a_service_that_streams_requests_is_refused(federation: Any, pki: PKI, member: Any) -> None:
    streaming = ServedService(reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"], lambda _: None)
    with pytest.raises(RuntimeError, match=r"ServerReflection\.ServerReflectionInfo"):
        GrpcServer(
            [streaming],
            listen=ListenSettings(host="127.0.0.1", port=0),
            tls=pki.member_tls(member),
            metrics=federation.metrics,
            max_concurrent_calls=1,
        )


# --- Telemetry ---


async def test_calls_are_counted_timed_and_logged_without_payload(federation: Any, caller: Any) -> None:
    inside: list[dict[str, Any]] = []

    async def get_report(_request: object, _context: object) -> report_service_pb2.GetReportResponse:
        inside.append(structlog.contextvars.get_contextvars())
        return report_service_pb2.GetReportResponse()

    with capture_logs() as logs:
        async with federation.serving(get_report) as server, server.called_by() as client:
            await client.get_report()
            await client.error("bad")
    assert inside == [{"rpc": GET_REPORT, "peer": caller.uri}]
    shown = [{key: value for key, value in line.items() if key != "seconds"} for line in logs]
    assert shown == [
        {"event": "call", "log_level": "info", "status": "OK"},
        {
            "event": "call",
            "log_level": "info",
            "status": "INVALID_ARGUMENT",
            "code": ErrorCode.MALFORMED_REQUEST,
            "field": "report_number",
        },
    ]
    exposition = federation.metrics.exposition().decode()
    assert f'huren_grpc_requests_total{{method="{GET_REPORT}",status="OK"}} 1.0' in exposition
    assert f'huren_grpc_requests_total{{method="{GET_REPORT}",status="INVALID_ARGUMENT"}} 1.0' in exposition
    assert f'huren_grpc_request_seconds_count{{method="{GET_REPORT}"}} 2.0' in exposition
    assert "huren_grpc_running 0.0" in exposition
    assert "process_cpu_seconds_total" in exposition


async def test_an_enterprise_is_logged_with_its_code_masked(federation: Any, pki: PKI, uscc: Any) -> None:
    inside: list[Any] = []

    async def get_report(_request: object, _context: object) -> report_service_pb2.GetReportResponse:
        inside.append(structlog.contextvars.get_contextvars()["peer"])
        return report_service_pb2.GetReportResponse()

    async with (
        federation.serving(get_report, trusting=Authority.CLIENTS) as server,
        server.called_by(pki.enterprise_tls(uscc)) as client,
    ):
        await client.get_report()
    assert inside == [f"urn:huren:enterprise:{uscc[:4]}{'*' * 10}{uscc[-4:]}"]


# --- What comes back from a peer that is none of ours ---


def _with_trailer(*trailers: tuple[str, bytes]) -> grpc.aio.AioRpcError:
    metadata = grpc.aio.Metadata(*trailers)
    return grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, grpc.aio.Metadata(), metadata)


def _status(*details: Any) -> bytes:
    status = status_pb2.Status(code=13)
    for detail in details:
        status.details.add().CopyFrom(detail)
    return bytes(status.SerializeToString())


_ANY_URL = "type.googleapis.com/huren.common.v1.ErrorDetail"


@pytest.mark.parametrize(
    "trailers",
    [
        [],
        [("other-bin", b"\x08\x0d")],
        [("grpc-status-details-bin", b"")],
        [("grpc-status-details-bin", b"\xff\xff\xff")],
        [("grpc-status-details-bin", _status())],
        [("grpc-status-details-bin", _status(PackedAny(type_url=_ANY_URL, value=b"\xff")))],
        [("grpc-status-details-bin", _status(PackedAny(type_url="type.googleapis.com/other", value=b"")))],
    ],
)
def test_garbage_instead_of_a_detail_is_no_detail(trailers: list[tuple[str, bytes]]) -> None:
    assert error_detail(_with_trailer(*trailers)) is None


def test_an_error_without_trailers_has_no_detail() -> None:
    assert (
        error_detail(grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata()))
        is None
    )


def test_the_detail_is_found_among_others() -> None:
    packed = PackedAny()
    packed.Pack(error_pb2.ErrorDetail(code="INTERNAL"))
    other = PackedAny(type_url="type.googleapis.com/other", value=b"")
    assert error_detail(_with_trailer(("grpc-status-details-bin", _status(other, packed)))) == error_pb2.ErrorDetail(
        code="INTERNAL"
    )
