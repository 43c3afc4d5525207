"""第三部分 明细: every record, by province, then domain, then day, newest first.

Nothing is left out and nothing is altered: what a record says stands verbatim as the value of a line, what we say about it in the
line's note or in a remark. A decision that is listed more than once is said to be one; where its records contradict each other, all
are shown and none is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from typing import Final

from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.days import from_timestamp
from contract.document.lines import Json, china_instant, line
from contract.document.reading import PlacedRecord, ProvinceReading, Reading
from contract.document.words import (
    AMOUNTS,
    CATEGORIES,
    MARKS,
    MASKINGS,
    NOT_STATED,
    PERFORMANCES,
    PROCEDURES,
)
from contract.money import Fen, MoneyUnit, format_yuan
from contract.wording import CONCLUSIVE, KIND_NAMES
from huren.fragment.v1 import fragment_pb2, record_pb2
from huren.report.v1 import report_pb2

_COURT: Final = "court_enforcement"
"""The domain whose entries courts make: an executing court and a case number stand for organ and document number."""

_SHORT_ID_BYTES: Final = 8


def details(reading: Reading) -> Json:
    """第三部分."""
    return {
        "heading": "第三部分　明细",
        "text": (
            "按省（市）、领域、日期列示，日期新的在前。金额单位为元，括号内为万元。"
            "同一决定有多条记录的，均列示，只计一次；所载不一致的，均按来源列示，不作取舍。"
        ),
        "index": {"heading": "明细索引", "columns": ["省（市）", "领域", "条数", "页码"]},
        "provinces": [_province(reading, one) for one in reading.provinces],
    }


def format_wan_yuan(fen: int) -> str:
    """Writes an amount as wan yuan, exactly, with as many decimals as it needs.

    >>> format_wan_yuan(150_000)
    '0.15'
    >>> format_wan_yuan(123_400_000_001)
    '123,400.000001'
    """
    whole, rest = divmod(fen, MoneyUnit.WAN_YUAN.value)
    decimals = f"{Decimal(rest) / MoneyUnit.WAN_YUAN.value:f}"[1:].rstrip("0").rstrip(".")
    return f"{whole:,}{decimals}"


def _province(reading: Reading, one: ProvinceReading) -> Json:
    return {
        "heading": one.province.name_zh,
        "text": "" if one.records else _nothing(reading, one),
        "groups": [
            _group(reading, one, domain, tuple(records))
            for domain, records in groupby(one.records, key=lambda placed: placed.domain)
        ],
    }


def _nothing(reading: Reading, one: ProvinceReading) -> str:
    """The one sentence of a province that lists nothing: what it answered for, and that the rest is not reflected."""
    states = {one.cells[key].state for key in reading.asked}
    answered = "、".join(
        name
        for kind, name in KIND_NAMES.items()
        if any(key[1] == kind and one.cells[key].state in CONCLUSIVE for key in reading.asked)
    )
    limited = fragment_pb2.CELL_STATE_NOT_COVERED in states
    name = one.province.name_zh
    if answered:
        rest = "尚未纳入互认的所查事项，本报告不作反映。" if limited else ""
        which = "已纳入互认的所查事项" if limited else "所查事项"
        return f"{name}{which}未查询到应当列入本报告的{answered}记录。{rest}"
    if limited:
        return f"{name}所查事项均尚未纳入互认，本报告不作反映。"
    return f"{name}所查领域不涉及所查事项。"


def _group(reading: Reading, one: ProvinceReading, domain: str, records: tuple[PlacedRecord, ...]) -> Json:
    return {
        "anchor": f"{one.province:d}-{domain}",
        "heading": reading.catalogue.domain_by_id[domain].name,
        "count": f"{len(records)}条",
        "records": [_record(reading, one, placed) for placed in records],
    }


def _record(reading: Reading, one: ProvinceReading, placed: PlacedRecord) -> Json:
    record = placed.record
    is_penalty = record.WhichOneof("fact") == "penalty"
    fact = _penalty(record.penalty) if is_penalty else _list_entry(reading, record.list_entry)
    return {
        "anchor": f"{one.province:d}-{placed.number}",
        "heading": f"{one.citation(placed.place)}　{KIND_NAMES[PENALTY if is_penalty else SERIOUS_LIST]}",
        "lines": [
            *fact,
            line("来源单位", record.source_unit),
            line("归集时间", china_instant(from_timestamp(record.collected_at)), "（北京时间）"),
            line("记录编号", record.record_id, f"（第{record.revision}版）"),
            line("片段编号", one.admitted.statement.statement_id.hex()[: 2 * _SHORT_ID_BYTES], "（全文见第四部分）"),
        ],
        "remarks": list(_remarks(reading, one, placed)),
    }


def _penalty(penalty: record_pb2.Penalty) -> Iterator[Json]:
    yield line("文号", penalty.document_number or NOT_STATED)
    yield _authority("处罚机关", penalty.authority)
    yield line("决定日期", penalty.decided_on)
    yield line("程序", PROCEDURES[penalty.procedure])
    yield _text("违法行为类型", penalty.violation_type)
    yield _text("违法事实", penalty.facts)
    yield _text("处罚依据", penalty.legal_basis)
    yield line("处罚种类", "、".join(CATEGORIES[category] for category in penalty.categories))
    yield _text("处罚内容", penalty.content)
    for amount in penalty.amounts:
        label, note = AMOUNTS[amount.kind]
        yield line(label, f"{format_yuan(Fen(amount.fen))}元（{format_wan_yuan(amount.fen)}万元）", note)
    if not penalty.amounts:
        yield line("金额", NOT_STATED)
    if penalty.HasField("licence"):
        yield _text("涉及证照", penalty.licence)
    yield line("处罚期限截止", penalty.valid_until or NOT_STATED)
    yield _performance(penalty.performance)
    yield line("公示截止", penalty.publicity_until or NOT_STATED)


def _list_entry(reading: Reading, entry: record_pb2.ListEntry) -> Iterator[Json]:
    named = reading.catalogue.list_by_id[entry.list_id]
    organ, number = ("执行法院", "案号") if named.domain == _COURT else ("列入机关", "文号")
    yield line("名单全称", named.name)
    if entry.name_when_listed:
        yield line("列入时名称", entry.name_when_listed)
    yield _authority(organ, entry.authority)
    yield line(number, entry.document_number or NOT_STATED)
    yield _text("列入事由", entry.reason)
    yield line("列入日期", entry.listed_on)
    yield line("移出日期", entry.removed_on or "未见移出信息")
    yield line("管理期限截止", entry.planned_end_on or NOT_STATED)
    yield _performance(entry.performance)


def _authority(label: str, authority: record_pb2.Authority) -> Json:
    return line(label, authority.name, f"（统一社会信用代码：{authority.uscc}）" if authority.uscc else "")


def _text(label: str, text: record_pb2.FreeText) -> Json:
    return line(label, text.text or NOT_STATED, MASKINGS[text.masking])


def _performance(performance: record_pb2.Performance) -> Json:
    day = f"（{performance.performed_on}）" if performance.performed_on else ""
    return line("履行情况", PERFORMANCES[performance.state], day)


def _remarks(reading: Reading, one: ProvinceReading, placed: PlacedRecord) -> Iterator[Json]:
    record = placed.record
    if record.WhichOneof("fact") == "list_entry" and record.list_entry.removed_on:
        yield line("标注", f"列入{record.list_entry.listed_on}，移出{record.list_entry.removed_on}")
    for mark in record.marks:
        yield line("标注", _mark(one, record, mark))
    yield from _replacing(one, record)
    if record.further_domains:
        names = "、".join(reading.catalogue.domain_by_id[domain].name for domain in record.further_domains)
        yield line("另涉领域", f"另涉{names}领域")
    decision = one.repeated.get(placed.place)
    if decision is not None:
        yield line("同一决定", _repeated(one, placed, decision))


def _mark(one: ProvinceReading, record: record_pb2.Record, mark: record_pb2.Mark) -> str:
    former = one.by_id.get(record.replaces)
    return MARKS[mark.kind].format(
        on=mark.on,
        former=_document_number(former.record) if former else "",
        present=_document_number(record) or "本条所载",
    )


def _document_number(record: record_pb2.Record) -> str:
    if record.WhichOneof("fact") == "penalty":
        return record.penalty.document_number
    return record.list_entry.document_number


def _replacing(one: ProvinceReading, record: record_pb2.Record) -> Iterator[Json]:
    if record.replaces:
        former = one.by_id.get(record.replaces)
        where = f"，即{one.citation(former.place)}" if former else ""
        yield line("替代", f"本条替代此前的记录（记录编号{record.replaces}{where}）")
    successor = one.replaced_by.get(record.record_id)
    if successor is not None:
        yield line("替代", f"本条已由{one.citation(successor.place)}替代")


def _repeated(one: ProvinceReading, placed: PlacedRecord, decision: report_pb2.RepeatedDecision) -> str:
    """Names one other record, not all: of ten thousand records of one decision each would name ten thousand."""
    first, second = ((reference.cell, reference.record) for reference in decision.records[:2])
    number = len(decision.records)
    if placed.place == first:
        said = f"同一决定列示{number}条（另见{one.citation(second)}{'等' if number > len((first, second)) else ''}），只计一次"
    else:
        said = f"与{one.citation(first)}为同一决定（共列示{number}条），只计一次"
    return said + ("；各条所载金额或者日期不一致，均按来源列示，未作取舍" if decision.conflicting else "")
