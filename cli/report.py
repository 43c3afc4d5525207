"""`huren report`: asks a home as an enterprise would, with the enterprise's certificate, and checks what it gets.

A report is believed, shown and saved only after it was checked by every rule. `cli/requests.py` has the words for what is no report
yet, and for what a home says about one.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

from cli.calling import NotServedError as NotServedError
from cli.calling import Stub, as_enterprise, known_home, subject_code
from cli.calling import UnreachableError as UnreachableError
from cli.layout import FederationError, Layout
from cli.requests import (
    contact_document,
    contact_text,
    ended_document,
    ended_lines,
    local_time,
    notice_document,
    notice_line,
    open_lines,
    progress_line,
    standing_document,
    standing_lines,
)
from cli.requests import open_document as open_document
from cli.terminal import command, complain, emit, error_document, say, show_report
from contract import report_number
from contract.catalogue import published_catalogues
from contract.days import CHINA, DayRange, china_day
from contract.province import Province
from contract.report_check import CheckedReport, ReportError, check_report
from contract.report_json import render
from huren.common.v1 import common_pb2, error_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire
from runtime.clock import system_clock
from signing import TrustStore, TrustStoreError, Verifier
from verifier.verify import verify

EXIT_ISSUED: Final = 0
EXIT_DONE: Final = 0
EXIT_NOT_SERVED: Final = 1
EXIT_NOT_YET: Final = 4
EXIT_ENDED: Final = 5

_TIMEOUT_S: Final = 30.0
_RENDER_TIMEOUT_S: Final = 120.0
"""A report of many records has many pages."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to ask for.

    Attributes:
        uscc: As the person wrote it.
        gateway: Which gateway. None: the home, as far as the code tells; then wherever the answer points.
        first_day: First day of the window. None: five years before the last.
        last_day: Last day of the window. None: today.
        domains: Ids. Empty: all.
        key: Idempotency key. None: a random one.
        grantee: Code of who asks under a grant, as the person wrote it. None: the subject itself.
        grant: Statement id of that grant.
    """

    uscc: str
    gateway: Province | None = None
    first_day: date | None = None
    last_day: date | None = None
    domains: tuple[str, ...] = ()
    key: str | None = None
    grantee: str | None = None
    grant: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Who asks, where, and what becomes of the answer.

    Attributes:
        layout: The federation.
        uscc: The enterprise's code, as the person wrote it.
        gateway: Which gateway. None: where the enterprise knows itself to be registered.
        out: Where files go. None: nothing is saved.
        as_json: Whether the answer is printed for programs.
    """

    layout: Layout
    uscc: str
    gateway: Province | None = None
    out: Path | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class PDFError(Exception):
    """The PDF that the home gave does not verify, or holds another report.

    Attributes:
        headline: What the verifier says about it.
        reason: Name of the rule that is broken; empty if none.
    """

    headline: str
    reason: str


# --- Commands ---------------------------------------------------------------------------------------------------------


def request_report(desk: Desk, asked: Asked, *, wait: bool) -> int:
    """Asks, shows, saves; on demand waits for the end. Returns the exit code."""

    def work() -> int:
        if not desk.as_json:
            complain("正在向四地查询 · asking the four provinces")
        response = request(asked, desk.layout)
        if response.WhichOneof("result") == "open" and wait:
            opened = response.open
            complain(
                f"受理编号 {opened.request_id}（非报告编号）。登记地自动办理至{local_time(opened.completion_until)}",
                "Not yet; the home goes on by itself. Ctrl-C stops waiting, not the request.",
            )
            return _watched(desk, opened.request_id)
        return _shown(desk, response)

    return guarded(desk, work)


def watch_request(desk: Desk, request_id: str) -> int:
    """Waits for the end of a request, showing each change. Returns the exit code."""
    return guarded(desk, lambda: _watched(desk, request_id))


def cancel_request(desk: Desk, request_id: str) -> int:
    """Gives a request up. Returns the exit code: done only where that is how it ended."""

    async def call(stub: Stub) -> wire.CancelRequestResponse:
        return await stub.CancelRequest(wire.CancelRequestRequest(request_id=request_id), timeout=_TIMEOUT_S)

    def work() -> int:
        response = _called(desk, call)
        if response.WhichOneof("result") == "sealed":
            number = response.sealed.report_number
            _refuse(
                desk,
                "ISSUED_ALREADY",
                f"报告已出具（{number}），不能再终止申请。",
                f"The report {number} was issued already: there is nothing to give up.",
                report_number=number,
            )
            return EXIT_NOT_SERVED
        _show_ended(desk, response.ended)
        return EXIT_DONE if response.ended.end == wire.REQUEST_END_CANCELLED else EXIT_NOT_SERVED

    return guarded(desk, work)


def get_report(desk: Desk, number: str) -> int:
    """Gives an issued report to its owner, with where it stands and why. Returns the exit code."""

    async def call(stub: Stub) -> wire.GetReportResponse:
        return await stub.GetReport(wire.GetReportRequest(report_number=number), timeout=_TIMEOUT_S)

    def work() -> int:
        response = asyncio.run(as_enterprise(desk.layout, desk.uscc, call, gateway=_issuer(number)))
        checked = check(response.sealed, desk.layout)
        saved = _saved(desk, checked)
        if desk.as_json:
            emit(_owner_document(desk, response, saved))
        else:
            show_report(checked)
            say()
            for line in standing_lines(response.standing):
                say(line)
            _show_codes(desk, response.sealed)
        _show_saved(saved)
        return EXIT_DONE

    return guarded(desk, work)


def list_notices(desk: Desk) -> int:
    """Shows what the home told the enterprise. Returns the exit code."""

    async def call(stub: Stub) -> wire.ListNoticesResponse:
        return await stub.ListNotices(wire.ListNoticesRequest(), timeout=_TIMEOUT_S)

    def work() -> int:
        notices = _called(desk, call).notices
        if desk.as_json:
            emit({"result": "notices", "notices": [notice_document(notice) for notice in notices]})
        else:
            say(f"登记地的通知共{len(notices)}条 · notices of the home: {len(notices)}")
            for notice in notices:
                say(notice_line(notice))
        return EXIT_DONE

    return guarded(desk, work)


# --- Steps ------------------------------------------------------------------------------------------------------------


def request(asked: Asked, layout: Layout) -> wire.RequestReportResponse:
    """Asks a gateway.

    Raises:
        FederationError: No federation runs.
        NotServedError: The gateway does not serve the request.
        UnreachableError: It did not answer.
    """
    message = _message(asked)

    async def call(stub: Stub) -> wire.RequestReportResponse:
        return await stub.RequestReport(message, timeout=_TIMEOUT_S)

    if asked.grantee is None:
        return asyncio.run(as_enterprise(layout, asked.uscc, call, gateway=asked.gateway))
    # A grant is the subject's home's, wherever the grantee is at home.
    home = asked.gateway or known_home(layout, subject_code(asked.uscc))
    return asyncio.run(as_enterprise(layout, asked.grantee, call, gateway=home))


def check(sealed: wire.SealedReport, layout: Layout) -> CheckedReport:
    """Checks an issued report by the federation's trust data.

    Raises:
        ReportError: It does not verify.
        TrustStoreError: The trust data cannot be read.
    """
    trust = TrustStore.from_directory(layout.pki.trust)
    return check_report(sealed.report_envelope, verifier=Verifier(trust), catalogues=published_catalogues())


def save(checked: CheckedReport, folder: Path) -> tuple[Path, Path]:
    """Writes the statement and its JSON form into a folder; the names are the report's number."""
    folder.mkdir(parents=True, exist_ok=True)
    statement = folder / f"{checked.report.report_number}.report"
    readable = statement.with_suffix(".json")
    statement.write_bytes(checked.statement.envelope)
    readable.write_text(json.dumps(render(checked), ensure_ascii=False, indent=1) + "\n", "utf-8")
    return statement, readable


def save_pdf(checked: CheckedReport, folder: Path, layout: Layout, *, reader: str | None = None) -> Path:
    """Fetches the PDF from the home, verifies it as a receiver would, and writes it beside them.

    Raises:
        NotServedError, UnreachableError: The home does not give it.
        PDFError: It is not that report's, or does not verify.
    """
    number = checked.report.report_number

    async def call(stub: Stub) -> wire.RenderReportResponse:
        message = wire.RenderReportRequest(report_number=number, format=wire.REPORT_FORMAT_PDF)
        return await stub.RenderReport(message, timeout=_RENDER_TIMEOUT_S)

    uscc = reader or checked.report.subject.uscc
    response = asyncio.run(as_enterprise(layout, uscc, call, gateway=_issuer(number)))
    trust = TrustStore.from_directory(layout.pki.trust)
    result = verify(response.content, trust=trust, catalogues=published_catalogues(), at=system_clock())
    if result.checked is None or result.checked.statement.envelope != checked.statement.envelope:
        raise PDFError(result.wording.headline, result.reason)
    path = folder / f"{number}.pdf"
    path.write_bytes(response.content)
    return path


def _called(desk: Desk, call: Callable[[Stub], Awaitable[T]]) -> T:
    """Calls the home, as the enterprise knows it."""
    gateway = desk.gateway or known_home(desk.layout, subject_code(desk.uscc))
    return asyncio.run(as_enterprise(desk.layout, desk.uscc, call, gateway=gateway))


def _watched(desk: Desk, request_id: str) -> int:
    async def call(stub: Stub) -> wire.WatchReportResponse | None:
        last = None
        async for response in stub.WatchReport(wire.WatchReportRequest(request_id=request_id)):
            last = response
            if response.WhichOneof("result") == "open":
                _show_progress(desk, response.open)
        return last

    try:
        response = _called(desk, call)
    except KeyboardInterrupt:
        complain("不再等待，登记地继续办理 · no longer waiting; the home goes on")
        return EXIT_NOT_YET
    except UnreachableError:
        again = command("report", "watch", request_id, "--uscc", desk.uscc, "--dir", str(desk.layout.directory))
        complain(f"登记地恢复后将继续办理，届时可查看 · the home goes on when it is back; look again with: {again}")
        raise
    return EXIT_NOT_YET if response is None else _shown(desk, response)


def _shown(desk: Desk, response: wire.RequestReportResponse | wire.WatchReportResponse) -> int:
    result = response.WhichOneof("result")
    if result == "open":
        return _not_yet(desk, response.open)
    if result == "ended":
        _show_ended(desk, response.ended)
        return EXIT_ENDED
    checked = check(response.sealed, desk.layout)
    saved = _saved(desk, checked)
    if desk.as_json:
        emit(render(checked))
    else:
        show_report(checked)
        _show_codes(desk, response.sealed)
    _show_saved(saved)
    return EXIT_ISSUED


def _message(asked: Asked) -> wire.RequestReportRequest:
    message = wire.RequestReportRequest(
        idempotency_key=asked.key or secrets.token_hex(16), uscc=asked.uscc, domains=asked.domains
    )
    if asked.grantee is not None:
        message.basis = query_pb2.AUTHORISATION_BASIS_GRANT
        message.grant_statement_id = asked.grant
    if asked.first_day or asked.last_day:
        last = asked.last_day or china_day(system_clock())
        first = asked.first_day or DayRange.longest(last).first
        message.window.CopyFrom(common_pb2.Window(first_day=first.isoformat(), last_day=last.isoformat()))
    return message


def _issuer(number: str) -> Province:
    return report_number.check(number).province


# --- What is shown and saved ------------------------------------------------------------------------------------------


def _not_yet(desk: Desk, opened: wire.OpenRequest) -> int:
    sheet = _progress_sheet(desk, opened.request_id) if desk.out is not None else None
    if desk.as_json:
        emit(open_document(opened))
    else:
        for line in open_lines(opened):
            say(line)
        follow = ("--uscc", desk.uscc, "--dir", str(desk.layout.directory))
        say(f"  {command('report', 'watch', opened.request_id, *follow)}")
        say(f"  {command('report', 'cancel', opened.request_id, *follow)}")
    if sheet is not None:
        complain(f"办理进度单已保存，不作证明使用 · progress sheet saved, which proves nothing: {sheet}")
    return EXIT_NOT_YET


def _progress_sheet(desk: Desk, request_id: str) -> Path | None:
    """Saves the progress sheet. None: it could not be had, which is told; the request goes on all the same."""

    async def call(stub: Stub) -> wire.RenderProgressSheetResponse:
        message = wire.RenderProgressSheetRequest(request_id=request_id)
        return await stub.RenderProgressSheet(message, timeout=_RENDER_TIMEOUT_S)

    folder = desk.out or Path()
    try:
        response = _called(desk, call)
    except NotServedError as error:  # it may have ended in between
        complain(error.detail.message_zh, error.detail.message_en)
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{request_id}-progress.pdf"
    path.write_bytes(response.content)
    return path


def _show_progress(desk: Desk, opened: wire.OpenRequest) -> None:
    at = f"{system_clock().astimezone(CHINA):%T}"
    line = f"{at}  {progress_line(opened)}"
    if desk.as_json:
        complain(line)
    else:
        say(line)


def _show_ended(desk: Desk, ended: wire.EndedRequest) -> None:
    if desk.as_json:
        emit(ended_document(ended))
        return
    for line in ended_lines(ended):
        say(line)


def _saved(desk: Desk, checked: CheckedReport) -> tuple[Path, ...]:
    if desk.out is None:
        return ()
    return (*save(checked, desk.out), save_pdf(checked, desk.out, desk.layout, reader=desk.uscc))


def _show_saved(saved: tuple[Path, ...]) -> None:
    for path in saved:
        complain(f"已保存 saved: {path}")


def _show_codes(desk: Desk, sealed: wire.SealedReport) -> None:
    url = _verification_url(desk, sealed.report_number)
    say()
    say(f"核验地址 verify at: {url or '（未公布 not published）'}")
    if sealed.typed_code:
        say(f"报告编号 number: {sealed.report_number}   核验码 code: {grouped(sealed.typed_code)}")


def _owner_document(desk: Desk, response: wire.GetReportResponse, saved: tuple[Path, ...]) -> dict[str, Any]:
    sealed = response.sealed
    return {
        "result": "report",
        "report_number": sealed.report_number,
        "standing": standing_document(response.standing),
        "typed_code": sealed.typed_code or None,
        "verification_code": sealed.verification_code,
        "verification_url": _verification_url(desk, sealed.report_number) or None,
        "saved": [str(path) for path in saved],
    }


def _verification_url(desk: Desk, number: str) -> str:
    base = desk.layout.addresses()[_issuer(number)].verification_url
    return f"{base}/verify" if base else ""


def grouped(typed_code: str) -> str:
    """核验码 as it is printed: four groups of four."""
    return "-".join(typed_code[start : start + 4] for start in range(0, len(typed_code), 4))


# --- What was not done ------------------------------------------------------------------------------------------------


def guarded(desk: Desk, work: Callable[[], int]) -> int:
    """Does it, or says why not."""
    try:
        return work()
    except NotServedError as error:
        _show_error(error.detail, as_json=desk.as_json)
    except UnreachableError as error:
        _refuse(
            desk,
            "GATEWAY_UNREACHABLE",
            f"{error.province.name_zh}网关未应答（{error.status}）。请确认 huren up 正在运行，且该省（市）未被停止。",
            f"The gateway of {error.province.name_en} did not answer ({error.status}). Does `huren up` run, and the province?",
            province=error.province.slug,
        )
    except FederationError as error:
        _refuse(desk, "NO_FEDERATION", error.zh, error.en)
    except TrustStoreError as error:
        _refuse(desk, "TRUST_UNUSABLE", f"信任数据不可用：{error}", f"The trust data cannot be used: {error}")
    except ReportError as error:
        _refuse(
            desk,
            "REPORT_NOT_VERIFIED",
            f"网关给出的报告未通过核验，未予保存：{error}",
            f"The report does not verify; it was not saved: {error}",
            fault=error.fault,
        )
    except PDFError as error:
        _refuse(
            desk,
            "PDF_NOT_VERIFIED",
            f"报告已出具；网关给出的 PDF 未通过核验，未予保存：{error.headline} {error.reason}",
            f"The report was issued; the PDF does not verify and was not saved: {error.reason or error.headline}",
        )
    except OSError as error:
        _refuse(desk, "FILE_NOT_WRITTEN", f"文件无法写入：{error}", f"The file cannot be written: {error}")
    return EXIT_NOT_SERVED


def error_json(detail: error_pb2.ErrorDetail) -> dict[str, Any]:
    """An error of the table as JSON."""
    return error_document(
        detail.code,
        detail.message_zh,
        detail.message_en,
        field=detail.field,
        origin=error_pb2.ErrorOrigin.Name(detail.origin).removeprefix("ERROR_ORIGIN_"),
        retry=error_pb2.ErrorRetry.Name(detail.retry).removeprefix("ERROR_RETRY_"),
        province=Province(detail.province).slug if detail.province else None,
        ask_again_after_s=detail.retry_after.ToTimedelta().total_seconds() if detail.HasField("retry_after") else None,
        contact=contact_document(detail.contact) if detail.HasField("contact") else None,
    )


def _show_error(detail: error_pb2.ErrorDetail, *, as_json: bool) -> None:
    if as_json:
        emit(error_json(detail))
        return
    complain(detail.message_zh, detail.message_en)
    if detail.HasField("contact"):
        complain(contact_text(contact_document(detail.contact)))


def _refuse(desk: Desk, code: str, zh: str, en: str, **facts: object) -> None:
    if desk.as_json:
        emit(error_document(code, zh, en, **facts))
    else:
        complain(zh, en)
