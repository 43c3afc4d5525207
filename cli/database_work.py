"""What `huren database` does: bringing a program's tables up to date, backup, restore, and deleting what is past its retention.

The program is known by its settings file: a gateway's has `peers`, an adapter's has `source`. An adapter keeps everything for ever,
so there is no retention of it. The registry is in no backup: it is loaded from its file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict
from rich.table import Table
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.hebei.source import store_url_beside
from adapters.hebei.tables import TABLES as DROPPED
from adapters.sdk.ledger import TABLES as LEDGER
from cli.terminal import bold, complain, emit, error_document, say, visible, wide
from contract.province import Province
from contract.reasons import Words
from gateway.store.epochs import RESTORED, begin_epoch
from gateway.store.retention import RetentionFileError, RetentionRules, apply_retention
from gateway.store.rows import Action, AuditRow, audit
from gateway.store.tables import TABLES as GATEWAY
from gateway.store.tables import logins, sessions
from runtime.backup import BackupError, Manifest, back_up, read_manifest, restore
from runtime.clock import system_clock
from runtime.database import Database, open_database
from runtime.errors import SettingsError, SettingsProblem, StoreUnavailableError
from runtime.feeds.tables import FEEDS
from runtime.migrations import SchemaError, TableSet, migrate
from runtime.registry import TABLES as REGISTRY
from runtime.settings import Settings, load_settings

EXIT_DONE: Final = 0
EXIT_NOT_DONE: Final = 1
EXIT_USAGE: Final = 2

RESTORE: Final = Action("restore")

_CLOCK: Final = Words(
    "报告编号随时钟递增：启动网关前，请确认本机时钟不慢于原机，以免备份之后已用的编号再次使用。",
    "Report numbers follow the clock: before the gateway starts, make sure that this machine's is not behind the lost one's.",
)


class _SourceSettings(Settings):
    """Of a source: whether it keeps a database of its own, as `adapters.hebei.source.SourceSettings` says it."""

    model_config = ConfigDict(extra="ignore")

    drop_folder: Path | None = None
    store_url: str | None = None


class _DatabaseSettings(Settings):
    """What is needed of a program's settings: a database is restored before keys and certificates are in place."""

    model_config = ConfigDict(extra="ignore")

    province: Annotated[str, AfterValidator(lambda slug: Province.from_slug(slug).slug)]
    database: str
    peers: dict[str, Any] | None = None
    source: _SourceSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One database of a program.

    Attributes:
        tables: What is backed up of it.
        beside: What else it holds: what its owner hands in again, or what is told anew after a restore.
        url: Where it is.
        member: Whose it is.
    """

    tables: TableSet
    beside: tuple[TableSet, ...] = ()
    url: str
    member: str

    def open(self, config: Path) -> Database:
        """Opens it.

        Raises:
            SettingsError: The URL is none.
        """
        try:
            return open_database(self.url)
        except ValueError as error:
            raise _unusable(config, "database", "the URL of a database", str(error)) from error


# --- Commands -------------------------------------------------------------------------------------------------------------


def migrate_all(config: Path, *, as_json: bool) -> int:
    """Brings all tables of a program to the newest revision. Returns the exit code."""

    async def work() -> None:
        done = []
        for part in parts_of(config):
            async with part.open(config) as database:
                for tables in (part.tables, *part.beside):
                    before = await migrate(database, tables)
                    done.append({"tables": tables.name, "before": before, "revision": tables.head})
        if as_json:
            emit({"result": "migrated", "sets": done})
            return
        for facts in done:
            if facts["before"] == facts["revision"]:
                say(f"{facts['tables']}：已是 {facts['revision']} · at {facts['revision']} already")
            else:
                say(f"{facts['tables']}：{facts['before'] or '无'} → {facts['revision']} · migrated")

    return _run(work, as_json=as_json)


def back_up_one(config: Path, out: Path, *, source: bool, as_json: bool) -> int:
    """Backs one database of a program up. Returns the exit code."""

    async def work() -> None:
        part = _one_of(parts_of(config), config, source=source)
        async with part.open(config) as database:
            manifest = await back_up(database, part.tables, out, member=part.member, at=system_clock())
        _show_backup(Words("已备份", "backed up"), out, manifest, as_json=as_json)

    return _run(work, as_json=as_json)


def restore_one(config: Path, backup: Path, *, source: bool, as_json: bool) -> int:
    """Restores one database of a program. Returns the exit code."""

    async def work() -> None:
        part = _one_of(parts_of(config), config, source=source)
        at = system_clock()
        if (made_at := read_manifest(backup).created_at) > at:
            raise BackupError(f"expected a clock that is past the backup's {made_at.isoformat()}, got {at.isoformat()}")
        then = _begin_again(at) if part.tables is GATEWAY else None
        async with part.open(config) as database:
            manifest = await restore(database, part.tables, backup, member=part.member, then=then)
        _show_backup(Words("已恢复", "restored"), backup, manifest, as_json=as_json)
        if part.tables is GATEWAY and not as_json:
            say(_CLOCK.zh)
            say(_CLOCK.en)

    return _run(work, as_json=as_json)


def retain(config: Path, rules: Path | None, *, as_json: bool) -> int:
    """Deletes what is past its retention. Returns the exit code."""

    async def work() -> None:
        part = parts_of(config)[0]
        if part.tables is not GATEWAY:
            raise _unusable(config, "", "a gateway's settings", "an adapter's, which keeps everything")
        known = RetentionRules.load() if rules is None else RetentionRules.load(rules)
        async with part.open(config) as database:
            await migrate(database, part.tables)
            counts = await apply_retention(database, known, system_clock())
        if as_json:
            emit({"result": "retained", "rules": known.version, "deleted": counts})
        else:
            say(f"按规则 {known.version} 清理，删除 {sum(counts.values())} 行 · rows deleted by rules {known.version}")
            _show_counts({name: number for name, number in counts.items() if number})

    return _run(work, as_json=as_json)


# --- Which databases ------------------------------------------------------------------------------------------------------


def parts_of(config: Path) -> tuple[Part, ...]:
    """The databases of the program that a settings file is for; its own first.

    Raises:
        SettingsError: The file is no program's.
    """
    settings = load_settings(_DatabaseSettings, config)
    if settings.peers is not None:
        return (Part(tables=GATEWAY, beside=(FEEDS, REGISTRY), url=settings.database, member=settings.province),)
    if settings.source is None:
        raise _unusable(config, "", "a gateway's or an adapter's settings (peers or source)", "neither")
    own = Part(tables=LEDGER, beside=(FEEDS, REGISTRY), url=settings.database, member=settings.province)
    drop_folder = settings.source.drop_folder
    if drop_folder is None:
        return (own,)
    url = settings.source.store_url or store_url_beside(drop_folder.absolute())
    return own, Part(tables=DROPPED, url=url, member=settings.province)


def _one_of(parts: tuple[Part, ...], config: Path, *, source: bool) -> Part:
    if not source:
        return parts[0]
    if len(parts) == 1:
        raise _unusable(config, "source", "a source with a database of its own, for --source", "another")
    return parts[1]


def _unusable(config: Path, key: str, expected: str, got: str) -> SettingsError:
    return SettingsError(config, SettingsProblem(key=key, expected=expected, got=got))


def _begin_again(at: datetime) -> Callable[[AsyncConnection], Awaitable[None]]:
    """A restored gateway lives anew, and its audit says so.

    Nobody is logged in any more: a session that was ended after the backup was made would be good again.
    """

    async def then(connection: AsyncConnection) -> None:
        for table in (sessions, logins):
            await connection.execute(delete(table))
        epoch = await begin_epoch(connection, RESTORED, at=at)
        await audit(connection, (AuditRow(at=at, action=RESTORE, result=f"epoch {epoch}"),))

    return then


# --- Showing --------------------------------------------------------------------------------------------------------------


def _run(work: Callable[[], Coroutine[Any, Any, None]], *, as_json: bool) -> int:
    try:
        asyncio.run(work())
    except (SettingsError, RetentionFileError, BackupError, StoreUnavailableError) as error:
        code, words, exit_code = next(_FAILURES[kind] for kind in type(error).__mro__ if kind in _FAILURES)
        if as_json:
            emit(error_document(code, words.zh, words.en, detail=str(error)))
        else:
            complain(f"{words.zh} · {words.en}", str(error))
        return exit_code
    return EXIT_DONE


_FAILURES: Final[Mapping[type, tuple[str, Words, int]]] = {
    SettingsError: ("SETTINGS", Words("配置文件不可用", "the settings file cannot be used"), EXIT_USAGE),
    RetentionFileError: ("RULES", Words("留存规则不可用", "the rules cannot be used"), EXIT_USAGE),
    BackupError: ("BACKUP", Words("未完成，未作任何改动", "not done, nothing was changed"), EXIT_NOT_DONE),
    SchemaError: ("SCHEMA", Words("数据库的表与本程序不符", "the tables are not this program's"), EXIT_NOT_DONE),
    StoreUnavailableError: ("STORE_UNAVAILABLE", Words("数据库不可用", "the database is unavailable"), EXIT_NOT_DONE),
}


def _show_backup(done: Words, path: Path, manifest: Manifest, *, as_json: bool) -> None:
    if as_json:
        emit({"result": done.en, "path": str(path), "manifest": manifest.model_dump(mode="json")})
        return
    created_at = manifest.created_at.isoformat()
    say(f"{done.zh} · {done.en}: {path}")
    say(
        f"{manifest.program}（{manifest.member}），版本 {manifest.revision}，截至 {created_at}，共 {manifest.rows} 行 · "
        f"revision {manifest.revision}, as of {created_at}, {manifest.rows} rows"
    )
    _show_counts({table.name: table.rows for table in manifest.tables if table.rows})


def _show_counts(counts: Mapping[str, int]) -> None:
    if not counts:
        return
    table = Table(box=None)
    table.add_column(bold("表 table"))
    table.add_column(bold("行 rows"), justify="right")
    for name, number in counts.items():
        table.add_row(visible(name), str(number))
    wide().print(table)
