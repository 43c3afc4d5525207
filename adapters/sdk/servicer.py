"""The edge: who may call what, and one call into the adapter for each method."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from adapters.sdk.answering import Answering
from adapters.sdk.coverage import CoverageDesk, StatedCoverage
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.ledger import Ledger
from adapters.sdk.platform import Platform
from contract.catalogue import Catalogue, CatalogueSet, CellKey
from contract.days import china_day, to_timestamp
from contract.errors import ErrorCode, HurenError
from huren.common.v1 import common_pb2
from huren.fragment.v1 import adapter_service_pb2, adapter_service_pb2_grpc
from huren.status.v1 import status_service_pb2, status_service_pb2_grpc
from runtime.clock import Clock
from runtime.grpc_callers import require_gateway, require_member_or_operator
from runtime.grpc_interceptor import Context
from runtime.member_status import MemberFacts, member_status


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
        peer = require_gateway(context)
        answer = await self._answering.answer(request.query_envelope, peer)
        return adapter_service_pb2.AnswerResponse(answer_envelope=answer)

    async def GetCoverage(  # noqa: N802  # the method's name in the contract
        self, request: adapter_service_pb2.GetCoverageRequest, context: Context
    ) -> adapter_service_pb2.GetCoverageResponse:
        """Gives the coverage statement in force, or an earlier one by its id."""
        require_member_or_operator(context)
        if request.statement_id:
            envelope = await self._coverage.by_id(request.statement_id)
        else:
            catalogue = self._catalogues.in_force(china_day(self._clock()))
            envelope = (await coverage_in_force(self._coverage, catalogue)).envelope
        if envelope is None:
            raise HurenError(ErrorCode.COVERAGE_NOT_FOUND, field="statement_id")
        return adapter_service_pb2.GetCoverageResponse(coverage_envelope=envelope)


class StatusServicer(status_service_pb2_grpc.StatusServiceServicer):
    """Tells members and operators how the adapter is."""

    def __init__(
        self, *, facts: MemberFacts, coverage: CoverageDesk, platform: Platform, ledger: Ledger, clock: Clock
    ) -> None:
        self._facts = facts
        self._ledger = ledger
        self._coverage = coverage
        self._platform = platform
        self._clock = clock

    async def GetMemberStatus(  # noqa: N802  # the method's name in the contract
        self, request: status_service_pb2.GetMemberStatusRequest, context: Context
    ) -> status_service_pb2.GetMemberStatusResponse:
        """Gives the condition at this moment."""
        del request
        require_member_or_operator(context)
        watermarks = await self._platform.watermarks()
        now = self._clock()
        catalogue = self._facts.catalogues.in_force(china_day(now))
        coverage = await coverage_in_force(self._coverage, catalogue)
        status = member_status(self._facts, now)
        status.sources.extend(_freshness(coverage, catalogue, watermarks, now))
        status.coverage_statement_id = coverage.statement_id
        status.desk.CopyFrom(await self._desk_state())
        return status

    async def _desk_state(self) -> status_service_pb2.DeskState:
        async with self._ledger.read() as store:
            waiting, place = await store.waiting(), await store.place()
        state = status_service_pb2.DeskState(open=waiting.open, holding_up=waiting.holding_up)
        if waiting.holding_up_since is not None:
            state.holding_up_since.CopyFrom(to_timestamp(waiting.holding_up_since))
        if place.reached_end_at is not None:
            state.followed_at.CopyFrom(to_timestamp(place.reached_end_at))
        return state


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
