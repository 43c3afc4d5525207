"""Reading single drops: whatever lies in the folder is read or refused by name, at no cost beyond the limits."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from adapters.hebei.drop import (
    FAMILIES,
    ChangingError,
    Drop,
    Limits,
    Receipt,
    RefusedError,
    checked_name,
    list_drops,
    parse_name,
)
from adapters.hebei.profile import PROFILE
from adapters.sdk.forms import columns_of
from sandbox.platforms.hebei import csv_bytes, write_receipt, xlsx_bytes

AS_OF = datetime(2026, 11, 21, 12, tzinfo=UTC)
DECISION_COLUMNS = columns_of(PROFILE.forms["HB_XZCF_2016"])
ENTRY_COLUMNS = columns_of(PROFILE.forms["HB_YZSX"])
DECISION = tuple(f"v{number}" for number in range(len(DECISION_COLUMNS)))
ENTRY = tuple(f"v{number}" for number in range(len(ENTRY_COLUMNS)))
SHEET = "xl/worksheets/sheet1.xml"


def read(folder: Path, file: str, content: bytes, *, rows: int, limits: Limits | None = None) -> list[dict[str, str]]:
    """Drops the content with a receipt that agrees with it, and reads it."""
    (folder / file).write_bytes(content)
    write_receipt(folder / file, rows=rows, up_to=AS_OF, scope=["130201"])
    with Drop.open(folder, file, limits or Limits()) as drop:
        held = drop.content(checked_name(file).family, Receipt.parse(drop.receipt))
        return [dict(zip(held.columns, row.values, strict=True)) for row in held.rows]


def read_entries(folder: Path, content: bytes, *, rows: int = 1, limits: Limits | None = None) -> list[dict[str, str]]:
    return read(folder, "HB_YZSX_20261121_001.xlsx", content, rows=rows, limits=limits)


def with_member(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The archive with one member changed or added."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        members = {member: old.read(member) for member in old.namelist()}
        for member, data in ({name: b""} | members).items():
            new.writestr(member, change(data) if member == name else data)
    return result.getvalue()


def sheet_of(*rows: tuple[Any, ...]) -> bytes:
    """A sheet as somebody makes it who does not know that every cell is to be text."""
    book = Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


# --- Names --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "HB_XZCF_20261121_001.xlsx",
        "HB_YZSX_20261121_001.csv",
        "HB_XZCF_20261121.csv",
        "HB_XZCF_2026112_001.csv",
        "HB_XZCF_２０２６１１２１_001.csv",
        "HB_XZCF_20261121_0000001.csv",
        "HB_XZCF_20261121_001.CSV",
        "HB_XZCF_20261121_001.csv\n",
        "../HB_XZCF_20261121_001.csv",
    ],
)
def test_no_name_of_a_drop(name: str) -> None:
    assert parse_name(name) is None


def test_day_and_number_order_drops_not_their_spelling() -> None:
    names = ["HB_XZCF_20261121_2.csv", "HB_XZCF_20261121_010.csv", "HB_XZCF_20261122_001.csv"]

    assert [checked_name(name).order for name in names] == sorted(checked_name(name).order for name in names)


def test_drops_are_listed_in_their_order(tmp_path: Path) -> None:
    for name in ("HB_XZCF_20261121_10.csv", "HB_YZSX_20261121_9.xlsx", "HB_XZCF_20251231_99.csv"):
        (tmp_path / name).touch()
        (tmp_path / f"{name}.ok").touch()

    assert list(list_drops(tmp_path)) == [
        "HB_XZCF_20251231_99.csv",
        "HB_YZSX_20261121_9.xlsx",
        "HB_XZCF_20261121_10.csv",
    ]


def test_a_file_whose_name_is_no_text_is_left_alone(tmp_path: Path) -> None:
    for name in (b"\xff.csv", b"\xff.csv.ok"):
        Path(f"{tmp_path}/{name.decode('utf-8', 'surrogateescape')}").touch()

    assert list_drops(tmp_path) == {}


# --- CSV ----------------------------------------------------------------------------------------------------------------


def test_all_of_gb18030_is_read(tmp_path: Path) -> None:
    values = ("㙍龘镕喆堃", "𠮷", "呂環罰〔2025〕4號", "—“”·€", "a,b", 'c"d', "一\r\n二", " 两边 ", "")
    row = (*DECISION[:5], *values, *DECISION[5 + len(values) :])

    (read_row,) = read(tmp_path, "HB_XZCF_20261121_001.csv", csv_bytes(DECISION_COLUMNS, [row]), rows=1)

    wanted = dict(zip(DECISION_COLUMNS, row, strict=True))
    del wanted["法定代表人姓名"]
    assert read_row == wanted


def test_a_csv_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    content = csv_bytes(DECISION_COLUMNS, [DECISION])

    with pytest.raises(RefusedError, match="expected at most 100 bytes"):
        read(tmp_path, "HB_XZCF_20261121_001.csv", content, rows=1, limits=Limits(file_bytes=100))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_csv_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(csv_bytes(DECISION_COLUMNS, [DECISION, DECISION]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    folder = tmp_path_factory.mktemp("csv")

    try:
        rows = read(folder, "HB_XZCF_20261121_001.csv", bytes(content), rows=2)
    except RefusedError:
        return
    assert len(rows) == 2


# --- XLSX ---------------------------------------------------------------------------------------------------------------


def test_text_cells_are_read_as_they_are(tmp_path: Path) -> None:
    values = ("=1+1", "2026/11/21", "0012", "1e5", "#N/A", " 两边 ", "一\n二", "", "<&>", "_x0041_")
    row = (*values, *ENTRY[len(values) :])

    (read_row,) = read_entries(tmp_path, xlsx_bytes(ENTRY_COLUMNS, [row]))

    unreadable_to_openpyxl = {"_x0041_"}
    assert [
        (got, wanted)
        for got, wanted in zip(read_row.values(), row, strict=True)
        if got != wanted and wanted not in unreadable_to_openpyxl
    ] == []


def test_an_empty_increment_has_no_rows(tmp_path: Path) -> None:
    assert read_entries(tmp_path, xlsx_bytes(ENTRY_COLUMNS, []), rows=0) == []


@pytest.mark.parametrize(
    ("value", "kind"),
    [(1, "int|float"), (0.1, "float"), (datetime(2026, 11, 21), "date"), (True, "bool")],  # noqa: DTZ001
)
def test_a_cell_that_is_no_text_is_refused(tmp_path: Path, value: object, kind: str) -> None:
    with pytest.raises(RefusedError, match=rf"line 2: expected text in every cell, got ({kind})"):
        read_entries(tmp_path, sheet_of(ENTRY_COLUMNS, (*ENTRY[:-1], value)))


def test_a_further_column_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="missing nothing; not of the form '备注'"):
        read_entries(tmp_path, xlsx_bytes((*ENTRY_COLUMNS, "备注"), [(*ENTRY, "")]))


@pytest.mark.parametrize("rows", [0, 2])
def test_another_number_of_rows_than_announced_is_refused(tmp_path: Path, rows: int) -> None:
    with pytest.raises(RefusedError, match=f"expected {rows} rows by the receipt"):
        read_entries(tmp_path, xlsx_bytes(ENTRY_COLUMNS, [ENTRY]), rows=rows)


def test_a_table_that_does_not_begin_in_the_corner_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        read_entries(tmp_path, sheet_of((), ENTRY_COLUMNS, ENTRY), rows=1)
    with pytest.raises(RefusedError):
        read_entries(tmp_path, sheet_of((None, *ENTRY_COLUMNS), (None, *ENTRY)), rows=1)


def archive_of(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(csv_bytes(ENTRY_COLUMNS, [ENTRY]), id="csv"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1024), id="xls"),
        pytest.param(archive_of(readme=b"hello"), id="zip"),
        pytest.param(archive_of(**{"xl/workbook.xml": b"<workbook/>"}), id="workbook-alone"),
        pytest.param(archive_of(**{"xl/workbook.xml": b"no xml"}), id="workbook-no-xml"),
        pytest.param(xlsx_bytes(ENTRY_COLUMNS, [ENTRY])[:-30], id="cut-off"),
    ],
)
def test_what_is_no_xlsx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RefusedError, match=r"no XLSX file|expected 1 rows by the receipt, got 0"):
        read_entries(tmp_path, content)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    bomb = with_member(xlsx_bytes(ENTRY_COLUMNS, [ENTRY]), "xl/media/zeros", lambda _: bytes(3_000_000))
    assert len(bomb) < 20_000

    with pytest.raises(RefusedError, match="bytes when unpacked"):
        read_entries(tmp_path, bomb, limits=Limits(unpacked_bytes=1_000_000))


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    whole = with_member(xlsx_bytes(ENTRY_COLUMNS, [ENTRY]), "xl/media/zeros", lambda _: bytes(3_000_000))

    with pytest.raises(RefusedError):
        read_entries(tmp_path, whole.replace((3_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))


@pytest.mark.parametrize("place", ["A1048576", "XFD2", "AA1", "A99999999", "a1", "$A$1"])
@pytest.mark.parametrize("member", [SHEET, "xl/elsewhere.bin"])
def test_a_cell_outside_the_table_is_refused_before_room_is_made_for_it(
    tmp_path: Path, place: str, member: str
) -> None:
    def change(sheet: bytes) -> bytes:
        sheet = sheet or b"<worksheet><sheetData></sheetData></worksheet>"
        cell = f'<row r="2"><c r="{place}" t="inlineStr"><is><t>x</t></is></c></row>'.encode()
        return sheet.replace(b"</sheetData>", cell + b"</sheetData>")

    content = xlsx_bytes(ENTRY_COLUMNS, [ENTRY])

    with pytest.raises(RefusedError, match=r"a cell"):
        read_entries(tmp_path, with_member(content, member, change))


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))

    def change(sheet: bytes) -> bytes:
        body = re.sub(rb"<\?xml[^>]*\?>", b"", sheet).replace(b"v1<", b"&l11;<")
        return f'<!DOCTYPE worksheet [<!ENTITY l0 "ha">{laughs}]>'.encode() + body

    content = with_member(xlsx_bytes(ENTRY_COLUMNS, [ENTRY]), SHEET, change)
    try:
        (row,) = read_entries(tmp_path, content)
    except RefusedError:
        return
    assert all(len(value) < 100 for value in row.values())


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_sheet_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = xlsx_bytes(ENTRY_COLUMNS, [ENTRY])
    members = zipfile.ZipFile(io.BytesIO(content)).namelist()
    member = data.draw(st.sampled_from(members))

    def change(old: bytes) -> bytes:
        new = bytearray(old)
        at = data.draw(st.integers(0, len(new) - 1))
        new[at : at + data.draw(st.integers(0, 6))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"9999999999", b"-1", b"<", b"/>", b'"', b"&#0;", b"s", b"str"])
        )
        return bytes(new)

    folder = tmp_path_factory.mktemp("xlsx")
    try:
        rows = read_entries(folder, with_member(content, member, change))
    except RefusedError:
        return
    assert len(rows) == 1


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300), receipt=st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, receipt: bytes
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for file in ("HB_YZSX_20261121_001.xlsx", "HB_XZCF_20261121_001.csv"):
        with pytest.raises(RefusedError):
            read(folder, file, content, rows=0)
    with pytest.raises(RefusedError):
        Receipt.parse(receipt)


def test_a_file_that_changes_while_it_is_read_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "HB_XZCF_20261121_001.csv"
    path.write_bytes(csv_bytes(DECISION_COLUMNS, [DECISION]))
    write_receipt(path, rows=1, up_to=AS_OF, scope=["130201"])

    with Drop.open(tmp_path, path.name, Limits()) as drop:
        rows = drop.content(FAMILIES[0], Receipt.parse(drop.receipt)).rows
        next(rows)
        with path.open("ab") as more:
            more.write(b"more")
        with pytest.raises((ChangingError, RefusedError)):
            list(rows)
