"""Reads a list of codes that somebody wrote: CSV, XLSX or JSON.

- What kind of file it is, its content says; its name says nothing.
- A file that cannot be read as a whole is refused (FILE_NOT_ACCEPTED), with what is wrong. What is wrong with one line is that
  line's failure, and the others are served.
- CSV is UTF-8, or else GB18030, strictly; cells are separated by commas, semicolons or tabs, whichever the first line has most of.
- Of an XLSX file the first sheet is read. How much it unpacks to, and how far apart its cells are, is known before it is opened.
- Cells are text. Nothing is evaluated; a number is no code, for a spreadsheet keeps 15 digits of the 18.
- A first line that names its columns (统一社会信用代码 or uscc, 授权书编号 or grant) is a heading. Without one the codes are in
  the first column.
- Lines are counted as a spreadsheet counts its rows, heading and empty ones included, so that people find them again.

Everything here blocks; callers use a thread.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from lxml import etree
from python_calamine import CalamineError, CalamineWorkbook

from contract.eligibility import require_subject_code
from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from contract.uscc import Uscc, fold

MAX_BYTES: Final = 5 * 1024 * 1024
"""Size of a file (系统默认)."""

MAX_LINES: Final = 1000
"""Subjects in a list (系统默认)."""

MAX_GIVEN: Final = 64
"""Characters that are kept of what somebody wrote."""

DUPLICATE: Final = "DUPLICATE"
"""Why a line is not served whose subject stands in the list already."""

NOT_TEXT: Final = "NOT_TEXT"
"""Why a line is not served whose code the spreadsheet keeps as a number."""

_MAX_UNPACKED: Final = 32 * 1024 * 1024
_MAX_MEMBERS: Final = 200
_MAX_ROW: Final = 5000
"""The last row that may hold something: a list has empty rows too."""
_MAX_COLUMN: Final = 64
_CHUNK: Final = 1024 * 1024

_CODE_HEADINGS: Final = ("统一社会信用代码", "uscc")
_GRANT_HEADINGS: Final = ("授权书编号", "grant")
_DELIMITERS: Final = ",;\t"
_GRANT: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}", re.ASCII)
_PLACE: Final = re.compile(r"(?P<column>[A-Z]{1,3})(?P<row>[0-9]{1,7})", re.ASCII)
_ROW: Final = re.compile(r"[0-9]{1,7}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFailure:
    """Why a line is not served.

    Attributes:
        code: Stable code: of the error table, DUPLICATE or NOT_TEXT.
        words: What is wrong.
    """

    code: str
    words: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLine:
    """One line of a list.

    Attributes:
        line: Its number in the list, from 1.
        given: What was written, cut to `MAX_GIVEN` characters.
        uscc: The code. None: the line is not served.
        grant: The grant that was named, in lower-case hex: its statement id (64 digits) or its document number (32). Empty: none.
        failure: Why it is not served. None: it is.
    """

    line: int
    given: str
    uscc: Uscc | None = None
    grant: str = ""
    failure: LineFailure | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """What stands in one row of a list: the code and the grant as they were written."""

    line: int
    code: object
    grant: object


def read_list(content: bytes) -> tuple[ListedLine, ...]:
    """Reads a list of codes.

    Args:
        content: The file: CSV, XLSX, or JSON as `from_json` takes it.

    Raises:
        HurenError: FILE_NOT_ACCEPTED: what cannot be read, is too large or has too many lines, or holds nothing.
    """
    if len(content) > MAX_BYTES:
        raise _not_accepted(f"文件不得超过{MAX_BYTES // 1024 // 1024}MB", f"expected at most {MAX_BYTES} bytes")
    if content.startswith(b"PK\x03\x04"):
        return _lines(_from_table(_read_xlsx(content)))
    text = _text(content)
    if text.lstrip().startswith(("[", "{")):
        return from_json(_parse_json(text))
    return _lines(_from_table(_read_csv(text)))


def from_json(items: object) -> tuple[ListedLine, ...]:
    """Reads a list of codes, or of objects with the members `uscc` and perhaps `grant`.

    Raises:
        HurenError: FILE_NOT_ACCEPTED.
    """
    if not isinstance(items, Sequence) or isinstance(items, str | bytes):
        raise _not_accepted("JSON应为数组", "expected a JSON array")
    return _lines(_json_rows(items))


def _json_rows(items: Sequence[object]) -> Iterator[_Row]:
    for number, item in enumerate(items, start=1):
        if isinstance(item, dict):
            if not item.keys() <= {"uscc", "grant"}:
                raise _not_accepted(
                    f"第{number}项含未定义的成员", f"item {number} has other members than uscc and grant"
                )
            yield _Row(number, item.get("uscc", ""), item.get("grant", ""))
        else:
            yield _Row(number, item, "")


def _parse_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_accepted("不是有效的JSON", "no valid JSON") from error


# --- Lines --------------------------------------------------------------------------------------------------------------


def _lines(rows: Iterator[_Row]) -> tuple[ListedLine, ...]:
    written = list(islice((row for row in rows if _is_written(row)), MAX_LINES + 1))
    if len(written) > MAX_LINES:
        raise _not_accepted(f"不得超过{MAX_LINES}个主体", f"expected at most {MAX_LINES} lines")
    if not written:
        raise _not_accepted("没有统一社会信用代码", "it holds no code")
    served: dict[Uscc, dict[str, int]] = {}
    return tuple(_once(_line(row), served) for row in written)


def _is_written(row: _Row) -> bool:
    return not all(isinstance(cell, str) and not fold(cell) for cell in (row.code, row.grant))


def _line(row: _Row) -> ListedLine:
    line = ListedLine(line=row.line, given=_given(row.code))
    if not isinstance(row.code, str) or not isinstance(row.grant, str):
        words = Words(
            "单元格不是文本，数字末几位可能已失真，请设为文本格式后重新填写",
            "the cell is no text, and its last digits may be wrong; make it text and write it again",
        )
        return replace(line, failure=LineFailure(code=NOT_TEXT, words=words))
    try:
        uscc = require_subject_code(row.code)
        grant = _grant(row.grant)
    except HurenError as error:
        return replace(
            line, failure=LineFailure(code=error.code, words=Words(_clean(error.message_zh), _clean(error.message_en)))
        )
    return replace(line, uscc=uscc, grant=grant)


def _grant(text: str) -> str:
    """The grant that a line names.

    Raises:
        HurenError: GRANT_NOT_FOUND: it names what is the number of none.
    """
    grant = fold(text).lower()
    if grant and not _GRANT.fullmatch(grant):
        raise HurenError(ErrorCode.GRANT_NOT_FOUND)
    return grant


def _once(line: ListedLine, served: dict[Uscc, dict[str, int]]) -> ListedLine:
    """The line, unless its subject stands in an earlier one: with the same grant, or with any where one of both names none."""
    if line.uscc is None:
        return line
    before = served.setdefault(line.uscc, {})
    first = min(before.values(), default=None) if not line.grant else before.get(line.grant, before.get(""))
    if first is None:
        before[line.grant] = line.line
        return line
    words = Words(f"与第{first}行重复，只办理一次", f"the same as line {first}; done once")
    return ListedLine(line=line.line, given=line.given, failure=LineFailure(code=DUPLICATE, words=words))


def _given(cell: object) -> str:
    text = cell if isinstance(cell, str) else repr(cell) if isinstance(cell, int | float) else ""
    return _clean(text).strip()[:MAX_GIVEN]


def _clean(text: str) -> str:
    """Without what no store and no page takes: controls, and halves of characters."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


# --- Tables -------------------------------------------------------------------------------------------------------------


def _from_table(rows: Iterator[Sequence[object]]) -> Iterator[_Row]:
    columns: tuple[int, int | None] | None = None
    for number, cells in enumerate(rows, start=1):
        if columns is None:
            if not any(_heading(cell) or not isinstance(cell, str) for cell in cells):
                continue
            columns = _columns(cells)
            if columns is not None:
                continue
            columns = (0, None)
        code, grant = columns
        yield _Row(number, _cell(cells, code), "" if grant is None else _cell(cells, grant))


def _columns(cells: Sequence[object]) -> tuple[int, int | None] | None:
    """Where codes and grants stand, by a heading. None: it is none."""
    code = _named(cells, _CODE_HEADINGS)
    return None if code is None else (code, _named(cells, _GRANT_HEADINGS))


def _named(cells: Sequence[object], names: Sequence[str]) -> int | None:
    return next((place for place, cell in enumerate(cells) if any(name in _heading(cell) for name in names)), None)


def _heading(cell: object) -> str:
    return fold(cell).lower() if isinstance(cell, str) else ""


def _cell(cells: Sequence[object], place: int) -> object:
    return cells[place] if place < len(cells) else ""


# --- CSV ----------------------------------------------------------------------------------------------------------------


def _text(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise _not_accepted(
        "不是UTF-8或GB18030编码的文本，也不是XLSX文件", "neither text in UTF-8 or GB18030 nor an XLSX file"
    )


def _read_csv(text: str) -> Iterator[Sequence[object]]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise _not_accepted(f"第{reader.line_num}行不是有效的CSV", f"line {reader.line_num} is no valid CSV") from error


# --- XLSX ---------------------------------------------------------------------------------------------------------------


def _read_xlsx(content: bytes) -> Iterator[Sequence[object]]:
    _check_archive(content)
    return iter(_first_sheet(content))


def _first_sheet(content: bytes) -> list[list[Any]]:
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            return workbook.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, IndexError, ValueError, OSError) as error:
        raise _no_xlsx() from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # the reader's own bug; its type cannot be imported
            raise _no_xlsx() from error
        raise


def _check_archive(content: bytes) -> None:
    """Unpacks the archive once without keeping it, so that the reader meets nothing that is too large for it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS or sum(member.file_size for member in members) > _MAX_UNPACKED:
                raise _too_large()
            _check_size(archive)
            # Which member is the first sheet is the reader's business, so every one of them is looked at.
            for member in members:
                _check_cells(archive, member)
    # What zipfile and zlib raise for a damaged archive, for a compression they lack (NotImplementedError) and for an encrypted
    # member (RuntimeError): for whoever sent the file it is all one.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise _no_xlsx() from error


def _check_size(archive: zipfile.ZipFile) -> None:
    """What the members really unpack to: their headers may say less."""
    size = 0
    for member in archive.infolist():
        with archive.open(member) as opened:
            while chunk := opened.read(_CHUNK):
                size += len(chunk)
                if size > _MAX_UNPACKED:
                    raise _too_large()


def _check_cells(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuses cells far outside a list: two of them, far apart, make the reader fill everything between them."""
    row = column = 0
    with archive.open(member) as opened:
        elements = etree.iterparse(
            opened,
            events=("start", "end"),
            tag=("{*}row", "{*}c"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
        )
        try:
            for event, element in elements:
                is_row = etree.QName(element).localname == "row"
                if is_row and event == "start":
                    row, column = _row_number(element.get("r"), row), 0
                elif not is_row and event == "end":
                    row, column = _place(element.get("r"), row, column)
                    if len(element) and (row > _MAX_ROW or column > _MAX_COLUMN):
                        raise _too_large()
                    element.clear()
                elif is_row:
                    _forget(element)
        except etree.XMLSyntaxError as error:
            if member.filename.endswith((".xml", ".rels")):
                raise _no_xlsx() from error


def _row_number(reference: str | None, before: int) -> int:
    """The number of a row; one that does not tell it follows the row before."""
    if reference is None:
        return before + 1
    if not _ROW.fullmatch(reference):
        raise _no_xlsx()
    return int(reference)


def _place(reference: str | None, row: int, before: int) -> tuple[int, int]:
    """Row and column of a cell; one that does not tell them follows the cell before."""
    if reference is None:
        return row, before + 1
    found = _PLACE.fullmatch(reference)
    if found is None:
        raise _no_xlsx()
    column = 0
    for letter in found["column"]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(found["row"]), column


def _forget(element: etree._Element) -> None:
    """Frees a row that was looked at, and those before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and parent[0] is not element:
        del parent[0]


# --- Refusals -----------------------------------------------------------------------------------------------------------


def _not_accepted(problem_zh: str, problem_en: str) -> HurenError:
    return HurenError(ErrorCode.FILE_NOT_ACCEPTED, field="list", problem_zh=problem_zh, problem_en=problem_en)


def _no_xlsx() -> HurenError:
    return _not_accepted("不是可读的XLSX文件", "no XLSX file that can be read")


def _too_large() -> HurenError:
    return _not_accepted(
        f"XLSX文件过大，或者有内容在第{_MAX_ROW}行或第{_MAX_COLUMN}列之外",
        f"too large, or with cells beyond row {_MAX_ROW} or column {_MAX_COLUMN}",
    )
