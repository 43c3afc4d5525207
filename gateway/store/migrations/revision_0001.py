"""The tables of the gateway before reports had a life after their issue.

What is there already stays as it is: so a database of before there were migrations is taken over.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates what is missing: a database of before migrations has all of it, or what its version knew."""
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("actor_ref", sa.LargeBinary(), nullable=False),
        sa.Column("province", sa.Integer(), nullable=False),
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("audit_by_subject", "audit", ["uscc", "id"], if_not_exists=True)
    op.create_table(
        "coverages",
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("province", sa.Integer(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("statement_id"),
        if_not_exists=True,
    )
    op.create_table(
        "report_numbers",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
        if_not_exists=True,
    )
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("first_day", sa.String(length=10), nullable=False),
        sa.Column("last_day", sa.String(length=10), nullable=False),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.Column("catalogue_version", sa.String(length=32), nullable=False),
        sa.Column("catalogue_digest", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Integer(), nullable=False),
        sa.Column("identity_level", sa.Integer(), nullable=False),
        sa.Column("actor_ref", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("opened_at", sa.String(length=27), nullable=False),
        sa.CheckConstraint("state IN ('OPEN', 'SEALED')", name="state_is_known"),
        sa.PrimaryKeyConstraint("request_id"),
        sa.UniqueConstraint("caller", "idempotency_key"),
        if_not_exists=True,
    )
    op.create_table(
        "queries",
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("province", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("sent_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["requests.request_id"]),
        sa.PrimaryKeyConstraint("statement_id"),
        sa.UniqueConstraint("request_id", "province", "attempt"),
        if_not_exists=True,
    )
    op.create_index("queries_by_request", "queries", ["request_id"], if_not_exists=True)
    op.create_table(
        "reports",
        sa.Column("report_number", sa.String(length=21), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=18), nullable=False),
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("verification_code", sa.String(length=32), nullable=False),
        sa.Column("issued_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["requests.request_id"]),
        sa.PrimaryKeyConstraint("report_number"),
        sa.UniqueConstraint("request_id"),
        sa.UniqueConstraint("statement_id"),
        sa.UniqueConstraint("verification_code"),
        if_not_exists=True,
    )
    op.create_table(
        "outcomes",
        sa.Column("query_id", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["query_id"], ["queries.statement_id"]),
        sa.PrimaryKeyConstraint("query_id"),
        if_not_exists=True,
    )
