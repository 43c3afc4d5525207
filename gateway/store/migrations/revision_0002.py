"""What a report's life after its issue needs: durable work, standings, revocations, notices, transfers, epochs and retention.

Requests of before are taken along:

- One that ended in a report ended when that was issued.
- One that is open was never gone on with in the background. It is due at once and its time is over, so whoever takes it up first
  ends it as what it is: closed without a report.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_NEW_IN_REQUESTS: dict[str, sa.types.TypeEngine[Any]] = {
    "completion_until": sa.String(length=27),
    "ended_at": sa.String(length=27),
    "end_reason": sa.String(length=64),
    "progress": sa.LargeBinary(),
    "version": sa.Integer(),
}


def upgrade() -> None:
    """Adds the tables, and columns to requests and reports."""
    _add_tables()
    _allow_deleting_what_retention_cut()
    _widen_reports()
    _widen_requests()
    _take_up_open_requests()


def _add_tables() -> None:
    op.create_table(
        "work",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("due_at", sa.String(length=27), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=False),
        sa.Column("lease_until", sa.String(length=27), nullable=False),
        sa.Column("parked", sa.Boolean(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "reference"),
    )
    op.create_index("work_due", "work", ["parked", "due_at"])
    op.create_table(
        "changes",
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("province", sa.Integer(), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("statement_id"),
    )
    op.create_index("changes_by_subject", "changes", ["uscc"])
    op.create_table(
        "standings",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("report_number", sa.String(length=21), nullable=False),
        sa.Column("cause_id", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["report_number"], ["reports.report_number"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("report_number", "cause_id"),
    )
    op.create_table(
        "revocations",
        sa.Column("proposal", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("report_number", sa.String(length=21), nullable=False),
        sa.Column("category", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.String(length=64), nullable=False),
        sa.Column("proposed_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["report_number"], ["reports.report_number"]),
        sa.PrimaryKeyConstraint("proposal"),
    )
    op.create_table(
        "revocation_ends",
        sa.Column("proposal", _NUMBER, nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["proposal"], ["revocations.proposal"]),
        sa.PrimaryKeyConstraint("proposal"),
    )
    op.create_table(
        "notices",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("report_number", sa.String(length=21), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notices_by_subject", "notices", ["uscc", "id"])
    op.create_table(
        "code_tries",
        sa.Column("report_number", sa.String(length=64), nullable=False),
        sa.Column("since", sa.String(length=27), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("report_number"),
    )
    op.create_table(
        "transfers",
        sa.Column("statement_id", sa.LargeBinary(), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("from_province", sa.Integer(), nullable=False),
        sa.Column("to_province", sa.Integer(), nullable=False),
        sa.Column("registered_on", sa.String(length=10), nullable=False),
        sa.Column("transfer", sa.LargeBinary(), nullable=False),
        sa.Column("consent", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("statement_id"),
    )
    op.create_index("transfers_by_subject", "transfers", ["uscc"])
    op.create_table(
        "epochs",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.Column("begun_at", sa.String(length=27), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("epoch"),
    )
    op.create_table(
        "retention_cuts",
        sa.Column("table_name", sa.String(length=32), nullable=False),
        sa.Column("cut", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("table_name"),
    )


def _allow_deleting_what_retention_cut() -> None:
    """Takes the triggers away that refused every DELETE; those that know the cuts are made after the migration."""
    for table in ("queries", "outcomes", "reports", "audit"):
        on = f" ON {table}" if op.get_bind().dialect.name == "postgresql" else ""
        op.execute(f"DROP TRIGGER IF EXISTS {table}_no_delete{on}")


def _widen_reports() -> None:
    with op.batch_alter_table("reports") as batch:
        batch.add_column(sa.Column("typed_code", sa.String(length=16), nullable=False, server_default=""))
    with op.batch_alter_table("reports") as batch:
        batch.alter_column("typed_code", server_default=None)
    op.create_index("reports_by_owner", "reports", ["owner"])


def _widen_requests() -> None:
    with op.batch_alter_table("requests") as batch:
        batch.drop_constraint("state_is_known", type_="check")
        batch.alter_column(
            "state", existing_type=sa.String(length=8), type_=sa.String(length=20), existing_nullable=False
        )
        for name, kind in _NEW_IN_REQUESTS.items():
            batch.add_column(sa.Column(name, kind, nullable=True))
    requests = sa.table(
        "requests",
        *(sa.column(name) for name in ("request_id", "state", "opened_at")),
        *(sa.column(name, kind) for name, kind in _NEW_IN_REQUESTS.items()),
    )
    reports = sa.table("reports", sa.column("request_id"), sa.column("issued_at"))
    issued_at = sa.select(reports.c.issued_at).where(reports.c.request_id == requests.c.request_id).scalar_subquery()
    op.execute(
        requests.update().values(
            completion_until=requests.c.opened_at,
            ended_at=sa.case((requests.c.state == "SEALED", issued_at), else_=""),
            end_reason="",
            progress=b"",
            version=0,
        )
    )
    with op.batch_alter_table("requests") as batch:
        for name, kind in _NEW_IN_REQUESTS.items():
            batch.alter_column(name, existing_type=kind, nullable=False)
        batch.create_check_constraint(
            "state_is_known", "state IN ('OPEN', 'SEALED', 'CLOSED_INCOMPLETE', 'CANCELLED', 'AUTHORISATION_ENDED')"
        )


def _take_up_open_requests() -> None:
    op.execute(
        """
        INSERT INTO work (kind, reference, due_at, attempts, lease_owner, lease_until, parked, last_error)
        SELECT 'complete', request_id, opened_at, 0, '', '', false, '' FROM requests WHERE state = 'OPEN'
        """
    )
