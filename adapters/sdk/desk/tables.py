"""Tables of the desk.

    source_rows    the newest state of every row that the platform was ever supplied with: not its content, but whose it is, what
                   came of it, and of which days it speaks
    changes        what a change of a row may alter in reports (append-only); the feed is made from it
    place          how far the platform was followed
    items          work for officers, one open item for each row and kind
    held_up        about whom was asked in vain because of an item
    item_events    what happened to an item (append-only)
    corrections    columns that an officer corrected, for one state of a row (append-only)
    rulings        whose a row is by an officer's finding, for one identity of the row (append-only)

Instants are integers of microseconds since 1970, in UTC; days are texts YYYY-MM-DD, empty where there is none.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    text,
)

METADATA: Final = MetaData()

_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")

ROWS: Final = Table(
    "source_rows",
    METADATA,
    Column("family", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("row_digest", LargeBinary, nullable=False),
    Column("code", String, nullable=False),
    Column("organisation_code", String, nullable=False),
    Column("registration_number", String, nullable=False),
    Column("name", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("content_digest", LargeBinary, nullable=False),
    Column("cells", Text, nullable=False),
    Column("first_day", String(10), nullable=False),
    Column("last_day", String(10), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("is_withdrawn", Boolean, nullable=False),
    Column("ruled", String),
)
"""`ruled`: whose it is by an officer's ruling that holds for this state; empty: nobody's. Null: there is none."""
for _column in ("code", "organisation_code", "registration_number", "name", "ruled"):
    Index(f"source_rows_{_column}", ROWS.c[_column])
ORGANISATION_IN_CODE: Final = func.substr(ROWS.c.code, 9, 9)
"""Characters 9 to 17 of a code are an organisation code."""
Index("source_rows_organisation_in_code", ORGANISATION_IN_CODE)

CHANGES: Final = Table(
    "changes",
    METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("what", String, nullable=False),
    Column("family", String, nullable=False),
    Column("key", String, nullable=False),
    Column("code", String, nullable=False),
    Column("organisation_code", String, nullable=False),
    Column("registration_number", String, nullable=False),
    Column("name", String, nullable=False),
    Column("cells", Text, nullable=False),
    Column("first_day", String(10), nullable=False),
    Column("last_day", String(10), nullable=False),
    Column("old_revision", BigInteger, nullable=False),
    Column("new_revision", BigInteger, nullable=False),
)

PLACE: Final = Table(
    "place",
    METADATA,
    Column("name", String, primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("reached_end_us", BigInteger),
    Column("rules", String, nullable=False),
)
"""`reached_end_us`: when nothing more was to come. Null: never yet by these `rules`."""

ITEMS: Final = Table(
    "items",
    METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("kind", Integer, nullable=False),
    Column("state", Integer, nullable=False),
    Column("opened_at_us", BigInteger, nullable=False),
    Column("family", String, nullable=False),
    Column("key", String, nullable=False),
    Column("field", String, nullable=False),
    Column("problem", Text, nullable=False),
    Column("fault", String, nullable=False),
    Column("supplier", String, nullable=False),
    Column("cells", Text, nullable=False),
    Column("row", Text, nullable=False),
    Column("row_digest", LargeBinary, nullable=False),
    Column("holding_up_since_us", BigInteger),
    Column("version", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
)
_IS_OPEN: Final = text("state <> 3")  # ITEM_STATE_CLOSED
Index(
    "items_open",
    ITEMS.c.family,
    ITEMS.c.key,
    ITEMS.c.kind,
    unique=True,
    sqlite_where=_IS_OPEN,
    postgresql_where=_IS_OPEN,
)

HELD_UP: Final = Table(
    "held_up",
    METADATA,
    Column("item", ForeignKey(ITEMS.c.number), primary_key=True),
    Column("uscc", String, primary_key=True),
    Column("since_us", BigInteger, nullable=False),
)
Index("held_up_uscc", HELD_UP.c.uscc)

EVENTS: Final = Table(
    "item_events",
    METADATA,
    Column("item", ForeignKey(ITEMS.c.number), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("officer", String, nullable=False),
    Column("action", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

CORRECTIONS: Final = Table(
    "corrections",
    METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("family", String, nullable=False),
    Column("key", String, nullable=False),
    Column("row_digest", LargeBinary, nullable=False),
    Column("columns", Text, nullable=False),
    Column("item", ForeignKey(ITEMS.c.number), nullable=False),
)
Index("corrections_of", CORRECTIONS.c.family, CORRECTIONS.c.key)

RULINGS: Final = Table(
    "rulings",
    METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("family", String, nullable=False),
    Column("key", String, nullable=False),
    Column("identity_digest", LargeBinary, nullable=False),
    Column("uscc", String, nullable=False),
    Column("item", ForeignKey(ITEMS.c.number), nullable=False),
)
Index("rulings_of", RULINGS.c.family, RULINGS.c.key)

APPEND_ONLY: Final = (CHANGES, EVENTS, CORRECTIONS, RULINGS)
