"""What happens to every call before and after a service sees it.

`_serve` is the list, from outside to inside:

1. Telemetry: every call is counted, timed and logged in one line, without any of its payload,
   and with an enterprise's code masked.
2. Translation: whatever goes wrong inside becomes an error of the table. An exception that nobody foresaw is logged with its trace
   and tells the peer nothing but INTERNAL.
3. Gate: no more calls at a time than the process can work on (OVERLOADED), and none any more once it stops (SHUTTING_DOWN).
4. Decoding: the request is parsed and checked against the constraints that its proto file declares.
5. The service.

A method that streams its responses is served alike. Such calls last long and do little, so they have a gate of their own, as wide
as the other, of which one peer gets a share only, and nobody waits for their end when the process stops: whoever watches calls
again.

Not touched: gRPC's own services (health, reflection), which must answer under load too. Methods that stream requests are refused by
GrpcServer.

Who the peer is and what it may do is the services' business (`identity.peer_identity`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter
from typing import Any, Final, Never, TypeAlias, TypeVar, cast

import grpc
import structlog
from google.protobuf.message import DecodeError, Message
from grpc.aio import ServicerContext

from contract.errors import ErrorCode, HurenError, Origin
from contract.payloads import PayloadError, check_constraints
from contract.province import Province
from contract.reasons import broken
from contract.uscc import mask
from runtime.errors import StoreUnavailableError
from runtime.grpc_errors import status_code, status_metadata
from runtime.identity import EnterprisePeer, peer_identity
from runtime.telemetry import Metrics

Context: TypeAlias = ServicerContext[Any, Any]
Service: TypeAlias = Callable[[Message, Context], Awaitable[Message]]
Stream: TypeAlias = Callable[[Message, Context], AsyncIterator[Message]]
Decoder: TypeAlias = Callable[[bytes], Message]

_GRPC_OWN: Final = "/grpc."
_UNKNOWN: Final = "unknown"
"""Label of all methods that do not exist: a peer chooses their names, and labels come from fixed sets."""
_SHARES: Final = 8
"""One peer has at most one share of the streams: they may last for days, and would be all that there are."""
_RETRY_AFTER: Final = timedelta(seconds=1)
_RAW: Final = None
"""Makes gRPC hand on the request's bytes as they are."""

_log: Final = structlog.get_logger(__name__)
_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class Gate:
    """Counts the calls inside, and lets no more in than fit.

    Not a queue: a peer that waits here would wait unseen; a peer that is refused can say so, or ask again later.
    """

    def __init__(self, *, max_concurrent: int, most_of_one: int | None = None) -> None:
        """Makes an open gate.

        Args:
            max_concurrent: More calls at a time do not fit.
            most_of_one: Nor do more of one peer. None: no matter whose they are.
        """
        self._max_concurrent = max_concurrent
        self._most_of_one = most_of_one or max_concurrent
        self._of: Counter[str] = Counter()
        self._running = 0
        self._closed = False
        self._others: list[Gate] = []
        self._empty = asyncio.Event()
        self._empty.set()

    @contextmanager
    def enter(self, peer: str) -> Iterator[None]:
        """Counts one call for the time of the block.

        Args:
            peer: Whose it is.

        Raises:
            HurenError: OVERLOADED or SHUTTING_DOWN.
        """
        if self._closed:
            raise HurenError(ErrorCode.SHUTTING_DOWN, retry_after=_RETRY_AFTER)
        if self._running >= self._max_concurrent or self._of[peer] >= self._most_of_one:
            raise HurenError(ErrorCode.OVERLOADED, retry_after=_RETRY_AFTER)
        self._running += 1
        self._of[peer] += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._running -= 1
            self._of[peer] -= 1
            if not self._of[peer]:
                del self._of[peer]
            if self._running == 0:
                self._empty.set()

    def beside(self) -> Gate:
        """Another gate, as wide as this one, which closes with it, and of which one peer has a share."""
        other = Gate(max_concurrent=self._max_concurrent, most_of_one=max(1, self._max_concurrent // _SHARES))
        self._others.append(other)
        return other

    def close(self) -> None:
        """Lets no call in any more."""
        self._closed = True
        for other in self._others:
            other.close()

    async def empty(self) -> None:
        """Returns when no call is inside."""
        await self._empty.wait()


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Puts the list above around every method of our services."""

    def __init__(
        self, *, metrics: Metrics, gate: Gate, max_request_size_bytes: int, answers_for: Province | None
    ) -> None:
        self._metrics = metrics
        self._answers_for = answers_for
        self._gate = gate
        self._streams = gate.beside()
        self._max_request_size_bytes = max_request_size_bytes
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._unknown = _handler(self._wrapped(_UNKNOWN, _refuse_unknown, _nothing, gate), bytes)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[_Request, _Response] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[_Request, _Response] | None:
        """Gives the method's handler with the list around it; made once for each method."""
        method = handler_call_details.method
        if method.startswith(_GRPC_OWN):
            return await continuation(handler_call_details)
        known = self._handlers.get(method)
        if known is None:
            inner = await continuation(handler_call_details)
            if inner is None:
                return cast("grpc.RpcMethodHandler[_Request, _Response]", self._unknown)
            known = self._handlers[method] = self._around(method, inner)
        return cast("grpc.RpcMethodHandler[_Request, _Response]", known)

    def _around(self, method: str, inner: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
        decoder = inner.request_deserializer
        if decoder is None or inner.request_streaming:
            raise RuntimeError(f"{method}: a method with one request and a decoder of it expected")
        if inner.response_streaming:
            wrapped = self._wrapped(
                method, _written(cast("Stream", inner.unary_stream)), cast("Decoder", decoder), self._streams
            )
            return grpc.unary_stream_rpc_method_handler(
                cast("Any", wrapped), request_deserializer=_RAW, response_serializer=inner.response_serializer
            )
        wrapped = self._wrapped(method, cast("Service", inner.unary_unary), cast("Decoder", decoder), self._gate)
        return _handler(wrapped, inner.response_serializer)

    def _wrapped(
        self, method: str, service: Service, decoder: Decoder, gate: Gate
    ) -> Callable[[bytes, Context], Awaitable[Message]]:
        async def serve(raw: bytes, context: Context) -> Message:
            return await self._serve(method, raw, context, service=service, decoder=decoder, gate=gate)

        return serve

    async def _serve(
        self, method: str, raw: bytes, context: Context, *, service: Service, decoder: Decoder, gate: Gate
    ) -> Message:
        with self._observed(method, context) as outcome:  # 1
            try:
                with gate.enter(_peer(context)):  # 3
                    request = _decoded(raw, decoder, max_size_bytes=self._max_request_size_bytes)  # 4
                    return await service(request, context)  # 5
            except grpc.aio.AbortError:
                # A service that aborts by itself has told the peer already.
                raise
            except Exception as error:  # noqa: BLE001 - the last barrier: no exception of ours reaches a peer (cancellation passes)
                outcome.error = _translated(error)  # 2
                outcome.cause = error
        # Counted and logged by now, so whoever is told an error finds it in our metrics and logs.
        return await _abort(context, outcome.error, self._answers_for)

    @contextmanager
    def _observed(self, method: str, context: Context) -> Iterator[_Outcome]:
        outcome = _Outcome()
        started = perf_counter()
        status = grpc.StatusCode.OK.name
        with (
            structlog.contextvars.bound_contextvars(rpc=method, peer=_shown_peer(context) or None),
            self._metrics.running.track_inprogress(),
        ):
            try:
                yield outcome
                if outcome.error is not None:
                    status = status_code(outcome.error).name
            except asyncio.CancelledError:
                # The peer hung up, its deadline passed, or the process stops: nobody is left to be told.
                status = grpc.StatusCode.CANCELLED.name
                raise
            except grpc.aio.AbortError:
                status = _set_status(context)
                raise
            finally:
                seconds = perf_counter() - started
                self._metrics.requests.labels(method, status).inc()
                self._metrics.request_seconds.labels(method).observe(seconds)
                _log_call(outcome, status=status, seconds=seconds)


def _peer(context: Context) -> str:
    """Who calls, by the name in its certificate; empty where it has none."""
    peer = peer_identity(context.auth_context())
    return peer.uri if peer else ""


def _shown_peer(context: Context) -> str:
    """Who calls, for logs: an enterprise with its code masked."""
    peer = peer_identity(context.auth_context())
    if isinstance(peer, EnterprisePeer):
        return peer.uri.replace(peer.uscc, mask(peer.uscc))
    return peer.uri if peer else ""


class _Outcome:
    """What became of a call that failed."""

    def __init__(self) -> None:
        self.error: HurenError | None = None
        self.cause: Exception | None = None


def _decoded(raw: bytes, decoder: Decoder, *, max_size_bytes: int) -> Message:
    if len(raw) > max_size_bytes:
        raise HurenError(ErrorCode.REQUEST_TOO_LARGE, limit=max_size_bytes)
    try:
        request = decoder(raw)
    except DecodeError as error:
        raise HurenError(
            ErrorCode.MALFORMED_REQUEST,
            problem_zh="内容不是此接口的 protobuf 消息",
            problem_en="not a protobuf message of this method",
        ) from error
    try:
        check_constraints(request)
    except PayloadError as error:
        field, _, rule = error.where.rpartition(": ")
        named = "" if field == request.DESCRIPTOR.name else field
        problem = broken(named, rule)
        raise HurenError(
            ErrorCode.MALFORMED_REQUEST, field=named, problem_zh=problem.zh, problem_en=problem.en
        ) from error
    return request


def _translated(error: Exception) -> HurenError:
    match error:
        case HurenError():
            return error
        case StoreUnavailableError():
            return HurenError(ErrorCode.STORE_UNAVAILABLE, retry_after=_RETRY_AFTER)
        case _:
            return HurenError(ErrorCode.INTERNAL)


async def _abort(context: Context, error: HurenError, answers_for: Province | None) -> Never:
    await context.abort(status_code(error), error.message_en, status_metadata(error, answers_for=answers_for))


def _set_status(context: Context) -> str:
    code: object = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN.name


def _log_call(outcome: _Outcome, *, status: str, seconds: float) -> None:
    facts: dict[str, object] = {"status": status, "seconds": round(seconds, 6)}
    error = outcome.error
    if error is None:
        _log.info("call", **facts)
    elif error.code is ErrorCode.INTERNAL:
        _log.error("call", code=error.code, **facts, exc_info=outcome.cause)
    elif error.row.origin is Origin.REQUESTER:
        _log.info("call", code=error.code, field=error.field, **facts)
    else:
        reason = None if outcome.cause is error else str(outcome.cause)
        _log.warning("call", code=error.code, reason=reason, **facts)


def _handler(
    serve: Callable[[bytes, Context], Awaitable[Message]], serializer: Callable[[Any], bytes] | None
) -> grpc.RpcMethodHandler[Any, Any]:
    return grpc.unary_unary_rpc_method_handler(
        cast("Any", serve), request_deserializer=_RAW, response_serializer=serializer
    )


def _written(stream: Stream) -> Service:
    """A streaming method as one that is awaited: it writes each response by itself, and returns none."""

    async def serve(request: Message, context: Context) -> Message:
        async for response in stream(request, context):
            await context.write(response)
        return cast("Message", None)  # gRPC takes no response of a method that writes

    return serve


async def _refuse_unknown(_request: Message, _context: Context) -> Message:
    raise HurenError(ErrorCode.METHOD_UNKNOWN)


def _nothing(_raw: bytes) -> Message:
    raise HurenError(ErrorCode.METHOD_UNKNOWN)
