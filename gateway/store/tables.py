"""The tables of the gateway.

What is in `APPEND_ONLY` is written once: the database itself refuses to change a row of it, and to delete one that retention did
not cut off (retention.py). How the tables came to be is told by `migrations`; whoever changes them here adds a revision there.
Instants are text in UTC, ISO 8601 to the microsecond with `Z`, so that both databases compare and keep them alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
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

from runtime.clock import Clock, system_clock
from runtime.database import Database, take_turns
from runtime.feeds.tables import FEEDS
from runtime.migrations import TableSet, migrate

metadata: Final = MetaData()

_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")

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
    Column("state", String(20), nullable=False),
    Column("opened_at", String(27), nullable=False),
    Column("completion_until", String(27), nullable=False),
    Column("ended_at", String(27), nullable=False),
    Column("end_reason", String(64), nullable=False),
    Column("progress", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("applicant", String(18), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("unit", String(200), nullable=False),
    Column("post", String(64), nullable=False),
    Column("basis", Integer, nullable=False),
    Column("grant_id", LargeBinary, nullable=False),
    Column("use_ordinal", Integer, nullable=False),
    Column("matter_number", String(64), nullable=False),
    Column("channel", Integer, nullable=False),
    UniqueConstraint("caller", "idempotency_key"),
    CheckConstraint(
        "state IN ('OPEN', 'SEALED', 'CLOSED_INCOMPLETE', 'CANCELLED', 'AUTHORISATION_ENDED')", name="state_is_known"
    ),
)
"""One row for each request: what was asked, pinned. `subject` and `cells` are messages of the contract.

`progress`: an OpenRequest with one entry for each province, as it stood after the last try; empty before. `version` grows with
every change that whoever watches is told. `ended_at` and `end_reason` are empty while it is open.

`applicant`: code of the unit that asked, which the report is issued to; the subject's own where nobody else asked. `actor`: who
of it acted, a name that only this home can resolve; empty: its certificate. `unit` and `post` are what the subject is shown.
"""
Index("requests_by_subject", requests.c.uscc, requests.c.opened_at)
Index("requests_by_applicant", requests.c.applicant, requests.c.opened_at)

work: Final = Table(
    "work",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("kind", String(24), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("due_at", String(27), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_owner", String(64), nullable=False),
    Column("lease_until", String(27), nullable=False),
    Column("parked", Boolean, nullable=False),
    Column("last_error", Text, nullable=False),
    UniqueConstraint("kind", "reference"),
)
"""Durable work: what is still to be done about a row of another table, written in the transaction that makes it necessary, and
deleted in the one that makes it done. `reference` names the row. Free where `lease_until` is past; empty: nobody works on it."""
Index("work_due", work.c.parked, work.c.due_at)

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
    Column("typed_code", String(16), nullable=False),
    Column("issued_at", String(27), nullable=False),
)
Index("reports_by_owner", reports.c.owner)
"""Issued reports. A row is written once and never changed; where it stands is told by `standings`. `typed_code`: 核验码 without
hyphens; empty in reports from before there was one."""

report_numbers: Final = Table(
    "report_numbers",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("last_sequence", BigInteger, nullable=False),
)
"""The last sequence given out on each China day."""

changes: Final = Table(
    "changes",
    metadata,
    Column("statement_id", LargeBinary, primary_key=True),
    Column("province", Integer, nullable=False),
    Column("uscc", String(18), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("received_at", String(27), nullable=False),
)
"""Record changes that origins told, each once."""
Index("changes_by_subject", changes.c.uscc)

standings: Final = Table(
    "standings",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("report_number", String(21), ForeignKey("reports.report_number"), nullable=False),
    Column("cause_id", LargeBinary, nullable=False),
    Column("state", Integer, nullable=False),
    Column("day", String(10), nullable=False),
    Column("reason", LargeBinary, nullable=False),
    Column("at", String(27), nullable=False),
    UniqueConstraint("report_number", "cause_id"),
)
"""What altered where a report stands: a ReportState (VALID: only words were corrected), the China day, a StandingReason.
`cause_id`: statement id of the change, or the name of what else it was."""

revocations: Final = Table(
    "revocations",
    metadata,
    Column("proposal", _NUMBER, primary_key=True, autoincrement=True),
    Column("report_number", String(21), ForeignKey("reports.report_number"), nullable=False),
    Column("category", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("proposed_by", String(64), nullable=False),
    Column("proposed_at", String(27), nullable=False),
)
"""Proposals to take a report back."""

revocation_ends: Final = Table(
    "revocation_ends",
    metadata,
    Column("proposal", ForeignKey("revocations.proposal"), primary_key=True),
    Column("confirmed", Boolean, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", String(27), nullable=False),
)
"""What became of a proposal: confirmed by a second officer, or withdrawn. None while it waits."""

notices: Final = Table(
    "notices",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("uscc", String(18), nullable=False),
    Column("kind", Integer, nullable=False),
    Column("request_id", String(32), nullable=False),
    Column("report_number", String(21), nullable=False),
    Column("at", String(27), nullable=False),
)
"""What a subject was told (消息)."""
Index("notices_by_subject", notices.c.uscc, notices.c.id)

code_tries: Final = Table(
    "code_tries",
    metadata,
    Column("report_number", String(64), primary_key=True),
    Column("since", String(27), nullable=False),
    Column("failed", Integer, nullable=False),
)
"""Failed tries of a typed code for a number, existing or not, in the hour that began at `since`."""

transfers: Final = Table(
    "transfers",
    metadata,
    Column("statement_id", LargeBinary, primary_key=True),
    Column("uscc", String(18), nullable=False),
    Column("from_province", Integer, nullable=False),
    Column("to_province", Integer, nullable=False),
    Column("registered_on", String(10), nullable=False),
    Column("transfer", LargeBinary, nullable=False),
    Column("consent", LargeBinary, nullable=False),
    Column("at", String(27), nullable=False),
)
"""Moves of subjects between homes, signed by both."""
Index("transfers_by_subject", transfers.c.uscc)

grants: Final = Table(
    "grants",
    metadata,
    Column("statement_id", LargeBinary, primary_key=True),
    Column("document_number", String(32), nullable=False, unique=True),
    Column("uscc", String(18), nullable=False),
    Column("grantee", String(18), nullable=False),
    Column("max_uses", Integer, nullable=False),
    Column("expires_on", String(10), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("given_by", String(64), nullable=False),
    Column("given_at", String(27), nullable=False),
)
"""Grants (授权书) that subjects of this home gave."""
Index("grants_by_subject", grants.c.uscc, grants.c.given_at)
Index("grants_by_grantee", grants.c.grantee, grants.c.given_at)

grant_revocations: Final = Table(
    "grant_revocations",
    metadata,
    Column("grant_id", ForeignKey("grants.statement_id"), primary_key=True),
    Column("statement_id", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("revoked_by", String(64), nullable=False),
    Column("at", String(27), nullable=False),
)
"""Grants that were taken back."""

grant_uses: Final = Table(
    "grant_uses",
    metadata,
    Column("grant_id", ForeignKey("grants.statement_id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("request_id", String(32), nullable=False, unique=True),
    Column("statement_id", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("at", String(27), nullable=False),
)
"""Requests that were opened under a grant."""

refused_look_ups: Final = Table(
    "refused_look_ups",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("at", String(27), nullable=False),
    Column("uscc", String(18), nullable=False),
    Column("applicant", String(18), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("unit", String(200), nullable=False),
    Column("post", String(64), nullable=False),
    Column("purpose", Integer, nullable=False),
    Column("basis", Integer, nullable=False),
    Column("grant_id", LargeBinary, nullable=False),
    Column("matter_number", String(64), nullable=False),
    Column("channel", Integer, nullable=False),
    Column("reason", String(64), nullable=False),
)
"""Who asked about a subject and was refused before there was a request. All others are in `requests`."""
Index("refused_look_ups_by_subject", refused_look_ups.c.uscc, refused_look_ups.c.id)

persons: Final = Table(
    "persons",
    metadata,
    Column("person", String(32), primary_key=True),
    Column("subject_digest", LargeBinary, nullable=False, unique=True),
    Column("first_seen_at", String(27), nullable=False),
)
"""People who logged in: a random name of ours, and the SHA-256 of issuer and subject identifier. No name, no number."""

sessions: Final = Table(
    "sessions",
    metadata,
    Column("session_digest", LargeBinary, primary_key=True),
    Column("session_name", String(32), nullable=False, unique=True),
    Column("person", ForeignKey("persons.person"), nullable=False),
    Column("provider_session", LargeBinary, nullable=False),
    Column("csrf_token", String(64), nullable=False),
    Column("claims", LargeBinary, nullable=False),
    Column("channel", Integer, nullable=False),
    Column("begun_at", String(27), nullable=False),
    Column("seen_at", String(27), nullable=False),
    Column("expires_at", String(27), nullable=False),
    Column("ended_at", String(27), nullable=False),
    Column("end_reason", String(32), nullable=False),
)
"""Sessions of people. The cookie is kept as its SHA-256 only; `provider_session` is the SHA-256 of issuer and `sid`."""
Index("sessions_by_person", sessions.c.person)
Index("sessions_by_provider_session", sessions.c.provider_session)

logins: Final = Table(
    "logins",
    metadata,
    Column("state_digest", LargeBinary, primary_key=True),
    Column("browser_digest", LargeBinary, nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("code_verifier", String(128), nullable=False),
    Column("return_to", String(200), nullable=False),
    Column("channel", Integer, nullable=False),
    Column("begun_at", String(27), nullable=False),
)
"""Logins that were begun and have not come back; each is used once."""

logout_tokens: Final = Table(
    "logout_tokens",
    metadata,
    Column("token_digest", LargeBinary, primary_key=True),
    Column("at", String(27), nullable=False),
)
"""Back-channel logout tokens that were seen: each counts once."""

mandates: Final = Table(
    "mandates",
    metadata,
    Column("mandate", String(32), primary_key=True),
    Column("uscc", String(18), nullable=False),
    Column("person", ForeignKey("persons.person"), nullable=False),
    Column("pairing_digest", LargeBinary, nullable=False),
    Column("failed_pairings", Integer, nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("asked_at", String(27), nullable=False),
    Column("confirmed_by", String(64), nullable=False),
    Column("confirmed_at", String(27), nullable=False),
    Column("expires_on", String(10), nullable=False),
    Column("ended_by", String(64), nullable=False),
    Column("ended_at", String(27), nullable=False),
    CheckConstraint("state IN ('ASKED', 'CONFIRMED', 'ENDED')", name="mandate_state_is_known"),
)
"""Agents (经办人): who may act for which enterprise, once its legal representative has confirmed it."""
Index("mandates_by_person", mandates.c.person)
Index("mandates_by_subject", mandates.c.uscc)

window_mandates: Final = Table(
    "window_mandates",
    metadata,
    Column("mandate", String(32), primary_key=True),
    Column("uscc", String(18), nullable=False),
    Column("scan_digest", LargeBinary, nullable=False),
    Column("scan_type", String(32), nullable=False),
    Column("scan", LargeBinary, nullable=False),
    Column("filed_by", String(64), nullable=False),
    Column("filed_at", String(27), nullable=False),
    Column("unit", String(200), nullable=False),
    Column("post", String(64), nullable=False),
    Column("confirmed_by", String(64), nullable=False),
    Column("confirmed_at", String(27), nullable=False),
    Column("expires_at", String(27), nullable=False),
    Column("ended_at", String(27), nullable=False),
)
"""窗口代办: paper mandates that window staff scanned; they count once a second person has confirmed them."""

batches: Final = Table(
    "batches",
    metadata,
    Column("batch", String(32), primary_key=True),
    Column("applicant", String(18), nullable=False),
    Column("caller", LargeBinary, nullable=False),
    Column("idempotency_key", String(64), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("choices", LargeBinary, nullable=False),
    Column("repeat_days", Integer, nullable=False),
    Column("repeated_from", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("begun_at", String(27), nullable=False),
    Column("ended_at", String(27), nullable=False),
    CheckConstraint("state IN ('RUNNING', 'DONE', 'CANCELLED')", name="batch_state_is_known"),
    UniqueConstraint("applicant", "idempotency_key"),
)
"""Many reports at once (集团批量). `caller`: who asked, as it was when the batch was begun; `choices`: what is the same for all."""

batch_lines: Final = Table(
    "batch_lines",
    metadata,
    Column("batch", ForeignKey("batches.batch"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("given", String(64), nullable=False),
    Column("uscc", String(18), nullable=False),
    Column("state", String(16), nullable=False),
    Column("request_id", String(32), nullable=False),
    Column("report_number", String(21), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("ended_at", String(27), nullable=False),
)
"""One row for each subject of a batch. `given`: as it was written in the file."""

epochs: Final = Table(
    "epochs",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("epoch", String(32), nullable=False, unique=True),
    Column("begun_at", String(27), nullable=False),
    Column("cause", String(16), nullable=False),
)
"""Lives of this database: the first begins when it is made, the next with every restore.
What was numbered in one is not in another."""

retention_cuts: Final = Table(
    "retention_cuts",
    metadata,
    Column("table_name", String(32), primary_key=True),
    Column("cut", String(27), nullable=False),
)
"""Rows of append-only tables that are older than the cut may be deleted; the database refuses all others."""

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

APPEND_ONLY: Final = (
    queries,
    outcomes,
    coverages,
    reports,
    changes,
    standings,
    revocations,
    revocation_ends,
    notices,
    transfers,
    grants,
    grant_revocations,
    grant_uses,
    refused_look_ups,
    epochs,
    audit,
)


INSTANTS: Final = {
    "queries": "sent_at",
    "outcomes": "at",
    "reports": "issued_at",
    "changes": "received_at",
    "standings": "at",
    "revocations": "proposed_at",
    "revocation_ends": "at",
    "notices": "at",
    "audit": "at",
}
"""Append-only tables of which retention deletes what is older than their cut, with the column that says how old a row is."""

TABLES: Final = TableSet(
    name="gateway",
    metadata=(metadata,),
    revisions=Path(__file__).with_name("migrations"),
    append_only=APPEND_ONLY,
    instants=INSTANTS,
)
"""All that a gateway keeps in its own database, but for the registry."""


async def prepare(database: Database, *, clock: Clock = system_clock) -> None:
    """Brings the tables to the newest revision, makes those that are written once append-only, and begins the first epoch.

    Raises:
        SchemaError: They are a newer program's.
        StoreUnavailableError: The database cannot do it now.
    """
    from gateway.store.epochs import CREATED, begin_epoch, find_epoch  # noqa: PLC0415  # it writes to these tables

    await migrate(database, TABLES)
    await migrate(database, FEEDS)
    async with database.write() as connection:
        await take_turns(connection)
        if await find_epoch(connection) is None:
            await begin_epoch(connection, CREATED, at=clock())
