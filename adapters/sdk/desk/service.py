"""What an officer may do at the desk.

Each decision is a few numbered steps:

1. Find the item in the version that the officer looked at, open, and of a kind that the decision is for.
2. In one transaction: keep the decision with its basis, and write the event.
3. Read the row again as it stands in the platform now: what can be used is closed. A correction or ruling that does not help leaves
   the item open, with what is wrong now.

A decision about a row is one about what the officer saw: a correction holds for that state of the row, a ruling for what the row
says of whose it is. When the platform says something else, it has the last word again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.sdk.desk.items import Action, Item, ItemEvent
from adapters.sdk.desk.rows import RECEIVED_AT
from adapters.sdk.desk.store import CLOSED, RETURNED, DeskStore, ItemFilter
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.following import Follower
from adapters.sdk.ledger import Ledger
from adapters.sdk.matching import identity_digest
from adapters.sdk.platform import Platform
from adapters.sdk.source import SourceError
from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from contract.registry import RegistryUnavailableError
from contract.uscc import UsccError, parse_uscc
from huren.desk.v1 import desk_service_pb2
from runtime.clock import Clock

_UNREADABLE: Final = desk_service_pb2.ITEM_KIND_UNREADABLE
_IN_DOUBT: Final = desk_service_pb2.ITEM_KIND_IN_DOUBT
_UNATTRIBUTABLE: Final = desk_service_pb2.ITEM_KIND_UNATTRIBUTABLE
_MISSING: Final = desk_service_pb2.ITEM_KIND_MISSING
_HELD: Final = desk_service_pb2.ITEM_KIND_HELD_DELIVERY

_ROWS: Final = frozenset({_UNREADABLE, _IN_DOUBT, _UNATTRIBUTABLE})
_PAGE: Final = 200

_WRONG_KIND: Final = Words("该类数据不能这样处理", "this kind of item is decided otherwise")
_CLOSED: Final = Words("该数据已办结", "the item is closed")
_NO_COLUMN: Final = Words("该数据没有所填的列", "the row has no such column")
_NO_CODE: Final = Words("所填统一社会信用代码不正确", "that is no unified social credit code")
_ROW_GONE: Final = Words("来源平台已没有这条数据", "the platform does not have the row any more")
_NOT_HELD: Final = Words("该批数据已不在等待处理", "the delivery does not wait any more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Who decides what on which grounds.

    Attributes:
        number: The item.
        version: Its version when the officer looked at it.
        officer: Who.
        basis: On which grounds.
    """

    number: int
    version: int
    officer: str
    basis: str


class Desk:
    """The desk of one province."""

    def __init__(self, *, ledger: Ledger, follower: Follower, platform: Platform, clock: Clock) -> None:
        self._ledger = ledger
        self._follower = follower
        self._platform = platform
        self._clock = clock

    # --- Looking -------------------------------------------------------------------------------------------------------------

    async def items(self, chosen: ItemFilter, *, limit: int, offset: int) -> tuple[Item, ...]:
        """A page of items: those that hold somebody up first."""
        async with self._ledger.read() as store:
            return await store.items(chosen, limit=limit, offset=offset)

    async def suppliers(self) -> Sequence[tuple[str, int, int]]:
        """For each supplier: open items, and those of them that hold somebody up."""
        async with self._ledger.read() as store:
            return await store.suppliers()

    async def item(self, number: int) -> tuple[Item, tuple[ItemEvent, ...]]:
        """An item and its history.

        Raises:
            HurenError: ITEM_NOT_FOUND.
        """
        async with self._ledger.read() as store:
            return await _existing(store, number), await store.events(number)

    async def items_after(self, chosen: ItemFilter, number: int) -> tuple[Item, ...]:
        """A page of items by ascending number, from the one after `number` on. Empty: there are no more."""
        async with self._ledger.read() as store:
            return await store.items_after(chosen, number, limit=_PAGE)

    # --- Deciding ------------------------------------------------------------------------------------------------------------

    async def correct(self, decided: Decided, values: Mapping[str, str | None]) -> Item:
        """These columns read otherwise, for this state of the row.

        Raises:
            HurenError: ITEM_NOT_FOUND, ITEM_CHANGED, DECISION_DOES_NOT_FIT, PLATFORM_SILENT.
        """
        async with self._ledger.write() as transaction:
            item = await self._open_item(transaction.desk, decided, _ROWS)
            if unknown := values.keys() - item.row.keys() - {RECEIVED_AT}:
                raise _does_not_fit(Words(f"{_NO_COLUMN.zh}（{min(unknown)[:40]}）", _NO_COLUMN.en), "decision")
            seen = (await transaction.desk.seen([item.where])).get(item.where)
            if seen is None:
                raise _does_not_fit(_ROW_GONE, "number")
            await transaction.desk.correct(item, seen.row_digest, values)
            await self._step(transaction.desk, decided, Action.CORRECTED)
        return await self._looked_at_again(item)

    async def assign(self, decided: Decided, uscc: str) -> Item:
        """The row is this subject's; nobody's, where the code is empty.

        Raises:
            HurenError: ITEM_NOT_FOUND, ITEM_CHANGED, DECISION_DOES_NOT_FIT, PLATFORM_SILENT.
        """
        if uscc:
            try:
                parse_uscc(uscc)
            except UsccError as error:
                raise _does_not_fit(_NO_CODE, "decision.assignment.uscc") from error
        async with self._ledger.read() as store:
            item = await self._open_item(store, decided, frozenset({_IN_DOUBT, _UNATTRIBUTABLE}))
        try:
            identity = await self._follower.identity(item.where)
        except SourceError as error:
            raise HurenError(ErrorCode.PLATFORM_SILENT) from error
        if identity is None:
            raise _does_not_fit(_ROW_GONE, "number")
        async with self._ledger.write() as transaction:
            item = await self._open_item(transaction.desk, decided, frozenset({_IN_DOUBT, _UNATTRIBUTABLE}))
            await transaction.desk.rule(item, identity_digest(identity), uscc)
            await self._step(transaction.desk, decided, Action.ASSIGNED, state=CLOSED)
        return await self._looked_at_again(item)

    async def give_back(self, decided: Decided) -> Item:
        """Back to the supplying department. The item holds up what it held up.

        Raises:
            HurenError: ITEM_NOT_FOUND, ITEM_CHANGED, DECISION_DOES_NOT_FIT.
        """
        async with self._ledger.write() as transaction:
            item = await self._open_item(transaction.desk, decided, _ROWS | {_MISSING, _HELD})
            await self._step(transaction.desk, decided, Action.RETURNED, state=RETURNED)
            return await _existing(transaction.desk, item.number)

    async def decide_missing(self, decided: Decided, *, withdrawn: bool) -> Item:
        """A row that is missing was withdrawn, or is still in force and disclosed as it was.

        Raises:
            HurenError: ITEM_NOT_FOUND, ITEM_CHANGED, DECISION_DOES_NOT_FIT, PLATFORM_SILENT.
        """
        async with self._ledger.read() as store:
            item = await self._open_item(store, decided, frozenset({_MISSING}))
        if withdrawn:
            try:
                await self._platform.confirm_withdrawn(item.where)
            except SourceError as error:
                raise HurenError(ErrorCode.PLATFORM_SILENT) from error
        async with self._ledger.write() as transaction:
            await self._open_item(transaction.desk, decided, frozenset({_MISSING}))
            action = Action.WITHDRAWN if withdrawn else Action.STILL_IN_FORCE
            # Still in force and still missing: the question stays, for the department that has to supply the row again.
            state = CLOSED if withdrawn else RETURNED
            await self._step(transaction.desk, decided, action, state=state)
            if withdrawn:
                await self._follower.withdraw(transaction.desk, item.where, self._clock())
            return await _existing(transaction.desk, item.number)

    async def decide_held(self, decided: Decided, *, good: bool) -> Item:
        """A delivery that is held is taken in as it is, or refused.

        Raises:
            HurenError: ITEM_NOT_FOUND, ITEM_CHANGED, DECISION_DOES_NOT_FIT, PLATFORM_SILENT.
        """
        async with self._ledger.read() as store:
            item = await self._open_item(store, decided, frozenset({_HELD}))
        try:
            held = {(one.form, one.file): one for one in await self._platform.held()}
            if item.where not in held:
                raise _does_not_fit(_NOT_HELD, "number")
            await self._platform.decide_held(held[item.where], good=good)
        except SourceError as error:
            raise HurenError(ErrorCode.PLATFORM_SILENT) from error
        async with self._ledger.write() as transaction:
            await self._step(transaction.desk, decided, Action.ACCEPTED if good else Action.REFUSED, state=CLOSED)
            return await _existing(transaction.desk, item.number)

    async def rerun(self, numbers: Iterable[int]) -> tuple[int, int]:
        """Reads the rows of items again: of these, or of all that are not closed.

        Returns:
            How many were looked at, and how many were closed by it.

        Raises:
            HurenError: ITEM_NOT_FOUND, PLATFORM_SILENT.
        """
        numbers = tuple(numbers)
        if numbers:
            async with self._ledger.read() as store:
                items = [await _existing(store, number) for number in numbers]
            return await self._rerun([item for item in items if item.state != CLOSED])
        looked_at = closed = last = 0
        while page := await self.items_after(ItemFilter(kinds=_ROWS), last):
            done = await self._rerun(page)
            looked_at, closed, last = looked_at + done[0], closed + done[1], page[-1].number
        return looked_at, closed

    # --- Below ---------------------------------------------------------------------------------------------------------------

    async def _rerun(self, items: Sequence[Item]) -> tuple[int, int]:
        rows = [item.where for item in items if item.kind in _ROWS]
        try:
            closed = await self._follower.look_again(rows)
        except (SourceError, RegistryUnavailableError) as error:
            raise HurenError(ErrorCode.PLATFORM_SILENT) from error
        return len(rows), closed

    async def _looked_at_again(self, item: Item) -> Item:
        await self._rerun([item])
        async with self._ledger.read() as store:
            return await _existing(store, item.number)

    async def _open_item(self, store: DeskStore, decided: Decided, kinds: frozenset[int]) -> Item:
        item = await _existing(store, decided.number)
        if item.version != decided.version:
            raise HurenError(ErrorCode.ITEM_CHANGED, field="version")
        if item.state == CLOSED:
            raise _does_not_fit(_CLOSED, "number")
        if item.kind not in kinds:
            raise _does_not_fit(_WRONG_KIND, "decision")
        return item

    async def _step(self, store: DeskStore, decided: Decided, action: Action, *, state: int | None = None) -> None:
        try:
            await store.step(
                decided.number,
                decided.version,
                action,
                self._clock(),
                state=state,
                note=decided.basis,
                officer=decided.officer,
            )
        except LedgerConflictError as error:
            raise HurenError(ErrorCode.ITEM_CHANGED, field="version") from error


async def _existing(store: DeskStore, number: int) -> Item:
    item = await store.item(number)
    if item is None:
        raise HurenError(ErrorCode.ITEM_NOT_FOUND, field="number", number=number)
    return item


def _does_not_fit(problem: Words, field: str) -> HurenError:
    return HurenError(ErrorCode.DECISION_DOES_NOT_FIT, field=field, problem_zh=problem.zh, problem_en=problem.en)
