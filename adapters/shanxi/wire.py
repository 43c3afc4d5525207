"""SOAP 1.1 as Shanxi's service speaks it: requests built and answers read by lxml, `SourceError` for all that is not as described.

- What is searched for becomes the text of elements, which the serialiser escapes; no request is put together from strings.
- Answers are UTF-8. Whatever says DOCTYPE is refused before it is parsed, and again if the parser found one. No entity is
  resolved, no DTD or other file is loaded, nothing is fetched, and libxml2's limits on depth and size of text stay on.
- An absent element and an empty one are the same: every column of a form is handed over, as text.
- An element that stands twice in a row, has children, or is of another namespace makes the whole answer unusable. So does one that
  the form does not have: the service speaks another version of it, and what else changed is not known.
- What a row says about when it was received may be unreadable: the row is handed over all the same, without that instant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from adapters.sdk.forms import UnknownHeaderError, columns_of, recognise
from adapters.sdk.notation import NotationError, read_china_timestamp
from adapters.sdk.profile import Form
from adapters.sdk.source import RawRow, SourceError, UnknownCursorError

NAMESPACE: Final = "http://service.credit.shanxi.demo/"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of an answer.

    Attributes:
        total: Number of distinct rows over all chunks, as this chunk says.
        next_cursor: What to ask with for the next one; empty: there is none.
        rows: The rows, with those that the platform repeats.
    """

    total: int
    next_cursor: str
    rows: tuple[RawRow, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """One chunk of what changed.

    Attributes:
        expected: Number of rows that are still to come with these.
        cursor: What to ask with for what changed after these.
        is_all: Whether nothing more has changed at this moment.
        rows: The rows, each as it stands now, with those that the platform repeats.
    """

    expected: int
    cursor: str
    is_all: bool
    rows: tuple[RawRow, ...]


def write_request(operation: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """The envelope of a request.

    Raises:
        SourceError: A text holds a character that XML cannot carry.
    """
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    request = etree.SubElement(body, f"{{{NAMESPACE}}}{operation}", nsmap={"c": NAMESPACE})
    for name, text in fields:
        try:
            etree.SubElement(request, f"{{{NAMESPACE}}}{name}").text = text
        except ValueError as error:
            raise SourceError(f"{name}: expected text that XML can carry, got a control character") from error
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


_UNKNOWN_CURSOR: Final = "E410"


def read_result(content: bytes, operation: str) -> etree._Element:
    """The `Result` of an answer that is neither a fault nor an error.

    Raises:
        SourceError: It is one, or no answer to this operation.
    """
    envelope = _parse(content)
    body = envelope.find(f"{{{SOAP}}}Body") if envelope.tag == f"{{{SOAP}}}Envelope" else None
    if body is None:
        raise SourceError(f"{operation}: expected a SOAP envelope, got {_shown(envelope.tag)}")
    fault = body.find(f"{{{SOAP}}}Fault")
    if fault is not None:
        raise SourceError(f"{operation}: SOAP fault: {_shown(fault.findtext('faultstring') or '')}")
    result = body.find(f"{{{NAMESPACE}}}{operation}Response/{{{NAMESPACE}}}Result")
    if result is None:
        raise SourceError(f"{operation}: expected {operation}Response with a Result, got none")
    code = _text(result, "Code")
    if code != "0":
        error = UnknownCursorError if code == _UNKNOWN_CURSOR else SourceError
        raise error(f"{operation}: expected Code 0, got {_shown(code)}: {_shown(_text(result, 'Message'))}")
    return result


def read_chunk(result: etree._Element, operation: str, form: Form) -> Chunk:
    """One chunk of rows of a form, each with every column of it."""
    total = _number(result, "TotalCount", operation)
    return Chunk(total, _text(result, "NextCursor"), _rows_of(result, operation, form))


def read_changes(result: etree._Element, operation: str, form: Form) -> Changes:
    """One chunk of what changed, which holds together: a row that was lost on the way would be passed over for ever."""
    expected, here = _number(result, "TotalCount", operation), _number(result, "RowCount", operation)
    cursor, more = _text(result, "NextCursor"), _text(result, "More")
    if not cursor:
        raise SourceError(f"{operation}: expected a NextCursor, got none")
    if more not in {"0", "1"}:
        raise SourceError(f"{operation}: expected More to be 0 or 1, got {_shown(more)}")
    rows = _rows_of(result, operation, form)
    distinct = _distinct(rows, operation)
    if distinct != here:
        raise SourceError(f"{operation}: expected {here} rows, got {distinct}")
    if more == "0" and here != expected:
        raise SourceError(f"{operation}: expected {expected} rows in the last chunk, got {here}")
    if more == "1" and not 0 < here < expected:
        raise SourceError(f"{operation}: expected more than none and fewer than {expected} rows, got {here}")
    return Changes(expected, cursor, more == "0", rows)


def read_by_id(result: etree._Element, operation: str, form: Form, asked: Collection[str]) -> Mapping[str, RawRow]:
    """The rows that exist of those that were asked for, by their `Id`. All of them, or the answer is none."""
    total = _number(result, "TotalCount", operation)
    rows = _rows_of(result, operation, form)
    distinct = _distinct(rows, operation)
    if distinct != total:
        raise SourceError(f"{operation}: expected {total} rows, got {distinct}")
    found = {row.key: row for row in rows}
    if not found.keys() <= set(asked):
        raise SourceError(f"{operation}: got a row that was not asked for")
    return found


def read_code_table(result: etree._Element) -> Mapping[str, str]:
    """Code to name."""
    rows = [(row.get("Code", ""), row.get("Name", "")) for row in _rows(result)]
    if len(dict(rows)) != len(rows):
        raise SourceError("GetCodeTable: a code stands twice")
    return dict(rows)


def read_data_times(result: etree._Element) -> tuple[tuple[str, str, datetime], ...]:
    """Code of the department, type of data, everything up to when."""
    return tuple(
        (row.get("Dept", ""), row.get("Type", ""), _instant(row.get("DataTime", ""), "DataTime"))
        for row in _rows(result)
    )


def _parse(content: bytes) -> etree._Element:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError("expected XML in UTF-8, got other bytes") from error
    if "<!doctype" in text.lower():
        raise SourceError("expected XML without a DOCTYPE, got one with it")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise SourceError(f"expected XML, got what is none at line {error.lineno or 0}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise SourceError("expected XML without a DOCTYPE, got one with it")
    return root


def _rows(result: etree._Element) -> Iterator[dict[str, str]]:
    rows = result.findall(f"{{{NAMESPACE}}}Rows")
    if len(rows) != 1:
        raise SourceError(f"expected one Rows, got {len(rows)}")
    for row in rows[0]:
        if row.tag != f"{{{NAMESPACE}}}Row":
            raise SourceError(f"expected Row, got {_shown(row.tag)}")
        values = {_column(element): element.text or "" for element in row}
        if len(values) != len(row):
            raise SourceError("expected each element of a row once, got one twice")
        yield values


def _column(element: etree._Element) -> str:
    tag = element.tag
    if not str(tag).startswith(f"{{{NAMESPACE}}}") or len(element):
        raise SourceError(f"expected elements of a row that hold text, got {_shown(tag)}")
    return tag.removeprefix(f"{{{NAMESPACE}}}")


def _rows_of(result: etree._Element, operation: str, form: Form) -> tuple[RawRow, ...]:
    columns = columns_of(form)
    return tuple(_row(dict.fromkeys(columns, "") | values, operation, form) for values in _rows(result))


def _row(values: Mapping[str, str], operation: str, form: Form) -> RawRow:
    try:
        recognise((form,), tuple(values))
    except UnknownHeaderError as error:
        raise SourceError(f"{operation}: {error}") from error
    key = values["Id"].strip()
    if not key:
        raise SourceError(f"{operation}: a row has no Id")
    return RawRow(form=form.name, key=key, values=values, received_at=_instant_or_none(values["RecvTime"]))


def _distinct(rows: Iterable[RawRow], operation: str) -> int:
    """How many rows there are, told apart by their keys."""
    by_key: dict[str, RawRow] = {}
    for row in rows:
        if by_key.setdefault(row.key, row) != row:
            raise SourceError(f"{operation}: row {row.key} stands twice in a chunk, with another content")
    return len(by_key)


def _number(result: etree._Element, name: str, operation: str) -> int:
    text = _text(result, name)
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):  # noqa: PLR2004  # far above any limit on rows
        raise SourceError(f"{operation}: expected a number as {name}, got {_shown(text)}")
    return int(text)


def _text(result: etree._Element, name: str) -> str:
    """The text of a child, without the blanks around it; empty where it is absent."""
    found = result.findall(f"{{{NAMESPACE}}}{name}")
    if len(found) > 1 or any(len(element) for element in found):
        raise SourceError(f"expected {name} once, with text")
    return (found[0].text or "").strip() if found else ""


def _instant(text: str, name: str) -> datetime:
    try:
        return read_china_timestamp(text)
    except NotationError as error:
        raise SourceError(f"{name}: {error}") from error


def _instant_or_none(text: str) -> datetime | None:
    try:
        return read_china_timestamp(text)
    except NotationError:
        return None


def _shown(text: object) -> str:
    """For messages: short, and without line breaks."""
    return repr(str(text)[:200])
