"""A consent (授权书) as pages show it: its terms in words, and where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contract.catalogue import Catalogue, CatalogueSet
from contract.consent_words import GRANT_STATES
from contract.days import china_day, from_timestamp
from contract.errors import ErrorCode, HurenError
from contract.province import Province
from contract.reasons import Words
from gateway.portal.listing import State
from gateway.portal.rendering import words_of
from gateway.portal.visit import Visit
from gateway.portal.words import PURPOSES, RECORD_KINDS
from huren.authorisation.v1 import authorisation_pb2
from huren.authorisation.v1 import authorisation_service_pb2 as wire
from signing import decode_envelope

_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a province knows of a consent.

    Attributes:
        province: The province.
        given: When it received the consent. None: not yet, as far as the home knows.
        revoked: When it received that the consent was taken back. None: not yet, or there is nothing to receive.
    """

    province: Province
    given: datetime | None
    revoked: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownGrant:
    """A consent for people.

    Attributes:
        id: What it is called in addresses.
        terms: What was consented to.
        state: Where it stands.
        uses: How often it was used.
        given_at: When it was given.
        revoked_at: When it was taken back. None: it was not.
        receipts: What each province knows.
        text: What was signed.
        domains: Names of the domains, in the catalogue's order.
        is_every_domain: Whether these are all that the catalogue has.
        kinds: Kinds of record.
    """

    id: str
    terms: authorisation_pb2.GrantTerms
    state: wire.GrantState.ValueType
    uses: int
    given_at: datetime
    revoked_at: datetime | None
    receipts: tuple[Receipt, ...]
    text: str
    domains: tuple[Words, ...]
    is_every_domain: bool
    kinds: tuple[Words, ...]

    @property
    def is_in_force(self) -> bool:
        """Whether something may be asked under it now."""
        return self.state == wire.GRANT_STATE_IN_FORCE

    @property
    def can_be_revoked(self) -> bool:
        """Whether taking it back changes anything."""
        return self.state in {wire.GRANT_STATE_IN_FORCE, wire.GRANT_STATE_USED_UP}

    @property
    def left(self) -> int:
        """How often may still be asked."""
        return max(self.terms.max_uses - self.uses, 0) if self.is_in_force else 0

    @property
    def purpose(self) -> Words:
        """For what."""
        return words_of(PURPOSES, self.terms.purpose)

    @property
    def standing(self) -> State:
        """Where it stands, in words."""
        return State(words_of(GRANT_STATES, self.state), "plain" if self.is_in_force else "closed")

    @property
    def not_told(self) -> tuple[Province, ...]:
        """Provinces that have not confirmed what they have to know."""
        is_missing = [
            (one.revoked if self.revoked_at is not None else one.given) is None  # the last word counts
            for one in self.receipts
        ]
        return tuple(one.province for one, missing in zip(self.receipts, is_missing, strict=True) if missing)


def shown_grant(grant: wire.GivenGrant, catalogues: CatalogueSet, at: datetime) -> ShownGrant:
    """A consent for people."""
    terms = grant.terms
    catalogue = named_catalogue(terms, catalogues, at)
    domains = granted_domains(terms)
    return ShownGrant(
        id=grant.grant_statement_id.hex(),
        terms=terms,
        state=grant.state,
        uses=grant.uses,
        given_at=from_timestamp(grant.given_at),
        revoked_at=from_timestamp(grant.revoked_at) if grant.HasField("revoked_at") else None,
        receipts=tuple(map(_receipt, grant.origins)),
        text=_signed_text(grant),
        domains=tuple(Words(one.name, one.name_en) for one in catalogue.domains if one.id in domains),
        is_every_domain=domains == {one.id for one in catalogue.domains},
        kinds=tuple(words_of(RECORD_KINDS, kind) for kind in granted_kinds(terms)),
    )


def named_catalogue(terms: authorisation_pb2.GrantTerms, catalogues: CatalogueSet, at: datetime) -> Catalogue:
    """The catalogue by which the terms name their cells; where it is not served any more, the one in force."""
    today = china_day(at)
    return catalogues.served(terms.catalogue, today) or catalogues.in_force(today)


def granted_domains(terms: authorisation_pb2.GrantTerms) -> frozenset[str]:
    """Ids of the domains about which may be asked."""
    return frozenset(cell.domain for cell in terms.cells)


def granted_kinds(terms: authorisation_pb2.GrantTerms) -> tuple[int, ...]:
    """Numbers of the kinds about which may be asked, in order."""
    return tuple(sorted({int(cell.kind) for cell in terms.cells}))


def all_shown(grants: Iterable[wire.GivenGrant], catalogues: CatalogueSet, at: datetime) -> tuple[ShownGrant, ...]:
    """Consents for people."""
    return tuple(shown_grant(one, catalogues, at) for one in grants)


def grant_id_of(visit: Visit) -> bytes:
    """The consent that the address names.

    Raises:
        HurenError: GRANT_NOT_FOUND.
    """
    return read_grant_id(visit.path("grant"))


def read_grant_id(text: str) -> bytes:
    """A consent's id.

    Raises:
        HurenError: GRANT_NOT_FOUND: it is none.
    """
    if not _ID.fullmatch(text):
        raise HurenError(ErrorCode.GRANT_NOT_FOUND)
    return bytes.fromhex(text)


def _receipt(origin: wire.OriginKnowledge) -> Receipt:
    return Receipt(
        province=Province(origin.province),
        given=from_timestamp(origin.grant_received_at) if origin.HasField("grant_received_at") else None,
        revoked=from_timestamp(origin.revocation_received_at) if origin.HasField("revocation_received_at") else None,
    )


def _signed_text(grant: wire.GivenGrant) -> str:
    """The text that was signed. This home verified it when it was given, and signed it itself."""
    return authorisation_pb2.Grant.FromString(decode_envelope(grant.grant_envelope).payload).consent.text
