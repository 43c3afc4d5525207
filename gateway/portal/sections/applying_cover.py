"""What of a request the provinces do not answer for, as it is said before anybody is asked. It decides nothing about the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from contract.admission import cell_key
from contract.catalogue import Catalogue, CellKey, Domain
from contract.days import DayRange
from contract.province import Province
from contract.reasons import Words
from gateway.federation.provinces import ProvinceState, ProvinceView
from gateway.portal.recognised import KINDS
from huren.common.v1 import common_pb2
from huren.fragment.v1 import coverage_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that a province does not answer for.

    Attributes:
        domain: In which domain.
        kinds: Which kinds of record.
        complete_from: It would, from this day on; the period begins before. Empty: not at all.
        department: Who certifies instead.
    """

    domain: Domain
    kinds: tuple[Words, ...]
    complete_from: str
    department: common_pb2.Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What one province says about the chosen cells.

    Attributes:
        province: Which.
        known: Whether it said what it answers for when it was looked at last. What it said before may not hold any more.
        gaps: What it does not.
        answering: Whether it answered when it was looked at last. None: nobody knows.
    """

    province: Province
    known: bool
    gaps: tuple[Gap, ...]
    answering: bool | None


def covers(
    catalogue: Catalogue,
    views: Mapping[Province, ProvinceView],
    cells: Iterable[common_pb2.CellKey],
    window: DayRange,
) -> tuple[Cover, ...]:
    """One for each province of the catalogue."""
    chosen = [key for key in map(cell_key, cells) if key in catalogue.carried]
    return tuple(
        _cover(views.get(province, ProvinceView(province=province)), catalogue, chosen, window)
        for province in catalogue.provinces
    )


def _cover(view: ProvinceView, catalogue: Catalogue, chosen: list[CellKey], window: DayRange) -> Cover:
    said = {key: entry for key in chosen if (entry := view.cell(key)) is not None}
    missing = [(key, entry) for key, entry in said.items() if not _is_covered(entry, window)]
    return Cover(
        province=view.province,
        known=view.coverage_is_current and len(said) == len(chosen),
        gaps=tuple(_gaps(catalogue, missing)),
        answering=None if view.state is ProvinceState.UNKNOWN else view.state is not ProvinceState.NOT_ANSWERING,
    )


def _is_covered(entry: coverage_pb2.CellCoverage, window: DayRange) -> bool:
    return entry.covered and entry.complete_from <= window.first.isoformat()


def _gaps(catalogue: Catalogue, missing: Iterable[tuple[CellKey, coverage_pb2.CellCoverage]]) -> Iterator[Gap]:
    for (domain, complete_from), same in groupby(missing, key=lambda one: (one[0][0], one[1].complete_from)):
        found = list(same)
        yield Gap(
            domain=catalogue.domain_by_id[domain],
            kinds=tuple(KINDS[kind] for (_, kind), _ in found),
            complete_from=complete_from,
            department=found[0][1].department,
        )
