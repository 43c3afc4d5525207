"""The files of a trust store, as text and values: one JSON object for a key, a seal, the policy.

- Strict: a key that is missing, unknown or given twice, a wrong type, an instant that is not UTC with `Z`, an enum by number or by
  an unknown name are refused by name.
- This module knows the form of one file. Which files make a store is `trust`.

Source: docs/protocols/statements.md, section 7.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import EnumDescriptor

from huren.envelope.v1 import envelope_pb2
from signing.errors import TrustStoreError
from signing.instants import format_instant, parse_instant
from signing.key_entry import ACTIVE, Active, Compromised, KeyEntry, KeyState, Retired
from signing.seals import SealEntry
from signing.suite_policy import SuitePolicy, SuiteRule
from signing.suites import KeyId

MAX_FILE_BYTES: Final = 256 * 1024
"""A key file has about 1 KB; a hundred payload types would not fill this."""

_T = TypeVar("_T")


def encode_key_entry(entry: KeyEntry) -> bytes:
    """Writes a key entry; `decode_key_entry` reads what it writes."""
    return _encode(
        {
            "keyid": entry.keyid,
            "suite": _name(envelope_pb2.Suite.DESCRIPTOR, entry.suite),
            "public_key": base64.b64encode(entry.public_key).decode(),
            "member": entry.member,
            "role": _name(envelope_pb2.MemberRole.DESCRIPTOR, entry.role),
            "payload_types": sorted(entry.payload_types),
            "not_before": format_instant(entry.not_before),
            "not_after": format_instant(entry.not_after),
            "state": _encode_state(entry.state),
        },
    )


def decode_key_entry(data: bytes) -> KeyEntry:
    """Reads a key entry.

    Raises:
        TrustStoreError: The bytes are not one, or its facts are not possible.
    """
    fields = _decode(
        data,
        ("keyid", "suite", "public_key", "member", "role", "payload_types", "not_before", "not_after", "state"),
    )
    return KeyEntry(
        keyid=KeyId(_typed(fields, "keyid", str)),
        suite=_enum_value(fields, "suite", envelope_pb2.Suite.DESCRIPTOR),
        public_key=_base64(fields, "public_key"),
        member=_typed(fields, "member", int),
        role=_enum_value(fields, "role", envelope_pb2.MemberRole.DESCRIPTOR),
        payload_types=_payload_types(fields),
        not_before=_instant(fields, "not_before"),
        not_after=_instant(fields, "not_after"),
        state=_decode_state(fields),
    )


def encode_seal_entry(entry: SealEntry) -> bytes:
    """Writes a seal entry; `decode_seal_entry` reads what it writes."""
    return _encode(
        {
            "sha256": entry.sha256,
            "certificate": base64.b64encode(entry.certificate).decode(),
            "member": entry.member,
            "not_before": format_instant(entry.not_before),
            "not_after": format_instant(entry.not_after),
            "state": _encode_state(entry.state),
        },
    )


def decode_seal_entry(data: bytes) -> SealEntry:
    """Reads a seal entry.

    Raises:
        TrustStoreError: The bytes are not one, or its facts are not possible.
    """
    fields = _decode(data, ("sha256", "certificate", "member", "not_before", "not_after", "state"))
    return SealEntry(
        sha256=_typed(fields, "sha256", str),
        certificate=_base64(fields, "certificate"),
        member=_typed(fields, "member", int),
        not_before=_instant(fields, "not_before"),
        not_after=_instant(fields, "not_after"),
        state=_decode_state(fields),
    )


def encode_policy(policy: SuitePolicy, *, published_at: datetime) -> bytes:
    """Writes a policy file; `decode_policy` reads what it writes."""
    return _encode(
        {
            "published_at": format_instant(published_at),
            "suites": [
                {
                    "role": _name(envelope_pb2.MemberRole.DESCRIPTOR, rule.role),
                    "suite": _name(envelope_pb2.Suite.DESCRIPTOR, rule.suite),
                    "accepted_from": format_instant(rule.accepted_from),
                    "accepted_until": None if rule.accepted_until is None else format_instant(rule.accepted_until),
                }
                for rule in policy.rules
            ],
        },
    )


def decode_policy(data: bytes) -> tuple[SuitePolicy, datetime]:
    """Reads a policy file: the policy, and when the trust data was published.

    Raises:
        TrustStoreError: The bytes are not one.
    """
    fields = _decode(data, ("published_at", "suites"))
    rules = tuple(_decode_rule(rule) for rule in _typed(fields, "suites", list))
    return SuitePolicy(rules), _instant(fields, "published_at")


def _decode_rule(value: object) -> SuiteRule:
    fields = _object(value, ("role", "suite", "accepted_from", "accepted_until"))
    return SuiteRule(
        role=_enum_value(fields, "role", envelope_pb2.MemberRole.DESCRIPTOR),
        suite=_enum_value(fields, "suite", envelope_pb2.Suite.DESCRIPTOR),
        accepted_from=_instant(fields, "accepted_from"),
        accepted_until=None if fields["accepted_until"] is None else _instant(fields, "accepted_until"),
    )


def _encode_state(state: KeyState) -> Mapping[str, str]:
    match state:
        case Active():
            return {"kind": "ACTIVE"}
        case Retired(at=at):
            return {"kind": "RETIRED", "at": format_instant(at)}
        case Compromised(since=since):
            return {"kind": "COMPROMISED", "since": format_instant(since)}


def _decode_state(fields: Mapping[str, Any]) -> KeyState:
    state = _typed(fields, "state", dict)
    match state.get("kind"):
        case "ACTIVE":
            _object(state, ("kind",))
            return ACTIVE
        case "RETIRED":
            return Retired(at=_instant(_object(state, ("kind", "at")), "at"))
        case "COMPROMISED":
            return Compromised(since=_instant(_object(state, ("kind", "since")), "since"))
        case other:
            raise TrustStoreError(f"state: kind ACTIVE, RETIRED or COMPROMISED expected, got {other!r}")


def _encode(fields: Mapping[str, object]) -> bytes:
    return (json.dumps(fields, indent=2, ensure_ascii=False) + "\n").encode()


def _decode(data: bytes, names: Sequence[str]) -> Mapping[str, Any]:
    if len(data) > MAX_FILE_BYTES:
        raise TrustStoreError(f"a file of at most {MAX_FILE_BYTES} bytes expected, got {len(data)}")
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise TrustStoreError(f"JSON (UTF-8) expected: {error}") from error
    return _object(value, names)


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError(f"a name is given twice among {[name for name, _ in pairs]!r}")
    return fields


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _object(value: object, names: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or value.keys() != set(names):
        got = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise TrustStoreError(f"an object with exactly {sorted(names)} expected, got {got}")
    return value


def _typed(fields: Mapping[str, Any], name: str, kind: type[_T]) -> _T:
    value = fields[name]
    # Not isinstance: true and false are no numbers.
    if type(value) is not kind:
        raise TrustStoreError(f"{name}: {kind.__name__} expected, got {type(value).__name__}")
    return value


def _instant(fields: Mapping[str, Any], name: str) -> datetime:
    try:
        return parse_instant(_typed(fields, name, str))
    except ValueError as error:
        raise TrustStoreError(f"{name}: {error}") from error


def _base64(fields: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(_typed(fields, name, str), validate=True)
    except ValueError as error:
        raise TrustStoreError(f"{name}: base64 expected: {error}") from error


def _payload_types(fields: Mapping[str, Any]) -> frozenset[str]:
    given = _typed(fields, "payload_types", list)
    if not all(isinstance(item, str) for item in given) or len(set(given)) != len(given):
        raise TrustStoreError("payload_types: different texts expected")
    return frozenset(given)


def _enum_value(fields: Mapping[str, Any], name: str, enum: EnumDescriptor) -> int:
    text = _typed(fields, name, str)
    known = enum.values_by_name.get(text)
    if known is None or known.number == 0:
        raise TrustStoreError(f"{name}: a {enum.name} expected, got {text!r}")
    return known.number


def _name(enum: EnumDescriptor, value: int) -> str:
    return enum.values_by_number[value].name
