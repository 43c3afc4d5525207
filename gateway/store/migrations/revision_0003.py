"""What people and third parties need: who acted for whom, grants, look-ups, sessions, mandates and batches.

Requests of before were all made by the subject itself, with its certificate, by a program.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_SELF = 1
_API = 5

_NEW_IN_REQUESTS: dict[str, sa.types.TypeEngine[Any]] = {
    "applicant": sa.String(length=18),
    "actor": sa.String(length=64),
    "unit": sa.String(length=200),
    "post": sa.String(length=64),
    "basis": sa.Integer(),
    "grant_id": sa.LargeBinary(),
    "use_ordinal": sa.Integer(),
    "matter_number": sa.String(length=64),
    "channel": sa.Integer(),
}


def upgrade() -> None:
    """Adds the tables, and columns to requests."""
    _widen_requests()
    _add_tables()


def _widen_requests() -> None:
    with op.batch_alter_table("requests") as batch:
        for name, kind in _NEW_IN_REQUESTS.items():
            batch.add_column(sa.Column(name, kind, nullable=True))
    requests = sa.table(
        "requests", sa.column("uscc"), *(sa.column(name, kind) for name, kind in _NEW_IN_REQUESTS.items())
    )
    op.execute(
        requests.update().values(
            applicant=requests.c.uscc,
            actor="",
            unit="",
            post="",
            basis=_SELF,
            grant_id=b"",
            use_ordinal=0,
            matter_number="",
            channel=_API,
        )
    )
    with op.batch_alter_table("requests") as batch:
        for name, kind in _NEW_IN_REQUESTS.items():
            batch.alter_column(name, existing_type=kind, nullable=False)
    op.create_index("requests_by_subject", "requests", ["uscc", "opened_at"])
    op.create_index("requests_by_applicant", "requests", ["applicant", "opened_at"])


def _add_tables() -> None:
    op.create_table(
        "grants",
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("document_number", sa.String(length=32), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("grantee", sa.String(length=18), nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("expires_on", sa.String(length=10), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("given_by", sa.String(length=64), nullable=False),
        sa.Column("given_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("statement_id"),
        sa.UniqueConstraint("document_number"),
    )
    op.create_index("grants_by_grantee", "grants", ["grantee", "given_at"])
    op.create_index("grants_by_subject", "grants", ["uscc", "given_at"])
    op.create_table(
        "grant_revocations",
        sa.Column("grant_id", sa.LargeBinary(), nullable=False),
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.statement_id"]),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_table(
        "grant_uses",
        sa.Column("grant_id", sa.LargeBinary(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.statement_id"]),
        sa.PrimaryKeyConstraint("grant_id", "ordinal"),
        sa.UniqueConstraint("request_id"),
    )
    op.create_table(
        "refused_look_ups",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("applicant", sa.String(length=18), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.Column("post", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.Integer(), nullable=False),
        sa.Column("basis", sa.Integer(), nullable=False),
        sa.Column("grant_id", sa.LargeBinary(), nullable=False),
        sa.Column("matter_number", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("refused_look_ups_by_subject", "refused_look_ups", ["uscc", "id"])
    op.create_table(
        "persons",
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("subject_digest", sa.LargeBinary(), nullable=False),
        sa.Column("first_seen_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("person"),
        sa.UniqueConstraint("subject_digest"),
    )
    op.create_table(
        "sessions",
        sa.Column("session_digest", sa.LargeBinary(), nullable=False),
        sa.Column("session_name", sa.String(length=32), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("provider_session", sa.LargeBinary(), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("claims", sa.LargeBinary(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.String(length=27), nullable=False),
        sa.Column("seen_at", sa.String(length=27), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=False),
        sa.Column("end_reason", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["persons.person"]),
        sa.PrimaryKeyConstraint("session_digest"),
        sa.UniqueConstraint("session_name"),
    )
    op.create_index("sessions_by_person", "sessions", ["person"])
    op.create_index("sessions_by_provider_session", "sessions", ["provider_session"])
    op.create_table(
        "logins",
        sa.Column("state_digest", sa.LargeBinary(), nullable=False),
        sa.Column("browser_digest", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("code_verifier", sa.String(length=128), nullable=False),
        sa.Column("return_to", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("state_digest"),
    )
    op.create_table(
        "logout_tokens",
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("token_digest"),
    )
    op.create_table(
        "mandates",
        sa.Column("mandate", sa.String(length=32), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("pairing_digest", sa.LargeBinary(), nullable=False),
        sa.Column("failed_pairings", sa.Integer(), nullable=False),
        sa.Column("scopes", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.String(length=27), nullable=False),
        sa.Column("confirmed_by", sa.String(length=64), nullable=False),
        sa.Column("confirmed_at", sa.String(length=27), nullable=False),
        sa.Column("expires_on", sa.String(length=10), nullable=False),
        sa.Column("ended_by", sa.String(length=64), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=False),
        sa.CheckConstraint("state IN ('ASKED', 'CONFIRMED', 'ENDED')", name="mandate_state_is_known"),
        sa.ForeignKeyConstraint(["person"], ["persons.person"]),
        sa.PrimaryKeyConstraint("mandate"),
    )
    op.create_index("mandates_by_person", "mandates", ["person"])
    op.create_index("mandates_by_subject", "mandates", ["uscc"])
    op.create_table(
        "window_mandates",
        sa.Column("mandate", sa.String(length=32), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("scan_digest", sa.LargeBinary(), nullable=False),
        sa.Column("scan_type", sa.String(length=32), nullable=False),
        sa.Column("scan", sa.LargeBinary(), nullable=False),
        sa.Column("filed_by", sa.String(length=64), nullable=False),
        sa.Column("filed_at", sa.String(length=27), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.Column("post", sa.String(length=64), nullable=False),
        sa.Column("confirmed_by", sa.String(length=64), nullable=False),
        sa.Column("confirmed_at", sa.String(length=27), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("mandate"),
    )
    op.create_table(
        "batches",
        sa.Column("batch", sa.String(length=32), nullable=False),
        sa.Column("applicant", sa.String(length=18), nullable=False),
        sa.Column("caller", sa.LargeBinary(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("choices", sa.LargeBinary(), nullable=False),
        sa.Column("repeat_days", sa.Integer(), nullable=False),
        sa.Column("repeated_from", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("begun_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=False),
        sa.CheckConstraint("state IN ('RUNNING', 'DONE', 'CANCELLED')", name="batch_state_is_known"),
        sa.PrimaryKeyConstraint("batch"),
        sa.UniqueConstraint("applicant", "idempotency_key"),
    )
    op.create_table(
        "batch_lines",
        sa.Column("batch", sa.String(length=32), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("given", sa.String(length=64), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("report_number", sa.String(length=21), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["batch"], ["batches.batch"]),
        sa.PrimaryKeyConstraint("batch", "line"),
    )
