"""The tables of feeds, of both sides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the tables."""
    _add_publisher()
    _add_subscriber()


def _add_publisher() -> None:
    op.create_table(
        "feed_entries",
        sa.Column("feed", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.LargeBinary(), nullable=False),
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("feed", "epoch", "number"),
        sa.UniqueConstraint("entry_id"),
        sa.UniqueConstraint("feed", "epoch", "statement_id"),
    )
    op.create_index("feed_entries_by_statement", "feed_entries", ["feed", "statement_id"])
    op.create_table(
        "feed_cursors",
        sa.Column("feed", sa.String(length=32), nullable=False),
        sa.Column("subscriber", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("head_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("feed", "subscriber"),
    )
    op.create_table(
        "feed_receipts",
        sa.Column("feed", sa.String(length=32), nullable=False),
        sa.Column("subscriber", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("feed", "subscriber", "epoch", "number"),
    )


def _add_subscriber() -> None:
    op.create_table(
        "feed_places",
        sa.Column("feed", sa.String(length=32), nullable=False),
        sa.Column("publisher", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.LargeBinary(), nullable=False),
        sa.Column("snapshot_until", sa.BigInteger(), nullable=False),
        sa.Column("head_number", sa.BigInteger(), nullable=True),
        sa.Column("newest_at", sa.String(length=27), nullable=False),
        sa.Column("taken_at", sa.String(length=27), nullable=False),
        sa.Column("heard_at", sa.String(length=27), nullable=False),
        sa.Column("begun_at", sa.String(length=27), nullable=False),
        sa.Column("left_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("feed", "publisher", "epoch"),
    )
    op.create_table(
        "feed_taken",
        sa.Column("feed", sa.String(length=32), nullable=False),
        sa.Column("publisher", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.LargeBinary(), nullable=False),
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.CheckConstraint("result IN ('APPLIED', 'REPEATED', 'PARKED')", name="feed_result_is_known"),
        sa.PrimaryKeyConstraint("feed", "publisher", "epoch", "number"),
    )
    op.create_index("feed_taken_by_statement", "feed_taken", ["feed", "publisher", "statement_id"])
    op.create_table(
        "feed_parked",
        sa.Column("feed", sa.String(length=32), nullable=False),
        sa.Column("publisher", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["feed", "publisher", "epoch", "number"],
            ["feed_taken.feed", "feed_taken.publisher", "feed_taken.epoch", "feed_taken.number"],
        ),
        sa.PrimaryKeyConstraint("feed", "publisher", "epoch", "number"),
    )
