"""`huren report request`: asks a gateway as an enterprise would, with the enterprise's certificate, and checks what it gets."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import grpc

from cli.federation import FederationError, Layout, gateway_name, known_name
from cli.terminal import err, out, show_report
from contract.catalogue import published_catalogues
from contract.days import MAX_WINDOW_YEARS, china_day, years_after
from contract.eligibility import require_subject_code
from contract.errors import HurenError
from contract.province import Province
from contract.report_check import CheckedReport, ReportError, check_report
from contract.report_json import render
from contract.uscc import home_hint
from gateway.federation.directory import Member
from huren.common.v1 import common_pb2, error_pb2
from huren.fragment.v1 import fragment_pb2, refusal_pb2
from huren.report.v1 import report_service_pb2 as wire
from huren.report.v1 import report_service_pb2_grpc
from runtime.clock import system_clock
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail
from runtime.settings import TLSSettings
from sandbox.pki import issue_enterprise_certificate
from signing import TrustStore, TrustStoreError, Verifier

EXIT_ISSUED: Final = 0
EXIT_NOT_SERVED: Final = 1
EXIT_NOT_YET: Final = 4

_TIMEOUT_S: Final = 30.0


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
    """

    uscc: str
    gateway: Province | None = None
    first_day: date | None = None
    last_day: date | None = None
    domains: tuple[str, ...] = ()
    key: str | None = None


@dataclass(frozen=True, slots=True)
class NotServedError(Exception):
    """The gateway does not serve the request."""

    detail: error_pb2.ErrorDetail


@dataclass(frozen=True, slots=True)
class UnreachableError(Exception):
    """The gateway did not answer."""

    province: Province
    status: str


def run(asked: Asked, directory: Path, *, out: Path | None, as_json: bool) -> int:
    """Asks, shows, saves. Returns the exit code."""
    try:
        response = request(asked, Layout(directory.resolve()))
        if response.WhichOneof("result") == "open":
            _show_open(response.open, as_json=as_json)
            return EXIT_NOT_YET
        checked = check(response.sealed, Layout(directory.resolve()))
    except NotServedError as error:
        _show_error(error.detail, as_json=as_json)
        return EXIT_NOT_SERVED
    except UnreachableError as error:
        _complain(
            f"{error.province.name_zh}网关未应答（{error.status}）。请确认 huren up 正在运行。",
            f"The gateway of {error.province.name_en} did not answer ({error.status}). Does `huren up` run?",
        )
        return EXIT_NOT_SERVED
    except (FederationError, TrustStoreError) as error:
        err.print(str(error), markup=False, soft_wrap=True)
        return EXIT_NOT_SERVED
    except ReportError as error:
        _complain(
            f"网关给出的报告未通过核验，未予保存：{error}", f"The report does not verify; it was not saved: {error}"
        )
        return EXIT_NOT_SERVED
    saved = save(checked, out) if out is not None else ()
    if as_json:
        print(json.dumps(render(checked), ensure_ascii=False, indent=1))  # noqa: T201  # the command's output
    else:
        show_report(checked)
    for path in saved:
        err.print(f"已保存 saved: {path}", markup=False, soft_wrap=True)
    return EXIT_ISSUED


def request(asked: Asked, layout: Layout) -> wire.RequestReportResponse:
    """Asks a gateway.

    Raises:
        FederationError: No federation runs.
        NotServedError: The gateway does not serve the request.
        UnreachableError: It did not answer.
    """
    return asyncio.run(_request(asked, layout))


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


async def _request(asked: Asked, layout: Layout) -> wire.RequestReportResponse:
    addresses = layout.addresses()
    try:
        uscc = require_subject_code(asked.uscc)
    except HurenError as error:  # nobody has a certificate for it, so the gateway could not say so itself
        raise NotServedError(error.to_wire()) from error
    message = _message(asked)
    first = asked.gateway or home_hint(uscc) or Province.BEIJING
    tls = issue_enterprise_certificate(layout.pki, uscc, known_name(layout, uscc), system_clock())
    try:
        return await _call(addresses[first], tls, message)
    except NotServedError as error:
        elsewhere = error.detail.retry == error_pb2.ERROR_RETRY_ELSEWHERE
        if asked.gateway is not None or not elsewhere:
            raise
        home = Province(error.detail.province)
        err.print(
            f"登记地为{home.name_zh}，转向其网关 · registered in {home.name_en}, asking there",
            markup=False,
            soft_wrap=True,
        )
        return await _call(addresses[home], tls, message)


async def _call(member: Member, tls: TLSSettings, message: wire.RequestReportRequest) -> wire.RequestReportResponse:
    if not member.gateway:
        raise UnreachableError(member.province, "未启动 not started")
    async with open_channel(member.gateway, tls, server_name=gateway_name(member.province)) as channel:
        stub = report_service_pb2_grpc.ReportServiceStub(channel)
        try:
            response: wire.RequestReportResponse = await stub.RequestReport(message, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            detail = error_detail(error)
            if detail is None:
                raise UnreachableError(member.province, error.code().name) from error
            raise NotServedError(detail) from error
        return response


def _message(asked: Asked) -> wire.RequestReportRequest:
    message = wire.RequestReportRequest(
        idempotency_key=asked.key or secrets.token_hex(16), uscc=asked.uscc, domains=asked.domains
    )
    if asked.first_day or asked.last_day:
        last = asked.last_day or china_day(system_clock())
        first = asked.first_day or years_after(last, -MAX_WINDOW_YEARS)
        message.window.CopyFrom(common_pb2.Window(first_day=first.isoformat(), last_day=last.isoformat()))
    return message


def _show_open(opened: wire.OpenRequest, *, as_json: bool) -> None:
    lines = [_progress_line(status) for status in opened.provinces]
    if as_json:
        document = {"result": "open", "request_id": opened.request_id, "provinces": lines}
        print(json.dumps(document, ensure_ascii=False, indent=1))  # noqa: T201  # the command's output
        return
    out.print(
        f"办理中，尚不能出具报告。受理编号 {opened.request_id}（非报告编号，不作证明使用）",
        markup=False,
        soft_wrap=True,
    )
    out.print("Not yet: no report, and nothing is proven by this.", markup=False, soft_wrap=True)
    for line in lines:
        out.print(
            f"  {line['name']}  {line['progress']}  {line['reason']}  {line['contact']}", markup=False, soft_wrap=True
        )


_PROGRESS: Final = {
    wire.PROVINCE_PROGRESS_ANSWERED: "已反馈 answered",
    wire.PROVINCE_PROGRESS_ANSWERED_IN_PART: "部分未反馈 answered in part",
    wire.PROVINCE_PROGRESS_REFUSED: "未受理 refused",
    wire.PROVINCE_PROGRESS_UNAVAILABLE: "未反馈 no answer",
    wire.PROVINCE_PROGRESS_INADMISSIBLE: "未采用 not admitted",
}


def _progress_line(status: wire.ProvinceStatus) -> dict[str, str]:
    gaps = "、".join(
        f"{gap.key.domain}:{fragment_pb2.UnavailableReason.Name(gap.reason).removeprefix('UNAVAILABLE_REASON_')}"
        for gap in status.gaps
    )
    refusal = refusal_pb2.RefusalReason.Name(status.refusal).removeprefix("REFUSAL_REASON_") if status.refusal else ""
    return {
        "name": Province(status.province).name_zh,
        "progress": _PROGRESS[status.progress],
        "reason": status.reason or refusal or gaps,
        "contact": f"{status.contact.unit} {status.contact.telephone}".strip(),
    }


def _show_error(detail: error_pb2.ErrorDetail, *, as_json: bool) -> None:
    if as_json:
        document = {
            "result": "error",
            "code": detail.code,
            "field": detail.field,
            "zh": detail.message_zh,
            "en": detail.message_en,
        }
        print(json.dumps(document, ensure_ascii=False, indent=1))  # noqa: T201  # the command's output
        return
    _complain(detail.message_zh, detail.message_en)
    if detail.HasField("contact"):
        err.print(
            f"{detail.contact.unit} {detail.contact.telephone} {detail.contact.url}".rstrip(),
            markup=False,
            soft_wrap=True,
        )


def _complain(zh: str, en: str) -> None:
    err.print(zh, markup=False, soft_wrap=True)
    err.print(en, markup=False, soft_wrap=True)
