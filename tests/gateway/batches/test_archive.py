"""The archive: a line for every subject, what may still be given out, and no cell that a spreadsheet would calculate."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import timedelta

import pytest

from contract.errors import ErrorCode, HurenError
from contract.report_check import ReportError, ReportFault
from contract.spreadsheet import safe_cell
from contract.uscc import Uscc
from gateway.batches.archive import TABLE_NAME
from gateway.batches.callers import BatchCaller
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_status_pb2
from runtime.database import Database
from tests.gateway.batches.shop import BANK, GROUP, INSTITUTION, House, house, listed
from tests.support.federation import uscc

ONE, TWO, THREE = uscc(1), uscc(2), uscc(3)
CHOICES = wire.RequestReportRequest()
PDF = wire.REPORT_FORMAT_PDF
SUPERSEDED = report_status_pb2.REPORT_STATE_SUPERSEDED
REVOKED = report_status_pb2.REPORT_STATE_REVOKED


@pytest.fixture
async def home(database: Database) -> House:
    made = await house(database)
    made.grants.usable |= {code: bytes([1]) * 32 for code in (ONE, TWO, THREE)}
    return made


async def done(home: House, *codes: str, caller: BatchCaller = GROUP) -> str:
    batch = await home.service().begin(caller, CHOICES, listed(*codes), idempotency_key="batch-of-today")
    await home.work_all()
    return batch


async def archive(
    home: House, batch: str, caller: BatchCaller = GROUP, form: wire.ReportFormat.ValueType = PDF
) -> bytes:
    out = io.BytesIO()
    await home.service().archive(batch, caller, out, form)
    return out.getvalue()


def names(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        assert made.testzip() is None
        return made.namelist()


def table(content: bytes) -> list[dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        written = made.read(TABLE_NAME)
    assert written.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"), newline="")))


async def number_of(home: House, batch: str, code: Uscc) -> str:
    return (await home.lines(batch))[code].report_number


async def test_holds_each_report_in_the_order_of_the_list_and_a_line_for_every_subject(home: House) -> None:
    home.shop.errors[TWO] = HurenError(ErrorCode.SUBJECT_CANCELLED, date="2025-01-06")
    batch = await done(home, THREE, TWO, ONE, "=cmd|x")
    three, one = await number_of(home, batch, THREE), await number_of(home, batch, ONE)
    content = await archive(home, batch)

    assert names(content) == [f"{three}.pdf", f"{three}.report", f"{one}.pdf", f"{one}.report", TABLE_NAME]
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        assert made.read(f"{one}.pdf") == f"file of {one}".encode()
        issued = await home.shop.get_report(one, home.shop.requests_about(ONE)[0].caller)
        assert made.read(f"{one}.report") == issued.envelope
    first, second, third, fourth = table(content)
    assert first == {
        "行号": "1",
        "清单所填": THREE,
        "统一社会信用代码": THREE,
        "名称": first["名称"],
        "办理情况": "已出具",
        "报告编号": three,
        "出具时间": "2026-11-22 10:30:00",
        "报告状态": "未更新、未作废",
        "文件": f"{three}.pdf；{three}.report",
        "原因": "",
        "原因代码": "",
    }
    assert first["名称"].startswith("北京示例企业")
    assert (second["办理情况"], second["文件"], second["原因代码"]) == ("未出具", "", "SUBJECT_CANCELLED")
    assert "2025-01-06" in second["原因"]
    assert third["报告编号"] == one
    assert (fourth["清单所填"], fourth["统一社会信用代码"], fourth["原因代码"]) == ("'=cmd|x", "", "USCC_MALFORMED")


async def test_the_same_state_gives_the_same_bytes(home: House) -> None:
    batch = await done(home, ONE, TWO)
    first = await archive(home, batch)
    home.shop.now += timedelta(days=1)
    assert await archive(home, batch) == first


async def test_holds_json_by_choice(home: House) -> None:
    batch = await done(home, ONE)
    number = await number_of(home, batch, ONE)
    assert names(await archive(home, batch, form=wire.REPORT_FORMAT_JSON))[0] == f"{number}.json"


async def test_is_not_ready_before_every_line_has_ended(home: House) -> None:
    home.shop.open_for.add(ONE)
    batch = await done(home, ONE, TWO)
    with pytest.raises(HurenError) as raised:
        await archive(home, batch)
    assert raised.value.code is ErrorCode.BATCH_NOT_READY
    await home.service().cancel(batch, GROUP)
    with pytest.raises(HurenError) as raised:
        await archive(home, batch)
    assert raised.value.code is ErrorCode.BATCH_NOT_READY
    home.shop.now += timedelta(minutes=1)
    await home.work_all()
    assert [row["办理情况"] for row in table(await archive(home, batch))] == ["已终止", "已出具"]


@pytest.mark.parametrize(
    ("caller", "state", "packed", "told"),
    [
        pytest.param(GROUP, SUPERSEDED, True, "信息已更新", id="superseded-for-its-owner"),
        pytest.param(INSTITUTION, SUPERSEDED, False, "信息已更新", id="superseded-for-a-grantee"),
        pytest.param(GROUP, REVOKED, False, "报告已作废", id="revoked-for-its-owner"),
        pytest.param(INSTITUTION, REVOKED, False, "报告已作废", id="revoked-for-a-grantee"),
    ],
)
async def test_what_does_not_stand_any_more_is_listed_and_packed_for_whom_it_may_be(
    home: House, caller: BatchCaller, state: int, *, packed: bool, told: str
) -> None:
    batch = await done(home, ONE, TWO, caller=caller)
    number = await number_of(home, batch, ONE)
    home.shop.standings[number] = state
    content = await archive(home, batch, caller)

    assert (f"{number}.report" in names(content)) is packed
    assert (f"{number}.pdf" in names(content)) is packed
    row, other = table(content)
    assert (row["报告编号"], row["报告状态"], row["文件"] != "", row["原因"] != "") == (
        number,
        told,
        packed,
        not packed,
    )
    assert other["文件"]


async def test_a_mandate_that_ended_opens_nothing(home: House) -> None:
    batch = await done(home, ONE, TWO)
    home.callers.errors[ONE] = HurenError(ErrorCode.NO_MANDATE)
    number = await number_of(home, batch, ONE)
    content = await archive(home, batch)
    assert not any(name.startswith(number) for name in names(content))
    row = table(content)[0]
    assert (row["原因代码"], row["名称"], row["报告状态"], row["出具时间"]) == ("NO_MANDATE", "", "", "")


async def test_a_grant_that_was_taken_back_opens_nothing(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = await done(home, ONE, caller=INSTITUTION)

    async def taken_back(*_: object) -> None:
        raise HurenError(ErrorCode.GRANT_REVOKED)

    monkeypatch.setattr(home.shop, "get_report", taken_back)
    content = await archive(home, batch, INSTITUTION)
    assert names(content) == [TABLE_NAME]
    assert table(content)[0]["原因代码"] == "GRANT_REVOKED"


async def test_a_file_that_cannot_be_made_is_told_and_the_statement_is_packed(home: House) -> None:
    batch = await done(home, ONE, TWO)
    number = await number_of(home, batch, ONE)
    home.shop.hooks["file"] = lambda what: _fail(what, number, HurenError(ErrorCode.FILE_NOT_MADE))
    content = await archive(home, batch)
    assert names(content)[0] == f"{number}.report"
    row, other = table(content)
    assert (row["文件"], row["原因代码"], other["原因代码"]) == (f"{number}.report", "FILE_NOT_MADE", "")


async def test_of_a_statement_that_does_not_verify_nothing_is_packed(home: House) -> None:
    batch = await done(home, ONE)
    number = await number_of(home, batch, ONE)
    home.shop.hooks["file"] = lambda what: _fail(what, number, ReportError(next(iter(ReportFault)), "x"))
    content = await archive(home, batch)
    assert names(content) == [TABLE_NAME]
    assert table(content)[0]["原因代码"] == "FILE_NOT_MADE"


async def test_a_house_that_makes_too_many_files_makes_no_half_archive(home: House) -> None:
    batch = await done(home, ONE)
    number = await number_of(home, batch, ONE)
    home.shop.hooks["file"] = lambda what: _fail(what, number, HurenError(ErrorCode.OVERLOADED))
    with pytest.raises(HurenError) as raised:
        await archive(home, batch)
    assert raised.value.code is ErrorCode.OVERLOADED


async def test_an_institutions_report_about_itself_is_its_own(home: House) -> None:
    batch = await done(home, BANK, caller=INSTITUTION)
    number = await number_of(home, batch, BANK)
    home.shop.standings[number] = SUPERSEDED
    assert f"{number}.report" in names(await archive(home, batch, INSTITUTION))


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "＝1", "\t1", "911100000000000000"])
def test_a_cell_that_would_be_calculated_or_rounded_is_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def _fail(what: str, number: str, error: Exception) -> None:
    if what == number:
        raise error
