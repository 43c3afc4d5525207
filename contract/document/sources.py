"""第四部分 数据来源与归集时间: who provided what, up to when, and how long supply takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from contract.catalogue import CellKey
from contract.days import from_timestamp
from contract.document.lines import Json, china_instant, line, table
from contract.document.reading import ProvinceReading, Reading
from contract.document.words import NOT_STATED
from contract.wording import CELL_WORDS, CONCLUSIVE, KIND_NAMES
from huren.fragment.v1 import fragment_pb2

_LAG: Final = "归集时限"
_BASIS: Final = "时限依据"
_COLUMNS: Final = ("领域", "事项", "部门", "数据归集至（北京时间）")
_FULL_COLUMNS: Final = (*_COLUMNS, _LAG, _BASIS)

_NO_LIMIT: Final = ("——", "——")
"""Of what is not covered there is nothing to supply."""

_DEFAULT: Final = "default"
"""CellCoverage.supply_lag_source of a lag that nobody has confirmed."""


def sources(reading: Reading) -> Json:
    """第四部分."""
    return {
        "heading": "第四部分　数据来源与归集时间",
        "text": "数据归集至所列时间为止；此后产生或者报送的信息，本报告未予反映。归集时限自信息形成之日起计。",
        "provinces": [_province(reading, one) for one in reading.provinces],
    }


def _province(reading: Reading, one: ProvinceReading) -> Json:
    """A province's sources. A time limit that is the same for all of them is said once."""
    rows = list(_rows(reading, one))
    limits = {row[len(_COLUMNS) :] for row in rows} - {_NO_LIMIT}
    lines = list(_lines(one))
    if len(limits) == 1:
        [(lag, basis)] = limits
        lines += [line(_LAG, lag), line(_BASIS, basis)]
        shown = table(_COLUMNS, (row[: len(_COLUMNS)] for row in rows))
    else:
        shown = table(_FULL_COLUMNS, rows)
    return {"heading": one.province.name_zh, "lines": lines, "table": shown}


def _lines(one: ProvinceReading) -> Iterator[Json]:
    issuer = one.admitted.coverage.coverage.issuer
    yield line("提供单位", issuer.unit)
    yield line("电话", issuer.telephone or NOT_STATED)
    if issuer.url:
        yield line("网址", issuer.url)
    yield line("反馈时间", china_instant(one.admitted.statement.issued_at), "（北京时间）")
    yield line("列入规则版本", one.admitted.fragment.disclosure.version)
    yield line("片段编号", one.admitted.statement.statement_id.hex())


def _rows(reading: Reading, one: ProvinceReading) -> Iterator[tuple[str, ...]]:
    for key in reading.asked:
        if one.cells[key].state != fragment_pb2.CELL_STATE_NOT_APPLICABLE:
            yield _row(reading, one, key)


def _row(reading: Reading, one: ProvinceReading, key: CellKey) -> tuple[str, ...]:
    cell, entry = one.cells[key], one.coverage[key]
    what = (reading.catalogue.domain_by_id[key[0]].name, KIND_NAMES[key[1]], entry.department.unit)
    if cell.state not in CONCLUSIVE:
        return (*what, CELL_WORDS[cell.state], *_NO_LIMIT)
    lag = entry.supply_lag_working_days
    source = "系统默认（未经确认）" if entry.supply_lag_source == _DEFAULT else entry.supply_lag_source
    as_of = china_instant(from_timestamp(cell.data_as_of))
    return (*what, as_of, f"{lag}个工作日内" if lag else NOT_STATED, source or NOT_STATED)
