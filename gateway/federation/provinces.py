"""How the four provinces stand, as this gateway sees them: whether they answer, what they answer for, how new their data is.

For pages that tell people before they ask. It decides nothing about a report: what a report rests on is verified with the report.

- A province is asked when somebody wants to know and what is known is older than half a minute; once, however many want to know.
- What it says about itself counts as said by it. What it answers for counts only by its signed coverage statement.
- What did not answer is said not to have answered. What it told before is kept, with the time at which it told it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

import structlog

from contract.admission import AdmissionError, cell_key
from contract.catalogue import Catalogue, CatalogueSet, CellKey
from contract.days import china_day, from_timestamp
from contract.outcome import VerifiedCoverage
from contract.province import Province
from gateway.federation.breaker import Breaker, BreakerState
from gateway.federation.peer import Peer, PeerError
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import coverage_pb2
from huren.status.v1 import status_service_pb2
from runtime.clock import Clock
from runtime.errors import StoreUnavailableError

KEPT_FOR: Final = timedelta(seconds=30)
"""What is older is asked again by whoever wants to know."""

PATIENCE: Final = timedelta(seconds=2)
"""How long one province is awaited: somebody looks at an empty page meanwhile."""

_log: Final = structlog.get_logger(__name__)


class ProvinceState(StrEnum):
    """How a province stands."""

    ANSWERING = "ANSWERING"
    ANSWERING_IN_PART = "ANSWERING_IN_PART"
    """It answers, and something that it covers is silent or too old, or what it covers could not be verified."""
    NOT_ANSWERING = "NOT_ANSWERING"
    UNKNOWN = "UNKNOWN"
    """It was not asked: nobody knows where it is, or this gateway could not look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvinceView:
    """How one province stands.

    Attributes:
        province: Which.
        state: Whether it answers.
        checked_at: When it was asked last. None: never.
        answered_at: When it answered last. None: never.
        coverage: What it answers for, verified. None: never had.
        coverage_at: When that was in force last, as far as is known.
        freshness: Of what it covers, how far its data goes; None where the source did not say.
        stale: Of what it covers, whose data is older than the catalogue allows: nothing is concluded from it.
        status: What it said of itself last. None: nothing yet.
    """

    province: Province
    state: ProvinceState = ProvinceState.UNKNOWN
    checked_at: datetime | None = None
    answered_at: datetime | None = None
    coverage: VerifiedCoverage | None = None
    coverage_at: datetime | None = None
    freshness: Mapping[CellKey, datetime | None] = field(default_factory=dict)
    stale: frozenset[CellKey] = frozenset()
    status: status_service_pb2.GetMemberStatusResponse | None = None

    @property
    def coverage_is_current(self) -> bool:
        """Whether the coverage is what the province said when it was asked last."""
        return self.coverage is not None and self.coverage_at == self.checked_at

    def cell(self, key: CellKey) -> coverage_pb2.CellCoverage | None:
        """What it says of a cell. None: it is not known, or the catalogue does not carry the cell."""
        if self.coverage is None:
            return None
        return next((entry for entry in self.coverage.coverage.cells if cell_key(entry.key) == key), None)


class FindsCoverage(Protocol):
    """Finds verified coverage statements (gateway/federation/coverages.py)."""

    async def find(
        self, province: Province, statement_id: bytes, *, catalogue: Catalogue, peer: Peer, timeout_s: float
    ) -> VerifiedCoverage:
        """The statement with that id.

        Raises:
            AdmissionError: What the province gave is not that statement, or may not count.
            PeerError: The province did not give it.
            StoreUnavailableError: The store cannot be read or written.
        """


class Provinces:
    """Says how the provinces stand."""

    def __init__(
        self,
        peers: Mapping[Province, Peer],
        *,
        breakers: Mapping[Province, Breaker],
        coverages: FindsCoverage,
        catalogues: CatalogueSet,
        clock: Clock,
        patience: timedelta = PATIENCE,
    ) -> None:
        """Takes what it needs.

        Args:
            peers: The adapters.
            breakers: Whether queries are sent to a province at present.
            coverages: Verifies what they answer for.
            catalogues: The published catalogues.
            clock: What time it is.
            patience: How long one province is awaited.
        """
        self._peers = peers
        self._breakers = breakers
        self._coverages = coverages
        self._catalogues = catalogues
        self._clock = clock
        self._patience = patience
        self._known = {province: ProvinceView(province=province) for province in Province}
        self._turns = {province: asyncio.Lock() for province in Province}

    async def views(self) -> Mapping[Province, ProvinceView]:
        """How each of the four stands: not older than half a minute, and there after two seconds at the latest."""
        async with asyncio.TaskGroup() as group:
            for province in Province:
                if not self._is_fresh(province):
                    group.create_task(self._refresh(province))
        return MappingProxyType({province: self._as_asked(view) for province, view in self._known.items()})

    def _is_fresh(self, province: Province) -> bool:
        checked_at = self._known[province].checked_at
        return province not in self._peers or (
            checked_at is not None and checked_at <= self._clock() < checked_at + KEPT_FOR
        )

    def _as_asked(self, view: ProvinceView) -> ProvinceView:
        """A province to which no query is sent answers none, whatever it says of itself."""
        breaker = self._breakers.get(view.province)
        if breaker is not None and breaker.state is BreakerState.OPEN:
            return replace(view, state=ProvinceState.NOT_ANSWERING)
        return view

    async def _refresh(self, province: Province) -> None:
        async with self._turns[province]:
            if self._is_fresh(province):  # somebody else asked meanwhile
                return
            self._known[province] = await self._seen(self._known[province], self._peers[province])

    async def _seen(self, before: ProvinceView, peer: Peer) -> ProvinceView:
        at = self._clock()
        catalogue = self._catalogues.in_force(china_day(at))
        view = replace(before, checked_at=at, state=ProvinceState.NOT_ANSWERING)
        patience_s = self._patience.total_seconds()
        try:
            async with asyncio.timeout(patience_s):
                status = await peer.status(timeout_s=patience_s)
                watermarks = _watermarks(view.province, status)
                view = replace(view, answered_at=at, freshness=watermarks, status=status)
                view = replace(view, state=ProvinceState.ANSWERING_IN_PART)
                covers = await self._coverages.find(
                    view.province,
                    status.coverage_statement_id,
                    catalogue=catalogue,
                    peer=peer,
                    timeout_s=patience_s,
                )
                view = replace(view, coverage=covers, coverage_at=at)
        except StoreUnavailableError as error:
            _log.warning("province not looked at", province=view.province.slug, reason=str(error))
            view = replace(view, state=ProvinceState.UNKNOWN)
        except (PeerError, AdmissionError, ValueError, TimeoutError) as error:
            # ValueError: it speaks for another member, or of times that do not exist.
            _log.warning(
                "province not seen in full", province=view.province.slug, reason=f"{type(error).__name__}: {error}"
            )
        return _judged(view, catalogue, at)


def _watermarks(
    province: Province, status: status_service_pb2.GetMemberStatusResponse
) -> Mapping[CellKey, datetime | None]:
    """How far the data of each source goes, as the province says.

    Raises:
        ValueError: Not that province's adapter speaks, or a time does not exist.
    """
    if status.province != province.wire or status.role != envelope_pb2.MEMBER_ROLE_ADAPTER:
        raise ValueError("the status is another member's")
    return MappingProxyType(
        {
            cell_key(source.key): from_timestamp(source.data_as_of) if source.HasField("data_as_of") else None
            for source in status.sources
        }
    )


def _judged(view: ProvinceView, catalogue: Catalogue, at: datetime) -> ProvinceView:
    """Completes a view with what follows from it: what is too old, and whether the province answers for all that it covers."""
    covered = (
        [
            cell_key(entry.key)
            for entry in view.coverage.coverage.cells
            if entry.covered and cell_key(entry.key) in catalogue.carried
        ]
        if view.coverage
        else []
    )
    freshness = {key: view.freshness.get(key) for key in covered}
    stale = frozenset(
        key for key, as_of in freshness.items() if as_of is not None and at - as_of >= catalogue.freshness_limit(key)
    )
    view = replace(view, freshness=MappingProxyType(freshness), stale=stale)
    is_whole = (
        view.state is ProvinceState.ANSWERING_IN_PART
        and view.coverage_is_current
        and not stale
        and None not in freshness.values()
        and view.status is not None
        and view.status.desk.HasField("followed_at")  # before that a province concludes nothing
    )
    return replace(view, state=ProvinceState.ANSWERING) if is_whole else view
