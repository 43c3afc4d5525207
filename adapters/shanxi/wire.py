"""SOAP 1.1 as Shanxi's service speaks it: requests built and answers read by lxml, `SourceError` for all that is not as described.

- What is searched for becomes the text of elements, which the serialiser escapes; no request is put together from strings.
- Answers are UTF-8. Whatever says DOCTYPE is refused before it is parsed, and again if the parser found one. No entity is
  resolved, no DTD or other file is loaded, nothing is fetched, and libxml2's limits on depth and size of text stay on.
- An absent element and an empty one are the same: every column of a form is handed over, as text.
- An element that stands twice in a row, has children, or is of another namespace makes the whole answer unusable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from adapters.sdk.notation import NotationError, read_china_timestamp
from adapters.sdk.source import RawRow, SourceError

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
        raise SourceError(f"{operation}: expected Code 0, got {_shown(code)}: {_shown(_text(result, 'Message'))}")
    return result


def read_chunk(result: etree._Element, form: str, columns: Iterable[str]) -> Chunk:
    """One chunk of rows, each with at least these columns."""
    total = _text(result, "TotalCount")
    if not (total.isascii() and total.isdecimal() and len(total) <= 9):  # noqa: PLR2004  # far above any limit on rows
        raise SourceError(f"{form}: expected a number as TotalCount, got {_shown(total)}")
    rows = tuple(_row(dict.fromkeys(columns, "") | values, form) for values in _rows(result))
    return Chunk(int(total), _text(result, "NextCursor"), rows)


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


def _row(values: Mapping[str, str], form: str) -> RawRow:
    key = values.get("Id", "").strip()
    if not key:
        raise SourceError(f"{form}: a row has no Id")
    return RawRow(form=form, key=key, values=values, received_at=_instant(values.get("RecvTime", ""), "RecvTime"))


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


def _shown(text: object) -> str:
    """For messages: short, and without line breaks."""
    return repr(str(text)[:200])
