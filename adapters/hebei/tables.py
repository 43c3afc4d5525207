"""What the adapter keeps of the files that were dropped, in a database of its own.

    drops        every file, with what became of it
    revisions    every row of every file, as it stood there; written once, in the order of the file
    row_keys     which revision of a row is its current one
    bearers      by which codes and names a revision can be found
    staged       the same of a file that is being taken in, before it is put in order
    supplies     up to when each department supplied
    silences     refused files that no good one covers yet
    held         files that wait for somebody's decision
    missing      rows that a snapshot lacked

A row counts if its file was published and its revision is the current one, unless its withdrawal was confirmed. A file is published
by setting one column, so that nobody ever sees half of it. Instants are seconds since 1970.

The tables that have a line for every row refer to `drops` without a foreign key: checking it would cost as much as the row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql

from runtime.migrations import TableSet

METADATA: Final = MetaData()

_KEY: Final = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Compared byte by byte: it is looked up and put in order, never shown in it."""

DROPS: Final = Table(
    "drops",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("identity", Text, nullable=False, unique=True),
    Column("file", Text, nullable=False),
    Column("family", Text),
    Column("order", BigInteger),
    Column("form", Text),
    Column("columns", Text),
    Column("rows", BigInteger),
    Column("supplied_up_to", BigInteger),
    Column("is_snapshot", Boolean),
    Column("staged", BigInteger, nullable=False),
    Column("is_sorted", Boolean, nullable=False),
    Column("published", BigInteger, unique=True),
    Column("refused", Text),
    Column("refused_zh", Text),
    Column("judged_at", BigInteger),
    Column("new", BigInteger),
    Column("changed", BigInteger),
    Column("unchanged", BigInteger),
)
"""`form`: the version; `columns`: those that were kept, as JSON. `staged`: how many rows are here already. Judged is a file that
was published, with its place in the order of publication, or refused, with the reason; `new`, `changed` and `unchanged` count its
rows by what was current before."""

REVISIONS: Final = Table(
    "revisions",
    METADATA,
    Column("drop", Integer, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("key", Text, nullable=False),
    Column("values", Text, nullable=False),
)
"""`values`: a JSON array, in the order of the drop's `columns`."""

ROW_KEYS: Final = Table(
    "row_keys",
    METADATA,
    Column("family", _KEY, primary_key=True),
    Column("key", _KEY, primary_key=True),
    Column("drop", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("order", BigInteger, nullable=False),
    Column("department", Text, nullable=False),
    Column("current", Boolean, nullable=False),
    Index("row_keys_drop", "drop", "key"),
    sqlite_with_rowid=False,
)
"""`department`: the code; empty where it is nobody's. Of the revisions of published drops one is current; in a drop that is not
published yet all of them are."""

BEARERS: Final = Table(
    "bearers",
    METADATA,
    Column("token", _KEY, primary_key=True),
    Column("drop", Integer, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)
"""`token`: a folded code or name (store.py)."""

STAGED: Final = Table(
    "staged",
    METADATA,
    Column("drop", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("key", _KEY, nullable=False),
    Column("department", Text, nullable=False),
    Column("code", _KEY, nullable=False),
    Column("organisation", _KEY, nullable=False),
    Column("registration", _KEY, nullable=False),
    Column("name", _KEY, nullable=False),
)
"""Tokens that are empty, or stand in the row already, are left empty."""

SUPPLIES: Final = Table(
    "supplies",
    METADATA,
    Column("family", Text, primary_key=True),
    Column("department", Text, primary_key=True),
    Column("supplied_up_to", BigInteger, nullable=False),
    Column("newest", BigInteger, nullable=False),
    Column("snapshot", BigInteger),
    Column("snapshot_drop", ForeignKey(DROPS.c.number)),
)
"""The newest `suppliedUpTo` of good drops, the order of the newest of them, and the newest snapshot with its order."""

SILENCES: Final = Table(
    "silences",
    METADATA,
    Column("drop", ForeignKey(DROPS.c.number), primary_key=True),
    Column("department", Text, primary_key=True),
    Column("family", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

HELD: Final = Table(
    "held",
    METADATA,
    Column("drop", ForeignKey(DROPS.c.number), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("reason_zh", Text, nullable=False),
    Column("expected", BigInteger, nullable=False),
    Column("good", Boolean),
)
"""`good`: what somebody decided; null: nobody did."""

MISSING: Final = Table(
    "missing",
    METADATA,
    Column("family", _KEY, primary_key=True),
    Column("key", _KEY, primary_key=True),
    Column("drop", ForeignKey(DROPS.c.number), nullable=False),
    Column("order", BigInteger, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
)
"""`drop`, `order`: the snapshot. `withdrawn`: whether that was confirmed."""

TABLES: Final = TableSet(name="hebei", metadata=(METADATA,), revisions=Path(__file__).with_name("migrations"))
