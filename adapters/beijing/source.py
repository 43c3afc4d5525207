"""Asks Beijing's exchange database: three tables, one read-only transaction for each question.

- Rows and watermarks come from the same state of the database: what arrives while we read belongs to the next question.
- A table that cannot be read makes its cells silent; a state of supply that cannot be read makes all of them silent.
- An identifier is found in whatever width and case it was written, with or without blanks and dashes, and a code or number in
  any of the columns for codes and numbers: no narrower than what matching.py takes for the subject's. A code that stands among
  other words, or masked, is found by the name or by another identifier beside it only.
- Columns that hold personal information are not named in any statement, so they never leave the province's database.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Column, ColumnElement, MetaData, NullPool, Table, Text, event, false, make_url, or_, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from adapters.beijing.profile import DOMAINS, LISTS, PROFILE
from adapters.sdk.assembly import in_time, settle
from adapters.sdk.notation import NotationError, fold_width, read_china_timestamp
from adapters.sdk.source import RawRow, RawValue, Search, SourceAnswer, SourceError
from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from huren.common.v1 import common_pb2
from runtime.clock import Clock, system_clock
from runtime.settings import Settings

_KINDS: Final[Mapping[str, int]] = {"CF": PENALTY, "MD": SERIOUS_LIST}
"""`T_GJ.SJLX`."""

_CODES: Final = (
    common_pb2.IDENTIFIER_KIND_USCC,
    common_pb2.IDENTIFIER_KIND_FORMER_USCC,
    common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE,
    common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER,
)
"""They may stand in each other's columns: rows from before 2015 have the number of that time where the unified code stands now."""
_NAMES: Final = (common_pb2.IDENTIFIER_KIND_NAME, common_pb2.IDENTIFIER_KIND_FORMER_NAME)
_SEARCHED: Final = frozenset((*_CODES, *_NAMES))


# --- Notation -------------------------------------------------------------------------------------------------------------

_BLANKS: Final = "\t\n\v\f\r \u0085\u00a0\u2002\u2003\u2009\u200b\u200c\u200d\u202f\u2060\u3000\ufeff"
_DASHES: Final = "-\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))
_WIDE: Final = "".join(chr(ord(character) + 0xFEE0) for character in _ASCII)
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"

_NAME_NOTATION: Final = str.maketrans(
    {
        **dict(zip(_WIDE, _ASCII.upper(), strict=True)),
        **dict(zip(_LOWER, _LOWER.upper(), strict=True)),
        **dict.fromkeys("〔[【﹝（［", "("),
        **dict.fromkeys("〕]】﹞）］", ")"),
        **dict.fromkeys(_BLANKS),
    }
)
_CODE_NOTATION: Final = _NAME_NOTATION | str.maketrans(dict.fromkeys(_DASHES))


class _Folded(FunctionElement[str]):
    """A column in the notation in which identifiers are compared. Computed in the database, where it can be indexed."""

    inherit_cache: bool | None = True
    type: TypeEngine[str] = Text()


class _FoldedName(_Folded):
    inherit_cache: bool | None = True
    name = "huren_name"
    notation = _NAME_NOTATION


class _FoldedCode(_Folded):
    inherit_cache: bool | None = True
    name = "huren_code"
    notation = _CODE_NOTATION


_FOLDED: Final = (_FoldedName, _FoldedCode)


@compiles(_Folded, "sqlite")
def _call_our_function(element: _FoldedName | _FoldedCode, compiler: SQLCompiler, **options: Any) -> str:
    """By a function of ours (`_teach_our_functions`): SQLite cannot replace several characters at once."""
    return f"{element.name}({compiler.process(element.clauses, **options)})"


@compiles(_Folded)
def _call_translate(element: _FoldedName | _FoldedCode, compiler: SQLCompiler, **options: Any) -> str:
    """By `translate`, which drops the characters for which none stands at the same place."""
    changed = {chr(code): to for code, to in element.notation.items() if to is not None}
    dropped = [chr(code) for code, to in element.notation.items() if to is None]
    column = compiler.process(element.clauses, **options)
    return f"translate({column}, {_literal([*changed, *dropped])}, {_literal(changed.values())})"


def _literal(characters: Iterable[str]) -> str:
    """A text of PostgreSQL, written so that neither its quoting nor that of a driver's parameters matters."""
    return "E'" + "".join(f"\\U{ord(character):08X}" for character in characters) + "'"


def _folded(values: Iterable[str], notation: Mapping[int, str | None]) -> list[str]:
    return sorted({folded for value in values if (folded := value.translate(notation))})


# --- Tables ---------------------------------------------------------------------------------------------------------------


def _table(name: str, columns: str) -> Table:
    return Table(name, MetaData(), *(Column(column, Text) for column in columns.split()))


_SUPPLY: Final = _table("T_GJ", "LYBM SJLX GJJZ")


@dataclass(frozen=True, slots=True)
class _Form:
    """A table that holds rows about subjects.

    Attributes:
        kind: The kind of record in it.
        table: Its columns, without those that are never read.
        name: Column of the subject's name.
        codes: Columns of codes and numbers, in each of which any of them may stand.
        domain: Column whose code says in which domain's cell a row belongs, with what each code says.
    """

    kind: int
    table: Table
    name: str
    codes: tuple[str, ...]
    domain: tuple[str, Mapping[str, str | None]]

    def bears_one_of(self, search: Search) -> ColumnElement[bool]:
        """The condition."""
        names = _folded(search.values(*_NAMES), _NAME_NOTATION)
        codes = _folded(search.values(*_CODES), _CODE_NOTATION)
        return or_(
            false(),
            *((_FoldedName(self.table.c[self.name]).in_(names),) if names else ()),
            *(_FoldedCode(self.table.c[column]).in_(codes) for column in self.codes if codes),
        )

    def domain_of(self, values: Mapping[str, object]) -> str | None:
        """In which domain's cell a row belongs; None: nobody knows."""
        column, domains = self.domain
        return _meaning(domains, values[column])


def _meaning(table: Mapping[str, str | None], code: object) -> str | None:
    return table.get(fold_width(code).strip()) if isinstance(code, str) else None


_FORMS: Final = (
    _Form(
        kind=PENALTY,
        table=_table(
            "T_XZCF",
            "ID LYBM CF_XDR_MC CF_XDR_LB CF_XDR_SHXYM CF_XDR_GSZC CF_XDR_ZZJG CF_WSH CF_WFXW CF_SY CF_YJ CF_CFLB CF_NR "
            "CF_NR_FK CF_NR_WFFF CF_NR_ZKDX CF_JDRQ CF_YXQ CF_GSJZQ CF_CFJG CF_CFJGDM CF_SJLY CF_SJLYDM CF_CXBS CF_LXZT "
            "CF_LXRQ ZT GJSJ",
        ),
        name="CF_XDR_MC",
        codes=("CF_XDR_SHXYM", "CF_XDR_ZZJG", "CF_XDR_GSZC"),
        domain=("LYBM", DOMAINS),
    ),
    _Form(
        kind=SERIOUS_LIST,
        table=_table(
            "T_YZSX",
            "ID LYBM MDBM QYMC SHXYDM ZZJGDM LRWSH LRSY LRRQ LRJG LRJGDM NQYCRQ YCRQ SJLY ZT GJSJ",
        ),
        name="QYMC",
        codes=("SHXYDM", "ZZJGDM"),
        # The list says whose cell it is in, whoever supplied the row.
        domain=("MDBM", {code: domain for code, (_, domain) in LISTS.items()}),
    ),
)


class SourceSettings(Settings):
    """How the exchange database is reached.

    Attributes:
        database_url: SQLAlchemy URL with an asynchronous driver, for example `postgresql+asyncpg://reader@host/gxpt` or
            `sqlite+aiosqlite:////srv/gxpt.sqlite`; without a password. Options of the driver may follow as query.
        password_file: File with the read-only account's password. None: the engine asks for none.
    """

    database_url: str
    password_file: Path | None = None


async def open_source(settings: SourceSettings, *, now: Clock = system_clock) -> BeijingSource:
    """Prepares the source. The database is first reached by the first question.

    Raises:
        SourceError: The URL is none, its driver is not installed, or the password file cannot be read.
    """
    try:
        url = make_url(settings.database_url)
        if settings.password_file is not None:
            url = url.set(password=settings.password_file.read_text(encoding="utf-8").strip())
        return BeijingSource(_open_engine(url), now=now)
    except (ArgumentError, SQLAlchemyError, ImportError, OSError, UnicodeDecodeError) as error:
        raise SourceError(f"database_url, password_file: {type(error).__name__}") from error


class BeijingSource:
    """The exchange database as a source."""

    def __init__(self, engine: AsyncEngine, *, now: Clock) -> None:
        self._engine = engine
        self._now = now

    async def search(self, search: Search) -> SourceAnswer:
        """Finds the rows that bear one of the identifiers.

        Raises:
            SourceError: The database, or the state of supply in it, cannot be read in time.
        """
        async with in_time(search.until, self._now), self._reading() as connection:
            supply = await _supply(connection)
            findings = [await _find(connection, form, search) for form in _FORMS]
        return _answer(search, supply, findings)

    async def watermarks(self) -> Mapping[CellKey, datetime]:
        """The watermark of every cell that has a readable row in `T_GJ`.

        Raises:
            SourceError: The database, or the state of supply in it, cannot be read.
        """
        async with self._reading() as connection:
            return (await _supply(connection)).watermarks

    async def close(self) -> None:
        """Closes the connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _reading(self) -> AsyncGenerator[AsyncConnection]:
        try:
            async with self._engine.connect() as connection, connection.begin():
                yield connection
        except (SQLAlchemyError, OSError) as error:  # asyncpg lets a refused socket through as it is
            raise SourceError(f"the exchange database cannot be read: {_reason(error)}") from error


# --- The three tables ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Supply:
    """What `T_GJ` says."""

    watermarks: Mapping[CellKey, datetime]
    unreadable: Mapping[CellKey, str]


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one table gave.

    Attributes:
        rows: The rows that can be handed over.
        silent: Domains about which the table says nothing that can be used, with the reason; None: all domains.
    """

    kind: int
    rows: tuple[RawRow, ...] = ()
    silent: Mapping[str | None, str] | None = None

    def silence(self, domain: str) -> str | None:
        """Why the table does not answer for a domain, if it does not."""
        silent = self.silent or {}
        return silent.get(None) or silent.get(domain)


async def _supply(connection: AsyncConnection) -> _Supply:
    watermarks: dict[CellKey, datetime] = {}
    unreadable: dict[CellKey, str] = {}
    for code, supplied, up_to in await connection.execute(select(_SUPPLY)):
        domain, kind = _meaning(DOMAINS, code), _KINDS.get(fold_width(supplied or "").strip())
        if domain is None or kind is None or (domain, kind) not in PROFILE.departments:
            continue  # outside the catalogue: nobody can ask for it
        try:
            instant = read_china_timestamp(up_to)
        except NotationError as error:
            unreadable[domain, kind] = f"T_GJ {code} {supplied}, GJJZ: {error}"
            continue
        # Of several the earliest counts: it vouches for all of them.
        watermarks[domain, kind] = min(instant, watermarks.get((domain, kind), instant))
    return _Supply({cell: at for cell, at in watermarks.items() if cell not in unreadable}, unreadable)


async def _find(connection: AsyncConnection, form: _Form, search: Search) -> _Finding:
    try:
        # A savepoint, because PostgreSQL refuses everything after an error until it is rolled back to one.
        async with connection.begin_nested():
            result = await connection.execute(select(form.table).where(form.bears_one_of(search)))
            found = [dict(row) for row in result.mappings()]
    except SQLAlchemyError as error:
        return _Finding(form.kind, silent={None: f"{form.table.name} cannot be read: {_reason(error)}"})
    rows: list[RawRow] = []
    silent: dict[str | None, str] = {}
    for values in found:
        try:
            rows.append(_raw_row(form, values))
        except NotationError as error:
            # A row outside the catalogue, or of no domain that we know, may be anybody's: nothing of the table is certain then.
            silent[form.domain_of(values)] = f"{form.table.name}: {error}"
    return _Finding(form.kind, tuple(rows), silent)


def _raw_row(form: _Form, values: Mapping[str, object]) -> RawRow:
    raw = {column: _raw_value(column, value) for column, value in values.items()}
    key = raw["ID"]
    if not isinstance(key, str) or not key:
        raise NotationError("ID: expected a text, got none")
    return RawRow(
        form=form.table.name,
        key=key,
        values=raw,
        received_at=read_china_timestamp(raw["GJSJ"]),
    )


def _raw_value(column: str, value: object) -> RawValue:
    if value is None or isinstance(value, str | int | Decimal):
        return value
    raise NotationError(f"{column}: expected text, got {type(value).__name__}")


def _answer(search: Search, supply: _Supply, findings: Iterable[_Finding]) -> SourceAnswer:
    by_kind = {finding.kind: finding for finding in findings}
    silent = dict(supply.unreadable)
    for cell in search.cells:
        domain, kind = cell
        reason = by_kind[kind].silence(domain) if kind in by_kind else "no table holds this kind of record"
        if reason is not None:
            silent[cell] = reason
    rows = (row for finding in by_kind.values() for row in finding.rows)
    return settle(search, rows, supplied=supply.watermarks, silent=silent, searched=_SEARCHED)


# --- The engine -----------------------------------------------------------------------------------------------------------


def _open_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        return create_async_engine(
            url,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
            pool_pre_ping=True,
            hide_parameters=True,
        )
    # A connection for each question: the file may be replaced under us, and a missing one must not be created by looking.
    engine = create_async_engine(_read_only(url), poolclass=NullPool, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _leave_transactions_to_us)
    event.listen(engine.sync_engine, "connect", _teach_our_functions)
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _read_only(url: URL) -> URL:
    return url.set(database=f"file:{quote(url.database or '')}").update_query_dict({"mode": "ro", "uri": "true"})


def _leave_transactions_to_us(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver begins no transaction for a SELECT, so that two statements would see two states.
    connection.isolation_level = None


def _teach_our_functions(connection: Any, _: ConnectionPoolEntry) -> None:
    for function in _FOLDED:
        connection.create_function(function.name, 1, partial(_fold_value, function.notation), deterministic=True)


def _fold_value(notation: Mapping[int, str | None], value: object) -> object:
    return value.translate(notation) if isinstance(value, str) else value


def _reason(error: Exception) -> str:
    """What kind of error, without statement, parameters or the driver's words: those may hold identifiers."""
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    return f"{type(original).__name__} {code}" if code else type(original).__name__
