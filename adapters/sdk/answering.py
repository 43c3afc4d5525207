"""From the bytes of a query to the bytes of its answer: the numbered steps that every province takes.

1. Check the query (query_checks.py). A query that was answered before gets the stored bytes.
2. Ask the platform for the covered cells, within the deadline (platform.py).
3. Fetch the rows of the subject that the index knows of and the platform did not give (following.py): one that is there is read
   with the others, one that is gone is a question (desk/).
   Cells are silent where the platform was not followed to its end within the catalogue's limit.
4. Read the rows, with what officers decided about them: whose they are, and what they say (findings.py).
5. In one transaction: look the nonce and the ground up again; give the records their identity; build the cells, and empty the
   largest where they do not fit into one answer; sign; keep answer, nonce, statement, audit and the use of a grant; open an item
   for what holds the subject up.
6. Send what was kept.

Two identical queries at once both come as far as 5; the second finds the first one's answer there and sends that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from adapters.sdk.coverage import CoverageDesk, StatedCoverage, issuer_contact
from adapters.sdk.desk.rows import key_of
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.findings import Findings, FoundRecord, KnownRow, read_rows
from adapters.sdk.fragment import Evidence, answerable_cells, build_fragment, fit
from adapters.sdk.grants import Use
from adapters.sdk.ledger import AuditLine, Ledger, LedgerTransaction, RecordIdentity
from adapters.sdk.mapping import Reading, decision_key
from adapters.sdk.metrics import AdapterMetrics
from adapters.sdk.platform import Platform
from adapters.sdk.profile import Profile
from adapters.sdk.query_checks import Accepted, Answered, Asked, NotAccepted, QueryChecks
from adapters.sdk.source import RowKey, SourceAnswer, SourceError
from contract.authorisation import Objection, objection
from contract.catalogue import Catalogue, CellKey
from contract.days import china_day
from contract.errors import ErrorCode, HurenError
from contract.payloads import FRAGMENT, REFUSAL
from huren.fragment.v1 import fragment_pb2, record_pb2, refusal_pb2
from runtime.clock import Clock
from runtime.identity import MemberPeer
from signing import SignedStatement, Signer

ANSWERED: Final = "ANSWERED"
REPEATED: Final = "REPEATED"

MAX_ANSWER_BYTES: Final = 16_777_216
"""Source: adapter_service.proto, AnswerResponse.answer_envelope."""

MAX_FRAGMENT_BYTES: Final = MAX_ANSWER_BYTES - 4096
"""What an envelope holds beside its payload (type, one signature, lengths) is much smaller than the difference."""

_ATTEMPTS: Final = 5
"""How often a transaction is tried that others get in the way of."""

_NONCE_REUSED: Final = refusal_pb2.REFUSAL_REASON_NONCE_REUSED

_MAY_ASK_AGAIN: Final = frozenset(
    {
        refusal_pb2.REFUSAL_REASON_CLOCK_SKEW,
        refusal_pb2.REFUSAL_REASON_DEADLINE_PASSED,
        refusal_pb2.REFUSAL_REASON_NONCE_REUSED,
        refusal_pb2.REFUSAL_REASON_GRANT_NOT_KNOWN,
    }
)
"""Reasons that a new query, in time and with a new nonce, does not meet again by itself."""

_ASK_AGAIN_AFTER: Final = {refusal_pb2.REFUSAL_REASON_GRANT_NOT_KNOWN: timedelta(seconds=5)}
"""Where asking again at once is too early: by then a home has usually told the grant again."""

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Said:
    """What the platform said: its answer (None: nothing), and what the rows in it say about the subject."""

    answer: SourceAnswer | None
    findings: Findings


@dataclass(frozen=True, slots=True)
class _Signed:
    """A statement, and how it is counted."""

    statement: SignedStatement
    result: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """The envelope that is sent, and how it is counted."""

    envelope: bytes
    result: str


class Answering:
    """Answers queries for one province."""

    def __init__(
        self,
        *,
        profile: Profile,
        checks: QueryChecks,
        platform: Platform,
        coverage: CoverageDesk,
        ledger: Ledger,
        signer: Signer,
        metrics: AdapterMetrics,
        clock: Clock,
    ) -> None:
        self._profile = profile
        self._families = frozenset(form.row_family for form in profile.forms.values())
        self._checks = checks
        self._platform = platform
        self._coverage = coverage
        self._ledger = ledger
        self._signer = signer
        self._metrics = metrics
        self._clock = clock

    async def answer(self, envelope: bytes, peer: MemberPeer) -> bytes:
        """Gives the envelope of the fragment or refusal that answers a query. It is kept before it is given.

        Raises:
            HurenError: There is no statement to answer, or it cannot be answered now.
            StoreUnavailableError: The database cannot do it now.
        """
        checked = await self._checks.check(envelope, peer, self._clock())  # 1
        match checked:
            case Answered(stored):
                self._metrics.answers.labels(REPEATED).inc()
                return stored
            case NotAccepted(asked, reason, detail):
                name = _reason_name(reason)
                _log.info("query refused", reason=name, detail=detail)
                return await self._refuse(asked, reason)
            case Accepted():
                return await self._answer(checked)

    async def _answer(self, accepted: Accepted) -> bytes:
        coverage = await self._stated_coverage(accepted)
        answer = await self._ask(accepted, coverage)  # 2
        at = self._clock()
        reading = Reading(
            profile=self._profile, catalogue=accepted.catalogue, window=accepted.window, day=china_day(at)
        )
        findings = Findings(outcomes={})
        if answer is not None:
            answer, missing = await self._complete(answer, accepted)  # 3
            answer = _silent_where_not_followed(answer, accepted.catalogue, coverage.followed_at, at)
            async with self._ledger.read() as desk:
                verdicts = await desk.verdicts(key_of(row, self._profile) for row in answer.rows)
            findings = read_rows(answer.rows, accepted.wanted, reading, verdicts=verdicts, missing=missing)  # 4
        self._report(findings)
        return await self._settled(
            lambda transaction: self._conclude(transaction, accepted, coverage, Said(answer, findings), at=at)  # 5, 6
        )

    async def _complete(self, answer: SourceAnswer, accepted: Accepted) -> tuple[SourceAnswer, tuple[KnownRow, ...]]:
        """Adds the subject's rows that the index knows of and the platform did not give; and those that it does not have."""
        wanted = accepted.wanted
        given = {key_of(row, self._profile) for row in answer.rows}
        async with self._ledger.read() as desk:
            known = await desk.bearing(
                codes=wanted.codes,
                organisation_codes=wanted.organisation_codes,
                registration_numbers=wanted.registration_numbers,
                names=[name.name for name in wanted.names],
            )
        asked_for = frozenset(answer.watermarks)
        absent = {
            where for where, row in known.items() if where not in given and row.may_touch(asked_for, accepted.window)
        }
        if not absent:
            return answer, ()
        try:
            # A row whose form the profile has no more cannot be asked for: it counts as gone.
            fetched = await self._platform.by_key(
                {where for where in absent if where[0] in self._families}, until=accepted.deadline
            )
        except SourceError as error:
            cells = frozenset[CellKey]().union(*(known[where].cells for where in absent))
            _log.warning("rows known before not fetched", count=len(absent), reason=str(error))
            told = "rows that are known of could not be fetched"
            return dataclasses.replace(answer, silent={**dict.fromkeys(cells, told), **answer.silent}), ()
        rows = (row for row in fetched.values() if row is not None)
        gone = [known[where] for where in sorted(absent) if fetched.get(where) is None]
        return (
            dataclasses.replace(answer, rows=(*answer.rows, *rows)),
            await self._ledger.known_rows(gone),
        )

    async def _settled(self, work: Callable[[LedgerTransaction], Awaitable[_Kept]]) -> bytes:
        """Does the work in one transaction, again where another got in its way, and counts what was kept."""
        for _ in range(_ATTEMPTS):
            try:
                async with self._ledger.write() as transaction:
                    kept = await work(transaction)
            except LedgerConflictError:
                continue
            self._metrics.answers.labels(kept.result).inc()
            return kept.envelope
        raise HurenError(ErrorCode.STORE_UNAVAILABLE)

    async def _stated_coverage(self, accepted: Accepted) -> StatedCoverage:
        for _ in range(_ATTEMPTS):
            try:
                return await self._coverage.in_force(accepted.catalogue)
            except LedgerConflictError:
                continue
        raise HurenError(ErrorCode.STORE_UNAVAILABLE)

    async def _ask(self, accepted: Accepted, coverage: StatedCoverage) -> SourceAnswer | None:
        cells = answerable_cells(accepted.query, accepted.catalogue, coverage.payload)
        if not cells:
            return None
        identifiers = tuple(accepted.query.subject.identifiers)
        return await self._platform.search(identifiers, accepted.window, cells, accepted.deadline)

    async def _conclude(
        self,
        transaction: LedgerTransaction,
        accepted: Accepted,
        coverage: StatedCoverage,
        said: Said,
        *,
        at: datetime,
    ) -> _Kept:
        asked = accepted.asked
        stored = await transaction.stored_answer(asked.peer, accepted.nonce)
        if stored is not None and stored.query_envelope == asked.envelope:
            return _Kept(stored.answer_envelope, REPEATED)
        if stored is not None:
            refused = self._refusal(asked, _NONCE_REUSED, at)
            return await self._keep(transaction, asked, refused, binds_nonce=False, at=at)
        objected = await _objection(transaction, accepted)
        if objected is not None:
            _log.info("query refused", reason=_reason_name(objected.reason), detail=objected.detail)
            refused = self._refusal(asked, objected.reason, at)
            return await self._keep(transaction, asked, refused, binds_nonce=True, at=at)
        await _keep_use(transaction, accepted, at)
        asked_for = answerable_cells(accepted.query, accepted.catalogue, coverage.payload)
        listed = [record for record in said.findings.records if record.cell in asked_for]
        evidence = Evidence(
            catalogue=accepted.catalogue,
            coverage=coverage.payload,
            answer=said.answer,
            findings=said.findings,
            records=_identified(
                listed,
                await transaction.identities(listed),
                {record.where: await transaction.replaced_by(record) for record in listed if record.replaces_number},
            ),
            unattributable=coverage.unattributable,
            at=at,
        )
        fragment = build_fragment(
            accepted.query,
            evidence,
            header=self._signer.new_header(at),
            query_statement_id=asked.statement_id,
            coverage_statement_id=coverage.statement_id,
            disclosure=self._profile.disclosure,
        )
        if emptied := fit(fragment, MAX_FRAGMENT_BYTES):
            _log.warning(
                "answer too large, cells left without their records", cells=[f"{d}/{kind}" for d, kind in emptied]
            )
        statement = self._signer.sign(FRAGMENT, fragment)
        self._count_cells(fragment)
        holding_up = [problem for problem in said.findings.problems if problem.blocks & asked_for]
        await transaction.desk.open_items(holding_up, at, uscc=accepted.query.subject.uscc)
        return await self._keep(transaction, asked, _Signed(statement, ANSWERED), binds_nonce=True, at=at)

    async def _refuse(self, asked: Asked, reason: refusal_pb2.RefusalReason.ValueType) -> bytes:
        async def work(transaction: LedgerTransaction) -> _Kept:
            stored = None
            if asked.nonce is not None:
                stored = await transaction.stored_answer(asked.peer, asked.nonce)
                if stored is not None and stored.query_envelope == asked.envelope:
                    return _Kept(stored.answer_envelope, REPEATED)
            at = self._clock()
            refused = self._refusal(asked, reason, at)
            return await self._keep(transaction, asked, refused, binds_nonce=stored is None, at=at)

        return await self._settled(work)

    def _refusal(self, asked: Asked, reason: refusal_pb2.RefusalReason.ValueType, at: datetime) -> _Signed:
        refusal = refusal_pb2.Refusal(
            header=self._signer.new_header(at),
            query_statement_id=asked.statement_id,
            reason=reason,
            contact=issuer_contact(self._profile),
            may_ask_again=reason in _MAY_ASK_AGAIN,
        )
        if reason in _ASK_AGAIN_AFTER:
            refusal.ask_again_after.FromTimedelta(_ASK_AGAIN_AFTER[reason])
        return _Signed(self._signer.sign(REFUSAL, refusal), _reason_name(reason))

    async def _keep(
        self, transaction: LedgerTransaction, asked: Asked, signed: _Signed, *, binds_nonce: bool, at: datetime
    ) -> _Kept:
        """Keeps a statement and its line of audit, and binds the nonce, if it is the signer's.

        Whether it binds was decided when the transaction began: where a rival bound the nonce since, all of this is undone.
        """
        line = _audit_line(asked, signed.result, at)
        answer = signed.statement
        await transaction.keep_statement(answer, at)
        if binds_nonce and asked.nonce is not None:
            await transaction.use_nonce(
                asked.peer, asked.nonce, query_envelope=asked.envelope, answer=answer.statement_id, line=line
            )
        await transaction.record_query(line, answer.statement_id)
        return _Kept(answer.envelope, signed.result)

    def _report(self, findings: Findings) -> None:
        self._metrics.count_rows(findings.outcomes)
        for problem in findings.problems:
            _log.warning("row of no use", form=problem.where[0], field=problem.field, problem=problem.problem)
        elsewhere = findings.outcomes.get("decided_elsewhere", 0)
        if elsewhere:
            _log.info("rows decided elsewhere left out", count=elsewhere)

    def _count_cells(self, fragment: fragment_pb2.Fragment) -> None:
        for cell in fragment.cells:
            state = fragment_pb2.CellState.Name(cell.state).removeprefix("CELL_STATE_")
            if cell.reason:
                state = fragment_pb2.UnavailableReason.Name(cell.reason).removeprefix("UNAVAILABLE_REASON_")
            self._metrics.cells.labels(state).inc()


async def _objection(transaction: LedgerTransaction, accepted: Accepted) -> Objection | None:
    """Q-16 once more: by what has arrived since, and so that nothing that alters it arrives before the answer is kept."""
    known = await transaction.grants.known(accepted.query, accepted.asked.peer, holding=True)
    return objection(accepted.query, accepted.grant, revoked=known.revoked, uses=known.uses, signer=accepted.asked.peer)


async def _keep_use(transaction: LedgerTransaction, accepted: Accepted, at: datetime) -> None:
    """From now on the ordinal is this request's. That it is not another's was looked at by `_objection`."""
    authorisation = accepted.query.authorisation
    if accepted.grant is None:
        return
    use = Use(
        grant_id=authorisation.grant_statement_id,
        issuer=accepted.asked.peer,
        ordinal=authorisation.use_ordinal,
        request_id=accepted.query.request_id,
        statement_id=accepted.asked.statement_id,
        envelope=accepted.asked.envelope,
    )
    await transaction.grants.keep_use(use, at)


def _silent_where_not_followed(
    answer: SourceAnswer, catalogue: Catalogue, followed_at: datetime | None, at: datetime
) -> SourceAnswer:
    """The answer, silent for cells of which it is not known for too long what the platform was supplied with."""
    told = "the platform was not followed to its end within the catalogue's limit"
    unknown = {
        cell: told
        for cell in answer.watermarks.keys() & catalogue.carried.keys()
        if followed_at is None or at - followed_at >= catalogue.freshness_limit(cell)
    }
    return dataclasses.replace(answer, silent={**unknown, **answer.silent}) if unknown else answer


def _identified(
    listed: Iterable[FoundRecord], identities: Mapping[RowKey, RecordIdentity], replaced: Mapping[RowKey, str]
) -> Mapping[CellKey, Sequence[record_pb2.Record]]:
    """The records by cell, the latest first. Those of one decision name the other domains in which it stands."""
    by_cell: dict[CellKey, list[record_pb2.Record]] = {}
    domains: dict[str, set[str]] = {}
    for found in listed:
        record = identities[found.where].identify(found.draft)
        record.decision_key = decision_key(record)
        record.replaces = replaced.get(found.where, "")
        by_cell.setdefault(found.cell, []).append(record)
        domains.setdefault(record.decision_key, set()).add(found.cell[0])
    for (domain, _), records in by_cell.items():
        for record in records:
            record.further_domains.extend(sorted(domains[record.decision_key] - {domain}))
    for records in by_cell.values():
        records.sort(key=lambda record: record.record_id)
        records.sort(key=_day_of, reverse=True)
    return by_cell


def _day_of(record: record_pb2.Record) -> str:
    return record.penalty.decided_on if record.HasField("penalty") else record.list_entry.listed_on


def _audit_line(asked: Asked, outcome: str, at: datetime) -> AuditLine:
    query = asked.query
    return AuditLine(
        at=at,
        asked_by=asked.peer,
        uscc=query.subject.uscc if query else "",
        purpose=query.purpose if query else 0,
        basis=query.authorisation.basis if query else 0,
        request_id=query.request_id if query else "",
        query_statement_id=asked.statement_id,
        outcome=outcome,
        grant_id=(query.authorisation.grant_statement_id or None) if query else None,
        matter_number=(query.authorisation.matter_number or None) if query else None,
    )


def _reason_name(reason: refusal_pb2.RefusalReason.ValueType) -> str:
    return refusal_pb2.RefusalReason.Name(reason).removeprefix("REFUSAL_REASON_")
