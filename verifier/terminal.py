"""The terminal: its consoles, and what several commands show in the same way.

Texts come from reports and from other members. None of them is markup, and none of them moves the cursor, changes a colour or turns
the direction of writing: such characters are shown by their numbers. Whatever is printed goes through `say`, `complain`, `visible`
or `emit`.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contract.catalogue import PENALTY, SERIOUS_LIST
from contract.report_check import CheckedReport
from contract.wording import CELL_LEGEND, CELL_WORDS, SPECIMEN, SPECIMEN_EN, TITLE, conclusion_sentence
from huren.fragment.v1 import fragment_pb2

out: Final = Console(highlight=False, markup=False, emoji=False)
err: Final = Console(stderr=True, highlight=False, markup=False, emoji=False)

_MIN_WIDTH: Final = 80
"""The report's tables need so many columns; where a terminal is narrower, or there is none, lines are longer rather than cut."""

_TABLES: Final = ((PENALTY, "行政处罚 · penalties"), (SERIOUS_LIST, "严重失信主体名单 · serious-dishonesty lists"))


_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of what acts on a terminal or stands there unseen: controls, direction and joining marks, line ends."""


def visible(text: str, *, keep: str = "") -> str:
    """The text with every character that acts or stands unseen shown by its number, for example ⟨U+001B⟩."""
    return "".join(
        f"⟨U+{ord(char):04X}⟩" if unicodedata.category(char) in _UNSEEN and char not in keep else char for char in text
    )


def say(text: str = "") -> None:
    """Prints a text as it is, apart from what `visible` shows by number; lines may be longer than the terminal is wide."""
    out.print(visible(text, keep="\n"), soft_wrap=True)


def complain(*lines: str) -> None:
    """The same to standard error, one line for each argument."""
    for line in lines:
        err.print(visible(line, keep="\n"), soft_wrap=True)


def bold(text: str) -> Text:
    """A text in bold, for a table or a title."""
    return Text(visible(text), style="bold")


def emit(document: object) -> None:
    """Prints a command's output as JSON. What `visible` would show by number stands escaped, so the value is the same."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    print("".join(_escaped(char) if _acts(char) else char for char in text))  # noqa: T201  # the command's output


def error_document(code: str, zh: str, en: str, **facts: Any) -> dict[str, Any]:
    """What `--json` prints where a command could not do what it was asked."""
    return {"result": "error", "code": code, "zh": zh, "en": en} | facts


def _acts(char: str) -> bool:
    return char != "\n" and unicodedata.category(char) in _UNSEEN


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1]


def wide(columns: int = _MIN_WIDTH) -> Console:
    """A console that is at least so wide, for tables."""
    return Console(highlight=False, markup=False, emoji=False, width=max(out.width, columns))


def show_report(checked: CheckedReport) -> None:
    """Shows a report as a person reads it: whose, for when, the conclusion, the matrix. No colour carries a meaning."""
    report = checked.report
    console = wide()
    console.print()
    if report.specimen:
        console.print(bold(SPECIMEN).append(f"  {SPECIMEN_EN}", style="not bold"), justify="center")
    console.print(bold(TITLE).append("（互认版）", style="not bold"), justify="center")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")  # nothing of a name is cut
    facts.add_row("报告编号", report.report_number)
    facts.add_row("主体", visible(f"{report.subject.name or '（登记名称未取得）'}  {report.subject.uscc}"))
    facts.add_row("查询时段", f"{report.window.first_day} 至 {report.window.last_day}")
    facts.add_row("出具单位", visible(report.issuer.unit))
    console.print(facts)
    console.print()
    console.print(visible("结论 " + conclusion_sentence(report, checked.catalogue)), soft_wrap=True)
    console.print()
    for kind, title in _TABLES:
        console.print(_matrix(checked, kind, title))
    for words, zh, en in CELL_LEGEND:
        console.print(f"  {words}：{zh}  {en}", soft_wrap=True)


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
        table.add_row(
            visible(domain.name), *(_words(checked, position.get((domain.id, kind)), column) for column in columns)
        )
    return table


def _words(checked: CheckedReport, position: int | None, column: int) -> str | Text:
    if position is None:
        return "未选"
    one = checked.report.columns[column]
    words = CELL_WORDS[one.states[position]].format(n=one.record_counts[position])
    return bold(words) if one.states[position] == fragment_pb2.CELL_STATE_FOUND else words
