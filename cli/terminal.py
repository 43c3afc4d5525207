"""The terminal: one console, and what several commands show in the same way."""

from __future__ import annotations

from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.report_check import CheckedReport
from contract.wording import CELL_LEGEND, CELL_WORDS, SPECIMEN, SPECIMEN_EN, TITLE, conclusion_sentence
from huren.fragment.v1 import fragment_pb2

out: Final = Console(highlight=False)
err: Final = Console(stderr=True, highlight=False)

_MIN_WIDTH: Final = 80
"""The report's tables need so many columns; where a terminal is narrower, or there is none, lines are longer rather than cut."""

_TABLES: Final = ((PENALTY, "行政处罚 · penalties"), (SERIOUS_LIST, "严重失信主体名单 · serious-dishonesty lists"))


def wide(columns: int = _MIN_WIDTH) -> Console:
    """A console that is at least so wide, for tables."""
    return Console(highlight=False, width=max(out.width, columns))


def show_report(checked: CheckedReport) -> None:
    """Shows a report as a person reads it: whose, for when, the conclusion, the matrix. No colour carries a meaning."""
    report = checked.report
    console = wide()
    console.print()
    if report.specimen:
        console.print(f"[bold]{SPECIMEN}[/bold]  {SPECIMEN_EN}", justify="center")
    console.print(f"[bold]{TITLE}[/bold]（互认版）", justify="center")
    facts = Table.grid(padding=(0, 2))
    facts.add_row("报告编号", report.report_number)
    facts.add_row("主体", f"{report.subject.name or '（登记名称未取得）'}  {report.subject.uscc}", style=None)
    facts.add_row("查询时段", f"{report.window.first_day} 至 {report.window.last_day}")
    facts.add_row("出具单位", report.issuer.unit)
    console.print(facts, markup=False, soft_wrap=True)
    console.print()
    console.print("结论 " + conclusion_sentence(report, checked.catalogue), markup=False, soft_wrap=True)
    console.print()
    for kind, title in _TABLES:
        console.print(_matrix(checked, kind, title))
    for words, zh, en in CELL_LEGEND:
        console.print(f"  {words}：{zh}  {en}", markup=False, soft_wrap=True)


def _matrix(checked: CheckedReport, kind: int, title: str) -> Table:
    """Domains by provinces, for one kind; of the lists, only domains that carry one."""
    position = {(key.domain, int(key.kind)): index for index, key in enumerate(checked.report.cells)}
    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False)
    table.add_column("领域")
    for province in checked.catalogue.provinces:
        table.add_column(province.name_zh, justify="right")
    for domain in checked.catalogue.domains:
        if kind == SERIOUS_LIST and (domain.id, kind) not in checked.catalogue.carried:
            continue
        columns = range(len(checked.catalogue.provinces))
        table.add_row(domain.name, *(_words(checked, position.get((domain.id, kind)), column) for column in columns))
    return table


def _words(checked: CheckedReport, position: int | None, column: int) -> str:
    if position is None:
        return "未选"
    one = checked.report.columns[column]
    words = CELL_WORDS[one.states[position]].format(n=one.record_counts[position])
    return f"[bold]{words}[/bold]" if one.states[position] == fragment_pb2.CELL_STATE_FOUND else words
