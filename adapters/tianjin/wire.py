"""What Tianjin's platform answers, read strictly: bytes in, values out, `SourceError` for everything that is not as described.

- UTF-8 JSON, one object; no name twice in an object, no NaN, no half of a surrogate pair.
- A number with a fraction becomes a Decimal, never a float. Amounts are text here, and the profile says so: the mapping refuses a
  row that has a number there.
- A row is flat, and its columns are exactly those of a version of its form (adapters/sdk/forms.py). Its values are handed over as
  they are; of them only `id` and `receivedTime` are read here. A `receivedTime` that cannot be read is none, which the mapping
  refuses for that row; a row without an `id` is no row of this interface.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NoReturn

from adapters.sdk.forms import UnknownHeaderError, recognise
from adapters.sdk.notation import NotationError, read_epoch_timestamp
from adapters.sdk.profile import Form
from adapters.sdk.source import RawRow, RawValue, SourceError, UnknownCursorError


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an answer.

    Attributes:
        total: Number of rows over all pages, as this page says.
        rows: The rows of this page.
    """

    total: int
    rows: tuple[RawRow, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows in the order of the numbers of their last changes.

    Attributes:
        rows: The rows.
        after: Where to go on.
        more: Whether there are more at this moment.
        remaining: How many.
    """

    rows: tuple[RawRow, ...]
    after: str
    more: bool
    remaining: int


def parse(content: bytes) -> Mapping[str, object]:
    """Reads the body of an answer."""
    try:
        document: object = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=Decimal,
            parse_constant=_refuse_constant,
        )
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise SourceError(f"expected JSON, got {len(content)} bytes that are none: {_cause(error)}") from error
    return _as_object(document, "an answer")


_UNKNOWN_PLACE: Final = 4101


def check_code(answer: Mapping[str, object]) -> None:
    """Refuses an answer that says of itself that it is an error."""
    code = _int(answer, "code")
    if code != 0:
        error = UnknownCursorError if code == _UNKNOWN_PLACE else SourceError
        raise error(f"expected code 0, got {code}: {str(answer.get('message', ''))[:200]!r}")


def read_token(answer: Mapping[str, object]) -> tuple[str, timedelta]:
    """The token and how long it lives."""
    if answer.get("code") != 0:
        # The message is not repeated: it may hold what was sent.
        raise SourceError("the platform gave no token")
    token = _text(answer, "token")
    if not token or not token.isascii() or not token.isprintable():
        raise SourceError("expected a token that fits a header, got none")
    seconds = _int(answer, "expiresIn")
    if not 0 < seconds <= timedelta(days=365).total_seconds():
        raise SourceError(f"expected expiresIn between a second and a year, got {seconds}")
    return token, timedelta(seconds=seconds)


def read_page(answer: Mapping[str, object], *, versions: Sequence[Form], page: int, size: int) -> Page:
    """One page, which must be the one that was asked for.

    Args:
        answer: The answer.
        versions: The versions of the form in which its rows may be.
        page: The number that was asked for.
        size: The size that was asked for.
    """
    if (_int(answer, "page"), _int(answer, "size")) != (page, size):
        raise SourceError(f"expected page {page} of size {size}, got {answer['page']!r} of size {answer['size']!r}")
    total = _int(answer, "total")
    if total < 0:
        raise SourceError(f"expected a total of 0 or more, got {total}")
    return Page(total, _rows(answer, versions, size))


def read_changes(answer: Mapping[str, object], *, versions: Sequence[Form], after: str, size: int) -> Changes:
    """Changes after a place. Where there are more, the place that follows is another one."""
    changes = Changes(
        rows=_rows(answer, versions, size),
        after=_text(answer, "next"),
        more=_truth(answer, "more"),
        remaining=_int(answer, "remaining"),
    )
    if changes.remaining < 0 or (changes.remaining > 0) != changes.more:
        raise SourceError(f"expected as many rows to remain as more says, got {changes.remaining} and {changes.more}")
    if not changes.after and (changes.rows or after):
        raise SourceError("expected a place after which to go on, got none")
    if changes.after == after and (changes.rows or changes.more):
        raise SourceError("expected to be led on, got the place from which the changes were asked for")
    return changes


def read_by_ids(
    answer: Mapping[str, object], *, versions: Sequence[Form], ids: Collection[str]
) -> Mapping[str, RawRow]:
    """The rows that exist of those that were asked for, by their keys."""
    rows = _rows(answer, versions, len(ids))
    found = {row.key: row for row in rows}
    if len(found) != len(rows) or not found.keys() <= set(ids):
        raise SourceError("expected each row that was asked for at most once, got others")
    return found


def read_supply(answer: Mapping[str, object]) -> tuple[tuple[str, str, datetime], ...]:
    """The state of supply: code of the department, type of data, everything up to when."""
    rows = [_as_object(row, "a row of supply") for row in _array(answer, "rows")]
    return tuple((_text(row, "deptCode"), _text(row, "dataType"), _instant(row, "suppliedUpTo")) for row in rows)


def _rows(answer: Mapping[str, object], versions: Sequence[Form], size: int) -> tuple[RawRow, ...]:
    rows = tuple(_row(_as_object(row, "a row"), versions) for row in _array(answer, "rows"))
    if len(rows) > size:
        raise SourceError(f"expected at most {size} rows, got {len(rows)}")
    return rows


def _row(row: Mapping[str, object], versions: Sequence[Form]) -> RawRow:
    try:
        form = recognise(versions, tuple(row)).name
    except UnknownHeaderError as error:
        raise SourceError(f"a row has a {error}") from error
    key = _text(row, "id")
    if not key:
        raise SourceError(f"{form}: a row has no id")
    values: dict[str, RawValue] = {}
    for column, value in row.items():
        if value is not None and not isinstance(value, str | int | Decimal):
            raise SourceError(f"{form}: expected a row of plain values, got {type(value).__name__} as {column}")
        values[column] = value
    return RawRow(form=form, key=key, values=values, received_at=_instant_or_none(row["receivedTime"]))


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    for text in (*found, *(value for value in found.values() if isinstance(value, str))):
        text.encode("utf-8")  # half of a surrogate pair is no text
    return found


def _refuse_constant(written: str) -> NoReturn:
    raise ValueError(f"{written} is no JSON")


def _cause(error: Exception) -> str:
    """Says why without repeating what was read."""
    return error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__


def _as_object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise SourceError(f"expected {what} to be a JSON object, got {type(value).__name__}")
    return value


def _array(answer: Mapping[str, object], name: str) -> list[object]:
    value = answer.get(name)
    if not isinstance(value, list):
        raise SourceError(f"expected {name} to be an array, got {type(value).__name__}")
    return value


def _text(answer: Mapping[str, object], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise SourceError(f"expected {name} to be text, got {type(value).__name__}")
    return value


def _int(answer: Mapping[str, object], name: str) -> int:
    value = answer.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise SourceError(f"expected {name} to be a whole number, got {type(value).__name__}")
    return value


def _instant(answer: Mapping[str, object], name: str) -> datetime:
    try:
        return read_epoch_timestamp(_int(answer, name))
    except NotationError as error:
        raise SourceError(f"{name}: {error}") from error


def _instant_or_none(value: object) -> datetime | None:
    try:
        return read_epoch_timestamp(value) if isinstance(value, int) else None
    except NotationError:
        return None


def _truth(answer: Mapping[str, object], name: str) -> bool:
    value = answer.get(name)
    if not isinstance(value, bool):
        raise SourceError(f"expected {name} to be a truth value, got {type(value).__name__}")
    return value
