"""The statement header: field 1 of every payload, readable before the payload's own type is known.

Reading it is not verifying it: only `Verifier` decides whether its issuer stands behind it.

Source: envelope.proto, StatementHeader and AnyPayload.
"""

import protovalidate
from google.protobuf.message import DecodeError

from huren.envelope.v1 import envelope_pb2
from signing.errors import VerificationError, VerificationFailure
from signing.instants import timestamp_nanoseconds


def read_header(payload: bytes) -> envelope_pb2.StatementHeader:
    """Reads the header of a payload of any type. Unknown fields are ignored, as in every payload.

    Raises:
        VerificationError: HEADER_INVALID: the bytes are no payload, have no header, or one that breaks a constraint.
    """
    try:
        parsed = envelope_pb2.AnyPayload.FromString(payload)
    except DecodeError as error:
        raise _invalid("the payload is no protobuf message") from error
    if not parsed.HasField("header"):
        raise _invalid("the payload has no header")
    # A copy: the parsed payload keeps all its other fields as unknown bytes alive.
    header = envelope_pb2.StatementHeader()
    header.CopyFrom(parsed.header)
    try:
        protovalidate.validate(header, fail_fast=True)
        timestamp_nanoseconds(header.issued_at)
    except (protovalidate.ValidationError, ValueError) as error:
        raise _invalid(str(error)) from error
    return header


def _invalid(detail: str) -> VerificationError:
    return VerificationError(VerificationFailure.HEADER_INVALID, detail)
