"""Worlds for tests of platforms: a small one by hand, a crowded one, and the records that their facts must become."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

from adapters.sdk.disclosure import disclose
from adapters.sdk.mapping import Readable, Reading, map_row
from adapters.sdk.matching import is_code
from adapters.sdk.profile import Profile
from adapters.sdk.source import RawRow, Search, SourceAnswer
from contract.catalogue import PENALTY, SERIOUS_LIST, Catalogue, CellKey, published_catalogues
from contract.days import DayRange, to_timestamp
from contract.money import Fen
from contract.province import Province
from contract.uscc import Uscc, check_character, organisation_code
from huren.common.v1 import common_pb2
from huren.fragment.v1 import record_pb2
from sandbox.world import Enterprise, ListFact, PenaltyFact, World, generate

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
AS_OF = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
WINDOW = DayRange(date(2021, 11, 22), TODAY)
EVER = DayRange(date(1990, 1, 1), TODAY)
CATALOGUE: Catalogue = published_catalogues().in_force(TODAY)
CELLS = frozenset(CATALOGUE.carried)
PENALTY_CELLS = frozenset(cell for cell in CELLS if cell[1] == PENALTY)
LIST_CELLS = frozenset(cell for cell in CELLS if cell[1] == SERIOUS_LIST)
CATEGORIES = tuple(
    record_pb2.PenaltyCategory.ValueType(number) for number in record_pb2.PenaltyCategory.values() if number
)
HOSTILE_NAMES = ("示例<x>&\"']]>有限公司", "'; DROP TABLE rows; --", '"}],"x":{"', "<![CDATA[", "&lt;&#0;", "\\u0000")

Fact = PenaltyFact | ListFact


# --- A small world by hand ----------------------------------------------------------------------------------------------


def code_of(serial: int) -> Uscc:
    body = f"91110105MA{serial:07d}"
    return Uscc(body + check_character(body))


FINED = Enterprise(
    uscc=code_of(1),
    name="示例（华北）机械有限公司",
    former_names=(("示例机械厂", date(2022, 6, 30)),),
    homes=((Province.BEIJING, date(2010, 1, 1)),),
    registration_number="110105000000001",
)
LISTED = Enterprise(uscc=code_of(2), name="示例建筑劳务有限公司", homes=((Province.HEBEI, date(2012, 1, 1)),))
SHOP = Enterprise(
    uscc=code_of(3),
    name="示例小吃店",
    kind=common_pb2.SUBJECT_KIND_INDIVIDUAL_BUSINESS,
    homes=((Province.BEIJING, date(2012, 1, 1)),),
)
BLAMELESS = Enterprise(uscc=code_of(4), name="示例清白有限公司", homes=((Province.BEIJING, date(2012, 1, 1)),))


def penalty(province: Province, key: str, **changes: object) -> PenaltyFact:
    values: dict[str, object] = {
        "key": key,
        "province": province,
        "domain": "market_regulation",
        "subject": FINED,
        "document_number": f"示市监罚〔2024〕{key}号",
        "authority": f"{province.name_zh}市场监督管理局",
        "authority_uscc": "",
        "decided_on": date(2024, 3, 1),
        "violation_type": "违反标签管理规定",
        "facts": "当事人销售标签不符合规定的产品，货值金额一百元。",
        "legal_basis": "《中华人民共和国产品质量法》第五十四条",
        "categories": (record_pb2.PENALTY_CATEGORY_WARNING,),
        "content": "警告",
        "received_at": datetime(2024, 3, 8, 1, 2, 3, tzinfo=UTC),
    }
    return PenaltyFact(**(values | changes))  # type: ignore[arg-type]


def entry(province: Province, key: str, **changes: object) -> ListFact:
    values: dict[str, object] = {
        "key": key,
        "province": province,
        "list_id": "migrant_wage_arrears",
        "domain": "social_security",
        "subject": LISTED,
        "document_number": f"示人社列〔2024〕{key}号",
        "authority": f"{province.name_zh}人力资源和社会保障局",
        "authority_uscc": "",
        "reason": "克扣、无故拖欠农民工工资",
        "listed_on": date(2024, 5, 6),
        "planned_end_on": date(2027, 5, 6),
        "received_at": datetime(2024, 5, 7, 1, 0, tzinfo=UTC),
    }
    return ListFact(**(values | changes))  # type: ignore[arg-type]


def world_of(province: Province, penalties: Iterable[PenaltyFact] = (), entries: Iterable[ListFact] = ()) -> World:
    """A world of the given facts; without any, of every kind of fact."""
    penalties = tuple(penalties)
    entries = tuple(entries)
    return World(
        day=TODAY,
        as_of=AS_OF,
        enterprises=(FINED, LISTED, SHOP, BLAMELESS),
        penalties=penalties or (() if entries else tuple(_every_penalty(province))),
        list_entries=entries or (() if penalties else tuple(_every_entry(province))),
        cast={},
    )


def _every_penalty(province: Province) -> Iterable[PenaltyFact]:
    for number, category in enumerate(CATEGORIES):
        yield penalty(province, f"P1{number:03}", categories=(category,))
    for number, (domain, kind) in enumerate(sorted(CELLS)):
        if kind == PENALTY:
            yield penalty(province, f"P2{number:03}", domain=domain, subject=SHOP)
    fine, gains = record_pb2.PENALTY_CATEGORY_FINE, record_pb2.PENALTY_CATEGORY_CONFISCATE_GAINS
    yield penalty(province, "P3001", categories=(fine,), fine=Fen(1))
    yield penalty(province, "P3002", categories=(fine, gains), fine=Fen(2_229_650), confiscation=Fen(12_345_678_901))
    yield penalty(province, "P3003", categories=CATEGORIES, confiscation=Fen(70))
    yield penalty(province, "P3004", summary_procedure=True)
    yield penalty(province, "P3005", performed_on=date(2024, 4, 30), publicity_until=date(2027, 3, 1))
    yield penalty(province, "P3006", decided_on=date(2022, 2, 28))  # under the former name
    yield penalty(province, "P3007", authority_uscc=code_of(900), subject=SHOP)
    yield penalty(province, "P3008", content='警告，"当场"；\n并处, 训诫')


def _every_entry(province: Province) -> Iterable[ListFact]:
    for number, named in enumerate(CATALOGUE.lists):
        yield entry(province, f"L1{number:03}", list_id=named.id, domain=named.domain)
    yield entry(province, "L2001", removed_on=date(2025, 1, 2))
    yield entry(province, "L2002", planned_end_on=None, authority_uscc=code_of(901))
    # From before the window, open, and made under the list's older name.
    yield entry(
        province, "L2003", list_id="serious_illegal_market", domain="market_regulation", listed_on=date(2020, 1, 2)
    )


def facts_by_key(world: World, subject: Enterprise, province: Province) -> dict[str, Fact]:
    """What befell a subject in a province."""
    facts: list[Fact] = [*world.penalties, *world.list_entries]
    return {fact.key: fact for fact in facts if fact.subject == subject and fact.province is province}


# --- A crowded world ----------------------------------------------------------------------------------------------------


@cache
def _generated() -> World:
    return generate(seed=5, size=2500, day=TODAY)


def crowded_world(province: Province, *, penalties: int, entries: int) -> World:
    """A world in which so many facts of a province befell one subject, the cast's `found_in_several`, and every category occurs."""
    generated = _generated()
    subject = generated.cast["found_in_several"]
    decisions = [fact for fact in generated.penalties if fact.province == province][:penalties]
    listings = [fact for fact in generated.list_entries if fact.province == province][:entries]
    assert (len(decisions), len(listings)) == (penalties, entries)
    return replace(
        generated,
        penalties=tuple(
            replace(fact, subject=subject, categories=(*fact.categories, CATEGORIES[number % len(CATEGORIES)]))
            for number, fact in enumerate(decisions)
        ),
        list_entries=tuple(replace(fact, subject=subject) for fact in listings),
    )


def renamed(world: World, name: str) -> World:
    """The same facts, which befell a subject of another name."""
    return replace(
        world,
        penalties=tuple(replace(fact, subject=replace(fact.subject, name=name)) for fact in world.penalties),
        list_entries=tuple(replace(fact, subject=replace(fact.subject, name=name)) for fact in world.list_entries),
    )


# --- Searching ----------------------------------------------------------------------------------------------------------


def search_for(
    subject: Enterprise,
    *,
    names: Iterable[str] | None = None,
    cells: frozenset[CellKey] = CELLS,
    until: datetime | None = None,
) -> Search:
    """A subject by all that it is known by; by other names than its own where some are given."""
    known = [(common_pb2.IDENTIFIER_KIND_NAME, name) for name in ((subject.name,) if names is None else names)]
    former = [(common_pb2.IDENTIFIER_KIND_FORMER_NAME, name) for name, _ in subject.former_names if names is None]
    codes = (
        (common_pb2.IDENTIFIER_KIND_USCC, subject.uscc),
        (common_pb2.IDENTIFIER_KIND_ORGANISATION_CODE, organisation_code(subject.uscc)),
    )
    return search_by(*codes, *known, *former, cells=cells, until=until)


def search_by(
    *identifiers: tuple[int, str], cells: frozenset[CellKey] = CELLS, until: datetime | None = None
) -> Search:
    return Search(
        identifiers=tuple(
            common_pb2.Identifier(kind=common_pb2.IdentifierKind.ValueType(kind), value=value)
            for kind, value in identifiers
        ),
        window=WINDOW,
        cells=cells,
        until=until or NOW + timedelta(seconds=60),
    )


def rows_of(answer: SourceAnswer, form: str) -> dict[str, RawRow]:
    """The rows of one form by their keys, which are distinct."""
    rows = [row for row in answer.rows if row.form == form]
    assert len({row.key for row in rows}) == len(rows)
    return {row.key: row for row in rows}


def assert_each_cell_is_answered_or_silent(answer: SourceAnswer) -> None:
    assert answer.watermarks.keys() | answer.silent.keys() == CELLS
    assert not answer.watermarks.keys() & answer.silent.keys()
    assert all(answer.silent.values())


async def connections_ended() -> None:
    """Waits for the driver's threads: one whose connection failed still reports to the loop, which must not be closed by then."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


# --- What facts must become ---------------------------------------------------------------------------------------------


def reading(profile: Profile, window: DayRange = EVER) -> Reading:
    return Reading(profile=profile, catalogue=CATALOGUE, window=window, day=TODAY)


def mapped(row: RawRow, profile: Profile) -> tuple[CellKey, record_pb2.Record]:
    """The row as a record; anything else fails the test by name."""
    outcome = map_row(row, reading(profile, WINDOW))
    assert isinstance(outcome, Readable), (row.key, outcome)
    return outcome.key, outcome.draft


def expected(fact: Fact, *, names_lists: bool = False) -> tuple[CellKey, record_pb2.Record]:
    """The record that a fact of the world by hand must become: nothing in its texts is hidden.

    Args:
        fact: What is true.
        names_lists: Whether the platform says what a list was called when the entry was made.
    """
    record = record_pb2.Record(
        decided_in=fact.province.wire, source_unit=fact.authority, collected_at=to_timestamp(fact.received_at)
    )
    if isinstance(fact, PenaltyFact):
        record.penalty.CopyFrom(penalty_of(fact, text=_as_it_stands))
        return (fact.domain, PENALTY), record
    record.list_entry.CopyFrom(entry_of(fact, text=_as_it_stands))
    if names_lists:
        older = CATALOGUE.list_by_id[fact.list_id].older_names
        names = [name.name for name in older if name.until is not None and fact.listed_on <= name.until]
        record.list_entry.name_when_listed = names[0] if names else ""
    return (fact.domain, SERIOUS_LIST), record


def penalty_of(
    fact: PenaltyFact,
    *,
    document_number: str | None = None,
    text: Callable[[str], record_pb2.FreeText] = disclose,
) -> record_pb2.Penalty:
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
        violation_type=text(fact.violation_type),
        facts=text(fact.facts),
        legal_basis=text(fact.legal_basis),
        categories=sorted(set(fact.categories)),
        content=text(fact.content),
        amounts=[record_pb2.Amount(kind=kind, fen=fen) for kind, fen in amounts if fen],
        publicity_until=_day(fact.publicity_until),
        performance=record_pb2.Performance(
            state=record_pb2.PERFORMANCE_STATE_PERFORMED
            if fact.performed_on
            else record_pb2.PERFORMANCE_STATE_NOT_STATED,
            performed_on=_day(fact.performed_on),
        ),
    )


def entry_of(
    fact: ListFact,
    *,
    document_number: str | None = None,
    text: Callable[[str], record_pb2.FreeText] = disclose,
) -> record_pb2.ListEntry:
    """What must be said of an entry on a list."""
    return record_pb2.ListEntry(
        list_id=fact.list_id,
        authority=_authority(fact),
        document_number=fact.document_number if document_number is None else document_number,
        reason=text(fact.reason),
        listed_on=fact.listed_on.isoformat(),
        removed_on=_day(fact.removed_on),
        planned_end_on=_day(fact.planned_end_on),
        performance=record_pb2.Performance(state=record_pb2.PERFORMANCE_STATE_NOT_STATED),
    )


def _authority(fact: Fact) -> record_pb2.Authority:
    return record_pb2.Authority(name=fact.authority, uscc=fact.authority_uscc if is_code(fact.authority_uscc) else "")


def _as_it_stands(text: str) -> record_pb2.FreeText:
    return record_pb2.FreeText(text=text, masking=record_pb2.MASKING_NONE)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
