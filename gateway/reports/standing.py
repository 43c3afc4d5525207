"""Where a report stands: changes come in, statuses go out, officers take reports back.

What a change does to a report is contract/change.py (P-1 to P-8); the rest is here, and in the SQL of gateway/store/standing.py:

 P-13  A change is taken from the adapter that signed it and from nobody else, where it makes sense and is not from the future; it
       is kept once, by its statement id, whether the subject has a report or not.
 P-14  A change and what it does to reports are one transaction, in which no report of the subject is sealed; a report is not sealed
       while a fragment does not say what its origin told.
 P-15  The state is REVOKED before SUPERSEDED, SUPERSEDED before EXPIRED, EXPIRED before VALID, since the first day of that state;
       nothing alters any more what is revoked.
 P-16  Everybody may read the state, its day and, of a revoked report, the category; province, domain and reason are for the owner
       and the home's officers.
 P-17  A revocation is proposed by one officer and confirmed by another one, at the home that issued the report; a report has one
       proposal at a time, and any officer may give it up.

The clock is added when somebody asks: a record that is not disclosed any more supersedes whatever lists it, though nobody said so.

Source: docs/protocols/report-status.md
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import structlog

from contract.admission import CLOCK_TOLERANCE
from contract.catalogue import CellKey, wire_key
from contract.change import Effect, alteration, disclosure_end, require_sound_change
from contract.days import china_day, from_timestamp, parse_day
from contract.errors import ErrorCode, HurenError
from contract.payloads import RECORD_CHANGE, REPORT_STATUS, PayloadError, parse
from contract.province import Province
from gateway.domain.revocation import Proposal
from gateway.store.rows import CHANGE, AuditRow
from gateway.store.standing import JudgeReport, NewChange, StandingStore, StoredStanding
from huren.change.v1 import change_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import fragment_pb2
from huren.report.v1 import report_pb2, report_status_pb2
from runtime.clock import Clock
from runtime.errors import StoreUnavailableError
from runtime.identity import MemberPeer
from signing import EnvelopeError, Signer, VerificationError, VerifiedPayload, Verifier, decode_envelope

_log: Final = structlog.get_logger(__name__)

_VALID: Final = report_status_pb2.REPORT_STATE_VALID
_EXPIRED: Final = report_status_pb2.REPORT_STATE_EXPIRED
_SUPERSEDED: Final = report_status_pb2.REPORT_STATE_SUPERSEDED
_REVOKED: Final = report_status_pb2.REPORT_STATE_REVOKED

_PRECEDENCE: Final = (_REVOKED, _SUPERSEDED, _EXPIRED)

_ADAPTER: Final = envelope_pb2.MEMBER_ROLE_ADAPTER


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStanding:
    """Where a report stands on a day.

    Attributes:
        state: The state.
        since: First China day of that state. None: VALID.
        revocation: With REVOKED: why.
        wording_corrected: Words in a record were corrected since.
        reasons: What led there, oldest first.
    """

    state: report_status_pb2.ReportState.ValueType
    since: date | None
    revocation: report_status_pb2.RevocationCategory.ValueType
    wording_corrected: bool
    reasons: tuple[report_status_pb2.StandingReason, ...]

    def to_wire(self) -> report_status_pb2.Standing:
        """For the owner and the home's officers."""
        return report_status_pb2.Standing(state=self.state, since=_day_text(self.since), reasons=self.reasons)


class StandingService:
    """Keeps where the reports of one home stand."""

    def __init__(self, *, store: StandingStore, verifier: Verifier, signer: Signer, clock: Clock) -> None:
        self._store = store
        self._verifier = verifier
        self._signer = signer
        self._clock = clock

    # --- Changes ------------------------------------------------------------------------------------------------------------

    async def submit_change(self, envelope: bytes, peer: MemberPeer) -> None:
        """Takes a change; the same statement again does nothing.

        Args:
            envelope: An Envelope with a RecordChange.
            peer: The adapter that brings it.

        Raises:
            HurenError: ENVELOPE_UNREADABLE, STATEMENT_NOT_ACCEPTED.
            StoreUnavailableError: Nothing was kept.
        """
        at = self._clock()
        try:
            statement, change = self._accept(envelope, peer, at)
        except HurenError as error:
            await self._record_refusal(error.code, peer, at)
            raise
        await self._store.apply_change(
            NewChange(
                statement_id=statement.statement_id,
                province=peer.province,
                uscc=change.uscc,
                envelope=envelope,
                received_at=at,
                sender=peer.uri,
            ),
            lambda told: self._judge(change, told, china_day(at)),
        )

    def _accept(
        self, envelope: bytes, peer: MemberPeer, at: datetime
    ) -> tuple[VerifiedPayload, change_pb2.RecordChange]:
        try:
            statement = self._verifier.verify(envelope, expect=frozenset({RECORD_CHANGE}))
            change = parse(statement, change_pb2.RecordChange)
            require_sound_change(change)
        except EnvelopeError as error:
            raise HurenError(ErrorCode.ENVELOPE_UNREADABLE, problem=error.fault) from error
        except VerificationError as error:
            raise _not_accepted(
                f"签名未通过验证（{error.failure}）", f"it does not verify ({error.failure})"
            ) from error
        except PayloadError as error:
            raise _not_accepted(
                f"内容不符合规范（{error.where}）", f"it breaks a declared rule ({error.where})"
            ) from error
        except ValueError as error:
            raise _not_accepted("所载日期或单元格有误", f"it makes no sense ({error})") from error
        if (statement.signer.member, statement.signer.role) != (peer.province, _ADAPTER):
            raise _not_accepted("签名者不是连接方", "the signer is not the peer")
        latest = max(statement.issued_at, from_timestamp(change.changed_at))
        if latest > at + CLOCK_TOLERANCE:
            raise _not_accepted("所载时间晚于现在", "it is from the future")
        return statement, change

    def _judge(self, change: change_pb2.RecordChange, told: Sequence[bytes], today: date) -> JudgeReport:
        changes = [known for known in map(self._told, told) if known is not None]
        province = Province(change.header.issuer)

        def judge(envelope: bytes) -> report_status_pb2.StandingReason | None:
            fragment = _fragment_of(envelope, province)
            if fragment is None:
                return None
            done = alteration(change, fragment, told=changes)
            if done.effect is Effect.NONE:
                return None
            state = _SUPERSEDED if done.effect is Effect.SUPERSEDES else _VALID
            return _reason(state, today, change.cause, province=province, cells=done.cells)

        return judge

    def _told(self, envelope: bytes) -> change_pb2.RecordChange | None:
        """A change that was kept. None: its key is not believed any more, so that it overtakes nothing."""
        try:
            return parse(self._verifier.verify(envelope, expect=frozenset({RECORD_CHANGE})), change_pb2.RecordChange)
        except (VerificationError, PayloadError) as error:
            _log.warning("a kept change is not believed any more", reason=str(error))
            return None

    async def _record_refusal(self, code: ErrorCode, peer: MemberPeer, at: datetime) -> None:
        row = AuditRow(at=at, action=CHANGE, result=code, caller=peer.uri, province=int(peer.province))
        try:
            await self._store.record(row)
        except StoreUnavailableError:
            _log.warning("audit row of a refused change was lost", code=code)

    # --- Status -------------------------------------------------------------------------------------------------------------

    async def standing(self, report_number: str) -> ReportStanding:
        """Where a report of this home stands now, with all that led there.

        Raises:
            HurenError: REPORT_NOT_FOUND.
        """
        return standing_on(await self._find(report_number), china_day(self._clock()))

    async def require_not_revoked(self, report_number: str) -> None:
        """Refuses a report that was taken back.

        Raises:
            HurenError: REPORT_REVOKED; REPORT_NOT_FOUND.
        """
        if (await self.standing(report_number)).state == _REVOKED:
            raise HurenError(ErrorCode.REPORT_REVOKED)

    async def sign_status(self, report_number: str) -> bytes:
        """An Envelope with the ReportStatus of this moment, which everybody may read.

        Raises:
            HurenError: REPORT_NOT_FOUND.
        """
        stored = await self._find(report_number)
        at = self._clock()
        standing = standing_on(stored, china_day(at))
        status = report_status_pb2.ReportStatus(
            header=self._signer.new_header(at),
            report_number=report_number,
            report_statement_id=stored.statement_id,
            state=standing.state,
            since=_day_text(standing.since),
            revocation=standing.revocation,
            wording_corrected=standing.wording_corrected,
        )
        return self._signer.sign(REPORT_STATUS, status).envelope

    async def _find(self, report_number: str) -> StoredStanding:
        stored = await self._store.find(report_number)
        if stored is None:
            raise HurenError(ErrorCode.REPORT_NOT_FOUND)
        return stored

    # --- Revocation ---------------------------------------------------------------------------------------------------------

    async def propose_revocation(
        self,
        report_number: str,
        category: report_status_pb2.RevocationCategory.ValueType,
        note: str,
        *,
        officer: str,
    ) -> Proposal:
        """Proposes to take a report back (作废).

        Raises:
            HurenError: REPORT_NOT_FOUND, REPORT_REVOKED, REVOCATION_WAITS.
        """
        return await self._store.propose(report_number, category, note, officer=officer, at=self._clock())

    async def confirm_revocation(self, number: int, *, officer: str) -> Proposal:
        """Confirms a proposal of another officer; then the report is REVOKED, and its owner is told.

        Raises:
            HurenError: REVOCATION_NOT_FOUND, REPORT_REVOKED, SECOND_OFFICER_NEEDED.
        """
        return await self._store.confirm(number, officer=officer, at=self._clock())

    async def withdraw_revocation(self, number: int, *, officer: str) -> None:
        """Gives a proposal up; any officer may.

        Raises:
            HurenError: REVOCATION_NOT_FOUND, REPORT_REVOKED.
        """
        await self._store.withdraw(number, officer=officer, at=self._clock())

    async def revocations(self) -> list[Proposal]:
        """The proposals that wait for a second officer, oldest first."""
        return await self._store.waiting()


def standing_on(stored: StoredStanding, today: date) -> ReportStanding:
    """Folds what happened to a report, and what the clock did to it by a China day."""
    happened = (*stored.reasons, *_by_clock(stored, today))
    reasons = tuple(sorted(happened, key=lambda reason: reason.day))
    state = next((state for state in _PRECEDENCE if any(reason.state == state for reason in reasons)), _VALID)
    decisive = [reason for reason in reasons if reason.state == state and state != _VALID]
    return ReportStanding(
        state=state,
        since=parse_day(decisive[0].day) if decisive else None,
        revocation=decisive[0].revocation if decisive else report_status_pb2.REVOCATION_CATEGORY_UNSPECIFIED,
        wording_corrected=any(reason.state == _VALID for reason in reasons),
        reasons=reasons,
    )


def _by_clock(stored: StoredStanding, today: date) -> Iterable[report_status_pb2.StandingReason]:
    for province, fragment in _fragments_of(stored.envelope):
        end = disclosure_end(fragment, today)
        if end is not None:
            cause = change_pb2.CHANGE_CAUSE_DISCLOSURE_ENDED
            yield _reason(_SUPERSEDED, end.since, cause, province=province, cells=end.cells)


def _reason(
    state: report_status_pb2.ReportState.ValueType,
    day: date,
    cause: change_pb2.ChangeCause.ValueType,
    *,
    province: Province,
    cells: Iterable[CellKey],
) -> report_status_pb2.StandingReason:
    return report_status_pb2.StandingReason(
        state=state, day=day.isoformat(), province=province.wire, cells=map(wire_key, cells), cause=cause
    )


def _report_of(envelope: bytes) -> report_pb2.Report:
    """A report that this home sealed and kept: what is in its own store needs no verification again."""
    return report_pb2.Report.FromString(decode_envelope(envelope).payload)


def _fragments_of(envelope: bytes) -> Iterable[tuple[Province, fragment_pb2.Fragment]]:
    for answer in _report_of(envelope).answers:
        payload = decode_envelope(answer.fragment_envelope).payload
        yield Province(answer.province), fragment_pb2.Fragment.FromString(payload)


def _fragment_of(envelope: bytes, province: Province) -> fragment_pb2.Fragment | None:
    """What a province said in a report; the others' fragments are not read."""
    for answer in _report_of(envelope).answers:
        if answer.province == province.wire:
            return fragment_pb2.Fragment.FromString(decode_envelope(answer.fragment_envelope).payload)
    return None


def _day_text(day: date | None) -> str:
    return day.isoformat() if day else ""


def _not_accepted(problem_zh: str, problem_en: str) -> HurenError:
    return HurenError(ErrorCode.STATEMENT_NOT_ACCEPTED, problem_zh=problem_zh, problem_en=problem_en)
