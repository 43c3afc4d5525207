"""Instants: UTC, without offset, compared exactly.

- A `datetime` of ours is aware and in UTC; its text ends in `Z`.
- A Timestamp has nanoseconds, a `datetime` microseconds. Comparisons that decide anything are made on integer nanoseconds, so
  that no rounding moves a signature to the other side of a boundary.
- Nothing here reads a clock.
"""

import re
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS_PER_SECOND = 1_000_000_000

# Source: google/protobuf/timestamp.proto. From 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z inclusive.
_MIN_SECONDS = -62_135_596_800
_MAX_SECONDS = 253_402_300_799

_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z")


def require_utc(instant: datetime) -> datetime:
    """Returns the instant unchanged.

    Raises:
        ValueError: It is naive, or has another offset than UTC.
    """
    if instant.utcoffset() != timedelta(0):
        raise ValueError(f"an instant in UTC is expected, got {instant.isoformat()}")
    return instant


def nanoseconds(instant: datetime) -> int:
    """Returns nanoseconds since 1970-01-01T00:00:00Z.

    >>> nanoseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005000
    """
    return (require_utc(instant) - _EPOCH) // timedelta(microseconds=1) * 1000


def timestamp_nanoseconds(timestamp: Timestamp) -> int:
    """Returns nanoseconds since 1970-01-01T00:00:00Z.

    Raises:
        ValueError: The timestamp is outside the range that its definition allows.
    """
    if not _MIN_SECONDS <= timestamp.seconds <= _MAX_SECONDS:
        raise ValueError(f"seconds of a timestamp are {_MIN_SECONDS} to {_MAX_SECONDS}, got {timestamp.seconds}")
    if not 0 <= timestamp.nanos < _NANOSECONDS_PER_SECOND:
        raise ValueError(f"nanos of a timestamp are 0 to 999999999, got {timestamp.nanos}")
    return timestamp.seconds * _NANOSECONDS_PER_SECOND + timestamp.nanos


def to_timestamp(instant: datetime) -> Timestamp:
    """Returns the instant as the contract writes it.

    Raises:
        ValueError: It is not in UTC.
    """
    seconds, nanos = divmod(nanoseconds(instant), _NANOSECONDS_PER_SECOND)
    return Timestamp(seconds=seconds, nanos=nanos)


def to_datetime(timestamp: Timestamp) -> datetime:
    """Returns the microsecond in which the timestamp lies: for people and for durations, not for boundaries.

    Raises:
        ValueError: The timestamp is outside the range that its definition allows.
    """
    return _EPOCH + timedelta(microseconds=timestamp_nanoseconds(timestamp) // 1000)


def format_instant(instant: datetime) -> str:
    """Returns the instant as text.

    >>> format_instant(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    return require_utc(instant).replace(tzinfo=None).isoformat() + "Z"


def parse_instant(text: str) -> datetime:
    """Reads what `format_instant` writes, and nothing else.

    Raises:
        ValueError: It is in another form, or no such instant exists.
    """
    if not _TEXT.fullmatch(text):
        raise ValueError(f"an instant is YYYY-MM-DDTHH:MM:SSZ or YYYY-MM-DDTHH:MM:SS.ffffffZ, got {text!r}")
    return datetime.fromisoformat(text)
