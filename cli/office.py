"""`huren office`: what two officers of a home do about its reports: take one back (作废), and see where one stands and why.

It asks the home's gateway (huren.office.v1.OfficeService) with an officer's certificate. Nothing is decided here: that it takes two
is the gateway's rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from cli.calling import NotServedError, UnreachableError, gateway_channel, operator_tls
from cli.layout import FederationError, Layout
from cli.report import error_json
from cli.requests import category_document, local_time, standing_document, standing_lines
from cli.terminal import command, complain, emit, error_document, say
from contract.days import from_timestamp
from contract.province import Province
from huren.envelope.v1 import envelope_pb2
from huren.office.v1 import office_service_pb2 as wire
from huren.office.v1 import office_service_pb2_grpc
from huren.report.v1 import report_status_pb2
from sandbox.pki import OFFICERS

EXIT_DONE: Final = 0
EXIT_NOT_DONE: Final = 1

_TIMEOUT_S: Final = 30.0

Stub: TypeAlias = "office_service_pb2_grpc.OfficeServiceAsyncStub"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Whose office, which officer, and how the answer is printed."""

    directory: Path
    province: Province
    officer: str
    as_json: bool


def propose(office: Office, number: str, category: report_status_pb2.RevocationCategory.ValueType, note: str) -> int:
    """Proposes to take a report back. Returns the exit code."""

    async def call(stub: Stub) -> wire.ProposeRevocationResponse:
        message = wire.ProposeRevocationRequest(report_number=number, category=category, note=note)
        return await stub.ProposeRevocation(message, timeout=_TIMEOUT_S)

    def show(response: wire.ProposeRevocationResponse) -> None:
        revocation = response.revocation
        if office.as_json:
            emit({"result": "proposed", "revocation": revocation_document(revocation)})
            return
        say(f"已提出作废 {number}，待另一名工作人员复核：编号 {revocation.proposal}。复核之前报告状态不变。")
        say("Proposed. The report stands as it is until another officer confirms.")
        place = ("--province", office.province.slug, "--dir", str(office.directory))
        other = next(name for name in OFFICERS if name != office.officer)
        say(f"  {command('office', 'confirm', str(revocation.proposal), *place, '--officer', other)}")

    return _run(office, call, show)


def confirm(office: Office, proposal: int) -> int:
    """Confirms another officer's proposal: the report is revoked. Returns the exit code."""

    async def call(stub: Stub) -> wire.ConfirmRevocationResponse:
        return await stub.ConfirmRevocation(wire.ConfirmRevocationRequest(proposal=proposal), timeout=_TIMEOUT_S)

    def show(response: wire.ConfirmRevocationResponse) -> None:
        revocation = response.revocation
        if office.as_json:
            emit({"result": "revoked", "revocation": revocation_document(revocation)})
            return
        say(f"报告 {revocation.report_number} 已作废，即时生效，已通知企业；核验的人会看到“报告已作废”。")
        say("Revoked as of now. The enterprise is told, and whoever verifies the report learns it.")

    return _run(office, call, show)


def withdraw(office: Office, proposal: int) -> int:
    """Gives a proposal up. Returns the exit code."""

    async def call(stub: Stub) -> wire.WithdrawRevocationResponse:
        return await stub.WithdrawRevocation(wire.WithdrawRevocationRequest(proposal=proposal), timeout=_TIMEOUT_S)

    def show(_: wire.WithdrawRevocationResponse) -> None:
        if office.as_json:
            emit({"result": "withdrawn", "proposal": proposal})
            return
        say(f"作废申请{proposal}已撤回，报告状态不变。")
        say("The proposal is withdrawn; the report stands as it is.")

    return _run(office, call, show)


def list_proposals(office: Office) -> int:
    """Shows the proposals that wait for a second officer. Returns the exit code."""

    async def call(stub: Stub) -> wire.ListRevocationsResponse:
        return await stub.ListRevocations(wire.ListRevocationsRequest(), timeout=_TIMEOUT_S)

    def show(response: wire.ListRevocationsResponse) -> None:
        if office.as_json:
            emit({"result": "proposals", "revocations": [revocation_document(one) for one in response.revocations]})
            return
        count = len(response.revocations)
        say(f"{office.province.name_zh}待复核的作废申请{count}件 · proposals that wait for a second officer: {count}")
        for one in response.revocations:
            category = category_document(one.category)
            when = local_time(one.proposed_at)
            say(f"  {one.proposal}  {one.report_number}  {category['zh']} {category['en']}  {one.proposed_by}  {when}")
            say(f"      {one.note}")

    return _run(office, call, show)


def show_standing(office: Office, number: str) -> int:
    """Shows where a report stands, and all that led there. Returns the exit code."""

    async def call(stub: Stub) -> wire.GetStandingResponse:
        return await stub.GetStanding(wire.GetStandingRequest(report_number=number), timeout=_TIMEOUT_S)

    def show(response: wire.GetStandingResponse) -> None:
        if office.as_json:
            emit({"result": "standing", "report_number": number, **standing_document(response.standing)})
            return
        say(f"报告 {number}")
        for line in standing_lines(response.standing):
            say(line)

    return _run(office, call, show)


def revocation_document(revocation: wire.Revocation) -> dict[str, Any]:
    """A proposal as JSON."""
    return {
        "proposal": revocation.proposal,
        "report_number": revocation.report_number,
        "category": category_document(revocation.category),
        "note": revocation.note,
        "proposed_by": revocation.proposed_by,
        "proposed_at": from_timestamp(revocation.proposed_at).isoformat(),
    }


def _run(office: Office, call: Callable[[Stub], Awaitable[T]], show: Callable[[T], None]) -> int:
    """Calls the home's office, shows the answer, or says why there is none."""
    try:
        show(asyncio.run(_called(office, call)))
    except NotServedError as error:
        if office.as_json:
            emit(error_json(error.detail))
        else:
            complain(error.detail.message_zh, error.detail.message_en)
        return EXIT_NOT_DONE
    except UnreachableError as error:
        zh = f"{error.province.name_zh}网关未应答（{error.status}）。请确认 huren up 正在运行。"
        en = f"The gateway of {error.province.name_en} did not answer ({error.status}). Does `huren up` run?"
        return _not_done(office, "GATEWAY_UNREACHABLE", zh, en)
    except FederationError as error:
        return _not_done(office, "NO_FEDERATION", error.zh, error.en)
    return EXIT_DONE


async def _called(office: Office, call: Callable[[Stub], Awaitable[T]]) -> T:
    layout = Layout(office.directory.resolve())
    member = layout.addresses()[office.province]
    tls = operator_tls(layout, envelope_pb2.MEMBER_ROLE_GATEWAY, office.officer)
    if not tls.certificate.exists():
        raise FederationError(
            f"没有名为 {office.officer} 的工作人员证书",
            f"there is no officer's certificate of the name {office.officer}",
        )
    async with gateway_channel(member, tls) as channel:
        stub: Stub = office_service_pb2_grpc.OfficeServiceStub(channel)
        return await call(stub)


def _not_done(office: Office, code: str, zh: str, en: str) -> int:
    if office.as_json:
        emit(error_document(code, zh, en, province=office.province.slug))
    else:
        complain(zh, en)
    return EXIT_NOT_DONE
