"""Grants, and on what ground the audit's queries were asked.

Every query of before was asked by the subject itself: under no grant, and in no matter.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the tables, and columns to the audit."""
    op.create_table(
        "grants",
        sa.Column("grant_id", sa.LargeBinary(), nullable=False),
        sa.Column("issuer", sa.Integer(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("received_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_table(
        "grant_revocations",
        sa.Column("grant_id", sa.LargeBinary(), nullable=False),
        sa.Column("issuer", sa.Integer(), nullable=False),
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("received_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id", "issuer"),
    )
    op.create_table(
        "grant_uses",
        sa.Column("grant_id", sa.LargeBinary(), nullable=False),
        sa.Column("issuer", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("received_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id", "issuer", "ordinal"),
        sa.UniqueConstraint("grant_id", "issuer", "request_id"),
    )
    op.add_column("audit", sa.Column("grant_id", sa.LargeBinary(), nullable=True))
    op.add_column("audit", sa.Column("matter_number", sa.String(), nullable=True))
