"""`huren status`: asks every member how it is."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import grpc
from rich.table import Table

from cli.federation import FederationError, Layout, gateway_name, operator_tls
from cli.terminal import err, wide
from contract.days import CHINA, from_timestamp
from contract.province import Province
from gateway.federation.directory import Member
from huren.envelope.v1 import envelope_pb2
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.clock import system_clock
from runtime.grpc_channel import open_channel

_TIMEOUT_S: Final = 10.0
_ADAPTER: Final = envelope_pb2.MEMBER_ROLE_ADAPTER
_GATEWAY: Final = envelope_pb2.MEMBER_ROLE_GATEWAY
_ROLES: Final = {_ADAPTER: "适配器 adapter", _GATEWAY: "网关 gateway"}
_WIDTH: Final = 120


@dataclass(frozen=True, slots=True)
class _Seen:
    province: Province
    role: envelope_pb2.MemberRole.ValueType
    status: status_service_pb2.GetMemberStatusResponse | None
    problem: str


def run(directory: Path, *, as_json: bool) -> int:
    """Asks, shows, and returns the exit code."""
    layout = Layout(directory.resolve())
    try:
        seen = asyncio.run(_ask_all(layout))
    except FederationError as error:
        err.print(str(error), markup=False, soft_wrap=True)
        return 1
    now = system_clock()
    rows = [_row(one, now) for one in seen]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))  # noqa: T201  # the command's output
    else:
        wide(_WIDTH).print(_table(rows))
    catalogues = {row["catalogue"] for row in rows if row["catalogue"]}
    if len(catalogues) > 1:
        err.print("各成员的事项清单不一致 · members disagree about the catalogue", markup=False, soft_wrap=True)
    return 0 if len(catalogues) == 1 and all(row["healthy"] for row in rows) else 1


async def _ask_all(layout: Layout) -> list[_Seen]:
    members = layout.addresses()
    asked = [_ask(layout, member, role) for member in members.values() for role in (_ADAPTER, _GATEWAY)]
    return sorted(await asyncio.gather(*asked), key=lambda one: (one.province, one.role))


async def _ask(layout: Layout, member: Member, role: envelope_pb2.MemberRole.ValueType) -> _Seen:
    address = member.adapter if role == _ADAPTER else member.gateway
    name = member.adapter_name if role == _ADAPTER else gateway_name(member.province)
    if not address:
        return _Seen(member.province, role, None, "未启动 not started")
    async with open_channel(address, operator_tls(layout, role), server_name=name) as channel:
        stub = status_service_pb2_grpc.StatusServiceStub(channel)
        try:
            request = status_service_pb2.GetMemberStatusRequest()
            return _Seen(member.province, role, await stub.GetMemberStatus(request, timeout=_TIMEOUT_S), "")
        except grpc.aio.AioRpcError as error:
            return _Seen(member.province, role, None, f"未应答 no answer ({error.code().name})")


def _row(seen: _Seen, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {
        "province": seen.province.slug,
        "member": seen.province.name_zh,
        "role": _ROLES[seen.role],
        "healthy": False,
        "problem": seen.problem,
        "contracts": [],
        "software": "",
        "catalogue": "",
        "fresh": "",
        "oldest_data": "",
        "key_days": None,
        "certificate_days": None,
        "clock_offset_s": None,
        "provinces_asked": "",
        "last_failures": {},
    }
    status = seen.status
    if status is None:
        return row
    stale = [source for source in status.sources if source.stale or not source.HasField("data_as_of")]
    marks = [from_timestamp(source.data_as_of) for source in status.sources if source.HasField("data_as_of")]
    resting = [Province(peer.province).short_zh for peer in status.peers if not peer.asking]
    failures = {Province(peer.province): peer.last_failure for peer in status.peers if peer.last_failure}
    row |= {
        "healthy": not stale and not resting and not failures,
        "problem": _problem(stale, resting, failures),
        "last_failures": {province.slug: reason for province, reason in failures.items()},
        "contracts": list(status.contracts),
        "software": status.software_version,
        "catalogue": f"{status.catalogue.version} {status.catalogue.digest.hex()[:8]}",
        "fresh": f"{len(status.sources) - len(stale)}/{len(status.sources)}" if status.sources else "",
        "oldest_data": f"{min(marks).astimezone(CHINA):%m-%d %H:%M}" if marks else "",
        "key_days": (from_timestamp(status.signing_key.not_after) - now).days,
        "certificate_days": (from_timestamp(status.certificate_not_after) - now).days,
        "clock_offset_s": round((from_timestamp(status.clock) - now).total_seconds()),
        "provinces_asked": f"{len(status.peers) - len(resting)}/{len(status.peers)}" if status.peers else "",
    }
    return row


def _problem(stale: list[status_service_pb2.SourceFreshness], resting: list[str], failures: dict[Province, str]) -> str:
    parts = [f"{province.short_zh} {reason}" for province, reason in failures.items()]
    if stale:
        parts.append(f"{len(stale)}项数据不新 stale")
    if resting:
        parts.append(f"暂停询问 not asked: {'、'.join(resting)}")
    return "，".join(parts)


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("成员", "", "状态", "契约", "清单", "新鲜", "最早数据", "密钥/证书天", "时差s", "询问"):
        table.add_column(head, no_wrap=True)
    for row in rows:
        days = "" if row["key_days"] is None else f"{row['key_days']}/{row['certificate_days']}"
        table.add_row(
            row["member"],
            row["role"],
            "正常 ok" if row["healthy"] else f"[bold]{row['problem']}[/bold]",
            " ".join(name.removeprefix("huren.") for name in row["contracts"] if "status" not in name),
            row["catalogue"],
            row["fresh"],
            row["oldest_data"],
            days,
            "" if row["clock_offset_s"] is None else str(row["clock_offset_s"]),
            row["provinces_asked"],
        )
    return table
