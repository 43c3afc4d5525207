"""`huren database`: commands and their options. What they do stands in `cli/database_work.py`.

Exit codes: 0 done; 1 not done, the message says why; 2 wrong usage, or the settings file cannot be used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

database_app: Final = typer.Typer(
    help="数据库：升级、备份、恢复、到期清理。 Databases of a member: migrate, backup, restore, retention.",
    no_args_is_help=True,
)

_Config = Annotated[
    Path,
    typer.Option(help="程序的配置文件（gateway.toml 或 adapter.toml）。 The program's settings file.", dir_okay=False),
]
_Source = Annotated[
    bool,
    typer.Option("--source", help="适配器来源数据的库（河北）。 The adapter's database of dropped files (Hebei)."),
]
_Json = Annotated[bool, typer.Option("--json", help="输出 JSON。 Print JSON.")]


@database_app.command("migrate")
def database_migrate(config: _Config, *, as_json: _Json = False) -> None:
    """把表升级到本程序的版本；程序启动时也会自动升级。 Bring the tables up to date, as the program does when it starts.

    退出码 exit codes: 0 完成 done; 1 未完成 not done; 2 用法或配置有误 wrong usage or settings.
    """
    from cli.database_work import migrate_all  # noqa: PLC0415  # so that `huren verify` loads no database

    raise typer.Exit(migrate_all(config, as_json=as_json))


@database_app.command("backup")
def database_backup(
    config: _Config,
    out: Annotated[Path, typer.Option(help="备份文件，须尚不存在。 The new file.", dir_okay=False)],
    *,
    source: _Source = False,
    as_json: _Json = False,
) -> None:
    """备份，程序可以照常运行。 Back up, beside the running program.

    备份与数据库同样机密，文件仅属主可读。 A backup is as confidential as the database; only its owner can read the file.

    退出码 exit codes: 0 完成 done; 1 未完成 not done; 2 用法或配置有误 wrong usage or settings.
    """
    from cli.database_work import back_up_one  # noqa: PLC0415  # as above

    raise typer.Exit(back_up_one(config, out, source=source, as_json=as_json))


@database_app.command("restore")
def database_restore(
    config: _Config,
    backup: Annotated[Path, typer.Option("--from", help="备份文件。 The backup.", dir_okay=False)],
    *,
    source: _Source = False,
    as_json: _Json = False,
) -> None:
    """恢复到空的数据库（程序尚未在其上启动过），要么全部，要么不变。 Restore into an empty database: all or nothing.

    在 SQLite 与 PostgreSQL 之间迁移也用它。 It is also how a member moves between SQLite and PostgreSQL.

    退出码 exit codes: 0 完成 done; 1 未完成 not done; 2 用法或配置有误 wrong usage or settings.
    """
    from cli.database_work import restore_one  # noqa: PLC0415  # as above

    raise typer.Exit(restore_one(config, backup, source=source, as_json=as_json))


@database_app.command("retain")
def database_retain(
    config: _Config,
    rules: Annotated[
        Path | None,
        typer.Option(help="留存规则文件，默认用随附的。 File of rules; the shipped one unless told.", dir_okay=False),
    ] = None,
    *,
    as_json: _Json = False,
) -> None:
    """删除已过留存期且不再被引用的内容（仅网关）。 Delete what is past its retention and nobody's any more (gateways only).

    退出码 exit codes: 0 完成 done; 1 未完成 not done; 2 用法或配置有误 wrong usage or settings.
    """
    from cli.database_work import retain  # noqa: PLC0415  # as above

    raise typer.Exit(retain(config, rules, as_json=as_json))
