"""`huren database`, by the settings file of a gateway and of adapters."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from cli.database import database_app
from cli.database_work import parts_of
from cli.layout import Layout
from cli.settings_files import adapter_command, gateway_command
from contract.province import Province
from gateway.store import tables
from runtime.backup import back_up
from runtime.database import open_database


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    return settings_file(tmp_path, "gateway", "beijing", 'peers = {directory = "members.json"}')


@pytest.fixture
def hebei(tmp_path: Path) -> Path:
    return settings_file(tmp_path, "adapter", "hebei", f'source = {{drop_folder = "{tmp_path / "drop"}"}}')


def settings_file(folder: Path, name: str, province: str, further: str) -> Path:
    path = folder / f"{name}.toml"
    url = f"sqlite:///{folder / name}.db"
    path.write_text(f'province = "{province}"\ndatabase = "{url}"\n{further}\n', "utf-8")
    return path


def huren(*arguments: object) -> Result:
    return CliRunner().invoke(database_app, [str(argument) for argument in arguments])


def answer(*arguments: object, exit_code: int = 0) -> dict[str, Any]:
    result = huren(*arguments, "--json")
    assert result.exit_code == exit_code, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def test_a_gateways_tables_are_brought_up_to_date(gateway: Path) -> None:
    head = tables.TABLES.head
    assert answer("migrate", "--config", gateway) == {
        "result": "migrated",
        "sets": [
            {"tables": "gateway", "before": None, "revision": head},
            {"tables": "feeds", "before": None, "revision": "0001"},
            {"tables": "registry", "before": None, "revision": "0001"},
        ],
    }
    again = huren("migrate", "--config", gateway)
    assert (again.exit_code, again.stdout.splitlines()) == (
        0,
        [
            f"gateway：已是 {head} · at {head} already",
            "feeds：已是 0001 · at 0001 already",
            "registry：已是 0001 · at 0001 already",
        ],
    )


def test_an_adapter_may_have_two_databases(hebei: Path) -> None:
    sets = answer("migrate", "--config", hebei)["sets"]
    assert [one["tables"] for one in sets] == ["adapter", "feeds", "registry", "hebei"]
    for option, program in (((), "adapter"), (("--source",), "hebei")):
        out = hebei.with_name(f"{program}.zip")
        assert answer("backup", "--config", hebei, "--out", out, *option)["manifest"]["program"] == program
        hebei.with_name({"adapter": "adapter.db", "hebei": "drop.sqlite"}[program]).unlink()
        assert answer("restore", "--config", hebei, "--from", out, *option)["manifest"]["program"] == program


@pytest.mark.parametrize("province", ["beijing", "tianjin", "shanxi"])
def test_an_adapter_without_a_database_of_its_source_says_so(tmp_path: Path, province: str) -> None:
    config = settings_file(tmp_path, "adapter", province, 'source = {url = "http://127.0.0.1:1"}')
    assert [one["tables"] for one in answer("migrate", "--config", config)["sets"]] == ["adapter", "feeds", "registry"]
    refused = answer("backup", "--config", config, "--out", tmp_path / "b.zip", "--source", exit_code=2)
    assert (refused["code"], "--source" in refused["detail"]) == ("SETTINGS", True)


def test_the_settings_that_the_sandbox_writes_are_known(tmp_path: Path) -> None:
    """Whatever else a program reads, these commands find its databases."""
    layout = Layout(tmp_path)
    for province in Province:
        layout.province(province).mkdir(parents=True, exist_ok=True)
        announced = dict.fromkeys(
            ("database_url", "url", "client_id", "client_secret_file", "drop_folder", "app_key"), str(tmp_path / "x")
        )
        for command in (gateway_command(layout, province), adapter_command(layout, province, announced)):
            config = Path(command[command.index("--config") + 1])
            [own, *further] = parts_of(config)
            assert own.url == f"sqlite:///{config.with_suffix('.db')}"
            assert (own.tables.name, own.member) == (config.stem, province.slug)
            assert [part.tables.name for part in further] == (
                ["hebei"] if config.stem == "adapter" and province is Province.HEBEI else []
            )


def test_a_restored_gateway_begins_a_new_epoch_and_says_so_in_its_audit(gateway: Path, tmp_path: Path) -> None:
    database, backup = tmp_path / "gateway.db", tmp_path / "backup.zip"
    answer("migrate", "--config", gateway)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO epochs VALUES (1, 'first', '2026-11-22T00:00:00.000000Z', 'created')")
    shown = huren("backup", "--config", gateway, "--out", backup)
    assert (shown.exit_code, "已备份 · backed up" in shown.stdout, "epochs" in shown.stdout) == (0, True, True)
    again = huren("backup", "--config", gateway, "--out", backup)
    assert (again.exit_code, "未完成，未作任何改动 · not done, nothing was changed" in again.stderr) == (1, True)

    over = answer("restore", "--config", gateway, "--from", backup, exit_code=1)
    assert (over["code"], "expected an empty database" in over["detail"]) == ("BACKUP", True)
    database.unlink()
    assert answer("restore", "--config", gateway, "--from", backup)["result"] == "restored"
    [first, second] = rows(database, "SELECT epoch, cause FROM epochs ORDER BY number")
    assert (first, second[1]) == (("first", "created"), "restored")
    assert rows(database, "SELECT action, result FROM audit") == [("restore", f"epoch {second[0]}")]


def test_nobody_is_logged_in_at_a_restored_gateway(gateway: Path, tmp_path: Path, database_url: str) -> None:
    """What happens: a backup holds a session and a login that was begun; afterwards the session is ended, and the gateway lost.

    What must result: neither comes back, on either kind of database; who had logged in before is known.
    """
    answer("migrate", "--config", gateway)
    at = "2026-11-22T00:00:00.000000Z"
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection, connection:
        connection.execute("INSERT INTO persons VALUES ('p1', x'01', ?)", (at,))
        connection.execute(
            "INSERT INTO sessions VALUES (x'02', 's1', 'p1', x'', 'token', x'', 1, ?, ?, ?, '', '')",
            (at, at, "2999-01-01T00:00:00.000000Z"),
        )
        connection.execute("INSERT INTO logins VALUES (x'03', x'04', 'nonce', 'verifier', '/', 1, ?)", (at,))
    answer("backup", "--config", gateway, "--out", tmp_path / "backup.zip")
    gateway.write_text(
        gateway.read_text("utf-8").replace(f"sqlite:///{tmp_path / 'gateway'}.db", database_url), "utf-8"
    )
    answer("restore", "--config", gateway, "--from", tmp_path / "backup.zip")

    async def kept() -> list[int]:
        async with open_database(database_url) as database, database.read() as connection:
            counts = [
                select(func.count()).select_from(each) for each in (tables.persons, tables.sessions, tables.logins)
            ]
            return [(await connection.execute(count)).scalar_one() for count in counts]

    assert asyncio.run(kept()) == [1, 0, 0]


def test_a_clock_behind_the_backup_is_refused(gateway: Path, tmp_path: Path) -> None:
    answer("migrate", "--config", gateway)
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    async def back_up_tomorrow() -> None:
        async with open_database(f"sqlite:///{tmp_path / 'gateway.db'}") as database:
            await back_up(database, tables.TABLES, tmp_path / "backup.zip", member="beijing", at=tomorrow)

    asyncio.run(back_up_tomorrow())
    (tmp_path / "gateway.db").unlink()
    refused = answer("restore", "--config", gateway, "--from", tmp_path / "backup.zip", exit_code=1)
    assert (refused["code"], "expected a clock that is past" in refused["detail"]) == ("BACKUP", True)


def test_a_gateway_deletes_what_is_past_its_retention(gateway: Path, tmp_path: Path) -> None:
    answer("migrate", "--config", gateway)
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection, connection:
        for number, at in enumerate(("2001-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z")):
            connection.execute("INSERT INTO code_tries VALUES (?, ?, 1)", (f"n{number}", at))
    deleted = answer("retain", "--config", gateway)
    assert (deleted["rules"], deleted["deleted"]["code_tries"]) == ("2026-11", 1)
    assert rows(tmp_path / "gateway.db", "SELECT report_number FROM code_tries") == [("n1",)]
    assert huren("retain", "--config", gateway).stdout.startswith("按规则 2026-11 清理，删除 0 行")


def test_an_adapter_keeps_everything(hebei: Path) -> None:
    refused = answer("retain", "--config", hebei, exit_code=2)
    assert (refused["code"], "an adapter's, which keeps everything" in refused["detail"]) == ("SETTINGS", True)


def test_rules_that_cannot_be_used_are_told(gateway: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text("{}")
    refused = answer("retain", "--config", gateway, "--rules", tmp_path / "rules.json", exit_code=2)
    assert refused["code"] == "RULES"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("", "province"),
        ("not toml", "TOML"),
        ('province = "beijing"\nsource = {}', "database"),
        ('province = "示例省"\ndatabase = "sqlite:////x.db"\nsource = {}', "province"),
        ('province = "beijing"\ndatabase = "sqlite:////x.db"', "peers or source"),
    ],
)
def test_a_settings_file_of_no_program_is_refused(tmp_path: Path, settings: str, why: str) -> None:
    (path := tmp_path / "x.toml").write_text(settings, "utf-8")
    refused = huren("migrate", "--config", path)
    assert (refused.exit_code, why in refused.stderr) == (2, True)


def test_a_url_that_is_none_is_a_setting_that_cannot_be_used(tmp_path: Path, gateway: Path) -> None:
    gateway.write_text(gateway.read_text("utf-8").replace("sqlite:///", "mysql:///"), "utf-8")
    refused = answer("backup", "--config", gateway, "--out", tmp_path / "b.zip", exit_code=2)
    assert refused["code"] == "SETTINGS"


def test_a_database_that_is_away_or_newer_is_told(tmp_path: Path, gateway: Path) -> None:
    answer("migrate", "--config", gateway)
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection, connection:
        connection.execute("UPDATE schema_version_gateway SET version_num = '9999'")
    newer = answer("migrate", "--config", gateway, exit_code=1)
    assert (newer["code"], "newer program" in newer["detail"]) == ("SCHEMA", True)
    text = gateway.read_text("utf-8").replace(
        f"sqlite:///{tmp_path}/gateway.db", "postgresql://nobody@127.0.0.1:1/none"
    )
    gateway.write_text(text, "utf-8")
    assert answer("migrate", "--config", gateway, exit_code=1)["code"] == "STORE_UNAVAILABLE"


def test_every_command_is_told_in_both_languages() -> None:
    for command in ("migrate", "backup", "restore", "retain"):
        shown = huren(command, "--help")
        assert (shown.exit_code, "退出码 exit codes" in shown.stdout) == (0, True)
