"""The tables of feeds: what was told, what subscribers acknowledged, and what was received.

They stand in the program's own database, so that a statement and its entry, or an entry and its effect, commit together. How they
came to be is told by `migrations`; whoever changes them here adds a revision there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from runtime.migrations import TableSet

_metadata: Final = MetaData()

# --- Publisher --------------------------------------------------------------------------------------------------------

entries: Final = Table(
    "feed_entries",
    _metadata,
    Column("feed", String(32), primary_key=True),
    Column("epoch", String(32), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("entry_id", LargeBinary, nullable=False),
    Column("statement_id", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("at", String(27), nullable=False),
    UniqueConstraint("entry_id"),
    UniqueConstraint("feed", "epoch", "statement_id"),
)
"""One row for each entry of a feed, as it was signed. `statement_id`: the statement that it carries."""
Index("feed_entries_by_statement", entries.c.feed, entries.c.statement_id)

cursors: Final = Table(
    "feed_cursors",
    _metadata,
    Column("feed", String(32), primary_key=True),
    Column("subscriber", Integer, primary_key=True),
    Column("epoch", String(32), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("head_at", String(27), nullable=False),
)
"""What a subscriber last answered: where to begin. `head_at`: when a head was last told in that epoch; empty: never."""

receipts: Final = Table(
    "feed_receipts",
    _metadata,
    Column("feed", String(32), primary_key=True),
    Column("subscriber", Integer, primary_key=True),
    Column("epoch", String(32), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("at", String(27), nullable=False),
)
"""A subscriber said that it has all entries up to this one, the last of them since `at`, by its own clock."""

# --- Subscriber -------------------------------------------------------------------------------------------------------

places: Final = Table(
    "feed_places",
    _metadata,
    Column("feed", String(32), primary_key=True),
    Column("publisher", Integer, primary_key=True),
    Column("epoch", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("entry_id", LargeBinary, nullable=False),
    Column("snapshot_until", BigInteger, nullable=False),
    Column("head_number", BigInteger),
    Column("newest_at", String(27), nullable=False),
    Column("taken_at", String(27), nullable=False),
    Column("heard_at", String(27), nullable=False),
    Column("begun_at", String(27), nullable=False),
    Column("left_at", String(27), nullable=False),
)
"""How far this subscriber is, or was, in an epoch. `left_at` is empty in the one in which it is.

`newest_at`: when the newest statement of the epoch was signed. `taken_at`: when the last entry was taken, or the epoch begun.
`heard_at`: as of when the publisher said which entry is its last; empty: it has not.
"""

taken: Final = Table(
    "feed_taken",
    _metadata,
    Column("feed", String(32), primary_key=True),
    Column("publisher", Integer, primary_key=True),
    Column("epoch", String(32), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("entry_id", LargeBinary, nullable=False),
    Column("statement_id", LargeBinary, nullable=False),
    Column("result", String(8), nullable=False),
    Column("at", String(27), nullable=False),
    CheckConstraint("result IN ('APPLIED', 'REPEATED', 'PARKED')", name="feed_result_is_known"),
)
"""What became of an entry. REPEATED: its statement had been applied before. `statement_id` is empty where it could not be read."""
Index("feed_taken_by_statement", taken.c.feed, taken.c.publisher, taken.c.statement_id)

parked: Final = Table(
    "feed_parked",
    _metadata,
    Column("feed", String(32), primary_key=True),
    Column("publisher", Integer, primary_key=True),
    Column("epoch", String(32), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("reason", String(500), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["feed", "publisher", "epoch", "number"],
        ["feed_taken.feed", "feed_taken.publisher", "feed_taken.epoch", "feed_taken.number"],
    ),
)
"""Entries whose statement could not be applied, and why: the whole entry, for whoever finds out."""

FEEDS: Final = TableSet(
    name="feeds",
    metadata=(_metadata,),
    revisions=Path(__file__).with_name("migrations"),
    append_only=(entries, receipts, taken, parked),
)
"""Publishers and subscribers keep them, each in its own database."""
