"""The tables of the pages about batches: the batches of an owner, and the lines of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from contract.reasons import Words
from gateway.api.ports import BatchLine
from gateway.batches.service import BatchView
from gateway.batches.words import LINE_STATES
from gateway.portal.listing import Cell, Chinese, Column, Filter, Lines, Link, State, Table, chinese_order
from gateway.portal.rendering import moment

BatchRow: TypeAlias = tuple[BatchView, str]
"""A batch and the address of its page."""

_BATCH_STATES: Final = {
    "RUNNING": State(Words("办理中", "Under way"), "waiting"),
    "DONE": State(Words("已办结", "Done"), "plain"),
    "CANCELLED": State(Words("已终止", "Given up"), "closed"),
}
_ENDING: Final = State(Words("正在终止", "Being given up"), "waiting")

_LOOKS: Final = {"SEALED": "strong", "FAILED": "closed", "CANCELLED": "closed"}

_LINE_STATES: Final = {
    state: State(Words(words.zh, words.en.capitalize()), _LOOKS.get(state, "waiting"))
    for state, words in LINE_STATES.items()
}
"""In the order in which they are sorted."""

_ORDER: Final = [str(state) for state in _LINE_STATES]
_BY_NAME: Final = {str(state): words for state, words in _LINE_STATES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """A line of a batch.

    Attributes:
        line: The line.
        name: Its subject's name, where the visitor acts for it. Empty: not known here.
        report_url: Where its report is read. Empty: there is none, or it is not for the visitor.
        request_url: Where its request is followed. Empty: as above.
    """

    line: BatchLine
    name: str = ""
    report_url: str = ""
    request_url: str = ""


def batch_state(view: BatchView) -> State:
    """How a batch stands."""
    is_ending = view.batch.state == "CANCELLED" and view.batch.ended_at is None
    return _ENDING if is_ending else _BATCH_STATES[view.batch.state]


def line_state(state: str) -> State:
    """How a line stands."""
    return _BY_NAME[state]


def counted(view: BatchView) -> list[tuple[State, int]]:
    """How many lines stand how."""
    return [(words, view.counts[state]) for state, words in _LINE_STATES.items() if view.counts.get(state)]


def _subject(row: LineRow) -> Cell:
    given = Chinese(row.line.given) if not row.line.given.isascii() else row.line.given
    return Lines([Chinese(row.name), given]) if row.name else given


def _report(row: LineRow) -> Cell:
    if row.report_url:
        return Link(row.report_url, row.line.report_number)
    if row.request_url:
        return Link(row.request_url, Words("办理进度", "Progress"))
    return row.line.report_number


def _why(row: LineRow) -> Cell:
    detail = row.line.detail
    return Words(detail.zh, detail.en)


def _ended_at(row: LineRow) -> Cell:
    return row.line.ended_at or ""


BATCHES: Final[Table[BatchRow]] = Table(
    name="batches",
    size=20,
    columns=(
        Column(
            name="begun",
            label=Words("提交时间", "Sent"),
            show=lambda row: Link(row[1], moment(row[0].batch.begun_at)),
        ),
        Column(name="state", label=Words("办理情况", "State"), show=lambda row: batch_state(row[0])),
        Column(name="total", label=Words("主体数", "Subjects"), show=lambda row: sum(row[0].counts.values())),
        Column(
            name="counts",
            label=Words("其中", "Of these"),
            show=lambda row: Lines(
                [Words(f"{one.words.zh} {count}", f"{one.words.en}: {count}") for one, count in counted(row[0])]
            ),
        ),
        Column(
            name="repeats",
            label=Words("下次自动办理", "Begun again by itself"),
            show=lambda row: row[0].repeats_at or Words("不重复", "No"),
        ),
    ),
)

LINES: Final[Table[LineRow]] = Table(
    name="lines",
    columns=(
        Column(name="line", label=Words("行号", "Line"), show=lambda row: row.line.line, key=lambda row: row.line.line),
        Column(
            name="subject",
            label=Words("主体", "Subject"),
            show=_subject,
            key=lambda row: chinese_order(row.name or row.line.given),
        ),
        Column(
            name="state",
            label=Words("办理情况", "State"),
            show=lambda row: line_state(row.line.state),
            key=lambda row: _ORDER.index(row.line.state),
        ),
        Column(name="report", label=Words("报告编号", "Report"), show=_report),
        Column(name="why", label=Words("原因", "Why"), show=_why),
        Column(
            name="ended",
            label=Words("办结时间", "Ended"),
            show=_ended_at,
            key=lambda row: row.line.ended_at,
        ),
    ),
    filters=(
        Filter(
            name="state",
            label=Words("办理情况", "State"),
            keep=lambda row, chosen: row.line.state == chosen,
            options=[(state, one.words) for state, one in _BY_NAME.items()],
        ),
        Filter(
            name="find",
            label=Words("名称或代码含", "Name or code contains"),
            keep=lambda row, text: text.casefold() in f"{row.name} {row.line.given}".casefold(),
        ),
    ),
    sort="line",
)
