"""Reads one drop: a data file and its receipt. Whatever does not agree with README.md is refused, by name.

- A receipt is read strictly: its members and no others, each of its type, none twice.
- Nothing about a file is guessed: neither its encoding, nor its columns, nor a number that should be text.
- Which version of its form a file is in is told by its header row as a whole (adapters/sdk/forms.py), never by its name or its day.
- A file costs no more memory than the limits allow, whatever it unpacks to. A CSV file is read row by row.
- Why something is refused is said in Chinese and in English.

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
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, BinaryIO, Final, NamedTuple, Self

from lxml import etree
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from python_calamine import CalamineError, CalamineWorkbook

from adapters.hebei.profile import DEPARTMENTS, PROFILE
from adapters.sdk.forms import UnknownHeaderError, recognise
from adapters.sdk.notation import fold_width
from adapters.sdk.profile import Form
from contract.catalogue import PENALTY, SERIOUS_LIST

RECEIPT_SUFFIX: Final = ".ok"
KEY: Final = "主键"
DEPARTMENT: Final = "部门代码"

_MAX_RECEIPT_BYTES: Final = 64 * 1024
_MAX_LINE: Final = 1024 * 1024
"""Characters. The longest decision text of the form has 4000."""
_MAX_KEY: Final = 200
"""Characters. A longer 主键 is none: it stands in an index."""
_CHUNK: Final = 1024 * 1024
_PERSONAL: Final = "personal information"
"""How the profile's reason begins for a column that is not even kept."""


class Reason(NamedTuple):
    """Why a drop is refused, held or waited for."""

    en: str
    zh: str


class RefusedError(Exception):
    """The drop does not agree with its receipt or with the form. The message says how."""

    def __init__(self, message: str, chinese: str) -> None:
        super().__init__(message)
        self.reason: Final = Reason(message, chinese)


class ChangingError(Exception):
    """Somebody writes to the file while it is read. It is looked at again later."""


# --- What a drop is called and what it holds ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DropFamily:
    """One of the two forms, whatever their versions.

    Attributes:
        name: As in the profile, and how the file's name begins.
        suffix: How it ends.
        kind: The kind of record in it.
        read: Reads the rows, header included.
    """

    name: str
    suffix: str
    kind: int
    read: Callable[[BinaryIO, int, Limits], Iterator[list[str]]]

    @property
    def versions(self) -> tuple[Form, ...]:
        """The versions of the form that are known."""
        return tuple(form for form in PROFILE.forms.values() if form.row_family == self.name)


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
        family: Which of the two.
        order: Day and number: a drop with a greater one is a later word.
    """

    family: DropFamily
    order: int


def parse_name(file: str) -> DropName | None:
    """Reads `HB_XZCF_<yyyymmdd>_<seq>.csv` and `HB_YZSX_<yyyymmdd>_<seq>.xlsx`. None: another file."""
    found = _NAME.fullmatch(file)
    if found is None:
        return None
    family = _FAMILIES.get((found["family"], found["suffix"]))
    return None if family is None else DropName(family, int(found["day"]) * 1_000_000 + int(found["number"]))


def checked_name(file: str) -> DropName:
    """As `parse_name`.

    Raises:
        RefusedError: The file is not called as a drop is.
    """
    name = parse_name(file)
    if name is None:
        raise RefusedError("the file is not called as a drop is", "文件名不合约定")
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
        snapshot: Whether the file holds everything of the departments in `scope`, not only what is new.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    file: str
    rows: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    supplied_up_to: Annotated[AwareDatetime, Field(alias="suppliedUpTo")]
    scope: Annotated[tuple[str, ...], Field(min_length=1)]
    replaces: tuple[str, ...] = ()
    snapshot: bool = False

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
            where = ".".join(map(str, first["loc"])) or "file"
            raise RefusedError(f"receipt: {where}: {first['msg']}", f"回执 {where}：不合约定") from error
        if unknown := sorted(set(receipt.scope) - DEPARTMENTS.keys()):
            codes = _shown(unknown)
            raise RefusedError(
                f"receipt: scope: no department has the code {codes}", f"回执 scope：无此部门代码 {codes}"
            )
        if strange := [file for file in receipt.replaces if not _is_earlier(file, receipt.file)]:
            files = _shown(strange)
            raise RefusedError(
                f"receipt: replaces: no earlier drop of this form is called {files}",
                f"回执 replaces：没有更早的同类文件 {files}",
            )
        return receipt


def _is_earlier(file: str, than: str) -> bool:
    name, other = parse_name(file), parse_name(than)
    return name is not None and other is not None and name.family is other.family and name.order < other.order


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RefusedError("receipt: a member stands twice", "回执：同一项出现两次")
    return members


# --- A drop in the folder -----------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A row of a data file.

    Attributes:
        position: Its number, from 1, the header row not counted.
        key: Its 主键.
        department: Its 部门代码; empty where that is nobody's.
        values: What stands in the columns that are kept, in their order.
    """

    position: int
    key: str
    department: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """What a data file holds.

    Attributes:
        form: The version of the form.
        columns: Its columns as they stand in the file, but for those that are not kept.
        rows: The rows, read while one goes through them. Raises RefusedError where the file is not what its receipt and its form
            say (then what was read before does not count), and ChangingError where it is being written to.
    """

    form: Form
    columns: tuple[str, ...]
    rows: Iterator[Row]


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

    def content(self, family: DropFamily, receipt: Receipt, *, after: int = 0) -> Content:
        """Begins to read the file: its header row says in which version of the form it is.

        Args:
            family: The form.
            receipt: What the receipt says.
            after: How many rows were read and checked before, of this very file: they are passed over.

        Raises:
            RefusedError: The file is not what its receipt says, or no version of the form has its header.
        """
        if self._state.size > self._limits.file_bytes:
            raise RefusedError(
                f"expected at most {self._limits.file_bytes} bytes, got {self._state.size}",
                f"文件不得超过{self._limits.file_bytes}字节，实为{self._state.size}字节",
            )
        if receipt.file != self.file:
            raise RefusedError(
                f"receipt: file: expected {self.file}, got {receipt.file!r}",
                f"回执 file：应为 {self.file}，实为另一文件",
            )
        if receipt.sha256 != self.sha256:
            raise RefusedError(
                f"expected the SHA-256 {receipt.sha256} of the receipt, got {self.sha256}",
                f"文件摘要与回执不符：回执 {receipt.sha256}，实为 {self.sha256}",
            )
        self._data.seek(0)
        lines = family.read(self._data, receipt.rows, self._limits)
        header = next(lines, [])
        try:
            form = recognise(family.versions, header)
        except UnknownHeaderError as error:
            raise RefusedError(str(error), f"表头不属于任何已知版本（{error}）") from error
        kept = [place for place, column in enumerate(header) if not form.ignored.get(column, "").startswith(_PERSONAL)]
        return Content(
            form=form,
            columns=tuple(header[place] for place in kept),
            rows=self._rows(lines, _RowReader(header, kept, frozenset(receipt.scope)), receipt, after),
        )

    def _rows(self, lines: Iterator[list[str]], reader: _RowReader, receipt: Receipt, after: int) -> Iterator[Row]:
        count = 0
        for count, line in enumerate(lines, start=1):
            if count > after:
                yield reader.read(count, line)
        if count != receipt.rows:
            raise RefusedError(
                f"expected {receipt.rows} rows by the receipt, got {count}", f"回执称{receipt.rows}行，实为{count}行"
            )
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


def _shown(names: list[str]) -> str:
    return ", ".join(repr(name[:40]) for name in names[:5]) + (" …" if len(names) > 5 else "")  # noqa: PLR2004


class _RowReader:
    """Checks rows of one file, one after the other. It runs for every row of millions."""

    def __init__(self, header: list[str], kept: list[int], scope: frozenset[str]) -> None:
        self._width = len(header)
        self._key = header.index(KEY)
        self._department = header.index(DEPARTMENT)
        self._keep: Callable[[list[str]], tuple[str, ...]] = itemgetter(*kept)
        self._scope = scope

    def read(self, number: int, line: list[str]) -> Row:
        """One row.

        Raises:
            RefusedError: The file cannot be relied on.
        """
        if len(line) != self._width:
            raise RefusedError(
                f"row {number}: expected {self._width} values, got {len(line)}",
                f"第{number}行：应有{self._width}个值，实有{len(line)}个",
            )
        if "\0" in "".join(line):
            raise RefusedError(f"row {number}: holds a null character", f"第{number}行：含空字符")
        key = line[self._key]
        if not key.strip():
            raise RefusedError(f"row {number}: {KEY} is empty", f"第{number}行：{KEY}为空")
        if len(key) > _MAX_KEY:
            raise RefusedError(
                f"row {number}: {KEY} is longer than {_MAX_KEY} characters", f"第{number}行：{KEY}超过{_MAX_KEY}个字符"
            )
        department = line[self._department]
        if department not in self._scope:
            department = self._foreign(number, department)
        return Row(number, key, department, self._keep(line))

    def _foreign(self, number: int, text: str) -> str:
        """The department in another spelling. A code that is nobody's is read: its row is unreadable for whomever it bears."""
        department = fold_width(text).strip()
        if department in self._scope:
            return department
        if department in DEPARTMENTS:
            raise RefusedError(
                f"row {number}: {DEPARTMENT}: {department} is not in the receipt's scope",
                f"第{number}行：{DEPARTMENT} {department} 不在回执 scope 内",
            )
        return ""


# --- CSV ----------------------------------------------------------------------------------------------------------------


def _read_csv(data: BinaryIO, _rows: int, _limits: Limits) -> Iterator[list[str]]:
    text = io.TextIOWrapper(data, encoding="gb18030", errors="strict", newline="")
    reader = csv.reader(_lines(text), strict=True)
    try:
        yield from reader
    except UnicodeDecodeError as error:
        raise RefusedError(
            f"after line {reader.line_num}: no valid GB18030", f"第{reader.line_num}行之后：不是有效的GB18030编码"
        ) from error
    except csv.Error as error:
        raise RefusedError(f"line {reader.line_num}: {error}", f"第{reader.line_num}行：不是有效的CSV") from error
    finally:
        if not data.closed:  # whoever opened the file closes it, perhaps before the rest of it was asked for
            text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_MAX_LINE):
        if len(line) == _MAX_LINE:
            raise RefusedError(f"a line is longer than {_MAX_LINE} characters", f"有一行超过{_MAX_LINE}个字符")
        yield line


# --- XLSX ---------------------------------------------------------------------------------------------------------------


def _read_xlsx(data: BinaryIO, rows: int, limits: Limits) -> Iterator[list[str]]:
    if os.fstat(data.fileno()).st_size > limits.unpacked_bytes:
        raise RefusedError(
            f"expected at most {limits.unpacked_bytes} bytes", f"文件不得超过{limits.unpacked_bytes}字节"
        )
    content = data.read()
    _check_archive(content, rows, limits)
    for number, cells in enumerate(_first_sheet(content), start=1):
        for cell in cells:
            if not isinstance(cell, str):
                raise RefusedError(
                    f"line {number}: expected text in every cell, got {type(cell).__name__}",
                    f"第{number}行：有单元格不是文本",
                )
        yield cells


def _first_sheet(content: bytes) -> list[list[Any]]:
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            return workbook.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, IndexError, ValueError, OSError) as error:
        raise RefusedError(f"no XLSX file: {error}", _NO_XLSX) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # the reader's own bug; its type cannot be imported
            raise RefusedError("no XLSX file: the reader gave up", _NO_XLSX) from error
        raise


def _check_archive(content: bytes, rows: int, limits: Limits) -> None:
    """Unpacks the archive once without keeping it, so that the reader meets nothing that is too large for it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if "xl/workbook.xml" not in archive.namelist():
                raise RefusedError("no XLSX file: it holds no workbook", _NO_XLSX)
            _check_size(archive, limits)
            # Which member is the first sheet is the reader's business, so every one of them is looked at.
            count = max(_check_cells(archive, member, rows) for member in archive.infolist())
    # What zipfile and zlib raise for a damaged archive, for a compression they lack (NotImplementedError) and for an encrypted
    # member (RuntimeError): for whoever dropped the file it is all one.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise RefusedError(f"no XLSX file: {error}", _NO_XLSX) from error
    if count < rows + 1:
        got = max(count - 1, 0)
        raise RefusedError(f"expected {rows} rows by the receipt, got {got}", f"回执称{rows}行，实为{got}行")


def _check_size(archive: zipfile.ZipFile, limits: Limits) -> None:
    size = 0
    for member in archive.infolist():
        with archive.open(member) as opened:
            while chunk := opened.read(_CHUNK):
                size += len(chunk)
                if size > limits.unpacked_bytes:
                    raise RefusedError(
                        f"expected at most {limits.unpacked_bytes} bytes when unpacked",
                        f"解压后不得超过{limits.unpacked_bytes}字节",
                    )


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
                raise RefusedError(f"no XLSX file: {member.filename}: {error.msg}", _NO_XLSX) from error
    return count


def _check_place(reference: str, rows: int) -> None:
    found = _PLACE.fullmatch(reference)
    if found is None:
        raise RefusedError(f"a cell is said to be at {reference[:20]!r}", f"单元格位置 {reference[:20]!r} 无法识别")
    if len(found["column"] or "") > 1 or int(found["row"] or 0) > rows + 1:
        raise RefusedError(
            f"expected {rows} rows by the receipt, got a cell at {reference}",
            f"回执称{rows}行，但 {reference} 处有单元格",
        )


# --- The two forms ------------------------------------------------------------------------------------------------------

_NAME: Final = re.compile(
    r"(?P<family>HB_XZCF|HB_YZSX)_(?P<day>[0-9]{8})_(?P<number>[0-9]{1,6})(?P<suffix>\.csv|\.xlsx)", re.ASCII
)
_PLACE: Final = re.compile(r"(?P<column>[A-Z]{1,3})?(?P<row>[0-9]{1,7})?", re.ASCII)
_NO_XLSX: Final = "不是可读的XLSX文件"

FAMILIES: Final = (
    DropFamily("HB_XZCF", ".csv", PENALTY, _read_csv),
    DropFamily("HB_YZSX", ".xlsx", SERIOUS_LIST, _read_xlsx),
)
_FAMILIES: Final = {(family.name, family.suffix): family for family in FAMILIES}
