"""The settings files of a sandbox federation, and the commands that start its programs by them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cli.identity import People
from cli.layout import Layout
from contract.days import CHINA
from contract.province import Province
from gateway.federation.directory import Member, directory_json
from gateway.portal.announcements import Announcement, Maintenance, announcements_json
from huren.envelope.v1 import envelope_pb2
from runtime.identity import MemberPeer, member_host_name
from sandbox.pki import OFFICERS, OPERATOR, Authority

_ADAPTER: Final = envelope_pb2.MEMBER_ROLE_ADAPTER
_GATEWAY: Final = envelope_pb2.MEMBER_ROLE_GATEWAY


def platform_command(layout: Layout, province: Province, *, seed: int, size: int, day: date, dirt: int) -> list[str]:
    """Starts a province's platform."""
    command = [f"sandbox.platforms.{province.slug}"]
    command += ["--seed", str(seed), "--size", str(size), "--day", day.isoformat(), "--dirt", str(dirt)]
    command += ["--announce", str(layout.announcement(f"{province.slug}-platform"))]
    if province in _SUPPLIED_AS_FILES:
        command += ["--dir", str(layout.province(province) / "platform")]
    return command


_SUPPLIED_AS_FILES: Final = frozenset({Province.BEIJING, Province.HEBEI})


def adapter_command(
    layout: Layout, province: Province, platform: Mapping[str, Any], *, again_at: Mapping[str, Any] | None = None
) -> list[str]:
    """Writes an adapter's settings, and starts it by them.

    Args:
        layout: The federation.
        province: Whose adapter.
        platform: What its platform announced.
        again_at: What it announced when it ran before: it listens there again. None: the system chooses the ports.
    """
    me = MemberPeer(province, _ADAPTER)
    settings = (
        _member_settings(layout, province, me, "adapter", trusting=Authority.MEMBERS, further=_DESK)
        + _table("listen", _listen(again_at, "grpc"))
        + _table("source", _SOURCE_SETTINGS[province](platform))
    )
    return _program(f"adapters.{province.slug}", layout.province(province) / "adapter.toml", settings)


def _listen(again_at: Mapping[str, Any] | None, door: str) -> dict[str, object]:
    """On loopback, at any port, or at the one that was announced before."""
    address = again_at[door].removeprefix("http://") if again_at else "127.0.0.1:0"
    host, _, port = address.rpartition(":")
    return {"host": host, "port": int(port)}


_DESK: Final[Mapping[str, object]] = {"officers": [OPERATOR], "follow_every_s": 2}

_SOURCE_SETTINGS: Final[Mapping[Province, Callable[[Mapping[str, Any]], dict[str, str]]]] = {
    Province.BEIJING: lambda platform: {"database_url": platform["database_url"]},
    Province.TIANJIN: lambda platform: {
        "url": platform["url"],
        "client_id": platform["client_id"],
        "client_secret_file": platform["client_secret_file"],
    },
    Province.HEBEI: lambda platform: {"drop_folder": platform["drop_folder"]},
    Province.SHANXI: lambda platform: {"url": platform["url"], "app_key": platform["app_key"]},
}


def gateway_command(
    layout: Layout, province: Province, *, people: People | None = None, again_at: Mapping[str, Any] | None = None
) -> list[str]:
    """Writes a gateway's settings, and starts it by them; `again_at` as in `adapter_command`. Without `people` nobody logs in."""
    me = MemberPeer(province, _GATEWAY)
    seal = layout.pki.seal(me)
    settings = (
        _member_settings(
            layout, province, me, "gateway", trusting=Authority.CLIENTS, further={"officers": list(OFFICERS)}
        )
        + _table("listen", _listen(again_at, "grpc"))
        + _table("peers", {"directory": str(layout.members)})
        + _table("peers.tls", _tls(layout, me, Authority.MEMBERS))
        + _table("members.listen", _listen(again_at, "members"))
        + _table("members.tls", _tls(layout, me, Authority.MEMBERS))
        + _table("public.listen", _listen(again_at, "public"))
        + _table("seal", {"certificate": str(seal.certificate), "private_key": str(seal.private_key)})
        + _table("completion", {"first_pause_s": 2, "longest_pause_s": 10})
        + _table("portal", {"operator": _OPERATED_BY, "announcements": str(layout.site_announcements)})
    )
    if people is not None:
        settings += _table("identity", people.settings(province)) + _table("identity.levels", _quoted(people.levels))
    return _program("gateway", layout.province(province) / "gateway.toml", settings)


def _member_settings(  # what differs between the programs of the members
    layout: Layout,
    province: Province,
    me: MemberPeer,
    program: str,
    *,
    trusting: Authority,
    further: Mapping[str, object] | None = None,
) -> str:
    general: dict[str, object] = {
        "province": province.slug,
        "mode": "sandbox",
        "signing_key": str(layout.pki.signing_key(me)),
        "trust": str(layout.pki.trust),
        "database": f"sqlite:///{layout.province(province) / program}.db",
        "registry": str(layout.registry),
        "announce": str(layout.announcement(f"{province.slug}-{program}")),
        **(further or {}),
    }
    return _table("", general) + _table("tls", _tls(layout, me, trusting))


def _tls(layout: Layout, me: MemberPeer, trusting: Authority) -> dict[str, str]:
    tls = layout.pki.member_tls(me, trusting=trusting)
    return {
        "certificate": str(tls.certificate),
        "private_key": str(tls.private_key),
        "trusted_roots": str(tls.trusted_roots),
    }


def _table(name: str, values: Mapping[str, object]) -> str:
    """A table of TOML. JSON's strings, numbers and arrays of them are TOML's too."""
    head = f"\n[{name}]\n" if name else ""
    return head + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _quoted(values: Mapping[str, str]) -> dict[str, object]:
    """Keys of TOML that are no bare words."""
    return {json.dumps(key): value for key, value in values.items()}


def _program(module: str, path: Path, settings: str) -> list[str]:
    path.write_text(settings, "utf-8")
    return [module, "--config", str(path)]


def write_members(layout: Layout, provinces: Iterable[Province], announced: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes the member directory, with the addresses that were announced so far."""
    members = []
    for province in Province:
        running = province in set(provinces)
        adapter = announced[f"{province.slug}-adapter"]["grpc"] if running else _NOBODY
        gateway = announced.get(f"{province.slug}-gateway", {})
        members.append(
            Member(
                province=province,
                adapter=adapter,
                adapter_name=member_host_name(MemberPeer(province, _ADAPTER)),
                gateway=gateway.get("grpc", ""),
                gateway_members=gateway.get("members", ""),
                verification_url=gateway.get("public", ""),
                unit=f"{province.name_zh}信用主管部门（演示）",
                telephone="（演示）000-12345",
                address=f"{province.name_zh}示例区示例路1号，示例政务服务中心1层（演示）",
                hours="工作日9:00–12:00，13:00–17:00（演示）",
            )
        )
    layout.members.write_text(directory_json(members), "utf-8")


def write_announcements(layout: Layout, day: date) -> None:
    """Writes what is announced on the sites: two invented announcements."""
    tonight = datetime(day.year, day.month, day.day, 22, tzinfo=CHINA)
    layout.site_announcements.write_text(
        announcements_json(
            [
                Announcement(
                    id="hebei-maintenance",
                    published=day,
                    until=day + timedelta(days=1),
                    title_zh="河北省数据接口今晚维护（演示）",
                    title_en="Maintenance in Hebei tonight (demonstration)",
                    paragraphs_zh=(
                        "河北省的数据接口今日22:00至24:00维护。",
                        "维护期间可以照常申请：其他三地照常反馈，河北省恢复后系统自动继续查询，全部反馈后出具报告。",
                        "本公告为演示用，并非真实公告。",
                    ),
                    paragraphs_en=(
                        "Hebei's data interface is under maintenance today from 22:00 to 24:00.",
                        "You can ask meanwhile: Hebei is asked again when it is back, and the report is issued then.",
                        "This announcement is for demonstration. It is not a real one.",
                    ),
                    provinces=(Province.HEBEI,),
                    maintenance=Maintenance(begins=tonight, ends=tonight + timedelta(hours=2)),
                ),
                Announcement(
                    id="free-of-charge",
                    published=day - timedelta(days=7),
                    title_zh="查询、核验、异议和信用修复均不收费（演示）",
                    title_en="Asking, verifying, objecting and repair are free of charge (demonstration)",
                    paragraphs_zh=(
                        "近期有机构以“代办修复”为名向企业收费。查询、下载、核验、异议、信用修复都免费。",
                        "没有委托任何机构收费办理。遇有收费要求，请拨打12345反映。",
                        "本公告为演示用，并非真实公告。",
                    ),
                    paragraphs_en=(
                        "Some ask enterprises for money to have records repaired. All services are free of charge.",
                        "Nobody has been entrusted with charging for them. If you are asked for money, call 12345.",
                        "This announcement is for demonstration. It is not a real one.",
                    ),
                ),
            ]
        ),
        "utf-8",
    )


_OPERATED_BY: Final = "示例公共信用信息中心（演示）"

_NOBODY: Final = "127.0.0.1:9"
"""The discard port: nobody listens there, so a province that was left out is not reachable."""
