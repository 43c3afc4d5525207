"""What an officer may do at the desk.

Each decision is a few numbered steps:

1. Find the item in the version that the officer looked at, open, and of a kind that the decision is for.
2. Fetch the row as it stands in the platform now. If it is not the state that the officer saw, the item changes instead.
3. In one transaction: keep the decision with its basis, write the event, and what the row says by the decision. What can be used is
   closed; a correction or ruling that does not help leaves the item open, with what is wrong now.

A decision about a row is one about what the officer saw: a correction holds for that state of the row, a ruling for what the row
says of whose it is. When the platform says something else, it has the last word again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from adapters.sdk.desk.items import Action, Correction, Item, ItemEvent, Ruling, Verdicts
from adapters.sdk.desk.rows import RECEIVED_AT, row_digest
from adapters.sdk.desk.store import CLOSED, RETURNED, DeskStore, ItemFilter
from adapters.sdk.errors import LedgerConflictError
from adapters.sdk.following import Follower
from adapters.sdk.ledger import Ledger
from adapters.sdk.matching import identity_digest
from adapters.sdk.platform import Platform
from adapters.sdk.source import RawRow, SourceError
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
_RERUN: Final = _ROWS | {_MISSING}
_PAGE: Final = 200
_ATTEMPTS: Final = 3

_NOBODY: Final = "-"
"""In the history: the row is nobody's who could be named."""

_WRONG_KIND: Final = Words("该类数据不能这样处理", "this kind of item is decided otherwise")
_CLOSED: Final = Words("该数据已办结", "the item is closed")
_NO_COLUMN: Final = Words("该数据没有所填的列", "the row has no such column")
_NO_CODE: Final = Words("所填统一社会信用代码不正确", "that is no unified social credit code")
_ROW_GONE: Final = Words("来源平台已没有这条数据", "the platform does not have the row any more")
_ROW_THERE: Final = Words("来源平台现有这条数据", "the platform has the row")
_WHOSE_UNREADABLE: Final = Words(
    "该数据的主体信息无法读取，请先更正", "whose the row is cannot be read; correct that first"
)
_NOT_HELD: Final = Words("该批数据已不在等待处理", "the delivery does not wait any more")


_T = TypeVar("_T")


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
        async with self._ledger.read() as store:
            item = await self._open_item(store, decided, _ROWS)
            earlier = (await store.verdicts([item.where])).corrections.get(item.where)
        if unknown := values.keys() - item.row.keys() - {RECEIVED_AT}:
            raise _does_not_fit(Words(f"{_NO_COLUMN.zh}（{min(unknown)[:40]}）", _NO_COLUMN.en), "decision")
        if earlier is not None and earlier.row_digest == item.row_digest:
            values = {**earlier.values, **values}
        correction = Correction(item.row_digest, values)

        async def keep(store: DeskStore, _: RawRow) -> None:
            await store.correct(item, correction)
            await self._step(store, decided, Action.CORRECTED, detail=_told(values))

        return await self._decide(
            item, decided, decides=lambda _: Verdicts(corrections={item.where: correction}), keep=keep
        )

    async def assign(self, decided: Decided, uscc: str) -> Item:
        """The row is this subject's; nobody's, where the code is empty: then it goes on being counted among those of nobody.

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
            verdicts = await store.verdicts([item.where])

        def ruling(row: RawRow) -> Ruling:
            identity = self._follower.identity(row, verdicts)
            if identity is None:
                raise _does_not_fit(_WHOSE_UNREADABLE, "decision")
            return Ruling(identity_digest(identity), uscc)

        async def keep(store: DeskStore, row: RawRow) -> None:
            await store.rule(item, ruling(row))
            await self._step(store, decided, Action.ASSIGNED, detail=uscc or _NOBODY)

        return await self._decide(
            item, decided, decides=lambda row: Verdicts(rulings={item.where: ruling(row)}), keep=keep
        )

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
            with _silent():
                await self._platform.confirm_withdrawn(item.where)
                now = await self._follower.fetch([item.where])
            if now.rows.get(item.where) is not None:
                await self._rerun([item])
                raise _does_not_fit(_ROW_THERE, "number")
        action = Action.WITHDRAWN if withdrawn else Action.STILL_IN_FORCE
        # Still in force and still missing: the question stays, for the department that has to supply the row again.
        state = CLOSED if withdrawn else RETURNED

        async def keep() -> Item:
            async with self._ledger.write() as transaction:
                if not withdrawn:
                    await self._open_item(transaction.desk, decided, frozenset({_MISSING}))
                now = await _existing(transaction.desk, item.number)
                # What the platform was told already is kept, whatever became of the item meanwhile.
                told = dataclasses.replace(decided, version=now.version)
                await self._step(transaction.desk, told, action, state=state)
                if withdrawn:
                    await self._follower.withdraw(transaction.desk, item.where, self._clock())
                return await _existing(transaction.desk, item.number)

        return await _again(keep)

    async def decide_held(self, decided: Decided, *, good: bool) -> Item:
        """A delivery that is held is taken in as it is, or refused.

        Raises:
            HurenError: ITEM_NOT_FOUND, ITEM_CHANGED, DECISION_DOES_NOT_FIT, PLATFORM_SILENT.
        """
        async with self._ledger.read() as store:
            item = await self._open_item(store, decided, frozenset({_HELD}))
        with _silent():
            held = {(one.form, one.file): one for one in await self._platform.held()}
            if item.where not in held:
                raise _does_not_fit(_NOT_HELD, "number")
            await self._platform.decide_held(held[item.where], good=good)

        async def keep() -> Item:
            async with self._ledger.write() as transaction:
                now = await _existing(transaction.desk, item.number)
                # What the platform was told already is kept, whatever became of the item meanwhile.
                told = dataclasses.replace(decided, version=now.version)
                await self._step(transaction.desk, told, Action.ACCEPTED if good else Action.REFUSED, state=CLOSED)
                return await _existing(transaction.desk, item.number)

        return await _again(keep)

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
        while page := await self.items_after(ItemFilter(kinds=_RERUN), last):
            done = await self._rerun(page)
            looked_at, closed, last = looked_at + done[0], closed + done[1], page[-1].number
        return looked_at, closed

    # --- Below ---------------------------------------------------------------------------------------------------------------

    async def _rerun(self, items: Sequence[Item]) -> tuple[int, int]:
        rows = [item.where for item in items if item.kind in _RERUN]
        with _silent():
            return len(rows), await _again(lambda: self._follower.look_again(rows))

    async def _decide(
        self,
        item: Item,
        decided: Decided,
        *,
        decides: Callable[[RawRow], Verdicts],
        keep: Callable[[DeskStore, RawRow], Awaitable[None]],
    ) -> Item:
        """Keeps a decision about the row that the officer saw, together with what the row says by it."""

        async def work() -> Item:
            with _silent():
                now = await self._follower.fetch([item.where])
                row = now.rows.get(item.where)
                if row is None or row_digest(row) != item.row_digest:
                    await self._follower.look_again([item.where])
                    raise _does_not_fit(_ROW_GONE, "number") if row is None else _changed()
                evaluated = await self._follower.read([row], anew=True, decided=decides(row), seen=now.seen)
            async with self._ledger.write() as transaction:
                await self._open_item(transaction.desk, decided, _ROWS)
                await keep(transaction.desk, row)
                await self._follower.keep(transaction.desk, evaluated, self._clock())
                await transaction.desk.note_outcome(item.number, decided.basis)
                return await _existing(transaction.desk, item.number)

        return await _again(work)

    async def _open_item(self, store: DeskStore, decided: Decided, kinds: frozenset[int]) -> Item:
        item = await _existing(store, decided.number)
        if item.version != decided.version:
            raise _changed()
        if item.state == CLOSED:
            raise _does_not_fit(_CLOSED, "number")
        if item.kind not in kinds:
            raise _does_not_fit(_WRONG_KIND, "decision")
        return item

    async def _step(
        self, store: DeskStore, decided: Decided, action: Action, *, state: int | None = None, detail: str = ""
    ) -> None:
        try:
            await store.step(
                decided.number,
                decided.version,
                action,
                self._clock(),
                state=state,
                note=decided.basis,
                detail=detail,
                officer=decided.officer,
            )
        except LedgerConflictError as error:
            raise _changed() from error


@contextmanager
def _silent() -> Iterator[None]:
    try:
        yield
    except (SourceError, RegistryUnavailableError) as error:
        raise HurenError(ErrorCode.PLATFORM_SILENT) from error


async def _again(work: Callable[[], Awaitable[_T]]) -> _T:
    """Does the work, again where another transaction got in its way."""
    for _ in range(_ATTEMPTS):
        with suppress(LedgerConflictError):
            return await work()
    raise HurenError(ErrorCode.STORE_UNAVAILABLE)


async def _existing(store: DeskStore, number: int) -> Item:
    item = await store.item(number)
    if item is None:
        raise HurenError(ErrorCode.ITEM_NOT_FOUND, field="number", number=number)
    return item


def _changed() -> HurenError:
    return HurenError(ErrorCode.ITEM_CHANGED, field="version")


def _told(values: Mapping[str, str | None]) -> str:
    """Columns with their values, as the history shows them."""
    return json.dumps(dict(values), ensure_ascii=False)


def _does_not_fit(problem: Words, field: str) -> HurenError:
    return HurenError(ErrorCode.DECISION_DOES_NOT_FIT, field=field, problem_zh=problem.zh, problem_en=problem.en)
