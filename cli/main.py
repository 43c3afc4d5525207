"""`huren`: commands and their options. What they do stands in the modules beside this one.

Every command's help is in Chinese and English; messages for people too. Exit codes: 0 done; 1 not done, the message says
why; 2 wrong usage; `verify` and the commands of `report` have more, documented there.
"""

from __future__ import annotations

import re
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.database import database_app
from contract import report_number
from contract.days import parse_day
from contract.province import Province
from contract.uscc import UsccError, parse_uscc
from huren.desk.v1 import desk_service_pb2 as wire
from huren.report.v1 import report_status_pb2
from verifier.command import (
    CodeOption,
    FileArgument,
    JsonOption,
    NumberOption,
    OnlineOption,
    SaveStatusOption,
    StatusOption,
)

if TYPE_CHECKING:
    from cli.office import Office
    from cli.report import Desk

app: Final = typer.Typer(
    name="huren",
    help="互认：京津冀晋互认版专项信用报告。 Mutual recognition of special credit reports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
report_app: Final = typer.Typer(help="报告。 Reports.", no_args_is_help=True)
app.add_typer(report_app, name="report")
grant_app: Final = typer.Typer(help="授权：允许他人查询本企业。 Grants: letting others ask.", no_args_is_help=True)
app.add_typer(grant_app, name="grant")
quarantine_app: Final = typer.Typer(
    help="数据质量工作台：不能直接使用的数据及其处理。 The data desk of a province: rows that cannot be used as they are.",
    no_args_is_help=True,
)
app.add_typer(quarantine_app, name="quarantine")
office_app: Final = typer.Typer(
    help="登记地工作人员：报告作废，须两人。 Officers of a home: taking a report back, which takes two.",
    no_args_is_help=True,
)
app.add_typer(office_app, name="office")
province_app: Final = typer.Typer(
    help="演示用：停止、恢复一省（市）。 For trying things: stop a province while the others go on, and start it again.",
    no_args_is_help=True,
)
app.add_typer(province_app, name="province")
app.add_typer(database_app, name="database")

DEFAULT_DIRECTORY: Final = Path("build/up")


def _province(text: str) -> Province:
    try:
        return Province.from_slug(text)
    except ValueError as error:
        slugs = [province.slug for province in Province]
        raise typer.BadParameter(
            f"省（市）应为 {'、'.join(slugs)} 之一，实为 {text!r} · expected one of {', '.join(slugs)}"
        ) from error


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"日期应为存在的日子，写作 YYYY-MM-DD，实为 {text!r} · expected a day of the calendar, written YYYY-MM-DD"
        ) from error


_ITEM_KINDS: Final = ("unreadable", "in-doubt", "unattributable", "missing", "held-delivery")


def _item_kind(text: str) -> int:
    if text not in _ITEM_KINDS:
        names = ", ".join(_ITEM_KINDS)
        raise typer.BadParameter(f"类别应为 {names} 之一，实为 {text!r} · expected one of {names}")
    return int(wire.ItemKind.Value(f"ITEM_KIND_{text.replace('-', '_').upper()}"))


def _code(text: str) -> str:
    try:
        return parse_uscc(text)
    except UsccError as error:
        raise typer.BadParameter(f"统一社会信用代码不正确 · no unified social credit code: {error}") from error


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:  # bytes on the command line that are no text
        raise typer.BadParameter("应为 UTF-8 文本 · expected text in UTF-8") from error
    return text


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,17}", text):
        raise typer.BadParameter(f"编号应为正整数，实为 {text!r} · expected the number of an item")
    return int(text)


def _setting(text: str) -> wire.ColumnValue:
    column, equals, value = _text(text).partition("=")
    if not (column and equals):
        raise typer.BadParameter(f"应写作 列=值，实为 {text!r} · expected COLUMN=VALUE")
    return wire.ColumnValue(column=column, value=value)


def _report_number(text: str) -> str:
    number = text.strip().upper()
    try:
        report_number.check(number)
    except ValueError as error:
        raise typer.BadParameter(
            f"应为报告编号（HR 加 18 位数字和一位校验字符），实为 {text!r} · no report number: {error}"
        ) from error
    return number


def _request_id(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        raise typer.BadParameter(f"应为受理编号（32 位），实为 {text!r} · expected the number of a request")
    return text


_CATEGORIES: Final = ("issued-in-error", "subject-wrong", "applicant-asked", "other")


def _category(text: str) -> int:
    if text not in _CATEGORIES:
        names = ", ".join(_CATEGORIES)
        raise typer.BadParameter(f"原因应为 {names} 之一，实为 {text!r} · expected one of {names}")
    name = f"REVOCATION_CATEGORY_{text.replace('-', '_').upper()}"
    return int(report_status_pb2.RevocationCategory.Value(name))


_MAX_DIRT: Final = 16
"""There are so many kinds of such rows (`sandbox.world.AsideKind`), and one of each."""

_Directory = Annotated[
    Path, typer.Option("--dir", help="互认环境所在目录。 Directory of the sandbox federation.", file_okay=False)
]
_Json = Annotated[bool, typer.Option("--json", help="输出 JSON。 Print JSON.")]


@app.command()
def up(
    directory: _Directory = DEFAULT_DIRECTORY,
    without: Annotated[
        list[Province] | None,
        typer.Option(
            parser=_province,
            metavar="PROVINCE",
            help="不启动的省（市），可重复。 A province that is not started; may be repeated.",
        ),
    ] = None,
    dirt: Annotated[
        int,
        typer.Option(
            min=0,
            max=_MAX_DIRT,
            metavar="N",
            help="各平台另有几条不能直接采信的数据，每类一条。 So many rows of each platform are not simply true.",
        ),
    ] = 0,
) -> None:
    """在本机启动四地平台、适配器和网关，Ctrl-C 停止。 Run the whole federation on this machine until Ctrl-C.

    退出码 exit codes: 0 已停止 stopped; 1 未能启动，或有进程中途退出 did not come up, or a process ended by itself.
    """
    from cli.up import run  # noqa: PLC0415  # so that `huren verify` does not load the sandbox

    raise typer.Exit(run(directory, without or [], dirt))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="输出目录。 Where the reports go.", file_okay=False)] = Path("build/demo"),
) -> None:
    """启动四地，出具两份报告，离线核验，停止。 Start, issue two reports, verify them offline, stop."""
    from cli.demo import run  # noqa: PLC0415  # as above

    raise typer.Exit(run(out))


_Code = Annotated[str, typer.Argument(metavar="CODE", help="统一社会信用代码。 Unified social credit code.")]
_Owner = Annotated[
    str, typer.Option("--uscc", metavar="CODE", help="申请人的统一社会信用代码。 Code of the enterprise that asked.")
]
_RequestId = Annotated[
    str, typer.Argument(parser=_request_id, metavar="REQUEST_ID", help="受理编号。 Number of the request.")
]
_ReportNumber = Annotated[
    str, typer.Argument(parser=_report_number, metavar="NUMBER", help="报告编号。 Number of the report.")
]
_Gateway = Annotated[
    Province | None,
    typer.Option(
        parser=_province,
        metavar="PROVINCE",
        help="向哪个省（市）的网关；默认为登记地。 Which gateway to ask; the home unless told.",
    ),
]
_Out = Annotated[Path | None, typer.Option(help="保存到此目录。 Save files into this directory.", file_okay=False)]


def _enterprise(
    directory: Path, uscc: str, *, gateway: Province | None = None, out: Path | None = None, as_json: bool
) -> Desk:
    from cli.layout import Layout  # noqa: PLC0415  # as above
    from cli.report import Desk  # noqa: PLC0415  # as above

    return Desk(layout=Layout(directory.resolve()), uscc=uscc, gateway=gateway, out=out, as_json=as_json)


@report_app.command("request")
def report_request(
    uscc: _Code,
    directory: _Directory = DEFAULT_DIRECTORY,
    gateway: _Gateway = None,
    first_day: Annotated[
        date | None,
        typer.Option("--from", parser=_day, metavar="DATE", help="查询时段起。 First day of the window."),
    ] = None,
    last_day: Annotated[
        date | None, typer.Option("--to", parser=_day, metavar="DATE", help="查询时段止。 Last day of the window.")
    ] = None,
    domains: Annotated[
        list[str] | None,
        typer.Option(
            help="领域代号，可重复或以逗号分隔；默认全部。 Domain ids, repeated or comma-separated; all unless told."
        ),
    ] = None,
    out: _Out = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="未出具时等到办结。 Where it is not issued at once, wait for the end.")
    ] = False,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", help="幂等键；默认随机。 Idempotency key; random unless told.")
    ] = None,
    grantee: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="CODE", help="被授权人代码，与 --grant 同用。 Who asks under a grant, with --grant."
        ),
    ] = None,
    grant: Annotated[
        str | None,
        typer.Option(metavar="ID", help="授权书声明编号，与 --as 同用。 Statement id of the grant, with --as."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """申请报告；出具后保存 .report、.json、.pdf，办理中则保存办理进度单。 Ask for a report; save it, or the progress sheet.

    退出码 exit codes: 0 已出具 issued; 4 办理中，登记地自动继续 not yet, the home goes on; 5 已办结，未出具 ended without a
    report; 1 未受理 not served.
    """
    from cli.report import Asked, request_report  # noqa: PLC0415  # as above

    if (grantee is None) != (grant is None):
        raise typer.BadParameter("--as 与 --grant 须同时给出。 --as and --grant go together.")
    asked = Asked(
        uscc=uscc,
        gateway=gateway,
        first_day=first_day,
        last_day=last_day,
        domains=_parts(domains),
        key=key,
        grantee=grantee,
        grant=_grant_id(grant) if grant else b"",
    )
    desk = _enterprise(directory, grantee or uscc, gateway=gateway, out=out, as_json=as_json)
    raise typer.Exit(request_report(desk, asked, wait=wait))


@report_app.command("watch")
def report_watch(
    request_id: _RequestId,
    uscc: _Owner,
    directory: _Directory = DEFAULT_DIRECTORY,
    gateway: _Gateway = None,
    out: _Out = None,
    as_json: _Json = False,
) -> None:
    """等到申请办结，显示每次变化。 Wait for the end of a request, showing each change; Ctrl-C stops waiting, not the request.

    退出码 exit codes: 0 已出具 issued; 5 已办结，未出具 ended without a report; 4 未等到 no longer waited; 1 未完成 not done.
    """
    from cli.report import watch_request  # noqa: PLC0415  # as above

    desk = _enterprise(directory, uscc, gateway=gateway, out=out, as_json=as_json)
    raise typer.Exit(watch_request(desk, request_id))


@report_app.command("cancel")
def report_cancel(
    request_id: _RequestId,
    uscc: _Owner,
    directory: _Directory = DEFAULT_DIRECTORY,
    gateway: _Gateway = None,
    as_json: _Json = False,
) -> None:
    """终止办理中的申请。 Give an open request up.

    退出码 exit codes: 0 已终止 given up; 1 未终止（已另行办结） not, for example because the report was quicker.
    """
    from cli.report import cancel_request  # noqa: PLC0415  # as above

    desk = _enterprise(directory, uscc, gateway=gateway, as_json=as_json)
    raise typer.Exit(cancel_request(desk, request_id))


@report_app.command("get")
def report_get(
    number: _ReportNumber,
    uscc: _Owner,
    directory: _Directory = DEFAULT_DIRECTORY,
    out: _Out = None,
    as_json: _Json = False,
) -> None:
    """取回已出具的报告，并说明当前状态及原因（仅限本人）。 Get a report again, with where it stands and why, for its owner.

    退出码 exit codes: 0 已取回，不论状态 got, whatever its status; 1 未取回 not.
    """
    from cli.report import get_report  # noqa: PLC0415  # as above

    desk = _enterprise(directory, uscc, out=out, as_json=as_json)
    raise typer.Exit(get_report(desk, number))


@report_app.command("notices")
def report_notices(
    uscc: _Code, directory: _Directory = DEFAULT_DIRECTORY, gateway: _Gateway = None, as_json: _Json = False
) -> None:
    """登记地发给企业的通知，最新在前。 What the home told the enterprise, newest first.

    退出码 exit codes: 0 已完成 done; 1 未完成 not done.
    """
    from cli.report import list_notices  # noqa: PLC0415  # as above

    raise typer.Exit(list_notices(_enterprise(directory, uscc, gateway=gateway, as_json=as_json)))


@app.command()
def verify(
    file: FileArgument = None,
    trust: Annotated[
        Path | None, typer.Option(help="信任数据目录。 Trust directory; the sandbox's unless told.", file_okay=False)
    ] = None,
    directory: _Directory = DEFAULT_DIRECTORY,
    online: OnlineOption = None,
    status: StatusOption = None,
    save_status: SaveStatusOption = None,
    number: NumberOption = "",
    code: CodeOption = "",
    as_json: JsonOption = False,
) -> None:
    """核验一份报告，同 huren-verify；文件不会被发送。 Verify a report, as huren-verify does; the file is sent nowhere.

    退出码 exit codes: 0 与原件一致，且出具单位刚刚确认 as issued, and valid by a fresh signed status;
    3 与原件一致，未核验当前状态 as issued, status not checked; 1 其他 anything else; 2 用法有误 wrong usage.
    """
    from cli.verify import run  # noqa: PLC0415  # as above

    raise typer.Exit(
        run(
            file,
            trust or directory / "pki" / "trust",
            online=online or "",
            status=status,
            save_status=save_status,
            by_code=(number, code),
            as_json=as_json,
        )
    )


@app.command()
def status(directory: _Directory = DEFAULT_DIRECTORY, as_json: _Json = False) -> None:
    """各成员的状态。 The condition of every member: health, contract, catalogue, freshness, keys.

    退出码 exit codes: 0 全部正常 all healthy; 1 有异常 something is not.
    """
    from cli.status import run  # noqa: PLC0415  # as above

    raise typer.Exit(run(directory, as_json=as_json))


# --- Officers of a home, and provinces that stop ----------------------------------------------------------------------

_Officer = Annotated[
    str, typer.Option(metavar="NAME", help="工作人员证书名。 Name of the officer's certificate: officer-1, officer-2.")
]
_Home = Annotated[
    Province,
    typer.Option(
        "--province", parser=_province, metavar="PROVINCE", help="出具报告的登记地。 The home that issued it."
    ),
]
_IssuingHome = Annotated[
    Province | None,
    typer.Option(
        "--province",
        parser=_province,
        metavar="PROVINCE",
        help="登记地；默认按报告编号。 The home; the one that the number names unless told.",
    ),
]
_Proposal = Annotated[int, typer.Argument(parser=_number, metavar="N", help="作废申请编号。 Number of the proposal.")]
_FIRST_OFFICER: Final = "officer-1"
_SECOND_OFFICER: Final = "officer-2"


def _office(directory: Path, province: Province | None, number: str, officer: str, *, as_json: bool) -> Office:
    from cli.office import Office  # noqa: PLC0415  # as above

    home = province or report_number.check(number).province
    return Office(directory=directory, province=home, officer=officer, as_json=as_json)


def _parts(texts: list[str] | None) -> tuple[str, ...]:
    return tuple(part for text in texts or [] for part in text.split(",") if part)


def _grant_id(text: str) -> bytes:
    try:
        grant_id = bytes.fromhex(text)
    except ValueError:
        grant_id = b""
    if len(grant_id) != _GRANT_ID_BYTES:
        raise typer.BadParameter("授权书声明编号为64位十六进制。 A grant is named by 64 hexadecimal digits.")
    return grant_id


_GRANT_ID_BYTES: Final = 32


@grant_app.command("give")
def grant_give(
    uscc: _Code,
    grantee: Annotated[str, typer.Option("--to", metavar="CODE", help="被授权人代码。 Who may ask.")],
    directory: _Directory = DEFAULT_DIRECTORY,
    domains: Annotated[list[str] | None, typer.Option(help="领域代号，默认全部。 Domain ids; all unless told.")] = None,
    purpose: Annotated[str, typer.Option(help="用途。 For what.")] = "financing",
    uses: Annotated[int, typer.Option(min=1, max=1000, help="可查询次数。 How often.")] = 1,
    expires_on: Annotated[
        date | None, typer.Option("--until", parser=_day, metavar="DATE", help="授权截止日，默认30天。 Last day.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """生成授权书原文，用企业证书签署并生效。 Have the text written, sign it with the enterprise's certificate, and give it."""
    from cli.grants import PURPOSE_NAMES, Given, give  # noqa: PLC0415  # as above

    if purpose not in PURPOSE_NAMES:
        raise typer.BadParameter(f"用途可为 one of: {', '.join(PURPOSE_NAMES)}")
    given = Given(
        grantee=grantee, domains=_parts(domains), purpose=PURPOSE_NAMES[purpose], uses=uses, expires_on=expires_on
    )
    raise typer.Exit(give(_enterprise(directory, uscc, as_json=as_json), given))


@grant_app.command("sign")
def grant_sign(
    text: Annotated[
        Path,
        typer.Argument(
            metavar="TEXT", exists=True, dir_okay=False, help="网页下载的授权书文本。 The text from the portal."
        ),
    ],
    uscc: _Owner,
    directory: _Directory = DEFAULT_DIRECTORY,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="写到哪里，默认与文本同名。 Where to; beside the text unless told."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """用企业证书签署授权书文本，得到可在网页上传的文件。 Sign the text of a consent, into a file to be sent on the page."""
    from cli.grants import sign  # noqa: PLC0415  # as above

    desk = _enterprise(directory, uscc, as_json=as_json)
    raise typer.Exit(sign(desk, text, out or text.with_suffix(".signed.pem")))


@grant_app.command("revoke")
def grant_revoke(
    grant: Annotated[str, typer.Argument(metavar="GRANT", help="授权书声明编号。 Statement id of the grant.")],
    uscc: _Owner,
    directory: _Directory = DEFAULT_DIRECTORY,
    as_json: _Json = False,
) -> None:
    """撤回授权；登记地立即停止受理，各来源地收到后停止。 Take a grant back: the home refuses at once, origins from receipt."""
    from cli.grants import revoke  # noqa: PLC0415  # as above

    raise typer.Exit(revoke(_enterprise(directory, uscc, as_json=as_json), _grant_id(grant)))


@grant_app.command("list")
def grant_list(
    uscc: _Code,
    directory: _Directory = DEFAULT_DIRECTORY,
    gateway: _Gateway = None,
    received: Annotated[bool, typer.Option("--received", help="收到的授权。 Those that were given to it.")] = False,
    as_json: _Json = False,
) -> None:
    """本企业给出或收到的授权，及各来源地收到的时间。 Grants given or received, and when each province knew."""
    from cli.grants import list_grants  # noqa: PLC0415  # as above

    raise typer.Exit(list_grants(_enterprise(directory, uscc, gateway=gateway, as_json=as_json), received=received))


@app.command("look-ups")
def look_ups(uscc: _Code, directory: _Directory = DEFAULT_DIRECTORY, as_json: _Json = False) -> None:
    """谁查询过我。 Who asked about the enterprise."""
    from cli.grants import list_look_ups  # noqa: PLC0415  # as above

    raise typer.Exit(list_look_ups(_enterprise(directory, uscc, as_json=as_json)))


@office_app.command("revoke")
def office_revoke(
    number: _ReportNumber,
    category: Annotated[
        int,
        typer.Option(parser=_category, metavar="CATEGORY", help=f"原因 why: {', '.join(_CATEGORIES)}。"),
    ],
    note: Annotated[
        str,
        typer.Option(
            parser=_text,
            metavar="TEXT",
            help="说明，不写姓名，不对外。 Why, in words; no person's name; stays in the house.",
        ),
    ],
    province: _IssuingHome = None,
    officer: _Officer = _FIRST_OFFICER,
    directory: _Directory = DEFAULT_DIRECTORY,
    as_json: _Json = False,
) -> None:
    """提出作废（两人中的第一人）。 Propose to take a report back: first of two.

    退出码 exit codes: 0 已完成 done; 1 未完成 not done; 2 用法有误 wrong usage. 本组各命令相同 the same for all of `office`.
    """
    from cli.office import propose  # noqa: PLC0415  # as above

    why = report_status_pb2.RevocationCategory.ValueType(category)
    raise typer.Exit(propose(_office(directory, province, number, officer, as_json=as_json), number, why, note))


@office_app.command("confirm")
def office_confirm(
    proposal: _Proposal,
    province: _Home,
    officer: _Officer = _SECOND_OFFICER,
    directory: _Directory = DEFAULT_DIRECTORY,
    as_json: _Json = False,
) -> None:
    """复核作废（第二人），报告即时作废。 Confirm another officer's proposal: the report is revoked."""
    from cli.office import confirm  # noqa: PLC0415  # as above

    raise typer.Exit(confirm(_office(directory, province, "", officer, as_json=as_json), proposal))


@office_app.command("withdraw")
def office_withdraw(
    proposal: _Proposal,
    province: _Home,
    officer: _Officer = _FIRST_OFFICER,
    directory: _Directory = DEFAULT_DIRECTORY,
    as_json: _Json = False,
) -> None:
    """撤回作废申请。 Give a proposal up; any officer of the home may."""
    from cli.office import withdraw  # noqa: PLC0415  # as above

    raise typer.Exit(withdraw(_office(directory, province, "", officer, as_json=as_json), proposal))


@office_app.command("list")
def office_list(
    province: _Home,
    officer: _Officer = _FIRST_OFFICER,
    directory: _Directory = DEFAULT_DIRECTORY,
    as_json: _Json = False,
) -> None:
    """列出待复核的作废申请。 List the proposals that wait for a second officer."""
    from cli.office import list_proposals  # noqa: PLC0415  # as above

    raise typer.Exit(list_proposals(_office(directory, province, "", officer, as_json=as_json)))


@office_app.command("standing")
def office_standing(
    number: _ReportNumber,
    province: _IssuingHome = None,
    officer: _Officer = _FIRST_OFFICER,
    directory: _Directory = DEFAULT_DIRECTORY,
    as_json: _Json = False,
) -> None:
    """报告的当前状态及由来。 Where a report stands, and all that led there."""
    from cli.office import show_standing  # noqa: PLC0415  # as above

    raise typer.Exit(show_standing(_office(directory, province, number, officer, as_json=as_json), number))


_Which = Annotated[Province, typer.Argument(parser=_province, metavar="PROVINCE", help="省（市）。 Which province.")]


@province_app.command("stop")
def province_stop(province: _Which, directory: _Directory = DEFAULT_DIRECTORY, as_json: _Json = False) -> None:
    """停止一省（市）的适配器和网关，其余继续。 Stop a province's adapter and gateway; the others go on.

    退出码 exit codes: 0 已停止 stopped; 1 未完成 not done.
    """
    from cli.provinces import stop  # noqa: PLC0415  # as above

    raise typer.Exit(stop(directory, province, as_json=as_json))


@province_app.command("start")
def province_start(province: _Which, directory: _Directory = DEFAULT_DIRECTORY, as_json: _Json = False) -> None:
    """恢复一省（市），地址不变。 Start a province again, at the same addresses.

    退出码 exit codes: 0 已恢复 started; 1 未完成 not done.
    """
    from cli.provinces import start  # noqa: PLC0415  # as above

    raise typer.Exit(start(directory, province, as_json=as_json))


# --- The data desk ----------------------------------------------------------------------------------------------------

_MAX_VERSION: Final = 2**32 - 1

_Desk = Annotated[
    str,  # not `Province`: where the option is missing, typer would offer the numbers of an enum
    typer.Option(
        "--province",
        metavar="|".join(province.slug for province in Province),
        help="哪个省（市）的工作台。 Whose desk.",
    ),
]
_Number = Annotated[int, typer.Argument(parser=_number, metavar="N", help="编号。 Number of the item.")]
_Basis = Annotated[
    str,
    typer.Option(parser=_text, metavar="TEXT", help="处理依据，长期保存。 On which the decision rests; kept for ever."),
]
_Version = Annotated[
    int | None,
    typer.Option(
        "--item-version",
        min=0,
        max=_MAX_VERSION,
        help="查看时的版次；不符则不予处理。 The item's version when you looked at it; as it is now unless told.",
    ),
]
_HoldingUp = Annotated[bool, typer.Option("--holding-up", help="只看影响查询的。 Only those that hold somebody up.")]
_Kinds = Annotated[
    list[int] | None,
    typer.Option(
        "--kind", parser=_item_kind, metavar="KIND", help=f"类别，可重复。 May be repeated: {', '.join(_ITEM_KINDS)}."
    ),
]
_Supplier = Annotated[
    str, typer.Option(parser=_text, metavar="TEXT", help="来源单位全称。 Only those of this supplier, exactly.")
]
_HeldUp = Annotated[
    str | None,
    typer.Option(
        "--uscc", parser=_code, metavar="CODE", help="只看影响该主体的。 Only those that hold this subject up."
    ),
]
_All = Annotated[bool, typer.Option("--all", help="包括已办结的。 Those that are closed, too.")]


@quarantine_app.command("list")
def quarantine_list(
    province: _Desk,
    directory: _Directory = DEFAULT_DIRECTORY,
    holding_up: _HoldingUp = False,
    kind: _Kinds = None,
    supplier: _Supplier = "",
    uscc: _HeldUp = None,
    everything: _All = False,
    limit: Annotated[int, typer.Option(min=1, help="最多显示条数。 How many at most.")] = 100,
    as_json: _Json = False,
) -> None:
    """列出不能直接使用的数据，影响查询的在前。 List items; those that hold a subject up first, then those due first.

    退出码 exit codes: 0 已完成 done; 1 未完成 not done; 2 用法有误 wrong usage.
    """
    from cli.quarantine import Desk, list_items  # noqa: PLC0415  # as above

    chosen = _item_filter(holding_up=holding_up, kinds=kind, supplier=supplier, uscc=uscc, everything=everything)
    raise typer.Exit(list_items(Desk(directory, _province(province), as_json), chosen, limit))


@quarantine_app.command("show")
def quarantine_show(
    number: _Number, province: _Desk, directory: _Directory = DEFAULT_DIRECTORY, as_json: _Json = False
) -> None:
    """查看一条：问题、影响、原始数据、经过。 Show an item: what is wrong, whom it holds up, the row, what happened."""
    from cli.quarantine import Desk, show_item  # noqa: PLC0415  # as above

    raise typer.Exit(show_item(Desk(directory, _province(province), as_json), number))


@quarantine_app.command("export")
def quarantine_export(
    province: _Desk,
    out: Annotated[Path, typer.Option(help="CSV 文件。 The CSV file.", dir_okay=False)],
    directory: _Directory = DEFAULT_DIRECTORY,
    holding_up: _HoldingUp = False,
    kind: _Kinds = None,
    supplier: _Supplier = "",
    uscc: _HeldUp = None,
    everything: _All = False,
    as_json: _Json = False,
) -> None:
    """导出为 CSV，含原始数据各列，供退回来源单位。 Write items with their rows into a CSV file for the supplying department."""
    from cli.quarantine import Desk, export_items  # noqa: PLC0415  # as above

    chosen = _item_filter(holding_up=holding_up, kinds=kind, supplier=supplier, uscc=uscc, everything=everything)
    raise typer.Exit(export_items(Desk(directory, _province(province), as_json), chosen, out))


@quarantine_app.command("return")
def quarantine_return(
    number: _Number,
    province: _Desk,
    basis: _Basis,
    directory: _Directory = DEFAULT_DIRECTORY,
    version: _Version = None,
    as_json: _Json = False,
) -> None:
    """退回来源单位；在其更正之前仍影响查询。 Give an item back to its supplier; it holds up what it held up."""
    decision = wire.Decision(return_to_supplier=wire.Return())
    raise typer.Exit(_decide(directory, province, number, decision, basis=basis, version=version, as_json=as_json))


@quarantine_app.command("correct")
def quarantine_correct(
    number: _Number,
    province: _Desk,
    basis: _Basis,
    settings: Annotated[
        list[wire.ColumnValue] | None,
        typer.Option(
            "--set", parser=_setting, metavar="列=值", help="该列应为，可重复。 COLUMN=VALUE; may be repeated."
        ),
    ] = None,
    nothing: Annotated[
        list[str] | None,
        typer.Option("--null", parser=_text, metavar="列", help="该列应为空值，可重复。 The column holds nothing."),
    ] = None,
    directory: _Directory = DEFAULT_DIRECTORY,
    version: _Version = None,
    as_json: _Json = False,
) -> None:
    """更正原始数据的列，只对这一版数据有效。 Correct columns of the row, for this state of it only; it is read again at once."""
    values = [*(settings or []), *(wire.ColumnValue(column=column) for column in nothing or [])]
    if not values or len({value.column for value in values}) != len(values):
        raise typer.BadParameter(
            "请用 --set 或 --null 写明要更正的列，每列一次 · name the columns with --set or --null, each once"
        )
    decision = wire.Decision(correction=wire.Correction(values=values))
    raise typer.Exit(_decide(directory, province, number, decision, basis=basis, version=version, as_json=as_json))


@quarantine_app.command("assign")
def quarantine_assign(
    number: _Number,
    province: _Desk,
    basis: _Basis,
    to: Annotated[
        str | None, typer.Option("--to", parser=_code, metavar="CODE", help="属于该主体。 The subject whose row it is.")
    ] = None,
    to_nobody: Annotated[
        bool,
        typer.Option("--to-nobody", help="不属于所影响的任何主体。 None of those whom it holds up, nor anybody known."),
    ] = False,
    directory: _Directory = DEFAULT_DIRECTORY,
    version: _Version = None,
    as_json: _Json = False,
) -> None:
    """认定数据属于哪个主体。 Say whose a row is; it holds as long as the row says the same of whose it is."""
    if (to is None) is not to_nobody:
        raise typer.BadParameter("请用 --to 或 --to-nobody 之一 · use either --to or --to-nobody")
    decision = wire.Decision(assignment=wire.Assignment(uscc=to or ""))
    raise typer.Exit(_decide(directory, province, number, decision, basis=basis, version=version, as_json=as_json))


@quarantine_app.command("confirm")
def quarantine_confirm(
    number: _Number,
    province: _Desk,
    basis: _Basis,
    withdrawn: Annotated[
        bool,
        typer.Option(
            "--withdrawn/--still-in-force",
            help="来源缺失的数据：已撤回，或仍有效。 A missing row: withdrawn, or still in force.",
        ),
    ],
    directory: _Directory = DEFAULT_DIRECTORY,
    version: _Version = None,
    as_json: _Json = False,
) -> None:
    """确认来源缺失的数据是否已撤回；确认之前照常披露。 Say whether a missing row was withdrawn; until then it is disclosed."""
    decision = wire.Decision(withdrawal=wire.Withdrawal(withdrawn=withdrawn))
    raise typer.Exit(_decide(directory, province, number, decision, basis=basis, version=version, as_json=as_json))


@quarantine_app.command("release")
def quarantine_release(
    number: _Number,
    province: _Desk,
    basis: _Basis,
    refuse: Annotated[bool, typer.Option("--refuse", help="拒收该批次。 Refuse the delivery.")] = False,
    directory: _Directory = DEFAULT_DIRECTORY,
    version: _Version = None,
    as_json: _Json = False,
) -> None:
    """放行或拒收暂存的批次。 Take in a delivery that is held, as it is, or refuse it."""
    decision = wire.Decision(delivery=wire.Delivery(good=not refuse))
    raise typer.Exit(_decide(directory, province, number, decision, basis=basis, version=version, as_json=as_json))


@quarantine_app.command("rerun")
def quarantine_rerun(
    province: _Desk,
    numbers: Annotated[
        list[int] | None,
        typer.Argument(
            parser=_number,
            metavar="N",
            help="编号；默认全部未办结的。 Items; all that are open unless told.",
        ),
    ] = None,
    directory: _Directory = DEFAULT_DIRECTORY,
    as_json: _Json = False,
) -> None:
    """按来源现状重新识读。 Read the rows again as they stand in the source now; what can be used is closed."""
    from cli.quarantine import Desk, rerun_items  # noqa: PLC0415  # as above

    raise typer.Exit(rerun_items(Desk(directory, _province(province), as_json), numbers or []))


def _decide(
    directory: Path,
    province: str,
    number: int,
    decision: wire.Decision,
    *,
    basis: str,
    version: int | None,
    as_json: bool,
) -> int:
    from cli.quarantine import Desk, decide_item  # noqa: PLC0415  # as above

    if not basis.strip():
        raise typer.BadParameter("请写明处理依据 · name the basis of the decision")
    return decide_item(Desk(directory, _province(province), as_json), number, decision, basis=basis, version=version)


def _item_filter(
    *, holding_up: bool, kinds: list[int] | None, supplier: str, uscc: str | None, everything: bool
) -> wire.ItemFilter:
    return wire.ItemFilter(
        states=[state for state in wire.ItemState.values() if state] if everything else [],
        kinds=[wire.ItemKind.ValueType(kind) for kind in kinds or []],
        holding_up=holding_up,
        uscc=uscc or "",
        supplier=supplier,
    )


def main() -> None:
    """Entry point. The base install has what `verify` needs; of other commands it says what else to install."""
    try:
        app()
    except ModuleNotFoundError as error:
        if find_spec("grpc") is not None:
            raise
        typer.echo("本命令须安装成员程序：pip install '.[member]' · this command needs the member's install", err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
