"""The tables of the gateway.

Rows of queries, outcomes, coverages, reports and audit are written once: the database itself refuses to change or delete one.
Instants are text in UTC, ISO 8601 to the microsecond with `Z`, so that both databases compare and keep them alike.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from runtime.database import Database

metadata: Final = MetaData()

requests: Final = Table(
    "requests",
    metadata,
    Column("request_id", String(32), primary_key=True),
    Column("caller", String(64), nullable=False),
    Column("idempotency_key", String(64), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("uscc", String(18), nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("first_day", String(10), nullable=False),
    Column("last_day", String(10), nullable=False),
    Column("cells", LargeBinary, nullable=False),
    Column("catalogue_version", String(32), nullable=False),
    Column("catalogue_digest", LargeBinary, nullable=False),
    Column("purpose", Integer, nullable=False),
    Column("identity_level", Integer, nullable=False),
    Column("actor_ref", LargeBinary, nullable=False),
    Column("state", String(8), nullable=False),
    Column("opened_at", String(27), nullable=False),
    UniqueConstraint("caller", "idempotency_key"),
    CheckConstraint("state IN ('OPEN', 'SEALED')", name="state_is_known"),
)
"""One row for each request: what was asked, pinned. `subject` and `cells` are messages of the contract."""

queries: Final = Table(
    "queries",
    metadata,
    Column("statement_id", LargeBinary, primary_key=True),
    Column("request_id", String(32), ForeignKey("requests.request_id"), nullable=False),
    Column("province", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("sent_at", String(27), nullable=False),
    UniqueConstraint("request_id", "province", "attempt"),
)
"""One row for each query, committed before it is sent."""

outcomes: Final = Table(
    "outcomes",
    metadata,
    Column("query_id", LargeBinary, ForeignKey("queries.statement_id"), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("answer", LargeBinary),
    Column("at", String(27), nullable=False),
)
"""What became of a query: exactly one row, none while it is not known."""

coverages: Final = Table(
    "coverages",
    metadata,
    Column("statement_id", LargeBinary, primary_key=True),
    Column("province", Integer, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
)
"""Coverage statements of the provinces."""

reports: Final = Table(
    "reports",
    metadata,
    Column("report_number", String(21), primary_key=True),
    Column("request_id", String(32), ForeignKey("requests.request_id"), nullable=False, unique=True),
    Column("owner", String(18), nullable=False),
    Column("statement_id", LargeBinary, nullable=False, unique=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("verification_code", String(32), nullable=False, unique=True),
    Column("issued_at", String(27), nullable=False),
)
"""Issued reports. A row is written once and never changed."""

report_numbers: Final = Table(
    "report_numbers",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("last_sequence", BigInteger, nullable=False),
)
"""The last sequence given out on each China day."""

audit: Final = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", String(27), nullable=False),
    Column("action", String(32), nullable=False),
    Column("caller", String(64), nullable=False),
    Column("uscc", String(18), nullable=False),
    Column("request_id", String(32), nullable=False),
    Column("actor_ref", LargeBinary, nullable=False),
    Column("province", Integer, nullable=False),
    Column("statement_id", LargeBinary, nullable=False),
    Column("result", String(64), nullable=False),
)
"""Append-only: every request, every query, every issue and look-up, with its result. Empty or 0 where a field does not apply."""

Index("audit_by_subject", audit.c.uscc, audit.c.id)
Index("queries_by_request", queries.c.request_id)

APPEND_ONLY: Final = (queries, outcomes, coverages, reports, audit)


async def prepare(database: Database) -> None:
    """Creates what is missing, and makes the tables that are written once append-only.

    Raises:
        StoreUnavailableError: The database cannot do it now.
    """
    await database.create_tables(metadata, append_only=APPEND_ONLY)
