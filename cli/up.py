"""`huren up`: runs the federation until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.table import Table

from cli.federation import FederationError, Running, StoppedError, federation
from cli.identity import installed
from cli.terminal import command, complain, say, wide
from contract.province import Province
from contract.reasons import Words
from sandbox.identity_provider import known_users
from sandbox.pki import OFFICERS
from sandbox.world import Outcome

_WIDTH: Final = 120
_POLL_S: Final = 0.5
_REPORTS: Final = "build/reports"
_HOLDS_UP: Final = {
    Outcome.UNREADABLE: Words("无法识读", "unreadable"),
    Outcome.IN_DOUBT: Words("主体待核对", "in doubt"),
}


def run(directory: Path, without: Sequence[Province], dirt: int) -> int:
    """Starts, says where everything is, waits, stops. Returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    whole = True
    try:
        with federation(
            directory, without=without, dirt=dirt, with_people=installed(), progress=complain, stop=stop
        ) as running:
            show(running)
            while not stop.wait(_POLL_S):
                for failure in (*_followed(running), *running.ended()):
                    whole = False
                    complain(str(failure), "其余进程继续运行 · the others go on")
            complain("正在停止 · stopping")
    except StoppedError:
        complain("启动未完成，已停止 · stopped before everything was up")
    except FederationError as error:
        complain(str(error))
        return 1
    return 0 if whole else 1


def _followed(running: Running) -> tuple[FederationError, ...]:
    """Does what `huren province` asked for, says so, and gives what went wrong."""
    try:
        for done in running.follow():
            complain(f"{done.zh} · {done.en}")
    except StoppedError:
        return ()  # everything stops now
    except FederationError as error:
        return (error,)
    return ()


def show(running: Running) -> None:
    """What runs where, and what to try."""
    table = Table(title="互认环境已就绪 · the federation is up", box=None, title_justify="left", pad_edge=False)
    for head in ("省（市）", "网关 gateway", "适配器 adapter", "网关指标 metrics", "适配器指标 metrics"):
        table.add_column(head)
    for province in Province:
        if province not in running.provinces:
            table.add_row(province.name_zh, "未启动 not started", "", "", "")
            continue
        gateway, adapter = (running.announced[f"{province.slug}-{program}"] for program in ("gateway", "adapter"))
        table.add_row(province.name_zh, gateway["grpc"], adapter["grpc"], gateway["metrics"], adapter["metrics"])
    wide(_WIDTH).print(table)
    say()
    say("示例主体 · subjects to try:")
    for role, subject in running.layout.cast().items():
        say(f"  {subject['uscc']}  {subject['name']}  ({role})")
    directory = str(running.layout.directory)
    if running.asides:
        _show_dirt(running, directory)
    _show_commands(running, directory)
    _show_people(running)
    _show_portal(running)
    say("Ctrl-C 停止 · Ctrl-C stops everything")


def _show_commands(running: Running, directory: str) -> None:
    """What to try next, in this order: a report; one that completes by itself; taking one back."""
    code = next(iter(running.layout.cast().values()))["uscc"]
    place = ("--dir", directory)
    stopped = running.provinces[-1].slug if Province.HEBEI not in running.provinces else Province.HEBEI.slug
    anywhere = running.announced[f"{running.provinces[-1].slug}-gateway"]["public"]
    steps: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
        (
            "申请，再到任一省（市）核验 · ask for a report, then verify it anywhere:",
            (
                ("report", "request", code, "--out", _REPORTS, *place),
                ("verify", f"{_REPORTS}/HR….pdf", "--online", anywhere, *place),
            ),
        ),
        (
            "停止一省（市）再申请：办理中；恢复后自动出具 · a province stops; the report comes by itself when it is back:",
            (
                ("province", "stop", stopped, *place),
                ("report", "request", code, "--out", _REPORTS, *place),
                ("province", "start", stopped, *place),
                ("report", "notices", code, *place),
            ),
        ),
        (
            f"作废须两人（{'、'.join(OFFICERS)}）· taking a report back takes two officers:",
            (
                (
                    *("office", "revoke", "HR…", "--officer", OFFICERS[0], "--category", "issued-in-error"),
                    *("--note", "示例", *place),
                ),
                ("office", "confirm", "1", "--province", running.provinces[0].slug, "--officer", OFFICERS[1], *place),
            ),
        ),
        (
            "签署网页上写好的授权书，再到网页上传 · sign a consent that was written on the portal, and send the file there:",
            (("grant", "sign", "consent-….txt", "--uscc", code, *place),),
        ),
        ("四地状态 · how all members are:", (("status", *place),)),
    )
    for title, commands in steps:
        say()
        say(title)
        for words in commands:
            say(f"  {command(*words)}")


def _show_people(running: Running) -> None:
    """Who can log in, and how. Their names stand nowhere but at the provider."""
    say()
    if running.people is None:
        say("未安装统一身份认证（演示），不能登录；安装：make sandbox/identity/node_modules/.stamp")
        say("The identity provider is not installed, so nobody can log in.")
        return
    say(
        "测试用户（均为虚构），在网页上登录；口令以外的方式可以办理 · invented people; a password alone only looks around:"
    )
    for user in known_users().values():
        zh, en = (text.format_map(running.people.acts_for) for text in user.what)
        say(f"  {user.login:<9} {user.password:<14} {zh} · {en}")


def _show_portal(running: Running) -> None:
    """The address to open. It stands last, where it is seen."""
    say()
    say("门户与核验，请用浏览器打开 · the portal, in a browser; anybody verifies there without logging in:")
    for province in running.provinces:
        say(f"  {province.name_zh}  {running.announced[f'{province.slug}-gateway']['public']}/")
    say()


def _show_dirt(running: Running, directory: str) -> None:
    """What is not simple in the platforms, and whose reports that holds up."""
    say()
    say(f"各平台另有不能直接采信的数据共{len(running.asides)}条，以下主体因此暂不能取得报告，直至数据专员处理：")
    say(f"{len(running.asides)} rows of the platforms are not simply true. No report until an officer acted, for:")
    for aside in running.asides:
        words = _HOLDS_UP.get(aside.kind.outcome)
        if words is not None:
            where = aside.fact.province.name_zh
            say(f"  {aside.fact.subject.uscc}  {aside.fact.subject.name}  {where}：{words.zh} {words.en}")
    first = running.asides[0].fact.province.slug
    say(f"  {command('quarantine', 'list', '--province', first, '--dir', directory)}")
