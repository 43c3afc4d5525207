"""Intake: from what a caller sent to a request that is checked, resolved and pinned.

The order matters: what anybody may know (the form of a code) comes first, then whether the caller may ask, and only then what the
registry knows, so that a stranger's question reveals nothing about a subject.

Where the registry and the transfers that were signed say different things about the home, the subject is served nowhere twice: this
home serves whom its registry says to be registered here, who was not let go since, and for whom the home before has signed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from contract.catalogue import Catalogue, CatalogueSet
from contract.days import china_day
from contract.eligibility import require_subject_code
from contract.errors import NOT_KNOWN, ErrorCode, HurenError
from contract.province import Province
from contract.reasons import Words
from contract.registry import Move, Registry, RegistryEntry, RegistryUnavailableError, code_identifiers
from contract.uscc import SubjectClass, Uscc, fold, home_hint, subject_class
from gateway.domain.grounds import Grants
from gateway.domain.request import Caller, Ground, ReportRequest
from gateway.federation.directory import Member
from gateway.federation.transfers import Transfers
from gateway.reports.chosen import chosen_cells, chosen_window
from gateway.reports.granted import granted_cells, granted_purpose, granted_window
from huren.authorisation.v1 import authorisation_pb2
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from huren.report.v1 import report_service_pb2 as wire

BY_REGISTRY: Final = Words("依据登记库", "by the registry")
_BY_DIGITS: Final = Words(
    "登记库中未查到，依据代码前六位推断", "not in the registry; guessed from the digits of the code"
)
_BY_TRANSFER: Final = Words("依据两地签署的移交", "by the transfer that both homes have signed")
"""By what the home is known."""

_REGISTRY_RETRY: Final = timedelta(seconds=5)


class Intake:
    """Checks requests for one home."""

    def __init__(
        self,
        *,
        province: Province,
        registry: Registry,
        catalogues: CatalogueSet,
        members: Mapping[Province, Member],
        transfers: Transfers,
        grants: Grants,
    ) -> None:
        self._province = province
        self._grants = grants
        self._transfers = transfers
        self._registry = registry
        self._catalogues = catalogues
        self._members = members

    async def accept(self, request: wire.RequestReportRequest, caller: Caller, at: datetime) -> ReportRequest:
        """Checks a request.

        Raises:
            HurenError: The first thing that is wrong, by its code of the table; as `still_entitled` last.
            StoreUnavailableError: The store cannot be read or written.
        """
        uscc = require_subject_code(request.uscc)
        today = china_day(at)
        ground, terms = await self._ground(request, uscc, caller, at)
        catalogue = self._catalogue(request.catalogue_version, today)
        if terms is None:
            cells, window = chosen_cells(request, catalogue), chosen_window(request, today)
            purpose = request.purpose or query_pb2.PURPOSE_NOT_STATED
        else:
            cells, window = granted_cells(request, terms, catalogue), granted_window(request, terms, today)
            purpose = granted_purpose(request, terms)
        if ground.basis == query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY:
            purpose = query_pb2.PURPOSE_OFFICIAL_DUTY
        subject = await self.still_entitled(uscc, at)
        return ReportRequest(
            idempotency_key=request.idempotency_key,
            digest=request_digest(request, caller),
            subject=subject,
            window=window.to_wire(),
            cells=cells,
            catalogue=catalogue,
            purpose=purpose,
            caller=caller,
            ground=ground,
            actor_ref=secrets.token_bytes(16),
        )

    async def _ground(
        self, request: wire.RequestReportRequest, uscc: Uscc, caller: Caller, at: datetime
    ) -> tuple[Ground, authorisation_pb2.GrantTerms | None]:
        """Why the caller may ask, and with a grant what it allows."""
        basis = request.basis or query_pb2.AUTHORISATION_BASIS_SELF
        if basis == query_pb2.AUTHORISATION_BASIS_GRANT:
            terms = await self._grants.terms(request.grant_statement_id, caller.uscc, at)
            if terms.subject.uscc != uscc:
                raise HurenError(ErrorCode.GRANT_NOT_FOUND, field="grant_statement_id")
            return Ground(basis=basis, grant_id=request.grant_statement_id), terms
        if request.grant_statement_id:
            raise HurenError(
                ErrorCode.MALFORMED_REQUEST,
                field="grant_statement_id",
                problem_zh="未凭授权书申请而填写了授权书编号",
                problem_en="a grant is named, and the basis is another",
            )
        if basis != query_pb2.AUTHORISATION_BASIS_SELF:
            raise HurenError(ErrorCode.BASIS_NOT_SERVED, field="basis")
        if caller.basis == query_pb2.AUTHORISATION_BASIS_OFFICIAL_DUTY:
            return Ground(basis=caller.basis, matter_number=caller.matter_number), None
        if caller.uscc != uscc:
            raise HurenError(ErrorCode.NOT_YOURSELF, field="uscc")
        return Ground(basis=caller.basis), None

    async def still_entitled(self, uscc: Uscc, at: datetime) -> common_pb2.Subject:
        """The subject as the registry knows it now, if this home serves it now. A move to this home takes effect here.

        Raises:
            HurenError: It does not: SUBJECT_CANCELLED, HOME_OUTSIDE, FOREIGN_HOME, SUBJECT_UNKNOWN. Or nobody can say now, and
                asking later may help (`Retry.LATER`): TRANSFER_PENDING, TRANSFER_REFUSED; STORE_UNAVAILABLE for the registry.
            StoreUnavailableError: The store cannot be read or written.
        """
        today = china_day(at)
        try:
            entry = await self._registry.lookup(uscc)
        except RegistryUnavailableError as error:
            raise HurenError(ErrorCode.STORE_UNAVAILABLE, retry_after=_REGISTRY_RETRY) from error
        given_away = await self._transfers.given_away(uscc)
        if entry is None:
            return self._unregistered(uscc, given_away)
        if entry.status == common_pb2.REGISTRATION_STATUS_CANCELLED:
            raise HurenError(ErrorCode.SUBJECT_CANCELLED, date=entry.cancelled_on or NOT_KNOWN)
        registration = entry.registration_on(today)
        if registration is None or registration.province is None:
            raise HurenError(ErrorCode.HOME_OUTSIDE)
        if registration.province is not self._province:
            raise self._foreign(registration.province, BY_REGISTRY)
        if given_away is not None and registration.since <= given_away.registered_on:
            raise self._foreign(given_away.new_home, _BY_TRANSFER)
        move = entry.last_move(today)
        if move is not None:
            await self._transfers.take_over(uscc, move)
        return _registered(entry)

    def _catalogue(self, version: str, today: date) -> Catalogue:
        catalogue = self._catalogues.in_force(today)
        if version and version != catalogue.version:
            raise HurenError(
                ErrorCode.CATALOGUE_UNKNOWN, field="catalogue_version", version=version, current=catalogue.version
            )
        return catalogue

    def _unregistered(self, uscc: Uscc, given_away: Move | None) -> common_pb2.Subject:
        hint = home_hint(uscc)
        if hint is None:
            raise HurenError(ErrorCode.SUBJECT_UNKNOWN)
        if hint is not self._province:
            raise self._foreign(hint, _BY_DIGITS)
        if given_away is not None:
            raise self._foreign(given_away.new_home, _BY_TRANSFER)
        return common_pb2.Subject(
            uscc=uscc,
            kind=_KIND_OF_CLASS[subject_class(uscc)],
            registration_status=common_pb2.REGISTRATION_STATUS_UNKNOWN,
            home_basis=common_pb2.HOME_BASIS_CODE_DIGITS,
            identifiers=code_identifiers(uscc),
        )

    def _foreign(self, home: Province, basis: Words) -> HurenError:
        member = self._members.get(home)
        return HurenError(
            ErrorCode.FOREIGN_HOME,
            province=home,
            contact=member.contact if member else None,
            province_zh=home.name_zh,
            province_en=home.name_en,
            basis_zh=basis.zh,
            basis_en=basis.en,
        )


def request_digest(request: wire.RequestReportRequest, caller: Caller) -> bytes:
    """What makes two requests the same: all that the caller chose, in one spelling, but the key itself; and an officer's matter."""
    chosen = wire.RequestReportRequest()
    chosen.CopyFrom(request)
    chosen.DiscardUnknownFields()
    chosen.ClearField("idempotency_key")
    chosen.basis = chosen.basis or query_pb2.AUTHORISATION_BASIS_SELF
    chosen.purpose = chosen.purpose or query_pb2.PURPOSE_NOT_STATED
    chosen.uscc = fold(request.uscc)
    chosen.domains.sort()
    chosen.kinds.sort()
    matter = caller.matter_number.encode()
    return hashlib.sha256(chosen.SerializeToString(deterministic=True) + (b"\0" + matter if matter else b"")).digest()


_KIND_OF_CLASS: Final = {
    SubjectClass.ENTERPRISE: common_pb2.SUBJECT_KIND_ENTERPRISE,
    SubjectClass.INDIVIDUAL_BUSINESS: common_pb2.SUBJECT_KIND_INDIVIDUAL_BUSINESS,
    SubjectClass.FARMERS_COOPERATIVE: common_pb2.SUBJECT_KIND_FARMERS_COOPERATIVE,
}


def _registered(entry: RegistryEntry) -> common_pb2.Subject:
    return common_pb2.Subject(
        uscc=entry.uscc,
        name=entry.name,
        kind=common_pb2.SubjectKind.ValueType(entry.kind),
        registration_status=common_pb2.RegistrationStatus.ValueType(entry.status),
        home_basis=common_pb2.HOME_BASIS_REGISTRY,
        identifiers=entry.identifiers(),
    )
