"""Grants (授权书): drafted, given, taken back, listed. Whether one may be used is `in_force`.

What a consent must hold is contract/authorisation.py (G-1 to G-12). What only the home can say is added here:

- The subject is the caller, and this home serves it now. Its name is the registered one; so is the grantee's, where the registry
  knows it.
- The certificate of the consent comes from an authority that certifies enterprises (`consent`).
- The grant, its line in the audit and its entry of the feed are one transaction, and so are those of a revocation.
- Nobody learns of a grant that it neither gave nor was given: whatever else is asked for is not there.

Source: docs/protocols/authorisation.md
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Protocol

import structlog
from cryptography import x509
from sqlalchemy.ext.asyncio import AsyncConnection

from contract.authorisation import (
    PURPOSES_OF_GRANTS,
    ConsentError,
    TermsError,
    check_consent,
    check_terms,
    grant_text,
)
from contract.catalogue import CatalogueSet
from contract.days import MAX_WINDOW_YEARS, china_day, from_timestamp, parse_day, to_timestamp, years_after
from contract.eligibility import require_unit_code
from contract.errors import ErrorCode, HurenError
from contract.payloads import GRANT as GRANT_PAYLOAD
from contract.payloads import GRANT_REVOCATION
from contract.province import Province
from contract.reasons import Words
from contract.registry import Registry, RegistryUnavailableError
from contract.uscc import Uscc
from gateway.authorisations.consent import EnterpriseAuthorities
from gateway.authorisations.in_force import AuthorisationFeed, has_expired, terms_of
from gateway.domain.request import Caller
from gateway.reports.chosen import chosen_cells
from gateway.store.grants import (
    GRANT,
    NewGrant,
    StoredGrant,
    find_grant,
    grant_of_document,
    grants_given_by,
    grants_given_to,
    keep_grant,
    keep_revocation,
)
from gateway.store.rows import AuditRow, alone_with_subject, audit
from huren.authorisation.v1 import authorisation_pb2
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2
from runtime.clock import Clock
from runtime.database import Database
from runtime.errors import StoreUnavailableError
from signing import RandomSource, Signer

_log: Final = structlog.get_logger(__name__)

_TELLING_S: Final = 2.0
"""For so long the answer to a revocation waits for the origins to know it. It counts here already."""

_REGISTRY_RETRY: Final = timedelta(seconds=5)
_DOCUMENT_NUMBER_BYTES: Final = 16
"""128 bits (GrantTerms.document_number)."""

_OTHER_SUBJECT: Final = Words("授权企业须为办理授权的企业本身", "the subject is not the caller")
_OTHER_NAME: Final = Words("授权企业名称与登记名称不一致", "the subject's name is not its registered one")
_OTHER_GRANTEE: Final = Words("被授权单位名称与登记名称不一致", "the grantee's name is not its registered one")
_NO_PURPOSE: Final = Words("未写明用途，或者用途不能授权", "the purpose is not said, or not one to be granted")
_NO_DAY: Final = Words("有效期应为YYYY-MM-DD格式的日期", "the last day is not written as YYYY-MM-DD")
_NUMBER_TAKEN: Final = Words("授权书编号已用于另一份授权书", "another grant bears the document number")
_OTHER_AUTHORITY: Final = Words(
    "证书不是由认可的企业证书机构签发，或者已过有效期", "no authority for enterprises stands behind the certificate now"
)

_DRAFT_FIELDS: Final[Mapping[str, str]] = {
    "grantee.uscc": "grantee_uscc",
    "grantee.name": "grantee_name",
    "cells": "domains",
}
"""Fields of DraftGrantRequest, by those of the terms that they become."""

GivenGrants = tuple[wire.GivenGrant, ...]


class HomeOfSubjects(Protocol):
    """Knows whom this home serves; `gateway.reports.intake.Intake`."""

    async def still_entitled(self, uscc: Uscc, at: datetime) -> common_pb2.Subject:
        """The subject as the registry knows it now, if this home serves it now.

        Raises:
            HurenError: It does not, or nobody can say now.
            StoreUnavailableError: The store cannot be read or written.
        """


class GrantService:
    """Grants of one home.

    Args:
        database: Where they are kept.
        registry: What units are called.
        home: Whom this home serves.
        catalogues: What may be asked for.
        authorities: Who certifies enterprises.
        signer: Signs in the name of this gateway.
        feed: Tells the origins.
        clock: What time it is.
        random: Makes document numbers.
    """

    def __init__(  # noqa: PLR0913  # the composition root names each part once
        self,
        *,
        database: Database,
        registry: Registry,
        home: HomeOfSubjects,
        catalogues: CatalogueSet,
        authorities: Sequence[x509.Certificate],
        signer: Signer,
        feed: AuthorisationFeed,
        clock: Clock,
        random: RandomSource = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._registry = registry
        self._home = home
        self._catalogues = catalogues
        self._authorities = EnterpriseAuthorities(authorities)
        self._signer = signer
        self._feed = feed
        self._clock = clock
        self._random = random

    # --- Drafting -----------------------------------------------------------------------------------------------------------

    async def draft(self, request: wire.DraftGrantRequest, caller: Caller, at: datetime) -> wire.DraftGrantResponse:
        """Writes the text of a 授权书. Nothing is kept.

        Raises:
            HurenError: NOT_PERMITTED, USCC_MALFORMED, SUBJECT_NOT_ELIGIBLE, GRANT_TERMS_UNACCEPTABLE, DOMAIN_UNKNOWN,
                NOTHING_APPLICABLE; as `Intake.still_entitled`.
            StoreUnavailableError: The store cannot be read or written.
        """
        uscc = _subject_of(caller)
        today = china_day(at)
        catalogue = self._catalogues.in_force(today)
        if request.purpose not in PURPOSES_OF_GRANTS:
            raise _unacceptable(_NO_PURPOSE, "purpose")
        chosen = report_service_pb2.RequestReportRequest(domains=request.domains, kinds=request.kinds)
        terms = authorisation_pb2.GrantTerms(
            subject=authorisation_pb2.Party(uscc=uscc, name=await self._registered_name(uscc, at)),
            grantee=authorisation_pb2.Party(
                uscc=require_unit_code(request.grantee_uscc, field="grantee_uscc"), name=request.grantee_name
            ),
            purpose=request.purpose,
            cells=chosen_cells(chosen, catalogue),
            window=request.window if request.HasField("window") else _usual_window(request.expires_on, today),
            max_uses=request.max_uses,
            written_on=today.isoformat(),
            expires_on=request.expires_on,
            catalogue=catalogue.ref,
            document_number=self._random(_DOCUMENT_NUMBER_BYTES).hex(),
        )
        await self._require_grantee_name(terms, "grantee_name")
        try:
            check_terms(terms, catalogue, today)
        except TermsError as error:
            raise _unacceptable(error.rule, _DRAFT_FIELDS.get(error.field, error.field.partition(":")[0])) from error
        return wire.DraftGrantResponse(text=grant_text(terms, catalogue), terms=terms)

    # --- Giving -------------------------------------------------------------------------------------------------------------

    async def give(self, request: wire.GiveGrantRequest, caller: Caller) -> wire.GivenGrant:
        """Gives a grant: takes the text as the subject signed it, and tells the origins. The same terms again give the same grant.

        Raises:
            HurenError: NOT_PERMITTED, GRANT_TERMS_UNACCEPTABLE, CONSENT_NOT_ACCEPTED; as `Intake.still_entitled`.
            StoreUnavailableError: The store cannot be read or written; nothing was given.
        """
        uscc, at = _subject_of(caller), self._clock()
        terms = authorisation_pb2.GrantTerms()
        terms.CopyFrom(request.terms)
        # What this release does not know stands in no text that the subject could have read.
        terms.DiscardUnknownFields()
        try:
            if terms.subject.uscc != uscc:
                raise _unacceptable(_OTHER_SUBJECT, "terms.subject")
            async with self._database.read() as connection:
                given = await _given_before(connection, terms)
            if given is None:
                grant = await self._accept(terms, request, at)
                given = await self._keep(grant, caller)
        except HurenError as error:
            await self._record_refusal(error.code, caller, at)
            raise
        await self._feed.push_all(_TELLING_S)
        return await self._told(given)

    async def _accept(
        self, terms: authorisation_pb2.GrantTerms, request: wire.GiveGrantRequest, at: datetime
    ) -> authorisation_pb2.Grant:
        """The grant, with everything checked that can be wrong in it."""
        today = china_day(at)
        catalogue = self._catalogues.in_force(today)
        try:
            check_terms(terms, catalogue, today)
        except TermsError as error:
            raise _unacceptable(error.rule, f"terms.{error.field.partition(':')[0]}") from error
        if await self._registered_name(Uscc(terms.subject.uscc), at) != terms.subject.name:
            raise _unacceptable(_OTHER_NAME, "terms.subject.name")
        await self._require_grantee_name(terms, "terms.grantee.name")
        consent = authorisation_pb2.Consent(
            text=grant_text(terms, catalogue), certificate=request.certificate, signature=request.signature
        )
        try:
            check_consent(terms, consent, catalogue, at)
        except ConsentError as error:
            raise _not_accepted(error.rule, error.field.removeprefix("consent.")) from error
        if not self._authorities.certified(consent.certificate, at):
            raise _not_accepted(_OTHER_AUTHORITY, "certificate")
        return authorisation_pb2.Grant(header=self._signer.new_header(at), terms=terms, consent=consent)

    async def _keep(self, grant: authorisation_pb2.Grant, caller: Caller) -> StoredGrant:
        terms, at = grant.terms, from_timestamp(grant.header.issued_at)
        statement = self._signer.sign(GRANT_PAYLOAD, grant)
        new = NewGrant(
            statement_id=statement.statement_id,
            document_number=terms.document_number,
            uscc=terms.subject.uscc,
            grantee=terms.grantee.uscc,
            max_uses=terms.max_uses,
            expires_on=parse_day(terms.expires_on),
            envelope=statement.envelope,
            given_by=caller.actor or caller.reference,
            given_at=at,
        )
        async with self._database.write() as connection:
            await alone_with_subject(connection, new.uscc)
            earlier = await _given_before(connection, terms)  # a rival may have been quicker
            if earlier is not None:
                return earlier
            if not await keep_grant(connection, new):
                raise _unacceptable(_NUMBER_TAKEN, "terms.document_number")
            await audit(connection, (_line("given", new.uscc, caller, at, statement_id=new.statement_id),))
            await self._feed.append(connection, statement.envelope, at)
            return await _stored(connection, new.statement_id)

    # --- Taking back --------------------------------------------------------------------------------------------------------

    async def revoke(self, grant_id: bytes, caller: Caller) -> wire.GivenGrant:
        """Takes a grant of the caller's back, and tells the origins. One that was taken back stays as it is.

        Raises:
            HurenError: NOT_PERMITTED, GRANT_NOT_FOUND.
            StoreUnavailableError: The store cannot be read or written; nothing was taken back.
        """
        uscc = _subject_of(caller)
        async with self._database.write() as connection:
            await alone_with_subject(connection, uscc)
            grant = await find_grant(connection, grant_id)
            if grant is None or grant.uscc != uscc:
                raise HurenError(ErrorCode.GRANT_NOT_FOUND, field="grant_statement_id")
            if grant.revoked_at is None:
                # The clock is read here: whatever was decided under the grant before was decided before this instant.
                await self._revoke(connection, grant, caller, self._clock())
                grant = await _stored(connection, grant_id)
        await self._feed.push_all(_TELLING_S)
        return await self._told(grant)

    async def _revoke(self, connection: AsyncConnection, grant: StoredGrant, caller: Caller, at: datetime) -> None:
        revocation = authorisation_pb2.GrantRevocation(
            header=self._signer.new_header(at), grant_statement_id=grant.statement_id
        )
        statement = self._signer.sign(GRANT_REVOCATION, revocation)
        await keep_revocation(
            connection,
            grant.statement_id,
            statement_id=statement.statement_id,
            envelope=statement.envelope,
            revoked_by=caller.actor or caller.reference,
            at=at,
        )
        await audit(connection, (_line("revoked", grant.uscc, caller, at, statement_id=grant.statement_id),))
        await self._feed.append(connection, statement.envelope, at)

    # --- Telling ------------------------------------------------------------------------------------------------------------

    async def list(self, side: wire.GrantSide.ValueType, caller: Caller) -> GivenGrants:
        """The newest grants that the caller gave, or those that it was given, newest first.

        Raises:
            HurenError: NOT_PERMITTED.
            StoreUnavailableError: The store cannot be read.
        """
        uscc = _subject_of(caller)
        async with self._database.read() as connection:
            found = await (grants_given_by if side == wire.GRANT_SIDE_GIVEN else grants_given_to)(connection, uscc)
        return await self._all_told(found)

    async def find(self, grant_id: bytes, caller: Caller) -> wire.GivenGrant:
        """One grant, for who gave it and for whom it was given to.

        Raises:
            HurenError: NOT_PERMITTED; GRANT_NOT_FOUND for every id that is no grant of the caller's.
            StoreUnavailableError: The store cannot be read.
        """
        uscc = _subject_of(caller)
        async with self._database.read() as connection:
            grant = await find_grant(connection, grant_id)
        if grant is None or uscc not in {grant.uscc, grant.grantee}:
            raise HurenError(ErrorCode.GRANT_NOT_FOUND)
        return await self._told(grant)

    async def _told(self, grant: StoredGrant) -> wire.GivenGrant:
        (told,) = await self._all_told((grant,))
        return told

    async def _all_told(self, grants: Sequence[StoredGrant]) -> GivenGrants:
        statements = [one for grant in grants for one in (grant.statement_id, grant.revocation_id) if one]
        receipts = await self._feed.receipts(statements)
        at = self._clock()
        return tuple(_to_wire(grant, receipts, at) for grant in grants)

    # --- Leaves -------------------------------------------------------------------------------------------------------------

    async def _registered_name(self, uscc: Uscc, at: datetime) -> str:
        subject = await self._home.still_entitled(uscc, at)
        if not subject.name:  # known by the digits of its code alone: a consent needs a name
            raise HurenError(ErrorCode.SUBJECT_UNKNOWN)
        return subject.name

    async def _require_grantee_name(self, terms: authorisation_pb2.GrantTerms, field: str) -> None:
        """Refuses another name than the registered one, without saying that one."""
        try:
            entry = await self._registry.lookup(Uscc(terms.grantee.uscc))
        except RegistryUnavailableError as error:
            raise HurenError(ErrorCode.STORE_UNAVAILABLE, retry_after=_REGISTRY_RETRY) from error
        if entry is not None and entry.name != terms.grantee.name:
            raise _unacceptable(_OTHER_GRANTEE, field)

    async def _record_refusal(self, code: ErrorCode, caller: Caller, at: datetime) -> None:
        try:
            async with self._database.write() as connection:
                await audit(connection, (_line(code, caller.uscc, caller, at),))
        except StoreUnavailableError:
            _log.warning("audit row of a refused grant was lost", code=code)


def state_of(grant: StoredGrant, at: datetime) -> wire.GrantState.ValueType:
    """Where a grant stands; what ended it for good comes first."""
    if grant.revoked_at is not None:
        return wire.GRANT_STATE_REVOKED
    if has_expired(grant, at):
        return wire.GRANT_STATE_EXPIRED
    if grant.uses >= grant.max_uses:
        return wire.GRANT_STATE_USED_UP
    return wire.GRANT_STATE_IN_FORCE


def _to_wire(
    grant: StoredGrant, receipts: Mapping[bytes, Mapping[Province, datetime]], at: datetime
) -> wire.GivenGrant:
    told = wire.GivenGrant(
        grant_statement_id=grant.statement_id,
        grant_envelope=grant.envelope,
        terms=terms_of(grant),
        state=state_of(grant, at),
        given_at=to_timestamp(grant.given_at),
        uses=grant.uses,
        origins=_origins(receipts.get(grant.statement_id, {}), receipts.get(grant.revocation_id, {})),
    )
    if grant.revoked_at is not None:
        told.revoked_at.CopyFrom(to_timestamp(grant.revoked_at))
    return told


def _origins(
    given: Mapping[Province, datetime], revoked: Mapping[Province, datetime]
) -> Iterable[wire.OriginKnowledge]:
    for province in Province:
        knowledge = wire.OriginKnowledge(province=province.wire)
        if province in given:
            knowledge.grant_received_at.CopyFrom(to_timestamp(given[province]))
        if province in revoked:
            knowledge.revocation_received_at.CopyFrom(to_timestamp(revoked[province]))
        yield knowledge


def _subject_of(caller: Caller) -> Uscc:
    """The enterprise for which the caller acts. An officer acts for none: what is on duty is no consent."""
    if caller.basis not in {query_pb2.AUTHORISATION_BASIS_SELF, query_pb2.AUTHORISATION_BASIS_AGENT}:
        raise HurenError(
            ErrorCode.NOT_PERMITTED,
            need_zh="请以企业身份办理。",
            need_en="Act for an enterprise.",
        )
    return caller.uscc


def _usual_window(expires_on: str, today: date) -> common_pb2.Window:
    """The five years up to today, and on to the last day."""
    try:
        last = parse_day(expires_on)
    except ValueError as error:
        raise _unacceptable(_NO_DAY, "expires_on") from error
    return common_pb2.Window(first_day=years_after(today, -MAX_WINDOW_YEARS).isoformat(), last_day=last.isoformat())


async def _given_before(connection: AsyncConnection, terms: authorisation_pb2.GrantTerms) -> StoredGrant | None:
    """The grant that has these terms already. A document number is used once, by whomever."""
    earlier = await grant_of_document(connection, terms.document_number)
    if earlier is not None and terms_of(earlier) != terms:
        raise _unacceptable(_NUMBER_TAKEN, "terms.document_number")
    return earlier


async def _stored(connection: AsyncConnection, grant_id: bytes) -> StoredGrant:
    grant = await find_grant(connection, grant_id)
    if grant is None:
        raise RuntimeError("a grant that was kept is not there")
    return grant


def _line(result: str, uscc: str, caller: Caller, at: datetime, *, statement_id: bytes = b"") -> AuditRow:
    return AuditRow(at=at, action=GRANT, result=result, caller=caller.reference, uscc=uscc, statement_id=statement_id)


def _unacceptable(rule: Words, field: str) -> HurenError:
    return HurenError(ErrorCode.GRANT_TERMS_UNACCEPTABLE, field=field, problem_zh=rule.zh, problem_en=rule.en)


def _not_accepted(rule: Words, field: str) -> HurenError:
    return HurenError(ErrorCode.CONSENT_NOT_ACCEPTED, field=field, problem_zh=rule.zh, problem_en=rule.en)
