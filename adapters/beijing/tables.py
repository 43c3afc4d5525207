"""The three tables of Beijing's exchange database: in which version each is, and how its rows are read.

- A table is read whose columns are exactly those of a version of its form (adapters/sdk/forms.py), looked at in the same
  transaction as the rows.
- Every row is handed over, whatever is wrong with it: one without a key by a key of its content (assembly.py), one whose time of
  supply cannot be read without it, and a value that is no text, whole number or exact decimal not at all: its column is missing
  then, and the mapping says so.
- Columns that hold personal information are not named in any statement about rows, so they never leave the province's database.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    false,
    func,
    inspect,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.beijing.functions import Digest, FoldedCode, FoldedName, InOrder, folded_codes, folded_names
from adapters.beijing.profile import DOMAINS, PROFILE
from adapters.sdk.assembly import key_of_keyless, spelled_names
from adapters.sdk.forms import UnknownHeaderError, columns_of, recognise
from adapters.sdk.notation import NotationError, fold_width, read_china_timestamp
from adapters.sdk.profile import Form, PenaltyForm
from adapters.sdk.profile_check import columns_read
from adapters.sdk.source import RawRow, RawValue, Search, SourceError
from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from huren.common.v1 import common_pb2

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
SEARCHED: Final = frozenset((*_CODES, *_NAMES))
"""The kinds of identifier that are searched for in every table."""

_KEY: Final = "ID"
_RECEIVED: Final = "GJSJ"
_FURTHER: Final = frozenset({_KEY, _RECEIVED, "LYBM", "CF_XDR_LB", "CF_SJLYDM"})
"""Columns that are handed over although the profile does not read them: for this module, and for whoever looks at a row."""


def _table(name: str, columns: Iterable[str]) -> Table:
    return Table(name, MetaData(), *(Column(column, Text) for column in columns))


_SUPPLY: Final = _table("T_GJ", ("LYBM", "SJLX", "GJJZ"))


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a table of rows about subjects, as the profile describes it.

    Attributes:
        form: Its form.
        table: Its columns, without those that are never read.
    """

    form: Form
    table: Table

    @classmethod
    def of(cls, form: Form) -> Version:
        """The version of a form."""
        read = columns_read(form) | _FURTHER
        return cls(form, _table(form.row_family, (column for column in columns_of(form) if column in read)))

    @property
    def in_order(self) -> Walk:
        """The rows that have a place in the order of supply."""
        return Walk(self, self._place, InOrder(*self._place))

    @property
    def out_of_order(self) -> Walk:
        """The rows that have none."""
        return Walk(self, self._digest, not_(InOrder(*self._place)))

    @property
    def without_key(self) -> Walk:
        """The rows that have no key of the platform that can be handed over."""
        key = self.table.c[_KEY]
        return Walk(self, self._digest, or_(key.is_(None), key == "", func.substr(key, 1, 1) == _NO_KEY))

    @property
    def _place(self) -> tuple[ColumnElement[Any], ...]:
        return (self.table.c[_RECEIVED], self.table.c[_KEY])

    @property
    def _digest(self) -> tuple[ColumnElement[Any], ...]:
        return (Digest(*self.table.c),)

    def bears_one_of(self, search: Search) -> ColumnElement[bool]:
        """Whether a row bears one of the identifiers."""
        subject = self.form.subject
        numbered = (subject.uscc, subject.organisation_code, subject.registration_number)
        columns = [self.table.c[column] for column in numbered if column is not None]
        names = folded_names(spelled_names(search))
        codes = folded_codes(search.values(*_CODES))
        return or_(
            false(),
            *((FoldedName(self.table.c[subject.name]).in_(names),) if names else ()),
            *(FoldedCode(column).in_(codes) for column in columns if codes),
        )


_NO_KEY: Final = "?"
"""How the key of a row begins that the platform gave none (`assembly.key_of_keyless`)."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Some rows of a table, in an order in which they can be read page by page.

    Attributes:
        version: The table.
        place: By what they are ordered.
        condition: Which.
    """

    version: Version
    place: tuple[ColumnElement[Any], ...]
    condition: ColumnElement[bool]

    def past(self, after: tuple[str, ...]) -> ColumnElement[bool]:
        """Whether a row is one of them and comes after a place; empty: before all."""
        if not after:
            return self.condition
        return and_(self.condition, tuple_(*self.place) > tuple_(*after))


@dataclass(frozen=True, slots=True)
class Family:
    """A table of rows about subjects, in whatever version it is.

    Attributes:
        name: The table's name, which is the name of the form's family.
        kind: The kind of record in it.
        data_type: How `T_GJ.SJLX` calls that.
        versions: The versions that the profile describes, by the form's name.
    """

    name: str
    kind: int
    data_type: str
    versions: Mapping[str, Version]


def _families(forms: Iterable[Form]) -> tuple[Family, ...]:
    found: dict[str, list[Form]] = {}
    for form in forms:
        found.setdefault(form.row_family, []).append(form)
    kinds = {
        name: PENALTY if isinstance(versions[0], PenaltyForm) else SERIOUS_LIST for name, versions in found.items()
    }
    data_types = {kind: data_type for data_type, kind in _KINDS.items()}
    return tuple(
        Family(name, kinds[name], data_types[kinds[name]], {form.name: Version.of(form) for form in versions})
        for name, versions in found.items()
    )


FAMILIES: Final = _families(PROFILE.forms.values())


def _meaning(table: Mapping[str, str | None], code: object) -> str | None:
    return table.get(fold_width(code).strip()) if isinstance(code, str) else None


# --- The state of supply --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Supply:
    """What `T_GJ` says.

    Attributes:
        watermarks: Up to when everything was received, by cell.
        unreadable: Why that cannot be read of a cell.
        complete: By type of data, up to when every supplier's rows are in the tables: nothing arrives or changes any more with
            an earlier GJSJ, or the same. None: it cannot be said.
    """

    watermarks: Mapping[CellKey, datetime]
    unreadable: Mapping[CellKey, str]
    complete: Mapping[str, datetime | None]


async def read_supply(connection: AsyncConnection) -> Supply:
    """Reads `T_GJ`."""
    watermarks: dict[CellKey, datetime] = {}
    unreadable: dict[CellKey, str] = {}
    complete: dict[str, datetime | None] = {}
    for code, supplied, up_to in await connection.execute(select(_SUPPLY)):
        data_type = fold_width(supplied or "").strip()
        try:
            instant, problem = read_china_timestamp(up_to), ""
        except NotationError as error:
            instant, problem = None, f"T_GJ {code} {supplied}, GJJZ: {error}"
        complete[data_type] = _earlier(instant, complete.get(data_type, instant))
        domain, kind = _meaning(DOMAINS, code), _KINDS.get(data_type)
        if domain is None or kind is None or (domain, kind) not in PROFILE.departments:
            continue  # outside the catalogue: nobody can ask for it
        if instant is None:
            unreadable[domain, kind] = problem
            continue
        # Of several the earliest counts: it vouches for all of them.
        watermarks[domain, kind] = min(instant, watermarks.get((domain, kind), instant))
    return Supply({cell: at for cell, at in watermarks.items() if cell not in unreadable}, unreadable, complete)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else min(one, other)


# --- Rows -----------------------------------------------------------------------------------------------------------------


async def version_of(connection: AsyncConnection, family: Family) -> Version:
    """In which version a table is, by the columns that it has in this transaction.

    Raises:
        SourceError: In none that is known.
    """
    columns = await connection.run_sync(lambda sync: [one["name"] for one in inspect(sync).get_columns(family.name)])
    try:
        form = recognise((version.form for version in family.versions.values()), columns)
    except UnknownHeaderError as error:
        raise SourceError(f"{family.name}: {error}") from error
    return family.versions[form.name]


async def read_rows(connection: AsyncConnection, version: Version, statement: Select[Any]) -> tuple[RawRow, ...]:
    """The rows that a statement about a table gives."""
    result = await connection.execute(statement)
    return tuple(_raw_row(version, row) for row in result.mappings())


def _raw_row(version: Version, values: Mapping[Any, object]) -> RawRow:
    raw: dict[str, RawValue] = {
        column.name: value
        for column in version.table.c
        if (value := values[column.name]) is None or isinstance(value, str | int | Decimal)
    }
    key = raw.get(_KEY)
    has_key = isinstance(key, str) and key != "" and not key.startswith(_NO_KEY)
    return RawRow(
        form=version.form.name,
        key=str(key) if has_key else key_of_keyless(raw),
        values=raw,
        received_at=_instant_or_none(raw.get(_RECEIVED)),
    )


def _instant_or_none(value: RawValue) -> datetime | None:
    try:
        return read_china_timestamp(value)
    except NotationError:
        return None


async def read_page(
    connection: AsyncConnection, walk: Walk, after: tuple[str, ...], limit: int
) -> tuple[tuple[RawRow, ...], tuple[str, ...] | None]:
    """The next rows after a place, with the place of the last one; None: there are no more.

    Of several rows at the last place all are given, however many: a place is passed as a whole.
    """
    places = [column.label(f"huren_place_{number}") for number, column in enumerate(walk.place)]
    wanted = select(walk.version.table, *places)
    following = wanted.where(walk.past(after)).order_by(*walk.place).limit(limit)
    found = (await connection.execute(following)).mappings().all()
    last = None
    if len(found) == limit:
        last = tuple(found[-1][place.name] for place in places)
        before = [row for row in found if tuple(row[place.name] for place in places) != last]
        same = wanted.where(walk.condition, tuple_(*walk.place) == tuple_(*last))
        found = [*before, *(await connection.execute(same)).mappings().all()]
    return tuple(_raw_row(walk.version, row) for row in found), last


_KEYS_AT_ONCE: Final = 500
"""Within what any engine takes as parameters of a statement."""


async def rows_by_key(connection: AsyncConnection, version: Version, keys: Collection[str]) -> AsyncGenerator[RawRow]:
    """The rows that have one of these keys, keys of keyless rows among them."""
    own = sorted(key for key in keys if key and not key.startswith(_NO_KEY))
    for start in range(0, len(own), _KEYS_AT_ONCE):
        statement = select(version.table).where(version.table.c[_KEY].in_(own[start : start + _KEYS_AT_ONCE]))
        for row in await read_rows(connection, version, statement):
            yield row
    # A key that was made of a row stands in no column: all rows without one are read, page by page.
    after: tuple[str, ...] | None = () if any(key.startswith(_NO_KEY) for key in keys) else None
    while after is not None:
        rows, after = await read_page(connection, version.without_key, after, _KEYS_AT_ONCE)
        for row in rows:
            if row.key in keys:
                yield row
