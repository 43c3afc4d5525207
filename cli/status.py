"""`huren status`: asks every member how it is, and looks whether people reach each gateway's page for verification."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import grpc
from rich.table import Table

from cli.calling import gateway_name, operator_tls
from cli.layout import FederationError, Layout
from cli.terminal import bold, complain, emit, error_document, visible, wide
from contract.days import CHINA, from_timestamp
from contract.province import Province
from contract.reasons import OUTCOME_REASONS, Words, refusal_words
from gateway.federation.directory import Member
from huren.envelope.v1 import envelope_pb2
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.clock import system_clock
from runtime.grpc_channel import open_channel

_TIMEOUT_S: Final = 10.0
_ADAPTER: Final = envelope_pb2.MEMBER_ROLE_ADAPTER
_GATEWAY: Final = envelope_pb2.MEMBER_ROLE_GATEWAY
_ROLES: Final = {_ADAPTER: Words("适配器", "adapter"), _GATEWAY: Words("网关", "gateway")}
_WIDTH: Final = 140
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class _Seen:
    province: Province
    role: envelope_pb2.MemberRole.ValueType
    status: status_service_pb2.GetMemberStatusResponse | None
    failure: tuple[str, Words] | None = None
    """Where there is no status: why, as a code and in words."""
    page_failure: str | None = None
    """Of a gateway: why its page for verification cannot be had. Empty: it can. None: not looked at."""


def run(directory: Path, *, as_json: bool) -> int:
    """Asks, shows, and returns the exit code."""
    layout = Layout(directory.resolve())
    try:
        seen = asyncio.run(_ask_all(layout))
    except FederationError as error:
        if as_json:
            emit(error_document("NO_FEDERATION", error.zh, error.en))
        else:
            complain(str(error))
        return 1
    now = system_clock()
    rows = [_row(one, now) for one in seen]
    if as_json:
        emit(rows)
    else:
        wide(_WIDTH).print(_table(rows))
    catalogues = {row["catalogue"] for row in rows if row["catalogue"]}
    if len(catalogues) > 1:
        complain("各成员的事项清单不一致 · members disagree about the catalogue")
    return 0 if len(catalogues) == 1 and all(row["healthy"] for row in rows) else 1


async def _ask_all(layout: Layout) -> list[_Seen]:
    members = layout.addresses()
    asked = [_ask(layout, member, role) for member in members.values() for role in (_ADAPTER, _GATEWAY)]
    return sorted(await asyncio.gather(*asked), key=lambda one: (one.province, one.role))


async def _ask(layout: Layout, member: Member, role: envelope_pb2.MemberRole.ValueType) -> _Seen:
    address = member.adapter if role == _ADAPTER else member.gateway
    name = member.adapter_name if role == _ADAPTER else gateway_name(member.province)
    if not address:
        return _Seen(member.province, role, None, ("NOT_STARTED", Words("未启动", "not started")))
    async with open_channel(address, operator_tls(layout, role), server_name=name) as channel:
        stub = status_service_pb2_grpc.StatusServiceStub(channel)
        try:
            request = status_service_pb2.GetMemberStatusRequest()
            status = await stub.GetMemberStatus(request, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            return _Seen(member.province, role, None, (error.code().name, Words("未应答", "no answer")))
    page_failure = await asyncio.to_thread(_page_failure, member) if role == _GATEWAY else None
    return _Seen(member.province, role, status, page_failure=page_failure)


def _page_failure(member: Member) -> str:
    """Why the page cannot be had, as any visitor would find; empty if it can."""
    if not member.verification_url.startswith(("http://", "https://")):
        return "NO_ADDRESS"
    try:
        with urllib.request.urlopen(f"{member.verification_url}/verify", timeout=_TIMEOUT_S) as answer:  # noqa: S310  # as checked
            return "" if answer.status == _OK else str(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return str(error.code)
    except OSError as error:
        return type(error).__name__


def _row(seen: _Seen, now: datetime) -> dict[str, Any]:
    role = _ROLES[seen.role]
    row: dict[str, Any] = {
        "province": seen.province.slug,
        "member": seen.province.name_zh,
        "role": role.en,
        "role_zh": role.zh,
        "healthy": False,
        "problems": [],
        "contracts": [],
        "software": "",
        "catalogue": "",
        "sources": None,
        "sources_fresh": None,
        "oldest_data": None,
        "key_days": None,
        "certificate_days": None,
        "clock_offset_s": None,
        "desk_open": None,
        "desk_holding_up": None,
        "peers": None,
        "peers_asked": None,
        "verification_page": None,
    }
    status = seen.status
    if status is None:
        if seen.failure is not None:
            row["problems"] = [_problem("NO_STATUS", seen.failure[1], detail=seen.failure[0])]
        return row
    stale = [source for source in status.sources if source.stale or not source.HasField("data_as_of")]
    marks = [from_timestamp(source.data_as_of) for source in status.sources if source.HasField("data_as_of")]
    resting = [Province(peer.province) for peer in status.peers if not peer.asking]
    problems = [
        _problem(
            "LAST_QUERY_FAILED",
            _failure_words(Province(peer.province), peer.last_failure),
            province=Province(peer.province).slug,
            reason=peer.last_failure,
        )
        for peer in status.peers
        if peer.last_failure
    ]
    problems += [
        _problem("NOT_ASKED", Words(f"暂停询问{one.name_zh}", f"{one.name_en} is not asked"), province=one.slug)
        for one in resting
    ]
    if status.HasField("desk") and not status.desk.HasField("followed_at"):
        words = Words(
            "尚未读完来源平台的数据，暂不作结论", "the source was not followed to its end yet; nothing is concluded"
        )
        problems.append(_problem("NOT_FOLLOWED", words))
    if status.desk.holding_up:
        words = Words(
            f"{status.desk.holding_up}条数据待处理，影响出具报告",
            f"{status.desk.holding_up} rows wait at the data desk and hold reports up",
        )
        problems.append(_problem("HOLDING_UP", words, count=status.desk.holding_up))
    if seen.page_failure:
        words = Words("核验页面无法访问", "the page for verification cannot be reached")
        problems.append(_problem("PAGE_UNREACHABLE", words, detail=seen.page_failure))
    if stale:
        words = Words(f"{len(stale)}项数据未按时更新", f"{len(stale)} sources are too old")
        problems.append(_problem("SOURCES_STALE", words, count=len(stale)))
    row |= {
        "healthy": not problems,
        "problems": problems,
        "contracts": list(status.contracts),
        "software": status.software_version,
        "catalogue": f"{status.catalogue.version} {status.catalogue.digest.hex()[:8]}",
        "oldest_data": min(marks).isoformat() if marks else None,
        "key_days": (from_timestamp(status.signing_key.not_after) - now).days,
        "certificate_days": (from_timestamp(status.certificate_not_after) - now).days,
        "clock_offset_s": round((from_timestamp(status.clock) - now).total_seconds()),
    }
    if seen.role == _ADAPTER:
        row |= {
            "sources": len(status.sources),
            "sources_fresh": len(status.sources) - len(stale),
            "desk_open": status.desk.open,
            "desk_holding_up": status.desk.holding_up,
        }
    else:
        row |= {
            "peers": len(status.peers),
            "peers_asked": len(status.peers) - len(resting),
            "verification_page": not seen.page_failure,
        }
    return row


def _problem(code: str, words: Words, **facts: object) -> dict[str, object]:
    return {"code": code, "zh": words.zh, "en": words.en} | facts


def _failure_words(province: Province, reason: str) -> Words:
    """What a gateway says became of its last query, which may be any of the reasons why there is nothing to use."""
    words = OUTCOME_REASONS.get(reason) or refusal_words(reason) or Words(reason, reason)
    return Words(f"{province.short_zh}{words.zh}", f"{province.name_en}: {words.en}")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("成员", "", "状态", "清单", "新鲜", "最早数据", "待处理", "密钥/证书天", "时差s", "询问", "核验页"):
        table.add_column(head, no_wrap=True)
    for row in rows:
        oldest = row["oldest_data"]
        table.add_row(
            row["member"],
            f"{row['role_zh']} {row['role']}",
            "正常 ok" if row["healthy"] else bold("；".join(_shown(problem) for problem in row["problems"])),
            visible(row["catalogue"]),
            _share(row["sources_fresh"], row["sources"]),
            f"{datetime.fromisoformat(oldest).astimezone(CHINA):%m-%d %H:%M}" if oldest else "",
            _share(row["desk_holding_up"], row["desk_open"]),
            _share(row["key_days"], row["certificate_days"]),
            "" if row["clock_offset_s"] is None else str(row["clock_offset_s"]),
            _share(row["peers_asked"], row["peers"]),
            {None: "", True: "可访问", False: "不可访问"}[row["verification_page"]],
        )
    return table


def _shown(problem: dict[str, Any]) -> str:
    return f"{problem['zh']}（{problem['detail']}）" if "detail" in problem else str(problem["zh"])


def _share(some: int | None, all_of_them: int | None) -> str:
    return "" if some is None else f"{some}/{all_of_them}"
