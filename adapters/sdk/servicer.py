"""The edge: who may call what, and one call into the adapter for each method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.sdk.answering import Answering
from adapters.sdk.coverage import CoverageDesk, StatedCoverage
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.platform import Platform
from contract.catalogue import Catalogue, CatalogueSet, CellKey
from contract.days import china_day, to_timestamp
from contract.errors import ErrorCode, HurenError
from contract.province import Province
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import adapter_service_pb2, adapter_service_pb2_grpc
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.clock import Clock
from runtime.grpc_interceptor import Context
from runtime.identity import MemberPeer, OperatorPeer, PeerIdentity, peer_identity
from signing import KeyEntry

CONTRACTS: Final = ("huren.fragment.v1", "huren.status.v1")


class AdapterServicer(adapter_service_pb2_grpc.AdapterServiceServicer):
    """Answers members' gateways; gives coverage statements to every member and operator."""

    def __init__(self, *, answering: Answering, coverage: CoverageDesk, catalogues: CatalogueSet, clock: Clock) -> None:
        self._answering = answering
        self._coverage = coverage
        self._catalogues = catalogues
        self._clock = clock

    async def Answer(  # noqa: N802  # the method's name in the contract
        self, request: adapter_service_pb2.AnswerRequest, context: Context
    ) -> adapter_service_pb2.AnswerResponse:
        """Answers one query with one signed statement."""
        peer = _peer(context)
        if not isinstance(peer, MemberPeer) or peer.role != envelope_pb2.MEMBER_ROLE_GATEWAY:
            raise HurenError(
                ErrorCode.NOT_PERMITTED,
                need_zh="请使用成员单位网关的证书。",
                need_en="Use the certificate of a member's gateway.",
            )
        answer = await self._answering.answer(request.query_envelope, peer)
        return adapter_service_pb2.AnswerResponse(answer_envelope=answer)

    async def GetCoverage(  # noqa: N802  # the method's name in the contract
        self, request: adapter_service_pb2.GetCoverageRequest, context: Context
    ) -> adapter_service_pb2.GetCoverageResponse:
        """Gives the coverage statement in force, or an earlier one by its id."""
        _require_member_or_operator(context)
        if request.statement_id:
            envelope = await self._coverage.by_id(request.statement_id)
        else:
            catalogue = self._catalogues.in_force(china_day(self._clock()))
            envelope = (await coverage_in_force(self._coverage, catalogue)).envelope
        if envelope is None:
            raise HurenError(ErrorCode.COVERAGE_NOT_FOUND, field="statement_id")
        return adapter_service_pb2.GetCoverageResponse(coverage_envelope=envelope)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterFacts:
    """What an adapter says about itself that does not change while it runs.

    Attributes:
        province: Its province.
        software_version: Version of the software.
        key: The trust store's entry of its signing key.
        certificate_not_after: When its TLS certificate ends.
    """

    province: Province
    software_version: str
    key: KeyEntry
    certificate_not_after: datetime


class StatusServicer(status_service_pb2_grpc.StatusServiceServicer):
    """Tells members and operators how the adapter is."""

    def __init__(
        self, *, facts: AdapterFacts, coverage: CoverageDesk, platform: Platform, catalogues: CatalogueSet, clock: Clock
    ) -> None:
        self._facts = facts
        self._coverage = coverage
        self._platform = platform
        self._catalogues = catalogues
        self._clock = clock

    async def GetMemberStatus(  # noqa: N802  # the method's name in the contract
        self, request: status_service_pb2.GetMemberStatusRequest, context: Context
    ) -> status_service_pb2.GetMemberStatusResponse:
        """Gives the condition at this moment."""
        del request
        _require_member_or_operator(context)
        watermarks = await self._platform.watermarks()
        now = self._clock()
        catalogue = self._catalogues.in_force(china_day(now))
        coverage = await coverage_in_force(self._coverage, catalogue)
        key = self._facts.key
        return status_service_pb2.GetMemberStatusResponse(
            province=self._facts.province.wire,
            role=envelope_pb2.MEMBER_ROLE_ADAPTER,
            contracts=CONTRACTS,
            software_version=self._facts.software_version,
            catalogue=catalogue.ref,
            signing_key=status_service_pb2.SigningKey(
                keyid=key.keyid,
                suite=envelope_pb2.Suite.ValueType(key.suite),
                not_after=to_timestamp(key.not_after),
            ),
            certificate_not_after=to_timestamp(self._facts.certificate_not_after),
            clock=to_timestamp(now),
            sources=_freshness(coverage, catalogue, watermarks, now),
            coverage_statement_id=coverage.statement_id,
        )


async def coverage_in_force(desk: CoverageDesk, catalogue: Catalogue) -> StatedCoverage:
    """The coverage statement for a catalogue, stated now if it never was.

    Raises:
        HurenError: INTERNAL where the profile does not fit the catalogue.
        StoreUnavailableError: The database cannot do it now.
    """
    if not desk.serves(catalogue):
        raise HurenError(ErrorCode.INTERNAL)
    try:
        return await desk.in_force(catalogue)
    except LedgerConflictError:
        # Another process stated the same meanwhile; it is found now.
        return await desk.in_force(catalogue)


def _freshness(
    coverage: StatedCoverage, catalogue: Catalogue, watermarks: Mapping[CellKey, datetime], now: datetime
) -> list[status_service_pb2.SourceFreshness]:
    sources: list[status_service_pb2.SourceFreshness] = []
    for entry in coverage.payload.cells:
        if not entry.covered:
            continue
        key = (entry.key.domain, int(entry.key.kind))
        source = status_service_pb2.SourceFreshness(
            key=common_pb2.CellKey(domain=entry.key.domain, kind=entry.key.kind)
        )
        watermark = watermarks.get(key)
        if watermark is not None:
            source.data_as_of.CopyFrom(to_timestamp(watermark))
            source.stale = now - watermark >= catalogue.freshness_limit(key)
        sources.append(source)
    return sources


def _require_member_or_operator(context: Context) -> None:
    if not isinstance(_peer(context), MemberPeer | OperatorPeer):
        raise HurenError(
            ErrorCode.NOT_PERMITTED,
            need_zh="请使用成员单位或其运维人员的证书。",
            need_en="Use the certificate of a member or of its operators.",
        )


def _peer(context: Context) -> PeerIdentity:
    peer = peer_identity(context.auth_context())
    if peer is None:
        raise HurenError(ErrorCode.IDENTITY_MISSING)
    return peer
