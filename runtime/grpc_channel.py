"""The calling end of a mutual TLS connection.

- The certificate of the server is checked against the expected member's host name, whatever address it is reached at.
- gRPC does nothing behind our back: no retries (they belong to whoever knows whether a call may be repeated), no service
  configuration from the name server, no proxy from the environment.
- A dead connection is noticed while calls wait on it; an absent server is tried again at least every ten seconds.
- Every call names its own deadline: `stub.Method(request, timeout=...)`.
"""

from datetime import timedelta
from typing import Final

import grpc

from runtime.settings import TLSSettings
from runtime.tls import read_tls

MAX_RESPONSE_SIZE_BYTES: Final = 64 * 1024 * 1024 + 64 * 1024
"""The largest payload of an envelope (envelope.proto) and what stands around it."""

KEEPALIVE: Final = timedelta(seconds=30)
"""How often a connection with waiting calls is probed. Servers permit it twice as often (grpc_server)."""
_KEEPALIVE_TIMEOUT: Final = timedelta(seconds=10)
_MAX_RECONNECT_BACKOFF: Final = timedelta(seconds=10)


def open_channel(
    target: str,
    tls: TLSSettings,
    *,
    server_name: str | None = None,
    max_response_size_bytes: int = MAX_RESPONSE_SIZE_BYTES,
) -> grpc.aio.Channel:
    """Opens a channel. It connects by itself, with the first call; close it at the end (`async with`).

    Args:
        target: `host:port`.
        tls: Own certificate and key, and the authorities accepted for the server.
        server_name: The name that the server's certificate must hold; the target's host unless told. For a member:
            `identity.member_host_name`.
        max_response_size_bytes: Larger responses are refused.

    Raises:
        TLSFileError: A file of `tls` cannot be used.
    """
    material = read_tls(tls)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=material.trusted_roots,
        private_key=material.private_key,
        certificate_chain=material.certificate_chain,
    )
    options: list[tuple[str, str | int]] = [
        ("grpc.max_receive_message_length", max_response_size_bytes),
        ("grpc.max_send_message_length", -1),  # the receiver has the limit
        ("grpc.keepalive_time_ms", _milliseconds(KEEPALIVE)),
        ("grpc.keepalive_timeout_ms", _milliseconds(_KEEPALIVE_TIMEOUT)),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_reconnect_backoff_ms", _milliseconds(_MAX_RECONNECT_BACKOFF)),
        ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.enable_http_proxy", 0),
    ]
    if server_name is not None:
        options.append(("grpc.ssl_target_name_override", server_name))
    return grpc.aio.secure_channel(target, credentials, options=options)


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
