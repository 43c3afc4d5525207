"""The serving end of a mutual TLS connection.

- A peer without a certificate of the trusted roots never gets as far as a call.
- Every call of our services goes through `grpc_interceptor`.
- Health (grpc.health.v1) and reflection are served beside ours, to the same peers.
- Stopping is told before it happens: health says NOT_SERVING, new calls are refused by name, running ones may finish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]  # ships no types

from contract.province import Province
from runtime.errors import ListenError
from runtime.grpc_channel import KEEPALIVE
from runtime.grpc_interceptor import CallInterceptor, Gate
from runtime.settings import ListenSettings, TLSSettings
from runtime.telemetry import Metrics
from runtime.tls import read_tls

MAX_REQUEST_SIZE_BYTES: Final = 4 * 1024 * 1024
"""Larger requests are refused by name; those more than twice as large by gRPC itself, before they are in memory."""

_MAX_PENDING: Final = 100_000
"""gRPC drops calls above about 1000 pending ones, and the client sees CANCELLED. We refuse by name instead (Gate), so its own limit
is out of the way. Source: grpc/grpc #34782."""
_LAST_ANSWERS: Final = timedelta(seconds=1)
"""For answers that are made but not sent, and for health watchers, whose calls never end by themselves."""


@dataclass(frozen=True, slots=True)
class ServedService:
    """A service and how it gets into a server.

    Attributes:
        descriptor: For example `report_service_pb2.DESCRIPTOR.services_by_name["ReportService"]`.
        register: For example `partial(add_ReportServiceServicer_to_server, servicer)`.
    """

    descriptor: ServiceDescriptor
    register: Callable[[grpc.aio.Server], None]


class GrpcServer:
    """A gRPC server over mutual TLS. Make and start it inside the running event loop; start it once, stop it once."""

    def __init__(
        self,
        services: Sequence[ServedService],
        *,
        listen: ListenSettings,
        tls: TLSSettings,
        metrics: Metrics,
        max_concurrent_calls: int,
        max_request_size_bytes: int = MAX_REQUEST_SIZE_BYTES,
        answers_for: Province | None = None,
    ) -> None:
        """Makes a server that does not listen yet.

        Args:
            services: What to serve.
            listen: Where.
            tls: Own certificate and key, and the authorities accepted for the peers.
            metrics: Where calls are counted.
            max_concurrent_calls: More at a time are refused as OVERLOADED.
            max_request_size_bytes: Larger requests are refused as REQUEST_TOO_LARGE.
            answers_for: The province whose adapter this is; our own faults are told as its. None: a gateway, the home's.

        Raises:
            TLSFileError: A file of `tls` cannot be used.
            RuntimeError: A service has a method that streams requests, which would pass by the interceptor.
        """
        for service in services:
            _refuse_streaming(service.descriptor)
        self._names = [service.descriptor.full_name for service in services]
        self._address = _address(listen)
        self._credentials = _credentials(tls)
        self._gate = Gate(max_concurrent=max_concurrent_calls)
        self._health = health.aio.HealthServicer()
        interceptor = CallInterceptor(
            metrics=metrics,
            gate=self._gate,
            max_request_size_bytes=max_request_size_bytes,
            answers_for=answers_for,
        )
        self._server = grpc.aio.server(interceptors=(interceptor,), options=_options(max_request_size_bytes))
        for service in services:
            service.register(self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)

    async def start(self) -> int:
        """Listens, and says SERVING for every service. Returns the bound port.

        Raises:
            ListenError: The address cannot be listened on.
        """
        try:
            port = self._server.add_secure_port(self._address, self._credentials)
        except RuntimeError as error:
            raise ListenError(self._address) from error
        await self._server.start()
        for name in self._names:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return port

    async def stop(self, grace: timedelta) -> None:
        """Stops in good order.

        1. Health says NOT_SERVING.
        2. New calls are refused as SHUTTING_DOWN while running ones finish, for at most `grace`.
        3. Whatever still runs is cancelled.
        """
        await self._health.enter_graceful_shutdown()  # 1
        self._gate.close()  # 2
        try:
            async with asyncio.timeout(grace.total_seconds()):
                await self._gate.empty()
        except TimeoutError:
            await self._server.stop(None)  # 3
            return
        await self._server.stop(_LAST_ANSWERS.total_seconds())


def _refuse_streaming(service: ServiceDescriptor) -> None:
    for method in service.methods:
        if method.client_streaming:
            raise RuntimeError(f"methods with one request only expected, got {method.full_name}, which streams them")


def _address(listen: ListenSettings) -> str:
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"{host}:{listen.port}"


def _credentials(tls: TLSSettings) -> grpc.ServerCredentials:
    material = read_tls(tls)
    return grpc.ssl_server_credentials(
        [(material.private_key, material.certificate_chain)],
        root_certificates=material.trusted_roots,
        require_client_auth=True,
    )


def _options(max_request_size_bytes: int) -> list[tuple[str, Any]]:
    return [
        ("grpc.max_receive_message_length", 2 * max_request_size_bytes),
        ("grpc.max_send_message_length", -1),  # the receiver has the limit
        ("grpc.server.max_pending_requests", _MAX_PENDING),
        ("grpc.server.max_pending_requests_hard_limit", _MAX_PENDING),
        ("grpc.http2.min_ping_interval_without_data_ms", round(KEEPALIVE.total_seconds() * 500)),
        # A second server on the same port fails, instead of silently taking every other connection.
        ("grpc.so_reuseport", 0),
    ]
