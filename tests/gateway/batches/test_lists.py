"""Lists of codes: what is read, what is a line's failure, and what refuses the file."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from contract.errors import ErrorCode, HurenError
from gateway.batches.lists import MAX_BYTES, MAX_GIVEN, MAX_LINES, ListedLine, read_list
from tests.support.federation import uscc

ONE, TWO, THREE = uscc(1), uscc(2), uscc(3)
GRANT = "0f" * 32
DOCUMENT = "1e" * 16


def codes(lines: tuple[ListedLine, ...]) -> list[tuple[int, str | None, str]]:
    return [(line.line, line.uscc, line.failure.code if line.failure else "") for line in lines]


def refusal(content: bytes) -> HurenError:
    with pytest.raises(HurenError) as raised:
        read_list(content)
    assert raised.value.code is ErrorCode.FILE_NOT_ACCEPTED
    return raised.value


def read_or_refused(content: bytes) -> tuple[ListedLine, ...] | HurenError:
    try:
        return read_list(content)
    except HurenError as error:
        return error


def xlsx(rows: list[list[object]]) -> bytes:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    second = workbook.create_sheet("其他")
    second.append([str(THREE)])
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def repacked(content: bytes, name: str, new: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for member in old.namelist():
            made.writestr(member, new if member == name else old.read(member))
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_reads_csv_with_a_heading_in_the_encodings_and_with_the_separators_that_people_have(
    encoding: str, delimiter: str
) -> None:
    rows = [["企业名称", "统一社会信用代码", "授权书编号"], ["示例甲", ONE, GRANT], ["示例乙", TWO, ""]]
    content = "\r\n".join(delimiter.join(row) for row in rows).encode(encoding)

    assert read_list(content) == (
        ListedLine(line=2, given=ONE, uscc=ONE, grant=GRANT),
        ListedLine(line=3, given=TWO, uscc=TWO),
    )


def test_reads_the_first_column_where_there_is_no_heading_and_counts_empty_rows() -> None:
    content = f"{ONE},示例甲\n\n{TWO}\n".encode()
    assert codes(read_list(content)) == [(1, ONE, ""), (3, TWO, "")]


def test_knows_english_headings_in_any_case() -> None:
    content = f"Grant,USCC\n{DOCUMENT.upper()},{ONE}".encode()
    assert read_list(content) == (ListedLine(line=2, given=ONE, uscc=ONE, grant=DOCUMENT),)


def test_folds_width_and_case_as_everywhere_and_guesses_nothing() -> None:
    full_width = "".join(chr(ord(one) + 0xFEE0) for one in ONE.lower())
    lines = read_list(f"{full_width}\n{ONE[:-1]}\n{TWO.replace('0', 'O', 1)}".encode())

    assert codes(lines) == [(1, ONE, ""), (2, None, "USCC_MALFORMED"), (3, None, "USCC_MALFORMED")]
    assert lines[1].given == ONE[:-1]
    assert lines[1].failure is not None
    assert "17" in lines[1].failure.words.zh


def test_a_code_of_an_organ_is_its_lines_failure() -> None:
    organ = uscc(5, prefix="11110105")
    assert codes(read_list(f"{organ}\n{ONE}".encode())) == [(1, None, "SUBJECT_NOT_ELIGIBLE"), (2, ONE, "")]


def test_a_subject_that_stands_twice_is_told_with_the_first_line() -> None:
    lines = read_list(f"{ONE}\n{TWO}\n {ONE.lower()}".encode())

    assert codes(lines) == [(1, ONE, ""), (2, TWO, ""), (3, None, "DUPLICATE")]
    assert lines[2].failure is not None
    assert "第1行" in lines[2].failure.words.zh


def test_a_subject_may_stand_twice_with_two_grants_and_not_with_one_of_them_unnamed() -> None:
    other = "2d" * 32
    both = f"uscc,grant\n{ONE},{GRANT}\n{ONE},{other}".encode()
    unnamed = f"uscc,grant\n{ONE},{GRANT}\n{ONE},\n{ONE},{GRANT}".encode()

    assert codes(read_list(both)) == [(2, ONE, ""), (3, ONE, "")]
    assert codes(read_list(unnamed)) == [(2, ONE, ""), (3, None, "DUPLICATE"), (4, None, "DUPLICATE")]


def test_what_cannot_be_the_number_of_a_grant_is_its_lines_failure() -> None:
    assert codes(read_list(f"uscc,grant\n{ONE},一号".encode())) == [(2, None, "GRANT_NOT_FOUND")]


def test_keeps_what_was_written_cut_and_without_what_no_page_takes() -> None:
    (line,) = read_list(("=1+1\x07" + "长" * 100).encode())
    assert line.given == "=1+1\ufffd" + "长" * (MAX_GIVEN - 5)


def test_reads_the_first_sheet_of_a_workbook() -> None:
    content = xlsx([["统一社会信用代码", "grant"], [str(ONE), GRANT], [None, None], [str(TWO), None]])
    assert read_list(content) == (
        ListedLine(line=2, given=ONE, uscc=ONE, grant=GRANT),
        ListedLine(line=4, given=TWO, uscc=TWO),
    )


def test_a_number_in_a_sheet_is_no_code_for_its_last_digits_may_be_wrong() -> None:
    digits = next(code for serial in range(10**6) if (code := f"9111010500{serial:08d}"))
    lines = read_list(xlsx([["uscc"], [int(digits)], [date(2026, 1, 1)], [True], [str(ONE)]]))
    assert codes(lines) == [(2, None, "NOT_TEXT"), (3, None, "NOT_TEXT"), (4, None, "NOT_TEXT"), (5, ONE, "")]


def test_a_formula_is_not_evaluated() -> None:
    lines = read_list(xlsx([["uscc", "x"], [f'="{ONE[:9]}"&"{ONE[9:]}"', "x"], [str(TWO), "x"]]))
    assert (3, TWO, "") in codes(lines)
    assert ONE not in [line.uscc for line in lines]


def test_reads_json_of_codes_and_of_objects() -> None:
    content = json.dumps([ONE, {"uscc": TWO, "grant": GRANT}, {"uscc": None}, 5]).encode()
    assert codes(read_list(content)) == [(1, ONE, ""), (2, TWO, ""), (3, None, "NOT_TEXT"), (4, None, "NOT_TEXT")]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param("统一社会信用代码\n\n".encode(), id="heading-only"),
        pytest.param(b"\xff\xfe9\x001\x00", id="utf-16"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 64, id="old-xls"),
        pytest.param(b'"open', id="csv-quote-left-open"),
        pytest.param(b"a" * 200_000, id="csv-field-too-long"),
        pytest.param(b'{"uscc": "x"}', id="json-object"),
        pytest.param(b"[1,", id="json-broken"),
        pytest.param(b"[" * 100_000, id="json-too-deep"),
        pytest.param(b'[{"name": "x"}]', id="json-undeclared-member"),
        pytest.param(b"PK\x03\x04 no archive", id="zip-broken"),
        pytest.param(b"x" * (MAX_BYTES + 1), id="too-large"),
    ],
)
def test_refuses_a_file_that_cannot_be_read_as_a_whole(content: bytes) -> None:
    assert refusal(content).message_zh.startswith("文件未被接受")


def test_refuses_more_lines_than_the_limit_and_takes_as_many() -> None:
    many = [f"{ONE[:-1]}{serial}" for serial in range(MAX_LINES)]
    assert len(read_list("\n".join(many).encode())) == MAX_LINES
    refusal("\n".join([*many, ONE]).encode())


def test_refuses_a_workbook_that_unpacks_to_more_than_the_limit() -> None:
    bomb = repacked(xlsx([["uscc"]]), "docProps/app.xml", b" " * (64 * 1024 * 1024))
    assert len(bomb) < MAX_BYTES
    assert "过大" in refusal(bomb).message_zh


def test_refuses_a_workbook_whose_headers_say_less_than_it_unpacks_to() -> None:
    bomb = bytearray(repacked(xlsx([["uscc"]]), "docProps/app.xml", b" " * (64 * 1024 * 1024)))
    size = (64 * 1024 * 1024).to_bytes(4, "little")
    assert size in bomb
    refusal(bytes(bomb.replace(size, (10).to_bytes(4, "little"))))


SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
CELL = '<c {}t="inlineStr"><is><t>x</t></is></c>'


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(
            f'<row r="1048576">{CELL.format("r=" + chr(34) + "A1048576" + chr(34) + " ")}</row>', id="far-down"
        ),
        pytest.param(f'<row r="1">{CELL.format("r=" + chr(34) + "XFD1" + chr(34) + " ")}</row>', id="far-right"),
        pytest.param(f'<row r="1">{"<c/>" * 100}{CELL.format("")}</row>', id="far-right-without-a-place"),
        pytest.param(f"{'<row/>' * 6000}<row>{CELL.format('')}</row>", id="far-down-without-a-place"),
        pytest.param(f'<row r="-1">{CELL.format("")}</row>', id="no-row"),
        pytest.param(f'<row r="1">{CELL.format("r=" + chr(34) + "A" * 9 + chr(34) + " ")}</row>', id="no-place"),
        pytest.param("<row>", id="no-xml"),
    ],
)
def test_refuses_a_sheet_whose_cells_are_far_apart_before_it_is_opened(rows: str) -> None:
    refusal(repacked(xlsx([["uscc"]]), "xl/worksheets/sheet1.xml", SHEET.format(rows).encode()))


def test_takes_a_sheet_that_is_formatted_far_beyond_its_cells() -> None:
    rows = (
        f'<row r="1">{CELL.format("").replace("x<", f"{ONE}<")}</row><row r="1048576"><c r="XFD1048576" s="1"/></row>'
    )
    content = repacked(xlsx([["uscc"]]), "xl/worksheets/sheet1.xml", SHEET.format(rows).encode())
    assert codes(read_list(content)) == [(1, ONE, "")]


@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
def test_no_bytes_raise_anything_but_an_error_of_the_table(content: bytes) -> None:
    lines = read_or_refused(content)
    if isinstance(lines, HurenError):
        assert lines.code is ErrorCode.FILE_NOT_ACCEPTED
        return
    assert lines
    for line in lines:
        assert (line.uscc is None) == (line.failure is not None)
        assert len(line.given) <= MAX_GIVEN
        assert line.given.isprintable()


@given(st.data())
def test_no_damage_to_a_workbook_raises_anything_but_an_error_of_the_table(data: st.DataObject) -> None:
    content = bytearray(_WORKBOOK)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    lines = read_or_refused(bytes(content))
    assert not isinstance(lines, HurenError) or lines.code is ErrorCode.FILE_NOT_ACCEPTED


_WORKBOOK = xlsx([["uscc", "grant"], [str(ONE), GRANT], [str(TWO), None]])


@given(st.lists(st.sampled_from([ONE, TWO, THREE, ONE.lower(), "", "x", f" {TWO} "]), min_size=1, max_size=12))
def test_each_subject_is_served_once_and_every_line_that_was_written_is_told(cells: list[str]) -> None:
    written = [cell for cell in cells if cell.strip()]
    if not written:
        return
    lines = read_list(json.dumps(cells).encode())
    served = [line.uscc for line in lines if line.uscc is not None]

    assert len(lines) == len(written)
    assert len(served) == len(set(served)) == len({cell.strip().upper() for cell in written} - {"X"})
