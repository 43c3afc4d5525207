"""The edge of the desk: huren.desk.v1, for the data officers whom the settings name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from adapters.sdk.desk.items import Item
from adapters.sdk.desk.service import Decided, Desk
from adapters.sdk.desk.store import ItemFilter
from contract.catalogue import wire_key
from contract.days import china_day, to_timestamp
from contract.deadlines import DESK_RULES, StartEvent, due_days
from contract.errors import ErrorCode, HurenError
from contract.reasons import broken
from contract.working_days import WorkingDays
from huren.desk.v1 import desk_service_pb2, desk_service_pb2_grpc
from runtime.grpc_callers import require_officer
from runtime.grpc_interceptor import Context

_PAGE_SIZE: Final = 50
_GREATEST: Final = 2**63 - 1
"""What a database can count to."""


class DeskServicer(desk_service_pb2_grpc.DeskServiceServicer):
    """Serves the desk to its officers."""

    def __init__(self, desk: Desk, *, officers: Collection[str], calendar: WorkingDays) -> None:
        self._desk = desk
        self._officers = frozenset(officers)
        self._calendar = calendar

    async def ListItems(  # noqa: N802  # the method's name in the contract
        self, request: desk_service_pb2.ListItemsRequest, context: Context
    ) -> desk_service_pb2.ListItemsResponse:
        """A page of items."""
        require_officer(context, self._officers)
        offset = _offset(request.page_token)
        size = request.page_size or _PAGE_SIZE
        items = await self._desk.items(_filter(request.filter), limit=size + 1, offset=offset)
        response = desk_service_pb2.ListItemsResponse(items=[self._wire(item) for item in items[:size]])
        if len(items) > size:
            response.next_page_token = str(offset + size)
        for supplier, count, holding_up in await self._desk.suppliers():
            response.suppliers.add(supplier=supplier, open=count, holding_up=holding_up)
        return response

    async def GetItem(  # noqa: N802  # the method's name in the contract
        self, request: desk_service_pb2.GetItemRequest, context: Context
    ) -> desk_service_pb2.GetItemResponse:
        """One item in full."""
        require_officer(context, self._officers)
        item, events = await self._desk.item(_number(request.number))
        response = desk_service_pb2.GetItemResponse(item=self._wire(item), row=_row(item))
        for event in events:
            response.events.add(
                at=to_timestamp(event.at),
                officer=event.officer,
                action=event.action,
                note=event.note,
                detail=event.detail,
            )
        return response

    async def ExportItems(  # noqa: N802  # the method's name in the contract
        self, request: desk_service_pb2.ExportItemsRequest, context: Context
    ) -> desk_service_pb2.ExportItemsResponse:
        """Items with their rows."""
        require_officer(context, self._officers)
        items = await self._desk.items_after(_filter(request.filter), min(request.after_number, _GREATEST))
        return desk_service_pb2.ExportItemsResponse(
            items=[desk_service_pb2.ExportedItem(item=self._wire(item), row=_row(item)) for item in items]
        )

    async def DecideItem(  # noqa: N802  # the method's name in the contract
        self, request: desk_service_pb2.DecideItemRequest, context: Context
    ) -> desk_service_pb2.DecideItemResponse:
        """Takes a decision."""
        officer = require_officer(context, self._officers)
        decided = Decided(number=_number(request.number), version=request.version, officer=officer, basis=request.basis)
        decision = request.decision
        match decision.WhichOneof("kind"):
            case "correction":
                values = {
                    one.column: one.value if one.HasField("value") else None for one in decision.correction.values
                }
                item = await self._desk.correct(decided, values)
            case "assignment":
                item = await self._desk.assign(decided, decision.assignment.uscc)
            case "return_to_supplier":
                item = await self._desk.give_back(decided)
            case "withdrawal":
                item = await self._desk.decide_missing(decided, withdrawn=decision.withdrawal.withdrawn)
            case "delivery":
                item = await self._desk.decide_held(decided, good=decision.delivery.good)
            case _:  # declared as required, so that the interceptor refuses it
                raise _malformed("decision", "required")
        return desk_service_pb2.DecideItemResponse(item=self._wire(item))

    async def RerunItems(  # noqa: N802  # the method's name in the contract
        self, request: desk_service_pb2.RerunItemsRequest, context: Context
    ) -> desk_service_pb2.RerunItemsResponse:
        """Reads rows again."""
        require_officer(context, self._officers)
        looked_at, closed = await self._desk.rerun([_number(number) for number in request.numbers])
        return desk_service_pb2.RerunItemsResponse(looked_at=looked_at, closed=closed)

    def _wire(self, item: Item) -> desk_service_pb2.Item:
        wire = desk_service_pb2.Item(
            number=item.number,
            kind=item.kind,
            state=item.state,
            opened_at=to_timestamp(item.opened_at),
            family=item.where[0],
            key=item.where[1],
            field=item.field,
            problem=item.problem,
            fault=item.fault,
            supplier=item.supplier,
            cells=[wire_key(cell) for cell in item.cells],
            held_up=item.held_up,
            version=item.version,
            outcome=item.outcome,
        )
        if item.holding_up_since is not None:
            wire.holding_up_since.CopyFrom(to_timestamp(item.holding_up_since))
            started = {StartEvent.HELD_UP: china_day(item.holding_up_since)}
            for one in due_days(DESK_RULES, started, self._calendar):
                wire.deadlines.add(
                    step=one.rule.step,
                    day=one.due.day.isoformat(),
                    provisional=one.due.provisional,
                    label=str(one.rule.label),
                )
        return wire


def _row(item: Item) -> list[desk_service_pb2.ColumnValue]:
    return [desk_service_pb2.ColumnValue(column=column, value=value) for column, value in item.row.items()]


def _filter(wanted: desk_service_pb2.ItemFilter) -> ItemFilter:
    chosen = ItemFilter(
        kinds=tuple(wanted.kinds),
        holding_up=wanted.holding_up,
        uscc=wanted.uscc,
        supplier=wanted.supplier or None,
    )
    if not wanted.states:
        return chosen
    return ItemFilter(
        states=tuple(wanted.states),
        kinds=chosen.kinds,
        holding_up=chosen.holding_up,
        uscc=chosen.uscc,
        supplier=chosen.supplier,
    )


def _offset(token: str) -> int:
    if token and not (token.isascii() and token.isdecimal()):
        raise _malformed("page_token", "string.pattern")
    return min(int(token or 0), _GREATEST)


def _number(number: int) -> int:
    if number > _GREATEST:
        raise HurenError(ErrorCode.ITEM_NOT_FOUND, field="number", number=number)
    return number


def _malformed(field: str, rule: str) -> HurenError:
    problem = broken(field, rule)
    return HurenError(ErrorCode.MALFORMED_REQUEST, field=field, problem_zh=problem.zh, problem_en=problem.en)
