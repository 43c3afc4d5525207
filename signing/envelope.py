"""Envelopes: what is signed (PAE), what names a statement (its id), and the one strict decoder.

- Payload bytes are opaque here and are never serialised again.
- An envelope, and a batch root, has exactly one encoding. Other bytes that a lenient parser would read as the same message are
  refused: otherwise an envelope could be altered on its way without anybody noticing.
- No signature is looked at here; see `verifier`.

Source: huren/envelope/v1/envelope.proto; DSSE protocol 1.0.
"""

import hashlib
import re
from typing import Final, NewType, TypeVar

import protovalidate
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from huren.envelope.v1 import envelope_pb2
from signing.errors import EnvelopeError, EnvelopeFault

PAE = NewType("PAE", bytes)
"""Pre-authentication encoding of a payload and its type: what a signature covers."""

StatementId = NewType("StatementId", bytes)
"""SHA-256 of the PAE, 32 bytes. The only name of a statement."""

BATCH_ROOT_PAYLOAD_TYPE: Final = "application/vnd.huren.batch-root.v1+protobuf"
"""Type under which a BatchRoot is signed. Source: envelope.proto, BatchInclusion.root."""

PAYLOAD_TYPE_PATTERN: Final = re.compile(
    r"application/vnd\.huren\.[a-z][a-z-]{0,40}\.v[1-9][0-9]{0,2}\+protobuf",
)
"""What a payload type looks like (full match). Source: envelope.proto, Envelope.payload_type."""

MAX_ENVELOPE_BYTES: Final = 66 * 1024 * 1024
"""The largest envelope that satisfies envelope.proto fits: 64 MiB of payload, 8 x 64 KiB of time evidence, 4 signatures."""

MAX_BATCH_ROOT_BYTES: Final = 1024
"""Source: envelope.proto, BatchInclusion.root."""

MAX_SURROUNDING_BYTES: Final = 1024 * 1024
"""Signatures and time evidence: four times a signature with its batch, eight times 64 KiB, and room. Source: envelope.proto."""

_PAYLOAD_TAG: Final = b"\x0a"

_MessageT = TypeVar("_MessageT", bound=Message)


def pae(payload_type: str, payload: bytes) -> PAE:
    """Returns the bytes that a signature over this payload covers.

    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'

    Source: DSSE protocol 1.0, "Signature Definition".
    """
    kind = payload_type.encode()
    return PAE(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload))


def statement_id(payload_type: str, payload: bytes) -> StatementId:
    """Returns the name of the statement; it does not depend on signatures or time evidence."""
    return statement_id_of(pae(payload_type, payload))


def statement_id_of(encoded: PAE) -> StatementId:
    """Returns the name of the statement whose PAE is already at hand."""
    return StatementId(hashlib.sha256(encoded).digest())


def decode_envelope(data: bytes, *, max_bytes: int = MAX_ENVELOPE_BYTES) -> envelope_pb2.Envelope:
    """Reads an envelope in its one accepted encoding.

    Nothing is verified: no field of the result may be relied on before `Verifier.verify`.

    Raises:
        EnvelopeError: The bytes are not that encoding; `fault` says in which way.
    """
    if len(data) <= max_bytes:
        _require_bounded_surroundings(data)
    return _decode_strictly(envelope_pb2.Envelope, data, max_bytes)


def encode_envelope(envelope: envelope_pb2.Envelope) -> bytes:
    """Writes an envelope; `decode_envelope` reads what it writes.

    Raises:
        EnvelopeError: The envelope breaks a constraint or carries unknown fields.
    """
    data = envelope.SerializeToString(deterministic=True)
    decode_envelope(data)
    return data


def decode_batch_root(data: bytes) -> envelope_pb2.BatchRoot:
    """Reads a batch root, as strictly as an envelope.

    Raises:
        EnvelopeError: The bytes are not the one accepted encoding; `fault` says in which way.
    """
    return _decode_strictly(envelope_pb2.BatchRoot, data, MAX_BATCH_ROOT_BYTES)


def encode_batch_root(root: envelope_pb2.BatchRoot) -> bytes:
    """Writes a batch root; `decode_batch_root` reads what it writes.

    Raises:
        EnvelopeError: The root breaks a constraint or carries unknown fields.
    """
    data = root.SerializeToString(deterministic=True)
    decode_batch_root(data)
    return data


def _require_bounded_surroundings(data: bytes) -> None:
    """Refuses bytes that would become millions of little messages before anything else about them is known.

    The payload comes first and stays one piece of bytes; everything else is messages in memory.
    """
    payload_bytes = _leading_payload_bytes(data)
    if len(data) - payload_bytes > MAX_SURROUNDING_BYTES:
        raise EnvelopeError(
            EnvelopeFault.TOO_LARGE,
            f"at most {MAX_SURROUNDING_BYTES} bytes beside the payload expected, got {len(data) - payload_bytes}",
        )


def _leading_payload_bytes(data: bytes) -> int:
    """Length of the first field if it is the payload, as far as its own length tells; 0 otherwise."""
    if data[:1] != _PAYLOAD_TAG:
        return 0
    length = 0
    for position, byte in enumerate(data[1:6]):
        length |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:  # noqa: PLR2004  # the last byte of a varint
            return min(length, len(data))
    return 0


def _decode_strictly(message_type: type[_MessageT], data: bytes, max_bytes: int) -> _MessageT:
    name = message_type.DESCRIPTOR.name
    if len(data) > max_bytes:
        raise EnvelopeError(EnvelopeFault.TOO_LARGE, f"{name} of at most {max_bytes} bytes expected, got {len(data)}")
    try:
        message = message_type.FromString(data)
    except DecodeError as error:
        raise EnvelopeError(EnvelopeFault.NOT_PARSABLE, f"{len(data)} bytes are no {name}") from error
    # Without its unknown fields a message that had one is shorter, so that a single comparison finds every deviation.
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) != data:
        raise _deviation(message_type.FromString(data))
    try:
        protovalidate.validate(message, fail_fast=True)
    except protovalidate.ValidationError as error:
        raise EnvelopeError(EnvelopeFault.CONSTRAINT, f"{name}: {error}") from error
    return message


def _deviation(message: Message) -> EnvelopeError:
    name = message.DESCRIPTOR.name
    if _holds_unknown_field(message):
        return EnvelopeError(EnvelopeFault.UNKNOWN_FIELD, f"{name} with declared fields only expected, got another")
    return EnvelopeError(
        EnvelopeFault.NOT_CANONICAL, f"{name} in its canonical encoding expected, got another encoding"
    )


def _holds_unknown_field(message: Message) -> bool:
    return len(UnknownFieldSet(message)) > 0 or any(_holds_unknown_field(part) for part in _parts(message))


def _parts(message: Message) -> list[Message]:
    parts: list[Message] = []
    for field, value in message.ListFields():
        if field.message_type is not None:
            parts.extend(value if field.is_repeated else [value])
    return parts
