"""Backup and restore of a set of tables, the same for SQLite and PostgreSQL: what was backed up on one is restored on either.

A backup is one ZIP file: `tables/<name>.jsonl`, each line a row as an array, and `manifest.json` with what program and member it is
of, revision, instant, and for each table its columns, the number of rows and the SHA-256 of the lines. Octets are base64.

- It is written in one reading transaction that sees one state throughout, beside whoever writes. Neither it nor a restore holds
  more than a few rows in memory.
- It appears under its name as a whole or not at all, readable for the owner only: it is as confidential as the database. It is not
  signed; whoever can write to it can put another state into it.
- A restore fills an empty database, in one transaction, and compares digests and numbers before it commits. A backup of an older
  revision is restored as it was, and its tables are then brought to the newest.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table, func, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.json_file import JsonFileError, read_json_file
from runtime.database import Database, check_references
from runtime.errors import PlumbingError
from runtime.migrations import TableSet, migrate_within, revision_of

_MANIFEST: Final = "manifest.json"
_MAX_MANIFEST_BYTES: Final = 1_000_000

_ROWS_AT_ONCE: Final = 50
"""Read from the database; a report may have a megabyte."""

_INSERTED_ROWS: Final = 1000
_INSERTED_BYTES: Final = 4_000_000

_PACKED: Final = {"date_time": (1980, 1, 1, 0, 0, 0)}
"""The manifest tells when; the archive's own dates have no zone."""

_SEQUENCE_OF: Final = text("SELECT pg_get_serial_sequence(:table, :column)")
_GO_ON: Final = text("SELECT setval(CAST(CAST(:sequence AS text) AS regclass), :highest)")


class BackupError(PlumbingError):
    """A backup cannot be written, or is none that can be restored here. Nothing was changed."""


class BackedUpTable(BaseModel):
    """What the manifest says of a table.

    Attributes:
        name: The table.
        columns: In the order of the values in a line.
        rows: How many lines.
        sha256: Digest of all lines, with their line ends, hexadecimal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str


class Manifest(BaseModel):
    """What a backup is.

    Attributes:
        format: Of this file.
        program: Name of the set of tables.
        member: Whose it is.
        revision: Of the tables.
        created_at: When the state was read that it holds.
        tables: Each after those that it refers to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    program: str
    member: str
    revision: str
    created_at: AwareDatetime
    tables: tuple[BackedUpTable, ...]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables)


async def back_up(database: Database, tables: TableSet, path: Path, *, member: str, at: datetime) -> Manifest:
    """Writes a backup.

    Args:
        database: The database.
        tables: What of it.
        path: The new file.
        member: Whose it is, as the restore will be told.
        at: Now.

    Raises:
        BackupError: There is such a file, it cannot be written, or the tables are not at the newest revision.
        StoreUnavailableError: The database cannot do it now.
    """
    with _new_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        async with database.snapshot() as connection:
            revision = await connection.run_sync(revision_of, tables)
            if revision != tables.head:
                raise BackupError(f"expected tables at revision {tables.head}, got {revision}: migrate them first")
            written = [await _write_table(connection, archive, table) for table in tables.tables]
        manifest = Manifest(
            program=tables.name,
            member=member,
            revision=revision,
            created_at=at.astimezone(UTC),
            tables=tuple(written),
        )
        archive.writestr(_entry(_MANIFEST), manifest.model_dump_json(indent=1))
    return manifest


def read_manifest(path: Path) -> Manifest:
    """What a backup is.

    Raises:
        BackupError: It is none.
    """
    with _archive(path) as archive:
        return _manifest_of(archive)


async def restore(
    database: Database,
    tables: TableSet,
    path: Path,
    *,
    member: str,
    then: Callable[[AsyncConnection], Awaitable[object]] | None = None,
) -> Manifest:
    """Fills an empty database from a backup: all of it or nothing.

    Args:
        database: The database, on which no program was started yet; its tables are made where they are missing.
        tables: What of it.
        path: The backup.
        member: Whose it must be.
        then: What belongs to the same transaction.

    Raises:
        BackupError: The backup is damaged, another program's or member's, or from a newer program; or the database is not empty.
        StoreUnavailableError: The database cannot do it now.
    """
    with _archive(path) as archive:
        manifest = _manifest_of(archive)
        _check_whose(manifest, tables, member)
        try:
            async with database.reshape() as connection:
                await _make_tables(connection, tables, manifest)
                for entry in manifest.tables:
                    await _fill(connection, archive, entry)
                await migrate_within(connection, tables)
                await _go_on_counting(connection, tables.tables)
                if then is not None:
                    await then(connection)
                await _check_references(connection)
        except DBAPIError as error:  # not of a database that cannot do it now: that is told otherwise
            raise BackupError(f"a row does not fit into its table: {type(error.orig).__name__}") from error
    return manifest


# --- Writing --------------------------------------------------------------------------------------------------------------


@contextmanager
def _new_file(path: Path) -> Generator[IO[bytes]]:
    """A file that appears under its name when the block ends well."""
    if path.exists():
        raise BackupError(f"{path}: expected no such file yet")
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).rename(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror or type(error).__name__}") from error


async def _write_table(connection: AsyncConnection, archive: zipfile.ZipFile, table: Table) -> BackedUpTable:
    rows, digest = 0, hashlib.sha256()
    everything = select(table).order_by(*table.primary_key)
    with archive.open(_entry(_member(table.name)), "w", force_zip64=True) as file:
        result = await connection.stream(everything, execution_options={"yield_per": _ROWS_AT_ONCE})
        async for row in result:
            line = _line(row)
            file.write(line)
            digest.update(line)
            rows += 1
    return BackedUpTable(name=table.name, columns=tuple(table.c.keys()), rows=rows, sha256=digest.hexdigest())


def _line(row: Sequence[Any]) -> bytes:
    values = [base64.b64encode(value).decode() if isinstance(value, bytes) else value for value in row]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, **_PACKED)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


# --- Reading --------------------------------------------------------------------------------------------------------------


@contextmanager
def _archive(path: Path) -> Generator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise BackupError(f"{path}: expected a whole backup, got another or damaged file: {error}") from error
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror or type(error).__name__}") from error


def _manifest_of(archive: zipfile.ZipFile) -> Manifest:
    with _opened(archive, _MANIFEST) as file:
        content = file.read(_MAX_MANIFEST_BYTES)
    try:
        return read_json_file(content, Manifest)
    except JsonFileError as error:
        raise BackupError(f"{_MANIFEST}: {error}") from error


def _opened(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    try:
        return archive.open(name)
    except (KeyError, RuntimeError) as error:  # not there; or it says that it is encrypted
        raise BackupError(f"expected {name} in the backup, got none that can be read") from error


def _check_whose(manifest: Manifest, tables: TableSet, member: str) -> None:
    if (manifest.program, manifest.member) != (tables.name, member):
        raise BackupError(
            f"expected a backup of {tables.name} of {member}, got one of {manifest.program} of {manifest.member}"
        )
    if manifest.revision not in tables.history:
        raise BackupError(
            f"expected tables at revision {tables.head} or older, got {manifest.revision}: a newer program's backup"
        )


async def _make_tables(connection: AsyncConnection, tables: TableSet, manifest: Manifest) -> None:
    """Makes the tables as they were when they were backed up, and looks that nothing is in them."""
    found = await connection.run_sync(revision_of, tables)
    if found not in {None, manifest.revision}:
        raise BackupError(
            f"expected a new database, or tables at revision {manifest.revision} as in the backup, got revision {found}"
        )
    await migrate_within(connection, tables, to=manifest.revision)
    there = set(await connection.run_sync(_table_names))
    names = {entry.name for entry in manifest.tables}
    known = names <= there if manifest.revision != tables.head else names == {table.name for table in tables.tables}
    if not known or len(names) != len(manifest.tables):
        raise BackupError(f"expected the tables of revision {manifest.revision}, each once, got {sorted(names)}")
    for entry in manifest.tables:
        table = await _as_it_is(connection, entry.name)
        if (await connection.execute(select(table).limit(1))).first() is not None:
            raise BackupError(
                f"expected an empty database, on which no program was started yet, got rows in {entry.name}"
            )


async def _fill(connection: AsyncConnection, archive: zipfile.ZipFile, entry: BackedUpTable) -> None:
    table = await _as_it_is(connection, entry.name)
    if sorted(entry.columns) != sorted(table.c.keys()):
        raise BackupError(f"{entry.name}: expected the columns {sorted(table.c.keys())}, got {sorted(entry.columns)}")
    rows, digest = 0, hashlib.sha256()
    with _opened(archive, _member(entry.name)) as file:
        for lines in _batches(file):
            for line in lines:
                digest.update(line)
            rows += len(lines)
            await connection.execute(insert(table), [_row(table, entry, line) for line in lines])
    if (rows, digest.hexdigest()) != (entry.rows, entry.sha256):
        raise BackupError(f"{entry.name}: expected {entry.rows} rows with digest {entry.sha256}, got {rows} other ones")
    stored = (await connection.execute(select(func.count()).select_from(table))).scalar_one()
    if stored != entry.rows:
        raise BackupError(f"{entry.name}: expected {entry.rows} rows in the database, got {stored}")


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line)
        if len(batch) == _INSERTED_ROWS or size >= _INSERTED_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _row(table: Table, entry: BackedUpTable, line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line)
        return {
            name: base64.b64decode(value, validate=True)
            if isinstance(table.c[name].type, LargeBinary) and value is not None
            else value
            for name, value in zip(entry.columns, values, strict=True)
        }
    except (ValueError, TypeError) as error:
        raise BackupError(f"{entry.name}: a line is no row of it: {type(error).__name__}") from error


async def _as_it_is(connection: AsyncConnection, name: str) -> Table:
    """A table of the backup's revision: what the program knows is the newest."""
    columns = await connection.run_sync(lambda sync: inspect(sync).get_columns(name))
    return Table(name, MetaData(), *(Column(column["name"], column["type"]) for column in columns))


def _table_names(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()


async def _check_references(connection: AsyncConnection) -> None:
    try:
        await check_references(connection)
    except RuntimeError as error:
        raise BackupError(str(error)) from error


async def _go_on_counting(connection: AsyncConnection, tables: Iterable[Table]) -> None:
    """Lets PostgreSQL number new rows after those that were filled in. SQLite looks at the rows themselves."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        for column in table.primary_key:
            named = {"table": connection.dialect.identifier_preparer.format_table(table), "column": column.name}
            sequence = (await connection.execute(_SEQUENCE_OF, named)).scalar_one()
            if sequence is None:
                continue
            highest = (await connection.execute(select(func.max(column)))).scalar_one()
            if highest is not None:
                await connection.execute(_GO_ON, {"sequence": sequence, "highest": highest})
