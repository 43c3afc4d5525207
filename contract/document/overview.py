"""第二部分 概览: two tables, domains by provinces, and a legend of every word that can stand in them.

Only CLEAR says 未查询到. A total speaks of what was answered: where something asked for is not covered, it never says 未查询到.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from contract.catalogue import PENALTY, SERIOUS_LIST, CellKey
from contract.days import from_timestamp
from contract.document.lines import Json, china_instant
from contract.document.reading import ProvinceReading, Reading
from contract.wording import CELL_WORDS, KIND_NAMES, NOT_REQUESTED
from huren.fragment.v1 import fragment_pb2, record_pb2

_CLEAR: Final = fragment_pb2.CELL_STATE_CLEAR
_FOUND: Final = fragment_pb2.CELL_STATE_FOUND
_NOT_COVERED: Final = fragment_pb2.CELL_STATE_NOT_COVERED
_NOT_APPLICABLE: Final = fragment_pb2.CELL_STATE_NOT_APPLICABLE

_OBJECTED: Final = "{n}条*"
"""Every record of the cell is under objection."""

_PARTLY: Final = "有未纳入"
"""Only in totals: some of what was asked for is not covered, and in the rest nothing was found."""

_NOT_COVERED_WORDS: Final = CELL_WORDS[_NOT_COVERED]

_LEGEND: Final = (
    (
        CELL_WORDS[_CLEAR],
        "行政处罚：在查询时段内未查询到应当列入本报告的行政处罚记录；名单：未查询到查询时段内被列入该领域所列名单的记录（归集时间见第四部分）",
    ),
    (CELL_WORDS[_FOUND].format(n="n"), "查询到n条记录，见第三部分"),
    (_OBJECTED.format(n="n"), "查询到n条，均在异议处理中"),
    (_NOT_COVERED_WORDS, "该省（市）该领域尚未纳入互认，本报告不作反映"),
    (_PARTLY, "仅用于合计：所查事项有尚未纳入互认的，本报告对其不作反映；已纳入的未查询到应当列入本报告的记录"),
    (CELL_WORDS[_NOT_APPLICABLE], "该领域不涉及此类事项"),
    (NOT_REQUESTED, "申请人未选择查询"),
)


def overview(reading: Reading) -> Json:
    """第二部分."""
    return {
        "heading": "第二部分　概览",
        "tables": [_table(reading, kind) for kind in (PENALTY, SERIOUS_LIST)],
        "legend": {
            "heading": "图例",
            "entries": [{"words": words, "sentence": sentence} for words, sentence in _LEGEND],
        },
    }


def _table(reading: Reading, kind: int) -> Json:
    """Every domain for penalties; of the lists, only domains that carry one."""
    carried = reading.catalogue.carried
    domains = [one for one in reading.catalogue.domains if kind == PENALTY or (one.id, kind) in carried]
    chosen = any((domain.id, kind) in carried and (domain.id, kind) not in reading.asked for domain in domains)
    twice = any(reading.report.cells[one.records[0].cell].kind == kind for one in reading.report.repeated_decisions)
    return {
        "heading": KIND_NAMES[kind],
        "columns": ["领域", *(one.province.name_zh for one in reading.provinces)],
        "rows": [
            {
                "domain": domain.name,
                "cells": [_cell(reading, one, (domain.id, kind)) for one in reading.provinces],
            }
            for domain in domains
        ],
        "totals": {
            "domain": "合计（所选领域）" if chosen else "合计",
            "cells": [_total(reading, one, kind) for one in reading.provinces],
        },
        "note": "合计中，同一决定只计一次。" if twice else "",
    }


def _cell(reading: Reading, one: ProvinceReading, key: CellKey) -> Json:
    if key not in reading.asked:
        return _printed(NOT_REQUESTED, "申请人未选择查询")
    cell = one.cells[key]
    name = reading.catalogue.domain_by_id[key[0]].name
    words = CELL_WORDS[cell.state]
    if cell.state == _CLEAR:
        return _printed(words, _clear(reading, key, china_instant(from_timestamp(cell.data_as_of))))
    if cell.state == _FOUND:
        return _found(cell.records)
    if cell.state == _NOT_COVERED:
        return _printed(words, f"{one.province.name_zh}{name}尚未纳入互认，本报告不作反映")
    if cell.state == _NOT_APPLICABLE:
        return _printed(words, "该领域不涉及此类事项")
    raise KeyError(cell.state)  # it does not seal, so it stands in no report


def _clear(reading: Reading, key: CellKey, as_of: str) -> str:
    domain, kind = key
    if kind == PENALTY:
        return f"在查询时段内未查询到应当列入本报告的行政处罚记录（归集至{as_of}）"
    names = "、".join(entry.name for entry in reading.catalogue.lists if entry.domain == domain)
    return f"未查询到查询时段内被列入{names}的记录（归集至{as_of}）"


def _found(records: Sequence[record_pb2.Record]) -> Json:
    count = len(records)
    objected = sum(1 for record in records if _is_objected(record))
    if not objected:
        return _printed(CELL_WORDS[_FOUND].format(n=count), f"查询到{count}条记录，见第三部分", strong=True)
    words = _OBJECTED if objected == count else CELL_WORDS[_FOUND]
    return _printed(words.format(n=count), f"查询到{count}条，其中{objected}条异议处理中，见第三部分", strong=True)


def _is_objected(record: record_pb2.Record) -> bool:
    return any(mark.kind == record_pb2.MARK_KIND_UNDER_OBJECTION for mark in record.marks)


def _total(reading: Reading, one: ProvinceReading, kind: int) -> Json:
    """What a province answered for a kind: decisions, each counted once."""
    states = {one.cells[key].state for key in reading.asked if key[1] == kind}
    count = _decisions(reading, one, kind)
    rest = "；尚未纳入互认的事项，本报告不作反映" if _NOT_COVERED in states else ""
    name = KIND_NAMES[kind]
    if count:
        words = CELL_WORDS[_FOUND].format(n=count)
        return _printed(words, f"所查事项共查询到{name}记录{count}条{rest}", strong=True)
    if not states:
        return _printed(NOT_REQUESTED, "申请人未选择查询")
    if states <= {_NOT_APPLICABLE}:
        return _printed(CELL_WORDS[_NOT_APPLICABLE], "所查领域均不涉及此类事项")
    if _CLEAR not in states:
        return _printed(_NOT_COVERED_WORDS, "所查事项均尚未纳入互认，本报告不作反映")
    if rest:
        return _printed(_PARTLY, f"已纳入互认的所查事项未查询到应当列入本报告的{name}记录{rest}")
    return _printed(CELL_WORDS[_CLEAR], f"所查事项未查询到应当列入本报告的{name}记录")


def _decisions(reading: Reading, one: ProvinceReading, kind: int) -> int:
    records = sum(len(one.cells[key].records) for key in reading.asked if key[1] == kind)
    again = sum(
        len(decision.records) - 1
        for decision in reading.report.repeated_decisions
        if decision.province == one.province.wire and reading.report.cells[decision.records[0].cell].kind == kind
    )
    return records - again


def _printed(words: str, sentence: str, *, strong: bool = False) -> Json:
    return {"words": words, "strong": strong, "sentence": sentence}
