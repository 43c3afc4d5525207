"""What both programs of a member say about their condition. An adapter adds its sources, a gateway its peers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contract.catalogue import CatalogueSet
from contract.days import china_day, to_timestamp
from contract.province import Province
from huren.envelope.v1 import envelope_pb2
from huren.status.v1 import status_service_pb2
from signing import KeyEntry

CONTRACTS: Final[Mapping[envelope_pb2.MemberRole.ValueType, tuple[str, ...]]] = {
    envelope_pb2.MEMBER_ROLE_ADAPTER: ("huren.fragment.v1", "huren.status.v1"),
    envelope_pb2.MEMBER_ROLE_GATEWAY: ("huren.fragment.v1", "huren.report.v1", "huren.status.v1"),
}
"""The contract packages that each program speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts:
    """What a program of a member says about itself that does not change while it runs.

    Attributes:
        province: The member.
        role: The program's function.
        software_version: Version of the software.
        catalogues: The catalogues it knows.
        key: The trust store's entry of its signing key.
        certificate_not_after: When its TLS certificate ends.
    """

    province: Province
    role: envelope_pb2.MemberRole.ValueType
    software_version: str
    catalogues: CatalogueSet
    key: KeyEntry
    certificate_not_after: datetime


def member_status(facts: MemberFacts, at: datetime) -> status_service_pb2.GetMemberStatusResponse:
    """The condition at an instant, as far as it is the same for both programs."""
    return status_service_pb2.GetMemberStatusResponse(
        province=facts.province.wire,
        role=facts.role,
        contracts=CONTRACTS[facts.role],
        software_version=facts.software_version,
        catalogue=facts.catalogues.in_force(china_day(at)).ref,
        signing_key=status_service_pb2.SigningKey(
            keyid=facts.key.keyid,
            suite=envelope_pb2.Suite.ValueType(facts.key.suite),
            not_after=to_timestamp(facts.key.not_after),
        ),
        certificate_not_after=to_timestamp(facts.certificate_not_after),
        clock=to_timestamp(at),
    )
