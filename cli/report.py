"""`huren report request`: asks a gateway as an enterprise would, with the enterprise's certificate, and checks what it gets."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import grpc

from cli.calling import gateway_name, known_name
from cli.layout import FederationError, Layout
from cli.terminal import complain, emit, error_document, say, show_report
from contract.catalogue import PENALTY, SERIOUS_LIST, published_catalogues
from contract.days import MAX_WINDOW_YEARS, china_day, years_after
from contract.eligibility import require_subject_code
from contract.errors import HurenError
from contract.province import Province
from contract.reasons import CELL_REASONS, OUTCOME_REASONS, REFUSAL_REASONS, Words, cell_code, refusal_code
from contract.report_check import CheckedReport, ReportError, check_report
from contract.report_json import render
from contract.uscc import home_hint
from gateway.federation.directory import Member
from huren.common.v1 import common_pb2, error_pb2
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
        _not_done(
            "GATEWAY_UNREACHABLE",
            f"{error.province.name_zh}网关未应答（{error.status}）。请确认 huren up 正在运行。",
            f"The gateway of {error.province.name_en} did not answer ({error.status}). Does `huren up` run?",
            as_json=as_json,
            province=error.province.slug,
        )
        return EXIT_NOT_SERVED
    except FederationError as error:
        _not_done("NO_FEDERATION", error.zh, error.en, as_json=as_json)
        return EXIT_NOT_SERVED
    except TrustStoreError as error:
        _not_done(
            "TRUST_UNUSABLE", f"信任数据不可用：{error}", f"The trust data cannot be used: {error}", as_json=as_json
        )
        return EXIT_NOT_SERVED
    except ReportError as error:
        _not_done(
            "REPORT_NOT_VERIFIED",
            f"网关给出的报告未通过核验，未予保存：{error}",
            f"The report does not verify; it was not saved: {error}",
            as_json=as_json,
            fault=error.fault,
        )
        return EXIT_NOT_SERVED
    saved = save(checked, out) if out is not None else ()
    if as_json:
        emit(render(checked))
    else:
        show_report(checked)
    for path in saved:
        complain(f"已保存 saved: {path}")
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
        complain(f"登记地为{home.name_zh}，转向其网关 · registered in {home.name_en}, asking there")
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


# --- An open request --------------------------------------------------------------------------------------------------

_PROGRESS: Final = {
    wire.PROVINCE_PROGRESS_ANSWERED: Words("已反馈", "answered"),
    wire.PROVINCE_PROGRESS_ANSWERED_IN_PART: Words("部分未反馈", "answered in part"),
    wire.PROVINCE_PROGRESS_REFUSED: Words("未受理", "refused"),
    wire.PROVINCE_PROGRESS_UNAVAILABLE: Words("未反馈", "no answer"),
    wire.PROVINCE_PROGRESS_INADMISSIBLE: Words("未采用", "not admitted"),
}

_GAP_KINDS: Final = {
    wire.GAP_KIND_TRANSIENT: Words("可再次申请", "asking again may help"),
    wire.GAP_KIND_NEEDS_ORIGIN: Words("须由该省（市）处理", "somebody there has to act"),
    wire.GAP_KIND_FINAL: Words("再次申请无法解决", "asking again will not help"),
}

_KINDS: Final = {PENALTY: "行政处罚", SERIOUS_LIST: "严重失信主体名单"}


def open_document(opened: wire.OpenRequest) -> dict[str, Any]:
    """An open request as JSON: codes beside words, and no verdict."""
    again = opened.ask_again_after.ToTimedelta().total_seconds() if opened.HasField("ask_again_after") else None
    return {
        "result": "open",
        "request_id": opened.request_id,
        "ask_again_after_s": again,
        "provinces": [_province_document(status) for status in opened.provinces],
    }


def _province_document(status: wire.ProvinceStatus) -> dict[str, Any]:
    progress = wire.ProvinceProgress.Name(status.progress).removeprefix("PROVINCE_PROGRESS_")
    gap_kind = wire.GapKind.Name(status.gap_kind).removeprefix("GAP_KIND_")
    return {
        "province": Province(status.province).slug,
        "name": Province(status.province).name_zh,
        "progress": _coded(progress, _PROGRESS.get(status.progress)),
        "reason": _reason(status),
        "gaps": [_gap(gap) for gap in status.gaps],
        "gap_kind": _coded(gap_kind, _GAP_KINDS.get(status.gap_kind)) if status.gap_kind else None,
        "attempts": status.attempts,
        "contact": _contact(status.contact) if status.HasField("contact") else None,
    }


def _reason(status: wire.ProvinceStatus) -> dict[str, str] | None:
    if status.refusal:
        return _coded(refusal_code(status.refusal), REFUSAL_REASONS.get(status.refusal))
    return _coded(status.reason, OUTCOME_REASONS.get(status.reason)) if status.reason else None


def _gap(gap: wire.CellGap) -> dict[str, Any]:
    catalogue = published_catalogues().in_force(china_day(system_clock()))
    domain = catalogue.domain_by_id.get(gap.key.domain)
    return {
        "domain": gap.key.domain,
        "domain_name": domain.name if domain else gap.key.domain,
        "kind": common_pb2.RecordKind.Name(gap.key.kind).removeprefix("RECORD_KIND_"),
        "kind_name": _KINDS.get(gap.key.kind, ""),
        "reason": _coded(cell_code(gap.reason), CELL_REASONS.get(gap.reason)),
    }


def _coded(code: str, words: Words | None) -> dict[str, str]:
    return {"code": code, "zh": words.zh if words else code, "en": words.en if words else code}


def _contact(contact: common_pb2.Contact) -> dict[str, str]:
    return {"unit": contact.unit, "telephone": contact.telephone, "url": contact.url}


def _show_open(opened: wire.OpenRequest, *, as_json: bool) -> None:
    document = open_document(opened)
    if as_json:
        emit(document)
        return
    say(f"办理中，尚不能出具报告。受理编号 {opened.request_id}（非报告编号，不作证明使用）")
    say("Not yet: no report, and nothing is proven by this.")
    for province in document["provinces"]:
        for line in _lines(province):
            say(line)
    again = document["ask_again_after_s"]
    if again is not None:
        say(f"可在{again:g}秒后用同一幂等键再次申请 · asking again, with the same key, may help after {again:g} s")


def _lines(province: dict[str, Any]) -> Iterator[str]:
    progress, reason, kind, contact = (province[name] for name in ("progress", "reason", "gap_kind", "contact"))
    said = [f"{one['zh']} {one['en']}" for one in (progress, reason) if one]
    yield f"  {province['name']}  {'：'.join(said)}"
    for gap in province["gaps"]:
        yield f"    {gap['domain_name']}（{gap['kind_name']}）：{gap['reason']['zh']} {gap['reason']['en']}"
    if kind:
        yield f"    {kind['zh']} {kind['en']}"
        if contact:
            yield f"    联系 contact: {' '.join(part for part in contact.values() if part)}"


# --- What was not done ------------------------------------------------------------------------------------------------


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
        contact=_contact(detail.contact) if detail.HasField("contact") else None,
    )


def _show_error(detail: error_pb2.ErrorDetail, *, as_json: bool) -> None:
    if as_json:
        emit(error_json(detail))
        return
    complain(detail.message_zh, detail.message_en)
    if detail.HasField("contact"):
        complain(" ".join(part for part in _contact(detail.contact).values() if part))


def _not_done(code: str, zh: str, en: str, *, as_json: bool, **facts: object) -> None:
    if as_json:
        emit(error_document(code, zh, en, **facts))
    else:
        complain(zh, en)
