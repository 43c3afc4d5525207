"""Messages of the contract as JSON, and back: member for member, by their own descriptors.

    enums          codes without prefix; null is UNSPECIFIED
    instants       RFC 3339 in UTC; durations are seconds
    bytes          statement ids and digests in lower-case hex, all else base64
    messages       null where they are not set

Members are never left out, so that a reader knows what there is. Back: a member that is not given, or null, is not set.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from contract.days import CHINA, from_timestamp
from contract.payloads import PayloadError, check_constraints
from contract.province import Province
from gateway.api.problems import malformed
from huren.common.v1 import common_pb2
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import verification_service_pb2

_M = TypeVar("_M", bound=Message)

_ENUM: Final = FieldDescriptor.TYPE_ENUM
_BYTES: Final = FieldDescriptor.TYPE_BYTES
_MESSAGE: Final = FieldDescriptor.TYPE_MESSAGE


# --- Out --------------------------------------------------------------------------------------------------------------


def to_document(message: Message) -> dict[str, Any]:
    """A message as JSON values.

    >>> to_document(common_pb2.CellKey(domain="tax", kind=common_pb2.RECORD_KIND_PENALTY))
    {'domain': 'tax', 'kind': 'PENALTY'}
    """
    return {field.name: _out(message, field) for field in _fields(message)}


def _out(message: Message, field: FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    if field.is_repeated:
        return [_value_out(field, one) for one in value]
    if field.type == _MESSAGE and not message.HasField(field.name):
        return None
    return _value_out(field, value)


def _value_out(field: FieldDescriptor, value: Any) -> Any:
    if field.type == _ENUM:
        return enum_code(_enum(field), value)
    if field.type == _BYTES:
        return value.hex() if _in_hex(field) else base64.b64encode(value).decode()
    if isinstance(value, Timestamp):
        return instant(from_timestamp(value))
    if isinstance(value, Duration):
        return value.ToTimedelta().total_seconds()
    return to_document(value) if isinstance(value, Message) else value


def enum_code(descriptor: EnumDescriptor, number: int) -> str | None:
    """The code of an enum's value; null for UNSPECIFIED.

    Raises:
        KeyError: A value that this release does not know. It is never told as any other.
    """
    return descriptor.values_by_number[number].name.removeprefix(_prefix(descriptor)) if number else None


def code_of(enum: Any, number: int) -> str | None:
    """The code of a value of a generated enum."""
    return enum_code(enum.DESCRIPTOR, number)


def instant(at: datetime) -> str:
    """An instant, in UTC.

    >>> instant(datetime(2026, 11, 22, 10, 30, tzinfo=CHINA))
    '2026-11-22T02:30:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def instant_or_none(at: datetime | None) -> str | None:
    """An instant that there may be."""
    return None if at is None else instant(at)


# --- In ---------------------------------------------------------------------------------------------------------------


def to_message(document: Mapping[str, Any], kind: type[_M]) -> _M:
    """A message from what was sent: it is as described, and is held against the constraints that its proto file declares.

    Raises:
        Problem: MALFORMED_REQUEST.
    """
    message = fill(document, kind)
    try:
        check_constraints(message)
    except PayloadError as error:
        raise malformed(
            f"{error.where} 不符合规定", f"{error.where} is not as declared", field=error.where.partition(":")[0]
        ) from error
    return message


def fill(document: Mapping[str, Any], kind: type[_M]) -> _M:
    """As `to_message`; no constraint is checked yet.

    Raises:
        Problem: MALFORMED_REQUEST.
    """
    message = kind()
    _fill(message, document)
    return message


def _fill(message: Message, document: Mapping[str, Any]) -> None:
    for field in _fields(message):
        value = document.get(field.name)
        if value is None:
            continue
        if field.type == _MESSAGE and field.is_repeated:
            for one in value:
                _fill(getattr(message, field.name).add(), one)
        elif field.type == _MESSAGE:
            getattr(message, field.name).SetInParent()
            _fill(getattr(message, field.name), value)
        elif field.is_repeated:
            getattr(message, field.name).extend(_value_in(field, one) for one in value)
        else:
            setattr(message, field.name, _value_in(field, value))


def _value_in(field: FieldDescriptor, value: Any) -> Any:
    if field.type == _ENUM:
        return enum_number(_enum(field), value)
    return _bytes_in(field, value) if field.type == _BYTES else value


def enum_number(descriptor: EnumDescriptor, code: str) -> int:
    """The value of an enum by its code.

    Raises:
        Problem: MALFORMED_REQUEST.
    """
    value = descriptor.values_by_name.get(_prefix(descriptor) + code)
    if value is None or not value.number:
        raise malformed("有选项不在清单之内", "a choice is not on the list")
    return int(value.number)


def _bytes_in(field: FieldDescriptor, text: str) -> bytes:
    try:
        return bytes.fromhex(text) if _in_hex(field) else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise malformed(
            f"{field.name} 的编码有误", f"{field.name} is not encoded as described", field=field.name
        ) from error


# --- Both -------------------------------------------------------------------------------------------------------------


def _prefix(descriptor: EnumDescriptor) -> str:
    """What all names of an enum begin with, by that of its value 0.

    >>> _prefix(common_pb2.RecordKind.DESCRIPTOR)
    'RECORD_KIND_'
    """
    return descriptor.values_by_number[0].name.removesuffix("UNSPECIFIED")


def _fields(message: Message) -> Sequence[FieldDescriptor]:
    return cast("Sequence[FieldDescriptor]", message.DESCRIPTOR.fields)


def _enum(field: FieldDescriptor) -> EnumDescriptor:
    if field.enum_type is None:
        raise TypeError(f"{field.name} is no enum")
    return field.enum_type


def _in_hex(field: FieldDescriptor) -> bool:
    return field.name.endswith(("statement_id", "digest"))


# --- Verification -----------------------------------------------------------------------------------------------------


def comparison_document(comparison: verification_service_pb2.Comparison) -> dict[str, Any]:
    """What to compare with the report in hand, in the form that verification by anybody has (docs/protocols/verification.md)."""
    return {
        "report_number": comparison.report_number,
        "name": comparison.name,
        "masked_uscc": comparison.masked_uscc,
        "issued_at": from_timestamp(comparison.issued_at).astimezone(CHINA).isoformat(timespec="seconds"),
        "issuer": comparison.issuer,
        "window": {"first_day": comparison.window.first_day, "last_day": comparison.window.last_day},
        "catalogue_version": comparison.catalogue_version,
        "conclusion": comparison.conclusion,
        "limited_scope": comparison.limited,
        "specimen": comparison.specimen,
        "provinces": [Province(province).slug for province in comparison.provinces],
        "rows": [
            {
                "domain": row.domain,
                "kind": common_pb2.RecordKind.Name(row.kind).removeprefix("RECORD_KIND_"),
                "states": [fragment_pb2.CellState.Name(state).removeprefix("CELL_STATE_") for state in row.states],
                "record_counts": list(row.record_counts),
            }
            for row in comparison.rows
        ],
    }
