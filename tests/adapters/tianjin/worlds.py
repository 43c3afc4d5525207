"""Worlds for tests of platforms, and the records that their facts must become."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from adapters.sdk.disclosure import disclose
from adapters.sdk.mapping import Reading
from adapters.sdk.matching import is_code
from adapters.sdk.profile import Profile
from adapters.sdk.source import Search
from contract.catalogue import Catalogue, published_catalogues
from contract.days import DayRange
from contract.province import Province
from contract.uscc import organisation_code
from huren.common.v1 import common_pb2
from huren.fragment.v1 import record_pb2
from sandbox.world import Enterprise, ListFact, PenaltyFact, World, generate

DAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
CATALOGUE: Catalogue = published_catalogues().in_force(DAY)
CELLS = frozenset(CATALOGUE.carried)
EVER = DayRange(date(1990, 1, 1), DAY)

_GENERATED = generate(seed=5, size=2500, day=DAY)
_CATEGORIES = [number for number in record_pb2.PenaltyCategory.values() if number]


def crowded_world(province: Province, *, penalties: int, entries: int) -> World:
    """A world in which so many facts of a province befell one subject, the cast's `found_in_several`, and every category occurs."""
    subject = _GENERATED.cast["found_in_several"]
    decisions = [fact for fact in _GENERATED.penalties if fact.province == province][:penalties]
    listings = [fact for fact in _GENERATED.list_entries if fact.province == province][:entries]
    assert (len(decisions), len(listings)) == (penalties, entries)
    return replace(
        _GENERATED,
        penalties=tuple(
            replace(fact, subject=subject, categories=(*fact.categories, _CATEGORIES[number % len(_CATEGORIES)]))
            for number, fact in enumerate(decisions)
        ),
        list_entries=tuple(replace(fact, subject=subject) for fact in listings),
    )


def search_for(subject: Enterprise, *, names: tuple[str, ...] | None = None, until: datetime | None = None) -> Search:
    """Everything that carries something, asked by all that the subject is known by."""

    def identifier(kind: common_pb2.IdentifierKind.ValueType, value: str) -> common_pb2.Identifier:
        return common_pb2.Identifier(kind=kind, value=value)

    known = (subject.name, *(name for name, _ in subject.former_names)) if names is None else names
    return Search(
        identifiers=(
            identifier(common_pb2.IDENTIFIER_KIND_USCC, subject.uscc),
            identifier(common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE, organisation_code(subject.uscc)),
            *(identifier(common_pb2.IDENTIFIER_KIND_NAME, name) for name in known),
        ),
        window=EVER,
        cells=CELLS,
        until=until or NOW + timedelta(seconds=30),
    )


def reading(profile: Profile) -> Reading:
    return Reading(profile=profile, catalogue=CATALOGUE, window=EVER, day=DAY)


def penalty_of(fact: PenaltyFact, *, document_number: str | None = None) -> record_pb2.Penalty:
    """What must be said of a decision."""
    amounts = (
        (record_pb2.AMOUNT_KIND_FINE, fact.fine),
        (record_pb2.AMOUNT_KIND_CONFISCATION, fact.confiscation),
    )
    return record_pb2.Penalty(
        document_number=fact.document_number if document_number is None else document_number,
        authority=_authority(fact),
        decided_on=fact.decided_on.isoformat(),
        procedure=record_pb2.PROCEDURE_SUMMARY if fact.summary_procedure else record_pb2.PROCEDURE_ORDINARY,
        violation_type=disclose(fact.violation_type),
        facts=disclose(fact.facts),
        legal_basis=disclose(fact.legal_basis),
        categories=sorted(set(fact.categories)),
        content=disclose(fact.content),
        amounts=[record_pb2.Amount(kind=kind, fen=fen) for kind, fen in amounts if fen],
        publicity_until=_day(fact.publicity_until),
        performance=record_pb2.Performance(
            state=record_pb2.PERFORMANCE_STATE_PERFORMED
            if fact.performed_on
            else record_pb2.PERFORMANCE_STATE_NOT_STATED,
            performed_on=_day(fact.performed_on),
        ),
    )


def entry_of(fact: ListFact, *, document_number: str | None = None) -> record_pb2.ListEntry:
    """What must be said of an entry on a list."""
    return record_pb2.ListEntry(
        list_id=fact.list_id,
        authority=_authority(fact),
        document_number=fact.document_number if document_number is None else document_number,
        reason=disclose(fact.reason),
        listed_on=fact.listed_on.isoformat(),
        removed_on=_day(fact.removed_on),
        planned_end_on=_day(fact.planned_end_on),
        performance=record_pb2.Performance(state=record_pb2.PERFORMANCE_STATE_NOT_STATED),
    )


def _authority(fact: PenaltyFact | ListFact) -> record_pb2.Authority:
    return record_pb2.Authority(name=fact.authority, uscc=fact.authority_uscc if is_code(fact.authority_uscc) else "")


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def renamed(world: World, name: str) -> World:
    """The same facts, which befell a subject of another name."""
    return replace(
        world,
        penalties=tuple(replace(fact, subject=replace(fact.subject, name=name)) for fact in world.penalties),
        list_entries=tuple(replace(fact, subject=replace(fact.subject, name=name)) for fact in world.list_entries),
    )


HOSTILE_NAMES = ("示例<x>&\"']]>有限公司", "'; DROP TABLE rows; --", '"}],"x":{"', "<![CDATA[", "&lt;&#0;", "\\u0000")
