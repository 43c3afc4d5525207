"""Stand-in of Hebei's drop folder, as adapters/hebei/README.md describes it. The same world gives the same bytes.

    python -m sandbox.platforms.hebei --dir DIR --seed 1 --size 200 --day 2026-11-22

With `--dirt N` it holds N rows more that disclose nothing, or not simply (`World.asides`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from contract.catalogue import published_catalogues
from contract.days import CHINA, china_day, start_of_day
from contract.province import Province
from contract.uscc import check_character, organisation_code
from sandbox.dice import Dice
from sandbox.dirt import CATALOGUE, Dirt, RowColumns
from sandbox.platforms import CATEGORY_WORDS, DecisionColumns, asides_of, name_on, run_supplier, wan_yuan
from sandbox.world import Aside, FactState, ListFact, PenaltyFact, World, generate

_DEPARTMENTS: Final[Mapping[str, str]] = {
    "market_regulation": "130201",
    "taxation": "130202",
    "social_security": "130203",
    "housing_fund": "130204",
    "emergency_management": "130205",
    "public_finance": "130206",
    "statistics": "130207",
    "court_enforcement": "130208",
    "ecology_environment": "130209",
    "natural_resources": "130210",
    "science_technology": "130211",
    "public_security": "130212",
    "housing_construction": "130213",
    "transport": "130214",
    "water_resources": "130215",
    "health": "130216",
    "fire_rescue": "130217",
}
_OUTSIDE: Final = "130299"
_LIST_ONLY: Final = frozenset({"130208"})
_WITH_LIST: Final = ("130201", "130202", "130203", "130205", "130206", "130207", "130208")

_DECISION_COLUMNS: Final = (
    *(
        "主键",
        "部门代码",
        "处罚名称",
        "行政处罚决定书文号",
        "处罚类别1",
        "处罚类别2",
        "处罚事由",
        "违法事实",
        "处罚依据",
    ),
    *("行政相对人名称", "行政相对人代码_1(统一社会信用代码)", "行政相对人代码_2(组织机构代码)"),
    *("行政相对人代码_3(工商登记码)", "行政相对人代码_4(税务登记号)", "法定代表人姓名", "处罚结果", "罚款金额(万元)"),
    *(
        "没收金额(万元)",
        "处罚决定日期",
        "处罚截止期",
        "公示截止期",
        "处罚机关",
        "处罚机关代码",
        "数据来源单位",
        "简易程序",
    ),
    *("履行情况", "履行日期", "当前状态", "地方编码", "数据更新时间戳", "备注"),
)
_ENTRY_COLUMNS: Final = (
    *(
        "主键",
        "部门代码",
        "名单名称",
        "企业名称",
        "统一社会信用代码",
        "组织机构代码",
        "列入决定书文号",
        "列入事由",
        "列入日期",
    ),
    *("列入决定机关", "列入决定机关代码", "期限届满日期", "移出日期", "数据来源单位", "当前状态", "数据更新时间戳"),
)
_COLUMNS: Final = DecisionColumns(
    name="行政相对人名称",
    uscc="行政相对人代码_1(统一社会信用代码)",
    organisation_code="行政相对人代码_2(组织机构代码)",
    registration_number="行政相对人代码_3(工商登记码)",
    fine="罚款金额(万元)",
    state="当前状态",
    states={
        FactState.IN_FORCE: "0",
        FactState.REVOKED: "1",
        FactState.REPAIRED: "2",
        FactState.NOT_A_PENALTY: "3",
    },
)
_NO_END: Final = "2099/12/31"
_PROVINCE_CODE: Final = "130000"
_ZIP_DAY: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest that a ZIP archive can name."""
_XLSX_DAY: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - openpyxl takes no offset


def drop_hebei(world: World, folder: Path, *, dirt: int = 0) -> tuple[Path, ...]:
    """Drops the world's facts of Hebei and so many of its asides, one file of each form with its receipt.

    Returns:
        The data files.
    """
    penalties = [_decision_row(fact) for fact in world.penalties if fact.province is Province.HEBEI]
    penalties += [aside_row(aside) for aside in asides_of(world, Province.HEBEI, dirt)]
    entries = [_entry_row(fact) for fact in world.list_entries if fact.province is Province.HEBEI]
    return drop(folder, penalties, entries, up_to=world.as_of, number=1)


def advance_hebei(folder: Path, to: datetime) -> tuple[Path, ...]:
    """Drops an increment without rows: nothing new up to an instant."""
    day = f"{china_day(to):%Y%m%d}"
    number = next(n for n in count(1) if not any(folder.glob(f"HB_*_{day}_{n:03}.*")))
    return drop(folder, [], [], up_to=to, number=number)


def drop(
    folder: Path, decisions: Iterable[Sequence[str]], entries: Iterable[Sequence[str]], *, up_to: datetime, number: int
) -> tuple[Path, ...]:
    """Drops one file of each form for all departments, each with its receipt.

    Returns:
        The data files.
    """
    day = f"{china_day(up_to):%Y%m%d}"
    with_penalties = sorted({*_DEPARTMENTS.values(), _OUTSIDE} - _LIST_ONLY)
    return (
        _drop_file(folder / f"HB_XZCF_{day}_{number:03}.csv", list(decisions), up_to, with_penalties),
        _drop_file(folder / f"HB_YZSX_{day}_{number:03}.xlsx", list(entries), up_to, _WITH_LIST),
    )


def _drop_file(path: Path, rows: Sequence[Sequence[str]], up_to: datetime, scope: Sequence[str]) -> Path:
    content = csv_bytes(_DECISION_COLUMNS, rows) if path.suffix == ".csv" else xlsx_bytes(_ENTRY_COLUMNS, rows)
    # Without its receipt nobody reads the file while it is replaced.
    path.with_name(f"{path.name}.ok").unlink(missing_ok=True)
    path.write_bytes(content)
    write_receipt(path, rows=len(rows), up_to=up_to, scope=scope)
    return path


def write_receipt(
    path: Path, *, rows: int, up_to: datetime, scope: Sequence[str], snapshot: bool | None = None
) -> None:
    """Writes the receipt of a data file. It appears as a whole, after the file, for it says that the file is complete.

    Args:
        path: The data file.
        rows: How many rows it has.
        up_to: Everything up to this instant is supplied.
        scope: For these departments.
        snapshot: Whether the file holds everything of theirs. None: the receipt does not say, so it does not.
    """
    with path.open("rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    receipt: dict[str, object] = {
        "file": path.name,
        "rows": rows,
        "sha256": digest,
        "suppliedUpTo": up_to.astimezone(CHINA).isoformat(timespec="seconds"),
        "scope": list(scope),
    }
    if snapshot is not None:
        receipt["snapshot"] = snapshot
    written = path.with_name(f".{path.name}.ok")
    written.write_text(json.dumps(receipt, ensure_ascii=False), encoding="utf-8")
    written.replace(path.with_name(f"{path.name}.ok"))


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A table as CSV (RFC 4180) in GB18030."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode("gb18030")


def xlsx_bytes(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A table as XLSX in which every cell is text."""
    book = Workbook(write_only=True)
    book.properties.created = _XLSX_DAY
    sheet = book.create_sheet("名单")
    for row in (columns, *rows):
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, value=value)
            cell.data_type = "s"  # text, whatever it looks like: `=` begins no formula
            cells.append(cell)
        sheet.append(cells)
    content = io.BytesIO()
    book.save(content)
    return _without_time(content)


def _without_time(content: io.BytesIO) -> bytes:
    """The same archive without the moment at which it was written."""
    stated = f"{_XLSX_DAY.isoformat()}Z".encode()
    result = io.BytesIO()
    with zipfile.ZipFile(content) as written, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as timeless:
        for member in written.infolist():
            data = written.read(member)
            if member.filename == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stated, data)
            timeless.writestr(zipfile.ZipInfo(member.filename, _ZIP_DAY), data, zipfile.ZIP_DEFLATED)
    return result.getvalue()


def _decision_row(fact: PenaltyFact) -> tuple[str, ...]:
    words = [CATEGORY_WORDS[category] for category in fact.categories]
    return _in_order(
        _DECISION_COLUMNS,
        {
            "主键": fact.key,
            "部门代码": _DEPARTMENTS.get(fact.domain, _OUTSIDE),
            "处罚名称": f"{fact.violation_type}案",
            "行政处罚决定书文号": fact.document_number,
            "处罚类别1": words[0],
            "处罚类别2": ";".join(words[1:]),
            "处罚事由": fact.violation_type,
            "违法事实": fact.facts,
            "处罚依据": fact.legal_basis,
            "行政相对人名称": name_on(fact.subject, fact.decided_on),
            "行政相对人代码_1(统一社会信用代码)": fact.subject.uscc,
            "行政相对人代码_2(组织机构代码)": organisation_code(fact.subject.uscc),
            "行政相对人代码_3(工商登记码)": fact.subject.registration_number,
            "处罚结果": fact.content,
            "罚款金额(万元)": wan_yuan(fact.fine),
            "没收金额(万元)": wan_yuan(fact.confiscation),
            "处罚决定日期": _day(fact.decided_on),
            "处罚截止期": _NO_END,
            "公示截止期": _day(fact.publicity_until),
            "处罚机关": fact.authority,
            "处罚机关代码": fact.authority_uscc,
            "数据来源单位": fact.authority,
            "简易程序": "是" if fact.summary_procedure else "否",
            "履行情况": "" if fact.performed_on is None else "已履行",
            "履行日期": _day(fact.performed_on),
            "当前状态": "0",
            "地方编码": _PROVINCE_CODE,
            "数据更新时间戳": _china_time(fact.received_at),
        },
    )


def aside_row(aside: Aside) -> tuple[str, ...]:
    """An aside as a file of decisions holds it."""
    row = dict(zip(_DECISION_COLUMNS, _decision_row(aside.fact), strict=True))
    return _in_order(_DECISION_COLUMNS, row | _COLUMNS.written(aside))


def _entry_row(fact: ListFact) -> tuple[str, ...]:
    return _in_order(
        _ENTRY_COLUMNS,
        {
            "主键": fact.key,
            "部门代码": _DEPARTMENTS[fact.domain],
            "名单名称": _name_of_list(fact.list_id, fact.listed_on),
            "企业名称": name_on(fact.subject, fact.listed_on),
            "统一社会信用代码": fact.subject.uscc,
            "组织机构代码": organisation_code(fact.subject.uscc),
            "列入决定书文号": fact.document_number,
            "列入事由": fact.reason,
            "列入日期": _day(fact.listed_on),
            "列入决定机关": fact.authority,
            "列入决定机关代码": fact.authority_uscc,
            "期限届满日期": _day(fact.planned_end_on),
            "移出日期": _day(fact.removed_on),
            "数据来源单位": fact.authority,
            "当前状态": "0",
            "数据更新时间戳": _china_time(fact.received_at),
        },
    )


def _in_order(columns: Sequence[str], values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(values.get(column, "") for column in columns)


def _name_of_list(list_id: str, listed_on: date) -> str:
    """The list's name on the day of the entry."""
    catalogue = published_catalogues().in_force(date.max)
    named = catalogue.list_by_id[list_id]
    older = [name for name in named.older_names if name.until is not None and listed_on <= name.until]
    return min(older, key=lambda name: name.until or date.max).name if older else named.name


def _day(day: date | None) -> str:
    return "" if day is None else f"{day.year}/{day.month}/{day.day}"


def _china_time(at: datetime) -> str:
    return f"{_day(china_day(at))} {at.astimezone(CHINA):%H:%M:%S}"


# --- Very many decisions ------------------------------------------------------------------------------------------------

_NO_PUNISHMENT: Final = "3"
_NOT_IN_A_FILE: Final = frozenset(
    {
        "null-byte",
        "half-a-character",
        "huge-text",
        "one-column-more",
        "one-column-less",
        "unknown-department",
        "no-department",
    }
)
"""Dirts for which the whole file is refused, or which would be most of its bytes; departments are made wrong here."""
_ROW_COLUMNS: Final = RowColumns(
    name="行政相对人名称",
    code="行政相对人代码_1(统一社会信用代码)",
    organisation_code="行政相对人代码_2(组织机构代码)",
    registration_number="行政相对人代码_3(工商登记码)",
    document_number="行政处罚决定书文号",
    decided_on="处罚决定日期",
    authority="处罚机关",
    content="处罚结果",
    amounts=(("罚款金额(万元)", "万元"), ("没收金额(万元)", "万元")),
    state="当前状态",
    categories=("处罚类别1", "处罚类别2"),
    domain="部门代码",
)
_RECORDS_EACH: Final = 4
"""How many decisions befall one subject, on average."""
_BACKGROUND: Final = 400
"""How many enterprises of an invented world lend their decisions' words."""


def drop_many(  # what a drop is called and what it says
    folder: Path,
    *,
    rows: int,
    seed: int,
    day: date,
    number: int = 1,
    first: int = 0,
    edition: int = 0,
    snapshot: bool = False,
) -> Path:
    """Drops one file of very many decisions, mostly clean, written while they are made.

    Of a hundred rows about five have one of the dirts of `sandbox/dirt.py`, one is a decision once more under another key, one was
    decided in another province, one is 不予处罚, and one in a thousand bears nobody's department.

    Args:
        folder: Where.
        rows: How many.
        seed: Which.
        day: Day in the name, and up to the end of which everything is supplied.
        number: Number in the name.
        first: The number of the first row: rows of one number have one key and subject, whatever the file.
        edition: What is said about them; another one corrects every row.
        snapshot: As in the receipt.

    Returns:
        The data file.
    """
    path = folder / f"HB_XZCF_{day:%Y%m%d}_{number:03}.csv"
    path.with_name(f"{path.name}.ok").unlink(missing_ok=True)
    with path.open("w", encoding="gb18030", newline="") as text:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(_DECISION_COLUMNS)
        writer.writerows(_many_decisions(rows, first=first, seed=seed, edition=edition, day=day))
    scope = sorted({*_DEPARTMENTS.values(), _OUTSIDE} - _LIST_ONLY)
    write_receipt(path, rows=rows, up_to=start_of_day(day), scope=scope, snapshot=snapshot)
    return path


def _many_decisions(rows: int, *, first: int, seed: int, edition: int, day: date) -> Iterator[tuple[str, ...]]:
    world = generate(seed=seed, size=_BACKGROUND, day=day)
    words = [dict(zip(_DECISION_COLUMNS, _decision_row(fact), strict=True)) for fact in world.penalties]
    own = [row for fact, row in zip(world.penalties, words, strict=True) if fact.province is Province.HEBEI]
    foreign = [row for fact, row in zip(world.penalties, words, strict=True) if fact.province is not Province.HEBEI]
    dirts = [dirt for dirt in CATALOGUE if dirt.name not in _NOT_IN_A_FILE]
    dice = Dice("many decisions", seed, edition, first)
    before: dict[str, str] = own[0]
    for number in range(first, first + rows):
        kind = dice.below(1000)
        if kind < 10:  # noqa: PLR2004  # parts of a thousand, as the docstring of `drop_many` has them
            row = before | {"主键": f"M{number:09}"}
        else:
            row = _decision_of(dice.one_of(foreign if kind < 20 else own), number, dice)  # noqa: PLR2004  # as above
        if kind in range(20, 30):
            row |= {"当前状态": _NO_PUNISHMENT, "处罚结果": "不予行政处罚", "罚款金额(万元)": "", "没收金额(万元)": ""}
        elif kind == 30:  # noqa: PLR2004  # as above
            row["部门代码"] = "999999"
        elif kind in range(40, 90):
            row = _made_dirty(row, dirts, dice)
        if edition:
            row["备注"] = f"第{edition}次更正"
        before = row
        yield tuple(row.values())


def _decision_of(words: Mapping[str, str], number: int, dice: Dice) -> dict[str, str]:
    subject = number // _RECORDS_EACH
    body = f"911301{subject % 90 + 10}MY{subject:07X}"[:17]
    code = body + check_character(body)
    return {
        **words,
        "主键": f"M{number:09}",
        "行政处罚决定书文号": f"示罚〔{2022 + number % 5}〕{number}号",
        "行政相对人名称": f"示例第{subject}号有限公司",
        "行政相对人代码_1(统一社会信用代码)": code,
        "行政相对人代码_2(组织机构代码)": code[8:17],
        "行政相对人代码_3(工商登记码)": f"13{subject:013}",
        "罚款金额(万元)": f"{dice.between(1, 100_000) / 1000:.6f}",
    }


def _made_dirty(row: dict[str, str], dirts: Sequence[Dirt], dice: Dice) -> dict[str, str]:
    while True:
        changed = dice.one_of(dirts).change(row, _ROW_COLUMNS, dice)
        if changed is not None:
            return {column: str(value or "") for column, value in changed.items()}


# --- As a process -------------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Fills the folder and keeps its supply fresh until the process is stopped; returns the exit code."""
    return run_supplier(argv, _load, _advance)


async def _load(world: World, folder: Path, dirt: int) -> Mapping[str, str]:
    drop_hebei(world, folder, dirt=dirt)
    return {"drop_folder": str(folder)}


async def _advance(folder: Path, to: datetime) -> None:
    advance_hebei(folder, to)


if __name__ == "__main__":
    sys.exit(main())
