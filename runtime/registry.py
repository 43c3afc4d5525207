"""The embedded registry: subjects in a table of the program's own database, loaded from a file of JSON Lines.

Names are kept folded in a table of their own, so that a row that bears nothing but a name can be told from one that is nobody's.

A province with a registry to ask puts another implementation of `contract.registry.Registry` in its place.
"""

from __future__ import annotations

import asyncio
import hashlib
import unicodedata
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from sqlalchemy import Column, LargeBinary, MetaData, Select, String, Table, Text, delete, insert, select
from sqlalchemy.exc import IntegrityError

from contract.registry import RegistryEntry, RegistryUnavailableError
from contract.uscc import Uscc
from runtime.database import Database, is_unique_violation, take_turns
from runtime.errors import StoreUnavailableError
from runtime.migrations import TableSet, migrate

_metadata: Final = MetaData()

_subjects: Final = Table(
    "registry_subjects", _metadata, Column("uscc", String(18), primary_key=True), Column("entry", Text, nullable=False)
)
_names: Final = Table("registry_names", _metadata, Column("name_folded", Text, primary_key=True))
"""Every name that a subject has or had, folded, once."""

_loaded: Final = Table("registry_loaded", _metadata, Column("digest", LargeBinary, primary_key=True))
"""Digest of the file that the tables were loaded from: one row, or none."""

TABLES: Final = TableSet(
    name="registry", metadata=(_metadata,), revisions=Path(__file__).with_name("registry_migrations")
)
"""Both programs of a member keep them, in their own databases."""

_FORM: Final = b"subjects, names by NFKC\n"
"""Goes before the file into the digest: tables of another form, or names folded otherwise, are loaded anew."""

_BATCH: Final = 1000

_BRACKETS: Final = str.maketrans("[]【】﹝﹞()", "〔〕〔〕〔〕〔〕")


class RegistryFileError(ValueError):
    """A line of a registry file cannot be read, or says again what another says. The message names the line where it can."""


class TableRegistry:
    """Looks subjects up in the table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, path: Path) -> None:
        """Replaces the tables by the file's content, unless it is that already. All of it or nothing.

        Raises:
            OSError: The file cannot be read.
            RegistryFileError: A line is no registry entry, or a code stands twice.
            SchemaError: The tables are a newer program's.
            StoreUnavailableError: The database cannot do it now.
        """
        await migrate(self._database, TABLES)
        content = await asyncio.to_thread(path.read_bytes)
        try:
            await self._replace(content)
        except IntegrityError as error:
            if not is_unique_violation(error):
                raise
            raise RegistryFileError("a code stands twice") from error

    async def _replace(self, content: bytes) -> None:
        digest = hashlib.sha256(_FORM + content).digest()
        async with self._database.write() as connection:
            await take_turns(connection)
            if (await connection.execute(select(_loaded.c.digest))).scalar_one_or_none() == digest:
                return
            await connection.execute(delete(_subjects))
            await connection.execute(delete(_names))
            entries = _entries(content)
            names: set[str] = set()
            while batch := list(islice(entries, _BATCH)):
                await connection.execute(insert(_subjects), [_subject_row(entry) for entry in batch])
                new = {_fold(name) for entry in batch for name in _names_of(entry)} - names
                if new:
                    await connection.execute(insert(_names), [{"name_folded": name} for name in sorted(new)])
                names |= new
            await connection.execute(delete(_loaded))
            await connection.execute(insert(_loaded), {"digest": digest})

    async def lookup(self, uscc: Uscc) -> RegistryEntry | None:
        """As `Registry.lookup`."""
        entry = await self._first(select(_subjects.c.entry).where(_subjects.c.uscc == uscc))
        return None if entry is None else RegistryEntry.model_validate_json(entry)

    async def knows_name(self, name: str) -> bool:
        """As `Registry.knows_name`."""
        folded = _fold(name)
        return bool(folded) and (
            await self._first(select(_names.c.name_folded).where(_names.c.name_folded == folded)) is not None
        )

    async def _first(self, query: Select[str]) -> str | None:
        try:
            async with self._database.read() as connection:
                return (await connection.execute(query)).scalar_one_or_none()
        except StoreUnavailableError as error:
            raise RegistryUnavailableError(str(error)) from error


def _entries(content: bytes) -> Iterator[RegistryEntry]:
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            yield RegistryEntry.model_validate_json(line, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise RegistryFileError(f"line {number}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _subject_row(entry: RegistryEntry) -> dict[str, str]:
    return {"uscc": entry.uscc, "entry": entry.model_dump_json()}


def _names_of(entry: RegistryEntry) -> Iterator[str]:
    yield entry.name
    for former in entry.former_names:
        yield former.name


def _fold(name: str) -> str:
    """Without blanks, and without controls, some of which PostgreSQL cannot hold."""
    folded = unicodedata.normalize("NFKC", name).translate(_BRACKETS).upper()
    return "".join(character for character in folded if unicodedata.category(character)[0] not in {"Z", "C"})
