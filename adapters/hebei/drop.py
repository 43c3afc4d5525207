"""Reads one drop: a data file and its receipt. Whatever does not agree with README.md is refused, by name.

- A receipt is read strictly: its members and no others, each of its type, none twice.
- Nothing about a file is guessed: neither its encoding, nor its columns, nor a number that should be text.
- A file costs no more memory than the limits allow, whatever it unpacks to. A CSV file is read row by row.

Everything here blocks; the source calls it in a thread.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, BinaryIO, Final, Self

from lxml import etree
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from python_calamine import CalamineError, CalamineWorkbook

from adapters.hebei.profile import DEPARTMENTS
from adapters.sdk.notation import fold_width
from contract.catalogue import PENALTY, SERIOUS_LIST

RECEIPT_SUFFIX: Final = ".ok"
KEY: Final = "主键"
DEPARTMENT: Final = "部门代码"

_MAX_RECEIPT_BYTES: Final = 64 * 1024
_MAX_LINE: Final = 1024 * 1024
"""Characters. The longest decision text of the form has 4000."""
_CHUNK: Final = 1024 * 1024


class RefusedError(Exception):
    """The drop does not agree with its receipt or with the form. The message says how."""


class ChangingError(Exception):
    """Somebody writes to the file while it is read. It is looked at again later."""


# --- What a drop is called and what it holds ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DropForm:
    """One of the two files.

    Attributes:
        name: As in the profile, and how the file's name begins.
        suffix: How it ends.
        kind: The kind of record in it.
        columns: The header row, exactly.
        personal: Columns that are dropped while reading.
        read: Reads the rows, header included.
    """

    name: str
    suffix: str
    kind: int
    columns: tuple[str, ...]
    personal: frozenset[str]
    read: Callable[[BinaryIO, int, Limits], Iterator[list[str]]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How large files may be, in bytes.

    Attributes:
        file_bytes: A data file as it lies in the folder.
        unpacked_bytes: An XLSX file when unpacked; it is held in memory.
    """

    file_bytes: int = 2 * 1024**3
    unpacked_bytes: int = 128 * 1024**2


@dataclass(frozen=True, slots=True)
class DropName:
    """What the name of a data file says.

    Attributes:
        form: Which of the two.
        order: Day and number: a drop with a greater one is a later word.
    """

    form: DropForm
    order: int


def parse_name(file: str) -> DropName | None:
    """Reads `HB_XZCF_<yyyymmdd>_<seq>.csv` and `HB_YZSX_<yyyymmdd>_<seq>.xlsx`. None: another file."""
    found = _NAME.fullmatch(file)
    if found is None:
        return None
    form = _FORMS.get((found["form"], found["suffix"]))
    return None if form is None else DropName(form, int(found["day"]) * 1_000_000 + int(found["number"]))


def checked_name(file: str) -> DropName:
    """As `parse_name`.

    Raises:
        RefusedError: The file is not called as a drop is.
    """
    name = parse_name(file)
    if name is None:
        raise RefusedError("the file is not called as a drop is")
    return name


class Receipt(BaseModel):
    """`<name>.ok`.

    Attributes:
        file: Name of the data file.
        rows: How many rows it has beside the header.
        sha256: Its digest.
        supplied_up_to: Everything up to this instant is supplied for the departments in `scope`.
        scope: Codes of those departments.
        replaces: Names of earlier files of this form, refused ones, whose rows this file holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    file: str
    rows: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    supplied_up_to: Annotated[AwareDatetime, Field(alias="suppliedUpTo")]
    scope: Annotated[tuple[str, ...], Field(min_length=1)]
    replaces: tuple[str, ...] = ()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Reads a receipt.

        Raises:
            RefusedError: It is no JSON, or does not say what a receipt says.
        """
        try:
            receipt = cls.model_validate_json(content)
            json.loads(content, object_pairs_hook=_members_once)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise RefusedError(f"receipt: {'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}") from error
        if unknown := sorted(set(receipt.scope) - DEPARTMENTS.keys()):
            raise RefusedError(f"receipt: scope: no department has the code {', '.join(unknown)}")
        if strange := [file for file in receipt.replaces if not _is_earlier(file, receipt.file)]:
            raise RefusedError(f"receipt: replaces: no earlier drop of this form is called {_shown(strange)}")
        return receipt


def _is_earlier(file: str, than: str) -> bool:
    name, other = parse_name(file), parse_name(than)
    return name is not None and other is not None and name.form is other.form and name.order < other.order


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RefusedError("receipt: a member stands twice")
    return members


# --- A drop in the folder -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop as it lies in the folder, open for reading.

    Attributes:
        file: Name of the data file.
        sha256: Digest of the data file; of its size alone where it is over the limit.
        receipt: Bytes of the receipt.
    """

    file: str
    sha256: str
    receipt: bytes
    _data: io.BufferedReader
    _state: Stamp
    _limits: Limits

    @property
    def identity(self) -> str:
        """Tells this drop from every other: the same file with the same receipt is the same drop."""
        return _identity(self.sha256, self.receipt)

    @classmethod
    def open(cls, folder: Path, file: str, limits: Limits) -> Self:
        """Opens a drop and takes its digests.

        Raises:
            OSError: The file or its receipt cannot be read, or is gone.
        """
        receipt = _read_receipt(folder, file)
        data = (folder / file).open("rb")
        try:
            state = stamp(os.fstat(data.fileno()))
            return cls(file, _digest(data, state, limits), receipt, data, state, limits)
        except BaseException:
            data.close()
            raise

    def rows(self, form: DropForm, receipt: Receipt) -> Iterator[dict[str, str]]:
        """Reads the rows, without personal columns.

        Raises:
            RefusedError: The file is not what its receipt and its form say. What was read before does not count.
            ChangingError: It is being written to.
        """
        if self._state.size > self._limits.file_bytes:
            raise RefusedError(f"expected at most {self._limits.file_bytes} bytes, got {self._state.size}")
        if receipt.file != self.file:
            raise RefusedError(f"receipt: file: expected {self.file}, got {receipt.file!r}")
        if receipt.sha256 != self.sha256:
            raise RefusedError(f"expected the SHA-256 {receipt.sha256} of the receipt, got {self.sha256}")
        self._data.seek(0)
        rows = form.read(self._data, receipt.rows, self._limits)
        _check_header(next(rows, []), form.columns)
        count = 0
        for count, row in enumerate(rows, start=1):
            yield _checked(row, form, receipt.scope, count)
        if count != receipt.rows:
            raise RefusedError(f"expected {receipt.rows} rows by the receipt, got {count}")
        if stamp(os.fstat(self._data.fileno())) != self._state:
            raise ChangingError(self.file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._data.close()


@dataclass(frozen=True, slots=True)
class Stamp:
    """State of a file by which a change is noticed without reading it."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def stamp(status: os.stat_result) -> Stamp:
    """The state of a file."""
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def announced_identity(folder: Path, file: str) -> str | None:
    """The identity of the drop whose receipt lies in the folder without it. None: the receipt does not say it.

    Raises:
        OSError: The receipt cannot be read.
    """
    content = _read_receipt(folder, file)
    try:
        return _identity(Receipt.parse(content).sha256, content)
    except RefusedError:
        return None


def _read_receipt(folder: Path, file: str) -> bytes:
    with (folder / f"{file}{RECEIPT_SUFFIX}").open("rb") as opened:
        return opened.read(_MAX_RECEIPT_BYTES + 1)


def _identity(sha256: str, receipt: bytes) -> str:
    return hashlib.sha256(f"{sha256} {hashlib.sha256(receipt).hexdigest()}".encode()).hexdigest()


def list_drops(folder: Path) -> dict[str, tuple[Stamp | None, Stamp | None]]:
    """The drops in a folder by name of the data file, in their order, with the states of file and receipt.

    Only plain files. Where one of the two is missing, the other counts if it is called as a drop is: something was dropped, or is
    being dropped, that cannot be read yet. A file whose name is no printable text is no drop.

    Raises:
        OSError: The folder cannot be read.
    """
    with os.scandir(folder) as entries:
        files = {}
        for entry in entries:
            try:
                if entry.name.isprintable() and entry.is_file(follow_symlinks=False):
                    files[entry.name] = stamp(entry.stat(follow_symlinks=False))
            except FileNotFoundError:
                continue  # gone since
    names = {name.removesuffix(RECEIPT_SUFFIX) for name in files}
    pairs = {
        name: (files.get(name), files.get(f"{name}{RECEIPT_SUFFIX}")) for name in sorted(names, key=_reading_order)
    }
    return {name: pair for name, pair in pairs.items() if None not in pair or parse_name(name) is not None}


def _reading_order(file: str) -> tuple[int, str]:
    name = parse_name(file)
    return (0 if name is None else name.order, file)


def _digest(data: io.BufferedReader, state: Stamp, limits: Limits) -> str:
    if state.size > limits.file_bytes:
        return hashlib.sha256(str(state.size).encode()).hexdigest()
    return hashlib.file_digest(data, "sha256").hexdigest()


def _check_header(header: list[str], columns: tuple[str, ...]) -> None:
    if tuple(header) == columns:
        return
    missing = [column for column in columns if column not in header]
    further = [column for column in header if column not in columns]
    if missing or further:
        raise RefusedError(f"header: missing {_shown(missing)}; not of the form {_shown(further)}")
    raise RefusedError("header: a column stands twice, or the order is another")


def _shown(columns: list[str]) -> str:
    return ", ".join(repr(column[:40]) for column in columns[:5]) + (" …" if len(columns) > 5 else "") or "nothing"  # noqa: PLR2004


def _checked(row: list[str], form: DropForm, scope: tuple[str, ...], number: int) -> dict[str, str]:
    if len(row) != len(form.columns):
        raise RefusedError(f"row {number}: expected {len(form.columns)} values, got {len(row)}")
    if any("\0" in value for value in row):
        raise RefusedError(f"row {number}: holds a null character")
    values = dict(zip(form.columns, row, strict=True))
    if not values[KEY].strip():
        raise RefusedError(f"row {number}: {KEY} is empty")
    # A code that is nobody's is read: its row is unreadable for whomever it bears.
    department = fold_width(values[DEPARTMENT]).strip()
    if department in DEPARTMENTS and department not in scope:
        raise RefusedError(f"row {number}: {DEPARTMENT}: {department} is not in the receipt's scope")
    return {column: value for column, value in values.items() if column not in form.personal}


# --- CSV ----------------------------------------------------------------------------------------------------------------


def _read_csv(data: BinaryIO, _rows: int, _limits: Limits) -> Iterator[list[str]]:
    text = io.TextIOWrapper(data, encoding="gb18030", errors="strict", newline="")
    reader = csv.reader(_lines(text), strict=True)
    try:
        yield from reader
    except UnicodeDecodeError as error:
        raise RefusedError(f"after line {reader.line_num}: no valid GB18030") from error
    except csv.Error as error:
        raise RefusedError(f"line {reader.line_num}: {error}") from error
    finally:
        if not data.closed:  # whoever opened the file closes it, perhaps before the rest of it was asked for
            text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_MAX_LINE):
        if len(line) == _MAX_LINE:
            raise RefusedError(f"a line is longer than {_MAX_LINE} characters")
        yield line


# --- XLSX ---------------------------------------------------------------------------------------------------------------


def _read_xlsx(data: BinaryIO, rows: int, limits: Limits) -> Iterator[list[str]]:
    if os.fstat(data.fileno()).st_size > limits.unpacked_bytes:
        raise RefusedError(f"expected at most {limits.unpacked_bytes} bytes")
    content = data.read()
    _check_archive(content, rows, limits)
    for number, cells in enumerate(_first_sheet(content), start=1):
        for cell in cells:
            if not isinstance(cell, str):
                raise RefusedError(f"line {number}: expected text in every cell, got {type(cell).__name__}")
        yield cells


def _first_sheet(content: bytes) -> list[list[Any]]:
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            return workbook.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, IndexError, ValueError, OSError) as error:
        raise RefusedError(f"no XLSX file: {error}") from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # the reader's own bug; its type cannot be imported
            raise RefusedError("no XLSX file: the reader gave up") from error
        raise


def _check_archive(content: bytes, rows: int, limits: Limits) -> None:
    """Unpacks the archive once without keeping it, so that the reader meets nothing that is too large for it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if "xl/workbook.xml" not in archive.namelist():
                raise RefusedError("no XLSX file: it holds no workbook")
            _check_size(archive, limits)
            # Which member is the first sheet is the reader's business, so every one of them is looked at.
            count = max(_check_cells(archive, member, rows) for member in archive.infolist())
    # What zipfile and zlib raise for a damaged archive, for a compression they lack (NotImplementedError) and for an encrypted
    # member (RuntimeError): for whoever dropped the file it is all one.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise RefusedError(f"no XLSX file: {error}") from error
    if count < rows + 1:
        raise RefusedError(f"expected {rows} rows by the receipt, got {max(count - 1, 0)}")


def _check_size(archive: zipfile.ZipFile, limits: Limits) -> None:
    size = 0
    for member in archive.infolist():
        with archive.open(member) as opened:
            while chunk := opened.read(_CHUNK):
                size += len(chunk)
                if size > limits.unpacked_bytes:
                    raise RefusedError(f"expected at most {limits.unpacked_bytes} bytes when unpacked")


def _check_cells(archive: zipfile.ZipFile, member: zipfile.ZipInfo, rows: int) -> int:
    """Refuses cells outside the table: two of them, far apart, make the reader fill everything between them.

    Returns:
        How many rows the member holds, empty ones included.
    """
    count = 0
    with archive.open(member) as opened:
        elements = etree.iterparse(
            opened, events=("end",), tag=("{*}row", "{*}c"), resolve_entities=False, no_network=True, load_dtd=False
        )
        try:
            for _, element in elements:
                _check_place(element.get("r", ""), rows)
                if etree.QName(element).localname == "row":
                    count += 1
                    element.clear(keep_tail=False)
                    parent = element.getparent()
                    while parent is not None and parent[0] is not element:
                        del parent[0]
        except etree.XMLSyntaxError as error:
            if member.filename.endswith((".xml", ".rels")):
                raise RefusedError(f"no XLSX file: {member.filename}: {error.msg}") from error
    return count


def _check_place(reference: str, rows: int) -> None:
    found = _PLACE.fullmatch(reference)
    if found is None:
        raise RefusedError(f"a cell is said to be at {reference[:20]!r}")
    if len(found["column"] or "") > 1 or int(found["row"] or 0) > rows + 1:
        raise RefusedError(f"expected {rows} rows by the receipt, got a cell at {reference}")


# --- The two forms ------------------------------------------------------------------------------------------------------

_NAME: Final = re.compile(
    r"(?P<form>HB_XZCF|HB_YZSX)_(?P<day>[0-9]{8})_(?P<number>[0-9]{1,6})(?P<suffix>\.csv|\.xlsx)", re.ASCII
)
_PLACE: Final = re.compile(r"(?P<column>[A-Z]{1,3})?(?P<row>[0-9]{1,7})?", re.ASCII)

_DECISIONS: Final = DropForm(
    name="HB_XZCF",
    suffix=".csv",
    kind=PENALTY,
    columns=(
        "主键",
        "部门代码",
        "处罚名称",
        "行政处罚决定书文号",
        "处罚类别1",
        "处罚类别2",
        "处罚事由",
        "违法事实",
        "处罚依据",
        "行政相对人名称",
        "行政相对人代码_1(统一社会信用代码)",
        "行政相对人代码_2(组织机构代码)",
        "行政相对人代码_3(工商登记码)",
        "行政相对人代码_4(税务登记号)",
        "法定代表人姓名",
        "处罚结果",
        "罚款金额(万元)",
        "没收金额(万元)",
        "处罚决定日期",
        "处罚截止期",
        "公示截止期",
        "处罚机关",
        "处罚机关代码",
        "数据来源单位",
        "简易程序",
        "履行情况",
        "履行日期",
        "当前状态",
        "地方编码",
        "数据更新时间戳",
        "备注",
    ),
    personal=frozenset({"法定代表人姓名"}),
    read=_read_csv,
)
_ENTRIES: Final = DropForm(
    name="HB_YZSX",
    suffix=".xlsx",
    kind=SERIOUS_LIST,
    columns=(
        "主键",
        "部门代码",
        "名单名称",
        "企业名称",
        "统一社会信用代码",
        "组织机构代码",
        "列入决定书文号",
        "列入事由",
        "列入日期",
        "列入决定机关",
        "列入决定机关代码",
        "期限届满日期",
        "移出日期",
        "数据来源单位",
        "当前状态",
        "数据更新时间戳",
    ),
    personal=frozenset(),
    read=_read_xlsx,
)
FORMS: Final = (_DECISIONS, _ENTRIES)
_FORMS: Final = {(form.name, form.suffix): form for form in FORMS}
