"""What is recognised between the provinces, arranged for people: the catalogue, and what each province says that it covers.

A province that did not say is never shown as if it had: its lines say that it is not known whether it covers anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from contract.catalogue import PENALTY, SERIOUS_LIST, Catalogue, CellKey, Domain, SeriousList
from contract.province import Province
from contract.reasons import Words
from gateway.federation.provinces import ProvinceState, ProvinceView
from huren.common.v1 import common_pb2
from huren.fragment.v1 import coverage_pb2

KINDS: Final[Mapping[int, Words]] = {
    PENALTY: Words("行政处罚", "Penalties"),
    SERIOUS_LIST: Words("严重失信主体名单", "List of serious breaches"),
}

UNCONFIRMED: Final = Words("系统默认（未经确认）", "Set by the system, not confirmed")
NOT_STATED: Final = Words("未载明", "Not stated")

_DEFAULT: Final = "default"
"""CellCoverage.supply_lag_source of a lag that nobody has confirmed."""


class Cover(StrEnum):
    """Whether a province answers for something."""

    COVERED = "covered"
    IN_PART = "in part"
    NOT_COVERED = "not covered"
    NOT_KNOWN = "not known"


COVER_WORDS: Final[Mapping[Cover, Words]] = {
    Cover.COVERED: Words("已纳入", "Covered"),
    Cover.IN_PART: Words("部分纳入", "In part"),
    Cover.NOT_COVERED: Words("未纳入", "Not covered"),
    Cover.NOT_KNOWN: Words("未取得", "Not known"),
}

STATE_WORDS: Final[Mapping[ProvinceState, Words]] = {
    ProvinceState.ANSWERING: Words("正常反馈", "Answering"),
    ProvinceState.ANSWERING_IN_PART: Words("部分反馈", "Answering in part"),
    ProvinceState.NOT_ANSWERING: Words("暂未反馈", "Not answering now"),
    ProvinceState.UNKNOWN: Words("状态未取得", "Not known"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one province says of one or several kinds of record in a domain; of several where it says the same of them.

    Attributes:
        province: The province.
        kinds: The kinds.
        cover: Whether it answers. Never IN_PART.
        since: Legal day from which its data is complete. Empty: not covered, or not known.
        as_of: How far its data goes. None: not covered, or the source does not say.
        stale: The data is older than the catalogue allows.
        lag: 归集时限 in working days. 0: not stated.
        lag_source: Where that comes from. None: not stated.
        department: Who answers, or certifies instead. None: not known.
        told_at: When the province said so last. None: it did not say anything.
    """

    province: Province
    kinds: tuple[int, ...]
    cover: Cover
    since: str = ""
    as_of: datetime | None = None
    stale: bool = False
    lag: int = 0
    lag_source: Words | None = None
    department: common_pb2.Contact | None = None
    told_at: datetime | None = None

    @property
    def is_silent(self) -> bool:
        """Whether it is covered and the source does not say how far its data goes."""
        return self.cover is Cover.COVERED and self.as_of is None

    @property
    def kind_words(self) -> Words:
        """The names of the kinds."""
        return _named(self.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedDomain:
    """A domain with what the provinces say of it.

    Attributes:
        number: Its number in the catalogue.
        domain: The domain.
        kinds: The kinds that it carries.
        lists: The lists that it carries.
        verified: Whether it and its rules were confirmed.
        lines: What the provinces say.
        summary: In one word for each province.
        troubled: The provinces with data that is silent or too old in something that they cover.
    """

    number: int
    domain: Domain
    kinds: tuple[int, ...]
    lists: tuple[SeriousList, ...]
    verified: bool
    lines: tuple[Line, ...]
    summary: Mapping[Province, Cover]
    troubled: frozenset[Province]

    @property
    def kind_words(self) -> Words:
        """The names of the kinds."""
        return _named(self.kinds)


def recognised(
    catalogue: Catalogue,
    views: Mapping[Province, ProvinceView],
    *,
    provinces: Sequence[Province],
    only_gaps: bool = False,
) -> tuple[RecognisedDomain, ...]:
    """The domains with what provinces say of them.

    Args:
        catalogue: The catalogue in force.
        views: How the provinces stand.
        provinces: Those to be shown.
        only_gaps: Only what is not covered; domains without it are left out. What is not known is no such thing.
    """
    found = (_domain(domain, catalogue, views, provinces) for domain in catalogue.domains)
    if not only_gaps:
        return tuple(found)
    return tuple(gaps for one in found if (gaps := _gaps_of(one)).lines)


def _gaps_of(one: RecognisedDomain) -> RecognisedDomain:
    return replace(one, lines=tuple(line for line in one.lines if line.cover is Cover.NOT_COVERED))


def _domain(
    domain: Domain,
    catalogue: Catalogue,
    views: Mapping[Province, ProvinceView],
    provinces: Sequence[Province],
) -> RecognisedDomain:
    kinds = tuple(kind for kind in KINDS if (domain.id, kind) in catalogue.carried)
    lines = {province: tuple(_lines(views[province], domain.id, kinds)) for province in provinces}
    return RecognisedDomain(
        number=catalogue.domains.index(domain) + 1,
        domain=domain,
        kinds=kinds,
        lists=tuple(entry for entry in catalogue.lists if entry.domain == domain.id),
        verified=domain.verified and all(rules.verified for rules in domain.kinds.values()),
        lines=tuple(line for province in provinces for line in lines[province]),
        summary={province: _summary(found) for province, found in lines.items()},
        troubled=frozenset(
            province for province, found in lines.items() if any(line.stale or line.is_silent for line in found)
        ),
    )


def _lines(view: ProvinceView, domain: str, kinds: Iterable[int]) -> Iterator[Line]:
    """One line for what is the same: most domains have one department and one platform behind both kinds."""
    found: list[Line] = []
    for kind in kinds:
        line = _line(view, (domain, kind))
        if found and replace(found[-1], kinds=line.kinds) == line:
            found[-1] = replace(line, kinds=(*found[-1].kinds, kind))
        else:
            found.append(line)
    yield from found


def _line(view: ProvinceView, key: CellKey) -> Line:
    entry = view.cell(key)
    kinds = (key[1],)
    if entry is None:
        return Line(province=view.province, kinds=kinds, cover=Cover.NOT_KNOWN)
    if not entry.covered:
        return Line(
            province=view.province,
            kinds=kinds,
            cover=Cover.NOT_COVERED,
            department=entry.department,
            told_at=view.coverage_at,
        )
    return Line(
        province=view.province,
        kinds=kinds,
        cover=Cover.COVERED,
        since=entry.complete_from,
        as_of=view.freshness.get(key),
        stale=key in view.stale,
        lag=entry.supply_lag_working_days,
        lag_source=_lag_source(entry),
        department=entry.department,
        told_at=view.coverage_at,
    )


def _lag_source(entry: coverage_pb2.CellCoverage) -> Words | None:
    if not entry.supply_lag_source:
        return None
    named = Words(entry.supply_lag_source, entry.supply_lag_source)
    return UNCONFIRMED if entry.supply_lag_source == _DEFAULT else named


def _named(kinds: Iterable[int]) -> Words:
    found = [KINDS[kind] for kind in kinds]
    return Words("、".join(one.zh for one in found), ", ".join(one.en for one in found))


def _summary(lines: Iterable[Line]) -> Cover:
    covers = {line.cover for line in lines}
    return covers.pop() if len(covers) == 1 else Cover.IN_PART
