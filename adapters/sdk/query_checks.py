"""May this query be answered? A numbered list; the first rule that a query breaks names the refusal.

 Q-1   The envelope decodes strictly. Otherwise there is no statement to answer: INVALID_ARGUMENT.
 Q-2   It is a query, and its signature verifies by a key that is known, good and of an accepted suite (MALFORMED,
       SIGNATURE_NOT_ACCEPTED).
 Q-3   The signer is a member's gateway (SIGNER_NOT_ENTITLED).
 Q-4   The TLS peer is the signer's gateway (PEER_IS_NOT_SIGNER).
       -- from here on the query is its signer's, and its nonce counts --
 Q-5   The same nonce with the same bytes was answered before: the stored answer, whatever else would hold now.
 Q-6   The payload parses, keeps the declared constraints, holds no unknown value and demands nothing unknown (MALFORMED).
 Q-7   It is addressed to this province (NOT_ADDRESSEE).
 Q-8   It was signed at most 60 seconds before or after this clock (CLOCK_SKEW).
 Q-9   The deadline is not past (DEADLINE_PASSED).
 Q-10  The nonce was not used with other bytes (NONCE_REUSED).
 Q-11  The catalogue is the one in force on the day of signing, or the one before (CATALOGUE_NOT_SERVED).
 Q-12  The subject's code is right and of a kind that is served; its identifiers are its own (SUBJECT_NOT_ELIGIBLE).
 Q-13  The window exists, is not longer than five years and does not end after the day of signing (WINDOW_NOT_ACCEPTED).
 Q-14  Each cell is the catalogue's, and asked once (CELLS_NOT_ACCEPTED).
 Q-15  The identity level is SUBSTANTIAL or HIGH (IDENTITY_LEVEL_TOO_LOW).
 Q-16  What is asked may be asked on its ground, as far as it is known here (GRANT_NOT_KNOWN, GRANT_REVOKED, NOT_AUTHORISED).
 Q-17  This province's registry knows no other home on the day of signing (SIGNER_IS_NOT_HOME), and contradicts no former code or
       registration number (SUBJECT_NOT_ELIGIBLE).

Q-16 is looked at again in the transaction that keeps the answer (answering.py): a grant may be taken back meanwhile.

A province's own gateway gets no shortcut. The nonce is looked up once and counts twice: a stored answer is sent first (Q-5), reuse
is refused in its turn (Q-10).

Source: docs/protocols/query-processing.md, sections 1 to 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from adapters.sdk.coverage import CoverageDesk
from adapters.sdk.ledger import Ledger, StoredAnswer
from adapters.sdk.matching import Wanted, is_code
from contract.admission import cell_key
from contract.authorisation import objection
from contract.catalogue import Catalogue, CatalogueError, CatalogueSet
from contract.days import DayRange, china_day, from_timestamp, parse_day
from contract.errors import ErrorCode, HurenError
from contract.payloads import GRANT, QUERY, PayloadError, parse
from contract.province import Province
from contract.registry import Registry, RegistryEntry, RegistryUnavailableError
from contract.subject import require_sound_subject
from contract.uscc import Uscc
from huren.authorisation.v1 import authorisation_pb2
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import query_pb2, refusal_pb2
from runtime.identity import MemberPeer
from signing import (
    EnvelopeError,
    VerificationError,
    VerificationFailure,
    VerifiedPayload,
    Verifier,
    decode_envelope,
    statement_id,
)

CLOCK_TOLERANCE: Final = timedelta(seconds=60)
"""How far the clocks of two members may be apart (Q-8)."""

MAX_ENVELOPE_BYTES: Final = 1_048_576
"""Source: adapter_service.proto, AnswerRequest.query_envelope."""

SUFFICIENT_LEVELS: Final = frozenset({query_pb2.IDENTITY_LEVEL_SUBSTANTIAL, query_pb2.IDENTITY_LEVEL_HIGH})

_REASONS: Final = {
    VerificationFailure.PAYLOAD_TYPE_UNEXPECTED: refusal_pb2.REFUSAL_REASON_MALFORMED,
    VerificationFailure.HEADER_INVALID: refusal_pb2.REFUSAL_REASON_MALFORMED,
    VerificationFailure.PAYLOAD_TYPE_NOT_ENTITLED: refusal_pb2.REFUSAL_REASON_SIGNER_NOT_ENTITLED,
}
"""Every other failure is SIGNATURE_NOT_ACCEPTED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is known of a query, accepted or not.

    Attributes:
        envelope: The bytes.
        statement_id: The id of the statement in them.
        peer: Whose gateway sent it.
        nonce: Its nonce, once it is its signer's (Q-4). None: before, so that nobody uses up another's nonce.
        query: The payload, once it is parsed (Q-6).
    """

    envelope: bytes
    statement_id: bytes
    peer: Province
    nonce: bytes | None = None
    query: query_pb2.Query | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The query was answered before.

    Attributes:
        envelope: The stored answer.
    """

    envelope: bytes


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """The query breaks a rule.

    Attributes:
        asked: The query.
        reason: Number of the RefusalReason.
        detail: For the operator; holds nothing of the subject.
    """

    asked: Asked
    reason: refusal_pb2.RefusalReason.ValueType
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The query may be answered.

    Attributes:
        asked: The query's envelope.
        nonce: Its nonce.
        query: The payload.
        catalogue: The catalogue that it names.
        window: Its window.
        wanted: Its subject.
        deadline: Until when the answer is awaited.
        grant: The grant that it names. None: it names none.
    """

    asked: Asked
    nonce: bytes
    query: query_pb2.Query
    catalogue: Catalogue
    window: DayRange
    wanted: Wanted
    deadline: datetime
    grant: authorisation_pb2.Grant | None


class QueryChecks:
    """Applies the list for one adapter."""

    def __init__(
        self,
        *,
        province: Province,
        verifier: Verifier,
        ledger: Ledger,
        catalogues: CatalogueSet,
        coverage: CoverageDesk,
        registry: Registry,
    ) -> None:
        self._province = province
        self._verifier = verifier
        self._ledger = ledger
        self._catalogues = catalogues
        self._coverage = coverage
        self._registry = registry

    async def check(self, envelope: bytes, peer: MemberPeer, at: datetime) -> Accepted | Answered | NotAccepted:
        """Applies the list to the bytes of a query.

        Raises:
            HurenError: ENVELOPE_UNREADABLE (Q-1); STORE_UNAVAILABLE where the registry cannot be asked.
            StoreUnavailableError: The ledger cannot be read now.
        """
        asked = _asked(envelope, peer)
        try:
            verified = self._verified(envelope)
            _require_gateway(verified)
            _require_peer_is_signer(verified, peer)
            asked = Asked(
                envelope=envelope, statement_id=asked.statement_id, peer=peer.province, nonce=verified.header.nonce
            )
            stored = await self._ledger.stored_answer(peer.province, verified.header.nonce)
            if stored is not None and stored.query_envelope == envelope:
                return Answered(stored.answer_envelope)
            query = _parsed(verified)
            asked = Asked(
                envelope=envelope,
                statement_id=asked.statement_id,
                peer=peer.province,
                nonce=verified.header.nonce,
                query=query,
            )
            deadline = self._require_ours_and_timely(query, at)
            _require_fresh_nonce(stored)
            day = china_day(from_timestamp(query.header.issued_at))
            catalogue = self._served_catalogue(query, day)
            wanted = _eligible_subject(query.subject)
            window = _accepted_window(query.window, day)
            _require_cells(query, catalogue)
            _require_level(query)
            grant = await self._require_ground(query, peer.province)
            await self._require_registry_agrees(query.subject, peer.province, day)
        except _Broken as broken:
            return NotAccepted(asked, broken.reason, broken.detail)
        return Accepted(
            asked=asked,
            nonce=verified.header.nonce,
            query=query,
            catalogue=catalogue,
            window=window,
            wanted=wanted,
            deadline=deadline,
            grant=grant,
        )

    def _verified(self, envelope: bytes) -> VerifiedPayload:
        try:
            return self._verifier.verify(envelope, expect=frozenset({QUERY}))
        except VerificationError as error:
            reason = _REASONS.get(error.failure, refusal_pb2.REFUSAL_REASON_SIGNATURE_NOT_ACCEPTED)
            raise _Broken(reason, str(error)) from error

    def _require_ours_and_timely(self, query: query_pb2.Query, at: datetime) -> datetime:
        if query.addressee != self._province.wire:
            raise _Broken(refusal_pb2.REFUSAL_REASON_NOT_ADDRESSEE, f"addressed to {query.addressee}")
        try:
            issued_at, deadline = from_timestamp(query.header.issued_at), from_timestamp(query.deadline)
        except ValueError as error:
            raise _Broken(refusal_pb2.REFUSAL_REASON_MALFORMED, f"an instant that does not exist: {error}") from error
        if abs(at - issued_at) > CLOCK_TOLERANCE:
            raise _Broken(refusal_pb2.REFUSAL_REASON_CLOCK_SKEW, f"signed {at - issued_at} before this clock")
        if deadline <= at:
            raise _Broken(refusal_pb2.REFUSAL_REASON_DEADLINE_PASSED, f"passed {at - deadline} ago")
        return deadline

    def _served_catalogue(self, query: query_pb2.Query, day: date) -> Catalogue:
        try:
            catalogue = self._catalogues.served(query.catalogue, day)
        except CatalogueError as error:
            raise _Broken(refusal_pb2.REFUSAL_REASON_CATALOGUE_NOT_SERVED, str(error)) from error
        if catalogue is None or not self._coverage.serves(catalogue):
            raise _Broken(refusal_pb2.REFUSAL_REASON_CATALOGUE_NOT_SERVED, f"version {query.catalogue.version!r}")
        return catalogue

    async def _require_ground(self, query: query_pb2.Query, signer: Province) -> authorisation_pb2.Grant | None:
        """Q-16. A grant counts as its home's key counts now: it was verified when it arrived, and keys are found out later."""
        known = await self._ledger.known_of_grant(query, signer)
        grant = None if known.envelope is None else self._grant(known.envelope)
        objected = objection(query, grant, revoked=known.revoked, uses=known.uses, signer=signer)
        if objected is not None:
            raise _Broken(objected.reason, objected.detail)
        return grant

    def _grant(self, envelope: bytes) -> authorisation_pb2.Grant:
        try:
            return parse(self._verifier.verify(envelope, expect=frozenset({GRANT})), authorisation_pb2.Grant)
        except (VerificationError, PayloadError) as error:
            raise _Broken(refusal_pb2.REFUSAL_REASON_NOT_AUTHORISED, f"the grant: {error}") from error

    async def _require_registry_agrees(self, subject: common_pb2.Subject, signer: Province, day: date) -> None:
        """Q-17. What the registry does not know it does not contradict."""
        entry = await self._known(Uscc(subject.uscc))
        former = _values(subject, common_pb2.IDENTIFIER_KIND_FORMER_USCC)
        for code in former:
            if await self._known(Uscc(code)) is not None:
                raise _not_eligible("a former code is another subject's code")
        if entry is None or all(registration.since > day for registration in entry.registrations):
            return
        if entry.home_on(day) != signer:
            raise _Broken(refusal_pb2.REFUSAL_REASON_SIGNER_IS_NOT_HOME, "the registry knows another home")
        numbers = _values(subject, common_pb2.IDENTIFIER_KIND_REGISTRATION_NUMBER)
        if not former <= {one.uscc for one in entry.former_codes} or not numbers <= {entry.registration_number}:
            raise _not_eligible("the registry does not know a former code or a registration number as the subject's")

    async def _known(self, uscc: Uscc) -> RegistryEntry | None:
        try:
            return await self._registry.lookup(uscc)
        except RegistryUnavailableError as error:
            raise HurenError(ErrorCode.STORE_UNAVAILABLE, retry_after=timedelta(seconds=1)) from error


class _Broken(Exception):  # noqa: N818  # never leaves this module
    def __init__(self, reason: refusal_pb2.RefusalReason.ValueType, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def _asked(envelope: bytes, peer: MemberPeer) -> Asked:
    try:
        decoded = decode_envelope(envelope, max_bytes=MAX_ENVELOPE_BYTES)
    except EnvelopeError as error:
        raise HurenError(ErrorCode.ENVELOPE_UNREADABLE, field="query_envelope", problem=error.fault) from error
    return Asked(
        envelope=envelope, statement_id=statement_id(decoded.payload_type, decoded.payload), peer=peer.province
    )


def _require_gateway(verified: VerifiedPayload) -> None:
    if verified.signer.role != envelope_pb2.MEMBER_ROLE_GATEWAY:
        raise _Broken(refusal_pb2.REFUSAL_REASON_SIGNER_NOT_ENTITLED, f"the signer's role is {verified.signer.role}")


def _require_peer_is_signer(verified: VerifiedPayload, peer: MemberPeer) -> None:
    if (verified.signer.member, verified.signer.role) != (peer.province, peer.role):
        detail = f"signed by {verified.signer.member}, sent by {peer.province:d}"
        raise _Broken(refusal_pb2.REFUSAL_REASON_PEER_IS_NOT_SIGNER, detail)


def _parsed(verified: VerifiedPayload) -> query_pb2.Query:
    try:
        return parse(verified, query_pb2.Query)
    except PayloadError as error:
        raise _Broken(refusal_pb2.REFUSAL_REASON_MALFORMED, str(error)) from error


def _require_fresh_nonce(stored: StoredAnswer | None) -> None:
    if stored is not None:
        raise _Broken(refusal_pb2.REFUSAL_REASON_NONCE_REUSED, "the nonce was used with other bytes")


def _eligible_subject(subject: common_pb2.Subject) -> Wanted:
    try:
        require_sound_subject(subject)
    except ValueError as error:
        raise _not_eligible(str(error)) from error
    if not all(is_code(code) for code in _values(subject, common_pb2.IDENTIFIER_KIND_FORMER_USCC)):
        raise _not_eligible("a former code is none")
    try:
        for identifier in subject.identifiers:
            for day in (identifier.valid_from, identifier.valid_to):
                if day:
                    parse_day(day)
        return Wanted.of(subject)
    except ValueError as error:
        raise _Broken(refusal_pb2.REFUSAL_REASON_MALFORMED, f"identifiers: {error}") from error


def _values(subject: common_pb2.Subject, kind: common_pb2.IdentifierKind.ValueType) -> set[str]:
    return {identifier.value for identifier in subject.identifiers if identifier.kind == kind}


def _not_eligible(detail: str) -> _Broken:
    return _Broken(refusal_pb2.REFUSAL_REASON_SUBJECT_NOT_ELIGIBLE, detail)


def _accepted_window(window: common_pb2.Window, day: date) -> DayRange:
    try:
        accepted = DayRange.from_wire(window)
    except ValueError as error:
        raise _Broken(refusal_pb2.REFUSAL_REASON_WINDOW_NOT_ACCEPTED, str(error)) from error
    if not accepted.within_limit:
        raise _Broken(refusal_pb2.REFUSAL_REASON_WINDOW_NOT_ACCEPTED, "longer than a report may cover")
    if accepted.last > day:
        raise _Broken(refusal_pb2.REFUSAL_REASON_WINDOW_NOT_ACCEPTED, "ends after the day of signing")
    return accepted


def _require_cells(query: query_pb2.Query, catalogue: Catalogue) -> None:
    keys = [cell_key(key) for key in query.cells]
    if len(set(keys)) != len(keys):
        raise _Broken(refusal_pb2.REFUSAL_REASON_CELLS_NOT_ACCEPTED, "a cell is asked twice")
    unknown = set(keys) - set(catalogue.cells)
    if unknown:
        raise _Broken(refusal_pb2.REFUSAL_REASON_CELLS_NOT_ACCEPTED, f"not in the catalogue: {min(unknown)}")


def _require_level(query: query_pb2.Query) -> None:
    if query.identity_level not in SUFFICIENT_LEVELS:
        raise _Broken(refusal_pb2.REFUSAL_REASON_IDENTITY_LEVEL_TOO_LOW, f"level {query.identity_level}")
