"""The tables of what was dropped.

What is there already stays as it is: so a database of before there were migrations is taken over.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Creates what is missing: a database of before migrations has all of it, or what its version knew."""
    op.create_table(
        "bearers",
        sa.Column("token", _KEY, nullable=False),
        sa.Column("drop", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token", "drop", "position"),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )
    op.create_table(
        "drops",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=True),
        sa.Column("order", sa.BigInteger(), nullable=True),
        sa.Column("form", sa.Text(), nullable=True),
        sa.Column("columns", sa.Text(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("supplied_up_to", sa.BigInteger(), nullable=True),
        sa.Column("is_snapshot", sa.Boolean(), nullable=True),
        sa.Column("staged", sa.BigInteger(), nullable=False),
        sa.Column("is_sorted", sa.Boolean(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.Column("refused_zh", sa.Text(), nullable=True),
        sa.Column("judged_at", sa.BigInteger(), nullable=True),
        sa.Column("new", sa.BigInteger(), nullable=True),
        sa.Column("changed", sa.BigInteger(), nullable=True),
        sa.Column("unchanged", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("identity"),
        sa.UniqueConstraint("published"),
        if_not_exists=True,
    )
    op.create_table(
        "revisions",
        sa.Column("drop", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("values", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("drop", "position"),
        if_not_exists=True,
    )
    op.create_table(
        "row_keys",
        sa.Column("family", _KEY, nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("drop", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("order", sa.BigInteger(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("family", "key", "drop"),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )
    op.create_index("row_keys_drop", "row_keys", ["drop", "key"], if_not_exists=True)
    op.create_table(
        "staged",
        sa.Column("drop", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("code", _KEY, nullable=False),
        sa.Column("organisation", _KEY, nullable=False),
        sa.Column("registration", _KEY, nullable=False),
        sa.Column("name", _KEY, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "held",
        sa.Column("drop", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reason_zh", sa.Text(), nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=False),
        sa.Column("good", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["drop"], ["drops.number"]),
        sa.PrimaryKeyConstraint("drop"),
        if_not_exists=True,
    )
    op.create_table(
        "missing",
        sa.Column("family", _KEY, nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("drop", sa.Integer(), nullable=False),
        sa.Column("order", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["drop"], ["drops.number"]),
        sa.PrimaryKeyConstraint("family", "key"),
        if_not_exists=True,
    )
    op.create_table(
        "silences",
        sa.Column("drop", sa.Integer(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["drop"], ["drops.number"]),
        sa.PrimaryKeyConstraint("drop", "department"),
        if_not_exists=True,
    )
    op.create_table(
        "supplies",
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("supplied_up_to", sa.BigInteger(), nullable=False),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.Column("snapshot", sa.BigInteger(), nullable=True),
        sa.Column("snapshot_drop", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["snapshot_drop"], ["drops.number"]),
        sa.PrimaryKeyConstraint("family", "department"),
        if_not_exists=True,
    )
