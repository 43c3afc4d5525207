"""What is backed up comes back, on the same database and on the other; a file that is not whole changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import stat
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from runtime.backup import BackupError, Manifest, back_up, read_manifest, restore
from runtime.database import Database, open_database
from runtime.errors import StoreUnavailableError
from runtime.migrations import TableSet, migrate, revision_of

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
MEMBER = "beijing"

METADATA = MetaData()
NUMBER = BigInteger().with_variant(Integer, "sqlite")
FILES = Table(
    "files",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("content", LargeBinary),
    Column("words", Text, nullable=False),
    Column("done", Boolean, nullable=False),
)
LINES = Table(
    "lines",
    METADATA,
    Column("file", ForeignKey(FILES.c.number), nullable=False),
    Column("order", BigInteger, nullable=False),
)
FIRST = """op.create_table("files",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True), sa.Column("content", sa.LargeBinary),
        sa.Column("words", sa.Text, nullable=False))
    op.create_table("lines",
        sa.Column("file", NUMBER, sa.ForeignKey("files.number"), nullable=False),
        sa.Column("order", sa.BigInteger, nullable=False))"""
SECOND = """with op.batch_alter_table("files") as batch:
        batch.add_column(sa.Column("done", sa.Boolean, nullable=True))
    op.execute("UPDATE files SET done = true")
    with op.batch_alter_table("files") as batch:
        batch.alter_column("done", existing_type=sa.Boolean, nullable=False)"""
ROWS: list[dict[str, Any]] = [
    {"number": 2, "content": bytes(range(256)), "words": "𠮷㙍 “引号”\n\\u0000 \u2028", "done": True},
    {"number": 5, "content": b"", "words": "", "done": False},
    {"number": 7, "content": None, "words": "[1,2]", "done": True},
]


def history(folder: Path, *bodies: str) -> TableSet:
    folder.mkdir()
    for number, body in enumerate(bodies, start=1):
        earlier = f"{number - 1:04d}" if number > 1 else None
        (folder / f"revision_{number:04d}.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n\n"
            f"revision = '{number:04d}'\ndown_revision = {earlier!r}\n"
            "NUMBER = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')\n\n\n"
            f"def upgrade():\n    {body}\n"
        )
    return TableSet(name="things", metadata=(METADATA,), revisions=folder, append_only=(LINES,))


@pytest.fixture
def tables(tmp_path: Path) -> TableSet:
    return history(tmp_path / "revisions", FIRST, SECOND)


@pytest.fixture
async def filled(database: Database, tables: TableSet) -> Database:
    await migrate(database, tables)
    async with database.write() as connection:
        await connection.execute(insert(FILES), ROWS)
        await connection.execute(insert(LINES), [{"file": 7, "order": 2**62}, {"file": 2, "order": -1}])
    return database


@pytest.fixture
def elsewhere(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """An empty database of the other kind."""
    if database_url.startswith("sqlite"):
        return str(request.getfixturevalue("postgresql_url"))
    return f"sqlite:///{tmp_path / 'elsewhere.db'}"


async def content(database: Database) -> dict[str, list[Any]]:
    async with database.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in await connection.execute(select(table))), key=repr)
            for table in (FILES, LINES)
        }


async def backed_up(database: Database, tables: TableSet, folder: Path) -> Path:
    path = folder / "backup.zip"
    await back_up(database, tables, path, member=MEMBER, at=NOW)
    return path


async def test_what_is_backed_up_comes_back(filled: Database, tables: TableSet, tmp_path: Path) -> None:
    path = await backed_up(filled, tables, tmp_path)
    async with open_database(f"sqlite:///{tmp_path / 'new.db'}") as new:
        manifest = await restore(new, tables, path, member=MEMBER)
        assert await content(new) == await content(filled)
    assert manifest == read_manifest(path)
    assert (manifest.program, manifest.member, manifest.revision) == ("things", MEMBER, "0002")
    assert {table.name: table.rows for table in manifest.tables} == {"files": 3, "lines": 2}
    assert manifest.created_at == NOW


async def test_a_backup_moves_a_member_to_the_other_database_and_counting_goes_on(
    filled: Database, tables: TableSet, tmp_path: Path, elsewhere: str
) -> None:
    path = await backed_up(filled, tables, tmp_path)
    async with open_database(elsewhere) as new:
        await restore(new, tables, path, member=MEMBER)
        assert await content(new) == await content(filled)
        added = insert(FILES).values(words="next", done=False).returning(FILES.c.number)
        async with new.write() as connection:
            assert (await connection.execute(added)).scalar_one() == 8
        with pytest.raises(IntegrityError, match="append-only"):
            async with new.write() as connection:
                await connection.execute(LINES.delete())
        async with new.write() as connection:
            await connection.execute(FILES.delete().where(FILES.c.number == 8))
        (again := tmp_path / "again").mkdir()
        manifest = await back_up(new, tables, again / "backup.zip", member=MEMBER, at=NOW)
    first = {table.name: table for table in read_manifest(path).tables}
    assert {table.name: table for table in manifest.tables}["files"] == first["files"]


async def test_a_backup_is_for_its_owner_only_and_overwrites_nothing(
    filled: Database, tables: TableSet, tmp_path: Path
) -> None:
    path = await backed_up(filled, tables, tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(BackupError, match="expected no such file"):
        await backed_up(filled, tables, tmp_path)
    assert path.read_bytes() == before


async def test_a_backup_that_cannot_be_written_leaves_no_file(
    filled: Database, tables: TableSet, tmp_path: Path
) -> None:
    with pytest.raises(BackupError, match="No such file"):
        await back_up(filled, tables, tmp_path / "none" / "backup.zip", member=MEMBER, at=NOW)
    (folder := tmp_path / "empty").mkdir()
    async with filled.write() as connection:
        await connection.execute(text(f"UPDATE {tables.version_table} SET version_num = '0001'"))  # noqa: S608  # ours
    with pytest.raises(BackupError, match="expected tables at revision 0002, got 0001"):
        await back_up(filled, tables, folder / "backup.zip", member=MEMBER, at=NOW)
    assert list(folder.iterdir()) == []


async def test_a_backup_is_one_state_beside_writers(
    database: Database, database_url: str, tables: TableSet, tmp_path: Path
) -> None:
    """Each writer adds a file and its line in one transaction, while tables are read one after the other."""
    await migrate(database, tables)
    await _add(database, 400)
    stop, began = asyncio.Event(), asyncio.Event()

    async def keep_writing() -> None:
        async with open_database(database_url) as own:
            while not stop.is_set():
                await _add(own, 1)
                began.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(keep_writing())
        await began.wait()
        manifests = [
            await back_up(database, tables, tmp_path / f"{number}.zip", member=MEMBER, at=NOW) for number in range(5)
        ]
        stop.set()
    counts = [[table.rows for table in manifest.tables] for manifest in manifests]
    assert [files for files, _ in counts] == [lines for _, lines in counts]
    assert counts == sorted(counts)
    assert await _count(database) > 400


async def _add(database: Database, number: int) -> None:
    async with database.write() as connection:
        for _ in range(number):
            added = insert(FILES).values(words="x" * 100, done=False).returning(FILES.c.number)
            file = (await connection.execute(added)).scalar_one()
            await connection.execute(insert(LINES).values(file=file, order=1))


async def _count(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(LINES))).scalar_one())


async def test_a_backup_of_an_older_revision_is_restored_and_brought_up_to_date(
    database: Database, tables: TableSet, tmp_path: Path
) -> None:
    old_metadata = MetaData()
    old_files = Table(
        "files", old_metadata, *(Column(name, FILES.c[name].type, primary_key=name == "number") for name in OLD_COLUMNS)
    )
    Table("lines", old_metadata, Column("file", ForeignKey(old_files.c.number)), Column("order", BigInteger))
    older = TableSet(name="things", metadata=(old_metadata,), revisions=history(tmp_path / "older", FIRST).revisions)
    async with open_database(f"sqlite:///{tmp_path / 'old.db'}") as old:
        await migrate(old, older)
        async with old.write() as connection:
            await connection.execute(insert(old_files), [{name: row[name] for name in OLD_COLUMNS} for row in ROWS])
            await connection.execute(insert(LINES).values(file=5, order=1))
        path = await backed_up(old, older, tmp_path)
    await restore(database, tables, path, member=MEMBER)
    expected = sorted((tuple((row | {"done": True}).values()) for row in ROWS), key=repr)
    assert await content(database) == {"files": expected, "lines": [(5, 1)]}
    async with database.read() as connection:
        assert await connection.run_sync(revision_of, tables) == "0002"


OLD_COLUMNS = ("number", "content", "words")


async def test_what_else_belongs_to_a_restore_is_in_its_transaction(
    filled: Database, tables: TableSet, tmp_path: Path
) -> None:
    path = await backed_up(filled, tables, tmp_path)

    async def fail(connection: Any) -> None:
        assert (await connection.execute(select(func.count()).select_from(FILES))).scalar_one() == 3
        raise LookupError

    async with open_database(f"sqlite:///{tmp_path / 'new.db'}") as new:
        with pytest.raises(LookupError):
            await restore(new, tables, path, member=MEMBER, then=fail)
        await nothing_is_there(new, tables)


async def nothing_is_there(database: Database, tables: TableSet) -> None:
    async with database.read() as connection:
        assert await connection.run_sync(revision_of, tables) is None


async def test_a_database_with_rows_is_not_restored_into(filled: Database, tables: TableSet, tmp_path: Path) -> None:
    path = await backed_up(filled, tables, tmp_path)
    before = await content(filled)
    with pytest.raises(BackupError, match=r"expected an empty database, .* got rows in files"):
        await restore(filled, tables, path, member=MEMBER)
    assert await content(filled) == before


async def test_a_migrated_database_without_rows_is_restored_into(
    filled: Database, tables: TableSet, tmp_path: Path, elsewhere: str
) -> None:
    path = await backed_up(filled, tables, tmp_path)
    async with open_database(elsewhere) as new:
        await migrate(new, tables)
        await restore(new, tables, path, member=MEMBER)
        assert await content(new) == await content(filled)


async def test_a_backup_of_somebody_or_something_else_is_refused(
    filled: Database, tables: TableSet, tmp_path: Path
) -> None:
    path = await backed_up(filled, tables, tmp_path)
    other = TableSet(name="others", metadata=(METADATA,), revisions=tables.revisions)
    older = history(tmp_path / "older", FIRST)
    async with open_database(f"sqlite:///{tmp_path / 'new.db'}") as new:
        for wanted, member, why in (
            (tables, "tianjin", "things of tianjin, got one of things of beijing"),
            (other, MEMBER, "others of beijing, got one of things"),
            (older, MEMBER, "a newer program's backup"),
        ):
            with pytest.raises(BackupError, match=why):
                await restore(new, wanted, path, member=member)
            await nothing_is_there(new, wanted)


# --- Damaged files ---


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """The same archive with other content."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    change(content)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def _manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, bytes]], None]:
    def changed(content: dict[str, bytes]) -> None:
        manifest = json.loads(content["manifest.json"])
        change(manifest)
        content["manifest.json"] = json.dumps(manifest).encode()

    return changed


def _agreeing(table: str, lines: bytes) -> Callable[[dict[str, bytes]], None]:
    """Other lines, with the digest and the number that they have."""

    def changed(content: dict[str, bytes]) -> None:
        content[f"tables/{table}.jsonl"] = lines
        manifest = json.loads(content["manifest.json"])
        [entry] = [entry for entry in manifest["tables"] if entry["name"] == table]
        entry |= {"rows": lines.count(b"\n"), "sha256": hashlib.sha256(lines).hexdigest()}
        content["manifest.json"] = json.dumps(manifest).encode()

    return changed


def _without_a_line(content: dict[str, bytes]) -> None:
    content["tables/files.jsonl"] = b"".join(content["tables/files.jsonl"].splitlines(keepends=True)[:-1])


def _other_words(content: dict[str, bytes]) -> None:
    content["tables/files.jsonl"] = content["tables/files.jsonl"].replace(b"[1,2]", b"[1,3]")


def _without(name: str, content: dict[str, bytes]) -> None:
    del content[name]


DAMAGES: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "a row is missing": (_without_a_line, "files: expected 3 rows with digest"),
    "a row says something else": (_other_words, "files: expected 3 rows with digest"),
    "a table is missing": (partial(_without, "tables/lines.jsonl"), r"expected tables/lines\.jsonl"),
    "no manifest": (partial(_without, "manifest.json"), r"expected manifest\.json"),
    "a manifest that is no JSON": (lambda content: content.update({"manifest.json": b"{"}), r"manifest\.json: file"),
    "another format": (_manifest(lambda manifest: manifest.update(format=2)), r"manifest\.json: format"),
    "a table twice": (_manifest(lambda manifest: manifest["tables"].append(manifest["tables"][0])), "each once"),
    "a table less": (_manifest(lambda manifest: manifest["tables"].pop()), "expected the tables of revision 0002"),
    "another table": (
        _manifest(lambda manifest: manifest["tables"][0].update(name="schema_version_things")),
        "expected the tables of revision 0002",
    ),
    "another column": (
        _manifest(lambda manifest: manifest["tables"][0].update(columns=["number", "content", "words", "more"])),
        "files: expected the columns",
    ),
    "no row": (_agreeing("files", b"[1]\n"), "files: a line is no row"),
    "no octets": (_agreeing("files", b'[1,"?","",true]\n'), "files: a line is no row"),
    "no values": (_agreeing("files", b"7\n"), "files: a line is no row"),
    "the same key twice": (
        _agreeing("files", b'[1,null,"",true]\n[1,null,"",true]\n'),
        "a row does not fit into its table: .*(Integrity|Unique)",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_backup_that_is_not_what_it_was_changes_nothing(
    filled: Database, tables: TableSet, tmp_path: Path, damage: str, elsewhere: str
) -> None:
    path = await backed_up(filled, tables, tmp_path)
    change, why = DAMAGES[damage]
    rewritten(path, change)
    async with open_database(elsewhere) as new:
        with pytest.raises(BackupError, match=why):
            await restore(new, tables, path, member=MEMBER)
        await nothing_is_there(new, tables)


async def test_a_reference_to_a_row_that_the_backup_lacks_changes_nothing(
    filled: Database, tables: TableSet, tmp_path: Path, elsewhere: str
) -> None:
    path = await backed_up(filled, tables, tmp_path)
    rewritten(path, _agreeing("lines", b"[99,1]\n"))
    async with open_database(elsewhere) as new:
        with pytest.raises(BackupError, match=r"refers to a row|does not fit into its table"):
            await restore(new, tables, path, member=MEMBER)
        await nothing_is_there(new, tables)


async def test_every_cut_and_every_flipped_octet_is_noticed_or_harmless(tables: TableSet, tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'old.db'}") as old:
        await migrate(old, tables)
        async with old.write() as connection:
            await connection.execute(insert(FILES), ROWS)
        path = await backed_up(old, tables, tmp_path)
        expected = await content(old)
    whole = path.read_bytes()
    damaged = tmp_path / "damaged.zip"
    wrong = [whole[:cut] for cut in range(0, len(whole), 97)]
    wrong += [whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :] for at in range(0, len(whole), 23)]
    refused = 0
    for number, octets in enumerate(wrong):
        damaged.write_bytes(octets)
        async with open_database(f"sqlite:///{tmp_path / f'{number}.db'}") as new:
            try:
                await restore(new, tables, damaged, member=MEMBER)
            except BackupError:
                refused += 1
                await nothing_is_there(new, tables)
            else:
                assert await content(new) == expected
    assert refused > len(wrong) / 2


async def test_a_file_that_is_none_or_missing_is_refused(database: Database, tables: TableSet, tmp_path: Path) -> None:
    (nothing := tmp_path / "nothing.zip").write_bytes(b"no archive")
    for path, why in ((nothing, "expected a whole backup"), (tmp_path / "missing.zip", "No such file")):
        with pytest.raises(BackupError, match=why):
            await restore(database, tables, path, member=MEMBER)
    await nothing_is_there(database, tables)


async def test_a_database_that_is_away_is_told_as_that(tables: TableSet, tmp_path: Path) -> None:
    async with open_database("postgresql://nobody@127.0.0.1:1/none") as away:
        with pytest.raises(StoreUnavailableError):
            await back_up(away, tables, tmp_path / "backup.zip", member=MEMBER, at=NOW)
    assert not (tmp_path / "backup.zip").exists()


def test_a_manifest_holds_what_it_needs_and_nothing_else() -> None:
    assert set(Manifest.model_fields) == {"format", "program", "member", "revision", "created_at", "tables"}
