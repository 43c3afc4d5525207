"""`huren quarantine`: the data desk (数据质量工作台) of one province, for its data officers.

It asks the province's adapter (huren.desk.v1.DeskService) with the operator's certificate, shows what cannot be used as it is and
whom that holds up, and takes the officer's decisions. Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc
from rich.table import Table

from cli.calling import operator_tls
from cli.faults import FAULTS, FIELDS
from cli.layout import FederationError, Layout
from cli.report import NotServedError, UnreachableError, error_json
from cli.terminal import bold, command, complain, emit, error_document, say, visible, wide
from contract.catalogue import PENALTY, SERIOUS_LIST, published_catalogues
from contract.days import CHINA, china_day, from_timestamp, parse_day
from contract.deadlines import DESK_RULES
from contract.province import Province
from contract.reasons import Words
from contract.spreadsheet import safe_cell
from huren.common.v1 import common_pb2
from huren.desk.v1 import desk_service_pb2 as wire
from huren.desk.v1 import desk_service_pb2_grpc
from huren.envelope.v1 import envelope_pb2
from runtime.clock import system_clock
from runtime.grpc_channel import open_channel
from runtime.grpc_errors import error_detail

EXIT_DONE: Final = 0
EXIT_NOT_DONE: Final = 1

_TIMEOUT_S: Final = 60.0
_RERUN_TIMEOUT_S: Final = 900.0
"""Every open row is read again, one page after the other."""

_PAGE_SIZE: Final = 100
_WIDTH: Final = 100
_SHOWN_HELD_UP: Final = 20
_HEADS: Final = (
    "编号\nno.",
    "类别\nkind",
    "影响主体\nholds up",
    "期限\ndue",
    "问题\nproblem",
    "来源单位\nsupplier",
    "状态\nstate",
    "天数\ndays",
)
_FOLDED: Final = frozenset({"问题\nproblem", "来源单位\nsupplier"})

T = TypeVar("T")

KINDS: Final[Mapping[int, Words]] = {
    wire.ITEM_KIND_UNREADABLE: Words("无法识读", "unreadable"),
    wire.ITEM_KIND_IN_DOUBT: Words("主体待核对", "in doubt"),
    wire.ITEM_KIND_UNATTRIBUTABLE: Words("无法归属", "nobody's"),
    wire.ITEM_KIND_MISSING: Words("来源缺失", "missing in the source"),
    wire.ITEM_KIND_HELD_DELIVERY: Words("批次暂存", "held delivery"),
}
"""By the number of huren.desk.v1.ItemKind."""

STATES: Final[Mapping[int, Words]] = {
    wire.ITEM_STATE_OPEN: Words("待处理", "open"),
    wire.ITEM_STATE_RETURNED: Words("已退回", "returned"),
    wire.ITEM_STATE_CLOSED: Words("已办结", "closed"),
}
"""By the number of huren.desk.v1.ItemState."""

ACTIONS: Final[Mapping[str, Words]] = {
    "opened": Words("发现", "opened"),
    "changed": Words("数据有变化，仍不能使用", "the row changed and is still of no use"),
    "returned": Words("退回来源单位", "returned to the supplier"),
    "corrected": Words("更正", "corrected"),
    "assigned": Words("认定主体", "assigned"),
    "withdrawn": Words("确认已撤回", "confirmed as withdrawn"),
    "still_in_force": Words("确认仍有效", "confirmed as still in force"),
    "accepted": Words("放行", "taken in"),
    "refused": Words("拒收", "refused"),
    "closed": Words("办结", "closed"),
}
"""By the code in ItemEvent.action, and in Item.outcome where nobody gave a basis."""

_WHAT_NEXT: Final[Mapping[int, tuple[tuple[str, ...], ...]]] = {
    wire.ITEM_KIND_UNREADABLE: (("correct", "--set", "列=值"), ("return",)),
    wire.ITEM_KIND_IN_DOUBT: (("assign", "--to", "统一社会信用代码"), ("assign", "--to-nobody"), ("return",)),
    wire.ITEM_KIND_UNATTRIBUTABLE: (("assign", "--to", "统一社会信用代码"), ("assign", "--to-nobody"), ("return",)),
    wire.ITEM_KIND_MISSING: (("confirm", "--withdrawn"), ("confirm", "--still-in-force")),
    wire.ITEM_KIND_HELD_DELIVERY: (("release",), ("release", "--refuse")),
}
"""How an item of each kind is usually settled: commands of `huren quarantine` with their options."""

_STEPS: Final[Mapping[str, Words]] = {rule.step: rule.words for rule in DESK_RULES}
_RECORD_KINDS: Final = {PENALTY: "行政处罚", SERIOUS_LIST: "严重失信主体名单"}


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose desk, and how the answer is printed."""

    directory: Path
    province: Province
    as_json: bool


# --- Commands ---------------------------------------------------------------------------------------------------------


def list_items(desk: Desk, chosen: wire.ItemFilter, limit: int) -> int:
    """Shows items in the desk's order, as many as the limit lets through. Returns the exit code."""

    async def work(stub: desk_service_pb2_grpc.DeskServiceAsyncStub) -> wire.ListItemsResponse:
        return await listed(stub, chosen, limit)

    def show(answer: wire.ListItemsResponse) -> None:
        now = system_clock()
        if desk.as_json:
            emit(list_document(answer, now))
        else:
            show_list(answer, now)
            _hint(desk, answer.items)

    return _run(desk, work, show)


def show_item(desk: Desk, number: int) -> int:
    """Shows an item in full. Returns the exit code."""

    async def work(stub: desk_service_pb2_grpc.DeskServiceAsyncStub) -> wire.GetItemResponse:
        return await stub.GetItem(wire.GetItemRequest(number=number), timeout=_TIMEOUT_S)

    def show(answer: wire.GetItemResponse) -> None:
        now = system_clock()
        if desk.as_json:
            emit(full_document(answer, now))
        else:
            show_full(answer, now)
            _what_next(desk, answer.item)

    return _run(desk, work, show)


def export_items(desk: Desk, chosen: wire.ItemFilter, out: Path) -> int:
    """Writes items with their rows into a CSV file. Returns the exit code."""

    async def work(stub: desk_service_pb2_grpc.DeskServiceAsyncStub) -> list[wire.ExportedItem]:
        return await exported(stub, chosen)

    def show(items: list[wire.ExportedItem]) -> None:
        write_csv(items, out)
        if desk.as_json:
            emit({"result": "exported", "items": len(items), "file": str(out)})
        else:
            say(f"已导出{len(items)}条 {visible(str(out))} · {len(items)} items written")

    return _run(desk, work, show)


def decide_item(desk: Desk, number: int, decision: wire.Decision, *, basis: str, version: int | None) -> int:
    """Takes a decision on an item. Returns the exit code.

    Args:
        desk: Whose desk.
        number: The item.
        decision: What is decided.
        basis: On which it rests.
        version: The item's version when the officer looked at it; another one is refused. None: as it is now.
    """

    async def work(stub: desk_service_pb2_grpc.DeskServiceAsyncStub) -> wire.Item:
        seen = version
        if seen is None:
            seen = (await stub.GetItem(wire.GetItemRequest(number=number), timeout=_TIMEOUT_S)).item.version
        request = wire.DecideItemRequest(number=number, version=seen, decision=decision, basis=basis)
        return (await stub.DecideItem(request, timeout=_TIMEOUT_S)).item

    def show(item: wire.Item) -> None:
        if desk.as_json:
            emit({"result": "decided", "item": item_document(item, system_clock())})
        else:
            for line in decided_lines(item):
                say(line)

    return _run(desk, work, show)


def rerun_items(desk: Desk, numbers: Sequence[int]) -> int:
    """Has rows read again. Returns the exit code."""

    async def work(stub: desk_service_pb2_grpc.DeskServiceAsyncStub) -> wire.RerunItemsResponse:
        return await stub.RerunItems(wire.RerunItemsRequest(numbers=numbers), timeout=_RERUN_TIMEOUT_S)

    def show(answer: wire.RerunItemsResponse) -> None:
        if desk.as_json:
            emit({"result": "rerun", "looked_at": answer.looked_at, "closed": answer.closed})
        else:
            say(f"重新识读{answer.looked_at}条，办结{answer.closed}条")
            say(f"{answer.looked_at} read again, {answer.closed} closed")

    return _run(desk, work, show)


# --- Calls ------------------------------------------------------------------------------------------------------------


async def listed(
    stub: desk_service_pb2_grpc.DeskServiceAsyncStub, chosen: wire.ItemFilter, limit: int
) -> wire.ListItemsResponse:
    """The first items, page after page, with the counts of the first page. `next_page_token` is set where there are more."""
    found = wire.ListItemsResponse()
    token = ""
    while True:
        size = min(_PAGE_SIZE, limit - len(found.items))
        request = wire.ListItemsRequest(filter=chosen, page_size=size, page_token=token)
        page: wire.ListItemsResponse = await stub.ListItems(request, timeout=_TIMEOUT_S)
        if not token:
            found.suppliers.extend(page.suppliers)
        found.items.extend(page.items)
        token = page.next_page_token
        if not token or len(found.items) >= limit:
            found.next_page_token = token
            return found


async def exported(
    stub: desk_service_pb2_grpc.DeskServiceAsyncStub, chosen: wire.ItemFilter
) -> list[wire.ExportedItem]:
    """All items that the filter lets through, with their rows, page after page."""
    found: list[wire.ExportedItem] = []
    while True:
        after = found[-1].item.number if found else 0
        request = wire.ExportItemsRequest(filter=chosen, after_number=after)
        page: wire.ExportItemsResponse = await stub.ExportItems(request, timeout=_TIMEOUT_S)
        if not page.items:
            return found
        found.extend(page.items)


def _run(
    desk: Desk,
    work: Callable[[desk_service_pb2_grpc.DeskServiceAsyncStub], Awaitable[T]],
    show: Callable[[T], None],
) -> int:
    """Calls the province's desk, shows the answer, or says why there is none."""
    try:
        show(asyncio.run(_asked(desk, work)))
    except NotServedError as error:
        if desk.as_json:
            emit(error_json(error.detail))
        else:
            complain(error.detail.message_zh, error.detail.message_en)
        return EXIT_NOT_DONE
    except UnreachableError as error:
        log = Layout(desk.directory.resolve()).log(f"{error.province.slug}-adapter")
        zh = f"{error.province.name_zh}适配器未应答（{error.status}）。请确认 huren up 正在运行，日志：{log}"
        en = f"The adapter of {error.province.name_en} did not answer ({error.status}). Does `huren up` run? Log: {log}"
        return _not_done(desk, "ADAPTER_UNREACHABLE", zh, en)
    except FederationError as error:
        return _not_done(desk, "NO_FEDERATION", error.zh, error.en)
    except OSError as error:
        return _not_done(desk, "FILE_NOT_WRITTEN", f"文件无法写入：{error}", f"The file cannot be written: {error}")
    return EXIT_DONE


def _not_done(desk: Desk, code: str, zh: str, en: str) -> int:
    if desk.as_json:
        emit(error_document(code, zh, en, province=desk.province.slug))
    else:
        complain(zh, en)
    return EXIT_NOT_DONE


async def _asked(desk: Desk, work: Callable[[desk_service_pb2_grpc.DeskServiceAsyncStub], Awaitable[T]]) -> T:
    layout = Layout(desk.directory.resolve())
    member = layout.addresses()[desk.province]
    if not member.adapter:
        raise UnreachableError(desk.province, "未启动 not started")
    tls = operator_tls(layout, envelope_pb2.MEMBER_ROLE_ADAPTER)
    async with open_channel(member.adapter, tls, server_name=member.adapter_name) as channel:
        stub: desk_service_pb2_grpc.DeskServiceAsyncStub = desk_service_pb2_grpc.DeskServiceStub(channel)
        try:
            return await work(stub)
        except grpc.aio.AioRpcError as error:
            detail = error_detail(error)
            if detail is None:
                raise UnreachableError(desk.province, error.code().name) from error
            raise NotServedError(detail) from error


# --- Documents for programs -------------------------------------------------------------------------------------------


def item_document(item: wire.Item, now: datetime) -> dict[str, Any]:
    """An item as JSON: codes beside words."""
    return {
        "number": item.number,
        "version": item.version,
        "kind": _coded(wire.ItemKind, item.kind, "ITEM_KIND_", KINDS),
        "state": _coded(wire.ItemState, item.state, "ITEM_STATE_", STATES),
        "opened_at": from_timestamp(item.opened_at).isoformat(),
        "age_days": age_days(item, now),
        "family": item.family,
        "key": item.key,
        "field": item.field,
        "problem": item.problem,
        "fault": {"code": item.fault, "zh": FAULTS.get(item.fault, ""), "en": item.problem},
        "supplier": item.supplier,
        "cells": [
            {"domain": cell.domain, "kind": common_pb2.RecordKind.Name(cell.kind).removeprefix("RECORD_KIND_")}
            for cell in item.cells
        ],
        "held_up": list(item.held_up),
        "holding_up_since": from_timestamp(item.holding_up_since).isoformat()
        if item.HasField("holding_up_since")
        else None,
        "deadlines": [
            {"step": one.step, "day": one.day, "provisional": one.provisional, "label": one.label}
            for one in item.deadlines
        ],
        "outcome": item.outcome,
    }


def list_document(answer: wire.ListItemsResponse, now: datetime) -> dict[str, Any]:
    """A list as JSON. `more`: whether the limit cut it off."""
    return {
        "result": "items",
        "items": [item_document(item, now) for item in answer.items],
        "more": bool(answer.next_page_token),
        "suppliers": [
            {"supplier": one.supplier, "open": one.open, "holding_up": one.holding_up} for one in answer.suppliers
        ],
    }


def full_document(answer: wire.GetItemResponse, now: datetime) -> dict[str, Any]:
    """An item in full as JSON. A column that holds nothing is null."""
    return {
        "result": "item",
        "item": item_document(answer.item, now),
        "row": {one.column: one.value if one.HasField("value") else None for one in answer.row},
        "events": [
            {
                "at": from_timestamp(event.at).isoformat(),
                "officer": event.officer,
                "action": event.action,
                "note": event.note,
                "detail": event.detail,
            }
            for event in answer.events
        ],
    }


def _coded(names: Any, number: int, prefix: str, words: Mapping[int, Words]) -> dict[str, str]:
    known = words.get(number)
    try:
        code = str(names.Name(number)).removeprefix(prefix)
    except ValueError:  # of a later release
        code = f"{prefix}{number}"
    return {"code": code, "zh": known.zh if known else code, "en": known.en if known else code}


# --- Words for people -------------------------------------------------------------------------------------------------


def age_days(item: wire.Item, now: datetime) -> int:
    """Whole days since the item was opened."""
    return max(0, (now - from_timestamp(item.opened_at)).days)


def due_words(item: wire.Item, today: date) -> str:
    """What is due next and when, with its label, and 暂定 where the calendar may still say otherwise; empty where nothing is.

    Where the last day of all is past, it is that one, as past.
    """
    if not item.deadlines or item.state == wire.ITEM_STATE_CLOSED:
        return ""
    ahead = [one for one in item.deadlines if parse_day(one.day) >= today]
    one = ahead[0] if ahead else item.deadlines[-1]
    step = _STEPS[one.step].zh if one.step in _STEPS else one.step
    said = f"{step} {'暂定至' if one.provisional else ''}{one.day}（{one.label}）"
    return said if ahead else f"{said} 已逾期 overdue"


def show_list(answer: wire.ListItemsResponse, now: datetime) -> None:
    """Shows a list as a person reads it."""
    if not answer.items:
        say("没有符合条件的数据 · no such items")
        return
    today = china_day(now)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in _HEADS:
        table.add_column(head, overflow="fold", no_wrap=head not in _FOLDED)
    for item in answer.items:
        held_up = str(len(item.held_up))
        table.add_row(
            str(item.number),
            visible(_zh(KINDS, item.kind)),
            bold(held_up) if item.held_up and item.state != wire.ITEM_STATE_CLOSED else held_up,
            visible(due_words(item, today)).replace("（", "\n（", 1).replace(" 已逾期", "\n已逾期"),
            visible(_problem_zh(item)),
            visible(item.supplier or "（未注明）"),
            visible(_zh(STATES, item.state)),
            str(age_days(item, now)),
        )
    wide(_WIDTH).print(table)
    if answer.next_page_token:
        say(f"只显示前{len(answer.items)}条，用 --limit 查看更多 · only the first {len(answer.items)}; see --limit")
    if answer.suppliers:
        say()
        say("各来源单位（不限于上列条件） · by supplier, whatever was asked for:")
    for one in answer.suppliers:
        supplier = one.supplier or "（未注明来源单位）"
        say(
            f"  {supplier}：未办结{one.open}条，其中{one.holding_up}条影响查询 · {one.open} open, {one.holding_up} hold up"
        )


def show_full(answer: wire.GetItemResponse, now: datetime) -> None:
    """Shows an item as a person reads it: what is wrong, whom it holds up, the row, what happened."""
    for name, value in facts(answer.item, now):
        say(f"{name}  {value}")
    say()
    _show_row(answer.row, wrong=answer.item.field)
    say()
    for event in answer.events:
        words = ACTIONS.get(event.action, Words(event.action, event.action))
        who = event.officer or "系统 system"
        said = [
            f"{from_timestamp(event.at).astimezone(CHINA):%Y-%m-%d %H:%M}",
            who,
            f"{words.zh} {words.en}",
            " ".join(part for part in (event.note, visible(event.detail)) if part),
        ]
        say("  ".join(part for part in said if part))


def _show_row(row: Iterable[wire.ColumnValue], *, wrong: str) -> None:
    """The columns that hold something, and the one that is wrong; of the others only that they hold nothing."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("列 column", "值 value", ""):
        table.add_column(head, overflow="fold")
    nothing: dict[str, list[str]] = {}
    for one in row:
        held = "" if one.value else "空白 empty" if one.HasField("value") else "空值 null"
        if held and one.column != wrong:
            nothing.setdefault(held, []).append(one.column)
        else:
            mark = bold("◀ 有问题 problem") if one.column == wrong else ""
            table.add_row(visible(one.column), visible(one.value) or f"（{held}）", mark)
    wide().print(table)
    for held, columns in sorted(nothing.items()):
        say(f"{held}: {'、'.join(columns)}")


def facts(item: wire.Item, now: datetime) -> Iterator[tuple[str, str]]:
    """What there is to say about an item, each with its name."""
    kind, state = (words.get(value) for words, value in ((KINDS, item.kind), (STATES, item.state)))
    yield "编号 number", f"{item.number}（第{item.version}版 version {item.version}）"
    yield "类别 kind", f"{kind.zh} {kind.en}" if kind else str(item.kind)
    yield "状态 state", f"{state.zh} {state.en}" if state else str(item.state)
    yield "问题 problem", problem_words(item)
    yield "数据 row", f"{item.family} {item.key}"
    yield "来源单位 supplier", item.supplier or "（未注明）"
    yield (
        "发现 opened",
        f"{from_timestamp(item.opened_at).astimezone(CHINA):%Y-%m-%d %H:%M}（{age_days(item, now)}天 days）",
    )
    if item.cells:
        yield "影响事项 cells", "、".join(_cell_words(item.cells, now))
    if item.held_up:
        shown = "、".join(item.held_up[:_SHOWN_HELD_UP])
        more = "" if len(item.held_up) <= _SHOWN_HELD_UP else " …"
        yield "影响主体 holds up", f"{len(item.held_up)}（{shown}{more}）"
    for one in [] if item.state == wire.ITEM_STATE_CLOSED else item.deadlines:
        words = _STEPS.get(one.step, Words(one.step, one.step))
        provisional = "暂定至" if one.provisional else ""
        suffix = " provisional" if one.provisional else ""
        yield f"{words.zh} {words.en}", f"{provisional}{one.day}（{one.label}）{suffix}"
    if item.outcome:
        yield "处理结果 outcome", _outcome_words(item)


def decided_lines(item: wire.Item) -> Iterator[str]:
    """What a decision came to, and what that means for those whom the item holds up."""
    state = STATES.get(item.state)
    yield f"已记录。编号{item.number}：{state.zh} {state.en}" if state else f"已记录。编号{item.number}"
    if item.state != wire.ITEM_STATE_CLOSED:
        yield f"仍不能使用 still of no use: {problem_words(item)}"
    elif item.held_up:
        yield f"所影响的主体（{len(item.held_up)}个）可再次申请报告 · whom it held up ({len(item.held_up)}) may ask again"


def problem_words(item: wire.Item) -> str:
    """Where and why a row cannot be used, in Chinese and English."""
    return f"{_problem_zh(item)} · {item.problem}" if item.fault in FAULTS else _problem_zh(item)


def _problem_zh(item: wire.Item) -> str:
    return f"{FIELDS.get(item.field, item.field)}：{FAULTS.get(item.fault, item.problem)}"


def _outcome_words(item: wire.Item) -> str:
    words = ACTIONS.get(item.outcome)
    return f"{words.zh} {words.en}" if words else item.outcome


def _hint(desk: Desk, items: Sequence[wire.Item]) -> None:
    if items:
        say()
        say(f"查看并处理 to look at one: {_command(desk, 'show', str(items[0].number))}")


def _what_next(desk: Desk, item: wire.Item) -> None:
    if item.state == wire.ITEM_STATE_CLOSED:
        return
    say()
    say("处理方式，均须写明依据 · what may be done, each with its basis:")
    for words, *options in _WHAT_NEXT.get(item.kind, ()):
        say(f"  {_command(desk, words, str(item.number))} {' '.join([*options, '--basis', '依据'])}")


def _command(desk: Desk, *words: str) -> str:
    return command("quarantine", *words, "--province", desk.province.slug, "--dir", str(desk.directory))


def _zh(words: Mapping[int, Words], number: int) -> str:
    known = words.get(number)
    return known.zh if known else str(number)


def _cell_words(cells: Iterable[common_pb2.CellKey], now: datetime) -> Iterator[str]:
    domains = published_catalogues().in_force(china_day(now)).domain_by_id
    for cell in cells:
        name = domains[cell.domain].name if cell.domain in domains else cell.domain
        yield f"{name}（{_RECORD_KINDS.get(cell.kind, str(cell.kind))}）"


# --- The file for the supplying department ---------------------------------------------------------------------------

_BOM: Final = "utf-8-sig"
"""Without the mark, Excel reads UTF-8 as the system's own encoding."""

_HEADINGS: Final = (
    "编号 number",
    "类别 kind",
    "状态 state",
    "问题字段 field",
    "问题 problem",
    "来源单位 supplier",
    "数据表 family",
    "主键 key",
)


def write_csv(items: Sequence[wire.ExportedItem], out: Path) -> None:
    """Writes items with their rows: what is wrong first, then every column that any of the rows has.

    Rows of several families stand in one file; a column that a row lacks, or that holds nothing, is empty.

    Raises:
        OSError: The file cannot be written.
    """
    columns = list(dict.fromkeys(one.column for item in items for one in item.row))
    with out.open("w", encoding=_BOM, newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*_HEADINGS, *(safe_cell(f"原列 {name}" if name in _HEADINGS else name) for name in columns)])
        for one in items:
            item = one.item
            values = {value.column: value.value for value in one.row}
            told = (
                str(item.number),
                _zh(KINDS, item.kind),
                _zh(STATES, item.state),
                item.field,
                f"{FAULTS[item.fault]} · {item.problem}" if item.fault in FAULTS else item.problem,
                item.supplier,
                item.family,
                item.key,
            )
            writer.writerow([safe_cell(text) for text in (*told, *(values.get(name, "") for name in columns))])
