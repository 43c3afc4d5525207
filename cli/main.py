"""`huren`: commands and their options. What they do stands in the modules beside this one.

Every command's help is in Chinese and English; messages for people too. Exit codes: 0 done; 1 not done, the message says
why; 2 wrong usage; `verify` and `report request` have their own, documented there.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer

from contract.days import parse_day
from contract.province import Province

app: Final = typer.Typer(
    name="huren",
    help="互认：京津冀晋互认版专项信用报告。 Mutual recognition of special credit reports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
report_app: Final = typer.Typer(help="报告。 Reports.", no_args_is_help=True)
app.add_typer(report_app, name="report")

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
) -> None:
    """在本机启动四地平台、适配器和网关，Ctrl-C 停止。 Run the whole federation on this machine until Ctrl-C.

    退出码 exit codes: 0 已停止 stopped; 1 未能启动，或有进程中途退出 did not come up, or a process ended by itself.
    """
    from cli.up import run  # noqa: PLC0415  # so that `huren verify` does not load the sandbox

    raise typer.Exit(run(directory, without or []))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="输出目录。 Where the reports go.", file_okay=False)] = Path("build/demo"),
) -> None:
    """启动四地，出具两份报告，离线核验，停止。 Start, issue two reports, verify them offline, stop."""
    from cli.demo import run  # noqa: PLC0415  # as above

    raise typer.Exit(run(out))


@report_app.command("request")
def report_request(
    uscc: Annotated[str, typer.Argument(help="统一社会信用代码。 Unified social credit code.")],
    directory: _Directory = DEFAULT_DIRECTORY,
    gateway: Annotated[
        Province | None,
        typer.Option(
            parser=_province,
            metavar="PROVINCE",
            help="向哪个省（市）的网关申请；默认为登记地。 Which gateway to ask; the home unless told.",
        ),
    ] = None,
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
    out: Annotated[
        Path | None, typer.Option(help="保存到此目录。 Save the report into this directory.", file_okay=False)
    ] = None,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", help="幂等键；默认随机。 Idempotency key; random unless told.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """申请报告。 Ask for a report.

    退出码 exit codes: 0 已出具 issued; 4 办理中，尚不能出具 not yet; 1 未受理 not served.
    """
    from cli.report import Asked, run  # noqa: PLC0415  # as above

    chosen = [part for text in domains or [] for part in text.split(",") if part]
    asked = Asked(uscc=uscc, gateway=gateway, first_day=first_day, last_day=last_day, domains=tuple(chosen), key=key)
    raise typer.Exit(run(asked, directory, out=out, as_json=as_json))


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="报告文件（.report 或 .json）。 A report (.report or .json).")],
    trust: Annotated[
        Path | None, typer.Option(help="信任数据目录。 Trust directory; the sandbox's unless told.", file_okay=False)
    ] = None,
    directory: _Directory = DEFAULT_DIRECTORY,
    as_json: _Json = False,
) -> None:
    """离线核验一份报告。 Verify a report offline.

    退出码 exit codes: 3 真实，未核验当前状态 authentic, status not checked; 1 其他 anything else;
    0 留给“真实且当前有效”，目前不会出现 kept for "authentic and valid", not given yet.
    """
    from cli.verify import run  # noqa: PLC0415  # as above

    raise typer.Exit(run(file, trust or directory / "pki" / "trust", as_json=as_json))


@app.command()
def status(directory: _Directory = DEFAULT_DIRECTORY, as_json: _Json = False) -> None:
    """各成员的状态。 The condition of every member: health, contract, catalogue, freshness, keys.

    退出码 exit codes: 0 全部正常 all healthy; 1 有异常 something is not.
    """
    from cli.status import run  # noqa: PLC0415  # as above

    raise typer.Exit(run(directory, as_json=as_json))


def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
