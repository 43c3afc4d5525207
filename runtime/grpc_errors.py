"""Errors across gRPC: from the table to the wire, and back to what the other side said.

On the wire an error is a gRPC status with, in the trailing metadata `grpc-status-details-bin`, a google.rpc.Status whose details
hold one huren.common.v1.ErrorDetail. The status message is the sentence in English, for tools that know nothing of ours.

Whose fault: the table knows requester and home, because most errors are told by a gateway to its own enterprises. An adapter
is asked by other members; what is not their fault is its province's, and that is what it says on the wire.
"""

from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2  # type: ignore[import-untyped]  # ships no types

from contract.errors import HurenError, Origin
from contract.province import Province
from huren.common.v1 import error_pb2

_DETAILS_KEY: Final = "grpc-status-details-bin"
_CODES: Final[dict[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}


def status_code(error: HurenError) -> grpc.StatusCode:
    """The status code of an error of the table."""
    return _CODES[error.row.grpc_status]


def status_metadata(error: HurenError, *, answers_for: Province | None = None) -> tuple[tuple[str, bytes], ...]:
    """The trailing metadata that carries an error of the table.

    Args:
        error: The error.
        answers_for: The province whose adapter tells it. None: a gateway does, so that our own faults are the home's.
    """
    status = status_pb2.Status(code=error.row.grpc_status, message=error.message_en)
    detail = error.to_wire()
    if answers_for is not None and error.row.origin is Origin.HOME:
        detail.origin = error_pb2.ERROR_ORIGIN_PROVINCE
        detail.province = answers_for.wire
    status.details.add().Pack(detail)
    return ((_DETAILS_KEY, status.SerializeToString()),)


def error_detail(error: grpc.aio.AioRpcError) -> error_pb2.ErrorDetail | None:
    """Reads what the other side said about its error.

    It is the other side's word, not checked by anything: show it, count it, but decide by the status code.

    Returns:
        None when it said nothing in our form: another program in between, a broken connection, or garbage.
    """
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            return _detail(value)
    return None


def _detail(raw: bytes) -> error_pb2.ErrorDetail | None:
    detail = error_pb2.ErrorDetail()
    try:
        for packed in status_pb2.Status.FromString(raw).details:
            if packed.Unpack(detail):
                return detail
    except DecodeError:
        return None
    return None
