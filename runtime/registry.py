"""The embedded registry: subjects in a table of the program's own database, loaded from a file of JSON Lines.

A province with a registry to ask puts another implementation of `contract.registry.Registry` in its place.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, Text, delete, insert, select
from sqlalchemy.exc import IntegrityError

from contract.registry import RegistryEntry, RegistryUnavailableError
from contract.uscc import Uscc
from runtime.database import Database, is_unique_violation, take_turns
from runtime.errors import StoreUnavailableError

_metadata: Final = MetaData()

_subjects: Final = Table(
    "registry_subjects", _metadata, Column("uscc", String(18), primary_key=True), Column("entry", Text, nullable=False)
)
_loaded: Final = Table("registry_loaded", _metadata, Column("digest", LargeBinary, primary_key=True))
"""Digest of the file that the table was loaded from: one row, or none."""

_BATCH: Final = 1000


class RegistryFileError(ValueError):
    """A line of a registry file cannot be read, or says again what another says. The message names the line where it can."""


class TableRegistry:
    """Looks subjects up in the table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, path: Path) -> None:
        """Replaces the table by the file's content, unless it is that already. All of it or nothing.

        Raises:
            OSError: The file cannot be read.
            RegistryFileError: A line is no registry entry, or a code stands twice.
            StoreUnavailableError: The database cannot do it now.
        """
        await self._database.create_tables(_metadata)
        content = await asyncio.to_thread(path.read_bytes)
        try:
            await self._replace(content)
        except IntegrityError as error:
            if not is_unique_violation(error):
                raise
            raise RegistryFileError("a code stands twice") from error

    async def _replace(self, content: bytes) -> None:
        digest = hashlib.sha256(content).digest()
        async with self._database.write() as connection:
            await take_turns(connection)
            if (await connection.execute(select(_loaded.c.digest))).scalar_one_or_none() == digest:
                return
            await connection.execute(delete(_subjects))
            rows = _rows(content)
            while batch := list(islice(rows, _BATCH)):
                await connection.execute(insert(_subjects), batch)
            await connection.execute(delete(_loaded))
            await connection.execute(insert(_loaded), {"digest": digest})

    async def lookup(self, uscc: Uscc) -> RegistryEntry | None:
        """As `Registry.lookup`."""
        found = select(_subjects.c.entry).where(_subjects.c.uscc == uscc)
        try:
            async with self._database.read() as connection:
                entry = (await connection.execute(found)).scalar_one_or_none()
        except StoreUnavailableError as error:
            raise RegistryUnavailableError(str(error)) from error
        return None if entry is None else RegistryEntry.model_validate_json(entry)


def _rows(content: bytes) -> Iterator[dict[str, str]]:
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            entry = RegistryEntry.model_validate_json(line, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise RegistryFileError(f"line {number}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        yield {"uscc": entry.uscc, "entry": entry.model_dump_json()}
