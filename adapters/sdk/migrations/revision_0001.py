"""The tables of the ledger and of the desk.

What is there already stays as it is: so a database of before there were migrations is taken over.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates what is missing: a database of before migrations has all of it, or what its version knew."""
    op.create_table(
        "record_identity",
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("source_key", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("collected_at_us", sa.BigInteger(), nullable=False),
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("document_number", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("family", "source_key"),
        sa.UniqueConstraint("record_id"),
        if_not_exists=True,
    )
    op.create_index("record_identity_decision", "record_identity", ["authority", "document_number"], if_not_exists=True)
    op.create_table(
        "record_revisions",
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("draft", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "revision"),
        if_not_exists=True,
    )
    op.create_table(
        "statements",
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("payload_type", sa.String(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("statement_id"),
        if_not_exists=True,
    )
    op.create_table(
        "audit",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("uscc", sa.String(), nullable=False),
        sa.Column("purpose", sa.Integer(), nullable=False),
        sa.Column("basis", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("query_statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("answer_statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["answer_statement_id"], ["statements.statement_id"]),
        sa.PrimaryKeyConstraint("number"),
        if_not_exists=True,
    )
    op.create_table(
        "coverage",
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["statement_id"], ["statements.statement_id"]),
        sa.PrimaryKeyConstraint("content_digest"),
        if_not_exists=True,
    )
    op.create_table(
        "queries",
        sa.Column("signer", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("query_statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("query_envelope", sa.LargeBinary(), nullable=False),
        sa.Column("answer_statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("answered_at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["answer_statement_id"], ["statements.statement_id"]),
        sa.PrimaryKeyConstraint("signer", "nonce"),
        if_not_exists=True,
    )
    op.create_table(
        "changes",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("registration_number", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.Column("first_day", sa.String(length=10), nullable=False),
        sa.Column("last_day", sa.String(length=10), nullable=False),
        sa.Column("old_revision", sa.BigInteger(), nullable=False),
        sa.Column("new_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        if_not_exists=True,
    )
    op.create_table(
        "items",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("opened_at_us", sa.BigInteger(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("fault", sa.String(), nullable=False),
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.Column("row_digest", sa.LargeBinary(), nullable=False),
        sa.Column("holding_up_since_us", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        if_not_exists=True,
    )
    op.create_index(
        "items_open",
        "items",
        ["family", "key", "kind"],
        unique=True,
        sqlite_where=sa.text("state <> 3"),
        postgresql_where=sa.text("state <> 3"),
        if_not_exists=True,
    )
    op.create_table(
        "place",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("reached_end_us", sa.BigInteger(), nullable=True),
        sa.Column("rules", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        if_not_exists=True,
    )
    op.create_table(
        "source_rows",
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("row_digest", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("organisation_code", sa.String(), nullable=False),
        sa.Column("registration_number", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.Column("first_day", sa.String(length=10), nullable=False),
        sa.Column("last_day", sa.String(length=10), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("is_withdrawn", sa.Boolean(), nullable=False),
        sa.Column("ruled", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("family", "key"),
        if_not_exists=True,
    )
    op.create_index("source_rows_code", "source_rows", ["code"], if_not_exists=True)
    op.create_index("source_rows_name", "source_rows", ["name"], if_not_exists=True)
    op.create_index("source_rows_organisation_code", "source_rows", ["organisation_code"], if_not_exists=True)
    op.create_index(
        "source_rows_organisation_in_code", "source_rows", [sa.text("substr(code, 9, 9)")], if_not_exists=True
    )
    op.create_index("source_rows_registration_number", "source_rows", ["registration_number"], if_not_exists=True)
    op.create_index("source_rows_ruled", "source_rows", ["ruled"], if_not_exists=True)
    op.create_table(
        "corrections",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("row_digest", sa.LargeBinary(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("item", _NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.number"]),
        sa.PrimaryKeyConstraint("number"),
        if_not_exists=True,
    )
    op.create_index("corrections_of", "corrections", ["family", "key"], if_not_exists=True)
    op.create_table(
        "held_up",
        sa.Column("item", _NUMBER, nullable=False),
        sa.Column("uscc", sa.String(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.number"]),
        sa.PrimaryKeyConstraint("item", "uscc"),
        if_not_exists=True,
    )
    op.create_index("held_up_uscc", "held_up", ["uscc"], if_not_exists=True)
    op.create_table(
        "item_events",
        sa.Column("item", _NUMBER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("officer", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.number"]),
        sa.PrimaryKeyConstraint("item", "version"),
        if_not_exists=True,
    )
    op.create_table(
        "rulings",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("identity_digest", sa.LargeBinary(), nullable=False),
        sa.Column("uscc", sa.String(), nullable=False),
        sa.Column("item", _NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.number"]),
        sa.PrimaryKeyConstraint("number"),
        if_not_exists=True,
    )
    op.create_index("rulings_of", "rulings", ["family", "key"], if_not_exists=True)
