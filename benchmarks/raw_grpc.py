"""Methods that take and give bytes, over mutual TLS: what the stand-ins and the bare contender serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import grpc

from runtime.settings import TLSSettings
from runtime.tls import read_tls

BARE_REPORT: Final = "/huren.bench.Bare/Report"
"""Asks the bare contender. Its bytes have no meaning, only a length."""

BARE_ANSWER: Final = "/huren.bench.Bare/Answer"
"""Asks a stand-in for the bytes with which it answered a real query last."""

Context = grpc.aio.ServicerContext[bytes, bytes]
Method = Callable[[bytes, Context], Awaitable[bytes]]


async def serve_bytes(tls: TLSSettings, methods: Mapping[str, Method]) -> tuple[grpc.aio.Server, str]:
    """Serves the methods by their paths on any port. Returns the server and its address."""
    material = read_tls(tls)
    credentials = grpc.ssl_server_credentials(
        [(material.private_key, material.certificate_chain)],
        root_certificates=material.trusted_roots,
        require_client_auth=True,
    )
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1)])
    by_service: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {}
    for path, method in methods.items():
        _, service, name = path.split("/")
        handler: Any = method
        by_service.setdefault(service, {})[name] = grpc.unary_unary_rpc_method_handler(handler)
    server.add_generic_rpc_handlers(
        tuple(grpc.method_handlers_generic_handler(service, handlers) for service, handlers in by_service.items())
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    return server, f"127.0.0.1:{port}"
